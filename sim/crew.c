/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crew.c - carrying out the runs of a study, in turn or on several threads; see study.h.
 *
 * Under one lock are the number of the next run to begin, which runs are done, and how far each
 * member is with its run. The caller's thread hands the runs over in order and ticks while it
 * waits.
 */
#include <pthread.h>
#include "study.h"

enum { TICK_US = 200000 };

/* ---- one run ---- */

static void describe(const struct study *st, const struct study_run *run, struct result *r,
		     const struct scenario *sc)
{
	const struct cli_program *prog = st->prog;

	result_describe(r, prog->name, prog->version, sc);
	if (st->n_runs > 1)
		result_set_point(r, run->point, run->repeat, st->keys, run->values,
				 g_strv_length((char **)st->keys));
}

struct scenario *study_scenario(const struct study *st, const struct study_run *run, GError **error)
{
	if (!st->keys[0] && run->repeat == 1)
		return scenario_clone_with(st->sc, NULL, error);
	return sweep_scenario(st->sweep, run->point ? run->point - 1 : SWEEP_BASE, run->repeat - 1,
			      error);
}

static bool search(const struct study *st, struct study_run *run, struct run_ctl *ctl)
{
	struct search_end end;

	if (!search_run(st->search, run->sc, ctl, &end, &run->error))
		return false;
	scenario_free(run->sc);
	run->sc = end.sc;
	run->result = end.result;
	run->beyond = end.beyond;
	if (end.beyond)
		describe(st, run, end.beyond, end.sc_beyond);
	scenario_free(end.sc_beyond);
	return true;
}

static bool simulate(const struct study *st, struct study_run *run, struct run_ctl *ctl)
{
	run->result = result_new();
	if (st->prog->run(run->sc, ctl, run->result, &run->error)) {
		run->error = g_steal_pointer(&ctl->ended);
		return true;
	}
	g_clear_pointer(&run->result, result_free);
	return false;
}

static void carry_out(const struct study *st, struct study_run *run, struct run_ctl *ctl)
{
	run->sc = study_scenario(st, run, &run->error);
	if (!run->sc)
		return;
	if (!(st->search && !st->as_it_stands ? search : simulate)(st, run, ctl)) {
		g_assert(run->error);
		return;
	}
	const struct cfg *c = scenario_find(run->sc, "scenario");
	run->seed = c ? cfg_u64(c, "seed") : 0;
	describe(st, run, run->result, run->sc);
}

/* ---- in turn ---- */

