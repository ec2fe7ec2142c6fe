/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * txbatch.h - batched transmit: a guest queues several pointers and asks the host once for all.
 *
 * The pointers are in the shared queue at once; a host that is looking takes them without being
 * asked. What is put off is the request, which costs a trap. It is due when
 *
 *   count     so many pointers wait for it
 *   ack_age   the last acknowledgement is that old: the host, if it still runs, says nothing
 *   timer     the first of them has waited so long
 *   full      the process cannot go on before the host has done something
 *
 * An acknowledgement is progress of the used index. Its age counts from when the guest sees it,
 * since the ring does not say when it was written; the guest looks at each commit. A guest that has
 * seen none yet counts from time 0.
 *
 * Due means that virtq_drv_should_kick() is asked, so the host's wishes hold: putting that question
 * off lets what it is about accumulate, and loses nothing.
 */
#ifndef DATAPATH_TXBATCH_H
#define DATAPATH_TXBATCH_H

#include "virtq_drv.h"

#define TXBATCH_TRIGGERS(X)                                                                        \
	X(COUNT, count)                                                                            \
	X(ACK_AGE, ack_age)                                                                        \
	X(TIMER, timer)                                                                            \
	X(FULL, full)

enum txbatch_trigger {
#define X(id, name) TXBATCH_##id,
	TXBATCH_TRIGGERS(X)
#undef X
		TXBATCH_N
};

extern const char *const txbatch_trigger_names[TXBATCH_N + 1]; /* NULL-ended */

struct txbatch {
	/* the wiring's */
	uint32_t count;          /* pointers, at least 1 */
	plat_time ack_age;       /* 0: no such trigger */
	plat_time timer;         /* 0: no such trigger */
	struct plat_line *alarm; /* wakes the worker when a time is over */

	/* txbatch.c's, all zero at first */
	uint16_t acked;     /* used index as last seen */
	bool waiting;       /* pointers wait since `first` */
	plat_time last_ack; /* when it was seen */
	plat_time first;
	plat_time armed; /* for when the alarm is; PLAT_NEVER: for none */

	/* counters */
	uint64_t due[TXBATCH_N]; /* requests, by what made them due */
};

/*
 * A commit has published what there is in vq. True: ask the host now. `full`: the process waits for
 * room.
 */
bool txbatch_due(struct txbatch *b, struct virtq_drv *vq, struct plat *pl, bool full);

#endif
