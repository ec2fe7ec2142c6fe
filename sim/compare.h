/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare.h - two result files against each other, metric by metric.
 *
 * Counts and texts must be equal. What is measured - times, rates, ratios, means - may be off by
 * a share of the first file's value. How the runs were set up is listed beside it and judges
 * nothing; what depends on the machine is not looked at.
 */
#ifndef SIM_COMPARE_H
#define SIM_COMPARE_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>
#include <jansson.h>
#include "metric.h"

enum compare_verdict {
	COMPARE_EQUAL,
	COMPARE_WITHIN,  /* measured, and off by no more than the tolerance */
	COMPARE_DIFFERS, /* a count or text that is another, or beyond the tolerance */
	COMPARE_ONLY_A,
	COMPARE_ONLY_B,
	COMPARE_VERDICTS,
};

struct comparison;

/* Reads a result file; what a run wrote with --json or --out. Its metrics are checked: numbers,
   texts, null. SIM_EXIT_USAGE if it cannot be read, SIM_EXIT_INPUT if it is no such file. */
json_t *compare_load(const char *path, GError **error);

/* `tolerance_ppm` of the value in `a`. Two numbers that both are not 0 may always differ by 0.001,
   the last digit written, unless the tolerance is 0. `name` is of the point; NULL if it is all. */
struct comparison *compare_results(const struct metric_table *metrics, const char *name,
				   const json_t *a, const json_t *b, uint64_t tolerance_ppm);
void compare_free(struct comparison *c);
size_t compare_count(const struct comparison *c, enum compare_verdict verdict);

/* One metric that is not equal. The texts are as the files have them, "-" for none. */
struct compare_line {
	const char *metric, *a, *b;
	const char *off; /* "+100", "-2.50%"; "" where there is none */
	enum compare_verdict verdict;
	bool measured, more; /* more: a copy or fallback that was not there, or not so often */
};
/* The worst first: new copies and fallbacks, then what is off by the largest share. */
typedef void (*compare_fn)(void *arg, const struct compare_line *line);
void compare_each(const struct comparison *c, compare_fn fn, void *arg);

/* What differs, as tables: new copies and fallbacks first. Nothing if nothing does. */
/* The same in blocks of so many characters. */
void compare_print_within(const struct comparison *c, unsigned characters, GString *out);
void compare_print(const struct comparison *c, GString *out);
json_t *compare_json(const struct comparison *c);

#endif
