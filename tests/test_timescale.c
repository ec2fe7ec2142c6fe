/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_timescale.c - a scenario in other units of time is the same scenario: see timescale.h. */
#include "timescale.h"

static void each_policy_and_way_of_waiting_scales(void **state)
{
	static const char *const policy[] = {"null", "copy", "single-copy", "zero-copy"};
	static const char *const way[] = {"", "receive = poll\n", "delivery = process\n",
					  "delivery = process\nreceive = poll\nvcpus = 2\n"};
	static const char *const host[] = {"", "cores = 2\ndatapath = poll\n",
					   "cores = 3\noffload = idle\n"};

	(void)state;
	for (unsigned i = 0; i < 48; i++)
		scales_text(host[i % 3],
			    "[nic eth0]\nmoderation = %s\n[guest vm1]\npolicy = %s\n%s" BOTH,
			    i & 1 ? "20us" : "0s", policy[i / 3 % 4], way[i / 12]);
}

static void each_published_system_scales(void **state)
{
	static const char *const system[] = {"baseline", "p1", "p2", "p3", "p4", "p5"};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(system); i++) {
		scales_text("", "[scenario]\nsystem = %s\n[nic eth0]\n[guest vm1]\n" BOTH,
			    system[i]);
		scales_text("cores = 2\n",
			    "[scenario]\nsystem = %s\nwarmup = 1ms\n[nic eth0]\n"
			    "[guest vm1..vm3]\n" BOTH "[traffic l]\nfrom = vm2\nto = vm3, vm1\n"
			    "pps = 25600\npackets = 500\n[traffic flood]\nfrom = vm3\nto = all\n"
			    "pps = 5120\npackets = 50\n",
			    system[i]);
	}
}

static void each_mode_of_the_iommu_scales(void **state)
{
	static const char *const mode[] = {"off", "static", "strict", "deferred"};
	static const char *const map[] = {"static", "per-buffer", "pooled", "bounce"};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		scales_text("",
			    "[iommu]\nmode = %s\nflush_batch = 32\nflush_timeout = 300us\n"
			    "iotlb_entries = 16\n[nic eth0]\n[guest vm1]\npolicy = zero-copy\n"
			    "delivery = process\n" BOTH,
			    mode[i]);
		for (unsigned d = 0; d < 4 && i; d++)
			scales_text("",
				    "[iommu]\nmode = %s\nflush_timeout = 300us\n[nic eth0]\n"
				    "[guest vm1]\nattach = vf\ndma_map = %s\n"
				    "dma_pages = %u\n" BOTH,
				    mode[i], map[d], d == 1 ? 600 : 0);
	}
}

static void each_kind_of_traffic_scales(void **state)
{
	static const char *const in[] = {
		"source = poisson\npps = 640000\nsize = 60B\n",
		"source = poisson\npps = 640000\nsize = imix\n",
		"source = poisson\nrate = 2Gbit/s\nsize = 1024B\n",
		"source = poisson\nrate = 2Gbit/s\nsize = imix\n",
		"source = poisson\nrate = 2Gbit/s\nsize = uniform:60B..1513B\n",
		"source = poisson\npps = 5120\nduration = 20ms\n",
		"source = onoff\non = 100us\noff = 50us\npps = 640000\n",
		"rate = 2Gbit/s\nsize = uniform:60B..1514B\n",
		"rate = max\nsize = imix\n",
		"pps = 640000\nstart = 3ms\n",
	};
	static const char *const timing[] = {"recorded", "scaled:3", "rate:2Gbit/s", "pps:128000",
					     "back-to-back"};
	g_autofree char *trace = run_trace("web-kv-dns.pcap");

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(in); i++)
		scales_text("",
			    "[scenario]\nseed = %u\n[nic eth0]\n[guest vm1]\n[traffic in]\n"
			    "to = vm1\npackets = 4000\n%s[traffic out]\nfrom = vm1\n"
			    "packets = 1000\n%s",
			    i, in[i], in[(i + 1) % G_N_ELEMENTS(in)]);
	for (unsigned i = 0; i < G_N_ELEMENTS(timing); i++)
		scales_text("",
			    "[nic eth0]\n[guest vm1]\n[traffic in]\nto = vm1\ntrace = %s\n"
			    "timing = %s\nloop = 2\n",
			    trace, timing[i]);
}

