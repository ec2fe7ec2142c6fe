/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_plat_test.c - the test world itself: what it refuses, counts, and fails on demand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plat_test.h"

static void scattered_pages_are_never_contiguous_and_flat_ones_are(void **state)
{
	(void)state;
	for (unsigned flat = 0; flat < 2; flat++) {
		struct plat pl;
		plat_test_init(&pl, 4, flat);
		uint32_t len = 3 * 4096;
		assert_non_null(plat_map(&pl, (gpa_t){100}, &len, PLAT_WRITE));
		assert_int_equal(len, flat ? 3 * 4096 : 4096 - 100);
		len = 8192;
		assert_non_null(plat_map(&pl, (gpa_t){3 * 4096}, &len, PLAT_WRITE));
		assert_int_equal(len, 4096);
		len = 1;
		assert_null(plat_map(&pl, (gpa_t){4 * 4096}, &len, PLAT_WRITE));
		assert_int_equal(len, 0);
		plat_test_protect(&pl, 2, PLAT_READ);
		len = 1;
		assert_null(plat_map(&pl, (gpa_t){2 * 4096}, &len, PLAT_WRITE));
		len = 1;
		assert_non_null(plat_map(&pl, (gpa_t){2 * 4096}, &len, PLAT_READ));
		plat_test_fini(&pl);
	}
}

static void write_beyond_a_page_is_seen(void **state)
{
	(void)state;
	struct plat pl;
	plat_test_init(&pl, 2, false);
	assert_true(plat_test_intact(&pl));
	uint8_t *beyond = pl.page[1].bytes + PAGE_BYTES, was = *beyond;
	*beyond = 0;
	assert_false(plat_test_intact(&pl));
	*beyond = was;
	plat_test_fini(&pl);
}

static void nth_map_and_nth_dma_map_fail(void **state)
{
	(void)state;
	struct plat pl;
	struct plat_port port;
	struct plat_seg seg[4];
	plat_test_init(&pl, 2, false);
	plat_test_port_init(&port, 0, 4, 16);
	pl.fail_map = 2;
	pl.fail_dma = 3;
	for (unsigned i = 1; i <= 4; i++) {
		uint32_t len = 8;
		unsigned n = 0;
		assert_int_equal(plat_map(&pl, (gpa_t){0}, &len, PLAT_READ) != NULL, i != 2);
		bool ok = plat_dma_map(&pl, &port, (gpa_t){4000}, 200, PLAT_TO_DEVICE, seg, 4, &n);
		assert_int_equal(ok, i != 3);
		assert_int_equal(n, ok ? 2 : 0);
		plat_dma_unmap(&pl, &port, seg, n);
	}
	unsigned n = 0; /* no room for the second piece: nothing stays mapped */
	assert_false(plat_dma_map(&pl, &port, (gpa_t){4000}, 200, PLAT_TO_DEVICE, seg, 1, &n));
	assert_int_equal(n, 0);
	assert_int_equal(pl.dma_maps, 0);
	plat_test_port_fini(&port);
	plat_test_fini(&pl);
}

static void device_reaches_mapped_pages_in_the_mapped_direction_only(void **state)
{
	(void)state;
	struct plat pl;
	struct plat_port port;
	struct ledger led = {0};
	struct plat_seg seg[4];
	struct plat_rx rx[4];
	uint8_t bytes[200], got[200];
	uint64_t cookie;
	plat_test_init(&pl, 2, false);
	plat_test_port_init(&port, PLAT_CAP_GATHER, 4, 16);
	memset(bytes, 0x3c, sizeof(bytes));
	struct frame *f = plat_test_frame(&pl, &led, 200);
	assert_false(plat_test_receive(&pl, &port, f, bytes, 200));
	unsigned n = 0;
	assert_true(plat_dma_map(&pl, &port, (gpa_t){4000}, 200, PLAT_FROM_DEVICE, seg, 4, &n));
	plat_dev_post_rx(&pl, &port, 77, seg, n);
	assert_false(plat_test_receive(&pl, &port, f, bytes, 200));
	plat_dev_flush_rx(&pl, &port);
	assert_true(plat_test_receive(&pl, &port, f, bytes, 200));
	assert_int_equal(plat_dev_reap_rx(&pl, &port, rx, 4), 1);
	assert_true(rx[0].last && rx[0].len == 200 && rx[0].cookie == 77 && rx[0].frame == f);
	plat_test_read(&pl, 4000, got, 200);
	assert_memory_equal(got, bytes, 200);
	assert_int_equal(port.dma_faults, 0);
	/* it was mapped to be written: sending from there is a fault, of each piece */
	plat_dev_send(&pl, &port, 5, f, seg, n);
	plat_dev_flush_tx(&pl, &port);
	assert_int_equal(port.dma_faults, 2);
	assert_int_equal(plat_test_sent(&port, 0)->len, 200);
	assert_int_equal(plat_dev_reap_tx(&pl, &port, &cookie, 1), 1);
	assert_int_equal(cookie, 5);
	plat_dma_unmap(&pl, &port, seg, n);
	plat_dev_post_rx(&pl, &port, 78, seg, n);
	plat_dev_flush_rx(&pl, &port);
	f = plat_test_frame(&pl, &led, 200);
	assert_true(plat_test_receive(&pl, &port, f, bytes, 200));
	assert_int_equal(port.dma_faults, 4);
	assert_int_equal(plat_dev_reap_rx(&pl, &port, rx, 4), 1);
	plat_drop(&pl, f, DROP_SOCKET_FULL);
	assert_int_equal(led.offered, led.delivered + led.drops[DROP_SOCKET_FULL]);
	plat_test_port_fini(&port);
	plat_test_fini(&pl);
}

static void held_sends_complete_when_the_test_says_so(void **state)
{
	(void)state;
	struct plat pl;
	struct plat_port port;
	struct ledger led = {0};
	uint8_t bytes[64] = {1, 2, 3};
	uint64_t cookie[2];
	struct plat_seg seg[2] = {{(uintptr_t)bytes, 3}, {(uintptr_t)bytes, 2}};
	plat_test_init(&pl, 1, true);
	plat_test_port_init(&port, PLAT_CAP_GATHER, 2, 16);
	port.hold_tx = true;
	for (unsigned i = 0; i < 2; i++)
		plat_dev_send(&pl, &port, i, plat_test_frame(&pl, &led, 5), seg, 2);
	assert_int_equal(plat_dev_tx_room(&pl, &port), 12);
	plat_dev_flush_tx(&pl, &port);
	assert_int_equal(led.delivered, 2);
	assert_memory_equal(plat_test_sent(&port, 1)->bytes, "\1\2\3\1\2", 5);
	assert_int_equal(plat_dev_reap_tx(&pl, &port, cookie, 2), 0);
	plat_test_complete(&port, 1);
	assert_true(plat_dev_tx_irq(&pl, &port, true));
	assert_int_equal(plat_dev_reap_tx(&pl, &port, cookie, 2), 1);
	assert_int_equal(plat_dev_tx_room(&pl, &port), 14);
	plat_test_port_fini(&port);
	plat_test_fini(&pl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scattered_pages_are_never_contiguous_and_flat_ones_are),
		cmocka_unit_test(write_beyond_a_page_is_seen),
		cmocka_unit_test(nth_map_and_nth_dma_map_fail),
		cmocka_unit_test(device_reaches_mapped_pages_in_the_mapped_direction_only),
		cmocka_unit_test(held_sends_complete_when_the_test_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
