/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_virtq_errors.c - every way in which the other side of a ring can be wrong.
 *
 * Each test writes one offence into otherwise good rings and sees: the queue stops with that error,
 * counted once; nothing is handed out; nothing more is read, even when the rings are good again;
 * and no byte beyond guest memory was touched (checked by mock_fini and the sanitizers).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frame.h"
#include "test_virtq_mock.h"

#define SIZE 8u
#define NEXT VIRTQ_DESC_F_NEXT
#define W    VIRTQ_DESC_F_WRITE
#define IND  VIRTQ_DESC_F_INDIRECT

static void start(struct mock *m, uint64_t features)
{
	mock_init(m, SIZE, features, 0, false, 3 * 4096);
}

/* A stopped device stays stopped, whatever the driver writes, and takes no look at it. */
static void device_stays_stopped(struct mock *m, enum virtq_err err)
{
	assert_true(m->dev.stopped);
	assert_int_equal(m->dev.err, err);
	for (unsigned e = 0; e < VIRTQ_ERR_N; e++)
		assert_int_equal(m->dev.errors[e], e == err);
	struct virtq_chain c;
	struct virtq_seg seg[SIZE];
	mock_desc(m, 0, 64, 64, 0, 0);
	mock_expose(m, m->dev.last_avail % SIZE, 0, (uint16_t)(m->dev.last_avail + 1));
	uint64_t maps = m->pl.ops[PLAT_TEST_MAP];
	assert_int_equal(virtq_dev_avail(&m->dev), 0);
	assert_int_equal(virtq_dev_left(&m->dev), 0);
	assert_false(virtq_dev_pop(&m->dev, &m->pl, &c, seg, SIZE));
	assert_false(virtq_dev_notify_on(&m->dev, &m->pl));
	assert_int_equal(m->pl.ops[PLAT_TEST_MAP], maps);
	mock_fini(m);
}

/* One chain is exposed, with its head at descriptor 0, and its pop fails. */
static void pop_fails(struct mock *m, enum virtq_err err)
{
	struct virtq_chain c;
	struct virtq_seg seg[SIZE];
	mock_expose(m, 0, 0, 1);
	assert_int_equal(virtq_dev_avail(&m->dev), 1);
	assert_false(virtq_dev_pop(&m->dev, &m->pl, &c, seg, SIZE));
	assert_int_equal(m->dev.pops, 0);
	device_stays_stopped(m, err);
}

static void avail_rejects_index_that_jumps_over_the_ring(void **state)
{
	(void)state;
	struct mock m;
	start(&m, 0);
	mock_expose(&m, 0, 0, SIZE);
	assert_int_equal(virtq_dev_avail(&m.dev), SIZE);
	mock_expose(&m, 0, 0, SIZE + 1);
	assert_int_equal(virtq_dev_avail(&m.dev), 0);
	device_stays_stopped(&m, VIRTQ_ERR_AVAIL_JUMP);
}

static void avail_rejects_index_that_goes_back(void **state)
{
	(void)state;
	struct mock m;
	start(&m, 0);
	mock_expose(&m, 0, 0, UINT16_MAX);
	assert_int_equal(virtq_dev_avail(&m.dev), 0);
	device_stays_stopped(&m, VIRTQ_ERR_AVAIL_JUMP);
}

static void pop_rejects_head_beyond_the_table(void **state)
{
	(void)state;
	for (uint32_t head = SIZE; head <= 65535; head = head * 2 + 1) {
		struct mock m;
		struct virtq_chain c;
		struct virtq_seg seg[SIZE];
		start(&m, 0);
		mock_expose(&m, 0, (uint16_t)head, 1);
		assert_int_equal(virtq_dev_avail(&m.dev), 1);
		assert_false(virtq_dev_pop(&m.dev, &m.pl, &c, seg, SIZE));
		device_stays_stopped(&m, VIRTQ_ERR_HEAD_RANGE);
	}
}

