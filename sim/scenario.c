/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario.c - from groups of lines to checked objects; see scenario.h.
 *
 * A scenario keeps the text it was made from (struct ini, shared) and the list of its sets, so a
 * point of a sweep is built again from the start with more sets. Building goes through the layers,
 * weakest first, and each writes over what the weaker ones said:
 *
 *	declare()  objects and their names
 *	fill()     lines of [kind], then of [kind name]; then the sets, each its own layer
 *	preset()   what choices bring along, beneath all of those
 *	exclude()  of two keys that exclude each other, the one in the weaker layer goes
 *	refer()    references to other objects
 *
 * Each object has a slot for each row of its kind's table, in the table's order. Nothing depends on
 * the order of a hash table.
 */
#include "scenario.h"
#include <inttypes.h>
#include <string.h>
#include "ini.h"
#include "nearest.h"
#include "sim_error.h"
#include "units.h"

enum { NAME_LENGTH_MAX = 48, OBJECTS_MAX = 10000 };

/* Where a value comes from; of sets, later ones count up from LAYER_SET. */
enum layer { LAYER_NONE, LAYER_DEFAULT, LAYER_PRESET, LAYER_KIND, LAYER_NAMED, LAYER_SET };

struct slot {
	char *text;
	char *where;
	unsigned layer;
	uint64_t number;
	int word;
	char *folder; /* that a path is relative to; NULL: the current one */
	char *path;
	char **list;
	const struct cfg *ref;
};

struct cfg {
	const struct group_decl *group;
	char *name, *title; /* "vm1", "guest vm1" */
	char *where;
	const char *file; /* that declared it; NULL for one that no file mentions */
	size_t index;
	size_t keys;
	struct slot *slots;
};

struct set {
	char *group, *key, *value;
	char *where;    /* "--set" or the line of a sweep */
	char *folder;   /* that a path is relative to; NULL: the current one */
	unsigned layer; /* one for all sets of a call */
};

struct scenario {
	const struct group_decl *groups;
	char *path, *base_name;
	struct ini *ini;
	GPtrArray *sets;        /* struct set */
	GPtrArray **kinds;      /* per group: struct cfg */
	GHashTable *names;      /* name -> struct cfg, for look-up only */
	GArray *sweep, *expect; /* struct scenario_line */
	GPtrArray *strings;     /* owned by the lines */
	unsigned layer;         /* of the latest sets */
};

static const char *const reserved[] = {"wire", "host", "iommu", "guests", "all", NULL};

/* ---- making and freeing ---- */

static void slot_clear(struct slot *s)
{
	g_free(s->text);
	g_free(s->where);
	g_free(s->folder);
	g_free(s->path);
	g_strfreev(s->list);
	*s = (struct slot){.word = -1, .number = UINT64_MAX};
}

static void cfg_free(void *p)
{
	struct cfg *c = p;

	for (size_t i = 0; i < c->keys; i++)
		slot_clear(&c->slots[i]);
	g_free(c->slots);
	g_free(c->name);
	g_free(c->title);
	g_free(c->where);
	g_free(c);
}

static void set_free(void *p)
{
	struct set *s = p;

	g_free(s->group);
	g_free(s->key);
	g_free(s->value);
	g_free(s->where);
	g_free(s->folder);
	g_free(s);
}

static size_t count_groups(const struct group_decl *groups)
{
	size_t n = 0;

	while (groups[n].kind)
		n++;
	return n;
}

static struct scenario *scenario_new(const char *path, const struct group_decl *groups,
				     struct ini *ini)
{
	struct scenario *sc = g_new0(struct scenario, 1);
	size_t n = count_groups(groups);

	sc->groups = groups;
	sc->path = g_strdup(path);
	sc->base_name = g_path_get_basename(path);
	if (g_str_has_suffix(sc->base_name, ".ini"))
		sc->base_name[strlen(sc->base_name) - 4] = 0;
	sc->ini = ini;
	sc->sets = g_ptr_array_new_with_free_func(set_free);
	sc->kinds = g_new0(GPtrArray *, n + 1);
	for (size_t i = 0; i < n; i++)
		sc->kinds[i] = g_ptr_array_new_with_free_func(cfg_free);
	sc->names = g_hash_table_new(g_str_hash, g_str_equal);
	sc->sweep = g_array_new(FALSE, TRUE, sizeof(struct scenario_line));
	sc->expect = g_array_new(FALSE, TRUE, sizeof(struct scenario_line));
	sc->strings = g_ptr_array_new_with_free_func(g_free);
	sc->layer = LAYER_SET;
	return sc;
}

