/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic.c - set-up, filters, receive and transmit engines: see nic.h. */
#include "nic.h"

#include <glib.h>

#include "frame.h"

/* Time that `bytes` take on the bus. */
static sim_time bus_ps(const struct nic *n, uint64_t bytes)
{
	return bytes * n->bus_byte_as / 1000000;
}

/* ---- the wire ----------------------------------------------------------------------------------
 */

static uint64_t one_slot(uint32_t len)
{
	return (len > NIC_MIN_FRAME ? len : NIC_MIN_FRAME) + NIC_WIRE_BYTES;
}

uint64_t nic_slot_bytes(const struct frame *f)
{
	uint32_t full = f->slots - 1u, rest;

	if (!full)
		return one_slot(f->len);
	rest = f->len - f->wire_header - full * f->wire_mss;
	return full * one_slot(f->wire_header + f->wire_mss) + one_slot(f->wire_header + rest);
}

sim_time nic_wire_slot(struct nic_wire *w, sim_time start, uint64_t bytes)
{
	uint64_t num;
	sim_time ps;

	if (start > w->free || !w->frames) {
		w->free = start > w->free ? start : w->free;
		w->carry = 0;
	}
	num = bytes * 8 * SIM_S + w->carry;
	ps = num / w->rate_bps;
	w->carry = num % w->rate_bps;
	w->free += ps;
	w->busy_ps += ps;
	w->frames++;
	w->bytes += bytes;
	return w->free;
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Bytes of Ethernet header, VLAN tags included; *type is what follows. */
static uint32_t ether_header(const uint8_t *b, uint32_t len, uint16_t *type)
{
	uint32_t at = 12;

	*type = be16(b + at);
	while ((*type == 0x8100 || *type == 0x88a8) && at + 6 <= len) {
		at += 4;
		*type = be16(b + at);
	}
	return at + 2;
}

void nic_segment(struct frame *f, const uint8_t *bytes, uint32_t mtu)
{
	uint16_t type;
	uint32_t at, end, header = 0;

	if (f->len < 34)
		return;
	at = ether_header(bytes, f->len, &type);
	if (f->len <= at + mtu)
		return;
	end = at + mtu;
	if (type == 0x0800 && at + 20 <= f->len) {
		uint32_t ip = (bytes[at] & 15u) * 4u;
		uint8_t proto = bytes[at + 9];
		at += ip;
		header = at + 20 > f->len ? 0
			 : proto == 6     ? at + (bytes[at + 12] >> 4) * 4u
			 : proto == 17    ? at + 8
					  : 0;
	} else if (type == 0x86dd && at + 60 <= f->len) {
		uint8_t proto = bytes[at + 6];
		at += 40;
		header = proto == 6 ? at + (bytes[at + 12] >> 4) * 4u : proto == 17 ? at + 8 : 0;
	}
	if (!header || header >= end || header >= f->len) /* headers unknown: cut Ethernet only */
		header = ether_header(bytes, f->len, &type);
	f->wire_header = (uint16_t)header;
	f->wire_mss = (uint16_t)(end - header);
	f->slots = (uint16_t)((f->len - header + f->wire_mss - 1) / f->wire_mss);
}

static bool oversize(const struct nic *n, const uint8_t *bytes, uint32_t len)
{
	uint16_t type;

	if (len <= n->cfg.mtu + 14)
		return false;
	return len > ether_header(bytes, len, &type) + n->cfg.mtu;
}

/* ---- filters
 * -------------------------------------------------------------------------------------- */

static uint64_t mac48(const uint8_t *m)
{
	return (uint64_t)m[0] << 40 | (uint64_t)m[1] << 32 | (uint64_t)m[2] << 24 |
	       (uint64_t)m[3] << 16 | (uint64_t)m[4] << 8 | m[5];
}

static uint32_t mac_slot(const struct nic *n, uint64_t key)
{
	return (uint32_t)((key * 0x9e3779b97f4a7c15u) >> 40) & n->mac_mask;
}

void nic_rule(struct nic *n, unsigned traffic)
{
	n->rule[traffic] = true;
}

void nic_guest(struct nic *n, unsigned guest, const uint8_t mac[6], unsigned queue)
{
	uint64_t key = mac48(mac);
	uint32_t i = mac_slot(n, key);

	while (n->mac_key[i] != UINT64_MAX && n->mac_key[i] != key)
		i = (i + 1) & n->mac_mask;
	n->mac_key[i] = key;
	n->mac_guest[i] = guest;
	n->guest_queue[guest] = (uint16_t)queue;
}

void nic_all(struct nic *n, unsigned queue)
{
	n->all_queue = (uint16_t)queue;
}

uint32_t nic_filter(const struct nic *n, const struct frame *f)
{
	uint64_t key;

	if (n->rule[f->traffic])
		return f->peer ? NIC_ALL : (uint32_t)f->to;
	if (f->len < 6)
		return NIC_NOBODY;
	if (f->bytes[0] & 1)
		return NIC_ALL;
	key = mac48(f->bytes);
	for (uint32_t i = mac_slot(n, key); n->mac_key[i] != UINT64_MAX; i = (i + 1) & n->mac_mask)
		if (n->mac_key[i] == key)
			return n->mac_guest[i];
	return NIC_NOBODY;
}

static struct nic_queue *rx_queue(const struct nic *n, uint32_t target)
{
	return &n->queue[target == NIC_ALL      ? n->all_queue
			 : target == NIC_NOBODY ? 0
						: n->guest_queue[target]];
}

/* ---- transfers on the bus
 * ------------------------------------------------------------------------- */

static void fifo_init(struct nic_fifo *x)
{
	*x = (struct nic_fifo){.mask = 63};
	x->ring = g_new(struct nic_dma, x->mask + 1);
}

static struct nic_dma *fifo_first(struct nic_fifo *x)
{
	return x->head == x->tail ? NULL : &x->ring[x->head & x->mask];
}

/* The next place, to be filled in: a struct by value would be stored twice. */
static struct nic_dma *fifo_add(struct nic_fifo *x)
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

/*
 * Move n bytes between p and I/O address `iova`, page by page as the IOMMU says. False on a fault:
 * nothing from there on is moved.
 */
static bool dma_move(struct nic *n, struct nic_queue *q, struct frame *f, uint64_t iova, uint8_t *p,
		     uint32_t len, unsigned access)
{
	sim_time now = evq_now(n->q);
	struct iommu_hit hit;

	while (len) {
		if (iommu_translate(n->iommu, q->requester, (iova_t){iova}, len, access, now,
				    &hit) != IOMMU_OK)
			return false;
		/* A page in the IOTLB was looked at when it came there. */
		if ((!hit.hit || hit.stale || n->look_always) && !is_buffer(n, hit.hpa)) {
			mem_violation(n->mem, now, n->name, "DMA to memory that is no buffer",
				      hit.hpa);
			return false;
		}
		if (access == IOMMU_WRITE) {
			memcpy(mem_ptr(n->mem, hit.hpa), p, hit.len);
			mem_note_write(n->mem, hit.hpa, hit.len, now);
		} else {
			if (!mem_note_read(n->mem, hit.hpa, hit.len, now))
				mem_violation(n->mem, now, n->name,
					      "DMA reads bytes of a later time", hit.hpa);
			memcpy(p, mem_ptr(n->mem, hit.hpa), hit.len);
		}
		f->led->dma_segments++;
		p += hit.len;
		iova += hit.len;
		len -= (uint32_t)hit.len;
	}
	return true;
}

/* ---- interrupts
 * ------------------------------------------------------------------------------------ */

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

static void notify_rx(struct nic_queue *q)
{
	notify(q, &q->regs.rx_irq, &q->rx_itr, &q->rx_itr_until, q->rx_notify, q->rx_ctx);
}

static void notify_tx(struct nic_queue *q)
{
	notify(q, &q->regs.tx_irq, &q->tx_itr, &q->tx_itr_until, q->tx_notify, q->tx_ctx);
}

static void rx_itr_event(struct event *ev)
{
	notify_rx((struct nic_queue *)((char *)ev - offsetof(struct nic_queue, rx_itr)));
}

static void tx_itr_event(struct event *ev)
{
	notify_tx((struct nic_queue *)((char *)ev - offsetof(struct nic_queue, tx_itr)));
}

/* ---- receive
 * ------------------------------------------------------------------------------------------ */

/* The frame on the wire next. */
static void rx_next(struct nic *n)
{
	struct frame *f;
	sim_time at, start;

	if (!n->source.peek || !n->source.peek(n->source.ctx, &at))
		return;
	f = n->source.take(n->source.ctx);
	if (n->cfg.lro)
		nic_segment(f, f->bytes, n->cfg.mtu);
	start = at > n->rx_wire.free ? at : n->rx_wire.free;
	frame_stamp(f, STAGE_WIRE_WAIT, start);
	n->arriving = f;
	evq_schedule(n->q, &n->rx_end, nic_wire_slot(&n->rx_wire, start, nic_slot_bytes(f)));
}

/*
 * Descriptors for a frame: whole buffers, as many as hold it. 0 if there are too few; nothing is
 * taken then.
 */
static uint32_t rx_claim(struct nic_queue *q, uint32_t len)
{
	uint32_t at = q->rx_head;
	bool more = true;

	for (; len || more; at++) {
		const struct nic_rx_read *r;
		if (at == q->regs.rx_tail)
			return 0;
		r = nic_ring_desc(&q->rx, at);
		len -= len < r->len ? len : r->len;
		more = r->flags & NIC_RX_MORE;
	}
	return at - q->rx_head;
}

static void rx_drop(struct nic *n, struct frame *f, enum drop_reason why)
{
	n->rx_dropped++;
	world_drop(n->world, f, why);
}

static void receive(struct nic *n, struct frame *f)
{
	uint32_t target = nic_filter(n, f);
	struct nic_queue *q = rx_queue(n, target);
	sim_time now = evq_now(n->q), start;
	uint32_t ndesc, filled = q->rx_done - q->regs.rx_taken;
	struct nic_dma *dma;

	n->rx_frames++;
	q->seen++;
	q->seen_filled += filled;
	if (filled > q->seen_max)
		q->seen_max = filled;
	if (!n->cfg.lro && oversize(n, f->bytes, f->len)) {
		rx_drop(n, f, DROP_OVERSIZE);
		return;
	}
	if (n->rx_held + f->len > n->cfg.rx_buffer) {
		rx_drop(n, f, DROP_NIC_FIFO_FULL);
		return;
	}
	ndesc = rx_claim(q, f->len);
	if (!ndesc) {
		/* Full if the driver could post no more; else there is nothing to post. */
		bool full = q->regs.rx_tail - q->regs.rx_taken + 4 > q->rx.size;
		rx_drop(n, f, full ? DROP_NIC_RING_FULL : DROP_NO_DESCRIPTOR);
		return;
	}
	n->rx_held += f->len;
	start = now > n->rx_bus_free ? now : n->rx_bus_free;
	n->rx_bus_free = start + bus_ps(n, f->len + (uint64_t)ndesc * NIC_DESC_BYTES);
	n->rx_bus_busy += n->rx_bus_free - start;
	dma = fifo_add(&n->rx_dma);
	dma->frame = f;
	dma->queue = q;
	dma->done = n->rx_bus_free + n->cfg.dma_write;
	dma->desc = q->rx_head;
	dma->ndesc = ndesc;
	dma->target = target;
	q->rx_head += ndesc;
	if (!event_pending(&n->rx_dma_done))
		evq_schedule(n->q, &n->rx_dma_done, n->rx_bus_free + n->cfg.dma_write);
}

static void rx_end_event(struct event *ev)
{
	struct nic *n = (struct nic *)((char *)ev - offsetof(struct nic, rx_end));
	struct frame *f = n->arriving;

	frame_stamp(f, STAGE_WIRE, evq_now(n->q));
	receive(n, f);
	rx_next(n);
}

/* Bytes into the posted buffers, then status over the descriptors. False: refused by the IOMMU. */
static bool rx_write(struct nic *n, const struct nic_dma *d)
{
	struct nic_queue *q = d->queue;
	uint8_t *from = (uint8_t *)(uintptr_t)d->frame->bytes;
	uint32_t left = d->frame->len;
	bool ok = true;

	for (uint32_t i = 0; i < d->ndesc; i++) {
		struct nic_rx_read *r = nic_ring_desc(&q->rx, d->desc + i);
		struct nic_rx_done done = {.filter = d->target, .status = NIC_RX_DD};
		uint32_t part = left < r->len ? left : r->len;

		if (part && ok)
			ok = dma_move(n, q, d->frame, r->addr, from, part, IOMMU_WRITE);
		from += part;
		left -= part;
		done.len = (uint16_t)part;
		if (part && !left)
			done.status |= NIC_RX_EOP;
		if (!ok)
			done.status |= NIC_RX_ERROR;
		*nic_ring_tag(&q->rx, d->desc + i) = ok ? d->frame : NULL;
		memcpy(r, &done, sizeof(done));
	}
	return ok;
}

static void rx_dma_event(struct event *ev)
{
	struct nic *n = (struct nic *)((char *)ev - offsetof(struct nic, rx_dma_done));
	struct nic_dma d = *fifo_first(&n->rx_dma), *next;
	struct ledger *led = d.frame->led;

	n->rx_dma.head++;
	n->rx_held -= d.frame->len;
	d.queue->desc_bytes += 2ull * d.ndesc * NIC_DESC_BYTES;
	if (rx_write(n, &d)) {
		led->dma_transfers++;
		led->dma_bytes += d.frame->len;
		frame_stamp(d.frame, STAGE_NIC, evq_now(n->q));
		world_release(n->world, d.frame);
	} else {
		rx_drop(n, d.frame, DROP_DMA_FAULT);
	}
	d.queue->rx_done += d.ndesc;
	next = fifo_first(&n->rx_dma);
	if (next)
		evq_schedule(n->q, &n->rx_dma_done, next->done);
	notify_rx(d.queue);
}

/* ---- transmit
 * --------------------------------------------------------------------------------------------- */

/* The next frame of a queue: descriptors up to the end of packet; 0 if it is not all there. */
static uint32_t tx_peek(const struct nic_queue *q, uint32_t *len)
{
	*len = 0;
	for (uint32_t at = q->tx_head; at != q->regs.tx_tail; at++) {
		const struct nic_tx_desc *t = nic_ring_desc(&q->tx, at);
		*len += NIC_TX_LEN(t->cmd_type_len);
		if (t->cmd_type_len & NIC_TX_EOP)
			return at + 1 - q->tx_head;
	}
	return 0;
}

/* To the end of the list of queues with frames to fetch. */
static void tx_enlist(struct nic_queue *q)
{
	struct nic *n = q->nic;

	if (q->tx_active)
		return;
	q->tx_active = true;
	q->tx_next = NULL;
	if (n->tx_last)
		n->tx_last->tx_next = q;
	else
		n->tx_first = q;
	n->tx_last = q;
}

/* Fetch frames, a queue after the other, as long as the send buffer has room. */
static void tx_pump(struct nic *n)
{
	while (n->tx_first) {
		struct nic_queue *q = n->tx_first;
		uint32_t len, ndesc = tx_peek(q, &len);
		struct nic_dma *dma;
		sim_time start;

		if (ndesc && n->tx_held + len > n->cfg.tx_buffer && n->tx_held)
			return; /* goes on when a frame has left */
		n->tx_first = q->tx_next;
		if (!n->tx_first)
			n->tx_last = NULL;
		q->tx_active = false;
		if (!ndesc)
			continue;
		start = evq_now(n->q) > n->tx_bus_free ? evq_now(n->q) : n->tx_bus_free;
		n->tx_bus_free = start + bus_ps(n, len + (uint64_t)ndesc * NIC_DESC_BYTES);
		n->tx_bus_busy += n->tx_bus_free - start;
		n->tx_held += len;
		dma = fifo_add(&n->tx_dma);
		dma->frame = *nic_ring_tag(&q->tx, q->tx_head);
		dma->queue = q;
		dma->done = n->tx_bus_free + n->cfg.dma_read;
		dma->desc = q->tx_head;
		dma->ndesc = ndesc;
		q->tx_head += ndesc;
		if (!event_pending(&n->tx_dma_done))
			evq_schedule(n->q, &n->tx_dma_done, n->tx_bus_free + n->cfg.dma_read);
		if (q->tx_head != q->regs.tx_tail)
			tx_enlist(q);
	}
}

static void tx_bell(struct plat_line *line)
{
	struct nic_queue *q = line->ctx;

	tx_enlist(q);
	tx_pump(q->nic);
}

/* Where a frame of len bytes lies in the send buffer: in one piece. */
static uint8_t *tx_slot(struct nic *n, uint32_t *at, uint32_t len)
{
	uint32_t size = 2 * n->cfg.tx_buffer + 131072;
	uint8_t *p;

	if (*at + len > size)
		*at = 0;
	p = n->tx_bytes + *at;
	*at += len;
	return p;
}

static void tx_wire_next(struct nic *n)
{
	struct frame *f = n->tx_wait;
	sim_time now = evq_now(n->q);

	if (!f || n->leaving)
		return;
	n->tx_wait = f->next;
	n->leaving = f;
	frame_stamp(f, STAGE_WIRE_WAIT, now);
	evq_schedule(n->q, &n->tx_end, nic_wire_slot(&n->tx_wire, now, nic_slot_bytes(f)));
}

static void tx_end_event(struct event *ev)
{
	struct nic *n = (struct nic *)((char *)ev - offsetof(struct nic, tx_end));
	struct frame *f = n->leaving;

	n->leaving = NULL;
	n->tx_held -= f->len;
	n->tx_frames++;
	frame_stamp(f, STAGE_WIRE, evq_now(n->q));
	n->sink(n->sink_ctx, f, tx_slot(n, &n->tx_get, f->len));
	tx_wire_next(n);
	tx_pump(n);
}

/* Gathers the frame; false: refused by the IOMMU. */
static bool tx_read(struct nic *n, const struct nic_dma *d, uint8_t *to)
{
	struct nic_queue *q = d->queue;

	for (uint32_t i = 0; i < d->ndesc; i++) {
		const struct nic_tx_desc *t = nic_ring_desc(&q->tx, d->desc + i);
		uint32_t len = NIC_TX_LEN(t->cmd_type_len);
		if (!dma_move(n, q, d->frame, t->addr, to, len, IOMMU_READ))
			return false;
		to += len;
	}
	return true;
}

static void tx_write_back(struct nic_dma *d)
{
	struct nic_tx_desc *last = nic_ring_desc(&d->queue->tx, d->desc + d->ndesc - 1);

	last->olinfo_status |= NIC_TX_DD | (d->failed ? NIC_TX_ERROR : 0);
	notify_tx(d->queue);
}

static void tx_late_event(struct event *ev)
{
	struct nic *n = (struct nic *)((char *)ev - offsetof(struct nic, tx_late_done));
	struct nic_dma *next;

	tx_write_back(fifo_first(&n->tx_late));
	n->tx_late.head++;
	next = fifo_first(&n->tx_late);
	if (next)
		evq_schedule(n->q, &n->tx_late_done, next->done);
}

/* The NIC has read the frame, or was refused. */
static void tx_complete(struct nic *n, struct nic_dma *d)
{
	const struct nic_config *c = &n->cfg;

	n->tx_fetched++;
	if (c->tx_error_every && n->tx_fetched % c->tx_error_every == 0)
		d->failed = true;
	if (!c->tx_late_every || n->tx_fetched % c->tx_late_every) {
		tx_write_back(d);
		return;
	}
	d->done = evq_now(n->q) + c->tx_late;
	*fifo_add(&n->tx_late) = *d;
	if (!event_pending(&n->tx_late_done))
		evq_schedule(n->q, &n->tx_late_done, d->done);
}

static void tx_dma_event(struct event *ev)
{
	struct nic *n = (struct nic *)((char *)ev - offsetof(struct nic, tx_dma_done));
	struct nic_dma d = *fifo_first(&n->tx_dma), *next;
	struct frame *f = d.frame;
	uint32_t put = n->tx_put;
	uint8_t *to = tx_slot(n, &put, f->len);

	n->tx_dma.head++;
	d.failed = false;
	d.queue->desc_bytes += 2ull * d.ndesc * NIC_DESC_BYTES;
	if (!tx_read(n, &d, to)) {
		n->tx_held -= f->len;
		d.failed = true;
		world_drop(n->world, f, DROP_DMA_FAULT);
	} else if (!n->cfg.tso && oversize(n, to, f->len)) {
		n->tx_held -= f->len;
		world_drop(n->world, f, DROP_OVERSIZE);
	} else {
		n->tx_put = put;
		f->led->dma_transfers++;
		f->led->dma_bytes += f->len;
		if (n->cfg.tso)
			nic_segment(f, to, n->cfg.mtu);
		frame_stamp(f, STAGE_NIC, evq_now(n->q));
		f->next = NULL;
		if (n->tx_wait)
			n->tx_wait_last->next = f;
		else
			n->tx_wait = f;
		n->tx_wait_last = f;
	}
	next = fifo_first(&n->tx_dma);
	if (next)
		evq_schedule(n->q, &n->tx_dma_done, next->done);
	tx_complete(n, &d);
	tx_wire_next(n);
	tx_pump(n);
}

/* ---- set-up
 * --------------------------------------------------------------------------------------------------
 */

void nic_init(struct nic *n, const char *name, struct evq *q, struct world *world,
	      struct iommu *iommu, bool protects, const struct nic_config *cfg, unsigned traffics,
	      unsigned guests)
{
	uint32_t slots = 16;

	*n = (struct nic){.q = q,
			  .world = world,
			  .iommu = iommu,
			  .mem = world->mem,
			  .cfg = *cfg,
			  .look_always = !protects || world->mem->shadow,
			  .bus_byte_as =
				  (uint64_t)((unsigned __int128)8 * SIM_S * 1000000 / cfg->bus_bps),
			  .rx_wire = {.rate_bps = cfg->link_bps},
			  .tx_wire = {.rate_bps = cfg->link_bps}};
	g_strlcpy(n->name, name, sizeof(n->name));
	while (slots < 2 * guests)
		slots *= 2;
	n->rule = g_new0(bool, traffics + 1);
	n->guest_queue = g_new0(uint16_t, guests + 1);
	n->mac_mask = slots - 1;
	n->mac_key = g_new(uint64_t, slots);
	memset(n->mac_key, 0xff, slots * sizeof(*n->mac_key));
	n->mac_guest = g_new0(uint32_t, slots);
	n->queue = g_new0(struct nic_queue, cfg->queues);
	n->tx_bytes = g_malloc(2 * (size_t)cfg->tx_buffer + 131072);
	fifo_init(&n->rx_dma);
	fifo_init(&n->tx_dma);
	fifo_init(&n->tx_late);
	event_init(&n->rx_end, rx_end_event);
	event_init(&n->rx_dma_done, rx_dma_event);
	event_init(&n->tx_dma_done, tx_dma_event);
	event_init(&n->tx_late_done, tx_late_event);
	event_init(&n->tx_end, tx_end_event);
}

void nic_fini(struct nic *n)
{
	g_free(n->rule);
	g_free(n->mac_key);
	g_free(n->mac_guest);
	g_free(n->guest_queue);
	g_free(n->queue);
	g_free(n->tx_bytes);
	g_free(n->rx_dma.ring);
	g_free(n->tx_dma.ring);
	g_free(n->tx_late.ring);
}

void nic_queue_bind(struct nic *n, unsigned queue, const struct nic_ring *rx,
		    const struct nic_ring *tx, struct nicdrv *drv)
{
	struct nic_queue *q = &n->queue[queue];

	q->nic = n;
	q->rx = *rx;
	q->tx = *tx;
	drv->regs = &q->regs;
	drv->tx.bell = &q->tx_bell;
	event_init(&q->rx_itr, rx_itr_event);
	event_init(&q->tx_itr, tx_itr_event);
	plat_line_init(&q->tx_bell, n->q, PLAT_W_N, tx_bell, q);
}

void nic_start(struct nic *n)
{
	rx_next(n);
}

const struct key_decl nic_keys[] = {
	{"link", KEY_RATE, .def = "10Gbit/s", .min = 1000000, .max = 1600000000000u,
	 .help = "rate of the wire, each direction"},
	{"queues", KEY_COUNT, .def = "64", .min = 1, .max = 4096,
	 .help = "queue pairs; 0 is the host's, each guest gets one while they last"},
	{"rx_ring", KEY_COUNT, .def = "512", .min = 8, .max = 32768,
	 .help = "receive descriptors of a queue, a power of two"},
	{"tx_ring", KEY_COUNT, .def = "512", .min = 8, .max = 32768,
	 .help = "send descriptors of a queue, a power of two"},
	{"mtu", KEY_BYTES, .def = "1500B", .min = 68, .max = 65535,
	 .help = "longest frame without its Ethernet header; longer ones are dropped as oversize"},
	{"tso", KEY_BOOL, .def = "false", .help = "segment longer frames when sending"},
	{"lro", KEY_BOOL, .def = "false", .help = "receive what was segmented as one frame"},
	{"gather", KEY_BOOL, .def = "true", .help = "can send from more than one segment"},
	{"max_segments", KEY_COUNT, .def = "40", .min = 1, .max = 64,
	 .help = "segments of one sent frame; 82599: 40"},
	{"zero_copy", KEY_BOOL, .def = "true", .help = "can be pointed at guest memory"},
	{"moderation", KEY_TIME, .def = "0s", .max = 1000000000000u,
	 .help = "least time between two interrupts of a queue"},
	{"rx_buffer", KEY_BYTES, .def = "512KiB", .min = 65536, .max = 1u << 30,
	 .help = "packet buffer towards the host; 82599: 512 KiB"},
	{"tx_buffer", KEY_BYTES, .def = "160KiB", .min = 65536, .max = 1u << 30,
	 .help = "packet buffer towards the wire; 82599: 160 KiB"},
	{"bus_rate", KEY_RATE, .def = "52.9Gbit/s", .min = 1000000, .max = 16000000000000u,
	 .help = "DMA, each direction; PCIe gen3 x8, MPS 256, large writes (SIGCOMM 2018)"},
	{"dma_write", KEY_TIME, .def = "300ns", .max = 1000000000u,
	 .help = "from the end of a write's transfer until it is in memory; rule of thumb"},
	{"dma_read", KEY_TIME, .def = "543.4ns", .max = 1000000000u,
	 .help = "latency of a read; NFP-6000 on Broadwell (SIGCOMM 2018)"},
	{"zero_copy_off_at", KEY_TIME, .max = SIM_MAX,
	 .help = "when zero_copy is switched off in mid-run; default: never"},
	{"zero_copy_on_at", KEY_TIME, .max = SIM_MAX,
	 .help = "when it is switched on; default: never"},
	{"tx_late_every", KEY_COUNT, .def = "0", .max = 1000000000,
	 .help = "each so many sends are reported done tx_late too late, out of order; 0: none"},
	{"tx_late", KEY_TIME, .def = "100us", .max = SIM_S,
	 .help = "how much later; the frame itself is not late"},
	{"tx_error_every", KEY_COUNT, .def = "0", .max = 1000000000,
	 .help = "each so many sends are reported failed, though the frame goes out; 0: none"},
	{0},
};

void nic_config_read(struct nic_config *c, const struct cfg *cfg)
{
	*c = (struct nic_config){
		.link_bps = cfg_rate(cfg, "link"),
		.bus_bps = cfg_rate(cfg, "bus_rate"),
		.dma_write = cfg_time(cfg, "dma_write"),
		.dma_read = cfg_time(cfg, "dma_read"),
		.moderation = cfg_time(cfg, "moderation"),
		.rx_ring = (uint32_t)cfg_u64(cfg, "rx_ring"),
		.tx_ring = (uint32_t)cfg_u64(cfg, "tx_ring"),
		.mtu = (uint32_t)cfg_u64(cfg, "mtu"),
		.queues = (uint32_t)cfg_u64(cfg, "queues"),
		.rx_buffer = (uint32_t)cfg_u64(cfg, "rx_buffer"),
		.tx_buffer = (uint32_t)cfg_u64(cfg, "tx_buffer"),
		.tso = cfg_bool(cfg, "tso"),
		.lro = cfg_bool(cfg, "lro"),
		.gather = cfg_bool(cfg, "gather"),
		.zero_copy = cfg_bool(cfg, "zero_copy"),
		.max_segs = (uint32_t)cfg_u64(cfg, "max_segments"),
		.tx_late_every = (uint32_t)cfg_u64(cfg, "tx_late_every"),
		.tx_late = cfg_time(cfg, "tx_late"),
		.tx_error_every = (uint32_t)cfg_u64(cfg, "tx_error_every"),
	};
}
