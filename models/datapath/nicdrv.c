/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nicdrv.c - descriptor rings from the driver's side: see nicdrv.h. */
#include "nicdrv.h"

#include "plat.h"

static uint32_t nicdrv_slot_at(const struct nicdrv_half *h, uint32_t position)
{
	return position & (h->ring.size - 1);
}

void nicdrv_init(struct nicdrv *d, const struct nic_ring *rx, struct nicdrv_slot *rx_slot,
		 const struct nic_ring *tx, struct nicdrv_slot *tx_slot, struct nic_regs *regs)
{
	*d = (struct nicdrv){.regs = regs};
	d->rx.ring = *rx;
	d->rx.slot = rx_slot;
	d->tx.ring = *tx;
	d->tx.slot = tx_slot;
}

inline void nicdrv_post_rx_split(struct nicdrv *d, struct plat *pl, uint64_t cookie,
				 const struct plat_seg *seg, unsigned nheader, unsigned n)
{
	struct nicdrv_half *h = &d->rx;

	h->slot[nicdrv_slot_at(h, h->tail)] =
		(struct nicdrv_slot){.cookie = cookie, .ndesc = n, .nheader = (uint16_t)nheader};
	for (unsigned i = 0; i < n; i++) {
		struct nic_rx_read *r = nic_ring_desc(&h->ring, h->tail++);
		*r = (struct nic_rx_read){.addr = seg[i].dma,
					  .len = seg[i].len,
					  .flags = (i + 1 < n ? NIC_RX_MORE : 0) |
						   (i < nheader ? NIC_RX_HEADER : 0)};
	}
	h->posted++;
	plat_charge(pl, PLAT_W_DEV_RX, n);
}

void nicdrv_post_rx(struct nicdrv *d, struct plat *pl, uint64_t cookie, const struct plat_seg *seg,
		    unsigned n)
{
	nicdrv_post_rx_split(d, pl, cookie, seg, 0, n);
}

/* A buffer of a device that splits: what its first descriptor says of the frame's header. */
static void split_of(struct plat_rx *rx, const struct nic_rx_done *first)
{
	rx->header = (uint16_t)NIC_RX_HEADER_LEN(first->info);
	rx->why = (uint8_t)NIC_RX_WHY(first->info);
}

/* After taking n: as often as this driver reads the device's head. */
static void read_head(struct nicdrv_half *h, struct plat *pl, unsigned n)
{
	h->unread += n;
	if (h->unread < h->head_every)
		return;
	plat_reg_read(pl, h->head, h->unread / h->head_every);
	h->unread %= h->head_every;
}

/*
 * A buffer is done when its first descriptor is: the device consumes whole buffers, and writes back
 * in order. Its length is the sum over its descriptors.
 */
unsigned nicdrv_reap_rx(struct nicdrv *d, struct plat *pl, struct plat_rx *rx, unsigned max)
{
	struct nicdrv_half *h = &d->rx;
	unsigned n;

	plat_charge(pl, PLAT_W_POLL, 1);
	for (n = 0; n < max && h->reaped != h->tail; n++) {
		const struct nicdrv_slot *s = &h->slot[nicdrv_slot_at(h, h->reaped)];
		const struct nic_rx_done *r = nic_ring_desc(&h->ring, h->reaped);
		uint32_t status = r->status, len = r->len, placed = 0;

		if (!(status & NIC_RX_DD))
			break;
		rx[n] = (struct plat_rx){.cookie = s->cookie,
					 .frame = *nic_ring_tag(&h->ring, h->reaped),
					 .mark = r->filter};
		if (s->nheader)
			split_of(&rx[n], r);
		for (uint32_t i = 1; i < s->ndesc; i++) {
			r = nic_ring_desc(&h->ring, h->reaped + i);
			status |= r->status;
			len += r->len;
			if (s->nheader && i >= s->nheader)
				placed += r->len;
		}
		rx[n].len = len;
		rx[n].placed = placed;
		rx[n].last = status & NIC_RX_EOP;
		if (status & NIC_RX_ERROR)
			rx[n].frame = NULL;
		h->reaped += s->ndesc;
	}
	if (__builtin_expect(h->head != NULL, 0))
		read_head(h, pl, n);
	return n;
}

void nicdrv_send(struct nicdrv *d, struct plat *pl, uint64_t cookie, struct frame *frame,
		 const struct plat_seg *seg, unsigned n)
{
	struct nicdrv_half *h = &d->tx;

	h->slot[nicdrv_slot_at(h, h->tail)] = (struct nicdrv_slot){.cookie = cookie, .ndesc = n};
	*nic_ring_tag(&h->ring, h->tail) = frame;
	for (unsigned i = 0; i < n; i++) {
		struct nic_tx_desc *t = nic_ring_desc(&h->ring, h->tail++);
		*t = (struct nic_tx_desc){.addr = seg[i].dma,
					  .cmd_type_len = seg[i].len |
							  (i + 1 < n ? 0 : NIC_TX_EOP | NIC_TX_RS)};
	}
	if (__builtin_expect(d->has_csum, 0)) {
		struct nic_tx_desc *first = nic_ring_desc(&h->ring, h->tail - n);
		first->cmd_type_len |= NIC_TX_CSUM;
		first->olinfo_status = d->csum;
		d->has_csum = false;
	}
	h->posted++;
	plat_charge(pl, PLAT_W_DEV_TX, n);
}

/* Status of the frame that begins at a position: written back to its last descriptor. */
static uint32_t tx_status(const struct nicdrv_half *h, uint32_t at)
{
	const struct nicdrv_slot *s = &h->slot[nicdrv_slot_at(h, at)];
	const struct nic_tx_desc *t = nic_ring_desc(&h->ring, at + s->ndesc - 1);

	return t->olinfo_status;
}

