/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hac.c - a guest's DMA layer: see hac.h. */
#include "hac.h"

#include <glib.h>

#include "plat.h"

#define MAX_MISSES 128u /* pages of a buffer that one hypercall maps */

static struct hac *hac_of(const struct plat_port *port)
{
	return (struct hac *)((char *)port->dma - offsetof(struct hac, vmm.dma));
}

static unsigned direction(enum plat_dir dir)
{
	return dir == PLAT_FROM_DEVICE ? 0 : 1;
}

static bool counted(struct hac *h, enum plat_dir dir, bool ok)
{
	h->failures[direction(dir)] += !ok;
	return ok;
}

/* ---- static, and native: an address is made, not asked for ---- */

static bool plain_map(uint64_t base, const struct plat_mem *mem, unsigned nmem,
		      struct plat_seg *seg, unsigned max, unsigned *n)
{
	if (nmem > max - *n)
		return false;
	for (unsigned i = 0; i < nmem; i++)
		seg[(*n)++] = (struct plat_seg){base + mem[i].gpa.a, mem[i].len};
	return true;
}

static bool static_map(struct plat *pl, struct plat_port *port, const struct plat_mem *mem,
		       unsigned nmem, enum plat_dir dir, struct plat_seg *seg, unsigned max,
		       unsigned *n)
{
	uint64_t base = plat_dma_static(pl->gm->id, (gpa_t){0});
	return counted(hac_of(port), dir, plain_map(base, mem, nmem, seg, max, n));
}

static bool native_map(struct plat *pl, struct plat_port *port, const struct plat_mem *mem,
		       unsigned nmem, enum plat_dir dir, struct plat_seg *seg, unsigned max,
		       unsigned *n)
{
	(void)pl;
	return counted(hac_of(port), dir, plain_map(0, mem, nmem, seg, max, n));
}

static void no_unmap(struct plat *pl, struct plat_port *port, const struct plat_seg *seg,
		     unsigned n)
{
	(void)pl;
	(void)port;
	(void)seg;
	(void)n;
}

/* ---- per buffer ---- */

static bool buffer_map(struct plat *pl, struct plat_port *port, const struct plat_mem *mem,
		       unsigned nmem, enum plat_dir dir, struct plat_seg *seg, unsigned max,
		       unsigned *n)
{
	struct hac *h = hac_of(port);
	return counted(h, dir,
		       vmm_dma_map(&h->vmm, pl, pl->gm, mem, nmem, dir, seg, max, n) == VMM_DMA_OK);
}

static void buffer_unmap(struct plat *pl, struct plat_port *port, const struct plat_seg *seg,
			 unsigned n)
{
	vmm_dma_unmap(&hac_of(port)->vmm, pl, pl->gm, seg, n);
}

/* ---- pooled ---- */

/* The pages of a buffer that are not mapped in that direction yet, each once. */
static unsigned pool_misses(const struct hac *h, const uint64_t *pool, const struct plat_mem *mem,
			    unsigned nmem, struct plat_mem *miss)
{
	unsigned n = 0;

	for (unsigned i = 0; i < nmem; i++) {
		uint64_t page = mem[i].gpa.a >> PAGE_SHIFT;
		uint64_t last = (mem[i].gpa.a + mem[i].len - 1) >> PAGE_SHIFT;
		for (; page <= last && n < MAX_MISSES; page++) {
			gpa_t gpa = {page << PAGE_SHIFT};
			bool seen = page < h->pages && pool[page];
			for (unsigned k = 0; k < n; k++)
				seen |= miss[k].gpa.a == gpa.a;
			if (!seen)
				miss[n++] = (struct plat_mem){gpa, PAGE_BYTES};
		}
	}
	return n;
}

