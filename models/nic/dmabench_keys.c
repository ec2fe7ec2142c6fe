/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dmabench_keys.c - [dma]: keys, and what they come to. */
#include <string.h>

#include "dmabench.h"

const char *const dmabench_ops[] = {"read", "write", "both", "write_read", "packets", NULL};

/* random | sequential | cyclic | zipf:0.9 */
static bool parse_pattern(const char *value, enum dmabench_pattern *pattern, uint32_t *milli,
			  char **why)
{
	static const char *const words[] = {"random", "sequential", "cyclic"};
	const char *at = value + 5;
	uint32_t whole = 0, part = 0, unit = 1000;

	for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
		if (!strcmp(value, words[i])) {
			*pattern = (enum dmabench_pattern)i;
			return true;
		}
	if (g_str_has_prefix(value, "zipf:") && g_ascii_isdigit(*at)) {
		whole = (uint32_t)g_ascii_digit_value(*at++);
		if (*at == '.')
			for (at++; g_ascii_isdigit(*at) && unit > 1; at++, unit /= 10)
				part += (uint32_t)g_ascii_digit_value(*at) * unit / 10;
		*pattern = DMABENCH_ZIPF;
		*milli = whole * 1000 + part;
		if (!*at)
			return true;
	}
	*why = g_strdup("is no pattern; use random, sequential, cyclic or, with an exponent of up "
			"to three decimals below 10, zipf:0.9");
	return false;
}

static bool check_pattern(const char *value, char **why)
{
	enum dmabench_pattern pattern;
	uint32_t milli;

	return parse_pattern(value, &pattern, &milli, why);
}

const struct key_decl dma_keys[] = {
	{"op", KEY_CHOICE, .def = "read", .choices = "read|write|both|write-read|packets",
	 .help = "both: a read and a write at once; write-read: a write, then a read of it; "
		 "packets: "
		 "one sent and one received, as traffic says"},
	{"size", KEY_BYTES, .def = "64B", .min = 1, .max = DMABENCH_BYTES,
	 .help = "of a transaction; of a packet, without FCS"},
	{"window", KEY_BYTES, .def = "64KiB", .min = 64, .max = 1ull << 30,
	 .help = "memory that it touches"},
	{"pattern", KEY_STRING, .def = "random", .check = check_pattern,
	 .help = "where next: random, sequential (64 B units), cyclic (page after page), "
		 "zipf:0.9 (pages by rank)"},
	{"outstanding", KEY_COUNT, .def = "256", .min = 1, .max = 65536,
	 .help = "operations under way, at most"},
	{"source", KEY_CHOICE, .def = "closed", .choices = "closed|constant|poisson",
	 .help = "closed: the next begins when one is done; else they arrive at `rate`"},
	{"rate", KEY_FREQ, .min = 1, .max = 1000000000000u,
	 .help = "constant, poisson: operations a second"},
	{"when_full", KEY_CHOICE, .def = "wait", .choices = "wait|drop",
	 .help = "constant, poisson: an operation that finds `outstanding` under way"},
	{"count", KEY_COUNT, .def = "100000", .min = 1, .max = 1000000000000u,
	 .help = "operations to offer"},
	{"traffic", KEY_CHOICE, .def = "simple", .choices = "simple|82599-kernel|82599-pmd",
	 .help = "packets: what a NIC and its driver put on the bus for one (SIGCOMM 2018)"},
	{"invalidate", KEY_CHOICE, .def = "none", .choices = "none|per-op",
	 .help = "per-op: a host core maps the pages before each operation and unmaps them after "
		 "it, as [iommu] mode says"},
	{"warm", KEY_CHOICE, .def = "cold", .choices = "cold|host|device",
	 .help = "with [host] cache = model: who has touched the window last before the run, a "
		 "core "
		 "of the host or the device itself; cold: nobody"},
	{"node", KEY_COUNT, .def = "0", .max = LLC_NODES - 1,
	 .help = "NUMA node that it is attached to"},
	{"memory_node", KEY_COUNT, .def = "0", .max = LLC_NODES - 1,
	 .help = "NUMA node of its window"},
	{"with", KEY_REF, .choices = "dma",
	 .help = "shares this one's link and IOMMU domain, as a function of the same device"},
	{0},
};

static bool check_source(const struct dmabench_config *d, const struct cfg *c, GError **error)
{
	if (d->source == DMABENCH_CLOSED && cfg_has(c, "rate"))
		return cfg_error(c, "rate", error,
				 "has no meaning while source = closed; use constant or poisson");
	if (d->source != DMABENCH_CLOSED && !cfg_has(c, "rate"))
		return cfg_error(c, "source", error, "how fast? set rate, as in rate = 10MHz");
	return true;
}

bool dmabench_config(struct dmabench_config *out, const struct cfg *c, GError **error)
{
	g_autofree char *why = NULL;

	*out = (struct dmabench_config){
		.op = (enum dmabench_op)cfg_choice(c, "op"),
		.size = (uint32_t)cfg_u64(c, "size"),
		.window = cfg_u64(c, "window"),
		.outstanding = (uint32_t)cfg_u64(c, "outstanding"),
		.source = (enum dmabench_source)cfg_choice(c, "source"),
		.rate = cfg_u64(c, "rate"),
		.drop = cfg_choice(c, "when_full") == 1,
		.count = cfg_u64(c, "count"),
		.per_op = cfg_choice(c, "invalidate") == 1,
		.warm = (enum dmabench_warm)cfg_choice(c, "warm"),
		.traffic = &pcie_traffics[cfg_choice(c, "traffic")],
	};
	parse_pattern(cfg_str(c, "pattern"), &out->pattern, &out->zipf_milli, &why);
	if (out->window < ((out->size + 63u) & ~63u))
		return cfg_error(c, "window", error, "is smaller than one operation of %uB",
				 out->size);
	if (out->per_op && (out->source != DMABENCH_CLOSED || out->op > DMABENCH_WRITE))
		return cfg_error(c, "invalidate", error,
				 "per-op is for op = read or write with source = closed");
	return check_source(out, c, error);
}
