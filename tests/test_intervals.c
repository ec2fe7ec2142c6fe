/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_intervals.c - do the intervals of repeated runs cover what theory says?
 *
 * The link of a wire fed by a Poisson source is M/D/1, whose mean wait is known. A study of five
 * repeats, warm-up cut, is made for each of many seeds, as `sweep` makes it; 95% of their intervals
 * should hold the known mean. 93..97% of 1,000 is what an honest interval misses by chance once in
 * about 300 times; the seeds are fixed.
 */
#include "machine_helper2.h"
#include "sim/stats.h"
#include "sim/study.h"
#include "sim/sweep.h"

enum { SEEDS = 1000, FEW = 12 /* with VNICSIM_TEST_SCALE */, REPEATS = 5 };

/* Slots of 1226 bytes at 10 Gbit/s are 1 us: at load 0.8 a frame waits rho S / (2 (1 - rho)). */
#define WAIT_PS 2000000

#define MD1                                                                                        \
	"[scenario]\nextends = %s\nwarmup = 500us\nrepeat = %u\n[nic eth0]\nlink = "               \
	"10Gbit/s\nrx_ring = 64\n"                                                                 \
	"[guest vm1]\npolicy = null\nmemory = 2MiB\n[traffic in]\nto = vm1\nsource = poisson\n"    \
	"size = 1226B\npps = 800000\npackets = 3000\n"

static struct scenario *md1(void)
{
	g_autofree char *base =
		g_canonicalize_filename("scenarios/studies/fidelity/base/free.ini", NULL);
	g_autofree char *text = g_strdup_printf(MD1, base, REPEATS), *path = run_temp(".ini");
	GError *error = NULL;
	struct scenario *sc = NULL;

	g_file_set_contents(path, text, -1, &error);
	if (!error)
		sc = scenario_load(path, option_groups, NULL, &error);
	unlink(path);
	if (error)
		fail_msg("%s", error->message);
	return sc;
}

static struct scenario *with_seed(const struct scenario *sc, uint64_t seed)
{
	g_autofree char *set = g_strdup_printf("scenario.seed=%" PRIu64, seed);
	const char *const sets[] = {set, NULL};

	return scenario_clone_with(sc, sets, NULL);
}

/* The mean wait of a run in thousandths of a nanosecond. */
static __int128 wait_of(const struct scenario *sc)
{
	struct run_ctl ctl = {0};
	g_autoptr(result_auto) r = result_new();
	GError *error = NULL;

	if (!machine_simulate(sc, &ctl, r, &error))
		fail_msg("%s", error->message);
	const struct result_value *v = result_find(r, "vm1.rx.stage_ns.wire_wait.mean");
	assert_non_null(v);
	return (__int128)result_milli(v);
}

/* One study: its repeats are those of the sweep of the scenario with this seed. */
static struct stats study(const struct scenario *sc, uint64_t seed, unsigned repeats)
{
	g_autoptr(scenario_auto) mine = with_seed(sc, seed);
	g_autoptr(sweep_auto) sw = sweep_new(mine, NULL);
	__int128 waits[REPEATS];

	for (unsigned i = 0; i < repeats; i++) {
		g_autoptr(scenario_auto) run = sweep_scenario(sw, 0, i, NULL);

		waits[i] = wait_of(run);
	}
	return stats_of(waits, repeats);
}

static void intervals_cover_the_mean_wait_of_m_d_1_as_often_as_they_say(void **state)
{
	g_autoptr(scenario_auto) sc = md1();
	uint64_t seeds = rig_scaled(SEEDS, 1) == SEEDS ? SEEDS : FEW, covered = 0;
	double width = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct stats s = study(sc, seed, REPEATS);
		__int128 mean = stats_mean(&s), half = (__int128)s.half;

		covered += mean - half <= WAIT_PS && WAIT_PS <= mean + half;
		width += (double)half / (double)seeds;
	}
	print_message("%" PRIu64 " of %" PRIu64 " intervals cover the mean wait of 2000 ns; mean "
		      "half width %.0f ns\n",
		      covered, seeds, width / 1000);
	if (seeds == SEEDS)
		assert_in_range(covered, SEEDS * 93 / 100, SEEDS * 97 / 100);
	else if (covered * 100 < seeds * 95) /* 4 standard errors of few */
		assert_true((seeds * 95 - covered * 100) * (seeds * 95 - covered * 100) <=
			    16 * 95 * 5 * seeds);
}

/* Had all repeats the same seed, or an interval another quantile, this would not be so. */
static void repeats_are_independent_and_intervals_shrink_with_their_number(void **state)
{
	g_autoptr(scenario_auto) sc = md1();
	uint64_t seeds = rig_scaled(10, 4);
	double two = 0, five = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct stats few = study(sc, seed, 2), more = study(sc, seed, REPEATS);

		assert_true(few.half > 0 && more.half > 0);
		two += (double)few.half;
		five += (double)more.half;
	}
	assert_true(five * 3 < two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intervals_cover_the_mean_wait_of_m_d_1_as_often_as_they_say),
		cmocka_unit_test(repeats_are_independent_and_intervals_shrink_with_their_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
