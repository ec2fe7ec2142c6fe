/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.c - tables for people; see report.h.
 *
 * Each section becomes a table of cells, which then prints itself with the widths it needs. Numbers
 * are made from integers, like everything in a result.
 */
#include "report.h"
#include <inttypes.h>
#include <string.h>
#include "metric.h"

typedef unsigned __int128 u128;

/* ---- tables ---- */

struct cell {
	char *text;
	bool right;
};

struct report_table {
	GPtrArray *rows; /* GArray of struct cell */
	GArray *row;     /* being filled */
};

static void cell_clear(void *p)
{
	g_free(((struct cell *)p)->text);
}

static GArray *row_new(void)
{
	GArray *row = g_array_new(FALSE, TRUE, sizeof(struct cell));

	g_array_set_clear_func(row, cell_clear);
	return row;
}

struct report_table *report_table_new(void)
{
	struct report_table *t = g_new0(struct report_table, 1);

	t->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
	t->row = row_new();
	return t;
}

void report_table_cell(struct report_table *t, const char *text, bool right)
{
	struct cell c = {g_strdup(text), right};

	g_array_append_val(t->row, c);
}

void report_table_row(struct report_table *t)
{
	g_ptr_array_add(t->rows, t->row);
	t->row = row_new();
}

void report_table_free(struct report_table *t)
{
	g_ptr_array_unref(t->rows);
	g_array_unref(t->row);
	g_free(t);
}

static int width_of(const char *text)
{
	return (int)g_utf8_strlen(text, -1);
}

static void print_cell(const struct cell *c, int width, GString *out)
{
	int pad = width - width_of(c->text);

	g_string_append_printf(out, "  %*s%s%*s", c->right ? pad : 0, "", c->text,
			       c->right ? 0 : pad, "");
}

/* The first column, and those from `first` up to `end`. */
static void print_row(const GArray *row, const int *widths, guint first, guint end, GString *out)
{
	if (first && row->len)
		print_cell(&g_array_index(row, struct cell, 0), widths[0], out);
	for (guint i = first; i < MIN(row->len, end); i++)
		print_cell(&g_array_index(row, struct cell, i), widths[i], out);
	while (out->len && out->str[out->len - 1] == ' ')
		g_string_truncate(out, out->len - 1);
	g_string_append_c(out, '\n');
}

/* How far a block goes that begins at this column: one column at least. */
static guint block_end(const int *widths, guint first, guint columns, unsigned characters)
{
	unsigned used = first ? (unsigned)widths[0] + 2 : 0;
	guint end = first;

	while (end < columns) {
		used += (unsigned)widths[end] + 2;
		if (characters && used > characters && end > first)
			break;
		end++;
	}
	return end;
}

void report_table_fold(const struct report_table *t, unsigned characters, GString *out)
{
	guint columns = 0;

	for (guint i = 0; i < t->rows->len; i++)
		columns = MAX(columns, ((GArray *)t->rows->pdata[i])->len);
	g_autofree int *widths = g_new0(int, columns + 1);
	for (guint i = 0; i < t->rows->len; i++) {
		const GArray *row = t->rows->pdata[i];

		for (guint k = 0; k < row->len; k++)
			widths[k] =
				MAX(widths[k], width_of(g_array_index(row, struct cell, k).text));
	}
	for (guint first = 0, end; first < columns; first = end) {
		end = block_end(widths, first, columns, characters);
		if (first)
			g_string_append_c(out, '\n');
		for (guint i = 0; i < t->rows->len; i++)
			print_row(t->rows->pdata[i], widths, first, end, out);
	}
}

void report_table_print(const struct report_table *t, GString *out)
{
	report_table_fold(t, 0, out);
}

/* ---- numbers ---- */

static void append_grouped(GString *out, uint64_t n)
{
	if (n >= 1000) {
		append_grouped(out, n / 1000);
		g_string_append_printf(out, ",%03u", (unsigned)(n % 1000));
	} else {
		g_string_append_printf(out, "%u", (unsigned)n);
	}
}

struct scale {
	const char *unit;
	uint64_t factor; /* in units of the metric */
};

