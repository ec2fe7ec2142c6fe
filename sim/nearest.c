/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nearest.c - edit distance with swaps (optimal string alignment), in three rows; see nearest.h.
 *
 * Names longer than a row are compared by their beginning: no real name comes near that length.
 */
#include "nearest.h"
#include <string.h>

enum { ROW = 80, FAR = 4, SHOWN = 12 };

static char fold(char c)
{
	return (char)(c == '-' ? '_' : g_ascii_tolower(c));
}

unsigned nearest_distance(const char *a, const char *b)
{
	unsigned rows[3][ROW + 1], *before = rows[0], *last = rows[1], *row = rows[2];
	size_t na = strnlen(a, ROW), nb = strnlen(b, ROW);

	for (size_t j = 0; j <= nb; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned same = fold(a[i - 1]) == fold(b[j - 1]);

			row[j] = MIN(MIN(last[j], row[j - 1]) + 1, last[j - 1] + !same);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]))
				row[j] = MIN(row[j], before[j - 2] + 1);
		}
		unsigned *spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[nb];
}

const char *nearest_name(const char *wrong, const char *const *names)
{
	const char *best = NULL;
	unsigned best_distance = FAR + 1;

	for (; *names; names++) {
		unsigned d = nearest_distance(wrong, *names);
		size_t longer = MAX(strlen(wrong), strlen(*names));

		if (d < best_distance && 2 * d <= longer) {
			best = *names;
			best_distance = d;
		}
	}
	return best;
}

char *nearest_hint(const char *wrong, const char *const *names)
{
	const char *near = nearest_name(wrong, names);

	if (near)
		return g_strdup_printf("did you mean \"%s\"?", near);
	if (!*names)
		return g_strdup("there is none");
	GString *s = g_string_new("known: ");
	for (unsigned i = 0; names[i]; i++) {
		if (i == SHOWN) {
			g_string_append(s, "...");
			break;
		}
		g_string_append_printf(s, "%s%s", names[i], names[i + 1] ? ", " : "");
	}
	return g_string_free(s, FALSE);
}
