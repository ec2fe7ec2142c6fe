/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stats.c - sums, a square root and Student's t in integers; see stats.h.
 *
 * With d = n * x - sum(x), which is exact, the half width is t / n * sqrt(sum(d^2) / (n * (n -
 * 1))). Deviations are cut to 56 bits and the sum of squares is shifted to fill its 128 bits before
 * it is divided and its root drawn, so the result is good to 2^-40 of itself.
 */
#include "stats.h"

typedef unsigned __int128 u128;
typedef __int128 i128;

enum { DEVIATION_BITS = 56 };

uint64_t stats_t975(size_t freedom)
{
	static const uint32_t table[] = {
		12706205, 4302653, 3182446, 2776445, 2570582, 2446912, 2364624, 2306004,
		2262157,  2228139, 2200985, 2178813, 2160369, 2144787, 2131450, 2119905,
		2109816,  2100922, 2093024, 2085963, 2079614, 2073873, 2068658, 2063899,
		2059539,  2055529, 2051831, 2048407, 2045230, 2042272,
	};
	uint64_t v = freedom;

	if (v <= sizeof(table) / sizeof(table[0]))
		return table[v - 1];
	/* In powers of 1/v (Abramowitz and Stegun 26.7.5), good to a millionth here. */
	if (v > 100000)
		v = 100000;
	return 1959964 + (2372271 * v * v + 2822499 * v + 2555850 + v * v * v / 2) / (v * v * v);
}

/* The largest r with r * r <= n. */
static uint64_t root(u128 n)
{
	uint64_t r = 0;

	for (int bit = 63; bit >= 0; bit--) {
		uint64_t with = r | UINT64_C(1) << bit;

		if ((u128)with * with <= n)
			r = with;
	}
	return r;
}

static u128 magnitude(i128 v)
{
	return v < 0 ? -(u128)v : (u128)v;
}

/* num * 2^shift / den, rounded up from a thousandth above a whole number on. */
static u128 scaled_up(u128 num, int shift, u128 den)
{
	u128 whole, rest;

	if (shift > 0)
		return (num / den + 1) << shift;
	den <<= -shift;
	whole = num / den;
	rest = num % den;
	return whole + (whole ? rest > den / 1000 : rest > 0);
}

static u128 half_width(const i128 *values, const struct stats *s)
{
	u128 n = s->n, widest = 0, squares = 0;
	int cut = 0, up = 0;

	for (size_t i = 0; i < s->n; i++) {
		u128 d = magnitude((i128)n * values[i] - s->sum);

		widest = d > widest ? d : widest;
	}
	if (!widest)
		return 0;
	while (widest >> cut >> DEVIATION_BITS)
		cut++;
	for (size_t i = 0; i < s->n; i++) {
		u128 d = magnitude((i128)n * values[i] - s->sum) >> cut;

		squares += d * d;
	}
	while (!(squares >> 126)) {
		squares <<= 2;
		up++;
	}
	return scaled_up((u128)stats_t975(s->n - 1) * root(squares / (n * (n - 1))), cut - up,
			 n * 1000000);
}

struct stats stats_of(const i128 *values, size_t n)
{
	struct stats s = {.n = n};

	for (size_t i = 0; i < n; i++) {
		s.sum += values[i];
		s.min = i && s.min < values[i] ? s.min : values[i];
		s.max = i && s.max > values[i] ? s.max : values[i];
	}
	if (n > 1)
		s.half = half_width(values, &s);
	return s;
}

i128 stats_mean(const struct stats *s)
{
	u128 n = (u128)s->n * 1000, sum = magnitude(s->sum), rest, milli;

	if (!s->n)
		return 0;
	rest = sum % n;
	milli = (rest + s->n / 2) / s->n;
	if (rest && !milli)
		milli = 1;
	if (rest && milli == 1000)
		milli = 999;
	milli += sum / n * 1000;
	return s->sum < 0 ? -(i128)milli : (i128)milli;
}
