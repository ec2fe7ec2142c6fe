/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * book.h - the book of one guest and direction: the ledger that the datapath writes, and times.
 *
 * A frame points to its ledger; the book is around that. Whoever owns a world's frames books each
 * one when its fate is known: in simulation at that time, on a real machine by the thread that made
 * the frame.
 */
#ifndef MODELS_BOOK_H
#define MODELS_BOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "../sim/hist.h"
#include "../sim/simtime.h"
#include "datapath/frame.h"

/*
 * How long the frames of one direction, of all guests, were in each stage: 30 KiB a stage, too much
 * for each guest to have its own. Stages that a frame does not pass are added at the end, as zeros.
 */
struct stages {
	struct hist stage[STAGE_N]; /* ps */
};

void stages_init(struct stages *s);
/* No frame follows; of `frames` in all. */
void stages_end(struct stages *s, uint64_t frames);
void stages_fini(struct stages *s);

struct book {
	struct ledger led;
	struct hist latency; /* ps */
	unsigned __int128 stage_sum[STAGE_N];
	sim_time first_done, last_done; /* of delivered frames */
	struct stages *stages;          /* of its direction; NULL: nobody asks */
};

void book_init(struct book *b);
void book_fini(struct book *b);

/* The times of a frame that has arrived; its last stamp is that of its arrival. False: its stages
 * do not add up to its latency. */
bool book_times(struct book *b, const struct frame *f);

static inline struct book *book_of(const struct frame *f)
{
	return (struct book *)((char *)f->led - offsetof(struct book, led));
}

#endif
