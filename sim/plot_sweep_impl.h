/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot_sweep_impl.h - a figure in the making; shared by the parts of plot_sweep.c, for them alone:
 *
 *   plot_keys.c    which swept key goes where, and what its values are called
 *   plot_sweep.c   runs become points, units and axes are chosen, what is asked is judged
 *   plot_layout.c  the table: sizes, legend, marks
 */
#ifndef SIM_PLOT_SWEEP_IMPL_H
#define SIM_PLOT_SWEEP_IMPL_H

#include "plot_impl.h"
#include "plot_sweep.h"

struct axis_value {
	const char *text; /* as in the table */
	double number;
};

struct sweep_figure {
	const struct plot_data *s;
	const char *metric;
	GPtrArray *line_keys, *panel_keys; /* const char * */
	const char *x;                     /* NULL: one point */
	bool x_words, log_x, log_y;
	GPtrArray *lines, *panels; /* names, in the order of the study */
	GArray *xs;                /* struct axis_value */
	double y_scale, y_least, y_most;
	char *unit;
};

struct sweep_point {
	unsigned int panel, line, x;
	const struct run *first;
	GArray *values; /* double */
};

/* A run's value of a key, as in the table. */
const char *plot_value(const struct run *r, const char *key);
/* Is all of the text a number? */
bool plot_number(const char *text, double *number);
/* As [sweep] writes the key, "bulk.size", and its value there, "64KiB", if that is known. */
const char *plot_key_name(const struct plot_data *s, const char *key);
const char *plot_text(const struct plot_data *s, const struct run *r, const char *key);
/* Fills x, line_keys and panel_keys: what is asked, then what is left. */
bool plot_choose_keys(struct sweep_figure *f, const struct plot_want *want, GError **error);
/* "copy, cores 4": what a run's line or panel is called. */
char *plot_name(const struct sweep_figure *f, const struct run *r, const GPtrArray *keys);

/* Mean, and half of its 95% interval, 0 of a single value. */
void plot_mean(const GArray *values, double *mean, double *half);
/* For sorting struct axis_value. */
int plot_by_number(const void *a, const void *b);

/* The table of a figure whose points (struct sweep_point) are sorted. */
char *plot_layout(const struct sweep_figure *f, const struct plot_want *want, const GArray *points);

#endif
