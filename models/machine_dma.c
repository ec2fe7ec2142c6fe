/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_dma.c - DMA benches ([dma NAME]) on a machine: their links, domains and memory, and what
 * came of them. See nic/dmabench.h.
 *
 * A bench is what a sender is otherwise: the run stops when the last operation is offered, and
 * drains until none is under way. Its memory is the host's, mapped for as long as the run takes
 * unless a CPU maps it for each operation.
 */
#include "machine.h"

#include "options.h"

#define DMA_REQUESTER 8u /* of the first */

static struct dmabench_device *device_of(struct machine *m, unsigned i)
{
	const struct cfg *with = cfg_ref(m->dma[i].cfg, "with");

	return &m->dma_device[with ? cfg_index(with) : i].dev;
}

/* ---- before anything is built ---- */

uint64_t dma_memory(const struct scenario *sc, uint64_t page_bytes)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < scenario_count(sc, "dma"); i++) {
		struct dmabench_config c;
		if (dmabench_config(&c, scenario_at(sc, "dma", i), NULL))
			bytes += dmabench_memory(&c) + 2 * page_bytes;
	}
	return bytes;
}

/* ---- building ---- */

static unsigned functions(struct machine *m, unsigned device)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->dmas; i++)
		n += device_of(m, i) == &m->dma_device[device].dev;
	return n;
}

/* I/O pages that per-op benches of a device can have mapped or awaiting a flush. */
static uint32_t io_pages(struct machine *m, unsigned device)
{
	uint32_t n = machine_flush_pages(m);
	struct dmabench_config c;

	for (unsigned i = 0; i < m->dmas; i++)
		if (device_of(m, i) == &m->dma_device[device].dev &&
		    dmabench_config(&c, m->dma[i].cfg, NULL) && c.per_op)
			n += c.outstanding * (c.size / PAGE_BYTES + 2);
	return n;
}

static bool build_device(struct machine *m, unsigned i, GError **error)
{
	const struct cfg *io = scenario_find(m->sc, "iommu");
	struct dmabench_device *d = &m->dma_device[i].dev;
	struct pcie_config pc;

	if (!pcie_config(&pc, scenario_find(m->sc, "pcie"), error))
		return false;
	dmabench_device_init(d, &m->q, &pc, functions(m, i));
	d->mem = m->mem;
	d->io = m->iommu;
	d->llc = m->llc;
	d->node = (unsigned)cfg_u64(m->dma[i].cfg, "node");
	d->requester = (uint16_t)(DMA_REQUESTER + i);
	d->translates = cfg_choice(io, "mode") != IOMMU_OFF;
	d->domain = iommu_domain_new(m->iommu);
	if (!d->domain)
		return cfg_error(m->dma[i].cfg, NULL, error, "no memory for its tables");
	iommu_attach(m->iommu, d->requester, d->domain);
	plat_dma_init(&d->dma, &m->q, m->mem, m->iommu, d->domain,
		      (enum iommu_mode)cfg_choice(io, "mode"), io_pages(m, i),
		      cfg_time(io, "flush_timeout"));
	machine_dma_ready(m, &d->dma, cfg_name(m->dma[i].cfg));
	return true;
}

/* Its memory, in runs of the IOMMU's pages; mapped unless that is done for each operation. */
static bool build_memory(struct machine *m, struct dmabench *b, uint64_t run, uint8_t node,
			 GError **error)
{
	uint64_t pages = dmabench_memory(&b->cfg) >> PAGE_SHIFT, per = run >> PAGE_SHIFT;
	hpa_t hpa = {0};

	pages = (pages + per - 1) / per * per;
	b->page = machine_array(m, pages, sizeof(*b->page));
	mem_place(m->mem, node, NULL);
	for (uint64_t p = 0; p < pages; p++) {
		if (p % per) {
			hpa.a += PAGE_BYTES;
		} else if ((per == 1 ? mem_alloc(m->mem, MEM_HOST, 0, &hpa)
				     : mem_alloc_run(m->mem, MEM_HOST, 0, (uint32_t)per,
						     (uint32_t)per, &hpa)) != MEM_OK) {
			return cfg_error(scenario_find(m->sc, "host"), "memory", error,
					 "does not hold the windows of [dma]; use more, or 0");
		} else if (b->dev->translates && !b->cfg.per_op) {
			iommu_map(m->iommu, b->dev->domain, (iova_t){b->iova + (p << PAGE_SHIFT)},
				  hpa, run, IOMMU_READ | IOMMU_WRITE);
		}
		b->page[p] = hpa;
	}
	return true;
}

