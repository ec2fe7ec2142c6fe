/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_iommu.c - what a translation costs, by shape of the IOTLB: hits only, and misses only.
 *
 * Pages are asked for in a shuffled order; one page too many for a fully associative cache makes
 * each a miss, with a walk. ns of this process's CPU time a translation, the best of five rounds.
 * Prints a table; judges nothing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench_time.h"
#include "models/host/iommu.h"
#include "sim/rng.h"

#define LOOKUPS 2000000u

static double per_lookup(uint32_t entries, uint32_t ways, uint32_t pages, uint64_t *hits)
{
	struct iommu_config c = {.mode = IOMMU_STATIC, .entries = entries, .ways = ways};
	struct mem *m = mem_new((uint64_t)64 << 20, true, 1);
	struct iommu *io = iommu_new(m, &c);
	struct iommu_domain *d = iommu_domain_new(io);
	uint32_t *order = malloc(pages * sizeof(*order)), at = 0;
	double best = 1e18;
	struct iommu_hit hit;
	struct rng r;

	rng_init(&r, 1, "bench");
	iommu_attach(io, 1, d);
	for (uint32_t i = 0; i < pages; i++) {
		order[i] = i;
		iommu_map(io, d, (iova_t){i * 4096ull}, (hpa_t){4096}, 4096, IOMMU_READ);
	}
	rng_shuffle(&r, order, pages, sizeof(*order));
	for (unsigned round = 0; round <= 5; round++) {
		double from = bench_cpu_ns(), took;
		uint64_t before = iommu_stats(io)->hits;

		for (uint32_t i = 0; i < LOOKUPS; i++) {
			iommu_translate(io, 1, (iova_t){order[at] * 4096ull}, 64, IOMMU_READ, 0,
					&hit);
			at = at + 1 < pages ? at + 1 : 0;
		}
		took = (bench_cpu_ns() - from) / LOOKUPS;
		if (round && took < best)
			best = took;
		*hits = iommu_stats(io)->hits - before;
	}
	free(order);
	iommu_free(io);
	mem_free(m);
	return best;
}

int main(void)
{
	static const uint32_t shape[][2] = {{64, 4},    {64, 64},       {1024, 4},     {1024, 1024},
					    {16384, 4}, {16384, 16384}, {65536, 65536}};

	printf("%8s %8s %10s %10s\n", "entries", "ways", "hit", "miss");
	for (unsigned i = 0; i < sizeof(shape) / sizeof(*shape); i++) {
		uint32_t e = shape[i][0], w = shape[i][1];
		uint64_t hits, misses;
		double hit = per_lookup(e, w, e, &hits);
		double miss = per_lookup(e, w, w == e ? e + 1 : 2 * e, &misses);

		printf("%8u %8u %7.1f ns %7.1f ns\n", e, w, hit, miss);
		if (hits != LOOKUPS || misses)
			printf("  (not only hits, or not only misses)\n");
	}
	return 0;
}
