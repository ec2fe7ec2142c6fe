/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_p1_guests.c - header/data split: between guests, under overload, by flows, with checksums,
 * and settings that contradict each other.
 */
#include "p1_rig.h"

/* ---- between guests ---- */

static struct run cell(const char *from, const char *to, const char *both)
{
	return run_text(
		"[scenario]\nchecked = true\n[nic eth0]\n[guest]\npolicy = single-copy\n%s\n"
		"[guest vm1]\n%s\n[guest vm2]\n%s\n[traffic t]\nfrom = vm1\nto = vm2\n"
		"size = %uB\npps = 20000\npackets = %u\n",
		both, from, to, SIZE, N);
}

#define FAST "split = true\ndelivery = process\n"
#define SLOW "delivery = kernel\n"

static void p1_13_14_four_cells_copy_what_the_table_says(void **state)
{
	static const struct {
		const char *from, *to, *both;
		unsigned copies, headers;
		uint64_t bytes;
	} row[] = {
		{FAST, FAST, "", 1, 1, PAYLOAD},
		{FAST, SLOW, "", 2, 1, PAYLOAD + SIZE},
		{SLOW, FAST, "", 2, 1, PAYLOAD + SIZE},
		{SLOW, SLOW, "", 3, 0, 3 * SIZE},
		{SLOW, SLOW, "rx_policy = copy\ntx_policy = copy\n", 4, 0, 4 * SIZE},
	};
	g_autofree char *digest = NULL;

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
		struct run run = cell(row[i].from, row[i].to, row[i].both);

		run_ok(&run);
		run_is(&run, "vm2.local.delivered", N);
		run_is(&run, "vm2.local.copies", (uint64_t)row[i].copies * N);
		run_is(&run, "vm2.local.copy_bytes", row[i].bytes * N);
		run_is(&run, "vm2.local.header_copies", (uint64_t)row[i].headers * N);
		run_is(&run, "vm2.local.fallbacks", 0);
		run_is(&run, "vm2.local.dma_transfers", 0);
		run_is(&run, "eth0.tx.packets", 0);
		if (!i)
			digest = g_strdup(run_str(&run, "vm2.local.digest"));
		assert_string_equal(run_str(&run, "vm2.local.digest"), digest);
		run_free(&run);
	}
}

/* ---- what holds for all ---- */

/* Overload, drops and frames under way when the run is cut off. */
static void p1_16_pins_equal_unpins_after_drops_and_teardown(void **state)
{
	static const char *const mode[] = {"off", "static", "strict", "deferred"};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct run run = run_text(
			"[scenario]\nsystem = p1\ndrain = 0s\n[iommu]\nmode = %s\n"
			"[nic eth0]\nplace = nic\nrx_ring = 64\n[guest vm1]\nrx_policy = "
			"zero-copy\n"
			"queue_size = 32\n"
			"[traffic in]\nto = vm1\nsize = 300B\nrate = max\npackets = 5000\n"
			"[traffic out]\nfrom = vm1\nsize = 1500B\nrate = max\npackets = 1000\n",
			mode[i]);
		run_ok(&run);
		assert_true(run_int(&run, "vm1.rx.drops") > 0);
		assert_true(run_int(&run, "vm1.rx.resident") + run_int(&run, "vm1.tx.resident") >
			    0);
		assert_true(run_int(&run, "eth0.pins") >= 90);
		run_is(&run, "eth0.unpins", run_int(&run, "eth0.pins"));
		run_is(&run, "eth0.unmaps", run_int(&run, "eth0.maps"));
		run_free(&run);
	}
}

static void p1_17_overwritten_payload_is_seen_in_zero_copy_and_not_in_copy(void **state)
{
	struct run run = sends("dma_read = 20us", "overwrite = 10us");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.tx.hazards.overwrite_seen", N);
	run_free(&run);
	run = sends("dma_read = 20us\ngather = false", "overwrite = 10us");
	run_ok(&run);
	run_is(&run, "vm1.tx.hazards.overwrite_seen", 0);
	run_free(&run);
}

