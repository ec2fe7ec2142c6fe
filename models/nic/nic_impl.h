/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_impl.h - what the NIC's files share and nobody else needs. */
#ifndef NIC_NIC_IMPL_H
#define NIC_NIC_IMPL_H

#include "frame.h"
#include "nic.h"

/* Time that `bytes` take on the bus. */
static inline sim_time nic_bus_ps(const struct nic *n, uint64_t bytes)
{
	return bytes * n->bus_byte_as / 1000000;
}

/* Bytes of a frame at most: the longest packet, and tagged Ethernet before it. */
#define NIC_TX_MAX 65600u

/* The same for a frame that is longer than an untagged one may be. */
bool nic_oversize_tagged(const struct nic *n, const uint8_t *bytes, uint32_t len);

/* Longer than the mtu allows. */
static inline bool nic_oversize(const struct nic *n, const uint8_t *bytes, uint32_t len)
{
	return len > n->cfg.mtu + 14 && nic_oversize_tagged(n, bytes, len);
}

/* ---- filters ---- */

/* For whom a frame with these bytes is that no rule decides about. */
uint32_t nic_filter_mac(const struct nic *n, const uint8_t *bytes, uint32_t len);

/* For whom a frame from the wire with these bytes is. */
static inline uint32_t nic_filter(const struct nic *n, const struct frame *f, const uint8_t *bytes)
{
	if (n->rule[f->traffic])
		return f->peer ? NIC_ALL : (uint32_t)f->to;
	return nic_filter_mac(n, bytes, f->len);
}

/* The queue for what the filters found. */
static inline struct nic_queue *nic_rx_queue(const struct nic *n, uint32_t target)
{
	if (target < NIC_NOBODY)
		return &n->queue[n->guest_queue[target]];
	return &n->queue[target == NIC_ALL ? n->all_queue : 0];
}

/* ---- transfers on the bus ---- */

void nic_fifo_init(struct nic_fifo *x);
/* Room for more, once, up to what the NIC's buffers hold. */
void nic_fifo_grow(struct nic_fifo *x);

static inline struct nic_dma *nic_fifo_at(const struct nic_fifo *x, uint32_t i)
{
	return &x->ring[i & x->mask];
}

/* The next place, to be filled in: a struct by value would be stored twice. */
static inline struct nic_dma *nic_fifo_add(struct nic_fifo *x)
{
	if (__builtin_expect(x->tail - x->head > x->mask, 0))
		nic_fifo_grow(x);
	return nic_fifo_at(x, x->tail++);
}

static inline struct nic_dma *nic_fifo_first(const struct nic_fifo *x)
{
	return x->head == x->tail ? NULL : nic_fifo_at(x, x->head);
}

/* The device was led to memory that is no buffer, or to bytes of a later time: our own error. */
void nic_no_buffer(struct nic *n, hpa_t hpa);
void nic_too_early(struct nic *n, hpa_t hpa);

static inline bool nic_is_buffer(const struct nic *n, hpa_t hpa)
{
	uint8_t owner = mem_frame(n->mem, hpa)->owner;
	return owner == MEM_HYP || owner == MEM_GUEST;
}

/* What was translated, moved between there and p. False: it is no buffer, a violation. */
static inline bool nic_dma_piece(struct nic *n, struct frame *f, const struct iommu_hit *hit,
				 uint8_t *p, unsigned access)
{
	/* A page in the IOTLB was looked at when it came there. */
	if (!hit->hit || hit->stale || n->look_always) {
		if (!nic_is_buffer(n, hit->hpa)) {
			nic_no_buffer(n, hit->hpa);
			return false;
		}
		if (__builtin_expect(n->tells, 0) && access == IOMMU_WRITE)
			world_dma(n->world, f, mem_ptr(n->mem, hit->hpa), p, (uint32_t)hit->len);
	}
	if (access == IOMMU_WRITE) {
		memcpy(mem_ptr(n->mem, hit->hpa), p, hit->len);
		mem_note_write(n->mem, hit->hpa, hit->len, evq_now(n->q));
	} else {
		if (!mem_note_read(n->mem, hit->hpa, hit->len, evq_now(n->q)))
			nic_too_early(n, hit->hpa);
		memcpy(p, mem_ptr(n->mem, hit->hpa), hit->len);
	}
	/* On a bus that was asked as the page was looked up. */
	if (__builtin_expect(n->llc != NULL, 0) && !n->xlate)
		llc_dma(n->llc, n->node, hit->hpa, (uint32_t)hit->len, access == IOMMU_WRITE);
	f->led->dma_segments++;
	return true;
}

/* On a bus, with n->xlate: pages are looked up before their bytes move (nic_bus.h). */
bool nic_dma_move_known(struct nic *n, struct nic_queue *q, struct frame *f, uint64_t iova,
			uint8_t *p, uint32_t len, unsigned access);

