/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pt.h - multi-level page tables: GPA -> HPA, IOVA -> HPA and GVA -> GPA, one implementation.
 *
 * Four levels of 512 eight-byte entries translate 48 bits; a page is 4 KiB (leaf at level 0), 2 MiB
 * (level 1) or 1 GiB (level 2). The entries are really there, in frames that the owner of the table
 * supplies through pt_ops: machine frames for guests and IOMMU domains, guest pages for processes.
 *
 * An entry (VT-d second-level, Intel document D51397, section 9.8; x86 long mode differs in the
 * permission bits only):
 *
 *   bit  0      R   reads allowed                bits 51:12  address of the page or next table
 *   bit  1      W   writes allowed               bits 61:52  ignored by hardware; in an entry that
 *   bit  7      PS  leaf at level 1 or 2                     points to a table: entries used there
 *
 * R = W = 0 is not present. A leaf that is not zero but not present is a page put aside (evicted):
 * it occupies its address until it is unmapped. Tables are entered with R and W set; the effective
 * permission is the AND over the levels.
 *
 * Always holds: a table below the root has at least one used entry (its count is in the entry that
 * points to it, so unmapping never scans); a failed pt_map changes nothing.
 *
 * Rejected: a hash table (a walk must read what hardware reads, and the levels are a result);
 * counts beside the frames (a process's tables live in guest pages, which have no state of that
 * kind).
 */
#ifndef HOST_PT_H
#define HOST_PT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../plat/addr.h"

#define PT_READ  1u /* both permission bits and kinds of access */
#define PT_WRITE 2u

#define PT_4K ((uint64_t)1 << 12)
#define PT_2M ((uint64_t)1 << 21)
#define PT_1G ((uint64_t)1 << 30)

#define PT_VA_BITS 48

#define PT_E_PERM 3u
#define PT_E_PS   ((uint64_t)1 << 7)
#define PT_E_ADDR 0x000ffffffffff000u

enum pt_status {
	PT_OK,
	PT_NOT_PRESENT, /* nothing mapped there, or put aside */
	PT_DENIED,      /* mapped, but not for this access */
	PT_MAPPED,      /* pt_map: part of the range is in use */
	PT_MISALIGNED,  /* address not a multiple of the page, or no such page size */
	PT_NO_MEMORY,   /* no frame for a table */
	PT_RANGE        /* address beyond 48 (input) or 52 (output) bits */
};

struct pt_ops {
	bool (*alloc)(void *ctx, uint64_t *table); /* a zeroed 4 KiB frame */
	void (*free)(void *ctx, uint64_t table);
	void *(*resolve)(void *ctx, uint64_t table); /* NULL: no such address */
};

struct pt {
	uint64_t root;
	uint8_t *base;  /* not NULL: table address a is at base + a, resolve() is not called */
	uint64_t limit; /* bytes at base */
	const struct pt_ops *ops;
	void *ctx;
	uint64_t tables; /* frames held, the root included */
};

struct pt_hit {
	uint64_t pa;         /* of the byte asked for */
	uint64_t page_bytes; /* PT_4K, PT_2M or PT_1G; the translation holds to the page's end */
	uint32_t perm;
	uint32_t levels; /* entries read; valid also when the walk fails */
};

/* An empty table. base may be NULL. PT_NO_MEMORY: no root. */
enum pt_status pt_init(struct pt *pt, const struct pt_ops *ops, void *ctx, uint8_t *base,
		       uint64_t limit);

/* Maps the one page of `size` bytes at va. perm 0 makes a page that is put aside. */
enum pt_status pt_map(struct pt *pt, uint64_t va, uint64_t pa, uint64_t size, unsigned perm);

/* The leaf that covers va gets a new address and permission. pa: a multiple of the page's size. */
enum pt_status pt_change(struct pt *pt, uint64_t va, uint64_t pa, unsigned perm);

/*
 * The leaf that covers va, whatever its permission: *hit (may be NULL) as of the page's first byte.
 * PT_NOT_PRESENT: va is free.
 */
enum pt_status pt_find(const struct pt *pt, uint64_t va, struct pt_hit *hit);

/*
 * Removes the page that starts at va and the tables that this leaves empty; *hit (may be NULL)
 * tells what it was. PT_MISALIGNED: va is inside a larger page.
 */
enum pt_status pt_unmap(struct pt *pt, uint64_t va, struct pt_hit *hit);

static inline uint64_t *pt_table(const struct pt *pt, uint64_t table)
{
	if (pt->base)
		return table < pt->limit ? (uint64_t *)(void *)(pt->base + table) : NULL;
	return pt->ops->resolve(pt->ctx, table);
}

/* What hardware does. `access`: PT_READ, PT_WRITE or both. */
static inline enum pt_status pt_walk(const struct pt *pt, uint64_t va, unsigned access,
				     struct pt_hit *hit)
{
	uint64_t addr = pt->root;
	unsigned perm = PT_READ | PT_WRITE;

	hit->levels = 0;
	if (va >> PT_VA_BITS)
		return PT_NOT_PRESENT;
	for (unsigned shift = 39;; shift -= 9) {
		const uint64_t *table = pt_table(pt, addr);
		uint64_t e = table ? table[(va >> shift) & 511] : 0;

		hit->levels++;
		if (!(e & PT_E_PERM))
			return PT_NOT_PRESENT;
		perm &= (unsigned)e;
		addr = e & PT_E_ADDR;
		if (shift == 12 || ((e & PT_E_PS) && shift < 39)) {
			hit->page_bytes = (uint64_t)1 << shift;
			hit->pa = (addr & ~(hit->page_bytes - 1)) | (va & (hit->page_bytes - 1));
			hit->perm = perm;
			return (perm & access) == access ? PT_OK : PT_DENIED;
		}
	}
}

/* Frees all tables, mapped or not. What the leaves point to is the caller's. */
void pt_fini(struct pt *pt);

#endif
