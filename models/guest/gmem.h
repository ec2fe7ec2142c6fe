/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gmem.h - a guest's memory: guest-physical pages, its kernel's allocator, its processes.
 *
 * How it works. `struct gmem` is the guest-physical space: a second-level table GPA -> HPA with one
 * backing page size for the whole guest, filled on first touch, so that an idle guest costs only
 * its tables. A small direct-mapped TLB in front makes gmem_ptr() a few nanoseconds. The guest
 * kernel's allocator hands out guest-physical 4 KiB pages with the same shuffled order as machine
 * memory. `struct gproc` is a process: a page table GVA -> GPA that lives in pages of the guest, so
 * that neighbouring pages of a buffer are neither guest- nor machine-contiguous.
 *
 * The page hook hears of each backing page that appears or is about to go; a static IOMMU domain
 * maps and pins there.
 *
 * Always holds: what a TLB holds, the tables hold (every change drops the entry before it returns);
 * each backing page has one mapping count on its first frame; a pinned page neither moves nor goes
 * away (a torn-down guest's pinned frames stay zombies of machine memory until the last unpin).
 *
 * Pointers returned are valid until the page is relocated, evicted or freed.
 */
#ifndef GUEST_GMEM_H
#define GUEST_GMEM_H

#include <stdbool.h>
#include <stdint.h>

#include "../host/mem.h"
#include "../host/pt.h"
#include "../plat/addr.h"

#define GMEM_READ  PT_READ /* access: either, or both, never 0 */
#define GMEM_WRITE PT_WRITE

#define GMEM_TLB 256 /* entries, a power of two */

enum gmem_status {
	GMEM_OK,
	GMEM_FULL,    /* no guest page or no machine frame left */
	GMEM_ABSENT,  /* nothing is there */
	GMEM_EVICTED, /* put aside: a fault-in is needed */
	GMEM_BUSY,    /* a pin forbids it */
	GMEM_DENIED   /* outside the guest, or not permitted */
};

struct gmem;

enum gmem_event {
	GMEM_PAGE_IN, /* is mapped now */
	GMEM_PAGE_OUT /* will be unmapped on return; pins that the hook dropped count */
};

/* One backing page, first byte at gpa and hpa. False on GMEM_PAGE_IN: the touch fails, too. */
typedef bool gmem_hook(void *ctx, struct gmem *g, enum gmem_event event, gpa_t gpa, hpa_t hpa,
		       uint64_t bytes);

/* tag: page << 2 | permission; 0 never hits. */
struct gmem_tlb_entry {
	uint64_t tag;
	uint8_t *page;
	uint64_t gpa; /* of a process: the guest-physical page */
};

struct gproc;

struct gmem {
	struct gmem_tlb_entry tlb[GMEM_TLB];
	uint64_t bytes;
	uint64_t page_bytes; /* of the backing: PT_4K, PT_2M or PT_1G */
	unsigned page_shift;
	uint32_t id;
	struct mem *mem;
	struct pt pt;
	gmem_hook *hook;
	void *hook_ctx;
	struct mem_frames pages; /* guest-physical pages of 4 KiB */
	uint64_t bump;           /* gmem_alloc: next free byte, and where its pages end */
	uint64_t bump_end;
	struct gproc *procs;
	uint64_t backed;      /* backing pages now */
	uint64_t populations; /* totals of the run */
	uint64_t relocations;
	uint64_t evictions;
};

struct gproc {
	struct gmem_tlb_entry tlb[GMEM_TLB];
	struct gmem *g;
	struct pt pt;
	uint64_t next; /* next unused virtual address */
	uint64_t pages;
	bool whole; /* what it gets at a time is one piece of guest-physical memory */
	struct gproc *sibling;
};

/* ---- the guest ---- */

/*
 * Guest `id` with `bytes` of memory, a multiple of page_bytes and at least 64 KiB. `hook` may be
 * NULL. NULL: bad size, or out of memory.
 */
struct gmem *gmem_new(struct mem *m, uint32_t id, uint64_t bytes, uint64_t page_bytes, bool scatter,
		      uint64_t seed, gmem_hook *hook, void *hook_ctx);

/* Slow path of gmem_ptr: walks, populates, fills the TLB. */
uint8_t *gmem_ptr_slow(struct gmem *g, gpa_t gpa, unsigned access);

/*
 * Pointer to guest memory. *len in: bytes wanted; out: how many of these are contiguous here (up to
 * the end of the backing page). NULL: outside the guest, not permitted, evicted, or machine memory
 * is full. Touching populates.
 */
static inline uint8_t *gmem_ptr(struct gmem *g, gpa_t gpa, uint64_t *len, unsigned access)
{
	uint64_t page = gpa.a >> g->page_shift;
	uint64_t offset = gpa.a & (g->page_bytes - 1);
	const struct gmem_tlb_entry *e = &g->tlb[page & (GMEM_TLB - 1)];

	if (*len > g->page_bytes - offset)
		*len = g->page_bytes - offset;
	if (__builtin_expect(!((e->tag ^ (page << 2 | access)) & (~(uint64_t)3 | access)), 1))
		return e->page + offset;
	return gmem_ptr_slow(g, gpa, access);
}

/*
 * Where a guest-physical byte is now, without populating; *len as in gmem_ptr. What a hypervisor
 * asks before it lets a device loose on the page.
 */
enum gmem_status gmem_translate(struct gmem *g, gpa_t gpa, uint64_t *len, unsigned access,
				hpa_t *hpa);

/* Backs [gpa, gpa+bytes) now. */
enum gmem_status gmem_populate(struct gmem *g, gpa_t gpa, uint64_t bytes);

/* Copies through gmem_ptr, page by page. False: part of the range is unreachable, some is done. */
bool gmem_read(struct gmem *g, gpa_t gpa, void *dst, uint64_t len);
bool gmem_write(struct gmem *g, gpa_t gpa, const void *src, uint64_t len);

/*
 * Permission of a backing page, for the guest as a whole, not 0 (gmem_evict does that). GMEM_ABSENT
 * if it is not there.
 */
enum gmem_status gmem_protect(struct gmem *g, gpa_t gpa, unsigned perm);

/*
 * Moves the backing page at gpa to other frames with its bytes. GMEM_BUSY: pinned. GMEM_FULL: no
 * frames, or the hook refused the new place (the page has moved, devices do not reach it).
 */
enum gmem_status gmem_relocate(struct gmem *g, gpa_t gpa);

/*
 * Puts the backing page aside, as host swap would: not present until gmem_fault_in; its bytes stay.
 * GMEM_BUSY: pinned.
 */
enum gmem_status gmem_evict(struct gmem *g, gpa_t gpa);
enum gmem_status gmem_fault_in(struct gmem *g, gpa_t gpa);

/* ---- the guest kernel's allocator: backed on allocation ---- */

/* `n` guest-contiguous pages (single ones come scattered). Bytes are zero on first use only. */
enum gmem_status gmem_alloc_pages(struct gmem *g, uint32_t n, gpa_t *gpa);

/* Pages from gmem_alloc_pages back to the guest kernel; they stay backed. False: not in use. */
bool gmem_free_pages(struct gmem *g, gpa_t gpa, uint32_t n);

/*
 * Guest-contiguous zeroed bytes for rings and tables; align is a power of two up to 4 KiB. Never
 * freed before the guest.
 */
enum gmem_status gmem_alloc(struct gmem *g, uint64_t bytes, uint64_t align, gpa_t *gpa);

/* Guest pages that the kernel has not handed out. */
uint64_t gmem_free_count(const struct gmem *g);

/* ---- processes ---- */

/* NULL: out of memory. */
struct gproc *gproc_new(struct gmem *g);

/* Virtually contiguous zeroed bytes from a page boundary, an unmapped page behind them. */
enum gmem_status gproc_alloc(struct gproc *p, uint64_t bytes, gva_t *gva);
/* The same in one piece of guest memory. */
enum gmem_status gproc_alloc_run(struct gproc *p, uint64_t bytes, gva_t *gva);

uint8_t *gproc_ptr_slow(struct gproc *p, gva_t gva, unsigned access);

/* As gmem_ptr, through both tables, up to the end of the 4 KiB page. */
static inline uint8_t *gproc_ptr(struct gproc *p, gva_t gva, uint64_t *len, unsigned access)
{
	uint64_t page = gva.a >> PAGE_SHIFT;
	const struct gmem_tlb_entry *e = &p->tlb[page & (GMEM_TLB - 1)];

	if (*len > page_rest(gva.a))
		*len = page_rest(gva.a);
	if (__builtin_expect(!((e->tag ^ (page << 2 | access)) & (~(uint64_t)3 | access)), 1))
		return e->page + (gva.a & (PAGE_BYTES - 1));
	return gproc_ptr_slow(p, gva, access);
}

/* What a guest kernel does per page of a gather list; *len as in gproc_ptr. */
enum gmem_status gproc_translate(struct gproc *p, gva_t gva, uint64_t *len, unsigned access,
				 gpa_t *gpa);

/*
 * Moves the page at gva to another guest page with its bytes (compaction, copy on write). The page
 * that it left is handed to the caller, who frees it when nothing posted refers to it any more.
 */
enum gmem_status gproc_remap(struct gproc *p, gva_t gva, gpa_t *old);

/* Puts the process page aside, as guest swap would; its bytes stay. */
enum gmem_status gproc_evict(struct gproc *p, gva_t gva);
enum gmem_status gproc_fault_in(struct gproc *p, gva_t gva);

/* Gives its pages and tables back to the guest. Takes NULL. */
void gproc_free(struct gproc *p);

/* Frees its processes, tells the hook of each page, gives every frame back. Takes NULL. */
void gmem_free(struct gmem *g);

#endif