/*
 * Move len bytes between p and I/O address `iova`, page by page as the IOMMU says. False on a
 * fault: nothing from there on is moved.
 */
static inline bool nic_dma_move(struct nic *n, struct nic_queue *q, struct frame *f, uint64_t iova,
				uint8_t *p, uint32_t len, unsigned access)
{
	struct iommu_hit hit;

	if (__builtin_expect(n->xlate != NULL, 0))
		return nic_dma_move_known(n, q, f, iova, p, len, access);
	for (; len; len -= (uint32_t)hit.len) {
		if (iommu_translate(n->iommu, q->requester, (iova_t){iova}, len, access,
				    evq_now(n->q), &hit) != IOMMU_OK ||
		    !nic_dma_piece(n, f, &hit, p, access))
			return false;
		p += hit.len;
		iova += hit.len;
	}
	return true;
}

/* Header split: what becomes of the frame that has just come; it has not begun to move. */
void nic_split_judge(struct nic_queue *q, struct nic_dma *d);
/* Do the claimed descriptors begin with a part for headers? */
bool nic_split_buffer(const struct nic_dma *d);
/* The frame into such a buffer. False: refused by the IOMMU. */
bool nic_split_write(struct nic *n, const struct nic_dma *d);
/* As nic_rx_write_back(). */
void nic_split_write_back(const struct nic_dma *d, struct frame *f);

/* News for the driver: an interrupt, now or when moderation allows, or a hint for pollers. */
void nic_notify_rx(struct nic_queue *q);
void nic_notify_tx(struct nic_queue *q);

/* On a bus, for either half: status of so many frames is on its way; it is there. */
void nic_irq_posted(struct nic_queue *q, bool send, uint32_t frames);
void nic_irq_seen(struct nic_queue *q, bool send);

/* ---- the NIC on a bus (nic_bus.h) ---- */

/* nic_queue_bind(), nic_queue_stop(). */
void nic_bus_bind(struct nic_queue *q, struct nicdrv *drv);
void nic_bus_stop(struct nic_queue *q);
/* What its driver has posted before the run is known. */
void nic_bus_begin(struct nic_queue *q);
/* As nic_rx_claim(), of descriptors that are in the device; are more on their way? */
uint32_t nic_bus_claim(struct nic_queue *q, uint32_t len);
bool nic_bus_coming(const struct nic_queue *q);
/* More of them are wanted: some were taken. */
void nic_bus_rx_more(struct nic_queue *q);
void nic_bus_tx_more(struct nic_queue *q);
/* Its turn has come, and there is no whole frame: the rest is wanted, no status waits for it. */
void nic_bus_tx_none(struct nic_queue *q);
void nic_bus_msi(struct nic_queue *q, bool send);
/* As nic_tx_fetch(): the frame's bytes are read; a frame that cannot be ends in its turn. */
void nic_bus_tx_read(struct nic_queue *q, const struct nic_dma *d);
void nic_bus_tx_refused(struct nic_queue *q, const struct nic_dma *d);
/* Its status is due. */
void nic_bus_tx_status(const struct nic_dma *d);
/* Mediated: DMA #2; the receiver's status. */
void nic_bus_peer_data(struct nic_job *job);
void nic_bus_peer_status(struct nic_job *job);

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
/* The same on a bus; what the queue is was looked at. */
void nic_bus_deliver(struct nic_queue *q, struct frame *f, uint32_t target, struct nic_way way,
		     bool held);
/* The bytes into the claimed buffers. False: refused by the IOMMU. */
bool nic_rx_move(struct nic *n, const struct nic_dma *d);
/* d->moved says how that went: status, books. The caller tells the driver. */
void nic_rx_status(struct nic *n, const struct nic_dma *d);
/* Its descriptors go back to the driver; its frame is gone. */
void nic_rx_lost(const struct nic_dma *d);
/* A transfer of len bytes towards memory, to be filled in; `ndesc` descriptors go along. */
struct nic_dma *nic_rx_transfer(struct nic *n, uint32_t len, uint32_t ndesc);
/* A frame sent back by the bridge waits for the wire. */
void nic_reflect(struct nic *n, struct nic_job *job);

/* ---- send ---- */

/* Gathers the frame at `to`; false: refused by the IOMMU. */
bool nic_tx_move(struct nic *n, const struct nic_dma *d, uint8_t *to);
/* Its last descriptor says that it is done. */
void nic_tx_status(const struct nic_dma *d);
/* On a bus: descriptors are there; a frame is; the wire and the send buffer may go on. */
void nic_tx_ready(struct nic_queue *q);
void nic_tx_arrived(struct nic *n, struct nic_dma *d);
void nic_tx_go(struct nic *n);

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
/* On a bus: the receiver's status is there. */
void nic_peer_told(struct nic_job *job);
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
