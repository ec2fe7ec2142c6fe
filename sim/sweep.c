/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep.c - dimensions, their values, and the product; see sweep.h.
 *
 * A dimension is a line: its keys, and rows of as many values. A point's number is read as digits
 * in the mixed base of the dimensions' sizes, the last dimension being the lowest digit.
 */
#include "sweep.h"
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include "sim_error.h"
#include "units.h"

struct dimension {
	char **keys;
	size_t n_keys;
	GPtrArray *rows; /* char **, one value a key */
	const char *where;
	size_t first_key; /* number of its first key over all dimensions */
};

struct sweep {
	const struct scenario *sc;
	GArray *dims;    /* struct dimension */
	GPtrArray *keys; /* const char * over all dimensions */
	size_t points;
	unsigned repeats;
};

/* A line while it is read, for messages. */
struct reader {
	const struct scenario_line *line;
	GError **error;
};

static __attribute__((format(printf, 2, 3))) bool fail(const struct reader *rd, const char *format,
						       ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(rd->error, SIM_ERROR, SIM_EXIT_USAGE, "%s: [sweep] %s: %s", rd->line->where,
		    rd->line->key, text);
	return false;
}

static void row_free(void *row)
{
	g_strfreev(row);
}

static void dimension_clear(void *p)
{
	struct dimension *d = p;

	g_strfreev(d->keys);
	if (d->rows)
		g_ptr_array_unref(d->rows);
}

static char **split(const char *text, const char *by)
{
	char **parts = g_strsplit(text, by, -1);

	for (char **p = parts; *p; p++)
		g_strstrip(*p);
	return parts;
}

/* ---- values ---- */

static bool add_value(const struct reader *rd, GPtrArray *values, const struct key_decl *key,
		      const char *text)
{
	g_autofree char *why = NULL;
	uint64_t number;
	int word;

	if (!*text)
		return fail(rd, "a value is missing between commas");
	if (values->len >= SWEEP_POINTS_MAX)
		return fail(rd, "more than %d values", SWEEP_POINTS_MAX);
	if (!sweep_leaves(text) && !keys_parse(key, text, &number, &word, &why))
		return fail(rd, "%s", why);
	g_ptr_array_add(values, g_strdup(text));
	return true;
}

/* The step of a range as value -> value * mul / 10^shift + add. */
struct step {
	uint64_t add;
	unsigned __int128 mul;
	int shift;
};

static bool parse_step(const struct reader *rd, enum key_kind kind, const char *text,
		       struct step *step)
{
	g_autofree char *why = NULL;

	*step = (struct step){.mul = 1};
	if (*text == 'x') {
		const char *p = text + 1;
		struct decimal d;

		if (!units_decimal(&p, &d) || *p || d.negative || d.exp10 > 0 || d.exp10 < -6 ||
		    d.digits > 1000000000)
			return fail(rd, "\"step %s\" is no factor; write one such as x2", text);
		step->mul = d.digits;
		step->shift = -d.exp10;
		return true;
	}
	if (!units_parse(kind, text, NULL, &step->add, &why))
		return fail(rd, "step: %s", why);
	return true;
}

static unsigned __int128 advance(const struct step *step, uint64_t value)
{
	unsigned __int128 v = (unsigned __int128)value * step->mul;

	for (int i = 0; i < step->shift; i++)
		v /= 10;
	return v + step->add;
}

static bool add_range(const struct reader *rd, GPtrArray *values, const struct key_decl *key,
		      const char *text)
{
	enum key_kind kind = keys_quantity(key);
	const char *dots = strstr(text, ".."), *step_at = strstr(text, " step ");
	g_autofree char *lo_text = g_strstrip(g_strndup(text, (gsize)(dots - text)));
	g_autofree char *hi_text = g_strstrip(g_strndup(dots + 2, (gsize)(step_at - dots - 2)));
	g_autofree char *step_text = g_strstrip(g_strdup(step_at + 6));
	g_autofree char *why = NULL;
	uint64_t lo, hi;
	struct step step;

	if (kind == KEY_STRING)
		return fail(rd, "\"%s\": only a quantity has a range; write a list", text);
	if (!units_parse(kind, lo_text, NULL, &lo, &why) ||
	    !units_parse(kind, hi_text, NULL, &hi, &why))
		return fail(rd, "%s", why);
	if (lo > hi)
		return fail(rd, "\"%s\": a range goes upwards", text);
	if (!parse_step(rd, kind, step_text, &step))
		return false;
	for (unsigned __int128 v = lo; v <= hi;) {
		g_autofree char *value = units_format(kind, (uint64_t)v);
		unsigned __int128 next = advance(&step, (uint64_t)v);

		if (!add_value(rd, values, key, value))
			return false;
		if (next <= v)
			return fail(rd, "\"%s\": the step leads nowhere", text);
		v = next;
	}
	return true;
}

