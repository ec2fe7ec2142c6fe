/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat_tap.c - see plat_tap.h. */
#include "plat_tap.h"

#include <glib.h>

void plat_tap_cost_read(struct plat_tap_cost *c, const struct cfg *tap)
{
	bool uring = cfg_choice(tap, "backend") == 1;

	*c = (struct plat_tap_cost){
		.read = cfg_time(tap, uring ? "uring_read" : "read"),
		.read_byte = cfg_time(tap, "read_byte"),
		.read_segment = cfg_time(tap, "read_segment"),
		.read_empty = cfg_time(tap, uring ? "uring_empty" : "read_empty"),
		.write = cfg_time(tap, uring ? "uring_write" : "write"),
		.write_byte = cfg_time(tap, "write_byte"),
		.write_segment = cfg_time(tap, "write_segment"),
		.write_wake = cfg_time(tap, "write_wake"),
		.submit = uring ? cfg_time(tap, "submit") : 0,
		.look = cfg_time(tap, "epoll_ready"),
	};
}

static void pay(struct plat *pl, enum plat_work what, uint64_t ps)
{
	pl->clk->now += ps;
	pl->clk->busy[what] += ps;
}

static struct plat_tap_buffer *at(const struct plat_tap_ring *r, uint32_t i)
{
	return &r->buffer[i & (r->size - 1)];
}

static const struct plat_seg *seg_at(const struct plat_tap_ring *r, uint32_t i)
{
	return &r->seg[i & (r->size - 1)];
}

/* The next n segments of a ring are the buffer's. */
static struct plat_tap_buffer *post(struct plat_tap_ring *r, uint64_t cookie,
				    const struct plat_seg *seg, unsigned n)
{
	struct plat_tap_buffer *b = at(r, r->posted++);

	*b = (struct plat_tap_buffer){.cookie = cookie, .seg = r->seg_posted, .n = n};
	for (unsigned i = 0; i < n; i++) {
		r->seg[r->seg_posted++ & (r->size - 1)] = seg[i];
		b->bytes += seg[i].len;
	}
	return b;
}

static unsigned room_in(const struct plat_tap_ring *r)
{
	return r->size - (r->seg_posted - r->seg_reaped);
}

unsigned plat_tap_rx_room(const struct plat_tap *t)
{
	return room_in(&t->rx);
}

unsigned plat_tap_tx_room(const struct plat_tap *t)
{
	return room_in(&t->tx);
}

/* ---- memory ---- */

static uint8_t *piece(struct plat *pl, uint64_t dma, uint32_t *len, enum plat_access access)
{
	if (dma & PLAT_TAP_GUEST)
		return plat_map(pl, (gpa_t){dma & ~PLAT_TAP_GUEST}, len, access);
	return mem_ptr(pl->mem, (hpa_t){dma});
}

/*
 * len bytes of f to the segments from number `first` on, or, f NULL, from there. Returns how many
 * segments hold any.
 */
static uint32_t move(struct plat *pl, const struct plat_tap_ring *r, uint32_t first, uint8_t *bytes,
		     uint32_t len, struct frame *f)
{
	uint32_t used = 0;

	for (; len; used++) {
		struct plat_seg s = *seg_at(r, first + used);
		while (s.len && len) {
			uint32_t part = s.len < len ? s.len : len;
			uint8_t *p = piece(pl, s.dma, &part, f ? PLAT_WRITE : PLAT_READ);
			SIM_ASSERT(pl->world->q, p);
			if (f) {
				if (__builtin_expect(pl->world->watch != NULL, 0))
					world_dma(pl->world, f, p, bytes, part);
				memcpy(p, bytes, part);
				mem_note_write(pl->mem, plat_sim_hpa(pl, p), part, pl->clk->now);
			} else {
				if (!mem_note_read(pl->mem, plat_sim_hpa(pl, p), part,
						   pl->clk->now))
					plat_sim_early(pl, p, "TAP reads bytes of a later time");
				memcpy(bytes, p, part);
			}
			bytes += part;
			len -= part;
			s.len -= part;
			s.dma += part;
		}
	}
	return used;
}

