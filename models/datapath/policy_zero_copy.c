/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_zero_copy.c - no copy: the device reads and writes the guest's own buffers.
 *
 * Receive. The guest's posted chains are mapped for DMA and given to the device, frame bytes 12 in,
 * behind the place of the virtio-net header, which the CPU writes when the frame is there. That
 * needs a device that takes guest memory and a receive queue of the guest's own, since the buffer
 * is chosen before the frame is known. One chain takes one frame: a chain too short for the longest
 * frame stays with the guest. Where frames also come by a shared queue (broadcast), one chain in
 * nine stays with the guest for them; where they come from other guests of the host, every second.
 *
 * Copybreak. A frame of at most dp->copybreak bytes is copied from the chain that the device wrote
 * to into the guest's next one, and the first goes back to the device as it is: no unmapping, no
 * invalidation, no mapping. As Linux drivers do for their own buffers. Without a next chain, or
 * with its first bytes in too many pieces, the guest gets the chain itself.
 *
 * Transmit. For each request, once there is room for it and before anything is copied, the device
 * that it is for is asked what it can, once; no answer is kept for another request. Then the chain
 * is mapped and sent as a gather list, and goes back to the guest when the device has read it
 * (ztx.h: or when all before it have been read).
 *
 * Fallbacks, each counted under its reason, cost one copy through a hypervisor buffer:
 * no_capability, shared_queue, short_buffer, map_failed, and copybreak if set (receive);
 * no_capability, no_gather, too_many_segments, map_failed, no_checksum, and too_small,
 * in_flight_cap, backing_off if set (transmit).
 *
 * Always holds: a chain with the device is mapped, and only then; every mapping ends when the
 * device is done with it.
 */
#include "policy.h"

#include "frame.h"
#include "place.h"
#include "zero_copy.h"

unsigned zero_copy_segs_bound(const struct virtq_seg *seg, unsigned n, uint32_t len)
{
	unsigned bound = 0;

	for (unsigned i = 0; i < n && len; i++) {
		uint32_t part = seg[i].len < len ? seg[i].len : len;
		bound += (unsigned)(((seg[i].addr.a & (PAGE_BYTES - 1)) + part + PAGE_BYTES - 1) >>
				    PAGE_SHIFT);
		len -= part;
	}
	return bound;
}

/*
 * Are the guest's remaining chains needed for frames that come by hypervisor buffers? One for each
 * such buffer that the device still has from a fallback; one in nine if a shared queue may bring
 * frames for several guests; every second if other guests of the host may send some, or if short
 * frames are copied.
 */
bool zero_copy_reserved(const struct dpath *dp)
{
	unsigned chains = virtq_dev_left(&dp->rxq), out = dp->rx_pool.n - dp->rx_pool.top;
	unsigned every_second = dp->out || dp->copybreak;
	unsigned kept = every_second ? dp->rx_posted : dp->rx_posted / 8;

	return (out && chains <= out) ||
	       ((dp->shared || dp->copybreak) && chains && chains <= kept);
}

inline bool zero_copy_map_rx(struct dpath *dp, const struct virtq_seg *in, unsigned nin,
			     struct plat_seg *dma, unsigned *n)
{
	uint32_t skip = VIRTQ_NET_HDR_BYTES, left = dp->max_frame;

	*n = 0;
	for (unsigned i = 0; i < nin && left; i++) {
		uint32_t part = skip < in[i].len ? skip : in[i].len, len = in[i].len - part;
		skip -= part;
		len = len < left ? len : left;
		left -= len;
		if (len && !plat_dma_map(dp->rx_pl, dp->port, (gpa_t){in[i].addr.a + part}, len,
					 PLAT_FROM_DEVICE, dma, dp->max_segs, n)) {
			plat_dma_unmap(dp->rx_pl, dp->port, dma, *n);
			return false;
		}
	}
	return true;
}

bool zero_copy_in_memory(struct plat *pl, const struct virtq_seg *seg, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (uint32_t at = 0, part; at < seg[i].len; at += part) {
			part = seg[i].len - at;
			if (!plat_map(pl, (gpa_t){seg[i].addr.a + at}, &part, PLAT_WRITE))
				return false;
		}
	return true;
}

