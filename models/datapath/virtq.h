/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtq.h - the split virtqueue of virtio 1.2 as it lies in guest memory, and how to reach it.
 *
 * Three parts, each a run of guest-physical addresses: the descriptor table and the available ring,
 * which the driver writes, and the used ring, which the device writes. Everything is little-endian,
 * as in the specification; sections are cited as "virtio 1.2, 2.7.5".
 *
 * Guest-physical runs are scattered over machine pages, so neither side holds a C array. A struct
 * virtq_part keeps one biased pointer for each 4 KiB page, mapped once when the queue is set up;
 * reaching an element is an add, a shift, a load and an add. No element that is accessed in one
 * piece crosses a page: descriptors are 16 bytes on 16, ring words 2 on 2 and 4 on 4. A used
 * element (8 bytes, on 4) may cross, so its two words are separate accesses.
 *
 * Always:
 *  - a descriptor is read as two 64-bit words, once, into private memory, then judged;
 *  - indices, flags and event words are accessed by plat_load_idx() and plat_publish_idx() only.
 *
 * Rejected: mapping rings as one flat window (an own page table for each queue, and it hides the
 * scatter that real hosts have to live with); a pointer look-up per access (plat_map per descriptor
 * doubles the cost of a small frame).
 */
#ifndef DATAPATH_VIRTQ_H
#define DATAPATH_VIRTQ_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plat.h"

struct frame;

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ring words are read as they lie");

/* ---- layouts ------------------------------------------------------------------------------ */

/* virtio 1.2, 2.7.5 */
struct virtq_desc {
	uint64_t addr;  /* guest-physical */
	uint32_t len;   /* bytes */
	uint16_t flags; /* VIRTQ_DESC_F_* */
	uint16_t next;  /* index of the next one if VIRTQ_DESC_F_NEXT */
};
static_assert(sizeof(struct virtq_desc) == 16, "virtio 1.2, 2.7.5");
static_assert(offsetof(struct virtq_desc, len) == 8, "virtio 1.2, 2.7.5");
static_assert(offsetof(struct virtq_desc, flags) == 12, "virtio 1.2, 2.7.5");
static_assert(offsetof(struct virtq_desc, next) == 14, "virtio 1.2, 2.7.5");

#define VIRTQ_DESC_F_NEXT     1u /* the chain goes on at `next` */
#define VIRTQ_DESC_F_WRITE    2u /* the device writes; else it reads */
#define VIRTQ_DESC_F_INDIRECT 4u /* the buffer is a table of descriptors, 2.7.5.3 */

/* virtio 1.2, 2.7.6. After ring[size] comes le16 used_event, 2.7.7. */
struct virtq_avail {
	uint16_t flags; /* VIRTQ_AVAIL_F_NO_INTERRUPT */
	uint16_t idx;   /* where the driver puts the next head; runs free, modulo 2^16 */
	uint16_t ring[];
};
static_assert(sizeof(struct virtq_avail) == 4, "virtio 1.2, 2.7.6");
static_assert(offsetof(struct virtq_avail, idx) == 2, "virtio 1.2, 2.7.6");
static_assert(offsetof(struct virtq_avail, ring) == 4, "virtio 1.2, 2.7.6");

#define VIRTQ_AVAIL_F_NO_INTERRUPT 1u /* ignored if VIRTQ_F_EVENT_IDX */

/* virtio 1.2, 2.7.8. After ring[size] comes le16 avail_event, 2.7.10. */
struct virtq_used_elem {
	uint32_t id;  /* head of the chain */
	uint32_t len; /* bytes written into its device-writable part */
};
struct virtq_used {
	uint16_t flags; /* VIRTQ_USED_F_NO_NOTIFY */
	uint16_t idx;   /* where the device puts the next element; runs free */
	struct virtq_used_elem ring[];
};
static_assert(sizeof(struct virtq_used_elem) == 8, "virtio 1.2, 2.7.8");
static_assert(offsetof(struct virtq_used_elem, len) == 4, "virtio 1.2, 2.7.8");
static_assert(offsetof(struct virtq_used, idx) == 2, "virtio 1.2, 2.7.8");
static_assert(offsetof(struct virtq_used, ring) == 4, "virtio 1.2, 2.7.8");

#define VIRTQ_USED_F_NO_NOTIFY 1u /* ignored if VIRTQ_F_EVENT_IDX */

