/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_sweep.c - the verb that runs every point of a study, here or in parts on many machines.
 *
 * A run's result goes into the study's folder (folder.h) on the thread that made it; what tables
 * need of it stays in memory. What is in the folder already is not run but read. Tables are made
 * when all is there, in the order of the points, so they do not show who ran what, when.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli_verbs.h"
#include "folder.h"
#include "outfile.h"
#include "sim_error.h"
#include "sweep_view.h"
#include "wrap.h"
#include "where.h"

struct sweeping {
	struct session *s;
	struct study *st;
	const char *folder;
	bool *wanted, *found;         /* by run */
	size_t to_run, there, failed; /* wanted runs: missing, found; of the former */
	GMutex lock;                  /* the terminal */
};

/* ---- which points ---- */

static bool fail(struct session *s, const char *format, ...) G_GNUC_PRINTF(2, 3);
static bool fail(struct session *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	session_raise(s, cli_usage_error(s->prog, "%s", text));
	return false;
}

/* Keeps the points of which --only is true. */
static bool choose_only(struct sweeping *sw, bool *points, const char *text)
{
	g_autofree char *why = NULL;
	g_autoptr(where_auto) only = where_parse(sw->st->sc, text, &why);
	bool any = false;

	if (!only)
		return fail(sw->s, "--only: %s", why);
	for (size_t i = 0; i < sweep_points(sw->st->sweep); i++) {
		g_autoptr(scenario_auto) sc = sweep_scenario(sw->st->sweep, i, 0, NULL);

		points[i] = points[i] && sc && where_holds(only, sc);
		any |= points[i];
	}
	return any || fail(sw->s, "--only \"%s\": true of none of %zu points; see --list", text,
			   sweep_points(sw->st->sweep));
}

/* Keeps the points K..L. */
static bool choose_numbers(struct sweeping *sw, bool *points, const char *text)
{
	size_t n = sweep_points(sw->st->sweep);
	char *end;
	unsigned long first = strtoul(text, &end, 10), last = first;

	if (g_str_has_prefix(end, ".."))
		last = strtoul(end + 2, &end, 10);
	if (!g_ascii_isdigit(*text) || *end || first < 1 || first > last)
		return fail(sw->s, "--point %s: write a number, or a range such as 1..20", text);
	if (last > n)
		return fail(sw->s, "--point %s: the study has %zu points; see --list", text, n);
	for (size_t i = 0; i < n; i++)
		points[i] = points[i] && i + 1 >= first && i + 1 <= last;
	return true;
}

static bool choose(struct sweeping *sw)
{
	size_t n = sweep_points(sw->st->sweep);
	g_autofree bool *points = g_new(bool, n + 1);
	bool ok = true;

	memset(points, true, (n + 1) * sizeof(bool));
	for (char **only = sw->s->o.only; ok && only && *only; only++)
		ok = choose_only(sw, points, *only);
	if (ok && sw->s->o.point)
		ok = choose_numbers(sw, points, sw->s->o.point);
	for (size_t i = 0; i < sw->st->n_runs; i++)
		sw->wanted[i] = points[sw->st->runs[i].point - 1];
	return ok;
}

static void look_for_runs(struct sweeping *sw)
{
	for (size_t i = 0; i < sw->st->n_runs; i++) {
		struct study_run *run = &sw->st->runs[i];

		sw->found[i] = folder_has(sw->folder, run);
		run->skip = sw->found[i] || !sw->wanted[i];
		sw->to_run += !run->skip;
		sw->there += sw->found[i] && sw->wanted[i];
	}
}

/* ---- printing points ---- */

