/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_plat_port.c - the real world's device, each way to reach it over each kind of descriptor:
 * readv()/writev() and io_uring; packet sockets, a TAP device, one with a header before each frame.
 *
 * Every test runs for every such pair that this machine has; the others are skipped with the
 * reason. A frame's bytes follow from its number and length.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cmocka.h>

#include "plat_real.h"
#include "port_pair.h"

enum { RING = 64, FRAMES = 32, MEMORY = 1 << 18, SHORTEST = 60, LONGEST = 1514 };

/* What VNICSIM_TEST_SCALE leaves of n, at least `least`. */
static uint32_t scaled(uint32_t n, uint32_t least)
{
	const char *s = getenv("VNICSIM_TEST_SCALE");
	uint32_t by = s ? (uint32_t)strtoul(s, NULL, 10) : 1;

	n /= by ? by : 1;
	return n < least ? least : n;
}

struct rig {
	enum plat_backend backend;
	enum pair_kind kind;
	const char *no_tap, *no_uring; /* why not */
	struct pair pair;
	struct plat pl;
	struct plat_pool pool;
	struct plat_port port;
	struct ledger rx, tx;
	struct plat_port_cfg cfg;
	uint32_t departed, arrived;
	bool refuse_odd; /* arrived() */
	uint8_t mem[MEMORY];
};

static bool is_tap(const struct rig *r)
{
	return r->kind == PAIR_TAP || r->kind == PAIR_TAP_HEADER;
}

/* Addresses and type of no protocol, then the number, then bytes that follow from it. */
static void fill(uint8_t *p, uint32_t num, uint32_t len)
{
	static const uint8_t head[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};
	memcpy(p, head, 14);
	memcpy(p + 14, &num, sizeof(num));
	for (uint32_t i = 18; i < len; i++)
		p[i] = (uint8_t)(num * 31 + i * 7);
}

static void check_bytes(const uint8_t *p, uint32_t num, uint32_t len)
{
	uint8_t want[LONGEST];
	fill(want, num, len);
	assert_memory_equal(p, want, len);
}

static void *rig_start(void **state, unsigned max_frame)
{
	struct rig *r = *state;
	if (r->no_tap && is_tap(r)) {
		print_message("no TAP device: %s\n", r->no_tap);
		skip();
	}
	if (r->no_uring && r->backend == PLAT_URING) {
		print_message("%s\n", r->no_uring);
		skip();
	}
	assert_true(pair_open(&r->pair, r->kind));
	assert_true(plat_real_init(&r->pl, 4096));
	assert_true(plat_pool_init(&r->pool, FRAMES));
	memset(&r->rx, 0, sizeof(r->rx));
	memset(&r->tx, 0, sizeof(r->tx));
	r->departed = r->arrived = 0;
	r->cfg = (struct plat_port_cfg){.rx_fd = r->pair.fd,
					.tx_fd = r->pair.fd,
					.ring = RING,
					.max_frame = max_frame,
					.vnet_hdr = r->pair.vnet_hdr,
					.backend = r->backend,
					.pool = &r->pool,
					.led = &r->rx,
					.ctx = r};
	assert_true(plat_port_init(&r->port, &r->cfg));
	return r;
}

static uint64_t dropped(const struct ledger *l)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < DROP_N; i++)
		n += l->drops[i];
	return n;
}

/* Also the balance of the books. */
static void rig_finish(struct rig *r)
{
	assert_int_equal(plat_pool_collect(&r->pool), 0);
	assert_int_equal(r->rx.offered, r->rx.delivered + dropped(&r->rx));
	assert_int_equal(r->tx.offered, r->tx.delivered + dropped(&r->tx));
	plat_port_fini(&r->port);
	plat_pool_fini(&r->pool);
	plat_real_fini(&r->pl);
	pair_close(&r->pair);
}