void scenario_free(struct scenario *sc)
{
	if (!sc)
		return;
	for (size_t i = 0; sc->kinds[i]; i++)
		g_ptr_array_unref(sc->kinds[i]);
	g_free(sc->kinds);
	g_hash_table_unref(sc->names);
	g_ptr_array_unref(sc->sets);
	g_array_unref(sc->sweep);
	g_array_unref(sc->expect);
	g_ptr_array_unref(sc->strings);
	ini_unref(sc->ini);
	g_free(sc->path);
	g_free(sc->base_name);
	g_free(sc);
}

/* ---- messages ---- */

static __attribute__((format(printf, 3, 4))) bool fail(GError **error, const char *where,
						       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s: %s", where, text);
	return false;
}

static char *place(const char *file, unsigned line)
{
	return g_strdup_printf("%s:%u", file, line);
}

static char *key_hint(const struct group_decl *g, const char *wrong)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (const struct key_decl *k = g->keys; k->name; k++)
		g_ptr_array_add(names, (void *)k->name);
	g_ptr_array_add(names, NULL);
	return nearest_hint(wrong, (const char *const *)names->pdata);
}

static char *kind_hint(const struct group_decl *groups, const char *wrong)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (; groups->kind; groups++)
		g_ptr_array_add(names, (void *)groups->kind);
	g_ptr_array_add(names, (void *)"sweep");
	g_ptr_array_add(names, (void *)"expect");
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

/* ---- names ---- */

/* "vm12" into "vm" and 12; false without a number or with a leading zero. */
static bool split_number(const char *name, size_t *stem, unsigned *number)
{
	size_t n = strlen(name);

	*stem = n;
	while (*stem > 0 && g_ascii_isdigit(name[*stem - 1]))
		--*stem;
	if (*stem == n || n - *stem > 6 || (name[*stem] == '0' && n - *stem > 1))
		return false;
	*number = (unsigned)g_ascii_strtoull(name + *stem, NULL, 10);
	return true;
}

char **scenario_expand(const char *text, char **why)
{
	const char *dots = strstr(text, "..");
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	unsigned from, to;
	size_t stem, stem2;

	if (!dots) {
		g_ptr_array_add(names, g_strdup(text));
		g_ptr_array_add(names, NULL);
		return (char **)g_ptr_array_steal(names, NULL);
	}
	g_autofree char *first = g_strndup(text, (gsize)(dots - text)), *last = g_strdup(dots + 2);
	g_strstrip(first);
	g_strstrip(last);
	if (!split_number(first, &stem, &from) || !split_number(last, &stem2, &to) ||
	    stem != stem2 || strncmp(first, last, stem) != 0) {
		*why = g_strdup_printf("\"%s\" is no range; write it like vm1..vm8", text);
		return NULL;
	}
	if (to < from || to - from >= OBJECTS_MAX) {
		*why = g_strdup_printf("\"%s\": a range goes upwards, over at most %d names", text,
				       OBJECTS_MAX);
		return NULL;
	}
	for (unsigned i = from; i <= to; i++)
		g_ptr_array_add(names, g_strdup_printf("%.*s%u", (int)stem, first, i));
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_steal(names, NULL);
}

static char *name_fault(const struct scenario *sc, const char *name)
{
	if (!g_ascii_islower(*name) ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(name))
		return g_strdup("a name is a lower-case letter, then lower-case letters, digits, _ "
				"and -");
	if (strlen(name) > NAME_LENGTH_MAX)
		return g_strdup_printf("a name has at most %d letters", NAME_LENGTH_MAX);
	if (g_strv_contains(reserved, name))
		return g_strdup("this name is reserved (wire host iommu guests all)");
	if (keys_group(sc->groups, name) || strcmp(name, "sweep") == 0 ||
	    strcmp(name, "expect") == 0)
		return g_strdup("this is the name of a kind; choose another");
	return NULL;
}

/* ---- declare ---- */

