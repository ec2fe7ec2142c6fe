/* SPDX-License-Identifier: GPL-2.0-or-later */
/* csv.c - tidy and wide tables; see csv.h. */
#include "csv.h"
#include <inttypes.h>
#include <string.h>
#include "sweep.h"
#include "units.h"

static void append_field(GString *out, const char *text)
{
	if (!strpbrk(text, ",\"\n\r")) {
		g_string_append(out, text);
		return;
	}
	g_string_append_c(out, '"');
	for (; *text; text++) {
		if (*text == '"')
			g_string_append_c(out, '"');
		g_string_append_c(out, *text);
	}
	g_string_append_c(out, '"');
}

static const struct key_decl *key_of(const struct csv_study *study, size_t key)
{
	g_autofree char *why = NULL;

	return scenario_lookup(study->sc, study->keys[key], NULL, &why);
}

/* The quantity of the column, if every value of it is a number with a unit. */
static enum key_kind column_kind(const struct csv_study *study, size_t key)
{
	const struct key_decl *k = key_of(study, key);
	enum key_kind kind = keys_quantity(k);
	uint64_t number;
	int word;

	for (size_t i = 0; i < study->n_rows; i++) {
		g_autofree char *why = NULL;

		if (sweep_leaves(study->rows[i].values[key]))
			continue;
		if (!keys_parse(k, study->rows[i].values[key], &number, &word, &why) ||
		    number == UINT64_MAX)
			return KEY_STRING;
	}
	return *units_column(kind) || kind == KEY_COUNT ? kind : KEY_STRING;
}

/* "vm1.rx_ring" -> "guest_vm1_rx_ring". */
static void append_column(const struct csv_study *study, size_t key, GString *out)
{
	g_auto(GStrv) parts = g_strsplit(study->keys[key], ".", 2);
	const struct cfg *c = scenario_find(study->sc, parts[0]);
	size_t from = out->len;

	if (c && strcmp(cfg_kind(c), cfg_name(c)) != 0)
		g_string_append_printf(out, "%s_", cfg_kind(c));
	g_string_append_printf(out, "%s_%s%s", parts[0], parts[1],
			       units_column(column_kind(study, key)));
	for (; from < out->len; from++)
		if (out->str[from] == '-' || out->str[from] == ' ')
			out->str[from] = '_';
}

static void append_header(const struct csv_study *study, const char *first, GString *out)
{
	g_string_append(out, first);
	for (size_t i = 0; i < study->n_keys; i++) {
		g_string_append_c(out, ',');
		append_column(study, i, out);
	}
}

static void append_quantity(enum key_kind kind, uint64_t number, GString *out)
{
	if (kind == KEY_TIME && number % 1000) {
		g_string_append_printf(out, "%" PRIu64 ".%03u", number / 1000,
				       (unsigned)(number % 1000));
		while (out->str[out->len - 1] == '0')
			g_string_truncate(out, out->len - 1);
		return;
	}
	g_string_append_printf(out, "%" PRIu64, kind == KEY_TIME ? number / 1000 : number);
}

static void append_values(const struct csv_study *study, const enum key_kind *kinds,
			  const char *const *values, GString *s)
{
	for (size_t i = 0; i < study->n_keys; i++) {
		g_autofree char *why = NULL;
		uint64_t number;
		int word;

		g_string_append_c(s, ',');
		if (sweep_leaves(values[i]))
			continue;
		keys_parse(key_of(study, i), values[i], &number, &word, &why);
		if (kinds[i] == KEY_STRING)
			append_field(s, values[i]);
		else
			append_quantity(kinds[i], number, s);
	}
}

/* The fields that say which run it is; the same at each line of a run. */
static char *run_fields(const struct csv_study *study, const enum key_kind *kinds,
			const struct summary_run *row)
{
	GString *s = g_string_new(NULL);

	g_string_append_printf(s, "%u,%u,%" PRIu64, row->point, row->repeat, row->seed);
	append_values(study, kinds, row->values, s);
	return g_string_free(s, FALSE);
}

static enum key_kind *column_kinds(const struct csv_study *study)
{
	enum key_kind *kinds = g_new0(enum key_kind, study->n_keys + 1);

	for (size_t i = 0; i < study->n_keys; i++)
		kinds[i] = column_kind(study, i);
	return kinds;
}

static void append_name(const struct record_name *name, GString *out)
{
	g_string_append(out, name->object);
	g_string_append_c(out, ',');
	if (name->dir)
		g_string_append(out, name->dir);
	g_string_append_c(out, ',');
	g_string_append(out, name->name);
	g_string_append_c(out, ',');
}

