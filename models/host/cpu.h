/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu.h - something that executes: a host core or a vCPU, and the workers that take turns on it.
 *
 * How it works. A worker's turn is two events. The *burst* runs at the event's time: it reads
 * shared state as it stands then and works ahead on private state; what it does is charged to the
 * CPU's local clock. The *commit* runs when that clock has become the time: it publishes, kicks,
 * enables notifications, looks again. If the commit finds work the worker goes to the end of the
 * run queue, or stays if its turn is not over; otherwise it sleeps until somebody wakes it. What
 * the commit charges delays the next burst.
 *
 * Interrupts taken by a busy CPU are charged before its next burst.
 *
 * A polling CPU has no sleep: between bursts it turns its loop, and what becomes visible is found
 * at the next turn. The turns themselves are not events; they are computed when something happens.
 *
 * CPUs may share a physical core (pcore.h): then a burst begins when its CPU has got the core, and
 * the time between asking for it and having it is `steal`. Private to each are its clock and its
 * books.
 *
 * A CPU that sleeps is not there at once: after `delay`, and if it slept for `deep_after` or longer
 * `deep` later still. That is latency and no work.
 *
 * Always holds: clk.now >= the time of the event that is running; a worker is on at most one of
 * {current, run queue}; a wake-up while a worker is running makes it run again.
 */
#ifndef HOST_CPU_H
#define HOST_CPU_H

#include "../../sim/event.h"
#include "cost.h"
#include "pcore.h"
#include "plat.h"

struct worker;

/* How long a sleeping CPU takes to be there. */
struct cpu_delay {
	sim_time wake;       /* each time */
	sim_time deep;       /* further, out of a deeper idle state ... */
	sim_time deep_after; /* ... in which it is after so long */
};

struct cpu {
	struct plat_clock clk;
	struct event ev;
	struct evq *q;
	struct worker *first, *last; /* run queue */
	struct worker *current;      /* its burst is done, its commit is due */
	bool poll;
	bool stopped;            /* nothing runs here any more */
	bool waking;             /* idle no more: ev is the first burst */
	bool lingered;           /* it has nothing to do, and has waited for what was said to it */
	sim_time idle_at;        /* polling: when the loop began to turn without finding anything */
	sim_time found;          /* polling: the turn that ended that, no work before it */
	uint32_t owed[PLAT_W_N]; /* news taken while busy, to be charged */
	bool owes;
	uint64_t sleeps, wakes; /* times it went idle; times it was found idle by a wake-up */
	struct cpu_delay delay;
	/* on a shared core, else NULL */
	struct pcore *core;
	struct cpu *next_ready, *prev_ready;
	sim_time ready_at; /* waits for the core since */
	bool waiting;
	sim_time had;      /* of the core, but see pcore.h */
	uint64_t steal_ps; /* waited for it, in all */
	char name[24];
};

struct worker {
	struct worker *next;
	struct cpu *cpu;
	void (*burst)(struct worker *w);
	bool (*commit)(struct worker *w); /* true: there is more to do */
	uint64_t turn;                    /* of the core, in which it ran last */
	bool queued, again;
	bool stays; /* set by commit(), with more to do: it goes on before others have a turn */
};

void cpu_init(struct cpu *c, struct evq *q, const struct cost *cost, bool poll, const char *name);
void worker_init(struct worker *w, struct cpu *c, void (*burst)(struct worker *),
		 bool (*commit)(struct worker *));

/*
 * Something for w to see became visible now. `costs` is what taking the news costs the CPU: a set
 * of CPU_COST() bits. A polling CPU does not pay: it looks anyway. Nobody pays WAKE for a worker
 * that runs or is in the run queue: it is awake. (Charged each time, kicks that come faster than a
 * wake-up takes would starve the worker.)
 */
#define CPU_COST(work) (1ull << PLAT_W_##work)
void cpu_wake(struct worker *w, uint64_t costs);

/* For pcore.h: the core is c's from `at` on, after another one's turn (`other`). */
void cpu_granted(struct cpu *c, sim_time at, bool other);

/* Picoseconds that it was ready and another CPU had its core, up to now. */
uint64_t cpu_steal_ps(const struct cpu *c, sim_time now);

/* Power off: what it was about to do is not done, and it is not woken again. */
void cpu_stop(struct cpu *c);

/* As at time zero: what was charged so far was not part of the run. Only while idle. */
void cpu_reset(struct cpu *c);

static inline bool cpu_idle(const struct cpu *c)
{
	return !c->current && !c->waking;
}

/* It could begin something new at this moment: idle, and what its last commit charged is over. */
static inline bool cpu_free(const struct cpu *c)
{
	return cpu_idle(c) && c->clk.now <= evq_now(c->q) && (!c->core || pcore_idle(c->core));
}

/* It has work, and another CPU has its core: it is not inside the guest. */
static inline bool cpu_waits(const struct cpu *c)
{
	return c->waiting;
}

/* It runs, or will without being woken: it cannot be moved to another CPU. */
static inline bool worker_up(const struct worker *w)
{
	return w->queued || w->cpu->current == w;
}

/* Picoseconds of work charged so far and done by `now`. */
uint64_t cpu_busy_ps(const struct cpu *c, sim_time now);

#endif
