/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * baseline.h - what the points of some scenarios gave once, kept in one file for CI to hold them
 *to.
 *
 *	{ "schema": 1, "program": "vnicsim", "version": "0.2",
 *	  "scenarios": { "web.ini": { "guest.policy=copy": { "setup": "9f86d081...",
 *	                                                     "metrics": { "vm1.rx.copies": 200, ...
 *} } } } }
 *
 * Sorted, a value a line, so that what a change does to it is read in its diff. A scenario stands
 * there by its path from the file's folder, so that the file may be used from anywhere; a point by
 * its label, "base" without a sweep. A metric that is 0 is not written: one that is not there is 0.
 * `setup` is the digest of configuration and inputs; it judges nothing, it explains.
 */
#ifndef SIM_BASELINE_H
#define SIM_BASELINE_H

#include <stdbool.h>
#include <glib.h>
#include <jansson.h>
#include "result.h"

#define BASELINE_SCHEMA 1

struct baseline;

/* An empty one, that will stand at `path`. */
struct baseline *baseline_new(const char *path, const char *program, const char *version);
/*
 * Reads it. SIM_EXIT_USAGE if it cannot be read, SIM_EXIT_INPUT if it is no baseline, one of
 * another schema, or of another program or version; with `any_version` these two are read as an
 * empty one.
 */
struct baseline *baseline_load(const char *path, const char *program, const char *version,
			       bool any_version, GError **error);
void baseline_free(struct baseline *b);
typedef struct baseline baseline_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(baseline_auto, baseline_free)

/* How it stands in the file; freed with g_free(). */
char *baseline_scenario_name(const struct baseline *b, const char *scenario_path);

/* A point as it would be kept; json_decref() it. */
json_t *baseline_entry(const struct result *r);
/* A point as it is kept; NULL: it is not. `scenario` is its name in the file. */
const json_t *baseline_find(const struct baseline *b, const char *scenario, const char *label);
/* All points of a scenario, as an object; NULL: none. */
const json_t *baseline_points(const struct baseline *b, const char *scenario);

/* Takes over an object of points; NULL takes the scenario out. */
void baseline_replace(struct baseline *b, const char *scenario, json_t *points);
bool baseline_write(const struct baseline *b, GError **error);

/* The name of a point in the file. */
const char *baseline_label(const char *label);

#endif