static int list_points(struct sweeping *sw)
{
	const struct study *st = sw->st;
	struct report_table *t = report_table_new();
	g_autoptr(GString) out = g_string_new(NULL);
	size_t points = 0;

	report_table_cell(t, "point", true);
	for (const char **key = st->keys; *key; key++)
		report_table_cell(t, *key, false);
	report_table_row(t);
	for (size_t i = 0; i < st->n_runs; i++) {
		g_autofree char *number = g_strdup_printf("%u", st->runs[i].point);

		if (!sw->wanted[i] || st->runs[i].repeat > 1)
			continue;
		report_table_cell(t, number, true);
		for (const char *const *value = st->runs[i].values; *value; value++)
			report_table_cell(t, *value, false);
		report_table_row(t);
		points++;
	}
	report_table_fold(t, wrap_columns(session_tables(sw->s)), out);
	g_string_append_printf(out, "\n%zu points x %u = %zu runs", points,
			       sweep_repeats(st->sweep), points * sweep_repeats(st->sweep));
	if (st->search)
		g_string_append_printf(out, ", each a search for %s of at most %u",
				       search_key(st->search), search_runs_max(st->search));
	g_string_append_c(out, '\n');
	session_print(sw->s, stdout, out->str);
	report_table_free(t);
	return sw->s->code;
}

/* The points of which a wanted run is missing. */
static GArray *missing_points(const struct sweeping *sw)
{
	GArray *list = g_array_new(FALSE, FALSE, sizeof(unsigned));

	for (size_t i = 0; i < sw->st->n_runs; i++) {
		unsigned point = sw->st->runs[i].point;

		if (sw->wanted[i] && !sw->found[i] &&
		    (!list->len || g_array_index(list, unsigned, list->len - 1) != point))
			g_array_append_val(list, point);
	}
	return list;
}

static int print_numbers(struct sweeping *sw)
{
	g_autoptr(GArray) list = missing_points(sw);
	g_autoptr(GString) out = g_string_new(NULL);

	for (guint i = 0; i < list->len; i++)
		g_string_append_printf(out, "%u\n", g_array_index(list, unsigned, i));
	session_print(sw->s, stdout, out->str);
	return sw->s->code;
}

/* False, and said, if a wanted point is not in the folder. */
static bool all_there(struct sweeping *sw)
{
	enum { NAMED = 12 };
	g_autoptr(GArray) list = missing_points(sw);
	g_autoptr(GString) names = g_string_new(NULL);

	if (!list->len)
		return true;
	for (guint i = 0; i < MIN(list->len, NAMED); i++)
		g_string_append_printf(names, "%s%u", i ? ", " : "",
				       g_array_index(list, unsigned, i));
	g_autoptr(GError) error = g_error_new(
		SIM_ERROR, SIM_EXIT_INPUT,
		"%s: lacks %u of %zu points: %s%s; run them with --point, or without --collect",
		sw->folder, list->len, sweep_points(sw->st->sweep), names->str,
		list->len > NAMED ? ", ..." : "");
	session_complain(sw->s, error);
	return false;
}

/* ---- running ---- */

struct failures {
	const struct study_run *run;
	GString *text;
	bool any;
};

static void note_verdict(void *arg, const struct expect_verdict *v)
{
	struct failures *f = arg;

	result_expect(f->run->result, v->metric, v->want, v->got, expect_word(v->outcome));
	if (v->outcome != EXPECT_FAIL)
		return;
	f->any = true;
	g_string_append_printf(f->text, "FAIL [%s] %s %s %s\n", f->run->label, v->metric, v->want,
			       v->got);
}

/* On a terminal, what failed is said at once; else errors are said in the order of the points. */
static void tell(struct sweeping *sw, const struct study_run *run, const char *failures)
{
	g_mutex_lock(&sw->lock);
	sw->failed++;
	if (sw->s->progress.on) {
		progress_erase(&sw->s->progress);
		if (run->error)
			fprintf(stderr, "FAIL [%s] %s\n", run->label, run->error->message);
		else
			fputs(failures, stderr);
	}
	g_mutex_unlock(&sw->lock);
}

static void sweep_ran(void *arg, struct study *st, struct study_run *run)
{
	struct sweeping *sw = arg;
	g_autoptr(GString) text = g_string_new(NULL);
	struct failures f = {run, text, false};

	/* Cut short: it is to be run again. */
	if (run->result && (result_partial(run->result) || run->error))
		g_clear_pointer(&run->result, result_free);
	if (!run->result && !run->error)
		return;
	if (run->result) {
		expect_judge(st->expect, run->sc, run->result, note_verdict, &f);
		study_write_point(st, run, sw->folder, &run->error);
		study_record(st, run);
	}
	if (run->error || f.any)
		tell(sw, run, text->str);
}

