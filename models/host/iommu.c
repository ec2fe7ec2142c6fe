/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iommu.c - domains, IOTLB and walk caches, deferred invalidation, fault records. See iommu.h.
 *
 * IOTLB and walk caches are of one kind (iotlb.h). A domain remembers which page sizes it ever
 * used, so that a look-up probes once per size in use: once, nearly always.
 */
#include "iommu.h"

#include <stdlib.h>
#include <string.h>

#include "iotlb.h"

#define IOMMU_REQUESTERS 65536u
#define IOMMU_DOMAINS    65536u

struct iommu_domain {
	struct pt pt;
	struct iommu *io;
	uint32_t id;
	uint8_t sizes; /* bit l: pages of level l were mapped */
	bool queued;   /* an unmap of it awaits the flush */
};

struct unmap_note {
	struct iommu_domain *domain;
	sim_time time;
};

struct iommu {
	struct mem *mem;
	struct iommu_config config;
	struct iotlb tlb;
	struct iotlb upper[3]; /* [l]: entries of level l + 1, each covers 2^(21 + 9 l) bytes */
	struct iommu_stats stats;
	struct walkers walkers;
	struct iommu_domain **requester;
	struct iommu_domain **domain; /* by id */
	struct unmap_note *queue;
	uint32_t queued; /* of all; and by core, or [0] */
	uint32_t *queued_by;
	uint32_t fault_first, fault_count;
	bool fault_overflow;
	struct iommu_fault fault[IOMMU_FAULTS];
};

/* ---- caches ---- */

static unsigned level_shift(unsigned level)
{
	return 12 + 9 * level;
}

static inline uint64_t cache_key(const struct iommu_domain *d, uint64_t iova, unsigned level)
{
	return iotlb_key(d->id, iova >> level_shift(level), level);
}

/* ---- life ---- */

static uint32_t queues(const struct iommu *io)
{
	return io->config.flush_cores ? io->config.flush_cores : 1;
}

static bool iommu_init(struct iommu *io, uint32_t sets)
{
	const struct iommu_config *c = &io->config;
	bool ok = iotlb_init(&io->tlb, sets, c->ways, c->replacement, c->seed, "iotlb");

	for (unsigned l = 0; l < 3 && c->walk_entries; l++)
		ok = iotlb_init(&io->upper[l], 1, c->walk_entries, IOTLB_LRU, 0, "") && ok;
	io->walkers = (struct walkers){
		.n = c->walkers,
		.base = c->walk_base,
		.read = c->walk_read,
		.walker = calloc(c->walkers ? c->walkers : 1, sizeof(*io->walkers.walker))};
	io->requester = calloc(IOMMU_REQUESTERS, sizeof(struct iommu_domain *));
	io->domain = calloc(IOMMU_DOMAINS, sizeof(struct iommu_domain *));
	io->queue = calloc((size_t)c->flush_batch * queues(io), sizeof(*io->queue));
	io->queued_by = calloc(queues(io), sizeof(*io->queued_by));
	return ok && io->walkers.walker && io->requester && io->domain && io->queue &&
	       io->queued_by;
}

struct iommu *iommu_new(struct mem *mem, const struct iommu_config *config)
{
	struct iommu *io = calloc(1, sizeof(*io));
	uint32_t sets;

	if (!io)
		return NULL;
	io->mem = mem;
	io->config = *config;
	io->config.entries = config->entries ? config->entries : 64;
	io->config.ways = config->ways ? config->ways : 4;
	io->config.flush_batch = config->flush_batch ? config->flush_batch : 256;
	io->config.page_bytes = config->page_bytes ? config->page_bytes : PT_4K;
	sets = io->config.entries / io->config.ways;
	if (!sets || sets & (sets - 1) || sets * io->config.ways != io->config.entries ||
	    !iommu_init(io, sets)) {
		iommu_free(io);
		return NULL;
	}
	return io;
}

static bool table_alloc(void *ctx, uint64_t *table)
{
	struct iommu_domain *d = ctx;
	struct iommu *io = d->io;
	hpa_t hpa;

	if (io->config.max_table_pages && io->stats.table_pages >= io->config.max_table_pages)
		return false;
	if (mem_alloc(io->mem, MEM_TABLE, d->id, &hpa) != MEM_OK)
		return false;
	*table = hpa.a;
	if (++io->stats.table_pages > io->stats.table_pages_max)
		io->stats.table_pages_max = io->stats.table_pages;
	return true;
}

