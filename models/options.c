/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.c - the groups of a scenario file, and checks that need several keys. */
#include "options_impl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "../sim/fidelity.h"
#include "../sim/plot_want.h"
#include "../sim/search.h"
#include "../sim/sim_error.h"
#include "../sim/units.h"
#include "host/cost.h"
#include "host/pcie.h"
#include "nic/dmabench.h"
#include "nic/nic.h"
#include "tap_keys.h"
#include "traffic/capture.h"

/* ---- judging text ---- */

bool options_mac(const char *text, uint8_t mac[6])
{
	unsigned b[6];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6 ||
	    text[end] || end != 17)
		return false;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return !(mac[0] & 1);
}

bool options_ip(const char *text, uint8_t ip[4])
{
	return inet_pton(AF_INET, text, ip) == 1;
}

bool options_power(const char *value, char **why)
{
	uint64_t v;
	if (!units_parse(KEY_COUNT, value, NULL, &v, why))
		return false;
	if (v && v <= 32768 && !(v & (v - 1)))
		return true;
	*why = g_strdup("must be a power of two from 1 to 32768");
	return false;
}

static bool work_time(char *text, sim_time *at, char **why)
{
	if (!units_parse(KEY_TIME, g_strstrip(text), "ns", at, why))
		return false;
	if (*at <= 1000 * SIM_S)
		return true;
	*why = g_strdup("is out of range; at most 1000s");
	return false;
}

bool options_work_law(const char *text, struct work_law *law, char **why)
{
	const char *colon = strchr(text, ':');
	g_auto(GStrv) end = g_strsplit(colon ? colon + 1 : text, "..", 2);

	*law = (struct work_law){.kind = !colon                               ? WORK_CONSTANT
					 : g_str_has_prefix(text, "uniform:") ? WORK_UNIFORM
									      : WORK_EXPONENTIAL};
	if ((colon && law->kind == WORK_EXPONENTIAL && !g_str_has_prefix(text, "exponential:")) ||
	    !end[0] || !end[1] != (law->kind != WORK_UNIFORM)) {
		*why = g_strdup("is no law of work; write 500ns, exponential:500ns or "
				"uniform:1us..2us");
		return false;
	}
	if (!work_time(end[0], &law->lo, why) || (end[1] && !work_time(end[1], &law->hi, why)))
		return false;
	if (!end[1] || law->lo <= law->hi)
		return true;
	*why = g_strdup("has its ends in the wrong order; write uniform:1us..2us");
	return false;
}

bool options_work(const char *value, char **why)
{
	struct work_law law;
	return options_work_law(value, &law, why);
}

/* ---- tables
 * ---------------------------------------------------------------------------------------- */

/* What a system's published text asks for; explicit keys override it. */
static const char *const system_p1[] = {"guest.split=true", "guest.delivery=process",
					"guest.policy=single-copy", "guest.tx_policy=zero-copy",
					NULL};
static const char *const system_p2[] = {"guest.tx_policy=zero-copy", NULL};
static const char *const system_p3[] = {"guest.policy=single-copy", "guest.tx_policy=zero-copy",
					"guest.cluster=true",       "guest.tx_batch=10",
					"guest.tx_trap=vmm",        NULL};
static const char *const system_p5[] = {"guest.attach=vf", "guest.dma_map=per-buffer",
					"iommu.mode=strict", NULL};
static const char *const system_p4[] = {"guest.attach=vf", "guest.halt=native",
					"nic.switch=mediated", NULL};
static const struct key_preset system_presets[] = {{"p1", system_p1}, {"p2", system_p2},
						   {"p3", system_p3}, {"p4", system_p4},
						   {"p5", system_p5}, {0}};

