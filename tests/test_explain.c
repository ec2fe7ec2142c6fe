/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_explain.c - where the time goes, and what bounds a run: stages against what they must be,
 * and the bottleneck of machines that are built to have it.
 */
#include <jansson.h>

#include "machine_helper.h"
#include "models/plat/sim/plat_sim.h"
#include "sim/explain.h"

#define HEAD "[nic eth0]\nlink = 10Gbit/s\n[guest vm1]\npolicy = copy\n"

#define POLL "[host]\ncores = 4\ndatapath = poll\n"

/* ---- stages ---- */

static void marks_are_a_histogram_with_the_rest_at_zero(void **state)
{
	(void)state;
	struct stages s;

	stages_init(&s);
	for (unsigned i = 0; i < 30; i++)
		hist_mark(&s.stage[STAGE_WIRE], 1000000);
	for (unsigned i = 0; i < 30; i++)
		hist_mark(&s.stage[STAGE_NIC], 50);
	hist_mark(&s.stage[STAGE_NIC], 60);
	stages_end(&s, 100);
	/* 70 of 100 do not pass it. */
	assert_int_equal(hist_quantile(&s.stage[STAGE_WIRE], 70, 100), 0);
	assert_in_range(hist_quantile(&s.stage[STAGE_WIRE], 71, 100), 992187, 1007813);
	assert_in_range(hist_quantile(&s.stage[STAGE_WIRE], 99, 100), 992187, 1007813);
	assert_int_equal(hist_quantile(&s.stage[STAGE_NIC], 99, 100), 50);
	assert_int_equal(hist_quantile(&s.stage[STAGE_NIC], 1, 1), 60);
	assert_int_equal(hist_quantile(&s.stage[STAGE_HOST], 1, 1), 0);
	assert_int_equal(s.stage[STAGE_WIRE].count, 100);
	stages_fini(&s);
}

static void near(double got, double want, double part, const char *what)
{
	if (got < want * (1 - part) || got > want * (1 + part))
		fail_msg("%s is %f, wanted %f", what, got, want);
}

/* Two sizes, 90 and 10 of 100: the median is the small one's slot, p99 the large one's. */
static void percentiles_of_the_wire_are_the_slots_of_two_sizes(void **state)
{
	(void)state;
	struct run run =
		run_text("[scenario]\n" HEAD
			 "[traffic a]\nto = vm1\nsize = 60B\npps = 90000\npackets = 900\n"
			 "[traffic b]\nto = vm1\nsize = 1514B\npps = 10000\npackets = 100\n"
			 "start = 3us\n");

	run_ok(&run);
	near(run_number(&run, "guests.rx.stage_ns.wire.p50"), 67.2, 0.008, "p50");
	near(run_number(&run, "guests.rx.stage_ns.wire.p99"), 1230.4, 0.008, "p99");
	near(run_number(&run, "guests.rx.stage_ns.wire.mean"), 0.9 * 67.2 + 0.1 * 1230.4, 0.0001,
	     "mean");
	assert_int_equal(run_value(&run, "guests.tx.stage_ns.wire.p50")->type, RESULT_NULL);
	run_free(&run);
}

/* Every direction's stages: numerators over the same count of frames. */
static void means_add_up_to_the_mean_of_the_latency_exactly(void **state)
{
	(void)state;
	struct run run =
		run_text("[scenario]\nwarmup = 100us\n[nic eth0]\n[guest vm1..vm2]\npolicy = copy\n"
			 "[traffic a]\nto = vm1\nsize = imix\nrate = 1Gbit/s\nsource = poisson\n"
			 "duration = 1ms\n[traffic b]\nfrom = vm2\nsize = imix\nrate = 1Gbit/s\n"
			 "source = poisson\nduration = 1ms\n[traffic c]\nfrom = vm1\nto = vm2\n"
			 "size = 500B\nrate = 300Mbit/s\nduration = 1ms\n");
	static const char *const dirs[] = {"rx", "tx", "local"};

	run_ok(&run);
	for (unsigned d = 0; d < 3; d++) {
		g_autofree char *whole = g_strdup_printf("guests.%s.latency_ns.mean", dirs[d]);
		const struct result_value *all = run_value(&run, whole);
		unsigned __int128 sum = 0;

		assert_int_equal(all->type, RESULT_RATIO);
		for (unsigned s = 0; s < STAGE_N; s++) {
			g_autofree char *name = g_strdup_printf("guests.%s.stage_ns.%s.mean",
								dirs[d], ledger_stage_names[s]);
			const struct result_value *v = run_value(&run, name);

			assert_true(v->den == all->den);
			sum += v->num;
		}
		assert_true(sum == all->num);
	}
	run_free(&run);
}

/* ---- the bottleneck ---- */

