/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot_impl.h - results as figures see them; shared by the parts of plot.c, and for them alone:
 *
 *   plot_read.c   result files and tables become runs and histograms
 *   plot_table.c  runs become groups, and groups the rows of a figure's table
 *   plot_sweep.c  runs become curves over a swept key
 *   plot.c        tables become pictures
 *
 * What has been read and named does not change while figures are made of it, but for the order
 * within a histogram's bins.
 */
#ifndef SIM_PLOT_IMPL_H
#define SIM_PLOT_IMPL_H

#include <stdbool.h>
#include <glib.h>

struct run {
	unsigned int point, repeat;
	char *path, *file;   /* results only: as given, and its base name without .json */
	GHashTable *keys;    /* "guest_policy", as in the CSV -> text */
	GHashTable *config;  /* "policy" of the guests -> text, "mixed" if they differ */
	GHashTable *metrics; /* "rx.delivered" of all guests, others in full -> double * */
};

struct bin {
	double lo, hi, count; /* ns */
};

struct plot_data {
	char *about;          /* "study crossover" */
	GPtrArray *runs;      /* in order of the file */
	GPtrArray *keys;      /* names of the swept keys */
	GPtrArray *key_names; /* the same as [sweep] writes them; none if no point's result says */
	GHashTable *texts;    /* "1.bulk.size" -> "64KiB", as [sweep] writes it */
	GHashTable *units;    /* "guests.rx.bytes" -> "bytes" */
	GHashTable *hists;    /* "1.rx" -> GArray of struct bin, unsorted */
	bool by_file;         /* policies do not tell the results apart */
};

/* One bar, one curve, or one point of a curve: the repeats of one point. */
struct group {
	const char *direction;
	const char *policy, *delivery; /* of the first run, or its file's name */
	double rate;                   /* load only */
	unsigned int order;            /* results keep the order in which they were named */
	GPtrArray *runs;
};

/* rx, tx, local; NULL-ended. */
extern const char *const plot_directions[];

void plot_data_init(struct plot_data *s);
void plot_data_fini(struct plot_data *s);
/* results.csv of a study: its runs, with the values of the swept keys. */
bool plot_read_csv(struct plot_data *s, const char *path, GError **error);
/* Behind it, point-*.json of the study: configurations and histograms. A folder may have none. */
bool plot_read_points(struct plot_data *s, const char *dir, GError **error);
/* A single result file as a run of its own, which is all there is of point `point`. */
bool plot_read_result(struct plot_data *s, unsigned int point, const char *path, GError **error);
/* Metric DIRECTION.NAME of all guests; false if the run has none. */
bool plot_metric(const struct run *r, const char *direction, const char *name, double *value);
/* The same by its full name, of any object. */
bool plot_metric_named(const struct run *r, const char *name, double *value);
/* For sorting arrays of strings. */
int plot_by_name(const void *a, const void *b);

/* Sorted; of struct group, freed with the array. by_rate: only runs that were offered a rate. */
GPtrArray *plot_groups(const struct plot_data *s, bool by_rate);
/* The rows of a figure; none if the data lack what it shows. */
void plot_copies_rows(const struct plot_data *s, GPtrArray *groups, GString *out);
void plot_latency_rows(const struct plot_data *s, GPtrArray *groups, GString *out);
void plot_stages_rows(const struct plot_data *s, GPtrArray *groups, GString *out);
void plot_load_rows(const struct plot_data *s, GPtrArray *groups, GString *out);
/* The line under the title, and the unit of the rate, "-" if none. */
void plot_put_about(GString *out, const struct plot_data *s, GPtrArray *groups, bool by_rate);
/* Do two results share policy and delivery, in a direction that both have? */
bool plot_policies_clash(const struct plot_data *s);
/* Names bars by file from now on. */
void plot_name_by_file(struct plot_data *s);

#endif
