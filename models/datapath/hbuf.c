/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hbuf.c - copying between scattered buffers. */
#include "hbuf.h"

#include "frame.h"

/* A place in a list of pieces. */
struct spot {
	const struct piece *p;
	uint32_t off;
};

static uint32_t rest(const struct spot *at)
{
	return at->p->len - at->off;
}

static void advance(struct spot *at, uint32_t n)
{
	at->off += n;
	if (at->off == at->p->len)
		*at = (struct spot){at->p + 1, 0};
}

/* Header or payload, from one place to the other; both go on behind it. */
static void move(struct plat *pl, struct frame *frame, enum copy_site site, enum copy_reason reason,
		 struct spot *dst, struct spot *src, uint32_t len, bool header)
{
	while (len) {
		uint32_t part = len < rest(dst) ? len : rest(dst);
		part = part < rest(src) ? part : rest(src);
		if (header)
			plat_copy_header(pl, frame, site, dst->p->p + dst->off,
					 src->p->p + src->off, part);
		else
			plat_copy(pl, frame, site, reason, dst->p->p + dst->off,
				  src->p->p + src->off, part);
		len -= part;
		advance(dst, part);
		advance(src, part);
	}
}

/* A frame under header split: its header is booked apart. */
static __attribute__((noinline)) void copy_split(struct plat *pl, struct frame *frame,
						 enum copy_site site, enum copy_reason reason,
						 const struct piece *dst, const struct piece *src,
						 uint32_t len)
{
	struct spot to = {dst, 0}, from = {src, 0};

	move(pl, frame, site, reason, &to, &from, frame->header, true);
	move(pl, frame, site, reason, &to, &from, len - frame->header, false);
}

void pieces_copy(struct plat *pl, struct frame *frame, enum copy_site site, enum copy_reason reason,
		 const struct piece *dst, const struct piece *src, uint32_t len)
{
	if (__builtin_expect(!frame->header, 1))
		pieces_copy_payload(pl, frame, site, reason, dst, src, len);
	else
		copy_split(pl, frame, site, reason, dst, src, len);
}

void pieces_copy_header(struct plat *pl, struct frame *frame, enum copy_site site,
			const struct piece *dst, const struct piece *src, uint32_t len)
{
	struct spot to = {dst, 0}, from = {src, 0};

	move(pl, frame, site, REASON_POLICY, &to, &from, len, true);
}

void pieces_copy_payload(struct plat *pl, struct frame *frame, enum copy_site site,
			 enum copy_reason reason, const struct piece *dst, const struct piece *src,
			 uint32_t len)
{
	uint32_t to = 0, from = 0; /* used of *dst, of *src */

	while (len) {
		uint32_t part = len;
		if (part > dst->len - to)
			part = dst->len - to;
		if (part > src->len - from)
			part = src->len - from;
		plat_copy(pl, frame, site, reason, dst->p + to, src->p + from, part);
		len -= part;
		to += part;
		from += part;
		if (to == dst->len) {
			dst++;
			to = 0;
		}
		if (from == src->len) {
			src++;
			from = 0;
		}
	}
}

uint32_t pieces_read(uint8_t *to, const struct piece *src, uint32_t len)
{
	for (uint32_t left = len; left; src++) {
		uint32_t part = left < src->len ? left : src->len;
		__builtin_memcpy(to, src->p, part);
		to += part;
		left -= part;
	}
	return len;
}

unsigned pieces_skip(struct piece *dst, const struct piece *src, uint32_t skip, uint32_t len)
{
	unsigned n = 0;

	for (; len; src++) {
		uint32_t part = src->len - skip;
		if (skip >= src->len) {
			skip -= src->len;
			continue;
		}
		part = part < len ? part : len;
		dst[n++] = (struct piece){src->p + skip, part};
		len -= part;
		skip = 0;
	}
	return n;
}
