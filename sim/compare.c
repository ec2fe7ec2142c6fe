/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare.c - pairs of values, their verdicts, and the tables of them; see compare.h.
 *
 * Whether a metric is counted or measured is what its unit says in the metric table; one that the
 * table does not know is counted, which is the stricter. Pairs stand in the order of the first
 * file, then what the second has alone.
 */
#include "compare.h"
#include <stdlib.h>
#include <string.h>
#include "report.h"
#include "result.h"
#include "sim_error.h"

#define LAST_DIGIT 0.001 /* what a result file writes at most of a decimal */

struct pair {
	char *name;
	json_t *a, *b; /* NULL: not there */
	enum compare_verdict verdict;
	bool measured, more; /* more: a copy or fallback that was not there, or not so often */
};

struct comparison {
	char *name;
	double share; /* tolerance */
	GArray *metrics, *setup;
	size_t n[COMPARE_VERDICTS];
};

/* ---- reading ---- */

static const char *wrong_metric(const json_t *metrics)
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)metrics, name, v)
	{
		if (!json_is_number(v) && !json_is_string(v) && !json_is_null(v))
			return name;
	}
	return NULL;
}

/* What is wrong with it, freed with g_free(); NULL: nothing. */
static char *judge_file(const json_t *top)
{
	const json_t *schema = json_object_get(top, "schema");
	const json_t *metrics = json_object_get(top, "metrics");

	if (!json_is_integer(schema) || !json_is_object(metrics))
		return g_strdup("is no result file; write one with run --json or sweep --out");
	if (json_integer_value(schema) != RESULT_SCHEMA)
		return g_strdup_printf("has schema %" JSON_INTEGER_FORMAT "; this program reads "
				       "schema %d: run the scenario again",
				       json_integer_value(schema), RESULT_SCHEMA);
	const char *wrong = wrong_metric(metrics);
	return wrong ? g_strdup_printf("metric %s is no number, text or null", wrong) : NULL;
}

json_t *compare_load(const char *path, GError **error)
{
	g_autoptr(GError) unread = NULL;
	g_autofree char *text = NULL, *wrong = NULL;
	json_error_t why;
	gsize len;

	if (!g_file_get_contents(path, &text, &len, &unread)) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s", unread->message);
		return NULL;
	}
	json_t *top = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!top)
		wrong = g_strdup_printf("is no JSON: line %d: %s", why.line, why.text);
	else
		wrong = judge_file(top);
	if (!wrong)
		return top;
	g_set_error(error, SIM_ERROR, SIM_EXIT_INPUT, "%s: %s", path, wrong);
	json_decref(top);
	return NULL;
}

/* ---- judging ---- */

static bool same_value(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
		return json_number_value(a) == json_number_value(b);
	return json_equal(a, b);
}

/* Something against nothing is never near: 0 has no share, and what is not 0 is not written as 0.
 */
static bool near(double a, double b, double share)
{
	double off = ABS(b - a);

	if (share <= 0 || a == 0 || b == 0)
		return false;
	return off <= share * ABS(a) * (1 + 1e-12) || off <= LAST_DIGIT * (1 + 1e-6);
}

static enum compare_verdict judge(const struct pair *p, double share)
{
	if (!p->a)
		return COMPARE_ONLY_B;
	if (!p->b)
		return COMPARE_ONLY_A;
	if (same_value(p->a, p->b))
		return COMPARE_EQUAL;
	if (p->measured && json_is_number(p->a) && json_is_number(p->b) &&
	    near(json_number_value(p->a), json_number_value(p->b), share))
		return COMPARE_WITHIN;
	return COMPARE_DIFFERS;
}

static bool is_measured(const struct metric_decl *m)
{
	static const char *const units[] = {"", "ns", "bit/s", "1/s", NULL};

	return m && !m->text &&
	       (g_strv_contains(units, m->unit) || g_str_has_suffix(m->name, ".mean"));
}

/* The metric's NAME stands behind object, part and direction: of its tails, the longest known. */
static const struct metric_decl *decl_of(const struct metric_table *t, const char *full)
{
	for (const char *dot = strchr(full, '.'); dot; dot = strchr(dot + 1, '.')) {
		const struct metric_decl *m = metric_find(t, dot + 1);

		if (m)
			return m;
	}
	return NULL;
}

static bool is_detour(const struct metric_decl *m)
{
	return m && (g_str_has_prefix(m->name, "copies.*") || strcmp(m->name, "fallbacks.*") == 0);
}

static void pair_clear(void *arg)
{
	struct pair *p = arg;

	g_free(p->name);
	json_decref(p->a);
	json_decref(p->b);
}

static GArray *pairs_new(void)
{
	GArray *pairs = g_array_new(FALSE, TRUE, sizeof(struct pair));

	g_array_set_clear_func(pairs, pair_clear);
	return pairs;
}

static void add_pair(GArray *pairs, const char *name, json_t *a, json_t *b)
{
	struct pair p = {.name = g_strdup(name), .a = json_incref(a), .b = json_incref(b)};

	g_array_append_val(pairs, p);
}

