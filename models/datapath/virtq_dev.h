/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtq_dev.h - the device's side of a split virtqueue: what a host does with a guest's rings.
 *
 * A burst, as a handler of the simulator or a thread of the real program runs it:
 *
 *   virtq_dev_avail()          one acquire load of avail idx into the shadow         (A1)
 *   virtq_dev_pop() ...        take chains, from the shadow only
 *   virtq_dev_unpop()          give the last ones back, if they turn out useless
 *   virtq_dev_push() ...       write used elements; the driver cannot see them yet
 *   --- from here on it is the commit ---
 *   virtq_dev_publish()        one release store of used idx                         (B1)
 *   virtq_dev_should_notify()  full fence, then the driver's wish                    (B2, B3)
 *   virtq_dev_notify_on()      before sleeping: ask for kicks, fence, look again     (A2, A3, A1)
 *
 * A1 pairs with the driver's publish; A2..A3..A1 against its publish..fence..read: one of the two
 * sees the other. B likewise for interrupts (virtq_drv.h).
 *
 * The driver is hostile. Every word is read once and checked before use; the first offence stops
 * the queue: `err` says which, nothing more is read, pop returns false and avail 0 from then on,
 * and push and publish still work for what is in flight. The run goes on. A head that is in flight
 * is never popped again, so a chain, and the frame beside it, has one owner at a time.
 *
 * Work is charged in here (VQ_POP, VQ_DESC, VQ_PUSH, POLL not): callers do not charge it again.
 */
#ifndef DATAPATH_VIRTQ_DEV_H
#define DATAPATH_VIRTQ_DEV_H

#include "virtq.h"

struct virtq_dev {
	/* private, hot */
	uint16_t last_avail;     /* next slot of the available ring to pop */
	uint16_t shadow_avail;   /* avail idx as last loaded */
	uint16_t next_used;      /* next slot of the used ring to write */
	uint16_t published_used; /* used idx as last stored */
	uint32_t unsignalled;    /* published since should_notify last looked */
	uint32_t mask;           /* size - 1 */
	uint32_t size;
	bool stopped;
	bool event_idx;
	uint8_t err; /* enum virtq_err that stopped it */
	struct virtq_part desc, avail, used;
	struct frame **tags;
	uint64_t *in_flight; /* bit per head */
	uint16_t *popped;    /* head by slot, for unpop */
	uint64_t features;
	/* counters */
	uint64_t pops, unpops, pushes, notifies, suppressed;
	uint64_t oversize;                /* chains of more segments than the caller had room for */
	uint64_t looks, found, found_max; /* at avail idx; chains that they found, at most */
	uint32_t errors[VIRTQ_ERR_N];
};

struct virtq_chain {
	uint16_t head;
	uint16_t nout, nin;           /* segments that the device reads, and writes */
	uint16_t oversize;            /* 0, or how many segments it has: see virtq_dev_pop() */
	uint32_t out_bytes, in_bytes; /* of those segments */
	struct virtq_seg *seg;        /* nout readable ones, then nin writable ones */
	struct frame *frame;          /* from tags; NULL if none, or if the driver lies */
};

/* Bytes of private memory that a queue of this layout needs, to be aligned to 8. */
size_t virtq_dev_bytes(const struct virtq_layout *l);

/*
 * Set up over rings that the driver zeroes (either order). `mem` lives as long as the queue. False
 * if the layout is invalid or some of it is not in memory.
 */
bool virtq_dev_init(struct virtq_dev *vq, struct plat *pl, const struct virtq_layout *l, void *mem);

/* Stop the queue for an offence; the first one stays in `err`. For what only the caller can find.
 */
void virtq_dev_fail(struct virtq_dev *vq, enum virtq_err err);

/* Look at avail idx. How many chains can be popped now; 0 if stopped. */
static inline unsigned virtq_dev_avail(struct virtq_dev *vq);

/* The same from the shadow, without looking. */
static inline unsigned virtq_dev_left(const struct virtq_dev *vq);

/*
 * Take the next chain. False: none left in the shadow, or the queue stopped. seg[] is the caller's,
 * max_seg entries, and c->seg points to it.
 *
 * A chain of more than max_seg segments is lawful, so it is popped: true, with c->oversize = its
 * number of segments and nout, nin and both byte counts 0, as if it had no room at all. The caller
 * drops or falls back and pushes the head with length 0, or unpops and pops with a larger seg[] (a
 * new reading, which replaces the old).
 */
static inline bool virtq_dev_pop(struct virtq_dev *vq, struct plat *pl, struct virtq_chain *c,
				 struct virtq_seg *seg, unsigned max_seg);

