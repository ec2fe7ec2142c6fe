/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_world.h of the real world - where a sender's frames come from: a pool of the thread that
 * sends. Whoever takes a frame has asked plat_pool_free() before.
 */
#ifndef PLAT_REAL_WORLD_H
#define PLAT_REAL_WORLD_H

#include "models/book.h"
#include "plat_real.h"

struct world {
	struct plat_pool pool;
	plat_time start; /* of the run, on the machine's clock; intended times count from it */
	bool at_once;    /* frames begin when they are taken, whatever was intended: lockstep */
};

static inline struct frame *world_frame(struct world *w, struct book *book, uint32_t len,
					sim_time at)
{
	plat_time from = w->at_once ? plat_now(NULL) : w->start + at;

	return plat_pool_get(&w->pool, &book->led, len, from);
}

#endif