static void on_progress(struct run_ctl *ctl, sim_time now, sim_time end, uint64_t packets,
			uint64_t packets_total)
{
	progress_update(ctl->progress_state, now, end, packets, packets_total, ctl->drops);
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

/* ---- on threads ---- */

struct crew;

struct member {
	struct crew *crew;
	pthread_t thread;
	/* Its own: when it told last, and what its run has come to. */
	gint64 told_us;
	uint64_t packets, drops;
	/* Told, under the lock; `done` of its run is a share. */
	struct study_state told;
};

struct crew {
	struct study *st;
	const struct study_watch *watch;
	volatile sig_atomic_t *interrupted;
	pthread_mutex_t lock;
	pthread_cond_t finished;
	size_t next;             /* to begin */
	struct study_state done; /* of runs that are finished */
	bool stop;
	struct member *members;
	unsigned n_members;
};

static void on_share(struct run_ctl *ctl, sim_time now, sim_time end, uint64_t packets,
		     uint64_t packets_total)
{
	struct member *m = ctl->progress_state;
	gint64 clock = g_get_monotonic_time();

	m->packets = packets;
	m->drops = ctl->drops;
	if (clock - m->told_us < TICK_US)
		return;
	m->told_us = clock;
	pthread_mutex_lock(&m->crew->lock);
	m->told = (struct study_state){progress_share(now, end, packets, packets_total), packets,
				       ctl->drops};
	pthread_mutex_unlock(&m->crew->lock);
}

static void begin(struct member *m, struct study_run *run, struct run_ctl *ctl)
{
	struct crew *crew = m->crew;

	m->packets = m->drops = 0;
	ctl->drops = 0;
	if (run->skip || *crew->interrupted)
		return;
	carry_out(crew->st, run, ctl);
	if (crew->watch->ran)
		crew->watch->ran(crew->watch->arg, crew->st, run);
}

static void *crew_member(void *p)
{
	struct member *m = p;
	struct crew *crew = m->crew;
	struct run_ctl ctl = {.interrupted = crew->interrupted,
			      .progress = crew->watch->tick ? on_share : NULL,
			      .progress_state = m};

	pthread_mutex_lock(&crew->lock);
	while (!crew->stop && crew->next < crew->st->n_runs) {
		struct study_run *run = &crew->st->runs[crew->next++];

		pthread_mutex_unlock(&crew->lock);
		begin(m, run, &ctl);
		pthread_mutex_lock(&crew->lock);
		m->told = (struct study_state){0};
		crew->done.done += !run->skip;
		crew->done.packets += m->packets;
		crew->done.drops += m->drops;
		run->done = true;
		pthread_cond_signal(&crew->finished);
	}
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

/* Ticks, with the lock held. */
static void tick(struct crew *crew)
{
	struct study_state state = crew->done;

	for (unsigned i = 0; i < crew->n_members; i++) {
		const struct study_state *told = &crew->members[i].told;

		state.done += told->done;
		state.packets += told->packets;
		state.drops += told->drops;
	}
	pthread_mutex_unlock(&crew->lock);
	crew->watch->tick(crew->watch->arg, &state);
	pthread_mutex_lock(&crew->lock);
}

static void await(struct crew *crew, const struct study_run *run)
{
	pthread_mutex_lock(&crew->lock);
	while (!run->done) {
		struct timespec until;

		if (!crew->watch->tick) {
			pthread_cond_wait(&crew->finished, &crew->lock);
			continue;
		}
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += TICK_US * 1000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&crew->finished, &crew->lock, &until);
		tick(crew);
	}
	pthread_mutex_unlock(&crew->lock);
}

/* Hands the results over in order. */
static void collect(struct crew *crew)
{
	struct study *st = crew->st;

	for (size_t i = 0; i < st->n_runs; i++) {
		struct study_run *run = &st->runs[i];

		await(crew, run);
		if (run->skip)
			continue;
		if (!run->result && !run->record && !run->error)
			break;
		if (crew->watch->done && !crew->watch->done(crew->watch->arg, st, run))
			break;
	}
	pthread_mutex_lock(&crew->lock);
	crew->stop = true;
	pthread_mutex_unlock(&crew->lock);
}

void study_run_watched(struct study *st, unsigned threads, volatile sig_atomic_t *interrupted,
		       const struct study_watch *watch)
{
	struct crew crew = {.st = st,
			    .watch = watch,
			    .interrupted = interrupted,
			    .lock = PTHREAD_MUTEX_INITIALIZER,
			    .finished = PTHREAD_COND_INITIALIZER};
	g_autofree struct member *members = g_new0(struct member, threads + 1);
	unsigned n = 0;

	crew.members = members;
	crew.n_members = threads;
	for (unsigned i = 0; i < threads; i++)
		members[i].crew = &crew;
	while (n < threads && n < st->n_runs &&
	       pthread_create(&members[n].thread, NULL, crew_member, &members[n]) == 0)
		n++;
	if (!n)
		crew_member(&members[0]);
	collect(&crew);
	while (n)
		pthread_join(members[--n].thread, NULL);
	pthread_mutex_destroy(&crew.lock);
	pthread_cond_destroy(&crew.finished);
}

/* What study_run() hands through a watch: whom the runs are for, and who looks on. */
struct looking {
	struct progress *progress;
	size_t n_runs;
	study_done_fn done;
	void *arg;
};

static bool looking_done(void *arg, struct study *st, struct study_run *run)
{
	const struct looking *l = arg;

	progress_erase(l->progress);
	return l->done(l->arg, st, run);
}

static void looking_tick(void *arg, const struct study_state *state)
{
	const struct looking *l = arg;
	const struct progress_sum sum = {.unit = "runs",
					 .done = state->done,
					 .all = (double)l->n_runs,
					 .packets = state->packets,
					 .drops = state->drops};

	progress_sum(l->progress, &sum);
}

void study_run(struct study *st, unsigned threads, struct progress *progress,
	       volatile sig_atomic_t *interrupted, study_done_fn done, void *arg)
{
	struct looking looking = {progress, st->n_runs, done, arg};
	const struct study_watch watch = {
		.done = looking_done, .tick = looking_tick, .arg = &looking};

	if (threads <= 1 || st->n_runs == 1) {
		run_in_turn(st, progress, interrupted, done, arg);
		return;
	}
	progress_begin(progress, "");
	study_run_watched(st, threads, interrupted, &watch);
	progress_erase(progress);
}
