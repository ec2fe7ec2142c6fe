/* SPDX-License-Identifier: GPL-2.0-or-later */
/* zero_copy.h - what the two ways of zero-copy receive share: whole frames, and split (place.h). */
#ifndef DATAPATH_ZERO_COPY_H
#define DATAPATH_ZERO_COPY_H

#include "dpath.h"

enum zero_copy_post {
	POSTED,
	NO_ROOM,     /* in the device's ring, or what is left is for shared frames */
	NO_CHAIN,    /* the guest has none, or broke its queue */
	SHORT_CHAIN, /* its next chain does not hold the longest frame */
	NOT_MAPPED,  /* its memory is there, but the mapping was refused */
};

/* DMA segments that the first len bytes of n guest segments can become at most: one a page. */
unsigned zero_copy_segs_bound(const struct virtq_seg *seg, unsigned n, uint32_t len);

/* Are the guest's remaining chains needed for frames that come by hypervisor buffers? */
bool zero_copy_reserved(const struct dpath *dp);

/* Is all of it memory that the guest may have written to? Asked when a mapping was refused. */
bool zero_copy_in_memory(struct plat *pl, const struct virtq_seg *seg, unsigned n);

/* Map a chain behind the place of its header, as much as a frame can need. False: refused. */
bool zero_copy_map_rx(struct dpath *dp, const struct virtq_seg *in, unsigned nin,
		      struct plat_seg *dma, unsigned *n);

#endif
