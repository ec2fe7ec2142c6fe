/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_p4_limits.c - mediated frames between virtual functions: no buffer, many pages, two devices,
 * who may send, full rings, and what ends in the middle.
 */
#include "p4_rig.h"

/* ---- no buffer ---- */

static void p4_08_without_a_buffer_the_sender_drops_and_others_are_not_blocked(void **state)
{
	struct rig *r = mediated();
	struct vf *a = &r->vf[0], *full = &r->vf[1], *c = &r->vf[2];

	(void)state;
	post(c, 0);
	vf_send(a, full, 900, 1);
	vf_send(a, c, 900, 2);
	vf_send(a, full, 900, 3);
	rig_run(r);
	assert_int_equal(vf_lost(full, DROP_NO_PEER_BUFFER), 2);
	assert_int_equal(vf_stats(full)->drops[DROP_NO_PEER_BUFFER], 2);
	assert_int_equal(full->book.led.dma_transfers, 2); /* one each: there is no DMA #2 */
	assert_int_equal(full->interrupts, 0);
	vf_has(c, a, 900, 2, 0);
	rig_free(r);
}

static void p4_08_alternative_waits_in_order_until_a_buffer_comes_or_the_time_is_over(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_MEDIATED, .wait = 50000000});
	struct vf *a = &r->vf[0], *late = &r->vf[1], *c = &r->vf[2];

	(void)state;
	for (uint8_t i = 0; i < 4; i++)
		vf_send(a, late, 900, i);
	post(c, 0);
	vf_send(a, c, 900, 5);
	rig_run_until(r, 20000000);
	vf_has(c, a, 900, 5, 0); /* while the others wait */
	assert_int_equal(late->interrupts, 0);
	post(late, 0);
	post(late, 1);
	rig_run_until(r, 40000000);
	vf_has(late, a, 900, 0, 0);
	vf_has(late, a, 900, 1, 1);
	assert_int_equal(vf_lost(late, DROP_NO_PEER_BUFFER), 0);
	rig_run_until(r, 49000000);
	assert_int_equal(vf_lost(late, DROP_NO_PEER_BUFFER), 0);
	rig_run(r);
	assert_int_equal(vf_lost(late, DROP_NO_PEER_BUFFER), 2);
	rig_free(r);
}

/* One that would fit the little that is posted does not overtake one that waits for more. */
static void p4_08_alternative_keeps_the_order_of_what_waits(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_MEDIATED, .wait = 50000000});
	struct vf *a = &r->vf[0], *late = &r->vf[1];

	(void)state;
	post_at(late, 0, 200);
	vf_send(a, late, 900, 1);
	vf_send(a, late, 100, 2);
	rig_run_until(r, 20000000);
	assert_int_equal(late->interrupts, 0);
	post_at(late, 4096, 700);
	post(late, 2);
	rig_run_until(r, 40000000);
	assert_memory_equal(vf_page(late, 0) + 6, a->mac, 6);
	assert_int_equal(vf_page(late, 0)[20], (uint8_t)(1 + 20 * 7));
	assert_int_equal(vf_page(late, 2)[20], (uint8_t)(2 + 20 * 7));
	for (unsigned i = 0; i < 3; i++) {
		struct plat_rx rx;
		assert_int_equal(nicdrv_reap_rx(&late->drv, &late->pl, &rx, 1), 1);
		assert_int_equal(rx.len, i == 0 ? 200 : i == 1 ? 700 : 100);
		if (rx.last)
			world_deliver(&r->world, rx.frame);
	}
	rig_free(r);
}

