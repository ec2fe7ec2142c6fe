/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nic_rig.h - for tests only: NICs with virtual functions, without guests.
 *
 * Each function has a domain of its own in which the same I/O addresses, NIC_RIG_IOVA and so on,
 * lead to frames of its own; the driver is the one that guests use (nicdrv.h). A test posts, sends
 * and reaps by hand, at any simulated time, and can look at all of machine memory: snap() before,
 * untouched() after says whether anything but the given frames has changed.
 */
#ifndef TESTS_NIC_RIG_H
#define TESTS_NIC_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/host/peermap.h"
#include "models/nic/nic_bus.h"
#include "frame.h"
#include "nicdrv.h"

#define NIC_RIG_IOVA  0x100000ull
#define NIC_RIG_PAGES 24u /* of each function: the first 16 to receive, the others to send */
#define NIC_RIG_SEND  16u
#define NIC_RIG_MEM   (8u << 20)
#define NIC_RIG_VFS   20u /* over all NICs */

struct vf {
	struct rig *rig;
	struct nic *nic;
	unsigned index, queue;
	uint8_t mac[6];
	uint16_t requester;
	struct iommu_domain *domain;
	hpa_t frame[NIC_RIG_PAGES];
	struct nicdrv drv;
	struct plat pl;
	struct book book;    /* frames for it from other functions */
	struct book tx;      /* frames that it sends to the wire */
	unsigned interrupts; /* of its receive half */
	uint64_t cookie;
};

struct seen_step {
	sim_time at;
	enum nic_step step;
	int from, to;
};

struct rig {
	struct evq q;
	struct mem *mem;
	struct world world;
	struct iommu *io;
	struct cost cost;
	struct plat_clock clk;
	struct nic nic[2];
	struct nic_fabric fabric;
	unsigned nics, vfs;
	struct vf vf[NIC_RIG_VFS];
	struct seen_step step[256];
	unsigned steps;
	unsigned wire; /* frames that left by a wire */
	uint8_t wire_bytes[2048];
	GPtrArray *memory;
	uint8_t *snap;
	/* told each step, if set: a test that acts in between */
	void (*hook)(struct rig *r, enum nic_step step);
};

/* What a test may want otherwise; zero is the default. */
struct rig_opts {
	enum nic_switch_kind kind;
	unsigned nics;        /* 0: 1 */
	unsigned vfs;         /* of each NIC; 0: 3 */
	enum iommu_mode mode; /* off means strict: functions need domains */
	uint32_t ring;        /* 0: 16 */
	sim_time wait;
	bool spoofs; /* anti_spoof off */
	bool no_map; /* the functions are not in the mapping */
	uint32_t rx_buffer;
};

/*
 * With it NICs are on a bus of their own: an 82599's batches, of status in both directions and with
 * an interrupt's mask.
 */
static bool nic_rig_bus;

static inline void rig_bus(struct nic_config *c)
{
	c->model = NIC_82599_KERNEL;
	c->rx_use = (struct nic_use){.fetch = 4, .prefetch = 8, .writeback = 4};
	c->tx_use = (struct nic_use){.fetch = 40, .prefetch = 40, .writeback = 8};
	c->tx_reads = 64;
}

static inline void rig_bus_new(struct nic *n)
{
	static const struct pcie_config link = {.link = {3, 8, 256, 512, 0, false},
						.tags = 32,
						.read_base = 543400,
						.read_byte = 291,
						.write_latency = 300000,
						.mmio_write = 250000,
						.mmio_read = 550000};

	assert_true(nic_bus_init(n, &link, NIC_RIG_VFS + 1));
}

static inline void *rig_array(struct rig *r, size_t n, size_t size)
{
	void *p = g_malloc0_n(n, size);
	g_ptr_array_add(r->memory, p);
	return p;
}

