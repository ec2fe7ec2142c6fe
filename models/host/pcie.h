/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcie.h - a device's PCI Express link and the root complex behind it, shared by its functions.
 *
 * How it works. The link's two directions are two servers (pcie_link.h). A transaction (pcie_op)
 * is its owner's object; nothing is allocated for it.
 *
 *	kind         device to host          then               host to device
 *	WRITE, MSI   writes of up to mps     write_latency
 *	READ         requests of up to mrrs  the latency law    completions
 *	MMIO_WRITE                           mmio_write         the write
 *	MMIO_READ    the completion          mmio_read          the request
 *
 * Towards the host an arbiter chooses. Each function has a queue of posted writes and one of
 * reads; functions with something to send take turns, surplus round robin by bytes on the link (a
 * read counts its completions, which are the dear part). Writes and reads alternate. A read does
 * not overtake the writes of its function that came before it, unless it is `loose`; a write
 * overtakes reads (Base 5.0, section 2.4.1). A grant is of one transaction and at most PCIE_GRANT
 * bytes of payload, or one packet if that is more; longer ones wait for their next turn. The
 * arbiter works ahead of the link by no more than two packets of mps bytes, the transmit buffer:
 * what is in there is in order and beyond choice, whole grants are served in one computation, and
 * no packet is an event of its own. Completions of register reads go to its end.
 *
 * Towards the device packets go in the order in which they are ready; the completions of one
 * request stay together.
 *
 * Bounds. A read request takes a tag until its last completion is in; a posted write takes a
 * credit until it is in memory. read_limit and write_limit are how many transactions the device
 * can begin a second.
 *
 * Latency of a read. read_base + len * read_byte is what a read takes that is alone, from the
 * first byte of its request on the link to its last byte at the device: what measurements report,
 * link included. (A link too slow for that takes longer.) Within one transaction requests return
 * in order, data streaming at read_byte; different transactions overtake each other freely.
 *
 * Always holds: each direction is busy whenever something may be sent; tags and credits in use
 * never exceed their number and all come back; writes and interrupts of all functions take effect
 * in the order of the link, so no interrupt is ahead of what it is about; a transaction's `done`
 * is called once, from an event, at the time of its effect.
 *
 * Rejected: an event for each packet (six a frame each way, where one or two say the same);
 * reserving the link to the device when the request is sent (a later, faster transaction would
 * wait behind idle time); cutting a granted transaction short when another function comes (what
 * it would win is bounded by PCIE_GRANT, 0.3 us at gen3 x8).
 */
#ifndef HOST_PCIE_H
#define HOST_PCIE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../sim/event.h"
#include "../../sim/keys.h"
#include "../../sim/scenario.h"
#include "pcie_link.h"

#define PCIE_GRANT 2048u /* bytes of payload; a frame of the usual mtu goes as one */

enum pcie_kind {
	PCIE_WRITE,      /* the device writes memory */
	PCIE_MSI,        /* the device raises an interrupt; its length is PCIE_MSI_BYTES */
	PCIE_READ,       /* the device reads memory */
	PCIE_MMIO_WRITE, /* a CPU writes a register of the device: a doorbell */
	PCIE_MMIO_READ,  /* a CPU reads one */
	PCIE_KINDS
};

struct pcie_config {
	struct pcie_link_config link;
	uint32_t tags;          /* read requests outstanding, at least 1 */
	uint32_t write_credits; /* posted writes that memory has not taken; 0: no bound */
	uint64_t read_limit;    /* transactions a second; 0: no bound */
	uint64_t write_limit;
	sim_time read_base;     /* a read alone, link included ... */
	sim_time read_byte;     /* ... and for each byte */
	sim_time write_latency; /* last byte at the host until it is in memory */
	sim_time mmio_write;    /* last byte at the device until it acts on it */
	sim_time mmio_read;     /* a register read alone, link included */
};

/* [pcie]; every default and preset names its source. */
extern const struct key_decl pcie_keys[];

/* What the keys say. False: a value that no link has. */
bool pcie_config(struct pcie_config *out, const struct cfg *c, GError **error);

struct pcie;

/* A transaction. Embed it in what it is for. All but `done` belongs to the link while it is away.
 */
struct pcie_op {
	struct event ev;
	void (*done)(struct pcie_op *op); /* may submit, this one too */
	struct pcie *link;                /* NULL: not away */
	struct pcie_op *next;
	uint64_t seq;       /* order within its function */
	sim_time submitted; /* valid in done() */
	sim_time extra;     /* at its other end */
	sim_time stream;    /* read: when the data asked for so far ends, alone */
	uint32_t len;       /* bytes of payload, of all that it stands for */
	uint32_t each;      /* a run of equal ones: bytes of each */
	uint32_t behind;    /* of the second of two writes */
	uint32_t sent;      /* granted */
	uint32_t returned;  /* of a read: ready at the host */
	uint16_t fn;
	uint8_t kind; /* enum pcie_kind */
	bool loose;   /* a read that may overtake its function's writes: another engine's; stays */
};

