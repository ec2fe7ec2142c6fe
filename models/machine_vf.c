/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_vf.c - guests with a virtual function: the function, its domain, the guest's DMA layer,
 * and the driver above it. No worker of the host has a part in it.
 *
 * Requester ids: NIC k's physical function is (1 + 4k) << 8, its virtual function i that + 0x80 +
 * i, so the later ones are on the next bus, as SR-IOV has it; four buses a NIC keep them apart.
 *
 * Queues of the NIC: the host's and its guests' first, then one of each virtual function.
 */
#include <string.h>

#include "machine.h"

#define VF_FIRST 0x80u /* of its requester id, from the physical function's */

uint16_t machine_requester(const struct host_nic *hn)
{
	return (uint16_t)((1 + 4 * (hn - hn->m->nic)) << 8);
}

/* Which of the NIC's functions has the guest? */
static unsigned vf_number(const struct guest *g)
{
	unsigned n = 0;

	for (unsigned i = 0; i < g->index; i++)
		n += g->m->guest[i].vf && g->m->guest[i].nic == g->nic;
	return n;
}

/* Both must do their part, or there is only the bounce window. */
static enum hac_kind dma_kind(const struct guest *g, enum copy_reason *why)
{
	bool hac = cfg_bool(g->cfg, "hac");
	bool both = hac && cfg_bool(scenario_find(g->m->sc, "host"), "dma_hypercalls");
	enum hac_kind asked = (enum hac_kind)cfg_choice(g->cfg, "dma_map");

	*why = both || asked == HAC_BOUNCE ? REASON_POLICY : REASON_NO_MAPPING;
	if (both)
		return asked;
	return cfg_bool(g->cfg, "bounce_window") ? HAC_BOUNCE : HAC_NATIVE;
}

static enum iommu_mode domain_mode(const struct guest *g, enum hac_kind kind)
{
	if (kind == HAC_STATIC)
		return IOMMU_STATIC;
	return cfg_choice(scenario_find(g->m->sc, "iommu"), "mode") == IOMMU_DEFERRED
		       ? IOMMU_DEFERRED
		       : IOMMU_STRICT;
}

static uint32_t ring_pages(uint32_t size)
{
	return (size * NIC_DESC_BYTES + PAGE_BYTES - 1) / PAGE_BYTES;
}

bool vf_assign(struct guest *g)
{
	const struct cfg *io = scenario_find(g->m->sc, "iommu");
	const struct nic_config *nc = &g->nic->nic.cfg;
	uint32_t rings = ring_pages(nc->rx_ring) + ring_pages(nc->tx_ring);
	uint32_t buffers = nc->rx_ring + nc->tx_ring,
		 pages = (uint32_t)cfg_u64(g->cfg, "dma_pages");
	struct hac *h = &g->hac;
	struct iommu_domain *domain = iommu_domain_new(g->m->iommu);
	enum hac_kind kind = dma_kind(g, &g->bounce_why);

	if (!domain)
		return false;
	/* All that there are, pooled, are mapped for life; others while the device has them. */
	if (!pages)
		pages = (buffers + (uint32_t)cfg_u64(g->cfg, "socket_queue") + 2 * DPATH_BURST) *
				(g->net.max_frame / HAC_CHUNK + 1) +
			machine_flush_pages(g->m);
	plat_dma_init(&h->vmm.dma, &g->m->q, g->m->mem, g->m->iommu, domain, domain_mode(g, kind),
		      pages + rings + (kind == HAC_BOUNCE ? buffers : 0),
		      cfg_time(io, "flush_timeout"));
	machine_dma_ready(g->m, &h->vmm.dma, cfg_name(g->cfg));
	vmm_dma_init(&h->vmm, (uint16_t)(machine_requester(g->nic) + VF_FIRST + vf_number(g)),
		     cfg_bool(scenario_find(g->m->sc, "host"), "dma_hypercalls"));
	hac_init(h, kind, cfg_u64(g->cfg, "memory"), rings + buffers);
	g->vf_assigned = true;
	return true;
}

