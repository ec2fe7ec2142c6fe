/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_own.c - no policies but the tree's; `make POLICIES=...` links a table of its own instead.
 */
#include "policy.h"

const struct policy *const policies_own[] = {NULL};
