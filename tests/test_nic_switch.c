/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_nic_switch.c - the switch between virtual functions: in the NIC, by the bridge, beside the
 * PF's queue, and with hostile drivers. Mediated writes are in test_p4.c.
 */
#include "models/nic/nic_impl.h"
#include "nic_rig.h"

/* ---- veb ---- */

static void veb_writes_under_the_receivers_requester_id(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_VEB});
	struct vf *a = &r->vf[0], *b = &r->vf[1];
	struct iommu_fault fault;
	bool error;

	(void)state;
	for (unsigned i = 0; i < r->vfs; i++)
		post(&r->vf[i], 0);
	vf_send(a, b, 1000, 1);
	snap(r);
	rig_run(r);
	untouched_but(r, b, 0, 1);
	vf_has(b, a, 1000, 1, 0);
	assert_int_equal(b->book.led.dma_transfers, 2);
	assert_int_equal(b->interrupts, 1);
	assert_int_equal(r->nic[0].tx_wire.frames + r->nic[0].rx_wire.frames, 0);
	/* Its own id: without a domain behind it the write faults, as b's. */
	iommu_attach(r->io, b->requester, NULL);
	post(b, 1);
	vf_send(a, b, 1000, 2);
	rig_run(r);
	assert_true(iommu_fault_take(r->io, &fault));
	assert_int_equal(fault.requester, b->requester);
	assert_int_equal(vf_lost(b, DROP_DMA_FAULT), 1);
	vf_take(b, &error);
	assert_true(error);
	rig_free(r);
}

static void veb_without_descriptor_loses_the_frame_to_that_receiver_alone(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_VEB});
	struct vf *a = &r->vf[0], *none = &r->vf[1], *c = &r->vf[2];

	(void)state;
	post(c, 0);
	post(c, 1);
	vf_send(a, none, 500, 0);
	vf_send(a, c, 500, 1);
	vf_send(a, none, 500, 2);
	vf_send(a, c, 500, 3);
	rig_run(r);
	assert_int_equal(vf_lost(none, DROP_NO_DESCRIPTOR), 2);
	assert_int_equal(vf_stats(none)->drops[DROP_NO_DESCRIPTOR], 2);
	vf_has(c, a, 500, 1, 0);
	vf_has(c, a, 500, 3, 1);
	assert_int_equal(vf_stats(a)->sent_local, 4);
	rig_free(r);
}

static void full_packet_buffer_is_counted_and_comes_back(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_VEB, .rx_buffer = 2500});
	struct vf *a = &r->vf[0], *b = &r->vf[1];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		post(b, i);
	for (uint8_t i = 0; i < 4; i++)
		vf_send(a, b, 1000, i);
	rig_run(r);
	/* All were read; what was not lost was written. */
	assert_int_equal(vf_lost(b, DROP_NIC_FIFO_FULL) + b->book.led.dma_transfers, 4 + 4);
	assert_true(vf_lost(b, DROP_NIC_FIFO_FULL) > 0);
	assert_int_equal(vf_stats(a)->sent_drops[DROP_NIC_FIFO_FULL],
			 vf_lost(b, DROP_NIC_FIFO_FULL));
	vf_has(b, a, 1000, 0, 0);
	vf_has(b, a, 1000, 1, 1);
	rig_free(r);
}

/* ---- vepa ---- */

static void vepa_goes_out_and_comes_back_by_the_wire(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_VEPA});
	struct vf *a = &r->vf[0], *b = &r->vf[1];
	sim_time slot = (1000 + NIC_WIRE_BYTES) * 8 * 100; /* 10 Gbit/s */

	(void)state;
	post(b, 0);
	vf_send(a, b, 1000, 1);
	rig_run(r);
	vf_has(b, a, 1000, 1, 0);
	assert_int_equal(r->nic[0].tx_wire.frames, 1);
	assert_int_equal(r->nic[0].rx_wire.frames, 1);
	assert_int_equal(r->nic[0].tx_wire.busy_ps, slot);
	assert_int_equal(r->nic[0].rx_wire.busy_ps, slot);
	assert_int_equal(r->nic[0].rx_wire.free - r->nic[0].tx_wire.free, slot + 1000000);
	assert_int_equal(b->book.led.dma_transfers, 2);
	assert_int_equal(r->wire, 0); /* nobody at the other end gets it */
	rig_free(r);
}

