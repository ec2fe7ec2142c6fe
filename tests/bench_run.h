/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_run.h - for benchmarks only: one run of a scenario, and what its CPU time was. */
#ifndef TESTS_BENCH_RUN_H
#define TESTS_BENCH_RUN_H

#include <unistd.h>

#include "bench_time.h"
#include "models/machine.h"
#include "models/options.h"

struct bench_counts {
	uint64_t packets, drops, events; /* delivered to guests, lost; of the engine */
};

/* A scenario of this text. */
static inline struct scenario *bench_scenario(const char *text)
{
	g_autofree char *path = NULL;
	GError *error = NULL;
	struct scenario *sc = NULL;
	int fd = g_file_open_tmp("bench-XXXXXX.ini", &path, &error);

	if (fd >= 0) {
		close(fd);
		g_file_set_contents(path, text, -1, &error);
	}
	if (!error)
		sc = scenario_load(path, option_groups, NULL, &error);
	if (path)
		unlink(path);
	if (!sc)
		g_error("%s", error->message);
	return sc;
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
	*n = (struct bench_counts){0};
	for (unsigned i = 0; i < m->guests; i++) {
		n->packets += m->guest[i].rx.led.delivered;
		n->drops += m->guest[i].rx.led.offered - m->guest[i].rx.led.delivered;
	}
	n->events = m->q.executed;
	machine_free(m);
	return start;
}

#endif
