/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tapdev_model.c - TAP devices as the simulator models them ([tap], plat_tap.h). */
#include "machine_helper2.h"

#include <string.h>
#include <unistd.h>

/* A preset in which nothing costs anything: tests say what does. */
static const char nothing_costs[] =
	"[cost]\ncopy_base = 0\ncopy_byte = 0\ncsum_byte = 0\npoll = 0\ndev_rx = 0\ndev_tx = 0\n"
	"vq_pop = 0\nvq_desc = 0\nvq_push = 0\ndrv_add = 0\ndrv_get = 0\n[tap]\nread = 0\n"
	"read_byte = 0\nread_segment = 0\nread_empty = 0\nwrite = 0\nwrite_byte = 0\n"
	"write_segment = 0\nwrite_wake = 0\nsubmit = 0\nuring_read = 0\nuring_empty = "
	"0\nuring_write = 0\n"
	"epoll = 0\nepoll_ready = 0\neventfd = 0\neventfd_read = 0\nwake = 0\nturn = 0\npause = 0\n"
	"inject = 0\ninject_byte = 0\nreceive = 0\nreceive_byte = 0\n";

/* `tap` are lines of [tap], `rest` all that follows it. */
static struct run with_preset(const char *preset, const char *tap, const char *rest)
{
	g_autofree char *path = run_temp(".ini");
	struct run run;

	g_file_set_contents(path, preset, -1, NULL);
	run = run_text("[host]\npreset = %s\n[tap]\n%s%s", path, tap, rest);
	unlink(path);
	return run;
}

#define N         50u
#define ONE_GUEST "[nic eth0]\n[guest vm1]\n"
#define IN(more)  "[traffic in]\nto = vm1\nsize = 1000B\npps = 1e4\npackets = 50\n" more
#define OUT(more) "[traffic out]\nfrom = vm1\nsize = 1000B\npps = 1e4\npackets = 50\n" more

static void busy_is(const struct run *run, const char *cpu, const char *what, uint64_t ns)
{
	g_autofree char *name = g_strdup_printf("%s.busy_ns.%s", cpu, what);
	double got = run_number(run, name);

	if (got != (double)ns)
		fail_msg("%s is %.3f, wanted %" PRIu64, name, got, ns);
}

/* A frame, and a look for another one. */
static void each_read_is_paid_for(void **state)
{
	static const char *const backend[] = {"readwrite", "uring"};

	(void)state;
	for (unsigned uring = 0; uring < 2; uring++) {
		struct run run = run_text("[tap]\nbackend = %s\nread = 500ns\nread_byte = 2ns\n"
					  "read_empty = 70ns\nsubmit = 90ns\nuring_read = 400ns\n"
					  "uring_empty = 30ns\n[nic eth0]\n[guest vm1]\n" IN(""),
					  backend[uring]);
		run_ok(&run);
		busy_is(&run, "host.core0", "tap_read",
			N * (2 * 1000 + (uring ? 90 + 400 + 30 : 500 + 70)));
		run_free(&run);
	}
}

/* Nine pages in three buffers' worth: each further piece that a read offers, that a write takes. */
static void further_pieces_cost(void **state)
{
	struct run run =
		with_preset(nothing_costs, "read_segment = 10ns\nwrite_segment = 7ns\n",
			    "[nic eth0]\nmtu = 9000B\n[guest vm1]\n"
			    "[traffic in]\nto = vm1\nsize = 9000B\npps = 1e4\npackets = 50\n"
			    "[traffic out]\nfrom = vm1\nsize = 9000B\npps = 1e4\n"
			    "packets = 50\n");

	(void)state;
	run_ok(&run); /* hypervisor buffers of three pages */
	busy_is(&run, "host.core0", "tap_read", N * 2 * 10);
	busy_is(&run, "host.core0", "tap_write", N * 2 * 7);
	assert_int_equal(run_int(&run, "vm1.rx.dma_segments"), 3 * N);
	assert_int_equal(run_int(&run, "vm1.tx.dma_segments"), 3 * N);
	run_free(&run);
}

/* A buffer of the process is one piece, though it crosses pages. */
static void guest_memory_is_one_mapping(void **state)
{
	struct run run = run_text("[tap]\n[nic eth0]\nmtu = 9000B\n[guest vm1]\n"
				  "policy = zero-copy\ndelivery = process\n[traffic in]\nto = vm1\n"
				  "size = 9000B\npps = 1e4\npackets = 2000\n[traffic out]\n"
				  "from = vm1\nsize = 9000B\npps = 1e4\npackets = 2000\n");

	(void)state;
	run_ok(&run);
	assert_int_equal(run_int(&run, "vm1.rx.dma_segments"), 2000);
	assert_int_equal(run_int(&run, "vm1.tx.dma_segments"), 2000);
	assert_int_equal(run_int(&run, "vm1.rx.copies"), 0);
	run_free(&run);
}

