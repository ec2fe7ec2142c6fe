/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_p2.c - zero-copy transmission with a capability query: each behaviour of the system by its
 * number, in whole machines.
 */
#include "machine_helper2.h"

#define N 200u

static const char *const one[] = {"vm1", NULL};

/* One NIC, one guest that sends N frames. */
static struct run sends(const char *nic, const char *guest, const char *traffic)
{
	return run_text("%s[nic eth0]\n%s\n[guest vm1]\npolicy = zero-copy\n%s\n"
			"[traffic t]\nfrom = vm1\npackets = %u\n%s\n",
			strstr(nic, "[iommu]") ? "" : "[iommu]\nmode = strict\n", nic, guest, N,
			traffic);
}

#define PROCESS "delivery = process\n"
#define PACED   "size = 1000B\npps = 100000\n"

/* ---- the query ---- */

/* Also where a request has to wait for the device, or for a hypervisor buffer. */
static void p2_01_one_query_per_request(void **state)
{
	static const struct {
		const char *nic, *guest, *traffic;
	} row[] = {
		{"", PROCESS, PACED},
		{"zero_copy = false", PROCESS, PACED},
		{"tx_ring = 8\nlink = 1Gbit/s", PROCESS, "size = 1500B\nrate = max\n"},
		{"zero_copy = false\nlink = 1Gbit/s", PROCESS "tx_pool = 2",
		 "size = 1500B\nrate = max\n"},
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
		struct run run = sends(row[i].nic, row[i].guest, row[i].traffic);
		run_ok(&run);
		run_is(&run, "vm1.tx.delivered", N);
		run_is(&run, "vm1.tx.capability_queries", N);
		run_free(&run);
	}
	struct run copy = sends("", "tx_policy = single-copy", PACED); /* asks nobody */
	run_is(&copy, "vm1.tx.capability_queries", 0);
	run_free(&copy);
}

/* A policy that looks at what was done when the query has just been made. */
static void p2_01_query_comes_before_any_copy(void **state)
{
	struct rig rig = rig_open("[nic eth0]\nzero_copy = false\n[guest vm1]\n" PROCESS
				  "policy = zero-copy\ntx_pool = 1\n"
				  "[traffic t]\nfrom = vm1\nrate = max\nsize = 1500B\n"
				  "packets = 50\n");
	struct guest *g = &rig.m->guest[0];

	(void)state;
	/* The only buffer is away: the request is answered, and nothing is copied for it. */
	assert_int_equal(hbuf_get(&g->dp.tx_pool), 0);
	rig_run_only(&rig);
	assert_int_equal(g->tx.led.capability_queries, 1);
	assert_int_equal(g->dp.ztx.held, REASON_NO_CAPABILITY);
	assert_int_equal(g->htx_pl.clk->busy[PLAT_W_COPY], 0);
	rig_close(&rig);
}

static const char two_nics[] =
	"[nic good]\n%s\n[nic bad]\nzero_copy = false\n[guest]\npolicy = zero-copy\n" PROCESS
	"[guest vm1]\nnic = good\n[guest vm2]\nnic = bad\n"
	"[traffic t1]\nfrom = vm1\npackets = %u\n" PACED
	"[traffic t2]\nfrom = vm2\npackets = %u\nstart = 5us\n" PACED;

static void p2_02_query_goes_to_the_device_of_the_request(void **state)
{
	struct run run = run_text(two_nics, "", N, N);

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.tx.capability_queries", N);
	run_is(&run, "vm1.tx.fallbacks.no_capability", 0);
	run_is(&run, "vm2.tx.capability_queries", N);
	run_is(&run, "vm2.tx.fallbacks.no_capability", N);
	run_free(&run);
	/* A change of one device is none of the other. */
	run = run_text(two_nics, "zero_copy_off_at = 5us", N, N);
	run_ok(&run);
	run_is(&run, "vm1.tx.fallbacks.no_capability", N - 1);
	run_free(&run);
	run = run_text(two_nics, "zero_copy_on_at = 5us", N, N);
	run_is(&run, "vm2.tx.fallbacks.no_capability", N);
	run_free(&run);
}

