/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * far.h - the far side of a TAP device: who sends the frames that the scenario sends from the wire,
 * and receives those that its guests send. It stands where the simulator has a link and a network.
 *
 * The far side is a packet socket (packet(7)) on the device's interface, so all it does passes
 * through the kernel. Frames carry no mark: they are the scenario's own bytes. Which frame it is
 * that arrived is told beside it, through memory that both sides share:
 *
 *   sent    a ring for each queue of the device: the far side says what it is about to send; the
 *           datapath finds each frame that it reads there (far_match). Frames of a queue keep their
 *           order, so what is passed over was lost in between.
 *   expect  the datapath says what it is about to write (far_expect); the far side finds there each
 *           frame that it receives, by the digest of all its bytes.
 *
 * The same object serves two ways: one thread takes both parts and calls far_inject() and
 * far_receive() in turn, or far_spawn() makes a process of its own that does so until it is told to
 * stop. That process cannot outlive the one that made it, and its death is seen (far_alive,
 * far_pidfd).
 *
 * Times are picoseconds since the start of the run (far_start), by CLOCK_MONOTONIC.
 *
 * Rejected: a number written into each frame (other bytes than in the simulation, and nothing to
 * say for a capture); the other end of a veth pair (another device to pass, with a queue and costs
 * of its own).
 */
#ifndef TAP_FAR_H
#define TAP_FAR_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "frame.h"
#include "models/traffic/traffic.h"
#include "plat.h"
#include "tapdev.h"

#define FAR_HEAD 64u /* first bytes of a frame that tell it from its neighbours */

/* A frame that was sent towards the guests. */
struct far_sent {
	uint64_t num, hash; /* as in struct frame */
	uint64_t at, sent;  /* intended time; when it was handed to the kernel */
	uint32_t len, exchange;
	uint16_t traffic;
	int16_t to;    /* guest, or TRAFFIC_ALL */
	uint32_t fate; /* the far side's: FAR_UNDER_WAY, or why it was not sent */
	uint8_t head[FAR_HEAD];
};

enum far_fate {
	FAR_UNDER_WAY,
	FAR_QUEUE_FULL, /* no room in the device's queue, and the traffic does not wait */
	FAR_OVERSIZE,   /* longer than the device's mtu */
	FAR_RUNT,       /* shorter than an Ethernet header */
	FAR_LOST,       /* sent, but it never came: a later one did */
	FAR_WAITING,    /* far_settle(): still in the device */
};

/* A traffic that the wire sends. */
struct far_source {
	struct traffic_cursor *cursor; /* of TRAFFIC_WIRE; becomes the far side's */
	plat_time until;               /* as of traffic_until() */
	uint16_t traffic;              /* its number */
	bool unpaced;                  /* all frames are due at once */
	bool drop;                     /* when_full = drop; else it waits for room in the queue */
};

struct far_cfg {
	const struct tapdev *dev;
	const struct far_source *source; /* copied */
	unsigned sources;
	const uint8_t (*mac)[6]; /* as given to tapdev_steer(); NULL: queue 0 gets all. Kept */
	unsigned macs;
	unsigned guests;     /* that send: digests */
	uint32_t flow_slots; /* of each guest's flow table: a power of two plus one */
	bool lockstep;       /* a frame goes when far_allow() says so; never more than one a call */
	/* The datapath's thread, from far_match() and far_settle(): a frame that will not come. */
	void (*lost)(void *ctx, const struct far_sent *s, enum far_fate why);
	/* The far side, from far_receive(): a guest's frame has come. NULL: nobody asks. */
	void (*came)(void *ctx, unsigned guest, uint16_t traffic, uint32_t exchange, uint64_t num,
		     plat_time at);
	void *ctx;
};

