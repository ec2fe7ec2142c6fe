/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ini.h - a scenario file as groups of lines, each with the place where it stands.
 *
 * The file is normalised line by line: byte-order mark, carriage returns, comments and blanks go,
 * and the line number of each group and key is kept. Duplicate groups, duplicate keys and keys that
 * end in a comparison sign are refused here, because GKeyFile would merge, drop or misread them.
 * The normalised text then goes through GKeyFile, of which nothing but g_key_file_get_value() is
 * used.
 *
 * `extends` in [scenario] puts the groups of that file before this file's own; its [sweep],
 * [search], [expect] and [fidelity] are left out, and its [plot] if this file has one. What a group
 * or key means is not decided here.
 */
#ifndef SIM_INI_H
#define SIM_INI_H

#include <glib.h>

struct ini_line {
	char *key, *value;
	unsigned line;
};

struct ini_group {
	char *name;       /* "guest vm1", blanks made single */
	const char *file; /* as the user named it, or the extending file's folder and `extends` */
	unsigned line;
	GPtrArray *lines; /* struct ini_line */
};

struct ini {
	int refs;          /* atomic: points of a sweep are built on several threads */
	GPtrArray *files;  /* char *, the file itself last */
	GPtrArray *groups; /* struct ini_group, in the order in which they are to be applied */
};

struct ini *ini_read(const char *path, GError **error);
struct ini *ini_ref(struct ini *ini);
void ini_unref(struct ini *ini);

#endif