/* What waits has half of the packet buffer at most. */
static void p4_08_waiting_frames_leave_room_for_other_receivers(void **state)
{
	struct rig *r = rig_new((struct rig_opts){
		.kind = NIC_MEDIATED, .wait = 50000000, .ring = 64, .rx_buffer = 10000});
	struct vf *a = &r->vf[0], *never = &r->vf[1], *c = &r->vf[2];

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		vf_send(a, never, 1000, (uint8_t)i);
		rig_run_until(r, (i + 1) * 100000ull * 10);
	}
	rig_run_until(r, 43000000);
	assert_true(r->nic[0].waiting <= 5000);
	assert_int_equal(vf_lost(never, DROP_NO_PEER_BUFFER), 35);
	assert_int_equal(vf_lost(never, DROP_NIC_FIFO_FULL), 0);
	post(c, 0);
	vf_send(a, c, 1000, 1);
	rig_run_until(r, 45000000);
	vf_has(c, a, 1000, 1, 0);
	rig_free(r);
}

/* ---- pages ---- */

static void p4_09_buffers_over_pages_are_translated_page_by_page(void **state)
{
	struct rig *r = mediated();
	struct vf *a = &r->vf[0], *b = &r->vf[1];
	uint8_t want[1500], got[1500];
	const struct iommu_stats *s = iommu_stats(r->io);
	bool error;

	(void)state;
	for (unsigned lap = 0; lap < 3; lap++) {
		/* 100 bytes on page 0, 300 on page 5, the rest over pages 8 and 9. */
		struct plat_seg seg[3] = {{NIC_RIG_IOVA + 3996, 100},
					  {NIC_RIG_IOVA + 5 * 4096, 300},
					  {NIC_RIG_IOVA + 9 * 4096 - 200, 1200}};
		nicdrv_post_rx(&b->drv, &b->pl, 1, seg, 3);
		nicdrv_flush_rx(&b->drv, &b->pl);
		vf_send(a, b, 1500, 0);
		rig_run(r);
		memcpy(got, vf_page(b, 0) + 3996, 100);
		memcpy(got + 100, vf_page(b, 5), 300);
		memcpy(got + 400, vf_page(b, 8) + 3896, 200);
		memcpy(got + 600, vf_page(b, 9), 900);
		bytes_make(want, b->mac, a->mac, 1500, 0);
		assert_memory_equal(got, want, 1500);
		assert_int_equal(vf_take(b, &error), 1500);
		assert_false(error);
		/* One page to read and four to write, in the IOTLB from the second lap on. */
		assert_int_equal(s->misses, 5);
		assert_int_equal(s->hits, 5 * lap);
	}
	assert_int_equal(b->book.led.dma_transfers, 6);
	assert_int_equal(b->book.led.dma_segments, 15);
	rig_free(r);
}

static void p4_09_more_pieces_than_an_answer_has_is_no_buffer(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_MEDIATED, .ring = 256});
	struct vf *a = &r->vf[0], *b = &r->vf[1];

	(void)state;
	for (unsigned i = 0; i < PEERMAP_SEGS; i++)
		post_at(b, i, 1);
	vf_send(a, b, PEERMAP_SEGS, 0);
	rig_run(r);
	assert_int_equal(b->book.led.dma_transfers, 2);
	for (unsigned i = 0; i <= PEERMAP_SEGS; i++)
		post_at(b, i, 1);
	vf_send(a, b, PEERMAP_SEGS + 1, 0);
	rig_run(r);
	assert_int_equal(vf_lost(b, DROP_NO_PEER_BUFFER), 1);
	for (unsigned i = 0; i < PEERMAP_SEGS; i++) {
		struct plat_rx rx;
		assert_int_equal(nicdrv_reap_rx(&b->drv, &b->pl, &rx, 1), 1);
		if (rx.last)
			world_deliver(&r->world, rx.frame);
	}
	rig_free(r);
}

