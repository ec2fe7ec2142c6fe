/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_rig.h - one guest's host side in the test world: what tests of the policies run on.
 *
 * Two virtqueues with a driver, a port, pools of scattered hypervisor buffers. The guest's data
 * pages hold a pattern, and `image` is what they have to hold: after each turn of the host all of
 * guest memory is compared with it, so that a byte written anywhere but where it belongs fails.
 * What the device writes into a used ring is excepted. The end of a rig checks that buffers,
 * mappings and frames add up.
 */
#ifndef TESTS_POLICY_RIG_H
#define TESTS_POLICY_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* No test uses all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"

#include "policy.h"
#include "test_virtq_mock.h"

enum {
	MAX_FRAME = 1514,
	SLOT = 8192, /* guest bytes for each chain */
	SLOTS = 48,
	CHAIN_SEGS = 40,
	PIECE = 700, /* of a hypervisor buffer */
	FRAMES = 4096,
};

#define CAPS (PLAT_CAP_ZERO_COPY | PLAT_CAP_GATHER | PLAT_CAP_OWN_QUEUE)

static const char *const all[] = {"copy", "single-copy", "zero-copy"};

struct rig_opts {
	const char *policy;
	unsigned caps, max_segs, room; /* 0: CAPS, 40, 256 */
	uint32_t size;                 /* of the virtqueues; 0: 64 */
	unsigned per;                  /* of indirect tables; 0: none */
	bool event_idx, mrg, poll, no_gather, no_zero_copy;
	uint32_t vmm_queue; /* 0: 64 */
	uint32_t bufs;      /* of each pool; 0: 400 */
};

struct queue {
	struct virtq_layout l;
	gpa_t tables;
	struct virtq_drv drv;
	struct frame **tags;
	void *drv_mem, *dev_mem;
};

struct chain {
	struct virtq_seg seg[CHAIN_SEGS];
	unsigned n;
	uint32_t bytes;
};

struct rig {
	struct plat pl;
	struct plat_port port;
	struct dpath dp;
	struct queue rx, tx;
	struct ledger rxl, txl;
	struct plat_line rx_intr, tx_intr, vmm_line;
	uint64_t data; /* slots begin here; rings are before */
	uint8_t *image, *now;
	uint64_t bytes;
	struct chain chain[SLOTS]; /* by cookie */
	bool used[SLOTS];
	uint64_t random;
	bool lied; /* the rings hold what the driver's side knows nothing of */
	uint64_t rx_num, rx_seen, tx_num; /* frames so far */
	struct frame *rx_frame[FRAMES];
	uint32_t tx_len[FRAMES];
};

/* ---- building ----------------------------------------------------------------------------------
 */

static void pool_make(struct hbuf_pool *p, uint32_t n)
{
	*p = (struct hbuf_pool){.n = n, .per = (MAX_FRAME + PIECE - 1) / PIECE};
	p->bytes = p->per * PIECE;
	p->piece = calloc(n * p->per, sizeof(*p->piece));
	p->dma = calloc(n * p->per, sizeof(*p->dma));
	p->stack = calloc(n, sizeof(*p->stack));
	p->lent = calloc(n, sizeof(*p->lent));
	for (uint32_t i = 0; i < n * p->per; i++) {
		p->piece[i] = (struct piece){malloc(PIECE), PIECE};
		p->dma[i] = (uintptr_t)p->piece[i].p;
	}
	for (uint32_t i = 0; i < n; i++)
		hbuf_put(p, n - 1 - i);
}

static void pool_free(struct hbuf_pool *p)
{
	for (uint32_t i = 0; i < p->n * p->per; i++)
		free(p->piece[i].p);
	free(p->piece);
	free(p->dma);
	free(p->stack);
	free(p->lent);
}

/* Lays the queue out from `at`; returns its end. */
static uint64_t queue_place(struct queue *q, uint64_t at, const struct rig_opts *o)
{
	q->l = (struct virtq_layout){.size = o->size, .desc = {mock_align(at, 16)}};
	if (o->event_idx)
		q->l.features |= VIRTQ_F_EVENT_IDX;
	if (o->per)
		q->l.features |= VIRTQ_F_INDIRECT;
	q->l.avail.a = q->l.desc.a + virtq_desc_bytes(o->size) + 2;
	q->l.used.a = mock_align(q->l.avail.a + virtq_avail_bytes(o->size), 4);
	q->tables.a = mock_align(q->l.used.a + virtq_used_bytes(o->size), 16);
	return q->tables.a + virtq_drv_table_bytes(o->size, o->per);
}

