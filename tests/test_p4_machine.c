/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_p4_machine.c - guests with virtual functions that talk to each other: whole machines, in
 * which the switch in the NIC is one of four ways. The steps themselves are in test_p4.c.
 */
#include "machine_helper2.h"

#define PROCESS "[guest]\ndelivery = process\n"

/* The four ways: the rest of [nic], and of [guest]. */
static const struct way {
	const char *name, *nic, *guest;
	unsigned copies, dma; /* of the host, of a frame between guests; by process delivery */
} ways[] = {
	{"mediated", "switch = mediated\n", "attach = vf\n", 0, 2},
	{"veb", "switch = veb\n", "attach = vf\n", 0, 2},
	{"vepa", "switch = vepa\n", "attach = vf\n", 0, 2},
	{"software", "", "policy = copy\n", 2, 0},
};

static const char *const two[] = {"vm1", "vm2", "guests", NULL};
static const char *const three[] = {"vm1", "vm2", "vm3", "guests", NULL};

static void conserves(const struct run *run, const char *const *objects)
{
	run_conserves(run, objects);
	for (unsigned i = 0; objects[i]; i++) {
		g_autofree char *of = g_strconcat(objects[i], ".local.", NULL);
		run_part_is(run, of, "resident", 0);
		run_part_is(run, of, "packets",
			    run_part(run, of, "delivered") + run_part(run, of, "drops"));
	}
}

/* ---- what a frame costs ---- */

/* Constant traffic, the guests idle before each frame: the cells of the table. */
static void p4_01_cells_of_the_table(void **state)
{
	struct run run = run_text("[scenario]\nsystem = p4\n[nic eth0]\n[guest]\n"
				  "delivery = process\ntx_interrupt = sent\n[guest vm1..vm3]\n"
				  "[traffic in]\nto = vm1\nsize = 1000B\npps = 500\npackets = 300\n"
				  "[traffic out]\nfrom = vm1\nsize = 1000B\npps = 500\n"
				  "packets = 300\n[traffic between]\nfrom = vm3\nto = vm2\n"
				  "size = 1000B\npps = 500\npackets = 300\n");
	static const char *const way[] = {"vm1.rx.", "vm1.tx.", "vm2.local."};

	(void)state;
	run_ok(&run);
	for (unsigned i = 0; i < 3; i++) {
		run_part_is(&run, way[i], "delivered", 300);
		run_part_is(&run, way[i], "copies", 0);
		run_part_is(&run, way[i], "dma_transfers", i == 2 ? 600 : 300);
		run_part_is(&run, way[i], "dma_bytes", i == 2 ? 600000 : 300000);
	}
	run_is(&run, "vm1.rx.interrupts", 300);
	run_is(&run, "vm1.tx.interrupts", 300);
	run_is(&run, "vm2.rx.interrupts", 300); /* the local ones */
	run_is(&run, "guests.rx.vmm_entries", 0);
	run_is(&run, "guests.tx.vmm_entries", 0);
	run_is(&run, "eth0.rx.packets", 300); /* nothing local on the wire */
	run_is(&run, "eth0.tx.packets", 300);
	run_is(&run, "eth0.vf2.tx.packets_local", 300);
	run_is(&run, "eth0.vf1.rx.packets_local", 300);
	run_free(&run);
}

static void p4_16_no_entry_into_the_hypervisor_in_steady_state(void **state)
{
	static const char *const pace[] = {"pps = 1e4", "rate = 9Gbit/s"};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct run run = run_text("[scenario]\nsystem = p4\nwarmup = 100us\n[nic eth0]\n"
					  "rx_ring = 2048\n[guest]\ndelivery = %s\n"
					  "[guest vm1..vm2]\n[traffic t]\nfrom = vm1\nto = vm2\n"
					  "size = imix\n%s\nduration = 3ms\n"
					  "[traffic back]\nfrom = vm2\nto = vm1\nsize = 60B\n"
					  "pps = 1e4\nduration = 3ms\n",
					  i & 1 ? "process" : "kernel", pace[i >> 1]);

		run_ok(&run);
		conserves(&run, two);
		assert_true(run_int(&run, "vm2.local.delivered") > 20);
		assert_true(run_int(&run, "vm2.rx.interrupts") > 0);
		run_is(&run, "guests.rx.vm_exits", 0);
		run_is(&run, "guests.tx.vm_exits", 0);
		run_is(&run, "guests.rx.vmm_entries", 0);
		run_is(&run, "guests.tx.vmm_entries", 0);
		run_is(&run, "guests.rx.hypercalls", 0);
		run_is(&run, "guests.tx.hypercalls", 0);
		run_ratio_is(&run, "host.core0.busy_ratio", 0, 1);
		run_free(&run);
	}
}

