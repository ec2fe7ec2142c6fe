/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_hist.c - the histogram's exact parts are exact, its quantiles are within the stated bound of
 * those of the sorted values, and merging is addition. VNICSIM_TEST_SCALE divides the work.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/hist.h"
#include "sim/rng.h"

static uint32_t scaled(uint32_t n)
{
	const char *s = getenv("VNICSIM_TEST_SCALE");
	uint64_t divisor = s ? strtoull(s, NULL, 10) : 1;

	return divisor > 1 ? (uint32_t)(n / divisor) + 100 : n;
}

/* Values of all magnitudes. */
static uint64_t random_value(struct rng *r)
{
	return rng_u64(r) >> rng_below(r, 64);
}

static void assert_hist_equal(const struct hist *a, const struct hist *b)
{
	assert_memory_equal(a->bucket, b->bucket, HIST_BUCKETS * sizeof(*a->bucket));
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->min, b->min);
	assert_int_equal(a->max, b->max);
	assert_true(a->sum == b->sum);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void quantiles_are_within_one_128th_of_the_sorted_values(void **state)
{
	static const uint64_t q[][2] = {{0, 1},    {1, 1000},   {1, 10},         {1, 2}, {9, 10},
					{99, 100}, {999, 1000}, {99999, 100000}, {1, 1}, {2, 1}};
	uint32_t n = scaled(100000);
	uint64_t *v = malloc(n * sizeof(*v));
	struct hist h;
	struct rng r;

	(void)state;
	assert_non_null(v);
	for (uint64_t seed = 1; seed <= 6; seed++) {
		printf("seed %" PRIu64 "\n", seed);
		rng_init(&r, seed, "test_hist");
		hist_init(&h);
		for (uint32_t i = 0; i < n; i++) {
			v[i] = seed & 1 ? random_value(&r) : rng_exp(&r, 3 * SIM_US >> seed);
			hist_add(&h, v[i]);
		}
		qsort(v, n, sizeof(*v), ascending);
		for (size_t i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
			uint64_t rank = (n * q[i][0] + q[i][1] - 1) / q[i][1], got, want;

			rank = rank < 1 ? 1 : rank > n ? n : rank;
			want = v[rank - 1];
			got = hist_quantile(&h, q[i][0], q[i][1]);
			assert_true(distance(got, want) <= want / 128);
			assert_true(got >= v[0] && got <= v[n - 1]);
		}
		hist_fini(&h);
	}
	free(v);
}

static void every_value_is_in_a_bucket_no_wider_than_its_64th(void **state)
{
	struct hist_bin bin;
	struct hist h;

	(void)state;
	for (unsigned int shift = 0; shift < 64; shift++) {
		for (int d = -2; d <= 2; d++) {
			uint64_t v = (1ull << shift) + (uint64_t)(int64_t)d;
			uint32_t pos = 0;

			hist_init(&h);
			hist_add(&h, v);
			assert_true(hist_next(&h, &pos, &bin));
			assert_true(bin.lo <= v && v <= bin.hi);
			assert_true(bin.hi - bin.lo <= bin.lo / 64);
			assert_int_equal(bin.count, 1);
			assert_false(hist_next(&h, &pos, &bin));
			assert_int_equal(hist_quantile(&h, 1, 2), v); /* clamped to min and max */
			assert_int_equal(hist_mean(&h), v);
			hist_fini(&h);
		}
	}
}

static void buckets_follow_each_other_without_gap_up_to_the_last_value(void **state)
{
	struct hist_bin bin = {0, 0, 0};
	struct hist h;
	uint64_t next = 0;
	uint32_t pos = 0, seen = 0;

	(void)state;
	hist_init(&h);
	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		h.bucket[i] = i + 1;
	while (hist_next(&h, &pos, &bin)) {
		assert_int_equal(bin.lo, next);
		assert_int_equal(hist_index(bin.lo), seen);
		assert_int_equal(hist_index(bin.hi), seen);
		assert_int_equal(bin.count, seen + 1);
		next = bin.hi + 1;
		seen++;
	}
	assert_int_equal(seen, HIST_BUCKETS);
	assert_int_equal(bin.hi, UINT64_MAX);
	hist_fini(&h);
}

