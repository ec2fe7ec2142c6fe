/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * walkers.h - the IOMMU's page walkers: so many walks at once, the others wait their turn.
 *
 * A walk takes a walker for `base` and `read` for each table entry that it reads from memory. Walks
 * begin in the order in which they are asked for. Callers may ask a little ahead of the time, and
 * so not quite in its order: a walk takes the walker that has been free for the shortest time when
 * it comes, so a later one that came first leaves room for it.
 *
 * Source: Neugebauer et al., SIGCOMM 2018: 19 M walks a second at some 290 ns, five to six at once.
 */
#ifndef HOST_WALKERS_H
#define HOST_WALKERS_H

#include <stdint.h>

#include "../../sim/simtime.h"

#define WALKERS_MAX 256u

struct walker {
	sim_time from, until; /* busy without a gap, lately */
};

struct walkers {
	uint32_t n; /* 0: walks take no time */
	sim_time base, read;
	struct walker *walker;
	uint64_t walks;
	unsigned __int128 busy, wait; /* of all walks, sums; wait: for a walker */
	sim_time wait_max;
};

/* A walk of so many reads asked for at `at`: when it is done. */
sim_time walkers_take(struct walkers *w, uint32_t reads, sim_time at);

/* Picoseconds of walks done by `now`, over all walkers. */
uint64_t walkers_busy(const struct walkers *w, sim_time now);

#endif