static void pop_rejects_head_that_is_in_flight(void **state)
{
	(void)state;
	struct mock m;
	struct virtq_chain c;
	struct virtq_seg seg[SIZE];
	start(&m, 0);
	mock_desc(&m, 3, 64, 64, 0, 0);
	mock_expose(&m, 0, 3, 1);
	virtq_dev_avail(&m.dev);
	assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, seg, SIZE));
	virtq_dev_push(&m.dev, &m.pl, 3, 0, NULL);
	mock_expose(&m, 1, 3, 3);
	mock_expose(&m, 2, 3, 3);
	assert_int_equal(virtq_dev_avail(&m.dev), 2);
	assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, seg, SIZE));
	assert_false(virtq_dev_pop(&m.dev, &m.pl, &c, seg, SIZE));
	device_stays_stopped(&m, VIRTQ_ERR_HEAD_IN_FLIGHT);
}

static void pop_rejects_next_beyond_the_table(void **state)
{
	(void)state;
	struct mock m;
	start(&m, 0);
	mock_desc(&m, 0, 64, 64, NEXT, SIZE);
	pop_fails(&m, VIRTQ_ERR_NEXT_RANGE);
}

static void pop_rejects_descriptor_that_is_its_own_next(void **state)
{
	(void)state;
	struct mock m;
	start(&m, 0);
	mock_desc(&m, 0, 64, 64, NEXT, 0);
	pop_fails(&m, VIRTQ_ERR_LOOP);
}

static void pop_rejects_loop_of_all_descriptors_and_takes_a_chain_of_all(void **state)
{
	(void)state;
	struct mock m;
	struct virtq_chain c;
	struct virtq_seg seg[SIZE];
	start(&m, 0);
	for (uint16_t i = 0; i < SIZE; i++)
		mock_desc(&m, i, 64, 64, i + 1 < (int)SIZE ? NEXT : 0, (uint16_t)(i + 1));
	mock_expose(&m, 0, 0, 1);
	virtq_dev_avail(&m.dev);
	assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, seg, SIZE));
	assert_int_equal(c.nout, SIZE);
	virtq_dev_unpop(&m.dev, 1);
	m.dev.pops = 0;
	mock_desc(&m, SIZE - 1, 64, 64, NEXT, 0);
	pop_fails(&m, VIRTQ_ERR_LOOP);
}

static void pop_rejects_loop_in_a_ring_of_one(void **state)
{
	(void)state;
	struct mock m;
	struct virtq_chain c;
	struct virtq_seg seg;
	mock_init(&m, 1, 0, 0, false, 4096);
	mock_desc(&m, 0, 64, 64, NEXT, 0);
	mock_expose(&m, 0, 0, 1);
	virtq_dev_avail(&m.dev);
	assert_false(virtq_dev_pop(&m.dev, &m.pl, &c, &seg, 1));
	assert_int_equal(m.dev.err, VIRTQ_ERR_LOOP);
	mock_fini(&m);
}

static void pop_rejects_descriptor_of_no_bytes(void **state)
{
	(void)state;
	struct mock m;
	start(&m, 0);
	mock_desc(&m, 0, 64, 64, NEXT, 1);
	mock_desc(&m, 1, 64, 0, W, 0);
	pop_fails(&m, VIRTQ_ERR_ZERO_LEN);
}

static void pop_rejects_chain_of_four_gibibytes(void **state)
{
	(void)state;
	struct mock m;
	start(&m, 0);
	mock_desc(&m, 0, 0, UINT32_MAX, NEXT, 1);
	mock_desc(&m, 1, 64, 1, W, 0);
	pop_fails(&m, VIRTQ_ERR_CHAIN_BYTES);
}

