/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * want.h - what somebody wants of a value: a comparison, a range, or a value with a tolerance.
 *
 *	0    = 0    != 0    < 20us    <= 3    > 1e6    >= 5    a bare number is in the metric's unit
 *	10..20                                                 both included
 *	1000 ~ 5%                                              within 5% of 1000
 *
 * Read once and kept as exact fractions. Used by [expect] (expect.h) and [fidelity ROW]
 * (fidelity.h).
 */
#ifndef SIM_WANT_H
#define SIM_WANT_H

#include <stdbool.h>
#include <stdint.h>
#include "metric.h"
#include "result.h"

enum want_op {
	WANT_EQ,
	WANT_NE,
	WANT_LT,
	WANT_LE,
	WANT_GT,
	WANT_GE,
	WANT_RANGE,
	WANT_TEXT_EQ,
	WANT_TEXT_NE,
};

struct want_number {
	unsigned __int128 num, den; /* den > 0 */
	bool negative;
};

struct want {
	char *said; /* without blanks: "<20us" */
	enum want_op op;
	struct want_number lo, hi;    /* in the metric's unit; one value: lo */
	struct want_number centre;    /* WANT_RANGE of a tolerance */
	uint64_t tolerance_ppm;       /* of it */
	bool has_tolerance;           /* said with ~ */
	char *text;                   /* WANT_TEXT_* */
	char *unit;                   /* as said, "Gbit/s"; "" if none was */
	struct want_number unit_size; /* of it, in the metric's unit */
};

/*
 * Reads `said`, a want of a value that is like `decl` says (unit, text or number). `below_zero`:
 * the value may be negative, as a difference may. On false *why, freed with g_free(); `w` must be
 * cleared either way.
 */
bool want_parse(struct want *w, const struct metric_decl *decl, const char *said, bool below_zero,
		char **why);
void want_clear(struct want *w);

/* Does a number (RESULT_INT, RESULT_RATIO) do? Equal is also what prints the same thousandths. */
bool want_holds(const struct want *w, const struct result_value *v);

/*
 * Does a number that was computed from several do, if all bounds are `slack` further out? Equality
 * is up to rounding (1e-9 of the value).
 */
bool want_holds_real(const struct want *w, double value, double slack);

double want_real(struct want_number n);

#endif
