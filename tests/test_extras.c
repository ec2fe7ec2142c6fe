/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_extras.c - extras of the datapath in whole machines: copybreak, header, batches, turns, lazy
 * reclaim, holding back, and frames of 64 KiB. */
#include "machine_helper.h"

static const char *const modes[] = {"off", "static", "strict", "deferred"};

/* Nanoseconds, times 1000. */
static uint64_t run_milli(const struct run *run, const char *metric)
{
	return (uint64_t)result_milli(run_value(run, metric));
}

/* ---- copybreak ---- */

#define N 700u

static struct run receive(const char *guest, const char *mode, unsigned copybreak, unsigned size)
{
	struct run run = run_text("[scenario]\nchecked = true\n[iommu]\nmode = %s\n[nic eth0]\n"
				  "[guest vm1]\n%srx_copybreak = %uB\n"
				  "[traffic t]\nto = vm1\nsize = %uB\npps = 200000\npackets = %u\n",
				  mode, guest, copybreak, size, N);
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", N);
	return run;
}

static void copybreak_copies_what_is_short_and_ends_no_mapping_of_it(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 16; k++) {
		const char *delivery = k & 1 ? "process" : "kernel", *mode = modes[k / 4];
		unsigned limit = k & 2 ? 128 : 900;
		g_autofree char *guest =
			g_strdup_printf("rx_policy = zero-copy\ndelivery = %s\n", delivery);
		for (unsigned size = limit - 1; size <= limit + 1; size++) {
			struct run run = receive(guest, mode, limit, size);
			struct run off = receive(guest, mode, 0, size);
			unsigned copied = size <= limit ? N : 0;

			run_is(&run, "vm1.rx.copies.posted_to_guest", copied);
			run_is(&run, "vm1.rx.copy_bytes.posted_to_guest", (uint64_t)copied * size);
			run_is(&run, "vm1.rx.fallbacks", copied);
			run_is(&run, "vm1.rx.fallbacks.copybreak", copied);
			run_is(&off, "vm1.rx.fallbacks", 0);
			/* Only what was posted at the start was ever mapped. */
			if (k >= 8 && copied)
				assert_in_range(run_int(&run, "eth0.maps"), 1, 256);
			if (k >= 8 && !copied)
				assert_true(run_int(&run, "eth0.maps") >= N);
			assert_string_equal(run_str(&run, "vm1.rx.digest"),
					    run_str(&off, "vm1.rx.digest"));
			run_free(&run);
			run_free(&off);
		}
	}
}

static void copybreak_of_a_virtual_function_costs_a_copy_and_no_hypercall(void **state)
{
	static const char *const maps[] = {"static", "per-buffer", "pooled", "bounce"};

	(void)state;
	for (unsigned k = 0; k < 8; k++) {
		g_autofree char *guest =
			g_strdup_printf("attach = vf\ndma_map = %s\n", maps[k / 2]);
		bool bounce = k / 2 == 3;
		unsigned size = 256 + (k & 1);
		struct run run = receive(guest, "strict", 256, size);
		unsigned copied = k & 1 ? 0 : N;

		run_is(&run, "vm1.rx.copies.posted_to_guest_kernel", copied);
		run_is(&run, "vm1.rx.fallbacks.copybreak", copied);
		run_is(&run, "vm1.rx.copies", N + copied + (bounce ? N : 0));
		run_is(&run, "vm1.rx.hypercalls", k == 3 ? 2 * N : 0);
		run_free(&run);
	}
}

/* Long and short ones between each other, buffers of several pages, a ring that runs empty. */
static void copybreak_of_some_frames_keeps_all_in_order(void **state)
{
	static const char *const guest[] = {
		"policy = zero-copy\nqueue_size = 8\n",
		"policy = zero-copy\nqueue_size = 8\ndelivery = process\n",
		"policy = zero-copy\nqueue_size = 64\nindirect_desc = false\n",
		"attach = vf\ndma_map = per-buffer\n",
	};

	(void)state;
	for (unsigned k = 0; k < G_N_ELEMENTS(guest); k++) {
		struct run run = run_text("[scenario]\nseed = %u\nchecked = true\n"
					  "[iommu]\nmode = strict\n[nic eth0]\nmtu = 9000B\n"
					  "rx_ring = 64\n[guest vm1]\n%srx_copybreak = 1000B\n"
					  "[traffic t]\nto = vm1\nsize = uniform:60B..4000B\n"
					  "source = poisson\npps = 150000\npackets = 3000\n",
					  k + 1, guest[k]);
		uint64_t short_ones;

		run_ok(&run); /* order, bytes and sums are the run's own to check */
		run_conserves(&run, (const char *const[]){"vm1", NULL});
		short_ones = run_int(&run, "vm1.rx.fallbacks.copybreak");
		assert_in_range(short_ones, 1, run_int(&run, "vm1.rx.delivered") / 2);
		run_free(&run);
	}
}

