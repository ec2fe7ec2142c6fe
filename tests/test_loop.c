/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_loop.c - closed loops (source = request): Little's law, losses and retries, what cannot be.
 */
#include "machine_helper.h"
#include "property_helper.h"
#include "timescale.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "models/traffic/loop.h"

/* Throughput x (round trip + think) is what is outstanding, within 1%. */
static void little(const struct run *run, const char *name, double think_ns, double window)
{
	g_autofree char *rate = g_strconcat(name, ".requests_per_second", NULL);
	g_autofree char *rtt = g_strconcat(name, ".rtt_ns.mean", NULL);
	double n = run_number(run, rate) * (run_number(run, rtt) + think_ns) * 1e-9;

	if (n < .99 * window || n > 1.01 * window) {
		run_show(run);
		fail_msg("%s: %.3f a second x (%.1f + %.1f ns) = %.4f, and the window is %.0f",
			 name, run_number(run, rate), run_number(run, rtt), think_ns, n, window);
	}
}

static void loop_runs(const char *machine, const char *ends, unsigned window, unsigned think_us)
{
	struct run run = run_text("%s[traffic rr]\nsource = request\n%ssize = 200B\nreply = imix\n"
				  "window = %u\nservice = 3us\nthink = %uus\nduration = 20ms\n",
				  machine, ends, window, think_us);

	run_ok(&run);
	little(&run, "rr", think_us * 1e3, window);
	run_is(&run, "rr.timeouts", 0);
	run_is(&run, "rr.failed", 0);
	assert_true(run_int(&run, "rr.requests") > 200);
	run_is(&run, "rr.unanswered", 0);
	check_again(&run);
	run_free(&run);
}

#define VIRTIO(policy) "[nic eth0]\n[guest vm1..vm3]\npolicy = " policy "\n"
#define VF(kind)       "[nic eth0]\nswitch = " kind "\n[guest vm1..vm3]\nattach = vf\n"

static void littles_law_holds_from_the_wire_to_a_guest(void **state)
{
	(void)state;
	loop_runs(VIRTIO("copy"), "to = vm1\n", 1, 0);
	loop_runs(VIRTIO("single-copy"), "to = vm1\n", 4, 5);
	loop_runs(VIRTIO("zero-copy"), "to = vm1, vm2\n", 16, 20);
	loop_runs(VF("veb"), "to = vm1\n", 8, 0);
}

static void littles_law_holds_from_a_guest_to_the_wire(void **state)
{
	(void)state;
	loop_runs(VIRTIO("copy"), "from = vm1\n", 4, 5);
	loop_runs(VIRTIO("single-copy"), "from = vm1\n", 1, 0);
	loop_runs(VIRTIO("zero-copy"), "from = vm1, vm3\n", 16, 20);
	loop_runs(VF("vepa"), "from = vm1\n", 8, 0);
}

static void littles_law_holds_from_guest_to_guest(void **state)
{
	(void)state;
	loop_runs(VIRTIO("copy"), "from = vm1\nto = vm2\n", 4, 5);
	loop_runs(VIRTIO("single-copy"), "from = vm1..vm3\nto = vm1..vm3\n", 12, 0);
	loop_runs(VIRTIO("zero-copy"), "from = vm2\nto = vm1\n", 1, 0);
	loop_runs(VF("veb"), "from = vm1\nto = vm2\n", 8, 1);
	loop_runs(VF("vepa"), "from = vm1\nto = vm2\n", 8, 1);
	loop_runs(VF("mediated"), "from = vm1\nto = vm2\n", 8, 1);
}

static void littles_law_holds_on_tap_devices(void **state)
{
	static const char *const how[] = {"", "threads = one\n", "lockstep = true\n",
					  "threads = one\nlockstep = true\n"};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(how); i++) {
		g_autofree char *machine =
			g_strdup_printf("[tap]\n%s" VIRTIO("single-copy"), how[i]);

		loop_runs(machine, "to = vm1\n", 1, 0);
		loop_runs(machine, "to = vm1, vm3\n", 16, 20);
		loop_runs(machine, "from = vm2\n", 4, 5);
		loop_runs(machine, "from = vm1, vm2\n", 8, 0);
	}
}

/* In lockstep a frame is waited for; a request that is given up brings one that is due before. */
static void lockstep_hears_of_what_is_due_earlier(void **state)
{
	struct run run = run_text("[tap]\nlockstep = true\n[nic eth0]\n[guest vm1]\n"
				  "[traffic in]\nto = vm1\npps = 10\npackets = 2\n"
				  "[traffic rr]\nsource = request\nfrom = vm1\nsize = 1600B\n"
				  "timeout = 1ms\nretries = 0\nduration = 90ms\n");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", 2);
	run_is(&run, "vm1.tx.drops.oversize", 90);
	run_is(&run, "rr.failed", 89); /* the last one is cut off by `duration` */
	run_is(&run, "rr.unanswered", 1);
	run_free(&run);
}

