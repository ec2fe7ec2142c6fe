/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nic.c - set-up and keys: see nic.h. */
#include "nic_impl.h"

#include <glib.h>

void nic_init(struct nic *n, const char *name, struct evq *q, struct world *world,
	      struct iommu *iommu, bool protects, const struct nic_config *cfg, unsigned traffics,
	      unsigned guests)
{
	uint32_t slots = 16;

	*n = (struct nic){.q = q,
			  .world = world,
			  .iommu = iommu,
			  .mem = world->mem,
			  .cfg = *cfg,
			  .look_always = !protects || world->mem->shadow,
			  .bus_byte_as =
				  (uint64_t)((unsigned __int128)8 * SIM_S * 1000000 / cfg->bus_bps),
			  .rx_wire = {.rate_bps = cfg->link_bps},
			  .tx_wire = {.rate_bps = cfg->link_bps}};
	g_strlcpy(n->name, name, sizeof(n->name));
	n->pkt_bytes = cfg->tso || cfg->lro ? NIC_TX_MAX : cfg->mtu + 32;
	n->switch_memory = g_ptr_array_new_with_free_func(g_free);
	while (slots < 2 * guests)
		slots *= 2;
	n->rule = g_new0(bool, traffics + 1);
	n->guest_queue = g_new0(uint16_t, guests + 1);
	n->mac_mask = slots - 1;
	n->mac_key = g_new(uint64_t, slots);
	memset(n->mac_key, 0xff, slots * sizeof(*n->mac_key));
	n->mac_guest = g_new0(uint32_t, slots);
	n->queue = g_new0(struct nic_queue, cfg->queues);
	for (unsigned i = 0; i < cfg->queues; i++)
		n->queue[i] = (struct nic_queue){.nic = n, .vf = -1};
	n->tx_bytes = g_malloc(2 * (size_t)cfg->tx_buffer + 131072);
	nic_fifo_init(&n->rx_dma);
	nic_fifo_init(&n->tx_dma);
	nic_fifo_init(&n->tx_late);
	event_init(&n->rx_end, nic_rx_end_event);
	event_init(&n->rx_dma_done, nic_rx_dma_event);
	event_init(&n->tx_dma_done, nic_tx_dma_event);
	event_init(&n->tx_late_done, nic_tx_late_event);
	event_init(&n->tx_end, nic_tx_end_event);
}

void nic_fini(struct nic *n)
{
	g_free(n->rule);
	g_free(n->mac_key);
	g_free(n->mac_guest);
	g_free(n->guest_queue);
	for (unsigned i = 0; i < n->cfg.queues; i++) {
		g_free(n->queue[i].rx_copy);
		g_free(n->queue[i].tx_copy);
	}
	g_free(n->queue);
	g_clear_pointer(&n->switch_memory, g_ptr_array_unref); /* NULL: not set up */
	g_free(n->tx_bytes);
	g_free(n->rx_dma.ring);
	g_free(n->tx_dma.ring);
	g_free(n->tx_late.ring);
}

void nic_queue_bind(struct nic *n, unsigned queue, const struct nic_ring *rx,
		    const struct nic_ring *tx, struct nicdrv *drv)
{
	struct nic_queue *q = &n->queue[queue];

	q->rx = *rx;
	q->tx = *tx;
	q->rx_copy = g_renew(struct nic_rx_read, q->rx_copy, rx->size);
	q->tx_copy = g_renew(struct nic_tx_desc, q->tx_copy, tx->size);
	q->regs = (struct nic_regs){0};
	q->rx_head = q->rx_done = q->tx_head = q->tx_done = 0;
	q->stopped = false;
	drv->regs = &q->regs;
	drv->tx.bell = &q->tx_bell;
	plat_line_init(&q->rx_bell, n->q, PLAT_W_N, nic_peer_bell, q);
	if (n->cfg.kind == NIC_MEDIATED && n->cfg.peer_wait)
		drv->rx.bell = &q->rx_bell;
	event_init(&q->rx_itr, nic_rx_itr_event);
	event_init(&q->tx_itr, nic_tx_itr_event);
	plat_line_init(&q->tx_bell, n->q, PLAT_W_N, nic_tx_bell, q);
}

