/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat_sim.c - frames and books of a simulated world. */
#include "plat_sim.h"
#include "plat.h"

#include <glib.h>

#define SLAB_FRAMES 256

struct world_slab {
	struct world_slab *next;
	struct frame frame[SLAB_FRAMES];
};

/* A frame on the free list has no ledger: that is how the residents are told apart. */

void book_init(struct book *b)
{
	*b = (struct book){.first_done = SIM_NEVER};
	hist_init(&b->latency);
}

void book_fini(struct book *b)
{
	hist_fini(&b->latency);
}

void stages_init(struct stages *s)
{
	for (unsigned i = 0; i < STAGE_N; i++)
		hist_init(&s->stage[i]);
}

void stages_end(struct stages *s, uint64_t frames)
{
	for (unsigned i = 0; i < STAGE_N; i++)
		hist_marks_end(&s->stage[i], frames);
}

void stages_fini(struct stages *s)
{
	for (unsigned i = 0; i < STAGE_N; i++)
		hist_fini(&s->stage[i]);
}

/* Most frames pass half of the stages. */
static inline void stages_add(struct stages *s, const struct frame *f)
{
	for (unsigned i = 0; i < STAGE_N; i++)
		if (f->stage_ps[i])
			hist_mark(&s->stage[i], f->stage_ps[i]);
}

void world_init(struct world *w, struct evq *q, struct mem *mem)
{
	*w = (struct world){.q = q, .mem = mem};
}

void world_fini(struct world *w)
{
	while (w->slabs) {
		struct world_slab *s = w->slabs;
		w->slabs = s->next;
		g_free(s);
	}
}

struct frame *world_frame_slow(struct world *w)
{
	struct world_slab *s = g_new0(struct world_slab, 1);
	s->next = w->slabs;
	w->slabs = s;
	for (unsigned i = SLAB_FRAMES; i-- > 0;) {
		s->frame[i].next = w->free;
		w->free = &s->frame[i];
	}
	return w->free;
}

static void world_put(struct world *w, struct frame *f)
{
	world_release(w, f);
	w->live--;
	w->live_bytes -= f->len;
	w->done++;
	f->led = NULL;
	f->next = w->free;
	w->free = f;
}

void world_deliver(struct world *w, struct frame *f)
{
	struct book *b = (struct book *)((char *)f->led - offsetof(struct book, led));
	sim_time latency = f->last - f->first, sum = 0, longest = 0;

	if (__builtin_expect(w->watch != NULL, 0))
		w->watch->ended(w->watch, f, DROP_N);
	for (unsigned s = 0; s < STAGE_N; s++) {
		sum += f->stage_ps[s];
		longest |= f->stage_ps[s];
		b->stage_sum[s] += f->stage_ps[s];
	}
	/* A stamp before its predecessor makes a stage that is all ones at the top. */
	w->stage_errors += sum != latency || longest >> 63;
	hist_add(&b->latency, latency);
	if (b->stages)
		stages_add(b->stages, f);
	if (b->first_done == SIM_NEVER)
		b->first_done = f->last;
	b->last_done = f->last;
	frame_book_delivery(f);
	world_put(w, f);
}

void world_drop(struct world *w, struct frame *f, enum drop_reason reason)
{
	while (f) { /* and all that travel with it */
		struct frame *peer = f->peer;
		if (__builtin_expect(w->watch != NULL, 0))
			w->watch->ended(w->watch, f, reason);
		frame_book_drop(f, reason);
		world_put(w, f);
		f = peer;
	}
}

void world_each_live(struct world *w, void (*fn)(void *arg, struct frame *f), void *arg)
{
	for (struct world_slab *s = w->slabs; s; s = s->next)
		for (unsigned i = 0; i < SLAB_FRAMES; i++)
			if (s->frame[i].led)
				fn(arg, &s->frame[i]);
}

uint64_t plat_sim_cached(struct plat *pl, const void *dst, const void *src, uint32_t len)
{
	const struct plat_clock *k = pl->clk;
	uint32_t n[LLC_PLACES] = {0};
	uint64_t ps = 0;

	if (src)
		llc_cpu(k->llc, k->core, k->node, plat_sim_hpa(pl, src), len, false, n);
	else
		n[LLC_PRIVATE] = len;
	if (dst)
		llc_cpu(k->llc, k->core, k->node, plat_sim_hpa(pl, dst), len, true, n);
	for (unsigned p = 0; p < LLC_PLACES; p++)
		ps += n[p] * k->cost->byte_ps[p];
	return ps;
}

uint64_t plat_sim_look(struct plat *pl, struct watched_copy *c, const void *dst, const void *src)
{
	struct world_watch *watch = pl->world->watch;

	c->ps = pl->clk->llc ? pl->clk->cost->copy_base_ps + plat_sim_cached(pl, dst, src, c->len)
			     : cost_copy_ps(pl->clk->cost, c->len);
	if (watch)
		watch->copied(watch, c);
	return c->ps;
}
