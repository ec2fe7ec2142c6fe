/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine.c - a machine from a scenario, and its run: see machine.h. */
#include "machine.h"

#include <string.h>

#include "../sim/sim_error.h"
#include "machine_watch.h"
#include "options.h"

/* ---- memory of the models ---- */

void *machine_array(struct machine *m, size_t n, size_t size)
{
	void *p = g_malloc0_n(n ? n : 1, size);
	g_ptr_array_add(m->arrays, p);
	return p;
}

struct cpu *machine_core(struct machine *m)
{
	return &m->core[m->next_core++ % m->cores];
}

void machine_wake(struct plat_line *line)
{
	cpu_wake(line->ctx, CPU_COST(WAKE));
}

/* ---- traffic ---- */

static bool traffic_failed(const struct cfg *c, GError *from, GError **error)
{
	int code = from->code == TRAFFIC_ERROR_CONFIG || from->code == TRAFFIC_ERROR_FILTER
			   ? SIM_EXIT_USAGE
			   : SIM_EXIT_INPUT;
	const char *key = cfg_has(c, "trace") ? "trace" : NULL;

	if (from->code == TRAFFIC_ERROR_FILTER)
		key = "filter";
	cfg_error(c, key, error, "%s", from->message);
	if (error && *error)
		(*error)->code = code;
	g_error_free(from);
	return false;
}

/* The NIC by whose wire a traffic comes: all its receivers must be behind one. */
static struct host_nic *wire_of(struct machine *m, const struct cfg *c, const struct traffic_cfg *t,
				GError **error)
{
	struct host_nic *hn = NULL;

	for (unsigned i = 0; i < m->guests; i++) {
		bool receives = t->match;
		for (uint32_t k = 0; t->source == TRAFFIC_REQUEST && k < t->from.n; k++)
			receives |= t->from.end[k] == (int)i; /* the wire answers */
		for (uint32_t k = 0; k < t->to.n; k++)
			receives |= t->to.end[k] == (int)i;
		if (!receives)
			continue;
		if (hn && hn != m->guest[i].nic) {
			cfg_error(
				c, "to", error,
				"its receivers are behind different NICs; make it one [traffic] a "
				"NIC");
			return NULL;
		}
		hn = m->guest[i].nic;
	}
	return hn;
}

static void add_sender(struct machine *m, struct sender *s, int end, unsigned traffic,
		       const struct traffic_cfg *t, const struct cfg *c)
{
	struct traffic *tr = m->traffic[traffic];

	if (traffic_sends(tr, end))
		sender_add(s, traffic_cursor(tr, end), (uint16_t)traffic, traffic_until(tr),
			   t->timing == TRAFFIC_BACK_TO_BACK, cfg_choice(c, "when_full") == 1);
}

static bool build_traffic(struct machine *m, unsigned i, GError **error)
{
	const struct cfg *c = scenario_at(m->sc, "traffic", i);
	g_autofree int *ends = NULL;
	struct traffic_cfg t;
	struct host_nic *hn = NULL;
	GError *failed = NULL;

	if (!options_traffic(m->sc, c, m->endpoint, m->guests, &t, &ends, error))
		return false;
	m->traffic[i] = traffic_open(&t, &failed);
	if (!m->traffic[i])
		return traffic_failed(c, failed, error);
	if (!local_check(m, c, &t, error))
		return false;
	local_traffic(m, &t, traffic_info(m->traffic[i]));
	if (traffic_sends(m->traffic[i], TRAFFIC_WIRE)) {
		hn = wire_of(m, c, &t, error);
		if (!hn)
			return false;
		if (t.match != TRAFFIC_MATCH_MAC)
			nic_rule(&hn->nic, i);
		add_sender(m, &hn->wire, TRAFFIC_WIRE, i, &t, c);
	}
	for (unsigned g = 0; g < m->guests; g++)
		add_sender(m, &m->guest[g].sender, (int)g, i, &t, c);
	loops_add(m, i, hn);
	if (t.trace)
		m->offered_total += traffic_info(m->traffic[i])->offered * (t.loop ? t.loop : 1);
	else
		m->offered_total += t.packets * (t.source == TRAFFIC_REQUEST ? 2 : 1);
	return true;
}

