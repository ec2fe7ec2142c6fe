/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cursor.c - what one sender of a traffic pulls; contract in traffic.h.
 *
 * Three kinds of cursor share one shape: `next` holds the frame to come, advance() makes it.
 *
 *   cached   the pre-pass left an array of entries per sender; a cursor walks its array.
 *   stream   the capture is larger than the cache: each cursor reads the file on its own and keeps
 *            its sender's frames in blocks that are used again once every frame in them is
 *            released.
 *   synth    each cursor runs the whole traffic's draws and keeps its own sender's frames; bytes
 *            are made at take, in a buffer that release gives back.
 *
 * A repeated capture adds one period of pos: the span of the stamps and their mean gap, all bytes,
 * or all frames.
 *
 * Rejected: one shared reader that deals frames out to senders (its memory grows with how far the
 * senders are apart); a random stream per sender (frames would have no number in their traffic).
 */
#include "traffic_impl.h"

#include <string.h>

#include "models/datapath/digest.h"
#include "sim/rng.h"

#define BLOCK_BYTES 262144u /* of a stream; holds four frames of the largest size */

/* A run of bytes that a stream's or a synthetic cursor lends out. */
struct block {
	struct block *free_next, *all_next;
	uint32_t refs, used;
	uint8_t data[];
};

struct traffic_cursor {
	struct traffic *t;
	int sender;
	bool ready, ended;
	struct tframe next;
	struct pace pace;
	uint64_t pass, base_pos, base_num;

	const struct entry *entry, *entry_first, *entry_end; /* cached */

	struct walk walk; /* stream */
	struct block *current;
	GError *error;

	struct turn turn; /* synth */
	struct rng gaps, sizes;
	uint64_t num, pos, next_pos;
	uint32_t flow, next_flow;

	struct block *blocks, *free_blocks;
	uint64_t block_bytes, memory;
};

/* ---- blocks ---------------------------------------------------------------------------------- */

static struct block *block_get(struct traffic_cursor *c)
{
	struct block *b = c->free_blocks;

	if (b) {
		c->free_blocks = b->free_next;
	} else {
		b = g_malloc(c->block_bytes);
		b->all_next = c->blocks;
		c->blocks = b;
		c->memory += c->block_bytes;
	}
	b->refs = 1;
	b->used = 0;
	return b;
}

static inline void block_put(struct traffic_cursor *c, struct block *b)
{
	if (--b->refs)
		return;
	b->free_next = c->free_blocks;
	c->free_blocks = b;
}

/* Room for len bytes in the stream's current block, which itself holds one reference. */
static uint8_t *block_room(struct traffic_cursor *c, uint32_t len)
{
	struct block *b = c->current;
	uint8_t *room;

	if (b && b->refs == 1)
		b->used = 0;
	if (b && b->used + len > BLOCK_BYTES) {
		block_put(c, b);
		b = NULL;
	}
	if (!b)
		b = c->current = block_get(c);
	room = b->data + b->used;
	b->used += (len + 7) & ~7u;
	b->refs++;
	return room;
}

/* ---- advance: make the next frame ------------------------------------------------------------ */

static void cached_advance(struct traffic_cursor *c)
{
	const struct traffic *t = c->t;
	const struct entry *e = c->entry;

	if (e == c->entry_end) {
		if (++c->pass == t->passes) {
			c->ended = true;
			return;
		}
		c->base_pos += t->period;
		c->base_num += t->info.offered;
		e = c->entry_first;
	}
	c->entry = e + 1;
	if (e + 1 != c->entry_end)
		__builtin_prefetch(e[1].bytes);
	c->next = (struct tframe){
		.at = pace_at(&c->pace, c->base_pos + e->pos),
		.bytes = e->bytes,
		.num = c->base_num + e->num,
		.hash = e->hash,
		.len = e->len,
		.synth_len = e->synth_len,
		.to = e->to,
	};
}

