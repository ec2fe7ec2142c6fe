/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_p1.c - header/data split with direct placement: each behaviour of the system by its number,
 * in whole machines; here what is received and sent. Pages that move and guests that are wrong are
 * in test_p1_pages.c, several guests and what holds for all in test_p1_guests.c; what only a
 * hostile guest does, and exact moments, in test_policy_split.c.
 */
#include "p1_rig.h"

/* ---- receive ---- */

static void p1_01_payload_at_the_process_and_header_in_the_kernel_alone(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++)
		two_frames_where_they_belong(who, PAYLOAD);
}

static void p1_02_host_places_with_one_copy_of_the_payload(void **state)
{
	struct run run = receives(0, "");

	(void)state;
	two_frames_where_they_belong(0, PAYLOAD); /* the kernel's payload buffers are untouched */
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", N);
	run_is(&run, "vm1.rx.copies", N);
	run_is(&run, "vm1.rx.copies.hypervisor_to_guest", N);
	run_is(&run, "vm1.rx.copy_bytes", (uint64_t)N * PAYLOAD);
	run_is(&run, "vm1.rx.header_copies", N);
	run_is(&run, "vm1.rx.fallbacks", 0);
	run_is(&run, "vm1.rx.dma_segments", N);
	run_is(&run, "vm1.rx.vmm_entries", 0);
	run_is(&run, "vm1.rx.interrupts", N);
	run_free(&run);
}

static void p1_03_nic_places_with_no_copy_and_two_targets(void **state)
{
	struct run run = receives(1, "");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", N);
	run_is(&run, "vm1.rx.copies", 0);
	run_is(&run, "vm1.rx.header_copies", 0);
	run_is(&run, "vm1.rx.fallbacks", 0);
	run_is(&run, "vm1.rx.dma_transfers", N);
	run_is(&run, "vm1.rx.dma_segments", 2 * N);
	run_is(&run, "vm1.rx.dma_bytes", (uint64_t)N * SIZE);
	run_is(&run, "vm1.rx.vmm_entries", 0);
	run_is(&run, "vm1.rx.interrupts", N);
	run_free(&run);
}

/* Through the device emulator: two copies of the payload, and two of the header. */
static void copy_counts_headers_apart_at_both_of_its_sites(void **state)
{
	struct run run = run_text(P1("strict") "[nic eth0]\n[guest vm1]\npolicy = copy\n"
					       "[traffic t]\nto = vm1\nsize = %uB\npps = 20000\n"
					       "packets = %u\n",
				  SIZE, N);

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.copies", 2 * N);
	run_is(&run, "vm1.rx.copy_bytes", 2ull * N * PAYLOAD);
	run_is(&run, "vm1.rx.header_copies", 2 * N);
	run_free(&run);
}

static void zero_copy_on_a_nic_that_cannot_place_is_a_counted_copy(void **state)
{
	struct run run = receives(0, "rx_policy = zero-copy");

	(void)state;
	run_refused(&run, SIM_EXIT_USAGE, "rx_policy"); /* given twice */
	run_free(&run);
	run = run_text(P1("strict") "[nic eth0]\n[guest vm1]\nrx_policy = zero-copy\n"
				    "[traffic t]\nto = vm1\npps = 20000\npackets = %u\n",
		       N);
	run_ok(&run);
	run_is(&run, "vm1.rx.copies", N);
	run_is(&run, "vm1.rx.fallbacks.no_capability", N);
	run_free(&run);
}

static void p1_04_kernel_delivery_copies_twice_what_split_copies_once(void **state)
{
	static const char *const split =
		"split = true\ndelivery = process\ntx_policy = zero-copy\n";
	struct run run =
		captured("web-kv-dns.pcap", "", "policy = single-copy\ndelivery = kernel\n");
	g_autofree char *rx = g_strdup(run_str(&run, "vm1.rx.digest"));
	g_autofree char *tx = g_strdup(run_str(&run, "vm1.tx.digest"));
	uint64_t in, out;

	(void)state;
	run_ok(&run);
	in = run_int(&run, "vm1.rx.delivered");
	out = run_int(&run, "vm1.tx.delivered");
	run_is(&run, "vm1.rx.copies.hypervisor_to_guest", in);
	run_is(&run, "vm1.rx.copies.guest_kernel_to_process", in);
	run_is(&run, "vm1.tx.copies.process_to_guest_kernel", out);
	run_is(&run, "vm1.tx.copies.guest_to_hypervisor", out);
	run_is(&run, "vm1.rx.copies", 2 * in);
	run_is(&run, "vm1.tx.copies", 2 * out);
	run_free(&run);
	for (unsigned who = 0; who < 2; who++) {
		g_autofree char *guest = g_strconcat(split, placer[who].guest, NULL);
		run = captured("web-kv-dns.pcap", placer[who].nic, guest);
		run_ok(&run);
		assert_string_equal(run_str(&run, "vm1.rx.digest"), rx);
		assert_string_equal(run_str(&run, "vm1.tx.digest"), tx);
		/* One ARP request, which is the kernel's. */
		run_is(&run, "vm1.rx.fallbacks", 1);
		run_is(&run, "vm1.rx.fallbacks.not_split", 1);
		run_is(&run, "vm1.rx.copies.guest_kernel_to_process", 1);
		run_is(&run, "vm1.rx.copies.hypervisor_to_guest",
		       placer[who].host ? in - run_int(&run, "vm1.rx.header_only") : 0);
		run_is(&run, "vm1.rx.header_copies", placer[who].host ? in - 1 : 0);
		run_is(&run, "vm1.tx.copies", 0);
		assert_true(run_int(&run, "vm1.rx.header_only") > 500);
		run_free(&run);
	}
}

