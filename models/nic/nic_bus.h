/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic_bus.h - the NIC on a PCI Express bus (host/pcie.h): what each frame costs there, and when.
 *
 * How it works. All that NIC and driver say to each other is a transaction, and takes effect when
 * that is done; each function (PF, then VFs) has its own number on the link.
 *
 *   doorbell     a register write; the device knows the new tail when it arrives
 *   descriptors  read `fetch` at a time, `prefetch` ahead of their use; a frame whose descriptors
 *                are not there yet waits in the packet buffer
 *   data         one read or write a frame (its segments go as one). What was read is sent in the
 *                order of the ring, though reads may overtake each other
 *   status       written `writeback` descriptors at a time, right behind the data of the last; what
 *                is left over when the queue has nothing else under way, or after a delay
 *   interrupt    a write, right behind the status that it is about
 *   head         a register read, for which the driver's CPU waits (plat_reg_read)
 *
 * Bytes move at the completion of their transaction, or of the status right behind it. Pages are
 * looked up when a transaction arrives at the host, all at once; it completes when the last
 * translation is there (iommu_wait) and the last piece of memory has answered (llc_dma). A page
 * that was given away in between is a fault. Rings are looked up as data is (nic_bus_ring.c).
 *
 * Always holds: a driver sees no status before the data, and no interrupt before the status; each
 * frame that was accepted ends once, whatever becomes of its queue; nothing that is left over waits
 * for a frame that need not come.
 *
 * Not there: interrupt masks and what the driver has taken reach the device at once; a peer's write
 * (mediated) is translated when it is complete, for free; messages between functions are not on the
 * link.
 *
 * Sources: Intel 82599 datasheet 331520, 7.1.7 and 7.2.4 (prefetch and write-back of descriptors);
 * Neugebauer et al., Understanding PCIe performance for end host networking, SIGCOMM 2018.
 */
#ifndef NIC_NIC_BUS_H
#define NIC_NIC_BUS_H

#include "../host/pcie.h"
#include "nic.h"

#define NIC_RUN 8u /* single descriptors are asked for so many at a time, if so many may be */

/* What is known of a piece of memory before its bytes move. */
struct nic_xpiece {
	hpa_t hpa;
	uint32_t len;
	uint32_t whose;
};

/* A transfer's pages, as they were looked up when it arrived at the host. */
struct nic_xlate {
	sim_time at, ready;     /* arrived; all translations there */
	uint16_t n, used, room; /* pieces known; of them used; room for */
	bool looking, fault;    /* looking: pages are looked up, no byte moves */
	struct nic_xpiece *piece;
};

/* What of a ring a transaction reads or writes: translated as data is. */
enum nic_ring_use {
	NIC_NO_RING,
	NIC_FETCH,      /* n descriptors from `at` on */
	NIC_STATUS,     /* of the frames `about`; none there: of n descriptors from `at` on */
	NIC_OWN_STATUS, /* of the frame whose data goes with it */
};

/* A transaction of the NIC's, and what it is for. */
struct nic_xfer {
	struct pcie_op op;
	struct nic_xfer *next;
	struct nic_queue *q;
	uint32_t life; /* of q, when it began */
	uint32_t at;   /* descriptors from here on; a register's value */
	uint32_t n;
	bool arrived;           /* of those that end in order: is there */
	bool send;              /* which half */
	uint8_t ring;           /* enum nic_ring_use */
	bool refused;           /* by the IOMMU, its part of the ring ... */
	uint32_t permits;       /* ... when the function had got permission so often */
	struct nic_xfer *about; /* a write-back: the frames whose status it is, first to last */
	struct nic_dma d;
	struct nic_xlate x;
};

struct nic_xlist {
	struct nic_xfer *first, *last;
};

/* One half of a queue on the bus. */
struct nic_side {
	uint32_t tail;          /* as the device knows it */
	uint32_t asked, have;   /* descriptors up to here are on their way; are in the device */
	uint32_t bells;         /* tail writes that were put on the link */
	struct nic_xlist fetch; /* reads of descriptors, in order */
	struct nic_xlist
		data; /* send: frames, in order; receive: those that wait for descriptors */
	struct nic_xlist status; /* frames whose status is to be written */
	uint32_t status_n;       /* descriptors of theirs */
	uint32_t under_way;      /* receive: writes of data and status not done */
	uint32_t posted;         /* writes of status that are not there yet */
	bool halted;             /* descriptors were refused: none are asked for */
	struct nic_xlist held;   /* frames whose status was refused */
	struct event flush;
	struct plat_line head;
	uint32_t heads; /* reads of it that were put on the link */
};

struct nic_port {
	struct nic_side rx, tx;
	uint32_t permits; /* nic_queue_permit()s */
};

struct nic_bus {
	struct pcie *pcie;
	struct nic_xfer *free;
	GPtrArray *memory; /* blocks of transfers */
	uint16_t pieces;   /* room in each */
	uint32_t tx_reads; /* frames being read */
};

/*
 * Puts the NIC on a bus of its own with so many functions; after nic_init(), before any queue is
 * bound. False: a link that cannot be.
 */
bool nic_bus_init(struct nic *n, const struct pcie_config *config, unsigned functions);
void nic_bus_fini(struct nic *n);

#endif