/* The two senders take turns, 5 us apart. */
static void p2_05_interleaved_devices_copy_what_goes_to_the_incapable_one(void **state)
{
	struct run run = run_text(two_nics, "", N, N / 2);

	(void)state;
	run_ok(&run);
	run_is(&run, "guests.tx.delivered", N + N / 2);
	run_is(&run, "guests.tx.copies", N / 2);
	run_is(&run, "vm1.tx.copies", 0);
	run_is(&run, "good.tx.packets", N);
	run_is(&run, "bad.tx.packets", N / 2);
	run_free(&run);
}

/* ---- where the bytes come from ---- */

/* The owners of the pages that the NIC reads, seen by an IOMMU in mode off. */
struct sources {
	struct rig rig;
	unsigned from[MEM_OWNERS];
	void (*dma)(struct event *);
};
static struct sources *sources_now; /* the event's handler has no argument of its own */

static void watch_dma(struct event *ev)
{
	struct sources *s = sources_now;
	struct nic *n = &s->rig.m->nic[0].nic;
	struct nic_dma *d = &n->tx_dma.ring[n->tx_dma.head & n->tx_dma.mask];

	for (uint32_t i = 0; i < d->ndesc; i++) {
		const struct nic_tx_desc *t = nic_ring_desc(&d->queue->tx, d->desc + i);
		s->from[mem_frame(s->rig.m->mem, (hpa_t){t->addr})->owner]++;
	}
	s->dma(ev);
}

static struct sources sources_of(bool capable)
{
	struct sources s = {
		.rig = rig_open("[iommu]\nmode = off\n[nic eth0]\nzero_copy = %s\n[guest vm1]\n"
				"policy = zero-copy\n" PROCESS
				"[traffic t]\nfrom = vm1\npackets = %u\n" PACED,
				capable ? "true" : "false", N)};
	struct event *ev = &s.rig.m->nic[0].nic.tx_dma_done;

	s.dma = ev->fn;
	ev->fn = watch_dma;
	sources_now = &s;
	rig_run(&s.rig);
	return s;
}

static void p2_03_capable_device_reads_guest_memory_and_nothing_is_copied(void **state)
{
	struct sources s = sources_of(true);
	struct guest *g = &s.rig.m->guest[0];

	(void)state;
	assert_int_equal(s.from[MEM_GUEST], N);
	assert_int_equal(s.from[MEM_HYP], 0);
	assert_int_equal(g->tx.led.delivered, N);
	for (unsigned i = 0; i < SITE_N; i++)
		assert_int_equal(g->tx.led.copies[i], 0);
	for (uint32_t i = 0; i < g->dp.tx_pool.n; i++) /* zero since it was made */
		for (uint32_t at = 0; at < g->dp.tx_pool.piece[i].len; at++)
			assert_int_equal(g->dp.tx_pool.piece[i].p[at], 0);
	rig_close(&s.rig);
}

static void p2_04_incapable_device_reads_one_copy_from_a_hypervisor_buffer(void **state)
{
	struct sources s = sources_of(false);
	const struct ledger *l = &s.rig.m->guest[0].tx.led;

	(void)state;
	assert_int_equal(s.from[MEM_HYP], N);
	assert_int_equal(s.from[MEM_GUEST], 0);
	assert_int_equal(l->copies[SITE_GUEST_TO_HYPERVISOR], N);
	assert_int_equal(l->copy_bytes[SITE_GUEST_TO_HYPERVISOR], N * 1000);
	rig_close(&s.rig);
}

