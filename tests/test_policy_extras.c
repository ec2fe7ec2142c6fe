/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_policy_extras.c - copybreak, early headers, batches and turns of the host's side. */
#include "policy_rig.h"

/* The same rig, with what the wiring does for copybreak. */
static struct rig *rig_breaking(struct rig_opts o, uint32_t copybreak)
{
	struct rig *r = rig_new(o);

	r->dp.copybreak = copybreak;
	r->dp.rx_head = calloc((size_t)r->rx.l.size * DPATH_HEAD, sizeof(*r->dp.rx_head));
	return r;
}

static void rig_broken(struct rig *r)
{
	free(r->dp.rx_head);
	rig_free(r);
}

/* What the driver took is in the chains that it was told of; the posted ones hold what they hold.
 */
static void chains_are_as_expected(struct rig *r, const int *slot, unsigned n)
{
	for (unsigned k = 0; k < n; k++)
		for (unsigned i = 0; i < r->chain[slot[k]].n; i++) {
			struct virtq_seg s = r->chain[slot[k]].seg[i];
			plat_test_read(&r->pl, s.addr.a, r->now, s.len);
			assert_memory_equal(r->now, r->image + s.addr.a, s.len);
		}
}

static void a_short_frame_is_copied_and_its_chain_stays_mapped(void **state)
{
	(void)state;
	for (uint32_t len = 60; len <= 260; len += 20) {
		struct rig *r = rig_breaking((struct rig_opts){.policy = "zero-copy"}, 200);
		unsigned empty = 0, maps;

		for (unsigned i = 0; i < 6; i++)
			rx_post(r, 1 + i % 3, 12 + MAX_FRAME);
		publish(r, &r->rx);
		start(r);
		assert_int_equal(r->dp.rx_posted, 3); /* every second one is kept to copy into */
		maps = (unsigned)r->pl.dma_maps;
		for (unsigned i = 0; i < 3; i++)
			assert_true(arrive(r, len));
		host_rx(r);
		assert_int_equal(take(r, &empty), 3);
		assert_int_equal(empty, 0);
		assert_int_equal(r->rxl.copies[SITE_POSTED_TO_GUEST], len <= 200 ? 3 : 0);
		assert_int_equal(r->rxl.copy_bytes[SITE_POSTED_TO_GUEST], len <= 200 ? 3 * len : 0);
		assert_int_equal(r->rxl.fallbacks[REASON_COPYBREAK], len <= 200 ? 3 : 0);
		if (len <= 200)
			assert_int_equal(r->pl.dma_maps, maps);
		rig_broken(r);
	}
}

/* None to copy into: the guest gets the chain itself. Its bytes are compared by take(). */
static void without_a_next_chain_a_short_frame_keeps_its_own(void **state)
{
	struct rig *r = rig_breaking((struct rig_opts){.policy = "zero-copy"}, 1514);
	unsigned empty = 0;
	int slot[2];

	(void)state;
	rx_post(r, 1, 12 + MAX_FRAME);
	rx_post(r, 2, 12 + MAX_FRAME);
	publish(r, &r->rx);
	start(r);
	assert_int_equal(r->dp.rx_posted, 1);
	assert_true(arrive(r, 100));
	host_rx(r); /* copied into the second one */
	assert_true(arrive(r, 101));
	host_rx(r); /* there is none any more */
	assert_int_equal(take(r, &empty), 2);
	assert_int_equal(r->rxl.copies[SITE_POSTED_TO_GUEST], 1);
	assert_int_equal(r->dp.rx_posted, 0);
	for (slot[0] = 0; r->chain[slot[0]].n != 1; slot[0]++)
		;
	slot[1] = slot[0] + 1;
	chains_are_as_expected(r, slot, 2);
	rig_broken(r);
}

/* A chain whose first bytes are scattered is not remembered, and what is remembered is right. */
static void scattered_chains_are_copied_from_or_given_whole(void **state)
{
	unsigned copied = 0, whole = 0;

	(void)state;
	for (unsigned n = 1; n <= 8; n++) {
		struct rig *r = rig_breaking((struct rig_opts){.policy = "zero-copy"}, 1514);
		unsigned empty = 0, k;

		r->random = n;
		for (k = 0; k < 8; k++)
			rx_post(r, n, 12 + MAX_FRAME);
		publish(r, &r->rx);
		start(r);
		for (k = 0; k < 4; k++)
			assert_true(arrive(r, some_len(r)));
		host_rx(r);
		assert_int_equal(take(r, &empty), 4);
		assert_int_equal(r->rxl.corrupt, 0);
		assert_int_equal(r->rxl.fallbacks[REASON_COPYBREAK],
				 r->rxl.copies[SITE_POSTED_TO_GUEST]);
		copied += (unsigned)r->rxl.copies[SITE_POSTED_TO_GUEST];
		whole += 4 - (unsigned)r->rxl.copies[SITE_POSTED_TO_GUEST];
		if (n <= 3)
			assert_int_equal(r->rxl.copies[SITE_POSTED_TO_GUEST], 4);
		rig_broken(r);
	}
	assert_true(copied && whole);
}

