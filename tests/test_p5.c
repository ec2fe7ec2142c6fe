/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_p5.c - P5 on a whole machine: who enables direct DMA, what a packet costs, what runs out.
 *
 * Each test carries the number of the behaviour that it shows. Single mappings, and guests that
 * misuse them, are in test_dma.c; that the driver is one object is shown by test_p5.sh.
 */
#include "p5_rig.h"

#define N 200

static struct run both_ways(const char *nic, const char *keys, const char *groups)
{
	return run_text("[nic eth0]\n%s\n[guest vm1]\nattach = vf\n%s\n"
			"[traffic in]\nto = vm1\nsize = 1000B\npps = 10000\npackets = %u\n"
			"[traffic out]\nfrom = vm1\nsize = 1000B\npps = 10000\npackets = %u\n"
			"start = 50us\n%s\n",
			nic, keys, N, N, groups);
}

/* ---- co-operation ---- */

static void p5_01_right_machine_page_byte_exact_and_no_copy(void **state)
{
	struct rig rig = p5_open("mode = strict", "", N);
	struct guest *g = p5_guest(&rig, 0);
	unsigned posted = 0;

	(void)state;
	rig_run_only(&rig);
	assert_int_equal(g->rx.led.delivered, N);
	assert_int_equal(g->tx.led.delivered, N);
	assert_int_equal(g->rx.led.corrupt + g->tx.led.corrupt, 0);
	for (unsigned s = 0; s < SITE_N; s++)
		assert_int_equal(g->rx.led.copies[s] + g->tx.led.copies[s], 0);
	for (uint32_t buf = 0; buf < g->net.rx_n; buf++) {
		const struct plat_seg *seg = &g->vfd.rx_seg[buf * g->vfd.segs];
		uint64_t len = 1;
		hpa_t hpa;
		gpa_t gpa;
		if (!g->vfd.rx_nseg[buf])
			continue;
		posted++;
		assert_int_equal(
			gproc_translate(g->proc, g->net.rx_gva[buf], &len, GMEM_WRITE, &gpa),
			GMEM_OK);
		assert_true(p5_peek(g, seg->dma, IOMMU_WRITE, &hpa));
		assert_int_equal(hpa.a, p5_hpa(g, gpa).a);
	}
	assert_int_equal(posted, 512);
	rig_close(&rig);
}

static void p5_02_03_only_guest_and_vmm_together_enable_dma(void **state)
{
	char digest[2][17] = {"", ""};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		bool hac = i & 1, vmm = i & 2, both = hac && vmm;
		char keys[160], groups[100];
		g_snprintf(keys, sizeof(keys), "delivery = process\ndma_map = per-buffer\nhac = %s",
			   hac ? "true" : "false");
		g_snprintf(groups, sizeof(groups), "[host]\ndma_hypercalls = %s\n",
			   vmm ? "true" : "false");
		struct run run = both_ways("", keys, groups);
		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", N);
		run_is(&run, "vm1.tx.delivered", N);
		run_is(&run, "vm1.rx.copies", both ? 0 : N);
		run_is(&run, "vm1.tx.copies", both ? 0 : N);
		run_is(&run, "vm1.rx.copies.bounce_to_guest", both ? 0 : N);
		run_is(&run, "vm1.tx.copies.guest_to_bounce", both ? 0 : N);
		run_is(&run, "vm1.tx.copy_bytes.guest_to_bounce", both ? 0 : N * 1000);
		run_is(&run, "vm1.rx.fallbacks.no_mapping", both ? 0 : N);
		run_is(&run, "vm1.tx.fallbacks.no_mapping", both ? 0 : N);
		run_ratio_is(&run, "vm1.rx.host_copies_per_packet", 0, 1);
		run_is(&run, "vm1.rx.hypercalls", both ? 2 * N : 0);
		run_is(&run, "vm1.tx.hypercalls", both ? 2 * N : 0);
		run_is(&run, "iommu.iommu_faults", 0);
		for (unsigned d = 0; d < 2; d++) {
			const char *now = run_str(&run, d ? "vm1.tx.digest" : "vm1.rx.digest");
			if (i)
				assert_string_equal(digest[d], now);
			g_strlcpy(digest[d], now, sizeof(digest[d]));
		}
		run_free(&run);
	}
}