static void each_write_is_paid_for(void **state)
{
	struct run run = run_text("[tap]\nwrite = 800ns\nwrite_byte = 3ns\n[nic eth0]\n"
				  "[guest vm1]\npolicy = zero-copy\ndelivery = process\n" OUT(""));

	(void)state;
	run_ok(&run);
	busy_is(&run, "host.core0", "tap_write", N * (800 + 3 * 1000));
	assert_int_equal(run_int(&run, "vm1.tx.dma_transfers"), N);
	assert_int_equal(run_int(&run, "vm1.tx.dma_segments"), N);
	assert_int_equal(run_int(&run, "vm1.tx.dma_bytes"), N * 1000);
	run_free(&run);
}

/* Frames far apart wake it one by one; of a burst the first does; one thread has nobody to wake. */
static void who_wakes_the_far_side_pays(void **state)
{
	static const struct {
		const char *tap, *pps;
		uint64_t woken;
	} at[] = {{"", "1e4", N}, {"threads = one\n", "1e4", 0}, {"", "1e9", 1}};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(at); i++) {
		g_autofree char *tap =
			g_strdup_printf("write_wake = 900ns\nreceive = 1ns\n%s", at[i].tap);
		g_autofree char *rest = g_strdup_printf(
			ONE_GUEST
			"[traffic out]\nfrom = vm1\nsize = 1000B\npps = %s\npackets = 50\n",
			at[i].pps);
		struct run run = with_preset(nothing_costs, tap, rest);

		run_ok(&run);
		if (at[i].woken == 1) /* how many bursts there are is not said here */
			assert_in_range((uint64_t)run_number(&run, "host.core0.busy_ns.tap_write"),
					900, (N - 1) * 900);
		else
			busy_is(&run, "host.core0", "tap_write", at[i].woken * 900);
		run_free(&run);
	}
}

/* Frames far apart: the datapath wakes, asks for more before it sleeps; so does the guest. */
static void wake_ups_are_paid_for(void **state)
{
	struct run run = with_preset(nothing_costs,
				     "epoll = 900ns\nepoll_ready = 200ns\n"
				     "eventfd = 300ns\neventfd_read = 110ns\n",
				     "[nic eth0]\n"
				     "[guest vm1]\n" IN(""));

	(void)state;
	run_ok(&run);
	busy_is(&run, "host.core0", "epoll", N * (900 + 200));
	busy_is(&run, "host.core0", "eventfd", N * 300);
	busy_is(&run, "vm1.vcpu0", "epoll", N * 900);
	busy_is(&run, "vm1.vcpu0", "eventfd_read", N * 110);
	assert_int_equal(run_int(&run, "vm1.rx.vm_exits"), 0);
	assert_int_equal(run_int(&run, "vm1.rx.interrupts"), N);
	run_free(&run);
}

/* Latency, part by part. */
static void a_lone_frame_takes_what_its_steps_take(void **state)
{
	struct run run = with_preset(nothing_costs,
				     "inject = 1us\ninject_byte = 1ns\n"
				     "read = 3us\nwake = 10us\nepoll = 100us\neventfd = 7us\n"
				     "eventfd_read = 20us\n",
				     "[nic eth0]\n[guest vm1]\n"
				     "delivery = process\n[traffic in]\nto = vm1\nsize = 1000B\n"
				     "pps = 1000\npackets = 20\n");

	(void)state;
	run_ok(&run);
	/* far side wakes, sends; datapath wakes, reads, kicks; guest wakes, takes the kick */
	assert_int_equal((uint64_t)run_number(&run, "vm1.rx.latency_ns.max"),
			 10000 + 2000 + 110000 + 3000 + 7000 + 130000);
	run_free(&run);
}

/*
 * Without event_idx each buffer that the guest's kernel gives back is a kick, which the datapath
 * hears when the guest's process has had its turn, too. Frames come each ms: after a pause, or not.
 */
