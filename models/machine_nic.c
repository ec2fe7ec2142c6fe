/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_nic.c - a NIC of the machine: the host's rings and buffers for it, what comes from its
 * wire and goes there, the queue that guests share.
 */
#include "machine.h"

#include "datapath/csum.h"

enum { WHOLE_FRAME = 65550 }; /* bytes of the longest one, with lro or tso */

/* ---- the host's memory ---- */

/*
 * Machine memory that the host itself needs: an I/O address for it is its machine address. Where
 * there is none left the machine is not built; frame 0, which is nobody's, stands in until then.
 */
static hpa_t host_run(struct machine *m, struct plat_dma *dma, enum mem_owner owner,
		      uint32_t frames)
{
	hpa_t hpa = {0};

	if (mem_alloc_run(m->mem, owner, 0, frames, 1, &hpa) != MEM_OK)
		m->full = true;
	else if (dma->mode != IOMMU_OFF)
		iommu_map(dma->io, dma->domain, (iova_t){hpa.a}, hpa, frames * (uint64_t)PAGE_BYTES,
			  IOMMU_READ | IOMMU_WRITE);
	return hpa;
}

static hpa_t host_page(struct machine *m, struct plat_dma *dma)
{
	hpa_t hpa = {0};

	if (mem_alloc(m->mem, MEM_HYP, 0, &hpa) != MEM_OK)
		m->full = true;
	else if (dma->mode != IOMMU_OFF)
		iommu_map(dma->io, dma->domain, (iova_t){hpa.a}, hpa, PAGE_BYTES,
			  IOMMU_READ | IOMMU_WRITE);
	return hpa;
}

void machine_hbufs(struct machine *m, struct hbuf_pool *p, struct plat_dma *dma, uint32_t n,
		   uint32_t bytes)
{
	bool half = bytes <= PAGE_BYTES / 2; /* two to a page */
	hpa_t page = {0};

	*p = (struct hbuf_pool){.n = n, .per = half ? 1 : (bytes + PAGE_BYTES - 1) / PAGE_BYTES};
	p->bytes = half ? PAGE_BYTES / 2 : p->per * PAGE_BYTES;
	p->piece = machine_array(m, n * p->per, sizeof(*p->piece));
	p->dma = machine_array(m, n * p->per, sizeof(*p->dma));
	p->stack = machine_array(m, n, sizeof(*p->stack));
	p->lent = machine_array(m, n, sizeof(*p->lent));
	for (uint32_t i = 0; i < n * p->per; i++) {
		if (!half || !(i & 1))
			page = host_page(m, dma);
		else
			page.a += PAGE_BYTES / 2;
		p->piece[i] =
			(struct piece){mem_ptr(m->mem, page), half ? PAGE_BYTES / 2 : PAGE_BYTES};
		p->dma[i] = page.a;
	}
	for (uint32_t i = 0; i < n; i++)
		p->stack[p->top++] = n - 1 - i;
}

static struct nic_ring host_ring(struct machine *m, struct plat_dma *dma, uint32_t size)
{
	uint32_t pages = (size * NIC_DESC_BYTES + PAGE_BYTES - 1) / PAGE_BYTES;
	struct nic_ring r = {.size = size};
	hpa_t hpa = host_run(m, dma, MEM_HOST, pages);

	r.page = machine_array(m, pages, sizeof(*r.page));
	r.io = machine_array(m, pages, sizeof(*r.io));
	r.tag = machine_array(m, size, sizeof(*r.tag));
	for (uint32_t i = 0; i < pages; i++) {
		r.io[i] = hpa.a + (uint64_t)i * PAGE_BYTES;
		r.page[i] = mem_ptr(m->mem, (hpa_t){r.io[i]});
	}
	return r;
}

