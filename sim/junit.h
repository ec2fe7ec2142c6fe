/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * junit.h - verdicts as JUnit XML, which CI servers show: a suite a scenario, a case a verdict.
 *
 * The form is that of Ant's task, which Jenkins and GitLab read (its schema, as others wrote it
 * down, stands in tests/junit.xsd). Times of the cases are 0: they are judged, not timed.
 */
#ifndef SIM_JUNIT_H
#define SIM_JUNIT_H

#include <stdbool.h>
#include <glib.h>

struct junit;

struct junit *junit_new(const char *program);
void junit_free(struct junit *j);

/* The cases that follow are of this file. */
void junit_suite(struct junit *j, const char *name);
enum junit_outcome { JUNIT_PASS, JUNIT_FAIL, JUNIT_SKIP };
/* `message` is one line, NULL if it passed and there is nothing to say. */
void junit_case(struct junit *j, const char *name, enum junit_outcome outcome, const char *message);

/* The document; freed with g_free(). Any text is escaped, what XML cannot hold becomes '?'. */
char *junit_text(const struct junit *j);

#endif
