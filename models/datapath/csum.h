/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * csum.h - the Internet checksum (RFC 1071): who has left it blank, and filling it in.
 *
 * A frame goes through the datapath with a note, as virtio-net has it in the header in front of
 * each frame (virtio 1.2, 5.1.6.2 and 5.1.6.4): NEEDS_CSUM, the sum from `start` to the end of the
 * frame is still to be stored, `offset` behind `start`, where the sum of the pseudo-header is now;
 * DATA_VALID, somebody has looked at it; neither, nobody has.
 *
 * Sums are over 16-bit words as they lie in memory, folded and not yet complemented: the result in
 * memory is the same on any machine (RFC 1071, 2.B). What is stored is never 0, which would say "no
 * checksum" in UDP and means the same as 0xffff everywhere else.
 */
#ifndef DATAPATH_CSUM_H
#define DATAPATH_CSUM_H

#include <stdbool.h>
#include <stdint.h>

struct frame;
struct piece;
struct plat;

#define CSUM_NEEDED 1u /* as VIRTQ_NET_F_NEEDS_CSUM */
#define CSUM_VALID  2u /* as VIRTQ_NET_F_DATA_VALID */

/* What a device takes: more than headers need, and what fits in a descriptor (nicdesc.h). */
#define CSUM_START_MAX  0x7fffu
#define CSUM_OFFSET_MAX 0x3fffu

struct csum {
	uint16_t start, offset; /* with CSUM_NEEDED */
	uint8_t flags;
};

/* Where a frame has its TCP or UDP checksum. */
struct csum_place {
	uint16_t start, offset; /* of the TCP or UDP header, of the field in it */
	uint16_t pseudo;        /* sum of the pseudo-header */
	uint32_t len;           /* bytes from start on, by the IP header; padding may follow */
};

/* Of len bytes, or of `len` bytes from `skip` on of pieces that hold as many. */
uint16_t csum_bytes(const uint8_t *p, uint32_t len);
uint16_t csum_pieces(const struct piece *piece, uint32_t skip, uint32_t len);

static inline uint16_t csum_add(uint16_t a, uint16_t b)
{
	uint32_t sum = (uint32_t)a + b;
	return (uint16_t)(sum + (sum >> 16));
}

/* What is stored for a sum. */
static inline uint16_t csum_value(uint16_t sum)
{
	return sum == 0xffff ? sum : (uint16_t)~sum;
}

/*
 * The checksum of a frame of len bytes, of which the first `have` are at b. False: it has none that
 * can be left to somebody else: no TCP or UDP in IPv4 or IPv6 (VLAN tags and IPv6 options before it
 * are skipped), a fragment, or shorter than its headers say.
 */
bool csum_find(const uint8_t *b, uint32_t have, uint32_t len, struct csum_place *at);

/* Is all that a note names inside a frame of len bytes, and what a device takes? */
static inline bool csum_fits(struct csum c, uint32_t len)
{
	return c.start <= CSUM_START_MAX && c.offset <= CSUM_OFFSET_MAX &&
	       (uint32_t)c.start + c.offset + 2 <= len;
}

/* Do what the note asks for, in a frame of len bytes that it fits. */
void csum_fill(uint8_t *frame, uint32_t len, struct csum c);
void csum_fill_pieces(const struct piece *piece, uint32_t len, struct csum c);

/* Two bytes at a frame's offset `at`, in whatever pieces they are. */
void csum_store(const struct piece *piece, uint32_t at, uint16_t value);

/*
 * What a pass over len bytes costs, from `skip` on of these pieces (NULL: of memory that the world
 * does not know), and its book.
 */
void csum_pass(struct plat *pl, struct frame *f, const struct piece *piece, uint32_t skip,
	       uint32_t len);

enum csum_verdict { CSUM_NONE, CSUM_GOOD, CSUM_BAD };

/* Looks at a frame's checksum; *looked: how many bytes that took. CSUM_NONE: there is none. */
enum csum_verdict csum_check(const struct piece *piece, uint32_t len, uint32_t *looked);

#endif
