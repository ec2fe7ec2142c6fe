/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_dmabench.c - DMA benches against closed forms, for other parameters than the studies have.
 * References are in doubles, written without a look at the model.
 */
#include "machine_helper.h"

#include <math.h>

#include "models/nic/dmabench.h"
#include "pcie_rig.h"

static void is_near(const struct run *run, const char *metric, double want, double within)
{
	double got = run_number(run, metric);

	if (fabs(got - want) > within * fabs(want)) {
		run_show(run);
		fail_msg("%s is %g, wanted %g", metric, got, want);
	}
}

/* Random links and sizes: what a closed loop gets is what the slower direction has room for. */
static void saturated_links_carry_what_their_headers_leave(void **state)
{
	static const char *const op[] = {"read", "write", "both"};
	static const unsigned lanes[] = {1, 2, 4, 8, 16};
	struct rng rng;

	(void)state;
	rng_init(&rng, 7, "test");
	for (unsigned i = 0; i < 40; i++) {
		struct pcie_link_config c = {.generation = 1 + (unsigned)rng_below(&rng, 5),
					     .lanes = lanes[rng_below(&rng, 5)],
					     .mps = 128u << rng_below(&rng, 3),
					     .mrrs = 128u << rng_below(&rng, 4)};
		uint32_t size = (uint32_t)rng_range(&rng, 16, 2000), k = i % 3;
		struct rig_bytes r = rig_closed(&c, PCIE_READ, size);
		struct rig_bytes w = rig_closed(&c, PCIE_WRITE, size);
		double up = (k != 1 ? r.up : 0) + (k ? w.up : 0), down = k != 1 ? r.down : 0;
		struct run run = run_text("[scenario]\nwarmup = 100us\n[iommu]\nmode = off\n"
					  "[pcie]\ngeneration = %u\nlanes = %u\nmps = %uB\n"
					  "mrrs = %uB\ntags = 1024\nread_byte = 0ps\n"
					  "[dma d]\nop = %s\nsize = %uB\noutstanding = 1000\n"
					  "count = 30000\n",
					  c.generation, c.lanes, c.mps, c.mrrs, op[k], size);
		g_autofree char *metric = g_strdup_printf("d.%s.throughput_bps", op[k]);

		run_ok(&run);
		is_near(&run, metric, rig_usable(&c) * size / (up > down ? up : down), 0.002);
		run_free(&run);
	}
}

/* Che's approximation of what a cache of e entries hits under Zipf's law with exponent a. */
static double che(unsigned n, unsigned e, double a)
{
	g_autofree double *p = g_new(double, n);
	double sum = 0, lo = 0, hi = 1e9, hits = 0;

	for (unsigned k = 0; k < n; k++)
		sum += p[k] = pow(k + 1, -a);
	for (unsigned i = 0; i < 200; i++) {
		double t = (lo + hi) / 2, in = 0;

		for (unsigned k = 0; k < n; k++)
			in += 1 - exp(-p[k] / sum * t);
		*(in < e ? &lo : &hi) = t;
	}
	for (unsigned k = 0; k < n; k++)
		hits += p[k] / sum * (1 - exp(-p[k] / sum * lo));
	return hits;
}

static void zipf_hits_what_che_says(void **state)
{
	static const struct {
		unsigned pages, entries;
		const char *a;
	} t[] = {{300, 32, "0.6"}, {2048, 128, "0.9"}, {5000, 200, "1.1"}, {700, 64, "2"}};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
		struct run run = run_text("[scenario]\nwarmup = 20ms\nseed = %u\n"
					  "[iommu]\niotlb_entries = %u\niotlb_ways = %u\n"
					  "[dma d]\npattern = zipf:%s\nwindow = %uKiB\n"
					  "outstanding = 1\ncount = 300000\n",
					  i, t[i].entries, t[i].entries, t[i].a, t[i].pages * 4);
		double want = che(t[i].pages, t[i].entries, atof(t[i].a));

		run_ok(&run);
		if (fabs(run_number(&run, "d.iotlb_hit_ratio") - want) > 0.01)
			fail_msg("zipf:%s over %u: %g hits, wanted %g", t[i].a, t[i].pages,
				 run_number(&run, "d.iotlb_hit_ratio"), want);
		run_free(&run);
	}
}

static void zipf_weights_are_powers(void **state)
{
	uint64_t sum[1000];

	(void)state;
	for (unsigned milli = 100; milli < 4000; milli += 333) {
		double all = 0;

		dmabench_zipf_sums(sum, 1000, milli);
		for (unsigned k = 0; k < 1000; k++) {
			all += pow(k + 1, -(double)milli / 1000);
			assert_true(fabs((double)sum[k] / (double)(1ull << 44) / all - 1) < 1e-9);
		}
	}
}

static void a_cyclic_sweep_hits_all_or_nothing(void **state)
{
	(void)state;
	for (unsigned pages = 20; pages <= 24; pages++) {
		struct run run = run_text("[iommu]\niotlb_entries = 22\niotlb_ways = 22\n"
					  "[dma d]\npattern = cyclic\nwindow = %uKiB\n"
					  "outstanding = 1\ncount = 2200\n",
					  pages * 4);

		run_ok(&run);
		run_is(&run, "d.iotlb_misses", pages <= 22 ? pages : 2200);
		run_free(&run);
	}
}

