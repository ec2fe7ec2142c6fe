/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_p4.c - frames from virtual function to virtual function, mediated (US 9,483,290): NICs,
 * IOMMU and drivers, without guests: the way of a frame, permission, updates of the mapping. What
 * is lost, refused or torn down is in test_p4_limits.c, whole machines in test_p4_machine.c.
 */
#include "p4_rig.h"

static unsigned steps_of(const struct rig *r, enum nic_step step)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->steps; i++)
		n += r->step[i].step == step;
	return n;
}

static void p4_01_local_frame_takes_two_dma_no_copy_and_no_wire(void **state)
{
	struct rig *r = mediated();
	struct vf *a = &r->vf[0], *b = &r->vf[1];
	const struct ledger *l = &b->book.led;

	(void)state;
	one_frame(r, a, b);
	assert_int_equal(l->delivered, 1);
	assert_int_equal(l->dma_transfers, 2);
	assert_int_equal(l->dma_bytes, 2 * 1000);
	for (unsigned s = 0; s < SITE_N; s++)
		assert_int_equal(l->copies[s], 0);
	assert_int_equal(r->wire, 0);
	assert_int_equal(r->nic[0].tx_wire.frames + r->nic[0].rx_wire.frames, 0);
	assert_int_equal(b->interrupts, 1);
	assert_int_equal(vf_stats(a)->sent_local, 1);
	assert_int_equal(vf_stats(b)->received_local, 1);
	rig_free(r);
}

/* At each step: is the data where it has to be by then, and nobody told before? */
static void look_at_step(struct rig *r, enum nic_step step)
{
	const uint8_t *got = vf_page(&r->vf[1], 0);

	if (step < NIC_STEP_WRITTEN)
		assert_int_equal(got[20], 0xc1);
	else
		assert_int_not_equal(got[20], 0xc1);
	assert_int_equal(r->vf[1].interrupts, 0);
}

static void p4_02_nine_steps_in_order_and_nobody_is_told_before_the_data_is_there(void **state)
{
	struct rig *r = mediated();
	/* Latencies between the steps: 200 ns to look up, 100 ns a message, then the bus. */
	static const sim_time after[NIC_STEP_N] = {0, 200000, 100000, 100000, 0};

	(void)state;
	r->hook = look_at_step;
	one_frame(r, &r->vf[0], &r->vf[1]);
	assert_int_equal(r->steps, NIC_STEP_N);
	for (unsigned i = 0; i < NIC_STEP_N; i++) {
		assert_int_equal(r->step[i].step, i);
		assert_int_equal(r->step[i].from, 0);
		assert_int_equal(r->step[i].to, 1);
		if (i && i <= NIC_STEP_DMA)
			assert_int_equal(r->step[i].at - r->step[i - 1].at, after[i]);
	}
	assert_true(r->step[NIC_STEP_TRAPPED].at > r->step[NIC_STEP_DMA].at);
	assert_int_equal(r->step[NIC_STEP_NOTIFIED].at - r->step[NIC_STEP_WRITTEN].at, 100000);
	assert_int_equal(r->vf[1].interrupts, 1);
	rig_free(r);
}

static void p4_03_miss_goes_to_the_wire_once_without_message_or_second_dma(void **state)
{
	struct rig *r = mediated();
	struct vf *a = &r->vf[0];

	(void)state;
	post(&r->vf[1], 0);
	send_frame(a, frame_new(a, NULL, 500), rig_stranger, a->mac, 500, 1);
	snap(r);
	rig_run(r);
	assert_int_equal(r->wire, 1);
	assert_int_equal(r->steps, 0);
	assert_int_equal(a->tx.led.dma_transfers, 1);
	assert_int_equal(a->tx.led.delivered, 1);
	untouched_but(r, NULL, 0, 0);
	rig_free(r);
}

