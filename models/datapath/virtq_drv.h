/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtq_drv.h - the driver's side of a split virtqueue: what a guest kernel does with its rings.
 *
 *   virtq_drv_add() ...        write chains; the device cannot see them yet
 *   --- commit ---
 *   virtq_drv_publish()        one release store of avail idx
 *   virtq_drv_should_kick()    full fence, then the device's wish
 *
 *   virtq_drv_used()           one acquire load of used idx into the shadow
 *   virtq_drv_get() ...        take completed chains back, from the shadow only
 *   --- commit, before sleeping ---
 *   virtq_drv_intr_on()        ask for interrupts, fence, look again
 *
 * Which descriptors are free, how chains are linked and what each head stands for is kept in
 * private memory and never read back from the rings: a device cannot confuse the driver. What the
 * device writes (used idx, id, len) is checked; the first offence stops the queue: `err` says
 * which, add refuses and get returns nothing from then on.
 *
 * Indirect tables are one for each head, allocated once in guest memory; a chain of more pieces
 * than a table holds goes in as a direct one.
 *
 * Work is charged in here (DRV_ADD, DRV_GET): callers do not charge it again.
 */
#ifndef DATAPATH_VIRTQ_DRV_H
#define DATAPATH_VIRTQ_DRV_H

#include "virtq.h"

/* What the driver knows of a chain in flight, by head. */
struct virtq_drv_state {
	uint64_t cookie;
	uint32_t in_bytes; /* device-writable */
	uint16_t last;     /* its last descriptor of the table, to splice it onto the free list */
	uint16_t n;        /* descriptors of the table; 0 = not in flight */
};

struct virtq_drv {
	uint16_t next_avail;      /* next slot of the available ring to write */
	uint16_t published_avail; /* avail idx as last stored */
	uint16_t last_used;       /* next slot of the used ring to take */
	uint16_t shadow_used;     /* used idx as last loaded */
	uint32_t unkicked;        /* published since should_kick last looked */
	uint32_t mask;            /* size - 1 */
	uint32_t size;
	uint32_t room;     /* free descriptors */
	uint32_t chains;   /* in flight, published or not */
	uint32_t per;      /* descriptors of an indirect table; 0 = never indirect */
	uint16_t free_top; /* first free descriptor */
	bool stopped;
	bool event_idx;
	uint8_t err; /* enum virtq_err that stopped it */
	struct virtq_part desc, avail, used, tables;
	gpa_t indirect;
	struct frame **tags;
	struct virtq_drv_state *state; /* by head */
	uint16_t *link;                /* by descriptor: next of its chain or of the free list */
	/* counters */
	uint64_t adds, gets, kicks, suppressed;
	uint64_t full; /* add refused for want of descriptors */
	uint32_t errors[VIRTQ_ERR_N];
};

#define VIRTQ_DRV_MAX_PER 64u /* descriptors of an indirect table */

/* Bytes of guest memory for the indirect tables, to be aligned to 16. */
static inline uint64_t virtq_drv_table_bytes(uint32_t size, unsigned per)
{
	return 16ull * size * per;
}

/*
 * Bytes of private memory that a queue of this layout needs, to be aligned to 8. `indirect` and
 * `per` as for init.
 */
size_t virtq_drv_bytes(const struct virtq_layout *l, gpa_t indirect, unsigned per);

/*
 * Set up, all descriptors free, and zero the rings' indices, flags and event words. Tables of `per`
 * descriptors (0, or 2..64) for each head lie at `indirect` if VIRTQ_F_INDIRECT is negotiated; else
 * both are ignored. False if the layout is invalid or some of it is not in memory.
 */
bool virtq_drv_init(struct virtq_drv *vq, struct plat *pl, const struct virtq_layout *l,
		    gpa_t indirect, unsigned per, void *mem);

/* Free descriptors: what add can still take. A chain costs virtq_drv_cost(). */
static inline unsigned virtq_drv_room(const struct virtq_drv *vq)
{
	return vq->stopped ? 0 : vq->room;
}

/* Descriptors that a chain of n pieces takes. */
static inline unsigned virtq_drv_cost(const struct virtq_drv *vq, unsigned n)
{
	return n > 1 && n <= vq->per ? 1 : n;
}

/* Chains added and not yet taken back by get. */
static inline unsigned virtq_drv_in_flight(const struct virtq_drv *vq)
{
	return vq->chains;
}

/*
 * Write a chain of nout pieces that the device reads, then nin that it writes (nout + nin > 0, each
 * of at least one byte). `cookie` comes back from get; `tag` goes beside the chain to the device's
 * pop. False, and nothing done, if there is no room or the queue stopped.
 */
