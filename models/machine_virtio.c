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

/* The host's side: who does its work, and what it works with. */
static void build_dpath(struct guest *g)
{
	struct dpath *dp = &g->dp;

	dp->rx_pl = &g->hrx_pl;
	dp->tx_pl = &g->htx_pl;
	if (guest_policy(g->cfg, "rx_policy")->vmm_rx)
		dp->vmm_pl = &g->hvmm_pl;
	dp->rx_intr = &g->rx_intr;
	dp->tx_intr = &g->tx_intr;
	dp->vmm_line = &g->vmm_line;
	dp->port = &g->port;
	g->parts.lends = g->nic->demux.sw ? OUTBOX_SLOTS : 0;
	guest_build_dpath(&g->parts);
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
	uint32_t size = (uint32_t)cfg_u64(g->cfg, "queue_size");

	build_workers(g);
	build_lines(g);
	if (g->m->tap)
		tap_port(g);
	else
		build_port(g);
	build_dpath(g);
	plat_line_init(&g->cluster_alarm, &g->m->q, PLAT_W_N, fire_cluster_alarm,
		       g->dp.vmm_pl ? &g->hvmm : &g->hrx);
	guest_build_cluster(&g->parts, &g->cluster_alarm);
	guest_build_txbatch(&g->parts, &g->tx_alarm);
	build_shared_in(g);
	local_guest(g);
	return guest_build_buffers(&g->parts, size, size, error) &&
	       guest_build_queues(&g->parts, error) && split_nic(g, error);
}

void virtio_start(struct guest *g)
{
	guest_split_start(g);
	guest_build_start(&g->parts);
}
