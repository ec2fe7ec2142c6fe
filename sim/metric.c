/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metric.c - names of metrics against their tables; see metric.h.
 *
 * A full name is taken apart from the left: the object, a part if the word after it is one, the
 * direction if the object has one, and the rest is the metric. `*` never crosses a dot.
 */
#include "metric.h"
#include <string.h>
#include "nearest.h"

static const char *const directions[] = {"rx", "tx", "local", NULL};

bool metric_glob(const char *pattern, const char *text)
{
	for (; *pattern != '*'; pattern++, text++) {
		if (*pattern != *text)
			return false;
		if (!*pattern)
			return true;
	}
	while (*pattern == '*')
		pattern++;
	for (;; text++) {
		if (metric_glob(pattern, text))
			return true;
		if (!*text || *text == '.')
			return false;
	}
}

/* A declared name with a word for its first `*`, and of two stars one of `words2` for the second.
 */
static char *spelt(const struct metric_decl *m, const char *word, const char *word2)
{
	const char *star = strchr(m->name, '*'), *second = strchr(star + 1, '*');

	if (!second)
		return g_strdup_printf("%.*s%s%s", (int)(star - m->name), m->name, word, star + 1);
	return g_strdup_printf("%.*s%s%.*s%s%s", (int)(star - m->name), m->name, word,
			       (int)(second - star - 1), star + 1, word2, second + 1);
}

/* Each name that the declaration's words make; for one without a second list `*` stays there. */
static GPtrArray *spellings(const struct metric_decl *m)
{
	static const char *const any[] = {"*", NULL};
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

	for (const char *const *w = m->words; *w; w++)
		for (const char *const *w2 = m->words2 ? m->words2 : any; *w2; w2++)
			g_ptr_array_add(names, spelt(m, *w, *w2));
	return names;
}

/* Does `name`, which may hold `*`, fit the declaration, whose `*` is one of its words? */
static bool fits(const struct metric_decl *m, const char *name)
{
	const char *star = strchr(m->name, '*');
	size_t same = star ? (size_t)(star - m->name) : 0;

	if (!star)
		return metric_glob(name, m->name);
	if (!m->words)
		return metric_glob(m->name, name) || metric_glob(name, m->name);
	/* Most names are told apart by what stands before the star. */
	if (strcspn(name, "*") >= same && strncmp(name, m->name, same) != 0)
		return false;
	g_autoptr(GPtrArray) names = spellings(m);
	for (guint i = 0; i < names->len; i++)
		if (metric_glob(name, names->pdata[i]))
			return true;
	return false;
}

const struct metric_decl *metric_find(const struct metric_table *t, const char *name)
{
	for (const struct metric_decl *m = t->metrics; m->name; m++)
		if (fits(m, name))
			return m;
	return NULL;
}

/* All that could stand for the object's part of a name. */
static void add_once(GPtrArray *names, const char *name)
{
	if (!g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
		g_ptr_array_add(names, (void *)name);
}

static GPtrArray *object_names(const struct metric_table *t, const struct scenario *sc)
{
	GPtrArray *names = g_ptr_array_new();

	for (const struct metric_object *o = t->objects; o->bit; o++) {
		if (o->name)
			add_once(names, o->name);
		for (size_t i = 0; o->kind && !o->part && i < scenario_count(sc, o->kind); i++)
			add_once(names, cfg_name(scenario_at(sc, o->kind, i)));
	}
	g_ptr_array_add(names, NULL);
	return names;
}

static bool is_object(const struct metric_object *o, const struct scenario *sc, const char *word)
{
	if (o->name && metric_glob(word, o->name))
		return true;
	for (size_t i = 0; o->kind && i < scenario_count(sc, o->kind); i++)
		if (metric_glob(word, cfg_name(scenario_at(sc, o->kind, i))))
			return true;
	return false;
}

/* "core3" or "core*"; "process". */
static bool is_part(const struct metric_object *o, const char *word)
{
	const char *part = o->part;
	size_t n = strlen(part);

	if (o->only)
		return metric_glob(word, part);
	return strcmp(word, "*") == 0 || (strncmp(word, part, n) == 0 && word[n] &&
					  strspn(word + n, "0123456789*") == strlen(word + n));
}

static bool is_direction(const char *word)
{
	for (const char *const *d = directions; *d; d++)
		if (metric_glob(word, *d))
			return true;
	return false;
}

/* How far the words go as this object: how many of them stand before NAME; 0 if not at all. */
static unsigned prefix_length(const struct metric_object *o, const struct scenario *sc,
			      char **words)
{
	unsigned n = 1;

	if (!words[0] || !is_object(o, sc, words[0]))
		return 0;
	if (o->part) {
		if (!words[n] || !is_part(o, words[n]))
			return 0;
		n++;
	}
	if (o->directed) {
		if (!words[n] || !is_direction(words[n]))
			return 0;
		n++;
	}
	return n;
}

static char *unknown_metric(const struct metric_table *t, unsigned bit, const char *name)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	for (const struct metric_decl *m = t->metrics; m->name; m++) {
		const char *star = strchr(m->name, '*');

		if (!(m->objects & bit))
			continue;
		if (!star || !m->words)
			g_ptr_array_add(names, g_strdup(m->name));
		if (star && m->words) {
			g_autoptr(GPtrArray) more = spellings(m);

			for (guint i = 0; i < more->len; i++)
				g_ptr_array_add(names, g_strdup(more->pdata[i]));
		}
	}
	g_ptr_array_add(names, NULL);
	g_autofree char *hint = nearest_hint(name, (const char *const *)names->pdata);
	return g_strdup_printf("no metric \"%s\" here; %s", name, hint);
}