static void append_milli(GString *out, __int128 milli)
{
	struct result_value v = {.type = RESULT_RATIO, .den = 1000};

	v.num = milli < 0 ? -(unsigned __int128)milli : (unsigned __int128)milli;
	if (milli < 0)
		g_string_append_c(out, '-');
	result_format(&v, out);
}

static const char *unit_of(const struct record_name *name)
{
	return name->decl ? name->decl->unit : "";
}

void csv_tidy(const struct csv_study *study, GString *out)
{
	g_autofree enum key_kind *kinds = column_kinds(study);

	append_header(study, "point,repeat,seed", out);
	g_string_append(out, ",object,direction,metric,value,unit\n");
	for (size_t i = 0; i < study->n_rows; i++) {
		const struct record *rec = study->rows[i].record;
		g_autofree char *run = run_fields(study, kinds, &study->rows[i]);

		for (size_t k = 0; k < rec->n; k++) {
			const struct record_value *v = &rec->values[k];

			if (!record_is_number(v))
				continue;
			g_string_append(out, run);
			g_string_append_c(out, ',');
			append_name(v->name, out);
			append_milli(out, (__int128)v->milli);
			g_string_append_c(out, ',');
			g_string_append(out, unit_of(v->name));
			g_string_append_c(out, '\n');
		}
	}
}

/* Numbers of all runs, in order of first appearance: name -> column, from 1. */
static GPtrArray *all_metrics(const struct csv_study *study, GHashTable *columns)
{
	GPtrArray *names = g_ptr_array_new();

	for (size_t i = 0; i < study->n_rows; i++)
		for (size_t k = 0; k < study->rows[i].record->n; k++) {
			const struct record_value *v = &study->rows[i].record->values[k];

			if (!record_is_number(v) || g_hash_table_contains(columns, v->name))
				continue;
			g_ptr_array_add(names, (void *)v->name);
			g_hash_table_insert(columns, (void *)v->name, GUINT_TO_POINTER(names->len));
		}
	return names;
}

void csv_wide(const struct csv_study *study, GString *out)
{
	g_autofree enum key_kind *kinds = column_kinds(study);
	g_autoptr(GHashTable) columns = g_hash_table_new(NULL, NULL);
	g_autoptr(GPtrArray) names = all_metrics(study, columns);
	g_autofree const struct record_value **cells =
		g_new0(const struct record_value *, names->len + 1);

	append_header(study, "point,repeat,seed", out);
	for (guint k = 0; k < names->len; k++)
		g_string_append_printf(out, ",%s", ((struct record_name *)names->pdata[k])->full);
	g_string_append_c(out, '\n');
	for (size_t i = 0; i < study->n_rows; i++) {
		const struct record *rec = study->rows[i].record;
		g_autofree char *run = run_fields(study, kinds, &study->rows[i]);

		g_string_append(out, run);
		memset(cells, 0, sizeof(cells[0]) * (names->len + 1));
		for (size_t k = 0; k < rec->n; k++)
			if (record_is_number(&rec->values[k]))
				cells[GPOINTER_TO_UINT(g_hash_table_lookup(
					columns, rec->values[k].name))] = &rec->values[k];
		for (guint k = 1; k <= names->len; k++) {
			g_string_append_c(out, ',');
			if (cells[k])
				append_milli(out, (__int128)cells[k]->milli);
		}
		g_string_append_c(out, '\n');
	}
}

void csv_summary(const struct csv_study *study, const struct summary *sum, bool paired,
		 GString *out)
{
	g_autofree enum key_kind *kinds = column_kinds(study);

	append_header(study, paired ? "point,base" : "point", out);
	g_string_append(out, ",object,direction,metric,n,mean,half_width,low,high,unit\n");
	for (size_t i = 0; i < sum->n; i++) {
		const struct summary_point *p = &sum->points[i];
		g_autoptr(GString) head = g_string_new(NULL);

		g_string_append_printf(head, "%u", p->point);
		if (paired)
			g_string_append_printf(head, ",%u", p->base);
		append_values(study, kinds, p->values, head);
		for (size_t k = 0; k < p->n; k++) {
			const struct stats *s = &p->metrics[k].stats;
			__int128 mean = stats_mean(s), half = (__int128)s->half;

			g_string_append_printf(out, "%s,", head->str);
			append_name(p->metrics[k].name, out);
			g_string_append_printf(out, "%zu,", s->n);
			append_milli(out, mean);
			g_string_append_c(out, ',');
			if (s->n > 1) {
				append_milli(out, half);
				g_string_append_c(out, ',');
				append_milli(out, mean - half);
				g_string_append_c(out, ',');
				append_milli(out, mean + half);
			} else {
				g_string_append(out, ",,");
			}
			g_string_append_printf(out, ",%s\n", unit_of(p->metrics[k].name));
		}
	}
}