/* virtio 1.2, 5.1.6; with VIRTIO_F_VERSION_1 num_buffers is always there: 12 bytes. */
struct virtq_net_hdr {
	uint8_t flags;        /* VIRTQ_NET_F_* */
	uint8_t gso_type;     /* VIRTQ_NET_GSO_* */
	uint16_t hdr_len;     /* bytes of headers, with GSO */
	uint16_t gso_size;    /* bytes of payload of each segment, with GSO */
	uint16_t csum_start;  /* offset where the checksum begins */
	uint16_t csum_offset; /* and where, after csum_start, it is stored */
	uint16_t num_buffers; /* receive: chains that this frame fills; 1 without mrg_rxbuf */
};
#define VIRTQ_NET_HDR_BYTES 12u
static_assert(sizeof(struct virtq_net_hdr) == VIRTQ_NET_HDR_BYTES, "virtio 1.2, 5.1.6");
static_assert(offsetof(struct virtq_net_hdr, gso_size) == 4, "virtio 1.2, 5.1.6");
static_assert(offsetof(struct virtq_net_hdr, num_buffers) == 10, "virtio 1.2, 5.1.6");

#define VIRTQ_NET_F_NEEDS_CSUM 1u
#define VIRTQ_NET_F_DATA_VALID 2u
/* Not of the specification, see place.h: hdr_len bytes of headers are in front of the payload ...
 */
#define VIRTQ_NET_F_SPLIT   8u
#define VIRTQ_NET_F_BUFFER  16u /* ... and the next used process buffer belongs to this frame */
#define VIRTQ_NET_GSO_NONE  0u
#define VIRTQ_NET_GSO_TCPV4 1u
#define VIRTQ_NET_GSO_UDP   3u
#define VIRTQ_NET_GSO_TCPV6 4u

/* Feature bits as the specification numbers them: 5.1.3 and 6. */
#define VIRTQ_F_MRG_RXBUF (1ull << 15) /* VIRTIO_NET_F_MRG_RXBUF */
#define VIRTQ_F_INDIRECT  (1ull << 28) /* VIRTIO_F_INDIRECT_DESC */
#define VIRTQ_F_EVENT_IDX (1ull << 29) /* VIRTIO_F_EVENT_IDX */

#define VIRTQ_MAX_SIZE 32768u /* virtio 1.2, 2.7 */

/* ---- what both sides are told ------------------------------------------------------------- */

struct virtq_layout {
	uint32_t size;       /* descriptors, a power of two, 1..VIRTQ_MAX_SIZE */
	gpa_t desc;          /* virtq_desc_bytes(), aligned to 16 */
	gpa_t avail;         /* virtq_avail_bytes(), aligned to 2 */
	gpa_t used;          /* virtq_used_bytes(), aligned to 4 */
	uint64_t features;   /* VIRTQ_F_* as negotiated */
	struct frame **tags; /* `size` entries beside the heads: how a frame's measurement travels.
			      * Not guest memory, shared by both sides; NULL if nobody measures */
};

#define VIRTQ_DESC_ALIGN  16u /* virtio 1.2, 2.7 */
#define VIRTQ_AVAIL_ALIGN 2u
#define VIRTQ_USED_ALIGN  4u

static inline uint32_t virtq_desc_bytes(uint32_t size)
{
	return 16 * size;
}

/* The event word counts whether negotiated or not. */
static inline uint32_t virtq_avail_bytes(uint32_t size)
{
	return 6 + 2 * size;
}

static inline uint32_t virtq_used_bytes(uint32_t size)
{
	return 6 + 8 * size;
}

/* Whether size, alignment and ends are as the specification wants; init refuses it otherwise. */
bool virtq_layout_valid(const struct virtq_layout *l);

/* ---- what can be wrong with the other side ------------------------------------------------ */

/*
 * Each stops the queue and is counted in it. The first group is found by the device in what a
 * driver wrote, the second by the driver in what a device wrote.
 */
