/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_inv_lock.c - the lock around the invalidation queue: turns by time, what waiters cost, and
 * the CPUs of a machine that pay for it.
 */
#include "machine_helper.h"

#include "models/host/invlock.h"

#define US 1000000u

static struct invlock lock_of(sim_time hold, sim_time sync, sim_time pass, sim_time handover)
{
	struct invlock_config c = {.hold = hold,
				   .sync = sync,
				   .pass = pass,
				   .handover = handover,
				   .remote = 3 * handover};
	struct invlock l;

	invlock_init(&l, &c);
	return l;
}

static void alone_it_takes_its_time_and_no_more(void **state)
{
	struct invlock l = lock_of(US, 9 * US, 50000, 100000);
	sim_time wait;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(invlock_take(&l, i * 20 * US, i * 20 * US, 0, &wait), 10 * US);
		assert_int_equal(wait, 0);
	}
	assert_int_equal(l.taken, 10);
	invlock_fini(&l);
}

/* Without costs of passing it is a server: n who come at once are done after 1, 2, ... n holds. */
static void turns_do_not_overlap(void **state)
{
	struct invlock l = lock_of(US, 0, 0, 0);
	sim_time wait;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(invlock_take(&l, 0, 500, 0, &wait), (i + 1) * US);
		assert_int_equal(wait, i * US);
	}
	invlock_fini(&l);
}

/* One who is ahead has reserved a later time: the gap before it is anybody's who fits. */
static void who_comes_later_but_earlier_in_time_goes_first(void **state)
{
	struct invlock l = lock_of(US, 0, 0, 0);
	sim_time wait;

	(void)state;
	assert_int_equal(invlock_take(&l, 0, 10 * US, 0, &wait), US);
	assert_int_equal(invlock_take(&l, 0, 5 * US, 0, &wait), US);
	assert_int_equal(invlock_take(&l, 0, 6 * US, 0, &wait), US);
	/* 9.5 has half a gap only: behind 10..11 */
	assert_int_equal(invlock_take(&l, 0, 9 * US + US / 2, 0, &wait), 2 * US + US / 2);
	assert_int_equal(invlock_take(&l, 0, 7 * US, 0, &wait), US);
	invlock_fini(&l);
}

/* Each who spins makes passing the lock dearer, one of another node by more. */
static void spinners_make_a_passing_dearer(void **state)
{
	struct invlock l = lock_of(US, 0, 50, 100);
	sim_time wait;

	(void)state;
	invlock_take(&l, 0, 0, 0, &wait);
	invlock_take(&l, 0, 0, 0, &wait);
	assert_int_equal(wait, US + 50 + 100);
	invlock_take(&l, 0, 0, 0, &wait);
	assert_int_equal(wait, 2 * US + 150 + 50 + 200);
	invlock_take(&l, 0, 0, 1, &wait);
	assert_int_equal(wait, 3 * US + 150 + 250 + 50 + 900);
	/* when all are done nobody spins */
	invlock_take(&l, 10 * US, 10 * US, 0, &wait);
	assert_int_equal(wait, 0);
	invlock_fini(&l);
}

/* Those who wait for the end look under the lock: a passing each, between two that begin. */
static void who_looks_is_in_the_way(void **state)
{
	struct invlock l = lock_of(US, 9 * US, 50, 0);
	sim_time wait;

	(void)state;
	invlock_take(&l, 0, 0, 0, &wait);
	invlock_take(&l, 0, 2 * US, 0, &wait);
	assert_int_equal(wait, 2 * 50 + 50); /* the other's look, its own turn; its own last look */
	invlock_fini(&l);
}

static uint64_t written(unsigned cores, const char *more, uint64_t *spin)
{
	struct run run = run_text("[scenario]\nwarmup = 1ms\n[host]\ncores = %u\n[iommu]\n"
				  "mode = strict\n%s\n[pcie]\ngeneration = 5\nlanes = 16\n"
				  "[dma]\nop = write\nsize = 16KiB\nwindow = 1MiB\n"
				  "outstanding = 4\ncount = 1000\ninvalidate = per-op\n"
				  "[dma d1]\n[dma d2..d12]\nwith = d1\n",
				  cores, more);
	uint64_t n;

	run_ok(&run);
	n = run_int(&run, "dmas.write.throughput_bps");
	*spin = run_value(&run, "host.core0.busy_ns.inv_lock")->num > 0;
	run_free(&run);
	return n;
}

static void one_core_does_not_notice_the_lock_and_many_do(void **state)
{
	static const char on[] = "inv_lock = true\nlock_handover = 300ns";
	uint64_t spin, alone = written(1, "", &spin), four, four_free, twelve;

	(void)state;
	assert_int_equal(spin, 0);
	assert_int_equal(written(1, on, &spin), alone);
	assert_int_equal(spin, 0);
	four_free = written(4, "", &spin);
	assert_int_equal(spin, 0);
	four = written(4, on, &spin);
	assert_int_equal(spin, 1);
	twelve = written(12, on, &spin);
	assert_true(four < four_free && twelve < four);
}

/* Deferred: a full queue is flushed by the core that filled it, which pays; with a queue a core
 * each fills its own, so there are fewer flushes at a time and as many in all. */
static void a_full_queue_is_flushed_under_the_lock(void **state)
{
	static const char form[] = "[host]\ncores = 3\n[iommu]\nmode = deferred\nflush_batch = 60\n"
				   "flush_timeout = 1s\nflush_queue = %s\ninv_lock = %s\n"
				   "[dma]\nop = write\nsize = 4KiB\nwindow = 1MiB\n"
				   "outstanding = 4\ncount = 1000\ninvalidate = per-op\n"
				   "[dma a]\n[dma b]\n[dma c]\n";

	(void)state;
	for (unsigned k = 0; k < 4; k++) {
		struct run run =
			run_text(form, k & 1 ? "per-core" : "shared", k & 2 ? "true" : "false");
		uint64_t paid = 0;

		run_ok(&run);
		for (unsigned c = 0; c < 3; c++) {
			g_autofree char *name = g_strdup_printf("host.core%u.busy_ns.iotlb_inv", c);
			const struct result_value *v = run_value(&run, name);
			paid += (uint64_t)(v->num / (v->type == RESULT_INT ? 1 : v->den));
		}
		/* 852 ns each; the rest, at the end of the run, was not waited for */
		/* of three cores: 3000 / 60; each for itself, and for the others, too: 1000 / 60 */
		if (k & 2)
			assert_in_range(paid, k & 1 ? 14 * 852 : 47 * 852,
					k & 1 ? 19 * 852 : 51 * 852);
		else
			assert_int_equal(paid, 0);
		run_free(&run);
	}
}

static void nested_needs_the_lock(void **state)
{
	struct run run = run_text("[iommu]\nmode = strict\nnested = true\n[dma d]\n");

	(void)state;
	run_refused(&run, SIM_EXIT_USAGE, "inv_lock");
	run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone_it_takes_its_time_and_no_more),
		cmocka_unit_test(turns_do_not_overlap),
		cmocka_unit_test(who_comes_later_but_earlier_in_time_goes_first),
		cmocka_unit_test(spinners_make_a_passing_dearer),
		cmocka_unit_test(who_looks_is_in_the_way),
		cmocka_unit_test(one_core_does_not_notice_the_lock_and_many_do),
		cmocka_unit_test(a_full_queue_is_flushed_under_the_lock),
		cmocka_unit_test(nested_needs_the_lock),
	};

	return cmocka_run_group_tests_name("inv_lock", tests, NULL, NULL);
}
