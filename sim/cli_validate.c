/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_validate.c - the verb that simulates each point of some scenarios, has the program's sibling
 * do it in fact, and holds the two against each other.
 *
 * Real runs of all points of a file go in turn, round after round, so that what changes slowly on
 * the machine meets all of them.
 */
#include <stdio.h>
#include <string.h>
#include "child.h"
#include "cli_verbs.h"
#include "outfile.h"
#include "sim_error.h"
#include "validate.h"

enum { RUNS = 7 };

struct validating {
	struct session *s;
	struct validation *v;
	char *real;         /* the other program's path */
	char *report;       /* where it writes */
	unsigned done, all; /* real runs, of this file */
	gint64 start_us;
};

/* ---- the calibration ---- */

/* "# Costs of this machine, measured by ... on 2026-11-22 08:00 UTC." */
static char *date_of(const char *text)
{
	const char *end = strchr(text, '\n'),
		   *on = end ? g_strrstr_len(text, end - text, " on ") : NULL;

	return on && text[0] == '#' ? g_strstrip(g_strndup(on + 4, (gsize)(end - on - 4)))
				    : g_strdup("");
}

static bool read_calibration(struct validating *x)
{
	struct validation *v = x->v;
	const char *file = x->s->o.calibration;
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	gsize len;

	if (!file)
		return true;
	if (!g_file_get_contents(file, &text, &len, &error)) {
		session_raise(x->s,
			      cli_usage_error(x->s->prog, "--calibration: %s", error->message));
		return false;
	}
	v->calibration = g_path_get_basename(file);
	v->sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text, len);
	v->date = date_of(text);
	if (v->date[0] && v->date[strlen(v->date) - 1] == '.')
		v->date[strlen(v->date) - 1] = '\0';
	return true;
}

/* ---- one simulated run ---- */

/* What a mode sets, and the calibration; ended by NULL. */
static char **mode_sets(const struct validating *x, enum validate_mode mode, bool simulated)
{
	GPtrArray *sets = g_ptr_array_new();

	for (const char *const *set = x->v->rules->set[mode]; *set; set++)
		g_ptr_array_add(sets, g_strdup(*set));
	if (simulated && x->s->o.calibration) {
		g_autofree char *path = g_canonicalize_filename(x->s->o.calibration, NULL);
		g_ptr_array_add(sets, g_strdup_printf("%s=%s", x->v->rules->preset, path));
	}
	g_ptr_array_add(sets, NULL);
	return (char **)g_ptr_array_free(sets, FALSE);
}

static bool simulate(struct validating *x, const struct scenario *point, struct validate_point *p,
		     enum validate_mode mode, GError **error)
{
	const struct cli_program *prog = x->s->prog;
	g_auto(GStrv) sets = mode_sets(x, mode, true);
	g_autoptr(scenario_auto) sc = scenario_clone_with(point, (const char *const *)sets, error);
	g_autoptr(result_auto) r = result_new();
	struct run_ctl ctl = {.interrupted = session_interrupted()};

	if (!sc || (prog->check && !prog->check(sc, error)) || !prog->run(sc, &ctl, r, error))
		return false;
	result_describe(r, prog->name, prog->version, sc);
	g_autofree char *text = result_json(r);
	json_t *json = json_loads(text, 0, NULL);
	validate_add(x->v, p, mode, false, json);
	json_decref(json);
	return true;
}

static bool simulate_point(struct validating *x, const struct study *st, struct study_run *run,
			   struct validate_point *p, GError **error)
{
	g_autoptr(scenario_auto) sc = study_scenario(st, run, error);

	if (!sc)
		return false;
	run->seed = cfg_u64(scenario_find(sc, "scenario"), "seed");
	for (int m = 0; m < VALIDATE_MODES; m++)
		if (!simulate(x, sc, p, (enum validate_mode)m, error))
			return false;
	return true;
}

/* ---- one real run ---- */

