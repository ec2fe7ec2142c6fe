/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_iommu.c - DMA remapping: isolation, faults, what the IOTLB hits and misses, stale windows.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "models/host/iommu.h"

#define MIB ((uint64_t)1 << 20)
#define RW  (IOMMU_READ | IOMMU_WRITE)
#define RID 0x0310

struct world {
	struct mem *m;
	struct iommu *io;
	struct iommu_domain *d;
};

static uint32_t scaled(uint32_t n)
{
	const char *s = getenv("VNICSIM_TEST_SCALE");

	return n / (s && atoi(s) > 0 ? (uint32_t)atoi(s) : 1);
}

static struct world world_new(struct iommu_config c)
{
	struct world w;

	w.m = mem_new(64 * MIB, true, 1);
	w.io = iommu_new(w.m, &c);
	assert_non_null(w.io);
	w.d = iommu_domain_new(w.io);
	assert_non_null(w.d);
	iommu_attach(w.io, RID, w.d);
	return w;
}

static void world_free(struct world *w)
{
	iommu_domain_free(w->io, w->d, 0);
	assert_int_equal(w->m->owned[MEM_TABLE], 0);
	iommu_free(w->io);
	mem_free(w->m);
}

static void map_pages(struct world *w, uint64_t iova, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(iommu_map(w->io, w->d, (iova_t){iova + i * 4096ull},
					   (hpa_t){0x100000 + i * 4096ull}, 4096, RW),
				 IOMMU_OK);
}

static enum iommu_status dma(struct world *w, uint64_t iova, uint64_t len, sim_time now,
			     struct iommu_hit *hit)
{
	return iommu_translate(w->io, RID, (iova_t){iova}, len, IOMMU_WRITE, now, hit);
}

static void each_byte_goes_to_its_machine_page(void **state)
{
	struct world w = world_new((struct iommu_config){.mode = IOMMU_STRICT});
	struct iommu_hit hit;

	(void)state;
	iommu_map(w.io, w.d, (iova_t){0x10000}, (hpa_t){0x7000}, 4096, RW);
	iommu_map(w.io, w.d, (iova_t){0x11000}, (hpa_t){0x3000}, 4096, RW);
	for (uint64_t off = 0; off < 8192; off += 7) {
		uint64_t rest = 4096 - off % 4096;

		assert_int_equal(dma(&w, 0x10000 + off, 1500, 0, &hit), IOMMU_OK);
		assert_int_equal(hit.hpa.a, (off < 4096 ? 0x7000 : 0x3000) + off % 4096);
		assert_int_equal(hit.len, rest < 1500 ? rest : 1500);
	}
	world_free(&w);
}

static void off_is_the_identity_inside_machine_memory(void **state)
{
	struct world w = world_new((struct iommu_config){.mode = IOMMU_OFF});
	struct iommu_hit hit;

	(void)state;
	assert_int_equal(dma(&w, 0x12345, 9000, 0, &hit), IOMMU_OK);
	assert_int_equal(hit.hpa.a, 0x12345);
	assert_int_equal(hit.len, 9000);
	assert_int_equal(dma(&w, 64 * MIB - 1, 2, 0, &hit), IOMMU_BEYOND);
	assert_int_equal(dma(&w, UINT64_MAX, 2, 0, &hit), IOMMU_BEYOND);
	assert_int_equal(iommu_stats(w.io)->faults, 2);
	assert_int_equal(iommu_stats(w.io)->misses, 0);
	world_free(&w);
}

