/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_fidelity.c - the verb that judges [fidelity ROW] over any number of files.
 *
 * Of each file only the points are run that a row refers to. Rows point into their scenario, so the
 * studies stay until the reports are made; their results do not.
 */
#include <stdio.h>
#include <string.h>
#include "cli_verbs.h"
#include "fidelity_judge.h"
#include "outfile.h"
#include "sim_error.h"

struct fidelity {
	struct session *s;
	GPtrArray *studies;
	GArray *list; /* struct fidelity_judged */
};

/* A row is a line of one document: its name is there once. */
static bool names_are_new(const struct fidelity *f, const struct study *st, GError **error)
{
	for (guint i = 0; i < st->rows->len; i++) {
		const struct fidelity_row *row = st->rows->pdata[i];

		for (guint k = 0; k < f->list->len; k++) {
			const struct fidelity_judged *j =
				&g_array_index(f->list, struct fidelity_judged, k);

			if (strcmp(j->row->name, row->name) == 0)
				return cfg_error(row->cfg, NULL, error,
						 "%s has a row of this name already; choose "
						 "another",
						 j->file);
		}
	}
	return true;
}

static bool run_done(void *arg, struct study *st, struct study_run *run)
{
	struct fidelity *f = arg;
	g_autofree char *line = g_strdup_printf("%s: %zu of %zu runs", scenario_name(st->sc),
						(size_t)(run - st->runs) + 1, st->n_runs);

	if (session_usable(f->s, run))
		progress_note(&f->s->progress, line);
	return true;
}

static void drop_results(struct study *st)
{
	for (size_t i = 0; i < st->n_runs; i++)
		g_clear_pointer(&st->runs[i].result, result_free);
}

static void judge_file(struct fidelity *f, const char *path)
{
	struct session *s = f->s;
	struct study *st = session_load(s, path, false);
	g_autoptr(GError) error = NULL;

	if (!st)
		return;
	g_ptr_array_add(f->studies, st);
	if (!names_are_new(f, st, &error) || !fidelity_plan(st, &error)) {
		session_complain(s, error);
		return;
	}
	study_run(st, session_threads(s), &s->progress, session_interrupted(), run_done, f);
	if (*session_interrupted())
		return;
	for (guint i = 0; i < st->rows->len; i++) {
		struct fidelity_judged j;

		fidelity_judge(st, st->rows->pdata[i], &j);
		g_array_append_val(f->list, j);
		if (fidelity_fails(&j))
			session_raise(s, SIM_EXIT_EXPECT);
	}
	drop_results(st);
}

static void write_text(struct fidelity *f, const char *folder, const char *name, const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = folder ? g_build_filename(folder, name, NULL) : g_strdup(name);

	if (!outfile_write(path, text, strlen(text), &error))
		session_complain(f->s, error);
}

static void write_files(struct fidelity *f)
{
	const struct session *s = f->s;
	g_autofree char *json = fidelity_json(f->list, s->prog->name, s->prog->version);
	g_autoptr(GString) markdown = g_string_new(NULL), csv = g_string_new(NULL);

	if (s->o.json)
		write_text(f, NULL, s->o.json, json);
	if (!s->o.out)
		return;
	fidelity_markdown(f->list, markdown);
	fidelity_csv(f->list, csv);
	write_text(f, s->o.out, "fidelity.json", json);
	write_text(f, s->o.out, "fidelity.md", markdown->str);
	write_text(f, s->o.out, "fidelity.csv", csv->str);
}

static void study_drop(void *st)
{
	study_free(st);
}

int verb_fidelity(struct session *s)
{
	g_autoptr(GPtrArray) studies = g_ptr_array_new_with_free_func(study_drop);
	g_autoptr(GArray) list = g_array_new(FALSE, TRUE, sizeof(struct fidelity_judged));
	g_autoptr(GString) text = g_string_new(NULL);
	struct fidelity f = {s, studies, list};

	g_array_set_clear_func(list, fidelity_judged_clear);
	if (!g_strv_length(s->o.rest))
		return cli_usage_error(s->prog, "fidelity takes scenario files");
	if (!session_outputs(s, s->o.out))
		return s->code;
	for (char **path = s->o.rest; *path && !*session_interrupted(); path++)
		judge_file(&f, *path);
	if (!list->len && s->code == SIM_EXIT_OK && !*session_interrupted())
		return cli_usage_error(s->prog, "no [fidelity ROW] in any of these files");
	/* Rows that hold so far would look like all of them. */
	if (!*session_interrupted())
		write_files(&f);
	fidelity_print(list, text);
	if (!s->o.quiet && list->len)
		session_print(s, session_tables(s), text->str);
	session_end(s);
	return s->code;
}
