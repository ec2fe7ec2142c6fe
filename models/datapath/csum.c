/* SPDX-License-Identifier: GPL-2.0-or-later */
/* csum.c - the Internet checksum: see csum.h. */
#include "csum.h"

#include "frame.h"
#include "hbuf.h"
#include "plat.h"

#define HEAD 128u /* bytes that csum_check() looks for headers in */

enum { ETHER_VLAN = 0x8100, ETHER_QINQ = 0x88a8, ETHER_IP4 = 0x0800, ETHER_IP6 = 0x86dd };
enum { PROTO_HOP = 0, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_DEST = 60 };

static uint16_t fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint16_t csum_bytes(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0;
	uint32_t word;
	uint16_t last = 0;

	for (; len >= 4; p += 4, len -= 4) {
		__builtin_memcpy(&word, p, 4);
		sum += word;
	}
	if (len >= 2) {
		__builtin_memcpy(&last, p, 2);
		sum += last;
		p += 2;
		len -= 2;
	}
	last = 0;
	__builtin_memcpy(&last, p, len); /* a last odd byte is the first one of its word */
	return fold(sum + last);
}

/* A part that begins at an odd offset counts with its bytes exchanged (RFC 1071, 2.B). */
uint16_t csum_pieces(const struct piece *piece, uint32_t skip, uint32_t len)
{
	uint32_t done = 0;
	uint16_t sum = 0;

	for (; done < len; piece++) {
		uint32_t part;
		uint16_t of;

		if (skip >= piece->len) {
			skip -= piece->len;
			continue;
		}
		part = piece->len - skip;
		part = part < len - done ? part : len - done;
		of = csum_bytes(piece->p + skip, part);
		sum = csum_add(sum, done & 1 ? __builtin_bswap16(of) : of);
		done += part;
		skip = 0;
	}
	return sum;
}

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* The pseudo-header's last two words, as they would lie in memory. */
static uint16_t proto_and_len(uint8_t proto, uint32_t len)
{
	return csum_add(__builtin_bswap16(proto), __builtin_bswap16((uint16_t)len));
}

/* at: of the IP header. *proto and l->start, len, pseudo's addresses. */
static bool find_ip4(const uint8_t *b, uint32_t have, uint32_t len, uint32_t at, uint8_t *proto,
		     struct csum_place *l)
{
	uint32_t header, total;

	if (at + 20 > have)
		return false;
	header = (b[at] & 15u) * 4;
	total = be16(b + at + 2);
	if (b[at] >> 4 != 4 || header < 20 || total < header || at + total > len ||
	    be16(b + at + 6) & 0x3fff)
		return false;
	*proto = b[at + 9];
	l->pseudo = csum_bytes(b + at + 12, 8);
	l->start = (uint16_t)(at + header);
	l->len = total - header;
	return true;
}

static bool find_ip6(const uint8_t *b, uint32_t have, uint32_t len, uint32_t at, uint8_t *proto,
		     struct csum_place *l)
{
	uint32_t left;

	if (at + 40 > have)
		return false;
	left = be16(b + at + 4);
	if (b[at] >> 4 != 6 || at + 40 + left > len)
		return false;
	*proto = b[at + 6];
	l->pseudo = csum_bytes(b + at + 8, 32);
	at += 40;
	while (*proto == PROTO_HOP || *proto == PROTO_DEST) {
		uint32_t option;

		if (at + 8 > have)
			return false;
		option = (b[at + 1] + 1u) * 8;
		if (option > left)
			return false;
		*proto = b[at];
		at += option;
		left -= option;
	}
	l->start = (uint16_t)at;
	l->len = left;
	return true;
}

bool csum_find(const uint8_t *b, uint32_t have, uint32_t len, struct csum_place *l)
{
	uint32_t at = 12, type, header;
	uint8_t proto;

	if (have < 14)
		return false;
	for (type = be16(b + at); (type == ETHER_VLAN || type == ETHER_QINQ) && at + 6 <= have;
	     type = be16(b + at))
		at += 4;
	at += 2;
	if (!(type == ETHER_IP4   ? find_ip4(b, have, len, at, &proto, l)
	      : type == ETHER_IP6 ? find_ip6(b, have, len, at, &proto, l)
				  : false))
		return false;
	if (proto != PROTO_TCP && proto != PROTO_UDP)
		return false;
	header = proto == PROTO_TCP ? 20 : 8;
	if (l->len < header || l->start + header > have)
		return false;
	if (proto == PROTO_UDP && be16(b + l->start + 4) != l->len)
		return false;
	l->offset = proto == PROTO_TCP ? 16 : 6;
	l->pseudo = csum_add(l->pseudo, proto_and_len(proto, l->len));
	return true;
}

void csum_fill(uint8_t *frame, uint32_t len, struct csum c)
{
	uint16_t value = csum_value(csum_bytes(frame + c.start, len - c.start));

	__builtin_memcpy(frame + c.start + c.offset, &value, 2);
}

void csum_fill_pieces(const struct piece *piece, uint32_t len, struct csum c)
{
	csum_store(piece, (uint32_t)c.start + c.offset,
		   csum_value(csum_pieces(piece, c.start, len - c.start)));
}

void csum_store(const struct piece *piece, uint32_t at, uint16_t value)
{
	uint8_t byte[2];

	__builtin_memcpy(byte, &value, 2);
	for (unsigned i = 0; i < 2; i++, at++) {
		for (; at >= piece->len; piece++)
			at -= piece->len;
		piece->p[at] = byte[i];
	}
}

/* The first bytes of a frame, in one piece. */
static uint32_t head_of(const struct piece *piece, uint32_t len, uint8_t *head)
{
	uint32_t have = 0;

	len = len < HEAD ? len : HEAD;
	for (; have < len; piece++) {
		uint32_t part = piece->len < len - have ? piece->len : len - have;

		__builtin_memcpy(head + have, piece->p, part);
		have += part;
	}
	return have;
}

enum csum_verdict csum_check(const struct piece *piece, uint32_t len, uint32_t *looked)
{
	uint8_t head[HEAD];
	uint32_t have = head_of(piece, len, head);
	struct csum_place l;

	*looked = 0;
	if (!csum_find(head, have, len, &l))
		return CSUM_NONE;
	if (l.offset == 6 && !head[l.start + 6] && !head[l.start + 7])
		return CSUM_NONE; /* UDP without one */
	*looked = l.len;
	return csum_add(l.pseudo, csum_pieces(piece, l.start, l.len)) == 0xffff ? CSUM_GOOD
										: CSUM_BAD;
}

void csum_pass(struct plat *pl, struct frame *f, const struct piece *piece, uint32_t skip,
	       uint32_t len)
{
	plat_charge(pl, PLAT_W_CSUM, len);
	f->led->csum_bytes += len;
	for (; piece && len; piece++) {
		uint32_t part = piece->len - (skip < piece->len ? skip : piece->len);

		part = part < len ? part : len;
		if (part)
			plat_read(pl, PLAT_W_CSUM, piece->p + skip, part);
		skip -= skip < piece->len ? skip : piece->len;
		len -= part;
	}
}
