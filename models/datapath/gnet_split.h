/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gnet_split.h - a guest whose process receives and sends payload where it is, and whose kernel
 * sees headers only (place.h says what the host does).
 *
 * Receive. The driver posts kernel buffers for whole frames, as with `kernel` delivery, and besides
 * them, in a queue of their own, the pages of the process's buffers, which it has translated and
 * keeps. Payload that the host could not place is in the kernel's buffer: the process reads it by a
 * system call, one copy, in the same turn, so that order within a flow holds. It goes to the buffer
 * that came back with the frame as far as that has room (and so brings a missing page of it back),
 * else to one that the process has for reading.
 *
 * Send. The kernel makes the header behind the virtio-net header in its own memory, at most
 * SPLIT_HEAD bytes; the payload is sent from where the process made it. A frame without header in
 * this sense is the process's as a whole.
 *
 * Always holds: a process buffer is free, or posted.
 */
#ifndef DATAPATH_GNET_SPLIT_H
#define DATAPATH_GNET_SPLIT_H

#include "gnet_virtio.h"
#include "split.h"

struct gnet_split {
	struct virtq_drv bufs;
	uint32_t need; /* descriptors that a process buffer takes at most */
	/* process buffers, by number */
	uint32_t n, top;
	uint32_t *free; /* stack of top numbers */
	gva_t *gva;
	uint32_t bytes;      /* of each */
	gva_t read_gva;      /* where the process reads what is not in one of them */
	uint16_t *tx_header; /* by send slot: bytes that the kernel has of the frame */
};

extern const struct gnet_driver gnet_split_driver; /* `below` is a struct gnet_virtio */

/* The process makes a frame in send slot `slot`, the kernel its header ... */
void gnet_split_make(struct gnet *g, struct frame *f, uint32_t slot);
/* ... and these are its pieces: gnet_tx_pieces() with split. */
unsigned gnet_split_tx_pieces(struct gnet *g, uint32_t slot, uint32_t len, struct virtq_seg *seg);

#endif
