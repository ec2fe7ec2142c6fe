/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_fallbacks.c - every reason for an unwanted copy, and for a loss, that a scenario can
 * provoke.
 *
 * Each is provoked alone: it has all the fallbacks, or all the losses, of its run, and what is lost
 * and what arrives add up. Reasons that no scenario reaches, since they need a broken guest or
 * IOMMU, are left to test_hostile.c and the tests of the datapath with a hostile guest: dma_fault,
 * bad_offload, guest_queue_stopped; guest_gone is there, too.
 */
#include "machine_helper.h"

#define N 200u

static const char *const one[] = {"vm1", "guests", NULL};

/* All n delivered, `falls` of them by way of one copy for `reason`, in the direction `of`. */
static void check_fallback(struct run *run, const char *of, const char *reason, uint64_t n,
			   uint64_t falls)
{
	g_autofree char *name = g_strconcat("fallbacks.", reason, NULL);

	run_ok(run);
	run_conserves(run, one);
	run_part_is(run, of, "delivered", n);
	run_part_is(run, of, name, falls);
	run_part_is(run, of, "fallbacks", falls);
	run_part_is(run, of, "copies", falls);
	run_part_is(run, of,
		    !strcmp(of, "vm1.rx.") ? "copies.hypervisor_to_guest"
					   : "copies.guest_to_hypervisor",
		    falls);
	run_free(run);
}

static struct run zero_copy(const char *nic, const char *guest, bool tx, const char *size)
{
	return run_text("[nic eth0]\n%s\n[guest vm1]\npolicy = zero-copy\ndelivery = process\n%s\n"
			"[traffic t]\n%s = vm1\nsize = %s\npps = 20000\npackets = %u\n",
			nic, guest, tx ? "from" : "to", size, N);
}

static void nic_without_the_capability_costs_a_copy_both_ways(void **state)
{
	struct run rx = zero_copy("zero_copy = false", "", false, "700B");
	struct run tx = zero_copy("zero_copy = false", "", true, "700B");

	(void)state;
	check_fallback(&rx, "vm1.rx.", "no_capability", N, N);
	check_fallback(&tx, "vm1.tx.", "no_capability", N, N);
}

static void queue_that_is_not_the_guests_own_costs_a_copy_on_receive_only(void **state)
{
	struct run rx = zero_copy("queues = 1", "", false, "700B");
	struct run tx = zero_copy("queues = 1", "", true, "700B");

	(void)state;
	check_fallback(&rx, "vm1.rx.", "shared_queue", N, N);
	check_fallback(&tx, "vm1.tx.", "shared_queue", N, 0);
}

/* More of them than the queue between the two workers holds, and longer than a page with lro. */
static void shared_queue_loses_nothing_however_many_and_long(void **state)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};
	static const unsigned size[] = {60, 1514, 2049, 65549};

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct run run =
			run_text("[scenario]\nchecked = true\n[nic eth0]\nqueues = 1\n"
				 "link = 100Gbit/s\nlro = %s\n[guest vm1..vm2]\n"
				 "memory = 256MiB\npolicy = %s\n[traffic t]\nto = vm2\n"
				 "size = %uB\npps = 10000\npackets = 600\n",
				 size[i / 3] > 1514 ? "true" : "false", policy[i % 3], size[i / 3]);

		run_ok(&run);
		run_is(&run, "vm2.rx.delivered", 600);
		run_is(&run, "vm2.rx.drops", 0);
		run_is(&run, "vm2.rx.fallbacks.shared_queue", i % 3 == 2 ? 600 : 0);
		run_free(&run);
	}
}

