/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli.c - verbs, options, messages and exit codes; see cli.h.
 *
 * Each verb is a row of a table: its function, its place in the help, its examples. A verb gets a
 * session: the program, the options, and the highest exit code so far. Every message goes to stderr
 * as "PROGRAM: message" and is one line.
 */
#include "cli.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "nearest.h"
#include "outfile.h"
#include "progress.h"
#include "sim_error.h"
#include "study.h"

enum { THREADS_MAX = 256 };

struct options {
	char **sets, **rest;
	char *seed, *out, *json;
	gboolean quiet, help, markdown;
	gint jobs;
};

struct session {
	const struct cli_program *prog;
	const struct verb *verb;
	struct options o;
	struct progress progress;
	int code; /* the highest so far */
};

struct verb {
	const char *name, *arguments, *help;
	bool runs, plots, lists; /* which options it has */
	int (*fn)(struct session *s);
	const char *examples; /* %s is the program */
};

/* A signal handler can reach nothing else. */
static volatile sig_atomic_t interrupted;

static void on_sigint(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

/* The second SIGINT kills. */
static void catch_sigint(void)
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

static __attribute__((format(printf, 2, 3))) int usage_error(const struct cli_program *prog,
							     const char *format, ...)
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

static int verb_run(struct session *s)
{
	if (g_strv_length(s->o.rest) != 1)
		return usage_error(s->prog, "run takes one scenario file");
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

static int verb_sweep(struct session *s)
{
	if (g_strv_length(s->o.rest) != 1)
		return usage_error(s->prog, "sweep takes one scenario file");
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

static int verb_check(struct session *s)
{
	struct check c = {.s = s};
	g_autoptr(GError) error = NULL;

	if (!g_strv_length(s->o.rest))
		return usage_error(s->prog, "check takes scenario files");
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

static int verb_plot(struct session *s)
{
	g_autoptr(GError) error = NULL;

	if (!g_strv_length(s->o.rest))
		return usage_error(s->prog, "plot takes result files, or the folder of a study");
	if (!s->prog->plot)
		return usage_error(s->prog, "this program has no plots");
	for (char **path = s->o.rest; *path; path++)
		if (!g_file_test(*path, G_FILE_TEST_EXISTS))
			return usage_error(s->prog, "%s: no such file or folder", *path);
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

static int verb_list(struct session *s)
{
	static const char *const topics[] = {"policies", "keys", "metrics", "systems", NULL};
	g_autoptr(GString) out = g_string_new(NULL);

	if (g_strv_length(s->o.rest) != 1)
		return usage_error(s->prog, "list takes one of: policies keys metrics systems");
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
		return usage_error(s->prog, "list: no \"%s\"; %s", what, hint);
	}
	print_out(s, stdout, out->str);
	return s->code;
}

/* ---- verbs and options ---- */

static const struct verb verbs[] = {
	{"run", "SCENARIO", "one run of a scenario", true, false, false, verb_run,
	 "Examples:\n"
	 "  %s run scenarios/web.ini\n"
	 "  %s run scenarios/web.ini --set vm1.policy=zero-copy --json web.json\n"
	 "  %s run scenarios/web.ini --seed 7 --json - | jq .metrics\n"
	 "\nPrints a table and writes nothing unless --out or --json says so.\n"
	 "Of a file with [sweep], the base point is run.\n"},
	{"sweep", "SCENARIO", "every point of a scenario's [sweep]", true, false, false, verb_sweep,
	 "Examples:\n"
	 "  %s sweep scenarios/studies/policy.ini\n"
	 "  %s sweep scenarios/web.ini --set \"sweep.guest.policy=copy, zero-copy\"\n"
	 "  %s sweep scenarios/web.ini --out /tmp/web -j 4\n"
	 "\nWrites results.csv (a number a line), wide.csv (a run a line) and a result file\n"
	 "a point into --out, by default out/ and the scenario's name.\n"},
	{"check", "SCENARIO...", "run every point and judge [expect]", true, false, false,
	 verb_check,
	 "Examples:\n"
	 "  %s check scenarios/regress/*.ini\n"
	 "  %s check scenarios/web.ini --set \"expect.vm1.rx.drops=0\"\n"
	 "\nPrints a line for each expectation: PASS|FAIL|SKIP file [point] metric want got,\n"
	 "then how many passed, failed and were skipped. Exits with 1 if one failed.\n"},
	{"plot", "RESULT...", "figures of results, by gnuplot", false, true, false, verb_plot,
	 "Examples:\n"
	 "  %s plot out/policy\n"
	 "  %s plot copy.json zero-copy.json --out figures\n"},
	{"list", "policies|keys|metrics|systems", "what there is to choose from", false, false,
	 true, verb_list,
	 "Examples:\n"
	 "  %s list keys\n"
	 "  %s list keys --markdown\n"
	 "  %s list metrics\n"},
	{0},
};

static const struct verb *find_verb(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

static int unknown_verb(const struct cli_program *prog, const char *name)
{
	const char *names[G_N_ELEMENTS(verbs)] = {NULL};

	for (size_t i = 0; verbs[i].name; i++)
		names[i] = verbs[i].name;
	g_autofree char *hint = nearest_hint(name, names);
	return usage_error(prog, "no verb \"%s\"; %s", name, hint);
}

/* What needs no session: help and version. */
static int print_text(const struct cli_program *prog, FILE *stream, const char *text)
{
	g_autoptr(GError) error = NULL;

	if (outfile_print(stream, text, &error))
		return SIM_EXIT_OK;
	fprintf(stderr, "%s: %s\n", prog->name, error->message);
	return SIM_EXIT_OUTPUT;
}

static int print_help(const struct cli_program *prog, FILE *stream)
{
	g_autoptr(GString) out = g_string_new(NULL);

	g_string_append_printf(out, "%s - %s\n\n", prog->name, prog->summary);
	for (const struct verb *v = verbs; v->name; v++) {
		g_autofree char *call =
			g_strdup_printf("%s %s %s", prog->name, v->name, v->arguments);
		g_string_append_printf(out, "  %-42s  %s\n", call, v->help);
	}
	g_string_append_printf(
		out,
		"\n  %s VERB --help says more of each; %s --version\n\n"
		"Exit codes: 0 done, 1 expectation failed, 2 usage or scenario, 3 input,\n"
		"4 model violation or max_time, 5 environment, 6 output, 130 interrupted\n",
		prog->name, prog->name);
	return print_text(prog, stream, out->str);
}

static GOptionContext *option_context(const struct verb *v, struct options *o)
{
	g_autofree char *usage = g_strdup_printf("%s - %s", v->arguments, v->help);
	const GOptionEntry run[] = {
		{"set", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->sets,
		 "set a key, over the file; the first dot ends the group", "GROUP.KEY=VALUE"},
		{"seed", 0, 0, G_OPTION_ARG_FILENAME, &o->seed, "the same as --set scenario.seed=N",
		 "N"},
		{"json", 0, 0, G_OPTION_ARG_FILENAME, &o->json,
		 "write the result file; - is stdout", "FILE|-"},
		{"quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet, "no table, no progress", NULL},
		{"jobs", 'j', 0, G_OPTION_ARG_INT, &o->jobs, "points at a time; 0: one a processor",
		 "N"},
		{0},
	};
	const GOptionEntry out[] = {
		{"out", 'o', 0, G_OPTION_ARG_FILENAME, &o->out, "folder for results", "DIR"},
		{0},
	};
	const GOptionEntry list[] = {
		{"markdown", 0, 0, G_OPTION_ARG_NONE, &o->markdown,
		 "keys as the scenario reference", NULL},
		{0},
	};
	const GOptionEntry all[] = {
		{"help", 'h', 0, G_OPTION_ARG_NONE, &o->help, "this help", NULL},
		{G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->rest, NULL, NULL},
		{0},
	};
	GOptionContext *c = g_option_context_new(usage);

	g_option_context_set_help_enabled(c, FALSE);
	if (v->runs)
		g_option_context_add_main_entries(c, run, NULL);
	if (v->runs || v->plots)
		g_option_context_add_main_entries(c, out, NULL);
	if (v->lists)
		g_option_context_add_main_entries(c, list, NULL);
	g_option_context_add_main_entries(c, all, NULL);
	return c;
}

static int print_verb_help(const struct cli_program *prog, const struct verb *v, GOptionContext *c)
{
	g_auto(GStrv) parts = g_strsplit(v->examples, "%s", -1);
	g_autofree char *examples = g_strjoinv(prog->name, parts);

	g_option_context_set_description(c, examples);
	g_autofree char *help = g_option_context_get_help(c, TRUE, NULL);
	/* GLib knows the program but not the verb. */
	char *brackets = strstr(help, " [");
	g_autofree char *text =
		g_strdup_printf("%.*s %s%s", (int)(brackets - help), help, v->name, brackets);
	return print_text(prog, stdout, text);
}

static int parse_and_do(struct session *s, GOptionContext *c, char **args)
{
	g_autoptr(GError) error = NULL;

	if (!g_option_context_parse_strv(c, &args, &error))
		return usage_error(s->prog, "%s: %s; see %s %s --help", s->verb->name,
				   error->message, s->prog->name, s->verb->name);
	if (s->o.help)
		return print_verb_help(s->prog, s->verb, c);
	if (s->o.jobs < 0 || s->o.jobs > THREADS_MAX)
		return usage_error(s->prog, "-j takes 0 to %d", THREADS_MAX);
	if (!s->o.rest)
		s->o.rest = g_new0(char *, 1);
	progress_init(&s->progress, s->o.quiet);
	catch_sigint();
	return s->verb->fn(s);
}

static int do_verb(const struct cli_program *prog, const struct verb *v, char **argv)
{
	struct session s = {.prog = prog, .verb = v, .o = {.jobs = 1}};
	g_autoptr(GOptionContext) c = option_context(v, &s.o);
	/* Parsing takes what it understands out of the list. */
	char **args = g_strdupv(argv);
	int code = parse_and_do(&s, c, args);

	g_strfreev(args);
	g_strfreev(s.o.sets);
	g_strfreev(s.o.rest);
	g_free(s.o.seed);
	g_free(s.o.out);
	g_free(s.o.json);
	return code;
}

int cli_main(const struct cli_program *prog, int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;

	g_set_prgname(prog->name);
	if (!word) {
		print_help(prog, stderr);
		return SIM_EXIT_USAGE;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
		return print_help(prog, stdout);
	if (strcmp(word, "--version") == 0) {
		g_autofree char *line = g_strdup_printf("%s %s\n", prog->name, prog->version);

		return print_text(prog, stdout, line);
	}
	const struct verb *v = find_verb(word);
	/* The first of the remaining words stands for the program's name. */
	return v ? do_verb(prog, v, argv + 1) : unknown_verb(prog, word);
}
