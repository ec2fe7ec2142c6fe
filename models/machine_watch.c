/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_watch.c - what an event has changed: see machine_watch.h. Frames are here; CPUs, links,
 * walkers and rings in machine_watch_parts.c.
 */
#include "machine_watch.h"

#include <string.h>

#include "machine_watch_impl.h"
#include "plat/sim/plat_tap.h"

/* ---- frames ---- */

/* Stages in order of passage, for what passed several in one event. */
static const enum frame_stage order[] = {
	STAGE_SEND_WAIT,    STAGE_GUEST,        STAGE_NIC,     STAGE_WIRE_WAIT, STAGE_WIRE,
	STAGE_VMM_WAIT,     STAGE_HOST_WAIT,    STAGE_VMM,     STAGE_HOST,      STAGE_GUEST_WAIT,
	STAGE_GUEST_KERNEL, STAGE_PROCESS_WAIT, STAGE_PROCESS,
};
G_STATIC_ASSERT(G_N_ELEMENTS(order) == STAGE_N);

static void tell_stages(struct watch *w, struct seen *s, uint16_t passed)
{
	struct frame *f = s->f;
	sim_time at = s->last;

	for (unsigned i = 0; i < STAGE_N; i++) {
		enum frame_stage st = order[i];
		sim_time ps = f->stage_ps[st] - s->stage_ps[st];

		if (!ps && !(passed & 1u << st))
			continue;
		TELL(w, stage, s, st, at, at + ps, &w->event);
		at += ps;
	}
	memcpy(s->stage_ps, f->stage_ps, sizeof(s->stage_ps));
	s->last = f->last;
}

static void look_at(struct watch *w, struct seen *s)
{
	struct frame *f = s->f;
	uint16_t passed = f->passed & (uint16_t)~s->passed;

	if (f->last == s->last && !passed)
		return;
	s->passed |= f->passed;
	tell_stages(w, s, passed);
}

static struct seen *seen_of(const struct watch *w, const struct frame *f)
{
	return f ? g_hash_table_lookup(w->by_frame, f) : NULL;
}

static struct seen *begin(struct watch *w, struct frame *f)
{
	struct seen *s = g_new0(struct seen, 1);

	s->f = f;
	s->id = ++w->begun;
	s->last = f->first;
	s->index = w->frames->len;
	g_ptr_array_add(w->frames, s);
	g_hash_table_insert(w->by_frame, f, s);
	TELL(w, begun, s);
	return s;
}

static void forget(struct watch *w, struct seen *s)
{
	struct seen *last = w->frames->pdata[w->frames->len - 1];

	g_hash_table_remove(w->by_frame, s->f);
	w->frames->pdata[s->index] = last;
	last->index = s->index;
	g_ptr_array_set_size(w->frames, (gint)w->frames->len - 1);
	watch_place_free(s->at);
	g_free(s->trace);
	g_free(s);
}

static bool wanted(const struct watch *w, const struct frame *f)
{
	for (unsigned i = 0; i < w->watchers; i++) {
		struct watcher *one = w->watcher[i];
		if (one->frames && (!one->wants || one->wants(one, f)))
			return true;
	}
	return false;
}

static void made(struct watch *w, struct frame *f)
{
	if (!w->on || !w->wants_frames)
		return;
	for (; f; f = f->peer)
		if (wanted(w, f))
			begin(w, f);
}

/* sender.made of a guest; of a wire. */
static void made_by_guest(void *ctx, struct frame *f)
{
	struct guest *g = ctx;

	local_made(g, f);
	made(g->m->watch, f);
}

static void made_by_wire(void *ctx, struct frame *f)
{
	struct watch *w = ((struct host_nic *)ctx)->m->watch;

	w->wire_made(ctx, f);
	made(w, f);
}

static void on_copy(struct world_watch *base, const struct watched_copy *c)
{
	struct watch *w = (struct watch *)((char *)base - offsetof(struct watch, base));
	struct seen *s;

	for (struct frame *f = w->bytes ? c->frame : NULL; f; f = f->peer)
		if ((s = seen_of(w, f)))
			watch_copied(w, s, c);
	s = seen_of(w, c->frame);
	if (s)
		TELL(w, copied, s, c);
}

