/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gnet_csum.c - checksums in a guest's kernel: left to the device, or computed. See gnet.h. */
#include "csum.h"
#include "digest.h"
#include "frame.h"
#include "gnet.h"

/* The device sums to the end of the frame: what is behind the IP packet must not count. */
static bool padded_by_zeros(const struct frame *f, const struct csum_place *l)
{
	for (uint32_t at = l->start + l->len; at < f->len; at++)
		if (f->bytes[at])
			return false;
	return true;
}

/* From here on the field is nobody's but the one's who fills it in. */
static void leave_out(struct frame *f, uint16_t at)
{
	uint64_t hash = digest_without(f->bytes, f->len, at);

	for (; f; f = f->peer) {
		f->csum_at = at;
		f->hash = hash;
	}
}

bool gnet_csum_send(struct gnet *g, struct frame *f, uint16_t *value)
{
	struct csum_place l;
	uint16_t field, sum;

	g->csum = (struct csum){0};
	if (!csum_find(f->bytes, f->len, f->len, &l) || !padded_by_zeros(f, &l))
		return false;
	leave_out(f, (uint16_t)(l.start + l.offset));
	if (g->tx_csum == GNET_CSUM_OFFLOAD) {
		g->csum = (struct csum){l.start, l.offset, CSUM_NEEDED};
		*value = l.pseudo;
		return true;
	}
	__builtin_memcpy(&field, f->bytes + f->csum_at, 2);
	sum = csum_add(csum_bytes(f->bytes + l.start, l.len), (uint16_t)~field);
	*value = csum_value(csum_add(sum, l.pseudo));
	csum_pass(g->tx_pl, f, NULL, 0, l.len);
	return true;
}

bool gnet_csum_ok(struct gnet *g, struct frame *f, const struct piece *piece, uint32_t len)
{
	uint32_t looked;
	enum csum_verdict v = csum_check(piece, len, &looked);

	csum_pass(g->rx_pl, f, piece, len - looked, looked);
	return v != CSUM_BAD;
}