static void table_free(void *ctx, uint64_t table)
{
	struct iommu_domain *d = ctx;

	mem_put(d->io->mem, (hpa_t){table}, 1);
	d->io->stats.table_pages--;
}

static const struct pt_ops table_ops = {.alloc = table_alloc, .free = table_free};

struct iommu_domain *iommu_domain_new(struct iommu *io)
{
	struct iommu_domain *d;
	uint32_t id = 1;

	while (id < IOMMU_DOMAINS && io->domain[id])
		id++;
	if (id == IOMMU_DOMAINS)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->id = id;
	d->io = io;
	if (pt_init(&d->pt, &table_ops, d, io->mem->base, io->mem->bytes) != PT_OK) {
		free(d);
		return NULL;
	}
	io->domain[id] = d;
	return d;
}

void iommu_attach(struct iommu *io, uint16_t requester, struct iommu_domain *domain)
{
	io->requester[requester] = domain;
}

struct iommu_domain *iommu_domain_of(const struct iommu *io, uint16_t requester)
{
	return io->requester[requester];
}

/* ---- map and unmap ---- */

static enum iommu_status status_of(enum pt_status s)
{
	static const enum iommu_status of[] = {
		[PT_OK] = IOMMU_OK,
		[PT_NOT_PRESENT] = IOMMU_NOT_PRESENT,
		[PT_DENIED] = IOMMU_DENIED,
		[PT_MAPPED] = IOMMU_MAPPED,
		[PT_MISALIGNED] = IOMMU_MISALIGNED,
		[PT_NO_MEMORY] = IOMMU_NO_MEMORY,
		[PT_RANGE] = IOMMU_BEYOND,
	};

	return of[s];
}

/* Level of the largest page that starts here and is no longer than `bytes`. */
static unsigned fitting_level(const struct iommu *io, uint64_t iova, uint64_t hpa, uint64_t bytes)
{
	for (unsigned level = 2; level; level--) {
		uint64_t page = (uint64_t)1 << level_shift(level);

		if (page <= io->config.page_bytes && page <= bytes && !((iova | hpa) & (page - 1)))
			return level;
	}
	return 0;
}

/* Removes `pages` pages from the table only. */
static void unmap_pages(struct iommu_domain *d, uint64_t iova, uint64_t pages)
{
	struct pt_hit hit;

	for (; pages && pt_unmap(&d->pt, iova, &hit) == PT_OK; pages--)
		iova += hit.page_bytes;
}

enum iommu_status iommu_map(struct iommu *io, struct iommu_domain *d, iova_t iova, hpa_t hpa,
			    uint64_t bytes, unsigned perm)
{
	uint64_t done = 0, pages = 0;

	if (io->config.mode == IOMMU_OFF)
		return IOMMU_OK;
	if (!bytes || (iova.a | hpa.a | bytes) & (PAGE_BYTES - 1))
		return IOMMU_MISALIGNED;
	while (done < bytes) {
		unsigned level = fitting_level(io, iova.a + done, hpa.a + done, bytes - done);
		uint64_t page = (uint64_t)1 << level_shift(level);
		enum pt_status s = pt_map(&d->pt, iova.a + done, hpa.a + done, page, perm);

		if (s != PT_OK) {
			unmap_pages(d, iova.a, pages);
			io->stats.maps_failed++;
			return status_of(s);
		}
		d->sizes |= (uint8_t)(1u << level);
		done += page;
		pages++;
	}
	io->stats.maps++;
	io->stats.map_pages += pages;
	return IOMMU_OK;
}

/* Are these whole mapped pages? *pages: how many. */
static enum iommu_status range_check(const struct iommu_domain *d, uint64_t iova, uint64_t bytes,
				     uint64_t *pages)
{
	struct pt_hit hit;

	*pages = 0;
	for (uint64_t done = 0; done < bytes; done += hit.page_bytes) {
		if (pt_find(&d->pt, iova + done, &hit) != PT_OK)
			return IOMMU_NOT_PRESENT;
		if ((iova + done) & (hit.page_bytes - 1) || hit.page_bytes > bytes - done)
			return IOMMU_MISALIGNED;
		++*pages;
	}
	return IOMMU_OK;
}