/* Nothing to translate and nothing to pin: memory is there, or the mapping is refused. */
static bool tap_map(struct plat *pl, struct plat_port *port, const struct plat_mem *mem,
		    unsigned nmem, enum plat_dir dir, struct plat_seg *seg, unsigned max,
		    unsigned *n)
{
	unsigned from = *n;

	(void)port;
	for (unsigned i = 0; i < nmem; i++) {
		uint64_t gpa = mem[i].gpa.a, left = mem[i].len;
		bool there = *n < max;
		while (there && left) {
			uint32_t part = (uint32_t)left;
			there = plat_map(pl, (gpa_t){gpa}, &part,
					 dir == PLAT_FROM_DEVICE ? PLAT_WRITE : PLAT_READ);
			gpa += part;
			left -= part;
		}
		if (!there) {
			*n = from;
			return false;
		}
		seg[(*n)++] = (struct plat_seg){mem[i].gpa.a | PLAT_TAP_GUEST, mem[i].len};
	}
	return true;
}

static void tap_unmap(struct plat *pl, struct plat_port *port, const struct plat_seg *seg,
		      unsigned n)
{
	(void)pl;
	(void)port;
	(void)seg;
	(void)n;
}

const struct plat_dma_ops plat_tap_dma = {.map = tap_map, .unmap = tap_unmap};

/* ---- the device ---- */

bool plat_tap_put(struct plat_tap *t, struct frame *f)
{
	if (t->queued == t->queue_length) {
		t->refused = true;
		return false;
	}
	f->next = NULL;
	*(t->first ? &t->last->next : &t->first) = f;
	t->last = f;
	t->queued++;
	t->news(t->ctx, t->rx_irq && t->rx.reaped != t->rx.flushed);
	return true;
}

static struct frame *take(struct plat_tap *t)
{
	struct frame *f = t->first;

	t->first = f->next;
	t->queued--;
	if (__builtin_expect(t->refused, 0)) {
		t->refused = false;
		t->room(t->ctx);
	}
	return f;
}

/* ---- receive ---- */

struct room {
	uint64_t bytes;
	uint32_t segs;
	unsigned buffers;
};

/*
 * The posted buffers that the next frame may need. False if there is none, or if it may need more
 * than `max`, unless `cut`: then max have to do.
 */
static bool room_for(const struct plat_tap *t, unsigned max, bool cut, struct room *room)
{
	const struct plat_tap_ring *r = &t->rx;

	*room = (struct room){0};
	for (uint32_t i = r->reaped; i != r->flushed && room->bytes < t->max_frame; i++) {
		if (room->buffers == max)
			return cut && max;
		room->bytes += at(r, i)->bytes;
		room->segs += at(r, i)->n;
		room->buffers++;
	}
	return room->buffers > 0;
}

/* Its bytes into the oldest buffers; returns how many these are. */
static unsigned share_out(struct plat *pl, struct plat_tap *t, struct frame *f, struct plat_rx *rx)
{
	struct plat_tap_ring *r = &t->rx;
	uint8_t *from = (uint8_t *)(uintptr_t)f->bytes;
	uint32_t len = f->len;
	unsigned n = 0;

	do {
		const struct plat_tap_buffer *b = at(r, r->reaped++);
		uint32_t part = len < b->bytes ? len : b->bytes;

		f->led->dma_segments += move(pl, r, b->seg, from, part, f);
		from += part;
		len -= part;
		rx[n++] = (struct plat_rx){
			.cookie = b->cookie, .frame = f, .len = part, .last = len == 0};
		r->seg_reaped += b->n;
	} while (len);
	f->led->dma_transfers++;
	f->led->dma_bytes += f->len;
	world_release(pl->world, f);
	return n;
}

static unsigned received(struct plat *pl, struct plat_tap *t, const struct room *room,
			 struct plat_rx *rx)
{
	struct frame *f = take(t);
	const struct plat_tap_cost *c = t->cost;

