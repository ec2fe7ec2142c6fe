/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy.c - the policies there are. */
#include "policy.h"

#include <string.h>

const struct policy *const policies[] = {&policy_null, &policy_copy, &policy_single_copy,
					 &policy_zero_copy, NULL};

const struct policy *policy_at(unsigned i)
{
	for (const struct policy *const *p = policies; *p; p++)
		if (!i--)
			return *p;
	for (const struct policy *const *p = policies_own; *p; p++)
		if (!i--)
			return *p;
	return NULL;
}

const struct policy *policy_find(const char *name)
{
	const struct policy *p;

	for (unsigned i = 0; (p = policy_at(i)); i++)
		if (p->name && !strcmp(p->name, name))
			return p;
	return NULL;
}
