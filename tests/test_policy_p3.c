/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_policy_p3.c - P3 in the test world: the host kernel in the guest's receive queue, and the
 * exact moments of clustering and batching. Each test carries the number of what it shows; whole
 * machines are in test_p3.c.
 */
#include "policy_rig.h"

#include "cluster.h"
#include "txbatch.h"

#define US 1000000ull
#define MS (1000 * US)

/* ---- the guest's receive queue
 * ------------------------------------------------------------------- */

static struct rig *single_copy(struct rig_opts o, unsigned chains)
{
	struct rig *r;

	o.policy = "single-copy";
	r = rig_new(o);
	for (unsigned i = 0; i < chains; i++)
		assert_true(rx_post(r, 3, 12 + MAX_FRAME));
	publish(r, &r->rx);
	start(r);
	return r;
}

/* take() compares order, header and bytes with the slots that the queue names. */
static void p3_01_next_available_slot_is_written_byte_by_byte_and_no_other(void **state)
{
	struct rig *r = single_copy((struct rig_opts){.event_idx = true}, 20);
	unsigned empty = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		uint16_t next = r->dp.rxq.last_avail;
		assert_true(arrive(r, some_len(r)));
		host_rx(r);
		assert_int_equal(r->dp.rxq.last_avail, next + 1);
		assert_int_equal(take(r, &empty), 1);
		memory_is_as_expected(r);
	}
	rx_copied_by_policy(r);
	rig_free(r);
}

/* The ring still names the chains of the last lap; the index says that they are not available. */
static void p3_02_slot_not_available_is_not_written_though_stale_pointers_linger(void **state)
{
	struct rig *r = single_copy((struct rig_opts){.size = 4}, 0);
	unsigned empty = 0;

	(void)state;
	for (unsigned lap = 0; lap < 3; lap++) {
		for (unsigned i = 0; i < 4; i++)
			assert_true(rx_post(r, 1, 12 + MAX_FRAME));
		publish(r, &r->rx);
		for (unsigned i = 0; i < 6; i++)
			assert_true(arrive(r, 500));
		host_rx(r);
		assert_int_equal(take(r, &empty), 4);
		memory_is_as_expected(r);
		assert_int_equal(r->rxl.drops[DROP_GUEST_RING_EMPTY], 2 * (lap + 1));
	}
	rig_free(r);
}

static void p3_10_empty_queue_drops_by_name_and_recovers_in_order_after_refill(void **state)
{
	struct rig *r = single_copy((struct rig_opts){.event_idx = true}, 0);
	unsigned empty = 0;

	(void)state;
	for (unsigned round = 1; round <= 5; round++) {
		for (unsigned i = 0; i < 3; i++)
			assert_true(arrive(r, 300));
		host_rx(r);
		memory_is_as_expected(r);
		assert_int_equal(r->rxl.drops[DROP_GUEST_RING_EMPTY], 3 * round);
		for (unsigned i = 0; i < 3; i++)
			rx_post(r, 2, 12 + MAX_FRAME);
		publish(r, &r->rx);
		for (unsigned i = 0; i < 3; i++)
			assert_true(arrive(r, 400));
		host_rx(r);
		assert_int_equal(take(r, &empty), 3); /* in order, or take() fails */
		memory_is_as_expected(r);
	}
	assert_int_equal(r->rxl.wasted_copies, 0);
	rig_free(r);
}

/* What is behind a slot is compared with all of guest memory. */
static void p3_11_frame_larger_than_a_slot_is_chained_or_dropped_by_rule(void **state)
{
	(void)state;
	for (unsigned mrg = 0; mrg < 2; mrg++) {
		struct rig *r = single_copy((struct rig_opts){.mrg = mrg}, 0);
		unsigned empty = 0;

		for (unsigned i = 0; i < 4; i++)
			rx_post(r, 1, 400);
		publish(r, &r->rx);
		assert_true(arrive(r, 1514)); /* and a header of 12: four slots */
		host_rx(r);
		assert_int_equal(r->rxl.drops[DROP_SHORT_BUFFER], !mrg);
		assert_int_equal(take(r, &empty), mrg);
		assert_int_equal(empty, !mrg);
		memory_is_as_expected(r);
		rig_free(r);
	}
}

