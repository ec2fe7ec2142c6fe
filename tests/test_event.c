/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_event.c - the event wheel does what a heap of (time, order of scheduling) does, and keeps
 * the promises of event.h that a heap cannot show.
 *
 * The main property drives wheel and heap with the same random operations and compares every pop,
 * every peek and the count. Its seeds are printed. VNICSIM_TEST_SCALE divides the work.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "heap_oracle.h"
#include "sim/event.h"
#include "sim/rng.h"

/* Never so few that a race could not fill the queue. */
static uint64_t scaled(uint64_t n)
{
	const char *s = getenv("VNICSIM_TEST_SCALE");
	uint64_t divisor = s ? strtoull(s, NULL, 10) : 1;
	uint64_t least = n < 4000 ? n : 4000;

	return divisor > 1 && n / divisor > least ? n / divisor : divisor > 1 ? least : n;
}

/* ---- the same order as the oracle ---- */

#define ITEMS 1500u

struct race;

struct runner {
	struct event ev;
	struct heap_item hi;
	struct race *race;
};

struct race {
	struct evq q;
	struct heap h;
	struct rng r;
	uint64_t scale; /* delays are made of up to this many bits */
	uint64_t pops;
	struct runner item[ITEMS];
};

static struct runner *runner_of(struct heap_item *hi)
{
	return hi ? (struct runner *)((char *)hi - offsetof(struct runner, hi)) : NULL;
}

/* Delays over all magnitudes up to the scale, coarse ones with many ties, zero often. */
static sim_time random_delay(struct race *rc)
{
	uint64_t bits = rng_below(&rc->r, rc->scale + 1);
	uint64_t delay = rng_u64(&rc->r) & ((1ull << bits) - 1), coarse;

	switch (rng_below(&rc->r, 4)) {
	case 0:
		return delay & 3;
	case 1: /* few distinct values, aligned in absolute time */
		coarse = (rc->q.now + delay) >> rc->scale / 2 << rc->scale / 2;
		return coarse > rc->q.now ? coarse - rc->q.now : 0;
	default:
		return delay;
	}
}

static void race_schedule(struct race *rc, struct runner *it)
{
	sim_time at = rc->q.now + random_delay(rc);

	if (event_pending(&it->ev)) {
		evq_rearm(&rc->q, &it->ev, at);
		heap_cancel(&rc->h, &it->hi);
	} else if (rng_below(&rc->r, 8)) {
		evq_schedule(&rc->q, &it->ev, at);
	} else {
		evq_rearm(&rc->q, &it->ev, at);
	}
	heap_schedule(&rc->h, &it->hi, at);
}

/* The wheel chose this one: so must the heap. Now and then the handler schedules again. */
static void runner_fired(struct event *ev)
{
	struct runner *it = (struct runner *)ev;
	struct race *rc = it->race;

	assert_int_equal(heap_peek(&rc->h), evq_now(&rc->q));
	assert_ptr_equal(runner_of(heap_pop(&rc->h)), it);
	assert_int_equal(it->ev.at, evq_now(&rc->q));
	assert_false(event_pending(ev));
	rc->pops++;
	if (!rng_below(&rc->r, 3))
		race_schedule(rc, &rc->item[rng_below(&rc->r, ITEMS)]);
}

static void race_step(struct race *rc, uint64_t fill)
{
	struct runner *it = &rc->item[rng_below(&rc->r, ITEMS)];
	uint64_t op = rng_below(&rc->r, 100);
	sim_time until;

	if (op < fill) {
		race_schedule(rc, it);
	} else if (op < fill + 10) {
		bool was = event_pending(&it->ev);

		assert_int_equal(was, it->hi.pos != 0);
		evq_cancel(&rc->q, &it->ev);
		heap_cancel(&rc->h, &it->hi);
	} else if (op < 97) {
		bool any = heap_count(&rc->h) != 0;

		assert_int_equal(evq_step(&rc->q), any);
	} else {
		until = rc->q.now + random_delay(rc);
		evq_run(&rc->q, until);
		assert_int_equal(evq_now(&rc->q), until);
		assert_true(heap_peek(&rc->h) > until);
	}
	if (op & 1)
		assert_int_equal(evq_peek(&rc->q), heap_peek(&rc->h));
	assert_int_equal(evq_count(&rc->q), heap_count(&rc->h));
}

