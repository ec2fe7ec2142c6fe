/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_time.h - for benchmarks only: CPU time of this process, and medians. */
#ifndef TESTS_BENCH_TIME_H
#define TESTS_BENCH_TIME_H

#include <stdlib.h>
#include <time.h>

static inline double bench_cpu_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static inline double bench_cpu_ns(void)
{
	return bench_cpu_seconds() * 1e9;
}

/* For qsort(): doubles. */
static inline int bench_ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts them. */
static inline double bench_median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), bench_ascending);
	return v[n / 2];
}

#endif