static void copybreak_without_a_kernel_buffer_is_refused(void **state)
{
	struct run run = run_text("[iommu]\nmode = strict\n[nic eth0]\n[guest vm1]\nattach = vf\n"
				  "delivery = process\nrx_copybreak = 1B\n"
				  "[traffic t]\nto = vm1\npackets = 1\n");

	(void)state;
	run_refused(&run, 2, "rx_copybreak");
	run_free(&run);
	run = run_text("[nic eth0]\n[guest vm1]\nsplit = true\ndelivery = process\n"
		       "rx_copybreak = 1B\n[traffic t]\nto = vm1\npackets = 1\n");
	run_refused(&run, 2, "rx_copybreak");
	run_free(&run);
}

/* ---- the virtio-net header ---- */

static void an_early_header_costs_so_many_cycles_a_copied_frame(void **state)
{
	static const struct {
		const char *guest;
		unsigned cycles;
		bool pays;
	} row[] = {
		{"mrg_header = early\n", 100, true},
		{"mrg_header = early\npolicy = copy\n", 37, true},
		{"mrg_header = late\n", 100, false},
		{"mrg_header = early\nmrg_rxbuf = false\n", 100, false},
		{"mrg_header = early\ndelivery = process\n", 100, false},
		{"mrg_header = early\npolicy = zero-copy\n", 100, false},
	};

	(void)state;
	for (unsigned k = 0; k < G_N_ELEMENTS(row); k++) {
		struct run run = run_text("[host]\nclock = 2GHz\n[cost]\nheader_early = %u\n"
					  "[nic eth0]\n[guest vm1]\n%s"
					  "[traffic t]\nto = vm1\nsize = 60B\npps = 100000\n"
					  "packets = 300\n",
					  row[k].cycles, row[k].guest);
		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", 300);
		assert_int_equal(run_milli(&run, "host.core0.busy_ns.header_early"),
				 row[k].pays ? 300u * row[k].cycles * 500 : 0);
		run_free(&run);
	}
}

/* ---- batches and turns ---- */

static void a_batch_has_one_doorbell(void **state)
{
	(void)state;
	for (unsigned batch = 1; batch <= 64; batch *= 2) {
		struct run run = run_text("[host]\ndatapath = poll\nbatch = %u\n"
					  "[cost]\ndoorbell = 100\nvq_pop = 4000\n"
					  "[nic eth0]\n[guest vm1]\nvcpus = 2\ndelivery = process\n"
					  "[traffic t]\nfrom = vm1\nsize = 60B\nrate = max\n"
					  "packets = 6400\n",
					  batch);
		uint64_t bells;

		run_ok(&run);
		run_is(&run, "vm1.tx.delivered", 6400);
		/* The host is the bottleneck, so bursts are full; a ring of 256 is sent later. */
		bells = run_milli(&run, "host.core0.busy_ns.doorbell") / 40000;
		assert_in_range(bells, (6400 - 256) / batch, 6400 / batch + 3);
		run_free(&run);
	}
}

/*
 * One guest sends at full speed by a core which it keeps busy, 2 us a frame. Another one sends now
 * and then by the same core: how long it waits at most is a turn of the first.
 */
static uint64_t longest_wait(const char *host)
{
	struct run run = run_text("[host]\ncores = 1\n%s[cost]\nvq_pop = 5000\nwake = 0\n"
				  "[nic eth0]\nlink = 100Gbit/s\n[guest vm1..vm2]\nvcpus = 2\n"
				  "queue_size = 1024\ndelivery = process\n"
				  "[traffic a]\nfrom = vm1\nsize = 1000B\nrate = max\n"
				  "packets = 40000\n[traffic b]\nfrom = vm2\nsize = 60B\n"
				  "source = poisson\npps = 1000\nduration = 80ms\n",
				  host);
	uint64_t us;

	run_ok(&run);
	run_is(&run, "vm1.tx.delivered", 40000);
	us = run_milli(&run, "vm2.tx.latency_ns.max") / 1000000;
	run_free(&run);
	return us;
}

