/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nearest.h - "did you mean": the known name that is closest to a wrong one.
 *
 * Distance counts inserted, deleted, replaced and swapped letters; `-` and `_` are the same letter.
 * A name further away than half of the longer one's length, or than 4, is no suggestion.
 */
#ifndef SIM_NEAREST_H
#define SIM_NEAREST_H

#include <glib.h>

unsigned nearest_distance(const char *a, const char *b);

/* The closest of `names` (ended by NULL), the first of equals; NULL if none is close. */
const char *nearest_name(const char *wrong, const char *const *names);

/*
 * A clause for the end of a message: `did you mean "policy"?`, else `known: a, b, c` (the first
 * 12). Freed with g_free().
 */
char *nearest_hint(const char *wrong, const char *const *names);

#endif
