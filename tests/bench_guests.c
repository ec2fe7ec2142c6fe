/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_guests.c - what more guests cost the simulator at the same total rate.
 *
 * The same frames a second go to 1, 16 and 256 guests in turn, each with a queue of its own. Events
 * a second of CPU time should stay near those of one guest: what falls is the share of the caches
 * that a guest finds as it left them. Packets a second fall further, since bursts shrink and a
 * packet takes more events.
 *
 * CPU time of machine_run() alone; median of five rounds, the cases in turn.
 *
 *   bench_guests [PACKETS]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_run.h"

enum { ROUNDS = 5 };

struct guests_case {
	const char *keys; /* of the guests */
	unsigned guests;
	double meps[ROUNDS], mpps[ROUNDS];
};

static struct scenario *load(const struct guests_case *c, uint64_t packets)
{
	g_autofree char *text = g_strdup_printf(
		"[host]\ncores = 4\n[nic eth0]\nlink = 100Gbit/s\nqueues = 257\n"
		"[guest vm1..vm%u]\nmemory = 4MiB\ndelivery = process\n%s\n"
		"[traffic load]\nto = vm1..vm%u\nsize = 300B\npps = 1e6\npackets = %" PRIu64 "\n",
		c->guests, c->keys, c->guests, packets);

	return bench_scenario(text);
}

static void run(struct guests_case *c, unsigned round, uint64_t packets)
{
	g_autoptr(scenario_auto) sc = load(c, packets);
	struct bench_counts n;
	double s = bench_run(sc, &n);

	if (n.packets != packets)
		g_error("%" PRIu64 " of %" PRIu64 " frames were delivered", n.packets, packets);
	c->meps[round] = (double)n.events / s / 1e6;
	c->mpps[round] = (double)n.packets / s / 1e6;
}

static void table(const char *what, const char *keys, uint64_t packets)
{
	struct guests_case c[] = {{keys, 1, {0}, {0}}, {keys, 16, {0}, {0}}, {keys, 256, {0}, {0}}};
	double first = 0;

	for (unsigned r = 0; r < ROUNDS; r++)
		for (unsigned i = 0; i < G_N_ELEMENTS(c); i++)
			run(&c[i], r, packets);
	for (unsigned i = 0; i < G_N_ELEMENTS(c); i++) {
		double meps = bench_median(c[i].meps, ROUNDS);

		if (!i)
			first = meps;
		printf("%-10s %7u %12.2f %10.0f%% %14.2f\n", what, c[i].guests, meps,
		       100 * meps / first, bench_median(c[i].mpps, ROUNDS));
	}
}

int main(int argc, char **argv)
{
	uint64_t packets = argc > 1 ? strtoull(argv[1], NULL, 10) : 500000;

	printf("%-10s %7s %12s %11s %14s   (aim: 60%% at 256)\n", "guests are", "guests",
	       "M events/s", "of one", "M packets/s");
	table("zero-copy", "policy = zero-copy", packets);
	table("vf", "attach = vf", packets);
	return 0;
}
