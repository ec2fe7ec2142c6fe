/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcie_link.h - what a PCI Express link carries: bytes of packets, and how long they take.
 *
 * A packet of the transaction layer (TLP) costs its payload and a constant: 2 bytes of framing, 6
 * of the link layer (sequence number, checksum), and its header of 12 or 16. What the link layer
 * sends beside them - acknowledgements, flow control, clock compensation - is a fraction of all
 * symbols:
 *
 *	8 / ack_limit + 8 / ack_limit + 4 / 1538
 *
 * A direction is a server of so many picoseconds a byte, a fraction of two integers. It keeps what
 * rounding to whole picoseconds cuts off, so a saturated link does not drift by one bit.
 *
 * Sources: PCI Express Base 5.0, section 2.2 (packets), tables 3-7 to 3-9 (ack_limit), 4.2.7 (one
 * SKP in 1538 symbols); Neugebauer et al., Understanding PCIe performance for end host networking,
 * SIGCOMM 2018, which puts them together in this way. Addresses are taken as aligned.
 */
#ifndef HOST_PCIE_LINK_H
#define HOST_PCIE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "../../sim/simtime.h"

#define PCIE_COMPLETION 20u /* a completion, without its data */
#define PCIE_REQUEST    24u /* a read request, or a write without its data; 64-bit address */
#define PCIE_REGISTER   4u  /* bytes of a register */
#define PCIE_MSI_BYTES  4u  /* payload of an interrupt, which is a write */

struct pcie_link_config {
	unsigned generation; /* 1..5 */
	unsigned lanes;      /* 1, 2, 4, 8, 16 */
	uint32_t mps;        /* most payload of a TLP, 128..4096, a power of two */
	uint32_t mrrs;       /* most that a read request asks for, the same */
	uint32_t rcb;        /* most payload of a completion; 0: mps */
	bool address32;      /* requests carry 32-bit addresses, 4 bytes less */
	uint64_t rate_bps;   /* what TLPs can use of each direction; 0: as the above give it */
};

struct pcie_link {
	uint32_t mps, mrrs;
	uint32_t completion; /* most payload of one */
	uint32_t request;    /* bytes of a request without data */
	uint64_t num, den;   /* picoseconds a byte, in lowest terms */
};

/* False: a value that the configuration does not allow. */
bool pcie_link_init(struct pcie_link *l, const struct pcie_link_config *config);

/* What TLPs can use of it in one direction, bit/s, rounded down. */
uint64_t pcie_link_rate(const struct pcie_link *l);

static inline uint32_t pcie_pieces(uint32_t bytes, uint32_t piece)
{
	return (bytes + piece - 1) / piece;
}

/* Bytes on the link: posted writes of `len` bytes; the completions of one read request. */
static inline uint32_t pcie_write_bytes(const struct pcie_link *l, uint32_t len)
{
	return len + l->request * pcie_pieces(len, l->mps);
}

static inline uint32_t pcie_completion_bytes(const struct pcie_link *l, uint32_t len)
{
	return len + PCIE_COMPLETION * pcie_pieces(len, l->completion);
}

/* Serves in the order of arrival, num / den picoseconds a unit. */
struct pcie_server {
	sim_time at;  /* free again, rounded down; */
	uint64_t rem; /* and so many den-ths of a picosecond later */
	uint64_t num, den;
};

/* n units that are there at `now`; returns when the last is served. n * num stays below 2^63. */
static inline sim_time pcie_server_take(struct pcie_server *s, sim_time now, uint64_t n)
{
	uint64_t t;

	if (now > s->at) {
		s->at = now;
		s->rem = 0;
	}
	t = s->rem + n * s->num;
	s->at += t / s->den;
	s->rem = t % s->den;
	return s->at;
}

/* When n units would begin. */
static inline sim_time pcie_server_start(const struct pcie_server *s, sim_time now)
{
	return s->at > now ? s->at : now;
}

/* How long n units take, rounded down. */
static inline sim_time pcie_server_time(const struct pcie_server *s, uint64_t n)
{
	return n * s->num / s->den;
}

#endif
