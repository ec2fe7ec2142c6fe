/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * validate.h - what a simulation said and what the real program did, point by point.
 *
 * Each point is simulated once and done in fact several times, in up to three modes: free, as its
 * scenario says; in lockstep, one packet under way; and in lockstep with one thread driving all
 * sides. Counts that the program's rules name must be equal in every run. Times are the median of
 * the runs, with its interval (median.h), against the simulated one.
 */
#ifndef SIM_VALIDATE_H
#define SIM_VALIDATE_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include "median.h"
#include "report.h"

enum validate_mode { VALIDATE_FREE, VALIDATE_LOCKSTEP, VALIDATE_ONE, VALIDATE_MODES };

/* A time that is looked at. */
struct validate_time {
	const char *metric; /* "host.packets_per_cpu_second"; of a glob the first that there is */
	const char *what;   /* "packets a CPU second" */
	enum validate_mode mode;
	enum report_fmt fmt; /* REPORT_TIME_NS or REPORT_SI */
	double share;        /* judged: may be off by this share of what was measured ... */
	double factor;       /* ... or by this factor; both 0: shown alone */
	const char *only;    /* of points that set this alone: "tap.threads=one"; NULL: of all */
	bool ordered;        /* choices are to stand in the order that is predicted */
};

/* How a program's simulation is held against the program that does it. */
struct validate_rules {
	const char *kind;    /* of the group that a scenario must have */
	const char *objects; /* kind of the objects whose counts are judged */
	const char *preset;  /* the key that names a calibration: "host.preset" */
	const char *const *set[VALIDATE_MODES]; /* what each mode sets, ended by NULL */
	unsigned most[VALIDATE_MODES];          /* real runs of it that are enough; 0: all */
	/* NAMEs of metrics with a direction, globs; ended by NULL. Must be equal in every mode, in
	   lockstep, and are shown where free. */
	const char *const *always, *const *lockstep;
	const struct validate_time *times; /* ended by a NULL metric */
	const char *choice; /* what a key ends in whose values are put in order: "policy" */
};

enum validate_verdict { VALIDATE_WITHIN, VALIDATE_MISS, VALIDATE_SHOWN };

/* A count that is another. */
struct validate_difference {
	char *metric, *simulated, *real; /* as in the result files */
	enum validate_mode mode;
	bool judged;
};

struct validate_measured {
	const struct validate_time *time;
	double predicted;
	struct median real;
	double off; /* (predicted - measured) / measured */
	enum validate_verdict verdict;
};

struct validate_point {
	char *file, *label; /* label "" if there is but one */
	char **keys, **values;
	char **objects;                    /* names */
	char *choice;                      /* the first object's; NULL: it has none */
	json_t *simulated[VALIDATE_MODES]; /* metrics */
	json_t *config;                    /* settings, of the first mode */
	GPtrArray *real[VALIDATE_MODES];   /* metrics of each run, json_t */
	GArray *differences;               /* struct validate_difference */
	unsigned equal[VALIDATE_MODES];    /* counts */
	bool failed;                       /* a real run did: no more of them */
	GArray *times;                     /* struct validate_measured */
};

struct validate_pair { /* two points that differ in the choice alone */
	const struct validate_point *a, *b;
	const struct validate_time *time;
	bool same; /* as predicted */
};

struct validation {
	const struct validate_rules *rules;
	GPtrArray *points;                 /* struct validate_point */
	GArray *pairs;                     /* struct validate_pair */
	char *calibration, *date, *sha256; /* NULL: none, and times are not judged */
	unsigned runs;
};

struct validation *validation_new(const struct validate_rules *rules, unsigned runs);
void validation_free(struct validation *v);

struct validate_point *validation_point(struct validation *v, const struct scenario *sc,
					const char *label, const char *const *keys,
					const char *const *values);
/* A result file, of the simulation or of a real run; false if it is none. */
bool validate_add(const struct validation *v, struct validate_point *p, enum validate_mode mode,
		  bool real, json_t *result);

/* All runs are there. */
void validation_judge(struct validation *v);

/* Counts that are judged and differ, over all points; times judged, and missed; pairs likewise. */
struct validate_sum {
	unsigned points, equal, unequal_points, differ;
	unsigned judged, missed, pairs, swapped;
};
struct validate_sum validation_sum(const struct validation *v);

/* ---- reports (validate_report.c) ---- */

void validation_print(const struct validation *v, GString *out);
void validation_markdown(const struct validation *v, GString *out);
/* For plots: a row a point and time. */
void validation_tsv(const struct validation *v, GString *out);
char *validation_json(const struct validation *v, const char *program, const char *version);

extern const char *const validate_mode_names[VALIDATE_MODES];

#endif