/* Nothing costs anything but the wire, there and back, and the service. */
static void a_round_trip_is_what_its_parts_are(void **state)
{
	g_autofree char *base =
		g_canonicalize_filename("scenarios/studies/fidelity/base/free.ini", NULL);
	struct run run = run_text("[scenario]\nextends = %s\n[nic eth0]\nlink = 10Gbit/s\n"
				  "[guest vm1]\n[traffic rr]\nsource = request\nto = vm1\n"
				  "size = 976B\nreply = 1476B\nservice = 3us\nthink = 7us\n"
				  "packets = 100\n",
				  base);

	(void)state;
	run_ok(&run);
	/* The bus is a thousand times as fast as the wire, and not quite free. */
	assert_in_range((uint64_t)run_number(&run, "rr.rtt_ns.min"), 5000, 5002);
	assert_in_range((uint64_t)run_number(&run, "rr.rtt_ns.max"), 5000, 5002);
	run_is(&run, "rr.requests", 100);
	assert_in_range((uint64_t)run_number(&run, "run.window_ns"), 1200000, 1200200);
	little(&run, "rr", 7000, 1);
	run_free(&run);
}

static void what_is_lost_is_sent_again_and_given_up(void **state)
{
	struct run run =
		run_text("[nic eth0]\nmtu = 500B\n[guest vm1]\n[traffic rr]\n"
			 "source = request\nto = vm1\nsize = 1000B\nwindow = 3\n"
			 "timeout = 1ms\nretries = 4\npackets = 20\n"
			 "[traffic other]\nto = vm1\nsize = 100B\npps = 1e5\npackets = 10\n");

	(void)state;
	run_ok(&run);
	run_is(&run, "rr.requests", 0);
	run_is(&run, "rr.failed", 20);
	run_is(&run, "rr.timeouts", 100);
	run_is(&run, "rr.unanswered", 0);
	run_is(&run, "vm1.rx.drops.oversize", 100);
	assert_int_equal(run_value(&run, "rr.rtt_ns.p50")->type, RESULT_NULL);
	run_free(&run);
}

/* A flood takes the descriptors; answers come all the same, at last. */
static void littles_law_counts_the_waits_for_retries(void **state)
{
	struct run run =
		run_text("[nic eth0]\nrx_ring = 16\n[guest vm1]\npolicy = copy\n"
			 "[traffic flood]\nto = vm1\nsize = 60B\nsource = onoff\non = 1ms\n"
			 "off = 1ms\nrate = 5Gbit/s\nduration = 60ms\n"
			 "[traffic rr]\nsource = request\nto = vm1\nsize = 100B\n"
			 "window = 4\ntimeout = 200us\nretries = 1000\nduration = 60ms\n");

	(void)state;
	run_ok(&run);
	assert_true(run_int(&run, "rr.timeouts") > 50);
	assert_true(run_int(&run, "rr.requests") > 1000);
	run_is(&run, "rr.failed", 0);
	little(&run, "rr", 0, 4);
	check_again(&run);
	run_free(&run);
}

/* An answer to the first sending ends the request, though it was sent again. */
static void a_late_answer_is_an_answer(void **state)
{
	struct run run = run_text("[nic eth0]\n[guest vm1]\n[traffic rr]\nsource = request\n"
				  "to = vm1\nservice = 100us\ntimeout = 40us\npackets = 50\n");

	(void)state;
	run_ok(&run);
	run_is(&run, "rr.requests", 50);
	run_is(&run, "rr.timeouts", 100);
	assert_true(run_number(&run, "rr.rtt_ns.max") < 120e3);
	run_free(&run);
}

static void digests_are_equal_across_policies(void **state)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};
	g_autofree char *first = NULL;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct run run = run_text("[nic eth0]\n[guest vm1]\npolicy = %s\n[traffic rr]\n"
					  "source = request\nto = vm1\nsize = imix\nwindow = 8\n"
					  "packets = 500\n",
					  policy[i]);
		g_autofree char *both = NULL;

		run_ok(&run);
		both = g_strconcat(run_str(&run, "vm1.rx.digest"), run_str(&run, "vm1.tx.digest"),
				   NULL);
		if (!first)
			first = g_strdup(both);
		assert_string_equal(both, first);
		run_free(&run);
	}
}