/* The other program's command line for this point and mode. */
static GPtrArray *command(const struct validating *x, const struct study *st,
			  const struct study_run *run, enum validate_mode mode)
{
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) sets = mode_sets(x, mode, false);

	g_ptr_array_add(args, g_strdup(scenario_path(st->sc)));
	for (char **set = x->s->o.sets; set && *set; set++)
		g_ptr_array_add(args, g_strdup_printf("--set=%s", *set));
	for (unsigned i = 0; st->keys[i]; i++)
		if (!sweep_leaves(run->values[i]))
			g_ptr_array_add(
				args, g_strdup_printf("--set=%s=%s", st->keys[i], run->values[i]));
	for (char **set = sets; *set; set++)
		g_ptr_array_add(args, g_strdup_printf("--set=%s", *set));
	g_ptr_array_add(args, g_strdup_printf("--seed=%" G_GUINT64_FORMAT, run->seed));
	g_ptr_array_add(args, g_strdup_printf("--json=%s", x->report));
	g_ptr_array_add(args, g_strdup("--quiet"));
	g_ptr_array_add(args, NULL);
	return args;
}

static void show(struct validating *x, const struct study_run *run, enum validate_mode mode)
{
	double spent = (double)(g_get_monotonic_time() - x->start_us) / 1e6;
	g_autofree char *left =
		x->done ? g_strdup_printf(", %.0f s left", spent * (x->all - x->done) / x->done)
			: g_strdup("");
	g_autofree char *line = g_strdup_printf("%s, %s: %u of %u real runs%s", run->label,
						validate_mode_names[mode], x->done, x->all, left);

	progress_note(&x->s->progress, line);
}

/* What the child says becomes the end of our own message. */
static void child_failed(struct validating *x, const struct study_run *run,
			 const struct child_end *end)
{
	g_autofree char *said = g_strdup(g_strstrip(end->errors));
	char *last = strrchr(said, '\n');

	progress_erase(&x->s->progress);
	fprintf(stderr, "%s: %s%s%s ", x->s->prog->name, x->s->prog->real, *run->label ? ", " : "",
		run->label);
	if (end->code > 128)
		fprintf(stderr, "was ended by signal %d", end->code - 128);
	else
		fprintf(stderr, "ended with %d", end->code);
	fprintf(stderr, "%s%s\n", *said ? ": " : "", last ? last + 1 : said);
	session_raise(x->s, end->code > 128 ? SIM_EXIT_VIOLATION : MAX(end->code, 1));
}

/* False: the rest is not worth trying. */
static bool do_in_fact(struct validating *x, const struct study *st, const struct study_run *run,
		       struct validate_point *p, enum validate_mode mode)
{
	g_autoptr(GPtrArray) args = command(x, st, run, mode);
	g_autoptr(GError) error = NULL;
	struct child_end end = {0};

	show(x, run, mode);
	if (!child_run(x->real, (const char *const *)args->pdata, false, session_interrupted(),
		       &end, &error)) {
		session_complain(x->s, error);
		return false;
	}
	x->done++;
	if (*session_interrupted()) {
		g_free(end.errors);
		return false;
	}
	json_t *json = end.code == SIM_EXIT_OK ? json_load_file(x->report, 0, NULL) : NULL;
	bool ok = json && validate_add(x->v, p, mode, true, json);
	if (!ok)
		child_failed(x, run, &end);
	p->failed |= !ok;
	json_decref(json);
	g_free(end.errors);
	return ok || end.code != SIM_EXIT_ENVIRONMENT;
}

/* ---- a file ---- */

static bool is_wanted(const struct validating *x, enum validate_mode mode, unsigned round)
{
	unsigned most = x->v->rules->most[mode];

	return !most || round < most;
}

static bool rounds(struct validating *x, const struct study *st, struct validate_point **points)
{
	x->done = x->all = 0;
	x->start_us = g_get_monotonic_time();
	for (unsigned round = 0; round < x->v->runs; round++)
		for (int m = 0; m < VALIDATE_MODES; m++)
			x->all += is_wanted(x, (enum validate_mode)m, round) * (unsigned)st->n_runs;
	for (unsigned round = 0; round < x->v->runs; round++)
		for (size_t i = 0; i < st->n_runs; i++)
			for (int m = 0; m < VALIDATE_MODES; m++)
				if (is_wanted(x, (enum validate_mode)m, round) &&
				    !points[i]->failed &&
				    !do_in_fact(x, st, &st->runs[i], points[i],
						(enum validate_mode)m))
					return false;
	return true;
}

