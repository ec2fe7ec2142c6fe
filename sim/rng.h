/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rng.h - random streams that give the same numbers on every machine, for ever.
 *
 * Each component owns one stream, named after it; a stream depends on the scenario's seed and on
 * its own name, so adding a component does not change what the others draw. Generator: xoshiro256++
 * 1.0 (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021; period
 * 2^256-1). Seeding: four outputs of splitmix64 started from mix(seed) xor FNV-1a(name); for one
 * name no two seeds, and for one seed no two names of different hash, give the same start.
 *
 * What always holds: integers only, from the draw to the exponential law, hence the same bytes with
 * any compiler, optimisation or processor. The known answers in the tests pin the streams: a
 * change here changes every result and needs a new version of the program.
 *
 * Rejected: GRand (its stream depends on the environment), libm's log (differs by processor), a
 * logarithm in doubles (correct only while nobody contracts, reorders or widens it).
 */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stddef.h>
#include <stdint.h>

#include "simtime.h"

struct rng {
	uint64_t s[4];
	unsigned __int128 frac; /* what rng_exp() has not yet handed out, in 2^-58 ps */
};

/* Starts the stream `name` of `seed`. Any seed and any name will do, the empty one too. */
void rng_init(struct rng *r, uint64_t seed, const char *name);

static inline uint64_t rng_rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

/* 64 uniform bits. */
static inline uint64_t rng_u64(struct rng *r)
{
	uint64_t *s = r->s, out = rng_rotl(s[0] + s[3], 23) + s[0], t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rng_rotl(s[3], 45);
	return out;
}

/*
 * Uniform in 0..n-1, without bias; n == 0 stands for 2^64. Multiply and reject (Lemire, "Fast
 * random integer generation in an interval", 2019): nearly always one draw and no division.
 */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	unsigned __int128 m;

	if (!n)
		return rng_u64(r);
	m = (unsigned __int128)rng_u64(r) * n;
	if ((uint64_t)m < n) {
		uint64_t reject = -n % n;

		while ((uint64_t)m < reject)
			m = (unsigned __int128)rng_u64(r) * n;
	}
	return (uint64_t)(m >> 64);
}

/* Uniform in lo..hi, both included, lo <= hi; the full range of 64 bits is allowed. */
static inline uint64_t rng_range(struct rng *r, uint64_t lo, uint64_t hi)
{
	return lo + rng_below(r, hi - lo + 1);
}

#define RNG_LN_BITS 58 /* fraction bits of rng_neg_ln() */

/*
 * -ln(u / 2^64) for u >= 1, in units of 2^-58: from 0 to 44.4. Error below 24 units. Pure; exposed
 * for laws other than the exponential (Pareto, log-normal) and for its test.
 */
uint64_t rng_neg_ln(uint64_t u);

/*
 * Times are drawn on a grid, not to the picosecond: of 1/4096 of what the law spreads over, rounded
 * down to a power of two, and 1 ps at least. So a law whose parameters are 2^n times as long draws
 * exactly 2^n times as long from the same stream (of spans from 4 ns on): a scenario in other units
 * of time is the same scenario.
 */
static inline unsigned int rng_grid(uint64_t span)
{
	return 63u - (unsigned int)__builtin_clzll(span | 4096) - 12;
}

/*
 * A time with exponential law of mean `mean_ps`, on its grid. What rounding cuts off is carried to
 * the stream's next draw, so a long sum has no bias however small the mean (the mean may be 3 ps,
 * or differ from draw to draw). Never more than SIM_MAX.
 */
sim_time rng_exp(struct rng *r, sim_time mean_ps);

/* The same of mean num / den, den > 0: for means that are no whole number of picoseconds. */
sim_time rng_exp_ratio(struct rng *r, uint64_t num, uint64_t den);

/*
 * Uniform in lo..hi, lo <= hi, both included; on its grid, or a finer one if that is what it takes
 * to have both ends on it.
 */
sim_time rng_uniform(struct rng *r, sim_time lo, sim_time hi);

/* Puts the `n` elements of `size` bytes at `base` in uniformly random order. */
void rng_shuffle(struct rng *r, void *base, size_t n, size_t size);

#endif