static void p2_06_same_bytes_on_the_wire_either_way(void **state)
{
	struct run yes = sends("", "", "size = uniform:60B..1514B\nflows = 7\npps = 100000");
	struct run no = sends("zero_copy = false", "",
			      "size = uniform:60B..1514B\nflows = 7\npps = 100000");

	(void)state;
	run_ok(&yes);
	run_ok(&no);
	run_is(&yes, "vm1.tx.fallbacks", 0);
	run_is(&no, "vm1.tx.fallbacks", N);
	assert_string_equal(run_str(&yes, "vm1.tx.digest"), run_str(&no, "vm1.tx.digest"));
	assert_int_equal(run_int(&yes, "vm1.tx.delivered_bytes"),
			 run_int(&no, "vm1.tx.delivered_bytes"));
	run_free(&yes);
	run_free(&no);
}

static void p2_08_kernel_and_process_buffers_both_work(void **state)
{
	static const char *const delivery[] = {"delivery = kernel", "delivery = process"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct run run = sends("", delivery[i], PACED);
		run_ok(&run);
		run_is(&run, "vm1.tx.delivered", N);
		run_ratio_is(&run, "vm1.tx.host_copies_per_packet", 0, 1);
		run_is(&run, "vm1.tx.copies.process_to_guest_kernel", i ? 0 : N);
		run_is(&run, "vm1.tx.copies", i ? 0 : N);
		run_free(&run);
	}
}

/* ---- when buffers come back ---- */

/* A read of 20 us: the guest waits for it if the device reads its buffer, and only then. */
static void p2_10_buffer_comes_back_after_the_dma_or_after_the_copy(void **state)
{
	struct run yes = sends("dma_read = 20us", PROCESS, PACED);
	struct run no = sends("dma_read = 20us\nzero_copy = false", PROCESS, PACED);
	const struct result_value *a, *b;

	(void)state;
	run_ok(&yes);
	run_ok(&no);
	a = run_value(&yes, "vm1.tx.reuse_ns.mean");
	b = run_value(&no, "vm1.tx.reuse_ns.mean");
	assert_true(a->num > 20000.0 * a->den);
	assert_true(b->num < 10000.0 * b->den);
	a = run_value(&yes, "vm1.tx.reuse_ns.max");
	assert_true(a->num > 20000.0 * a->den && a->num < 40000.0 * a->den);
	run_free(&yes);
	run_free(&no);
}

static void p2_11_overwritten_buffer_is_seen_only_when_it_was_not_copied(void **state)
{
	struct run yes = sends("dma_read = 20us", PROCESS "overwrite = 10us", "pps = 20000\n");
	struct run no = sends("dma_read = 20us\nzero_copy = false", PROCESS "overwrite = 10us",
			      "pps = 20000\n");

	(void)state;
	run_ok(&yes);
	run_ok(&no);
	run_is(&yes, "vm1.tx.hazards.overwrite_seen", N);
	run_is(&no, "vm1.tx.hazards.overwrite_seen", 0);
	run_free(&yes);
	run_free(&no);
}

/*
 * Frames are 10 us apart from 0 on and each read takes 55 us: at 1,005 us the 101st has been taken,
 * and five are under way. They go on; the next one is copied, until the capability is back.
 */
static void p2_12_capability_switched_in_mid_run_holds_from_the_next_request_on(void **state)
{
	struct run run = sends("dma_read = 55us\nzero_copy_off_at = 1005us", PROCESS, PACED);

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.tx.delivered", N);
	run_is(&run, "vm1.tx.copies", N - 101);
	run_is(&run, "vm1.tx.fallbacks.no_capability", N - 101);
	run_is(&run, "vm1.tx.capability_queries", N);
	run_free(&run);
	run = sends("dma_read = 55us\nzero_copy_off_at = 1005us\nzero_copy_on_at = 1505us", PROCESS,
		    PACED);
	run_ok(&run);
	run_is(&run, "vm1.tx.copies", 50);
	run_free(&run);
}

/* ---- what holds zero copy back ---- */

static void p2_12_no_answer_outlives_its_request(void **state)
{
	struct run run = sends("zero_copy = false\nzero_copy_on_at = 5us", PROCESS, PACED);

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.tx.copies", 1);
	run_free(&run);
}