static void p4_04_address_is_translated_in_the_receivers_domain(void **state)
{
	struct rig *r = mediated();
	struct vf *a = &r->vf[0], *b = &r->vf[1];

	(void)state;
	/* The same I/O addresses are mapped in every domain, and posted by every function. */
	for (unsigned i = 0; i < r->vfs; i++)
		post(&r->vf[i], 0);
	vf_send(a, b, 1000, 1);
	snap(r);
	rig_run(r);
	untouched_but(r, b, 0, 1);
	vf_has(b, a, 1000, 1, 0);
	rig_free(r);
}

/* ---- permission ---- */

static enum nic_step cut_at;

static void cut(struct rig *r, enum nic_step step)
{
	if (step == cut_at)
		peermap_remove(r->fabric.map, r->vf[1].requester);
}

static void p4_05_without_a_mapping_entry_the_second_dma_faults(void **state)
{
	struct rig *r = mediated();
	struct vf *a = &r->vf[0], *b = &r->vf[1];
	struct iommu_fault fault;
	bool error;

	(void)state;
	r->hook = cut;
	cut_at = NIC_STEP_DMA;
	post_at(b, 3 * 4096 + 64, 2048);
	vf_send(a, b, 700, 1);
	snap(r);
	rig_run(r);
	untouched_but(r, NULL, 0, 0);
	assert_true(iommu_fault_take(r->io, &fault));
	assert_int_equal(fault.requester, a->requester);
	assert_int_equal(fault.iova.a, NIC_RIG_IOVA + 3 * 4096 + 64);
	assert_int_equal(fault.access, IOMMU_WRITE);
	assert_int_equal(fault.reason, IOMMU_NO_GRANT);
	assert_int_equal(fault.time, r->step[NIC_STEP_TRAPPED].at);
	assert_false(iommu_fault_take(r->io, &fault));
	assert_int_equal(vf_lost(b, DROP_DMA_FAULT), 1);
	assert_int_equal(b->book.led.dma_transfers, 1);
	/* The buffer comes back to its driver, with an error. */
	assert_int_equal(vf_take(b, &error), 700);
	assert_true(error);
	assert_int_equal(steps_of(r, NIC_STEP_TRANSLATED) + steps_of(r, NIC_STEP_WRITTEN), 0);
	rig_free(r);
}

static void refused(struct rig *r, uint32_t grant, unsigned by, uint64_t at, uint64_t len,
		    unsigned access)
{
	struct iommu_hit hit;
	struct iommu_fault fault;

	assert_int_equal(peermap_translate(r->fabric.map, grant, r->vf[by].requester, (iova_t){at},
					   len, access, 5, &hit),
			 IOMMU_NO_GRANT);
	assert_int_equal(hit.hpa.a + hit.len, 0);
	assert_true(iommu_fault_take(r->io, &fault));
	assert_int_equal(fault.requester, r->vf[by].requester);
	assert_int_equal(fault.iova.a, at);
	assert_int_equal(fault.access, access);
}

