/* SPDX-License-Identifier: GPL-2.0-or-later */
/* far_match.c - the datapath's side: which frame was read, which is about to be written. */
#define _GNU_SOURCE
#include "far_impl.h"

#include <string.h>

/* `otherwise`: if the far side has not said why. */
static void lose(struct far *f, const struct far_sent *s, enum far_fate otherwise)
{
	enum far_fate why = s->fate ? (enum far_fate)s->fate : otherwise;

	if (why == FAR_LOST)
		far_count(&f->shared->unexplained, 1);
	if (f->cfg.lost)
		f->cfg.lost(f->cfg.ctx, s, why);
}

/* Those that were never handed over will not come. */
static uint32_t skip_refused(struct far *f, unsigned queue, uint32_t got, uint32_t put)
{
	for (; got != put; got++) {
		const struct far_sent *s = far_record(f, queue, got);
		if (far_load(&s->fate) == FAR_UNDER_WAY)
			break;
		lose(f, s, FAR_LOST);
	}
	return got;
}

static bool is(const struct far_sent *s, const uint8_t *head, uint32_t n, uint32_t len)
{
	return s->len == len && far_load(&s->fate) == FAR_UNDER_WAY && !memcmp(s->head, head, n);
}

bool far_match(struct far *f, unsigned queue, const uint8_t *head, uint32_t head_len, uint32_t len,
	       struct far_sent *out)
{
	struct far_ring *ring = &f->shared->sent[queue];
	uint32_t put = far_load(&ring->put), got = skip_refused(f, queue, ring->got, put), i;
	uint32_t n = head_len < FAR_HEAD ? head_len : FAR_HEAD;

	n = n < len ? n : len;
	for (i = got; i != put && !is(far_record(f, queue, i), head, n, len); i++)
		;
	if (i == put) {
		far_count(&f->shared->foreign_read, 1);
		far_store(&ring->got, got);
		return false;
	}
	for (; got != i; got++)
		lose(f, far_record(f, queue, got), FAR_LOST);
	*out = *far_record(f, queue, i);
	far_store(&ring->got, i + 1);
	return true;
}

unsigned far_waiting(const struct far *f, unsigned queue)
{
	const struct far_ring *ring = &f->shared->sent[queue];

	return far_load(&ring->put) - ring->got;
}

bool far_blocked(const struct far *f, unsigned queue)
{
	/* the kernel frees places of its queue some at a time, so it may be full a little earlier
	 */
	return far_waiting(f, queue) + FAR_BURST > f->window;
}

void far_settle(struct far *f)
{
	for (unsigned q = 0; q < f->cfg.dev->queues; q++) {
		struct far_ring *ring = &f->shared->sent[q];
		uint32_t put = far_load(&ring->put);
		for (; ring->got != put; far_store(&ring->got, ring->got + 1))
			lose(f, far_record(f, q, ring->got), FAR_WAITING);
	}
}

void far_expect(struct far *f, unsigned guest, const struct frame *frame)
{
	struct far_ring *ring = &f->shared->expect;
	uint32_t put = ring->put;

	if (put - far_load(&ring->got) == FAR_EXPECT) {
		far_count(&f->shared->not_expected, 1);
		return;
	}
	f->expected[put & (FAR_EXPECT - 1)] = (struct far_expected){.num = frame->num,
								    .hash = frame->hash,
								    .len = frame->len,
								    .traffic = frame->traffic,
								    .exchange = frame->exchange,
								    .guest = (uint16_t)guest,
								    .csum_at = frame->csum_at};
	far_store(&ring->put, put + 1);
}

unsigned far_backlog(const struct far *f)
{
	return f->shared->expect.put - far_load(&f->shared->expect.got);
}
