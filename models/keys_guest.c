/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keys_guest.c - keys of [guest]. */
#include "host/llc.h"
#include "policy_words.h"
#include "options_impl.h"

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

static const char *const zero_copy_vhost[] = {
	"guest.zero_copy_min=256B", "guest.zero_copy_inflight=vhost",
	"guest.zero_copy_backoff=true", "guest.zero_copy_release=in-order", NULL};
static const struct key_preset zero_copy_presets[] = {{"vhost-net", zero_copy_vhost}, {0}};

const struct key_decl guest_keys[] = {
	{"nic", KEY_REF, .choices = "nic", .help = "NIC that it is behind; default: the first one"},
	{"mac", KEY_STRING, .check = check_mac,
	 .help = "address; default 52:54:00:00:00:01 and counting"},
	{"ip", KEY_STRING, .check = check_ip, .help = "IPv4 address, for match = ip"},
	{"memory", KEY_BYTES, .def = "64MiB", .min = 1 << 20, .max = 64ull << 30,
	 .help = "guest memory"},
	{"page_size", KEY_CHOICE, .def = "4KiB", .choices = "4KiB|2MiB|1GiB",
	 .help = "pages that back it"},
	{"node", KEY_COUNT, .def = "0", .max = LLC_NODES - 1,
	 .help = "NUMA node of its memory and vCPUs"},
	{"vcpus", KEY_COUNT, .def = "1", .min = 1, .max = 2,
	 .help = "virtual CPUs; with 2 the second one sends"},
	{"policy", KEY_CHOICE, .def = "single-copy", .choices = policy_words,
	 .help = "how the host moves frames, both ways"},
	{"rx_policy", KEY_CHOICE, .choices = policy_words, .help = "policy of receive, if another"},
	{"tx_policy", KEY_CHOICE, .choices = policy_words,
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
	{"kick", KEY_CHOICE, .def = "exit", .choices = "exit|doorbell",
	 .help = "virtio: a request to the host leaves the guest (ioeventfd), or is a write to a "
		 "mapped page (vDPA)"},
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
	{"work", KEY_STRING, .def = "0", .check = options_work, .plain = KEY_TIME,
	 .help = "what its process does with each frame that it has read: 500ns, "
		 "exponential:500ns, uniform:1us..2us; 0: nothing"},
	{"napi_weight", KEY_COUNT, .def = "64", .min = 1, .max = 64,
	 .help = "frames that its driver takes in a turn, whose buffers go back together; Linux "
		 "64"},
	{"napi_budget", KEY_COUNT, .def = "0", .max = 1000000,
	 .help = "frames that its driver takes before the vCPU's other work has a turn; 0: one "
		 "turn's; Linux 300, then a woken thread goes on"},
	{"napi_time", KEY_TIME, .def = "2ms", .min = 1, .max = 1000 * SIM_S,
	 .help = "the same in time, with napi_budget; Linux 2 ms"},
	{"destroyed_at", KEY_TIME, .max = SIM_MAX,
	 .help = "when it is destroyed in mid-run; default: never"},
	{"queue_size", KEY_STRING, .def = "256", .check = options_power, .plain = KEY_COUNT,
	 .help = "of each virtqueue, a power of two"},
	{"event_idx", KEY_BOOL, .def = "true", .help = "virtio: suppress notifications by index"},
	{"indirect_desc", KEY_BOOL, .def = "true", .help = "virtio: chains in tables of their own"},
	{"mrg_rxbuf", KEY_BOOL, .def = "true",
	 .help = "virtio: a frame may fill several buffers; never with delivery = process"},
	{"rx_buffer", KEY_BYTES, .def = "0", .max = 65536 + 4096,
	 .help = "kernel's receive buffers; 0: what the mtu needs; less needs mrg_rxbuf"},
	{"rx_copybreak", KEY_BYTES, .def = "0", .max = 65550,
	 .help = "vf, zero-copy receive: frames up to this are copied (copybreak), and their "
		 "buffer stays mapped and posted; 0: none; Linux e1000e and igb 256B"},
	{"mrg_header", KEY_CHOICE, .def = "late", .choices = "late|early",
	 .help = "with mrg_rxbuf, frames that the host copies: header written after the frame, or "
		 "before it, which costs [cost] header_early; DPDK vhost: late since 16.11"},
	{"overwrite", KEY_TIME, .def = "0", .max = SIM_S,
	 .help = "a hazard: the process writes over a sent frame, so long after sending; 0: never"},
	{"socket_queue", KEY_STRING, .def = "256", .check = options_power, .plain = KEY_COUNT,
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
	{"tx_header", KEY_BYTES, .def = "0", .max = 256,
	 .help = "with delivery = kernel: so much of a longer sent frame is a piece of its own, to "
		 "be "
		 "mapped apart; 0: none; Linux's TCP: its headers, 66B"},
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
	{"app", KEY_CHOICE, .def = "endpoint", .choices = "endpoint|echo|sink|bridge",
	 .help = "vnictap with [tap] far = none: its process; endpoint: the scenario's; echo: "
		 "answers "
		 "ARP, ping, UDP; bridge: programs in a network namespace behind it"},
	{0},
};
