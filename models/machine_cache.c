/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_cache.c - where the machine's bytes are: caches and NUMA nodes, and what was found there.
 */
#include "machine.h"

static const char *const place_names[LLC_PLACES] = {"l2", "llc", "dram", "remote"};

/* Nodes that are named must be there. */
static bool check_node(const struct cfg *c, const char *key, uint64_t nodes, GError **error)
{
	return cfg_u64(c, key) < nodes ||
	       cfg_error(c, key, error, "there are %" G_GUINT64_FORMAT " nodes; they count from 0",
			 nodes);
}

static bool check_nodes(const struct machine *m, GError **error)
{
	const struct cfg *host = scenario_find(m->sc, "host");
	uint64_t nodes = cfg_u64(host, "nodes");

	if (nodes > 1 && cfg_choice(host, "cache") == 0)
		return cfg_error(host, "nodes", error,
				 "makes no difference without a model of where bytes are; set "
				 "cache = model");
	if (cfg_is_quantity(host, "core_node") && !check_node(host, "core_node", nodes, error))
		return false;
	for (unsigned i = 0; i < m->nics; i++)
		if (!check_node(scenario_at(m->sc, "nic", i), "node", nodes, error))
			return false;
	for (unsigned i = 0; i < m->guests; i++)
		if (!check_node(scenario_at(m->sc, "guest", i), "node", nodes, error))
			return false;
	return true;
}

bool machine_cache(struct machine *m, GError **error)
{
	const struct cfg *host = scenario_find(m->sc, "host");
	struct llc_config c = {.nodes = (unsigned)cfg_u64(host, "nodes"),
			       .cores = (uint32_t)cfg_u64(host, "cores") + m->pcores +
					m->guests * GUEST_VCPUS,
			       .bytes = cfg_u64(host, "llc"),
			       .ways = (uint32_t)cfg_u64(host, "llc_ways"),
			       .ddio_ways = (uint32_t)cfg_u64(host, "ddio_ways"),
			       .working_set = cfg_u64(host, "working_set"),
			       .private_bytes = cfg_u64(host, "l2"),
			       .write_miss = cfg_time(host, "llc_miss"),
			       .read_miss = cfg_time(host, "llc_read_miss"),
			       .remote = cfg_time(host, "remote_dma")};

	if (!check_nodes(m, error))
		return false;
	if (c.ddio_ways > c.ways)
		return cfg_error(host, "ddio_ways", error, "is more than llc_ways; use %u or less",
				 c.ways);
	if (cfg_choice(host, "cache") == 0)
		return true;
	m->guest_node = machine_array(m, m->guests, 1);
	for (unsigned i = 0; i < m->guests; i++)
		m->guest_node[i] = (uint8_t)cfg_u64(scenario_at(m->sc, "guest", i), "node");
	mem_place(m->mem, 0, m->guest_node);
	m->llc = llc_new(m->mem, &c);
	return m->llc || cfg_error(host, "cache", error, "no address space for it");
}

unsigned machine_core_node(const struct machine *m, unsigned i, unsigned cores)
{
	const struct cfg *host = scenario_find(m->sc, "host");

	if (cfg_is_quantity(host, "core_node"))
		return (unsigned)cfg_u64(host, "core_node");
	return i * (unsigned)cfg_u64(host, "nodes") / cores;
}

void machine_cache_cpu(struct machine *m, struct cpu *c, unsigned node, uint32_t core)
{
	c->clk.llc = m->llc;
	c->clk.look = m->llc != NULL;
	c->clk.core = core;
	c->clk.node = node;
}

void machine_cache_nic(struct machine *m, struct host_nic *hn)
{
	hn->nic.llc = m->llc;
	hn->nic.node = (unsigned)cfg_u64(hn->cfg, "node");
	mem_place(m->mem, (uint8_t)hn->nic.node, m->guest_node);
}

void cache_results(struct result *r, const struct machine *m)
{
	const struct llc_stats *s;

	if (!m->llc)
		return;
	s = llc_stats(m->llc);
	for (unsigned p = 0; p < LLC_PLACES; p++) {
		char name[32];
		g_snprintf(name, sizeof(name), "read_bytes.%s", place_names[p]);
		result_u64(r, "host", NULL, name, s->read_bytes[p]);
		g_snprintf(name, sizeof(name), "write_bytes.%s", place_names[p]);
		result_u64(r, "host", NULL, name, s->write_bytes[p]);
	}
	result_u64(r, "host", NULL, "dma_read_lines", s->dma_reads[0] + s->dma_reads[1]);
	result_u64(r, "host", NULL, "dma_read_misses", s->dma_reads[0]);
	result_u64(r, "host", NULL, "dma_write_lines",
		   s->dma_updates + s->dma_allocs + s->dma_memory);
	result_u64(r, "host", NULL, "ddio_updates", s->dma_updates);
	result_u64(r, "host", NULL, "ddio_allocations", s->dma_allocs);
	result_u64(r, "host", NULL, "ddio_evictions", s->evictions);
}
