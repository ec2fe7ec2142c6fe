/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keys_host.c - keys of [host] and [iommu]; models with many bring their own. */
#include "host/llc.h"
#include "options_impl.h"
#include "tap_keys.h"

#include "dpath.h"

/*
 * Machine generations: what is known of each, from where docs/presets.md says. What is not here
 * stays at its default, whatever the generation.
 */
static const char *const nehalem_2009[] = {"host.clock=2.93GHz",
					   "host.l2=256KiB",
					   "host.llc=8MiB",
					   "host.llc_ways=16",
					   "host.ddio_ways=0",
					   "host.posted_interrupts=false",
					   "host.eoi=exit",
					   "cost.vm_exit=2000",
					   "cost.irq_handle=6900",
					   "pcie.generation=2",
					   NULL};
static const char *const broadwell_2016[] = {"host.clock=2.2GHz",       "host.l2=256KiB",
					     "host.llc=25MiB",          "host.llc_ways=20",
					     "host.ddio_ways=2",        "host.llc_miss=74ns",
					     "host.llc_read_miss=43ns", "host.remote_dma=53ns",
					     "iommu.walkers=6",         "iommu.walk_read=72ns",
					     "pcie.generation=3",       "pcie.read_base=543400ps",
					     "pcie.read_byte=291ps",    NULL};
static const char *const rome_2020[] = {
	"host.clock=2.25GHz", "host.l2=512KiB",    "host.llc=16MiB",    "host.llc_ways=16",
	"host.ddio_ways=0",   "cost.vm_exit=1360", "pcie.generation=4", NULL};
static const char *const icelake_2021[] = {"host.clock=3.1GHz",
					   "host.l2=1280KiB",
					   "host.llc=36MiB",
					   "host.llc_ways=12",
					   "host.ddio_ways=2",
					   "pcie.generation=4",
					   NULL};
static const struct key_preset host_presets[] = {{"nehalem-2009", nehalem_2009},
						 {"broadwell-2016", broadwell_2016},
						 {"rome-2020", rome_2020},
						 {"icelake-2021", icelake_2021},
						 {0}};