static bool add_item(const struct reader *rd, GPtrArray *values, const struct key_decl *key,
		     const char *text)
{
	const char *dots = strstr(text, ".."), *step = strstr(text, " step ");

	if (dots && step && dots < step)
		return add_range(rd, values, key, text);
	if (dots && keys_quantity(key) != KEY_STRING && key->kind != KEY_STRING)
		return fail(rd, "\"%s\" has no step; write %s step 1 or step x2, with a unit", text,
			    text);
	return add_value(rd, values, key, text);
}

/* ---- dimensions ---- */

static bool check_key(struct sweep *sw, const struct reader *rd, const char *key)
{
	g_autofree char *why = NULL;
	g_autofree const char **objects = NULL;

	if (!scenario_lookup(sw->sc, key, &objects, &why))
		return fail(rd, "%s", why);
	if (strcmp(key, "scenario.repeat") == 0 || strcmp(key, "scenario.extends") == 0)
		return fail(rd, "%s cannot be swept", key);
	if (!objects[0])
		return fail(rd, "there is no object of this kind, so nothing would vary");
	for (guint i = 0; i < sw->keys->len; i++)
		if (strcmp(sw->keys->pdata[i], key) == 0)
			return fail(rd, "%s is swept twice; put its values into one line", key);
	g_ptr_array_add(sw->keys, (void *)key);
	return true;
}

/* One key: every item of the list may be a range. */
static bool read_single(struct sweep *sw, const struct reader *rd, struct dimension *d)
{
	const struct key_decl *key = scenario_lookup(sw->sc, d->keys[0], NULL, NULL);
	g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) items = split(rd->line->value, ",");

	for (char **item = items; *item; item++)
		if (!add_item(rd, values, key, *item))
			return false;
	for (guint i = 0; i < values->len; i++) {
		char **row = g_new0(char *, 2);

		row[0] = g_strdup(values->pdata[i]);
		g_ptr_array_add(d->rows, row);
	}
	return true;
}

static bool read_linked(struct sweep *sw, const struct reader *rd, struct dimension *d)
{
	g_auto(GStrv) items = split(rd->line->value, ",");

	for (char **item = items; *item; item++) {
		g_auto(GStrv) row = split(*item, "&");
		g_autoptr(GPtrArray) checked = g_ptr_array_new_with_free_func(g_free);

		if (g_strv_length(row) != d->n_keys)
			return fail(rd, "\"%s\" has %u values for %zu keys; write x & y", *item,
				    g_strv_length(row), d->n_keys);
		for (size_t i = 0; i < d->n_keys; i++)
			if (!add_value(rd, checked, scenario_lookup(sw->sc, d->keys[i], NULL, NULL),
				       row[i]))
				return false;
		g_ptr_array_add(d->rows, g_steal_pointer(&row));
	}
	return true;
}

static bool add_dimension(struct sweep *sw, const struct reader *rd)
{
	struct dimension d = {.keys = split(rd->line->key, "&"), .where = rd->line->where};
	bool ok = true;

	d.n_keys = g_strv_length(d.keys);
	d.first_key = sw->keys->len;
	d.rows = g_ptr_array_new_with_free_func(row_free);
	for (size_t i = 0; i < d.n_keys && ok; i++)
		ok = check_key(sw, rd, d.keys[i]);
	if (ok)
		ok = d.n_keys > 1 ? read_linked(sw, rd, &d) : read_single(sw, rd, &d);
	if (ok && sw->points * d.rows->len > SWEEP_POINTS_MAX)
		ok = fail(rd, "more than %d points in all; take fewer values", SWEEP_POINTS_MAX);
	sw->points *= d.rows->len;
	g_array_append_val(sw->dims, d);
	return ok;
}

/* ---- the sweep ---- */

static bool build_all(const struct sweep *sw, GError **error)
{
	for (size_t i = 0; i < sw->points; i++) {
		g_autoptr(scenario_auto) sc = sweep_scenario(sw, i, 0, error);

		if (!sc) {
			g_autofree char *label = sweep_label(sw, i);
			g_prefix_error(error, "point %zu (%s): ", i + 1, label);
			return false;
		}
	}
	return true;
}

