/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat.h - the seam between the datapath and the world it runs in.
 *
 * The datapath (models/datapath) moves real bytes through real rings. Everything else that it needs
 * - memory, a clock, doorbells, a device, someone to charge for the work - it asks for here, by
 * static inline functions whose bodies come from <plat_impl.h>. The include path picks the world:
 *
 *   plat/sim    modelled memory, simulated time, costs charged to an actor's local clock
 *   plat/real   ordinary memory, the machine's clock, eventfd, a file descriptor as the device
 *   plat/test   bounds-checked and counting, failing on demand
 *
 * A world that misses an operation, or defines it otherwise, does not compile. The datapath's
 * sources are the same in all three and hold no conditional compilation.
 *
 * Rejected: #ifdef in the datapath (every function becomes several programs); a table of function
 * pointers per access (it doubles the cost of a small frame and disturbs the copies under study);
 * a seam at link time (+1 ns a packet, or equal only under link-time optimisation).
 *
 * Rules for callers
 *  - Nothing read from guest memory is trusted, or read twice.
 *  - A handler reads shared state once, works on private state, and makes its results visible in
 *    its commit (see dpath.h): the simulator runs the two at different times.
 *  - Every move of payload by a CPU goes through plat_copy(), and by nothing else.
 */
#ifndef PLAT_H
#define PLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "ledger.h"
#include "work.h"

struct plat;      /* one actor's view of its world: its clock, its memory, whom to charge */
struct plat_line; /* where a doorbell or an interrupt goes; the world wires it */
struct plat_port; /* a queue pair of the device under the datapath */
struct frame;     /* a packet under way, with its ledger entries and stamps: frame.h */

/* What is asked of memory. */
enum plat_access {
	PLAT_READ = 1,
	PLAT_WRITE = 2,
};

/* Direction of a DMA, as the device sees memory. */
enum plat_dir {
	PLAT_TO_DEVICE = 1,   /* the device reads */
	PLAT_FROM_DEVICE = 2, /* the device writes */
};

/* One piece of memory as its owner knows it. */
struct plat_mem {
	gpa_t gpa;
	uint32_t len; /* bytes, not 0 */
};

/* One piece of memory as the device is told of it. */
struct plat_seg {
	uint64_t dma; /* as the device sees it: iova.a in simulation, a pointer in fact */
	uint32_t len; /* bytes, not 0 */
};

/* A buffer that the device has filled. */
struct plat_rx {
	uint64_t cookie;     /* as posted */
	struct frame *frame; /* whose bytes these are; the same in every buffer of one frame */
	uint32_t len;        /* bytes written into this buffer */
	uint32_t placed;     /* of them behind its header part, see plat_dev_post_rx_split() */
	uint16_t header;     /* bytes of the frame's header, if the device split it; else 0 */
	uint8_t why;   /* enum copy_reason why it did not; REASON_POLICY: it did, or need not */
	uint32_t mark; /* for whom the device's filters found it to be, if it has any */
	bool last;     /* the frame ends here */
};

/* What the device under a port can do; asked anew whenever it matters, since it may change. */
enum plat_caps {
	PLAT_CAP_ZERO_COPY = 1, /* may be pointed at guest memory */
	PLAT_CAP_GATHER = 2,    /* sends from more than one segment */
	PLAT_CAP_OWN_QUEUE = 4, /* its receive queue belongs to this guest alone */
	PLAT_CAP_TX_CSUM = 8,   /* takes plat_dev_csum() */
	PLAT_CAP_RX_CSUM = 16,  /* verifies checksums of what it receives */
	PLAT_CAP_SPLIT = 32,    /* splits received frames: plat_dev_post_rx_split() */
};
struct plat_devinfo {
	unsigned caps;     /* enum plat_caps */
	unsigned max_segs; /* of one sent frame */
};

/* In the cookie of a send that the device is done with: it calls it failed. */
#define PLAT_TX_FAILED ((uint64_t)1 << 63)

/* ---- memory ------------------------------------------------------------------------------- */

/*
 * A pointer to guest-physical `gpa`. *len says how many bytes are wanted and comes back as how many
 * are contiguous from there (never more than asked). NULL if the guest has no such memory or not
 * with that access; *len is then 0.
 */
static inline void *plat_map(struct plat *pl, gpa_t gpa, uint32_t *len, enum plat_access access);

