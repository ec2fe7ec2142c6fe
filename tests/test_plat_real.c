/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_plat_real.c - the real world's device over a pair of packet sockets, its frames and
 * doorbells.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "plat_real.h"

#define RING 16u

struct world {
	struct plat pl;
	struct plat_pool pool;
	struct plat_port port;
	struct ledger led;
	int far; /* the other end of the port's descriptor */
	uint8_t mem[8192];
};

static void start(struct world *w, unsigned max_frame)
{
	int fd[2];
	memset(w, 0, sizeof(*w));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	assert_true(plat_real_init(&w->pl, 10000));
	assert_true(plat_pool_init(&w->pool, 8));
	struct plat_port_cfg cfg = {.rx_fd = fd[0],
				    .tx_fd = fd[0],
				    .ring = RING,
				    .max_frame = max_frame,
				    .pool = &w->pool,
				    .led = &w->led};
	assert_true(plat_port_init(&w->port, &cfg));
	w->far = fd[1];
}

/* Also the balance of the books: every frame that was offered met its fate. */
static void finish(struct world *w)
{
	assert_int_equal(plat_pool_collect(&w->pool), 0);
	uint64_t dropped = 0;
	for (unsigned r = 0; r < DROP_N; r++)
		dropped += w->led.drops[r];
	assert_int_equal(w->led.offered, w->led.delivered + dropped);
	close(w->port.rx_fd);
	close(w->far);
	plat_port_fini(&w->port);
	plat_pool_fini(&w->pool);
	plat_real_fini(&w->pl);
}

static void post(struct world *w, uint64_t cookie, uint32_t at, uint32_t len)
{
	struct plat_seg seg = {(uintptr_t)&w->mem[at], len};
	plat_dev_post_rx(&w->pl, &w->port, cookie, &seg, 1);
}

static void arrive(struct world *w, uint32_t len)
{
	uint8_t bytes[4096];
	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 7 + len);
	assert_int_equal(write(w->far, bytes, len), len);
}

static void map_ends_where_memory_ends(void **state)
{
	(void)state;
	struct world w;
	start(&w, 1514);
	assert_int_equal(w.pl.bytes, 12288);
	uint32_t len = 5000;
	assert_ptr_equal(plat_map(&w.pl, (gpa_t){10000}, &len, PLAT_WRITE), w.pl.mem + 10000);
	assert_int_equal(len, 2288);
	len = 1;
	assert_null(plat_map(&w.pl, (gpa_t){12288}, &len, PLAT_READ));
	assert_int_equal(len, 0);
	len = 1;
	assert_null(plat_map(&w.pl, (gpa_t){UINT64_MAX}, &len, PLAT_READ));
	struct plat_seg seg[1];
	unsigned n = 0;
	assert_false(plat_dma_map(&w.pl, &w.port, (gpa_t){12000}, 289, PLAT_TO_DEVICE, seg, 1, &n));
	assert_int_equal(n, 0);
	assert_true(plat_dma_map(&w.pl, &w.port, (gpa_t){12000}, 288, PLAT_TO_DEVICE, seg, 1, &n));
	assert_int_equal(seg[0].dma, (uintptr_t)(w.pl.mem + 12000));
	assert_false(plat_dma_map(&w.pl, &w.port, (gpa_t){0}, 1, PLAT_TO_DEVICE, seg, 1, &n));
	finish(&w);
}

static void frame_is_read_into_as_many_posted_buffers_as_it_needs(void **state)
{
	(void)state;
	struct world w;
	struct plat_rx rx[8];
	start(&w, 1500);
	arrive(&w, 1200);
	arrive(&w, 60);
	assert_int_equal(plat_dev_reap_rx(&w.pl, &w.port, rx, 8), 0);
	for (unsigned i = 0; i < 5; i++)
		post(&w, 100 + i, i * 1000, 500);
	assert_false(plat_dev_rx_irq(&w.pl, &w.port, true));
	plat_dev_flush_rx(&w.pl, &w.port);
	assert_true(plat_dev_rx_irq(&w.pl, &w.port, true));
	assert_int_equal(plat_dev_rx_room(&w.pl, &w.port), RING - 5);
	/* with two buffers left the second frame might not fit: three may be asked for */
	assert_int_equal(plat_dev_reap_rx(&w.pl, &w.port, rx, 4), 3);
	assert_int_equal(plat_dev_reap_rx(&w.pl, &w.port, rx + 3, 5), 1);
	assert_int_equal(rx[0].cookie, 100);
	assert_int_equal(rx[1].len, 500);
	assert_int_equal(rx[2].len, 200);
	assert_ptr_equal(rx[0].frame, rx[2].frame);
	assert_true(!rx[0].last && !rx[1].last && rx[2].last && rx[3].last);
	assert_int_equal(rx[3].len, 60);
	for (uint32_t i = 0; i < 1200; i++)
		assert_int_equal(w.mem[i / 500 * 1000 + i % 500], (uint8_t)(i * 7 + 1200));
	assert_int_equal(rx[0].frame->len, 1200);
	plat_deliver(&w.pl, rx[0].frame);
	plat_drop(&w.pl, rx[3].frame, DROP_SOCKET_FULL);
	assert_int_equal(plat_pool_collect(&w.pool), 0);
	assert_int_equal(w.led.delivered_bytes, 1200);
	assert_int_equal(w.led.drop_bytes[DROP_SOCKET_FULL], 60);
	assert_int_equal(plat_dev_rx_room(&w.pl, &w.port), RING - 1);
	finish(&w);
}

