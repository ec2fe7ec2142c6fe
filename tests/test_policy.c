/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_policy.c - the policies, burst by burst, between a driver's rings and a device's.
 *
 * A rig is one guest's host side in the test world: two virtqueues with a driver, a port, pools of
 * scattered hypervisor buffers. The guest's data pages hold a pattern, and `image` is what they
 * have to hold: after each turn of the host all of guest memory is compared with it, so that a byte
 * written anywhere but where it belongs fails. What the device writes into a used ring is excepted.
 * The end of a rig checks that buffers, mappings and frames add up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
			     .max_segs = 60};
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

/* ---- receive
 * --------------------------------------------------------------------------------------------- */

static uint32_t some_len(struct rig *r)
{
	return mock_below(&r->random, 4)   ? 60 + mock_below(&r->random, MAX_FRAME - 59)
	       : mock_below(&r->random, 2) ? 60
					   : MAX_FRAME;
}

/* Random frames into random chains; `small` ones need merging. */
static void receive_random(struct rig_opts o, bool small, uint64_t seed)
{
	struct rig *r = rig_new(o);
	unsigned empty = 0, got = 0;
	uint32_t rounds = mock_scaled(300);

	r->random = seed;
	start(r);
	for (uint32_t i = 0; i < rounds; i++) {
		for (unsigned k = mock_below(&r->random, 12); k && r->rx.drv.chains < 30; k--) {
			uint32_t bytes = small ? 13 + mock_below(&r->random, 600)
					       : MAX_FRAME + VIRTQ_NET_HDR_BYTES +
							 mock_below(&r->random, 300);
			if (!rx_post(r, 1 + mock_below(&r->random, 8), bytes))
				break;
		}
		publish(r, &r->rx);
		host_rx(r);
		memory_is_as_expected(r);
		for (unsigned k = mock_below(&r->random, 10); k; k--)
			arrive(r, some_len(r));
		host_rx(r);
		if (r->dp.rx_policy->rx_copies == 0 && !small)
			assert_int_equal(r->rxl.drops[DROP_GUEST_RING_EMPTY], 0);
		got += take(r, &empty);
		memory_is_as_expected(r);
	}
	assert_int_equal(empty, 0);
	assert_int_equal(got, r->rxl.delivered);
	assert_true(got > rounds);
	if (r->dp.rx_policy->rx_copies || !small) {
		rx_copied_by_policy(r);
	} else {
		copied_at(&r->rxl, SITE_HYPERVISOR_TO_GUEST, -1);
		assert_int_equal(r->rxl.fallbacks[REASON_SHORT_BUFFER], got);
	}
	rig_free(r);
}

static void frames_land_in_posted_buffers_and_nowhere_else(void **state)
{
	uint64_t seed = mock_seed(71);

	(void)state;
	for (unsigned p = 0; p < 3; p++)
		for (unsigned i = 0; i < 8; i++) {
			struct rig_opts o = {.policy = all[p],
					     .per = i & 1 ? 16 : 0,
					     .event_idx = i & 2,
					     .poll = i & 4,
					     .size = i & 1 ? 64 : 256};
			receive_random(o, false, seed + i);
		}
}

static void small_buffers_are_merged_and_their_number_is_in_the_header(void **state)
{
	uint64_t seed = mock_seed(72);

	(void)state;
	for (unsigned p = 0; p < 3; p++)
		for (unsigned i = 0; i < 4; i++) {
			struct rig_opts o = {.policy = all[p],
					     .mrg = true,
					     .per = i & 1 ? 16 : 0,
					     .event_idx = i & 2,
					     .size = 256};
			receive_random(o, true, seed + i);
		}
}

static void header_may_have_a_descriptor_for_each_byte(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		struct rig *r = rig_new((struct rig_opts){.policy = all[p], .per = 32});
		struct chain *c = &r->chain[0];
		unsigned empty = 0;

		for (unsigned i = 0; i < VIRTQ_NET_HDR_BYTES; i++)
			c->seg[i] = (struct virtq_seg){{r->data + 2 * i}, 1};
		c->seg[12] = (struct virtq_seg){{r->data + 1000}, MAX_FRAME + 20};
		c->n = 13;
		c->bytes = VIRTQ_NET_HDR_BYTES + MAX_FRAME + 20;
		assert_true(rx_post_chain(r, 0));
		publish(r, &r->rx);
		start(r);
		assert_true(arrive(r, 777));
		host_rx(r);
		assert_int_equal(take(r, &empty), 1);
		memory_is_as_expected(r);
		rx_copied_by_policy(r);
		rig_free(r);
	}
}