static void all_offered(void *ctx, struct dmabench *b)
{
	machine_source_done(ctx, b->stopped);
}

static bool build_bench(struct machine *m, unsigned i, uint64_t page, GError **error)
{
	struct host_dma *h = &m->dma[i];
	struct dmabench_device *d = device_of(m, i);
	struct dmabench_config c;
	uint16_t fn = 0;

	dmabench_config(&c, h->cfg, NULL);
	c.page_bytes = page;
	c.warmup = m->warmup;
	c.seed = cfg_u64(scenario_find(m->sc, "scenario"), "seed");
	while (d->taken[fn])
		fn++;
	h->bench.live = &m->dma_live;
	h->bench.done = all_offered;
	h->bench.ctx = m;
	h->bench.iova = (uint64_t)(fn + 1) << 32;
	dmabench_init(&h->bench, d, fn, &c, cfg_name(h->cfg), c.per_op ? machine_core(m) : NULL);
	m->offered_total += c.count;
	return build_memory(m, &h->bench, c.per_op ? PAGE_BYTES : page,
			    (uint8_t)cfg_u64(h->cfg, "memory_node"), error);
}

bool dma_build(struct machine *m, GError **error)
{
	static const uint64_t page[] = {PT_4K, PT_2M, PT_1G};
	int size = cfg_choice(scenario_find(m->sc, "iommu"), "page_size");

	m->dmas = (unsigned)scenario_count(m->sc, "dma");
	m->dma = machine_array(m, m->dmas, sizeof(*m->dma));
	m->dma_device = machine_array(m, m->dmas, sizeof(*m->dma_device));
	for (unsigned i = 0; i < m->dmas; i++)
		m->dma[i].cfg = scenario_at(m->sc, "dma", i);
	for (unsigned i = 0; i < m->dmas; i++)
		if (!cfg_ref(m->dma[i].cfg, "with") && !build_device(m, i, error))
			return false;
	for (unsigned i = 0; i < m->dmas; i++)
		if (!build_bench(m, i, page[size], error))
			return false;
	return true;
}

/* ---- the run ---- */

void dma_start(struct machine *m)
{
	for (unsigned i = 0; i < m->dmas; i++)
		dmabench_start(&m->dma[i].bench);
}

void dma_snapshot(struct machine *m, bool stop)
{
	for (unsigned i = 0; i < m->dmas; i++) {
		struct host_dma_device *h = &m->dma_device[i];

		if (h->dev.pcie)
			pcie_busy_now(h->dev.pcie, &h->to_host[stop], &h->to_device[stop]);
	}
}

uint64_t dma_under_way(const struct machine *m)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < m->dmas; i++) {
		const struct dmabench *b = &m->dma[i].bench;

		n += b->cfg.outstanding;
		for (const struct dmabench_token *t = b->idle; t; t = t->next)
			n--;
	}
	return n;
}

uint64_t dma_offered(const struct machine *m)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < m->dmas; i++)
		n += m->dma[i].bench.begun;
	return n;
}

void dma_quiesce(struct machine *m)
{
	for (unsigned i = 0; i < m->dmas; i++)
		dmabench_quiesce(&m->dma[i].bench);
}

