/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_fill.c - the values of a scenario's objects.
 *
 * Values come in layers, and each writes over what the weaker ones said:
 *
 *	fill()            lines of [kind], then of [kind name]; then the sets, each its own layer
 *	fill_defaults()   beneath all of those, what the tables say
 *	apply_presets()   above the defaults, what choices bring along, or a file that one names
 *	exclude()         of two keys that exclude each other, the one in the weaker layer goes
 *	refer()           references to other objects
 *
 * A slot knows its layer, so a weaker value may come later. Nothing depends on the order of a hash
 * table.
 */
#include "scenario_impl.h"
#include <string.h>
#include "nearest.h"

/* ---- hints ---- */

static char *key_hint(const struct group_decl *g, const char *wrong)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (const struct key_decl *k = g->keys; k->name; k++)
		g_ptr_array_add(names, (void *)k->name);
	g_ptr_array_add(names, NULL);
	return nearest_hint(wrong, (const char *const *)names->pdata);
}

/* Names of all objects, or of the kinds in `kinds` ("guest|nic") and the literal words there. */
static char *name_hint(const struct scenario *sc, const char *kinds, const char *wrong)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_auto(GStrv) words = g_strsplit(kinds ? kinds : "", "|", -1);

	for (size_t i = 0; sc->groups[i].kind; i++) {
		const char *kind = sc->groups[i].kind;
		bool wanted = !kinds || g_strv_contains((const char *const *)words, kind);

		for (guint k = 0; wanted && k < sc->kinds[i]->len; k++)
			g_ptr_array_add(names, ((struct cfg *)sc->kinds[i]->pdata[k])->name);
		if (!kinds && sc->groups[i].named)
			g_ptr_array_add(names, (void *)kind);
	}
	for (char **w = words; *w; w++)
		if (**w && !keys_group(sc->groups, *w))
			g_ptr_array_add(names, *w);
	g_ptr_array_add(names, NULL);
	return nearest_hint(wrong, (const char *const *)names->pdata);
}

/* ---- fill ---- */

/* One saying of a value: to be judged once, then put into the slots of the objects it is about. */
struct saying {
	const struct key_decl *key;
	const char *label; /* "[guest vm1] policy", for messages */
	const char *value, *where, *folder;
	unsigned layer;
	uint64_t number;
	int word;
};

static bool judge(struct saying *s, GError **error)
{
	g_autofree char *why = NULL;

	if (keys_parse(s->key, s->value, &s->number, &s->word, &why))
		return true;
	return scenario_fail(error, s->where, "%s: %s", s->label, why);
}

static void put(struct cfg *c, const struct saying *s)
{
	struct slot *slot = &c->slots[s->key - c->group->keys];

	if (slot->layer > s->layer)
		return;
	scenario_slot_clear(slot);
	slot->text = g_strdup(s->value);
	slot->where = g_strdup(s->where);
	slot->folder = g_strdup(s->folder);
	slot->layer = s->layer;
	slot->number = s->number;
	slot->word = s->word;
}

static void put_all(struct scenario *sc, const struct group_decl *g, const struct saying *s)
{
	const GPtrArray *objects = sc->kinds[g - sc->groups];

	for (guint i = 0; i < objects->len; i++)
		put(objects->pdata[i], s);
}

static bool fill_line(struct scenario *sc, const struct ini_group *g, const struct ini_line *l,
		      const struct group_decl *decl, char **names, GError **error)
{
	g_autofree char *where = scenario_place(g->file, l->line);
	g_autofree char *label = g_strdup_printf("[%s] %s", g->name, l->key);
	g_autofree char *folder = g_path_get_dirname(g->file);
	struct saying s = {.key = keys_find(decl, l->key),
			   .label = label,
			   .value = l->value,
			   .where = where,
			   .folder = folder,
			   .layer = names ? LAYER_NAMED : LAYER_KIND};

	if (!s.key) {
		g_autofree char *hint = key_hint(decl, l->key);
		return scenario_fail(error, where, "%s: no such key; %s", label, hint);
	}
	if (!judge(&s, error))
		return false;
	if (!names)
		put_all(sc, decl, &s);
	for (char **n = names; n && *n; n++)
		put(g_hash_table_lookup(sc->names, *n), &s);
	return true;
}

