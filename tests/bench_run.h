/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_run.h - for benchmarks only: one run of a scenario, and what its CPU time was. */
#ifndef TESTS_BENCH_RUN_H
#define TESTS_BENCH_RUN_H

#include <time.h>

#include "models/machine.h"
#include "models/options.h"

struct bench_counts {
	uint64_t packets, drops, events; /* delivered to the first guest, lost; of the engine */
};

static inline double bench_cpu_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* CPU seconds of machine_run() alone. */
static inline double bench_run(const struct scenario *sc, struct bench_counts *n)
{
	GError *error = NULL;
	struct machine *m = machine_new(sc, &error);
	struct run_ctl ctl = {0};
	double start;

	if (!m)
		g_error("%s", error->message);
	start = bench_cpu_seconds();
	if (!machine_run(m, &ctl, &error))
		g_error("%s", error->message);
	start = bench_cpu_seconds() - start;
	if (!machine_verify(m, &error))
		g_error("%s", error->message);
	n->packets = m->guest[0].rx.led.delivered;
	n->drops = m->guest[0].rx.led.offered - n->packets;
	n->events = m->q.executed;
	machine_free(m);
	return start;
}

/* For qsort(): doubles. */
static inline int bench_ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

#endif