/* Two kinds of frames: those under 256 B need one of two buffers, each away for 50 us and more. */
static struct run two_kinds(const char *empty, const char *large_from)
{
	return run_text("[host]\ncores = 4\n[nic eth0]\ndma_read = 50us\n[guest]\n" PROCESS
			"policy = zero-copy\nzero_copy_min = 256B\n"
			"[guest vm1]\ntx_pool = 2\ntx_pool_empty = %s\n[guest vm2]\n"
			"[traffic small]\nfrom = vm1\nsize = 100B\npps = 200000\npackets = %u\n"
			"[traffic large]\nfrom = %s\nsize = 1000B\npps = 100000\npackets = %u\n",
			empty, N, large_from, N);
}

static void p2_13_empty_pool_costs_counted_drops_of_copied_frames_only(void **state)
{
	struct run run = two_kinds("drop", "vm1");
	uint64_t drops;

	(void)state;
	run_ok(&run);
	run_conserves(&run, one);
	drops = run_int(&run, "vm1.tx.drops.no_hypervisor_buffer");
	assert_in_range(drops, N / 2, N - 2);
	run_is(&run, "vm1.tx.drops", drops);
	run_is(&run, "vm1.tx.delivered_bytes", N * 1000 + (N - drops) * 100);
	run_is(&run, "vm1.tx.fallbacks.too_small", N - drops);
	run_free(&run);
}

static void p2_13_empty_pool_is_back_pressure_that_others_do_not_feel(void **state)
{
	struct run run = two_kinds("wait", "vm2");
	const struct result_value *held, *free;

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.tx.delivered", N);
	run_is(&run, "vm1.tx.fallbacks.too_small", N);
	run_is(&run, "vm2.tx.delivered", N);
	run_is(&run, "vm2.tx.copies", 0);
	held = run_value(&run, "vm1.tx.latency_ns.max");
	free = run_value(&run, "vm2.tx.latency_ns.max");
	assert_true(held->num > 1000000.0 * held->den);
	assert_true(free->num < 80000.0 * free->den);
	run_free(&run);
}

static void p2_14_more_fragments_than_the_device_takes_cost_a_copy(void **state)
{
	struct run few =
		sends("mtu = 9000B\nmax_segments = 2", PROCESS, "size = 9000B\npps = 20000");
	struct run many =
		sends("mtu = 9000B\nmax_segments = 3", PROCESS, "size = 9000B\npps = 20000");

	(void)state;
	run_ok(&few);
	run_ok(&many);
	run_is(&few, "vm1.tx.fallbacks.too_many_segments", N);
	run_is(&few, "vm1.tx.copies", N);
	run_is(&many, "vm1.tx.copies", 0);
	run_free(&few);
	run_free(&many);
}

/* ---- what vhost-net adds ---- */

static void p2_length_below_the_threshold_is_copied(void **state)
{
	static const char *const size[] = {"size = 255B\npps = 1000\n",
					   "size = 256B\npps = 1000\n"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct run run = sends("", PROCESS "zero_copy_min = 256B", size[i]);
		run_ok(&run);
		run_is(&run, "vm1.tx.fallbacks.too_small", i ? 0 : N);
		run_is(&run, "vm1.tx.copies", i ? 0 : N);
		run_free(&run);
	}
}

/* Of 10 frames within a read's time the first three are zero-copied, and so in each round. */
static void p2_no_more_than_the_cap_are_in_flight(void **state)
{
	static const char traffic[] = "source = onoff\non = 10us\noff = 190us\n"
				      "size = 300B\npps = 1e6\n";
	struct run run = sends("dma_read = 100us", PROCESS "zero_copy_inflight = 3", traffic);

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.tx.delivered", N);
	run_is(&run, "vm1.tx.fallbacks.in_flight_cap", N / 10 * 7);
	run_is(&run, "vm1.tx.fallbacks", N / 10 * 7);
	run_free(&run);
}