/* A source on the wire whose frames are due every 3 us. */
struct source_rig {
	struct rig *r;
	struct vf *to;
	unsigned next, n;
	uint8_t bytes[600];
};

static bool src_peek(void *ctx, sim_time *at)
{
	struct source_rig *s = ctx;

	*at = (s->next + 1) * 3000000ull;
	return s->next < s->n;
}

static struct frame *src_take(void *ctx)
{
	struct source_rig *s = ctx;
	struct frame *f = world_frame(&s->r->world, &s->to->book, 600, (s->next + 1) * 3000000ull);

	s->next++;
	f->to = (int16_t)s->to->index;
	f->bytes = s->bytes;
	return f;
}

static void vepa_reflected_frames_share_the_wire_with_its_source(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_VEPA, .ring = 64});
	struct vf *a = &r->vf[0], *b = &r->vf[1];
	struct source_rig s = {.r = r, .to = b, .n = 10};
	struct nic *n = &r->nic[0];
	sim_time slot[2] = {(1000 + NIC_WIRE_BYTES) * 8 * 100, (600 + NIC_WIRE_BYTES) * 8 * 100};
	uint64_t reflected = 0, source = 0;
	struct plat_rx rx[32];
	unsigned got;

	(void)state;
	bytes_make(s.bytes, b->mac, rig_stranger, 600, 3);
	n->source = (struct nic_source){.peek = src_peek, .take = src_take, .ctx = &s};
	for (unsigned i = 0; i < 20; i++)
		post_at(b, (i % 16) * 4096, 2048);
	nic_start(n);
	for (uint8_t i = 0; i < 10; i++) {
		rig_run_until(r, i * 2500000ull);
		vf_send(a, b, 1000, i);
	}
	rig_run(r);
	assert_int_equal(n->rx_frames, 20);
	assert_int_equal(n->rx_wire.busy_ps, 10 * (slot[0] + slot[1]));
	got = nicdrv_reap_rx(&b->drv, &b->pl, rx, 32);
	assert_int_equal(got, 20);
	for (unsigned i = 0; i < got; i++) { /* nobody came before his time, or long after it */
		struct frame *f = rx[i].frame;
		sim_time wire = f->local ? slot[0] : slot[1];
		uint64_t *k = f->local ? &reflected : &source;
		if (!f->local) {
			assert_int_equal(f->first, (*k + 1) * 3000000ull);
		}
		/* At most for one of the other kind: an idle wire waits for nobody. */
		assert_true(f->stage_ps[STAGE_WIRE_WAIT] <=
			    (f->local ? slot[1] + n->cfg.hairpin_delay : slot[0]));
		assert_int_equal(f->stage_ps[STAGE_WIRE], f->local ? 2 * wire : wire);
		++*k;
		world_deliver(&r->world, f);
	}
	assert_int_equal(reflected, 10);
	assert_int_equal(source, 10);
	assert_int_equal(r->world.stage_errors, 0);
	rig_free(r);
}

/* ---- from the wire, and beside the PF ---- */

/* The PF's queue 0, in the domain of function 2: the host, as it were. */
static void pf_queue(struct rig *r, struct vf *pf)
{
	struct nic_ring rx = rig_ring(r, 16), tx = rig_ring(r, 16);

	*pf = r->vf[2];
	pf->queue = 0;
	pf->index = 19;
	pf->interrupts = 0;
	book_init(&pf->book);
	book_init(&pf->tx);
	memcpy(pf->mac, (uint8_t[]){2, 0, 0, 0, 0, 0x77}, 6);
	nicdrv_init(&pf->drv, &rx, rig_array(r, 16, sizeof(struct nicdrv_slot)), &tx,
		    rig_array(r, 16, sizeof(struct nicdrv_slot)), NULL);
	nic_queue_bind(pf->nic, 0, &rx, &tx, &pf->drv);
	pf->nic->queue[0].requester = pf->requester;
	nic_guest(pf->nic, 19, pf->mac, 0);
	nic_all(pf->nic, 0);
}

