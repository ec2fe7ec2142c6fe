/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic_peer.c - mediated: from the sender's virtual function into the receiver's memory.
 *
 * The nine steps of US 9,483,290, as a job's states; a message between functions takes peer_message
 * on one device and peer_to_peer between two:
 *
 *   1 fetched       DMA #1 has read the frame under the sender's requester id (nic_tx.c)
 *   2 JOB_LOOKUP    the destination is in the device's copy of the mapping; switch_latency
 *   3 JOB_LENGTH    the receiver's function gets the length, takes posted buffers for it, and asks
 *                   the remapper to let this peer write there: those bytes, until it is done
 *   4 JOB_ADDRESS   the sender's function has the addresses, in the receiver's domain
 *   5               ... and starts DMA #2 under its own requester id, on its own device's bus
 *   6 7 8           at its completion: trapped, translated in the receiver's domain, written
 *   9 JOB_NOTIFY    the receiver's function writes back its descriptors and tells its guest
 *
 * Without a buffer the answer is no, and the frame is lost at the sender's function; or, with
 * peer_wait, it waits at the receiver's until its driver posts some. Waiting frames take at most
 * half of the packet buffer, so frames for others always find room. No state waits for the sender's
 * own receive half: two functions with full rings cannot stop each other.
 *
 * If DMA #2 is refused, because the receiver was removed in between, say, the buffers go back to
 * the receiver's driver with an error. Steps 6 to 8 are one moment of the simulation, as for all
 * DMA.
 */
#include "nic_impl.h"

#include "../host/peermap.h"
#include "frame.h"

static sim_time hop(const struct nic_job *job)
{
	const struct nic *n = job->from->nic;

	return n == job->to->nic ? n->cfg.peer_message : n->cfg.peer_to_peer;
}

static void go(struct nic_job *job, enum nic_job_state state, sim_time after)
{
	struct nic *n = job->from->nic;

	job->state = state;
	evq_schedule(n->q, &job->ev, evq_now(n->q) + after);
}

void nic_peer_begin(struct nic_job *job)
{
	go(job, JOB_LOOKUP, job->from->nic->cfg.switch_latency);
}

/* ---- the receiver's function ---- */

/* The buffers that were claimed, as the remapper shall know them; how many. 0: too many. */
static unsigned segments(const struct nic_queue *to, uint32_t ndesc, uint32_t len,
			 struct peer_seg *seg)
{
	unsigned n = 0;

	for (uint32_t i = 0; len && i < ndesc; i++) {
		const struct nic_rx_read *r = &to->rx_copy[(to->rx_head + i) & (to->rx.size - 1)];
		uint32_t part = len < r->len ? len : r->len;

		if (!part)
			continue;
		if (n == PEERMAP_SEGS)
			return 0;
		seg[n++] = (struct peer_seg){r->addr, part};
		len -= part;
	}
	return n;
}

/* Takes buffers and permits the peer to write them. False: there are none, and job->why. */
static bool grant(struct nic_job *job)
{
	struct peermap *map = job->from->nic->fabric->map;
	struct nic_queue *to = job->to;
	struct peer_seg seg[PEERMAP_SEGS];
	uint32_t ndesc =
		to->port ? nic_bus_claim(to, job->pkt->len) : nic_rx_claim(to, job->pkt->len);
	unsigned n = ndesc ? segments(to, ndesc, job->pkt->len, seg) : 0;

	job->why = DROP_NO_PEER_BUFFER;
	if (!n)
		return false;
	job->grant = peermap_grant(map, job->from->requester, to->requester, seg, n);
	if (!job->grant) {
		job->why = DROP_GUEST_GONE;
		return false;
	}
	job->desc = to->rx_head;
	job->ndesc = ndesc;
	to->rx_head += ndesc;
	if (to->port)
		nic_bus_rx_more(to);
	return true;
}

/* On a bus: are descriptors on their way to the receiver's function? */
static bool coming(const struct nic_queue *to)
{
	return to->port && nic_bus_coming(to);
}

static bool may_wait(const struct nic_job *job)
{
	const struct nic *n = job->from->nic;

	return (n->cfg.peer_wait || coming(job->to)) && job->why == DROP_NO_PEER_BUFFER &&
	       n->waiting + job->pkt->len <= n->cfg.rx_buffer / 2;
}

static void wait_for_buffer(struct nic_job *job)
{
	struct nic_queue *to = job->to;
	struct nic *n = job->from->nic;

	job->next = NULL;
	if (to->wait_first)
		to->wait_last->next = job;
	else
		to->wait_first = job;
	to->wait_last = job;
	n->waiting += job->pkt->len;
	if (n->cfg.peer_wait)
		go(job, JOB_WAIT, n->cfg.peer_wait);
	else
		job->state = JOB_WAIT;
	if (to->port)
		nic_bus_rx_more(to);
}

/* Off the list, whoever it is behind. */
static void wait_ends(struct nic_job *job)
{
	struct nic_queue *to = job->to;
	struct nic_job **at = &to->wait_first, *last = NULL;

	for (; *at != job; at = &(*at)->next)
		last = *at;
	*at = job->next;
	if (to->wait_last == job)
		to->wait_last = last;
	job->from->nic->waiting -= job->pkt->len;
}

