/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_words.c - the names of policies, those of one's own included; see policy_words.h. */
#include "policy_words.h"

#include <string.h>

#include "../sim/sim_error.h"
#include "datapath/policy.h"

enum { WORDS_MAX = 1024 };

char policy_words[WORDS_MAX] = "null|copy|single-copy|zero-copy";

/* NULL: nothing is wrong with it. */
static const char *wrong(const struct policy *p)
{
	if (!p->name || !g_regex_match_simple("^[a-z][a-z0-9_-]*$", p->name, 0, 0))
		return "its name is not of the form [a-z][a-z0-9_-]*";
	if (policy_find(p->name) != p)
		return "another policy has this name; choose one of its own";
	if (!p->help)
		return "it has no help; say in one line what it does";
	if (!p->rx_post || !p->rx)
		return "it receives nothing; set rx_post and rx, if need be to what calls "
		       "policy_copy's";
	if (!p->tx || !p->tx_done)
		return "it sends nothing; set tx and tx_done, if need be to what calls "
		       "policy_copy's";
	if (strlen(policy_words) + strlen(p->name) + 2 > WORDS_MAX)
		return "there are too many policies; leave some out of POLICIES";
	return NULL;
}

bool policy_words_add_own(GError **error)
{
	for (const struct policy *const *p = policies_own; *p; p++) {
		const char *why = wrong(*p);

		if (why) {
			g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "policy \"%s\": %s",
				    (*p)->name ? (*p)->name : "", why);
			return false;
		}
		g_strlcat(policy_words, "|", WORDS_MAX);
		g_strlcat(policy_words, (*p)->name, WORDS_MAX);
	}
	return true;
}
