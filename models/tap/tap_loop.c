/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap_loop.c - closed loops (source = request) on real devices: who says that a frame arrived, and
 * who is told what that makes due.
 *
 * The loop itself is the simulator's (traffic/loop.h). Its ends are the far side and guests, so it
 * is shared by their threads and by the far side's process; each end says what arrived there, in
 * its own turn, and takes what it has to send. News of an end reach it as a kick does; in lockstep
 * nobody is woken, since the next frame goes when all are silent.
 *
 * Time passes by the main thread's look, every millisecond: the end of `duration`, requests that
 * are given up, and that a loop is over.
 */
#include "tap.h"
#include "models/traffic/loop.h"

struct tap_loop {
	struct tap *tap;
	struct tap_nic *nic; /* of the wire */
	struct traffic *traffic;
	struct loop *loop;
	bool closed, over;   /* ... and all have been told */
	uint64_t answers[2]; /* at the window's start and stop */
};

/* The end whose turn it is, which looks for itself. */
static __thread const struct tap_guest *here;

static bool is_end(const struct tap_loop *l, const struct tap_guest *g)
{
	return traffic_sends(l->traffic, (int)g->index);
}

static void tell(struct tap_guest *g, bool wake)
{
	__atomic_add_fetch(&g->news, 1, __ATOMIC_RELEASE);
	if (!wake)
		return;
	__atomic_add_fetch(&g->app_line.kicks, 1, __ATOMIC_RELEASE);
	if (here != g)
		side_poke(&g->side);
}

static void on_news(void *ctx, int end)
{
	struct tap_loop *l = ctx;

	if (end == TRAFFIC_WIRE)
		far_nudge(l->nic->far);
	else
		tell(&l->tap->guest[end], !l->tap->lockstep);
}

/* The main thread looks often enough. */
static void on_expiry(void *ctx, sim_time at)
{
	(void)ctx;
	(void)at;
}

static void wire_came(void *ctx, unsigned guest, uint16_t traffic, uint32_t exchange, uint64_t num,
		      plat_time at)
{
	const struct tap_nic *n = ctx;
	const struct tap_loop *l = n->tap->loop[traffic];

	if (l)
		loop_arrived(l->loop, exchange, num, (int)guest, TRAFFIC_WIRE, at);
}

static void guest_came(void *ctx, const struct frame *f)
{
	const struct tap_guest *g = ctx;
	const struct tap_loop *l = g->tap->loop[f->traffic];

	if (!l)
		return;
	here = g;
	loop_arrived(l->loop, f->exchange, f->num, TRAFFIC_WIRE, (int)g->index,
		     plat_now(NULL) - g->tap->start);
	here = NULL;
}

void tap_loop_add(struct tap *t, unsigned traffic, struct tap_nic *wire)
{
	struct tap_loop *l;

	if (!traffic_loop(t->traffic[traffic]))
		return;
	l = t->loop[traffic] = tap_array(t, 1, sizeof(*l));
	*l = (struct tap_loop){.tap = t,
			       .nic = wire,
			       .traffic = t->traffic[traffic],
			       .loop = traffic_loop(t->traffic[traffic])};
	t->loops = true;
	wire->came = wire_came;
	loop_measure(l->loop, t->warmup);
	loop_listen(l->loop, on_news, on_expiry, l);
}

void guest_loops_attach(struct tap_guest *g)
{
	g->pl.process = guest_came;
	g->pl.ctx = g;
}

/* ---- a guest that is an end ------------------------------------------------------------------ */

void guest_loops_heed(struct tap_guest *g)
{
	uint64_t news = __atomic_load_n(&g->news, __ATOMIC_ACQUIRE);

	if (__builtin_expect(news == g->heeded, 1))
		return;
	g->heeded = news;
	for (uint32_t i = 0; i < g->sender.sources; i++) {
		struct source *s = &g->sender.source[i];

		if (!cursor_live(s->cursor))
			continue;
		sender_news(&g->sender, s->traffic);
		if (!s->live || !cursor_over(s->cursor))
			continue;
		s->live = false;
		sender_over(&g->sender, loop_last(g->tap->loop[s->traffic]->loop));
	}
}

/* ---- the main thread ------------------------------------------------------------------------- */

static void look_over(struct tap_loop *l)
{
	struct tap *t = l->tap;

	if (l->over || !loop_over(l->loop))
		return;
	l->over = true;
	for (unsigned i = 0; i < t->guests; i++)
		if (is_end(l, &t->guest[i]))
			tell(&t->guest[i], true);
	far_nudge(l->nic->far);
}

void tap_loops_look(struct tap *t, plat_time now)
{
	for (unsigned i = 0; t->loops && i < t->traffics; i++) {
		struct tap_loop *l = t->loop[i];

		if (!l)
			continue;
		loop_expire(l->loop, now);
		if (!l->closed && now >= traffic_until(l->traffic)) {
			l->closed = true;
			loop_close(l->loop);
		}
		look_over(l);
	}
}

void tap_loops_gone(struct tap *t, struct tap_guest *g)
{
	for (unsigned i = 0; t->loops && i < t->traffics; i++)
		if (t->loop[i] && is_end(t->loop[i], g))
			loop_gone(t->loop[i]->loop, (int)g->index);
}

bool tap_loops_pending(const struct tap *t)
{
	for (unsigned i = 0; t->loops && i < t->traffics; i++)
		if (t->loop[i] && loop_pending(t->loop[i]->loop))
			return true;
	return false;
}

/* That is looked at every millisecond, but loops know. */
plat_time tap_loops_stop(const struct tap *t, plat_time now)
{
	plat_time stop = 0;

	for (unsigned i = 0; i < t->traffics; i++) {
		plat_time until;

		if (!t->loop[i])
			return now;
		until = traffic_until(t->traffic[i]);
		stop = MAX(stop, until == SIM_NEVER ? loop_last(t->loop[i]->loop) : until);
	}
	return MIN(stop, now);
}

void tap_loops_snapshot(struct tap *t, bool stop)
{
	for (unsigned i = 0; t->loops && i < t->traffics; i++)
		if (t->loop[i])
			t->loop[i]->answers[stop] = loop_answers(t->loop[i]->loop);
}

void tap_loops_results(struct result *r, const struct tap *t)
{
	plat_time window = t->window_stop - t->window_start;

	for (unsigned i = 0; t->loops && i < t->traffics; i++) {
		const struct tap_loop *l = t->loop[i];

		if (l)
			view_loop(r, cfg_name(scenario_at(t->sc, "traffic", i)),
				  loop_stats(l->loop), l->answers[1] - l->answers[0], window);
	}
}
