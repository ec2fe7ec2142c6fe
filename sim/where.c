/* SPDX-License-Identifier: GPL-2.0-or-later */
/* where.c - comparisons of keys, joined by &, | and brackets; see where.h. */
#include "where.h"
#include <string.h>

enum op { OP_NE, OP_LE, OP_GE, OP_EQ, OP_LT, OP_GT };

/* Those of two characters first. */
static const char *const signs[] = {"!=", "<=", ">=", "=", "<", ">"};

enum kind { IS, AND, OR };

struct where {
	enum kind kind;
	char *key, *value; /* IS */
	enum op op;
	struct where *a, *b; /* AND, OR */
};

enum { DEEP_MAX = 64 };

struct parser {
	const struct scenario *sc;
	const char *at;
	unsigned deep; /* brackets that are open */
	char **why;
};

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

static bool parse_sign(struct where *w, const struct parser *p, const char *text)
{
	const char *sign = find_sign(text, &w->op);
	const struct key_decl *key;
	uint64_t number;
	int word;

	if (!sign) {
		*p->why = g_strdup_printf("\"%s\" is no comparison; write GROUP.KEY = VALUE, with "
					  "one of = != < <= > >=",
					  text);
		return false;
	}
	w->key = g_strchomp(g_strndup(text, (gsize)(sign - text)));
	w->value = g_strchug(g_strdup(sign + strlen(signs[w->op])));
	key = scenario_lookup(p->sc, w->key, NULL, p->why);
	if (!key || !keys_parse(key, w->value, &number, &word, p->why))
		return false;
	if (w->op == OP_EQ || w->op == OP_NE)
		return true;
	if (keys_quantity(key) != KEY_STRING && number != UINT64_MAX)
		return true;
	*p->why = g_strdup_printf("\"%s\": only quantities have an order; use = or !=", text);
	return false;
}

/* Up to the next sign between comparisons; a value may have brackets in pairs. */
static char *take_comparison(struct parser *p)
{
	const char *from = p->at;
	unsigned own = 0;

	for (; *p->at && !strchr("&|", *p->at) && (*p->at != ')' || own); p->at++)
		own += *p->at == '(' ? 1u : *p->at == ')' ? -1u : 0;
	return g_strstrip(g_strndup(from, (gsize)(p->at - from)));
}

static struct where *parse(struct parser *p, enum kind kind);

static struct where *parse_bracket(struct parser *p)
{
	g_autoptr(where_auto) w = NULL;

	if (++p->deep > DEEP_MAX) {
		*p->why = g_strdup_printf("more than %d brackets in each other", DEEP_MAX);
		return NULL;
	}
	p->at++;
	w = parse(p, OR);
	if (!w)
		return NULL;
	if (*p->at != ')') {
		*p->why = g_strdup("a bracket is opened and not closed");
		return NULL;
	}
	p->at++;
	p->at += strspn(p->at, " \t");
	p->deep--;
	if (!*p->at || strchr("&|)", *p->at))
		return g_steal_pointer(&w);
	*p->why = g_strdup_printf("\"%s\" behind a bracket; write & or | between them", p->at);
	return NULL;
}

static struct where *parse_one(struct parser *p)
{
	g_autoptr(where_auto) w = NULL;

	p->at += strspn(p->at, " \t");
	if (*p->at == '(')
		return parse_bracket(p);
	g_autofree char *text = take_comparison(p);
	w = g_new0(struct where, 1);
	return parse_sign(w, p, text) ? g_steal_pointer(&w) : NULL;
}

/* A row of what binds more, joined by the sign of `kind`. */
static struct where *parse(struct parser *p, enum kind kind)
{
	g_autoptr(where_auto) w = kind == OR ? parse(p, AND) : parse_one(p);

	while (w && *p->at == (kind == OR ? '|' : '&')) {
		struct where *both = g_new0(struct where, 1);

		p->at++;
		both->kind = kind;
		both->a = w;
		w = both;
		both->b = kind == OR ? parse(p, AND) : parse_one(p);
		if (!both->b)
			return NULL;
	}
	return g_steal_pointer(&w);
}

struct where *where_parse(const struct scenario *sc, const char *text, char **why)
{
	struct parser p = {.sc = sc, .at = text, .why = why};
	g_autoptr(where_auto) w = parse(&p, OR);

	if (!w || !*p.at)
		return g_steal_pointer(&w);
	*why = g_strdup("a bracket is closed that none has opened");
	return NULL;
}

void where_free(struct where *w)
{
	if (!w)
		return;
	where_free(w->a);
	where_free(w->b);
	g_free(w->key);
	g_free(w->value);
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

static bool is_true(const struct where *c, const struct scenario *point)
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
	switch (w->kind) {
	case AND:
		return where_holds(w->a, point) && where_holds(w->b, point);
	case OR:
		return where_holds(w->a, point) || where_holds(w->b, point);
	default:
		return is_true(w, point);
	}
}
