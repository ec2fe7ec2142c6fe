/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dpath.c - bursts and commits of a guest's host side, and what policies share: see dpath.h. */
#include "dpath.h"

#include "cluster.h"
#include "frame.h"
#include "outbox.h"
#include "place.h"
#include "policy.h"

/* Frames that a burst takes. */
static unsigned batch(const struct dpath *dp)
{
	return dp->batch ? dp->batch : DPATH_BURST;
}

/* Is what the burst took all that it may take? Then there may be more. */
static bool burst_full(const struct dpath *dp, const struct dpath_burst *b)
{
	return b->work >= batch(dp) || b->cut;
}

/* What is received is known when it is there: its bytes are judged after the burst. */
static void turn_received(const struct dpath *dp, struct dpath_burst *b)
{
	for (unsigned i = 0; dp->turn_bytes && i < b->frames; i++)
		b->turn_bytes += b->frame[i]->len;
}

/* The commit's end: with `more` to do, does the worker go on, or do others have a turn? */
static bool turn_ends(const struct dpath *dp, struct dpath_burst *b, bool more)
{
	b->turn_packets += b->work;
	b->stays = more && b->turn_packets < dp->turn_packets &&
		   (!dp->turn_bytes || b->turn_bytes < dp->turn_bytes);
	if (!b->stays) {
		b->turn_packets = 0;
		b->turn_bytes = 0;
	}
	return more;
}

static void burst_begin(struct dpath_burst *b)
{
	b->frames = 0;
	b->work = 0;
	b->blocked = false;
	b->cut = false;
}

static void burst_stamp(struct dpath_burst *b, struct plat *pl, enum frame_stage stage)
{
	for (unsigned i = 0; i < b->frames; i++)
		plat_stamp(pl, b->frame[i], stage);
}

/* A process buffer is there before the frame that names it. */
static void publish_rx(struct dpath *dp)
{
	if (dp->place)
		virtq_dev_publish(&dp->place->bufs);
	virtq_dev_publish(&dp->rxq);
}

/* After the publish: interrupt the guest if it wants to know. True: it did. */
static bool notify(struct dpath *dp, struct virtq_dev *vq, struct plat *pl, struct plat_line *line)
{
	if (!vq->unsignalled || dp->gone)
		return false;
	if (virtq_dev_should_notify(vq, pl)) {
		dp->interrupts++;
		plat_kick(pl, line, 0);
		return true;
	}
	dp->interrupts_suppressed++;
	return false;
}

/* The same for what burst b has put into the receive queue, unless clustering puts it off. */
static void notify_rx(struct dpath *dp, const struct dpath_burst *b, struct plat *pl)
{
	struct cluster *c = dp->gone ? NULL : dp->cluster;

	if (!c)
		notify(dp, &dp->rxq, pl, dp->rx_intr);
	else if (cluster_due(c, &dp->rxq, pl, b->frames))
		cluster_told(c, pl, notify(dp, &dp->rxq, pl, dp->rx_intr));
}

/* ---- receive ----------------------------------------------------------------------------------
 */

bool dpath_other_host(struct dpath *dp, struct plat *pl, const struct pktq_entry *e)
{
	if (!dp->mac || !e->local || e->reason != REASON_MULTICAST || lswitch_is_for(e, dp->mac))
		return false;
	plat_drop(pl, e->frame, DROP_OTHER_HOST);
	return true;
}

/* Frames that came in by a shared device queue or from other guests, with one copy each. */
static void rx_shared(struct dpath *dp)
{
	struct dpath_burst *b = &dp->rxb;
	struct pktq_entry *e;
	bool falls = dp->rx_policy->rx_copies == 0; /* else it is the copy that is made anyway */

	while (b->work < batch(dp) && (e = pktq_take(dp->shared))) {
		plat_stamp(dp->rx_pl, e->frame, STAGE_HOST_WAIT);
		b->work++;
		if (dp->mac && dpath_other_host(dp, dp->rx_pl, e))
			continue;
		dpath_to_guest(
			dp, dp->rx_pl, b, e->frame, e->local ? e->site : SITE_HYPERVISOR_TO_GUEST,
			falls ? e->reason : REASON_POLICY, e->csum, hbuf_pieces(e->pool, e->buf));
	}
}

