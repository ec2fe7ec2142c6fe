/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * want.c - reading a want into exact fractions, and judging values by it; see want.h.
 */
#include "want.h"
#include <string.h>
#include "units.h"

typedef unsigned __int128 u128;

/* ---- fractions ---- */

/* -1, 0, 1 of the sizes; without overflow: compares whole parts, then the reciprocals of the rests.
 */
static int compare_sizes(struct want_number a, struct want_number b)
{
	for (int sign = 1;; sign = -sign) {
		u128 qa = a.num / a.den, qb = b.num / b.den;

		if (qa != qb)
			return qa < qb ? -sign : sign;
		a = (struct want_number){a.den, a.num % a.den, false};
		b = (struct want_number){b.den, b.num % b.den, false};
		if (!a.den || !b.den)
			return a.den == b.den ? 0 : a.den ? sign : -sign;
	}
}

static int compare(struct want_number a, struct want_number b)
{
	bool below = a.negative && a.num, other = b.negative && b.num;

	if (below != other)
		return below ? -1 : 1;
	return below ? compare_sizes(b, a) : compare_sizes(a, b);
}

static bool same_thousandths(const struct result_value *v, struct want_number want)
{
	struct want_number milli = {result_milli(v), 1000, false};

	return compare(milli, want) == 0;
}

/* ---- reading a want ---- */