/* Give the last n popped chains back, none of them pushed. They are popped again in order. */
void virtq_dev_unpop(struct virtq_dev *vq, unsigned n);

/*
 * Put a popped chain into the used ring, in any order, `len` bytes written. `tag` goes beside it to
 * the driver's get: the received frame, or NULL.
 */
static inline void virtq_dev_push(struct virtq_dev *vq, struct plat *pl, uint16_t head,
				  uint32_t len, struct frame *tag);

/* Pushed and not published. */
static inline unsigned virtq_dev_pending(const struct virtq_dev *vq);

/* Commit: make them visible. */
static inline void virtq_dev_publish(struct virtq_dev *vq);

/*
 * After publish: true if the driver wants an interrupt for what was published since the last call.
 * The caller kicks its line. Nothing published, no interrupt.
 */
static inline bool virtq_dev_should_notify(struct virtq_dev *vq, struct plat *pl);

/*
 * Ask for kicks, then look again: true if chains can be popped, and the caller must not sleep.
 * (False on a stopped queue.)
 */
static inline bool virtq_dev_notify_on(struct virtq_dev *vq, struct plat *pl);

/* No kicks, please: a wish; with event_idx it takes effect once the last wish has been granted. */
static inline void virtq_dev_notify_off(struct virtq_dev *vq);

/* ---- bodies ------------------------------------------------------------------------------- */

static inline unsigned virtq_dev_left(const struct virtq_dev *vq)
{
	return vq->stopped ? 0 : (uint16_t)(vq->shadow_avail - vq->last_avail);
}

static inline unsigned virtq_dev_avail(struct virtq_dev *vq)
{
	if (__builtin_expect(vq->stopped, 0))
		return 0;
	vq->shadow_avail = plat_load_idx(virtq_word(&vq->avail, 2));
	unsigned n = (uint16_t)(vq->shadow_avail - vq->last_avail);
	if (__builtin_expect(n > vq->size, 0)) {
		virtq_dev_fail(vq, VIRTQ_ERR_AVAIL_JUMP);
		return 0;
	}
	vq->looks++;
	vq->found += n;
	vq->found_max = n > vq->found_max ? n : vq->found_max;
	return n;
}

/* Judge one descriptor that is a buffer, and enter it in the chain. */
static inline bool virtq_dev_take(struct virtq_dev *vq, struct virtq_chain *c, unsigned max_seg,
				  struct virtq_desc d)
{
	unsigned n = (unsigned)c->nout + c->nin;
	if (__builtin_expect(d.len == 0, 0)) {
		virtq_dev_fail(vq, VIRTQ_ERR_ZERO_LEN);
		return false;
	}
	if (__builtin_expect(d.addr + (d.len - 1) < d.addr, 0)) {
		virtq_dev_fail(vq, VIRTQ_ERR_ADDR_WRAP);
		return false;
	}
	if (__builtin_expect((uint64_t)c->out_bytes + c->in_bytes + d.len > UINT32_MAX, 0)) {
		virtq_dev_fail(vq, VIRTQ_ERR_CHAIN_BYTES);
		return false;
	}
	if (d.flags & VIRTQ_DESC_F_WRITE) {
		c->nin++;
		c->in_bytes += d.len;
	} else if (__builtin_expect(c->nin > 0, 0)) {
		virtq_dev_fail(vq, VIRTQ_ERR_ORDER);
		return false;
	} else {
		c->nout++;
		c->out_bytes += d.len;
	}
	if (__builtin_expect(n < max_seg, 1))
		c->seg[n] = (struct virtq_seg){{d.addr}, d.len};
	return true;
}

/* The rest of the chain is in the indirect table that `d` names. */
bool virtq_dev_take_indirect(struct virtq_dev *vq, struct plat *pl, struct virtq_chain *c,
			     unsigned max_seg, struct virtq_desc d);

/* All descriptors of the chain at c->head. */
static inline bool virtq_dev_walk(struct virtq_dev *vq, struct plat *pl, struct virtq_chain *c,
				  unsigned max_seg)
{
	uint32_t at = c->head;
	for (uint32_t n = 1;; n++) {
		struct virtq_desc d = virtq_desc_load(virtq_at(&vq->desc, 16 * at));
		if (__builtin_expect(d.flags & VIRTQ_DESC_F_INDIRECT, 0))
			return virtq_dev_take_indirect(vq, pl, c, max_seg, d);
		if (!virtq_dev_take(vq, c, max_seg, d))
			return false;
		if (!(d.flags & VIRTQ_DESC_F_NEXT))
			return true;
		at = d.next;
		if (__builtin_expect(at >= vq->size, 0)) {
			virtq_dev_fail(vq, VIRTQ_ERR_NEXT_RANGE);
			return false;
		}
		if (__builtin_expect(n == vq->size, 0)) {
			virtq_dev_fail(vq, VIRTQ_ERR_LOOP);
			return false;
		}
	}
}

