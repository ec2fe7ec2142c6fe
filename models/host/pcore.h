/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcore.h - a physical core that several CPUs (vCPUs, a host core's workers) take turns on.
 *
 * How it works. A CPU that has something to do asks for the core (pcore_ask). It gets it when it
 * is its turn, and gives it up when it has nothing left to do (pcore_leave), or when others wait
 * and its turn is over (pcore_over, pcore_yield). Bursts are not cut: a turn ends after the burst
 * in which `quantum` runs out.
 *
 * Next is whoever has had least of the core, of equals who asked first. What a burst takes beyond a
 * quantum is had, too, so in the long run CPUs that are always busy have equal shares however long
 * their bursts are. With `preempt` one that wakes and has had less than the one that runs ends that
 * one's turn. Nobody is behind the one that has had most by more than a quantum when he asks: no
 * time is saved up by sleeping, whoever wakes often runs no more than its share, and nobody waits
 * for ever.
 *
 * Always holds: the core is idle only if nobody is ready; each turn runs at least one burst.
 *
 * Rejected: turns in order of arrival, those who wake first, the one cut short right behind them (a
 * CPU that always asks at the wrong moment got half of its share); a heap (those who wait on one
 * core are few, and one whose turn is over mostly goes to the end, where the search begins).
 */
#ifndef HOST_PCORE_H
#define HOST_PCORE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../sim/simtime.h"

struct cpu;

struct pcore {
	sim_time quantum;
	bool preempt;
	bool in_order;      /* next is who has asked first, whatever he had: sides of one thread */
	struct cpu *holder; /* NULL: idle, from `free` on */
	struct cpu *before; /* the last holder: another one pays for the switch */
	struct cpu *first, *last; /* ready, by what they have had */
	sim_time free;
	sim_time high;  /* the most that a CPU has had of it */
	bool yield;     /* one that woke has had less than the holder */
	bool worked;    /* the holder has had a turn: the core is not given away before */
	sim_time since; /* the holder's turn began */
	uint64_t switches, turns;
};

void pcore_init(struct pcore *p, sim_time quantum, bool preempt);

/* c is not on the core and wants it, from `now` on. It gets cpu_granted(), now or later. */
void pcore_ask(struct pcore *p, struct cpu *c, sim_time now);

/* The holder has burnt its turn, and others wait. */
bool pcore_over(const struct pcore *p);

/* The holder gives the core up at its clock: it has more to do; it has nothing left to do. */
void pcore_yield(struct pcore *p);
void pcore_leave(struct pcore *p);

/* c is no more, holding, waiting or neither. */
void pcore_forget(struct pcore *p, struct cpu *c);

static inline bool pcore_idle(const struct pcore *p)
{
	return !p->holder;
}

#endif