static struct cfg *add_object(struct scenario *sc, size_t kind, const char *name, const char *file,
			      char *where)
{
	const struct group_decl *g = &sc->groups[kind];
	struct cfg *c = g_new0(struct cfg, 1);

	c->group = g;
	c->name = g_strdup(name);
	c->title = g->named ? g_strdup_printf("%s %s", g->kind, name) : g_strdup(g->kind);
	c->file = file;
	c->where = where;
	c->index = sc->kinds[kind]->len;
	while (g->keys[c->keys].name)
		c->keys++;
	c->slots = g_new0(struct slot, c->keys + 1);
	for (size_t i = 0; i < c->keys; i++)
		slot_clear(&c->slots[i]);
	g_ptr_array_add(sc->kinds[kind], c);
	g_hash_table_insert(sc->names, c->name, c);
	return c;
}

static bool declare_name(struct scenario *sc, const struct ini_group *g, size_t kind,
			 const char *name, GError **error)
{
	g_autofree char *where = place(g->file, g->line), *why = name_fault(sc, name);
	struct cfg *old = g_hash_table_lookup(sc->names, name);

	if (why)
		return fail(error, where, "[%s] \"%s\": %s", g->name, name, why);
	if (old && old->group != &sc->groups[kind])
		return fail(error, where, "[%s] the name \"%s\" is taken by [%s] at %s", g->name,
			    name, old->title, old->where);
	if (old && old->file == g->file)
		return fail(error, where, "[%s] \"%s\" is declared already at %s", g->name, name,
			    old->where);
	if (old) {
		g_free(old->where);
		old->where = g_steal_pointer(&where);
		old->file = g->file;
		return true;
	}
	if (sc->kinds[kind]->len && !sc->groups[kind].many)
		return fail(error, where, "[%s] there can be only one [%s ...]", g->name,
			    sc->groups[kind].kind);
	if (sc->kinds[kind]->len >= OBJECTS_MAX)
		return fail(error, where, "[%s] more than %d of a kind", g->name, OBJECTS_MAX);
	add_object(sc, kind, name, g->file, g_steal_pointer(&where));
	return true;
}

/* Splits "guest vm1..vm8"; *names is NULL for a group without one. False: unknown kind, say. */
static bool open_group(const struct scenario *sc, const struct ini_group *g, size_t *kind,
		       char ***names, GError **error)
{
	g_autofree char *where = place(g->file, g->line), *why = NULL;
	const char *blank = strchr(g->name, ' ');
	g_autofree char *word =
		blank ? g_strndup(g->name, (gsize)(blank - g->name)) : g_strdup(g->name);

	*names = NULL;
	for (*kind = 0; sc->groups[*kind].kind; ++*kind)
		if (strcmp(sc->groups[*kind].kind, word) == 0)
			break;
	if (!sc->groups[*kind].kind) {
		why = kind_hint(sc->groups, word);
		return fail(error, where, "[%s] no such kind of group; %s", g->name, why);
	}
	if (!blank)
		return true;
	if (!sc->groups[*kind].named)
		return fail(error, where, "[%s] a %s has no name; write [%s]", g->name, word, word);
	*names = scenario_expand(blank + 1, &why);
	if (!*names)
		return fail(error, where, "[%s] %s", g->name, why);
	return true;
}

static bool is_judgement(const char *group)
{
	return strcmp(group, "sweep") == 0 || strcmp(group, "expect") == 0 ||
	       g_str_has_prefix(group, "expect ");
}

static bool declare(struct scenario *sc, GError **error)
{
	for (size_t i = 0; sc->groups[i].kind; i++)
		if (!sc->groups[i].named)
			add_object(sc, i, sc->groups[i].kind, NULL, g_strdup(sc->path));
	for (guint i = 0; i < sc->ini->groups->len; i++) {
		const struct ini_group *g = sc->ini->groups->pdata[i];
		g_auto(GStrv) names = NULL;
		size_t kind;

		if (is_judgement(g->name))
			continue;
		if (!open_group(sc, g, &kind, &names, error))
			return false;
		for (char **n = names; n && *n; n++)
			if (!declare_name(sc, g, kind, *n, error))
				return false;
	}
	return true;
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
	return fail(error, s->where, "%s: %s", s->label, why);
}

