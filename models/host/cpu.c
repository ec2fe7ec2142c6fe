/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu.c - taking turns: see cpu.h. */
#include "cpu.h"

#include <glib.h>

static void cpu_event(struct event *ev);

void cpu_init(struct cpu *c, struct evq *q, const struct cost *cost, bool poll, const char *name)
{
	*c = (struct cpu){.q = q, .poll = poll, .clk = {.cost = cost}};
	event_init(&c->ev, cpu_event);
	g_strlcpy(c->name, name, sizeof(c->name));
}

void worker_init(struct worker *w, struct cpu *c, void (*burst)(struct worker *),
		 bool (*commit)(struct worker *))
{
	*w = (struct worker){.cpu = c, .burst = burst, .commit = commit};
}

static void cpu_enqueue(struct cpu *c, struct worker *w)
{
	w->queued = true;
	w->next = NULL;
	if (c->last)
		c->last->next = w;
	else
		c->first = w;
	c->last = w;
}

/* Before all others: its turn goes on. */
static void cpu_keep(struct cpu *c, struct worker *w)
{
	w->queued = true;
	w->next = c->first;
	c->first = w;
	if (!c->last)
		c->last = w;
}

static void cpu_charge(struct cpu *c, enum plat_work what, uint64_t ps)
{
	c->clk.now += ps;
	c->clk.busy[what] += ps;
}

/* The turn of the polling loop that first sees what becomes visible now. */
static sim_time cpu_poll_turn(const struct cpu *c, sim_time now)
{
	sim_time turn = c->clk.cost->poll_ps, since = now - c->idle_at;
	return now + (since % turn ? turn - since % turn : 0);
}

static void cpu_pay(struct cpu *c)
{
	for (unsigned w = 0; w < PLAT_W_N; w++) {
		if (c->owed[w])
			cpu_charge(c, w, c->owed[w] * c->clk.cost->work_ps[w]);
		c->owed[w] = 0;
	}
	c->owes = false;
}

/* When a CPU that sleeps is there, at the earliest. */
static sim_time cpu_comes(const struct cpu *c, sim_time now)
{
	sim_time since = c->idle_at;

	if (c->poll)
		return cpu_poll_turn(c, now);
	if (c->core && !pcore_idle(c->core))
		return now;
	if (c->core && c->core->free > since)
		since = c->core->free;
	return now + c->delay.wake +
	       (now > since && now - since >= c->delay.deep_after ? c->delay.deep : 0);
}

void cpu_granted(struct cpu *c, sim_time at, bool other)
{
	c->waiting = false;
	if (at > c->ready_at)
		c->steal_ps += at - c->ready_at;
	if (c->clk.now < at)
		c->found = c->clk.now = at;
	if (other)
		cpu_charge(c, PLAT_W_SWITCH, c->clk.cost->work_ps[PLAT_W_SWITCH]);
	if (c->owes)
		cpu_pay(c);
	evq_schedule(c->q, &c->ev, c->clk.now);
}

uint64_t cpu_steal_ps(const struct cpu *c, sim_time now)
{
	return c->steal_ps + (c->waiting && now > c->ready_at ? now - c->ready_at : 0);
}

void cpu_wake(struct worker *w, uint64_t costs)
{
	struct cpu *c = w->cpu;
	sim_time now = evq_now(c->q);

	if (__builtin_expect(c->stopped, 0))
		return;
	/* A thread that is up already is not woken: its news cost nothing. */
	if (w == c->current || w->queued)
		costs &= ~CPU_COST(WAKE);
	if (w == c->current)
		w->again = true;
	else if (!w->queued)
		cpu_enqueue(c, w);
	for (; costs && !c->poll; costs &= costs - 1) {
		c->owed[__builtin_ctzll(costs)]++;
		c->owes = true;
	}
	if (c->current || c->waking)
		return;
	/* Idle. Its clock may still be ahead: the last commit's charges are not over. */
	c->waking = true;
	c->wakes++;
	if (c->core) {
		c->waiting = true;
		pcore_ask(c->core, c, c->clk.now < now ? cpu_comes(c, now) : c->clk.now);
		return;
	}
	if (c->clk.now < now)
		c->found = c->clk.now = cpu_comes(c, now);
	if (c->owes)
		cpu_pay(c);
	evq_schedule(c->q, &c->ev, c->clk.now);
}

void cpu_stop(struct cpu *c)
{
	evq_cancel(c->q, &c->ev);
	c->stopped = true;
	if (c->core)
		pcore_forget(c->core, c);
	c->waiting = false;
	c->waking = false;
	c->first = c->last = c->current = NULL;
}

void cpu_reset(struct cpu *c)
{
	c->clk.now = evq_now(c->q);
	for (unsigned w = 0; w < PLAT_W_N; w++)
		c->clk.busy[w] = 0;
}

static void cpu_commit(struct cpu *c)
{
	struct worker *w = c->current;
	bool more;

	more = w->commit(w);
	c->current = NULL;
	if ((!more && !w->again) || w->queued)
		return;
	if (more && w->stays)
		cpu_keep(c, w);
	else
		cpu_enqueue(c, w);
}

/* Others wait, and the next worker has run in this turn. */
static bool turn_is_over(const struct cpu *c)
{
	const struct pcore *p = c->core;

	if (p->in_order)
		return p->first && c->first->turn == p->turns && !c->first->stays;
	return pcore_over(p);
}

/*
 * Sides of one thread: what a commit has said to a worker of this side and to another side is heard
 * before the next side has its turn.
 */
static bool lingers(struct cpu *c)
{
	if (!c->core || !c->core->in_order || c->lingered)
		return false;
	c->waking = c->lingered = true;
	evq_schedule(c->q, &c->ev, c->clk.now);
	return true;
}

static void cpu_event(struct event *ev)
{
	struct cpu *c = (struct cpu *)((char *)ev - offsetof(struct cpu, ev));
	struct worker *w;

	SIM_ASSERT(c->q, c->clk.now == evq_now(c->q));
	if (c->current) {
		cpu_commit(c);
		if (c->core)
			c->core->worked = true;
	}
	if (c->owes)
		cpu_pay(c);
	if (!c->first && lingers(c))
		return;
	if (!c->first) {
		c->waking = false;
		c->sleeps++;
		c->idle_at = c->clk.now;
		if (c->core)
			pcore_leave(c->core);
		return;
	}
	if (c->core && turn_is_over(c)) {
		c->waking = c->waiting = true;
		pcore_yield(c->core);
		return;
	}
	if (c->clk.now > evq_now(c->q)) { /* the burst must see what is there when it starts */
		c->waking = true;
		evq_schedule(c->q, &c->ev, c->clk.now);
		return;
	}
	c->waking = false;
	w = c->first;
	c->first = w->next;
	if (!c->first)
		c->last = NULL;
	w->queued = false;
	w->again = false;
	c->current = w;
	c->lingered = false;
	if (c->core)
		w->turn = c->core->turns;
	w->burst(w);
	evq_schedule(c->q, &c->ev, c->clk.now);
}

uint64_t cpu_busy_ps(const struct cpu *c, sim_time now)
{
	uint64_t sum = 0;
	for (unsigned w = 0; w < PLAT_W_N; w++)
		sum += c->clk.busy[w];
	if (now < c->found)
		now = c->found;
	return c->clk.now > now ? sum - (c->clk.now - now) : sum;
}
