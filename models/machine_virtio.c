/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_virtio.c - guests with a virtio device: the device and its policies, the host's workers
 * for it, and the lines to and from them. What every guest has is in machine_guest.c, the
 * counterpart for virtual functions in machine_vf.c.
 *
 * Workers here are thin: they call the datapath's bursts and commits, and tell pollers what became
 * visible, which on a real machine they would see by looking.
 */
#include "machine.h"

/* ---- host workers ---- */

/* The guest sees by looking what the host has published, if it looks. */
static void hint_guest(struct guest *g, uint16_t before)
{
	if (g->net.poll && g->dp.rxq.published_used != before)
		cpu_wake(&g->grx, 0);
}

static void hrx_burst(struct worker *w)
{
	struct guest *g = GUEST_OF(w, hrx);

	if (g->gm) /* else it was destroyed, and its rings are gone, too */
		dpath_rx_burst(&g->dp);
}

static bool hrx_commit(struct worker *w)
{
	struct guest *g = GUEST_OF(w, hrx);
	uint16_t before = g->dp.rxq.published_used;
	bool more;

	if (g->station && !g->dp.vmm_pl)
		work_arrive(g, &g->dp.rxb);
	more = g->gm && dpath_rx_commit(&g->dp);

	w->stays = g->dp.rxb.stays;
	hint_guest(g, before);
	return more;
}

static void htx_burst(struct worker *w)
{
	struct guest *g = GUEST_OF(w, htx);

	if (g->gm)
		dpath_tx_burst(&g->dp);
}

static bool htx_commit(struct worker *w)
{
	struct guest *g = GUEST_OF(w, htx);
	bool more = g->gm && dpath_tx_commit(&g->dp);

	w->stays = g->dp.txb.stays;
	return more;
}

static void hvmm_burst(struct worker *w)
{
	struct guest *g = GUEST_OF(w, hvmm);

	if (g->gm)
		dpath_vmm_burst(&g->dp);
}

static bool hvmm_commit(struct worker *w)
{
	struct guest *g = GUEST_OF(w, hvmm);
	uint16_t before = g->dp.rxq.published_used;
	bool more;

	if (g->station)
		work_arrive(g, &g->dp.vmmb);
	more = g->gm && dpath_vmm_commit(&g->dp);

	w->stays = g->dp.vmmb.stays;
	hint_guest(g, before);
	return more;
}

/* ---- lines ---- */

/* A timer of the host's is over: clustering has a tail to look after. */
static void fire_cluster_alarm(struct plat_line *line)
{
	cpu_wake(line->ctx, CPU_COST(HOST_IRQ));
}

/* A timer of the guest's own is over: a request to send may be due. */
static void fire_tx_alarm(struct plat_line *line)
{
	cpu_wake(line->ctx, CPU_COST(GUEST_IRQ));
}

/* A core that could take the worker at once: its own, or another one that idles. NULL: none. */
static struct cpu *idle_core(struct machine *m, const struct worker *w)
{
	if (cpu_free(w->cpu))
		return w->cpu;
	if (worker_up(w) || cpu_idle(w->cpu)) /* the latter: its own last turn is not over */
		return NULL;
	for (unsigned i = 0; i < m->cores; i++)
		if (cpu_free(&m->core[i]))
			return &m->core[i];
	return NULL;
}

/*
 * The guest has published a request to send: does an idle core pick it up? Such a core has been
 * looking at the queue; the worker goes there.
 */
static bool picked_up(struct plat_line *line)
{
	struct worker *w = line->ctx;
	struct guest *g = GUEST_OF(w, htx);
	struct cpu *core = idle_core(g->m, w);

	if (!core)
		return false;
	w->cpu = core;
	g->htx_pl.clk = &core->clk;
	return true;
}

static void fire_tx_kick(struct plat_line *line)
{
	struct worker *w = line->ctx;
	struct guest *g = GUEST_OF(w, htx);
	bool enters = g->tx_trap_vmm && !line->last_taken;

	g->dp.vmm_entries[1] += enters;
	cpu_wake(w, line->last_taken ? CPU_COST(POLL)
				     : CPU_COST(WAKE) | (enters ? CPU_COST(VMM_ENTRY) : 0));
}

static void rx_news(void *ctx, bool irq)
{
	struct guest *g = ctx;
	if (irq || g->m->poll)
		cpu_wake(&g->hrx, CPU_COST(HOST_IRQ));
}

