/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * result.c - exact values, decimals from integers, and JSON; see result.h.
 *
 * The metrics stay exact until they are printed. Everything else that the file holds is kept as
 * JSON from the start. The text is laid out here, not by jansson, so that a bin of a histogram
 * takes one line and not five; jansson prints the scalars.
 *
 * A decimal has at most 15 digits, which a double holds exactly, so the number read back is the
 * number written.
 */
#include "result.h"
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include "explain.h"
#include "outfile.h"
#include "sim_error.h"

typedef unsigned __int128 u128;

struct result {
	GPtrArray *values;  /* struct result_value, in order of insertion */
	GHashTable *lookup; /* full name -> struct result_value */
	GHashTable *objects;
	json_t *head, *point, *search, *inputs, *config, *expect, *histograms, *machine;
	struct explain *explain;
	bool partial;
};

static void value_free(void *p)
{
	struct result_value *v = p;

	g_free(v->object);
	g_free(v->dir);
	g_free(v->name);
	g_free(v->full);
	g_free(v->text);
	g_free(v);
}

struct result *result_new(void)
{
	struct result *r = g_new0(struct result, 1);

	r->values = g_ptr_array_new_with_free_func(value_free);
	r->lookup = g_hash_table_new(g_str_hash, g_str_equal);
	r->objects = g_hash_table_new(g_str_hash, g_str_equal);
	r->head = json_object();
	r->inputs = json_array();
	r->config = json_object();
	r->expect = json_array();
	r->histograms = json_object();
	r->machine = json_object();
	return r;
}

void result_free(struct result *r)
{
	if (!r)
		return;
	g_hash_table_unref(r->lookup);
	g_hash_table_unref(r->objects);
	g_ptr_array_unref(r->values);
	json_decref(r->head);
	json_decref(r->point);
	json_decref(r->search);
	json_decref(r->inputs);
	json_decref(r->config);
	json_decref(r->expect);
	json_decref(r->histograms);
	json_decref(r->machine);
	explain_free(r->explain);
	g_free(r);
}

/* ---- filling ---- */

static char *full_name(const char *obj, const char *dir, const char *name)
{
	return dir ? g_strdup_printf("%s.%s.%s", obj, dir, name)
		   : g_strdup_printf("%s.%s", obj, name);
}

/* The value of that name, new or emptied. */
static struct result_value *value_at(struct result *r, const char *obj, const char *dir,
				     const char *name)
{
	char *full = full_name(obj, dir, name);
	struct result_value *v = g_hash_table_lookup(r->lookup, full);

	if (v) {
		g_free(full);
		g_clear_pointer(&v->text, g_free);
		return v;
	}
	v = g_new0(struct result_value, 1);
	v->object = g_strdup(obj);
	v->dir = g_strdup(dir);
	v->name = g_strdup(name);
	v->full = full;
	g_ptr_array_add(r->values, v);
	g_hash_table_insert(r->lookup, v->full, v);
	g_hash_table_add(r->objects, v->object);
	return v;
}

static void set_ratio(struct result_value *v, u128 num, u128 den)
{
	v->type = den ? RESULT_RATIO : RESULT_NULL;
	v->num = num;
	v->den = den;
}

void result_u64(struct result *r, const char *obj, const char *dir, const char *name, uint64_t n)
{
	struct result_value *v = value_at(r, obj, dir, name);

	v->type = RESULT_INT;
	v->num = n;
	v->den = 1;
}

void result_ps(struct result *r, const char *obj, const char *dir, const char *name, sim_time ps)
{
	set_ratio(value_at(r, obj, dir, name), ps, 1000);
}

void result_ratio(struct result *r, const char *obj, const char *dir, const char *name,
		  uint64_t num, uint64_t den)
{
	set_ratio(value_at(r, obj, dir, name), num, den);
}

void result_mean_ps(struct result *r, const char *obj, const char *dir, const char *name,
		    u128 sum_ps, uint64_t n)
{
	set_ratio(value_at(r, obj, dir, name), sum_ps, (u128)n * 1000);
}

void result_per_second(struct result *r, const char *obj, const char *dir, const char *name,
		       uint64_t amount, sim_time over)
{
	struct result_value *v = value_at(r, obj, dir, name);

	if (!over) {
		set_ratio(v, 0, 0);
		return;
	}
	v->type = RESULT_INT;
	v->num = ((u128)amount * SIM_S + over / 2) / over;
	v->den = 1;
}

void result_str(struct result *r, const char *obj, const char *dir, const char *name,
		const char *text)
{
	struct result_value *v = value_at(r, obj, dir, name);

	v->type = RESULT_TEXT;
	v->text = g_strdup(text);
}

void result_null(struct result *r, const char *obj, const char *dir, const char *name)
{
	set_ratio(value_at(r, obj, dir, name), 0, 0);
}