/* The next chain is the guest's to make, and may be too short: it comes back, and no frame is lost.
 */
static void a_next_chain_that_is_too_short_costs_no_frame(void **state)
{
	struct rig *r = rig_breaking((struct rig_opts){.policy = "zero-copy"}, 500);
	unsigned empty = 0;

	(void)state;
	rx_post(r, 1, 12 + MAX_FRAME);
	rx_post(r, 1, 12 + 50);
	publish(r, &r->rx);
	start(r);
	assert_true(arrive(r, 100));
	host_rx(r);
	assert_int_equal(take(r, &empty), 1);
	assert_int_equal(empty, 1);
	assert_int_equal(drops(&r->rxl), 0);
	assert_int_equal(r->rxl.copies[SITE_POSTED_TO_GUEST], 0);
	rig_broken(r);
}

static void the_header_is_there_early_or_late(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 4; p++) {
		struct rig *r = rig_new((struct rig_opts){.policy = all[p & 1], .mrg = true});
		unsigned empty = 0;

		r->dp.header_early = p >= 2;
		for (unsigned i = 0; i < 12; i++)
			rx_post(r, 1 + i % 4, 700);
		publish(r, &r->rx);
		start(r);
		for (unsigned i = 0; i < 4; i++)
			assert_true(arrive(r, 60 + 450 * i));
		host_rx(r);
		assert_int_equal(take(r, &empty), 4); /* compares header and bytes */
		memory_is_as_expected(r);
		rx_copied_by_policy(r);
		rig_free(r);
	}
}

/* A burst takes `batch` frames, and bytes end it early; others have a turn when it is over. */
static void turns_end_by_packets_and_by_bytes(void **state)
{
	static const struct {
		unsigned batch;
		uint32_t packets;
		uint64_t bytes;
		unsigned taken[5]; /* by burst, up to the first turn's end */
	} row[] = {
		{0, 0, 0, {20}},
		{8, 0, 0, {8}},
		{8, 16, 0, {8, 8}},
		{8, 17, 0, {8, 8, 4}},
		{5, 12, 0, {5, 5, 5}},
		{8, 100, 3 * 112, {3}},
		{8, 100, 11 * 112, {8, 3}},
		{8, 100, 11 * 112 + 1, {8, 4}},
		{1, 2, 1u << 20, {1, 1}},
	};

	(void)state;
	for (unsigned k = 0; k < sizeof(row) / sizeof(row[0]); k++) {
		struct rig *r = rig_new((struct rig_opts){.policy = "single-copy"});
		uint64_t before = 0;

		r->dp.batch = row[k].batch;
		r->dp.turn_packets = row[k].packets;
		r->dp.turn_bytes = row[k].bytes;
		start(r);
		for (unsigned i = 0; i < 20; i++)
			assert_true(tx_post(r, 1, 100));
		publish(r, &r->tx);
		for (unsigned b = 0; row[k].taken[b]; b++) {
			bool last = !row[k].taken[b + 1];
			dpath_tx_burst(&r->dp);
			dpath_tx_commit(&r->dp);
			assert_int_equal(r->dp.txq.pops - before, row[k].taken[b]);
			before = r->dp.txq.pops;
			assert_int_equal(r->dp.txb.stays, !last);
		}
		host_tx(r);
		assert_int_equal(tx_take(r), 20);
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_frame_is_copied_and_its_chain_stays_mapped),
		cmocka_unit_test(without_a_next_chain_a_short_frame_keeps_its_own),
		cmocka_unit_test(scattered_chains_are_copied_from_or_given_whole),
		cmocka_unit_test(a_next_chain_that_is_too_short_costs_no_frame),
		cmocka_unit_test(the_header_is_there_early_or_late),
		cmocka_unit_test(turns_end_by_packets_and_by_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
