/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_bus.c - transfers, pages, registers and interrupts on the bus: see nic_bus.h. */
#include "nic_bus_impl.h"

#include <glib.h>

/* ---- transfers: kept for reuse, as many as were ever under way ---- */

#define BLOCK 64u

static void more_xfers(struct nic_bus *b)
{
	size_t pages = b->pieces * sizeof(struct nic_xpiece), each = sizeof(struct nic_xfer);
	uint8_t *block = g_malloc0(BLOCK * (each + pages));

	g_ptr_array_add(b->memory, block);
	for (unsigned i = 0; i < BLOCK; i++) {
		struct nic_xfer *x = (struct nic_xfer *)(void *)(block + i * each);
		x->x.piece = (struct nic_xpiece *)(void *)(block + BLOCK * each + i * pages);
		x->x.room = b->pieces;
		x->next = b->free;
		b->free = x;
	}
}

struct nic_xfer *nic_xfer_new(struct nic_queue *q, void (*done)(struct pcie_op *op))
{
	struct nic_bus *b = q->nic->bus;
	struct nic_xfer *x;

	if (!b->free)
		more_xfers(b);
	x = b->free;
	b->free = x->next;
	x->op.done = done;
	x->op.loose = true; /* sending and receiving are engines of their own */
	x->next = x->about = NULL;
	x->q = q;
	x->life = q->life;
	x->arrived = x->send = x->refused = false;
	x->ring = NIC_NO_RING;
	x->d.queue = NULL;
	x->x.n = x->x.used = 0;
	x->x.fault = false;
	x->x.ready = 0;
	return x;
}

bool nic_bus_init(struct nic *n, const struct pcie_config *config, unsigned functions)
{
	struct pcie *p = pcie_new(n->q, config, functions);

	if (!p)
		return false;
	n->bus = g_new0(struct nic_bus, 1);
	n->bus->pcie = p;
	n->bus->memory = g_ptr_array_new_with_free_func(g_free);
	n->bus->pieces = (uint16_t)(2 * (n->pkt_bytes / 2048 + 2));
	for (unsigned i = 0; i < n->cfg.queues; i++)
		n->queue[i].port = g_new0(struct nic_port, 1);
	pcie_set_host(p, nic_bus_host, n);
	return true;
}

void nic_bus_fini(struct nic *n)
{
	if (!n->bus)
		return;
	for (unsigned i = 0; i < n->cfg.queues; i++)
		g_free(n->queue[i].port);
	pcie_free(n->bus->pcie);
	g_ptr_array_unref(n->bus->memory);
	g_free(n->bus);
	n->bus = NULL;
}

/* ---- pages ---- */

/* Whose a page is: one that was given away is not the one that was looked up. */
static uint32_t whose(const struct nic *n, hpa_t hpa)
{
	const struct mem_frame *f = mem_frame(n->mem, hpa);

	return f->id << 3 | f->owner;
}

static bool look_up(struct nic *n, struct nic_queue *q, uint64_t iova, uint32_t len,
		    unsigned access)
{
	struct nic_xlate *x = n->xlate;
	struct iommu_hit hit;

	for (; len && x->n < x->room; len -= (uint32_t)hit.len) {
		enum iommu_status s = iommu_translate(n->iommu, q->requester, (iova_t){iova}, len,
						      access, evq_now(n->q), &hit);
		sim_time ready = x->at + iommu_wait(n->iommu, &hit, x->at);

		if (s == IOMMU_OK && n->llc)
			ready += llc_dma(n->llc, n->node, hit.hpa, (uint32_t)hit.len,
					 access == IOMMU_WRITE);
		if (ready > x->ready)
			x->ready = ready;
		x->fault = s != IOMMU_OK;
		if (x->fault)
			return false;
		x->piece[x->n++] =
			(struct nic_xpiece){hit.hpa, (uint32_t)hit.len, whose(n, hit.hpa)};
		iova += hit.len;
	}
	return true;
}

