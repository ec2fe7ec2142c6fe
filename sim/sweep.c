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
#include "where.h"

struct dimension {
	char **keys;
	size_t n_keys;
	GPtrArray *rows; /* char **, one value a key */
	const struct scenario_line *line;
	size_t first_key; /* number of its first key over all dimensions */
};

struct sweep {
	const struct scenario *sc;
	GArray *dims;    /* struct dimension */
	GPtrArray *keys; /* const char * over all dimensions */
	size_t product;  /* of the dimensions' sizes */
	size_t product_max;
	GArray *kept; /* size_t: numbers in the product of the points that `where` leaves */
	struct where *where;
	const struct scenario_line *where_line; /* NULL: none */
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
	if (*text == 'x' || g_str_has_suffix(text, "x")) {
		const char *p = *text == 'x' ? text + 1 : text;
		const char *end = *text == 'x' ? "" : "x";
		struct decimal d;

		if (!units_decimal(&p, &d) || strcmp(p, end) != 0 || d.negative || d.exp10 > 0 ||
		    d.exp10 < -6 || d.digits > 1000000000)
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
	/* A text may hold dots behind a word, as in uniform:60B..1514B. */
	if (dots && keys_quantity(key) != KEY_STRING &&
	    (key->kind != KEY_STRING || g_ascii_isdigit(*text)))
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

/* A value in one spelling for all that mean the same. */
static void append_plain(GString *out, const struct key_decl *key, const char *value)
{
	g_autofree char *why = NULL;
	uint64_t number;
	int word;

	if (!sweep_leaves(value) && keys_parse(key, value, &number, &word, &why) &&
	    number != UINT64_MAX)
		g_string_append_printf(out, "%" PRIu64 "&", number);
	else
		g_string_append_printf(out, "%s&", value);
}

/* The same point twice is a slip, and would count twice in every mean. */
static bool rows_differ(const struct sweep *sw, const struct reader *rd, const struct dimension *d)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < d->rows->len; i++) {
		char **row = d->rows->pdata[i];
		GString *plain = g_string_new(NULL);

		for (size_t k = 0; k < d->n_keys; k++)
			append_plain(plain, scenario_lookup(sw->sc, d->keys[k], NULL, NULL),
				     row[k]);
		if (g_hash_table_add(seen, g_string_free(plain, FALSE)))
			continue;
		g_autofree char *text = g_strjoinv(" & ", row);
		return fail(rd, "\"%s\" is there twice; remove one", text);
	}
	return true;
}

static bool add_dimension(struct sweep *sw, const struct reader *rd)
{
	struct dimension d = {.keys = split(rd->line->key, "&"), .line = rd->line};
	bool ok = true;

	d.n_keys = g_strv_length(d.keys);
	d.first_key = sw->keys->len;
	d.rows = g_ptr_array_new_with_free_func(row_free);
	if (!*rd->line->value)
		ok = fail(rd, "no value; write the values it takes, or leave the key out");
	for (size_t i = 0; i < d.n_keys && ok; i++)
		ok = check_key(sw, rd, d.keys[i]);
	if (ok)
		ok = d.n_keys > 1 ? read_linked(sw, rd, &d) : read_single(sw, rd, &d);
	if (ok)
		ok = rows_differ(sw, rd, &d);
	if (ok && sw->product * d.rows->len > sw->product_max)
		ok = fail(rd, "more than %zu points in all; take fewer values", sw->product_max);
	sw->product *= d.rows->len;
	g_array_append_val(sw->dims, d);
	return ok;
}

static bool is_where(const struct scenario_line *line)
{
	return strcmp(line->key, "where") == 0;
}

static bool add_where(struct sweep *sw, const struct reader *rd)
{
	g_autofree char *why = NULL;

	sw->where_line = rd->line;
	sw->where = where_parse(sw->sc, rd->line->value, &why);
	return sw->where || fail(rd, "%s", why);
}

