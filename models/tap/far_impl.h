/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * far_impl.h - what the parts of the far side share: far.c (the object, its process), far_send.c,
 * far_receive.c, far_match.c (the datapath's side).
 *
 * struct far_shared and what is behind it lies in memory shared by both processes; each counter
 * there has one writer. Everything else in struct far is a copy in either process, and each touches
 * its own side's part only.
 */
#ifndef TAP_FAR_IMPL_H
#define TAP_FAR_IMPL_H

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "endpoint.h"
#include "far.h"

#define FAR_BURST  64u
#define FAR_EXPECT 65536u /* records of `expect` */
#define FAR_WINDOW 4096u  /* how far ahead a frame is looked for */
#define FAR_NEVER  UINT64_MAX
#define FAR_LATER  (UINT64_MAX - 1) /* a closed loop's: not due before something arrives */
#define FAR_TAG    4u               /* bytes of a VLAN tag */

/* What the datapath says of a frame that it writes. */
struct far_expected {
	uint64_t num, hash;
	uint32_t len, exchange;
	uint16_t traffic, guest;
	uint16_t csum_at;
	uint8_t taken; /* the far side's */
};

/* Counts run free. Producer's and consumer's on a line each. */
struct far_ring {
	uint32_t put __attribute__((aligned(64)));
	uint32_t got __attribute__((aligned(64)));
};

struct far_shared {
	/* the datapath's side */
	uint64_t start __attribute__((aligned(64))); /* FAR_NEVER: not yet */
	uint32_t allowed;                            /* lockstep */
	uint32_t closing, stopping;
	uint64_t unexplained, foreign_read, not_expected;
	/* the far side's */
	uint64_t next_at __attribute__((aligned(64))); /* FAR_NEVER: nothing left */
	uint32_t begun;                                /* frames taken from the sources */
	struct far_stats stats;
	struct far_ring expect;
	struct far_ring sent[]; /* by queue */
};

/* A frame taken from its source and not handed over yet. */
struct far_pending {
	struct tframe t;
	struct far_source *source;
	uint32_t slot; /* its record's, running */
	uint16_t queue;
	bool refused; /* its record says why: nothing is sent */
};

struct far {
	struct far_cfg cfg;
	uint32_t max_frame, ring; /* records of a sent ring */
	uint32_t window;          /* frames on the way to a queue, of traffics that wait */
	struct far_shared *shared;
	size_t shared_bytes;
	struct far_sent *sent; /* ring of each queue, one after the other */
	struct far_expected *expected;
	struct endpoint_flow *flow; /* shared, too: untouched pages cost nothing */
	struct endpoint *end;       /* by guest, in shared memory */
	struct ledger *led;         /* the same */

	/* sending */
	struct far_source *source;
	plat_time *at; /* of each source's next frame; FAR_NEVER: none */
	struct far_pending pending[FAR_BURST];
	/* first <= ready <= npending: published up to ready, handed over up to first */
	unsigned first, ready, npending;
	struct mmsghdr *msg; /* FAR_BURST each */
	struct iovec *iov;
	char *trouble;

	/* receiving: the socket's ring of frames */
	int socket;
	uint8_t *rx;
	uint32_t rx_slots, rx_slot_bytes, rx_next;
	uint8_t *untagged;    /* a frame whose VLAN tag the kernel has put aside */
	uint32_t strange[16]; /* lengths of frames not found, since the last one that was */
	unsigned nstrange;

	/* the process */
	pid_t pid; /* 0: none */
	int pidfd, wake;
	bool ended; /* it has */
	bool child; /* this is it */
};

static inline uint32_t far_load(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void far_store(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* A counter with one writer, that others may read at any time. */
static inline void far_count(uint64_t *p, uint64_t n)
{
	__atomic_store_n(p, __atomic_load_n(p, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline struct far_sent *far_record(struct far *f, unsigned queue, uint32_t slot)
{
	return &f->sent[queue * f->ring + (slot & (f->ring - 1))];
}

void far_send_init(struct far *f);
bool far_receive_init(struct far *f, GError **error);
/* Nothing more will come. */
void far_receive_end(struct far *f);

#endif
