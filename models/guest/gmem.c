/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gmem.c - guest memory: populate, relocate, evict; the guest kernel's pages; processes. See
 * gmem.h.
 *
 * A process TLB caches host pointers through both tables, so a change of the second level drops the
 * TLBs of all processes; that is rare, a hit is not.
 */
#include "gmem.h"

#include <stdlib.h>
#include <string.h>

#define GMEM_WINDOW_BITS 9             /* pages shuffled within 2 MiB: one leaf table */
#define GPROC_BASE       0x10000000000 /* first virtual address of a process: 1 TiB */

static uint64_t page_of(const struct gmem *g, gpa_t gpa)
{
	return gpa.a & ~(g->page_bytes - 1);
}

static uint32_t frames_of(const struct gmem *g)
{
	return (uint32_t)(g->page_bytes >> PAGE_SHIFT);
}

/* False: a page is write-protected or put aside. */
static bool zero(struct gmem *g, uint64_t gpa, uint64_t bytes)
{
	uint64_t part;

	for (; bytes; bytes -= part, gpa += part) {
		uint8_t *to;

		part = bytes;
		to = gmem_ptr(g, (gpa_t){gpa}, &part, GMEM_WRITE);
		if (!to)
			return false;
		memset(to, 0, part);
	}
	return true;
}

/* ---- tables ---- */

static bool machine_table_alloc(void *ctx, uint64_t *table)
{
	struct gmem *g = ctx;
	hpa_t hpa;

	if (mem_alloc(g->mem, MEM_TABLE, g->id, &hpa) != MEM_OK)
		return false;
	*table = hpa.a;
	return true;
}

static void machine_table_free(void *ctx, uint64_t table)
{
	struct gmem *g = ctx;

	mem_put(g->mem, (hpa_t){table}, 1);
}

static const struct pt_ops machine_tables = {.alloc = machine_table_alloc,
					     .free = machine_table_free};

static bool guest_table_alloc(void *ctx, uint64_t *table)
{
	struct gmem *g = ctx;
	gpa_t gpa;

	if (gmem_alloc_pages(g, 1, &gpa) != GMEM_OK)
		return false;
	if (!zero(g, gpa.a, PAGE_BYTES)) {
		gmem_free_pages(g, gpa, 1);
		return false;
	}
	*table = gpa.a;
	return true;
}

static void guest_table_free(void *ctx, uint64_t table)
{
	gmem_free_pages(ctx, (gpa_t){table}, 1);
}

static void *guest_table_resolve(void *ctx, uint64_t table)
{
	uint64_t len = PAGE_BYTES;

	return gmem_ptr(ctx, (gpa_t){table}, &len, GMEM_READ | GMEM_WRITE);
}

static const struct pt_ops guest_tables = {
	.alloc = guest_table_alloc, .free = guest_table_free, .resolve = guest_table_resolve};

/* ---- the guest ---- */

static unsigned shift_of(uint64_t page_bytes)
{
	return page_bytes == PT_4K ? 12 : page_bytes == PT_2M ? 21 : page_bytes == PT_1G ? 30 : 0;
}

struct gmem *gmem_new(struct mem *m, uint32_t id, uint64_t bytes, uint64_t page_bytes, bool scatter,
		      uint64_t seed, gmem_hook *hook, void *hook_ctx)
{
	unsigned shift = shift_of(page_bytes);
	struct gmem *g;

	if (!shift || bytes % page_bytes || bytes < 65536 || bytes >> PAGE_SHIFT >= UINT32_MAX)
		return NULL;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->bytes = bytes;
	g->page_bytes = page_bytes;
	g->page_shift = shift;
	g->id = id;
	g->mem = m;
	g->hook = hook;
	g->hook_ctx = hook_ctx;
	if (!mem_frames_init(&g->pages, (uint32_t)(bytes >> PAGE_SHIFT), GMEM_WINDOW_BITS, scatter,
			     seed) ||
	    pt_init(&g->pt, &machine_tables, g, m->base, m->bytes) != PT_OK) {
		gmem_free(g);
		return NULL;
	}
	return g;
}

