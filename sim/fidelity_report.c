/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fidelity_report.c - judged rows as a table, a document, JSON and CSV; see fidelity_judge.h. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "fidelity_judge.h"
#include "report.h"

enum { SOURCE_WIDTH = 36 };

static const char *const kind_words[] = {"exact", "published", "shape"};
static const char *const verdict_words[] = {"ok", "MISS", "calibration"};

static const struct fidelity_judged *at(const GArray *list, guint i)
{
	return &g_array_index(list, struct fidelity_judged, i);
}

static double size_of(double x)
{
	return x < 0 ? -x : x;
}

/* ---- numbers ---- */

/* Five digits that count; of whole numbers all. */
static void append_number(GString *out, double v)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	g_string_append(
		out, g_ascii_formatd(text, sizeof(text),
				     size_of(v) >= 1e5 && size_of(v) < 1e15 ? "%.0f" : "%.5g", v));
}

/* In the unit that the row's want was said in. */
static void append_value(GString *out, const struct fidelity_row *row, double v)
{
	const char *unit = *row->want.unit ? row->want.unit : row->unit;

	append_number(out, v / want_real(row->want.unit_size));
	if (*unit)
		g_string_append_printf(out, "%s%s", strcmp(unit, "%") == 0 ? "" : " ", unit);
}

static void append_percent(GString *out, double percent, bool sign)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];
	const char *digits = size_of(percent) < 0.00005 ? "0"
			     : size_of(percent) < 0.01  ? (sign ? "%+.4f" : "%.4g")
							: (sign ? "%+.2f" : "%.3g");

	g_ascii_formatd(text, sizeof(text), *digits == '0' ? "%.0f" : digits,
			*digits == '0' ? 0 : percent);
	g_string_append_printf(out, "%s%%", text);
}

/* What a value is held against: the centre of a tolerance, or the one value. */
static bool has_centre(const struct want *w)
{
	return w->has_tolerance || w->op == WANT_EQ;
}

static double centre(const struct want *w)
{
	return want_real(w->has_tolerance ? w->centre : w->lo);
}

static char *expected_text(const struct fidelity_judged *j)
{
	static const char *const signs[] = {[WANT_NE] = "not ",
					    [WANT_LT] = "< ",
					    [WANT_LE] = "<= ",
					    [WANT_GT] = "> ",
					    [WANT_GE] = ">= "};
	const struct want *w = &j->row->want;
	GString *s = g_string_new(NULL);

	if (has_centre(w)) {
		append_value(s, j->row, centre(w));
	} else if (w->op == WANT_RANGE) {
		append_number(s, want_real(w->lo) / want_real(w->unit_size));
		g_string_append(s, " .. ");
		append_value(s, j->row, want_real(w->hi));
	} else {
		g_string_append(s, signs[w->op]);
		append_value(s, j->row, want_real(w->lo));
	}
	return g_string_free(s, FALSE);
}

static char *value_text(const struct fidelity_judged *j)
{
	GString *s = g_string_new(NULL);

	if (j->repeats)
		append_value(s, j->row, j->value);
	else
		g_string_append_c(s, '-');
	return g_string_free(s, FALSE);
}

/* What the error is relative to: of a range, the bound that was passed. False: nothing. */
static bool reference(const struct fidelity_judged *j, double *ref)
{
	const struct want *w = &j->row->want;

	if (has_centre(w)) {
		*ref = centre(w);
	} else if (w->op == WANT_RANGE) {
		double lo = want_real(w->lo), hi = want_real(w->hi);

		if (j->value >= lo && j->value <= hi)
			return false;
		*ref = j->value < lo ? lo : hi;
	} else {
		return false;
	}
	return j->repeats && *ref != 0;
}

static char *error_text(const struct fidelity_judged *j)
{
	GString *s = g_string_new(NULL);
	double ref;

	if (reference(j, &ref))
		append_percent(s, 100 * (j->value - ref) / size_of(ref), true);
	else
		g_string_append_c(s, '-');
	return g_string_free(s, FALSE);
}

static char *tolerance_text(const struct fidelity_judged *j)
{
	const struct want *w = &j->row->want;
	GString *s = g_string_new(NULL);

	if (j->slack > 0 && centre(w) != 0 && has_centre(w)) {
		append_percent(s, 300 * j->se / size_of(centre(w)), false);
		g_string_append(s, " (3 s.e.)");
	} else if (w->has_tolerance) {
		append_percent(s, (double)w->tolerance_ppm / 1e4, false);
	} else {
		g_string_append(s, w->op == WANT_RANGE ? "range" : w->op == WANT_EQ ? "0%" : "-");
	}
	return g_string_free(s, FALSE);
}

/* ---- counting ---- */

struct tally {
	unsigned held[3], all[3]; /* by kind; calibrations left out */
};

static struct tally count(const GArray *list)
{
	struct tally t = {0};

	for (guint i = 0; i < list->len; i++) {
		const struct fidelity_row *row = at(list, i)->row;

		if (row->calibration)
			continue;
		t.all[row->kind]++;
		t.held[row->kind] += at(list, i)->held;
	}
	return t;
}

