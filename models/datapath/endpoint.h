/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * endpoint.h - where frames arrive: the proof that the right bytes did.
 *
 * Each frame is compared with what its sender sent (by digest_bytes()), and chained into its flow.
 * A flow is the 5-tuple of IPv4 or IPv6 (ports only of TCP, UDP and SCTP, and not of fragments),
 * else both MAC addresses and the type. The digest is the sum of the flows' chains modulo 2^64: it
 * does not depend on the order between flows, but on everything within one.
 *
 * The table is the caller's; when it is three quarters full, further flows share one chain, which
 * is counted: digests of two runs are then comparable only if their order of delivery was the same.
 */
#ifndef DATAPATH_ENDPOINT_H
#define DATAPATH_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"

struct endpoint_flow {
	uint64_t key; /* 0: free */
	uint64_t chain;
	uint64_t next; /* lowest frame number that keeps the order */
	uint64_t traffic;
};

struct endpoint {
	struct endpoint_flow *flow; /* mask + 1 of them, zeroed; the last is the shared one */
	uint32_t mask;
	uint32_t flows;
	uint64_t digest;
	uint64_t overflow; /* frames of flows without an entry of their own */
	/*
	 * Somebody else has each frame first; true: it is his, and is not proved. NULL: nobody.
	 */
	bool (*process)(void *ctx, const struct frame *f, const uint8_t *bytes, uint32_t len);
	void *ctx;
};

/* `slots` entries, a power of two plus one. */
void endpoint_init(struct endpoint *ep, struct endpoint_flow *flow, uint32_t slots);

/* A frame of len bytes arrived; books it as corrupt or reordered in its ledger if it is. */
void endpoint_receive(struct endpoint *ep, const struct frame *f, const uint8_t *bytes,
		      uint32_t len);

/* The flow's key, never 0. */
uint64_t endpoint_flow_key(const uint8_t *bytes, uint32_t len);

#endif