static void tlb_drop(struct gmem *g, uint64_t gpa)
{
	g->tlb[(gpa >> g->page_shift) & (GMEM_TLB - 1)].tag = 0;
	for (struct gproc *p = g->procs; p; p = p->sibling)
		memset(p->tlb, 0, sizeof(p->tlb));
}

static bool hook(struct gmem *g, enum gmem_event event, uint64_t gpa, uint64_t hpa)
{
	return !g->hook ||
	       g->hook(g->hook_ctx, g, event, (gpa_t){gpa}, (hpa_t){hpa}, g->page_bytes);
}

static enum mem_status backing_alloc(struct gmem *g, hpa_t *hpa)
{
	if (g->page_bytes == PT_4K)
		return mem_alloc(g->mem, MEM_GUEST, g->id, hpa);
	return mem_alloc_run(g->mem, MEM_GUEST, g->id, frames_of(g), frames_of(g), hpa);
}

/* Backs the absent page at gpa. */
static enum gmem_status page_in(struct gmem *g, uint64_t gpa)
{
	hpa_t hpa;

	if (backing_alloc(g, &hpa) != MEM_OK)
		return GMEM_FULL;
	if (pt_map(&g->pt, gpa, hpa.a, g->page_bytes, PT_READ | PT_WRITE) != PT_OK) {
		mem_put(g->mem, hpa, frames_of(g));
		return GMEM_FULL;
	}
	mem_ref(g->mem, hpa);
	if (!hook(g, GMEM_PAGE_IN, gpa, hpa.a)) {
		pt_unmap(&g->pt, gpa, NULL);
		mem_unref(g->mem, hpa);
		mem_put(g->mem, hpa, frames_of(g));
		return GMEM_FULL;
	}
	g->backed++;
	g->populations++;
	return GMEM_OK;
}

/* Walks; an absent page of the guest is backed first. */
static enum gmem_status walk(struct gmem *g, gpa_t gpa, unsigned access, struct pt_hit *hit)
{
	enum gmem_status s;
	struct pt_hit aside;

	if (gpa.a >= g->bytes)
		return GMEM_DENIED;
	switch (pt_walk(&g->pt, gpa.a, access, hit)) {
	case PT_OK:
		return GMEM_OK;
	case PT_DENIED:
		return GMEM_DENIED;
	default:
		break;
	}
	if (pt_find(&g->pt, gpa.a, &aside) == PT_OK)
		return GMEM_EVICTED;
	s = page_in(g, page_of(g, gpa));
	if (s != GMEM_OK)
		return s;
	return pt_walk(&g->pt, gpa.a, access, hit) == PT_OK ? GMEM_OK : GMEM_DENIED;
}

uint8_t *gmem_ptr_slow(struct gmem *g, gpa_t gpa, unsigned access)
{
	uint64_t page = gpa.a >> g->page_shift;
	uint64_t offset = gpa.a & (g->page_bytes - 1);
	struct gmem_tlb_entry *e = &g->tlb[page & (GMEM_TLB - 1)];
	struct pt_hit hit = {.perm = 0};

	if (walk(g, gpa, access, &hit) != GMEM_OK)
		return NULL;
	e->tag = page << 2 | hit.perm;
	e->page = mem_ptr(g->mem, (hpa_t){hit.pa - offset});
	return e->page + offset;
}

/* The state of the backing page at gpa; *hit as of its first byte. */
static enum gmem_status page_find(struct gmem *g, gpa_t gpa, struct pt_hit *hit)
{
	if (gpa.a >= g->bytes)
		return GMEM_DENIED;
	if (pt_find(&g->pt, gpa.a, hit) != PT_OK)
		return GMEM_ABSENT;
	return hit->perm ? GMEM_OK : GMEM_EVICTED;
}

