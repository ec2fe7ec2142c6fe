/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_cores.c - physical cores: the host's, those that vCPUs share, and who runs where.
 *
 * Own caches are counted: first the host's cores, then shared ones, then one for each vCPU that has
 * a core of its own.
 */
#include "machine.h"

static bool check_polling(const struct machine *m, GError **error)
{
	const struct cfg *host = scenario_find(m->sc, "host");

	if (!m->pcores || tap_one_thread(m)) /* who polls there has its turn, as the others */
		return true;
	if (m->share_host && m->poll)
		return cfg_error(host, "guest_cores", error,
				 "= host needs datapath = interrupt: a host that polls never gives "
				 "its core up");
	for (unsigned i = 0; i < m->guests; i++) {
		const struct cfg *g = scenario_at(m->sc, "guest", i);
		if (cfg_choice(g, "receive") == 1)
			return cfg_error(g, "receive", error,
					 "= poll needs a core of its own; use interrupt, or leave "
					 "[host] guest_cores out");
	}
	return true;
}

static void build_shared(struct machine *m, const struct cfg *host)
{
	m->share_host = tap_one_thread(m) || !cfg_is_quantity(host, "guest_cores");
	m->pcores = m->share_host ? m->cores : (unsigned)cfg_u64(host, "guest_cores");
	m->pcore = machine_array(m, m->pcores, sizeof(*m->pcore));
	for (unsigned i = 0; i < m->pcores; i++) {
		pcore_init(&m->pcore[i], tap_one_thread(m) ? 1 : cfg_time(host, "quantum"),
			   !tap_one_thread(m) && cfg_choice(host, "wakeup") == 0);
		m->pcore[i].in_order = tap_one_thread(m);
	}
}

bool machine_cores(struct machine *m, GError **error)
{
	const struct cfg *host = scenario_find(m->sc, "host");

	m->poll = cfg_choice(host, "datapath") == 1;
	m->cores = (unsigned)cfg_u64(host, "cores");
	m->core = machine_array(m, m->cores, sizeof(*m->core));
	m->core_counts = machine_array(m, m->cores, sizeof(*m->core_counts));
	m->delay = (struct cpu_delay){.wake = cfg_time(host, "wake_delay"),
				      .deep = cfg_time(host, "idle_exit"),
				      .deep_after = cfg_time(host, "idle_after")};
	tap_delay(m, &m->delay);
	build_shared(m, host);
	for (unsigned i = 0; i < m->cores; i++) {
		char name[24];
		g_snprintf(name, sizeof(name), "host.core%u", i);
		cpu_init(&m->core[i], &m->q, &m->cost, m->poll && !tap_one_thread(m), name);
		m->core[i].delay = m->delay;
		if (m->share_host)
			m->core[i].core = &m->pcore[i];
	}
	return check_polling(m, error);
}

/* The next shared core of the node, in turn. NULL: there is none. */
static struct pcore *next_on(struct machine *m, unsigned node)
{
	for (unsigned i = 0; i < m->pcores; i++) {
		unsigned at = m->next_pcore++ % m->pcores;
		if (!m->llc || machine_core_node(m, at, m->pcores) == node)
			return &m->pcore[at];
	}
	return NULL;
}

bool machine_vcpu(struct guest *g, struct cpu *c, GError **error)
{
	struct machine *m = g->m;
	unsigned node = (unsigned)cfg_u64(g->cfg, "node");
	uint32_t own = m->cores + m->pcores + g->index * GUEST_VCPUS + (uint32_t)(c - g->vcpu);

	c->delay = m->delay;
	if (m->pcores) {
		c->core = next_on(m, node);
		if (!c->core)
			return cfg_error(g->cfg, "node", error,
					 "none of the cores that vCPUs share ([host] guest_cores) "
					 "is on it");
		own = (m->share_host ? 0 : m->cores) + (uint32_t)(c->core - m->pcore);
	}
	machine_cache_cpu(m, c, node, own);
	return true;
}

static uint64_t busy(const struct cpu_counts *c)
{
	return c->at_stop.busy_ps - c->at_start.busy_ps;
}

/* Adds up who ran there; *all: of all CPUs of the machine. */
static uint64_t shared_busy(const struct machine *m, const struct pcore *p, uint64_t *all)
{
	uint64_t sum = 0;

	*all = 0;
	for (unsigned i = 0; i < m->cores; i++) {
		*all += busy(&m->core_counts[i]);
		sum += m->core[i].core == p ? busy(&m->core_counts[i]) : 0;
	}
	for (unsigned i = 0; i < m->guests; i++)
		for (unsigned v = 0; v < m->guest[i].vcpus; v++) {
			*all += busy(&m->guest[i].vcpu_counts[v]);
			sum += m->guest[i].vcpu[v].core == p ? busy(&m->guest[i].vcpu_counts[v])
							     : 0;
		}
	return sum;
}

uint64_t cores_busy(const struct machine *m, unsigned i)
{
	uint64_t all;
	return shared_busy(m, &m->pcore[i], &all);
}

void cores_results(struct result *r, const struct machine *m, sim_time window)
{
	uint64_t all;

	shared_busy(m, NULL, &all);
	result_ratio(r, "run", NULL, "busy_cpus", all, window);
	for (unsigned i = 0; i < m->pcores; i++) {
		char name[24];
		g_snprintf(name, sizeof(name), "host.shared%u", i);
		result_ratio(r, name, NULL, "busy_ratio", cores_busy(m, i), window);
		result_u64(r, name, NULL, "switches", m->pcore[i].switches);
	}
}
