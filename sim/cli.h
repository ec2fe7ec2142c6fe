/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli.h - the command line of a simulator: verbs, options, exit codes.
 *
 *	PROGRAM run|sweep|check|fidelity SCENARIO...    --set --seed --out --json --quiet
 *	PROGRAM compare A B                    --tolerance --json --quiet
 *	PROGRAM plot RESULT...                 --out --scenario --set
 *	PROGRAM report RESULT...|STUDY         --out --scenario
 *	PROGRAM list WHAT
 *
 * All that is particular to a program comes in by struct cli_program. Nothing here is global but
 * the flags that SIGINT and SIGUSR1 set, which a signal handler cannot do without.
 */
#ifndef SIM_CLI_H
#define SIM_CLI_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <glib.h>
#include "keys.h"
#include "metric.h"
#include "report.h"
#include "result.h"
#include "scenario.h"
#include "story.h"

/* What a person wants to see of a run. Times are simulated; files appear when they are complete. */
struct run_look {
	const char *trace;              /* a timeline: the file; NULL: none */
	sim_time trace_from, trace_for; /* for 0: to the end */
	uint64_t trace_packets;         /* it ends as more than these have begun; 0: no limit */
	const char *const *pcap;        /* captures, "POINT=FILE"; NULL-ended, or NULL */
	uint32_t snaplen;               /* bytes of a frame that they keep; 0: all */
	const char *packet;             /* one packet's story: "NAME:N" or "N"; NULL: none ... */
	struct story *story;            /* ... and where it is put */
	FILE *said;                     /* where what was cut is said */
};

/* What a run is given beside its scenario. Call progress as often as you like: it is rate-limited
   by the host's clock and silent unless stderr is a terminal or SIGUSR1 asked for a line. total 0:
   unknown. */
struct run_ctl {
	volatile sig_atomic_t
		*interrupted; /* not 0: end cleanly, result_set_partial(), return true */
	void (*progress)(struct run_ctl *ctl, sim_time now, sim_time end, uint64_t packets,
			 uint64_t packets_total);
	void *progress_state;
	uint64_t drops;              /* so far; what runs keeps it, for those who look on */
	const struct run_look *look; /* NULL: nobody looks inside */
	/* The run's: it ended early, for this reason, and has a result all the same (partial). */
	GError *ended;
};
static inline void run_progress(struct run_ctl *ctl, sim_time now, sim_time end, uint64_t packets,
				uint64_t packets_total)
{
	if (ctl->progress)
		ctl->progress(ctl, now, end, packets, packets_total);
}

/* A row of `list policies` and `list systems`. */
struct cli_item {
	const char *name, *help;
};

struct validate_rules;

struct cli_program {
	const char *name, *version;
	const char *summary; /* one line for --help */
	const struct group_decl *groups;
	const struct metric_table *metrics;
	/*
	 * One run. False with an error whose code is the exit code (sim_error.h); true with a
	 * result otherwise. Must be a function of the scenario alone.
	 */
	bool (*run)(const struct scenario *sc, struct run_ctl *ctl, struct result *r,
		    GError **error);
	/* Checks that need several keys at once, before anything runs; may be NULL. */
	bool (*check)(const struct scenario *sc, GError **error);
	/* `list policies`, `list systems`: the i-th, false past the end; may be NULL. */
	bool (*policy)(size_t i, struct cli_item *item);
	bool (*system)(size_t i, struct cli_item *item);
	const struct report_section *report;
	/* Columns of the table of a sweep, each "guests.rx.copies_per_packet"; NULL head ends. */
	const struct report_col *sweep_cols;
	/* No verbs: PROGRAM [options] SCENARIO is `run`, with --check `check`, of the base point.
	 */
	bool one_verb;
	/* Why no option looks inside its runs, and what does instead; NULL: options do. */
	const char *no_look;
	/* The program beside this one that does in fact what this one simulates, and how the two
	   are held against each other (validate.h); NULL: there is none. */
	const char *real;
	const struct validate_rules *validation;
	/* Plots of result files or study folders into `out` (NULL: beside them), as [plot] of `sc`
	   says (NULL: nothing); adds what was made to `made`. May be NULL. */
	bool (*plot)(const char *const *paths, const char *out, const struct scenario *sc,
		     GPtrArray *made, GError **error);
};

/* Parses, does, reports; returns the exit code. argv[0] is ignored. */
int cli_main(const struct cli_program *prog, int argc, char **argv);

#endif