/* Maps what is missing, by one hypercall. */
static bool pool_fill(struct hac *h, struct plat *pl, uint64_t *pool, const struct plat_mem *mem,
		      unsigned nmem, enum plat_dir dir)
{
	struct plat_mem miss[MAX_MISSES];
	struct plat_seg got[MAX_MISSES];
	unsigned n = pool_misses(h, pool, mem, nmem, miss), done = 0;

	if (!n)
		return true;
	if (vmm_dma_map(&h->vmm, pl, pl->gm, miss, n, dir, got, MAX_MISSES, &done) != VMM_DMA_OK)
		return false;
	for (unsigned i = 0; i < n; i++)
		pool[miss[i].gpa.a >> PAGE_SHIFT] = got[i].dma;
	return true;
}

static bool pool_map(struct plat *pl, struct plat_port *port, const struct plat_mem *mem,
		     unsigned nmem, enum plat_dir dir, struct plat_seg *seg, unsigned max,
		     unsigned *n)
{
	struct hac *h = hac_of(port);
	uint64_t *pool = h->pool[direction(dir)];
	unsigned from = *n;

	if (!pool_fill(h, pl, pool, mem, nmem, dir))
		return counted(h, dir, false);
	for (unsigned i = 0; i < nmem; i++) {
		uint64_t at = mem[i].gpa.a, end = at + mem[i].len;
		while (at < end) {
			uint32_t part = (uint32_t)MIN(end - at, page_rest(at));
			if (*n == max || !pool[at >> PAGE_SHIFT]) {
				*n = from;
				return counted(h, dir, false);
			}
			seg[(*n)++] = (struct plat_seg){
				pool[at >> PAGE_SHIFT] | (at & (PAGE_BYTES - 1)), part};
			at += part;
		}
	}
	return true;
}

/* ---- bounce ---- */

static uint32_t chunk_of(const struct hac *h, uint64_t dma)
{
	return (uint32_t)((dma - h->window) / HAC_CHUNK);
}

static void bounce_unmap(struct plat *pl, struct plat_port *port, const struct plat_seg *seg,
			 unsigned n)
{
	struct hac *h = hac_of(port);

	(void)pl;
	for (unsigned i = 0; i < n; i++)
		h->free[h->top++] = chunk_of(h, seg[i].dma);
}

static bool bounce_map(struct plat *pl, struct plat_port *port, const struct plat_mem *mem,
		       unsigned nmem, enum plat_dir dir, struct plat_seg *seg, unsigned max,
		       unsigned *n)
{
	struct hac *h = hac_of(port);
	unsigned from = *n;

	for (unsigned i = 0; i < nmem; i++) {
		for (uint32_t done = 0, part; done < mem[i].len; done += part) {
			if (*n == max || !h->top) {
				bounce_unmap(pl, port, seg + from, *n - from);
				*n = from;
				return counted(h, dir, false);
			}
			uint32_t c = h->free[--h->top];
			part = MIN(mem[i].len - done, HAC_CHUNK);
			h->chunk[c].gpa = (gpa_t){mem[i].gpa.a + done};
			h->chunk[c].len = part;
			seg[(*n)++] = (struct plat_seg){h->window + (uint64_t)c * HAC_CHUNK, part};
		}
	}
	return true;
}

/* One chunk's bytes between it and the buffer that it stands for. */
static void bounce_copy(struct hac *h, struct plat *pl, const struct hac_chunk *c,
			enum plat_dir dir, uint32_t len, struct frame *frame)
{
	bool out = dir == PLAT_TO_DEVICE;
	enum copy_site site = out ? SITE_GUEST_TO_BOUNCE : SITE_BOUNCE_TO_GUEST;

	for (uint32_t done = 0, part; done < len; done += part) {
		uint32_t window = part = len - done;
		void *buffer =
			plat_map(pl, (gpa_t){c->gpa.a + done}, &part, out ? PLAT_READ : PLAT_WRITE);
		void *chunk = plat_map(pl, (gpa_t){c->at.a + done}, &window,
				       out ? PLAT_WRITE : PLAT_READ);
		if (!buffer || !chunk)
			return;
		part = MIN(part, window);
		plat_copy(pl, frame, site, h->why, out ? chunk : buffer, out ? buffer : chunk,
			  part);
	}
}