/* The less of 128 and a quarter of the ring. */
static void p2_cap_of_vhost_goes_by_the_queue(void **state)
{
	static const struct {
		unsigned queue, cap;
	} row[] = {{64, 16}, {512, 128}, {1024, 128}};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
		struct rig rig = rig_open("[nic eth0]\n[guest vm1]\nzero_copy_inflight = vhost\n"
					  "queue_size = %u\n[traffic t]\nfrom = vm1\npps = 1\n"
					  "packets = 1\n",
					  row[i].queue);
		assert_int_equal(rig.m->guest[0].dp.ztx.inflight, row[i].cap);
		rig_close(&rig);
	}
}

/*
 * Frame 10 fails: 1 > 10 / 64, so all are copied until 64 have been counted; then the next failure
 * makes it 2 > 64 / 64, until 128, and so on: each 64 frames buy one error.
 */
static void p2_errors_pause_zero_copy_until_packets_outweigh_them(void **state)
{
	struct run run = run_text("[nic eth0]\ntx_error_every = 10\n[guest vm1]\n" PROCESS
				  "policy = zero-copy\nzero_copy_backoff = true\n"
				  "[traffic t]\nfrom = vm1\npackets = 128\npps = 10000\n");

	(void)state;
	run_ok(&run);
	/* 1..10 zero-copied; 11..64 copied; 65..70 zero-copied, 70 fails; 71..128 copied */
	run_is(&run, "vm1.tx.zero_copy_errors", 2);
	run_is(&run, "vm1.tx.fallbacks.backing_off", 54 + 58);
	run_is(&run, "vm1.tx.delivered", 128);
	run_free(&run);
	run = run_text("[nic eth0]\ntx_error_every = 10\n[guest vm1]\n" PROCESS
		       "policy = zero-copy\n[traffic t]\nfrom = vm1\npackets = 128\npps = 10000\n");
	run_is(&run, "vm1.tx.zero_copy_errors", 12);
	run_is(&run, "vm1.tx.fallbacks", 0);
	run_free(&run);
}

/* Both counts begin anew each 1024 packets, however many errors there were. */
static void p2_error_counts_begin_anew_each_1024_packets(void **state)
{
	struct ztx z = {.backoff = true};

	(void)state;
	for (unsigned i = 0; i < 1023; i++)
		ztx_count(&z);
	for (unsigned i = 0; i < 15; i++)
		ztx_failed(&z, 0);
	assert_int_equal(ztx_refuses(&z, 1000, 0), REASON_POLICY);
	for (unsigned i = 0; i < 15; i++)
		ztx_failed(&z, 0);
	assert_int_equal(ztx_refuses(&z, 1000, 0), REASON_BACKING_OFF);
	ztx_count(&z);
	assert_int_equal(ztx_refuses(&z, 1000, 0), REASON_POLICY);
	ztx_failed(&z, 0);
	assert_int_equal(ztx_refuses(&z, 1000, 0), REASON_BACKING_OFF);
}

static void p2_preset_vhost_net_sets_all_four(void **state)
{
	struct rig rig = rig_open("[nic eth0]\n[guest]\nzero_copy_preset = vhost-net\n"
				  "[guest vm1]\n[guest vm2]\nzero_copy_min = 0\n"
				  "[traffic t]\nfrom = vm1\npps = 1\npackets = 1\n");
	const struct ztx *a = &rig.m->guest[0].dp.ztx, *b = &rig.m->guest[1].dp.ztx;

	(void)state;
	assert_int_equal(a->min, 256);
	assert_int_equal(a->inflight, 64);
	assert_true(a->backoff && a->in_order);
	assert_int_equal(b->min, 0);
	assert_true(b->backoff);
	rig_close(&rig);
}

/* ---- order of completion ---- */

/* Each 20th completion comes 100 us late, while nine others follow it. */
#define LATE "tx_late_every = 20\ntx_late = 100us"