static const struct key_decl scenario_keys[] = {
	KEYS_OF_SCENARIO,
	{"system", KEY_CHOICE, .def = "baseline", .choices = "baseline|p1|p2|p3|p4|p5",
	 .presets = system_presets,
	 .help = "published design whose settings are the defaults; see `list systems`"},
	{"warmup", KEY_TIME, .def = "0s", .max = SIM_MAX,
	 .help = "frames first stamped before it are left out of the results"},
	{"drain", KEY_TIME, .def = "100ms", .max = SIM_MAX,
	 .help = "how long after the last source's stop frames may still arrive"},
	{"max_time", KEY_TIME, .min = 1, .max = SIM_MAX,
	 .help = "simulated time that a run must not pass; passing it is exit 4"},
	{"checked", KEY_BOOL, .def = "false",
	 .help = "keep the time of every write and refuse reads of what is not written yet"},
	{0},
};

const struct group_decl option_groups[] = {
	{"scenario", .keys = scenario_keys, .help = "the run"},
	{"host", .keys = host_keys, .help = "the machine"},
	{"cost", .keys = cost_keys, .help = "what work costs a CPU, in cycles of [host] clock"},
	{"iommu", .keys = iommu_keys, .help = "DMA remapping"},
	{"pcie", .keys = pcie_keys, .help = "a device's link and what is behind it"},
	{"tap", .optional = true, .keys = tap_keys, .brings = tap_brings,
	 .help = "NICs are TAP devices: real ones in vnictap, their model in vnicsim"},
	{"nic", .named = true, .many = true, .keys = nic_keys, .help = "a network interface"},
	{"guest", .named = true, .many = true, .keys = guest_keys, .help = "a virtual machine"},
	{"traffic", .named = true, .many = true, .keys = traffic_keys, .help = "what is offered"},
	{"dma", .named = true, .many = true, .keys = dma_keys,
	 .help = "a device that does nothing but DMA"},
	{SEARCH_KIND, .judges = true, .keys = search_keys,
	 .help = "the highest value of a key at which a condition holds, for `sweep` and `check`"},
	{PLOT_KIND, .optional = true, .judges = true, .keys = plot_keys,
	 .help = "what the figures of a study show, for `plot`; else it chooses"},
	{FIDELITY_KIND, .named = true, .many = true, .judges = true, .keys = fidelity_keys,
	 .help = "what theory or a measurement says of the results, for the verb `fidelity`"},
	{0},
};

/* ---- the whole scenario
 * ----------------------------------------------------------------------------------- */

static bool check_split(const struct scenario *sc, const struct cfg *g, GError **error)
{
	if (cfg_has(g, "evict_at") && cfg_choice(scenario_find(sc, "iommu"), "mode") == 1)
		return cfg_error(g, "evict_at", error,
				 "can do nothing with [iommu] mode = static, which pins all of the "
				 "guest's pages; use off, strict or deferred");
	if (cfg_has(g, "evict_at") && cfg_choice(g, "page_size"))
		return cfg_error(
			g, "evict_at", error,
			"would put the kernel's memory aside as well; use page_size = 4KiB");
	if (!cfg_bool(g, "split"))
		return true;
	if (cfg_choice(g, "attach") == 1)
		return cfg_error(g, "split", error,
				 "is what the host does with a virtio device; use attach = virtio");
	if (cfg_u64(g, "rx_copybreak"))
		return cfg_error(g, "rx_copybreak", error,
				 "is for whole frames, which split does not have; leave it out");
	if (cfg_choice(g, "delivery") != 1)
		return cfg_error(g, "split", error,
				 "places payload in the process's buffers; use delivery = process");
	if (cfg_u64(g, "rx_buffer"))
		return cfg_error(
			g, "rx_buffer", error,
			"is for whole frames under split, which merges none; leave it out, "
			"or set process_buffer");
	return true;
}

/* A virtual function bypasses the host: what the host would do for the guest cannot be asked for.
 */