static void race_once(struct race *rc, uint64_t seed, uint64_t scale, sim_time start, uint64_t ops)
{
	evq_init(&rc->q);
	heap_init(&rc->h, ITEMS);
	rng_init(&rc->r, seed, "test_event");
	rc->scale = scale;
	rc->pops = 0;
	for (uint32_t i = 0; i < ITEMS; i++) {
		rc->item[i].race = rc;
		rc->item[i].hi.pos = 0;
		event_init(&rc->item[i].ev, runner_fired);
	}
	evq_run(&rc->q, start);
	for (uint64_t i = 0; i < ops; i++) /* the population swells and shrinks */
		race_step(rc, i / 4000 % 2 ? 30 : 65);
	while (evq_step(&rc->q))
		;
	assert_int_equal(heap_count(&rc->h), 0);
	assert_int_equal(rc->q.executed, rc->pops);
	assert_int_equal(rc->q.levels, 0);
	assert_true(rc->pops > ops / 8);
	heap_fini(&rc->h);
}

static void pops_are_those_of_the_heap_under_random_operations(void **state)
{
	static const uint64_t scales[] = {1, 3, 7, 14, 24, 37, 48, 57}; /* 1 ps to 1.7 days */
	struct race *rc = malloc(sizeof(*rc));

	(void)state;
	assert_non_null(rc);
	for (uint64_t seed = 1; seed <= 4; seed++) {
		for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
			printf("seed %" PRIu64 " scale 2^%" PRIu64 " ps\n", seed, scales[i]);
			race_once(rc, seed, scales[i], 0, scaled(scales[i] < 50 ? 40000 : 400));
		}
	}
	free(rc);
}

static void pops_are_those_of_the_heap_across_the_middle_of_time(void **state)
{
	struct race *rc = malloc(sizeof(*rc));

	(void)state;
	assert_non_null(rc);
	race_once(rc, 11, 20, (1ull << 63) - (1ull << 18), scaled(40000));
	assert_true(evq_now(&rc->q) > 1ull << 63);
	race_once(rc, 12, 44, (1ull << 63) - (1ull << 40), scaled(40000));
	assert_true(evq_now(&rc->q) > 1ull << 63);
	free(rc);
}

/* ---- promises one by one ---- */

struct note {
	struct event ev;
	struct diary *diary;
	char name;
};

struct diary {
	struct evq q;
	char log[64];
	size_t len;
	struct note note[8];
};

static void note_write(struct event *ev)
{
	struct note *n = (struct note *)ev;

	n->diary->log[n->diary->len++] = n->name;
}

static void diary_open(struct diary *d)
{
	memset(d, 0, sizeof(*d));
	evq_init(&d->q);
	for (int i = 0; i < 8; i++) {
		d->note[i].diary = d;
		d->note[i].name = (char)('a' + i);
		event_init(&d->note[i].ev, note_write);
	}
}

static void at(struct diary *d, int i, sim_time t)
{
	evq_schedule(&d->q, &d->note[i].ev, t);
}

static void looking_at_the_next_time_changes_nothing(void **state)
{
	static struct diary d, before;

	(void)state;
	diary_open(&d);
	at(&d, 0, 1000000);
	at(&d, 1, 1000001);
	at(&d, 2, 1000000);
	before = d;
	assert_int_equal(evq_peek(&d.q), 1000000);
	assert_memory_equal(&before, &d, sizeof(d));
	at(&d, 3, 5); /* earlier than what was seen */
	assert_int_equal(evq_peek(&d.q), 5);
	assert_int_equal(evq_now(&d.q), 0);
	assert_int_equal(evq_run(&d.q, SIM_NEVER), 4);
	assert_string_equal(d.log, "dacb");
}

static void a_run_that_stops_short_leaves_the_rest_in_order(void **state)
{
	static struct diary d;

	(void)state;
	diary_open(&d);
	at(&d, 0, 70000);
	at(&d, 1, 69999);
	at(&d, 2, 70000);
	assert_int_equal(evq_run(&d.q, 69998), 0);
	assert_int_equal(evq_now(&d.q), 69998);
	at(&d, 3, 69999);
	at(&d, 4, 69998);
	at(&d, 5, 70000);
	assert_int_equal(evq_run(&d.q, 69999), 3);
	assert_string_equal(d.log, "ebd");
	assert_int_equal(evq_run(&d.q, 3), 0);
	assert_int_equal(evq_now(&d.q), 69999);
	assert_int_equal(evq_run(&d.q, SIM_NEVER), 3);
	assert_string_equal(d.log, "ebdacf");
	assert_int_equal(evq_now(&d.q), 70000);
	assert_int_equal(d.q.executed, 6);
}

