/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_work.c - a process that works on what it receives ([guest] work), and napi_weight. */
#include "machine_helper2.h"

/* Nothing but the work costs anything: the vCPU is a server and the guest's queue its room. */
#define FREE                                                                                       \
	"[host]\ncores = 3\n[cost]\ncopy_base = 0\ncopy_byte = 0\ncsum_byte = 0\npoll = 0\n"       \
	"dev_rx = 0\ndev_tx = 0\ndoorbell = 0\nvq_pop = 0\nvq_desc = 0\nvq_push = 0\n"             \
	"drv_add = 0\ndrv_get = 0\ndma_map = 0\ndma_unmap = 0\niotlb_inv = 0\nsyscall = 0\n"       \
	"wake = 0\nhost_stack = 0\nhost_irq = 0\ninject = 0\nvm_exit = 0\nhypercall = 0\n"         \
	"vmm_entry = 0\nguest_irq = 0\nguest_rx = 0\nguest_tx = 0\nguest_post = 0\n"

static void what_is_no_law_is_refused(void **state)
{
	static const char *const bad[][2] = {
		{"500", "unit"},
		{"normal:500ns", "no law of work"},
		{"exponential", "is not a time"},
		{"exponential:1us..2us", "no law of work"},
		{"uniform:1us", "no law of work"},
		{"uniform:2us..1us", "wrong order"},
		{"uniform:1us..2", "unit"},
		{"2000s", "out of range"},
		{"-1us", ""},
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct run run = run_text("[nic eth0]\n[guest vm1]\nwork = %s\n[traffic t]\n"
					  "to = vm1\npps = 1000\npackets = 1\n",
					  bad[i][0]);

		run_refused(&run, SIM_EXIT_USAGE, bad[i][1]);
		assert_non_null(strstr(run.message, "work"));
		run_free(&run);
	}
}

/* A lone frame is delivered as early as ever; the work comes after. */
static void work_is_no_part_of_latency(void **state)
{
	static const char *const guest[] = {"policy = copy", "policy = single-copy",
					    "policy = zero-copy\ndelivery = process",
					    "attach = vf\ndelivery = process"};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(guest); i++) {
		struct result_value lone = {0};

		for (unsigned work = 0; work < 2; work++) {
			struct run run = run_text("[nic eth0]\n[guest vm1]\n%s\nwork = %s\n"
						  "[traffic t]\nto = vm1\npps = 1000\n"
						  "packets = 50\n",
						  guest[i], work ? "77us" : "0");
			const struct result_value *v;

			run_ok(&run);
			v = run_value(&run, "vm1.rx.latency_ns.mean");
			assert_true(!work || (v->num * lone.den == lone.num * v->den));
			lone = *v;
			lone.text = lone.full = NULL;
			run_ratio_is(&run, "vm1.vcpu0.busy_ns.process", work ? 50 * 77000 : 0, 1);
			if (work) {
				run_ratio_is(&run, "vm1.process.work_ns.mean", 77000, 1);
				assert_int_equal(
					run_value(&run, "vm1.process.wait_ns.max")->num + 77000000,
					run_value(&run, "vm1.process.sojourn_ns.max")->num);
			} else {
				assert_null(result_find(run.r, "vm1.process.work_ns.mean"));
			}
			run_free(&run);
		}
	}
}

/* Five frames at once: the last one waits for four, and the CPU did what the law says. */
static void frames_wait_for_the_work_on_those_before_them(void **state)
{
	static const char *const delivery[] = {"kernel", "process"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct run run = run_text(FREE "[nic eth0]\nlink = 1600Gbit/s\n[guest vm1]\n"
					       "delivery = %s\nwork = 10us\n[traffic t]\n"
					       "to = vm1\nrate = max\npackets = 5\nsize = 60B\n",
					  delivery[i]);
		uint64_t longest;

		run_ok(&run);
		longest = (uint64_t)run_value(&run, "vm1.process.wait_ns.max")->num;
		assert_in_range(longest, 39900000, 40000000);
		longest = (uint64_t)run_value(&run, "vm1.rx.latency_ns.max")->num;
		assert_in_range(longest, 39900000, 41000000);
		run_free(&run);
	}
}