static bool sweep_done(void *arg, struct study *st, struct study_run *run)
{
	struct sweeping *sw = arg;

	(void)st;
	if (!run->error)
		return true;
	if (sw->s->progress.on)
		session_raise(sw->s,
			      run->error->domain == SIM_ERROR ? run->error->code : SIM_EXIT_USAGE);
	else
		session_usable(sw->s, run);
	return run->error->code != SIM_EXIT_OUTPUT;
}

static void sweep_tick(void *arg, const struct study_state *state)
{
	struct sweeping *sw = arg;
	struct progress_sum sum = {.unit = sweep_repeats(sw->st->sweep) > 1 ? "runs" : "points",
				   .before = sw->there,
				   .done = state->done,
				   .all = (double)sw->to_run,
				   .packets = state->packets,
				   .drops = state->drops};

	g_mutex_lock(&sw->lock);
	sum.failed = sw->failed;
	progress_sum(&sw->s->progress, &sum);
	g_mutex_unlock(&sw->lock);
}

static void run_missing(struct sweeping *sw)
{
	const struct study_watch watch = {sweep_ran, sweep_done, sweep_tick, sw};

	progress_begin(&sw->s->progress, "");
	if (sw->to_run)
		study_run_watched(sw->st, session_threads(sw->s), session_interrupted(), &watch);
	progress_erase(&sw->s->progress);
}

/* ---- the end ---- */

/* Reads what was found, and not run now. */
static bool read_found(struct sweeping *sw, bool wanted_only)
{
	g_autoptr(GError) error = NULL;

	for (size_t i = 0; i < sw->st->n_runs; i++)
		if (sw->found[i] && (sw->wanted[i] || !wanted_only) &&
		    !folder_read(sw->st, sw->folder, &sw->st->runs[i], &error)) {
			session_complain(sw->s, error);
			return false;
		}
	return true;
}

/* All wanted results as one array, word for word as their files have them. */
static void write_json(struct sweeping *sw)
{
	g_autoptr(GString) all = g_string_new("[\n");
	g_autoptr(GError) error = NULL;

	for (size_t i = 0; i < sw->st->n_runs; i++) {
		g_autofree char *name = study_file(&sw->st->runs[i], false);
		g_autofree char *path = g_build_filename(sw->folder, name, NULL);
		g_autofree char *text = NULL;

		if (sw->wanted[i] && sw->st->runs[i].record &&
		    g_file_get_contents(path, &text, NULL, NULL))
			g_string_append_printf(all, "%s%s", all->len > 2 ? ",\n" : "",
					       g_strchomp(text));
	}
	g_string_append(all, "\n]\n");
	if (!outfile_write(sw->s->o.json, all->str, all->len, &error))
		session_complain(sw->s, error);
}

static void print_tables(struct sweeping *sw, const struct summary *means,
			 const struct summary *paired, bool written)
{
	const struct sweep_view view = {sw->st, sw->s->prog->sweep_cols, sw->wanted,
					wrap_columns(session_tables(sw->s))};
	g_autoptr(GString) out = g_string_new(NULL);

	if (means) {
		g_string_append_printf(out, "means of %u runs, ± half of the 95%% interval\n",
				       sweep_repeats(sw->st->sweep));
		sweep_view_means(&view, means, false, out);
	} else {
		sweep_view_runs(&view, out);
	}
	sweep_view_ends(&view, out);
	if (paired) {
		g_string_append_printf(out, "\ndifferences from %s, seed by seed%s\n",
				       sw->s->o.paired,
				       means ? ", ± half of the 95% interval" : "");
		sweep_view_means(&view, paired, true, out);
	}
	if (written)
		g_string_append_printf(
			out, "\nresults: %s/results.csv, wide.csv, %s%spoint-*.json\n", sw->folder,
			means ? "summary.csv, summary.json, " : "", paired ? "paired.csv, " : "");
	if (!sw->s->o.quiet)
		session_print(sw->s, session_tables(sw->s), out->str);
}