/* ---- the window of time metrics ---- */

static void cpu_count(struct cpu_counts *c, const struct cpu *cpu, sim_time now, bool stop)
{
	struct cpu_count *n = stop ? &c->at_stop : &c->at_start;

	n->busy_ps = cpu_busy_ps(cpu, now);
	n->steal_ps = cpu_steal_ps(cpu, now);
	memcpy(n->work_ps, cpu->clk.busy, sizeof(cpu->clk.busy));
}

/* Busy times are counted when work begins: what of it is from `from` until `free` is still to come.
 */
static sim_time busy_by(sim_time from, sim_time busy, sim_time free)
{
	return busy - (free > from ? free - from : 0);
}

static void nic_count(const struct host_nic *hn, struct nic_counts *c)
{
	const struct nic *n = &hn->nic;
	sim_time now = evq_now(n->q);

	*c = (struct nic_counts){
		.rx_wire = busy_by(MAX(now, n->arriving_at), n->rx_wire.busy_ps, n->rx_wire.free),
		.tx_wire = busy_by(now, n->tx_wire.busy_ps, n->tx_wire.free),
		.rx_bus = busy_by(now, n->rx_bus_busy, n->rx_bus_free),
		.tx_bus = busy_by(now, n->tx_bus_busy, n->tx_bus_free),
	};
	for (unsigned i = 0; i < hn->nic.cfg.queues; i++)
		c->interrupts += hn->nic.queue[i].interrupts;
	bus_count(hn, c);
}

static void snapshot(struct machine *m, bool stop)
{
	sim_time now = evq_now(&m->q);

	for (unsigned i = 0; i < m->cores; i++)
		cpu_count(&m->core_counts[i], &m->core[i], now, stop);
	for (unsigned i = 0; i < m->guests; i++) {
		struct guest *g = &m->guest[i];
		guest_counts(g, stop ? &g->at_stop : &g->at_start);
		for (unsigned v = 0; v < g->vcpus; v++)
			cpu_count(&g->vcpu_counts[v], &g->vcpu[v], now, stop);
	}
	if (m->lock)
		*(stop ? &m->lock_at_stop : &m->lock_at_start) = (uint64_t)m->lock->held;
	*(stop ? &m->walkers_at_stop : &m->walkers_at_start) =
		walkers_busy(iommu_walkers(m->iommu), now);
	for (unsigned i = 0; i < m->nics; i++)
		nic_count(&m->nic[i], stop ? &m->nic[i].at_stop : &m->nic[i].at_start);
	dma_snapshot(m, stop);
	loops_snapshot(m, stop);
}

static void warm_event(struct event *ev)
{
	struct machine *m = (struct machine *)((char *)ev - offsetof(struct machine, warm_event));

	m->window_start = evq_now(&m->q);
	if (m->watch)
		watch_window(m->watch, false);
	snapshot(m, false);
	tap_warm(m);
}

/* A warm-up that is not over leaves an empty window. */
static void end_window(struct machine *m)
{
	m->window_stop = evq_now(&m->q);
	if (event_pending(&m->warm_event)) {
		evq_cancel(&m->q, &m->warm_event);
		warm_event(&m->warm_event);
	}
	if (m->watch)
		watch_window(m->watch, true);
	snapshot(m, true);
}

static void stop_event(struct event *ev)
{
	struct machine *m = (struct machine *)((char *)ev - offsetof(struct machine, stop_event));

	m->stopped = true;
	end_window(m);
	evq_schedule(&m->q, &m->deadline, m->window_stop + m->drain);
}

static void deadline_event(struct event *ev)
{
	((struct machine *)((char *)ev - offsetof(struct machine, deadline)))->deadline_passed =
		true;
}

static void limit_event(struct event *ev)
{
	((struct machine *)((char *)ev - offsetof(struct machine, limit)))->limit_passed = true;
}

