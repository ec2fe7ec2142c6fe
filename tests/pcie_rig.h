/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcie_rig.h - a link kept busy: tokens, each a set of transactions that is submitted anew as soon
 * as all of it is done; and the closed forms that the link must agree with, in doubles, written
 * without a look at the model.
 */
#ifndef TESTS_PCIE_RIG_H
#define TESTS_PCIE_RIG_H

#include <stdlib.h>

#include "models/host/pcie.h"
#include "models/host/pcie_traffic.h"

#define RIG_STEPS (2 * PCIE_PACKET_STEPS)

struct rig;

struct rig_op {
	struct pcie_op op;
	struct rig_token *token;
};

struct rig_token {
	struct rig *rig;
	unsigned fn, left;
	struct rig_op op[RIG_STEPS];
};

struct rig {
	struct evq q;
	struct pcie *p;
	/* What the token submits next; returns how many. n counts tokens submitted. */
	unsigned (*next)(struct rig *rig, const struct rig_token *token, uint64_t n,
			 struct pcie_step step[RIG_STEPS]);
	const struct pcie_traffic *traffic;
	struct pcie_step fixed[RIG_STEPS];
	unsigned fixed_n;
	uint32_t bytes;
	struct rig_token *token;
	unsigned tokens;
	uint64_t submitted, done;
	unsigned __int128 latency; /* of all transactions, sum */
	uint64_t hash;             /* of what was done when, in order */
	bool stop;                 /* submit nothing more */
};

static inline void rig_submit(struct rig_token *t)
{
	struct rig *rig = t->rig;
	struct pcie_step step[RIG_STEPS];
	unsigned n = rig->next(rig, t, rig->submitted++, step);

	t->left = n;
	for (unsigned i = 0; i < n; i++)
		pcie_submit(rig->p, t->fn, &t->op[i].op, step[i].kind, step[i].len);
}

static inline void rig_done(struct pcie_op *op)
{
	struct rig_op *o = (struct rig_op *)op;
	struct rig *rig = o->token->rig;

	rig->latency += evq_now(&rig->q) - op->submitted;
	rig->hash = (rig->hash ^ evq_now(&rig->q) ^ (uint64_t)op->kind << 60) * 0x100000001b3u;
	if (--o->token->left)
		return;
	rig->done++;
	if (!rig->stop)
		rig_submit(o->token);
}

/* The same each time. */
static inline unsigned rig_fixed(struct rig *rig, const struct rig_token *token, uint64_t n,
				 struct pcie_step step[RIG_STEPS])
{
	(void)token, (void)n;
	for (unsigned i = 0; i < rig->fixed_n; i++)
		step[i] = rig->fixed[i];
	return rig->fixed_n;
}

/* A packet sent and one received. */
static inline unsigned rig_packets(struct rig *rig, const struct rig_token *token, uint64_t n,
				   struct pcie_step step[RIG_STEPS])
{
	unsigned i = pcie_tx_steps(rig->traffic, n, rig->bytes, step);

	(void)token;
	return i + pcie_rx_steps(rig->traffic, n, rig->bytes, step + i);
}

/* Token i belongs to function i % functions. Set `next` and what it needs, then rig_start(). */
static inline struct rig *rig_new(const struct pcie_config *c, unsigned functions, unsigned tokens)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	evq_init(&rig->q);
	rig->p = pcie_new(&rig->q, c, functions);
	rig->next = rig_fixed;
	rig->tokens = tokens;
	rig->token = calloc(tokens, sizeof(*rig->token));
	for (unsigned i = 0; i < tokens; i++) {
		struct rig_token *t = &rig->token[i];

		t->rig = rig;
		t->fn = i % functions;
		for (unsigned k = 0; k < RIG_STEPS; k++) {
			pcie_op_init(&t->op[k].op, rig_done);
			t->op[k].token = t;
		}
	}
	return rig;
}

static inline void rig_start(struct rig *rig)
{
	for (unsigned i = 0; i < rig->tokens; i++)
		rig_submit(&rig->token[i]);
}

static inline void rig_free(struct rig *rig)
{
	pcie_free(rig->p);
	free(rig->token);
	free(rig);
}

/* Runs until so many tokens are done. */
static inline void rig_run(struct rig *rig, uint64_t done)
{
	while (rig->done < done && evq_step(&rig->q))
		;
}

/* Tokens a second between token `from` and token `to`. */
static inline double rig_rate(struct rig *rig, uint64_t from, uint64_t to)
{
	sim_time start;

	rig_run(rig, from);
	start = evq_now(&rig->q);
	rig_run(rig, to);
	return 1e12 * (double)(to - from) / (double)(evq_now(&rig->q) - start);
}

/* ---- closed forms ---- */

static inline double rig_less(double a, double b)
{
	return a < b ? a : b;
}

static inline double rig_pieces(double bytes, double piece)
{
	double n = 0;

	for (; bytes > 0; bytes -= piece)
		n++;
	return n;
}

/* Usable bit/s, from symbols. */
static inline double rig_usable(const struct pcie_link_config *c)
{
	static const double gts[] = {2.5, 5, 8, 16, 32};
	static const double ack[3][5][6] = {
		{{237, 416, 559, 1071, 2095, 4143},
		 {128, 217, 289, 545, 1057, 2081},
		 {73, 118, 154, 282, 538, 1050},
		 {67, 107, 86, 150, 278, 534},
		 {48, 72, 86, 150, 278, 534}},
		{{288, 467, 610, 1122, 2146, 4194},
		 {179, 268, 340, 596, 1108, 2132},
		 {124, 169, 205, 333, 589, 1101},
		 {118, 158, 137, 201, 329, 585},
		 {99, 123, 137, 201, 329, 585}},
		{{333, 512, 655, 1167, 2191, 4239},
		 {224, 313, 385, 641, 1153, 2177},
		 {169, 214, 250, 378, 634, 1146},
		 {163, 203, 182, 246, 374, 630},
		 {144, 168, 182, 246, 374, 630}},
	};
	unsigned g = c->generation < 3 ? c->generation - 1 : 2;
	double a = ack[g][__builtin_ctz(c->lanes)][__builtin_ctz(c->mps) - 7];

	return 1e9 * gts[c->generation - 1] * c->lanes * (g < 2 ? 8.0 / 10 : 128.0 / 130) *
	       (1 - 8 / a - 8 / a - 4.0 / 1538);
}

struct rig_bytes {
	double up, down; /* to the host, to the device */
};

/* On the link for one transaction. */
static inline struct rig_bytes rig_closed(const struct pcie_link_config *c, enum pcie_kind kind,
					  double s)
{
	double head = c->address32 ? 20 : 24;
	double piece = c->rcb && c->rcb < c->mps ? c->rcb : c->mps, down = 0;

	switch (kind) {
	case PCIE_WRITE:
		return (struct rig_bytes){.up = s + head * rig_pieces(s, c->mps)};
	case PCIE_MSI:
		return (struct rig_bytes){.up = 4 + head};
	case PCIE_MMIO_WRITE:
		return (struct rig_bytes){.down = s + head};
	case PCIE_MMIO_READ:
		return (struct rig_bytes){.up = 20 + s, .down = head};
	default:
		break;
	}
	/* A completion never answers two requests. */
	for (double at = 0; at < s; at += c->mrrs)
		down += 20 * rig_pieces(rig_less(c->mrrs, s - at), piece);
	return (struct rig_bytes){.up = head * rig_pieces(s, c->mrrs), .down = s + down};
}

#endif
