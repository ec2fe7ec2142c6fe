/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_virtq_notify.c - kicks and interrupts of a split virtqueue: what flags and event indices ask
 * for, and that no wake-up is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frame.h"
#include "test_virtq_mock.h"

#define ALL_FEATURES (VIRTQ_F_INDIRECT | VIRTQ_F_EVENT_IDX)

/* ---- notifications ------------------------------------------------------------------------ */

static void need_event_is_true_exactly_when_the_event_was_passed(void **state)
{
	(void)state;
	uint64_t rnd = mock_seed(11);
	for (uint32_t i = 0; i < mock_scaled(20000); i++) {
		uint16_t was = (uint16_t)mock_random(&rnd), event = (uint16_t)(was + i % 40 - 20);
		uint32_t n = i % 33;
		bool passed = false;
		for (uint32_t k = 0; k < n; k++)
			passed |= (uint16_t)(was + k) == event;
		assert_int_equal(virtq_need_event(event, (uint16_t)(was + n), n), passed);
	}
	assert_true(virtq_need_event(7, 5, 70000));
}

/* One chain from the driver to the device and back; what each side would have kicked. */
static void one_round(struct mock *m, bool *kick, bool *notify)
{
	struct virtq_seg seg = {{64}, 64};
	struct virtq_chain c;
	assert_true(virtq_drv_add(&m->drv, &m->pl, &seg, 0, 1, 0, NULL));
	virtq_drv_publish(&m->drv);
	*kick = virtq_drv_should_kick(&m->drv, &m->pl);
	virtq_dev_avail(&m->dev);
	assert_true(virtq_dev_pop(&m->dev, &m->pl, &c, &seg, 1));
	virtq_dev_push(&m->dev, &m->pl, c.head, 0, NULL);
	virtq_dev_publish(&m->dev);
	*notify = virtq_dev_should_notify(&m->dev, &m->pl);
	virtq_drv_used(&m->drv);
	assert_true(virtq_drv_get(&m->drv, &m->pl, NULL, NULL, NULL));
}

static void flags_suppress_kicks_and_interrupts_until_taken_back(void **state)
{
	(void)state;
	struct mock m;
	bool kick, notify;
	mock_init(&m, 4, 0, 0, false, 4096);
	for (unsigned i = 0; i < 3; i++) {
		one_round(&m, &kick, &notify);
		assert_true(kick && notify);
	}
	virtq_dev_notify_off(&m.dev);
	virtq_drv_intr_off(&m.drv);
	for (unsigned i = 0; i < 3; i++) {
		one_round(&m, &kick, &notify);
		assert_false(kick || notify);
	}
	assert_false(virtq_dev_notify_on(&m.dev, &m.pl));
	assert_false(virtq_drv_intr_on(&m.drv, &m.pl));
	one_round(&m, &kick, &notify);
	assert_true(kick && notify);
	assert_int_equal(m.drv.kicks, 4);
	assert_int_equal(m.drv.suppressed, 3);
	assert_int_equal(m.dev.notifies, 4);
	assert_int_equal(m.dev.suppressed, 3);
	assert_false(virtq_drv_should_kick(&m.drv, &m.pl));
	assert_false(virtq_dev_should_notify(&m.dev, &m.pl));
	mock_fini(&m);
}

static void event_index_asks_for_one_kick_and_gets_one(void **state)
{
	(void)state;
	struct mock m;
	bool kick, notify;
	mock_init(&m, 4, VIRTQ_F_EVENT_IDX, 0, false, 4096);
	unsigned kicks = 0, notifies = 0;
	for (unsigned i = 0; i < 70000; i++) { /* once more when idx comes round */
		one_round(&m, &kick, &notify);
		kicks += kick;
		notifies += notify;
		assert_true(!kick || i % 65536 == 0);
	}
	assert_int_equal(kicks, 2);
	assert_int_equal(notifies, 2);
	assert_false(virtq_dev_notify_on(&m.dev, &m.pl));
	one_round(&m, &kick, &notify);
	assert_true(kick && !notify);
	assert_false(virtq_drv_intr_on(&m.drv, &m.pl));
	one_round(&m, &kick, &notify);
	assert_true(!kick && notify);
	mock_fini(&m);
}

