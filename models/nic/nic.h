/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic.h - the modelled NIC: link, filters, descriptor queues, DMA.
 *
 * Receive. A frame is on the wire for its slot (preamble, frame padded to 60 bytes, FCS, gap). At
 * its last bit the filters choose a queue; if the queue has descriptors for it they are taken, and
 * the frame waits in the packet buffer for the bus. The DMA moves all its bytes in one event, at
 * its completion, each piece translated by the IOMMU; status is written back with it, and the
 * queue's interrupt raised if it is enabled (enabled once: raising masks it) and moderation allows.
 *
 * Transmit. The driver's doorbell makes the NIC read descriptors and gather frames, in turn over
 * the queues, as long as its send buffer has room; a frame's bytes are read in one event at
 * completion of its DMA, its descriptor written back, and the frame goes to the wire in that order.
 * For tests of what waits for that, each Nth descriptor can be written back `tx_late` later, out of
 * order, and each Nth as failed (tx_late_every, tx_error_every); the frame itself is sent.
 *
 * The bus: each direction carries one transfer after another at a constant rate, and each transfer
 * takes a constant time more until it is complete (keys bus_rate, dma_read, dma_write).
 *
 * Filters: a rule per traffic (frames sent `to` a guest), then exact MAC addresses, then queue 0,
 * the host's own, which also takes broadcast and multicast if several guests share the NIC.
 *
 * Sources: Intel 82599 datasheet 331520 (descriptors, 7.1.6, 7.2.3; per-queue drop, 7.1.9);
 * IEEE 802.3 for preamble 8, FCS 4, gap 12 bytes.
 */
#ifndef NIC_NIC_H
#define NIC_NIC_H

#include "../../sim/keys.h"
#include "../../sim/scenario.h"
#include "../host/iommu.h"
#include "../traffic/traffic.h"
#include "plat.h"

struct nic;

extern const struct key_decl nic_keys[];

#define NIC_WIRE_BYTES 24 /* preamble 8, FCS 4, gap 12 */
#define NIC_MIN_FRAME  60

/* One receive or send queue, as the device has it. */
struct nic_queue {
	struct nic *nic;
	struct nic_ring rx, tx;
	struct nic_regs regs;
	uint32_t rx_head; /* next receive descriptor to take; advanced by the device */
	uint32_t rx_done; /* descriptors before it are written back */
	uint32_t tx_head; /* next send descriptor to fetch */
	uint16_t requester;
	bool closed;    /* receive: takes no more frames, what it has begun it ends */
	bool tx_active; /* on the NIC's list of queues with work */
	struct nic_queue *tx_next;
	/* where interrupts and, for pollers, mere progress go; any may be NULL */
	void (*rx_notify)(void *ctx, bool interrupt);
	void (*tx_notify)(void *ctx, bool interrupt);
	void *rx_ctx, *tx_ctx;
	/* interrupt moderation */
	struct event rx_itr, tx_itr;
	sim_time rx_itr_until, tx_itr_until;
	struct plat_line tx_bell;
	/* counters */
	uint64_t interrupts;
	uint64_t desc_bytes; /* of descriptors read and written back */
	/* receive ring: filled and not yet reaped, as arriving frames find it */
	uint64_t seen, seen_filled, seen_max;
};

/* A transfer on the bus. */
struct nic_dma {
	struct frame *frame;
	struct nic_queue *queue;
	sim_time done;
	uint32_t desc, ndesc; /* first descriptor, how many */
	uint32_t target;      /* receive: what the filters found */
	bool failed;          /* send: reported as such */
};

/* Transfers in order of completion; grows to the largest number under way. */
struct nic_fifo {
	struct nic_dma *ring;
	uint32_t mask, head, tail;
};

/* Sends one frame after another; the rate's remainder is kept while it is busy. */
struct nic_wire {
	uint64_t rate_bps;
	uint64_t carry; /* numerator left over from the last slot, < rate */
	sim_time free;  /* end of the last slot */
	sim_time busy_ps;
	uint64_t frames, bytes;
};

struct nic_config {
	uint64_t link_bps, bus_bps;
	sim_time dma_write, dma_read, moderation;
	uint32_t rx_ring, tx_ring, mtu, queues;
	uint32_t rx_buffer, tx_buffer; /* bytes on the NIC */
	bool tso, lro, gather, zero_copy, tx_csum, rx_csum;
	uint32_t max_segs;
	uint32_t tx_late_every, tx_error_every; /* each Nth sent frame; 0: none */
	sim_time tx_late;
};

/* What feeds the wire towards the NIC: frames in order of their time. */
struct nic_source {
	/* Time of the next frame that comes by the wire; false at the end. */
	bool (*peek)(void *ctx, sim_time *at);
	/* That frame, taken from its traffic and entered in its book. */
	struct frame *(*take)(void *ctx);
	void *ctx;
};