static const struct {
	const char *sign;
	enum want_op op;
} signs[] = {
	{"<=", WANT_LE}, {">=", WANT_GE}, {"!=", WANT_NE}, {"==", WANT_EQ},
	{"<", WANT_LT},  {">", WANT_GT},  {"=", WANT_EQ},
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

/* A number being read: of this want, for a value like that of `decl`. */
struct reader {
	struct want *w;
	const struct metric_decl *decl;
	bool below_zero;
};

/* The size of `unit` in the metric's unit. */
static bool size_of_unit(const struct metric_decl *m, const char *text, const char *unit,
			 struct want_number *size, char **why)
{
	enum key_kind kind;
	uint64_t base, factor;

	*size = (struct want_number){1, 1, false};
	if (!*unit)
		return true;
	enum key_kind metric = metric_kind(m, &base);
	factor = units_factor(unit, &kind);
	if (strcmp(unit, "%") == 0 && !*m->unit) {
		size->den = 100;
		return true;
	}
	if (!factor || kind != metric || kind == KEY_COUNT) {
		*why = g_strdup_printf("\"%s\": this metric is in %s; write a number%s%s", text,
				       *m->unit ? m->unit : "no unit",
				       metric == KEY_COUNT ? "" : ", or one with a unit of ",
				       metric == KEY_COUNT ? "" : units_name(metric) + 2);
		return false;
	}
	size->num = factor;
	size->den = base;
	return true;
}

/* One number with its unit, as a fraction of the metric's unit. */
static bool parse_number(const struct reader *rd, const char *text, struct want_number *f,
			 char **why)
{
	struct want *w = rd->w;
	const char *p = text;
	struct decimal d;

	if (!units_decimal(&p, &d)) {
		*why = g_strdup_printf("\"%s\" is no number; write one, < one, 1..2 or 1000 ~ 5%%",
				       text);
		return false;
	}
	if (d.negative && d.digits && !rd->below_zero) {
		*why = g_strdup_printf("\"%s\": no metric is ever negative", text);
		return false;
	}
	*f = (struct want_number){d.digits, 1, d.negative && d.digits};
	if (!pow10_mul(d.exp10 < 0 ? &f->den : &f->num, d.exp10 < 0 ? -d.exp10 : d.exp10) ||
	    f->num > (u128)1 << 84 || f->den > (u128)1 << 84) {
		*why = g_strdup_printf("\"%s\" is too large or too fine", text);
		return false;
	}
	if (!size_of_unit(rd->decl, text, p, &w->unit_size, why))
		return false;
	g_free(w->unit);
	w->unit = g_strdup(p);
	f->num *= w->unit_size.num;
	f->den *= w->unit_size.den;
	return true;
}

static bool parse_range(const struct reader *rd, const char *lo, const char *hi, char **why)
{
	struct want *w = rd->w;

	w->op = WANT_RANGE;
	if (!parse_number(rd, lo, &w->lo, why) || !parse_number(rd, hi, &w->hi, why))
		return false;
	if (compare(w->lo, w->hi) > 0) {
		*why = g_strdup_printf("%s..%s: a range goes upwards", lo, hi);
		return false;
	}
	return true;
}

static bool parse_tolerance(const struct reader *rd, const char *value, const char *percent,
			    char **why)
{
	struct want *w = rd->w;
	uint64_t ppm;

	w->op = WANT_RANGE;
	w->has_tolerance = true;
	if (!parse_number(rd, value, &w->centre, why) ||
	    !units_parse(KEY_PERCENT, percent, NULL, &ppm, why))
		return false;
	if (ppm > 1000000) {
		*why = g_strdup("a tolerance is at most 100%");
		return false;
	}
	w->tolerance_ppm = ppm;
	w->lo = w->hi = w->centre;
	w->lo.den *= 1000000;
	w->hi.den *= 1000000;
	/* The lower bound of a negative value is the larger one. */
	w->lo.num *= w->centre.negative ? 1000000 + ppm : 1000000 - ppm;
	w->hi.num *= w->centre.negative ? 1000000 - ppm : 1000000 + ppm;
	return true;
}

static bool parse_text(struct want *w, const char *value, char **why)
{
	if (w->op != WANT_EQ && w->op != WANT_NE) {
		*why = g_strdup("this metric is a text; only = and != apply");
		return false;
	}
	w->op = w->op == WANT_EQ ? WANT_TEXT_EQ : WANT_TEXT_NE;
	w->text = g_strdup(value);
	return true;
}

bool want_parse(struct want *w, const struct metric_decl *decl, const char *said, bool below_zero,
		char **why)
{
	struct reader rd = {w, decl, below_zero};
	bool has_sign = false;

	*w = (struct want){.said = without_blanks(said), .unit_size = {1, 1, false}};
	const char *p = w->said;
	for (size_t i = 0; i < G_N_ELEMENTS(signs) && !has_sign; i++)
		if (g_str_has_prefix(p, signs[i].sign)) {
			w->op = signs[i].op;
			p += strlen(signs[i].sign);
			has_sign = true;
		}
	if (!*p) {
		*why = g_strdup("no value to compare with");
		return false;
	}
	if (decl->text)
		return parse_text(w, p, why);
	g_auto(GStrv) range = g_strsplit(p, "..", 2), tolerance = g_strsplit(p, "~", 2);
	if (has_sign && (range[1] || tolerance[1])) {
		*why = g_strdup("either a comparison, or a range, or a tolerance");
		return false;
	}
	if (range[1])
		return parse_range(&rd, range[0], range[1], why);
	if (tolerance[1])
		return parse_tolerance(&rd, tolerance[0], tolerance[1], why);
	return parse_number(&rd, p, &w->lo, why);
}

void want_clear(struct want *w)
{
	g_free(w->said);
	g_free(w->text);
	g_free(w->unit);
	*w = (struct want){0};
}

/* ---- judging ---- */

bool want_holds(const struct want *w, const struct result_value *v)
{
	struct want_number got = {v->num, v->den, false};
	int c;

	if (w->op == WANT_RANGE)
		return (compare(got, w->lo) >= 0 || same_thousandths(v, w->lo)) &&
		       (compare(got, w->hi) <= 0 || same_thousandths(v, w->hi));
	c = compare(got, w->lo);
	switch (w->op) {
	case WANT_EQ:
		return c == 0 || same_thousandths(v, w->lo);
	case WANT_NE:
		return c != 0 && !same_thousandths(v, w->lo);
	case WANT_LT:
		return c < 0;
	case WANT_LE:
		return c <= 0;
	case WANT_GT:
		return c > 0;
	case WANT_GE:
		return c >= 0;
	default:
		return false;
	}
}

double want_real(struct want_number n)
{
	double size = (double)n.num / (double)n.den;

	return n.negative ? -size : size;
}

bool want_holds_real(const struct want *w, double value, double slack)
{
	double lo = want_real(w->lo), size = value < 0 ? -value : value, round = size * 1e-9;

	switch (w->op) {
	case WANT_EQ:
	case WANT_NE:
		return (value >= lo - slack - round && value <= lo + slack + round) ==
		       (w->op == WANT_EQ);
	case WANT_LT:
		return value < lo + slack;
	case WANT_LE:
		return value <= lo + slack + round;
	case WANT_GT:
		return value > lo - slack;
	case WANT_GE:
		return value >= lo - slack - round;
	case WANT_RANGE:
		return value >= lo - slack - round && value <= want_real(w->hi) + slack + round;
	default:
		return false;
	}
}
