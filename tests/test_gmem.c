/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_gmem.c - guest memory: bytes through both tables, population, relocation, eviction, balance.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/guest/gmem.h"
#include "models/host/iommu.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

static uint32_t scaled(uint32_t n)
{
	const char *s = getenv("VNICSIM_TEST_SCALE");

	return n / (s && atoi(s) > 0 ? (uint32_t)atoi(s) : 1);
}

static struct gmem *guest(struct mem *m, uint32_t id, uint64_t bytes, uint64_t page)
{
	struct gmem *g = gmem_new(m, id, bytes, page, true, 100 + id, NULL, NULL);

	assert_non_null(g);
	return g;
}

static void assert_balanced(const struct mem *m)
{
	for (int o = MEM_HOST; o < MEM_OWNERS; o++)
		assert_int_equal(m->owned[o], 0);
	assert_int_equal(m->zombies, 0);
	assert_int_equal(m->frames.used, 0);
}

static void fill(uint8_t *b, uint64_t n, uint32_t key)
{
	for (uint64_t i = 0; i < n; i++)
		b[i] = (uint8_t)(i * 31 + i / 251 + key);
}

static void bytes_are_exact_for_every_backing_page_size(void **state)
{
	static const uint64_t page[] = {PT_4K, PT_2M, PT_1G};
	static const uint64_t size[] = {64 * MIB, 64 * MIB, 2 * GIB};
	uint8_t in[9000], out[9000];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct mem *m = mem_new(6 * GIB, true, 1);
		struct gmem *g = guest(m, 1, size[i], page[i]);

		for (uint64_t at = 4096; at + 9000 < size[i]; at += size[i] / 7 + 13) {
			fill(in, 9000, (uint32_t)at);
			assert_true(gmem_write(g, (gpa_t){at}, in, 9000));
			assert_true(gmem_read(g, (gpa_t){at}, out, 9000));
			assert_memory_equal(in, out, 9000);
			for (uint64_t b = 0; b < 9000; b += 501) { /* and in machine memory */
				uint64_t len = 1;
				hpa_t hpa;

				assert_int_equal(
					gmem_translate(g, (gpa_t){at + b}, &len, GMEM_READ, &hpa),
					GMEM_OK);
				assert_int_equal(*mem_ptr(m, hpa), in[b]);
				assert_true(mem_check(m, hpa, 1, MEM_GUEST, 1));
			}
		}
		gmem_free(g);
		assert_balanced(m);
		mem_free(m);
	}
}

static void a_pointer_holds_to_the_end_of_its_backing_page(void **state)
{
	struct mem *m = mem_new(256 * MIB, true, 1);
	struct gmem *g = guest(m, 1, 64 * MIB, PT_4K), *h = guest(m, 2, 64 * MIB, PT_2M);
	uint64_t len = 9000;

	(void)state;
	assert_non_null(gmem_ptr(g, (gpa_t){0x1f00}, &len, GMEM_READ));
	assert_int_equal(len, 0x100);
	len = 9000;
	assert_non_null(gmem_ptr(h, (gpa_t){0x1f00}, &len, GMEM_READ));
	assert_int_equal(len, 9000);
	len = 9000;
	assert_non_null(gmem_ptr(h, (gpa_t){2 * MIB - 8}, &len, GMEM_READ));
	assert_int_equal(len, 8);
	gmem_free(g);
	gmem_free(h);
	mem_free(m);
}

