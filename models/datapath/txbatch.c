/* SPDX-License-Identifier: GPL-2.0-or-later */
/* txbatch.c - when a guest asks the host to send: see txbatch.h. */
#include "txbatch.h"

const char *const txbatch_trigger_names[] = {
#define X(id, name) #name,
	TXBATCH_TRIGGERS(X)
#undef X
		NULL};

static void look_for_acks(struct txbatch *b, struct virtq_drv *vq, plat_time now)
{
	virtq_drv_used(vq);
	if (vq->shadow_used == b->acked)
		return;
	b->acked = vq->shadow_used;
	b->last_ack = now;
}

/* What makes a request for vq->unkicked pointers due; TXBATCH_N: nothing yet. */
static enum txbatch_trigger trigger(const struct txbatch *b, const struct virtq_drv *vq,
				    plat_time now, bool full)
{
	if (vq->unkicked >= b->count)
		return TXBATCH_COUNT;
	if (b->ack_age && now - b->last_ack >= b->ack_age)
		return TXBATCH_ACK_AGE;
	if (b->timer && now - b->first >= b->timer)
		return TXBATCH_TIMER;
	return full ? TXBATCH_FULL : TXBATCH_N;
}

/* The earlier of the two times that may make it due. */
static plat_time next_time(const struct txbatch *b)
{
	plat_time at = PLAT_NEVER;

	if (b->ack_age)
		at = b->last_ack + b->ack_age;
	if (b->timer && b->first + b->timer < at)
		at = b->first + b->timer;
	return at;
}

static void arm(struct txbatch *b, struct plat *pl, plat_time at)
{
	if (at == b->armed)
		return;
	b->armed = at;
	plat_arm(pl, b->alarm, at);
}

bool txbatch_due(struct txbatch *b, struct virtq_drv *vq, struct plat *pl, bool full)
{
	plat_time now = plat_now(pl);
	enum txbatch_trigger why;

	look_for_acks(b, vq, now);
	if (!vq->unkicked)
		return false;
	if (!b->waiting)
		b->first = now;
	why = trigger(b, vq, now, full);
	b->waiting = why == TXBATCH_N;
	if (b->waiting) {
		arm(b, pl, next_time(b));
		return false;
	}
	b->due[why]++;
	arm(b, pl, PLAT_NEVER);
	return true;
}
