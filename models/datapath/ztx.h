/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ztx.h - what zero-copy transmission keeps beside a send queue: when it is held back, in which
 * order buffers go back, and how long the guest has to wait for them.
 *
 * The parameters are those that vhost-net adds to the bare idea (drivers/vhost/net.c); a zero is
 * "off". The fallbacks that they force are REASON_TOO_SMALL, _IN_FLIGHT_CAP and _BACKING_OFF.
 *
 *   min       a shorter frame is copied
 *   inflight  so many buffers are with the device at most; the next one is copied
 *   backoff   an error is a completion that the device calls failed; zero copy pauses while errors
 *             exceed packets / 64, and both counts begin anew each 1024 packets
 *   in_order  zero-copied buffers go back as the contiguous done prefix of the order in which they
 *             were taken, so one slow frame holds later ones back. Copied ones go back at once.
 *
 * A request is answered once. If the answer is to copy and there is no hypervisor buffer, the
 * answer stays with the request while it waits (`held`).
 *
 * Reuse latency is the time from the driver's publishing a chain to the device's publishing that it
 * is used: as long as the guest must not touch the buffer. It is booked when used is published.
 *
 * Always holds: a chain is in `order` from its being sent to its release, once; what is returned
 * was taken.
 */
#ifndef DATAPATH_ZTX_H
#define DATAPATH_ZTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

#define ZTX_ERROR_SHARE  64u   /* one error in so many packets is borne */
#define ZTX_ERROR_WINDOW 1024u /* packets */

struct ztx_slot {
	uint64_t handed;    /* ps: when the driver published the chain */
	struct ledger *led; /* of its frame; NULL: a chain without one */
	bool done;          /* in_order: the device is done, but not with all before it */
};

struct ztx {
	/* parameters */
	uint32_t min, inflight;
	bool backoff, in_order;
	bool pool_drop; /* no hypervisor buffer: drop the frame; else it waits */
	uint32_t segs;  /* most segments that the device takes, ever; 0: not known */
	/* by chain head; NULL: reuse is not measured, and buffers are not held back */
	struct ztx_slot *slot;
	uint16_t *order; /* heads, in order of sending; mask + 1 of them */
	uint32_t first, last, mask;
	uint16_t *returned; /* pushed since the last publish: ring size + two bursts at most */
	uint32_t nreturned;
	uint32_t recent, recent_errors;
	enum copy_reason held; /* answer to the request that waits; REASON_POLICY: none does */
};

/* The driver's chain was taken from the ring, with its frame or NULL. */
static inline void ztx_taken(struct ztx *z, uint16_t head, const struct frame *f)
{
	if (__builtin_expect(!z->slot, 0))
		return;
	z->slot[head].led = f ? f->led : NULL;
	if (f) /* a chain that had to wait has been taken, and stamped, before */
		z->slot[head].handed =
			f->last - f->stage_ps[STAGE_HOST_WAIT] - f->stage_ps[STAGE_VMM_WAIT];
}

/* It goes back with the next publish. */
static inline void ztx_returned(struct ztx *z, uint16_t head)
{
	if (__builtin_expect(z->slot != NULL, 1))
		z->returned[z->nreturned++] = head;
}

/* Commit, right after used was published: books how long each was away. */
void ztx_published(struct ztx *z, uint64_t now);

/* REASON_POLICY, or what keeps a frame of len bytes from zero copy; `out` are with the device. */
enum copy_reason ztx_refuses(const struct ztx *z, uint32_t len, uint32_t out);

/* One more frame was sent, copied or not. */
static inline void ztx_count(struct ztx *z)
{
	if (__builtin_expect(z->backoff, 0) && ++z->recent == ZTX_ERROR_WINDOW)
		z->recent = z->recent_errors = 0;
}

/* The device calls the completion of this zero-copied chain failed. */
void ztx_failed(struct ztx *z, uint16_t head);

/* in_order: the chain is with the device. */
static inline void ztx_sent(struct ztx *z, uint16_t head)
{
	if (__builtin_expect(z->in_order, 0))
		z->order[z->last++ & z->mask] = head;
}

/* in_order: the device is done with the chain. */
static inline void ztx_done(struct ztx *z, uint16_t head)
{
	z->slot[head].done = true;
}

/* in_order: the next chain to go back. False: the oldest one is still with the device. */
bool ztx_release(struct ztx *z, uint16_t *head);

#endif
