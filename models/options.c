/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.c - key tables that belong to no single model, and keys that need more than a table. */
#include "options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "../sim/sim_error.h"
#include "../sim/units.h"
#include "host/cost.h"
#include "nic/nic.h"

/* ---- judging text -------------------------------------------------------------------------------
 */

static bool check_mac(const char *value, char **why)
{
	uint8_t mac[6];
	if (options_mac(value, mac))
		return true;
	*why = g_strdup("is no MAC address of one station; write it as 52:54:00:00:00:01");
	return false;
}

static bool check_ip(const char *value, char **why)
{
	uint8_t ip[4];
	if (options_ip(value, ip))
		return true;
	*why = g_strdup("is no IPv4 address; write it as 192.0.2.1");
	return false;
}

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

/* recorded | scaled:0.5 | rate:5Gbit/s | pps:1e6 | back-to-back */
static bool parse_timing(const char *value, struct traffic_cfg *t, char **why)
{
	if (!strcmp(value, "recorded")) {
		t->timing = TRAFFIC_RECORDED;
		return true;
	}
	if (!strcmp(value, "back-to-back")) {
		t->timing = TRAFFIC_BACK_TO_BACK;
		return true;
	}
	if (g_str_has_prefix(value, "scaled:")) {
		t->timing = TRAFFIC_SCALED;
		if (traffic_ratio_parse(value + 7, &t->scale))
			return true;
		*why = g_strdup("scaled: needs a positive decimal, as in scaled:0.5");
		return false;
	}
	if (g_str_has_prefix(value, "rate:")) {
		t->timing = TRAFFIC_RATE;
		if (!units_parse(KEY_RATE, value + 5, "Gbit/s", &t->rate_bps, why))
			return false;
		if (t->rate_bps)
			return true;
		*why = g_strdup("a rate of 0 never ends; write it as rate:5Gbit/s");
		return false;
	}
	if (g_str_has_prefix(value, "pps:")) {
		t->timing = TRAFFIC_PPS;
		if (!units_parse(KEY_COUNT, value + 4, NULL, &t->pps, why))
			return false;
		if (t->pps)
			return true;
		*why = g_strdup("0 packets per second never end; write it as pps:1e6");
		return false;
	}
	*why = g_strdup("is no timing; use recorded, scaled:0.5, rate:5Gbit/s, pps:1e6 or "
			"back-to-back");
	return false;
}

static bool check_timing(const char *value, char **why)
{
	struct traffic_cfg t = {0};
	return parse_timing(value, &t, why);
}

/* 1500B | imix | uniform:60B..1514B */
static bool parse_size(const char *value, struct traffic_size *s, char **why)
{
	uint64_t lo = 0, hi = 0;

	if (!strcmp(value, "imix")) {
		s->kind = TRAFFIC_SIZE_IMIX;
		return true;
	}
	if (g_str_has_prefix(value, "uniform:")) {
		g_auto(GStrv) ends = g_strsplit(value + 8, "..", 2);
		s->kind = TRAFFIC_SIZE_UNIFORM;
		if (!ends[0] || !ends[1]) {
			*why = g_strdup("needs two sizes, as in uniform:60B..1514B");
			return false;
		}
		if (!units_parse(KEY_BYTES, g_strstrip(ends[0]), "B", &lo, why) ||
		    !units_parse(KEY_BYTES, g_strstrip(ends[1]), "B", &hi, why))
			return false;
	} else {
		s->kind = TRAFFIC_SIZE_FIXED;
		if (!units_parse(KEY_BYTES, value, "B", &lo, why))
			return false;
		hi = lo;
	}
	if (lo > hi || lo < TRAFFIC_SIZE_MIN || hi > TRAFFIC_SIZE_MAX) {
		*why = g_strdup_printf("is out of range; frames have %uB to %uB, without FCS",
				       TRAFFIC_SIZE_MIN, TRAFFIC_SIZE_MAX);
		return false;
	}
	s->lo = (uint32_t)lo;
	s->hi = (uint32_t)hi;
	return true;
}