static void length(struct nic_job *job)
{
	struct nic_queue *to = job->to;
	bool alive = job->life == to->life, granted;

	nic_step(job, NIC_STEP_LENGTH);
	nic_rx_seen(to);
	job->why = alive ? DROP_NO_PEER_BUFFER : DROP_GUEST_GONE;
	granted = alive && !to->wait_first && grant(job);
	if (!granted && may_wait(job))
		wait_for_buffer(job);
	else
		go(job, JOB_ADDRESS, hop(job));
}

void nic_peer_bell(struct plat_line *line)
{
	struct nic_queue *to = line->ctx;
	struct nic_job *job;

	while (!to->stopped && (job = to->wait_first) && grant(job)) {
		wait_ends(job);
		evq_cancel(to->nic->q, &job->ev);
		go(job, JOB_ADDRESS, hop(job));
	}
	/* On a bus: what waited for descriptors that hold nothing for it, and for nothing else. */
	while (!coming(to) && (job = to->wait_first) && !job->from->nic->cfg.peer_wait) {
		wait_ends(job);
		go(job, JOB_ADDRESS, hop(job));
	}
}

void nic_peer_stop(struct nic_queue *q)
{
	struct nic_job *job;

	while ((job = q->wait_first)) {
		wait_ends(job);
		evq_cancel(q->nic->q, &job->ev);
		nic_job_drop(job, DROP_GUEST_GONE);
	}
}

static void notify(struct nic_job *job)
{
	struct nic_queue *to = job->to;
	bool alive = job->life == to->life;

	nic_step(job, NIC_STEP_NOTIFIED);
	if (to->port && alive) {
		nic_bus_peer_status(job);
		return;
	}
	nic_peer_told(job);
	if (alive)
		nic_notify_rx(to);
}

void nic_peer_told(struct nic_job *job)
{
	struct nic_queue *to = job->to;
	struct nic *n = to->nic;
	struct frame *f = job->f;
	bool stray = nic_is_stray(job->from->nic, f);

	if (job->life != to->life) {
		nic_job_drop(job, job->failed ? DROP_DMA_FAULT : DROP_GUEST_GONE);
		return;
	}
	nic_rx_write_back(to, job->desc, job->ndesc, job->pkt->len, job->failed || stray ? NULL : f,
			  job->target);
	if (job->failed) {
		nic_job_drop(job, DROP_DMA_FAULT);
		return;
	}
	frame_stamp(f, STAGE_NIC, evq_now(n->q));
	to->stats.received++;
	to->stats.received_local++;
	nic_step(job, NIC_STEP_INTERRUPT);
	if (stray)
		world_drop(n->world, f, DROP_BAD_DESCRIPTOR);
	nic_job_free(job->from->nic, job);
}

/* ---- the sender's function ---- */

static void address(struct nic_job *job)
{
	struct nic *n = job->from->nic;
	struct nic_dma *dma;

	nic_step(job, NIC_STEP_ADDRESS);
	if (!job->grant) {
		nic_job_drop(job, job->why);
		return;
	}
	nic_step(job, NIC_STEP_DMA);
	if (n->bus) {
		nic_bus_peer_data(job);
		return;
	}
	/* The receiver's descriptors go by its own device's bus: not in this model if that is
	 * another. */
	dma = nic_rx_transfer(n, job->pkt->len, n == job->to->nic ? job->ndesc : 0);
	dma->job = job;
	dma->pkt = NULL;
	dma->held = false;
}

/* Page by page, as the remapper says. False: refused; nothing from there on is written. */
static bool write_peer(struct nic_job *job)
{
	struct nic *n = job->from->nic;
	const struct nic_queue *to = job->to;
	uint8_t *p = job->pkt->bytes;
	uint32_t left = job->pkt->len;
	struct iommu_hit hit;

	for (uint32_t i = 0; left && i < job->ndesc; i++) {
		const struct nic_rx_read *r = &to->rx_copy[(job->desc + i) & (to->rx.size - 1)];
		uint32_t part = left < r->len ? left : r->len;
		uint64_t at = r->addr;

		for (left -= part; part; part -= (uint32_t)hit.len) {
			if (peermap_translate(n->fabric->map, job->grant, job->from->requester,
					      (iova_t){at}, part, IOMMU_WRITE, evq_now(n->q),
					      &hit) != IOMMU_OK)
				return false;
			nic_step(job, NIC_STEP_TRANSLATED);
			if (!nic_dma_piece(n, job->f, &hit, p, IOMMU_WRITE))
				return false;
			p += hit.len;
			at += hit.len;
		}
	}
	return !left;
}

void nic_peer_dma(struct nic_job *job)
{
	struct frame *f = job->f;

	nic_step(job, NIC_STEP_TRAPPED);
	job->failed = !write_peer(job);
	if (!job->failed) {
		nic_step(job, NIC_STEP_WRITTEN);
		f->led->dma_transfers++;
		f->led->dma_bytes += job->pkt->len;
	}
	peermap_end(job->from->nic->fabric->map, job->grant);
	go(job, JOB_NOTIFY, hop(job));
}

void nic_peer_event(struct nic_job *job)
{
	switch (job->state) {
	case JOB_LOOKUP:
		nic_step(job, NIC_STEP_LOOKED_UP);
		go(job, JOB_LENGTH, hop(job));
		break;
	case JOB_LENGTH:
		length(job);
		break;
	case JOB_WAIT: /* for too long */
		wait_ends(job);
		nic_job_drop(job, DROP_NO_PEER_BUFFER);
		break;
	case JOB_ADDRESS:
		address(job);
		break;
	default:
		notify(job);
	}
}
