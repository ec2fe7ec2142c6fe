/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * softirq.h - how long a kernel's receive worker may go on before others have their turn.
 *
 * Linux polls devices from a softirq, a weight of frames at a time, until nothing is left, or a
 * budget of frames or of time is used up; then the rest is a thread's, ksoftirqd, which is woken
 * and stands behind whatever else wants the CPU (net_rx_action(), netdev_budget 300 and
 * netdev_budget_usecs 2000). Without a budget each turn is the last of its worker before others.
 */
#ifndef HOST_SOFTIRQ_H
#define HOST_SOFTIRQ_H

#include "cpu.h"

struct softirq {
	uint32_t budget; /* frames; 0: there is none */
	sim_time time;   /* and at most so long */
	uint32_t used;
	sim_time since;
	bool over; /* the thread has it */
};

/* A turn begins. */
static inline void softirq_begin(struct softirq *s, sim_time now)
{
	if (!s->used)
		s->since = now;
}

/* It ends, after so many frames; `more`: there are others. True: the worker goes on. */
static inline bool softirq_goes_on(struct softirq *s, struct plat *pl, uint32_t frames, bool more)
{
	bool was_over = s->over;

	if (!s->budget)
		return false;
	s->used += frames;
	s->over = more && (was_over || s->used >= s->budget || plat_now(pl) - s->since >= s->time);
	if (s->over && !was_over)
		plat_charge(pl, PLAT_W_WAKE, 1);
	if (!more || s->over)
		s->used = 0;
	return more && !s->over;
}

#endif