void machine_queue(struct machine *m, struct host_nic *hn, unsigned queue, struct plat_port *port)
{
	const struct nic_config *c = &hn->nic.cfg;
	struct nic_ring rx = host_ring(m, &hn->dma, c->rx_ring);
	struct nic_ring tx = host_ring(m, &hn->dma, c->tx_ring);

	nicdrv_init(&port->drv, &rx, machine_array(m, rx.size, sizeof(struct nicdrv_slot)), &tx,
		    machine_array(m, tx.size, sizeof(struct nicdrv_slot)), NULL);
	port->drv.any_order = c->tx_late_every;
	port->drv.tx_free_thresh = c->tx_free_thresh;
	port->dma = &hn->dma;
	port->dma_ops = &plat_dma_native;
	port->info.caps = (c->zero_copy ? PLAT_CAP_ZERO_COPY : 0) |
			  (c->tx_csum ? PLAT_CAP_TX_CSUM : 0) |
			  (c->rx_csum ? PLAT_CAP_RX_CSUM : 0) | (c->gather ? PLAT_CAP_GATHER : 0) |
			  (c->place ? PLAT_CAP_SPLIT : 0) | (queue ? PLAT_CAP_OWN_QUEUE : 0);
	port->info.max_segs = c->max_segs < c->tx_ring ? c->max_segs : c->tx_ring;
	nic_queue_bind(&hn->nic, queue, &rx, &tx, &port->drv);
	hn->nic.queue[queue].requester = machine_requester(hn);
}

/* ---- the wire ---- */

/* Gets the wire's broadcasts, and the record of them: one that the host serves, if there is one. */
static const struct guest *first_behind(const struct host_nic *hn)
{
	const struct machine *m = hn->m;
	unsigned i = 0;

	while (m->guest[i].nic != hn || (hn->hosted && m->guest[i].vf))
		i++;
	return &m->guest[i];
}

/* A frame from the wire: in whose book? */
static struct book *wire_book(void *ctx, const struct source *s, const struct tframe *t)
{
	const struct host_nic *hn = ctx;
	struct machine *m = hn->m;
	unsigned to = t->to == TRAFFIC_ALL ? first_behind(hn)->index : (unsigned)t->to;

	(void)s;
	if (t->at < m->warmup)
		return &m->warm;
	return &m->guest[to].rx;
}

struct frame *machine_peer(struct machine *m, struct frame *f, const struct guest *to,
			   struct book *book)
{
	struct frame *peer =
		world_frame(&m->world, f->first < m->warmup ? &m->warm : book, f->len, f->first);

	peer->num = f->num;
	peer->hash = f->hash;
	peer->traffic = f->traffic;
	peer->to = (int16_t)to->index;
	f->peer = peer;
	return peer;
}

/* A frame for everybody gets a record for each further guest behind the NIC. */
static void wire_made(void *ctx, struct frame *f)
{
	const struct host_nic *hn = ctx;
	struct machine *m = hn->m;
	struct frame *last = f;

	if (f->to != TRAFFIC_ALL)
		return;
	f->to = (int16_t)first_behind(hn)->index;
	for (unsigned i = 0; i < m->guests; i++) {
		struct guest *g = &m->guest[i];
		if (g->nic != hn || i == (unsigned)f->to)
			continue;
		last = machine_peer(m, last, g, &g->rx);
	}
}

static bool wire_peek(void *ctx, sim_time *at)
{
	struct host_nic *hn = ctx;
	sim_time now = evq_now(&hn->m->q);

	if (sender_peek(&hn->wire, now, at)) {
		if (__builtin_expect(!hn->wire_live || *at <= now, 1))
			return true;
		evq_rearm(&hn->m->q, &hn->wire_due, *at);
		return false;
	}
	if (!hn->wire.live && !hn->wire_done) {
		hn->wire_done = true;
		machine_sender_done(hn->m, &hn->wire);
	}
	return false;
}

static void wire_due_event(struct event *ev)
{
	nic_source_ready(
		&((struct host_nic *)((char *)ev - offsetof(struct host_nic, wire_due)))->nic);
}

void machine_wire_news(struct host_nic *hn)
{
	if (hn->m->tap) {
		tap_wire_news(hn);
		return;
	}
	evq_rearm(&hn->m->q, &hn->wire_due, evq_now(&hn->m->q));
}

static struct frame *wire_take(void *ctx)
{
	struct host_nic *hn = ctx;
	return sender_take(&hn->wire);
}

