/* SPDX-License-Identifier: GPL-2.0-or-later */
/* expect.c - parsing wants into exact fractions, and judging results by them; see expect.h. */
#include "expect.h"
#include <string.h>
#include "sim_error.h"
#include "units.h"

typedef unsigned __int128 u128;

enum op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_RANGE, OP_TEXT_EQ, OP_TEXT_NE };

struct fraction {
	u128 num, den;
};

struct item {
	const struct scenario_line *line;
	const struct metric_decl *decl;
	char *want;        /* without blanks */
	char *text;        /* OP_TEXT_* */
	char **conditions; /* "guest.policy", "copy", ... */
	enum op op;
	struct fraction lo, hi; /* one value: lo */
	bool held;              /* the condition was true at some point */
};

struct expect {
	const struct scenario *sc;
	const struct metric_table *metrics;
	GPtrArray *items; /* struct item */
};

/* ---- fractions ---- */

/* -1, 0, 1; without overflow: compares whole parts, then the reciprocals of the rests. */
static int compare(struct fraction a, struct fraction b)
{
	for (int sign = 1;; sign = -sign) {
		u128 qa = a.num / a.den, qb = b.num / b.den;

		if (qa != qb)
			return qa < qb ? -sign : sign;
		a = (struct fraction){a.den, a.num % a.den};
		b = (struct fraction){b.den, b.num % b.den};
		if (!a.den || !b.den)
			return a.den == b.den ? 0 : a.den ? sign : -sign;
	}
}

static bool same_thousandths(const struct result_value *v, struct fraction want)
{
	struct fraction milli = {result_milli(v), 1000};

	return compare(milli, want) == 0;
}

/* ---- reading a want ---- */

static const struct {
	const char *sign;
	enum op op;
} signs[] = {
	{"<=", OP_LE}, {">=", OP_GE}, {"!=", OP_NE}, {"==", OP_EQ},
	{"<", OP_LT},  {">", OP_GT},  {"=", OP_EQ},
};

static char *without_blanks(const char *text)
{
	GString *s = g_string_new(NULL);

	for (; *text; text++)
		if (*text != ' ' && *text != '\t')
			g_string_append_c(s, *text);
	return g_string_free(s, FALSE);
}

/* What a value of this metric is measured in: the kind and how many base units its unit holds. */
static enum key_kind metric_kind(const struct metric_decl *m, uint64_t *base)
{
	enum key_kind kind = KEY_COUNT;

	*base = 1;
	if (strcmp(m->unit, "bytes") == 0)
		return KEY_BYTES;
	uint64_t factor = units_factor(m->unit, &kind);
	if (!factor)
		return KEY_COUNT;
	*base = factor;
	return kind;
}

static bool pow10_mul(u128 *v, int n)
{
	for (; n > 0; n--) {
		if (*v > (u128)-1 / 10)
			return false;
		*v *= 10;
	}
	return true;
}

static bool unit_matters(const struct metric_decl *m, const char *text, const char *unit,
			 struct fraction *f, char **why)
{
	enum key_kind kind;
	uint64_t base, factor;

	if (!*unit)
		return true;
	enum key_kind metric = metric_kind(m, &base);
	factor = units_factor(unit, &kind);
	if (strcmp(unit, "%") == 0 && !*m->unit) {
		f->den *= 100;
		return true;
	}
	if (!factor || kind != metric || kind == KEY_COUNT) {
		*why = g_strdup_printf("\"%s\": this metric is in %s; write a number%s%s", text,
				       *m->unit ? m->unit : "no unit",
				       metric == KEY_COUNT ? "" : ", or one with a unit of ",
				       metric == KEY_COUNT ? "" : units_name(metric) + 2);
		return false;
	}
	f->num *= factor;
	f->den *= base;
	return true;
}

/* One number with its unit, as a fraction of the metric's unit. */
static bool parse_number(const struct metric_decl *m, const char *text, struct fraction *f,
			 char **why)
{
	const char *p = text;
	struct decimal d;

	if (!units_decimal(&p, &d)) {
		*why = g_strdup_printf("\"%s\" is no number; write one, < one, 1..2 or 1000 ~ 5%%",
				       text);
		return false;
	}
	if (d.negative && d.digits) {
		*why = g_strdup_printf("\"%s\": no metric is ever negative", text);
		return false;
	}
	*f = (struct fraction){d.digits, 1};
	if (!pow10_mul(d.exp10 < 0 ? &f->den : &f->num, d.exp10 < 0 ? -d.exp10 : d.exp10) ||
	    f->num > (u128)1 << 84 || f->den > (u128)1 << 84) {
		*why = g_strdup_printf("\"%s\" is too large or too fine", text);
		return false;
	}
	return unit_matters(m, text, p, f, why);
}