/* Four chains are out; they come back one by one, and only the last is worth an interrupt. */
static void one_interrupt_when_the_last_comes_back(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct mock m;
		struct virtq_seg seg = {{64}, 64};
		struct virtq_chain c;

		mock_init(&m, 8, k ? VIRTQ_F_EVENT_IDX : 0, 0, false, 4096);
		for (unsigned i = 0; i < 4; i++)
			virtq_drv_add(&m.drv, &m.pl, &seg, 0, 1, i, NULL);
		virtq_drv_publish(&m.drv);
		assert_false(virtq_drv_intr_last(&m.drv, &m.pl));
		assert_int_equal(virtq_dev_avail(&m.dev), 4);
		for (unsigned i = 0; i < 4; i++) {
			assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, &seg, 1));
			virtq_dev_push(&m.dev, &m.pl, c.head, 0, NULL);
			virtq_dev_publish(&m.dev);
			assert_int_equal(virtq_dev_should_notify(&m.dev, &m.pl), !k || i == 3);
		}
		assert_true(virtq_drv_intr_last(&m.drv, &m.pl));
		virtq_drv_should_kick(&m.drv, &m.pl);
		mock_fini(&m);
	}
}

static void enabling_looks_again_and_finds_what_came_meanwhile(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct mock m;
		struct virtq_seg seg = {{64}, 64};
		struct virtq_chain c;
		mock_init(&m, 4, k ? VIRTQ_F_EVENT_IDX : 0, 0, false, 4096);
		assert_int_equal(virtq_dev_avail(&m.dev), 0);
		virtq_drv_add(&m.drv, &m.pl, &seg, 0, 1, 0, NULL);
		assert_false(virtq_dev_notify_on(&m.dev, &m.pl));
		virtq_drv_publish(&m.drv);
		assert_true(virtq_dev_notify_on(&m.dev, &m.pl));
		assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, &seg, 1));
		virtq_dev_push(&m.dev, &m.pl, c.head, 0, NULL);
		assert_false(virtq_drv_intr_on(&m.drv, &m.pl));
		virtq_dev_publish(&m.dev);
		assert_true(virtq_drv_intr_on(&m.drv, &m.pl));
		assert_true(virtq_drv_get(&m.drv, &m.pl, NULL, NULL, NULL));
		/* each decision behind a full fence: two of them, and four enablings */
		virtq_drv_should_kick(&m.drv, &m.pl);
		virtq_dev_should_notify(&m.dev, &m.pl);
		assert_int_equal(m.pl.ops[PLAT_TEST_FENCE], 6);
		mock_fini(&m);
	}
}

static void decision_over_more_than_65535_entries_is_to_notify(void **state)
{
	(void)state;
	struct mock m;
	struct virtq_seg seg = {{64}, 64};
	struct virtq_chain c;
	mock_init(&m, 4, VIRTQ_F_EVENT_IDX, 0, false, 4096);
	for (unsigned i = 0; i < 65537; i++) {
		virtq_drv_add(&m.drv, &m.pl, &seg, 0, 1, 0, NULL);
		virtq_drv_publish(&m.drv);
		virtq_dev_avail(&m.dev);
		assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, &seg, 1));
		virtq_dev_push(&m.dev, &m.pl, c.head, 0, NULL);
		virtq_dev_publish(&m.dev);
		virtq_drv_used(&m.drv);
		assert_true(virtq_drv_get(&m.drv, &m.pl, NULL, NULL, NULL));
	}
	m.drv.last_used = 40000; /* not among the last few: only the full lap can have passed it */
	virtq_dev_notify_on(&m.dev, &m.pl);
	plat_publish_idx(virtq_word(&m.dev.avail, virtq_used_event_pos(4)), 40000);
	assert_true(virtq_dev_should_notify(&m.dev, &m.pl));
	plat_publish_idx(virtq_word(&m.drv.used, virtq_avail_event_pos(4)), 40000);
	assert_true(virtq_drv_should_kick(&m.drv, &m.pl));
	mock_fini(&m);
}

/*
 * Driver and device as two machines whose steps interleave at random; each sleeps when it finds
 * nothing and is woken by the other's kick only. True if all packets went round; false if both
 * slept before. `look_again` false is the mistake: it sleeps without regard for the re-check.
 */
