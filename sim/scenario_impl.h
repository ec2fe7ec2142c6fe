/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_impl.h - a scenario from within; shared by the parts of scenario.c, and for them alone:
 *
 *   scenario.c       objects and their names, sets, copies with more sets
 *   scenario_fill.c  values: from lines, sets, defaults and presets into the slots of objects
 *   scenario_get.c   what a scenario that has been built answers
 *
 * Each object has a slot for each row of its kind's table, in the table's order. A slot without
 * text is empty: its layer is LAYER_NONE, its word -1 and its number UINT64_MAX. A scenario that
 * scenario.c has handed out does not change any more.
 */
#ifndef SIM_SCENARIO_IMPL_H
#define SIM_SCENARIO_IMPL_H

#include "ini.h"
#include "scenario.h"

/* Where a value comes from; of sets, later ones count up from LAYER_SET. */
enum layer {
	LAYER_NONE,
	LAYER_DEFAULT,
	LAYER_PRESET,
	LAYER_FILE,
	LAYER_KIND,
	LAYER_NAMED,
	LAYER_SET
};

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

void scenario_slot_clear(struct slot *s);
/* Sets the error "where: message"; returns false. */
__attribute__((format(printf, 3, 4))) bool scenario_fail(GError **error, const char *where,
							 const char *format, ...);
/* "file:line", to be freed with g_free(). */
char *scenario_place(const char *file, unsigned line);
/* Is it [sweep], [expect] or [expect ...], whose lines are about no object? */
bool scenario_is_judgement(const char *group);
/* Splits "guest vm1..vm8"; *names is NULL for a group without one. False: unknown kind, say. */
bool scenario_open_group(const struct scenario *sc, const struct ini_group *g, size_t *kind,
			 char ***names, GError **error);

/* A value of a preset file, for all objects of the kind that have no stronger one. */
bool scenario_put_weak(struct scenario *sc, const struct group_decl *decl,
		       const struct key_decl *key, const char *value, const char *where,
		       GError **error);
/* The values of the preset file that `slot` of [title] names. */
bool scenario_preset_file(struct scenario *sc, const struct key_decl *preset,
			  const struct slot *slot, const char *title, GError **error);

/* All values into the slots of all objects, which are declared already. */
bool scenario_fill(struct scenario *sc, GError **error);
/* The key of GROUP.KEY, its kind and, unless all of that are meant, the object; or NULL, why. */
const struct key_decl *scenario_find_key(const struct scenario *sc, const char *group,
					 const char *key, const struct group_decl **decl,
					 struct cfg **object, char **why);

#endif
