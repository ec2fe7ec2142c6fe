/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event.h - the queue of events: what happens next in simulated time.
 *
 * How it works. The 64 bits of a time are read as 11 digits of 6 bits. The queue's base is the
 * current time `now`. A pending event sits on the level of the highest digit in which its time
 * differs from `now` (level 0 when it differs in the last digit or not at all), in the slot
 * numbered by its own digit there. One bitmap a level says which slots hold something, one word
 * says which levels do. The earliest event is therefore in the lowest occupied slot of the lowest
 * occupied level: two count-trailing-zeros away. On level 0 all events of a slot carry the same
 * time. On a higher level the slot's list is scanned for its earliest event, `now` jumps straight
 * to it, and the others drop to the levels that the new `now` gives them. An event drops at most
 * ten times in its life; insert and cancel are O(1).
 *
 * What always holds.
 *   - Order is total: by time, then by order of scheduling. Lists are first-in-first-out, a slot is
 *     emptied whole, in order, when `now` enters it, and nothing is placed below an unemptied slot;
 *     so of two events with equal times the one scheduled first is always ahead. No sequence
 *     numbers. A re-armed event counts as scheduled anew.
 *   - `now` moves only when an event runs or evq_run() reaches its end. Looking (evq_peek) changes
 *     nothing, so an event earlier than the one seen can still be scheduled.
 *   - Events live inside the objects that own them; nothing here allocates. An event is out of the
 *     queue before its handler runs, so the handler may schedule it again or free its owner.
 *   - A queue refers to nothing outside itself: two queues in one process do not notice each other.
 *
 * Rejected: a 4-ary heap with (time, sequence) keys (slower at every size that matters; it lives on
 * in the tests as the oracle), moving the base slot by slot (one cascade a level for a lone event,
 * and looking ahead would move it), a list head without a sentinel (a branch in each insert).
 */
#ifndef SIM_EVENT_H
#define SIM_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simtime.h"

#define EVQ_DIGIT_BITS 6
#define EVQ_SLOTS      (1u << EVQ_DIGIT_BITS)
#define EVQ_LEVELS     11 /* 11 * 6 >= 64; the top level uses 16 of its slots */

/* Link of a circular list with sentinel; `next` is NULL in an event that is not pending. */
struct event_link {
	struct event_link *next, *prev;
};

/*
 * Something that will happen. Embed it in its owner and find the owner from `ev` in the handler.
 * `at` is valid while pending and inside the handler; all else belongs to the queue.
 */
struct event {
	struct event_link link; /* first: a link that is no sentinel is its event */
	sim_time at;
	void (*fn)(struct event *ev);
};

/* About 11 KiB. Holds pointers to itself: do not copy or move it after evq_init(). */
struct evq {
	sim_time now;      /* time of the event that runs or ran last, or the end of evq_run() */
	uint32_t levels;   /* bit l: bits[l] is not zero */
	uint64_t count;    /* events pending */
	uint64_t executed; /* events run since evq_init() */
	uint64_t bits[EVQ_LEVELS];
	struct event_link slot[EVQ_LEVELS][EVQ_SLOTS];
};

/*
 * An assertion that is always on: prints simulated time, place and expression on stderr and aborts.
 * For what can only be our own mistake, never for what a guest or a user did.
 */
