/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario.h - a scenario file, read, checked against the tables of keys.h, with defaults filled
 * in.
 *
 * Who says a key's value, weakest first: the table's default, a preset (keys.h), [kind], [kind
 * name],
 * --set in the order given, the point of a sweep. `guest.policy` in --set and [sweep] means all
 * guests, over what their own groups say. `extends = other.ini` reads the other file first: groups
 * of the same name become one, a key here replaces the key there, and [sweep], [search],
 * [expect] and [fidelity] are not taken over.
 *
 * A scenario is immutable. A point of a sweep is a new scenario made from the same text.
 * All strings returned belong to the scenario.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <glib.h>
#include "keys.h"
#include "simtime.h"

struct scenario;
struct cfg; /* one object: the host, a NIC, a guest, a traffic... */

/*
 * `groups` must outlive the scenario. `sets` are "GROUP.KEY=VALUE", ended by NULL, or NULL; GROUP
 * is a kind or a name, or `expect` or `sweep`, and ends at the first dot. Errors are
 * SIM_EXIT_USAGE.
 */
struct scenario *scenario_load(const char *path, const struct group_decl *groups,
			       const char *const *sets, GError **error);
/* The same scenario with further sets; paths in them are relative to the scenario's file. */
struct scenario *scenario_clone_with(const struct scenario *sc, const char *const *sets,
				     GError **error);
/* The same with the place that each set stands at, "web.ini:31", for messages. */
struct scenario_set {
	const char *text, *where;
};
struct scenario *scenario_clone_at(const struct scenario *sc, const struct scenario_set *sets,
				   size_t n, GError **error);
void scenario_free(struct scenario *sc);
/* g_autoptr(scenario_auto) sc = scenario_load(...); */
typedef struct scenario scenario_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(scenario_auto, scenario_free)

const char *scenario_path(const struct scenario *sc); /* as given */
const char *scenario_name(const struct scenario *sc); /* file name without folder and .ini */

/* Objects of a kind, in the order of the file. A kind without names always has one. */
size_t scenario_count(const struct scenario *sc, const char *kind);
const struct cfg *scenario_at(const struct scenario *sc, const char *kind, size_t i);
/* By name over all kinds ("vm1"), or by the kind of one without names ("host"); NULL if none. */
const struct cfg *scenario_find(const struct scenario *sc, const char *name);

const char *cfg_kind(const struct cfg *c);
const char *cfg_name(const struct cfg *c); /* "vm1", or the kind of one without names */
size_t cfg_index(const struct cfg *c);     /* among its kind */

/*
 * Reading a key. One that the table lacks, or a getter of the wrong kind, is our fault: an
 * assertion. A key with neither value nor default reads as 0, false, NULL or -1; cfg_has() tells.
 */
bool cfg_has(const struct cfg *c, const char *key);     /* has a value, default or not */
bool cfg_is_set(const struct cfg *c, const char *key);  /* the user gave it, here or in [kind] */
uint64_t cfg_u64(const struct cfg *c, const char *key); /* any quantity; UINT64_MAX for a word */
sim_time cfg_time(const struct cfg *c, const char *key);
uint64_t cfg_rate(const struct cfg *c, const char *key); /* bit/s */
bool cfg_bool(const struct cfg *c, const char *key);
/* KEY_CHOICE: index in `choices`. A quantity, or KEY_REF: index of the word, -1 if not a word. */
int cfg_choice(const struct cfg *c, const char *key);
bool cfg_is_quantity(const struct cfg *c, const char *key); /* has a number, see `plain` */
const char *cfg_str(const struct cfg *c, const char *key);  /* the text, any kind */
const char *cfg_path(const struct cfg *c, const char *key); /* can be opened from here */
/* KEY_CHOICE: the preset file that it names, which can be opened from here; NULL: it is a word. */
const char *cfg_preset_file(const struct cfg *c, const char *key);
/* KEY_REF: the object; NULL if unset or a literal word. */
const struct cfg *cfg_ref(const struct cfg *c, const char *key);
/* KEY_REFS: the names, ranges spelled out, ended by NULL; literal words stand as they are. */
const char *const *cfg_list(const struct cfg *c, const char *key);

/* "web.ini:12", "--set", "default": for messages. */
const char *cfg_where(const struct cfg *c, const char *key);
/* Sets `error` (SIM_EXIT_USAGE) to "web.ini:12: [guest vm1] policy: <message>"; returns false, so
   that a check can `return cfg_error(...)`. `key` NULL: the object itself. */
bool cfg_error(const struct cfg *c, const char *key, GError **error, const char *format, ...)
	G_GNUC_PRINTF(4, 5);

/* Every key that has a value, as in --set, in the order of tables and file; of groups that judge,
   none. */
typedef void (*scenario_each_fn)(void *arg, const char *name, const char *value);
void scenario_each(const struct scenario *sc, scenario_each_fn fn, void *arg);

/* Every file that a key names, as it can be opened from here, but those extended. */
typedef void (*scenario_path_fn)(void *arg, const char *path);
void scenario_each_path(const struct scenario *sc, scenario_path_fn fn, void *arg);

/* Lines of [sweep] and [expect]; the readers are sweep.h and expect.h. */
struct scenario_line {
	const char *group; /* "sweep", "expect", "expect guest.policy=copy" */
	const char *key, *value;
	const char *where; /* "web.ini:31" */
};
size_t scenario_lines(const struct scenario *sc, const char *group_kind,
		      const struct scenario_line **lines);

/*
 * The row and the objects that GROUP.KEY means, for [sweep] and conditions of [expect]. `objects`
 * may be NULL; else *objects gets the names, ended by NULL, freed with g_free(). On failure NULL
 * and *why, freed with g_free().
 */
const struct key_decl *scenario_lookup(const struct scenario *sc, const char *group_dot_key,
				       const char ***objects, char **why);

/* "vm1..vm8" into names; one that is no range gives itself. NULL and *why if it is a wrong one. */
char **scenario_expand(const char *text, char **why);

#endif
