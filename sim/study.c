/* SPDX-License-Identifier: GPL-2.0-or-later */
/* study.c - the runs of one scenario file, made and written down; see study.h. They are carried out
   in crew.c. */
#include "study.h"
#include <string.h>
#include "csv.h"
#include "outfile.h"

/* ---- making ---- */

static char *run_label(const struct study *st, size_t point, unsigned repeat)
{
	g_autofree char *label = sweep_label(st->sweep, point);

	if (sweep_repeats(st->sweep) == 1)
		return g_steal_pointer(&label);
	return g_strdup_printf("%s%srepeat=%u", label, *label ? " " : "", repeat + 1);
}

static bool check_run(const struct study *st, const struct scenario *sc, const char *label,
		      GError **error)
{
	if ((!st->prog->check || st->prog->check(sc, error)) &&
	    (!st->search || search_check(st->search, sc, error)))
		return true;
	if (*label)
		g_prefix_error(error, "point %s: ", label);
	return false;
}

static bool make_run(struct study *st, size_t point, unsigned repeat, GError **error)
{
	struct study_run *run = &st->runs[st->n_runs++];
	size_t keys = sweep_keys(st->sweep);

	run->point = (unsigned)point + 1;
	run->repeat = repeat + 1;
	run->label = run_label(st, point, repeat);
	run->values = g_new0(const char *, keys + 1);
	for (size_t i = 0; i < keys; i++)
		run->values[i] = sweep_value(st->sweep, point, i);
	/* Repeats differ in their seed alone. */
	if (repeat)
		return true;
	g_autoptr(scenario_auto) sc = sweep_scenario(st->sweep, point, 0, error);
	return sc && check_run(st, sc, run->label, error);
}

static bool make_all(struct study *st, GError **error)
{
	size_t points = sweep_points(st->sweep);
	unsigned repeats = sweep_repeats(st->sweep);

	st->runs = g_new0(struct study_run, points * repeats);
	for (size_t point = 0; point < points; point++)
		for (unsigned repeat = 0; repeat < repeats; repeat++)
			if (!make_run(st, point, repeat, error))
				return false;
	return true;
}

static bool make_base(struct study *st, GError **error)
{
	st->runs = g_new0(struct study_run, 1);
	st->n_runs = 1;
	st->runs[0] = (struct study_run){.point = 1, .repeat = 1, .label = g_strdup("")};
	st->runs[0].values = g_new0(const char *, 1);
	return check_run(st, st->sc, "", error);
}

struct study *study_load(const struct cli_program *prog, const char *path, const char *const *sets,
			 bool base_only, GError **error)
{
	g_autoptr(study_auto) st = g_new0(struct study, 1);

	st->prog = prog;
	st->sets = sets ? g_strdupv((char **)sets) : g_new0(char *, 1);
	st->sc = scenario_load(path, prog->groups, sets, error);
	if (!st->sc)
		return NULL;
	st->sweep = sweep_new(st->sc, error);
	if (!st->sweep)
		return NULL;
	st->expect = expect_new(st->sc, prog->metrics, error);
	if (!st->expect)
		return NULL;
	if (!search_new(st->sc, st->sweep, prog, &st->search, error))
		return NULL;
	st->names = record_names_new(prog->metrics, st->sc);
	st->rows = fidelity_rows(st->sc, prog->groups, prog->metrics, error);
	if (!st->rows)
		return NULL;
	st->as_it_stands = base_only;
	st->keys = g_new0(const char *, sweep_keys(st->sweep) + 1);
	for (size_t i = 0; !base_only && i < sweep_keys(st->sweep); i++)
		st->keys[i] = sweep_key(st->sweep, i);
	if (!(base_only ? make_base(st, error) : make_all(st, error)))
		return NULL;
	return g_steal_pointer(&st);
}

static void run_clear(struct study_run *run)
{
	g_free(run->label);
	g_free(run->values);
	scenario_free(run->sc);
	result_free(run->result);
	result_free(run->beyond);
	record_free(run->record);
	g_clear_error(&run->error);
}

static void add_base(struct study *st, unsigned repeat)
{
	struct study_run *run = &st->runs[st->n_runs++];
	size_t keys = sweep_keys(st->sweep);

	*run = (struct study_run){.point = 0, .repeat = repeat + 1};
	run->label = repeat ? g_strdup_printf("base repeat=%u", repeat + 1) : g_strdup("base");
	run->values = g_new0(const char *, keys + 1);
	for (size_t i = 0; i < keys; i++)
		run->values[i] = "-";
}