/* A buffer of n segments, each where the pattern of its cookie says: 2 KiB apart from the next. */
static void post(struct rig *r, uint64_t cookie, unsigned n, const uint32_t *len)
{
	struct plat_seg seg[8];
	uint32_t at = (uint32_t)(cookie % 64) * 4096;
	for (unsigned i = 0; i < n; i++) {
		seg[i] = (struct plat_seg){(uintptr_t)&r->mem[at], len[i]};
		at += len[i] + 8;
	}
	plat_dev_post_rx(&r->pl, &r->port, cookie, seg, n);
}

static void post_one(struct rig *r, uint64_t cookie, uint32_t len)
{
	post(r, cookie, 1, &len);
}

static uint8_t *buffer(struct rig *r, uint64_t cookie)
{
	return &r->mem[cookie % 64 * 4096];
}

static void inject(struct rig *r, uint32_t num, uint32_t len)
{
	uint8_t bytes[LONGEST + 100];
	fill(bytes, num, len);
	assert_int_equal(send(r->pair.far, bytes, len, 0), len);
}

static bool inject_if_room(struct rig *r, uint32_t num, uint32_t len)
{
	uint8_t bytes[LONGEST];
	fill(bytes, num, len);
	return send(r->pair.far, bytes, len, 0) == (ssize_t)len;
}

static uint32_t length_of(uint32_t num)
{
	return SHORTEST + num * 97 % (LONGEST - SHORTEST + 1);
}

static void frames_arrive_in_order_in_the_oldest_buffers(void **state)
{
	struct rig *r = rig_start(state, LONGEST);
	struct plat_rx rx[64];
	uint32_t sent = 0, got = 0, posted = 0;
	uint64_t bytes = 0;

	while (got < 1000) {
		while (posted - got < 16)
			post_one(r, posted++, LONGEST);
		plat_dev_flush_rx(&r->pl, &r->port);
		for (unsigned i = 0; i < 8 && sent < 1000; i++, sent++)
			inject(r, sent, length_of(sent));
		unsigned n = plat_dev_reap_rx(&r->pl, &r->port, rx, 64);
		assert_true(n > 0);
		for (unsigned i = 0; i < n; i++, got++) {
			assert_int_equal(rx[i].cookie, got);
			assert_int_equal(rx[i].len, length_of(got));
			assert_int_equal(rx[i].frame->len, length_of(got));
			assert_true(rx[i].last);
			check_bytes(buffer(r, got), got, rx[i].len);
			bytes += rx[i].len;
			plat_deliver(&r->pl, rx[i].frame);
		}
	}
	plat_pool_collect(&r->pool);
	assert_int_equal(r->rx.dma_transfers, 1000);
	assert_int_equal(r->rx.dma_segments, 1000);
	assert_int_equal(r->rx.dma_bytes, bytes);
	assert_int_equal(r->rx.delivered_bytes, bytes);
	assert_int_equal(r->port.stats.rx_frames, 1000);
	assert_int_equal(r->port.stats.rx_errors, 0);
	if (r->backend == PLAT_URING)
		assert_true(r->port.stats.rx_calls < 500);
	rig_finish(r);
}

static void segments_count_where_they_hold_bytes_of_the_frame(void **state)
{
	static const uint32_t seg[3] = {100, 400, 1014},
			      len[6] = {SHORTEST, 100, 101, 500, 501, LONGEST},
			      want[6] = {1, 1, 2, 2, 3, 3};
	struct rig *r = rig_start(state, LONGEST);
	struct plat_rx rx[8];
	uint64_t segments = 0;

	for (uint32_t i = 0; i < 6; i++) {
		uint8_t got[LONGEST], *p = buffer(r, i);
		post(r, i, 3, seg);
		plat_dev_flush_rx(&r->pl, &r->port);
		inject(r, i, len[i]);
		assert_int_equal(plat_dev_reap_rx(&r->pl, &r->port, rx, 8), 1);
		memcpy(got, p, 100);
		memcpy(got + 100, p + 108, 400);
		memcpy(got + 500, p + 516, 1014);
		check_bytes(got, i, len[i]);
		plat_deliver(&r->pl, rx[0].frame);
		plat_pool_collect(&r->pool);
		segments += want[i];
		assert_int_equal(r->rx.dma_segments, segments);
	}
	assert_int_equal(r->rx.dma_transfers, 6);
	rig_finish(r);
}