static void p4_06_only_the_given_addresses_for_the_given_length_by_the_given_function(void **state)
{
	struct rig *r = mediated();
	struct peermap *map = r->fabric.map;
	uint64_t at = NIC_RIG_IOVA + 100, far = NIC_RIG_IOVA + 8192;
	struct peer_seg seg[2] = {{at, 1000}, {far, 500}};
	struct iommu_hit hit;
	uint32_t grant, other;

	(void)state;
	grant = peermap_grant(map, r->vf[0].requester, r->vf[1].requester, seg, 2);
	other = peermap_grant(map, r->vf[2].requester, r->vf[1].requester, &seg[1], 1);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(peermap_translate(map, grant, r->vf[0].requester,
						   (iova_t){seg[i].iova}, seg[i].len, IOMMU_WRITE,
						   5, &hit),
				 IOMMU_OK);
		assert_int_equal(hit.hpa.a, r->vf[1].frame[2 * i].a + (i ? 0 : 100));
	}
	refused(r, grant, 0, at - 1, 1000, IOMMU_WRITE);
	refused(r, grant, 0, at - 1, 1, IOMMU_WRITE);
	refused(r, grant, 0, at, 1001, IOMMU_WRITE);
	refused(r, grant, 0, at + 1, 1000, IOMMU_WRITE);
	refused(r, grant, 0, at + 1000, 1, IOMMU_WRITE);
	refused(r, grant, 0, at, UINT64_MAX, IOMMU_WRITE);
	refused(r, grant, 0, UINT64_MAX, 2, IOMMU_WRITE);
	refused(r, grant, 0, at, 1000, IOMMU_READ);
	refused(r, grant, 1, at, 1000, IOMMU_WRITE);
	refused(r, grant, 2, at, 1000, IOMMU_WRITE);
	refused(r, other, 2, at, 1000, IOMMU_WRITE); /* another's grant for the same memory */
	refused(r, 0, 0, at, 1000, IOMMU_WRITE);
	refused(r, grant + 1, 0, at, 1000, IOMMU_WRITE);
	peermap_end(map, grant);
	refused(r, grant, 0, at, 1000, IOMMU_WRITE);
	/* Its slot in use again, for the same pair: the old number is no good. */
	assert_int_not_equal(peermap_grant(map, r->vf[0].requester, r->vf[1].requester, seg, 2),
			     grant);
	refused(r, grant, 0, at, 1000, IOMMU_WRITE);
	peermap_remove(map, r->vf[1].requester);
	refused(r, other, 2, far, 500, IOMMU_WRITE);
	assert_int_equal(peermap_grants(map), 0);
	rig_free(r);
}

/* The frame is 700 bytes in a buffer of 2048: the grant ends with the frame. */
static uint32_t grants_seen;

static void try_more(struct rig *r, enum nic_step step)
{
	if (step != NIC_STEP_ADDRESS)
		return;
	grants_seen = peermap_grants(r->fabric.map);
	/* The first grant of a fresh map has this number. */
	refused(r, 1u << 20, 0, NIC_RIG_IOVA, 701, IOMMU_WRITE);
	refused(r, 1u << 20, 0, NIC_RIG_IOVA + 700, 1, IOMMU_WRITE);
}

static void p4_06_grant_is_of_the_frames_length_not_of_the_buffers(void **state)
{
	struct rig *r = mediated();

	(void)state;
	r->hook = try_more;
	post(&r->vf[1], 0);
	vf_send(&r->vf[0], &r->vf[1], 700, 1);
	rig_run(r);
	assert_int_equal(grants_seen, 1);
	vf_has(&r->vf[1], &r->vf[0], 700, 1, 0);
	refused(r, 1u << 20, 0, NIC_RIG_IOVA, 700, IOMMU_WRITE);
	rig_free(r);
}

/* ---- updates ---- */

static void same_everywhere(const struct rig *r, uint32_t n)
{
	const struct peermap *map = r->fabric.map;
	uint32_t i = 0;

	for (const struct peer *p; (p = peermap_at(map, PEERMAP_REMAPPER, i)); i++)
		for (unsigned d = 0; d < r->nics; d++) {
			const struct peer *q = peermap_at(map, r->nic[d].device, i);
			assert_non_null(q);
			assert_ptr_not_equal(p, q);
			assert_true(q->mac == p->mac && q->requester == p->requester &&
				    q->vf == p->vf);
			q = peermap_find(map, r->nic[d].device, p->mac);
			assert_non_null(q);
			assert_int_equal(q->requester, p->requester);
			assert_ptr_equal(q->vf, p->vf);
		}
	assert_int_equal(i, n);
	for (unsigned d = 0; d < r->nics; d++)
		assert_null(peermap_at(map, r->nic[d].device, i));
}