static void append_tally(GString *out, const char *bullet, const struct tally *t)
{
	if (t->all[FIDELITY_SHAPE])
		g_string_append_printf(out, "%s%u of %u shapes hold\n", bullet,
				       t->held[FIDELITY_SHAPE], t->all[FIDELITY_SHAPE]);
	g_string_append_printf(out,
			       "%s%u of %u exact rows, %u of %u published rows within tolerance\n",
			       bullet, t->held[FIDELITY_EXACT], t->all[FIDELITY_EXACT],
			       t->held[FIDELITY_PUBLISHED], t->all[FIDELITY_PUBLISHED]);
}

/* Why a row misses, as far as anybody says. */
static const char *reason(const struct fidelity_judged *j)
{
	return j->why         ? j->why
	       : j->row->note ? j->row->note
			      : "no note says why; add one, or mend the model";
}

/* ---- for the terminal ---- */

static void cell(struct report_table *t, char *text, bool right)
{
	report_table_cell(t, text, right);
	g_free(text);
}

static char *shortened(const char *text)
{
	if (g_utf8_strlen(text, -1) <= SOURCE_WIDTH)
		return g_strdup(text);
	g_autofree char *start = g_utf8_substring(text, 0, SOURCE_WIDTH - 2);
	return g_strconcat(start, "..", NULL);
}

void fidelity_print(const GArray *list, GString *out)
{
	static const char *const heads[] = {"row",       "source", "kind",      "expected",
					    "simulated", "error",  "tolerance", "verdict"};
	struct report_table *t = report_table_new();
	struct tally tally = count(list);

	for (size_t i = 0; i < G_N_ELEMENTS(heads); i++)
		report_table_cell(t, heads[i], i >= 3 && i <= 6);
	report_table_row(t);
	for (guint i = 0; i < list->len; i++) {
		const struct fidelity_judged *j = at(list, i);

		report_table_cell(t, j->row->name, false);
		cell(t, shortened(j->row->source), false);
		report_table_cell(t, kind_words[j->row->kind], false);
		cell(t, expected_text(j), true);
		cell(t, value_text(j), true);
		cell(t, error_text(j), true);
		cell(t, tolerance_text(j), true);
		report_table_cell(t, verdict_words[fidelity_verdict(j)], false);
		report_table_row(t);
	}
	report_table_print(t, out);
	report_table_free(t);
	for (guint i = 0; i < list->len; i++)
		if (!at(list, i)->held)
			g_string_append_printf(out, "\n%s misses: %s\n", at(list, i)->row->name,
					       reason(at(list, i)));
	g_string_append_c(out, '\n');
	append_tally(out, "", &tally);
}

/* ---- as a document ---- */

static void markdown_cell(GString *out, char *text)
{
	g_string_append(out, " ");
	for (const char *p = text; *p; p++) {
		if (*p == '|')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *p);
	}
	g_string_append(out, " |");
	g_free(text);
}

static void markdown_row(const struct fidelity_judged *j, GString *out)
{
	bool held = j->held;

	g_string_append_printf(out, "| `%s` |", j->row->name);
	markdown_cell(out, g_strdup(j->row->title));
	markdown_cell(out, g_strdup(j->row->source));
	markdown_cell(out, expected_text(j));
	markdown_cell(out, value_text(j));
	markdown_cell(out, error_text(j));
	markdown_cell(out, tolerance_text(j));
	g_string_append_printf(out, " %s%s%s |\n", held ? "" : "**",
			       verdict_words[fidelity_verdict(j)], held ? "" : "**");
}

static bool in_section(const struct fidelity_judged *j, int section)
{
	return j->row->calibration ? section == 3 : section == (int)j->row->kind;
}

static void markdown_misses(const GArray *list, GString *out)
{
	bool any = false;

	for (guint i = 0; i < list->len; i++) {
		if (at(list, i)->held)
			continue;
		if (!any)
			g_string_append(out, "\n### What misses, and why\n\n");
		any = true;
		g_string_append_printf(out, "- `%s`: %s\n", at(list, i)->row->name,
				       reason(at(list, i)));
	}
}

/* Each constant once, with the rows that lean on it. */
static void markdown_constants(const GArray *list, GString *out)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < list->len; i++) {
		const char *constant = at(list, i)->row->calibrated;
		bool first = true;

		if (!constant || !g_hash_table_add(seen, (gpointer)constant))
			continue;
		if (g_hash_table_size(seen) == 1)
			g_string_append(out, "\n### Constants that were calibrated\n\n");
		g_string_append_printf(out, "- %s; %s ", constant,
				       at(list, i)->row->calibration ? "this row is" : "judged by");
		for (guint k = i; k < list->len; k++) {
			if (g_strcmp0(at(list, k)->row->calibrated, constant) != 0)
				continue;
			g_string_append_printf(out, "%s`%s`", first ? "" : ", ",
					       at(list, k)->row->name);
			first = false;
		}
		g_string_append_c(out, '\n');
	}
}

