/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xxh3.h - XXH3 as the machine does it fastest, the same value on all of them.
 *
 * libxxhash picks its vector code at run time where it can (x86); elsewhere its inline code serves.
 * At 1500 B that is 48 ns instead of 91: a frame's digest is the largest part of its cost here that
 * is no copy.
 */
#ifndef PLAT_XXH3_H
#define PLAT_XXH3_H

#include <stddef.h>
#include <stdint.h>

#if __has_include(<xxh_x86dispatch.h>)
/* Declared here: the library's header would replace names of others. */
uint64_t XXH3_64bits_withSeed_dispatch(const void *input, size_t len, uint64_t seed);

static inline uint64_t xxh3_seeded(const void *bytes, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed_dispatch(bytes, len, seed);
}
#else
#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t xxh3_seeded(const void *bytes, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(bytes, len, seed);
}
#endif

#endif
