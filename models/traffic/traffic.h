/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * traffic.h - what is offered to the simulated network: captures replayed, and synthetic frames.
 *
 * A traffic is one numbered sequence of frames, each with an intended time, one sender (the wire or
 * a guest) and one destination. The world pulls: each sender has a cursor, looks at the time of its
 * next frame (cursor_peek), takes it (cursor_take) and gives its bytes back when nobody needs them
 * any more (cursor_release). Nothing is made ahead of time but the blocks of a capture.
 *
 * Always so:
 *   - the same configuration, seed and file give the same frames, cached or streamed, in whatever
 *     order the cursors are pulled;
 *   - times of a cursor never decrease, and have no drift: remainders are kept;
 *   - bytes handed out stay as they are until released, and are always of original length.
 *
 * Sizes are of frames without FCS. Times are picoseconds from the start of the run.
 */
#ifndef TRAFFIC_TRAFFIC_H
#define TRAFFIC_TRAFFIC_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim/simtime.h"

/* ---- ends ------------------------------------------------------------------------------------ */

/* An end of a frame is the index of a guest in the endpoint table, or one of these. */
#define TRAFFIC_WIRE (-1)
#define TRAFFIC_ALL  (-2) /* destination only: every guest and the wire, but not the sender */

struct traffic_endpoint {
	const char *name;
	uint8_t mac[6];
	uint8_t ip[4]; /* all 0: none; never matches, and synthetic frames use 198.18.0.1 + index */
};

/* The wire's end of synthetic frames: initialisers of a MAC, 02 "wire" 01, and an IPv4 address.
 * TRAFFIC_ALL is ff:ff:ff:ff:ff:ff and 255.255.255.255. */
#define TRAFFIC_WIRE_MAC 0x02, 0x77, 0x69, 0x72, 0x65, 0x01
#define TRAFFIC_WIRE_IP  192, 0, 2, 1

/* ---- configuration --------------------------------------------------------------------------- */

enum traffic_source {
	TRAFFIC_CONSTANT, /* evenly spaced by timing, the first at `start` */
	TRAFFIC_POISSON,  /* exponential gaps, the first gap before the first frame */
	TRAFFIC_ONOFF,    /* constant during `on`, silent during `off`; timing is that while on */
	TRAFFIC_REQUEST,  /* a closed loop (loop.h): timing is TRAFFIC_BACK_TO_BACK */
};

enum traffic_timing {
	TRAFFIC_RECORDED,     /* captures: as stamped */
	TRAFFIC_SCALED,       /* captures: stamps times `scale`; 1/2 halves the gaps */
	TRAFFIC_RATE,         /* frame i at (bytes of the frames before it) * 8 / rate_bps */
	TRAFFIC_PPS,          /* frame i at i / pps */
	TRAFFIC_BACK_TO_BACK, /* all due at `start`: link or ring are the limit ("max") */
};

enum traffic_match { TRAFFIC_MATCH_NONE, TRAFFIC_MATCH_MAC, TRAFFIC_MATCH_IP };

enum traffic_size_kind {
	TRAFFIC_SIZE_FIXED,   /* lo */
	TRAFFIC_SIZE_UNIFORM, /* lo..hi, each equally likely */
	TRAFFIC_SIZE_IMIX,    /* 60, 590, 1514 at 7:4:1 */
};

struct traffic_size {
	enum traffic_size_kind kind;
	uint32_t lo, hi; /* TRAFFIC_SIZE_MIN..TRAFFIC_SIZE_MAX */
};
#define TRAFFIC_SIZE_MIN 60u
#define TRAFFIC_SIZE_MAX 65549u /* the longest IPv4 packet, and its Ethernet header */

struct traffic_ratio {
	uint64_t num, den; /* 1..10^18 */
};

/* A set of ends; empty means the wire. Frame i of a traffic goes by the i-th pair of from x to,
 * round and round, `from` varying fastest, pairs of an end with itself left out. So rate, packets
 * and capture are those of the whole traffic, shared out frame by frame. */
struct traffic_set {
	const int *end;
	uint32_t n;
};

struct traffic_cfg {
	const char *name;
	uint64_t seed;
	const struct traffic_endpoint *endpoints;
	uint32_t n_endpoints;

	struct traffic_set from; /* a capture needs an end that is not the wire, or a match */
	struct traffic_set to;
	enum traffic_match match; /* captures: ends by address; excludes from and to */

	enum traffic_timing timing;
	struct traffic_ratio scale; /* TRAFFIC_SCALED */
	uint64_t rate_bps;          /* TRAFFIC_RATE: 1..10^15 */
	uint64_t pps;               /* TRAFFIC_PPS: 1..10^12 */
	sim_time start;
	sim_time duration; /* frames intended at start + duration or later are not; 0: no limit */
	uint64_t packets;  /* 0: no limit */

	const char *trace;    /* path of a capture, or NULL: synthetic */
	const char *filter;   /* BPF expression or NULL */
	uint64_t loop;        /* times the capture is played; 0 counts as 1 */
	uint64_t cache_bytes; /* a capture that expands to more is streamed; 0: 256 MiB */

	enum traffic_source source; /* the rest: synthetic only */
	struct traffic_size size;
	sim_time on, off; /* TRAFFIC_ONOFF; on > 0 */
	uint32_t flows;   /* UDP source ports taken in turn, 1..16384; 0 counts as 1 */
	/* TRAFFIC_REQUEST: `packets` counts requests, of `size`, from `from` */
	uint32_t window;  /* outstanding, 1..65536 */
	uint32_t retries; /* of one request */
	struct traffic_size reply;
	sim_time service, think, timeout; /* timeout > 0 */
	bool shared; /* its ends are in several threads or processes: see loop.h */
};
#define TRAFFIC_WINDOW_MAX 65536u

