/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_p3.c - P3 on a whole machine: VMM-free receive, interrupt clustering, batched transmit.
 *
 * Each test carries the number of the behaviour that it shows. What needs a guest that misbehaves,
 * or an exact moment, is in test_policy_p3.c, in the test world.
 */
#include "machine_helper2.h"

/* One guest, single copy, `n` frames of 1,000 B to it at `pps`; more keys of the guest in `keys`.
 */
static struct rig receive(const char *keys, uint64_t pps, uint64_t n)
{
	return rig_open("[nic eth0]\n[guest]\ndelivery = process\n[guest vm1]\n%s\n"
			"[traffic t]\nto = vm1\nsize = 1000B\npps = %" PRIu64 "\npackets = %" PRIu64
			"\n",
			keys, pps, n);
}

static const struct guest *guest(const struct rig *rig, unsigned i)
{
	return &rig->m->guest[i];
}

static uint64_t delivered(const struct rig *rig, unsigned i)
{
	return guest(rig, i)->rx.led.delivered;
}

/* ---- receive ---- */

static void p3_03_one_copy_of_frame_length_and_none_by_the_vmm(void **state)
{
	struct run run = run_text("[nic eth0]\n[guest vm1]\ndelivery = process\ncluster = true\n"
				  "[traffic t]\nto = vm1\nsize = 777B\npps = 10000\n"
				  "packets = 500\n");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", 500);
	run_is(&run, "vm1.rx.copies", 500);
	run_is(&run, "vm1.rx.copies.hypervisor_to_guest", 500);
	run_is(&run, "vm1.rx.copy_bytes", 500 * 777);
	run_is(&run, "vm1.rx.copies.vmm_to_guest", 0);
	run_is(&run, "vm1.rx.dma_transfers", 500);
	run_free(&run);
}

static void p3_04_no_vmm_entry_where_the_old_path_has_one_a_packet(void **state)
{
	(void)state;
	for (unsigned copy = 0; copy < 2; copy++) {
		struct run run = run_text("[nic eth0]\n[guest vm1]\npolicy = %s\ncluster = %s\n"
					  "[traffic t]\nto = vm1\nsize = 1000B\npps = 5000\n"
					  "packets = 500\n",
					  copy ? "copy" : "single-copy", copy ? "false" : "true");
		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", 500);
		run_is(&run, "vm1.rx.vmm_entries", copy ? 500 : 0);
		run_free(&run);
	}
}

static void p3_05_below_the_rate_each_frame_has_its_interrupt(void **state)
{
	(void)state;
	for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
		struct rig rig =
			receive(event_idx ? "cluster = true" : "cluster = true\nevent_idx = false",
				1000, 600);
		rig_run(&rig);
		assert_int_equal(delivered(&rig, 0), 600);
		assert_int_equal(guest(&rig, 0)->rx_intr.kicks, 600);
		assert_int_equal(guest(&rig, 0)->cluster.frames, 0);
		rig_close(&rig);
	}
}

/* At 1,000 a second exactly 120 lie in (t - 120 ms, t], whatever t; a little faster, 121. */
static void p3_06_window_of_120_leaves_clustering_off_and_121_turn_it_on(void **state)
{
	struct rig off = receive("cluster = true", 1000, 600);
	struct rig on = receive("cluster = true", 1001, 600);

	(void)state;
	rig_run(&off);
	assert_int_equal(guest(&off, 0)->cluster.begun, 0);
	rig_close(&off);
	rig_run(&on);
	assert_int_equal(guest(&on, 0)->cluster.begun, 1);
	assert_int_equal(guest(&on, 0)->cluster.frames, 600 - 120);
	rig_close(&on);
}

static void check_count(const char *host, const char *keys, unsigned count, uint64_t tail)
{
	g_autofree char *text = g_strdup_printf("cluster = true\ncluster_count = %u\n"
						"cluster_timer = 50ms\n%s\n%s",
						count, keys, host);
	struct rig rig = receive(text, 10000, 120 + tail);
	const struct cluster *c = &guest(&rig, 0)->cluster;

	rig_run(&rig);
	assert_int_equal(delivered(&rig, 0), 120 + tail);
	assert_int_equal(c->frames, tail);
	assert_int_equal(c->by_count, tail / count);
	assert_int_equal(c->by_timer, tail % count != 0);
	assert_int_equal(guest(&rig, 0)->rx_intr.kicks, 120 + (tail + count - 1) / count);
	rig_close(&rig);
}