/* Without merging, a chain too short for the frame comes back unused and the frame is dropped. */
static void short_chain_costs_one_frame(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		struct rig *r = rig_new((struct rig_opts){.policy = all[p]});
		unsigned empty = 0, i;

		rx_post(r, 2, 12 + 99);
		rx_post(r, 2, 12 + 100);
		for (i = 0; i < 4; i++)
			rx_post(r, 3, 12 + MAX_FRAME);
		publish(r, &r->rx);
		start(r);
		for (i = 0; i < 3; i++)
			assert_true(arrive(r, 100));
		host_rx(r);
		assert_int_equal(take(r, &empty), 2);
		assert_int_equal(empty, 1);
		assert_int_equal(r->rxl.drops[DROP_SHORT_BUFFER], 1);
		assert_int_equal(r->rxl.wasted_copies, p == 0);
		if (r->dp.rx_policy->rx_copies == 0) {
			assert_int_equal(r->rxl.fallbacks[REASON_SHORT_BUFFER], 2);
			assert_int_equal(r->rxl.copies[SITE_HYPERVISOR_TO_GUEST], 2);
		}
		memory_is_as_expected(r);
		rig_free(r);
	}
}

static void empty_guest_ring_drops_by_name_and_recovers_in_order(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 2; p++) { /* zero-copy has nothing posted: the device drops */
		struct rig *r = rig_new((struct rig_opts){.policy = all[p], .event_idx = true});
		unsigned empty = 0;

		start(r);
		rx_post(r, 3, 12 + MAX_FRAME);
		publish(r, &r->rx);
		for (unsigned i = 0; i < 3; i++)
			assert_true(arrive(r, 300));
		host_rx(r);
		assert_int_equal(r->rxl.drops[DROP_GUEST_RING_EMPTY], 2);
		assert_int_equal(r->rxl.wasted_copies, p == 0 ? 2 : 0);
		assert_int_equal(take(r, &empty), 1);
		rx_post(r, 1, 12 + MAX_FRAME);
		publish(r, &r->rx);
		assert_true(arrive(r, 1514));
		host_rx(r);
		assert_int_equal(take(r, &empty), 1);
		memory_is_as_expected(r);
		rig_free(r);
	}
}

static void zero_copy_without_guest_buffers_leaves_the_drop_to_the_device_and_hears_of_new_ones(
	void **state)
{
	struct rig *r = rig_new((struct rig_opts){.policy = "zero-copy", .event_idx = true});
	unsigned empty = 0;

	(void)state;
	start(r);
	assert_false(arrive(r, 60));
	assert_true(r->dp.rx_hungry);
	rx_post(r, 3, 12 + MAX_FRAME);
	publish(r, &r->rx);
	assert_true(virtq_drv_should_kick(&r->rx.drv, &r->pl));
	host_rx(r);
	assert_true(arrive(r, 60));
	host_rx(r);
	assert_int_equal(take(r, &empty), 1);
	memory_is_as_expected(r);
	rx_copied_by_policy(r);
	rig_free(r);
}

static void capability_lost_in_mid_run_lets_posted_buffers_finish(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.policy = "zero-copy"});
	unsigned empty = 0;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		rx_post(r, 4, 12 + MAX_FRAME);
	publish(r, &r->rx);
	start(r);
	assert_int_equal(r->dp.rx_posted, 3);
	r->port.info.caps &= ~(unsigned)PLAT_CAP_ZERO_COPY;
	for (unsigned i = 0; i < 4; i++)
		rx_post(r, 4, 12 + MAX_FRAME);
	publish(r, &r->rx);
	host_rx(r);
	for (unsigned i = 0; i < 5; i++)
		assert_true(arrive(r, 500 + i));
	host_rx(r);
	assert_int_equal(take(r, &empty), 5);
	assert_int_equal(r->rxl.copies[SITE_HYPERVISOR_TO_GUEST], 2);
	assert_int_equal(r->rxl.fallbacks[REASON_NO_CAPABILITY], 2);
	assert_int_equal(r->pl.dma_maps, 0);
	memory_is_as_expected(r);
	rig_free(r);
}

static void device_queue_that_is_not_the_guests_takes_hypervisor_buffers(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.policy = "zero-copy",
						  .caps = PLAT_CAP_ZERO_COPY | PLAT_CAP_GATHER});
	unsigned empty = 0;

	(void)state;
	rx_post(r, 4, 12 + MAX_FRAME);
	publish(r, &r->rx);
	start(r);
	assert_true(arrive(r, 500));
	host_rx(r);
	assert_int_equal(take(r, &empty), 1);
	assert_int_equal(r->rxl.fallbacks[REASON_SHARED_QUEUE], 1);
	assert_int_equal(r->rxl.copies[SITE_HYPERVISOR_TO_GUEST], 1);
	memory_is_as_expected(r);
	rig_free(r);
}

static void full_queue_to_the_emulator_drops_by_name_and_gives_buffers_back(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.policy = "copy", .vmm_queue = 4});
	unsigned empty = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		rx_post(r, 2, 12 + MAX_FRAME);
	publish(r, &r->rx);
	start(r);
	for (unsigned i = 0; i < 7; i++)
		assert_true(arrive(r, 200));
	turn(r, dpath_rx_burst, dpath_rx_commit);
	assert_int_equal(r->rxl.drops[DROP_VMM_QUEUE_FULL], 3);
	assert_int_equal(r->vmm_line.kicks, 1);
	turn(r, dpath_vmm_burst, dpath_vmm_commit);
	assert_int_equal(take(r, &empty), 4);
	assert_int_equal(r->rxl.wasted_copies, 0);
	assert_true(arrive(r, 200));
	host_rx(r);
	assert_int_equal(take(r, &empty), 1);
	assert_int_equal(r->dp.vmm_entries[0], 2);
	memory_is_as_expected(r);
	rig_free(r);
}