static const char *keep(struct scenario *sc, char *string)
{
	g_ptr_array_add(sc->strings, string);
	return string;
}

/* A line of [sweep] or [expect], in place of one with the same key. */
static void add_line(struct scenario *sc, const char *group, const char *key, const char *value,
		     char *where)
{
	GArray *lines = strcmp(group, "sweep") == 0 ? sc->sweep : sc->expect;
	struct scenario_line line = {keep(sc, g_strdup(group)), keep(sc, g_strdup(key)),
				     keep(sc, g_strdup(value)), keep(sc, where)};

	for (guint i = 0; i < lines->len; i++) {
		struct scenario_line *old = &g_array_index(lines, struct scenario_line, i);

		if (strcmp(old->group, group) == 0 && strcmp(old->key, key) == 0) {
			*old = line;
			return;
		}
	}
	g_array_append_val(lines, line);
}

static bool fill_group(struct scenario *sc, const struct ini_group *g, GError **error)
{
	g_auto(GStrv) names = NULL;
	bool judgement = scenario_is_judgement(g->name);
	size_t kind;

	if (!judgement && !scenario_open_group(sc, g, &kind, &names, error))
		return false;
	for (guint i = 0; i < g->lines->len; i++) {
		const struct ini_line *l = g->lines->pdata[i];

		if (judgement)
			add_line(sc, g->name, l->key, l->value, scenario_place(g->file, l->line));
		else if (!fill_line(sc, g, l, &sc->groups[kind], names, error))
			return false;
	}
	return true;
}

/* The kind and, unless all of it are meant, the object of the GROUP in GROUP.KEY. */
static const struct group_decl *find_group(const struct scenario *sc, const char *group,
					   struct cfg **object, char **why)
{
	const char *blank = strrchr(group, ' ');
	const struct group_decl *decl = keys_group(sc->groups, group);
	struct cfg *c = g_hash_table_lookup(sc->names, blank ? blank + 1 : group);

	*object = NULL;
	if (decl)
		return decl;
	if (c && (!blank || strcmp(group, c->title) == 0)) {
		*object = c;
		return c->group;
	}
	g_autofree char *hint = name_hint(sc, NULL, blank ? blank + 1 : group);
	*why = g_strdup_printf("nothing is called \"%s\"; %s", group, hint);
	return NULL;
}

const struct key_decl *scenario_find_key(const struct scenario *sc, const char *group,
					 const char *key, const struct group_decl **decl,
					 struct cfg **object, char **why)
{
	const struct key_decl *k;

	*decl = find_group(sc, group, object, why);
	if (!*decl)
		return NULL;
	k = keys_find(*decl, key);
	if (!k) {
		g_autofree char *hint = key_hint(*decl, key);
		*why = g_strdup_printf("[%s] has no key \"%s\"; %s", (*decl)->kind, key, hint);
	}
	return k;
}

static bool fill_set(struct scenario *sc, const struct set *set, GError **error)
{
	g_autofree char *label = g_strdup_printf("%s.%s", set->group, set->key), *why = NULL;
	struct saying s = {.label = label,
			   .value = set->value,
			   .where = set->where,
			   .folder = set->folder,
			   .layer = set->layer};
	const struct group_decl *decl;
	struct cfg *object;

	if (scenario_is_judgement(set->group)) {
		add_line(sc, set->group, set->key, set->value, g_strdup(set->where));
		return true;
	}
	s.key = scenario_find_key(sc, set->group, set->key, &decl, &object, &why);
	if (!s.key)
		return scenario_fail(error, set->where, "%s: %s", label, why);
	if (strcmp(decl->kind, "scenario") == 0 && strcmp(s.key->name, "extends") == 0)
		return scenario_fail(error, set->where,
				     "%s: only a scenario file can extend another", label);
	if (!judge(&s, error))
		return false;
	if (object)
		put(object, &s);
	else
		put_all(sc, decl, &s);
	return true;
}

