/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot_want.h - [plot] of a scenario: what its figures show, where the choice is not left to us.
 *
 *	[plot]
 *	x = bulk.size                       a swept key
 *	y = guests.rx.throughput_bps, guests.rx.latency_ns.p99      a figure each
 *	lines = guest.policy                swept keys; one curve for each of their values
 *	panels = iommu.mode, host.cores     swept keys; one panel for each
 *	log = x                             x, y or xy
 *	title = What a page size costs
 *
 * The group is about results, not about the run.
 */
#ifndef SIM_PLOT_WANT_H
#define SIM_PLOT_WANT_H

#include <jansson.h>
#include "keys.h"
#include "plot_sweep.h"
#include "scenario.h"

#define PLOT_KIND "plot"

/* The keys of [plot], for the program's table of groups. */
extern const struct key_decl plot_keys[];

/* What it says; `sc` NULL: nothing. The strings are the scenario's. */
struct plot_want plot_wanted(const struct scenario *sc);
/* The same for the manifest of a study, which report and plot go by without a scenario. */
json_t *plot_want_json(const struct scenario *sc);
/* Of NULL: nothing. The strings are those of `json`. */
struct plot_want plot_want_read(const json_t *json);

#endif
