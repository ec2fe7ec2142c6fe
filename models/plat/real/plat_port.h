/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat_port.h - for the real world's own files: frames not yet offered, and what back ends share.
 */
#ifndef PLAT_PORT_H
#define PLAT_PORT_H

#include <sys/types.h>

#include "plat_real.h"

#define PLAT_IOVS        1024u /* the kernel's limit of one call, UIO_MAXIOV */
#define PLAT_VNET_HDR    12u
#define PLAT_BEYOND      65664u /* longer than any frame with its header */
#define PLAT_HEAD        64u    /* bytes that arrived() is shown */
#define PLAT_FRAME_BYTES 14u    /* of an Ethernet header: what is shorter is no frame */

/* plat_real.c: the owner takes a frame that is not offered yet, gives it back, or offers it. */
struct frame *plat_pool_take(struct plat_pool *pool, struct ledger *led, plat_time at);
void plat_pool_untake(struct plat_pool *pool, struct frame *f);
void plat_frame_offer(struct frame *f, uint32_t len);

/* What one read may fill. */
struct plat_room {
	uint32_t bytes, segs;
	unsigned buffers;
};

/* n segments of a ring from running number `seg` on, in one piece. */
void plat_port_unroll(const struct plat_port *port, const struct iovec *ring, uint32_t seg,
		      uint32_t n, struct iovec *out);

/*
 * The posted buffers from number `at` on that the next frame may need. False if there is none, or
 * if it may need more than `max`, unless `cut`: then max have to do.
 */
bool plat_port_room(const struct plat_port *port, uint32_t at, unsigned max, bool cut,
		    struct plat_room *room);

/* The pieces of a read into `room` from buffer number `at` on; at most room->segs + 2. */
int plat_port_read_iov(struct plat_port *port, uint32_t at, const struct plat_room *room,
		       struct iovec *iov);

/*
 * A read of `got` bytes into `room` of the oldest posted buffers: what the datapath gets of it in
 * rx[], if anything; returns how many buffers that is. The pool has a frame.
 */
unsigned plat_port_received(struct plat *pl, struct plat_port *port, const struct plat_room *room,
			    size_t got, struct plat_rx *rx);

/* The oldest receive buffers go back without a frame, at most max. */
unsigned plat_port_give_back(struct plat_port *port, struct plat_rx *rx, unsigned max);

/* Nothing was read: counted, unless there is nothing to read; and whether the device is gone. */
void plat_port_read_failed(struct plat_port *port, int error);

/* The pieces of what is sent; at most s->n + 1. */
int plat_port_write_iov(struct plat_port *port, const struct plat_sending *s, struct iovec *iov);

/* Before the first write of the oldest frames up to number `to`. */
void plat_port_depart(struct plat_port *port, uint32_t to);

/*
 * What the device made of the oldest unwritten frame, at time `now`: `result` bytes or -errno.
 * False: it had no room, and the frame is to be written again.
 */
bool plat_port_written(struct plat *pl, struct plat_port *port, ssize_t result, plat_time now);

/* plat_uring.c: false: port->failed, and errno. */
bool plat_uring_init(struct plat_port *port, const struct plat_port_cfg *cfg);

#endif