struct sweep *sweep_new(const struct scenario *sc, GError **error)
{
	g_autoptr(sweep_auto) sw = g_new0(struct sweep, 1);
	const struct cfg *run = scenario_find(sc, "scenario");
	const struct scenario_line *lines;
	size_t n = scenario_lines(sc, "sweep", &lines);

	sw->sc = sc;
	sw->dims = g_array_new(FALSE, TRUE, sizeof(struct dimension));
	g_array_set_clear_func(sw->dims, dimension_clear);
	sw->keys = g_ptr_array_new();
	sw->points = 1;
	sw->repeats = run ? (unsigned)cfg_u64(run, "repeat") : 1;
	for (size_t i = 0; i < n; i++) {
		struct reader rd = {&lines[i], error};

		if (!add_dimension(sw, &rd))
			return NULL;
	}
	if (n && !build_all(sw, error))
		return NULL;
	return g_steal_pointer(&sw);
}

void sweep_free(struct sweep *sw)
{
	if (!sw)
		return;
	g_array_unref(sw->dims);
	g_ptr_array_unref(sw->keys);
	g_free(sw);
}

size_t sweep_points(const struct sweep *sw)
{
	return sw->points;
}

unsigned sweep_repeats(const struct sweep *sw)
{
	return sw->repeats;
}

size_t sweep_keys(const struct sweep *sw)
{
	return sw->keys->len;
}

const char *sweep_key(const struct sweep *sw, size_t key)
{
	g_assert(key < sw->keys->len);
	return sw->keys->pdata[key];
}

static const struct dimension *dimension_of(const struct sweep *sw, size_t key, size_t *point)
{
	for (guint i = sw->dims->len; i-- > 0;) {
		const struct dimension *d = &g_array_index(sw->dims, struct dimension, i);

		if (key >= d->first_key) {
			*point %= d->rows->len;
			return d;
		}
		*point /= d->rows->len;
	}
	g_assert_not_reached();
}

const char *sweep_value(const struct sweep *sw, size_t point, size_t key)
{
	g_assert(point < sw->points && key < sw->keys->len);
	const struct dimension *d = dimension_of(sw, key, &point);
	return ((char **)d->rows->pdata[point])[key - d->first_key];
}

bool sweep_leaves(const char *value)
{
	return strcmp(value, "-") == 0;
}

char *sweep_label(const struct sweep *sw, size_t point)
{
	GString *s = g_string_new(NULL);

	for (size_t i = 0; i < sw->keys->len; i++)
		if (!sweep_leaves(sweep_value(sw, point, i)))
			g_string_append_printf(s, "%s%s=%s", s->len ? " " : "", sweep_key(sw, i),
					       sweep_value(sw, point, i));
	return g_string_free(s, FALSE);
}

/* splitmix64 over seed and repeat; 53 bits, so that every reader of JSON keeps all of them. */
uint64_t sweep_seed(uint64_t seed, unsigned repeat)
{
	uint64_t z = seed + repeat * UINT64_C(0x9e3779b97f4a7c15);

	if (!repeat)
		return seed;
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) >> 11;
}

/* One more set; the array owns the text. */
static void add_set(GArray *sets, char *text, const char *where)
{
	struct scenario_set s = {text, where};

	g_array_append_val(sets, s);
}

static void clear_set(void *set)
{
	g_free((char *)((struct scenario_set *)set)->text);
}

struct scenario *sweep_scenario(const struct sweep *sw, size_t point, unsigned repeat,
				GError **error)
{
	g_autoptr(GArray) sets = g_array_new(FALSE, FALSE, sizeof(struct scenario_set));

	g_array_set_clear_func(sets, clear_set);
	for (size_t i = 0; point != SWEEP_BASE && i < sw->keys->len; i++) {
		size_t digit = point;
		const struct dimension *d = dimension_of(sw, i, &digit);
		const char *value = sweep_value(sw, point, i);

		if (!sweep_leaves(value))
			add_set(sets, g_strdup_printf("%s=%s", sweep_key(sw, i), value), d->where);
	}
	if (repeat) {
		g_autoptr(scenario_auto) first = sweep_scenario(sw, point, 0, error);

		if (!first)
			return NULL;
		uint64_t seed = cfg_u64(scenario_find(first, "scenario"), "seed");
		add_set(sets, g_strdup_printf("scenario.seed=%" PRIu64, sweep_seed(seed, repeat)),
			"repeat");
	}
	return scenario_clone_at(sw->sc, (const void *)sets->data, sets->len, error);
}
