/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dpath_gone.c - the workers of a guest that is no more (dp->gone).
 *
 * They go on taking what comes, since others wait for their buffers: the device, the shared queue,
 * the switch, the emulator's queue. Each frame ends as guest_gone, each buffer goes back where it
 * came from, nothing is posted and nobody is told. What the device or another guest still reads
 * ends as it began. The guest's memory stays until its owner sees that nothing is left of it.
 */
#include "dpath.h"
#include "frame.h"
#include "policy.h"

static unsigned drop_all(struct pktq *q, struct plat *pl, unsigned budget)
{
	struct pktq_entry *e;
	unsigned n = 0;

	for (; n < budget && (e = pktq_take(q)); n++)
		plat_drop(pl, e->frame, DROP_GUEST_GONE);
	return n;
}

/* One buffer back from the device. */
static void reaped(struct dpath *dp, const struct plat_rx *rx)
{
	struct dpath_rx_slot *slot;

	if (rx->frame)
		plat_drop(dp->rx_pl, rx->frame, DROP_GUEST_GONE);
	if (rx->cookie & DPATH_HBUF) {
		hbuf_put(&dp->rx_pool, (uint32_t)rx->cookie);
		return;
	}
	slot = &dp->rx_slot[rx->cookie];
	plat_dma_unmap(dp->rx_pl, dp->port, &dp->rx_seg[slot->head * dp->max_segs], slot->nseg);
	slot->nseg = 0;
	dp->rx_posted--;
}

void dpath_gone_rx(struct dpath *dp)
{
	struct plat_rx rx[DPATH_BURST];
	struct dpath_burst *b = &dp->rxb;
	unsigned n;

	dp->rx_hungry = false;
	if (dp->shared && !dp->rx_policy->vmm_rx) {
		pktq_awake(dp->shared);
		b->work = drop_all(dp->shared, dp->rx_pl, DPATH_BURST);
	}
	if (!dp->own_queue)
		return;
	if (!dp->poll)
		plat_dev_rx_irq(dp->rx_pl, dp->port, false);
	if (dp->rx_policy->vmm_rx)
		pktq_reclaim(&dp->to_vmm);
	n = plat_dev_reap_rx(dp->rx_pl, dp->port, rx, DPATH_BURST - b->work);
	for (unsigned i = 0; i < n; i++)
		reaped(dp, &rx[i]);
	b->work += n;
}

void dpath_gone_vmm(struct dpath *dp)
{
	struct dpath_burst *b = &dp->vmmb;

	b->work = drop_all(&dp->to_vmm, dp->vmm_pl, DPATH_BURST);
	if (dp->shared)
		b->work += drop_all(dp->shared, dp->vmm_pl, DPATH_BURST - b->work);
}
