/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page_impl.h - what the parts of page.c share, for them alone:
 *
 *   page.c        results and files become a page, section by section
 *   page_read.c   result files and a study's folder
 *   page_points.c the section of results: cards, tables
 *   page_parts.c  sections that show what else results say: waterfalls, ledgers, expectations
 *   page_html.c   escaped text, tables, the style sheet
 */
#ifndef SIM_PAGE_IMPL_H
#define SIM_PAGE_IMPL_H

#include <jansson.h>
#include "page.h"
#include "stats.h"

enum {
	PAGE_WATERFALLS = 12, /* runs whose time is shown stage by stage */
	PAGE_ROWS = 60,       /* rows of a table that stand open */
	PAGE_DIRECTIONS = 3,
};

/* A run, or all repeats of a point of a study. */
struct page_run {
	char *path, *label; /* "guest.policy=copy", or the file's name */
	unsigned point;
	GPtrArray *tops; /* json_t, the first repeat first */
};

struct page_figure {
	char *svg, *title, *shows;
};

struct page {
	const struct cli_program *prog;
	char *title;
	bool study;
	GPtrArray *runs;    /* struct page_run */
	GPtrArray *figures; /* struct page_figure */
	char *scenario_path, *scenario_text, *question;
	char **sets; /* of the command line that made the study; NULL: not known */
	struct scenario *scenario;
};

/* The first repeat's member; NULL if there is none. */
json_t *page_member(const struct page_run *run, const char *name);
/* A metric over the repeats that have it; false if none has, or it is no number. */
bool page_stats(const struct page_run *run, const char *metric, struct stats *stats);
/* Its mean. */
bool page_metric(const struct page_run *run, const char *metric, struct result_value *v);
/* The same of direction and name of all guests. */
bool page_guests(const struct page_run *run, const char *dir, const char *name,
		 struct result_value *v);

/* rx, tx, local; is it more than 0 there? */
extern const char *const page_directions[PAGE_DIRECTIONS];
bool page_positive(const struct page_run *run, const char *dir, const char *name);
/* A cell: the mean with half of its interval, unless all repeats agree. */
void page_put_mean(GString *out, enum report_fmt fmt, const struct stats *stats);
/* SIM_EXIT_USAGE; false. */
bool page_fail(GError **error, const char *path, const char *why);
void page_run_free(void *data);
/* The comment that a scenario opens with, without its signs; paragraphs end in blank lines. */
char *page_opening_comment(const char *text);

/* ---- HTML ---- */

void html_text(GString *out, const char *text); /* escaped */
void html_heading(GString *out, unsigned level, const char *id, const char *text);
void html_paragraph(GString *out, const char *text);
/* A table in a box of its own, which scrolls if it must. Heads and cells are text. */
void html_table_open(GString *out, const char *caption);
void html_row_open(GString *out);
void html_head(GString *out, const char *text, bool number); /* of a column */
void html_row_head(GString *out, const char *text);
void html_cell(GString *out, const char *text, bool number);
/* "12.3us ±0.4us", the half width being smaller; "": none. */
void html_mean(GString *out, const char *mean, const char *half);
void html_row_close(GString *out);
void html_body_open(GString *out); /* behind the row of heads */
void html_table_close(GString *out);
void html_page_open(GString *out, const char *title);
void html_page_close(GString *out);

/* ---- sections; each writes its heading, or nothing ---- */

void page_points(const struct page *p, GString *out);
void page_waterfalls(const struct page *p, GString *out);
void page_bounds(const struct page *p, GString *out);
void page_ledger(const struct page *p, GString *out);
void page_expectations(const struct page *p, GString *out);

#endif
