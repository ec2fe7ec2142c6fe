/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nicdesc.h - descriptors and registers of the modelled NIC, as its driver and the device see them.
 *
 * 16-byte descriptors of the Intel 82599 kind (datasheet 331520, 7.1.6 and 7.2.3), little-endian,
 * in the driver's memory. The device fetches a descriptor, moves data, and writes status back over
 * it.
 *
 * Receive deviates in one point: the 82599 takes the buffer size from a register; here each
 * descriptor has its own length and a bit that says that the buffer goes on in the next descriptor,
 * so that scattered guest pages can be posted. A frame larger than one buffer goes on in the next.
 *
 * Header split (7.1.10): on the 82599 a descriptor has a second address, for the header. Here the
 * first descriptors of a buffer are marked as the header's, since a kernel's buffer may be
 * scattered as well. They are long enough for any frame: what is not split goes there as a whole
 * (as "always use header buffer" of SRRCTL), and so does what the payload's descriptors have no
 * room for. The write-back of the first descriptor says that the frame was split, and how long its
 * header is.
 *
 * Positions (head, tail) count up for ever; the slot is position modulo size, a power of two. Tail
 * is advanced by the driver, head by the device.
 */
#ifndef DATAPATH_NICDESC_H
#define DATAPATH_NICDESC_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define NIC_DESC_BYTES 16

/* Receive, as posted. */
struct nic_rx_read {
	uint64_t addr;
	uint32_t flags; /* lies where the status will be: bit 0, DD, stays clear */
	uint32_t len;
};
#define NIC_RX_MORE   (1u << 4) /* flags: the buffer goes on in the next descriptor */
#define NIC_RX_HEADER (1u << 5) /* flags: for the header of a frame that is split */

/* Receive, written back over it. */
struct nic_rx_done {
	uint32_t info;   /* NIC_RX_SPH and what goes with it */
	uint32_t filter; /* for whom the filters found it to be: a mark, as flow director writes */
	uint32_t status;
	uint16_t len; /* bytes written through this descriptor */
	uint16_t vlan;
};
#define NIC_RX_DD    (1u << 0)  /* descriptor done */
#define NIC_RX_EOP   (1u << 1)  /* end of packet */
#define NIC_RX_ERROR (1u << 31) /* the frame was not (all) written */
/* info, of a buffer with header descriptors: split header and its length, 82599 7.1.6.2 ... */
#define NIC_RX_SPH              (1u << 31)
#define NIC_RX_HEADER_LEN(info) ((info) >> 21 & 0x3ffu)
/* ... and, in reserved bits, why the frame was not split: an enum copy_reason */
#define NIC_RX_WHY(info) ((info)&0xffu)

/* Send: advanced data descriptor. DD comes back in olinfo_status of those with RS. */
struct nic_tx_desc {
	uint64_t addr;
	uint32_t cmd_type_len; /* DTALEN 15:0, EOP 24, RS 27 */
	uint32_t olinfo_status;
};
#define NIC_TX_LEN(cmd) ((cmd)&0xffffu)
#define NIC_TX_EOP      (1u << 24)
/*
 * In a frame's first descriptor: fill in a checksum (csum.h) from start on, offset behind it. The
 * 82599 is told by a context descriptor; here olinfo_status carries it between the status bits.
 */
#define NIC_TX_CSUM                (1u << 25)
#define NIC_TX_CSUM_AT(start, off) ((uint32_t)(start) << 1 | (uint32_t)(off) << 16)
#define NIC_TX_CSUM_START(olinfo)  ((uint16_t)((olinfo) >> 1 & 0x7fff))
#define NIC_TX_CSUM_OFFSET(olinfo) ((uint16_t)((olinfo) >> 16 & 0x3fff))
#define NIC_TX_RS                  (1u << 27)
#define NIC_TX_DD                  (1u << 0)
#define NIC_TX_ERROR               (1u << 31) /* not on the 82599: beside DD, sending it failed */

static_assert(sizeof(struct nic_rx_read) == NIC_DESC_BYTES, "82599 7.1.6.1");
static_assert(sizeof(struct nic_rx_done) == NIC_DESC_BYTES, "82599 7.1.6.2");
static_assert(sizeof(struct nic_tx_desc) == NIC_DESC_BYTES, "82599 7.2.3.2.4");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings are little-endian");

/* Registers of one queue pair. Driver writes tails and masks, device clears a mask as it raises. */
struct nic_regs {
	uint32_t rx_tail, tx_tail;
	uint32_t rx_taken; /* not on the 82599: receive descriptors that the driver is done with */
	bool rx_irq, tx_irq;
	/* not on the 82599 either: how often the driver has written each tail, if it counts */
	uint32_t rx_bells, tx_bells;
};

struct frame;

/* A ring as both sides reach it: page by page, since its memory may be scattered. */
struct nic_ring {
	uint32_t size; /* descriptors, a power of two */
	uint8_t **page;
	uint64_t *io;       /* I/O address of each page; NULL: reached without */
	struct frame **tag; /* beside each slot: whose frame it carries */
};

static inline void *nic_ring_desc(const struct nic_ring *r, uint32_t position)
{
	uint32_t byte = (position & (r->size - 1)) * NIC_DESC_BYTES;
	return r->page[byte >> 12] + (byte & 4095);
}

static inline struct frame **nic_ring_tag(const struct nic_ring *r, uint32_t position)
{
	return &r->tag[position & (r->size - 1)];
}

#endif
