/* SPDX-License-Identifier: GPL-2.0-or-later */
/* validate_report.c - a validation for people, for plots, and as JSON: validate.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "validate.h"

static const char *const verdict_words[] = {"within", "MISS", "shown"};

/* As other reports show it. */
static char *shown(enum report_fmt fmt, double v)
{
	struct result_value value = {.type = RESULT_RATIO, .den = 1000};
	g_autoptr(GString) text = g_string_new(NULL);

	value.num = (unsigned __int128)(v * 1000 + 0.5);
	report_value(fmt, &value, text);
	return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Off by a share, or by a factor. */
static char *off(const struct validate_measured *m)
{
	if (m->time->factor > 0)
		return g_strdup_printf("x%.2f", m->predicted / m->real.value);
	return g_strdup_printf("%+.1f%%", 100 * m->off);
}

static const char *limit(const struct validate_time *t, char *buf, size_t len)
{
	if (t->share > 0)
		g_snprintf(buf, len, "%.0f%%", 100 * t->share);
	else
		g_snprintf(buf, len, "x%.1f", t->factor);
	return buf;
}

static char *name_of(const struct validate_point *p)
{
	g_autofree char *base = g_path_get_basename(p->file);

	return *p->label ? g_strdup_printf("%s %s", base, p->label) : g_strdup(base);
}

/* ---- for people ---- */

static void cells(struct report_table *t, const char *const *text, size_t n, size_t left)
{
	for (size_t i = 0; i < n; i++)
		report_table_cell(t, text[i], i >= left);
	report_table_row(t);
}

static void print_counts(const struct validate_point *p, GString *out)
{
	unsigned equal = 0, unequal = 0;

	if (p->failed) {
		g_string_append(out, "  not done: see what was said of it\n");
		return;
	}
	for (int m = 0; m < VALIDATE_MODES; m++)
		equal += p->equal[m];
	for (guint i = 0; i < p->differences->len; i++)
		unequal += g_array_index(p->differences, struct validate_difference, i).judged;
	g_string_append_printf(out, "  %u counts equal (%u free, %u in lockstep, %u in one thread)",
			       equal, p->equal[0], p->equal[1], p->equal[2]);
	if (unequal)
		g_string_append_printf(out, ", %u DIFFER", unequal);
	g_string_append_c(out, '\n');
}

static void print_differences(const struct validate_point *p, GString *out, bool judged)
{
	struct report_table *t = report_table_new();
	guint n = 0;

	cells(t, (const char *const[]){judged ? "differs" : "not judged", "", "simulated", "real"},
	      4, 2);
	for (guint i = 0; i < p->differences->len; i++) {
		const struct validate_difference *d =
			&g_array_index(p->differences, struct validate_difference, i);
		if (d->judged != judged)
			continue;
		cells(t,
		      (const char *const[]){d->metric, validate_mode_names[d->mode], d->simulated,
					    d->real},
		      4, 2);
		n++;
	}
	if (n)
		report_table_print(t, out);
	report_table_free(t);
}

static void print_times(const struct validate_point *p, GString *out)
{
	struct report_table *t = report_table_new();

	cells(t,
	      (const char *const[]){"time", "predicted", "measured", "95% from", "to", "off", ""},
	      7, 1);
	for (guint i = 0; i < p->times->len; i++) {
		const struct validate_measured *m =
			&g_array_index(p->times, struct validate_measured, i);
		enum report_fmt fmt = m->time->fmt;
		g_autofree char *predicted = shown(fmt, m->predicted);
		g_autofree char *median = shown(fmt, m->real.value), *error = off(m);
		g_autofree char *lo = shown(fmt, m->real.lo), *hi = shown(fmt, m->real.hi);

		cells(t,
		      (const char *const[]){
			      m->time->what, predicted, median, lo, hi, error,
			      m->verdict == VALIDATE_SHOWN ? "" : verdict_words[m->verdict]},
		      7, 1);
	}
	if (p->times->len)
		report_table_print(t, out);
	report_table_free(t);
}

static void print_point(const struct validate_point *p, GString *out)
{
	g_autofree char *name = name_of(p);

	g_string_append_printf(out, "%s\n", name);
	print_counts(p, out);
	print_differences(p, out, true);
	print_differences(p, out, false);
	print_times(p, out);
	g_string_append_c(out, '\n');
}

static void print_calibration(const struct validation *v, GString *out)
{
	if (v->calibration)
		g_string_append_printf(out, "calibration: %s%s%s, sha256 %.16s\n", v->calibration,
				       *v->date ? ", " : "", v->date, v->sha256);
	else
		g_string_append(out, "no calibration: times are shown, and not judged; make one by "
				     "`vnicsim\ncalibrate` and give it by --calibration\n");
}

static void print_misses(const struct validation *v, GString *out)
{
	for (guint i = 0; i < v->points->len; i++) {
		const struct validate_point *p = v->points->pdata[i];
		g_autofree char *name = name_of(p);

		for (guint k = 0; k < p->times->len; k++) {
			const struct validate_measured *m =
				&g_array_index(p->times, struct validate_measured, k);
			g_autofree char *error = off(m);
			char buf[16];

			if (m->verdict == VALIDATE_MISS)
				g_string_append_printf(out, "MISS %s: %s %s, beyond %s\n", name,
						       m->time->what, error,
						       limit(m->time, buf, sizeof(buf)));
		}
	}
	for (guint i = 0; i < v->pairs->len; i++) {
		const struct validate_pair *pair =
			&g_array_index(v->pairs, struct validate_pair, i);
		g_autofree char *a = name_of(pair->a);

		if (!pair->same)
			g_string_append_printf(out, "ORDER %s | %s: %s\n", a, pair->b->label,
					       pair->time->what);
	}
}

static void print_sum(const struct validation *v, GString *out)
{
	struct validate_sum s = validation_sum(v);

	g_string_append_printf(out, "%u points: %u counts equal, %u differ", s.points, s.equal,
			       s.differ);
	if (s.differ)
		g_string_append_printf(out, " (at %u points)", s.unequal_points);
	if (v->calibration)
		g_string_append_printf(out, "; %u of %u times within", s.judged - s.missed,
				       s.judged);
	if (s.pairs)
		g_string_append_printf(out, "; %u of %u pairs in order", s.pairs - s.swapped,
				       s.pairs);
	g_string_append_c(out, '\n');
}

void validation_print(const struct validation *v, GString *out)
{
	for (guint i = 0; i < v->points->len; i++)
		print_point(v->points->pdata[i], out);
	print_misses(v, out);
	print_calibration(v, out);
	print_sum(v, out);
}

/* ---- Markdown ---- */

/* The differences of a point that are judged, or those that are not, as one cell; "" if none. What
   is suppressed is the rest of what is sent, which stands there. */
static GString *differences_cell(const struct validate_point *p, bool judged)
{
	GString *list = g_string_new(NULL);

	for (guint i = 0; i < p->differences->len; i++) {
		const struct validate_difference *d =
			&g_array_index(p->differences, struct validate_difference, i);

		if (d->judged != judged || (!judged && g_str_has_suffix(d->metric, "_suppressed")))
			continue;
		g_string_append_printf(list, "%s`%s` ", list->len ? "; " : "", d->metric);
		if (judged)
			g_string_append_printf(list, "%s: %s, real %s",
					       validate_mode_names[d->mode], d->simulated, d->real);
		else
			g_string_append_printf(list, "%s, %s", d->simulated, d->real);
	}
	return list;
}

static void markdown_counts(const struct validation *v, GString *out)
{
	g_string_append(out, "| point | free | in lockstep | in one thread | differ |\n"
			     "| --- | ---: | ---: | ---: | --- |\n");
	for (guint i = 0; i < v->points->len; i++) {
		const struct validate_point *p = v->points->pdata[i];
		g_autofree char *name = name_of(p);
		g_autoptr(GString) list = differences_cell(p, true);

		g_string_append_printf(out, "| %s | %u | %u | %u | %s |\n", name, p->equal[0],
				       p->equal[1], p->equal[2], list->len ? list->str : "none");
	}
}

static void markdown_unjudged(const struct validation *v, GString *out)
{
	g_string_append(out, "| point | simulated, real |\n| --- | --- |\n");
	for (guint i = 0; i < v->points->len; i++) {
		const struct validate_point *p = v->points->pdata[i];
		g_autofree char *name = name_of(p);
		g_autoptr(GString) list = differences_cell(p, false);

		g_string_append_printf(out, "| %s | %s |\n", name, list->len ? list->str : "equal");
	}
}

static void markdown_time(const struct validation *v, const struct validate_time *t, GString *out)
{
	bool judged = t->share > 0 || t->factor > 0, any = false;

	for (guint i = 0; i < v->points->len; i++) {
		const struct validate_point *p = v->points->pdata[i];
		g_autofree char *name = name_of(p);

		for (guint k = 0; k < p->times->len; k++) {
			const struct validate_measured *m =
				&g_array_index(p->times, struct validate_measured, k);
			if (m->time != t)
				continue;
			g_autofree char *a = shown(t->fmt, m->predicted), *error = off(m);
			g_autofree char *b = shown(t->fmt, m->real.value);
			g_autofree char *lo = shown(t->fmt, m->real.lo);
			g_autofree char *hi = shown(t->fmt, m->real.hi);

			if (!any)
				g_string_append_printf(
					out,
					"\n### %c%s\n\n| point | predicted | measured | 95%% | off "
					"|%s\n| --- | ---: | ---: | ---: | ---: |%s\n",
					g_ascii_toupper(*t->what), t->what + 1,
					judged ? " verdict |" : "", judged ? " --- |" : "");
			any = true;
			g_string_append_printf(out, "| %s | %s | %s | %s to %s | %s |", name, a, b,
					       lo, hi, error);
			if (judged)
				g_string_append_printf(out, " %s |", verdict_words[m->verdict]);
			g_string_append_c(out, '\n');
		}
	}
}

void validation_markdown(const struct validation *v, GString *out)
{
	g_autoptr(GString) misses = g_string_new(NULL);

	print_sum(v, out);
	g_string_append_c(out, '\n');
	print_calibration(v, out);
	g_string_append(out, "\n## Counts\n\n");
	markdown_counts(v, out);
	g_string_append(out, "\n## Kicks and interrupts where the run is free, not judged\n\n");
	markdown_unjudged(v, out);
	g_string_append(out, "\n## Times\n\n");
	print_misses(v, misses);
	if (misses->len)
		g_string_append_printf(out, "```\n%s```\n", misses->str);
	else
		g_string_append_printf(out, "No misses among what is judged.\n");
	for (const struct validate_time *t = v->rules->times; t->metric; t++)
		markdown_time(v, t, out);
}

/* ---- for plots ---- */

void validation_tsv(const struct validation *v, GString *out)
{
	g_string_append(out,
			"#metric\tmode\tchoice\tpoint\tpredicted\tmeasured\tlow\thigh\twhat\n");
	for (guint i = 0; i < v->points->len; i++) {
		const struct validate_point *p = v->points->pdata[i];
		g_autofree char *name = name_of(p);

		for (guint k = 0; k < p->times->len; k++) {
			const struct validate_measured *m =
				&g_array_index(p->times, struct validate_measured, k);
			g_string_append_printf(out, "%s\t%s\t%s\t%s\t%.3f\t%.3f\t%.3f\t%.3f\t%s\n",
					       m->time->metric, validate_mode_names[m->time->mode],
					       p->choice ? p->choice : "-", name, m->predicted,
					       m->real.value, m->real.lo, m->real.hi,
					       m->time->what);
		}
	}
}

/* ---- JSON ---- */

static json_t *difference_json(const struct validate_difference *d)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:b}", "metric", d->metric, "mode",
			 validate_mode_names[d->mode], "simulated", d->simulated, "real", d->real,
			 "judged", d->judged);
}