/* Parse "0.5", "2", "1.25" exactly; false if it is no plain decimal, zero, or too long. */
bool traffic_ratio_parse(const char *text, struct traffic_ratio *out);

/* ---- errors ---------------------------------------------------------------------------------- */

enum traffic_error {
	TRAFFIC_ERROR_CONFIG,    /* the scenario is wrong */
	TRAFFIC_ERROR_FILTER,    /* the scenario is wrong: no BPF expression */
	TRAFFIC_ERROR_OPEN,      /* missing, unreadable, or not a regular file */
	TRAFFIC_ERROR_EMPTY,     /* zero bytes long */
	TRAFFIC_ERROR_FORMAT,    /* not a capture, or its file header is cut short */
	TRAFFIC_ERROR_TRUNCATED, /* the last record is cut short */
	TRAFFIC_ERROR_GARBAGE,   /* a record cannot be */
	TRAFFIC_ERROR_LINK_TYPE, /* not Ethernet */
	TRAFFIC_ERROR_NO_FRAMES, /* nothing in it, or nothing left by filter and match */
	TRAFFIC_ERROR_TOO_LONG,  /* the scenario is wrong: it would run past SIM_MAX */
	TRAFFIC_ERROR_CHANGED,   /* the file changed while it was replayed */
};

#define TRAFFIC_ERROR (traffic_error_quark())
GQuark traffic_error_quark(void);
/* The scenario is to be mended, not a capture. */
static inline bool traffic_error_of_scenario(const GError *e)
{
	return e->code == TRAFFIC_ERROR_CONFIG || e->code == TRAFFIC_ERROR_FILTER ||
	       e->code == TRAFFIC_ERROR_TOO_LONG;
}

/* ---- a traffic ------------------------------------------------------------------------------- */

/* What opening it found. For a synthetic traffic `flows`, `largest` and
 * `n_senders`; the rest is 0. */
struct traffic_info {
	uint64_t frames, bytes; /* in the file; bytes at original length */
	uint64_t filtered;      /* frames that the filter rejects */
	uint64_t unmatched;     /* frames with no guest at either end */
	uint64_t backward;      /* frames stamped before one that precedes them; replayed at once */
	uint64_t first_ns, last_ns;      /* stamps since the epoch: first frame's, and the latest */
	uint64_t offered, offered_bytes; /* frames of one pass with a sender. Of these: */
	uint64_t truncated, synth_bytes; /* captured short, and the bytes made up for them */
	uint64_t flows;                  /* distinct flows */
	uint32_t largest;                /* longest frame */
	int link_type;                   /* DLT_EN10MB */
	bool cached;                     /* kept whole; else streamed */
	char sha256[65];                 /* of the file */
	uint64_t local, floods;          /* from guest to guest; from a guest to all */
	const uint64_t *by_sender;       /* offered per pass, [0] the wire, [1 + i] guest i */
	uint32_t n_senders;
};

struct traffic;

/* Reads a capture through once. The configuration is copied. NULL and an error if it cannot be. */
struct traffic *traffic_open(const struct traffic_cfg *cfg, GError **err);
const struct traffic_info *traffic_info(const struct traffic *t);
/* May `sender` ever send? No cursor is needed for one that does not. */
bool traffic_sends(const struct traffic *t, int sender);
/* The closed loop that it is; NULL: it is none. Its cursors' next frame may come and go. */
struct loop;
struct loop *traffic_loop(struct traffic *t);
/* Nothing is sent at or after this time; SIM_NEVER without a duration. Cursors obey it by intended
 * time; a sender of TRAFFIC_BACK_TO_BACK has to look at its own clock too. */
sim_time traffic_until(const struct traffic *t);
void traffic_free(struct traffic *t); /* after its cursors */

/* ---- its cursors ----------------------------------------------------------------------------- */

struct tframe {
	sim_time at;          /* intended time */
	const uint8_t *bytes; /* len of them, until released */
	uint64_t num;         /* number in its traffic, from 0, over all senders */
	uint64_t hash;        /* digest_bytes(bytes, len) */
	void *block;          /* the cursor's own */
	uint32_t len;
	uint32_t exchange;  /* of a closed loop: whose request or answer (loop.h) */
	uint32_t synth_len; /* last bytes that the capture lacked, see capture_tail() */
	int to;             /* guest, TRAFFIC_WIRE or TRAFFIC_ALL */
};

struct traffic_cursor;

/* A new reading of what `sender` sends, from its first frame. Any number may exist at a time. */
struct traffic_cursor *traffic_cursor(struct traffic *t, int sender);
/* Time of the next frame; false after the last one. */
bool cursor_peek(struct traffic_cursor *c, sim_time *at);
/* Of a closed loop: whatever cursor_peek() says holds until the loop has news. */
bool cursor_live(const struct traffic_cursor *c);
/* The loop begins no more requests; what this end has still to send it says as before. */
bool cursor_over(const struct traffic_cursor *c);
/* Take it; only after a cursor_peek() that said true. False: of a shared loop, it is gone. */
bool cursor_take(struct traffic_cursor *c, struct tframe *out);
/* Its bytes are needed no more. Frames may be released in any order. */
void cursor_release(struct traffic_cursor *c, const struct tframe *f);
/* A capture that changed or failed under a streaming cursor ends early: the reason, or NULL. */
const GError *cursor_error(const struct traffic_cursor *c);
/* Bytes of buffers that the cursor owns: the high-water mark of what was in flight. */
uint64_t cursor_memory(const struct traffic_cursor *c);
void cursor_free(struct traffic_cursor *c); /* takes back all bytes, released or not */

#endif
