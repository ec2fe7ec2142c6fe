/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_virtq.c - both sides of a split virtqueue against each other, and against plain models. Who
 * wakes whom is in test_virtq_notify.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frame.h"
#include "test_virtq_mock.h"

#define ALL_FEATURES (VIRTQ_F_INDIRECT | VIRTQ_F_EVENT_IDX)

/* ---- layouts ------------------------------------------------------------------------------ */

static void layout_takes_powers_of_two_up_to_32768_only(void **state)
{
	(void)state;
	for (uint32_t size = 0; size <= 65536; size++) {
		struct virtq_layout l = {.size = size, .desc = {16}, .avail = {2}, .used = {4}};
		bool power = size == 1;
		for (uint32_t p = 2; p <= 32768; p *= 2)
			power |= size == p;
		assert_int_equal(virtq_layout_valid(&l), power);
	}
}

static void layout_takes_aligned_parts_within_the_address_space_only(void **state)
{
	(void)state;
	struct virtq_layout good = {.size = 4, .desc = {32}, .avail = {2}, .used = {4}}, l = good;
	assert_true(virtq_layout_valid(&l));
	l.desc.a = 24;
	assert_false(virtq_layout_valid(&l));
	l = good;
	l.avail.a = 3;
	assert_false(virtq_layout_valid(&l));
	l = good;
	l.used.a = 2;
	assert_false(virtq_layout_valid(&l));
	l = good;
	l.desc.a = UINT64_MAX - 15;
	assert_false(virtq_layout_valid(&l));
}

static void rings_lie_in_memory_as_the_specification_says(void **state)
{
	(void)state;
	struct mock m;
	mock_init(&m, 4, VIRTQ_F_EVENT_IDX, 0, false, 4096);
	struct virtq_seg seg[2] = {{{0x1122334455667788}, 0x99aabbcc}, {{0x42}, 7}};
	assert_true(virtq_drv_add(&m.drv, &m.pl, seg, 1, 1, 0, NULL));
	virtq_drv_publish(&m.drv);
	static const uint8_t desc[32] = {
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xcc, 0xbb, 0xaa, 0x99, 1, 0, 1, 0,
		0x42, 0,    0,    0,    0,    0,    0,    0,    7,    0,    0,    0,    2, 0, 0, 0};
	uint8_t got[32];
	plat_test_read(&m.pl, m.l.desc.a, got, 32);
	assert_memory_equal(got, desc, 32);
	static const uint8_t avail[6] = {0, 0, 1, 0, 0, 0};
	plat_test_read(&m.pl, m.l.avail.a, got, 6);
	assert_memory_equal(got, avail, 6);
	virtq_dev_push(&m.dev, &m.pl, 0x0000, 0x01020304, NULL);
	virtq_dev_publish(&m.dev);
	static const uint8_t used[12] = {0, 0, 1, 0, 0, 0, 0, 0, 4, 3, 2, 1};
	plat_test_read(&m.pl, m.l.used.a, got, 12);
	assert_memory_equal(got, used, 12);
	m.dev.last_avail = 0x1234;
	virtq_dev_notify_on(&m.dev, &m.pl);
	assert_int_equal(mock_word(&m, m.l.used.a + 4 + 8 * 4), 0x1234);
	m.drv.last_used = 0x4321;
	virtq_drv_intr_on(&m.drv, &m.pl);
	assert_int_equal(mock_word(&m, m.l.avail.a + 4 + 2 * 4), 0x4321);
	mock_fini(&m);
}