static void pop_rejects_buffer_that_passes_the_end_of_the_address_space(void **state)
{
	(void)state;
	struct mock m;
	struct virtq_chain c;
	struct virtq_seg seg[SIZE];
	start(&m, 0);
	mock_desc(&m, 0, UINT64_MAX - 63, 64, 0, 0);
	mock_expose(&m, 0, 0, 1);
	virtq_dev_avail(&m.dev);
	assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, seg, SIZE));
	virtq_dev_unpop(&m.dev, 1);
	m.dev.pops = 0;
	mock_desc(&m, 0, UINT64_MAX - 63, 65, 0, 0);
	pop_fails(&m, VIRTQ_ERR_ADDR_WRAP);
}

static void caller_stops_the_queue_for_a_buffer_outside_memory(void **state)
{
	(void)state;
	struct mock m;
	struct virtq_chain c;
	struct virtq_seg seg[SIZE];
	start(&m, 0);
	mock_desc(&m, 0, 1ull << 40, 64, 0, 0);
	mock_expose(&m, 0, 0, 1);
	virtq_dev_avail(&m.dev);
	assert_true(virtq_dev_pop(&m.dev, &m.pl, &c, seg, SIZE));
	uint32_t len = seg[0].len;
	assert_null(plat_map(&m.pl, seg[0].addr, &len, PLAT_READ));
	virtq_dev_fail(&m.dev, VIRTQ_ERR_ADDR_RANGE);
	/* what is in flight can still be finished */
	virtq_dev_push(&m.dev, &m.pl, c.head, 0, NULL);
	virtq_dev_publish(&m.dev);
	assert_int_equal(mock_word(&m, m.l.used.a + 2), 1);
	device_stays_stopped(&m, VIRTQ_ERR_ADDR_RANGE);
}

static void first_error_stays_and_later_ones_are_counted(void **state)
{
	(void)state;
	struct mock m;
	start(&m, 0);
	virtq_dev_fail(&m.dev, VIRTQ_ERR_HEADER);
	virtq_dev_fail(&m.dev, VIRTQ_ERR_ADDR_RANGE);
	assert_int_equal(m.dev.err, VIRTQ_ERR_HEADER);
	assert_int_equal(m.dev.errors[VIRTQ_ERR_HEADER], 1);
	assert_int_equal(m.dev.errors[VIRTQ_ERR_ADDR_RANGE], 1);
	mock_fini(&m);
}

static void pop_rejects_readable_after_writable(void **state)
{
	(void)state;
	struct mock m;
	start(&m, 0);
	mock_desc(&m, 0, 64, 64, NEXT | W, 1);
	mock_desc(&m, 1, 64, 64, 0, 0);
	pop_fails(&m, VIRTQ_ERR_ORDER);
}

static void pop_rejects_indirect_that_was_not_negotiated(void **state)
{
	(void)state;
	struct mock m;
	start(&m, VIRTQ_F_EVENT_IDX);
	mock_desc_at(&m, m.data, 64, 64, 0, 0);
	mock_desc(&m, 0, m.data, 16, IND, 0);
	pop_fails(&m, VIRTQ_ERR_INDIRECT_OFF);
}

static void pop_rejects_indirect_inside_indirect(void **state)
{
	(void)state;
	struct mock m;
	start(&m, VIRTQ_F_INDIRECT);
	mock_desc_at(&m, m.data, m.data + 16, 16, IND, 0);
	mock_desc_at(&m, m.data + 16, 64, 64, 0, 0);
	mock_desc(&m, 0, m.data, 32, IND, 0);
	pop_fails(&m, VIRTQ_ERR_INDIRECT_NESTED);
}

static void pop_rejects_indirect_with_next(void **state)
{
	(void)state;
	struct mock m;
	start(&m, VIRTQ_F_INDIRECT);
	mock_desc_at(&m, m.data, 64, 64, 0, 0);
	mock_desc(&m, 0, m.data, 16, IND | NEXT, 1);
	mock_desc(&m, 1, 64, 64, 0, 0);
	pop_fails(&m, VIRTQ_ERR_INDIRECT_NEXT);
}