static void domains_do_not_see_each_other(void **state)
{
	struct world w = world_new((struct iommu_config){.mode = IOMMU_STRICT});
	struct iommu_domain *other = iommu_domain_new(w.io);
	struct iommu_hit hit;

	(void)state;
	iommu_attach(w.io, RID + 1, other);
	iommu_map(w.io, w.d, (iova_t){0x5000}, (hpa_t){0x8000}, 4096, RW);
	assert_int_equal(dma(&w, 0x5000, 1, 0, &hit), IOMMU_OK);
	assert_int_equal(iommu_translate(w.io, RID + 1, (iova_t){0x5000}, 1, IOMMU_READ, 0, &hit),
			 IOMMU_NOT_PRESENT);
	iommu_map(w.io, other, (iova_t){0x5000}, (hpa_t){0x9000}, 4096, RW);
	iommu_translate(w.io, RID + 1, (iova_t){0x5000}, 1, IOMMU_READ, 0, &hit);
	assert_int_equal(hit.hpa.a, 0x9000);
	dma(&w, 0x5000, 1, 0, &hit);
	assert_int_equal(hit.hpa.a, 0x8000);
	assert_true(hit.hit);
	/* a permitted pair: this requester, that domain */
	assert_int_equal(
		iommu_translate_in(w.io, other, RID, (iova_t){0x5010}, 1, IOMMU_WRITE, 0, &hit),
		IOMMU_OK);
	assert_int_equal(hit.hpa.a, 0x9010);
	iommu_domain_free(w.io, other, 0);
	assert_int_equal(iommu_translate(w.io, RID + 1, (iova_t){0x5000}, 1, IOMMU_READ, 0, &hit),
			 IOMMU_NO_DOMAIN);
	/* its number is used again, its cached pages are not */
	other = iommu_domain_new(w.io);
	iommu_attach(w.io, RID + 1, other);
	iommu_map(w.io, other, (iova_t){0x6000}, (hpa_t){0xa000}, 4096, RW);
	assert_int_equal(iommu_translate(w.io, RID + 1, (iova_t){0x5000}, 1, IOMMU_READ, 0, &hit),
			 IOMMU_NOT_PRESENT);
	iommu_domain_free(w.io, other, 0);
	world_free(&w);
}

static void a_fault_is_recorded_in_full(void **state)
{
	struct world w = world_new((struct iommu_config){.mode = IOMMU_STRICT});
	struct iommu_fault f;
	struct iommu_hit hit;

	(void)state;
	iommu_map(w.io, w.d, (iova_t){0x5000}, (hpa_t){0x8000}, 4096, IOMMU_READ);
	for (int cached = 0; cached < 2; cached++) { /* first from the walk, then from the IOTLB */
		assert_int_equal(dma(&w, 0x5123, 64, 777, &hit), IOMMU_DENIED);
		assert_int_equal(hit.len, 0);
		assert_int_equal(hit.hpa.a, 0);
		assert_true(iommu_fault_take(w.io, &f));
		assert_int_equal(f.requester, RID);
		assert_int_equal(f.iova.a, 0x5123);
		assert_int_equal(f.access, IOMMU_WRITE);
		assert_int_equal(f.reason, IOMMU_DENIED);
		assert_int_equal(f.time, 777);
	}
	assert_int_equal(dma(&w, (uint64_t)1 << 48, 64, 778, &hit), IOMMU_BEYOND);
	assert_true(iommu_fault_take(w.io, &f));
	assert_int_equal(f.reason, IOMMU_BEYOND);
	assert_false(iommu_fault_take(w.io, &f));
	world_free(&w);
}

static void faults_beyond_the_record_ring_are_counted_and_flagged(void **state)
{
	struct world w = world_new((struct iommu_config){.mode = IOMMU_STRICT});
	struct iommu_fault f;
	struct iommu_hit hit;

	(void)state;
	for (uint64_t i = 0; i < IOMMU_FAULTS; i++)
		assert_int_equal(dma(&w, i << 12, 1, i, &hit), IOMMU_NOT_PRESENT);
	assert_false(iommu_fault_overflow(w.io));
	dma(&w, 0x99000, 1, 99, &hit);
	assert_true(iommu_fault_overflow(w.io));
	assert_false(iommu_fault_overflow(w.io));
	for (uint64_t i = 0; i < IOMMU_FAULTS; i++) {
		assert_true(iommu_fault_take(w.io, &f));
		assert_int_equal(f.time, i);
	}
	assert_false(iommu_fault_take(w.io, &f));
	assert_int_equal(iommu_stats(w.io)->faults, IOMMU_FAULTS + 1);
	assert_int_equal(iommu_stats(w.io)->faults_lost, 1);
	world_free(&w);
}