static void frame_over_several_buffers_has_its_segments_counted_once(void **state)
{
	struct rig *r = rig_start(state, 1200);
	struct plat_rx rx[8];

	for (uint32_t i = 0; i < 6; i++)
		post_one(r, i, 500);
	plat_dev_flush_rx(&r->pl, &r->port);
	inject(r, 1, 1100);
	assert_int_equal(plat_dev_reap_rx(&r->pl, &r->port, rx, 8), 3);
	assert_true(!rx[0].last && !rx[1].last && rx[2].last);
	assert_int_equal(rx[2].len, 100);
	plat_deliver(&r->pl, rx[0].frame);
	plat_pool_collect(&r->pool);
	assert_int_equal(r->rx.dma_transfers, 1);
	assert_int_equal(r->rx.dma_segments, 3);
	assert_int_equal(r->rx.dma_bytes, 1100);
	rig_finish(r);
}

/* The first frame may need three of the buffers, takes one, and leaves enough for the second. */
static void buffers_that_a_short_frame_leaves_are_the_next_ones(void **state)
{
	struct rig *r = rig_start(state, 1500);
	struct plat_rx rx[8];

	for (uint32_t round = 0; round < 10; round++) {
		for (uint32_t i = 0; i < 4; i++)
			post_one(r, 4 * round + i, 500);
		plat_dev_flush_rx(&r->pl, &r->port);
		inject(r, 0, 60);
		inject(r, 1, 1400);
		unsigned n = plat_dev_reap_rx(&r->pl, &r->port, rx, 8);
		n += plat_dev_reap_rx(&r->pl, &r->port, rx + n, 8 - n);
		assert_int_equal(n, 4);
		assert_int_equal(rx[0].frame->len, 60);
		assert_int_equal(rx[1].frame->len, 1400);
		plat_deliver(&r->pl, rx[0].frame);
		plat_deliver(&r->pl, rx[1].frame);
	}
	rig_finish(r);
}

static void frame_that_does_not_fit_is_dropped_and_the_next_one_comes(void **state)
{
	struct rig *r = rig_start(state, 1000);
	struct plat_rx rx[8];

	for (uint32_t i = 0; i < 4; i++)
		post_one(r, i, 1000);
	plat_dev_flush_rx(&r->pl, &r->port);
	inject(r, 0, 1000);
	inject(r, 1, 1001);
	inject(r, 2, LONGEST);
	inject(r, 3, 999);
	assert_int_equal(plat_dev_reap_rx(&r->pl, &r->port, rx, 1), 1);
	assert_int_equal(rx[0].len, 1000);
	plat_deliver(&r->pl, rx[0].frame);
	unsigned n = 0;
	for (unsigned i = 0; i < 4 && !n; i++)
		n = plat_dev_reap_rx(&r->pl, &r->port, rx, 8);
	assert_int_equal(n, 1);
	assert_int_equal(rx[0].len, 999);
	check_bytes(buffer(r, rx[0].cookie), 3, 999);
	plat_deliver(&r->pl, rx[0].frame);
	plat_pool_collect(&r->pool);
	assert_int_equal(r->rx.drops[DROP_OVERSIZE], 2);
	assert_int_equal(r->rx.drop_bytes[DROP_OVERSIZE], 1001 + LONGEST);
	assert_int_equal(plat_dev_rx_room(&r->pl, &r->port), RING - 2);
	rig_finish(r);
}

