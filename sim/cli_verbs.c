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
#include "nearest.h"
#include "outfile.h"
#include "sim_error.h"
#include "study.h"

/* A signal handler can reach nothing else. */
static volatile sig_atomic_t interrupted;

static void on_sigint(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

/* The second SIGINT kills. */
void cli_catch_sigint(void)
{
	struct sigaction action = {.sa_handler = on_sigint, .sa_flags = (int)SA_RESETHAND};

	interrupted = 0;
	sigaction(SIGINT, &action, NULL);
}

static void raise_code(struct session *s, int code)
{
	s->code = MAX(s->code, code);
}

/* Says what went wrong and takes over its code. */
static void complain(struct session *s, const GError *error)
{
	progress_erase(&s->progress);
	fprintf(stderr, "%s: %s\n", s->prog->name, error->message);
	raise_code(s, error->domain == SIM_ERROR ? error->code : SIM_EXIT_USAGE);
}

int cli_usage_error(const struct cli_program *prog, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	fprintf(stderr, "%s: %s\n", prog->name, text);
	return SIM_EXIT_USAGE;
}

static void print_out(struct session *s, FILE *stream, const char *text)
{
	g_autoptr(GError) error = NULL;

	progress_erase(&s->progress);
	if (!outfile_print(stream, text, &error))
		complain(s, error);
}

/* Tables go to stdout, unless the JSON does. */
static FILE *table_stream(const struct session *s)
{
	return s->o.json && strcmp(s->o.json, "-") == 0 ? stderr : stdout;
}

/* ---- what running verbs share ---- */

/* --set, then --seed as one more of them. */
static char **all_sets(const struct session *s)
{
	GPtrArray *sets = g_ptr_array_new();

	for (char **set = s->o.sets; set && *set; set++)
		g_ptr_array_add(sets, g_strdup(*set));
	if (s->o.seed)
		g_ptr_array_add(sets, g_strdup_printf("scenario.seed=%s", s->o.seed));
	g_ptr_array_add(sets, NULL);
	return (char **)g_ptr_array_free(sets, FALSE);
}

static struct study *load(struct session *s, const char *path, bool base_only)
{
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) sets = all_sets(s);
	struct study *st = study_load(s->prog, path, (const char *const *)sets, base_only, &error);

	if (!st)
		complain(s, error);
	return st;
}

/* Finds out before a long run that its results could not be written after it. */
static bool check_outputs(struct session *s, const char *folder)
{
	g_autoptr(GError) error = NULL;

	if ((!folder || outfile_folder(folder, &error)) &&
	    (!s->o.json || outfile_check(s->o.json, &error)))
		return true;
	complain(s, error);
	return false;
}

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

/* A run failed, or was cut short. */
static bool run_is_usable(struct session *s, const struct study_run *run)
{
	if (run->error) {
		g_autofree char *label =
			*run->label ? g_strdup_printf("point %s: ", run->label) : g_strdup("");
		g_autoptr(GError) error = g_error_copy(run->error);

		g_prefix_error(&error, "%s", label);
		complain(s, error);
		return false;
	}
	return true;
}

static void end_interrupted(struct session *s)
{
	if (!interrupted)
		return;
	progress_erase(&s->progress);
	fprintf(stderr, "%s: interrupted; results are partial\n", s->prog->name);
	s->code = SIM_EXIT_INTERRUPTED;
}

/* ---- run ---- */

static bool run_done(void *arg, struct study *st, struct study_run *run)
{
	struct session *s = arg;

	if (run_is_usable(s, run))
		expect_judge(st->expect, run->sc, run->result, record_verdict, run->result);
	return true;
}

static void print_report(struct session *s, struct study *st, const struct study_run *run)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autofree char *base = g_path_get_basename(scenario_path(st->sc));

	g_string_append_printf(out, "%s, seed %" G_GUINT64_FORMAT "%s\n", base, run->seed,
			       result_partial(run->result) ? ", PARTIAL" : "");
	if (study_is_swept(st))
		g_string_append_printf(out, "base point; `%s sweep` does all of %zu points\n",
				       s->prog->name, sweep_points(st->sweep));
	report_print(s->prog->report, run->sc, run->result, out);
	describe_expectations(st, run, out);
	print_out(s, table_stream(s), out->str);
}

static void write_run(struct session *s, const struct study *st, const struct study_run *run)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = g_strdup_printf("%s.json", scenario_name(st->sc));
	g_autofree char *path = s->o.out ? g_build_filename(s->o.out, name, NULL) : NULL;

	if ((s->o.json && !result_write(run->result, s->o.json, &error)) ||
	    (path && (!result_write(run->result, path, &error) ||
		      !study_write_tables(st, s->o.out, &error))))
		complain(s, error);
}

int verb_run(struct session *s)
{
	if (g_strv_length(s->o.rest) != 1)
		return cli_usage_error(s->prog, "run takes one scenario file");
	g_autoptr(study_auto) st = load(s, s->o.rest[0], true);
	if (!st || !check_outputs(s, s->o.out))
		return s->code;
	study_run(st, 1, &s->progress, &interrupted, run_done, s);
	if (st->runs[0].result) {
		if (!s->o.quiet)
			print_report(s, st, &st->runs[0]);
		write_run(s, st, &st->runs[0]);
	}
	end_interrupted(s);
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

	if (!run_is_usable(o->s, run))
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
	complain(o->s, error);
	return false;
}

