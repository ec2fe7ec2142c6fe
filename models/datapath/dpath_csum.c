/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dpath_csum.c - what a guest's header asks of a frame that it sends: the checksum that it has left
 * blank (virtio 1.2, 5.1.6.2). Nothing of it is read twice, and nothing is written to the guest's
 * memory: the device fills it in as the frame leaves, or the host in a buffer of its own.
 *
 * A note that does not fit its frame drops it (bad_offload), as Linux does.
 */
#include "csum.h"
#include "dpath.h"
#include "frame.h"

bool dpath_tx_header(struct dpath *dp, struct virtq_chain *c)
{
	struct piece piece[VIRTQ_NET_HDR_BYTES];
	struct virtq_net_hdr h;
	uint8_t *to = (uint8_t *)&h;

	dp->tx_csum = (struct csum){0};
	if (!dpath_pieces(&dp->txq, dp->tx_pl, c->seg, c->nout, 0, sizeof(h), PLAT_READ, piece)) {
		dpath_tx_refuse(dp, c, DROP_GUEST_QUEUE_STOPPED);
		return false;
	}
	for (const struct piece *from = piece; to < (uint8_t *)(&h + 1); to += from++->len)
		__builtin_memcpy(to, from->p, from->len);
	if (!(h.flags & VIRTQ_NET_F_NEEDS_CSUM))
		return true;
	dp->tx_csum = (struct csum){h.csum_start, h.csum_offset, CSUM_NEEDED};
	if (csum_fits(dp->tx_csum, dpath_tx_len(c)))
		return true;
	dpath_tx_refuse(dp, c, DROP_BAD_OFFLOAD);
	return false;
}

void dpath_tx_fill(struct dpath *dp, struct frame *f, const struct piece *piece, uint32_t len)
{
	struct csum *c = &dp->tx_csum;
	uint32_t sum = len - c->start;

	if (plat_dev_info(dp->tx_pl, dp->port).caps & PLAT_CAP_TX_CSUM)
		return;
	csum_fill_pieces(piece, len, *c);
	csum_pass(dp->tx_pl, f, piece, c->start, sum);
	*c = (struct csum){.flags = CSUM_VALID};
}
