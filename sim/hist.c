/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hist.c - the cold side of the histogram: merging and reading. See hist.h for layout and bounds.
 *
 * Bucket i of octave o >= 0 (see hist_index()) is number o * 64 + m with m = v >> o in 64..127, so
 * both can be had back from the number; numbers below 64 are the values themselves.
 */
#include "hist.h"

#include <stdio.h>
#include <stdlib.h>

void hist_init(struct hist *h)
{
	*h = (struct hist){.min = UINT64_MAX};
	h->bucket = calloc(HIST_BUCKETS, sizeof(*h->bucket));
	if (!h->bucket) {
		fprintf(stderr, "out of memory for a histogram\n");
		abort();
	}
}

void hist_fini(struct hist *h)
{
	free(h->bucket);
	h->bucket = NULL;
}

static struct hist_bin bin_of(const struct hist *h, uint32_t i)
{
	uint32_t octave = i < HIST_SUB ? 0 : i / HIST_SUB - 1;
	uint64_t lo = (uint64_t)(i - octave * HIST_SUB) << octave;

	return (struct hist_bin){lo, lo + ((1ull << octave) - 1), h->bucket[i]};
}

void hist_marks_end(struct hist *h, uint64_t count)
{
	struct hist_bin bin;
	uint64_t marked = 0;

	for (uint32_t pos = 0; hist_next(h, &pos, &bin);)
		marked += bin.count;
	h->bucket[0] += count - marked;
	h->count = count;
	for (uint32_t pos = 0; hist_next(h, &pos, &bin); h->max = bin.hi)
		if (bin.lo < h->min)
			h->min = bin.lo;
}

void hist_merge(struct hist *to, const struct hist *from)
{
	if (!from->count)
		return;
	for (uint32_t i = hist_index(from->min); i <= hist_index(from->max); i++) {
		if (from->bucket[i])
			to->bucket[i] += from->bucket[i];
	}
	to->count += from->count;
	to->sum += from->sum;
	to->min = from->min < to->min ? from->min : to->min;
	to->max = from->max > to->max ? from->max : to->max;
}

uint64_t hist_quantile(const struct hist *h, uint64_t num, uint64_t den)
{
	unsigned __int128 rank = ((unsigned __int128)h->count * num + den - 1) / den, seen = 0;
	struct hist_bin bin = {0, 0, 0};
	uint64_t middle;

	if (!h->count)
		return 0;
	rank = rank < 1 ? 1 : rank > h->count ? h->count : rank;
	for (uint32_t pos = 0; seen < rank && hist_next(h, &pos, &bin); seen += bin.count)
		;
	middle = bin.lo + (bin.hi - bin.lo) / 2;
	return middle < h->min ? h->min : middle > h->max ? h->max : middle;
}

uint64_t hist_mean(const struct hist *h)
{
	return h->count ? (uint64_t)((h->sum + h->count / 2) / h->count) : 0;
}

bool hist_next(const struct hist *h, uint32_t *pos, struct hist_bin *bin)
{
	for (; *pos < HIST_BUCKETS; ++*pos) {
		if (h->bucket[*pos]) {
			*bin = bin_of(h, (*pos)++);
			return true;
		}
	}
	return false;
}