static void long_frame_for_two_guests_is_whole_for_both(void **state)
{
	g_autofree char *path = run_temp(".pcap");
	struct pcap_make m = pcap_make_new(PCAP_NANO_LE, 1);
	static uint8_t b[60000];
	struct run run;

	(void)state;
	pcap_make_udp(b, sizeof(b), 9, 1, 4000, 1);
	memcpy(b, (const uint8_t[]){1, 0, 0x5e, 0, 0, 1}, 6);
	pcap_make_frame(&m, 0, b, sizeof(b));
	pcap_make_save(&m, path);
	run = run_text("[scenario]\nchecked = true\n[nic eth0]\nlro = true\n[guest vm1..vm2]\n"
		       "memory = 256MiB\n[traffic t]\ntrace = %s\nmatch = mac\n",
		       path);
	unlink(path);
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered_bytes", sizeof(b));
	run_is(&run, "vm2.rx.delivered_bytes", sizeof(b));
	run_free(&run);
}

static void frame_for_two_guests_costs_a_copy_each(void **state)
{
	g_autofree char *path = run_temp(".pcap");
	struct pcap_make m = pcap_make_new(PCAP_NANO_LE, 1);
	struct run run;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		uint8_t b[400];
		pcap_make_udp(b, sizeof(b), 9, 1, 4000, (uint8_t)i);
		if (i % 4 == 0) /* multicast */
			memcpy(b, (const uint8_t[]){1, 0, 0x5e, 0, 0, 1}, 6);
		pcap_make_frame(&m, i * 50000u, b, sizeof(b));
	}
	pcap_make_save(&m, path);
	run = run_text("[nic eth0]\n[guest]\npolicy = zero-copy\ndelivery = process\n"
		       "[guest vm1]\nmac = 02:00:00:00:00:01\n[guest vm2]\n"
		       "[traffic t]\ntrace = %s\nmatch = mac\n",
		       path);
	unlink(path);
	run_ok(&run);
	run_is(&run, "vm2.rx.delivered", N / 4);
	run_is(&run, "vm2.rx.fallbacks.multicast", N / 4);
	run_is(&run, "vm2.rx.copies", N / 4);
	check_fallback(&run, "vm1.rx.", "multicast", N, N / 4);
}

/* 9,000 B of a process take three pages, and each page a segment when it is mapped by itself. */
static void frame_of_more_segments_than_the_nic_takes_is_copied(void **state)
{
	static const struct {
		const char *segments;
		uint64_t falls;
	} row[] = {{"max_segments = 2", N}, {"max_segments = 3", 0}};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
		g_autofree char *nic = g_strconcat("mtu = 9000B\n", row[i].segments,
						   "\n[iommu]\nmode = strict", NULL);
		struct run run = zero_copy(nic, "", true, "9000B");
		check_fallback(&run, "vm1.tx.", "too_many_segments", N, row[i].falls);
	}
}

static void frame_of_several_segments_is_copied_without_gather(void **state)
{
	struct run large = zero_copy("mtu = 9000B\ngather = false", "", true, "9000B");
	struct run small = zero_copy("mtu = 9000B\ngather = false", "", true, "1000B");

	(void)state;
	check_fallback(&large, "vm1.tx.", "no_gather", N, N);
	check_fallback(&small, "vm1.tx.", "no_gather", N, 0);
}

static void posted_buffers_shorter_than_the_longest_frame_cost_a_copy(void **state)
{
	static const struct {
		const char *bytes;
		bool falls;
	} row[] = {{"512B", true}, {"1529B", true}, {"1530B", false}, {"0", false}};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) { /* 1500 + 18 + 12 B are the longest */
		struct run run = run_text("[nic eth0]\n[guest vm1]\npolicy = zero-copy\n"
					  "rx_buffer = %s\n[traffic t]\nto = vm1\nsize = 1500B\n"
					  "pps = 20000\npackets = %u\n",
					  row[i].bytes, N);
		uint64_t falls = row[i].falls ? N : 0;

		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", N);
		run_is(&run, "vm1.rx.fallbacks.short_buffer", falls);
		run_is(&run, "vm1.rx.fallbacks", falls);
		run_is(&run, "vm1.rx.copies.hypervisor_to_guest", falls);
		run_is(&run, "vm1.rx.copies.guest_kernel_to_process", N);
		run_free(&run);
	}
}

