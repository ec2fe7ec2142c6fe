/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * split.h - where a frame's header ends, and whose flow it is.
 *
 * Under header/data split the header is everything from Ethernet to the end of TCP or UDP (over
 * IPv4, or IPv6 without extension headers, with up to two VLAN tags); the rest is payload. What is
 * neither, a fragment, or not all there, has no header in this sense and is never split.
 *
 * The flow table answers whether a frame is for a process. It is either a wildcard (every TCP or
 * UDP flow is a process's) or exact: flows by their 5-tuple, a bounded number of them. The first
 * frame of a flow enters it into the table and is not for the process yet: the kernel has to see
 * it. When the table is full further flows stay the kernel's; no flow ever leaves.
 *
 * One writer for each table: whoever places frames by it, a guest's receiving worker or the NIC.
 * Open addressing, at most half of the places used, so a lookup does not grow with the load.
 */
#ifndef DATAPATH_SPLIT_H
#define DATAPATH_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger.h"

/* Longest header: Ethernet, two VLAN tags, IPv4 and TCP with all their options. */
#define SPLIT_HEAD 142u

/* A 5-tuple; compared as a whole. */
struct split_flow {
	uint64_t src[2], dst[2]; /* IPv4: the first 4 bytes, the rest 0 */
	uint32_t ports;          /* as in the header */
	uint32_t kind;           /* IP version << 8 | protocol; 0: a free place of the table */
};

struct split_table {
	struct split_flow *flow; /* mask + 1 of them, zeroed; NULL: the wildcard */
	uint32_t mask;
	uint32_t used, limit; /* limit at most (mask + 1) / 2 */
};

/*
 * Bytes of header of a frame of `len` bytes that begins with head[0..n), n = min(len, SPLIT_HEAD);
 * 0: it has none. *flow is set if not.
 */
uint32_t split_header(const uint8_t *head, uint32_t n, uint32_t len, struct split_flow *flow);

/* REASON_POLICY: it is a process's. Else why not: REASON_NO_FLOW, REASON_FLOW_TABLE_FULL. */
enum copy_reason split_lookup(struct split_table *t, const struct split_flow *flow);

#endif
