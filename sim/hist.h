/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hist.h - a log-linear histogram of unsigned 64-bit values: times in ps, counts, bytes.
 *
 * How it works. Values below 64 have a bucket each; each octave [2^e, 2^(e+1)) above is cut into 64
 * equal buckets. So the bucket is found by a count-leading-zeros and a shift, and is never wider
 * than 1/64 of its lowest value.
 *
 * What always holds.
 *   - count, min, max and sum (128 bits) are exact.
 *   - A quantile is the middle of the bucket that holds the value of that rank, no further from the
 *     value than 1/128 of it (0.79 %); values below 128 are exact.
 *   - Merging is addition: exact, and the order of merges does not show.
 *   - All buckets (59 * 64 counters, 30 KiB) are there from the start, so adding never allocates;
 *     pages of octaves that no value reaches are not written.
 *
 * Rejected: growing on demand (allocation in the hot path), 2048 sub-buckets as in HdrHistogram
 * (1 MiB each, there are thousands of these), t-digests (the order of merges shows).
 */
#ifndef SIM_HIST_H
#define SIM_HIST_H

#include <stdbool.h>
#include <stdint.h>

#define HIST_SUB_BITS 6
#define HIST_SUB      (1u << HIST_SUB_BITS)                 /* buckets an octave */
#define HIST_BUCKETS  ((64 - HIST_SUB_BITS + 1) * HIST_SUB) /* those below 64 count as an octave */

struct hist {
	uint64_t *bucket; /* HIST_BUCKETS of them */
	uint64_t count;
	uint64_t min; /* UINT64_MAX while empty */
	uint64_t max; /* 0 while empty */
	unsigned __int128 sum;
};

/* A bucket with something in it: `count` values from `lo` to `hi`, both included. */
struct hist_bin {
	uint64_t lo, hi, count;
};

/* An empty histogram. Out of memory ends the program, as everywhere on the cold side. */
void hist_init(struct hist *h);
void hist_fini(struct hist *h);

/* Bucket of a value; internal. */
static inline uint32_t hist_index(uint64_t v)
{
	unsigned int octave;

	if (v < HIST_SUB)
		return (uint32_t)v;
	octave = 63u - (unsigned int)__builtin_clzll(v) - HIST_SUB_BITS; /* 0 holds 64..127 */
	return octave * HIST_SUB + (uint32_t)(v >> octave);
}

static inline void hist_add(struct hist *h, uint64_t v)
{
	h->bucket[hist_index(v)]++;
	h->count++;
	h->sum += v;
	if (v < h->min)
		h->min = v;
	if (v > h->max)
		h->max = v;
}

/*
 * For a hot path that asks only for quantiles: the bucket alone. hist_marks_end() then makes it a
 * histogram of `count` values, those not marked being 0; min and max are their buckets' bounds, the
 * sum stays 0. No add or mark may follow.
 */
static inline void hist_mark(struct hist *h, uint64_t v)
{
	h->bucket[hist_index(v)]++;
}
void hist_marks_end(struct hist *h, uint64_t count);

/* Adds all of `from` to `to`. */
void hist_merge(struct hist *to, const struct hist *from);

/*
 * The value of nearest rank ceil(count * num / den), at least the first, at most the last: num/den
 * = 99/100 is p99. As exact as said above and within [min, max]. 0 if the histogram is empty.
 */
uint64_t hist_quantile(const struct hist *h, uint64_t num, uint64_t den);

/* sum / count, rounded to the nearest integer, halves up. 0 if the histogram is empty. */
uint64_t hist_mean(const struct hist *h);

/*
 * Walks the non-empty buckets from low to high. Start with *pos = 0; false when there is no further
 * one. The counts of all of them add up to h->count.
 */
bool hist_next(const struct hist *h, uint32_t *pos, struct hist_bin *bin);

#endif
