/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_dma.c - P5 mapping by mapping: what the VMM checks, where an address leads, and guests that
 * give their function addresses, lengths and tails that they should not.
 */
#include "p5_rig.h"

/* Two guests, a function each; nothing happens but a frame for each of some of them, late. */
static struct rig pair_to(const char *iommu, const char *keys, const char *to)
{
	return rig_open("[iommu]\n%s\n[nic eth0]\nmtu = 9000B\nrx_ring = 64\ntx_ring = "
			"64\nanti_spoof = false\n"
			"[guest]\nattach = vf\ndelivery = process\nmemory = 8MiB\n%s\n%s\n"
			"[guest vm1]\n[guest vm2]\n"
			"[traffic in]\nto = %s\nsize = 1000B\npps = 10000\npackets = 2\n"
			"start = 1ms\n",
			iommu, strstr(keys, "dma_map") ? "" : "dma_map = per-buffer", keys, to);
}

static struct rig pair(const char *iommu, const char *keys)
{
	return pair_to(iommu, keys, "vm1..vm2");
}

/* ---- who may map what ---- */

static void p5_07_a_page_that_is_not_the_callers_is_refused(void **state)
{
	struct rig rig = pair("mode = strict", "");
	struct guest *a = p5_guest(&rig, 0), *b = p5_guest(&rig, 1);
	gpa_t mine = p5_pages(a, 2, 1);
	struct plat_mem mem = {mine, 100};
	uint64_t maps = a->hac.vmm.dma.maps;
	struct plat_seg seg[16];
	unsigned n;

	(void)state;
	/* beyond its memory; begun inside and ended beyond; never backed; not there now */
	assert_int_equal(p5_map(a, (gpa_t){a->gm->bytes}, 64, PLAT_TO_DEVICE, seg, &n),
			 VMM_DMA_NOT_OWNED);
	assert_int_equal(p5_map(a, (gpa_t){UINT64_MAX - 63}, 64, PLAT_TO_DEVICE, seg, &n),
			 VMM_DMA_NOT_OWNED);
	assert_int_equal(gmem_evict(a->gm, mine), GMEM_OK);
	assert_int_equal(p5_map(a, (gpa_t){mine.a + PAGE_BYTES - 8}, 64, PLAT_TO_DEVICE, seg, &n),
			 VMM_DMA_NOT_OWNED);
	assert_int_equal(gmem_fault_in(a->gm, mine), GMEM_OK);
	assert_int_equal(p5_map(a, (gpa_t){a->gm->bytes - 64}, 128, PLAT_TO_DEVICE, seg, &n),
			 VMM_DMA_NOT_OWNED);
	assert_int_equal(n, 0);
	/* the function of another guest: to map, and to unmap */
	assert_int_equal(
		vmm_dma_map(&a->hac.vmm, &b->grx_pl, b->gm, &mem, 1, PLAT_TO_DEVICE, seg, 16, &n),
		VMM_DMA_NOT_ASSIGNED);
	assert_int_equal(a->hac.vmm.dma.maps - a->hac.vmm.dma.unmaps, maps);
	assert_int_equal(p5_map(a, mine, 100, PLAT_TO_DEVICE, seg, &n), VMM_DMA_OK);
	assert_int_equal(vmm_dma_unmap(&a->hac.vmm, &b->grx_pl, b->gm, seg, n),
			 VMM_DMA_NOT_ASSIGNED);
	assert_int_equal(p5_unmap(a, seg, n), VMM_DMA_OK);
	/* unmapped twice, or an address that never was one */
	assert_int_equal(p5_unmap(a, seg, n), VMM_DMA_NOT_MAPPED);
	seg[0].dma = 0x1234000;
	assert_int_equal(p5_unmap(a, seg, n), VMM_DMA_NOT_MAPPED);
	assert_int_equal(a->hac.vmm.refused[VMM_DMA_NOT_OWNED], 4);
	rig_run(&rig); /* pins and mappings balance */
	rig_close(&rig);
}

