/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot_keys.c - which of a study's keys is the x axis, which make lines and panels, and what these
 * are called; see plot_sweep.h.
 */
#include "plot_sweep_impl.h"

#include <string.h>

#include "nearest.h"
#include "sim_error.h"

const char *plot_value(const struct run *r, const char *key)
{
	const char *v = g_hash_table_lookup(r->keys, key);

	return v ? v : "";
}

bool plot_number(const char *text, double *number)
{
	char *end;

	*number = g_ascii_strtod(text, &end);
	return end != text && !*end;
}

/* ---- keys ---- */

static GPtrArray *values_of(const struct plot_data *s, const char *key)
{
	GPtrArray *values = g_ptr_array_new();

	for (guint i = 0; i < s->runs->len; i++) {
		const char *v = plot_value(s->runs->pdata[i], key);

		if (!g_ptr_array_find_with_equal_func(values, v, g_str_equal, NULL))
			g_ptr_array_add(values, (void *)v);
	}
	return values;
}

static bool is_numeric(const struct plot_data *s, const char *key)
{
	double number;

	for (guint i = 0; i < s->runs->len; i++)
		if (!plot_number(plot_value(s->runs->pdata[i], key), &number))
			return false;
	return true;
}

/* Does the value of `by` tell that of `key`? */
static bool determines(const struct plot_data *s, const char *by, const char *key)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < s->runs->len; i++) {
		const struct run *r = s->runs->pdata[i];
		const char *v = plot_value(r, key);
		const char *old = g_hash_table_lookup(seen, plot_value(r, by));

		if (old && strcmp(old, v) != 0)
			return false;
		g_hash_table_insert(seen, (void *)plot_value(r, by), (void *)v);
	}
	return true;
}

/* As [sweep] writes it, "bulk.size", or as the table does. */
static const char *find_key(const struct plot_data *s, const char *name)
{
	for (guint i = 0; i < s->keys->len; i++)
		if (strcmp(s->keys->pdata[i], name) == 0 ||
		    (i < s->key_names->len && strcmp(s->key_names->pdata[i], name) == 0))
			return s->keys->pdata[i];
	return NULL;
}

const char *plot_key_name(const struct plot_data *s, const char *key)
{
	guint i;

	return g_ptr_array_find_with_equal_func(s->keys, key, g_str_equal, &i) &&
			       i < s->key_names->len
		       ? s->key_names->pdata[i]
		       : key;
}

static const char *asked_key(const struct plot_data *s, const char *what, const char *name,
			     GError **error)
{
	const char *key = find_key(s, name);
	g_autofree const char **names = g_new0(const char *, s->keys->len + 1);

	if (key)
		return key;
	for (guint i = 0; i < s->keys->len; i++)
		names[i] = plot_key_name(s, s->keys->pdata[i]);
	g_autofree char *hint = nearest_hint(name, names);
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "[plot] %s: \"%s\" is not swept; %s", what,
		    name, hint);
	return NULL;
}

static bool asked_keys(const struct plot_data *s, const char *what, const char *list,
		       GPtrArray *keys, GError **error)
{
	g_auto(GStrv) names = g_strsplit(list, ",", -1);

	for (char **name = names; *name; name++) {
		const char *key;

		if (!*g_strstrip(*name) || strcmp(*name, "none") == 0)
			continue;
		key = asked_key(s, what, *name, error);
		if (!key)
			return false;
		g_ptr_array_add(keys, (void *)key);
	}
	return true;
}

static bool taken(const struct sweep_figure *f, const char *key)
{
	return (f->x && strcmp(f->x, key) == 0) || g_ptr_array_find(f->line_keys, key, NULL) ||
	       g_ptr_array_find(f->panel_keys, key, NULL);
}

/* Known from the keys that are shown? */
static bool told(const struct sweep_figure *f, const char *key)
{
	if (f->x && determines(f->s, f->x, key))
		return true;
	for (guint i = 0; i < f->line_keys->len; i++)
		if (determines(f->s, f->line_keys->pdata[i], key))
			return true;
	for (guint i = 0; i < f->panel_keys->len; i++)
		if (determines(f->s, f->panel_keys->pdata[i], key))
			return true;
	return false;
}