/* Misses of the laps after the first of a cyclic sweep of n pages. */
static uint64_t sweep_misses(uint32_t entries, uint32_t ways, uint32_t n, uint32_t laps)
{
	struct world w = world_new(
		(struct iommu_config){.mode = IOMMU_STATIC, .entries = entries, .ways = ways});
	struct iommu_hit hit;
	uint64_t misses = 0;

	map_pages(&w, 0x400000, n);
	for (uint32_t lap = 0; lap <= laps; lap++) {
		for (uint32_t i = 0; i < n; i++) {
			dma(&w, 0x400000 + i * 4096ull, 64, 0, &hit);
			assert_int_equal(hit.hpa.a, 0x100000 + i * 4096ull);
			assert_int_equal(hit.reads, hit.hit ? 0 : 4);
		}
		if (!lap)
			misses = iommu_stats(w.io)->misses;
	}
	assert_int_equal(misses, n);
	misses = iommu_stats(w.io)->misses - misses;
	assert_int_equal(iommu_stats(w.io)->hits, (uint64_t)n * laps - misses);
	world_free(&w);
	return misses;
}

static void a_cyclic_sweep_misses_never_if_it_fits_and_always_if_not(void **state)
{
	static const uint32_t shape[][2] = {{64, 64}, {64, 4}, {16, 1}, {105, 105}, {128, 8}};

	(void)state;
	for (unsigned i = 0; i < sizeof(shape) / sizeof(*shape); i++) {
		uint32_t e = shape[i][0], ways = shape[i][1];

		assert_int_equal(sweep_misses(e, ways, e, 5), 0);
		assert_int_equal(sweep_misses(e, ways, 2 * e, 5), 5 * 2 * e);
		if (ways == e)
			assert_int_equal(sweep_misses(e, ways, e + 1, 5), 5 * (e + 1));
	}
}

static void uniform_random_pages_hit_in_proportion_to_the_entries(void **state)
{
	uint32_t entries = 64, n = 256, draws = scaled(400000), hits = 0;
	struct world w = world_new(
		(struct iommu_config){.mode = IOMMU_STATIC, .entries = entries, .ways = entries});
	uint64_t seed = 99, x = seed, mean, off;
	struct iommu_hit hit;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	map_pages(&w, 0x400000, n);
	for (uint32_t i = 0; i < draws + 4 * n; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		dma(&w, 0x400000 + (x >> 40) % n * 4096, 64, 0, &hit);
		hits += i >= 4 * n && hit.hit;
	}
	/* Binomial, p = 1/4: |hits - np| <= 3 sqrt(n p q), squared. */
	mean = draws / 4;
	off = hits > mean ? hits - mean : mean - hits;
	assert_true(off * off <= 9 * (uint64_t)draws * 3 / 16);
	world_free(&w);
}

static void large_pages_reach_further_and_walk_less(void **state)
{
	struct world w = world_new((struct iommu_config){
		.mode = IOMMU_STATIC, .entries = 4, .ways = 4, .page_bytes = PT_2M});
	struct iommu_hit hit;

	(void)state;
	assert_int_equal(
		iommu_map(w.io, w.d, (iova_t){2 * MIB}, (hpa_t){8 * MIB}, 8 * MIB + 4096, RW),
		IOMMU_OK);
	assert_int_equal(iommu_stats(w.io)->map_pages, 5);
	assert_int_equal(dma(&w, 2 * MIB + 4095, 9000, 0, &hit), IOMMU_OK);
	assert_int_equal(hit.len, 9000);
	assert_int_equal(hit.reads, 3);
	for (uint64_t off = 0; off < 8 * MIB; off += 4096)
		dma(&w, 2 * MIB + off, 1, 0, &hit);
	assert_int_equal(hit.hpa.a, 16 * MIB - 4096);
	assert_int_equal(iommu_stats(w.io)->misses, 4);
	assert_int_equal(dma(&w, 10 * MIB + 8, 9000, 0, &hit), IOMMU_OK);
	assert_int_equal(hit.reads, 4);
	assert_int_equal(hit.len, 4088);
	assert_int_equal(iommu_unmap(w.io, w.d, (iova_t){2 * MIB + 4096}, 4096, 0),
			 IOMMU_MISALIGNED);
	assert_int_equal(iommu_unmap(w.io, w.d, (iova_t){2 * MIB}, 8 * MIB + 4096, 0), IOMMU_OK);
	assert_int_equal(iommu_stats(w.io)->unmap_pages, 5);
	for (uint64_t off = 0; off < 8 * MIB + 4096; off += 4096)
		assert_int_equal(dma(&w, 2 * MIB + off, 1, 0, &hit), IOMMU_NOT_PRESENT);
	world_free(&w);
}