static void p5_02_without_a_window_the_device_of_an_unaware_guest_faults(void **state)
{
	struct run run =
		both_ways("", "hac = false\nbounce_window = false\ndelivery = process", "");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", 0);
	run_is(&run, "vm1.rx.drops.dma_fault", N);
	run_is(&run, "vm1.tx.drops.dma_fault", N);
	run_is(&run, "iommu.iommu_faults", 2 * N);
	run_is(&run, "vm1.rx.copies", 0);
	run_is(&run, "vm1.rx.hypercalls", 0);
	run_free(&run);
}

static void bouncing_that_was_asked_for_is_no_fallback(void **state)
{
	struct run run = both_ways("", "dma_map = bounce", "");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.copies.bounce_to_guest", N);
	run_is(&run, "vm1.rx.copies.guest_kernel_to_process", N);
	run_is(&run, "vm1.rx.fallbacks", 0);
	run_ratio_is(&run, "vm1.tx.guest_copies_per_packet", 2, 1);
	run_free(&run);
}

/* ---- permission ---- */

static void p5_05_denied_nothing_is_mapped_and_nothing_moves(void **state)
{
	struct run run =
		both_ways("", "dma_map = per-buffer\ndma_permit_at = 10s\ndelivery = process", "");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", 0);
	run_is(&run, "vm1.rx.drops.no_descriptor", N);
	run_is(&run, "vm1.tx.drops.dma_map_failed", N);
	run_is(&run, "vm1.tx.map_failures", N);
	run_is(&run, "vm1.tx.maps", 0);
	run_is(&run, "vm1.tx.dma_transfers", 0);
	run_free(&run);
}

/* A frame each 100 us: ten before, ten while, ten after DMA is not permitted. */
static void p5_06_permitted_revoked_permitted_again(void **state)
{
	static const char *const map[] = {"static", "per-buffer", "pooled", "bounce"};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(map); i++) {
		struct rig rig =
			rig_open(VF_STRICT
				 "[nic eth0]\n[guest vm1]\nattach = vf\ndma_map = %s\n"
				 "delivery = process\ndma_revoke_at = 1ms\ndma_permit_at = 2ms\n"
				 "[traffic in]\nto = vm1\nsize = 1000B\npps = 10000\npackets = 30\n"
				 "start = 10us\n",
				 map[i]);
		struct guest *g = p5_guest(&rig, 0);
		struct iommu_fault f;
		unsigned faults = 0;
		rig_run(&rig);
		assert_int_equal(g->rx.led.delivered, 20);
		assert_int_equal(g->rx.led.drops[DROP_DMA_FAULT], 10);
		for (; iommu_fault_take(rig.m->iommu, &f); faults++) {
			assert_int_equal(f.requester, g->hac.vmm.requester);
			assert_int_equal(f.access, IOMMU_WRITE);
			assert_true(f.time >= SIM_MS && f.time < 2 * SIM_MS);
		}
		assert_int_equal(faults, 10);
		rig_close(&rig);
	}
}

/* ---- how long a mapping that is gone is still there ---- */

static void p5_11_deferred_has_a_stale_window_and_strict_has_none(void **state)
{
	struct run lazy = both_ways("", "dma_map = per-buffer",
				    "[iommu]\nmode = deferred\nflush_timeout = 200us\n");
	struct run strict = both_ways("", "dma_map = per-buffer", VF_STRICT);
	const struct result_value *mean = run_value(&lazy, "iommu.stale_window_ns.mean");

	(void)state;
	run_ok(&lazy);
	run_ok(&strict);
	run_is(&lazy, "vm1.rx.delivered", N);
	assert_true(mean->num > 50000.0 * mean->den && mean->num < 200000.0 * mean->den);
	assert_int_equal(run_value(&strict, "iommu.stale_window_ns.mean")->type, RESULT_NULL);
	/* An invalidation each unmap, or one for all of 200 us: 20 ms have at most 100. */
	assert_true(run_int(&strict, "iommu.invalidations") > 2 * N);
	assert_true(run_int(&lazy, "iommu.invalidations") < 110);
	assert_string_equal(run_str(&lazy, "vm1.rx.digest"), run_str(&strict, "vm1.rx.digest"));
	run_free(&lazy);
	run_free(&strict);
}

/* ---- full ---- */

