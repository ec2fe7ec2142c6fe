/* SPDX-License-Identifier: GPL-2.0-or-later */
/* walkers.c - see walkers.h. */
#include "walkers.h"

/* The one that has been free for the shortest time at `at`; none: the first to be free. */
static struct walker *choose(const struct walkers *w, sim_time at)
{
	struct walker *best = &w->walker[0];

	for (uint32_t i = 1; i < w->n; i++) {
		struct walker *k = &w->walker[i];

		if (best->until > at ? k->until < best->until
				     : k->until <= at && k->until > best->until)
			best = k;
	}
	return best;
}

sim_time walkers_take(struct walkers *w, uint32_t reads, sim_time at)
{
	struct walker *k = choose(w, at);
	sim_time start = k->until > at ? k->until : at, takes = w->base + reads * w->read;

	if (start > k->until)
		k->from = start;
	k->until = start + takes;
	w->walks++;
	w->busy += takes;
	w->wait += start - at;
	if (start - at > w->wait_max)
		w->wait_max = start - at;
	return k->until;
}

uint64_t walkers_busy(const struct walkers *w, sim_time now)
{
	uint64_t busy = (uint64_t)w->busy;

	for (uint32_t i = 0; i < w->n; i++) {
		const struct walker *k = &w->walker[i];

		if (k->until > now)
			busy -= k->until - (k->from > now ? k->from : now);
	}
	return busy;
}
