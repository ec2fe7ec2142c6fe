/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_helper2.h - for tests only: a machine held open, so that a test can hook into it.
 *
 * machine_helper.h asks a run for its results; here a test puts its own functions between the
 * models (the source and the sink of a NIC, the handler of an event, a policy) before the run, and
 * looks into the models after it. rig_open() -> hooks -> rig_run() -> rig_close().
 */
#ifndef TESTS_MACHINE_HELPER2_H
#define TESTS_MACHINE_HELPER2_H

#include "machine_helper.h"

struct rig {
	struct scenario *sc;
	struct machine *m;
};

/* Iterations that VNICSIM_TEST_SCALE leaves of n, at least `least`. */
static inline uint64_t rig_scaled(uint64_t n, uint64_t least)
{
	const char *s = getenv("VNICSIM_TEST_SCALE");
	uint64_t by = s ? strtoull(s, NULL, 10) : 1;

	n /= by ? by : 1;
	return n < least ? least : n;
}

/* A seed for properties, from VNICSIM_TEST_SEED or the default; printed. */
static inline uint64_t rig_seed(uint64_t by_default)
{
	const char *s = getenv("VNICSIM_TEST_SEED");
	uint64_t seed = s ? strtoull(s, NULL, 0) : by_default;

	print_message("seed %" PRIu64 "\n", seed);
	return seed;
}

/* The machine of a scenario's text; a text that is refused fails the test. */
static inline struct rig rig_open(const char *format, ...) G_GNUC_PRINTF(1, 2);
static inline struct rig rig_open(const char *format, ...)
{
	struct rig rig = {0};
	g_autofree char *path = run_temp(".ini");
	GError *error = NULL;
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	g_file_set_contents(path, text, -1, &error);
	if (!error)
		rig.sc = scenario_load(path, option_groups, NULL, &error);
	unlink(path);
	if (rig.sc)
		rig.m = machine_new(rig.sc, &error);
	if (error)
		fail_msg("%s, of this scenario:\n%s", error->message, text);
	return rig;
}

/* Runs to the end without verifying: for tests that break something. */
static inline void rig_run_only(struct rig *rig)
{
	struct run_ctl ctl = {0};
	GError *error = NULL;

	if (!machine_run(rig->m, &ctl, &error))
		fail_msg("%s", error->message);
}

/* A violation fails the test. */
static inline void rig_verify(struct rig *rig)
{
	GError *error = NULL;

	if (!machine_verify(rig->m, &error))
		fail_msg("%s", error->message);
}

/* Runs to the end and verifies. */
static inline void rig_run(struct rig *rig)
{
	rig_run_only(rig);
	rig_verify(rig);
}

static inline void rig_close(struct rig *rig)
{
	machine_free(rig->m);
	scenario_free(rig->sc);
}

/* a and b differ by no more than `part` of b. */
static inline void assert_near(const char *what, double a, double b, double part)
{
	double d = a > b ? a - b : b - a;

	if (d > part * b)
		fail_msg("%s is %.9g, wanted %.9g within %g of it", what, a, b, part);
}

#endif