static void p3_15_rings_of_1_2_and_512_wrap_more_than_twice(void **state)
{
	static const uint32_t size[] = {1, 2, 512};

	(void)state;
	for (unsigned s = 0; s < 3; s++) {
		struct rig *r = single_copy((struct rig_opts){.size = size[s]}, 0);
		unsigned empty = 0, frames = 0;

		while (frames < 3 * size[s]) {
			unsigned n = 0;
			for (; n < 32 && n < size[s]; n++)
				assert_true(rx_post(r, 1, 12 + MAX_FRAME));
			publish(r, &r->rx);
			for (unsigned i = 0; i < n; i++)
				assert_true(arrive(r, 60 + frames % 1000));
			host_rx(r);
			assert_int_equal(take(r, &empty), n);
			frames += n;
			memory_is_as_expected(r);
		}
		rig_free(r);
	}
}

/* ---- clustering ---- */

struct clustered {
	struct rig *r;
	struct cluster c;
	struct plat_line alarm;
	plat_time arrival[200];
};

/* 40 chains are posted; the guest sleeps and wishes to be told. */
static void clustered_new(struct clustered *t, uint32_t packets, bool event_idx)
{
	*t = (struct clustered){.r = single_copy((struct rig_opts){.event_idx = event_idx}, 0)};
	t->c = (struct cluster){.packets = packets,
				.window = 120 * MS,
				.count = 10,
				.timer = 5 * MS,
				.arrival = t->arrival,
				.alarm = &t->alarm};
	t->r->dp.cluster = &t->c;
	t->r->pl.cost = 0; /* moments are exact */
	for (unsigned i = 0; i < 40; i++)
		assert_true(rx_post(t->r, 1, 12 + MAX_FRAME));
	publish(t->r, &t->r->rx);
	start(t->r);
	virtq_drv_intr_on(&t->r->rx.drv, &t->r->pl);
	rings_as_they_are(t->r);
}

/* A frame comes; the host publishes it at `at`. */
static void frame_at(struct clustered *t, plat_time at)
{
	t->r->pl.now = at - 60; /* what the copy of 60 B takes here */
	assert_true(arrive(t->r, 60));
	host_rx(t->r);
}

/* The guest looks, for what reason ever: takes all, gives the buffers back and asks anew. */
static unsigned guest_looks(struct clustered *t)
{
	unsigned empty = 0, n = take(t->r, &empty);

	for (unsigned i = 0; i < n; i++)
		assert_true(rx_post(t->r, 1, 12 + MAX_FRAME));
	publish(t->r, &t->r->rx);
	virtq_drv_intr_on(&t->r->rx.drv, &t->r->pl);
	rings_as_they_are(t->r);
	return n;
}

/* 120 gaps of exactly 1 ms: the oldest of 121 frames is at t - 120 ms, which is not in the window.
 */
static void p3_06_frame_at_the_windows_open_end_is_outside(void **state)
{
	(void)state;
	for (unsigned early = 0; early < 2; early++) {
		struct clustered t;

		clustered_new(&t, 120, true);
		for (unsigned i = 0; i < 120; i++) {
			frame_at(&t, (i + 1) * MS + (i == 0 && early));
			assert_false(t.c.on);
			assert_int_equal(guest_looks(&t), 1);
		}
		assert_int_equal(t.r->rx_intr.kicks, 120);
		frame_at(&t, 121 * MS);
		assert_int_equal(t.c.on, early);
		assert_int_equal(t.r->rx_intr.kicks, early ? 120 : 121);
		guest_looks(&t);
		rig_free(t.r);
	}
}

static void p3_07_tenth_unprocessed_frame_interrupts_and_not_the_ninth(void **state)
{
	(void)state;
	for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
		struct clustered t;

		clustered_new(&t, 1, event_idx);
		frame_at(&t, US);
		assert_int_equal(t.r->rx_intr.kicks, 1);
		guest_looks(&t);
		for (unsigned round = 2; round < 12; round++)
			for (unsigned i = 1; i <= 10; i++) {
				frame_at(&t, (round * 100 + i) * US);
				assert_true(t.c.on);
				assert_int_equal(t.r->rx_intr.kicks, i < 10 ? round - 1 : round);
				if (i == 10)
					assert_int_equal(guest_looks(&t), 10);
			}
		assert_int_equal(t.c.by_count, 10);
		rig_free(t.r);
	}
}

