/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gnet.h - the guest's side of its network device: virtio-net driver, kernel, process.
 *
 * Delivery says where the guest end of the path is.
 *
 *   kernel   receive buffers are the kernel's. The driver queues a frame on the socket; the process
 *            reads it by a system call, one copy. It sends by a system call, one copy, and the
 *            kernel posts its own buffer, virtio-net header and frame in one.
 *   process  receive buffers are the process's: a chain is a 12-byte header in kernel memory, then
 *            the pages of the buffer. A frame can be read as soon as the driver has seen it. It is
 *            sent from where the process made it.
 *
 * Three workers: rx polls the receive queue (as NAPI does, DPATH_BURST a turn) and refills it; read
 * is the process reading its socket (`kernel` only); tx is the process sending. Burst and commit as
 * in dpath.h. rx and read share the receive buffers and run on one vCPU; tx shares nothing with
 * them.
 *
 * Always holds: a buffer is on the free stack, posted, or on the socket; buffers outnumber ring and
 * socket together, so refill never starves.
 */
#ifndef DATAPATH_GNET_H
#define DATAPATH_GNET_H

#include "dpath.h"
#include "endpoint.h"
#include "txbatch.h"
#include "virtq_drv.h"

/* A frame on the socket: its buffers are linked by gnet.rx_link. */
struct gnet_sock {
	struct frame *frame;
	uint32_t first, buffers;
	uint32_t len;
};

struct gnet {
	struct plat *rx_pl, *tx_pl;
	struct virtq_drv rxq, txq;
	struct plat_line *rx_kick, *tx_kick; /* to the host */
	struct plat_line *read_line;         /* wakes the process */
	bool process, mrg_rxbuf, poll;
	uint32_t max_frame;

	/* receive buffers, by number */
	uint32_t rx_n, rx_top;
	uint32_t *rx_free;        /* stack of rx_top numbers */
	uint32_t *rx_link;        /* next buffer of a frame on the socket */
	struct virtq_seg *rx_seg; /* kernel: rx_per pieces each. process: its header piece */
	uint32_t rx_per;
	gva_t *rx_gva;    /* process: where each one's buffer is */
	gva_t read_gva;   /* kernel: where the process reads to */
	uint32_t rx_need; /* descriptors that a posted buffer takes at most */

	/* socket */
	struct gnet_sock *sock;
	uint32_t sock_mask, sock_head, sock_tail;
	uint32_t sock_buffers, sock_max; /* receive buffers on it */

	/* send buffers, by slot */
	uint32_t tx_n, tx_top;
	uint32_t *tx_free;
	struct virtq_seg *tx_seg; /* as rx_seg */
	uint32_t tx_per;
	bool *tx_out;    /* by slot: handed over */
	gva_t *tx_gva;   /* process: where each slot's frame is made */
	gva_t write_gva; /* kernel: where the process makes frames */
	uint32_t tx_need;
	uint32_t tx_last;         /* slot of the latest frame */
	struct txbatch *tx_batch; /* puts requests to send off; NULL: none is */

	struct endpoint rx_end, local_end; /* from the wire, from other guests */
	uint8_t *linear; /* max_frame bytes: a frame that is not in one piece, for the endpoint */

	struct dpath_burst rxb, readb, txb;
	bool read_asleep;

	/* counters */
	uint64_t rx_interrupts, bad_length;
};

void gnet_rx_burst(struct gnet *g);
bool gnet_rx_commit(struct gnet *g);
void gnet_read_burst(struct gnet *g);
bool gnet_read_commit(struct gnet *g);

/* Take back what the device has sent; then, can another frame be sent? */
bool gnet_tx_room(struct gnet *g);
/*
 * The process makes a frame (f->bytes) and sends it, now. Needs gnet_tx_room(). The bytes at
 * f->bytes are no longer needed afterwards. False, and the frame untouched: no room after all.
 */
bool gnet_send(struct gnet *g, struct frame *f);
/*
 * A guest that misbehaves: the process writes over the frame that it sent last, f, whose number was
 * `num` then. With `process` delivery that is a hazard as long as the buffer has not come back.
 */
void gnet_overwrite(struct gnet *g, struct frame *f, uint64_t num);
/* Publish and kick. `full`: the process waits for room; true if there is some already. */
bool gnet_tx_commit(struct gnet *g, bool full);

#endif
