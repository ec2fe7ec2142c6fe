/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iotlb.h - a translation cache of any shape: sets x ways, keyed by domain, page and level.
 *
 * How it works. Lines are found by a hash index over the whole cache, chained, never more than one
 * line a bucket on average, so a look-up costs the same for 4 ways and for 65536. The lines of a
 * set hang on a list from the next victim's far end to its near one: `first` was used (lru) or
 * filled (fifo) last, `last` goes next. An emptied line moves to the near end, so that holes are
 * filled before anything is evicted. With `random` the list only finds holes; the victim is any way
 * of the full set, by a stream of the cache's own.
 *
 * A key, never 0:
 *
 *   bit 63  valid    bits 53:38  domain    bits 37:2  iova >> page shift    bits 1:0  level
 *
 * Always holds: a key is in the cache once at most, and in the set that iotlb_set() says.
 *
 * Rejected: a scan of the set (a fully associative cache of 65536 entries then costs a walk through
 * 512 KiB of keys for each packet); a counter of recency with a scan for the victim (the same, for
 * each miss).
 */
#ifndef HOST_IOTLB_H
#define HOST_IOTLB_H

#include <stdbool.h>
#include <stdint.h>

#include "../../sim/rng.h"
#include "../../sim/simtime.h"

#define IOTLB_NONE UINT32_MAX

enum iotlb_replacement { IOTLB_LRU, IOTLB_FIFO, IOTLB_RANDOM };

struct iotlb_line {
	uint64_t key;   /* 0: empty */
	uint64_t hpa;   /* of the page's first byte */
	sim_time gone;  /* when the page was unmapped; SIM_NEVER while it is mapped */
	sim_time ready; /* when the walk that filled it is done; 0: it took no time */
	uint32_t perm;
	uint32_t chain;        /* next line of the bucket */
	uint32_t newer, older; /* neighbours in the set's list */
};

struct iotlb {
	struct iotlb_line *line; /* set by set; NULL: no cache at all */
	uint32_t *bucket;        /* first line of each */
	struct {
		uint32_t first, last;
	} * set;
	uint32_t set_mask;
	uint32_t ways;
	unsigned hash_shift;
	enum iotlb_replacement replacement;
	struct rng rng;
};

/* `sets` is a power of two, ways > 0. False: out of memory; iotlb_fini() even then. */
bool iotlb_init(struct iotlb *c, uint32_t sets, uint32_t ways, enum iotlb_replacement replacement,
		uint64_t seed, const char *stream);
void iotlb_fini(struct iotlb *c);

static inline uint64_t iotlb_key(uint32_t domain, uint64_t page, unsigned level)
{
	return (uint64_t)1 << 63 | (uint64_t)domain << 38 | page << 2 | level;
}

/*
 * Pages of one run fall into neighbouring sets; what lies a power of two apart, as rings and guests
 * do, does not meet in one.
 */
static inline uint32_t iotlb_set(const struct iotlb *c, uint64_t key)
{
	uint64_t run = key >> 10; /* of 256 pages, with its domain */

	return ((uint32_t)(key >> 2) + (uint32_t)(run * 0x9e3779b97f4a7c15u >> 40)) & c->set_mask;
}

static inline uint32_t iotlb_bucket(const struct iotlb *c, uint64_t key)
{
	return (uint32_t)(key * 0x9e3779b97f4a7c15u >> c->hash_shift);
}

/* The key's line, or NULL. It is no use of it. */
static inline struct iotlb_line *iotlb_find(const struct iotlb *c, uint64_t key)
{
	for (uint32_t i = c->bucket[iotlb_bucket(c, key)]; i != IOTLB_NONE; i = c->line[i].chain)
		if (c->line[i].key == key)
			return &c->line[i];
	return NULL;
}

/* To the near end of its set's list, where it is not yet. */
void iotlb_touch(struct iotlb *c, struct iotlb_line *l);

/* The same, as a use of it. */
static inline struct iotlb_line *iotlb_use(struct iotlb *c, uint64_t key)
{
	struct iotlb_line *l = iotlb_find(c, key);

	if (l && c->replacement == IOTLB_LRU && l->newer != IOTLB_NONE)
		iotlb_touch(c, l);
	return l;
}

/* A line for a key that is not there; what it held is gone. hpa, gone and perm are to be filled. */
struct iotlb_line *iotlb_insert(struct iotlb *c, uint64_t key);

/* Forgets the key, if it is there; all keys of the domain. */
void iotlb_drop(struct iotlb *c, uint64_t key);
void iotlb_drop_domain(struct iotlb *c, uint32_t domain);

#endif