static void bounce_sync(struct plat *pl, struct plat_port *port, enum plat_dir dir,
			const struct plat_seg *seg, unsigned n, uint32_t len, struct frame *frame)
{
	struct hac *h = hac_of(port);

	for (unsigned i = 0; i < n && len; i++) {
		uint32_t part = MIN(len, seg[i].len);
		bounce_copy(h, pl, &h->chunk[chunk_of(h, seg[i].dma)], dir, part, frame);
		len -= part;
	}
}

/* ---- life ---- */

const struct plat_dma_ops *hac_ops(enum hac_kind kind)
{
	static const struct plat_dma_ops ops[] = {
		[HAC_STATIC] = {static_map, no_unmap, NULL},
		[HAC_PER_BUFFER] = {buffer_map, buffer_unmap, NULL},
		[HAC_POOLED] = {pool_map, no_unmap, NULL},
		[HAC_BOUNCE] = {bounce_map, bounce_unmap, bounce_sync},
		[HAC_NATIVE] = {native_map, no_unmap, NULL},
	};
	return &ops[kind];
}

void hac_init(struct hac *h, enum hac_kind kind, uint64_t guest_bytes, unsigned kept)
{
	h->kind = kind;
	h->kept = g_new0(struct plat_seg, kept + 1);
	if (kind != HAC_POOLED)
		return;
	h->pages = guest_bytes >> PAGE_SHIFT;
	h->pool[0] = g_new0(uint64_t, h->pages);
	h->pool[1] = g_new0(uint64_t, h->pages);
}

bool hac_keep(struct hac *h, struct plat *pl, gpa_t gpa, uint32_t len)
{
	if (h->kind == HAC_STATIC) /* is mapped with the rest */
		return true;
	return vmm_dma_assign(&h->vmm, pl, gpa, len, PLAT_TO_DEVICE | PLAT_FROM_DEVICE, h->kept,
			      UINT32_MAX, &h->nkept);
}

bool hac_bounce_window(struct hac *h, struct plat *pl, uint32_t chunks, enum copy_reason why)
{
	const uint32_t per = PAGE_BYTES / HAC_CHUNK;
	unsigned first = h->nkept;
	gpa_t page;

	h->why = why;
	h->chunks = chunks = (chunks + per - 1) / per * per;
	h->chunk = g_new0(struct hac_chunk, chunks);
	h->free = g_new(uint32_t, chunks);
	for (uint32_t i = 0; i < chunks; i++) {
		if (i % per == 0 && (gmem_alloc_pages(pl->gm, 1, &page) != GMEM_OK ||
				     !hac_keep(h, pl, page, PAGE_BYTES)))
			return false;
		h->chunk[i].at = (gpa_t){page.a + i % per * HAC_CHUNK};
	}
	/* I/O pages come in order from a window that nobody has used yet. */
	h->window = h->kept[first].dma;
	g_assert(h->kept[h->nkept - 1].dma ==
		 h->window + (uint64_t)(chunks / per - 1) * PAGE_BYTES);
	for (h->top = 0; h->top < chunks; h->top++)
		h->free[h->top] = chunks - 1 - h->top;
	return true;
}

void hac_quiesce(struct hac *h, struct plat *pl)
{
	for (unsigned d = 0; d < 2; d++)
		for (uint64_t page = 0; page < h->pages; page++)
			if (h->pool[d][page])
				vmm_dma_unmap(&h->vmm, pl, pl->gm,
					      &(struct plat_seg){h->pool[d][page], PAGE_BYTES}, 1);
	vmm_dma_release(&h->vmm, pl, h->kept, h->nkept);
	h->pages = h->nkept = 0;
}

void hac_fini(struct hac *h)
{
	g_free(h->pool[0]);
	g_free(h->pool[1]);
	g_free(h->chunk);
	g_free(h->free);
	g_free(h->kept);
	vmm_dma_fini(&h->vmm);
}
