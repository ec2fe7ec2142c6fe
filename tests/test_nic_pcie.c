/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_nic_pcie.c - the NIC on a PCI Express bus: nothing is seen before its time, nothing is lost,
 * nothing waits for ever, whatever the model, the policy and the function.
 */
#include "machine_helper.h"
#include "models/nic/nic_bus_impl.h"

#define MODELS 4
static const char *const models[MODELS] = {
	"model = simple\n", "model = 82599-kernel\n", "model = 82599-pmd\n",
	"model = 82599-kernel\nrx_fetch = 16\nrx_writeback = 8\ntx_writeback = 32\n"
	"writeback_delay = 3us\nirq = masked\n"};
static const char *const paths[] = {"policy = copy\n",
				    "policy = single-copy\ndelivery = process\n",
				    "policy = zero-copy\ndelivery = process\n",
				    "policy = zero-copy\n",
				    "attach = vf\ndelivery = process\ndma_map = per-buffer\n",
				    "attach = vf\ndma_map = pooled\n",
				    "split = true\ndelivery = process\npolicy = zero-copy\n"};

static bool polls(unsigned model)
{
	return strstr(models[model], "pmd");
}

static const char *nic_model(unsigned model, bool vf)
{
	return vf && polls(model) ? "model = 82599-pmd\nirq = masked\n" : models[model];
}

static const char *host(unsigned model)
{
	return polls(model) ? "[host]\ncores = 2\ndatapath = poll\n" : "[host]\ncores = 2\n";
}

/* Sizes of one segment and of several, and fewer packets than any batch. */
static struct run both_ways(unsigned model, const char *path, const char *iommu, unsigned packets)
{
	return run_text("[scenario]\nseed = 3\nchecked = true\n%s[iommu]\nmode = %s\n"
			"[nic eth0]\nlink = 40Gbit/s\n%s[guest vm1]\n%s"
			"[traffic in]\nto = vm1\nsize = uniform:60B..1514B\nrate = 1Gbit/s\n"
			"packets = %u\nflows = 4\n"
			"[traffic out]\nfrom = vm1\nsize = uniform:60B..1514B\nrate = 700Mbit/s\n"
			"packets = %u\n",
			host(model), iommu, nic_model(model, strstr(path, "vf")), path, packets,
			packets);
}

static void every_model_delivers_every_byte_by_every_path(void **state)
{
	static const char *const modes[] = {"off", "static", "strict", "deferred"};

	(void)state;
	for (unsigned p = 0; p < G_N_ELEMENTS(paths); p++) {
		g_autofree char *digest = NULL;

		for (unsigned m = 0; m < MODELS; m++)
			for (unsigned i = strstr(paths[p], "vf") ? 1 : 0; i < 4; i++) {
				struct run run = both_ways(m, paths[p], modes[i], 700);

				run_ok(&run);
				run_is(&run, "vm1.rx.delivered", 700);
				run_is(&run, "vm1.tx.delivered", 700);
				run_conserves(&run, (const char *const[]){"vm1", "guests", NULL});
				run_is(&run, "run.violations", 0);
				run_is(&run, "iommu.iommu_faults", 0);
				if (digest)
					assert_string_equal(run_str(&run, "vm1.rx.digest"), digest);
				else
					digest = g_strdup(run_str(&run, "vm1.rx.digest"));
				run_free(&run);
			}
	}
}

static void fewer_packets_than_a_batch_come_through(void **state)
{
	(void)state;
	for (unsigned n = 1; n < 12; n++)
		for (unsigned m = 0; m < MODELS; m++)
			for (unsigned p = 0; p < G_N_ELEMENTS(paths); p++) {
				struct run run = both_ways(m, paths[p], "strict", n);

				run_ok(&run);
				run_is(&run, "vm1.rx.delivered", n);
				run_is(&run, "vm1.tx.delivered", n);
				run_free(&run);
			}
}