static void p4_10_two_functions_of_one_device_and_of_two(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_MEDIATED, .nics = 2});
	struct vf *a = &r->vf[0], *near = &r->vf[1], *far = &r->vf[3];
	sim_time one[NIC_STEP_N], two[NIC_STEP_N];

	(void)state;
	assert_ptr_equal(a->nic, near->nic);
	assert_ptr_not_equal(a->nic, far->nic);
	one_frame(r, a, near);
	for (unsigned i = 0; i < NIC_STEP_N; i++)
		one[i] = r->step[i].at - r->step[0].at;
	r->steps = 0;
	one_frame(r, a, far);
	assert_int_equal(r->steps, NIC_STEP_N);
	for (unsigned i = 0; i < NIC_STEP_N; i++) {
		assert_int_equal(r->step[i].step, i);
		two[i] = r->step[i].at - r->step[0].at;
	}
	/* Each of three messages takes 600 ns instead of 100. */
	assert_int_equal(two[NIC_STEP_LENGTH] - one[NIC_STEP_LENGTH], 500000);
	assert_int_equal(two[NIC_STEP_ADDRESS] - one[NIC_STEP_ADDRESS], 1000000);
	assert_true(two[NIC_STEP_NOTIFIED] - one[NIC_STEP_NOTIFIED] > 1490000);
	assert_int_equal(far->book.led.dma_transfers, 2);
	assert_int_equal(r->wire, 0);
	assert_int_equal(r->nic[1].rx_bus_busy, 0); /* DMA #2 is the sender's device's */
	rig_free(r);
}

/* ---- who may send, and to whom ---- */

static void p4_11_spoofed_source_is_refused_and_counted(void **state)
{
	for (unsigned kind = NIC_VEB; kind <= NIC_MEDIATED; kind++) {
		struct rig *r = rig_new((struct rig_opts){.kind = kind});
		struct vf *a = &r->vf[0], *b = &r->vf[1], *c = &r->vf[2];

		(void)state;
		post(b, 0);
		snap(r);
		send_frame(a, frame_new(a, b, 300), b->mac, c->mac, 300, 1); /* as c, to b */
		send_frame(a, frame_new(a, NULL, 300), rig_stranger, c->mac, 300, 2);
		send_frame(a, frame_new(a, NULL, 300), rig_everybody, rig_stranger, 300, 3);
		rig_run(r);
		assert_int_equal(vf_stats(a)->sent_drops[DROP_SPOOFED], 3);
		assert_int_equal(vf_lost(b, DROP_SPOOFED), 1);
		assert_int_equal(a->tx.led.drops[DROP_SPOOFED], 2);
		assert_int_equal(r->wire, 0);
		untouched_but(r, a, NIC_RIG_SEND, 8);
		rig_free(r);
	}
}

static void p4_11_switched_off_it_lets_them_pass(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_MEDIATED, .spoofs = true});
	struct vf *a = &r->vf[0], *b = &r->vf[1];

	(void)state;
	post(b, 0);
	send_frame(a, frame_new(a, b, 300), b->mac, rig_stranger, 300, 1);
	rig_run(r);
	assert_int_equal(b->book.led.dma_transfers, 2);
	assert_int_equal(vf_stats(a)->sent_drops[DROP_SPOOFED], 0);
	world_deliver(&r->world, b->drv.rx.ring.tag[0]);
	rig_free(r);
}

static void p4_12_to_oneself_is_dropped_and_counted(void **state)
{
	for (unsigned kind = NIC_VEB; kind <= NIC_MEDIATED; kind++) {
		struct rig *r = rig_new((struct rig_opts){.kind = kind});
		struct vf *a = &r->vf[0];

		(void)state;
		post(a, 0);
		send_frame(a, frame_new(a, a, 300), a->mac, a->mac, 300, 1);
		snap(r);
		rig_run(r);
		assert_int_equal(vf_lost(a, DROP_TO_SELF), 1);
		assert_int_equal(vf_stats(a)->sent_drops[DROP_TO_SELF], 1);
		assert_int_equal(r->wire, 0);
		untouched_but(r, NULL, 0, 0);
		rig_free(r);
	}
}

/* A record for the wire, and one for each other function, as the sender's side makes them. */
static struct frame *for_all(struct rig *r, struct vf *from, uint32_t len)
{
	struct frame *f = frame_new(from, NULL, len), *last = f;

