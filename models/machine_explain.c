/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_explain.c - what bounds a run: the resources of a machine, how busy they were, and which
 * of them gives out first.
 *
 * Resources are used up by time: cores, vCPUs, links, bus directions, the IOMMU's walkers. The
 * busiest over the window bounds the run, unless none is near its limit and a ring loses or stops
 * frames all the same: then it is that ring's size, against how late its other side comes, that
 * bounds. What is below both is bounded by nothing but the traffic; the busiest is named all the
 * same.
 */
#include "machine.h"

#include "../sim/explain.h"

enum {
	NEAR_PERCENT = 90, /* busier: a resource gives out */
	MISS_PERMILLE = 5, /* more frames missed: a ring does */
};

struct bound {
	char what[64];
	const char *advice;
	uint64_t num, den;
};

struct gather {
	struct machine *m;
	struct explain *e;
	sim_time window;
	struct bound busiest, ring;
};

static bool above(uint64_t num, uint64_t den, const struct bound *b)
{
	return (unsigned __int128)num * b->den > (unsigned __int128)b->num * den;
}

static void try(struct bound *b, const char *what, const char *advice, uint64_t num, uint64_t den)
{
	if (!den || !above(num, den, b))
		return;
	g_strlcpy(b->what, what, sizeof(b->what));
	b->advice = advice;
	b->num = num;
	b->den = den;
}

/* ---- by time ---- */

/* A worker has one core: more of them help only if those that are there are at work. */
struct relief {
	bool guest;
	bool more; /* another core of the host, or another vCPU, would take work over */
};

static const char *copy_advice(struct relief by)
{
	if (by.guest)
		return "copies in the guest take most of it; process delivery would relieve it";
	return by.more ? "copies take most of it; a policy with fewer copies, or more cores, would "
			 "relieve it"
		       : "copies take most of it; a policy with fewer copies would relieve it, "
			 "more cores would not: one has little to do already (see [host] workers)";
}

static const char *packet_advice(struct relief by)
{
	if (by.guest)
		return by.more ? "the work of a packet takes most of it; another vCPU, or larger "
				 "packets, would relieve it"
			       : "the work of a packet takes most of it; larger packets would "
				 "relieve it";
	return by.more ? "the work of a packet takes most of it; more cores, or larger packets, "
			 "would relieve it"
		       : "the work of a packet takes most of it; larger packets would relieve it, "
			 "more cores would not: one has little to do already (see [host] workers)";
}

/* What helps a CPU that is busy most with this. */
static const char *cpu_advice(enum plat_work top, struct relief by)
{
	switch (top) {
	case PLAT_W_COPY:
		return copy_advice(by);
	case PLAT_W_DMA_MAP:
	case PLAT_W_DMA_UNMAP:
	case PLAT_W_IOTLB_INV:
	case PLAT_W_HYPERCALL:
		return "mapping for DMA takes most of it; static or pooled mappings, or deferred "
		       "invalidation, would relieve it";
	case PLAT_W_INV_LOCK:
		return "waiting for other cores' invalidations takes most of it; deferred ones "
		       "with a queue a core, or mappings that stay, would relieve it";
	case PLAT_W_WAKE:
	case PLAT_W_HOST_IRQ:
	case PLAT_W_INJECT:
	case PLAT_W_VM_EXIT:
	case PLAT_W_VMM_ENTRY:
	case PLAT_W_GUEST_IRQ:
		return "interrupts, exits and wake-ups take most of it; polling, moderation or "
		       "larger batches would relieve it";
	case PLAT_W_DOORBELL:
		return "doorbells take most of it; larger batches would relieve it";
	case PLAT_W_CSUM:
		return "checksums take most of it; leaving them to the device would relieve it";
	case PLAT_W_PAGE_IN:
		return "bringing pages back takes most of it; pinned memory would relieve it";
	default:
		return packet_advice(by);
	}
}

static void cpu_of(struct gather *g, const struct cpu *c, const struct cpu_counts *n,
		   struct relief by)
{
	uint64_t busy = n->at_stop.busy_ps - n->at_start.busy_ps, most = 0;
	uint64_t spin = c->poll && g->window > busy ? g->window - busy : 0;
	enum plat_work top = PLAT_W_N;

