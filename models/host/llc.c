/* SPDX-License-Identifier: GPL-2.0-or-later */
/* llc.c - see llc.h. */
#include "llc.h"

#include <stdlib.h>
#include <sys/mman.h>

/*
 * A line's record: the number that it got when it entered, above the number of what it entered, a
 * partition or a core's own cache. Numbers begin behind the capacity, so that 0, nowhere, is out of
 * any of them.
 */
#define PART_BITS 4 /* node * 2 + ddio */
#define CORE_BITS 16

struct line {
	uint64_t shared;
	uint64_t own;
};

struct part {
	uint64_t last; /* number given */
	uint64_t capacity;
};

struct llc {
	struct mem *mem;
	struct line *line; /* sparse: one a line of machine memory */
	struct part part[2 * LLC_NODES];
	uint64_t own_capacity;
	sim_time write_miss, read_miss, remote;
	struct llc_stats stats;
	uint64_t own[]; /* number given last, by core */
};

static size_t line_bytes(const struct mem *m)
{
	return (m->bytes >> LLC_LINE_SHIFT) * sizeof(struct line);
}

struct llc *llc_new(struct mem *mem, const struct llc_config *config)
{
	struct llc *c = calloc(1, sizeof(*c) + config->cores * sizeof(c->own[0]));
	uint64_t lines = config->bytes >> LLC_LINE_SHIFT;
	uint64_t ddio = lines * config->ddio_ways / config->ways, cpus = lines - ddio;
	uint64_t others = config->working_set >> LLC_LINE_SHIFT;
	void *p;

	if (!c)
		return NULL;
	p = mmap(NULL, line_bytes(mem), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		free(c);
		return NULL;
	}
	c->mem = mem;
	c->line = p;
	for (unsigned n = 0; n < config->nodes; n++) {
		c->part[2 * n].capacity = cpus > others ? cpus - others : 0;
		c->part[2 * n + 1].capacity = ddio;
	}
	for (unsigned n = 0; n < 2 * config->nodes; n++)
		c->part[n].last = c->part[n].capacity;
	c->own_capacity = config->private_bytes >> LLC_LINE_SHIFT;
	for (uint32_t k = 0; k < config->cores; k++)
		c->own[k] = c->own_capacity;
	c->write_miss = config->write_miss;
	c->read_miss = config->read_miss;
	c->remote = config->remote;
	return c;
}

void llc_free(struct llc *c)
{
	if (!c)
		return;
	munmap(c->line, line_bytes(c->mem));
	free(c);
}

/* ---- one line ---- */

/* In some last-level cache; *part says which. */
static inline bool shared_in(const struct llc *c, const struct line *l, unsigned *part)
{
	*part = (unsigned)(l->shared & ((1u << PART_BITS) - 1));
	return c->part[*part].last - (l->shared >> PART_BITS) < c->part[*part].capacity;
}

static inline bool own_in(const struct llc *c, const struct line *l)
{
	return c->own[l->own & LLC_CORES] - (l->own >> CORE_BITS) < c->own_capacity;
}

static inline void enter(struct llc *c, struct line *l, unsigned part)
{
	l->shared = ++c->part[part].last << PART_BITS | part;
}

static inline void enter_own(struct llc *c, struct line *l, uint32_t core)
{
	l->own = ++c->own[core] << CORE_BITS | core;
}

/* A core touches it. Where was it? */
static inline enum llc_place cpu_line(struct llc *c, struct line *l, uint32_t core, unsigned node,
				      unsigned home)
{
	unsigned part;
	bool cached;

	if ((l->own & LLC_CORES) == core && own_in(c, l))
		return LLC_PRIVATE;
	cached = shared_in(c, l, &part);
	enter_own(c, l, core);
	if (cached && part >> 1 == node)
		return LLC_SHARED;
	enter(c, l, 2 * node);
	return cached || home != node ? LLC_REMOTE : LLC_DRAM;
}

/* A device writes it. True: that takes memory's time. */
static inline bool dma_write_line(struct llc *c, struct line *l, unsigned node, unsigned home)
{
	unsigned part, ddio = 2 * node + 1;

	l->own = 0;
	if (home == node && shared_in(c, l, &part) && part >> 1 == node) {
		c->stats.dma_updates++;
		return false;
	}
	if (home != node || !c->part[ddio].capacity) {
		l->shared = 0;
		c->stats.dma_memory++;
		return true;
	}
	enter(c, l, ddio);
	c->stats.dma_allocs++;
	if (c->part[ddio].last <= 2 * c->part[ddio].capacity) /* not full yet */
		return false;
	c->stats.evictions++;
	return true;
}

static inline bool dma_read_line(struct llc *c, const struct line *l)
{
	unsigned part;
	bool cached = shared_in(c, l, &part) || own_in(c, l);

	c->stats.dma_reads[cached]++;
	return !cached;
}

/* ---- accesses ---- */

static inline unsigned home_of(const struct llc *c, uint64_t line)
{
	return c->mem->frame[line >> (PAGE_SHIFT - LLC_LINE_SHIFT)].node;
}

#define PAGE_LINES (PAGE_BYTES >> LLC_LINE_SHIFT)
#define LINE       (1u << LLC_LINE_SHIFT)

sim_time llc_dma(struct llc *c, unsigned node, hpa_t at, uint32_t len, bool write)
{
	uint64_t i, end;
	unsigned home;
	bool slow = false, far;

	if (!c || !len)
		return 0;
	i = at.a >> LLC_LINE_SHIFT;
	end = (at.a + len - 1) >> LLC_LINE_SHIFT;
	home = home_of(c, i);
	far = home != node;
	for (; i <= end; i++) {
		if (!(i % PAGE_LINES)) {
			home = home_of(c, i);
			far |= home != node;
		}
		slow |= write ? dma_write_line(c, &c->line[i], node, home)
			      : dma_read_line(c, &c->line[i]);
	}
	return (!slow ? 0 : write ? c->write_miss : c->read_miss) + (far ? c->remote : 0);
}

void llc_cpu(struct llc *c, uint32_t core, unsigned node, hpa_t at, uint32_t len, bool write,
	     uint32_t n[LLC_PLACES])
{
	uint64_t *sum = write ? c->stats.write_bytes : c->stats.read_bytes;
	uint64_t i = at.a / LINE, last = (at.a + len - 1) / LINE;
	uint32_t bytes[LLC_PLACES] = {0};
	unsigned home;
	enum llc_place place;

	if (!len)
		return;
	home = home_of(c, i);
	place = cpu_line(c, &c->line[i], core, node, home);
	bytes[place] += LINE - at.a % LINE;
	while (i++ < last) {
		if (!(i % PAGE_LINES))
			home = home_of(c, i);
		place = cpu_line(c, &c->line[i], core, node, home);
		bytes[place] += LINE;
	}
	bytes[place] -= (uint32_t)((last + 1) * LINE - (at.a + len));
	for (unsigned p = 0; p < LLC_PLACES; p++) {
		n[p] += bytes[p];
		sum[p] += bytes[p];
	}
}

const struct llc_stats *llc_stats(const struct llc *c)
{
	return &c->stats;
}