/* Segments of 64 KiB, in chains of many pieces on both sides. */
static void capture_of_long_segments_arrives_with_the_same_digest(void **state)
{
	static const char *const guest[] = {
		"delivery = process\n",
		"split = true\ndelivery = process\n",
		"split = true\ndelivery = process\nrx_policy = zero-copy\ntx_policy = zero-copy\n",
		"split = true\ndelivery = process\nrx_policy = zero-copy\nprocess_buffer = 4000B\n",
		"split = true\ndelivery = process\nrx_policy = copy\nindirect_desc = false\n",
	};
	g_autofree char *rx = NULL, *tx = NULL;

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(guest); i++) {
		struct run run =
			captured("segmented.pcap",
				 "lro = true\ntso = true\nrx_ring = 1024\nplace = nic\n", guest[i]);
		run_ok(&run);
		if (!i) {
			rx = g_strdup(run_str(&run, "vm1.rx.digest"));
			tx = g_strdup(run_str(&run, "vm1.tx.digest"));
		}
		assert_string_equal(run_str(&run, "vm1.rx.digest"), rx);
		assert_string_equal(run_str(&run, "vm1.tx.digest"), tx);
		run_is(&run, "vm1.rx.drops", 0);
		run_free(&run);
	}
}

/* ---- send ---- */

static void p1_05_wire_has_header_then_payload_and_sources_are_unmodified(void **state)
{
	static const char *const nic[] = {"", "gather = false\n"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct seen s = {
			.rig = rig_open(P1("strict") "[nic eth0]\n%s[guest vm1]\n"
						     "[traffic t]\nfrom = vm1\nsize = %uB\n"
						     "pps = 1000\npackets = 2\n",
					nic[i], SIZE)};
		struct guest *g = &s.rig.m->guest[0];
		uint64_t len = VIRTQ_NET_HDR_BYTES + HEADER;

		watch(&s);
		rig_run_only(&s.rig);
		assert_int_equal(s.n, 2);
		assert_int_equal(g->tx.led.corrupt, 0); /* it is what the process made */
		for (unsigned k = 0; k < 2; k++) {
			/* Send slots are used in order of their numbers, too. */
			const uint8_t *kernel =
				gmem_ptr(g->gm, g->net.tx_seg[k].addr, &len, GMEM_READ);
			assert_memory_equal(s.bytes[k], kernel + VIRTQ_NET_HDR_BYTES, HEADER);
			for (uint32_t b = 0; b < PAYLOAD; b++)
				assert_int_equal(s.bytes[k][HEADER + b],
						 *process_at(g, g->net.tx_gva[k], b));
		}
		rig_close(&s.rig);
	}
}

static void p1_05_send_copies_nothing_with_gather_and_once_without(void **state)
{
	struct run run = sends("", "");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.tx.delivered", N);
	run_is(&run, "vm1.tx.copies", 0);
	run_is(&run, "vm1.tx.header_copies", 0);
	run_is(&run, "vm1.tx.dma_transfers", N);
	run_is(&run, "vm1.tx.dma_segments", 2 * N);
	run_free(&run);
	run = sends("gather = false", "");
	run_ok(&run);
	run_is(&run, "vm1.tx.copies", N);
	run_is(&run, "vm1.tx.copies.guest_to_hypervisor", N);
	run_is(&run, "vm1.tx.copy_bytes", (uint64_t)N * PAYLOAD);
	run_is(&run, "vm1.tx.header_copies", N);
	run_is(&run, "vm1.tx.fallbacks.no_gather", N);
	run_is(&run, "vm1.tx.dma_segments", N);
	run_free(&run);
}

/* 8,958 bytes of payload are three pages, and no two of a guest's pages are neighbours. */
static void p1_06_segments_are_the_pages_touched(void **state)
{
	static const char *const mode[] = {"off", "static", "strict", "deferred"};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct run run = run_text(
			"[scenario]\nsystem = p1\nchecked = true\n[iommu]\nmode = %s\n"
			"[nic eth0]\nmtu = 9000B\nplace = nic\n[guest vm1]\nrx_policy = zero-copy\n"
			"[traffic in]\nto = vm1\nsize = 9000B\npps = 5000\npackets = %u\n"
			"[traffic out]\nfrom = vm1\nsize = 9000B\npps = 5000\npackets = %u\n",
			mode[i], N, N);
		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", N);
		run_is(&run, "vm1.tx.delivered", N);
		run_is(&run, "vm1.rx.copies", 0);
		run_is(&run, "vm1.tx.copies", 0);
		run_is(&run, "vm1.rx.dma_transfers", N);
		run_is(&run, "vm1.rx.dma_segments", 4 * N);
		run_is(&run, "vm1.tx.dma_segments", 4 * N);
		run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p1_01_payload_at_the_process_and_header_in_the_kernel_alone),
		cmocka_unit_test(p1_02_host_places_with_one_copy_of_the_payload),
		cmocka_unit_test(p1_03_nic_places_with_no_copy_and_two_targets),
		cmocka_unit_test(copy_counts_headers_apart_at_both_of_its_sites),
		cmocka_unit_test(zero_copy_on_a_nic_that_cannot_place_is_a_counted_copy),
		cmocka_unit_test(p1_04_kernel_delivery_copies_twice_what_split_copies_once),
		cmocka_unit_test(capture_of_long_segments_arrives_with_the_same_digest),
		cmocka_unit_test(p1_05_wire_has_header_then_payload_and_sources_are_unmodified),
		cmocka_unit_test(p1_05_send_copies_nothing_with_gather_and_once_without),
		cmocka_unit_test(p1_06_segments_are_the_pages_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
