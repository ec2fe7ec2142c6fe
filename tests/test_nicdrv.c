/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_nicdrv.c - the NIC's driver against a device played by hand.
 *
 * The device reads descriptors as posted and writes status over them; it knows of the driver only
 * what lies in the rings and registers. Rings of 512 descriptors lie over two pages that are apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nicdrv.h"
#include "plat.h"
#include "test_virtq_mock.h"

enum { MAX_SIZE = 512, MAX_SEGS = 8 };

struct side {
	_Alignas(16) uint8_t page[2][PAGE_BYTES];
	uint8_t *pages[2];
	struct frame *tag[MAX_SIZE];
	struct nicdrv_slot slot[MAX_SIZE];
	struct nic_ring ring;
	uint32_t head; /* the device's */
	struct plat_line bell;
};

struct rig {
	struct plat pl;
	struct nic_regs regs;
	struct nicdrv drv;
	struct side rx, tx;
};

static void side_init(struct side *s, uint32_t size)
{
	s->pages[0] = s->page[1]; /* not in order */
	s->pages[1] = s->page[0];
	s->ring = (struct nic_ring){.size = size, .page = s->pages, .tag = s->tag};
}

static struct rig *rig_new(uint32_t size)
{
	struct rig *r = aligned_alloc(16, (sizeof(*r) + 15) & ~(size_t)15);

	assert_non_null(r);
	memset(r, 0, sizeof(*r));
	plat_test_init(&r->pl, 1, true);
	side_init(&r->rx, size);
	side_init(&r->tx, size);
	nicdrv_init(&r->drv, &r->rx.ring, r->rx.slot, &r->tx.ring, r->tx.slot, &r->regs);
	r->drv.rx.bell = &r->rx.bell;
	r->drv.tx.bell = &r->tx.bell;
	return r;
}

static void rig_free(struct rig *r)
{
	plat_test_fini(&r->pl);
	free(r);
}

/* Frames are only passed on: any pointer will do. */
static struct frame *tag(uint64_t n)
{
	return (struct frame *)(uintptr_t)(0x1000 + 16 * n);
}

static unsigned some_segs(uint64_t *random, struct plat_seg *seg, unsigned max)
{
	unsigned n = 1 + mock_below(random, max < MAX_SEGS ? max : MAX_SEGS);

	for (unsigned i = 0; i < n; i++)
		seg[i] = (struct plat_seg){mock_random(random), 1 + mock_below(random, 4096)};
	return n;
}

/* ---- the device --------------------------------------------------------------------------------
 */

/* Fills the next posted buffer, checked against seg[]; `skip` error in descriptor i. */
static void device_fill(struct rig *r, const struct plat_seg *seg, unsigned n, struct frame *f,
			int error_at)
{
	for (unsigned i = 0; i < n; i++, r->rx.head++) {
		struct nic_rx_read *d = nic_ring_desc(&r->rx.ring, r->rx.head);
		struct nic_rx_done done = {
			.filter = 7, .status = NIC_RX_DD, .len = (uint16_t)(seg[i].len / 2 + i)};

		assert_true(r->rx.head != r->regs.rx_tail);
		assert_int_equal(d->addr, seg[i].dma);
		assert_int_equal(d->len, seg[i].len);
		assert_int_equal(d->flags & NIC_RX_DD, 0);
		assert_int_equal((d->flags & NIC_RX_MORE) != 0, i + 1 < n);
		if (i + 1 == n)
			done.status |= NIC_RX_EOP;
		if ((int)i == error_at)
			done.status |= NIC_RX_ERROR;
		*nic_ring_tag(&r->rx.ring, r->rx.head) = f;
		memcpy(d, &done, sizeof(done));
	}
}

static uint32_t filled(const struct plat_seg *seg, unsigned n)
{
	uint32_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += seg[i].len / 2 + i;
	return len;
}

