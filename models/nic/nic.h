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
 * takes a constant time more until it is complete (keys bus_rate, dma_read, dma_write). Or, with
 * `model`, it is PCI Express with all that NIC and driver do there (nic_bus.h).
 *
 * Filters: a rule per traffic (frames sent `to` a guest), then exact MAC addresses, then queue 0,
 * the host's own, which also takes broadcast and multicast if several guests share the NIC.
 *
 * Virtual functions. A queue pair can be a function of its own (nic_vf): its own requester id, so
 * its own domain, and its own address. With them comes the embedded switch, for what a virtual
 * function sends and what is for one (key `switch`, nic_switch.c; mediated: nic_peer.c):
 *
 *   veb       to a guest of this NIC: into its queue, under the receiver's requester id; 2 DMA
 *   vepa      everything by the wire; the bridge there sends back what is for this NIC
 *   mediated  to a virtual function of any mediated NIC: the sender's function writes into the
 *             receiver's memory, as the mapping structure permits (peermap.h, US 9,483,290)
 *
 * Broadcast goes to every other virtual function, to the PF's queue for its guests, and to the
 * wire. A frame that its receiver has no descriptor for is lost to that receiver alone. What passes
 * the switch lies in the packet buffer towards the host, once however many receivers it has.
 *
 * Each descriptor is read once, when it is taken, into the NIC's own memory: the rings may be a
 * hostile guest's. What cannot be (a tail beyond the ring, no or too many bytes) is counted and
 * moves nothing.
 *
 * Sources: Intel 82599 datasheet 331520 (descriptors, 7.1.6, 7.2.3; per-queue drop, 7.1.9);
 * IEEE 802.3 for preamble 8, FCS 4, gap 12 bytes.
 */
#ifndef NIC_NIC_H
#define NIC_NIC_H

#include "../../sim/keys.h"
#include "../../sim/scenario.h"
#include "../host/iommu.h"
#include "../host/llc.h"
#include "../traffic/traffic.h"
#include "frame.h"
#include "plat.h"

struct nic;
struct nic_bus;
struct nic_job;
struct nic_port;
struct peermap;
struct split_table;

extern const struct key_decl nic_keys[];

#define NIC_WIRE_BYTES 24 /* preamble 8, FCS 4, gap 12 */
#define NIC_MIN_FRAME  60
#define NIC_MAX_VFS    256u /* of one device */

/* What became of a virtual function's frames: sent by it, and for it. */
struct nic_vf_stats {
	uint64_t sent, sent_local; /* fetched; of them to guests of this host */
	uint64_t received, received_local;
	uint64_t sent_drops[DROP_N]; /* before the switch: spoofed and the like */
	uint64_t drops[DROP_N];      /* for it, and lost */
	uint64_t bad_descriptors;    /* tails and lengths that cannot be */
};

/* One receive or send queue, as the device has it; what each frame needs comes first. */
struct nic_queue {
	struct nic *nic;
	struct nic_ring rx, tx;
	struct nic_rx_read *rx_copy; /* descriptors as they were when they were taken */
	struct nic_tx_desc *tx_copy;
	struct nic_regs regs;
	uint32_t rx_head; /* next receive descriptor to take; advanced by the device */
	uint32_t rx_done; /* descriptors before it are written back */
	uint32_t tx_head; /* next send descriptor to fetch */
	uint32_t tx_done; /* so many are written back */
	uint32_t life;    /* how often it was stopped */
	uint16_t requester;
	bool tx_active; /* on the NIC's list of queues with work */
	bool stopped;   /* nic_queue_stop(): touches nothing any more */
	bool closed;    /* receive: takes no more frames, what it has begun it ends */
	int vf;         /* which virtual function it is; -1: the PF's */
	/* receive ring: filled and not yet reaped, as arriving frames find it */
	uint64_t seen, seen_filled, seen_max;
	uint64_t desc_bytes; /* of descriptors read and written back */
	uint64_t interrupts;
	struct nic_port *port; /* on a bus: what it has there; NULL: the bus is constants */
	uint32_t waiting;      /* on a bus: frames that wait for descriptors to be fetched */
	struct nic_queue *tx_next;
	/* where interrupts and, for pollers, mere progress go; any may be NULL */
	void (*rx_notify)(void *ctx, bool interrupt);
	void (*tx_notify)(void *ctx, bool interrupt);
	void *rx_ctx, *tx_ctx;
	struct split_table *split; /* whose frames are split and placed; NULL: none of this queue */
	/* interrupt moderation */
	struct nic_irq {
		struct event ev; /* when the next one may be due */
		sim_time until;  /* none before that */
		uint32_t news;   /* frames since the last one */
		bool due;        /* the delay is over */
	} rx_itr, tx_itr;
	struct plat_line tx_bell;
	/* of a virtual function */
	uint64_t mac;   /* 48 bits */
	uint32_t guest; /* for whom it is, as the filters know it */
	/* mediated, with peer_wait: peers that wait for a buffer here, first to last */
	struct nic_job *wait_first, *wait_last;
	struct plat_line rx_bell;
	struct nic_vf_stats stats;
};