static void frame_that_does_not_fit_is_dropped_and_its_buffers_stay(void **state)
{
	(void)state;
	struct world w;
	struct plat_rx rx[8];
	start(&w, 1000);
	post(&w, 1, 0, 600);
	plat_dev_flush_rx(&w.pl, &w.port);
	arrive(&w, 601);
	arrive(&w, 600);
	assert_int_equal(plat_dev_reap_rx(&w.pl, &w.port, rx, 8), 1);
	assert_int_equal(rx[0].len, 600);
	plat_deliver(&w.pl, rx[0].frame);
	post(&w, 2, 0, 1000);
	plat_dev_flush_rx(&w.pl, &w.port);
	arrive(&w, 1001);
	assert_int_equal(plat_dev_reap_rx(&w.pl, &w.port, rx, 8), 0);
	plat_pool_collect(&w.pool);
	assert_int_equal(w.led.drops[DROP_NO_DESCRIPTOR], 1);
	assert_int_equal(w.led.drops[DROP_OVERSIZE], 1);
	assert_int_equal(plat_dev_rx_room(&w.pl, &w.port), RING - 1);
	finish(&w);
}

static void receive_ring_wraps_and_the_pool_limits_what_is_under_way(void **state)
{
	(void)state;
	struct world w;
	struct plat_rx rx[16];
	start(&w, 64);
	for (unsigned lap = 0; lap < 100; lap++) {
		for (unsigned i = 0; i < 10; i++) {
			post(&w, lap * 10 + i, i * 64, 64);
			arrive(&w, 60);
		}
		plat_dev_flush_rx(&w.pl, &w.port);
		assert_int_equal(plat_dev_reap_rx(&w.pl, &w.port, rx, 16), 8);
		for (unsigned i = 0; i < 8; i++)
			plat_deliver(&w.pl, rx[i].frame);
		assert_int_equal(plat_dev_reap_rx(&w.pl, &w.port, rx + 8, 16), 2);
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(rx[i].cookie, lap * 10 + i);
		plat_deliver(&w.pl, rx[8].frame);
		plat_deliver(&w.pl, rx[9].frame);
	}
	plat_pool_collect(&w.pool);
	assert_int_equal(w.led.delivered, 1000);
	finish(&w);
}

static void send_gathers_segments_and_waits_while_the_descriptor_is_full(void **state)
{
	(void)state;
	struct world w;
	uint64_t cookie[64];
	uint8_t got[4096];
	start(&w, 1514);
	for (uint32_t i = 0; i < sizeof(w.mem); i++)
		w.mem[i] = (uint8_t)(i * 11);
	struct plat_seg seg[3] = {{(uintptr_t)&w.mem[5], 1000},
				  {(uintptr_t)&w.mem[2000], 7},
				  {(uintptr_t)&w.mem[3000], 900}};
	unsigned sent = 0, done = 0, received = 0;
	while (received < 2000) {
		while (sent < 2000 && plat_dev_tx_room(&w.pl, &w.port) >= 3) {
			struct frame *f = plat_pool_get(&w.pool, &w.led, 1907, plat_now(&w.pl));
			if (!f)
				break;
			plat_dev_send(&w.pl, &w.port, sent++, f, seg, 3);
		}
		plat_dev_flush_tx(&w.pl, &w.port);
		unsigned n = plat_dev_reap_tx(&w.pl, &w.port, cookie, 64);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(cookie[i], done++);
		if (n > 0)
			continue;
		assert_int_equal(read(w.far, got, sizeof(got)), 1907);
		assert_memory_equal(got, &w.mem[5], 1000);
		assert_memory_equal(got + 1000, &w.mem[2000], 7);
		assert_memory_equal(got + 1007, &w.mem[3000], 900);
		received++;
	}
	assert_int_equal(done, 2000);
	assert_true(w.port.stats.tx_blocked > 0);
	plat_pool_collect(&w.pool);
	assert_int_equal(w.led.delivered, 2000);
	assert_int_equal(plat_dev_tx_room(&w.pl, &w.port), RING);
	finish(&w);
}

static void frame_that_the_descriptor_refuses_is_dropped(void **state)
{
	(void)state;
	struct world w;
	uint64_t cookie;
	start(&w, 1514);
	shutdown(w.port.tx_fd, SHUT_WR);
	struct plat_seg seg = {(uintptr_t)w.mem, 64};
	struct frame *f = plat_pool_get(&w.pool, &w.led, 64, plat_now(&w.pl));
	plat_dev_send(&w.pl, &w.port, 3, f, &seg, 1);
	plat_dev_flush_tx(&w.pl, &w.port);
	assert_true(plat_dev_tx_irq(&w.pl, &w.port, true));
	assert_int_equal(plat_dev_reap_tx(&w.pl, &w.port, &cookie, 1), 1);
	assert_int_equal(cookie, 3 | PLAT_TX_FAILED);
	assert_int_equal(w.port.stats.tx_errors, 1);
	plat_pool_collect(&w.pool);
	assert_int_equal(w.led.drops[DROP_SEND_FULL], 1);
	finish(&w);
}