static void one_thread_takes_turns(void **state)
{
	static const char *const guest[] = {"delivery = process\n",
					    "delivery = kernel\nevent_idx = false\n"};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		g_autofree char *rest =
			g_strdup_printf("[nic eth0]\n[guest vm1]\n%s[traffic in]\nto = vm1\n"
					"size = 1000B\npps = 1000\npackets = 20\n",
					guest[i & 1]);
		g_autofree char *tap = g_strdup_printf(
			"threads = one\ninject = 1us\nread = 3us\nwake = 10us\nepoll = 100us\n"
			"eventfd = 7us\neventfd_read = 20us\nturn = 500ns\npause = 2us\n"
			"pause_after = %s\n",
			i < 2 ? "2ms" : "900us");
		struct run run = with_preset(nothing_costs, tap, rest);

		run_ok(&run);
		busy_is(&run, "host.core0", "epoll", 0);
		busy_is(&run, "host.core0", "eventfd", 0);
		/* to the far side (not the first time), datapath and guest */
		assert_int_equal((uint64_t)run_number(&run, "vm1.rx.latency_ns.max"),
				 1000 + 3000 + 3 * 500 + (i < 2 ? 0 : 2000));
		run_free(&run);
	}
}

/* What does not fit in the device's queue: lost, or its traffic waits. */
static void a_full_queue_drops_or_holds_up(void **state)
{
	static const char *const when[] = {"drop", "wait"};

	(void)state;
	for (unsigned wait = 0; wait < 2; wait++) {
		struct run run = run_text(
			"[tap]\nqueue_length = 5\ninject = 10ns\ninject_byte = 0\nread = 2us\n"
			"[nic eth0]\n[guest vm1]\n[traffic in]\nto = vm1\nsize = 60B\nrate = max\n"
			"packets = 500\nwhen_full = %s\n",
			when[wait]);
		uint64_t lost;

		run_ok(&run);
		lost = run_int(&run, "vm1.rx.drops.nic_ring_full");
		assert_int_equal(lost + run_int(&run, "vm1.rx.delivered"), 500);
		assert_true(wait ? !lost : lost > 300);
		assert_int_equal(run_int(&run, "vm1.rx.drops"), lost);
		run_free(&run);
	}
}

/* Offered at once, they begin one after the other: each takes as long as a lone one. */
static void lockstep_has_one_frame_under_way(void **state)
{
	static const char *const threads[] = {"many", "one"};
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct run run =
			run_text("[tap]\nlockstep = true\nthreads = %s\n[nic eth0]\n[guest vm1]\n"
				 "policy = %s\n[traffic in]\nto = vm1\nsize = 500B\nrate = max\n"
				 "packets = 300\n",
				 threads[i & 1], policy[i / 2]);

		run_ok(&run);
		assert_int_equal(run_int(&run, "vm1.rx.delivered"), 300);
		assert_int_equal(run_int(&run, "vm1.rx.interrupts"), 300);
		assert_int_equal(run_int(&run, "vm1.rx.interrupts_suppressed"), 0);
		/* but for the first one, whose sender is awake */
		assert_true(run_number(&run, "vm1.rx.latency_ns.max") <
			    1.3 * run_number(&run, "vm1.rx.latency_ns.min"));
		run_free(&run);
	}
}

/* A send is a kick; completions are seen without an interrupt. */
static void lockstep_counts_follow_from_theory(void **state)
{
	struct run run = run_text("[tap]\nlockstep = true\n[nic eth0]\n[guest vm1..vm2]\n"
				  "[traffic in]\nto = vm1\npps = 1e5\npackets = 200\n"
				  "[traffic out]\nfrom = vm2\nrate = max\nsize = 60B\n"
				  "packets = 100\n");

	(void)state;
	run_ok(&run);
	assert_int_equal(run_int(&run, "vm1.rx.interrupts"), 200);
	assert_int_equal(run_int(&run, "vm1.rx.kicks"), 0);
	assert_int_equal(run_int(&run, "vm1.rx.kicks_suppressed"), 200);
	assert_int_equal(run_int(&run, "vm1.rx.ring_used"), 200);
	assert_int_equal(run_int(&run, "vm1.rx.ring_avail"), 456);
	assert_int_equal(run_int(&run, "vm2.tx.kicks"), 100);
	assert_true(run_int(&run, "vm2.tx.interrupts") <= 1);
	assert_int_equal(run_int(&run, "vm2.tx.ring_avail"), 100);
	assert_int_equal(run_int(&run, "vm2.tx.ring_used"), 100);
	run_free(&run);
}

