/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dpath.h - the host's side of one guest's network device, both directions.
 *
 * How it works. Three workers serve a guest; each is a pair of functions.
 *
 *   rx    device queue -> policy -> guest's receive queue (or the queue to the device emulator)
 *   tx    guest's send queue -> policy -> device queue
 *   vmm   queue from rx -> guest's receive queue; only if the policy goes through the emulator
 *
 * dpath_*_burst() takes at most DPATH_BURST frames: it reads shared state, works on private state,
 * moves bytes into buffers that it holds. dpath_*_commit() makes the results visible, decides on
 * notifications, and says whether there is more to do; if not, it has enabled what will wake it,
 * and looked again. A real program calls one after the other; the simulator lets time pass in
 * between.
 *
 * Always holds: the receive queue's used ring has one writer (vmm if the policy has one, else rx);
 * each frame that enters leaves by exactly one of: guest's queue, device, plat_drop().
 */
#ifndef DATAPATH_DPATH_H
#define DATAPATH_DPATH_H

#include "csum.h"
#include "hbuf.h"
#include "pktq.h"
#include "virtq_dev.h"
#include "ztx.h"

#define DPATH_BURST  64u
#define DPATH_SEGS   80u /* segments of a chain: a 64 KiB frame in 2 KiB buffers, and a header */
#define DPATH_PIECES (DPATH_SEGS + 20u)
#define DPATH_HEAD   4u /* pieces of a posted buffer that are remembered, for copybreak */

struct policy;
struct outbox;
struct cluster;
struct place;

/* A guest's receive buffer that was posted to the device. */
struct dpath_rx_slot {
	uint16_t head;
	uint16_t nseg; /* 0: not with the device */
	/* Where the virtio-net header goes: a guest may give each byte a descriptor of its own. */
	struct piece header[VIRTQ_NET_HDR_BYTES];
};

/* A worker's burst, until its commit. */
struct dpath_burst {
	struct frame *frame[DPATH_BURST]; /* handed on, to be stamped when that is visible */
	unsigned frames;
	unsigned work; /* units taken from its source */
	bool blocked;  /* tx: no room in the device */
	/* since others last had a turn */
	uint32_t turn_packets;
	uint64_t turn_bytes;
	bool cut;   /* it ended early, for turn_bytes */
	bool stays; /* after a commit: goes on before others have a turn */
};

struct dpath {
	const struct policy *rx_policy, *tx_policy;
	struct plat *rx_pl, *tx_pl, *vmm_pl; /* who does the work of each worker */
	struct plat_port *port;
	bool own_queue; /* the port receives for this guest; else frames come by `shared` only */
	struct virtq_dev rxq, txq;
	struct plat_line *rx_intr, *tx_intr; /* to the guest */
	struct plat_line *vmm_line;          /* wakes the vmm worker */
	struct cluster *cluster;             /* of receive interrupts; NULL: none is put off */
	struct place *place;                 /* header/data split; NULL: frames go whole */
	/*
	 * Frames of a burst, at most DPATH_BURST; 0: that many. And when others have a turn of the
	 * core: after each burst, or after so many frames or bytes, 0: any.
	 */
	unsigned batch;
	uint32_t turn_packets;
	uint64_t turn_bytes;
	bool poll; /* workers poll the device and the guest: neither is asked to notify */
	bool gone; /* the guest is no more: what comes for it is dropped */
	bool mrg_rxbuf;
	bool header_early;  /* a copied frame's header is written before the frame, not after it */
	bool csum;          /* the guest may leave checksums to us: its headers are read */
	uint32_t max_frame; /* longest that the device may deliver */

	struct hbuf_pool rx_pool, tx_pool, vmm_pool;
	enum copy_reason *rx_reason; /* by buffer of rx_pool: why it was posted */
	struct pktq to_vmm;          /* from rx */
	struct pktq *shared;         /* frames from a shared device queue; NULL if there is none */
	const uint8_t *mac;          /* flooded frames to other addresses are dropped; NULL: none */
	struct outbox *out;          /* frames to other guests; NULL: all go to the device */

	struct dpath_rx_slot *rx_slot; /* posted guest buffers, by chain head */
	uint32_t max_segs;             /* of one frame in guest memory, at most DPATH_SEGS */
	struct plat_seg *rx_seg;       /* max_segs for each */
	uint32_t copybreak;            /* shorter frames are copied out of them; 0: none is */
	struct piece
		*rx_head; /* copybreak: where each one's first bytes are, DPATH_HEAD for each */
	struct plat_seg *tx_seg; /* by chain head, max_segs each */
	uint16_t *tx_nseg;       /* 0: not with the device */
	uint32_t rx_posted;      /* guest buffers with the device */
	bool rx_hungry;          /* they run low and the guest has no more: hear of new ones */
	uint32_t tx_out;         /* guest chains with the device */
	struct ztx ztx;

	struct dpath_burst rxb, txb, vmmb;
	struct csum rx_csum; /* what the device says of this burst's frames */
	struct csum tx_csum; /* what the guest's header says of the frame that is being sent */

	/* counters */
	uint64_t interrupts, interrupts_suppressed; /* raised in the guest */
	uint64_t vmm_entries[2];                    /* receive, transmit */
};

void dpath_rx_burst(struct dpath *dp);
bool dpath_rx_commit(struct dpath *dp);
void dpath_tx_burst(struct dpath *dp);
bool dpath_tx_commit(struct dpath *dp);
void dpath_vmm_burst(struct dpath *dp);
bool dpath_vmm_commit(struct dpath *dp);

/* The device is gone: ends the mappings of all that it still has. */
void dpath_quiesce(struct dpath *dp);

