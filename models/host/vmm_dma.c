/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmm_dma.c - map and unmap for an assigned device: see vmm_dma.h. */
#include "vmm_dma.h"

#include <glib.h>

#include "plat.h"

static unsigned direction(unsigned dir)
{
	return dir & PLAT_FROM_DEVICE ? 0 : 1;
}

void vmm_dma_init(struct vmm_dma *v, uint16_t requester, bool answers)
{
	v->requester = requester;
	v->answers = answers;
	v->dir = g_new0(uint8_t, v->dma.pages + 1);
	vmm_dma_permit(v);
}

void vmm_dma_fini(struct vmm_dma *v)
{
	g_free(v->dir);
	v->dir = NULL;
}

/* ---- entries ---- */

static uint64_t io_page(const struct vmm_dma *v, uint64_t dma)
{
	return (dma - v->dma.window) >> PAGE_SHIFT;
}

/* Is it an address that this function has now? The guest says so. */
static bool in_use(const struct vmm_dma *v, uint64_t dma)
{
	return dma >= v->dma.window && io_page(v, dma) < v->dma.pages && v->dir[io_page(v, dma)];
}

/* The page may be in the hands of unmaps that await their flush. */
static bool make_room(struct vmm_dma *v, struct plat *pl)
{
	if (!v->dma.nheld)
		return false;
	iommu_flush(v->dma.io, pl->clk->now);
	plat_dma_invalidate(pl, &v->dma);
	v->flushes_for_room++;
	return true;
}

static bool map_page(struct vmm_dma *v, struct plat *pl, hpa_t hpa, enum plat_dir dir,
		     uint64_t *dma)
{
	unsigned perm = plat_dma_perm(dir);

	if (!plat_dma_map_page(pl, &v->dma, hpa, perm, dma) &&
	    (!make_room(v, pl) || !plat_dma_map_page(pl, &v->dma, hpa, perm, dma)))
		return false;
	v->dir[io_page(v, *dma)] = (uint8_t)dir;
	v->n[direction(dir)].maps++;
	v->n[direction(dir)].pins++;
	return true;
}

static void unmap_page(struct vmm_dma *v, struct plat *pl, uint64_t dma)
{
	unsigned d = direction(v->dir[io_page(v, dma)]);

	plat_dma_unmap_page(pl, &v->dma, dma);
	v->dir[io_page(v, dma)] = 0;
	v->n[d].unmaps++;
	v->n[d].unpins++;
}

/* One piece of a buffer, page by page. */
static enum vmm_dma_status map_piece(struct vmm_dma *v, struct plat *pl, struct plat_mem mem,
				     enum plat_dir dir, struct plat_seg *seg, unsigned max,
				     unsigned *n)
{
	while (mem.len) {
		uint64_t part = mem.len, dma;
		hpa_t hpa;
		if (gmem_translate(v->gm, mem.gpa, &part, plat_dma_perm(dir), &hpa) != GMEM_OK)
			return VMM_DMA_NOT_OWNED;
		part = MIN(part, page_rest(hpa.a));
		if (!mem_check(v->dma.mem, hpa, part, MEM_GUEST, v->gm->id))
			return VMM_DMA_NOT_OWNED;
		if (*n == max || !map_page(v, pl, hpa, dir, &dma))
			return VMM_DMA_FULL;
		seg[(*n)++] = (struct plat_seg){.dma = dma, .len = (uint32_t)part};
		mem.gpa.a += part;
		mem.len -= (uint32_t)part;
	}
	return VMM_DMA_OK;
}

/* All pieces or none. */
static enum vmm_dma_status map_all(struct vmm_dma *v, struct plat *pl, const struct plat_mem *mem,
				   unsigned nmem, enum plat_dir dir, struct plat_seg *seg,
				   unsigned max, unsigned *n)
{
	unsigned from = *n;

	for (unsigned i = 0; i < nmem; i++) {
		enum vmm_dma_status s = map_piece(v, pl, mem[i], dir, seg, max, n);
		if (s == VMM_DMA_OK)
			continue;
		for (unsigned k = from; k < *n; k++)
			unmap_page(v, pl, seg[k].dma);
		if (*n > from)
			plat_dma_unmapped(pl, &v->dma);
		*n = from;
		return s;
	}
	return VMM_DMA_OK;
}

