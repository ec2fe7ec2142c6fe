/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_helper.h - for tests only: run the text of a scenario in this process, ask for results.
 *
 * A run is made by run_text(), which takes the text as printf() does, and ended by run_free(). A
 * metric that is not there, or is of another type than asked for, fails the test and names it.
 * Captures are given by absolute path: see run_trace().
 */
#ifndef TESTS_MACHINE_HELPER_H
#define TESTS_MACHINE_HELPER_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <unistd.h>

#include "models/machine.h"
#include "models/options.h"
#include "pcap_make.h"
#include "sim/result.h"
#include "sim/scenario.h"
#include "sim/sim_error.h"

struct run {
	struct scenario *sc; /* NULL: the text itself is wrong */
	struct result *r;
	char *text;
	int code;      /* 0, or the exit code that the command line would give */
	char *message; /* "" without an error */
};

/* A file of this folder's `traces`, by absolute path. */
static inline char *run_trace(const char *name)
{
	g_autofree char *path = g_build_filename("traces", name, NULL);
	return g_canonicalize_filename(path, NULL);
}

/* A name for a capture or the like; the file exists and is empty. Freed with g_free(). */
static inline char *run_temp(const char *suffix)
{
	g_autofree char *form = g_strconcat("machine-XXXXXX", suffix, NULL);
	GError *error = NULL;
	char *path;
	int fd = g_file_open_tmp(form, &path, &error);

	if (fd < 0)
		g_error("%s", error->message);
	close(fd);
	return path;
}

/* With somebody who looks inside; `look` NULL: nobody. */
static inline struct run run_looked(const char *text, const struct run_look *look)
{
	struct run_ctl ctl = {.look = look};
	struct run run = {.text = g_strdup(text), .r = result_new()};
	g_autofree char *path = run_temp(".ini");
	GError *error = NULL;

	g_file_set_contents(path, text, -1, &error);
	if (!error)
		run.sc = scenario_load(path, option_groups, NULL, &error);
	if (run.sc)
		machine_simulate(run.sc, &ctl, run.r, &error);
	unlink(path);
	run.code = error ? error->code : 0;
	run.message = g_strdup(error ? error->message : "");
	g_clear_error(&error);
	return run;
}

static inline struct run run_string(const char *text)
{
	return run_looked(text, NULL);
}

static inline struct run run_text(const char *format, ...) G_GNUC_PRINTF(1, 2);
static inline struct run run_text(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	return run_string(text);
}

static inline void run_free(struct run *run)
{
	result_free(run->r);
	if (run->sc)
		scenario_free(run->sc);
	g_free(run->text);
	g_free(run->message);
}

/* The scenario of a run that went wrong, as comments; a test's message has too little room for it.
 */
static inline void run_show(const struct run *run)
{
	g_auto(GStrv) line = g_strsplit(run->text, "\n", -1);

	for (unsigned i = 0; line[i]; i++)
		fprintf(stderr, "# %s\n", line[i]);
}

/* The run ended well. */
static inline void run_ok(const struct run *run)
{
	if (run->code) {
		run_show(run);
		fail_msg("exit %d: %s", run->code, run->message);
	}
}

/* It was refused with this exit code, and the message says this. */
static inline void run_refused(const struct run *run, int code, const char *says)
{
	if (run->code != code || !strstr(run->message, says))
		fail_msg("exit %d, \"%s\"; wanted %d, \"%s\"", run->code, run->message, code, says);
}

static inline const struct result_value *run_value(const struct run *run, const char *metric)
{
	const struct result_value *v = result_find(run->r, metric);

	if (!v)
		fail_msg("there is no %s", metric);
	return v;
}

static inline uint64_t run_int(const struct run *run, const char *metric)
{
	const struct result_value *v = run_value(run, metric);

	if (v->type != RESULT_INT)
		fail_msg("%s is no whole number", metric);
	return (uint64_t)v->num;
}

/* A number of any type, in its unit. */
static inline double run_number(const struct run *run, const char *metric)
{
	const struct result_value *v = run_value(run, metric);

	if (v->type != RESULT_INT && v->type != RESULT_RATIO)
		fail_msg("%s is no number", metric);
	return (double)v->num / (v->type == RESULT_INT ? 1 : (double)v->den);
}

/* "vm1.rx.", "drops" */
static inline uint64_t run_part(const struct run *run, const char *of, const char *name)
{
	g_autofree char *metric = g_strconcat(of, name, NULL);
	return run_int(run, metric);
}

static inline const char *run_str(const struct run *run, const char *metric)
{
	const struct result_value *v = run_value(run, metric);

	if (v->type != RESULT_TEXT)
		fail_msg("%s is no text", metric);
	return v->text;
}

/* Fails the test, and shows the scenario, unless the metric is `want`. */
static inline void run_is(const struct run *run, const char *metric, uint64_t want)
{
	uint64_t got = run_int(run, metric);

	if (got != want) {
		run_show(run);
		fail_msg("%s is %" PRIu64 ", wanted %" PRIu64, metric, got, want);
	}
}

static inline void run_part_is(const struct run *run, const char *of, const char *name,
			       uint64_t want)
{
	g_autofree char *metric = g_strconcat(of, name, NULL);
	run_is(run, metric, want);
}

/* Exactly num / den. */
static inline void run_ratio_is(const struct run *run, const char *metric, uint64_t num,
				uint64_t den)
{
	const struct result_value *v = run_value(run, metric);

	if (v->type != RESULT_INT && v->type != RESULT_RATIO)
		fail_msg("%s is no number", metric);
	if (v->num * den != num * (v->type == RESULT_INT ? 1 : v->den)) {
		run_show(run);
		fail_msg("%s is not %" PRIu64 " / %" PRIu64, metric, num, den);
	}
}

/*
 * packets = delivered + drops + resident and drops = their sum, for each end in `objects`, which is
 * ended by NULL.
 */
static inline void run_conserves(const struct run *run, const char *const *objects)
{
	for (unsigned i = 0; objects[i]; i++)
		for (unsigned d = 0; d < 2; d++) {
			g_autofree char *of = g_strconcat(objects[i], d ? ".tx." : ".rx.", NULL);
			uint64_t drops = run_part(run, of, "drops"), sum = 0;

			for (unsigned k = 0; k < DROP_N; k++) {
				g_autofree char *name =
					g_strconcat("drops.", ledger_drop_names[k], NULL);
				sum += run_part(run, of, name);
			}
			if (sum != drops)
				fail_msg("%s: reasons of drops add up to %" PRIu64 ", not %" PRIu64,
					 of, sum, drops);
			run_part_is(run, of, "packets",
				    run_part(run, of, "delivered") + drops +
					    run_part(run, of, "resident"));
		}
}

#endif
