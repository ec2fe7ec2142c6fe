/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hac.h - a guest's hardware abstraction component: its DMA layer, below the NIC's driver.
 *
 * The driver asks for mappings by plat_dma_* and is the same object in the host and in a guest;
 * only what answers differs. In a guest it is one of these (the host's own is plat_dma_native):
 *
 *   static      all of the guest's memory is mapped at set-up; an I/O address is made of the
 *               guest's number and the guest-physical address, and asking costs nothing
 *   per-buffer  one hypercall maps a buffer with all its pages, one unmaps it
 *   pooled      a page stays mapped once it was, for each direction, until the end; asking again
 *               costs nothing (as page_pool of Linux keeps its pages)
 *   bounce      no hypercalls: the device reaches only a window of kernel memory, which the VMM
 *               mapped when it assigned the device; payload is copied through it by the guest's CPU
 *   native      the layer of a kernel that does not know that it is a guest: an I/O address is a
 *               guest-physical address, and the device's accesses fault
 *
 * Either of guest and VMM that does not co-operate leaves bounce, whatever was asked for. Then, and
 * when pages or chunks of the window run out, the caller hears no.
 *
 * Protection is by page: a device that was given half of a page reaches the other half, too, in
 * that direction.
 */
#ifndef GUEST_HAC_H
#define GUEST_HAC_H

#include "../host/vmm_dma.h"

enum hac_kind { HAC_STATIC, HAC_PER_BUFFER, HAC_POOLED, HAC_BOUNCE, HAC_NATIVE };

#define HAC_CHUNK 2048u /* of the bounce window; swiotlb's slab of Linux */

/* A part of a buffer that goes by the bounce window. */
struct hac_chunk {
	gpa_t at;  /* the chunk */
	gpa_t gpa; /* whom it stands for */
	uint32_t len;
};

struct hac {
	struct vmm_dma vmm;
	enum hac_kind kind;
	/* pooled, by direction and guest page: I/O address of the page, 0: not mapped */
	uint64_t *pool[2];
	uint64_t pages;
	/* bounce */
	struct hac_chunk *chunk;
	uint32_t *free, top, chunks;
	uint64_t window;      /* I/O address of chunk 0 */
	enum copy_reason why; /* of its copies */
	/* mapped when the function was assigned: rings, bounce window */
	struct plat_seg *kept;
	unsigned nkept;
	uint64_t failures[2]; /* of map, by direction as in vmm_dma */
};

/* The operations of a kind. */
const struct plat_dma_ops *hac_ops(enum hac_kind kind);

/*
 * vmm.dma has been set up; `kept` is what hac_keep() will be asked for at most, in pages. Later,
 * with the guest's memory and pl of one of its vCPUs: hac_bounce_window().
 */
void hac_init(struct hac *h, enum hac_kind kind, uint64_t guest_bytes, unsigned kept);
/* False: no memory. */
bool hac_bounce_window(struct hac *h, struct plat *pl, uint32_t chunks, enum copy_reason why);
/* Guest memory that the device reaches from set-up to the end: rings. False: I/O pages ran out. */
bool hac_keep(struct hac *h, struct plat *pl, gpa_t gpa, uint32_t len);
/* The driver is gone and has unmapped all: so do the pool, the window and the rings. */
void hac_quiesce(struct hac *h, struct plat *pl);
void hac_fini(struct hac *h);

#endif