/* One target time, seen from far and from near, from above and inside its own slot. */
static void equal_times_run_in_order_of_scheduling_from_any_distance(void **state)
{
	const sim_time t = (5ull << 30) + (7ull << 18) + (9ull << 12) + (11ull << 6) + 13;
	static struct diary d;

	(void)state;
	diary_open(&d);
	at(&d, 0, t);
	at(&d, 7, t + 1);
	evq_run(&d.q, 5ull << 30);
	at(&d, 1, t);
	evq_run(&d.q, (5ull << 30) + (7ull << 18));
	at(&d, 2, t);
	evq_run(&d.q, t - 13);
	at(&d, 3, t);
	evq_run(&d.q, t - 1);
	at(&d, 4, t);
	at(&d, 6, t - 1);
	evq_run(&d.q, SIM_NEVER);
	assert_string_equal(d.log, "gabcdeh");
}

static void note_call_next(struct event *ev)
{
	struct note *n = (struct note *)ev;

	note_write(ev);
	at(n->diary, 3, evq_now(&n->diary->q));
	at(n->diary, 4, evq_now(&n->diary->q));
}

static void an_event_scheduled_now_runs_after_those_already_queued_for_now(void **state)
{
	static struct diary d;

	(void)state;
	diary_open(&d);
	event_init(&d.note[0].ev, note_call_next);
	at(&d, 0, 12345678);
	at(&d, 1, 12345678);
	at(&d, 5, 12345679);
	at(&d, 2, 12345678);
	assert_int_equal(evq_run(&d.q, 12345678), 5);
	assert_string_equal(d.log, "abcde");
	evq_run(&d.q, SIM_NEVER);
	assert_string_equal(d.log, "abcdef");
}

static void note_cancel_others(struct event *ev)
{
	struct note *n = (struct note *)ev;

	note_write(ev);
	evq_cancel(&n->diary->q, &n->diary->note[1].ev);
	evq_rearm(&n->diary->q, &n->diary->note[2].ev, evq_now(&n->diary->q));
	evq_cancel(&n->diary->q, ev); /* itself: it is not pending any more */
}

static void cancelled_events_do_not_run_and_rearmed_ones_queue_anew(void **state)
{
	static struct diary d;

	(void)state;
	diary_open(&d);
	event_init(&d.note[0].ev, note_cancel_others);
	at(&d, 0, 4096);
	at(&d, 1, 4096);
	at(&d, 2, 4096);
	at(&d, 3, 4096);
	at(&d, 4, 9999);
	evq_cancel(&d.q, &d.note[4].ev);
	evq_cancel(&d.q, &d.note[4].ev);
	evq_cancel(&d.q, &d.note[5].ev);
	assert_false(event_pending(&d.note[4].ev));
	assert_true(event_pending(&d.note[3].ev));
	assert_int_equal(evq_count(&d.q), 4);
	evq_run(&d.q, SIM_NEVER);
	assert_string_equal(d.log, "adc");
	assert_int_equal(evq_now(&d.q), 4096);
	assert_int_equal(evq_count(&d.q), 0);
}

static void an_empty_queue_has_no_next_time_and_takes_no_step(void **state)
{
	static struct diary d;

	(void)state;
	diary_open(&d);
	assert_int_equal(evq_peek(&d.q), SIM_NEVER);
	assert_false(evq_step(&d.q));
	assert_int_equal(evq_run(&d.q, SIM_NEVER), 0);
	assert_int_equal(evq_now(&d.q), 0);
	at(&d, 0, 64);
	evq_cancel(&d.q, &d.note[0].ev);
	assert_int_equal(evq_peek(&d.q), SIM_NEVER);
	assert_false(evq_step(&d.q));
}

static void a_cleared_queue_has_let_go_of_every_event(void **state)
{
	static struct diary d;
	struct evq zero = {0};

	(void)state;
	diary_open(&d);
	at(&d, 0, 0);
	at(&d, 1, 64);
	at(&d, 2, 64);
	at(&d, 3, 1ull << 40);
	at(&d, 4, SIM_NEVER - 1);
	evq_clear(&d.q);
	for (unsigned i = 0; i < 5; i++)
		assert_false(event_pending(&d.note[i].ev));
	assert_int_equal(evq_count(&d.q), 0);
	assert_int_equal(evq_peek(&d.q), SIM_NEVER);
	at(&d, 3, 100); /* and may be used again */
	evq_run(&d.q, SIM_NEVER);
	assert_string_equal(d.log, "d");
	evq_clear(&zero);
}