/* The alarm is set once for the first of the tail, and what wakes the host before changes nothing.
 */
static void p3_08_tail_is_delivered_at_its_bound_and_not_before(void **state)
{
	(void)state;
	for (unsigned tail = 1; tail < 10; tail++) {
		struct clustered t;
		plat_time first = 300 * US;

		clustered_new(&t, 1, tail & 1);
		frame_at(&t, US);
		guest_looks(&t);
		for (unsigned i = 0; i < tail; i++) {
			frame_at(&t, first + i * 100 * US);
			assert_int_equal(t.alarm.armed, first + 5 * MS);
		}
		t.r->pl.now = first + 5 * MS - 1;
		host_rx(t.r);
		assert_int_equal(t.r->rx_intr.kicks, 1);
		t.r->pl.now = first + 5 * MS;
		host_rx(t.r);
		assert_int_equal(t.r->rx_intr.kicks, 2);
		assert_int_equal(t.c.by_timer, 1);
		assert_true(t.alarm.armed == PLAT_NEVER);
		assert_int_equal(guest_looks(&t), tail);
		rig_free(t.r);
	}
}

static void p3_09_guest_that_looks_by_itself_lowers_the_unprocessed_count(void **state)
{
	(void)state;
	for (unsigned event_idx = 0; event_idx < 2; event_idx++)
		for (unsigned seen = 1; seen < 10; seen++) {
			struct clustered t;

			clustered_new(&t, 1, event_idx);
			frame_at(&t, US);
			guest_looks(&t);
			for (unsigned i = 0; i < seen; i++)
				frame_at(&t, (100 + i) * US);
			assert_int_equal(guest_looks(&t), seen);
			for (unsigned i = 1; i <= 10; i++) {
				frame_at(&t, (200 + i) * US);
				assert_int_equal(t.r->rx_intr.kicks, 1 + (i == 10));
			}
			assert_int_equal(guest_looks(&t), 10);
			rig_free(t.r);
		}
}

/* By its flag: what was published meanwhile is found when the driver unmasks and looks. */
static void p3_12_driver_that_masks_is_told_once_when_it_unmasks(void **state)
{
	struct clustered t;

	(void)state;
	clustered_new(&t, 1, false);
	frame_at(&t, US);
	guest_looks(&t);
	virtq_drv_intr_off(&t.r->rx.drv);
	rings_as_they_are(t.r);
	for (unsigned i = 0; i < 25; i++)
		frame_at(&t, (100 + i) * US);
	assert_int_equal(t.r->rx_intr.kicks, 1);
	assert_true(virtq_drv_intr_on(&t.r->rx.drv, &t.r->pl));
	assert_int_equal(guest_looks(&t), 25);
	assert_false(virtq_drv_intr_on(&t.r->rx.drv, &t.r->pl));
	for (unsigned i = 1; i <= 10; i++)
		frame_at(&t, (200 + i) * US);
	assert_int_equal(t.r->rx_intr.kicks, 2);
	guest_looks(&t);
	rig_free(t.r);
}

/* ---- batched transmit ---- */

struct batched {
	struct rig *r;
	struct txbatch b;
	struct plat_line alarm;
};

static void batched_new(struct batched *t, uint32_t count, plat_time ack_age, plat_time timer)
{
	*t = (struct batched){
		.r = rig_new((struct rig_opts){.policy = "zero-copy", .event_idx = true})};
	t->b = (struct txbatch){.count = count,
				.ack_age = ack_age,
				.timer = timer,
				.alarm = &t->alarm,
				.armed = PLAT_NEVER};
	t->r->pl.cost = 0; /* moments are exact */
	start(t->r);
}

/* The guest commits at `at`, with a frame or without: does it ask the host? */
static bool asks(struct batched *t, plat_time at, bool frame)
{
	t->r->pl.now = at;
	if (frame)
		assert_true(tx_post(t->r, 2, 300));
	publish(t->r, &t->r->tx);
	return txbatch_due(&t->b, &t->r->tx.drv, &t->r->pl, false) &&
	       virtq_drv_should_kick(&t->r->tx.drv, &t->r->pl);
}

