/* SPDX-License-Identifier: GPL-2.0-or-later */
/* place.c - header to the kernel, payload to the process: see place.h. */
#include "place.h"

#include "frame.h"
#include "policy.h"

/* ---- process buffers ------------------------------------------------------------------------- */

/* A process buffer that was taken for a frame. */
struct target {
	struct virtq_seg seg[DPATH_SEGS];
	unsigned nseg;
	uint16_t head; /* PLACE_NONE: there is none */
	uint32_t room; /* bytes that can be placed in it; 0 if `why` forbids it */
};

/* Are the pages of the first len bytes there? */
static enum copy_reason resident(const struct place *p, struct plat *pl,
				 const struct virtq_seg *seg, uint32_t len)
{
	enum plat_page state;

	for (; len; seg++) {
		uint32_t part = seg->len < len ? seg->len : len, step;
		for (uint64_t at = seg->addr.a; part; at += step, part -= step, len -= step) {
			step = part < page_rest(at) ? part : page_rest(at);
			state = plat_page_state(pl, (gpa_t){at});
			if (state == PLAT_PAGE_NONE)
				return REASON_BAD_ADDRESS;
			if (state == PLAT_PAGE_OUT &&
			    !(p->page_in && plat_page_in(pl, (gpa_t){at})))
				return REASON_NOT_RESIDENT;
		}
	}
	return REASON_POLICY;
}

/* Take the process buffer that was posted first, for at most `bytes` of payload. */
static enum copy_reason take_buffer(struct place *p, struct plat *pl, uint32_t bytes,
				    struct target *t)
{
	struct virtq_chain c;
	enum copy_reason why;

	if (!virtq_dev_left(&p->bufs))
		virtq_dev_avail(&p->bufs);
	if (!virtq_dev_pop(&p->bufs, pl, &c, t->seg, DPATH_SEGS))
		return REASON_NO_PROCESS_BUFFER;
	t->head = c.head;
	if (!c.nin) /* oversize, or nothing to write to */
		return REASON_SHORT_BUFFER;
	for (unsigned i = 0; i < c.nin && c.nout; i++)
		t->seg[i] = t->seg[c.nout + i];
	t->nseg = c.nin;
	t->room = bytes < c.in_bytes ? bytes : c.in_bytes;
	why = resident(p, pl, t->seg, t->room);
	if (why == REASON_BAD_ADDRESS)
		virtq_dev_fail(&p->bufs, VIRTQ_ERR_ADDR_RANGE);
	if (why != REASON_POLICY)
		t->room = 0;
	return why;
}

static void give_buffer(struct place *p, struct plat *pl, uint16_t head, uint32_t len)
{
	if (head != PLACE_NONE)
		virtq_dev_push(&p->bufs, pl, head, len, NULL);
}

/* The virtio-net header of a frame whose own header has `header` bytes, 0 if it is not known. */
static void put_header(const struct piece *at, struct csum csum, uint32_t header, bool buffer)
{
	struct virtq_net_hdr h = {
		.flags = (uint8_t)(csum.flags | (header ? VIRTQ_NET_F_SPLIT : 0) |
				   (buffer ? VIRTQ_NET_F_BUFFER : 0)),
		.hdr_len = (uint16_t)header,
		.csum_start = csum.start,
		.csum_offset = csum.offset,
		.num_buffers = 1,
	};

	dpath_put_header(at, &h);
}

/* ---- the host's CPU places ------------------------------------------------------------------- */

/* A kernel buffer that was taken for a frame. */
struct kernel {
	uint16_t head;
	struct piece header[VIRTQ_NET_HDR_BYTES]; /* of virtio-net */
	struct piece piece[DPATH_PIECES];         /* behind it */
};

/* The next kernel buffer, which must hold len bytes of the frame. False: *why it is lost. */
static bool take_kernel(struct dpath *dp, struct plat *pl, uint32_t len, struct kernel *k,
			enum drop_reason *why)
{
	struct virtq_seg seg[DPATH_SEGS];
	struct virtq_dev *vq = &dp->rxq;
	struct virtq_chain c;

	if (!virtq_dev_left(vq))
		virtq_dev_avail(vq);
	*why = DROP_GUEST_RING_EMPTY;
	if (!virtq_dev_pop(vq, pl, &c, seg, DPATH_SEGS)) {
		if (vq->stopped)
			*why = DROP_GUEST_QUEUE_STOPPED;
		return false;
	}
	k->head = c.head;
	if (c.in_bytes < len + VIRTQ_NET_HDR_BYTES) {
		*why = DROP_SHORT_BUFFER;
		virtq_dev_push(vq, pl, c.head, 0, NULL);
		return false;
	}
	*why = DROP_GUEST_QUEUE_STOPPED;
	return dpath_pieces(vq, pl, seg + c.nout, c.nin, 0, VIRTQ_NET_HDR_BYTES, PLAT_WRITE,
			    k->header) &&
	       dpath_pieces(vq, pl, seg + c.nout, c.nin, VIRTQ_NET_HDR_BYTES, len, PLAT_WRITE,
			    k->piece);
}