static void bound_is(const char *text, const char *what, const char *advice)
{
	struct run run = run_string(text);

	run_ok(&run);
	g_autofree char *json = result_json(run.r);
	if (strcmp(run_str(&run, "run.bound_by"), what) != 0) {
		g_autoptr(GString) s = g_string_new(NULL);

		explain_print(result_explained(run.r), s);
		fail_msg("bound by %s, wanted %s\n%s", run_str(&run, "run.bound_by"), what, s->str);
	}
	if (!strstr(json, advice))
		fail_msg("%s: no \"%s\"", what, advice);
	run_free(&run);
}

static void a_full_wire_is_the_bottleneck(void **state)
{
	(void)state;
	bound_is("[scenario]\n" POLL
		 "[nic eth0]\nlink = 1Gbit/s\n[guest vm1]\npolicy = zero-copy\nreceive = poll\n"
		 "[traffic t]\nto = vm1\nsize = 1500B\nrate = 1Gbit/s\npackets = 2000\n",
		 "eth0.rx link", "only a faster link carries more");
	bound_is("[scenario]\n" POLL "[nic eth0]\nlink = 1Gbit/s\n[guest vm1]\npolicy = zero-copy\n"
		 "[traffic t]\nfrom = vm1\nsize = 1500B\nrate = max\npackets = 2000\n",
		 "eth0.tx link", "only a faster link carries more");
}

static void a_slow_bus_is_the_bottleneck(void **state)
{
	(void)state;
	bound_is(
		"[scenario]\n" POLL
		"[nic eth0]\nlink = 10Gbit/s\nbus_rate = 1Gbit/s\n[guest vm1]\npolicy = zero-copy\n"
		"receive = poll\n[traffic t]\nto = vm1\nsize = 1500B\nrate = 2Gbit/s\n"
		"packets = 2000\n",
		"eth0.rx bus", "transfers wait for the bus");
}

static void a_core_that_copies_is_the_bottleneck(void **state)
{
	(void)state;
	bound_is("[scenario]\n[host]\ncores = 1\n[cost]\ncopy_byte = 2ns\n" HEAD
		 "receive = poll\n[traffic t]\nto = vm1\nsize = 1500B\nrate = 5Gbit/s\n"
		 "packets = 2000\n",
		 "host.core0", "copies take most of it");
}

static void a_vcpu_is_the_bottleneck(void **state)
{
	(void)state;
	bound_is("[scenario]\n" POLL "[cost]\nguest_rx = 20000\n" HEAD
		 "receive = poll\n[traffic t]\nto = vm1\nsize = 1500B\nrate = 5Gbit/s\n"
		 "packets = 2000\n",
		 "vm1.vcpu0", "takes most of it; larger packets would relieve it");
	bound_is("[scenario]\n" POLL "[cost]\nguest_rx = 20000\n" HEAD
		 "receive = poll\n[traffic t]\nto = vm1\nsize = 1500B\nrate = 5Gbit/s\n"
		 "packets = 2000\n[traffic u]\nfrom = vm1\npps = 1000\nduration = 2ms\n",
		 "vm1.vcpu0", "another vCPU");
}

/* One guest that receives has one worker, and that one core. */
static void cores_that_idle_are_no_relief(void **state)
{
	static const char rest[] =
		"datapath = poll\n[nic eth0]\nlink = 10Gbit/s\n[guest vm1]\nreceive = poll\n"
		"delivery = process\n[traffic t]\nto = vm1\nsize = 60B\nrate = max\n"
		"packets = 20000\n";
	g_autofree char *one = g_strconcat("[scenario]\n[host]\ncores = 1\n", rest, NULL);
	g_autofree char *two = g_strconcat("[scenario]\n[host]\ncores = 2\n", rest, NULL);

	(void)state;
	bound_is(one, "host.core0", "more cores, or larger packets, would relieve it");
	bound_is(two, "host.core0", "more cores would not: one has little to do already");
}

/* A bench whose window has more pages than the IOTLB, and one walker. */
static void page_walkers_are_the_bottleneck(void **state)
{
	(void)state;
	bound_is("[scenario]\n[iommu]\nmode = static\nwalkers = 1\n[dma b]\nsize = 64B\n"
		 "window = 64MiB\noutstanding = 16\ncount = 5000\n",
		 "iommu.walkers", "devices wait for page walks");
	bound_is("[scenario]\n[iommu]\nmode = off\n[dma b]\nsize = 1024B\nop = write\n"
		 "outstanding = 64\ncount = 5000\n",
		 "b.bus to host", "transfers wait for the bus");
}

static void a_lock_that_many_cores_want_is_the_bottleneck(void **state)
{
	(void)state;
	bound_is("[scenario]\n[host]\ncores = 16\nworkers = together\n[iommu]\nmode = strict\n"
		 "inv_lock = true\n[nic eth0]\nlink = 40Gbit/s\n[guest vm1..vm16]\nvcpus = 2\n"
		 "policy = zero-copy\n[traffic in]\nto = vm1..vm16\nsize = 1514B\n"
		 "rate = 30Gbit/s\nduration = 500us\n",
		 "iommu.inv_lock", "cores wait for each other's invalidations");
}

