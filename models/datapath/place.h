/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * place.h - header/data split and direct placement of received frames (US 2014/0229946).
 *
 * How it works. The guest hands down two kinds of memory by two virtqueues:
 *
 *   rxq    kernel buffers, each for a whole frame: the 12-byte virtio-net header, then the frame
 *   bufs   the process's buffers, as guest-physical pages; nothing else is in such a chain
 *
 * Each frame takes a kernel buffer. Its header goes there; its payload goes to the process buffer
 * that was posted first. A frame that cannot be placed goes to its kernel buffer as a whole, and
 * the guest copies once more; what a process buffer has no room for follows the header. So all
 * frames come back by the one used ring of rxq, and order within a flow holds whichever way they
 * took. Of used process buffers the guest is told by the frame: VIRTQ_NET_F_BUFFER says that the
 * next one of bufs' used ring is this frame's, and its used length how much payload is in it.
 * bufs is never kicked and never interrupts: whoever wants a buffer looks.
 *
 * Who places. place_to_guest(): the host's CPU, one copy of payload and one of the header; pages
 * are looked up at delivery, so they may move until then. place_post_one() and place_reaped(): the
 * device; a kernel buffer and a process buffer are posted together, pinned, and the device splits.
 *
 * Not as in virtio 1.2: the second queue, the two flags, and hdr_len without GSO.
 *
 * Why a frame is not placed is counted with it: not_split, no_flow, flow_table_full (split.h);
 * no_process_buffer; not_resident; bad_address, which stops bufs; and short_buffer, if it is in
 * part.
 *
 * Always holds: a process buffer is written only within the chain that the guest posted, and only
 * while its pages are there; one that was taken goes back with the frame that took it, used or not.
 *
 * Rejected: header and pages in one chain (a process that posts few buffers would have them spread
 * over the ring, and most frames would find none); two used rings put in order by sequence numbers
 * (the guest would have to wait for the one while it looks at the other).
 */
#ifndef DATAPATH_PLACE_H
#define DATAPATH_PLACE_H

#include "dpath.h"
#include "split.h"
#include "zero_copy.h"

#define PLACE_NONE UINT16_MAX

struct place {
	struct virtq_dev bufs;
	struct split_table flows; /* where the host's CPU places; the device has its own */
	bool page_in;             /* bring missing pages back, instead of not_resident */
	/* by head of a kernel buffer that is with the device: */
	uint16_t *buf; /* the process buffer posted with it, or PLACE_NONE */
	uint8_t *why;  /* enum copy_reason why none is */
};

/* As dpath_to_guest(), which calls it if the guest has asked for header/data split. */
void place_to_guest(struct dpath *dp, struct plat *pl, struct dpath_burst *b, struct frame *f,
		    enum copy_site site, enum copy_reason reason, struct csum csum,
		    const struct piece *src);

/* For a copy on the way there: which bytes of the frame at src[] are its header. Books only. */
void place_note_header(struct frame *f, const struct piece *src);

/* For zero-copy receive: give the device a kernel buffer and, if there is one, a process buffer. */
enum zero_copy_post place_post_one(struct dpath *dp);
/* The device has filled it. */
void place_reaped(struct dpath *dp, struct dpath_rx_slot *slot, const struct plat_rx *rx);

#endif