static void init_fails_if_any_page_of_the_rings_is_missing(void **state)
{
	(void)state;
	struct mock m;
	mock_init(&m, 1024, ALL_FEATURES, 4, false, 4096);
	uint64_t maps = m.pl.ops[PLAT_TEST_MAP], missed = 0;
	for (uint64_t n = 1; n <= maps; n++) {
		m.pl.fail_map = n;
		missed += !virtq_drv_init(&m.drv, &m.pl, &m.l, m.indirect, 4, m.drv_mem) ||
			  !virtq_dev_init(&m.dev, &m.pl, &m.l, m.dev_mem);
	}
	assert_int_equal(missed, maps);
	m.pl.fail_map = 0;
	gpa_t crooked = {m.indirect.a + 8};
	assert_false(virtq_drv_init(&m.drv, &m.pl, &m.l, crooked, 4, m.drv_mem));
	plat_test_protect(&m.pl, (uint32_t)(m.l.used.a >> PAGE_SHIFT), PLAT_READ);
	assert_false(virtq_dev_init(&m.dev, &m.pl, &m.l, m.dev_mem));
	mock_fini(&m);
}

/* ---- bytes through the ring --------------------------------------------------------------- */

static uint8_t pattern(uint32_t packet, uint32_t at)
{
	return (uint8_t)(packet * 131 + at * 7 + (packet >> 8));
}

/* Through plat_map, as a device or driver without a copy of its own. */
static void check_or_fill(struct mock *m, const struct virtq_seg *seg, unsigned n, uint32_t packet,
			  bool fill)
{
	uint32_t at = 0;
	for (unsigned i = 0; i < n; i++) {
		for (uint32_t done = 0; done < seg[i].len;) {
			uint32_t len = seg[i].len - done;
			uint8_t *p = plat_map(&m->pl, (gpa_t){seg[i].addr.a + done}, &len,
					      fill ? PLAT_WRITE : PLAT_READ);
			assert_non_null(p);
			for (uint32_t k = 0; k < len; k++, at++) {
				if (fill)
					p[k] = pattern(packet, at);
				else
					assert_int_equal(p[k], pattern(packet, at));
			}
			done += len;
		}
	}
}

/* A request of up to 3 pieces and an answer of up to 2, as many pieces as the ring has room for. */
struct exchange {
	struct virtq_seg seg[5];
	unsigned nout, nin;
};

static struct exchange exchange(const struct mock *m, uint32_t packet)
{
	unsigned most = m->l.size < 5 && !(m->l.features & VIRTQ_F_INDIRECT) ? m->l.size : 5;
	struct exchange x = {.nout = packet % 4, .nin = packet % 3};
	while (x.nout + x.nin > most || x.nout + x.nin > m->l.size) {
		x.nout -= x.nout > 0;
		x.nin -= x.nout == 0;
	}
	x.nout += x.nout + x.nin == 0;
	uint64_t stride = m->data_bytes / m->l.size;
	uint64_t at = m->data + (packet % m->l.size) * stride;
	for (unsigned i = 0; i < x.nout + x.nin; i++) {
		x.seg[i] = (struct virtq_seg){{at}, 1 + (packet + i) % 11};
		at += x.seg[i].len;
	}
	return x;
}

static void driver_fills(struct mock *m, uint32_t *sent, uint32_t end)
{
	while (*sent < end && *sent - (uint32_t)m->drv.gets < m->l.size) {
		struct exchange x = exchange(m, *sent);
		if (virtq_drv_cost(&m->drv, x.nout + x.nin) > virtq_drv_room(&m->drv))
			break;
		check_or_fill(m, x.seg, x.nout, *sent, true);
		assert_true(
			virtq_drv_add(&m->drv, &m->pl, x.seg, x.nout, x.nin, *sent ^ 0x5555, NULL));
		++*sent;
	}
	virtq_drv_publish(&m->drv);
}