void nic_queue_split(struct nic *n, unsigned queue, struct split_table *table)
{
	n->queue[queue].split = table;
}

void nic_start(struct nic *n)
{
	nic_rx_next(n);
}

const struct key_decl nic_keys[] = {
	{"link", KEY_RATE, .def = "10Gbit/s", .min = 1000000, .max = 1600000000000u,
	 .help = "rate of the wire, each direction"},
	{"queues", KEY_COUNT, .def = "64", .min = 1, .max = 4096,
	 .help = "queue pairs; 0 is the host's, each guest gets one while they last"},
	{"vfs", KEY_COUNT, .def = "0", .max = NIC_MAX_VFS,
	 .help = "virtual functions (SR-IOV), for guests with attach = vf; 0: as many as these"},
	{"rx_ring", KEY_COUNT, .def = "512", .min = 8, .max = 32768,
	 .help = "receive descriptors of a queue, a power of two"},
	{"tx_ring", KEY_COUNT, .def = "512", .min = 8, .max = 32768,
	 .help = "send descriptors of a queue, a power of two"},
	{"node", KEY_COUNT, .def = "0", .max = LLC_NODES - 1,
	 .help = "NUMA node that it is attached to; the host's rings and buffers for it are there"},
	{"mtu", KEY_BYTES, .def = "1500B", .min = 68, .max = 65535,
	 .help = "longest frame without its Ethernet header; longer ones are dropped as oversize"},
	{"tso", KEY_BOOL, .def = "false", .help = "segment longer frames when sending"},
	{"lro", KEY_BOOL, .def = "false", .help = "receive what was segmented as one frame"},
	{"gather", KEY_BOOL, .def = "true", .help = "can send from more than one segment"},
	{"max_segments", KEY_COUNT, .def = "40", .min = 1, .max = 64,
	 .help = "segments of one sent frame; 82599: 40"},
	{"zero_copy", KEY_BOOL, .def = "true", .help = "can be pointed at guest memory"},
	{"place", KEY_CHOICE, .def = "host", .choices = "host|nic",
	 .help = "with guests that split: can the NIC place payload, for zero-copy receive?"},
	{"tx_csum", KEY_BOOL, .def = "true",
	 .help = "fills in checksums that a guest leaves blank; else a host core does, on a copy"},
	{"rx_csum", KEY_BOOL, .def = "true",
	 .help = "vouches for the checksums of what it receives; else the guest's kernel looks"},
	{"moderation", KEY_TIME, .def = "0s", .max = 1000000000000u,
	 .help = "least time between two interrupts of a queue"},
	{"rx_buffer", KEY_BYTES, .def = "512KiB", .min = 65536, .max = 1u << 30,
	 .help = "packet buffer towards the host; 82599: 512 KiB"},
	{"tx_buffer", KEY_BYTES, .def = "160KiB", .min = 65536, .max = 1u << 30,
	 .help = "packet buffer towards the wire; 82599: 160 KiB"},
	{"bus_rate", KEY_RATE, .def = "52.9Gbit/s", .min = 1000000, .max = 16000000000000u,
	 .help = "DMA, each direction; PCIe gen3 x8, MPS 256, large writes (SIGCOMM 2018)"},
	{"dma_write", KEY_TIME, .def = "300ns", .max = 1000000000u,
	 .help = "from the end of a write's transfer until it is in memory; rule of thumb"},
	{"dma_read", KEY_TIME, .def = "543.4ns", .max = 1000000000u,
	 .help = "latency of a read; NFP-6000 on Broadwell (SIGCOMM 2018)"},
	{"zero_copy_off_at", KEY_TIME, .max = SIM_MAX,
	 .help = "when zero_copy is switched off in mid-run; default: never"},
	{"zero_copy_on_at", KEY_TIME, .max = SIM_MAX,
	 .help = "when it is switched on; default: never"},
	{"tx_free_thresh", KEY_COUNT, .def = "0", .max = 32768,
	 .help = "the host's driver takes sent frames back while fewer send descriptors than this "
		 "are free; 0: when done; needs datapath = poll; DPDK 32"},
	{"tx_late_every", KEY_COUNT, .def = "0", .max = 1000000000,
	 .help = "each so many sends are reported done tx_late too late, out of order; 0: none"},
	{"tx_late", KEY_TIME, .def = "100us", .max = SIM_S,
	 .help = "how much later; the frame itself is not late"},
	{"tx_error_every", KEY_COUNT, .def = "0", .max = 1000000000,
	 .help = "each so many sends are reported failed, though the frame goes out; 0: none"},
	{"switch", KEY_CHOICE, .def = "veb", .choices = "veb|vepa|mediated",
	 .help = "between virtual functions: in the NIC, by the bridge behind the wire, or into "
		 "the peer's memory (US 9,483,290)"},
	{"anti_spoof", KEY_BOOL, .def = "true",
	 .help = "what a virtual function sends from another address than its own is dropped"},
	{"switch_latency", KEY_TIME, .def = "200ns", .max = 1000000000u,
	 .help = "from fetched to looked up, for frames to guests here; rule of thumb"},
	{"hairpin_delay", KEY_TIME, .def = "1us", .max = SIM_S,
	 .help = "vepa: last bit out until the first is back; rule of thumb, a cut-through switch"},
	{"peer_message", KEY_TIME, .def = "100ns", .max = 1000000000u,
	 .help = "mediated: a message between functions of one device; rule of thumb"},
	{"peer_to_peer", KEY_TIME, .def = "600ns", .max = 1000000000u,
	 .help = "mediated: one between devices, by the root complex; rule of thumb"},
	{"peer_wait", KEY_TIME, .def = "0s", .max = SIM_S,
	 .help = "mediated: how long a frame waits for its receiver's buffer; 0: dropped at once"},
	{0},
};

