/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_trace.c - timelines of runs: their form, and that they add up to the metrics. */
#include "trace_check.h"

#include <math.h>

#define IN   "[traffic in]\nto = vm1\nsize = imix\nsource = poisson\nrate = 3Gbit/s\npackets = 400\n"
#define OUT  "[traffic out]\nfrom = vm1\nsize = imix\npps = 300000\npackets = 200\n"
#define BOTH IN OUT

/* With VNICSIM_TEST_SCALE, one in four machines. */
static unsigned step(void)
{
	return getenv("VNICSIM_TEST_SCALE") ? 4 : 1;
}

/* With a timeline of all of it. */
static struct run traced(const char *text, const struct run_look *with, struct trace_file *t)
{
	g_autofree char *path = run_temp(".json");
	struct run_look look = with ? *with : (struct run_look){0};
	struct run run;

	look.trace = path;
	run = run_looked(text, &look);
	run_ok(&run);
	*t = trace_read(path);
	unlink(path);
	return run;
}

/* In picoseconds, of a metric that is printed in ns. */
static uint64_t ps_of(const struct result_value *v)
{
	return v->type == RESULT_INT ? (uint64_t)v->num * 1000 : (uint64_t)(v->num * 1000 / v->den);
}

static unsigned work_adds_up(const struct run *run, const struct trace_file *t)
{
	unsigned n = 0;

	for (size_t i = 0; i < result_count(run->r); i++) {
		const struct result_value *v = result_at(run->r, i);
		const char *what = strstr(v->name, "busy_ns.");
		uint64_t sum;

		if (what != v->name || !strcmp(v->name, "busy_ns.spin") || v->dir)
			continue;
		sum = trace_work(t, v->object, v->name + strlen("busy_ns."));
		n += sum > 0;
		if (sum != ps_of(v)) {
			run_show(run);
			fail_msg("%s: the slices add up to %" PRIu64 " ps, the metric is %" PRIu64,
				 v->full, sum, ps_of(v));
		}
	}
	return n;
}

/* A share of the window, within a picosecond a slice where a link's times are no whole ones. */
static void share_is(const struct run *run, const struct trace_file *t, const char *track,
		     const char *metric, double off)
{
	double window = run_number(run, "run.window_ns") * 1000;
	double want = run_number(run, metric) * window, got = (double)trace_busy(t, track);

	if (fabs(want - got) > off + 1e-6 * want) {
		run_show(run);
		fail_msg("%s is busy for %.0f ps of the window, and %s says %.0f", track, got,
			 metric, want);
	}
}

static void adds_up(const char *text)
{
	struct trace_file t;
	struct run run = traced(text, NULL, &t);
	bool bus = strstr(text, "model = ") != NULL;

	if (work_adds_up(&run, &t) < 8)
		fail_msg("hardly any work in:\n%s", text);
	share_is(&run, &t, "eth0.rx link", "eth0.rx.utilization", 0);
	share_is(&run, &t, "eth0.tx link", "eth0.tx.utilization", 0);
	share_is(&run, &t, bus ? "eth0.bus to host" : "eth0.rx bus", "eth0.rx.bus_utilization",
		 bus ? 4000 : 0);
	share_is(&run, &t, bus ? "eth0.bus to device" : "eth0.tx bus", "eth0.tx.bus_utilization",
		 bus ? 4000 : 0);
	trace_free(&t);
	run_free(&run);
}

static void slices_add_up_to_the_metrics(void **state)
{
	static const char *const text[] = {
		"[nic eth0]\n[guest vm1]\npolicy = copy\n" BOTH,
		"[nic eth0]\n[guest vm1]\npolicy = single-copy\nvcpus = 2\n" BOTH,
		"[host]\ncores = 2\ndatapath = poll\n[nic eth0]\n[guest vm1]\npolicy = zero-copy\n"
		"delivery = process\nreceive = poll\n" BOTH,
		"[scenario]\nwarmup = 200us\n[nic eth0]\n[guest vm1..vm3]\n" BOTH
		"[traffic l]\nfrom = vm1\nto = vm2,vm3\npps = 2e5\npackets = 200\n",
		"[iommu]\nmode = strict\nwalkers = 2\n[nic eth0]\nmodel = 82599-kernel\n"
		"[guest vm1]\nattach = vf\ndma_map = per-buffer\n" BOTH,
		"[host]\nguest_cores = 1\ncache = model\n[nic eth0]\nmodel = simple\n"
		"[guest vm1..vm2]\n" BOTH,
		"[nic eth0]\n[guest vm1]\nwork = exponential:500ns\npolicy = copy\n" BOTH,
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(text); i += step())
		adds_up(text[i]);
}

