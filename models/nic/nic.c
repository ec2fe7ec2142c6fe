/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic.c - set-up: see nic.h. */
#include "nic_bus.h"
#include "nic_impl.h"

#include <glib.h>

void nic_init(struct nic *n, const char *name, struct evq *q, struct world *world,
	      struct iommu *iommu, bool protects, const struct nic_config *cfg, unsigned traffics,
	      unsigned guests)
{
	uint32_t slots = 16;

	*n = (struct nic){.q = q,
			  .world = world,
			  .iommu = iommu,
			  .mem = world->mem,
			  .cfg = *cfg,
			  .protects = protects,
			  .look_always = !protects || world->mem->shadow,
			  .bus_byte_as =
				  (uint64_t)((unsigned __int128)8 * SIM_S * 1000000 / cfg->bus_bps),
			  .rx_wire = {.rate_bps = cfg->link_bps},
			  .tx_wire = {.rate_bps = cfg->link_bps}};
	g_strlcpy(n->name, name, sizeof(n->name));
	n->pkt_bytes = cfg->tso || cfg->lro ? NIC_TX_MAX : cfg->mtu + 32;
	n->switch_memory = g_ptr_array_new_with_free_func(g_free);
	while (slots < 2 * guests)
		slots *= 2;
	n->rule = g_new0(bool, traffics + 1);
	n->guest_queue = g_new0(uint16_t, guests + 1);
	n->mac_mask = slots - 1;
	n->mac_key = g_new(uint64_t, slots);
	memset(n->mac_key, 0xff, slots * sizeof(*n->mac_key));
	n->mac_guest = g_new0(uint32_t, slots);
	n->queue = g_new0(struct nic_queue, cfg->queues);
	for (unsigned i = 0; i < cfg->queues; i++)
		n->queue[i] = (struct nic_queue){.nic = n, .vf = -1};
	n->tx_bytes = g_malloc(2 * (size_t)cfg->tx_buffer + 131072);
	nic_fifo_init(&n->rx_dma);
	nic_fifo_init(&n->tx_dma);
	nic_fifo_init(&n->tx_late);
	event_init(&n->rx_end, nic_rx_end_event);
	event_init(&n->rx_dma_done, nic_rx_dma_event);
	event_init(&n->tx_dma_done, nic_tx_dma_event);
	event_init(&n->tx_late_done, nic_tx_late_event);
	event_init(&n->tx_end, nic_tx_end_event);
}

void nic_fini(struct nic *n)
{
	nic_bus_fini(n);
	g_free(n->rule);
	g_free(n->mac_key);
	g_free(n->mac_guest);
	g_free(n->guest_queue);
	for (unsigned i = 0; i < n->cfg.queues; i++) {
		g_free(n->queue[i].rx_copy);
		g_free(n->queue[i].tx_copy);
	}
	g_free(n->queue);
	g_clear_pointer(&n->switch_memory, g_ptr_array_unref); /* NULL: not set up */
	g_free(n->tx_bytes);
	g_free(n->rx_dma.ring);
	g_free(n->tx_dma.ring);
	g_free(n->tx_late.ring);
}

void nic_queue_bind(struct nic *n, unsigned queue, const struct nic_ring *rx,
		    const struct nic_ring *tx, struct nicdrv *drv)
{
	struct nic_queue *q = &n->queue[queue];

	q->rx = *rx;
	q->tx = *tx;
	q->rx_copy = g_renew(struct nic_rx_read, q->rx_copy, rx->size);
	q->tx_copy = g_renew(struct nic_tx_desc, q->tx_copy, tx->size);
	q->regs = (struct nic_regs){0};
	q->rx_head = q->rx_done = q->tx_head = q->tx_done = 0;
	q->stopped = false;
	drv->regs = &q->regs;
	drv->tx.bell = &q->tx_bell;
	plat_line_init(&q->rx_bell, n->q, PLAT_W_N, nic_peer_bell, q);
	if (n->cfg.kind == NIC_MEDIATED && n->cfg.peer_wait)
		drv->rx.bell = &q->rx_bell;
	event_init(&q->rx_itr.ev, nic_rx_itr_event);
	event_init(&q->tx_itr.ev, nic_tx_itr_event);
	plat_line_init(&q->tx_bell, n->q, PLAT_W_N, nic_tx_bell, q);
	if (q->port)
		nic_bus_bind(q, drv);
}

void nic_queue_split(struct nic *n, unsigned queue, struct split_table *table)
{
	n->queue[queue].split = table;
}

void nic_start(struct nic *n)
{
	for (unsigned i = 0; n->bus && i < n->cfg.queues; i++)
		nic_bus_begin(&n->queue[i]);
	nic_rx_next(n);
}