/* Those that travel with it are there as well. */
static void on_dma(struct world_watch *base, struct frame *f, const uint8_t *p, const uint8_t *from,
		   uint32_t len)
{
	struct watch *w = (struct watch *)((char *)base - offsetof(struct watch, base));
	struct seen *s;

	for (; f; f = f->peer)
		if ((s = seen_of(w, f)))
			watch_written(w, s, p, from, len);
}

/* A guest's process reads it. */
static bool on_read(void *ctx, const struct frame *f, const uint8_t *bytes, uint32_t len)
{
	struct watch *w = ctx;
	struct seen *s = seen_of(w, f);

	if (s)
		TELL(w, read, s, bytes, len);
	return false;
}

/* ---- the far side of TAP devices ---- */

static void far_sent(struct watch *w, const struct frame *f, sim_time at)
{
	const struct host_nic *hn = w->m->guest[f->to].nic;

	TELL(w, wire, (unsigned)(hn - w->m->nic), false, f->first, at, f->bytes, f->len);
}

static void tap_news(void *ctx, bool wanted)
{
	struct guest *g = ctx;
	struct watch *w = g->m->watch;

	if (w->on)
		far_sent(w, g->tap->last, g->tap->last->last);
	w->tap_news(ctx, wanted);
}

static void tap_sink(void *ctx, struct frame *f, const uint8_t *bytes)
{
	struct host_nic *hn = ctx;
	struct watch *w = hn->m->watch;

	if (w->on)
		TELL(w, wire, (unsigned)(hn - w->m->nic), true, f->first, f->last, bytes, f->len);
	w->tap_sink(ctx, f, bytes);
}

/* Lost at the device: it was sent. */
static void far_lost(struct watch *w, const struct frame *f)
{
	if (w->m->tap && f->bytes && f->passed & 1u << STAGE_WIRE)
		far_sent(w, f, f->last);
}

static void on_end(struct world_watch *base, struct frame *f, enum drop_reason why)
{
	struct watch *w = (struct watch *)((char *)base - offsetof(struct watch, base));
	struct seen *s = seen_of(w, f);

	if (!s)
		return;
	w->event.now = evq_now(&w->m->q);
	watch_cpus(w); /* the stamps that follow are of a turn that is under way */
	look_at(w, s);
	far_lost(w, f);
	TELL(w, ended, s, why, why == DROP_N ? f->last : w->event.now);
	forget(w, s);
}

static void already_there(void *arg, struct frame *f)
{
	struct seen *s = begin(arg, f);

	s->passed = f->passed;
	s->last = f->last;
	memcpy(s->stage_ps, f->stage_ps, sizeof(s->stage_ps));
}

/* ---- the watch ---- */

static void watch_tap(struct watch *w)
{
	struct machine *m = w->m;

	for (unsigned i = 0; i < m->guests; i++) {
		w->tap_news = m->guest[i].tap->news;
		m->guest[i].tap->news = tap_news;
	}
	for (unsigned i = 0; i < m->nics; i++) {
		w->tap_sink = m->nic[i].nic.sink;
		m->nic[i].nic.sink = tap_sink;
	}
}

struct watch *watch_new(struct machine *m)
{
	struct watch *w = g_new0(struct watch, 1);

	w->m = m;
	w->base = (struct world_watch){.copied = on_copy, .dma = on_dma, .ended = on_end};
	w->bytes_now = g_byte_array_new();
	w->frames = g_ptr_array_new();
	w->by_frame = g_hash_table_new(NULL, NULL);
	watch_parts_new(w);
	for (unsigned i = 0; i < m->guests; i++)
		m->guest[i].sender.made = made_by_guest;
	for (unsigned i = 0; i < m->nics; i++) {
		w->wire_made = m->nic[i].wire.made;
		m->nic[i].wire.made = made_by_wire;
	}
	if (m->tap)
		watch_tap(w);
	return w;
}

void watch_add(struct watch *w, struct watcher *one)
{
	w->watcher[w->watchers++] = one;
	one->off = true;
	w->wants_frames |= one->frames;
	w->wants_parts |= one->parts;
	w->bytes |= one->bytes;
}

