/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_tx.c - send: from the driver's descriptors to the wire, see nic.h. */
#include "nic_impl.h"

#include "csum.h"
#include "frame.h"

/* The next frame of a queue: descriptors up to the end of packet; 0 if it is not all there. */
static uint32_t tx_peek(const struct nic_queue *q, uint32_t *len)
{
	*len = 0;
	for (uint32_t at = q->tx_head; at != q->regs.tx_tail; at++) {
		const struct nic_tx_desc *t = nic_ring_desc(&q->tx, at);
		*len += NIC_TX_LEN(t->cmd_type_len);
		if (t->cmd_type_len & NIC_TX_EOP)
			return at + 1 - q->tx_head;
	}
	return 0;
}

/* To the end of the list of queues with frames to fetch. */
static void tx_enlist(struct nic_queue *q)
{
	struct nic *n = q->nic;

	if (q->tx_active)
		return;
	q->tx_active = true;
	q->tx_next = NULL;
	if (n->tx_last)
		n->tx_last->tx_next = q;
	else
		n->tx_first = q;
	n->tx_last = q;
}

/* Fetch frames, a queue after the other, as long as the send buffer has room. */
static void tx_pump(struct nic *n)
{
	while (n->tx_first) {
		struct nic_queue *q = n->tx_first;
		uint32_t len, ndesc = tx_peek(q, &len);
		struct nic_dma *dma;
		sim_time start;

		if (ndesc && n->tx_held + len > n->cfg.tx_buffer && n->tx_held)
			return; /* goes on when a frame has left */
		n->tx_first = q->tx_next;
		if (!n->tx_first)
			n->tx_last = NULL;
		q->tx_active = false;
		if (!ndesc)
			continue;
		start = evq_now(n->q) > n->tx_bus_free ? evq_now(n->q) : n->tx_bus_free;
		n->tx_bus_free = start + nic_bus_ps(n, len + (uint64_t)ndesc * NIC_DESC_BYTES);
		n->tx_bus_busy += n->tx_bus_free - start;
		n->tx_held += len;
		dma = nic_fifo_add(&n->tx_dma);
		dma->frame = *nic_ring_tag(&q->tx, q->tx_head);
		dma->queue = q;
		dma->done = n->tx_bus_free + n->cfg.dma_read;
		dma->desc = q->tx_head;
		dma->ndesc = ndesc;
		q->tx_head += ndesc;
		if (!event_pending(&n->tx_dma_done))
			evq_schedule(n->q, &n->tx_dma_done, n->tx_bus_free + n->cfg.dma_read);
		if (q->tx_head != q->regs.tx_tail)
			tx_enlist(q);
	}
}

void nic_tx_bell(struct plat_line *line)
{
	struct nic_queue *q = line->ctx;

	tx_enlist(q);
	tx_pump(q->nic);
}

/* Where a frame of len bytes lies in the send buffer: in one piece. */
static uint8_t *tx_slot(struct nic *n, uint32_t *at, uint32_t len)
{
	uint32_t size = 2 * n->cfg.tx_buffer + 131072;
	uint8_t *p;

	if (*at + len > size)
		*at = 0;
	p = n->tx_bytes + *at;
	*at += len;
	return p;
}

static void tx_wire_next(struct nic *n)
{
	struct frame *f = n->tx_wait;
	sim_time now = evq_now(n->q);

	if (!f || n->leaving)
		return;
	n->tx_wait = f->next;
	n->leaving = f;
	frame_stamp(f, STAGE_WIRE_WAIT, now);
	evq_schedule(n->q, &n->tx_end, nic_wire_slot(&n->tx_wire, now, nic_slot_bytes(f)));
}

void nic_tx_end_event(struct event *ev)
{
	struct nic *n = (struct nic *)((char *)ev - offsetof(struct nic, tx_end));
	struct frame *f = n->leaving;

	n->leaving = NULL;
	n->tx_held -= f->len;
	n->tx_frames++;
	frame_stamp(f, STAGE_WIRE, evq_now(n->q));
	n->sink(n->sink_ctx, f, tx_slot(n, &n->tx_get, f->len));
	tx_wire_next(n);
	tx_pump(n);
}

