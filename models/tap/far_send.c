/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * far_send.c - the far side sends what is due, by sendmmsg() on a packet socket that bypasses
 * queueing disciplines: a full device queue is then told at once (ENOBUFS), by the frame that it
 * had no room for.
 *
 * A frame passes: taken from its source (pending[first..npending)), published in its queue's ring,
 * handed to the kernel. The record comes before the frame, so that the datapath finds it whenever
 * it reads the frame; if the kernel then refuses, the record's fate says so before any later frame
 * is sent. A traffic that waits sends no more than the queue holds, so that nothing of it is
 * refused.
 */
#define _GNU_SOURCE
#include "far_impl.h"

#include <errno.h>
#include <string.h>

#define RETRY 20000000u /* ps until a full queue is tried again */

static void look_ahead(struct far *f, struct far_source *s)
{
	sim_time at;
	const GError *e;
	bool more = cursor_peek(s->cursor, &at);

	f->at[s - f->source] = more ? at : FAR_NEVER;
	e = more ? NULL : cursor_error(s->cursor);
	if (e && !f->trouble)
		f->trouble = g_strdup(e->message);
}

static struct far_source *earliest(struct far *f, plat_time now)
{
	struct far_source *found = NULL;
	plat_time at = FAR_NEVER;

	for (unsigned i = 0; i < f->cfg.sources; i++) {
		struct far_source *s = &f->source[i];
		if (cursor_live(s->cursor))
			look_ahead(f, s);
		else if (f->at[i] != FAR_NEVER && s->unpaced && now >= s->until)
			f->at[i] = FAR_NEVER;
		if (f->at[i] < at) {
			at = f->at[i];
			found = s;
		}
	}
	return found;
}

void far_send_init(struct far *f)
{
	for (unsigned i = 0; i < f->cfg.sources; i++)
		look_ahead(f, &f->source[i]);
	f->msg = g_new0(struct mmsghdr, FAR_BURST);
	f->iov = g_new0(struct iovec, FAR_BURST);
	for (unsigned i = 0; i < FAR_BURST; i++) {
		f->msg[i].msg_hdr.msg_iov = &f->iov[i];
		f->msg[i].msg_hdr.msg_iovlen = 1;
	}
}

static void take(struct far *f, struct far_source *s)
{
	struct far_pending *p = &f->pending[f->npending];

	*p = (struct far_pending){.source = s};
	if (!cursor_take(s->cursor, &p->t))
		return;
	f->npending++;
	if (f->cfg.mac && p->t.len >= 6)
		p->queue = (uint16_t)tapdev_queue_of(f->cfg.mac, f->cfg.macs, p->t.bytes);
	f->shared->begun++;
	look_ahead(f, s);
}

/* Take what is due, as much as may go. */
static void take_due(struct far *f, plat_time now)
{
	uint32_t may =
		f->cfg.lockstep ? far_load(&f->shared->allowed) - f->shared->begun : FAR_BURST;

	if (f->first == f->npending)
		f->first = f->ready = f->npending = 0;
	while (may-- && f->npending < FAR_BURST) {
		struct far_source *s = earliest(f, now);
		if (!s || f->at[s - f->source] > now)
			break;
		take(f, s);
	}
}

/* The mtu does not count a VLAN tag. */
static enum far_fate judge(const struct far *f, const uint8_t *bytes, uint32_t len)
{
	uint32_t most = f->max_frame;

	if (len < TAPDEV_HEADER)
		return FAR_RUNT;
	if ((bytes[12] == 0x81 && bytes[13] == 0) || (bytes[12] == 0x88 && bytes[13] == 0xa8))
		most += FAR_TAG;
	return len > most ? FAR_OVERSIZE : FAR_UNDER_WAY;
}

static void publish(struct far *f, struct far_pending *p, plat_time now)
{
	struct far_ring *ring = &f->shared->sent[p->queue];
	struct far_sent *r = far_record(f, p->queue, ring->put);
	uint32_t n = p->t.len < FAR_HEAD ? p->t.len : FAR_HEAD;
	enum far_fate fate = judge(f, p->t.bytes, p->t.len);

	p->slot = ring->put;
	p->refused = fate != FAR_UNDER_WAY;
	*r = (struct far_sent){.num = p->t.num,
			       .hash = p->t.hash,
			       .at = p->t.at,
			       .sent = now,
			       .len = p->t.len,
			       .traffic = p->source->traffic,
			       .exchange = p->t.exchange,
			       .to = (int16_t)p->t.to,
			       .fate = fate};
	memcpy(r->head, p->t.bytes, n);
	far_count(&f->shared->stats.runts, fate == FAR_RUNT);
	far_count(&f->shared->stats.oversize, fate == FAR_OVERSIZE);
	far_store(&ring->put, ring->put + 1);
}

