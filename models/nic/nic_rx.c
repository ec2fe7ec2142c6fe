/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_rx.c - receive: from the wire into posted buffers, see nic.h. */
#include "nic_impl.h"

#include "frame.h"

/* The frame on the wire next. */
void nic_rx_next(struct nic *n)
{
	struct frame *f;
	sim_time at, start;

	if (!n->source.peek || !n->source.peek(n->source.ctx, &at))
		return;
	f = n->source.take(n->source.ctx);
	if (n->cfg.lro)
		nic_segment(f, f->bytes, n->cfg.mtu);
	start = at > n->rx_wire.free ? at : n->rx_wire.free;
	frame_stamp(f, STAGE_WIRE_WAIT, start);
	n->arriving = f;
	evq_schedule(n->q, &n->rx_end, nic_wire_slot(&n->rx_wire, start, nic_slot_bytes(f)));
}

/*
 * Descriptors for a frame: whole buffers, as many as hold it. 0 if there are too few; nothing is
 * taken then.
 */
static uint32_t rx_claim(struct nic_queue *q, uint32_t len)
{
	uint32_t at = q->rx_head;
	bool more = true;

	for (; len || more; at++) {
		const struct nic_rx_read *r;
		if (at == q->regs.rx_tail)
			return 0;
		r = nic_ring_desc(&q->rx, at);
		len -= len < r->len ? len : r->len;
		more = r->flags & NIC_RX_MORE;
	}
	return at - q->rx_head;
}

static void rx_drop(struct nic *n, struct frame *f, enum drop_reason why)
{
	n->rx_dropped++;
	world_drop(n->world, f, why);
}

static void receive(struct nic *n, struct frame *f)
{
	uint32_t target = nic_filter(n, f);
	struct nic_queue *q = nic_rx_queue(n, target);
	sim_time now = evq_now(n->q), start;
	uint32_t ndesc, filled = q->rx_done - q->regs.rx_taken;
	struct nic_dma *dma;

	n->rx_frames++;
	q->seen++;
	q->seen_filled += filled;
	if (filled > q->seen_max)
		q->seen_max = filled;
	if (!n->cfg.lro && nic_oversize(n, f->bytes, f->len)) {
		rx_drop(n, f, DROP_OVERSIZE);
		return;
	}
	if (n->rx_held + f->len > n->cfg.rx_buffer) {
		rx_drop(n, f, DROP_NIC_FIFO_FULL);
		return;
	}
	if (__builtin_expect(q->closed, 0)) {
		rx_drop(n, f, DROP_GUEST_GONE);
		return;
	}
	ndesc = rx_claim(q, f->len);
	if (!ndesc) {
		/* Full if the driver could post no more; else there is nothing to post. */
		bool full = q->regs.rx_tail - q->regs.rx_taken + 4 > q->rx.size;
		rx_drop(n, f, full ? DROP_NIC_RING_FULL : DROP_NO_DESCRIPTOR);
		return;
	}
	n->rx_held += f->len;
	start = now > n->rx_bus_free ? now : n->rx_bus_free;
	n->rx_bus_free = start + nic_bus_ps(n, f->len + (uint64_t)ndesc * NIC_DESC_BYTES);
	n->rx_bus_busy += n->rx_bus_free - start;
	dma = nic_fifo_add(&n->rx_dma);
	dma->frame = f;
	dma->queue = q;
	dma->done = n->rx_bus_free + n->cfg.dma_write;
	dma->desc = q->rx_head;
	dma->ndesc = ndesc;
	dma->target = target;
	q->rx_head += ndesc;
	if (!event_pending(&n->rx_dma_done))
		evq_schedule(n->q, &n->rx_dma_done, n->rx_bus_free + n->cfg.dma_write);
}

void nic_rx_end_event(struct event *ev)
{
	struct nic *n = (struct nic *)((char *)ev - offsetof(struct nic, rx_end));
	struct frame *f = n->arriving;

	frame_stamp(f, STAGE_WIRE, evq_now(n->q));
	receive(n, f);
	nic_rx_next(n);
}

/* Bytes into the posted buffers, then status over the descriptors. False: refused by the IOMMU. */
static bool rx_write(struct nic *n, const struct nic_dma *d)
{
	struct nic_queue *q = d->queue;
	uint8_t *from = (uint8_t *)(uintptr_t)d->frame->bytes;
	uint32_t left = d->frame->len;
	bool ok = true;

	for (uint32_t i = 0; i < d->ndesc; i++) {
		struct nic_rx_read *r = nic_ring_desc(&q->rx, d->desc + i);
		struct nic_rx_done done = {.filter = d->target, .status = NIC_RX_DD};
		uint32_t part = left < r->len ? left : r->len;

		if (part && ok)
			ok = nic_dma_move(n, q, d->frame, r->addr, from, part, IOMMU_WRITE);
		from += part;
		left -= part;
		done.len = (uint16_t)part;
		if (part && !left)
			done.status |= NIC_RX_EOP;
		if (!ok)
			done.status |= NIC_RX_ERROR;
		*nic_ring_tag(&q->rx, d->desc + i) = ok ? d->frame : NULL;
		memcpy(r, &done, sizeof(done));
	}
	return ok;
}

void nic_rx_dma_event(struct event *ev)
{
	struct nic *n = (struct nic *)((char *)ev - offsetof(struct nic, rx_dma_done));
	struct nic_dma d = *nic_fifo_first(&n->rx_dma), *next;
	struct ledger *led = d.frame->led;

	n->rx_dma.head++;
	n->rx_held -= d.frame->len;
	d.queue->desc_bytes += 2ull * d.ndesc * NIC_DESC_BYTES;
	if (rx_write(n, &d)) {
		led->dma_transfers++;
		led->dma_bytes += d.frame->len;
		frame_stamp(d.frame, STAGE_NIC, evq_now(n->q));
		world_release(n->world, d.frame);
	} else {
		rx_drop(n, d.frame, DROP_DMA_FAULT);
	}
	d.queue->rx_done += d.ndesc;
	next = nic_fifo_first(&n->rx_dma);
	if (next)
		evq_schedule(n->q, &n->rx_dma_done, next->done);
	nic_notify_rx(d.queue);
}