/* A capture with frames between three stations and the wire, and some for everybody. */
static char *capture(void)
{
	static const uint8_t hop[][2] = {{1, 2},   {2, 1}, {1, 9},   {9, 3}, {3, 2},
					 {2, 255}, {1, 3}, {9, 255}, {3, 1}};
	char *path = run_temp(".pcap");
	struct pcap_make m = pcap_make_new(PCAP_NANO_LE, 1);
	uint8_t b[1400];

	for (unsigned i = 0; i < 900; i++) {
		const uint8_t *h = hop[i % G_N_ELEMENTS(hop)];
		unsigned len = 64 + i * 37 % 1300;
		pcap_make_udp(b, len, h[0], h[1], (uint16_t)(4000 + i % 3), (uint8_t)i);
		if (h[1] == 255)
			memset(b, 0xff, 6);
		pcap_make_frame(&m, 1000000000ull + i * 8000ull, b, len);
	}
	pcap_make_save(&m, path);
	return path;
}

static void p4_17_same_trace_by_four_ways_same_digest(void **state)
{
	static const char *const delivery[] = {"kernel", "process"};
	g_autofree char *path = capture();
	char *first[3][3] = {{0}};
	static const char *const dir[] = {"rx", "tx", "local"};

	(void)state;
	for (unsigned d = 0; d < 2; d++)
		for (unsigned w = 0; w < G_N_ELEMENTS(ways); w++) {
			struct run run = run_text(
				"[nic eth0]\n%s[guest]\n%sdelivery = %s\n"
				"[guest vm1]\nmac = 02:00:00:00:00:01\n[guest vm2]\n"
				"mac = 02:00:00:00:00:02\n[guest vm3]\nmac = 02:00:00:00:00:03\n"
				"[traffic t]\ntrace = %s\nmatch = mac\n",
				ways[w].nic, ways[w].guest, delivery[d], path);

			run_ok(&run);
			conserves(&run, three);
			run_is(&run, "guests.local.delivered", 500 + 200);
			run_is(&run, "guests.rx.delivered", 100 + 300);
			run_is(&run, "guests.tx.delivered", 100 + 100);
			for (unsigned g = 0; g < 3; g++)
				for (unsigned k = 0; k < 3; k++) {
					g_autofree char *name =
						g_strdup_printf("%s.%s.digest", three[g], dir[k]);
					const char *got = run_str(&run, name);
					if (!first[g][k])
						first[g][k] = g_strdup(got);
					assert_string_equal(got, first[g][k]);
				}
			run_free(&run);
		}
	unlink(path);
	for (unsigned i = 0; i < 9; i++)
		g_free(first[i / 3][i % 3]);
}

static void p4_17_copies_and_dma_of_the_four_ways(void **state)
{
	(void)state;
	for (unsigned w = 0; w < G_N_ELEMENTS(ways); w++)
		for (unsigned kernel = 0; kernel < 2; kernel++) {
			struct run run =
				run_text("[nic eth0]\n%s[guest]\n%sdelivery = %s\n"
					 "[guest vm1..vm2]\n[traffic t]\nfrom = vm1\n"
					 "to = vm2\nsize = 900B\npps = 1e5\n"
					 "packets = 200\n",
					 ways[w].nic, ways[w].guest, kernel ? "kernel" : "process");
			bool vepa = !strcmp(ways[w].name, "vepa");

			run_ok(&run);
			run_is(&run, "vm2.local.delivered", 200);
			run_ratio_is(&run, "vm2.local.host_copies_per_packet", ways[w].copies, 1);
			run_ratio_is(&run, "vm2.local.guest_copies_per_packet", 2 * kernel, 1);
			run_is(&run, "vm2.local.dma_transfers", 200 * ways[w].dma);
			run_is(&run, "eth0.tx.packets", vepa ? 200 : 0);
			run_is(&run, "eth0.rx.packets", vepa ? 200 : 0);
			run_free(&run);
		}
}

/* ---- two NICs ---- */