static void stream_rewind(struct traffic_cursor *c)
{
	struct capture_id id;

	walk_close(&c->walk);
	if (!walk_open(c->t, &c->walk, &id, &c->error))
		return;
	if (memcmp(&id, &c->t->id, sizeof(id)) != 0)
		g_set_error(&c->error, TRAFFIC_ERROR, TRAFFIC_ERROR_CHANGED,
			    "capture '%s' changed while it was replayed; replay a copy",
			    c->t->cfg.trace);
}

/* The stream's next frame of this sender, over the ends of passes; false when there is none. */
static bool stream_step(struct traffic_cursor *c, struct step *s)
{
	struct traffic *t = c->t;
	int got = 0;

	while (!c->error) {
		got = walk_step(t, &c->walk, s, &c->error);
		if (got == 1 && s->offered && s->from == c->sender)
			return true;
		if (got == 0 && ++c->pass == t->passes)
			return false;
		if (got == 0) {
			c->base_pos += t->period;
			c->base_num += t->info.offered;
			stream_rewind(c);
		}
	}
	return false;
}

static void stream_advance(struct traffic_cursor *c)
{
	struct step s;
	uint8_t *dst;

	if (!stream_step(c, &s)) {
		c->ended = true;
		return;
	}
	dst = block_room(c, s.f.len);
	walk_expand(&s.f, dst);
	c->next = (struct tframe){
		.at = pace_at(&c->pace, c->base_pos + s.pos),
		.bytes = dst,
		.num = c->base_num + s.num,
		.hash = digest_bytes(dst, s.f.len),
		.block = c->current,
		.len = s.f.len,
		.synth_len = s.f.len - s.f.caplen,
		.to = s.to,
	};
}

uint32_t traffic_size_draw(const struct traffic_size *s, struct rng *r)
{
	uint64_t x;

	if (s->kind == TRAFFIC_SIZE_FIXED)
		return s->lo;
	if (s->kind == TRAFFIC_SIZE_UNIFORM)
		return s->lo + (uint32_t)rng_below(r, s->hi - s->lo + 1);
	x = rng_below(r, 12);
	return x < 7 ? 60 : x < 11 ? 590 : 1514;
}

/* Time of the frame at `pos`; a time out of range is SIM_NEVER. */
static sim_time synth_time(struct traffic_cursor *c, uint64_t pos)
{
	const struct traffic_cfg *cfg = &c->t->cfg;
	sim_time active, silent;

	if (cfg->source == TRAFFIC_POISSON)
		return c->pace.at;
	active = pace_at(&c->pace, pos);
	if (cfg->source == TRAFFIC_CONSTANT || active > SIM_MAX)
		return active;
	if (__builtin_mul_overflow(active / cfg->on, cfg->off, &silent) || silent > SIM_MAX)
		return SIM_NEVER;
	if (__builtin_add_overflow(active, silent, &active) ||
	    __builtin_add_overflow(active, cfg->start, &active))
		return SIM_NEVER;
	return active;
}

static void synth_advance(struct traffic_cursor *c)
{
	const struct traffic_cfg *cfg = &c->t->cfg;
	int from;

	do {
		c->next.num = c->num++;
		c->next_pos = c->pos;
		c->next_flow = c->flow;
		c->next.len = traffic_size_draw(&cfg->size, &c->sizes);
		c->pos += cfg->timing == TRAFFIC_RATE ? c->next.len : 1;
		turn_take(cfg, &c->turn, &from, &c->next.to);
		if (!(c->turn.from | c->turn.to) && ++c->flow >= cfg->flows)
			c->flow = 0;
		if (cfg->source == TRAFFIC_POISSON &&
		    __builtin_add_overflow(c->pace.at,
					   rng_exp_ratio(&c->gaps, c->t->gap_num, c->t->gap_den),
					   &c->pace.at))
			c->pace.at = SIM_NEVER;
	} while (from != c->sender && c->next.num < c->t->packets && c->pace.at <= SIM_MAX);
	c->next.at = synth_time(c, c->next_pos);
}