static void queue_make(struct queue *q, struct plat *pl, struct virtq_dev *dev,
		       const struct rig_opts *o)
{
	q->l.tags = q->tags = calloc(o->size, sizeof(*q->tags));
	q->drv_mem = malloc(virtq_drv_bytes(&q->l, q->tables, o->per));
	q->dev_mem = malloc(virtq_dev_bytes(&q->l));
	assert_true(virtq_drv_init(&q->drv, pl, &q->l, q->tables, o->per, q->drv_mem));
	assert_true(virtq_dev_init(dev, pl, &q->l, q->dev_mem));
}

static void dpath_make(struct rig *r, const struct rig_opts *o)
{
	struct dpath *dp = &r->dp;

	*dp = (struct dpath){.rx_policy = policy_find(o->policy),
			     .tx_policy = policy_find(o->policy),
			     .rx_pl = &r->pl,
			     .tx_pl = &r->pl,
			     .port = &r->port,
			     .own_queue = true,
			     .rx_intr = &r->rx_intr,
			     .tx_intr = &r->tx_intr,
			     .vmm_line = &r->vmm_line,
			     .poll = o->poll,
			     .mrg_rxbuf = o->mrg,
			     .max_frame = MAX_FRAME,
			     .max_segs = 60,
			     .ztx.segs = o->max_segs ? o->max_segs : 40};
	assert_non_null(dp->rx_policy);
	pool_make(&dp->rx_pool, o->bufs);
	pool_make(&dp->tx_pool, o->bufs);
	pool_make(&dp->vmm_pool, 2);
	dp->rx_reason = calloc(o->bufs, sizeof(*dp->rx_reason));
	if (dp->rx_policy->vmm_rx)
		dp->vmm_pl = &r->pl;
	dp->to_vmm.mask = (uint16_t)(o->vmm_queue - 1);
	dp->to_vmm.entry = calloc(o->vmm_queue, sizeof(struct pktq_entry));
	dp->rx_slot = calloc(o->size, sizeof(*dp->rx_slot));
	dp->rx_seg = calloc((size_t)o->size * dp->max_segs, sizeof(*dp->rx_seg));
	dp->tx_seg = calloc((size_t)o->size * dp->max_segs, sizeof(*dp->tx_seg));
	dp->tx_nseg = calloc(o->size, sizeof(*dp->tx_nseg));
}

static struct rig *rig_new(struct rig_opts o)
{
	struct rig *r = calloc(1, sizeof(*r));
	unsigned caps;

	o.size = o.size ? o.size : 64;
	o.vmm_queue = o.vmm_queue ? o.vmm_queue : 64;
	o.bufs = o.bufs ? o.bufs : 400;
	caps = o.caps ? o.caps : CAPS;
	if (o.no_gather)
		caps &= ~(unsigned)PLAT_CAP_GATHER;
	if (o.no_zero_copy)
		caps &= ~(unsigned)PLAT_CAP_ZERO_COPY;
	r->data = queue_place(&r->rx, MOCK_RINGS, &o);
	r->data = mock_align(queue_place(&r->tx, r->data + 1000, &o), PAGE_BYTES);
	r->bytes = r->data + SLOTS * SLOT;
	plat_test_init(&r->pl, (uint32_t)(r->bytes >> PAGE_SHIFT), false);
	plat_test_port_init(&r->port, caps, o.max_segs ? o.max_segs : 40, o.room ? o.room : 256);
	dpath_make(r, &o);
	queue_make(&r->rx, &r->pl, &r->dp.rxq, &o);
	queue_make(&r->tx, &r->pl, &r->dp.txq, &o);
	r->image = malloc(r->bytes);
	r->now = malloc(r->bytes);
	for (uint64_t i = r->data; i < r->bytes; i++)
		r->image[i] = (uint8_t)(0xc0 ^ i ^ i >> 8);
	plat_test_write(&r->pl, r->data, r->image + r->data, (uint32_t)(r->bytes - r->data));
	return r;
}

static void queue_free(struct queue *q)
{
	free(q->tags);
	free(q->drv_mem);
	free(q->dev_mem);
}

/* Buffers of a pool that the device, or the queue to the emulator, holds, and those that are free.
 */
static void pools_balance(const struct rig *r)
{
	uint32_t rx = r->dp.rx_pool.top, tx = r->dp.tx_pool.top;

	for (unsigned i = r->port.rx_reaped; i != r->port.rx_posted; i++)
		rx += (r->port.rx[i % PLAT_TEST_RING].cookie & DPATH_HBUF) != 0;
	rx += (uint16_t)(r->dp.to_vmm.put - r->dp.to_vmm.reclaimed);
	for (unsigned i = r->port.tx_reaped; i != r->port.tx_posted; i++)
		tx += (r->port.tx[i % PLAT_TEST_RING].cookie & DPATH_HBUF) != 0;
	assert_int_equal(rx, r->dp.rx_pool.n);
	assert_int_equal(tx, r->dp.tx_pool.n);
}