static bool check_size(const char *value, char **why)
{
	struct traffic_size s = {0};
	return parse_size(value, &s, why);
}

static bool check_power(const char *value, char **why)
{
	uint64_t v;
	if (!units_parse(KEY_COUNT, value, NULL, &v, why))
		return false;
	if (v && v <= 32768 && !(v & (v - 1)))
		return true;
	*why = g_strdup("must be a power of two from 1 to 32768");
	return false;
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

static const struct key_decl host_keys[] = {
	{"cores", KEY_COUNT, .def = "1", .min = 1, .max = 256,
	 .help = "cores for datapaths and device emulators; workers are dealt out in turn"},
	{"clock", KEY_FREQ, .def = "2.5GHz", .min = 1000000, .max = 1000000000000u,
	 .help = "of every core and vCPU; [cost] counts in its cycles"},
	{"datapath", KEY_CHOICE, .def = "interrupt", .choices = "interrupt|poll",
	 .help = "how host cores learn of work"},
	{"offload", KEY_CHOICE, .def = "none", .choices = "none|idle",
	 .help = "idle: a core with nothing to do takes a guest's request to send without a trap"},
	{"posted_interrupts", KEY_BOOL, .def = "true",
	 .help = "a virtual function's interrupts reach a running vCPU without an exit (VT-d)"},
	{"dma_hypercalls", KEY_BOOL, .def = "true",
	 .help = "the VMM maps memory for a guest's virtual function when the guest asks"},
	{"preset", KEY_CHOICE, .def = "default", .choices = "default",
	 .help = "set of [cost] defaults"},
	{"scatter", KEY_BOOL, .def = "true", .help = "hand out memory in shuffled order"},
	{"memory", KEY_BYTES, .def = "0", .max = 1ull << 44,
	 .help = "machine memory; 0: enough for the guests"},
	{"switch_table", KEY_CHOICE, .def = "static", .choices = "static|learned",
	 .help = "local switch: knows the guests' addresses from the start, or each once it has "
		 "sent something"},
	{"vmm_queue", KEY_STRING, .def = "1024", .check = check_power, .plain = KEY_COUNT,
	 .help = "frames between host kernel and device emulator, a power of two"},
	{0},
};

static const struct key_decl iommu_keys[] = {
	{"mode", KEY_CHOICE, .def = "static", .choices = "off|static|strict|deferred",
	 .help = "protection of memory from devices; static: guests mapped once"},
	{"iotlb_entries", KEY_COUNT, .def = "64", .min = 1, .max = 65536,
	 .help = "translations cached; 64 inferred for Broadwell (SIGCOMM 2018)"},
	{"iotlb_ways", KEY_COUNT, .def = "4", .min = 1, .max = 65536,
	 .help = "associativity; entries / ways must be a power of two"},
	{"iotlb_replacement", KEY_CHOICE, .def = "lru", .choices = "lru|fifo|random",
	 .help = "which translation of a full set goes; random: a stream of the seed's own"},
	{"walk_cache", KEY_COUNT, .def = "0", .max = 65536,
	 .help = "entries of each upper-level cache, which shorten walks; 0: none"},
	{"max_table_pages", KEY_COUNT, .def = "0", .max = 1u << 30,
	 .help = "pages that its tables may take (strict, deferred); full, a buffer is not mapped "
		 "and its frame copied (map_failed); 0: any"},
	{"page_size", KEY_CHOICE, .def = "4KiB", .choices = "4KiB|2MiB|1GiB",
	 .help = "largest page of its tables"},
	{"flush_batch", KEY_COUNT, .def = "256", .min = 1, .max = 65536,
	 .help = "deferred: unmaps that force an invalidation; Linux 256"},
	{"flush_timeout", KEY_TIME, .def = "10ms", .min = 1, .max = 1000 * SIM_S,
	 .help = "deferred: longest wait for one; Linux 10 ms"},
	{0},
};

static const char *const zero_copy_vhost[] = {
	"guest.zero_copy_min=256B", "guest.zero_copy_inflight=vhost",
	"guest.zero_copy_backoff=true", "guest.zero_copy_release=in-order", NULL};
static const struct key_preset zero_copy_presets[] = {{"vhost-net", zero_copy_vhost}, {0}};

static const struct key_decl guest_keys[] = {
	{"nic", KEY_REF, .choices = "nic", .help = "NIC that it is behind; default: the first one"},
	{"mac", KEY_STRING, .check = check_mac,
	 .help = "address; default 52:54:00:00:00:01 and counting"},
	{"ip", KEY_STRING, .check = check_ip, .help = "IPv4 address, for match = ip"},
	{"memory", KEY_BYTES, .def = "64MiB", .min = 1 << 20, .max = 64ull << 30,
	 .help = "guest memory"},
	{"page_size", KEY_CHOICE, .def = "4KiB", .choices = "4KiB|2MiB|1GiB",
	 .help = "pages that back it"},
	{"vcpus", KEY_COUNT, .def = "1", .min = 1, .max = 2,
	 .help = "virtual CPUs; with 2 the second one sends"},
	{"policy", KEY_CHOICE, .def = "single-copy", .choices = "null|copy|single-copy|zero-copy",
	 .help = "how the host moves frames, both ways"},
	{"rx_policy", KEY_CHOICE, .choices = "null|copy|single-copy|zero-copy",
	 .help = "policy of receive, if another"},
	{"tx_policy", KEY_CHOICE, .choices = "null|copy|single-copy|zero-copy",
	 .help = "policy of transmit, if another"},
	{"attach", KEY_CHOICE, .def = "virtio", .choices = "virtio|vf",
	 .help = "device: virtio, served by the host, or a virtual function of the NIC"},
	{"dma_map", KEY_CHOICE, .def = "static", .choices = "static|per-buffer|pooled|bounce",
	 .help = "vf: how its DMA layer maps buffers; bounce: it copies them instead"},
	{"hac", KEY_BOOL, .def = "true",
	 .help = "vf: has a DMA layer that knows of the VMM (US 8,001,543); false: see "
		 "bounce_window"},
	{"bounce_window", KEY_BOOL, .def = "true",
	 .help = "vf: without hac or dma_hypercalls it bounces; false: I/O address = "
		 "guest-physical"},
	{"dma_pages", KEY_COUNT, .def = "0", .max = 1 << 20,
	 .help = "vf: pages that can be mapped for buffers at a time; 0: enough for its rings"},
	{"dma_retry", KEY_TIME, .def = "100us", .min = 1, .max = SIM_S,
	 .help = "vf: a receive buffer that could not be mapped is tried again so much later"},
	{"dma_revoke_at", KEY_TIME, .max = SIM_MAX,
	 .help = "vf: when the VMM takes the permission for DMA away; default: never"},
	{"dma_permit_at", KEY_TIME, .max = SIM_MAX,
	 .help = "vf: when it gives it; without an earlier dma_revoke_at: not before"},
	{"halt", KEY_CHOICE, .def = "exit", .choices = "exit|native",
	 .help = "a vCPU with nothing to do leaves the guest, or halts in it (a dedicated core)"},
	{"delivery", KEY_CHOICE, .def = "kernel", .choices = "kernel|process",
	 .help = "whose buffers the guest posts; kernel adds a copy in the guest"},
	{"split", KEY_BOOL, .def = "false",
	 .help = "headers to the kernel, payload straight to the process (US 2014/0229946); with "
		 "delivery = process"},
	{"process_buffers", KEY_COUNT, .def = "all", .choices = "all", .max = 32768,
	 .help = "with split: receives that the process has posted; all: as many as queue_size"},
	{"process_buffer", KEY_BYTES, .def = "0", .max = 65550,
	 .help = "with split: bytes of each; 0: what the mtu needs"},
	{"not_resident", KEY_CHOICE, .def = "kernel", .choices = "kernel|fault",
	 .help = "with split: a page of a posted buffer is not there; kernel: the frame goes to "
		 "the guest's kernel; fault: the page is brought back ([cost] page_in)"},
	{"evict_at", KEY_TIME, .max = SIM_MAX,
	 .help = "with split: when the host puts the posted process buffers aside, but for pinned "
		 "pages; default: never"},
	{"flow_match", KEY_CHOICE, .def = "any", .choices = "any|exact",
	 .help = "with split: any: each TCP or UDP flow is the process's; exact: from its second "
		 "frame on"},
	{"flow_table", KEY_COUNT, .def = "1024", .min = 1, .max = 1 << 20,
	 .help = "with flow_match = exact: flows that can be the process's"},
	{"receive", KEY_CHOICE, .def = "interrupt", .choices = "interrupt|poll",
	 .help = "how the guest learns of frames"},
	{"destroyed_at", KEY_TIME, .max = SIM_MAX,
	 .help = "when it is destroyed in mid-run; default: never"},
	{"queue_size", KEY_STRING, .def = "256", .check = check_power, .plain = KEY_COUNT,
	 .help = "of each virtqueue, a power of two"},
	{"event_idx", KEY_BOOL, .def = "true", .help = "virtio: suppress notifications by index"},
	{"indirect_desc", KEY_BOOL, .def = "true", .help = "virtio: chains in tables of their own"},
	{"mrg_rxbuf", KEY_BOOL, .def = "true",
	 .help = "virtio: a frame may fill several buffers; never with delivery = process"},
	{"rx_buffer", KEY_BYTES, .def = "0", .max = 65536 + 4096,
	 .help = "kernel's receive buffers; 0: what the mtu needs; less needs mrg_rxbuf"},
	{"overwrite", KEY_TIME, .def = "0", .max = SIM_S,
	 .help = "a hazard: the process writes over a sent frame, so long after sending; 0: never"},
	{"socket_queue", KEY_STRING, .def = "256", .check = check_power, .plain = KEY_COUNT,
	 .help = "receive buffers that may wait for the process, a power of two"},
	{"cluster", KEY_BOOL, .def = "false",
	 .help = "under load, one receive interrupt for several packets (US 8,959,529)"},
	{"cluster_rate_packets", KEY_COUNT, .def = "120", .min = 1, .max = 65535,
	 .help = "it is on while more packets than this came in cluster_rate_window"},
	{"cluster_rate_window", KEY_TIME, .def = "120ms", .min = 1, .max = 1000 * SIM_S,
	 .help = "sliding, up to and including the packet that is judged"},
	{"cluster_count", KEY_COUNT, .def = "10", .min = 1, .max = 32768,
	 .help = "on: unprocessed packets at which the guest is interrupted"},
	{"cluster_timer", KEY_TIME, .def = "10ms", .min = 1, .max = 1000 * SIM_S,
	 .help = "on: longest that a packet waits for that; 10 take 10ms at the default rate"},
	{"irq_mask", KEY_TIME, .def = "0", .max = SIM_S,
	 .help = "how long it masks its receive interrupt after taking one; one that comes pends"},
	{"tx_csum", KEY_CHOICE, .def = "given", .choices = "given|offload|software",
	 .help = "TCP and UDP checksums: as the process made them, left to the device, computed"},
	{"tx_interrupt", KEY_CHOICE, .def = "full", .choices = "full|sent",
	 .help = "when it hears of sent frames: if it waits for room, or (as Linux does) when all "
		 "that it has out are sent"},
	{"tx_trap", KEY_CHOICE, .def = "kernel", .choices = "kernel|vmm",
	 .help = "where a request to send traps to: the host's kernel, or the device emulator, "
		 "which passes it on"},
	{"tx_batch", KEY_COUNT, .def = "0", .max = 32768,
	 .help = "pointers to send that one request serves; 0: each burst has its own"},
	{"tx_timer", KEY_TIME, .def = "100us", .max = 1000 * SIM_S,
	 .help = "with tx_batch: longest that a pointer waits for its request; 0: no such trigger"},
	{"tx_ack_age", KEY_TIME, .def = "0", .max = 1000 * SIM_S,
	 .help = "with tx_batch: age of the last acknowledgement that is one; 0: no such trigger"},
	{"zero_copy_preset", KEY_CHOICE, .def = "none", .choices = "none|vhost-net",
	 .presets = zero_copy_presets,
	 .help = "what vhost-net adds to zero-copy sending: the four keys below"},
	{"zero_copy_min", KEY_BYTES, .def = "0", .max = 65550,
	 .help = "shorter frames are copied (too_small); vhost-net 256B"},
	{"zero_copy_inflight", KEY_COUNT, .def = "0", .choices = "vhost", .max = 32768,
	 .help = "zero-copied buffers away at a time, others are copied (in_flight_cap); 0: any; "
		 "vhost: the less of 128 and queue_size / 4"},
	{"zero_copy_backoff", KEY_BOOL, .def = "false",
	 .help = "copy (backing_off) while errors exceed packets / 64, counted anew each 1024"},
	{"zero_copy_release", KEY_CHOICE, .def = "out-of-order", .choices = "out-of-order|in-order",
	 .help = "zero-copied buffers go back one by one, or as the done prefix"},
	{"tx_pool", KEY_COUNT, .def = "0", .max = 32768,
	 .help = "hypervisor buffers to send by; 0: as many as the NIC's tx_ring"},
	{"tx_pool_empty", KEY_CHOICE, .def = "wait", .choices = "wait|drop",
	 .help = "a frame to be copied that finds none: waits, or is no_hypervisor_buffer"},
	{0},
};

static const struct key_decl traffic_keys[] = {
	{"trace", KEY_PATH, .help = "capture to replay (pcap, pcapng); without one: synthetic"},
	{"from", KEY_REFS, .def = "wire", .choices = "guest|wire", .help = "who sends"},
	{"to", KEY_REFS, .def = "wire", .choices = "guest|wire|all",
	 .help = "who receives; a capture's frames go there by a filter rule; all: broadcast"},
	{"match", KEY_CHOICE, .choices = "mac|ip",
	 .help = "ends of a capture's frames by their addresses, instead of from and to"},
	{"timing", KEY_STRING, .def = "recorded", .check = check_timing,
	 .help = "of a capture: recorded, scaled:0.5, rate:5Gbit/s, pps:1e6, back-to-back"},
	{"loop", KEY_COUNT, .def = "1", .min = 1, .max = 1000000000,
	 .help = "times it is replayed"},
	{"filter", KEY_STRING, .help = "frames of a capture to replay: a BPF expression"},
	{"source", KEY_CHOICE, .def = "constant", .choices = "constant|poisson|onoff",
	 .help = "synthetic: law of the gaps"},
	{"size", KEY_STRING, .def = "1500B", .check = check_size, .plain = KEY_BYTES,
	 .help = "synthetic: 1500B, imix (60/590/1514 at 7:4:1), uniform:60B..1514B; no FCS"},
	{"rate", KEY_RATE, .choices = "max", .min = 1, .max = 10000000000000u,
	 .help = "offered load, frames without FCS; of a capture: as timing = rate:"},
	{"pps", KEY_COUNT, .min = 1, .max = 1000000000000u, .excludes = "rate",
	 .help = "offered frames a second"},
	{"flows", KEY_COUNT, .def = "1", .min = 1, .max = 16384,
	 .help = "synthetic: UDP flows, taken in turn"},
	{"on", KEY_TIME, .def = "1ms", .min = 1, .max = SIM_MAX,
	 .help = "onoff: length of a burst"},
	{"off", KEY_TIME, .def = "1ms", .max = SIM_MAX, .help = "onoff: silence after it"},
	{"packets", KEY_COUNT, .min = 1, .max = 1000000000000u, .help = "frames to offer"},
	{"duration", KEY_TIME, .min = 1, .max = SIM_MAX, .help = "time to offer frames"},
	{"start", KEY_TIME, .def = "0s", .max = SIM_MAX, .help = "when it begins"},
	{"when_full", KEY_CHOICE, .def = "wait", .choices = "wait|drop",
	 .help = "a guest that finds its send queue full"},
	{"cache", KEY_BYTES, .def = "256MiB", .min = 4096,
	 .help = "captures that expand to more are streamed"},
	{0},
};

const struct group_decl option_groups[] = {
	{"scenario", .keys = scenario_keys, .help = "the run"},
	{"host", .keys = host_keys, .help = "the machine"},
	{"cost", .keys = cost_keys, .help = "what work costs a CPU, in cycles of [host] clock"},
	{"iommu", .keys = iommu_keys, .help = "DMA remapping"},
	{"nic", .named = true, .many = true, .keys = nic_keys, .help = "a network interface"},
	{"guest", .named = true, .many = true, .keys = guest_keys, .help = "a virtual machine"},
	{"traffic", .named = true, .many = true, .keys = traffic_keys, .help = "what is offered"},
	{0},
};

/* ---- traffic
 * ------------------------------------------------------------------------------------------ */

static int end_index(const struct scenario *sc, const char *name)
{
	if (!strcmp(name, "all"))
		return TRAFFIC_ALL;
	return strcmp(name, "wire") ? (int)cfg_index(scenario_find(sc, name)) : TRAFFIC_WIRE;
}

static uint32_t read_ends(const struct scenario *sc, const struct cfg *c, const char *key, int *out)
{
	const char *const *name = cfg_list(c, key);
	uint32_t n = 0;

	for (; name && name[n]; n++)
		out[n] = end_index(sc, name[n]);
	return n;
}

static bool has_guest(const struct traffic_set *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->end[i] >= 0)
			return true;
	return false;
}

