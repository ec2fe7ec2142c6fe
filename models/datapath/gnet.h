/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gnet.h - the guest's side of its network device: kernel and process, above a driver.
 *
 * Delivery says where the guest end of the path is.
 *
 *   kernel   receive buffers are the kernel's. The driver queues a frame on the socket; the process
 *            reads it by a system call, one copy. It sends by a system call, one copy, and the
 *            kernel posts its own buffer, the device's header and the frame in one.
 *   process  receive buffers are the process's: what is posted is the device's header, if it has
 *            one, in kernel memory, then the pages of the buffer. A frame can be read as soon as
 *            the driver has seen it. It is sent from where the process made it.
 *
 * The driver below is chosen when the guest is built: a struct gnet_driver, called once a burst,
 * and once a frame to send. It polls its device and hands frames up by gnet_rx_seen() and
 * gnet_rx_frame(), as Linux drivers do from their poll functions. gnet_virtio.h is one.
 *
 * Three workers: rx polls the receive queue (as NAPI does, `weight` a turn) and refills it; read
 * is the process reading its socket (`kernel` only); tx is the process sending. Burst and commit as
 * in dpath.h. rx and read share the receive buffers and run on one vCPU; tx shares nothing with
 * them.
 *
 * Always holds: a buffer is on the free stack, posted, or on the socket; buffers outnumber ring and
 * socket together, so refilling never starves.
 */
#ifndef DATAPATH_GNET_H
#define DATAPATH_GNET_H

#include "csum.h"
#include "dpath.h"
#include "endpoint.h"

/* A frame on the socket: its buffers are linked by gnet.rx_link. */
struct gnet_sock {
	struct frame *frame;
	uint32_t first, buffers;
	uint32_t len;
};

struct gnet;
struct gnet_split;

/* The kernel's part in TCP and UDP checksums of what is sent. */
enum gnet_tx_csum {
	GNET_CSUM_GIVEN,   /* none: frames leave as the process made them */
	GNET_CSUM_OFFLOAD, /* it leaves them blank, and the driver says so to the device */
	GNET_CSUM_SOFTWARE /* it computes them */
};

/* What became of a frame to send. */
enum gnet_sent {
	GNET_SENT,
	GNET_FULL,     /* no room after all: nothing done */
	GNET_UNMAPPED, /* the device may not be pointed at its bytes: nothing sent */
};

/* What a driver does. Nothing that it writes is seen by its device before a publish. */
struct gnet_driver {
	/*
	 * Take at most `weight` frames from the device, each handed up; post free buffers again
	 * as long as there is room. Interrupts may be off until rx_sleep.
	 */
	void (*rx_poll)(struct gnet *g);
	void (*rx_publish)(struct gnet *g);
	/* Ask for interrupts, look again: true if there is more to take. */
	bool (*rx_sleep)(struct gnet *g);
	/* Take back what the device has sent, each by gnet_tx_done(). */
	void (*tx_clean)(struct gnet *g);
	bool (*tx_room)(const struct gnet *g); /* for one more frame */
	/* A frame of n pieces, the device's header included. */
	enum gnet_sent (*send)(struct gnet *g, const struct virtq_seg *seg, unsigned n,
			       uint32_t slot, struct frame *f);
	void (*tx_publish)(struct gnet *g, bool full);
	/*
	 * `full`: hear of room, true if there is some already. Else hear of all being sent if
	 * tx_hears, true if it is; or of nothing, false.
	 */
	bool (*tx_sleep)(struct gnet *g, bool full);
};

struct gnet {
	struct plat *rx_pl, *tx_pl;
	const struct gnet_driver *driver;
	void *below;                 /* the driver's own */
	struct gnet_split *split;    /* header/data split, with `process`; NULL: none */
	struct plat_line *read_line; /* wakes the process */
	bool process, poll;
	unsigned weight;      /* frames that a turn takes from the device, 1..DPATH_BURST */
	unsigned read_weight; /* frames that a turn of the process reads, likewise */
	bool tx_hears;   /* of what has been sent, when that is all; else only when it is full */
	uint32_t header; /* bytes that the device has in front of a frame */
	uint32_t max_frame;

