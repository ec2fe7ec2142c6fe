/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_loop.c - closed loops (source = request): who is told that a frame arrived, and whose
 * next frame that makes.
 *
 * A loop (traffic/loop.h) only reckons. Here each delivery of one of its frames is brought to it,
 * and what is due anew to a guest's process, which is woken at that time, or to a wire, which then
 * takes frames no earlier than they are due. A run without loops has none of this.
 */
#include "machine.h"

#include "traffic/loop.h"

struct machine_loop {
	struct machine *m;
	unsigned traffic;
	struct loop *loop;
	struct host_nic *hn; /* of the wire, if that is an end; else NULL */
	struct event close, expiry;
	uint64_t answers[2]; /* at the window's start and stop */
	bool over;
};

struct machine_loops {
	struct world_watch base;
	struct machine *m;
	unsigned n;
	struct machine_loop *of[]; /* by traffic; NULL: it is none */
};

/* ---- senders ---- */

static struct sender *sender_of(const struct machine_loop *l, int end)
{
	return end == TRAFFIC_WIRE ? &l->hn->wire : &l->m->guest[end].sender;
}

static bool is_end(const struct machine_loop *l, int end)
{
	return (end != TRAFFIC_WIRE || l->hn) && traffic_sends(l->m->traffic[l->traffic], end);
}

/* Its senders may be through; what is still to be answered they send all the same. */
static void look_over(struct machine_loop *l)
{
	sim_time until = traffic_until(l->m->traffic[l->traffic]);
	sim_time stop = until == SIM_NEVER ? loop_last(l->loop) : until;

	if (l->over || !loop_over(l->loop))
		return;
	l->over = true;
	for (int end = TRAFFIC_WIRE; end < (int)l->m->guests; end++) {
		if (!is_end(l, end))
			continue;
		sender_over(sender_of(l, end), stop);
		if (end == TRAFFIC_WIRE)
			machine_wire_news(l->hn);
		else
			guest_sender_news(&l->m->guest[end]);
	}
}

static void on_news(void *ctx, int end)
{
	struct machine_loop *l = ctx;

	if (!is_end(l, end))
		return;
	sender_news(sender_of(l, end), (uint16_t)l->traffic);
	if (end == TRAFFIC_WIRE)
		machine_wire_news(l->hn);
	else
		guest_sender_news(&l->m->guest[end]);
}

static void on_expiry(void *ctx, sim_time at)
{
	struct machine_loop *l = ctx;
	struct evq *q = &l->m->q;

	evq_rearm(q, &l->expiry, MAX(at, evq_now(q)));
}

static void expiry_event(struct event *ev)
{
	struct machine_loop *l =
		(struct machine_loop *)((char *)ev - offsetof(struct machine_loop, expiry));

	loop_expire(l->loop, evq_now(&l->m->q));
	look_over(l);
}

static void close_event(struct event *ev)
{
	struct machine_loop *l =
		(struct machine_loop *)((char *)ev - offsetof(struct machine_loop, close));

	evq_cancel(&l->m->q, &l->expiry);
	loop_close(l->loop);
	look_over(l);
}

/* ---- deliveries ---- */

/* The end that sent it: a sender's owner is a guest, or a NIC for its wire. */
static int from_of(const struct machine *m, const struct frame *f)
{
	const void *owner = ((const struct source *)f->source)->owner;
	const struct guest *g = owner;

	return g >= m->guest && g < m->guest + m->guests ? (int)g->index : TRAFFIC_WIRE;
}

static void on_end(struct world_watch *base, struct frame *f, enum drop_reason why)
{
	struct machine_loops *loops = (struct machine_loops *)base;
	struct machine_loop *l = why == DROP_N && f->source ? loops->of[f->traffic] : NULL;

	if (!l)
		return;
	loop_arrived(l->loop, f->exchange, f->num, from_of(loops->m, f), f->to, f->last);
	look_over(l);
}

/* ---- life ---- */

void loops_add(struct machine *m, unsigned traffic, struct host_nic *hn)
{
	struct loop *loop = traffic_loop(m->traffic[traffic]);
	struct machine_loop *l;

	if (!loop)
		return;
	if (!m->loops) {
		m->loops = machine_array(m, 1,
					 sizeof(*m->loops) + m->traffics * sizeof(*m->loops->of));
		m->loops->base = (struct world_watch){.ended = on_end, .next = m->world.watch};
		m->loops->m = m;
		m->loops->n = m->traffics;
		m->world.watch = &m->loops->base;
	}
	l = machine_array(m, 1, sizeof(*l));
	*l = (struct machine_loop){.m = m, .traffic = traffic, .loop = loop, .hn = hn};
	event_init(&l->close, close_event);
	event_init(&l->expiry, expiry_event);
	m->loops->of[traffic] = l;
	loop_measure(loop, m->warmup);
	loop_listen(loop, on_news, on_expiry, l);
	if (hn && !m->tap) /* a far side waits by itself */
		hn->wire_live = hn->nic.source.live = true;
}

void loops_start(struct machine *m)
{
	for (unsigned i = 0; m->loops && i < m->loops->n; i++) {
		struct machine_loop *l = m->loops->of[i];
		sim_time until = traffic_until(m->traffic[i]);

		if (l && until != SIM_NEVER)
			evq_schedule(&m->q, &l->close, until);
		if (l)
			look_over(l);
	}
}

bool loops_pending(const struct machine *m)
{
	for (unsigned i = 0; m->loops && i < m->loops->n; i++)
		if (m->loops->of[i] && loop_pending(m->loops->of[i]->loop))
			return true;
	return false;
}

void loops_gone(struct machine *m, const struct guest *g)
{
	for (unsigned i = 0; m->loops && i < m->loops->n; i++) {
		struct machine_loop *l = m->loops->of[i];

		if (!l || !is_end(l, (int)g->index))
			continue;
		loop_gone(l->loop, (int)g->index);
		look_over(l);
	}
}

void loops_snapshot(struct machine *m, bool stop)
{
	for (unsigned i = 0; m->loops && i < m->loops->n; i++)
		if (m->loops->of[i])
			m->loops->of[i]->answers[stop] = loop_answers(m->loops->of[i]->loop);
}

void loops_results(struct result *r, const struct machine *m, sim_time window)
{
	for (unsigned i = 0; m->loops && i < m->loops->n; i++) {
		const struct machine_loop *l = m->loops->of[i];
		if (l)
			view_loop(r, cfg_name(scenario_at(m->sc, "traffic", i)),
				  loop_stats(l->loop), l->answers[1] - l->answers[0], window);
	}
}