/* ---- hostile guests
 * -------------------------------------------------------------------------------------- */

/* What a guest exposes as its third chain; the first two are honest. */
enum hostility {
	BAD_ADDRESS,
	BAD_SECOND,
	READ_ONLY_PAGE,
	ZERO_LENGTH,
	WRAPS,
	LOOP,
	NEXT_BEYOND,
	HEAD_BEYOND,
	HEAD_AGAIN,
	INDEX_JUMP,
	INDIRECT_OFF,
	HOSTILITIES,
};

static const enum virtq_err found_as[] = {
	[BAD_ADDRESS] = VIRTQ_ERR_ADDR_RANGE,    [BAD_SECOND] = VIRTQ_ERR_ADDR_RANGE,
	[READ_ONLY_PAGE] = VIRTQ_ERR_ADDR_RANGE, [ZERO_LENGTH] = VIRTQ_ERR_ZERO_LEN,
	[WRAPS] = VIRTQ_ERR_ADDR_WRAP,           [LOOP] = VIRTQ_ERR_LOOP,
	[NEXT_BEYOND] = VIRTQ_ERR_NEXT_RANGE,    [HEAD_BEYOND] = VIRTQ_ERR_HEAD_RANGE,
	[HEAD_AGAIN] = VIRTQ_ERR_HEAD_IN_FLIGHT, [INDEX_JUMP] = VIRTQ_ERR_AVAIL_JUMP,
	[INDIRECT_OFF] = VIRTQ_ERR_INDIRECT_OFF,
};

static void desc(struct rig *r, const struct queue *q, uint32_t i, uint64_t addr, uint32_t len,
		 unsigned flags, uint16_t next)
{
	struct virtq_desc d = {addr, len, (uint16_t)flags, next};

	plat_test_write(&r->pl, q->l.desc.a + 16ull * i, &d, sizeof(d));
}

/* Straight into the rings, with descriptors 40 and 41 of 64, as the third chain. */
static void expose_hostile(struct rig *r, const struct queue *q, enum hostility h, unsigned write)
{
	uint64_t at = r->data + (SLOTS - 1) * SLOT, beyond = r->bytes + 100;
	uint16_t head = h == HEAD_BEYOND ? 64 : h == HEAD_AGAIN ? 0 : 40, idx = 3;
	uint32_t len = 2000;

	desc(r, q, 40, at, 64, write | VIRTQ_DESC_F_NEXT, 41);
	desc(r, q, 41, at + 4096, len, write, 0);
	if (h == BAD_ADDRESS)
		desc(r, q, 40, beyond, 64, write | VIRTQ_DESC_F_NEXT, 41);
	else if (h == BAD_SECOND) /* runs off the end of memory */
		desc(r, q, 41, r->bytes - 100, len, write, 0);
	else if (h == READ_ONLY_PAGE)
		plat_test_protect(&r->pl, (uint32_t)((at + 4096) >> PAGE_SHIFT),
				  write ? PLAT_READ : 0);
	else if (h == ZERO_LENGTH)
		desc(r, q, 41, at + 4096, 0, write, 0);
	else if (h == WRAPS)
		desc(r, q, 41, UINT64_MAX - 100, len, write, 0);
	else if (h == LOOP)
		desc(r, q, 41, at + 4096, 1, write | VIRTQ_DESC_F_NEXT, 40);
	else if (h == NEXT_BEYOND)
		desc(r, q, 41, at + 4096, len, write | VIRTQ_DESC_F_NEXT, 64);
	else if (h == INDIRECT_OFF)
		desc(r, q, 40, at, 64, VIRTQ_DESC_F_INDIRECT, 0);
	else if (h == INDEX_JUMP)
		idx = 2 + 65;
	plat_test_write(&r->pl, q->l.avail.a + 4 + 2 * 2, &head, 2);
	plat_test_write(&r->pl, q->l.avail.a + 2, &idx, 2);
	r->lied = true;
	rings_as_they_are(r);
}

/* The other half of the device still works. */
static void sends(struct rig *r, unsigned n)
{
	unsigned from = r->port.tx_sent;

	for (unsigned i = 0; i < n; i++)
		assert_true(tx_post(r, 3, 400 + i));
	publish(r, &r->tx);
	host_tx(r);
	host_tx(r);
	assert_int_equal(tx_take(r), n);
	for (unsigned i = from; i < from + n; i++)
		sent_is(r, i);
}