static void p2_16_completions_out_of_order_release_each_buffer_once(void **state)
{
	static const char *const release[] = {"out-of-order", "in-order"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct rig rig = rig_open("[iommu]\nmode = strict\n[nic eth0]\n" LATE
					  "\n[guest vm1]\n" PROCESS "policy = zero-copy\n"
					  "zero_copy_release = %s\n"
					  "[traffic t]\nfrom = vm1\npackets = %u\n" PACED
					  "[scenario]\nmax_time = 1s\n"
					  "[traffic end]\nfrom = vm1\npackets = 1\npps = 1\n"
					  "start = 10ms\n",
					  release[i], N + 5);
		struct guest *g = &rig.m->guest[0];
		rig_run_only(&rig);
		while (evq_step(&rig.m->q)) /* what the last frame's completion wakes */
			continue;
		assert_int_equal(g->tx.led.delivered, N + 6);
		assert_int_equal(g->dp.tx_out, 0);
		assert_int_equal(g->dp.txq.pushes, N + 6);
		assert_int_equal(g->dp.txq.pops - g->dp.txq.unpops, N + 6);
		assert_int_equal(g->tx.led.reuses, N + 6);
		g->net.tx_top = 0; /* nothing at hand: takes back all that was used */
		gnet_tx_room(&g->net);
		assert_int_equal(g->vio.txq.errors[VIRTQ_ERR_USED_NOT_IN_FLIGHT], 0);
		assert_int_equal(rig.m->nic[0].dma.pins,
				 rig.m->nic[0].dma.unpins + g->dp.rx_posted);
		rig_close(&rig);
	}
}

/* A late buffer is late alone, or holds back those behind it: 100, 90, ... 10 us for ten of 20. */
static void p2_16_slow_frame_holds_later_ones_back_only_in_order(void **state)
{
	struct run alone = sends(LATE, PROCESS, PACED);
	struct run order = sends(LATE, PROCESS "zero_copy_release = in-order", PACED);
	const struct result_value *a, *b;

	(void)state;
	run_ok(&alone);
	run_ok(&order);
	run_is(&order, "vm1.tx.delivered", N);
	assert_string_equal(run_str(&alone, "vm1.tx.digest"), run_str(&order, "vm1.tx.digest"));
	a = run_value(&alone, "vm1.tx.reuse_ns.mean");
	b = run_value(&order, "vm1.tx.reuse_ns.mean");
	assert_true(a->num < 10000.0 * a->den);
	assert_true(b->num > 20000.0 * b->den);
	run_free(&alone);
	run_free(&order);
}

/* ---- who reaches a hypervisor buffer ---- */

/* A machine address of the guest's host buffers that is no guest-physical address. */
static gpa_t beyond_guest(const struct guest *g)
{
	for (uint32_t i = 0; i < g->dp.tx_pool.n; i++)
		if (g->dp.tx_pool.dma[i] >= g->gm->bytes)
			return (gpa_t){g->dp.tx_pool.dma[i]};
	fail_msg("every hypervisor buffer is below the guest's size");
	return (gpa_t){0};
}

static void p2_07_no_guest_page_is_a_hypervisor_buffer(void **state)
{
	struct rig rig = rig_open("[nic eth0]\n[guest vm1]\nmemory = 8MiB\ntx_pool = 8192\n"
				  "policy = zero-copy\n" PROCESS
				  "[traffic t]\nfrom = vm1\npps = 1000\npackets = 1\n");
	struct guest *g = &rig.m->guest[0];
	struct virtq_seg seg[2] = {g->net.tx_seg[0], {beyond_guest(g), 1000}};
	unsigned pages = 0;

	(void)state;
	for (uint64_t at = 0; at < g->gm->bytes; at += PAGE_BYTES) {
		uint64_t len = PAGE_BYTES;
		hpa_t hpa;
		if (gmem_translate(g->gm, (gpa_t){at}, &len, GMEM_READ, &hpa) != GMEM_OK)
			continue;
		assert_true(mem_check(rig.m->mem, hpa, PAGE_BYTES, MEM_GUEST, 0));
		pages++;
	}
	assert_true(pages > 100);
	/* A guest that names one by its machine address: its queue stops, nothing is read. */
	assert_true(virtq_drv_add(&g->vio.txq, &g->gtx_pl, seg, 2, 0, 0,
				  world_frame(&rig.m->world, &g->tx, 1000, 0)));
	rig_run_only(&rig);
	assert_int_equal(g->dp.txq.err, VIRTQ_ERR_ADDR_RANGE);
	assert_int_equal(g->tx.led.drops[DROP_GUEST_QUEUE_STOPPED], 1);
	assert_int_equal(g->tx.led.dma_segments, 0);
	assert_int_equal(g->htx_pl.clk->busy[PLAT_W_COPY], 0);
	assert_int_equal(rig.m->nic[0].nic.tx_frames, 0);
	rig_close(&rig);
}

