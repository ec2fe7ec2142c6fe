/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_impl.h - what the NIC's files share and nobody else needs. */
#ifndef NIC_NIC_IMPL_H
#define NIC_NIC_IMPL_H

#include "nic.h"

/* Time that `bytes` take on the bus. */
static inline sim_time nic_bus_ps(const struct nic *n, uint64_t bytes)
{
	return bytes * n->bus_byte_as / 1000000;
}

/* Bytes of a frame at most: the longest packet, and tagged Ethernet before it. */
#define NIC_TX_MAX 65600u

/* Longer than the mtu allows. */
bool nic_oversize(const struct nic *n, const uint8_t *bytes, uint32_t len);

/* The queue for what the filters found. */
struct nic_queue *nic_rx_queue(const struct nic *n, uint32_t target);

/* ---- transfers on the bus ---- */

void nic_fifo_init(struct nic_fifo *x);
/* The next place, to be filled in: a struct by value would be stored twice. */
struct nic_dma *nic_fifo_add(struct nic_fifo *x);

static inline struct nic_dma *nic_fifo_first(struct nic_fifo *x)
{
	return x->head == x->tail ? NULL : &x->ring[x->head & x->mask];
}

/*
 * Move len bytes between p and I/O address `iova`, page by page as the IOMMU says. False on a
 * fault: nothing from there on is moved.
 */
bool nic_dma_move(struct nic *n, struct nic_queue *q, struct frame *f, uint64_t iova, uint8_t *p,
		  uint32_t len, unsigned access);

/* What was translated, moved between there and p. False: it is no buffer, a violation. */
bool nic_dma_piece(struct nic *n, struct frame *f, const struct iommu_hit *hit, uint8_t *p,
		   unsigned access);

/* News for the driver: an interrupt, now or when moderation allows, or a hint for pollers. */
void nic_notify_rx(struct nic_queue *q);
void nic_notify_tx(struct nic_queue *q);

/* What its driver says makes no sense. */
static inline void nic_bad(struct nic_queue *q)
{
	q->stats.bad_descriptors++;
	q->nic->bad_descriptors++;
}

/* ---- receive ---- */

/* Where a frame comes from, on its way into a queue. */
struct nic_way {
	uint8_t *bytes;
	struct nic_pkt *pkt; /* NULL: the bytes are the frame's own */
};

/* Descriptors for len bytes of the queue's receive ring, or 0. They are not taken yet. */
uint32_t nic_rx_claim(struct nic_queue *q, uint32_t len);
/* One more frame comes to the queue: what its ring looks like. */
void nic_rx_seen(struct nic_queue *q);
/* Why there is no descriptor. */
enum drop_reason nic_rx_empty(const struct nic_queue *q);
/* Status over the descriptors, for `len` bytes written through them; f NULL: refused or unknown. */
void nic_rx_write_back(struct nic_queue *q, uint32_t desc, uint32_t ndesc, uint32_t len,
		       struct frame *f, uint32_t target);
/* Lost on its way into a queue. */
void nic_rx_drop(struct nic_queue *q, struct frame *f, enum drop_reason why);
/* Into the queue's ring: claims, and puts the transfer on the bus. */
void nic_deliver(struct nic_queue *q, struct frame *f, uint32_t target, struct nic_way way);
/* A transfer of len bytes towards memory, to be filled in; `ndesc` descriptors go along. */
struct nic_dma *nic_rx_transfer(struct nic *n, uint32_t len, uint32_t ndesc);
/* A frame sent back by the bridge waits for the wire. */
void nic_reflect(struct nic *n, struct nic_job *job);

/* ---- the switch ---- */

enum nic_job_state {
	JOB_SWITCH, /* veb: then into the receiver's queue */
	JOB_BRIDGE, /* vepa: then to the wire, towards the NIC */
	JOB_LOOKUP, /* mediated: nic_peer.c */
	JOB_LENGTH,
	JOB_WAIT,
	JOB_ADDRESS,
	JOB_NOTIFY,
};

/* One frame on its way to one receiver's queue. */
struct nic_job {
	struct nic_job *next;
	struct event ev;
	struct nic_queue *from, *to;
	struct frame *f;
	struct nic_pkt *pkt;
	uint32_t target; /* as the filters would say */
	uint32_t life;   /* of `to` when it began */
	uint32_t grant;  /* mediated: what the receiver permitted */
	uint32_t desc, ndesc;
	sim_time at; /* vepa: due on the wire */
	enum nic_job_state state;
	enum drop_reason why; /* mediated: the receiver's function has no buffers for it */
	bool failed;          /* mediated: DMA #2 was refused */
};

static inline bool nic_is_stray(const struct nic *n, const struct frame *f)
{
	return f->led == &n->stray.led;
}

/*
 * What was fetched, `bytes` of it at d->len: to guests here as the switch says. True: it goes no
 * further; false: to the wire, too.
 */
bool nic_switch(struct nic *n, struct nic_dma *d, const uint8_t *bytes);
/* vepa: the frame's last bit has left. True: it was for guests here alone. */
bool nic_bridge(struct nic *n, struct frame *f, const uint8_t *bytes);
/* From the wire for everybody: virtual functions get a copy each. */
void nic_flood_in(struct nic *n, struct frame *f, uint8_t *bytes);

/* A copy of the frame; `held`: in the packet buffer. NULL: that is full. One reference. */
struct nic_pkt *nic_pkt_new(struct nic *n, const uint8_t *bytes, uint32_t len, bool held);
void nic_pkt_put(struct nic *n, struct nic_pkt *p);
void nic_job_free(struct nic *n, struct nic_job *job);
/* Its frame is lost on the way to the receiver; the job ends. */
void nic_job_drop(struct nic_job *job, enum drop_reason why);
void nic_step(struct nic_job *job, enum nic_step step);

/* Mediated: the receiver's function gets the length, after the look-up. */
void nic_peer_begin(struct nic_job *job);
void nic_peer_event(struct nic_job *job);
/* DMA #2 is through the bus. */
void nic_peer_dma(struct nic_job *job);
/* The receiver's function has new descriptors; it is gone. */
void nic_peer_bell(struct plat_line *line);
void nic_peer_stop(struct nic_queue *q);

/* ---- events and lines, armed in nic.c ---- */

void nic_rx_itr_event(struct event *ev);
void nic_tx_itr_event(struct event *ev);
void nic_rx_next(struct nic *n); /* the frame on the wire next */
void nic_rx_end_event(struct event *ev);
void nic_rx_dma_event(struct event *ev);
void nic_tx_bell(struct plat_line *line);
void nic_tx_dma_event(struct event *ev);
void nic_tx_late_event(struct event *ev);
void nic_tx_end_event(struct event *ev);
/* nic_queue_stop(): the send half. */
void nic_tx_stop(struct nic_queue *q);

#endif