static void nothing_outside_the_guest_is_reachable(void **state)
{
	static const uint64_t bad[] = {64 * MIB, 64 * MIB + 5, (uint64_t)1 << 48, UINT64_MAX};
	struct mem *m = mem_new(256 * MIB, true, 1);
	struct gmem *g = guest(m, 1, 64 * MIB, PT_4K);
	uint64_t frames = m->frames.used;
	hpa_t hpa;

	(void)state;
	for (int i = 0; i < 4; i++) {
		uint64_t len = 64;

		assert_null(gmem_ptr(g, (gpa_t){bad[i]}, &len, GMEM_READ));
		assert_int_equal(gmem_translate(g, (gpa_t){bad[i]}, &len, GMEM_READ, &hpa),
				 GMEM_DENIED);
		assert_false(gmem_free_pages(g, (gpa_t){bad[i]}, 1));
		assert_int_equal(gmem_populate(g, (gpa_t){bad[i]}, 1), GMEM_DENIED);
	}
	assert_int_equal(m->frames.used, frames);
	gmem_free(g);
	mem_free(m);
}

static void translation_by_the_host_does_not_populate(void **state)
{
	struct mem *m = mem_new(256 * MIB, true, 1);
	struct gmem *g = guest(m, 1, 64 * MIB, PT_4K);
	uint64_t len = 64;
	hpa_t hpa;

	(void)state;
	assert_int_equal(gmem_translate(g, (gpa_t){0x5000}, &len, GMEM_READ, &hpa), GMEM_ABSENT);
	assert_int_equal(g->backed, 0);
	gmem_ptr(g, (gpa_t){0x5000}, &len, GMEM_READ);
	assert_int_equal(g->backed, 1);
	assert_int_equal(gmem_translate(g, (gpa_t){0x5008}, &len, GMEM_READ, &hpa), GMEM_OK);
	assert_ptr_equal(mem_ptr(m, hpa), gmem_ptr(g, (gpa_t){0x5008}, &len, GMEM_READ));
	gmem_free(g);
	mem_free(m);
}

static void protection_takes_effect_through_the_tlb(void **state)
{
	struct mem *m = mem_new(256 * MIB, true, 1);
	struct gmem *g = guest(m, 1, 64 * MIB, PT_4K);
	struct gproc *p = gproc_new(g);
	uint64_t len = 8;
	gva_t gva;
	gpa_t gpa;

	(void)state;
	assert_int_equal(gproc_alloc(p, 4096, &gva), GMEM_OK);
	assert_int_equal(gproc_translate(p, gva, &len, GMEM_WRITE, &gpa), GMEM_OK);
	assert_non_null(gmem_ptr(g, gpa, &len, GMEM_WRITE));
	assert_non_null(gproc_ptr(p, gva, &len, GMEM_WRITE));
	assert_int_equal(gmem_protect(g, gpa, GMEM_READ), GMEM_OK);
	for (int i = 0; i < 2; i++) { /* cold, then from the TLB */
		assert_null(gmem_ptr(g, gpa, &len, GMEM_WRITE));
		assert_null(gmem_ptr(g, gpa, &len, GMEM_READ | GMEM_WRITE));
		assert_non_null(gmem_ptr(g, gpa, &len, GMEM_READ));
		assert_null(gproc_ptr(p, gva, &len, GMEM_WRITE));
		assert_non_null(gproc_ptr(p, gva, &len, GMEM_READ));
	}
	assert_int_equal(gmem_protect(g, gpa, GMEM_WRITE), GMEM_OK);
	assert_non_null(gmem_ptr(g, gpa, &len, GMEM_WRITE));
	assert_null(gmem_ptr(g, gpa, &len, GMEM_READ | GMEM_WRITE));
	assert_null(gproc_ptr(p, gva, &len, GMEM_READ));
	assert_int_equal(gmem_protect(g, gpa, 0), GMEM_DENIED);
	assert_int_equal(gmem_protect(g, gpa, GMEM_READ | GMEM_WRITE), GMEM_OK);
	gmem_free(g);
	mem_free(m);
}