void fidelity_markdown(const GArray *list, GString *out)
{
	static const char *const titles[] = {"Closed forms", "Published measurements",
					     "Published shapes: sign or order only",
					     "Calibrations: no evidence"};
	struct tally tally = count(list);

	append_tally(out, "- ", &tally);
	for (int section = 0; section < 4; section++) {
		bool any = false;

		for (guint i = 0; i < list->len; i++) {
			if (!in_section(at(list, i), section))
				continue;
			if (!any)
				g_string_append_printf(
					out,
					"\n### %s\n\n| row | what | source | expected | simulated "
					"| error | tolerance | verdict |\n"
					"| --- | --- | --- | --: | --: | --: | --: | --- |\n",
					titles[section]);
			any = true;
			markdown_row(at(list, i), out);
		}
	}
	markdown_misses(list, out);
	markdown_constants(list, out);
}

/* ---- for machines ---- */

/* Seven digits that count, so that what another compiler rounds otherwise does not show. */
static json_t *real(double v)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	g_ascii_formatd(text, sizeof(text), "%.7g", v);
	return json_real(g_ascii_strtod(text, NULL));
}

static void set_text(json_t *o, const char *key, const char *text)
{
	if (text)
		json_object_set_new(o, key, json_string(text));
}

static json_t *json_row(const struct fidelity_judged *j)
{
	const struct fidelity_row *row = j->row;
	json_t *o = json_object();
	double ref;

	set_text(o, "row", row->name);
	set_text(o, "file", j->file);
	set_text(o, "title", row->title);
	set_text(o, "source", row->source);
	set_text(o, "kind", kind_words[row->kind]);
	set_text(o, "role", row->calibration ? "calibration" : "evidence");
	set_text(o, "metric", row->metric);
	set_text(o, "at", cfg_str(row->cfg, "at"));
	set_text(o, "as", cfg_str(row->cfg, "as"));
	set_text(o, "base_at", cfg_str(row->cfg, "base_at"));
	set_text(o, "of", cfg_str(row->cfg, "of"));
	set_text(o, "want", cfg_str(row->cfg, "want"));
	set_text(o, "unit", row->unit);
	if (has_centre(&row->want))
		json_object_set_new(o, "expected", real(centre(&row->want)));
	json_object_set_new(o, "simulated", j->repeats ? real(j->value) : json_null());
	json_object_set_new(o, "repeats", json_integer(j->repeats));
	if (j->repeats > 1)
		json_object_set_new(o, "standard_error", real(j->se));
	if (reference(j, &ref))
		json_object_set_new(o, "error_percent",
				    real(100 * (j->value - ref) / size_of(ref)));
	if (row->want.has_tolerance)
		json_object_set_new(o, "tolerance_percent",
				    real((double)row->want.tolerance_ppm / 1e4));
	set_text(o, "verdict", verdict_words[fidelity_verdict(j)]);
	set_text(o, "calibrated", row->calibrated);
	if (!j->held)
		set_text(o, "note", reason(j));
	return o;
}

char *fidelity_json(const GArray *list, const char *program, const char *version)
{
	struct tally t = count(list);
	json_t *rows = json_array();
	json_t *top = json_pack("{s:i, s:s, s:s, s:{s:i, s:i}, s:{s:i, s:i}, s:{s:i, s:i}, s:o}",
				"schema", RESULT_SCHEMA, "program", program, "version", version,
				"exact", "held", (int)t.held[0], "rows", (int)t.all[0], "published",
				"held", (int)t.held[1], "rows", (int)t.all[1], "shape", "held",
				(int)t.held[2], "rows", (int)t.all[2], "rows", rows);

	for (guint i = 0; i < list->len; i++)
		json_array_append_new(rows, json_row(at(list, i)));
	char *text = json_dumps(top, JSON_INDENT(2) | JSON_REAL_PRECISION(7));
	char *copy = g_strconcat(text, "\n", NULL);
	free(text);
	json_decref(top);
	return copy;
}

static void csv_number(GString *out, double v)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	g_string_append_printf(out, ",%s", g_ascii_formatd(text, sizeof(text), "%.7g", v));
}

void fidelity_csv(const GArray *list, GString *out)
{
	g_string_append(out, "row,file,kind,role,unit,expected,lo,hi,simulated,standard_error,"
			     "verdict\n");
	for (guint i = 0; i < list->len; i++) {
		const struct fidelity_judged *j = at(list, i);
		const struct want *w = &j->row->want;

		g_string_append_printf(
			out, "%s,%s,%s,%s,%s", j->row->name, j->file, kind_words[j->row->kind],
			j->row->calibration ? "calibration" : "evidence", j->row->unit);
		csv_number(out, centre(w));
		csv_number(out, want_real(w->lo));
		csv_number(out, want_real(w->op == WANT_RANGE ? w->hi : w->lo));
		if (j->repeats)
			csv_number(out, j->value);
		else
			g_string_append_c(out, ',');
		csv_number(out, j->se);
		g_string_append_printf(out, ",%s\n", verdict_words[fidelity_verdict(j)]);
	}
}