/* A checksum that was left blank must be there by now, and right. */
static void wire_csum(struct frame *f, const uint8_t *bytes)
{
	struct piece all = {(uint8_t *)(uintptr_t)bytes, f->len};
	uint32_t looked;

	if (csum_check(&all, f->len, &looked) != CSUM_GOOD && !f->overwritten)
		f->led->corrupt++;
}

/* A frame's last bit has left: the other end of the wire looks at it. */
static void wire_sink(void *ctx, struct frame *f, const uint8_t *bytes)
{
	struct host_nic *hn = ctx;
	struct machine *m = hn->m;
	struct guest *g = ((struct source *)f->source)->owner;

	if (f->to >= 0 && m->guest[f->to].gone) { /* no switch knew it any more */
		world_drop(&m->world, f, DROP_GUEST_GONE);
		return;
	}
	if (f->csum_at)
		wire_csum(f, bytes);
	endpoint_receive(&g->tx_end, f, bytes, f->len);
	world_deliver(&m->world, f);
}

/* ---- the shared queue ---- */

static void demux_run(struct worker *w)
{
	struct host_nic *hn =
		(struct host_nic *)((char *)w - offsetof(struct host_nic, demux_worker));

	softirq_begin(&hn->softirq, evq_now(&hn->m->q));
	demux_burst(&hn->demux);
}

static bool demux_done(struct worker *w)
{
	struct host_nic *hn =
		(struct host_nic *)((char *)w - offsetof(struct host_nic, demux_worker));
	bool more = demux_commit(&hn->demux);

	w->stays = softirq_goes_on(&hn->softirq, &hn->demux_pl, hn->demux.work, more);
	return more;
}

static void demux_news(void *ctx, bool interrupt)
{
	struct host_nic *hn = ctx;

	if (interrupt || hn->m->poll)
		cpu_wake(&hn->demux_worker, CPU_COST(HOST_IRQ));
}

/* Each takes a whole frame; with lro that is so many descriptors that the ring holds but few. */
static void shared_buffers(struct machine *m, struct host_nic *hn)
{
	const struct nic_config *c = &hn->nic.cfg;
	uint32_t bytes = c->lro ? WHOLE_FRAME : c->mtu + 18;
	uint32_t posted = c->lro ? c->rx_ring / (WHOLE_FRAME / PAGE_BYTES) : c->rx_ring;

	machine_hbufs(m, &hn->demux.pool, &hn->dma, posted + 1024, bytes);
}

void machine_shared(struct machine *m, struct host_nic *hn)
{
	struct cpu *core = machine_core(m);
	struct demux *d = &hn->demux;

	machine_queue(m, hn, 0, &hn->shared_port);
	hn->demux_pl = (struct plat){.clk = &core->clk, .mem = m->mem, .world = &m->world};
	*d = (struct demux){.pl = &hn->demux_pl,
			    .port = &hn->shared_port,
			    .targets = m->guests,
			    .max_frames = DPATH_BURST * hn->hosted,
			    .poll = m->poll};
	shared_buffers(m, hn);
	d->target = machine_array(m, m->guests, sizeof(*d->target));
	d->touched = machine_array(m, m->guests, sizeof(*d->touched));
	d->frame = machine_array(m, d->max_frames, sizeof(*d->frame));
	hn->softirq.budget = (uint32_t)cfg_u64(scenario_find(m->sc, "host"), "napi_budget");
	hn->softirq.time = cfg_time(scenario_find(m->sc, "host"), "napi_time");
	worker_init(&hn->demux_worker, core, demux_run, demux_done);
	plat_line_init(&hn->demux_line, &m->q, PLAT_W_N, machine_wake, &hn->demux_worker);
	hn->nic.queue[0].rx_notify = demux_news;
	hn->nic.queue[0].rx_ctx = hn;
	hn->has_shared = true;
}

/* ---- the NIC ---- */

static bool has_match(const struct scenario *sc)
{
	for (size_t i = 0; i < scenario_count(sc, "traffic"); i++)
		if (cfg_has(scenario_at(sc, "traffic", i), "match"))
			return true;
	return false;
}

