/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view.h - what is said of one direction of a guest, or of all guests: the metrics that every world
 * has, under the same names.
 */
#ifndef MODELS_VIEW_H
#define MODELS_VIEW_H

#include "../sim/result.h"
#include "../sim/scenario.h"
#include "book.h"
#include "datapath/txbatch.h"
#include "datapath/virtq_dev.h"
#include "datapath/virtq_drv.h"
#include "traffic/loop.h"
#include "traffic/traffic.h"

/* The third is there if a NIC has a switch between its guests. */
enum direction { DIR_RX, DIR_TX, DIR_LOCAL, DIRECTIONS };

/* Time metrics of a guest, as they stand: subtracted at both ends of the window. */
struct guest_counts {
	uint64_t exits[2], vmm_entries[2], interrupts[2], interrupts_suppressed[2];
	uint64_t kicks[2], kicks_suppressed[2];
	uint64_t clusterings[2], clustered[2], by_count[2], by_timer[2]; /* cluster.h */
	uint64_t requests[TXBATCH_N];
	uint64_t offloaded[2], pended[2];
	uint64_t hypercalls[2];
};

struct view_dma {
	uint64_t maps, unmaps, pins, unpins;
};

struct view {
	struct book book;
	uint64_t resident, digest;
	uint64_t errors[VIRTQ_ERR_N]; /* found by either side of the virtqueue */
	struct guest_counts c;        /* over the window; only [direction] is used */
	struct view_dma dma;          /* by the guest's DMA layer, set-up and end included */
	uint64_t setup_hypercalls, map_failures;
	const char *real; /* why there are no exits, hypercalls and mappings; NULL: there are */
	bool rings;       /* one guest's queue: say where its indices stand */
	uint16_t ring_avail, ring_used;
};

/* What happened between two counts is added. */
void view_counts(struct view *v, const struct guest_counts *stop, const struct guest_counts *start);
/* What either side found wrong with the other's part of a queue. */
void view_errors(struct view *v, const struct virtq_dev *dev, const struct virtq_drv *drv);
/* Add a guest's view to that of all guests: frame metrics; counts and errors have been added. */
void view_add(struct view *all, const struct view *v);
void view_metrics(struct result *r, const char *obj, enum direction d, const struct view *v);

/* min, mean, percentiles and max of times, under `name` ("latency_ns"). */
void view_times(struct result *r, const char *obj, const char *dir, const char *name,
		const struct hist *h);
/* The same, and their histogram. */
void view_hist(struct result *r, const char *obj, const char *dir, const char *name,
	       const struct hist *h);

/* Of a closed loop, called `name`: `answers` of them in a window of so long. */
void view_loop(struct result *r, const char *name, const struct loop_stats *s, uint64_t answers,
	       sim_time window);

/* Of each traffic, by its number in the scenario: what its capture held. */
void view_traffics(struct result *r, const struct scenario *sc, struct traffic *const *traffic,
		   unsigned n);

#endif
