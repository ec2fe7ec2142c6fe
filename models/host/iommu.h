/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iommu.h - DMA remapping: domains by requester, IOTLB, invalidation, fault records.
 *
 * How it works. A requester (16-bit bus/device/function) is attached to a domain; a domain is a
 * page table IOVA -> HPA in machine frames. A DMA is translated page by page: the IOTLB answers, or
 * the table is walked and the entry cached. What happened (hit or miss, entries read) is returned;
 * what that costs is the caller's. The caller also owns time: it flushes when its timeout expires.
 *
 *   off       no protection: an I/O address is a machine address; map and unmap do nothing
 *   static    mapped once, as long as the guest lives; unmapping invalidates at once
 *   strict    unmapping invalidates at once
 *   deferred  unmapping only queues: the IOTLB may keep the page until flush_batch unmaps are
 *             queued or iommu_flush() is called; then the domains concerned are invalidated
 *
 * A page that is gone but still translated (deferred) is a stale use: the DMA gets the old address,
 * as on real hardware, also if the IOVA has been mapped again meanwhile. It is counted, with the
 * time since the unmap.
 *
 * Walks. With walk_entries > 0 each of the three upper levels has a cache of that many entries
 * (each covers 2 MiB, 1 GiB, 512 GiB) that shortens the walk: `reads` counts the entries read from
 * memory. An invalidation drops the upper-level entries above the pages it names, as VT-d does
 * without the leaf-only hint; that is where strict protection loses most (Rubin et al., SOSP 2024).
 *
 * Time. A walk takes `walk_base` and `walk_read` for each entry read, on one of `walkers`;
 * iommu_wait() says when a translation is there. It acts only where it is called: a device that
 * does not ask for it is translated for nothing. An access to a page that is being walked is a hit
 * of the IOTLB and waits for that walk: one page is never walked twice at a time.
 *
 * Always holds: a fault yields no address, so nothing is written; the IOTLB holds no unmapped page
 * outside deferred mode; a failed map or unmap changes nothing.
 *
 * The IOMMU neither pins nor references frames: that is the caller's, so that DMA to a page that
 * was given away too early can be seen at all.
 *
 * Sources: Intel VT-d (D51397) sections 4.2.4 IOTLB, 6.5.2 invalidation, 7.2.1 fault recording;
 * Linux drivers/iommu/dma-iommu.c (flush queue of 256 entries, 10 ms).
 */
#ifndef HOST_IOMMU_H
#define HOST_IOMMU_H

#include <stdbool.h>
#include <stdint.h>

#include "../../sim/simtime.h"
#include "../plat/addr.h"
#include "iotlb.h"
#include "mem.h"
#include "pt.h"
#include "walkers.h"

#define IOMMU_READ   PT_READ  /* the device reads memory: transmit */
#define IOMMU_WRITE  PT_WRITE /* the device writes memory: receive */
#define IOMMU_FAULTS 16       /* fault records kept */

enum iommu_mode { IOMMU_OFF, IOMMU_STATIC, IOMMU_STRICT, IOMMU_DEFERRED };

enum iommu_status {
	IOMMU_OK,
	IOMMU_NO_DOMAIN,   /* fault: requester is attached to nothing */
	IOMMU_NOT_PRESENT, /* fault: no such page; unmap: a page of the range is not mapped */
	IOMMU_DENIED,      /* fault: direction not allowed */
	IOMMU_BEYOND,      /* fault (off): outside machine memory; map: beyond 48 bits */
	IOMMU_MAPPED,      /* map: part of the range is in use */
	IOMMU_MISALIGNED,  /* map, unmap: not whole pages */
	IOMMU_NO_MEMORY,   /* map: no frame for a table, or max_table_pages */
	IOMMU_NO_GRANT     /* fault: a peer's memory, without its permission (peermap.h) */
};

struct iommu_config {
	enum iommu_mode mode;
	uint32_t entries; /* IOTLB; 0: 64 */
	uint32_t ways;    /* 0: 4; entries / ways is a power of two */
	enum iotlb_replacement replacement;
	uint64_t seed;            /* of the IOTLB's stream, for IOTLB_RANDOM */
	uint32_t walk_entries;    /* of each upper-level cache, fully associative; 0: none */
	uint32_t flush_batch;     /* deferred: unmaps that force a flush; 0: 256 */
	uint32_t flush_cores;     /* deferred: queues of that length, by core; 0: one for all */
	uint64_t page_bytes;      /* largest page that iommu_map uses; 0: PT_4K */
	uint32_t max_table_pages; /* of all domains, roots included; 0: what memory holds */
	uint32_t walkers;         /* walks at once; 0: walks take no time */
	sim_time walk_base;       /* a walk, and ... */
	sim_time walk_read;       /* ... each table entry that it reads from memory */
};

/* One access, as far as its first page goes. */
struct iommu_hit {
	hpa_t hpa;
	uint64_t len;            /* bytes asked for, cut at the end of the page */
	uint32_t reads;          /* table entries read from memory; 0 on an IOTLB hit */
	bool hit;                /* of the IOTLB; true when off */
	bool stale;              /* the page had been unmapped */
	struct iotlb_line *line; /* the translation, for iommu_wait(); NULL: none, or off */
};