/*
 * Where the first bytes of a chain are, remembered while the device has it: the chain is not read
 * again. An end of length 0 in the first piece says that it does not fit.
 */
static void remember_head(struct dpath *dp, uint16_t head, const struct virtq_seg *in, unsigned nin)
{
	struct piece all[DPATH_PIECES], *to = &dp->rx_head[head * DPATH_HEAD];
	uint32_t left = dp->copybreak < dp->max_frame ? dp->copybreak : dp->max_frame;
	unsigned n = 0;

	to[0].len = 0;
	if (!dpath_pieces(&dp->rxq, dp->rx_pl, in, nin, VIRTQ_NET_HDR_BYTES, left, PLAT_WRITE, all))
		return;
	for (; left && n < DPATH_HEAD; n++)
		left -= all[n].len;
	if (!left)
		__builtin_memcpy(to, all, n * sizeof(*to));
}

/* Give the guest's next receive chain to the device. */
static enum zero_copy_post zero_copy_post_one(struct dpath *dp)
{
	struct virtq_seg seg[DPATH_SEGS], *in;
	struct virtq_chain c;
	struct plat *pl = dp->rx_pl;
	struct dpath_rx_slot *slot;
	struct plat_seg *dma;
	unsigned n, bound;

	if (zero_copy_reserved(dp))
		return NO_ROOM;
	if (!virtq_dev_pop(&dp->rxq, pl, &c, seg, DPATH_SEGS))
		return NO_CHAIN;
	if (c.oversize || c.in_bytes < dp->max_frame + VIRTQ_NET_HDR_BYTES) {
		virtq_dev_unpop(&dp->rxq, 1);
		return SHORT_CHAIN;
	}
	in = seg + c.nout;
	bound = zero_copy_segs_bound(in, c.nin, dp->max_frame + VIRTQ_NET_HDR_BYTES);
	if (bound > dp->max_segs || plat_dev_rx_room(pl, dp->port) < bound) {
		virtq_dev_unpop(&dp->rxq, 1);
		return bound > dp->max_segs ? SHORT_CHAIN : NO_ROOM;
	}
	slot = &dp->rx_slot[c.head];
	dma = &dp->rx_seg[c.head * dp->max_segs];
	if (!dpath_pieces(&dp->rxq, pl, in, c.nin, 0, VIRTQ_NET_HDR_BYTES, PLAT_WRITE,
			  slot->header))
		goto refused;
	if (!zero_copy_map_rx(dp, in, c.nin, dma, &n)) {
		if (zero_copy_in_memory(pl, in, c.nin)) {
			virtq_dev_unpop(&dp->rxq, 1);
			return NOT_MAPPED;
		}
		virtq_dev_fail(&dp->rxq, VIRTQ_ERR_ADDR_RANGE);
		goto refused;
	}
	if (__builtin_expect(dp->copybreak, 0))
		remember_head(dp, c.head, in, c.nin);
	slot->head = c.head;
	slot->nseg = (uint16_t)n;
	plat_dev_post_rx(pl, dp->port, c.head, dma, n);
	dp->rx_posted++;
	return POSTED;
refused:
	virtq_dev_push(&dp->rxq, pl, c.head, 0, NULL);
	return NO_CHAIN;
}

static void zero_copy_rx_post(struct dpath *dp)
{
	struct plat_devinfo dev = plat_dev_info(dp->rx_pl, dp->port);
	enum zero_copy_post got = POSTED;

	dp->rx_hungry = false;
	if (!(dev.caps & PLAT_CAP_ZERO_COPY) || (dp->place && !(dev.caps & PLAT_CAP_SPLIT))) {
		dpath_post_hbufs(dp, REASON_NO_CAPABILITY);
		return;
	}
	if (!(dev.caps & PLAT_CAP_OWN_QUEUE)) {
		dpath_post_hbufs(dp, REASON_SHARED_QUEUE);
		return;
	}
	virtq_dev_avail(&dp->rxq);
	if (dp->place)
		while (got == POSTED)
			got = place_post_one(dp);
	else
		while (got == POSTED)
			got = zero_copy_post_one(dp);
	if (got == SHORT_CHAIN)
		dpath_post_hbufs(dp, REASON_SHORT_BUFFER);
	if (got == NOT_MAPPED)
		dpath_post_hbufs(dp, REASON_MAP_FAILED);
	dp->rx_hungry = got == NO_CHAIN && dp->rx_posted < dp->rxq.size / 2;
}

