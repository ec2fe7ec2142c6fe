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

/* Header split: what becomes of the frame that has just come; it has not begun to move. */
void nic_split_judge(struct nic_queue *q, struct nic_dma *d);
/* Does this receive descriptor begin a buffer with a part for headers? */
bool nic_split_buffer(const struct nic_queue *q, uint32_t desc);
/* The frame into such a buffer, and status. False: refused by the IOMMU. */
bool nic_split_write(struct nic *n, const struct nic_dma *d);

/* News for the driver: an interrupt, now or when moderation allows, or a hint for pollers. */
void nic_notify_rx(struct nic_queue *q);
void nic_notify_tx(struct nic_queue *q);

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

#endif