static uint64_t drops(const struct ledger *l)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < DROP_N; i++)
		n += l->drops[i];
	return n;
}

static void rig_free(struct rig *r)
{
	pools_balance(r);
	assert_int_equal(r->rxl.offered, r->rxl.delivered + drops(&r->rxl));
	assert_int_equal(r->txl.offered, r->txl.delivered + drops(&r->txl));
	assert_int_equal(r->port.dma_faults, 0);
	dpath_quiesce(&r->dp);
	assert_int_equal(r->pl.dma_maps, 0);
	plat_test_fini(&r->pl);
	plat_test_port_fini(&r->port);
	pool_free(&r->dp.rx_pool);
	pool_free(&r->dp.tx_pool);
	pool_free(&r->dp.vmm_pool);
	free(r->dp.rx_reason);
	free(r->dp.to_vmm.entry);
	free(r->dp.rx_slot);
	free(r->dp.rx_seg);
	free(r->dp.tx_seg);
	free(r->dp.tx_nseg);
	queue_free(&r->rx);
	queue_free(&r->tx);
	free(r->image);
	free(r->now);
	free(r);
}

/* ---- guest memory ------------------------------------------------------------------------------
 */

/* The device may have written its used rings: take them over. */
static void except_used(struct rig *r, const struct queue *q)
{
	memcpy(r->image + q->l.used.a, r->now + q->l.used.a, virtq_used_bytes(q->l.size));
}

/* All of guest memory is as it has to be. */
static void memory_is_as_expected(struct rig *r)
{
	plat_test_read(&r->pl, 0, r->now, (uint32_t)r->bytes);
	except_used(r, &r->rx);
	except_used(r, &r->tx);
	if (!memcmp(r->image, r->now, r->bytes))
		return;
	for (uint64_t i = 0; i < r->bytes; i++)
		if (r->image[i] != r->now[i])
			fail_msg("guest-physical %#llx is %#x, not %#x", (unsigned long long)i,
				 r->now[i], r->image[i]);
}

/* The guest's own writes to its rings. */
static void rings_as_they_are(struct rig *r)
{
	plat_test_read(&r->pl, 0, r->image, (uint32_t)r->data);
}

/* The guest writes, or is expected to find, `len` bytes from byte `skip` of a chain on. */
static void chain_put(uint8_t *image, const struct chain *c, uint32_t skip, const void *bytes,
		      uint32_t len)
{
	const uint8_t *from = bytes;

	for (unsigned i = 0; i < c->n && len; i++) {
		uint32_t part = c->seg[i].len;
		if (skip >= part) {
			skip -= part;
			continue;
		}
		part = part - skip < len ? part - skip : len;
		memcpy(image + c->seg[i].addr.a + skip, from, part);
		from += part;
		len -= part;
		skip = 0;
	}
	assert_int_equal(len, 0);
}

static int free_slot(struct rig *r)
{
	for (int i = 0; i < SLOTS; i++)
		if (!r->used[i])
			return i;
	fail_msg("no free slot");
	return -1;
}

/* A chain of n segments, `bytes` in all, somewhere in the slot: odd lengths, gaps, any order. */
static void chain_scatter(struct rig *r, struct chain *c, int slot, unsigned n, uint32_t bytes)
{
	uint64_t at = r->data + (uint64_t)slot * SLOT;
	bool reversed = mock_below(&r->random, 2);

	*c = (struct chain){.n = n, .bytes = bytes};
	for (unsigned i = 0; i < n; i++) {
		uint32_t left = bytes - (n - 1 - i), part = left;
		if (i + 1 < n)
			part = 1 + mock_below(&r->random, 2 * left / (n - i) < left
								  ? 2 * left / (n - i)
								  : left);
		bytes -= part;
		at += mock_below(&r->random, 60);
		c->seg[reversed ? n - 1 - i : i] = (struct virtq_seg){{at}, part};
		at += part;
	}
	assert_true(at <= r->data + (uint64_t)(slot + 1) * SLOT);
}

/* ---- the guest's driver and the far side
 * ------------------------------------------------------------ */

static uint8_t frame_byte(uint64_t num, uint32_t i)
{
	return (uint8_t)(num * 131 + i * 7 + (i >> 8) * 13);
}

