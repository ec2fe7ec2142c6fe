/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine.c - a machine from a scenario, and its run: see machine.h. */
#include "machine.h"

#include <string.h>

#include "../sim/sim_error.h"
#include "datapath/csum.h"
#include "options.h"

/* ---- memory of the models
 * ------------------------------------------------------------------------ */

void *machine_array(struct machine *m, size_t n, size_t size)
{
	void *p = g_malloc0_n(n ? n : 1, size);
	g_ptr_array_add(m->arrays, p);
	return p;
}

struct cpu *machine_core(struct machine *m)
{
	return &m->core[m->next_core++ % m->cores];
}

void machine_wake(struct plat_line *line)
{
	cpu_wake(line->ctx, CPU_COST(WAKE));
}

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

/* ---- NICs
 * -------------------------------------------------------------------------------------------- */

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

	if (sender_peek(&hn->wire, evq_now(&hn->m->q), at))
		return true;
	machine_sender_done(hn->m, &hn->wire);
	return false;
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
	machine_hbufs(m, &d->pool, &hn->dma, hn->nic.cfg.rx_ring + 1024, hn->nic.cfg.mtu + 18);
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

static bool has_match(const struct scenario *sc)
{
	for (size_t i = 0; i < scenario_count(sc, "traffic"); i++)
		if (cfg_has(scenario_at(sc, "traffic", i), "match"))
			return true;
	return false;
}

static bool tables_full(struct machine *m, GError **error)
{
	return cfg_error(scenario_find(m->sc, "iommu"), "max_table_pages", error,
			 "does not even hold the host's own rings and buffers; use more");
}

static bool build_nic(struct machine *m, struct host_nic *hn, const struct cfg *cfg, GError **error)
{
	const struct cfg *io = scenario_find(m->sc, "iommu");
	struct nic_config c;
	uint32_t frame, need;

	nic_config_read(&c, cfg);
	hn->m = m;
	hn->cfg = cfg;
	frame = c.lro || c.tso ? 65550 : c.mtu + 18;
	need = frame / PAGE_BYTES + 3;
	if (c.rx_ring < need || c.tx_ring < need)
		return cfg_error(cfg, c.rx_ring < need ? "rx_ring" : "tx_ring", error,
				 "a frame of %uB can take %u descriptors; use %u or more", frame,
				 need,
				 need > 32   ? 64
				 : need > 16 ? 32
				 : need > 8  ? 16
					     : 8);
	for (size_t i = 0; i < m->guests; i++) {
		const struct cfg *ref = cfg_ref(scenario_at(m->sc, "guest", i), "nic");
		if (ref == cfg || (!ref && hn == m->nic)) {
			m->guest[i].nic = hn;
			hn->guests++;
			hn->hosted += !m->guest[i].vf;
		}
	}
	if (hn->guests - hn->hosted > (c.vfs ? c.vfs : NIC_MAX_VFS))
		return cfg_error(
			cfg, "vfs", error,
			"%u guests behind it have attach = vf; use as many (a NIC has at most "
			"%u), or put them behind several",
			hn->guests - hn->hosted, NIC_MAX_VFS);
	if (hn - m->nic > 62)
		return cfg_error(cfg, NULL, error, "is one too many; at most 63 NICs");
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
		return tables_full(m, error);
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
	hn->nic.source = (struct nic_source){wire_peek, wire_take, hn};
	hn->nic.sink = wire_sink;
	hn->nic.sink_ctx = hn;
	if (hn->hosted && (hn->hosted >= hn->rx_queues || (hn->hosted > 1 && has_match(m->sc))))
		machine_shared(m, hn);
	return true;
}

/* ---- traffic
 * ------------------------------------------------------------------------------------------- */

static bool traffic_failed(const struct cfg *c, GError *from, GError **error)
{
	int code = from->code == TRAFFIC_ERROR_CONFIG || from->code == TRAFFIC_ERROR_FILTER
			   ? SIM_EXIT_USAGE
			   : SIM_EXIT_INPUT;
	const char *key = cfg_has(c, "trace") ? "trace" : NULL;

	if (from->code == TRAFFIC_ERROR_FILTER)
		key = "filter";
	cfg_error(c, key, error, "%s", from->message);
	if (error && *error)
		(*error)->code = code;
	g_error_free(from);
	return false;
}