struct nic {
	char name[32];
	struct evq *q;
	struct world *world;
	struct iommu *iommu;
	struct mem *mem;
	struct nic_config cfg;
	bool look_always;        /* at every page that DMA touches: whose it is */
	uint64_t bus_byte_as;    /* a byte on the bus, attoseconds */
	struct nic_queue *queue; /* cfg.queues of them */
	bool *rule;              /* by traffic: its frames' receiver is decided by a rule */
	uint16_t *guest_queue;   /* by guest */
	uint16_t all_queue;      /* broadcast and multicast */
	uint64_t *mac_key;       /* open addressing: MAC in 48 bits, ~0 free */
	uint32_t *mac_guest;
	uint32_t mac_mask;

	/* wire -> NIC */
	struct nic_source source;
	struct nic_wire rx_wire;
	struct event rx_end; /* last bit of `arriving` */
	struct frame *arriving;
	struct nic_fifo rx_dma;
	struct event rx_dma_done;
	sim_time rx_bus_free, rx_bus_busy;
	uint32_t rx_held; /* bytes in the packet buffer */

	/* NIC -> wire */
	struct nic_queue *tx_first, *tx_last;
	struct nic_fifo tx_dma;
	struct event tx_dma_done;
	struct nic_fifo tx_late; /* read, but not to be written back yet */
	struct event tx_late_done;
	sim_time tx_bus_free, tx_bus_busy;
	uint32_t tx_held;      /* bytes in the send buffer, reserved ones included */
	struct frame *tx_wait; /* to go on the wire, first to last, linked by next */
	struct frame *tx_wait_last;
	uint8_t *tx_bytes; /* the send buffer: a ring of bytes, a frame in one piece */
	uint32_t tx_put, tx_get;
	struct nic_wire tx_wire;
	struct event tx_end;
	struct frame *leaving;
	/* A frame's last bit left: bytes as they were on the wire, good for the call. */
	void (*sink)(void *ctx, struct frame *f, const uint8_t *bytes);
	void *sink_ctx;

	/* counters */
	uint64_t rx_frames, tx_frames, rx_dropped;
	uint64_t tx_fetched; /* frames, sent or refused: which one is the Nth */
};

/* `protects`: the IOMMU is on. `requester` is the function's id on the bus; queues' rings are set
 * up by the caller. */
void nic_init(struct nic *n, const char *name, struct evq *q, struct world *world,
	      struct iommu *iommu, bool protects, const struct nic_config *cfg, unsigned traffics,
	      unsigned guests);
void nic_fini(struct nic *n);

void nic_config_read(struct nic_config *c, const struct cfg *cfg);

/* What the filters find: a guest, or one of these. It is written back with the frame. */
#define NIC_ALL    UINT32_MAX       /* broadcast or multicast */
#define NIC_NOBODY (UINT32_MAX - 1) /* no filter matches */

/* Frames of this traffic go where the traffic says, whatever their addresses. */
void nic_rule(struct nic *n, unsigned traffic);
/* Frames for this guest, by rule or to this address, go to `queue`. */
void nic_guest(struct nic *n, unsigned guest, const uint8_t mac[6], unsigned queue);
/* Broadcast and multicast go to `queue`. */
void nic_all(struct nic *n, unsigned queue);
/* For whom a frame from the wire is. */
uint32_t nic_filter(const struct nic *n, const struct frame *f);

/* The driver's end of a queue: rings, registers and doorbell. */
void nic_queue_bind(struct nic *n, unsigned queue, const struct nic_ring *rx,
		    const struct nic_ring *tx, struct nicdrv *drv);

/*
 * Closes the queue for good: a frame for it is dropped (guest_gone). What has been posted to send
 * is still sent.
 */
void nic_queue_close(struct nic *n, unsigned queue);
/* Does the device still hold, or have to fetch, anything of this queue? */
bool nic_queue_busy(const struct nic *n, unsigned queue);

/* Begin: takes the first frame of the source, if there is one. */
void nic_start(struct nic *n);

/* A frame's slots on the wire in bytes, preamble to gap; headers repeat on each slot. */
uint64_t nic_slot_bytes(const struct frame *f);

/*
 * A frame longer than the mtu that TSO or LRO carries as one: how many slots it takes on the wire
 * and which headers repeat on each. Leaves a frame that fits as it is.
 */
void nic_segment(struct frame *f, const uint8_t *bytes, uint32_t mtu);

/* Sends `bytes` from `start` on, or when the wire is free; returns when the last bit is out. */
sim_time nic_wire_slot(struct nic_wire *w, sim_time start, uint64_t bytes);

#endif