	explain_resource(g->e, c->name, busy, g->window);
	for (unsigned w = 0; w < PLAT_W_N; w++) {
		/* Work is counted when it begins, and may end beyond the window. */
		uint64_t ps = MIN(n->at_stop.work_ps[w] - n->at_start.work_ps[w], busy);

		explain_work(g->e, cost_names[w], ps);
		if (ps > most) {
			most = ps;
			top = w;
		}
	}
	explain_spin(g->e, spin);
	try(&g->busiest, c->name, cpu_advice(top, by), busy, g->window);
}

/* Has each core of the host something to do for at least half of the window? */
static bool all_at_work(const struct gather *g)
{
	for (unsigned i = 0; i < g->m->cores; i++) {
		const struct cpu_counts *n = &g->m->core_counts[i];

		if (n->at_stop.busy_ps - n->at_start.busy_ps < g->window / 2)
			return false;
	}
	return true;
}

static void cpus(struct gather *g)
{
	struct machine *m = g->m;
	struct relief host = {.more = all_at_work(g)};

	for (unsigned i = 0; i < m->cores; i++)
		cpu_of(g, &m->core[i], &m->core_counts[i], host);
	for (unsigned i = 0; i < m->guests; i++) {
		const struct guest *gu = &m->guest[i];
		/* The second one sends. */
		struct relief by = {true, gu->vcpus == 1 && gu->tx.led.offered};

		for (unsigned v = 0; v < gu->vcpus; v++)
			cpu_of(g, &gu->vcpu[v], &gu->vcpu_counts[v], by);
	}
	for (unsigned i = 0; i < m->pcores; i++) {
		g_autofree char *name = g_strdup_printf("host.shared%u", i);

		explain_resource(g->e, name, cores_busy(m, i), g->window);
		try(&g->busiest, name,
		    "several CPUs take turns on it; more cores for them would relieve it",
		    cores_busy(m, i), g->window);
	}
}

/* advice NULL: it may be as busy as it likes. */
static void direction(struct gather *g, const struct host_nic *hn, const char *part, sim_time busy,
		      const char *advice)
{
	g_autofree char *name = g_strdup_printf("%s.%s", hn->nic.name, part);

	explain_resource(g->e, name, busy, g->window);
	if (advice)
		try(&g->busiest, name, advice, busy, g->window);
}

/* What brings more than is taken behind it bounds nothing. */
static bool overrun(const struct nic *n)
{
	return n->rx_dropped * 1000 > n->rx_frames * MISS_PERMILLE;
}

static const char bus[] = "transfers wait for the bus; a wider or faster one, or fewer and larger "
			  "transfers, would relieve it";

static void nics(struct gather *g)
{
	static const char link[] = "frames wait for the wire; only a faster link carries more";

	for (unsigned i = 0; i < g->m->nics && !g->m->tap; i++) {
		const struct host_nic *hn = &g->m->nic[i];
		const struct nic_counts *a = &hn->at_start, *b = &hn->at_stop;

		direction(g, hn, "rx link", b->rx_wire - a->rx_wire,
			  overrun(&hn->nic) ? NULL : link);
		direction(g, hn, "tx link", b->tx_wire - a->tx_wire, link);
		direction(g, hn, "rx bus", b->rx_bus - a->rx_bus, bus);
		direction(g, hn, "tx bus", b->tx_bus - a->tx_bus, bus);
	}
}

/* Links of the DMA benches that have one of their own. */
static void benches(struct gather *g)
{
	static const char *const ways[] = {"bus to host", "bus to device"};

	for (unsigned i = 0; i < g->m->dmas; i++) {
		const struct host_dma_device *h = &g->m->dma_device[i];

		for (unsigned d = 0; h->dev.pcie && d < G_N_ELEMENTS(ways); d++) {
			sim_time busy = dma_link_busy(h, d);
			g_autofree char *name =
				g_strdup_printf("%s.%s", cfg_name(g->m->dma[i].cfg), ways[d]);

			explain_resource(g->e, name, busy, g->window);
			try(&g->busiest, name, bus, busy, g->window);
		}
	}
}

static void walkers(struct gather *g)
{
	const struct walkers *w = iommu_walkers(g->m->iommu);
	uint64_t busy = g->m->walkers_at_stop - g->m->walkers_at_start;

	if (!w->walks)
		return;
	explain_resource(g->e, "iommu.walkers", busy, g->window * w->n);
	try(&g->busiest, "iommu.walkers",
	    "devices wait for page walks; larger pages, fewer pages in use, a larger IOTLB or "
	    "more walkers would relieve it",
	    busy, g->window * w->n);
}