void dpath_rx_burst(struct dpath *dp)
{
	struct plat_rx rx[DPATH_BURST];
	struct dpath_burst *b = &dp->rxb;

	burst_begin(b);
	if (__builtin_expect(dp->gone, 0)) {
		dpath_gone_rx(dp);
		return;
	}
	if (dp->shared && !dp->rx_policy->vmm_rx) {
		pktq_awake(dp->shared);
		rx_shared(dp);
	}
	if (!dp->own_queue)
		return;
	if (!dp->poll)
		plat_dev_rx_irq(dp->rx_pl, dp->port, false);
	if (dp->rx_policy->vmm_rx)
		pktq_reclaim(&dp->to_vmm);
	dp->rx_csum = dpath_rx_csum(dp->rx_pl, dp->port);
	unsigned n = plat_dev_reap_rx(dp->rx_pl, dp->port, rx, batch(dp) - b->work);
	b->work += n;
	if (n)
		dp->rx_policy->rx(dp, rx, n);
	dp->rx_policy->rx_post(dp);
}

/* Nothing left to do: enable what wakes the worker, and look again. */
static bool rx_sleep(struct dpath *dp)
{
	struct plat *pl = dp->rx_pl;

	if (dp->own_queue && !dp->poll && plat_dev_rx_irq(pl, dp->port, true))
		return true;
	if (dp->shared && !dp->rx_policy->vmm_rx && pktq_sleep(dp->shared, pl))
		return true;
	/* Guest buffers run low in the device: hear of new ones. */
	if (dp->rx_hungry && !dp->poll && virtq_dev_notify_on(&dp->rxq, pl))
		return true;
	return false;
}

/* A commit publishes all it has at its own time, before anything that takes time. */
bool dpath_rx_commit(struct dpath *dp)
{
	struct dpath_burst *b = &dp->rxb;
	struct plat *pl = dp->rx_pl;
	bool wake_vmm = false;

	turn_received(dp, b);
	burst_stamp(b, pl, STAGE_HOST);
	if (dp->rx_policy->vmm_rx) {
		wake_vmm = pktq_publish(&dp->to_vmm, pl);
	} else {
		publish_rx(dp);
		if (dp->shared)
			pktq_consumed(dp->shared, pl);
	}
	if (dp->own_queue)
		plat_dev_flush_rx(pl, dp->port);
	if (wake_vmm)
		plat_kick(pl, dp->vmm_line, 0);
	if (!dp->rx_policy->vmm_rx)
		notify_rx(dp, b, pl);
	return turn_ends(dp, b, (b->work && (dp->poll || burst_full(dp, b))) || rx_sleep(dp));
}

void dpath_post_hbufs(struct dpath *dp, enum copy_reason reason)
{
	struct plat_seg seg[DPATH_SEGS];
	struct hbuf_pool *p = &dp->rx_pool;

	while (p->top && plat_dev_rx_room(dp->rx_pl, dp->port) >= p->per) {
		uint32_t buf = hbuf_get(p);
		unsigned n = hbuf_segs(p, buf, p->bytes, seg);
		dp->rx_reason[buf] = reason;
		p->lent[buf] = 1;
		plat_dev_post_rx(dp->rx_pl, dp->port, DPATH_HBUF | buf, seg, n);
	}
}

void dpath_put_pieces(const struct piece *at, const struct virtq_net_hdr *h)
{
	const uint8_t *from = (const uint8_t *)h;
	uint32_t left = sizeof(*h), part = at->len < left ? at->len : left;

	__builtin_memcpy(at->p, from, part);
	while ((left -= part)) {
		from += part;
		at++;
		part = at->len < left ? at->len : left;
		__builtin_memcpy(at->p, from, part);
	}
}