/* In order; the first that has to wait holds up the rest, as on a wire. */
static void publish_all(struct far *f, plat_time now)
{
	for (; f->ready < f->npending; f->ready++) {
		struct far_pending *p = &f->pending[f->ready];
		const struct far_ring *ring = &f->shared->sent[p->queue];
		uint32_t waiting = ring->put - far_load(&ring->got);
		if (waiting >= (p->source->drop ? f->ring : f->window))
			break;
		publish(f, p, now);
	}
}

static void done(struct far *f)
{
	struct far_pending *p = &f->pending[f->first++];

	cursor_release(p->source->cursor, &p->t);
}

/* The kernel did not take the first one. True: it has been dealt with. */
static bool refused(struct far *f, int e)
{
	struct far_pending *p = &f->pending[f->first];
	struct far_stats *st = &f->shared->stats;
	enum far_fate fate;

	switch (e) {
	case EINTR:
		return true;
	case ENOBUFS:
	case EAGAIN:
	case ENOMEM:
		if (!p->source->drop)
			return false;
		fate = FAR_QUEUE_FULL;
		far_count(&st->queue_full, 1);
		break;
	case EMSGSIZE:
		fate = FAR_OVERSIZE;
		far_count(&st->oversize, 1);
		break;
	default:
		st->error = e;
		return false;
	}
	far_store(&far_record(f, p->queue, p->slot)->fate, fate);
	done(f);
	return true;
}

/* A run of published frames, up to the next that is not to be sent; false: stop here. */
static bool send_run(struct far *f)
{
	unsigned n = 0;
	int sent;

	for (; f->first + n < f->ready && !f->pending[f->first + n].refused; n++) {
		const struct tframe *t = &f->pending[f->first + n].t;
		f->iov[n] = (struct iovec){(void *)(uintptr_t)t->bytes, t->len};
	}
	if (!n) {
		done(f);
		return true;
	}
	sent = sendmmsg(f->socket, f->msg, n, MSG_DONTWAIT);
	if (sent < 0)
		return refused(f, errno);
	for (int i = 0; i < sent; i++) {
		far_count(&f->shared->stats.sent, 1);
		far_count(&f->shared->stats.sent_bytes, f->pending[f->first].t.len);
		done(f);
	}
	return true;
}

/* What was not published was not offered. */
static void give_up(struct far *f)
{
	while (f->first < f->npending)
		done(f);
	for (unsigned i = 0; i < f->cfg.sources; i++)
		f->at[i] = FAR_NEVER;
}

/* Closed loops that are not over: what they send next is not known yet. */
static bool any_live(const struct far *f)
{
	for (unsigned i = 0; i < f->cfg.sources; i++)
		if (cursor_live(f->source[i].cursor) && !cursor_over(f->source[i].cursor))
			return true;
	return false;
}

bool far_peek(struct far *f, plat_time *at)
{
	const struct far_source *s;

	if (f->pid) {
		*at = __atomic_load_n(&f->shared->next_at, __ATOMIC_ACQUIRE);
		return *at != FAR_NEVER;
	}
	if (f->first < f->npending) {
		*at = f->pending[f->first].t.at;
		return true;
	}
	if (f->shared->stats.error || far_load(&f->shared->closing)) {
		*at = FAR_NEVER;
		return false;
	}
	s = earliest(f, 0);
	*at = s ? f->at[s - f->source] : any_live(f) ? FAR_LATER : FAR_NEVER;
	return *at != FAR_NEVER;
}

bool far_inject(struct far *f, plat_time now, plat_time *next)
{
	struct far_stats *st = &f->shared->stats;
	bool more;

	if (far_load(&f->shared->closing) || st->error)
		give_up(f);
	take_due(f, now);
	publish_all(f, now);
	while (f->first < f->ready && send_run(f))
		;
	more = far_peek(f, next);
	__atomic_store_n(&f->shared->next_at, *next, __ATOMIC_RELEASE);
	if (!more)
		return false;
	if (f->first < f->npending)
		*next = now + RETRY;
	else if (f->cfg.lockstep && far_load(&f->shared->allowed) == f->shared->begun)
		*next = FAR_NEVER;
	else if (*next < now)
		*next = now;
	return true;
}

const char *far_trouble(const struct far *f)
{
	return f->trouble;
}
