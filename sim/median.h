/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * median.h - what repeated measurements say: the median, and an interval that holds it.
 *
 * The interval is of order statistics: the k-th smallest and k-th largest of n values hold the true
 * median with 1 - 2 P(B(n, 1/2) < k). The narrowest with at least 95% is taken. Nothing is assumed
 * of the distribution. With fewer than six values no interval has 95%, and the ends are given.
 */
#ifndef SIM_MEDIAN_H
#define SIM_MEDIAN_H

struct median {
	double value, lo, hi; /* NAN if there are no values */
	unsigned n;           /* values that there were */
};

/* Sorts v. NAN is no value. */
struct median median_of(double *v, unsigned n);

#endif