static void p3_07_clustered_interrupts_come_at_ten_unprocessed_not_at_nine(void **state)
{
	static const uint64_t tail[] = {1, 9, 10, 11, 19, 20, 95};
	static const char *const keys[] = {"", "event_idx = false", "policy = zero-copy",
					   "policy = copy", "delivery = kernel"};

	(void)state;
	for (unsigned t = 0; t < G_N_ELEMENTS(tail); t++)
		for (unsigned k = 0; k < G_N_ELEMENTS(keys); k++) {
			check_count("", keys[k], 10, tail[t]);
			check_count("[host]\ndatapath = poll", keys[k], 10, tail[t]);
			check_count("", keys[k], 1 + t, tail[t]);
		}
}

/* The row of the table: 1,000 frames above the rate, counted once clustering has begun. */
static void p3_07_thousand_clustered_frames_cost_a_tenth_of_an_interrupt_each(void **state)
{
	struct run run = run_text("[scenario]\nwarmup = 12ms\n[nic eth0]\n"
				  "[guest vm1]\ndelivery = process\ncluster = true\n"
				  "[traffic t]\nto = vm1\nsize = 1000B\npps = 10000\n"
				  "packets = 1120\n");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", 1000);
	run_is(&run, "vm1.rx.interrupts", 100);
	run_ratio_is(&run, "vm1.rx.interrupts_per_packet", 1, 10);
	run_ratio_is(&run, "vm1.rx.clustered_interrupts_per_packet", 1, 10);
	run_ratio_is(&run, "vm1.rx.host_copies_per_packet", 1, 1);
	run_is(&run, "vm1.rx.vmm_entries", 0);
	run_free(&run);
}

static void p3_08_stranded_tail_is_delivered_when_its_timer_is_over(void **state)
{
	(void)state;
	for (unsigned tail = 1; tail < 10; tail++) {
		struct rig rig =
			receive("cluster = true\ncluster_timer = 3ms\n", 10000, 120 + tail);
		const struct hist *h = &guest(&rig, 0)->rx.latency;

		rig_run(&rig);
		assert_int_equal(delivered(&rig, 0), 120 + tail);
		assert_true(h->max >= 3 * SIM_MS);
		assert_true(h->max < 3 * SIM_MS + 20 * SIM_US);
		rig_close(&rig);
	}
}

static void p3_08_clustering_ends_when_the_rate_drops(void **state)
{
	struct rig rig = rig_open("[nic eth0]\n[guest vm1]\ndelivery = process\ncluster = true\n"
				  "cluster_timer = 1s\n[scenario]\ndrain = 2s\n"
				  "[traffic fast]\nto = vm1\nsize = 1000B\npps = 10000\n"
				  "packets = 325\n"
				  "[traffic slow]\nto = vm1\nsize = 1000B\npps = 500\n"
				  "packets = 40\nstart = 500ms\n");
	const struct guest *g = guest(&rig, 0);

	(void)state;
	rig_run(&rig);
	assert_int_equal(delivered(&rig, 0), 365);
	assert_int_equal(g->cluster.begun, 1);
	assert_int_equal(g->cluster.frames, 325 - 120);
	assert_int_equal(g->cluster.by_count, 20);
	assert_int_equal(g->cluster.by_timer, 0); /* the tail of 5 goes with the first slow one */
	assert_int_equal(g->rx_intr.kicks, 120 + 20 + 40);
	assert_false(g->cluster.on);
	rig_close(&rig);
}

