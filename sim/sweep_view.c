/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sweep_view.c - the points of a study as tables; see sweep_view.h. */
#include "sweep_view.h"
#include <string.h>

static void value_cell(struct report_table *t, enum report_fmt fmt, const struct record_value *v)
{
	g_autoptr(GString) text = g_string_new(NULL);
	struct result_value value = v ? record_as_result(v) : (struct result_value){0};

	report_value(fmt, v ? &value : NULL, text);
	report_table_cell(t, text->str, fmt != REPORT_TEXT);
}

static void append_signed(GString *out, enum report_fmt fmt, __int128 milli, bool sign)
{
	struct result_value v = {.type = RESULT_RATIO, .den = 1000};

	v.num = milli < 0 ? -(unsigned __int128)milli : (unsigned __int128)milli;
	g_string_append(out, milli < 0 ? "-" : sign && milli > 0 ? "+" : "");
	report_value(fmt, &v, out);
}

/* Mean and half width: "12.3us ±0.4us"; of differences with a sign. */
static void mean_cell(struct report_table *t, enum report_fmt fmt, const struct summary_point *p,
		      const char *metric)
{
	g_autoptr(GString) text = g_string_new(NULL);
	const struct stats *s = NULL;

	for (size_t i = 0; i < p->n && !s; i++)
		if (strcmp(p->metrics[i].name->full, metric) == 0)
			s = &p->metrics[i].stats;
	if (s) {
		append_signed(text, fmt, stats_mean(s), p->base != 0);
		if (s->n > 1 && s->half) {
			g_string_append(text, " ±");
			append_signed(text, fmt, (__int128)s->half, false);
		}
	}
	report_table_cell(t, s ? text->str : "-", true);
}

static void head_cells(const struct sweep_view *v, struct report_table *t, bool paired)
{
	const struct study *st = v->st;

	report_table_cell(t, "point", true);
	if (paired)
		report_table_cell(t, "base", true);
	for (const char **key = st->keys; *key; key++)
		report_table_cell(t, *key, false);
	if (st->search) {
		report_table_cell(t, "holds", true);
		report_table_cell(t, "fails", true);
	}
	for (const struct report_col *c = v->cols; c && c->head; c++)
		if (c->fmt != REPORT_TEXT || !paired)
			report_table_cell(t, c->head, c->fmt != REPORT_TEXT);
	report_table_row(t);
}

static void point_cells(struct report_table *t, unsigned point, unsigned base,
			const char *const *values)
{
	g_autofree char *number = g_strdup_printf("%u", point);
	g_autofree char *base_number = g_strdup_printf("%u", base);

	report_table_cell(t, number, true);
	if (base)
		report_table_cell(t, base_number, true);
	for (; *values; values++)
		report_table_cell(t, *values, false);
}

static void run_row(const struct sweep_view *v, struct report_table *t, const struct study_run *run)
{
	const struct search *se = v->st->search;

	point_cells(t, run->point, 0, run->values);
	for (int fails = 0; se && fails < 2; fails++)
		value_cell(t, search_format(se),
			   record_find(run->record, search_metric(se, fails)));
	for (const struct report_col *c = v->cols; c && c->head; c++)
		value_cell(t, c->fmt, record_find(run->record, c->metric));
	report_table_row(t);
}

/* The text that all runs of the point have, or "varies". */
static const char *text_of_point(const struct study *st, unsigned point, const char *metric)
{
	const char *text = NULL;

	for (size_t i = 0; i < st->n_runs; i++) {
		const struct record_value *v = st->runs[i].point == point && st->runs[i].record
						       ? record_find(st->runs[i].record, metric)
						       : NULL;

		if (v && v->type == RESULT_TEXT && text && strcmp(text, v->text) != 0)
			return "varies";
		if (v && v->type == RESULT_TEXT)
			text = v->text;
	}
	return text ? text : "-";
}

static void mean_row(const struct sweep_view *v, struct report_table *t,
		     const struct summary_point *p)
{
	const struct search *se = v->st->search;

	point_cells(t, p->point, p->base, p->values);
	for (int fails = 0; se && fails < 2; fails++)
		mean_cell(t, search_format(se), p, search_metric(se, fails));
	for (const struct report_col *c = v->cols; c && c->head; c++)
		if (c->fmt != REPORT_TEXT)
			mean_cell(t, c->fmt, p, c->metric);
		else if (!p->base)
			report_table_cell(t, text_of_point(v->st, p->point, c->metric), false);
	report_table_row(t);
}

static bool is_wanted(const struct sweep_view *v, unsigned point)
{
	return v->wanted[(size_t)(point - 1) * sweep_repeats(v->st->sweep)];
}

void sweep_view_means(const struct sweep_view *v, const struct summary *sum, bool paired,
		      GString *out)
{
	struct report_table *t = report_table_new();

	head_cells(v, t, paired);
	for (size_t i = 0; i < sum->n; i++)
		if (is_wanted(v, sum->points[i].point))
			mean_row(v, t, &sum->points[i]);
	report_table_fold(t, v->characters, out);
	report_table_free(t);
}

void sweep_view_runs(const struct sweep_view *v, GString *out)
{
	struct report_table *t = report_table_new();

	head_cells(v, t, false);
	for (size_t i = 0; i < v->st->n_runs; i++)
		if (v->wanted[i] && v->st->runs[i].record)
			run_row(v, t, &v->st->runs[i]);
	report_table_fold(t, v->characters, out);
	report_table_free(t);
}

/* Of how many runs of a point the search has found no value that holds, or none that fails. */
static unsigned at_end(const struct sweep_view *v, unsigned point, bool fails)
{
	unsigned n = 0;

	for (size_t i = 0; i < v->st->n_runs; i++) {
		const struct study_run *run = &v->st->runs[i];
		const struct record_value *found =
			run->point == point && run->record
				? record_find(run->record, search_metric(v->st->search, fails))
				: NULL;

		n += found && found->type == RESULT_NULL;
	}
	return n;
}

void sweep_view_ends(const struct sweep_view *v, GString *out)
{
	const struct search *se = v->st->search;

	for (unsigned point = 1; se && point <= sweep_points(v->st->sweep); point++)
		for (int fails = 0; fails < 2 && is_wanted(v, point); fails++) {
			unsigned n = at_end(v, point, fails);
			g_autofree char *label = sweep_label(v->st->sweep, point - 1);

			if (!n)
				continue;
			g_string_append_printf(out, "point %u%s%s%s", point, *label ? " (" : "",
					       label, *label ? ")" : "");
			if (sweep_repeats(v->st->sweep) > 1)
				g_string_append_printf(out, ", %u of %u runs", n,
						       sweep_repeats(v->st->sweep));
			g_string_append_printf(out, ": %s %s end of %s\n", search_condition(se),
					       fails ? "holds even at the high"
						     : "fails already at the low",
					       search_range(se));
		}
}
