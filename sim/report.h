/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h - the table that a person reads after a run, laid out by a table of the program.
 *
 * A report is a list of sections, each a small table of one of the shapes below. An object's
 * metrics stand together in the result. Columns are as wide as they need to be and numbers stand
 * right-aligned. No trailing blanks, no control characters. A section with nothing to say is left
 * out.
 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include <stdio.h>
#include <glib.h>
#include "result.h"

enum report_fmt {
	REPORT_COUNT,   /* 12,345 */
	REPORT_RATIO,   /* 0.333 */
	REPORT_TIME_NS, /* 950 ns, 12.3 us, 4.20 ms */
	REPORT_RATE,    /* 9.87 Gbit/s */
	REPORT_PERCENT, /* a ratio as 33.3% */
	REPORT_SI,      /* 1.49 M */
	REPORT_BYTES,   /* 1.5 KiB */
	REPORT_TEXT,
};

struct report_col {
	const char *head;   /* "p99" */
	const char *metric; /* "latency_ns.p99" */
	enum report_fmt fmt;
};

enum report_shape {
	REPORT_ROWS, /* a row per object and direction where metric `when` is there and not zero */
	REPORT_NONZERO, /* a row per object and direction, "word count, word count" of `pattern` */
	REPORT_WORDS,   /* a row per word of `pattern` that is not zero everywhere, a column per
			   object   and direction, each with its share of the column's sum */
};

enum {
	REPORT_MANY = 16,  /* more objects than these are shown by their total alone */
	REPORT_WIDTH = 80, /* columns at which lists of words go on in a further row */
};

struct report_section {
	const char *title; /* "packets", "drops by reason" */
	enum report_shape shape;
	const char *objects; /* kinds, "guest|guests", or a dotted pattern "host.core*" */
	/* The one of them that sums up the others: left out if there is but one other, alone if
	   there are REPORT_MANY. NULL: none. */
	const char *total;
	const char *when; /* ROWS: the metric that must not be zero; NULL: any column */
	const struct report_col *cols; /* ROWS: ended by a NULL head */
	const char *pattern;           /* NONZERO, WORDS: "drops.*" */
	enum report_fmt fmt;           /* NONZERO, WORDS: of the values */
};

/* `sections` end with a NULL title. The scenario tells which names belong to a kind. */
void report_print(const struct report_section *sections, const struct scenario *sc,
		  const struct result *r, GString *out);

/* One value as the report shows it. */
void report_value(enum report_fmt fmt, const struct result_value *v, GString *out);

/* One table over the points of a sweep: `cols` of metrics named in full or by NAME, see cli.h. */
struct report_table;
struct report_table *report_table_new(void);
void report_table_cell(struct report_table *t, const char *text, bool right); /* next in the row */
void report_table_row(struct report_table *t);                                /* ends the row */
void report_table_print(const struct report_table *t, GString *out);
/* In blocks of columns that fit into so many characters, each with the first column; 0: any. */
void report_table_fold(const struct report_table *t, unsigned characters, GString *out);
void report_table_free(struct report_table *t);

#endif
