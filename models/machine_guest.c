/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_guest.c - what every guest of the machine has: memory and buffers, vCPUs and the workers
 * on them, a process that sends, interrupts, and its life from building to end. Its device is in
 * machine_virtio.c or machine_vf.c.
 *
 * Workers here are thin: they call the datapath's bursts and commits, and tell pollers what became
 * visible, which on a real machine they would see by looking.
 */
#include "machine.h"

#include "tap_keys.h"

/* ---- guest workers ---- */

static void grx_burst(struct worker *w)
{
	struct guest *g = GUEST_OF(w, grx);

	softirq_begin(&g->softirq, evq_now(&g->m->q));
	gnet_rx_burst(&g->net);
}

static bool grx_commit(struct worker *w)
{
	struct guest *g = GUEST_OF(w, grx);
	uint16_t before = g->vio.rxq.published_avail;
	bool more = gnet_rx_commit(&g->net);

	w->stays = softirq_goes_on(&g->softirq, &g->grx_pl, g->net.rxb.work, more);
	if (g->m->poll && g->vio.rxq.published_avail != before)
		cpu_wake(&g->hrx, 0);
	return more;
}

static void gread_burst(struct worker *w)
{
	gnet_read_burst(&GUEST_OF(w, gread)->net);
}

static bool gread_commit(struct worker *w)
{
	return gnet_read_commit(&GUEST_OF(w, gread)->net);
}

/* The bytes are the guest's now; a guest under test will write over them. */
static void sent(struct guest *g, struct frame *f)
{
	world_release(&g->m->world, f);
	if (!g->overwrite || event_pending(&g->scribble))
		return;
	gnet_watch(&g->net);
	g->last_sent = f;
	g->last_num = f->num;
	evq_schedule(&g->m->q, &g->scribble, g->gtx_pl.clk->now + g->overwrite);
}

static void scribble_event(struct event *ev)
{
	struct guest *g = GUEST_OF(ev, scribble);
	gnet_overwrite(&g->net, g->last_sent, g->last_num);
}

void guest_sender_done(struct guest *g)
{
	if (!g->sender_done)
		machine_sender_done(g->m, &g->sender);
	g->sender_done = true;
}

void guest_sender_news(struct guest *g)
{
	sim_time now = evq_now(&g->m->q), at;

	/* Its turn, or its end, looks for itself. */
	if (g->gone || g->tx_full || worker_up(&g->gtx))
		return;
	if (!tap_may_send(g)) {
		tap_guest_news(g);
		return;
	}
	if (sender_peek(&g->sender, now, &at)) {
		evq_rearm(&g->m->q, &g->app, MAX(at, now));
		return;
	}
	evq_cancel(&g->m->q, &g->app);
	if (!g->sender.live)
		guest_sender_done(g);
}

static void process_sends(struct guest *g, struct frame *f)
{
	switch (gnet_tx_room(&g->net) ? gnet_send(&g->net, f) : GNET_FULL) {
	case GNET_SENT:
		sent(g, f);
		break;
	case GNET_FULL:
		world_drop(&g->m->world, f, DROP_SEND_FULL);
		break;
	case GNET_UNMAPPED:
		world_drop(&g->m->world, f, DROP_DMA_MAP_FAILED);
		break;
	}
}

/* The process sends what is due, until its queue is full. */
static void gtx_burst(struct worker *w)
{
	struct guest *g = GUEST_OF(w, gtx);
	struct world *world = &g->m->world;
	bool was_full = g->tx_full;
	sim_time at;

	g->tx_full = false;
	gnet_tx_begin(&g->net);
	for (unsigned n = 0; n < DPATH_BURST; n++) {
		struct frame *f;
		if (!tap_may_send(g) || !sender_peek(&g->sender, g->gtx_pl.clk->now, &at) ||
		    at > g->gtx_pl.clk->now)
			return;
		if (!gnet_tx_room(&g->net) && !sender_next(&g->sender)->drop) {
			g->tx_full = true;
			g->tx_waits += n > 0 || !was_full; /* not again for the same frame */
			return;
		}
		f = sender_take(&g->sender);
		tap_begins(g, f);
		if (!f)
			continue;
		if (f->len > g->net.max_frame)
			world_drop(world, f, DROP_OVERSIZE);
		else
			process_sends(g, f);
	}
}

static bool gtx_commit(struct worker *w)
{
	struct guest *g = GUEST_OF(w, gtx);
	uint16_t before = g->vio.txq.published_avail;
	sim_time now = evq_now(&g->m->q), at;
	bool more = gnet_tx_commit(&g->net, g->tx_full);

	if (g->m->poll && g->vio.txq.published_avail != before)
		cpu_wake(&g->htx, 0);
	if (g->tx_full || more)
		return more;
	if (!tap_may_send(g))
		return false;
	if (!sender_peek(&g->sender, now, &at)) {
		if (!g->sender.live)
			guest_sender_done(g);
		return false;
	}
	if (at <= now)
		return true;
	evq_rearm(&g->m->q, &g->app, at);
	return false;
}

