/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cluster.c - when a guest under load is interrupted: see cluster.h. */
#include "cluster.h"

/* More than c->packets in (now - window, now]? The oldest of the last packets + 1 says it. */
static bool too_many(const struct cluster *c, plat_time now)
{
	return c->full && now - c->arrival[c->at] < c->window;
}

static void arrive(struct cluster *c, plat_time now)
{
	bool was = c->on;

	c->arrival[c->at] = now;
	if (++c->at > c->packets) {
		c->at = 0;
		c->full = true;
	}
	c->on = too_many(c, now);
	c->begun += c->on && !was;
	c->frames += c->on;
}

/* Buffers published that the guest has neither given back nor been told of. */
static uint32_t unprocessed(struct cluster *c, struct virtq_dev *vq)
{
	uint16_t with_device;
	uint32_t held;

	virtq_dev_avail(vq);
	with_device = (uint16_t)(vq->shadow_avail - vq->published_used);
	if (with_device > c->level && with_device <= vq->size)
		c->level = with_device;
	held = (uint16_t)(c->level - with_device);
	return held < vq->unsignalled ? held : vq->unsignalled;
}

bool cluster_due(struct cluster *c, struct virtq_dev *vq, struct plat *pl, unsigned frames)
{
	plat_time now = plat_now(pl);
	uint32_t waiting = unprocessed(c, vq);

	while (frames--)
		arrive(c, now);
	if (!vq->unsignalled)
		return false;
	c->late = c->armed && now >= c->due;
	if (!c->on || waiting >= c->count || waiting >= c->level || c->late)
		return true;
	if (!c->armed) {
		c->armed = true;
		c->due = now + c->timer;
		plat_arm(pl, c->alarm, c->due);
	}
	return false;
}

void cluster_told(struct cluster *c, struct plat *pl, bool interrupted)
{
	if (interrupted && c->on)
		++*(c->late ? &c->by_timer : &c->by_count);
	if (c->armed)
		plat_arm(pl, c->alarm, PLAT_NEVER);
	c->armed = false;
}
