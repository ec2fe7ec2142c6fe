/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_demux.c - the shared receive queue: who gets which frame, and who gives buffers back.
 *
 * The test plays the wire and, for each guest, the worker at the other end of its queue.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "demux.h"
#include "test_virtq_mock.h"

enum { GUESTS = 5, ABSENT = 3, QUEUE = 8, LEN = 1000, PIECE = 600 };

struct rig {
	struct plat pl;
	struct plat_port port;
	struct demux d;
	struct demux_target target[GUESTS];
	struct pktq q[GUESTS];
	struct pktq_entry entry[GUESTS][QUEUE];
	struct plat_line line[GUESTS], back;
	struct ledger led[GUESTS];
	uint32_t touched[GUESTS];
	struct frame *frame[DPATH_BURST * GUESTS];
	uint64_t num, got[GUESTS];
};

static struct rig *rig_new(uint32_t bufs, unsigned room, bool poll)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct hbuf_pool *p = &r->d.pool;

	plat_test_init(&r->pl, 1, true);
	plat_test_port_init(&r->port, 0, 4, room);
	r->d = (struct demux){.pl = &r->pl,
			      .port = &r->port,
			      .target = r->target,
			      .targets = GUESTS,
			      .touched = r->touched,
			      .frame = r->frame,
			      .max_frames = DPATH_BURST * GUESTS,
			      .poll = poll};
	*p = (struct hbuf_pool){.n = bufs, .per = 2, .bytes = 2 * PIECE};
	p->piece = calloc(2 * bufs, sizeof(*p->piece));
	p->dma = calloc(2 * bufs, sizeof(*p->dma));
	p->stack = calloc(bufs, sizeof(*p->stack));
	p->lent = calloc(bufs, sizeof(*p->lent));
	for (uint32_t i = 0; i < 2 * bufs; i++) {
		p->piece[i] = (struct piece){malloc(PIECE), PIECE};
		p->dma[i] = (uintptr_t)p->piece[i].p;
	}
	for (uint32_t i = 0; i < bufs; i++)
		hbuf_put(p, i);
	for (unsigned g = 0; g < GUESTS; g++) {
		r->q[g] = (struct pktq){.entry = r->entry[g], .mask = QUEUE - 1, .back = &r->back};
		r->target[g].line = &r->line[g];
		if (g != ABSENT)
			r->target[g].q = &r->q[g];
	}
	demux_burst(&r->d);
	demux_commit(&r->d);
	return r;
}

static uint32_t with_device(const struct rig *r)
{
	return r->port.rx_posted - r->port.rx_reaped;
}

/* Entries taken by the producer's count and not given back, a shared buffer counted once. */
static uint32_t lent(const struct rig *r)
{
	uint32_t n = 0;
	bool *seen = calloc(r->d.pool.n, sizeof(*seen));

	for (unsigned g = 0; g < GUESTS; g++)
		for (uint16_t i = r->q[g].reclaimed; i != r->q[g].put; i++) {
			uint32_t buf = r->entry[g][i & (QUEUE - 1)].buf;
			n += !seen[buf];
			seen[buf] = true;
		}
	free(seen);
	return n;
}

static void pool_balances(const struct rig *r)
{
	assert_int_equal(r->d.pool.top + with_device(r) + lent(r), r->d.pool.n);
}

static void rig_free(struct rig *r)
{
	struct hbuf_pool *p = &r->d.pool;

	pool_balances(r);
	plat_test_fini(&r->pl);
	plat_test_port_fini(&r->port);
	for (uint32_t i = 0; i < 2 * p->n; i++)
		free(p->piece[i].p);
	free(p->piece);
	free(p->dma);
	free(p->stack);
	free(p->lent);
	free(r);
}

/* A frame from the wire, for the guests of the mask. False: the device has no buffer. */
static bool arrive(struct rig *r, unsigned guests)
{
	struct frame *first = NULL, **at = &first;
	uint8_t bytes[LEN];

	for (unsigned g = 0; g < GUESTS; g++)
		if (guests >> g & 1) {
			*at = plat_test_frame(&r->pl, &r->led[g], LEN);
			(*at)->to = (int16_t)g;
			(*at)->num = r->num;
			at = &(*at)->peer;
		}
	for (unsigned i = 0; i < LEN; i++)
		bytes[i] = (uint8_t)(r->num * 57 + i);
	r->num++;
	r->pl.now += 1000;
	frame_stamp(first, STAGE_NIC, r->pl.now);
	if (plat_test_receive(&r->pl, &r->port, first, bytes, LEN))
		return true;
	while (first) {
		struct frame *f = first;
		first = f->peer;
		plat_drop(&r->pl, f, DROP_NO_DESCRIPTOR);
	}
	return false;
}

static void turn(struct rig *r)
{
	unsigned turns = 0;

	do {
		demux_burst(&r->d);
		assert_true(turns++ < 100);
	} while (demux_commit(&r->d));
	pool_balances(r);
}