/* N walkers, each walk 4 x R: no more than N / 4R a second, however many are wanted. */
static void walkers_bound_the_rate(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 8; n *= 2) {
		struct run run = run_text("[scenario]\nwarmup = 50us\n[iommu]\nwalkers = %u\n"
					  "walk_read = 50ns\niotlb_entries = 4\n"
					  "[dma d]\npattern = cyclic\nwindow = 1MiB\n"
					  "outstanding = 64\ncount = 20000\n",
					  n);

		run_ok(&run);
		is_near(&run, "d.read.transactions_per_second", n / 200e-9, 0.001);
		is_near(&run, "iommu.walker_utilization", 1, 0.01);
		run_free(&run);
	}
}

/* One walker, walks in a row: 4 KiB take a base and so many reads. Fresh or aged, few flows or
 * many. */
static void pages_take_a_base_and_their_reads(void **state)
{
	static const unsigned flows[] = {2, 7, 20};

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		unsigned n = flows[i % 3], kib = i & 1 ? 16 : 4;
		struct run run = run_text(
			"[scenario]\nwarmup = 500us\n[host]\ncores = %u\n[cost]\niotlb_inv = 300\n"
			"dma_map = 30\ndma_unmap = 30\n[iommu]\nmode = strict\niova = %s\n"
			"walk_cache = 8\nwalkers = 1\nwalk_base = 90ns\nwalk_read = 240ns\n"
			"[pcie]\nlanes = 16\n[dma]\nop = write\nsize = %uKiB\nwindow = 1MiB\n"
			"outstanding = 16\ncount = 2000\ninvalidate = per-op\n"
			"[dma f1]\n[dma f2..f%u]\nwith = f1\n",
			n, i < 6 ? "fresh" : "aged", kib, n);
		double reads = 0, pages = 0;

		run_ok(&run);
		for (unsigned f = 1; f <= n; f++) {
			g_autofree char *of = g_strdup_printf("f%u.", f);
			reads += (double)run_part(&run, of, "walk_reads");
			pages += (double)run_part(&run, of, "write.done") * kib / 4;
		}
		assert_true(reads / pages > 1 && reads / pages < 5);
		is_near(&run, "dmas.write.throughput_bps", 32768 / (90e-9 + reads / pages * 240e-9),
			0.02);
		run_free(&run);
	}
}

static double erlang_b(unsigned n, double a)
{
	double b = 1;

	for (unsigned k = 1; k <= n; k++)
		b = a * b / (k + a * b);
	return b;
}

static void arrivals_that_find_no_token_are_lost_as_erlang_says(void **state)
{
	static const struct {
		unsigned n, mhz;
	} t[] = {{1, 2}, {3, 7}, {10, 20}};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
		struct run run = run_text("[iommu]\nmode = off\n"
					  "[pcie]\ngeneration = 5\nlanes = 16\nread_base = 400ns\n"
					  "read_byte = 0ps\n"
					  "[dma d]\nsource = poisson\nrate = %uMHz\n"
					  "when_full = drop\noutstanding = %u\ncount = 1000000\n",
					  t[i].mhz, t[i].n);
		double offered, lost, want = erlang_b(t[i].n, t[i].mhz * 0.4);

		run_ok(&run);
		offered = run_number(&run, "d.read.transactions");
		lost = run_number(&run, "d.read.drops") / offered;
		assert_true(run_number(&run, "d.read.done") + run_number(&run, "d.read.drops") ==
			    offered);
		if (fabs(lost - want) > 0.01 * want)
			fail_msg("%u tokens: %g lost, wanted %g", t[i].n, lost, want);
		run_free(&run);
	}
}

/* One token, arrivals that wait: M/D/1, and D/D/1 has no wait. */
static void arrivals_that_wait_wait_as_they_should(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct run run = run_text("[iommu]\nmode = off\n"
					  "[pcie]\ngeneration = 5\nlanes = 16\nread_base = 400ns\n"
					  "read_byte = 0ps\n"
					  "[dma d]\nsource = %s\nrate = 1750000Hz\n"
					  "outstanding = 1\ncount = 1000000\n",
					  k ? "poisson" : "constant");
		double rho = 0.7, wait = k ? 400 * rho / (2 * (1 - rho)) : 0;

		run_ok(&run);
		is_near(&run, "d.read.latency_ns.mean", 400 + wait, k ? 0.01 : 1e-4);
		run_is(&run, "d.read.done", 1000000);
		run_free(&run);
	}
}

