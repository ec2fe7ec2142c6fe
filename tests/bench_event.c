/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_event.c - how many holds a second the event wheel does, and a 4-ary heap beside it.
 *
 * A hold takes the earliest event, calls its handler, and the handler schedules it again after an
 * exponential gap. Both queues do the same holds in the same order, with the same items and the
 * same gaps, drawn beforehand. CPU time of this process, median of five rounds, the two queues in
 * turn so that a slow spell of the machine hits both. Prints a table; judges nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_time.h"
#include "heap_oracle.h"
#include "sim/event.h"
#include "sim/rng.h"

#define ROUNDS 5
#define GAPS   (1u << 16)

struct bench;

struct item {
	struct event ev;
	struct heap_item hi;
	struct bench *b;
	void (*fn)(struct item *it);
};

struct bench {
	struct evq q;
	struct heap h;
	sim_time heap_now;
	uint32_t draw; /* next gap */
	sim_time gap[GAPS];
};

static sim_time next_gap(struct bench *b)
{
	return b->gap[b->draw++ % GAPS];
}

static void wheel_fire(struct event *ev)
{
	struct item *it = (struct item *)ev; /* its first member */

	evq_schedule(&it->b->q, ev, evq_now(&it->b->q) + next_gap(it->b));
}

static void heap_fire(struct item *it)
{
	heap_schedule(&it->b->h, &it->hi, it->b->heap_now + next_gap(it->b));
}

static double wheel_round(struct bench *b, struct item *items, uint32_t n, uint64_t holds)
{
	double start;

	evq_init(&b->q);
	b->draw = 0;
	for (uint32_t i = 0; i < n; i++) {
		event_init(&items[i].ev, wheel_fire);
		evq_schedule(&b->q, &items[i].ev, next_gap(b));
	}
	for (uint64_t i = 0; i < holds / 8; i++)
		evq_step(&b->q);
	start = bench_cpu_seconds();
	for (uint64_t i = 0; i < holds; i++)
		evq_step(&b->q);
	return bench_cpu_seconds() - start;
}

static void heap_step(struct bench *b)
{
	struct item *it;

	b->heap_now = heap_peek(&b->h);
	it = (struct item *)((char *)heap_pop(&b->h) - offsetof(struct item, hi));
	it->fn(it);
}

static double heap_round(struct bench *b, struct item *items, uint32_t n, uint64_t holds)
{
	double start, spent;

	heap_init(&b->h, n);
	b->draw = 0;
	for (uint32_t i = 0; i < n; i++) {
		items[i].fn = heap_fire;
		heap_schedule(&b->h, &items[i].hi, next_gap(b));
	}
	for (uint64_t i = 0; i < holds / 8; i++)
		heap_step(b);
	start = bench_cpu_seconds();
	for (uint64_t i = 0; i < holds; i++)
		heap_step(b);
	spent = bench_cpu_seconds() - start;
	if (b->heap_now != evq_now(&b->q)) {
		fprintf(stderr, "wheel and heap disagree\n");
		exit(1);
	}
	heap_fini(&b->h);
	return spent;
}

static void measure(struct bench *b, uint32_t n, uint64_t holds)
{
	double wheel[ROUNDS], heap[ROUNDS], m = (double)holds / 1e6, w, h;
	struct item *items = calloc(n, sizeof(*items));
	struct rng r;

	if (!items)
		abort();
	rng_init(&r, 1, "bench_event");
	for (uint32_t i = 0; i < GAPS; i++)
		b->gap[i] = rng_exp(&r, SIM_NS * n);
	for (uint32_t i = 0; i < n; i++)
		items[i].b = b;
	for (int i = 0; i < ROUNDS; i++) {
		wheel[i] = wheel_round(b, items, n, holds);
		heap[i] = heap_round(b, items, n, holds);
	}
	w = bench_median(wheel, ROUNDS);
	h = bench_median(heap, ROUNDS);
	printf("%8" PRIu32 " %16.1f %16.1f %8.2f\n", n, m / w, m / h, h / w);
	free(items);
}

int main(int argc, char **argv)
{
	uint64_t holds = argc > 1 ? strtoull(argv[1], NULL, 10) : 8000000;
	struct bench *b = malloc(sizeof(*b));

	if (!b || !holds) {
		fprintf(stderr, "usage: bench_event [HOLDS]\n");
		return 2;
	}
	printf("%8s %16s %16s %8s\n", "pending", "wheel Mholds/s", "heap Mholds/s", "ratio");
	measure(b, 100, holds);
	measure(b, 1000, holds);
	measure(b, 10000, holds);
	free(b);
	return 0;
}