static void upper_level_caches_shorten_walks_and_die_with_an_invalidation(void **state)
{
	struct world w = world_new((struct iommu_config){
		.mode = IOMMU_STRICT, .entries = 1, .ways = 1, .walk_entries = 2});
	struct iommu_hit hit;

	(void)state;
	map_pages(&w, 0, 4);
	map_pages(&w, PT_2M, 1);
	map_pages(&w, PT_1G, 1);
	dma(&w, 0, 1, 0, &hit);
	assert_int_equal(hit.reads, 4);
	dma(&w, 0x1000, 1, 0, &hit); /* the same leaf table */
	assert_int_equal(hit.reads, 1);
	dma(&w, PT_2M, 1, 0, &hit);
	assert_int_equal(hit.reads, 2);
	dma(&w, PT_1G, 1, 0, &hit);
	assert_int_equal(hit.reads, 3);
	dma(&w, 0x1000, 1, 0, &hit); /* the leaf-table cache held two others since */
	assert_int_equal(hit.reads, 2);
	iommu_unmap(w.io, w.d, (iova_t){0}, 4096, 0);
	dma(&w, 0x2000, 1, 0, &hit);
	assert_int_equal(hit.reads, 4);
	assert_int_equal(iommu_stats(w.io)->walk_reads, 16);
	world_free(&w);
}

static void a_strict_unmap_ends_access_at_once(void **state)
{
	struct world w = world_new((struct iommu_config){.mode = IOMMU_STRICT});
	struct iommu_hit hit;

	(void)state;
	for (uint32_t packet = 0; packet < 100; packet++) {
		map_pages(&w, 0x8000, 1);
		assert_int_equal(dma(&w, 0x8000, 64, packet, &hit), IOMMU_OK);
		assert_false(hit.hit);
		assert_int_equal(iommu_unmap(w.io, w.d, (iova_t){0x8000}, 4096, packet), IOMMU_OK);
		assert_int_equal(dma(&w, 0x8000, 64, packet, &hit), IOMMU_NOT_PRESENT);
	}
	assert_int_equal(iommu_stats(w.io)->invalidations, 100);
	assert_int_equal(iommu_stats(w.io)->stale_use.count, 0);
	assert_int_equal(iommu_stats(w.io)->maps, 100);
	assert_int_equal(iommu_stats(w.io)->unmaps, 100);
	world_free(&w);
}

