/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_result.c - what came of a run: the metrics of machine_metrics.c.
 *
 * Frame metrics cover frames first stamped at or after the warm-up. Time metrics (busy, exits,
 * kicks, interrupts, utilization) cover the window from the end of the warm-up to the last source's
 * stop.
 */
#include "machine.h"
#include "machine_watch.h"

#include <inttypes.h>
#include <sys/resource.h>
#include <time.h>

#include "../sim/sim_error.h"

/* ---- metrics of a guest, and of all guests ---- */

static void names(struct result *r, const char *obj, const char *dir, const char *prefix,
		  const char *const *name, const uint64_t *value)
{
	for (unsigned i = 0; name[i]; i++) {
		char full[64];
		g_snprintf(full, sizeof(full), "%s.%s", prefix, name[i]);
		result_u64(r, obj, dir, full, value[i]);
	}
}

void machine_times(struct result *r, const char *obj, const char *dir, const char *name,
		   const struct hist *h)
{
	static const struct {
		const char *name;
		uint64_t num, den;
	} q[] = {{"p50", 50, 100}, {"p90", 90, 100}, {"p99", 99, 100}, {"p999", 999, 1000}};
	char full[64];

#define NAME(of) (g_snprintf(full, sizeof(full), "%s.%s", name, of), full)
	if (!h->count) {
		result_null(r, obj, dir, NAME("min"));
		result_null(r, obj, dir, NAME("mean"));
	} else {
		result_ps(r, obj, dir, NAME("min"), h->min);
		result_mean_ps(r, obj, dir, NAME("mean"), h->sum, h->count);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(q); i++) {
		if (h->count)
			result_ps(r, obj, dir, NAME(q[i].name),
				  hist_quantile(h, q[i].num, q[i].den));
		else
			result_null(r, obj, dir, NAME(q[i].name));
	}
	if (h->count)
		result_ps(r, obj, dir, NAME("max"), h->max);
	else
		result_null(r, obj, dir, NAME("max"));
#undef NAME
}

void machine_hist(struct result *r, const char *obj, const char *dir, const char *name,
		  const struct hist *h)
{
	g_autoptr(GArray) bins = g_array_new(FALSE, FALSE, sizeof(struct result_bin));
	struct hist_bin bin;
	uint32_t pos = 0;

	machine_times(r, obj, dir, name, h);
	while (hist_next(h, &pos, &bin)) {
		struct result_bin out = {bin.lo, bin.hi + 1, bin.count};
		g_array_append_val(bins, out);
	}
	if (bins->len)
		result_hist(r, obj, dir, name, "ns", (struct result_bin *)(void *)bins->data,
			    bins->len, 1000);
}

static void stage_percentiles(struct result *r, const char *obj, const char *dir,
			      const struct book *b)
{
	static const uint64_t percent[] = {50, 99};

	for (unsigned s = 0; s < STAGE_N; s++)
		for (unsigned i = 0; i < G_N_ELEMENTS(percent); i++) {
			char name[48];
			g_snprintf(name, sizeof(name), "stage_ns.%s.p%u", ledger_stage_names[s],
				   (unsigned)percent[i]);
			if (b->latency.count)
				result_ps(r, obj, dir, name,
					  hist_quantile(&b->stages->stage[s], percent[i], 100));
			else
				result_null(r, obj, dir, name);
		}
}

static void latency(struct result *r, const char *obj, const char *dir, const struct book *b)
{
	machine_hist(r, obj, dir, "latency_ns", &b->latency);
	for (unsigned s = 0; s < STAGE_N; s++) {
		char name[48];
		g_snprintf(name, sizeof(name), "stage_ns.%s.mean", ledger_stage_names[s]);
		result_mean_ps(r, obj, dir, name, b->stage_sum[s], b->latency.count);
	}
	if (b->stages)
		stage_percentiles(r, obj, dir, b);
}

