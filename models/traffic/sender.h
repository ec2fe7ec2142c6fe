/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sender.h - one end that sends: the wire of a NIC, or a guest. Merges its traffics in order of
 * time.
 *
 * A heap holds one entry per traffic that has a frame left, by (intended time, number of the
 * traffic), so taking a frame costs the logarithm of the number of traffics, and nothing else grows
 * with it. A frame is taken when the sender can begin to send it, so nothing waits in memory: what
 * waits is still in the traffic.
 */
#ifndef TRAFFIC_SENDER_H
#define TRAFFIC_SENDER_H

#include <plat_world.h>
#include "traffic.h"

struct source {
	struct traffic_cursor *cursor;
	sim_time at;           /* of its next frame */
	sim_time first, until; /* until: end by duration, or SIM_NEVER */
	uint64_t taken;
	void *owner;      /* whoever sends: sender.ctx */
	uint16_t traffic; /* number */
	bool drop;        /* when_full = drop */
	uint32_t place;   /* in the heap, from 1; 0: it has no frame now */
	bool live;        /* a closed loop: what it has next comes and goes, until it is over */
	bool unpaced;     /* all frames are due at once: it stops by its sender's clock */
};

struct sender {
	struct world *world;
	struct source *source; /* heap[] points here */
	struct source **heap;
	uint32_t n, sources;
	uint32_t live; /* closed loops that are not over */
	bool closed;
	/* In whose book does a frame go that is taken from `s` for f->to? NULL: it cannot go there.
	 */
	struct book *(*book)(void *ctx, const struct source *s, const struct tframe *t);
	/* A frame is complete and about to be handed on (to add receivers); may be NULL. */
	void (*made)(void *ctx, struct frame *f);
	void *ctx;
	sim_time stop; /* when it has ended: one mean gap after its last frame's time, or its end */
	const struct source
		*misdirected; /* of the first frame that had no book; the run must end */
	uint64_t misdirected_num;
};

void sender_init(struct sender *s, struct world *w, uint32_t sources);
/* Nothing more is sent: what was not taken by `now` is not offered. */
void sender_close(struct sender *s, sim_time now);
void sender_fini(struct sender *s);

/* Before the run: a cursor of this sender, which becomes the sender's. */
void sender_add(struct sender *s, struct traffic_cursor *cursor, uint16_t traffic, sim_time until,
		bool unpaced, bool drop);

/* The next frame of a closed loop is another one; one of them begins no more exchanges, since
 * `stop`.
 */
void sender_news(struct sender *s, uint16_t traffic);
void sender_over(struct sender *s, sim_time stop);

/* Intended time of the next frame; false when there is none left (or none by `now`'s end); with
 * s->live, for now. */
bool sender_peek(struct sender *s, sim_time now, sim_time *at);
/* The traffic that sender_peek() saw. */
static inline const struct source *sender_next(const struct sender *s)
{
	return s->heap[0];
}
/* Take it; only after a peek that said true. NULL: see misdirected; or it was a
 * shared loop's, and is gone. */
struct frame *sender_take(struct sender *s);

/* A frame's bytes go back to where they came from (world.release). */
void sender_release(struct frame *f);

#endif
