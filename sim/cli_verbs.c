/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_verbs.c - what each verb does with its files, once its options are parsed; see cli.h for the
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
#include "explain.h"
#include "nearest.h"
#include "outfile.h"
#include "sim_error.h"

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
	report_print(s->prog->report, run->sc, run->result, out);
	if (result_explained(run->result))
		explain_print(result_explained(run->result), out);
	describe_expectations(st, run, out);
	session_print(s, session_tables(s), out->str);
}

static void write_run(struct session *s, const struct study *st, const struct study_run *run)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = g_strdup_printf("%s.json", scenario_name(st->sc));
	g_autofree char *path = s->o.out ? g_build_filename(s->o.out, name, NULL) : NULL;

	if ((s->o.json && !result_write(run->result, s->o.json, &error)) ||
	    (path && (!result_write(run->result, path, &error) ||
		      !study_write_tables(st, s->o.out, &error))))
		session_complain(s, error);
}

int verb_run(struct session *s)
{
	if (g_strv_length(s->o.rest) != 1)
		return cli_usage_error(s->prog, "%s one scenario file",
				       s->prog->one_verb ? "give" : "run takes");
	g_autoptr(study_auto) st = session_load(s, s->o.rest[0], true);
	if (!st || !session_outputs(s, s->o.out))
		return s->code;
	study_run(st, 1, &s->progress, session_interrupted(), run_done, s);
	if (st->runs[0].result) {
		if (!s->o.quiet)
			print_report(s, st, &st->runs[0]);
		write_run(s, st, &st->runs[0]);
	}
	session_end(s);
	return s->code;
}

/* ---- sweep ---- */

struct sweep_output {
	struct session *s;
	const char *folder; /* NULL: none */
	struct report_table *table;
	GString *json; /* NULL: none */
};

static void sweep_head(struct sweep_output *o, const struct study *st)
{
	report_table_cell(o->table, "point", true);
	for (const char **key = st->keys; *key; key++)
		report_table_cell(o->table, *key, false);
	if (sweep_repeats(st->sweep) > 1)
		report_table_cell(o->table, "repeat", true);
	for (const struct report_col *c = o->s->prog->sweep_cols; c && c->head; c++)
		report_table_cell(o->table, c->head, c->fmt != REPORT_TEXT);
	report_table_row(o->table);
}

static void sweep_row(struct sweep_output *o, const struct study *st, const struct study_run *run)
{
	g_autofree char *number = g_strdup_printf("%u", run->point);
	g_autofree char *repeat = g_strdup_printf("%u", run->repeat);

	report_table_cell(o->table, number, true);
	for (const char **value = run->values; *value; value++)
		report_table_cell(o->table, *value, false);
	if (sweep_repeats(st->sweep) > 1)
		report_table_cell(o->table, repeat, true);
	for (const struct report_col *c = o->s->prog->sweep_cols; c && c->head; c++) {
		g_autoptr(GString) text = g_string_new(NULL);

		report_value(c->fmt, result_find(run->result, c->metric), text);
		report_table_cell(o->table, text->str, c->fmt != REPORT_TEXT);
	}
	report_table_row(o->table);
}

static bool sweep_done(void *arg, struct study *st, struct study_run *run)
{
	struct sweep_output *o = arg;
	g_autoptr(GError) error = NULL;

	if (!session_usable(o->s, run))
		return true;
	expect_judge(st->expect, run->sc, run->result, record_verdict, run->result);
	sweep_row(o, st, run);
	if (o->json) {
		g_autofree char *text = result_json(run->result);
		g_string_append_printf(o->json, "%s%s", o->json->len > 2 ? ",\n" : "",
				       g_strchomp(text));
	}
	if (!o->folder || study_write_point(st, run, o->folder, &error))
		return true;
	session_complain(o->s, error);
	return false;
}

/* What remains after all points: tables, JSON, the table for the eye. */
static void sweep_end(struct sweep_output *o, const struct study *st)
{
	struct session *s = o->s;
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) text = g_string_new(NULL);

	if (o->folder && s->code != SIM_EXIT_OUTPUT && !study_write_tables(st, o->folder, &error))
		session_complain(s, error);
	g_clear_error(&error);
	if (o->json) {
		g_string_append(o->json, "\n]\n");
		if (!outfile_write(s->o.json, o->json->str, o->json->len, &error))
			session_complain(s, error);
	}
	report_table_print(o->table, text);
	if (o->folder && s->code != SIM_EXIT_OUTPUT)
		g_string_append_printf(text, "\nresults: %s/results.csv, wide.csv, point-*.json\n",
				       o->folder);
	if (!s->o.quiet)
		session_print(s, session_tables(s), text->str);
}

/* The points of an earlier, larger sweep would be taken for points of this one. */
static void remove_old_points(const char *folder)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		if (g_regex_match_simple("^point-[0-9]{4}(-r[0-9]+)?\\.json$", name, 0, 0))
			remove(path);
	}
}

int verb_sweep(struct session *s)
{
	if (g_strv_length(s->o.rest) != 1)
		return cli_usage_error(s->prog, "sweep takes one scenario file");
	g_autoptr(study_auto) st = session_load(s, s->o.rest[0], false);
	if (!st)
		return s->code;
	g_autofree char *folder = s->o.out ? g_strdup(s->o.out)
					   : g_build_filename("out", scenario_name(st->sc), NULL);
	if (!session_outputs(s, folder))
		return s->code;
	remove_old_points(folder);
	struct sweep_output o = {s, folder, report_table_new(),
				 s->o.json ? g_string_new("[\n") : NULL};
	sweep_head(&o, st);
	study_run(st, session_threads(s), &s->progress, session_interrupted(), sweep_done, &o);
	sweep_end(&o, st);
	report_table_free(o.table);
	if (o.json)
		g_string_free(o.json, TRUE);
	session_end(s);
	return s->code;
}

