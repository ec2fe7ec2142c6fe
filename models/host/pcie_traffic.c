/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pcie_traffic.c - NICs and drivers as seen from the bus. See pcie_traffic.h. */
#include "pcie_traffic.h"

#include <string.h>

const struct pcie_traffic pcie_traffics[] = {
	{"simple", .tx = {.tail = 1, .fetch = 1, .msi = 1, .head = 1},
	 .rx = {.tail = 1, .fetch = 1, .writeback = 1, .msi = 1, .head = 1}},
	{"82599-kernel", .tx = {.tail = 1, .fetch = 40, .writeback = 8, .msi = 32, .head = 1},
	 .rx = {.tail = 32, .fetch = 1, .writeback = 1, .msi = 32, .head = 8}},
	{"82599-pmd", .tx = {.tail = 32, .fetch = 40, .writeback = 8},
	 .rx = {.tail = 32, .fetch = 1, .writeback = 1}},
	{0},
};

const struct pcie_traffic *pcie_traffic_find(const char *name)
{
	for (const struct pcie_traffic *t = pcie_traffics; t->name; t++)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}

static bool first_of(uint64_t n, uint16_t batch)
{
	return batch && n % batch == 0;
}

static bool last_of(uint64_t n, uint16_t batch)
{
	return batch && n % batch == batch - 1u;
}

static unsigned steps(const struct pcie_batch *b, uint64_t n, struct pcie_step data,
		      struct pcie_step *step)
{
	unsigned i = 0;

	if (first_of(n, b->tail))
		step[i++] = (struct pcie_step){PCIE_MMIO_WRITE, PCIE_POINTER};
	if (first_of(n, b->fetch))
		step[i++] = (struct pcie_step){PCIE_READ, b->fetch * PCIE_DESCRIPTOR};
	step[i++] = data;
	if (last_of(n, b->writeback))
		step[i++] = (struct pcie_step){PCIE_WRITE, b->writeback * PCIE_DESCRIPTOR};
	if (last_of(n, b->msi))
		step[i++] = (struct pcie_step){PCIE_MSI, PCIE_MSI_BYTES};
	if (last_of(n, b->head))
		step[i++] = (struct pcie_step){PCIE_MMIO_READ, PCIE_POINTER};
	return i;
}

unsigned pcie_tx_steps(const struct pcie_traffic *t, uint64_t n, uint32_t bytes,
		       struct pcie_step step[PCIE_PACKET_STEPS])
{
	return steps(&t->tx, n, (struct pcie_step){PCIE_READ, bytes}, step);
}

unsigned pcie_rx_steps(const struct pcie_traffic *t, uint64_t n, uint32_t bytes,
		       struct pcie_step step[PCIE_PACKET_STEPS])
{
	return steps(&t->rx, n, (struct pcie_step){PCIE_WRITE, bytes}, step);
}
