/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * child.h - a program that stands beside this one, started as a child.
 *
 * The child is told to end when this process ends, however that comes about. After SIGINT it gets
 * one as well, and is waited for.
 */
#ifndef SIM_CHILD_H
#define SIM_CHILD_H

#include <glib.h>
#include <signal.h>
#include <stdbool.h>

struct child_end {
	int code;     /* its exit code; 128 and the signal's number if one ended it */
	char *errors; /* what it said on stderr, unless that was shared; freed with g_free() */
};

/* The path of the program called `name` beside this one; NULL and SIM_EXIT_ENVIRONMENT if it is not
   there. Freed with g_free(). */
char *child_beside(const char *name, GError **error);

/*
 * Runs `path` with these arguments, ended by NULL, the first of them not being the program. Its
 * stdout is shared; so is its stderr with `talks`, else it is kept. False: it could not be started.
 */
bool child_run(const char *path, const char *const *args, bool talks,
	       volatile sig_atomic_t *interrupted, struct child_end *end, GError **error);

/* A new name for a file that a child is to write; removed by the caller. NULL: none can be made. */
char *child_file(GError **error);

#endif