bool machine_tables_full(struct machine *m, GError **error)
{
	return cfg_error(scenario_find(m->sc, "iommu"), "max_table_pages", error,
			 "does not even hold the host's own rings and buffers; use more");
}

/* Longest frames, and rings that take one in pieces. */
static bool check_rings(const struct nic_config *c, const struct cfg *cfg, GError **error)
{
	uint32_t frame = c->lro || c->tso ? WHOLE_FRAME : c->mtu + 18;
	uint32_t need = frame / PAGE_BYTES + 3;

	if (c->rx_ring >= need && c->tx_ring >= need)
		return true;
	return cfg_error(cfg, c->rx_ring < need ? "rx_ring" : "tx_ring", error,
			 "a frame of %uB can take %u descriptors; use %u or more", frame, need,
			 need > 32   ? 64
			 : need > 16 ? 32
			 : need > 8  ? 16
				     : 8);
}

/* Who is behind it, and are they not too many? */
static bool find_guests(struct machine *m, struct host_nic *hn, unsigned vfs, GError **error)
{
	for (size_t i = 0; i < m->guests; i++) {
		const struct cfg *ref = cfg_ref(scenario_at(m->sc, "guest", i), "nic");
		if (ref == hn->cfg || (!ref && hn == m->nic)) {
			m->guest[i].nic = hn;
			hn->guests++;
			hn->hosted += !m->guest[i].vf;
		}
	}
	if (hn->guests - hn->hosted > (vfs ? vfs : NIC_MAX_VFS))
		return cfg_error(
			hn->cfg, "vfs", error,
			"%u guests behind it have attach = vf; use as many (a NIC has at most "
			"%u), or put them behind several",
			hn->guests - hn->hosted, NIC_MAX_VFS);
	return hn - m->nic <= 62 ||
	       cfg_error(hn->cfg, NULL, error, "is one too many; at most 63 NICs");
}

bool machine_nic(struct machine *m, struct host_nic *hn, const struct cfg *cfg, GError **error)
{
	const struct cfg *io = scenario_find(m->sc, "iommu");
	struct nic_config c;

	nic_config_read(&c, cfg);
	hn->m = m;
	hn->cfg = cfg;
	if (!check_rings(&c, cfg, error) || !find_guests(m, hn, c.vfs, error))
		return false;
	hn->rx_queues = c.queues;
	c.queues = hn->guests + 1; /* each guest has one to send by */
	nic_init(&hn->nic, cfg_name(cfg), &m->q, &m->world, m->iommu,
		 cfg_choice(io, "mode") != IOMMU_OFF, &c, m->traffics, m->guests);
	machine_cache_nic(m, hn);
	if (!bus_build(m, hn, error))
		return false;
	switch_join(m, hn);
	hn->domain = iommu_domain_new(m->iommu);
	if (!hn->domain)
		return machine_tables_full(m, error);
	iommu_attach(m->iommu, machine_requester(hn), hn->domain);
	plat_dma_init(&hn->dma, &m->q, m->mem, m->iommu, hn->domain,
		      (enum iommu_mode)cfg_choice(io, "mode"),
		      hn->hosted * (c.rx_ring + c.tx_ring) + 64 + machine_flush_pages(m),
		      cfg_time(io, "flush_timeout"));
	machine_dma_ready(m, &hn->dma, cfg_name(cfg));
	sender_init(&hn->wire, &m->world, m->traffics);
	hn->wire.book = wire_book;
	hn->wire.made = wire_made;
	hn->wire.ctx = hn;
	hn->nic.source = (struct nic_source){.peek = wire_peek, .take = wire_take, .ctx = hn};
	event_init(&hn->wire_due, wire_due_event);
	hn->nic.sink = wire_sink;
	hn->nic.sink_ctx = hn;
	if (m->tap)
		tap_nic(hn);
	else if (hn->hosted &&
		 (hn->hosted >= hn->rx_queues || (hn->hosted > 1 && has_match(m->sc))))
		machine_shared(m, hn);
	return true;
}
