/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain.h - where a run's time went and what bounds it: gathered by the model, shown as text and
 * as the object `explain` of the result file.
 *
 *	waterfalls   for each direction the stages of a frame in order of passage: mean,
 *	             median, p99; the means add up to the mean of the whole
 *	resources    what is used up by time (CPUs, links, buses), the busiest first, with its
 *	             kinds of work
 *	rings        how full they were against their size, and how often one that was full or
 *	             empty lost or stopped a frame
 *	bound        the one that gives out first, and what would relieve it
 *
 * All numbers are integers until they are printed, as everywhere in a result.
 */
#ifndef SIM_EXPLAIN_H
#define SIM_EXPLAIN_H

#include <stdint.h>
#include <glib.h>
#include "simtime.h"

enum {
	EXPLAIN_RESOURCES = 32, /* the busiest ones, in the file */
	EXPLAIN_RINGS = 64,
};

struct explain;
struct explain_times {
	unsigned __int128 sum; /* ps, over all frames */
	uint64_t p50, p99;     /* ps */
};

/* `window`: that the resources' times are of. */
struct explain *explain_new(sim_time window);
void explain_free(struct explain *e);

/* A further waterfall; its stages follow, in order of passage. Strings are copied. */
void explain_waterfall(struct explain *e, const char *direction, uint64_t frames,
		       const struct explain_times *whole);
void explain_stage(struct explain *e, const char *stage, const struct explain_times *times);

/* A further resource, busy for so long of `capacity` (0: the window); its works follow. */
void explain_resource(struct explain *e, const char *name, uint64_t busy, uint64_t capacity);
void explain_work(struct explain *e, const char *work, uint64_t ps);
void explain_spin(struct explain *e, uint64_t ps); /* turned its loop and found nothing */

/*
 * A further ring: entries in use as looks found them, filled / looks in the mean; `misses` of
 * `frames` met one that was full (or, of buffers, empty).
 */
struct explain_ring {
	const char *name, *of; /* "eth0.rx ring"; "frames", "buffers", "chains" */
	uint64_t size, filled, looks, max, misses, frames;
};
void explain_ring(struct explain *e, const struct explain_ring *ring);

/* What bounds the run, at so much of its capacity, and a sentence of what would relieve it. */
void explain_bound(struct explain *e, const char *name, uint64_t num, uint64_t den,
		   const char *advice);

/* ---- shown ---- */

struct json_t;
/* Freed with json_decref(). */
struct json_t *explain_json(const struct explain *e);
/* At most 80 columns. */
void explain_print(const struct explain *e, GString *out);

#endif
