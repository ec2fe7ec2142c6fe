/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic_split.c - header split and placement: one packet, two DMA targets (82599, 7.1.10).
 *
 * The parser and the flow table are hardware here; they cost the host nothing. What a descriptor
 * says is in nicdesc.h. A frame that is not split, and what the payload's descriptors have no room
 * for, goes to the header's.
 */
#include "nic_impl.h"

#include "frame.h"
#include "split.h"

void nic_split_judge(struct nic_queue *q, struct nic_dma *d)
{
	const struct frame *f = d->frame;
	struct split_flow flow;

	d->header = (uint16_t)split_header(f->bytes, f->len < SPLIT_HEAD ? f->len : SPLIT_HEAD,
					   f->len, &flow);
	d->why = d->header ? split_lookup(q->split, &flow) : REASON_NOT_SPLIT;
	if (d->header == f->len)
		d->why = REASON_POLICY;
}

bool nic_split_buffer(const struct nic_queue *q, uint32_t desc)
{
	const struct nic_rx_read *r = nic_ring_desc(&q->rx, desc);
	return r->flags & NIC_RX_HEADER;
}

/* A run of the frame that is being written out. */
struct run {
	const uint8_t *p;
	uint32_t len;
};

/* At most `room` bytes of the runs to I/O address `iova`; *done are written or skipped. */
static bool put(struct nic *n, const struct nic_dma *d, uint64_t iova, struct run *run,
		uint32_t room, uint32_t *done, bool ok)
{
	for (*done = 0; run[0].len + run[1].len && *done < room;) {
		struct run *r = run[0].len ? &run[0] : &run[1];
		uint32_t part = r->len < room - *done ? r->len : room - *done;
		ok = ok && nic_dma_move(n, d->queue, d->frame, iova + *done,
					(uint8_t *)(uintptr_t)r->p, part, IOMMU_WRITE);
		r->p += part;
		r->len -= part;
		*done += part;
	}
	return ok;
}

/* Bytes that the buffer has for payload. */
static uint32_t payload_room(const struct nic_dma *d)
{
	uint32_t room = 0;

	for (uint32_t i = 0; i < d->ndesc; i++) {
		const struct nic_rx_read *r = nic_ring_desc(&d->queue->rx, d->desc + i);
		room += r->flags & NIC_RX_HEADER ? 0 : r->len;
	}
	return room;
}

bool nic_split_write(struct nic *n, const struct nic_dma *d)
{
	const struct frame *f = d->frame;
	struct nic_ring *ring = &d->queue->rx;
	bool split = d->header && d->why == REASON_POLICY, ok = true;
	uint32_t head = split ? d->header : f->len, payload = f->len - head;
	uint32_t room = payload_room(d), placed = payload < room ? payload : room;
	struct run kernel[2] = {{f->bytes, head}, {f->bytes + head + placed, payload - placed}};
	struct run process[2] = {{f->bytes + head, placed}, {NULL, 0}};

	for (uint32_t i = 0; i < d->ndesc; i++) {
		struct nic_rx_read *r = nic_ring_desc(ring, d->desc + i);
		struct nic_rx_done done = {.filter = d->target, .status = NIC_RX_DD};
		uint32_t part;

		ok = put(n, d, r->addr, r->flags & NIC_RX_HEADER ? kernel : process, r->len, &part,
			 ok);
		done.len = (uint16_t)part;
		if (i == 0)
			done.info = (split ? NIC_RX_SPH : 0) | (uint32_t)d->header << 21 | d->why;
		if (i + 1 == d->ndesc)
			done.status |= NIC_RX_EOP;
		if (!ok)
			done.status |= NIC_RX_ERROR;
		*nic_ring_tag(ring, d->desc + i) = ok ? d->frame : NULL;
		memcpy(r, &done, sizeof(done));
	}
	return ok;
}