/* A transfer on the bus. */
struct nic_dma {
	struct frame *frame;
	struct nic_queue *queue;
	sim_time done;
	uint32_t desc, ndesc; /* first descriptor, how many */
	uint32_t len;         /* bytes, as the descriptors say */
	uint32_t target;      /* receive: what the filters found */
	uint16_t header;      /* receive, split queue: bytes of the frame's header */
	uint8_t why;          /* enum copy_reason why it is not split; REASON_POLICY: it is */
	bool failed;          /* send: reported as such */
	uint32_t life;        /* of the queue, when the transfer began */
	bool held;            /* receive: it has room in the packet buffer for itself */
	uint8_t *bytes;       /* receive */
	struct nic_pkt *pkt;  /* where they lie; NULL: with the frame */
	struct nic_job *job;  /* mediated: this is the write into a peer's memory */
	bool moved;           /* on a bus: its bytes have come where they belong */
};

/* A frame inside the NIC for one or several receivers. */
struct nic_pkt {
	struct nic_pkt *next;
	uint32_t len, refs;
	bool held; /* it has room in the packet buffer */
	uint8_t bytes[];
};

/* What a frame from one function to another has come to: the steps of US 9,483,290, in order. */
#define NIC_STEPS(X)                                                                               \
	X(FETCHED, fetched)     /* 1 DMA #1 has brought the frame to the sender's function */      \
	X(LOOKED_UP, looked_up) /* 2 its destination was compared with the mapping */              \
	X(LENGTH, length)       /* 3 the receiver's function has its length */                     \
	X(ADDRESS, address) /* 4 the sender's function has an address, or that there is none */    \
	X(DMA, dma)         /* 5 DMA #2 begins */                                                  \
	X(TRAPPED, trapped) /* 6 the remapping module has it */                                    \
	X(TRANSLATED, translated) /* 7 in the receiver's domain; not if it was refused */          \
	X(WRITTEN, written)       /* 8 the data is in the receiver's memory; not if refused */     \
	X(NOTIFIED, notified)     /* 9 the receiver's function knows ... */                        \
	X(INTERRUPT, interrupt)   /* ... and has told its guest */

enum nic_step {
#define X(id, name) NIC_STEP_##id,
	NIC_STEPS(X)
#undef X
		NIC_STEP_N
};

enum nic_switch_kind { NIC_VEB, NIC_VEPA, NIC_MEDIATED };

