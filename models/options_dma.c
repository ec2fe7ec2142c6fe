/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options_dma.c - checks of [dma] that need several keys. */
#include "host/iommu.h"
#include "nic/dmabench.h"
#include "options.h"

#define DMA_MAX 240u /* devices on bus 0 */

static bool node_ok(const struct scenario *sc, const struct cfg *d, const char *key, GError **error)
{
	return cfg_u64(d, key) < cfg_u64(scenario_find(sc, "host"), "nodes") ||
	       cfg_error(d, key, error, "there is no such node; see [host] nodes");
}

bool dma_check(const struct scenario *sc, GError **error)
{
	size_t n = scenario_count(sc, "dma");
	int mode = cfg_choice(scenario_find(sc, "iommu"), "mode");
	struct dmabench_config c;

	for (size_t i = 0; i < n; i++) {
		const struct cfg *d = scenario_at(sc, "dma", i);
		const struct cfg *with = cfg_ref(d, "with");
		if (i == DMA_MAX)
			return cfg_error(d, NULL, error, "is one too many; at most %u [dma]",
					 DMA_MAX);
		if (with == d || (with && cfg_ref(with, "with")))
			return cfg_error(d, "with", error,
					 "name the [dma] whose device it is, which has no `with`");
		if (!dmabench_config(&c, d, error))
			return false;
		if (cfg_is_set(d, "warm") && !cfg_choice(scenario_find(sc, "host"), "cache"))
			return cfg_error(d, "warm", error, "needs [host] cache = model");
		if (!node_ok(sc, d, "node", error) || !node_ok(sc, d, "memory_node", error))
			return false;
		if (c.per_op && mode != IOMMU_STRICT && mode != IOMMU_DEFERRED)
			return cfg_error(d, "invalidate", error,
					 "per-op needs [iommu] mode = strict or deferred");
	}
	return true;
}