enum gmem_status gmem_translate(struct gmem *g, gpa_t gpa, uint64_t *len, unsigned access,
				hpa_t *hpa)
{
	uint64_t offset = gpa.a & (g->page_bytes - 1), page = gpa.a >> g->page_shift;
	const struct gmem_tlb_entry *e = &g->tlb[page & (GMEM_TLB - 1)];
	struct pt_hit hit;
	enum gmem_status s;

	if (!((e->tag ^ (page << 2 | access)) & (~(uint64_t)3 | access))) {
		hpa->a = (uint64_t)(e->page + offset - g->mem->base);
		if (*len > g->page_bytes - offset)
			*len = g->page_bytes - offset;
		return GMEM_OK;
	}
	s = page_find(g, gpa, &hit);
	if (s != GMEM_OK)
		return s;
	if ((hit.perm & access) != access)
		return GMEM_DENIED;
	hpa->a = hit.pa + offset;
	if (*len > g->page_bytes - offset)
		*len = g->page_bytes - offset;
	return GMEM_OK;
}

enum gmem_status gmem_populate(struct gmem *g, gpa_t gpa, uint64_t bytes)
{
	if (gpa.a >= g->bytes || bytes > g->bytes - gpa.a)
		return GMEM_DENIED;
	for (uint64_t at = page_of(g, gpa); at < gpa.a + bytes; at += g->page_bytes) {
		struct pt_hit hit;
		enum gmem_status s = walk(g, (gpa_t){at}, 0, &hit);

		if (s != GMEM_OK)
			return s;
	}
	return GMEM_OK;
}

bool gmem_read(struct gmem *g, gpa_t gpa, void *dst, uint64_t len)
{
	uint64_t part;

	for (uint8_t *to = dst; len; len -= part, to += part, gpa.a += part) {
		const uint8_t *from;

		part = len;
		from = gmem_ptr(g, gpa, &part, GMEM_READ);
		if (!from)
			return false;
		memcpy(to, from, part);
	}
	return true;
}

bool gmem_write(struct gmem *g, gpa_t gpa, const void *src, uint64_t len)
{
	uint64_t part;

	for (const uint8_t *from = src; len; len -= part, from += part, gpa.a += part) {
		uint8_t *to;

		part = len;
		to = gmem_ptr(g, gpa, &part, GMEM_WRITE);
		if (!to)
			return false;
		memcpy(to, from, part);
	}
	return true;
}

enum gmem_status gmem_protect(struct gmem *g, gpa_t gpa, unsigned perm)
{
	struct pt_hit hit;
	enum gmem_status s = page_find(g, gpa, &hit);

	if (s != GMEM_OK)
		return s;
	if (!(perm & (PT_READ | PT_WRITE)))
		return GMEM_DENIED;
	pt_change(&g->pt, gpa.a, hit.pa, perm);
	tlb_drop(g, gpa.a);
	return GMEM_OK;
}

static bool page_pinned(const struct gmem *g, uint64_t hpa)
{
	for (uint64_t at = hpa; at < hpa + g->page_bytes; at += PAGE_BYTES)
		if (mem_frame(g->mem, (hpa_t){at})->pins)
			return true;
	return false;
}

enum gmem_status gmem_relocate(struct gmem *g, gpa_t gpa)
{
	struct pt_hit hit;
	enum gmem_status s = page_find(g, gpa, &hit);
	hpa_t from, to;

	if (s != GMEM_OK)
		return s;
	if (page_pinned(g, hit.pa))
		return GMEM_BUSY;
	if (backing_alloc(g, &to) != MEM_OK)
		return GMEM_FULL;
	from.a = hit.pa;
	hook(g, GMEM_PAGE_OUT, page_of(g, gpa), from.a);
	memcpy(mem_ptr(g->mem, to), mem_ptr(g->mem, from), g->page_bytes);
	mem_ref(g->mem, to);
	pt_change(&g->pt, gpa.a, to.a, hit.perm);
	tlb_drop(g, gpa.a);
	mem_unref(g->mem, from);
	mem_put(g->mem, from, frames_of(g));
	g->relocations++;
	return hook(g, GMEM_PAGE_IN, page_of(g, gpa), to.a) ? GMEM_OK : GMEM_FULL;
}