static void a_deferred_unmap_leaves_a_window_until_the_flush(void **state)
{
	struct world w = world_new((struct iommu_config){.mode = IOMMU_DEFERRED});
	const struct iommu_stats *s = iommu_stats(w.io);
	struct iommu_hit hit;
	sim_time oldest;

	(void)state;
	map_pages(&w, 0x8000, 2);
	dma(&w, 0x8000, 64, 10, &hit); /* 0x8000 is cached, 0x9000 is not */
	assert_int_equal(iommu_unmap(w.io, w.d, (iova_t){0x8000}, 8192, 100), IOMMU_OK);
	assert_int_equal(dma(&w, 0x8000, 64, 130, &hit), IOMMU_OK);
	assert_true(hit.stale);
	assert_int_equal(hit.hpa.a, 0x100000);
	assert_int_equal(dma(&w, 0x8000, 64, 90, &hit), IOMMU_OK); /* before the unmap */
	assert_false(hit.stale);
	assert_int_equal(dma(&w, 0x8000, 64, 150, &hit), IOMMU_OK);
	assert_int_equal(dma(&w, 0x9000, 64, 150, &hit), IOMMU_NOT_PRESENT);
	assert_int_equal(s->stale_use.count, 2);
	assert_int_equal(s->stale_use.max, 50);
	assert_int_equal((uint64_t)s->stale_use.sum, 80);
	assert_int_equal(iommu_pending(w.io, &oldest), 1);
	assert_int_equal(oldest, 100);
	assert_int_equal(s->invalidations, 0);
	iommu_flush(w.io, 400);
	assert_int_equal(dma(&w, 0x8000, 64, 400, &hit), IOMMU_NOT_PRESENT);
	assert_int_equal(s->invalidations, 1);
	assert_int_equal(s->flushes, 1);
	assert_int_equal(s->window.count, 1);
	assert_int_equal(s->window.max, 300);
	assert_int_equal(iommu_pending(w.io, &oldest), 0);
	iommu_flush(w.io, 500);
	assert_int_equal(s->flushes, 1);
	world_free(&w);
}

static void reusing_an_address_before_the_flush_reaches_the_old_page(void **state)
{
	struct world w = world_new((struct iommu_config){.mode = IOMMU_DEFERRED});
	struct iommu_hit hit;

	(void)state;
	iommu_map(w.io, w.d, (iova_t){0x8000}, (hpa_t){0x3000}, 4096, RW);
	dma(&w, 0x8000, 1, 1, &hit);
	iommu_unmap(w.io, w.d, (iova_t){0x8000}, 4096, 2);
	iommu_map(w.io, w.d, (iova_t){0x8000}, (hpa_t){0x4000}, 4096, RW);
	assert_int_equal(dma(&w, 0x8000, 1, 3, &hit), IOMMU_OK);
	assert_int_equal(hit.hpa.a, 0x3000);
	assert_true(hit.stale);
	iommu_flush(w.io, 4);
	assert_int_equal(dma(&w, 0x8000, 1, 5, &hit), IOMMU_OK);
	assert_int_equal(hit.hpa.a, 0x4000);
	assert_false(hit.stale);
	world_free(&w);
}

static void a_full_batch_flushes_by_itself(void **state)
{
	struct world w = world_new((struct iommu_config){.mode = IOMMU_DEFERRED, .flush_batch = 8});
	struct iommu_hit hit;
	sim_time oldest;

	(void)state;
	map_pages(&w, 0, 8);
	for (uint64_t i = 0; i < 8; i++) {
		assert_int_equal(dma(&w, i << 12, 1, 0, &hit), IOMMU_OK);
		assert_int_equal(iommu_stats(w.io)->flushes, 0);
		iommu_unmap(w.io, w.d, (iova_t){i << 12}, 4096, 10 * i);
	}
	assert_int_equal(iommu_stats(w.io)->flushes, 1);
	assert_int_equal(iommu_stats(w.io)->invalidations, 1);
	assert_int_equal((uint64_t)iommu_stats(w.io)->window.sum, 10 * (7 * 8 - 28));
	assert_int_equal(iommu_pending(w.io, &oldest), 0);
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(dma(&w, i << 12, 1, 99, &hit), IOMMU_NOT_PRESENT);
	world_free(&w);
}

