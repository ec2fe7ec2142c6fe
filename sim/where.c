/* SPDX-License-Identifier: GPL-2.0-or-later */
/* where.c - comparisons of keys, joined by & and |; see where.h. */
#include "where.h"
#include <string.h>

enum op { OP_NE, OP_LE, OP_GE, OP_EQ, OP_LT, OP_GT };

/* Those of two characters first. */
static const char *const signs[] = {"!=", "<=", ">=", "=", "<", ">"};

struct comparison {
	char *key, *value;
	enum op op;
	bool starts; /* the first of a row of `&` */
};

struct where {
	GArray *all; /* struct comparison */
};

static void comparison_clear(void *p)
{
	struct comparison *c = p;

	g_free(c->key);
	g_free(c->value);
}

/* The sign that stands first in the text. */
static const char *find_sign(const char *text, enum op *op)
{
	const char *at = text + strcspn(text, "!<>=");

	for (size_t i = 0; i < G_N_ELEMENTS(signs); i++)
		if (g_str_has_prefix(at, signs[i])) {
			*op = (enum op)i;
			return at;
		}
	return NULL;
}

static bool parse_one(struct where *w, const struct scenario *sc, const char *text, bool starts,
		      char **why)
{
	struct comparison c = {.starts = starts};
	const char *sign = find_sign(text, &c.op);
	const struct key_decl *key;
	uint64_t number;
	int word;

	if (!sign) {
		*why = g_strdup_printf("\"%s\" is no comparison; write GROUP.KEY = VALUE, with one "
				       "of = != < <= > >=",
				       text);
		return false;
	}
	c.key = g_strchomp(g_strndup(text, (gsize)(sign - text)));
	c.value = g_strchug(g_strdup(sign + strlen(signs[c.op])));
	g_array_append_val(w->all, c);
	key = scenario_lookup(sc, c.key, NULL, why);
	if (!key || !keys_parse(key, c.value, &number, &word, why))
		return false;
	if (c.op == OP_EQ || c.op == OP_NE)
		return true;
	if (keys_quantity(key) != KEY_STRING && number != UINT64_MAX)
		return true;
	*why = g_strdup_printf("\"%s\": only quantities have an order; use = or !=", text);
	return false;
}

struct where *where_parse(const struct scenario *sc, const char *text, char **why)
{
	g_autoptr(where_auto) w = g_new0(struct where, 1);
	g_auto(GStrv) rows = g_strsplit(text, "|", -1);

	w->all = g_array_new(FALSE, FALSE, sizeof(struct comparison));
	g_array_set_clear_func(w->all, comparison_clear);
	for (char **row = rows; *row; row++) {
		g_auto(GStrv) parts = g_strsplit(*row, "&", -1);

		for (char **part = parts; *part; part++)
			if (!parse_one(w, sc, g_strstrip(*part), part == parts, why))
				return NULL;
	}
	if (w->all->len)
		return g_steal_pointer(&w);
	*why = g_strdup("nothing is compared; write GROUP.KEY = VALUE");
	return NULL;
}

void where_free(struct where *w)
{
	if (!w)
		return;
	g_array_unref(w->all);
	g_free(w);
}

/* Of one object: the same in words or number; `order` is what < = > are of, if both have one. */
static bool is_equal(const struct key_decl *key, const char *text, const char *value, int *order)
{
	g_autofree char *why = NULL;
	uint64_t a, b;
	int word;

	*order = 0;
	if (!text || !keys_parse(key, text, &a, &word, &why) ||
	    !keys_parse(key, value, &b, &word, &why) || a == UINT64_MAX || b == UINT64_MAX)
		return g_strcmp0(text, value) == 0;
	*order = a < b ? -1 : a > b;
	return a == b;
}

static bool is_true(const struct comparison *c, const struct scenario *point)
{
	g_autofree const char **objects = NULL;
	g_autofree char *why = NULL;
	const struct key_decl *key = scenario_lookup(point, c->key, &objects, &why);

	for (const char **o = objects; key && *o; o++) {
		int order;
		bool equal = is_equal(key, cfg_str(scenario_find(point, *o), key->name), c->value,
				      &order);
		const bool results[] = {!equal, equal || order < 0, equal || order > 0, equal,
					order<0, order> 0};

		if (!results[c->op])
			return false;
	}
	return key && objects[0];
}

bool where_holds(const struct where *w, const struct scenario *point)
{
	bool row = false;

	for (guint i = 0; i < w->all->len; i++) {
		const struct comparison *c = &g_array_index(w->all, struct comparison, i);

		if (c->starts && row)
			return true;
		row = (c->starts || row) && is_true(c, point);
	}
	return row;
}