static void process_pages_are_scattered_on_both_levels_and_byte_exact(void **state)
{
	struct mem *m = mem_new(256 * MIB, true, 1);
	struct gmem *g = guest(m, 1, 64 * MIB, PT_4K);
	struct gproc *p = gproc_new(g);
	uint64_t n = 256 * 4096, guest_next = 0, machine_next = 0, last_g = 0, last_m = 0;
	uint8_t *in = malloc(n);
	gva_t gva;

	(void)state;
	fill(in, n, 3);
	assert_int_equal(gproc_alloc(p, n, &gva), GMEM_OK);
	for (uint64_t done = 0, len; done < n; done += len) {
		uint8_t *to;

		len = n - done < 1499 ? n - done : 1499;
		to = gproc_ptr(p, (gva_t){gva.a + done}, &len, GMEM_WRITE);
		memcpy(to, in + done, len);
	}
	for (uint64_t off = 0; off < n; off += 4096) {
		uint64_t len = 4096;
		gpa_t gpa;
		hpa_t hpa;

		assert_int_equal(gproc_translate(p, (gva_t){gva.a + off}, &len, GMEM_READ, &gpa),
				 GMEM_OK);
		assert_int_equal(len, 4096);
		assert_int_equal(gmem_translate(g, gpa, &len, GMEM_READ, &hpa), GMEM_OK);
		assert_memory_equal(mem_ptr(m, hpa), in + off, 4096);
		guest_next += gpa.a == last_g + 4096;
		machine_next += hpa.a == last_m + 4096;
		last_g = gpa.a;
		last_m = hpa.a;
	}
	assert_true(guest_next < 10);
	assert_true(machine_next < 10);
	free(in);
	gproc_free(p);
	assert_int_equal(gmem_free_count(g), 64 * 256 - 1);
	gmem_free(g);
	assert_balanced(m);
	mem_free(m);
}

static void a_page_lies_unmapped_behind_each_process_buffer(void **state)
{
	struct mem *m = mem_new(256 * MIB, true, 1);
	struct gmem *g = guest(m, 1, 64 * MIB, PT_4K);
	struct gproc *p = gproc_new(g);
	uint64_t len = 1;
	gva_t a, b;
	gpa_t gpa;

	(void)state;
	gproc_alloc(p, 5000, &a);
	gproc_alloc(p, 1, &b);
	assert_non_null(gproc_ptr(p, (gva_t){a.a + 8191}, &len, GMEM_READ));
	assert_null(gproc_ptr(p, (gva_t){a.a + 8192}, &len, GMEM_READ));
	assert_int_equal(gproc_translate(p, (gva_t){a.a + 8192}, &len, GMEM_READ, &gpa),
			 GMEM_ABSENT);
	assert_null(gproc_ptr(p, (gva_t){UINT64_MAX}, &len, GMEM_READ));
	assert_int_equal(b.a, a.a + 3 * 4096);
	gmem_free(g);
	assert_balanced(m);
	mem_free(m);
}

static void kernel_allocations_are_contiguous_aligned_and_apart(void **state)
{
	struct mem *m = mem_new(256 * MIB, true, 1);
	struct gmem *g = guest(m, 1, 64 * MIB, PT_4K);
	gpa_t a, b, c, run, again;
	uint64_t free_pages = gmem_free_count(g);

	(void)state;
	assert_int_equal(gmem_alloc(g, 100, 16, &a), GMEM_OK);
	assert_int_equal(gmem_alloc(g, 100, 64, &b), GMEM_OK);
	assert_int_equal(b.a, a.a + 128);
	assert_int_equal(gmem_alloc(g, 10000, 4096, &c), GMEM_OK);
	assert_int_equal(c.a % 4096, 0);
	assert_true(c.a >= b.a + 100 || c.a + 10000 <= a.a);
	assert_int_equal(gmem_alloc_pages(g, 5, &run), GMEM_OK);
	assert_int_equal(gmem_free_count(g), free_pages - 1 - 3 - 5);
	assert_true(gmem_free_pages(g, run, 5));
	assert_false(gmem_free_pages(g, run, 5));
	assert_int_equal(gmem_free_count(g), free_pages - 4);
	assert_int_equal(gmem_alloc_pages(g, 1, &again), GMEM_OK);
	assert_true(again.a >= run.a && again.a < run.a + 5 * 4096);
	assert_int_equal(gmem_alloc_pages(g, 64 * 256, &run), GMEM_FULL);
	assert_int_equal(gmem_alloc(g, 65 * MIB, 1, &a), GMEM_FULL);
	gmem_free(g);
	assert_balanced(m);
	mem_free(m);
}