	/* receive buffers, by number */
	uint32_t rx_n, rx_top;
	uint32_t *rx_free;        /* stack of rx_top numbers */
	uint32_t *rx_link;        /* next buffer of a frame on the socket */
	struct virtq_seg *rx_seg; /* kernel: rx_per pieces each. process: its header piece */
	uint32_t rx_per;
	gva_t *rx_gva;                          /* process: where each one's buffer is */
	gva_t read_gva;                         /* kernel: where the process reads to */
	struct virtq_seg rx_pieces[DPATH_SEGS]; /* process: the one being posted */

	/* socket */
	struct gnet_sock *sock;
	uint32_t sock_mask, sock_head, sock_tail;
	uint32_t sock_buffers, sock_max; /* receive buffers on it */

	/* send buffers, by slot */
	uint32_t tx_n, tx_top;
	uint32_t *tx_free;
	struct virtq_seg *tx_seg; /* as rx_seg */
	uint32_t tx_per;
	uint32_t tx_apart; /* kernel: bytes of a longer frame that are a piece of their own; 0: none
			    */
	bool *tx_out;      /* by slot: handed over */
	gva_t *tx_gva;     /* process: where each slot's frame is made */
	gva_t write_gva;   /* kernel: where the process makes frames */
	struct virtq_seg tx_pieces[DPATH_SEGS]; /* of the frame being sent */
	uint32_t tx_last;                       /* slot of the latest frame */

	struct endpoint rx_end, local_end; /* from the wire, from other guests */
	uint8_t *linear; /* max_frame bytes: a frame that is not in one piece, for the endpoint */

	struct dpath_burst rxb, readb, txb;
	bool read_asleep;

	enum gnet_tx_csum tx_csum;
	struct csum csum; /* of the frame that is being sent: what is left to the device */
	bool verify;      /* of received frames, unless the device has ... */
	bool rx_checked;  /* ... which the driver says before gnet_rx_frame() */

	uint64_t bad_length; /* receive buffers that came back without a frame */
};

void gnet_rx_burst(struct gnet *g);
bool gnet_rx_commit(struct gnet *g);
void gnet_read_burst(struct gnet *g);
bool gnet_read_commit(struct gnet *g);

/* A turn of the worker that sends: it may have been woken to take back what has been sent. */
void gnet_tx_begin(struct gnet *g);
/* Take back what the device has sent; then, can another frame be sent? */
bool gnet_tx_room(struct gnet *g);
/*
 * The process makes a frame (f->bytes) and sends it, now. Needs gnet_tx_room(). The bytes at
 * f->bytes are no longer needed afterwards. Not GNET_SENT: the frame is still the caller's.
 */
enum gnet_sent gnet_send(struct gnet *g, struct frame *f);
/*
 * A guest that misbehaves: the process writes over the frame that it sent last, f, whose number was
 * `num` then. With `process` delivery that is a hazard as long as the buffer has not come back.
 */
void gnet_overwrite(struct gnet *g, struct frame *f, uint64_t num);
/*
 * Publish and kick. `full`: the process waits for room; true if there is some already, or if
 * tx_hears and all has been sent: another turn is due.
 */
bool gnet_tx_commit(struct gnet *g, bool full);

/* ---- for drivers ---------------------------------------------------------------------------- */

/* The receive buffer to post next; there is one if rx_top is not 0. */
static inline uint32_t gnet_rx_next(const struct gnet *g)
{
	return g->rx_free[g->rx_top - 1];
}
/* The process's [gva, gva+len) as guest-physical segments from seg[first] on, to seg[max] at most;
 * returns their end. */