static void p4_10_guests_behind_two_mediated_nics_reach_each_other(void **state)
{
	uint64_t p50[2];

	(void)state;
	for (unsigned nics = 1; nics <= 2; nics++) {
		struct run run =
			run_text("[scenario]\nsystem = p4\n[nic eth0]\n[nic eth1]\n" PROCESS
				 "[guest vm1]\nnic = eth0\n[guest vm2]\nnic = %s\n"
				 "[traffic t]\nfrom = vm1\nto = vm2\nsize = 900B\n"
				 "pps = 1e5\npackets = 200\n[traffic b]\nfrom = vm2\n"
				 "to = all\nsize = 300B\npps = 1e5\npackets = 50\n",
				 nics == 1 ? "eth0" : "eth1");

		run_ok(&run);
		conserves(&run, two);
		run_is(&run, "vm2.local.delivered", 200);
		run_is(&run, "vm1.local.delivered", 50);
		run_is(&run, "vm2.local.dma_transfers", 400);
		run_is(&run, "vm2.tx.delivered", 50);
		run_is(&run, nics == 1 ? "eth0.tx.packets" : "eth1.tx.packets", 50);
		run_is(&run, "guests.rx.vm_exits", 0);
		p50[nics - 1] = (uint64_t)run_value(&run, "vm2.local.latency_ns.min")->num;
		run_free(&run);
	}
	assert_true(p50[1] > p50[0]);
}

static void p4_10_no_other_two_nics_are_joined(void **state)
{
	static const char *const of[][3] = {
		/* eth0, eth1, the guest behind eth1 */
		{"switch = mediated\n", "switch = veb\n", "attach = vf\n"},
		{"switch = veb\n", "switch = veb\n", "attach = vf\n"},
		{"switch = mediated\n", "switch = mediated\n", "policy = copy\n"},
	};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct run run = run_text("[nic eth0]\n%s[nic eth1]\n%s[guest vm1]\nattach = vf\n"
					  "nic = eth0\n[guest vm2]\nnic = eth1\n%s"
					  "[traffic t]\nfrom = vm1\nto = vm2\npps = 1000\n"
					  "packets = 10\n",
					  of[i][0], of[i][1], of[i][2]);
		run_refused(&run, SIM_EXIT_USAGE, "vm1 and vm2 are behind different NICs");
		run_free(&run);
	}
}

/* ---- broadcast, mixtures ---- */

static void p4_12_broadcast_from_guests_and_the_wire_reaches_each_guest_once(void **state)
{
	(void)state;
	for (unsigned w = 0; w < 3; w++)
		for (unsigned mixed = 0; mixed < 3; mixed++) {
			static const char *const third[] = {"attach = vf\n", "policy = copy\n",
							    "policy = zero-copy\n"};
			g_autofree char *path = capture();
			struct run run = run_text(
				"[nic eth0]\n%s[guest vm1]\nattach = vf\n"
				"mac = 02:00:00:00:00:01\n[guest vm2]\n%s"
				"mac = 02:00:00:00:00:02\n[guest vm3]\nattach = vf\n"
				"mac = 02:00:00:00:00:03\n[guest vm4]\n%s\n"
				"[traffic t]\ntrace = %s\nmatch = mac\nfilter = ether broadcast\n",
				ways[w].nic, third[mixed], third[mixed], path);

			unlink(path);
			run_ok(&run);
			conserves(&run, three);
			/* 100 from vm2, 100 from the wire */
			run_is(&run, "vm1.local.delivered", 100);
			run_is(&run, "vm2.local.packets", 0);
			run_is(&run, "vm3.local.delivered", 100);
			run_is(&run, "vm4.local.delivered", 100);
			run_is(&run, "vm2.tx.delivered", 100);
			run_is(&run, "vm1.rx.delivered", 100);
			run_is(&run, "vm2.rx.delivered", 100);
			run_is(&run, "vm3.rx.delivered", 100);
			run_is(&run, "vm4.rx.delivered", 100);
			run_free(&run);
		}
}

/* Each sends to each, one of each kind of guest behind each kind of switch. */
static void virtio_and_vf_guests_mix_behind_one_nic(void **state)
{
	static const char *const wake[] = {"interrupt", "poll"};

	(void)state;
	for (unsigned w = 0; w < 3; w++)
		for (unsigned k = 0; k < 2; k++) {
			struct run run = run_text(
				"[host]\ncores = 2\ndatapath = %s\n[nic eth0]\n%squeues = "
				"%u\n[guest]\n"
				"receive = %s\n[guest vm1]\nattach = vf\n[guest vm2]\n"
				"policy = single-copy\n[guest vm3]\npolicy = zero-copy\n"
				"delivery = process\n[guest vm4]\nattach = vf\n"
				"dma_map = per-buffer\n[traffic t]\nfrom = vm1, vm2, vm3, vm4\n"
				"to = vm1, vm2, vm3, vm4\nsize = uniform:60B..1514B\npps = 2e5\n"
				"packets = 2400\n",
				wake[k], ways[w].nic, k ? 64 : 1, wake[k]);
			static const char *const four[] = {"vm1", "vm2",    "vm3",
							   "vm4", "guests", NULL};

			run_ok(&run);
			conserves(&run, four);
			run_is(&run, "guests.local.delivered", 2400);
			for (unsigned g = 0; g < 4; g++) {
				g_autofree char *of = g_strconcat(four[g], ".local.", NULL);
				run_part_is(&run, of, "delivered", 600);
			}
			/* vf to vf by the NIC alone, virtio to virtio by the host alone */
			if (w < 2)
				run_is(&run, "eth0.tx.packets", 0);
			run_is(&run, "guests.tx.packets", 0);
			run_free(&run);
		}
}