/* What mediated NICs of one host share. */
struct nic_fabric {
	struct peermap *map;
	struct nic_queue **vf; /* by guest: its virtual function, or NULL */
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

/* When a queue raises interrupts. */
enum nic_irq_mode {
	NIC_IRQ_MASKED, /* raising one masks further ones until the driver enables them */
	NIC_IRQ_ALWAYS, /* whatever the driver does */
	NIC_IRQ_NONE    /* never: the driver polls */
};

enum nic_model { NIC_CONSTANT, NIC_SIMPLE, NIC_82599_KERNEL, NIC_82599_PMD };

/* How NIC and driver use a bus, for each direction; sizes in descriptors, counts in frames. */
struct nic_use {
	uint32_t fetch;     /* descriptors that one read asks for at most */
	uint32_t prefetch;  /* held or asked for, at most, beyond those of frames that wait */
	uint32_t writeback; /* descriptors of one write of status; 0 (send): none, heads are read */
	uint32_t tail_every; /* frames a tail write; 0: one each time the driver has posted */
	uint32_t head_every; /* frames a read of the head; 0: it is not read */
};

struct nic_config {
	enum nic_model model;
	struct nic_use rx_use, tx_use;
	uint32_t tx_reads;        /* frames that are read at once, of all queues */
	sim_time writeback_delay; /* a batch of status that is not full waits; 0: until idle */
	enum nic_irq_mode irq;
	uint32_t irq_count; /* frames an interrupt; 0: not counted */
	sim_time irq_delay; /* from the first frame to the interrupt */
	uint64_t link_bps, bus_bps;
	sim_time dma_write, dma_read, moderation;
	uint32_t rx_ring, tx_ring, mtu, queues, vfs;
	uint32_t rx_buffer, tx_buffer; /* bytes on the NIC */
	bool tso, lro, gather, zero_copy, tx_csum, rx_csum, place;
	uint32_t max_segs;
	uint32_t tx_free_thresh;                /* of the host's driver: nicdrv.h */
	uint32_t tx_late_every, tx_error_every; /* each Nth sent frame; 0: none */
	sim_time tx_late;
	enum nic_switch_kind kind;
	bool anti_spoof;
	sim_time switch_latency, hairpin_delay, peer_message, peer_to_peer, peer_wait;
};

/* What feeds the wire towards the NIC: frames in order of their time. */
struct nic_source {
	/* Time of the next frame that comes by the wire; false at the end. NULL: none comes. */
	bool (*peek)(void *ctx, sim_time *at);
	/* That frame, taken from its traffic and entered in its book. */
	struct frame *(*take)(void *ctx);
	void *ctx;
	bool live; /* false means none for now: see nic_source_ready() */
};

struct nic {
	char name[32];
	struct evq *q;
	struct world *world;
	struct iommu *iommu;
	struct mem *mem;
	struct llc *llc; /* NULL: nobody asks where bytes are */
	unsigned node;   /* that it is attached to */
	struct nic_config cfg;
	bool protects;           /* the IOMMU is on */
	bool look_always;        /* at every page that DMA touches: whose it is */
	bool tells;              /* world_dma(); with look_always */
	uint64_t bus_byte_as;    /* a byte on the bus, attoseconds */
	struct nic_bus *bus;     /* nic_bus.h; NULL: constants */
	struct nic_xlate *xlate; /* the transfer whose pages are looked up, or were */
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
	uint32_t rx_held;                           /* bytes in the packet buffer */
	sim_time arriving_due;                      /* its time in the source */
	sim_time arriving_at;                       /* when its first bit comes */
	struct nic_wire rx_before;                  /* the wire before it */
	struct nic_job *reflected, *reflected_last; /* vepa: wait for the wire, sent back */
	struct nic_job *arriving_job;               /* `arriving` is one of these */
	struct frame *postponed; /* taken from the source, and overtaken by one sent back */
	sim_time postponed_at;

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
	uint64_t bad_descriptors; /* that make no frame, and tails beyond their ring */
	uint64_t tx_fetched;      /* frames, sent or refused: which one is the Nth */