void result_absent(struct result *r, const char *obj, const char *dir, const char *name,
		   const char *reason)
{
	struct result_value *v = value_at(r, obj, dir, name);

	v->type = RESULT_ABSENT;
	v->text = g_strdup(reason);
}

void result_set_partial(struct result *r)
{
	r->partial = true;
}

static json_t *integer(u128 n)
{
	return n <= INT64_MAX ? json_integer((json_int_t)n) : json_real((double)n);
}

/* Thousandths as a decimal. */
static json_t *decimal(u128 milli)
{
	if (milli % 1000 == 0 || milli >= RESULT_MILLI_MAX)
		return integer((milli + 500) / 1000);
	return json_real((double)(uint64_t)milli / 1000.0);
}

void result_hist(struct result *r, const char *obj, const char *dir, const char *name,
		 const char *unit, const struct result_bin *bins, size_t n, uint32_t scale)
{
	g_autofree char *full = full_name(obj, dir, name);
	json_t *list = json_array(), *h = json_object();
	uint64_t count = 0;

	for (size_t i = 0; i < n; i++) {
		json_t *bin = json_array();

		json_array_append_new(bin, decimal((u128)bins[i].lo * 1000 / scale));
		json_array_append_new(bin, decimal((u128)bins[i].hi * 1000 / scale));
		json_array_append_new(bin, integer(bins[i].count));
		json_array_append_new(list, bin);
		count += bins[i].count;
	}
	json_object_set_new(h, "unit", json_string(unit));
	json_object_set_new(h, "count", integer(count));
	json_object_set_new(h, "bins", list);
	json_object_set_new(r->histograms, full, h);
}

void result_input(struct result *r, const char *name, const char *sha256, uint64_t frames)
{
	json_array_append_new(r->inputs, json_pack("{s:s, s:s, s:o}", "name", name, "sha256",
						   sha256, "frames", integer(frames)));
}

void result_input_file(struct result *r, const char *name, const char *sha256)
{
	json_array_append_new(r->inputs, json_pack("{s:s, s:s}", "name", name, "sha256", sha256));
}

void result_machine_u64(struct result *r, const char *name, uint64_t v)
{
	json_object_set_new(r->machine, name, integer(v));
}

void result_machine_real(struct result *r, const char *name, double v)
{
	bool sane = v >= 0 && v < 1e12;

	json_object_set_new(r->machine, name, sane ? decimal((u128)(v * 1000 + 0.5)) : json_null());
}

/* ---- filled by the command line ---- */

static void add_config(void *arg, const char *name, const char *value)
{
	json_object_set_new(arg, name, json_string(value));
}

void result_describe(struct result *r, const char *program, const char *version,
		     const struct scenario *sc)
{
	g_autofree char *base = g_path_get_basename(scenario_path(sc));
	const struct cfg *run = scenario_find(sc, "scenario");

	json_object_set_new(r->head, "schema", json_integer(RESULT_SCHEMA));
	json_object_set_new(r->head, "program", json_string(program));
	json_object_set_new(r->head, "version", json_string(version));
	json_object_set_new(r->head, "scenario", json_string(base));
	json_object_set_new(r->head, "seed", integer(run ? cfg_u64(run, "seed") : 0));
	json_object_clear(r->config);
	scenario_each(sc, add_config, r->config);
}

void result_set_point(struct result *r, unsigned point, unsigned repeat, const char *const *keys,
		      const char *const *values, size_t n)
{
	json_t *sets = json_object();

	for (size_t i = 0; i < n; i++)
		json_object_set_new(sets, keys[i], json_string(values[i]));
	json_decref(r->point);
	r->point = json_pack("{s:I, s:I, s:o}", "number", (json_int_t)point, "repeat",
			     (json_int_t)repeat, "sets", sets);
}

void result_search(struct result *r, const char *key, const char *condition, const char *resolution,
		   const char *verdict, const char *const *tried, const bool *held, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("[s, b]", tried[i], (int)held[i]));
	json_decref(r->search);
	r->search = json_pack("{s:s, s:s, s:s, s:s, s:o}", "key", key, "condition", condition,
			      "resolution", resolution, "verdict", verdict, "tried", list);
}

void result_expect(struct result *r, const char *metric, const char *want, const char *got,
		   const char *verdict)
{
	json_array_append_new(r->expect, json_pack("{s:s, s:s, s:s, s:s}", "metric", metric, "want",
						   want, "got", got, "verdict", verdict));
}

void result_explain(struct result *r, struct explain *e)
{
	explain_free(r->explain);
	r->explain = e;
}

/* ---- reading ---- */

size_t result_count(const struct result *r)
{
	return r->values->len;
}

const struct result_value *result_at(const struct result *r, size_t i)
{
	return r->values->pdata[i];
}

const struct result_value *result_find(const struct result *r, const char *full)
{
	return g_hash_table_lookup(r->lookup, full);
}

