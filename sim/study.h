/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * study.h - the runs of one scenario file: made, checked, carried out, written down.
 *
 * A run is a pure function of its scenario, so runs can go on several threads at once; their
 * results are handed over in order all the same, and what is written does not depend on the
 * threads.
 */
#ifndef SIM_STUDY_H
#define SIM_STUDY_H

#include <stdbool.h>
#include <glib.h>
#include "cli.h"
#include "expect.h"
#include "fidelity.h"
#include "progress.h"
#include "record.h"
#include "search.h"
#include "summary.h"
#include "sweep.h"

struct study_run {
	unsigned point, repeat; /* from 1; point 0: the base, see study_choose() */
	char *label;            /* "guest.policy=copy repeat=2"; "" if there is but one */
	const char **values;    /* of the swept keys */
	uint64_t seed;
	struct scenario *sc;
	struct result *result; /* NULL until run, and after a failure */
	struct result *beyond; /* of a search: the run at the lowest value that fails, or NULL */
	struct record *record; /* see study_record() */
	GError *error;
	bool skip; /* is not carried out */
	bool done;
};

struct study {
	const struct cli_program *prog;
	struct scenario *sc;
	char **sets; /* of the command line */
	struct sweep *sweep;
	struct expect *expect;
	struct search *search; /* NULL: none */
	bool as_it_stands;     /* one run, without sweep and search */
	struct record_names *names;
	GPtrArray *rows;   /* struct fidelity_row */
	const char **keys; /* swept */
	struct study_run *runs;
	size_t n_runs;
	const struct run_look *look; /* of a single run; NULL: none */
};

/*
 * Reads and checks everything that can be checked before running. `base_only`: one run, of the
 * scenario as it stands without its sweep and search; otherwise every point and repeat.
 */
struct study *study_load(const struct cli_program *prog, const char *path, const char *const *sets,
			 bool base_only, GError **error);
void study_free(struct study *st);
typedef struct study study_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(study_auto, study_free)

bool study_is_swept(const struct study *st);

/*
 * Keeps the runs of those points (from 0) that are wanted. With `base`, adds runs of the scenario
 * without its sweep: their point is 0.
 */
bool study_choose(struct study *st, const bool *wanted, bool base, GError **error);

/*
 * Carries out the runs on `threads` threads, and calls `done` after each in order; a false ends the
 * study. Stops after SIGINT. `progress` is used with one thread only.
 */
typedef bool (*study_done_fn)(void *arg, struct study *st, struct study_run *run);
void study_run(struct study *st, unsigned threads, struct progress *progress,
	       volatile sig_atomic_t *interrupted, study_done_fn done, void *arg);

/* What a run is of, which study_run() makes itself. */
struct scenario *study_scenario(const struct study *st, const struct study_run *run,
				GError **error);

/* How far all runs together are. */
struct study_state {
	double done;             /* runs, parts included */
	uint64_t packets, drops; /* simulated */
};

/* The same for whom it matters when: any of these may be NULL. Runs to skip are passed over. */
struct study_watch {
	/* On the thread that carried it out, at once; several may be in it at a time. */
	void (*ran)(void *arg, struct study *st, struct study_run *run);
	/* On the caller's thread, in order. */
	study_done_fn done;
	/* On the caller's thread, five times a second. */
	void (*tick)(void *arg, const struct study_state *state);
	void *arg;
};
void study_run_watched(struct study *st, unsigned threads, volatile sig_atomic_t *interrupted,
		       const struct study_watch *watch);

/* Puts down what tables need of the result, and lets go of it. May be called on any thread. */
void study_record(struct study *st, struct study_run *run);

/* "point-0001.json", "point-0001-r2.json"; of the run beyond, "point-0001-fails.json". */
char *study_file(const struct study_run *run, bool beyond);
/* Into `folder`, `beyond` too if there is one. */
bool study_write_point(const struct study *st, const struct study_run *run, const char *folder,
		       GError **error);
/*
 * `folder`/results.csv and wide.csv over the runs that have been recorded or still have a result;
 * with repeats summary.csv and summary.json, with `paired` (KEY=BASE, or NULL) paired.csv.
 */
bool study_write_tables(struct study *st, const char *folder, const struct summary *means,
			const struct summary *paired, GError **error);
/* Those runs, to be freed with g_free(); their records belong to the study. */
struct summary_run *study_rows(struct study *st, size_t *n);

#endif