/* A ring in guest memory, which the device reaches as long as it is assigned. False: no memory. */
static bool guest_ring(struct guest *g, uint32_t size, struct nic_ring *r)
{
	uint32_t pages = ring_pages(size);
	const struct hac *h = &g->hac;
	unsigned kept = h->nkept;
	gpa_t at;

	*r = (struct nic_ring){.size = size};
	r->page = machine_array(g->m, pages, sizeof(*r->page));
	r->io = machine_array(g->m, pages, sizeof(*r->io));
	r->tag = machine_array(g->m, size, sizeof(*r->tag));
	if (gmem_alloc(g->gm, (uint64_t)pages * PAGE_BYTES, PAGE_BYTES, &at) != GMEM_OK ||
	    !hac_keep(&g->hac, &g->grx_pl, at, pages * PAGE_BYTES))
		return false;
	for (uint32_t i = 0; i < pages; i++) {
		uint64_t len = PAGE_BYTES;
		gpa_t gpa = {at.a + (uint64_t)i * PAGE_BYTES};
		r->page[i] = gmem_ptr(g->gm, gpa, &len, GMEM_WRITE);
		r->io[i] = h->kind == HAC_STATIC ? plat_dma_static(g->gm->id, gpa)
						 : h->kept[kept + i].dma;
	}
	return true;
}

/* ---- interrupts: straight into the guest ---- */

static void rx_news(void *ctx, bool irq)
{
	struct guest *g = ctx;

	if (irq) {
		g->rx_intr.kicks++;
		guest_rx_interrupt(g);
	} else if (g->net.poll) {
		cpu_wake(&g->grx, 0);
	}
}

static void tx_news(void *ctx, bool irq)
{
	struct guest *g = ctx;

	if (!irq)
		return;
	g->tx_intr.kicks++;
	guest_tx_interrupt(g);
}

/* A timer of the guest's own: it tries again to post. */
static void fire_retry(struct plat_line *line)
{
	cpu_wake(line->ctx, CPU_COST(GUEST_IRQ));
}

/* ---- building ---- */

static bool vf_queue(struct guest *g)
{
	struct host_nic *hn = g->nic;
	const struct nic_config *c = &hn->nic.cfg;
	unsigned queue = hn->hosted + 1 + vf_number(g);
	struct nic_queue *nq = &hn->nic.queue[queue];
	struct plat_port *port = &g->port;
	struct nic_ring rx, tx;

	if (!guest_ring(g, c->rx_ring, &rx) || !guest_ring(g, c->tx_ring, &tx))
		return false;
	nicdrv_init(&port->drv, &rx, machine_array(g->m, rx.size, sizeof(struct nicdrv_slot)), &tx,
		    machine_array(g->m, tx.size, sizeof(struct nicdrv_slot)), NULL);
	port->drv.any_order = c->tx_late_every;
	port->dma = &g->hac.vmm.dma;
	port->dma_ops = hac_ops(g->hac.kind);
	port->info.caps =
		PLAT_CAP_ZERO_COPY | PLAT_CAP_OWN_QUEUE | (c->gather ? PLAT_CAP_GATHER : 0);
	port->info.max_segs = MIN(c->gather ? c->max_segs : 1, c->tx_ring);
	nic_queue_bind(&hn->nic, queue, &rx, &tx, &port->drv);
	nq->rx_notify = rx_news;
	nq->tx_notify = tx_news;
	nq->rx_ctx = nq->tx_ctx = g;
	nic_vf(&hn->nic, queue, vf_number(g), g->index, g->hac.vmm.requester, g->mac);
	g->nq = nq;
	if (!hn->hosted && vf_number(g) == 0)
		nic_all(&hn->nic, queue);
	return true;
}

/* Pieces of a frame in guest memory at most, by how its buffers are made. */
static uint32_t most_pieces(const struct guest *g)
{
	return g->process ? g->net.max_frame / PAGE_BYTES + 2
			  : MAX(g->net.rx_per, g->net.tx_per + (g->net.tx_apart > 0));
}

