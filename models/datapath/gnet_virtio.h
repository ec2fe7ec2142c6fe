/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gnet_virtio.h - a guest's virtio-net driver: one receive and one send queue (virtio 1.2, 5.1).
 *
 * A frame has a 12-byte header in front of it. With mrg_rxbuf one that is longer than a buffer goes
 * on in the next ones, and the header says over how many.
 */
#ifndef DATAPATH_GNET_VIRTIO_H
#define DATAPATH_GNET_VIRTIO_H

#include "gnet.h"
#include "txbatch.h"
#include "virtq_drv.h"

struct gnet_virtio {
	struct virtq_drv rxq, txq;
	struct plat_line *rx_kick, *tx_kick; /* to the host */
	bool mrg_rxbuf;
	bool csum;                 /* VIRTIO_NET_F_CSUM: the header of a sent frame has a meaning */
	uint32_t rx_need, tx_need; /* descriptors that a posted buffer, a frame, takes at most */
	struct txbatch *tx_batch;  /* puts requests to send off; NULL: none is */
};

extern const struct gnet_driver gnet_virtio_driver; /* `below` is a struct gnet_virtio */

/* Its parts, for a driver that receives in another way (gnet_split.h). */
void gnet_virtio_rx_refill(struct gnet *g);
void gnet_virtio_rx_publish(struct gnet *g);
bool gnet_virtio_rx_sleep(struct gnet *g);
void gnet_virtio_tx_clean(struct gnet *g);
bool gnet_virtio_tx_room(const struct gnet *g);
enum gnet_sent gnet_virtio_send(struct gnet *g, const struct virtq_seg *seg, unsigned n,
				uint32_t slot, struct frame *f);
void gnet_virtio_tx_publish(struct gnet *g, bool full);
bool gnet_virtio_tx_sleep(struct gnet *g, bool full);

#endif
