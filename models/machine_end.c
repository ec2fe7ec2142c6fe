/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_end.c - a guest is destroyed in mid-run (destroyed_at).
 *
 * In this order, as a host does it:
 *   1 its vCPUs stop, in the middle of what they do; its process sends nothing more
 *   2 its receive queue of the NIC is closed, and so is its place behind the shared one: frames for
 *     it are dropped from here on
 *   3 its workers of the host end the turn that they are in, and then only drop (dpath_gone.c). The
 *     NIC sends what it has been given, receivers read what they have been lent: all that still
 *     refers to the guest's memory ends as it began
 *   4 nothing refers to it any more: mappings, pins and memory are given back
 *
 * A virtual function (attach = vf) is stopped instead, in the middle of what it does: a transfer
 * under way ends without effect, and its frame as guest_gone. So nothing has to be waited for.
 *
 * Between 3 and 4 the host looks from time to time. Rejected: to give the memory back at once and
 * leave the rest to the frames' zombie state (a copy by the CPU pins nothing).
 */
#include "machine.h"

static void stop_vcpus(struct guest *g)
{
	struct event *own[] = {&g->app, &g->scribble, &g->unmask};
	struct plat_line *line[] = {&g->read_line, &g->rx_intr, &g->tx_intr, &g->tx_alarm,
				    &g->cluster_alarm};

	for (unsigned v = 0; v < g->vcpus; v++)
		cpu_stop(&g->vcpu[v]);
	for (unsigned i = 0; i < G_N_ELEMENTS(own); i++)
		evq_cancel(&g->m->q, own[i]);
	for (unsigned i = 0; i < G_N_ELEMENTS(line); i++)
		evq_cancel(&g->m->q, &line[i]->ev);
	sender_close(&g->sender, evq_now(&g->m->q));
	guest_sender_done(g);
	loops_gone(g->m, g);
}

/* Frames that its process has not read. */
static void drop_socket(struct guest *g)
{
	struct gnet *n = &g->net;

	for (; n->sock_head != n->sock_tail; n->sock_head++)
		world_drop(&g->m->world, n->sock[n->sock_head & n->sock_mask].frame,
			   DROP_GUEST_GONE);
}

static void call_workers(struct guest *g)
{
	cpu_wake(&g->hrx, 0);
	cpu_wake(&g->htx, 0);
	if (g->dp.vmm_pl)
		cpu_wake(&g->hvmm, 0);
}

static bool queue_empty(const struct pktq *q)
{
	return q->put == q->head && q->put == q->tail;
}

/* Nobody will touch its memory any more: not the device, not its workers, not another guest. */
static bool nothing_left(const struct guest *g)
{
	const struct dpath *dp = &g->dp;

	return !worker_up(&g->hrx) && !worker_up(&g->htx) &&
	       (!dp->vmm_pl || (!worker_up(&g->hvmm) && queue_empty(&dp->to_vmm))) && !dp->tx_out &&
	       (!dp->shared || queue_empty(dp->shared)) && (!dp->out || !dp->out->chains) &&
	       !nic_queue_busy(g->nq);
}

/* What the host had handed over, and the guest never took. */
static void drop_untaken(struct guest *g)
{
	struct virtq_drv *rxq = &g->vio.rxq;
	struct frame *f;
	uint64_t buf;
	uint32_t len;

	virtq_drv_used(rxq);
	while (virtq_drv_get(rxq, &g->grx_pl, &buf, &len, &f))
		if (f)
			world_drop(&g->m->world, f, DROP_GUEST_GONE);
}

/* No device may find a way to its pages by what the IOTLB still knows. */
static void give_back(struct guest *g)
{
	struct evq *q = &g->m->q;

	guest_quiesce(g);
	iommu_flush(g->m->iommu, evq_now(q));
	g->released_at = evq_now(q);
	g->m->ending--;
}

static void look_event(struct event *ev)
{
	struct guest *g = GUEST_OF(ev, end);
	struct evq *q = &g->m->q;

	if (!g->last_look && !nic_queue_busy(g->nq)) {
		g->last_look = true;
		call_workers(g);
	} else if (g->last_look && nothing_left(g)) {
		drop_untaken(g);
		give_back(g);
		return;
	}
	evq_schedule(q, ev, evq_now(q) + g->m->reclaim_every);
}

/* Its queue of the NIC is the host's: let all that is under way end. */
static void close_queues(struct guest *g)
{
	struct evq *q = &g->m->q;

	g->dp.gone = true;
	if (g->dp.own_queue)
		nic_queue_close(g->nq);
	virtq_drv_publish(&g->vio.txq); /* the workers will find them, and drop them */
	call_workers(g);
	event_init(&g->end, look_event);
	evq_schedule(q, &g->end, evq_now(q) + g->m->reclaim_every);
}

static void end_event(struct event *ev)
{
	struct guest *g = GUEST_OF(ev, end);

	g->gone = true;
	g->m->ending++;
	stop_vcpus(g);
	if (g->station)
		station_close(g->station, evq_now(&g->m->q));
	drop_socket(g);
	if (g->nic->has_shared)
		g->nic->demux.target[g->index].gone = true;
	if (!g->vf) {
		close_queues(g);
		return;
	}
	vf_end(g);
	give_back(g);
}

void guest_end_init(struct guest *g)
{
	g->released_at = SIM_NEVER;
	event_init(&g->end, end_event);
	if (cfg_has(g->cfg, "destroyed_at"))
		evq_schedule(&g->m->q, &g->end, cfg_time(g->cfg, "destroyed_at"));
}
