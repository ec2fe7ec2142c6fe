/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_rx.c - receive: from the wire into posted buffers, see nic.h. */
#include "nic_impl.h"

#include "frame.h"

/* ---- the wire: from its source, and what the bridge sends back ---- */

/* The source's next frame. */
static inline bool source_peek(struct nic *n, sim_time *at)
{
	if (!n->source.peek)
		return false;
	if (n->source.peek(n->source.ctx, at))
		return true;
	if (!n->source.live)
		n->source.peek = NULL; /* not asked again */
	return false;
}

static inline struct frame *source_take(struct nic *n)
{
	struct frame *f = n->source.take(n->source.ctx);

	if (n->cfg.lro)
		nic_segment(f, f->bytes, n->cfg.mtu);
	return f;
}

/* Its first bit comes at `at`, or when the wire is free. */
static inline void arrive(struct nic *n, struct frame *f, sim_time at)
{
	n->arriving = f;
	n->arriving_at = at > n->rx_wire.free ? at : n->rx_wire.free;
	if (__builtin_expect(n->vfs, 0)) { /* it may be postponed */
		n->arriving_due = at;
		n->rx_before = n->rx_wire;
	}
	evq_schedule(n->q, &n->rx_end,
		     nic_wire_slot(&n->rx_wire, n->arriving_at, nic_slot_bytes(f)));
}

/* Of what the bridge sent back and the source's next frame, which may have been taken already. */
static __attribute__((noinline)) void next_of_both(struct nic *n)
{
	struct nic_job *job = n->reflected;
	struct frame *f = n->postponed;
	sim_time at = n->postponed_at;
	bool more = f || source_peek(n, &at);

	if (job && (!more || job->at <= at)) {
		n->reflected = job->next;
		n->arriving_job = job;
		arrive(n, job->f, job->at);
	} else if (more) {
		n->postponed = NULL;
		arrive(n, f ? f : source_take(n), at);
	}
}

inline void nic_rx_next(struct nic *n)
{
	sim_time at;

	if (__builtin_expect(n->reflected || n->postponed, 0))
		next_of_both(n);
	else if (source_peek(n, &at))
		arrive(n, source_take(n), at);
}

void nic_source_ready(struct nic *n)
{
	if (!n->arriving)
		nic_rx_next(n);
}

/* The source's next frame is on the wire ahead of its time; one that is due now goes first. */
void nic_reflect(struct nic *n, struct nic_job *job)
{
	job->next = NULL;
	if (n->reflected)
		n->reflected_last->next = job;
	else
		n->reflected = job;
	n->reflected_last = job;
	if (n->arriving && (n->arriving_job || n->arriving_at <= evq_now(n->q)))
		return;
	if (n->arriving) {
		evq_cancel(n->q, &n->rx_end);
		n->rx_wire = n->rx_before;
		n->postponed = n->arriving;
		n->postponed_at = n->arriving_due;
	}
	nic_rx_next(n);
}

/* ---- into a queue ---- */

/*
 * Whole buffers, as many as hold it, or nothing. Descriptors are the driver's until the tail has
 * passed them, so this is where they are read; a tail beyond the ring, or behind what was taken,
 * means no descriptor.
 */
inline uint32_t nic_rx_claim(struct nic_queue *q, uint32_t len)
{
	uint32_t at = q->rx_head, posted = q->regs.rx_tail - at;
	bool more = true;

	if (posted > q->rx.size - (at - q->rx_done)) {
		nic_bad(q);
		return 0;
	}
	for (; len || more; at++) {
		struct nic_rx_read *r = &q->rx_copy[at & (q->rx.size - 1)];
		if (!posted--)
			return 0;
		*r = *(const struct nic_rx_read *)nic_ring_desc(&q->rx, at);
		len -= len < r->len ? len : r->len;
		more = r->flags & NIC_RX_MORE;
	}
	return at - q->rx_head;
}

inline void nic_rx_seen(struct nic_queue *q)
{
	uint32_t filled = q->rx_done - q->regs.rx_taken;

	q->seen++;
	q->seen_filled += filled;
	if (filled > q->seen_max)
		q->seen_max = filled;
}

/* Full if the driver could post no more; else there is nothing to post. */
enum drop_reason nic_rx_empty(const struct nic_queue *q)
{
	bool full = q->regs.rx_tail - q->regs.rx_taken + 4 > q->rx.size;

	return full ? DROP_NIC_RING_FULL : DROP_NO_DESCRIPTOR;
}

void nic_rx_drop(struct nic_queue *q, struct frame *f, enum drop_reason why)
{
	struct nic *n = q->nic;
	const struct frame *r = f;

	do
		q->stats.drops[why]++;
	while ((r = r->peer));
	n->rx_dropped += !f->local || n->cfg.kind == NIC_VEPA;
	world_drop(n->world, f, why);
}

