/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_policy_send.c - the policies, burst by burst: hostile guests in both directions, transmit.
 */
#include "policy_rig.h"

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

/* Out of range, misaligned, looped: of the single-copy path, by the numbers of the system P3. */
static void p3_13_guest_pointers_are_validated_counted_and_nothing_is_written(void **state)
{
	static const enum hostility h[] = {BAD_ADDRESS, BAD_SECOND,  WRAPS,      LOOP,
					   NEXT_BEYOND, HEAD_BEYOND, INDEX_JUMP, INDIRECT_OFF};
	struct rig *r = rig_new((struct rig_opts){.policy = "single-copy"});
	struct virtq_layout odd[3] = {r->rx.l, r->rx.l, r->rx.l};
	struct virtq_dev dev;
	void *mem = malloc(virtq_dev_bytes(&r->rx.l) + 64);

	(void)state;
	for (unsigned i = 0; i < sizeof(h) / sizeof(h[0]); i++)
		hostile_receive("single-copy", h[i]);
	odd[0].desc.a += 8;
	odd[1].avail.a += 1;
	odd[2].used.a += 2;
	for (unsigned i = 0; i < 3; i++)
		assert_false(virtq_dev_init(&dev, &r->pl, &odd[i], mem));
	free(mem);
	start(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
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
		cmocka_unit_test(p3_13_guest_pointers_are_validated_counted_and_nothing_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
