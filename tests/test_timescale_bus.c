/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_timescale_bus.c - the same with a bus, caches, nodes and shared cores: see timescale.h. */
#include "timescale.h"

/* 125 ps a byte of the bus; descriptors, doorbells, interrupts and walks take their time on it. */
#define BUS "[pcie]\nrate = 64Gbit/s\n"

/* Of host and guest, whose drivers see to what the models ask of them. */
static void a_nic_on_a_bus_scales(void **state)
{
	static const char *const model[] = {"simple", "82599-kernel", "82599-pmd"};
	static const char *const guest[] = {"policy = copy\n", "policy = single-copy\n",
					    "policy = zero-copy\ndelivery = process\n",
					    "attach = vf\n"};

	(void)state;
	for (unsigned i = 0; i < 48; i++)
		scales_text(i % 3 == 2 ? "datapath = poll\n" : "",
			    BUS "[iommu]\nmode = %s\n[nic eth0]\nmodel = %s\n%s[guest vm1]\n%s" BOTH
				"[traffic burst]\nto = vm1\nrate = max\npackets = 500\n"
				"start = 2ms\nsize = imix\n",
			    i / 12 & 1 ? "strict" : "static", model[i % 3],
			    i % 12 == 11 ? "irq = masked\n"
			    : i / 12 & 2
				    ? "irq_delay = 30us\nirq_count = 16\nwriteback_delay = 4us\n"
				    : "",
			    guest[i / 3 % 4]);
}

static void caches_and_nodes_scale(void **state)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		scales_text("cache = model\nllc = 4MiB\nnodes = 2\n",
			    BUS "[nic eth0]\nmodel = %s\n[guest vm1]\nnode = %u\n"
				"policy = %s\n" BOTH,
			    i & 1 ? "82599-kernel" : "constant", i / 3, policy[i % 3]);
}

static void shared_and_sleeping_cpus_scale(void **state)
{
	static const char *const host[] = {
		"guest_cores = 1\nquantum = 50us\n", "guest_cores = 1\nwakeup = queue\n",
		"guest_cores = host\nquantum = 20us\n",
		"wake_delay = 3us\nidle_exit = 10us\nidle_after = 20us\n"};

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		scales_text(host[i % 4],
			    "[nic eth0]\n[guest vm1..vm2]\nvcpus = 2\nwork = exponential:2us\n"
			    "policy = %s\n" BOTH "[traffic too]\nto = vm2\nsource = poisson\n"
			    "pps = 128000\npackets = 500\n",
			    i & 4 ? "zero-copy" : "copy");
}

/* A bus whose every figure is a key; walkers, lock, exits, caches and arrivals around it. */
static void dma_benches_scale(void **state)
{
	static const char *const io[] = {
		"mode = static\nwalk_base = 32ns\n", "mode = strict\nwalk_cache = 8\n",
		"mode = strict\ninv_lock = true\niova = aged\n",
		"mode = strict\ninv_lock = true\nnested = true\n",
		"mode = deferred\ninv_lock = true\nflush_queue = per-core\nflush_batch = 32\n"};
	static const char at_a_rate[] = "op = write-read\nsource = constant\nrate = 16MHz\n"
					"when_full = drop\noutstanding = 4\n";
	static const char *const op[] = {"op = write\nsize = 8KiB\ninvalidate = per-op\n",
					 "op = read\nsource = poisson\nrate = 16MHz\n", at_a_rate,
					 "op = packets\ntraffic = 82599-kernel\nsize = 508B\n",
					 "op = both\noutstanding = 8\n"};

	(void)state;
	for (unsigned i = 0; i < 25; i++)
		scales_text("cores = 3\ncache = model\nllc = 1MiB\nnodes = 2\n",
			    BUS "write_credits = 64\n[iommu]\niotlb_entries = 16\n%s"
				"[dma]\nwindow = 256KiB\ncount = 1000\n%s"
				"[dma a]\n[dma b]\nwith = a\nmemory_node = 1\n[dma c]\n",
			    io[i / 5], op[i ? i % 5 : 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dma_benches_scale),
		cmocka_unit_test(a_nic_on_a_bus_scales),
		cmocka_unit_test(caches_and_nodes_scale),
		cmocka_unit_test(shared_and_sleeping_cpus_scale),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