static bool parse_range(struct item *it, const char *lo, const char *hi, char **why)
{
	it->op = OP_RANGE;
	if (!parse_number(it->decl, lo, &it->lo, why) || !parse_number(it->decl, hi, &it->hi, why))
		return false;
	if (compare(it->lo, it->hi) > 0) {
		*why = g_strdup_printf("%s..%s: a range goes upwards", lo, hi);
		return false;
	}
	return true;
}

static bool parse_tolerance(struct item *it, const char *value, const char *percent, char **why)
{
	uint64_t ppm;

	it->op = OP_RANGE;
	if (!parse_number(it->decl, value, &it->lo, why) ||
	    !units_parse(KEY_PERCENT, percent, NULL, &ppm, why))
		return false;
	if (ppm > 1000000) {
		*why = g_strdup("a tolerance is at most 100%");
		return false;
	}
	it->hi = (struct fraction){it->lo.num * (1000000 + ppm), it->lo.den * 1000000};
	it->lo = (struct fraction){it->lo.num * (1000000 - ppm), it->lo.den * 1000000};
	return true;
}

static bool parse_text(struct item *it, const char *value, char **why)
{
	if (it->op != OP_EQ && it->op != OP_NE) {
		*why = g_strdup("this metric is a text; only = and != apply");
		return false;
	}
	it->op = it->op == OP_EQ ? OP_TEXT_EQ : OP_TEXT_NE;
	it->text = g_strdup(value);
	return true;
}

static bool parse_want(struct item *it, char **why)
{
	const char *p = it->want;
	bool has_sign = false;

	for (size_t i = 0; i < G_N_ELEMENTS(signs) && !has_sign; i++)
		if (g_str_has_prefix(p, signs[i].sign)) {
			it->op = signs[i].op;
			p += strlen(signs[i].sign);
			has_sign = true;
		}
	if (!*p) {
		*why = g_strdup("no value to compare with");
		return false;
	}
	if (it->decl->text)
		return parse_text(it, p, why);
	g_auto(GStrv) range = g_strsplit(p, "..", 2), tolerance = g_strsplit(p, "~", 2);
	if (has_sign && (range[1] || tolerance[1])) {
		*why = g_strdup("either a comparison, or a range, or a tolerance");
		return false;
	}
	if (range[1])
		return parse_range(it, range[0], range[1], why);
	if (tolerance[1])
		return parse_tolerance(it, tolerance[0], tolerance[1], why);
	return parse_number(it->decl, p, &it->lo, why);
}

/* "expect guest.policy=copy nic.mtu=9000B" into key, value, key, value. */
static bool parse_conditions(const struct scenario *sc, struct item *it, char **why)
{
	g_autofree char *text = g_strdup(it->line->group + strlen("expect"));
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) sides = g_strsplit(text, "=", -1);
	guint n = g_strv_length(sides);

	/* Between two equals signs stand a value and the next key. */
	for (guint i = 0; i < n; i++) {
		char *blank = i > 0 && i + 1 < n ? strrchr(g_strstrip(sides[i]), ' ') : NULL;

		if (blank) {
			*blank = 0;
			g_ptr_array_add(list, g_strdup(g_strstrip(sides[i])));
			g_ptr_array_add(list, g_strdup(blank + 1));
		} else {
			g_ptr_array_add(list, g_strdup(g_strstrip(sides[i])));
		}
	}
	if (n == 1 && !*sides[0]) {
		it->conditions = g_new0(char *, 1);
		return true;
	}
	if (list->len % 2) {
		*why = g_strdup("a condition is GROUP.KEY=VALUE, as in [expect guest.policy=copy]");
		return false;
	}
	for (guint i = 0; i < list->len; i += 2) {
		const struct key_decl *k = scenario_lookup(sc, list->pdata[i], NULL, why);
		uint64_t number;
		int word;

		if (!k || !keys_parse(k, list->pdata[i + 1], &number, &word, why))
			return false;
	}
	g_ptr_array_add(list, NULL);
	it->conditions = (char **)g_ptr_array_steal(list, NULL);
	return true;
}

/* ---- the list ---- */

static void item_free(void *p)
{
	struct item *it = p;

	g_free(it->want);
	g_free(it->text);
	g_strfreev(it->conditions);
	g_free(it);
}

