/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tap_calib.c - the arithmetic of a calibration: medians with their interval, and fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "../sim/median.h"
#include "models/tap/calib_fit.h"

static void near(double a, double b)
{
	if (!(fabs(a - b) <= 1e-6 * fmax(1, fabs(b))))
		fail_msg("%.9g is not %.9g", a, b);
}

static void median_of_odd_and_even_counts(void **state)
{
	double odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2};

	(void)state;
	near(median_of(odd, 3).value, 3);
	near(median_of(even, 4).value, 2.5);
	assert_int_equal(median_of(even, 4).n, 4);
}

/* From tables of the sign test: the k-th from either end holds the median with 95%. */
static void interval_is_that_of_the_sign_test(void **state)
{
	static const struct {
		unsigned n, k; /* k from 1 */
	} table[] = {{5, 1}, {6, 1}, {7, 1}, {9, 2}, {10, 2}, {15, 4}, {20, 6}, {25, 8}, {31, 10}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		double v[64];
		unsigned n = table[i].n;

		for (unsigned k = 0; k < n; k++)
			v[k] = n - k;
		struct median m = median_of(v, n);
		near(m.lo, table[i].k);
		near(m.hi, n + 1 - table[i].k);
	}
}

static void what_is_no_number_is_left_out(void **state)
{
	double some[] = {NAN, 2, NAN, 1, 3}, none[] = {NAN};

	(void)state;
	near(median_of(some, 5).value, 2);
	assert_int_equal(median_of(none, 1).n, 0);
	assert_true(isnan(median_of(none, 1).value));
}

/* read, read_byte, copy, copy_byte from times that they make exactly. */
static void fit_finds_the_terms_of_exact_sums(void **state)
{
	static const double x[] = {450, 0.06, 20, 0.1};
	struct calib_fit f = {.n = 4};

	(void)state;
	for (unsigned len = 60; len < 10000; len *= 3)
		for (unsigned copies = 0; copies < 3; copies++) {
			double a[] = {1, len, copies, copies * (double)len}, y = 0;

			for (unsigned i = 0; i < 4; i++)
				y += a[i] * x[i];
			calib_fit_row(&f, a, y);
		}
	assert_true(calib_fit_solve(&f));
	for (unsigned i = 0; i < 4; i++)
		near(f.x[i], x[i]);
	assert_true(f.worst < 1e-9);
}

/* y falls with the second term: it is 0, and the first the weighted mean. */
static void fit_has_no_cost_below_zero(void **state)
{
	struct calib_fit f = {.n = 2};

	(void)state;
	calib_fit_row(&f, (double[]){1, 0}, 100);
	calib_fit_row(&f, (double[]){1, 1}, 90);
	assert_true(calib_fit_solve(&f));
	near(f.x[1], 0);
	near(f.x[0], (1 / 100.0 + 1 / 90.0) / (1 / 10000.0 + 1 / 8100.0));
	assert_true(f.worst > 0.01);
}

static void fit_needs_as_many_rows_as_terms(void **state)
{
	struct calib_fit f = {.n = 2};

	(void)state;
	calib_fit_row(&f, (double[]){1, 1}, 5);
	calib_fit_row(&f, (double[]){1, 2}, NAN);
	assert_false(calib_fit_solve(&f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(median_of_odd_and_even_counts),
		cmocka_unit_test(interval_is_that_of_the_sign_test),
		cmocka_unit_test(what_is_no_number_is_left_out),
		cmocka_unit_test(fit_finds_the_terms_of_exact_sums),
		cmocka_unit_test(fit_has_no_cost_below_zero),
		cmocka_unit_test(fit_needs_as_many_rows_as_terms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