/* The guest has the frame in another chain, and the device its buffer back. False: it has not. */
static bool copybreak(struct dpath *dp, const struct dpath_rx_slot *slot, struct frame *f)
{
	struct plat *pl = dp->rx_pl;
	const struct piece *head = &dp->rx_head[slot->head * DPATH_HEAD];
	enum drop_reason why;

	if (f->len > dp->copybreak || !head->len || plat_dev_rx_room(pl, dp->port) < slot->nseg ||
	    (!virtq_dev_left(&dp->rxq) && !virtq_dev_avail(&dp->rxq)) ||
	    !dpath_fits_guest(dp, pl, &dp->rxb, f, SITE_POSTED_TO_GUEST, REASON_COPYBREAK,
			      dp->rx_csum, head, &why))
		return false;
	plat_dev_post_rx(pl, dp->port, slot->head, &dp->rx_seg[slot->head * dp->max_segs],
			 slot->nseg);
	return true;
}

static void zero_copy_rx(struct dpath *dp, const struct plat_rx *rx, unsigned n)
{
	struct plat *pl = dp->rx_pl;

	for (unsigned i = 0; i < n; i++) {
		struct frame *f = rx[i].frame;
		if (f)
			plat_stamp(pl, f, STAGE_HOST_WAIT);
		if (rx[i].cookie & DPATH_HBUF) {
			uint32_t buf = (uint32_t)rx[i].cookie;
			if (f)
				dpath_to_guest(dp, pl, &dp->rxb, f, SITE_HYPERVISOR_TO_GUEST,
					       dp->rx_reason[buf], dp->rx_csum,
					       hbuf_pieces(&dp->rx_pool, buf));
			hbuf_put(&dp->rx_pool, buf);
			continue;
		}
		struct dpath_rx_slot *slot = &dp->rx_slot[rx[i].cookie];
		if (dp->place) {
			place_reaped(dp, slot, &rx[i]);
			continue;
		}
		if (__builtin_expect(dp->copybreak, 0) && f && copybreak(dp, slot, f))
			continue;
		plat_dma_unmap(pl, dp->port, &dp->rx_seg[slot->head * dp->max_segs], slot->nseg);
		slot->nseg = 0;
		dp->rx_posted--;
		if (f) {
			dpath_write_header(slot->header, 1, dp->rx_csum);
			dpath_handed_on(&dp->rxb, f);
		}
		virtq_dev_push(&dp->rxq, pl, slot->head, f ? rx[i].len + VIRTQ_NET_HDR_BYTES : 0,
			       f);
	}
}

/* REASON_POLICY, with the chain mapped as n segments; or why it has to be copied. */
static enum copy_reason zero_copy_map(struct dpath *dp, const struct virtq_chain *c,
				      struct plat_seg *seg, unsigned *n)
{
	struct plat *pl = dp->tx_pl;
	struct plat_devinfo dev = plat_dev_info(pl, dp->port); /* never from memory */
	unsigned max = dev.max_segs < dp->max_segs ? dev.max_segs : dp->max_segs;
	uint32_t skip = VIRTQ_NET_HDR_BYTES;
	enum copy_reason why;