static void tx_news(void *ctx, bool irq)
{
	struct guest *g = ctx;
	if (irq || g->m->poll)
		cpu_wake(&g->htx, CPU_COST(HOST_IRQ));
}

/* ---- building ---- */

bool guest_queue(struct guest *g, struct plat *drv_pl, struct plat *dev_pl, struct virtq_drv *drv,
		 struct virtq_dev *dev, unsigned per)
{
	uint32_t size = (uint32_t)cfg_u64(g->cfg, "queue_size");
	struct virtq_layout l = {.size = size};
	gpa_t tables = {0};

	if (cfg_bool(g->cfg, "event_idx"))
		l.features |= VIRTQ_F_EVENT_IDX;
	if (g->vio.mrg_rxbuf)
		l.features |= VIRTQ_F_MRG_RXBUF;
	if (cfg_bool(g->cfg, "indirect_desc") && per > 1)
		l.features |= VIRTQ_F_INDIRECT;
	l.tags = machine_array(g->m, size, sizeof(*l.tags));
	if (gmem_alloc(g->gm, virtq_desc_bytes(size), 4096, &l.desc) != GMEM_OK ||
	    gmem_alloc(g->gm, virtq_avail_bytes(size), 64, &l.avail) != GMEM_OK ||
	    gmem_alloc(g->gm, virtq_used_bytes(size), 64, &l.used) != GMEM_OK)
		return false;
	if (!(l.features & VIRTQ_F_INDIRECT))
		per = 0;
	else if (gmem_alloc(g->gm, virtq_drv_table_bytes(size, per), 64, &tables) != GMEM_OK)
		return false;
	return virtq_drv_init(drv, drv_pl, &l, tables, per,
			      machine_array(g->m, virtq_drv_bytes(&l, tables, per), 1)) &&
	       virtq_dev_init(dev, dev_pl, &l, machine_array(g->m, virtq_dev_bytes(&l), 1));
}

const struct policy *guest_policy(const struct cfg *c, const char *key)
{
	return policy_find(cfg_str(c, cfg_has(c, key) ? key : "policy"));
}

/* The host's side: policies, pools, and what zero copy keeps. */
static void build_dpath(struct guest *g, uint32_t size)
{
	struct dpath *dp = &g->dp;
	struct machine *m = g->m;
	const struct nic_config *nc = &g->nic->nic.cfg;
	const struct cfg *host = scenario_find(m->sc, "host");
	uint32_t vmmq = (uint32_t)cfg_u64(host, "vmm_queue");
	uint32_t frame = g->net.max_frame, tx_pool = (uint32_t)cfg_u64(g->cfg, "tx_pool");

	dp->rx_policy = guest_policy(g->cfg, "rx_policy");
	dp->tx_policy = guest_policy(g->cfg, "tx_policy");
	dp->rx_pl = &g->hrx_pl;
	dp->tx_pl = &g->htx_pl;
	dp->rx_intr = &g->rx_intr;
	dp->tx_intr = &g->tx_intr;
	dp->vmm_line = &g->vmm_line;
	dp->poll = m->poll;
	dp->batch = (unsigned)cfg_u64(host, "batch");
	dp->turn_packets = (uint32_t)cfg_u64(host, "turn_packets");
	dp->turn_bytes = cfg_u64(host, "turn_bytes");
	dp->mrg_rxbuf = g->vio.mrg_rxbuf;
	dp->header_early = dp->mrg_rxbuf && cfg_choice(g->cfg, "mrg_header") == 1;
	dp->csum = g->vio.csum;
	dp->max_frame = frame;
	dp->max_segs = (g->net.split ? 4 : 2) * (frame / PAGE_BYTES) + 8;
	dp->port = &g->port;
	guest_ztx(g, size);
	machine_hbufs(m, &dp->tx_pool, &g->nic->dma,
		      (tx_pool ? tx_pool : nc->tx_ring) + (g->nic->demux.sw ? OUTBOX_SLOTS : 0),
		      frame);
	if (dp->rx_policy->vmm_rx || dp->tx_policy->tx_in_vmm)
		machine_hbufs(m, &dp->vmm_pool, &g->nic->dma, 2, frame);
	if (dp->rx_policy->vmm_rx) {
		dp->vmm_pl = &g->hvmm_pl;
		dp->to_vmm.mask = (uint16_t)(vmmq - 1);
		dp->to_vmm.entry = machine_array(m, vmmq, sizeof(struct pktq_entry));
	}
	machine_hbufs(m, &dp->rx_pool, &g->nic->dma,
		      nc->rx_ring + (dp->rx_policy->vmm_rx ? vmmq + DPATH_BURST : 0), frame);
	dp->rx_reason = machine_array(m, dp->rx_pool.n, sizeof(*dp->rx_reason));
	if (dp->rx_policy->lends_guest_memory || dp->tx_policy->lends_guest_memory) {
		dp->rx_slot = machine_array(m, size, sizeof(*dp->rx_slot));
		dp->rx_seg = machine_array(m, (size_t)size * dp->max_segs, sizeof(*dp->rx_seg));
		dp->tx_seg = machine_array(m, (size_t)size * dp->max_segs, sizeof(*dp->tx_seg));
		dp->tx_nseg = machine_array(m, size, sizeof(*dp->tx_nseg));
		dp->copybreak = dp->rx_policy == &policy_zero_copy && !g->net.split
					? (uint32_t)cfg_u64(g->cfg, "rx_copybreak")
					: 0;
		if (dp->copybreak)
			dp->rx_head =
				machine_array(m, (size_t)size * DPATH_HEAD, sizeof(*dp->rx_head));
	}
}

