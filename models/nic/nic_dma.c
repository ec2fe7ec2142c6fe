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

void nic_fifo_grow(struct nic_fifo *x)
{
	uint32_t old = x->mask + 1;

	x->ring = g_renew(struct nic_dma, x->ring, 2 * old);
	for (uint32_t i = x->head; i != x->tail; i++)
		x->ring[(i & (2 * old - 1))] = x->ring[i & (old - 1)];
	x->mask = 2 * old - 1;
}

void nic_no_buffer(struct nic *n, hpa_t hpa)
{
	mem_violation(n->mem, evq_now(n->q), n->name, "DMA to memory that is no buffer", hpa);
}

void nic_too_early(struct nic *n, hpa_t hpa)
{
	mem_violation(n->mem, evq_now(n->q), n->name, "DMA reads bytes of a later time", hpa);
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