/* Sends the next frame: reads its descriptors, marks the last one done. */
static struct frame *device_send(struct rig *r, const struct plat_seg *seg, unsigned n)
{
	struct frame *f = *nic_ring_tag(&r->tx.ring, r->tx.head);

	for (unsigned i = 0; i < n; i++, r->tx.head++) {
		struct nic_tx_desc *d = nic_ring_desc(&r->tx.ring, r->tx.head);
		bool last = i + 1 == n;

		assert_true(r->tx.head != r->regs.tx_tail);
		assert_int_equal(d->addr, seg[i].dma);
		assert_int_equal(NIC_TX_LEN(d->cmd_type_len), seg[i].len);
		assert_int_equal((d->cmd_type_len & NIC_TX_EOP) != 0, last);
		assert_int_equal((d->cmd_type_len & NIC_TX_RS) != 0, last);
		assert_int_equal(d->olinfo_status, 0);
		if (last)
			d->olinfo_status = NIC_TX_DD;
	}
	return f;
}

/* ---- tests ---- */

/* What was posted and not reaped, oldest first: the stupid list. */
struct posted {
	struct plat_seg seg[MAX_SEGS];
	unsigned n;
	uint64_t cookie;
};

static void receive_laps(uint32_t size, uint64_t seed)
{
	struct rig *r = rig_new(size);
	struct posted *list = calloc(MAX_SIZE, sizeof(*list));
	uint64_t put = 0, fill = 0, got = 0, descs = 0, random = seed;

	r->rx.head = r->drv.rx.tail = r->drv.rx.reaped = r->regs.rx_tail = UINT32_MAX - size;
	while (descs < 10 * (uint64_t)size + 100) {
		struct plat_rx rx[5];
		unsigned n, room;

		while ((room = nicdrv_room(&r->drv.rx)) && mock_below(&random, 8)) {
			struct posted *p = &list[put % MAX_SIZE];
			p->n = some_segs(&random, p->seg, room);
			p->cookie = mock_random(&random);
			nicdrv_post_rx(&r->drv, &r->pl, p->cookie, p->seg, p->n);
			assert_int_equal(nicdrv_room(&r->drv.rx), room - p->n);
			descs += p->n;
			put++;
		}
		nicdrv_flush_rx(&r->drv, &r->pl);
		assert_int_equal(r->regs.rx_tail, r->drv.rx.tail);
		for (; fill < put && mock_below(&random, 8); fill++)
			device_fill(r, list[fill % MAX_SIZE].seg, list[fill % MAX_SIZE].n,
				    tag(fill), -1);
		n = nicdrv_reap_rx(&r->drv, &r->pl, rx, 5);
		assert_int_equal(n, fill - got < 5 ? fill - got : 5);
		for (unsigned i = 0; i < n; i++, got++) {
			const struct posted *p = &list[got % MAX_SIZE];
			assert_int_equal(rx[i].cookie, p->cookie);
			assert_ptr_equal(rx[i].frame, tag(got));
			assert_int_equal(rx[i].len, filled(p->seg, p->n));
			assert_int_equal(rx[i].mark, 7);
			assert_true(rx[i].last);
		}
	}
	assert_true(r->drv.rx.reaped < 20 * size + 200); /* positions passed 2^32 */
	free(list);
	rig_free(r);
}