static void put(struct cfg *c, const struct saying *s)
{
	struct slot *slot = &c->slots[s->key - c->group->keys];

	if (slot->layer > s->layer)
		return;
	slot_clear(slot);
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
	g_autofree char *where = place(g->file, l->line);
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
		return fail(error, where, "%s: no such key; %s", label, hint);
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
	bool judgement = is_judgement(g->name);
	size_t kind;

	if (!judgement && !open_group(sc, g, &kind, &names, error))
		return false;
	for (guint i = 0; i < g->lines->len; i++) {
		const struct ini_line *l = g->lines->pdata[i];

		if (judgement)
			add_line(sc, g->name, l->key, l->value, place(g->file, l->line));
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

static const struct key_decl *find_key(const struct scenario *sc, const char *group,
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

	if (is_judgement(set->group)) {
		add_line(sc, set->group, set->key, set->value, g_strdup(set->where));
		return true;
	}
	s.key = find_key(sc, set->group, set->key, &decl, &object, &why);
	if (!s.key)
		return fail(error, set->where, "%s: %s", label, why);
	if (strcmp(decl->kind, "scenario") == 0 && strcmp(s.key->name, "extends") == 0)
		return fail(error, set->where, "%s: only a scenario file can extend another",
			    label);
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

static void apply_presets(struct scenario *sc, struct cfg *c)
{
	for (size_t i = 0; i < c->keys; i++) {
		const char *choice = c->slots[i].text;
		const struct key_preset *p = c->group->keys[i].presets;
		g_autofree char *where = NULL;

		for (; p && p->choice && choice; p++) {
			if (strcmp(p->choice, choice) != 0)
				continue;
			where = g_strdup_printf("%s.%s = %s", c->name, c->group->keys[i].name,
						choice);
			for (const char *const *set = p->sets; *set; set++)
				put_preset(sc, c, where, *set);
			break;
		}
	}
}

/* ---- exclude ---- */

static bool exclude_pair(struct cfg *c, size_t i, size_t k, GError **error)
{
	struct slot *a = &c->slots[i], *b = &c->slots[k];

	if (a->layer == LAYER_NONE || b->layer == LAYER_NONE)
		return true;
	if (a->layer == b->layer && a->layer <= LAYER_PRESET)
		return true;
	if (a->layer == b->layer)
		return cfg_error(c, c->group->keys[k].name, error,
				 "cannot be together with %s (%s); keep one of them",
				 c->group->keys[i].name, a->where);
	slot_clear(a->layer < b->layer ? a : b);
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
			s->path = g_path_is_absolute(s->text) || !s->folder ||
						  strcmp(s->folder, ".") == 0
					  ? g_strdup(s->text)
					  : g_build_filename(s->folder, s->text, NULL);
		if (k->kind == KEY_REF && !find_ref(sc, k->choices, s->text, &s->ref))
			return refuse_ref(sc, c, k, s->text, error);
		if (k->kind == KEY_REFS && !refer_list(sc, c, k, s, error))
			return false;
	}
	return true;
}

/* ---- build ---- */

static bool build(struct scenario *sc, GError **error)
{
	if (!declare(sc, error) || !fill(sc, error))
		return false;
	/* Kind by kind, so that a preset may choose one of a later kind. */
	for (size_t i = 0; sc->groups[i].kind; i++)
		for (guint k = 0; k < sc->kinds[i]->len; k++) {
			fill_defaults(sc->kinds[i]->pdata[k]);
			apply_presets(sc, sc->kinds[i]->pdata[k]);
		}
	for (size_t i = 0; sc->groups[i].kind; i++)
		for (guint k = 0; k < sc->kinds[i]->len; k++) {
			struct cfg *c = sc->kinds[i]->pdata[k];

			if (!exclude(c, error) || !refer(sc, c, error))
				return false;
		}
	return true;
}

/* Cuts "GROUP.KEY=VALUE"; the first dot ends the group. */
static bool add_set(struct scenario *sc, const char *text, const char *where, const char *folder,
		    GError **error)
{
	const char *dot = strchr(text, '.'), *eq = strchr(text, '=');
	struct set *s;

	if (!eq || !dot || dot > eq || dot == text || eq == dot + 1)
		return fail(error, where, "\"%s\" is not GROUP.KEY=VALUE, such as vm1.policy=copy",
			    text);
	if (strchr("<>~!", eq[-1]))
		return fail(error, where,
			    "\"%s\": a comparison stands behind the =, as in "
			    "expect.vm1.rx.drops=<5",
			    text);
	s = g_new0(struct set, 1);
	s->group = g_strstrip(g_strndup(text, (gsize)(dot - text)));
	s->key = g_strstrip(g_strndup(dot + 1, (gsize)(eq - dot - 1)));
	s->value = g_strstrip(g_strdup(eq + 1));
	s->where = g_strdup(where);
	s->folder = g_strdup(folder);
	s->layer = sc->layer;
	g_ptr_array_add(sc->sets, s);
	if (g_utf8_validate(text, -1, NULL))
		return true;
	return fail(error, where, "\"%s.%s\": not valid UTF-8", s->group, s->key);
}

struct scenario *scenario_load(const char *path, const struct group_decl *groups,
			       const char *const *sets, GError **error)
{
	struct ini *ini = ini_read(path, error);

	if (!ini)
		return NULL;
	g_autoptr(scenario_auto) sc = scenario_new(path, groups, ini);
	for (; sets && *sets; sets++)
		if (!add_set(sc, *sets, "--set", NULL, error))
			return NULL;
	return build(sc, error) ? g_steal_pointer(&sc) : NULL;
}

struct scenario *scenario_clone_at(const struct scenario *sc, const struct scenario_set *sets,
				   size_t n, GError **error)
{
	g_autoptr(scenario_auto) copy = scenario_new(sc->path, sc->groups, ini_ref(sc->ini));
	g_autofree char *folder = g_path_get_dirname(sc->path);

	for (guint i = 0; i < sc->sets->len; i++) {
		const struct set *old = sc->sets->pdata[i];
		struct set *s = g_new(struct set, 1);

		*s = (struct set){g_strdup(old->group), g_strdup(old->key),    g_strdup(old->value),
				  g_strdup(old->where), g_strdup(old->folder), old->layer};
		g_ptr_array_add(copy->sets, s);
	}
	copy->layer = sc->layer + 1;
	for (size_t i = 0; i < n; i++)
		if (!add_set(copy, sets[i].text, sets[i].where, folder, error))
			return NULL;
	return build(copy, error) ? g_steal_pointer(&copy) : NULL;
}

struct scenario *scenario_clone_with(const struct scenario *sc, const char *const *sets,
				     GError **error)
{
	g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(struct scenario_set));

	for (; sets && *sets; sets++) {
		struct scenario_set s = {*sets, "--set"};
		g_array_append_val(list, s);
	}
	return scenario_clone_at(sc, (const void *)list->data, list->len, error);
}

/* ---- reading ---- */

const char *scenario_path(const struct scenario *sc)
{
	return sc->path;
}

const char *scenario_name(const struct scenario *sc)
{
	return sc->base_name;
}

const struct group_decl *scenario_groups(const struct scenario *sc)
{
	return sc->groups;
}

static const GPtrArray *objects_of(const struct scenario *sc, const char *kind)
{
	const struct group_decl *g = keys_group(sc->groups, kind);

	if (!g)
		g_error("no kind \"%s\" in the tables", kind);
	return sc->kinds[g - sc->groups];
}

size_t scenario_count(const struct scenario *sc, const char *kind)
{
	return objects_of(sc, kind)->len;
}

const struct cfg *scenario_at(const struct scenario *sc, const char *kind, size_t i)
{
	const GPtrArray *objects = objects_of(sc, kind);

	g_assert(i < objects->len);
	return objects->pdata[i];
}

const struct cfg *scenario_find(const struct scenario *sc, const char *name)
{
	return g_hash_table_lookup(sc->names, name);
}

const char *cfg_kind(const struct cfg *c)
{
	return c->group->kind;
}

const char *cfg_name(const struct cfg *c)
{
	return c->name;
}

size_t cfg_index(const struct cfg *c)
{
	return c->index;
}

static const struct slot *slot_of(const struct cfg *c, const char *key)
{
	const struct key_decl *k = keys_find(c->group, key);

	if (!k)
		g_error("no key \"%s\" in the table of [%s]", key, c->group->kind);
	return &c->slots[k - c->group->keys];
}

static const struct slot *slot_of_kind(const struct cfg *c, const char *key, enum key_kind kind)
{
	const struct key_decl *k = keys_find(c->group, key);

	if (!k || (k->kind != kind && keys_quantity(k) != kind))
		g_error("key \"%s\" of [%s] is not what is asked for", key, c->group->kind);
	return &c->slots[k - c->group->keys];
}

bool cfg_has(const struct cfg *c, const char *key)
{
	return slot_of(c, key)->text != NULL;
}

bool cfg_is_set(const struct cfg *c, const char *key)
{
	return slot_of(c, key)->layer >= LAYER_KIND;
}

uint64_t cfg_u64(const struct cfg *c, const char *key)
{
	const struct key_decl *k = keys_find(c->group, key);

	if (!k || keys_quantity(k) == KEY_STRING)
		g_error("key \"%s\" of [%s] is no quantity", key, c->group->kind);
	const struct slot *s = &c->slots[k - c->group->keys];
	return s->text ? s->number : 0;
}

sim_time cfg_time(const struct cfg *c, const char *key)
{
	const struct slot *s = slot_of_kind(c, key, KEY_TIME);

	return s->text ? s->number : 0;
}

uint64_t cfg_rate(const struct cfg *c, const char *key)
{
	const struct slot *s = slot_of_kind(c, key, KEY_RATE);

	return s->text ? s->number : 0;
}

bool cfg_bool(const struct cfg *c, const char *key)
{
	const struct slot *s = slot_of_kind(c, key, KEY_BOOL);

	return s->text && s->number == 1;
}

int cfg_choice(const struct cfg *c, const char *key)
{
	return slot_of(c, key)->word;
}

bool cfg_is_quantity(const struct cfg *c, const char *key)
{
	const struct slot *s = slot_of(c, key);

	return s->text && s->number != UINT64_MAX;
}

const char *cfg_str(const struct cfg *c, const char *key)
{
	return slot_of(c, key)->text;
}

const char *cfg_path(const struct cfg *c, const char *key)
{
	return slot_of_kind(c, key, KEY_PATH)->path;
}

const struct cfg *cfg_ref(const struct cfg *c, const char *key)
{
	return slot_of_kind(c, key, KEY_REF)->ref;
}

const char *const *cfg_list(const struct cfg *c, const char *key)
{
	static const char *const none[] = {NULL};
	char **list = slot_of_kind(c, key, KEY_REFS)->list;

	return list ? (const char *const *)list : none;
}

const char *cfg_where(const struct cfg *c, const char *key)
{
	const struct slot *s = key ? slot_of(c, key) : NULL;

	return s && s->where ? s->where : c->where;
}

bool cfg_error(const struct cfg *c, const char *key, GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	/* A fault in a default has no line of its own: name the object's. */
	const struct slot *s = key ? slot_of(c, key) : NULL;
	const char *where = s && s->layer > LAYER_PRESET ? s->where : c->where;
	return fail(error, where, "[%s] %s%s%s", c->title, key ? key : "", key ? ": " : "", text);
}

void scenario_each(const struct scenario *sc, scenario_each_fn fn, void *arg)
{
	for (size_t i = 0; sc->groups[i].kind; i++)
		for (guint k = 0; k < sc->kinds[i]->len; k++) {
			const struct cfg *c = sc->kinds[i]->pdata[k];

			for (size_t j = 0; j < c->keys; j++) {
				const char *key = c->group->keys[j].name;
				g_autofree char *name = g_strdup_printf("%s.%s", c->name, key);

				/* The listing holds what was extended already. */
				if (c->slots[j].text && strcmp(name, "scenario.extends") != 0)
					fn(arg, name, c->slots[j].text);
			}
		}
}

size_t scenario_lines(const struct scenario *sc, const char *group_kind,
		      const struct scenario_line **lines)
{
	const GArray *a = strcmp(group_kind, "sweep") == 0 ? sc->sweep : sc->expect;

	*lines = (const void *)a->data;
	return a->len;
}

const struct key_decl *scenario_lookup(const struct scenario *sc, const char *group_dot_key,
				       const char ***objects, char **why)
{
	const char *dot = strchr(group_dot_key, '.');
	const struct group_decl *decl;
	struct cfg *object;

	if (!dot) {
		*why = g_strdup_printf("\"%s\" is not GROUP.KEY, such as guest.policy",
				       group_dot_key);
		return NULL;
	}
	g_autofree char *group = g_strndup(group_dot_key, (gsize)(dot - group_dot_key));
	const struct key_decl *key = find_key(sc, group, dot + 1, &decl, &object, why);
	if (!key || !objects)
		return key;
	const GPtrArray *all = sc->kinds[decl - sc->groups];
	guint n = object ? 1 : all->len;
	*objects = g_new0(const char *, n + 1);
	for (guint i = 0; i < n; i++)
		(*objects)[i] = object ? object->name : ((struct cfg *)all->pdata[i])->name;
	return key;
}