static void sweep_end(struct sweeping *sw)
{
	struct session *s = sw->s;
	g_autoptr(GError) error = NULL;
	bool write = !s->o.point && s->code != SIM_EXIT_OUTPUT;
	g_autoptr(summary_auto) means = NULL, paired = NULL;
	size_t n;

	if (!read_found(sw, !write))
		return;
	g_autofree struct summary_run *rows = study_rows(sw->st, &n);
	if (sweep_repeats(sw->st->sweep) > 1)
		means = summary_means(rows, n);
	if (s->o.paired) {
		paired = summary_paired(sw->st->sweep, sw->st->sc, s->o.paired, rows, n, &error);
		if (!paired) {
			session_complain(s, error);
			return;
		}
	}
	if (write && !study_write_tables(sw->st, sw->folder, means, paired, &error))
		session_complain(s, error);
	if (s->o.json)
		write_json(sw);
	print_tables(sw, means, paired, write && !error);
}

static int cut_short(struct sweeping *sw)
{
	size_t done = 0;

	for (size_t i = 0; i < sw->st->n_runs; i++)
		done += sw->wanted[i] && (sw->found[i] || sw->st->runs[i].record);
	progress_erase(&sw->s->progress);
	fprintf(stderr,
		"%s: interrupted; %zu runs are in %s, and the same command goes on with the rest\n",
		sw->s->prog->name, done, sw->folder);
	return SIM_EXIT_INTERRUPTED;
}

static int do_sweep(struct sweeping *sw)
{
	struct session *s = sw->s;
	g_autoptr(GError) error = NULL;
	enum folder_use use = s->o.fresh                    ? FOLDER_FRESH
			      : s->o.points || s->o.collect ? FOLDER_READ
							    : FOLDER_RESUME;

	if (!choose(sw))
		return s->code;
	if (s->o.list)
		return list_points(sw);
	if (s->o.paired && !summary_pairs(sw->st->sweep, sw->st->sc, s->o.paired, &error)) {
		session_complain(s, error);
		return s->code;
	}
	if (!folder_open(sw->st, sw->folder, use, &error)) {
		session_complain(s, error);
		return s->code;
	}
	if (!session_outputs(s, NULL))
		return s->code;
	look_for_runs(sw);
	if (s->o.points)
		return print_numbers(sw);
	if (s->o.collect ? !all_there(sw) : (run_missing(sw), *session_interrupted()))
		return s->o.collect ? s->code : cut_short(sw);
	sweep_end(sw);
	return s->code;
}

int verb_sweep(struct session *s)
{
	unsigned modes =
		(s->o.list != 0) + (s->o.points != 0) + (s->o.point != NULL) + (s->o.collect != 0);

	if (g_strv_length(s->o.rest) != 1)
		return cli_usage_error(s->prog, "sweep takes one scenario file");
	if (modes > 1 || (s->o.fresh && modes))
		return cli_usage_error(s->prog,
				       "of --list, --points, --point, --collect and --fresh "
				       "one at a time");
	g_autoptr(study_auto) st = session_load(s, s->o.rest[0], false);
	if (!st)
		return s->code;
	if (!study_is_swept(st) && !st->search && st->n_runs == 1 && !modes && !s->o.quiet)
		fprintf(stderr, "%s: %s has no [sweep], so this is one run\n", s->prog->name,
			s->o.rest[0]);
	g_autofree char *folder = s->o.out ? g_strdup(s->o.out)
					   : g_build_filename("out", scenario_name(st->sc), NULL);
	g_autofree bool *wanted = g_new0(bool, st->n_runs), *found = g_new0(bool, st->n_runs);
	struct sweeping sw = {.s = s, .st = st, .folder = folder, .wanted = wanted, .found = found};

	g_mutex_init(&sw.lock);
	int code = do_sweep(&sw);
	g_mutex_clear(&sw.lock);
	return code;
}