static void pf_free(struct vf *pf)
{
	book_fini(&pf->book);
	book_fini(&pf->tx);
}

static void functions_and_the_pf_reach_each_other_without_the_wire(void **state)
{
	for (unsigned kind = NIC_VEB; kind <= NIC_MEDIATED; kind += NIC_MEDIATED - NIC_VEB) {
		struct rig *r = rig_new((struct rig_opts){.kind = kind});
		struct vf pf, *a = &r->vf[0];

		(void)state;
		pf_queue(r, &pf);
		post(&pf, 3);
		post(a, 4);
		vf_send(a, &pf, 700, 1);
		vf_send(&pf, a, 700, 2);
		rig_run(r);
		vf_has(&pf, a, 700, 1, 3);
		vf_has(a, &pf, 700, 2, 4);
		assert_int_equal(r->wire, 0);
		rig_free(r);
		pf_free(&pf);
	}
}

static void broadcast_from_the_wire_reaches_every_function_and_the_pf_once(void **state)
{
	for (unsigned kind = NIC_VEB; kind <= NIC_MEDIATED; kind++) {
		struct rig *r = rig_new((struct rig_opts){.kind = kind});
		struct vf pf, *to[3] = {&r->vf[0], &r->vf[1], &pf};
		struct source_rig s = {.r = r, .to = &r->vf[0], .n = 1};
		struct frame *f, *last;
		struct plat_rx rx;

		(void)state;
		pf_queue(r, &pf);
		bytes_make(s.bytes, rig_everybody, rig_stranger, 600, 3);
		f = last = src_take(&s);
		for (unsigned i = 1; i < 3; i++) {
			last->peer = world_frame(&r->world, &to[i]->book, 600, f->first);
			last = last->peer;
			last->to = (int16_t)to[i]->index;
		}
		for (unsigned i = 0; i < 3; i++)
			post(to[i], 5 + i);
		rig_run_until(r, f->first);
		r->nic[0].arriving = f;
		r->nic[0].arriving_at = f->first;
		evq_schedule(&r->q, &r->nic[0].rx_end, f->first + 500000);
		rig_run(r);
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(nicdrv_reap_rx(&to[i]->drv, &to[i]->pl, &rx, 1), 1);
			assert_int_equal(rx.len, 600);
			assert_memory_equal(vf_page(to[i], 5 + i), s.bytes, 600);
			assert_ptr_equal(rx.frame->led, &to[i]->book.led);
			world_deliver(&r->world, rx.frame);
			assert_int_equal(to[i]->book.led.dma_transfers, 1);
		}
		assert_int_equal(r->world.stage_errors, 0);
		rig_free(r);
		pf_free(&pf);
	}
}

static void address_table_survives_any_order_of_removals(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_VEB});
	struct nic *n = &r->nic[0];
	uint64_t random = 5;
	bool there[NIC_RIG_VFS] = {true, true, true};
	uint8_t mac[6] = {2, 0, 0, 0, 0, 0};

	(void)state;
	for (unsigned round = 0; round < 4000; round++) {
		unsigned i;
		random = random * 6364136223846793005u + 1442695040888963407u;
		i = random >> 40 & 15;
		mac[5] = (uint8_t)(i + 1);
		if (there[i])
			nic_forget(n, i);
		else
			nic_guest(n, i, mac, 1 + i);
		there[i] = !there[i];
		for (unsigned k = 0; k < 16; k++) {
			uint8_t b[14] = {2, 0, 0, 0, 0, (uint8_t)(k + 1)};
			n->queue[1 + k].vf = 0; /* whatever is there may be asked for */
			assert_int_equal(nic_route(&n->queue[1], b, 14), there[k] ? k : NIC_NOBODY);
		}
	}
	rig_free(r);
}