static void app_event(struct event *ev)
{
	struct guest *g = GUEST_OF(ev, app);

	if (g->m->tap)
		tap_send_due(g);
	else
		cpu_wake(&g->gtx, 0);
}

/* ---- lines ---- */

/*
 * Interrupt into a vCPU: it leaves the guest, or is woken from a halt, for which it had left it.
 * Posted, it reaches a running vCPU as it is; so it does one that halts inside the guest. A vCPU
 * that waits for a core finds it when it gets one.
 */
static void interrupt(struct guest *g, struct worker *w, unsigned direction)
{
	uint64_t leaves = cpu_idle(w->cpu) && g->halt_exits ? CPU_COST(WAKE)
			  : g->posted || cpu_waits(w->cpu)  ? 0
							    : CPU_COST(VM_EXIT);

	if (g->m->tap) {
		tap_interrupt(g, w);
		return;
	}
	if (leaves)
		leaves |= CPU_COST(IRQ_HANDLE);
	g->exits[direction] += (leaves != 0) + g->eoi_exits;
	cpu_wake(w, CPU_COST(GUEST_IRQ) | leaves | (g->eoi_exits ? CPU_COST(EOI) : 0));
}

static void take_rx_intr(struct guest *g)
{
	g->unmask_at = evq_now(&g->m->q) + g->irq_mask;
	interrupt(g, &g->grx, 0);
}

/* Masked, it pends: however often it is raised, it is taken once, on unmask. */
void guest_rx_interrupt(struct guest *g)
{
	if (g->gone)
		return;
	if (evq_now(&g->m->q) >= g->unmask_at) {
		take_rx_intr(g);
		return;
	}
	g->pended++;
	if (!event_pending(&g->unmask))
		evq_schedule(&g->m->q, &g->unmask, g->unmask_at);
}

void guest_tx_interrupt(struct guest *g)
{
	if (!g->gone)
		interrupt(g, &g->gtx, 1);
}

static void fire_rx_intr(struct plat_line *line)
{
	guest_rx_interrupt(line->ctx);
}

static void unmask_event(struct event *ev)
{
	take_rx_intr(GUEST_OF(ev, unmask));
}

static void fire_tx_intr(struct plat_line *line)
{
	guest_tx_interrupt(line->ctx);
}

/* ---- sender ---- */

static struct book *guest_book(void *ctx, const struct source *s, const struct tframe *t)
{
	(void)s;
	return local_book(ctx, t);
}

void guest_sender(struct machine *m, struct guest *g)
{
	sender_init(&g->sender, &m->world, m->traffics);
	g->sender.book = guest_book;
	g->sender.made = local_made;
	g->sender.ctx = g;
}

/* ---- building ---- */

static bool page_hook(void *ctx, struct gmem *gm, enum gmem_event event, gpa_t gpa, hpa_t hpa,
		      uint64_t bytes)
{
	return plat_dma_page(ctx, gm, event, gpa, hpa, bytes);
}

/* ---- memory for guest_build.h ---- */

static void *array(void *ctx, size_t n, size_t size)
{
	return machine_array(((struct guest *)ctx)->m, n, size);
}

static bool page(void *ctx, gpa_t *at)
{
	return gmem_alloc_pages(((struct guest *)ctx)->gm, 1, at) == GMEM_OK;
}

static bool kernel(void *ctx, uint64_t bytes, uint64_t align, gpa_t *at)
{
	return gmem_alloc(((struct guest *)ctx)->gm, bytes, align, at) == GMEM_OK;
}

static bool user(void *ctx, uint64_t bytes, gva_t *at)
{
	struct guest *g = ctx;

	/* vnictap's guest memory is one mapping. */
	return (g->m->tap ? gproc_alloc_run : gproc_alloc)(g->proc, bytes, at) == GMEM_OK;
}

static void hbufs(void *ctx, struct hbuf_pool *pool, uint32_t n, uint32_t bytes)
{
	struct guest *g = ctx;
	machine_hbufs(g->m, pool, &g->nic->dma, n, bytes);
}

static const struct guest_memory memory = {array, page, kernel, user, hbufs};

