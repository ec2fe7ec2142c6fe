/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_verbs.c - what most verbs do with its files, once their options are parsed; see cli.h for the
 * verbs, cli_verbs.h for what they are given.
 *
 * A verb that runs loads a study and is given each run back in a function *_done(). Errors raise
 * the session's code, which never falls. Every message goes to stderr as "PROGRAM: message" and is
 * one line.
 */
#include "cli_verbs.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli_man.h"
#include "explain.h"
#include "folder.h"
#include "nearest.h"
#include "outfile.h"
#include "sim_error.h"
#include "wrap.h"

static void record_verdict(void *arg, const struct expect_verdict *v)
{
	result_expect(arg, v->metric, v->want, v->got, expect_word(v->outcome));
}

static void count_verdict(void *arg, const struct expect_verdict *v)
{
	((unsigned *)arg)[v->outcome]++;
}

static void failed_line(void *arg, const struct expect_verdict *v)
{
	if (v->outcome == EXPECT_FAIL)
		g_string_append_printf(arg, "  %s: %s: want %s, got %s\n", v->where, v->metric,
				       v->want, v->got);
}

static void describe_expectations(struct study *st, const struct study_run *run, GString *out)
{
	unsigned n[3] = {0};

	expect_judge(st->expect, run->sc, run->result, count_verdict, n);
	if (n[0] + n[1] + n[2])
		g_string_append_printf(out, "\nexpectations: %u passed, %u failed, %u skipped\n",
				       n[0], n[1], n[2]);
	expect_judge(st->expect, run->sc, run->result, failed_line, out);
}

/* ---- run ---- */

static bool run_done(void *arg, struct study *st, struct study_run *run)
{
	struct session *s = arg;

	if (session_usable(s, run))
		expect_judge(st->expect, run->sc, run->result, record_verdict, run->result);
	return true;
}

static void print_report(struct session *s, struct study *st, const struct study_run *run)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autofree char *base = g_path_get_basename(scenario_path(st->sc));

	g_string_append_printf(out, "%s, seed %" G_GUINT64_FORMAT "%s\n", base, run->seed,
			       result_partial(run->result) ? ", PARTIAL" : "");
	if (study_is_swept(st) && s->prog->one_verb)
		g_string_append_printf(out, "base point of %zu\n", sweep_points(st->sweep));
	else if (study_is_swept(st))
		g_string_append_printf(out, "base point; `%s sweep` does all of %zu points\n",
				       s->prog->name, sweep_points(st->sweep));
	if (st->search && !s->prog->one_verb)
		g_string_append_printf(out, "as it stands; `%s sweep` searches for %s\n",
				       s->prog->name, search_key(st->search));
	report_print(s->prog->report, run->sc, run->result, out);
	if (result_explained(run->result))
		explain_print(result_explained(run->result), out);
	describe_expectations(st, run, out);
	session_print(s, session_tables(s), out->str);
}

static void write_run(struct session *s, struct study *st, const struct study_run *run)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = g_strdup_printf("%s.json", scenario_name(st->sc));
	g_autofree char *path = s->o.out ? g_build_filename(s->o.out, name, NULL) : NULL;

	if ((s->o.json && !result_write(run->result, s->o.json, &error)) ||
	    (path && (!result_write(run->result, path, &error) ||
		      !study_write_tables(st, s->o.out, NULL, NULL, &error))))
		session_complain(s, error);
}

int verb_run(struct session *s)
{
	if (g_strv_length(s->o.rest) != 1)
		return cli_usage_error(s->prog, "%s one scenario file",
				       s->prog->one_verb ? "give" : "run takes");
	g_autoptr(study_auto) st = session_load(s, s->o.rest[0], true);
	struct run_look look = {.said = stderr};
	if (!st || !session_outputs(s, s->o.out) || !session_look(s, &look))
		return s->code;
	st->look = &look;
	study_run(st, 1, &s->progress, session_interrupted(), run_done, s);
	if (st->runs[0].result) {
		if (!s->o.quiet)
			print_report(s, st, &st->runs[0]);
		write_run(s, st, &st->runs[0]);
	}
	session_end(s);
	return s->code;
}

void study_remove_points(const char *folder)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		if (g_regex_match_simple("^point-[0-9]{4}(-r[0-9]+)?\\.json$", name, 0, 0))
			remove(path);
	}
}