static void p4_07_mapping_is_the_same_in_remapper_and_functions_after_each_update(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_MEDIATED, .nics = 2});
	struct vf *a = &r->vf[0], *b = &r->vf[4]; /* on two devices */
	static const uint8_t moved[6] = {2, 0, 0, 0, 7, 7};
	uint8_t old[6];

	(void)state;
	same_everywhere(r, 6);
	post(b, 0);
	post(b, 1);
	post(b, 2);
	vf_send(a, b, 300, 0);
	rig_run(r);
	vf_has(b, a, 300, 0, 0);

	assert_false(nic_vf_move(b->nic, b->queue, a->mac)); /* somebody has it */
	same_everywhere(r, 6);
	memcpy(old, b->mac, 6);
	assert_true(nic_vf_move(b->nic, b->queue, moved));
	same_everywhere(r, 6);
	memcpy(b->mac, moved, 6);
	vf_send(a, b, 300, 1);
	rig_run(r);
	vf_has(b, a, 300, 1, 1);
	send_frame(a, frame_new(a, NULL, 300), old, a->mac, 300, 2); /* nobody's now */
	rig_run(r);
	assert_int_equal(r->wire, 1);

	nic_queue_stop(b->nic, b->queue);
	same_everywhere(r, 5);
	snap(r);
	send_frame(a, frame_new(a, NULL, 300), moved, a->mac, 300, 2);
	rig_run(r);
	assert_int_equal(r->wire, 2);
	untouched_but(r, a, NIC_RIG_SEND, 8);
	rig_free(r);
}

/* Any order of updates, against a plain list. */
static void p4_07_random_updates_leave_all_copies_equal(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_MEDIATED, .nics = 2});
	struct peermap *map = r->fabric.map;
	uint64_t list[64] = {0}, random = 99; /* address by requester 1000 + i; 0: not there */
	uint32_t n = r->vfs;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		unsigned i;
		uint64_t mac;
		bool taken = false;

		random = random * 6364136223846793005u + 1442695040888963407u;
		i = random >> 40 & 63;
		mac = 0x020000010000u + (random >> 20 & 127);
		for (unsigned k = 0; k < 64; k++)
			taken |= list[k] == mac;
		if (random >> 60 < 6) {
			struct peer p = {.mac = mac, .requester = (uint16_t)(1000 + i)};
			assert_int_equal(peermap_add(map, &p), !list[i] && !taken);
			n += !list[i] && !taken;
			list[i] = !list[i] && !taken ? mac : list[i];
		} else if (random >> 60 < 11) {
			bool can = list[i] && !taken;
			assert_int_equal(peermap_move(map, (uint16_t)(1000 + i), mac), can);
			list[i] = can ? mac : list[i];
		} else {
			peermap_remove(map, (uint16_t)(1000 + i));
			n -= list[i] != 0;
			list[i] = 0;
		}
		same_everywhere(r, n);
		for (unsigned k = 0; k < 64; k++)
			if (list[k])
				assert_int_equal(peermap_find(map, 2, list[k])->requester,
						 1000 + k);
	}
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p4_01_local_frame_takes_two_dma_no_copy_and_no_wire),
		cmocka_unit_test(
			p4_02_nine_steps_in_order_and_nobody_is_told_before_the_data_is_there),
		cmocka_unit_test(p4_03_miss_goes_to_the_wire_once_without_message_or_second_dma),
		cmocka_unit_test(p4_04_address_is_translated_in_the_receivers_domain),
		cmocka_unit_test(p4_05_without_a_mapping_entry_the_second_dma_faults),
		cmocka_unit_test(
			p4_06_only_the_given_addresses_for_the_given_length_by_the_given_function),
		cmocka_unit_test(p4_06_grant_is_of_the_frames_length_not_of_the_buffers),
		cmocka_unit_test(
			p4_07_mapping_is_the_same_in_remapper_and_functions_after_each_update),
		cmocka_unit_test(p4_07_random_updates_leave_all_copies_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
