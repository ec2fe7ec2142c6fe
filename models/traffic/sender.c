/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sender.c - merging traffics: see sender.h. */
#include "sender.h"

#include <glib.h>

void sender_init(struct sender *s, struct world *w, uint32_t sources)
{
	*s = (struct sender){.world = w};
	s->source = g_new0(struct source, sources + 1);
	s->heap = g_new0(struct source *, sources + 1);
}

void sender_fini(struct sender *s)
{
	for (uint32_t i = 0; i < s->sources; i++)
		cursor_free(s->source[i].cursor);
	g_free(s->source);
	g_free(s->heap);
}

void sender_close(struct sender *s, sim_time now)
{
	if ((s->n || s->live) && now > s->stop)
		s->stop = now;
	s->n = s->live = 0;
	s->closed = true;
}

static bool before(const struct source *a, const struct source *b)
{
	return a->at < b->at || (a->at == b->at && a->traffic < b->traffic);
}

static void put(struct sender *s, uint32_t i, struct source *e)
{
	s->heap[i] = e;
	e->place = i + 1;
}

/* What stands at i has changed: down to its place. */
static void sift_from(struct sender *s, uint32_t i)
{
	struct source *moved = s->heap[i];

	for (;;) {
		uint32_t child = 2 * i + 1;
		if (child >= s->n)
			break;
		if (child + 1 < s->n && before(s->heap[child + 1], s->heap[child]))
			child++;
		if (!before(s->heap[child], moved))
			break;
		put(s, i, s->heap[child]);
		i = child;
	}
	put(s, i, moved);
}

static void sift(struct sender *s)
{
	sift_from(s, 0);
}

/* e is to stand at i or above. */
static void rise(struct sender *s, uint32_t i, struct source *e)
{
	for (; i && before(e, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		put(s, i, s->heap[(i - 1) / 2]);
	put(s, i, e);
}

static void take_out(struct sender *s, struct source *e)
{
	uint32_t i = e->place - 1;
	struct source *last = s->heap[--s->n];

	e->place = 0;
	if (last == e)
		return;
	rise(s, i, last);
	sift_from(s, last->place - 1);
}

/*
 * Of n gaps that take `span`. Of uneven ones to 1/4096, so that it is k times as long where they
 * are, for k a power of two: whole picoseconds would not be.
 */
static sim_time mean_gap(sim_time span, uint64_t n)
{
	sim_time gap = span / n;
	unsigned bits = 63u - (unsigned)__builtin_clzll(gap | 4096) - 12;

	return gap * n == span ? gap : gap >> bits << bits;
}

/* The root has no frame left. */
static void remove_root(struct sender *s)
{
	const struct source *e = s->heap[0];
	sim_time stop = e->until;

	if (stop == SIM_NEVER)
		stop = e->taken > 1 ? e->at + mean_gap(e->at - e->first, e->taken - 1) : e->at;
	if (stop > s->stop)
		s->stop = stop;
	take_out(s, s->heap[0]);
}

void sender_add(struct sender *s, struct traffic_cursor *cursor, uint16_t traffic, sim_time until,
		bool unpaced, bool drop)
{
	struct source *e = &s->source[s->sources++];

	*e = (struct source){.cursor = cursor,
			     .until = until,
			     .traffic = traffic,
			     .drop = drop,
			     .live = cursor_live(cursor),
			     .unpaced = unpaced && !cursor_live(cursor),
			     .owner = s->ctx};
	s->live += e->live;
	if (!cursor_peek(cursor, &e->at))
		return;
	e->first = e->at;
	rise(s, s->n++, e);
}

static struct source *source_of(const struct sender *s, uint16_t traffic)
{
	uint32_t lo = 0, hi = s->sources; /* added in order of their traffic */

	while (lo + 1 < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (s->source[mid].traffic <= traffic)
			lo = mid;
		else
			hi = mid;
	}
	return &s->source[lo];
}

void sender_news(struct sender *s, uint16_t traffic)
{
	struct source *e = source_of(s, traffic);
	bool has;

	if (s->closed)
		return;
	has = cursor_peek(e->cursor, &e->at);
	if (has && !e->place) {
		rise(s, s->n++, e);
	} else if (has) {
		rise(s, e->place - 1, e);
		sift_from(s, e->place - 1);
	} else if (e->place) {
		take_out(s, e);
	}
}

void sender_over(struct sender *s, sim_time stop)
{
	if (s->live)
		s->live--;
	if (stop > s->stop)
		s->stop = stop;
}

bool sender_peek(struct sender *s, sim_time now, sim_time *at)
{
	while (s->n) {
		struct source *e = s->heap[0];
		if (__builtin_expect(!e->unpaced || now < e->until, 1)) {
			*at = e->at;
			return true;
		}
		remove_root(s);
	}
	return false;
}

struct frame *sender_take(struct sender *s)
{
	struct source *e = s->heap[0];
	struct tframe t;
	struct book *book;
	struct frame *f = NULL;

	if (__builtin_expect(!cursor_take(e->cursor, &t), 0)) {
		sender_news(s, e->traffic);
		return NULL;
	}
	book = s->book(s->ctx, e, &t);
	if (__builtin_expect(!book, 0)) {
		if (!s->misdirected) {
			s->misdirected = e;
			s->misdirected_num = t.num;
		}
		cursor_release(e->cursor, &t);
	} else {
		f = world_frame(s->world, book, t.len, t.at);
		f->bytes = t.bytes;
		f->source = e;
		f->block = t.block;
		f->num = t.num;
		f->hash = t.hash;
		f->traffic = e->traffic;
		f->to = (int16_t)t.to;
		f->exchange = t.exchange;
		if (s->made)
			s->made(s->ctx, f);
	}
	e->taken++;
	if (__builtin_expect(e->live, 0)) {
		sender_news(s, e->traffic);
	} else if (!cursor_peek(e->cursor, &e->at)) {
		e->at = t.at;
		remove_root(s);
	} else {
		sift(s);
	}
	return f;
}

void sender_release(struct frame *f)
{
	struct source *e = f->source;
	struct tframe t = {.bytes = f->bytes, .num = f->num, .block = f->block, .len = f->len};

	cursor_release(e->cursor, &t);
}