static void synth_make(struct traffic_cursor *c)
{
	const struct traffic *t = c->t;
	struct block *b = block_get(c);

	synth_frame(t->synth, &t->ends[2 + c->sender], &t->ends[2 + c->next.to], c->next.num,
		    c->next_flow, b->data, c->next.len);
	c->next.bytes = b->data;
	c->next.hash = digest_bytes(b->data, c->next.len);
	c->next.block = b;
}

/* ---- cursors --------------------------------------------------------------------------------- */

struct traffic_cursor *traffic_cursor(struct traffic *t, int sender)
{
	struct traffic_cursor *c = g_new0(struct traffic_cursor, 1);
	g_autofree char *gaps = g_strdup_printf("traffic.%s.gaps", t->cfg.name);
	g_autofree char *sizes = g_strdup_printf("traffic.%s.sizes", t->cfg.name);

	c->t = t;
	c->sender = sender;
	c->pace = t->pace;
	c->ended = !traffic_sends(t, sender);
	if (c->ended)
		return c;
	if (t->synth) {
		rng_init(&c->gaps, t->cfg.seed, gaps);
		rng_init(&c->sizes, t->cfg.seed, sizes);
		c->block_bytes = sizeof(struct block) + t->buf_bytes;
	} else if (t->info.cached) {
		GArray *a = t->entries[1 + sender];

		c->entry = c->entry_first = &g_array_index(a, struct entry, 0);
		c->entry_end = c->entry_first + a->len;
	} else {
		c->block_bytes = sizeof(struct block) + BLOCK_BYTES;
		stream_rewind(c);
	}
	return c;
}

static void advance(struct traffic_cursor *c)
{
	struct traffic *t = c->t;

	if (t->synth)
		synth_advance(c);
	else if (t->info.cached)
		cached_advance(c);
	else
		stream_advance(c);
	if (c->next.num >= t->packets || c->next.at >= t->until || c->next.at > SIM_MAX)
		c->ended = true;
	c->ready = !c->ended;
}

/* Nothing is made ahead: what comes next may still change. */
static bool loop_make(struct traffic_cursor *c)
{
	struct loop_frame f;

	if (!loop_take(c->t->loop, c->sender, &f))
		return false;
	c->next_flow = f.flow;
	c->next = (struct tframe){
		.at = c->next.at, .num = f.num, .exchange = f.exchange, .len = f.len, .to = f.to};
	return true;
}

bool cursor_peek(struct traffic_cursor *c, sim_time *at)
{
	if (c->t->loop) {
		c->ready = loop_peek(c->t->loop, c->sender, &c->next.at);
		*at = c->next.at;
		return c->ready;
	}
	if (!c->ready && !c->ended)
		advance(c);
	*at = c->next.at;
	return c->ready;
}

bool cursor_take(struct traffic_cursor *c, struct tframe *out)
{
	g_assert(c->ready);
	c->ready = false;
	if (c->t->loop && !loop_make(c))
		return false;
	if (c->t->synth)
		synth_make(c);
	*out = c->next;
	return true;
}

void cursor_release(struct traffic_cursor *c, const struct tframe *f)
{
	if (f->block)
		block_put(c, f->block);
}

bool cursor_live(const struct traffic_cursor *c)
{
	return c->t->loop != NULL;
}

bool cursor_over(const struct traffic_cursor *c)
{
	return c->t->loop && loop_over(c->t->loop);
}

const GError *cursor_error(const struct traffic_cursor *c)
{
	return c->error;
}

uint64_t cursor_memory(const struct traffic_cursor *c)
{
	return c->memory;
}

void cursor_free(struct traffic_cursor *c)
{
	if (!c)
		return;
	walk_close(&c->walk);
	while (c->blocks) {
		struct block *next = c->blocks->all_next;

		g_free(c->blocks);
		c->blocks = next;
	}
	g_clear_error(&c->error);
	g_free(c);
}
