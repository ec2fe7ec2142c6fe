/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_split.c - header/data split of a machine: a guest's process buffers, who places, and the
 * host that puts buffers aside in mid-run.
 */
#include "machine.h"

#define HEADER_STRIDE 256u /* 12 + SPLIT_HEAD, and none crosses a page */

/* A table that is at most half full; flow_match = any needs none. */
static void flow_table(struct guest *g, struct split_table *t)
{
	*t = (struct split_table){.limit = (uint32_t)cfg_u64(g->cfg, "flow_table"), .mask = 1};
	if (cfg_choice(g->cfg, "flow_match") == 0)
		return;
	while (t->mask + 1 < 2 * t->limit)
		t->mask = 2 * t->mask + 1;
	t->flow = machine_array(g->m, t->mask + 1u, sizeof(*t->flow));
}

void guest_split(struct guest *g)
{
	if (!cfg_bool(g->cfg, "split"))
		return;
	g->net.split = &g->split;
	g->net.driver = &gnet_split_driver;
	g->dp.place = &g->place;
	g->place.page_in = cfg_choice(g->cfg, "not_resident") == 1;
	flow_table(g, &g->place.flows);
}

/* A header for each send slot in kernel memory, and a buffer of the process. */
static bool send_buffers(struct guest *g)
{
	struct gnet *n = &g->net;
	uint32_t stride = (n->max_frame + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	gpa_t headers;
	gva_t base;

	if (n->max_frame <= PAGE_BYTES / 2)
		stride = PAGE_BYTES / 2;
	n->tx_per = 1;
	n->tx_seg = machine_array(g->m, n->tx_n, sizeof(*n->tx_seg));
	n->tx_gva = machine_array(g->m, n->tx_n, sizeof(*n->tx_gva));
	g->split.tx_header = machine_array(g->m, n->tx_n, sizeof(*g->split.tx_header));
	if (gmem_alloc(g->gm, (uint64_t)n->tx_n * HEADER_STRIDE, HEADER_STRIDE, &headers) !=
		    GMEM_OK ||
	    gproc_alloc(g->proc, (uint64_t)n->tx_n * stride, &base) != GMEM_OK)
		return false;
	for (uint32_t i = 0; i < n->tx_n; i++) {
		n->tx_seg[i] = (struct virtq_seg){{headers.a + i * HEADER_STRIDE}, HEADER_STRIDE};
		n->tx_gva[i] = (gva_t){base.a + (uint64_t)i * stride};
	}
	return true;
}

/* Buffers that the process receives into; none is in one page with another, so that one alone can
 * be put aside, unless they are short. */
static bool receive_buffers(struct guest *g, uint32_t size)
{
	struct gnet_split *s = &g->split;
	uint32_t n = size, stride;
	gva_t base;

	if (cfg_is_quantity(g->cfg, "process_buffers"))
		n = MIN(size, (uint32_t)cfg_u64(g->cfg, "process_buffers"));
	s->n = n;
	s->bytes = (uint32_t)cfg_u64(g->cfg, "process_buffer");
	if (!s->bytes || s->bytes > g->net.max_frame)
		s->bytes = g->net.max_frame;
	stride = s->bytes <= PAGE_BYTES / 2 ? PAGE_BYTES / 2
					    : (s->bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	s->gva = machine_array(g->m, n, sizeof(*s->gva));
	s->free = machine_array(g->m, n, sizeof(*s->free));
	if (gproc_alloc(g->proc, g->net.max_frame, &s->read_gva) != GMEM_OK)
		return false;
	if (n && gproc_alloc(g->proc, (uint64_t)n * stride, &base) != GMEM_OK)
		return false;
	for (; s->top < n; s->top++) {
		s->free[s->top] = n - 1 - s->top;
		s->gva[s->top] = (gva_t){base.a + (uint64_t)s->top * stride};
	}
	return true;
}

bool guest_split_buffers(struct guest *g, uint32_t size)
{
	struct gnet *n = &g->net;
	uint32_t frame = n->max_frame + n->header;

	n->rx_n = size + DPATH_BURST;
	n->rx_per = (frame + 2047) / 2048;
	n->rx_free = machine_array(g->m, n->rx_n, sizeof(*n->rx_free));
	for (; n->rx_top < n->rx_n; n->rx_top++)
		n->rx_free[n->rx_top] = n->rx_n - 1 - n->rx_top;
	return guest_kernel_buffers(g, n->rx_n, frame, n->rx_per, &n->rx_seg) &&
	       receive_buffers(g, size) && send_buffers(g);
}

/* The NIC splits and places for this guest: its frames come by a queue that is theirs alone. */
static bool nic_places(const struct guest *g)
{
	return g->nic->nic.cfg.place && g->dp.own_queue && g->dp.rx_policy == &policy_zero_copy;
}

bool guest_split_queue(struct guest *g, GError **error)
{
	uint32_t pages = g->split.bytes / PAGE_BYTES + 2, size = g->dp.rxq.size;
	const struct nic_config *c = &g->nic->nic.cfg;

	if (!guest_queue(g, &g->grx_pl, &g->hrx_pl, &g->split.bufs, &g->place.bufs, pages))
		return cfg_error(g->cfg, "memory", error, "is too small for the virtqueues");
	g->split.need = virtq_drv_cost(&g->split.bufs, pages);
	g->place.buf = machine_array(g->m, size, sizeof(*g->place.buf));
	g->place.why = machine_array(g->m, size, sizeof(*g->place.why));
	if (!nic_places(g))
		return true;
	if (c->rx_ring < g->dp.max_segs)
		return cfg_error(g->nic->cfg, "rx_ring", error,
				 "a kernel's and a process's buffer can take %u descriptors with "
				 "split; use more",
				 g->dp.max_segs);
	flow_table(g, &g->nic_flows);
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