/* The third is there if a NIC has a switch between its guests. */
static const char *const directions[DIRECTIONS] = {"rx", "tx", "local"};

/* Of one direction, all guests or one. */
struct view {
	struct book book;
	uint64_t resident, digest;
	uint64_t errors[VIRTQ_ERR_N]; /* found by either side of the virtqueue */
	struct guest_counts c;        /* over the window; only [direction] is used */
	struct vmm_dma_counts dma;    /* by the guest's DMA layer, set-up and end included */
	uint64_t setup_hypercalls, map_failures;
};

static void ledger_metrics(struct result *r, const char *obj, const char *dir, const struct view *v)
{
	const struct ledger *l = &v->book.led;
	uint64_t copies = 0, bytes = 0, host = 0, drops = 0, falls = 0;
	uint64_t with_payload = l->delivered - l->header_only;

	for (unsigned s = 0; s < SITE_N; s++) {
		copies += l->copies[s];
		bytes += l->copy_bytes[s];
		if (!(SITES_GUEST >> s & 1))
			host += l->copies[s];
	}
	for (unsigned d = 0; d < DROP_N; d++)
		drops += l->drops[d];
	for (unsigned i = 0; i < REASON_N; i++)
		falls += l->fallbacks[i];
	result_u64(r, obj, dir, "packets", l->offered);
	result_u64(r, obj, dir, "bytes", l->offered_bytes);
	result_u64(r, obj, dir, "delivered", l->delivered);
	result_u64(r, obj, dir, "delivered_bytes", l->delivered_bytes);
	result_u64(r, obj, dir, "drops", drops);
	names(r, obj, dir, "drops", ledger_drop_names, l->drops);
	result_u64(r, obj, dir, "resident", v->resident);
	result_u64(r, obj, dir, "copies", copies);
	result_u64(r, obj, dir, "copy_bytes", bytes);
	result_ratio(r, obj, dir, "copies_per_packet", copies, with_payload);
	result_ratio(r, obj, dir, "host_copies_per_packet", host, with_payload);
	result_ratio(r, obj, dir, "guest_copies_per_packet", copies - host, with_payload);
	names(r, obj, dir, "copies", ledger_site_names, l->copies);
	names(r, obj, dir, "copy_bytes", ledger_site_names, l->copy_bytes);
	result_u64(r, obj, dir, "wasted_copies", l->wasted_copies);
	result_u64(r, obj, dir, "header_copies", l->header_copies);
	result_u64(r, obj, dir, "header_only", l->header_only);
	result_u64(r, obj, dir, "csum_bytes", l->csum_bytes);
	result_u64(r, obj, dir, "fallbacks", falls);
	names(r, obj, dir, "fallbacks", ledger_reason_names + 1, l->fallbacks + 1);
	names(r, obj, dir, "hazards", ledger_hazard_names, l->hazards);
	result_u64(r, obj, dir, "dma_transfers", l->dma_transfers);
	result_u64(r, obj, dir, "dma_segments", l->dma_segments);
	result_u64(r, obj, dir, "dma_bytes", l->dma_bytes);
	result_u64(r, obj, dir, "capability_queries", l->capability_queries);
	result_u64(r, obj, dir, "zero_copy_errors", l->zero_copy_errors);
	result_mean_ps(r, obj, dir, "reuse_ns.mean", l->reuse_ps, l->reuses);
	if (l->reuses)
		result_ps(r, obj, dir, "reuse_ns.max", l->reuse_max_ps);
	else
		result_null(r, obj, dir, "reuse_ns.max");
}