static void relocation_moves_the_bytes_and_every_cached_pointer(void **state)
{
	struct mem *m = mem_new(256 * MIB, true, 1);
	struct gmem *g = guest(m, 1, 64 * MIB, PT_4K);
	struct gproc *p = gproc_new(g);
	uint64_t len = 4096;
	uint8_t *before;
	gva_t gva;
	gpa_t gpa;
	hpa_t hpa;

	(void)state;
	gproc_alloc(p, 4096, &gva);
	gproc_translate(p, gva, &len, GMEM_READ, &gpa);
	before = gproc_ptr(p, gva, &len, GMEM_WRITE);
	fill(before, 4096, 9);
	gmem_translate(g, gpa, &len, GMEM_READ, &hpa);
	mem_pin(m, hpa);
	assert_int_equal(gmem_relocate(g, gpa), GMEM_BUSY);
	assert_ptr_equal(gproc_ptr(p, gva, &len, GMEM_READ), before);
	mem_unpin(m, hpa);
	assert_int_equal(gmem_relocate(g, gpa), GMEM_OK);
	assert_ptr_not_equal(gproc_ptr(p, gva, &len, GMEM_READ), before);
	assert_ptr_equal(gproc_ptr(p, gva, &len, GMEM_READ), gmem_ptr(g, gpa, &len, GMEM_READ));
	for (int i = 0; i < 4096; i++)
		assert_int_equal(gproc_ptr(p, gva, &len, GMEM_READ)[i],
				 (uint8_t)(i * 31 + i / 251 + 9));
	assert_true(mem_check(m, hpa, 1, MEM_FREE, 0));
	assert_int_equal(gmem_relocate(g, (gpa_t){40 * MIB}), GMEM_ABSENT);
	gmem_free(g);
	assert_balanced(m);
	mem_free(m);
}

static void a_large_page_pinned_anywhere_does_not_move(void **state)
{
	struct mem *m = mem_new(256 * MIB, true, 1);
	struct gmem *g = guest(m, 1, 64 * MIB, PT_2M);
	uint64_t len = 1;
	hpa_t hpa;

	(void)state;
	gmem_ptr(g, (gpa_t){3 * MIB}, &len, GMEM_WRITE)[0] = 77;
	gmem_translate(g, (gpa_t){3 * MIB}, &len, GMEM_READ, &hpa);
	mem_pin(m, hpa);
	assert_int_equal(gmem_relocate(g, (gpa_t){2 * MIB}), GMEM_BUSY);
	mem_unpin(m, hpa);
	assert_int_equal(gmem_relocate(g, (gpa_t){2 * MIB}), GMEM_OK);
	assert_int_equal(gmem_ptr(g, (gpa_t){3 * MIB}, &len, GMEM_READ)[0], 77);
	gmem_free(g);
	assert_balanced(m);
	mem_free(m);
}