static void frames_without_a_buffer_or_record_wait_in_the_kernel(void **state)
{
	struct rig *r = rig_start(state, LONGEST);
	struct plat_rx rx[64];
	struct frame *held[FRAMES];

	for (uint32_t i = 0; i < 4; i++)
		inject(r, i, 100);
	assert_int_equal(plat_dev_reap_rx(&r->pl, &r->port, rx, 64), 0);
	assert_false(plat_dev_rx_irq(&r->pl, &r->port, true));
	post_one(r, 0, LONGEST);
	plat_dev_flush_rx(&r->pl, &r->port);
	assert_true(plat_dev_rx_irq(&r->pl, &r->port, true));
	assert_int_equal(plat_dev_reap_rx(&r->pl, &r->port, rx, 64), 1);
	plat_deliver(&r->pl, rx[0].frame);
	for (unsigned i = 0; i < FRAMES; i++)
		held[i] = plat_pool_get(&r->pool, &r->tx, 1, 0);
	assert_non_null(held[FRAMES - 1]);
	for (uint32_t i = 1; i < 4; i++)
		post_one(r, i, LONGEST);
	plat_dev_flush_rx(&r->pl, &r->port);
	assert_int_equal(plat_dev_reap_rx(&r->pl, &r->port, rx, 64), 0);
	for (unsigned i = 0; i < FRAMES; i++)
		plat_deliver(&r->pl, held[i]);
	unsigned n = 0;
	while (n < 3) {
		unsigned more = plat_dev_reap_rx(&r->pl, &r->port, rx + n, 64 - n);
		assert_true(more > 0);
		n += more;
	}
	for (uint32_t i = 0; i < 3; i++) {
		check_bytes(buffer(r, i + 1), i + 1, 100);
		plat_deliver(&r->pl, rx[i].frame);
	}
	rig_finish(r);
}

static bool shown(void *ctx, struct frame *f, const uint8_t *head, uint32_t head_len, uint32_t len)
{
	struct rig *r = ctx;
	uint8_t want[LONGEST];
	uint32_t num;
	memcpy(&num, head + 14, sizeof(num));
	assert_int_equal(head_len, len < 64 ? len : 64);
	assert_int_equal(len, length_of(num));
	fill(want, num, len);
	assert_memory_equal(head, want, head_len);
	f->num = num;
	r->arrived++;
	return !(r->refuse_odd && num % 2);
}

/*
 * Arrivals, posts and reaps in any mix, with buffers of any shape; every other frame may be
 * foreign. Each welcome frame comes once, in order, whole.
 */
static void any_mix_of_posts_and_arrivals_keeps_order_and_bytes(void **state)
{
	struct rig *r = rig_start(state, LONGEST);
	struct plat_rx rx[64];
	uint32_t sent = 0, next = 0, rounds = scaled(3000, 600);
	uint64_t free =
		UINT64_MAX; /* buffers not posted; one that is passed over is out for long */
	unsigned seed = 1;

	r->port.arrived = shown;
	for (unsigned round = 0; round < rounds; round++) {
		r->refuse_odd = round / 100 % 2;
		for (unsigned i = (unsigned)rand_r(&seed) % 6;
		     i && free && plat_dev_rx_room(&r->pl, &r->port) >= 4; i--) {
			uint32_t a = 1 + (uint32_t)rand_r(&seed) % 30,
				 whole[4] = {a, 40, LONGEST - 40 - a, 1}, half[1] = {800};
			unsigned slot = (unsigned)__builtin_ctzll(free);
			free &= free - 1;
			if (rand_r(&seed) % 2)
				post(r, slot, 3 + (unsigned)rand_r(&seed) % 2, whole);
			else
				post(r, slot, 1, half);
		}
		if (rand_r(&seed) % 2)
			plat_dev_flush_rx(&r->pl, &r->port);
		for (unsigned i = (unsigned)rand_r(&seed) % 5; i; i--)
			sent += inject_if_room(r, sent, length_of(sent));
		unsigned n =
			plat_dev_reap_rx(&r->pl, &r->port, rx, 1 + (unsigned)rand_r(&seed) % 64);
		for (unsigned i = 0; i < n; i++) {
			struct frame *f = rx[i].frame;
			free |= 1ull << rx[i].cookie;
			assert_int_equal(f->len, length_of((uint32_t)f->num));
			if (!rx[i].last)
				continue;
			assert_true(f->num >= next);
			next = (uint32_t)f->num + 1;
			plat_deliver(&r->pl, f);
		}
		plat_pool_collect(&r->pool);
	}
	assert_true(r->rx.delivered > rounds / 6);
	assert_true(r->port.stats.foreign > rounds / 30);
	assert_int_equal(r->rx.offered + r->port.stats.foreign, r->arrived);
	rig_finish(r);
}

