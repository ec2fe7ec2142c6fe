/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_causality_runs.c - nobody sees bytes before their time: in whole runs.
 *
 * The checked mode finds a read of bytes that are written later, alone and in whole runs, and finds
 * nothing in runs of all policies as they are. Bursts of these runs must leave all that others can
 * see as it was, and commits happen when their CPU's clock says. Ring words are in
 * test_causality.c.
 */
#include "machine_helper2.h"

#define MIB (1u << 20)

/* ---- tests of buffers ----------------------------------------------------------------- */

static void a_copy_of_bytes_of_a_later_time_is_found(void **state)
{
	struct cost cost = {.copy_base_ps = 1000};
	struct plat_clock reader = {.cost = &cost}, writer = {.cost = &cost};
	struct mem *mem = mem_new(1 * MIB, true, 1);
	struct plat rd = {.clk = &reader, .mem = mem}, wr = {.clk = &writer, .mem = mem};
	struct ledger led = {0};
	struct frame f = {.led = &led};
	hpa_t a, b, c;

	(void)state;
	assert_true(mem_check_enable(mem));
	mem_alloc(mem, MEM_HYP, 0, &a);
	mem_alloc(mem, MEM_HYP, 0, &b);
	mem_alloc(mem, MEM_HYP, 0, &c);
	mem_note_write(mem, a, 1500, 5000); /* a DMA at 5 ns */
	writer.now = 5000;
	plat_copy(&wr, &f, 0, 0, mem_ptr(mem, b), mem_ptr(mem, a), 1500); /* done at 6 ns */
	assert_int_equal(mem->violation.count, 0);
	reader.now = 6000;
	plat_copy(&rd, &f, 0, 0, mem_ptr(mem, c), mem_ptr(mem, b), 1500);
	assert_int_equal(mem->violation.count, 0);

	reader.now = 5999;
	plat_copy(&rd, &f, 0, 0, mem_ptr(mem, c), mem_ptr(mem, b), 1500);
	assert_int_equal(mem->violation.count, 1);
	assert_int_equal(mem->violation.time, 5999);
	assert_int_equal(mem->violation.hpa.a, b.a);
	reader.now = 4999; /* a part of it will do */
	plat_copy(&rd, &f, 0, 0, mem_ptr(mem, c) + 3000, mem_ptr(mem, a) + 1499, 60);
	assert_int_equal(mem->violation.count, 2);
	plat_copy(&rd, &f, 0, 0, mem_ptr(mem, c) + 3000, mem_ptr(mem, a) + 1600, 60);
	assert_int_equal(mem->violation.count, 2);
	mem_free(mem);
}

/* Both directions at once, with enough load for full bursts and for sleep. */
static struct rig mixed_run(const char *policy, unsigned i, uint64_t seed, uint64_t n)
{
	return rig_open("[scenario]\nchecked = true\nseed = %" PRIu64 "\n"
			"[host]\ncores = %u\ndatapath = %s\n[iommu]\nmode = %s\n[nic eth0]\n"
			"rx_ring = 4096\n[guest vm1]\npolicy = %s\ndelivery = %s\nreceive = %s\n"
			"event_idx = %s\nvcpus = %u\nsocket_queue = 4096\nqueue_size = 1024\n"
			"[traffic in]\nto = vm1\nsource = poisson\nsize = imix\npps = 150000\n"
			"packets = %" PRIu64 "\n[traffic out]\nfrom = vm1\nsource = onoff\n"
			"on = 30us\noff = 200us\nsize = uniform:60B..1514B\npps = 500000\n"
			"packets = %" PRIu64 "\n",
			seed + i, 1 + i % 3, i & 2 ? "poll" : "interrupt",
			i % 5 < 2   ? "static"
			: i % 5 < 4 ? "strict"
				    : "off",
			policy, i & 1 ? "process" : "kernel", i & 4 ? "poll" : "interrupt",
			i & 8 ? "false" : "true", 1 + i / 16 % 2, n, n);
}

static void whole_runs_read_nothing_early_and_end_with_nothing_left(void **state)
{
	static const char *const policy[] = {"null", "copy", "single-copy", "zero-copy"};
	uint64_t n = rig_scaled(2000, 200), seed = rig_seed(5);

	(void)state;
	for (unsigned i = 0; i < 4 * 32; i++) {
		struct rig rig = mixed_run(policy[i / 32], i % 32, seed, n);
		const struct guest *g = &rig.m->guest[0];
		uint64_t drops = 0;

		assert_non_null(rig.m->mem->shadow);
		rig_run(&rig);
		for (unsigned d = 0; d < DROP_N; d++)
			drops += g->rx.led.drops[d] + g->tx.led.drops[d];
		if (g->rx.led.delivered + g->tx.led.delivered + drops != 2 * n ||
		    rig.m->world.live || rig.m->deadline_passed)
			fail_msg("policy %s, case %u: %" PRIu64 " and %" PRIu64
				 " delivered, %" PRIu64 " dropped, %" PRIu64 " never ended",
				 policy[i / 32], i % 32, g->rx.led.delivered, g->tx.led.delivered,
				 drops, rig.m->world.live);
		assert_int_equal(rig.m->mem->violation.count, 0);
		rig_close(&rig);
	}
}

/* As if the NIC told of a frame before its bytes were there: they come 1 us later. */
static void early_rx(struct dpath *dp, const struct plat_rx *rx, unsigned n)
{
	struct plat *pl = dp->rx_pl;

	for (unsigned i = 0; i < n; i++) {
		const struct piece *p = hbuf_pieces(&dp->rx_pool, (uint32_t)rx[i].cookie);
		mem_note_write(pl->mem, plat_sim_hpa(pl, p->p), rx[i].len, plat_now(pl) + SIM_US);
	}
	policy_single_copy.rx(dp, rx, n);
}