/* Where a guest's next worker runs, the one before it being on `core`. */
static struct cpu *worker_core(struct machine *m, struct cpu *core)
{
	return m->together ? core : machine_core(m);
}

static void build_workers(struct guest *g)
{
	struct machine *m = g->m;
	struct plat base = {.mem = m->mem, .world = &m->world, .gm = g->gm};
	struct cpu *core = machine_core(m);

	worker_init(&g->hrx, core, hrx_burst, hrx_commit);
	g->hrx_pl = base;
	g->hrx_pl.clk = &core->clk;
	core = worker_core(m, core);
	worker_init(&g->htx, core, htx_burst, htx_commit);
	g->htx_pl = base;
	g->htx_pl.clk = &core->clk;
	if (guest_policy(g->cfg, "rx_policy")->vmm_rx) {
		core = worker_core(m, core);
		worker_init(&g->hvmm, core, hvmm_burst, hvmm_commit);
		g->hvmm_pl = base;
		g->hvmm_pl.clk = &core->clk;
	}
}

static void build_lines(struct guest *g)
{
	struct evq *q = &g->m->q;
	enum plat_work kick = g->kick_exits ? PLAT_W_VM_EXIT : PLAT_W_DOORBELL;

	plat_line_init(&g->rx_kick, q, kick, machine_wake, &g->hrx);
	plat_line_init(&g->tx_kick, q, kick, fire_tx_kick, &g->htx);
	if (g->m->offload)
		g->tx_kick.taken = picked_up;
	plat_line_init(&g->tx_alarm, q, PLAT_W_N, fire_tx_alarm, &g->gtx);
	plat_line_init(&g->vmm_line, q, PLAT_W_N, machine_wake, &g->hvmm);
	plat_line_init(&g->shared_line, q, PLAT_W_N, machine_wake, &g->hrx);
	/* Where sending is the emulator's, each of its turns is an entry already. */
	g->tx_trap_vmm =
		cfg_choice(g->cfg, "tx_trap") == 1 && !guest_policy(g->cfg, "tx_policy")->tx_in_vmm;
	g->vio.rx_kick = &g->rx_kick;
	g->vio.tx_kick = &g->tx_kick;
}

/* Off, the datapath knows nothing of it. */
static void build_cluster(struct guest *g)
{
	struct cluster *c = &g->cluster;

	plat_line_init(&g->cluster_alarm, &g->m->q, PLAT_W_N, fire_cluster_alarm,
		       g->dp.vmm_pl ? &g->hvmm : &g->hrx);
	if (!cfg_bool(g->cfg, "cluster"))
		return;
	*c = (struct cluster){.packets = (uint32_t)cfg_u64(g->cfg, "cluster_rate_packets"),
			      .window = cfg_time(g->cfg, "cluster_rate_window"),
			      .count = (uint32_t)cfg_u64(g->cfg, "cluster_count"),
			      .timer = cfg_time(g->cfg, "cluster_timer"),
			      .alarm = &g->cluster_alarm};
	c->arrival = machine_array(g->m, c->packets + 1u, sizeof(*c->arrival));
	g->dp.cluster = c;
}