int verb_only(struct session *s)
{
	return s->o.check && g_strv_length(s->o.rest) == 1 ? verb_check(s) : verb_run(s);
}

/* ---- plot ---- */

bool session_scenario(struct session *s, struct scenario **sc)
{
	g_autoptr(GError) error = NULL;

	if (s->o.sets && !s->o.scenario)
		return cli_usage_error(s->prog, "--set is over a scenario: give --scenario, too") &&
		       (session_raise(s, SIM_EXIT_USAGE), false);
	if (!s->o.scenario)
		return true;
	*sc = scenario_load(s->o.scenario, s->prog->groups, (const char *const *)s->o.sets, &error);
	if (!*sc)
		session_complain(s, error);
	return *sc != NULL;
}

int verb_plot(struct session *s)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(scenario_auto) sc = NULL;

	if (!g_strv_length(s->o.rest))
		return cli_usage_error(s->prog,
				       "plot takes result files, or the folder of a study");
	if (!s->prog->plot)
		return cli_usage_error(s->prog, "this program has no plots");
	for (char **path = s->o.rest; *path; path++)
		if (!g_file_test(*path, G_FILE_TEST_EXISTS))
			return cli_usage_error(s->prog, "%s: no such file or folder", *path);
	if (!session_scenario(s, &sc))
		return s->code;
	g_autoptr(GPtrArray) made = g_ptr_array_new_with_free_func(g_free);
	if (!s->prog->plot((const char *const *)s->o.rest, s->o.out, sc, made, &error))
		session_complain(s, error);
	for (guint i = 0; i < made->len; i++)
		if (g_str_has_suffix(made->pdata[i], ".png") ||
		    g_str_has_suffix(made->pdata[i], ".svg"))
			g_print("%s\n", (char *)made->pdata[i]);
	return s->code;
}

/* ---- list ---- */

static void list_items(bool (*item)(size_t, struct cli_item *), GString *out)
{
	struct report_table *t = report_table_new();
	struct cli_item it;

	for (size_t i = 0; item && item(i, &it); i++) {
		report_table_cell(t, it.name, false);
		report_table_cell(t, it.help, false);
		report_table_row(t);
	}
	report_table_print(t, out);
	report_table_free(t);
}

static void list_verbs(const struct session *s, GString *out)
{
	struct report_table *t = report_table_new();

	for (const struct verb *v = cli_verbs(); v->name; v++) {
		g_autofree char *help = cli_verb_help(s->prog, v);

		if (s->o.man)
			man_verb(s->prog->name, v->name, v->arguments, v->help, help, v->examples,
				 out);
		report_table_cell(t, v->name, false);
		report_table_cell(t, v->help, false);
		report_table_row(t);
	}
	if (!s->o.man)
		report_table_print(t, out);
	report_table_free(t);
}

int verb_list(struct session *s)
{
	static const char *const topics[] = {"policies", "keys",  "metrics", "systems",
					     "presets",  "verbs", NULL};
	g_autoptr(GString) out = g_string_new(NULL);

	if (g_strv_length(s->o.rest) != 1)
		return cli_usage_error(s->prog, "list takes one of: policies keys metrics systems "
						"presets verbs");
	const char *what = s->o.rest[0];
	if (strcmp(what, "policies") == 0) {
		list_items(s->prog->policy, out);
	} else if (strcmp(what, "systems") == 0) {
		list_items(s->prog->system, out);
	} else if (strcmp(what, "metrics") == 0) {
		metric_print(s->prog->metrics, out);
	} else if (strcmp(what, "presets") == 0) {
		keys_print_presets(s->prog->groups, out);
	} else if (strcmp(what, "verbs") == 0) {
		list_verbs(s, out);
	} else if (strcmp(what, "keys") == 0 && s->o.man) {
		man_keys(s->prog->groups, out);
	} else if (strcmp(what, "keys") == 0) {
		(s->o.markdown ? keys_print_markdown : keys_print)(s->prog->groups, out);
	} else {
		g_autofree char *hint = nearest_hint(what, topics);
		return cli_usage_error(s->prog, "list: no \"%s\"; %s", what, hint);
	}
	session_print(s, stdout, out->str);
	return s->code;
}
