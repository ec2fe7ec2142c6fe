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

void nicdrv_post_rx(struct nicdrv *d, struct plat *pl, uint64_t cookie, const struct plat_seg *seg,
		    unsigned n)
{
	struct nicdrv_half *h = &d->rx;

	h->slot[nicdrv_slot_at(h, h->tail)] = (struct nicdrv_slot){.cookie = cookie, .ndesc = n};
	for (unsigned i = 0; i < n; i++) {
		struct nic_rx_read *r = nic_ring_desc(&h->ring, h->tail++);
		*r = (struct nic_rx_read){.addr = seg[i].dma,
					  .len = seg[i].len,
					  .flags = i + 1 < n ? NIC_RX_MORE : 0};
	}
	plat_charge(pl, PLAT_W_DEV_RX, n);
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
		uint32_t status = r->status, len = r->len;

		if (!(status & NIC_RX_DD))
			break;
		rx[n] = (struct plat_rx){.cookie = s->cookie,
					 .frame = *nic_ring_tag(&h->ring, h->reaped),
					 .mark = (uint32_t)r->filter};
		for (uint32_t i = 1; i < s->ndesc; i++) {
			r = nic_ring_desc(&h->ring, h->reaped + i);
			status |= r->status;
			len += r->len;
		}
		rx[n].len = len;
		rx[n].last = status & NIC_RX_EOP;
		if (status & NIC_RX_ERROR)
			rx[n].frame = NULL;
		h->reaped += s->ndesc;
	}
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
	plat_charge(pl, PLAT_W_DEV_TX, n);
}

unsigned nicdrv_reap_tx(struct nicdrv *d, struct plat *pl, uint64_t *cookie, unsigned max)
{
	struct nicdrv_half *h = &d->tx;
	unsigned n;

	plat_charge(pl, PLAT_W_POLL, 1);
	for (n = 0; n < max && h->reaped != h->tail; n++) {
		const struct nicdrv_slot *s = &h->slot[nicdrv_slot_at(h, h->reaped)];
		const struct nic_tx_desc *t = nic_ring_desc(&h->ring, h->reaped + s->ndesc - 1);

		if (!(t->olinfo_status & NIC_TX_DD))
			break;
		cookie[n] = s->cookie;
		h->reaped += s->ndesc;
	}
	return n;
}

void nicdrv_flush_rx(struct nicdrv *d, struct plat *pl)
{
	d->regs->rx_taken = d->rx.reaped;
	if (d->regs->rx_tail == d->rx.tail)
		return;
	d->regs->rx_tail = d->rx.tail;
	plat_charge(pl, PLAT_W_DOORBELL, 1);
	if (d->rx.bell)
		plat_kick(pl, d->rx.bell, d->rx.tail);
}

void nicdrv_flush_tx(struct nicdrv *d, struct plat *pl)
{
	if (d->regs->tx_tail == d->tx.tail)
		return;
	d->regs->tx_tail = d->tx.tail;
	plat_charge(pl, PLAT_W_DOORBELL, 1);
	if (d->tx.bell)
		plat_kick(pl, d->tx.bell, d->tx.tail);
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
	const struct nicdrv_slot *s = &h->slot[nicdrv_slot_at(h, h->reaped)];
	const struct nic_tx_desc *t;

	d->regs->tx_irq = on;
	plat_fence(pl);
	if (!on || h->reaped == h->tail)
		return false;
	t = nic_ring_desc(&h->ring, h->reaped + s->ndesc - 1);
	return t->olinfo_status & NIC_TX_DD;
}