static void remapping_moves_the_process_but_not_what_was_posted(void **state)
{
	struct mem *m = mem_new(256 * MIB, true, 1);
	struct gmem *g = guest(m, 1, 64 * MIB, PT_4K);
	struct gproc *p = gproc_new(g);
	uint64_t len = 8;
	gpa_t posted, old, now;
	gva_t gva;

	(void)state;
	gproc_alloc(p, 4096, &gva);
	gproc_translate(p, gva, &len, GMEM_WRITE, &posted);
	gproc_ptr(p, gva, &len, GMEM_WRITE)[0] = 1;
	assert_int_equal(gproc_remap(p, gva, &old), GMEM_OK);
	assert_int_equal(old.a, posted.a);
	gproc_translate(p, gva, &len, GMEM_WRITE, &now);
	assert_int_not_equal(now.a, posted.a);
	assert_int_equal(gproc_ptr(p, gva, &len, GMEM_READ)[0], 1);
	gmem_ptr(g, posted, &len, GMEM_WRITE)[0] = 2; /* the device finds the old page */
	assert_int_equal(gproc_ptr(p, gva, &len, GMEM_READ)[0], 1);
	assert_true(gmem_free_pages(g, old, 1));
	gmem_free(g);
	assert_balanced(m);
	mem_free(m);
}

static void an_evicted_page_is_unreachable_until_it_is_faulted_in(void **state)
{
	struct mem *m = mem_new(256 * MIB, true, 1);
	struct gmem *g = guest(m, 1, 64 * MIB, PT_4K);
	struct gproc *p = gproc_new(g);
	uint64_t len = 8;
	gva_t gva;
	gpa_t gpa, other;
	hpa_t hpa;

	(void)state;
	gproc_alloc(p, 4096, &gva);
	gproc_translate(p, gva, &len, GMEM_WRITE, &gpa);
	gproc_ptr(p, gva, &len, GMEM_WRITE)[0] = 5;
	gmem_translate(g, gpa, &len, GMEM_READ, &hpa);
	mem_pin(m, hpa);
	assert_int_equal(gmem_evict(g, gpa), GMEM_BUSY);
	mem_unpin(m, hpa);
	assert_int_equal(gmem_evict(g, gpa), GMEM_OK);
	assert_int_equal(gmem_translate(g, gpa, &len, GMEM_READ, &hpa), GMEM_EVICTED);
	assert_null(gmem_ptr(g, gpa, &len, GMEM_READ));
	assert_null(gproc_ptr(p, gva, &len, GMEM_READ));
	assert_int_equal(gmem_relocate(g, gpa), GMEM_EVICTED);
	assert_int_equal(gmem_populate(g, gpa, 1), GMEM_EVICTED);
	assert_int_equal(gmem_fault_in(g, gpa), GMEM_OK);
	assert_int_equal(gproc_ptr(p, gva, &len, GMEM_READ)[0], 5);

	assert_int_equal(gproc_evict(p, gva), GMEM_OK);
	assert_null(gproc_ptr(p, gva, &len, GMEM_READ));
	assert_int_equal(gproc_translate(p, gva, &len, GMEM_READ, &other), GMEM_EVICTED);
	assert_int_equal(gproc_fault_in(p, gva), GMEM_OK);
	assert_int_equal(gproc_ptr(p, gva, &len, GMEM_READ)[0], 5);
	assert_int_equal(gmem_evict(g, gpa), GMEM_OK); /* torn down while away */
	gmem_free(g);
	assert_balanced(m);
	mem_free(m);
}

static void two_guests_share_no_frame(void **state)
{
	struct mem *m = mem_new(256 * MIB, true, 1);
	struct gmem *a = guest(m, 1, 64 * MIB, PT_4K), *b = guest(m, 2, 64 * MIB, PT_4K);
	uint64_t len = 1;

	(void)state;
	for (uint64_t gpa = 0; gpa < 4 * MIB; gpa += 4096) {
		*gmem_ptr(a, (gpa_t){gpa}, &len, GMEM_WRITE) = 1;
		*gmem_ptr(b, (gpa_t){gpa}, &len, GMEM_WRITE) = 2;
	}
	for (uint64_t gpa = 0; gpa < 4 * MIB; gpa += 4096) {
		hpa_t hpa;

		assert_int_equal(*gmem_ptr(a, (gpa_t){gpa}, &len, GMEM_READ), 1);
		gmem_translate(a, (gpa_t){gpa}, &len, GMEM_READ, &hpa);
		assert_true(mem_check(m, hpa, 4096, MEM_GUEST, 1));
	}
	gmem_free(a);
	gmem_free(b);
	assert_balanced(m);
	mem_free(m);
}