/* ---- check ---- */

struct check {
	struct session *s;
	const char *file, *label, *folder;
	unsigned n[3];
	json_t *list;
	struct result *result; /* being judged; NULL after the last point */
};

static void check_line(struct check *c, const char *outcome, const char *metric, const char *want,
		       const char *got, const char *reason)
{
	g_autoptr(GString) line = g_string_new(NULL);

	g_string_append_printf(line, "%s %s ", outcome, c->file);
	if (*c->label)
		g_string_append_printf(line, "[%s] ", c->label);
	g_string_append_printf(line, "%s %s %s", metric, want, got);
	if (reason)
		g_string_append_printf(line, " (%s)", reason);
	g_string_append_c(line, '\n');
	session_print(c->s, session_tables(c->s), line->str);
	json_array_append_new(c->list,
			      json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*}", "verdict", outcome,
					"file", c->file, "point", c->label, "metric", metric,
					"want", want, "got", got, "reason", reason));
}

static void check_verdict(void *arg, const struct expect_verdict *v)
{
	struct check *c = arg;
	const char *word = expect_word(v->outcome);

	c->n[v->outcome]++;
	if (!c->s->o.quiet || v->outcome == EXPECT_FAIL)
		check_line(c, word, v->metric, v->want, v->got, v->reason);
	if (c->result)
		result_expect(c->result, v->metric, v->want, v->got, word);
}

static bool check_done(void *arg, struct study *st, struct study_run *run)
{
	struct check *c = arg;
	g_autoptr(GError) error = NULL;

	c->label = run->label;
	if (!session_usable(c->s, run)) {
		c->n[EXPECT_FAIL]++;
		check_line(c, "FAIL", "run", "-", "-", run->error->message);
		return true;
	}
	c->result = run->result;
	expect_judge(st->expect, run->sc, run->result, check_verdict, c);
	c->result = NULL;
	if (c->folder && !study_write_point(st, run, c->folder, &error))
		session_complain(c->s, error);
	return !error;
}

static void check_file(struct check *c, const char *path)
{
	struct session *s = c->s;
	g_autoptr(study_auto) st = session_load(s, path, s->prog->one_verb);
	g_autoptr(GError) error = NULL;

	c->file = path;
	c->label = "";
	if (!st) {
		c->n[EXPECT_FAIL]++;
		check_line(c, "FAIL", "scenario", "-", "-", "cannot be used");
		return;
	}
	g_autofree char *folder =
		s->o.out ? g_build_filename(s->o.out, scenario_name(st->sc), NULL) : NULL;
	c->folder = folder;
	if (!session_outputs(s, folder))
		return;
	if (folder)
		remove_old_points(folder);
	study_run(st, session_threads(s), &s->progress, session_interrupted(), check_done, c);
	c->label = "";
	if (*session_interrupted())
		return;
	expect_finish(st->expect, check_verdict, c);
	if (!expect_count(st->expect) && st->runs[0].result) {
		c->n[EXPECT_SKIP]++;
		check_line(c, "SKIP", "expect", "-", "-", "the file has no [expect]");
	}
	if (folder && !study_write_tables(st, folder, &error))
		session_complain(s, error);
}

int verb_check(struct session *s)
{
	struct check c = {.s = s};
	g_autoptr(GError) error = NULL;

	if (!g_strv_length(s->o.rest))
		return cli_usage_error(s->prog, "check takes scenario files");
	if (!session_outputs(s, NULL))
		return s->code;
	c.list = json_array();
	for (char **path = s->o.rest; *path && !*session_interrupted(); path++)
		check_file(&c, *path);
	g_autofree char *sum =
		g_strdup_printf("%u passed, %u failed, %u skipped\n", c.n[0], c.n[1], c.n[2]);
	session_print(s, session_tables(s), sum);
	if (s->o.json) {
		char *text = json_dumps(c.list, JSON_INDENT(2));
		g_autofree char *line = g_strconcat(text, "\n", NULL);

		if (!outfile_write(s->o.json, line, strlen(line), &error))
			session_complain(s, error);
		free(text);
	}
	json_decref(c.list);
	if (c.n[EXPECT_FAIL])
		session_raise(s, SIM_EXIT_EXPECT);
	session_end(s);
	return s->code;
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

int verb_list(struct session *s)
{
	static const char *const topics[] = {"policies", "keys",    "metrics",
					     "systems",  "presets", NULL};
	g_autoptr(GString) out = g_string_new(NULL);

	if (g_strv_length(s->o.rest) != 1)
		return cli_usage_error(s->prog, "list takes one of: policies keys metrics systems "
						"presets");
	const char *what = s->o.rest[0];
	if (strcmp(what, "policies") == 0) {
		list_items(s->prog->policy, out);
	} else if (strcmp(what, "systems") == 0) {
		list_items(s->prog->system, out);
	} else if (strcmp(what, "metrics") == 0) {
		metric_print(s->prog->metrics, out);
	} else if (strcmp(what, "presets") == 0) {
		keys_print_presets(s->prog->groups, out);
	} else if (strcmp(what, "keys") == 0) {
		(s->o.markdown ? keys_print_markdown : keys_print)(s->prog->groups, out);
	} else {
		g_autofree char *hint = nearest_hint(what, topics);
		return cli_usage_error(s->prog, "list: no \"%s\"; %s", what, hint);
	}
	session_print(s, stdout, out->str);
	return s->code;
}