static uint64_t tx_cookie(const struct nicdrv_half *h, uint32_t at, uint32_t status)
{
	return h->slot[nicdrv_slot_at(h, at)].cookie | (status & NIC_TX_ERROR ? PLAT_TX_FAILED : 0);
}

/* Where the first frame is that is done and not taken yet; h->tail: nowhere. */
static uint32_t tx_done_at(const struct nicdrv_half *h, uint32_t at)
{
	for (; at != h->tail; at += h->slot[nicdrv_slot_at(h, at)].ndesc)
		if (!h->slot[nicdrv_slot_at(h, at)].taken && tx_status(h, at) & NIC_TX_DD)
			break;
	return at;
}

/* Descriptors are free again from the oldest frame on, whatever is done behind it. */
static unsigned reap_any_order(struct nicdrv_half *h, uint64_t *cookie, unsigned max)
{
	uint32_t at = h->reaped;
	unsigned n;

	for (n = 0; n < max && (at = tx_done_at(h, at)) != h->tail; n++) {
		cookie[n] = tx_cookie(h, at, tx_status(h, at));
		h->slot[nicdrv_slot_at(h, at)].taken = true;
	}
	while (h->reaped != h->tail && h->slot[nicdrv_slot_at(h, h->reaped)].taken) {
		struct nicdrv_slot *s = &h->slot[nicdrv_slot_at(h, h->reaped)];
		s->taken = false;
		h->reaped += s->ndesc;
	}
	return n;
}

static inline unsigned reap_in_order(struct nicdrv_half *h, uint64_t *cookie, unsigned max)
{
	unsigned n;

	for (n = 0; n < max && h->reaped != h->tail; n++) {
		uint32_t status = tx_status(h, h->reaped);

		if (!(status & NIC_TX_DD))
			break;
		cookie[n] = tx_cookie(h, h->reaped, status);
		h->reaped += h->slot[nicdrv_slot_at(h, h->reaped)].ndesc;
	}
	return n;
}

unsigned nicdrv_reap_tx(struct nicdrv *d, struct plat *pl, uint64_t *cookie, unsigned max)
{
	struct nicdrv_half *h = &d->tx;
	unsigned n;

	plat_charge(pl, PLAT_W_POLL, 1);
	if (__builtin_expect(d->tx_free_thresh, 0) && nicdrv_room(h) >= d->tx_free_thresh)
		return 0;
	if (__builtin_expect(d->any_order, 0))
		n = reap_any_order(h, cookie, max);
	else
		n = reap_in_order(h, cookie, max);
	if (__builtin_expect(h->head != NULL, 0))
		read_head(h, pl, n);
	return n;
}

/*
 * How often the tail is written now: once, or for each tail_every of what was posted; for the rest,
 * too, unless the device is `busy` with what it has. 0: not at all.
 */
static uint32_t tail_writes(struct nicdrv_half *h, bool busy)
{
	uint32_t n, rest;

	if (!h->tail_every)
		return 1;
	n = h->posted / h->tail_every;
	rest = h->posted % h->tail_every;
	h->posted = busy ? rest : 0;
	return n + (rest && !busy);
}

static void ring(struct nicdrv_half *h, struct plat *pl, uint32_t *tail, uint32_t *bells,
		 uint32_t writes)
{
	*tail = h->tail;
	*bells += writes;
	plat_charge(pl, PLAT_W_DOORBELL, writes);
	if (h->bell)
		plat_kick(pl, h->bell, h->tail);
}

void nicdrv_flush_rx(struct nicdrv *d, struct plat *pl)
{
	struct nicdrv_half *h = &d->rx;
	uint32_t writes;

	d->regs->rx_taken = h->reaped;
	if (d->regs->rx_tail == h->tail)
		return;
	/* It will fill what it has, and then there is another flush. */
	writes = tail_writes(h, d->regs->rx_tail - h->reaped > h->tail_every);
	if (writes)
		ring(h, pl, &d->regs->rx_tail, &d->regs->rx_bells, writes);
}

/* The ring is nearly full, and the driver will hear of what is sent. */
static bool tx_busy(struct nicdrv *d, struct plat *pl)
{
	struct nicdrv_half *h = &d->tx;

	return h->posted % h->tail_every && d->regs->tx_tail != h->reaped &&
	       nicdrv_room(h) < h->tail_every && !nicdrv_tx_irq(d, pl, true);
}

void nicdrv_flush_tx(struct nicdrv *d, struct plat *pl)
{
	struct nicdrv_half *h = &d->tx;
	uint32_t writes;

	if (d->regs->tx_tail == h->tail)
		return;
	writes = tail_writes(h, h->tail_every && tx_busy(d, pl));
	if (writes)
		ring(h, pl, &d->regs->tx_tail, &d->regs->tx_bells, writes);
}

bool nicdrv_rx_irq(struct nicdrv *d, struct plat *pl, bool on)
{
	const struct nic_rx_done *r = nic_ring_desc(&d->rx.ring, d->rx.reaped);

	d->regs->rx_irq = on;
	plat_fence(pl);
	return on && d->rx.reaped != d->rx.tail && r->status & NIC_RX_DD;
}

bool nicdrv_tx_irq(struct nicdrv *d, struct plat *pl, bool on)
{
	const struct nicdrv_half *h = &d->tx;

	d->regs->tx_irq = on;
	plat_fence(pl);
	if (!on || h->reaped == h->tail)
		return false;
	if (__builtin_expect(d->any_order, 0))
		return tx_done_at(h, h->reaped) != h->tail;
	return tx_status(h, h->reaped) & NIC_TX_DD;
}
