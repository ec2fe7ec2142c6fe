/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcie_traffic.h - what a packet puts on the bus besides its bytes, by NIC and driver, as data.
 *
 * Descriptors are 16 bytes, pointers (tail, head) 4. Numbers are how many packets one transaction
 * is for; 0: it does not happen. Which packet of a batch causes it depends on the packet's number
 * alone, so there is no state to keep.
 *
 *	tail        a CPU writes it, before the first packet of a batch
 *	fetch       the device reads so many descriptors, before the first
 *	            (the packet's data: read when sending, written when receiving)
 *	writeback   the device writes so many descriptors, after the last
 *	msi         an interrupt, after the last
 *	head        a CPU reads it, after the last
 *
 * Source: Neugebauer et al., Understanding PCIe performance for end host networking, SIGCOMM 2018;
 * 82599 datasheet: 40 descriptors at a time, written back 8 at a time when sending.
 */
#ifndef HOST_PCIE_TRAFFIC_H
#define HOST_PCIE_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "pcie.h"

#define PCIE_DESCRIPTOR   16u
#define PCIE_POINTER      4u
#define PCIE_PACKET_STEPS 6 /* at most, of one packet */

struct pcie_batch {
	uint16_t tail, fetch, writeback, msi, head;
};

struct pcie_traffic {
	const char *name;
	struct pcie_batch tx, rx;
};

/* simple, 82599-kernel, 82599-pmd; ended by a NULL name. */
extern const struct pcie_traffic pcie_traffics[];

/* NULL: none of that name. */
const struct pcie_traffic *pcie_traffic_find(const char *name);

struct pcie_step {
	enum pcie_kind kind;
	uint32_t len;
};

/*
 * The transactions of packet number n (from 0) of `bytes` bytes, in order; returns how many.
 * The frame's FCS is not on the bus.
 */
unsigned pcie_tx_steps(const struct pcie_traffic *t, uint64_t n, uint32_t bytes,
		       struct pcie_step step[PCIE_PACKET_STEPS]);
unsigned pcie_rx_steps(const struct pcie_traffic *t, uint64_t n, uint32_t bytes,
		       struct pcie_step step[PCIE_PACKET_STEPS]);

#endif
