/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pt.c - page tables: map, change, unmap. See pt.h for the layout.
 *
 * A `struct path` holds the entry that va selects at each level, from the root (level 3) down to
 * where the descent ended. The count of the table that holds path.e[l] is in *path.e[l + 1]; the
 * root has no count.
 */
#include "pt.h"

#define PT_COUNT_SHIFT 52
#define PT_COUNT_ONE   ((uint64_t)1 << PT_COUNT_SHIFT)
#define PT_COUNT_MASK  ((uint64_t)1023 << PT_COUNT_SHIFT)
#define PT_LEAF_USED   PT_COUNT_ONE /* in every leaf: one put aside at address 0 is not zero */

#define PT_TOP 3u

struct path {
	uint64_t *e[PT_TOP + 1];
	unsigned level; /* the lowest with an entry */
};

static unsigned level_shift(unsigned level)
{
	return 12 + 9 * level;
}

static bool is_leaf(uint64_t e, unsigned level)
{
	return level == 0 || ((e & PT_E_PS) && level < PT_TOP);
}

static bool table_new(struct pt *pt, uint64_t *addr)
{
	if (!pt->ops->alloc(pt->ctx, addr))
		return false;
	pt->tables++;
	return true;
}

static void table_free(struct pt *pt, uint64_t addr)
{
	pt->ops->free(pt->ctx, addr);
	pt->tables--;
}

enum pt_status pt_init(struct pt *pt, const struct pt_ops *ops, void *ctx, uint8_t *base,
		       uint64_t limit)
{
	*pt = (struct pt){.base = base, .limit = limit, .ops = ops, .ctx = ctx};
	return table_new(pt, &pt->root) ? PT_OK : PT_NO_MEMORY;
}

/* An entry of the table that holds path level `level` came into use. */
static void count_up(struct path *p, unsigned level)
{
	if (level < PT_TOP)
		*p->e[level + 1] += PT_COUNT_ONE;
}

/* Clears the entry at `level` and frees each table that this leaves empty, upwards. */
static void clear_up(struct pt *pt, struct path *p, unsigned level)
{
	*p->e[level] = 0;
	while (level < PT_TOP) {
		uint64_t *parent = p->e[++level];

		*parent -= PT_COUNT_ONE;
		if (*parent & PT_COUNT_MASK)
			return;
		table_free(pt, *parent & PT_E_ADDR);
		*parent = 0;
	}
}

/* Goes down from the root to `stop`, a leaf or an empty entry. False: a table is unreachable. */
static bool descend(const struct pt *pt, uint64_t va, unsigned stop, struct path *p)
{
	uint64_t addr = pt->root;

	for (p->level = PT_TOP;; p->level--) {
		uint64_t *table = pt_table(pt, addr);
		uint64_t e;

		if (!table)
			return false;
		p->e[p->level] = &table[(va >> level_shift(p->level)) & 511];
		e = *p->e[p->level];
		if (p->level == stop || !e || is_leaf(e, p->level))
			return true;
		addr = e & PT_E_ADDR;
	}
}

/* Takes back the tables between p->level and `start`; the lowest is still empty. */
static void ungrow(struct pt *pt, struct path *p, unsigned start)
{
	if (p->level == start)
		return;
	table_free(pt, *p->e[p->level + 1] & PT_E_ADDR);
	clear_up(pt, p, p->level + 1);
}

/* Adds tables below an empty entry until there is an entry at `stop`. False: out of frames. */
static bool grow(struct pt *pt, uint64_t va, unsigned stop, struct path *p)
{
	unsigned start = p->level;

	while (p->level > stop) {
		uint64_t addr;

		if (!table_new(pt, &addr)) {
			ungrow(pt, p, start);
			return false;
		}
		*p->e[p->level] = addr | PT_E_PERM;
		count_up(p, p->level);
		p->level--;
		p->e[p->level] = &pt_table(pt, addr)[(va >> level_shift(p->level)) & 511];
	}
	return true;
}

static uint64_t leaf(uint64_t pa, unsigned level, unsigned perm)
{
	return pa | PT_LEAF_USED | (level ? PT_E_PS : 0) | (perm & PT_E_PERM);
}

enum pt_status pt_map(struct pt *pt, uint64_t va, uint64_t pa, uint64_t size, unsigned perm)
{
	unsigned stop = size == PT_4K ? 0 : size == PT_2M ? 1 : 2;
	struct path p;

	if (size != (uint64_t)1 << level_shift(stop) || (va | pa) & (size - 1))
		return PT_MISALIGNED;
	if (va >> PT_VA_BITS || pa & ~PT_E_ADDR)
		return PT_RANGE;
	if (!descend(pt, va, stop, &p))
		return PT_NOT_PRESENT;
	if (*p.e[p.level])
		return PT_MAPPED;
	if (!grow(pt, va, stop, &p))
		return PT_NO_MEMORY;
	*p.e[stop] = leaf(pa, stop, perm);
	count_up(&p, stop);
	return PT_OK;
}

/* The path to the leaf that covers va. */
static bool find(const struct pt *pt, uint64_t va, struct path *p)
{
	return !(va >> PT_VA_BITS) && descend(pt, va, 0, p) && *p->e[p->level];
}

enum pt_status pt_change(struct pt *pt, uint64_t va, uint64_t pa, unsigned perm)
{
	struct path p;

	if (!find(pt, va, &p))
		return PT_NOT_PRESENT;
	if (pa & (((uint64_t)1 << level_shift(p.level)) - 1))
		return PT_MISALIGNED;
	if (pa & ~PT_E_ADDR)
		return PT_RANGE;
	*p.e[p.level] = leaf(pa, p.level, perm);
	return PT_OK;
}

static void hit_of(const struct path *p, struct pt_hit *hit)
{
	uint64_t e = *p->e[p->level];

	hit->page_bytes = (uint64_t)1 << level_shift(p->level);
	hit->pa = e & PT_E_ADDR & ~(hit->page_bytes - 1);
	hit->perm = e & PT_E_PERM;
	hit->levels = PT_TOP + 1 - p->level;
}

enum pt_status pt_find(const struct pt *pt, uint64_t va, struct pt_hit *hit)
{
	struct path p;

	if (!find(pt, va, &p))
		return PT_NOT_PRESENT;
	if (hit)
		hit_of(&p, hit);
	return PT_OK;
}

enum pt_status pt_unmap(struct pt *pt, uint64_t va, struct pt_hit *hit)
{
	struct path p;

	if (!find(pt, va, &p))
		return PT_NOT_PRESENT;
	if (va & (((uint64_t)1 << level_shift(p.level)) - 1))
		return PT_MISALIGNED;
	if (hit)
		hit_of(&p, hit);
	clear_up(pt, &p, p.level);
	return PT_OK;
}

static void free_below(struct pt *pt, uint64_t addr, unsigned level)
{
	const uint64_t *table = pt_table(pt, addr);

	for (unsigned i = 0; table && level && i < 512; i++)
		if (table[i] && !is_leaf(table[i], level))
			free_below(pt, table[i] & PT_E_ADDR, level - 1);
	table_free(pt, addr);
}

void pt_fini(struct pt *pt)
{
	if (pt->tables)
		free_below(pt, pt->root, PT_TOP);
}
