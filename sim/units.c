/* SPDX-License-Identifier: GPL-2.0-or-later */
/* units.c - exact parsing and printing of quantities by one table of units; see units.h. */
#include "units.h"
#include <inttypes.h>
#include <string.h>
#include "nearest.h"

typedef unsigned __int128 u128;

enum { DIGITS_MAX = 20, EXP_MAX = 30 };

struct unit {
	const char *name;
	enum key_kind kind;
	uint64_t factor;
};

/* Rising within a kind. */
static const struct unit units[] = {
	{"", KEY_COUNT, 1},
	{"ps", KEY_TIME, 1},
	{"ns", KEY_TIME, 1000},
	{"us", KEY_TIME, 1000000},
	{"ms", KEY_TIME, 1000000000},
	{"s", KEY_TIME, 1000000000000},
	{"B", KEY_BYTES, 1},
	{"KiB", KEY_BYTES, 1 << 10},
	{"MiB", KEY_BYTES, 1 << 20},
	{"GiB", KEY_BYTES, 1 << 30},
	{"bit/s", KEY_RATE, 1},
	{"kbit/s", KEY_RATE, 1000},
	{"Mbit/s", KEY_RATE, 1000000},
	{"Gbit/s", KEY_RATE, 1000000000},
	{"Hz", KEY_FREQ, 1},
	{"kHz", KEY_FREQ, 1000},
	{"MHz", KEY_FREQ, 1000000},
	{"GHz", KEY_FREQ, 1000000000},
	{"%", KEY_PERCENT, 10000},
};

/* What people write instead, where the nearest name would mislead. */
static const struct {
	const char *wrong, *right;
} habits[] = {
	{"b", "B"},          {"K", "KiB"},       {"KB", "KiB"},      {"kB", "KiB"},
	{"k", "KiB"},        {"M", "MiB"},       {"MB", "MiB"},      {"G", "GiB"},
	{"GB", "GiB"},       {"bps", "bit/s"},   {"kbps", "kbit/s"}, {"Kbps", "kbit/s"},
	{"Mbps", "Mbit/s"},  {"mbps", "Mbit/s"}, {"Gbps", "Gbit/s"}, {"gbps", "Gbit/s"},
	{"Gb/s", "Gbit/s"},  {"Mb/s", "Mbit/s"}, {"Gbit", "Gbit/s"}, {"Mbit", "Mbit/s"},
	{"sec", "s"},        {"msec", "ms"},     {"usec", "us"},     {"nsec", "ns"},
	{"\xc2\xb5s", "us"}, {"percent", "%"},
};

static const struct {
	const char *name, *example, *unit, *column, *base;
} kinds[] = {
	[KEY_COUNT] = {"a count", "4096", "", "", "1"},
	[KEY_TIME] = {"a time", "10us", "us", "_ns", "1ps"},
	[KEY_BYTES] = {"a size", "64MiB", "B", "_bytes", "1B"},
	[KEY_RATE] = {"a rate", "5Gbit/s", "Gbit/s", "_bps", "1bit/s"},
	[KEY_FREQ] = {"a frequency", "3GHz", "GHz", "_hz", "1Hz"},
	[KEY_PERCENT] = {"a percentage", "5%", "%", "", "0.0001%"},
};

const char *units_name(enum key_kind kind)
{
	return kind < G_N_ELEMENTS(kinds) && kinds[kind].name ? kinds[kind].name : "a text";
}

const char *units_column(enum key_kind kind)
{
	return kind < G_N_ELEMENTS(kinds) && kinds[kind].column ? kinds[kind].column : "";
}

static bool read_exponent(const char **text, int *exp)
{
	const char *p = *text + 1;
	bool negative = *p == '-';
	int e = 0;

	p += *p == '-' || *p == '+';
	if (!g_ascii_isdigit(*p))
		return true; /* not an exponent: the letter begins the unit */
	for (; g_ascii_isdigit(*p); p++)
		if ((e = e * 10 + (*p - '0')) > EXP_MAX)
			return false;
	*exp += negative ? -e : e;
	*text = p;
	return true;
}

bool units_decimal(const char **text, struct decimal *d)
{
	const char *p = *text;
	int used = 0;

	*d = (struct decimal){.negative = *p == '-'};
	p += *p == '-';
	if (!g_ascii_isdigit(*p))
		return false;
	for (bool point = false; g_ascii_isdigit(*p) || (*p == '.' && !point); p++) {
		if (*p == '.') {
			if (!g_ascii_isdigit(p[1]))
				break;
			point = true;
			continue;
		}
		d->digits = d->digits * 10 + (unsigned)(*p - '0');
		used += d->digits != 0;
		d->exp10 -= point;
		if (used > DIGITS_MAX || d->exp10 < -EXP_MAX)
			return false;
	}
	if ((*p == 'e' || *p == 'E') && !read_exponent(&p, &d->exp10))
		return false;
	*text = p;
	return d->exp10 >= -EXP_MAX && d->exp10 <= EXP_MAX;
}

