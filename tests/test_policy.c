/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_policy.c - the policies, burst by burst: receive, going to sleep, the queue between workers.
 */
#include "policy_rig.h"

/* ---- receive --------------------------------------------------------------------------------- */

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

/* Hypervisor buffers that the device still has need a chain each, so these are not given away. */
static void capability_that_comes_back_costs_no_frame(void **state)
{
	struct rig *r =
		rig_new((struct rig_opts){.policy = "zero-copy", .bufs = 8, .no_zero_copy = true});
	unsigned empty = 0, posted;

	(void)state;
	host_rx(r); /* eight hypervisor buffers for the device */
	r->port.info.caps |= PLAT_CAP_ZERO_COPY;
	for (unsigned i = 0; i < 12; i++)
		rx_post(r, 4, 12 + MAX_FRAME);
	publish(r, &r->rx);
	host_rx(r);
	posted = r->dp.rx_posted;
	assert_int_equal(posted, 4);
	for (unsigned i = 0; i < 12; i++)
		assert_true(arrive(r, 500 + i));
	host_rx(r);
	assert_int_equal(take(r, &empty), 12);
	assert_int_equal(drops(&r->rxl), 0);
	assert_int_equal(r->rxl.fallbacks[REASON_NO_CAPABILITY], 8);
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
		cmocka_unit_test(capability_that_comes_back_costs_no_frame),
		cmocka_unit_test(device_queue_that_is_not_the_guests_takes_hypervisor_buffers),
		cmocka_unit_test(full_queue_to_the_emulator_drops_by_name_and_gives_buffers_back),
		cmocka_unit_test(work_between_burst_and_commit_keeps_the_worker_awake),
		cmocka_unit_test(polling_workers_ask_for_nothing),
		cmocka_unit_test(one_interrupt_for_a_burst_and_none_unasked),
		cmocka_unit_test(null_policy_ends_frames_in_the_host_and_touches_no_guest_memory),
		cmocka_unit_test(pktq_lends_buffers_and_wakes_who_sleeps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