static void hostile_receive(const char *policy, enum hostility h)
{
	struct rig *r = rig_new((struct rig_opts){.policy = policy});
	bool at_once = h == INDEX_JUMP, zero;
	unsigned empty = 0;

	zero = r->dp.rx_policy->rx_copies == 0;
	start(r);
	rx_post(r, 2, 12 + MAX_FRAME);
	rx_post(r, 2, 12 + MAX_FRAME);
	publish(r, &r->rx);
	if (zero) /* the honest ones get to the device */
		host_rx(r);
	expose_hostile(r, &r->rx, h, VIRTQ_DESC_F_WRITE);
	for (unsigned i = 0; i < (zero ? 2 : 5); i++)
		assert_true(arrive(r, 600));
	host_rx(r);
	assert_true(r->dp.rxq.stopped);
	assert_int_equal(r->dp.rxq.err, found_as[h]);
	assert_int_equal(r->dp.rxq.errors[found_as[h]], 1);
	r->rx.drv.chains = 64;
	assert_int_equal(take(r, &empty), zero || !at_once ? 2 : 0);
	if (!zero)
		assert_int_equal(r->rxl.drops[DROP_GUEST_QUEUE_STOPPED], at_once ? 5 : 3);
	memory_is_as_expected(r);
	sends(r, 5);
	for (unsigned i = 0; i < 2; i++) /* and later frames: dropped here or by the device */
		arrive(r, 600);
	host_rx(r);
	assert_int_equal(drops(&r->rxl) + r->rxl.delivered, r->rxl.offered);
	memory_is_as_expected(r);
	rig_free(r);
}

static void hostile_receive_chains_stop_the_queue_and_touch_nothing(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++)
		for (enum hostility h = 0; h < HOSTILITIES; h++) {
			if (h == HEAD_AGAIN)
				continue; /* lawful once copied; with the device: next test */
			hostile_receive(all[p], h);
		}
}

static void head_that_is_with_the_device_is_not_posted_again(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.policy = "zero-copy"});
	unsigned empty = 0;

	(void)state;
	start(r);
	rx_post(r, 2, 12 + MAX_FRAME);
	rx_post(r, 2, 12 + MAX_FRAME);
	publish(r, &r->rx);
	host_rx(r);
	expose_hostile(r, &r->rx, HEAD_AGAIN, VIRTQ_DESC_F_WRITE);
	host_rx(r);
	assert_int_equal(r->dp.rxq.err, VIRTQ_ERR_HEAD_IN_FLIGHT);
	assert_int_equal(r->dp.rx_posted, 2);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(arrive(r, 90), i < 2);
	host_rx(r);
	assert_int_equal(take(r, &empty), 2);
	memory_is_as_expected(r);
	rig_free(r);
}

static void hostile_send(const char *policy, enum hostility h)
{
	struct rig *r = rig_new((struct rig_opts){.policy = policy});
	bool at_once = h == INDEX_JUMP;
	unsigned empty = 0;

	r->port.hold_tx = true; /* a zero-copy head stays in flight */
	start(r);
	tx_post(r, 2, 300);
	tx_post(r, 2, 301);
	publish(r, &r->tx);
	expose_hostile(r, &r->tx, h, 0);
	if (h < ZERO_LENGTH) { /* these pass for a frame: there is one beside it */
		struct frame *f = plat_test_frame(&r->pl, &r->txl, 64 + 2000 - 12);
		r->dp.max_frame = 4096;
		r->tx.tags[40] = f;
	}
	host_tx(r);
	assert_true(r->dp.txq.stopped);
	assert_int_equal(r->dp.txq.err, found_as[h]);
	assert_int_equal(r->port.tx_sent, at_once ? 0 : 2);
	assert_int_equal(r->txl.drops[DROP_GUEST_QUEUE_STOPPED], h < ZERO_LENGTH);
	for (unsigned i = 0; i < r->port.tx_sent; i++)
		sent_is(r, i);
	plat_test_complete(&r->port, r->port.tx_sent);
	host_tx(r);
	assert_int_equal(r->pl.dma_maps, 0);
	rx_post(r, 4, 12 + 4096); /* receive goes on */
	publish(r, &r->rx);
	host_rx(r);
	assert_true(arrive(r, 1000));
	host_rx(r);
	assert_int_equal(take(r, &empty), 1);
	memory_is_as_expected(r);
	if (at_once) /* frames of chains that were never popped: the guest's loss */
		for (unsigned i = 0; i < 2; i++)
			plat_drop(&r->pl, r->tx.tags[2 * i], DROP_GUEST_QUEUE_STOPPED);
	rig_free(r);
}

static void hostile_send_chains_stop_the_queue_and_send_nothing(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++)
		for (enum hostility h = 0; h < HOSTILITIES; h++) {
			if (h == HEAD_AGAIN && p < 2)
				continue; /* copied: the head is the guest's again, lawfully */
			hostile_send(all[p], h);
		}
}

static void send_chain_without_a_frame_behind_its_header_stops_the_queue(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++)
		for (uint32_t len = 1; len <= VIRTQ_NET_HDR_BYTES; len += 11) {
			struct rig *r = rig_new((struct rig_opts){.policy = all[p]});
			struct virtq_seg s = {{r->data + 50}, len};

			start(r);
			assert_true(virtq_drv_add(&r->tx.drv, &r->pl, &s, 1, 0, 0,
						  plat_test_frame(&r->pl, &r->txl, 60)));
			publish(r, &r->tx);
			host_tx(r);
			assert_int_equal(r->dp.txq.err, VIRTQ_ERR_HEADER);
			assert_int_equal(r->txl.drops[DROP_GUEST_QUEUE_STOPPED], 1);
			assert_int_equal(tx_take(r), 1);
			assert_int_equal(r->port.tx_sent, 0);
			memory_is_as_expected(r);
			rig_free(r);
		}
}