void machine_source_done(struct machine *m, sim_time stopped)
{
	sim_time now = evq_now(&m->q);

	if (stopped > m->window_stop)
		m->window_stop = stopped;
	if (--m->senders_left)
		return;
	evq_schedule(&m->q, &m->stop_event, m->window_stop > now ? m->window_stop : now);
}

void machine_sender_done(struct machine *m, const struct sender *s)
{
	machine_source_done(m, s->stop);
}

/* ---- life ---- */

/* Of the host's buffers for one guest behind the NIC, with their pages in the IOMMU's tables. */
static uint64_t buffers_needed(const struct machine *m, const struct cfg *nic)
{
	uint64_t frame =
		cfg_bool(nic, "lro") || cfg_bool(nic, "tso") ? 65550 : cfg_u64(nic, "mtu") + 18;
	uint64_t n = cfg_u64(nic, "rx_ring") + cfg_u64(nic, "tx_ring") + 2048 +
		     2 * cfg_u64(scenario_find(m->sc, "host"), "vmm_queue");

	return n * ((frame + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES + 64);
}

/* Address space: what is not touched costs nothing. */
static uint64_t memory_needed(const struct machine *m)
{
	static const uint64_t page[] = {PT_4K, PT_2M, PT_1G};
	uint64_t bytes = 256ull << 20, buffers = 0;

	bytes += dma_memory(m->sc, page[cfg_choice(scenario_find(m->sc, "iommu"), "page_size")]);
	for (unsigned i = 0; i < m->nics; i++)
		buffers = MAX(buffers, buffers_needed(m, scenario_at(m->sc, "nic", i)));
	for (size_t i = 0; i < m->guests; i++)
		bytes += 2 * cfg_u64(scenario_at(m->sc, "guest", i), "memory") + (32ull << 20) +
			 buffers;
	return (bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

static bool build_host(struct machine *m, GError **error)
{
	const struct cfg *host = scenario_find(m->sc, "host");
	const struct cfg *sce = scenario_find(m->sc, "scenario");
	uint64_t bytes = cfg_u64(host, "memory");

	m->mem = mem_new(bytes ? bytes : memory_needed(m), cfg_bool(host, "scatter"),
			 cfg_u64(sce, "seed"));
	if (!m->mem)
		return cfg_error(host, "memory", error,
				 "this much address space cannot be reserved here; use less memory "
				 "or fewer guests");
	if (!tap_build(m, error) || !machine_cores(m, error) || !machine_cache(m, error))
		return false;
	if (cfg_bool(sce, "checked") && !mem_check_enable(m->mem))
		return cfg_error(sce, "checked", error, "no address space for it");
	world_init(&m->world, &m->q, m->mem);
	m->world.release = sender_release;
	cost_init(&m->cost, scenario_find(m->sc, "cost"), cfg_u64(host, "clock"));
	if (m->tap)
		tap_costs(m);
	if (!machine_iommu(m, error))
		return false;
	m->reclaim_every = cfg_time(host, "reclaim_every");
	m->offload = cfg_choice(host, "offload") == 1;
	m->together = cfg_choice(host, "workers") == 1;
	for (unsigned i = 0; i < m->cores; i++)
		machine_cache_cpu(m, &m->core[i], machine_core_node(m, i, m->cores), i);
	return true;
}

/* Addresses of the guests; two must not share one. */
static bool build_addresses(struct machine *m, GError **error)
{
	m->endpoint = machine_array(m, m->guests, sizeof(*m->endpoint));
	for (unsigned i = 0; i < m->guests; i++) {
		struct guest *g = &m->guest[i];
		uint8_t mac[6] = {0x52, 0x54, 0, 0, (uint8_t)((i + 1) >> 8), (uint8_t)(i + 1)};
		g->m = m;
		g->index = i;
		g->cfg = scenario_at(m->sc, "guest", i);
		g->vf = cfg_choice(g->cfg, "attach") == 1;
		if (cfg_has(g->cfg, "mac"))
			options_mac(cfg_str(g->cfg, "mac"), mac);
		if (cfg_has(g->cfg, "ip"))
			options_ip(cfg_str(g->cfg, "ip"), g->ip);
		memcpy(g->mac, mac, 6);
		m->endpoint[i].name = cfg_name(g->cfg);
		memcpy(m->endpoint[i].mac, mac, 6);
		memcpy(m->endpoint[i].ip, g->ip, 4);
		for (unsigned k = 0; k < i; k++)
			if (!memcmp(m->guest[k].mac, mac, 6))
				return cfg_error(g->cfg, "mac", error,
						 "%s has this address already",
						 cfg_name(m->guest[k].cfg));
	}
	return true;
}

/* The machine cannot be built; if for want of memory, then that is what to say. */
static bool host_full(struct machine *m, GError **error)
{
	if (!m->full && m->mem->frames.used + 1 < m->mem->frames.n)
		return false;
	g_clear_error(error);
	return cfg_error(scenario_find(m->sc, "host"), "memory", error,
			 "is too little for rings and buffers; use more, 0 (enough for the "
			 "guests), or shorter rings");
}

static bool build(struct machine *m, GError **error)
{
	const struct cfg *sce = scenario_find(m->sc, "scenario");

	m->warmup = cfg_time(sce, "warmup");
	m->drain = cfg_time(sce, "drain");
	m->max_time = cfg_has(sce, "max_time") ? cfg_time(sce, "max_time") : SIM_NEVER;
	m->guest = machine_array(m, m->guests, sizeof(*m->guest));
	m->nic = machine_array(m, m->nics, sizeof(*m->nic));
	m->traffic = machine_array(m, m->traffics, sizeof(*m->traffic));
	if (!build_host(m, error) || !build_addresses(m, error))
		return false;
	for (unsigned i = 0; i < m->guests; i++)
		guest_sender(m, &m->guest[i]);
	for (unsigned i = 0; i < m->nics; i++)
		if (!machine_nic(m, &m->nic[i], scenario_at(m->sc, "nic", i), error))
			return false;
	for (unsigned i = 0; i < m->traffics; i++)
		if (!build_traffic(m, i, error))
			return false;
	local_build(m);
	for (unsigned i = 0; i < m->guests; i++)
		if (!guest_build(&m->guest[i], error))
			return host_full(m, error);
	if (!dma_build(m, error))
		return false;
	if (m->full)
		return host_full(m, error);
	return !iommu_stats(m->iommu)->maps_failed || machine_tables_full(m, error);
}

struct machine *machine_new(const struct scenario *sc, GError **error)
{
	struct machine *m = g_new0(struct machine, 1);

	m->sc = sc;
	m->arrays = g_ptr_array_new_with_free_func(g_free);
	evq_init(&m->q);
	book_init(&m->warm);
	for (unsigned d = 0; d < DIRECTIONS; d++)
		stages_init(&m->stages[d]);
	event_init(&m->warm_event, warm_event);
	event_init(&m->stop_event, stop_event);
	event_init(&m->deadline, deadline_event);
	event_init(&m->limit, limit_event);
	m->guests = (unsigned)scenario_count(sc, "guest");
	m->nics = (unsigned)scenario_count(sc, "nic");
	m->traffics = (unsigned)scenario_count(sc, "traffic");
	if (options_check(sc, error) && build(m, error))
		return m;
	machine_free(m);
	return NULL;
}

static void start(struct machine *m)
{
	m->senders_left = m->nics + m->guests + m->dmas;
	if (m->warmup)
		evq_schedule(&m->q, &m->warm_event, m->warmup);
	if (m->max_time != SIM_NEVER)
		evq_schedule(&m->q, &m->limit, m->max_time);
	for (unsigned i = 0; i < m->guests; i++)
		guest_start(&m->guest[i]);
	for (unsigned i = 0; i < m->nics; i++) {
		if (m->nic[i].has_shared) {
			demux_burst(&m->nic[i].demux);
			demux_commit(&m->nic[i].demux);
			cpu_reset(m->nic[i].demux_worker.cpu);
		}
		machine_capability(&m->nic[i]);
		if (!m->tap)
			nic_start(&m->nic[i].nic);
	}
	if (m->tap)
		tap_start(m);
	dma_start(m);
	loops_start(m);
}

static bool misdirected(const struct sender *s, const struct machine *m, GError **error)
{
	if (!s->misdirected)
		return false;
	cfg_error(
		scenario_at(m->sc, "traffic", s->misdirected->traffic), "match", error,
		"frame %" G_GUINT64_FORMAT " goes between guests behind different NICs, and no "
		"wire joins these, or between virtual functions by no MAC address of theirs, "
		"which is all that a NIC's switch knows; put them behind one NIC, use match = mac, "
		"or filter such frames",
		s->misdirected_num);
	return true;
}

static bool source_error(struct machine *m, GError **error)
{
	for (unsigned i = 0; i < m->nics + m->guests; i++) {
		const struct sender *s =
			i < m->nics ? &m->nic[i].wire : &m->guest[i - m->nics].sender;
		if (misdirected(s, m, error))
			return true;
		for (uint32_t k = 0; k < s->sources; k++) {
			const GError *e = cursor_error(s->source[k].cursor);
			if (e) {
				traffic_failed(scenario_at(m->sc, "traffic", s->source[k].traffic),
					       g_error_copy(e), error);
				return true;
			}
		}
	}
	return false;
}

/* The next event. False: the run is over. */
static void tell(const struct machine *m, struct run_ctl *ctl)
{
	ctl->drops = m->world.dropped;
	run_progress(ctl, evq_now(&m->q), 0, m->world.done + dma_offered(m), m->offered_total);
}

static inline bool step(struct machine *m, struct run_ctl *ctl, uint64_t *steps)
{
	if (m->deadline_passed || m->limit_passed)
		return false;
	if (__builtin_expect(m->tap != NULL, 0))
		tap_gate(m);
	if (m->stopped && !m->world.live && !m->ending && !m->dma_live && !loops_pending(m) &&
	    (!m->tap || m->poll || tap_quiet(m)))
		return false;
	if (!evq_step(&m->q))
		return false;
	if (++*steps % 4096)
		return true;
	if (ctl->interrupted && *ctl->interrupted) {
		m->interrupted = true;
		return false;
	}
	tell(m, ctl);
	return true;
}

bool machine_run(struct machine *m, struct run_ctl *ctl, GError **error)
{
	uint64_t steps = 0;

	start(m);
	if (m->watch)
		watch_begin(m->watch);
	if (m->watch)
		while (step(m, ctl, &steps))
			watch_look(m->watch);
	else
		while (step(m, ctl, &steps))
			;
	tell(m, ctl);
	if (!m->stopped) { /* cut short: the window ends here */
		evq_cancel(&m->q, &m->stop_event);
		end_window(m);
	}
	return !source_error(m, error);
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	watch_free(m->watch);
	evq_clear(&m->q); /* a run cut short leaves events in memory of every model */
	for (unsigned i = 0; m->guest && i < m->guests; i++)
		guest_fini(&m->guest[i]);
	for (unsigned i = 0; m->nic && i < m->nics; i++) {
		if (!m->nic[i].m)
			continue;
		nic_fini(&m->nic[i].nic);
		plat_dma_fini(&m->nic[i].dma);
		sender_fini(&m->nic[i].wire);
	}
	dma_fini(m);
	for (unsigned i = 0; m->traffic && i < m->traffics; i++)
		traffic_free(m->traffic[i]);
	world_fini(&m->world);
	switch_free(m);
	invlock_fini(&m->invlock);
	iommu_free(m->iommu);
	llc_free(m->llc);
	mem_free(m->mem);
	book_fini(&m->warm);
	for (unsigned d = 0; d < DIRECTIONS; d++)
		stages_fini(&m->stages[d]);
	g_ptr_array_free(m->arrays, TRUE);
	g_free(m);
}