static bool fill(struct scenario *sc, GError **error)
{
	for (guint i = 0; i < sc->ini->groups->len; i++)
		if (!fill_group(sc, sc->ini->groups->pdata[i], error))
			return false;
	for (guint i = 0; i < sc->sets->len; i++)
		if (!fill_set(sc, sc->sets->pdata[i], error))
			return false;
	return true;
}

/* ---- defaults and presets ---- */

static void fill_defaults(struct cfg *c)
{
	for (size_t i = 0; i < c->keys; i++) {
		const struct key_decl *k = &c->group->keys[i];
		struct saying s = {
			.key = k, .value = k->def, .where = "default", .layer = LAYER_DEFAULT};
		g_autofree char *why = NULL;

		if (!k->def || c->slots[i].layer >= LAYER_DEFAULT)
			continue;
		if (!keys_parse(k, k->def, &s.number, &s.word, &why))
			g_error("table of [%s]: default of %s: %s", c->group->kind, k->name, why);
		put(c, &s);
	}
}

static void put_preset(struct scenario *sc, struct cfg *c, const char *where, const char *set)
{
	g_auto(GStrv) sides = g_strsplit(set, "=", 2);
	g_auto(GStrv) left = g_strsplit(sides[0], ".", 2);
	const struct group_decl *decl = keys_group(sc->groups, left[0]);
	struct saying s = {.key = decl ? keys_find(decl, left[1]) : NULL,
			   .value = sides[1],
			   .where = where,
			   .layer = LAYER_PRESET};
	g_autofree char *why = NULL;

	if (!s.key || !keys_parse(s.key, s.value, &s.number, &s.word, &why))
		g_error("preset \"%s\": %s", set, why ? why : "no such key");
	if (decl == c->group)
		put(c, &s);
	else
		put_all(sc, decl, &s);
}

bool scenario_put_weak(struct scenario *sc, const struct group_decl *decl,
		       const struct key_decl *key, const char *value, const char *where,
		       GError **error)
{
	g_autofree char *label = g_strdup_printf("[%s] %s", decl->kind, key->name);
	struct saying s = {
		.key = key, .label = label, .value = value, .where = where, .layer = LAYER_FILE};

	if (!judge(&s, error))
		return false;
	put_all(sc, decl, &s);
	return true;
}

/* Where a file is that the value names. */
static char *path_of(const struct slot *s)
{
	return g_path_is_absolute(s->text) || !s->folder || strcmp(s->folder, ".") == 0
		       ? g_strdup(s->text)
		       : g_build_filename(s->folder, s->text, NULL);
}

static void apply_choice(struct scenario *sc, struct cfg *c, size_t i)
{
	const char *choice = c->slots[i].text;
	const struct key_preset *p = c->group->keys[i].presets;
	g_autofree char *where = NULL;

	for (; p && p->choice && choice; p++) {
		if (strcmp(p->choice, choice) != 0)
			continue;
		where = g_strdup_printf("%s.%s = %s", c->name, c->group->keys[i].name, choice);
		for (const char *const *set = p->sets; *set; set++)
			put_preset(sc, c, where, *set);
		break;
	}
}

static bool apply_presets(struct scenario *sc, struct cfg *c, GError **error)
{
	for (const char *const *set = c->group->brings; set && *set; set++)
		put_preset(sc, c, c->title, *set);
	for (size_t i = 0; i < c->keys; i++) {
		struct slot *s = &c->slots[i];

		if (!s->text || !keys_is_preset_file(&c->group->keys[i], s->text)) {
			apply_choice(sc, c, i);
			continue;
		}
		s->path = path_of(s);
		if (!scenario_preset_file(sc, &c->group->keys[i], s, c->title, error))
			return false;
	}
	return true;
}

/* ---- exclude ---- */

static bool exclude_pair(struct cfg *c, size_t i, size_t k, GError **error)
{
	struct slot *a = &c->slots[i], *b = &c->slots[k];

	if (a->layer == LAYER_NONE || b->layer == LAYER_NONE)
		return true;
	if (a->layer == b->layer && a->layer <= LAYER_FILE)
		return true;
	if (a->layer == b->layer)
		return cfg_error(c, c->group->keys[k].name, error,
				 "cannot be together with %s (%s); keep one of them",
				 c->group->keys[i].name, a->where);
	scenario_slot_clear(a->layer < b->layer ? a : b);
	return true;
}

