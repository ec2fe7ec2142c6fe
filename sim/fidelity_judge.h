/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fidelity_judge.h - the rows of [fidelity] judged by what the runs found, and the reports of it.
 *
 * A row's value is the mean over the repeats of its point, of a comparison the mean of each
 * repeat's (two points of one repeat have the same seed). A row of an exact form is judged with the
 * larger of its own tolerance and three standard errors of that mean.
 *
 * These numbers are computed in floating point, but by + - * / alone and in a fixed order: the same
 * bytes from any compiler.
 */
#ifndef SIM_FIDELITY_JUDGE_H
#define SIM_FIDELITY_JUDGE_H

#include <stdbool.h>
#include <glib.h>
#include "fidelity.h"
#include "study.h"

enum fidelity_verdict { FIDELITY_OK, FIDELITY_MISS, FIDELITY_CALIBRATION };

struct fidelity_judged {
	const struct fidelity_row *row;
	const char *file; /* base name */
	unsigned repeats; /* that the mean is of; 0: nothing was measured */
	double value, se; /* in the metric's unit, and the standard error of it */
	double slack;     /* that the standard errors add to the tolerance */
	bool held;        /* within tolerance */
	char *why;        /* nothing was measured; else NULL */
};

enum fidelity_verdict fidelity_verdict(const struct fidelity_judged *j);
/* Is it a miss that makes the verb fail: of an exact form, or one that nobody explains? */
bool fidelity_fails(const struct fidelity_judged *j);

/*
 * Reduces the study to the runs that its rows refer to. False if a row's point is not in the sweep
 * or not a single one; then nothing should be run.
 */
bool fidelity_plan(struct study *st, GError **error);

/* Judges a row by the runs carried out. */
void fidelity_judge(const struct study *st, const struct fidelity_row *row,
		    struct fidelity_judged *j);
void fidelity_judged_clear(void *judged);

/* ---- reports (fidelity_report.c); `list` is of struct fidelity_judged ---- */

/* The table, the notes of the misses and, last, the line that counts. */
void fidelity_print(const GArray *list, GString *out);
/* The same for a document, in sections by kind. */
void fidelity_markdown(const GArray *list, GString *out);
/* For machines: everything; and a table of plain numbers for plots. */
char *fidelity_json(const GArray *list, const char *program, const char *version);
void fidelity_csv(const GArray *list, GString *out);

#endif
