/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest_build_split.c - header/data split: a guest's process buffers, and their queue. */
#include "guest_build.h"

#define HEADER_STRIDE 256u /* 12 + SPLIT_HEAD, and none crosses a page */

void guest_split_flows(const struct guest_parts *p, struct split_table *t)
{
	*t = (struct split_table){.limit = (uint32_t)cfg_u64(p->cfg, "flow_table"), .mask = 1};
	if (cfg_choice(p->cfg, "flow_match") == 0)
		return;
	while (t->mask + 1 < 2 * t->limit)
		t->mask = 2 * t->mask + 1;
	t->flow = guest_array(p, t->mask + 1u, sizeof(*t->flow));
}

void guest_split_driver(const struct guest_parts *p)
{
	if (!cfg_bool(p->cfg, "split"))
		return;
	p->net->split = p->split;
	p->net->driver = &gnet_split_driver;
	p->dp->place = p->place;
	p->place->page_in = cfg_choice(p->cfg, "not_resident") == 1;
	guest_split_flows(p, &p->place->flows);
}

/* A header for each send slot in kernel memory, and a buffer of the process. */
static bool send_buffers(const struct guest_parts *p)
{
	struct gnet *n = p->net;
	uint32_t stride = (n->max_frame + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	gpa_t headers;
	gva_t base;

	if (n->max_frame <= PAGE_BYTES / 2)
		stride = PAGE_BYTES / 2;
	n->tx_per = 1;
	n->tx_seg = guest_array(p, n->tx_n, sizeof(*n->tx_seg));
	n->tx_gva = guest_array(p, n->tx_n, sizeof(*n->tx_gva));
	p->split->tx_header = guest_array(p, n->tx_n, sizeof(*p->split->tx_header));
	if (!p->mem->kernel(p->ctx, (uint64_t)n->tx_n * HEADER_STRIDE, HEADER_STRIDE, &headers) ||
	    !p->mem->user(p->ctx, (uint64_t)n->tx_n * stride, &base))
		return false;
	for (uint32_t i = 0; i < n->tx_n; i++) {
		n->tx_seg[i] = (struct virtq_seg){{headers.a + i * HEADER_STRIDE}, HEADER_STRIDE};
		n->tx_gva[i] = (gva_t){base.a + (uint64_t)i * stride};
	}
	return true;
}

/* Buffers that the process receives into; none is in one page with another, so that one alone can
 * be put aside, unless they are short. */
static bool receive_buffers(const struct guest_parts *p, uint32_t size)
{
	struct gnet_split *s = p->split;
	uint32_t n = size, stride;
	gva_t base;

	if (cfg_is_quantity(p->cfg, "process_buffers"))
		n = MIN(size, (uint32_t)cfg_u64(p->cfg, "process_buffers"));
	s->n = n;
	s->bytes = (uint32_t)cfg_u64(p->cfg, "process_buffer");
	if (!s->bytes || s->bytes > p->net->max_frame)
		s->bytes = p->net->max_frame;
	stride = s->bytes <= PAGE_BYTES / 2 ? PAGE_BYTES / 2
					    : (s->bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	s->gva = guest_array(p, n, sizeof(*s->gva));
	s->free = guest_stack(p, n, &s->top);
	if (!p->mem->user(p->ctx, p->net->max_frame, &s->read_gva))
		return false;
	if (n && !p->mem->user(p->ctx, (uint64_t)n * stride, &base))
		return false;
	for (uint32_t i = 0; i < n; i++)
		s->gva[i] = (gva_t){base.a + (uint64_t)i * stride};
	return true;
}

bool guest_split_buffers(const struct guest_parts *p, uint32_t size)
{
	struct gnet *n = p->net;
	uint32_t frame = n->max_frame + n->header;

	n->rx_n = size + DPATH_BURST;
	n->rx_per = (frame + 2047) / 2048;
	n->rx_free = guest_stack(p, n->rx_n, &n->rx_top);
	return guest_kernel_buffers(p, n->rx_n, frame, n->rx_per, &n->rx_seg) &&
	       receive_buffers(p, size) && send_buffers(p);
}

bool guest_split_queue(const struct guest_parts *p, GError **error)
{
	uint32_t pages = p->split->bytes / PAGE_BYTES + 2, size = p->dp->rxq.size;

	if (!guest_queue(p, p->net->rx_pl, p->dp->rx_pl, &p->split->bufs, &p->place->bufs, pages))
		return cfg_error(p->cfg, "memory", error, "is too small for the virtqueues");
	p->split->need = virtq_drv_cost(&p->split->bufs, pages);
	p->place->buf = guest_array(p, size, sizeof(*p->place->buf));
	p->place->why = guest_array(p, size, sizeof(*p->place->why));
	return true;
}