/* The same for memory of the guest's process. Only guest-side code calls it. */
static inline void *plat_map_user(struct plat *pl, gva_t gva, uint32_t *len,
				  enum plat_access access);

/*
 * Where in guest-physical memory `gva` is: what a guest kernel does to build a gather list. *len as
 * above. False if the process has no such memory.
 */
static inline bool plat_translate(struct plat *pl, gva_t gva, gpa_t *gpa, uint32_t *len);

/*
 * Move `len` bytes of `frame` between buffers: really, into the frame's ledger entry for `site`
 * (bytes each call; the copy counts once per frame and site) and onto the actor's time. The reason
 * is REASON_POLICY or the fallback that forced the copy.
 */
static inline void plat_copy(struct plat *pl, struct frame *frame, enum copy_site site,
			     enum copy_reason reason, void *dst, const void *src, uint32_t len);

/* The same for the frame's header alone, under header split: counted apart. `src` is the caller's.
 */
static inline void plat_copy_header(struct plat *pl, struct frame *frame, enum copy_site site,
				    void *dst, const void *src, uint32_t len);

/* ---- is a page there? --------------------------------------------------------------------------
 */

enum plat_page {
	PLAT_PAGE_NONE, /* the guest has no such memory, or not to write */
	PLAT_PAGE_OUT,  /* put aside by the host: an access would have to bring it back */
	PLAT_PAGE_IN,
};

/* The state of the guest page at `gpa`, for writing, without touching it. */
static inline enum plat_page plat_page_state(struct plat *pl, gpa_t gpa);

/* Bring it back; the caller pays. False: it cannot be had. */
static inline bool plat_page_in(struct plat *pl, gpa_t gpa);

/* ---- order between two sides of a ring ---------------------------------------------------------
 */

static inline uint16_t plat_load_idx(const uint16_t *idx);          /* acquire */
static inline void plat_publish_idx(uint16_t *idx, uint16_t value); /* release */

/*
 * Full barrier: (a) between publishing an index and reading the peer's event index; (b) between
 * enabling notifications and looking again. Acquire and release alone lose wake-ups on x86: the
 * store may still sit in the store buffer when the load is done. Empty in simulation.
 */
static inline void plat_fence(struct plat *pl);

/* Doorbell, notification or interrupt along a line; `value` is what the register takes (a tail). */
static inline void plat_kick(struct plat *pl, struct plat_line *line, uint32_t value);

/*
 * The CPU reads a register of the device behind `line`, n times, waiting for each. What it learns
 * it finds in the ring as well: only the time matters, and a real world spends none here.
 */
static inline void plat_reg_read(struct plat *pl, struct plat_line *line, uint32_t n);

/*
 * Alarm: the line is kicked at time `at` (at once if that is past), for free and unless it is armed
 * anew before; PLAT_NEVER disarms it. Such a line carries no other kicks.
 */
static inline void plat_arm(struct plat *pl, struct plat_line *line, plat_time at);

/* ---- time and work ------------------------------------------------------------------------------
 */

/* Charge n units of work to the actor. Empty in the real build: there it costs what it costs. */
static inline void plat_charge(struct plat *pl, enum plat_work what, uint32_t n);

/* Now: the actor's local clock, or the machine's monotonic clock. */
static inline plat_time plat_now(struct plat *pl);

/* The stage of this frame ends now: the time since its last stamp belongs to `stage`. */
static inline void plat_stamp(struct plat *pl, struct frame *frame, enum frame_stage stage);

/*
 * The process has read this frame and works on it from now on, before the frame's fate is told. In
 * simulation that takes the actor as long as the process's law says; elsewhere its work is its own.
 */
static inline void plat_process(struct plat *pl, struct frame *frame);

/* ---- a frame's fate: exactly one of the two, after which the frame is the world's again
 * ------------ */

static inline void plat_deliver(struct plat *pl, struct frame *frame);
static inline void plat_drop(struct plat *pl, struct frame *frame, enum drop_reason reason);

/* ---- DMA mapping
 * --------------------------------------------------------------------------------- */

/*
 * Let the port's device reach guest memory [gpa, gpa+len). Appends to seg[] from *n on, at most to
 * max entries, one for each piece that the device sees as contiguous. False (and *n as before,
 * nothing left mapped) if there is no such memory, no room in seg[], or mapping is refused.
 */
