/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_tx.c - send: from the driver's descriptors to the wire, see nic.h. */
#include "nic_impl.h"

#include "csum.h"
#include "nic_bus.h"
#include "frame.h"

static struct nic_tx_desc *tx_copy(const struct nic_queue *q, uint32_t position)
{
	return &q->tx_copy[position & (q->tx.size - 1)];
}

/* Where the descriptors end that the device can use. */
static uint32_t tx_end(const struct nic_queue *q)
{
	return q->port ? q->port->tx.have : q->regs.tx_tail;
}

/*
 * The next frame of a queue: descriptors up to the end of packet, read here and only here (on a
 * bus, by nic_bus_tx.c); 0 if it is not all there. A tail beyond the ring means that nothing is.
 */
static uint32_t tx_peek(struct nic_queue *q, uint64_t *len)
{
	uint32_t end = tx_end(q);

	*len = 0;
	if (!q->port && end - q->tx_done > q->tx.size) {
		nic_bad(q);
		return 0;
	}
	for (uint32_t at = q->tx_head; at != end; at++) {
		struct nic_tx_desc *t = tx_copy(q, at);
		if (!q->port)
			*t = *(const struct nic_tx_desc *)nic_ring_desc(&q->tx, at);
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

/* Whose frame begins at a descriptor: its record, taken once; one that nobody made is a stray. */
static struct frame *tx_record(struct nic_queue *q, uint32_t at, uint32_t len)
{
	struct nic *n = q->nic;
	struct frame **tag = nic_ring_tag(&q->tx, at), *f = *tag;

	*tag = NULL;
	if (__builtin_expect(f && f->len != len, 0)) {
		q->stats.sent_drops[DROP_BAD_DESCRIPTOR]++;
		world_drop(n->world, f, DROP_BAD_DESCRIPTOR);
		f = NULL;
	}
	return f ? f : world_frame(n->world, &n->stray, len, evq_now(n->q));
}

void nic_tx_status(const struct nic_dma *d)
{
	struct nic_queue *q = d->queue;
	uint32_t at = d->desc + d->ndesc - 1;
	struct nic_tx_desc *last = nic_ring_desc(&q->tx, at);

	q->tx_done += d->ndesc;
	last->olinfo_status =
		tx_copy(q, at)->olinfo_status | NIC_TX_DD | (d->failed ? NIC_TX_ERROR : 0);
}

static void tx_write_back(const struct nic_dma *d)
{
	if (d->queue->port) {
		nic_bus_tx_status(d);
		return;
	}
	nic_tx_status(d);
	nic_notify_tx(d->queue);
}

/* No frame has so many bytes, or none: reported failed, nothing is read. */
static void tx_refuse(struct nic_queue *q, uint32_t ndesc)
{
	struct nic_dma d = {.queue = q, .desc = q->tx_head, .ndesc = ndesc, .failed = true};
	struct frame **tag = nic_ring_tag(&q->tx, q->tx_head);

	nic_bad(q);
	q->stats.sent_drops[DROP_BAD_DESCRIPTOR]++;
	if (*tag)
		world_drop(q->nic->world, *tag, DROP_BAD_DESCRIPTOR);
	*tag = NULL;
	q->tx_head += ndesc;
	if (q->port)
		nic_bus_tx_refused(q, &d);
	else
		tx_write_back(&d);
}

/* A frame's descriptors are taken: the transfer of its bytes is put on the bus. */
static void tx_fetch(struct nic_queue *q, uint32_t ndesc, uint32_t len)
{
	struct nic *n = q->nic;
	sim_time now = evq_now(n->q), start = now > n->tx_bus_free ? now : n->tx_bus_free;
	struct nic_dma *dma;

	if (q->port) {
		struct nic_dma d = {.frame = tx_record(q, q->tx_head, len),
				    .queue = q,
				    .desc = q->tx_head,
				    .ndesc = ndesc,
				    .len = len,
				    .life = q->life};
		n->tx_held += len;
		q->tx_head += ndesc;
		nic_bus_tx_read(q, &d);
		return;
	}
	n->tx_bus_free = start + nic_bus_ps(n, len + (uint64_t)ndesc * NIC_DESC_BYTES);
	n->tx_bus_busy += n->tx_bus_free - start;
	n->tx_held += len;
	dma = nic_fifo_add(&n->tx_dma);
	dma->frame = tx_record(q, q->tx_head, len);
	dma->queue = q;
	dma->done = n->tx_bus_free + n->cfg.dma_read;
	dma->desc = q->tx_head;
	dma->ndesc = ndesc;
	dma->len = len;
	dma->life = q->life;
	q->tx_head += ndesc;
	if (!event_pending(&n->tx_dma_done))
		evq_schedule(n->q, &n->tx_dma_done, n->tx_bus_free + n->cfg.dma_read);
}

/* Fetch frames, a queue after the other, as long as the send buffer has room. */
static void tx_pump(struct nic *n)
{
	while (n->tx_first) {
		struct nic_queue *q = n->tx_first;
		uint64_t len;
		if (n->bus && n->bus->tx_reads >= n->cfg.tx_reads)
			return; /* goes on when a frame has been read */
		uint32_t ndesc = tx_peek(q, &len);
		bool bad = ndesc && (!len || len > NIC_TX_MAX);

		if (ndesc && !bad && n->tx_held + len > n->cfg.tx_buffer && n->tx_held)
			return; /* goes on when a frame has left */
		n->tx_first = q->tx_next;
		if (!n->tx_first)
			n->tx_last = NULL;
		q->tx_active = false;
		if (!ndesc) {
			if (q->port)
				nic_bus_tx_none(q);
			continue;
		}
		if (bad)
			tx_refuse(q, ndesc);
		else
			tx_fetch(q, ndesc, (uint32_t)len);
		if (q->tx_head != tx_end(q))
			tx_enlist(q);
		if (q->port)
			nic_bus_tx_more(q);
	}
}

void nic_tx_ready(struct nic_queue *q)
{
	if (q->tx_head != tx_end(q))
		tx_enlist(q);
	tx_pump(q->nic);
}

void nic_tx_bell(struct plat_line *line)
{
	struct nic_queue *q = line->ctx;

	if (q->stopped)
		return;
	tx_enlist(q);
	tx_pump(q->nic);
}

/* Where a frame of len bytes lies in the send buffer: in one piece. */
static uint8_t *tx_slot(const struct nic *n, uint32_t *at, uint32_t len)
{
	uint32_t size = 2 * n->cfg.tx_buffer + 131072;
	uint8_t *p;

	if (*at + len > size)
		*at = 0;
	p = n->tx_bytes + *at;
	*at += len;
	return p;
}

const uint8_t *nic_leaving(const struct nic *n)
{
	uint32_t get = n->tx_get;

	return tx_slot(n, &get, n->leaving->len);
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
	const uint8_t *bytes = tx_slot(n, &n->tx_get, f->len);

	n->leaving = NULL;
	n->tx_held -= f->len;
	n->tx_frames++;
	frame_stamp(f, STAGE_WIRE, evq_now(n->q));
	if (__builtin_expect(nic_is_stray(n, f), 0))
		world_drop(n->world, f, DROP_BAD_DESCRIPTOR);
	else if (n->vfs && n->cfg.kind == NIC_VEPA && nic_bridge(n, f, bytes))
		;                               /* it comes back */
	else if (__builtin_expect(f->local, 0)) /* nobody here has that address any more */
		world_drop(n->world, f, DROP_GUEST_GONE);
	else
		n->sink(n->sink_ctx, f, bytes);
	tx_wire_next(n);
	tx_pump(n);
}

bool nic_tx_move(struct nic *n, const struct nic_dma *d, uint8_t *to)
{
	struct nic_queue *q = d->queue;
	uint32_t left = d->len;

	for (uint32_t i = 0; i < d->ndesc; i++) {
		const struct nic_tx_desc *t = tx_copy(q, d->desc + i);
		uint32_t len = NIC_TX_LEN(t->cmd_type_len);
		len = len < left ? len : left;
		if (!nic_dma_move(n, q, d->frame, t->addr, to, len, IOMMU_READ))
			return false;
		to += len;
		left -= len;
	}
	return !left;
}

/* What the first descriptor asks for, in the send buffer. */
static void tx_csum(const struct nic_dma *d, uint8_t *bytes)
{
	const struct nic_tx_desc *t = tx_copy(d->queue, d->desc);
	struct csum c = {NIC_TX_CSUM_START(t->olinfo_status), NIC_TX_CSUM_OFFSET(t->olinfo_status),
			 CSUM_NEEDED};

	if (t->cmd_type_len & NIC_TX_CSUM && csum_fits(c, d->len))
		csum_fill(bytes, d->len, c);
}

void nic_tx_late_event(struct event *ev)
{
	struct nic *n = (struct nic *)((char *)ev - offsetof(struct nic, tx_late_done));
	struct nic_dma *next;

	next = nic_fifo_first(&n->tx_late);
	if (next->life == next->queue->life)
		tx_write_back(next);
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

/* To the end of what waits for the wire. */
static void tx_queue(struct nic *n, struct frame *f, const uint8_t *bytes)
{
	if (n->cfg.tso)
		nic_segment(f, bytes, n->cfg.mtu);
	f->next = NULL;
	if (n->tx_wait)
		n->tx_wait_last->next = f;
	else
		n->tx_wait = f;
	n->tx_wait_last = f;
}

/* The bytes are in the NIC, at `to`. False: they go no further than this. */
static bool tx_fetched(struct nic *n, struct nic_dma *d, uint8_t *to)
{
	struct frame *f = d->frame;
	struct nic_queue *q = d->queue;

	if (!n->cfg.tso && nic_oversize(n, to, d->len)) {
		q->stats.sent_drops[DROP_OVERSIZE]++;
		world_drop(n->world, f, DROP_OVERSIZE);
		return false;
	}
	tx_csum(d, to);
	f->led->dma_transfers++;
	f->led->dma_bytes += d->len;
	frame_stamp(f, STAGE_NIC, evq_now(n->q));
	q->stats.sent++;
	if (n->vfs && nic_switch(n, d, to))
		return false;
	tx_queue(n, f, to);
	return true;
}

/* The frame's bytes are there for the taking, if its queue still lives. */
static void tx_take(struct nic *n, struct nic_dma *d)
{
	uint32_t put = n->tx_put;
	uint8_t *to = tx_slot(n, &put, d->len);
	bool moved;

	d->failed = false;
	moved = nic_tx_move(n, d, to);
	n->xlate = NULL;
	if (!moved) {
		n->tx_held -= d->len;
		d->failed = true;
		d->queue->stats.sent_drops[DROP_DMA_FAULT]++;
		world_drop(n->world, d->frame, DROP_DMA_FAULT);
	} else if (tx_fetched(n, d, to)) {
		n->tx_put = put;
	} else {
		n->tx_held -= d->len;
	}
}

void nic_tx_arrived(struct nic *n, struct nic_dma *d)
{
	tx_take(n, d);
	tx_complete(n, d);
}

void nic_tx_go(struct nic *n)
{
	tx_wire_next(n);
	tx_pump(n);
}

void nic_tx_dma_event(struct event *ev)
{
	struct nic *n = (struct nic *)((char *)ev - offsetof(struct nic, tx_dma_done));
	struct nic_dma d = *nic_fifo_first(&n->tx_dma), *next;
	bool gone = d.life != d.queue->life;

	n->tx_dma.head++;
	if (__builtin_expect(gone, 0)) {
		n->tx_held -= d.len;
		world_drop(n->world, d.frame, DROP_GUEST_GONE);
	} else {
		tx_take(n, &d);
	}
	next = nic_fifo_first(&n->tx_dma);
	if (next)
		evq_schedule(n->q, &n->tx_dma_done, next->done);
	if (!gone) {
		d.queue->desc_bytes += 2ull * d.ndesc * NIC_DESC_BYTES;
		tx_complete(n, &d);
	}
	nic_tx_go(n);
}

/* Its frames that were not fetched are lost; the NIC does not look at its rings again. */
void nic_tx_stop(struct nic_queue *q)
{
	struct nic *n = q->nic;
	struct nic_queue **at = &n->tx_first;

	for (uint32_t i = 0; i < q->tx.size; i++) {
		struct frame **tag = nic_ring_tag(&q->tx, i);
		if (*tag)
			world_drop(n->world, *tag, DROP_GUEST_GONE);
		*tag = NULL;
	}
	if (!q->tx_active)
		return;
	n->tx_last = NULL;
	while (*at) {
		if (*at == q) {
			*at = q->tx_next;
			continue;
		}
		n->tx_last = *at;
		at = &(*at)->tx_next;
	}
	q->tx_active = false;
}