static inline bool virtq_dev_pop(struct virtq_dev *vq, struct plat *pl, struct virtq_chain *c,
				 struct virtq_seg *seg, unsigned max_seg)
{
	if (virtq_dev_left(vq) == 0)
		return false;
	uint32_t slot = vq->last_avail & vq->mask;
	uint16_t head =
		__atomic_load_n(virtq_word(&vq->avail, virtq_avail_pos(slot)), __ATOMIC_RELAXED);
	if (__builtin_expect(head >= vq->size, 0)) {
		virtq_dev_fail(vq, VIRTQ_ERR_HEAD_RANGE);
		return false;
	}
	uint64_t *word = &vq->in_flight[head >> 6], bit = 1ull << (head & 63);
	if (__builtin_expect((*word & bit) != 0, 0)) {
		virtq_dev_fail(vq, VIRTQ_ERR_HEAD_IN_FLIGHT);
		return false;
	}
	*c = (struct virtq_chain){.head = head, .seg = seg};
	if (__builtin_expect(!virtq_dev_walk(vq, pl, c, max_seg), 0))
		return false;
	unsigned n = (unsigned)c->nout + c->nin;
	if (__builtin_expect(n > max_seg, 0)) {
		*c = (struct virtq_chain){.head = head, .seg = seg, .oversize = (uint16_t)n};
		vq->oversize++;
	}
	*word |= bit;
	vq->popped[slot] = head;
	vq->last_avail++;
	vq->pops++;
	c->frame = vq->tags ? vq->tags[head] : NULL;
	plat_charge(pl, PLAT_W_VQ_POP, 1);
	if (n > 1)
		plat_charge(pl, PLAT_W_VQ_DESC, n - 1);
	return true;
}

static inline void virtq_dev_push(struct virtq_dev *vq, struct plat *pl, uint16_t head,
				  uint32_t len, struct frame *tag)
{
	uint32_t pos = virtq_used_pos(vq->next_used & vq->mask);
	*(uint32_t *)virtq_at(&vq->used, pos) = head;
	*(uint32_t *)virtq_at(&vq->used, pos + 4) = len;
	vq->in_flight[head >> 6] &= ~(1ull << (head & 63));
	if (vq->tags)
		vq->tags[head] = tag;
	vq->next_used++;
	vq->pushes++;
	plat_charge(pl, PLAT_W_VQ_PUSH, 1);
}

static inline unsigned virtq_dev_pending(const struct virtq_dev *vq)
{
	return (uint16_t)(vq->next_used - vq->published_used);
}

static inline void virtq_dev_publish(struct virtq_dev *vq)
{
	unsigned n = virtq_dev_pending(vq);
	if (n == 0)
		return;
	plat_publish_idx(virtq_word(&vq->used, 2), vq->next_used);
	vq->published_used = vq->next_used;
	vq->unsignalled = vq->unsignalled > UINT16_MAX ? vq->unsignalled : vq->unsignalled + n;
}

static inline bool virtq_dev_should_notify(struct virtq_dev *vq, struct plat *pl)
{
	uint32_t n = vq->unsignalled;
	if (n == 0)
		return false;
	vq->unsignalled = 0;
	plat_fence(pl);
	bool wanted;
	if (vq->event_idx)
		wanted = virtq_need_event(
			plat_load_idx(virtq_word(&vq->avail, virtq_used_event_pos(vq->size))),
			vq->published_used, n);
	else
		wanted = !(plat_load_idx(virtq_word(&vq->avail, 0)) & VIRTQ_AVAIL_F_NO_INTERRUPT);
	vq->notifies += wanted;
	vq->suppressed += !wanted;
	return wanted;
}

static inline bool virtq_dev_notify_on(struct virtq_dev *vq, struct plat *pl)
{
	if (vq->event_idx)
		plat_publish_idx(virtq_word(&vq->used, virtq_avail_event_pos(vq->size)),
				 vq->last_avail);
	else
		plat_publish_idx(virtq_word(&vq->used, 0), 0);
	plat_fence(pl);
	return virtq_dev_avail(vq) > 0;
}

static inline void virtq_dev_notify_off(struct virtq_dev *vq)
{
	if (!vq->event_idx)
		plat_publish_idx(virtq_word(&vq->used, 0), VIRTQ_USED_F_NO_NOTIFY);
}

#endif