	for (unsigned i = 0; i < r->vfs; i++)
		if (&r->vf[i] != from) {
			last->peer = frame_new(from, &r->vf[i], len);
			last = last->peer;
		}
	return f;
}

static void p4_12_broadcast_reaches_all_other_functions_and_the_wire(void **state)
{
	static const struct rig_opts opts[] = {
		{.kind = NIC_VEB},
		{.kind = NIC_VEPA},
		{.kind = NIC_MEDIATED},
		{.kind = NIC_MEDIATED, .nics = 2},
	};

	(void)state;
	for (unsigned k = 0; k < 4; k++) {
		struct rig *r = rig_new(opts[k]);
		struct vf *from = &r->vf[1], *without = &r->vf[2];

		for (unsigned i = 0; i < r->vfs; i++)
			if (&r->vf[i] != without)
				post(&r->vf[i], 0);
		send_frame(from, for_all(r, from, 600), rig_everybody, from->mac, 600, 1);
		rig_run(r);
		assert_int_equal(r->wire, 1);
		assert_int_equal(from->tx.led.delivered, 1);
		for (unsigned i = 0; i < r->vfs; i++) {
			struct vf *v = &r->vf[i];
			bool error;
			if (v == from || v == without) {
				assert_int_equal(vf_take(v, &error), 0);
				continue;
			}
			vf_has(v, from, 600, 1, 0);
			assert_int_equal(v->book.led.dma_transfers, 1); /* the read is the wire's */
		}
		assert_int_equal(
			vf_lost(without, k >= 2 ? DROP_NO_PEER_BUFFER : DROP_NO_DESCRIPTOR), 1);
		rig_free(r);
	}
}

/* ---- both at once ---- */

static unsigned take_all(struct vf *v)
{
	struct plat_rx rx[16];
	uint64_t cookie[16];
	unsigned n = nicdrv_reap_rx(&v->drv, &v->pl, rx, 16);

	for (unsigned i = 0; i < n; i++) {
		assert_non_null(rx[i].frame);
		world_deliver(&v->rig->world, rx[i].frame);
	}
	nicdrv_flush_rx(&v->drv, &v->pl);
	nicdrv_reap_tx(&v->drv, &v->pl, cookie, 16);
	return n;
}

/* Two send to each other as fast as their rings allow and read rarely: both rings are full. */
static void p4_13_full_rings_in_both_directions_do_not_deadlock(void **state)
{
	(void)state;
	for (unsigned wait = 0; wait < 2; wait++) {
		struct rig *r = rig_new((struct rig_opts){
			.kind = NIC_MEDIATED, .ring = 4, .wait = wait ? 3000000 : 0});
		struct vf *v[2] = {&r->vf[0], &r->vf[1]};
		uint64_t sent = 0, lost = 0, got = 0;

		for (unsigned round = 0; round < 2000; round++) {
			for (unsigned i = 0; i < 2; i++) {
				unsigned turn = round % 16;
				while (nicdrv_room(&v[i]->drv.tx)) {
					vf_send(v[i], v[1 - i], 400, (uint8_t)(sent % 8));
					sent++;
				}
				if (turn < 12) { /* away: nobody reads, nobody posts */
					uint64_t cookie[4];
					nicdrv_reap_tx(&v[i]->drv, &v[i]->pl, cookie, 4);
					continue;
				}
				got += take_all(v[i]);
				while (nicdrv_room(&v[i]->drv.rx))
					post(v[i], (unsigned)(v[i]->cookie % 16));
			}
			rig_run_until(r, (round + 1) * 500000ull);
		}
		rig_run(r);
		for (unsigned i = 0; i < 2; i++) {
			got += take_all(v[i]);
			lost += vf_lost(v[i], DROP_NO_PEER_BUFFER);
			assert_int_equal(v[i]->book.led.delivered +
						 vf_lost(v[i], DROP_NO_PEER_BUFFER),
					 v[i]->book.led.offered);
			assert_true(v[i]->book.led.delivered > 400);
		}
		assert_int_equal(sent, got + lost);
		assert_true(lost > 100);
		rig_free(r);
	}
}