/* All members of both. */
static void add_members(GArray *pairs, const json_t *a, const json_t *b)
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)a, name, v)
	{
		add_pair(pairs, name, v, json_object_get(b, name));
	}
	json_object_foreach((json_t *)b, name, v)
	{
		if (!json_object_get(a, name))
			add_pair(pairs, name, NULL, v);
	}
}

static void judge_metrics(struct comparison *c, const struct metric_table *metrics)
{
	for (guint i = 0; i < c->metrics->len; i++) {
		struct pair *p = &g_array_index(c->metrics, struct pair, i);
		const struct metric_decl *m = decl_of(metrics, p->name);

		p->measured = is_measured(m);
		p->verdict = judge(p, c->share);
		p->more = is_detour(m) && json_number_value(p->b) > json_number_value(p->a);
		c->n[p->verdict]++;
	}
}

/* How the runs came about, what differs of it. */
static GArray *setup_pairs(const json_t *a, const json_t *b)
{
	static const char *const heads[] = {"version", "scenario", "seed", "partial", "inputs"};
	GArray *pairs = pairs_new();

	for (size_t i = 0; i < G_N_ELEMENTS(heads); i++)
		add_pair(pairs, heads[i], json_object_get(a, heads[i]),
			 json_object_get(b, heads[i]));
	add_members(pairs, json_object_get(a, "config"), json_object_get(b, "config"));
	for (guint i = pairs->len; i-- > 0;) {
		const struct pair *p = &g_array_index(pairs, struct pair, i);

		if (p->a == p->b || json_equal(p->a, p->b))
			g_array_remove_index(pairs, i);
	}
	return pairs;
}

struct comparison *compare_results(const struct metric_table *metrics, const char *name,
				   const json_t *a, const json_t *b, uint64_t tolerance_ppm)
{
	struct comparison *c = g_new0(struct comparison, 1);

	c->name = g_strdup(name);
	c->share = (double)tolerance_ppm / 1e6;
	c->metrics = pairs_new();
	add_members(c->metrics, json_object_get(a, "metrics"), json_object_get(b, "metrics"));
	judge_metrics(c, metrics);
	c->setup = setup_pairs(a, b);
	return c;
}

void compare_free(struct comparison *c)
{
	if (!c)
		return;
	g_free(c->name);
	g_array_unref(c->metrics);
	g_array_unref(c->setup);
	g_free(c);
}

size_t compare_count(const struct comparison *c, enum compare_verdict verdict)
{
	return c->n[verdict];
}

/* ---- printing ---- */

/* As it stands in the file; a text without quotes; "-" if it is not there. */
static char *value_text(const json_t *v)
{
	if (!v)
		return g_strdup("-");
	if (json_is_string(v)) {
		char *text = g_strdup(json_string_value(v));

		for (char *p = text; *p; p++)
			*p = g_ascii_iscntrl(*p) ? '?' : *p;
		return text;
	}
	char *dump = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	char *text = g_strdup(dump ? dump : "?");

	free(dump);
	return text;
}

/* Of counts how many, of what is measured the share of the first; "" where there is none. */
static char *difference(const struct pair *p)
{
	if (!json_is_number(p->a) || !json_is_number(p->b))
		return g_strdup("");
	double a = json_number_value(p->a), off = json_number_value(p->b) - a;

	if (json_is_integer(p->a) && json_is_integer(p->b) && (!p->measured || a == 0))
		return g_strdup_printf("%+" JSON_INTEGER_FORMAT,
				       json_integer_value(p->b) - json_integer_value(p->a));
	if (!p->measured || a == 0)
		return g_strdup_printf("%+.3f", off);
	if (ABS(off) < 0.00005 * ABS(a))
		return g_strdup_printf("%c<0.01%%", off < 0 ? '-' : '+');
	return g_strdup_printf("%+.2f%%", 100 * off / ABS(a));
}

static const char *verdict_word(const struct pair *p)
{
	static const char *const words[] = {[COMPARE_EQUAL] = "equal",
					    [COMPARE_WITHIN] = "within",
					    [COMPARE_DIFFERS] = "differs",
					    [COMPARE_ONLY_A] = "only in A",
					    [COMPARE_ONLY_B] = "only in B"};

	if (!p->more || p->verdict == COMPARE_ONLY_B)
		return words[p->verdict];
	return json_number_value(p->a) == 0 ? "NEW" : "MORE";
}

static void print_cells(struct report_table *t, const char *const *cells)
{
	for (size_t i = 0; i < 5; i++)
		report_table_cell(t, cells[i], i >= 1 && i <= 3);
	report_table_row(t);
}

static void print_metric(struct report_table *t, const struct pair *p)
{
	g_autofree char *a = value_text(p->a), *b = value_text(p->b), *off = difference(p);

	print_cells(t, (const char *const[]){p->name, a, b, off, verdict_word(p)});
}

