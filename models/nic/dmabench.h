/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmabench.h - a device that does nothing but DMA, as pcie-bench makes of a NIC: [dma NAME].
 *
 * How it works. A device is a PCI Express link (host/pcie.h), one IOMMU domain and one or more
 * benches, each a function of the link with a window of machine memory of its own. A bench has
 * `outstanding` tokens; a token is one operation under way: a transaction, a write and the read
 * that follows it, or all that a NIC does for a packet sent and one received. Closed loop: a token
 * begins anew as soon as its operation is done. Open: operations arrive by a clock, evenly or as a
 * Poisson process, and one that finds no token is lost, or waits (its latency counts from its
 * arrival).
 *
 * Each piece of a transaction is translated page by page as it comes to the host, and waits for
 * what that takes; the pages of one piece are asked for at once.
 *
 * per_op: a CPU maps the pages before each operation and unmaps them after it, as [iommu] mode
 * says, by the same layer that serves NICs (plat_dma.h); it also pays for that. The transactions
 * begin at the commit of its turn (cpu.h).
 *
 * Rates are counted between the first and the last operation done after `warmup` and before the
 * last one is offered: what drains is no steady state. Latencies are of all operations begun after
 * it.
 *
 * Always holds: no more than `outstanding` operations are under way; each offered one is done or
 * lost; what a translation yields is the window's own page.
 *
 * Rejected: moving bytes (nobody looks at them; endpoints and digests are the NIC's).
 */
#ifndef NIC_DMABENCH_H
#define NIC_DMABENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "../../sim/hist.h"
#include "../../sim/rng.h"
#include "../host/cpu.h"
#include "../host/llc.h"
#include "../host/pcie.h"
#include "../host/pcie_traffic.h"
#include "../plat/sim/plat_dma.h"
#include "plat.h"

#define DMABENCH_STEPS (2 * PCIE_PACKET_STEPS)
#define DMABENCH_BYTES 65536u /* of an operation, at most */
#define DMABENCH_PAGES (DMABENCH_BYTES / PAGE_BYTES + 1)
#define DMABENCH_RING  8192u /* bytes of descriptors that a direction's ring has */

enum dmabench_op {
	DMABENCH_READ,
	DMABENCH_WRITE,
	DMABENCH_BOTH,       /* a read and a write at once, each of `size` */
	DMABENCH_WRITE_READ, /* a write, and a read of the same bytes behind it */
	DMABENCH_PACKETS,    /* a packet sent and one received, as `traffic` says */
	DMABENCH_OPS
};
extern const char *const dmabench_ops[DMABENCH_OPS + 1]; /* as metrics name them */

enum dmabench_pattern { DMABENCH_RANDOM, DMABENCH_SEQUENTIAL, DMABENCH_CYCLIC, DMABENCH_ZIPF };
enum dmabench_warm { DMABENCH_COLD, DMABENCH_HOST, DMABENCH_DEVICE };
enum dmabench_source { DMABENCH_CLOSED, DMABENCH_CONSTANT, DMABENCH_POISSON };

struct dmabench_config {
	enum dmabench_op op;
	uint32_t size;   /* bytes of a transaction, or of a packet without FCS */
	uint64_t window; /* bytes of memory; at least a unit: size, rounded up to 64 */
	enum dmabench_pattern pattern;
	uint32_t zipf_milli; /* the exponent, in thousandths */
	uint64_t page_bytes; /* the step of cyclic, what zipf ranks */
	uint32_t outstanding;
	enum dmabench_source source;
	uint64_t rate; /* open: operations a second */
	bool drop;     /* open: an operation that finds no token is lost */
	uint64_t count;
	bool per_op;
	enum dmabench_warm warm; /* who has touched the window before; with a model of caches */
	const struct pcie_traffic *traffic;
	sim_time warmup;
	uint64_t seed;
};

/* [dma]; see dmabench_keys.c. */
extern const struct key_decl dma_keys[];

/* What the keys say; page_bytes, warmup and seed are the machine's to add. */
bool dmabench_config(struct dmabench_config *out, const struct cfg *c, GError **error);

/* Bytes that one bench takes of machine memory and of I/O addresses. */
uint64_t dmabench_memory(const struct dmabench_config *c);

/* Where in the window the next operation is. */
struct dmabench_picker {
	enum dmabench_pattern pattern;
	uint32_t unit;
	uint64_t units, pages, page_bytes;
	uint64_t next;
	uint64_t *sum;  /* zipf: of the weights of ranks 0..i */
	uint32_t *page; /* of a rank */
	struct rng rng;
};

void dmabench_picker_init(struct dmabench_picker *p, const struct dmabench_config *c,
			  const char *name);
void dmabench_picker_fini(struct dmabench_picker *p);
uint64_t dmabench_pick(struct dmabench_picker *p);

/* The share of rank k (from 0) of n under exponent milli / 1000, by the sums; for tests. */
void dmabench_zipf_sums(uint64_t *sum, uint64_t n, uint32_t milli);

struct dmabench;

struct dmabench_xfer {
	struct pcie_op op;
	struct dmabench_token *token;
	uint64_t offset; /* in the bench's memory */
};

struct dmabench_token {
	struct dmabench *bench;
	struct dmabench_token *next;
	unsigned left; /* transactions under way */
	sim_time started;
	uint64_t offset;
	unsigned pages;               /* per_op: mapped */
	uint64_t dma[DMABENCH_PAGES]; /* their I/O addresses */
	struct dmabench_xfer xfer[DMABENCH_STEPS];
};

struct dmabench_counts {
	struct hist latency; /* ps */
	uint64_t offered, drops;
	uint64_t done; /* of those offered after the warm-up */
	/* rates */
	sim_time first, last;
	uint64_t counted;
};

/* What benches share. */
struct dmabench_device {
	struct evq *q;
	struct pcie *pcie;
	struct mem *mem;
	struct iommu *io;
	struct iommu_domain *domain;
	uint16_t requester;
	bool translates; /* the IOMMU is on */
	struct llc *llc; /* NULL: no model of caches */
	unsigned node;   /* that it is attached to */
	struct plat_dma dma;
	bool *taken; /* by function */
};

struct dmabench {
	struct dmabench_config cfg;
	struct dmabench_device *dev;
	uint16_t fn;
	hpa_t *page;   /* by 4 KiB of its memory */
	uint64_t iova; /* of its first byte, where it stays mapped */
	struct dmabench_picker picker;
	struct dmabench_token *token;
	struct dmabench_token *idle, *finished,
		*finished_last;       /* finished: per_op, to be unmapped */
	struct dmabench_token *ready; /* per_op: mapped, to be begun */
	uint64_t begun, packets;
	sim_time written; /* writes that came to the host before this had been held up until then */
	struct event arrival;
	sim_time next_at;       /* open: when the next operation arrives, or did */
	struct pcie_server gap; /* constant */
	struct rng rng;
	struct dmabench_counts n;
	uint64_t hits, misses, walk_reads, faults; /* of operations begun after the warm-up */
	uint64_t away;                             /* operations under way */
	uint64_t *live;                            /* the same, of all benches */
	sim_time stopped;                          /* when the last one was offered */
	void (*done)(void *ctx, struct dmabench *b);
	void *ctx;
	/* per_op */
	struct worker worker;
	struct plat pl;
};

/* A device for `functions` benches. False: what pcie_new() refuses. */
bool dmabench_device_init(struct dmabench_device *d, struct evq *q, const struct pcie_config *pcie,
			  unsigned functions);
void dmabench_device_fini(struct dmabench_device *d);

/*
 * A bench of the device, function fn. The caller has set page[] and iova. `cpu` is whose time
 * per_op takes, NULL otherwise. `done` is called when the last operation has been offered.
 */
void dmabench_init(struct dmabench *b, struct dmabench_device *d, uint16_t fn,
		   const struct dmabench_config *c, const char *name, struct cpu *cpu);
void dmabench_start(struct dmabench *b);
/* per_op: takes back what is mapped, so that pins and mappings must balance. */
void dmabench_quiesce(struct dmabench *b);
void dmabench_fini(struct dmabench *b);

#endif
