/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event.c - the parts of the event queue that need not be inline: see event.h for how it works.
 *
 * What always holds here: for each pending event, its list is the one that evq_level() and
 * evq_slot() give for its time and the present `now`. Whoever moves `now` across a digit must
 * therefore re-place the one slot that it enters; every lower level is empty at that moment, for
 * its events would be earlier than the new `now`.
 */
#include "event.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void evq_fatal(const struct evq *q, const char *file, int line, const char *expr)
{
	fprintf(stderr, "simulated time %" PRIu64 " ps: %s:%d: assertion failed: %s\n", q->now,
		file, line, expr);
	abort();
}

void evq_init(struct evq *q)
{
	*q = (struct evq){.now = 0};
	for (unsigned int level = 0; level < EVQ_LEVELS; level++) {
		for (unsigned int slot = 0; slot < EVQ_SLOTS; slot++) {
			struct event_link *head = &q->slot[level][slot];

			head->next = head;
			head->prev = head;
		}
	}
}

/* The first of the earliest events in a list that is not empty. */
static inline struct event *earliest(const struct event_link *head)
{
	struct event *best = (struct event *)head->next;

	for (struct event_link *l = best->link.next; l != head; l = l->next) {
		struct event *ev = (struct event *)l;

		if (ev->at < best->at)
			best = ev;
	}
	return best;
}

/* Empties a slot and places all of its events but `skip` as the present `now` has it. */
static inline void replace_slot(struct evq *q, unsigned int level, unsigned int slot,
				const struct event *skip)
{
	struct event_link *head = &q->slot[level][slot], *l = head->next, *next;

	head->next = head;
	head->prev = head;
	evq_vacate(q, level, slot);
	for (; l != head; l = next) {
		next = l->next;
		if ((struct event *)l != skip)
			evq_place(q, (struct event *)l);
	}
}

sim_time evq_peek(const struct evq *q)
{
	unsigned int level, slot;

	if (!q->levels)
		return SIM_NEVER;
	level = (unsigned int)__builtin_ctz(q->levels);
	slot = (unsigned int)__builtin_ctzll(q->bits[level]);
	if (!level)
		return ((struct event *)q->slot[level][slot].next)->at;
	return earliest(&q->slot[level][slot])->at;
}

struct event *evq_cascade(struct evq *q, unsigned int level, unsigned int slot, sim_time until)
{
	struct event *ev = earliest(&q->slot[level][slot]);

	if (ev->at > until)
		return NULL;
	q->now = ev->at;
	replace_slot(q, level, slot, ev);
	return ev;
}

/* Moves `now` to a time before which nothing is pending. */
static void advance(struct evq *q, sim_time to)
{
	unsigned int level = evq_level(q, to), slot = evq_slot(to, level);

	q->now = to;
	if (level && q->bits[level] >> slot & 1)
		replace_slot(q, level, slot, NULL);
}

void evq_clear(struct evq *q)
{
	while (q->levels) {
		unsigned int level = (unsigned int)__builtin_ctz(q->levels);
		unsigned int slot = (unsigned int)__builtin_ctzll(q->bits[level]);

		evq_cancel(q, (struct event *)q->slot[level][slot].next);
	}
}

uint64_t evq_run(struct evq *q, sim_time until)
{
	uint64_t before = q->executed;
	struct event *ev;

	while ((ev = evq_pop(q, until)) != NULL) {
		q->executed++;
		ev->fn(ev);
	}
	if (until != SIM_NEVER && until > q->now)
		advance(q, until);
	return q->executed - before;
}