/* How far off, as a share of the first; what only one has, or is no number, is as far as can be. */
static double severity(const struct pair *p)
{
	double a = json_number_value(p->a), b = json_number_value(p->b);

	if (!json_is_number(p->a) || !json_is_number(p->b) || a == 0)
		return G_MAXDOUBLE;
	return ABS(b - a) / ABS(a);
}

static int by_severity(const void *pa, const void *pb)
{
	const struct pair *a = *(const struct pair *const *)pa, *b = *(void *const *)pb;
	double x = severity(a), y = severity(b);

	if (a->more != b->more)
		return a->more ? -1 : 1;
	return (x < y) - (x > y);
}

void compare_each(const struct comparison *c, compare_fn fn, void *arg)
{
	g_autoptr(GPtrArray) pairs = g_ptr_array_new();

	for (guint i = 0; i < c->metrics->len; i++) {
		struct pair *p = &g_array_index(c->metrics, struct pair, i);

		if (p->verdict != COMPARE_EQUAL)
			g_ptr_array_add(pairs, p);
	}
	g_ptr_array_sort(pairs, by_severity);
	for (guint i = 0; i < pairs->len; i++) {
		const struct pair *p = pairs->pdata[i];
		g_autofree char *a = value_text(p->a), *b = value_text(p->b);
		g_autofree char *off = difference(p);

		fn(arg, &(struct compare_line){.metric = p->name,
					       .a = a,
					       .b = b,
					       .off = off,
					       .verdict = p->verdict,
					       .measured = p->measured,
					       .more = p->more});
	}
}

static void print_metrics(const struct comparison *c, unsigned characters, GString *out)
{
	struct report_table *t = report_table_new();

	print_cells(t, (const char *const[]){"metric", "A", "B", "difference", "verdict"});
	for (int more = 1; more >= 0; more--)
		for (guint i = 0; i < c->metrics->len; i++) {
			const struct pair *p = &g_array_index(c->metrics, struct pair, i);

			if (p->verdict >= COMPARE_DIFFERS && p->more == more)
				print_metric(t, p);
		}
	report_table_fold(t, characters, out);
	report_table_free(t);
}

static void print_setup(const struct comparison *c, GString *out)
{
	struct report_table *t = report_table_new();

	report_table_cell(t, "set up otherwise", false);
	report_table_cell(t, "A", false);
	report_table_cell(t, "B", false);
	report_table_row(t);
	for (guint i = 0; i < c->setup->len; i++) {
		const struct pair *p = &g_array_index(c->setup, struct pair, i);
		bool lists = json_is_array(p->a) || json_is_array(p->b);
		g_autofree char *a = lists ? g_strdup("these") : value_text(p->a);
		g_autofree char *b = lists ? g_strdup("others") : value_text(p->b);

		report_table_cell(t, p->name, false);
		report_table_cell(t, a, false);
		report_table_cell(t, b, false);
		report_table_row(t);
	}
	report_table_print(t, out);
	report_table_free(t);
}

void compare_print_within(const struct comparison *c, unsigned characters, GString *out)
{
	bool differ = c->n[COMPARE_DIFFERS] + c->n[COMPARE_ONLY_A] + c->n[COMPARE_ONLY_B] > 0;

	if (!differ && !c->setup->len)
		return;
	if (c->name)
		g_string_append_printf(out, "%s\n", c->name);
	if (differ)
		print_metrics(c, characters, out);
	if (differ && c->setup->len)
		g_string_append_c(out, '\n');
	if (c->setup->len)
		print_setup(c, out);
	g_string_append_c(out, '\n');
}

void compare_print(const struct comparison *c, GString *out)
{
	compare_print_within(c, 0, out);
}

/* ---- as JSON ---- */

static json_t *pair_json(const char *what, const struct pair *p)
{
	json_t *o = json_pack("{s:s}", what, p->name);

	if (p->a)
		json_object_set(o, "a", p->a);
	if (p->b)
		json_object_set(o, "b", p->b);
	return o;
}

json_t *compare_json(const struct comparison *c)
{
	static const char *const words[] = {"equal", "within", "differs", "only_a", "only_b"};
	json_t *o = json_object(), *metrics = json_array(), *setup = json_array();

	if (c->name)
		json_object_set_new(o, "point", json_string(c->name));
	for (int v = 0; v < COMPARE_VERDICTS; v++)
		json_object_set_new(o, words[v], json_integer((json_int_t)c->n[v]));
	for (guint i = 0; i < c->metrics->len; i++) {
		const struct pair *p = &g_array_index(c->metrics, struct pair, i);

		if (p->verdict == COMPARE_EQUAL)
			continue;
		json_t *line = pair_json("metric", p);
		json_object_set_new(line, "verdict", json_string(words[p->verdict]));
		json_array_append_new(metrics, line);
	}
	for (guint i = 0; i < c->setup->len; i++)
		json_array_append_new(setup,
				      pair_json("key", &g_array_index(c->setup, struct pair, i)));
	json_object_set_new(o, "metrics", metrics);
	json_object_set_new(o, "setup", setup);
	return o;
}