/* ---- teardown ---- */

static void fill_rings(struct vf *v, uint8_t with)
{
	memset(v->drv.rx.ring.page[0], with, 4096);
	memset(v->drv.tx.ring.page[0], with, 4096);
}

/* At any moment of frames to and from it: then its rings and memory are somebody else's. */
static void stopped_queue_touches_neither_rings_nor_memory(void **state)
{
	static uint8_t want[4096];

	(void)state;
	memset(want, 0xee, sizeof(want));
	for (unsigned kind = NIC_VEB; kind <= NIC_MEDIATED; kind++)
		for (sim_time at = 0; at < 8000000; at += 70000) {
			struct rig *r = rig_new((struct rig_opts){.kind = kind});
			struct vf *a = &r->vf[0], *b = &r->vf[1];
			const struct ledger *l = &b->book.led;
			uint64_t lost;
			bool error;

			post(a, 0);
			for (unsigned i = 0; i < 4; i++)
				post(b, i);
			vf_send(b, a, 900, 0);
			vf_send(a, b, 900, 1);
			vf_send(b, &r->vf[2], 900, 2);
			rig_run_until(r, at);
			while (vf_take(b, &error))
				;
			nic_queue_stop(b->nic, b->queue);
			iommu_attach(r->io, b->requester, NULL);
			fill_rings(b, 0xee);
			snap(r);
			rig_run(r);
			assert_memory_equal(b->drv.rx.ring.page[0], want, 4096);
			assert_memory_equal(b->drv.tx.ring.page[0], want, 4096);
			untouched_but(r, a, 0, 1);
			vf_take(a, &error);
			/* Nobody has its address now: what is not fetched yet goes to strangers. */
			lost = 0;
			for (unsigned d = 0; d < DROP_N; d++)
				lost += l->drops[d];
			assert_int_equal(l->delivered + lost, 1);
			rig_free(r);
		}
}

static void frame_for_a_guest_that_is_gone_ends_as_such(void **state)
{
	(void)state;
	for (unsigned kind = NIC_VEB; kind <= NIC_MEDIATED; kind++) {
		struct rig *r = rig_new((struct rig_opts){.kind = kind});
		struct vf pf, *a = &r->vf[0], *b = &r->vf[1];

		pf_queue(r, &pf);
		post(&pf, 0);
		nic_queue_stop(b->nic, b->queue);
		vf_send(a, b, 500, 1);
		snap(r);
		rig_run(r);
		untouched_but(r, NULL, 0, 0);
		assert_int_equal(vf_lost(b, DROP_GUEST_GONE), 1);
		assert_int_equal(r->wire, 0);
		assert_int_equal(r->nic[0].tx_wire.frames, 1); /* as for any stranger */
		rig_free(r);
		pf_free(&pf);
	}
}

/* ---- hostile drivers ---- */

static void raw_send(struct vf *v, uint32_t at, uint64_t addr, uint32_t cmd)
{
	struct nic_tx_desc *t = nic_ring_desc(&v->drv.tx.ring, at);

	*t = (struct nic_tx_desc){.addr = addr, .cmd_type_len = cmd};
}

static void ring_bell(struct vf *v, uint32_t tail)
{
	v->drv.regs->tx_tail = tail;
	plat_kick(&v->pl, v->drv.tx.bell, tail);
}

static void tail_beyond_the_ring_moves_nothing(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_MEDIATED});
	struct vf *bad = &r->vf[0], *b = &r->vf[1];
	static const uint32_t tail[] = {17, 1000, 0x80000000u, UINT32_MAX};

	(void)state;
	snap(r);
	for (unsigned i = 0; i < 4; i++) {
		ring_bell(bad, tail[i]);
		rig_run(r);
		assert_int_equal(vf_stats(bad)->bad_descriptors, i + 1);
	}
	for (unsigned i = 0; i < 4; i++) {
		b->drv.regs->rx_tail = tail[i];
		vf_send(&r->vf[2], b, 300, (uint8_t)i);
		snap(r);
		rig_run(r);
		untouched_but(r, NULL, 0, 0);
		assert_int_equal(vf_lost(b, DROP_NO_PEER_BUFFER), i + 1);
	}
	assert_int_equal(vf_stats(b)->bad_descriptors, 4);
	rig_free(r);
}

