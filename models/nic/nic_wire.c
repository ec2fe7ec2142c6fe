/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_wire.c - slots on the wire, segmentation, the longest frame: see nic.h. */
#include "nic_impl.h"

uint64_t nic_slots_bytes(const struct frame *f)
{
	uint32_t full = f->slots - 1u;
	uint32_t rest = f->len - f->wire_header - full * f->wire_mss;

	return full * nic_one_slot(f->wire_header + f->wire_mss) +
	       nic_one_slot(f->wire_header + rest);
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Bytes of Ethernet header, VLAN tags included; *type is what follows. */
static uint32_t ether_header(const uint8_t *b, uint32_t len, uint16_t *type)
{
	uint32_t at = 12;

	*type = be16(b + at);
	while ((*type == 0x8100 || *type == 0x88a8) && at + 6 <= len) {
		at += 4;
		*type = be16(b + at);
	}
	return at + 2;
}

void nic_segment(struct frame *f, const uint8_t *bytes, uint32_t mtu)
{
	uint16_t type;
	uint32_t at, end, header = 0;

	if (f->len < 34)
		return;
	at = ether_header(bytes, f->len, &type);
	if (f->len <= at + mtu)
		return;
	end = at + mtu;
	if (type == 0x0800 && at + 20 <= f->len) {
		uint32_t ip = (bytes[at] & 15u) * 4u;
		uint8_t proto = bytes[at + 9];
		at += ip;
		header = at + 20 > f->len ? 0
			 : proto == 6     ? at + (bytes[at + 12] >> 4) * 4u
			 : proto == 17    ? at + 8
					  : 0;
	} else if (type == 0x86dd && at + 60 <= f->len) {
		uint8_t proto = bytes[at + 6];
		at += 40;
		header = proto == 6 ? at + (bytes[at + 12] >> 4) * 4u : proto == 17 ? at + 8 : 0;
	}
	if (!header || header >= end || header >= f->len) /* headers unknown: cut Ethernet only */
		header = ether_header(bytes, f->len, &type);
	f->wire_header = (uint16_t)header;
	f->wire_mss = (uint16_t)(end - header);
	f->slots = (uint16_t)((f->len - header + f->wire_mss - 1) / f->wire_mss);
}

bool nic_oversize_tagged(const struct nic *n, const uint8_t *bytes, uint32_t len)
{
	uint16_t type;

	return len > ether_header(bytes, len, &type) + n->cfg.mtu;
}

bool nic_too_long(const struct nic *n, const uint8_t *bytes, uint32_t len)
{
	return nic_oversize(n, bytes, len);
}