/* Its tables full, the IOMMU maps no buffer: a copy each way, nothing is lost or refused. */
static void buffer_that_cannot_be_mapped_costs_a_copy_both_ways(void **state)
{
	static const char *const mode[] = {"strict", "deferred"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		g_autofree char *full =
			g_strdup_printf("[iommu]\nmode = %s\nmax_table_pages = 14", mode[i]);
		struct run rx = zero_copy(full, "", false, "700B");
		struct run tx = zero_copy(full, "", true, "700B");

		run_is(&rx, "iommu.iommu_faults", 0);
		run_is(&rx, "iommu.table_pages", 14);
		check_fallback(&rx, "vm1.rx.", "map_failed", N, N);
		check_fallback(&tx, "vm1.tx.", "map_failed", N, N);
	}
}

static void tables_too_few_for_the_host_or_without_a_use_are_refused(void **state)
{
	struct run few =
		zero_copy("[iommu]\nmode = strict\nmax_table_pages = 5", "", false, "700B");
	struct run root =
		zero_copy("[iommu]\nmode = strict\nmax_table_pages = 1", "", false, "700B");
	struct run none =
		zero_copy("[iommu]\nmode = static\nmax_table_pages = 99", "", false, "700B");

	(void)state;
	run_refused(&few, SIM_EXIT_USAGE, "the host's own rings and buffers");
	run_refused(&root, SIM_EXIT_USAGE, "the host's own rings and buffers");
	run_refused(&none, SIM_EXIT_USAGE, "needs mode = strict or deferred");
	run_free(&few);
	run_free(&root);
	run_free(&none);
}

static void device_that_cannot_sum_costs_a_copy_on_send_only(void **state)
{
	struct run tx = zero_copy("tx_csum = false", "tx_csum = offload", true, "700B");
	struct run rx = zero_copy("tx_csum = false", "tx_csum = offload", false, "700B");

	(void)state;
	check_fallback(&tx, "vm1.tx.", "no_checksum", N, N);
	check_fallback(&rx, "vm1.rx.", "no_checksum", N, 0);
}

/* A chain longer than its queue would stop it (virtio 1.2, 2.7.5.3.1): said before the run. */
static void queue_too_short_for_a_frame_is_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct run run = run_text("[nic eth0]\nmtu = 9000B\n"
					  "[guest vm1]\nqueue_size = 4\nindirect_desc = %s\n"
					  "[traffic t]\nfrom = vm1\npps = 1000\npackets = 1\n",
					  i ? "true" : "false");
		run_refused(&run, SIM_EXIT_USAGE, "a frame can take 5 descriptors");
		run_free(&run);
	}
}

/* ---- losses ---- */

/*
 * Runs it, and all that is lost in direction `of` is lost for `reason`: between lo and hi frames.
 * What arrives, and what is lost, is all.
 */
static void check_drops(const char *of, const char *reason, uint64_t lo, uint64_t hi,
			const char *scenario)
{
	g_autofree char *name = g_strconcat("drops.", reason, NULL);
	struct run run = run_string(scenario);
	uint64_t drops;

	run_ok(&run);
	run_conserves(&run, one);
	drops = run_part(&run, of, "drops");
	run_part_is(&run, of, name, drops);
	run_part_is(&run, of, "resident", 0);
	if (drops < lo || drops > hi) {
		run_show(&run);
		fail_msg("%s%s is %" PRIu64 ", not in %" PRIu64 "..%" PRIu64, of, name, drops, lo,
			 hi);
	}
	assert_int_not_equal(run_part(&run, of, "delivered") + drops, 0);
	run_free(&run);
}

/* What a frame that is lost has cost before is no copy of a delivered one. */
static void check_wasted(const char *scenario, unsigned each)
{
	struct run run = run_string(scenario);

	run_ok(&run);
	run_is(&run, "vm1.rx.wasted_copies", each * run_int(&run, "vm1.rx.drops"));
	assert_int_not_equal(run_int(&run, "vm1.rx.drops"), 0);
	run_free(&run);
}