/* ---- teardown and invalidation ---- */

static enum nic_step cut_at;

static hpa_t reused[NIC_RIG_PAGES];

/* The receiver's guest is destroyed; another one gets its memory at once. */
static void destroy(struct rig *r, enum nic_step step)
{
	struct vf *b = &r->vf[1];

	if (step != cut_at)
		return;
	nic_queue_stop(b->nic, b->queue);
	iommu_domain_free(r->io, b->domain, evq_now(&r->q));
	for (unsigned p = 0; p < NIC_RIG_PAGES; p++)
		mem_put(r->mem, b->frame[p], 1);
	for (unsigned p = 0; p < NIC_RIG_PAGES; p++) {
		assert_int_equal(mem_alloc(r->mem, MEM_GUEST, 77, &reused[p]), MEM_OK);
		memset(mem_ptr(r->mem, reused[p]), 0x5a, 4096);
	}
	snap(r);
}

static void p4_14_receiver_torn_down_before_the_second_dma_is_never_written(void **state)
{
	(void)state;
	for (cut_at = NIC_STEP_FETCHED; cut_at <= NIC_STEP_TRAPPED; cut_at++)
		for (unsigned nics = 1; nics <= 2; nics++) {
			struct rig *r = rig_new((struct rig_opts){
				.kind = NIC_MEDIATED, .nics = nics, .vfs = nics == 1 ? 3 : 1});
			struct vf *a = &r->vf[0], *b = &r->vf[1];
			uint64_t faults = iommu_stats(r->io)->faults;
			bool granted = cut_at >= NIC_STEP_ADDRESS;

			r->hook = destroy;
			for (unsigned p = 0; p < 8; p++)
				post(b, p);
			vf_send(a, b, 1400, 1);
			rig_run(r);
			untouched_but(r, NULL, 0, 0);
			assert_int_equal(b->interrupts, 0);
			/* Addresses were given: the remapper refuses. Else nothing begins. */
			assert_int_equal(iommu_stats(r->io)->faults - faults, granted);
			assert_int_equal(vf_lost(b, DROP_DMA_FAULT), granted);
			assert_int_equal(vf_lost(b, DROP_GUEST_GONE), !granted);
			rig_free(r);
		}
}

/* Frames that wait for a buffer end with the receiver; so do those that it had not fetched yet. */
static void p4_14_teardown_ends_what_waits_and_what_is_posted(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_MEDIATED, .wait = 900000000});
	struct vf *a = &r->vf[0], *b = &r->vf[1];

	(void)state;
	vf_send(a, b, 300, 0);
	vf_send(a, b, 300, 1);
	rig_run_until(r, 5000000);
	assert_int_equal(r->nic[0].waiting, 600);
	vf_send(b, a, 300, 2);
	nic_queue_stop(b->nic, b->queue);
	assert_int_equal(r->nic[0].waiting, 0);
	assert_int_equal(vf_lost(b, DROP_GUEST_GONE), 2);
	rig_run(r);
	assert_int_equal(vf_lost(a, DROP_GUEST_GONE), 1);
	assert_true(evq_now(&r->q) < 10000000);
	rig_free(r);
}

static void unmap_page(struct rig *r, enum nic_step step)
{
	if (step != NIC_STEP_ADDRESS)
		return;
	iommu_unmap(r->io, r->vf[1].domain, (iova_t){NIC_RIG_IOVA}, 4096, evq_now(&r->q));
	snap(r); /* with the tables as they are now */
}

