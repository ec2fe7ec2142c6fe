/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_report.c - the verb that makes a page of results: what is asked for, where figures come from.
 *
 * Figures are drawn as `plot` draws them, into a folder of its own that goes again. Without
 * gnuplot the page is made all the same, without them, and that is said.
 */
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include "cli_verbs.h"
#include "outfile.h"
#include "page.h"
#include "sim_error.h"

static const struct {
	const char *file, *title, *shows;
} known[] = {
	{"copies.svg", "Copies", "CPU copies per delivered packet, by policy and place"},
	{"latency.svg", "Latency", "Share of frames delivered within a time, by policy"},
	{"load.svg", "Load", "Throughput and drops against offered load, by policy"},
	{"stages.svg", "Stages", "Where the time goes: mean of each stage, by policy"},
};

static void remove_folder(const char *folder)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		g_unlink(path);
	}
	g_rmdir(folder);
}

/* The title of a study's figure is the first text of its table; NULL: there is no such table. */
static char *title_in(const char *svg)
{
	g_autofree char *stem = g_strndup(svg, strlen(svg) - strlen(".svg"));
	g_autofree char *path = g_strconcat(stem, ".dat", NULL);
	g_autofree char *text = NULL;
	const char *title;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return NULL;
	title = strchr(text, '"');
	return title ? g_strndup(title + 1, strcspn(title + 1, "\"")) : NULL;
}

static bool add_figure(struct page *p, const char *path, GError **error)
{
	g_autofree char *file = g_path_get_basename(path), *title = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (strcmp(file, known[i].file) == 0)
			return page_add_figure(p, path, known[i].title, known[i].shows, error);
	title = title_in(path);
	return page_add_figure(p, path, title ? title : file, title ? title : file, error);
}

/* In the order in which they were drawn. */
static bool add_figures(struct page *p, const GPtrArray *made, GError **error)
{
	for (guint i = 0; i < made->len; i++)
		if (g_str_has_suffix(made->pdata[i], ".svg") &&
		    !add_figure(p, made->pdata[i], error))
			return false;
	return true;
}

static bool draw(struct session *s, struct page *p, const struct scenario *sc, GError **error)
{
	g_autofree char *folder = g_dir_make_tmp("vnicsim-report-XXXXXX", error);
	g_autoptr(GPtrArray) made = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) why = NULL;
	bool ok;

	if (!folder)
		return false;
	if (!s->prog->plot((const char *const *)s->o.rest, folder, sc, made, &why))
		fprintf(stderr, "%s: no figures: %s\n", s->prog->name, why->message);
	ok = add_figures(p, made, error);
	remove_folder(folder);
	return ok;
}

static bool is_folder(const char *path)
{
	return g_file_test(path, G_FILE_TEST_IS_DIR);
}

static char *title_of(const struct session *s)
{
	g_autofree char *full = g_canonicalize_filename(s->o.rest[0], NULL);
	g_autofree char *base = g_path_get_basename(full);

	if (g_str_has_suffix(base, ".json"))
		base[strlen(base) - strlen(".json")] = '\0';
	return s->o.rest[1] ? g_strdup_printf("%u results", g_strv_length(s->o.rest))
			    : g_steal_pointer(&base);
}

static char *out_of(const struct session *s)
{
	const char *first = s->o.rest[0];
	g_autofree char *stem = g_strdup(first);

	if (s->o.out)
		return g_strdup(s->o.out);
	if (is_folder(first))
		return g_build_filename(first, "report.html", NULL);
	if (g_str_has_suffix(stem, ".json"))
		stem[strlen(stem) - strlen(".json")] = '\0';
	return g_strconcat(stem, ".html", NULL);
}

static bool fill(struct session *s, struct page *p, const struct scenario *sc, GError **error)
{
	for (char **path = s->o.rest; *path; path++)
		if (!(is_folder(*path) ? page_add_study : page_add_result)(p, *path, error))
			return false;
	if (s->o.scenario && !page_set_scenario(p, s->o.scenario, error))
		return false;
	return !s->prog->plot || draw(s, p, sc, error);
}

int verb_report(struct session *s)
{
	g_autoptr(GError) error = NULL;
	unsigned n = g_strv_length(s->o.rest);

	if (!n)
		return cli_usage_error(s->prog,
				       "report takes result files, or the folder of a study");
	for (char **path = s->o.rest; *path; path++) {
		if (!g_file_test(*path, G_FILE_TEST_EXISTS))
			return cli_usage_error(s->prog, "%s: no such file or folder", *path);
		if (n > 1 && is_folder(*path))
			return cli_usage_error(s->prog,
					       "%s is the folder of a study: report takes one "
					       "alone, or result files",
					       *path);
	}
	g_autoptr(scenario_auto) sc = NULL;
	if (!session_scenario(s, &sc))
		return s->code;
	g_autofree char *title = title_of(s), *out = out_of(s);
	g_autoptr(page_auto) p = page_new(s->prog, title);
	if (!outfile_check(out, &error) || !fill(s, p, sc, &error)) {
		session_complain(s, error);
		return s->code;
	}
	g_autofree char *html = page_html(p);
	if (!outfile_write(out, html, strlen(html), &error))
		session_complain(s, error);
	else if (!s->o.quiet && strcmp(out, "-") != 0)
		g_print("%s\n", out);
	return s->code;
}