static void others_wait_for_the_length_of_a_turn(void **state)
{
	static const struct {
		const char *host;
		unsigned frames; /* of a turn */
	} row[] = {
		{"batch = 16\n", 16},
		{"", 64},
		{"batch = 16\nturn_packets = 64\n", 64},
		{"turn_packets = 256\n", 256}, /* vhost-net's */
		{"batch = 16\nturn_packets = 256\nturn_bytes = 32000B\n", 32},
		{"turn_packets = 256\nturn_bytes = 128KiB\n", 130},
	};

	(void)state;
	for (unsigned k = 0; k < G_N_ELEMENTS(row); k++) {
		uint64_t us = longest_wait(row[k].host), turn = row[k].frames * 2200ull / 1000;

		/* The longest of 80 waits is nearly all of it. */
		assert_in_range(us, turn * 85 / 100, turn + 10);
	}
}

static void turn_bytes_needs_turn_packets(void **state)
{
	struct run run = run_text("[host]\nturn_bytes = 1KiB\n[nic eth0]\n[guest vm1]\n"
				  "[traffic t]\nto = vm1\npackets = 1\n");

	(void)state;
	run_refused(&run, 2, "turn_packets");
	run_free(&run);
}

/* ---- pieces ---- */

/* A frame longer than the header is one piece more, wherever it goes, and says the same. */
static void a_header_apart_is_a_piece_more_of_longer_frames(void **state)
{
	static const char *const path[] = {
		"policy = copy\n",
		"policy = single-copy\nindirect_desc = false\n",
		"policy = zero-copy\n",
		"attach = vf\ndma_map = per-buffer\n",
		"attach = vf\ndma_map = bounce\n",
		"policy = zero-copy\ntx_csum = offload\n",
	};

	(void)state;
	for (unsigned k = 0; k < 4 * G_N_ELEMENTS(path); k++) {
		unsigned p = k / 4, size = (const unsigned[]){60, 66, 67, 1514}[k % 4];
		bool whole = p < 2; /* the NIC reads a hypervisor buffer */
		uint64_t segments[2];
		g_autofree char *digest = NULL;

		for (unsigned header = 0; header < 2; header++) {
			struct run run = run_text("[scenario]\nchecked = true\n[iommu]\n"
						  "mode = strict\n[nic eth0]\n[guest vm1]\n%s"
						  "tx_header = %uB\n[traffic t]\nfrom = vm1\n"
						  "size = %uB\npps = 100000\npackets = 100\n",
						  path[p], 66 * header, size);
			run_ok(&run);
			run_is(&run, "vm1.tx.delivered", 100);
			segments[header] = run_int(&run, "vm1.tx.dma_segments");
			if (header)
				assert_string_equal(digest, run_str(&run, "vm1.tx.digest"));
			else
				digest = g_strdup(run_str(&run, "vm1.tx.digest"));
			run_free(&run);
		}
		assert_int_equal(segments[1] - segments[0], size > 66 && !whole ? 100 : 0);
	}
}

static void strict_waits_once_a_buffer_or_once_a_page(void **state)
{
	static const char *const guest[] = {"policy = zero-copy\n",
					    "attach = vf\ndma_map = per-buffer\n"};

	(void)state;
	for (unsigned k = 0; k < 4; k++) {
		struct run run = run_text("[iommu]\nmode = strict\ninvalidate = %s\n"
					  "[cost]\niotlb_inv = 2500\n[nic eth0]\nmtu = 9000B\n"
					  "[guest vm1]\nvcpus = 2\n%s[traffic t]\nfrom = vm1\n"
					  "size = 6000B\npps = 100000\npackets = 100\n",
					  k & 1 ? "page" : "buffer", guest[k / 2]);
		const char *cpu =
			k < 2 ? "host.core0.busy_ns.iotlb_inv" : "vm1.vcpu1.busy_ns.iotlb_inv";

		run_ok(&run);
		run_is(&run, "vm1.tx.delivered", 100);
		/* Three buffers of 2 KiB of the kernel's; 1 us each. The last ones end late. */
		assert_in_range(run_milli(&run, cpu), (k & 1 ? 297 : 99) * 1000000,
				(k & 1 ? 300 : 100) * 1000000);
		run_free(&run);
	}
}

/* ---- lazy reclaim ---- */

/*
 * The driver takes sends back while fewer than `thresh` of `ring` descriptors are free. What the
 * guest can have out is `most`: if that never brings the ring so far, it gets nothing back.
 */
