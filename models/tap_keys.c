/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap_keys.c - keys of [tap], and what cannot be together with it.
 *
 * Costs are times, not cycles: `vnicsim calibrate` measures each by its name and writes them into a
 * file that [host] preset names. The defaults are of one machine, a virtual one of 2.1 GHz with
 * Linux 6.1, and of orders of magnitude elsewhere.
 */
#include "tap_keys.h"

#include <string.h>

#include "host/pcie.h"
#include "nic/nic.h"
#include "options_impl.h"

#define COST(name_, def_, help_)                                                                   \
	{                                                                                          \
		.name = name_, .kind = KEY_TIME, .def = def_, .max = SIM_S, .help = help_          \
	}
#define BYTE(name_, def_, help_)                                                                   \
	{                                                                                          \
		.name = name_, .kind = KEY_TIME, .def = def_, .max = 1000000, .help = help_        \
	}

const struct key_decl tap_keys[] = {
	{"lockstep", KEY_BOOL, .def = "false",
	 .help = "one packet in flight, and all sides idle before the next: also kicks and "
		 "interrupts are then the same on real devices"},
	{"threads", KEY_CHOICE, .def = "many", .choices = "many|one",
	 .help = "far side, datapath and each guest apart, or one thread that drives all in turn"},
	{"backend", KEY_CHOICE, .def = "readwrite", .choices = "readwrite|uring",
	 .help = "how the datapath reaches a device: a system call a frame, or io_uring in "
		 "batches"},
	{"device", KEY_STRING,
	 .help = "vnictap: an interface that exists, or the name of the one to make; default: a "
		 "free vnicN"},
	{"namespace", KEY_STRING, .def = "private",
	 .help = "vnictap: private: a network namespace that ends with the run; current: where "
		 "it is started; else one of `ip netns`"},
	{"far", KEY_CHOICE, .def = "replay", .choices = "replay|none",
	 .help = "vnictap: its own far side sends what comes from the wire and takes what guests "
		 "send; none: whoever uses the interface is the far side"},
	{"vnet_hdr", KEY_BOOL, .def = "false",
	 .help = "a virtio-net header of 12 bytes in front of each frame (IFF_VNET_HDR)"},
	{"queue_length", KEY_COUNT, .def = "1000", .min = 1, .max = 65536,
	 .help = "frames that wait in a device for the datapath; further ones are dropped; Linux "
		 "1000"},
	COST("read", "450ns", "readv() that brings a frame into one buffer, but its bytes"),
	BYTE("read_byte", "60ps", "each byte of it"),
	COST("read_segment", "15ns", "each further buffer of it"),
	COST("read_empty", "150ns", "readv() that finds no frame (EAGAIN)"),
	COST("write", "900ns",
	     "writev() of a frame of one piece, with what the kernel does until the far side has "
	     "it; but its bytes"),
	BYTE("write_byte", "90ps", "each byte of it"),
	COST("write_segment", "15ns", "each further piece of it"),
	COST("write_wake", "0",
	     "threads = many: more, if the far side sleeps for it and is woken; 0: in write"),
	COST("submit", "200ns", "backend = uring: io_uring_enter(), whatever the batch"),
	COST("uring_read", "400ns", "the same: a frame read, instead of read"),
	COST("uring_empty", "100ns", "the same: a read that finds no frame, instead of read_empty"),
	COST("uring_write", "850ns", "the same: a frame written, instead of write"),
	COST("epoll", "1us", "epoll_wait() that sleeps: the datapath goes to sleep and comes back"),
	COST("epoll_ready", "200ns", "epoll_wait() that finds something at once, or nothing"),
	COST("eventfd", "300ns", "a kick or an interrupt: write() to an eventfd"),
	COST("eventfd_read", "150ns", "to take it: read() of the eventfd"),
	COST("wake", "3us",
	     "threads = many: from the event until a thread that slept for it runs; latency, no "
	     "work"),
	COST("turn", "50ns", "threads = one: a turn of the thread, beside what its sides do"),
	COST("pause", "0",
	     "threads = one: more for what comes after nothing was to be done for pause_after; "
	     "others have used the caches"),
	COST("pause_after", "20us", "how long that is"),
	COST("inject", "1500ns",
	     "threads = one: the far side sends a frame (AF_PACKET), but its "
	     "bytes"),
	BYTE("inject_byte", "90ps", "each byte of it"),
	COST("receive", "700ns",
	     "threads = one: the far side takes a frame and compares it, but "
	     "its bytes"),
	BYTE("receive_byte", "150ps", "each byte of it"),
	COST("receive_empty", "150ns", "threads = one: it finds none"),
	{0},
};