/* ---- hypercalls ---- */

static void enter(struct vmm_dma *v, struct plat *pl, unsigned dir)
{
	v->n[direction(dir)].hypercalls++;
	plat_charge(pl, PLAT_W_VM_EXIT, 1);
	plat_charge(pl, PLAT_W_HYPERCALL, 1);
}

static enum vmm_dma_status leave(struct vmm_dma *v, enum vmm_dma_status s)
{
	v->refused[s] += s != VMM_DMA_OK;
	return s;
}

enum vmm_dma_status vmm_dma_map(struct vmm_dma *v, struct plat *pl, struct gmem *caller,
				const struct plat_mem *mem, unsigned nmem, enum plat_dir dir,
				struct plat_seg *seg, unsigned max, unsigned *n)
{
	enter(v, pl, dir);
	if (!v->answers)
		return leave(v, VMM_DMA_NO_ANSWER);
	if (caller != v->gm)
		return leave(v, VMM_DMA_NOT_ASSIGNED);
	if (!v->permitted)
		return leave(v, VMM_DMA_DENIED);
	return leave(v, map_all(v, pl, mem, nmem, dir, seg, max, n));
}

enum vmm_dma_status vmm_dma_unmap(struct vmm_dma *v, struct plat *pl, struct gmem *caller,
				  const struct plat_seg *seg, unsigned n)
{
	enum vmm_dma_status s = VMM_DMA_OK;

	enter(v, pl, n && in_use(v, seg[0].dma) ? v->dir[io_page(v, seg[0].dma)] : 0);
	if (!v->answers)
		return leave(v, VMM_DMA_NO_ANSWER);
	if (caller != v->gm)
		return leave(v, VMM_DMA_NOT_ASSIGNED);
	for (unsigned i = 0; i < n; i++) {
		if (in_use(v, seg[i].dma))
			unmap_page(v, pl, seg[i].dma);
		else
			s = VMM_DMA_NOT_MAPPED;
		if (v->dma.each || i + 1 == n)
			plat_dma_unmapped(pl, &v->dma);
	}
	return leave(v, s);
}

/* ---- without being called ---- */

bool vmm_dma_assign(struct vmm_dma *v, struct plat *pl, gpa_t gpa, uint32_t len, enum plat_dir dir,
		    struct plat_seg *seg, unsigned max, unsigned *n)
{
	struct plat_mem mem = {gpa, len};
	return map_all(v, pl, &mem, 1, dir, seg, max, n) == VMM_DMA_OK;
}

void vmm_dma_release(struct vmm_dma *v, struct plat *pl, const struct plat_seg *seg, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		unmap_page(v, pl, seg[i].dma);
}

bool vmm_dma_page(void *ctx, struct gmem *g, enum gmem_event event, gpa_t gpa, hpa_t hpa,
		  uint64_t bytes)
{
	struct vmm_dma *v = ctx;
	uint64_t pins = v->dma.pins, unpins = v->dma.unpins;

	if (v->dma.mode != IOMMU_STATIC)
		return true;
	if (!plat_dma_page(&v->dma, g, event, gpa, hpa, bytes))
		return false;
	v->n[0].hypercalls++;
	v->n[0].maps += event == GMEM_PAGE_IN;
	v->n[0].unmaps += event == GMEM_PAGE_OUT;
	v->n[0].pins += v->dma.pins - pins;
	v->n[0].unpins += v->dma.unpins - unpins;
	return true;
}

void vmm_dma_permit(struct vmm_dma *v)
{
	v->permitted = true;
	iommu_attach(v->dma.io, v->requester, v->dma.domain);
}

void vmm_dma_revoke(struct vmm_dma *v)
{
	v->permitted = false;
	iommu_attach(v->dma.io, v->requester, NULL);
}