static unsigned level_of(uint64_t page_bytes)
{
	return page_bytes == PT_4K ? 0 : page_bytes == PT_2M ? 1 : 2;
}

/* Tells the IOTLB about a page that left the table: at once, or only by its time. */
static void page_gone(struct iommu *io, const struct iommu_domain *d, uint64_t iova,
		      uint64_t page_bytes, sim_time now)
{
	uint64_t key = cache_key(d, iova, level_of(page_bytes));
	struct iotlb_line *l;

	if (io->config.mode == IOMMU_DEFERRED) {
		l = iotlb_find(&io->tlb, key);
		if (l && l->gone == SIM_NEVER)
			l->gone = now;
		return;
	}
	iotlb_drop(&io->tlb, key);
	for (unsigned u = 0; u < 3 && io->config.walk_entries; u++)
		iotlb_drop(&io->upper[u], cache_key(d, iova, u + 1));
}

/* A core's queue that is full flushes its domains, and so what others have queued: all go. */
static void queue_unmap(struct iommu *io, struct iommu_domain *d, uint32_t core, sim_time now)
{
	uint32_t *mine = &io->queued_by[io->config.flush_cores ? core % io->config.flush_cores : 0];

	io->queue[io->queued++] = (struct unmap_note){.domain = d, .time = now};
	d->queued = true;
	if (++*mine == io->config.flush_batch)
		iommu_flush(io, now);
}

enum iommu_status iommu_unmap(struct iommu *io, struct iommu_domain *d, iova_t iova, uint64_t bytes,
			      sim_time now)
{
	return iommu_unmap_by(io, d, iova, bytes, 0, now);
}

enum iommu_status iommu_unmap_by(struct iommu *io, struct iommu_domain *d, iova_t iova,
				 uint64_t bytes, uint32_t core, sim_time now)
{
	enum iommu_status s;
	struct pt_hit hit;
	uint64_t pages;

	if (io->config.mode == IOMMU_OFF)
		return IOMMU_OK;
	if (!bytes || (iova.a | bytes) & (PAGE_BYTES - 1))
		return IOMMU_MISALIGNED;
	s = range_check(d, iova.a, bytes, &pages);
	if (s != IOMMU_OK)
		return s;
	for (uint64_t done = 0; done < bytes; done += hit.page_bytes) {
		pt_unmap(&d->pt, iova.a + done, &hit);
		page_gone(io, d, iova.a + done, hit.page_bytes, now);
	}
	io->stats.unmaps++;
	io->stats.unmap_pages += pages;
	if (io->config.mode == IOMMU_DEFERRED)
		queue_unmap(io, d, core, now);
	else
		io->stats.invalidations++;
	return IOMMU_OK;
}

static void span_add(struct iommu_span *s, sim_time t)
{
	s->count++;
	s->sum += t;
	if (t > s->max)
		s->max = t;
}

static void invalidate_domain(struct iommu *io, struct iommu_domain *d)
{
	iotlb_drop_domain(&io->tlb, d->id);
	for (unsigned u = 0; u < 3; u++)
		iotlb_drop_domain(&io->upper[u], d->id);
	d->queued = false;
	io->stats.invalidations++;
}

void iommu_flush(struct iommu *io, sim_time now)
{
	for (uint32_t i = 0; i < io->queued; i++) {
		const struct unmap_note *n = &io->queue[i];

		span_add(&io->stats.window, now > n->time ? now - n->time : 0);
		if (n->domain->queued)
			invalidate_domain(io, n->domain);
	}
	io->stats.flushes += io->queued > 0;
	io->queued = 0;
	memset(io->queued_by, 0, queues(io) * sizeof(*io->queued_by));
}

uint32_t iommu_pending(const struct iommu *io, sim_time *oldest)
{
	*oldest = io->queued ? io->queue[0].time : SIM_NEVER;
	return io->queued;
}

/* ---- translation ---- */