/* The NIC by whose wire a traffic comes: all its receivers must be behind one. */
static struct host_nic *wire_of(struct machine *m, const struct cfg *c, const struct traffic_cfg *t,
				GError **error)
{
	struct host_nic *hn = NULL;

	for (unsigned i = 0; i < m->guests; i++) {
		bool receives = t->match;
		for (uint32_t k = 0; k < t->to.n; k++)
			receives |= t->to.end[k] == (int)i;
		if (!receives)
			continue;
		if (hn && hn != m->guest[i].nic) {
			cfg_error(
				c, "to", error,
				"its receivers are behind different NICs; make it one [traffic] a "
				"NIC");
			return NULL;
		}
		hn = m->guest[i].nic;
	}
	return hn;
}

static void add_sender(struct machine *m, struct sender *s, int end, unsigned traffic,
		       const struct traffic_cfg *t, const struct cfg *c)
{
	struct traffic *tr = m->traffic[traffic];

	if (traffic_sends(tr, end))
		sender_add(s, traffic_cursor(tr, end), (uint16_t)traffic, traffic_until(tr),
			   t->timing == TRAFFIC_BACK_TO_BACK, cfg_choice(c, "when_full") == 1);
}

static bool build_traffic(struct machine *m, unsigned i, GError **error)
{
	const struct cfg *c = scenario_at(m->sc, "traffic", i);
	g_autofree int *ends = NULL;
	struct traffic_cfg t;
	struct host_nic *hn = NULL;
	GError *failed = NULL;

	if (!options_traffic(m->sc, c, m->endpoint, m->guests, &t, &ends, error))
		return false;
	m->traffic[i] = traffic_open(&t, &failed);
	if (!m->traffic[i])
		return traffic_failed(c, failed, error);
	if (!local_check(m, c, &t, error))
		return false;
	local_traffic(m, &t, traffic_info(m->traffic[i]));
	if (traffic_sends(m->traffic[i], TRAFFIC_WIRE)) {
		hn = wire_of(m, c, &t, error);
		if (!hn)
			return false;
		if (t.match != TRAFFIC_MATCH_MAC)
			nic_rule(&hn->nic, i);
		add_sender(m, &hn->wire, TRAFFIC_WIRE, i, &t, c);
	}
	for (unsigned g = 0; g < m->guests; g++)
		add_sender(m, &m->guest[g].sender, (int)g, i, &t, c);
	if (t.trace)
		m->offered_total += traffic_info(m->traffic[i])->offered * (t.loop ? t.loop : 1);
	else
		m->offered_total += t.packets;
	return true;
}

/* ---- the window of time metrics
 * --------------------------------------------------------------------------- */

static void cpu_count(struct cpu_counts *c, const struct cpu *cpu, sim_time now, bool stop)
{
	struct cpu_count *n = stop ? &c->at_stop : &c->at_start;

	n->busy_ps = cpu_busy_ps(cpu, now);
	n->steal_ps = cpu_steal_ps(cpu, now);
	memcpy(n->work_ps, cpu->clk.busy, sizeof(cpu->clk.busy));
}

static void nic_count(const struct host_nic *hn, struct nic_counts *c)
{
	*c = (struct nic_counts){.rx_wire = hn->nic.rx_wire.busy_ps,
				 .tx_wire = hn->nic.tx_wire.busy_ps,
				 .rx_bus = hn->nic.rx_bus_busy,
				 .tx_bus = hn->nic.tx_bus_busy};
	for (unsigned i = 0; i < hn->nic.cfg.queues; i++)
		c->interrupts += hn->nic.queue[i].interrupts;
	bus_count(hn, c);
}