static void send_chain_of_too_many_segments_or_bytes_is_refused_and_the_next_one_goes(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		struct rig *r = rig_new((struct rig_opts){.policy = all[p], .size = 256});
		struct virtq_seg s[DPATH_SEGS + 1];

		start(r);
		for (unsigned i = 0; i <= DPATH_SEGS; i++)
			s[i] = (struct virtq_seg){{r->data + (SLOTS - 1) * SLOT + 20 * i}, 20};
		assert_true(virtq_drv_add(&r->tx.drv, &r->pl, s, DPATH_SEGS + 1, 0, SLOTS - 1,
					  plat_test_frame(&r->pl, &r->txl, 20 * 81 - 12)));
		s[0].len = 4000;
		assert_true(virtq_drv_add(&r->tx.drv, &r->pl, s, 1, 0, SLOTS - 1,
					  plat_test_frame(&r->pl, &r->txl, 4000 - 12)));
		r->tx_num = 0;
		assert_true(tx_post(r, 5, 900));
		publish(r, &r->tx);
		host_tx(r);
		host_tx(r);
		assert_int_equal(r->txl.drops[DROP_OVERSIZE], 2);
		assert_int_equal(tx_take(r), 3);
		assert_int_equal(r->port.tx_sent, 1);
		sent_is(r, 0);
		memory_is_as_expected(r);
		rig_free(r);
	}
}

/* ---- transmit
 * ------------------------------------------------------------------------------------------- */

static void send_random(struct rig_opts o, uint64_t seed)
{
	struct rig *r = rig_new(o);
	uint32_t rounds = mock_scaled(300);
	unsigned back = 0;

	r->random = seed;
	r->port.hold_tx = true;
	start(r);
	for (uint32_t i = 0; i < rounds; i++) {
		unsigned flown, seen = r->port.tx_sent;
		for (unsigned k = mock_below(&r->random, 12); k && r->tx.drv.chains < 40; k--)
			if (!tx_post(r, 1 + mock_below(&r->random, 8), some_len(r)))
				break;
		publish(r, &r->tx);
		host_tx(r);
		for (; seen < r->port.tx_sent; seen++)
			sent_is(r, seen);
		flown = r->port.tx_sent - r->port.tx_completed;
		plat_test_complete(&r->port, mock_below(&r->random, flown + 1));
		if (mock_below(&r->random, 2))
			host_tx(r);
		back += tx_take(r);
		memory_is_as_expected(r);
	}
	while (back < r->tx_num) {
		plat_test_complete(&r->port, r->port.tx_sent - r->port.tx_completed);
		host_tx(r);
		back += tx_take(r);
	}
	assert_int_equal(back, r->tx_num);
	assert_int_equal(r->txl.delivered, r->tx_num);
	assert_true(r->tx_num > rounds);
	tx_copied_by_policy(r);
	rig_free(r);
}

static void frames_are_sent_in_order_byte_by_byte_and_sources_stay(void **state)
{
	uint64_t seed = mock_seed(73);

	(void)state;
	for (unsigned p = 0; p < 3; p++)
		for (unsigned i = 0; i < 8; i++) {
			struct rig_opts o = {.policy = all[p],
					     .per = i & 1 ? 16 : 0,
					     .event_idx = i & 2,
					     .room = i & 4 ? 20 : 256,
					     .size = i & 1 ? 64 : 256};
			send_random(o, seed + i);
		}
}

static void chain_comes_back_at_once_when_copied_and_after_the_device_when_not(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		struct rig *r = rig_new((struct rig_opts){.policy = all[p]});
		unsigned held = p == 2 ? 4 : 0;

		r->port.hold_tx = true;
		start(r);
		for (unsigned i = 0; i < 4; i++)
			tx_post(r, 3, 700);
		publish(r, &r->tx);
		host_tx(r);
		assert_int_equal(tx_take(r), 4 - held);
		assert_int_equal(r->port.tx_irq, p == 2); /* somebody waits for it */
		plat_test_complete(&r->port, 3);
		host_tx(r);
		assert_int_equal(tx_take(r), p == 2 ? 3 : 0);
		assert_int_equal(r->dp.tx_out, p == 2 ? 1 : 0);
		tx_copied_by_policy(r);
		memory_is_as_expected(r);
		rig_free(r); /* with one in flight: its mapping is ended by the quiesce */
	}
}