static void strict_mapping_leaves_no_hit_and_all_balances(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct run run = run_text("[iommu]\nmode = strict\niotlb_entries = 512\n"
					  "[dma d]\nop = %s\nsize = 8KiB\nwindow = 64KiB\n"
					  "outstanding = 5\ncount = 1000\ninvalidate = per-op\n",
					  k ? "read" : "write");

		run_ok(&run);
		run_is(&run, "d.iotlb_misses", 2000);
		run_is(&run, "d.iommu_faults", 0);
		run_is(&run, "iommu.invalidations", 2000);
		/* one wait an operation, 2130 cycles of 2.5 GHz */
		is_near(&run, "host.core0.busy_ns.iotlb_inv", 1000 * 852, 0.01);
		run_free(&run);
	}
}

/* Two benches of one device share its link, and each gets half of it. */
static void a_bench_with_another_shares_its_link(void **state)
{
	struct run alone = run_text("[iommu]\nmode = off\n[dma a]\nsize = 512B\ncount = 20000\n");
	struct run both = run_text("[iommu]\nmode = off\n[dma a]\nsize = 512B\ncount = 20000\n"
				   "[dma b]\nsize = 512B\ncount = 20000\nwith = a\n");

	(void)state;
	run_ok(&alone);
	run_ok(&both);
	is_near(&both, "a.read.throughput_bps", run_number(&alone, "a.read.throughput_bps") / 2,
		0.01);
	is_near(&both, "dmas.read.throughput_bps", run_number(&alone, "a.read.throughput_bps"),
		0.02);
	run_free(&alone);
	run_free(&both);
}

/* What a write waits for delays the read behind it, and no read before it. */
static void a_read_waits_for_the_write_before_it(void **state)
{
	static const char form[] = "[iommu]\nwalk_read = %ups\niotlb_entries = 4\n"
				   "[dma d]\nop = write-read\npattern = cyclic\nwindow = 1MiB\n"
				   "outstanding = 1\ncount = 1000\n";
	struct run fast = run_text(form, 0), slow = run_text(form, 1000000);
	double more;

	(void)state;
	run_ok(&fast);
	run_ok(&slow);
	more = run_number(&slow, "d.write_read.latency_ns.mean") -
	       run_number(&fast, "d.write_read.latency_ns.mean");
	assert_true(more > 3970 && more <= 4000);
	run_free(&fast);
	run_free(&slow);
}

/* The same of a write that pushes a dirty line out of the DDIO ways: 2.5 of 25 MiB. */
static void a_read_waits_for_the_write_back_before_it(void **state)
{
	static const char form[] = "[scenario]\nwarmup = 60ms\n[host]\ncache = model\n"
				   "llc_miss = %uns\n[iommu]\nmode = off\n"
				   "[dma d]\nop = write-read\nwindow = 50MiB\n"
				   "outstanding = 1\ncount = 300000\n";
	struct run fast = run_text(form, 0), slow = run_text(form, 200);
	double more;

	(void)state;
	run_ok(&fast);
	run_ok(&slow);
	more = run_number(&slow, "d.write_read.latency_ns.mean") -
	       run_number(&fast, "d.write_read.latency_ns.mean");
	if (fabs(more - 200 * (1 - 2.5 / 50)) > 10)
		fail_msg("%g ns more, wanted %g", more, 200 * (1 - 2.5 / 50));
	run_free(&fast);
	run_free(&slow);
}

static void what_contradicts_itself_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} t[] = {
		{"[dma d]\nrate = 1MHz\n", "closed"},
		{"[dma d]\nsource = poisson\n", "set rate"},
		{"[dma d]\nsize = 4KiB\nwindow = 2KiB\n", "smaller"},
		{"[dma d]\ninvalidate = per-op\n", "strict or deferred"},
		{"[iommu]\nmode = strict\n[dma d]\ninvalidate = per-op\nop = packets\n",
		 "read or write"},
		{"[dma d]\nwarm = host\n", "cache = model"},
		{"[dma d]\nnode = 1\n", "nodes"},
		{"[dma d]\nwith = d\n", "no `with`"},
		{"[dma d]\npattern = zipf:12\n", "pattern"},
		{"[dma d]\n[nic eth0]\n", "no [guest]"},
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
		struct run run = run_string(t[i].text);

		run_refused(&run, SIM_EXIT_USAGE, t[i].says);
		run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(saturated_links_carry_what_their_headers_leave),
		cmocka_unit_test(zipf_hits_what_che_says),
		cmocka_unit_test(zipf_weights_are_powers),
		cmocka_unit_test(a_cyclic_sweep_hits_all_or_nothing),
		cmocka_unit_test(walkers_bound_the_rate),
		cmocka_unit_test(pages_take_a_base_and_their_reads),
		cmocka_unit_test(arrivals_that_find_no_token_are_lost_as_erlang_says),
		cmocka_unit_test(arrivals_that_wait_wait_as_they_should),
		cmocka_unit_test(strict_mapping_leaves_no_hit_and_all_balances),
		cmocka_unit_test(a_bench_with_another_shares_its_link),
		cmocka_unit_test(a_read_waits_for_the_write_before_it),
		cmocka_unit_test(a_read_waits_for_the_write_back_before_it),
		cmocka_unit_test(what_contradicts_itself_is_refused),
	};

	return cmocka_run_group_tests_name("dmabench", tests, NULL, NULL);
}