bool dpath_pieces(struct virtq_dev *vq, struct plat *pl, const struct virtq_seg *seg, unsigned nseg,
		  uint32_t skip, uint32_t len, enum plat_access access, struct piece *piece)
{
	unsigned n = 0;

	for (unsigned i = 0; i < nseg && len; i++) {
		uint64_t at = seg[i].addr.a;
		uint32_t left = seg[i].len;
		if (skip >= left) {
			skip -= left;
			continue;
		}
		at += skip;
		left -= skip;
		skip = 0;
		if (left > len)
			left = len;
		len -= left;
		while (left) {
			uint32_t part = left;
			uint8_t *p = plat_map(pl, (gpa_t){at}, &part, access);
			if (!p || n == DPATH_PIECES) {
				virtq_dev_fail(vq, VIRTQ_ERR_ADDR_RANGE);
				return false;
			}
			piece[n++] = (struct piece){p, part};
			at += part;
			left -= part;
		}
	}
	return true;
}

/*
 * Chains for `need` bytes: one, or with mrg_rxbuf as many as it takes. Returns how many were
 * popped; 0 with *why set if it cannot be done (nothing stays popped).
 */
#define MAX_MERGE 64u
static unsigned take_chains(struct dpath *dp, struct plat *pl, uint32_t need, uint16_t *head,
			    uint32_t *bytes, struct virtq_seg *seg, unsigned *nseg,
			    enum drop_reason *why)
{
	struct virtq_dev *vq = &dp->rxq;
	struct virtq_chain c;
	unsigned n = 0;
	uint64_t have = 0;

	*nseg = 0;
	while (have < need && n < (dp->mrg_rxbuf ? MAX_MERGE : 1)) {
		if (!virtq_dev_left(vq))
			virtq_dev_avail(vq);
		if (!virtq_dev_pop(vq, pl, &c, seg + *nseg, DPATH_SEGS - *nseg))
			break;
		/* A receive chain is what the device may write; readable parts have no meaning. */
		for (unsigned i = 0; i < c.nin; i++)
			seg[*nseg + i] = seg[*nseg + c.nout + i];
		head[n] = c.head;
		bytes[n] = c.in_bytes;
		have += c.in_bytes;
		*nseg += c.nin;
		n++;
	}
	if (have >= need)
		return n;
	*why = vq->stopped                      ? DROP_GUEST_QUEUE_STOPPED
	       : dp->mrg_rxbuf && n < MAX_MERGE ? DROP_GUEST_RING_EMPTY
	       : n                              ? DROP_SHORT_BUFFER
						: DROP_GUEST_RING_EMPTY;
	if (*why == DROP_SHORT_BUFFER)
		for (unsigned i = 0; i < n; i++) /* of no use for any frame like this one */
			virtq_dev_push(vq, pl, head[i], 0, NULL);
	else
		virtq_dev_unpop(vq, n);
	return 0;
}