static void p5_05_a_device_without_permission_faults_and_the_record_is_complete(void **state)
{
	struct rig rig = pair("mode = strict", "dma_permit_at = 10s");
	struct guest *a = p5_guest(&rig, 0);
	gpa_t page = p5_pages(a, 1, 0x5a);
	struct plat_seg seg[16] = {{0}};
	struct iommu_hit hit;
	struct iommu_fault f;
	unsigned n;

	(void)state;
	assert_int_equal(p5_map(a, page, 64, PLAT_FROM_DEVICE, seg, &n), VMM_DMA_OK);
	vmm_dma_revoke(&a->hac.vmm);
	assert_int_equal(p5_map(a, page, 64, PLAT_FROM_DEVICE, seg + 1, &n), VMM_DMA_DENIED);
	assert_int_equal(p5_access(a, seg[0].dma, IOMMU_WRITE, &hit), IOMMU_NO_DOMAIN);
	f = p5_fault(&rig);
	assert_int_equal(f.requester, a->hac.vmm.requester);
	assert_int_equal(f.requester, 0x180);
	assert_int_equal(f.iova.a, seg[0].dma);
	assert_int_equal(f.access, IOMMU_WRITE);
	assert_int_equal(f.reason, IOMMU_NO_DOMAIN);
	assert_int_equal(f.time, evq_now(&rig.m->q));
	p5_send(a, seg, 1, 64);
	rig_run_only(&rig);
	assert_int_equal(a->tx.led.drops[DROP_DMA_FAULT], 1);
	assert_int_equal(a->rx.led.drops[DROP_NO_DESCRIPTOR], 1);
	assert_int_equal(*mem_ptr(rig.m->mem, p5_hpa(a, page)), 0x5a);
	assert_int_equal(p5_unmap(a, seg, 1), VMM_DMA_OK); /* giving back is not refused */
	rig_close(&rig);
}

/* ---- where an address leads ---- */

static void p5_08_equal_addresses_of_two_guests_are_two_pages(void **state)
{
	struct rig rig = pair("mode = strict", "");
	struct guest *a = p5_guest(&rig, 0), *b = p5_guest(&rig, 1);
	struct plat_seg sa[16], sb[16], more[16];
	gpa_t ga = {0}, gb = {0};
	struct iommu_hit hit;
	unsigned na, nb, nm;
	hpa_t ha, hb;

	(void)state;
	/* a guest-physical address that both kernels have handed out */
	while (ga.a == 0 || ga.a != gb.a) {
		uint64_t len = 1;
		ga.a += PAGE_BYTES;
		assert_true(ga.a < a->gm->bytes);
		gb.a = gmem_translate(a->gm, ga, &len, GMEM_READ, &ha) == GMEM_OK &&
				       gmem_translate(b->gm, ga, &len, GMEM_READ, &hb) == GMEM_OK
			       ? ga.a
			       : 0;
	}
	assert_int_not_equal(ha.a, hb.a);
	assert_int_equal(p5_map(a, ga, 64, PLAT_FROM_DEVICE, sa, &na), VMM_DMA_OK);
	assert_int_equal(p5_map(b, gb, 64, PLAT_FROM_DEVICE, sb, &nb), VMM_DMA_OK);
	assert_int_equal(sa[0].dma, sb[0].dma); /* even the I/O addresses are the same number */
	assert_int_equal(p5_access(a, sa[0].dma, IOMMU_WRITE, &hit), IOMMU_OK);
	assert_int_equal(hit.hpa.a, ha.a);
	assert_int_equal(p5_access(b, sb[0].dma, IOMMU_WRITE, &hit), IOMMU_OK);
	assert_int_equal(hit.hpa.a, hb.a);
	/* an address that only B has: A's device may not use it */
	assert_int_equal(p5_map(b, p5_pages(b, 1, 7), 64, PLAT_FROM_DEVICE, more, &nm), VMM_DMA_OK);
	assert_int_equal(p5_access(a, more[0].dma, IOMMU_WRITE, &hit), IOMMU_NOT_PRESENT);
	assert_int_equal(p5_fault(&rig).requester, a->hac.vmm.requester);
	assert_int_equal(p5_unmap(a, more, nm), VMM_DMA_NOT_MAPPED);
	assert_int_equal(p5_unmap(a, sa, na), VMM_DMA_OK);
	assert_int_equal(p5_access(b, sb[0].dma, IOMMU_WRITE, &hit), IOMMU_OK);
	p5_unmap(b, sb, nb);
	p5_unmap(b, more, nm);
	rig_run(&rig);
	rig_close(&rig);
}

static uint8_t pattern(uint32_t i)
{
	return (uint8_t)(i * 37 + (i >> 8));
}

static void looking_sink(void *ctx, struct frame *f, const uint8_t *bytes)
{
	struct machine *m = ((struct host_nic *)ctx)->m;

	assert_int_equal(f->len, 9000);
	for (uint32_t i = 0; i < f->len; i++)
		assert_int_equal(bytes[i], pattern(i));
	world_deliver(&m->world, f);
}

