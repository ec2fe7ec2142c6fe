/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_get.c - what a scenario that has been built answers; see scenario.h.
 *
 * To ask for a kind or a key that no table has, or for a key as what it is not, is a fault of the
 * program and ends it. A value that is not set is 0, false, -1 of a choice, an empty list, or NULL.
 */
#include "scenario_impl.h"
#include <string.h>

const char *scenario_path(const struct scenario *sc)
{
	return sc->path;
}

const char *scenario_name(const struct scenario *sc)
{
	return sc->base_name;
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

const char *cfg_preset_file(const struct cfg *c, const char *key)
{
	return slot_of_kind(c, key, KEY_CHOICE)->path;
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
	return scenario_fail(error, where, "[%s] %s%s%s", c->title, key ? key : "", key ? ": " : "",
			     text);
}

void scenario_each(const struct scenario *sc, scenario_each_fn fn, void *arg)
{
	for (size_t i = 0; sc->groups[i].kind; i++)
		for (guint k = 0; !sc->groups[i].judges && k < sc->kinds[i]->len; k++) {
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

void scenario_each_path(const struct scenario *sc, scenario_path_fn fn, void *arg)
{
	for (size_t i = 0; sc->groups[i].kind; i++)
		for (guint k = 0; k < sc->kinds[i]->len; k++) {
			const struct cfg *c = sc->kinds[i]->pdata[k];

			for (size_t j = 0; j < c->keys; j++)
				if (c->slots[j].path &&
				    strcmp(c->group->keys[j].name, "extends") != 0)
					fn(arg, c->slots[j].path);
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
	const struct key_decl *key = scenario_find_key(sc, group, dot + 1, &decl, &object, why);
	if (!key || !objects)
		return key;
	const GPtrArray *all = sc->kinds[decl - sc->groups];
	guint n = object ? 1 : all->len;
	*objects = g_new0(const char *, n + 1);
	for (guint i = 0; i < n; i++)
		(*objects)[i] = object ? object->name : ((struct cfg *)all->pdata[i])->name;
	return key;
}