static bool build_memory(struct guest *g)
{
	static const uint64_t page[] = {PT_4K, PT_2M, PT_1G};
	struct machine *m = g->m;

	g->gm = gmem_new(
		m->mem, g->index, cfg_u64(g->cfg, "memory"), page[cfg_choice(g->cfg, "page_size")],
		cfg_bool(scenario_find(m->sc, "host"), "scatter"),
		cfg_u64(scenario_find(m->sc, "scenario"), "seed"), g->vf ? vmm_dma_page : page_hook,
		g->vf ? (void *)&g->hac.vmm : (void *)&g->nic->dma);
	g->proc = g->gm ? gproc_new(g->gm) : NULL;
	if (g->proc)
		g->proc->whole = tap_of(m->sc) != NULL; /* vnictap's guests are one mapping */
	return g->proc;
}

static bool build_cpus(struct guest *g, GError **error)
{
	struct machine *m = g->m;
	bool poll = cfg_choice(g->cfg, "receive") == 1;

	g->vcpus = (unsigned)cfg_u64(g->cfg, "vcpus");
	for (unsigned v = 0; v < g->vcpus; v++) {
		g_autofree char *name = g_strdup_printf("%s.vcpu%u", cfg_name(g->cfg), v);
		cpu_init(&g->vcpu[v], &m->q, &m->cost, poll && v == 0 && !tap_one_thread(m), name);
		if (!machine_vcpu(g, &g->vcpu[v], error))
			return false;
	}
	worker_init(&g->grx, &g->vcpu[0], grx_burst, grx_commit);
	worker_init(&g->gread, &g->vcpu[0], gread_burst, gread_commit);
	worker_init(&g->gtx, &g->vcpu[g->vcpus - 1], gtx_burst, gtx_commit);
	g->grx_pl = g->gtx_pl =
		(struct plat){.mem = m->mem, .world = &m->world, .gm = g->gm, .proc = g->proc};
	g->grx_pl.clk = &g->vcpu[0].clk;
	g->gtx_pl.clk = &g->vcpu[g->vcpus - 1].clk;
	g->net.rx_pl = &g->grx_pl;
	g->net.tx_pl = &g->gtx_pl;
	g->net.poll = poll;
	g->halt_exits = cfg_choice(g->cfg, "halt") == 0;
	g->kick_exits = cfg_choice(g->cfg, "kick") == 0;
	g->eoi_exits = cfg_choice(scenario_find(m->sc, "host"), "eoi") == 1;
	return true;
}

static void build_lines(struct guest *g)
{
	struct evq *q = &g->m->q;

	plat_line_init(&g->read_line, q, PLAT_W_N, machine_wake, &g->gread);
	plat_line_init(&g->rx_intr, q, PLAT_W_INJECT, fire_rx_intr, g);
	plat_line_init(&g->tx_intr, q, PLAT_W_INJECT, fire_tx_intr, g);
	event_init(&g->app, app_event);
	event_init(&g->scribble, scribble_event);
	event_init(&g->unmask, unmask_event);
	g->irq_mask = cfg_time(g->cfg, "irq_mask");
	g->overwrite = cfg_time(g->cfg, "overwrite");
	g->net.read_line = &g->read_line;
}

static uint64_t flows(const struct machine *m)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < m->traffics; i++)
		n += traffic_info(m->traffic[i])->flows;
	return n;
}

static void build_parts(struct guest *g)
{
	const struct nic_config *nc = &g->nic->nic.cfg;

	g->parts = (struct guest_parts){
		.cfg = g->cfg,
		.host = scenario_find(g->m->sc, "host"),
		.mem = &memory,
		.ctx = g,
		.vf = g->vf,
		.flows = flows(g->m),
		.local = local_seen(g),
		.rx_ring = nc->rx_ring,
		.tx_ring = nc->tx_ring,
		.net = &g->net,
		.vio = &g->vio,
		.split = &g->split,
		.place = &g->place,
		.dp = &g->dp,
		.cluster = &g->cluster,
		.tx_batch = &g->tx_batch,
		.tx_end = &g->tx_end,
	};
}

bool guest_build(struct guest *g, GError **error)
{
	const struct nic_config *nc = &g->nic->nic.cfg;

	mem_place(g->m->mem, (uint8_t)g->nic->nic.node, g->m->guest_node);
	book_init(&g->rx);
	book_init(&g->tx);
	book_init(&g->local);
	g->rx.stages = &g->m->stages[DIR_RX];
	g->tx.stages = &g->m->stages[DIR_TX];
	g->local.stages = &g->m->stages[DIR_LOCAL];
	build_parts(g);
	guest_build_driver(&g->parts, nc->tso || nc->lro ? 65550 : nc->mtu + 18, nc->tx_csum,
			   nc->rx_csum);
	g->process = g->parts.process;
	if (g->vf) {
		g->net.driver = &gnet_vf_driver;
		g->net.below = &g->vfd;
	}
	if (g->vf && !vf_assign(g))
		return cfg_error(scenario_find(g->m->sc, "iommu"), "max_table_pages", error,
				 "holds no domain for %s; use more", cfg_name(g->cfg));
	if (!build_memory(g))
		return cfg_error(g->cfg, "memory", error,
				 "cannot be had; use whole pages of "
				 "page_size, or less");
	if (!build_cpus(g, error))
		return false;
	work_build(g);
	build_lines(g);
	if (!(g->vf ? vf_build(g, error) : virtio_build(g, error)))
		return false;
	if (g->m->tap)
		tap_guest(g);
	return true;
}