enum gmem_status gmem_evict(struct gmem *g, gpa_t gpa)
{
	struct pt_hit hit;
	enum gmem_status s = page_find(g, gpa, &hit);

	if (s != GMEM_OK)
		return s;
	if (page_pinned(g, hit.pa))
		return GMEM_BUSY;
	hook(g, GMEM_PAGE_OUT, page_of(g, gpa), hit.pa);
	pt_change(&g->pt, gpa.a, hit.pa, 0);
	tlb_drop(g, gpa.a);
	g->evictions++;
	return GMEM_OK;
}

enum gmem_status gmem_fault_in(struct gmem *g, gpa_t gpa)
{
	struct pt_hit hit;
	enum gmem_status s = page_find(g, gpa, &hit);

	if (s != GMEM_EVICTED)
		return s;
	pt_change(&g->pt, gpa.a, hit.pa, PT_READ | PT_WRITE);
	return hook(g, GMEM_PAGE_IN, page_of(g, gpa), hit.pa) ? GMEM_OK : GMEM_FULL;
}

/* ---- the guest kernel's allocator ---- */

enum gmem_status gmem_alloc_pages(struct gmem *g, uint32_t n, gpa_t *gpa)
{
	uint32_t page =
		n == 1 ? mem_frames_take(&g->pages, NULL) : mem_frames_take_run(&g->pages, n, 1);
	enum gmem_status s;

	if (!page)
		return GMEM_FULL;
	gpa->a = (uint64_t)page << PAGE_SHIFT;
	s = gmem_populate(g, *gpa, (uint64_t)n << PAGE_SHIFT);
	if (s != GMEM_OK)
		gmem_free_pages(g, *gpa, n);
	return s;
}

bool gmem_free_pages(struct gmem *g, gpa_t gpa, uint32_t n)
{
	uint64_t first = gpa.a >> PAGE_SHIFT;
	bool ok = true;

	if (gpa.a >= g->bytes || n > g->pages.n - first)
		return false;
	for (uint32_t i = 0; i < n; i++)
		ok = mem_frames_give(&g->pages, (uint32_t)first + i) && ok;
	return ok;
}

enum gmem_status gmem_alloc(struct gmem *g, uint64_t bytes, uint64_t align, gpa_t *gpa)
{
	uint64_t at = (g->bump + align - 1) & ~(align - 1);
	enum gmem_status s;
	uint64_t pages;

	if (at + bytes > g->bump_end || at + bytes < at) {
		pages = bytes / PAGE_BYTES + (bytes % PAGE_BYTES != 0);
		if (!pages || pages >= g->pages.n)
			return GMEM_FULL;
		s = gmem_alloc_pages(g, (uint32_t)pages, gpa);
		if (s != GMEM_OK)
			return s;
		if (!zero(g, gpa->a, pages * PAGE_BYTES))
			return GMEM_DENIED;
		at = gpa->a;
		g->bump_end = at + pages * PAGE_BYTES;
	}
	gpa->a = at;
	g->bump = at + bytes;
	return GMEM_OK;
}

uint64_t gmem_free_count(const struct gmem *g)
{
	return g->pages.n - 1 - g->pages.used;
}

/* ---- processes ---- */

struct gproc *gproc_new(struct gmem *g)
{
	struct gproc *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->g = g;
	p->next = GPROC_BASE;
	if (pt_init(&p->pt, &guest_tables, g, NULL, 0) != PT_OK) {
		free(p);
		return NULL;
	}
	p->sibling = g->procs;
	g->procs = p;
	return p;
}

static void proc_unmap(struct gproc *p, uint64_t from, uint64_t to)
{
	struct pt_hit hit;

	for (; from < to; from += PAGE_BYTES) {
		if (pt_unmap(&p->pt, from, &hit) != PT_OK)
			continue;
		gmem_free_pages(p->g, (gpa_t){hit.pa}, 1);
		p->pages--;
	}
}

