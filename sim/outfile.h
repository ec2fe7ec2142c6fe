/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outfile.h - output files that appear under their name only when complete.
 *
 * A file is written beside its place under another name, flushed to disk and renamed; when anything
 * fails, nothing is left behind. What exists and is no regular file (/dev/stdout, a pipe) is
 * written in place, since it cannot be replaced. Errors are SIM_EXIT_OUTPUT.
 */
#ifndef SIM_OUTFILE_H
#define SIM_OUTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <glib.h>

/* Could a file be written there? To be asked before a long run rather than after it. */
bool outfile_check(const char *path, GError **error);
/* Makes the folder and those above it. */
bool outfile_folder(const char *path, GError **error);
/*
 * A file that is written piece by piece. Closing gives it its name, or, if not `keep`, leaves
 * nothing; false if anything that was written could not be.
 */
struct outfile;
struct outfile *outfile_open(const char *path, GError **error);
FILE *outfile_stream(struct outfile *o);
bool outfile_close(struct outfile *o, bool keep, GError **error);
/* "-" is stdout. */
bool outfile_write(const char *path, const char *text, size_t len, GError **error);
/* To an open stream, stdout or stderr, and flushed. */
bool outfile_print(FILE *stream, const char *text, GError **error);

#endif