/* Turns are reserved ahead, so that a crowd may have more of them than there is window. */
static void lock(struct gather *g)
{
	uint64_t held = MIN(g->m->lock_at_stop - g->m->lock_at_start, g->window);

	if (!g->m->lock)
		return;
	explain_resource(g->e, "iommu.inv_lock", held, g->window);
	try(&g->busiest, "iommu.inv_lock",
	    "cores wait for each other's invalidations; deferred ones with a queue a core, or "
	    "mappings that stay, would relieve it",
	    held, g->window);
}

/* ---- rings ---- */

static void ring(struct gather *g, const struct explain_ring *r, const char *advice)
{
	explain_ring(g->e, r);
	try(&g->ring, r->name, advice, r->misses, r->frames);
}

static void sends_of(struct explain_ring *r, const struct nicdrv *d)
{
	r->looks += d->looks;
	r->filled += d->found;
	r->max = MAX(r->max, d->found_max);
}

/* Of all queues; a full one stops its sender, whose own queue then fills. */
static void nic_tx_ring(struct gather *g, const struct host_nic *hn)
{
	g_autofree char *name = g_strdup_printf("%s.tx ring", hn->nic.name);
	struct explain_ring r = {.name = name, .of = "descriptors", .size = hn->nic.cfg.tx_ring};

	if (hn->has_shared)
		sends_of(&r, &hn->shared_port.drv);
	for (unsigned i = 0; i < g->m->guests; i++)
		if (g->m->guest[i].nic == hn)
			sends_of(&r, &g->m->guest[i].port.drv);
	explain_ring(g->e, &r);
}

static void nic_rx_ring(struct gather *g, const struct host_nic *hn, uint64_t lost)
{
	const struct nic *n = &hn->nic;
	g_autofree char *name = g_strdup_printf("%s.rx ring", n->name);
	struct explain_ring r = {.name = name, .of = "frames", .size = n->cfg.rx_ring};

	for (unsigned i = 0; i < n->cfg.queues; i++) {
		r.looks += n->queue[i].seen;
		r.filled += n->queue[i].seen_filled;
		r.max = MAX(r.max, n->queue[i].seen_max);
	}
	r.misses = lost;
	r.frames = n->rx_frames;
	ring(g, &r,
	     "frames find no free descriptor though nobody is busy; a larger rx_ring, or a host "
	     "that comes sooner, would relieve it");
}

/* Chains that the host found each time it looked. */
static void looks(struct explain_ring *r, const struct virtq_dev *vq)
{
	r->size = vq->size;
	r->looks = vq->looks;
	r->filled = vq->found;
	r->max = vq->found_max;
}

static void virtqueues(struct gather *g, const struct guest *gu)
{
	const struct ledger *rx = &gu->rx.led, *tx = &gu->tx.led;
	const char *vm = cfg_name(gu->cfg);
	g_autofree char *rx_name = g_strdup_printf("%s.rx queue", vm);
	g_autofree char *tx_name = g_strdup_printf("%s.tx queue", vm);
	struct explain_ring free = {.name = rx_name, .of = "free"};
	struct explain_ring sends = {.name = tx_name, .of = "sends"};

	looks(&free, &gu->dp.rxq);
	looks(&sends, &gu->dp.txq);
	free.misses = rx->drops[DROP_GUEST_RING_EMPTY] + gu->local.led.drops[DROP_GUEST_RING_EMPTY];
	free.frames = rx->offered + gu->local.led.offered;
	sends.misses = gu->tx_waits + tx->drops[DROP_SEND_FULL];
	sends.frames = tx->offered;
	ring(g, &free,
	     "frames find no buffer of the guest though nobody is busy; a larger queue_size, or a "
	     "guest that gives buffers back sooner, would relieve it");
	ring(g, &sends,
	     "the guest finds its queue full though nobody is busy; a larger queue_size, or "
	     "completions that come sooner, would relieve it");
}