/* Does this dimension set the key of the object at each of its rows? */
static bool always_sets(const struct sweep *sw, const struct dimension *d, const char *object,
			const struct key_decl *key)
{
	for (size_t i = 0; i < d->n_keys; i++) {
		g_autofree const char **objects = NULL;
		g_autofree char *why = NULL;
		bool sets = scenario_lookup(sw->sc, d->keys[i], &objects, &why) == key &&
			    g_strv_contains(objects, object);

		for (guint row = 0; sets && row < d->rows->len; row++)
			sets = !sweep_leaves(((char **)d->rows->pdata[row])[i]);
		if (sets)
			return true;
	}
	return false;
}

/* The later line that sets the key of all the objects again, so that this one has no effect. */
static const struct dimension *overridden(const struct sweep *sw, guint dim, const char *name)
{
	g_autofree const char **objects = NULL;
	g_autofree char *why = NULL;
	const struct key_decl *key = scenario_lookup(sw->sc, name, &objects, &why);
	const struct dimension *by = NULL;

	for (const char **o = objects; *o; o++) {
		by = NULL;
		for (guint i = dim + 1; !by && i < sw->dims->len; i++) {
			const struct dimension *d = &g_array_index(sw->dims, struct dimension, i);

			by = always_sets(sw, d, *o, key) ? d : NULL;
		}
		if (!by)
			return NULL;
	}
	return by;
}

static bool no_line_is_in_vain(const struct sweep *sw, GError **error)
{
	for (guint i = 0; i < sw->dims->len; i++) {
		const struct dimension *d = &g_array_index(sw->dims, struct dimension, i);

		for (size_t k = 0; k < d->n_keys; k++) {
			const struct dimension *by = overridden(sw, i, d->keys[k]);
			struct reader rd = {d->line, error};

			if (by)
				return fail(&rd,
					    "%s is set again by the line of %s (%s), so nothing "
					    "would vary; keep one of them",
					    d->keys[k], by->line->key, by->line->where);
		}
	}
	return true;
}

/* ---- the sweep ---- */

/* The scenario at a number of the product. */
static struct scenario *build_at(const struct sweep *sw, size_t at, GError **error);
static char *label_at(const struct sweep *sw, size_t at);

/* Builds every point, so that a mistake shows now, and keeps those that `where` leaves. */
static bool build_all(struct sweep *sw, GError **error)
{
	for (size_t i = 0; i < sw->product; i++) {
		g_autoptr(scenario_auto) sc = build_at(sw, i, error);

		if (!sc) {
			g_autofree char *label = label_at(sw, i);
			g_prefix_error(error, "point %zu (%s): ", i + 1, label);
			return false;
		}
		if (!sw->where || where_holds(sw->where, sc))
			g_array_append_val(sw->kept, i);
	}
	struct reader rd = {sw->where_line, error};
	if (!sw->kept->len)
		return fail(&rd, "is true of none of %zu points; loosen it, or sweep other values",
			    sw->product);
	return sw->kept->len <= SWEEP_POINTS_MAX ||
	       fail(&rd, "leaves %u points, more than %d; narrow it", sw->kept->len,
		    SWEEP_POINTS_MAX);
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
	sw->kept = g_array_new(FALSE, FALSE, sizeof(size_t));
	sw->product = 1;
	sw->product_max = SWEEP_POINTS_MAX;
	for (size_t i = 0; i < n; i++)
		if (is_where(&lines[i]))
			sw->product_max = SWEEP_PRODUCT_MAX;
	sw->repeats = run ? (unsigned)cfg_u64(run, "repeat") : 1;
	for (size_t i = 0; i < n; i++) {
		struct reader rd = {&lines[i], error};

		if (!(is_where(&lines[i]) ? add_where : add_dimension)(sw, &rd))
			return NULL;
	}
	if (sw->where && !sw->dims->len) {
		struct reader rd = {sw->where_line, error};

		fail(&rd, "there is nothing to choose from; add a line that sweeps a key");
		return NULL;
	}
	if (!no_line_is_in_vain(sw, error) || !build_all(sw, error))
		return NULL;
	return g_steal_pointer(&sw);
}

