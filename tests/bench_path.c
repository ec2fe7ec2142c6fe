/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_path.c - simulated packets per second of CPU time, along the whole receive path.
 *
 * Wire, NIC, hypervisor, virtqueue, guest, process: `process` delivery, ledger and digest on. The
 * traffic is a capture of 64 UDP frames in 16 flows, looped, so that caches hold it, and offered at
 * 95% of the highest rate (found by bisection) at which the modelled host drops nothing: bursts
 * form there as they do in a busy host, and no packet is cheap because it was lost.
 *
 * CPU time of this process for machine_run() alone, without set-up; median of five rounds, the
 * policies in turn so that a slow spell of the machine hits all. Then the peak memory of two runs
 * that differ in length only. Prints tables; judges nothing but that no frame was dropped.
 *
 *   bench_path [PACKETS]              both tables
 *   bench_path POLICY BYTES PACKETS   one run, for a profiler
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_run.h"
#include "pcap_make.h"

enum { ROUNDS = 5, FRAMES = 64, FLOWS = 16, PROBE = 200000 };

struct run_case {
	const char *policy;
	uint32_t bytes;
	double aim; /* M packets a CPU second; 0: none */
	uint64_t pps;
	double mpps[ROUNDS];
	struct bench_counts n;
};

static char *folder;

static void save_capture(uint32_t bytes)
{
	g_autofree char *path = g_strdup_printf("%s/%" PRIu32 ".pcap", folder, bytes);
	struct pcap_make m = pcap_make_new(PCAP_NANO_LE, 1);
	uint8_t frame[1514];

	for (uint32_t i = 0; i < FRAMES; i++) {
		pcap_make_udp(frame, bytes, 9, 1, (uint16_t)(i % FLOWS), (uint8_t)i);
		pcap_make_frame(&m, SIM_S + i * 100, frame, bytes);
	}
	pcap_make_save(&m, path);
}

static struct scenario *load(const struct run_case *c, uint64_t pps, uint64_t packets)
{
	g_autofree char *path = g_strdup_printf("%s/bench.ini", folder);
	g_autofree char *text = g_strdup_printf(
		"[scenario]\nseed = 1\n[host]\ncores = 3\n[nic eth0]\nlink = 100Gbit/s\n"
		"[guest vm1]\npolicy = %s\ndelivery = process\n"
		"[traffic load]\ntrace = %" PRIu32 ".pcap\nto = vm1\ntiming = pps:%" PRIu64
		"\nloop = %" PRIu64 "\n",
		c->policy, c->bytes, pps, packets / FRAMES);
	GError *error = NULL;
	struct scenario *sc;

	if (!g_file_set_contents(path, text, -1, &error))
		g_error("%s", error->message);
	sc = scenario_load(path, option_groups, NULL, &error);
	if (!sc)
		g_error("%s", error->message);
	return sc;
}

/* Runs it; CPU seconds. */
static double run(struct run_case *c, uint64_t pps, uint64_t packets)
{
	g_autoptr(scenario_auto) sc = load(c, pps, packets);

	return bench_run(sc, &c->n);
}

/* 95% of the highest rate without drops, to 10 kpps. */
static uint64_t sustained(struct run_case *c)
{
	uint64_t lo = 1, hi = 5000; /* of 10 kpps: passes, fails */

	while (hi - lo > 1) {
		uint64_t mid = (lo + hi) / 2;

		run(c, mid * 10000, PROBE);
		if (c->n.drops)
			hi = mid;
		else
			lo = mid;
	}
	return lo * 9500;
}