/* A constant bus and one of packets tell of the same frames, translations, copies. */
static void counts_do_not_depend_on_the_bus(void **state)
{
	static const char *const same[] = {
		"vm1.rx.dma_segments", "vm1.rx.dma_bytes", "vm1.tx.dma_segments", "vm1.rx.copies",
		"vm1.tx.copies",       "vm1.rx.digest",    "vm1.tx.dma_transfers"};

	(void)state;
	for (unsigned p = 0; p < G_N_ELEMENTS(paths); p++) {
		const char *form =
			"[scenario]\nseed = 3\n[host]\ncores = 2\n[iommu]\n"
			"mode = strict\n[nic eth0]\nmodel = %s\nlink = 40Gbit/s\n"
			"[guest vm1]\n%s"
			"[traffic in]\nto = vm1\nsize = 1000B\npps = 1e5\npackets = 500\n"
			"[traffic out]\nfrom = vm1\nsize = 900B\npps = 1e5\n"
			"packets = 500\n";
		struct run a = run_text(form, "constant", paths[p]);
		struct run b = run_text(form, "82599-kernel", paths[p]);
		uint64_t in_a, in_b;

		run_ok(&a);
		run_ok(&b);
		for (unsigned i = 0; i < G_N_ELEMENTS(same); i++) {
			if (strstr(same[i], "digest"))
				assert_string_equal(run_str(&a, same[i]), run_str(&b, same[i]));
			else
				run_is(&b, same[i], run_int(&a, same[i]));
		}
		in_a = run_int(&a, "iommu.iotlb_hits") + run_int(&a, "iommu.iotlb_misses");
		in_b = run_int(&b, "iommu.iotlb_hits") + run_int(&b, "iommu.iotlb_misses");
		/* On the bus, all that is no frame's data is a ring's. */
		in_a += run_int(&b, "eth0.pcie.reads") + run_int(&b, "eth0.pcie.writes");
		assert_int_equal(in_a, in_b + 500 + 500);
		run_free(&a);
		run_free(&b);
	}
}

/* ---- rings behind the IOMMU ---- */

static double mean(const struct run *run, const char *metric)
{
	const struct result_value *v = run_value(run, metric);

	return (double)v->num / (double)v->den;
}

/* The receive ring was read long ago; sending reads a descriptor, then data, and both walk. */
static void a_walk_for_a_descriptor_is_waited_for(void **state)
{
	static const unsigned walk[] = {100, 300, 930};
	double in[3], out[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct run run = run_text(
			"[iommu]\nmode = strict\nwalkers = 2\nwalk_base = %uns\nwalk_read = 0\n"
			"[nic eth0]\nmodel = simple\nlink = 10Gbit/s\n"
			"[guest vm1]\nattach = vf\ndma_map = per-buffer\n"
			"[traffic in]\nto = vm1\nsize = 500B\nstart = 1ms\npps = 1\npackets = 1\n"
			"[traffic out]\nfrom = vm1\nsize = 500B\nstart = 2ms\npps = 1\n"
			"packets = 1\n",
			walk[i]);

		run_ok(&run);
		in[i] = mean(&run, "vm1.rx.latency_ns.mean");
		out[i] = mean(&run, "vm1.tx.latency_ns.mean");
		assert_float_equal(in[i], in[0] + walk[i] - walk[0], 0.001);
		assert_float_equal(out[i], out[0] + 2 * (walk[i] - walk[0]), 0.001);
		run_free(&run);
	}
}

/*
 * A frame each 100 us and way: ten before, ten while, ten after DMA is not permitted. Those that
 * the guest has posted to be sent wait.
 */
static void a_function_goes_on_where_it_was_stopped(void **state)
{
	static const char *const map[] = {"static", "per-buffer", "pooled", "bounce"};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(map); i++)
		for (unsigned m = 0; m < MODELS; m++) {
			struct run run = run_text(
				"[iommu]\nmode = strict\n[nic eth0]\n%s[guest vm1]\nattach = vf\n"
				"delivery = process\ndma_map = %s\ndma_revoke_at = 1ms\n"
				"dma_permit_at = 2ms\n"
				"[traffic in]\nto = vm1\nsize = 1000B\npps = 10000\npackets = 30\n"
				"start = 10us\n"
				"[traffic out]\nfrom = vm1\nsize = 1000B\npps = 10000\n"
				"packets = 30\nstart = 50us\n",
				nic_model(m, true), map[i]);

			run_ok(&run);
			run_conserves(&run, (const char *const[]){"vm1", NULL});
			run_is(&run, "run.violations", 0);
			run_is(&run, "vm1.rx.drops.dma_fault", 10);
			run_is(&run, "vm1.rx.delivered", 20);
			run_is(&run, "vm1.tx.drops.dma_fault", 0);
			run_is(&run, "vm1.tx.delivered",
			       30 - run_int(&run, "vm1.tx.drops.dma_map_failed"));
			run_free(&run);
		}
}