/* Eight receive buffers and two pages more: of a burst, two frames go; later ones all. */
static void p5_12_table_full_fails_the_map_and_recovers(void **state)
{
	static const char *const mode[] = {"strict", "deferred"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct run run = run_text(
			"[iommu]\nmode = %s\n[nic eth0]\nrx_ring = 8\n[guest vm1]\nattach = vf\n"
			"dma_map = per-buffer\ndelivery = process\ndma_pages = 10\nvcpus = 2\n"
			"[traffic burst]\nfrom = vm1\nsize = 1000B\nrate = max\npackets = 64\n"
			"[traffic slow]\nfrom = vm1\nsize = 1000B\npps = 1000\npackets = 20\n"
			"start = 10ms\n"
			"[traffic in]\nto = vm1\nsize = 1000B\npps = 1000\npackets = 30\n",
			mode[i]);
		run_ok(&run);
		run_is(&run, "vm1.tx.packets", 84);
		run_is(&run, "vm1.tx.drops.dma_map_failed", 62);
		run_is(&run, "vm1.tx.delivered", 22);
		run_is(&run, "vm1.tx.map_failures", 62);
		run_is(&run, "vm1.rx.delivered", 30);
		run_is(&run, "vm1.tx.maps", 22);
		run_is(&run, "vm1.tx.unmaps", 22);
		run_is(&run, "vm1.tx.pins", run_int(&run, "vm1.tx.unpins"));
		run_is(&run, "vm1.rx.maps", run_int(&run, "vm1.rx.unmaps"));
		run_free(&run);
	}
}

/* Fewer pages than the ring has places: it posts less, and goes on. */
static void p5_12_receive_posts_what_can_be_mapped(void **state)
{
	struct rig rig = p5_open("mode = deferred\nflush_timeout = 1s", "dma_pages = 6", 100);
	struct guest *g = p5_guest(&rig, 0);
	unsigned posted = 0;

	(void)state;
	rig_run_only(&rig);
	for (uint32_t buf = 0; buf < g->net.rx_n; buf++)
		posted += g->vfd.rx_nseg[buf] > 0;
	assert_int_equal(posted, 6);
	assert_int_equal(g->rx.led.delivered, 100);
	assert_int_equal(g->tx.led.drops[DROP_DMA_MAP_FAILED], 100);
	assert_true(g->hac.vmm.flushes_for_room >=
		    100); /* the pages were all in unflushed unmaps */
	assert_true(machine_verify(rig.m, NULL));
	rig_close(&rig);
}

/* The second page of leaf entries, which the 513th mapped page needs, is not to be had. */
static void p5_12_no_memory_for_a_table_fails_the_map_too(void **state)
{
	static const char *const mode[] = {"strict", "deferred"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct run run = run_text("[iommu]\nmode = %s\nmax_table_pages = 5\n[nic eth0]\n"
					  "rx_ring = 1024\n[guest vm1]\nattach = vf\n"
					  "dma_map = per-buffer\ndelivery = process\n"
					  "[traffic in]\nto = vm1\nsize = 1000B\npps = 10000\n"
					  "packets = %u\n",
					  mode[i], N);
		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", N);
		assert_true(run_int(&run, "vm1.rx.map_failures") > 0);
		run_is(&run, "vm1.rx.maps", run_int(&run, "vm1.rx.unmaps"));
		run_free(&run);
	}
}

/* ---- what it costs ---- */

static void p5_15_no_vmm_entry_and_a_hypercall_each_map_and_unmap(void **state)
{
	struct rig rig = p5_open("mode = strict", "", N);
	struct guest *g = p5_guest(&rig, 0);
	const struct vmm_dma_counts *n = g->hac.vmm.n;
	uint64_t rings = g->hac.nkept;
	struct guest_counts c;

	(void)state;
	rig_run(&rig);
	/* The VMM maps and unmaps the rings on its own account. */
	assert_int_equal(n[0].hypercalls, n[0].maps + n[0].unmaps - 2 * rings);
	assert_int_equal(n[1].hypercalls, n[1].maps + n[1].unmaps);
	assert_int_equal(n[1].maps, N);
	guest_counts(g, &c);
	assert_int_equal(c.vmm_entries[0] + c.vmm_entries[1], 0);
	assert_int_equal(g->dp.vmm_entries[0] + g->dp.vmm_entries[1], 0);
	rig_close(&rig);
}