bool virtq_drv_add(struct virtq_drv *vq, struct plat *pl, const struct virtq_seg *seg,
		   unsigned nout, unsigned nin, uint64_t cookie, struct frame *tag);

/* Added and not published. */
static inline unsigned virtq_drv_pending(const struct virtq_drv *vq)
{
	return (uint16_t)(vq->next_avail - vq->published_avail);
}

/* Commit: make them visible. */
static inline void virtq_drv_publish(struct virtq_drv *vq);

/*
 * After publish: true if the device wants a kick for what was published since the last call. The
 * caller kicks its line. Nothing published, no kick.
 */
static inline bool virtq_drv_should_kick(struct virtq_drv *vq, struct plat *pl);

/* Look at used idx. How many completed chains can be taken; 0 if stopped. */
static inline unsigned virtq_drv_used(struct virtq_drv *vq);

/*
 * Take the next completed chain. False: none left in the shadow, or the queue stopped. `len` bytes
 * were written into its device-writable part; `frame` is the tag of the device's push. Any of the
 * three may be NULL.
 */
bool virtq_drv_get(struct virtq_drv *vq, struct plat *pl, uint64_t *cookie, uint32_t *len,
		   struct frame **frame);

/* Ask for interrupts, then look again: true if there is more to get: do not sleep. */
static inline bool virtq_drv_intr_on(struct virtq_drv *vq, struct plat *pl);

/*
 * The same, but for one interrupt when all that is published has been completed; without event_idx
 * for each. True if that is so already, and there is something to get.
 */
static inline bool virtq_drv_intr_last(struct virtq_drv *vq, struct plat *pl);

/* No interrupts, please: a wish; with event_idx it takes effect once the last one was granted. */
static inline void virtq_drv_intr_off(struct virtq_drv *vq);

/* Stop the queue; the first offence stays in `err`. */
void virtq_drv_fail(struct virtq_drv *vq, enum virtq_err err);

/* ---- bodies ------------------------------------------------------------------------------- */

static inline void virtq_drv_publish(struct virtq_drv *vq)
{
	unsigned n = virtq_drv_pending(vq);
	if (n == 0)
		return;
	plat_publish_idx(virtq_word(&vq->avail, 2), vq->next_avail);
	vq->published_avail = vq->next_avail;
	vq->unkicked = vq->unkicked > UINT16_MAX ? vq->unkicked : vq->unkicked + n;
}

static inline bool virtq_drv_should_kick(struct virtq_drv *vq, struct plat *pl)
{
	uint32_t n = vq->unkicked;
	if (n == 0)
		return false;
	vq->unkicked = 0;
	plat_fence(pl);
	bool wanted;
	if (vq->event_idx)
		wanted = virtq_need_event(
			plat_load_idx(virtq_word(&vq->used, virtq_avail_event_pos(vq->size))),
			vq->published_avail, n);
	else
		wanted = !(plat_load_idx(virtq_word(&vq->used, 0)) & VIRTQ_USED_F_NO_NOTIFY);
	vq->kicks += wanted;
	vq->suppressed += !wanted;
	return wanted;
}

static inline unsigned virtq_drv_used(struct virtq_drv *vq)
{
	if (__builtin_expect(vq->stopped, 0))
		return 0;
	vq->shadow_used = plat_load_idx(virtq_word(&vq->used, 2));
	unsigned n = (uint16_t)(vq->shadow_used - vq->last_used);
	if (__builtin_expect(n > vq->chains - virtq_drv_pending(vq), 0)) {
		virtq_drv_fail(vq, VIRTQ_ERR_USED_JUMP);
		return 0;
	}
	return n;
}

static inline bool virtq_drv_intr_on(struct virtq_drv *vq, struct plat *pl)
{
	if (vq->event_idx)
		plat_publish_idx(virtq_word(&vq->avail, virtq_used_event_pos(vq->size)),
				 vq->last_used);
	else
		plat_publish_idx(virtq_word(&vq->avail, 0), 0);
	plat_fence(pl);
	return virtq_drv_used(vq) > 0;
}

static inline bool virtq_drv_intr_last(struct virtq_drv *vq, struct plat *pl)
{
	unsigned out = vq->chains - virtq_drv_pending(vq);

	if (!vq->event_idx || !out)
		return virtq_drv_intr_on(vq, pl);
	plat_publish_idx(virtq_word(&vq->avail, virtq_used_event_pos(vq->size)),
			 (uint16_t)(vq->last_used + out - 1));
	plat_fence(pl);
	return virtq_drv_used(vq) == out;
}

static inline void virtq_drv_intr_off(struct virtq_drv *vq)
{
	if (!vq->event_idx)
		plat_publish_idx(virtq_word(&vq->avail, 0), VIRTQ_AVAIL_F_NO_INTERRUPT);
}

#endif