bool dpath_fits_guest(struct dpath *dp, struct plat *pl, struct dpath_burst *b, struct frame *f,
		      enum copy_site site, enum copy_reason reason, struct csum csum,
		      const struct piece *src, enum drop_reason *why)
{
	struct virtq_seg seg[DPATH_SEGS];
	struct piece piece[DPATH_PIECES], header[VIRTQ_NET_HDR_BYTES];
	uint16_t head[MAX_MERGE];
	uint32_t bytes[MAX_MERGE], need = f->len + VIRTQ_NET_HDR_BYTES;
	unsigned nseg, n;

	*why = DROP_GUEST_RING_EMPTY;
	n = take_chains(dp, pl, need, head, bytes, seg, &nseg, why);
	if (!n)
		return false;
	if (!dpath_pieces(&dp->rxq, pl, seg, nseg, 0, VIRTQ_NET_HDR_BYTES, PLAT_WRITE, header) ||
	    !dpath_pieces(&dp->rxq, pl, seg, nseg, VIRTQ_NET_HDR_BYTES, f->len, PLAT_WRITE,
			  piece)) {
		*why = DROP_GUEST_QUEUE_STOPPED;
		return false;
	}
	/* Early, it misses the cache alone; late, it joins the stores of the frame. */
	if (__builtin_expect(dp->header_early, 0)) {
		dpath_write_header(header, (uint16_t)n, csum);
		plat_charge(pl, PLAT_W_HEADER_EARLY, 1);
	}
	pieces_copy(pl, f, site, reason, piece, src, f->len);
	if (__builtin_expect(!dp->header_early, 1))
		dpath_write_header(header, (uint16_t)n, csum);
	for (unsigned i = 0; i < n; i++) {
		uint32_t part = need < bytes[i] ? need : bytes[i];
		virtq_dev_push(&dp->rxq, pl, head[i], part, i ? NULL : f);
		need -= part;
	}
	dpath_handed_on(b, f);
	return true;
}

void dpath_to_guest(struct dpath *dp, struct plat *pl, struct dpath_burst *b, struct frame *f,
		    enum copy_site site, enum copy_reason reason, struct csum csum,
		    const struct piece *src)
{
	enum drop_reason why;

	if (dp->place)
		place_to_guest(dp, pl, b, f, site, reason, csum, src);
	else if (!dpath_fits_guest(dp, pl, b, f, site, reason, csum, src, &why))
		plat_drop(pl, f, why);
}

/* ---- the device emulator's part of receive
 * ------------------------------------------------------- */

void dpath_vmm_burst(struct dpath *dp)
{
	struct dpath_burst *b = &dp->vmmb;

	burst_begin(b);
	pktq_awake(&dp->to_vmm);
	if (dp->shared)
		pktq_awake(dp->shared);
	plat_charge(dp->vmm_pl, PLAT_W_POLL, 1);
	if (__builtin_expect(dp->gone, 0)) {
		dpath_gone_vmm(dp);
		return;
	}
	b->work = dp->rx_policy->vmm_rx(dp, batch(dp));
	if (b->work) {
		dp->vmm_entries[0]++;
		plat_charge(dp->vmm_pl, PLAT_W_VMM_ENTRY, 1);
	}
}

bool dpath_vmm_commit(struct dpath *dp)
{
	struct dpath_burst *b = &dp->vmmb;
	struct plat *pl = dp->vmm_pl;

	turn_received(dp, b);
	burst_stamp(b, pl, STAGE_VMM);
	publish_rx(dp);
	pktq_consumed(&dp->to_vmm, pl);
	if (dp->shared)
		pktq_consumed(dp->shared, pl);
	notify_rx(dp, b, pl);
	return turn_ends(dp, b,
			 (b->work && (dp->poll || burst_full(dp, b))) ||
				 pktq_sleep(&dp->to_vmm, pl) ||
				 (dp->shared && pktq_sleep(dp->shared, pl)));
}

/* ---- transmit
 * ------------------------------------------------------------------------------------- */

void dpath_tx_refuse(struct dpath *dp, struct virtq_chain *c, enum drop_reason why)
{
	dpath_tx_return(dp, c->head);
	if (c->frame)
		plat_drop(dp->tx_pl, c->frame, why);
}

