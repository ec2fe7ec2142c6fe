/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_single_copy.c - one copy: the host kernel between its own buffers and the guest's.
 *
 * The host kernel itself looks into the guest's queues, as vhost does; the device emulator takes no
 * part. On receive the device fills a hypervisor buffer and the kernel copies it into the guest's
 * next posted buffer. On transmit the kernel copies the chain into a hypervisor buffer, which the
 * device reads; the guest has its chain back at once.
 */
#include "policy.h"

#include "frame.h"

static void single_copy_rx_post(struct dpath *dp)
{
	dpath_post_hbufs(dp, REASON_POLICY);
}

static void single_copy_rx(struct dpath *dp, const struct plat_rx *rx, unsigned n)
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

static bool single_copy_tx(struct dpath *dp, struct virtq_chain *c)
{
	return dpath_tx_copied(dp, c, SITE_GUEST_TO_HYPERVISOR, REASON_POLICY);
}

const struct policy policy_single_copy = {
	.name = "single-copy",
	.help = "one host copy: host kernel to and from the guest's buffer",
	.rx_copies = 1,
	.tx_copies = 1,
	.rx_post = single_copy_rx_post,
	.rx = single_copy_rx,
	.tx = single_copy_tx,
	.tx_done = dpath_tx_hbuf_done,
};
