/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record.c - metrics of a run with shared names, from a result or its file; see record.h. */
#include "record.h"
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include "sim_error.h"

struct record_names {
	const struct metric_table *metrics;
	const struct scenario *sc;
	GMutex lock;
	GHashTable *names; /* full -> struct record_name */
	GHashTable *texts; /* values that are texts */
};

static void name_free(void *p)
{
	struct record_name *name = p;

	g_free(name->full);
	g_free((char *)name->object);
	g_free((char *)name->dir);
	g_free((char *)name->name);
	g_free(name);
}

struct record_names *record_names_new(const struct metric_table *metrics, const struct scenario *sc)
{
	struct record_names *names = g_new0(struct record_names, 1);

	names->metrics = metrics;
	names->sc = sc;
	g_mutex_init(&names->lock);
	names->names = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, name_free);
	names->texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return names;
}

void record_names_free(struct record_names *names)
{
	if (!names)
		return;
	g_hash_table_unref(names->names);
	g_hash_table_unref(names->texts);
	g_mutex_clear(&names->lock);
	g_free(names);
}

/* ---- under the lock ---- */

static const struct record_name *add_name(struct record_names *names, const char *full,
					  const char *object, const char *dir, const char *name)
{
	struct record_name *n = g_new0(struct record_name, 1);

	n->full = g_strdup(full);
	n->object = g_strdup(object);
	n->dir = g_strdup(dir);
	n->name = g_strdup(name);
	n->decl = metric_find(names->metrics, name);
	g_hash_table_insert(names->names, n->full, n);
	return n;
}

/* Of a name that a file has and that no result has had yet. */
static const struct record_name *name_of(struct record_names *names, const char *full)
{
	const struct record_name *known = g_hash_table_lookup(names->names, full);

	if (known)
		return known;
	g_autofree char *object = NULL, *dir = NULL;
	const char *rest = metric_split(names->metrics, names->sc, full, &object, &dir);
	return add_name(names, full, object, dir, rest);
}

static const char *text_of(struct record_names *names, const char *text)
{
	const char *known = g_hash_table_lookup(names->texts, text);

	if (known)
		return known;
	char *copy = g_strdup(text);
	g_hash_table_add(names->texts, copy);
	return copy;
}

/* ---- from a result ---- */

/* As result_format() prints it: large numbers have no decimals. */
static unsigned __int128 printed(unsigned __int128 milli)
{
	return milli < RESULT_MILLI_MAX ? milli : (milli + 500) / 1000 * 1000;
}

struct record *record_of(struct record_names *names, const struct result *r)
{
	struct record *rec = g_new0(struct record, 1);

	rec->values = g_new0(struct record_value, result_count(r) + 1);
	g_mutex_lock(&names->lock);
	for (size_t i = 0; i < result_count(r); i++) {
		const struct result_value *v = result_at(r, i);
		struct record_value *to = &rec->values[rec->n];

		if (v->type == RESULT_ABSENT)
			continue;
		rec->n++;
		to->type = v->type;
		to->name = g_hash_table_lookup(names->names, v->full);
		if (!to->name)
			to->name = add_name(names, v->full, v->object, v->dir, v->name);
		if (v->type == RESULT_TEXT)
			to->text = text_of(names, v->text);
		else if (v->type != RESULT_NULL)
			to->milli = printed(result_milli(v));
	}
	g_mutex_unlock(&names->lock);
	return rec;
}

void record_free(struct record *rec)
{
	if (!rec)
		return;
	g_free(rec->values);
	g_free(rec);
}

/* ---- from a file ---- */

static bool fail(GError **error, const char *path, const char *why)
{
	g_set_error(error, SIM_ERROR, SIM_EXIT_INPUT, "%s: %s", path, why);
	return false;
}

static bool read_value(struct record_names *names, struct record_value *to, const json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_INTEGER:
		to->type = RESULT_INT;
		to->milli = (unsigned __int128)json_integer_value(j) * 1000;
		return json_integer_value(j) >= 0;
	case JSON_REAL:
		to->type = RESULT_RATIO;
		to->milli = json_real_value(j) < 1e15
				    ? (unsigned __int128)(json_real_value(j) * 1000 + 0.5)
				    : (unsigned __int128)json_real_value(j) * 1000;
		return json_real_value(j) >= 0;
	case JSON_STRING:
		to->type = RESULT_TEXT;
		to->text = text_of(names, json_string_value(j));
		return true;
	case JSON_NULL:
		to->type = RESULT_NULL;
		return true;
	default:
		return false;
	}
}

static bool read_metrics(struct record_names *names, struct record *rec, json_t *metrics)
{
	const char *full;
	json_t *value;
	bool ok = true;

	rec->values = g_new0(struct record_value, json_object_size(metrics) + 1);
	g_mutex_lock(&names->lock);
	json_object_foreach(metrics, full, value)
	{
		struct record_value *to = &rec->values[rec->n++];

		to->name = name_of(names, full);
		ok = ok && read_value(names, to, value);
	}
	g_mutex_unlock(&names->lock);
	return ok;
}

struct record *record_read(struct record_names *names, const char *path, json_t **file,
			   GError **error)
{
	json_error_t why;
	json_t *top = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	json_t *metrics = json_object_get(top, "metrics");
	struct record *rec = NULL;

	if (!top) {
		fail(error, path, why.text);
		return NULL;
	}
	if (!json_is_object(metrics)) {
		fail(error, path, "is no result; remove it and run its point again");
	} else if (json_integer_value(json_object_get(top, "schema")) != RESULT_SCHEMA) {
		fail(error, path,
		     "is a result of another schema; remove it and run its point again");
	} else {
		rec = g_new0(struct record, 1);
		if (!read_metrics(names, rec, metrics)) {
			fail(error, path, "has a metric that is neither number, text nor null");
			g_clear_pointer(&rec, record_free);
		}
	}
	if (rec && file)
		*file = top;
	else
		json_decref(top);
	return rec;
}

/* ---- reading ---- */

const struct record_value *record_find(const struct record *rec, const char *full)
{
	for (size_t i = 0; i < rec->n; i++)
		if (strcmp(rec->values[i].name->full, full) == 0)
			return &rec->values[i];
	return NULL;
}

bool record_is_number(const struct record_value *v)
{
	return v->type == RESULT_INT || v->type == RESULT_RATIO;
}

struct result_value record_as_result(const struct record_value *v)
{
	struct result_value r = {.object = (char *)v->name->object,
				 .dir = (char *)v->name->dir,
				 .name = (char *)v->name->name,
				 .full = v->name->full,
				 .type = v->type,
				 .den = 1000};

	if (v->type == RESULT_TEXT)
		r.text = (char *)v->text;
	else if (v->type != RESULT_NULL)
		r.num = v->milli;
	return r;
}