static void snapshot(struct machine *m, bool stop)
{
	sim_time now = evq_now(&m->q);

	for (unsigned i = 0; i < m->cores; i++)
		cpu_count(&m->core_counts[i], &m->core[i], now, stop);
	for (unsigned i = 0; i < m->guests; i++) {
		struct guest *g = &m->guest[i];
		guest_counts(g, stop ? &g->at_stop : &g->at_start);
		for (unsigned v = 0; v < g->vcpus; v++)
			cpu_count(&g->vcpu_counts[v], &g->vcpu[v], now, stop);
	}
	if (m->lock)
		*(stop ? &m->lock_at_stop : &m->lock_at_start) = (uint64_t)m->lock->held;
	*(stop ? &m->walkers_at_stop : &m->walkers_at_start) =
		walkers_busy(iommu_walkers(m->iommu), now);
	for (unsigned i = 0; i < m->nics; i++)
		nic_count(&m->nic[i], stop ? &m->nic[i].at_stop : &m->nic[i].at_start);
	dma_snapshot(m, stop);
}

static void warm_event(struct event *ev)
{
	struct machine *m = (struct machine *)((char *)ev - offsetof(struct machine, warm_event));

	m->window_start = evq_now(&m->q);
	snapshot(m, false);
}

static void stop_event(struct event *ev)
{
	struct machine *m = (struct machine *)((char *)ev - offsetof(struct machine, stop_event));

	m->window_stop = evq_now(&m->q);
	m->stopped = true;
	snapshot(m, true);
	evq_schedule(&m->q, &m->deadline, m->window_stop + m->drain);
}

static void deadline_event(struct event *ev)
{
	((struct machine *)((char *)ev - offsetof(struct machine, deadline)))->deadline_passed =
		true;
}

static void limit_event(struct event *ev)
{
	((struct machine *)((char *)ev - offsetof(struct machine, limit)))->limit_passed = true;
}

void machine_source_done(struct machine *m, sim_time stopped)
{
	sim_time now = evq_now(&m->q);

	if (stopped > m->window_stop)
		m->window_stop = stopped;
	if (--m->senders_left)
		return;
	evq_schedule(&m->q, &m->stop_event, m->window_stop > now ? m->window_stop : now);
}

void machine_sender_done(struct machine *m, const struct sender *s)
{
	machine_source_done(m, s->stop);
}

/* ---- life
 * -----------------------------------------------------------------------------------------------------
 */