static void doorbell_keeps_kicks_until_they_are_cleared(void **state)
{
	(void)state;
	struct plat_line line;
	assert_true(plat_line_init(&line));
	assert_false(plat_line_wait(&line, 0));
	plat_kick(NULL, &line, 1);
	plat_kick(NULL, &line, 2);
	assert_true(plat_line_wait(&line, 0));
	assert_false(plat_line_clear(&line));
	assert_int_equal(line.kicks, 2);
	plat_line_fini(&line);
}

static void alarm_goes_off_once_at_its_time_unless_disarmed(void **state)
{
	(void)state;
	struct plat_line line;
	plat_time at = plat_now(NULL) + 3000000001u;
	assert_true(plat_line_init_alarm(&line));
	assert_false(plat_line_wait(&line, 0));
	plat_arm(NULL, &line, at);
	assert_true(plat_line_wait(&line, 5000));
	assert_true(plat_now(NULL) >= at);
	assert_false(plat_line_wait(&line, 0));
	plat_arm(NULL, &line, 0); /* long past */
	assert_true(plat_line_wait(&line, 5000));
	plat_arm(NULL, &line, plat_now(NULL) + 2000000000u);
	plat_arm(NULL, &line, PLAT_NEVER);
	assert_false(plat_line_wait(&line, 5));
	plat_line_fini(&line);
}

static void clock_counts_picoseconds_and_never_goes_back(void **state)
{
	(void)state;
	plat_time was = plat_now(NULL), begin = was;
	usleep(2000);
	for (unsigned i = 0; i < 1000; i++) {
		plat_time now = plat_now(NULL);
		assert_true(now >= was);
		was = now;
	}
	assert_true(was - begin >= 2000000000u);
}

/* Of any length, wherever the two lie in their pages; and not a byte more. */
static void copies_are_whole(void **state)
{
	static const uint32_t len[] = {0, 1, 63, 1023, 1024, 1025, 2047, 2048, 4097, 9014};
	static const uint32_t at[] = {0, 1, 12, 64, 2048, 4084};
	static uint8_t src[16384], dst[16384];
	struct ledger led = {0};
	struct frame f = {.led = &led};

	(void)state;
	for (uint32_t i = 0; i < sizeof(src); i++)
		src[i] = (uint8_t)(1 + i % 251);
	for (unsigned i = 0; i < 10 * 6 * 6; i++) {
		uint32_t n = len[i % 10], to = 1 + at[i / 10 % 6], from = at[i / 60];

		memset(dst, 0, sizeof(dst));
		plat_copy(NULL, &f, SITE_GUEST_KERNEL_TO_PROCESS, REASON_POLICY, dst + to,
			  src + from, n);
		assert_memory_equal(dst + to, src + from, n);
		assert_int_equal(dst[to - 1], 0);
		assert_int_equal(dst[to + n], 0);
	}
}

/* No two of guest's memory with its header, host's buffers and the kernel's own meet badly. */
static void buffers_are_placed_apart(void **state)
{
	static const int kernel[] = {16, 64}; /* a frame of its own, sent and received */
	static uint8_t mem[PLAT_REAL_SLACK];
	struct world w;

	(void)state;
	start(&w, 1514);
	int guest = (int)((uintptr_t)w.pl.mem % 2048) + 12;
	int host = (int)((uintptr_t)plat_real_hbufs(mem) % 2048);
	int pair[][2] = {{host, guest},     {guest, host},      {kernel[0], guest},
			 {kernel[0], host}, {guest, kernel[1]}, {host, kernel[1]}};

	assert_true(plat_real_hbufs(mem) < mem + sizeof(mem));
	for (unsigned i = 0; i < 6; i++) {
		int apart = pair[i][1] - pair[i][0];
		assert_true(apart <= 0 || apart > 32);
	}
	finish(&w);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_ends_where_memory_ends),
		cmocka_unit_test(copies_are_whole),
		cmocka_unit_test(buffers_are_placed_apart),
		cmocka_unit_test(frame_is_read_into_as_many_posted_buffers_as_it_needs),
		cmocka_unit_test(frame_that_does_not_fit_is_dropped_and_its_buffers_stay),
		cmocka_unit_test(receive_ring_wraps_and_the_pool_limits_what_is_under_way),
		cmocka_unit_test(send_gathers_segments_and_waits_while_the_descriptor_is_full),
		cmocka_unit_test(frame_that_the_descriptor_refuses_is_dropped),
		cmocka_unit_test(doorbell_keeps_kicks_until_they_are_cleared),
		cmocka_unit_test(alarm_goes_off_once_at_its_time_unless_disarmed),
		cmocka_unit_test(clock_counts_picoseconds_and_never_goes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
