/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep.h - [sweep] into points: each a scenario with some keys set.
 *
 *	guest.policy = copy, zero-copy              a list
 *	bulk.rate = 1Gbit/s..10Gbit/s step 1Gbit/s  a range, the end included if a step meets it
 *	bulk.size = 60B..9000B step x2              the same by a factor; also `step 2x`
 *	nic.link & bulk.rate = 10Gbit/s & 5Gbit/s, 25Gbit/s & 20Gbit/s     keys that move together
 *	scenario.system & guest.policy = baseline & copy, p4 & -     a dash leaves the key as it is
 *
 *	where = guest.policy != copy | nic.link >= 10Gbit/s      points it is false of are left out
 *
 * Each line is a dimension; the points are their product, the last line varies fastest. Every point
 * is run `scenario.repeat` times, with seeds that depend on `scenario.seed` and the repeat only;
 * the first repeat has the scenario's own seed. Without [sweep] there is one point, which sets
 * nothing.
 *
 * All points are built once when the sweep is made, so a mistake shows before anything runs.
 */
#ifndef SIM_SWEEP_H
#define SIM_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <glib.h>
#include "scenario.h"

enum {
	SWEEP_POINTS_MAX = 9999,
	SWEEP_PRODUCT_MAX = 99999, /* before `where` */
};
#define SWEEP_BASE SIZE_MAX /* in place of a point: the scenario without its sweep */

struct sweep;

/* Errors are SIM_EXIT_USAGE. `sc` must outlive the sweep. */
struct sweep *sweep_new(const struct scenario *sc, GError **error);
void sweep_free(struct sweep *sw);
typedef struct sweep sweep_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sweep_auto, sweep_free)

size_t sweep_points(const struct sweep *sw);
unsigned sweep_repeats(const struct sweep *sw);

/* The keys that vary, as written ("guest.policy"), in order. */
size_t sweep_keys(const struct sweep *sw);
const char *sweep_key(const struct sweep *sw, size_t key);
/* Is one of them a file? */
bool sweep_sets_a_path(const struct sweep *sw);
/* Do these two move together? */
bool sweep_linked(const struct sweep *sw, size_t key, size_t other);
/* The text of a key's value at a point. */
const char *sweep_value(const struct sweep *sw, size_t point, size_t key);
/* This value sets nothing: the key is at this point what it is without the sweep. */
bool sweep_leaves(const char *value);
/* "guest.policy=copy bulk.rate=1Gbit/s"; keys left as they are are not in it. */
char *sweep_label(const struct sweep *sw, size_t point);

/* Repeat from 0. */
uint64_t sweep_seed(uint64_t seed, unsigned repeat);
struct scenario *sweep_scenario(const struct sweep *sw, size_t point, unsigned repeat,
				GError **error);

#endif