static void p5_09_contiguous_for_the_guest_scattered_in_the_machine(void **state)
{
	static const char *const map[] = {"dma_map = per-buffer", "dma_map = static",
					  "dma_map = pooled", "dma_map = bounce"};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(map); i++) {
		struct rig rig = pair("mode = strict", map[i]);
		struct guest *a = p5_guest(&rig, 0);
		gpa_t run = p5_pages(a, 3, 0);
		struct plat_mem mem = {{run.a + 100}, 9000};
		unsigned n = 0, together = 0;
		struct plat_seg seg[16];
		struct frame *f;
		for (uint32_t k = 0; k < 9000; k++)
			*mem_ptr(rig.m->mem, p5_hpa(a, (gpa_t){run.a + 100 + k})) = pattern(k);
		for (unsigned k = 0; k < 2; k++)
			together += p5_hpa(a, (gpa_t){run.a + k * PAGE_BYTES}).a + PAGE_BYTES ==
				    p5_hpa(a, (gpa_t){run.a + (k + 1) * PAGE_BYTES}).a;
		assert_true(together < 2);
		rig.m->nic[0].nic.sink = looking_sink;
		assert_true(plat_dma_map_sg(&a->gtx_pl, &a->port, &mem, 1, PLAT_TO_DEVICE, seg, 16,
					    &n));
		assert_int_equal(n, i == 1 ? 1 : i == 3 ? 5 : 3);
		f = p5_send(a, seg, n, 9000);
		plat_dma_sync_for_device(&a->gtx_pl, &a->port, seg, n, 9000, f);
		rig_run_only(&rig);
		assert_int_equal(a->tx.led.delivered, 1);
		assert_int_equal(a->tx.led.dma_transfers, 1);
		assert_int_equal(a->tx.led.dma_segments, i == 3 ? 5 : 3);
		assert_int_equal(a->tx.led.copies[SITE_GUEST_TO_BOUNCE], i == 3);
		assert_int_equal(a->tx.led.copy_bytes[SITE_GUEST_TO_BOUNCE], i == 3 ? 9000 : 0);
		rig_close(&rig);
	}
}

/* All of its receive descriptors lead to the address. */
static void redirect(struct p5_deed *d)
{
	const struct nic_ring *r = &d->g->port.drv.rx.ring;

	for (uint32_t i = 0; i < r->size; i++)
		((struct nic_rx_read *)nic_ring_desc(r, i))->addr = d->arg;
}

static void p5_10_a_device_may_not_write_what_was_mapped_to_be_read(void **state)
{
	struct rig rig = pair("mode = strict", "");
	struct guest *a = p5_guest(&rig, 0);
	gpa_t page = p5_pages(a, 1, 0x5a);
	struct p5_deed deed = {0};
	struct plat_seg seg[16];
	struct iommu_hit hit;
	unsigned n;

	(void)state;
	assert_int_equal(p5_map(a, page, PAGE_BYTES, PLAT_TO_DEVICE, seg, &n), VMM_DMA_OK);
	assert_int_equal(p5_access(a, seg[0].dma, IOMMU_READ, &hit), IOMMU_OK);
	deed.arg = seg[0].dma;
	p5_at(&deed, a, SIM_US, redirect);
	rig_run_only(&rig);
	assert_int_equal(a->rx.led.drops[DROP_DMA_FAULT], 1);
	assert_int_equal(p5_fault(&rig).reason, IOMMU_DENIED);
	for (uint32_t i = 0; i < PAGE_BYTES; i++)
		assert_int_equal(mem_ptr(rig.m->mem, p5_hpa(a, page))[i], 0x5a);
	assert_int_equal(p5_unmap(a, seg, n), VMM_DMA_OK);
	/* and the other way round */
	assert_int_equal(p5_map(a, page, 64, PLAT_FROM_DEVICE, seg, &n), VMM_DMA_OK);
	assert_int_equal(p5_access(a, seg[0].dma, IOMMU_READ, &hit), IOMMU_DENIED);
	rig_close(&rig);
}