static void a_destroyed_guests_pinned_page_waits_for_its_dma(void **state)
{
	struct mem *m = mem_new(256 * MIB, true, 1);
	struct gmem *g = guest(m, 1, 64 * MIB, PT_4K);
	uint64_t len = 1;
	hpa_t hpa;

	(void)state;
	gmem_ptr(g, (gpa_t){0x7000}, &len, GMEM_WRITE);
	gmem_translate(g, (gpa_t){0x7000}, &len, GMEM_WRITE, &hpa);
	mem_pin(m, hpa);
	gmem_free(g);
	assert_int_equal(m->zombies, 1);
	assert_int_equal(m->frames.used, 1);
	assert_true(mem_check(m, hpa, 1, MEM_GUEST, 1));
	mem_unpin(m, hpa);
	assert_balanced(m);
	mem_free(m);
}

struct static_domain {
	struct mem *m;
	struct iommu *io;
	struct iommu_domain *d;
	bool refuse;
};

static bool map_and_pin(void *ctx, struct gmem *g, enum gmem_event event, gpa_t gpa, hpa_t hpa,
			uint64_t bytes)
{
	struct static_domain *s = ctx;

	(void)g;
	if (event == GMEM_PAGE_OUT) {
		assert_int_equal(iommu_unmap(s->io, s->d, (iova_t){gpa.a}, bytes, 0), IOMMU_OK);
		assert_int_equal(mem_unpin(s->m, hpa), MEM_OK);
		return true;
	}
	return !s->refuse &&
	       iommu_map(s->io, s->d, (iova_t){gpa.a}, hpa, bytes, IOMMU_READ | IOMMU_WRITE) ==
		       IOMMU_OK &&
	       mem_pin(s->m, hpa) == MEM_OK;
}

static void a_static_domain_follows_the_pages_as_they_appear(void **state)
{
	struct static_domain s = {.m = mem_new(256 * MIB, true, 1)};
	struct iommu_hit hit;
	struct gmem *g;
	uint64_t len = 1;
	hpa_t hpa;

	(void)state;
	s.io = iommu_new(s.m, &(struct iommu_config){.mode = IOMMU_STATIC});
	s.d = iommu_domain_new(s.io);
	iommu_attach(s.io, 8, s.d);
	g = gmem_new(s.m, 1, 64 * MIB, PT_4K, true, 5, map_and_pin, &s);
	assert_int_equal(iommu_translate(s.io, 8, (iova_t){0x5000}, 1, IOMMU_READ, 0, &hit),
			 IOMMU_NOT_PRESENT);
	gmem_ptr(g, (gpa_t){0x5000}, &len, GMEM_WRITE);
	assert_int_equal(iommu_translate(s.io, 8, (iova_t){0x5000}, 1, IOMMU_READ, 0, &hit),
			 IOMMU_OK);
	gmem_translate(g, (gpa_t){0x5000}, &len, GMEM_READ, &hpa);
	assert_int_equal(hit.hpa.a, hpa.a);
	assert_int_equal(gmem_relocate(g, (gpa_t){0x5000}), GMEM_BUSY);
	s.refuse = true;
	assert_null(gmem_ptr(g, (gpa_t){0x9000}, &len, GMEM_WRITE));
	assert_int_equal(g->backed, 1);
	gmem_free(g);
	assert_int_equal(s.m->pins, s.m->unpins);
	iommu_domain_free(s.io, s.d, 0);
	assert_balanced(s.m);
	iommu_free(s.io);
	mem_free(s.m);
}

struct hook_count {
	int in, out;
	hpa_t last;
};