	/* virtual functions */
	unsigned vfs;
	unsigned device;           /* its number in the fabric's map */
	struct nic_fabric *fabric; /* mediated */
	struct nic_pkt *pkt_free;
	struct nic_job *job_free;
	uint32_t pkt_bytes;       /* room in each packet */
	uint32_t waiting;         /* bytes of frames that wait for a peer's buffer */
	GPtrArray *switch_memory; /* all packets and jobs */
	/* Told each step of each frame between functions; NULL: nobody. */
	void (*step)(void *ctx, const struct nic_queue *from, const struct nic_queue *to,
		     const struct frame *f, enum nic_step step);
	void *step_ctx;
	struct book stray; /* frames that nobody recorded: a hostile driver's */
};

/* `protects`: the IOMMU is on. `requester` is the function's id on the bus; queues' rings are set
 * up by the caller. */
void nic_init(struct nic *n, const char *name, struct evq *q, struct world *world,
	      struct iommu *iommu, bool protects, const struct nic_config *cfg, unsigned traffics,
	      unsigned guests);
void nic_fini(struct nic *n);

/* Longer than the mtu allows, an 802.1Q tag not counted. */
bool nic_too_long(const struct nic *n, const uint8_t *bytes, uint32_t len);

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
/* This guest has no address any more. */
void nic_forget(struct nic *n, unsigned guest);

/* The driver's end of a queue: rings, registers and doorbell. */
void nic_queue_bind(struct nic *n, unsigned queue, const struct nic_ring *rx,
		    const struct nic_ring *tx, struct nicdrv *drv);

/* Frames of this queue are split, those of the flows in `table` (7.1.10); its only writer is the
 * NIC from now on. */
void nic_queue_split(struct nic *n, unsigned queue, struct split_table *table);
/*
 * Closes the queue for good: a frame for it is dropped (guest_gone). What has been posted to send
 * is still sent.
 */
static inline void nic_queue_close(struct nic_queue *q)
{
	q->closed = true;
}
/*
 * Its function may use the IOMMU again: on a bus, what that has refused of its rings is tried
 * again. (The VMM that had disabled its DMA enables the queue anew.)
 */
void nic_queue_permit(struct nic_queue *q);
/* Does the device still hold, or have to fetch, anything of this queue? */
static inline bool nic_queue_busy(const struct nic_queue *q)
{
	return q->tx_done != q->regs.tx_tail || q->rx_done != q->rx_head || q->waiting;
}

/* ---- virtual functions ---- */

/*
 * Queue `queue`, bound and known to the filters as `guest`'s, is virtual function `vf` from now on:
 * its requester id and address are its own. False: the fabric has the address or the requester
 * already.
 */
bool nic_vf(struct nic *n, unsigned queue, unsigned vf, unsigned guest, uint16_t requester,
	    const uint8_t mac[6]);
/* Its address is another from now on. False: somebody has it already. */
bool nic_vf_move(struct nic *n, unsigned queue, const uint8_t mac[6]);
/* Mediated: the fabric that the host's mediated NICs share. Before nic_vf(). */
void nic_join(struct nic *n, struct nic_fabric *fabric);

/*
 * The queue's guest is gone. From now on the NIC reads and writes none of its memory, rings
 * included; a transfer under way ends without effect, and its frame as guest_gone (or dma_fault, if
 * a peer's write meets the remapper). Frames posted to send and not fetched are dropped here;
 * received ones that the driver has not taken are the caller's. nic_queue_bind() gives it a new
 * life.
 */
void nic_queue_stop(struct nic *n, unsigned queue);

/*
 * Where the switch takes a frame that `from` sends: a guest's number, NIC_ALL, or NIC_NOBODY for
 * the wire. The sender's own number: to itself.
 */
uint32_t nic_route(const struct nic_queue *from, const uint8_t *bytes, uint32_t len);

extern const char *const nic_step_names[NIC_STEP_N + 1];

/* The bytes of the frame that is leaving (`leaving`, not NULL), as the wire has them. */
const uint8_t *nic_leaving(const struct nic *n);
/* The same of the one that comes by it. */
const uint8_t *nic_arriving(const struct nic *n);

/* A live source may have a frame to take. */
void nic_source_ready(struct nic *n);

/* Begin: takes the first frame of the source, if there is one. */
void nic_start(struct nic *n);

/* One slot for `len` bytes of a frame. */
static inline uint64_t nic_one_slot(uint32_t len)
{
	return (len > NIC_MIN_FRAME ? len : NIC_MIN_FRAME) + NIC_WIRE_BYTES;
}

/* The same for a frame of any number of slots. */
uint64_t nic_slots_bytes(const struct frame *f);

/* A frame's slots on the wire in bytes, preamble to gap; headers repeat on each slot. */
static inline uint64_t nic_slot_bytes(const struct frame *f)
{
	return f->slots == 1 ? nic_one_slot(f->len) : nic_slots_bytes(f);
}

/*
 * A frame longer than the mtu that TSO or LRO carries as one: how many slots it takes on the wire
 * and which headers repeat on each. Leaves a frame that fits as it is.
 */
void nic_segment(struct frame *f, const uint8_t *bytes, uint32_t mtu);

/* Sends `bytes` from `start` on, or when the wire is free; returns when the last bit is out. */
static inline sim_time nic_wire_slot(struct nic_wire *w, sim_time start, uint64_t bytes)
{
	uint64_t num;
	sim_time ps;

	if (start > w->free || !w->frames) {
		w->free = start > w->free ? start : w->free;
		w->carry = 0;
	}
	num = bytes * 8 * SIM_S + w->carry;
	ps = num / w->rate_bps;
	w->carry = num % w->rate_bps;
	w->free += ps;
	w->busy_ps += ps;
	w->frames++;
	w->bytes += bytes;
	return w->free;
}

#endif
