/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gnet_vf.h - a guest's driver of a virtual function: descriptor rings of its own, no host between.
 *
 * The rings are driven by the same object as the host's (nicdrv.h), from the guest's own vCPUs.
 * Each buffer is mapped for the device when it is posted and unmapped when it is back; what that
 * takes is the DMA layer's business (plat_dma_*), of which the driver knows nothing.
 *
 * Sent buffers are taken back on the interrupt that says so, since a mapping that is not needed any
 * more should not stay; not only when buffers run short.
 *
 * A mapping may be refused: a receive buffer then stays free, so less is posted, and the driver
 * tries again with the next frame or after `retry`; a frame to send is dropped (dma_map_failed).
 *
 * Always holds: a buffer is mapped if and only if it is posted or sent.
 */
#ifndef DATAPATH_GNET_VF_H
#define DATAPATH_GNET_VF_H

#include "gnet.h"

/* A send buffer that the device has. */
struct gnet_vf_sent {
	struct ledger *led; /* of its frame */
	plat_time at;       /* when the device could see it */
};

struct gnet_vf {
	/* the wiring's; arrays zeroed */
	struct plat_port *port;
	struct plat_line *alarm; /* wakes the receiving worker */
	plat_time retry;
	uint32_t rx_bytes;  /* of a receive buffer: what a descriptor says it holds is checked */
	uint32_t copybreak; /* shorter frames are copied, and their buffer stays mapped; 0: none */
	uint32_t segs;      /* most segments of a buffer, at most DPATH_SEGS */
	struct plat_seg *rx_seg;  /* by receive buffer, segs each */
	struct plat_seg *tx_seg;  /* by send slot, segs each */
	uint16_t *rx_nseg;        /* by receive buffer: 0: not posted */
	uint16_t *tx_nseg;        /* by send slot: 0: not sent */
	uint32_t *rx_len;         /* by receive buffer: bytes of the frame in it */
	struct gnet_vf_sent *out; /* by send slot */

	/* a frame that goes over several buffers, linked by gnet.rx_link */
	uint32_t first, last, buffers, len;
	bool lost;   /* the device could not write all of it, and has dropped it */
	bool absurd; /* its descriptors, which are guest memory, say what cannot be */

	struct plat_rx rx[DPATH_BURST];
	uint32_t sent[DPATH_BURST]; /* slots of this burst */
	unsigned nsent;
	bool starved; /* a receive buffer could not be mapped */

	/* counters */
	uint64_t map_failures[2]; /* receive, transmit */
	uint64_t tx_failed;       /* sends that the device calls failed */
};

extern const struct gnet_driver gnet_vf_driver; /* `below` is a struct gnet_vf */

/* Maps each buffer once, in turn: a DMA layer that keeps mappings does not have to ask later. */
void gnet_vf_warm(struct gnet *g);
/* The device is gone: ends the mappings of all that it still has. */
void gnet_vf_quiesce(struct gnet *g);

#endif
