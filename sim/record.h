/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.h - what the tables of a study need of one run: its metrics as they are printed.
 *
 * A record is made from a result, or read back from its file: both give the same values to the
 * thousandth, so a table does not show which runs were done now and which were found. The names are
 * shared by all records of a study; with 32 bytes a value, thousands of runs fit into memory.
 */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include <stdbool.h>
#include <glib.h>
#include "metric.h"
#include "result.h"

struct record_name {
	char *full;                      /* "vm1.rx.packets" */
	const char *object, *dir, *name; /* dir may be NULL */
	const struct metric_decl *decl;  /* NULL: no row of the table */
};

struct record_value {
	const struct record_name *name;
	enum result_type type; /* INT and RATIO are both `milli` */
	union {
		unsigned __int128 milli;
		const char *text;
	};
};

struct record {
	size_t n;
	struct record_value *values; /* in the order of the result, without absent ones */
};

/* The names of a study. Records may be made on several threads at once. */
struct record_names;
struct record_names *record_names_new(const struct metric_table *metrics,
				      const struct scenario *sc);
void record_names_free(struct record_names *names); /* after all records */

struct record *record_of(struct record_names *names, const struct result *r);
void record_free(struct record *rec);

/*
 * Reads a result file; *file gets its JSON if `file` is not NULL. Errors are SIM_EXIT_INPUT. The
 * file must be a result of schema RESULT_SCHEMA.
 */
struct json_t;
struct record *record_read(struct record_names *names, const char *path, struct json_t **file,
			   GError **error);

/* NULL if there is none. */
const struct record_value *record_find(const struct record *rec, const char *full);
bool record_is_number(const struct record_value *v);
/* The value as a result has it, for result_format() and report_value(). It owns nothing. */
struct result_value record_as_result(const struct record_value *v);

#endif