static bool add_item(struct expect *ex, const struct scenario_line *line, GError **error)
{
	struct item *it = g_new0(struct item, 1);
	g_autofree char *why = NULL;

	g_ptr_array_add(ex->items, it);
	it->line = line;
	it->want = without_blanks(line->value);
	it->decl = metric_judge(ex->metrics, ex->sc, line->key, &why);
	if (it->decl && parse_conditions(ex->sc, it, &why) && parse_want(it, &why))
		return true;
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s: [%s] %s: %s", line->where, line->group,
		    line->key, why);
	return false;
}

struct expect *expect_new(const struct scenario *sc, const struct metric_table *metrics,
			  GError **error)
{
	g_autoptr(expect_auto) ex = g_new0(struct expect, 1);
	const struct scenario_line *lines;
	size_t n = scenario_lines(sc, "expect", &lines);

	ex->sc = sc;
	ex->metrics = metrics;
	ex->items = g_ptr_array_new_with_free_func(item_free);
	for (size_t i = 0; i < n; i++)
		if (!add_item(ex, &lines[i], error))
			return NULL;
	return g_steal_pointer(&ex);
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

static bool holds(const struct item *it, const struct result_value *v)
{
	struct fraction got = {v->num, v->den};
	int c;

	if (it->op == OP_RANGE)
		return (compare(got, it->lo) >= 0 || same_thousandths(v, it->lo)) &&
		       (compare(got, it->hi) <= 0 || same_thousandths(v, it->hi));
	c = compare(got, it->lo);
	switch (it->op) {
	case OP_EQ:
		return c == 0 || same_thousandths(v, it->lo);
	case OP_NE:
		return c != 0 && !same_thousandths(v, it->lo);
	case OP_LT:
		return c < 0;
	case OP_LE:
		return c <= 0;
	case OP_GT:
		return c > 0;
	case OP_GE:
		return c >= 0;
	default:
		return false;
	}
}

static void judge_value(const struct item *it, const struct result_value *v, expect_fn fn,
			void *arg)
{
	g_autoptr(GString) got = g_string_new(NULL);
	struct expect_verdict verdict = {EXPECT_FAIL, v->full, it->want,
					 "-",         NULL,    it->line->where};
	bool is_text = v->type == RESULT_TEXT, wants_text = it->op >= OP_TEXT_EQ;

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
		if ((strcmp(v->text, it->text) == 0) == (it->op == OP_TEXT_EQ))
			verdict.outcome = EXPECT_PASS;
	} else if (holds(it, v)) {
		verdict.outcome = EXPECT_PASS;
	}
	fn(arg, &verdict);
}

static void judge_missing(const struct item *it, expect_fn fn, void *arg)
{
	struct result_value zero = {.full = (char *)it->line->key, .type = RESULT_INT, .den = 1};
	struct expect_verdict verdict = {
		EXPECT_SKIP,    it->line->key, it->want, "-", "this run does not have the metric",
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

/* Does every object that the condition is about have the value, in whatever words? */
static bool condition_holds(const struct scenario *point, const char *key, const char *value)
{
	g_autofree const char **objects = NULL;
	g_autofree char *why = NULL;
	const struct key_decl *k = scenario_lookup(point, key, &objects, &why);
	uint64_t want, got;
	int word;

	for (const char **o = objects; k && *o; o++) {
		const char *text = cfg_str(scenario_find(point, *o), k->name);

		if (!text)
			return false;
		if (strcmp(text, value) == 0)
			continue;
		if (!keys_parse(k, text, &got, &word, &why) ||
		    !keys_parse(k, value, &want, &word, &why) || got != want || got == UINT64_MAX)
			return false;
	}
	return k && objects[0];
}

static bool all_hold(const struct scenario *point, char **conditions)
{
	for (; *conditions; conditions += 2)
		if (!condition_holds(point, conditions[0], conditions[1]))
			return false;
	return true;
}

void expect_judge(struct expect *ex, const struct scenario *point, const struct result *r,
		  expect_fn fn, void *arg)
{
	for (guint i = 0; i < ex->items->len; i++) {
		struct item *it = ex->items->pdata[i];

		if (!all_hold(point, it->conditions))
			continue;
		it->held = true;
		judge_item(it, r, fn, arg);
	}
}

void expect_finish(const struct expect *ex, expect_fn fn, void *arg)
{
	for (guint i = 0; i < ex->items->len; i++) {
		const struct item *it = ex->items->pdata[i];
		struct expect_verdict v = {EXPECT_SKIP,
					   it->line->key,
					   it->want,
					   "-",
					   "its condition held at no point",
					   it->line->where};

		if (!it->held)
			fn(arg, &v);
	}
}
