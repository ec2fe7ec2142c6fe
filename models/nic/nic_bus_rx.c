/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_bus_rx.c - receive over the bus: see nic_bus.h. */
#include "nic_bus_impl.h"

/* ---- descriptors ---- */

uint32_t nic_bus_claim(struct nic_queue *q, uint32_t len)
{
	uint32_t at = q->rx_head, have = q->port->rx.have;
	bool more = true;

	for (; len || more; at++) {
		const struct nic_rx_read *r = &q->rx_copy[at & (q->rx.size - 1)];

		if (at == have)
			return 0;
		len -= len < r->len ? len : r->len;
		more = r->flags & NIC_RX_MORE;
	}
	return at - q->rx_head;
}

bool nic_bus_coming(const struct nic_queue *q)
{
	return q->port->rx.have != q->port->rx.tail && !q->port->rx.halted;
}

static void fetched(struct pcie_op *op)
{
	struct nic_xfer *x = nic_xfer_of(op);
	struct nic_queue *q = x->q;

	if (!nic_bus_fetched(x, &q->port->rx, &q->rx, q->rx_copy))
		return;
	nic_bus_rx_wake(q);
}

void nic_bus_rx_more(struct nic_queue *q)
{
	if (q->port->rx.asked != q->port->rx.tail)
		nic_bus_fetch(q, &q->port->rx, &q->nic->cfg.rx_use, q->rx_head, q->rx.size,
			      q->waiting || q->wait_first, fetched);
}

/* ---- into memory ---- */

/* The data is at the host. */
static void data_there(struct nic_xfer *x)
{
	struct nic *n = x->q->nic;
	struct nic_dma *d = &x->d;

	d->moved = false;
	if (x->life == x->q->life) {
		n->xlate = &x->x;
		d->moved = nic_rx_move(n, d);
		n->xlate = NULL;
	}
	if (d->held)
		n->rx_held -= d->len;
	if (d->pkt)
		nic_pkt_put(n, d->pkt);
}

/* Its status, too; or it was refused. A frame that the driver cannot be told of is lost. */
static void status_there(struct nic_xfer *x, bool refused)
{
	struct nic_queue *q = x->q;
	struct frame *f = x->d.frame;

	if (refused && x->life == q->life) {
		if (f)
			nic_rx_drop(q, f, DROP_DMA_FAULT);
		x->d.frame = NULL;
		nic_xlist_add(&q->port->rx.held, x);
		return;
	}
	if (f)
		nic_rx_status(q->nic, &x->d);
	else if (x->life == q->life)
		nic_rx_lost(&x->d);
	nic_xfer_free(x);
}

/* A write of status is there: news for the driver. */
static void told(struct nic_queue *q)
{
	q->port->rx.under_way--;
	nic_irq_seen(q, false);
}

static void both_done(struct pcie_op *op)
{
	struct nic_xfer *x = nic_xfer_of(op);
	struct nic_queue *q = x->q;
	bool alive = x->life == q->life;

	data_there(x);
	status_there(x, x->refused);
	if (alive && x->refused)
		nic_bus_refused(q, x);
	if (alive)
		told(q);
}

static void status_done(struct pcie_op *op)
{
	struct nic_xfer *x = nic_xfer_of(op), *next;
	struct nic_queue *q = x->q;
	bool alive = x->life == q->life;

	for (struct nic_xfer *f = x->about; f; f = next) {
		next = f->next;
		status_there(f, x->refused);
	}
	if (alive && x->refused)
		nic_bus_refused(q, x);
	nic_xfer_free(x);
	if (alive)
		told(q);
}

/* Writes the status of all frames whose data is on its way. */
static struct nic_xfer *flush(struct nic_queue *q)
{
	struct nic_side *s = &q->port->rx;
	struct nic_xfer *x = nic_xfer_new(q, status_done);
	uint32_t frames = 0;

	x->ring = NIC_STATUS;
	x->about = s->status.first;
	for (struct nic_xfer *f = x->about; f; f = f->next)
		frames++;
	evq_cancel(q->nic->q, &s->flush);
	s->status = (struct nic_xlist){0};
	s->under_way++;
	q->desc_bytes += s->status_n * NIC_DESC_BYTES;
	pcie_submit(q->nic->bus->pcie, nic_function(q), &x->op, PCIE_WRITE,
		    s->status_n * NIC_DESC_BYTES);
	s->status_n = 0;
	nic_irq_posted(q, false, frames);
	return x;
}

void nic_bus_rx_flush_event(struct event *ev)
{
	const struct nic_side *s =
		(struct nic_side *)((char *)ev - offsetof(struct nic_side, flush));

	flush(s->head.ctx);
}

void nic_bus_rx_again(struct nic_queue *q)
{
	nic_bus_unhold(&q->port->rx);
	if (q->port->rx.status.first)
		flush(q);
}

static void data_done(struct pcie_op *op)
{
	struct nic_xfer *x = nic_xfer_of(op);
	struct nic_queue *q = x->q;
	struct nic_side *s = &q->port->rx;
	bool alive = x->life == q->life;

	data_there(x); /* it stays on the list of those whose status is due */
	if (!alive)
		return;
	s->under_way--;
	if (!s->under_way && s->status.first && !q->nic->cfg.writeback_delay)
		flush(q);
}

