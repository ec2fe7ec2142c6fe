/* SPDX-License-Identifier: GPL-2.0-or-later */
/* calib_path.c - a guest's host side for measurements: calib_path.h. */
#include "calib_path.h"

#include <stdlib.h>
#include <string.h>

#include "policy.h"

enum { DATA = 4 << 20 };

/* As the programs' own: two to a page, or pages. */
static void hbufs(struct calib *c, struct hbuf_pool *p, uint32_t n, uint32_t max_frame)
{
	uint32_t piece = path_hbuf_piece(max_frame);

	*p = (struct hbuf_pool){.n = n, .per = (max_frame + piece - 1) / piece};
	p->bytes = p->per * piece;
	uint8_t *mem = plat_real_hbufs(calib_array(c, (size_t)n * p->bytes + PLAT_REAL_SLACK, 1));
	p->piece = calib_array(c, (size_t)n * p->per, sizeof(*p->piece));
	p->dma = calib_array(c, (size_t)n * p->per, sizeof(*p->dma));
	p->stack = calib_array(c, n, sizeof(*p->stack));
	p->lent = calib_array(c, n, sizeof(*p->lent));
	for (uint32_t i = 0; i < n * p->per; i++) {
		p->piece[i] = (struct piece){mem + (size_t)i * piece, piece};
		p->dma[i] = (uintptr_t)p->piece[i].p;
	}
	for (uint32_t i = 0; i < n; i++)
		hbuf_put(p, n - 1 - i);
}

static bool queue(struct path *p, struct path_queue *q, uint64_t at, struct virtq_dev *dev)
{
	q->l = (struct virtq_layout){
		.size = PATH_RING,
		.desc = {at},
		.avail = {at + 8192},
		.used = {at + 12288},
		.features = VIRTQ_F_EVENT_IDX | VIRTQ_F_INDIRECT | VIRTQ_F_MRG_RXBUF,
		.tags = calib_array(p->c, PATH_RING, sizeof(struct frame *)),
	};
	q->tables = (gpa_t){at + 65536};
	q->drv_mem = calib_array(p->c, virtq_drv_bytes(&q->l, q->tables, p->per), 1);
	q->dev_mem = calib_array(p->c, virtq_dev_bytes(&q->l), 1);
	return virtq_drv_init(&q->drv, &p->pl, &q->l, q->tables, p->per, q->drv_mem) &&
	       virtq_dev_init(dev, &p->pl, &q->l, q->dev_mem);
}

static void host_side(struct path *p, const char *policy)
{
	struct dpath *dp = &p->dp;
	uint32_t frame = p->dev->max_frame;

	*dp = (struct dpath){.rx_policy = policy_find(policy),
			     .tx_policy = policy_find(policy),
			     .rx_pl = &p->pl,
			     .tx_pl = &p->pl,
			     .port = &p->port,
			     .own_queue = true,
			     .rx_intr = &p->quiet,
			     .tx_intr = &p->quiet,
			     .vmm_line = &p->quiet,
			     .poll = true,
			     .mrg_rxbuf = true,
			     .max_frame = frame,
			     .max_segs = 2 * (frame / PAGE_BYTES) + 8,
			     .ztx.segs = PATH_DEV};
	hbufs(p->c, &dp->rx_pool, PATH_DEV, frame);
	hbufs(p->c, &dp->tx_pool, PATH_DEV, frame);
	hbufs(p->c, &dp->vmm_pool, 2, frame);
	dp->rx_reason = calib_array(p->c, PATH_DEV, sizeof(*dp->rx_reason));
	if (dp->rx_policy->vmm_rx)
		dp->vmm_pl = &p->pl;
	dp->to_vmm.mask = 1023;
	dp->to_vmm.entry = calib_array(p->c, 1024, sizeof(struct pktq_entry));
	dp->rx_slot = calib_array(p->c, PATH_RING, sizeof(*dp->rx_slot));
	dp->rx_seg = calib_array(p->c, (size_t)PATH_RING * dp->max_segs, sizeof(*dp->rx_seg));
	dp->tx_seg = calib_array(p->c, (size_t)PATH_RING * dp->max_segs, sizeof(*dp->tx_seg));
	dp->tx_nseg = calib_array(p->c, PATH_RING, sizeof(*dp->tx_nseg));
}

static void tear_down(void *arg)
{
	struct path *p = arg;

	plat_port_fini(&p->port);
	plat_pool_fini(&p->pool);
	plat_real_fini(&p->pl);
}

/* The pieces of the guest's buffer `slot` for so many bytes. */
static unsigned pieces_of(const struct path *p, unsigned slot, uint32_t bytes,
			  struct virtq_seg *seg)
{
	uint64_t at = p->data + (uint64_t)slot * p->per * p->kbuf;
	unsigned n = 0;

	for (; bytes; n++, at += p->kbuf) {
		uint32_t part = bytes < p->kbuf ? bytes : p->kbuf;
		seg[n] = (struct virtq_seg){{at}, part};
		bytes -= part;
	}
	return n;
}

static void give(struct path *p, unsigned slot)
{
	struct virtq_seg seg[DPATH_SEGS];
	unsigned n = pieces_of(p, slot, p->dev->max_frame + VIRTQ_NET_HDR_BYTES, seg);

	virtq_drv_add(&p->rx.drv, &p->pl, seg, 0, n, slot, NULL);
}