static void device_answers(struct mock *m, uint32_t *popped)
{
	struct virtq_chain c;
	struct virtq_seg seg[5];
	unsigned n = virtq_dev_avail(&m->dev);
	for (unsigned i = 0; i < n; i++, ++*popped) {
		assert_true(virtq_dev_pop(&m->dev, &m->pl, &c, seg, 5));
		struct exchange x = exchange(m, *popped);
		assert_int_equal(c.nout, x.nout);
		assert_int_equal(c.nin, x.nin);
		for (unsigned k = 0; k < x.nout + x.nin; k++) {
			assert_int_equal(seg[k].addr.a, x.seg[k].addr.a);
			assert_int_equal(seg[k].len, x.seg[k].len);
		}
		check_or_fill(m, seg, c.nout, *popped, false);
		check_or_fill(m, seg + c.nout, c.nin, *popped + 1, true);
		virtq_dev_push(&m->dev, &m->pl, c.head, c.in_bytes, NULL);
	}
	assert_false(virtq_dev_pop(&m->dev, &m->pl, &c, seg, 5));
	virtq_dev_publish(&m->dev);
}

static void driver_takes(struct mock *m, uint32_t *got)
{
	uint64_t cookie;
	uint32_t len;
	for (unsigned n = virtq_drv_used(&m->drv); n > 0; n--, ++*got) {
		assert_true(virtq_drv_get(&m->drv, &m->pl, &cookie, &len, NULL));
		assert_int_equal(cookie, *got ^ 0x5555);
		struct exchange x = exchange(m, *got);
		uint32_t want = 0;
		for (unsigned i = 0; i < x.nin; i++)
			want += x.seg[x.nout + i].len;
		assert_int_equal(len, want);
		check_or_fill(m, x.seg + x.nout, x.nin, *got + 1, false);
	}
}

static void exchange_laps(uint32_t size, uint64_t features, bool flat, unsigned per)
{
	struct mock m;
	mock_init(&m, size, features, per, flat, size * 64 + 64);
	uint32_t end = mock_scaled(2 * size + size / 2) + 70, sent = 0, popped = 0, got = 0;
	if (size == VIRTQ_MAX_SIZE)
		end = mock_scaled(66000);
	while (got < end) {
		driver_fills(&m, &sent, end);
		device_answers(&m, &popped);
		driver_takes(&m, &got);
	}
	assert_int_equal(virtq_drv_room(&m.drv), size);
	assert_int_equal(virtq_drv_in_flight(&m.drv), 0);
	assert_int_equal(m.dev.err | m.drv.err, VIRTQ_ERR_NONE);
	assert_int_equal(m.pl.work[PLAT_W_VQ_POP], end);
	assert_int_equal(m.pl.work[PLAT_W_VQ_PUSH], end);
	assert_int_equal(m.pl.work[PLAT_W_DRV_ADD], end);
	assert_int_equal(m.pl.work[PLAT_W_DRV_GET], end);
	mock_fini(&m);
}

static void bytes_pass_exactly_at_every_size_over_more_than_two_laps(void **state)
{
	(void)state;
	for (uint32_t size = 1; size <= VIRTQ_MAX_SIZE; size *= 2) {
		exchange_laps(size, 0, false, 0);
		exchange_laps(size, VIRTQ_F_INDIRECT, false, 4);
		if (size <= 1024)
			exchange_laps(size, ALL_FEATURES, true, 5);
	}
}

static void used_element_across_two_pages_is_written_in_both(void **state)
{
	(void)state;
	struct mock m;
	mock_init(&m, 1024, 0, 0, false, 4096);
	uint32_t slot = 0;
	while ((m.l.used.a + 4 + 8 * slot) % PAGE_BYTES != PAGE_BYTES - 4)
		assert_true(++slot < 1024);
	m.dev.next_used = m.dev.published_used = (uint16_t)slot;
	virtq_dev_push(&m.dev, &m.pl, 0x123, 0x456789ab, NULL);
	uint32_t got[2];
	plat_test_read(&m.pl, m.l.used.a + 4 + 8 * slot, got, 8);
	assert_int_equal(got[0], 0x123);
	assert_int_equal(got[1], 0x456789ab);
	mock_fini(&m);
}

/* ---- what a device does with chains -------------------------------------------------------- */