static void the_datapath_s_time_is_all_of_its_work(void **state)
{
	struct run run = with_preset(nothing_costs, "read = 1us\nwrite = 3us\n",
				     "[nic eth0]\n"
				     "[guest vm1]\n" IN("") OUT(""));

	(void)state;
	run_ok(&run);
	assert_int_equal((uint64_t)run_number(&run, "host.cpu_ns"), N * 4000);
	assert_int_equal((uint64_t)run_number(&run, "host.packets_per_cpu_second"), 500000);
	run_free(&run);
}

static void what_no_tap_device_has_is_refused(void **state)
{
	static const char *const bad[][2] = {
		{"[nic eth0]\nlink = 1Gbit/s\n[guest vm1]\n", "[nic eth0] link"},
		{"[nic eth0]\nplace = nic\n[guest vm1]\n", "[nic eth0] place"},
		{"[iommu]\nmode = strict\n[nic eth0]\n[guest vm1]\n", "[iommu] mode"},
		{"[pcie]\ngeneration = 3\n[nic eth0]\n[guest vm1]\n", "[pcie] generation"},
		{"[nic eth0]\n[guest vm1]\nattach = vf\n", "[guest vm1] attach"},
		{"[host]\nscatter = true\n[nic eth0]\n[guest vm1]\n", "[host] scatter"},
		{"[host]\ncores = 2\n[nic eth0]\n[guest vm1]\n", "[host] cores"},
		{"[nic eth0]\n[guest vm1]\n[dma d]\ncount = 1\n", "[dma d]"},
		{"[nic far]\n[guest vm1]\n", "[nic far]"},
		{"[nic eth0]\n[guest vm1..vm2]\n[traffic x]\nfrom = vm1\nto = vm2\npps = 1\n"
		 "packets = 1\n",
		 "[traffic x] to"},
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct run run = run_text("[tap]\n%s" IN(""), bad[i][0]);

		run_refused(&run, SIM_EXIT_USAGE, bad[i][1]);
		run_free(&run);
	}
	struct run run = run_text("[tap]\n[iommu]\nmode = off\n[host]\nscatter = false\n"
				  "[nic eth0]\n[guest vm1]\n" IN(""));
	run_ok(&run); /* said, and nothing else than what is so */
	run_free(&run);
}

/* ---- presets from files ---- */

static void a_preset_file_gives_defaults(void **state)
{
	static const char cheap[] = "[tap]\nread = 1us\nread_byte = 0\nread_empty = 0\n";
	struct run run = with_preset(cheap, "", ONE_GUEST IN(""));

	(void)state;
	run_ok(&run);
	busy_is(&run, "host.core0", "tap_read", N * 1000);
	run_free(&run);
	run = with_preset(cheap, "read = 2us\n", ONE_GUEST IN("")); /* the scenario knows better */
	run_ok(&run);
	busy_is(&run, "host.core0", "tap_read", N * 2000);
	run_free(&run);
}

static void a_preset_file_holds_costs_alone(void **state)
{
	static const char *const bad[][2] = {
		{"[tap]\nlockstep = true\n", "lockstep"},
		{"[host]\ncores = 4\n", "cores"},
		{"[nic]\nmtu = 9000B\n", "mtu"},
		{"[guest vm1]\nwork = 1us\n", "work"},
		{"[tap]\nread = 5\n", "unit"},
		{"[tap]\nreed = 5ns\n", "reed"},
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct run run = with_preset(bad[i][0], "", ONE_GUEST IN(""));

		run_refused(&run, SIM_EXIT_USAGE, bad[i][1]);
		run_free(&run);
	}
	struct run run = run_text("[host]\npreset = /nowhere/x.ini\n[nic eth0]\n[guest vm1]\n"
				  "" IN(""));
	run_refused(&run, SIM_EXIT_USAGE, "[host] preset");
	run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_read_is_paid_for),
		cmocka_unit_test(further_pieces_cost),
		cmocka_unit_test(guest_memory_is_one_mapping),
		cmocka_unit_test(each_write_is_paid_for),
		cmocka_unit_test(who_wakes_the_far_side_pays),
		cmocka_unit_test(wake_ups_are_paid_for),
		cmocka_unit_test(a_lone_frame_takes_what_its_steps_take),
		cmocka_unit_test(one_thread_takes_turns),
		cmocka_unit_test(a_full_queue_drops_or_holds_up),
		cmocka_unit_test(lockstep_has_one_frame_under_way),
		cmocka_unit_test(lockstep_counts_follow_from_theory),
		cmocka_unit_test(the_datapath_s_time_is_all_of_its_work),
		cmocka_unit_test(what_no_tap_device_has_is_refused),
		cmocka_unit_test(a_preset_file_gives_defaults),
		cmocka_unit_test(a_preset_file_holds_costs_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
