/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_bus.c - what a bus of transactions costs the simulator: simulated packets per second of CPU
 * time with a constant bus, and with PCI Express and page walks that take their time.
 *
 * The receive path of bench_path. Constants with [iommu] mode = static and strict, the model with
 * strict; the three are offered the same packets at the same rate, 95% of the highest that none
 * drops a packet at. CPU time of
 * machine_run() alone, median of five rounds in turn.
 *
 *   bench_bus [PACKETS]                 the table
 *   bench_bus MODEL POLICY BYTES PACKETS   one run, for a profiler
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_run.h"

enum { ROUNDS = 5, PROBE = 50000 };

struct run_case {
	const char *model, *policy;
	uint32_t bytes;
	bool poll, still; /* still: mode = static */
	double mpps[ROUNDS];
	struct bench_counts n;
};

static struct scenario *load(const struct run_case *c, uint64_t pps, uint64_t packets)
{
	bool constant = !strcmp(c->model, "constant");
	g_autofree char *text = g_strdup_printf(
		"[scenario]\nseed = 1\n[host]\ncores = 3\ndatapath = %s\n"
		"[iommu]\nmode = %s\nwalkers = %u\n[nic eth0]\nlink = 100Gbit/s\nmodel = %s\n"
		"[guest vm1]\npolicy = %s\ndelivery = process\n"
		"[traffic load]\nto = vm1\nsize = %" PRIu32 "B\nflows = 16\npps = %" PRIu64
		"\npackets = %" PRIu64 "\n",
		c->poll ? "poll" : "interrupt", c->still ? "static" : "strict", constant ? 0 : 6,
		c->model, c->policy, c->bytes, pps, packets);

	return bench_scenario(text);
}

/* Runs it; CPU seconds. */
static double run(struct run_case *c, uint64_t pps, uint64_t packets)
{
	g_autoptr(scenario_auto) sc = load(c, pps, packets);

	return bench_run(sc, &c->n);
}

/* The highest rate at which none of n drops a packet, to 10 kpps. */
static uint64_t sustained(struct run_case *c, unsigned n)
{
	uint64_t lo = 1, hi = 3000; /* of 10 kpps: passes, fails */

	while (hi - lo > 1) {
		uint64_t mid = (lo + hi) / 2;
		bool ok = true;

		for (unsigned i = 0; i < n && ok; i++) {
			run(&c[i], mid * 10000, PROBE);
			ok = !c[i].n.drops;
		}
		*(ok ? &lo : &hi) = mid;
	}
	return lo * 9500;
}

/* Constants, twice, and one model. */
static bool compare(const char *model, const char *policy, uint32_t bytes, uint64_t packets)
{
	bool poll = strstr(model, "pmd"), ok = true;
	struct run_case c[3] = {
		{.model = "constant",
		 .policy = policy,
		 .bytes = bytes,
		 .poll = poll,
		 .still = true},
		{.model = "constant", .policy = policy, .bytes = bytes, .poll = poll},
		{.model = model, .policy = policy, .bytes = bytes, .poll = poll}};
	uint64_t pps = sustained(c, 3);

	for (unsigned r = 0; r < ROUNDS; r++)
		for (unsigned i = 0; i < 3; i++) {
			double s = run(&c[i], pps, packets);

			c[i].mpps[r] = (double)c[i].n.packets / s / 1e6;
			ok &= !c[i].n.drops;
		}
	for (unsigned i = 0; i < 3; i++)
		qsort(c[i].mpps, ROUNDS, sizeof(c[i].mpps[0]), bench_ascending);
	for (unsigned i = 0; i < 3; i++) {
		double mpps = c[i].mpps[ROUNDS / 2], ratio = mpps / c[1].mpps[ROUNDS / 2];

		printf("%6" PRIu32 " %-12s %-13s %-7s %13.2f %12.2f %10.1f %11.2f %8.0f%%\n", bytes,
		       policy, c[i].model, c[i].still ? "static" : "strict", (double)pps / 1e6,
		       mpps, 1e3 / mpps, (double)c[i].n.events / (double)c[i].n.packets,
		       100 * ratio);
	}
	return ok;
}

int main(int argc, char **argv)
{
	uint64_t packets = argc > 1 ? strtoull(argv[argc - 1], NULL, 10) : 1000000;
	bool ok = true;

	if (packets < 1 || (argc > 2 && argc != 5)) {
		fprintf(stderr, "usage: bench_bus [PACKETS | MODEL POLICY BYTES PACKETS]\n");
		return 2;
	}
	if (argc == 5) {
		struct run_case c = {.model = argv[1],
				     .policy = argv[2],
				     .bytes = (uint32_t)atoi(argv[3]),
				     .poll = strstr(argv[1], "pmd")};
		uint64_t pps = sustained(&c, 1);
		double s = run(&c, pps, packets);

		printf("%.2f Mpps offered, %" PRIu64 " drops, %.2f M packets/s, %.2f events/pkt\n",
		       (double)pps / 1e6, c.n.drops, (double)c.n.packets / s / 1e6,
		       (double)c.n.events / (double)c.n.packets);
		return 0;
	}
	printf("%6s %-12s %-13s %-7s %13s %12s %10s %11s %9s\n", "bytes", "policy", "model",
	       "iommu", "offered Mpps", "M packets/s", "ns/packet", "events/pkt", "speed");
	ok &= compare("82599-kernel", "zero-copy", 60, packets);
	ok &= compare("82599-pmd", "zero-copy", 60, packets);
	ok &= compare("82599-kernel", "single-copy", 1500, packets);
	ok &= compare("82599-pmd", "single-copy", 1500, packets);
	return !ok;
}