/* Exits, kicks and the like: of a queue, so there are none of frames between guests. */
static void queue_metrics(struct result *r, const char *obj, unsigned d, const struct view *v)
{
	const char *dir = directions[d];
	const struct ledger *l = &v->book.led;
	static const uint64_t none[TXBATCH_N];

	result_u64(r, obj, dir, "vm_exits", v->c.exits[d]);
	result_u64(r, obj, dir, "vmm_entries", v->c.vmm_entries[d]);
	result_u64(r, obj, dir, "hypercalls", v->c.hypercalls[d]);
	result_u64(r, obj, dir, "hypercalls_setup", v->setup_hypercalls);
	result_u64(r, obj, dir, "maps", v->dma.maps);
	result_u64(r, obj, dir, "unmaps", v->dma.unmaps);
	result_u64(r, obj, dir, "pins", v->dma.pins);
	result_u64(r, obj, dir, "unpins", v->dma.unpins);
	result_u64(r, obj, dir, "map_failures", v->map_failures);
	result_u64(r, obj, dir, "interrupts", v->c.interrupts[d]);
	result_u64(r, obj, dir, "interrupts_suppressed", v->c.interrupts_suppressed[d]);
	result_u64(r, obj, dir, "interrupts_pended", v->c.pended[d]);
	result_u64(r, obj, dir, "interrupts.by_count", v->c.by_count[d]);
	result_u64(r, obj, dir, "interrupts.by_timer", v->c.by_timer[d]);
	result_u64(r, obj, dir, "clusterings", v->c.clusterings[d]);
	result_u64(r, obj, dir, "clustered_packets", v->c.clustered[d]);
	result_ratio(r, obj, dir, "clustered_interrupts_per_packet",
		     v->c.by_count[d] + v->c.by_timer[d], v->c.clustered[d]);
	result_u64(r, obj, dir, "kicks", v->c.kicks[d]);
	result_u64(r, obj, dir, "kicks_offloaded", v->c.offloaded[d]);
	names(r, obj, dir, "requests", txbatch_trigger_names, d ? v->c.requests : none);
	result_u64(r, obj, dir, "kicks_suppressed", v->c.kicks_suppressed[d]);
	result_ratio(r, obj, dir, "kicks_per_packet", v->c.kicks[d], l->delivered);
	result_ratio(r, obj, dir, "interrupts_per_packet", v->c.interrupts[d], l->delivered);
	names(r, obj, dir, "virtq_errors", virtq_err_names + 1, v->errors + 1);
}

static void view_metrics(struct result *r, const char *obj, unsigned d, const struct view *v)
{
	const char *dir = directions[d];
	const struct book *b = &v->book;
	const struct ledger *l = &b->led;
	char digest[17];

	ledger_metrics(r, obj, dir, v);
	if (d < DIR_LOCAL)
		queue_metrics(r, obj, d, v);
	g_snprintf(digest, sizeof(digest), "%016" PRIx64, v->digest);
	result_str(r, obj, dir, "digest", digest);
	latency(r, obj, dir, b);
	/* From the first delivery to the last: n - 1 gaps. */
	if (l->delivered > 1 && b->last_done > b->first_done) {
		sim_time span = b->last_done - b->first_done;
		result_per_second(r, obj, dir, "throughput_bps",
				  l->delivered_bytes * 8 / l->delivered * (l->delivered - 1), span);
		result_per_second(r, obj, dir, "packets_per_second", l->delivered - 1, span);
	} else {
		result_null(r, obj, dir, "throughput_bps");
		result_null(r, obj, dir, "packets_per_second");
	}
}

static void counts_sub(struct guest_counts *to, const struct guest_counts *stop,
		       const struct guest_counts *start)
{
	const uint64_t *a = (const uint64_t *)stop, *b = (const uint64_t *)start;
	uint64_t *t = (uint64_t *)to;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*t); i++)
		t[i] += a[i] - b[i];
}

static void queue_errors(struct view *v, const struct virtq_dev *dev, const struct virtq_drv *drv)
{
	for (unsigned e = 0; e < VIRTQ_ERR_N; e++)
		v->errors[e] += dev->errors[e] + drv->errors[e];
	v->book.led.hazards[HAZARD_DOUBLE_COMPLETION] += drv->errors[VIRTQ_ERR_USED_NOT_IN_FLIGHT];
}

