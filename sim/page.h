/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page.h - results as one HTML page that needs nothing else: no network, no script, no other file.
 *
 * The page says, in this order: the question (the comment that the scenario opens with), the
 * results in a table, figures (SVG in the page itself), where the time went (waterfall, what bounds
 * the run), copies by site and other counts of the ledger, expectations, the scenario with its
 * effective values, and how to get the same again. A section that the results have nothing for is
 * left out. All text that comes from a file is escaped.
 */
#ifndef SIM_PAGE_H
#define SIM_PAGE_H

#include <stdbool.h>
#include <glib.h>
#include "cli.h"

struct page;

/* `title` is what the page is about, such as the study's name. */
struct page *page_new(const struct cli_program *prog, const char *title);
void page_free(struct page *p);
typedef struct page page_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(page_auto, page_free)

/*
 * A result file, read; the first repeat of a point brings the others into its row as their mean.
 * Errors, SIM_EXIT_USAGE: the file cannot be read or is no result of this schema.
 */
bool page_add_result(struct page *p, const char *path, GError **error);
/* All point-*.json of a study's folder but runs beyond a search, with the question and the command
   as its manifest has them. Also: there are none. */
bool page_add_study(struct page *p, const char *folder, GError **error);
/*
 * The scenario that the results are of: its opening comment is the question, and the commands that
 * give them again name it. SIM_EXIT_USAGE: it cannot be read, or has another name than theirs.
 */
bool page_set_scenario(struct page *p, const char *path, GError **error);
/* An SVG file, with a title and what it shows in words. */
bool page_add_figure(struct page *p, const char *svg_path, const char *title, const char *shows,
		     GError **error);

/* The whole page; freed with g_free(). */
char *page_html(const struct page *p);

#endif