/* It finds each frame by looking: nothing waits for a count or a timer. */
static void p3_09_polling_guest_waits_for_no_interrupt(void **state)
{
	(void)state;
	for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
		struct rig rig = receive(event_idx ? "cluster = true\nreceive = poll"
						   : "cluster = true\nreceive = poll\n"
						     "event_idx = false",
					 10000, 500);
		const struct guest *g = guest(&rig, 0);

		rig_run(&rig);
		assert_int_equal(delivered(&rig, 0), 500);
		assert_int_equal(g->cluster.frames, 500 - 120);
		assert_int_equal(g->cluster.by_count + g->cluster.by_timer, 0);
		assert_true(g->rx.latency.max < 20 * SIM_US);
		rig_close(&rig);
	}
}

/*
 * Masked for 95 us after each, with a frame every 10 us: raised 10 us after one was taken, it is
 * taken at the unmasking. Asked by event index the guest is raised once; by flag, for each frame.
 */
static void p3_12_masked_interrupt_pends_and_is_taken_once_on_unmask(void **state)
{
	(void)state;
	for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
		struct rig rig = receive(event_idx ? "irq_mask = 95us"
						   : "irq_mask = 95us\nevent_idx = false",
					 100000, 100);
		const struct guest *g = guest(&rig, 0);

		rig_run(&rig);
		assert_int_equal(delivered(&rig, 0), 100);
		assert_int_equal(g->exits[0], 12); /* at 0 and every 95 us, to 1045 */
		assert_int_equal(g->rx_intr.kicks, g->pended + 1);
		if (event_idx)
			assert_int_equal(g->pended, 11);
		else
			assert_true(g->pended > 80);
		assert_true(g->rx.latency.max > 85 * SIM_US);
		assert_true(g->rx.latency.max < 110 * SIM_US);
		rig_close(&rig);
	}
}

static void p3_14_clustering_is_each_guests_own(void **state)
{
	struct rig rig = rig_open("[nic eth0]\nqueues = 4\n"
				  "[guest]\ndelivery = process\ncluster = true\n"
				  "[guest vm1]\n[guest vm2]\n[guest vm3]\ncluster = false\n"
				  "[traffic a]\nto = vm1\nsize = 1000B\npps = 5000\n"
				  "packets = 500\n"
				  "[traffic b]\nto = vm2\nsize = 1000B\npps = 900\npackets = 90\n"
				  "[traffic c]\nto = vm3\nsize = 1000B\npps = 5000\n"
				  "packets = 500\nstart = 37us\n");

	(void)state;
	rig_run(&rig);
	assert_int_equal(guest(&rig, 0)->cluster.frames, 380);
	assert_int_equal(guest(&rig, 0)->rx_intr.kicks, 120 + 38);
	assert_int_equal(guest(&rig, 1)->cluster.frames, 0);
	assert_int_equal(guest(&rig, 1)->rx_intr.kicks, 90);
	assert_int_equal(guest(&rig, 2)->rx_intr.kicks, 500);
	rig_close(&rig);
}

/* A ring that is shorter than cluster_count is told when all of it is unprocessed. */
static void p3_15_rings_of_1_2_and_512_wrap_more_than_twice(void **state)
{
	static const unsigned size[] = {1, 2, 512};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(size); i++)
		for (unsigned cluster = 0; cluster < 2; cluster++) {
			g_autofree char *keys =
				g_strdup_printf("delivery = kernel\nqueue_size = %u\ncluster = %s",
						size[i], cluster ? "true" : "false");
			uint64_t n = MAX(3 * size[i], 300);
			struct rig rig = receive(keys, 20000, n);

			rig_run(&rig);
			assert_int_equal(delivered(&rig, 0), n);
			assert_int_equal((uint16_t)guest(&rig, 0)->dp.rxq.next_used, n);
			if (cluster)
				assert_int_equal(guest(&rig, 0)->cluster.by_count,
						 (n - 120) / MIN(size[i], 10));
			rig_close(&rig);
		}
}

/* ---- both ---- */