static bool count_pages(void *ctx, struct gmem *g, enum gmem_event event, gpa_t gpa, hpa_t hpa,
			uint64_t bytes)
{
	struct hook_count *c = ctx;

	assert_int_equal(bytes, g->page_bytes);
	assert_int_equal(gpa.a, 0x5000);
	if (event == GMEM_PAGE_OUT)
		assert_int_equal(hpa.a, c->last.a);
	*(event == GMEM_PAGE_IN ? &c->in : &c->out) += 1;
	c->last = hpa;
	return true;
}

static void the_hook_hears_of_each_coming_and_going_once(void **state)
{
	struct mem *m = mem_new(256 * MIB, true, 1);
	struct hook_count c = {0};
	struct gmem *g = gmem_new(m, 1, 64 * MIB, PT_4K, true, 1, count_pages, &c);
	uint64_t len = 1;
	gpa_t gpa = {0x5123};

	(void)state;
	gmem_ptr(g, gpa, &len, GMEM_READ);
	gmem_ptr(g, gpa, &len, GMEM_WRITE);
	assert_int_equal(c.in, 1);
	assert_int_equal(gmem_relocate(g, gpa), GMEM_OK);
	assert_int_equal(c.in, 2);
	assert_int_equal(c.out, 1);
	assert_int_equal(gmem_evict(g, gpa), GMEM_OK);
	assert_int_equal(gmem_evict(g, gpa), GMEM_EVICTED);
	assert_int_equal(c.out, 2);
	assert_int_equal(gmem_fault_in(g, gpa), GMEM_OK);
	assert_int_equal(c.in, 3);
	gmem_evict(g, gpa);
	gmem_free(g);
	assert_int_equal(c.in, 3);
	assert_int_equal(c.out, 3);
	assert_balanced(m);
	mem_free(m);
}

static void full_machine_memory_fails_softly_and_balances(void **state)
{
	struct mem *m = mem_new(MIB, true, 1);
	struct gmem *g = guest(m, 1, 64 * MIB, PT_4K);
	struct gproc *p = gproc_new(g);
	uint64_t len = 1;
	gva_t gva;
	gpa_t gpa;

	(void)state;
	assert_int_equal(gproc_alloc(p, 32 * MIB, &gva), GMEM_FULL);
	assert_int_equal(p->pages, 0);
	while (gmem_alloc_pages(g, 1, &gpa) == GMEM_OK)
		;
	assert_null(gmem_ptr(g, (gpa_t){63 * MIB}, &len, GMEM_WRITE));
	gmem_free(g);
	assert_balanced(m);
	mem_free(m);
}

static void random_use_agrees_with_plain_memory_and_balances(void **state)
{
	struct mem *m = mem_new(64 * MIB, true, 1);
	struct gmem *g = guest(m, 1, 16 * MIB, PT_4K);
	struct gproc *p = gproc_new(g);
	uint64_t seed = 4711, x = seed, n = 64 * 4096;
	uint8_t *plain = calloc(1, n);
	gva_t gva;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	assert_int_equal(gproc_alloc(p, n, &gva), GMEM_OK);
	for (uint32_t i = 0; i < scaled(200000); i++) {
		uint64_t off, len = 1;
		uint8_t *at;
		gpa_t gpa, old;

		x = x * 6364136223846793005u + 1442695040888963407u;
		off = (x >> 33) % n;
		if (i % 16 == 3) {
			gproc_translate(p, (gva_t){gva.a + off}, &len, GMEM_READ, &gpa);
			assert_int_equal(gmem_relocate(g, gpa), GMEM_OK);
		} else if (i % 16 == 9) {
			assert_int_equal(gproc_remap(p, (gva_t){gva.a + off}, &old), GMEM_OK);
			assert_true(gmem_free_pages(g, old, 1));
		}
		at = gproc_ptr(p, (gva_t){gva.a + off}, &len, GMEM_READ | GMEM_WRITE);
		assert_int_equal(*at, plain[off]);
		*at = plain[off] = (uint8_t)(x >> 25);
	}
	free(plain);
	gmem_free(g);
	assert_balanced(m);
	mem_free(m);
}