static bool check_vf(const struct cfg *g, const struct cfg *iommu, GError **error)
{
	static const char *const hosts[] = {"policy",  "rx_policy", "tx_policy",
					    "cluster", "tx_batch",  "zero_copy_preset"};

	if (cfg_choice(g, "attach") != 1)
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++)
		if (cfg_is_set(g, hosts[i]))
			return cfg_error(g, hosts[i], error,
					 "no host handles the frames of a guest with attach = vf; "
					 "leave it out, or use attach = virtio");
	if (cfg_u64(g, "rx_copybreak") && cfg_choice(g, "delivery") == 1)
		return cfg_error(g, "rx_copybreak", error,
				 "copies into a buffer of the guest's kernel, which delivery = "
				 "process does not have; leave it out, or use delivery = kernel");
	if (cfg_choice(iommu, "mode") == 0)
		return cfg_error(iommu, "mode", error,
				 "%s has attach = vf, and without an IOMMU its device could reach "
				 "all of machine memory; use static, strict or deferred",
				 cfg_name(g));
	return true;
}

static bool check_guest(const struct cfg *g, GError **error)
{
	if (cfg_choice(g, "kick") == 1 && cfg_choice(g, "tx_trap") == 1)
		return cfg_error(g, "kick", error,
				 "= doorbell traps nowhere; leave out tx_trap = vmm");
	if (!cfg_bool(g, "mrg_rxbuf") && cfg_u64(g, "rx_buffer"))
		return cfg_error(
			g, "rx_buffer", error,
			"needs mrg_rxbuf; without it a buffer must hold the longest frame");
	if (cfg_u64(g, "tx_batch") > 1 && !cfg_time(g, "tx_timer") && !cfg_time(g, "tx_ack_age"))
		return cfg_error(g, "tx_batch", error,
				 "would hold the last frames back for ever; set tx_timer or "
				 "tx_ack_age");
	if (cfg_u64(g, "tx_header") && cfg_choice(g, "delivery") == 1)
		return cfg_error(g, "tx_header", error,
				 "is of the kernel's send buffers; use delivery = kernel");
	if (cfg_u64(g, "rx_buffer") && cfg_u64(g, "rx_buffer") < 256)
		return cfg_error(g, "rx_buffer", error, "is too small; use 256B or more, or 0");
	return true;
}

static bool check_iotlb(const struct cfg *iommu, GError **error)
{
	uint64_t entries = cfg_u64(iommu, "iotlb_entries"), ways = cfg_u64(iommu, "iotlb_ways");

	if (entries % ways || (entries / ways & (entries / ways - 1)))
		return cfg_error(iommu, "iotlb_ways", error,
				 "iotlb_entries / iotlb_ways must be a power of two");
	return true;
}

/* Asleep, a driver that leaves done sends alone would be woken for nothing. */
static bool check_free_thresh(const struct scenario *sc, const struct cfg *n, GError **error)
{
	uint64_t thresh = cfg_u64(n, "tx_free_thresh");

	if (thresh && cfg_choice(scenario_find(sc, "host"), "datapath") == 0)
		return cfg_error(n, "tx_free_thresh", error,
				 "is what poll-mode drivers do; use [host] datapath = poll");
	if (thresh > cfg_u64(n, "tx_ring"))
		return cfg_error(n, "tx_free_thresh", error, "is more than tx_ring; use less");
	return true;
}

/* Somebody must look at what a NIC without interrupts has done, and at the last frames. */
static bool check_interrupts(const struct scenario *sc, const struct cfg *n, GError **error)
{
	bool none = cfg_choice(n, "irq") == NIC_IRQ_NONE;
	bool poll = cfg_choice(scenario_find(sc, "host"), "datapath") == 1;

	if (cfg_u64(n, "irq_count") > 1 && !cfg_time(n, "irq_delay"))
		return cfg_error(n, "irq_count", error,
				 "would leave the last frames without an interrupt; set irq_delay");
	for (size_t i = 0; none && i < scenario_count(sc, "guest"); i++) {
		const struct cfg *g = scenario_at(sc, "guest", i), *ref = cfg_ref(g, "nic");

		if (ref ? ref != n : n != scenario_at(sc, "nic", 0))
			continue;
		if (cfg_choice(g, "attach") == 1 || !poll)
			return cfg_error(n, "irq", error,
					 "none (which model = 82599-pmd brings) needs drivers that "
					 "poll: %s",
					 poll ? "a guest with attach = vf has none; use masked"
					      : "use [host] datapath = poll, or irq = masked");
	}
	return true;
}

