/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gnet_vf.c - a virtual function's driver under the guest's kernel: see gnet_vf.h. */
#include "gnet_vf.h"

#include "frame.h"

/* A buffer of n pieces for the device; returns its segments, 0 if it is refused. */
static unsigned map(struct plat *pl, struct gnet_vf *v, const struct virtq_seg *piece, unsigned n,
		    enum plat_dir dir, struct plat_seg *seg)
{
	struct plat_mem mem[DPATH_SEGS];
	unsigned nseg = 0;

	for (unsigned i = 0; i < n; i++)
		mem[i] = (struct plat_mem){piece[i].addr, piece[i].len};
	if (!plat_dma_map_sg(pl, v->port, mem, n, dir, seg, v->segs, &nseg))
		return 0;
	return nseg;
}

/* ---- receive --------------------------------------------------------------------------------- */

static void rx_unmap(struct gnet *g, struct gnet_vf *v, uint32_t buf)
{
	plat_dma_unmap(g->rx_pl, v->port, &v->rx_seg[buf * v->segs], v->rx_nseg[buf]);
	v->rx_nseg[buf] = 0;
}

static void refill(struct gnet *g, struct gnet_vf *v)
{
	v->starved = false;
	while (g->rx_top && plat_dev_rx_room(g->rx_pl, v->port) >= v->segs) {
		uint32_t buf = gnet_rx_next(g);
		struct plat_seg *seg = &v->rx_seg[buf * v->segs];
		const struct virtq_seg *piece;
		unsigned n = gnet_rx_pieces(g, buf, &piece);

		n = map(g->rx_pl, v, piece, n, PLAT_FROM_DEVICE, seg);
		if (!n) {
			v->map_failures[0]++;
			v->starved = true;
			return;
		}
		v->rx_nseg[buf] = (uint16_t)n;
		plat_dev_post_rx(g->rx_pl, v->port, buf, seg, n);
		gnet_rx_posted(g);
	}
}

/*
 * Copybreak: a short frame is copied into a free buffer, and its own stays mapped and goes back to
 * the device as it is. There is always a free one; if not, the frame keeps its buffer.
 */
static bool rx_copied(struct gnet *g, struct gnet_vf *v, struct frame *f)
{
	struct piece from[DPATH_PIECES], to[DPATH_PIECES];
	uint32_t buf = v->first, fresh;
	struct plat_seg *seg = &v->rx_seg[buf * v->segs];
	unsigned n = v->rx_nseg[buf];

	if (v->len > v->copybreak || v->buffers > 1 || !g->rx_top ||
	    plat_dev_rx_room(g->rx_pl, v->port) < n)
		return false;
	fresh = gnet_rx_next(g);
	gnet_rx_posted(g); /* off the stack, as if */
	gnet_rx_seen(g, f);
	plat_dma_sync_for_cpu(g->rx_pl, v->port, seg, n, v->len, f);
	gnet_kernel_pieces(g->rx_pl, &g->rx_seg[buf * g->rx_per], g->rx_per, g->header, v->len,
			   PLAT_READ, from);
	gnet_kernel_pieces(g->rx_pl, &g->rx_seg[fresh * g->rx_per], g->rx_per, g->header, v->len,
			   PLAT_WRITE, to);
	pieces_copy(g->rx_pl, f, SITE_POSTED_TO_GUEST_KERNEL, REASON_COPYBREAK, to, from, v->len);
	plat_dev_post_rx(g->rx_pl, v->port, buf, seg, n);
	gnet_rx_frame(g, f, fresh, 1, v->len);
	return true;
}

/* A frame is all there, in v->buffers buffers. */
static void rx_frame(struct gnet *g, struct gnet_vf *v, struct frame *f)
{
	uint32_t buf = v->first;

	if (__builtin_expect(v->copybreak, 0) && rx_copied(g, v, f))
		return;
	gnet_rx_seen(g, f);
	for (uint32_t i = 0; i < v->buffers; i++, buf = g->rx_link[buf]) {
		plat_dma_sync_for_cpu(g->rx_pl, v->port, &v->rx_seg[buf * v->segs], v->rx_nseg[buf],
				      v->rx_len[buf], f);
		rx_unmap(g, v, buf);
	}
	gnet_rx_frame(g, f, v->first, v->buffers, v->len);
}

/* Buffers that hold no frame, or a part that is of no use: free again. */
static void rx_spoilt(struct gnet *g, struct gnet_vf *v)
{
	uint32_t buf = v->first;

	g->bad_length++;
	for (uint32_t i = 0; i < v->buffers; i++) {
		uint32_t next = g->rx_link[buf];
		rx_unmap(g, v, buf);
		gnet_rx_give(g, buf);
		buf = next;
	}
}

static void rx_take(struct gnet *g, struct gnet_vf *v, const struct plat_rx *rx)
{
	uint32_t buf = (uint32_t)rx->cookie;

	if (v->buffers++)
		g->rx_link[v->last] = buf;
	else
		v->first = buf;
	v->last = buf;
	v->rx_len[buf] = rx->len;
	v->len += rx->len;
	v->lost |= !rx->frame;
	v->absurd |= rx->len > v->rx_bytes;
	if (!rx->last)
		return;
	if (!v->lost && v->absurd)
		plat_drop(g->rx_pl, rx->frame, DROP_BAD_DESCRIPTOR);
	if (v->lost || v->absurd || !v->len)
		rx_spoilt(g, v);
	else
		rx_frame(g, v, rx->frame);
	v->buffers = v->len = 0;
	v->lost = v->absurd = false;
}

