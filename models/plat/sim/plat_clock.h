/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat_clock.h - the local clock of a CPU of the model, and what its time went to. */
#ifndef PLAT_CLOCK_H
#define PLAT_CLOCK_H

#include <stdbool.h>

#include "../../host/cost.h"

struct plat_clock {
	plat_time now;           /* ps; at or ahead of the event being handled */
	uint64_t busy[PLAT_W_N]; /* ps charged, by work */
	const struct cost *cost;
	struct llc *llc; /* where the bytes are; NULL: a copy costs the same everywhere */
	bool look;       /* at each copy: for llc, or for somebody who watches (world.watch) */
	uint32_t core;   /* whose own cache is this CPU's */
	uint32_t node;
};

#endif
