/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cluster.h - interrupt clustering: one interrupt for several received packets, under load.
 *
 * The host judges at each packet that it puts into the guest's queue: more than `packets` of them
 * in the sliding window (t - window, t], this one included, and clustering is on; else it is off.
 * Off, the guest is told of each publication. On, it is told
 *
 *   - when the packets that it has neither processed nor been told of reach `count`, or are all the
 *     buffers that it has, or
 *   - `timer` after the first of them was published: a tail is never stranded, or
 *   - when a packet finds the rate too low: clustering has ended.
 *
 * What the guest has processed is read from its receive queue, as it gives buffers back: so a guest
 * that polls lowers the count although it was never told. Counted in receive buffers: a frame that
 * is merged over several counts as many. A guest that gives buffers back late seems to process late
 * and is told every `count` buffers; the timer bounds what either of the two can delay.
 *
 * Being told means virtq_dev_should_notify(), so the guest's own wishes hold, with and without
 * event_idx: putting that question off lets what it is about accumulate, and loses nothing.
 *
 * The state belongs to one guest and to the worker that writes its receive queue. The window takes
 * O(1) a packet: the ring holds the last packets + 1 arrivals, and its oldest one decides.
 */
#ifndef DATAPATH_CLUSTER_H
#define DATAPATH_CLUSTER_H

#include "virtq_dev.h"

struct cluster {
	/* the wiring's */
	uint32_t packets;        /* the rate: more than so many ... */
	plat_time window;        /* ... in so long */
	uint32_t count;          /* told at so many, at least 1 */
	plat_time timer;         /* longest that a packet stays untold */
	plat_time *arrival;      /* packets + 1 entries */
	struct plat_line *alarm; /* wakes the worker when the timer is over */

	/* cluster.c's, all zero at first */
	uint32_t at;    /* the oldest entry of arrival[], and the next to be written */
	bool full;      /* arrival[] has been written all over */
	bool on;        /* clustering */
	bool armed;     /* alarm, for `due` */
	bool late;      /* the timer was over when cluster_due() said yes */
	plat_time due;  /* end of the tail's timer */
	uint16_t level; /* most chains that the device has had: with as many, nothing is unprocessed
			 */

	/* counters */
	uint64_t begun;              /* times that it went on */
	uint64_t frames;             /* that came while on */
	uint64_t by_count, by_timer; /* interrupts raised while on, by cause */
};

/*
 * A commit has published, at plat_now(), `frames` frames of the worker's burst in vq. True: ask the
 * guest now whether it wants to be interrupted, and answer with cluster_told().
 */
bool cluster_due(struct cluster *c, struct virtq_dev *vq, struct plat *pl, unsigned frames);

/* The guest was asked, and interrupted if it wanted that. */
void cluster_told(struct cluster *c, struct plat *pl, bool interrupted);

#endif