static void p5_11_a_translation_outlives_its_mapping_only_if_deferred(void **state)
{
	(void)state;
	for (unsigned lazy = 0; lazy < 2; lazy++) {
		struct rig rig = pair(lazy ? "mode = deferred" : "mode = strict", "");
		struct guest *a = p5_guest(&rig, 0);
		gpa_t page = p5_pages(a, 1, 1);
		struct plat_seg seg[16];
		struct iommu_hit hit;
		unsigned n;
		assert_int_equal(p5_map(a, page, 64, PLAT_FROM_DEVICE, seg, &n), VMM_DMA_OK);
		assert_int_equal(p5_access(a, seg[0].dma, IOMMU_WRITE, &hit), IOMMU_OK);
		a->grx_pl.clk->now = 0; /* the time of the access */
		assert_int_equal(p5_unmap(a, seg, n), VMM_DMA_OK);
		evq_schedule(&rig.m->q, &rig.m->limit, SIM_US);
		evq_step(&rig.m->q);
		if (lazy) {
			assert_int_equal(p5_access(a, seg[0].dma, IOMMU_WRITE, &hit), IOMMU_OK);
			assert_true(hit.stale);
			assert_int_equal(hit.hpa.a, p5_hpa(a, page).a);
			assert_int_equal(iommu_stats(rig.m->iommu)->stale_use.count, 1);
			iommu_flush(rig.m->iommu, SIM_US);
			assert_true(iommu_stats(rig.m->iommu)->window.max > 0);
		}
		assert_int_equal(p5_access(a, seg[0].dma, IOMMU_WRITE, &hit), IOMMU_NOT_PRESENT);
		assert_int_equal(iommu_stats(rig.m->iommu)->stale_use.count, lazy);
		rig_close(&rig);
	}
}

static void p5_13_a_part_of_a_page_keeps_its_offset_and_opens_the_page(void **state)
{
	struct rig rig = pair("mode = strict", "");
	struct guest *a = p5_guest(&rig, 0);
	gpa_t page = p5_pages(a, 1, 1);
	struct plat_seg one[16], two[16];
	unsigned n1, n2;
	hpa_t hpa = {0};

	(void)state;
	assert_int_equal(p5_map(a, (gpa_t){page.a + 100}, 700, PLAT_FROM_DEVICE, one, &n1),
			 VMM_DMA_OK);
	assert_int_equal(p5_map(a, (gpa_t){page.a + 2048}, 2048, PLAT_FROM_DEVICE, two, &n2),
			 VMM_DMA_OK);
	assert_int_equal(n1 + n2, 2);
	assert_int_equal(one[0].dma % PAGE_BYTES, 100);
	assert_int_equal(one[0].len, 700);
	assert_int_equal(two[0].dma % PAGE_BYTES, 2048);
	assert_true(p5_peek(a, one[0].dma, IOMMU_WRITE, &hpa));
	assert_int_equal(hpa.a, p5_hpa(a, page).a + 100);
	/* protection is by page: the neighbour's half is within reach, too */
	assert_true(p5_peek(a, one[0].dma + 3000, IOMMU_WRITE, &hpa));
	/* one ends, the other stays */
	assert_int_equal(p5_unmap(a, one, n1), VMM_DMA_OK);
	assert_false(p5_peek(a, one[0].dma, IOMMU_WRITE, &hpa));
	assert_true(p5_peek(a, two[0].dma, IOMMU_WRITE, &hpa));
	assert_int_equal(hpa.a, p5_hpa(a, page).a + 2048);
	assert_int_equal(mem_frame(rig.m->mem, hpa)->pins, 1);
	p5_unmap(a, two, n2);
	rig_run(&rig);
	rig_close(&rig);
}

static void p5_14_a_mapped_page_neither_moves_nor_goes_away(void **state)
{
	(void)state;
	for (unsigned fixed = 0; fixed < 2; fixed++) { /* static: mapped for life */
		struct rig rig = pair("mode = strict", fixed ? "dma_map = static" : "");
		struct guest *a = p5_guest(&rig, 0);
		gpa_t page = p5_pages(a, 1, 9);
		struct plat_seg seg[16] = {{plat_dma_static(a->gm->id, page), 64}};
		hpa_t at = p5_hpa(a, page);
		struct iommu_hit hit;
		unsigned n;
		if (!fixed)
			assert_int_equal(p5_map(a, page, 64, PLAT_FROM_DEVICE, seg, &n),
					 VMM_DMA_OK);
		assert_int_equal(gmem_relocate(a->gm, page), GMEM_BUSY);
		assert_int_equal(gmem_evict(a->gm, page), GMEM_BUSY); /* as a balloon would */
		assert_int_equal(p5_access(a, seg[0].dma, IOMMU_WRITE, &hit), IOMMU_OK);
		assert_int_equal(hit.hpa.a, at.a);
		assert_int_equal(p5_hpa(a, page).a, at.a);
		if (!fixed) {
			assert_int_equal(p5_unmap(a, seg, n), VMM_DMA_OK);
			assert_int_equal(gmem_relocate(a->gm, page), GMEM_OK);
			assert_int_equal(gmem_evict(a->gm, page), GMEM_OK);
		}
		rig_run(&rig);
		rig_close(&rig);
	}
}