static void receive_tail_behind_what_was_taken_is_no_descriptor(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_VEB});
	struct vf *a = &r->vf[0], *b = &r->vf[1];
	struct nic_queue *q = &b->nic->queue[b->queue];

	(void)state;
	post(b, 0);
	vf_send(a, b, 1000, 1);
	rig_run_until(r, 1200000);
	assert_int_equal(q->rx_head - q->rx_done, 1); /* taken, not written */
	b->drv.regs->rx_tail = q->rx_head - 1;
	assert_int_equal(nic_rx_claim(q, 1000), 0);
	assert_int_equal(vf_stats(b)->bad_descriptors, 1);
	b->drv.regs->rx_tail = q->rx_head;
	rig_run(r);
	vf_has(b, a, 1000, 1, 0);
	rig_free(r);
}

static void impossible_lengths_and_addresses_are_counted_and_reported_failed(void **state)
{
	struct rig *r = rig_new((struct rig_opts){.kind = NIC_MEDIATED});
	struct vf *bad = &r->vf[0];
	struct nic_tx_desc *t;
	struct iommu_fault fault;

	(void)state;
	raw_send(bad, 0, NIC_RIG_IOVA, NIC_TX_EOP); /* no bytes */
	for (uint32_t i = 1; i < 4; i++)            /* 3 x 65535, more than any frame */
		raw_send(bad, i, NIC_RIG_IOVA, 65535 | (i == 3 ? NIC_TX_EOP : 0));
	raw_send(bad, 4, 0xdead0000, 500 | NIC_TX_EOP); /* never mapped */
	snap(r);
	ring_bell(bad, 5);
	rig_run(r);
	assert_int_equal(vf_stats(bad)->bad_descriptors, 2);
	assert_int_equal(vf_stats(bad)->sent_drops[DROP_BAD_DESCRIPTOR], 2);
	assert_int_equal(vf_stats(bad)->sent_drops[DROP_DMA_FAULT], 1);
	assert_true(iommu_fault_take(r->io, &fault));
	assert_int_equal(fault.requester, bad->requester);
	assert_int_equal(fault.iova.a, 0xdead0000);
	for (unsigned i = 0; i < 5; i++) {
		t = nic_ring_desc(&bad->drv.tx.ring, i);
		assert_int_equal(t->olinfo_status, i == 0 || i > 2 ? NIC_TX_DD | NIC_TX_ERROR : 0);
	}
	untouched_but(r, NULL, 0, 0);
	assert_int_equal(r->wire, 0);
	rig_free(r);
}

/* A frame whose driver recorded nothing, or another length: its bytes go their way, unbooked. */
static void frame_without_a_record_is_booked_nowhere(void **state)
{
	for (unsigned kind = NIC_VEB; kind <= NIC_MEDIATED; kind++) {
		struct rig *r = rig_new((struct rig_opts){.kind = kind});
		struct vf *a = &r->vf[0], *b = &r->vf[1];
		bool error = false;

		(void)state;
		post(b, 0);
		send_frame(a, NULL, b->mac, a->mac, 300, 1);
		send_frame(a, NULL, rig_stranger, a->mac, 300, 2);
		send_frame(a, NULL, rig_everybody, a->mac, 300, 3);
		send_frame(a, frame_new(a, NULL, 299), rig_stranger, a->mac, 300, 4);
		rig_run(r);
		assert_int_equal(r->wire, 0);
		assert_int_equal(a->tx.led.drops[DROP_BAD_DESCRIPTOR], 1);
		assert_int_equal(b->book.led.offered, 0);
		if (kind != NIC_VEPA) { /* there the bridge loses it */
			assert_int_equal(vf_take(b, &error), 300);
			assert_true(error);
			assert_int_equal(vf_page(b, 0)[20], (uint8_t)(1 + 20 * 7));
		}
		rig_free(r);
	}
}

