/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_bus_tx.c - send over the bus: see nic_bus.h. */
#include "nic_bus_impl.h"

/* ---- status ---- */

static void status_done(struct pcie_op *op)
{
	struct nic_xfer *x = nic_xfer_of(op), *next;
	struct nic_queue *q = x->q;
	bool alive = x->life == q->life && !q->stopped;

	for (struct nic_xfer *f = x->about; f; f = next) {
		next = f->next;
		if (alive && x->refused) {
			nic_xlist_add(&q->port->tx.held, f);
			continue;
		}
		if (alive)
			nic_tx_status(&f->d);
		nic_xfer_free(f);
	}
	if (alive && x->refused)
		nic_bus_refused(q, x);
	nic_xfer_free(x);
	if (alive)
		nic_irq_seen(q, true);
}

static void flush(struct nic_queue *q)
{
	struct nic_side *s = &q->port->tx;
	struct nic_xfer *x = nic_xfer_new(q, status_done);
	uint32_t frames = 0;

	x->ring = NIC_STATUS;
	x->send = true;
	x->about = s->status.first;
	for (struct nic_xfer *f = x->about; f; f = f->next)
		frames++;
	evq_cancel(q->nic->q, &s->flush);
	s->status = (struct nic_xlist){0};
	q->desc_bytes += s->status_n * NIC_DESC_BYTES;
	pcie_submit(q->nic->bus->pcie, nic_function(q), &x->op, PCIE_WRITE,
		    s->status_n * NIC_DESC_BYTES);
	s->status_n = 0;
	nic_irq_posted(q, true, frames);
}

void nic_bus_tx_flush_event(struct event *ev)
{
	const struct nic_side *s =
		(struct nic_side *)((char *)ev - offsetof(struct nic_side, flush));

	flush(s->head.ctx);
}

void nic_bus_tx_again(struct nic_queue *q)
{
	nic_bus_unhold(&q->port->tx);
	if (q->port->tx.status.first)
		flush(q);
}

/* Nothing is under way that would fill the batch. */
static void flush_if_idle(struct nic_queue *q)
{
	const struct nic_side *s = &q->port->tx;

	if (s->status.first && !q->nic->cfg.writeback_delay && !s->data.first && !s->fetch.first &&
	    !q->tx_active)
		flush(q);
}

void nic_bus_tx_status(const struct nic_dma *d)
{
	struct nic_queue *q = d->queue;
	const struct nic_config *c = &q->nic->cfg;
	struct nic_side *s = &q->port->tx;
	struct nic_xfer *x;

	if (!c->tx_use.writeback) { /* the driver reads the head, and finds this */
		nic_tx_status(d);
		nic_irq_posted(q, true, 1);
		nic_irq_seen(q, true);
		return;
	}
	x = nic_xfer_new(q, NULL);
	x->d.desc = d->desc;
	x->d.ndesc = d->ndesc;
	x->d.failed = d->failed;
	x->d.queue = q;
	nic_xlist_add(&s->status, x);
	s->status_n += d->ndesc;
	if (s->status_n >= c->tx_use.writeback)
		flush(q);
	else if (c->writeback_delay && !event_pending(&s->flush))
		evq_schedule(q->nic->q, &s->flush, evq_now(q->nic->q) + c->writeback_delay);
	else
		flush_if_idle(q);
}

/* ---- descriptors ---- */

static void fetched(struct pcie_op *op)
{
	struct nic_xfer *x = nic_xfer_of(op);
	struct nic_queue *q = x->q;

	if (!nic_bus_fetched(x, &q->port->tx, &q->tx, q->tx_copy))
		return;
	nic_tx_ready(q);
	nic_bus_tx_none(q);
}

void nic_bus_tx_more(struct nic_queue *q)
{
	struct nic_side *s = &q->port->tx;

	/* What is there and makes no whole frame needs the rest. */
	if (s->asked != s->tail)
		nic_bus_fetch(q, s, &q->nic->cfg.tx_use, q->tx_head, q->tx.size, !q->tx_active,
			      fetched);
}

void nic_bus_tx_none(struct nic_queue *q)
{
	nic_bus_tx_more(q);
	flush_if_idle(q);
}

/* ---- data ---- */

/* What has come, in the order of the ring. */
static void drain(struct nic_queue *q)
{
	struct nic_side *s = &q->port->tx;

	while (s->data.first && s->data.first->arrived) {
		struct nic_xfer *x = nic_xlist_take(&s->data);
		struct nic_dma d = x->d;

		if (!d.frame) { /* refused before it was read */
			nic_bus_tx_status(&d);
		} else {
			q->nic->xlate = &x->x;
			nic_tx_arrived(q->nic, &d);
		}
		nic_xfer_free(x);
	}
}

static void gone(struct nic_xfer *x)
{
	struct nic *n = x->q->nic;

	n->tx_held -= x->d.len;
	if (x->d.frame)
		world_drop(n->world, x->d.frame, DROP_GUEST_GONE);
	nic_xfer_free(x);
}

static void data_done(struct pcie_op *op)
{
	struct nic_xfer *x = nic_xfer_of(op);
	struct nic_queue *q = x->q;
	struct nic *n = q->nic;

	n->bus->tx_reads--;
	if (x->life != q->life) {
		gone(x);
		nic_tx_go(n);
		return;
	}
	x->arrived = true;
	drain(q);
	nic_tx_go(n);
	flush_if_idle(q);
}

void nic_bus_tx_read(struct nic_queue *q, const struct nic_dma *d)
{
	struct nic_bus *b = q->nic->bus;
	struct nic_xfer *x = nic_xfer_new(q, data_done);

	x->d = *d;
	x->send = true;
	nic_xlist_add(&q->port->tx.data, x);
	b->tx_reads++;
	pcie_submit(b->pcie, nic_function(q), &x->op, PCIE_READ, d->len);
}

void nic_bus_tx_refused(struct nic_queue *q, const struct nic_dma *d)
{
	struct nic_xfer *x = nic_xfer_new(q, NULL);

	x->d = *d;
	x->arrived = true;
	nic_xlist_add(&q->port->tx.data, x);
	drain(q);
}

/* ---- the end ---- */

/* What is being read ends when it has come. */
void nic_bus_tx_stop(struct nic_queue *q)
{
	struct nic_side *s = &q->port->tx;

	while (s->data.first) {
		struct nic_xfer *x = nic_xlist_take(&s->data);

		if (x->arrived)
			gone(x);
	}
	nic_bus_unhold(s);
	while (s->status.first)
		nic_xfer_free(nic_xlist_take(&s->status));
}
