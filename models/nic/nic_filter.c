/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_filter.c - for whom a frame is, and which queue takes it: see nic.h. */
#include "nic_impl.h"

#include "frame.h"

static uint64_t mac48(const uint8_t *m)
{
	return (uint64_t)m[0] << 40 | (uint64_t)m[1] << 32 | (uint64_t)m[2] << 24 |
	       (uint64_t)m[3] << 16 | (uint64_t)m[4] << 8 | m[5];
}

static uint32_t mac_slot(const struct nic *n, uint64_t key)
{
	return (uint32_t)((key * 0x9e3779b97f4a7c15u) >> 40) & n->mac_mask;
}

void nic_rule(struct nic *n, unsigned traffic)
{
	n->rule[traffic] = true;
}

void nic_guest(struct nic *n, unsigned guest, const uint8_t mac[6], unsigned queue)
{
	uint64_t key = mac48(mac);
	uint32_t i = mac_slot(n, key);

	while (n->mac_key[i] != UINT64_MAX && n->mac_key[i] != key)
		i = (i + 1) & n->mac_mask;
	n->mac_key[i] = key;
	n->mac_guest[i] = guest;
	n->guest_queue[guest] = (uint16_t)queue;
}

void nic_all(struct nic *n, unsigned queue)
{
	n->all_queue = (uint16_t)queue;
}

uint32_t nic_filter(const struct nic *n, const struct frame *f)
{
	uint64_t key;

	if (n->rule[f->traffic])
		return f->peer ? NIC_ALL : (uint32_t)f->to;
	if (f->len < 6)
		return NIC_NOBODY;
	if (f->bytes[0] & 1)
		return NIC_ALL;
	key = mac48(f->bytes);
	for (uint32_t i = mac_slot(n, key); n->mac_key[i] != UINT64_MAX; i = (i + 1) & n->mac_mask)
		if (n->mac_key[i] == key)
			return n->mac_guest[i];
	return NIC_NOBODY;
}

struct nic_queue *nic_rx_queue(const struct nic *n, uint32_t target)
{
	return &n->queue[target == NIC_ALL      ? n->all_queue
			 : target == NIC_NOBODY ? 0
						: n->guest_queue[target]];
}
