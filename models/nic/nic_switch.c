/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic_switch.c - virtual functions, and the switch between them: see nic.h.
 *
 * A frame that was fetched is looked up once (nic_route). For guests here it is copied into a
 * packet of the NIC's own memory, counted in the packet buffer, and each receiver gets a job: one
 * frame on its way to one queue, an event of its own, and a reference to the packet. Packets and
 * jobs are kept for reuse, as many as were ever under way.
 *
 * For whom the records are that travel with a broadcast frame (frame.peer) was decided when it was
 * made; the bytes decide everything else. A frame without a record, as a hostile driver makes them,
 * goes the same ways and is booked nowhere.
 */
#include "nic_impl.h"

#include <glib.h>

#include "../host/peermap.h"
#include "frame.h"

const char *const nic_step_names[NIC_STEP_N + 1] = {
#define X(id, name) #name,
	NIC_STEPS(X)
#undef X
		NULL};

/* ---- packets and jobs ---- */

struct nic_pkt *nic_pkt_new(struct nic *n, const uint8_t *bytes, uint32_t len, bool held)
{
	struct nic_pkt *p = n->pkt_free;

	if (held && n->rx_held + len > n->cfg.rx_buffer)
		return NULL;
	if (p) {
		n->pkt_free = p->next;
	} else {
		p = g_malloc(sizeof(*p) + n->pkt_bytes);
		g_ptr_array_add(n->switch_memory, p);
	}
	n->rx_held += held ? len : 0;
	p->len = len;
	p->held = held;
	p->refs = 1;
	memcpy(p->bytes, bytes, len);
	return p;
}

void nic_pkt_put(struct nic *n, struct nic_pkt *p)
{
	if (--p->refs)
		return;
	n->rx_held -= p->held ? p->len : 0;
	p->next = n->pkt_free;
	n->pkt_free = p;
}

static void job_event(struct event *ev)
{
	struct nic_job *job = (struct nic_job *)((char *)ev - offsetof(struct nic_job, ev));
	struct nic *n = job->from->nic;

	if (job->state == JOB_BRIDGE) {
		job->at = evq_now(n->q);
		nic_reflect(n, job);
	} else if (job->state != JOB_SWITCH) {
		nic_peer_event(job);
	} else if (job->life != job->to->life) {
		nic_job_drop(job, DROP_GUEST_GONE);
	} else {
		nic_deliver(job->to, job->f, job->target,
			    (struct nic_way){job->pkt->bytes, job->pkt});
		nic_job_free(n, job);
	}
}

/* Takes a reference of the packet. */
static struct nic_job *job_new(struct nic_queue *from, struct nic_queue *to, struct frame *f,
			       struct nic_pkt *pkt, uint32_t target)
{
	struct nic *n = from->nic;
	struct nic_job *job = n->job_free;

	if (job) {
		n->job_free = job->next;
	} else {
		job = g_new(struct nic_job, 1);
		g_ptr_array_add(n->switch_memory, job);
	}
	*job = (struct nic_job){.from = from, .to = to, .f = f, .pkt = pkt, .target = target};
	job->life = to ? to->life : 0;
	pkt->refs++;
	event_init(&job->ev, job_event);
	return job;
}

void nic_job_free(struct nic *n, struct nic_job *job)
{
	nic_pkt_put(n, job->pkt);
	job->next = n->job_free;
	n->job_free = job;
}

void nic_job_drop(struct nic_job *job, enum drop_reason why)
{
	nic_rx_drop(job->to, job->f, why);
	nic_job_free(job->from->nic, job);
}

void nic_step(struct nic_job *job, enum nic_step step)
{
	struct nic *n = job->from->nic;

	if (n->step)
		n->step(n->step_ctx, job->from, job->to, job->f, step);
}

/* ---- who gets it ---- */

/* The queue by which a guest gets frames from `from`: of another mediated NIC, or of this one. */
static struct nic_queue *queue_of(const struct nic_queue *from, uint32_t guest)
{
	const struct nic *n = from->nic;

