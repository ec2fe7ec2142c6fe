/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_copy.c - two copies: through the hypervisor's buffers and the device emulator's.
 *
 * The old path. The device knows only the hypervisor's buffers. On receive the hypervisor queues
 * the filled buffer for the device emulator (VMM) of the guest, and wakes it if it sleeps. The
 * emulator reads the frame by a system call - copy one, hypervisor to VMM - and stores it in the
 * guest's posted buffer - copy two. On transmit the guest's kick enters the emulator: it gathers
 * the chain into its own buffer - copy one - and writes that to the hypervisor by a system call -
 * copy two - which sends it.
 *
 * The guest's chain goes back as soon as its bytes are copied, in both directions. The queue
 * between the two is bounded: when the emulator does not keep up, frames are dropped there
 * (vmm_queue_full).
 */
#include "policy.h"

#include "frame.h"
#include "place.h"

static void copy_rx_post(struct dpath *dp)
{
	dpath_post_hbufs(dp, REASON_POLICY);
}

static void copy_rx(struct dpath *dp, const struct plat_rx *rx, unsigned n)
{
	struct plat *pl = dp->rx_pl;

	for (unsigned i = 0; i < n; i++) {
		struct pktq_entry e = {.frame = rx[i].frame,
				       .pool = &dp->rx_pool,
				       .buf = (uint32_t)rx[i].cookie,
				       .reason = REASON_POLICY,
				       .csum = dp->rx_csum};
		if (e.frame) {
			plat_stamp(pl, e.frame, STAGE_HOST_WAIT);
			plat_charge(pl, PLAT_W_HOST_STACK, 1);
			if (pktq_put(&dp->to_vmm, e)) {
				dpath_handed_on(&dp->rxb, e.frame);
				continue;
			}
			plat_drop(pl, e.frame, DROP_VMM_QUEUE_FULL);
		}
		hbuf_put(&dp->rx_pool, e.buf);
	}
}

static unsigned copy_vmm_rx_from(struct dpath *dp, struct pktq *q, unsigned budget)
{
	const struct piece *mine = hbuf_pieces(&dp->vmm_pool, 0);
	struct plat *pl = dp->vmm_pl;
	struct pktq_entry *e;
	unsigned n = 0;

	for (; n < budget && (e = pktq_take(q)); n++) {
		plat_stamp(pl, e->frame, STAGE_VMM_WAIT);
		if (dp->mac && dpath_other_host(dp, pl, e))
			continue;
		if (e->local) { /* its other copy was the sender's */
			dpath_to_guest(dp, pl, &dp->vmmb, e->frame, e->site, REASON_POLICY, e->csum,
				       hbuf_pieces(e->pool, e->buf));
			continue;
		}
		if (dp->place)
			place_note_header(e->frame, hbuf_pieces(e->pool, e->buf));
		plat_charge(pl, PLAT_W_SYSCALL, 1);
		pieces_copy(pl, e->frame, SITE_HYPERVISOR_TO_VMM, REASON_POLICY, mine,
			    hbuf_pieces(e->pool, e->buf), e->frame->len);
		dpath_to_guest(dp, pl, &dp->vmmb, e->frame, SITE_VMM_TO_GUEST, REASON_POLICY,
			       e->csum, mine);
	}
	return n;
}

static unsigned copy_vmm_rx(struct dpath *dp, unsigned budget)
{
	unsigned n = copy_vmm_rx_from(dp, &dp->to_vmm, budget);
	return dp->shared ? n + copy_vmm_rx_from(dp, dp->shared, budget - n) : n;
}

static bool copy_tx(struct dpath *dp, struct virtq_chain *c)
{
	struct piece from[DPATH_PIECES];
	const struct piece *mine = hbuf_pieces(&dp->vmm_pool, 1);
	struct hbuf_pool *p = &dp->tx_pool;
	struct plat *pl = dp->tx_pl;
	bool gone;
	uint32_t len = dpath_tx_len(c), buf = dpath_tx_hbuf_get(dp, c, &gone);

	if (buf == HBUF_NONE)
		return gone;
	if (!dpath_pieces(&dp->txq, pl, c->seg, c->nout, VIRTQ_NET_HDR_BYTES, len, PLAT_READ,
			  from)) {
		hbuf_put(p, buf);
		dpath_tx_refuse(dp, c, DROP_GUEST_QUEUE_STOPPED);
		return true;
	}
	pieces_copy(pl, c->frame, SITE_GUEST_TO_VMM, REASON_POLICY, mine, from, len);
	plat_charge(pl, PLAT_W_SYSCALL, 1);
	plat_charge(pl, PLAT_W_HOST_STACK, 1);
	pieces_copy(pl, c->frame, SITE_VMM_TO_HYPERVISOR, REASON_POLICY, hbuf_pieces(p, buf), mine,
		    len);
	dpath_tx_hbuf(dp, c, buf);
	return true;
}

const struct policy policy_copy = {
	.name = "copy",
	.help = "two host copies: hypervisor buffer and device emulator",
	.rx_copies = 2,
	.tx_copies = 2,
	.rx_post = copy_rx_post,
	.rx = copy_rx,
	.vmm_rx = copy_vmm_rx,
	.tx = copy_tx,
	.tx_done = dpath_tx_hbuf_done,
	.tx_in_vmm = true,
};