static json_t *time_json(const struct validate_measured *m)
{
	return json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:i, s:f, s:s}", "metric", m->time->metric,
			 "mode", validate_mode_names[m->time->mode], "predicted", m->predicted,
			 "measured", m->real.value, "low", m->real.lo, "high", m->real.hi, "runs",
			 (int)m->real.n, "off", m->off, "verdict", verdict_words[m->verdict]);
}

static json_t *point_json(const struct validate_point *p)
{
	json_t *o = json_object(), *equal = json_object(), *list = json_array();
	json_t *times = json_array();

	for (int m = 0; m < VALIDATE_MODES; m++)
		json_object_set_new(equal, validate_mode_names[m], json_integer(p->equal[m]));
	for (guint i = 0; i < p->differences->len; i++)
		json_array_append_new(
			list, difference_json(&g_array_index(p->differences,
							     struct validate_difference, i)));
	for (guint i = 0; i < p->times->len; i++)
		json_array_append_new(
			times, time_json(&g_array_index(p->times, struct validate_measured, i)));
	json_object_set_new(o, "file", json_string(p->file));
	json_object_set_new(o, "point", json_string(p->label));
	json_object_set_new(o, "equal", equal);
	json_object_set_new(o, "differences", list);
	json_object_set_new(o, "times", times);
	return o;
}

char *validation_json(const struct validation *v, const char *program, const char *version)
{
	struct validate_sum s = validation_sum(v);
	json_t *points = json_array();

	for (guint i = 0; i < v->points->len; i++)
		json_array_append_new(points, point_json(v->points->pdata[i]));
	json_t *top =
		json_pack("{s:i, s:s, s:s, s:i, s:{s:i, s:i, s:i, s:i, s:i, s:i, s:i}, s:o}",
			  "validation", 1, "program", program, "version", version, "runs",
			  (int)v->runs, "sum", "points", (int)s.points, "equal", (int)s.equal,
			  "differ", (int)s.differ, "judged", (int)s.judged, "missed", (int)s.missed,
			  "pairs", (int)s.pairs, "swapped", (int)s.swapped, "points", points);
	if (v->calibration)
		json_object_set_new(top, "calibration",
				    json_pack("{s:s, s:s, s:s}", "file", v->calibration, "date",
					      v->date, "sha256", v->sha256));
	char *dump = json_dumps(top, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	char *text = g_strconcat(dump, "\n", NULL);
	free(dump);
	json_decref(top);
	return text;
}