void place_note_header(struct frame *f, const struct piece *src)
{
	struct split_flow flow;
	uint8_t head[SPLIT_HEAD];
	uint32_t n = pieces_read(head, src, f->len < SPLIT_HEAD ? f->len : SPLIT_HEAD);

	f->header = (uint16_t)split_header(head, n, f->len, &flow);
}

/* Where a frame goes: its header and flow are looked at once, and not in the guest's memory. */
struct plan {
	uint8_t head[SPLIT_HEAD];
	uint32_t header; /* 0: none */
	enum copy_reason why;
	struct target to;
};

static void make_plan(struct place *p, struct plat *pl, const struct piece *src, uint32_t len,
		      struct plan *plan)
{
	struct split_flow flow;
	uint32_t n = pieces_read(plan->head, src, len < SPLIT_HEAD ? len : SPLIT_HEAD);

	plan->to.head = PLACE_NONE;
	plan->to.room = 0;
	plat_charge(pl, PLAT_W_FLOW_LOOKUP, 1);
	plan->header = split_header(plan->head, n, len, &flow);
	plan->why = REASON_NOT_SPLIT;
	if (!plan->header)
		return;
	plan->why = split_lookup(&p->flows, &flow);
	if (plan->header == len) /* all of it is the kernel's anyway */
		plan->why = REASON_POLICY;
	else if (plan->why == REASON_POLICY)
		plan->why = take_buffer(p, pl, len - plan->header, &plan->to);
}

/* Header to the kernel, payload to the process, and what does not fit there behind the header. */
static void move(struct plat *pl, struct frame *f, const struct plan *plan, const struct kernel *k,
		 const struct piece *to, enum copy_site site, enum copy_reason reason,
		 const struct piece *src)
{
	struct piece part[DPATH_PIECES], behind[DPATH_PIECES];
	struct piece head = {(uint8_t *)(uintptr_t)plan->head, plan->header};
	uint32_t placed = plan->to.room, rest = f->len - plan->header - placed;

	if (plan->header)
		pieces_copy_header(pl, f, site, k->piece, &head, plan->header);
	if (placed) {
		pieces_skip(part, src, plan->header, placed);
		pieces_copy_payload(pl, f, site, reason, to, part, placed);
	}
	if (rest) {
		pieces_skip(part, src, plan->header + placed, rest);
		pieces_skip(behind, k->piece, plan->header, rest);
		pieces_copy_payload(pl, f, site, reason, behind, part, rest);
	}
}

void place_to_guest(struct dpath *dp, struct plat *pl, struct dpath_burst *b, struct frame *f,
		    enum copy_site site, enum copy_reason reason, struct csum csum,
		    const struct piece *src)
{
	struct place *p = dp->place;
	struct piece to[DPATH_PIECES];
	struct kernel k;
	struct plan plan;
	enum drop_reason lost;

	make_plan(p, pl, src, f->len, &plan);
	f->header = (uint16_t)plan.header;
	if (plan.to.room && !dpath_pieces(&p->bufs, pl, plan.to.seg, plan.to.nseg, 0, plan.to.room,
					  PLAT_WRITE, to)) {
		plan.why = REASON_BAD_ADDRESS;
		plan.to.room = 0;
	}
	if (!take_kernel(dp, pl, f->len - plan.to.room, &k, &lost)) {
		if (plan.to.head != PLACE_NONE)
			virtq_dev_unpop(&p->bufs, 1);
		plat_drop(pl, f, lost);
		return;
	}
	if (plan.to.room && plan.to.room < f->len - plan.header)
		plan.why = REASON_SHORT_BUFFER;
	put_header(k.header, csum, plan.header, plan.to.head != PLACE_NONE);
	move(pl, f, &plan, &k, to, site, reason, src);
	if (plan.why != REASON_POLICY)
		frame_fell_back(f, plan.why);
	give_buffer(p, pl, plan.to.head, plan.to.room);
	virtq_dev_push(&dp->rxq, pl, k.head, VIRTQ_NET_HDR_BYTES + f->len - plan.to.room, f);
	dpath_handed_on(b, f);
}

/* ---- the device places ----------------------------------------------------------------------- */

/* Map the process buffer behind the kernel's segments. */
static enum copy_reason map_buffer(struct dpath *dp, struct target *t, struct plat_seg *dma,
				   unsigned *n)
{
	uint32_t left = t->room;
	unsigned before = *n;

	for (unsigned i = 0; i < t->nseg && left; i++) {
		uint32_t part = t->seg[i].len < left ? t->seg[i].len : left;
		left -= part;
		if (plat_dma_map(dp->rx_pl, dp->port, t->seg[i].addr, part, PLAT_FROM_DEVICE, dma,
				 dp->max_segs, n))
			continue;
		plat_dma_unmap(dp->rx_pl, dp->port, dma + before, *n - before);
		*n = before;
		return REASON_MAP_FAILED;
	}
	return REASON_POLICY;
}