/* vnictap has no exits and no emulator to enter; a guest's kernel there is a few calls. */
const char *const tap_brings[] = {
	"iommu.mode=off",    "host.scatter=false", "nic.tx_csum=false", "cost.syscall=0",
	"cost.wake=0",       "cost.host_irq=0",    "cost.inject=0",     "cost.vm_exit=0",
	"cost.vmm_entry=0",  "cost.guest_irq=0",   "cost.guest_rx=0",   "cost.guest_tx=0",
	"cost.guest_post=0", "cost.host_stack=0",  "cost.doorbell=0",   NULL};

const struct cfg *tap_of(const struct scenario *sc)
{
	return scenario_count(sc, "tap") ? scenario_at(sc, "tap", 0) : NULL;
}

/* ---- what no TAP device has ---- */

#define NO_WIRE    "a TAP device has no wire; its far side is another program"
#define NO_DMA     "a TAP device has no DMA: the kernel copies, at [tap] read_byte and write_byte"
#define NO_RING    "a TAP device has no descriptors or registers"
#define NO_SWITCH  "a TAP device has no functions and no switch"
#define NO_FAULTS  "nobody can ask a TAP device for it"
#define ONE_THREAD "the datapath is one thread, and so is each guest"
#define ONE_PIECE  "guest memory is one mapping of the real program"

static const struct refused {
	const char *kind, *key, *why;
} refused[] = {
	{"nic", "link", NO_WIRE},
	{"nic", "tso", NO_WIRE},
	{"nic", "lro", NO_WIRE},
	{"nic", "rx_buffer", NO_WIRE},
	{"nic", "tx_buffer", NO_WIRE},
	{"nic", "bus_rate", NO_DMA},
	{"nic", "dma_write", NO_DMA},
	{"nic", "dma_read", NO_DMA},
	{"nic", "place", NO_DMA},
	{"nic", "node", NO_DMA},
	{"nic", "model", NO_RING},
	{"nic", "rx_fetch", NO_RING},
	{"nic", "tx_fetch", NO_RING},
	{"nic", "prefetch", NO_RING},
	{"nic", "rx_writeback", NO_RING},
	{"nic", "tx_writeback", NO_RING},
	{"nic", "writeback_delay", NO_RING},
	{"nic", "rx_tail", NO_RING},
	{"nic", "tx_tail", NO_RING},
	{"nic", "rx_head", NO_RING},
	{"nic", "tx_head", NO_RING},
	{"nic", "tx_reads", NO_RING},
	{"nic", "tx_free_thresh", NO_RING},
	{"nic", "moderation", NO_RING},
	{"nic", "irq_delay", NO_RING},
	{"nic", "irq_count", NO_RING},
	{"nic", "irq", NO_RING},
	{"nic", "vfs", NO_SWITCH},
	{"nic", "switch", NO_SWITCH},
	{"nic", "anti_spoof", NO_SWITCH},
	{"nic", "switch_latency", NO_SWITCH},
	{"nic", "hairpin_delay", NO_SWITCH},
	{"nic", "peer_message", NO_SWITCH},
	{"nic", "peer_to_peer", NO_SWITCH},
	{"nic", "peer_wait", NO_SWITCH},
	{"nic", "zero_copy_off_at", NO_FAULTS},
	{"nic", "zero_copy_on_at", NO_FAULTS},
	{"nic", "tx_late_every", NO_FAULTS},
	{"nic", "tx_late", NO_FAULTS},
	{"nic", "tx_error_every", NO_FAULTS},
	{"host", "scatter", ONE_PIECE},
	{"host", "memory", ONE_PIECE},
	{"host", "cache", NO_DMA},
	{"host", "nodes", ONE_PIECE},
	{"host", "remote_dma", NO_DMA},
	{"nic", "tx_csum", "no TAP device sums"},
	{"host", "cores", ONE_THREAD},
	{"host", "workers", ONE_THREAD},
	{"host", "offload", ONE_THREAD},
	{"host", "guest_cores", ONE_THREAD},
	{"guest", "vcpus", ONE_THREAD},
	{"guest", "evict_at", ONE_PIECE},
	{"guest", "destroyed_at", ONE_PIECE},
	{"guest", "page_size", ONE_PIECE},
	{"guest", "node", ONE_PIECE},
};

/* Said by the file, but nothing else than [tap] says. */
static bool same_as_brought(const struct cfg *c, const char *key)
{
	g_autofree char *set = g_strdup_printf("%s.%s=%s", cfg_kind(c), key, cfg_str(c, key));

	return g_strv_contains(tap_brings, set);
}

