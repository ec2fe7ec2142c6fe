/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_nic_bus.c - one NIC on a bus, event by event: what a driver can see when, and what a hostile
 * one can do. Test_nic_switch runs its own tests on the same bus.
 */
#include "nic_rig.h"

static struct rig *on_bus(enum nic_switch_kind kind)
{
	nic_rig_bus = true;
	return rig_new((struct rig_opts){.kind = kind});
}

static bool done(const struct vf *v, uint32_t at)
{
	const struct nic_rx_done *d = nic_ring_desc(&v->drv.rx.ring, at);

	return d->status & NIC_RX_DD;
}

/* The frame with this mark is on page `page` as far as its last byte. */
static bool written(const struct vf *v, const struct vf *from, unsigned page, uint32_t len,
		    uint8_t mark)
{
	uint8_t want[2048];

	bytes_make(want, v->mac, from->mac, len, mark);
	return !memcmp(vf_page(v, page), want, len);
}

static void no_status_is_ahead_of_its_data_and_no_interrupt_ahead_of_status(void **state)
{
	static const uint32_t size[] = {60, 1500, 64, 900, 1514, 60, 60, 257, 1024, 60};

	(void)state;
	for (unsigned kind = NIC_VEB; kind <= NIC_MEDIATED; kind += NIC_MEDIATED - NIC_VEB) {
		struct rig *r = on_bus(kind);
		struct vf *a = &r->vf[0], *b = &r->vf[1];
		unsigned seen = 0, early = 0;

		for (unsigned i = 0; i < 10; i++)
			post(b, i);
		for (unsigned i = 0; i < 4; i++)
			vf_send(a, b, size[i], (uint8_t)(i + 1));
		while (evq_step(&r->q)) {
			unsigned n = 0;

			while (n < 10 && done(b, n)) {
				assert_true(written(b, a, n, size[n], (uint8_t)(n + 1)));
				n++;
			}
			assert_true(n >= seen);
			early += !n && written(b, a, 0, size[0], 1);
			seen = n;
			assert_true(!b->interrupts || n);
		}
		assert_int_equal(seen, 4);
		assert_int_equal(b->interrupts, 1); /* which masked the others */
		/* A batch of four and data as transactions of their own: it was seen apart. */
		assert_true(kind != NIC_VEB || early > 0);
		r->clk.now = evq_now(&r->q);
		for (unsigned i = 0; i < 4; i++)
			vf_has(b, a, size[i], (uint8_t)(i + 1), i);
		rig_free(r);
	}
}

static void a_doorbell_is_known_when_it_arrives(void **state)
{
	struct rig *r = on_bus(NIC_VEB);
	struct vf *a = &r->vf[0], *b = &r->vf[1];
	struct nic_port *port = a->nic->queue[a->queue].port;

	(void)state;
	post(b, 0);
	rig_run(r);
	vf_send(a, b, 300, 1);
	assert_int_equal(a->drv.regs->tx_tail, 1);
	rig_run_until(r, evq_now(&r->q) + 249000);
	assert_int_equal(port->tx.tail, 0);
	rig_run_until(r, evq_now(&r->q) + 10000);
	assert_int_equal(port->tx.tail, 1);
	assert_int_equal(port->tx.have, 0); /* and its descriptor is another matter */
	rig_run(r);
	assert_int_equal(port->tx.have, 1);
	vf_has(b, a, 300, 1, 0);
	rig_free(r);
}

static void ring_bell(struct vf *v, bool send, uint32_t tail)
{
	struct nic_queue *q = &v->nic->queue[v->queue];

	*(send ? &v->drv.regs->tx_tail : &v->drv.regs->rx_tail) = tail;
	plat_kick(&v->pl, send ? &q->tx_bell : &q->rx_bell, tail);
}