/* Of the host's buffers for one guest behind the NIC, with their pages in the IOMMU's tables. */
static uint64_t buffers_needed(const struct machine *m, const struct cfg *nic)
{
	uint64_t frame =
		cfg_bool(nic, "lro") || cfg_bool(nic, "tso") ? 65550 : cfg_u64(nic, "mtu") + 18;
	uint64_t n = cfg_u64(nic, "rx_ring") + cfg_u64(nic, "tx_ring") + 2048 +
		     2 * cfg_u64(scenario_find(m->sc, "host"), "vmm_queue");

	return n * ((frame + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES + 64);
}

/* Address space: what is not touched costs nothing. */
static uint64_t memory_needed(const struct machine *m)
{
	static const uint64_t page[] = {PT_4K, PT_2M, PT_1G};
	uint64_t bytes = 256ull << 20, buffers = 0;

	bytes += dma_memory(m->sc, page[cfg_choice(scenario_find(m->sc, "iommu"), "page_size")]);
	for (unsigned i = 0; i < m->nics; i++)
		buffers = MAX(buffers, buffers_needed(m, scenario_at(m->sc, "nic", i)));
	for (size_t i = 0; i < m->guests; i++)
		bytes += 2 * cfg_u64(scenario_at(m->sc, "guest", i), "memory") + (32ull << 20) +
			 buffers;
	return (bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

static bool build_host(struct machine *m, GError **error)
{
	const struct cfg *host = scenario_find(m->sc, "host");
	const struct cfg *sce = scenario_find(m->sc, "scenario");
	uint64_t bytes = cfg_u64(host, "memory");

	m->mem = mem_new(bytes ? bytes : memory_needed(m), cfg_bool(host, "scatter"),
			 cfg_u64(sce, "seed"));
	if (!m->mem)
		return cfg_error(host, "memory", error,
				 "this much address space cannot be reserved here; use less memory "
				 "or fewer guests");
	if (!machine_cores(m, error) || !machine_cache(m, error))
		return false;
	if (cfg_bool(sce, "checked") && !mem_check_enable(m->mem))
		return cfg_error(sce, "checked", error, "no address space for it");
	world_init(&m->world, &m->q, m->mem);
	m->world.release = sender_release;
	cost_init(&m->cost, scenario_find(m->sc, "cost"), cfg_u64(host, "clock"));
	if (!machine_iommu(m, error))
		return false;
	m->reclaim_every = cfg_time(host, "reclaim_every");
	m->offload = cfg_choice(host, "offload") == 1;
	m->together = cfg_choice(host, "workers") == 1;
	for (unsigned i = 0; i < m->cores; i++)
		machine_cache_cpu(m, &m->core[i], machine_core_node(m, i, m->cores), i);
	return true;
}

/* Addresses of the guests; two must not share one. */
static bool build_addresses(struct machine *m, GError **error)
{
	m->endpoint = machine_array(m, m->guests, sizeof(*m->endpoint));
	for (unsigned i = 0; i < m->guests; i++) {
		struct guest *g = &m->guest[i];
		uint8_t mac[6] = {0x52, 0x54, 0, 0, (uint8_t)((i + 1) >> 8), (uint8_t)(i + 1)};
		g->m = m;
		g->index = i;
		g->cfg = scenario_at(m->sc, "guest", i);
		g->vf = cfg_choice(g->cfg, "attach") == 1;
		if (cfg_has(g->cfg, "mac"))
			options_mac(cfg_str(g->cfg, "mac"), mac);
		if (cfg_has(g->cfg, "ip"))
			options_ip(cfg_str(g->cfg, "ip"), g->ip);
		memcpy(g->mac, mac, 6);
		m->endpoint[i].name = cfg_name(g->cfg);
		memcpy(m->endpoint[i].mac, mac, 6);
		memcpy(m->endpoint[i].ip, g->ip, 4);
		for (unsigned k = 0; k < i; k++)
			if (!memcmp(m->guest[k].mac, mac, 6))
				return cfg_error(g->cfg, "mac", error,
						 "%s has this address already",
						 cfg_name(m->guest[k].cfg));
	}
	return true;
}

/* The machine cannot be built; if for want of memory, then that is what to say. */
static bool host_full(struct machine *m, GError **error)
{
	if (!m->full && m->mem->frames.used + 1 < m->mem->frames.n)
		return false;
	g_clear_error(error);
	return cfg_error(scenario_find(m->sc, "host"), "memory", error,
			 "is too little for rings and buffers; use more, 0 (enough for the "
			 "guests), or shorter rings");
}

static bool build(struct machine *m, GError **error)
{
	const struct cfg *sce = scenario_find(m->sc, "scenario");

	m->warmup = cfg_time(sce, "warmup");
	m->drain = cfg_time(sce, "drain");
	m->max_time = cfg_has(sce, "max_time") ? cfg_time(sce, "max_time") : SIM_NEVER;
	m->guest = machine_array(m, m->guests, sizeof(*m->guest));
	m->nic = machine_array(m, m->nics, sizeof(*m->nic));
	m->traffic = machine_array(m, m->traffics, sizeof(*m->traffic));
	if (!build_host(m, error) || !build_addresses(m, error))
		return false;
	for (unsigned i = 0; i < m->guests; i++)
		guest_sender(m, &m->guest[i]);
	for (unsigned i = 0; i < m->nics; i++)
		if (!build_nic(m, &m->nic[i], scenario_at(m->sc, "nic", i), error))
			return false;
	for (unsigned i = 0; i < m->traffics; i++)
		if (!build_traffic(m, i, error))
			return false;
	local_build(m);
	for (unsigned i = 0; i < m->guests; i++)
		if (!guest_build(&m->guest[i], error))
			return host_full(m, error);
	if (!dma_build(m, error))
		return false;
	if (m->full)
		return host_full(m, error);
	return !iommu_stats(m->iommu)->maps_failed || tables_full(m, error);
}

struct machine *machine_new(const struct scenario *sc, GError **error)
{
	struct machine *m = g_new0(struct machine, 1);

	m->sc = sc;
	m->arrays = g_ptr_array_new_with_free_func(g_free);
	evq_init(&m->q);
	book_init(&m->warm);
	for (unsigned d = 0; d < DIRECTIONS; d++)
		stages_init(&m->stages[d]);
	event_init(&m->warm_event, warm_event);
	event_init(&m->stop_event, stop_event);
	event_init(&m->deadline, deadline_event);
	event_init(&m->limit, limit_event);
	m->guests = (unsigned)scenario_count(sc, "guest");
	m->nics = (unsigned)scenario_count(sc, "nic");
	m->traffics = (unsigned)scenario_count(sc, "traffic");
	if (options_check(sc, error) && build(m, error))
		return m;
	machine_free(m);
	return NULL;
}

static void start(struct machine *m)
{
	m->senders_left = m->nics + m->guests + m->dmas;
	if (m->warmup)
		evq_schedule(&m->q, &m->warm_event, m->warmup);
	if (m->max_time != SIM_NEVER)
		evq_schedule(&m->q, &m->limit, m->max_time);
	for (unsigned i = 0; i < m->guests; i++)
		guest_start(&m->guest[i]);
	for (unsigned i = 0; i < m->nics; i++) {
		if (m->nic[i].has_shared) {
			demux_burst(&m->nic[i].demux);
			demux_commit(&m->nic[i].demux);
			cpu_reset(m->nic[i].demux_worker.cpu);
		}
		machine_capability(&m->nic[i]);
		nic_start(&m->nic[i].nic);
	}
	dma_start(m);
}

static bool misdirected(const struct sender *s, const struct machine *m, GError **error)
{
	if (!s->misdirected)
		return false;
	cfg_error(
		scenario_at(m->sc, "traffic", s->misdirected->traffic), "match", error,
		"frame %" G_GUINT64_FORMAT " goes between guests behind different NICs, and no "
		"wire joins these, or between virtual functions by no MAC address of theirs, "
		"which is all that a NIC's switch knows; put them behind one NIC, use match = mac, "
		"or filter such frames",
		s->misdirected_num);
	return true;
}

static bool source_error(struct machine *m, GError **error)
{
	for (unsigned i = 0; i < m->nics + m->guests; i++) {
		const struct sender *s =
			i < m->nics ? &m->nic[i].wire : &m->guest[i - m->nics].sender;
		if (misdirected(s, m, error))
			return true;
		for (uint32_t k = 0; k < s->sources; k++) {
			const GError *e = cursor_error(s->source[k].cursor);
			if (e) {
				traffic_failed(scenario_at(m->sc, "traffic", s->source[k].traffic),
					       g_error_copy(e), error);
				return true;
			}
		}
	}
	return false;
}

bool machine_run(struct machine *m, struct run_ctl *ctl, GError **error)
{
	uint64_t steps = 0;

	start(m);
	while (!m->deadline_passed && !m->limit_passed) {
		if (m->stopped && !m->world.live && !m->ending && !m->dma_live)
			break;
		if (!evq_step(&m->q))
			break;
		if (++steps % 4096)
			continue;
		if (ctl->interrupted && *ctl->interrupted) {
			m->interrupted = true;
			break;
		}
		run_progress(ctl, evq_now(&m->q), 0, m->world.done + dma_offered(m),
			     m->offered_total);
	}
	if (!m->stopped) { /* cut short: the window ends here */
		evq_cancel(&m->q, &m->stop_event);
		m->window_stop = evq_now(&m->q);
		snapshot(m, true);
	}
	return !source_error(m, error);
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	for (unsigned i = 0; m->guest && i < m->guests; i++)
		guest_fini(&m->guest[i]);
	for (unsigned i = 0; m->nic && i < m->nics; i++) {
		if (!m->nic[i].m)
			continue;
		nic_fini(&m->nic[i].nic);
		plat_dma_fini(&m->nic[i].dma);
		sender_fini(&m->nic[i].wire);
	}
	dma_fini(m);
	for (unsigned i = 0; m->traffic && i < m->traffics; i++)
		traffic_free(m->traffic[i]);
	world_fini(&m->world);
	switch_free(m);
	invlock_fini(&m->invlock);
	iommu_free(m->iommu);
	llc_free(m->llc);
	mem_free(m->mem);
	book_fini(&m->warm);
	for (unsigned d = 0; d < DIRECTIONS; d++)
		stages_fini(&m->stages[d]);
	g_ptr_array_free(m->arrays, TRUE);
	g_free(m);
}
