/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_words.h - which words `policy`, `rx_policy` and `tx_policy` of a [guest] may be.
 *
 * The tree's are known when it is compiled, the names of one's own (`make POLICIES=...`) only when
 * the program runs: it adds them before it reads its first scenario, and never again.
 */
#ifndef MODELS_POLICY_WORDS_H
#define MODELS_POLICY_WORDS_H

#include <stdbool.h>
#include <glib.h>

extern char policy_words[]; /* "null|copy|..." */

/* Error (SIM_EXIT_USAGE): a policy of one's own that has no name, another's name, or no function
   for something that is asked of every policy. */
bool policy_words_add_own(GError **error);

#endif
