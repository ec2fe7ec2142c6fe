/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture.h - reading one capture file, frame by frame, in file order.
 *
 * A thin layer over libpcap that gives every format (pcap with micro- or nanoseconds, both byte
 * orders; pcapng) one shape: times in nanoseconds since the epoch, frames numbered from 1 as
 * tcpdump and Wireshark number them, and errors that name file, frame and what to do.
 *
 * The link type is always Ethernet. A frame that the filter rejects is returned too (`pass` false):
 * the time base of a replay is the file's, not the filter's.
 */
#ifndef TRAFFIC_CAPTURE_H
#define TRAFFIC_CAPTURE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define CAPTURE_FRAME_MIN 14u    /* an Ethernet header */
#define CAPTURE_FRAME_MAX 65550u /* longest original length accepted, bytes without FCS */

struct capture;

struct capture_frame {
	uint64_t number;      /* position in the file, from 1 */
	uint64_t stamp_ns;    /* since the epoch, as captured */
	const uint8_t *bytes; /* `caplen` of them, valid until the next call */
	uint32_t caplen;      /* captured, <= len */
	uint32_t len;         /* on the wire, CAPTURE_FRAME_MIN..CAPTURE_FRAME_MAX */
	bool pass;            /* the filter accepts it */
};

/* What must stay the same for a second reading of the file to give the same frames. */
struct capture_id {
	uint64_t dev, ino, size, mtime_ns;
};

/*
 * Open `path`, compile `filter` (a BPF expression, or NULL for all). NULL and a traffic_error on
 * failure. `id` may be NULL.
 */
struct capture *capture_open(const char *path, const char *filter, struct capture_id *id,
			     GError **err);
/* 1 with the next frame in *f, 0 at the end of the file, -1 with an error. */
int capture_next(struct capture *c, struct capture_frame *f, GError **err);
int capture_link_type(const struct capture *c); /* DLT_*; always DLT_EN10MB */
void capture_close(struct capture *c);

/* SHA-256 of the file, 64 hex digits and a zero in `hex`. */
bool capture_sha256(const char *path, char hex[65], GError **err);

/*
 * The missing tail of frame `number` of a truncated capture: bytes offset..offset+len-1 to dst.
 * Byte o of frame n is byte (o mod 8), least significant first, of mix(n * 8192 + o / 8 + 1), where
 * mix is the finaliser of splitmix64 over the golden-ratio multiple. A function of (n, o) only, so
 * that two programs, two readings or two pieces of one tail agree.
 */
void capture_tail(uint64_t number, uint32_t offset, uint8_t *dst, uint32_t len);

/* Addresses of a frame, as far as its captured bytes hold them. */
struct capture_addrs {
	bool has_mac, has_ip;
	bool group;                /* the destination MAC is a group address (broadcast included) */
	uint64_t src_mac, dst_mac; /* 48 bits, first byte most significant */
	uint32_t src_ip, dst_ip;   /* of IPv4, or of ARP for IPv4; host order */
};

void capture_addrs(const uint8_t *bytes, uint32_t caplen, struct capture_addrs *a);

/*
 * A key that frames of one flow share: the 5-tuple of TCP, UDP and SCTP over IPv4 or IPv6 (a
 * fragment has no ports), else both MACs and the type; up to two VLAN tags don't count.
 */
uint64_t capture_flow(const uint8_t *bytes, uint32_t caplen);

#endif