static void tails_that_cannot_be_move_nothing(void **state)
{
	static const uint32_t tail[] = {17, 1000, 0x80000000u, UINT32_MAX};
	struct rig *r = on_bus(NIC_VEB);
	struct vf *bad = &r->vf[0], *a = &r->vf[1];

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		bad->drv.regs->rx_bells = bad->drv.regs->tx_bells = tail[i % 4]; /* a lie, too */
		snap(r);
		ring_bell(bad, i % 2, tail[i / 2]);
		rig_run(r);
		untouched_but(r, NULL, 0, 0);
		assert_int_equal(vf_stats(bad)->bad_descriptors, i + 1);
	}
	/* It may begin anew, and the others never noticed. */
	ring_bell(bad, false, 0);
	ring_bell(bad, true, 0);
	vf_send(a, bad, 300, 1);
	rig_run(r);
	assert_int_equal(vf_lost(bad, DROP_NO_DESCRIPTOR), 1);
	post(bad, 0);
	vf_send(a, bad, 300, 2);
	rig_run(r);
	vf_has(bad, a, 300, 2, 0);
	rig_free(r);
}

static void descriptors_are_the_devices_once_they_were_fetched(void **state)
{
	struct rig *r = on_bus(NIC_VEB);
	struct vf *a = &r->vf[0], *b = &r->vf[1];

	(void)state;
	post(b, 0);
	rig_run(r);
	*(struct nic_rx_read *)nic_ring_desc(&b->drv.rx.ring, 0) =
		(struct nic_rx_read){NIC_RIG_IOVA + 8 * 4096, 0, 5};
	vf_send(a, b, 1000, 1);
	snap(r);
	while (a->nic->queue[a->queue].port->tx.have == 0)
		evq_step(&r->q);
	*(struct nic_tx_desc *)nic_ring_desc(&a->drv.tx.ring, 0) =
		(struct nic_tx_desc){NIC_RIG_IOVA, 60000 | NIC_TX_EOP, 0};
	rig_run(r);
	untouched_but(r, b, 0, 1);
	vf_has(b, a, 1000, 1, 0);
	rig_free(r);
}

/* A page that is unmapped while a write to it is on its way takes no byte of it. */
static void a_page_that_goes_in_mid_flight_is_a_fault(void **state)
{
	unsigned refused = 0;

	for (unsigned when = 0; when < 60; when++) {
		struct rig *r = on_bus(NIC_VEB);
		struct vf *a = &r->vf[0], *b = &r->vf[1];
		bool error = true;

		(void)state;
		post(b, 0);
		rig_run(r);
		vf_send(a, b, 1000, 1);
		rig_run_until(r, evq_now(&r->q) + 1400000 + when * 20000);
		if (!written(b, a, 0, 1000, 1)) {
			hpa_t page = b->frame[0];

			assert_int_equal(iommu_unmap(r->io, b->domain, (iova_t){NIC_RIG_IOVA}, 4096,
						     evq_now(&r->q)),
					 IOMMU_OK);
			assert_int_equal(mem_put(r->mem, page, 1), MEM_OK);
			assert_int_equal(mem_alloc(r->mem, MEM_GUEST, 77, &page), MEM_OK);
			assert_int_equal(page.a, b->frame[0].a); /* somebody else's now */
			snap(r);
			rig_run(r);
			untouched_but(r, NULL, 0, 0);
			assert_int_equal(vf_take(b, &error), 1000);
			assert_true(error);
			assert_int_equal(vf_lost(b, DROP_DMA_FAULT), 1);
			refused++;
		} else {
			rig_run(r);
			vf_has(b, a, 1000, 1, 0);
		}
		rig_free(r);
	}
	assert_true(refused > 10 && refused < 60);
}

/* The delay is over while the driver has interrupts masked; it enables them before the status. */
static void what_was_due_while_masked_is_not_forgotten_before_its_status(void **state)
{
	struct rig *r = on_bus(NIC_VEB);
	struct vf *a = &r->vf[0], *b = &r->vf[1];
	struct nic_queue *q = &b->nic->queue[b->queue];

	(void)state;
	b->nic->cfg.irq_delay = 50000;
	post(b, 0);
	rig_run(r);
	b->drv.regs->rx_irq = false;
	vf_send(a, b, 300, 1);
	while (!q->port->rx.posted)
		assert_true(evq_step(&r->q));
	rig_run_until(r, evq_now(&r->q) + 100000);
	assert_false(done(b, 0));
	assert_false(
		nicdrv_rx_irq(&b->drv, &b->pl, true)); /* it looks, finds nothing, and sleeps */
	rig_run(r);
	assert_int_equal(b->interrupts, 1);
	vf_has(b, a, 300, 1, 0);
	rig_free(r);
}