/* The first frame of a flow is the kernel's; two flows fit, the third never does. */
static void exact_flows_are_the_process_s_from_their_second_frame_on(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct run run = run_text(P1("strict") "[nic eth0]\n%s[guest vm1]\n%s"
						       "flow_match = exact\nflow_table = 2\n"
						       "[traffic t]\nto = vm1\nflows = 3\n"
						       "pps = 20000\npackets = 300\n",
					  placer[who].nic, placer[who].guest);
		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", 300);
		run_is(&run, "vm1.rx.fallbacks.no_flow", 2);
		run_is(&run, "vm1.rx.fallbacks.flow_table_full", 100);
		run_is(&run, "vm1.rx.fallbacks", 102);
		run_is(&run, "vm1.rx.copies.guest_kernel_to_process", 102);
		run_free(&run);
	}
}

/* A run that reorders a flow is refused by its own verification; here both ways are taken. */
static void order_holds_when_a_flow_s_frames_take_both_ways(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct run run =
			run_text(P1("strict") "[host]\ncores = 2\n[nic eth0]\n%s[guest vm1]\n%s"
					      "process_buffers = %u\n[traffic t]\nto = vm1\n"
					      "size = uniform:60B..1514B\nsource = poisson\n"
					      "rate = 5Gbit/s\npackets = 5000\n",
				 placer[who].nic, placer[who].guest, placer[who].host ? 3u : 20u);
		uint64_t kernel, delivered;

		run_ok(&run);
		delivered = run_int(&run, "vm1.rx.delivered");
		kernel = run_int(&run, "vm1.rx.fallbacks.no_process_buffer");
		assert_true(kernel > 100 && delivered - kernel > 100);
		run_free(&run);
	}
}

static void broadcast_and_shared_queue_are_placed_by_the_host(void **state)
{
	struct run run = run_text(P1("strict") "[host]\ncores = 4\n[nic eth0]\nqueues = 2\n"
					       "place = nic\n[guest vm1..vm2]\n"
					       "rx_policy = zero-copy\n[traffic t]\n"
					       "to = vm1..vm2\npps = 20000\npackets = 400\n");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.copies", 0);
	run_is(&run, "vm2.rx.copies", 200);
	run_is(&run, "vm2.rx.fallbacks.shared_queue", 200);
	run_is(&run, "vm2.rx.fallbacks", 200);
	run_is(&run, "vm2.rx.header_copies", 200);
	run_free(&run);
}

/* ---- checksums under split ---- */

static void p1_15_split_ends_pass_the_note_on_and_nobody_sums(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct rig rig =
			rig_open(P1("strict") "[nic eth0]\n[guest vm1..vm2]\n"
					      "tx_csum = offload\n[traffic t]\nfrom = vm1\n"
					      "to = %s\nsize = 1000B\npps = 1000\n"
					      "packets = 2\n",
				 i ? "wire" : "vm2");
		struct guest *g = &rig.m->guest[1];
		struct ledger *led = i ? &rig.m->guest[0].tx.led : &g->local.led;

		rig_run_only(&rig);
		assert_int_equal(led->corrupt, 0); /* on the wire the checksum is filled in */
		assert_int_equal(led->delivered, 2);
		assert_int_equal(led->csum_bytes, 0);
		if (!i)
			for (uint32_t b = 0; b < 2; b++) {
				uint64_t len = VIRTQ_NET_HDR_BYTES;
				const struct virtq_net_hdr *h = (void *)gmem_ptr(
					g->gm, g->net.rx_seg[b].addr, &len, GMEM_READ);
				assert_int_equal(h->flags, VIRTQ_NET_F_NEEDS_CSUM |
								   VIRTQ_NET_F_SPLIT |
								   VIRTQ_NET_F_BUFFER);
				assert_int_equal(h->csum_start, 34);
				assert_int_equal(h->hdr_len, HEADER);
			}
		rig_close(&rig);
	}
}