/* Its descriptors are taken: data, and status behind it. */
static void begin(struct nic_queue *q, struct nic_xfer *x, uint32_t ndesc)
{
	const struct nic_config *c = &q->nic->cfg;
	struct nic_side *s = &q->port->rx;
	struct pcie *p = q->nic->bus->pcie;

	x->d.desc = q->rx_head;
	x->d.ndesc = ndesc;
	if (__builtin_expect(q->split != NULL, 0))
		nic_split_judge(q, &x->d);
	q->rx_head += ndesc;
	s->under_way++;
	if (ndesc >= c->rx_use.writeback && !s->status.first) {
		x->op.done = both_done;
		x->ring = NIC_OWN_STATUS;
		q->desc_bytes += ndesc * NIC_DESC_BYTES;
		pcie_submit_writes(p, nic_function(q), &x->op, x->d.len, ndesc * NIC_DESC_BYTES);
		nic_irq_posted(q, false, 1);
		return;
	}
	x->op.done = data_done;
	pcie_submit(p, nic_function(q), &x->op, PCIE_WRITE, x->d.len);
	nic_xlist_add(&s->status, x);
	s->status_n += ndesc;
	if (s->status_n >= c->rx_use.writeback)
		flush(q);
	else if (c->writeback_delay && !event_pending(&s->flush))
		evq_schedule(q->nic->q, &s->flush, evq_now(q->nic->q) + c->writeback_delay);
}

/* ---- from the filters ---- */

/* Why there is no descriptor, and none will come. */
static enum drop_reason none(const struct nic_queue *q)
{
	return q->port->rx.halted ? DROP_DMA_FAULT : nic_rx_empty(q);
}

static void lost(struct nic_queue *q, struct nic_xfer *x, enum drop_reason why)
{
	struct nic *n = q->nic;

	if (x->d.held)
		n->rx_held -= x->d.len;
	if (x->d.pkt)
		nic_pkt_put(n, x->d.pkt);
	nic_rx_drop(q, x->d.frame, why);
	nic_xfer_free(x);
}

void nic_bus_rx_wake(struct nic_queue *q)
{
	struct nic_side *s = &q->port->rx;

	while (s->data.first) {
		struct nic_xfer *x = s->data.first;
		uint32_t ndesc = nic_bus_claim(q, x->d.len);

		if (!ndesc && nic_bus_coming(q))
			break;
		nic_xlist_take(&s->data);
		q->waiting--;
		if (ndesc)
			begin(q, x, ndesc);
		else
			lost(q, x, none(q));
	}
	nic_bus_rx_more(q);
	if (q->wait_first)
		nic_peer_bell(&q->rx_bell);
}

void nic_bus_deliver(struct nic_queue *q, struct frame *f, uint32_t target, struct nic_way way,
		     bool held)
{
	struct nic_side *s = &q->port->rx;
	uint32_t ndesc = s->data.first ? 0 : nic_bus_claim(q, f->len);
	struct nic_xfer *x;

	if (!ndesc && !nic_bus_coming(q)) {
		nic_rx_drop(q, f, none(q));
		return;
	}
	if (held)
		q->nic->rx_held += f->len;
	if (way.pkt)
		way.pkt->refs++;
	x = nic_xfer_new(q, NULL);
	x->d = (struct nic_dma){.frame = f,
				.queue = q,
				.len = f->len,
				.target = target,
				.held = held,
				.bytes = way.bytes,
				.pkt = way.pkt,
				.life = q->life};
	if (ndesc) {
		begin(q, x, ndesc);
	} else {
		nic_xlist_add(&s->data, x);
		q->waiting++;
	}
	nic_bus_rx_more(q);
}

/* ---- mediated ---- */

static void peer_data_done(struct pcie_op *op)
{
	struct nic_xfer *x = nic_xfer_of(op);
	struct nic_job *job = x->d.job;

	nic_xfer_free(x);
	nic_peer_dma(job);
}

void nic_bus_peer_data(struct nic_job *job)
{
	struct nic_xfer *x = nic_xfer_new(job->from, peer_data_done);

	x->d.job = job;
	pcie_submit(job->from->nic->bus->pcie, nic_function(job->from), &x->op, PCIE_WRITE,
		    job->pkt->len);
}

static void peer_status_done(struct pcie_op *op)
{
	struct nic_xfer *x = nic_xfer_of(op);
	struct nic_job *job = x->d.job;
	struct nic_queue *q = x->q;
	bool alive = x->life == q->life;

	if (alive && x->refused) { /* the frame is lost, its descriptors wait */
		x->d = (struct nic_dma){
			.queue = q, .desc = x->at, .ndesc = x->n, .len = job->pkt->len};
		x->d.target = job->target;
		nic_job_drop(job, DROP_DMA_FAULT);
		status_there(x, true);
		nic_bus_refused(q, x);
	} else {
		nic_xfer_free(x);
		nic_peer_told(job);
	}
	if (alive)
		told(q);
}

void nic_bus_peer_status(struct nic_job *job)
{
	struct nic_queue *q = job->to;
	struct nic_xfer *x = nic_xfer_new(q, peer_status_done);

	x->d.job = job;
	x->ring = NIC_STATUS;
	x->at = job->desc;
	x->n = job->ndesc;
	q->port->rx.under_way++;
	q->desc_bytes += job->ndesc * NIC_DESC_BYTES;
	pcie_submit(q->nic->bus->pcie, nic_function(q), &x->op, PCIE_WRITE,
		    job->ndesc * NIC_DESC_BYTES);
	nic_irq_posted(q, false, 1);
}

/* ---- the end ---- */

/* What waits for descriptors is lost; what has its data under way ends when that has come. */
void nic_bus_rx_stop(struct nic_queue *q)
{
	struct nic_side *s = &q->port->rx;

	while (s->data.first)
		lost(q, nic_xlist_take(&s->data), DROP_GUEST_GONE);
	q->waiting = 0;
	nic_bus_unhold(s);
	if (s->status.first)
		flush(q)->life--; /* of the life that has just ended */
}