#define BURST                                                                                      \
	"[traffic t]\nto = vm1\nsize = 60B\nrate = max\npackets = 2000\n[scenario]\ndrain = 1s\n"

/* At 100 Gbit/s all 20 are there before the first is in memory: a ring of eight has room for eight.
 */
static void frames_that_find_the_nic_ring_full_are_lost(void **state)
{
	static const struct {
		const char *ring;
		uint64_t drops;
	} row[] = {{"8", 12}, {"16", 4}, {"32", 0}};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
		g_autofree char *text = g_strdup_printf(
			"[nic eth0]\nlink = 100Gbit/s\nrx_ring = %s\n[guest vm1]\n"
			"[traffic t]\nto = vm1\nsize = 60B\nrate = max\npackets = 20\n",
			row[i].ring);
		check_drops("vm1.rx.", "nic_ring_full", row[i].drops, row[i].drops, text);
	}
}

/* The guest gave four buffers, the ring would take 512: the host has nothing more to post. */
static void frames_that_find_no_descriptor_are_lost(void **state)
{
	(void)state;
	check_drops("vm1.rx.", "no_descriptor", 1000, 1996,
		    "[nic eth0]\nlink = 100Gbit/s\n"
		    "[guest vm1]\nqueue_size = 4\npolicy = zero-copy\n" BURST);
}

/*
 * On the bus a frame takes 12.128 us, on the wire 1.2192 us: 1,000 of them arrive in 1219.2 us, in
 * which 100 get through, and 43 wait in 64 KiB.
 */
static void frames_that_find_the_packet_buffer_full_are_lost(void **state)
{
	(void)state;
	check_drops("vm1.rx.", "nic_fifo_full", 854, 858,
		    "[nic eth0]\nbus_rate = 1Gbit/s\nrx_buffer = 64KiB\n[guest vm1]\n"
		    "[traffic t]\nto = vm1\nsize = 1500B\nrate = max\npackets = 1000\n");
}

static void frames_longer_than_the_mtu_are_lost(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		static const char *const policy[] = {"copy", "single-copy", "zero-copy"};
		bool tx = i & 1;
		g_autofree char *fits = g_strdup_printf(
			"[nic eth0]\nmtu = 1000B\n[guest vm1]\npolicy = %s\n"
			"[traffic t]\n%s = vm1\nsize = 1014B\npps = 20000\npackets = %u\n",
			policy[i / 2], tx ? "from" : "to", N);
		g_autofree char *over = g_strdup_printf(
			"[nic eth0]\nmtu = 1000B\n[guest vm1]\npolicy = %s\n"
			"[traffic t]\n%s = vm1\nsize = 1015B\npps = 20000\npackets = %u\n"
			"[traffic u]\n%s = vm1\nsize = 1014B\npps = 20000\npackets = %u\n",
			policy[i / 2], tx ? "from" : "to", N, tx ? "from" : "to", N);

		check_drops(tx ? "vm1.tx." : "vm1.rx.", "oversize", 0, 0, fits);
		check_drops(tx ? "vm1.tx." : "vm1.rx.", "oversize", N, N, over);
	}
}

static void frames_that_find_the_emulators_queue_full_are_lost(void **state)
{
	const char *scenario = "[host]\nvmm_queue = 1\n[nic eth0]\n[guest vm1]\npolicy = copy\n"
			       "[traffic t]\nto = vm1\nsize = 60B\nrate = max\npackets = 64\n";

	(void)state;
	check_drops("vm1.rx.", "vmm_queue_full", 1, 63, scenario);
	check_wasted(scenario, 0);
}

/* The host is quicker than the guest's driver, which has four buffers posted. */
static void frames_that_find_no_guest_buffer_are_lost(void **state)
{
	const char *scenario = "[host]\ncores = 2\n[nic eth0]\n[guest vm1]\nqueue_size = 4\n" BURST;

	(void)state;
	check_drops("vm1.rx.", "guest_ring_empty", 1000, 1996, scenario);
	check_wasted(scenario, 0);
}

