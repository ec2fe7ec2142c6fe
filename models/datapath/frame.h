/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame.h - a packet under way: what the measurement knows of it.
 *
 * The bytes themselves are in buffers and rings. A struct frame goes beside them, so that copies,
 * stamps and the fate are booked to the right packet. It says nothing that the datapath may base a
 * decision on, except its length where the device reports that too.
 */
#ifndef DATAPATH_FRAME_H
#define DATAPATH_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger.h"

struct frame {
	struct frame *next;   /* free list or a queue's link */
	struct frame *peer;   /* broadcast: the next receiver's record; it travels with the first */
	struct ledger *led;   /* the book of its guest and direction */
	const uint8_t *bytes; /* as sent, while the sender's side still needs them */
	void *source, *block; /* the world's: who made it, and where from */
	uint64_t num;         /* number in its traffic, from 0 */
	uint64_t hash;        /* digest_bytes() of what was sent */
	uint64_t first, last; /* ps: first stamp, latest stamp */
	uint32_t len;         /* bytes, without padding and FCS */
	uint16_t sites;       /* bit per enum copy_site passed */
	uint32_t reasons;     /* bit per enum copy_reason taken */
	uint16_t header;      /* under header split: its first bytes that are no payload; else 0 */
	uint16_t header_sites; /* where they were copied, bit per enum copy_site */
	uint16_t slots;        /* on the wire: 1, or segments of a TSO/LRO frame */
	uint16_t traffic;      /* index of its source */
	uint16_t wire_header;  /* bytes of headers that each slot repeats */
	uint16_t wire_mss;     /* bytes behind them in all but the last slot */
	uint16_t csum_at; /* a checksum that is filled in on the way: counts nowhere. 0: none is */
	bool local;       /* from one guest to another: which of its receiver's books it is in */
	bool device;      /* a further receiver that the device reaches, not the host's switch */
	bool overwritten; /* its sender wrote over it after handing it over: a hazard */
	int16_t to;       /* receiving guest, -1 the wire, -2 every guest */
	uint32_t copied[SITE_N];
	uint8_t why[SITE_N]; /* enum copy_reason of its copy there; of sites passed alone */
	uint64_t stage_ps[STAGE_N];
};

/* A copy of len bytes at `site`. */
static inline void frame_copied(struct frame *f, enum copy_site site, enum copy_reason reason,
				uint32_t len)
{
	f->sites |= (uint16_t)(1u << site);
	f->reasons |= 1u << reason;
	f->copied[site] += len;
	f->why[site] = (uint8_t)reason;
}

/* A copy of its header alone. */
static inline void frame_copied_header(struct frame *f, enum copy_site site)
{
	f->header_sites |= (uint16_t)(1u << site);
}

/* It took another way than its policy's, whether that cost a copy or not. */
static inline void frame_fell_back(struct frame *f, enum copy_reason reason)
{
	f->reasons |= 1u << reason;
}

/* The time since the last stamp belongs to `stage`. */
static inline void frame_stamp(struct frame *f, enum frame_stage stage, uint64_t now)
{
	f->stage_ps[stage] += now - f->last;
	f->last = now;
}

/* Book the frame's copies as of its delivery. */
static inline void frame_book_delivery(struct frame *f)
{
	struct ledger *l = f->led;
	l->delivered++;
	l->delivered_bytes += f->len;
	for (unsigned s = f->sites; s; s &= s - 1) {
		unsigned site = (unsigned)__builtin_ctz(s);
		l->copies[site]++;
		l->copies_why[site][f->why[site]]++;
		l->copy_bytes[site] += f->copied[site];
	}
	if (__builtin_expect(f->header, 0)) {
		for (unsigned s = f->header_sites; s; s &= s - 1)
			l->header_copies++;
		l->header_only += f->header == f->len && !f->sites;
	}
	for (unsigned r = f->reasons & ~(1u << REASON_POLICY); r; r &= r - 1)
		l->fallbacks[__builtin_ctz(r)]++;
}

/* Book a loss, and what was spent on it. */
static inline void frame_book_drop(struct frame *f, enum drop_reason reason)
{
	struct ledger *l = f->led;
	l->drops[reason]++;
	l->drop_bytes[reason] += f->len;
	for (unsigned s = f->sites; s; s &= s - 1) {
		l->wasted_copies++;
		l->wasted_copy_bytes += f->copied[__builtin_ctz(s)];
	}
}

#endif