/* A function assigned to the guest: its domain has the guest's pages, and nothing else. */
static void assign_queue(struct rig *rig)
{
	struct guest *g = &rig->m->guest[0];
	struct iommu_domain *own = iommu_domain_new(rig->m->iommu);

	iommu_attach(rig->m->iommu, 0x777, own);
	for (uint64_t at = 0; at < g->gm->bytes; at += PAGE_BYTES) {
		uint64_t len = PAGE_BYTES;
		hpa_t hpa;
		if (gmem_translate(g->gm, (gpa_t){at}, &len, GMEM_READ, &hpa) == GMEM_OK)
			assert_int_equal(iommu_map(rig->m->iommu, own,
						   (iova_t){plat_dma_static(0, (gpa_t){at})}, hpa,
						   PAGE_BYTES, IOMMU_READ | IOMMU_WRITE),
					 IOMMU_OK);
	}
	g->nic->nic.queue[1].requester = 0x777;
}

static void p2_07_guest_assigned_device_faults_on_a_hypervisor_buffer(void **state)
{
	(void)state;
	for (unsigned host = 0; host < 2; host++) {
		struct rig rig = rig_open("[nic eth0]\nzero_copy = %s\n[guest vm1]\n" PROCESS
					  "memory = 16MiB\npolicy = zero-copy\n"
					  "[traffic t]\nfrom = vm1\npackets = %u\n" PACED,
					  host ? "false" : "true", N);
		const struct ledger *l = &rig.m->guest[0].tx.led;

		assign_queue(&rig);
		rig_run_only(&rig);
		assert_int_equal(l->delivered, host ? 0 : N);
		assert_int_equal(l->drops[DROP_DMA_FAULT], host ? N : 0);
		assert_int_equal(l->dma_segments, host ? 0 : N);
		assert_int_equal(iommu_stats(rig.m->iommu)->faults, host ? N : 0);
		rig_close(&rig);
	}
}

/* ---- the guest goes away ---- */

/* The first frame of machine memory that the device reads for the only chain under way. */
static hpa_t page_in_flight(const struct guest *g)
{
	for (uint32_t head = 0; head < g->dp.txq.size; head++) {
		const struct plat_dma *d = g->port.dma;
		uint64_t dma = g->dp.tx_seg[head * g->dp.max_segs].dma;
		if (!g->dp.tx_nseg[head])
			continue;
		return d->mode == IOMMU_OFF ? (hpa_t){dma & ~(uint64_t)(PAGE_BYTES - 1)}
					    : d->hpa[(dma - d->window) >> PAGE_SHIFT];
	}
	fail_msg("nothing is in flight");
	return (hpa_t){0};
}

/* Takes all memory that there is; whether `page` was part of it. */
static bool memory_offers(struct mem *m, hpa_t page)
{
	bool found = false;
	hpa_t hpa;

	while (mem_alloc(m, MEM_HYP, 0, &hpa) == MEM_OK) {
		found |= hpa.a == page.a;
		memset(mem_ptr(m, hpa), 0xee, PAGE_BYTES);
	}
	return found;
}

