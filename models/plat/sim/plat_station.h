/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_station.h - a guest's process as a station of work: how long it works on each frame, and how
 * long frames are there.
 *
 * A frame arrives when it has been handed to the guest (published in its queue, or written back by
 * its virtual function), begins to be worked on when the process can read it (where its latency
 * ends), and leaves when that is done. Wait and sojourn come from the frame's stamps. The
 * occupancy does not: it is the integral over time of the number that has been handed over and not
 * worked off, fed by those who hand over and by the CPU's clock, so that Little's law is a check.
 *
 * With [cost] at zero it is a single server: M/D/1, M/M/1, M/G/1, with the queue's size for /K.
 */
#ifndef PLAT_STATION_H
#define PLAT_STATION_H

#include "../../../sim/hist.h"
#include "../../../sim/rng.h"
#include "frame.h"

enum work_kind {
	WORK_CONSTANT,    /* lo */
	WORK_EXPONENTIAL, /* of mean lo */
	WORK_UNIFORM,     /* lo..hi, both included */
};

struct work_law {
	enum work_kind kind;
	sim_time lo, hi;
};

/* Frames of one station; also the sum of several. */
struct station_books {
	struct hist wait, sojourn; /* ps */
	unsigned __int128 work;    /* ps, of the same frames */
	/* of all frames: their number, and the sum of the times at which they came and went */
	uint64_t in, out;
	unsigned __int128 in_sum, out_sum;
};

struct station {
	struct work_law law;
	struct rng rng;
	const struct ledger *unmeasured; /* frames of this book are worked on and not counted */
	struct station_books books;
};

void station_books_init(struct station_books *b);
void station_books_fini(struct station_books *b);
void station_books_add(struct station_books *to, const struct station_books *from);

/* `name` is that of its random stream. */
void station_init(struct station *s, const struct work_law *law, uint64_t seed, const char *name,
		  const struct ledger *unmeasured);
void station_fini(struct station *s);

/* Handed over: n frames, now. */
void station_arrive(struct station *s, struct frame *const *frame, unsigned n, sim_time now);
/* Lost on the way to the process. */
void station_lost(struct station *s, const struct frame *f, sim_time now);
/* All that is there is lost: its guest is gone. */
void station_close(struct station *s, sim_time now);

/* The process begins to work on f at *clock, which is moved on; returns by how much. */
sim_time station_work(struct station *s, const struct frame *f, sim_time *clock);

/* Picoseconds times frames that were there, those still there until `now`. */
unsigned __int128 station_area(const struct station_books *b, sim_time now);

#endif