static void frames_that_wait_for_descriptors_go_with_their_queue(void **state)
{
	struct rig *r = on_bus(NIC_VEB);
	struct vf *a = &r->vf[0], *b = &r->vf[1];
	struct nic_queue *q = &b->nic->queue[b->queue];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		vf_send(a, b, 300, (uint8_t)(i + 1));
	rig_run_until(r, 1000000);
	post(b, 0); /* known, and not fetched, when the first one comes */
	while (q->waiting < 2)
		assert_true(evq_step(&r->q));
	assert_int_equal(r->nic[0].rx_held, 900);
	nic_queue_stop(b->nic, b->queue);
	assert_int_equal(q->waiting, 0);
	rig_run(r);
	assert_int_equal(vf_lost(b, DROP_GUEST_GONE), 3);
	assert_int_equal(b->interrupts, 0);
	rig_free(r);
}

/* ---- rings behind the IOMMU ---- */

#define RING_IOVA 0x800000ull

/* Its rings are reached through its domain, but for the last pages of the receive ring. */
static void map_rings(struct vf *v, unsigned missing)
{
	struct nic_queue *q = &v->nic->queue[v->queue];
	struct nic_ring *ring[] = {&q->rx, &q->tx};

	for (unsigned i = 0; i < 2; i++) {
		unsigned pages = (ring[i]->size * NIC_DESC_BYTES + 4095) / 4096;

		ring[i]->io = rig_array(v->rig, pages, sizeof(uint64_t));
		for (unsigned p = 0; p < pages; p++) {
			ring[i]->io[p] = RING_IOVA + (i * 16 + p) * 4096;
			if (!i && p + missing >= pages)
				continue;
			assert_int_equal(iommu_map(v->rig->io, v->domain, (iova_t){ring[i]->io[p]},
						   v->frame[0], 4096, IOMMU_READ | IOMMU_WRITE),
					 IOMMU_OK);
		}
	}
}

static void looked_up(struct rig *r, uint64_t hits, uint64_t misses)
{
	assert_int_equal(iommu_stats(r->io)->hits, hits);
	assert_int_equal(iommu_stats(r->io)->misses, misses);
}

static void each_access_to_a_ring_is_looked_up(void **state)
{
	struct rig *r = on_bus(NIC_VEB);
	struct vf *a = &r->vf[0], *b = &r->vf[1];

	(void)state;
	map_rings(a, 0);
	map_rings(b, 0);
	post(b, 0);
	rig_run(r);
	looked_up(r, 0, 1); /* the descriptor is read */
	vf_send(a, b, 300, 1);
	rig_run(r);
	vf_has(b, a, 300, 1, 0);
	looked_up(r, 2, 4); /* its descriptor, data, status; data, status */
	for (unsigned i = 0; i < 8; i++)
		post(b, 0);
	rig_run(r);
	looked_up(r, 4, 4); /* two batches of four */
	b->nic->cfg.rx_use.fetch = 1;
	b->nic->cfg.rx_use.prefetch = 16;
	for (unsigned i = 0; i < 3; i++)
		post(b, 0);
	rig_run(r);
	looked_up(r, 7, 4); /* three reads of one each */
	rig_free(r);
}

/* The second page of the ring is missing: once it is there all goes on, without a hole. */
static void a_refused_descriptor_halts_its_queue_until_it_is_permitted(void **state)
{
	struct rig *r;
	struct vf *a, *b;
	unsigned taken = 0;
	bool error = false;

	(void)state;
	nic_rig_bus = true;
	r = rig_new((struct rig_opts){.kind = NIC_VEB, .ring = 512});
	a = &r->vf[0];
	b = &r->vf[1];
	map_rings(a, 0);
	map_rings(b, 1);
	for (unsigned i = 0; i < 400; i++)
		post(b, 0);
	for (unsigned i = 0; i < 300; i++) {
		vf_send(a, b, 300, 1);
		rig_run(r);
	}
	for (; vf_take(b, &error); taken++)
		assert_false(error);
	assert_int_equal(taken, 256);
	assert_int_equal(vf_lost(b, DROP_DMA_FAULT), 44);
	assert_int_equal(iommu_stats(r->io)->faults, 1);
	assert_int_equal(iommu_map(r->io, b->domain, (iova_t){RING_IOVA + 4096}, b->frame[0], 4096,
				   IOMMU_READ | IOMMU_WRITE),
			 IOMMU_OK);
	nic_queue_permit(&b->nic->queue[b->queue]);
	rig_run(r);
	for (taken = 0; taken < 50; taken++) {
		vf_send(a, b, 300, 2);
		rig_run(r);
		assert_int_equal(vf_take(b, &error), 300);
		assert_false(error);
	}
	assert_int_equal(iommu_stats(r->io)->faults, 1);
	rig_free(r);
}