/* A random machine that clusters and batches, or one that does not. */
static struct rig random_machine(GRand *rand, bool on)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};
	static const char *const bools[] = {"false", "true"};
	static const char *const how[] = {"interrupt", "poll"};
	const char *p = policy[g_rand_int_range(rand, 0, 3)];
	const char *delivery = g_rand_boolean(rand) ? "kernel" : "process";
	const char *event_idx = bools[g_rand_boolean(rand)];
	const char *rx = how[g_rand_boolean(rand)], *host = how[g_rand_boolean(rand)];
	int packets = g_rand_int_range(rand, 1, 20), count = g_rand_int_range(rand, 2, 30);
	int batch = g_rand_int_range(rand, 2, 20), seed = g_rand_int_range(rand, 1, 1 << 20);
	int pps = g_rand_int_range(rand, 1000, 60000), size = 4 << g_rand_int_range(rand, 2, 6);
	const char *offload = g_rand_boolean(rand) ? "idle" : "none";

	return rig_open("[scenario]\nseed = %d\n[host]\ndatapath = %s\noffload = %s\ncores = 2\n"
			"[nic eth0]\n"
			"[guest vm1]\npolicy = %s\ndelivery = %s\nevent_idx = %s\nreceive = %s\n"
			"queue_size = %d\ncluster = %s\ncluster_rate_packets = %d\n"
			"cluster_rate_window = 1ms\ncluster_count = %d\ncluster_timer = 700us\n"
			"tx_batch = %d\ntx_timer = 600us\ntx_ack_age = 400us\n"
			"[traffic in]\nto = vm1\nsource = onoff\non = 2ms\noff = 3ms\nsize = imix\n"
			"pps = %d\npackets = 800\n"
			"[traffic out]\nfrom = vm1\nsource = poisson\nsize = imix\npps = %d\n"
			"packets = 800\n",
			seed, host, on ? offload : "none", p, delivery, event_idx, rx, size,
			bools[on], packets, count, on ? batch : 0, pps, pps);
}

/*
 * Nothing waits for ever, and nothing longer than the timers and the work let it: whoever is put
 * off is told in the end. What arrives is the same.
 */
static void p3_08_no_wakeup_is_lost_by_putting_it_off(void **state)
{
	uint64_t seed = rig_seed(308), rounds = rig_scaled(60, 4);
	uint64_t by_count = 0, by_timer = 0, asked = 0;
	GRand *rand = g_rand_new_with_seed((guint32)seed);

	(void)state;
	for (uint64_t i = 0; i < rounds; i++) {
		GRand *again = g_rand_copy(rand);
		struct rig plain = random_machine(again, false),
			   put_off = random_machine(rand, true);
		const struct guest *a = guest(&plain, 0), *b = guest(&put_off, 0);

		rig_run(&plain);
		rig_run(&put_off);
		assert_int_equal(put_off.m->world.live, 0);
		assert_int_equal(b->tx.led.delivered, 800);
		assert_int_equal(b->tx_end.digest, a->tx_end.digest);
		assert_true(b->tx.latency.max < a->tx.latency.max + 1300 * SIM_US);
		assert_true(b->rx.latency.max < a->rx.latency.max + 900 * SIM_US);
		if (a->rx.led.delivered == 800 && b->rx.led.delivered == 800)
			assert_int_equal(b->net.rx_end.digest, a->net.rx_end.digest);
		by_count += b->cluster.by_count;
		by_timer += b->cluster.by_timer;
		asked += b->tx_kick.kicks + b->tx_kick.takes;
		rig_close(&plain);
		rig_close(&put_off);
		g_rand_free(again);
	}
	g_rand_free(rand);
	if (rounds >= 30) /* enough for each to have had its turn */
		assert_true(by_count > rounds && by_timer > rounds && asked > rounds);
}

/* ---- transmit ---- */

static struct rig transmit(const char *host, const char *keys, uint64_t pps, uint64_t n)
{
	return rig_open("[host]\n%s\n[nic eth0]\n"
			"[guest vm1]\npolicy = zero-copy\ndelivery = process\n%s\n"
			"[traffic t]\nfrom = vm1\nsize = 1000B\npps = %" PRIu64
			"\npackets = %" PRIu64 "\n",
			host, keys, pps, n);
}

