/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_dma.h - the VMM's half of direct DMA: hypercalls that map a guest's memory for a device which
 * is assigned to that guest (US 8,001,543).
 *
 * A map names guest-physical memory and a direction. The VMM checks that it answers such calls at
 * all, that the function is assigned to the caller and DMA permitted, and that every page is the
 * caller's; then it writes I/O page -> machine page into the function's domain, pins the page, and
 * returns the I/O addresses. Any failure leaves nothing mapped. An unmap clears the entries,
 * invalidates as [iommu] mode says, and unpins. The data transfers themselves do not come here.
 *
 * Each call is an exit of the guest and a hypercall, and never reaches the device emulator. What
 * it costs is the calling vCPU's: vm_exit, hypercall, and the entries that it writes.
 *
 * Full: the domain's I/O pages are bounded. In deferred mode, pages whose unmap awaits its flush
 * are got back by flushing at once; if that does not help, the call fails.
 *
 * Revoked, the function is taken out of its domain: all its DMA faults, cached translations or not,
 * maps are refused and unmaps still done. Permitted again, what is mapped is reachable again.
 *
 * Always holds: a page of the window is in use if and only if `dir` of it is not 0; maps - unmaps
 * is the number of those, and so is pins - unpins.
 */
#ifndef HOST_VMM_DMA_H
#define HOST_VMM_DMA_H

#include "../plat/sim/plat_dma.h"

enum vmm_dma_status {
	VMM_DMA_OK,
	VMM_DMA_NO_ANSWER,    /* this VMM has no such hypercall */
	VMM_DMA_DENIED,       /* DMA is not permitted, or not any more */
	VMM_DMA_NOT_ASSIGNED, /* the function is another guest's, or nobody's */
	VMM_DMA_NOT_OWNED,    /* a page is not the caller's */
	VMM_DMA_FULL,         /* no I/O page, no memory for a table, or no room in seg[] */
	VMM_DMA_NOT_MAPPED,   /* unmap: no such mapping; the others are ended */
	VMM_DMA_STATUSES
};

/* By direction: 0 receive (the device writes), 1 transmit. Pages, but for calls. */
struct vmm_dma_counts {
	uint64_t hypercalls, maps, unmaps, pins, unpins;
};

struct vmm_dma {
	struct plat_dma dma; /* the function's domain and window of I/O addresses */
	uint16_t requester;
	struct gmem *gm; /* whose function it is */
	bool answers, permitted;
	uint8_t *dir; /* by I/O page of the window: enum plat_dir bits, 0: free */
	struct vmm_dma_counts n[2];
	uint64_t refused[VMM_DMA_STATUSES]; /* calls, by what they came to */
	uint64_t flushes_for_room;
};

/* `dma` has been set up for the function's domain; the guest's memory comes later. */
void vmm_dma_init(struct vmm_dma *v, uint16_t requester, bool answers);
void vmm_dma_fini(struct vmm_dma *v);

/* Hypercalls. `pl` is the vCPU, `caller` its guest. As plat_dma_map_sg(). */
enum vmm_dma_status vmm_dma_map(struct vmm_dma *v, struct plat *pl, struct gmem *caller,
				const struct plat_mem *mem, unsigned nmem, enum plat_dir dir,
				struct plat_seg *seg, unsigned max, unsigned *n);
enum vmm_dma_status vmm_dma_unmap(struct vmm_dma *v, struct plat *pl, struct gmem *caller,
				  const struct plat_seg *seg, unsigned n);

/* The same by the VMM on its own account, when it assigns the function: no hypercall. */
bool vmm_dma_assign(struct vmm_dma *v, struct plat *pl, gpa_t gpa, uint32_t len, enum plat_dir dir,
		    struct plat_seg *seg, unsigned max, unsigned *n);
void vmm_dma_release(struct vmm_dma *v, struct plat *pl, const struct plat_seg *seg, unsigned n);

/*
 * gmem_hook (ctx: the vmm_dma): memory that is mapped for as long as the guest has it, for both
 * directions, booked to receive; one hypercall a backing page. Nothing unless dma.mode is static.
 */
bool vmm_dma_page(void *ctx, struct gmem *g, enum gmem_event event, gpa_t gpa, hpa_t hpa,
		  uint64_t bytes);

void vmm_dma_permit(struct vmm_dma *v);
void vmm_dma_revoke(struct vmm_dma *v);

#endif