	if (from->vf >= 0 && n->fabric && n->fabric->vf[guest])
		return n->fabric->vf[guest];
	return &n->queue[n->guest_queue[guest]];
}

/* Its records have come this far with the first one. */
static void peers_follow(struct frame *f)
{
	for (struct frame *p = f->peer; p; p = p->peer) {
		p->last = f->last;
		p->overwritten = f->overwritten;
		memcpy(p->stage_ps, f->stage_ps, sizeof(f->stage_ps));
	}
}

/* The frame's bytes are in the sender's function: on to the receiver's. */
static void begin(struct nic_queue *from, struct nic_queue *to, struct frame *f,
		  struct nic_pkt *pkt, uint32_t target)
{
	struct nic *n = from->nic;
	struct nic_job *job = job_new(from, to, f, pkt, target);

	nic_step(job, NIC_STEP_FETCHED);
	if (n->cfg.kind == NIC_MEDIATED && from->vf >= 0 && to->vf >= 0)
		nic_peer_begin(job);
	else
		evq_schedule(n->q, &job->ev, evq_now(n->q) + n->cfg.switch_latency);
}

static void sent_drop(struct nic_queue *q, struct frame *f, enum drop_reason why)
{
	q->stats.sent_drops[why]++;
	world_drop(q->nic->world, f, why);
}

/* Takes the records whose guests have a virtual function, or have none, off the list. */
static struct frame *split(const struct nic_queue *from, struct frame **list, bool vf)
{
	struct frame **at = list, *mine = NULL, **end = &mine;

	while (*at) {
		struct frame *p = *at;
		if ((queue_of(from, (uint32_t)p->to)->vf >= 0) != vf) {
			at = &p->peer;
			continue;
		}
		*at = p->peer;
		p->peer = NULL;
		*end = p;
		end = &p->peer;
	}
	return mine;
}

/* To each other virtual function, and to the PF's queue for its guests. */
static void flood(struct nic_queue *q, struct frame *f, const uint8_t *bytes, uint32_t len)
{
	struct nic *n = q->nic;
	struct frame *list, *vfs, *next;
	struct nic_pkt *pkt;

	if (!f->peer)
		return;
	peers_follow(f);
	list = f->peer;
	f->peer = NULL;
	q->stats.sent_local++;
	pkt = nic_pkt_new(n, bytes, len, true);
	if (!pkt) {
		sent_drop(q, list, DROP_NIC_FIFO_FULL);
		return;
	}
	vfs = split(q, &list, true);
	for (; vfs; vfs = next) {
		struct nic_queue *to = queue_of(q, (uint32_t)vfs->to);
		next = vfs->peer;
		vfs->peer = NULL;
		begin(q, to, vfs, pkt, to->guest);
	}
	if (list)
		begin(q, &n->queue[n->all_queue], list, pkt, NIC_ALL);
	nic_pkt_put(n, pkt);
}

static bool spoofed(const struct nic_queue *q, const uint8_t *bytes, uint32_t len)
{
	return q->vf >= 0 && q->nic->cfg.anti_spoof &&
	       (len < 14 || peermap_mac(bytes + 6) != q->mac);
}

bool nic_switch(struct nic *n, struct nic_dma *d, const uint8_t *bytes)
{
	struct nic_queue *q = d->queue, *to;
	struct frame *f = d->frame;
	struct nic_pkt *pkt;
	uint32_t guest;

	if (spoofed(q, bytes, d->len)) {
		sent_drop(q, f, DROP_SPOOFED);
		return true;
	}
	guest = nic_route(q, bytes, d->len);
	if (guest == NIC_NOBODY)
		return false;
	if (guest == NIC_ALL) {
		if (n->cfg.kind != NIC_VEPA)
			flood(q, f, bytes, d->len);
		return false;
	}
	to = queue_of(q, guest);
	if (to == q) {
		sent_drop(q, f, DROP_TO_SELF);
		return true;
	}
	q->stats.sent_local++;
	if (n->cfg.kind == NIC_VEPA)
		return false;
	pkt = nic_pkt_new(n, bytes, d->len, true);
	if (pkt) {
		begin(q, to, f, pkt, guest);
		nic_pkt_put(n, pkt);
	} else {
		sent_drop(q, f, DROP_NIC_FIFO_FULL);
	}
	return true;
}