/* The guest's kernel sums header and payload wherever they are, in one piece or three. */
static void a_kernel_that_verifies_sums_what_the_process_has(void **state)
{
	static const char *const buffers[] = {"", "process_buffer = 501B\n",
					      "process_buffers = 0\n"};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		g_autofree char *nic = g_strconcat("rx_csum = false\n", placer[i & 1].nic, NULL);
		struct run run = run_text(P1("strict") "[nic eth0]\n%s[guest vm1]\n%s%s"
						       "[traffic t]\nto = vm1\nsize = %uB\n"
						       "pps = 20000\npackets = %u\n",
					  nic, placer[i & 1].guest, buffers[i / 2], SIZE, N);
		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", N);
		run_is(&run, "vm1.rx.csum_bytes", (uint64_t)N * (SIZE - 34));
		run_free(&run);
	}
}

/* The capture's checksums are partial sums: what is dropped does not depend on the split. */
static void wrong_checksums_are_found_under_split_as_without(void **state)
{
	static const char *const guest[] = {
		"delivery = process\n",
		"split = true\ndelivery = process\n",
		"split = true\ndelivery = process\nrx_policy = zero-copy\n",
	};
	uint64_t want = 0;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct run run = captured("segmented.pcap",
					  "lro = true\ntso = true\nrx_ring = 1024\nplace = nic\n"
					  "rx_csum = false\n",
					  guest[i]);
		run_ok(&run);
		if (!i)
			want = run_int(&run, "vm1.rx.drops.bad_checksum");
		assert_true(want > 10);
		run_is(&run, "vm1.rx.drops.bad_checksum", want);
		run_is(&run, "vm1.rx.drops", want);
		run_free(&run);
	}
}

/* ---- what is refused ---- */

static void settings_that_contradict_are_refused(void **state)
{
	static const struct {
		const char *group, *guest, *says;
	} row[] = {
		{"", "split = true\n", "use delivery = process"},
		{"", "split = true\ndelivery = process\nattach = vf\n", "attach = virtio"},
		{"", "split = true\ndelivery = process\nrx_buffer = 1KiB\n", "process_buffer"},
		{"", "split = true\ndelivery = process\nevict_at = 1ms\n", "pins all"},
		{"[iommu]\nmode = off\n",
		 "split = true\ndelivery = process\nevict_at = 1ms\npage_size = 2MiB\n", "4KiB"},
		{"[nic eth0]\nplace = nic\nmtu = 9000B\nrx_ring = 8\n",
		 "split = true\ndelivery = process\nrx_policy = zero-copy\n", "rx_ring"},
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
		struct run run =
			run_text("%s%s[guest vm1]\n%s[traffic t]\nto = vm1\npps = 1000\n"
				 "packets = 1\n",
				 row[i].group, strstr(row[i].group, "[nic") ? "" : "[nic eth0]\n",
				 row[i].guest);
		run_refused(&run, SIM_EXIT_USAGE, row[i].says);
		run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p1_13_14_four_cells_copy_what_the_table_says),
		cmocka_unit_test(p1_16_pins_equal_unpins_after_drops_and_teardown),
		cmocka_unit_test(p1_17_overwritten_payload_is_seen_in_zero_copy_and_not_in_copy),
		cmocka_unit_test(exact_flows_are_the_process_s_from_their_second_frame_on),
		cmocka_unit_test(order_holds_when_a_flow_s_frames_take_both_ways),
		cmocka_unit_test(broadcast_and_shared_queue_are_placed_by_the_host),
		cmocka_unit_test(p1_15_split_ends_pass_the_note_on_and_nobody_sums),
		cmocka_unit_test(a_kernel_that_verifies_sums_what_the_process_has),
		cmocka_unit_test(wrong_checksums_are_found_under_split_as_without),
		cmocka_unit_test(settings_that_contradict_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
