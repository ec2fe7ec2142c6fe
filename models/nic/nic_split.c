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

static const struct nic_rx_read *desc_at(const struct nic_dma *d, uint32_t i)
{
	return &d->queue->rx_copy[(d->desc + i) & (d->queue->rx.size - 1)];
}

void nic_split_judge(struct nic_queue *q, struct nic_dma *d)
{
	struct split_flow flow;

	d->header = (uint16_t)split_header(d->bytes, d->len < SPLIT_HEAD ? d->len : SPLIT_HEAD,
					   d->len, &flow);
	d->why = d->header ? (uint8_t)split_lookup(q->split, &flow) : REASON_NOT_SPLIT;
	if (d->header == d->len)
		d->why = REASON_POLICY;
}

bool nic_split_buffer(const struct nic_dma *d)
{
	return desc_at(d, 0)->flags & NIC_RX_HEADER;
}

/* Which bytes of the frame go where. */
struct shares {
	uint32_t head;   /* its first ones, to the header's descriptors */
	uint32_t placed; /* those behind them, to the payload's */
	uint32_t rest;   /* the last ones, to the header's again */
};

static struct shares shares_of(const struct nic_dma *d)
{
	struct shares s = {.head = d->why == REASON_POLICY ? d->header : d->len};
	uint32_t room = 0, payload = d->len - s.head;

	for (uint32_t i = 0; i < d->ndesc; i++)
		room += desc_at(d, i)->flags & NIC_RX_HEADER ? 0 : desc_at(d, i)->len;
	s.placed = payload < room ? payload : room;
	s.rest = payload - s.placed;
	return s;
}

/* A run of the frame that is being written out. */
struct run {
	uint8_t *p;
	uint32_t len;
};

/* At most `room` bytes of the two runs to I/O address `iova`. False: refused. */
static bool put(struct nic *n, const struct nic_dma *d, uint64_t iova, struct run *run,
		uint32_t room)
{
	for (; room && run[0].len + run[1].len;) {
		struct run *r = run[0].len ? &run[0] : &run[1];
		uint32_t part = r->len < room ? r->len : room;
		if (!nic_dma_move(n, d->queue, d->frame, iova, r->p, part, IOMMU_WRITE))
			return false;
		iova += part;
		room -= part;
		r->p += part;
		r->len -= part;
	}
	return true;
}

bool nic_split_write(struct nic *n, const struct nic_dma *d)
{
	struct shares s = shares_of(d);
	struct run kernel[2] = {{d->bytes, s.head}, {d->bytes + s.head + s.placed, s.rest}};
	struct run process[2] = {{d->bytes + s.head, s.placed}, {NULL, 0}};

	for (uint32_t i = 0; i < d->ndesc; i++) {
		const struct nic_rx_read *r = desc_at(d, i);
		if (!put(n, d, r->addr, r->flags & NIC_RX_HEADER ? kernel : process, r->len))
			return false;
	}
	return true;
}

void nic_split_write_back(const struct nic_dma *d, struct frame *f)
{
	struct nic_queue *q = d->queue;
	struct shares s = shares_of(d);
	uint32_t kernel = s.head + s.rest, process = s.placed;

	for (uint32_t i = 0; i < d->ndesc; i++) {
		const struct nic_rx_read *r = desc_at(d, i);
		uint32_t *left = r->flags & NIC_RX_HEADER ? &kernel : &process;
		uint32_t part = *left < r->len ? *left : r->len;
		struct nic_rx_done done = {.filter = d->target,
					   .status = NIC_RX_DD | (f ? 0 : NIC_RX_ERROR),
					   .len = (uint16_t)part};

		*left -= part;
		if (i == 0)
			done.info = (d->why == REASON_POLICY ? NIC_RX_SPH : 0) |
				    (uint32_t)d->header << 21 | d->why;
		if (i + 1 == d->ndesc)
			done.status |= NIC_RX_EOP;
		*nic_ring_tag(&q->rx, d->desc + i) = f;
		memcpy(nic_ring_desc(&q->rx, d->desc + i), &done, sizeof(done));
	}
	if (!q->port)
		q->desc_bytes += 2ull * d->ndesc * NIC_DESC_BYTES;
	q->rx_done += d->ndesc;
}
