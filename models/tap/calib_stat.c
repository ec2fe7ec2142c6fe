/* SPDX-License-Identifier: GPL-2.0-or-later */
/* calib_stat.c - medians with an interval, and lines through points: see calibrate.h. */
#include <math.h>
#include <stdlib.h>

#include "calibrate.h"

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * The k-th smallest and k-th largest of n hold the median with 1 - 2 P(B(n, 1/2) < k): the largest
 * k for which that is 95% or more, from 0. With fewer than six values the ends have to do.
 */
static unsigned order(unsigned n)
{
	double p = pow(0.5, n), below = p;
	unsigned k = 0;

	while (k < n && below <= 0.025) {
		p = p * (n - k) / (k + 1);
		k++;
		below += p;
	}
	return k ? k - 1 : 0;
}

struct calib_stat calib_stat(double *v, unsigned n)
{
	unsigned m = 0;

	for (unsigned i = 0; i < n; i++)
		if (isfinite(v[i]))
			v[m++] = v[i];
	if (!m)
		return (struct calib_stat){NAN, NAN, NAN, 0};
	qsort(v, m, sizeof(*v), by_value);
	unsigned k = order(m);
	return (struct calib_stat){(v[(m - 1) / 2] + v[m / 2]) / 2, v[k], v[m - 1 - k], m};
}

void calib_line(const double *x, const double *y, unsigned n, double *base, double *slope)
{
	double sx = 0, sy = 0, sxx = 0, sxy = 0;

	for (unsigned i = 0; i < n; i++) {
		sx += x[i];
		sy += y[i];
		sxx += x[i] * x[i];
		sxy += x[i] * y[i];
	}
	double d = n * sxx - sx * sx;
	*slope = d > 0 ? (n * sxy - sx * sy) / d : 0;
	*base = n ? (sy - *slope * sx) / n : NAN;
}