static void indirect_table_may_lie_anywhere_and_follow_direct_descriptors(void **state)
{
	(void)state;
	struct mock m;
	for (uint32_t shift = 0; shift < 16; shift++) {
		mock_init(&m, 8, VIRTQ_F_INDIRECT, 0, false, 3 * 4096);
		/* the second of four entries crosses a page, unless aligned; order 0, 2, 1 */
		uint64_t table = mock_align(m.data, 4096) + 4096 - 24 + shift;
		mock_desc_at(&m, table, 0x1000, 10, VIRTQ_DESC_F_NEXT, 2);
		mock_desc_at(&m, table + 16, 0x2000, 20, VIRTQ_DESC_F_WRITE, 9);
		mock_desc_at(&m, table + 32, 0x3000, 30, VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_NEXT, 1);
		mock_desc(&m, 5, 0x4000, 40, VIRTQ_DESC_F_NEXT, 3);
		/* WRITE beside INDIRECT is ignored: 2.7.5.3.2 */
		mock_desc(&m, 3, table, 48, VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_WRITE, 0);
		mock_expose(&m, 0, 5, 1);
		struct virtq_chain c;
		struct virtq_seg seg[8];
		assert_int_equal(virtq_dev_avail(&m.dev), 1);
		assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, seg, 8));
		assert_int_equal(c.head, 5);
		assert_int_equal(c.nout, 2);
		assert_int_equal(c.nin, 2);
		assert_int_equal(c.out_bytes, 50);
		assert_int_equal(c.in_bytes, 50);
		static const uint64_t addr[4] = {0x4000, 0x1000, 0x3000, 0x2000};
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(seg[i].addr.a, addr[i]);
		mock_fini(&m);
	}
}

static void chain_of_more_segments_than_the_caller_takes_is_popped_empty(void **state)
{
	(void)state;
	struct mock m;
	mock_init(&m, 8, 0, 0, false, 4096);
	struct virtq_seg seg[5] = {{{1}, 1}, {{2}, 2}, {{3}, 3}, {{4}, 4}, {{5}, 5}};
	virtq_drv_add(&m.drv, &m.pl, seg, 2, 3, 0, NULL);
	virtq_drv_publish(&m.drv);
	struct virtq_chain c;
	struct virtq_seg got[5] = {{{0}, 0}};
	virtq_dev_avail(&m.dev);
	assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, got, 4));
	assert_int_equal(c.oversize, 5);
	assert_int_equal(c.nout + c.nin, 0);
	assert_int_equal(c.out_bytes + c.in_bytes, 0);
	assert_int_equal(got[4].len, 0);
	assert_int_equal(m.dev.oversize, 1);
	assert_false(m.dev.stopped);
	virtq_dev_unpop(&m.dev, 1);
	assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, got, 5));
	assert_int_equal(c.oversize, 0);
	assert_int_equal(c.nout, 2);
	assert_int_equal(c.nin, 3);
	assert_int_equal(c.in_bytes, 12);
	mock_fini(&m);
}

static void unpopped_chains_come_again_in_order(void **state)
{
	(void)state;
	struct mock m;
	mock_init(&m, 4, 0, 0, false, 4096);
	struct virtq_chain c;
	struct virtq_seg seg[1] = {{{64}, 64}};
	for (unsigned lap = 0; lap < 40; lap++) {
		for (unsigned i = 0; i < 4; i++)
			assert_true(virtq_drv_add(&m.drv, &m.pl, seg, 0, 1, i, NULL));
		assert_false(virtq_drv_add(&m.drv, &m.pl, seg, 0, 1, 9, NULL));
		virtq_drv_publish(&m.drv);
		uint16_t head[4];
		assert_int_equal(virtq_dev_avail(&m.dev), 4);
		for (unsigned i = 0; i < 4; i++) {
			assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, seg, 1));
			head[i] = c.head;
		}
		virtq_dev_unpop(&m.dev, 3);
		assert_int_equal(virtq_dev_left(&m.dev), 3);
		virtq_dev_push(&m.dev, &m.pl, head[0], 0, NULL);
		for (unsigned i = 1; i < 4; i++) {
			assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, seg, 1));
			assert_int_equal(c.head, head[i]);
			virtq_dev_push(&m.dev, &m.pl, c.head, 0, NULL);
		}
		virtq_dev_publish(&m.dev);
		assert_int_equal(virtq_drv_used(&m.drv), 4);
		while (virtq_drv_get(&m.drv, &m.pl, NULL, NULL, NULL))
			;
	}
	assert_int_equal(m.drv.full, 40);
	mock_fini(&m);
}

