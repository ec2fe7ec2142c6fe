/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_switch.c - the switch in the NIC, for guests with a virtual function: its wiring, what it
 * makes of a frame, and what it counts.
 *
 * All mediated NICs of the machine share one fabric, so their guests reach each other. Whether a
 * frame is local is asked of the NIC itself (nic_route), so the books agree with it.
 */
#include <string.h>

#include "host/peermap.h"
#include "machine.h"

void switch_join(struct machine *m, struct host_nic *hn)
{
	if (hn->nic.cfg.kind != NIC_MEDIATED || hn->guests == hn->hosted)
		return;
	if (!m->fabric.map) {
		m->fabric.map = peermap_new(m->iommu);
		m->fabric.vf = machine_array(m, m->guests, sizeof(*m->fabric.vf));
	}
	nic_join(&hn->nic, &m->fabric);
}

void switch_free(struct machine *m)
{
	peermap_free(m->fabric.map);
}

int switch_route(const struct guest *g, const uint8_t *bytes, uint32_t len)
{
	uint32_t to = nic_route(g->nq, bytes, len);

	return to == NIC_ALL ? LSWITCH_ALL : to == NIC_NOBODY ? LSWITCH_WIRE : (int)to;
}

bool switch_joins(const struct guest *a, const struct guest *b)
{
	if (!a->vf && !b->vf)
		return false;
	return a->nic == b->nic || (a->vf && b->vf && a->nic->nic.fabric && b->nic->nic.fabric);
}

static void drops(struct result *r, const char *obj, const char *dir, const uint64_t *by_reason)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < DROP_N; i++)
		sum += by_reason[i];
	result_u64(r, obj, dir, "drops", sum);
	for (unsigned i = 0; i < DROP_N; i++) {
		char name[64];
		g_snprintf(name, sizeof(name), "drops.%s", ledger_drop_names[i]);
		result_u64(r, obj, dir, name, by_reason[i]);
	}
}

void switch_results(struct result *r, const struct host_nic *hn)
{
	for (unsigned i = 0; i < hn->nic.cfg.queues; i++) {
		const struct nic_queue *q = &hn->nic.queue[i];
		const struct nic_vf_stats *s = &q->stats;
		char name[48];

		if (q->vf < 0)
			continue;
		g_snprintf(name, sizeof(name), "%s.vf%d", hn->nic.name, q->vf);
		result_u64(r, name, "rx", "packets", s->received);
		result_u64(r, name, "rx", "packets_local", s->received_local);
		drops(r, name, "rx", s->drops);
		result_u64(r, name, "tx", "packets", s->sent);
		result_u64(r, name, "tx", "packets_local", s->sent_local);
		drops(r, name, "tx", s->sent_drops);
	}
}