bool vf_build(struct guest *g, GError **error)
{
	const struct nic_config *c = &g->nic->nic.cfg;
	struct gnet_vf *v = &g->vfd;
	struct gnet *n = &g->net;
	struct machine *m = g->m;
	uint32_t pieces;

	if (!guest_build_buffers(&g->parts, c->rx_ring, c->tx_ring, error))
		return false;
	pieces = most_pieces(g);
	g->hac.vmm.gm = g->gm;
	g->posted = cfg_bool(scenario_find(m->sc, "host"), "posted_interrupts");
	plat_line_init(&g->retry, &m->q, PLAT_W_N, fire_retry, &g->grx);
	if (!vf_queue(g) ||
	    (g->hac.kind == HAC_BOUNCE &&
	     !hac_bounce_window(&g->hac, &g->grx_pl, c->rx_ring + c->tx_ring, g->bounce_why)))
		return cfg_error(g->cfg, "memory", error,
				 "is too small for the rings and the bounce window; use more");
	/* Where a process's buffer of one page cannot cross into another, it is one piece. */
	if (g->process && n->max_frame <= PAGE_BYTES / 2)
		pieces = 1;
	if (pieces > g->port.info.max_segs)
		return cfg_error(g->nic->cfg, c->gather ? "max_segments" : "gather", error,
				 "%s sends frames of up to %u segments itself; the NIC must take "
				 "as many",
				 cfg_name(g->cfg), pieces);
	/* A chunk of the bounce window may be shorter than a piece. */
	v->segs = g->hac.kind == HAC_BOUNCE ? n->max_frame / HAC_CHUNK + pieces : pieces;
	v->port = &g->port;
	v->rx_bytes = n->max_frame;
	if (!g->process)
		v->rx_bytes = (n->rx_per - 1) * n->rx_seg[0].len + n->rx_seg[n->rx_per - 1].len;
	v->copybreak = (uint32_t)cfg_u64(g->cfg, "rx_copybreak");
	v->alarm = &g->retry;
	v->retry = cfg_time(g->cfg, "dma_retry");
	v->rx_seg = machine_array(m, (size_t)n->rx_n * v->segs, sizeof(*v->rx_seg));
	v->tx_seg = machine_array(m, (size_t)n->tx_n * v->segs, sizeof(*v->tx_seg));
	v->rx_nseg = machine_array(m, n->rx_n, sizeof(*v->rx_nseg));
	v->tx_nseg = machine_array(m, n->tx_n, sizeof(*v->tx_nseg));
	v->rx_len = machine_array(m, n->rx_n, sizeof(*v->rx_len));
	v->out = machine_array(m, n->tx_n, sizeof(*v->out));
	return true;
}

/* ---- permission ---- */

static void revoke_event(struct event *ev)
{
	vmm_dma_revoke(&GUEST_OF(ev, revoke)->hac.vmm);
}

static void permit_event(struct event *ev)
{
	struct guest *g = GUEST_OF(ev, permit);

	vmm_dma_permit(&g->hac.vmm);
	nic_queue_permit(g->nq);
}

void vf_start(struct guest *g)
{
	struct evq *q = &g->m->q;
	bool revoke = cfg_has(g->cfg, "dma_revoke_at"), permit = cfg_has(g->cfg, "dma_permit_at");
	sim_time revoked = revoke ? cfg_time(g->cfg, "dma_revoke_at") : SIM_NEVER;
	sim_time permitted = permit ? cfg_time(g->cfg, "dma_permit_at") : SIM_NEVER;

	event_init(&g->revoke, revoke_event);
	event_init(&g->permit, permit_event);
	if (permitted < revoked) /* not permitted until then */
		vmm_dma_revoke(&g->hac.vmm);
	if (revoke)
		evq_schedule(q, &g->revoke, revoked);
	if (permit)
		evq_schedule(q, &g->permit, permitted);
	if (g->hac.kind == HAC_POOLED)
		gnet_vf_warm(&g->net);
	gnet_rx_burst(&g->net);
	gnet_rx_commit(&g->net);
	gnet_tx_commit(&g->net, false);
	for (unsigned d = 0; d < 2; d++)
		g->setup_hypercalls[d] = g->hac.vmm.n[d].hypercalls;
}

/* What the NIC had received, and its driver never took. */
static void drop_untaken(struct guest *g)
{
	struct plat_rx rx[DPATH_BURST];
	unsigned n;

	do {
		n = plat_dev_reap_rx(&g->grx_pl, &g->port, rx, DPATH_BURST);
		for (unsigned i = 0; i < n; i++)
			if (rx[i].frame && rx[i].last)
				world_drop(&g->m->world, rx[i].frame, DROP_GUEST_GONE);
	} while (n);
}

/* The NIC touches nothing of it from here on, not even what it has begun. */
void vf_end(struct guest *g)
{
	struct evq *q = &g->m->q;

	evq_cancel(q, &g->revoke);
	evq_cancel(q, &g->permit);
	evq_cancel(q, &g->retry.ev);
	nic_queue_stop(&g->nic->nic, (unsigned)(g->nq - g->nic->nic.queue));
	drop_untaken(g);
}

void vf_quiesce(struct guest *g)
{
	gnet_vf_quiesce(&g->net);
	hac_quiesce(&g->hac, &g->grx_pl);
}

void vf_fini(struct guest *g)
{
	if (!g->vf_assigned)
		return;
	evq_cancel(&g->m->q, &g->hac.vmm.dma.flush);
	plat_dma_fini(&g->hac.vmm.dma);
	hac_fini(&g->hac);
}