inline struct nic_dma *nic_rx_transfer(struct nic *n, uint32_t len, uint32_t ndesc)
{
	sim_time now = evq_now(n->q), start = now > n->rx_bus_free ? now : n->rx_bus_free;
	struct nic_dma *dma;

	n->rx_bus_free = start + nic_bus_ps(n, len + (uint64_t)ndesc * NIC_DESC_BYTES);
	n->rx_bus_busy += n->rx_bus_free - start;
	dma = nic_fifo_add(&n->rx_dma);
	dma->done = n->rx_bus_free + n->cfg.dma_write;
	dma->len = len;
	dma->ndesc = ndesc;
	if (!event_pending(&n->rx_dma_done))
		evq_schedule(n->q, &n->rx_dma_done, dma->done);
	return dma;
}

/* Compiled for each caller: a frame that comes by the wire has no packet. */
static inline __attribute__((always_inline)) void deliver(struct nic_queue *q, struct frame *f,
							  uint32_t target, struct nic_way way)
{
	struct nic *n = q->nic;
	bool held = !way.pkt || !way.pkt->held;
	uint32_t ndesc;
	struct nic_dma *dma;

	nic_rx_seen(q);
	if (__builtin_expect(q->stopped | q->closed, 0)) {
		nic_rx_drop(q, f, DROP_GUEST_GONE);
		return;
	}
	if (held && n->rx_held + f->len > n->cfg.rx_buffer) {
		nic_rx_drop(q, f, DROP_NIC_FIFO_FULL);
		return;
	}
	if (__builtin_expect(q->port != NULL, 0)) {
		nic_bus_deliver(q, f, target, way, held);
		return;
	}
	ndesc = nic_rx_claim(q, f->len);
	if (!ndesc) {
		nic_rx_drop(q, f, nic_rx_empty(q));
		return;
	}
	if (held)
		n->rx_held += f->len;
	if (way.pkt)
		way.pkt->refs++;
	dma = nic_rx_transfer(n, f->len, ndesc);
	dma->frame = f;
	dma->queue = q;
	dma->desc = q->rx_head;
	dma->target = target;
	dma->held = held;
	dma->bytes = way.bytes;
	dma->pkt = way.pkt;
	dma->job = NULL;
	dma->life = q->life;
	if (__builtin_expect(q->split != NULL, 0))
		nic_split_judge(q, dma);
	q->rx_head += ndesc;
}

void nic_deliver(struct nic_queue *q, struct frame *f, uint32_t target, struct nic_way way)
{
	deliver(q, f, target, way);
}

/* From the wire; `pkt` if the bridge sent it back. */
static inline __attribute__((always_inline)) void receive(struct nic *n, struct frame *f,
							  struct nic_pkt *pkt)
{
	uint8_t *bytes = pkt ? pkt->bytes : (uint8_t *)(uintptr_t)f->bytes;
	uint32_t target = nic_filter(n, f, bytes);
	struct nic_queue *q = nic_rx_queue(n, target);

	n->rx_frames++;
	if (!n->cfg.lro && nic_oversize(n, bytes, f->len)) {
		nic_rx_seen(q);
		nic_rx_drop(q, f, DROP_OVERSIZE);
	} else if (target == NIC_NOBODY && f->local) {
		nic_rx_drop(q, f, DROP_GUEST_GONE);
	} else if (target == NIC_ALL && n->vfs) {
		nic_flood_in(n, f, bytes);
	} else {
		deliver(q, f, target, (struct nic_way){bytes, pkt});
	}
}

static __attribute__((noinline)) void receive_reflected(struct nic *n, struct nic_job *job)
{
	n->arriving_job = NULL;
	receive(n, job->f, job->pkt);
	nic_job_free(n, job);
}

const uint8_t *nic_arriving(const struct nic *n)
{
	return n->arriving_job ? n->arriving_job->pkt->bytes : n->arriving->bytes;
}

void nic_rx_end_event(struct event *ev)
{
	struct nic *n = (struct nic *)((char *)ev - offsetof(struct nic, rx_end));
	struct frame *f = n->arriving;

	n->arriving = NULL;
	frame_stamp(f, STAGE_WIRE_WAIT, n->arriving_at);
	frame_stamp(f, STAGE_WIRE, evq_now(n->q));
	if (__builtin_expect(n->arriving_job != NULL, 0))
		receive_reflected(n, n->arriving_job);
	else
		receive(n, f, NULL);
	nic_rx_next(n);
}

/* ---- into memory ---- */

inline void nic_rx_write_back(struct nic_queue *q, uint32_t desc, uint32_t ndesc, uint32_t len,
			      struct frame *f, uint32_t target)
{
	uint32_t mask = q->rx.size - 1;