static inline bool plat_dma_map(struct plat *pl, struct plat_port *port, gpa_t gpa, uint32_t len,
				enum plat_dir dir, struct plat_seg *seg, unsigned max, unsigned *n);

/*
 * The same for a buffer of nmem pieces, all or none, as one request: where a mapping is asked of
 * somebody else, that is asked once.
 */
static inline bool plat_dma_map_sg(struct plat *pl, struct plat_port *port,
				   const struct plat_mem *mem, unsigned nmem, enum plat_dir dir,
				   struct plat_seg *seg, unsigned max, unsigned *n);

/*
 * A mapped buffer changes hands: `frame` is in it, of which the next len bytes fill the n segments
 * as far as they go. The CPU has written it, the device may read it; the device has written it, the
 * CPU may read it. Copies where the device sees another buffer than the one that was mapped (a
 * bounce buffer); else nothing. As dma_sync_single_for_device/_cpu of Linux, with the frame, so
 * that the copy is booked.
 */
static inline void plat_dma_sync_for_device(struct plat *pl, struct plat_port *port,
					    const struct plat_seg *seg, unsigned n, uint32_t len,
					    struct frame *frame);
static inline void plat_dma_sync_for_cpu(struct plat *pl, struct plat_port *port,
					 const struct plat_seg *seg, unsigned n, uint32_t len,
					 struct frame *frame);

/* End of that: the n segments come back. No access by the device is possible or allowed after. */
static inline void plat_dma_unmap(struct plat *pl, struct plat_port *port,
				  const struct plat_seg *seg, unsigned n);

/* ---- the device under the datapath: post, then reap, with a cookie
 * ----------------------------------- */

static inline struct plat_devinfo plat_dev_info(struct plat *pl, struct plat_port *port);

/* How many more receive segments / send segments can be posted now. */
static inline unsigned plat_dev_rx_room(struct plat *pl, struct plat_port *port);
static inline unsigned plat_dev_tx_room(struct plat *pl, struct plat_port *port);

/* Post one receive buffer of n segments, n at most plat_dev_rx_room(). Seen at the next flush. */
static inline void plat_dev_post_rx(struct plat *pl, struct plat_port *port, uint64_t cookie,
				    const struct plat_seg *seg, unsigned n);

/*
 * The same for a device that splits: the first nheader segments, long enough for any frame, take
 * the header of a frame that is for a process, and behind it what the others have no room for; the
 * others take its payload. A frame that is not split goes into the first ones as a whole.
 */
static inline void plat_dev_post_rx_split(struct plat *pl, struct plat_port *port, uint64_t cookie,
					  const struct plat_seg *seg, unsigned nheader, unsigned n);

/* Take up to max filled buffers, in order. */
static inline unsigned plat_dev_reap_rx(struct plat *pl, struct plat_port *port, struct plat_rx *rx,
					unsigned max);

/* Send one frame gathered from n segments, n at most plat_dev_tx_room(). Seen at the next flush. */
static inline void plat_dev_send(struct plat *pl, struct plat_port *port, uint64_t cookie,
				 struct frame *frame, const struct plat_seg *seg, unsigned n);

/*
 * Of the frame that is sent next: the device sums from `start` on and stores the checksum `offset`
 * behind it, as it leaves (csum.h; both within the frame and csum_fits()). What is in memory stays
 * as it is. Needs PLAT_CAP_TX_CSUM.
 */
static inline void plat_dev_csum(struct plat *pl, struct plat_port *port, uint16_t start,
				 uint16_t offset);

/*
 * Take up to max cookies whose segments the device has read for the last time, in any order. One
 * whose sending the device calls failed comes with PLAT_TX_FAILED set, a bit that no cookie uses.
 */
static inline unsigned plat_dev_reap_tx(struct plat *pl, struct plat_port *port, uint64_t *cookie,
					unsigned max);

/* Commit: ring the doorbells for what was posted since. */
static inline void plat_dev_flush_rx(struct plat *pl, struct plat_port *port);
static inline void plat_dev_flush_tx(struct plat *pl, struct plat_port *port);

/*
 * Ask for, or stop, interrupts from the device's receive / send side. Enabling returns true if
 * something is there to be reaped already: look again instead of sleeping.
 */
static inline bool plat_dev_rx_irq(struct plat *pl, struct plat_port *port, bool on);
static inline bool plat_dev_tx_irq(struct plat *pl, struct plat_port *port, bool on);

#include <plat_impl.h>

#endif