static void departs(void *ctx, struct frame *f)
{
	struct rig *r = ctx;
	assert_int_equal(f->num, r->departed++);
}

static bool send_one(struct rig *r, uint32_t num)
{
	uint32_t len = length_of(num), third = len / 3;
	uint8_t *p = buffer(r, num), whole[LONGEST];
	struct frame *f = plat_pool_get(&r->pool, &r->tx, len, plat_now(&r->pl));
	if (!f)
		return false;
	f->num = num;
	fill(whole, num, len);
	memcpy(p, whole, third);
	memcpy(p + 2000, whole + third, len - third);
	struct plat_seg seg[2] = {{(uintptr_t)p, third}, {(uintptr_t)p + 2000, len - third}};
	plat_dev_send(&r->pl, &r->port, num, f, seg, 2);
	return true;
}

static void receive(struct rig *r, uint32_t *num)
{
	uint8_t got[LONGEST + 1];
	ssize_t n;
	while ((n = recv(r->pair.far, got, sizeof(got), 0)) > 0) {
		assert_int_equal(n, length_of(*num));
		check_bytes(got, *num, (uint32_t)n);
		++*num;
	}
}

static void frames_leave_in_order_and_wait_while_there_is_no_room(void **state)
{
	struct rig *r = rig_start(state, LONGEST);
	uint32_t sent = 0, done = 0, received = 0;
	uint64_t cookie[64];

	r->port.departing = departs;
	while (received < 3000) {
		while (sent < 3000 && sent - done < 24 && plat_dev_tx_room(&r->pl, &r->port) >= 2 &&
		       send_one(r, sent))
			sent++;
		plat_dev_flush_tx(&r->pl, &r->port);
		unsigned n = plat_dev_reap_tx(&r->pl, &r->port, cookie, 64);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(cookie[i], done++);
		if (n < 8) /* it seldom looks: a socket is full by then */
			receive(r, &received);
	}
	assert_int_equal(r->departed, 3000);
	plat_pool_collect(&r->pool);
	assert_int_equal(r->tx.delivered, 3000);
	assert_int_equal(r->tx.dma_transfers, 3000);
	assert_int_equal(r->tx.dma_segments, 6000);
	assert_int_equal(r->tx.dma_bytes, r->tx.offered_bytes);
	assert_int_equal(r->port.stats.tx_frames, 3000);
	if (is_tap(r))
		assert_int_equal(r->port.stats.tx_blocked, 0);
	else
		assert_true(r->port.stats.tx_blocked > 0);
	if (r->backend == PLAT_URING && is_tap(r))
		assert_true(r->port.stats.tx_calls < 1500);
	rig_finish(r);
}

/* Another thread's: takes what comes until all is sent; an assertion would be lost there. */
struct drain {
	int fd;
	atomic_bool all_sent;
	uint32_t received, out_of_order;
};

static void *drain(void *arg)
{
	struct drain *d = arg;
	uint8_t got[LONGEST + 1];
	uint32_t num;

	for (bool last = false; !last;) {
		last = d->all_sent;
		sched_yield();
		while (recv(d->fd, got, sizeof(got), 0) > 0) {
			memcpy(&num, got + 14, sizeof(num));
			d->out_of_order += num != d->received++;
		}
	}
	return NULL;
}

/* Room comes while a burst is written: a frame that found none is not overtaken. */
static void frames_leave_in_order_while_somebody_makes_room(void **state)
{
	struct rig *r = rig_start(state, LONGEST);
	uint32_t sent = 0, done = 0, many = scaled(120000, 10000);
	uint64_t cookie[64];
	struct drain d = {.fd = r->pair.far};
	bool intact = true;
	pthread_t far;

	assert_int_equal(pthread_create(&far, NULL, drain, &d), 0);
	while (done < many) {
		while (sent < many && sent - done < 24 && plat_dev_tx_room(&r->pl, &r->port) >= 2 &&
		       send_one(r, sent))
			sent++;
		plat_dev_flush_tx(&r->pl, &r->port);
		unsigned n = plat_dev_reap_tx(&r->pl, &r->port, cookie, 64);
		for (unsigned i = 0; i < n; i++)
			intact &= cookie[i] == done++;
		if (n < 8)
			sched_yield(); /* to the other thread, on a machine of one core */
	}
	d.all_sent = true;
	assert_int_equal(pthread_join(far, NULL), 0);
	assert_true(intact);
	assert_int_equal(d.received, many);
	assert_int_equal(d.out_of_order, 0);
	plat_pool_collect(&r->pool);
	assert_int_equal(r->tx.delivered, many);
	rig_finish(r);
}