static inline struct nic_ring rig_ring(struct rig *r, uint32_t size)
{
	uint32_t pages = (size * NIC_DESC_BYTES + 4095) / 4096;
	struct nic_ring ring = {.size = size,
				.page = rig_array(r, pages, sizeof(uint8_t *)),
				.tag = rig_array(r, size, sizeof(struct frame *))};

	for (uint32_t i = 0; i < pages; i++)
		ring.page[i] = rig_array(r, 1, 4096);
	return ring;
}

static inline void rig_sink(void *ctx, struct frame *f, const uint8_t *bytes)
{
	struct rig *r = ctx;

	r->wire++;
	memcpy(r->wire_bytes, bytes, f->len < 2048 ? f->len : 2048);
	world_deliver(&r->world, f);
}

static inline void rig_step(void *ctx, const struct nic_queue *from, const struct nic_queue *to,
			    const struct frame *f, enum nic_step step)
{
	struct rig *r = ctx;

	(void)f;
	if (r->steps < 256)
		r->step[r->steps++] = (struct seen_step){evq_now(&r->q), step, from->vf, to->vf};
	if (r->hook)
		r->hook(r, step);
}

static inline void rig_interrupt(void *ctx, bool raised)
{
	((struct vf *)ctx)->interrupts += raised;
}

static inline void rig_release(struct frame *f)
{
	(void)f;
}

/* A function with its rings, domain and driver, on queue 1 + i of its NIC. */
static inline void rig_vf(struct rig *r, const struct rig_opts *o, unsigned nic, unsigned i)
{
	struct vf *v = &r->vf[r->vfs];
	uint32_t size = o->ring ? o->ring : 16;
	struct nic_ring rx = rig_ring(r, size), tx = rig_ring(r, size);

	*v = (struct vf){.rig = r,
			 .nic = &r->nic[nic],
			 .index = r->vfs,
			 .queue = 1 + i,
			 .mac = {2, 0, 0, 0, 0, (uint8_t)(r->vfs + 1)},
			 .requester = (uint16_t)(0x180 + (nic << 10) + i),
			 .pl = {.clk = &r->clk, .mem = r->mem, .world = &r->world}};
	r->vfs++;
	book_init(&v->book);
	book_init(&v->tx);
	v->domain = iommu_domain_new(r->io);
	iommu_attach(r->io, v->requester, v->domain);
	for (unsigned p = 0; p < NIC_RIG_PAGES; p++) {
		mem_alloc(r->mem, MEM_GUEST, v->index, &v->frame[p]);
		memset(mem_ptr(r->mem, v->frame[p]), 0xc0 + (int)v->index, 4096);
		assert_int_equal(iommu_map(r->io, v->domain, (iova_t){NIC_RIG_IOVA + p * 4096},
					   v->frame[p], 4096, IOMMU_READ | IOMMU_WRITE),
				 IOMMU_OK);
	}
	nicdrv_init(&v->drv, &rx, rig_array(r, size, sizeof(struct nicdrv_slot)), &tx,
		    rig_array(r, size, sizeof(struct nicdrv_slot)), NULL);
	nic_queue_bind(v->nic, v->queue, &rx, &tx, &v->drv);
	v->nic->queue[v->queue].rx_notify = rig_interrupt;
	v->nic->queue[v->queue].rx_ctx = v;
	assert_true(nic_vf(v->nic, v->queue, i, v->index, v->requester, v->mac));
	v->drv.regs->rx_irq = true;
}