/* Frames from the wire keep their order of time, whoever sends them. */
static void a_loop_and_other_traffic_share_a_wire(void **state)
{
	struct run run = run_text("[nic eth0]\n[guest vm1..vm2]\n[traffic in]\nto = vm1\n"
				  "size = 1500B\nrate = 5Gbit/s\npackets = 4000\n"
				  "[traffic rr]\nsource = request\nto = vm2\nsize = 100B\n"
				  "window = 2\nduration = 10ms\n"
				  "[traffic qq]\nsource = request\nfrom = vm2\nsize = 100B\n"
				  "think = 10us\nduration = 10ms\n");
	const char *const objects[] = {"vm1", "vm2", NULL};

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", 4000);
	little(&run, "rr", 0, 2);
	little(&run, "qq", 10e3, 1);
	run_conserves(&run, objects);
	run_free(&run);
}

static void a_warm_up_is_left_out(void **state)
{
	struct run run =
		run_text("[scenario]\nwarmup = 5ms\n[nic eth0]\n[guest vm1]\n[traffic rr]\n"
			 "source = request\nto = vm1\nthink = 90us\nduration = 10ms\n");

	(void)state;
	run_ok(&run);
	assert_in_range(run_int(&run, "rr.requests"), 45, 55);
	little(&run, "rr", 90e3, 1);
	run_free(&run);
}

/* The server, or the client, is destroyed: what is left is given up, and the run ends. */
static void a_guest_that_is_destroyed_answers_no_more(void **state)
{
	static const char *const ends[] = {"to = vm1\n", "from = vm1\n", "from = vm1\nto = vm2\n",
					   "from = vm2\nto = vm1\n"};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct run run =
			run_text("[nic eth0]\n[guest]\nattach = %s\n[guest vm2]\n[guest vm1]\n"
				 "destroyed_at = 2ms\n[traffic rr]\nsource = request\n%s"
				 "window = 4\ntimeout = 1ms\nretries = 2\npackets = 1000\n"
				 "think = 20us\n",
				 i < 4 ? "virtio" : "vf", ends[i % 4]);

		run_ok(&run);
		assert_in_range(run_int(&run, "rr.requests"), 50, 500);
		if (i % 2) /* the client lives */
			assert_true(run_int(&run, "rr.failed") > 0 || i % 4 == 1);
		run_is(&run, "rr.unanswered", 0);
		run_free(&run);
	}
}

static void what_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *keys, *says;
	} bad[] = {
		{"rate = 1Gbit/s\npackets = 1\n", "sets its own pace"},
		{"pps = 1e6\npackets = 1\n", "sets its own pace"},
		{"window = 0\npackets = 1\n", "window"},
		{"reply = 10B\npackets = 1\n", "reply"},
		{"timeout = 0s\npackets = 1\n", "timeout"},
		{"think = 1us\n", "never ends"},
	};
	struct run run;

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		run = run_text("[nic eth0]\n[guest vm1]\n[traffic rr]\nsource = request\nto = vm1\n"
			       "%s",
			       bad[i].keys);
		run_refused(&run, SIM_EXIT_USAGE, bad[i].says);
		run_free(&run);
	}
	run = run_text("[nic eth0]\n[guest vm1..vm2]\n[traffic rr]\nsource = request\nfrom = vm1\n"
		       "to = all\npackets = 1\n");
	run_refused(&run, SIM_EXIT_USAGE, "nobody answers");
	run_free(&run);
	run = run_text("[tap]\n[nic eth0]\n[guest vm1..vm2]\n[traffic rr]\nsource = request\n"
		       "from = vm1\nto = vm2\npackets = 1\n");
	run_refused(&run, SIM_EXIT_USAGE, "goes between guests");
	run_free(&run);
}

#define LOOP                                                                                       \
	"[traffic rr]\nsource = request\nsize = imix\nwindow = 5\nservice = 2us\nthink = 1us\n"    \
	"timeout = 30us\nretries = 3\npackets = 300\n"
static void a_loop_in_other_units_of_time_is_the_same(void **state)
{
	(void)state;
	scales("", "[nic eth0]\nrx_ring = 16\n[guest vm1]\npolicy = copy\n" LOOP "to = vm1\n" IN);
	scales("", "[nic eth0]\n[guest vm1..vm2]\n" LOOP "from = vm1\nto = vm2\n" OUT);
	scales("", "[tap]\n[nic eth0]\n[guest vm1]\n" LOOP "from = vm1\n" IN);
	scales("", "[tap]\nqueue_length = 3\nthreads = one\n[nic eth0]\n[guest vm1]\n" LOOP
		   "to = vm1\nwhen_full = drop\n");
	scales("datapath = poll\ncores = 2\n",
	       "[nic eth0]\n[guest vm1]\nattach = vf\n" LOOP "from = vm1\n" BOTH);
}