static bool speed(uint64_t packets)
{
	struct run_case c[] = {{.policy = "null", .bytes = 60},
			       {.policy = "copy", .bytes = 60},
			       {.policy = "single-copy", .bytes = 60},
			       {.policy = "zero-copy", .bytes = 60, .aim = 3},
			       {.policy = "null", .bytes = 1500},
			       {.policy = "copy", .bytes = 1500, .aim = 2},
			       {.policy = "single-copy", .bytes = 1500},
			       {.policy = "zero-copy", .bytes = 1500}};
	bool ok = true;

	for (unsigned i = 0; i < G_N_ELEMENTS(c); i++)
		c[i].pps = sustained(&c[i]);
	for (unsigned r = 0; r < ROUNDS; r++)
		for (unsigned i = 0; i < G_N_ELEMENTS(c); i++) {
			double s = run(&c[i], c[i].pps, packets);

			c[i].mpps[r] = (double)c[i].n.packets / s / 1e6;
			ok &= !c[i].n.drops;
		}
	printf("%6s %-12s %13s %8s %14s %14s %6s %12s\n", "bytes", "policy", "offered Mpps",
	       "drops", "M packets/s", "ns a packet", "aim", "events/pkt");
	for (unsigned i = 0; i < G_N_ELEMENTS(c); i++) {
		char aim[16] = "-";

		qsort(c[i].mpps, ROUNDS, sizeof(c[i].mpps[0]), bench_ascending);
		if (c[i].aim > 0)
			snprintf(aim, sizeof(aim), "%.0f", c[i].aim);
		printf("%6" PRIu32 " %-12s %13.2f %8" PRIu64 " %14.2f %14.1f %6s %12.2f\n",
		       c[i].bytes, c[i].policy, (double)c[i].pps / 1e6, c[i].n.drops,
		       c[i].mpps[ROUNDS / 2], 1e3 / c[i].mpps[ROUNDS / 2], aim,
		       (double)c[i].n.events / (double)c[i].n.packets);
	}
	return ok;
}

/* Peak memory, KiB, of a child that simulates so many packets. */
static long peak(struct run_case *c, uint64_t packets)
{
	struct rusage u;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		g_error("cannot fork");
	if (!pid) {
		run(c, c->pps, packets);
		_exit(0);
	}
	if (wait4(pid, &status, 0, &u) != pid || status)
		g_error("the run of %" PRIu64 " packets failed", packets);
	return u.ru_maxrss;
}

static void memory(uint64_t packets)
{
	struct run_case c = {.policy = "zero-copy", .bytes = 60, .pps = 1000000};

	printf("%12s %14s   (zero-copy, 60 B, 1 Mpps)\n", "packets", "peak MiB");
	for (uint64_t n = packets / 10; n <= packets; n *= 10)
		printf("%12" PRIu64 " %14.1f\n", n, (double)peak(&c, n) / 1024);
	printf("\n");
}

static void remove_folder(void)
{
	static const char *const names[] = {"60.pcap", "1500.pcap", "bench.ini"};

	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(folder, names[i], NULL);

		unlink(path);
	}
	rmdir(folder);
	g_free(folder);
}

int main(int argc, char **argv)
{
	uint64_t packets = argc > 1 ? strtoull(argv[argc - 1], NULL, 10) : 2000000;
	bool ok = true;

	if (packets < FRAMES || (argc != 1 && argc != 2 && argc != 4)) {
		fprintf(stderr, "usage: bench_path [PACKETS | POLICY BYTES PACKETS]\n");
		return 2;
	}
	folder = g_dir_make_tmp("vnicsim-XXXXXX", NULL);
	save_capture(60);
	save_capture(1500);
	if (argc == 4) {
		struct run_case c = {.policy = argv[1], .bytes = (uint32_t)atoi(argv[2])};
		double s;

		c.pps = sustained(&c);
		s = run(&c, c.pps, packets);
		printf("%.2f Mpps offered, %" PRIu64 " drops, %.2f M packets/s\n",
		       (double)c.pps / 1e6, c.n.drops, (double)c.n.packets / s / 1e6);
	} else {
		memory(5 * packets); /* first: a child begins with its parent's peak */
		ok = speed(packets);
	}
	remove_folder();
	return !ok;
}