/* The far end of a socket pair refuses one that is too long; those behind it go all the same. */
static void refused_frame_does_not_stop_the_next(void **state)
{
	struct rig *r = rig_start(state, LONGEST);
	static uint8_t big[1 << 17];
	struct plat_seg seg[] = {{(uintptr_t)big, sizeof(big)}};
	uint32_t bytes = 4096, received = 0;
	uint64_t cookie[8];

	if (is_tap(r)) /* an empty frame, as it were */
		seg[0].len = 13;
	assert_true(is_tap(r) ||
		    !setsockopt(r->pair.fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)));
	assert_true(send_one(r, 0));
	struct frame *f = plat_pool_get(&r->pool, &r->tx, seg[0].len, 0);
	plat_dev_send(&r->pl, &r->port, 77, f, seg, 1);
	assert_true(send_one(r, 1));
	assert_true(send_one(r, 2));
	plat_dev_flush_tx(&r->pl, &r->port);
	assert_int_equal(plat_dev_reap_tx(&r->pl, &r->port, cookie, 8), 4);
	assert_int_equal(cookie[1], 77);
	receive(r, &received);
	assert_int_equal(received, 3);
	assert_int_equal(r->port.stats.tx_errors, 1);
	assert_false(r->port.gone);
	plat_pool_collect(&r->pool);
	assert_int_equal(r->tx.drops[DROP_OVERSIZE], 1);
	assert_int_equal(r->tx.dma_transfers, 3);
	rig_finish(r);
}

static void runt_is_forgotten(void **state)
{
	struct rig *r = rig_start(state, LONGEST);
	struct plat_rx rx[8];

	post_one(r, 0, LONGEST);
	post_one(r, 1, LONGEST);
	plat_dev_flush_rx(&r->pl, &r->port);
	inject(r, 0, 60);
	assert_int_equal(send(r->pair.far, "short", 5, 0), 5);
	inject(r, 1, 60);
	unsigned n = plat_dev_reap_rx(&r->pl, &r->port, rx, 8);
	n += plat_dev_reap_rx(&r->pl, &r->port, rx + n, 8 - n);
	assert_int_equal(n, 2);
	check_bytes(buffer(r, rx[1].cookie), 1, 60);
	plat_deliver(&r->pl, rx[0].frame);
	plat_deliver(&r->pl, rx[1].frame);
	assert_int_equal(r->port.stats.runts, 1);
	rig_finish(r);
}