static void full_device_blocks_and_loses_nothing(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		struct rig *r =
			rig_new((struct rig_opts){.policy = all[p], .room = 8, .event_idx = true});
		unsigned back = 0;

		r->port.hold_tx = true;
		start(r);
		for (unsigned i = 0; i < 20; i++)
			assert_true(tx_post(r, 2, 1400));
		publish(r, &r->tx);
		assert_true(virtq_drv_should_kick(&r->tx.drv, &r->pl));
		dpath_tx_burst(&r->dp);
		assert_true(r->dp.txb.blocked);
		assert_false(dpath_tx_commit(&r->dp));
		assert_true(r->port.tx_irq); /* only the device can wake it now */
		tx_post(r, 2, 1400);
		publish(r, &r->tx);
		assert_false(virtq_drv_should_kick(&r->tx.drv, &r->pl));
		for (unsigned i = 0; i < 30 && back < 21; i++) {
			plat_test_complete(&r->port, r->port.tx_sent - r->port.tx_completed);
			host_tx(r);
			back += tx_take(r);
		}
		assert_int_equal(back, 21);
		for (unsigned i = 0; i < 21; i++)
			sent_is(r, i);
		tx_copied_by_policy(r);
		rig_free(r);
	}
}

static void empty_pool_blocks_and_loses_nothing(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 2; p++) {
		struct rig *r = rig_new((struct rig_opts){.policy = all[p], .bufs = 3});

		r->port.hold_tx = true;
		start(r);
		for (unsigned i = 0; i < 10; i++)
			tx_post(r, 2, 100);
		publish(r, &r->tx);
		host_tx(r);
		assert_int_equal(r->port.tx_sent, 3);
		for (unsigned i = 0; i < 4; i++) {
			plat_test_complete(&r->port, r->port.tx_sent - r->port.tx_completed);
			host_tx(r);
		}
		assert_int_equal(tx_take(r), 10);
		assert_int_equal(r->txl.delivered, 10);
		rig_free(r);
	}
}

/* One frame of n segments under zero-copy; returns why it was copied. */
static enum copy_reason fallback_of(struct rig *r, unsigned n)
{
	uint64_t before[REASON_N];

	memcpy(before, r->txl.fallbacks, sizeof(before));
	assert_true(tx_post(r, n, 1200));
	publish(r, &r->tx);
	host_tx(r);
	host_tx(r);
	assert_int_equal(tx_take(r), 1);
	sent_is(r, r->port.tx_sent - 1);
	memory_is_as_expected(r);
	for (unsigned i = 1; i < REASON_N; i++)
		if (r->txl.fallbacks[i] != before[i])
			return (enum copy_reason)i;
	return REASON_POLICY;
}

static void each_send_asks_the_device_and_a_fallback_has_its_reason(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.policy = "zero-copy", .max_segs = 6});

	(void)state;
	start(r);
	assert_int_equal(fallback_of(r, 3), REASON_POLICY);
	assert_int_equal(fallback_of(r, 20), REASON_TOO_MANY_SEGMENTS);
	r->port.info.caps &= ~(unsigned)PLAT_CAP_GATHER;
	assert_int_equal(fallback_of(r, 5), REASON_NO_GATHER);
	r->port.info.caps &= ~(unsigned)PLAT_CAP_ZERO_COPY;
	assert_int_equal(fallback_of(r, 3), REASON_NO_CAPABILITY);
	r->port.info.caps = CAPS;
	assert_int_equal(fallback_of(r, 3), REASON_POLICY);
	for (unsigned nth = 1; nth <= 2; nth++) { /* refused though there is room */
		r->pl.fail_dma = nth;
		assert_int_equal(fallback_of(r, 4), REASON_MAP_FAILED);
	}
	assert_int_equal(r->pl.dma_maps, 0);
	assert_int_equal(r->txl.copies[SITE_GUEST_TO_HYPERVISOR], 5);
	assert_int_equal(r->txl.copy_bytes[SITE_GUEST_TO_HYPERVISOR], 5 * 1200);
	rig_free(r);
}

static void one_piece_needs_no_gather(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.policy = "zero-copy", .no_gather = true});
	struct virtq_seg s[2] = {{{r->data + 10}, 12}, {{r->data + 100}, 400}};
	uint8_t bytes[400];

	(void)state;
	start(r);
	frame_fill(bytes, 0, 400);
	plat_test_write(&r->pl, s[1].addr.a, bytes, 400);
	memcpy(r->image + s[1].addr.a, bytes, 400);
	assert_true(virtq_drv_add(&r->tx.drv, &r->pl, s, 2, 0, 0,
				  plat_test_frame(&r->pl, &r->txl, 400)));
	r->tx_len[0] = 400;
	publish(r, &r->tx);
	host_tx(r);
	sent_is(r, 0);
	tx_copied_by_policy(r);
	host_tx(r);
	assert_int_equal(tx_take(r), 1);
	memory_is_as_expected(r);
	rig_free(r);
}

static void capability_lost_while_sends_are_in_flight_lets_them_finish(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.policy = "zero-copy"});

	(void)state;
	r->port.hold_tx = true;
	start(r);
	for (unsigned i = 0; i < 2; i++)
		tx_post(r, 3, 800);
	publish(r, &r->tx);
	host_tx(r);
	r->port.info.caps &= ~(unsigned)PLAT_CAP_ZERO_COPY;
	for (unsigned i = 0; i < 2; i++)
		tx_post(r, 3, 800);
	publish(r, &r->tx);
	host_tx(r);
	assert_int_equal(tx_take(r), 2); /* the copied ones */
	assert_int_equal(r->txl.fallbacks[REASON_NO_CAPABILITY], 2);
	assert_int_equal(r->dp.tx_out, 2);
	plat_test_complete(&r->port, 4);
	host_tx(r);
	assert_int_equal(tx_take(r), 2);
	assert_int_equal(r->pl.dma_maps, 0);
	rig_free(r);
}