/* ---- shared by processes ---- */

static struct traffic *shared_loop(uint32_t window)
{
	static const struct traffic_endpoint guest = {"vm1", {2, 0, 0, 0, 0, 1}, {10, 0, 0, 2}};
	static const int vm1 = 0;
	struct traffic *t =
		traffic_open(&(struct traffic_cfg){.name = "rr",
						   .endpoints = &guest,
						   .n_endpoints = 1,
						   .to = {&vm1, 1},
						   .timing = TRAFFIC_BACK_TO_BACK,
						   .source = TRAFFIC_REQUEST,
						   .size = {TRAFFIC_SIZE_FIXED, 60, 60},
						   .reply = {TRAFFIC_SIZE_FIXED, 60, 60},
						   .packets = 1000,
						   .window = window,
						   .timeout = SIM_S,
						   .shared = true},
			     NULL);

	assert_non_null(t);
	return t;
}

/* Another process is the client; what it takes and what came of it is seen here. */
static void a_shared_loop_is_one_for_all_processes(void **state)
{
	struct traffic *t = shared_loop(7);
	struct loop *l = traffic_loop(t);
	struct loop_frame f;
	sim_time at;
	pid_t pid;
	int status;

	(void)state;
	pid = fork();
	if (pid == 0) {
		for (unsigned i = 0; i < 1000; i++) {
			while (!loop_peek(l, TRAFFIC_WIRE, &at))
				;
			if (!loop_take(l, TRAFFIC_WIRE, &f))
				_exit(2);
			loop_arrived(l, f.exchange, f.num, TRAFFIC_WIRE, 0, at + 1);
			if (!loop_take(l, 0, &f))
				_exit(3);
			loop_arrived(l, f.exchange, f.num, 0, TRAFFIC_WIRE, at + 5);
		}
		_exit(loop_over(l) ? 0 : 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(loop_over(l));
	assert_false(loop_peek(l, TRAFFIC_WIRE, &at));
	assert_false(loop_take(l, 0, &f));
	assert_int_equal(loop_stats(l)->requests, 1000);
	assert_int_equal(loop_stats(l)->rtt.count, 1000);
	assert_int_equal(loop_stats(l)->rtt.min, 5);
	traffic_free(t);
}

static void dies(void *ctx, int end)
{
	(void)ctx;
	(void)end;
	raise(SIGKILL);
}

static void never(void *ctx, sim_time at)
{
	(void)ctx;
	(void)at;
}

static void whoever_dies_in_a_shared_loop_ends_it(void **state)
{
	struct traffic *t = shared_loop(2);
	struct loop *l = traffic_loop(t);
	struct loop_frame f;
	sim_time at;
	pid_t pid;
	int status;

	(void)state;
	assert_true(loop_peek(l, TRAFFIC_WIRE, &at));
	assert_false(loop_over(l));
	pid = fork();
	if (pid == 0) {
		loop_listen(l, dies, never, NULL);
		loop_take(l, TRAFFIC_WIRE, &f);
		loop_arrived(l, f.exchange, f.num, TRAFFIC_WIRE, 0, 1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(loop_over(l));
	assert_false(loop_peek(l, TRAFFIC_WIRE, &at));
	assert_false(loop_take(l, TRAFFIC_WIRE, &f));
	traffic_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(littles_law_holds_from_the_wire_to_a_guest),
		cmocka_unit_test(littles_law_holds_from_a_guest_to_the_wire),
		cmocka_unit_test(littles_law_holds_from_guest_to_guest),
		cmocka_unit_test(littles_law_holds_on_tap_devices),
		cmocka_unit_test(lockstep_hears_of_what_is_due_earlier),
		cmocka_unit_test(a_round_trip_is_what_its_parts_are),
		cmocka_unit_test(what_is_lost_is_sent_again_and_given_up),
		cmocka_unit_test(littles_law_counts_the_waits_for_retries),
		cmocka_unit_test(a_late_answer_is_an_answer),
		cmocka_unit_test(digests_are_equal_across_policies),
		cmocka_unit_test(a_loop_and_other_traffic_share_a_wire),
		cmocka_unit_test(a_warm_up_is_left_out),
		cmocka_unit_test(a_guest_that_is_destroyed_answers_no_more),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(a_loop_in_other_units_of_time_is_the_same),
		cmocka_unit_test(a_shared_loop_is_one_for_all_processes),
		cmocka_unit_test(whoever_dies_in_a_shared_loop_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