static inline struct rig *rig_new(struct rig_opts o)
{
	struct rig *r = g_new0(struct rig, 1);
	struct iommu_config ic = {.mode = o.mode == IOMMU_OFF ? IOMMU_STRICT : o.mode};
	struct nic_config c = {.link_bps = 10000000000u,
			       .bus_bps = 52900000000u,
			       .dma_write = 300000,
			       .dma_read = 543400,
			       .rx_ring = 16,
			       .tx_ring = 16,
			       .mtu = 1500,
			       .queues = NIC_RIG_VFS + 1,
			       .rx_buffer = o.rx_buffer ? o.rx_buffer : 512 << 10,
			       .tx_buffer = 160 << 10,
			       .gather = true,
			       .max_segs = 40,
			       .kind = o.kind,
			       .anti_spoof = !o.spoofs,
			       .switch_latency = 200000,
			       .hairpin_delay = 1000000,
			       .peer_message = 100000,
			       .peer_to_peer = 600000,
			       .peer_wait = o.wait};

	if (nic_rig_bus)
		rig_bus(&c);
	r->memory = g_ptr_array_new_with_free_func(g_free);
	evq_init(&r->q);
	r->mem = mem_new(NIC_RIG_MEM, true, 7);
	r->io = iommu_new(r->mem, &ic);
	world_init(&r->world, &r->q, r->mem);
	r->world.release = rig_release;
	r->clk.cost = &r->cost;
	r->fabric = (struct nic_fabric){.map = peermap_new(r->io),
					.vf = rig_array(r, NIC_RIG_VFS, sizeof(void *))};
	r->nics = o.nics ? o.nics : 1;
	for (unsigned n = 0; n < r->nics; n++) {
		nic_init(&r->nic[n], n ? "eth1" : "eth0", &r->q, &r->world, r->io, true, &c, 1,
			 NIC_RIG_VFS);
		if (nic_rig_bus)
			rig_bus_new(&r->nic[n]);
		r->nic[n].sink = rig_sink;
		r->nic[n].sink_ctx = r;
		r->nic[n].step = rig_step;
		r->nic[n].step_ctx = r;
		if (o.kind == NIC_MEDIATED)
			nic_join(&r->nic[n], &r->fabric);
		for (unsigned i = 0; i < (o.vfs ? o.vfs : 3); i++)
			rig_vf(r, &o, n, i);
	}
	return r;
}

/* All that was offered has ended, no grant and no byte of packet memory is left over. */
static inline void rig_free(struct rig *r)
{
	while (evq_step(&r->q))
		;
	assert_int_equal(r->world.live, 0);
	assert_int_equal(peermap_grants(r->fabric.map), 0);
	assert_int_equal(r->mem->violation.count, 0);
	for (unsigned n = 0; n < r->nics; n++) {
		assert_int_equal(r->nic[n].rx_held, 0);
		assert_int_equal(r->nic[n].tx_held, 0);
		assert_int_equal(r->nic[n].waiting, 0);
		nic_fini(&r->nic[n]);
	}
	for (unsigned i = 0; i < r->vfs; i++) {
		book_fini(&r->vf[i].book);
		book_fini(&r->vf[i].tx);
	}
	peermap_free(r->fabric.map);
	world_fini(&r->world);
	iommu_free(r->io);
	mem_free(r->mem);
	g_ptr_array_free(r->memory, TRUE);
	g_free(r->snap);
	g_free(r);
}

static inline void rig_run(struct rig *r)
{
	while (evq_step(&r->q))
		;
	r->clk.now = evq_now(&r->q);
}

static inline void rig_run_until(struct rig *r, sim_time t)
{
	evq_run(&r->q, t);
	r->clk.now = t;
}

/* ---- memory ---- */

static inline uint8_t *vf_page(const struct vf *v, unsigned page)
{
	return mem_ptr(v->rig->mem, v->frame[page]);
}

static inline void snap(struct rig *r)
{
	if (!r->snap)
		r->snap = g_malloc(NIC_RIG_MEM);
	memcpy(r->snap, r->mem->base, NIC_RIG_MEM);
}

/* All of machine memory is as it was at the snap, but for these n frames of v (from page `first`).
 */