static void pop_rejects_indirect_table_of_no_or_broken_length(void **state)
{
	(void)state;
	static const uint32_t lens[] = {0, 1, 15, 17, 24, 16 * SIZE + 8, UINT32_MAX};
	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct mock m;
		start(&m, VIRTQ_F_INDIRECT);
		mock_desc_at(&m, m.data, 64, 64, 0, 0);
		mock_desc(&m, 0, m.data, lens[i], IND, 0);
		pop_fails(&m, VIRTQ_ERR_INDIRECT_LEN);
	}
}

static void pop_rejects_indirect_table_longer_than_the_queue(void **state)
{
	(void)state;
	static const uint32_t lens[] = {16 * (SIZE + 1), 0xfffffff0};
	for (unsigned i = 0; i < 2; i++) {
		struct mock m;
		start(&m, VIRTQ_F_INDIRECT);
		mock_desc_at(&m, m.data, 64, 64, 0, 0);
		mock_desc(&m, 0, m.data, lens[i], IND, 0);
		pop_fails(&m, VIRTQ_ERR_INDIRECT_LONG);
	}
}

static void pop_rejects_indirect_table_outside_memory(void **state)
{
	(void)state;
	static const uint64_t at[] = {1ull << 40, UINT64_MAX - 15, UINT64_MAX - 31};
	for (unsigned i = 0; i < 3; i++) {
		struct mock m;
		start(&m, VIRTQ_F_INDIRECT);
		mock_desc(&m, 0, at[i], 32, IND, 0);
		pop_fails(&m, VIRTQ_ERR_INDIRECT_RANGE);
	}
}

static void pop_rejects_indirect_table_that_runs_out_of_memory_half_way(void **state)
{
	(void)state;
	for (unsigned shift = 0; shift <= 24; shift += 8) {
		struct mock m;
		start(&m, VIRTQ_F_INDIRECT);
		uint64_t end = (uint64_t)m.pl.npages * PAGE_BYTES;
		mock_desc_at(&m, end - 16 - shift, 64, 64, NEXT, 2);
		mock_desc(&m, 0, end - 16 - shift, 48, IND, 0);
		pop_fails(&m, VIRTQ_ERR_INDIRECT_RANGE);
	}
}

static void pop_rejects_next_beyond_the_indirect_table(void **state)
{
	(void)state;
	struct mock m;
	start(&m, VIRTQ_F_INDIRECT);
	mock_desc_at(&m, m.data, 64, 64, NEXT, 2);
	mock_desc_at(&m, m.data + 32, 64, 64, 0, 0);
	mock_desc(&m, 0, m.data, 32, IND, 0);
	pop_fails(&m, VIRTQ_ERR_NEXT_RANGE);
}

static void pop_rejects_loop_in_an_indirect_table(void **state)
{
	(void)state;
	struct mock m;
	start(&m, VIRTQ_F_INDIRECT);
	mock_desc_at(&m, m.data, 64, 64, NEXT, 1);
	mock_desc_at(&m, m.data + 16, 64, 64, NEXT, 0);
	mock_desc(&m, 0, m.data, 32, IND, 0);
	pop_fails(&m, VIRTQ_ERR_LOOP);
}

static void pop_rejects_direct_and_indirect_longer_than_the_queue_together(void **state)
{
	(void)state;
	struct mock m;
	start(&m, VIRTQ_F_INDIRECT);
	for (uint16_t i = 0; i < SIZE; i++)
		mock_desc_at(&m, m.data + 16 * i, 64, 64, i + 1 < (int)SIZE ? NEXT : 0,
			     (uint16_t)(i + 1));
	mock_desc(&m, 0, 64, 64, NEXT, 1);
	mock_desc(&m, 1, m.data, 16 * SIZE, IND, 0);
	pop_fails(&m, VIRTQ_ERR_LOOP);
}

/* ---- a device that is wrong ---------------------------------------------------------------- */

/* Two chains are in flight, heads 0 and 1, the first with 64 writable bytes. */
static void start_driver(struct mock *m)
{
	start(m, 0);
	struct virtq_seg seg = {{64}, 64};
	assert_true(virtq_drv_add(&m->drv, &m->pl, &seg, 0, 1, 7, NULL));
	assert_true(virtq_drv_add(&m->drv, &m->pl, &seg, 1, 0, 8, NULL));
	virtq_drv_publish(&m->drv);
}