static bool has_end(const struct traffic_set *s, int end)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->end[i] == end)
			return true;
	return false;
}

/* Where the frames of a capture come from and go to. */
static bool check_ends(const struct cfg *c, const struct traffic_cfg *t, GError **error)
{
	if (t->match) {
		if (!t->trace)
			return cfg_error(c, "match", error,
					 "only a capture has addresses to match; "
					 "give from or to");
		if (cfg_is_set(c, "from") || cfg_is_set(c, "to"))
			return cfg_error(c, "match", error,
					 "excludes from and to; leave it or them out");
		return true;
	}
	if (t->trace && has_guest(&t->from) && has_guest(&t->to))
		return cfg_error(c, "to", error,
				 "both ends are guests, and between them frames go by address; "
				 "use match = mac or match = ip instead of from and to");
	if (has_end(&t->to, TRAFFIC_ALL) &&
	    (t->trace || t->to.n > 1 || has_end(&t->from, TRAFFIC_WIRE)))
		return cfg_error(c, "to", error,
				 "all stands alone, and is for synthetic frames from guests; a "
				 "capture's frames are for all by their address: use match = mac");
	if (!has_guest(&t->from) && !has_guest(&t->to))
		return cfg_error(c, NULL, error, "no guest is at either end; set to, from%s",
				 t->trace ? " or match" : "");
	return true;
}

