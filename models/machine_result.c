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
#include "options.h"

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
			view_counts(&v, &g->at_stop, &g->at_start);
			view_counts(&all[d], &g->at_stop, &g->at_start);
			v.rings = true;
			v.ring_avail = drv->published_avail;
			v.ring_used = dev->published_used;
			view_errors(&v, dev, drv);
			view_errors(&all[d], dev, drv);
			dma_counts(&v, g, d);
			dma_counts(&all[d], g, d);
			if (!d && g->net.split) {
				view_errors(&v, &g->place.bufs, &g->split.bufs);
				view_errors(&all[d], &g->place.bufs, &g->split.bufs);
			}
		}
		view_metrics(r, cfg_name(g->cfg), d, &v);
	}
}

/* ---- metrics of CPUs, NICs, the IOMMU ---- */

static void cpu_metrics(struct result *r, const struct cpu *c, const struct cpu_counts *n,
			sim_time window, bool tap)
{
	uint64_t busy = n->at_stop.busy_ps - n->at_start.busy_ps;
	uint64_t spin = c->poll && window > busy ? window - busy : 0;

	result_ratio(r, c->name, NULL, "busy_ratio", busy + spin, window);
	result_ratio(r, c->name, NULL, "work_ratio", busy, window);
	result_ps(r, c->name, NULL, "busy_ns.spin", spin);
	if (c->core)
		result_ratio(r, c->name, NULL, "steal_ratio",
			     n->at_stop.steal_ps - n->at_start.steal_ps, window);
	for (unsigned w = 0; w < (tap ? PLAT_W_FAR : PLAT_W_TAP_READ); w++) {
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
	options_inputs(m->sc, r);
	view_traffics(r, m->sc, m->traffic, m->traffics);
	loops_results(r, m, window);
	for (unsigned i = 0; i < m->nics && !m->tap; i++)
		nic_metrics(r, &m->nic[i], window);
	tap_results(r, m);
	for (unsigned i = 0; i < m->nics; i++)
		switch_results(r, &m->nic[i]);
	for (unsigned i = 0; i < m->cores; i++)
		cpu_metrics(r, &m->core[i], &m->core_counts[i], window, m->tap);
	for (unsigned i = 0; i < m->guests; i++)
		for (unsigned v = 0; v < m->guest[i].vcpus; v++)
			cpu_metrics(r, &m->guest[i].vcpu[v], &m->guest[i].vcpu_counts[v], window,
				    m->tap);
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
	look_end(m);
	ok = look_close(m, ok && machine_verify(m, error), error);
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