/* Three digits that count: 9.87, 98.7, 987, in the largest unit that is not above the value. */
static void append_scaled(GString *out, u128 milli, const struct scale *scales)
{
	const struct scale *s = scales;

	if (milli == 0) {
		g_string_append_printf(out, "0%s", s->unit);
		return;
	}
	/* 999.5 of a unit would print as 1000 of it. */
	while (s[1].unit && milli * 2 >= (u128)s[1].factor * 1999)
		s++;
	u128 unit = (u128)s->factor * 1000;
	unsigned decimals = milli * 1000 < unit * 9995 ? 2 : milli * 100 < unit * 9995 ? 1 : 0;
	unsigned power = decimals == 2 ? 100 : decimals == 1 ? 10 : 1;
	u128 scaled = (milli * power + unit / 2) / unit;
	if (decimals && scaled % power == 0 && s == scales)
		decimals = 0;
	g_string_append_printf(out, "%" PRIu64, (uint64_t)(scaled / power));
	if (decimals)
		g_string_append_printf(out, ".%0*u", (int)decimals, (unsigned)(scaled % power));
	g_string_append(out, s->unit);
}

static const struct scale time_scales[] = {
	{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {NULL, 0}};
static const struct scale rate_scales[] = {
	{"bit/s", 1}, {"kbit/s", 1000}, {"Mbit/s", 1000000}, {"Gbit/s", 1000000000}, {NULL, 0}};
static const struct scale si_scales[] = {
	{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {NULL, 0}};
static const struct scale byte_scales[] = {
	{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0}};

static void append_percent(GString *out, u128 milli)
{
	g_string_append_printf(out, "%" PRIu64 ".%u%%", (uint64_t)(milli / 10),
			       (unsigned)(milli % 10));
}

static void append_ratio(GString *out, u128 milli)
{
	g_string_append_printf(out, "%" PRIu64 ".%03u", (uint64_t)(milli / 1000),
			       (unsigned)(milli % 1000));
}

void report_value(enum report_fmt fmt, const struct result_value *v, GString *out)
{
	if (!v || v->type == RESULT_NULL || v->type == RESULT_ABSENT) {
		g_string_append_c(out, '-');
		return;
	}
	if (v->type == RESULT_TEXT) {
		g_string_append(out, v->text);
		return;
	}
	u128 milli = result_milli(v);
	switch (fmt) {
	case REPORT_COUNT:
		append_grouped(out, (uint64_t)((milli + 500) / 1000));
		return;
	case REPORT_RATIO:
		append_ratio(out, milli);
		return;
	case REPORT_TIME_NS:
		append_scaled(out, milli, time_scales);
		return;
	case REPORT_RATE:
		append_scaled(out, milli, rate_scales);
		return;
	case REPORT_PERCENT:
		append_percent(out, milli);
		return;
	case REPORT_SI:
		append_scaled(out, milli, si_scales);
		return;
	case REPORT_BYTES:
		append_scaled(out, milli, byte_scales);
		return;
	case REPORT_TEXT:
		result_format(v, out);
		return;
	}
}

/* ---- sections ---- */

/* An object and direction of a section. */
struct subject {
	const char *object, *dir;
	size_t first; /* its first value in the result */
};

static const struct result_value *find(const struct result *r, const struct subject *s,
				       const char *metric)
{
	g_autofree char *full = s->dir ? g_strdup_printf("%s.%s.%s", s->object, s->dir, metric)
				       : g_strdup_printf("%s.%s", s->object, metric);

	return result_find(r, full);
}

static bool is_zero(const struct result_value *v)
{
	if (!v || v->type == RESULT_NULL || v->type == RESULT_ABSENT)
		return true;
	return v->type != RESULT_TEXT && v->num == 0;
}

/* Is the object of one of the kinds, or does it match one of the patterns, in `objects`? */
static bool belongs(const struct scenario *sc, const char *objects, const char *object)
{
	g_auto(GStrv) words = g_strsplit(objects, "|", -1);
	const struct cfg *c = scenario_find(sc, object);

	for (char **w = words; *w; w++)
		if ((c && strcmp(cfg_kind(c), *w) == 0) || metric_glob(*w, object))
			return true;
	return false;
}

static bool same(const char *a, const char *b)
{
	return g_strcmp0(a, b) == 0;
}

/* One object needs no total, and of very many only the total is of interest. */
static void summarise(GArray *list, const char *total)
{
	g_autoptr(GHashTable) others = g_hash_table_new(g_str_hash, g_str_equal);
	guint n;

	for (guint i = 0; i < list->len; i++) {
		const char *object = g_array_index(list, struct subject, i).object;
		if (!same(object, total))
			g_hash_table_add(others, (gpointer)(uintptr_t)object);
	}
	n = g_hash_table_size(others);
	if (n > 1 && n <= REPORT_MANY)
		return;
	for (guint i = list->len; i-- > 0;)
		if (same(g_array_index(list, struct subject, i).object, total) == (n == 1))
			g_array_remove_index(list, i);
}

static GArray *subjects(const struct report_section *s, const struct scenario *sc,
			const struct result *r)
{
	GArray *list = g_array_new(FALSE, TRUE, sizeof(struct subject));
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const struct result_value *last = NULL;

	for (size_t i = 0; i < result_count(r); i++) {
		const struct result_value *v = result_at(r, i);
		struct subject subject = {v->object, v->dir, i};

		if (last && same(last->object, v->object) && same(last->dir, v->dir))
			continue;
		last = v;
		if (!g_hash_table_add(seen,
				      g_strdup_printf("%s %s", v->object, v->dir ? v->dir : "")))
			continue;
		if (belongs(sc, s->objects, v->object))
			g_array_append_val(list, subject);
	}
	if (s->total)
		summarise(list, s->total);
	return list;
}

static void subject_cells(struct report_table *t, const struct subject *s, bool directions)
{
	report_table_cell(t, s->object, false);
	if (directions)
		report_table_cell(t, s->dir ? s->dir : "", false);
}

static bool row_wanted(const struct report_section *s, const struct result *r,
		       const struct subject *subject)
{
	if (s->when)
		return !is_zero(find(r, subject, s->when));
	for (const struct report_col *c = s->cols; c->head; c++)
		if (!is_zero(find(r, subject, c->metric)))
			return true;
	return false;
}

static bool fill_rows(const struct report_section *s, const struct result *r, const GArray *list,
		      bool directions, struct report_table *t)
{
	bool any = false;

	report_table_cell(t, "", false);
	if (directions)
		report_table_cell(t, "", false);
	for (const struct report_col *c = s->cols; c->head; c++)
		report_table_cell(t, c->head, c->fmt != REPORT_TEXT);
	report_table_row(t);
	for (guint i = 0; i < list->len; i++) {
		const struct subject *subject = &g_array_index(list, struct subject, i);

		if (!row_wanted(s, r, subject))
			continue;
		subject_cells(t, subject, directions);
		for (const struct report_col *c = s->cols; c->head; c++) {
			g_autoptr(GString) text = g_string_new(NULL);

			report_value(c->fmt, find(r, subject, c->metric), text);
			report_table_cell(t, text->str, c->fmt != REPORT_TEXT);
		}
		report_table_row(t);
		any = true;
	}
	return any;
}

/* The part of `name` that the `*` of the pattern stands for. */
static char *star_word(const char *pattern, const char *name)
{
	size_t before = strcspn(pattern, "*");
	size_t after = pattern[before] ? strlen(pattern + before + 1) : 0;

	return g_strndup(name + before, strlen(name) - before - after);
}

/* What the words of a row may take, so that it fits REPORT_WIDTH. */
static size_t room_for_words(const GArray *list, bool directions)
{
	size_t longest = 0, taken;

	for (guint i = 0; i < list->len; i++)
		longest = MAX(longest, strlen(g_array_index(list, struct subject, i).object));
	taken = 2 + longest + (directions ? 2 + strlen("local") : 0) + 2;
	return taken < REPORT_WIDTH ? REPORT_WIDTH - taken : 0;
}

/* The words of a subject, in as many rows as they need. */
static void words_rows(struct report_table *t, const struct subject *subject, bool directions,
		       const GPtrArray *words, size_t room)
{
	static const struct subject same_as_above = {"", NULL, 0};
	g_autoptr(GString) line = g_string_new(NULL);

	for (guint i = 0; i < words->len; i++) {
		const char *word = words->pdata[i];
		bool last = i + 1 == words->len;

		g_string_append_printf(line, "%s%s%s", line->len ? " " : "", word, last ? "" : ",");
		if (!last && line->len + 2 + strlen(words->pdata[i + 1]) <= room)
			continue;
		subject_cells(t, subject, directions);
		report_table_cell(t, line->str, false);
		report_table_row(t);
		g_string_truncate(line, 0);
		subject = &same_as_above;
	}
}

static bool fill_nonzero(const struct report_section *s, const struct result *r, const GArray *list,
			 bool directions, struct report_table *t)
{
	size_t room = room_for_words(list, directions);
	bool any = false;

	for (guint i = 0; i < list->len; i++) {
		const struct subject *subject = &g_array_index(list, struct subject, i);
		g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

		for (size_t k = subject->first; k < result_count(r); k++) {
			const struct result_value *v = result_at(r, k);
			g_autoptr(GString) value = g_string_new(NULL);

			if (!same(v->object, subject->object) || !same(v->dir, subject->dir))
				break;
			if (is_zero(v) || !metric_glob(s->pattern, v->name))
				continue;
			g_autofree char *word = star_word(s->pattern, v->name);
			report_value(s->fmt, v, value);
			g_ptr_array_add(words, g_strdup_printf("%s %s", word, value->str));
		}
		words_rows(t, subject, directions, words, room);
		any |= words->len != 0;
	}
	return any;
}

/* Sum of a subject's values that match, in thousandths; 0: it has none. */
static u128 sum_of(const struct report_section *s, const struct result *r,
		   const struct subject *subject)
{
	u128 sum = 0;

	for (size_t k = subject->first; k < result_count(r); k++) {
		const struct result_value *v = result_at(r, k);

		if (!same(v->object, subject->object) || !same(v->dir, subject->dir))
			break;
		if (!is_zero(v) && metric_glob(s->pattern, v->name))
			sum += result_milli(v);
	}
	return sum;
}

static void words_row(const struct report_section *s, const struct result *r, const GArray *list,
		      const u128 *sums, const char *name, struct report_table *t)
{
	g_autofree char *word = star_word(s->pattern, name);
	bool any = false;

	for (guint i = 0; i < list->len; i++)
		any |= sums[i] && !is_zero(find(r, &g_array_index(list, struct subject, i), name));
	if (!any)
		return;
	report_table_cell(t, word, false);
	for (guint i = 0; i < list->len; i++) {
		const struct result_value *v =
			find(r, &g_array_index(list, struct subject, i), name);
		g_autoptr(GString) text = g_string_new(NULL), share = g_string_new(NULL);

		if (!sums[i])
			continue;
		if (is_zero(v)) {
			report_table_cell(t, "-", true);
			report_table_cell(t, "", true);
			continue;
		}
		report_value(s->fmt, v, text);
		append_percent(share, result_milli(v) * 1000 / sums[i]);
		report_table_cell(t, text->str, true);
		report_table_cell(t, share->str, true);
	}
	report_table_row(t);
}

static bool fill_words(const struct report_section *s, const struct result *r, const GArray *list,
		       struct report_table *t)
{
	g_autofree u128 *sums = g_new0(u128, list->len + 1);
	const struct subject *longest = NULL;

	report_table_cell(t, "", false);
	for (guint i = 0; i < list->len; i++) {
		const struct subject *subject = &g_array_index(list, struct subject, i);
		g_autofree char *head =
			g_strdup_printf("%s %s", subject->object, subject->dir ? subject->dir : "");

		sums[i] = sum_of(s, r, subject);
		if (!sums[i])
			continue;
		longest = longest ? longest : subject;
		report_table_cell(t, g_strchomp(head), true);
		report_table_cell(t, "", true);
	}
	report_table_row(t);
	if (!longest)
		return false;
	for (size_t k = longest->first; k < result_count(r); k++) {
		const struct result_value *v = result_at(r, k);

		if (!same(v->object, longest->object) || !same(v->dir, longest->dir))
			break;
		if (metric_glob(s->pattern, v->name))
			words_row(s, r, list, sums, v->name, t);
	}
	return true;
}

/* Of a long list the first ones, and the total. How many are left out. */
static guint cut(GArray *list, const char *total)
{
	g_autoptr(GArray) last = g_array_new(FALSE, TRUE, sizeof(struct subject));
	guint more = list->len > 2 * REPORT_MANY ? list->len - REPORT_MANY : 0;

	for (guint i = list->len; more && i-- > REPORT_MANY;)
		if (same(g_array_index(list, struct subject, i).object, total))
			g_array_prepend_val(last, g_array_index(list, struct subject, i));
	g_array_set_size(list, list->len - more);
	g_array_append_vals(list, last->data, last->len);
	return more - last->len;
}

static void print_section(const struct report_section *s, const struct scenario *sc,
			  const struct result *r, GString *out)
{
	g_autoptr(GArray) list = subjects(s, sc, r);
	struct report_table *t = report_table_new();
	bool directions = false, any;
	guint more = cut(list, s->total);

	for (guint i = 0; i < list->len; i++)
		directions |= g_array_index(list, struct subject, i).dir != NULL;
	any = s->shape == REPORT_ROWS      ? fill_rows(s, r, list, directions, t)
	      : s->shape == REPORT_NONZERO ? fill_nonzero(s, r, list, directions, t)
					   : fill_words(s, r, list, t);
	if (any) {
		g_string_append_printf(out, "%s%s\n", out->len ? "\n" : "", s->title);
		report_table_print(t, out);
		if (more)
			g_string_append_printf(out, "  and %u more; --json has them all\n", more);
	}
	report_table_free(t);
}

void report_print(const struct report_section *sections, const struct scenario *sc,
		  const struct result *r, GString *out)
{
	for (; sections && sections->title; sections++)
		print_section(sections, sc, r, out);
}
