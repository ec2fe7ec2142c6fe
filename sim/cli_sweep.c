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
#include "wrap.h"
#include "where.h"

struct sweeping {
	struct session *s;
	struct study *st;
	const char *folder;
	bool *wanted, *found; /* by run */
	size_t to_run, failed;
	gint64 begun_us;
	GMutex lock; /* the terminal */
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

static void sweep_tick(void *arg, double done)
{
	struct sweeping *sw = arg;
	double seconds = (double)(g_get_monotonic_time() - sw->begun_us) / 1e6;
	double all = (double)sw->to_run;
	g_autoptr(GString) line = g_string_new(NULL);

	g_mutex_lock(&sw->lock);
	/* Rounded down: a run that goes on is not done. */
	g_string_append_printf(line, "%u of %zu runs  %.0f%%", (unsigned)done, sw->to_run,
			       done / all * 100);
	if (sw->failed)
		g_string_append_printf(line, "  %zu failed", sw->failed);
	if (done > 0 && seconds > 1)
		g_string_append_printf(line, "  %.0f s left", seconds * (all - done) / done);
	progress_note(&sw->s->progress, line->str);
	g_mutex_unlock(&sw->lock);
}

static void run_missing(struct sweeping *sw)
{
	const struct study_watch watch = {sweep_ran, sweep_done, sweep_tick, sw};

	sw->begun_us = g_get_monotonic_time();
	if (sw->to_run)
		study_run_watched(sw->st, session_threads(sw->s), session_interrupted(), &watch);
	progress_erase(&sw->s->progress);
}

/* ---- the table for the eye ---- */

static void value_cell(struct report_table *t, enum report_fmt fmt, const struct record_value *v)
{
	g_autoptr(GString) text = g_string_new(NULL);
	struct result_value value = v ? record_as_result(v) : (struct result_value){0};

	report_value(fmt, v ? &value : NULL, text);
	report_table_cell(t, text->str, fmt != REPORT_TEXT);
}

static void append_signed(GString *out, enum report_fmt fmt, __int128 milli, bool sign)
{
	struct result_value v = {.type = RESULT_RATIO, .den = 1000};

	v.num = milli < 0 ? -(unsigned __int128)milli : (unsigned __int128)milli;
	g_string_append(out, milli < 0 ? "-" : sign && milli > 0 ? "+" : "");
	report_value(fmt, &v, out);
}

/* Mean and half width: "12.3us ±0.4us"; of differences with a sign. */
static void mean_cell(struct report_table *t, enum report_fmt fmt, const struct summary_point *p,
		      const char *metric)
{
	g_autoptr(GString) text = g_string_new(NULL);
	const struct stats *s = NULL;

	for (size_t i = 0; i < p->n && !s; i++)
		if (strcmp(p->metrics[i].name->full, metric) == 0)
			s = &p->metrics[i].stats;
	if (s) {
		append_signed(text, fmt, stats_mean(s), p->base != 0);
		if (s->n > 1 && s->half) {
			g_string_append(text, " ±");
			append_signed(text, fmt, (__int128)s->half, false);
		}
	}
	report_table_cell(t, s ? text->str : "-", true);
}

static void head_cells(const struct sweeping *sw, struct report_table *t, bool paired)
{
	const struct study *st = sw->st;

	report_table_cell(t, "point", true);
	if (paired)
		report_table_cell(t, "base", true);
	for (const char **key = st->keys; *key; key++)
		report_table_cell(t, *key, false);
	if (st->search) {
		report_table_cell(t, "holds", true);
		report_table_cell(t, "fails", true);
	}
	for (const struct report_col *c = sw->s->prog->sweep_cols; c && c->head; c++)
		if (c->fmt != REPORT_TEXT || !paired)
			report_table_cell(t, c->head, c->fmt != REPORT_TEXT);
	report_table_row(t);
}

static void point_cells(struct report_table *t, unsigned point, unsigned base,
			const char *const *values)
{
	g_autofree char *number = g_strdup_printf("%u", point);
	g_autofree char *base_number = g_strdup_printf("%u", base);

	report_table_cell(t, number, true);
	if (base)
		report_table_cell(t, base_number, true);
	for (; *values; values++)
		report_table_cell(t, *values, false);
}

static void run_row(const struct sweeping *sw, struct report_table *t, const struct study_run *run)
{
	const struct search *se = sw->st->search;

	point_cells(t, run->point, 0, run->values);
	for (int fails = 0; se && fails < 2; fails++)
		value_cell(t, search_format(se),
			   record_find(run->record, search_metric(se, fails)));
	for (const struct report_col *c = sw->s->prog->sweep_cols; c && c->head; c++)
		value_cell(t, c->fmt, record_find(run->record, c->metric));
	report_table_row(t);
}

/* The text that all runs of the point have, or "varies". */
static const char *text_of_point(const struct study *st, unsigned point, const char *metric)
{
	const char *text = NULL;

	for (size_t i = 0; i < st->n_runs; i++) {
		const struct record_value *v = st->runs[i].point == point && st->runs[i].record
						       ? record_find(st->runs[i].record, metric)
						       : NULL;

		if (v && v->type == RESULT_TEXT && text && strcmp(text, v->text) != 0)
			return "varies";
		if (v && v->type == RESULT_TEXT)
			text = v->text;
	}
	return text ? text : "-";
}

static void mean_row(const struct sweeping *sw, struct report_table *t,
		     const struct summary_point *p)
{
	const struct search *se = sw->st->search;

	point_cells(t, p->point, p->base, p->values);
	for (int fails = 0; se && fails < 2; fails++)
		mean_cell(t, search_format(se), p, search_metric(se, fails));
	for (const struct report_col *c = sw->s->prog->sweep_cols; c && c->head; c++)
		if (c->fmt != REPORT_TEXT)
			mean_cell(t, c->fmt, p, c->metric);
		else if (!p->base)
			report_table_cell(t, text_of_point(sw->st, p->point, c->metric), false);
	report_table_row(t);
}

static bool is_wanted(const struct sweeping *sw, unsigned point)
{
	return sw->wanted[(size_t)(point - 1) * sweep_repeats(sw->st->sweep)];
}

static void print_means(const struct sweeping *sw, const struct summary *sum, bool paired,
			GString *out)
{
	struct report_table *t = report_table_new();

	head_cells(sw, t, paired);
	for (size_t i = 0; i < sum->n; i++)
		if (is_wanted(sw, sum->points[i].point))
			mean_row(sw, t, &sum->points[i]);
	report_table_fold(t, wrap_columns(session_tables(sw->s)), out);
	report_table_free(t);
}

static void print_runs(const struct sweeping *sw, GString *out)
{
	struct report_table *t = report_table_new();

	head_cells(sw, t, false);
	for (size_t i = 0; i < sw->st->n_runs; i++)
		if (sw->wanted[i] && sw->st->runs[i].record)
			run_row(sw, t, &sw->st->runs[i]);
	report_table_fold(t, wrap_columns(session_tables(sw->s)), out);
	report_table_free(t);
}

/* Of how many runs of a point the search has found no value that holds, or none that fails. */
static unsigned at_end(const struct sweeping *sw, unsigned point, bool fails)
{
	unsigned n = 0;

	for (size_t i = 0; i < sw->st->n_runs; i++) {
		const struct study_run *run = &sw->st->runs[i];
		const struct record_value *v =
			run->point == point && run->record
				? record_find(run->record, search_metric(sw->st->search, fails))
				: NULL;

		n += v && v->type == RESULT_NULL;
	}
	return n;
}

/* A search that ended at an end of its range has found no threshold: said, not left to a dash. */
static void print_ends(const struct sweeping *sw, GString *out)
{
	const struct search *se = sw->st->search;

	for (unsigned point = 1; se && point <= sweep_points(sw->st->sweep); point++)
		for (int fails = 0; fails < 2 && is_wanted(sw, point); fails++) {
			unsigned n = at_end(sw, point, fails);
			g_autofree char *label = sweep_label(sw->st->sweep, point - 1);

			if (!n)
				continue;
			g_string_append_printf(out, "point %u%s%s%s", point, *label ? " (" : "",
					       label, *label ? ")" : "");
			if (sweep_repeats(sw->st->sweep) > 1)
				g_string_append_printf(out, ", %u of %u runs", n,
						       sweep_repeats(sw->st->sweep));
			g_string_append_printf(out, ": %s %s end of %s\n", search_condition(se),
					       fails ? "holds even at the high"
						     : "fails already at the low",
					       search_range(se));
		}
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
	g_autoptr(GString) out = g_string_new(NULL);

	if (means) {
		g_string_append_printf(out, "means of %u runs, ± half of the 95%% interval\n",
				       sweep_repeats(sw->st->sweep));
		print_means(sw, means, false, out);
	} else {
		print_runs(sw, out);
	}
	print_ends(sw, out);
	if (paired) {
		g_string_append_printf(out, "\ndifferences from %s, seed by seed%s\n",
				       sw->s->o.paired,
				       means ? ", ± half of the 95% interval" : "");
		print_means(sw, paired, true, out);
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