const char *tap_refused(const char *kind, const char *key)
{
	if (!strcmp(kind, "iommu"))
		return "a TAP device has no IOMMU";
	if (!strcmp(kind, "pcie"))
		return "a TAP device is on no bus";
	for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
		if (!strcmp(kind, refused[i].kind) && !strcmp(key, refused[i].key))
			return refused[i].why;
	return NULL;
}

static bool check_keys(const struct cfg *c, const struct key_decl *keys, GError **error)
{
	for (; keys->name; keys++) {
		const char *why = tap_refused(cfg_kind(c), keys->name);

		if (why && cfg_is_set(c, keys->name) && !same_as_brought(c, keys->name))
			return cfg_error(c, keys->name, error,
					 "is not together with [tap]: %s; leave it out, or [tap]",
					 why);
	}
	return true;
}

static bool check_kind(const struct scenario *sc, const char *kind, const struct key_decl *keys,
		       GError **error)
{
	for (size_t i = 0; i < scenario_count(sc, kind); i++)
		if (!check_keys(scenario_at(sc, kind, i), keys, error))
			return false;
	return true;
}

/* One device has the name, and the name is one the kernel takes (IFNAMSIZ). */
static bool check_device(const struct scenario *sc, const struct cfg *tap, GError **error)
{
	const char *name = cfg_str(tap, "device");

	if (!name)
		return true;
	if (scenario_count(sc, "nic") > 1)
		return cfg_error(tap, "device", error,
				 "names one interface, and there are %zu [nic]; leave it out",
				 scenario_count(sc, "nic"));
	if (!*name || strlen(name) > 15 || strpbrk(name, "/: \t") || !strcmp(name, ".") ||
	    !strcmp(name, ".."))
		return cfg_error(tap, "device", error,
				 "is no name of an interface: 1 to 15 letters, no /, : or blank");
	return true;
}

/* Metrics are called after these. */
static bool check_names(const struct scenario *sc, GError **error)
{
	static const char *const taken[] = {"far", "device"};

	for (size_t i = 0; i < G_N_ELEMENTS(taken); i++) {
		const struct cfg *c = scenario_find(sc, taken[i]);
		if (c)
			return cfg_error(c, NULL, error,
					 "is the name of something else where [tap] is; choose "
					 "another");
	}
	return true;
}

/* A guest's own process needs somebody to talk to, and an address to be found by. */
static bool check_app(const struct cfg *tap, const struct cfg *guest, GError **error)
{
	const char *app = cfg_str(guest, "app");

	if (!strcmp(app, "endpoint"))
		return true;
	if (!tap || cfg_choice(tap, "far") != TAP_FAR_NONE)
		return cfg_error(
			guest, "app", error,
			"= %s is for vnictap with [tap] far = none, where somebody else uses "
			"the device; leave it out",
			app);
	if (!strcmp(app, "sink") || cfg_has(guest, "ip"))
		return true;
	return cfg_error(guest, "ip", error,
			 "is missing: app = %s needs an address; as in 10.0.0.2", app);
}

static bool check_apps(const struct scenario *sc, const struct cfg *tap, GError **error)
{
	for (size_t i = 0; i < scenario_count(sc, "guest"); i++)
		if (!check_app(tap, scenario_at(sc, "guest", i), error))
			return false;
	return true;
}

bool tap_check(const struct scenario *sc, GError **error)
{
	const struct cfg *tap = tap_of(sc);

	if (!check_apps(sc, tap, error))
		return false;
	if (!tap)
		return true;
	if (scenario_count(sc, "dma"))
		return cfg_error(scenario_at(sc, "dma", 0), NULL, error,
				 "is not together with [tap]: " NO_DMA "; leave it out, or [tap]");
	if (!check_kind(sc, "nic", nic_keys, error) || !check_kind(sc, "host", host_keys, error) ||
	    !check_kind(sc, "guest", guest_keys, error) ||
	    !check_kind(sc, "iommu", iommu_keys, error) ||
	    !check_kind(sc, "pcie", pcie_keys, error) || !check_device(sc, tap, error) ||
	    !check_names(sc, error))
		return false;
	for (size_t i = 0; i < scenario_count(sc, "guest"); i++)
		if (cfg_choice(scenario_at(sc, "guest", i), "attach") == 1)
			return cfg_error(scenario_at(sc, "guest", i), "attach", error,
					 "= vf is not together with [tap]: " NO_SWITCH
					 "; use attach = virtio, or leave [tap] out");
	return true;
}
