/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_preset.c - a preset from a file: measured costs, say, that a key names.
 *
 * Its groups have no names and mean all objects of their kind. Its values stand above the tables'
 * presets and below all that the scenario says; keys that are none of key_decl.preset_keys are
 * refused, so that such a file cannot change what is simulated, only what that costs.
 */
#include "scenario_impl.h"
#include <string.h>

static bool allowed(const char *patterns, const char *kind, const char *key)
{
	g_auto(GStrv) list = g_strsplit(patterns, "|", -1);
	g_autofree char *full = g_strdup_printf("%s.%s", kind, key);

	for (char **p = list; *p; p++)
		if (g_pattern_match_simple(*p, full))
			return true;
	return false;
}

static bool put_line(struct scenario *sc, const struct key_decl *preset, const struct ini_group *g,
		     const struct ini_line *l, GError **error)
{
	const struct group_decl *decl = keys_group(sc->groups, g->name);
	const struct key_decl *k = decl ? keys_find(decl, l->key) : NULL;
	g_autofree char *where = scenario_place(g->file, l->line);

	if (!k || !allowed(preset->preset_keys, g->name, l->key))
		return scenario_fail(error, where,
				     "[%s] %s: is no key of a preset file; these are: %s", g->name,
				     l->key, preset->preset_keys);
	return scenario_put_weak(sc, decl, k, l->value, where, error);
}

bool scenario_preset_file(struct scenario *sc, const struct key_decl *preset,
			  const struct slot *slot, const char *title, GError **error)
{
	struct ini *ini = ini_read(slot->path, error);
	bool ok = ini;

	if (!ini) {
		g_prefix_error(error, "%s: [%s] %s: ", slot->where, title, preset->name);
		return false;
	}
	for (guint i = 0; ok && i < ini->groups->len; i++) {
		const struct ini_group *g = ini->groups->pdata[i];

		for (guint k = 0; ok && k < g->lines->len; k++)
			ok = put_line(sc, preset, g, g->lines->pdata[k], error);
	}
	ini_unref(ini);
	return ok;
}