static uint64_t sum_of_stages(const struct frame *f)
{
	uint64_t ps = 0;

	for (unsigned i = 0; i < STAGE_N; i++)
		ps += f->stage_ps[i];
	return ps;
}

/* Guest g's worker takes up to max frames, looks at their bytes, and says so. */
static unsigned consume(struct rig *r, unsigned g, unsigned max, enum copy_reason reason)
{
	struct pktq_entry *e;
	unsigned n = 0;

	pktq_awake(&r->q[g]);
	while (n < max && (e = pktq_take(&r->q[g]))) {
		const struct piece *p = hbuf_pieces(e->pool, e->buf);
		assert_int_equal(e->frame->to, g);
		assert_int_equal(e->reason, reason);
		assert_null(e->frame->peer);
		for (unsigned i = 0; i < LEN; i++)
			assert_int_equal(p[i / PIECE].p[i % PIECE],
					 (uint8_t)(e->frame->num * 57 + i));
		assert_true(e->frame->num >= r->got[g]);
		r->got[g] = e->frame->num + 1;
		plat_stamp(&r->pl, e->frame, STAGE_VMM);
		assert_int_equal(sum_of_stages(e->frame), e->frame->last - e->frame->first);
		plat_deliver(&r->pl, e->frame);
		n++;
	}
	pktq_consumed(&r->q[g], &r->pl);
	return n;
}

static void sleeps(struct rig *r, unsigned g)
{
	assert_false(pktq_sleep(&r->q[g], &r->pl));
}

/* ---- tests ---- */

static void each_guest_gets_its_frames_in_order(void **state)
{
	struct rig *r = rig_new(64, 80, false);
	uint64_t random = mock_seed(91);

	(void)state;
	for (uint32_t i = 0; i < mock_scaled(2000); i++) {
		unsigned counts[GUESTS] = {0};
		for (unsigned k = mock_below(&random, QUEUE); k; k--) {
			unsigned g = mock_below(&random, GUESTS);
			g = g == ABSENT ? 0 : g;
			counts[g]++;
			assert_true(arrive(r, 1u << g));
		}
		turn(r);
		for (unsigned g = 0; g < GUESTS; g++)
			assert_int_equal(consume(r, g, 64, REASON_SHARED_QUEUE), counts[g]);
	}
	rig_free(r);
}

static void frame_for_several_is_one_buffer_until_the_last_has_read_it(void **state)
{
	struct rig *r = rig_new(8, 4, false);
	uint32_t lent_before = r->d.pool.top;

	(void)state;
	assert_true(arrive(r, 1 | 2 | 16));
	turn(r);
	assert_int_equal(r->d.pool.top, lent_before - 1); /* one reposted for the one lent */
	assert_int_equal(consume(r, 0, 9, REASON_MULTICAST), 1);
	assert_int_equal(consume(r, 4, 9, REASON_MULTICAST), 1);
	for (unsigned g = 0; g < GUESTS; g++)
		pktq_reclaim(&r->q[g]);
	assert_int_equal(r->d.pool.top, lent_before - 1); /* guest 1 has not read it */
	assert_int_equal(consume(r, 1, 9, REASON_MULTICAST), 1);
	pktq_reclaim(&r->q[1]);
	assert_int_equal(r->d.pool.top, lent_before);
	rig_free(r);
}

static void full_queue_costs_its_own_guest_only(void **state)
{
	struct rig *r = rig_new(64, 80, false);

	(void)state;
	for (unsigned i = 0; i < QUEUE; i++)
		assert_true(arrive(r, 1));
	turn(r);
	assert_true(arrive(r, 1));     /* no room */
	assert_true(arrive(r, 1 | 4)); /* for guest 2 there is */
	turn(r);
	assert_int_equal(r->led[0].drops[DROP_VMM_QUEUE_FULL], 2);
	assert_int_equal(r->led[2].drops[DROP_VMM_QUEUE_FULL], 0);
	assert_int_equal(consume(r, 2, 9, REASON_MULTICAST), 1);
	assert_int_equal(consume(r, 0, 9, REASON_SHARED_QUEUE), QUEUE);
	rig_free(r);
}

/* Buffers are plenty, so that nothing else makes it look. */
static void queue_full_of_what_was_read_takes_more(void **state)
{
	struct rig *r = rig_new(200, 80, false);

	(void)state;
	for (unsigned i = 0; i < 5 * QUEUE; i++) {
		assert_true(arrive(r, 1));
		turn(r);
		assert_int_equal(consume(r, 0, 9, REASON_SHARED_QUEUE), 1);
	}
	assert_int_equal(r->led[0].drops[DROP_VMM_QUEUE_FULL], 0);
	rig_free(r);
}