/* Never permitted again: what it has posted stays where it is, and the run ends. */
static void a_function_that_is_stopped_for_good_hangs_nobody(void **state)
{
	static const char *const kinds[] = {"veb", "vepa", "mediated"};

	(void)state;
	for (unsigned k = 0; k < 3; k++)
		for (unsigned at = 0; at < 20; at++) {
			struct run run = run_text(
				"[scenario]\ndrain = 1ms\nchecked = true\n[iommu]\nmode = strict\n"
				"[nic eth0]\n%sswitch = %s\n[guest vm2]\nattach = vf\n"
				"[guest vm1]\nattach = vf\ndma_revoke_at = %uns\n"
				"[traffic a]\nfrom = vm1\nto = vm2\nsize = 700B\n"
				"rate = 2Gbit/s\npackets = 200\n"
				"[traffic b]\nfrom = vm2\nto = vm1\nsize = 700B\n"
				"rate = 2Gbit/s\npackets = 200\n"
				"[traffic c]\nto = vm2\nsize = 300B\nrate = 1Gbit/s\n"
				"packets = 300\n"
				"[traffic d]\nto = vm1\nsize = 300B\nrate = 1Gbit/s\n"
				"packets = 300\n",
				nic_model(at % MODELS, true), kinds[k], 100000 + at * 137);

			run_ok(&run);
			run_conserves(&run, (const char *const[]){"vm1", "vm2", NULL});
			run_is(&run, "run.violations", 0);
			run_is(&run, "vm2.rx.delivered", 300);
			assert_true(run_int(&run, "vm1.rx.drops.dma_fault") > 0);
			run_free(&run);
		}
}

/* ---- functions and the switch between them ---- */

static struct run switched(unsigned model, const char *kind, const char *more)
{
	return run_text("[scenario]\nseed = 5\n[host]\ncores = 2\n[iommu]\nmode = strict\n"
			"[nic eth0]\nlink = 10Gbit/s\n%s\nswitch = %s\n%s"
			"[guest vm1..vm3]\nattach = vf\ndelivery = process\nmemory = 32MiB\n"
			"[traffic a]\nfrom = vm1\nto = vm2\nsize = uniform:60B..1514B\n"
			"rate = 2Gbit/s\npackets = 400\n"
			"[traffic b]\nfrom = vm2\nto = vm3\nsize = 300B\nrate = 1Gbit/s\n"
			"packets = 400\n"
			"[traffic c]\nfrom = vm3\nto = all\nsize = 200B\nrate = 100Mbit/s\n"
			"packets = 20\n"
			"[traffic d]\nto = vm1\nsize = 800B\nrate = 2Gbit/s\npackets = 400\n",
			nic_model(model, true), kind, more);
}

static void functions_reach_each_other_through_every_switch(void **state)
{
	static const char *const kinds[] = {"veb", "vepa", "mediated"};

	(void)state;
	for (unsigned k = 0; k < 3; k++)
		for (unsigned m = 0; m < MODELS; m++) {
			struct run run = switched(m, kinds[k], "");

			run_ok(&run);
			run_conserves(&run, (const char *const[]){"vm1", "vm2", "vm3", NULL});
			run_is(&run, "vm2.local.delivered", 420);
			run_is(&run, "vm3.local.delivered", 400);
			run_is(&run, "vm1.rx.delivered", 400);
			run_is(&run, "run.violations", 0);
			run_free(&run);
		}
}

