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

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *names_in(const char *folder)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, by_name);
	return names;
}

static void remove_folder(const char *folder)
{
	g_autoptr(GPtrArray) names = names_in(folder);

	for (guint i = 0; i < names->len; i++) {
		g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL);

		g_unlink(path);
	}
	g_rmdir(folder);
}

/* study-rx_throughput_bps.svg: its own script says in a comment what it shows. */
static bool add_study_figure(struct page *p, const char *path, const char *name, GError **error)
{
	g_autofree char *words = g_strndup(name + strlen("study-"),
					   strlen(name) - strlen("study-") - strlen(".svg"));
	g_autofree char *shows =
		g_strdup_printf("%s at the points of the study", g_strdelimit(words, "_", ' '));

	return page_add_figure(p, path, words, shows, error);
}

static bool add_figures(struct page *p, const char *folder, GError **error)
{
	g_autoptr(GPtrArray) names = names_in(folder);

	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];
		g_autofree char *path = g_build_filename(folder, name, NULL);

		if (g_str_has_prefix(name, "study-") && g_str_has_suffix(name, ".svg") &&
		    !add_study_figure(p, path, name, error))
			return false;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
		g_autofree char *path = g_build_filename(folder, known[i].file, NULL);

		if (g_file_test(path, G_FILE_TEST_EXISTS) &&
		    !page_add_figure(p, path, known[i].title, known[i].shows, error))
			return false;
	}
	return true;
}

static bool draw(struct session *s, struct page *p, const struct scenario *sc, GError **error)
{
	g_autofree char *folder = g_dir_make_tmp("vnicsim-report-XXXXXX", error);
	g_autoptr(GError) why = NULL;
	bool ok;

	if (!folder)
		return false;
	if (!s->prog->plot((const char *const *)s->o.rest, folder, sc, NULL, &why))
		fprintf(stderr, "%s: no figures: %s\n", s->prog->name, why->message);
	ok = add_figures(p, folder, error);
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