/* 16,374 B are more than 64 buffers of 256 B hold, which is as many as one frame may take. */
static void frames_longer_than_the_buffers_they_may_take_are_lost(void **state)
{
	static const struct {
		const char *size;
		uint64_t drops;
	} row[] = {{"16372B", 0}, {"16373B", N}};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
		g_autofree char *text = g_strdup_printf(
			"[nic eth0]\nlro = true\n[guest vm1]\nmemory = 128MiB\nrx_buffer = 256B\n"
			"[traffic t]\nto = vm1\nsize = %s\npps = 10000\npackets = %u\n",
			row[i].size, N);
		check_drops("vm1.rx.", "short_buffer", row[i].drops, row[i].drops, text);
	}
}

/* The copy into the kernel's buffer is spent before the process turns out to be slow. */
static void frames_that_find_the_socket_full_are_lost(void **state)
{
	const char *scenario = "[nic eth0]\n[guest vm1]\nsocket_queue = 1\n"
			       "[traffic t]\nto = vm1\nsize = 60B\nrate = max\npackets = 200\n";

	(void)state;
	check_drops("vm1.rx.", "socket_full", 1, 199, scenario);
	check_wasted(scenario, 1);
}

/*
 * 2,000 frames are due at once. Those that wait are sent, all of them; those that do not are as
 * many as the ring and the NIC can hold.
 */
static void frames_that_find_the_send_queue_full_are_lost_or_wait(void **state)
{
	(void)state;
	for (unsigned drop = 0; drop < 2; drop++) {
		g_autofree char *text = g_strdup_printf(
			"[nic eth0]\nlink = 1Gbit/s\n[guest vm1]\npolicy = zero-copy\n"
			"[traffic t]\nfrom = vm1\nsize = 1500B\nrate = max\npackets = 2000\n"
			"when_full = %s\n",
			drop ? "drop" : "wait");
		check_drops("vm1.tx.", "send_full", drop ? 1000 : 0, drop ? 2000 - 256 : 0, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nic_without_the_capability_costs_a_copy_both_ways),
		cmocka_unit_test(queue_that_is_not_the_guests_own_costs_a_copy_on_receive_only),
		cmocka_unit_test(shared_queue_loses_nothing_however_many_and_long),
		cmocka_unit_test(long_frame_for_two_guests_is_whole_for_both),
		cmocka_unit_test(frame_for_two_guests_costs_a_copy_each),
		cmocka_unit_test(frame_of_more_segments_than_the_nic_takes_is_copied),
		cmocka_unit_test(frame_of_several_segments_is_copied_without_gather),
		cmocka_unit_test(posted_buffers_shorter_than_the_longest_frame_cost_a_copy),
		cmocka_unit_test(buffer_that_cannot_be_mapped_costs_a_copy_both_ways),
		cmocka_unit_test(tables_too_few_for_the_host_or_without_a_use_are_refused),
		cmocka_unit_test(device_that_cannot_sum_costs_a_copy_on_send_only),
		cmocka_unit_test(queue_too_short_for_a_frame_is_refused),
		cmocka_unit_test(frames_that_find_the_nic_ring_full_are_lost),
		cmocka_unit_test(frames_that_find_no_descriptor_are_lost),
		cmocka_unit_test(frames_that_find_the_packet_buffer_full_are_lost),
		cmocka_unit_test(frames_longer_than_the_mtu_are_lost),
		cmocka_unit_test(frames_that_find_the_emulators_queue_full_are_lost),
		cmocka_unit_test(frames_that_find_no_guest_buffer_are_lost),
		cmocka_unit_test(frames_longer_than_the_buffers_they_may_take_are_lost),
		cmocka_unit_test(frames_that_find_the_socket_full_are_lost),
		cmocka_unit_test(frames_that_find_the_send_queue_full_are_lost_or_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
