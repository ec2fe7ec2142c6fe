/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keys.c - judging one value by the row of its key, and listing the rows; see keys.h. */
#include "keys.h"
#include <inttypes.h>
#include <string.h>
#include "nearest.h"
#include "units.h"

const struct group_decl *keys_group(const struct group_decl *groups, const char *kind)
{
	for (; groups->kind; groups++)
		if (strcmp(groups->kind, kind) == 0)
			return groups;
	return NULL;
}

const struct key_decl *keys_find(const struct group_decl *group, const char *name)
{
	for (const struct key_decl *k = group->keys; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static bool is_quantity(enum key_kind kind)
{
	return kind >= KEY_COUNT && kind <= KEY_PERCENT;
}

enum key_kind keys_quantity(const struct key_decl *key)
{
	return is_quantity(key->kind) ? key->kind : key->plain;
}

/* Index of `text` among the words of `choices`, or -1. */
static int find_word(const char *choices, const char *text)
{
	size_t len = strlen(text);
	int i = 0;

	for (const char *p = choices; p; i++) {
		const char *bar = strchr(p, '|');
		size_t n = bar ? (size_t)(bar - p) : strlen(p);

		if (n == len && memcmp(p, text, len) == 0)
			return i;
		p = bar ? bar + 1 : NULL;
	}
	return -1;
}

static char *word_hint(const char *choices, const char *text)
{
	g_auto(GStrv) words = g_strsplit(choices, "|", -1);
	g_autofree char *list = g_strjoinv(", ", words);
	const char *near = nearest_name(text, (const char *const *)words);

	return near ? g_strdup_printf("did you mean \"%s\"? (%s)", near, list)
		    : g_strdup_printf("write one of: %s", list);
}

/* The unit of the default, which is the likeliest one that was left out. */
static const char *unit_of_default(const struct key_decl *key)
{
	const char *p = key->def;
	struct decimal d;

	return p && units_decimal(&p, &d) && *p ? p : NULL;
}

static bool in_range(const struct key_decl *key, enum key_kind kind, const char *text,
		     uint64_t number, char **why)
{
	if (number >= key->min && (!key->max || number <= key->max))
		return true;
	g_autofree char *min = units_format(kind, key->min), *max = units_format(kind, key->max);
	if (key->max)
		*why = g_strdup_printf("%s is out of range; from %s to %s", text, min, max);
	else
		*why = g_strdup_printf("%s is too small; at least %s", text, min);
	return false;
}

static bool parse_quantity(const struct key_decl *key, const char *text, uint64_t *number,
			   int *word, char **why)
{
	if (key->choices && (*word = find_word(key->choices, text)) >= 0)
		return true;
	if (!units_parse(key->kind, text, unit_of_default(key), number, why)) {
		if (key->choices) {
			g_autofree char *first = *why, *hint = word_hint(key->choices, text);
			*why = g_strdup_printf("%s; or a word: %s", first, hint);
		}
		*number = UINT64_MAX;
		return false;
	}
	return in_range(key, key->kind, text, *number, why);
}

/* A text is judged by its check; if it happens to be a plain quantity, by its range too. */
static bool parse_string(const struct key_decl *key, const char *text, uint64_t *number, int *word,
			 char **why)
{
	g_autofree char *not_plain = NULL;

	if (key->choices && (*word = find_word(key->choices, text)) >= 0)
		return true;
	if (key->plain != KEY_STRING) {
		if (units_parse(key->plain, text, unit_of_default(key), number, &not_plain)) {
			if (!in_range(key, key->plain, text, *number, why))
				return false;
		} else {
			*number = UINT64_MAX;
			if (!key->check) {
				*why = g_steal_pointer(&not_plain);
				return false;
			}
		}
	}
	return !key->check || key->check(text, why);
}

static bool parse_bool(const char *text, uint64_t *number, char **why)
{
	static const char *const words[] = {"false", "no", "off", "true", "yes", "on", NULL};

	for (unsigned i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0) {
			*number = i >= 3;
			return true;
		}
	*why = g_strdup_printf("\"%s\" is neither true nor false", text);
	return false;
}

bool keys_is_preset_file(const struct key_decl *key, const char *text)
{
	return key->preset_keys && (strchr(text, '/') || g_str_has_suffix(text, ".ini"));
}

bool keys_parse(const struct key_decl *key, const char *text, uint64_t *number, int *word,
		char **why)
{
	*number = UINT64_MAX;
	*word = -1;
	if (!*text) {
		*why = g_strdup("no value; write one or leave the key out");
		return false;
	}
	switch (key->kind) {
	case KEY_STRING:
		return parse_string(key, text, number, word, why);
	case KEY_COUNT:
	case KEY_TIME:
	case KEY_BYTES:
	case KEY_RATE:
	case KEY_FREQ:
	case KEY_PERCENT:
		return parse_quantity(key, text, number, word, why);
	case KEY_BOOL:
		return parse_bool(text, number, why);
	case KEY_CHOICE:
		*word = find_word(key->choices, text);
		if (keys_is_preset_file(key, text))
			return true;
		if (*word < 0) {
			g_autofree char *hint = word_hint(key->choices, text);
			*why = g_strdup_printf("\"%s\" is no choice; %s", text, hint);
		}
		return *word >= 0;
	case KEY_PATH:
	case KEY_REF:
	case KEY_REFS:
		*word = key->choices ? find_word(key->choices, text) : -1;
		return true;
	}
	g_assert_not_reached();
}

/* ---- listing ---- */

static char *describe_range(const struct key_decl *key, enum key_kind kind)
{
	g_autofree char *min = units_format(kind, key->min), *max = units_format(kind, key->max);

	if (key->max && key->max < INT64_MAX)
		return g_strdup_printf("%s..%s", min, max);
	if (key->min)
		return g_strdup_printf("%s at least %s", units_name(kind) + 2, min);
	return g_strdup(units_name(kind) + 2);
}

char *keys_describe(const struct key_decl *key)
{
	switch (key->kind) {
	case KEY_BOOL:
		return g_strdup("true|false");
	case KEY_CHOICE:
		return g_strconcat(key->choices, key->preset_keys ? "|FILE.ini" : NULL, NULL);
	case KEY_PATH:
		return g_strdup("file");
	case KEY_REF:
		return g_strdup(key->choices);
	case KEY_REFS:
		return g_strdup_printf("list of %s", key->choices);
	default:
		break;
	}
	enum key_kind kind = keys_quantity(key);
	if (kind == KEY_STRING)
		return g_strdup(key->choices ? key->choices : "text");
	char *range = describe_range(key, kind);
	if (!key->choices && !(key->kind == KEY_STRING && key->check))
		return range;
	g_autofree char *old = range;
	return g_strdup_printf("%s|%s", old, key->choices ? key->choices : "text");
}

static char *describe_group(const struct group_decl *g)
{
	return g->named ? g_strdup_printf("[%s NAME]", g->kind) : g_strdup_printf("[%s]", g->kind);
}

/* Widths of the first three columns over a group. */
static void measure(const struct group_decl *g, int width[3])
{
	for (const struct key_decl *k = g->keys; k->name; k++) {
		g_autofree char *value = keys_describe(k);
		int n[3] = {(int)strlen(k->name), (int)strlen(value),
			    k->def ? (int)strlen(k->def) : 1};
		for (int i = 0; i < 3; i++)
			width[i] = MIN(MAX(width[i], n[i]), 32);
	}
}

void keys_print(const struct group_decl *groups, GString *out)
{
	for (const struct group_decl *g = groups; g->kind; g++) {
		int w[3] = {0};
		g_autofree char *title = describe_group(g);

		measure(g, w);
		g_string_append_printf(out, "%s%s  %s\n", g == groups ? "" : "\n", title, g->help);
		for (const struct key_decl *k = g->keys; k->name; k++) {
			g_autofree char *value = keys_describe(k);
			g_string_append_printf(out, "  %-*s  %-*s  %-*s  %s\n", w[0], k->name, w[1],
					       value, w[2], k->def ? k->def : "-", k->help);
		}
	}
}

/* In a table's cell a bar would end the cell. */
static void append_cell(GString *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *text);
	}
}

