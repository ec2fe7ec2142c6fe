/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stats.h - mean and 95% confidence interval of repeated runs.
 *
 * n runs with independent seeds give n values of a metric; what is sought is their expectation. The
 * interval is mean +- t * s / sqrt(n), with Student's t of n - 1 degrees of freedom and the sample
 * standard deviation s (Law, "Simulation Modeling and Analysis", 9.4.1: independent replications).
 * It covers the expectation with probability 95% as far as the values are normal, which means over
 * many packets nearly are. It says nothing of what is wrong in the model.
 *
 * Values are thousandths, as results have them. All arithmetic is on integers, so the same values
 * give the same interval everywhere; the half width is rounded up, so that it is 0 only if all
 * values are equal.
 */
#ifndef SIM_STATS_H
#define SIM_STATS_H

#include <stddef.h>
#include <stdint.h>

struct stats {
	size_t n;
	__int128 sum, min, max; /* thousandths */
	unsigned __int128 half; /* half width, thousandths; meaningless below 2 values */
};

/* |values| < 2^100, n < 2^14. Of none, all is 0. */
struct stats stats_of(const __int128 *values, size_t n);

/* Mean of them in thousandths: rounded half up, away from 0, but never onto a whole number. */
__int128 stats_mean(const struct stats *s);

/* Quantile 0.975 of Student's t, in millionths; freedom > 0. */
uint64_t stats_t975(size_t freedom);

#endif