static void p2_15_pages_of_a_destroyed_guest_wait_for_the_dma(void **state)
{
	static const char *const mode[] = {"off", "strict"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct rig rig = rig_open("[iommu]\nmode = %s\n[host]\nmemory = 64MiB\n"
					  "[nic eth0]\ndma_read = 1ms\n[guest vm1]\n" PROCESS
					  "memory = 16MiB\npolicy = zero-copy\n[traffic t]\n"
					  "from = vm1\npps = 1000\npackets = 1\n",
					  mode[i]);
		struct guest *g = &rig.m->guest[0];
		struct run_ctl ctl = {0};
		hpa_t page;

		/* Stops after 100 us, when the read is under way and everybody sleeps. */
		rig.m->max_time = 100 * SIM_US;
		assert_true(machine_run(rig.m, &ctl, NULL));
		page = page_in_flight(g);
		g->nic->nic.queue[1].tx_notify = NULL; /* its host worker ends with it */
		gmem_free(g->gm);
		g->gm = NULL;
		assert_true(mem_frame(rig.m->mem, page)->zombie);
		assert_int_equal(mem_frame(rig.m->mem, page)->owner, MEM_GUEST);
		assert_false(memory_offers(rig.m->mem, page));
		while (!g->tx.led.delivered && evq_step(&rig.m->q))
			continue;
		assert_int_equal(g->tx.led.delivered, 1); /* with the guest's bytes */
		assert_int_equal(g->tx.led.corrupt, 0);
		assert_int_equal(rig.m->mem->violation.count, 0);
		dpath_quiesce(&g->dp);
		assert_int_equal(rig.m->mem->zombies, 0);
		assert_true(memory_offers(rig.m->mem, page));
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p2_01_one_query_per_request),
		cmocka_unit_test(p2_01_query_comes_before_any_copy),
		cmocka_unit_test(p2_02_query_goes_to_the_device_of_the_request),
		cmocka_unit_test(p2_03_capable_device_reads_guest_memory_and_nothing_is_copied),
		cmocka_unit_test(p2_04_incapable_device_reads_one_copy_from_a_hypervisor_buffer),
		cmocka_unit_test(p2_05_interleaved_devices_copy_what_goes_to_the_incapable_one),
		cmocka_unit_test(p2_06_same_bytes_on_the_wire_either_way),
		cmocka_unit_test(p2_07_no_guest_page_is_a_hypervisor_buffer),
		cmocka_unit_test(p2_07_guest_assigned_device_faults_on_a_hypervisor_buffer),
		cmocka_unit_test(p2_08_kernel_and_process_buffers_both_work),
		cmocka_unit_test(p2_10_buffer_comes_back_after_the_dma_or_after_the_copy),
		cmocka_unit_test(p2_11_overwritten_buffer_is_seen_only_when_it_was_not_copied),
		cmocka_unit_test(
			p2_12_capability_switched_in_mid_run_holds_from_the_next_request_on),
		cmocka_unit_test(p2_12_no_answer_outlives_its_request),
		cmocka_unit_test(p2_13_empty_pool_costs_counted_drops_of_copied_frames_only),
		cmocka_unit_test(p2_13_empty_pool_is_back_pressure_that_others_do_not_feel),
		cmocka_unit_test(p2_14_more_fragments_than_the_device_takes_cost_a_copy),
		cmocka_unit_test(p2_length_below_the_threshold_is_copied),
		cmocka_unit_test(p2_no_more_than_the_cap_are_in_flight),
		cmocka_unit_test(p2_cap_of_vhost_goes_by_the_queue),
		cmocka_unit_test(p2_errors_pause_zero_copy_until_packets_outweigh_them),
		cmocka_unit_test(p2_error_counts_begin_anew_each_1024_packets),
		cmocka_unit_test(p2_preset_vhost_net_sets_all_four),
		cmocka_unit_test(p2_15_pages_of_a_destroyed_guest_wait_for_the_dma),
		cmocka_unit_test(p2_16_completions_out_of_order_release_each_buffer_once),
		cmocka_unit_test(p2_16_slow_frame_holds_later_ones_back_only_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