static void p4_11_spoofed_frames_of_a_guest_are_counted_in_its_book(void **state)
{
	g_autofree char *path = capture();
	struct run run = run_text("[nic eth0]\n[guest vm1]\nattach = vf\n"
				  "[traffic t]\ntrace = %s\nfrom = vm1\n",
				  path);

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.tx.drops.spoofed", 900);
	run_is(&run, "vm1.tx.delivered", 0);
	run_is(&run, "eth0.vf0.tx.drops.spoofed", 900);
	run_free(&run);
	run = run_text("[nic eth0]\nanti_spoof = false\n[guest vm1]\nattach = vf\n"
		       "[traffic t]\ntrace = %s\nfrom = vm1\n",
		       path);
	unlink(path);
	run_ok(&run);
	run_is(&run, "vm1.tx.delivered", 900);
	run_free(&run);
}

static void p4_08_slow_receiver_drops_or_waits(void **state)
{
	uint64_t lost[2];

	(void)state;
	for (unsigned wait = 0; wait < 2; wait++) {
		struct run run = run_text(
			"[scenario]\nsystem = p4\n[nic eth0]\nrx_ring = 16\npeer_wait = "
			"%s\n" PROCESS "[guest vm1..vm3]\n[guest vm4..vm7]\n"
			"[traffic burst]\nfrom = vm4, vm5, vm6, vm7\nto = vm2\nsource = onoff\n"
			"on = 10us\noff = 90us\nsize = 60B\npps = 12e6\nduration = 2ms\n"
			"[traffic other]\nfrom = vm1\nto = vm3\nsize = 60B\npps = 2e4\n"
			"duration = 2ms\n",
			wait ? "1ms" : "0s");

		run_ok(&run);
		conserves(&run, three);
		lost[wait] = run_int(&run, "vm2.local.drops.no_peer_buffer");
		run_is(&run, "vm2.local.drops", lost[wait]);
		run_is(&run, "vm3.local.drops", 0);
		run_free(&run);
	}
	assert_true(lost[0] > 100);
	assert_int_equal(lost[1], 0);
}

/* Virtual functions of a NIC with many: the switch finds each, and costs the same. */
static void two_hundred_functions_talk_in_a_ring(void **state)
{
	g_autoptr(GString) text = g_string_new(
		"[scenario]\nsystem = p4\n[nic eth0]\nrx_ring = 16\ntx_ring = 16\n[guest]\n"
		"memory = 2MiB\nqueue_size = 16\nsocket_queue = 16\ndelivery = process\n"
		"[guest vm1..vm200]\n");
	struct run run;

	(void)state;
	for (unsigned i = 1; i <= 200; i++)
		g_string_append_printf(text,
				       "[traffic t%u]\nfrom = vm%u\nto = vm%u\nsize = 60B\n"
				       "pps = 1e4\npackets = 5\n",
				       i, i, i % 200 + 1);
	run = run_string(text->str);
	run_ok(&run);
	run_is(&run, "guests.local.delivered", 1000);
	run_is(&run, "vm200.local.delivered", 5);
	run_is(&run, "eth0.vf199.tx.packets_local", 5);
	run_is(&run, "eth0.tx.packets", 0);
	run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p4_01_cells_of_the_table),
		cmocka_unit_test(p4_16_no_entry_into_the_hypervisor_in_steady_state),
		cmocka_unit_test(p4_17_same_trace_by_four_ways_same_digest),
		cmocka_unit_test(p4_17_copies_and_dma_of_the_four_ways),
		cmocka_unit_test(p4_10_guests_behind_two_mediated_nics_reach_each_other),
		cmocka_unit_test(p4_10_no_other_two_nics_are_joined),
		cmocka_unit_test(p4_12_broadcast_from_guests_and_the_wire_reaches_each_guest_once),
		cmocka_unit_test(virtio_and_vf_guests_mix_behind_one_nic),
		cmocka_unit_test(p4_11_spoofed_frames_of_a_guest_are_counted_in_its_book),
		cmocka_unit_test(p4_08_slow_receiver_drops_or_waits),
		cmocka_unit_test(two_hundred_functions_talk_in_a_ring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
