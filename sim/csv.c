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

static void append_header(const struct csv_study *study, GString *out)
{
	g_string_append(out, "point,repeat,seed");
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

/* The fields that say which run it is; the same at each line of a run. */
static char *run_fields(const struct csv_study *study, const enum key_kind *kinds,
			const struct csv_row *row)
{
	GString *s = g_string_new(NULL);

	g_string_append_printf(s, "%u,%u,%" PRIu64, row->point, row->repeat, row->seed);
	for (size_t i = 0; i < study->n_keys; i++) {
		g_autofree char *why = NULL;
		uint64_t number;
		int word;

		g_string_append_c(s, ',');
		if (sweep_leaves(row->values[i]))
			continue;
		keys_parse(key_of(study, i), row->values[i], &number, &word, &why);
		if (kinds[i] == KEY_STRING)
			append_field(s, row->values[i]);
		else
			append_quantity(kinds[i], number, s);
	}
	return g_string_free(s, FALSE);
}

static enum key_kind *column_kinds(const struct csv_study *study)
{
	enum key_kind *kinds = g_new0(enum key_kind, study->n_keys + 1);

	for (size_t i = 0; i < study->n_keys; i++)
		kinds[i] = column_kind(study, i);
	return kinds;
}

static bool is_number(const struct result_value *v)
{
	return v->type == RESULT_INT || v->type == RESULT_RATIO;
}

void csv_tidy(const struct csv_study *study, GString *out)
{
	g_autofree enum key_kind *kinds = column_kinds(study);

	append_header(study, out);
	g_string_append(out, ",object,direction,metric,value,unit\n");
	for (size_t i = 0; i < study->n_rows; i++) {
		const struct result *r = study->rows[i].result;
		g_autofree char *run = run_fields(study, kinds, &study->rows[i]);

		for (size_t k = 0; k < result_count(r); k++) {
			const struct result_value *v = result_at(r, k);
			const struct metric_decl *m = metric_find(study->metrics, v->name);

			if (!is_number(v))
				continue;
			g_string_append_printf(out, "%s,%s,%s,%s,", run, v->object,
					       v->dir ? v->dir : "", v->name);
			result_format(v, out);
			g_string_append_printf(out, ",%s\n", m ? m->unit : "");
		}
	}
}

/* Numbers of all runs, in order of first appearance. */
static GPtrArray *all_metrics(const struct csv_study *study)
{
	GPtrArray *names = g_ptr_array_new();
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (size_t i = 0; i < study->n_rows; i++)
		for (size_t k = 0; k < result_count(study->rows[i].result); k++) {
			const struct result_value *v = result_at(study->rows[i].result, k);

			if (is_number(v) && g_hash_table_add(seen, v->full))
				g_ptr_array_add(names, v->full);
		}
	return names;
}

void csv_wide(const struct csv_study *study, GString *out)
{
	g_autofree enum key_kind *kinds = column_kinds(study);
	g_autoptr(GPtrArray) names = all_metrics(study);

	append_header(study, out);
	for (guint k = 0; k < names->len; k++)
		g_string_append_printf(out, ",%s", (char *)names->pdata[k]);
	g_string_append_c(out, '\n');
	for (size_t i = 0; i < study->n_rows; i++) {
		g_autofree char *run = run_fields(study, kinds, &study->rows[i]);

		g_string_append(out, run);
		for (guint k = 0; k < names->len; k++) {
			const struct result_value *v =
				result_find(study->rows[i].result, names->pdata[k]);

			g_string_append_c(out, ',');
			if (v && is_number(v))
				result_format(v, out);
		}
		g_string_append_c(out, '\n');
	}
}
