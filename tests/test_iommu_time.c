/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_iommu_time.c - when a translation is there: walks, walkers, pages being walked.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "models/host/iommu.h"

#define RID  0x0310
#define READ 100000 /* ps, of a table entry */
#define BASE 50000

struct world {
	struct mem *m;
	struct iommu *io;
	struct iommu_domain *d;
};

static struct world world_new(uint32_t walkers, uint32_t cache, uint64_t page)
{
	struct iommu_config c = {.mode = IOMMU_STRICT,
				 .entries = 4096,
				 .ways = 4096,
				 .walk_entries = cache,
				 .page_bytes = page,
				 .walkers = walkers,
				 .walk_base = BASE,
				 .walk_read = READ};
	struct world w = {.m = mem_new(256ull << 20, true, 1)};

	w.io = iommu_new(w.m, &c);
	w.d = iommu_domain_new(w.io);
	iommu_attach(w.io, RID, w.d);
	for (uint32_t i = 0; i < 1024; i++)
		assert_int_equal(iommu_map(w.io, w.d, (iova_t){i * 4096ull},
					   (hpa_t){(8ull << 20) + i * 4096ull}, 4096, IOMMU_READ),
				 IOMMU_OK);
	return w;
}

static void world_free(struct world *w)
{
	iommu_domain_free(w->io, w->d, 0);
	iommu_free(w->io);
	mem_free(w->m);
}

static sim_time access_at(struct world *w, uint64_t iova, sim_time at)
{
	struct iommu_hit hit;

	iommu_translate(w->io, RID, (iova_t){iova}, 64, IOMMU_READ, at, &hit);
	return iommu_wait(w->io, &hit, at);
}

static void a_walk_takes_its_reads_and_a_hit_nothing(void **state)
{
	struct world w = world_new(2, 0, 0);

	(void)state;
	assert_int_equal(access_at(&w, 0x1000, 1000000), BASE + 4 * READ);
	assert_int_equal(access_at(&w, 0x1040, 2000000), 0);
	assert_int_equal(access_at(&w, 0x2000, 2000000), BASE + 4 * READ);
	world_free(&w);
}

static void without_walkers_nothing_takes_time(void **state)
{
	struct world w = world_new(0, 0, 0);

	(void)state;
	assert_int_equal(access_at(&w, 0x1000, 0), 0);
	assert_int_equal(iommu_stats(w.io)->misses, 1);
	assert_int_equal(iommu_walkers(w.io)->walks, 0);
	world_free(&w);
}

/* Caches of the upper levels leave the leaf; its table's entry covers 2 MiB. */
static void upper_levels_in_cache_shorten_the_walk(void **state)
{
	struct world w = world_new(1, 8, 0);

	(void)state;
	assert_int_equal(access_at(&w, 0x1000, 0), BASE + 4 * READ);
	assert_int_equal(access_at(&w, 0x5000, 10000000), BASE + READ);
	assert_int_equal(access_at(&w, 0x200000, 20000000), BASE + 2 * READ);
	iommu_unmap(w.io, w.d, (iova_t){0x1000}, 4096, 0); /* drops the entries above it, too */
	assert_int_equal(access_at(&w, 0x6000, 30000000), BASE + 4 * READ);
	world_free(&w);
}

static void a_large_page_is_found_a_level_earlier(void **state)
{
	struct world w = world_new(1, 0, PT_2M);

	(void)state;
	assert_int_equal(iommu_map(w.io, w.d, (iova_t){1ull << 30}, (hpa_t){16ull << 20}, 2 << 20,
				   IOMMU_READ),
			 IOMMU_OK);
	assert_int_equal(access_at(&w, 1ull << 30, 0), BASE + 3 * READ);
	assert_int_equal(access_at(&w, (1ull << 30) + (1 << 20), 10000000), 0);
	world_free(&w);
}

static void one_walk_serves_all_who_want_its_page(void **state)
{
	struct world w = world_new(1, 0, 0);

	(void)state;
	assert_int_equal(access_at(&w, 0x1000, 0), 450000);
	assert_int_equal(access_at(&w, 0x1080, 100000), 350000);
	assert_int_equal(access_at(&w, 0x10c0, 450000), 0);
	assert_int_equal(iommu_walkers(w.io)->walks, 1);
	assert_int_equal(iommu_stats(w.io)->hits, 2);
	world_free(&w);
}

/* N walkers: the k-th of many walks asked for at once is done after ceil(k / N) walks' time. */
static void further_walks_wait_for_a_walker(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 7; n++) {
		struct world w = world_new(n, 0, 0);

		for (uint32_t k = 0; k < 50; k++)
			assert_int_equal(access_at(&w, k * 4096ull, 1000),
					 (k / n + 1) * (BASE + 4 * READ));
		assert_int_equal(iommu_walkers(w.io)->walks, 50);
		assert_int_equal(walkers_busy(iommu_walkers(w.io), 1000), 0);
		assert_int_equal(walkers_busy(iommu_walkers(w.io), 451000), n * (BASE + 4 * READ));
		assert_int_equal(walkers_busy(iommu_walkers(w.io), SIM_S),
				 50ull * (BASE + 4 * READ));
		world_free(&w);
	}
}

static void a_walk_that_finds_no_page_takes_a_walker_too(void **state)
{
	struct world w = world_new(1, 0, 0);

	(void)state;
	/* the table of its 512 GiB is not there: one entry read */
	assert_int_equal(access_at(&w, 1ull << 40, 0), BASE + READ);
	assert_int_equal(access_at(&w, 0x3000, 0), BASE + READ + BASE + 4 * READ);
	world_free(&w);
}

/* Two links look ahead by different amounts: the later one that asks first is in nobody's way. */
static void a_walk_asked_for_early_leaves_room(void **state)
{
	struct world w = world_new(2, 0, 0);

	(void)state;
	assert_int_equal(access_at(&w, 0x1000, 500000), 450000);
	assert_int_equal(access_at(&w, 0x2000, 0), 450000);
	assert_int_equal(access_at(&w, 0x3000, 450000), 450000);
	world_free(&w);
}

/* ... and who comes takes the walker that was free last, so that an earlier one finds the other. */
static void a_walk_takes_the_walker_that_is_free_for_the_shortest_time(void **state)
{
	struct world w = world_new(2, 0, 0);

	(void)state;
	assert_int_equal(access_at(&w, 0x1000, 0), 450000);
	assert_int_equal(access_at(&w, 0x2000, 500000), 450000);
	assert_int_equal(access_at(&w, 0x3000, 100000), 450000);
	world_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_takes_its_reads_and_a_hit_nothing),
		cmocka_unit_test(without_walkers_nothing_takes_time),
		cmocka_unit_test(upper_levels_in_cache_shorten_the_walk),
		cmocka_unit_test(a_large_page_is_found_a_level_earlier),
		cmocka_unit_test(one_walk_serves_all_who_want_its_page),
		cmocka_unit_test(further_walks_wait_for_a_walker),
		cmocka_unit_test(a_walk_that_finds_no_page_takes_a_walker_too),
		cmocka_unit_test(a_walk_asked_for_early_leaves_room),
		cmocka_unit_test(a_walk_takes_the_walker_that_is_free_for_the_shortest_time),
	};

	return cmocka_run_group_tests_name("iommu_time", tests, NULL, NULL);
}