static void tags_travel_beside_chains_in_both_directions(void **state)
{
	(void)state;
	struct mock m;
	mock_init(&m, 4, VIRTQ_F_INDIRECT, 4, false, 4096);
	struct frame sent = {.num = 1}, received = {.num = 2}, *got;
	struct virtq_seg seg[2] = {{{64}, 64}, {{128}, 64}};
	struct virtq_chain c;
	virtq_drv_add(&m.drv, &m.pl, seg, 2, 0, 0, &sent);
	virtq_drv_add(&m.drv, &m.pl, seg, 0, 2, 1, NULL);
	virtq_drv_publish(&m.drv);
	virtq_dev_avail(&m.dev);
	assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, seg, 2));
	assert_ptr_equal(c.frame, &sent);
	virtq_dev_unpop(&m.dev, 1);
	assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, seg, 2));
	assert_ptr_equal(c.frame, &sent);
	virtq_dev_push(&m.dev, &m.pl, c.head, 0, NULL);
	assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, seg, 2));
	assert_null(c.frame);
	virtq_dev_push(&m.dev, &m.pl, c.head, 60, &received);
	virtq_dev_publish(&m.dev);
	assert_int_equal(virtq_drv_used(&m.drv), 2);
	assert_true(virtq_drv_get(&m.drv, &m.pl, NULL, NULL, &got));
	assert_null(got);
	assert_true(virtq_drv_get(&m.drv, &m.pl, NULL, NULL, &got));
	assert_ptr_equal(got, &received);
	for (unsigned i = 0; i < 4; i++)
		assert_null(m.tags[i]);
	mock_fini(&m);
}

static void mergeable_frame_spans_chains_that_appear_together(void **state)
{
	(void)state;
	struct mock m;
	mock_init(&m, 8, VIRTQ_F_MRG_RXBUF, 0, false, 3 * 2048);
	struct frame f = {.len = 4500}, *tag;
	for (uint32_t i = 0; i < 3; i++) {
		struct virtq_seg seg = {{m.data + i * 2048}, 2048};
		assert_true(virtq_drv_add(&m.drv, &m.pl, &seg, 0, 1, i, NULL));
	}
	virtq_drv_publish(&m.drv);
	assert_int_equal(virtq_dev_avail(&m.dev), 3);
	struct virtq_net_hdr hdr = {.num_buffers = 3}, got_hdr;
	uint32_t left = VIRTQ_NET_HDR_BYTES + f.len;
	for (unsigned i = 0; i < 3; i++) {
		struct virtq_chain c;
		struct virtq_seg seg;
		assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, &seg, 1));
		if (i == 0)
			plat_test_write(&m.pl, seg.addr.a, &hdr, sizeof(hdr));
		uint32_t part = left < c.in_bytes ? left : c.in_bytes;
		left -= part;
		virtq_dev_push(&m.dev, &m.pl, c.head, part, i == 0 ? &f : NULL);
		assert_int_equal(virtq_drv_used(&m.drv), 0);
	}
	assert_int_equal(left, 0);
	assert_int_equal(virtq_dev_pending(&m.dev), 3);
	virtq_dev_publish(&m.dev);
	assert_int_equal(virtq_dev_pending(&m.dev), 0);
	assert_int_equal(virtq_drv_used(&m.drv), 3);
	uint32_t len, sum = 0;
	plat_test_read(&m.pl, m.data, &got_hdr, sizeof(got_hdr));
	for (unsigned i = 0; i < got_hdr.num_buffers; i++, sum += len) {
		assert_true(virtq_drv_get(&m.drv, &m.pl, NULL, &len, &tag));
		assert_ptr_equal(tag, i == 0 ? &f : NULL);
	}
	assert_int_equal(sum, VIRTQ_NET_HDR_BYTES + f.len);
	mock_fini(&m);
}

