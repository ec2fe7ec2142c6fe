/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress.h - one line on a terminal that says how far a run is, and vanishes at its end.
 *
 * Simulated time, percent, packets per second of real time, drops if there are any, time left.
 * Nothing is printed unless stderr is a terminal, nor oftener than five times a second. Who asks by
 * SIGUSR1 gets one line that stays, terminal or not, --quiet or not.
 */
#ifndef SIM_PROGRESS_H
#define SIM_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>
#include "simtime.h"

struct progress {
	bool on;            /* stderr is a terminal */
	bool shown;         /* a line stands there */
	const char *prefix; /* "3/12 guest.policy=copy"; "" */
	gint64 start_us, last_us;
};

void progress_init(struct progress *p, bool quiet);
/* Another run begins. */
void progress_begin(struct progress *p, const char *prefix);
void progress_update(struct progress *p, sim_time now, sim_time end, uint64_t packets,
		     uint64_t packets_total, uint64_t drops);
/* A line that stands until something else is printed; the answer, if somebody has asked. */
void progress_note(struct progress *p, const char *text);
/* Erases the line; to be called before anything else is printed. */
void progress_erase(struct progress *p);

/* How much is done, 0 to 1; 0 too where nobody knows. */
double progress_share(sim_time now, sim_time end, uint64_t packets, uint64_t packets_total);

/* The line without control characters, for progress_update() and its test. */
void progress_line(GString *out, const char *prefix, double seconds, sim_time now, sim_time end,
		   uint64_t packets, uint64_t packets_total, uint64_t drops);

/* Several runs, some of them at once. */
struct progress_sum {
	const char *unit; /* what is counted: "runs", "points" */
	size_t before;    /* done when it began */
	double done, all; /* since then and, all told, to be done since then; parts included */
	uint64_t packets, drops; /* simulated since then, all runs together */
	size_t failed;
};
/* "3 of 12 runs  27%  1.20M packets/s  17 dropped  1 failed  40 s left", `seconds` after it began;
   no longer than a terminal of 80 columns has room for. */
void progress_sum_line(GString *out, const struct progress_sum *sum, double seconds);
/* Shows it, the time being that since progress_begin(). */
void progress_sum(struct progress *p, const struct progress_sum *sum);

/* What the handler of SIGUSR1 does: the next update or note is an answer. */
void progress_ask(void);

#endif
