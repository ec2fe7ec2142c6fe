/* SPDX-License-Identifier: GPL-2.0-or-later */
/* endpoint.c - digest and order of what arrives: see endpoint.h. */
#include "endpoint.h"

#include "digest.h"

static uint64_t load(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;
	__builtin_memcpy(&v, p, n);
	return v;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

static bool has_ports(uint8_t proto)
{
	return proto == 6 || proto == 17 || proto == 132;
}

uint64_t endpoint_flow_key(const uint8_t *b, uint32_t len)
{
	uint32_t at = 12;
	uint64_t h = 1;

	if (len < 14)
		return mix(h, len) | 1;
	while (at + 6 <= len &&
	       ((b[at] == 0x81 && b[at + 1] == 0) || (b[at] == 0x88 && b[at + 1] == 0xa8)))
		at += 4;
	if (at + 22 <= len && b[at] == 8 && b[at + 1] == 0 && b[at + 2] >> 4 == 4) {
		const uint8_t *ip = b + at + 2;
		uint32_t header = (ip[0] & 15u) * 4u;
		bool fragment = (ip[6] & 0x3f) | ip[7];
		h = mix(mix(h, load(ip + 12, 8)), ip[9]);
		if (!fragment && has_ports(ip[9]) && at + 2 + header + 4 <= len)
			h = mix(h, load(ip + header, 4));
		return h | 1;
	}
	if (at + 42 <= len && b[at] == 0x86 && b[at + 1] == 0xdd) {
		const uint8_t *ip = b + at + 2;
		for (unsigned i = 8; i < 40; i += 8)
			h = mix(h, load(ip + i, 8));
		h = mix(h, ip[6]);
		if (has_ports(ip[6]) && at + 46 <= len)
			h = mix(h, load(ip + 40, 4));
		return h | 1;
	}
	return mix(mix(h, load(b, 8)), load(b + 8, at + 2 > 14 ? 6 : at + 2 - 8)) | 1;
}

void endpoint_init(struct endpoint *ep, struct endpoint_flow *flow, uint32_t slots)
{
	*ep = (struct endpoint){.flow = flow, .mask = slots - 2};
}

static struct endpoint_flow *flow_entry(struct endpoint *ep, uint64_t key)
{
	uint32_t i = (uint32_t)(key >> 24) & ep->mask;

	while (ep->flow[i].key && ep->flow[i].key != key)
		i = (i + 1) & ep->mask;
	if (!ep->flow[i].key) {
		if (ep->flows >= ep->mask / 4 * 3 + 1) {
			ep->overflow++;
			return &ep->flow[ep->mask + 1];
		}
		ep->flow[i].key = key;
		ep->flow[i].traffic = UINT64_MAX;
		ep->flows++;
	}
	return &ep->flow[i];
}

/* Of what came, without a checksum that was filled in on the way. */
static __attribute__((noinline)) uint64_t digest_filled(const struct frame *f, const uint8_t *bytes)
{
	return digest_without(bytes, f->len, f->csum_at);
}

static void prove(struct endpoint *ep, const struct frame *f, const uint8_t *bytes, uint32_t len)
{
	bool filled = __builtin_expect(f->csum_at && len == f->len, 0);
	uint64_t hash = filled ? digest_filled(f, bytes) : digest_bytes(bytes, len), chain;
	struct endpoint_flow *flow = flow_entry(ep, endpoint_flow_key(bytes, len));

	if (__builtin_expect(hash != f->hash || len != f->len, 0)) {
		if (f->overwritten && len == f->len)
			f->led->hazards[HAZARD_OVERWRITE_SEEN]++;
		else
			f->led->corrupt++;
	}
	if (flow->traffic == f->traffic && flow->key)
		f->led->reordered += f->num < flow->next;
	flow->traffic = f->traffic;
	flow->next = f->num + 1;
	chain = digest_chain(flow->chain, hash);
	ep->digest += chain - flow->chain;
	flow->chain = chain;
}

void endpoint_receive(struct endpoint *ep, const struct frame *f, const uint8_t *bytes,
		      uint32_t len)
{
	if (__builtin_expect(ep->process != NULL, 0) && ep->process(ep->ctx, f, bytes, len))
		return;
	prove(ep, f, bytes, len);
}