static void send_laps(uint32_t size, uint64_t seed)
{
	struct rig *r = rig_new(size);
	struct posted *list = calloc(MAX_SIZE, sizeof(*list));
	uint64_t put = 0, sent = 0, got = 0, descs = 0, random = seed;

	while (descs < 10 * (uint64_t)size + 100) {
		uint64_t cookie[5];
		unsigned n, room;

		while ((room = nicdrv_room(&r->drv.tx)) && mock_below(&random, 8)) {
			struct posted *p = &list[put % MAX_SIZE];
			p->n = some_segs(&random, p->seg, room);
			p->cookie = mock_random(&random);
			nicdrv_send(&r->drv, &r->pl, p->cookie, tag(put), p->seg, p->n);
			descs += p->n;
			put++;
		}
		nicdrv_flush_tx(&r->drv, &r->pl);
		assert_int_equal(r->regs.tx_tail, r->drv.tx.tail);
		for (; sent < put && mock_below(&random, 8); sent++)
			assert_ptr_equal(
				device_send(r, list[sent % MAX_SIZE].seg, list[sent % MAX_SIZE].n),
				tag(sent));
		n = nicdrv_reap_tx(&r->drv, &r->pl, cookie, 5);
		assert_int_equal(n, sent - got < 5 ? sent - got : 5);
		for (unsigned i = 0; i < n; i++, got++)
			assert_int_equal(cookie[i], list[got % MAX_SIZE].cookie);
	}
	free(list);
	rig_free(r);
}

static void rings_of_every_size_run_for_ten_laps(void **state)
{
	uint64_t seed = mock_seed(81);

	(void)state;
	for (uint32_t size = 1; size <= MAX_SIZE; size *= 2) {
		receive_laps(size, seed);
		send_laps(size, seed);
	}
}

static void nothing_is_seen_before_the_flush_and_an_idle_flush_is_silent(void **state)
{
	struct rig *r = rig_new(8);
	struct plat_seg seg = {64, 64};

	(void)state;
	nicdrv_flush_rx(&r->drv, &r->pl);
	nicdrv_flush_tx(&r->drv, &r->pl);
	assert_int_equal(r->rx.bell.kicks + r->tx.bell.kicks, 0);
	for (unsigned i = 0; i < 3; i++) {
		nicdrv_post_rx(&r->drv, &r->pl, i, &seg, 1);
		nicdrv_send(&r->drv, &r->pl, i, tag(i), &seg, 1);
	}
	assert_int_equal(r->regs.rx_tail + r->regs.tx_tail, 0);
	nicdrv_flush_rx(&r->drv, &r->pl);
	nicdrv_flush_tx(&r->drv, &r->pl);
	nicdrv_flush_rx(&r->drv, &r->pl);
	nicdrv_flush_tx(&r->drv, &r->pl);
	assert_int_equal(r->rx.bell.kicks, 1);
	assert_int_equal(r->rx.bell.value, 3);
	assert_int_equal(r->tx.bell.kicks, 1);
	assert_int_equal(r->tx.bell.value, 3);
	assert_int_equal(r->pl.work[PLAT_W_DOORBELL], 2);
	rig_free(r);
}

static void buffer_with_an_error_in_any_descriptor_carries_no_frame(void **state)
{
	struct rig *r = rig_new(16);
	struct plat_seg seg[3] = {{100, 10}, {200, 20}, {300, 30}};
	struct plat_rx rx[4];

	(void)state;
	for (int bad = -1; bad < 3; bad++) {
		nicdrv_post_rx(&r->drv, &r->pl, 40 + (uint64_t)bad, seg, 3);
		nicdrv_flush_rx(&r->drv, &r->pl);
		device_fill(r, seg, 3, tag(5), bad);
	}
	assert_int_equal(nicdrv_reap_rx(&r->drv, &r->pl, rx, 4), 4);
	for (int bad = -1; bad < 3; bad++) {
		assert_int_equal(rx[bad + 1].cookie, 40 + bad);
		assert_ptr_equal(rx[bad + 1].frame, bad < 0 ? tag(5) : NULL);
	}
	assert_int_equal(nicdrv_room(&r->drv.rx), 16);
	rig_free(r);
}

