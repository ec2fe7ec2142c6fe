/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring_reference.h - for tests only: a driver and a device on one ring, each access its own event.
 *
 * The stupid way to simulate a ring: no burst runs ahead, nothing is committed. Each load of a
 * shared word, each store, each piece of work is an event on a sorted list, at the time at which
 * the actor comes to it. Written from the description of the protocol (virtio 1.2, 2.7.7 and
 * 2.7.10) and of a processor's turns (host/cpu.h) alone; it shares no line with virtq_*.h or cpu.c.
 *
 * What both do, and what is compared: items arrive at a driver, which puts each into a ring of
 * `size` slots; a device serves them in turn and puts them into the used ring; the driver takes
 * them back. Times at which each item was published as used and taken back, and how many kicks and
 * interrupts it took, must be the same.
 *
 * Definitions that equality needs:
 *   - A turn begins by looking: the index is loaded at the turn's first moment; the charge for
 *     looking comes after the load.
 *   - A turn ends in one moment: publish, read the peer's wish, enable, look again. What these
 *     steps cost (kick, interrupt) passes after them; the kick leaves when its cost has passed.
 *   - The driver pays for each interrupt, busy or not (what it takes while busy, before its next
 *     turn); the device is a thread, and pays for waking up only when it sleeps.
 *   - Accesses of one actor at one time follow each other. If two actors touch the ring at the same
 *     picosecond and one of them stores, or a wake-up meets a turn's boundary at the same
 *     picosecond, either order is right and the case is a `race`: it must still deliver all items,
 *     and is left out of the comparison.
 */
#ifndef TESTS_RING_REFERENCE_H
#define TESTS_RING_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sim/simtime.h"

#define RING_ITEMS 16
#define RING_SIZE  8

/* ---- a case, and what comes of it ----------------------------------------------------- */

struct ring_case {
	uint64_t seed;
	unsigned items, size; /* size: a power of two */
	unsigned budget;      /* most items of a turn: 1..budget, drawn for each */
	bool event_idx;
	bool coarse; /* all times are multiples of 1 ns, and short: ties are the rule */
	sim_time gap, service, delay; /* means of what is drawn for each item or kick */
	/* constants */
	sim_time poll, add, get, pop, push, kick, irq, wake[2];
};

struct ring_outcome {
	unsigned done;
	uint64_t kicks, irqs;
	sim_time used_at[RING_ITEMS], done_at[RING_ITEMS];
	bool race;
};

enum { RING_GAP, RING_SERVICE, RING_DELAY_DEV, RING_DELAY_DRV, RING_BUDGET_DRV, RING_BUDGET_DEV };