static void refused_frame_gives_its_buffer_back(void **state)
{
	struct rig *r = rig_new(8, 16, false);
	struct plat_test_buf *b = &r->port.rx[r->port.rx_filled % PLAT_TEST_RING];

	(void)state;
	b->rx = (struct plat_rx){.cookie = b->cookie, .last = true}; /* an error: no frame */
	r->port.rx_filled++;
	turn(r);
	assert_int_equal(with_device(r), 8);
	rig_free(r);
}

static void only_sleepers_are_woken_once_a_burst(void **state)
{
	struct rig *r = rig_new(64, 80, false);

	(void)state;
	sleeps(r, 0);
	for (unsigned i = 0; i < 3; i++) {
		arrive(r, 1);
		arrive(r, 2);
	}
	turn(r);
	assert_int_equal(r->line[0].kicks, 1);
	assert_int_equal(r->line[1].kicks, 0); /* awake */
	assert_int_equal(r->line[2].kicks, 0); /* nothing for it */
	consume(r, 0, 9, REASON_SHARED_QUEUE);
	consume(r, 1, 9, REASON_SHARED_QUEUE);
	sleeps(r, 0);
	sleeps(r, 1);
	arrive(r, 1);
	turn(r);
	assert_int_equal(r->line[0].kicks, 2);
	assert_int_equal(r->line[1].kicks, 0);
	consume(r, 0, 9, REASON_SHARED_QUEUE);
	rig_free(r);
}

static void frame_between_burst_and_commit_keeps_it_awake(void **state)
{
	struct rig *r = rig_new(64, 80, false);

	(void)state;
	assert_true(r->port.rx_irq);
	demux_burst(&r->d);
	assert_false(r->port.rx_irq);
	arrive(r, 1);
	assert_true(demux_commit(&r->d));
	demux_burst(&r->d);
	assert_false(demux_commit(&r->d));
	assert_true(r->port.rx_irq);
	assert_int_equal(consume(r, 0, 9, REASON_SHARED_QUEUE), 1);
	rig_free(r);
}

/* All buffers are lent: the device has none, and its interrupts will not come. */
static void starve(struct rig *r)
{
	for (unsigned i = 0; i < 8; i++) {
		assert_true(arrive(r, 1));
		turn(r);
	}
	assert_int_equal(r->d.pool.top + with_device(r), 0);
	assert_false(arrive(r, 1));
	assert_int_equal(r->led[0].drops[DROP_NO_DESCRIPTOR], 1);
}

static void starving_it_is_woken_by_who_gives_buffers_back(void **state)
{
	(void)state;
	for (unsigned poll = 0; poll < 2; poll++) {
		struct rig *r = rig_new(8, 8, poll);

		starve(r);
		assert_int_equal(r->back.kicks, 0);
		assert_int_equal(consume(r, 0, 1, REASON_SHARED_QUEUE), 1);
		assert_int_equal(r->back.kicks, 1);
		turn(r);
		assert_int_equal(with_device(r), 1);
		assert_true(arrive(r, 1));
		turn(r);
		assert_int_equal(consume(r, 0, 9, REASON_SHARED_QUEUE), 8);
		assert_int_equal(r->back.kicks, 2);
		turn(r);
		assert_int_equal(with_device(r), 4);
		for (unsigned i = 0; i < 2; i++) { /* no longer: nobody wakes it for buffers */
			assert_true(arrive(r, 1));
			turn(r);
			assert_int_equal(consume(r, 0, 9, REASON_SHARED_QUEUE), 1);
		}
		assert_int_equal(r->back.kicks, 2);
		rig_free(r);
	}
}

static void buffers_given_back_before_it_said_that_it_starves_are_found(void **state)
{
	(void)state;
	for (unsigned poll = 0; poll < 2; poll++) {
		struct rig *r = rig_new(4, 80, poll);

		for (unsigned i = 0; i < 4; i++)
			assert_true(arrive(r, 1));
		demux_burst(&r->d);
		demux_commit(&r->d);
		demux_burst(&r->d);
		consume(r, 0, 2, REASON_SHARED_QUEUE);
		r->back.kicks = 0;
		assert_true(demux_commit(&r->d) || r->back.kicks);
		turn(r);
		assert_int_equal(with_device(r), 2);
		assert_int_equal(consume(r, 0, 9, REASON_SHARED_QUEUE), 2);
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_guest_gets_its_frames_in_order),
		cmocka_unit_test(frame_for_several_is_one_buffer_until_the_last_has_read_it),
		cmocka_unit_test(full_queue_costs_its_own_guest_only),
		cmocka_unit_test(queue_full_of_what_was_read_takes_more),
		cmocka_unit_test(refused_frame_gives_its_buffer_back),
		cmocka_unit_test(only_sleepers_are_woken_once_a_burst),
		cmocka_unit_test(frame_between_burst_and_commit_keeps_it_awake),
		cmocka_unit_test(starving_it_is_woken_by_who_gives_buffers_back),
		cmocka_unit_test(buffers_given_back_before_it_said_that_it_starves_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
