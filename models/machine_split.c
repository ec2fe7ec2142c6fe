/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_split.c - header/data split of a machine: who places, and the host that puts buffers
 * aside in mid-run. The buffers are in guest_build_split.c.
 */
#include "machine.h"

/* The NIC splits and places for this guest: its frames come by a queue that is theirs alone. */
static bool nic_places(const struct guest *g)
{
	return g->nic->nic.cfg.place && g->dp.own_queue && g->dp.rx_policy == &policy_zero_copy;
}

bool split_nic(struct guest *g, GError **error)
{
	const struct nic_config *c = &g->nic->nic.cfg;

	if (!g->net.split || !nic_places(g))
		return true;
	if (c->rx_ring < g->dp.max_segs)
		return cfg_error(g->nic->cfg, "rx_ring", error,
				 "a kernel's and a process's buffer can take %u descriptors with "
				 "split; use more",
				 g->dp.max_segs);
	guest_split_flows(&g->parts, &g->nic_flows);
	nic_queue_split(&g->nic->nic, g->nic->queues_used, &g->nic_flows);
	return true;
}

/* As host swap would, of the process buffers that it receives into. */
static void evict_event(struct event *ev)
{
	struct guest *g = GUEST_OF(ev, evict);
	struct gnet_split *s = &g->split;

	for (uint32_t i = 0; i < s->n; i++)
		for (uint64_t at = 0; at < s->bytes; at += PAGE_BYTES) {
			uint64_t one = 1;
			gpa_t gpa;
			if (gproc_translate(g->proc, (gva_t){s->gva[i].a + at}, &one, GMEM_READ,
					    &gpa) == GMEM_OK)
				gmem_evict(g->gm, gpa);
		}
}

void guest_split_start(struct guest *g)
{
	event_init(&g->evict, evict_event);
	if (g->net.split && cfg_has(g->cfg, "evict_at"))
		evq_schedule(&g->m->q, &g->evict, cfg_time(g->cfg, "evict_at"));
}