/* The i-th draw of a kind: the same for whoever asks. */
static inline uint64_t ring_draw(uint64_t seed, unsigned kind, uint64_t i)
{
	uint64_t z = seed + (kind + 1) * 0x9e3779b97f4a7c15u + i * 0xd1342543de82ef95u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline sim_time ring_time(const struct ring_case *c, unsigned kind, uint64_t i,
				 sim_time mean)
{
	uint64_t x = ring_draw(c->seed, kind, i);

	if (c->coarse)
		return x % 4 * SIM_NS;
	if (x % 8 == 0) /* now and then nothing, or a long time */
		return x / 8 % 2 ? 1 : 8 * mean + x / 16 % mean;
	return x / 8 % (2 * mean);
}

static inline unsigned ring_budget(const struct ring_case *c, unsigned kind, uint64_t turn)
{
	return 1 + (unsigned)(ring_draw(c->seed, kind, turn) % c->budget);
}

/* ---- the list of events --------------------------------------------------------------- */

struct ref;

struct ref_event {
	sim_time at;
	void (*fn)(struct ref *r);
};

/* ---- the world ------------------------------------------------------------------------ */

enum { REF_DRV, REF_DEV };

struct ref_actor {
	bool idle, running, pending, again, more, hit;
	sim_time clock;        /* when it is through with what it did */
	sim_time owed;         /* news taken while busy */
	sim_time late;         /* charged by the end of the turn */
	sim_time last_step;    /* for races */
	sim_time next_step;    /* SIM_NEVER: none scheduled */
	sim_time kick_arrives; /* a kick to it is under way; SIM_NEVER: none */
	uint64_t turns, wakes;
	unsigned work, limit;
	void (*start)(struct ref *r);
};

struct ref {
	const struct ring_case *c;
	struct ring_outcome *o;
	struct ref_event list[16];
	unsigned n;
	sim_time now;
	struct ref_actor a[2];
	/* memory that both see */
	uint16_t avail_idx, used_idx, avail_event, used_event;
	bool no_notify, no_intr;
	unsigned avail_ring[RING_SIZE], used_ring[RING_SIZE];
	sim_time touched[2], stored[2];
	/* the driver's own */
	unsigned arrived, seen_arrived, sent, in_flight, item;
	uint16_t next_avail, last_used, shadow_used, kicked;
	/* the device's own */
	uint16_t next_used, last_avail, shadow_avail, signalled;
};

/* After all others of its time, or before them if it only goes on. */
static inline void ref_at(struct ref *r, sim_time at, bool go_on, void (*fn)(struct ref *r))
{
	unsigned i = 0;

	if (r->n == sizeof(r->list) / sizeof(r->list[0]))
		abort();
	while (i < r->n && (r->list[i].at < at || (r->list[i].at == at && !go_on)))
		i++;
	memmove(&r->list[i + 1], &r->list[i], (r->n - i) * sizeof(r->list[0]));
	r->list[i] = (struct ref_event){at, fn};
	r->n++;
}

/* The actor's next step, `after` from now. */
static inline void ref_step(struct ref *r, unsigned who, sim_time after, void (*fn)(struct ref *r))
{
	r->a[who].last_step = r->now;
	r->a[who].next_step = r->now + after;
	ref_at(r, r->now + after, after == 0, fn);
}

static inline void ref_touch(struct ref *r, unsigned who, bool store)
{
	if (r->stored[!who] == r->now || (store && r->touched[!who] == r->now))
		r->o->race = true;
	r->touched[who] = r->now;
	if (store)
		r->stored[who] = r->now;
}

/* Old <= event < new, counting up as the index did. */
static inline bool ref_passed(uint16_t old, uint16_t new, uint16_t event)
{
	for (; old != new; old++)
		if (old == event)
			return true;
	return false;
}

/* ---- turns ---------------------------------------------------------------------------- */

static inline void ref_begin(struct ref *r, unsigned who)
{
	struct ref_actor *a = &r->a[who];

	if (a->owed) {
		sim_time owed = a->owed;
		a->owed = 0;
		ref_step(r, who, owed, a->start);
		return;
	}
	a->running = true;
	a->pending = a->again = a->more = a->hit = false;
	a->late = 0;
	a->work = 0;
	a->limit =
		ring_budget(r->c, who == REF_DRV ? RING_BUDGET_DRV : RING_BUDGET_DEV, a->turns++);
}

static inline void ref_end(struct ref *r, unsigned who)
{
	struct ref_actor *a = &r->a[who];

	a->running = false;
	a->last_step = r->now;
	a->next_step = SIM_NEVER;
	a->clock = r->now + a->late + a->owed;
	a->owed = 0;
	if (a->more || a->again || a->pending) {
		a->pending = true;
		ref_step(r, who, a->clock - r->now, a->start);
	} else {
		a->idle = true;
	}
}

static inline void ref_wake(struct ref *r, unsigned who, sim_time cost)
{
	struct ref_actor *a = &r->a[who];

	if (a->last_step == r->now || a->next_step == r->now)
		r->o->race = true;
	if (who == REF_DEV && (a->running || a->pending)) /* a thread that is up already */
		cost = 0;
	a->owed += cost;
	if (a->running)
		a->again = true;
	else
		a->pending = true;
	if (!a->idle)
		return;
	a->idle = false;
	if (a->clock < r->now)
		a->clock = r->now;
	a->clock += a->owed;
	a->owed = 0;
	a->next_step = a->clock;
	ref_at(r, a->clock, false, a->start);
}

static inline void ref_kick_dev(struct ref *r)
{
	r->a[REF_DEV].kick_arrives = SIM_NEVER;
	ref_wake(r, REF_DEV, r->c->wake[REF_DEV]);
}

static inline void ref_kick_drv(struct ref *r)
{
	r->a[REF_DRV].kick_arrives = SIM_NEVER;
	ref_wake(r, REF_DRV, r->c->wake[REF_DRV]);
}

/* A kick leaves; one that is still under way takes it along. */
static inline void ref_leave(struct ref *r, unsigned to, unsigned kind, void (*fn)(struct ref *r))
{
	struct ref_actor *a = &r->a[to];

	if (a->kick_arrives == r->now)
		r->o->race = true;
	if (a->kick_arrives != SIM_NEVER)
		return;
	a->kick_arrives = r->now + ring_time(r->c, kind, a->wakes++, r->c->delay);
	ref_at(r, a->kick_arrives, false, fn);
}

static inline void ref_leave_dev(struct ref *r)
{
	ref_leave(r, REF_DEV, RING_DELAY_DEV, ref_kick_dev);
}

static inline void ref_leave_drv(struct ref *r)
{
	ref_leave(r, REF_DRV, RING_DELAY_DRV, ref_kick_drv);
}

static inline void ref_arrival(struct ref *r)
{
	r->arrived++;
	ref_wake(r, REF_DRV, 0);
	if (r->arrived < r->c->items)
		ref_at(r, r->now + ring_time(r->c, RING_GAP, r->arrived, r->c->gap), false,
		       ref_arrival);
}

/* ---- the driver, step by step --------------------------------------------------------- */

static inline void drv_end(struct ref *r)
{
	ref_end(r, REF_DRV);
}

static inline void drv_recheck(struct ref *r)
{
	ref_touch(r, REF_DRV, false);
	r->a[REF_DRV].more = r->used_idx != r->last_used;
	ref_step(r, REF_DRV, 0, drv_end);
}

static inline void drv_enable(struct ref *r)
{
	if (r->a[REF_DRV].hit) {
		r->a[REF_DRV].more = true;
		ref_step(r, REF_DRV, 0, drv_end);
		return;
	}
	ref_touch(r, REF_DRV, true);
	if (r->c->event_idx)
		r->used_event = r->last_used;
	else
		r->no_intr = false;
	ref_step(r, REF_DRV, 0, drv_recheck);
}

static inline void drv_decide(struct ref *r)
{
	bool wanted;

	if (r->kicked != r->avail_idx) {
		ref_touch(r, REF_DRV, false);
		wanted = r->c->event_idx ? ref_passed(r->kicked, r->avail_idx, r->avail_event)
					 : !r->no_notify;
		r->kicked = r->avail_idx;
		if (wanted) {
			r->o->kicks++;
			r->a[REF_DRV].late += r->c->kick;
			ref_at(r, r->now + r->a[REF_DRV].late, false, ref_leave_dev);
		}
	}
	ref_step(r, REF_DRV, 0, drv_enable);
}

static inline void drv_publish(struct ref *r)
{
	if (r->avail_idx != r->next_avail) {
		ref_touch(r, REF_DRV, true);
		r->avail_idx = r->next_avail;
	}
	ref_step(r, REF_DRV, 0, drv_decide);
}

static inline void drv_next(struct ref *r);

static inline void drv_got(struct ref *r)
{
	r->o->done_at[r->item] = r->now;
	r->o->done++;
	r->in_flight--;
	ref_step(r, REF_DRV, 0, drv_next);
}

static inline void drv_next(struct ref *r)
{
	struct ref_actor *a = &r->a[REF_DRV];

	if (a->work < a->limit && r->last_used != r->shadow_used) {
		r->item = r->used_ring[r->last_used++ % r->c->size];
		a->work++;
		ref_step(r, REF_DRV, r->c->get, drv_got);
	} else if (a->work < a->limit && r->sent < r->seen_arrived && r->in_flight < r->c->size) {
		r->avail_ring[r->next_avail++ % r->c->size] = r->sent++;
		r->in_flight++;
		a->work++;
		ref_step(r, REF_DRV, r->c->add, drv_next);
	} else {
		a->hit = a->work == a->limit;
		ref_step(r, REF_DRV, 0, drv_publish);
	}
}

static inline void drv_look(struct ref *r)
{
	ref_touch(r, REF_DRV, false);
	r->shadow_used = r->used_idx;
	r->seen_arrived = r->arrived;
	ref_step(r, REF_DRV, r->c->poll, drv_next);
}

static inline void drv_start(struct ref *r)
{
	ref_begin(r, REF_DRV);
	if (!r->a[REF_DRV].running)
		return;
	if (!r->c->event_idx) {
		ref_touch(r, REF_DRV, true);
		r->no_intr = true;
	}
	ref_step(r, REF_DRV, 0, drv_look);
}

/* ---- the device, step by step --------------------------------------------------------- */

static inline void dev_end(struct ref *r)
{
	ref_end(r, REF_DEV);
}

/* It goes on: no kicks meanwhile. */
static inline void dev_off(struct ref *r)
{
	r->a[REF_DEV].more = true;
	if (!r->c->event_idx) {
		ref_touch(r, REF_DEV, true);
		r->no_notify = true;
	}
	ref_step(r, REF_DEV, 0, dev_end);
}

static inline void dev_recheck(struct ref *r)
{
	ref_touch(r, REF_DEV, false);
	ref_step(r, REF_DEV, 0, r->avail_idx != r->last_avail ? dev_off : dev_end);
}

static inline void dev_enable(struct ref *r)
{
	if (r->a[REF_DEV].hit) {
		ref_step(r, REF_DEV, 0, dev_off);
		return;
	}
	ref_touch(r, REF_DEV, true);
	if (r->c->event_idx)
		r->avail_event = r->last_avail;
	else
		r->no_notify = false;
	ref_step(r, REF_DEV, 0, dev_recheck);
}

static inline void dev_decide(struct ref *r)
{
	bool wanted;

	if (r->signalled != r->used_idx) {
		ref_touch(r, REF_DEV, false);
		wanted = r->c->event_idx ? ref_passed(r->signalled, r->used_idx, r->used_event)
					 : !r->no_intr;
		r->signalled = r->used_idx;
		if (wanted) {
			r->o->irqs++;
			r->a[REF_DEV].late += r->c->irq;
			ref_at(r, r->now + r->a[REF_DEV].late, false, ref_leave_drv);
		}
	}
	ref_step(r, REF_DEV, 0, dev_enable);
}

static inline void dev_publish(struct ref *r)
{
	if (r->used_idx != r->next_used) {
		ref_touch(r, REF_DEV, true);
		for (; r->used_idx != r->next_used; r->used_idx++)
			r->o->used_at[r->used_ring[r->used_idx % r->c->size]] = r->now;
	}
	ref_step(r, REF_DEV, 0, dev_decide);
}

static inline void dev_next(struct ref *r);

static inline void dev_served(struct ref *r)
{
	r->used_ring[r->next_used++ % r->c->size] = r->avail_ring[r->last_avail++ % r->c->size];
	ref_step(r, REF_DEV, r->c->push, dev_next);
}

static inline void dev_next(struct ref *r)
{
	struct ref_actor *a = &r->a[REF_DEV];

	if (a->work < a->limit && r->last_avail != r->shadow_avail) {
		unsigned item = r->avail_ring[r->last_avail % r->c->size];
		a->work++;
		ref_step(r, REF_DEV, r->c->pop + ring_time(r->c, RING_SERVICE, item, r->c->service),
			 dev_served);
	} else {
		a->hit = a->work == a->limit;
		ref_step(r, REF_DEV, 0, dev_publish);
	}
}

static inline void dev_look(struct ref *r)
{
	ref_touch(r, REF_DEV, false);
	r->shadow_avail = r->avail_idx;
	ref_step(r, REF_DEV, r->c->poll, dev_next);
}

static inline void dev_start(struct ref *r)
{
	ref_begin(r, REF_DEV);
	if (r->a[REF_DEV].running)
		ref_step(r, REF_DEV, 0, dev_look);
}

/* ---- the whole case ------------------------------------------------------------------- */

static inline void ring_reference(const struct ring_case *c, struct ring_outcome *o)
{
	struct ref r = {.c = c, .o = o};

	*o = (struct ring_outcome){.done = 0};
	for (unsigned i = 0; i < 2; i++) {
		r.a[i] = (struct ref_actor){.idle = true,
					    .start = i == REF_DRV ? drv_start : dev_start};
		r.a[i].last_step = r.a[i].next_step = r.a[i].kick_arrives = SIM_NEVER;
		r.touched[i] = r.stored[i] = SIM_NEVER;
	}
	ref_at(&r, ring_time(c, RING_GAP, 0, c->gap), false, ref_arrival);
	while (r.n) {
		struct ref_event e = r.list[0];
		memmove(&r.list[0], &r.list[1], --r.n * sizeof(r.list[0]));
		r.now = e.at;
		e.fn(&r);
	}
}

#endif