static void driver_stays_stopped(struct mock *m, enum virtq_err err)
{
	assert_true(m->drv.stopped);
	assert_int_equal(m->drv.err, err);
	for (unsigned e = 0; e < VIRTQ_ERR_N; e++)
		assert_int_equal(m->drv.errors[e], e == err);
	struct virtq_seg seg = {{64}, 64};
	mock_complete(m, 0, 1, 0, 1);
	assert_int_equal(virtq_drv_used(&m->drv), 0);
	assert_false(virtq_drv_get(&m->drv, &m->pl, NULL, NULL, NULL));
	assert_false(virtq_drv_add(&m->drv, &m->pl, &seg, 1, 0, 9, NULL));
	assert_int_equal(virtq_drv_room(&m->drv), 0);
	assert_false(virtq_drv_intr_on(&m->drv, &m->pl));
	mock_fini(m);
}

static void get_fails(struct mock *m, enum virtq_err err)
{
	assert_int_equal(virtq_drv_used(&m->drv), 1);
	assert_false(virtq_drv_get(&m->drv, &m->pl, NULL, NULL, NULL));
	assert_int_equal(m->drv.gets, 0);
	driver_stays_stopped(m, err);
}

static void used_rejects_index_beyond_what_is_in_flight(void **state)
{
	(void)state;
	static const uint16_t idx[] = {3, 65535};
	for (unsigned i = 0; i < 2; i++) {
		struct mock m;
		start_driver(&m);
		mock_complete(&m, 0, 0, 0, 2);
		assert_int_equal(virtq_drv_used(&m.drv), 2);
		/* a third one, not yet published, does not count */
		struct virtq_seg seg = {{64}, 64};
		assert_true(virtq_drv_add(&m.drv, &m.pl, &seg, 1, 0, 9, NULL));
		mock_complete(&m, 0, 0, 0, idx[i]);
		assert_int_equal(virtq_drv_used(&m.drv), 0);
		driver_stays_stopped(&m, VIRTQ_ERR_USED_JUMP);
	}
}

static void get_rejects_id_beyond_the_table(void **state)
{
	(void)state;
	static const uint32_t id[] = {SIZE, 65536, UINT32_MAX};
	for (unsigned i = 0; i < 3; i++) {
		struct mock m;
		start_driver(&m);
		mock_complete(&m, 0, id[i], 0, 1);
		get_fails(&m, VIRTQ_ERR_USED_ID);
	}
}

static void get_rejects_id_that_is_not_in_flight(void **state)
{
	(void)state;
	struct mock m;
	start_driver(&m);
	mock_complete(&m, 0, 2, 0, 1);
	get_fails(&m, VIRTQ_ERR_USED_NOT_IN_FLIGHT);
}

static void get_rejects_second_completion_of_one_chain(void **state)
{
	(void)state;
	struct mock m;
	start_driver(&m);
	mock_complete(&m, 0, 1, 0, 1);
	assert_int_equal(virtq_drv_used(&m.drv), 1);
	assert_true(virtq_drv_get(&m.drv, &m.pl, NULL, NULL, NULL));
	m.drv.gets = 0;
	mock_complete(&m, 1, 1, 0, 2);
	get_fails(&m, VIRTQ_ERR_USED_NOT_IN_FLIGHT);
}

static void get_rejects_more_bytes_than_the_chain_takes(void **state)
{
	(void)state;
	struct mock m;
	start_driver(&m);
	mock_complete(&m, 0, 0, 65, 1);
	get_fails(&m, VIRTQ_ERR_USED_LEN);
	start_driver(&m);
	mock_complete(&m, 0, 1, 1, 1);
	get_fails(&m, VIRTQ_ERR_USED_LEN);
}