/*
 * The kernel's chain in[], and a process buffer if there is one. NO_CHAIN: the guest's memory is
 * not what it says.
 */
static enum zero_copy_post post_pair(struct dpath *dp, uint16_t head, const struct virtq_seg *in,
				     unsigned nin)
{
	struct dpath_rx_slot *slot = &dp->rx_slot[head];
	struct plat_seg *dma = &dp->rx_seg[head * dp->max_segs];
	struct place *p = dp->place;
	struct plat *pl = dp->rx_pl;
	struct target t = {.head = PLACE_NONE};
	unsigned n, nheader;
	enum copy_reason why;

	if (!dpath_pieces(&dp->rxq, pl, in, nin, 0, VIRTQ_NET_HDR_BYTES, PLAT_WRITE, slot->header))
		return NO_CHAIN;
	if (!zero_copy_map_rx(dp, in, nin, dma, &nheader)) {
		if (zero_copy_in_memory(pl, in, nin))
			return NOT_MAPPED;
		virtq_dev_fail(&dp->rxq, VIRTQ_ERR_ADDR_RANGE);
		return NO_CHAIN;
	}
	n = nheader;
	why = take_buffer(p, pl, dp->max_frame, &t);
	if (t.room) {
		unsigned need = zero_copy_segs_bound(t.seg, t.nseg, t.room);
		if (n + need > dp->max_segs || plat_dev_rx_room(pl, dp->port) < n + need)
			why = REASON_TOO_MANY_SEGMENTS;
		else
			why = map_buffer(dp, &t, dma, &n);
	}
	p->buf[head] = t.head;
	p->why[head] = (uint8_t)why;
	slot->head = head;
	slot->nseg = (uint16_t)n;
	plat_dev_post_rx_split(pl, dp->port, head, dma, nheader, n);
	dp->rx_posted++;
	return POSTED;
}

enum zero_copy_post place_post_one(struct dpath *dp)
{
	struct virtq_seg seg[DPATH_SEGS];
	struct virtq_chain c;
	struct plat *pl = dp->rx_pl;
	enum zero_copy_post got;
	unsigned bound;

	if (zero_copy_reserved(dp))
		return NO_ROOM;
	/* As much as any pair can need, so that a pair is never taken apart. */
	if (plat_dev_rx_room(pl, dp->port) < dp->max_segs && dp->rx_posted)
		return NO_ROOM;
	if (!virtq_dev_pop(&dp->rxq, pl, &c, seg, DPATH_SEGS))
		return NO_CHAIN;
	bound = zero_copy_segs_bound(seg + c.nout, c.nin, dp->max_frame + VIRTQ_NET_HDR_BYTES);
	if (c.oversize || c.in_bytes < dp->max_frame + VIRTQ_NET_HDR_BYTES ||
	    bound > dp->max_segs || bound > plat_dev_rx_room(pl, dp->port)) {
		virtq_dev_unpop(&dp->rxq, 1);
		return SHORT_CHAIN;
	}
	got = post_pair(dp, c.head, seg + c.nout, c.nin);
	if (got == NO_CHAIN)
		virtq_dev_push(&dp->rxq, pl, c.head, 0, NULL);
	else if (got == NOT_MAPPED)
		virtq_dev_unpop(&dp->rxq, 1);
	return got;
}

/* Why a frame was not placed as a whole; REASON_POLICY: it was, or has nothing to place. */
static enum copy_reason fell_back(const struct place *p, uint16_t head, const struct plat_rx *rx)
{
	if (rx->why != REASON_POLICY)
		return (enum copy_reason)rx->why;
	if (rx->header == rx->len || rx->header + rx->placed == rx->len)
		return REASON_POLICY;
	return p->why[head] != REASON_POLICY ? (enum copy_reason)p->why[head] : REASON_SHORT_BUFFER;
}

void place_reaped(struct dpath *dp, struct dpath_rx_slot *slot, const struct plat_rx *rx)
{
	struct place *p = dp->place;
	struct plat *pl = dp->rx_pl;
	struct frame *f = rx->frame;
	uint16_t head = slot->head, buf = p->buf[head];
	uint32_t placed = f ? rx->placed : 0, kernel = f ? rx->len - placed : 0;

	plat_dma_unmap(pl, dp->port, &dp->rx_seg[head * dp->max_segs], slot->nseg);
	slot->nseg = 0;
	dp->rx_posted--;
	put_header(slot->header, dp->rx_csum, f ? rx->header : 0, buf != PLACE_NONE);
	if (f) {
		enum copy_reason why = fell_back(p, head, rx);
		f->header = rx->header;
		if (why != REASON_POLICY)
			frame_fell_back(f, why);
		dpath_handed_on(&dp->rxb, f);
	}
	give_buffer(p, pl, buf, placed);
	virtq_dev_push(&dp->rxq, pl, head, VIRTQ_NET_HDR_BYTES + kernel, f);
}