static enum iommu_status fault(struct iommu *io, uint16_t requester, iova_t iova, unsigned access,
			       sim_time now, enum iommu_status reason)
{
	uint32_t at = (io->fault_first + io->fault_count) % IOMMU_FAULTS;

	io->stats.faults++;
	if (io->fault_count == IOMMU_FAULTS) {
		io->fault_overflow = true;
		io->stats.faults_lost++;
		return reason;
	}
	io->fault[at] = (struct iommu_fault){.time = now,
					     .iova = iova,
					     .requester = requester,
					     .access = (uint8_t)access,
					     .reason = (uint8_t)reason};
	io->fault_count++;
	return reason;
}

/* Entries that a walk of `levels` must read from memory, given the upper-level caches. */
static uint32_t walk_reads(struct iommu *io, const struct iommu_domain *d, uint64_t iova,
			   uint32_t levels, bool fill)
{
	uint32_t reads = levels;

	if (!io->config.walk_entries)
		return levels;
	/* The entry of level u + 1 is the (3 - u)-th that a full walk reads. */
	for (unsigned u = 0; u < 3 && reads == levels; u++)
		if (3 - u < levels && iotlb_use(&io->upper[u], cache_key(d, iova, u + 1)))
			reads = levels - (3 - u);
	for (unsigned u = 0; u < 3 && fill; u++)
		if (3 - u < levels && !iotlb_find(&io->upper[u], cache_key(d, iova, u + 1)))
			iotlb_insert(&io->upper[u], cache_key(d, iova, u + 1));
	return reads;
}

/* The page's new IOTLB entry; NULL if there is no such page. */
static __attribute__((noinline)) struct iotlb_line *tlb_miss(struct iommu *io,
							     struct iommu_domain *d, uint64_t iova,
							     struct iommu_hit *hit, unsigned *level)
{
	struct pt_hit walk;
	bool present = pt_walk(&d->pt, iova, 0, &walk) == PT_OK;
	struct iotlb_line *l;

	hit->reads = walk_reads(io, d, iova, walk.levels, present);
	io->stats.misses++;
	io->stats.page_walks++;
	io->stats.walk_reads += hit->reads;
	if (!present)
		return NULL;
	*level = level_of(walk.page_bytes);
	l = iotlb_insert(&io->tlb, cache_key(d, iova, *level));
	l->hpa = walk.pa & ~(walk.page_bytes - 1);
	l->perm = walk.perm;
	l->gone = SIM_NEVER;
	l->ready = 0;
	return l;
}

static inline struct iotlb_line *tlb_find(struct iommu *io, const struct iommu_domain *d,
					  uint64_t iova, unsigned *level)
{
	for (unsigned l = 0; d->sizes >> l; l++) {
		struct iotlb_line *line;

		if (!(d->sizes >> l & 1))
			continue;
		line = iotlb_use(&io->tlb, cache_key(d, iova, l));
		if (line) {
			*level = l;
			return line;
		}
	}
	return NULL;
}

static enum iommu_status translate_off(struct iommu *io, uint16_t requester, iova_t iova,
				       uint64_t len, unsigned access, sim_time now,
				       struct iommu_hit *hit)
{
	uint64_t end = iova.a + len;

	*hit = (struct iommu_hit){.hpa = {iova.a}, .len = len, .hit = true};
	if (end < iova.a || end > io->mem->bytes || iova.a >= io->mem->bytes)
		return fault(io, requester, iova, access, now, IOMMU_BEYOND);
	return IOMMU_OK;
}

static void stale_use(struct iommu *io, const struct iotlb_line *l, sim_time now,
		      struct iommu_hit *hit)
{
	hit->stale = true;
	span_add(&io->stats.stale_use, now - l->gone);
}

inline enum iommu_status iommu_translate_in(struct iommu *io, struct iommu_domain *d,
					    uint16_t requester, iova_t iova, uint64_t len,
					    unsigned access, sim_time now, struct iommu_hit *hit)
{
	unsigned level = 0;
	uint64_t offset, rest;
	struct iotlb_line *l;

	if (io->config.mode == IOMMU_OFF)
		return translate_off(io, requester, iova, len, access, now, hit);
	*hit = (struct iommu_hit){.reads = 0};
	if (!d)
		return fault(io, requester, iova, access, now, IOMMU_NO_DOMAIN);
	if (iova.a >> PT_VA_BITS)
		return fault(io, requester, iova, access, now, IOMMU_BEYOND);
	l = tlb_find(io, d, iova.a, &level);
	if (l) {
		io->stats.hits++;
		hit->hit = true;
	} else {
		l = tlb_miss(io, d, iova.a, hit, &level);
		if (!l)
			return fault(io, requester, iova, access, now, IOMMU_NOT_PRESENT);
	}
	hit->line = l;
	if ((l->perm & access) != access)
		return fault(io, requester, iova, access, now, IOMMU_DENIED);
	if (__builtin_expect(l->gone <= now, 0))
		stale_use(io, l, now, hit);
	offset = iova.a & (((uint64_t)1 << level_shift(level)) - 1);
	rest = ((uint64_t)1 << level_shift(level)) - offset;
	hit->hpa.a = l->hpa + offset;
	hit->len = len < rest ? len : rest;
	return IOMMU_OK;
}