/* The guest masks its interrupt for longer than its few buffers last: nobody is busy. */
static void a_ring_that_is_too_small_is_the_bottleneck(void **state)
{
	(void)state;
	bound_is("[scenario]\n" POLL HEAD
		 "queue_size = 4\nirq_mask = 200us\n[traffic t]\nto = vm1\nsize = 1500B\n"
		 "rate = 1Gbit/s\npackets = 500\n",
		 "vm1.rx queue", "a larger queue_size");
	/* A larger one would do. */
	bound_is("[scenario]\n" POLL HEAD
		 "queue_size = 256\nirq_mask = 200us\n[traffic t]\nto = vm1\nsize = 1500B\n"
		 "rate = 1Gbit/s\npackets = 500\n",
		 "host.core2", "the traffic bounds the run");
}

/* ---- as written ---- */

static void the_object_is_there_and_its_shares_are_sound(void **state)
{
	(void)state;
	struct run run = run_text("[scenario]\n" POLL HEAD
				  "[traffic t]\nto = vm1\nsize = 1500B\nrate = 1Gbit/s\n"
				  "packets = 100\n");

	run_ok(&run);
	g_autofree char *text = result_json(run.r);
	json_t *top = json_loads(text, 0, NULL);
	json_t *e = json_object_get(top, "explain");
	json_t *rx = json_object_get(json_object_get(e, "waterfall"), "rx"), *stage, *resource;
	double sum = 0, last = 2, mean;
	bool spins = false;
	size_t i;

	assert_non_null(rx);
	assert_int_equal(json_integer_value(json_object_get(rx, "frames")), 100);
	mean = json_number_value(json_object_get(json_object_get(rx, "latency_ns"), "mean"));
	json_array_foreach(json_object_get(rx, "stages"), i, stage) sum +=
		json_number_value(json_object_get(stage, "mean"));
	near(sum, mean, 1e-6, "sum of the stages");
	json_array_foreach(json_object_get(e, "resources"), i, resource)
	{
		double use = json_number_value(json_object_get(resource, "utilization"));
		json_t *spin = json_object_get(resource, "spin");

		assert_true(use <= last); /* the busiest first */
		last = use;
		spins |= spin != NULL;
		assert_true(use + json_number_value(spin) <= 1.001);
	}
	assert_true(spins);
	assert_true(i >= 6);
	assert_true(json_array_size(json_object_get(e, "rings")) == 4);
	assert_string_equal(json_string_value(json_object_get(json_object_get(e, "bound"), "name")),
			    run_str(&run, "run.bound_by"));
	json_decref(top);
	run_free(&run);
}

static void the_text_keeps_to_its_width_and_has_no_control_characters(void **state)
{
	(void)state;
	struct run run = run_text(
		"[scenario]\n" POLL "[nic a-nic-with-a-name]\n[guest a-guest-of-some-length1..8]\n"
		"[traffic t]\nto = a-guest-of-some-length1\nsize = 1500B\nrate = 1Gbit/s\n"
		"packets = 100\n[traffic u]\nfrom = a-guest-of-some-length2\nsize = 1500B\n"
		"rate = 1Gbit/s\npackets = 100\n");

	run_free(&run);
	run = run_text("[scenario]\n" POLL "[nic eth0]\n[guest vm1..vm8]\n"
		       "[traffic t]\nto = vm1..vm8\nsize = 1500B\nrate = 4Gbit/s\npackets = 400\n"
		       "[traffic u]\nfrom = vm2\nsize = 1500B\nrate = 1Gbit/s\npackets = 100\n");
	run_ok(&run);
	g_autoptr(GString) s = g_string_new(NULL);
	explain_print(result_explained(run.r), s);
	g_auto(GStrv) lines = g_strsplit(s->str, "\n", -1);
	for (char **l = lines; *l; l++) {
		if (strlen(*l) > 80)
			fail_msg("%zu columns: %s", strlen(*l), *l);
		for (const char *p = *l; *p; p++)
			assert_true(*p >= ' ' && *p < 127);
	}
	assert_non_null(strstr(s->str, "and "));
	assert_non_null(strstr(s->str, "where the time of a packet goes\n  rx "));
	run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_are_a_histogram_with_the_rest_at_zero),
		cmocka_unit_test(percentiles_of_the_wire_are_the_slots_of_two_sizes),
		cmocka_unit_test(means_add_up_to_the_mean_of_the_latency_exactly),
		cmocka_unit_test(a_full_wire_is_the_bottleneck),
		cmocka_unit_test(a_slow_bus_is_the_bottleneck),
		cmocka_unit_test(a_core_that_copies_is_the_bottleneck),
		cmocka_unit_test(a_vcpu_is_the_bottleneck),
		cmocka_unit_test(cores_that_idle_are_no_relief),
		cmocka_unit_test(page_walkers_are_the_bottleneck),
		cmocka_unit_test(a_lock_that_many_cores_want_is_the_bottleneck),
		cmocka_unit_test(a_ring_that_is_too_small_is_the_bottleneck),
		cmocka_unit_test(the_object_is_there_and_its_shares_are_sound),
		cmocka_unit_test(the_text_keeps_to_its_width_and_has_no_control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
