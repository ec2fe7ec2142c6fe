/* SPDX-License-Identifier: GPL-2.0-or-later */
/* study.c - the runs of one scenario file; see study.h. */
#include "study.h"
#include <pthread.h>
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
	if (!st->prog->check || st->prog->check(sc, error))
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
	g_autoptr(scenario_auto) sc = sweep_scenario(st->sweep, point, repeat, error);
	return sc && (repeat || check_run(st, sc, run->label, error));
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
	st->sc = scenario_load(path, prog->groups, sets, error);
	if (!st->sc)
		return NULL;
	st->sweep = sweep_new(st->sc, error);
	if (!st->sweep)
		return NULL;
	st->expect = expect_new(st->sc, prog->metrics, error);
	if (!st->expect)
		return NULL;
	st->rows = fidelity_rows(st->sc, prog->groups, prog->metrics, error);
	if (!st->rows)
		return NULL;
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
	g_clear_pointer(&st->rows, g_ptr_array_unref);
	sweep_free(st->sweep);
	scenario_free(st->sc);
	g_free(st);
}

bool study_is_swept(const struct study *st)
{
	return sweep_points(st->sweep) > 1 || sweep_repeats(st->sweep) > 1;
}

/* ---- running ---- */

static void describe(const struct study *st, struct study_run *run)
{
	const struct cli_program *prog = st->prog;
	const struct cfg *c = scenario_find(run->sc, "scenario");

	run->seed = c ? cfg_u64(c, "seed") : 0;
	result_describe(run->result, prog->name, prog->version, run->sc);
	if (st->n_runs > 1)
		result_set_point(run->result, run->point, run->repeat, st->keys, run->values,
				 g_strv_length((char **)st->keys));
}

struct scenario *study_scenario(const struct study *st, const struct study_run *run, GError **error)
{
	if (!st->keys[0] && run->repeat == 1)
		return scenario_clone_with(st->sc, NULL, error);
	return sweep_scenario(st->sweep, run->point ? run->point - 1 : SWEEP_BASE, run->repeat - 1,
			      error);
}

static void carry_out(const struct study *st, struct study_run *run, struct run_ctl *ctl)
{
	run->sc = study_scenario(st, run, &run->error);
	if (!run->sc)
		return;
	run->result = result_new();
	if (st->prog->run(run->sc, ctl, run->result, &run->error)) {
		describe(st, run);
		run->error = g_steal_pointer(&ctl->ended);
		return;
	}
	g_assert(run->error);
	g_clear_pointer(&run->result, result_free);
}

static void on_progress(struct run_ctl *ctl, sim_time now, sim_time end, uint64_t packets,
			uint64_t packets_total)
{
	progress_update(ctl->progress_state, now, end, packets, packets_total);
}

static void run_in_turn(struct study *st, struct progress *progress,
			volatile sig_atomic_t *interrupted, study_done_fn done, void *arg)
{
	struct run_ctl ctl = {.interrupted = interrupted,
			      .progress = on_progress,
			      .progress_state = progress,
			      .look = st->look};

	for (size_t i = 0; i < st->n_runs && !*interrupted; i++) {
		struct study_run *run = &st->runs[i];
		g_autofree char *prefix = st->n_runs > 1 ? g_strdup_printf("%zu/%zu %s", i + 1,
									   st->n_runs, run->label)
							 : g_strdup("");

		progress_begin(progress, prefix);
		carry_out(st, run, &ctl);
		progress_erase(progress);
		if (!done(arg, st, run))
			return;
	}
}

/* What the threads share: the number of the next run to begin, under the lock. */
struct crew {
	struct study *st;
	volatile sig_atomic_t *interrupted;
	pthread_mutex_t lock;
	pthread_cond_t finished;
	size_t next;
	bool stop;
};

static void *crew_member(void *p)
{
	struct crew *crew = p;
	struct run_ctl ctl = {.interrupted = crew->interrupted};

	pthread_mutex_lock(&crew->lock);
	while (!crew->stop && crew->next < crew->st->n_runs) {
		struct study_run *run = &crew->st->runs[crew->next++];

		pthread_mutex_unlock(&crew->lock);
		if (!*crew->interrupted)
			carry_out(crew->st, run, &ctl);
		pthread_mutex_lock(&crew->lock);
		run->done = true;
		pthread_cond_signal(&crew->finished);
	}
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

/* Hands the results over in order. */
static void collect(struct crew *crew, study_done_fn done, void *arg)
{
	struct study *st = crew->st;

	for (size_t i = 0; i < st->n_runs; i++) {
		struct study_run *run = &st->runs[i];

		pthread_mutex_lock(&crew->lock);
		while (!run->done)
			pthread_cond_wait(&crew->finished, &crew->lock);
		pthread_mutex_unlock(&crew->lock);
		if ((!run->result && !run->error) || !done(arg, st, run))
			break;
	}
	pthread_mutex_lock(&crew->lock);
	crew->stop = true;
	pthread_mutex_unlock(&crew->lock);
}

void study_run(struct study *st, unsigned threads, struct progress *progress,
	       volatile sig_atomic_t *interrupted, study_done_fn done, void *arg)
{
	struct crew crew = {.st = st,
			    .interrupted = interrupted,
			    .lock = PTHREAD_MUTEX_INITIALIZER,
			    .finished = PTHREAD_COND_INITIALIZER};
	g_autofree pthread_t *members = NULL;
	unsigned n = 0;

	if (threads <= 1 || st->n_runs == 1) {
		run_in_turn(st, progress, interrupted, done, arg);
		return;
	}
	members = g_new0(pthread_t, threads);
	while (n < threads && n < st->n_runs &&
	       pthread_create(&members[n], NULL, crew_member, &crew) == 0)
		n++;
	if (!n)
		crew_member(&crew);
	collect(&crew, done, arg);
	while (n)
		pthread_join(members[--n], NULL);
	pthread_mutex_destroy(&crew.lock);
	pthread_cond_destroy(&crew.finished);
}

/* ---- writing ---- */

bool study_write_point(const struct study *st, const struct study_run *run, const char *folder,
		       GError **error)
{
	g_autofree char *name =
		sweep_repeats(st->sweep) > 1 && run->repeat > 1
			? g_strdup_printf("point-%04u-r%u.json", run->point, run->repeat)
			: g_strdup_printf("point-%04u.json", run->point);
	g_autofree char *path = g_build_filename(folder, name, NULL);

	return result_write(run->result, path, error);
}

static bool write_table(const struct csv_study *csv, const char *folder, const char *name,
			void (*print)(const struct csv_study *, GString *), GError **error)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autoptr(GString) text = g_string_new(NULL);

	print(csv, text);
	return outfile_write(path, text->str, text->len, error);
}

bool study_write_tables(const struct study *st, const char *folder, GError **error)
{
	g_autofree struct csv_row *rows = g_new0(struct csv_row, st->n_runs + 1);
	struct csv_study csv = {.sc = st->sc,
				.metrics = st->prog->metrics,
				.keys = st->keys,
				.n_keys = g_strv_length((char **)st->keys),
				.rows = rows};

	for (size_t i = 0; i < st->n_runs; i++) {
		const struct study_run *run = &st->runs[i];

		if (run->result)
			rows[csv.n_rows++] = (struct csv_row){run->point, run->repeat, run->seed,
							      run->values, run->result};
	}
	return write_table(&csv, folder, "results.csv", csv_tidy, error) &&
	       write_table(&csv, folder, "wide.csv", csv_wide, error);
}