static void frame_fill(uint8_t *b, uint64_t num, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		b[i] = frame_byte(num, i);
}

static void publish(struct rig *r, struct queue *q)
{
	virtq_drv_publish(&q->drv);
	rings_as_they_are(r);
}

static bool rx_post_chain(struct rig *r, int slot)
{
	struct chain *c = &r->chain[slot];

	if (!virtq_drv_add(&r->rx.drv, &r->pl, c->seg, 0, c->n, (uint64_t)slot, NULL))
		return false;
	r->used[slot] = true;
	return true;
}

static bool rx_post(struct rig *r, unsigned n, uint32_t bytes)
{
	int slot = free_slot(r);

	chain_scatter(r, &r->chain[slot], slot, n, bytes);
	return rx_post_chain(r, slot);
}

/* A frame arrives from the wire. False: the device has no buffer for it. */
static bool arrive(struct rig *r, uint32_t len)
{
	uint8_t bytes[MAX_FRAME];
	struct frame *f = plat_test_frame(&r->pl, &r->rxl, len);

	f->num = r->rx_num;
	frame_fill(bytes, f->num, len);
	if (!plat_test_receive(&r->pl, &r->port, f, bytes, len)) {
		plat_drop(&r->pl, f, DROP_NO_DESCRIPTOR);
		return false;
	}
	r->rx_frame[r->rx_num++ % FRAMES] = f;
	return true;
}

/* What the chains of a received frame must hold: enters it in the image. */
static void expect_frame(struct rig *r, const struct frame *f, const int *slot, unsigned n,
			 bool header)
{
	struct virtq_net_hdr h = {.num_buffers = (uint16_t)n};
	uint8_t bytes[VIRTQ_NET_HDR_BYTES + MAX_FRAME], *at = bytes;
	uint32_t left = f->len + VIRTQ_NET_HDR_BYTES;

	memcpy(bytes, &h, sizeof(h));
	frame_fill(bytes + sizeof(h), f->num, f->len);
	for (unsigned i = 0; i < n; i++) {
		const struct chain *c = &r->chain[slot[i]];
		uint32_t part = left < c->bytes ? left : c->bytes;
		uint32_t skip = i || header ? 0 : VIRTQ_NET_HDR_BYTES;
		chain_put(r->image, c, skip, at + skip, part - skip);
		at += part;
		left -= part;
	}
	assert_int_equal(left, 0);
}

/*
 * The driver takes what came. Returns frames; each is checked: order, lengths, header, bytes.
 * Chains that came back empty are counted in *empty.
 */
static unsigned take(struct rig *r, unsigned *empty)
{
	uint64_t cookie;
	struct frame *f, *none;
	uint32_t len, part;
	unsigned frames = 0;

	virtq_drv_used(&r->rx.drv);
	while (virtq_drv_get(&r->rx.drv, &r->pl, &cookie, &len, &f)) {
		int slot[MAX_FRAME];
		unsigned n = 0;

		r->used[cookie] = false;
		if (!f) {
			assert_int_equal(len, 0);
			++*empty;
			continue;
		}
		assert_true(f->num >= r->rx_seen);
		r->rx_seen = f->num + 1;
		slot[n++] = (int)cookie;
		for (uint32_t left = f->len + VIRTQ_NET_HDR_BYTES;; n++) {
			part = left < r->chain[cookie].bytes ? left : r->chain[cookie].bytes;
			assert_int_equal(len, part);
			left -= part;
			if (!left)
				break;
			assert_true(virtq_drv_get(&r->rx.drv, &r->pl, &cookie, &len, &none));
			assert_null(none);
			r->used[cookie] = false;
			slot[n] = (int)cookie;
		}
		expect_frame(r, f, slot, n, true);
		plat_deliver(&r->pl, f);
		frames++;
	}
	assert_true(!r->rx.drv.stopped || r->lied);
	return frames;
}

/* Sends a frame of len bytes as n segments. */
static bool tx_post(struct rig *r, unsigned n, uint32_t len)
{
	uint8_t bytes[VIRTQ_NET_HDR_BYTES + MAX_FRAME] = {0};
	int slot = free_slot(r);
	struct chain *c = &r->chain[slot];
	struct frame *f;

	chain_scatter(r, c, slot, n, len + VIRTQ_NET_HDR_BYTES);
	if (virtq_drv_room(&r->tx.drv) < virtq_drv_cost(&r->tx.drv, n))
		return false;
	f = plat_test_frame(&r->pl, &r->txl, len);
	f->num = r->tx_num;
	frame_fill(bytes + VIRTQ_NET_HDR_BYTES, f->num, len);
	chain_put(r->image, c, 0, bytes, c->bytes);
	for (unsigned i = 0; i < n; i++)
		plat_test_write(&r->pl, c->seg[i].addr.a, r->image + c->seg[i].addr.a,
				c->seg[i].len);
	assert_true(virtq_drv_add(&r->tx.drv, &r->pl, c->seg, n, 0, (uint64_t)slot, f));
	r->used[slot] = true;
	r->tx_len[r->tx_num++ % FRAMES] = len;
	return true;
}

