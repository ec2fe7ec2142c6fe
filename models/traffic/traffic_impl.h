/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * traffic_impl.h - what the parts of a traffic share; for them alone:
 *
 *   traffic.c  checks the configuration, reads a capture through once, opens and frees
 *   walk.c     one reading of a capture: which frame is next, between which ends
 *   cursor.c   what one sender pulls: the next frame and its bytes
 *
 * A traffic does not change once it is open; all that moves is in the walks and the cursors. Pace
 * and turn are here, because the pre-pass, the walks and the cursors must all reckon alike.
 */
#ifndef TRAFFIC_IMPL_H
#define TRAFFIC_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#include "capture.h"
#include "loop.h"
#include "synth.h"
#include "traffic.h"

/* start + floor(pos * num / den) for rising pos. */
struct pace {
	uint64_t num, den, rem, pos;
	sim_time at;
};

/* The pair of ends whose turn it is. */
struct turn {
	uint32_t from, to;
};

/* A cached frame. */
struct entry {
	const uint8_t *bytes; /* during the pre-pass: offset into the byte array */
	uint64_t pos, num, hash;
	uint32_t len, synth_len;
	int32_t to;
};

struct address;

struct traffic {
	struct traffic_cfg cfg; /* pointers in it are our own copies */
	struct traffic_info info;
	struct pace pace; /* at position 0 */
	sim_time until;
	uint64_t packets;      /* limit on frames, UINT64_MAX if none */
	struct address *addrs; /* by key, for match */
	uint32_t n_addrs;

	struct capture_id id;
	uint64_t passes;     /* of the capture */
	uint64_t period;     /* of pos, per pass */
	uint64_t last_pos;   /* of the last offered frame of a pass */
	uint64_t *by_sender; /* info.by_sender, and when cached the length of: */
	GArray **entries;    /* [1 + sender] */
	GByteArray *bytes;

	struct synth *synth;
	struct synth_end *ends;    /* [2 + end] */
	uint64_t gap_num, gap_den; /* mean Poisson gap, ps */
	uint32_t buf_bytes;        /* of a synthetic frame's buffer */
	struct loop *loop;         /* TRAFFIC_REQUEST */
};

/* One reading of a capture. */
struct walk {
	struct capture *cap;
	struct turn turn;
	uint64_t first_ns, late_ns; /* stamp of the first frame, latest stamp */
	uint64_t frames, backward;
	uint64_t num, bytes; /* offered so far */
};

struct step {
	struct capture_frame f;
	uint64_t pos, num;
	int from, to;
	bool offered;
};

/* For match: the guests' addresses, sorted. Two guests of the same address are an error. */
bool walk_addresses_init(struct traffic *t, GError **err);
/* From the first frame; *id tells whether the file is still the one it was. */
bool walk_open(struct traffic *t, struct walk *w, struct capture_id *id, GError **err);
/* Also of a walk that is all zero, or closed already. */
void walk_close(struct walk *w);
/* From the file's first stamp to its latest, ps; SIM_NEVER if that is out of range. */
uint64_t walk_ps(const struct walk *w);
/* The file's next frame, whether offered or not: 1, 0 at the end, -1 on error. */
int walk_step(const struct traffic *t, struct walk *w, struct step *s, GError **err);
/* The frame at original length: f->len bytes to dst. */
void walk_expand(const struct capture_frame *f, uint8_t *dst);

/* Saturates at SIM_NEVER, which no limit lets pass. */
static inline sim_time pace_at(struct pace *p, uint64_t pos)
{
	uint64_t step = pos - p->pos, x;
	unsigned __int128 wide;

	p->pos = pos;
	if (__builtin_mul_overflow(step, p->num, &x) || __builtin_add_overflow(x, p->rem, &x)) {
		wide = (unsigned __int128)step * p->num + p->rem;
		p->rem = (uint64_t)(wide % p->den);
		wide = wide / p->den + p->at;
		p->at = wide < SIM_NEVER ? (sim_time)wide : SIM_NEVER;
	} else if (p->den == 1) {
		if (__builtin_add_overflow(p->at, x, &p->at))
			p->at = SIM_NEVER;
	} else {
		if (__builtin_add_overflow(p->at, x / p->den, &p->at))
			p->at = SIM_NEVER;
		p->rem = x % p->den;
	}
	return p->at;
}

struct rng;
uint32_t traffic_size_draw(const struct traffic_size *s, struct rng *r);

static inline int set_at(const struct traffic_set *s, uint32_t i)
{
	return s->n ? s->end[i] : TRAFFIC_WIRE;
}

static inline void turn_step(const struct traffic_cfg *cfg, struct turn *u)
{
	if (++u->from < cfg->from.n)
		return;
	u->from = 0;
	if (++u->to >= cfg->to.n)
		u->to = 0;
}

/* Whose turn it is, and on to the next one. Some pair has two different ends, or cfg is refused. */
static inline void turn_take(const struct traffic_cfg *cfg, struct turn *u, int *from, int *to)
{
	do {
		*from = set_at(&cfg->from, u->from);
		*to = set_at(&cfg->to, u->to);
		turn_step(cfg, u);
	} while (*from == *to);
}

#endif
