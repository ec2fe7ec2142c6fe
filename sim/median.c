/* SPDX-License-Identifier: GPL-2.0-or-later */
/* median.c - see median.h. */
#include "median.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The largest k, from 0, for which value k and value n - 1 - k hold the median with 95%. */
static unsigned order(unsigned n)
{
	double p = 1, below = 0;
	unsigned k = 0;

	for (unsigned i = 0; i < n; i++)
		p /= 2;
	for (; k < n; k++) {
		below += p; /* P(B <= k) */
		if (below > 0.025)
			break;
		p = p * (n - k) / (k + 1);
	}
	return k ? k - 1 : 0;
}

struct median median_of(double *v, unsigned n)
{
	unsigned m = 0, k;

	for (unsigned i = 0; i < n; i++)
		if (!isnan(v[i]))
			v[m++] = v[i];
	if (!m)
		return (struct median){NAN, NAN, NAN, 0};
	qsort(v, m, sizeof(*v), by_value);
	k = order(m);
	return (struct median){(v[(m - 1) / 2] + v[m / 2]) / 2, v[k], v[m - 1 - k], m};
}