/* What the device was told are addresses for it, not the guest's own numbers. */
static void p3_16_one_request_serves_n_pointers_by_converted_addresses_in_order(void **state)
{
	struct batched t;
	unsigned from;

	(void)state;
	batched_new(&t, 12, 0, MS);
	for (unsigned round = 0; round < 4; round++) {
		from = t.r->port.tx_sent;
		for (unsigned i = 1; i <= 12; i++)
			assert_int_equal(asks(&t, round * US + i, true), i == 12);
		host_tx(t.r);
		host_tx(t.r);
		assert_int_equal(t.r->port.tx_sent, from + 12);
		for (unsigned i = from; i < from + 12; i++) {
			sent_is(t.r, i);
			assert_true(plat_test_sent(&t.r->port, i)->seg[0].dma >= PLAT_TEST_DMA_OUT);
		}
		assert_int_equal(tx_take(t.r), 12);
	}
	assert_int_equal(t.b.due[TXBATCH_COUNT], 4);
	tx_copied_by_policy(t.r);
	rig_free(t.r);
}

static void p3_17_ack_age_asks_at_t_max_and_not_a_picosecond_before(void **state)
{
	struct batched t;

	(void)state;
	batched_new(&t, 100, 50 * US, 0);
	assert_false(asks(&t, 10 * US, true));
	assert_int_equal(t.alarm.armed, 50 * US);
	assert_false(asks(&t, 50 * US - 1, true));
	assert_true(asks(&t, 50 * US, false));
	host_tx(t.r);
	host_tx(t.r);                          /* both are acknowledged */
	assert_false(asks(&t, 70 * US, true)); /* and that is seen now */
	assert_int_equal(t.alarm.armed, 120 * US);
	assert_false(asks(&t, 120 * US - 1, true));
	assert_true(asks(&t, 120 * US, false));
	assert_true(t.alarm.armed == PLAT_NEVER);
	assert_int_equal(t.b.due[TXBATCH_ACK_AGE], 2);
	host_tx(t.r);
	host_tx(t.r);
	assert_false(asks(&t, 500 * US, false)); /* nothing waits: nothing is asked */
	assert_int_equal(t.b.due[TXBATCH_ACK_AGE], 2);
	rig_free(t.r);
}

static void p3_17_timer_asks_for_the_first_pointer_that_waits(void **state)
{
	struct batched t;

	(void)state;
	batched_new(&t, 100, 0, 30 * US);
	for (unsigned round = 1; round < 4; round++) {
		plat_time first = round * 100 * US;

		assert_false(asks(&t, first, true));
		assert_false(asks(&t, first + 20 * US, true));
		assert_int_equal(t.alarm.armed, first + 30 * US);
		assert_false(asks(&t, first + 30 * US - 1, false));
		assert_true(asks(&t, first + 30 * US, false));
		host_tx(t.r);
		host_tx(t.r);
	}
	assert_int_equal(t.b.due[TXBATCH_TIMER], 3);
	rig_free(t.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p3_01_next_available_slot_is_written_byte_by_byte_and_no_other),
		cmocka_unit_test(
			p3_02_slot_not_available_is_not_written_though_stale_pointers_linger),
		cmocka_unit_test(
			p3_10_empty_queue_drops_by_name_and_recovers_in_order_after_refill),
		cmocka_unit_test(p3_11_frame_larger_than_a_slot_is_chained_or_dropped_by_rule),
		cmocka_unit_test(p3_15_rings_of_1_2_and_512_wrap_more_than_twice),
		cmocka_unit_test(p3_06_frame_at_the_windows_open_end_is_outside),
		cmocka_unit_test(p3_07_tenth_unprocessed_frame_interrupts_and_not_the_ninth),
		cmocka_unit_test(p3_08_tail_is_delivered_at_its_bound_and_not_before),
		cmocka_unit_test(p3_09_guest_that_looks_by_itself_lowers_the_unprocessed_count),
		cmocka_unit_test(p3_12_driver_that_masks_is_told_once_when_it_unmasks),
		cmocka_unit_test(
			p3_16_one_request_serves_n_pointers_by_converted_addresses_in_order),
		cmocka_unit_test(p3_17_ack_age_asks_at_t_max_and_not_a_picosecond_before),
		cmocka_unit_test(p3_17_timer_asks_for_the_first_pointer_that_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