void nic_config_read(struct nic_config *c, const struct cfg *cfg)
{
	*c = (struct nic_config){
		.link_bps = cfg_rate(cfg, "link"),
		.bus_bps = cfg_rate(cfg, "bus_rate"),
		.dma_write = cfg_time(cfg, "dma_write"),
		.dma_read = cfg_time(cfg, "dma_read"),
		.moderation = cfg_time(cfg, "moderation"),
		.rx_ring = (uint32_t)cfg_u64(cfg, "rx_ring"),
		.tx_ring = (uint32_t)cfg_u64(cfg, "tx_ring"),
		.mtu = (uint32_t)cfg_u64(cfg, "mtu"),
		.queues = (uint32_t)cfg_u64(cfg, "queues"),
		.vfs = (uint32_t)cfg_u64(cfg, "vfs"),
		.rx_buffer = (uint32_t)cfg_u64(cfg, "rx_buffer"),
		.tx_buffer = (uint32_t)cfg_u64(cfg, "tx_buffer"),
		.tso = cfg_bool(cfg, "tso"),
		.lro = cfg_bool(cfg, "lro"),
		.gather = cfg_bool(cfg, "gather"),
		.zero_copy = cfg_bool(cfg, "zero_copy"),
		.place = cfg_choice(cfg, "place") == 1,
		.tx_csum = cfg_bool(cfg, "tx_csum"),
		.rx_csum = cfg_bool(cfg, "rx_csum"),
		.max_segs = (uint32_t)cfg_u64(cfg, "max_segments"),
		.tx_free_thresh = (uint32_t)cfg_u64(cfg, "tx_free_thresh"),
		.tx_late_every = (uint32_t)cfg_u64(cfg, "tx_late_every"),
		.tx_late = cfg_time(cfg, "tx_late"),
		.tx_error_every = (uint32_t)cfg_u64(cfg, "tx_error_every"),
		.kind = (enum nic_switch_kind)cfg_choice(cfg, "switch"),
		.anti_spoof = cfg_bool(cfg, "anti_spoof"),
		.switch_latency = cfg_time(cfg, "switch_latency"),
		.hairpin_delay = cfg_time(cfg, "hairpin_delay"),
		.peer_message = cfg_time(cfg, "peer_message"),
		.peer_to_peer = cfg_time(cfg, "peer_to_peer"),
		.peer_wait = cfg_time(cfg, "peer_wait"),
	};
}