/* A page at gva: the one at gpa, or if that is 0 any. */
static enum gmem_status proc_page(struct gproc *p, uint64_t gva, gpa_t gpa)
{
	enum gmem_status s = gpa.a ? GMEM_OK : gmem_alloc_pages(p->g, 1, &gpa);

	if (s != GMEM_OK)
		return s;
	if (!zero(p->g, gpa.a, PAGE_BYTES) ||
	    pt_map(&p->pt, gva, gpa.a, PT_4K, PT_READ | PT_WRITE) != PT_OK) {
		gmem_free_pages(p->g, gpa, 1);
		return GMEM_FULL;
	}
	p->pages++;
	return GMEM_OK;
}

enum gmem_status gproc_alloc(struct gproc *p, uint64_t bytes, gva_t *gva)
{
	gpa_t run = {0};
	uint64_t end;

	if (!bytes || bytes > p->g->bytes)
		return GMEM_FULL;
	bytes = (bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
	end = p->next + bytes;
	if (p->whole && gmem_alloc_pages(p->g, (uint32_t)(bytes >> PAGE_SHIFT), &run) != GMEM_OK)
		return GMEM_FULL;
	for (uint64_t at = p->next; at < end; at += PAGE_BYTES) {
		enum gmem_status s = proc_page(p, at, run);

		if (run.a)
			run.a += PAGE_BYTES;
		if (s != GMEM_OK) {
			proc_unmap(p, p->next, at);
			if (run.a && at + PAGE_BYTES < end)
				gmem_free_pages(p->g, run,
						(uint32_t)((end - at) >> PAGE_SHIFT) - 1);
			return s;
		}
	}
	gva->a = p->next;
	p->next = end + PAGE_BYTES;
	return GMEM_OK;
}

enum gmem_status gproc_alloc_run(struct gproc *p, uint64_t bytes, gva_t *gva)
{
	uint64_t pages = (bytes + PAGE_BYTES - 1) >> PAGE_SHIFT;
	gpa_t run;
	enum gmem_status s;

	if (!bytes || bytes > p->g->bytes)
		return GMEM_FULL;
	s = gmem_alloc_pages(p->g, (uint32_t)pages, &run);
	if (s != GMEM_OK)
		return s;
	if (!zero(p->g, run.a, pages << PAGE_SHIFT)) {
		gmem_free_pages(p->g, run, (uint32_t)pages);
		return GMEM_DENIED;
	}
	for (uint64_t i = 0; i < pages; i++, p->pages++)
		if (pt_map(&p->pt, p->next + (i << PAGE_SHIFT), run.a + (i << PAGE_SHIFT), PT_4K,
			   PT_READ | PT_WRITE) != PT_OK) {
			proc_unmap(p, p->next, p->next + (i << PAGE_SHIFT));
			gmem_free_pages(p->g, (gpa_t){run.a + (i << PAGE_SHIFT)},
					(uint32_t)(pages - i));
			return GMEM_FULL;
		}
	gva->a = p->next;
	p->next += (pages + 1) << PAGE_SHIFT;
	return GMEM_OK;
}

uint8_t *gproc_ptr_slow(struct gproc *p, gva_t gva, unsigned access)
{
	uint64_t page = gva.a >> PAGE_SHIFT;
	uint64_t offset = gva.a & (PAGE_BYTES - 1);
	struct gmem_tlb_entry *e = &p->tlb[page & (GMEM_TLB - 1)];
	struct pt_hit first, second;
	uint8_t *host;

	if (pt_walk(&p->pt, gva.a, access, &first) != PT_OK ||
	    walk(p->g, (gpa_t){first.pa}, access, &second) != GMEM_OK)
		return NULL;
	host = mem_ptr(p->g->mem, (hpa_t){second.pa});
	e->tag = page << 2 | (first.perm & second.perm);
	e->page = host - offset;
	e->gpa = first.pa - offset;
	return host;
}

enum gmem_status gproc_translate(struct gproc *p, gva_t gva, uint64_t *len, unsigned access,
				 gpa_t *gpa)
{
	uint64_t page = gva.a >> PAGE_SHIFT;
	const struct gmem_tlb_entry *e = &p->tlb[page & (GMEM_TLB - 1)];
	struct pt_hit hit;

	if (*len > page_rest(gva.a))
		*len = page_rest(gva.a);
	if (!((e->tag ^ (page << 2 | access)) & (~(uint64_t)3 | access))) {
		gpa->a = e->gpa + (gva.a & (PAGE_BYTES - 1));
		return GMEM_OK;
	}
	switch (pt_walk(&p->pt, gva.a, access, &hit)) {
	case PT_OK:
		break;
	case PT_DENIED:
		return GMEM_DENIED;
	default:
		return pt_find(&p->pt, gva.a, &hit) == PT_OK ? GMEM_EVICTED : GMEM_ABSENT;
	}
	gpa->a = hit.pa;
	gproc_ptr_slow(p, gva, access); /* it will be used: into the TLB */
	return GMEM_OK;
}

static void proc_tlb_drop(struct gproc *p, gva_t gva)
{
	p->tlb[(gva.a >> PAGE_SHIFT) & (GMEM_TLB - 1)].tag = 0;
}

enum gmem_status gproc_remap(struct gproc *p, gva_t gva, gpa_t *old)
{
	uint8_t bytes[PAGE_BYTES];
	enum gmem_status s;
	struct pt_hit hit;
	gpa_t gpa;