static void p3_16_one_trap_serves_n_pointers_in_queue_order_without_a_copy(void **state)
{
	static const unsigned n[] = {1, 2, 10, 50};
	uint64_t digest = 0;

	(void)state;
	for (unsigned i = 0; i < 2 * G_N_ELEMENTS(n); i++) {
		g_autofree char *keys =
			g_strdup_printf("tx_batch = %u\ntx_timer = 50ms\nevent_idx = %s", n[i / 2],
					i & 1 ? "true" : "false");
		struct rig rig = transmit("", keys, 20000, 600);
		const struct guest *g = guest(&rig, 0);

		rig_run(&rig); /* refuses other bytes and another order */
		assert_int_equal(g->tx.led.delivered, 600);
		assert_int_equal(g->tx_kick.kicks, 600 / n[i / 2]);
		assert_int_equal(g->tx_batch.due[TXBATCH_COUNT], 600 / n[i / 2]);
		for (unsigned s = 0; s < SITE_N; s++)
			assert_int_equal(g->tx.led.copies[s], 0);
		assert_int_equal(g->tx.led.dma_bytes, 600 * 1000);
		assert_true(!digest || digest == g->tx_end.digest);
		digest = g->tx_end.digest;
		rig_close(&rig);
	}
}

/* A queue that is full before the count is reached cannot wait for it, nor for a timer. */
/* tx_interrupt = sent: the guest hears once of n pointers. tx_trap = vmm: so does the emulator. */
static void p3_16_n_pointers_take_one_interrupt_and_one_entry(void **state)
{
	static const unsigned n[] = {1, 10};

	(void)state;
	for (unsigned i = 0; i < 2 * G_N_ELEMENTS(n); i++) {
		g_autofree char *keys = g_strdup_printf(
			"tx_batch = %u\ntx_timer = 50ms\ntx_interrupt = %s\ntx_trap = %s", n[i / 2],
			i & 1 ? "sent" : "full", i & 1 ? "vmm" : "kernel");
		struct rig rig = transmit("", keys, 5000, 600);
		const struct guest *g = guest(&rig, 0);

		rig_run(&rig);
		assert_int_equal(g->tx.led.delivered, 600);
		assert_int_equal(g->tx_kick.kicks, 600 / n[i / 2]);
		assert_int_equal(g->dp.vmm_entries[1], i & 1 ? 600 / n[i / 2] : 0);
		if (i & 1)
			assert_int_equal(g->tx_intr.kicks, 600 / n[i / 2]);
		else
			assert_true(g->tx_intr.kicks <= 3);
		rig_close(&rig);
	}
}

static void p3_16_full_queue_asks_at_once(void **state)
{
	struct rig rig = transmit("", "queue_size = 8\ntx_batch = 100\ntx_timer = 90ms", 20000, 64);
	const struct guest *g = guest(&rig, 0);

	(void)state;
	rig_run(&rig);
	assert_int_equal(g->tx.led.delivered, 64);
	assert_int_equal(g->tx_batch.due[TXBATCH_FULL], 7);
	assert_int_equal(g->tx_batch.due[TXBATCH_TIMER], 1); /* the last eight */
	rig_close(&rig);
}

/* Nothing acknowledged since time 0: the first frame is asked for at T_max, and those with it. */
static void p3_17_ack_age_asks_at_t_max_and_not_before(void **state)
{
	struct rig rig =
		transmit("", "tx_batch = 1000\ntx_timer = 0\ntx_ack_age = 320us", 20000, 6);
	const struct guest *g = guest(&rig, 0);

	(void)state;
	rig_run(&rig);
	assert_int_equal(g->tx.led.delivered, 6);
	assert_int_equal(g->tx_kick.kicks, 1);
	assert_int_equal(g->tx_batch.due[TXBATCH_ACK_AGE], 1);
	assert_true(g->tx.latency.max > 320 * SIM_US);
	assert_true(g->tx.latency.max < 340 * SIM_US);
	assert_true(g->tx.latency.min > 70 * SIM_US);
	rig_close(&rig);
}

static void p3_17_batch_that_nothing_ends_is_refused(void **state)
{
	struct run run = run_text("[nic eth0]\n[guest vm1]\ntx_batch = 4\ntx_timer = 0\n"
				  "[traffic t]\nfrom = vm1\npps = 1000\npackets = 1\n");

	(void)state;
	run_refused(&run, SIM_EXIT_USAGE, "set tx_timer or tx_ack_age");
	run_free(&run);
}

