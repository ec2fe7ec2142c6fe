/* SPDX-License-Identifier: GPL-2.0-or-later */
/* split.c - headers and flows: see split.h. */
#include "split.h"

#define TCP 6
#define UDP 17

/* Bytes of the TCP or UDP header at b; 0: it is none, or does not end within n bytes. */
static uint32_t transport(uint8_t proto, const uint8_t *b, uint32_t n)
{
	uint32_t bytes = 8;

	if (n < 8)
		return 0;
	if (proto == TCP) {
		if (n < 20)
			return 0;
		bytes = (b[12] >> 4) * 4u;
		if (bytes < 20)
			return 0;
	}
	return bytes <= n ? bytes : 0;
}

/* Bytes of the IP header at b, with *flow's addresses and kind; 0: not one that is split. */
static uint32_t network(uint32_t type, const uint8_t *b, uint32_t n, struct split_flow *flow)
{
	uint32_t bytes = 40, proto;

	*flow = (struct split_flow){0};
	if (type == 0x0800) {
		if (n < 20 || b[0] >> 4 != 4 || (b[6] & 0x3f) | b[7]) /* the latter: a fragment */
			return 0;
		bytes = (b[0] & 15u) * 4u;
		proto = b[9];
		__builtin_memcpy(flow->src, b + 12, 4);
		__builtin_memcpy(flow->dst, b + 16, 4);
		flow->kind = 4u << 8 | proto;
	} else {
		if (type != 0x86dd || n < 40 || b[0] >> 4 != 6)
			return 0;
		proto = b[6];
		__builtin_memcpy(flow->src, b + 8, 16);
		__builtin_memcpy(flow->dst, b + 24, 16);
		flow->kind = 6u << 8 | proto;
	}
	return (proto == TCP || proto == UDP) && bytes >= 20 && bytes <= n ? bytes : 0;
}

uint32_t split_header(const uint8_t *head, uint32_t n, uint32_t len, struct split_flow *flow)
{
	uint32_t at = 12, type, ip, l4;

	for (unsigned tags = 0;; tags++, at += 4) {
		if (at + 2 > n)
			return 0;
		type = (uint32_t)head[at] << 8 | head[at + 1];
		if ((type != 0x8100 && type != 0x88a8) || tags == 2)
			break;
	}
	at += 2;
	ip = network(type, head + at, n - at, flow);
	if (!ip)
		return 0;
	at += ip;
	l4 = transport((uint8_t)flow->kind, head + at, n - at);
	if (!l4 || at + l4 > len)
		return 0;
	__builtin_memcpy(&flow->ports, head + at, 4);
	return at + l4;
}

static bool same(const struct split_flow *a, const struct split_flow *b)
{
	return a->src[0] == b->src[0] && a->src[1] == b->src[1] && a->dst[0] == b->dst[0] &&
	       a->dst[1] == b->dst[1] && a->ports == b->ports && a->kind == b->kind;
}

static uint32_t place_of(const struct split_table *t, const struct split_flow *f)
{
	uint64_t h = f->kind;
	const uint64_t word[] = {f->src[0], f->src[1], f->dst[0], f->dst[1], f->ports};

	for (unsigned i = 0; i < 5; i++) {
		h = (h ^ word[i]) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	return (uint32_t)h & t->mask;
}

enum copy_reason split_lookup(struct split_table *t, const struct split_flow *flow)
{
	uint32_t i;

	if (!t->flow)
		return REASON_POLICY;
	for (i = place_of(t, flow); t->flow[i].kind; i = (i + 1) & t->mask)
		if (same(&t->flow[i], flow))
			return REASON_POLICY;
	if (t->used == t->limit)
		return REASON_FLOW_TABLE_FULL;
	t->flow[i] = *flow;
	t->used++;
	return REASON_NO_FLOW;
}
