/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * digest.h - what arrived, in 64 bits.
 *
 * digest_bytes() identifies one frame's bytes and length: XXH3, 64 bits, seeded by the length (the
 * same value on every machine and compiler). The sender's value travels beside the frame and is
 * compared with the receiver's; and the receiver chains the values of each flow in order of
 * delivery, so that loss, damage, exchange and reordering within a flow each change the sum over
 * flows, while order between flows does not.
 */
#ifndef DATAPATH_DIGEST_H
#define DATAPATH_DIGEST_H

#include <stdint.h>

#include "xxh3.h"

static inline uint64_t digest_bytes(const void *bytes, uint32_t len)
{
	return xxh3_seeded(bytes, len, len);
}

/* The flow's chain after one more frame. */
static inline uint64_t digest_chain(uint64_t chain, uint64_t frame)
{
	uint64_t x = (chain ^ frame) * 0x9e3779b97f4a7c15u;
	x ^= x >> 29;
	return x * 0xbf58476d1ce4e5b9u + frame;
}

/* Of a frame without the two bytes at `at`: a field that somebody on the way fills in. */
static inline uint64_t digest_without(const uint8_t *bytes, uint32_t len, uint32_t at)
{
	return digest_chain(digest_bytes(bytes, at), digest_bytes(bytes + at + 2, len - at - 2));
}

#endif
