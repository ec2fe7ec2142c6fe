/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gnet_split.c - a guest's driver and process under header/data split: see gnet_split.h. */
#include "gnet_split.h"

#include "frame.h"

/* Pieces of the process's [gva, gva+len); the access brings back what the host has put aside. */
static unsigned reach(struct plat *pl, gva_t gva, uint32_t len, struct piece *piece)
{
	unsigned n = 0;

	while (len && n < DPATH_PIECES) {
		uint32_t part = len, one = 1;
		uint8_t *p = plat_map_user(pl, gva, &part, PLAT_WRITE);
		gpa_t gpa;
		if (!p) {
			if (!plat_translate(pl, gva, &gpa, &one) || !plat_page_in(pl, gpa))
				break;
			continue;
		}
		piece[n++] = (struct piece){p, part};
		gva.a += part;
		len -= part;
	}
	return n;
}

/* ---- receive --------------------------------------------------------------------------------- */

/* What came: a kernel buffer, and maybe a process buffer. */
struct received {
	uint32_t kernel, buf;       /* numbers; the latter NONE if there is none */
	uint32_t in_kernel, header; /* bytes of the frame there, and of them its header */
	uint32_t placed;            /* bytes of payload in the process buffer */
	bool checked;               /* the device has looked at its checksum, or it needs none */
};
#define NONE UINT32_MAX

static void give(struct gnet *g, const struct received *r)
{
	struct gnet_split *s = g->split;

	gnet_rx_give(g, r->kernel);
	if (r->buf != NONE)
		s->free[s->top++] = r->buf;
}

/* Reads the virtio-net header, once. False: what the device says cannot be. */
static bool understand(struct gnet *g, uint32_t kernel, uint32_t len, struct received *r)
{
	struct gnet_split *s = g->split;
	struct virtq_net_hdr h = {0};
	uint32_t bytes = sizeof(h);
	uint64_t buf;
	const void *at = plat_map(g->rx_pl, g->rx_seg[kernel * g->rx_per].addr, &bytes, PLAT_READ);

	*r = (struct received){.kernel = kernel, .buf = NONE};
	if (len < sizeof(h))
		return false;
	__builtin_memcpy(&h, at, sizeof(h));
	if (h.flags & VIRTQ_NET_F_BUFFER) {
		if (!virtq_drv_get(&s->bufs, g->rx_pl, &buf, &r->placed, NULL))
			return false;
		r->buf = (uint32_t)buf;
	}
	r->checked = h.flags & (VIRTQ_NET_F_NEEDS_CSUM | VIRTQ_NET_F_DATA_VALID);
	r->in_kernel = len - VIRTQ_NET_HDR_BYTES;
	r->header = h.flags & VIRTQ_NET_F_SPLIT ? h.hdr_len : 0;
	return r->header <= r->in_kernel && r->in_kernel + r->placed <= g->max_frame;
}

/* Where the process has, or will have, the payload: the buffer, then what it has for reading. */
static unsigned payload_at(struct gnet *g, const struct received *r, struct piece *piece)
{
	struct gnet_split *s = g->split;
	uint32_t len = r->in_kernel - r->header + r->placed;
	uint32_t there = r->buf == NONE ? 0 : len < s->bytes ? len : s->bytes;
	unsigned n = 0;

	if (there)
		n = reach(g->rx_pl, s->gva[r->buf], there, piece);
	if (len > there)
		n += reach(g->rx_pl, s->read_gva, len - there, piece + n);
	return n;
}

/* The process has header and payload; both are put together for the endpoint alone. */
static void look(struct gnet *g, const struct frame *f, const struct piece *header, uint32_t len,
		 const struct piece *payload, unsigned n)
{
	uint8_t *to = g->linear + pieces_read(g->linear, header, len);

	for (unsigned i = 0; i < n; to += payload[i].len, i++)
		__builtin_memcpy(to, payload[i].p, payload[i].len);
	endpoint_receive(f->local ? &g->local_end : &g->rx_end, f, g->linear,
			 (uint32_t)(to - g->linear));
}

/* The kernel looks at the checksum itself, wherever the frame's parts are. */
static bool verified(struct gnet *g, struct frame *f, const struct received *r,
		     const struct piece *kernel, const struct piece *payload)
{
	struct piece all[3 * DPATH_PIECES];
	uint32_t left = r->in_kernel - r->header;
	unsigned n = pieces_skip(all, kernel, 0, r->header);

	n += pieces_skip(all + n, payload, 0, r->placed);
	pieces_skip(all + n, kernel, r->header, left);
	return gnet_csum_ok(g, f, all, r->in_kernel + r->placed);
}