void sweep_free(struct sweep *sw)
{
	if (!sw)
		return;
	g_array_unref(sw->dims);
	g_ptr_array_unref(sw->keys);
	g_array_unref(sw->kept);
	where_free(sw->where);
	g_free(sw);
}

size_t sweep_points(const struct sweep *sw)
{
	return sw->kept->len;
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

bool sweep_sets_a_path(const struct sweep *sw)
{
	for (guint i = 0; i < sw->keys->len; i++) {
		g_autofree char *why = NULL;

		if (scenario_lookup(sw->sc, sw->keys->pdata[i], NULL, &why)->kind == KEY_PATH)
			return true;
	}
	return false;
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

bool sweep_linked(const struct sweep *sw, size_t key, size_t other)
{
	size_t at = 0, at_other = 0;

	return dimension_of(sw, key, &at) == dimension_of(sw, other, &at_other);
}

static const char *value_at(const struct sweep *sw, size_t at, size_t key)
{
	const struct dimension *d = dimension_of(sw, key, &at);

	return ((char **)d->rows->pdata[at])[key - d->first_key];
}

static size_t number_of(const struct sweep *sw, size_t point)
{
	g_assert(point < sw->kept->len);
	return g_array_index(sw->kept, size_t, point);
}

const char *sweep_value(const struct sweep *sw, size_t point, size_t key)
{
	g_assert(key < sw->keys->len);
	return value_at(sw, number_of(sw, point), key);
}

bool sweep_leaves(const char *value)
{
	return strcmp(value, "-") == 0;
}

static char *label_at(const struct sweep *sw, size_t at)
{
	GString *s = g_string_new(NULL);

	for (size_t i = 0; i < sw->keys->len; i++)
		if (!sweep_leaves(value_at(sw, at, i)))
			g_string_append_printf(s, "%s%s=%s", s->len ? " " : "", sweep_key(sw, i),
					       value_at(sw, at, i));
	return g_string_free(s, FALSE);
}

char *sweep_label(const struct sweep *sw, size_t point)
{
	return label_at(sw, number_of(sw, point));
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

/* What the point sets; `at` may be SWEEP_BASE. */
static GArray *sets_at(const struct sweep *sw, size_t at)
{
	GArray *sets = g_array_new(FALSE, FALSE, sizeof(struct scenario_set));

	g_array_set_clear_func(sets, clear_set);
	for (size_t i = 0; at != SWEEP_BASE && i < sw->keys->len; i++) {
		size_t digit = at;
		const struct dimension *d = dimension_of(sw, i, &digit);
		const char *value = value_at(sw, at, i);

		if (!sweep_leaves(value))
			add_set(sets, g_strdup_printf("%s=%s", sweep_key(sw, i), value),
				d->line->where);
	}
	return sets;
}

static struct scenario *build_at(const struct sweep *sw, size_t at, GError **error)
{
	g_autoptr(GArray) sets = sets_at(sw, at);

	return scenario_clone_at(sw->sc, (const void *)sets->data, sets->len, error);
}

struct scenario *sweep_scenario(const struct sweep *sw, size_t point, unsigned repeat,
				GError **error)
{
	size_t at = point == SWEEP_BASE ? SWEEP_BASE : number_of(sw, point);
	g_autoptr(scenario_auto) first = build_at(sw, at, error);

	if (!first || !repeat)
		return g_steal_pointer(&first);
	g_autoptr(GArray) sets = sets_at(sw, at);
	uint64_t seed = cfg_u64(scenario_find(first, "scenario"), "seed");
	add_set(sets, g_strdup_printf("scenario.seed=%" PRIu64, sweep_seed(seed, repeat)),
		"repeat");
	return scenario_clone_at(sw->sc, (const void *)sets->data, sets->len, error);
}
