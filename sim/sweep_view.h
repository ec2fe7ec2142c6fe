/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_view.h - the points of a study as tables for the eye: a row a run, or means with half of
 * their 95% intervals, in blocks that fit a terminal.
 */
#ifndef SIM_SWEEP_VIEW_H
#define SIM_SWEEP_VIEW_H

#include "study.h"

struct sweep_view {
	const struct study *st;
	const struct report_col *cols; /* the program's, of a sweep; ended by a NULL head */
	const bool *wanted;            /* by run: what is shown, as far as it has been recorded */
	unsigned characters;           /* of a line; 0: any */
};

void sweep_view_runs(const struct sweep_view *v, GString *out);
/* `paired`: of differences, which have a base and a sign. */
void sweep_view_means(const struct sweep_view *v, const struct summary *sum, bool paired,
		      GString *out);
/* A search that ended at an end of its range has found no threshold: said, not left to a dash. */
void sweep_view_ends(const struct sweep_view *v, GString *out);

#endif