/* Function `who` may not use the IOMMU from `at` on, for so long; 0: until nothing moves. */
static unsigned interrupted(enum nic_switch_kind kind, unsigned who, sim_time at, sim_time gap)
{
	struct rig *r = on_bus(kind);
	struct vf *a = &r->vf[0], *b = &r->vf[1], *v = &r->vf[who];
	unsigned lost, good = 0, bad = 0;
	uint32_t len;
	bool error;

	map_rings(a, 0);
	map_rings(b, 0);
	for (unsigned i = 0; i < 4; i++)
		post(b, i);
	rig_run_until(r, at < 400000 ? 0 : 5000000);
	for (unsigned i = 0; i < 2; i++)
		vf_send(a, b, 1000, (uint8_t)(i + 1));
	rig_run_until(r, evq_now(&r->q) + at);
	iommu_attach(r->io, v->requester, NULL);
	rig_run_until(r, evq_now(&r->q) + (gap ? gap : 1000000)); /* what was translated comes */
	if (!gap) {
		int told = done(b, 0) + done(b, 1);

		rig_run(r);
		assert_true(who == 0 || done(b, 0) + done(b, 1) == told);
	}
	iommu_attach(r->io, v->requester, v->domain);
	nic_queue_permit(&v->nic->queue[v->queue]);
	rig_run(r);
	assert_int_equal(a->nic->queue[a->queue].tx_done, 2);
	vf_send(a, b, 500, 3);
	rig_run(r);
	while ((len = vf_take(b, &error)) == 1000) {
		good += !error;
		bad += error;
	}
	assert_int_equal(len, 500); /* in its turn, behind those that failed */
	assert_false(error);
	lost = (unsigned)(vf_lost(b, DROP_DMA_FAULT) + vf_lost(b, DROP_NO_PEER_BUFFER));
	assert_int_equal(good + lost, 2);
	assert_true(bad <= lost);
	assert_int_equal(a->nic->queue[a->queue].tx_done, 3);
	rig_free(r);
	return bad;
}

static void a_function_that_is_interrupted_loses_frames_and_nothing_else(void **state)
{
	static const sim_time gap[] = {0, 50000, 400000, 1500000};
	unsigned bad = 0;

	(void)state;
	for (unsigned kind = NIC_VEB; kind <= NIC_MEDIATED; kind++)
		for (unsigned who = 0; who < 2; who++)
			for (unsigned g = 0; g < 4; g++)
				for (sim_time at = 0; at < 6000000; at += 37000)
					bad += interrupted(kind, who, at, gap[g]);
	assert_true(bad > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_status_is_ahead_of_its_data_and_no_interrupt_ahead_of_status),
		cmocka_unit_test(a_doorbell_is_known_when_it_arrives),
		cmocka_unit_test(tails_that_cannot_be_move_nothing),
		cmocka_unit_test(descriptors_are_the_devices_once_they_were_fetched),
		cmocka_unit_test(what_was_due_while_masked_is_not_forgotten_before_its_status),
		cmocka_unit_test(frames_that_wait_for_descriptors_go_with_their_queue),
		cmocka_unit_test(a_page_that_goes_in_mid_flight_is_a_fault),
		cmocka_unit_test(each_access_to_a_ring_is_looked_up),
		cmocka_unit_test(a_refused_descriptor_halts_its_queue_until_it_is_permitted),
		cmocka_unit_test(a_function_that_is_interrupted_loses_frames_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
