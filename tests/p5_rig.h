/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * p5_rig.h - for tests only: guests with virtual functions, held open, and what a hostile one does.
 *
 * Memory that a guest does not own is watched by a sum over all its frames: the sum is the same
 * before and after, or somebody wrote there.
 */
#ifndef TESTS_P5_RIG_H
#define TESTS_P5_RIG_H

#include "machine_helper2.h"
#include "sim/rng.h"

#define VF_STRICT "[iommu]\nmode = strict\n"
#define VF_GUEST  "attach = vf\ndma_map = per-buffer\nmemory = 8MiB\n"

/* One guest with a function, per-buffer and process delivery, both directions of n frames. */
static inline struct rig p5_open(const char *iommu, const char *keys, unsigned n)
{
	return rig_open("[iommu]\n%s\n[nic eth0]\n[guest vm1]\n" VF_GUEST "delivery = process\n"
			"%s\n[traffic in]\nto = vm1\nsize = 1000B\npps = 10000\npackets = %u\n"
			"[traffic out]\nfrom = vm1\nsize = 1000B\npps = 10000\npackets = %u\n"
			"start = 50us\n",
			iommu, keys, n, n);
}

static inline struct guest *p5_guest(const struct rig *rig, unsigned i)
{
	return &rig->m->guest[i];
}

/* Where guest-physical memory is now. */
static inline hpa_t p5_hpa(struct guest *g, gpa_t gpa)
{
	uint64_t len = 1;
	hpa_t hpa;

	assert_int_equal(gmem_translate(g->gm, gpa, &len, GMEM_READ, &hpa), GMEM_OK);
	return hpa;
}

/* Where an I/O address of the guest's function leads, by its table; false if nowhere. */
static inline bool p5_peek(struct guest *g, uint64_t dma, unsigned access, hpa_t *hpa)
{
	struct iommu_hit hit;

	if (iommu_peek(g->m->iommu, g->hac.vmm.dma.domain, (iova_t){dma}, access, &hit) != IOMMU_OK)
		return false;
	*hpa = hit.hpa;
	return true;
}

/* As the function would; the record of a fault stays with the IOMMU. */
static inline enum iommu_status p5_access(struct guest *g, uint64_t dma, unsigned access,
					  struct iommu_hit *hit)
{
	return iommu_translate(g->m->iommu, g->hac.vmm.requester, (iova_t){dma}, 64, access,
			       evq_now(&g->m->q), hit);
}

/* The one fault that there was. */
static inline struct iommu_fault p5_fault(struct rig *rig)
{
	struct iommu_fault f = {0}, more;

	assert_true(iommu_fault_take(rig->m->iommu, &f));
	assert_false(iommu_fault_take(rig->m->iommu, &more));
	return f;
}

/* Fresh pages of the guest, contiguous for it, filled with a byte. */
static inline gpa_t p5_pages(struct guest *g, uint32_t n, uint8_t fill)
{
	gpa_t gpa;

	assert_int_equal(gmem_alloc_pages(g->gm, n, &gpa), GMEM_OK);
	for (uint32_t i = 0; i < n; i++)
		memset(mem_ptr(g->m->mem, p5_hpa(g, (gpa_t){gpa.a + i * PAGE_BYTES})), fill,
		       PAGE_BYTES);
	return gpa;
}

static inline enum vmm_dma_status p5_map(struct guest *g, gpa_t gpa, uint32_t len,
					 enum plat_dir dir, struct plat_seg *seg, unsigned *n)
{
	struct plat_mem mem = {gpa, len};

	*n = 0;
	return vmm_dma_map(&g->hac.vmm, &g->grx_pl, g->gm, &mem, 1, dir, seg, 16, n);
}

static inline enum vmm_dma_status p5_unmap(struct guest *g, const struct plat_seg *seg, unsigned n)
{
	return vmm_dma_unmap(&g->hac.vmm, &g->grx_pl, g->gm, seg, n);
}

/* A frame of the guest's own making, of these segments, goes to its function as it stands. */
static inline struct frame *p5_send(struct guest *g, const struct plat_seg *seg, unsigned n,
				    uint32_t len)
{
	struct frame *f = world_frame(&g->m->world, &g->tx, len, 0);
	uint32_t slot = g->net.tx_free[--g->net.tx_top];

	g->vfd.out[slot].led = f->led;
	nicdrv_send(&g->port.drv, &g->gtx_pl, slot, f, seg, n);
	nicdrv_flush_tx(&g->port.drv, &g->gtx_pl);
	return f;
}

/* Something that a test does at a time of its own. */
struct p5_deed {
	struct event ev;
	struct guest *g;
	void (*fn)(struct p5_deed *deed);
	uint64_t arg;
	struct rng rng;
	unsigned times;
	sim_time every;
};

static inline void p5_deed_event(struct event *ev)
{
	struct p5_deed *d = (struct p5_deed *)((char *)ev - offsetof(struct p5_deed, ev));

	d->fn(d);
	if (d->times && --d->times)
		evq_schedule(&d->g->m->q, &d->ev, evq_now(&d->g->m->q) + d->every);
}

static inline void p5_at(struct p5_deed *d, struct guest *g, sim_time at,
			 void (*fn)(struct p5_deed *))
{
	d->g = g;
	d->fn = fn;
	event_init(&d->ev, p5_deed_event);
	evq_schedule(&g->m->q, &d->ev, at);
}

/* Descriptors that the NIC has refused, tails included; what makes no frame counts twice. */
static inline uint64_t p5_bad(const struct rig *rig)
{
	const struct nic *n = &rig->m->nic[0].nic;
	uint64_t bad = 0;

	for (unsigned i = 0; i < n->cfg.queues; i++)
		bad += n->queue[i].stats.sent_drops[DROP_BAD_DESCRIPTOR] +
		       n->queue[i].stats.bad_descriptors;
	return bad;
}

/* Bytes of all memory but the guest's own and page tables. */
static inline uint64_t p5_others(const struct guest *g)
{
	const struct mem *mem = g->m->mem;
	uint64_t sum = 1469598103934665603u;

	for (uint64_t hpa = PAGE_BYTES; hpa < mem->bytes; hpa += PAGE_BYTES) {
		const struct mem_frame *f = mem_frame(mem, (hpa_t){hpa});
		const uint64_t *word = (const uint64_t *)(const void *)mem_ptr(mem, (hpa_t){hpa});
		if (f->owner == MEM_FREE || f->owner == MEM_TABLE ||
		    (f->owner == MEM_GUEST && f->id == g->index))
			continue;
		for (unsigned i = 0; i < PAGE_BYTES / 8; i++)
			sum = (sum ^ word[i] ^ hpa) * 1099511628211u;
	}
	return sum;
}

#endif