	if (pt_find(&p->pt, gva.a, &hit) != PT_OK)
		return GMEM_ABSENT;
	if (!gmem_read(p->g, (gpa_t){hit.pa}, bytes, PAGE_BYTES))
		return GMEM_DENIED;
	s = gmem_alloc_pages(p->g, 1, &gpa);
	if (s != GMEM_OK)
		return s;
	if (!gmem_write(p->g, gpa, bytes, PAGE_BYTES)) {
		gmem_free_pages(p->g, gpa, 1);
		return GMEM_DENIED;
	}
	pt_change(&p->pt, gva.a, gpa.a, hit.perm);
	proc_tlb_drop(p, gva);
	old->a = hit.pa;
	return GMEM_OK;
}

static enum gmem_status proc_set(struct gproc *p, gva_t gva, unsigned perm)
{
	struct pt_hit hit;

	if (pt_find(&p->pt, gva.a, &hit) != PT_OK)
		return GMEM_ABSENT;
	pt_change(&p->pt, gva.a, hit.pa, perm);
	proc_tlb_drop(p, gva);
	return GMEM_OK;
}

enum gmem_status gproc_evict(struct gproc *p, gva_t gva)
{
	return proc_set(p, gva, 0);
}

enum gmem_status gproc_fault_in(struct gproc *p, gva_t gva)
{
	return proc_set(p, gva, PT_READ | PT_WRITE);
}

/* ---- the end ---- */

void gproc_free(struct gproc *p)
{
	struct gproc **link;

	if (!p)
		return;
	for (link = &p->g->procs; *link != p;)
		link = &(*link)->sibling;
	*link = p->sibling;
	proc_unmap(p, GPROC_BASE, p->next);
	pt_fini(&p->pt);
	free(p);
}

/* Gives back the backing page that starts at gpa, now or when its last pin goes. */
static void page_out(struct gmem *g, uint64_t gpa)
{
	struct pt_hit hit;

	if (pt_find(&g->pt, gpa, &hit) != PT_OK)
		return;
	if (hit.perm)
		hook(g, GMEM_PAGE_OUT, gpa, hit.pa);
	pt_unmap(&g->pt, gpa, NULL);
	mem_unref(g->mem, (hpa_t){hit.pa});
	mem_put_deferred(g->mem, (hpa_t){hit.pa}, frames_of(g));
	g->backed--;
}

void gmem_free(struct gmem *g)
{
	if (!g)
		return;
	while (g->procs)
		gproc_free(g->procs);
	for (uint64_t gpa = 0; g->backed && gpa < g->bytes; gpa += g->page_bytes)
		page_out(g, gpa);
	pt_fini(&g->pt);
	mem_frames_fini(&g->pages);
	free(g);
}
