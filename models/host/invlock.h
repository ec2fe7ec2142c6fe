/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * invlock.h - the lock around the IOMMU's invalidation queue, for CPUs that spin on it.
 *
 * An invalidation takes the lock, writes its request and rings the doorbell (`hold`), lets go, and
 * waits until it is done (`sync`), looking from time to time - under the lock, as Linux does. So
 * whoever waits for an invalidation is in the way of whoever wants to begin one. Where the IOMMU is
 * itself virtual the doorbell is an exit, with the lock held.
 *
 * Passing the lock from one CPU to the next costs `pass`, and `handover` for each CPU that spins on
 * it (`remote` for one of another node): all of them fetch the line again. Between two CPUs that
 * begin, those that only look have their turns; each costs a passing. That is what makes many cores
 * slower than one.
 *
 * How it works. CPUs run ahead of the event's time by what they are charged, each by a different
 * stretch, so they do not come in the order of their times. A turn is therefore reserved by time:
 * the first gap that is long enough, at or after the time of asking. Who else was there at that
 * time is counted from the turns that are known then. Turns that are over for everybody are
 * forgotten.
 *
 * Sources: Linux drivers/iommu/intel/dmar.c, qi_submit_sync(); Boyd-Wickizer et al., Non-scalable
 * locks are dangerous, OLS 2012 (a handover costs in proportion to who waits).
 *
 * Rejected: events of its own for each look (CPUs that map and unmap would have to be split at each
 * one); in call order (a CPU that is ahead would make the others wait for a time that has not
 * come).
 */
#ifndef HOST_INVLOCK_H
#define HOST_INVLOCK_H

#include <stdint.h>

#include "../../sim/simtime.h"

struct invlock_config {
	sim_time hold, sync;
	sim_time pass, handover, remote;
};

struct invlock_turn {
	sim_time asked, from, until, done; /* from..until: has the lock; done: sees the end */
	uint32_t node;
};

struct invlock {
	struct invlock_config cfg;
	struct invlock_turn *turn; /* by `from` */
	uint32_t turns, room;
	uint64_t taken;
	sim_time wait_max;
	unsigned __int128 wait, held; /* sums; wait: beyond hold and sync */
};

void invlock_init(struct invlock *l, const struct invlock_config *c);
void invlock_fini(struct invlock *l);

/*
 * An invalidation by a core of `node`, which asks at `at`; nobody will ask for a time before `now`
 * any more. Returns how long it takes; *wait is the part of it that is not hold and sync.
 */
sim_time invlock_take(struct invlock *l, sim_time now, sim_time at, uint32_t node, sim_time *wait);

#endif