/* False: the rest is not worth trying. */
static bool validate_file(struct validating *x, const char *path)
{
	g_autoptr(study_auto) st = session_load(x->s, path, false);
	g_autoptr(GError) error = NULL;

	if (!st)
		return true;
	if (!scenario_count(st->sc, x->v->rules->kind)) {
		session_raise(x->s, cli_usage_error(x->s->prog,
						    "%s: has no [%s], so %s cannot do it; add it",
						    path, x->v->rules->kind, x->s->prog->real));
		return true;
	}
	g_autofree struct validate_point **points = g_new0(struct validate_point *, st->n_runs);
	for (size_t i = 0; i < st->n_runs; i++) {
		struct study_run *run = &st->runs[i];

		points[i] = validation_point(x->v, st->sc, run->label, st->keys, run->values);
		if (!simulate_point(x, st, run, points[i], &error)) {
			session_complain(x->s, error);
			return true;
		}
	}
	return rounds(x, st, points);
}

/* ---- the outcome ---- */

static void write_text(struct session *s, const char *folder, const char *name, const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = folder ? g_build_filename(folder, name, NULL) : g_strdup(name);

	if (!outfile_write(path, text, strlen(text), &error))
		session_complain(s, error);
}

static void write_files(struct session *s, const struct validation *v)
{
	g_autofree char *json = validation_json(v, s->prog->name, s->prog->version);
	g_autoptr(GString) markdown = g_string_new(NULL), tsv = g_string_new(NULL);

	if (s->o.json)
		write_text(s, NULL, s->o.json, json);
	if (!s->o.out)
		return;
	validation_markdown(v, markdown);
	validation_tsv(v, tsv);
	write_text(s, s->o.out, "validation.json", json);
	write_text(s, s->o.out, "validation.md", markdown->str);
	write_text(s, s->o.out, "validation.tsv", tsv->str);
}

static void finish(struct session *s, struct validation *v)
{
	g_autoptr(GString) text = g_string_new(NULL);
	struct validate_sum sum;

	validation_judge(v);
	sum = validation_sum(v);
	if (sum.differ || (s->o.strict && (sum.missed || sum.swapped)))
		session_raise(s, SIM_EXIT_EXPECT);
	write_files(s, v);
	validation_print(v, text);
	if (!s->o.quiet && v->points->len)
		session_print(s, session_tables(s), text->str);
}

int verb_validate(struct session *s)
{
	struct validating x = {.s = s};
	g_autoptr(GError) error = NULL;

	if (!g_strv_length(s->o.rest))
		return cli_usage_error(s->prog, "validate takes scenario files");
	if (s->o.times < 0 || s->o.times > 1000)
		return cli_usage_error(s->prog, "--runs takes 1 to 1000");
	if (!s->prog->real || !s->prog->validation)
		return cli_usage_error(s->prog, "there is no program to validate against");
	if (!session_outputs(s, s->o.out))
		return s->code;
	x.real = child_beside(s->prog->real, &error);
	x.report = x.real ? child_file(&error) : NULL;
	if (!x.report) {
		session_complain(s, error);
		g_free(x.real);
		return s->code;
	}
	x.v = validation_new(s->prog->validation, s->o.times         ? (unsigned)s->o.times
						  : s->o.calibration ? RUNS
								     : 1);
	if (read_calibration(&x))
		for (char **path = s->o.rest; *path && !*session_interrupted(); path++)
			if (!validate_file(&x, *path))
				break;
	if (!*session_interrupted() && x.v->points->len)
		finish(s, x.v);
	remove(x.report);
	session_end(s);
	validation_free(x.v);
	g_free(x.real);
	g_free(x.report);
	return s->code;
}
