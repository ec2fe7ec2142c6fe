/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_compare.c - the verb that holds a result, or a folder of them, against another.
 *
 * Of folders, files of the same name are compared: a study writes point-0001.json and so on, so
 * points and repeats find each other. One that has no partner counts as a difference.
 */
#include <stdlib.h>
#include <string.h>
#include "cli_verbs.h"
#include "compare.h"
#include "outfile.h"
#include "sim_error.h"
#include "units.h"
#include "wrap.h"

struct comparing {
	struct session *s;
	uint64_t tolerance_ppm;
	GString *text;
	json_t *list;
	size_t n[COMPARE_VERDICTS], alone; /* metrics; points */
};

static void compare_files(struct comparing *c, const char *name, const char *a, const char *b)
{
	g_autoptr(GError) error = NULL;
	json_t *first = compare_load(a, &error), *second = first ? compare_load(b, &error) : NULL;

	if (second) {
		struct comparison *found =
			compare_results(c->s->prog->metrics, name, first, second, c->tolerance_ppm);

		compare_print_within(found, wrap_columns(session_tables(c->s)), c->text);
		json_array_append_new(c->list, compare_json(found));
		for (int v = 0; v < COMPARE_VERDICTS; v++)
			c->n[v] += compare_count(found, (enum compare_verdict)v);
		compare_free(found);
	} else {
		session_complain(c->s, error);
	}
	json_decref(first);
	json_decref(second);
}

/* ---- folders ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the points in a folder, sorted; NULL and said if there are none. */
static GPtrArray *points_of(struct session *s, const char *folder)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		if (g_str_has_prefix(name, "point-") && g_str_has_suffix(name, ".json"))
			g_ptr_array_add(names, g_strdup(name));
	if (names->len) {
		g_ptr_array_sort(names, by_name);
		return names;
	}
	session_raise(s, error ? cli_usage_error(s->prog, "%s", error->message)
			       : cli_usage_error(s->prog,
						 "%s: holds no point-*.json; sweep writes them",
						 folder));
	g_ptr_array_unref(names);
	return NULL;
}

static void point_alone(struct comparing *c, const char *name, const char *where)
{
	g_string_append_printf(c->text, "%s\n  only in %s\n\n", name, where);
	json_array_append_new(c->list, json_pack("{s:s, s:s}", "point", name, "only_in", where));
	c->alone++;
}

/* Both lists are sorted: one pass over both. */
static void compare_points(struct comparing *c, const char *a, const GPtrArray *in_a, const char *b,
			   const GPtrArray *in_b)
{
	for (guint i = 0, k = 0; i < in_a->len || k < in_b->len;) {
		const char *first = i < in_a->len ? in_a->pdata[i] : NULL;
		const char *second = k < in_b->len ? in_b->pdata[k] : NULL;
		int order = !first ? 1 : !second ? -1 : strcmp(first, second);

		if (order == 0) {
			g_autofree char *path_a = g_build_filename(a, first, NULL);
			g_autofree char *path_b = g_build_filename(b, second, NULL);

			compare_files(c, first, path_a, path_b);
		} else {
			point_alone(c, order < 0 ? first : second, order < 0 ? "A" : "B");
		}
		i += order <= 0;
		k += order >= 0;
	}
}

static void compare_folders(struct comparing *c, const char *a, const char *b)
{
	g_autoptr(GPtrArray) in_a = points_of(c->s, a);
	g_autoptr(GPtrArray) in_b = in_a ? points_of(c->s, b) : NULL;

	if (in_b)
		compare_points(c, a, in_a, b, in_b);
}

/* ---- the outcome ---- */

static void print_sum(struct comparing *c)
{
	size_t missing = c->n[COMPARE_ONLY_A] + c->n[COMPARE_ONLY_B];

	g_string_append_printf(c->text, "%zu metrics equal, %zu within tolerance, %zu differ",
			       c->n[COMPARE_EQUAL], c->n[COMPARE_WITHIN],
			       c->n[COMPARE_DIFFERS] + missing);
	if (missing)
		g_string_append_printf(c->text, " (%zu only in A, %zu only in B)",
				       c->n[COMPARE_ONLY_A], c->n[COMPARE_ONLY_B]);
	if (c->alone)
		g_string_append_printf(c->text, "; %zu points without partner", c->alone);
	g_string_append_c(c->text, '\n');
	if (!c->s->o.quiet)
		session_print(c->s, session_tables(c->s), c->text->str);
	if (c->n[COMPARE_DIFFERS] + missing + c->alone)
		session_raise(c->s, SIM_EXIT_EXPECT);
}

static void write_json(struct comparing *c)
{
	g_autoptr(GError) error = NULL;
	json_t *top =
		json_pack("{s:s, s:s, s:f, s:O}", "a", c->s->o.rest[0], "b", c->s->o.rest[1],
			  "tolerance", (double)c->tolerance_ppm / 1e6, "comparisons", c->list);
	char *text = top ? json_dumps(top, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
	g_autofree char *line = g_strconcat(text ? text : "null", "\n", NULL);

	if (!outfile_write(c->s->o.json, line, strlen(line), &error))
		session_complain(c->s, error);
	free(text);
	json_decref(top);
}

static bool read_tolerance(struct comparing *c)
{
	g_autofree char *why = NULL;
	const char *said = c->s->o.tolerance;

	if (!said || units_parse(KEY_PERCENT, said, "%", &c->tolerance_ppm, &why))
		return true;
	session_raise(c->s, cli_usage_error(c->s->prog, "--tolerance: %s", why));
	return false;
}

int verb_compare(struct session *s)
{
	g_autoptr(GString) text = g_string_new(NULL);
	struct comparing c = {.s = s, .text = text};

	if (g_strv_length(s->o.rest) != 2)
		return cli_usage_error(s->prog, "compare takes two result files or two folders of "
						"studies");
	const char *a = s->o.rest[0], *b = s->o.rest[1];
	bool folders = g_file_test(a, G_FILE_TEST_IS_DIR);
	if (g_file_test(b, G_FILE_TEST_EXISTS) && folders != g_file_test(b, G_FILE_TEST_IS_DIR))
		return cli_usage_error(s->prog, "compare takes two files or two folders, not one "
						"of each");
	if (!read_tolerance(&c) || !session_outputs(s, NULL))
		return s->code;
	c.list = json_array();
	(void)(folders ? compare_folders(&c, a, b) : compare_files(&c, NULL, a, b));
	if (json_array_size(c.list)) {
		print_sum(&c);
		if (s->o.json)
			write_json(&c);
	}
	json_decref(c.list);
	return s->code;
}