static void driver_never_reads_back_what_it_wrote(void **state)
{
	(void)state;
	struct mock m;
	struct virtq_seg seg[3] = {{{64}, 64}, {{64}, 64}, {{64}, 64}};
	start(&m, 0);
	for (unsigned lap = 0; lap < 50; lap++) {
		assert_true(virtq_drv_add(&m.drv, &m.pl, seg, 1, 2, lap, NULL));
		virtq_drv_publish(&m.drv);
		uint16_t head =
			mock_word(&m, m.l.avail.a + 4 + 2ull * ((m.drv.next_avail - 1) % SIZE));
		uint8_t junk[16 * SIZE];
		memset(junk, 0xff, sizeof(junk));
		plat_test_write(&m.pl, m.l.desc.a, junk, sizeof(junk));
		mock_complete(&m, lap % SIZE, head, 128, (uint16_t)(lap + 1));
		assert_int_equal(virtq_drv_used(&m.drv), 1);
		uint64_t cookie;
		assert_true(virtq_drv_get(&m.drv, &m.pl, &cookie, NULL, NULL));
		assert_int_equal(cookie, lap);
		assert_int_equal(virtq_drv_room(&m.drv), SIZE);
	}
	mock_fini(&m);
}

static void every_error_has_a_name(void **state)
{
	(void)state;
	for (unsigned e = 0; e < VIRTQ_ERR_N; e++)
		assert_true(strlen(virtq_err_names[e]) > 3);
	assert_null(virtq_err_names[VIRTQ_ERR_N]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(avail_rejects_index_that_jumps_over_the_ring),
		cmocka_unit_test(avail_rejects_index_that_goes_back),
		cmocka_unit_test(pop_rejects_head_beyond_the_table),
		cmocka_unit_test(pop_rejects_head_that_is_in_flight),
		cmocka_unit_test(pop_rejects_next_beyond_the_table),
		cmocka_unit_test(pop_rejects_descriptor_that_is_its_own_next),
		cmocka_unit_test(pop_rejects_loop_of_all_descriptors_and_takes_a_chain_of_all),
		cmocka_unit_test(pop_rejects_loop_in_a_ring_of_one),
		cmocka_unit_test(pop_rejects_descriptor_of_no_bytes),
		cmocka_unit_test(pop_rejects_chain_of_four_gibibytes),
		cmocka_unit_test(pop_rejects_buffer_that_passes_the_end_of_the_address_space),
		cmocka_unit_test(caller_stops_the_queue_for_a_buffer_outside_memory),
		cmocka_unit_test(first_error_stays_and_later_ones_are_counted),
		cmocka_unit_test(pop_rejects_readable_after_writable),
		cmocka_unit_test(pop_rejects_indirect_that_was_not_negotiated),
		cmocka_unit_test(pop_rejects_indirect_inside_indirect),
		cmocka_unit_test(pop_rejects_indirect_with_next),
		cmocka_unit_test(pop_rejects_indirect_table_of_no_or_broken_length),
		cmocka_unit_test(pop_rejects_indirect_table_longer_than_the_queue),
		cmocka_unit_test(pop_rejects_indirect_table_outside_memory),
		cmocka_unit_test(pop_rejects_indirect_table_that_runs_out_of_memory_half_way),
		cmocka_unit_test(pop_rejects_next_beyond_the_indirect_table),
		cmocka_unit_test(pop_rejects_loop_in_an_indirect_table),
		cmocka_unit_test(pop_rejects_direct_and_indirect_longer_than_the_queue_together),
		cmocka_unit_test(used_rejects_index_beyond_what_is_in_flight),
		cmocka_unit_test(get_rejects_id_beyond_the_table),
		cmocka_unit_test(get_rejects_id_that_is_not_in_flight),
		cmocka_unit_test(get_rejects_second_completion_of_one_chain),
		cmocka_unit_test(get_rejects_more_bytes_than_the_chain_takes),
		cmocka_unit_test(driver_never_reads_back_what_it_wrote),
		cmocka_unit_test(every_error_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