const struct metric_decl *metric_judge(const struct metric_table *t, const struct scenario *sc,
				       const char *full, char **why)
{
	g_auto(GStrv) words = g_strsplit(full, ".", -1);
	bool object_known = false;
	char *unknown = NULL;

	for (const struct metric_object *o = t->objects; o->bit; o++) {
		unsigned n = prefix_length(o, sc, words);

		object_known |= words[0] && is_object(o, sc, words[0]);
		if (!n || !words[n])
			continue;
		g_autofree char *name = g_strjoinv(".", words + n);
		for (const struct metric_decl *m = t->metrics; m->name; m++)
			if ((m->objects & o->bit) && fits(m, name)) {
				g_free(unknown);
				return m;
			}
		if (!unknown)
			unknown = unknown_metric(t, o->bit, name);
	}
	*why = unknown;
	if (unknown)
		return NULL;
	if (object_known) {
		*why = g_strdup("behind the object stands rx, tx or local where it has directions, "
				"or one of its parts, then the metric, as in vm1.rx.drops");
		return NULL;
	}
	g_autoptr(GPtrArray) names = object_names(t, sc);
	g_autofree char *hint =
		nearest_hint(words[0] ? words[0] : "", (const char *const *)names->pdata);
	*why = g_strdup_printf("nothing measured is called \"%s\"; %s", words[0] ? words[0] : "",
			       hint);
	return NULL;
}

/* Behind the n-th dot. */
static const char *after_dots(const char *text, unsigned n)
{
	while (n--)
		text = strchr(text, '.') + 1;
	return text;
}

const char *metric_split(const struct metric_table *t, const struct scenario *sc, const char *full,
			 char **object, char **dir)
{
	g_auto(GStrv) words = g_strsplit(full, ".", -1);
	unsigned before = 1;
	bool directed = false, found = false;

	for (const struct metric_object *o = t->objects; o->bit && !found; o++) {
		unsigned n = prefix_length(o, sc, words);

		if (!n || !words[n])
			continue;
		for (const struct metric_decl *m = t->metrics; m->name && !found; m++)
			found = (m->objects & o->bit) && fits(m, after_dots(full, n));
		if (found) {
			before = n;
			directed = o->directed;
		}
	}
	*dir = directed ? g_strdup(words[before - 1]) : NULL;
	const char *name = words[1] ? after_dots(full, before) : full;
	const char *end = name - (directed ? strlen(words[before - 1]) + 1 : 0) - 1;
	*object = g_strndup(full, end > full ? (gsize)(end - full) : 0);
	return name;
}

/* ---- listing ---- */

static void print_object(const struct metric_object *o, GString *out)
{
	if (o->kind)
		for (const char *p = o->kind; *p; p++)
			g_string_append_c(out, g_ascii_toupper(*p));
	else
		g_string_append(out, o->name);
	if (o->part)
		g_string_append_printf(out, ".%s%s", o->part, o->only ? "" : "N");
	if (o->directed)
		g_string_append(out, ".rx|tx|local");
}

void metric_print(const struct metric_table *t, GString *out)
{
	int wide = 0, unit = 0;

	for (const struct metric_decl *m = t->metrics; m->name; m++) {
		wide = MAX(wide, (int)strlen(m->name));
		unit = MAX(unit, (int)strlen(m->unit));
	}
	for (const struct metric_object *o = t->objects; o->bit; o++) {
		g_string_append(out, o == t->objects ? "" : "\n");
		print_object(o, out);
		g_string_append_c(out, '\n');
		for (const struct metric_decl *m = t->metrics; m->name; m++) {
			if (!(m->objects & o->bit))
				continue;
			g_string_append_printf(out, "  %-*s  %-*s  %s", wide, m->name, unit,
					       m->unit, m->help);
			for (const char *const *w = m->words; w && *w; w++)
				g_string_append_printf(out, "%s%s", w == m->words ? ": " : " ", *w);
			g_string_append_c(out, '\n');
		}
	}
}