enum iommu_status iommu_translate(struct iommu *io, uint16_t requester, iova_t iova, uint64_t len,
				  unsigned access, sim_time now, struct iommu_hit *hit)
{
	return iommu_translate_in(io, io->requester[requester], requester, iova, len, access, now,
				  hit);
}

sim_time iommu_wait(struct iommu *io, const struct iommu_hit *hit, sim_time at)
{
	struct iotlb_line *l = hit->line;

	if (!io->walkers.n)
		return 0;
	if (hit->hit)
		return l && l->ready > at ? l->ready - at : 0;
	if (!hit->reads) /* refused before a walk began */
		return 0;
	sim_time done = walkers_take(&io->walkers, hit->reads, at);
	if (l)
		l->ready = done;
	return done - at;
}

const struct walkers *iommu_walkers(const struct iommu *io)
{
	return &io->walkers;
}

enum iommu_status iommu_refuse(struct iommu *io, uint16_t requester, iova_t iova, unsigned access,
			       sim_time now, enum iommu_status reason)
{
	return fault(io, requester, iova, access, now, reason);
}

enum iommu_status iommu_peek(const struct iommu *io, const struct iommu_domain *d, iova_t iova,
			     unsigned access, struct iommu_hit *hit)
{
	enum iommu_status s;
	struct pt_hit walk;

	*hit = (struct iommu_hit){.hpa = {iova.a}};
	if (io->config.mode == IOMMU_OFF)
		return iova.a < io->mem->bytes ? IOMMU_OK : IOMMU_BEYOND;
	if (!d)
		return IOMMU_NO_DOMAIN;
	s = status_of(pt_walk(&d->pt, iova.a, access, &walk));
	hit->reads = walk.levels;
	if (s == IOMMU_OK) {
		hit->hpa.a = walk.pa;
		hit->len = walk.page_bytes - (iova.a & (walk.page_bytes - 1));
	}
	return s;
}

/* ---- results and end ---- */

const struct iommu_stats *iommu_stats(const struct iommu *io)
{
	return &io->stats;
}

bool iommu_fault_take(struct iommu *io, struct iommu_fault *out)
{
	if (!io->fault_count)
		return false;
	*out = io->fault[io->fault_first];
	io->fault_first = (io->fault_first + 1) % IOMMU_FAULTS;
	io->fault_count--;
	return true;
}

bool iommu_fault_overflow(struct iommu *io)
{
	bool lost = io->fault_overflow;

	io->fault_overflow = false;
	return lost;
}

static void domain_release(struct iommu *io, struct iommu_domain *d)
{
	pt_fini(&d->pt);
	io->domain[d->id] = NULL;
	free(d);
}

void iommu_domain_free(struct iommu *io, struct iommu_domain *d, sim_time now)
{
	iommu_flush(io, now);
	invalidate_domain(io, d);
	for (uint32_t r = 0; r < IOMMU_REQUESTERS; r++)
		if (io->requester[r] == d)
			io->requester[r] = NULL;
	domain_release(io, d);
}

void iommu_free(struct iommu *io)
{
	if (!io)
		return;
	for (uint32_t id = 0; io->domain && id < IOMMU_DOMAINS; id++)
		if (io->domain[id])
			domain_release(io, io->domain[id]);
	iotlb_fini(&io->tlb);
	for (unsigned u = 0; u < 3; u++)
		iotlb_fini(&io->upper[u]);
	free(io->walkers.walker);
	free(io->requester);
	free(io->domain);
	free(io->queue);
	free(io->queued_by);
	free(io);
}