static void dma_counts(struct view *v, const struct guest *g, unsigned d)
{
	const struct vmm_dma_counts *n = &g->hac.vmm.n[d];

	v->dma.maps += n->maps;
	v->dma.unmaps += n->unmaps;
	v->dma.pins += n->pins;
	v->dma.unpins += n->unpins;
	v->setup_hypercalls += g->setup_hypercalls[d];
	v->map_failures += g->vfd.map_failures[d];
}

/* Add a guest's view to that of all guests. */
static void view_add(struct view *all, const struct view *v)
{
	const uint64_t *from = (const uint64_t *)&v->book.led;
	uint64_t *to = (uint64_t *)&all->book.led;
	uint64_t away = MAX(all->book.led.reuse_max_ps, v->book.led.reuse_max_ps);

	for (size_t i = 0; i < sizeof(struct ledger) / sizeof(*to); i++)
		to[i] += from[i];
	all->book.led.reuse_max_ps = away;
	all->resident += v->resident;
	all->digest += v->digest;
	hist_merge(&all->book.latency, &v->book.latency);
	for (unsigned s = 0; s < STAGE_N; s++)
		all->book.stage_sum[s] += v->book.stage_sum[s];
	all->book.first_done = MIN(all->book.first_done, v->book.first_done);
	all->book.last_done = MAX(all->book.last_done, v->book.last_done);
}

static void guest_metrics(struct machine *m, struct result *r, struct guest *g, struct view *all)
{
	const struct book *book[DIRECTIONS] = {&g->rx, &g->tx, &g->local};
	const struct endpoint *end[DIRECTIONS] = {&g->net.rx_end, &g->tx_end, &g->net.local_end};

	for (unsigned d = 0; d < (local_seen(g) ? DIRECTIONS : DIR_LOCAL); d++) {
		struct view v = {.book = *book[d]};

		v.book.stages = NULL; /* of all guests together */
		v.resident = machine_residents(m, book[d]).frames;
		v.digest = end[d]->digest;
		view_add(&all[d], &v);
		if (d < DIR_LOCAL) {
			const struct virtq_dev *dev = d ? &g->dp.txq : &g->dp.rxq;
			const struct virtq_drv *drv = d ? &g->vio.txq : &g->vio.rxq;
			counts_sub(&v.c, &g->at_stop, &g->at_start);
			counts_sub(&all[d].c, &g->at_stop, &g->at_start);
			queue_errors(&v, dev, drv);
			queue_errors(&all[d], dev, drv);
			dma_counts(&v, g, d);
			dma_counts(&all[d], g, d);
			if (!d && g->net.split) {
				queue_errors(&v, &g->place.bufs, &g->split.bufs);
				queue_errors(&all[d], &g->place.bufs, &g->split.bufs);
			}
		}
		view_metrics(r, cfg_name(g->cfg), d, &v);
	}
}

/* ---- metrics of CPUs, NICs, the IOMMU ---- */

static void cpu_metrics(struct result *r, const struct cpu *c, const struct cpu_counts *n,
			sim_time window)
{
	uint64_t busy = n->at_stop.busy_ps - n->at_start.busy_ps;
	uint64_t spin = c->poll && window > busy ? window - busy : 0;

	result_ratio(r, c->name, NULL, "busy_ratio", busy + spin, window);
	result_ratio(r, c->name, NULL, "work_ratio", busy, window);
	result_ps(r, c->name, NULL, "busy_ns.spin", spin);
	if (c->core)
		result_ratio(r, c->name, NULL, "steal_ratio",
			     n->at_stop.steal_ps - n->at_start.steal_ps, window);
	for (unsigned w = 0; w < PLAT_W_N; w++) {
		char name[40];
		g_snprintf(name, sizeof(name), "busy_ns.%s", cost_names[w]);
		result_ps(r, c->name, NULL, name, n->at_stop.work_ps[w] - n->at_start.work_ps[w]);
	}
}

