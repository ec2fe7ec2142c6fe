/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_null.c - no guest: what the harness itself costs.
 *
 * Received frames end in the hypervisor's buffers, chains to send end when they are popped. Nothing
 * is copied, nobody checks the bytes. Whatever a run with this policy takes, in modelled time or in
 * the simulator's own, the other policies' differences stand on top of it.
 */
#include "policy.h"

#include "frame.h"

static void null_rx_post(struct dpath *dp)
{
	dpath_post_hbufs(dp, REASON_POLICY);
}

static void null_rx(struct dpath *dp, const struct plat_rx *rx, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		hbuf_put(&dp->rx_pool, (uint32_t)rx[i].cookie);
		if (!rx[i].frame)
			continue;
		plat_stamp(dp->rx_pl, rx[i].frame, STAGE_HOST_WAIT);
		plat_deliver(dp->rx_pl, rx[i].frame);
	}
}

static bool null_tx(struct dpath *dp, struct virtq_chain *c)
{
	plat_deliver(dp->tx_pl, c->frame);
	dpath_tx_return(dp, c->head);
	return true;
}

static void null_tx_done(struct dpath *dp, uint64_t cookie)
{
	(void)dp;
	(void)cookie; /* nothing was ever sent */
}

const struct policy policy_null = {
	.name = "null",
	.help = "frames end in the hypervisor: measures the harness",
	.rx_post = null_rx_post,
	.rx = null_rx,
	.tx = null_tx,
	.tx_done = null_tx_done,
};
