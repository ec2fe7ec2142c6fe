/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * folder.h - a study's folder: whose it is, what of it is there, and how to go on.
 *
 *	study.json            the manifest: program, build, scenario, digest, points, source
 *	point-0001.json       a run's result, complete or not there; -r2 its second repeat
 *	point-0001-fails.json of a search: the run beyond the value found
 *	results.csv ...       tables, written when runs end
 *
 * The digest is SHA-256 over all that results depend on: the settings of the scenario, its sweep,
 * search and expectations, the seed, and the contents of the files that it names. With program,
 * version and the build (SHA-256 of the executable) it says which study the folder belongs to; any
 * other study is refused. The source, text and wishes, is of no account there: it is that of who
 *made the folder. Two programs that make the same folder at once write the same manifest.
 *
 * Files in the making have other names (outfile.h), so a run that was killed has left no result
 * and is run again. Errors are SIM_EXIT_USAGE (another study), SIM_EXIT_INPUT (a file that is no
 * result of it) and SIM_EXIT_OUTPUT.
 */
#ifndef SIM_FOLDER_H
#define SIM_FOLDER_H

#include <stdbool.h>
#include <glib.h>
#include <jansson.h>
#include "study.h"

/* What to do with a folder that holds another study, or an older build's. */
enum folder_use {
	FOLDER_READ,   /* the study's own, or none there yet; nothing is written */
	FOLDER_RESUME, /* the study's own or a new one, which gets its manifest */
	FOLDER_FRESH,  /* what any study has left there goes first */
};
bool folder_open(const struct study *st, const char *path, enum folder_use use, GError **error);

/*
 * What a report needs that no result says, as the manifest has it: `text` of the scenario's file,
 * `sets` of the command line, `plot`, what figures are wanted (plot_want.h). NULL: none, as in
 * folders that an older program has made. To be json_decref()ed.
 */
json_t *folder_source(const char *path);

/* Refuses a folder that belongs to a study: for verbs that write loose results. */
bool folder_is_no_study(const char *path, GError **error);

/* Is the run's result there? */
bool folder_has(const char *path, const struct study_run *run);
/* Reads it, seed and all, into run->record. */
bool folder_read(struct study *st, const char *path, struct study_run *run, GError **error);

#endif
