/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_man.h - what the manual pages have of the program's tables, in mdoc(7).
 *
 * The pages are written by hand around it: docs/man/NAME.in, `make docs`. Options are taken from
 * the text of --help, so that a verb cannot have one that its page does not know.
 */
#ifndef SIM_CLI_MAN_H
#define SIM_CLI_MAN_H

#include <glib.h>
#include "keys.h"

/* A verb: its call, its options as `--help` has them, its examples. */
void man_verb(const char *program, const char *verb, const char *arguments, const char *help,
	      const char *option_help, const char *examples, GString *out);
/* All groups with their keys. */
void man_keys(const struct group_decl *groups, GString *out);

#endif