void dma_fini(struct machine *m)
{
	for (unsigned i = 0; i < m->dmas; i++)
		if (m->dma[i].bench.token)
			dmabench_fini(&m->dma[i].bench);
	for (unsigned i = 0; i < m->dmas; i++)
		if (m->dma_device[i].dev.pcie)
			dmabench_device_fini(&m->dma_device[i].dev);
}

/* ---- what came of it ---- */

static void op_metrics(struct result *r, const char *obj, const char *kind, uint32_t size,
		       const struct dmabench_counts *n)
{
	char name[48];
	uint64_t ops = n->counted ? n->counted - 1 : 0;

#define NAME(of) (g_snprintf(name, sizeof(name), "%s." of, kind), name)
	result_u64(r, obj, NULL, NAME("transactions"), n->offered);
	result_u64(r, obj, NULL, NAME("done"), n->done);
	result_u64(r, obj, NULL, NAME("drops"), n->drops);
	result_u64(r, obj, NULL, NAME("resident"), n->offered - n->done - n->drops);
	view_hist(r, obj, NULL, NAME("latency_ns"), &n->latency);
	if (n->last > n->first) {
		result_per_second(r, obj, NULL, NAME("throughput_bps"), ops * size * 8,
				  n->last - n->first);
		result_per_second(r, obj, NULL, NAME("transactions_per_second"), ops,
				  n->last - n->first);
	} else {
		result_null(r, obj, NULL, NAME("throughput_bps"));
		result_null(r, obj, NULL, NAME("transactions_per_second"));
	}
#undef NAME
}

static void bench_metrics(struct result *r, const struct host_dma *h)
{
	const struct dmabench *b = &h->bench;
	const char *obj = cfg_name(h->cfg);

	op_metrics(r, obj, dmabench_ops[b->cfg.op], b->cfg.size, &b->n);
	result_u64(r, obj, NULL, "iotlb_hits", b->hits);
	result_u64(r, obj, NULL, "iotlb_misses", b->misses);
	result_ratio(r, obj, NULL, "iotlb_hit_ratio", b->hits, b->hits + b->misses);
	result_u64(r, obj, NULL, "walk_reads", b->walk_reads);
	result_u64(r, obj, NULL, "iommu_faults", b->faults);
}

sim_time dma_link_busy(const struct host_dma_device *h, bool to_device)
{
	const sim_time *busy = to_device ? h->to_device : h->to_host;

	return busy[1] - busy[0];
}

static void device_metrics(struct result *r, struct machine *m, unsigned i, sim_time window)
{
	const struct host_dma_device *h = &m->dma_device[i];
	const char *obj = cfg_name(m->dma[i].cfg);

	if (!h->dev.pcie)
		return;
	result_ratio(r, obj, NULL, "bus_utilization.to_host", dma_link_busy(h, false), window);
	result_ratio(r, obj, NULL, "bus_utilization.to_device", dma_link_busy(h, true), window);
}

/* All benches: rates added up. */
static void total_metrics(struct result *r, const struct machine *m)
{
	for (unsigned k = 0; k < DMABENCH_OPS; k++) {
		uint64_t bps = 0, benches = 0;
		char name[48];

		for (unsigned i = 0; i < m->dmas; i++) {
			const struct dmabench *b = &m->dma[i].bench;
			const struct dmabench_counts *n = &b->n;

			if ((unsigned)b->cfg.op != k)
				continue;
			benches++;
			if (n->last > n->first)
				bps += (uint64_t)((unsigned __int128)(n->counted - 1) *
						  b->cfg.size * 8 * SIM_S / (n->last - n->first));
		}
		g_snprintf(name, sizeof(name), "%s.throughput_bps", dmabench_ops[k]);
		if (benches)
			result_u64(r, "dmas", NULL, name, bps);
	}
}

void dma_results(struct machine *m, struct result *r, sim_time window)
{
	for (unsigned i = 0; i < m->dmas; i++)
		bench_metrics(r, &m->dma[i]);
	for (unsigned i = 0; i < m->dmas; i++)
		device_metrics(r, m, i, window);
	total_metrics(r, m);
}