/* The driver takes its sent chains back. */
static unsigned tx_take(struct rig *r)
{
	uint64_t cookie;
	unsigned n = 0;

	virtq_drv_used(&r->tx.drv);
	for (; virtq_drv_get(&r->tx.drv, &r->pl, &cookie, NULL, NULL); n++)
		r->used[cookie] = false;
	assert_true(!r->tx.drv.stopped || r->lied);
	return n;
}

/* The i-th sent frame is the i-th that the guest made. */
static void sent_is(struct rig *r, unsigned i)
{
	const struct plat_test_sent *s = plat_test_sent(&r->port, i);

	assert_int_equal(s->len, r->tx_len[i % FRAMES]);
	for (uint32_t k = 0; k < s->len; k++)
		if (s->bytes[k] != frame_byte(i, k))
			fail_msg("sent frame %u differs at byte %u", i, k);
}

/* ---- the host's turns
 * ----------------------------------------------------------------------------------- */

static void turn(struct rig *r, void (*burst)(struct dpath *), bool (*commit)(struct dpath *))
{
	unsigned turns = 0;

	do {
		burst(&r->dp);
		assert_true(turns++ < 1000);
	} while (commit(&r->dp));
}

static void host_rx(struct rig *r)
{
	uint64_t kicks = r->vmm_line.kicks;

	turn(r, dpath_rx_burst, dpath_rx_commit);
	if (r->dp.vmm_pl && (r->dp.poll || r->vmm_line.kicks != kicks))
		turn(r, dpath_vmm_burst, dpath_vmm_commit);
}

static void host_tx(struct rig *r)
{
	turn(r, dpath_tx_burst, dpath_tx_commit);
}

/* Everybody has gone to sleep once: the emulator waits for a kick. */
static void start(struct rig *r)
{
	rings_as_they_are(r);
	turn(r, dpath_rx_burst, dpath_rx_commit);
	if (r->dp.vmm_pl)
		turn(r, dpath_vmm_burst, dpath_vmm_commit);
	host_tx(r);
	memory_is_as_expected(r);
}

static uint64_t sum(const uint64_t *v, unsigned n)
{
	uint64_t s = 0;

	while (n--)
		s += v[n];
	return s;
}

/* Host copies of all delivered frames are at these sites, whole frames each. */
static void copied_at(const struct ledger *l, int first, int second)
{
	uint64_t n = (first >= 0) + (second >= 0);

	assert_int_equal(sum(l->copies, SITE_N), n * l->delivered);
	assert_int_equal(sum(l->copy_bytes, SITE_N), n * l->delivered_bytes);
	if (first >= 0)
		assert_int_equal(l->copies[first], l->delivered);
	if (second >= 0)
		assert_int_equal(l->copies[second], l->delivered);
}

static void rx_copied_by_policy(const struct rig *r)
{
	unsigned n = r->dp.rx_policy->rx_copies;

	copied_at(&r->rxl,
		  n == 2   ? SITE_HYPERVISOR_TO_VMM
		  : n == 1 ? SITE_HYPERVISOR_TO_GUEST
			   : -1,
		  n == 2 ? SITE_VMM_TO_GUEST : -1);
	assert_int_equal(sum(r->rxl.fallbacks, REASON_N), 0);
}

static void tx_copied_by_policy(const struct rig *r)
{
	unsigned n = r->dp.tx_policy->tx_copies;

	copied_at(&r->txl,
		  n == 2   ? SITE_GUEST_TO_VMM
		  : n == 1 ? SITE_GUEST_TO_HYPERVISOR
			   : -1,
		  n == 2 ? SITE_VMM_TO_HYPERVISOR : -1);
	assert_int_equal(sum(r->txl.fallbacks, REASON_N), 0);
}

static uint32_t some_len(struct rig *r)
{
	return mock_below(&r->random, 4)   ? 60 + mock_below(&r->random, MAX_FRAME - 59)
	       : mock_below(&r->random, 2) ? 60
					   : MAX_FRAME;
}

#endif