/* What remains after all points: tables, JSON, the table for the eye. */
static void sweep_end(struct sweep_output *o, const struct study *st)
{
	struct session *s = o->s;
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) text = g_string_new(NULL);

	if (o->folder && s->code != SIM_EXIT_OUTPUT && !study_write_tables(st, o->folder, &error))
		complain(s, error);
	g_clear_error(&error);
	if (o->json) {
		g_string_append(o->json, "\n]\n");
		if (!outfile_write(s->o.json, o->json->str, o->json->len, &error))
			complain(s, error);
	}
	report_table_print(o->table, text);
	if (o->folder && s->code != SIM_EXIT_OUTPUT)
		g_string_append_printf(text, "\nresults: %s/results.csv, wide.csv, point-*.json\n",
				       o->folder);
	if (!s->o.quiet)
		print_out(s, table_stream(s), text->str);
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

static unsigned thread_count(const struct session *s)
{
	return s->o.jobs ? (unsigned)s->o.jobs : MIN(g_get_num_processors(), THREADS_MAX);
}

int verb_sweep(struct session *s)
{
	if (g_strv_length(s->o.rest) != 1)
		return cli_usage_error(s->prog, "sweep takes one scenario file");
	g_autoptr(study_auto) st = load(s, s->o.rest[0], false);
	if (!st)
		return s->code;
	g_autofree char *folder = s->o.out ? g_strdup(s->o.out)
					   : g_build_filename("out", scenario_name(st->sc), NULL);
	if (!check_outputs(s, folder))
		return s->code;
	remove_old_points(folder);
	struct sweep_output o = {s, folder, report_table_new(),
				 s->o.json ? g_string_new("[\n") : NULL};
	sweep_head(&o, st);
	study_run(st, thread_count(s), &s->progress, &interrupted, sweep_done, &o);
	sweep_end(&o, st);
	report_table_free(o.table);
	if (o.json)
		g_string_free(o.json, TRUE);
	end_interrupted(s);
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
	print_out(c->s, table_stream(c->s), line->str);
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
	if (!run_is_usable(c->s, run)) {
		c->n[EXPECT_FAIL]++;
		check_line(c, "FAIL", "run", "-", "-", run->error->message);
		return true;
	}
	c->result = run->result;
	expect_judge(st->expect, run->sc, run->result, check_verdict, c);
	c->result = NULL;
	if (c->folder && !study_write_point(st, run, c->folder, &error))
		complain(c->s, error);
	return !error;
}

static void check_file(struct check *c, const char *path)
{
	struct session *s = c->s;
	g_autoptr(study_auto) st = load(s, path, false);
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
	if (!check_outputs(s, folder))
		return;
	if (folder)
		remove_old_points(folder);
	study_run(st, thread_count(s), &s->progress, &interrupted, check_done, c);
	c->label = "";
	if (interrupted)
		return;
	expect_finish(st->expect, check_verdict, c);
	if (!expect_count(st->expect) && st->runs[0].result) {
		c->n[EXPECT_SKIP]++;
		check_line(c, "SKIP", "expect", "-", "-", "the file has no [expect]");
	}
	if (folder && !study_write_tables(st, folder, &error))
		complain(s, error);
}

int verb_check(struct session *s)
{
	struct check c = {.s = s};
	g_autoptr(GError) error = NULL;

	if (!g_strv_length(s->o.rest))
		return cli_usage_error(s->prog, "check takes scenario files");
	if (!check_outputs(s, NULL))
		return s->code;
	c.list = json_array();
	for (char **path = s->o.rest; *path && !interrupted; path++)
		check_file(&c, *path);
	g_autofree char *sum =
		g_strdup_printf("%u passed, %u failed, %u skipped\n", c.n[0], c.n[1], c.n[2]);
	print_out(s, table_stream(s), sum);
	if (s->o.json) {
		char *text = json_dumps(c.list, JSON_INDENT(2));
		g_autofree char *line = g_strconcat(text, "\n", NULL);

		if (!outfile_write(s->o.json, line, strlen(line), &error))
			complain(s, error);
		free(text);
	}
	json_decref(c.list);
	if (c.n[EXPECT_FAIL])
		raise_code(s, SIM_EXIT_EXPECT);
	end_interrupted(s);
	return s->code;
}

/* ---- plot ---- */

int verb_plot(struct session *s)
{
	g_autoptr(GError) error = NULL;

	if (!g_strv_length(s->o.rest))
		return cli_usage_error(s->prog,
				       "plot takes result files, or the folder of a study");
	if (!s->prog->plot)
		return cli_usage_error(s->prog, "this program has no plots");
	for (char **path = s->o.rest; *path; path++)
		if (!g_file_test(*path, G_FILE_TEST_EXISTS))
			return cli_usage_error(s->prog, "%s: no such file or folder", *path);
	if (!s->prog->plot((const char *const *)s->o.rest, s->o.out, &error))
		complain(s, error);
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
	static const char *const topics[] = {"policies", "keys", "metrics", "systems", NULL};
	g_autoptr(GString) out = g_string_new(NULL);

	if (g_strv_length(s->o.rest) != 1)
		return cli_usage_error(s->prog, "list takes one of: policies keys metrics systems");
	const char *what = s->o.rest[0];
	if (strcmp(what, "policies") == 0) {
		list_items(s->prog->policy, out);
	} else if (strcmp(what, "systems") == 0) {
		list_items(s->prog->system, out);
	} else if (strcmp(what, "metrics") == 0) {
		metric_print(s->prog->metrics, out);
	} else if (strcmp(what, "keys") == 0) {
		(s->o.markdown ? keys_print_markdown : keys_print)(s->prog->groups, out);
	} else {
		g_autofree char *hint = nearest_hint(what, topics);
		return cli_usage_error(s->prog, "list: no \"%s\"; %s", what, hint);
	}
	print_out(s, stdout, out->str);
	return s->code;
}