/* ---- guests that misuse their function ---- */

static void take_sum(struct p5_deed *d)
{
	d->arg = p5_others(d->g);
}

struct misuse {
	const char *what;
	uint64_t addr;
	uint32_t len, says; /* of the frame, and of its descriptor */
	enum drop_reason drop;
};

/* Nothing outside the guest changes, the frame is a counted loss, the other guest goes on. */
static void bad_send_descriptors_move_nothing(void **state)
{
	static const struct misuse m[] = {
		{"never mapped", 0x7777000, 1000, 1000, DROP_DMA_FAULT},
		{"wraps", UINT64_MAX - 10, 1000, 1000, DROP_DMA_FAULT},
		{"a machine address", 0x200000, 1000, 1000, DROP_DMA_FAULT},
		{"too long", 0x7777000, 100, 65535, DROP_BAD_DESCRIPTOR},
		{"too short", 0x7777000, 1000, 64, DROP_BAD_DESCRIPTOR},
		{"empty", 0x7777000, 1000, 0, DROP_BAD_DESCRIPTOR},
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(m); i++) {
		struct rig rig = pair("mode = strict", "");
		struct guest *a = p5_guest(&rig, 0), *b = p5_guest(&rig, 1);
		struct plat_seg seg = {m[i].addr, m[i].says};
		p5_send(a, &seg, 1, m[i].len);
		rig_run(&rig);
		if (a->tx.led.drops[m[i].drop] != 1)
			fail_msg("%s: not counted", m[i].what);
		assert_int_equal(a->tx.led.offered, 1);
		assert_int_equal(p5_bad(&rig) > 0, m[i].drop == DROP_BAD_DESCRIPTOR);
		assert_int_equal(a->rx.led.delivered, 1);
		assert_int_equal(b->rx.led.delivered, 1);
		assert_int_equal(rig.m->mem->violation.count, 0);
		rig_close(&rig);
	}
}

static void p5_08_receive_descriptors_with_addresses_of_others_write_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct rig rig = pair_to("mode = strict", i == 2 ? "dma_map = static" : "", "vm1");
		struct guest *a = p5_guest(&rig, 0), *b = p5_guest(&rig, 1);
		gpa_t page = p5_pages(b, 1, 0x5a);
		struct p5_deed deed = {0}, sum = {0};
		struct plat_seg seg[16];
		unsigned n;
		for (unsigned k = 0; i == 1 && k < 4096; k++) /* beyond all that A has mapped */
			if (p5_map(b, page, PAGE_BYTES, PLAT_FROM_DEVICE, seg, &n) != VMM_DMA_OK)
				break;
		deed.arg = i == 0   ? p5_hpa(b, page).a
			   : i == 1 ? b->hac.vmm.dma.window +
					      (uint64_t)(b->hac.vmm.dma.pages - 1) * PAGE_BYTES
				    : plat_dma_static(b->gm->id, page);
		p5_at(&deed, a, SIM_US, redirect);
		p5_at(&sum, a, 2 * SIM_US, take_sum); /* drivers are up */
		rig_run_only(&rig);
		assert_int_equal(a->rx.led.drops[DROP_DMA_FAULT], 2);
		assert_int_equal(a->rx.led.delivered, 0);
		assert_int_equal(p5_others(a), sum.arg);
		rig_close(&rig);
	}
}

static void far_tail(struct p5_deed *d)
{
	struct nic_regs *r = d->g->port.drv.regs;

	d->g->gtx_pl.clk->now = evq_now(&d->g->m->q);
	if (d->arg)
		r->tx_tail += 100000;
	else
		r->rx_tail += 0x80000000u;
	if (d->arg)
		plat_kick(&d->g->gtx_pl, d->g->port.drv.tx.bell, r->tx_tail);
}

static void a_tail_beyond_its_ring_is_not_followed(void **state)
{
	(void)state;
	for (unsigned tx = 0; tx < 2; tx++) {
		struct rig rig = pair("mode = strict", "");
		struct guest *a = p5_guest(&rig, 0), *b = p5_guest(&rig, 1);
		struct p5_deed deed = {.arg = tx};
		p5_at(&deed, a, SIM_US, far_tail);
		rig_run(&rig);
		assert_int_equal(p5_bad(&rig), 1);
		assert_int_equal(a->rx.led.delivered, tx);
		assert_int_equal(b->rx.led.delivered, 1);
		rig_close(&rig);
	}
}