#define VIRTQ_ERRS(X)                                                                              \
	X(NONE, none)                                                                              \
	X(AVAIL_JUMP, avail_jump)           /* avail idx ran ahead by more than the queue */       \
	X(HEAD_RANGE, head_range)           /* head not in the table */                            \
	X(HEAD_IN_FLIGHT, head_in_flight)   /* head exposed again before it was used */            \
	X(NEXT_RANGE, next_range)           /* next not in the table (either kind) */              \
	X(LOOP, loop)                       /* chain longer than the queue, 2.7.5 */               \
	X(ZERO_LEN, zero_len)               /* descriptor of no bytes */                           \
	X(CHAIN_BYTES, chain_bytes)         /* chain of 2^32 bytes or more, 2.7.5 */               \
	X(ADDR_WRAP, addr_wrap)             /* buffer passes the end of the address space */       \
	X(ADDR_RANGE, addr_range)           /* buffer outside memory: virtq_dev_fail() */          \
	X(ORDER, order)                     /* device-readable after device-writable, 2.7.4.2 */   \
	X(INDIRECT_OFF, indirect_off)       /* indirect, and not negotiated */                     \
	X(INDIRECT_NESTED, indirect_nested) /* indirect in an indirect table */                    \
	X(INDIRECT_NEXT, indirect_next)     /* indirect with next */                               \
	X(INDIRECT_LEN, indirect_len)       /* table of no bytes, or not a multiple of 16 */       \
	X(INDIRECT_LONG, indirect_long)     /* table longer than the queue */                      \
	X(INDIRECT_RANGE, indirect_range)   /* table outside memory */                             \
	X(HEADER, header)                   /* too short for its header: virtq_dev_fail() */       \
	X(USED_JUMP, used_jump)             /* used idx passes what is in flight */                \
	X(USED_ID, used_id)                 /* used id not in the table */                         \
	X(USED_NOT_IN_FLIGHT, used_not_in_flight) /* used id is no chain in flight */              \
	X(USED_LEN, used_len)                     /* more bytes than the chain's writable part */

enum virtq_err {
#define X(id, name) VIRTQ_ERR_##id,
	VIRTQ_ERRS(X)
#undef X
		VIRTQ_ERR_N
};

extern const char *const virtq_err_names[VIRTQ_ERR_N + 1]; /* NULL-ended */

/* A piece of a chain. */
struct virtq_seg {
	gpa_t addr;
	uint32_t len; /* bytes, not 0 */
};

/* ---- reaching the parts: for the two sides' own use --------------------------------------- */

/* For each page k of the part, page[k] + offset-in-first-page + position is the element. */
struct virtq_part {
	uintptr_t *page;
	uint32_t first; /* offset of the part in its first page */
};

/* Pages that a part of this many bytes can touch, wherever it starts in its first one. */
static inline uint32_t virtq_part_pages(gpa_t gpa, uint32_t bytes)
{
	return (uint32_t)(((gpa.a & (PAGE_BYTES - 1)) + bytes + PAGE_BYTES - 1) >> PAGE_SHIFT);
}

/* Map the part; page[] has virtq_part_pages() entries. False if memory is not there. */
bool virtq_part_map(struct virtq_part *part, struct plat *pl, gpa_t gpa, uint32_t bytes,
		    enum plat_access access, uintptr_t *page);

static inline void *virtq_at(const struct virtq_part *part, uint32_t pos)
{
	uint32_t off = part->first + pos;
	return (void *)(part->page[off >> PAGE_SHIFT] + off);
}

static inline uint16_t *virtq_word(const struct virtq_part *part, uint32_t pos)
{
	return (uint16_t *)virtq_at(part, pos);
}

static inline uint32_t virtq_used_pos(uint32_t slot)
{
	return 4 + 8 * slot;
}

static inline uint32_t virtq_avail_pos(uint32_t slot)
{
	return 4 + 2 * slot;
}

/* used_event, at the end of the available ring (2.7.7); avail_event, of the used ring (2.7.10). */
static inline uint32_t virtq_used_event_pos(uint32_t size)
{
	return virtq_avail_pos(size);
}

static inline uint32_t virtq_avail_event_pos(uint32_t size)
{
	return virtq_used_pos(size);
}

/*
 * One descriptor, fetched once: two relaxed 64-bit loads, so that no compiler reads it again. The
 * driver stores the same two words, which keeps store forwarding whole when both run on one core.
 */
static inline struct virtq_desc virtq_desc_load(const void *at)
{
	const uint64_t *w = (const uint64_t *)at;
	uint64_t addr = __atomic_load_n(&w[0], __ATOMIC_RELAXED);
	uint64_t rest = __atomic_load_n(&w[1], __ATOMIC_RELAXED);
	return (struct virtq_desc){addr, (uint32_t)rest, (uint16_t)(rest >> 32),
				   (uint16_t)(rest >> 48)};
}

static inline void virtq_desc_store(void *at, struct virtq_desc d)
{
	uint64_t *w = (uint64_t *)at;
	__atomic_store_n(&w[0], d.addr, __ATOMIC_RELAXED);
	__atomic_store_n(&w[1], d.len | (uint64_t)d.flags << 32 | (uint64_t)d.next << 48,
			 __ATOMIC_RELAXED);
}

/*
 * Whether the peer asked to hear of the index's passage from now - n to now: virtio 1.2, 2.7.7.1
 * and 2.7.10.1. n may exceed 2^16 when nobody asked for a long while: then it passed every value.
 */
static inline bool virtq_need_event(uint16_t event, uint16_t now, uint32_t n)
{
	return (uint16_t)(now - event - 1) < n;
}

#endif