static void a_ring_that_never_runs_low_starves_the_guest(void **state)
{
	(void)state;
	for (unsigned ring = 64; ring <= 512; ring *= 2)
		for (unsigned queue = 64; queue <= 256; queue *= 2)
			for (unsigned thresh = 8; thresh <= 64; thresh *= 2) {
				struct run run = run_text(
					"[host]\ndatapath = poll\n[nic eth0]\ntx_ring = %u\n"
					"tx_free_thresh = %u\n[guest vm1]\npolicy = zero-copy\n"
					"delivery = process\nqueue_size = %u\n"
					"[traffic t]\nfrom = vm1\nsize = 60B\nrate = max\n"
					"packets = 2000\n",
					ring, thresh, queue);
				bool starves = queue <= ring - thresh;

				run_ok(&run);
				run_is(&run, "vm1.tx.delivered", starves ? queue : 2000);
				run_is(&run, "vm1.tx.resident", starves ? 2000 - queue : 0);
				run_free(&run);
			}
}

/* A copy gives the guest its buffer back at once: the NIC's ring is not its matter. */
static void copies_do_not_starve(void **state)
{
	struct run run = run_text("[host]\ndatapath = poll\n[nic eth0]\ntx_free_thresh = 32\n"
				  "[guest vm1]\n[traffic t]\nfrom = vm1\nsize = 60B\nrate = max\n"
				  "packets = 2000\n");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.tx.delivered", 2000);
	run_free(&run);
	run = run_text("[nic eth0]\ntx_free_thresh = 32\n[guest vm1]\n"
		       "[traffic t]\nfrom = vm1\npackets = 1\n");
	run_refused(&run, 2, "datapath = poll");
	run_free(&run);
	run = run_text("[host]\ndatapath = poll\n[nic eth0]\ntx_ring = 32\ntx_free_thresh = 33\n"
		       "[guest vm1]\n[traffic t]\nfrom = vm1\npackets = 1\n");
	run_refused(&run, 2, "tx_free_thresh");
	run_free(&run);
}

/* ---- holding back ---- */

/* Nothing comes back in time: as many as may be pending are zero-copied, and no more. */
static void vhost_has_a_quarter_of_the_ring_and_128_pending_at_most(void **state)
{
	(void)state;
	for (unsigned queue = 16; queue <= 1024; queue *= 2) {
		unsigned pending = MIN(128, queue / 4);
		struct run run = run_text("[nic eth0]\ntx_late_every = 1\ntx_late = 100ms\n"
					  "tx_ring = 2048\n[guest vm1]\npolicy = zero-copy\n"
					  "delivery = process\nqueue_size = %u\n"
					  "zero_copy_inflight = vhost\n"
					  "[traffic t]\nfrom = vm1\nsize = 1000B\npps = 100000\n"
					  "packets = 1000\n",
					  queue);
		run_ok(&run);
		run_is(&run, "vm1.tx.delivered", 1000);
		run_is(&run, "vm1.tx.fallbacks.in_flight_cap", 1000 - pending);
		run_is(&run, "vm1.tx.copies.guest_to_hypervisor", 1000 - pending);
		run_free(&run);
	}
}

/*
 * Two destinations in turn, of which the second is done with a frame 1 ms late. Released in order,
 * it rules: a ring of frames in each millisecond. One by one, its own half of the ring does.
 */
static void one_slow_destination_holds_up_all_if_buffers_go_back_in_order(void **state)
{
	(void)state;
	for (unsigned queue = 64; queue <= 256; queue *= 2) {
		uint64_t pps[3];

		for (unsigned k = 0; k < 3; k++) {
			struct run run = run_text(
				"[host]\ndatapath = poll\n[nic eth0]\ntx_ring = 4096\n"
				"tx_late_every = 8\ntx_late = 1ms\n[guest vm1]\n"
				"delivery = process\nqueue_size = %u\npolicy = %s\n"
				"zero_copy_release = %s\n[traffic t]\nfrom = vm1\nflows = 8\n"
				"size = 1000B\npps = 1000000\nduration = 20ms\n",
				queue, k == 2 ? "single-copy" : "zero-copy",
				k ? "in-order" : "out-of-order");
			run_ok(&run);
			pps[k] = run_milli(&run, "vm1.tx.packets_per_second") / 1000;
			run_free(&run);
		}
		/* One in eight waits: eight rings in a millisecond, or what is offered. */
		assert_in_range(pps[0], MIN(queue * 8000 * 9 / 10, 950000), 1010000);
		assert_in_range(pps[1], queue * 950, queue * 1250);
		assert_in_range(pps[2], 990000, 1010000); /* a copy is back at once */
	}
}

