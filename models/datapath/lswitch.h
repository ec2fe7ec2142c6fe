/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lswitch.h - frames between guests of one host, switched by software.
 *
 * How it works. The table has the guests' addresses. A static one knows them all before the run; a
 * learning one knows a guest once it has sent something, and until then its frames go to everybody,
 * as those of a bridge do; each other receiver's host worker drops them by address, unread (as the
 * filter of a TAP device does). What is no guest's address goes to the wire. A guest's transmit
 * worker reads the destination of each chain once from the guest's memory, looks it up, and puts
 * what is for a guest here into its outbox (outbox.h). The worker of the shared receive queue
 * (demux.h) takes frames from all outboxes in turn and lends each to its receivers by the queues
 * through which it lends received ones. The receivers' own workers copy. When the last reader is
 * done with a slot, it goes back to the outbox that it came from.
 *
 *   sender's worker --out--> switch --shared--> receiver's worker
 *                   <-back--        <-consumed--
 *
 * Always holds: each queue and each stack has one writer; a frame is on the wire never if its
 * destination is a guest here, once if not; receivers always take what is there (they drop what
 * their guest has no buffer for), so slots always come back and no two full rings wait for each
 * other.
 *
 * Rejected: a queue for each pair of guests (memory grows with the square of the guests); the
 * sender writing into the receiver's ring (two writers).
 */
#ifndef DATAPATH_LSWITCH_H
#define DATAPATH_LSWITCH_H

#include "demux.h"

struct outbox;

/* Where a frame goes: a guest's number, or one of these. */
#define LSWITCH_WIRE (-1)
#define LSWITCH_ALL  (-2) /* every other guest of the switch, and the wire */

/* Bytes that a lookup reads at most: Ethernet, two VLAN tags, IPv4. */
#define LSWITCH_HEAD 42u

struct lswitch_addr {
	uint64_t key; /* 0: free */
	int guest;
};

struct lswitch {
	/* the table: read by every sender, written before the run */
	struct lswitch_addr *addr; /* mask + 1 of them, zeroed, at most half of them used */
	uint32_t mask;
	bool by_ip;       /* IPv4 frames to no known MAC go by their address */
	uint16_t *seen;   /* learning: by guest, it has sent; each its sender's. NULL: static */
	unsigned *copies; /* by guest: copies that its receive policy makes */
	/* the switch's worker's */
	struct outbox **box; /* of its guests */
	unsigned boxes, next;
	uint32_t *busy; /* receivers that have something lent */
	unsigned nbusy;
	bool *is_busy; /* by guest */
	unsigned work; /* frames of this burst */
};

/* Before the run: guest `guest` has these addresses; ip NULL or all zero: none. */
void lswitch_learn(struct lswitch *sw, int guest, const uint8_t *mac, const uint8_t *ip);

/* Where does a frame go that begins with these len bytes (LSWITCH_HEAD of them are enough)? */
int lswitch_lookup(const struct lswitch *sw, const uint8_t *head, uint32_t len);

/* A frame that went to everybody: is it for a guest of this address? Frames are 14 bytes at least.
 */
bool lswitch_is_for(const struct pktq_entry *e, const uint8_t *mac);

/* The switch's part of the turn of d's worker. */
void lswitch_burst(struct demux *d);
void lswitch_commit(struct demux *d);
/* Before sleeping: true if there is more to do. */
bool lswitch_sleep(struct demux *d);

#endif
