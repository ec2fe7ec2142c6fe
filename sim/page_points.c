/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page_points.c - the results themselves: main numbers of one run, a table of several.
 *
 * A row stands for a run, or for the repeats of a point. What a search found stands before the
 * columns of the program, which does not know of it.
 */
#include "page_impl.h"
#include <string.h>

/* The text that all repeats have. */
static const char *text_of(const struct page_run *run, const char *metric)
{
	json_t *first = json_object_get(page_member(run, "metrics"), metric);

	for (guint i = 1; i < run->tops->len; i++) {
		json_t *metrics = json_object_get(run->tops->pdata[i], "metrics");

		if (!json_equal(first, json_object_get(metrics, metric)))
			return "varies";
	}
	return json_string_value(first);
}

static void put_column(GString *out, const struct page_run *run, const struct report_col *col)
{
	json_t *m = json_object_get(page_member(run, "metrics"), col->metric);
	struct stats stats;

	if (json_is_string(m))
		html_cell(out, text_of(run, col->metric), false);
	else if (page_stats(run, col->metric, &stats))
		page_put_mean(out, col->fmt, &stats);
	else
		html_cell(out, "–", col->fmt != REPORT_TEXT);
}

/* What a search found, which a program's columns do not know; heads NULL: there was none. */
static void search_columns(const struct page *p, struct report_col cols[3])
{
	static const struct {
		struct report_col holds, fails;
	} known[] = {
		{{"holds", "search.holds", REPORT_COUNT}, {"fails", "search.fails", REPORT_COUNT}},
		{{"holds", "search.holds_bps", REPORT_RATE},
		 {"fails", "search.fails_bps", REPORT_RATE}},
		{{"holds", "search.holds_ns", REPORT_TIME_NS},
		 {"fails", "search.fails_ns", REPORT_TIME_NS}},
		{{"holds", "search.holds_bytes", REPORT_BYTES},
		 {"fails", "search.fails_bytes", REPORT_BYTES}},
		{{"holds", "search.holds_hz", REPORT_SI}, {"fails", "search.fails_hz", REPORT_SI}},
	};
	json_t *metrics = page_member(p->runs->pdata[0], "metrics");

	memset(cols, 0, 3 * sizeof(*cols));
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (json_object_get(metrics, known[i].holds.metric)) {
			cols[0] = known[i].holds;
			cols[1] = known[i].fails;
		}
}

/* Has any run a number other than 0 there, or a text? */
static bool column_wanted(const struct page *p, const struct report_col *col)
{
	for (guint i = 0; i < p->runs->len; i++) {
		const struct page_run *run = p->runs->pdata[i];
		json_t *m = json_object_get(page_member(run, "metrics"), col->metric);

		if (json_is_string(m) || json_number_value(m) > 0)
			return true;
	}
	return false;
}

/* The keys that a study varies, in order; NULL: none. */
static json_t *sets_of(const struct page_run *run)
{
	return json_object_get(page_member(run, "point"), "sets");
}

static void points_head(const struct page *p, GString *out)
{
	json_t *sets = sets_of(p->runs->pdata[0]);
	struct report_col found[3];
	const char *key;
	json_t *v;

	html_row_open(out);
	if (p->study && json_object_size(sets)) {
		json_object_foreach(sets, key, v)
		{
			html_head(out, key, false);
		}
	} else {
		html_head(out, "run", false);
	}
	search_columns(p, found);
	for (const struct report_col *c = found; c->head; c++)
		html_head(out, c->head, true);
	for (const struct report_col *c = p->prog->sweep_cols; c && c->head; c++)
		if (column_wanted(p, c))
			html_head(out, c->head, c->fmt != REPORT_TEXT);
	html_row_close(out);
}

static void points_row(const struct page *p, const struct page_run *run, GString *out)
{
	json_t *sets = sets_of(run);
	struct report_col found[3];
	const char *key;
	json_t *v;
	bool first = true;

	html_row_open(out);
	if (p->study && json_object_size(sets)) {
		json_object_foreach(sets, key, v)
		{
			const char *text = json_string_value(v);

			(first ? html_row_head(out, text ? text : "")
			       : html_cell(out, text ? text : "", false));
			first = false;
		}
	} else {
		html_row_head(out, run->label);
	}
	search_columns(p, found);
	for (const struct report_col *c = found; c->head; c++)
		put_column(out, run, c);
	for (const struct report_col *c = p->prog->sweep_cols; c && c->head; c++)
		if (column_wanted(p, c))
			put_column(out, run, c);
	html_row_close(out);
}

static void points_table(const struct page *p, guint from, guint to, const char *caption,
			 GString *out)
{
	html_table_open(out, caption);
	points_head(p, out);
	html_body_open(out);
	for (guint i = from; i < to; i++)
		points_row(p, p->runs->pdata[i], out);
	html_table_close(out);
}

/* A metric of guests in a direction in which nothing went: 0 says nothing there. */
static bool silent_direction(const struct page_run *run, const char *metric)
{
	for (size_t d = 0; d < PAGE_DIRECTIONS; d++) {
		g_autofree char *prefix = g_strdup_printf("guests.%s.", page_directions[d]);

		if (g_str_has_prefix(metric, prefix))
			return !page_positive(run, page_directions[d], "packets");
	}
	return false;
}

/* One run: its main numbers, large. */
static void cards(const struct page *p, GString *out)
{
	const struct page_run *run = p->runs->pdata[0];

	g_string_append(out, "<dl class=\"cards\">\n");
	for (const struct report_col *c = p->prog->sweep_cols; c && c->head; c++) {
		json_t *m = json_object_get(page_member(run, "metrics"), c->metric);
		g_autoptr(GString) text = g_string_new(json_string_value(m));
		struct result_value v;

		if (!json_is_string(m) && page_metric(run, c->metric, &v))
			report_value(c->fmt, &v, text);
		if (!text->len || silent_direction(run, c->metric))
			continue;
		g_string_append(out, "<div><dt>");
		html_text(out, c->head);
		g_string_append(out, "</dt><dd>");
		html_text(out, text->str);
		g_string_append(out, "</dd></div>\n");
	}
	g_string_append(out, "</dl>\n");
}

void page_points(const struct page *p, GString *out)
{
	const struct page_run *first = p->runs->pdata[0];
	g_autofree char *caption =
		first->tops->len > 1
			? g_strdup_printf("Means of %u repeats, ± half of the 95%% interval",
					  first->tops->len)
			: g_strdup("One row a run");
	guint open = MIN(p->runs->len, PAGE_ROWS);
	struct report_col found[3];

	html_heading(out, 2, "results", "Results");
	if (p->runs->len == 1 && first->tops->len == 1) {
		cards(p, out);
		return;
	}
	points_table(p, 0, open, caption, out);
	search_columns(p, found);
	if (found[0].head)
		html_paragraph(
			out, "The condition of the search holds up to the one, and fails from the "
			     "other on. A dash: it fails already at the low end of its range, or "
			     "holds even at the high end.");
	if (open == p->runs->len)
		return;
	g_string_append_printf(out, "<details><summary>The other %u points</summary>\n",
			       p->runs->len - open);
	points_table(p, open, p->runs->len, "Further points", out);
	g_string_append(out, "</details>\n");
}