bool result_has_object(const struct result *r, const char *object)
{
	return g_hash_table_contains(r->objects, object);
}

bool result_partial(const struct result *r)
{
	return r->partial;
}

const struct explain *result_explained(const struct result *r)
{
	return r->explain;
}

u128 result_milli(const struct result_value *v)
{
	u128 whole = v->num / v->den, rest = v->num % v->den;
	u128 milli = (rest * 1000 + v->den / 2) / v->den;

	if (rest && milli == 0)
		milli = 1;
	if (milli == 1000)
		milli = 999;
	return whole * 1000 + milli;
}

void result_format(const struct result_value *v, GString *out)
{
	u128 milli;

	switch (v->type) {
	case RESULT_TEXT:
		g_string_append(out, v->text);
		return;
	case RESULT_NULL:
		g_string_append(out, "null");
		return;
	case RESULT_ABSENT:
		g_string_append(out, "-");
		return;
	case RESULT_INT:
	case RESULT_RATIO:
		break;
	}
	milli = result_milli(v);
	if (milli >= RESULT_MILLI_MAX)
		milli = (milli + 500) / 1000 * 1000;
	g_string_append_printf(out, "%" PRIu64, (uint64_t)(milli / 1000));
	if (milli % 1000) {
		g_string_append_printf(out, ".%03u", (unsigned)(milli % 1000));
		while (out->str[out->len - 1] == '0')
			g_string_truncate(out, out->len - 1);
	}
}

/* ---- writing ---- */

static json_t *metrics_json(const struct result *r)
{
	json_t *metrics = json_object();

	for (guint i = 0; i < r->values->len; i++) {
		const struct result_value *v = r->values->pdata[i];
		json_t *j = NULL;

		if (v->type == RESULT_INT)
			j = integer(v->num);
		else if (v->type == RESULT_RATIO)
			j = decimal(result_milli(v));
		else if (v->type == RESULT_TEXT)
			j = json_string(v->text);
		else if (v->type == RESULT_NULL)
			j = json_null();
		if (j)
			json_object_set_new(metrics, v->full, j);
	}
	return metrics;
}

static void append_scalar(GString *out, const json_t *j)
{
	char *text = json_dumps(j, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

	g_string_append(out, text ? text : "null");
	free(text);
}

static void append_json(GString *out, const json_t *j, int indent);

static void append_object(GString *out, const json_t *j, int indent)
{
	const char *key, *comma = "";
	json_t *value;

	g_string_append_c(out, '{');
	json_object_foreach((json_t *)j, key, value)
	{
		json_t *name = json_string(key);

		g_string_append_printf(out, "%s\n%*s", comma, indent + 2, "");
		append_scalar(out, name);
		g_string_append(out, ": ");
		append_json(out, value, indent + 2);
		json_decref(name);
		comma = ",";
	}
	if (*comma)
		g_string_append_printf(out, "\n%*s", indent, "");
	g_string_append_c(out, '}');
}

/* A list of lists or objects takes a line for each; a list of scalars stays on its line. */
static void append_array(GString *out, const json_t *j, int indent)
{
	bool lines = json_is_array(json_array_get(j, 0)) || json_is_object(json_array_get(j, 0));
	json_t *value;
	size_t i;

	g_string_append_c(out, '[');
	json_array_foreach(j, i, value)
	{
		if (lines)
			g_string_append_printf(out, "%s\n%*s", i ? "," : "", indent + 2, "");
		else if (i)
			g_string_append(out, ", ");
		append_json(out, value, indent + 2);
	}
	if (lines)
		g_string_append_printf(out, "\n%*s", indent, "");
	g_string_append_c(out, ']');
}

static void append_json(GString *out, const json_t *j, int indent)
{
	if (json_is_object(j))
		append_object(out, j, indent);
	else if (json_is_array(j))
		append_array(out, j, indent);
	else
		append_scalar(out, j);
}

char *result_json(const struct result *r)
{
	json_t *top = json_copy(r->head);
	GString *out = g_string_new(NULL);

	if (r->point)
		json_object_set(top, "point", r->point);
	json_object_set_new(top, "partial", json_boolean(r->partial));
	json_object_set(top, "inputs", r->inputs);
	json_object_set(top, "config", r->config);
	json_object_set_new(top, "metrics", metrics_json(r));
	if (r->search)
		json_object_set(top, "search", r->search);
	json_object_set(top, "expect", r->expect);
	json_object_set(top, "histograms", r->histograms);
	if (r->explain)
		json_object_set_new(top, "explain", explain_json(r->explain));
	json_object_set(top, "machine", r->machine);
	append_json(out, top, 0);
	g_string_append_c(out, '\n');
	json_decref(top);
	return g_string_free(out, FALSE);
}

bool result_write(const struct result *r, const char *path, GError **error)
{
	g_autofree char *text = result_json(r);

	return outfile_write(path, text, strlen(text), error);
}