static void frame_in(struct gnet *g, struct frame *f, const struct received *r)
{
	struct piece kernel[DPATH_PIECES], payload[DPATH_PIECES], to[DPATH_PIECES],
		rest[DPATH_PIECES];
	struct plat *pl = g->rx_pl;
	uint32_t left = r->in_kernel - r->header;
	unsigned n;

	plat_stamp(pl, f, STAGE_GUEST_WAIT);
	plat_charge(pl, PLAT_W_GUEST_RX, 1);
	if (r->buf != NONE)
		plat_charge(pl, PLAT_W_GUEST_POST, 1);
	gnet_kernel_pieces(pl, &g->rx_seg[r->kernel * g->rx_per], g->rx_per, VIRTQ_NET_HDR_BYTES,
			   r->in_kernel, PLAT_READ, kernel);
	n = payload_at(g, r, payload);
	if (__builtin_expect(g->verify, 0) && !r->checked && !verified(g, f, r, kernel, payload)) {
		plat_drop(pl, f, DROP_BAD_CHECKSUM);
		return;
	}
	plat_stamp(pl, f, STAGE_GUEST_KERNEL);
	if (left) {
		plat_charge(pl, PLAT_W_SYSCALL, 1);
		pieces_skip(to, payload, r->placed, left);
		pieces_skip(rest, kernel, r->header, left);
		pieces_copy_payload(pl, f, SITE_GUEST_KERNEL_TO_PROCESS, REASON_POLICY, to, rest,
				    left);
		plat_stamp(pl, f, STAGE_PROCESS);
	}
	look(g, f, kernel, r->header, payload, n);
	plat_process(pl, f);
	plat_deliver(pl, f);
}

static void refill(struct gnet *g)
{
	struct gnet_split *s = g->split;
	struct virtq_seg seg[DPATH_SEGS];

	while (s->top && virtq_drv_room(&s->bufs) >= s->need) {
		uint32_t buf = s->free[s->top - 1];
		unsigned n = gnet_user_segs(g->rx_pl, s->gva[buf], s->bytes, seg, 0, DPATH_SEGS);
		if (!virtq_drv_add(&s->bufs, g->rx_pl, seg, 0, n, buf, NULL))
			break;
		s->top--;
	}
	gnet_virtio_rx_refill(g);
}

static void split_rx_poll(struct gnet *g)
{
	struct gnet_virtio *v = g->below;
	struct dpath_burst *b = &g->rxb;
	struct received r;
	uint64_t kernel;
	uint32_t len;
	struct frame *f;

	virtq_drv_intr_off(&v->rxq);
	plat_charge(g->rx_pl, PLAT_W_POLL, 1);
	virtq_drv_used(&v->rxq);
	virtq_drv_used(&g->split->bufs); /* after it: a frame's buffer is there before the frame */
	while (b->work < g->weight && virtq_drv_get(&v->rxq, g->rx_pl, &kernel, &len, &f)) {
		b->work++;
		if (understand(g, (uint32_t)kernel, len, &r) && f)
			frame_in(g, f, &r);
		else
			g->bad_length++;
		give(g, &r);
	}
	refill(g);
}

static void split_rx_publish(struct gnet *g)
{
	virtq_drv_publish(&g->split->bufs);
	gnet_virtio_rx_publish(g);
}

/* ---- transmit -------------------------------------------------------------------------------- */

/* The process, or the kernel, writes its memory; no copy of the datapath's. */
static void write_to(const struct piece *piece, unsigned n, const uint8_t *from)
{
	for (unsigned i = 0; i < n; from += piece[i++].len)
		__builtin_memcpy(piece[i].p, from, piece[i].len);
}

void gnet_split_make(struct gnet *g, struct frame *f, uint32_t slot)
{
	struct piece piece[DPATH_PIECES];
	struct plat *pl = g->tx_pl;
	struct split_flow flow;
	uint32_t head = f->len < SPLIT_HEAD ? f->len : SPLIT_HEAD;
	uint32_t header = split_header(f->bytes, head, f->len, &flow);
	unsigned n;

	f->header = (uint16_t)header;
	g->split->tx_header[slot] = (uint16_t)header;
	if (header) {
		plat_charge(pl, PLAT_W_GUEST_TX, 1);
		n = gnet_kernel_pieces(pl, &g->tx_seg[slot], 1, g->header, header, PLAT_WRITE,
				       piece);
		write_to(piece, n, f->bytes);
	}
	n = reach(pl, g->tx_gva[slot], f->len - header, piece);
	write_to(piece, n, f->bytes + header);
}

unsigned gnet_split_tx_pieces(struct gnet *g, uint32_t slot, uint32_t len, struct virtq_seg *seg)
{
	uint32_t header = g->split->tx_header[slot];

	seg[0] = (struct virtq_seg){g->tx_seg[slot].addr, g->header + header};
	if (header == len)
		return 1;
	return gnet_user_segs(g->tx_pl, g->tx_gva[slot], len - header, seg, 1, DPATH_SEGS);
}

const struct gnet_driver gnet_split_driver = {
	.rx_poll = split_rx_poll,
	.rx_publish = split_rx_publish,
	.rx_sleep = gnet_virtio_rx_sleep,
	.tx_clean = gnet_virtio_tx_clean,
	.tx_room = gnet_virtio_tx_room,
	.send = gnet_virtio_send,
	.tx_publish = gnet_virtio_tx_publish,
	.tx_sleep = gnet_virtio_tx_sleep,
};