unsigned gnet_user_segs(struct plat *pl, gva_t gva, uint32_t len, struct virtq_seg *seg,
			unsigned first, unsigned max);
/* The receive buffer's pieces, the device's header first, at most DPATH_SEGS; good until the next
 * call. */
static inline unsigned gnet_rx_pieces(struct gnet *g, uint32_t buf, const struct virtq_seg **seg)
{
	const struct virtq_seg *kernel = &g->rx_seg[buf * g->rx_per];

	if (!g->process || g->split) {
		*seg = kernel;
		return g->rx_per;
	}
	*seg = g->rx_pieces;
	if (g->header)
		g->rx_pieces[0] = *kernel;
	return gnet_user_segs(g->rx_pl, g->rx_gva[buf], g->max_frame, g->rx_pieces, g->header > 0,
			      DPATH_SEGS);
}
/* len bytes of a kernel buffer's segments, `skip` bytes in (within the first), as pieces. */
unsigned gnet_kernel_pieces(struct plat *pl, const struct virtq_seg *seg, unsigned nseg,
			    uint32_t skip, uint32_t len, enum plat_access access,
			    struct piece *piece);
/* It has been posted. */
static inline void gnet_rx_posted(struct gnet *g)
{
	g->rx_top--;
}
/* A posted one is free again. */
static inline void gnet_rx_give(struct gnet *g, uint32_t buf)
{
	g->rx_free[g->rx_top++] = buf;
}
/* The driver has found this frame; what follows is the kernel's work for it. */
static inline void gnet_rx_seen(struct gnet *g, struct frame *f)
{
	plat_stamp(g->rx_pl, f, STAGE_GUEST_WAIT);
	plat_charge(g->rx_pl, g->process ? PLAT_W_GUEST_POST : PLAT_W_GUEST_RX, 1);
}
/* The process looks at what it received: [gva, gva+len). */
void gnet_look(struct gnet *g, const struct frame *f, gva_t gva, uint32_t len);
/* The process has it: its buffer `buf` is free again. */
static inline void gnet_rx_process(struct gnet *g, struct frame *f, uint32_t buf, uint32_t len)
{
	plat_stamp(g->rx_pl, f, STAGE_GUEST_KERNEL);
	gnet_look(g, f, g->rx_gva[buf], len);
	gnet_rx_give(g, buf);
	plat_process(g->rx_pl, f);
	plat_deliver(g->rx_pl, f);
}
/* As gnet_rx_frame(), for any delivery and checksums. */
void gnet_rx_checked(struct gnet *g, struct frame *f, uint32_t first, uint32_t buffers,
		     uint32_t len);
/* It has len bytes, without the header, in `buffers` buffers from `first` on, by rx_link. */
static inline void gnet_rx_frame(struct gnet *g, struct frame *f, uint32_t first, uint32_t buffers,
				 uint32_t len)
{
	if (g->process && !g->verify)
		gnet_rx_process(g, f, first, len);
	else
		gnet_rx_checked(g, f, first, buffers, len);
}

/* Pieces of a send slot's buffer for len bytes, the device's header first; as gnet_rx_pieces(). */
unsigned gnet_tx_pieces(struct gnet *g, uint32_t slot, uint32_t len, const struct virtq_seg **out);

static inline void gnet_tx_done(struct gnet *g, uint32_t slot)
{
	g->tx_free[g->tx_top++] = slot;
	g->tx_out[slot] = false;
}

/* ---- gnet_csum.c ---------------------------------------------------------------------------- */

/*
 * The frame (f->bytes) is about to be sent: *value is for its checksum field, at f->csum_at, and
 * g->csum what is left to the device. False: the frame stays as it is.
 */
bool gnet_csum_send(struct gnet *g, struct frame *f, uint16_t *value);
/* Looks at a received frame's checksum: false if it is wrong. */
bool gnet_csum_ok(struct gnet *g, struct frame *f, const struct piece *piece, uint32_t len);

#endif