static inline void untouched_but(struct rig *r, const struct vf *v, unsigned first, unsigned n)
{
	for (uint64_t at = 0; at < NIC_RIG_MEM; at += 4096) {
		bool may = false;
		for (unsigned i = 0; v && i < n; i++)
			may |= v->frame[first + i].a == at;
		if (!may && memcmp(r->snap + at, r->mem->base + at, 4096) != 0)
			fail_msg("machine frame %#llx, owner %u %u, has changed",
				 (unsigned long long)at, mem_frame(r->mem, (hpa_t){at})->owner,
				 mem_frame(r->mem, (hpa_t){at})->id);
	}
}

/* ---- driving ---- */

/* One buffer of `len` bytes at byte `at` of the function's I/O pages. */
static inline void post_at(struct vf *v, uint64_t at, uint32_t len)
{
	struct plat_seg seg = {NIC_RIG_IOVA + at, len};

	nicdrv_post_rx(&v->drv, &v->pl, v->cookie++, &seg, 1);
	nicdrv_flush_rx(&v->drv, &v->pl);
}

/* A buffer on page p. */
static inline void post(struct vf *v, unsigned page)
{
	post_at(v, page * 4096, 2048);
}

static inline void bytes_make(uint8_t *b, const uint8_t *dst, const uint8_t *src, uint32_t len,
			      uint8_t mark)
{
	memcpy(b, dst, 6);
	memcpy(b + 6, src, 6);
	b[12] = 8;
	b[13] = 0;
	for (uint32_t i = 14; i < len; i++)
		b[i] = (uint8_t)(mark + i * 7);
}

static inline struct frame *frame_new(struct vf *v, struct vf *to, uint32_t len)
{
	struct rig *r = v->rig;
	struct frame *f = world_frame(&r->world, to ? &to->book : &v->tx, len, evq_now(&r->q));

	f->to = (int16_t)(to ? (int)to->index : -1);
	f->local = to;
	return f;
}

/* Sends len bytes from page NIC_RIG_SEND; `f` is its record, NULL: nobody made one. */
static inline void send_frame(struct vf *v, struct frame *f, const uint8_t *dst, const uint8_t *src,
			      uint32_t len, uint8_t mark)
{
	uint64_t at = (NIC_RIG_SEND + mark % 8) * 4096;
	struct plat_seg seg = {NIC_RIG_IOVA + at, len};

	bytes_make(vf_page(v, (unsigned)(at / 4096)), dst, src, len, mark);
	nicdrv_send(&v->drv, &v->pl, mark, f, &seg, 1);
	nicdrv_flush_tx(&v->drv, &v->pl);
}

/* A frame from one function to another; the record is in the receiver's book. */
static inline void vf_send(struct vf *v, struct vf *to, uint32_t len, uint8_t mark)
{
	send_frame(v, frame_new(v, to, len), to->mac, v->mac, len, mark);
}

static const uint8_t rig_everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t rig_stranger[6] = {2, 0, 0, 0, 9, 9};

/* What the function has received; at most one. 0 or its length; a frame ends here. */
static inline uint32_t vf_take(struct vf *v, bool *error)
{
	struct plat_rx rx;

	if (!nicdrv_reap_rx(&v->drv, &v->pl, &rx, 1))
		return 0;
	*error = !rx.frame;
	if (rx.frame)
		world_deliver(&v->rig->world, rx.frame);
	nicdrv_flush_rx(&v->drv, &v->pl);
	return rx.len;
}

/* It has received one good frame of len bytes, with these marks, at page p. */
static inline void vf_has(struct vf *v, const struct vf *from, uint32_t len, uint8_t mark,
			  unsigned page)
{
	uint8_t want[2048];
	bool error;
	const uint8_t *got = vf_page(v, page);

	assert_int_equal(vf_take(v, &error), len);
	assert_false(error);
	bytes_make(want, got, from->mac, len, mark);
	assert_memory_equal(got + 6, want + 6, len - 6);
}

static inline const struct nic_vf_stats *vf_stats(const struct vf *v)
{
	return &v->nic->queue[v->queue].stats;
}

static inline uint64_t vf_lost(const struct vf *v, enum drop_reason why)
{
	return v->book.led.drops[why];
}

#endif