static void values_below_128_are_reported_exactly(void **state)
{
	struct hist h;

	(void)state;
	hist_init(&h);
	for (uint64_t v = 0; v < 128; v++)
		hist_add(&h, v);
	for (uint64_t v = 0; v < 128; v++)
		assert_int_equal(hist_quantile(&h, v + 1, 128), v);
	hist_fini(&h);
}

static void quantiles_take_the_nearest_rank_above(void **state)
{
	struct hist h;

	(void)state;
	hist_init(&h);
	hist_add(&h, 1);
	hist_add(&h, 2);
	hist_add(&h, 3);
	assert_int_equal(hist_quantile(&h, 1, 3), 1);
	assert_int_equal(hist_quantile(&h, 1, 2), 2);
	assert_int_equal(hist_quantile(&h, 2, 3), 2);
	assert_int_equal(hist_quantile(&h, 67, 100), 3);
	hist_fini(&h);
}

static void count_min_max_and_sum_are_exact_beyond_64_bits(void **state)
{
	struct hist h;

	(void)state;
	hist_init(&h);
	for (int i = 0; i < 5; i++)
		hist_add(&h, UINT64_MAX - 1);
	hist_add(&h, 7);
	assert_int_equal(h.count, 6);
	assert_int_equal(h.min, 7);
	assert_int_equal(h.max, UINT64_MAX - 1);
	assert_true(h.sum == (unsigned __int128)(UINT64_MAX - 1) * 5 + 7);
	assert_int_equal(hist_mean(&h),
			 15372286728091293013u); /* (5 (2^64 - 2) + 7) / 6 = ...12.83 */
	hist_fini(&h);
}

static void means_are_rounded_to_nearest(void **state)
{
	struct hist h;

	(void)state;
	hist_init(&h);
	hist_add(&h, 1);
	hist_add(&h, 2);
	assert_int_equal(hist_mean(&h), 2); /* 1.5 */
	hist_add(&h, 1);
	assert_int_equal(hist_mean(&h), 1); /* 1.33 */
	hist_add(&h, 3);
	hist_add(&h, 1);
	assert_int_equal(hist_mean(&h), 2); /* 1.6 */
	hist_fini(&h);
}

static void an_empty_histogram_reports_zero_and_no_buckets(void **state)
{
	struct hist_bin bin;
	struct hist h, other;
	uint32_t pos = 0;

	(void)state;
	hist_init(&h);
	hist_init(&other);
	hist_merge(&h, &other);
	assert_int_equal(h.count, 0);
	assert_int_equal(h.min, UINT64_MAX);
	assert_int_equal(h.max, 0);
	assert_int_equal(hist_quantile(&h, 1, 2), 0);
	assert_int_equal(hist_mean(&h), 0);
	assert_false(hist_next(&h, &pos, &bin));
	hist_fini(&other);
	hist_fini(&h);
}

static void merging_is_exact_in_any_order(void **state)
{
	static const int order[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}};
	struct hist part[4], whole, merged;
	struct rng r;

	(void)state;
	rng_init(&r, 5, "test_hist");
	hist_init(&whole);
	for (int i = 0; i < 4; i++)
		hist_init(&part[i]); /* the last one stays empty */
	for (uint32_t i = scaled(50000); i; i--) {
		uint64_t v = random_value(&r);

		hist_add(&whole, v);
		hist_add(&part[rng_below(&r, 3)], v);
	}
	for (int o = 0; o < 3; o++) {
		hist_init(&merged);
		for (int i = 0; i < 4; i++)
			hist_merge(&merged, &part[order[o][i]]);
		assert_hist_equal(&merged, &whole);
		hist_fini(&merged);
	}
	for (int i = 0; i < 4; i++)
		hist_fini(&part[i]);
	hist_fini(&whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_are_within_one_128th_of_the_sorted_values),
		cmocka_unit_test(every_value_is_in_a_bucket_no_wider_than_its_64th),
		cmocka_unit_test(buckets_follow_each_other_without_gap_up_to_the_last_value),
		cmocka_unit_test(values_below_128_are_reported_exactly),
		cmocka_unit_test(quantiles_take_the_nearest_rank_above),
		cmocka_unit_test(count_min_max_and_sum_are_exact_beyond_64_bits),
		cmocka_unit_test(means_are_rounded_to_nearest),
		cmocka_unit_test(an_empty_histogram_reports_zero_and_no_buckets),
		cmocka_unit_test(merging_is_exact_in_any_order),
	};

	return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