/* ---- from the wire, and back from the bridge ---- */

void nic_flood_in(struct nic *n, struct frame *f, uint8_t *bytes)
{
	struct nic_queue *host = &n->queue[n->all_queue];
	struct nic_pkt *pkt = nic_pkt_new(n, bytes, f->len, true);
	struct frame *vfs, *next;

	if (!pkt) {
		nic_rx_drop(host, f, DROP_NIC_FIFO_FULL);
		return;
	}
	peers_follow(f);
	vfs = split(host, &f, true);
	for (; vfs; vfs = next) {
		struct nic_queue *to = queue_of(host, (uint32_t)vfs->to);
		next = vfs->peer;
		vfs->peer = NULL;
		nic_deliver(to, vfs, to->guest, (struct nic_way){pkt->bytes, pkt});
	}
	if (f)
		nic_deliver(host, f, NIC_ALL, (struct nic_way){pkt->bytes, pkt});
	nic_pkt_put(n, pkt);
}

bool nic_bridge(struct nic *n, struct frame *f, const uint8_t *bytes)
{
	struct frame *back = f->local ? f : f->peer;
	struct nic_pkt *pkt;
	struct nic_job *job;

	if (!back)
		return false;
	peers_follow(f);
	if (!f->local)
		f->peer = NULL;
	pkt = nic_pkt_new(n, bytes, f->len, false);
	job = job_new(&n->queue[n->all_queue], NULL, back, pkt, NIC_ALL);
	nic_pkt_put(n, pkt);
	job->state = JOB_BRIDGE;
	if (n->cfg.lro)
		nic_segment(back, bytes, n->cfg.mtu);
	evq_schedule(n->q, &job->ev, evq_now(n->q) + n->cfg.hairpin_delay);
	return f->local;
}

/* ---- virtual functions ---- */

void nic_join(struct nic *n, struct nic_fabric *fabric)
{
	n->fabric = fabric;
	n->device = peermap_device(fabric->map);
}

bool nic_vf(struct nic *n, unsigned queue, unsigned vf, unsigned guest, uint16_t requester,
	    const uint8_t mac[6])
{
	struct nic_queue *q = &n->queue[queue];
	struct peer peer = {.mac = peermap_mac(mac), .requester = requester, .vf = q};

	if (n->fabric && !peermap_add(n->fabric->map, &peer))
		return false;
	n->vfs += q->vf < 0;
	q->vf = (int)vf;
	q->requester = requester;
	q->mac = peer.mac;
	q->guest = guest;
	nic_guest(n, guest, mac, queue);
	if (n->fabric)
		n->fabric->vf[guest] = q;
	return true;
}

bool nic_vf_move(struct nic *n, unsigned queue, const uint8_t mac[6])
{
	struct nic_queue *q = &n->queue[queue];

	if (n->fabric && !peermap_move(n->fabric->map, q->requester, peermap_mac(mac)))
		return false;
	nic_forget(n, q->guest);
	q->mac = peermap_mac(mac);
	nic_guest(n, q->guest, mac, queue);
	return true;
}

void nic_queue_stop(struct nic *n, unsigned queue)
{
	struct nic_queue *q = &n->queue[queue];

	if (q->stopped)
		return;
	q->stopped = true;
	q->life++;
	q->regs.rx_irq = q->regs.tx_irq = false;
	evq_cancel(n->q, &q->rx_itr.ev);
	evq_cancel(n->q, &q->tx_itr.ev);
	nic_tx_stop(q);
	nic_peer_stop(q);
	if (q->port)
		nic_bus_stop(q);
	if (q->vf < 0)
		return;
	nic_forget(n, q->guest);
	if (!n->fabric)
		return;
	peermap_remove(n->fabric->map, q->requester);
	n->fabric->vf[q->guest] = NULL;
}