static void markdown_key(const struct key_decl *k, GString *out)
{
	g_autofree char *value = keys_describe(k);

	g_string_append_printf(out, "| `%s` | ", k->name);
	append_cell(out, value);
	if (k->def) {
		g_string_append(out, " | `");
		append_cell(out, k->def);
		g_string_append(out, "` | ");
	} else {
		g_string_append(out, " | | ");
	}
	append_cell(out, k->help);
	if (k->excludes) {
		g_string_append(out, "; not with `");
		for (const char *p = k->excludes; *p; p++)
			g_string_append(out, *p == '|' ? "`, `" : (char[]){*p, 0});
		g_string_append_c(out, '`');
	}
	g_string_append(out, " |\n");
}

void keys_print_markdown(const struct group_decl *groups, GString *out)
{
	g_string_append(out, "# Scenario reference\n\nGenerated by `list keys --markdown`.\n");
	for (const struct group_decl *g = groups; g->kind; g++) {
		g_autofree char *title = describe_group(g);

		g_string_append_printf(out, "\n## `%s`\n\n%c%s.%s\n\n", title,
				       g_ascii_toupper(g->help[0]), g->help + 1,
				       g->named && g->many ? " Without a name, the group gives the "
							     "defaults of all of its kind."
							   : "");
		g_string_append(out, "| key | value | default | meaning |\n| --- | --- | --- | --- "
				     "|\n");
		for (const struct key_decl *k = g->keys; k->name; k++)
			markdown_key(k, out);
	}
}

void keys_print_presets(const struct group_decl *groups, GString *out)
{
	for (const struct group_decl *g = groups; g->kind; g++)
		for (const struct key_decl *k = g->keys; k->name; k++)
			for (const struct key_preset *p = k->presets; p && p->choice; p++) {
				g_string_append_printf(out, "%s.%s = %s\n", g->kind, k->name,
						       p->choice);
				for (const char *const *set = p->sets; *set; set++)
					g_string_append_printf(out, "    %s\n", *set);
			}
}