static void the_last_representable_times_work(void **state)
{
	static struct diary d;

	(void)state;
	diary_open(&d);
	at(&d, 0, SIM_NEVER - 1);
	at(&d, 1, 1ull << 63);
	at(&d, 2, (1ull << 63) - 1);
	at(&d, 3, SIM_NEVER - 2);
	at(&d, 4, SIM_NEVER - 1);
	at(&d, 5, 0);
	evq_run(&d.q, SIM_NEVER - 2);
	assert_string_equal(d.log, "fcbd");
	evq_run(&d.q, SIM_NEVER);
	assert_string_equal(d.log, "fcbdae");
	assert_int_equal(evq_now(&d.q), SIM_NEVER - 1);
}

static void two_queues_do_not_notice_each_other(void **state)
{
	static struct diary a, b;

	(void)state;
	diary_open(&a);
	diary_open(&b);
	at(&a, 0, 100);
	at(&b, 1, 7);
	at(&a, 2, 5000);
	at(&b, 3, 4000);
	assert_true(evq_step(&a.q));
	assert_int_equal(evq_now(&b.q), 0);
	assert_int_equal(evq_run(&b.q, SIM_NEVER), 2);
	assert_int_equal(evq_now(&a.q), 100);
	assert_int_equal(evq_run(&a.q, SIM_NEVER), 1);
	assert_string_equal(a.log, "ac");
	assert_string_equal(b.log, "bd");
}

static void owner_free(struct event *ev)
{
	free(ev);
}

static void a_handler_may_free_its_owner(void **state)
{
	struct evq *q = malloc(sizeof(*q));

	(void)state;
	assert_non_null(q);
	evq_init(q);
	for (int i = 0; i < 100; i++) {
		struct event *ev = malloc(sizeof(*ev));

		assert_non_null(ev);
		event_init(ev, owner_free);
		evq_schedule(q, ev, (sim_time)(i * 37 % 64) << i % 20);
	}
	assert_int_equal(evq_run(q, SIM_NEVER), 100);
	free(q);
}

/* ---- our own mistakes are loud ---- */

/* Runs `mistake` in a child, which must abort; returns what it said on stderr. */
static void expect_abort(void (*mistake)(struct diary *d), char *said, size_t size)
{
	static struct diary d;
	int fds[2], status;
	size_t len = 0;
	ssize_t got;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		signal(SIGABRT, SIG_DFL);
		dup2(fds[1], STDERR_FILENO);
		diary_open(&d);
		evq_run(&d.q, 777);
		mistake(&d);
		_exit(0);
	}
	close(fds[1]);
	while (len < size - 1 && (got = read(fds[0], said + len, size - 1 - len)) > 0)
		len += (size_t)got;
	said[len] = 0;
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void mistake_past(struct diary *d)
{
	at(d, 0, 776);
}

static void mistake_never(struct diary *d)
{
	at(d, 0, SIM_NEVER);
}

static void mistake_twice(struct diary *d)
{
	at(d, 0, 1000);
	at(d, 0, 1001);
}

static void a_misused_queue_aborts_with_time_and_reason(void **state)
{
	char said[1024];

	(void)state;
	expect_abort(mistake_past, said, sizeof(said));
	assert_non_null(strstr(said, "simulated time 777 ps"));
	assert_non_null(strstr(said, "at >= q->now"));
	expect_abort(mistake_never, said, sizeof(said));
	assert_non_null(strstr(said, "at != SIM_NEVER"));
	expect_abort(mistake_twice, said, sizeof(said));
	assert_non_null(strstr(said, "!event_pending(ev)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pops_are_those_of_the_heap_under_random_operations),
		cmocka_unit_test(pops_are_those_of_the_heap_across_the_middle_of_time),
		cmocka_unit_test(looking_at_the_next_time_changes_nothing),
		cmocka_unit_test(a_run_that_stops_short_leaves_the_rest_in_order),
		cmocka_unit_test(equal_times_run_in_order_of_scheduling_from_any_distance),
		cmocka_unit_test(an_event_scheduled_now_runs_after_those_already_queued_for_now),
		cmocka_unit_test(cancelled_events_do_not_run_and_rearmed_ones_queue_anew),
		cmocka_unit_test(an_empty_queue_has_no_next_time_and_takes_no_step),
		cmocka_unit_test(a_cleared_queue_has_let_go_of_every_event),
		cmocka_unit_test(the_last_representable_times_work),
		cmocka_unit_test(two_queues_do_not_notice_each_other),
		cmocka_unit_test(a_handler_may_free_its_owner),
		cmocka_unit_test(a_misused_queue_aborts_with_time_and_reason),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