static void a_run_that_reads_early_is_a_violation(void **state)
{
	struct policy early = policy_single_copy;
	struct rig rig = rig_open("[scenario]\nchecked = true\n[nic eth0]\n[guest vm1]\n"
				  "[traffic t]\nto = vm1\npps = 1000\npackets = 50\n");
	GError *error = NULL;

	(void)state;
	early.rx = early_rx;
	rig.m->guest[0].dp.rx_policy = &early;
	rig_run_only(&rig);
	assert_int_equal(rig.m->mem->violation.count, 50);
	assert_false(machine_verify(rig.m, &error));
	assert_int_equal(error->code, SIM_EXIT_VIOLATION);
	assert_non_null(strstr(error->message, "copy reads bytes of a later time"));
	g_error_free(error);
	rig_close(&rig);
}

/* ---- bursts of whole runs ------------------------------------------------------------- */

/* All that others can see of a guest's rings, the device's doorbells included. */
struct visible {
	uint16_t idx[2][4]; /* by queue: avail, used, avail_event, used_event */
	uint32_t rx_tail, tx_tail;
	uint16_t vmm_tail, vmm_head;
};

enum { WORKERS = 6 };

/* Workers have no context of the test's: one guest at a time. */
static struct {
	struct guest *g;
	struct worker *w[WORKERS];
	void (*burst[WORKERS])(struct worker *w);
	bool (*commit[WORKERS])(struct worker *w);
	uint64_t bursts, early, late; /* late: a commit at another time than its CPU's clock */
} spy;

static struct visible visible(const struct guest *g)
{
	const struct virtq_drv *vq[] = {&g->vio.rxq, &g->vio.txq};
	struct visible v;

	memset(&v, 0, sizeof(v));
	for (unsigned i = 0; i < 2; i++) {
		v.idx[i][0] = *virtq_word(&vq[i]->avail, 2);
		v.idx[i][1] = *virtq_word(&vq[i]->used, 2);
		v.idx[i][2] = *virtq_word(&vq[i]->used, virtq_avail_event_pos(vq[i]->size));
		v.idx[i][3] = *virtq_word(&vq[i]->avail, virtq_used_event_pos(vq[i]->size));
	}
	v.rx_tail = g->port.drv.regs->rx_tail;
	v.tx_tail = g->port.drv.regs->tx_tail;
	v.vmm_tail = g->dp.to_vmm.tail;
	v.vmm_head = g->dp.to_vmm.head;
	return v;
}

static unsigned spied(const struct worker *w)
{
	unsigned i = 0;

	while (spy.w[i] != w)
		i++;
	return i;
}

static void spy_burst(struct worker *w)
{
	struct visible before = visible(spy.g), after;

	spy.burst[spied(w)](w);
	after = visible(spy.g);
	spy.bursts++;
	spy.early += memcmp(&before, &after, sizeof(before)) != 0;
}

static bool spy_commit(struct worker *w)
{
	spy.late += w->cpu->clk.now != evq_now(w->cpu->q);
	return spy.commit[spied(w)](w);
}

static void spy_on(struct guest *g)
{
	struct worker *w[WORKERS] = {&g->grx, &g->gread, &g->gtx, &g->hrx, &g->htx, &g->hvmm};

	memset(&spy, 0, sizeof(spy));
	spy.g = g;
	for (unsigned i = 0; i < WORKERS; i++) {
		spy.w[i] = w[i];
		spy.burst[i] = w[i]->burst;
		spy.commit[i] = w[i]->commit;
		w[i]->burst = spy_burst;
		w[i]->commit = spy_commit;
	}
}

static void bursts_of_whole_runs_publish_nothing(void **state)
{
	static const char *const policy[] = {"null", "copy", "single-copy", "zero-copy"};
	uint64_t n = rig_scaled(2000, 200), seed = rig_seed(6);

	(void)state;
	for (unsigned i = 0; i < 4 * 32; i += 3) {
		struct rig rig = mixed_run(policy[i / 32], i % 32, seed, n);

		spy_on(&rig.m->guest[0]);
		rig_run(&rig);
		assert_true(spy.bursts > 10);
		if (spy.early || spy.late)
			fail_msg("policy %s, case %u: of %" PRIu64 " bursts %" PRIu64
				 " publish, %" PRIu64 " commits are at another time",
				 policy[i / 32], i % 32, spy.bursts, spy.early, spy.late);
		rig_close(&rig);
	}
}

static void hasty_rx(struct dpath *dp, const struct plat_rx *rx, unsigned n)
{
	policy_single_copy.rx(dp, rx, n);
	virtq_dev_publish(&dp->rxq);
}

static void a_policy_that_publishes_in_its_burst_is_found(void **state)
{
	struct policy hasty = policy_single_copy;
	struct rig rig = rig_open("[nic eth0]\n[guest vm1]\n[traffic t]\nto = vm1\n"
				  "pps = 1000\npackets = 50\n");

	(void)state;
	hasty.rx = hasty_rx;
	rig.m->guest[0].dp.rx_policy = &hasty;
	spy_on(&rig.m->guest[0]);
	rig_run_only(&rig);
	assert_int_equal(spy.early, 50);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_of_bytes_of_a_later_time_is_found),
		cmocka_unit_test(whole_runs_read_nothing_early_and_end_with_nothing_left),
		cmocka_unit_test(a_run_that_reads_early_is_a_violation),
		cmocka_unit_test(bursts_of_whole_runs_publish_nothing),
		cmocka_unit_test(a_policy_that_publishes_in_its_burst_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
