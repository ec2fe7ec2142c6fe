/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat_dma.c - mapping guest memory for a device: see plat_dma.h. */
#include "plat_dma.h"

#include <glib.h>

static void dma_flush_event(struct event *ev)
{
	struct plat_dma *d = (struct plat_dma *)((char *)ev - offsetof(struct plat_dma, flush));
	sim_time now = evq_now(d->q), oldest, wait;

	if (d->lock &&
	    iommu_pending(d->io, &oldest)) /* a timer's, on a core that is not modelled */
		invlock_take(d->lock, now, now, 0, &wait);
	iommu_flush(d->io, evq_now(d->q));
}

void plat_dma_init(struct plat_dma *d, struct evq *q, struct mem *mem, struct iommu *io,
		   struct iommu_domain *domain, enum iommu_mode mode, uint32_t pages,
		   sim_time flush_timeout)
{
	*d = (struct plat_dma){.io = io,
			       .domain = domain,
			       .mem = mem,
			       .q = q,
			       .mode = mode,
			       .flush_timeout = flush_timeout,
			       .window = (uint64_t)1 << 47};
	event_init(&d->flush, dma_flush_event);
	if (mode != IOMMU_STRICT && mode != IOMMU_DEFERRED)
		return;
	d->pages = d->top = pages;
	d->stack = g_new(uint32_t, pages);
	d->hpa = g_new0(hpa_t, pages);
	d->held = g_new(uint32_t, pages);
	for (uint32_t i = 0; i < pages; i++)
		d->stack[i] = pages - 1 - i;
}

void plat_dma_age(struct plat_dma *d, uint64_t seed, const char *name)
{
	g_autofree char *stream = g_strconcat("iova.", name, NULL);
	struct rng rng;

	rng_init(&rng, seed, stream);
	rng_shuffle(&rng, d->stack, d->pages, sizeof(*d->stack));
}

void plat_dma_fini(struct plat_dma *d)
{
	g_free(d->stack);
	g_free(d->hpa);
	g_free(d->held);
}

bool plat_dma_page(struct plat_dma *d, struct gmem *g, enum gmem_event event, gpa_t gpa, hpa_t hpa,
		   uint64_t bytes)
{
	iova_t iova = {plat_dma_static(g->id, gpa)};

	if (d->mode != IOMMU_STATIC)
		return true;
	if (event == GMEM_PAGE_IN) {
		if (iommu_map(d->io, d->domain, iova, hpa, bytes, IOMMU_READ | IOMMU_WRITE) !=
		    IOMMU_OK)
			return false;
		d->maps++;
		for (uint64_t at = 0; at < bytes; at += PAGE_BYTES, d->pins++)
			mem_pin(d->mem, (hpa_t){hpa.a + at});
		return true;
	}
	iommu_unmap(d->io, d->domain, iova, bytes, evq_now(d->q));
	iommu_flush(d->io, evq_now(d->q)); /* deferred: the page goes away now */
	d->unmaps++;
	for (uint64_t at = 0; at < bytes; at += PAGE_BYTES, d->unpins++)
		mem_unpin(d->mem, (hpa_t){hpa.a + at});
	return true;
}

/* After a flush the pages that waited for it may lead elsewhere. */
static void dma_reclaim(struct plat_dma *d)
{
	if (d->flushes == iommu_stats(d->io)->flushes)
		return;
	d->flushes = iommu_stats(d->io)->flushes;
	while (d->nheld)
		d->stack[d->top++] = d->held[--d->nheld];
}

bool plat_dma_map_page(struct plat *pl, struct plat_dma *d, hpa_t hpa, unsigned perm, uint64_t *dma)
{
	hpa_t frame = {hpa.a & ~(uint64_t)(PAGE_BYTES - 1)};
	uint32_t page;

	if (d->mode == IOMMU_OFF) {
		*dma = hpa.a;
	} else {
		dma_reclaim(d);
		if (!d->top)
			return false;
		page = d->stack[d->top - 1];
		iova_t iova = {d->window + ((uint64_t)page << PAGE_SHIFT)};
		if (iommu_map(d->io, d->domain, iova, frame, PAGE_BYTES, perm) != IOMMU_OK)
			return false;
		d->top--;
		d->hpa[page] = frame;
		d->maps++;
		*dma = iova.a | (hpa.a & (PAGE_BYTES - 1));
		plat_charge(pl, PLAT_W_DMA_MAP, 1);
	}
	mem_pin(d->mem, frame);
	d->pins++;
	return true;
}

void plat_dma_invalidate(struct plat *pl, struct plat_dma *d)
{
	sim_time takes, wait;

	if (!d->lock) {
		plat_charge(pl, PLAT_W_IOTLB_INV, 1);
		return;
	}
	takes = invlock_take(d->lock, evq_now(d->q), pl->clk->now, pl->clk->node, &wait);
	pl->clk->now += takes;
	pl->clk->busy[PLAT_W_INV_LOCK] += wait;
	pl->clk->busy[PLAT_W_IOTLB_INV] += takes - wait;
}