/* The bursts' part when it is gone: dpath_gone.c. */
void dpath_gone_rx(struct dpath *dp);
void dpath_gone_vmm(struct dpath *dp);

/* ---- for policies --------------------------------------------------------------------------- */

/* Post hypervisor buffers as long as there are buffers and room; `reason` is why not the guest's.
 */
void dpath_post_hbufs(struct dpath *dp, enum copy_reason reason);

/*
 * Put one frame of f->len bytes at src[] into the guest's receive queue: over as many chains as it
 * takes with mrg_rxbuf, else into one. Its header says what `csum` does. Drops the frame, with the
 * reason, if it does not fit.
 */
void dpath_to_guest(struct dpath *dp, struct plat *pl, struct dpath_burst *b, struct frame *f,
		    enum copy_site site, enum copy_reason reason, struct csum csum,
		    const struct piece *src);

/* The same, but a frame that does not fit stays the caller's: false, and *why. */
bool dpath_fits_guest(struct dpath *dp, struct plat *pl, struct dpath_burst *b, struct frame *f,
		      enum copy_site site, enum copy_reason reason, struct csum csum,
		      const struct piece *src, enum drop_reason *why);

/* Is a lent frame not for this guest? Then it has been dropped. */
bool dpath_other_host(struct dpath *dp, struct plat *pl, const struct pktq_entry *e);

/* The virtio-net header in front of a received frame; where it is in several pieces. */
void dpath_put_pieces(const struct piece *at, const struct virtq_net_hdr *h);
static inline void dpath_put_header(const struct piece *at, const struct virtq_net_hdr *h)
{
	if (at->len >= sizeof(*h))
		__builtin_memcpy(at->p, h, sizeof(*h));
	else
		dpath_put_pieces(at, h);
}

static inline void dpath_write_header(const struct piece *at, uint16_t num_buffers,
				      struct csum csum)
{
	struct virtq_net_hdr h = {.flags = csum.flags,
				  .csum_start = csum.start,
				  .csum_offset = csum.offset,
				  .num_buffers = num_buffers};

	dpath_put_header(at, &h);
}

/*
 * Guest memory of a chain's segments as pieces, `skip` bytes in, `len` bytes long. False: some of
 * it is not in memory; the queue has been stopped for it.
 */
bool dpath_pieces(struct virtq_dev *vq, struct plat *pl, const struct virtq_seg *seg, unsigned nseg,
		  uint32_t skip, uint32_t len, enum plat_access access, struct piece *piece);

/* A chain that does not make a frame: back to the guest unsent. */
void dpath_tx_refuse(struct dpath *dp, struct virtq_chain *c, enum drop_reason why);

/*
 * Send a chain through a hypervisor buffer of tx_pool, by one copy at `site`; the chain goes back
 * to the guest at once. False: no room or no buffer.
 */
bool dpath_tx_copied(struct dpath *dp, struct virtq_chain *c, enum copy_site site,
		     enum copy_reason reason);

/* Send a chain whose frame is in buffer `buf` of tx_pool; the chain goes back to the guest. */
void dpath_tx_hbuf(struct dpath *dp, struct virtq_chain *c, uint32_t buf);
/* tx_done() of policies that send hypervisor buffers only. */
void dpath_tx_hbuf_done(struct dpath *dp, uint64_t cookie);

/* What the port's device says of all that it receives. */
static inline struct csum dpath_rx_csum(struct plat *pl, struct plat_port *port)
{
	bool valid = plat_dev_info(pl, port).caps & PLAT_CAP_RX_CSUM;
	return (struct csum){.flags = valid ? CSUM_VALID : 0};
}

/* Reads what the guest asks for this chain into dp->tx_csum. False: it is refused, and gone. */
bool dpath_tx_header(struct dpath *dp, struct virtq_chain *c);
/* dp->tx_csum needs it: unless the device does, fills the checksum in, in our own buffer. */
void dpath_tx_fill(struct dpath *dp, struct frame *f, const struct piece *piece, uint32_t len);

/* Send a frame, with what dp->tx_csum asks of the device. */
static inline void dpath_tx_send(struct dpath *dp, uint64_t cookie, struct frame *f,
				 const struct plat_seg *seg, unsigned n)
{
	if (__builtin_expect(dp->tx_csum.flags & CSUM_NEEDED, 0))
		plat_dev_csum(dp->tx_pl, dp->port, dp->tx_csum.start, dp->tx_csum.offset);
	plat_dev_send(dp->tx_pl, dp->port, cookie, f, seg, n);
}

/* A transmit chain goes back to the guest with the next commit. */
static inline void dpath_tx_return(struct dpath *dp, uint16_t head)
{
	virtq_dev_push(&dp->txq, dp->tx_pl, head, 0, NULL);
	ztx_returned(&dp->ztx, head);
}

/*
 * A buffer of tx_pool, and room in the device for it; HBUF_NONE if there is not, and the chain
 * waits unless it is *gone: dropped for want of a buffer, as the guest's settings say.
 */
uint32_t dpath_tx_hbuf_get(struct dpath *dp, struct virtq_chain *c, bool *gone);

/* Cookies tell hypervisor buffers from guest chains. */
#define DPATH_HBUF ((uint64_t)1 << 32)

/* Bytes of the frame in a transmit chain: what follows the virtio-net header. */
static inline uint32_t dpath_tx_len(const struct virtq_chain *c)
{
	return c->out_bytes - VIRTQ_NET_HDR_BYTES;
}

/* The frame is on its way in this burst: it is stamped at the commit. */
static inline void dpath_handed_on(struct dpath_burst *b, struct frame *f)
{
	b->frame[b->frames++] = f;
}

#endif