/* As the program on real devices has it: the frame that was read is told by the far side. */
static bool arrived(void *ctx, struct frame *f, const uint8_t *head, uint32_t head_len,
		    uint32_t len)
{
	const struct path *p = ctx;
	struct far_sent s;

	if (!far_match(p->dev->far, 0, head, head_len, len, &s))
		return false;
	f->num = s.num;
	f->hash = s.hash;
	f->first = s.sent < f->last ? s.sent : f->last;
	f->last = f->first;
	return true;
}

static void departing(void *ctx, struct frame *f)
{
	const struct path *p = ctx;

	far_expect(p->dev->far, 0, f);
}

struct path *path_new(struct calib *c, struct path_dev *dev, const char *policy, uint32_t kbuf,
		      enum plat_backend backend, const char **why)
{
	struct path *p = calib_array(c, 1, sizeof(*p));
	const struct plat_port_cfg cfg = {.rx_fd = dev->tap.fd[0],
					  .tx_fd = dev->tap.fd[0],
					  .ring = PATH_DEV,
					  .max_frame = dev->max_frame,
					  .vnet_hdr = dev->tap.vnet_hdr,
					  .backend = backend,
					  .pool = &p->pool,
					  .led = &p->led,
					  .arrived = arrived,
					  .departing = departing,
					  .ctx = p};

	p->c = c;
	p->dev = dev;
	p->quiet.fd = -1;
	p->kbuf = kbuf;
	p->per = (dev->max_frame + VIRTQ_NET_HDR_BYTES + kbuf - 1) / kbuf;
	p->data = DATA;
	*why = "no memory";
	if (!plat_real_init(&p->pl, DATA + 2ull * PATH_RING * p->per * kbuf) ||
	    !plat_pool_init(&p->pool, 1024))
		return NULL;
	memset(p->pl.mem, 0, p->pl.bytes); /* every page is there */
	if (!plat_port_init(&p->port, &cfg)) {
		*why = p->port.failed ? p->port.failed : "no port";
		return NULL;
	}
	calib_at_end(c, tear_down, p);
	host_side(p, policy);
	*why = "no virtqueue";
	if (!queue(p, &p->rx, 0, &p->dp.rxq) || !queue(p, &p->tx, 1 << 20, &p->dp.txq))
		return NULL;
	for (unsigned i = 0; i < PATH_RING; i++)
		give(p, i);
	virtq_drv_publish(&p->rx.drv);
	path_receive(p); /* which posts the first buffers */
	return p;
}

/* ---- steps ---- */

unsigned path_receive(struct path *p)
{
	struct dpath *dp = &p->dp;
	uint64_t before = p->port.stats.rx_frames;

	dpath_rx_burst(dp);
	dpath_rx_commit(dp);
	if (dp->vmm_pl) {
		dpath_vmm_burst(dp);
		dpath_vmm_commit(dp);
	}
	return (unsigned)(p->port.stats.rx_frames - before);
}

/* Its first piece: the whole, if buffers lie one after the other, as here. */
static void look_at(struct path *p, struct endpoint *end, struct frame *f, uint64_t slot)
{
	endpoint_receive(end, f,
			 p->pl.mem + p->data + slot * p->per * p->kbuf + VIRTQ_NET_HDR_BYTES,
			 f->len);
}

void path_refill(struct path *p, struct endpoint *end)
{
	struct frame *f;
	uint64_t slot;
	uint32_t len;

	virtq_drv_used(&p->rx.drv);
	while (virtq_drv_get(&p->rx.drv, &p->pl, &slot, &len, &f)) {
		if (f && end)
			look_at(p, end, f, slot);
		if (f)
			plat_deliver(&p->pl, f);
		give(p, (unsigned)slot);
	}
	virtq_drv_publish(&p->rx.drv);
}

/* The process makes a frame in the guest's buffer, behind the device's header. */
static void make(struct path *p, const struct tframe *t, uint64_t slot)
{
	uint64_t at = p->data + (PATH_RING + slot) * p->per * p->kbuf;

	memcpy(p->pl.mem + at + VIRTQ_NET_HDR_BYTES, t->bytes, t->len);
}

void path_post(struct path *p, unsigned n)
{
	struct virtq_seg seg[DPATH_SEGS];
	struct tframe t;
	plat_time at;

	for (unsigned i = 0; i < n && cursor_peek(p->dev->sends, &at); i++) {
		unsigned slot = (unsigned)(p->tx.drv.adds % PATH_RING);
		struct frame *f = plat_pool_get(&p->pool, &p->led, p->dev->len, plat_now(&p->pl));

		if (!f)
			return;
		cursor_take(p->dev->sends, &t);
		f->num = t.num;
		f->hash = t.hash;
		f->to = -1;
		make(p, &t, slot);
		cursor_release(p->dev->sends, &t);
		unsigned k = pieces_of(p, PATH_RING + slot, t.len + VIRTQ_NET_HDR_BYTES, seg);
		if (!virtq_drv_add(&p->tx.drv, &p->pl, seg, k, 0, slot, f))
			plat_drop(&p->pl, f, DROP_SEND_FULL);
	}
	virtq_drv_publish(&p->tx.drv);
}

void path_send(struct path *p)
{
	dpath_tx_burst(&p->dp);
	dpath_tx_commit(&p->dp);
}

void path_clean(struct path *p)
{
	uint64_t slot;
	uint32_t len;

	virtq_drv_used(&p->tx.drv);
	while (virtq_drv_get(&p->tx.drv, &p->pl, &slot, &len, NULL))
		;
}