static bool read_timing(const struct cfg *c, struct traffic_cfg *t, GError **error)
{
	g_autofree char *why = NULL;
	bool rate = cfg_has(c, "rate"), pps = cfg_has(c, "pps");

	if (t->trace) {
		if (cfg_is_set(c, "timing") && (rate || pps))
			return cfg_error(c, "timing", error,
					 "excludes rate and pps; leave it or "
					 "them out");
		if (!rate && !pps)
			return parse_timing(cfg_str(c, "timing"), t, &why);
	} else if (cfg_is_set(c, "timing")) {
		return cfg_error(c, "timing", error, "belongs to captures; use rate or pps");
	} else if (!rate && !pps) {
		return cfg_error(c, NULL, error, "how fast? set rate or pps, as in rate = 2Gbit/s");
	}
	if (pps) {
		t->timing = TRAFFIC_PPS;
		t->pps = cfg_u64(c, "pps");
	} else if (cfg_is_quantity(c, "rate")) {
		t->timing = TRAFFIC_RATE;
		t->rate_bps = cfg_rate(c, "rate");
	} else {
		t->timing = TRAFFIC_BACK_TO_BACK;
	}
	return true;
}

bool options_traffic(const struct scenario *sc, const struct cfg *c,
		     const struct traffic_endpoint *endpoints, uint32_t guests,
		     struct traffic_cfg *out, int **ends, GError **error)
{
	g_autofree char *why = NULL;
	*ends = g_new(int, 2 * (guests + 1));
	*out = (struct traffic_cfg){
		.name = cfg_name(c),
		.seed = cfg_u64(scenario_find(sc, "scenario"), "seed"),
		.endpoints = endpoints,
		.n_endpoints = guests,
		.from = {.end = *ends},
		.to = {.end = *ends + guests + 1},
		.match = cfg_has(c, "match") ? TRAFFIC_MATCH_MAC + (unsigned)cfg_choice(c, "match")
					     : TRAFFIC_MATCH_NONE,
		.start = cfg_time(c, "start"),
		.duration = cfg_time(c, "duration"),
		.packets = cfg_u64(c, "packets"),
		.trace = cfg_has(c, "trace") ? cfg_path(c, "trace") : NULL,
		.filter = cfg_str(c, "filter"),
		.loop = cfg_u64(c, "loop"),
		.cache_bytes = cfg_u64(c, "cache"),
		.source = (enum traffic_source)cfg_choice(c, "source"),
		.on = cfg_time(c, "on"),
		.off = cfg_time(c, "off"),
		.flows = (uint32_t)cfg_u64(c, "flows"),
	};
	out->from.n = read_ends(sc, c, "from", *ends);
	out->to.n = read_ends(sc, c, "to", *ends + guests + 1);
	parse_size(cfg_str(c, "size"), &out->size, &why);
	if (!check_ends(c, out, error) || !read_timing(c, out, error))
		return false;
	if (out->match)
		out->from.n = out->to.n = 0;
	if (!out->trace && !out->packets && !out->duration)
		return cfg_error(c, NULL, error,
				 "never ends; set packets or duration, as in duration = 10ms");
	return true;
}

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
	if (cfg_choice(iommu, "mode") == 0)
		return cfg_error(iommu, "mode", error,
				 "%s has attach = vf, and without an IOMMU its device could reach "
				 "all of machine memory; use static, strict or deferred",
				 cfg_name(g));
	return true;
}

