/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hbuf.h - hypervisor and VMM buffers: memory that no guest and no guest's device can reach.
 *
 * A pool holds n buffers of equal size. Each is made of pieces, since machine memory is scattered;
 * a piece has a pointer for the CPU and an address for the device (mapped once, with the pool, and
 * kept so: what a kernel's page pool does). Buffers are numbers, so they fit in a cookie.
 *
 * One actor takes and gives back. A buffer that another actor has to read is lent through a pktq,
 * and comes back when that actor has consumed the entry.
 */
#ifndef DATAPATH_HBUF_H
#define DATAPATH_HBUF_H

#include "plat.h"

/* A run of memory as a CPU sees it. */
struct piece {
	uint8_t *p;
	uint32_t len;
};

struct hbuf_pool {
	struct piece *piece; /* n * per, `per` consecutive ones a buffer */
	uint64_t *dma;       /* beside each piece */
	uint32_t *stack;     /* free buffers */
	uint32_t *lent;      /* by buffer: readers that still have it */
	uint32_t n, per, top;
	uint32_t bytes; /* of a buffer */
};

#define HBUF_NONE UINT32_MAX

static inline uint32_t hbuf_get(struct hbuf_pool *p)
{
	return p->top ? p->stack[--p->top] : HBUF_NONE;
}

static inline void hbuf_put(struct hbuf_pool *p, uint32_t buf)
{
	p->stack[p->top++] = buf;
}

static inline struct piece *hbuf_pieces(const struct hbuf_pool *p, uint32_t buf)
{
	return &p->piece[buf * p->per];
}

/* The first len bytes of a buffer as the device is told of them; returns the number of segments. */
static inline unsigned hbuf_segs(const struct hbuf_pool *p, uint32_t buf, uint32_t len,
				 struct plat_seg *seg)
{
	const struct piece *piece = hbuf_pieces(p, buf);
	unsigned n = 0;

	for (; len; n++) {
		uint32_t part = len < piece[n].len ? len : piece[n].len;
		seg[n] = (struct plat_seg){.dma = p->dma[buf * p->per + n], .len = part};
		len -= part;
	}
	return n;
}

/*
 * Copy len bytes from src[] to dst[], both long enough, as one copy of `frame` at `site`: all of
 * it, and so under header split the header apart.
 */
void pieces_copy(struct plat *pl, struct frame *frame, enum copy_site site, enum copy_reason reason,
		 const struct piece *dst, const struct piece *src, uint32_t len);

/* The same of a header alone ... */
void pieces_copy_header(struct plat *pl, struct frame *frame, enum copy_site site,
			const struct piece *dst, const struct piece *src, uint32_t len);

/* ... and of payload alone. */
void pieces_copy_payload(struct plat *pl, struct frame *frame, enum copy_site site,
			 enum copy_reason reason, const struct piece *dst, const struct piece *src,
			 uint32_t len);

/* The first len bytes of src[] to `to`, privately: no copy of the datapath's. Returns len. */
uint32_t pieces_read(uint8_t *to, const struct piece *src, uint32_t len);

/* dst[] becomes the len bytes of src[] that follow its first `skip`; returns how many pieces. */
unsigned pieces_skip(struct piece *dst, const struct piece *src, uint32_t skip, uint32_t len);

#endif