/* The guest changes a descriptor after the NIC has taken it. */
static void descriptors_are_read_once(void **state)
{
	for (unsigned kind = NIC_VEB; kind <= NIC_MEDIATED; kind += NIC_MEDIATED - NIC_VEB) {
		struct rig *r = rig_new((struct rig_opts){.kind = kind});
		struct vf *a = &r->vf[0], *b = &r->vf[1];
		struct nic_rx_read *rx;
		struct nic_tx_desc *tx;

		(void)state;
		post(b, 0);
		vf_send(a, b, 1000, 1);
		snap(r);
		rig_run_until(r, 10000); /* fetched, not read */
		tx = nic_ring_desc(&a->drv.tx.ring, 0);
		*tx = (struct nic_tx_desc){NIC_RIG_IOVA, 60000 | NIC_TX_EOP, 0};
		rig_run_until(r, kind == NIC_VEB ? 1200000 : 1300000);
		assert_int_equal(b->drv.regs->rx_tail, 1);
		assert_int_equal(a->nic->queue[b->queue].rx_head, 1); /* taken, not written */
		rx = nic_ring_desc(&b->drv.rx.ring, 0);
		*rx = (struct nic_rx_read){NIC_RIG_IOVA + 8 * 4096, 0, 5};
		rig_run(r);
		untouched_but(r, b, 0, 1);
		vf_has(b, a, 1000, 1, 0);
		rig_free(r);
	}
}

/* A driver that writes anything into rings and registers; two honest ones beside it. */
static void garbage_in_one_functions_rings_leaves_the_others_alone(void **state)
{
	const char *env = getenv("VNICSIM_TEST_SEED");
	uint64_t random = env ? strtoull(env, NULL, 0) : 17;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)random);
	for (unsigned kind = NIC_VEB; kind <= NIC_MEDIATED; kind++) {
		struct rig *r = rig_new((struct rig_opts){
			.kind = kind, .wait = kind == NIC_MEDIATED ? 1000000 : 0});
		struct vf *a = &r->vf[0], *bad = &r->vf[1], *c = &r->vf[2];

		snap(r);
		for (unsigned i = 0; i < 3000; i++) {
			for (unsigned k = 0; k < 4; k++) {
				uint64_t *word;
				random = random * 6364136223846793005u + 1442695040888963407u;
				word = nic_ring_desc(random >> 63 ? &bad->drv.rx.ring
								  : &bad->drv.tx.ring,
						     (uint32_t)(random >> 40));
				word[0] = random >> 62 & 1 ? NIC_RIG_IOVA + (random >> 20 & 0xfffff)
							   : random * random;
				word[1] = random >> 61 & 1 ? (random >> 30 & 0x7ff) | NIC_TX_EOP
							   : random * 77;
			}
			if (random >> 50 & 1)
				ring_bell(bad, bad->nic->queue[bad->queue].tx_head +
						       (uint32_t)(random >> 33 & 31));
			if (random >> 51 & 1)
				bad->drv.regs->rx_tail = bad->nic->queue[bad->queue].rx_head +
							 (uint32_t)(random >> 35 & 31);
			if (random >> 52 & 1)
				plat_kick(&bad->pl, &bad->nic->queue[bad->queue].rx_bell, 0);
			/* Somebody sends to it, and two talk to each other. */
			vf_send(a, bad, 200, 0);
			post(c, 0);
			vf_send(a, c, 1000, (uint8_t)(1 + i % 7));
			/* The bus is shared: what it sends takes its time there. */
			for (unsigned us = 0; us < 400 && !c->interrupts; us++)
				rig_run_until(r, evq_now(&r->q) + 1000000);
			c->interrupts = 0;
			c->drv.regs->rx_irq = true;
			vf_has(c, a, 1000, (uint8_t)(1 + i % 7), 0);
			for (uint64_t got; nicdrv_reap_tx(&a->drv, &a->pl, &got, 1);)
				;
		}
		rig_run(r);
		memcpy(vf_page(c, 0), r->snap + c->frame[0].a, 4096);
		for (unsigned p = 0; p < NIC_RIG_PAGES; p++) {
			assert_memory_equal(vf_page(c, p), r->snap + c->frame[p].a, 4096);
			if (p < NIC_RIG_SEND)
				assert_memory_equal(vf_page(a, p), r->snap + a->frame[p].a, 4096);
			memcpy(vf_page(a, p), r->snap + a->frame[p].a, 4096);
		}
		untouched_but(r, bad, 0, NIC_RIG_PAGES);
		assert_true(vf_stats(bad)->bad_descriptors > 100);
		assert_true(vf_stats(bad)->sent_drops[DROP_DMA_FAULT] > 100);
		/* Frames for it that it "received" are in its ring still. */
		for (uint32_t i = 0; i < 16; i++) {
			struct frame *f = *nic_ring_tag(&bad->drv.rx.ring, i);
			if (f && f->led)
				world_drop(&r->world, f, DROP_GUEST_GONE);
		}
		while (r->world.live) /* overwritten in its ring by a later one */
			r->world.live--;
		rig_free(r);
	}
}