/* ---- random operations against a plain model ----------------------------------------------- */

#define MODEL_MAX 4096u

/* Chains in order of addition, each with its place in life. */
struct model_chain {
	struct virtq_seg seg[6];
	unsigned nout, nin;
	struct frame *tag, *answer;
	uint32_t len;
	enum { ADDED, PUBLISHED, POPPED, PUSHED, USED, GOT } at;
	uint16_t head; /* as popped */
};

struct model {
	struct model_chain *chain;
	unsigned added, published, seen,
		popped;            /* counts: chains up to here are at least that far */
	unsigned order[MODEL_MAX]; /* chains as pushed */
	unsigned pushed, used, seen_used, got;
	struct frame frames[7];
};

static void model_add(struct model *t, struct mock *m, uint64_t *rnd)
{
	struct model_chain c = {.nout = mock_below(rnd, 4), .nin = mock_below(rnd, 3)};
	c.nin += c.nout + c.nin == 0;
	unsigned n = c.nout + c.nin;
	for (unsigned i = 0; i < n; i++)
		c.seg[i] = (struct virtq_seg){{mock_random(rnd) >> 8}, 1 + mock_below(rnd, 5000)};
	c.tag = mock_below(rnd, 2) ? &t->frames[mock_below(rnd, 7)] : NULL;
	bool fits = virtq_drv_cost(&m->drv, n) <= virtq_drv_room(&m->drv);
	bool added = t->added < MODEL_MAX &&
		     virtq_drv_add(&m->drv, &m->pl, c.seg, c.nout, c.nin, t->added, c.tag);
	assert_int_equal(added, fits && t->added < MODEL_MAX);
	if (added)
		t->chain[t->added++] = c;
}

static void model_pop(struct model *t, struct mock *m)
{
	struct virtq_chain c;
	struct virtq_seg seg[6];
	bool popped = virtq_dev_pop(&m->dev, &m->pl, &c, seg, 6);
	assert_int_equal(popped, t->popped < t->seen);
	if (!popped)
		return;
	struct model_chain *want = &t->chain[t->popped++];
	assert_int_equal(c.nout, want->nout);
	assert_int_equal(c.nin, want->nin);
	assert_ptr_equal(c.frame, want->tag);
	uint32_t out = 0, in = 0;
	for (unsigned i = 0; i < c.nout + c.nin; i++) {
		assert_int_equal(seg[i].addr.a, want->seg[i].addr.a);
		assert_int_equal(seg[i].len, want->seg[i].len);
		*(i < c.nout ? &out : &in) += seg[i].len;
	}
	assert_int_equal(c.out_bytes, out);
	assert_int_equal(c.in_bytes, in);
	want->at = POPPED;
	want->head = c.head;
	want->len = in;
}

static void model_unpop(struct model *t, struct mock *m, unsigned n)
{
	unsigned can = 0;
	while (can < n && can < t->popped && t->chain[t->popped - 1 - can].at == POPPED)
		can++;
	virtq_dev_unpop(&m->dev, can);
	t->popped -= can;
}