static void removed_device_gives_everything_back(void **state)
{
	struct rig *r = rig_start(state, LONGEST);
	struct plat_rx rx[64];
	uint64_t cookie[64];

	for (uint32_t i = 0; i < 10; i++)
		post_one(r, i, LONGEST);
	plat_dev_flush_rx(&r->pl, &r->port);
	inject(r, 0, 200);
	assert_int_equal(plat_dev_reap_rx(&r->pl, &r->port, rx, 64), 1);
	plat_deliver(&r->pl, rx[0].frame);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(send_one(r, i));
	assert_true(pair_remove(&r->pair));
	plat_dev_flush_tx(&r->pl, &r->port);
	assert_true(r->port.gone);
	assert_true(plat_dev_rx_irq(&r->pl, &r->port, true));
	assert_int_equal(plat_dev_reap_rx(&r->pl, &r->port, rx, 4), 4);
	assert_int_equal(plat_dev_reap_rx(&r->pl, &r->port, rx + 4, 60), 5);
	for (uint32_t i = 0; i < 9; i++) {
		assert_int_equal(rx[i].cookie, i + 1);
		assert_null(rx[i].frame);
		assert_int_equal(rx[i].len, 0);
	}
	assert_false(plat_dev_rx_irq(&r->pl, &r->port, true));
	assert_int_equal(plat_dev_rx_room(&r->pl, &r->port), 0);
	assert_true(plat_dev_tx_room(&r->pl, &r->port) >= 2);
	assert_true(send_one(r, 3));
	plat_dev_flush_tx(&r->pl, &r->port);
	assert_int_equal(plat_dev_reap_tx(&r->pl, &r->port, cookie, 64), 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(cookie[i], i | PLAT_TX_FAILED);
	plat_pool_collect(&r->pool);
	assert_int_equal(r->tx.drops[DROP_DEVICE_GONE], 4);
	assert_int_equal(r->tx.dma_transfers, 0);
	rig_finish(r);
}

/* The same where a read finds out. */
static void removed_device_is_noticed_by_a_read(void **state)
{
	struct rig *r = rig_start(state, LONGEST);
	struct plat_rx rx[64];

	for (uint32_t i = 0; i < 10; i++)
		post_one(r, i, LONGEST);
	plat_dev_flush_rx(&r->pl, &r->port);
	assert_true(pair_remove(&r->pair));
	assert_true(plat_dev_rx_irq(&r->pl, &r->port, true));
	assert_int_equal(plat_dev_reap_rx(&r->pl, &r->port, rx, 64), 10);
	assert_true(r->port.gone);
	rig_finish(r);
}

static void interface_taken_down_loses_frames_until_it_is_up_again(void **state)
{
	struct rig *r = rig_start(state, LONGEST);
	uint64_t cookie[8];
	struct plat_rx rx[8];
	uint32_t received = 2;

	post_one(r, 0, LONGEST);
	plat_dev_flush_rx(&r->pl, &r->port);
	assert_true(pair_up(&r->pair, false));
	assert_true(send_one(r, 0) && send_one(r, 1));
	plat_dev_flush_tx(&r->pl, &r->port);
	assert_int_equal(plat_dev_reap_tx(&r->pl, &r->port, cookie, 8), 2);
	assert_int_equal(plat_dev_reap_rx(&r->pl, &r->port, rx, 8), 0);
	assert_false(r->port.gone);
	assert_true(pair_up(&r->pair, true));
	assert_true(send_one(r, 2));
	plat_dev_flush_tx(&r->pl, &r->port);
	assert_int_equal(plat_dev_reap_tx(&r->pl, &r->port, cookie, 8), 1);
	(void)recv(r->pair.far, r->mem, 1, 0); /* the packet socket's word that it was down */
	receive(r, &received);
	assert_int_equal(received, 3);
	inject(r, 5, 300);
	assert_int_equal(plat_dev_reap_rx(&r->pl, &r->port, rx, 8), 1);
	plat_deliver(&r->pl, rx[0].frame);
	plat_pool_collect(&r->pool);
	assert_int_equal(r->tx.drops[DROP_SEND_FULL], 2);
	rig_finish(r);
}

/* ---- where io_uring is not to be had -------------------------------------------------------- */

static bool forbid_uring(unsigned error)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof(f) / sizeof(f[0]), f};
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