/* Three pages, one call. */
static void p5_15_a_buffer_of_several_pages_is_one_hypercall(void **state)
{
	struct run run = run_text(VF_STRICT "[nic eth0]\nmtu = 9000B\n[guest vm1]\nattach = vf\n"
					    "dma_map = per-buffer\ndelivery = process\n"
					    "[traffic in]\nto = vm1\nsize = 9000B\npps = 1000\n"
					    "packets = 50\n"
					    "[traffic out]\nfrom = vm1\nsize = 9000B\npps = 1000\n"
					    "packets = 50\nstart = 500us\n");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", 50);
	run_is(&run, "vm1.rx.hypercalls", 100);
	run_is(&run, "vm1.tx.hypercalls", 100);
	run_is(&run, "vm1.tx.maps", 150);
	run_is(&run, "vm1.tx.dma_segments", 150);
	run_is(&run, "vm1.rx.vm_exits", 150);
	run_is(&run, "vm1.rx.vmm_entries", 0);
	run_free(&run);
}

/* Buffers of three pages, more of them than descriptors. */
static void p5_15_a_pool_has_room_for_every_buffer(void **state)
{
	static const char *const delivery[] = {"kernel", "process"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		char keys[80];
		g_snprintf(keys, sizeof(keys), "dma_map = pooled\ndelivery = %s", delivery[i]);
		struct run run = both_ways("mtu = 9000B", keys, "");
		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", N);
		run_is(&run, "vm1.rx.map_failures", 0);
		run_is(&run, "vm1.tx.map_failures", 0);
		run_is(&run, "vm1.rx.hypercalls", 0);
		run_is(&run, "vm1.tx.hypercalls", 0);
		run_free(&run);
	}
}

/* A page is 4 KiB, a buffer has one of its own: the ring of 64 posts 63 in turn. */
static void p5_16_iotlb_hits_and_misses_as_computed(void **state)
{
	static const struct {
		const char *map;
		unsigned entries, misses;
	} c[] = {
		{"static", 64, 63},   /* all fit: each page misses once */
		{"static", 32, 1000}, /* in turn through more than fits, least recently used goes */
		{"pooled", 64, 63},   /* the same, page by page */
		{"per-buffer", 64, 1000}, /* invalidated before it comes again */
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(c); i++) {
		struct run run = run_text(
			"[iommu]\nmode = strict\niotlb_entries = %u\niotlb_ways = %u\n[nic eth0]\n"
			"mtu = 3000B\nrx_ring = 64\n[guest vm1]\nattach = vf\ndma_map = %s\n"
			"delivery = process\n[traffic in]\nto = vm1\nsize = 1000B\npps = 10000\n"
			"packets = 1000\n",
			c[i].entries, c[i].entries, c[i].map);
		run_ok(&run);
		run_is(&run, "vm1.rx.dma_segments", 1000);
		run_is(&run, "iommu.iotlb_misses", c[i].misses);
		run_is(&run, "iommu.iotlb_hits", 1000 - c[i].misses);
		run_is(&run, "iommu.page_walks", c[i].misses);
		run_free(&run);
	}
}

/* ---- the whole of it ---- */

static void every_map_gives_the_same_digest_as_the_host(void **state)
{
	static const char *const keys[] = {"attach = virtio",
					   "attach = vf\ndma_map = static",
					   "attach = vf\ndma_map = per-buffer",
					   "attach = vf\ndma_map = pooled",
					   "attach = vf\ndma_map = bounce",
					   "attach = vf\nreceive = poll\nhalt = native"};
	char rx[17] = "", tx[17] = "";

	(void)state;
	for (unsigned i = 0; i < 2 * G_N_ELEMENTS(keys); i++) {
		struct run run = run_text(
			"[scenario]\nchecked = true\n[nic eth0]\nrx_ring = 64\ntx_ring = 32\n"
			"[guest vm1]\n%s\ndelivery = %s\nvcpus = 2\n"
			"[traffic in]\nto = vm1\nsize = imix\npps = 200000\npackets = 2000\n"
			"flows = 7\n[traffic out]\nfrom = vm1\nsize = uniform:60B..1514B\n"
			"rate = 3Gbit/s\npackets = 2000\nflows = 5\n",
			keys[i / 2], i % 2 ? "process" : "kernel");
		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", 2000);
		run_is(&run, "vm1.tx.delivered", 2000);
		if (i) {
			assert_string_equal(rx, run_str(&run, "vm1.rx.digest"));
			assert_string_equal(tx, run_str(&run, "vm1.tx.digest"));
		}
		g_strlcpy(rx, run_str(&run, "vm1.rx.digest"), sizeof(rx));
		g_strlcpy(tx, run_str(&run, "vm1.tx.digest"), sizeof(tx));
		run_free(&run);
	}
}