/* Of all functions of a NIC. */
static struct vmm_dma_counts dma_totals(const struct host_nic *hn)
{
	const struct plat_dma *pf = &hn->dma;
	struct vmm_dma_counts sum = {0, pf->maps, pf->unmaps, pf->pins, pf->unpins};

	for (unsigned i = 0; i < hn->m->guests; i++) {
		const struct guest *g = &hn->m->guest[i];
		const struct plat_dma *d = &g->hac.vmm.dma;
		if (g->nic != hn)
			continue;
		sum.maps += d->maps;
		sum.unmaps += d->unmaps;
		sum.pins += d->pins;
		sum.unpins += d->unpins;
	}
	return sum;
}

static void nic_metrics(struct result *r, const struct host_nic *hn, sim_time window)
{
	const struct nic *n = &hn->nic;
	const struct nic_counts *a = &hn->at_start, *b = &hn->at_stop;
	uint64_t seen = 0, filled = 0, max = 0, desc = 0;
	struct vmm_dma_counts dma;

	for (unsigned i = 0; i < n->cfg.queues; i++) {
		seen += n->queue[i].seen;
		filled += n->queue[i].seen_filled;
		max = MAX(max, n->queue[i].seen_max);
		desc += n->queue[i].desc_bytes;
	}
	result_u64(r, n->name, "rx", "packets", n->rx_frames);
	result_u64(r, n->name, "tx", "packets", n->tx_frames);
	result_u64(r, n->name, "rx", "drops", n->rx_dropped);
	result_ratio(r, n->name, "rx", "utilization", b->rx_wire - a->rx_wire, window);
	result_ratio(r, n->name, "tx", "utilization", b->tx_wire - a->tx_wire, window);
	result_ratio(r, n->name, "rx", "bus_utilization", b->rx_bus - a->rx_bus, window);
	result_ratio(r, n->name, "tx", "bus_utilization", b->tx_bus - a->tx_bus, window);
	result_ratio(r, n->name, "rx", "ring_occupancy.mean", filled, seen);
	result_u64(r, n->name, "rx", "ring_occupancy.max", max);
	result_u64(r, n->name, NULL, "interrupts", b->interrupts - a->interrupts);
	result_u64(r, n->name, NULL, "descriptor_bytes", desc);
	bus_metrics(r, hn, window);
	result_u64(r, n->name, NULL, "bad_descriptors", n->bad_descriptors);
	dma = dma_totals(hn);
	result_u64(r, n->name, NULL, "pins", dma.pins);
	result_u64(r, n->name, NULL, "unpins", dma.unpins);
	result_u64(r, n->name, NULL, "maps", dma.maps);
	result_u64(r, n->name, NULL, "unmaps", dma.unmaps);
}

static void traffic_metrics(struct result *r, struct machine *m)
{
	for (unsigned i = 0; i < m->traffics; i++) {
		const struct traffic_info *t = traffic_info(m->traffic[i]);
		const struct cfg *c = scenario_at(m->sc, "traffic", i);
		g_autofree char *base = NULL;

		if (!cfg_has(c, "trace"))
			continue;
		base = g_path_get_basename(cfg_str(c, "trace"));
		result_u64(r, cfg_name(c), NULL, "frames", t->frames);
		result_u64(r, cfg_name(c), NULL, "unmatched", t->unmatched);
		result_u64(r, cfg_name(c), NULL, "filtered", t->filtered);
		result_u64(r, cfg_name(c), NULL, "truncated", t->truncated);
		result_u64(r, cfg_name(c), NULL, "synthesised_bytes", t->synth_bytes);
		result_u64(r, cfg_name(c), NULL, "backward", t->backward);
		result_input(r, base, t->sha256, t->frames);
	}
}

