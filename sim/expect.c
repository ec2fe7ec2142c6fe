/* SPDX-License-Identifier: GPL-2.0-or-later */
/* expect.c - the list of [expect], and judging results by it; see expect.h. */
#include "expect.h"
#include <string.h>
#include "condition.h"
#include "sim_error.h"
#include "want.h"

struct item {
	const struct scenario_line *line;
	const struct metric_decl *decl;
	struct want want;
	char **conditions; /* "guest.policy", "copy", ... */
	gint held;         /* the condition was true at some point; set by any thread */
};

struct expect {
	const struct scenario *sc;
	const struct metric_table *metrics;
	GPtrArray *items; /* struct item */
};

/* ---- the list ---- */

static void item_free(void *p)
{
	struct item *it = p;

	want_clear(&it->want);
	g_strfreev(it->conditions);
	g_free(it);
}

static bool add_item(struct expect *ex, const struct scenario_line *line, GError **error)
{
	struct item *it = g_new0(struct item, 1);
	bool own = g_str_has_prefix(line->group, "expect");
	g_autofree char *why = NULL;

	g_ptr_array_add(ex->items, it);
	it->line = line;
	it->decl = metric_judge(ex->metrics, ex->sc, line->key, &why);
	if (it->decl)
		it->conditions =
			condition_parse(ex->sc, own ? line->group + strlen("expect") : "", &why);
	if (it->conditions && want_parse(&it->want, it->decl, line->value, false, &why))
		return true;
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s: [%s] %s: %s", line->where, line->group,
		    line->key, why);
	return false;
}

struct expect *expect_of_lines(const struct scenario *sc, const struct metric_table *metrics,
			       const struct scenario_line *lines, size_t n, GError **error)
{
	g_autoptr(expect_auto) ex = g_new0(struct expect, 1);

	ex->sc = sc;
	ex->metrics = metrics;
	ex->items = g_ptr_array_new_with_free_func(item_free);
	for (size_t i = 0; i < n; i++)
		if (!add_item(ex, &lines[i], error))
			return NULL;
	return g_steal_pointer(&ex);
}

struct expect *expect_new(const struct scenario *sc, const struct metric_table *metrics,
			  GError **error)
{
	const struct scenario_line *lines;
	size_t n = scenario_lines(sc, "expect", &lines);

	return expect_of_lines(sc, metrics, lines, n, error);
}

void expect_free(struct expect *ex)
{
	if (!ex)
		return;
	g_ptr_array_unref(ex->items);
	g_free(ex);
}

size_t expect_count(const struct expect *ex)
{
	return ex->items->len;
}

const char *expect_word(enum expect_outcome outcome)
{
	return (const char *const[]){"PASS", "FAIL", "SKIP"}[outcome];
}

/* ---- judging ---- */

static void judge_value(const struct item *it, const struct result_value *v, expect_fn fn,
			void *arg)
{
	g_autoptr(GString) got = g_string_new(NULL);
	struct expect_verdict verdict = {EXPECT_FAIL, v->full, it->want.said,
					 "-",         NULL,    it->line->where};
	bool is_text = v->type == RESULT_TEXT, wants_text = it->want.op >= WANT_TEXT_EQ;

	result_format(v, got);
	verdict.got = got->str;
	if (v->type == RESULT_ABSENT) {
		verdict.outcome = EXPECT_SKIP;
		verdict.reason = v->text;
	} else if (v->type == RESULT_NULL) {
		verdict.reason = "nothing was measured";
	} else if (is_text != wants_text) {
		verdict.reason = is_text ? "the metric is a text" : "the metric is a number";
	} else if (wants_text) {
		if ((strcmp(v->text, it->want.text) == 0) == (it->want.op == WANT_TEXT_EQ))
			verdict.outcome = EXPECT_PASS;
	} else if (want_holds(&it->want, v)) {
		verdict.outcome = EXPECT_PASS;
	}
	fn(arg, &verdict);
}

static void judge_missing(const struct item *it, expect_fn fn, void *arg)
{
	struct result_value zero = {.full = (char *)it->line->key, .type = RESULT_INT, .den = 1};
	struct expect_verdict verdict = {EXPECT_SKIP,
					 it->line->key,
					 it->want.said,
					 "-",
					 "this run does not have the metric",
					 it->line->where};

	if (it->decl->sparse) {
		judge_value(it, &zero, fn, arg);
		return;
	}
	if (strchr(it->line->key, '*')) {
		verdict.outcome = EXPECT_FAIL;
		verdict.reason = "matches no metric of this run";
	}
	fn(arg, &verdict);
}

static void judge_item(const struct item *it, const struct result *r, expect_fn fn, void *arg)
{
	const struct result_value *v = result_find(r, it->line->key);
	bool any = v != NULL;

	if (v)
		judge_value(it, v, fn, arg);
	if (strchr(it->line->key, '*'))
		for (size_t i = 0; i < result_count(r); i++) {
			v = result_at(r, i);
			if (metric_glob(it->line->key, v->full)) {
				judge_value(it, v, fn, arg);
				any = true;
			}
		}
	if (!any)
		judge_missing(it, fn, arg);
}

void expect_judge(struct expect *ex, const struct scenario *point, const struct result *r,
		  expect_fn fn, void *arg)
{
	for (guint i = 0; i < ex->items->len; i++) {
		struct item *it = ex->items->pdata[i];

		if (!condition_holds(point, it->conditions))
			continue;
		g_atomic_int_set(&it->held, 1);
		judge_item(it, r, fn, arg);
	}
}

void expect_finish(const struct expect *ex, expect_fn fn, void *arg)
{
	for (guint i = 0; i < ex->items->len; i++) {
		const struct item *it = ex->items->pdata[i];
		struct expect_verdict v = {EXPECT_SKIP,
					   it->line->key,
					   it->want.said,
					   "-",
					   "its condition held at no point",
					   it->line->where};

		if (!it->held)
			fn(arg, &v);
	}
}
