/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_dma.c - transfers on the bus and the interrupts that tell of them: see nic.h. */
#include "nic_impl.h"

#include <glib.h>

#include "frame.h"

void nic_fifo_init(struct nic_fifo *x)
{
	*x = (struct nic_fifo){.mask = 63};
	x->ring = g_new(struct nic_dma, x->mask + 1);
}

struct nic_dma *nic_fifo_add(struct nic_fifo *x)
{
	if (x->tail - x->head > x->mask) { /* once, up to what the NIC's buffers hold */
		uint32_t old = x->mask + 1;
		x->ring = g_renew(struct nic_dma, x->ring, 2 * old);
		for (uint32_t i = x->head; i != x->tail; i++)
			x->ring[(i & (2 * old - 1))] = x->ring[i & (old - 1)];
		x->mask = 2 * old - 1;
	}
	return &x->ring[x->tail++ & x->mask];
}

static bool is_buffer(const struct nic *n, hpa_t hpa)
{
	uint8_t owner = mem_frame(n->mem, hpa)->owner;
	return owner == MEM_HYP || owner == MEM_GUEST;
}

bool nic_dma_piece(struct nic *n, struct frame *f, const struct iommu_hit *hit, uint8_t *p,
		   unsigned access)
{
	sim_time now = evq_now(n->q);

	/* A page in the IOTLB was looked at when it came there. */
	if ((!hit->hit || hit->stale || n->look_always) && !is_buffer(n, hit->hpa)) {
		mem_violation(n->mem, now, n->name, "DMA to memory that is no buffer", hit->hpa);
		return false;
	}
	if (access == IOMMU_WRITE) {
		memcpy(mem_ptr(n->mem, hit->hpa), p, hit->len);
		mem_note_write(n->mem, hit->hpa, hit->len, now);
	} else {
		if (!mem_note_read(n->mem, hit->hpa, hit->len, now))
			mem_violation(n->mem, now, n->name, "DMA reads bytes of a later time",
				      hit->hpa);
		memcpy(p, mem_ptr(n->mem, hit->hpa), hit->len);
	}
	f->led->dma_segments++;
	return true;
}

bool nic_dma_move(struct nic *n, struct nic_queue *q, struct frame *f, uint64_t iova, uint8_t *p,
		  uint32_t len, unsigned access)
{
	struct iommu_hit hit;

	for (; len; len -= (uint32_t)hit.len) {
		if (iommu_translate(n->iommu, q->requester, (iova_t){iova}, len, access,
				    evq_now(n->q), &hit) != IOMMU_OK ||
		    !nic_dma_piece(n, f, &hit, p, access))
			return false;
		p += hit.len;
		iova += hit.len;
	}
	return true;
}

/*
 * News for the driver: an interrupt if it is enabled and moderation allows, else a hint for
 * pollers. Raising masks; the driver enables again when it has nothing left to do.
 */
static void notify(struct nic_queue *q, bool *irq, struct event *itr, sim_time *until,
		   void (*fn)(void *, bool), void *ctx)
{
	struct nic *n = q->nic;
	sim_time now = evq_now(n->q);
	bool raise = *irq && now >= *until;

	if (raise) {
		*irq = false;
		*until = now + n->cfg.moderation;
		q->interrupts++;
	} else if (*irq && !event_pending(itr)) {
		evq_schedule(n->q, itr, *until);
	}
	if (fn)
		fn(ctx, raise);
}

void nic_notify_rx(struct nic_queue *q)
{
	notify(q, &q->regs.rx_irq, &q->rx_itr, &q->rx_itr_until, q->rx_notify, q->rx_ctx);
}

void nic_notify_tx(struct nic_queue *q)
{
	notify(q, &q->regs.tx_irq, &q->tx_itr, &q->tx_itr_until, q->tx_notify, q->tx_ctx);
}

void nic_rx_itr_event(struct event *ev)
{
	nic_notify_rx((struct nic_queue *)((char *)ev - offsetof(struct nic_queue, rx_itr)));
}

void nic_tx_itr_event(struct event *ev)
{
	nic_notify_tx((struct nic_queue *)((char *)ev - offsetof(struct nic_queue, tx_itr)));
}
