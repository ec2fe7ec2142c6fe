/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_error.h - what is reported to the user when the user, a file or the machine is wrong.
 *
 * One GError domain; a code is the exit code of the program, so that whoever finds the fault also
 * decides how the program ends, and the command line only passes it on. The message is one line
 * that names file, line, group and key where there are such, and says what to change.
 * Our own faults are assertions, a guest's are results: neither is a GError.
 */
#ifndef SIM_ERROR_H
#define SIM_ERROR_H

#include <glib.h>
#include <stdbool.h>

enum sim_error_code {
	SIM_EXIT_OK = 0,
	SIM_EXIT_EXPECT = 1,        /* an expectation or a comparison failed */
	SIM_EXIT_USAGE = 2,         /* command line or scenario */
	SIM_EXIT_INPUT = 3,         /* a capture that cannot be used, or that offered no frame */
	SIM_EXIT_VIOLATION = 4,     /* model violation, conservation broken, max_time passed */
	SIM_EXIT_ENVIRONMENT = 5,   /* TAP, permission, a missing program */
	SIM_EXIT_OUTPUT = 6,        /* output could not be written */
	SIM_EXIT_INTERRUPTED = 130, /* SIGINT; never a GError: the result is marked partial */
};

#define SIM_ERROR (sim_error_quark())
GQuark sim_error_quark(void);

/* SIM_EXIT_VIOLATION, "WHAT: ..."; false, for whoever returns it. */
bool sim_violated(GError **error, const char *what, const char *format, ...) G_GNUC_PRINTF(3, 4);

#endif
