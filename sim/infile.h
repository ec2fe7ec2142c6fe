/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * infile.h - input files that are read whole.
 *
 * Their length is not believed: a device such as /dev/zero and a pipe have none, and what does not
 * end must not take the machine's memory with it.
 */
#ifndef SIM_INFILE_H
#define SIM_INFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <glib.h>

enum { INFILE_MAX = 1 << 28 }; /* bytes; results of thousands of points are a tenth of it */

/*
 * The file's bytes and a zero behind them in *text, to be freed with g_free(). On failure an error
 * of G_FILE_ERROR: what opening or reading it gave, or that of EFBIG if it is longer
 * than INFILE_MAX. The message names the file.
 */
bool infile_read(const char *path, char **text, gsize *len, GError **error);

#endif
