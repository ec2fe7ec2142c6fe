/* SPDX-License-Identifier: GPL-2.0-or-later */
/* condition.c - at which points of a sweep something is said; see condition.h. */
#include "condition.h"
#include <string.h>

/* Between two equals signs stand a value and the next key. */
static GPtrArray *split(const char *text)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *copy = g_strdelimit(g_strdup(text), "&\t", ' ');
	g_auto(GStrv) sides = g_strsplit(copy, "=", -1);
	guint n = g_strv_length(sides);

	for (guint i = 0; i < n; i++) {
		char *blank = i > 0 && i + 1 < n ? strrchr(g_strstrip(sides[i]), ' ') : NULL;

		if (blank) {
			*blank = 0;
			g_ptr_array_add(list, g_strdup(g_strstrip(sides[i])));
			g_ptr_array_add(list, g_strdup(blank + 1));
		} else {
			g_ptr_array_add(list, g_strdup(g_strstrip(sides[i])));
		}
	}
	return list;
}

char **condition_parse(const struct scenario *sc, const char *text, char **why)
{
	g_autoptr(GPtrArray) list = split(text);

	if (list->len <= 1 && (!list->len || !*(char *)list->pdata[0]))
		return g_new0(char *, 1);
	if (list->len % 2) {
		*why = g_strdup("a condition is GROUP.KEY=VALUE, as in [expect guest.policy=copy]");
		return NULL;
	}
	for (guint i = 0; i < list->len; i += 2) {
		const struct key_decl *k = scenario_lookup(sc, list->pdata[i], NULL, why);
		uint64_t number;
		int word;

		if (!k || !keys_parse(k, list->pdata[i + 1], &number, &word, why))
			return NULL;
	}
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_steal(list, NULL);
}

static bool holds(const struct scenario *point, const char *key, const char *value)
{
	g_autofree const char **objects = NULL;
	g_autofree char *why = NULL;
	const struct key_decl *k = scenario_lookup(point, key, &objects, &why);
	uint64_t want, got;
	int word;

	for (const char **o = objects; k && *o; o++) {
		const char *text = cfg_str(scenario_find(point, *o), k->name);

		if (!text)
			return false;
		if (strcmp(text, value) == 0)
			continue;
		if (!keys_parse(k, text, &got, &word, &why) ||
		    !keys_parse(k, value, &want, &word, &why) || got != want || got == UINT64_MAX)
			return false;
	}
	return k && objects[0];
}

bool condition_holds(const struct scenario *point, char **conditions)
{
	for (; *conditions; conditions += 2)
		if (!holds(point, conditions[0], conditions[1]))
			return false;
	return true;
}