static void p3_18_idle_second_cpu_takes_requests_without_a_trap(void **state)
{
	(void)state;
	for (unsigned batch = 0; batch < 2; batch++)
		for (unsigned idle = 0; idle < 2; idle++) {
			struct rig rig = transmit(idle ? "offload = idle" : "offload = none",
						  batch ? "tx_batch = 10" : "", 20000, 500);
			const struct guest *g = guest(&rig, 0);

			rig_run(&rig);
			assert_int_equal(g->tx.led.delivered, 500);
			if (idle)
				assert_int_equal(g->tx_kick.kicks, 0);
			assert_int_equal(g->tx_kick.kicks + g->tx_kick.takes,
					 batch ? g->tx_batch.due[TXBATCH_COUNT] +
							 g->tx_batch.due[TXBATCH_TIMER]
					       : 500);
			rig_close(&rig);
		}
}

/*
 * vm1's sending worker shares a core with vm2's receiving one, which has no rest. With one core
 * there is none that idles; with a second one the worker goes there.
 */
static void p3_18_without_an_idle_cpu_the_request_traps(void **state)
{
	(void)state;
	for (unsigned cores = 1; cores <= 2; cores++) {
		struct rig rig = rig_open(
			"[host]\ncores = %u\noffload = idle\n[nic eth0]\nqueues = 4\n"
			"[guest vm1]\nrx_policy = copy\ntx_policy = zero-copy\n[guest vm2]\n"
			"[traffic t]\nfrom = vm1\nsize = 1000B\npps = 20000\npackets = 100\n"
			"[traffic flood]\nto = vm2\nsize = 60B\nrate = max\nduration = 6ms\n",
			cores);
		const struct guest *g = guest(&rig, 0);

		assert_ptr_equal(g->htx.cpu, guest(&rig, 1)->hrx.cpu);
		rig_run(&rig);
		assert_int_equal(g->tx.led.delivered, 100);
		if (cores == 1) {
			assert_true(g->tx_kick.kicks > 90);
		} else {
			assert_int_equal(g->tx_kick.kicks, 0);
			assert_int_equal(g->tx_kick.takes, 100);
			assert_ptr_not_equal(g->htx.cpu, guest(&rig, 1)->hrx.cpu);
		}
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p3_03_one_copy_of_frame_length_and_none_by_the_vmm),
		cmocka_unit_test(p3_04_no_vmm_entry_where_the_old_path_has_one_a_packet),
		cmocka_unit_test(p3_05_below_the_rate_each_frame_has_its_interrupt),
		cmocka_unit_test(p3_06_window_of_120_leaves_clustering_off_and_121_turn_it_on),
		cmocka_unit_test(p3_07_clustered_interrupts_come_at_ten_unprocessed_not_at_nine),
		cmocka_unit_test(p3_07_thousand_clustered_frames_cost_a_tenth_of_an_interrupt_each),
		cmocka_unit_test(p3_08_stranded_tail_is_delivered_when_its_timer_is_over),
		cmocka_unit_test(p3_08_clustering_ends_when_the_rate_drops),
		cmocka_unit_test(p3_08_no_wakeup_is_lost_by_putting_it_off),
		cmocka_unit_test(p3_09_polling_guest_waits_for_no_interrupt),
		cmocka_unit_test(p3_12_masked_interrupt_pends_and_is_taken_once_on_unmask),
		cmocka_unit_test(p3_14_clustering_is_each_guests_own),
		cmocka_unit_test(p3_15_rings_of_1_2_and_512_wrap_more_than_twice),
		cmocka_unit_test(p3_16_one_trap_serves_n_pointers_in_queue_order_without_a_copy),
		cmocka_unit_test(p3_16_n_pointers_take_one_interrupt_and_one_entry),
		cmocka_unit_test(p3_16_full_queue_asks_at_once),
		cmocka_unit_test(p3_17_ack_age_asks_at_t_max_and_not_before),
		cmocka_unit_test(p3_17_batch_that_nothing_ends_is_refused),
		cmocka_unit_test(p3_18_idle_second_cpu_takes_requests_without_a_trap),
		cmocka_unit_test(p3_18_without_an_idle_cpu_the_request_traps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