static void build_txbatch(struct guest *g)
{
	struct txbatch *b = &g->tx_batch;

	*b = (struct txbatch){.count = (uint32_t)cfg_u64(g->cfg, "tx_batch"),
			      .ack_age = cfg_time(g->cfg, "tx_ack_age"),
			      .timer = cfg_time(g->cfg, "tx_timer"),
			      .alarm = &g->tx_alarm,
			      .armed = PLAT_NEVER};
	if (b->count)
		g->vio.tx_batch = b;
}

/*
 * A queue pair of the guest's own; when the NIC's receive queues are used up, only its send half,
 * and frames for it arrive in queue 0.
 */
static void build_port(struct guest *g)
{
	struct host_nic *hn = g->nic;
	unsigned queue = ++hn->queues_used;
	bool own = queue < hn->rx_queues;
	struct nic_queue *nq = &hn->nic.queue[queue];

	machine_queue(g->m, hn, queue, &g->port);
	g->nq = nq;
	nic_guest(&hn->nic, g->index, g->mac, own ? queue : 0);
	nq->rx_notify = rx_news;
	nq->tx_notify = tx_news;
	nq->rx_ctx = nq->tx_ctx = g;
	if (!own)
		g->port.info.caps &= ~(unsigned)PLAT_CAP_OWN_QUEUE;
	g->dp.own_queue = own;
	if (hn->hosted == 1)
		nic_all(&hn->nic, own ? queue : 0);
}

/* Frames from queue 0 come by a queue between two workers. */
static void build_shared_in(struct guest *g)
{
	struct demux *d = &g->nic->demux;

	if (!g->nic->has_shared)
		return;
	g->shared.mask = 255;
	g->shared.entry = machine_array(g->m, 256, sizeof(struct pktq_entry));
	g->shared.back = &g->nic->demux_line;
	g->dp.shared = &g->shared;
	d->target[g->index] = (struct demux_target){
		.q = &g->shared, .line = g->dp.vmm_pl ? &g->vmm_line : &g->shared_line};
}

bool virtio_build(struct guest *g, GError **error)
{
	uint32_t size = (uint32_t)cfg_u64(g->cfg, "queue_size"), per;
	struct gnet *n = &g->net;
	struct gnet_virtio *v = &g->vio;

	build_workers(g);
	build_lines(g);
	build_port(g);
	build_dpath(g, size);
	build_cluster(g);
	build_txbatch(g);
	build_shared_in(g);
	local_guest(g);
	if (!guest_buffers(g, size, size, error))
		return false;
	per = n->max_frame / PAGE_BYTES + 3; /* pieces of a chain at most */
	if (!g->process)
		per = MAX(n->rx_per, n->tx_per + (n->tx_apart > 0));
	if (n->split && per < n->rx_per)
		per = n->rx_per;
	if (!guest_queue(g, &g->grx_pl, &g->hrx_pl, &v->rxq, &g->dp.rxq, per) ||
	    !guest_queue(g, &g->gtx_pl, &g->htx_pl, &v->txq, &g->dp.txq, per))
		return cfg_error(g->cfg, "memory", error, "is too small for the virtqueues");
	if (n->split && !guest_split_queue(g, error))
		return false;
	v->rx_need = virtq_drv_cost(&v->rxq, g->process && !n->split ? per : n->rx_per);
	v->tx_need = virtq_drv_cost(&v->txq, g->process ? per : n->tx_per + (n->tx_apart > 0));
	/* No chain may be longer than the queue, in an indirect table or not
	 * (virtio 1.2, 2.7.5.3.1). */
	if (per > size)
		return cfg_error(g->cfg, "queue_size", error,
				 "a frame can take %u descriptors; use a larger queue", per);
	return true;
}

void virtio_start(struct guest *g)
{
	guest_split_start(g);
	gnet_rx_burst(&g->net);
	gnet_rx_commit(&g->net);
	gnet_tx_commit(&g->net, false);
	dpath_rx_burst(&g->dp);
	dpath_rx_commit(&g->dp);
	dpath_tx_burst(&g->dp);
	dpath_tx_commit(&g->dp);
	if (g->dp.vmm_pl) {
		dpath_vmm_burst(&g->dp);
		dpath_vmm_commit(&g->dp);
	}
}