/* The key with the most values, numbers before words. */
static const char *choose_x(const struct sweep_figure *f)
{
	const char *best = NULL;
	guint most = 1;

	for (int words = 0; words < 2 && !best; words++) {
		for (guint i = 0; i < f->s->keys->len; i++) {
			const char *key = f->s->keys->pdata[i];
			g_autoptr(GPtrArray) values = values_of(f->s, key);

			if (taken(f, key) || (!words && !is_numeric(f->s, key)) ||
			    values->len <= most)
				continue;
			best = key;
			most = values->len;
		}
	}
	return best;
}

static const char *choose_line(const struct sweep_figure *f)
{
	const char *best = NULL;
	guint fewest = PLOT_LINES_MAX + 1;

	for (guint i = 0; i < f->s->keys->len; i++) {
		const char *key = f->s->keys->pdata[i];
		g_autoptr(GPtrArray) values = values_of(f->s, key);

		if (taken(f, key) || told(f, key) || values->len < 2)
			continue;
		if (g_str_has_suffix(key, "_policy") || g_str_has_suffix(key, "_system"))
			return key;
		if (values->len < fewest) {
			best = key;
			fewest = values->len;
		}
	}
	return best;
}

bool plot_choose_keys(struct sweep_figure *f, const struct plot_want *want, GError **error)
{
	const char *line;

	if (want->x && !(f->x = asked_key(f->s, "x", want->x, error)))
		return false;
	if ((want->lines && !asked_keys(f->s, "lines", want->lines, f->line_keys, error)) ||
	    (want->panels && !asked_keys(f->s, "panels", want->panels, f->panel_keys, error)))
		return false;
	if (!f->x)
		f->x = choose_x(f);
	if (!want->lines && (line = choose_line(f)))
		g_ptr_array_add(f->line_keys, (void *)line);
	for (guint i = 0; i < f->s->keys->len && !want->panels; i++) {
		const char *key = f->s->keys->pdata[i];

		if (!taken(f, key) && !told(f, key))
			g_ptr_array_add(f->panel_keys, (void *)key);
	}
	for (guint i = 0; i < f->s->keys->len; i++) {
		const char *key = f->s->keys->pdata[i];

		if (taken(f, key) || told(f, key))
			continue;
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
			    "[plot]: %s varies, too; name it in x, lines or panels, or choose its "
			    "points with `sweep --only`",
			    plot_key_name(f->s, key));
		return false;
	}
	f->x_words = f->x && !is_numeric(f->s, f->x);
	return true;
}

/* ---- names of lines and panels ---- */

/* The value as the scenario has it, "64KiB", if that is known. */
const char *plot_text(const struct plot_data *s, const struct run *r, const char *key)
{
	g_autofree char *at = g_strdup_printf("%u.%s", r->point, plot_key_name(s, key));
	const char *text = g_hash_table_lookup(s->texts, at);

	return text ? text : plot_value(r, key);
}

/* "cores" of "host.cores", unless two keys end so. */
static const char *short_name(const struct plot_data *s, const char *name)
{
	const char *dot = strrchr(name, '.');

	for (guint i = 0; dot && i < s->key_names->len; i++) {
		const char *other = s->key_names->pdata[i];
		const char *end = strrchr(other, '.');

		if (strcmp(other, name) != 0 && end && strcmp(end, dot) == 0)
			return name;
	}
	return dot ? dot + 1 : name;
}

char *plot_name(const struct sweep_figure *f, const struct run *r, const GPtrArray *keys)
{
	GString *name = g_string_new(NULL);

	for (guint i = 0; i < keys->len; i++) {
		const char *text = plot_text(f->s, r, keys->pdata[i]);
		const char *key = plot_key_name(f->s, keys->pdata[i]);
		double number;
		bool bare = g_ascii_isdigit(*text) || plot_number(text, &number) ||
			    keys == f->panel_keys;

		if (name->len)
			g_string_append(name, ", ");
		if (bare && !g_str_has_suffix(key, "policy"))
			g_string_append_printf(name, "%s ", short_name(f->s, key));
		g_string_append(name, text);
	}
	g_strdelimit(name->str, "\"\n\\", '_');
	return g_string_free(name, FALSE);
}
