/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_pcie.c - what a transaction costs: ns of this process's CPU time and events, by kind and
 * size, on a link kept busy and on one that is mostly idle; and a packet of a NIC, sent and
 * received. The best of five rounds. Prints a table; judges nothing.
 */
#include <stdio.h>

#include "bench_time.h"
#include "pcie_rig.h"

#define TOKENS_DONE 200000u

static void measure(const char *name, uint32_t size, unsigned tokens, struct pcie_step step,
		    const struct pcie_traffic *traffic)
{
	struct pcie_config c = {.link = {.generation = 3, .lanes = 8, .mps = 256, .mrrs = 512},
				.tags = 256,
				.read_base = 543400,
				.read_byte = 291,
				.write_latency = 300 * SIM_NS,
				.mmio_write = 250 * SIM_NS,
				.mmio_read = 550 * SIM_NS};
	double best = 1e18, events = 0;

	for (unsigned round = 0; round < 5; round++) {
		struct rig *rig = rig_new(&c, 1, tokens);
		double from, took;
		uint64_t executed;

		if (traffic)
			rig->next = rig_packets;
		rig->traffic = traffic;
		rig->bytes = size;
		rig->fixed[0] = step;
		rig->fixed_n = 1;
		rig_start(rig);
		rig_run(rig, TOKENS_DONE / 10);
		executed = rig->q.executed;
		from = bench_cpu_ns();
		rig_run(rig, rig->done + TOKENS_DONE);
		took = (bench_cpu_ns() - from) / TOKENS_DONE;
		events = (double)(rig->q.executed - executed) / TOKENS_DONE;
		best = took < best ? took : best;
		rig_free(rig);
	}
	printf("%-24s %6u B %6u away %8.1f ns %6.2f events\n", name, size, tokens, best, events);
}

int main(void)
{
	static const uint32_t size[] = {64, 512, 1500};
	static const unsigned away[] = {1, 128};

	for (unsigned i = 0; i < 3; i++)
		for (unsigned k = 0; k < 2; k++) {
			measure("write", size[i], away[k], (struct pcie_step){PCIE_WRITE, size[i]},
				NULL);
			measure("read", size[i], away[k], (struct pcie_step){PCIE_READ, size[i]},
				NULL);
		}
	measure("doorbell", 4, 1, (struct pcie_step){PCIE_MMIO_WRITE, 4}, NULL);
	for (const struct pcie_traffic *t = pcie_traffics; t->name; t++)
		for (unsigned i = 0; i < 3; i += 2)
			measure(t->name, size[i], 64, (struct pcie_step){0}, t);
	return 0;
}
