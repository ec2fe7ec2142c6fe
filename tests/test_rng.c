/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_rng.c - the random streams are the ones that they have always been, and follow their laws.
 *
 * The known answers were computed apart from the code, by a model of rng.h in arbitrary precision;
 * the generator's own are those of its authors' reference program. If one of them fails, do not
 * adjust it: every published result would change. Statistical bounds are five standard deviations;
 * seeds are fixed, so the tests never flicker. VNICSIM_TEST_SCALE divides the work.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/rng.h"

static uint32_t scaled(uint32_t n)
{
	const char *s = getenv("VNICSIM_TEST_SCALE");
	uint64_t divisor = s ? strtoull(s, NULL, 10) : 1;
	uint32_t least = n < 10000 ? n : 10000;

	if (divisor <= 1)
		return n;
	return n / divisor > least ? (uint32_t)(n / divisor) : least;
}

/* ---- known answers ---- */

static void the_generator_gives_the_numbers_of_its_reference(void **state)
{
	static const uint64_t want[] = {
		41943041u,
		58720359u,
		3588806011781223u,
		3591011842654386u,
		9228616714210784205u,
		9973669472204895162u,
		14011001112246962877u,
		12406186145184390807u,
		15849039046786891736u,
		10450023813501588000u,
	};
	struct rng r = {{1, 2, 3, 4}, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_int_equal(rng_u64(&r), want[i]);
}

static void a_named_stream_never_changes(void **state)
{
	static const uint64_t wire[] = {0x15f05e1fa3bb4829, 0xe46186f29b0f9e98, 0xb6332545f90528a0,
					0xa0a7fb02b45b8e89};
	static const uint64_t empty[] = {0x96bb3c9cab98ed3f, 0x65b64fbc9a770e81, 0xed86fb2d91de1ae1,
					 0xc597f5e135156f81};
	struct rng r;

	(void)state;
	rng_init(&r, 1, "wire");
	for (int i = 0; i < 4; i++)
		assert_int_equal(rng_u64(&r), wire[i]);
	rng_init(&r, 0, "");
	for (int i = 0; i < 4; i++)
		assert_int_equal(rng_u64(&r), empty[i]);
}

static void draws_from_a_stream_never_change(void **state)
{
	static const uint64_t below[] = {85, 892, 711, 627, 559, 580};
	static const uint64_t range[] = {184, 1358, 1095, 973, 874, 904};
	static const uint64_t gap[] = {1650944, 76800, 228480, 313088, 389888, 365440};
	static const uint8_t order[] = {7, 6, 9, 1, 2, 3, 4, 5, 8, 0};
	uint8_t v[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
	struct rng r;

	(void)state;
	rng_init(&r, 1, "wire");
	for (int i = 0; i < 6; i++)
		assert_int_equal(rng_below(&r, 1000), below[i]);
	rng_init(&r, 1, "wire");
	for (int i = 0; i < 6; i++)
		assert_int_equal(rng_range(&r, 60, 1514), range[i]);
	rng_init(&r, 1, "wire");
	for (int i = 0; i < 6; i++)
		assert_int_equal(rng_exp(&r, 672000), gap[i]);
	rng_init(&r, 1, "wire");
	rng_shuffle(&r, v, 10, 1);
	assert_memory_equal(v, order, sizeof(v));
}

static void streams_differ_by_name_and_by_seed(void **state)
{
	static const char *const names[] = {"", "a", "b", "ab", "ba", "vm1", "vm2", "vm11"};
	enum { N = sizeof(names) / sizeof(names[0]), SEEDS = 8 };
	uint64_t first[N * SEEDS];
	struct rng r;

	(void)state;
	for (int i = 0; i < N * SEEDS; i++) {
		rng_init(&r, (uint64_t)(i / N), names[i % N]);
		first[i] = rng_u64(&r);
		for (int j = 0; j < i; j++)
			assert_int_not_equal(first[j], first[i]);
	}
}

/* ---- uniform draws ---- */

/* Sum of (seen - want)^2 / want; its mean is about `cells`, its variance about twice that. */
static double chi_square(const uint32_t *seen, uint32_t cells, uint32_t draws)
{
	double want = (double)draws / cells, sum = 0;

	for (uint32_t i = 0; i < cells; i++)
		sum += (seen[i] - want) * (seen[i] - want) / want;
	return sum;
}

static void assert_even(const uint32_t *seen, uint32_t cells, uint32_t draws)
{
	double excess = chi_square(seen, cells, draws) - (cells - 1);

	assert_true(excess * excess < 25 * 2.0 * (cells - 1) + 100);
}

static void below_is_even_over_small_and_huge_ranges(void **state)
{
	static const uint64_t huge = 3ull << 62;
	uint32_t small[100] = {0}, third[3] = {0}, n = scaled(300000);
	struct rng r;

	(void)state;
	rng_init(&r, 1, "test_rng");
	for (uint32_t i = 0; i < n; i++) {
		uint64_t v = rng_below(&r, 100);

		assert_true(v < 100);
		small[v]++;
		v = rng_below(&r, huge); /* without rejection one third would come twice as often */
		assert_true(v < huge);
		third[v % 3]++;
	}
	assert_even(small, 100, n);
	assert_even(third, 3, n);
}

static void ranges_include_both_ends(void **state)
{
	bool low = false, high = false, top = false;
	struct rng r;

	(void)state;
	rng_init(&r, 2, "test_rng");
	for (int i = 0; i < 1000; i++) {
		uint64_t v = rng_range(&r, UINT64_MAX - 3, UINT64_MAX);

		assert_true(v >= UINT64_MAX - 3);
		low |= v == UINT64_MAX - 3;
		high |= v == UINT64_MAX;
		assert_int_equal(rng_range(&r, 9, 9), 9);
		assert_int_equal(rng_below(&r, 1), 0);
		top |= rng_range(&r, 0, UINT64_MAX) >> 63;
	}
	assert_true(low && high && top);
}

static void shuffles_give_every_order_equally_often(void **state)
{
	uint32_t seen[256] = {0}, used[24], cells = 0, n = scaled(120000);
	struct rng r;

	(void)state;
	rng_init(&r, 3, "test_rng");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t v[4] = {0, 1, 2, 3};

		rng_shuffle(&r, v, 4, sizeof(v[0]));
		seen[v[0] << 6 | v[1] << 4 | v[2] << 2 | v[3]]++;
	}
	for (int i = 0; i < 256; i++) {
		if (seen[i]) {
			assert_true(cells < 24);
			used[cells++] = seen[i];
		}
	}
	assert_int_equal(cells, 24);
	assert_even(used, 24, n);
}

static void shuffles_keep_large_elements_whole(void **state)
{
	unsigned char v[40][100], seen[40] = {0};
	struct rng r;

	(void)state;
	for (int i = 0; i < 40; i++)
		memset(v[i], i, sizeof(v[i]));
	rng_init(&r, 4, "test_rng");
	rng_shuffle(&r, v, 40, sizeof(v[0]));
	rng_shuffle(&r, v, 1, sizeof(v[0]));
	rng_shuffle(&r, v, 0, sizeof(v[0]));
	for (int i = 0; i < 40; i++) {
		for (size_t k = 1; k < sizeof(v[i]); k++)
			assert_int_equal(v[i][k], v[i][0]);
		seen[v[i][0]]++;
	}
	for (int i = 0; i < 40; i++)
		assert_int_equal(seen[i], 1);
}

/* ---- the exponential law ---- */

/* -ln x for x in (0, 1], the slow way: halve to above 1/2, then the series of atanh. */
static long double slow_neg_ln(long double x)
{
	long double s, power, sum = 0;
	int halvings = 0;

	for (; x <= 0.5L; x *= 2)
		halvings++;
	s = (1 - x) / (1 + x);
	power = s;
	for (int k = 1; k < 60; k += 2, power *= s * s)
		sum += 2 * power / k;
	return sum + halvings * 0.693147180559945309417232121458176568L;
}

static void the_logarithm_is_right_at_known_points(void **state)
{
	static const uint64_t known[][2] = {
		{1, 12786308645202655660u},
		{2, 12586522572621364165u},
		{3, 12469655211994953478u},
		{12345678901234567u, 0x1d3cc2d9b9732df3u},
		{(1ull << 63) - 1, 199786072581291495u},
		{1ull << 63, 199786072581291495u},
		{(33ull << 58) - 1, 190916745828960998u}, /* both sides of a table entry */
		{33ull << 58, 190916745828960998u},
		{0x123456789abcdef0u, 761940365877651306u},
		{UINT64_MAX, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint64_t got = rng_neg_ln(known[i][0]), want = known[i][1];

		assert_true((got > want ? got - want : want - got) < 24);
	}
}

static void the_logarithm_never_changes_by_a_single_bit(void **state)
{
	uint64_t sum = 0;

	(void)state;
	for (uint64_t k = 1; k <= 4096; k++)
		sum = sum * 31 + rng_neg_ln(k * 0x9e3779b97f4a7c15u >> k % 64 | 1);
	assert_int_equal(sum, 0xcf83419f00705d36u);
}

static void the_logarithm_agrees_with_a_slow_series_everywhere(void **state)
{
	const long double one = (long double)(1ull << RNG_LN_BITS);
	struct rng r;

	(void)state;
	rng_init(&r, 5, "test_rng");
	for (uint32_t i = scaled(100000); i; i--) {
		uint64_t u = (rng_u64(&r) >> rng_below(&r, 64)) | 1;
		long double want = slow_neg_ln((long double)u / 18446744073709551616.0L);
		long double off = (long double)rng_neg_ln(u) / one - want;

		assert_true(off < 2e-14L && off > -2e-14L); /* long double may be 64 bits */
	}
}

static void exponential_gaps_have_the_right_mean_and_variance(void **state)
{
	const double mean = 1e6;
	uint32_t n = scaled(500000);
	double sum, squares;

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct rng r;
		double m, v;

		printf("seed %" PRIu64 "\n", seed);
		sum = 0;
		squares = 0;
		rng_init(&r, seed, "test_rng");
		for (uint32_t i = 0; i < n; i++) {
			double x = (double)rng_exp(&r, 1000000) / mean;

			sum += x;
			squares += x * x;
		}
		m = sum / n;
		v = squares / n - m * m;
		assert_true((m - 1) * (m - 1) < 25 * 1.0 / n);
		assert_true((v - 1) * (v - 1) < 25 * 8.0 / n);
	}
}

static void exponential_gaps_fall_evenly_between_the_quantiles(void **state)
{
	enum { CELLS = 64 };
	uint32_t seen[CELLS] = {0}, n = scaled(500000);
	double edge[CELLS];
	struct rng r;

	(void)state;
	for (int i = 0; i < CELLS - 1; i++)
		edge[i] = 1e9 * (double)slow_neg_ln(1 - (i + 1) / (long double)CELLS);
	edge[CELLS - 1] = 1e18;
	rng_init(&r, 6, "test_rng");
	for (uint32_t i = 0; i < n; i++) {
		double x = (double)rng_exp(&r, 1000000000);
		int cell = 0;

		while (x >= edge[cell])
			cell++;
		seen[cell]++;
	}
	assert_even(seen, CELLS, n);
}

/* Cutting to whole picoseconds would lose half a picosecond a draw: a sixth of this mean. */
static void a_mean_of_three_picoseconds_has_no_bias(void **state)
{
	uint32_t n = scaled(500000);
	uint64_t sum = 0;
	double m;
	struct rng r;

	(void)state;
	rng_init(&r, 7, "test_rng");
	for (uint32_t i = 0; i < n; i++)
		sum += rng_exp(&r, 3);
	m = (double)sum / n;
	assert_true((m - 3) * (m - 3) < 25 * 9.0 / n);
	assert_int_equal(rng_exp(&r, 0), 0);
}

/* In other units of time the draws are the same: for any mean or range of 4096 ps or more. */
static void draws_of_time_scale_by_powers_of_two(void **state)
{
	static const sim_time mean[] = {10007, 12289, 672000, 1000000, 1562500, 999999937, SIM_MS};

	(void)state;
	for (unsigned i = 0; i < sizeof(mean) / sizeof(*mean); i++)
		for (unsigned n = 1; n <= 10; n += 3) {
			struct rng a, b;

			rng_init(&a, i, "test_rng");
			rng_init(&b, i, "test_rng");
			for (int k = 0; k < 1000; k++) {
				assert_int_equal(rng_exp(&a, mean[i]) << n,
						 rng_exp(&b, mean[i] << n));
				assert_int_equal(rng_exp_ratio(&a, mean[i] * 3, 7) << n,
						 rng_exp_ratio(&b, mean[i] * 3 << n, 7));
				assert_int_equal(rng_uniform(&a, mean[i], 3 * mean[i]) << n,
						 rng_uniform(&b, mean[i] << n, 3 * mean[i] << n));
			}
		}
}

/* A whole mean is the same however it is said; of others the mean is kept over many draws. */
static void means_may_be_fractions(void **state)
{
	uint64_t n = scaled(500000), sum = 0;
	struct rng a, b;

	(void)state;
	rng_init(&a, 10, "test_rng");
	rng_init(&b, 10, "test_rng");
	for (int i = 0; i < 1000; i++)
		assert_int_equal(rng_exp(&a, 1000000), rng_exp_ratio(&b, 12000000, 12));
	for (uint64_t i = 0; i < n; i++)
		sum += rng_exp_ratio(&a, 10, 3);
	assert_true(((double)sum / (double)n - 10. / 3) * ((double)sum / (double)n - 10. / 3) <
		    25 * 100. / 9 / (double)n);
}

/* Both ends are reached, nothing beyond; of 0..0 there is one. */
static void uniform_times_include_both_ends(void **state)
{
	bool lo = false, hi = false;
	struct rng r;

	(void)state;
	rng_init(&r, 9, "test_rng");
	for (int i = 0; i < 2000; i++) {
		sim_time t = rng_uniform(&r, 64, 128);

		assert_in_range(t, 64, 128);
		lo |= t == 64;
		hi |= t == 128;
		assert_int_equal(rng_uniform(&r, 0, 0), 0);
	}
	assert_true(lo && hi);
}

static void exponential_times_stop_at_the_longest_run(void **state)
{
	bool reached = false;
	struct rng r;

	(void)state;
	rng_init(&r, 8, "test_rng");
	for (int i = 0; i < 1000; i++) {
		sim_time t = rng_exp(&r, SIM_MAX);

		assert_true(t <= SIM_MAX);
		reached |= t == SIM_MAX;
	}
	assert_true(reached);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_generator_gives_the_numbers_of_its_reference),
		cmocka_unit_test(a_named_stream_never_changes),
		cmocka_unit_test(draws_from_a_stream_never_change),
		cmocka_unit_test(streams_differ_by_name_and_by_seed),
		cmocka_unit_test(below_is_even_over_small_and_huge_ranges),
		cmocka_unit_test(ranges_include_both_ends),
		cmocka_unit_test(shuffles_give_every_order_equally_often),
		cmocka_unit_test(shuffles_keep_large_elements_whole),
		cmocka_unit_test(the_logarithm_is_right_at_known_points),
		cmocka_unit_test(the_logarithm_never_changes_by_a_single_bit),
		cmocka_unit_test(the_logarithm_agrees_with_a_slow_series_everywhere),
		cmocka_unit_test(exponential_gaps_have_the_right_mean_and_variance),
		cmocka_unit_test(exponential_gaps_fall_evenly_between_the_quantiles),
		cmocka_unit_test(a_mean_of_three_picoseconds_has_no_bias),
		cmocka_unit_test(draws_of_time_scale_by_powers_of_two),
		cmocka_unit_test(means_may_be_fractions),
		cmocka_unit_test(uniform_times_include_both_ends),
		cmocka_unit_test(exponential_times_stop_at_the_longest_run),
	};

	return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