static void rx_poll(struct gnet *g)
{
	struct gnet_vf *v = g->below;
	unsigned n;

	plat_dev_rx_irq(g->rx_pl, v->port, false);
	n = plat_dev_reap_rx(g->rx_pl, v->port, v->rx, g->weight);
	for (unsigned i = 0; i < n; i++)
		rx_take(g, v, &v->rx[i]);
	g->rxb.work = n;
	refill(g, v);
}

static void rx_publish(struct gnet *g)
{
	struct gnet_vf *v = g->below;

	plat_dev_flush_rx(g->rx_pl, v->port);
	if (v->starved)
		plat_arm(g->rx_pl, v->alarm, plat_now(g->rx_pl) + v->retry);
}

static bool rx_sleep(struct gnet *g)
{
	struct gnet_vf *v = g->below;
	return plat_dev_rx_irq(g->rx_pl, v->port, true);
}

/* ---- transmit -------------------------------------------------------------------------------- */

static void tx_unmap(struct gnet *g, struct gnet_vf *v, uint32_t slot)
{
	plat_dma_unmap(g->tx_pl, v->port, &v->tx_seg[slot * v->segs], v->tx_nseg[slot]);
	v->tx_nseg[slot] = 0;
}

/* The process may use the buffer again. */
static void tx_back(struct gnet *g, struct gnet_vf *v, uint32_t slot)
{
	struct gnet_vf_sent *s = &v->out[slot];
	uint64_t away;

	tx_unmap(g, v, slot);
	away = plat_now(g->tx_pl) - s->at;
	s->led->reuses++;
	s->led->reuse_ps += away;
	if (away > s->led->reuse_max_ps)
		s->led->reuse_max_ps = away;
	gnet_tx_done(g, slot);
}

static void tx_clean(struct gnet *g)
{
	struct gnet_vf *v = g->below;
	uint64_t cookie[DPATH_BURST];
	unsigned n;

	do {
		n = plat_dev_reap_tx(g->tx_pl, v->port, cookie, DPATH_BURST);
		for (unsigned i = 0; i < n; i++) {
			v->tx_failed += (cookie[i] & PLAT_TX_FAILED) != 0;
			tx_back(g, v, (uint32_t)cookie[i]);
		}
	} while (n == DPATH_BURST);
}

static bool tx_room(const struct gnet *g)
{
	const struct gnet_vf *v = g->below;
	return plat_dev_tx_room(g->tx_pl, v->port) >= v->segs;
}

static enum gnet_sent tx_send(struct gnet *g, const struct virtq_seg *piece, unsigned n,
			      uint32_t slot, struct frame *f)
{
	struct gnet_vf *v = g->below;
	struct plat_seg *seg = &v->tx_seg[slot * v->segs];

	if (v->nsent == DPATH_BURST || !tx_room(g))
		return GNET_FULL;
	n = map(g->tx_pl, v, piece, n, PLAT_TO_DEVICE, seg);
	if (!n) {
		v->map_failures[1]++;
		return GNET_UNMAPPED;
	}
	plat_dma_sync_for_device(g->tx_pl, v->port, seg, n, f->len, f);
	v->tx_nseg[slot] = (uint16_t)n;
	v->out[slot].led = f->led;
	v->sent[v->nsent++] = slot;
	if (g->csum.flags & CSUM_NEEDED)
		plat_dev_csum(g->tx_pl, v->port, g->csum.start, g->csum.offset);
	plat_dev_send(g->tx_pl, v->port, slot, f, seg, n);
	return GNET_SENT;
}

static void tx_publish(struct gnet *g, bool full)
{
	struct gnet_vf *v = g->below;

	(void)full;
	for (unsigned i = 0; i < v->nsent; i++)
		v->out[v->sent[i]].at = plat_now(g->tx_pl);
	v->nsent = 0;
	plat_dev_flush_tx(g->tx_pl, v->port);
}

static bool tx_sleep(struct gnet *g, bool full)
{
	struct gnet_vf *v = g->below;

	(void)full;
	return plat_dev_tx_irq(g->tx_pl, v->port, g->tx_top < g->tx_n);
}

const struct gnet_driver gnet_vf_driver = {
	.rx_poll = rx_poll,
	.rx_publish = rx_publish,
	.rx_sleep = rx_sleep,
	.tx_clean = tx_clean,
	.tx_room = tx_room,
	.send = tx_send,
	.tx_publish = tx_publish,
	.tx_sleep = tx_sleep,
};

/* ---- begin and end --------------------------------------------------------------------------- */

void gnet_vf_warm(struct gnet *g)
{
	struct gnet_vf *v = g->below;
	struct plat_seg seg[DPATH_SEGS];
	const struct virtq_seg *piece;

	for (uint32_t buf = 0; buf < g->rx_n; buf++) {
		unsigned n = gnet_rx_pieces(g, buf, &piece);
		n = map(g->rx_pl, v, piece, n, PLAT_FROM_DEVICE, seg);
		plat_dma_unmap(g->rx_pl, v->port, seg, n);
	}
	for (uint32_t slot = 0; slot < g->tx_n; slot++) {
		unsigned n = gnet_tx_pieces(g, slot, g->max_frame, &piece);
		n = map(g->tx_pl, v, piece, n, PLAT_TO_DEVICE, seg);
		plat_dma_unmap(g->tx_pl, v->port, seg, n);
	}
}

void gnet_vf_quiesce(struct gnet *g)
{
	struct gnet_vf *v = g->below;

	for (uint32_t buf = 0; buf < g->rx_n; buf++)
		if (v->rx_nseg[buf])
			rx_unmap(g, v, buf);
	for (uint32_t slot = 0; slot < g->tx_n; slot++)
		if (v->tx_nseg[slot])
			tx_unmap(g, v, slot);
}
