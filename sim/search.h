/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/*
 * search.h - [search]: the highest value of a key at which a condition holds, at each point of a
 * sweep and for each repeat.
 *
 *	[search]
 *	key = bulk.rate
 *	range = 1Gbit/s..10Gbit/s
 *	condition = guests.rx.drops = 0        as in [expect]; several joined by &
 *	resolution = 10Mbit/s                  or a share of the value, such as 1%
 *
 * Bisection, as RFC 2544 (section 26.1) has it for the no-drop rate: both ends of the range are run
 * first; then the middle between the highest value that holds and the lowest that fails, until
 * these are no further apart than the resolution. With a quantity as resolution all values but the
 * high end are the low end plus a multiple of it. The condition is taken to hold below a threshold
 * and to fail above; where it does neither, the two values found still bracket one change.
 *
 * All runs of a search have the same seed. The result is that of the highest value that holds, and
 * says so in its metrics (search.holds..., search.fails..., search.runs) and in its member
 * `search`; the run at the lowest value that fails is kept beside it. If the condition fails at the
 * low end there is no value (null), and the result is that of the low end; if it holds at the high
 * end, nothing fails.
 */
/* clang-format on */
#ifndef SIM_SEARCH_H
#define SIM_SEARCH_H

#include <stdbool.h>
#include <glib.h>
#include "cli.h"
#include "keys.h"
#include "sweep.h"

#define SEARCH_KIND "search"

/* For the program's list of groups: {SEARCH_KIND, .judges = true, .keys = search_keys}. */
extern const struct key_decl search_keys[];

/* Rows for the program's table of metrics; `bit` is of its object {bit, .name = SEARCH_KIND}. */
/* clang-format off */
#define METRICS_OF_SEARCH(bit)                                                                     \
	{"holds", "", bit, "highest value found at which the condition holds", .words = NULL},     \
	{"fails", "", bit, "lowest value found at which it does not", .words = NULL},              \
	{"holds_bps", "bit/s", bit, "the same of a rate", .words = NULL},                          \
	{"fails_bps", "bit/s", bit, "the same of a rate", .words = NULL},                          \
	{"holds_ns", "ns", bit, "the same of a time", .words = NULL},                              \
	{"fails_ns", "ns", bit, "the same of a time", .words = NULL},                              \
	{"holds_bytes", "bytes", bit, "the same of a size", .words = NULL},                        \
	{"fails_bytes", "bytes", bit, "the same of a size", .words = NULL},                        \
	{"holds_hz", "1/s", bit, "the same of a frequency", .words = NULL},                        \
	{"fails_hz", "1/s", bit, "the same of a frequency", .words = NULL},                        \
	{"runs", "runs", bit, "runs that the search took", .words = NULL}
/* clang-format on */

struct search;

/* *search is NULL if the scenario has none. Errors are SIM_EXIT_USAGE. */
bool search_new(const struct scenario *sc, const struct sweep *sw, const struct cli_program *prog,
		struct search **search, GError **error);
void search_free(struct search *search);

/* Could both ends of the range be run at this point? */
bool search_check(const struct search *search, const struct scenario *point, GError **error);

/* What a search ends with; on a failure nothing. */
struct search_end {
	struct scenario *sc; /* the point with the value found */
	struct result *result;
	struct scenario *sc_beyond; /* of the lowest value that fails; NULL if nothing fails */
	struct result *beyond;
};
/* SIGINT ends it with a result that is partial. */
bool search_run(const struct search *search, const struct scenario *point, struct run_ctl *ctl,
		struct search_end *end, GError **error);
/* At most how many runs a search takes. */
unsigned search_runs_max(const struct search *search);

/* The metric that holds what is found: "search.holds_bps", and the format for people. */
const char *search_metric(const struct search *search, bool fails);
enum report_fmt search_format(const struct search *search);
/* As the file says them. */
const char *search_key(const struct search *search);
const char *search_condition(const struct search *search);
const char *search_range(const struct search *search);
const char *search_resolution(const struct search *search);

#endif
