/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hbuf.c - copying between scattered buffers. */
#include "hbuf.h"

void pieces_copy(struct plat *pl, struct frame *frame, enum copy_site site, enum copy_reason reason,
		 const struct piece *dst, const struct piece *src, uint32_t len)
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
