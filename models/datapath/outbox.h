/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outbox.h - what a guest sends to other guests of its host: lswitch.h says to whom.
 *
 * A slot of the outbox lends the switch and the receivers the bytes of one frame, wherever they
 * are: in the guest's own chain, which then goes back to the guest when the last reader is done
 * (single-copy and zero-copy), or in a hypervisor buffer of the sender's pool, and the chain goes
 * back at once (copy; broadcast). If the two guests' policies differ, the one with more copies
 * holds.
 *
 * To the switch and the receivers the slots are a pool of buffers like any other, `lent`: its
 * pieces are written by the sender before it hands a slot over, its counts and its stack belong to
 * the switch.
 *
 * A frame for everybody goes through one hypervisor buffer, which the device and the receivers
 * read; so the sender's copy, if its policy makes one, is booked once, to the frame on the wire.
 *
 * Always holds: a slot is free, or with the switch, or on its way back; hypervisor buffers
 * outnumber the device's ring and the slots together, so neither waits for the other's.
 */
#ifndef DATAPATH_OUTBOX_H
#define DATAPATH_OUTBOX_H

#include "lswitch.h"

#define OUTBOX_SLOTS 256u

struct outbox_slot {
	uint32_t buf;  /* of the sender's tx_pool, or HBUF_NONE: the guest's chain */
	uint16_t head; /* of that chain */
};

struct outbox {
	const struct lswitch *sw;
	int self;
	struct pktq out, back;  /* to and from the switch; OUTBOX_SLOTS each */
	struct plat_line *line; /* wakes the switch */
	struct plat_line *wake; /* the switch wakes the sender by it */
	struct hbuf_pool lent;  /* by slot */
	struct outbox_slot *slot;
	uint32_t *free, top; /* free slots */
	uint32_t chains;     /* of the guest, lent */
	bool full;           /* a frame waits for a slot */
	bool sent;           /* the guest has sent something: a learning switch knows it */
	bool flood;          /* the frame that is being sent goes to other guests, too */
	struct frame *frame[DPATH_BURST]; /* of this burst, to be stamped */
	unsigned frames;
};

/* One chain that the guest wants sent, to wherever it goes; as policy->tx(). */
bool outbox_tx(struct dpath *dp, struct virtq_chain *c);

/* The frame that is being sent is in this buffer of tx_pool: lend it to the other guests. */
void outbox_flood(struct dpath *dp, struct frame *f, uint32_t buf);

/* Take slots back, at most DPATH_BURST, and give their chains to the guest; returns how many. */
unsigned outbox_reclaim(struct dpath *dp);

/* The sender's commit: hand over; the time until now was `stage`. */
void outbox_commit(struct outbox *ob, struct plat *pl, enum frame_stage stage);

/* Before sleeping: true if slots have come back that somebody waits for. */
bool outbox_sleep(struct outbox *ob, struct plat *pl);

#endif
