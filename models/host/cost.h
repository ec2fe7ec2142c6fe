/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cost.h - what work costs a CPU of the model.
 *
 * [cost] says it in cycles of [host] clock (and the copy law in time); cost_init() turns each entry
 * into whole picoseconds once, so that a charge is an integer multiplication. Every default names
 * its source in the key table (cost.c); the scenario reference prints it.
 */
#ifndef HOST_COST_H
#define HOST_COST_H

#include "../../sim/keys.h"
#include "../../sim/scenario.h"
#include "../plat/work.h"
#include "llc.h"

struct cost {
	uint64_t work_ps[PLAT_W_N];   /* a unit of work */
	uint64_t copy_base_ps;        /* a call of plat_copy() ... */
	uint64_t copy_byte_fs;        /* ... and each byte of it, in femtoseconds */
	uint64_t byte_ps[LLC_PLACES]; /* a byte read or written, by where it is (llc.h) */
	sim_time poll_ps;             /* one turn of a polling loop */
};

extern const struct key_decl cost_keys[];
extern const char *const cost_names[PLAT_W_N + 1]; /* of kinds of work; ends with NULL */

void cost_init(struct cost *c, const struct cfg *cost, uint64_t clock_hz);

/* Time that copying len bytes in one piece takes. */
static inline uint64_t cost_copy_ps(const struct cost *c, uint32_t len)
{
	return c->copy_base_ps + (c->copy_byte_fs * len + 500) / 1000;
}

#endif
