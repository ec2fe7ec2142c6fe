/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_metrics.c - tables: every metric that there is, the sections of the report, the columns
 * of a sweep. machine_result.c fills them.
 */
#include "machine.h"

#include "../sim/metric.h"
#include "../sim/search.h"

enum {
	OBJ_GUEST = 1,
	OBJ_GUESTS = 2,
	OBJ_CORE = 4,
	OBJ_VCPU = 8,
	OBJ_NIC = 16,
	OBJ_NIC_DIR = 32,
	OBJ_IOMMU = 64,
	OBJ_TRAFFIC = 128,
	OBJ_RUN = 256,
	OBJ_VF = 512,
	OBJ_HOST = 1024,
	OBJ_DMA = 2048,
	OBJ_DMAS = 4096,
	OBJ_SHARED = 8192,
	OBJ_PROCESS = 16384,
	OBJ_PROCESSES = 32768,
	OBJ_SEARCH = 65536,
};
#define G (OBJ_GUEST | OBJ_GUESTS)
#define C (OBJ_CORE | OBJ_VCPU)
#define P (OBJ_PROCESS | OBJ_PROCESSES)

static const struct metric_object objects[] = {
	{OBJ_GUEST, .kind = "guest", .directed = true},
	{OBJ_GUESTS, .name = "guests", .directed = true},
	{OBJ_CORE, .name = "host", .part = "core"},
	{OBJ_VCPU, .kind = "guest", .part = "vcpu"},
	{OBJ_PROCESS, .kind = "guest", .part = "process", .only = true},
	{OBJ_PROCESSES, .name = "guests", .part = "process", .only = true},
	{OBJ_VF, .kind = "nic", .part = "vf", .directed = true},
	{OBJ_NIC_DIR, .kind = "nic", .directed = true},
	{OBJ_NIC, .kind = "nic"},
	{OBJ_IOMMU, .name = "iommu"},
	{OBJ_SHARED, .name = "host", .part = "shared"},
	{OBJ_HOST, .name = "host"},
	{OBJ_DMA, .kind = "dma"},
	{OBJ_DMAS, .name = "dmas"},
	{OBJ_TRAFFIC, .kind = "traffic"},
	{OBJ_RUN, .name = "run"},
	{OBJ_SEARCH, .name = SEARCH_KIND},
	{0},
};

static const char *const busy_words[] = {
#define X(id, name) #name,
	PLAT_WORKS(X)
#undef X
		"spin",
	NULL};

static const char *const place_words[] = {"l2", "llc", "dram", "remote", NULL};
/* Exact but for the percentiles, which are within 0.8%. */
static const char *const work_words[] = {"min", "mean", "p50", "p90", "p99", "p999", "max", NULL};

