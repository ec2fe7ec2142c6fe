/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llc.h - where the bytes are: private caches of cores, the last-level cache of each node with the
 * ways that devices write into (DDIO), memory near and far.
 *
 * How it works. Each 64-byte line of machine memory has a record: since when it is in a last-level
 * cache, and since when in which core's private cache. "When" counts lines, not time: a partition
 * of a cache numbers the lines that come in, and holds the last `capacity` of them, so a line is in
 * it iff not more than that many have come since. That is an exact, fully associative cache with
 * first-in-first-out replacement for one comparison a line: no list, no set, no search. Under
 * uniform random access to a window of W bytes it hits C/W of the time, as LRU does.
 *
 * The grain is the line and not the page because a 64-byte packet in a buffer of 2 KiB takes 64
 * bytes of a cache. The cost is a comparison or two a line, next to copying that line.
 *
 *	who          private cache          last-level cache of its node
 *	core, reads  enters, leaves         enters the CPUs' ways if it is in neither part
 *	or writes    any other core's
 *	device,      leaves all             updated where it is; else enters the DDIO ways, and
 *	writes                              the line that goes is dirty: written back first
 *	device,      -                      -
 *	reads
 *
 * A device's writes to memory of another node go to memory. A line is in the last-level cache of
 * one node at a time, that of the core that touched it last.
 *
 * Approximations. The CPUs' ways and the DDIO ways are two partitions (real CPUs may use both); a
 * line that leaves early (pulled to another node) leaves a hole until its turn; associativity,
 * hashing and prefetching are not there. `working_set` is what the rest of the machine keeps in the
 * CPUs' ways.
 *
 * Sources: Neugebauer et al., SIGCOMM 2018, sections 6.3 and 6.4 (window, write-back on DDIO
 * eviction, remote node); Farshin et al., ATC 2020 (DDIO ways, write update against write
 * allocate).
 */
#ifndef HOST_LLC_H
#define HOST_LLC_H

#include <stdbool.h>
#include <stdint.h>

#include "../../sim/simtime.h"
#include "../plat/addr.h"
#include "mem.h"

#define LLC_LINE_SHIFT 6
#define LLC_NODES      8u     /* at most */
#define LLC_CORES      65535u /* at most */

struct llc_config {
	unsigned nodes;
	uint32_t cores; /* private caches: of host cores and of vCPUs' */
	uint64_t bytes; /* of a node's last-level cache */
	uint32_t ways, ddio_ways;
	uint64_t working_set;   /* bytes of it that others use */
	uint64_t private_bytes; /* of a core's own cache */
	sim_time write_miss; /* a device's write to memory instead of the cache, or a write-back */
	sim_time read_miss;  /* and its read */
	sim_time remote;     /* and to another node */
};

enum llc_place {
	LLC_PRIVATE, /* the core's own cache */
	LLC_SHARED,  /* last-level cache of its node */
	LLC_DRAM,    /* memory of its node */
	LLC_REMOTE,  /* cache or memory of another node */
	LLC_PLACES
};

struct llc_stats {
	uint64_t read_bytes[LLC_PLACES]; /* by cores, where they found them */
	uint64_t write_bytes[LLC_PLACES];
	uint64_t dma_reads[2]; /* lines: not cached, cached */
	uint64_t dma_updates;  /* lines written where they were */
	uint64_t dma_allocs;   /* lines that entered the DDIO ways ... */
	uint64_t evictions;    /* ... and of them, those that pushed one out */
	uint64_t dma_memory;   /* lines written to memory */
};

struct llc;

/* NULL: no address space. `mem` outlives it; its frames say which node they are of. */
struct llc *llc_new(struct mem *mem, const struct llc_config *config);
/* Takes NULL. */
void llc_free(struct llc *c);

/*
 * A device of `node` reads or writes len bytes at `at`: the extra time at the host, over an access
 * that finds its bytes, or room for them, in the last-level cache of its own node. Lines of one
 * access overlap: the extra time is that of the worst. 0 with c == NULL.
 */
sim_time llc_dma(struct llc *c, unsigned node, hpa_t at, uint32_t len, bool write);

/* Core `core` of `node` reads or writes len bytes at `at`: adds to n[] how many were where. */
void llc_cpu(struct llc *c, uint32_t core, unsigned node, hpa_t at, uint32_t len, bool write,
	     uint32_t n[LLC_PLACES]);

const struct llc_stats *llc_stats(const struct llc *c);

#endif