	t->reads++;
	pay(pl, PLAT_W_TAP_READ,
	    c->read + c->read_byte * f->len + c->read_segment * (room->segs - 1));
	plat_stamp(pl, f, STAGE_NIC);
	if (f->len <= room->bytes)
		return share_out(pl, t, f, rx);
	plat_drop(pl, f, room->bytes < t->max_frame ? DROP_NO_DESCRIPTOR : DROP_OVERSIZE);
	return 0;
}

unsigned plat_tap_reap_rx(struct plat *pl, struct plat_tap *t, struct plat_rx *rx, unsigned max)
{
	struct room room;
	unsigned n = 0;
	bool asked = false;

	while (n < max && room_for(t, max - n, n == 0, &room)) {
		if (!asked)
			pay(pl, PLAT_W_TAP_READ, t->cost->submit);
		asked = true;
		if (!t->first) {
			t->empty++;
			pay(pl, PLAT_W_TAP_READ, t->cost->read_empty);
			break;
		}
		n += received(pl, t, &room, rx + n);
	}
	return n;
}

void plat_tap_post_rx(struct plat *pl, struct plat_tap *t, uint64_t cookie,
		      const struct plat_seg *seg, unsigned n)
{
	post(&t->rx, cookie, seg, n);
	plat_charge(pl, PLAT_W_DEV_RX, n);
}

void plat_tap_flush_rx(struct plat_tap *t)
{
	t->rx.flushed = t->rx.posted;
}

bool plat_tap_rx_irq(struct plat *pl, struct plat_tap *t, bool on)
{
	t->rx_irq = on;
	if (!on || t->rx.reaped == t->rx.flushed)
		return false;
	pay(pl, PLAT_W_EPOLL, t->cost->look);
	return t->first;
}

/* ---- send ---- */

void plat_tap_send(struct plat *pl, struct plat_tap *t, uint64_t cookie, struct frame *f,
		   const struct plat_seg *seg, unsigned n)
{
	post(&t->tx, cookie, seg, n)->frame = f;
	plat_charge(pl, PLAT_W_DEV_TX, n);
}

static void write_one(struct plat *pl, struct plat_tap *t, const struct plat_tap_buffer *b)
{
	const struct plat_tap_cost *c = t->cost;
	struct frame *f = b->frame;
	bool wakes = c->write_wake && t->wakes && t->wakes(t->ctx);

	t->writes++;
	move(pl, &t->tx, b->seg, t->linear, b->bytes, NULL);
	pay(pl, PLAT_W_TAP_WRITE,
	    c->write + c->write_byte * b->bytes + c->write_segment * (b->n - 1) +
		    (wakes ? c->write_wake : 0));
	f->led->dma_transfers++;
	f->led->dma_segments += b->n;
	f->led->dma_bytes += b->bytes;
	plat_stamp(pl, f, STAGE_NIC);
	t->sink(t->ctx, f, t->linear);
}

void plat_tap_flush_tx(struct plat *pl, struct plat_tap *t)
{
	struct plat_tap_ring *r = &t->tx;

	if (r->flushed == r->posted)
		return;
	pay(pl, PLAT_W_TAP_WRITE, t->cost->submit);
	while (r->flushed != r->posted)
		write_one(pl, t, at(r, r->flushed++));
}

unsigned plat_tap_reap_tx(struct plat *pl, struct plat_tap *t, uint64_t *cookie, unsigned max)
{
	struct plat_tap_ring *r = &t->tx;
	unsigned n = 0;

	plat_tap_flush_tx(pl, t);
	for (; n < max && r->reaped != r->flushed; n++) {
		const struct plat_tap_buffer *b = at(r, r->reaped++);
		cookie[n] = b->cookie;
		r->seg_reaped += b->n;
	}
	return n;
}

bool plat_tap_tx_irq(struct plat_tap *t, bool on)
{
	t->tx_irq = on;
	return on && t->tx.reaped != t->tx.flushed;
}
