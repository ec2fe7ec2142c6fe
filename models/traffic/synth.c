/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * synth.c - the bytes of synthetic frames; layout and idea in synth.h.
 *
 * Checksums: one's-complement sums are associative, so the sum over a frame is the sum of the parts
 * that vary (addresses, lengths, number) and of the pattern's slice, sum[b] - sum[a]. All slices
 * begin at an even offset of the frame and of the pattern, so words never straddle. A last odd byte
 * counts as the high half of a word.
 *
 * Rejected: a payload generated per frame (a byte-dependent loop costs more than the copy), and a
 * checksum of zero ("none"): a receiver under test must have something to verify.
 */
#include "synth.h"

#include <string.h>

#include "models/datapath/digest.h"

enum { OFF_IP = 14, OFF_UDP = 34, OFF_NUM = 42, OFF_TAG = 50, OFF_PATTERN = 58 };

#define UDP_DISCARD  9u
#define IP_PROTO_UDP 17u

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static void put64le(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* The four words of put64le(v), as a checksum sees them. */
static uint64_t sum64le(uint64_t v)
{
	v = __builtin_bswap64(v);
	return (v >> 48) + (v >> 32 & 0xffff) + (v >> 16 & 0xffff) + (v & 0xffff);
}

static uint32_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~(uint32_t)sum & 0xffff;
}

/* splitmix64, the generator that needs no state but a counter. */
static uint64_t next64(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void synth_init(struct synth *s, uint64_t seed, const char *name)
{
	uint64_t state = digest_bytes(name, (uint32_t)strlen(name)) ^ seed * 0x9e3779b97f4a7c15u;

	s->tag = next64(&state);
	for (uint32_t i = 0; i < SYNTH_PATTERN; i += 8)
		put64le(s->pattern + i, next64(&state));
	s->sum[0] = 0;
	for (uint32_t i = 0; i < SYNTH_PATTERN; i += 2)
		s->sum[i / 2 + 1] = s->sum[i / 2] + get16(s->pattern + i);
}

static uint32_t ip_words(const struct synth_end *e)
{
	return get16(e->ip) + get16(e->ip + 2);
}

static void put_ip(uint8_t *ip, const struct synth_end *from, const struct synth_end *to,
		   uint64_t num, uint32_t total)
{
	uint32_t ident = (uint32_t)num & 0xffff;
	uint32_t sum = 0x4500 + total + ident + 0x4000 + (64u << 8 | IP_PROTO_UDP) +
		       ip_words(from) + ip_words(to);

	put16(ip, 0x4500);
	put16(ip + 2, total);
	put16(ip + 4, ident);
	put16(ip + 6, 0x4000); /* do not fragment */
	put16(ip + 8, 64u << 8 | IP_PROTO_UDP);
	put16(ip + 10, fold(sum));
	memcpy(ip + 12, from->ip, 4);
	memcpy(ip + 16, to->ip, 4);
}

void synth_frame(const struct synth *s, const struct synth_end *from, const struct synth_end *to,
		 uint64_t num, uint32_t flow, uint8_t *dst, uint32_t len)
{
	uint32_t udp_len = len - OFF_UDP, n = len - OFF_PATTERN;
	uint32_t slide = (uint32_t)(num * 8) & (SYNTH_SLIDE - 1);
	const uint8_t *slice = s->pattern + slide;
	uint64_t sum = (uint64_t)ip_words(from) + ip_words(to) + IP_PROTO_UDP +
		       2 * (uint64_t)udp_len + SYNTH_PORT + flow + UDP_DISCARD + sum64le(num) +
		       sum64le(s->tag);
	uint32_t check;

	sum += s->sum[slide / 2 + n / 2] - s->sum[slide / 2];
	if (n & 1)
		sum += (uint32_t)slice[n - 1] << 8;
	check = fold(sum);

	memcpy(dst, to->mac, 6);
	memcpy(dst + 6, from->mac, 6);
	put16(dst + 12, 0x0800);
	put_ip(dst + OFF_IP, from, to, num, len - OFF_IP);
	put16(dst + OFF_UDP, SYNTH_PORT + flow);
	put16(dst + OFF_UDP + 2, UDP_DISCARD);
	put16(dst + OFF_UDP + 4, udp_len);
	put16(dst + OFF_UDP + 6, check ? check : 0xffff); /* 0 would say "no checksum" */
	put64le(dst + OFF_NUM, num);
	put64le(dst + OFF_TAG, s->tag);
	memcpy(dst + OFF_PATTERN, slice, n);
}
