/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * summary.h - the runs of a study over their repeats: means with intervals, and paired differences.
 *
 * Repeat i has the same seed at every point, and a random stream depends on the seed and its own
 * name alone, so all points see the same arrivals (common random numbers). A difference between
 * two points is therefore taken repeat by repeat, and its interval is that of the differences: what
 * chance does to both points alike is not in it (Law, "Simulation Modeling and Analysis", 10.2.1
 * and 11.2).
 *
 * A metric that a run lacks counts as 0 if its row says that it is then 0 (metric_decl.sparse);
 * else that run, like one where it is null, is not among its n.
 */
#ifndef SIM_SUMMARY_H
#define SIM_SUMMARY_H

#include <stdint.h>
#include <glib.h>
#include "record.h"
#include "stats.h"
#include "sweep.h"

/* A run that has been done; those of a point stand together, in order. */
struct summary_run {
	unsigned point, repeat; /* from 1 */
	uint64_t seed;
	const char *const *values; /* texts of the swept keys */
	const struct record *record;
};

struct summary_metric {
	const struct record_name *name;
	struct stats stats;
};

struct summary_point {
	unsigned point, base; /* from 1; base 0: not a difference */
	const char *const *values;
	size_t n;
	struct summary_metric *metrics; /* numbers only */
};

struct summary {
	size_t n;
	struct summary_point *points;
};

/* A summary for each point that has runs. */
struct summary *summary_means(const struct summary_run *runs, size_t n);

/*
 * "KEY=BASE": of each point with another value of the swept KEY, the difference from the point with
 * BASE that is the same in all that is not linked with KEY. Points whose base is not among the runs
 * are left out. Errors, SIM_EXIT_USAGE: KEY is not swept, no point has BASE, or several fit.
 */
bool summary_pairs(const struct sweep *sw, const struct scenario *sc, const char *paired,
		   GError **error); /* can it be? to be asked before a long run */
struct summary *summary_paired(const struct sweep *sw, const struct scenario *sc,
			       const char *paired, const struct summary_run *runs, size_t n,
			       GError **error);

/* All of it as JSON; `paired` may be NULL. */
GString *summary_json(const char *program, const char *version, const struct scenario *sc,
		      const char *const *keys, const struct summary *means,
		      const struct summary *paired);

void summary_free(struct summary *sum);
typedef struct summary summary_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(summary_auto, summary_free)

#endif