/* ---- 64 KiB ---- */

static void frames_of_64_kib_go_through_every_path(void **state)
{
	static const unsigned sizes[] = {1515, 4097, 65535, 65549};
	g_autofree char *digest = NULL;

	(void)state;
	for (unsigned s = 0; s < G_N_ELEMENTS(sizes); s++) {
		g_clear_pointer(&digest, g_free);
		for (unsigned k = 0; k < 4 * 8; k++) {
			static const char *const path[] = {
				"policy = copy\n",
				"policy = single-copy\n",
				"policy = zero-copy\n",
				"policy = copy\ndelivery = process\n",
				"policy = single-copy\ndelivery = process\n",
				"policy = zero-copy\ndelivery = process\n",
				"attach = vf\ndma_map = per-buffer\n",
				"attach = vf\ndma_map = pooled\ndelivery = process\n",
			};
			static const unsigned host[] = {2, 1, 0, 2, 1, 0, 0, 0};
			unsigned p = k % 8, kernel = p < 3 || p == 6, len = sizes[s];
			unsigned pages = (len + 4095) / 4096;
			struct run run;

			if (p >= 6 && k / 8 == 0)
				continue; /* no virtual function without IOMMU */
			run = run_text("[scenario]\nchecked = true\n[host]\ncores = 3\n"
				       "[iommu]\nmode = %s\n[nic eth0]\nlink = 40Gbit/s\n"
				       "rx_ring = 2048\ntx_ring = 2048\ntso = true\nlro = true\n"
				       "[guest vm1]\nvcpus = 2\nmemory = 512MiB\n%s"
				       "[traffic t]\nfrom = vm1\nsize = %uB\nrate = 5Gbit/s\n"
				       "packets = 20\n[traffic u]\nto = vm1\nsize = %uB\n"
				       "rate = 5Gbit/s\npackets = 20\n",
				       modes[k / 8], path[p], len, len);
			run_ok(&run);
			run_is(&run, "vm1.rx.delivered", 20);
			run_is(&run, "vm1.tx.delivered", 20);
			run_is(&run, "vm1.rx.fallbacks", 0);
			run_is(&run, "vm1.tx.fallbacks", 0);
			run_is(&run, "vm1.rx.copies", 20 * (host[p] + kernel));
			run_is(&run, "vm1.tx.copies", 20 * (host[p] + kernel));
			run_is(&run, "vm1.rx.copy_bytes", 20ull * len * (host[p] + kernel));
			run_is(&run, "vm1.rx.dma_bytes", 20ull * len);
			/* Not fewer pieces than pages, or one if all of it is in a row. */
			assert_in_range(run_int(&run, "vm1.rx.dma_segments"),
					k / 8 == 1 || p >= 6 ? 20 : 20 * pages,
					20 * (2 * pages + 3));
			if (!digest)
				digest = g_strdup(run_str(&run, "vm1.rx.digest"));
			assert_string_equal(digest, run_str(&run, "vm1.rx.digest"));
			run_free(&run);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copybreak_copies_what_is_short_and_ends_no_mapping_of_it),
		cmocka_unit_test(copybreak_of_a_virtual_function_costs_a_copy_and_no_hypercall),
		cmocka_unit_test(copybreak_of_some_frames_keeps_all_in_order),
		cmocka_unit_test(copybreak_without_a_kernel_buffer_is_refused),
		cmocka_unit_test(an_early_header_costs_so_many_cycles_a_copied_frame),
		cmocka_unit_test(a_batch_has_one_doorbell),
		cmocka_unit_test(others_wait_for_the_length_of_a_turn),
		cmocka_unit_test(turn_bytes_needs_turn_packets),
		cmocka_unit_test(a_header_apart_is_a_piece_more_of_longer_frames),
		cmocka_unit_test(strict_waits_once_a_buffer_or_once_a_page),
		cmocka_unit_test(a_ring_that_never_runs_low_starves_the_guest),
		cmocka_unit_test(copies_do_not_starve),
		cmocka_unit_test(vhost_has_a_quarter_of_the_ring_and_128_pending_at_most),
		cmocka_unit_test(one_slow_destination_holds_up_all_if_buffers_go_back_in_order),
		cmocka_unit_test(frames_of_64_kib_go_through_every_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