/* The sum of all waits and works, by stamps, is the number that was there, over time. */
static void occupancy_is_rate_times_sojourn(void **state)
{
	static const char *const guest[] = {
		"policy = single-copy\ndelivery = process\nqueue_size = 8\nnapi_weight = 1\n",
		"policy = zero-copy\ndelivery = process\n",
		"policy = copy\ndelivery = kernel\n",
		"policy = single-copy\nsocket_queue = 4\n",
		"policy = single-copy\nsplit = true\ndelivery = process\n",
		"policy = single-copy\ndestroyed_at = 3ms\n",
	};

	(void)state;
	for (unsigned i = 0; i < 2 * G_N_ELEMENTS(guest); i++) {
		struct rig rig = rig_open(
			"[scenario]\nseed = %u\nwarmup = %s\n[nic eth0]\n[guest vm1]\n%s"
			"work = exponential:4us\n[traffic t]\nto = vm1\nsource = poisson\n"
			"size = imix\npps = 150000\npackets = 2000\n[traffic u]\nto = vm1\n"
			"pps = 50000\npackets = 500\n",
			i, i & 1 ? "1ms" : "0s", guest[i / 2]);
		const struct guest *g = &rig.m->guest[0];
		const struct station_books *b = &g->station->books;

		rig_run(&rig);
		assert_true(b->wait.count > 100);
		if (!g->gone)
			assert_int_equal(b->wait.count, g->rx.led.delivered);
		assert_true(b->wait.sum + b->work == b->sojourn.sum);
		assert_int_equal(b->in, b->out);
		/* Frames that the process never saw were there, too. */
		if (b->in == b->sojourn.count)
			assert_true(station_area(b, evq_now(&rig.m->q)) == b->sojourn.sum);
		else
			assert_true(station_area(b, evq_now(&rig.m->q)) > b->sojourn.sum);
		assert_true((b->in == b->sojourn.count) == (i / 2 != 3 && i / 2 != 5));
		rig_close(&rig);
	}
}

/* Means of the laws, and each guest has its own stream. */
static void laws_have_their_means(void **state)
{
	static const char *const law[] = {"2us", "exponential:2us", "uniform:1us..3us",
					  "uniform:0..4us"};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(law); i++) {
		struct rig rig = rig_open(FREE "[nic eth0]\n[guest vm1..vm2]\nwork = %s\n"
					       "[traffic t]\nto = vm1, vm2\npps = 400000\n"
					       "size = 60B\npackets = 40000\n",
					  law[i]);
		const struct station_books *a = &rig.m->guest[0].station->books,
					   *b = &rig.m->guest[1].station->books;

		rig_run(&rig);
		assert_near("mean", (double)a->work / (double)a->wait.count, 2e6, 0.03);
		assert_near("mean", (double)b->work / (double)b->wait.count, 2e6, 0.03);
		assert_true((a->work == b->work) == (i == 0));
		rig_close(&rig);
	}
}

/* Frames that find as many as there are buffers are lost; with a turn of one, a buffer is back as
 * soon as the work on its frame is done. */
static void buffers_come_back_by_turns(void **state)
{
	static const struct {
		unsigned weight, lost;
	} row[] = {{1, 0}, {64, 20}};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		/* 8 buffers, twice as much offered as is worked off: some at t, t + 1us, ... */
		struct run run = run_text(
			FREE "[nic eth0]\nlink = 1600Gbit/s\n[guest vm1]\npolicy = single-copy\n"
			     "delivery = process\nwork = 2us\nqueue_size = 8\nnapi_weight = %u\n"
			     "[traffic t]\nto = vm1\npps = 1000000\nsize = 60B\npackets = 15\n",
			row[i].weight);

		run_ok(&run);
		if (!row[i].lost)
			run_is(&run, "vm1.rx.drops", 0);
		else
			assert_true(run_int(&run, "vm1.rx.drops") > 0);
		run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_law_is_refused),
		cmocka_unit_test(work_is_no_part_of_latency),
		cmocka_unit_test(frames_wait_for_the_work_on_those_before_them),
		cmocka_unit_test(occupancy_is_rate_times_sojourn),
		cmocka_unit_test(laws_have_their_means),
		cmocka_unit_test(buffers_come_back_by_turns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