static bool exclude(struct cfg *c, GError **error)
{
	for (size_t i = 0; i < c->keys; i++) {
		const char *excludes = c->group->keys[i].excludes;
		g_auto(GStrv) others = g_strsplit(excludes ? excludes : "", "|", -1);

		for (char **o = others; *o; o++) {
			const struct key_decl *k = keys_find(c->group, *o);

			if (!k)
				g_error("table of [%s]: %s excludes %s, which is not there",
					c->group->kind, c->group->keys[i].name, *o);
			if (!exclude_pair(c, i, (size_t)(k - c->group->keys), error))
				return false;
		}
	}
	return true;
}

/* ---- refer ---- */

/* Is `name` an object of one of the kinds in `choices`, or a literal word there? */
static bool find_ref(const struct scenario *sc, const char *choices, const char *name,
		     const struct cfg **object)
{
	g_auto(GStrv) words = g_strsplit(choices ? choices : "", "|", -1);
	const struct cfg *c = g_hash_table_lookup(sc->names, name);

	*object = NULL;
	if (c && g_strv_contains((const char *const *)words, c->group->kind)) {
		*object = c;
		return true;
	}
	return g_strv_contains((const char *const *)words, name) && !keys_group(sc->groups, name);
}

static bool refuse_ref(const struct scenario *sc, const struct cfg *c, const struct key_decl *k,
		       const char *name, GError **error)
{
	g_autofree char *hint = name_hint(sc, k->choices, name);

	return cfg_error(c, k->name, error, "no %s is called \"%s\"; %s", k->choices, name, hint);
}

static bool refer_list(struct scenario *sc, struct cfg *c, const struct key_decl *k, struct slot *s,
		       GError **error)
{
	g_auto(GStrv) parts = g_strsplit(s->text, ",", -1);
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
	const struct cfg *object;

	for (char **p = parts; *p; p++) {
		g_autofree char *why = NULL;
		g_auto(GStrv) names = scenario_expand(g_strstrip(*p), &why);

		if (!names)
			return cfg_error(c, k->name, error, "%s", why);
		for (char **n = names; *n; n++) {
			if (!find_ref(sc, k->choices, *n, &object))
				return refuse_ref(sc, c, k, *n, error);
			g_ptr_array_add(all, g_strdup(*n));
		}
	}
	g_ptr_array_add(all, NULL);
	s->list = (char **)g_ptr_array_steal(all, NULL);
	return true;
}

static bool refer(struct scenario *sc, struct cfg *c, GError **error)
{
	for (size_t i = 0; i < c->keys; i++) {
		const struct key_decl *k = &c->group->keys[i];
		struct slot *s = &c->slots[i];

		if (!s->text)
			continue;
		if (k->kind == KEY_PATH)
			s->path = path_of(s);
		if (k->kind == KEY_REF && !find_ref(sc, k->choices, s->text, &s->ref))
			return refuse_ref(sc, c, k, s->text, error);
		if (k->kind == KEY_REFS && !refer_list(sc, c, k, s, error))
			return false;
	}
	return true;
}

/* ---- all of it ---- */

bool scenario_fill(struct scenario *sc, GError **error)
{
	if (!fill(sc, error))
		return false;
	/* Kind by kind, so that a preset may choose one of a later kind. */
	for (size_t i = 0; sc->groups[i].kind; i++)
		for (guint k = 0; k < sc->kinds[i]->len; k++) {
			fill_defaults(sc->kinds[i]->pdata[k]);
			if (!apply_presets(sc, sc->kinds[i]->pdata[k], error))
				return false;
		}
	for (size_t i = 0; sc->groups[i].kind; i++)
		for (guint k = 0; k < sc->kinds[i]->len; k++) {
			struct cfg *c = sc->kinds[i]->pdata[k];

			if (!exclude(c, error) || !refer(sc, c, error))
				return false;
		}
	return true;
}