static inline void pcie_op_init(struct pcie_op *op, void (*done)(struct pcie_op *op))
{
	*op = (struct pcie_op){.done = done};
}

/* NULL: out of memory, or a value that the configuration does not allow. */
struct pcie *pcie_new(struct evq *q, const struct pcie_config *config, unsigned functions);
/* Transactions that are away are forgotten; their own events are their owners' to cancel. Takes
 * NULL. */
void pcie_free(struct pcie *p);

/*
 * Asked once for each piece of a device's write or read as it is granted (up to PCIE_GRANT bytes of
 * a write, one request of a read; not for interrupts): bytes [from, from + len) of `op` arrive at
 * the host at `at`, which is now or later. Returns how much longer than the constants have it the
 * host takes for them: a translation that misses, a cache line that is elsewhere. It acts as
 * `extra` does, on this piece. NULL: nothing takes longer.
 */
typedef sim_time pcie_host_fn(void *ctx, struct pcie_op *op, uint32_t from, uint32_t len,
			      sim_time at);
void pcie_set_host(struct pcie *p, pcie_host_fn *fn, void *ctx);

/*
 * len > 0. `done` is called when the data is in memory, at the device, or at the CPU, `extra` later
 * than the constants have it: a translation that misses, a remote node, a slow register.
 */
void pcie_submit_extra(struct pcie *p, unsigned fn, struct pcie_op *op, enum pcie_kind kind,
		       uint32_t len, sim_time extra);

static inline void pcie_submit(struct pcie *p, unsigned fn, struct pcie_op *op, enum pcie_kind kind,
			       uint32_t len)
{
	pcie_submit_extra(p, fn, op, kind, len, 0);
}

/*
 * A run of `count` equal transactions of `len` bytes (a read's at most mrrs), one right behind the
 * other: `done` is called once, when the last of them is. It costs the simulator what one costs.
 */
void pcie_submit_run(struct pcie *p, unsigned fn, struct pcie_op *op, enum pcie_kind kind,
		     uint32_t len, uint32_t count);

/* A write of `len` bytes and, right behind it, one of `behind`: `done` when both are in memory. */
void pcie_submit_writes(struct pcie *p, unsigned fn, struct pcie_op *op, uint32_t len,
			uint32_t behind);

/*
 * What n register reads would take, one after the other, that begin at `at`, now or later: as if
 * alone, and for the first what is on the link before it.
 */
sim_time pcie_register_time(const struct pcie *p, sim_time at, uint32_t n);

struct pcie_direction {
	uint64_t tlps;
	uint64_t bytes; /* on the link, headers included */
};

struct pcie_stats {
	struct pcie_direction to_host, to_device; /* put on the link so far */
	uint64_t begun[PCIE_KINDS];               /* submitted; and done */
	uint64_t done[PCIE_KINDS];
	uint64_t done_bytes[PCIE_KINDS]; /* payload */
	uint64_t requests;               /* read requests sent */
	uint32_t tags, tags_max;         /* in use now, and at most */
	uint32_t credits, credits_max;   /* the same; not counted where there is no bound */
	unsigned __int128 tag_time;      /* integral of `tags` over time so far */
};

/* As of now. */
void pcie_stats(struct pcie *p, struct pcie_stats *out);

struct pcie_fn_stats {
	uint64_t done[PCIE_KINDS];
	uint64_t done_bytes[PCIE_KINDS];
	uint64_t granted[2]; /* bytes on the link: of writes; of completions asked for */
};

const struct pcie_fn_stats *pcie_fn_stats(const struct pcie *p, unsigned fn);

/* How long so many bytes keep one direction busy. */
sim_time pcie_busy(const struct pcie *p, uint64_t bytes);

/* How long each direction has been busy until now; what is on its way there is still to come. */
void pcie_busy_now(const struct pcie *p, sim_time *to_host, sim_time *to_device);

/* The directions to the host and to the device: time granted so far, and up to when that reaches.
 */
void pcie_granted(const struct pcie *p, sim_time busy[2], sim_time until[2]);
/* Millionths of `elapsed` that so many bytes keep one direction busy. */
uint64_t pcie_utilization(const struct pcie *p, uint64_t bytes, sim_time elapsed);

#endif
