/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rng.c - seeding, the exponential law and shuffling; see rng.h for the generator.
 *
 * The logarithm. Let f = u / 2^64 = 2^-z * g with g in [1/2, 1). With c the next multiple of 1/64
 * above g,
 *
 *     -ln f = z ln 2 + (-ln c) + 2 atanh(s),   s = (c - g) / (c + g) <= 1/65
 *
 * where -ln c comes from a table of 32 and atanh(s) = s + s^3/3 + s^5/5 + s^7/7 is short by less
 * than s^9/9 < 2^-57. Every term is non-negative, so all of it is unsigned fixed point.
 */
#include "rng.h"

#include <string.h>

/* round(-ln((33 + i) / 64) * 2^58) */
static const uint64_t neg_ln_table[32] = {
	0x02a645c4d0cf0ae6, 0x0287b3fe5f24789a, 0x026a0515b3b190b8, 0x024d2c42269b724f,
	0x02311dc81e4794cc, 0x0215cedc5a0a9f48, 0x01fb358af7a48843, 0x01e148a1a2726cd9,
	0x01c7ff9c74554c92, 0x01af5295248cdd06, 0x01973a3431356add, 0x017fafa3bd8151bf,
	0x0168ac83e9c6a142, 0x01522ae0738a3d7d, 0x013c25277333183b, 0x01269621134db928,
	0x011178e8227e47be, 0x00fcc8e3659d9bcc, 0x00e881bf932af3db, 0x00d49f69e456cf1b,
	0x00c11e0b2a8d1e0e, 0x00adfa035aa1ed90, 0x009b2fe580ac80b1, 0x0088bc74113f23df,
	0x00769c9d8e111a89, 0x0064cd7975652623, 0x00534c457481fab1, 0x00421662d678e81a,
	0x00312954293f6686, 0x002082bb13ce8889, 0x0010205658935847, 0x0000000000000000,
};

#define LN2 0x02c5c85fdf473de7u /* round(ln 2 * 2^58) */

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t fnv1a(const char *name)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3u;
	return h;
}

void rng_init(struct rng *r, uint64_t seed, const char *name)
{
	uint64_t state = splitmix64(&seed) ^ fnv1a(name);

	for (int i = 0; i < 4; i++)
		r->s[i] = splitmix64(&state); /* of four in a row at most one is zero */
	r->frac = 0;
}

static inline uint64_t mul_high(uint64_t a, uint64_t b)
{
	return (uint64_t)((unsigned __int128)a * b >> 64);
}

uint64_t rng_neg_ln(uint64_t u)
{
	unsigned int z = (unsigned int)__builtin_clzll(u);
	uint64_t g = u << z >> 1; /* in 2^-63, from 1/2 to 1 */
	unsigned int i = (unsigned int)(g >> 57) & 31;
	uint64_t c = (uint64_t)(33 + i) << 57;
	uint64_t s = (uint64_t)(((unsigned __int128)(c - g) << 64) / (c + g));
	uint64_t s2 = mul_high(s, s), p;

	p = 0x3333333333333333u + mul_high(s2, 0x2492492492492492u); /* 1/5, 1/7 */
	p = 0x5555555555555555u + mul_high(s2, p);                   /* 1/3 */
	p = s + mul_high(s, mul_high(s2, p));
	return z * LN2 + neg_ln_table[i] + (p >> (64 - RNG_LN_BITS - 1));
}

/* The middle of one of 2^63 equal cells: never 0. */
static uint64_t draw_neg_ln(struct rng *r)
{
	return rng_neg_ln(rng_u64(r) | 1);
}

/* t is in 2^-58 ps; `mean` gives the grid. */
static sim_time cut(struct rng *r, unsigned __int128 t, sim_time mean)
{
	unsigned int bits = RNG_LN_BITS + rng_grid(mean);

	t += r->frac;
	r->frac = t & (((unsigned __int128)1 << bits) - 1);
	t = t >> bits << rng_grid(mean);
	return t < SIM_MAX ? (sim_time)t : SIM_MAX;
}

sim_time rng_exp(struct rng *r, sim_time mean_ps)
{
	return cut(r, (unsigned __int128)draw_neg_ln(r) * mean_ps, mean_ps);
}

sim_time rng_exp_ratio(struct rng *r, uint64_t num, uint64_t den)
{
	return cut(r, (unsigned __int128)draw_neg_ln(r) * num / den, num / den);
}

sim_time rng_uniform(struct rng *r, sim_time lo, sim_time hi)
{
	unsigned int grid = rng_grid(hi - lo);
	unsigned int whole = (unsigned int)__builtin_ctzll((lo | hi) | 1ull << 63);

	if (grid > whole)
		grid = whole;
	return lo + (rng_below(r, ((hi - lo) >> grid) + 1) << grid);
}

static void swap_bytes(unsigned char *a, unsigned char *b, size_t size)
{
	while (size) {
		unsigned char tmp[64];
		size_t part = size < sizeof(tmp) ? size : sizeof(tmp);

		memcpy(tmp, a, part);
		memcpy(a, b, part);
		memcpy(b, tmp, part);
		a += part;
		b += part;
		size -= part;
	}
}

void rng_shuffle(struct rng *r, void *base, size_t n, size_t size)
{
	unsigned char *v = base;

	for (size_t left = n; left > 1; left--) {
		size_t pick = (size_t)rng_below(r, left);

		if (pick != left - 1)
			swap_bytes(v + pick * size, v + (left - 1) * size, size);
	}
}