static const struct metric_decl metrics[] = {
	{"packets", "packets", G | OBJ_NIC_DIR | OBJ_VF,
	 .help = "frames offered; of a NIC: on the wire; of a virtual function: received, sent"},
	{"packets_local", "packets", OBJ_VF, .help = "of them from or to guests of this host"},
	{"bytes", "bytes", G, .help = "of the frames offered, without padding and FCS"},
	{"delivered", "packets", G, .help = "frames that arrived, byte for byte"},
	{"delivered_bytes", "bytes", G, .help = "of the frames that arrived"},
	{"drops", "packets", G | OBJ_NIC_DIR | OBJ_VF,
	 .help = "frames lost; of a virtual function: on the way into it, or as it sent them"},
	{"drops.*", "packets", G | OBJ_VF, .help = "frames lost, by reason",
	 .words = ledger_drop_names},
	{"resident", "packets", G, .help = "frames still under way at the end"},
	{"copies", "copies", G, .help = "moves of payload by a CPU, of delivered frames"},
	{"copies.*", "copies", G, .help = "by site", .words = ledger_site_names},
	{"copy_bytes", "bytes", G, .help = "moved by CPUs, of delivered frames"},
	{"copy_bytes.*", "bytes", G, .help = "by site", .words = ledger_site_names},
	{"copies_per_packet", "", G, .help = "copies / delivered"},
	{"host_copies_per_packet", "", G, .help = "of them by the host"},
	{"guest_copies_per_packet", "", G, .help = "of them by the guest"},
	{"wasted_copies", "copies", G, .help = "spent on frames that were dropped later"},
	{"header_copies", "copies", G, .help = "of headers alone, under header split"},
	{"header_only", "packets", G,
	 .help = "frames without payload, under header split; outside copies_per_packet"},
	{"csum_bytes", "bytes", G, .help = "that CPUs, guest's and host's, summed for checksums"},
	{"fallbacks", "packets", G, .help = "frames copied for another reason than their policy"},
	{"fallbacks.*", "packets", G, .help = "by reason", .words = ledger_reason_names + 1},
	{"hazards.*", "events", G, .help = "what a guest did wrong, by kind",
	 .words = ledger_hazard_names},
	{"dma_transfers", "transfers", G, .help = "of frames, by the NIC"},
	{"dma_segments", "segments", G, .help = "pieces of them, as translated"},
	{"dma_bytes", "bytes", G, .help = "of frames, by the NIC"},
	{"capability_queries", "queries", G,
	 .help = "zero-copy sending: devices asked what they can, once a request"},
	{"zero_copy_errors", "packets", G, .help = "zero-copied and reported failed by the device"},
	{"reuse_ns.mean", "ns", G,
	 .help = "send buffers: handed to the device until the guest has them back"},
	{"reuse_ns.max", "ns", G, .help = "the longest"},
	{"vm_exits", "exits", G, .help = "from guest to host: kicks, interrupts or halts"},
	{"vmm_entries", "entries", G, .help = "control reaches the device emulator; one a batch"},
	{"hypercalls", "calls", G, .help = "calls of the guest to its hypervisor, set-up left out"},
	{"hypercalls_setup", "calls", G, .help = "before time 0"},
	{"map_failures", "buffers", G, .help = "vf: that the guest's driver got no mapping for"},
	{"interrupts", "interrupts", G | OBJ_NIC,
	 .help = "into the guest; of a NIC: into the host"},
	{"interrupts_suppressed", "interrupts", G, .help = "that the guest did not want"},
	{"interrupts_pended", "interrupts", G,
	 .help = "raised while the guest had them masked; taken once, on unmask"},
	{"interrupts.by_count", "interrupts", G,
	 .help = "raised while clustering, because of cluster_count"},
	{"interrupts.by_timer", "interrupts", G,
	 .help = "raised while clustering, because of cluster_timer"},
	{"clusterings", "times", G, .help = "that interrupt clustering went on"},
	{"clustered_packets", "packets", G, .help = "put in the guest's queue while it was on"},
	{"clustered_interrupts_per_packet", "", G,
	 .help = "interrupts raised while clustering / clustered_packets"},
	{"virtq_errors.*", "events", G,
	 .help = "offences against the virtqueue, by kind; the first stops it",
	 .words = virtq_err_names + 1},
	{"kicks", "kicks", G, .help = "of the guest to the host"},
	{"kicks_offloaded", "kicks", G, .help = "taken by an idle core, without a trap"},
	{"requests.*", "", G, .help = "put off by tx_batch and then due, by trigger",
	 .words = txbatch_trigger_names},
	{"kicks_suppressed", "kicks", G, .help = "that the host did not want"},
	{"kicks_per_packet", "", G, .help = "kicks / delivered"},
	{"interrupts_per_packet", "", G, .help = "interrupts / delivered"},
	{"digest", "", G, .help = "what arrived, by flow and in order; equal across policies",
	 .text = true},
	{"latency_ns.min", "ns", G,
	 .help = "scheduled arrival or intended send, to readable or last bit"},
	{"latency_ns.mean", "ns", G, .help = "exact mean"},
	{"latency_ns.p50", "ns", G, .help = "median, within 0.8%"},
	{"latency_ns.p90", "ns", G, .help = "within 0.8%"},
	{"latency_ns.p99", "ns", G, .help = "within 0.8%"},
	{"latency_ns.p999", "ns", G, .help = "within 0.8%"},
	{"latency_ns.max", "ns", G, .help = "exact"},
	{"stage_ns.*.mean", "ns", G, .help = "part of the mean latency",
	 .words = ledger_stage_names},
	{"stage_ns.*.p50", "ns", OBJ_GUESTS,
	 .help = "of all frames, also those that do not pass it", .words = ledger_stage_names},
	{"stage_ns.*.p99", "ns", OBJ_GUESTS, .help = "within 0.8%", .words = ledger_stage_names},
	{"work_ns.mean", "ns", P, .help = "of a guest with work: of its process on a frame"},
	{"wait_ns.*", "ns", P,
	 .help = "from handed to the guest until the process begins on the frame",
	 .words = work_words},
	{"sojourn_ns.*", "ns", P, .help = "until the process is done with it", .words = work_words},
	{"occupancy.mean", "packets", P,
	 .help = "virtio: frames handed to the guest and not done with, over time; kept apart "
		 "from the stamps"},
	{"throughput_bps", "bit/s", G, .help = "delivered, first to last delivery"},
	{"packets_per_second", "1/s", G, .help = "delivered, first to last delivery"},
	{"busy_ratio", "", C | OBJ_SHARED, .help = "time not idle, spinning included"},
	{"steal_ratio", "", C, .help = "on a shared core: time ready, and another one had it"},
	{"switches", "switches", OBJ_SHARED, .help = "of a shared core, from one CPU to another"},
	METRICS_OF_SEARCH(OBJ_SEARCH),
	{"busy_cpus", "", OBJ_RUN, .help = "work of all CPUs, in CPUs"},
	{"work_ratio", "", C, .help = "time at work"},
	{"busy_ns.*", "ns", C, .help = "by kind of work", .words = busy_words},
	{"utilization", "", OBJ_NIC_DIR,
	 .help = "of the link: slots with preamble, gap, padding, FCS"},
	{"bus_utilization", "", OBJ_NIC_DIR, .help = "of the bus in that direction"},
	{"pcie.tlps", "packets", OBJ_NIC_DIR,
	 .help = "on [pcie], of the transaction layer; rx: to the host, tx: to the device"},
	{"pcie.bytes", "bytes", OBJ_NIC_DIR, .help = "of them, headers included"},
	{"pcie.reads", "transactions", OBJ_NIC,
	 .help = "of memory by the NIC, descriptors included"},
	{"pcie.writes", "transactions", OBJ_NIC, .help = "the same, interrupts not included"},
	{"pcie.doorbells", "writes", OBJ_NIC, .help = "of tails by drivers"},
	{"pcie.head_reads", "reads", OBJ_NIC, .help = "of heads by drivers, whose CPUs wait"},
	{"pcie.msis", "interrupts", OBJ_NIC, .help = "written by the NIC"},
	{"pcie.tags.mean", "requests", OBJ_NIC, .help = "read requests outstanding, over time"},
	{"pcie.tags.max", "requests", OBJ_NIC, .help = "the most of the run"},
	{"ring_occupancy.mean", "descriptors", OBJ_NIC_DIR,
	 .help = "filled ones that a frame finds"},
	{"ring_occupancy.max", "descriptors", OBJ_NIC_DIR, .help = "the most that one found"},
	{"descriptor_bytes", "bytes", OBJ_NIC, .help = "descriptors read and written back"},
	{"pins", "pages", G | OBJ_NIC,
	 .help = "pages held in place for DMA; of a guest: asked for by its DMA layer (vf)"},
	{"unpins", "pages", G | OBJ_NIC, .help = "pages let go, teardown included"},
	{"maps", "pages", G | OBJ_NIC,
	 .help = "IOMMU mappings of guest memory; of a guest: asked for by its DMA layer (vf)"},
	{"unmaps", "pages", G | OBJ_NIC, .help = "their ends, teardown included"},
	{"bad_descriptors", "descriptors", OBJ_NIC,
	 .help = "descriptors that make no frame and tails beyond a ring: a guest's doing"},
	{"*.transactions", "transactions", OBJ_DMA, .help = "offered, by operation",
	 .words = dmabench_ops},
	{"*.done", "transactions", OBJ_DMA, .help = "of those offered", .words = dmabench_ops},
	{"*.drops", "transactions", OBJ_DMA, .help = "of those offered: none could be begun",
	 .words = dmabench_ops},
	{"*.resident", "transactions", OBJ_DMA, .help = "of those offered: under way at the end",
	 .words = dmabench_ops},
	{"*.throughput_bps", "bit/s", OBJ_DMA | OBJ_DMAS,
	 .help = "payload, first to last done before the last is offered; both, packets: each way",
	 .words = dmabench_ops},
	{"*.transactions_per_second", "1/s", OBJ_DMA, .help = "likewise", .words = dmabench_ops},
	{"*.latency_ns.min", "ns", OBJ_DMA, .help = "arrival of an operation until it is done",
	 .words = dmabench_ops},
	{"*.latency_ns.mean", "ns", OBJ_DMA, .help = "exact mean", .words = dmabench_ops},
	{"*.latency_ns.p50", "ns", OBJ_DMA, .help = "within 0.8%", .words = dmabench_ops},
	{"*.latency_ns.p90", "ns", OBJ_DMA, .help = "within 0.8%", .words = dmabench_ops},
	{"*.latency_ns.p99", "ns", OBJ_DMA, .help = "within 0.8%", .words = dmabench_ops},
	{"*.latency_ns.p999", "ns", OBJ_DMA, .help = "within 0.8%", .words = dmabench_ops},
	{"*.latency_ns.max", "ns", OBJ_DMA, .help = "exact", .words = dmabench_ops},
	{"bus_utilization.to_host", "", OBJ_DMA, .help = "of the device's link, in that direction"},
	{"bus_utilization.to_device", "", OBJ_DMA, .help = "the other one"},
	{"iotlb_hits", "translations", OBJ_IOMMU | OBJ_DMA, .help = "answered by the IOTLB"},
	{"iotlb_misses", "translations", OBJ_IOMMU | OBJ_DMA, .help = "not answered by the IOTLB"},
	{"iotlb_hit_ratio", "", OBJ_DMA, .help = "hits / translations"},
	{"page_walks", "walks", OBJ_IOMMU, .help = "of its tables"},
	{"walk_reads", "entries", OBJ_IOMMU | OBJ_DMA,
	 .help = "of its tables that walks read from memory"},
	{"walker_utilization", "", OBJ_IOMMU,
	 .help = "of the page walkers; there if a device waits for walks"},
	{"walk_wait_ns.mean", "ns", OBJ_IOMMU, .help = "of walks: for a free walker"},
	{"walk_wait_ns.max", "ns", OBJ_IOMMU, .help = "the longest"},
	{"inv_lock_wait_ns.mean", "ns", OBJ_IOMMU,
	 .help = "of invalidations: for the lock, and passing it; there with inv_lock"},
	{"inv_lock_wait_ns.max", "ns", OBJ_IOMMU, .help = "the longest"},
	{"iommu_faults", "faults", OBJ_IOMMU | OBJ_DMA, .help = "accesses refused"},
	{"fault_records", "records", OBJ_IOMMU,
	 .help = "of refused accesses: the first ones of the run, nobody takes them"},
	{"fault_records_lost", "faults", OBJ_IOMMU, .help = "for which no record was free"},
	{"table_pages", "pages", OBJ_IOMMU, .help = "that its tables took at most"},
	{"maps_failed", "mappings", OBJ_IOMMU, .help = "refused for want of a table page"},
	{"invalidations", "commands", OBJ_IOMMU, .help = "of the IOTLB"},
	{"hazards.dma_after_unmap", "translations", OBJ_IOMMU,
	 .help = "deferred: through mappings already gone"},
	{"stale_window_ns.mean", "ns", OBJ_IOMMU, .help = "deferred: unmap until its invalidation"},
	{"stale_window_ns.max", "ns", OBJ_IOMMU, .help = "the longest"},
	{"read_bytes.*", "bytes", OBJ_HOST,
	 .help = "cache = model: that CPUs' copies read, by where they were", .words = place_words},
	{"write_bytes.*", "bytes", OBJ_HOST, .help = "that they wrote, by where those were before",
	 .words = place_words},
	{"dma_read_lines", "lines", OBJ_HOST,
	 .help = "cache = model: of 64 bytes, read by devices"},
	{"dma_read_misses", "lines", OBJ_HOST, .help = "of them, in no cache"},
	{"dma_write_lines", "lines", OBJ_HOST, .help = "written by devices"},
	{"ddio_updates", "lines", OBJ_HOST, .help = "of them, in the last-level cache already"},
	{"ddio_allocations", "lines", OBJ_HOST, .help = "of them, new in the devices' ways"},
	{"ddio_evictions", "lines", OBJ_HOST, .help = "written back to make room for these"},
	{"frames", "packets", OBJ_TRAFFIC, .help = "in the capture"},
	{"unmatched", "packets", OBJ_TRAFFIC, .help = "with no guest at either end"},
	{"filtered", "packets", OBJ_TRAFFIC, .help = "left out by the filter"},
	{"truncated", "packets", OBJ_TRAFFIC, .help = "captured short, tail synthesised"},
	{"synthesised_bytes", "bytes", OBJ_TRAFFIC, .help = "of those tails"},
	{"backward", "packets", OBJ_TRAFFIC, .help = "stamped before one that precedes them"},
	{"bound_by", "", OBJ_RUN,
	 .help = "the busiest resource, or the ring that loses or stops frames", .text = true},
	{"bound_utilization", "", OBJ_RUN,
	 .help = "of that resource; of a ring: the share of frames that missed it"},
	{"time_ns", "ns", OBJ_RUN, .help = "simulated, to the end"},
	{"window_ns", "ns", OBJ_RUN, .help = "that time metrics cover"},
	{"violations", "events", OBJ_RUN, .help = "of the memory model: our bugs, always 0"},
	{0},
};
#undef G
#undef C

