/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_dma.h - how the host lets a NIC reach a guest's memory, by IOMMU mode.
 *
 *   off       segments are machine addresses, one a page; the pages are pinned while posted
 *   static    the guest's pages are mapped and pinned as they come into being, at an I/O address
 *             made of the guest's number and its guest-physical address; posting costs nothing
 *   strict    each buffer is mapped, page by page, when it is posted and unmapped and invalidated
 *             when it comes back
 *   deferred  the same, but invalidation waits for a batch or a timeout
 *
 * The hypervisor's own buffers stay mapped in every mode (a page pool), at I/O address = machine
 * address.
 *
 * Modes strict and deferred take I/O pages from a stack of the NIC's domain, last in first out. In
 * mode deferred a page comes back to the stack only when the flush of its unmap is done: until then
 * the IOTLB may still lead it to the memory that it had.
 */
#ifndef PLAT_DMA_H
#define PLAT_DMA_H

#include "../../guest/gmem.h"
#include "../../host/invlock.h"
#include "../../host/iommu.h"
#include "plat.h"

#define PLAT_DMA_GUEST_SHIFT 37 /* 128 GiB of I/O addresses for the host, and for each guest */

struct plat_dma {
	struct iommu *io;
	struct iommu_domain *domain;
	struct mem *mem;
	struct evq *q;
	enum iommu_mode mode;
	struct invlock *lock; /* NULL: an invalidation costs the same whoever else does one */
	sim_time flush_timeout;
	struct event flush; /* deferred: timeout of the oldest */
	bool each;          /* an unmapping takes effect page by page, not once a buffer */
	uint64_t window;    /* I/O address of page 0 of the stack */
	uint32_t pages;     /* in all */
	uint32_t top;
	uint32_t *stack; /* free I/O pages of the window */
	hpa_t *hpa;      /* by I/O page in use */
	/* deferred: unmapped pages that await a flush, and how many flushes there were then */
	uint32_t *held;
	uint32_t nheld;
	uint64_t flushes;
	uint64_t maps, unmaps, pins, unpins;
};

/* The host's own layer: what the modes above say. */
extern const struct plat_dma_ops plat_dma_native;

/* `pages` bounds what can be mapped at one time in modes strict and deferred. */
void plat_dma_init(struct plat_dma *d, struct evq *q, struct mem *mem, struct iommu *io,
		   struct iommu_domain *domain, enum iommu_mode mode, uint32_t pages,
		   sim_time flush_timeout);
/* Its free I/O pages are in random order: what a long time of use leaves. Before the first map. */
void plat_dma_age(struct plat_dma *d, uint64_t seed, const char *name);
void plat_dma_fini(struct plat_dma *d);

/* The I/O address of guest memory in static mode. */
static inline uint64_t plat_dma_static(uint32_t guest, gpa_t gpa)
{
	return ((uint64_t)guest + 1) << PLAT_DMA_GUEST_SHIFT | gpa.a;
}

/* Static mode: a page of the guest comes or goes (gmem_hook). */
bool plat_dma_page(struct plat_dma *d, struct gmem *g, enum gmem_event event, gpa_t gpa, hpa_t hpa,
		   uint64_t bytes);

/*
 * Modes off, strict and deferred. One page, or what follows hpa of it, for the device: pins it.
 * False: no I/O page is left, or no memory for a table.
 */
bool plat_dma_map_page(struct plat *pl, struct plat_dma *d, hpa_t hpa, unsigned perm,
		       uint64_t *dma);
/*
 * Its end; the caller knows that it is mapped. After a buffer's pages, or with `each` after each of
 * them: plat_dma_unmapped().
 */
void plat_dma_unmap_page(struct plat *pl, struct plat_dma *d, uint64_t dma);
/* Waits for an invalidation: [cost] iotlb_inv, or what the lock makes of it. */
void plat_dma_invalidate(struct plat *pl, struct plat_dma *d);
/* What makes the end true: an invalidation now (strict), or with others, later (deferred). */
void plat_dma_unmapped(struct plat *pl, struct plat_dma *d);

/* IOMMU_READ, IOMMU_WRITE or both. */
unsigned plat_dma_perm(enum plat_dir dir);

#endif