static void look_at_copies(struct machine *m, bool on)
{
	for (unsigned i = 0; i < m->cores; i++)
		m->core[i].clk.look = on || m->llc;
	for (unsigned i = 0; i < m->guests; i++)
		for (unsigned v = 0; v < m->guest[i].vcpus; v++)
			m->guest[i].vcpu[v].clk.look = on || m->llc;
}

/* From now on where bytes are is known, and what processes read. */
static void look_at_bytes(struct watch *w)
{
	struct machine *m = w->m;

	for (unsigned i = 0; i < m->nics; i++)
		m->nic[i].nic.look_always = m->nic[i].nic.tells = true;
	for (unsigned i = 0; i < m->guests; i++) {
		struct gnet *net = &m->guest[i].net;

		net->rx_end.process = net->local_end.process = on_read;
		net->rx_end.ctx = net->local_end.ctx = w;
	}
}

/* From now on it is looked at, as it is. */
static void switch_on(struct watch *w)
{
	w->on = true;
	w->base.next = w->m->world.watch;
	w->m->world.watch = &w->base;
	w->event.now = evq_now(&w->m->q);
	look_at_copies(w->m, true);
	if (w->bytes)
		look_at_bytes(w);
	watch_parts_begin(w);
	if (w->wants_frames)
		world_each_live(&w->m->world, already_there, w);
	watch_links(w);
}

/* Whose time has come, or is over. */
static void turns(struct watch *w, sim_time now)
{
	w->next = SIM_NEVER;
	for (unsigned i = 0; i < w->watchers; i++) {
		struct watcher *one = w->watcher[i];

		if (one->off && one->from <= now && one->until > now) {
			one->off = false;
			if (!w->on)
				switch_on(w);
			if (one->begins)
				one->begins(one, now);
		} else if (!one->off && one->until <= now) {
			one->off = true;
			if (one->ends)
				one->ends(one, now);
		}
		if (one->off && one->from > now)
			w->next = MIN(w->next, one->from);
		else if (!one->off)
			w->next = MIN(w->next, one->until);
	}
}

void watch_begin(struct watch *w)
{
	turns(w, evq_now(&w->m->q));
}

void watch_look(struct watch *w)
{
	sim_time now = evq_now(&w->m->q);

	if (w->on) {
		w->event.now = now;
		watch_cpus(w);
		for (guint i = 0; i < w->frames->len; i++)
			look_at(w, w->frames->pdata[i]);
		watch_parts(w);
		TELL(w, looked, &w->event);
		w->event.cpu = -1;
		w->event.from = SIM_NEVER;
	}
	if (now >= w->next)
		turns(w, now);
}

void watch_again(struct watch *w)
{
	w->next = 0;
}

void watch_window(struct watch *w, bool stop)
{
	watch_look(w);
	TELL(w, window, stop);
}

void watch_end(struct watch *w)
{
	for (unsigned i = 0; i < w->watchers; i++) {
		struct watcher *one = w->watcher[i];

		if (!one->off && one->ends)
			one->ends(one, evq_now(&w->m->q));
		one->off = true;
	}
	if (w->on)
		w->m->world.watch = w->base.next;
	w->on = false;
	w->next = SIM_NEVER;
}

const GPtrArray *watch_frames(const struct watch *w)
{
	return w->frames;
}

struct seen *watch_seen(const struct watch *w, const struct frame *f)
{
	return seen_of(w, f);
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	while (w->frames->len)
		forget(w, w->frames->pdata[w->frames->len - 1]);
	g_ptr_array_free(w->frames, TRUE);
	g_hash_table_destroy(w->by_frame);
	watch_parts_free(w);
	g_byte_array_unref(w->bytes_now);
	g_free(w);
}

const struct watch_track *watch_tracks(const struct watch *w, unsigned *n)
{
	*n = w->tracks->len;
	return (const struct watch_track *)(void *)w->tracks->data;
}

const struct watch_level *watch_levels(const struct watch *w, unsigned *n)
{
	*n = w->levels->len;
	return (const struct watch_level *)(void *)w->levels->data;
}

char *watch_name(const struct machine *m, const struct frame *f)
{
	return g_strdup_printf("%s:%" G_GUINT64_FORMAT,
			       cfg_name(scenario_at(m->sc, "traffic", f->traffic)), f->num);
}
