/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fidelity.h - [fidelity ROW]: what theory or somebody's measurement says of a scenario's results.
 *
 *	[fidelity read-64]
 *	title = DMA read bandwidth, 64 B
 *	source = Neugebauer et al., SIGCOMM 2018, published model
 *	kind = exact                           a closed form; published: measured; shape: only how
 *	metric = bench.read.throughput_bps     it leans
 *	at = dma.size=64B & dma.op=read        the point of the sweep
 *	want = 44.103Gbit/s ~ 0.1%
 *
 * With `as` the value is compared with another one first: of another point (base_at), another
 * metric (of), or both. Rows are read and judged for sense with every scenario file, and run by the
 * verb `fidelity` alone. They are neither extended nor part of a run's config.
 */
#ifndef SIM_FIDELITY_H
#define SIM_FIDELITY_H

#include <glib.h>
#include "keys.h"
#include "metric.h"
#include "scenario.h"
#include "want.h"

#define FIDELITY_KIND "fidelity"

/* For the program's list of groups: {"fidelity", .named, .many, .judges, .keys = fidelity_keys}. */
extern const struct key_decl fidelity_keys[];

enum fidelity_kind { FIDELITY_EXACT, FIDELITY_PUBLISHED, FIDELITY_SHAPE };
enum fidelity_as {
	FIDELITY_VALUE,
	FIDELITY_RATIO,      /* value / base */
	FIDELITY_GAIN,       /* 100 * (value / base - 1) */
	FIDELITY_LOSS,       /* 100 * (1 - value / base) */
	FIDELITY_DIFFERENCE, /* value - base */
};

/* Strings belong to the scenario but those of `want` and the conditions. */
struct fidelity_row {
	const struct cfg *cfg;
	const char *name, *title, *source, *calibrated, *note; /* the last two may be NULL */
	enum fidelity_kind kind;
	enum fidelity_as as;
	bool calibration; /* a constant was chosen so that this row fits: no evidence */
	const char *metric, *base_metric;
	const struct metric_decl *decl, *base_decl;
	char **at, **base_at;       /* conditions; NULL: the only or the base point */
	unsigned point, base_point; /* of the runs, see fidelity_plan() */
	const char *unit;           /* of what is judged: "ns", "%" or "" */
	struct want want;
};

/*
 * The rows of a scenario, in the order of the file; struct fidelity_row, freed with
 * g_ptr_array_unref(). Errors are SIM_EXIT_USAGE. `sc` must outlive them. None if the program's
 * `groups` have no such group.
 */
GPtrArray *fidelity_rows(const struct scenario *sc, const struct group_decl *groups,
			 const struct metric_table *metrics, GError **error);

#endif