/* Where somebody else uses the devices there may be none. */
static bool wants_traffic(const struct scenario *sc)
{
	const struct cfg *tap = tap_of(sc);

	return !tap || cfg_choice(tap, "far") != TAP_FAR_NONE;
}

bool options_check(const struct scenario *sc, GError **error)
{
	size_t guests = scenario_count(sc, "guest");
	const struct cfg *iommu = scenario_find(sc, "iommu");
	const char *file = scenario_path(sc);

	if (!tap_check(sc, error) || !dma_check(sc, error))
		return false;
	if (scenario_count(sc, "dma") && !scenario_count(sc, "nic") && !guests &&
	    !scenario_count(sc, "traffic"))
		return check_iotlb(iommu, error);
	if (!scenario_count(sc, "nic") || !guests ||
	    (!scenario_count(sc, "traffic") && wants_traffic(sc))) {
		g_set_error(
			error, SIM_ERROR, SIM_EXIT_USAGE,
			"%s: a scenario needs at least one [nic NAME], one [guest NAME] and one "
			"[traffic NAME], or nothing but [dma NAME]; there is no %s",
			file,
			!scenario_count(sc, "nic") ? "[nic]"
			: !guests                  ? "[guest]"
						   : "[traffic]");
		return false;
	}
	if (guests > 2000) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s: %zu guests; at most 2000", file,
			    guests);
		return false;
	}
	if (cfg_u64(scenario_find(sc, "host"), "turn_bytes") &&
	    !cfg_u64(scenario_find(sc, "host"), "turn_packets"))
		return cfg_error(scenario_find(sc, "host"), "turn_bytes", error,
				 "bounds a turn of turn_packets; set that, too (vhost-net 256)");
	if (!check_iotlb(iommu, error))
		return false;
	for (size_t i = 0; i < guests; i++)
		if (!check_guest(scenario_at(sc, "guest", i), error) ||
		    !check_split(sc, scenario_at(sc, "guest", i), error) ||
		    !check_vf(scenario_at(sc, "guest", i), iommu, error))
			return false;
	for (size_t i = 0; i < scenario_count(sc, "nic"); i++) {
		const struct cfg *n = scenario_at(sc, "nic", i);
		uint64_t rx = cfg_u64(n, "rx_ring"), tx = cfg_u64(n, "tx_ring");
		if (rx & (rx - 1) || tx & (tx - 1))
			return cfg_error(n, rx & (rx - 1) ? "rx_ring" : "tx_ring", error,
					 "must be a power of two");
		if (!check_interrupts(sc, n, error))
			return false;
		if (!check_free_thresh(sc, n, error))
			return false;
	}
	for (size_t i = 0; i < scenario_count(sc, "traffic"); i++) {
		g_autofree int *ends = NULL;
		struct traffic_cfg t;
		if (!options_traffic(sc, scenario_at(sc, "traffic", i), NULL, (uint32_t)guests, &t,
				     &ends, error))
			return false;
	}
	return true;
}

void options_inputs(const struct scenario *sc, struct result *r)
{
	const char *file = cfg_preset_file(scenario_find(sc, "host"), "preset");
	g_autofree char *name = file ? g_path_get_basename(file) : NULL;
	char hex[65];

	if (file && capture_sha256(file, hex, NULL))
		result_input_file(r, name, hex);
}