/* Before time zero: nothing that a line carried counts, and no CPU was busy. */
static void forget(struct plat_line *line)
{
	evq_cancel(line->q, &line->ev);
	line->kicks = 0;
}

/*
 * Drivers are up when the run begins: buffers are posted on both sides, and everybody has gone to
 * sleep. What that takes is not part of the run.
 */
void guest_start(struct guest *g)
{
	struct plat_line *line[] = {&g->rx_kick,  &g->tx_kick,  &g->read_line,   &g->rx_intr,
				    &g->tx_intr,  &g->vmm_line, &g->shared_line, &g->cluster_alarm,
				    &g->tx_alarm, &g->retry};
	struct cpu *cpu[] = {g->grx.cpu, g->gtx.cpu, g->hrx.cpu, g->htx.cpu, g->hvmm.cpu};
	sim_time at;

	if (g->vf)
		vf_start(g);
	else
		virtio_start(g);
	for (unsigned i = 0; i < G_N_ELEMENTS(line); i++)
		if (line[i]->q)
			forget(line[i]);
	for (unsigned i = 0; i < G_N_ELEMENTS(cpu); i++)
		if (cpu[i])
			cpu_reset(cpu[i]);
	guest_end_init(g);
	if (!tap_may_send(g))
		;
	else if (sender_peek(&g->sender, 0, &at))
		evq_schedule(&g->m->q, &g->app, at);
	else if (!g->sender.live)
		guest_sender_done(g);
}

void guest_counts(const struct guest *g, struct guest_counts *c)
{
	*c = (struct guest_counts){
		.exits = {g->exits[0] + (g->kick_exits ? g->rx_kick.kicks : 0),
			  g->exits[1] + (g->kick_exits ? g->tx_kick.kicks : 0)},
		.vmm_entries = {g->dp.vmm_entries[0], g->dp.vmm_entries[1]},
		.interrupts = {g->rx_intr.kicks, g->tx_intr.kicks},
		.interrupts_suppressed = {g->dp.rxq.suppressed, g->dp.txq.suppressed},
		.kicks = {g->rx_kick.kicks, g->tx_kick.kicks},
		.kicks_suppressed = {g->vio.rxq.suppressed, g->vio.txq.suppressed},
		.clusterings = {g->cluster.begun},
		.clustered = {g->cluster.frames},
		.by_count = {g->cluster.by_count},
		.by_timer = {g->cluster.by_timer},
		.requests = {g->tx_batch.due[TXBATCH_COUNT], g->tx_batch.due[TXBATCH_ACK_AGE],
			     g->tx_batch.due[TXBATCH_TIMER], g->tx_batch.due[TXBATCH_FULL]},
		.offloaded = {0, g->tx_kick.takes},
		.pended = {g->pended},
	};
	for (unsigned d = 0; g->vf && d < 2; d++) {
		c->hypercalls[d] = g->hac.vmm.n[d].hypercalls - g->setup_hypercalls[d];
		c->exits[d] += c->hypercalls[d];
	}
}

void guest_quiesce(struct guest *g)
{
	struct plat_clock nobodys = {.cost = &g->m->cost, .now = evq_now(&g->m->q)};
	struct plat *pl[] = {&g->hrx_pl, &g->htx_pl, &g->grx_pl, &g->gtx_pl};
	struct plat_clock *clk[G_N_ELEMENTS(pl)];

	if (!g->gm) /* destroyed before */
		return;
	for (unsigned i = 0; i < G_N_ELEMENTS(pl); i++) { /* the run does not pay for it */
		clk[i] = pl[i]->clk;
		pl[i]->clk = &nobodys;
	}
	if (g->vf)
		vf_quiesce(g);
	else
		dpath_quiesce(&g->dp);
	for (unsigned i = 0; i < G_N_ELEMENTS(pl); i++)
		pl[i]->clk = clk[i];
	gmem_free(g->gm);
	g->gm = NULL;
}

void guest_fini(struct guest *g)
{
	if (!g->m)
		return;
	gmem_free(g->gm);
	vf_fini(g);
	sender_fini(&g->sender);
	if (g->station)
		station_fini(g->station);
	if (g->rx.latency.bucket) {
		book_fini(&g->rx);
		book_fini(&g->tx);
		book_fini(&g->local);
	}
}