static void rings(struct gather *g)
{
	for (unsigned i = 0; i < g->m->nics && !g->m->tap; i++) {
		const struct host_nic *hn = &g->m->nic[i];
		uint64_t lost = 0;

		for (unsigned k = 0; k < g->m->guests; k++)
			if (g->m->guest[k].nic == hn)
				lost += g->m->guest[k].rx.led.drops[DROP_NIC_RING_FULL] +
					g->m->guest[k].rx.led.drops[DROP_NO_DESCRIPTOR];
		nic_rx_ring(g, hn, lost);
		nic_tx_ring(g, hn);
	}
	for (unsigned i = 0; i < g->m->guests; i++)
		if (!g->m->guest[i].vf)
			virtqueues(g, &g->m->guest[i]);
}

/* ---- what bounds ---- */

static bool is_near(const struct bound *b)
{
	return (unsigned __int128)b->num * 100 >= (unsigned __int128)b->den * NEAR_PERCENT;
}

static bool misses(const struct bound *b)
{
	return (unsigned __int128)b->num * 1000 > (unsigned __int128)b->den * MISS_PERMILLE;
}

static void name_bound(struct gather *g, struct result *r)
{
	const struct bound *b = &g->busiest;
	const char *advice = b->advice;

	if (!is_near(b) && misses(&g->ring)) {
		b = &g->ring;
		advice = b->advice;
	} else if (!is_near(b)) {
		advice = b->num ? "it is the busiest and could do more: the traffic bounds the run"
				: "nothing was busy in the window";
	}
	result_str(r, "run", NULL, "bound_by", b->what);
	result_ratio(r, "run", NULL, "bound_utilization", b->num, b->den);
	explain_bound(g->e, b->what, b->num, b->den, advice);
}

/* ---- where a packet's time goes ---- */

/* Stages in order of passage. That of receiving is the order of their list. */
#define RECEIVE                                                                                    \
	STAGE_WIRE_WAIT, STAGE_WIRE, STAGE_NIC, STAGE_HOST_WAIT, STAGE_HOST, STAGE_VMM_WAIT,       \
		STAGE_VMM, STAGE_GUEST_WAIT, STAGE_GUEST_KERNEL, STAGE_PROCESS_WAIT, STAGE_PROCESS
static const enum frame_stage order[DIRECTIONS][STAGE_N] = {
	[DIR_RX] = {STAGE_SEND_WAIT, STAGE_GUEST, RECEIVE},
	[DIR_TX] = {STAGE_SEND_WAIT, STAGE_GUEST, STAGE_VMM_WAIT, STAGE_VMM, STAGE_HOST_WAIT,
		    STAGE_HOST, STAGE_NIC, STAGE_WIRE_WAIT, STAGE_WIRE, STAGE_GUEST_WAIT,
		    STAGE_GUEST_KERNEL, STAGE_PROCESS_WAIT, STAGE_PROCESS},
	[DIR_LOCAL] = {STAGE_SEND_WAIT, STAGE_GUEST, RECEIVE},
};

static struct explain_times times(const struct hist *h, unsigned __int128 sum)
{
	return (struct explain_times){sum, hist_quantile(h, 50, 100), hist_quantile(h, 99, 100)};
}

static void waterfall(struct gather *g, enum direction d, const struct book *all)
{
	static const char *const names[DIRECTIONS] = {"rx", "tx", "local"};
	struct explain_times whole = times(&all->latency, all->latency.sum);

	explain_waterfall(g->e, names[d], all->latency.count, &whole);
	for (unsigned i = 0; i < STAGE_N; i++) {
		enum frame_stage s = order[d][i];
		struct explain_times t = times(&all->stages->stage[s], all->stage_sum[s]);

		if (t.sum)
			explain_stage(g->e, ledger_stage_names[s], &t);
	}
}

void machine_explain(struct machine *m, struct result *r, const struct book *const all[DIRECTIONS],
		     sim_time window)
{
	struct gather g = {.m = m, .e = explain_new(window), .window = window};

	g.busiest = (struct bound){.what = "nothing", .den = window ? window : 1};
	g.ring = (struct bound){.what = "", .den = 1};
	for (unsigned d = 0; d < DIRECTIONS; d++)
		if (all[d])
			waterfall(&g, d, all[d]);
	cpus(&g);
	nics(&g);
	benches(&g);
	walkers(&g);
	lock(&g);
	rings(&g);
	name_bound(&g, r);
	result_explain(r, g.e);
}
