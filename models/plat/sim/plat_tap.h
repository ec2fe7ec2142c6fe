/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_tap.h - a TAP device under the datapath, as a model: one queue of it, and the port above.
 *
 * The counterpart of plat/real's port, call for call. Frames from the far side wait in the device's
 * queue; what no longer fits there is lost. A reap reads them one by one into posted buffers, as
 * many as the longest frame needs, until it finds none; a flush writes what was posted to be sent,
 * one by one. The CPU that reads or writes makes the copy that a NIC's DMA would, and pays for it:
 * each call, each byte, each further buffer ([tap] read, read_byte, read_segment, ...). With
 * io_uring the calls of a burst are one, and each frame costs less.
 *
 * A burst sees the queue as it stands at its event's time: frames that come while it reads are read
 * by the next one. Without a buffer posted, frames wait in the device.
 *
 * There is no IOMMU and nothing is pinned: guest memory is one mapping of the real program, so each
 * piece of a chain is one segment, whatever pages it crosses.
 */
#ifndef PLAT_TAP_H
#define PLAT_TAP_H

#include "../../../sim/scenario.h"
#include "plat.h"

/* Picoseconds each. */
struct plat_tap_cost {
	uint64_t read, read_byte, read_segment, read_empty;
	uint64_t write, write_byte, write_segment;
	uint64_t submit; /* a burst's calls together; 0 with readv() and writev() */
	uint64_t look;   /* ask whether something can be read: poll() */
};

void plat_tap_cost_read(struct plat_tap_cost *c, const struct cfg *tap);

struct plat_tap_buffer {
	uint64_t cookie;
	struct frame *frame; /* to send */
	uint32_t seg, n;     /* its segments: running number of the first, how many */
	uint32_t bytes;
};

/* Counts run free and index the rings modulo `size`, as plat/real's. */
struct plat_tap_ring {
	struct plat_tap_buffer *buffer;
	struct plat_seg *seg;
	uint32_t size;                    /* a power of two */
	uint32_t posted, flushed, reaped; /* buffers; to send: flushed are written */
	uint32_t seg_posted, seg_reaped;
};

struct plat_tap {
	const struct plat_tap_cost *cost;
	uint32_t max_frame;
	struct plat_tap_ring rx, tx;
	/* frames that can be read, first to last, linked by next */
	struct frame *first, *last;
	uint32_t queued, queue_length;
	bool rx_irq, tx_irq;
	/* A frame has come that can be read; `wanted`: the port asked to hear of it. */
	void (*news)(void *ctx, bool wanted);
	/* The far side was told that the queue is full: a frame has been read since. */
	void (*room)(void *ctx);
	bool refused;
	/* A frame was written: its bytes, good for the call. Its last stamp is when. */
	void (*sink)(void *ctx, struct frame *f, const uint8_t *bytes);
	void *ctx;
	uint8_t *linear; /* max_frame bytes */
	uint64_t reads, empty, writes;
};

/* In a segment's address: it is guest-physical, else of the machine. */
#define PLAT_TAP_GUEST ((uint64_t)1 << 63)

extern const struct plat_dma_ops plat_tap_dma;

/* The far side has put a frame into the device. False: its queue is full. */
bool plat_tap_put(struct plat_tap *t, struct frame *f);

#endif
