/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic_filter.c - for whom a frame is, and which queue takes it: see nic.h. */
#include "nic_impl.h"

#include "../host/peermap.h"
#include "frame.h"

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
	uint64_t key = peermap_mac(mac);
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

/* Entries behind the one that goes are put in again: none may be cut off from its place. */
void nic_forget(struct nic *n, unsigned guest)
{
	uint32_t i = 0;

	while (i <= n->mac_mask && (n->mac_key[i] == UINT64_MAX || n->mac_guest[i] != guest))
		i++;
	if (i > n->mac_mask)
		return;
	n->mac_key[i] = UINT64_MAX;
	for (i = (i + 1) & n->mac_mask; n->mac_key[i] != UINT64_MAX; i = (i + 1) & n->mac_mask) {
		uint64_t key = n->mac_key[i];
		uint32_t at = mac_slot(n, key), who = n->mac_guest[i];

		n->mac_key[i] = UINT64_MAX;
		while (n->mac_key[at] != UINT64_MAX)
			at = (at + 1) & n->mac_mask;
		n->mac_key[at] = key;
		n->mac_guest[at] = who;
	}
}

/* Whose address this is: a guest, or NIC_NOBODY. */
static uint32_t guest_at(const struct nic *n, uint64_t key)
{
	for (uint32_t i = mac_slot(n, key); n->mac_key[i] != UINT64_MAX; i = (i + 1) & n->mac_mask)
		if (n->mac_key[i] == key)
			return n->mac_guest[i];
	return NIC_NOBODY;
}

uint32_t nic_filter_mac(const struct nic *n, const uint8_t *bytes, uint32_t len)
{
	if (len < 6)
		return NIC_NOBODY;
	return bytes[0] & 1 ? NIC_ALL : guest_at(n, peermap_mac(bytes));
}

uint32_t nic_route(const struct nic_queue *from, const uint8_t *bytes, uint32_t len)
{
	const struct nic *n = from->nic;
	const struct peer *peer;
	uint32_t guest;
	uint64_t key;

	if (len < 14)
		return NIC_NOBODY;
	if (bytes[0] & 1)
		return NIC_ALL;
	key = peermap_mac(bytes);
	if (n->fabric && from->vf >= 0) {
		peer = peermap_find(n->fabric->map, n->device, key);
		if (peer)
			return ((const struct nic_queue *)peer->vf)->guest;
	}
	guest = guest_at(n, key);
	/* Between guests of the PF the host switches. */
	if (guest != NIC_NOBODY && from->vf < 0 && n->queue[n->guest_queue[guest]].vf < 0)
		return NIC_NOBODY;
	return guest;
}
