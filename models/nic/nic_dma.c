/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_dma.c - transfers on the bus and the interrupts that tell of them: see nic.h. */
#include "nic_impl.h"

#include <glib.h>

#include "frame.h"
#include "nic_bus.h"

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

/* ---- interrupts ---- */

/* One half of a queue, as what follows needs it. */
struct half {
	struct nic_irq *irq;
	bool *on;
	bool quiet; /* no status is on its way that would look again */
	void (*fn)(void *, bool);
	void *ctx;
};

static inline struct half half_of(struct nic_queue *q, bool send)
{
	if (send)
		return (struct half){.irq = &q->tx_itr,
				     .on = &q->regs.tx_irq,
				     .quiet = !q->port || !q->port->tx.posted,
				     .fn = q->tx_notify,
				     .ctx = q->tx_ctx};
	return (struct half){.irq = &q->rx_itr,
			     .on = &q->regs.rx_irq,
			     .quiet = !q->port || !q->port->rx.posted,
			     .fn = q->rx_notify,
			     .ctx = q->rx_ctx};
}

/* Without count and delay one is due as soon as there is news. */
static inline bool due(const struct nic_config *c, const struct nic_irq *i)
{
	return (!c->irq_count && !c->irq_delay) || i->due ||
	       (c->irq_count && i->news >= c->irq_count);
}

static void raised(struct nic *n, const struct half *h, sim_time now)
{
	if (n->cfg.irq == NIC_IRQ_MASKED)
		*h->on = false;
	h->irq->until = now + n->cfg.moderation;
	h->irq->news = 0;
	h->irq->due = false;
	evq_cancel(n->q, &h->irq->ev);
}

/*
 * News for the driver: true if an interrupt is to be raised, which masks further ones until the
 * driver has nothing left to do; else, if one is due or will be, an event looks again. What is due
 * while masked is forgotten: the driver looks for itself as it enables.
 */
static bool look(struct nic *n, const struct half *h)
{
	struct nic_irq *i = h->irq;
	const struct nic_config *c = &n->cfg;
	sim_time now = evq_now(n->q);
	bool open = *h->on || (c->irq == NIC_IRQ_ALWAYS && i->news), is_due = due(c, i);

	if (is_due && open) {
		if (now >= i->until) {
			raised(n, h, now);
			return true;
		}
		if (!event_pending(&i->ev) || i->ev.at > i->until)
			evq_rearm(n->q, &i->ev, i->until);
	} else if (is_due && h->quiet) {
		i->news = 0;
		i->due = false;
	} else if (!is_due && c->irq_delay && i->news && !event_pending(&i->ev)) {
		evq_schedule(n->q, &i->ev, now + c->irq_delay);
	}
	return false;
}

/* In the model without a bus an interrupt is there at once. */
static inline void notify(struct nic_queue *q, bool send, uint32_t frames)
{
	struct nic *n = q->nic;
	struct half h = half_of(q, send);
	bool raise;

	h.irq->news += frames;
	raise = n->cfg.irq != NIC_IRQ_NONE && look(n, &h);
	q->interrupts += raise;
	if (h.fn)
		h.fn(h.ctx, raise);
}

void nic_notify_rx(struct nic_queue *q)
{
	notify(q, false, 1);
}

void nic_notify_tx(struct nic_queue *q)
{
	notify(q, true, 1);
}

/* On a bus it follows what it is about. */
static void post(struct nic_queue *q, bool send, uint32_t frames)
{
	struct nic *n = q->nic;
	struct half h = half_of(q, send);

	h.irq->news += frames;
	if (q->stopped || n->cfg.irq == NIC_IRQ_NONE || !look(n, &h))
		return;
	q->interrupts++;
	nic_bus_msi(q, send);
}

void nic_irq_posted(struct nic_queue *q, bool send, uint32_t frames)
{
	++*(send ? &q->port->tx.posted : &q->port->rx.posted);
	post(q, send, frames);
}

void nic_irq_seen(struct nic_queue *q, bool send)
{
	struct half h = half_of(q, send);

	--*(send ? &q->port->tx.posted : &q->port->rx.posted);
	if (q->stopped)
		return;
	if (h.irq->news)
		post(q, send, 0);
	if (h.fn)
		h.fn(h.ctx, false);
}

/* The delay is over, or the least time between two. */
static void again(struct nic_queue *q, bool send)
{
	struct nic_irq *i = send ? &q->tx_itr : &q->rx_itr;

	i->due = i->news > 0;
	if (q->port)
		post(q, send, 0);
	else
		notify(q, send, 0);
}

void nic_rx_itr_event(struct event *ev)
{
	again((struct nic_queue *)((char *)ev - offsetof(struct nic_queue, rx_itr.ev)), false);
}

void nic_tx_itr_event(struct event *ev)
{
	again((struct nic_queue *)((char *)ev - offsetof(struct nic_queue, tx_itr.ev)), true);
}