	for (uint32_t i = 0; i < ndesc; i++) {
		uint32_t room = q->rx_copy[(desc + i) & mask].len;
		uint32_t part = len < room ? len : room;
		struct nic_rx_done done = {
			.filter = target, .status = NIC_RX_DD, .len = (uint16_t)part};

		len -= part;
		if (part && !len)
			done.status |= NIC_RX_EOP;
		if (!f)
			done.status |= NIC_RX_ERROR;
		*nic_ring_tag(&q->rx, desc + i) = f;
		memcpy(nic_ring_desc(&q->rx, desc + i), &done, sizeof(done));
	}
	if (!q->port)
		q->desc_bytes += 2ull * ndesc * NIC_DESC_BYTES;
	q->rx_done += ndesc;
}

/* Bytes into the posted buffers. False: refused by the IOMMU. */
static inline bool rx_write(struct nic *n, struct nic_queue *q, struct frame *f,
			    const struct nic_dma *d)
{
	const struct nic_rx_read *copy = q->rx_copy;
	uint32_t mask = q->rx.size - 1, left = d->len;
	uint8_t *from = d->bytes;

	for (uint32_t i = d->desc, end = i + d->ndesc; left && i != end; i++) {
		const struct nic_rx_read *r = &copy[i & mask];
		uint32_t part = left < r->len ? left : r->len;

		if (part && !nic_dma_move(n, q, f, r->addr, from, part, IOMMU_WRITE))
			return false;
		from += part;
		left -= part;
	}
	return true;
}

static inline bool rx_move(struct nic *n, const struct nic_dma *d, bool split)
{
	return split ? nic_split_write(n, d) : rx_write(n, d->queue, d->frame, d);
}

static inline bool splits(const struct nic_dma *d)
{
	return __builtin_expect(d->queue->split != NULL, 0) && nic_split_buffer(d);
}

bool nic_rx_move(struct nic *n, const struct nic_dma *d)
{
	return rx_move(n, d, splits(d));
}

/* Its bytes are there, or were refused: status and books. */
static inline void rx_status(struct nic *n, const struct nic_dma *d, bool split, bool moved)
{
	struct nic_queue *q = d->queue;
	struct frame *f = d->frame, *tag;
	bool stray = nic_is_stray(n, f);

	tag = __builtin_expect(stray | !moved, 0) ? NULL : f;
	if (split)
		nic_split_write_back(d, tag);
	else
		nic_rx_write_back(q, d->desc, d->ndesc, d->len, tag, d->target);
	if (__builtin_expect(!moved, 0)) {
		nic_rx_drop(q, f, DROP_DMA_FAULT);
	} else {
		f->led->dma_transfers++;
		f->led->dma_bytes += d->len;
		frame_stamp(f, STAGE_NIC, evq_now(n->q));
		q->stats.received++;
		if (f->local)
			q->stats.received_local++;
		world_release(n->world, f);
		if (__builtin_expect(stray, 0))
			world_drop(n->world, f, DROP_BAD_DESCRIPTOR);
	}
}

void nic_rx_status(struct nic *n, const struct nic_dma *d)
{
	if (__builtin_expect(d->queue->life != d->life, 0))
		nic_rx_drop(d->queue, d->frame, DROP_GUEST_GONE);
	else
		rx_status(n, d, splits(d), d->moved);
}

void nic_rx_lost(const struct nic_dma *d)
{
	if (splits(d))
		nic_split_write_back(d, NULL);
	else
		nic_rx_write_back(d->queue, d->desc, d->ndesc, d->len, NULL, d->target);
}

/* The transfer is done: status, books, interrupt. */
static inline void rx_done(struct nic *n, const struct nic_dma *d)
{
	struct nic_queue *q = d->queue;
	bool split;

	if (__builtin_expect(q->life != d->life, 0)) {
		nic_rx_drop(q, d->frame, DROP_GUEST_GONE);
		return;
	}
	split = splits(d);
	rx_status(n, d, split, rx_move(n, d, split));
	nic_notify_rx(q);
}

void nic_rx_dma_event(struct event *ev)
{
	struct nic *n = (struct nic *)((char *)ev - offsetof(struct nic, rx_dma_done));
	/* Its place is not used again before this is over: nothing below begins a transfer. */
	const struct nic_dma *d = nic_fifo_at(&n->rx_dma, n->rx_dma.head++);

	if (n->rx_dma.head != n->rx_dma.tail)
		evq_schedule(n->q, &n->rx_dma_done, nic_fifo_at(&n->rx_dma, n->rx_dma.head)->done);
	if (__builtin_expect(d->job != NULL, 0)) {
		nic_peer_dma(d->job);
		return;
	}
	if (d->held)
		n->rx_held -= d->len;
	rx_done(n, d);
	if (d->pkt)
		nic_pkt_put(n, d->pkt);
}