static void guests_of_both_kinds_share_a_nic(void **state)
{
	struct run run = run_text("[host]\ncores = 2\n[nic eth0]\nqueues = 2\n"
				  "[guest vm1]\npolicy = zero-copy\n[guest vm2]\nattach = vf\n"
				  "[guest vm3]\npolicy = copy\n[guest vm4]\nattach = vf\n"
				  "[traffic in]\nto = vm1..vm4\nsize = 1000B\npps = 10000\n"
				  "packets = 400\n[traffic out]\nfrom = vm1..vm4\nsize = 700B\n"
				  "pps = 10000\npackets = 400\n");

	(void)state;
	run_ok(&run);
	run_is(&run, "guests.rx.delivered", 400);
	run_is(&run, "guests.tx.delivered", 400);
	run_ratio_is(&run, "vm2.rx.host_copies_per_packet", 0, 1);
	run_ratio_is(&run, "vm3.rx.host_copies_per_packet", 2, 1);
	run_free(&run);
}

/* Exits by interrupts: of a running vCPU without posting, of a halted one that leaves to halt. */
static void exits_are_those_of_interrupts_that_make_the_guest_leave(void **state)
{
	static const struct {
		const char *halt, *posted;
		unsigned exits;
	} c[] = {{"exit", "true", N}, {"native", "true", 0}, {"native", "false", N}};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(c); i++) {
		struct run run = run_text(
			"[host]\nposted_interrupts = %s\n[nic eth0]\n[guest vm1]\nattach = vf\n"
			"halt = %s\n[traffic in]\nto = vm1\nsize = 1000B\npps = 10000\n"
			"packets = %u\n",
			c[i].posted, c[i].halt, N);
		run_ok(&run);
		run_is(&run, "vm1.rx.interrupts", N);
		run_is(&run, "vm1.rx.vm_exits", c[i].exits);
		run_is(&run, "vm1.rx.kicks", 0);
		run_free(&run);
	}
}

static void what_cannot_be_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *nic, *keys, *rest, *says;
	} c[] = {
		{"", "policy = copy", "", "no host handles the frames"},
		{"", "cluster = true", "", "no host handles the frames"},
		{"", "", "[iommu]\nmode = off\n", "without an IOMMU"},
		{"vfs = 1", "", "[guest vm2]\nattach = vf\n", "2 guests behind it"},
		{"", "", "[guest x1..x256]\nattach = vf\n", "257 guests behind it"},
		{"mtu = 9000B\ngather = false", "delivery = process", "", "segments itself"},
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(c); i++) {
		struct run run = both_ways(c[i].nic, c[i].keys, c[i].rest);
		run_refused(&run, SIM_EXIT_USAGE, c[i].says);
		run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p5_01_right_machine_page_byte_exact_and_no_copy),
		cmocka_unit_test(p5_02_03_only_guest_and_vmm_together_enable_dma),
		cmocka_unit_test(p5_02_without_a_window_the_device_of_an_unaware_guest_faults),
		cmocka_unit_test(bouncing_that_was_asked_for_is_no_fallback),
		cmocka_unit_test(p5_05_denied_nothing_is_mapped_and_nothing_moves),
		cmocka_unit_test(p5_06_permitted_revoked_permitted_again),
		cmocka_unit_test(p5_11_deferred_has_a_stale_window_and_strict_has_none),
		cmocka_unit_test(p5_12_table_full_fails_the_map_and_recovers),
		cmocka_unit_test(p5_12_receive_posts_what_can_be_mapped),
		cmocka_unit_test(p5_12_no_memory_for_a_table_fails_the_map_too),
		cmocka_unit_test(p5_15_no_vmm_entry_and_a_hypercall_each_map_and_unmap),
		cmocka_unit_test(p5_15_a_buffer_of_several_pages_is_one_hypercall),
		cmocka_unit_test(p5_15_a_pool_has_room_for_every_buffer),
		cmocka_unit_test(p5_16_iotlb_hits_and_misses_as_computed),
		cmocka_unit_test(every_map_gives_the_same_digest_as_the_host),
		cmocka_unit_test(guests_of_both_kinds_share_a_nic),
		cmocka_unit_test(exits_are_those_of_interrupts_that_make_the_guest_leave),
		cmocka_unit_test(what_cannot_be_is_refused_with_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