const struct key_decl host_keys[] = {
	{"cores", KEY_COUNT, .def = "1", .min = 1, .max = 256,
	 .help = "cores for datapaths and device emulators; workers are dealt out in turn"},
	{"workers", KEY_CHOICE, .def = "spread", .choices = "spread|together",
	 .help = "cores are dealt out to workers in turn, or to guests, all of whose workers share "
		 "one"},
	{"clock", KEY_FREQ, .def = "2.5GHz", .min = 1000000, .max = 1000000000000u,
	 .help = "of every core and vCPU; [cost] counts in its cycles"},
	{"datapath", KEY_CHOICE, .def = "interrupt", .choices = "interrupt|poll",
	 .help = "how host cores learn of work"},
	{"batch", KEY_COUNT, .def = "64", .min = 1, .max = DPATH_BURST,
	 .help = "frames that a host worker takes before it publishes, rings doorbells and "
		 "notifies; vhost-net and DPDK vhost 64 and 32"},
	{"turn_packets", KEY_COUNT, .def = "0", .max = 1u << 20,
	 .help = "frames after which a worker lets others on its core have a turn; 0: after each "
		 "batch; vhost-net 256"},
	{"turn_bytes", KEY_BYTES, .def = "0", .max = 1ull << 40,
	 .help = "with turn_packets: the same in bytes; 0: any; vhost-net 512KiB"},
	{"offload", KEY_CHOICE, .def = "none", .choices = "none|idle",
	 .help = "idle: a core with nothing to do takes a guest's request to send without a trap"},
	{"posted_interrupts", KEY_BOOL, .def = "true",
	 .help = "a virtual function's interrupts reach a running vCPU without an exit (VT-d)"},
	{"eoi", KEY_CHOICE, .def = "virtual", .choices = "virtual|exit",
	 .help = "the guest's end of an interrupt: in the guest (APIC virtualization), or by an "
		 "exit (before 2013)"},
	{"dma_hypercalls", KEY_BOOL, .def = "true",
	 .help = "the VMM maps memory for a guest's virtual function when the guest asks"},
	{"preset", KEY_CHOICE, .def = "default", .presets = host_presets,
	 .choices = "default|nehalem-2009|broadwell-2016|rome-2020|icelake-2021",
	 .preset_keys = TAP_PRESET_KEYS,
	 .help = "machine generation whose constants are the defaults, see `list presets`; or a "
		 "file of them, as `calibrate` writes it"},
	{"guest_cores", KEY_COUNT, .def = "0", .choices = "host", .max = 4096,
	 .help = "cores that vCPUs share; 0: each has its own; host: those of the datapaths, too"},
	{"quantum", KEY_TIME, .def = "3ms", .min = 1, .max = 1000 * SIM_S,
	 .help = "guest_cores: how long one runs while others wait; Linux 6.6 on 8 CPUs, base "
		 "slice"},
	{"wakeup", KEY_CHOICE, .def = "preempt", .choices = "preempt|queue",
	 .help = "guest_cores: one that wakes and had less than the one that runs goes first, or "
		 "last"},
	{"wake_delay", KEY_TIME, .def = "0", .max = SIM_S,
	 .help = "waking up until work begins, of any CPU that sleeps; latency, no work"},
	{"idle_exit", KEY_TIME, .def = "0", .max = SIM_S,
	 .help = "further, out of a deep idle state; Linux's intel_idle: C1E 10 us, C6 133 us on "
		 "Skylake servers"},
	{"idle_after", KEY_TIME, .def = "0", .max = 1000 * SIM_S,
	 .help = "it is in that state after sleeping so long; the same: C1E 20 us, C6 600 us"},
	{"napi_budget", KEY_COUNT, .def = "0", .max = 1000000,
	 .help = "frames that the worker of a NIC's shared queue takes, 64 a turn, before others "
		 "of "
		 "its core have a turn; 0: one turn's; Linux 300, then a woken thread goes on"},
	{"napi_time", KEY_TIME, .def = "2ms", .min = 1, .max = 1000 * SIM_S,
	 .help = "the same in time, with napi_budget; Linux 2 ms"},
	{"scatter", KEY_BOOL, .def = "true", .help = "hand out memory in shuffled order"},
	{"memory", KEY_BYTES, .def = "0", .max = 1ull << 44,
	 .help = "machine memory; 0: enough for the guests"},
	{"cache", KEY_CHOICE, .def = "off", .choices = "off|model",
	 .help = "model: copies cost by where their bytes are; off: copy_byte everywhere"},
	{"l2", KEY_BYTES, .def = "1MiB", .max = 1ull << 30,
	 .help = "a core's own cache, L1 and L2; 256 KiB until 2016, then 1 to 2 MiB"},
	{"llc", KEY_BYTES, .def = "25MiB", .max = 1ull << 34,
	 .help = "last-level cache of a node; 25 MB in the machines of SIGCOMM 2018"},
	{"llc_ways", KEY_COUNT, .def = "20", .min = 1, .max = 64, .help = "of it; the same"},
	{"ddio_ways", KEY_COUNT, .def = "2", .max = 64,
	 .help = "of them for what devices write; 0: they write to memory; Intel's default is 2"},
	{"working_set", KEY_BYTES, .def = "0", .max = 1ull << 34,
	 .help = "what others keep in the remaining ways, not to be had for the datapath"},
	{"llc_miss", KEY_TIME, .def = "74ns", .max = SIM_MS,
	 .help = "a device writes memory, or must evict to write; Broadwell (SIGCOMM 2018)"},
	{"llc_read_miss", KEY_TIME, .def = "43ns", .max = SIM_MS,
	 .help = "a device reads memory; the same: 600 ns cold, 557 ns in the cache"},
	{"nodes", KEY_COUNT, .def = "1", .min = 1, .max = LLC_NODES,
	 .help = "NUMA nodes, each with a last-level cache and memory"},
	{"core_node", KEY_COUNT, .def = "blocks", .choices = "blocks", .max = LLC_NODES - 1,
	 .help = "node of the host's cores; blocks: the first ones on node 0, and so on"},
	{"remote_dma", KEY_TIME, .def = "53ns", .max = SIM_MS,
	 .help = "a device's access to memory of another node; Broadwell (SIGCOMM 2018)"},
	{"switch_table", KEY_CHOICE, .def = "static", .choices = "static|learned",
	 .help = "local switch: knows the guests' addresses from the start, or each once it has "
		 "sent something"},
	{"reclaim_every", KEY_TIME, .def = "10us", .min = 1, .max = SIM_S,
	 .help = "of a guest that is destroyed: how often the host looks whether anything refers "
		 "to "
		 "its memory; rule of thumb"},
	{"vmm_queue", KEY_STRING, .def = "1024", .check = options_power, .plain = KEY_COUNT,
	 .help = "frames between host kernel and device emulator, a power of two"},
	{0},
};

