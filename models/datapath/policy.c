/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy.c - the policies there are. */
#include "policy.h"

#include <string.h>

const struct policy *const policies[] = {&policy_null, &policy_copy, &policy_single_copy,
					 &policy_zero_copy, NULL};

const struct policy *policy_find(const char *name)
{
	for (const struct policy *const *p = policies; *p; p++)
		if (!strcmp((*p)->name, name))
			return *p;
	return NULL;
}