/* False: the device has no room for it now. */
static bool tx_one(struct dpath *dp, struct virtq_chain *c)
{
	struct plat *pl = dp->tx_pl;

	ztx_taken(&dp->ztx, c->head, c->frame);
	if (__builtin_expect(dp->gone, 0)) {
		dpath_tx_refuse(dp, c, DROP_GUEST_GONE);
		return true;
	}
	if (c->oversize) {
		dpath_tx_refuse(dp, c, DROP_OVERSIZE);
		return true;
	}
	if (c->out_bytes <= VIRTQ_NET_HDR_BYTES) {
		virtq_dev_fail(&dp->txq, VIRTQ_ERR_HEADER);
		dpath_tx_refuse(dp, c, DROP_GUEST_QUEUE_STOPPED);
		return true;
	}
	/* Without a frame beside it (a hostile guest) there is nothing to measure or to send. */
	if (!c->frame || dpath_tx_len(c) != c->frame->len || c->frame->len > dp->max_frame) {
		dpath_tx_refuse(dp, c, DROP_OVERSIZE);
		return true;
	}
	if (__builtin_expect(dp->csum, 0) && !dpath_tx_header(dp, c))
		return true;
	plat_stamp(pl, c->frame, dp->tx_policy->tx_in_vmm ? STAGE_VMM_WAIT : STAGE_HOST_WAIT);
	return dp->out ? outbox_tx(dp, c) : dp->tx_policy->tx(dp, c);
}

static void tx_failed(struct dpath *dp, uint64_t *cookie)
{
	*cookie &= ~PLAT_TX_FAILED;
	if (!(*cookie & DPATH_HBUF))
		ztx_failed(&dp->ztx, (uint16_t)*cookie);
}

void dpath_tx_burst(struct dpath *dp)
{
	struct virtq_seg seg[DPATH_SEGS];
	struct virtq_chain c;
	uint64_t cookie[DPATH_BURST];
	struct dpath_burst *b = &dp->txb;
	struct plat *pl = dp->tx_pl;
	unsigned done, taken = 0;

	burst_begin(b);
	if (!dp->poll)
		plat_dev_tx_irq(pl, dp->port, false);
	done = plat_dev_reap_tx(pl, dp->port, cookie, DPATH_BURST);
	for (unsigned i = 0; i < done; i++) {
		if (__builtin_expect((cookie[i] & PLAT_TX_FAILED) != 0, 0))
			tx_failed(dp, &cookie[i]);
		dp->tx_policy->tx_done(dp, cookie[i]);
	}
	if (dp->out)
		done += outbox_reclaim(dp);
	plat_charge(pl, PLAT_W_POLL, 1);
	virtq_dev_avail(&dp->txq);
	while (taken < batch(dp) && !b->cut && virtq_dev_pop(&dp->txq, pl, &c, seg, DPATH_SEGS)) {
		if (taken == 0 && dp->tx_policy->tx_in_vmm) {
			dp->vmm_entries[1]++;
			plat_charge(pl, PLAT_W_VMM_ENTRY, 1);
		}
		uint32_t bytes = c.out_bytes;
		if (!tx_one(dp, &c)) {
			virtq_dev_unpop(&dp->txq, 1);
			b->blocked = true;
			break;
		}
		taken++;
		if (__builtin_expect(dp->turn_bytes != 0, 0))
			b->cut = (b->turn_bytes += bytes) >= dp->turn_bytes;
	}
	b->work = taken > done ? taken : done;
}

static bool tx_sleep(struct dpath *dp)
{
	struct plat *pl = dp->tx_pl;

	/* Blocked, the guest's next kick changes nothing: only the device's progress does. */
	if ((dp->txb.blocked || (dp->tx_policy->tx_wants_done && dp->tx_out)) &&
	    plat_dev_tx_irq(pl, dp->port, true))
		return true;
	if (dp->out && outbox_sleep(dp->out, pl))
		return true;
	return !dp->txb.blocked && virtq_dev_notify_on(&dp->txq, pl);
}