void plat_dma_unmap_page(struct plat *pl, struct plat_dma *d, uint64_t dma)
{
	hpa_t frame = {dma & ~(uint64_t)(PAGE_BYTES - 1)};
	uint64_t flushes;

	if (d->mode != IOMMU_OFF) {
		uint32_t page = (uint32_t)((dma - d->window) >> PAGE_SHIFT);
		iova_t iova = {d->window + ((uint64_t)page << PAGE_SHIFT)};
		frame = d->hpa[page];
		dma_reclaim(d);
		flushes = iommu_stats(d->io)->flushes;
		iommu_unmap_by(d->io, d->domain, iova, PAGE_BYTES, pl->clk->core, pl->clk->now);
		if (d->lock && iommu_stats(d->io)->flushes != flushes)
			plat_dma_invalidate(pl, d); /* it was this unmap that filled the queue */
		if (d->mode == IOMMU_DEFERRED)
			d->held[d->nheld++] = page;
		else
			d->stack[d->top++] = page;
		dma_reclaim(d);
		d->unmaps++;
		plat_charge(pl, PLAT_W_DMA_UNMAP, 1);
	}
	mem_unpin(d->mem, frame);
	d->unpins++;
}

void plat_dma_unmapped(struct plat *pl, struct plat_dma *d)
{
	sim_time oldest;

	if (d->mode == IOMMU_STRICT) /* one wait covers the buffer's pages */
		plat_dma_invalidate(pl, d);
	else if (d->mode == IOMMU_DEFERRED && iommu_pending(d->io, &oldest) &&
		 !event_pending(&d->flush))
		evq_schedule(d->q, &d->flush, pl->clk->now + d->flush_timeout);
}

unsigned plat_dma_perm(enum plat_dir dir)
{
	return (dir & PLAT_TO_DEVICE ? IOMMU_READ : 0) | (dir & PLAT_FROM_DEVICE ? IOMMU_WRITE : 0);
}

/* ---- the host's own layer ---- */

static inline bool native_map_one(struct plat *pl, struct plat_dma *d, gpa_t gpa, uint32_t len,
				  unsigned perm, struct plat_seg *seg, unsigned max, unsigned *n)
{
	unsigned from = *n;

	while (len) {
		uint64_t part = len, dma;
		hpa_t hpa;
		if (*n == max || gmem_translate(pl->gm, gpa, &part, perm, &hpa) != GMEM_OK)
			return false;
		if (d->mode == IOMMU_STATIC) {
			dma = plat_dma_static(pl->gm->id, gpa);
		} else {
			if (part > page_rest(hpa.a))
				part = page_rest(hpa.a);
			if (!plat_dma_map_page(pl, d, hpa, perm, &dma))
				return false;
		}
		if (d->mode == IOMMU_STATIC && *n > from &&
		    seg[*n - 1].dma + seg[*n - 1].len == dma)
			seg[*n - 1].len += (uint32_t)part;
		else
			seg[(*n)++] = (struct plat_seg){.dma = dma, .len = (uint32_t)part};
		gpa.a += part;
		len -= (uint32_t)part;
	}
	return true;
}

static bool native_map(struct plat *pl, struct plat_port *port, const struct plat_mem *mem,
		       unsigned nmem, enum plat_dir dir, struct plat_seg *seg, unsigned max,
		       unsigned *n)
{
	struct plat_dma *d = port->dma;
	unsigned from = *n;

	for (unsigned i = 0; i < nmem; i++) {
		if (native_map_one(pl, d, mem[i].gpa, mem[i].len, plat_dma_perm(dir), seg, max, n))
			continue;
		for (unsigned k = from; k < *n && d->mode != IOMMU_STATIC; k++)
			plat_dma_unmap_page(pl, d, seg[k].dma);
		*n = from;
		return false;
	}
	return true;
}

static void native_unmap(struct plat *pl, struct plat_port *port, const struct plat_seg *seg,
			 unsigned n)
{
	struct plat_dma *d = port->dma;

	if (d->mode == IOMMU_STATIC || !n)
		return;
	for (unsigned i = 0; i < n; i++) {
		plat_dma_unmap_page(pl, d, seg[i].dma);
		if (d->each || i + 1 == n)
			plat_dma_unmapped(pl, d);
	}
}

const struct plat_dma_ops plat_dma_native = {.map = native_map, .unmap = native_unmap};

void plat_sim_early(struct plat *pl, const void *p, const char *what)
{
	mem_violation(pl->mem, pl->clk->now, "cpu", what, plat_sim_hpa(pl, p));
}
