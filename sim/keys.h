/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/*
 * keys.h - the tables from which scenario keys get their parsing, range, default and help.
 *
 * Each model declares its keys in one array next to its code; the program puts the arrays together
 * in one array of groups. Everything about a key comes from its row: the check of a value, the
 * "did you mean", `list keys`, the scenario reference. Tables end with {0}.
 *
 *	static const struct key_decl host_keys[] = {
 *		{"cores", KEY_COUNT, .def = "1", .min = 1, .max = 1024, .help = "host cores"},
 *		{"clock", KEY_FREQ, .def = "3GHz", .min = 1, .help = "core clock"},
 *		{"datapath", KEY_CHOICE, .def = "poll", .choices = "interrupt|poll", .help = "..."},
 *		{0},
 *	};
 *	static const struct group_decl groups[] = {
 *		{"scenario", .keys = scenario_keys, .help = "the run"},
 *		{"host", .keys = host_keys, .help = "the machine"},
 *		{"guest", .named = true, .many = true, .keys = guest_keys, .help = "a VM"},
 *		{0},
 *	};
 */
/* clang-format on */
#ifndef SIM_KEYS_H
#define SIM_KEYS_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

/* What a value is, and the whole number that it becomes. */
enum key_kind {
	KEY_STRING,  /* free text; `check` judges it; with `plain` set, may also be a quantity */
	KEY_COUNT,   /* 4096, 1e6 */
	KEY_TIME,    /* 10us               picoseconds */
	KEY_BYTES,   /* 64MiB              bytes */
	KEY_RATE,    /* 10Gbit/s           bits per second */
	KEY_FREQ,    /* 2.4GHz             hertz */
	KEY_PERCENT, /* 5%                 millionths (5% is 50000) */
	KEY_BOOL,    /* true|false, yes|no, on|off */
	KEY_CHOICE,  /* a word of `choices`; the index of the word */
	KEY_PATH,    /* a file, relative to the file that says so (--set: to the current folder) */
	KEY_REF,     /* the name of one object */
	KEY_REFS,    /* names: vm1, vm2 or vm1..vm8, or both */
};

/*
 * A choice may bring defaults for other keys: `sets` are "KIND.KEY=VALUE", ended by NULL. They
 * stand above the tables' defaults and below everything the scenario says, and do not count as set.
 * Of the choice's own kind the object itself is meant, of another kind all its objects.
 */
struct key_preset {
	const char *choice;
	const char *const *sets;
};

struct key_decl {
	const char *name;
	enum key_kind kind;
	/* As one would write it in a scenario; NULL: no default, see cfg_has(). */
	const char *def;
	/* Of quantities, both inclusive, in the unit above; max 0: no upper bound. */
	uint64_t min, max;
	/*
	 * KEY_CHOICE: "copy|single-copy|zero-copy". A quantity: words allowed in its place ("max").
	 * KEY_REF, KEY_REFS: kinds whose names are allowed, and literal words ("guest|wire").
	 */
	const char *choices;
	const char *help; /* one line, lower case, no full stop */
	/* KEY_STRING: judge the text, plain or not. On false *why is what is wrong, freed with
	   g_free(). */
	bool (*check)(const char *value, char **why);
	/* KEY_STRING: the kind of a plain value, so that it gets a number, range and unit column.
	 */
	enum key_kind plain;
	/* "rate|pps": keys of the same object that cannot be set in the same place as this one; the
	   more specific place wins over the other: file's [kind], file's [kind name], --set. */
	const char *excludes;
	/* KEY_CHOICE: ended by a NULL choice. */
	const struct key_preset *presets;
	/*
	 * KEY_CHOICE: the value may also name a file (it has a slash, or ends in .ini), relative as
	 * KEY_PATH is, whose groups give such defaults; those that it may give,
	 * "cost.*|host.clock".
	 */
	const char *preset_keys;
};

struct group_decl {
	const char *kind; /* "guest" */
	bool named; /* [guest vm1], with [guest] for defaults; otherwise one object, always there */
	bool many;  /* of named: may there be several */
	/* Of not named: there only if the scenario opens the group, or a set is for it. */
	bool optional;
	/* Defaults for other keys, as a preset's sets (see above), where an object of it is. */
	const char *const *brings;
	/* About results, not about the run: left out by `extends` and of a run's config. */
	bool judges;
	const struct key_decl *keys;
	const char *help;
};

/*
 * The keys of [scenario] that the engine itself reads. Put them first in the program's own array:
 * `static const struct key_decl scenario_keys[] = { KEYS_OF_SCENARIO, {"system", ...}, {0} };`
 */
/* clang-format off */
#define KEYS_OF_SCENARIO                                                                           \
	{"seed", KEY_COUNT, .def = "1", .max = INT64_MAX, .help = "seed of all random streams"},   \
	{"repeat", KEY_COUNT, .def = "1", .min = 1, .max = 9999,                                   \
	 .help = "runs of each point, each with its own seed"},                                    \
	{"extends", KEY_PATH, .help = "scenario read first; its [sweep], [search], [expect] and [fidelity] are not taken, nor its [plot] if there is one here"}
/* clang-format on */

/* Does the value name a preset file? */
bool keys_is_preset_file(const struct key_decl *key, const char *text);

const struct group_decl *keys_group(const struct group_decl *groups, const char *kind);
const struct key_decl *keys_find(const struct group_decl *group, const char *name);

/*
 * Judges the text of one value by its row: kind, unit, range, words, check. Does not look at other
 * objects (references are the scenario's). *number gets the whole number described at the kind, or
 * UINT64_MAX for text without one and for a word in place of a quantity; *word the index in
 * `choices`, or -1. On false *why says what is wrong and what to write; free it with g_free().
 */
bool keys_parse(const struct key_decl *key, const char *text, uint64_t *number, int *word,
		char **why);

/* The kind whose unit a value of this key has in tables: KEY_TIME... or KEY_STRING for none. */
enum key_kind keys_quantity(const struct key_decl *key);

/* What may stand for the value: "true|false", "1..1024"; freed with g_free(). */
char *keys_describe(const struct key_decl *key);

/* `list keys`: aligned text, or the Markdown of the scenario reference. */
void keys_print(const struct group_decl *groups, GString *out);
/* `list presets`: each choice that brings defaults, and these. */
void keys_print_presets(const struct group_decl *groups, GString *out);
void keys_print_markdown(const struct group_decl *groups, GString *out);

#endif