#define SIM_ASSERT(q, cond)                                                                        \
	do {                                                                                       \
		if (__builtin_expect(!(cond), 0))                                                  \
			evq_fatal((q), __FILE__, __LINE__, #cond);                                 \
	} while (0)

_Noreturn __attribute__((cold)) void evq_fatal(const struct evq *q, const char *file, int line,
					       const char *expr);

/* An empty queue at time 0. Needs no fini: it owns nothing. */
void evq_init(struct evq *q);

/* Before first use, and never while pending. */
static inline void event_init(struct event *ev, void (*fn)(struct event *ev))
{
	ev->link.next = NULL;
	ev->link.prev = NULL;
	ev->at = SIM_NEVER;
	ev->fn = fn;
}

static inline bool event_pending(const struct event *ev)
{
	return ev->link.next != NULL;
}

static inline sim_time evq_now(const struct evq *q)
{
	return q->now;
}

static inline uint64_t evq_count(const struct evq *q)
{
	return q->count;
}

/* Level and slot of a pending time as seen from `now`; internal. */
static inline unsigned int evq_level(const struct evq *q, sim_time at)
{
	return (63u - (unsigned int)__builtin_clzll((at ^ q->now) | 1)) / EVQ_DIGIT_BITS;
}

static inline unsigned int evq_slot(sim_time at, unsigned int level)
{
	return (unsigned int)(at >> (level * EVQ_DIGIT_BITS)) % EVQ_SLOTS;
}

/* Appends `ev` to the list where its time belongs; internal. */
static inline void evq_place(struct evq *q, struct event *ev)
{
	unsigned int level = evq_level(q, ev->at), slot = evq_slot(ev->at, level);
	struct event_link *head = &q->slot[level][slot], *last = head->prev;

	ev->link.next = head;
	ev->link.prev = last;
	last->next = &ev->link;
	head->prev = &ev->link;
	q->bits[level] |= 1ull << slot;
	q->levels |= 1u << level;
}

/* Notes that a slot became empty; internal. */
static inline void evq_vacate(struct evq *q, unsigned int level, unsigned int slot)
{
	q->bits[level] &= ~(1ull << slot);
	if (!q->bits[level])
		q->levels &= ~(1u << level);
}

/* Runs ev->fn at `at`, which is not before now and not SIM_NEVER. Not for a pending event. */
static inline void evq_schedule(struct evq *q, struct event *ev, sim_time at)
{
	SIM_ASSERT(q, at >= q->now);
	SIM_ASSERT(q, at != SIM_NEVER);
	SIM_ASSERT(q, !event_pending(ev));
	ev->at = at;
	evq_place(q, ev);
	q->count++;
}

/* Takes `ev` out of the queue it is pending in; does nothing if it is not pending. */
static inline void evq_cancel(struct evq *q, struct event *ev)
{
	struct event_link *next = ev->link.next, *prev = ev->link.prev;

	if (!next)
		return;
	next->prev = prev;
	prev->next = next;
	ev->link.next = NULL;
	q->count--;
	if (next == prev) { /* both are the sentinel */
		unsigned int level = evq_level(q, ev->at);

		evq_vacate(q, level, evq_slot(ev->at, level));
	}
}

/* Takes every pending event out, so that owners can go in any order; none runs. A queue that is all
   zeroes is empty. */
void evq_clear(struct evq *q);

/* Moves `ev`, pending or not, to `at`: it runs after all others already scheduled for then. */
static inline void evq_rearm(struct evq *q, struct event *ev, sim_time at)
{
	evq_cancel(q, ev);
	evq_schedule(q, ev, at);
}

/*
 * Time of the next event, SIM_NEVER when there is none. Costs a scan of one slot's list, which is
 * short once the run is under way; does not change the queue.
 */
sim_time evq_peek(const struct evq *q);

/*
 * Takes the earliest event out of a slot that holds several with different times and places the
 * rest anew. NULL, with nothing changed, if it is later than `until`; internal.
 */
struct event *evq_cascade(struct evq *q, unsigned int level, unsigned int slot, sim_time until);

/* Takes out the next event not later than `until` and moves `now` to it, or NULL; internal. */
static inline struct event *evq_pop(struct evq *q, sim_time until)
{
	unsigned int level, slot;
	struct event_link *head, *next;
	struct event *ev;

	if (!q->levels)
		return NULL;
	level = (unsigned int)__builtin_ctz(q->levels);
	slot = (unsigned int)__builtin_ctzll(q->bits[level]);
	head = &q->slot[level][slot];
	ev = (struct event *)head->next;
	next = ev->link.next;
	if (level && next != head) {
		ev = evq_cascade(q, level, slot, until);
		if (!ev)
			return NULL;
	} else {
		if (ev->at > until)
			return NULL;
		head->next = next;
		next->prev = head;
		if (next == head)
			evq_vacate(q, level, slot);
		q->now = ev->at;
	}
	ev->link.next = NULL;
	q->count--;
	return ev;
}

/* Runs the next event; false, and nothing changed, if there is none. */
static inline bool evq_step(struct evq *q)
{
	struct event *ev = evq_pop(q, SIM_NEVER);

	if (!ev)
		return false;
	q->executed++;
	ev->fn(ev);
	return true;
}

/*
 * Runs every event with at <= until, those that handlers add included, and returns how many ran.
 * Afterwards now == until, so that delays count from there, unless until is SIM_NEVER (run to the
 * last event; now stays there) or already past (nothing happens).
 */
uint64_t evq_run(struct evq *q, sim_time until);

#endif