static int on_a_bus(void **state)
{
	(void)state;
	nic_rig_bus = true;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(veb_writes_under_the_receivers_requester_id),
		cmocka_unit_test(veb_without_descriptor_loses_the_frame_to_that_receiver_alone),
		cmocka_unit_test(full_packet_buffer_is_counted_and_comes_back),
		cmocka_unit_test(vepa_goes_out_and_comes_back_by_the_wire),
		cmocka_unit_test(vepa_reflected_frames_share_the_wire_with_its_source),
		cmocka_unit_test(functions_and_the_pf_reach_each_other_without_the_wire),
		cmocka_unit_test(broadcast_from_the_wire_reaches_every_function_and_the_pf_once),
		cmocka_unit_test(address_table_survives_any_order_of_removals),
		cmocka_unit_test(stopped_queue_touches_neither_rings_nor_memory),
		cmocka_unit_test(frame_for_a_guest_that_is_gone_ends_as_such),
		cmocka_unit_test(tail_beyond_the_ring_moves_nothing),
		cmocka_unit_test(receive_tail_behind_what_was_taken_is_no_descriptor),
		cmocka_unit_test(impossible_lengths_and_addresses_are_counted_and_reported_failed),
		cmocka_unit_test(frame_without_a_record_is_booked_nowhere),
		cmocka_unit_test(descriptors_are_read_once),
		cmocka_unit_test(garbage_in_one_functions_rings_leaves_the_others_alone),
	};
	/* Those that write no register behind the bus's back, nor count its nanoseconds. */
	const struct CMUnitTest bus[] = {
		cmocka_unit_test(veb_writes_under_the_receivers_requester_id),
		cmocka_unit_test(veb_without_descriptor_loses_the_frame_to_that_receiver_alone),
		cmocka_unit_test(full_packet_buffer_is_counted_and_comes_back),
		cmocka_unit_test(vepa_goes_out_and_comes_back_by_the_wire),
		cmocka_unit_test(vepa_reflected_frames_share_the_wire_with_its_source),
		cmocka_unit_test(functions_and_the_pf_reach_each_other_without_the_wire),
		cmocka_unit_test(broadcast_from_the_wire_reaches_every_function_and_the_pf_once),
		cmocka_unit_test(address_table_survives_any_order_of_removals),
		cmocka_unit_test(stopped_queue_touches_neither_rings_nor_memory),
		cmocka_unit_test(frame_for_a_guest_that_is_gone_ends_as_such),
		cmocka_unit_test(impossible_lengths_and_addresses_are_counted_and_reported_failed),
		cmocka_unit_test(frame_without_a_record_is_booked_nowhere),
		cmocka_unit_test(garbage_in_one_functions_rings_leaves_the_others_alone),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed + cmocka_run_group_tests(bus, on_a_bus, NULL);
}