/* Gathers the frame; false: refused by the IOMMU. */
static bool tx_read(struct nic *n, const struct nic_dma *d, uint8_t *to)
{
	struct nic_queue *q = d->queue;

	for (uint32_t i = 0; i < d->ndesc; i++) {
		const struct nic_tx_desc *t = nic_ring_desc(&q->tx, d->desc + i);
		uint32_t len = NIC_TX_LEN(t->cmd_type_len);
		if (!nic_dma_move(n, q, d->frame, t->addr, to, len, IOMMU_READ))
			return false;
		to += len;
	}
	return true;
}

/* What the first descriptor asks for, in the send buffer. */
static void tx_csum(const struct nic_dma *d, uint8_t *bytes)
{
	const struct nic_tx_desc *t = nic_ring_desc(&d->queue->tx, d->desc);
	struct csum c = {NIC_TX_CSUM_START(t->olinfo_status), NIC_TX_CSUM_OFFSET(t->olinfo_status),
			 CSUM_NEEDED};

	if (t->cmd_type_len & NIC_TX_CSUM && csum_fits(c, d->frame->len))
		csum_fill(bytes, d->frame->len, c);
}

static void tx_write_back(struct nic_dma *d)
{
	struct nic_tx_desc *last = nic_ring_desc(&d->queue->tx, d->desc + d->ndesc - 1);

	last->olinfo_status |= NIC_TX_DD | (d->failed ? NIC_TX_ERROR : 0);
	nic_notify_tx(d->queue);
}

void nic_tx_late_event(struct event *ev)
{
	struct nic *n = (struct nic *)((char *)ev - offsetof(struct nic, tx_late_done));
	struct nic_dma *next;

	tx_write_back(nic_fifo_first(&n->tx_late));
	n->tx_late.head++;
	next = nic_fifo_first(&n->tx_late);
	if (next)
		evq_schedule(n->q, &n->tx_late_done, next->done);
}

/* The NIC has read the frame, or was refused. */
static void tx_complete(struct nic *n, struct nic_dma *d)
{
	const struct nic_config *c = &n->cfg;

	n->tx_fetched++;
	if (c->tx_error_every && n->tx_fetched % c->tx_error_every == 0)
		d->failed = true;
	if (!c->tx_late_every || n->tx_fetched % c->tx_late_every) {
		tx_write_back(d);
		return;
	}
	d->done = evq_now(n->q) + c->tx_late;
	*nic_fifo_add(&n->tx_late) = *d;
	if (!event_pending(&n->tx_late_done))
		evq_schedule(n->q, &n->tx_late_done, d->done);
}

void nic_tx_dma_event(struct event *ev)
{
	struct nic *n = (struct nic *)((char *)ev - offsetof(struct nic, tx_dma_done));
	struct nic_dma d = *nic_fifo_first(&n->tx_dma), *next;
	struct frame *f = d.frame;
	uint32_t put = n->tx_put;
	uint8_t *to = tx_slot(n, &put, f->len);

	n->tx_dma.head++;
	d.failed = false;
	d.queue->desc_bytes += 2ull * d.ndesc * NIC_DESC_BYTES;
	if (!tx_read(n, &d, to)) {
		n->tx_held -= f->len;
		d.failed = true;
		world_drop(n->world, f, DROP_DMA_FAULT);
	} else if (!n->cfg.tso && nic_oversize(n, to, f->len)) {
		n->tx_held -= f->len;
		world_drop(n->world, f, DROP_OVERSIZE);
	} else {
		n->tx_put = put;
		tx_csum(&d, to);
		f->led->dma_transfers++;
		f->led->dma_bytes += f->len;
		if (n->cfg.tso)
			nic_segment(f, to, n->cfg.mtu);
		frame_stamp(f, STAGE_NIC, evq_now(n->q));
		f->next = NULL;
		if (n->tx_wait)
			n->tx_wait_last->next = f;
		else
			n->tx_wait = f;
		n->tx_wait_last = f;
	}
	next = nic_fifo_first(&n->tx_dma);
	if (next)
		evq_schedule(n->q, &n->tx_dma_done, next->done);
	tx_complete(n, &d);
	tx_wire_next(n);
	tx_pump(n);
}
