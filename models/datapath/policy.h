/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.h - how a host moves frames between a device queue and a guest's virtqueues.
 *
 * A policy is one file with one struct policy. It is called once a burst (at most DPATH_BURST
 * frames), never per access; what it needs of the world it asks of plat.h, and of the guest's
 * queues through dpath.h. All calls are burst calls (dpath.h): they work on private state and on
 * what was visible when the burst began; dpath's commit publishes.
 *
 * Receive and transmit are chosen apart, so each half may be combined with another policy's.
 */
#ifndef DATAPATH_POLICY_H
#define DATAPATH_POLICY_H

#include "dpath.h"

struct policy {
	const char *name; /* as in scenarios */
	const char *help; /* one line */
	/* Copies that the host makes of each frame, when no fallback is taken. */
	unsigned rx_copies, tx_copies;

	/* Keep the device's receive ring filled. */
	void (*rx_post)(struct dpath *dp);
	/* The device filled n buffers. */
	void (*rx)(struct dpath *dp, const struct plat_rx *rx, unsigned n);
	/* The device emulator's turn at frames that rx() queued for it; NULL if it has no part. */
	unsigned (*vmm_rx)(struct dpath *dp, unsigned budget);

	/*
	 * One chain that the guest wants sent; seg[] is good for the call only. False: no room, and
	 * the chain is untouched; it is offered again when the device has room.
	 */
	bool (*tx)(struct dpath *dp, struct virtq_chain *c);
	/* The device has read the memory of this cookie for the last time. */
	void (*tx_done)(struct dpath *dp, uint64_t cookie);
	/* Transmit runs in the device emulator: each burst enters it. */
	bool tx_in_vmm;
	/* Guests wait for tx_done(): ask the device for interrupts when it is due. */
	bool tx_wants_done;
	/* It gives the device guest memory: what it has to remember of that is there, by chain. */
	bool lends_guest_memory;
};

/* The tree's, and those of `make POLICIES=...`; both ended by NULL. */
extern const struct policy *const policies[], *const policies_own[];

extern const struct policy policy_null, policy_copy, policy_single_copy, policy_zero_copy;

/* All of them, in this order; NULL past the last. */
const struct policy *policy_at(unsigned i);
const struct policy *policy_find(const char *name);

#endif