static void frame_over_two_buffers_ends_in_the_second(void **state)
{
	struct rig *r = rig_new(8);
	struct plat_seg seg = {100, 50};
	struct plat_rx rx[4];
	struct nic_rx_done *first;

	(void)state;
	nicdrv_post_rx(&r->drv, &r->pl, 1, &seg, 1);
	nicdrv_post_rx(&r->drv, &r->pl, 2, &seg, 1);
	nicdrv_flush_rx(&r->drv, &r->pl);
	device_fill(r, &seg, 1, tag(3), -1);
	device_fill(r, &seg, 1, tag(3), -1);
	first = nic_ring_desc(&r->rx.ring, 0);
	first->status = NIC_RX_DD; /* goes on */
	assert_int_equal(nicdrv_reap_rx(&r->drv, &r->pl, rx, 4), 2);
	assert_false(rx[0].last);
	assert_true(rx[1].last);
	assert_ptr_equal(rx[0].frame, rx[1].frame);
	rig_free(r);
}

/* A stale status of the last lap must not pass for news. */
static void enabling_interrupts_looks_again(void **state)
{
	struct rig *r = rig_new(4);
	struct plat_seg seg[2] = {{100, 50}, {200, 60}};
	struct plat_rx rx[4];
	uint64_t cookie[4];

	(void)state;
	for (unsigned lap = 0; lap < 9; lap++) {
		assert_false(nicdrv_rx_irq(&r->drv, &r->pl, true)); /* nothing posted */
		assert_false(nicdrv_tx_irq(&r->drv, &r->pl, true));
		nicdrv_post_rx(&r->drv, &r->pl, 1, seg, 2);
		nicdrv_send(&r->drv, &r->pl, 1, tag(1), seg, 2);
		nicdrv_flush_rx(&r->drv, &r->pl);
		nicdrv_flush_tx(&r->drv, &r->pl);
		assert_false(nicdrv_rx_irq(&r->drv, &r->pl, true)); /* posted, not done */
		assert_false(nicdrv_tx_irq(&r->drv, &r->pl, true));
		assert_true(r->regs.rx_irq && r->regs.tx_irq);
		device_fill(r, seg, 2, tag(1), -1);
		device_send(r, seg, 2);
		assert_true(nicdrv_rx_irq(&r->drv, &r->pl, true));
		assert_true(nicdrv_tx_irq(&r->drv, &r->pl, true));
		assert_false(nicdrv_rx_irq(&r->drv, &r->pl, false)); /* nobody asked */
		assert_false(nicdrv_tx_irq(&r->drv, &r->pl, false));
		assert_false(r->regs.rx_irq || r->regs.tx_irq);
		assert_int_equal(nicdrv_reap_rx(&r->drv, &r->pl, rx, 4), 1);
		assert_int_equal(nicdrv_reap_tx(&r->drv, &r->pl, cookie, 4), 1);
	}
	assert_int_equal(r->pl.ops[PLAT_TEST_FENCE], 9 * 8);
	rig_free(r);
}

static void the_two_halves_share_nothing(void **state)
{
	struct rig *r = rig_new(4);
	struct plat_seg seg = {100, 50};

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		nicdrv_post_rx(&r->drv, &r->pl, i, &seg, 1);
	assert_int_equal(nicdrv_room(&r->drv.rx), 0);
	assert_int_equal(nicdrv_room(&r->drv.tx), 4);
	nicdrv_send(&r->drv, &r->pl, 1, tag(1), &seg, 1);
	nicdrv_flush_tx(&r->drv, &r->pl);
	assert_int_equal(r->regs.rx_tail, 0);
	nicdrv_tx_irq(&r->drv, &r->pl, true);
	assert_false(r->regs.rx_irq);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_of_every_size_run_for_ten_laps),
		cmocka_unit_test(nothing_is_seen_before_the_flush_and_an_idle_flush_is_silent),
		cmocka_unit_test(buffer_with_an_error_in_any_descriptor_carries_no_frame),
		cmocka_unit_test(frame_over_two_buffers_ends_in_the_second),
		cmocka_unit_test(enabling_interrupts_looks_again),
		cmocka_unit_test(the_two_halves_share_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
