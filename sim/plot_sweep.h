/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot_sweep.h - a figure for any study: a metric over a swept key, with lines and panels for the
 * other keys.
 *
 * What is not asked for is chosen: x is the key with the most different numbers, lines are the
 * policies or, if they do not vary, the key with the fewest values, panels are all other keys. A
 * key that another one determines (they move together) is left out. So each point of a curve stands
 * for one point of the study, the mean over its repeats; with repeats it has a bar, the 95%
 * confidence interval (Student's t). Keys whose values are not numbers make an x axis of words.
 */
#ifndef SIM_PLOT_SWEEP_H
#define SIM_PLOT_SWEEP_H

#include <stdbool.h>
#include <glib.h>

struct plot_data;

/* Each may be NULL: not asked for. Lists are separated by commas. */
struct plot_want {
	const char *x, *y, *lines, *panels, *log, *title;
};

enum {
	PLOT_LINES_MAX = 16,
	PLOT_PANELS_MAX = 24,
};

/* "guests.rx.throughput_bps" and so on, to be drawn; freed with the array. */
GPtrArray *plot_sweep_metrics(const struct plot_data *s, const struct plot_want *want);

/*
 * The table that plots/sweep.gp draws for one metric. NULL with an error, SIM_EXIT_USAGE: a key
 * that is not swept, a metric that no run has or that is no number, too many lines or panels, or
 * keys left out so that several points would lie on each other.
 */
char *plot_sweep_table(const struct plot_data *s, const struct plot_want *want, const char *metric,
		       GError **error);

#endif