static void work_and_what_is_lost_for_it_scale(void **state)
{
	static const char *const law[] = {"1us", "exponential:1us", "uniform:500ns..1600ns"};

	(void)state;
	for (unsigned i = 0; i < 12; i++)
		scales_text("",
			    "[nic eth0]\n[guest vm1]\nwork = %s\npolicy = single-copy\n"
			    "delivery = %s\nqueue_size = %u\nnapi_weight = %u\n[traffic in]\n"
			    "to = vm1\nsource = poisson\npps = 640000\nsize = 60B\n"
			    "packets = 4000\n",
			    law[i % 3], i & 1 ? "process" : "kernel", i & 2 ? 8 : 256,
			    i & 4 ? 1 : 64);
}

static void guests_that_talk_to_each_other_scale(void **state)
{
	static const char *const net[] = {
		"[guest vm1..vm3]\npolicy = copy\n",
		"[guest vm1..vm3]\npolicy = single-copy\n",
		"[guest vm1..vm3]\npolicy = zero-copy\ndelivery = process\n",
		"[guest vm1..vm3]\nattach = vf\n",
	};
	static const char *const nic[] = {"veb", "vepa", "mediated\npeer_wait = 30us"};

	(void)state;
	for (unsigned i = 0; i < 12; i++)
		scales_text(i & 1 ? "switch_table = learned\n" : "",
			    "[nic eth0]\nswitch = %s\n%s[traffic a]\nfrom = vm1\nto = vm2\n"
			    "pps = 128000\npackets = 1000\n[traffic b]\nfrom = vm2\nto = vm3, vm1\n"
			    "source = poisson\npps = 25600\npackets = 500\n[traffic c]\n"
			    "from = vm3\nto = all\npps = 5120\npackets = 50\n",
			    nic[i / 4], net[i % 4]);
}

/* Timers, delays and moments of all kinds. */
static void what_is_put_off_scales(void **state)
{
	static const char *const what[] = {
		"[nic eth0]\n[guest vm1]\ncluster = true\ncluster_rate_window = 1ms\n"
		"cluster_rate_packets = 100\ncluster_timer = 70us\n",
		"[nic eth0]\n[guest vm1]\nirq_mask = 40us\ntx_interrupt = sent\n",
		"[nic eth0]\n[guest vm1]\ntx_batch = 8\ntx_timer = 30us\n",
		"[nic eth0]\n[guest vm1]\ntx_batch = 8\ntx_ack_age = 25us\ntx_trap = vmm\n",
		"[nic eth0]\ntx_late_every = 7\ntx_late = 60us\ntx_error_every = 11\n"
		"[guest vm1]\npolicy = zero-copy\nzero_copy_preset = vhost-net\n",
		"[nic eth0]\nzero_copy_off_at = 1ms\nzero_copy_on_at = 2ms\n[guest vm1]\n"
		"policy = zero-copy\noverwrite = 3us\ndelivery = process\n",
		"[iommu]\nmode = strict\n[nic eth0]\n[guest vm1]\nattach = vf\n"
		"dma_map = per-buffer\ndma_revoke_at = 1ms\ndma_permit_at = 2ms\n"
		"dma_retry = 50us\n",
		"[iommu]\nmode = strict\n[nic eth0]\n[guest vm1]\nsplit = true\n"
		"delivery = process\nevict_at = 1ms\nnot_resident = fault\n",
		"[iommu]\nmode = strict\n[nic eth0]\nplace = nic\n[guest vm1]\nsplit = true\n"
		"delivery = process\nrx_policy = zero-copy\n",
		"[nic eth0]\n[guest vm1]\npolicy = zero-copy\ndestroyed_at = 2ms\n",
		"[nic eth0]\n[guest vm1]\npolicy = copy\ndestroyed_at = 2ms\n",
		"[nic eth0]\n[guest vm1]\nattach = vf\ndestroyed_at = 2ms\n",
		"[nic eth0]\nqueues = 1\n[guest vm1]\npolicy = zero-copy\n",
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(what); i++)
		scales_text("", "[scenario]\nwarmup = 500us\ndrain = 10ms\nmax_time = 1s\n%s" BOTH,
			    what[i]);
}

