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

static __attribute__((noinline)) void tell_end(struct world *w, struct frame *f,
					       enum drop_reason why)
{
	for (struct world_watch *watch = w->watch; watch; watch = watch->next)
		watch->ended(watch, f, why);
}

void world_deliver(struct world *w, struct frame *f)
{
	if (__builtin_expect(w->watch != NULL, 0))
		tell_end(w, f, DROP_N);
	w->stage_errors += !book_times(book_of(f), f);
	frame_book_delivery(f);
	world_put(w, f);
}

void world_drop(struct world *w, struct frame *f, enum drop_reason reason)
{
	while (f) { /* and all that travel with it */
		struct frame *peer = f->peer;
		if (__builtin_expect(w->watch != NULL, 0))
			tell_end(w, f, reason);
		frame_book_drop(f, reason);
		w->dropped++;
		world_put(w, f);
		f = peer;
	}
}

void world_dma(struct world *w, struct frame *f, const uint8_t *p, const uint8_t *from,
	       uint32_t len)
{
	for (struct world_watch *watch = w->watch; watch; watch = watch->next)
		if (watch->dma)
			watch->dma(watch, f, p, from, len);
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
	c->ps = pl->clk->llc ? pl->clk->cost->copy_base_ps + plat_sim_cached(pl, dst, src, c->len)
			     : cost_copy_ps(pl->clk->cost, c->len);
	c->to = dst;
	for (struct world_watch *watch = pl->world->watch; watch; watch = watch->next)
		if (watch->copied)
			watch->copied(watch, c);
	return c->ps;
}