static uint64_t resident_bytes(void)
{
	unsigned long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void a_thousand_guests_cost_what_they_touch(void **state)
{
	uint32_t n = scaled(1000);
	struct mem *m = mem_new((n + 1) * 72 * MIB, true, 1);
	struct gmem **g = calloc(n + 1, sizeof(*g));
	uint64_t before = resident_bytes(), cost;

	(void)state;
	assert_non_null(m);
	for (uint32_t i = 0; i < n; i++) {
		g[i] = guest(m, i + 1, 64 * MIB, PT_4K);
		for (int page = 0; page < 64; page++) {
			uint64_t len = 1;
			gpa_t gpa;

			assert_int_equal(gmem_alloc_pages(g[i], 1, &gpa), GMEM_OK);
			*gmem_ptr(g[i], gpa, &len, GMEM_WRITE) = 1;
		}
	}
	cost = resident_bytes() - before;
	print_message("%u guests of 64 MiB, 64 pages touched each: %llu KiB a guest\n", n,
		      n ? (unsigned long long)(cost / n / 1024) : 0);
	if (n >= 1000) /* 256 KiB of it are the pages; sanitizers and valgrind add their own */
		assert_true(cost < (uint64_t)n * 1024 * 1024);
	assert_int_equal(m->owned[MEM_GUEST], (uint64_t)n * 64);
	assert_true(m->owned[MEM_TABLE] <= (uint64_t)n * 8);
	for (uint32_t i = 0; i < n; i++)
		gmem_free(g[i]);
	assert_balanced(m);
	free(g);
	mem_free(m);
}

static void impossible_guests_are_refused(void **state)
{
	struct mem *m = mem_new(MIB, true, 1);

	(void)state;
	assert_null(gmem_new(m, 1, 64 * MIB, PT_1G, true, 1, NULL, NULL));
	assert_null(gmem_new(m, 1, 64 * MIB + 5, PT_4K, true, 1, NULL, NULL));
	assert_null(gmem_new(m, 1, 4096, PT_4K, true, 1, NULL, NULL));
	assert_null(gmem_new(m, 1, 64 * MIB, 8192, true, 1, NULL, NULL));
	gmem_free(NULL);
	gproc_free(NULL);
	assert_balanced(m);
	mem_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_exact_for_every_backing_page_size),
		cmocka_unit_test(a_pointer_holds_to_the_end_of_its_backing_page),
		cmocka_unit_test(nothing_outside_the_guest_is_reachable),
		cmocka_unit_test(translation_by_the_host_does_not_populate),
		cmocka_unit_test(protection_takes_effect_through_the_tlb),
		cmocka_unit_test(process_pages_are_scattered_on_both_levels_and_byte_exact),
		cmocka_unit_test(a_page_lies_unmapped_behind_each_process_buffer),
		cmocka_unit_test(kernel_allocations_are_contiguous_aligned_and_apart),
		cmocka_unit_test(relocation_moves_the_bytes_and_every_cached_pointer),
		cmocka_unit_test(a_large_page_pinned_anywhere_does_not_move),
		cmocka_unit_test(remapping_moves_the_process_but_not_what_was_posted),
		cmocka_unit_test(an_evicted_page_is_unreachable_until_it_is_faulted_in),
		cmocka_unit_test(two_guests_share_no_frame),
		cmocka_unit_test(a_destroyed_guests_pinned_page_waits_for_its_dma),
		cmocka_unit_test(a_static_domain_follows_the_pages_as_they_appear),
		cmocka_unit_test(the_hook_hears_of_each_coming_and_going_once),
		cmocka_unit_test(full_machine_memory_fails_softly_and_balances),
		cmocka_unit_test(random_use_agrees_with_plain_memory_and_balances),
		cmocka_unit_test(a_thousand_guests_cost_what_they_touch),
		cmocka_unit_test(impossible_guests_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