/* A descriptor of the guest's, from the stream of a seed: any address, length and flags. */
static void scribble(struct p5_deed *d)
{
	/* None is an address that it has: what it does to its own memory is its business. */
	static const uint64_t base[] = {0, (uint64_t)3 << 46, (uint64_t)1 << 37, UINT64_MAX << 24};
	struct guest *g = d->g;
	struct nic_tx_desc *t = nic_ring_desc(&g->port.drv.tx.ring, (uint32_t)rng_u64(&d->rng));
	struct nic_rx_read *r = nic_ring_desc(&g->port.drv.rx.ring, (uint32_t)rng_u64(&d->rng));
	uint64_t addr = base[rng_u64(&d->rng) % 4] + rng_u64(&d->rng) % (1 << 22);

	switch (rng_u64(&d->rng) % 4) {
	case 0:
		t->addr = addr;
		t->cmd_type_len = (uint32_t)rng_u64(&d->rng);
		break;
	case 1:
		r->addr = addr;
		r->len = 0xff00u | (uint32_t)rng_u64(&d->rng) << 16; /* also of what is received */
		break;
	case 2:
		g->port.drv.regs->tx_tail += (uint32_t)(rng_u64(&d->rng) % 8);
		break;
	case 3:
		g->gtx_pl.clk->now = MAX(g->gtx_pl.clk->now, evq_now(&g->m->q));
		plat_kick(&g->gtx_pl, g->port.drv.tx.bell, 0);
		break;
	}
}

/* Whatever it does to its rings: frames are accounted for, nobody else's memory changes. */
static void scribbling_over_its_rings_harms_nobody_else(void **state)
{
	uint64_t seed = rig_seed(5), bad = 0, faults = 0;
	GError *error = NULL;

	(void)state;
	for (uint64_t i = 0; i < rig_scaled(20, 4); i++) {
		struct rig rig = rig_open(
			VF_STRICT
			"[nic eth0]\nrx_ring = 64\ntx_ring = 32\n[guest vm1]\n" VF_GUEST
			"vcpus = 2\n[guest vm2]\n" VF_GUEST
			"[traffic in]\nto = vm1\nsize = imix\npps = 100000\npackets = 500\n"
			"[traffic out]\nfrom = vm1\nsize = imix\npps = 100000\n"
			"packets = 500\nwhen_full = drop\n");
		struct guest *a = p5_guest(&rig, 0);
		struct p5_deed deed = {.times = 400, .every = 11 * SIM_US}, sum = {.arg = 0};
		rng_init(&deed.rng, seed + i, "scribble");
		p5_at(&deed, a, 100 * SIM_US, scribble);
		p5_at(&sum, a, 50 * SIM_US, take_sum); /* drivers are up */
		rig_run_only(&rig);
		assert_true(sum.arg != 0);
		assert_int_equal(p5_others(a), sum.arg);
		assert_int_equal(rig.m->mem->violation.count, 0);
		bad += p5_bad(&rig);
		faults += iommu_stats(rig.m->iommu)->faults;
		if (!machine_verify(rig.m, &error))
			fail_msg("%s", error->message);
		rig_close(&rig);
	}
	assert_true(bad > 0 && faults > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p5_07_a_page_that_is_not_the_callers_is_refused),
		cmocka_unit_test(
			p5_05_a_device_without_permission_faults_and_the_record_is_complete),
		cmocka_unit_test(p5_08_equal_addresses_of_two_guests_are_two_pages),
		cmocka_unit_test(p5_09_contiguous_for_the_guest_scattered_in_the_machine),
		cmocka_unit_test(p5_10_a_device_may_not_write_what_was_mapped_to_be_read),
		cmocka_unit_test(p5_11_a_translation_outlives_its_mapping_only_if_deferred),
		cmocka_unit_test(p5_13_a_part_of_a_page_keeps_its_offset_and_opens_the_page),
		cmocka_unit_test(p5_14_a_mapped_page_neither_moves_nor_goes_away),
		cmocka_unit_test(bad_send_descriptors_move_nothing),
		cmocka_unit_test(p5_08_receive_descriptors_with_addresses_of_others_write_nothing),
		cmocka_unit_test(a_tail_beyond_its_ring_is_not_followed),
		cmocka_unit_test(scribbling_over_its_rings_harms_nobody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
