/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost_like.c - what vhost_net does with a frame, as a policy of one's own.
 *
 * Receive: the kernel has the frame in a buffer of its own and copies it into the guest's next one.
 * Send: a frame of at least VHOST_GOODCOPY_LEN is sent from guest memory, a shorter one is copied,
 * which is cheaper than pinning its page and telling the guest later (drivers/vhost/net.c).
 */
#include "policy.h"

#include "frame.h"

#define GOODCOPY_LEN 256u /* VHOST_GOODCOPY_LEN */

static void vhost_rx_post(struct dpath *dp)
{
	dpath_post_hbufs(dp, REASON_POLICY);
}

static void vhost_rx(struct dpath *dp, const struct plat_rx *rx, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t buf = (uint32_t)rx[i].cookie;

		if (rx[i].frame) {
			plat_stamp(dp->rx_pl, rx[i].frame, STAGE_HOST_WAIT);
			dpath_to_guest(dp, dp->rx_pl, &dp->rxb, rx[i].frame,
				       SITE_HYPERVISOR_TO_GUEST, dp->rx_reason[buf], dp->rx_csum,
				       hbuf_pieces(&dp->rx_pool, buf));
		}
		hbuf_put(&dp->rx_pool, buf);
	}
}

/* What does not fit now is offered again. */
static bool vhost_tx(struct dpath *dp, struct virtq_chain *c)
{
	if (dpath_tx_len(c) < GOODCOPY_LEN)
		return dpath_tx_copied(dp, c, SITE_GUEST_TO_HYPERVISOR, REASON_TOO_SMALL);
	return policy_zero_copy.tx(dp, c);
}

static void vhost_tx_done(struct dpath *dp, uint64_t cookie)
{
	policy_zero_copy.tx_done(dp, cookie);
}

const struct policy policy_vhost_like = {
	.name = "vhost-like",
	.help = "receive: one copy; send: short frames copied, others from guest memory",
	.rx_copies = 1,
	.rx_post = vhost_rx_post,
	.rx = vhost_rx,
	.tx = vhost_tx,
	.tx_done = vhost_tx_done,
	.tx_wants_done = true,
	.lends_guest_memory = true,
};
