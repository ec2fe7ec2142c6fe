/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario.c - from groups of lines to checked objects; see scenario.h.
 *
 * A scenario keeps the text it was made from (struct ini, shared) and the list of its sets, so a
 * point of a sweep is built again from the start with more sets. Building declares the objects and
 * their names, and then gives them their values (scenario_fill.c). Nothing depends on the order of
 * a hash table.
 */
#include "scenario_impl.h"
#include <string.h>
#include "nearest.h"
#include "sim_error.h"

enum { NAME_LENGTH_MAX = 48, OBJECTS_MAX = 10000 };

static const char *const reserved[] = {"wire", "host", "iommu", "guests", "dmas", "all", NULL};

/* ---- making and freeing ---- */

void scenario_slot_clear(struct slot *s)
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
		scenario_slot_clear(&c->slots[i]);
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

bool scenario_fail(GError **error, const char *where, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s: %s", where, text);
	return false;
}

char *scenario_place(const char *file, unsigned line)
{
	return g_strdup_printf("%s:%u", file, line);
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
		return g_strdup("this name is reserved (wire host iommu guests dmas all)");
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
		scenario_slot_clear(&c->slots[i]);
	g_ptr_array_add(sc->kinds[kind], c);
	g_hash_table_insert(sc->names, c->name, c);
	return c;
}

static bool declare_name(struct scenario *sc, const struct ini_group *g, size_t kind,
			 const char *name, GError **error)
{
	g_autofree char *where = scenario_place(g->file, g->line), *why = name_fault(sc, name);
	struct cfg *old = g_hash_table_lookup(sc->names, name);

	if (why)
		return scenario_fail(error, where, "[%s] \"%s\": %s", g->name, name, why);
	if (old && old->group != &sc->groups[kind])
		return scenario_fail(error, where, "[%s] the name \"%s\" is taken by [%s] at %s",
				     g->name, name, old->title, old->where);
	if (old && old->file == g->file)
		return scenario_fail(error, where, "[%s] \"%s\" is declared already at %s", g->name,
				     name, old->where);
	if (old) {
		g_free(old->where);
		old->where = g_steal_pointer(&where);
		old->file = g->file;
		return true;
	}
	if (sc->kinds[kind]->len && !sc->groups[kind].many)
		return scenario_fail(error, where, "[%s] there can be only one [%s ...]", g->name,
				     sc->groups[kind].kind);
	if (sc->kinds[kind]->len >= OBJECTS_MAX)
		return scenario_fail(error, where, "[%s] more than %d of a kind", g->name,
				     OBJECTS_MAX);
	add_object(sc, kind, name, g->file, g_steal_pointer(&where));
	return true;
}

/* Splits "guest vm1..vm8"; *names is NULL for a group without one. False: unknown kind, say. */
bool scenario_open_group(const struct scenario *sc, const struct ini_group *g, size_t *kind,
			 char ***names, GError **error)
{
	g_autofree char *where = scenario_place(g->file, g->line), *why = NULL;
	const char *blank = strchr(g->name, ' ');
	g_autofree char *word =
		blank ? g_strndup(g->name, (gsize)(blank - g->name)) : g_strdup(g->name);

	*names = NULL;
	for (*kind = 0; sc->groups[*kind].kind; ++*kind)
		if (strcmp(sc->groups[*kind].kind, word) == 0)
			break;
	if (!sc->groups[*kind].kind) {
		why = kind_hint(sc->groups, word);
		return scenario_fail(error, where, "[%s] no such kind of group; %s", g->name, why);
	}
	if (!blank)
		return true;
	if (!sc->groups[*kind].named)
		return scenario_fail(error, where, "[%s] a %s has no name; write [%s]", g->name,
				     word, word);
	*names = scenario_expand(blank + 1, &why);
	if (!*names)
		return scenario_fail(error, where, "[%s] %s", g->name, why);
	return true;
}

bool scenario_is_judgement(const char *group)
{
	return strcmp(group, "sweep") == 0 || strcmp(group, "expect") == 0 ||
	       g_str_has_prefix(group, "expect ");
}

/* Does the text or a set open the group? */
static bool is_opened(const struct scenario *sc, const char *kind)
{
	for (guint i = 0; i < sc->ini->groups->len; i++)
		if (!strcmp(((const struct ini_group *)sc->ini->groups->pdata[i])->name, kind))
			return true;
	for (guint i = 0; i < sc->sets->len; i++)
		if (!strcmp(((const struct set *)sc->sets->pdata[i])->group, kind))
			return true;
	return false;
}

static bool declare(struct scenario *sc, GError **error)
{
	for (size_t i = 0; sc->groups[i].kind; i++)
		if (!sc->groups[i].named &&
		    (!sc->groups[i].optional || is_opened(sc, sc->groups[i].kind)))
			add_object(sc, i, sc->groups[i].kind, NULL, g_strdup(sc->path));
	for (guint i = 0; i < sc->ini->groups->len; i++) {
		const struct ini_group *g = sc->ini->groups->pdata[i];
		g_auto(GStrv) names = NULL;
		size_t kind;

		if (scenario_is_judgement(g->name))
			continue;
		if (!scenario_open_group(sc, g, &kind, &names, error))
			return false;
		for (char **n = names; n && *n; n++)
			if (!declare_name(sc, g, kind, *n, error))
				return false;
	}
	return true;
}

/* ---- build ---- */

static bool build(struct scenario *sc, GError **error)
{
	return declare(sc, error) && scenario_fill(sc, error);
}

/* Cuts "GROUP.KEY=VALUE"; the first dot ends the group. */
static bool add_set(struct scenario *sc, const char *text, const char *where, const char *folder,
		    GError **error)
{
	const char *dot = strchr(text, '.'), *eq = strchr(text, '=');
	struct set *s;

	if (!eq || !dot || dot > eq || dot == text || eq == dot + 1)
		return scenario_fail(error, where,
				     "\"%s\" is not GROUP.KEY=VALUE, such as vm1.policy=copy",
				     text);
	if (strchr("<>~!", eq[-1]))
		return scenario_fail(error, where,
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
	return scenario_fail(error, where, "\"%s.%s\": not valid UTF-8", s->group, s->key);
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
