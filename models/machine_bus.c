/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_bus.c - a NIC's PCI Express bus: set-up and what came of it. */
#include "machine.h"

bool bus_build(struct machine *m, struct host_nic *hn, GError **error)
{
	const struct cfg *c = scenario_find(m->sc, "pcie");
	struct pcie_config config;

	if (hn->nic.cfg.model == NIC_CONSTANT)
		return true;
	return pcie_config(&config, c, error) &&
	       (nic_bus_init(&hn->nic, &config, 1 + hn->guests - hn->hosted) ||
		cfg_error(c, NULL, error, "there is no such link; see its keys for what there is"));
}

void bus_count(const struct host_nic *hn, struct nic_counts *c)
{
	const struct nic_bus *b = hn->nic.bus;

	if (!b)
		return;
	pcie_stats(b->pcie, &c->pcie);
	pcie_busy_now(b->pcie, &c->rx_bus, &c->tx_bus);
}

void bus_metrics(struct result *r, const struct host_nic *hn, sim_time window)
{
	static const struct {
		const char *name;
		enum pcie_kind kind;
	} kinds[] = {{"pcie.reads", PCIE_READ},
		     {"pcie.writes", PCIE_WRITE},
		     {"pcie.doorbells", PCIE_MMIO_WRITE},
		     {"pcie.head_reads", PCIE_MMIO_READ},
		     {"pcie.msis", PCIE_MSI}};
	const struct pcie_stats *a = &hn->at_start.pcie, *b = &hn->at_stop.pcie;
	const char *nic = hn->nic.name;

	if (!hn->nic.bus)
		return;
	result_u64(r, nic, "rx", "pcie.tlps", b->to_host.tlps - a->to_host.tlps);
	result_u64(r, nic, "tx", "pcie.tlps", b->to_device.tlps - a->to_device.tlps);
	result_u64(r, nic, "rx", "pcie.bytes", b->to_host.bytes - a->to_host.bytes);
	result_u64(r, nic, "tx", "pcie.bytes", b->to_device.bytes - a->to_device.bytes);
	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++)
		result_u64(r, nic, NULL, kinds[i].name,
			   b->done[kinds[i].kind] - a->done[kinds[i].kind]);
	result_ratio(r, nic, NULL, "pcie.tags.mean", (uint64_t)(b->tag_time - a->tag_time), window);
	result_u64(r, nic, NULL, "pcie.tags.max", b->tags_max);
}