void machine_results(struct machine *m, struct result *r)
{
	struct view all[DIRECTIONS] = {0};
	const struct book *book[DIRECTIONS];
	sim_time window = m->window_stop > m->window_start ? m->window_stop - m->window_start : 0;

	for (unsigned d = 0; d < DIRECTIONS; d++)
		book_init(&all[d].book);
	for (unsigned i = 0; i < m->guests; i++)
		guest_metrics(m, r, &m->guest[i], all);
	for (unsigned d = 0; d < DIRECTIONS; d++) {
		bool seen = d < DIR_LOCAL || m->switched;

		stages_end(&m->stages[d], all[d].book.latency.count);
		all[d].book.stages = &m->stages[d];
		if (seen)
			view_metrics(r, "guests", d, &all[d]);
		book[d] = seen ? &all[d].book : NULL;
	}
	work_results(m, r, window);
	traffic_metrics(r, m);
	for (unsigned i = 0; i < m->nics; i++)
		nic_metrics(r, &m->nic[i], window);
	for (unsigned i = 0; i < m->nics; i++)
		switch_results(r, &m->nic[i]);
	for (unsigned i = 0; i < m->cores; i++)
		cpu_metrics(r, &m->core[i], &m->core_counts[i], window);
	for (unsigned i = 0; i < m->guests; i++)
		for (unsigned v = 0; v < m->guest[i].vcpus; v++)
			cpu_metrics(r, &m->guest[i].vcpu[v], &m->guest[i].vcpu_counts[v], window);
	dma_results(m, r, window);
	iommu_metrics(r, m, window);
	cache_results(r, m);
	cores_results(r, m, window);
	machine_explain(m, r, book, window);
	for (unsigned d = 0; d < DIRECTIONS; d++)
		book_fini(&all[d].book);
	result_ps(r, "run", NULL, "time_ns", evq_now(&m->q));
	result_ps(r, "run", NULL, "window_ns", window);
	result_u64(r, "run", NULL, "violations", m->mem->violation.count);
}

/* ---- the run function ---- */

static double seconds(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t offered(const struct machine *m)
{
	uint64_t n = m->warm.led.offered + dma_offered(m);

	for (unsigned i = 0; i < m->guests; i++)
		n += m->guest[i].rx.led.offered + m->guest[i].tx.led.offered +
		     m->guest[i].local.led.offered;
	return n;
}

bool machine_simulate(const struct scenario *sc, struct run_ctl *ctl, struct result *r,
		      GError **error)
{
	struct machine *m = machine_new(sc, error);
	double wall, cpu;
	struct rusage ru;
	bool ok;

	if (!m)
		return false;
	wall = seconds(CLOCK_MONOTONIC);
	cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
	ok = look_open(m, ctl->look, error) && machine_run(m, ctl, error);
	ok = look_close(m, ok, error) && machine_verify(m, error);
	wall = seconds(CLOCK_MONOTONIC) - wall;
	cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
	if (ok && !offered(m) && !m->interrupted) {
		g_set_error(
			error, SIM_ERROR, SIM_EXIT_INPUT,
			"%s: no frame was offered to any guest; look at trace, filter, match and "
			"duration of the traffic",
			scenario_path(sc));
		ok = false;
	}
	if (ok) {
		machine_results(m, r);
		if (m->interrupted)
			result_set_partial(r);
		getrusage(RUSAGE_SELF, &ru);
		result_machine_u64(r, "events", m->q.executed);
		result_machine_real(r, "events_per_second", (double)m->q.executed / cpu);
		result_machine_real(r, "simulated_packets_per_second", (double)m->world.done / cpu);
		result_machine_real(r, "wall_seconds", wall);
		result_machine_real(r, "cpu_seconds", cpu);
		result_machine_real(r, "slowdown", wall / ((double)evq_now(&m->q) * 1e-12));
		result_machine_u64(r, "peak_memory_bytes", (uint64_t)ru.ru_maxrss * 1024);
	}
	machine_free(m);
	return ok;
}