/* Each of these is in the middle of something on the bus. */
static void a_guest_that_goes_takes_nothing_with_it(void **state)
{
	(void)state;
	for (unsigned at = 0; at < 40; at++)
		for (unsigned p = 0; p < G_N_ELEMENTS(paths); p++) {
			unsigned m = (at + p) % MODELS;
			struct run run = run_text(
				"[scenario]\nseed = 9\nchecked = true\n%s[iommu]\nmode = strict\n"
				"[nic eth0]\nlink = 40Gbit/s\n%s[guest vm1]\n%sdestroyed_at = "
				"%uns\n"
				"[guest vm2]\n"
				"[traffic in]\nto = vm1\nsize = 700B\nrate = 8Gbit/s\n"
				"packets = 300\n"
				"[traffic out]\nfrom = vm1\nsize = 1400B\nrate = 8Gbit/s\n"
				"packets = 300\n"
				"[traffic other]\nto = vm2\nsize = 100B\nrate = 1Gbit/s\n"
				"packets = 300\n",
				polls(m) && !strstr(paths[p], "vf") ? host(m) : host(0),
				nic_model(m, strstr(paths[p], "vf")), paths[p], 50000 + at * 137);

			run_ok(&run);
			run_conserves(&run, (const char *const[]){"vm1", "vm2", NULL});
			run_is(&run, "vm2.rx.delivered", 300);
			run_is(&run, "vm1.rx.resident", 0);
			run_is(&run, "run.violations", 0);
			assert_true(run_int(&run, "vm1.rx.drops.guest_gone") > 0);
			run_free(&run);
		}
}

/* Two seeds of random sizes give each direction its bytes, no more, no less, by the formula. */
static void a_packet_costs_the_link_what_the_formula_says(void **state)
{
	(void)state;
	for (uint32_t len = 60; len < 1514; len += 211) {
		struct run run = run_text(
			"[iommu]\nmode = off\n[nic eth0]\nmodel = simple\nlink = 10Gbit/s\n"
			"[guest vm1]\npolicy = single-copy\n"
			"[traffic in]\nto = vm1\nsize = %uB\npps = 1e5\npackets = 1000\n"
			"[traffic out]\nfrom = vm1\nsize = %uB\npps = 1e5\npackets = 1000\n",
			len, len);
		uint64_t up = 24 + 24 * ((len + 511) / 512) + 28 + 24; /* sending */
		uint64_t down = 28 + 36 + len + 20 * ((len + 255) / 256) + 24;
		uint64_t got_up, got_down;

		up += 24 + len + 24 * ((len + 255) / 256) + 40 + 28 + 24; /* receiving */
		down += 28 + 36 + 24;
		run_ok(&run);
		got_up = run_int(&run, "eth0.rx.pcie.bytes");
		got_down = run_int(&run, "eth0.tx.pcie.bytes");
		/* The receive ring is filled once more, and the last packets are cut off. */
		assert_true(got_up + 5 * up > 1000 * up);
		assert_true(got_up < 1000 * up + 512 * 24 + 5 * up);
		assert_true(got_down + 5 * down > 1000 * down);
		assert_true(got_down < 1000 * down + 512 * (28 + 36) + 5 * down);
		run_free(&run);
	}
}

static void what_cannot_be_is_refused(void **state)
{
	static const char *const form =
		"[host]\ndatapath = %s\n[pcie]\nlanes = %u\n[nic eth0]\n%s\n[guest vm1]\n%s\n"
		"[traffic in]\nto = vm1\nrate = 1Gbit/s\npackets = 1\n";
	struct run run;

	(void)state;
	run = run_text(form, "interrupt", 8, "model = 82599-pmd", "");
	run_refused(&run, 2, "needs drivers that poll: use [host] datapath = poll");
	run_free(&run);
	run = run_text(form, "poll", 8, "model = 82599-pmd", "attach = vf");
	run_refused(&run, 2, "a guest with attach = vf has none");
	run_free(&run);
	run = run_text(form, "poll", 8, "irq_count = 4", "");
	run_refused(&run, 2, "set irq_delay");
	run_free(&run);
	run = run_text(form, "poll", 3, "model = simple", "");
	run_refused(&run, 2, "lanes: 3: write a power of two");
	run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_model_delivers_every_byte_by_every_path),
		cmocka_unit_test(fewer_packets_than_a_batch_come_through),
		cmocka_unit_test(functions_reach_each_other_through_every_switch),
		cmocka_unit_test(a_guest_that_goes_takes_nothing_with_it),
		cmocka_unit_test(a_packet_costs_the_link_what_the_formula_says),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(counts_do_not_depend_on_the_bus),
		cmocka_unit_test(a_walk_for_a_descriptor_is_waited_for),
		cmocka_unit_test(a_function_goes_on_where_it_was_stopped),
		cmocka_unit_test(a_function_that_is_stopped_for_good_hangs_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
