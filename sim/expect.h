/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expect.h - [expect]: what a scenario says about its own results, judged exactly.
 *
 *	vm1.rx.drops = 0                      also = != < <= > >=
 *	vm1.rx.latency_ns.p99 = < 20us        units of the metric's kind, or bare, in its unit
 *	vm1.rx.packets = 10..20               both included
 *	vm1.rx.packets = 1000 ~ 5%            within 5% of 1000
 *	vm*.rx.drops = 0                      every metric that matches, and at least one
 *	[expect guest.policy=copy]            at those points of a sweep only
 *
 * Names and wants are judged when the list is made, before anything runs. Comparisons are exact, on
 * fractions; two values are also equal when they print the same thousandths, so that what a result
 * shows can be written down as expected. As a value that is not whole never prints as whole, `= 0`
 * and `= 1` mean exactly that.
 *
 * null (nothing was measured) fails. A metric that the run does not have is SKIP with the reason,
 * except one that is 0 when nothing touched it (metric_decl.sparse).
 */
#ifndef SIM_EXPECT_H
#define SIM_EXPECT_H

#include <stdbool.h>
#include <glib.h>
#include "metric.h"
#include "result.h"
#include "scenario.h"

struct expect;

enum expect_outcome { EXPECT_PASS, EXPECT_FAIL, EXPECT_SKIP };

struct expect_verdict {
	enum expect_outcome outcome;
	const char *metric, *want, *got; /* want without blanks: "<20us"; got "-" when skipped */
	const char *reason;              /* of SKIP, and of a FAIL that is no comparison; or NULL */
	const char *where;               /* "web.ini:31" */
};

/* Errors are SIM_EXIT_USAGE. `sc` and `metrics` must outlive the list. */
struct expect *expect_new(const struct scenario *sc, const struct metric_table *metrics,
			  GError **error);
/* Of lines from elsewhere, such as the condition of [search]; they must outlive the list. */
struct expect *expect_of_lines(const struct scenario *sc, const struct metric_table *metrics,
			       const struct scenario_line *lines, size_t n, GError **error);
void expect_free(struct expect *ex);
typedef struct expect expect_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(expect_auto, expect_free)

size_t expect_count(const struct expect *ex);

/* Judges the result of `point` (the scenario itself, or a point of its sweep), calling `fn` for
   each verdict in the order of the file. May be called on several threads at once. */
typedef void (*expect_fn)(void *arg, const struct expect_verdict *v);
void expect_judge(struct expect *ex, const struct scenario *point, const struct result *r,
		  expect_fn fn, void *arg);

/* After all points: a SKIP for each expectation whose condition never held. */
void expect_finish(const struct expect *ex, expect_fn fn, void *arg);

const char *expect_word(enum expect_outcome outcome); /* "PASS" */

#endif