static void failed_maps_and_unmaps_change_nothing(void **state)
{
	struct world w = world_new((struct iommu_config){.mode = IOMMU_STRICT});
	struct iommu_hit hit;

	(void)state;
	map_pages(&w, 0x3000, 1);
	assert_int_equal(iommu_map(w.io, w.d, (iova_t){0x1000}, (hpa_t){0x9000}, 4 * 4096, RW),
			 IOMMU_MAPPED);
	assert_int_equal(iommu_peek(w.io, w.d, (iova_t){0x1000}, RW, &hit), IOMMU_NOT_PRESENT);
	assert_int_equal(iommu_peek(w.io, w.d, (iova_t){0x3000}, RW, &hit), IOMMU_OK);
	assert_int_equal(hit.hpa.a, 0x100000);
	assert_int_equal(iommu_unmap(w.io, w.d, (iova_t){0x3000}, 8192, 0), IOMMU_NOT_PRESENT);
	assert_int_equal(iommu_peek(w.io, w.d, (iova_t){0x3000}, RW, &hit), IOMMU_OK);
	assert_int_equal(iommu_map(w.io, w.d, (iova_t){0x1800}, (hpa_t){0}, 4096, RW),
			 IOMMU_MISALIGNED);
	assert_int_equal(iommu_map(w.io, w.d, (iova_t){0x1000}, (hpa_t){0}, 0, RW),
			 IOMMU_MISALIGNED);
	assert_int_equal(iommu_stats(w.io)->maps, 1);
	assert_int_equal(iommu_stats(w.io)->hits + iommu_stats(w.io)->misses, 0);
	world_free(&w);
}

static void tables_have_a_bound_and_an_unmap_makes_room(void **state)
{
	struct world w =
		world_new((struct iommu_config){.mode = IOMMU_STRICT, .max_table_pages = 5});
	const struct iommu_stats *s = iommu_stats(w.io);
	struct iommu_hit hit;

	(void)state;
	map_pages(&w, 0, 2); /* the root and three below it */
	assert_int_equal(s->table_pages, 4);
	map_pages(&w, PT_2M, 1); /* one more leaf table */
	assert_int_equal(iommu_map(w.io, w.d, (iova_t){2 * PT_2M}, (hpa_t){0x9000}, 4096, RW),
			 IOMMU_NO_MEMORY);
	assert_int_equal(iommu_peek(w.io, w.d, (iova_t){2 * PT_2M}, RW, &hit), IOMMU_NOT_PRESENT);
	assert_int_equal(s->maps_failed, 1);
	assert_int_equal(s->table_pages, 5);
	iommu_unmap(w.io, w.d, (iova_t){PT_2M}, 4096, 0);
	assert_int_equal(s->table_pages, 4);
	map_pages(&w, 2 * PT_2M, 1);
	assert_int_equal(s->table_pages_max, 5);
	assert_null(iommu_domain_new(w.io)); /* not even a root */
	world_free(&w);
}

static void impossible_cache_shapes_are_refused(void **state)
{
	struct mem *m = mem_new(MIB, true, 1);

	(void)state;
	assert_null(iommu_new(m, &(struct iommu_config){.entries = 12, .ways = 4}));
	assert_null(iommu_new(m, &(struct iommu_config){.entries = 10, .ways = 4}));
	assert_null(iommu_new(m, &(struct iommu_config){.entries = 2, .ways = 4}));
	mem_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_goes_to_its_machine_page),
		cmocka_unit_test(off_is_the_identity_inside_machine_memory),
		cmocka_unit_test(domains_do_not_see_each_other),
		cmocka_unit_test(a_fault_is_recorded_in_full),
		cmocka_unit_test(faults_beyond_the_record_ring_are_counted_and_flagged),
		cmocka_unit_test(a_cyclic_sweep_misses_never_if_it_fits_and_always_if_not),
		cmocka_unit_test(uniform_random_pages_hit_in_proportion_to_the_entries),
		cmocka_unit_test(large_pages_reach_further_and_walk_less),
		cmocka_unit_test(upper_level_caches_shorten_walks_and_die_with_an_invalidation),
		cmocka_unit_test(a_strict_unmap_ends_access_at_once),
		cmocka_unit_test(a_deferred_unmap_leaves_a_window_until_the_flush),
		cmocka_unit_test(reusing_an_address_before_the_flush_reaches_the_old_page),
		cmocka_unit_test(a_full_batch_flushes_by_itself),
		cmocka_unit_test(failed_maps_and_unmaps_change_nothing),
		cmocka_unit_test(tables_have_a_bound_and_an_unmap_makes_room),
		cmocka_unit_test(impossible_cache_shapes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
