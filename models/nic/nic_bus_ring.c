/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic_bus_ring.c - the IOMMU between the device and its rings: see nic_bus.h.
 *
 * A read of descriptors that is refused halts its half: what is behind it is void, none are asked
 * for any more, and a frame that comes from the wire is lost (dma_fault). Status that is refused is
 * held; a received frame whose status is held is lost, too. nic_queue_permit() ends both: status is
 * written, and descriptors are asked for anew. So a ring has no hole, whatever is refused.
 *
 * Rejected: trying again after a time (a constant that no device has, and events without end);
 * skipping the descriptors (the driver would wait for their status for good).
 */
#include "nic_bus_impl.h"

#define NO_PAGE UINT32_MAX

struct look {
	struct nic_xfer *x;
	const struct nic_ring *ring;
	unsigned access;
	uint32_t page; /* that was translated last, to */
	hpa_t hpa;
};

/* A page that follows upon itself is translated once. */
static bool look_up(struct nic *n, struct look *l, uint32_t byte, uint32_t len)
{
	struct nic_xlate *x = &l->x->x;
	uint32_t page = byte >> 12, at = byte & 4095;
	struct iommu_hit hit;
	sim_time ready = x->at;

	if (page != l->page) {
		enum iommu_status s = iommu_translate(n->iommu, l->x->q->requester,
						      (iova_t){l->ring->io[page] + at}, len,
						      l->access, evq_now(n->q), &hit);
		ready += iommu_wait(n->iommu, &hit, x->at);
		l->x->refused = s != IOMMU_OK;
		l->page = page;
		l->hpa.a = hit.hpa.a - at;
	}
	/* What a device reads there the driver has just written: it is in a cache. */
	if (!l->x->refused && n->llc && l->access == IOMMU_WRITE)
		ready += llc_dma(n->llc, n->node, (hpa_t){l->hpa.a + at}, len, true);
	if (ready > x->ready)
		x->ready = ready;
	return !l->x->refused;
}

static bool look(struct nic *n, struct look *l, uint32_t desc, uint32_t count)
{
	uint32_t size = l->ring->size;

	while (count) {
		uint32_t at = desc & (size - 1), byte = at * NIC_DESC_BYTES, part = size - at;
		uint32_t in_page = (4096 - (byte & 4095)) / NIC_DESC_BYTES;

		part = part < in_page ? part : in_page;
		part = part < count ? part : count;
		if (!look_up(n, l, byte, part * NIC_DESC_BYTES))
			return false;
		desc += part;
		count -= part;
	}
	return true;
}

/* Reads of one descriptor each are accesses of their own. */
static void look_at_fetch(struct nic *n, struct look *l, uint32_t each)
{
	const struct nic_xfer *x = l->x;

	if (each > 1) {
		look(n, l, x->at, x->n);
		return;
	}
	for (uint32_t i = 0; i < x->n && look(n, l, x->at + i, 1); i++)
		l->page = NO_PAGE;
}

void nic_bus_look_ring(struct nic *n, struct nic_xfer *x)
{
	struct nic_queue *q = x->q;
	struct look l = {.x = x,
			 .ring = x->send ? &q->tx : &q->rx,
			 .access = x->ring == NIC_FETCH ? IOMMU_READ : IOMMU_WRITE,
			 .page = NO_PAGE};

	if (!l.ring->io)
		return;
	x->permits = q->port->permits;
	if (x->ring == NIC_FETCH)
		look_at_fetch(n, &l, (x->send ? &n->cfg.tx_use : &n->cfg.rx_use)->fetch);
	else if (x->ring == NIC_OWN_STATUS)
		look(n, &l, x->d.desc, x->d.ndesc);
	else if (!x->about)
		look(n, &l, x->at, x->n);
	for (const struct nic_xfer *f = x->about; f; f = f->next)
		if (!look(n, &l, f->d.desc, f->d.ndesc))
			return;
}

/*
 * May the descriptors that x has read be used, next in order? Not if they were refused, which halts
 * the half, or are behind such; they are asked for anew.
 */
static bool usable(struct nic_queue *q, struct nic_side *s, const struct nic_xfer *x)
{
	if (x->at != s->have)
		return false;
	if (!x->refused)
		return true;
	s->asked = s->have;
	s->halted = x->permits == q->port->permits;
	return false;
}

_Static_assert(sizeof(struct nic_rx_read) == NIC_DESC_BYTES, "as the ring has them");
_Static_assert(sizeof(struct nic_tx_desc) == NIC_DESC_BYTES, "as the ring has them");

bool nic_bus_fetched(struct nic_xfer *x, struct nic_side *s, const struct nic_ring *ring,
		     void *copy)
{
	struct nic_queue *q = x->q;

	if (x->life != q->life) {
		nic_xfer_free(x);
		return false;
	}
	x->arrived = true;
	while (s->fetch.first && s->fetch.first->arrived) {
		x = nic_xlist_take(&s->fetch);
		if (usable(q, s, x)) {
			for (uint32_t i = x->at; i != x->at + x->n; i++)
				memcpy((uint8_t *)copy + (i & (ring->size - 1)) * NIC_DESC_BYTES,
				       nic_ring_desc(ring, i), NIC_DESC_BYTES);
			s->have += x->n;
		}
		nic_xfer_free(x);
	}
	return true;
}

void nic_bus_unhold(struct nic_side *s)
{
	while (s->held.first) {
		struct nic_xfer *x = nic_xlist_take(&s->held);

		s->status_n += x->d.ndesc;
		nic_xlist_add(&s->status, x);
	}
}

static void again(struct nic_queue *q, bool send)
{
	if (send)
		nic_bus_tx_again(q);
	else
		nic_bus_rx_again(q);
}

void nic_bus_refused(struct nic_queue *q, const struct nic_xfer *w)
{
	if (w->permits != q->port->permits) /* it has been permitted since */
		again(q, w->send);
}

void nic_queue_permit(struct nic_queue *q)
{
	struct nic_port *p = q->port;

	if (!p || q->stopped)
		return;
	p->permits++;
	p->rx.halted = p->tx.halted = false;
	again(q, false);
	again(q, true);
	nic_bus_rx_more(q);
	nic_bus_tx_more(q);
}