static void p4_15_after_unmap_and_invalidation_no_write_lands(void **state)
{
	static const enum iommu_mode mode[] = {IOMMU_STATIC, IOMMU_STRICT};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct rig *r = rig_new((struct rig_opts){.kind = NIC_MEDIATED, .mode = mode[i]});
		struct vf *a = &r->vf[0], *b = &r->vf[1];
		struct iommu_fault fault;
		bool error;

		one_frame(r, a, b); /* the page is in the IOTLB */
		r->hook = unmap_page;
		r->steps = 0;
		post(b, 0);
		vf_send(a, b, 800, 2);
		rig_run(r);
		untouched_but(r, NULL, 0, 0);
		assert_true(iommu_fault_take(r->io, &fault));
		assert_int_equal(fault.reason, IOMMU_NOT_PRESENT);
		assert_int_equal(fault.requester, a->requester);
		assert_int_equal(vf_lost(b, DROP_DMA_FAULT), 1);
		assert_int_equal(iommu_stats(r->io)->stale_use.count, 0);
		vf_take(b, &error);
		assert_true(error);
		rig_free(r);
	}
}

static void p4_15_deferred_stale_window_is_measured_and_ends_with_the_flush(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_MEDIATED, .mode = IOMMU_DEFERRED});
	struct vf *a = &r->vf[0], *b = &r->vf[1];
	const struct iommu_stats *s = iommu_stats(r->io);
	bool error;

	(void)state;
	one_frame(r, a, b);
	r->hook = unmap_page;
	r->steps = 0;
	post(b, 0);
	vf_send(a, b, 800, 2);
	rig_run(r);
	vf_has(b, a, 800, 2, 0); /* by the stale entry, into what the page was */
	assert_int_equal(s->stale_use.count, 1);
	assert_int_equal(s->stale_use.max,
			 r->step[NIC_STEP_TRAPPED].at - r->step[NIC_STEP_ADDRESS].at);
	r->hook = NULL;
	iommu_flush(r->io, evq_now(&r->q));
	assert_int_equal(s->window.count, 1);
	assert_int_equal(s->window.max, evq_now(&r->q) - r->step[NIC_STEP_ADDRESS].at);
	post(b, 0);
	vf_send(a, b, 800, 3);
	snap(r);
	rig_run(r);
	untouched_but(r, NULL, 0, 0);
	assert_int_equal(vf_lost(b, DROP_DMA_FAULT), 1);
	assert_int_equal(s->stale_use.count, 1);
	vf_take(b, &error);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			p4_08_without_a_buffer_the_sender_drops_and_others_are_not_blocked),
		cmocka_unit_test(
			p4_08_alternative_waits_in_order_until_a_buffer_comes_or_the_time_is_over),
		cmocka_unit_test(p4_08_alternative_keeps_the_order_of_what_waits),
		cmocka_unit_test(p4_08_waiting_frames_leave_room_for_other_receivers),
		cmocka_unit_test(p4_09_buffers_over_pages_are_translated_page_by_page),
		cmocka_unit_test(p4_09_more_pieces_than_an_answer_has_is_no_buffer),
		cmocka_unit_test(p4_10_two_functions_of_one_device_and_of_two),
		cmocka_unit_test(p4_11_spoofed_source_is_refused_and_counted),
		cmocka_unit_test(p4_11_switched_off_it_lets_them_pass),
		cmocka_unit_test(p4_12_to_oneself_is_dropped_and_counted),
		cmocka_unit_test(p4_12_broadcast_reaches_all_other_functions_and_the_wire),
		cmocka_unit_test(p4_13_full_rings_in_both_directions_do_not_deadlock),
		cmocka_unit_test(p4_14_receiver_torn_down_before_the_second_dma_is_never_written),
		cmocka_unit_test(p4_14_teardown_ends_what_waits_and_what_is_posted),
		cmocka_unit_test(p4_15_after_unmap_and_invalidation_no_write_lands),
		cmocka_unit_test(p4_15_deferred_stale_window_is_measured_and_ends_with_the_flush),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