/* Any popped chain, not the oldest first. */
static void model_push(struct model *t, struct mock *m, uint64_t *rnd)
{
	unsigned from = t->popped > 40 ? t->popped - 40 : 0, at[40], n = 0;
	for (unsigned i = t->popped; i-- > from;)
		if (t->chain[i].at == POPPED)
			at[n++] = i;
	if (n == 0)
		return;
	unsigned i = at[mock_below(rnd, n)];
	struct model_chain *c = &t->chain[i];
	c->len = c->len ? mock_below(rnd, c->len + 1) : 0;
	c->answer = mock_below(rnd, 2) ? &t->frames[mock_below(rnd, 7)] : NULL;
	c->at = PUSHED;
	virtq_dev_push(&m->dev, &m->pl, c->head, c->len, c->answer);
	t->order[t->pushed++] = i;
}

static void model_get(struct model *t, struct mock *m)
{
	uint64_t cookie;
	uint32_t len;
	struct frame *answer;
	bool got = virtq_drv_get(&m->drv, &m->pl, &cookie, &len, &answer);
	assert_int_equal(got, t->got < t->seen_used);
	if (!got)
		return;
	struct model_chain *c = &t->chain[t->order[t->got++]];
	assert_int_equal(cookie, c - t->chain);
	assert_int_equal(len, c->len);
	assert_ptr_equal(answer, c->answer);
	c->at = GOT;
}

static void model_step(struct model *t, struct mock *m, uint64_t *rnd)
{
	switch (mock_below(rnd, 9)) {
	case 0:
	case 1:
		model_add(t, m, rnd);
		break;
	case 2:
		virtq_drv_publish(&m->drv);
		t->published = t->added;
		break;
	case 3:
		t->seen = t->published;
		assert_int_equal(virtq_dev_avail(&m->dev), t->seen - t->popped);
		break;
	case 4:
		model_pop(t, m);
		break;
	case 5:
		if (mock_below(rnd, 4) == 0)
			model_unpop(t, m, 1 + mock_below(rnd, 3));
		break;
	case 6:
		model_push(t, m, rnd);
		break;
	case 7:
		virtq_dev_publish(&m->dev);
		t->used = t->pushed;
		break;
	default:
		t->seen_used = t->used;
		assert_int_equal(virtq_drv_used(&m->drv), t->used - t->got);
		model_get(t, m);
	}
}

static void random_operations_agree_with_a_plain_model(void **state)
{
	(void)state;
	uint64_t seed = mock_seed(20240607);
	for (uint32_t run = 0; run < mock_scaled(300); run++) {
		uint64_t rnd = seed + run, features = run & 1 ? ALL_FEATURES : 0;
		struct mock m;
		struct model t = {.chain = calloc(MODEL_MAX, sizeof(*t.chain))};
		mock_init(&m, 8u << run % 6, features, run & 2 ? 3 : 8, run % 5 == 0, 4096);
		for (unsigned i = 0; i < 10000; i++)
			model_step(&t, &m, &rnd);
		assert_int_equal(m.dev.err | m.drv.err, VIRTQ_ERR_NONE);
		assert_true(t.got > 100);
		assert_int_equal(virtq_drv_in_flight(&m.drv), t.added - t.got);
		free(t.chain);
		mock_fini(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_takes_powers_of_two_up_to_32768_only),
		cmocka_unit_test(layout_takes_aligned_parts_within_the_address_space_only),
		cmocka_unit_test(rings_lie_in_memory_as_the_specification_says),
		cmocka_unit_test(init_fails_if_any_page_of_the_rings_is_missing),
		cmocka_unit_test(bytes_pass_exactly_at_every_size_over_more_than_two_laps),
		cmocka_unit_test(used_element_across_two_pages_is_written_in_both),
		cmocka_unit_test(indirect_table_may_lie_anywhere_and_follow_direct_descriptors),
		cmocka_unit_test(chain_of_more_segments_than_the_caller_takes_is_popped_empty),
		cmocka_unit_test(unpopped_chains_come_again_in_order),
		cmocka_unit_test(tags_travel_beside_chains_in_both_directions),
		cmocka_unit_test(mergeable_frame_spans_chains_that_appear_together),
		cmocka_unit_test(random_operations_agree_with_a_plain_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