static bool check_guest(const struct cfg *g, GError **error)
{
	if (!cfg_bool(g, "mrg_rxbuf") && cfg_u64(g, "rx_buffer"))
		return cfg_error(
			g, "rx_buffer", error,
			"needs mrg_rxbuf; without it a buffer must hold the longest frame");
	if (cfg_u64(g, "tx_batch") > 1 && !cfg_time(g, "tx_timer") && !cfg_time(g, "tx_ack_age"))
		return cfg_error(g, "tx_batch", error,
				 "would hold the last frames back for ever; set tx_timer or "
				 "tx_ack_age");
	if (cfg_u64(g, "rx_buffer") && cfg_u64(g, "rx_buffer") < 256)
		return cfg_error(g, "rx_buffer", error, "is too small; use 256B or more, or 0");
	return true;
}

bool options_check(const struct scenario *sc, GError **error)
{
	size_t guests = scenario_count(sc, "guest");
	const struct cfg *iommu = scenario_find(sc, "iommu");
	uint64_t entries = cfg_u64(iommu, "iotlb_entries"), ways = cfg_u64(iommu, "iotlb_ways");
	const char *file = scenario_path(sc);

	if (!scenario_count(sc, "nic") || !guests || !scenario_count(sc, "traffic")) {
		g_set_error(
			error, SIM_ERROR, SIM_EXIT_USAGE,
			"%s: a scenario needs at least one [nic NAME], one [guest NAME] and one "
			"[traffic NAME]; there is no %s",
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
	if (entries % ways || (entries / ways & (entries / ways - 1)))
		return cfg_error(iommu, "iotlb_ways", error,
				 "iotlb_entries / iotlb_ways must be a power of two");
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
