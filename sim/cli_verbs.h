/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_verbs.h - what the command line's parser (cli.c) and its verbs (cli_verbs.c, cli_compare.c,
 * cli_fidelity.c) share; for them alone.
 *
 * A verb is called once, with all options parsed and `rest` never NULL, and returns the exit code.
 * It may read the session's options but owns none of them.
 */
#ifndef SIM_CLI_VERBS_H
#define SIM_CLI_VERBS_H

#include <stdbool.h>
#include <glib.h>
#include "cli.h"
#include "progress.h"
#include "study.h"

enum { THREADS_MAX = 256 };
#define TRACE_PACKETS_UNSET G_MININT64

struct options {
	char *scenario; /* of report and plot */
	char **sets, **rest;
	char *seed, *out, *json, *tolerance, *calibration, *baseline, *junit;
	gboolean quiet, help, markdown, man, update, check, version, quick, strict;
	char **only, *paired, *point; /* of sweep */
	gboolean list, points, collect, fresh;
	gint jobs, times;
	/* of run: what to see of it */
	char **pcap;
	char *trace, *trace_from, *trace_for;
	gint64 trace_packets;
	gint snaplen;
};

struct session {
	const struct cli_program *prog;
	const struct verb *verb;
	struct options o;
	struct progress progress;
	int code;  /* the highest so far */
	bool mute; /* stdout cannot be written to, which was said */
};

struct verb {
	const char *name, *arguments, *help;
	bool runs, plots, lists, compares, checks; /* which options it has */
	int (*fn)(struct session *s);
	const char *examples; /* %s is the program */
};

/* ---- what verbs share (session.c) ---- */

/* The highest code wins. */
void session_raise(struct session *s, int code);
/* Says what went wrong and takes over its code. */
void session_complain(struct session *s, const GError *error);
void session_print(struct session *s, FILE *stream, const char *text);
/* Where tables go: stdout, unless the JSON or the XML does. */
FILE *session_tables(const struct session *s);
/* That of --scenario with --set; *sc stays NULL if none is given. False: said why. */
bool session_scenario(struct session *s, struct scenario **sc);
struct study *session_load(struct session *s, const char *path, bool base_only);
/* Finds out before a long run that its results could not be written after it. */
bool session_outputs(struct session *s, const char *folder);
/* False, and said, if the run failed. */
bool session_usable(struct session *s, const struct study_run *run);
unsigned session_threads(const struct session *s);
volatile sig_atomic_t *session_interrupted(void);
/* Says that it was, if it was. */
void session_end(struct session *s);

/* The points of an earlier, larger study would be taken for points of this one. */
void study_remove_points(const char *folder);

/* ---- the verbs ---- */

int verb_run(struct session *s);
int verb_packet(struct session *s);
int verb_sweep(struct session *s);
int verb_check(struct session *s);
int verb_fidelity(struct session *s);
int verb_compare(struct session *s);
int verb_calibrate(struct session *s);
int verb_validate(struct session *s);
int verb_plot(struct session *s);
int verb_report(struct session *s);
int verb_list(struct session *s);
/* `run`, or `check` with --check, of the base point. */
int verb_only(struct session *s);

/* What the options ask to see (cli_look.c). False: said what is wrong with them. */
bool session_look(struct session *s, struct run_look *look);

/* The table of verbs, ended by one without a name, and the text of --help of one. */
const struct verb *cli_verbs(void);
char *cli_verb_help(const struct cli_program *prog, const struct verb *v);

/* From now on the first SIGINT ends runs early, their results being partial, the second kills;
   SIGUSR1 asks for a line of progress. */
void cli_catch_signals(void);
/* And so does SIGTERM, where a run must put back what it has taken of the machine. */
void cli_catch_sigterm(void);
/* Says what is wrong with the command line; returns the code for it. */
__attribute__((format(printf, 2, 3))) int cli_usage_error(const struct cli_program *prog,
							  const char *format, ...);

#endif
