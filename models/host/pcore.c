/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pcore.c - see pcore.h. */
#include "pcore.h"

#include "cpu.h"

void pcore_init(struct pcore *p, sim_time quantum, bool preempt)
{
	*p = (struct pcore){.quantum = quantum, .preempt = preempt};
}

/* Behind those who have had as much. */
static void wait_for(struct pcore *p, struct cpu *c)
{
	struct cpu *at = p->last;

	while (at && !p->in_order && at->had > c->had)
		at = at->prev_ready;
	c->prev_ready = at;
	c->next_ready = at ? at->next_ready : p->first;
	*(at ? &at->next_ready : &p->first) = c;
	*(c->next_ready ? &c->next_ready->prev_ready : &p->last) = c;
}

static void wait_no_more(struct pcore *p, struct cpu *c)
{
	*(c->prev_ready ? &c->prev_ready->next_ready : &p->first) = c->next_ready;
	*(c->next_ready ? &c->next_ready->prev_ready : &p->last) = c->prev_ready;
}

static void grant(struct pcore *p, struct cpu *c, sim_time at)
{
	bool other = p->before && p->before != c;

	if (at < p->free)
		at = p->free;
	p->holder = p->before = c;
	p->since = at;
	p->yield = false;
	p->worked = false;
	p->switches += other;
	p->turns++;
	cpu_granted(c, at, other);
}

static void grant_first(struct pcore *p)
{
	struct cpu *c = p->first;

	wait_no_more(p, c);
	grant(p, c, p->free);
}

/* The holder's turn, up to its clock. */
static sim_time turn(const struct pcore *p)
{
	return p->holder->clk.now > p->since ? p->holder->clk.now - p->since : 0;
}

/* The holder is off the core. */
static struct cpu *take_off(struct pcore *p)
{
	struct cpu *c = p->holder;

	c->had += turn(p);
	if (c->had > p->high)
		p->high = c->had;
	p->free = c->clk.now;
	p->holder = NULL;
	return c;
}

void pcore_ask(struct pcore *p, struct cpu *c, sim_time now)
{
	const struct cpu *h = p->holder;
	sim_time had = h ? h->had + (now > p->since ? now - p->since : 0) : 0;
	sim_time most = had > p->high ? had : p->high;

	c->ready_at = now;
	if (most > p->quantum && c->had < most - p->quantum)
		c->had = most - p->quantum;
	if (!h) {
		grant(p, c, now);
		return;
	}
	if (p->preempt && c->had < had)
		p->yield = true;
	wait_for(p, c);
}

bool pcore_over(const struct pcore *p)
{
	return p->first && (p->yield || (p->worked && turn(p) >= p->quantum));
}

void pcore_yield(struct pcore *p)
{
	struct cpu *c = take_off(p), *other = p->first;

	c->ready_at = p->free;
	wait_no_more(p, other);
	wait_for(p, c);
	grant(p, other, p->free);
}

void pcore_leave(struct pcore *p)
{
	take_off(p);
	if (p->first)
		grant_first(p);
}

void pcore_forget(struct pcore *p, struct cpu *c)
{
	if (p->before == c)
		p->before = NULL;
	if (p->holder == c)
		pcore_leave(p);
	else if (cpu_waits(c))
		wait_no_more(p, c);
}