struct iommu_fault {
	sim_time time;
	iova_t iova;
	uint16_t requester;
	uint8_t access; /* IOMMU_READ, IOMMU_WRITE or both */
	uint8_t reason; /* enum iommu_status */
};

struct iommu_span { /* of times; the mean is sum / count */
	uint64_t count;
	sim_time max;
	unsigned __int128 sum;
};

struct iommu_stats {
	uint64_t hits;
	uint64_t misses;
	uint64_t page_walks; /* = misses that had a domain, faults included */
	uint64_t walk_reads; /* entries that these read from memory */
	uint64_t faults;
	uint64_t faults_lost; /* of them without a record: IOMMU_FAULTS were waiting */
	uint64_t table_pages; /* frames that tables take now, and took at most */
	uint64_t table_pages_max;
	uint64_t maps_failed; /* calls that found the range in use or no room for a table */
	uint64_t maps;        /* calls that succeeded, and their pages */
	uint64_t map_pages;
	uint64_t unmaps;
	uint64_t unmap_pages;
	uint64_t invalidations;      /* commands: by page range, or by domain */
	uint64_t flushes;            /* of the deferred queue */
	struct iommu_span stale_use; /* translations of pages gone: time since the unmap */
	struct iommu_span window;    /* deferred unmaps: time until their flush */
};

struct iommu;
struct iommu_domain;

/* NULL: out of memory, or entries / ways is no power of two. mem outlives the IOMMU. */
struct iommu *iommu_new(struct mem *mem, const struct iommu_config *config);

/* NULL: out of memory, or 65535 domains exist. */
struct iommu_domain *iommu_domain_new(struct iommu *io);

/* From now on the requester's DMA goes through the domain; NULL detaches: all of it faults. */
void iommu_attach(struct iommu *io, uint16_t requester, struct iommu_domain *domain);
struct iommu_domain *iommu_domain_of(const struct iommu *io, uint16_t requester);

/*
 * Maps [iova, iova+bytes) to contiguous machine memory, whole pages of 4 KiB, with the largest
 * pages that alignment and page_bytes allow. `perm`: IOMMU_READ, IOMMU_WRITE or both.
 */
enum iommu_status iommu_map(struct iommu *io, struct iommu_domain *d, iova_t iova, hpa_t hpa,
			    uint64_t bytes, unsigned perm);

/* Unmaps whole pages (large ones in one piece). `now` starts the stale window in deferred mode. */
enum iommu_status iommu_unmap(struct iommu *io, struct iommu_domain *d, iova_t iova, uint64_t bytes,
			      sim_time now);

/* The same by a core, which queues it where [iommu] flush_queue = per-core. */
enum iommu_status iommu_unmap_by(struct iommu *io, struct iommu_domain *d, iova_t iova,
				 uint64_t bytes, uint32_t core, sim_time now);

/* Deferred: invalidates for all queued unmaps. Nothing queued: nothing happens. */
void iommu_flush(struct iommu *io, sim_time now);

/* Unmaps queued, and when the oldest was (SIM_NEVER if none), for the caller's timeout. */
uint32_t iommu_pending(const struct iommu *io, sim_time *oldest);

/*
 * Translates the first page's worth of a DMA of `len` bytes at `now`. Anything but IOMMU_OK is a
 * fault: recorded, counted, *hit holds `reads` and what iommu_wait() needs.
 */
enum iommu_status iommu_translate(struct iommu *io, uint16_t requester, iova_t iova, uint64_t len,
				  unsigned access, sim_time now, struct iommu_hit *hit);

/* The same in a domain of the caller's choice: a requester that may reach a peer's domain. */
enum iommu_status iommu_translate_in(struct iommu *io, struct iommu_domain *d, uint16_t requester,
				     iova_t iova, uint64_t len, unsigned access, sim_time now,
				     struct iommu_hit *hit);

/*
 * How much later than `at` the translation just made is there, for a device whose access comes to
 * the IOMMU at `at`: nothing on a hit, unless the page is still being walked; on a miss the wait
 * for a walker and the walk, a fault's too. Once for each translation, before the next.
 */
sim_time iommu_wait(struct iommu *io, const struct iommu_hit *hit, sim_time at);

/* The walkers, for what came of them. */
const struct walkers *iommu_walkers(const struct iommu *io);

/* Counts and records a fault that something in front of the tables found; returns `reason`. */
enum iommu_status iommu_refuse(struct iommu *io, uint16_t requester, iova_t iova, unsigned access,
			       sim_time now, enum iommu_status reason);

/* What the table says now: no cache, no counter, no record. For tools and assertions. */
enum iommu_status iommu_peek(const struct iommu *io, const struct iommu_domain *d, iova_t iova,
			     unsigned access, struct iommu_hit *hit);

const struct iommu_stats *iommu_stats(const struct iommu *io);

/* Takes the oldest fault record. False: none is left. */
bool iommu_fault_take(struct iommu *io, struct iommu_fault *fault);

/* True if records were lost since the last call (VT-d: primary fault overflow). */
bool iommu_fault_overflow(struct iommu *io);

/* Flushes, invalidates, detaches every requester, frees the tables. */
void iommu_domain_free(struct iommu *io, struct iommu_domain *d, sim_time now);

/* Frees what is left of its domains, too. Takes NULL. */
void iommu_free(struct iommu *io);

#endif