static void tap_devices_have_timelines_too(void **state)
{
	static const char *const how[] = {"threads = many\n", "threads = one\n",
					  "lockstep = true\nbackend = uring\n"};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(how); i += step()) {
		g_autofree char *text =
			g_strconcat("[tap]\n", how[i], "[nic eth0]\n[guest vm1]\n" BOTH, NULL);
		struct trace_file t;
		struct run run = traced(text, NULL, &t);

		work_adds_up(&run, &t);
		trace_free(&t);
		run_free(&run);
	}
}

static void switches_of_nics_have_timelines_too(void **state)
{
	static const char *const kind[] = {"veb", "vepa", "mediated"};

	(void)state;
	for (unsigned i = 0; i < 3; i += step()) {
		g_autofree char *text = g_strdup_printf(
			"[iommu]\nmode = strict\n[nic eth0]\nswitch = %s\n[guest vm1..vm2]\n"
			"attach = vf\n[traffic l]\nfrom = vm1\nto = vm2\npps = 5e5\npackets = 200\n"
			"[traffic flood]\nfrom = vm2\nto = all\npps = 1e5\npackets = 30\n" BOTH,
			kind[i]);
		struct trace_file t;
		struct run run = traced(text, NULL, &t);

		work_adds_up(&run, &t);
		share_is(&run, &t, "eth0.rx link", "eth0.rx.utilization", 0);
		share_is(&run, &t, "eth0.tx link", "eth0.tx.utilization", 0);
		trace_free(&t);
		run_free(&run);
	}
}

static void a_run_that_is_watched_has_the_same_results(void **state)
{
	static const char text[] = "[nic eth0]\n[guest vm1..vm2]\npolicy = copy\n" BOTH;
	struct trace_file t;
	struct run run = traced(text, NULL, &t), plain = run_string(text);

	(void)state;
	assert_int_equal(t.packets, 600);
	assert_int_equal(result_count(run.r), result_count(plain.r));
	for (size_t i = 0; i < result_count(plain.r); i++) {
		const struct result_value *v = result_at(plain.r, i), *w = result_at(run.r, i);

		assert_string_equal(v->full, w->full);
		assert_true(v->type == w->type && v->num == w->num && v->den == w->den &&
			    !g_strcmp0(v->text, w->text));
	}
	trace_free(&t);
	run_free(&run);
	run_free(&plain);
}

static json_t *about(const struct trace_file *t, const char *key)
{
	return json_object_get(json_object_get(t->root, "otherData"), key);
}

static void a_timeline_is_bounded_and_says_where_it_was_cut(void **state)
{
	static const char text[] = "[nic eth0]\n[guest vm1]\n" BOTH;
	struct run_look few = {.trace_packets = 50};
	struct run_look later = {.trace_from = 100 * SIM_US, .trace_for = 100 * SIM_US};
	struct trace_file t;
	struct run run = traced(text, &few, &t);

	(void)state;
	assert_int_equal(t.packets, 50);
	assert_true(json_is_true(about(&t, "cut")));
	trace_free(&t);
	run_free(&run);

	run = traced(text, &later, &t);
	assert_true(json_is_false(about(&t, "cut")));
	assert_in_range(t.packets, 20, 400);
	for (guint i = 0; i < t.slices->len; i++) {
		const struct trace_slice *s = &g_array_index(t.slices, struct trace_slice, i);
		assert_in_range(s->from, 50 * SIM_US, 250 * SIM_US);
	}
	trace_free(&t);
	run_free(&run);
}

static void drops_and_copies_are_in_it(void **state)
{
	struct run_look look = {0};
	struct trace_file t;
	struct run run = traced(
		"[nic eth0]\nrx_ring = 64\n[guest vm1]\npolicy = copy\n[traffic in]\nto = vm1\n"
		"size = 60B\nrate = 5Gbit/s\npackets = 800\n",
		&look, &t);
	uint64_t copies = 0, dropped = 0, delivered = 0;
	json_t *e;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(t.root, "traceEvents"), i, e)
	{
		const char *end =
			json_string_value(json_object_get(json_object_get(e, "args"), "end"));

		copies += !strcmp(trace_text(e, "name"), "copy") && *trace_text(e, "ph") == 'n';
		delivered += end && !strcmp(end, "delivered");
		dropped += end && strcmp(end, "delivered") != 0;
	}
	assert_int_equal(delivered, run_int(&run, "vm1.rx.delivered"));
	assert_int_equal(dropped, run_int(&run, "vm1.rx.drops"));
	assert_true(dropped > 100);
	assert_int_equal(copies,
			 run_int(&run, "vm1.rx.copies") + run_int(&run, "vm1.rx.wasted_copies"));
	trace_free(&t);
	run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_add_up_to_the_metrics),
		cmocka_unit_test(switches_of_nics_have_timelines_too),
		cmocka_unit_test(tap_devices_have_timelines_too),
		cmocka_unit_test(a_run_that_is_watched_has_the_same_results),
		cmocka_unit_test(a_timeline_is_bounded_and_says_where_it_was_cut),
		cmocka_unit_test(drops_and_copies_are_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
