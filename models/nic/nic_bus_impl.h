/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_bus_impl.h - what the files of the NIC on a bus share. */
#ifndef NIC_NIC_BUS_IMPL_H
#define NIC_NIC_BUS_IMPL_H

#include "nic_bus.h"
#include "nic_impl.h"

/* Zeroed but for what nic_bus.c says; d.queue is NULL: no data whose pages are looked up. */
struct nic_xfer *nic_xfer_new(struct nic_queue *q, void (*done)(struct pcie_op *op));

/* What it says stays readable until the next one is taken. */
static inline void nic_xfer_free(struct nic_xfer *x)
{
	struct nic_bus *b = x->q->nic->bus;

	x->next = b->free;
	b->free = x;
}

static inline struct nic_xfer *nic_xfer_of(struct pcie_op *op)
{
	return (struct nic_xfer *)((char *)op - offsetof(struct nic_xfer, op));
}

/* The queue's function on the link: the PF is the first. */
static inline unsigned nic_function(const struct nic_queue *q)
{
	return (unsigned)(q->vf + 1);
}

static inline void nic_xlist_add(struct nic_xlist *l, struct nic_xfer *x)
{
	x->next = NULL;
	if (l->first)
		l->last->next = x;
	else
		l->first = x;
	l->last = x;
}

static inline struct nic_xfer *nic_xlist_take(struct nic_xlist *l)
{
	struct nic_xfer *x = l->first;

	l->first = x->next;
	return x;
}

/* The host's part in a transaction: pcie_host_fn. */
sim_time nic_bus_host(void *ctx, struct pcie_op *op, uint32_t from, uint32_t len, sim_time at);

void nic_bus_rx_bell(struct plat_line *line);
void nic_bus_tx_bell(struct plat_line *line);

/* What x reads or writes of its ring is translated; x->x.ready moves to when that is there. */
void nic_bus_look_ring(struct nic *n, struct nic_xfer *x);
/*
 * A fetch is back: what has come in the order of the ring is the device's own from now on, in
 * `copy`. False: the queue was reset meanwhile.
 */
bool nic_bus_fetched(struct nic_xfer *x, struct nic_side *s, const struct nic_ring *ring,
		     void *copy);
/* The write of status w was refused; the frames are held. */
void nic_bus_refused(struct nic_queue *q, const struct nic_xfer *w);
/* What is held stands before flush() as if its status had just become due. */
void nic_bus_unhold(struct nic_side *s);
/* The status that is held is written now. */
void nic_bus_rx_again(struct nic_queue *q);
void nic_bus_tx_again(struct nic_queue *q);

/* Ask for descriptors from s->asked on as `use` says; `wanted`: something waits for them. */
void nic_bus_fetch(struct nic_queue *q, struct nic_side *s, const struct nic_use *use,
		   uint32_t head, uint32_t size, bool wanted, void (*done)(struct pcie_op *op));

/* New descriptors, or the news that there are none: for frames and peers that wait. */
void nic_bus_rx_wake(struct nic_queue *q);
void nic_bus_rx_stop(struct nic_queue *q);
void nic_bus_tx_stop(struct nic_queue *q);
void nic_bus_rx_flush_event(struct event *ev);
void nic_bus_tx_flush_event(struct event *ev);

#endif