bool nic_dma_move_known(struct nic *n, struct nic_queue *q, struct frame *f, uint64_t iova,
			uint8_t *p, uint32_t len, unsigned access)
{
	struct nic_xlate *x = n->xlate;
	struct iommu_hit hit = {.hit = true};

	if (x->looking)
		return look_up(n, q, iova, len, access);
	for (; len && x->used < x->n; len -= (uint32_t)hit.len) {
		const struct nic_xpiece *k = &x->piece[x->used++];

		hit.hpa = k->hpa;
		hit.len = k->len;
		if (whose(n, k->hpa) != k->whose || !nic_dma_piece(n, f, &hit, p, access))
			return false;
		p += hit.len;
		iova += hit.len;
	}
	if (!len || x->fault)
		return !len;
	n->xlate = NULL; /* more pieces than there is room for: looked up now */
	return nic_dma_move(n, q, f, iova, p, len, access);
}

sim_time nic_bus_host(void *ctx, struct pcie_op *op, uint32_t from, uint32_t len, sim_time at)
{
	struct nic *n = ctx;
	struct nic_xfer *x = nic_xfer_of(op);

	(void)len;
	if (x->life != x->q->life || !(n->protects || n->llc))
		return 0;
	if (!from)
		x->x.at = x->x.ready = at;
	if (!from && x->d.queue) {
		x->x.looking = true;
		n->xlate = &x->x;
		if (x->send)
			nic_tx_move(n, &x->d, n->tx_bytes);
		else
			nic_rx_move(n, &x->d);
		n->xlate = NULL;
		x->x.looking = false;
	}
	if (!from && x->ring)
		nic_bus_look_ring(n, x);
	return x->x.ready > at ? x->x.ready - at : 0;
}

/* ---- registers ---- */

/* A tail that the driver wrote is there. Beyond the ring, or behind what was read, it is none. */
static bool take_tail(struct nic_queue *q, struct nic_side *s, uint32_t size, uint32_t done,
		      uint32_t tail)
{
	if (tail - s->asked > size - (s->asked - done)) {
		nic_bad(q);
		return false;
	}
	s->tail = tail;
	return true;
}

static void bell_done(struct pcie_op *op)
{
	struct nic_xfer *x = nic_xfer_of(op);
	struct nic_queue *q = x->q;
	bool alive = x->life == q->life && !q->stopped;

	nic_xfer_free(x);
	if (!alive)
		return;
	if (x->send) {
		if (take_tail(q, &q->port->tx, q->tx.size, q->tx_done, x->at))
			nic_bus_tx_more(q);
	} else if (take_tail(q, &q->port->rx, q->rx.size, q->rx_done, x->at)) {
		nic_bus_rx_more(q);
		nic_bus_rx_wake(q);
	}
}

static void bell(struct nic_queue *q, bool send)
{
	struct nic_side *s = send ? &q->port->tx : &q->port->rx;
	uint32_t bells = send ? q->regs.tx_bells : q->regs.rx_bells, n = bells - s->bells;
	struct nic_xfer *x;

	if (q->stopped)
		return;
	x = nic_xfer_new(q, bell_done);
	x->send = send;
	x->at = send ? q->regs.tx_tail : q->regs.rx_tail;
	s->bells = bells;
	/* What a driver says of how often it rang is not believed beyond reason. */
	n = n > 0 && n <= 1024 ? n : 1;
	pcie_submit_run(q->nic->bus->pcie, nic_function(q), &x->op, PCIE_MMIO_WRITE, PCIE_REGISTER,
			n);
}

void nic_bus_rx_bell(struct plat_line *line)
{
	bell(line->ctx, false);
}

void nic_bus_tx_bell(struct plat_line *line)
{
	bell(line->ctx, true);
}

static void free_done(struct pcie_op *op)
{
	nic_xfer_free(nic_xfer_of(op));
}

/* The driver's CPU has waited for it already (plat_reg_read); here are the bytes. */
static void head_event(struct plat_line *line)
{
	struct nic_side *s = (struct nic_side *)((char *)line - offsetof(struct nic_side, head));
	struct nic_queue *q = line->ctx;
	uint32_t n = line->value - s->heads;

	s->heads = line->value;
	if (n)
		pcie_submit_run(q->nic->bus->pcie, nic_function(q), &nic_xfer_new(q, free_done)->op,
				PCIE_MMIO_READ, PCIE_REGISTER, n);
}

static sim_time head_time(struct plat_line *line, sim_time at, uint32_t n)
{
	const struct nic_queue *q = line->ctx;

	return pcie_register_time(q->nic->bus->pcie, at, n);
}