bool dpath_tx_commit(struct dpath *dp)
{
	enum frame_stage stage = dp->tx_policy->tx_in_vmm ? STAGE_VMM : STAGE_HOST;
	struct dpath_burst *b = &dp->txb;
	struct plat *pl = dp->tx_pl;

	burst_stamp(b, pl, stage);
	virtq_dev_publish(&dp->txq);
	if (dp->out)
		outbox_commit(dp->out, pl, stage);
	if (dp->ztx.nreturned)
		ztx_published(&dp->ztx, plat_now(pl));
	plat_dev_flush_tx(pl, dp->port);
	notify(dp, &dp->txq, pl, dp->tx_intr);
	if (dp->poll)
		return turn_ends(dp, b, b->work > 0 || (dp->out && outbox_sleep(dp->out, pl)));
	if (burst_full(dp, b) || tx_sleep(dp)) {
		virtq_dev_notify_off(&dp->txq);
		return turn_ends(dp, b, true);
	}
	return turn_ends(dp, b, false);
}

void dpath_tx_hbuf(struct dpath *dp, struct virtq_chain *c, uint32_t buf)
{
	struct plat_seg seg[DPATH_SEGS];
	unsigned n = hbuf_segs(&dp->tx_pool, buf, dpath_tx_len(c), seg);

	dp->tx_pool.lent[buf] = 1;
	if (__builtin_expect(dp->tx_csum.flags & CSUM_NEEDED, 0))
		dpath_tx_fill(dp, c->frame, hbuf_pieces(&dp->tx_pool, buf), dpath_tx_len(c));
	if (dp->out && dp->out->flood)
		outbox_flood(dp, c->frame, buf);
	dpath_tx_send(dp, DPATH_HBUF | buf, c->frame, seg, n);
	dpath_tx_return(dp, c->head);
	dpath_handed_on(&dp->txb, c->frame);
}

uint32_t dpath_tx_hbuf_get(struct dpath *dp, struct virtq_chain *c, bool *gone)
{
	struct hbuf_pool *p = &dp->tx_pool;

	*gone = !p->top && dp->ztx.pool_drop;
	if (*gone)
		dpath_tx_refuse(dp, c, DROP_NO_HYPERVISOR_BUFFER);
	return plat_dev_tx_room(dp->tx_pl, dp->port) < p->per ? HBUF_NONE : hbuf_get(p);
}

void dpath_tx_hbuf_done(struct dpath *dp, uint64_t cookie)
{
	uint32_t buf = (uint32_t)cookie;

	if (--dp->tx_pool.lent[buf] == 0) /* other guests may still read it */
		hbuf_put(&dp->tx_pool, buf);
}

bool dpath_tx_copied(struct dpath *dp, struct virtq_chain *c, enum copy_site site,
		     enum copy_reason reason)
{
	struct piece piece[DPATH_PIECES];
	struct hbuf_pool *p = &dp->tx_pool;
	struct plat *pl = dp->tx_pl;
	bool gone;
	uint32_t len = dpath_tx_len(c), buf = dpath_tx_hbuf_get(dp, c, &gone);

	if (buf == HBUF_NONE)
		return gone;
	if (!dpath_pieces(&dp->txq, pl, c->seg, c->nout, VIRTQ_NET_HDR_BYTES, len, PLAT_READ,
			  piece)) {
		hbuf_put(p, buf);
		dpath_tx_refuse(dp, c, DROP_GUEST_QUEUE_STOPPED);
		return true;
	}
	pieces_copy(pl, c->frame, site, reason, hbuf_pieces(p, buf), piece, len);
	dpath_tx_hbuf(dp, c, buf);
	return true;
}

void dpath_quiesce(struct dpath *dp)
{
	if (!dp->rx_slot)
		return;
	for (uint32_t i = 0; i < dp->rxq.size; i++)
		if (dp->rx_slot[i].nseg) {
			plat_dma_unmap(dp->rx_pl, dp->port, &dp->rx_seg[i * dp->max_segs],
				       dp->rx_slot[i].nseg);
			dp->rx_slot[i].nseg = 0;
		}
	for (uint32_t i = 0; i < dp->txq.size; i++)
		if (dp->tx_nseg[i]) {
			plat_dma_unmap(dp->tx_pl, dp->port, &dp->tx_seg[i * dp->max_segs],
				       dp->tx_nseg[i]);
			dp->tx_nseg[i] = 0;
		}
}
