/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wrap.h - text for the width of a terminal.
 *
 * Lists and help are lines of columns of which the last one is prose: it is continued below where
 * it begins, or below the line where that leaves too little. Without a terminal nothing is wrapped,
 * so that a line stays a line for grep.
 */
#ifndef SIM_WRAP_H
#define SIM_WRAP_H

#include <stdio.h>
#include <glib.h>

/* Of the terminal behind a stream; 0: it is none. */
unsigned wrap_columns(FILE *stream);

/* Columns are set apart by two blanks or more. 0: as it is. */
void wrap_text(const char *text, unsigned columns, GString *out);

#endif
