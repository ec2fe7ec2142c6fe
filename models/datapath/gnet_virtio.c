/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gnet_virtio.c - a virtio-net driver under the guest's kernel: see gnet_virtio.h. */
#include "gnet_virtio.h"

#include "frame.h"

/* ---- receive --------------------------------------------------------------------------------- */

void gnet_virtio_rx_refill(struct gnet *g)
{
	struct gnet_virtio *v = g->below;

	while (g->rx_top && virtq_drv_room(&v->rxq) >= v->rx_need) {
		uint32_t buf = gnet_rx_next(g);
		const struct virtq_seg *seg;
		unsigned n = gnet_rx_pieces(g, buf, &seg);

		if (!virtq_drv_add(&v->rxq, g->rx_pl, seg, 0, n, buf, NULL))
			break;
		gnet_rx_posted(g);
	}
}

/*
 * What the header in front of a frame says: how many buffers it fills, and whether its checksum has
 * been looked at or is not needed.
 */
static uint32_t read_header(struct gnet *g, const struct gnet_virtio *v, uint32_t buf)
{
	uint32_t len = VIRTQ_NET_HDR_BYTES;
	const struct virtq_net_hdr *h;

	if (!v->mrg_rxbuf && !g->verify)
		return 1;
	h = plat_map(g->rx_pl, g->rx_seg[buf * g->rx_per].addr, &len, PLAT_READ);
	g->rx_checked = h->flags & (VIRTQ_NET_F_NEEDS_CSUM | VIRTQ_NET_F_DATA_VALID);
	return v->mrg_rxbuf ? h->num_buffers : 1;
}

/* One frame: its first buffer is `buf`; takes the others. */
static void rx_frame(struct gnet *g, struct gnet_virtio *v, struct frame *f, uint32_t buf,
		     uint32_t len)
{
	uint32_t buffers, last = buf, part;
	uint64_t next;

	len -= VIRTQ_NET_HDR_BYTES;
	gnet_rx_seen(g, f);
	buffers = read_header(g, v, buf);
	for (uint32_t i = 1; i < buffers; i++) {
		if (!virtq_drv_get(&v->rxq, g->rx_pl, &next, &part, NULL))
			break;
		g->rx_link[last] = (uint32_t)next;
		last = (uint32_t)next;
		len += part;
	}
	gnet_rx_frame(g, f, buf, buffers, len);
}

static void rx_poll(struct gnet *g)
{
	struct gnet_virtio *v = g->below;
	struct dpath_burst *b = &g->rxb;
	uint64_t buf;
	uint32_t len;
	struct frame *f;

	virtq_drv_intr_off(&v->rxq);
	plat_charge(g->rx_pl, PLAT_W_POLL, 1);
	virtq_drv_used(&v->rxq);
	while (b->work < g->weight && virtq_drv_get(&v->rxq, g->rx_pl, &buf, &len, &f)) {
		b->work++;
		if (f && len > VIRTQ_NET_HDR_BYTES) {
			rx_frame(g, v, f, (uint32_t)buf, len);
		} else { /* the device gave it back unused */
			g->bad_length++;
			gnet_rx_give(g, (uint32_t)buf);
		}
	}
	gnet_virtio_rx_refill(g);
}

void gnet_virtio_rx_publish(struct gnet *g)
{
	struct gnet_virtio *v = g->below;

	if (!virtq_drv_pending(&v->rxq))
		return;
	virtq_drv_publish(&v->rxq);
	if (virtq_drv_should_kick(&v->rxq, g->rx_pl))
		plat_kick(g->rx_pl, v->rx_kick, 0);
}

bool gnet_virtio_rx_sleep(struct gnet *g)
{
	struct gnet_virtio *v = g->below;
	return virtq_drv_intr_on(&v->rxq, g->rx_pl);
}

/* ---- transmit -------------------------------------------------------------------------------- */

void gnet_virtio_tx_clean(struct gnet *g)
{
	struct gnet_virtio *v = g->below;
	uint64_t slot;

	plat_charge(g->tx_pl, PLAT_W_POLL, 1);
	virtq_drv_used(&v->txq);
	while (virtq_drv_get(&v->txq, g->tx_pl, &slot, NULL, NULL))
		gnet_tx_done(g, (uint32_t)slot);
}

bool gnet_virtio_tx_room(const struct gnet *g)
{
	const struct gnet_virtio *v = g->below;
	return virtq_drv_room(&v->txq) >= v->tx_need;
}

/* What is left to the device; the header never crosses a page. */
static void put_header(struct gnet *g, gpa_t at)
{
	struct virtq_net_hdr h = {
		.flags = g->csum.flags, .csum_start = g->csum.start, .csum_offset = g->csum.offset};
	uint32_t len = sizeof(h);

	__builtin_memcpy(plat_map(g->tx_pl, at, &len, PLAT_WRITE), &h, sizeof(h));
}

enum gnet_sent gnet_virtio_send(struct gnet *g, const struct virtq_seg *seg, unsigned n,
				uint32_t slot, struct frame *f)
{
	struct gnet_virtio *v = g->below;

	if (__builtin_expect(v->csum, 0))
		put_header(g, seg[0].addr);
	return virtq_drv_add(&v->txq, g->tx_pl, seg, n, 0, slot, f) ? GNET_SENT : GNET_FULL;
}

void gnet_virtio_tx_publish(struct gnet *g, bool full)
{
	struct gnet_virtio *v = g->below;

	virtq_drv_publish(&v->txq);
	if ((!v->tx_batch || txbatch_due(v->tx_batch, &v->txq, g->tx_pl, full)) &&
	    virtq_drv_should_kick(&v->txq, g->tx_pl))
		plat_kick(g->tx_pl, v->tx_kick, 0);
}

bool gnet_virtio_tx_sleep(struct gnet *g, bool full)
{
	struct gnet_virtio *v = g->below;

	if (full)
		return virtq_drv_intr_on(&v->txq, g->tx_pl);
	if (g->tx_hears && virtq_drv_in_flight(&v->txq))
		return virtq_drv_intr_last(&v->txq, g->tx_pl);
	virtq_drv_intr_off(&v->txq);
	return false;
}

const struct gnet_driver gnet_virtio_driver = {
	.rx_poll = rx_poll,
	.rx_publish = gnet_virtio_rx_publish,
	.rx_sleep = gnet_virtio_rx_sleep,
	.tx_clean = gnet_virtio_tx_clean,
	.tx_room = gnet_virtio_tx_room,
	.send = gnet_virtio_send,
	.tx_publish = gnet_virtio_tx_publish,
	.tx_sleep = gnet_virtio_tx_sleep,
};
