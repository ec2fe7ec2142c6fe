/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * synth.h - the bytes of synthetic frames: Ethernet, IPv4, UDP, and a payload that names its frame.
 *
 *   0   destination MAC, source MAC, type 0x0800
 *   14  IPv4: no options, identification = low 16 bits of the number, DF, TTL 64, UDP, checksum
 *   34  UDP: source port 49152 + flow, destination port 9 (discard), checksum
 *   42  frame number, 8 bytes little-endian
 *   50  tag of traffic and seed, 8 bytes little-endian
 *   58  pattern bytes from offset (number * 8) mod 4096
 *
 * All checksums are right. A frame costs a copy and no loop over its bytes: the checksum of a slice
 * of the pattern is the difference of two prefix sums. No two frames of a run are alike, so a frame
 * delivered twice, late or under another's name is noticed.
 */
#ifndef TRAFFIC_SYNTH_H
#define TRAFFIC_SYNTH_H

#include <stdint.h>

#define SYNTH_SLIDE   4096u                  /* offsets at which a slice may begin, bytes */
#define SYNTH_PATTERN (SYNTH_SLIDE + 65536u) /* bytes of pattern */
#define SYNTH_PORT    49152u                 /* first UDP source port */

struct synth_end {
	uint8_t mac[6];
	uint8_t ip[4];
};

struct synth {
	uint64_t tag;
	uint32_t sum[SYNTH_PATTERN / 2 + 1]; /* of the first i big-endian 16-bit words of pattern */
	uint8_t pattern[SYNTH_PATTERN];
};

void synth_init(struct synth *s, uint64_t seed, const char *name);
/* Write frame `num`, of `len` bytes (60..65549), to dst. */
void synth_frame(const struct synth *s, const struct synth_end *from, const struct synth_end *to,
		 uint64_t num, uint32_t flow, uint8_t *dst, uint32_t len);

#endif
