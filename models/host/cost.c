/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cost.c - the cost table's keys, their defaults and where each number comes from.
 *
 * The defaults are those of one machine generation (about 2020, 2.5 GHz). A copy costs the same
 * wherever its bytes are, unless [host] cache = model says where they are (llc.h). Contention for
 * caches and memory is not modelled.
 */
#include "cost.h"

#define CYCLES(name_, def_, help_)                                                                 \
	{                                                                                          \
		.name = name_, .kind = KEY_COUNT, .def = def_, .max = 100000000, .help = help_     \
	}

const struct key_decl cost_keys[] = {
	{"copy_base", KEY_TIME, .def = "20ns", .max = 1000000000, /* 1 ms */
	 .help = "start of a copy; 20-60 ns measured for calls in datapaths"},
	{"copy_byte", KEY_TIME, .def = "100ps", .max = 1000000,
	 .help = "each byte of a copy; last-level cache 80-120 ps, memory 120-250, L2 20-50"},
	{"byte_l2", KEY_TIME, .def = "15ps", .max = 1000000,
	 .help = "cache = model: a byte that a copy reads, or writes, in the core's own cache; "
		 "memcpy 20-50 ps for both"},
	{"byte_llc", KEY_TIME, .def = "45ps", .max = 1000000,
	 .help = "the same in its node's last-level cache; memcpy 80-120 ps for both"},
	{"byte_dram", KEY_TIME, .def = "90ps", .max = 1000000,
	 .help = "the same in its node's memory; memcpy 120-250 ps for both"},
	{"byte_remote", KEY_TIME, .def = "140ps", .max = 1000000,
	 .help = "the same of another node; 1.5 times its own, rule of thumb"},
	{"csum_byte", KEY_TIME, .def = "40ps", .max = 1000000,
	 .help = "each byte of a checksum pass; ten bytes a cycle, in cache, rule of thumb"},
	CYCLES("poll", "25", "look at one ring; a cached load and a branch, rule of thumb"),
	CYCLES("dev_rx", "60", "reap and repost a receive descriptor; poll-mode drivers 60-100"),
	CYCLES("dev_tx", "60", "write and clean a send descriptor; poll-mode drivers 60-100"),
	CYCLES("doorbell", "100", "posted write to a device register; rule of thumb"),
	CYCLES("vq_pop", "80",
	       "device side, one chain; with vq_push the 167 cycles a 64 B packet "
	       "measured for a merged receive in DPDK vhost"),
	CYCLES("vq_desc", "15", "each further descriptor; a cached load and checks"),
	CYCLES("vq_push", "85", "device side, one used element and header; see vq_pop"),
	CYCLES("drv_add", "80", "driver side, expose a chain; mirror of vq_pop"),
	CYCLES("drv_get", "60", "driver side, take a used element; mirror of vq_push"),
	CYCLES("dma_map", "588", "write one IOMMU entry; rIOMMU (ASPLOS 2015), page-table part"),
	CYCLES("dma_unmap", "438", "clear one IOMMU entry; rIOMMU (ASPLOS 2015)"),
	CYCLES("iotlb_inv", "2130", "invalidate and wait; rIOMMU (ASPLOS 2015), about 2130"),
	CYCLES("syscall", "250", "enter and leave a kernel; 100 ns, half of a measured tap read"),
	CYCLES("wake", "3000", "wake a thread and switch to it; 1.2 us, rule of thumb"),
	CYCLES("switch", "3000", "a core from one vCPU to another; 1.2 us, rule of thumb"),
	CYCLES("host_stack", "300", "a frame through tap; rest of a measured 64 B tap read"),
	CYCLES("host_irq", "1500", "take a device interrupt; rule of thumb"),
	CYCLES("inject", "1000", "raise a guest interrupt; rule of thumb"),
	CYCLES("vm_exit", "1700", "exit and entry; 1344-1376 on AMD 2020, 2000 on Nehalem"),
	CYCLES("irq_handle", "0",
	       "host's part in an interrupt that leaves the guest on its way into it, "
	       "and in its end; about 6900 beside vm_exit for KVM of 2011 (ASPLOS 2012, table 1)"),
	CYCLES("hypercall", "300", "dispatch and checks of a call, beside vm_exit; rule of thumb"),
	CYCLES("vmm_entry", "2500", "host kernel to device emulator and back; rule of thumb"),
	CYCLES("guest_irq", "1500", "guest's interrupt entry to softirq; rule of thumb"),
	CYCLES("guest_rx", "700", "guest kernel, a received frame; rule of thumb"),
	CYCLES("guest_tx", "600", "guest kernel, a sent frame; rule of thumb"),
	CYCLES("guest_post", "120", "translate and post a process buffer; rule of thumb"),
	CYCLES("flow_lookup", "60", "parse to TCP or UDP, look a 5-tuple up; rule of thumb"),
	CYCLES("header_early", "100",
	       "with mrg_header = early, beside vq_push; DPDK vhost: 267 cycles a 64 B packet, "
	       "167 late"),
	CYCLES("zc_send", "0",
	       "zero-copy sending: keep track of a buffer that is away; 0: free. DPDK's dequeue "
	       "zero copy 178 (its break-even at 512 B)"),
	CYCLES("zc_page", "0",
	       "zero-copy sending: pin and unpin a page; 0: free. Send-side pinning breaks even "
	       "with a copy at about 10 KB"),
	CYCLES("page_in", "25000", "bring a swapped-out guest page back; 10 us, one NVMe read"),
	{0},
};

const char *const cost_names[PLAT_W_N + 1] = {
#define X(id, name) #name,
	PLAT_WORKS(X)
#undef X
		NULL};

void cost_init(struct cost *c, const struct cfg *cost, uint64_t clock_hz)
{
	const uint64_t not_cycles = 1ull << PLAT_W_COPY | 1ull << PLAT_W_CSUM | 1ull << PLAT_W_EOI |
				    1ull << PLAT_W_PROCESS | 1ull << PLAT_W_REG_READ |
				    1ull << PLAT_W_INV_LOCK;

	*c = (struct cost){0};
	for (unsigned w = 0; w < PLAT_W_N; w++)
		if (w < PLAT_W_TAP_READ && !(not_cycles >> w & 1))
			c->work_ps[w] =
				(cfg_u64(cost, cost_names[w]) * SIM_S + clock_hz / 2) / clock_hz;
	c->work_ps[PLAT_W_EOI] = c->work_ps[PLAT_W_VM_EXIT] + c->work_ps[PLAT_W_IRQ_HANDLE];
	c->work_ps[PLAT_W_CSUM] = cfg_time(cost, "csum_byte");
	c->copy_base_ps = cfg_time(cost, "copy_base");
	c->copy_byte_fs = cfg_time(cost, "copy_byte") * 1000;
	c->byte_ps[LLC_PRIVATE] = cfg_time(cost, "byte_l2");
	c->byte_ps[LLC_SHARED] = cfg_time(cost, "byte_llc");
	c->byte_ps[LLC_DRAM] = cfg_time(cost, "byte_dram");
	c->byte_ps[LLC_REMOTE] = cfg_time(cost, "byte_remote");
	c->poll_ps = c->work_ps[PLAT_W_POLL] ? c->work_ps[PLAT_W_POLL] : 1;
}
