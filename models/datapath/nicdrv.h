/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nicdrv.h - the driver of the modelled NIC: one queue pair.
 *
 * The same object code drives the NIC from the host and, with a virtual function of its own, from a
 * guest: it knows rings and registers, and gets addresses that are mapped for DMA already.
 *
 * Posting and sending write descriptors privately; flush publishes the tail. One actor receives and
 * one sends; they share nothing but the registers' two halves.
 *
 * With tail_every a driver writes its tail once in so many buffers or frames: several times a
 * flush, or not at this flush. A tail is held back only as long as the device has enough to do and
 * the driver will hear of it.
 *
 * Always holds: reaped <= device's head <= flushed tail <= tail <= reaped + size.
 */
#ifndef DATAPATH_NICDRV_H
#define DATAPATH_NICDRV_H

#include "nicdesc.h"

struct plat;
struct plat_line;
struct plat_rx;
struct plat_seg;

/* Driver-private, beside each descriptor. */
struct nicdrv_slot {
	uint64_t cookie;
	uint32_t ndesc;   /* at a buffer's or frame's first descriptor: how many it has */
	uint16_t nheader; /* receive: of them for the header */
	bool taken;       /* any_order: reaped before one that was posted earlier */
};

struct nicdrv_half {
	struct nic_ring ring;
	struct nicdrv_slot *slot; /* ring.size of them */
	uint32_t tail;            /* next to fill */
	uint32_t reaped;          /* next to look at */
	struct plat_line *bell;   /* wakes the device; NULL: it looks at the register itself */
	struct plat_line *head;   /* by which its head is read; NULL: never */
	uint32_t tail_every;      /* buffers or frames a tail write; 0: one write a flush */
	uint32_t head_every;      /* buffers or frames taken a head read */
	uint32_t posted;          /* since the last tail write that was due */
	uint32_t unread;          /* taken since the last head read */
};

struct nicdrv {
	struct nicdrv_half rx, tx;
	struct nic_regs *regs;
	uint32_t csum; /* of the frame that is sent next, as its descriptor has it */
	bool has_csum;
	/*
	 * Sends are taken back only while fewer send descriptors than this are free; 0: as soon as
	 * they are done. As poll-mode drivers do (tx_free_thresh of DPDK).
	 */
	uint32_t tx_free_thresh;
	bool any_order; /* sends may be done out of order: look behind one that is not */
};

/* All memory is the caller's: slot arrays of ring.size each, zeroed. */
void nicdrv_init(struct nicdrv *d, const struct nic_ring *rx, struct nicdrv_slot *rx_slot,
		 const struct nic_ring *tx, struct nicdrv_slot *tx_slot, struct nic_regs *regs);

static inline uint32_t nicdrv_room(const struct nicdrv_half *h)
{
	return h->ring.size - (h->tail - h->reaped);
}

/* The contracts are those of plat_dev_*. */
void nicdrv_post_rx(struct nicdrv *d, struct plat *pl, uint64_t cookie, const struct plat_seg *seg,
		    unsigned n);
void nicdrv_post_rx_split(struct nicdrv *d, struct plat *pl, uint64_t cookie,
			  const struct plat_seg *seg, unsigned nheader, unsigned n);
unsigned nicdrv_reap_rx(struct nicdrv *d, struct plat *pl, struct plat_rx *rx, unsigned max);
void nicdrv_send(struct nicdrv *d, struct plat *pl, uint64_t cookie, struct frame *frame,
		 const struct plat_seg *seg, unsigned n);
/* Of the frame that is sent next. */
static inline void nicdrv_csum(struct nicdrv *d, uint16_t start, uint16_t offset)
{
	d->csum = NIC_TX_CSUM_AT(start, offset);
	d->has_csum = true;
}
unsigned nicdrv_reap_tx(struct nicdrv *d, struct plat *pl, uint64_t *cookie, unsigned max);
void nicdrv_flush_rx(struct nicdrv *d, struct plat *pl);
void nicdrv_flush_tx(struct nicdrv *d, struct plat *pl);
bool nicdrv_rx_irq(struct nicdrv *d, struct plat *pl, bool on);
bool nicdrv_tx_irq(struct nicdrv *d, struct plat *pl, bool on);

#endif