struct far_stats {
	uint64_t sent, sent_bytes;         /* handed to the kernel */
	uint64_t received, received_bytes; /* from the guests, known */
	uint64_t corrupt;                  /* came with other bytes */
	uint64_t reordered;                /* within their flow */
	uint64_t lost;                     /* written by the datapath, and never came */
	uint64_t foreign;                  /* from others than the guests */
	uint64_t runts, oversize;          /* not sent */
	uint64_t queue_full;               /* not sent: no room in the device */
	uint64_t socket_full;  /* of `lost`: the far side was too slow to receive them */
	uint64_t unexplained;  /* sent, passed the device's queue, and were not read */
	uint64_t foreign_read; /* read by the datapath, and not the far side's */
	int error;             /* errno that ended it early; 0: none */
};

struct far;

/* Opens all that needs privilege. NULL and SIM_EXIT_ENVIRONMENT if it cannot. */
struct far *far_new(const struct far_cfg *cfg, GError **error);
/* Before anything else: when the run starts, plat_now() of then. Nothing is due before. */
void far_start(struct far *f, plat_time start);

/* ---- the far side's steps -------------------------------------------------------------------- */

/* When is the next frame intended? False: nothing is left (of a far side that was spawned, too). A
 * closed loop that waits for an answer says a time that never comes. */
bool far_peek(struct far *f, plat_time *at);
/*
 * Send what is due at `now`, a burst of it. *next: when to call again at the latest (`now`: at
 * once). False: nothing is left.
 */
bool far_inject(struct far *f, plat_time now, plat_time *next);
/* Take a burst of what arrived; how many frames. */
unsigned far_receive(struct far *f);
/* Becomes readable when frames arrive. */
int far_fd(const struct far *f);
/* A capture failed while it was read: why, or NULL. */
const char *far_trouble(const struct far *f);

/* ---- in a process of its own ----------------------------------------------------------------- */

/*
 * By the thread that will end last: the process ends with it. It begins at once, and sends from
 * far_start() on.
 */
bool far_spawn(struct far *f, GError **error);
/* Readable when it has ended: for poll(); -1 if it was not spawned. */
int far_pidfd(const struct far *f);
pid_t far_pid(const struct far *f); /* 0: not spawned */
bool far_alive(struct far *f);

/* ---- either way ------------------------------------------------------------------------------ */

/* Lockstep: one more frame may go. */
void far_allow(struct far *f);
/* A closed loop of it has another next frame: if it is a process of its own, it looks. */
void far_nudge(struct far *f);
/* Nothing more is sent. */
void far_close(struct far *f);
/* Has it sent all there is? */
bool far_ended(const struct far *f);
/* The run is over: what has arrived is received, and a process of its own ends (within a second or
 * so, else it is killed). Stats and digests are complete then. */
void far_stop(struct far *f);

/* ---- the datapath's side; one thread --------------------------------------------------------- */

/*
 * A frame of len bytes was read from the device's `queue`, and begins with head: which one is it?
 * False: none of ours.
 */
bool far_match(struct far *f, unsigned queue, const uint8_t *head, uint32_t head_len, uint32_t len,
	       struct far_sent *out);
/* Frames sent to the queue and not read yet. */
unsigned far_waiting(const struct far *f, unsigned queue);
/* So many, or nearly, that traffic that waits does not go on. */
bool far_blocked(const struct far *f, unsigned queue);
/* At the end: what has not been read is told as lost(), by its fate. */
void far_settle(struct far *f);
/* The guest's frame is about to be written. */
void far_expect(struct far *f, unsigned guest, const struct frame *frame);
/* Frames written that the far side has not looked at yet: whoever can, waits when they are many. */
unsigned far_backlog(const struct far *f);

/* ---- results --------------------------------------------------------------------------------- */

struct far_stats far_stats(const struct far *f);
uint64_t far_digest(const struct far *f, unsigned guest);
/* Frames that its flow table had no room for: see endpoint.h. */
uint64_t far_overflow(const struct far *f, unsigned guest);
void far_free(struct far *f);

#endif