static void device_gone_in_mid_flight_ends_every_mapping(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.policy = "zero-copy"});

	(void)state;
	r->port.hold_tx = true;
	for (unsigned i = 0; i < 5; i++)
		rx_post(r, 4, 12 + MAX_FRAME);
	publish(r, &r->rx);
	start(r);
	for (unsigned i = 0; i < 5; i++)
		tx_post(r, 3, 800);
	publish(r, &r->tx);
	host_tx(r);
	assert_true(r->pl.dma_maps >= 5 * 4 + 5 * 2);
	dpath_quiesce(&r->dp);
	assert_int_equal(r->pl.dma_maps, 0);
	rig_free(r);
}

/* ---- going to sleep
 * -------------------------------------------------------------------------------------- */

static void work_between_burst_and_commit_keeps_the_worker_awake(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++)
		for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
			struct rig *r = rig_new(
				(struct rig_opts){.policy = all[p], .event_idx = event_idx});
			unsigned empty = 0;

			for (unsigned i = 0; i < 6; i++)
				rx_post(r, 2, 12 + MAX_FRAME);
			publish(r, &r->rx);
			start(r);
			assert_true(r->port.rx_irq); /* asleep: the device may wake it */
			dpath_rx_burst(&r->dp);
			assert_false(r->port.rx_irq);
			arrive(r, 60);
			assert_true(dpath_rx_commit(&r->dp));
			if (r->dp.vmm_pl) {
				dpath_vmm_burst(&r->dp);
				turn(r, dpath_rx_burst, dpath_rx_commit);
				assert_int_equal(r->vmm_line.kicks, 0); /* it is not asleep */
				assert_true(dpath_vmm_commit(&r->dp));
			}
			host_rx(r);
			if (r->dp.vmm_pl)
				turn(r, dpath_vmm_burst, dpath_vmm_commit);
			assert_int_equal(take(r, &empty), 1);
			dpath_tx_burst(&r->dp);
			tx_post(r, 2, 70);
			publish(r, &r->tx);
			assert_true(dpath_tx_commit(&r->dp));
			host_tx(r);
			tx_post(r, 2, 70); /* asleep: the next chain kicks */
			publish(r, &r->tx);
			assert_true(virtq_drv_should_kick(&r->tx.drv, &r->pl));
			host_tx(r);
			assert_int_equal(r->txl.delivered, 2);
			rig_free(r);
		}
}

static void polling_workers_ask_for_nothing(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		struct rig *r = rig_new(
			(struct rig_opts){.policy = all[p], .event_idx = true, .poll = true});
		unsigned empty = 0;

		for (unsigned i = 0; i < 6; i++)
			rx_post(r, 2, 12 + MAX_FRAME);
		publish(r, &r->rx);
		start(r);
		virtq_drv_should_kick(&r->rx.drv, &r->pl); /* the first one: nobody wished yet */
		arrive(r, 60);
		host_rx(r);
		assert_false(r->port.rx_irq);
		assert_int_equal(take(r, &empty), 1);
		for (unsigned i = 0; i < 3; i++) {
			tx_post(r, 2, 70);
			publish(r, &r->tx);
			assert_int_equal(virtq_drv_should_kick(&r->tx.drv, &r->pl), i == 0);
			host_tx(r);
		}
		assert_false(r->port.tx_irq);
		assert_int_equal(r->txl.delivered, 3);
		rig_free(r);
	}
}

static void one_interrupt_for_a_burst_and_none_unasked(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		struct rig *r = rig_new((struct rig_opts){.policy = all[p], .event_idx = true});
		unsigned empty = 0;

		for (unsigned i = 0; i < 20; i++)
			rx_post(r, 2, 12 + MAX_FRAME);
		publish(r, &r->rx);
		start(r);
		virtq_drv_intr_on(&r->rx.drv, &r->pl);
		rings_as_they_are(r);
		for (unsigned i = 0; i < 8; i++)
			arrive(r, 60);
		host_rx(r);
		assert_int_equal(r->rx_intr.kicks, 1);
		arrive(r, 60);
		host_rx(r); /* the guest has not asked again */
		assert_int_equal(r->rx_intr.kicks, 1);
		assert_int_equal(r->dp.interrupts, 1);
		assert_int_equal(r->dp.interrupts_suppressed, 1);
		assert_int_equal(take(r, &empty), 9);
		rig_free(r);
	}
}

/* ---- null, and the queue between workers
 * -------------------------------------------------------------- */