const struct metric_table machine_metrics = {objects, metrics};

static const struct report_col frame_cols[] = {
	{"offered", "packets", REPORT_COUNT},
	{"delivered", "delivered", REPORT_COUNT},
	{"dropped", "drops", REPORT_COUNT},
	{"throughput", "throughput_bps", REPORT_RATE},
	{"copies/pkt", "copies_per_packet", REPORT_RATIO},
	{"host", "host_copies_per_packet", REPORT_RATIO},
	{"guest", "guest_copies_per_packet", REPORT_RATIO},
	{0},
};
static const struct report_col time_cols[] = {
	{"mean", "latency_ns.mean", REPORT_TIME_NS}, {"p50", "latency_ns.p50", REPORT_TIME_NS},
	{"p99", "latency_ns.p99", REPORT_TIME_NS},   {"p99.9", "latency_ns.p999", REPORT_TIME_NS},
	{"max", "latency_ns.max", REPORT_TIME_NS},   {0},
};
static const struct report_col event_cols[] = {
	{"DMA", "dma_transfers", REPORT_COUNT},
	{"segments", "dma_segments", REPORT_COUNT},
	{"exits", "vm_exits", REPORT_COUNT},
	{"VMM entries", "vmm_entries", REPORT_COUNT},
	{"interrupts", "interrupts", REPORT_COUNT},
	{"kicks", "kicks", REPORT_COUNT},
	{0},
};
static const struct report_col cpu_cols[] = {
	{"busy", "busy_ratio", REPORT_PERCENT},
	{"work", "work_ratio", REPORT_PERCENT},
	{"copying", "busy_ns.copy", REPORT_TIME_NS},
	{0},
};
static const struct report_col nic_cols[] = {
	{"frames", "packets", REPORT_COUNT},
	{"link", "utilization", REPORT_PERCENT},
	{"bus", "bus_utilization", REPORT_PERCENT},
	{"ring mean", "ring_occupancy.mean", REPORT_RATIO},
	{"max", "ring_occupancy.max", REPORT_COUNT},
	{0},
};
static const struct report_col vf_cols[] = {
	{"frames", "packets", REPORT_COUNT},
	{"local", "packets_local", REPORT_COUNT},
	{"lost", "drops", REPORT_COUNT},
	{0},
};
#define DMA_COLS(kind)                                                                             \
	{                                                                                          \
		{kind "s", kind ".transactions", REPORT_COUNT},                                    \
			{"lost", kind ".drops", REPORT_COUNT},                                     \
			{"rate", kind ".throughput_bps", REPORT_RATE},                             \
			{"mean", kind ".latency_ns.mean", REPORT_TIME_NS},                         \
			{"p99", kind ".latency_ns.p99", REPORT_TIME_NS},                           \
			{"IOTLB", "iotlb_hit_ratio", REPORT_PERCENT}, {0},                         \
	}