const struct key_decl iommu_keys[] = {
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
	{"walkers", KEY_COUNT, .def = "6", .max = 256,
	 .help = "walks at once, for devices that wait for them; 0: none takes time; five to six "
		 "on Broadwell (SIGCOMM 2018)"},
	{"walk_base", KEY_TIME, .def = "0", .max = SIM_MS,
	 .help = "a walk, beside what it reads; none is told apart in what is published"},
	{"walk_read", KEY_TIME, .def = "72ns", .max = SIM_MS,
	 .help = "each table entry that a walk reads from memory; four are a miss's 290 ns on "
		 "Broadwell (SIGCOMM 2018)"},
	{"invalidate", KEY_CHOICE, .def = "buffer", .choices = "buffer|page",
	 .help = "strict: one wait for a buffer, or one for each page of it, as Linux drivers have "
		 "it "
		 "who unmap pieces one by one"},
	{"max_table_pages", KEY_COUNT, .def = "0", .max = 1u << 30,
	 .help = "pages that its tables may take (strict, deferred); full, a buffer is not mapped "
		 "and its frame copied (map_failed); 0: any"},
	{"page_size", KEY_CHOICE, .def = "4KiB", .choices = "4KiB|2MiB|1GiB",
	 .help = "largest page of its tables"},
	{"flush_batch", KEY_COUNT, .def = "256", .min = 1, .max = 65536,
	 .help = "deferred: unmaps that force an invalidation; Linux 256"},
	{"iova", KEY_CHOICE, .def = "fresh", .choices = "fresh|aged",
	 .help = "strict, deferred: I/O pages are handed out side by side, or in random order, as "
		 "after a long time (SOSP 2024)"},
	{"flush_queue", KEY_CHOICE, .def = "shared", .choices = "shared|per-core",
	 .help = "deferred: flush_batch is of all cores, or of each; Linux: each"},
	{"inv_lock", KEY_BOOL, .def = "false",
	 .help = "invalidations take a lock on which other cores spin (strict, deferred)"},
	{"lock_pass", KEY_TIME, .def = "50ns", .max = SIM_MS,
	 .help = "taking the lock from another core: a cache line's transfer, rule of thumb"},
	{"lock_handover", KEY_TIME, .def = "100ns", .max = SIM_MS,
	 .help = "and for each core that spins on it: it fetches the line again; as ticket locks "
		 "(OLS 2012), rule of thumb"},
	{"lock_handover_remote", KEY_TIME, .def = "300ns", .max = SIM_MS,
	 .help = "the same for a core of another node, rule of thumb"},
	{"nested", KEY_BOOL, .def = "false",
	 .help = "the IOMMU is itself virtual: an invalidation exits, with the lock held; needs "
		 "inv_lock"},
	{"nested_exit", KEY_TIME, .def = "1us", .max = SIM_S,
	 .help = "that exit, instead of [cost] iotlb_inv; 1000-2000 cycles twice, rule of thumb"},
	{"nested_sync", KEY_TIME, .def = "9us", .max = SIM_S,
	 .help = "until the hypervisor has done it; with the exit 10-12 us (nested-IOMMU logs "
		 "beside Rubin et al., SOSP 2024)"},
	{"flush_timeout", KEY_TIME, .def = "10ms", .min = 1, .max = 1000 * SIM_S,
	 .help = "deferred: longest wait for one; Linux 10 ms"},
	{0},
};