enum step { WORK, ENABLE, ASLEEP };

struct pair {
	struct mock m;
	uint64_t rnd;
	enum step drv, dev;
	uint32_t sent, got, end;
	bool look_again;
};

static void driver_step(struct pair *p)
{
	struct mock *m = &p->m;
	struct virtq_seg seg = {{64}, 64};
	if (p->drv == ENABLE) {
		bool more = virtq_drv_intr_on(&m->drv, &m->pl);
		p->drv = more && p->look_again ? WORK : ASLEEP;
		return;
	}
	virtq_drv_intr_off(&m->drv);
	virtq_drv_used(&m->drv);
	while (virtq_drv_get(&m->drv, &m->pl, NULL, NULL, NULL))
		p->got++;
	unsigned burst = 1 + mock_below(&p->rnd, 5);
	while (burst-- > 0 && p->sent < p->end &&
	       virtq_drv_add(&m->drv, &m->pl, &seg, 1, 0, p->sent, NULL))
		p->sent++;
	virtq_drv_publish(&m->drv);
	if (virtq_drv_should_kick(&m->drv, &m->pl) && p->dev == ASLEEP)
		p->dev = WORK;
	if (virtq_drv_room(&m->drv) == 0 || p->sent == p->end)
		p->drv = ENABLE;
}

static void device_step(struct pair *p)
{
	struct mock *m = &p->m;
	struct virtq_chain c;
	struct virtq_seg seg;
	if (p->dev == ENABLE) {
		bool more = virtq_dev_notify_on(&m->dev, &m->pl);
		p->dev = more && p->look_again ? WORK : ASLEEP;
		return;
	}
	virtq_dev_notify_off(&m->dev);
	virtq_dev_avail(&m->dev);
	while (virtq_dev_pop(&m->dev, &m->pl, &c, &seg, 1))
		virtq_dev_push(&m->dev, &m->pl, c.head, 0, NULL);
	virtq_dev_publish(&m->dev);
	if (virtq_dev_should_notify(&m->dev, &m->pl) && p->drv == ASLEEP)
		p->drv = WORK;
	p->dev = ENABLE;
}

static bool all_goes_round(uint64_t features, uint64_t seed, bool look_again)
{
	struct pair p = {.rnd = seed, .end = 300, .look_again = look_again};
	mock_init(&p.m, 1u << (seed % 4), features, 0, true, 4096);
	while (p.got < p.end && (p.drv != ASLEEP || p.dev != ASLEEP)) {
		if (p.drv != ASLEEP && (p.dev == ASLEEP || (mock_random(&p.rnd) & 1)))
			driver_step(&p);
		else
			device_step(&p);
	}
	mock_fini(&p.m);
	return p.got == p.end;
}

static void no_wakeup_is_lost_in_random_interleavings(void **state)
{
	(void)state;
	uint64_t seed = mock_seed(4711);
	for (uint64_t i = 0; i < mock_scaled(2000); i++) {
		assert_true(all_goes_round(0, seed + i, true));
		assert_true(all_goes_round(VIRTQ_F_EVENT_IDX, seed + i, true));
	}
}

static void sides_that_do_not_look_again_fall_asleep_both(void **state)
{
	(void)state;
	unsigned lost[2] = {0, 0};
	for (uint64_t i = 0; i < 50; i++) {
		lost[0] += !all_goes_round(0, i, false);
		lost[1] += !all_goes_round(VIRTQ_F_EVENT_IDX, i, false);
	}
	assert_true(lost[0] > 0 && lost[1] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(need_event_is_true_exactly_when_the_event_was_passed),
		cmocka_unit_test(flags_suppress_kicks_and_interrupts_until_taken_back),
		cmocka_unit_test(event_index_asks_for_one_kick_and_gets_one),
		cmocka_unit_test(one_interrupt_when_the_last_comes_back),
		cmocka_unit_test(enabling_looks_again_and_finds_what_came_meanwhile),
		cmocka_unit_test(decision_over_more_than_65535_entries_is_to_notify),
		cmocka_unit_test(no_wakeup_is_lost_in_random_interleavings),
		cmocka_unit_test(sides_that_do_not_look_again_fall_asleep_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