static void side_init(struct nic_queue *q, struct nic_side *s, struct nicdrv_half *h,
		      const struct nic_use *use, void (*flush)(struct event *ev))
{
	*s = (struct nic_side){0};
	event_init(&s->flush, flush);
	plat_line_init(&s->head, q->nic->q, PLAT_W_N, head_event, q);
	s->head.read = head_time;
	h->tail_every = use->tail_every;
	h->head_every = use->head_every;
	h->head = use->head_every ? &s->head : NULL;
}

void nic_bus_bind(struct nic_queue *q, struct nicdrv *drv)
{
	const struct nic_config *c = &q->nic->cfg;

	side_init(q, &q->port->rx, &drv->rx, &c->rx_use, nic_bus_rx_flush_event);
	side_init(q, &q->port->tx, &drv->tx, &c->tx_use, nic_bus_tx_flush_event);
	plat_line_init(&q->rx_bell, q->nic->q, PLAT_W_N, nic_bus_rx_bell, q);
	plat_line_init(&q->tx_bell, q->nic->q, PLAT_W_N, nic_bus_tx_bell, q);
	drv->rx.bell = &q->rx_bell;
}

void nic_bus_begin(struct nic_queue *q)
{
	if (take_tail(q, &q->port->rx, q->rx.size, q->rx_done, q->regs.rx_tail))
		nic_bus_rx_more(q);
}

void nic_bus_stop(struct nic_queue *q)
{
	struct nic_side *side[] = {&q->port->rx, &q->port->tx};

	nic_bus_rx_stop(q);
	nic_bus_tx_stop(q);
	for (unsigned i = 0; i < 2; i++) {
		evq_cancel(q->nic->q, &side[i]->flush);
		evq_cancel(q->nic->q, &side[i]->head.ev);
		side[i]->fetch = side[i]->data = side[i]->status = (struct nic_xlist){0};
	}
}

/* ---- descriptors ---- */

void nic_bus_fetch(struct nic_queue *q, struct nic_side *s, const struct nic_use *use,
		   uint32_t head, uint32_t size, bool wanted, void (*done)(struct pcie_op *op))
{
	struct nic_bus *b = q->nic->bus;

	while (s->asked != s->tail && !s->halted) {
		uint32_t ahead = s->asked - head, n = s->tail - s->asked;
		uint32_t to_end = size - (s->asked & (size - 1)), most = use->fetch;
		bool now = !ahead || (wanted && s->asked == s->have);
		struct nic_xfer *x;

		if (!now && ahead >= use->prefetch)
			return;
		if (most == 1) /* a run of reads of one each */
			most = ahead + NIC_RUN <= use->prefetch ? NIC_RUN : use->prefetch - ahead;
		if (most > use->prefetch || !most)
			most = use->fetch;
		if (!now && n < (use->fetch > 1 ? use->fetch : 1))
			return; /* a full one later, or what there is once it is wanted */
		if (!now && use->fetch == 1 && n >= NIC_RUN && most < NIC_RUN)
			return;
		n = n < most ? n : most;
		n = n < to_end ? n : to_end;
		x = nic_xfer_new(q, done);
		x->ring = NIC_FETCH;
		x->send = s == &q->port->tx;
		x->at = s->asked;
		x->n = n;
		nic_xlist_add(&s->fetch, x);
		s->asked += n;
		q->desc_bytes += n * NIC_DESC_BYTES;
		if (use->fetch == 1)
			pcie_submit_run(b->pcie, nic_function(q), &x->op, PCIE_READ, NIC_DESC_BYTES,
					n);
		else
			pcie_submit(b->pcie, nic_function(q), &x->op, PCIE_READ,
				    n * NIC_DESC_BYTES);
	}
}

/* ---- interrupts ---- */

static void msi_done(struct pcie_op *op)
{
	struct nic_xfer *x = nic_xfer_of(op);
	struct nic_queue *q = x->q;
	bool alive = x->life == q->life && !q->stopped;

	nic_xfer_free(x);
	if (!alive)
		return;
	if (x->send && q->tx_notify)
		q->tx_notify(q->tx_ctx, true);
	else if (!x->send && q->rx_notify)
		q->rx_notify(q->rx_ctx, true);
}

void nic_bus_msi(struct nic_queue *q, bool send)
{
	struct nic_xfer *x = nic_xfer_new(q, msi_done);

	x->send = send;
	pcie_submit(q->nic->bus->pcie, nic_function(q), &x->op, PCIE_MSI, PCIE_MSI_BYTES);
}