/* Where bytes are, who has the core, how long waking up takes, what exits cost. */
static void caches_and_shared_cores_scale(void **state)
{
	static const char *const host[] = {
		"cache = model\n",
		"cache = model\nllc = 400KiB\nworking_set = 100KiB\nl2 = 32KiB\n",
		"cache = model\nnodes = 2\ncores = 2\nddio_ways = 0\n",
		"guest_cores = 1\nquantum = 50us\n",
		"guest_cores = host\nquantum = 20us\nwakeup = queue\ncores = 2\n",
		"wake_delay = 3us\nidle_exit = 20us\nidle_after = 40us\n",
		"eoi = exit\nposted_interrupts = false\n",
		"cache = model\nguest_cores = 2\nnodes = 2\nwake_delay = 1us\n",
	};

	(void)state;
	for (unsigned i = 0; i < 2 * G_N_ELEMENTS(host); i++)
		scales_text(host[i / 2],
			    "[scenario]\nwarmup = 500us\n[cost]\nirq_handle = 3000\n"
			    "[nic eth0]\nmoderation = 30us\n[guest vm1..vm3]\n%s" BOTH
			    "[traffic more]\nto = vm2, vm3\nsize = 60B\npps = 640000\n"
			    "packets = 2000\n",
			    i & 1 ? "attach = vf\n" : "policy = copy\n");
}

/* The scaling sees keys of every kind that has a duration. */
static void the_scaling_reaches_every_kind_of_key(void **state)
{
	static const char *const want[][2] = {
		{"host.clock", "250000000Hz"},
		{"eth0.link", "1250000000bit/s"},
		{"iommu.flush_timeout", "80000000000ps"},
		{"vm1.work", "uniform:8000000ps..16000000ps"},
		{"in.pps", "80000"},
		{"vm1.queue_size", "256"},
	};
	g_autofree char *path = run_temp(".ini");
	g_autofree char *text =
		g_strdup_printf(BASE, "", "[nic eth0]\n[guest vm1]\nwork = uniform:1us..2us\n" IN);
	struct scenario *sc, *slow;

	(void)state;
	g_file_set_contents(path, text, -1, NULL);
	sc = scenario_load(path, option_groups, NULL, NULL);
	unlink(path);
	assert_non_null(sc);
	slow = scaled_by(sc, 8);
	for (unsigned i = 0; i < G_N_ELEMENTS(want); i++) {
		g_auto(GStrv) part = g_strsplit(want[i][0], ".", 2);
		assert_string_equal(cfg_str(scenario_find(slow, part[0]), part[1]), want[i][1]);
	}
	scenario_free(slow);
	scenario_free(sc);
}

static void tap_devices_scale(void **state)
{
	static const char *const tap[] = {"",
					  "threads = one\n",
					  "lockstep = true\n",
					  "backend = uring\n",
					  "lockstep = true\nthreads = one\nbackend = uring\n",
					  "queue_length = 8\n"};
	static const char *const guest[] = {"policy = copy\n", "policy = single-copy\n",
					    "policy = zero-copy\ndelivery = process\n"};

	(void)state;
	for (unsigned i = 0; i < 18; i++)
		scales_text(i & 1 ? "datapath = poll\n" : "",
			    "[tap]\n%s[nic eth0]\n[guest vm1]\n%s[traffic in]\nto = vm1\n"
			    "size = imix\npps = 128000\npackets = 2000\nwhen_full = %s\n"
			    "[traffic out]\nfrom = vm1\nsource = poisson\nsize = imix\n"
			    "pps = 128000\npackets = 1000\n",
			    tap[i % 6], guest[i / 6], i & 2 ? "wait" : "drop");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_scaling_reaches_every_kind_of_key),
		cmocka_unit_test(each_policy_and_way_of_waiting_scales),
		cmocka_unit_test(each_published_system_scales),
		cmocka_unit_test(each_mode_of_the_iommu_scales),
		cmocka_unit_test(each_kind_of_traffic_scales),
		cmocka_unit_test(work_and_what_is_lost_for_it_scale),
		cmocka_unit_test(guests_that_talk_to_each_other_scale),
		cmocka_unit_test(tap_devices_scale),
		cmocka_unit_test(what_is_put_off_scales),
		cmocka_unit_test(caches_and_shared_cores_scale),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