bool study_choose(struct study *st, const bool *wanted, bool base, GError **error)
{
	unsigned repeats = base ? sweep_repeats(st->sweep) : 0;
	size_t kept = 0;

	for (size_t i = 0; i < st->n_runs; i++)
		if (wanted[st->runs[i].point - 1])
			st->runs[kept++] = st->runs[i];
		else
			run_clear(&st->runs[i]);
	st->n_runs = kept;
	st->runs = g_renew(struct study_run, st->runs, kept + repeats + 1);
	for (unsigned repeat = 0; repeat < repeats; repeat++)
		add_base(st, repeat);
	return !base || check_run(st, st->sc, "base", error);
}

void study_free(struct study *st)
{
	if (!st)
		return;
	for (size_t i = 0; i < st->n_runs; i++)
		run_clear(&st->runs[i]);
	g_free(st->runs);
	g_free(st->keys);
	expect_free(st->expect);
	search_free(st->search);
	record_names_free(st->names);
	g_clear_pointer(&st->rows, g_ptr_array_unref);
	sweep_free(st->sweep);
	scenario_free(st->sc);
	g_strfreev(st->sets);
	g_free(st);
}

bool study_is_swept(const struct study *st)
{
	return sweep_points(st->sweep) > 1 || sweep_repeats(st->sweep) > 1;
}

/* ---- writing ---- */

void study_record(struct study *st, struct study_run *run)
{
	if (!run->result)
		return;
	run->record = record_of(st->names, run->result);
	g_clear_pointer(&run->result, result_free);
	g_clear_pointer(&run->beyond, result_free);
	g_clear_pointer(&run->sc, scenario_free);
}

char *study_file(const struct study_run *run, bool beyond)
{
	g_autofree char *repeat =
		run->repeat > 1 ? g_strdup_printf("-r%u", run->repeat) : g_strdup("");

	return g_strdup_printf("point-%04u%s%s.json", run->point, repeat, beyond ? "-fails" : "");
}

bool study_write_point(const struct study *st, const struct study_run *run, const char *folder,
		       GError **error)
{
	g_autofree char *name = study_file(run, false), *beyond = study_file(run, true);
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *path_beyond = g_build_filename(folder, beyond, NULL);

	(void)st;
	/* The point's own file last: where it is, all of the point is. */
	return (!run->beyond || result_write(run->beyond, path_beyond, error)) &&
	       result_write(run->result, path, error);
}

struct summary_run *study_rows(struct study *st, size_t *n)
{
	struct summary_run *rows = g_new0(struct summary_run, st->n_runs + 1);

	*n = 0;
	for (size_t i = 0; i < st->n_runs; i++) {
		struct study_run *run = &st->runs[i];

		if (!run->record && run->result)
			run->record = record_of(st->names, run->result);
		if (run->record)
			rows[(*n)++] = (struct summary_run){run->point, run->repeat, run->seed,
							    run->values, run->record};
	}
	return rows;
}

static bool write_text(const char *folder, const char *name, const GString *text, GError **error)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	return outfile_write(path, text->str, text->len, error);
}

static bool write_runs(const struct csv_study *csv, const char *folder, GError **error)
{
	g_autoptr(GString) tidy = g_string_new(NULL), wide = g_string_new(NULL);

	csv_tidy(csv, tidy);
	csv_wide(csv, wide);
	return write_text(folder, "results.csv", tidy, error) &&
	       write_text(folder, "wide.csv", wide, error);
}

static bool write_sum(const struct csv_study *csv, const struct summary *sum, const char *folder,
		      const char *name, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);

	if (!sum)
		return true;
	csv_summary(csv, sum, strcmp(name, "paired.csv") == 0, text);
	return write_text(folder, name, text, error);
}

bool study_write_tables(struct study *st, const char *folder, const struct summary *means,
			const struct summary *paired, GError **error)
{
	size_t n;
	g_autofree struct summary_run *rows = study_rows(st, &n);
	const struct csv_study csv = {.sc = st->sc,
				      .keys = st->keys,
				      .n_keys = g_strv_length((char **)st->keys),
				      .rows = rows,
				      .n_rows = n};

	if (!write_runs(&csv, folder, error) ||
	    !write_sum(&csv, means, folder, "summary.csv", error) ||
	    !write_sum(&csv, paired, folder, "paired.csv", error))
		return false;
	if (!means)
		return true;
	g_autoptr(GString) json =
		summary_json(st->prog->name, st->prog->version, st->sc, st->keys, means, paired);
	return write_text(folder, "summary.json", json, error);
}