	*n = 0;
	c->frame->led->capability_queries++;
	if (!(dev.caps & PLAT_CAP_ZERO_COPY))
		return REASON_NO_CAPABILITY;
	if (dp->tx_csum.flags & CSUM_NEEDED && !(dev.caps & PLAT_CAP_TX_CSUM))
		return REASON_NO_CHECKSUM;
	why = ztx_refuses(&dp->ztx, dpath_tx_len(c), dp->tx_out);
	if (why != REASON_POLICY)
		return why;
	if (!(dev.caps & PLAT_CAP_GATHER))
		max = 1;
	for (unsigned i = 0; i < c->nout && why == REASON_POLICY; i++) {
		uint32_t part = skip < c->seg[i].len ? skip : c->seg[i].len;
		struct virtq_seg s = {{c->seg[i].addr.a + part}, c->seg[i].len - part};
		skip -= part;
		if (!s.len)
			continue;
		plat_charge(pl, PLAT_W_ZC_PAGE, zero_copy_segs_bound(&s, 1, s.len));
		if (!plat_dma_map(pl, dp->port, s.addr, s.len, PLAT_TO_DEVICE, seg, max, n)) {
			uint32_t one = 1;
			bool fits = zero_copy_segs_bound(&s, 1, s.len) <= max - *n;
			why = fits || !plat_map(pl, s.addr, &one, PLAT_READ) ? REASON_MAP_FAILED
			      : !(dev.caps & PLAT_CAP_GATHER)                ? REASON_NO_GATHER
							      : REASON_TOO_MANY_SEGMENTS;
		}
	}
	if (why != REASON_POLICY) {
		plat_dma_unmap(pl, dp->port, seg, *n);
		*n = 0;
	}
	return why;
}

/* By a hypervisor buffer. If there is none the answer stays with the request: it is asked once. */
static bool zero_copy_fall_back(struct dpath *dp, struct virtq_chain *c, enum copy_reason why)
{
	dp->ztx.held = why;
	if (!dpath_tx_copied(dp, c, SITE_GUEST_TO_HYPERVISOR, why))
		return false;
	dp->ztx.held = REASON_POLICY;
	ztx_count(&dp->ztx);
	return true;
}

static bool zero_copy_tx(struct dpath *dp, struct virtq_chain *c)
{
	struct plat_seg *seg = &dp->tx_seg[c->head * dp->max_segs];
	unsigned n, need = zero_copy_segs_bound(c->seg, c->nout, c->out_bytes);
	enum copy_reason why = dp->ztx.held;

	if (why != REASON_POLICY)
		return zero_copy_fall_back(dp, c, why);
	if (dp->ztx.segs && need > dp->ztx.segs)
		need = dp->ztx.segs;
	if (plat_dev_tx_room(dp->tx_pl, dp->port) < need)
		return false;
	why = zero_copy_map(dp, c, seg, &n);
	if (why != REASON_POLICY)
		return zero_copy_fall_back(dp, c, why);
	plat_charge(dp->tx_pl, PLAT_W_ZC_SEND, 1);
	dp->tx_nseg[c->head] = (uint16_t)n;
	dp->tx_out++;
	ztx_sent(&dp->ztx, c->head);
	ztx_count(&dp->ztx);
	dpath_tx_send(dp, c->head, c->frame, seg, n);
	dpath_handed_on(&dp->txb, c->frame);
	return true;
}

static void zero_copy_tx_done(struct dpath *dp, uint64_t cookie)
{
	uint16_t head = (uint16_t)cookie;

	if (cookie & DPATH_HBUF) {
		dpath_tx_hbuf_done(dp, cookie);
		return;
	}
	plat_dma_unmap(dp->tx_pl, dp->port, &dp->tx_seg[head * dp->max_segs], dp->tx_nseg[head]);
	dp->tx_nseg[head] = 0;
	dp->tx_out--;
	if (!dp->ztx.in_order) {
		dpath_tx_return(dp, head);
		return;
	}
	ztx_done(&dp->ztx, head);
	while (ztx_release(&dp->ztx, &head))
		dpath_tx_return(dp, head);
}

const struct policy policy_zero_copy = {
	.name = "zero-copy",
	.help = "no host copy: the device reads and writes guest memory",
	.rx_post = zero_copy_rx_post,
	.rx = zero_copy_rx,
	.tx = zero_copy_tx,
	.tx_done = zero_copy_tx_done,
	.tx_wants_done = true,
	.lends_guest_memory = true,
};