static void null_policy_ends_frames_in_the_host_and_touches_no_guest_memory(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.policy = "null"});

	(void)state;
	rx_post(r, 2, 12 + MAX_FRAME);
	publish(r, &r->rx);
	start(r);
	for (unsigned i = 0; i < 100; i++) {
		assert_true(arrive(r, 60 + i));
		tx_post(r, 3, 60 + i);
		publish(r, &r->tx);
		host_rx(r);
		host_tx(r);
		assert_int_equal(tx_take(r), 1);
	}
	assert_int_equal(r->rxl.delivered, 100);
	assert_int_equal(r->txl.delivered, 100);
	copied_at(&r->rxl, -1, -1);
	copied_at(&r->txl, -1, -1);
	assert_int_equal(r->port.tx_sent, 0);
	memory_is_as_expected(r);
	rig_free(r);
}

static void pktq_lends_buffers_and_wakes_who_sleeps(void **state)
{
	struct plat pl;
	struct hbuf_pool pool;
	struct pktq_entry entry[4];
	struct plat_line back = {0};
	struct pktq q = {.entry = entry, .mask = 3, .back = &back};
	uint64_t laps = mock_scaled(70000); /* indices wrap at 65536 */

	(void)state;
	plat_test_init(&pl, 1, true);
	pool_make(&pool, 4);
	assert_false(pktq_publish(&q, &pl));
	assert_false(pktq_sleep(&q, &pl));
	for (uint64_t lap = 0; lap < laps; lap++) {
		for (unsigned i = 0; i < 4; i++) {
			uint32_t buf = hbuf_get(&pool);
			pool.lent[buf] = 1;
			assert_true(pktq_put(&q, (struct pktq_entry){.pool = &pool, .buf = buf}));
		}
		assert_false(pktq_put(&q, (struct pktq_entry){.pool = &pool}));
		assert_null(pktq_take(&q)); /* not published */
		assert_int_equal(pktq_publish(&q, &pl), lap == 0);
		pktq_awake(&q);
		for (unsigned i = 0; i < 4; i++)
			assert_non_null(pktq_take(&q));
		assert_null(pktq_take(&q));
		assert_int_equal(pktq_reclaim(&q), 0); /* taken, and not given back */
		q.starved = lap & 1;
		pktq_consumed(&q, &pl);
		assert_int_equal(back.kicks, (lap + 1) / 2);
		assert_int_equal(pool.top, 0);
		assert_int_equal(pktq_reclaim(&q), 4);
		assert_int_equal(pool.top, 4);
	}
	assert_false(pktq_sleep(&q, &pl));
	pktq_put(&q, (struct pktq_entry){.pool = &pool});
	assert_true(pktq_publish(&q, &pl));
	assert_true(pktq_sleep(&q, &pl));
	pool_free(&pool);
	plat_test_fini(&pl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_land_in_posted_buffers_and_nowhere_else),
		cmocka_unit_test(small_buffers_are_merged_and_their_number_is_in_the_header),
		cmocka_unit_test(header_may_have_a_descriptor_for_each_byte),
		cmocka_unit_test(short_chain_costs_one_frame),
		cmocka_unit_test(empty_guest_ring_drops_by_name_and_recovers_in_order),
		cmocka_unit_test(
			zero_copy_without_guest_buffers_leaves_the_drop_to_the_device_and_hears_of_new_ones),
		cmocka_unit_test(capability_lost_in_mid_run_lets_posted_buffers_finish),
		cmocka_unit_test(device_queue_that_is_not_the_guests_takes_hypervisor_buffers),
		cmocka_unit_test(full_queue_to_the_emulator_drops_by_name_and_gives_buffers_back),
		cmocka_unit_test(hostile_receive_chains_stop_the_queue_and_touch_nothing),
		cmocka_unit_test(head_that_is_with_the_device_is_not_posted_again),
		cmocka_unit_test(hostile_send_chains_stop_the_queue_and_send_nothing),
		cmocka_unit_test(send_chain_without_a_frame_behind_its_header_stops_the_queue),
		cmocka_unit_test(
			send_chain_of_too_many_segments_or_bytes_is_refused_and_the_next_one_goes),
		cmocka_unit_test(frames_are_sent_in_order_byte_by_byte_and_sources_stay),
		cmocka_unit_test(
			chain_comes_back_at_once_when_copied_and_after_the_device_when_not),
		cmocka_unit_test(full_device_blocks_and_loses_nothing),
		cmocka_unit_test(empty_pool_blocks_and_loses_nothing),
		cmocka_unit_test(each_send_asks_the_device_and_a_fallback_has_its_reason),
		cmocka_unit_test(one_piece_needs_no_gather),
		cmocka_unit_test(capability_lost_while_sends_are_in_flight_lets_them_finish),
		cmocka_unit_test(device_gone_in_mid_flight_ends_every_mapping),
		cmocka_unit_test(work_between_burst_and_commit_keeps_the_worker_awake),
		cmocka_unit_test(polling_workers_ask_for_nothing),
		cmocka_unit_test(one_interrupt_for_a_burst_and_none_unasked),
		cmocka_unit_test(null_policy_ends_frames_in_the_host_and_touches_no_guest_memory),
		cmocka_unit_test(pktq_lends_buffers_and_wakes_who_sleeps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