static const struct unit *unit_find(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

uint64_t units_factor(const char *unit, enum key_kind *kind)
{
	const struct unit *u = unit_find(unit);

	if (!u)
		return 0;
	*kind = u->kind;
	return u->factor;
}

static char *list_units(enum key_kind kind)
{
	GString *s = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
		if (units[i].kind == kind)
			g_string_append_printf(s, "%s%s", s->len ? " " : "", units[i].name);
	return g_string_free(s, FALSE);
}

/* Why `unit`, which is not one of `kind`, is wrong behind `number`. */
static char *wrong_unit(enum key_kind kind, const char *number, const char *unit, const char *hint)
{
	const struct unit *u = unit_find(unit);
	const char *near = NULL, *names[G_N_ELEMENTS(units) + 1];
	size_t n = 0;

	if (kind == KEY_COUNT)
		return g_strdup_printf("\"%s%s\": a count has no unit; write %s", number, unit,
				       number);
	g_autofree char *all = list_units(kind);
	if (!*unit)
		return g_strdup_printf("%s has no unit; write %s%s (units: %s)", number, number,
				       hint && *hint ? hint : kinds[kind].unit, all);
	if (u)
		return g_strdup_printf("\"%s%s\" is %s; %s is wanted, such as %s", number, unit,
				       kinds[u->kind].name, kinds[kind].name, kinds[kind].example);
	for (size_t i = 0; i < G_N_ELEMENTS(habits); i++)
		if (strcmp(habits[i].wrong, unit) == 0 && unit_find(habits[i].right)->kind == kind)
			near = habits[i].right;
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
		if (units[i].kind == kind)
			names[n++] = units[i].name;
	names[n] = NULL;
	if (!near)
		near = nearest_name(unit, names);
	if (near)
		return g_strdup_printf("\"%s\" is no unit of %s; did you mean %s%s?", unit,
				       kinds[kind].name + 2, number, near);
	return g_strdup_printf("\"%s\" is no unit of %s; units: %s", unit, kinds[kind].name + 2,
			       all);
}

/* d * factor as a whole number. */
static bool scale(const struct decimal *d, uint64_t factor, enum key_kind kind, uint64_t *value,
		  char **why)
{
	u128 v = d->digits * factor;

	for (int e = d->exp10; e > 0 && v; e--) {
		if (v > UINT64_MAX)
			break;
		v *= 10;
	}
	for (int e = d->exp10; e < 0; e++) {
		if (v % 10) {
			*why = g_strdup_printf("finer than %s, the smallest step of %s",
					       kinds[kind].base, kinds[kind].name);
			return false;
		}
		v /= 10;
	}
	if (v > INT64_MAX) {
		*why = g_strdup("too large for any use");
		return false;
	}
	*value = (uint64_t)v;
	return true;
}

bool units_parse(enum key_kind kind, const char *text, const char *hint, uint64_t *value,
		 char **why)
{
	const char *p = text;
	struct decimal d;

	if (!units_decimal(&p, &d)) {
		*why = g_strdup_printf("\"%s\" is not %s; write one such as %s", text,
				       kinds[kind].name, kinds[kind].example);
		return false;
	}
	if (d.negative) {
		*why = g_strdup_printf("%s must not be negative", text);
		return false;
	}
	g_autofree char *number = g_strndup(text, (gsize)(p - text));
	p += strspn(p, " \t");
	const struct unit *u = unit_find(p);
	if (d.digits == 0 && !*p) {
		*value = 0;
		return true;
	}
	if (!u || u->kind != kind) {
		*why = wrong_unit(kind, number, p, hint);
		return false;
	}
	return scale(&d, u->factor, kind, value, why);
}

char *units_format(enum key_kind kind, uint64_t value)
{
	const struct unit *best = NULL;

	if (kind == KEY_PERCENT)
		return value % 10000 ? g_strdup_printf("%" PRIu64 ".%04u%%", value / 10000,
						       (unsigned)(value % 10000))
				     : g_strdup_printf("%" PRIu64 "%%", value / 10000);
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
		if (units[i].kind == kind && (!best || (value && value % units[i].factor == 0)))
			best = &units[i];
	if (!best)
		return g_strdup_printf("%" PRIu64, value);
	return g_strdup_printf("%" PRIu64 "%s", value / best->factor, best->name);
}