/* In a child: its exit status says whether the error was told with `word` in it. 77: cannot ask. */
static int told(int error, const char *word)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct pair p;
		struct plat_port port;
		struct plat_port_cfg cfg = {.ring = RING, .max_frame = 64, .backend = PLAT_URING};
		if (!forbid_uring((unsigned)error) || !pair_open(&p, PAIR_DGRAM))
			_exit(77);
		cfg.rx_fd = cfg.tx_fd = p.fd;
		bool ok = !plat_port_init(&port, &cfg) && errno == error && port.failed &&
			  strstr(port.failed, word);
		_exit(!ok);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void missing_or_forbidden_io_uring_says_so(void **state)
{
	(void)state;
	int none = told(ENOSYS, "kernel has none");
	if (none == 77)
		skip();
	assert_int_equal(none, 0);
	assert_int_equal(told(EPERM, "forbidden"), 0);
	assert_int_equal(told(ENOMEM, "cannot be set up"), 0);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static struct rig rig;

static int choose(void **state)
{
	uintptr_t n = (uintptr_t)*state;
	rig.backend = n % 2 ? PLAT_URING : PLAT_READWRITE;
	rig.kind = (enum pair_kind)(n / 2);
	*state = &rig;
	return 0;
}

static const char *uring_missing(void)
{
	struct pair p;
	struct plat_port port;
	struct plat_port_cfg cfg = {.ring = RING, .max_frame = 64, .backend = PLAT_URING};

	if (!pair_open(&p, PAIR_DGRAM))
		return "no socket pair";
	cfg.rx_fd = cfg.tx_fd = p.fd;
	bool ok = plat_port_init(&port, &cfg);
	if (ok)
		plat_port_fini(&port);
	pair_close(&p);
	return ok ? NULL : port.failed;
}

/* On which kinds of descriptor, bits. */
enum {
	SOCKETS = 1 << PAIR_SEQPACKET | 1 << PAIR_DGRAM,
	TAPS = 1 << PAIR_TAP | 1 << PAIR_TAP_HEADER
};
#define EACH(X)                                                                                    \
	X(frames_arrive_in_order_in_the_oldest_buffers, SOCKETS | TAPS)                            \
	X(segments_count_where_they_hold_bytes_of_the_frame, SOCKETS | TAPS)                       \
	X(frame_over_several_buffers_has_its_segments_counted_once, SOCKETS | TAPS)                \
	X(buffers_that_a_short_frame_leaves_are_the_next_ones, SOCKETS | TAPS)                     \
	X(frame_that_does_not_fit_is_dropped_and_the_next_one_comes, SOCKETS | TAPS)               \
	X(frames_without_a_buffer_or_record_wait_in_the_kernel, SOCKETS | TAPS)                    \
	X(any_mix_of_posts_and_arrivals_keeps_order_and_bytes, SOCKETS | TAPS)                     \
	X(frames_leave_in_order_and_wait_while_there_is_no_room, SOCKETS | TAPS)                   \
	X(frames_leave_in_order_while_somebody_makes_room, SOCKETS)                                \
	X(refused_frame_does_not_stop_the_next, SOCKETS | TAPS)                                    \
	X(runt_is_forgotten, SOCKETS)                                                              \
	X(removed_device_gives_everything_back, TAPS)                                              \
	X(removed_device_is_noticed_by_a_read, TAPS)                                               \
	X(interface_taken_down_loses_frames_until_it_is_up_again, TAPS)

int main(void)
{
	static const struct {
		const char *name;
		CMUnitTestFunction fn;
		unsigned kinds;
	} each[] = {
#define X(name, kinds) {#name, name, kinds},
		EACH(X)
#undef X
	};
	enum { KINDS = 4, WAYS = 2 * KINDS, N = sizeof(each) / sizeof(each[0]) };
	static const char *const kind[KINDS] = {"seqpacket", "datagram", "TAP", "TAP with header"};
	static char name[N * WAYS][128];
	static struct CMUnitTest test[N * WAYS + 1];
	unsigned n = 0;

	signal(SIGPIPE, SIG_IGN);
	rig.no_tap = pair_namespace();
	rig.no_uring = uring_missing();
	test[n++] = (struct CMUnitTest)cmocka_unit_test(missing_or_forbidden_io_uring_says_so);
	for (unsigned i = 0; i < N * WAYS; i++) {
		if (!(each[i / WAYS].kinds & 1u << i % WAYS / 2))
			continue;
		snprintf(name[n], sizeof(name[n]), "%s (%s, %s)", each[i / WAYS].name,
			 i % 2 ? "io_uring" : "readv, writev", kind[i % WAYS / 2]);
		test[n] = (struct CMUnitTest){.name = name[n],
					      .test_func = each[i / WAYS].fn,
					      .setup_func = choose,
					      .initial_state = (void *)(uintptr_t)(i % WAYS)};
		n++;
	}
	return _cmocka_run_group_tests("plat_port", test, n, NULL, NULL);
}
