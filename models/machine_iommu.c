/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_iommu.c - a machine's IOMMU and the lock around its invalidations: set-up and metrics. */
#include "machine.h"

/* CPUs that unmap: the host's cores and the guests' vCPUs. */
static uint32_t unmappers(const struct machine *m)
{
	return (uint32_t)cfg_u64(scenario_find(m->sc, "host"), "cores") + m->guests * GUEST_VCPUS;
}

static void build_lock(struct machine *m, const struct cfg *io)
{
	bool nested = cfg_bool(io, "nested");
	struct invlock_config c = {.hold = nested ? cfg_time(io, "nested_exit")
						  : m->cost.work_ps[PLAT_W_IOTLB_INV],
				   .sync = nested ? cfg_time(io, "nested_sync") : 0,
				   .pass = cfg_time(io, "lock_pass"),
				   .handover = cfg_time(io, "lock_handover"),
				   .remote = cfg_time(io, "lock_handover_remote")};

	if (!cfg_bool(io, "inv_lock"))
		return;
	invlock_init(&m->invlock, &c);
	m->lock = &m->invlock;
}

bool machine_iommu(struct machine *m, GError **error)
{
	static const uint64_t page[] = {PT_4K, PT_2M, PT_1G};
	const struct cfg *io = scenario_find(m->sc, "iommu");
	struct iommu_config c = {
		.mode = (enum iommu_mode)cfg_choice(io, "mode"),
		.entries = (uint32_t)cfg_u64(io, "iotlb_entries"),
		.ways = (uint32_t)cfg_u64(io, "iotlb_ways"),
		.replacement = (enum iotlb_replacement)cfg_choice(io, "iotlb_replacement"),
		.seed = cfg_u64(scenario_find(m->sc, "scenario"), "seed"),
		.walk_entries = (uint32_t)cfg_u64(io, "walk_cache"),
		.max_table_pages = (uint32_t)cfg_u64(io, "max_table_pages"),
		.walkers = (uint32_t)cfg_u64(io, "walkers"),
		.walk_base = cfg_time(io, "walk_base"),
		.walk_read = cfg_time(io, "walk_read"),
		.flush_batch = (uint32_t)cfg_u64(io, "flush_batch"),
		.flush_cores = cfg_choice(io, "flush_queue") == 1 ? unmappers(m) : 0,
		.page_bytes = page[cfg_choice(io, "page_size")]};

	if (c.max_table_pages && c.mode != IOMMU_STRICT && c.mode != IOMMU_DEFERRED)
		return cfg_error(io, "max_table_pages", error,
				 "needs mode = strict or deferred: in the others no buffer is "
				 "mapped when it is posted");
	if (cfg_bool(io, "nested") && !cfg_bool(io, "inv_lock"))
		return cfg_error(io, "nested", error,
				 "is about an exit with the lock held; set inv_lock = true");
	m->iommu = iommu_new(m->mem, &c);
	build_lock(m, io);
	return true;
}

void machine_dma_ready(struct machine *m, struct plat_dma *d, const char *name)
{
	d->lock = m->lock;
	d->each = cfg_choice(scenario_find(m->sc, "iommu"), "invalidate") == 1;
	if (d->pages && cfg_choice(scenario_find(m->sc, "iommu"), "iova") == 1)
		plat_dma_age(d, cfg_u64(scenario_find(m->sc, "scenario"), "seed"), name);
}

uint32_t machine_flush_pages(const struct machine *m)
{
	const struct cfg *io = scenario_find(m->sc, "iommu");

	return (uint32_t)cfg_u64(io, "flush_batch") *
	       (cfg_choice(io, "flush_queue") == 1 ? unmappers(m) : 1);
}

/* Only of walks that a device waited for: the others take no time. */
static void walker_metrics(struct result *r, const struct machine *m, sim_time window)
{
	static const char *const names[] = {"walker_utilization", "walk_wait_ns.mean",
					    "walk_wait_ns.max"};
	const struct walkers *w = iommu_walkers(m->iommu);

	for (unsigned i = 0; !w->walks && i < G_N_ELEMENTS(names); i++)
		result_absent(r, "iommu", NULL, names[i], "no device here waits for a walk");
	if (!w->walks)
		return;
	result_ratio(r, "iommu", NULL, names[0], m->walkers_at_stop - m->walkers_at_start,
		     window * w->n);
	result_mean_ps(r, "iommu", NULL, names[1], w->wait, w->walks);
	result_ps(r, "iommu", NULL, names[2], w->wait_max);
}

static void lock_metrics(struct result *r, const struct machine *m)
{
	static const char *const names[] = {"inv_lock_wait_ns.mean", "inv_lock_wait_ns.max"};
	const struct invlock *l = m->lock;

	for (unsigned i = 0; !l && i < G_N_ELEMENTS(names); i++)
		result_absent(r, "iommu", NULL, names[i], "[iommu] inv_lock is off");
	if (!l)
		return;
	result_mean_ps(r, "iommu", NULL, names[0], l->wait, l->taken);
	result_ps(r, "iommu", NULL, names[1], l->wait_max);
}

void iommu_metrics(struct result *r, const struct machine *m, sim_time window)
{
	const struct iommu_stats *s = iommu_stats(m->iommu);

	result_u64(r, "iommu", NULL, "iotlb_hits", s->hits);
	result_u64(r, "iommu", NULL, "iotlb_misses", s->misses);
	result_u64(r, "iommu", NULL, "page_walks", s->page_walks);
	result_u64(r, "iommu", NULL, "walk_reads", s->walk_reads);
	walker_metrics(r, m, window);
	lock_metrics(r, m);
	result_u64(r, "iommu", NULL, "iommu_faults", s->faults);
	result_u64(r, "iommu", NULL, "fault_records", s->faults - s->faults_lost);
	result_u64(r, "iommu", NULL, "fault_records_lost", s->faults_lost);
	result_u64(r, "iommu", NULL, "table_pages", s->table_pages_max);
	result_u64(r, "iommu", NULL, "maps_failed", s->maps_failed);
	result_u64(r, "iommu", NULL, "invalidations", s->invalidations);
	result_u64(r, "iommu", NULL, "hazards.dma_after_unmap", s->stale_use.count);
	result_mean_ps(r, "iommu", NULL, "stale_window_ns.mean", s->window.sum, s->window.count);
	result_ps(r, "iommu", NULL, "stale_window_ns.max", s->window.max);
}