static const struct report_col dma_read_cols[] = DMA_COLS("read");
static const struct report_col dma_write_cols[] = DMA_COLS("write");
static const struct report_col dma_both_cols[] = DMA_COLS("both");
static const struct report_col dma_pair_cols[] = DMA_COLS("write_read");
static const struct report_col dma_packet_cols[] = DMA_COLS("packets");
#undef DMA_COLS
static const struct report_col run_cols[] = {
	{"simulated", "time_ns", REPORT_TIME_NS},
	{0},
};

#define GUESTS .objects = "guest|guests", .total = "guests"
const struct report_section machine_report[] = {
	{"frames", REPORT_ROWS, GUESTS, .when = "packets", .cols = frame_cols},
	{"copies by site", REPORT_NONZERO, GUESTS, .pattern = "copies.*", .fmt = REPORT_COUNT},
	{"fallbacks", REPORT_NONZERO, GUESTS, .pattern = "fallbacks.*", .fmt = REPORT_COUNT},
	{"drops", REPORT_NONZERO, GUESTS, .pattern = "drops.*", .fmt = REPORT_COUNT},
	{"latency", REPORT_ROWS, GUESTS, .when = "delivered", .cols = time_cols},
	{"events", REPORT_ROWS, GUESTS, .when = "packets", .cols = event_cols},
	{"CPUs", REPORT_ROWS, .objects = "host.core*|*.vcpu*", .cols = cpu_cols},
	{"NIC", REPORT_ROWS, .objects = "nic", .when = "packets", .cols = nic_cols},
	{"virtual functions", REPORT_ROWS, .objects = "*.vf*", .when = "packets", .cols = vf_cols},
	{"DMA reads", REPORT_ROWS, .objects = "dma", .when = "read.transactions",
	 .cols = dma_read_cols},
	{"DMA writes", REPORT_ROWS, .objects = "dma", .when = "write.transactions",
	 .cols = dma_write_cols},
	{"DMA, a read and a write at once", REPORT_ROWS, .objects = "dma",
	 .when = "both.transactions", .cols = dma_both_cols},
	{"DMA writes, each read back", REPORT_ROWS, .objects = "dma",
	 .when = "write_read.transactions", .cols = dma_pair_cols},
	{"DMA of packets, sent and received", REPORT_ROWS, .objects = "dma",
	 .when = "packets.transactions", .cols = dma_packet_cols},
	{"run", REPORT_ROWS, .objects = "run", .cols = run_cols},
	{0},
};
#undef GUESTS

const struct report_col machine_sweep_cols[] = {
	{"rx copies", "guests.rx.copies_per_packet", REPORT_RATIO},
	{"tx copies", "guests.tx.copies_per_packet", REPORT_RATIO},
	{"rx lost", "guests.rx.drops", REPORT_COUNT},
	{"tx lost", "guests.tx.drops", REPORT_COUNT},
	{"rx rate", "guests.rx.throughput_bps", REPORT_RATE},
	{"rx p50", "guests.rx.latency_ns.p50", REPORT_TIME_NS},
	{"rx p99", "guests.rx.latency_ns.p99", REPORT_TIME_NS},
	{"core0", "host.core0.work_ratio", REPORT_PERCENT},
	{"bound by", "run.bound_by", REPORT_TEXT},
	{0},
};
