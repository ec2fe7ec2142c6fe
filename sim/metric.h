/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metric.h - the tables that say which metrics exist: names, units, whose they are, help.
 *
 * From them come the check of [expect] before anything runs, `list metrics`, and the unit column of
 * CSV. A metric is OBJECT[.PART][.DIRECTION].NAME; the first table says what may stand before NAME,
 * the second what NAME may be. Both end with a row of zeros.
 *
 *	static const struct metric_object objects[] = {
 *		{OBJ_GUEST, .kind = "guest", .directed = true},          vm1.rx.
 *		{OBJ_GUESTS, .name = "guests", .directed = true},        guests.rx.
 *		{OBJ_CORE, .name = "host", .part = "core"},              host.core0.
 *		{OBJ_VF, .kind = "nic", .part = "vf", .directed = true}, eth0.vf2.rx.
 *		{OBJ_PROCESS, .kind = "guest", .part = "process", .only = true}, vm1.process.
 *		{0},
 *	};
 */
#ifndef SIM_METRIC_H
#define SIM_METRIC_H

#include <stdbool.h>
#include <glib.h>
#include "scenario.h"

struct metric_object {
	unsigned bit;     /* one bit, named by the program */
	const char *kind; /* objects of this kind... */
	const char *name; /* ...or the one thing of this name */
	const char *part; /* followed by a part: this word and a number */
	bool only;        /* the part is that word alone, without a number */
	bool directed;    /* followed by rx, tx or local */
};

struct metric_decl {
	const char *name; /* "drops", "drops.*", "latency_ns.p50", "stage_ns.*.mean" */
	const char *unit; /* "packets", "bytes", "ns", "bit/s", "1/s", "" for a ratio */
	unsigned objects; /* whose: bits of metric_object */
	const char *help;
	const char *const *words;  /* what * may be, ended by NULL; NULL: any word */
	const char *const *words2; /* what a second * may be */
	bool sparse;               /* not in a result means 0: nothing touched it */
	bool text;                 /* not a number: only = and != apply */
};

struct metric_table {
	const struct metric_object *objects;
	const struct metric_decl *metrics;
};

/* Does `text` match, where each `*` stands for any letters up to the next dot? */
bool metric_glob(const char *pattern, const char *text);

/* The row of a metric by NAME alone ("drops.too_small"); NULL if none. */
const struct metric_decl *metric_find(const struct metric_table *t, const char *name);

/*
 * The row of a full name as written in [expect], where OBJECT, PART, DIRECTION and words may hold
 * `*`. On failure NULL and *why, with the nearest name, freed with g_free().
 */
const struct metric_decl *metric_judge(const struct metric_table *t, const struct scenario *sc,
				       const char *full, char **why);

/*
 * Takes a metric's full name apart: *object ("vm1.vcpu0") and *dir (or NULL), freed with g_free();
 * returns NAME, a part of `full`. One that no table knows is cut at its first dot.
 */
const char *metric_split(const struct metric_table *t, const struct scenario *sc, const char *full,
			 char **object, char **dir);

/* `list metrics`. */
void metric_print(const struct metric_table *t, GString *out);

#endif
