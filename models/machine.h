/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.h - one simulated host with its NICs, guests and traffic: everything of one run.
 *
 * This is the file that knows every model. machine.c builds a machine from a scenario and runs it,
 * machine_nic.c builds a NIC and what the host has for it,
 * machine_guest.c builds and drives one guest, on a device by machine_virtio.c or machine_vf.c,
 * with guest_build.c; machine_ztx.c and machine_split.c have what its NIC does for it,
 * machine_work.c its process's work;
 * machine_local.c and machine_switch.c let guests talk to each other, by the host's switch or the
 * NIC's; machine_end.c ends one in mid-run; machine_dma.c has the DMA benches; machine_verify.c
 * asks whether a run adds up, machine_result.c says what came of it, in the terms of
 * machine_metrics.c.
 *
 * Life: machine_new() -> machine_run() -> machine_results() -> machine_free(). Nothing is global:
 * two machines in one process do not notice each other.
 */
#ifndef MODELS_MACHINE_H
#define MODELS_MACHINE_H

#include <glib.h>

#include "../sim/cli.h"
#include "datapath/cluster.h"
#include "datapath/demux.h"
#include "datapath/gnet_split.h"
#include "datapath/gnet_vf.h"
#include "datapath/gnet_virtio.h"
#include "datapath/outbox.h"
#include "datapath/place.h"
#include "datapath/policy.h"
#include "guest/hac.h"
#include "guest_build.h"
#include "host/cpu.h"
#include "host/softirq.h"
#include "nic/dmabench.h"
#include "nic/nic.h"
#include "nic/nic_bus.h"
#include "plat.h"
#include "plat/sim/plat_dma.h"
#include "metrics.h"
#include "traffic/sender.h"
#include "view.h"

#define GUEST_VCPUS 2

struct machine;
struct machine_tap;
struct plat_tap;
struct host_nic;
struct watch;
struct looks;
struct machine_loops;

/* What a CPU did, at both ends of the window. */
struct cpu_counts {
	struct cpu_count {
		uint64_t busy_ps, steal_ps, work_ps[PLAT_W_N];
	} at_start, at_stop;
};

struct guest {
	struct machine *m;
	const struct cfg *cfg;
	struct host_nic *nic;
	unsigned index, vcpus;
	uint8_t mac[6], ip[4];
	bool process;
	bool kick_exits; /* a request to the host leaves it */
	bool eoi_exits;  /* the end of each interrupt leaves it */
	bool halt_exits; /* a vCPU that halts leaves the guest */

	struct gmem *gm;
	struct gproc *proc;
	struct cpu vcpu[GUEST_VCPUS];
	struct cpu_counts vcpu_counts[GUEST_VCPUS];
	struct nic_queue *nq; /* by which it sends */
	struct plat_tap *tap; /* its queue of a TAP device; NULL: behind a NIC */
	struct plat grx_pl, gtx_pl, hrx_pl, htx_pl, hvmm_pl;
	struct station *station; /* its process's work; NULL: none */
	struct plat_port port;
	struct gnet net;
	struct gnet_virtio vio; /* the driver under it, or */
	struct gnet_vf vfd;
	struct dpath dp;
	/* under header/data split */
	struct gnet_split split;
	struct place place;
	struct split_table nic_flows; /* where the NIC places */
	struct event evict;
	struct worker grx, gread, gtx, hrx, htx, hvmm;
	struct plat_line rx_kick, tx_kick, read_line, rx_intr, tx_intr, vmm_line, shared_line;
	struct plat_line out_line, back_line; /* of its outbox */
	struct cluster cluster;
	struct txbatch tx_batch;
	struct guest_parts parts; /* all of these */
	struct plat_line cluster_alarm, tx_alarm;
	struct pktq shared;

	struct book rx, tx, local; /* local: from other guests */
	struct endpoint tx_end;
	struct sender sender;
	bool sender_done;
	sim_time overwrite; /* a hazard under test: how long after a send the process spoils it */
	struct event scribble;
	struct frame *last_sent;
	uint64_t last_num;
	struct event app;  /* the process's next intended send */
	bool tx_full;      /* it waits for room instead */
	uint64_t tx_waits; /* frames that did */
	bool tx_trap_vmm;  /* its requests to send trap into the device emulator */

	sim_time irq_mask; /* how long it masks its receive interrupt after each */
	sim_time unmask_at;
	struct event unmask; /* pending: an interrupt pends */
	uint64_t pended;

	bool gone;            /* destroyed; its memory stays until released */
	struct event end;     /* of it; then: looks whether anything is left of it */
	bool last_look;       /* its device is done, its workers have been called once more */
	sim_time released_at; /* its memory was given back; SIM_NEVER: not yet */

	/* attach = vf: machine_vf.c; of what is above, the host's side is not there */
	bool vf, vf_assigned;
	struct softirq softirq; /* its kernel's */
	bool posted;            /* its function's interrupts reach a running vCPU without an exit */
	enum copy_reason bounce_why;
	struct hac hac;
	struct plat_line retry;
	struct event revoke, permit;
	uint64_t setup_hypercalls[2];

	uint64_t exits[2]; /* by direction: interrupts and halts, kicks */
	struct guest_counts at_start, at_stop;
};

struct host_nic {
	struct machine *m;
	const struct cfg *cfg;
	struct nic nic;
	struct iommu_domain *domain;
	struct plat_dma dma;
	struct sender wire;
	bool wire_live; /* some closed loop's: frames are taken when they are due */
	bool wire_done;
	struct event wire_due;
	unsigned guests;      /* behind it */
	unsigned hosted;      /* of them, those whose frames the host handles (attach = virtio) */
	unsigned queues_used; /* queue 0 not counted */
	unsigned rx_queues;   /* that filters may choose, queue 0 included */
	/* queue 0: for guests without a queue, and for frames to several */
	bool has_shared;
	struct plat_port shared_port;
	struct demux demux;
	struct worker demux_worker;
	struct plat_line demux_line; /* a guest gave buffers back */
	struct plat demux_pl;
	struct softirq softirq; /* of its worker */
	struct nic_counts {
		sim_time rx_wire, tx_wire, rx_bus, tx_bus;
		uint64_t interrupts;
		struct pcie_stats pcie; /* on a bus */
	} at_start, at_stop;
	struct event zero_copy_off, zero_copy_on;
};

/* A DMA bench, and the device that it has or shares; [0] at the window's start, [1] at its stop. */
struct host_dma {
	const struct cfg *cfg;
	struct dmabench bench;
};
struct host_dma_device {
	struct dmabench_device dev; /* no pcie: the bench shares another's */
	sim_time to_host[2], to_device[2];
};

struct machine {
	const struct scenario *sc;
	struct evq q;
	struct world world;
	struct mem *mem;
	bool full; /* its memory is too little for the host */
	struct iommu *iommu;
	struct llc *llc; /* NULL: copies cost the same everywhere */
	uint8_t *guest_node;
	struct invlock invlock;
	struct invlock *lock;                       /* NULL: [iommu] inv_lock = false */
	uint64_t walkers_at_start, walkers_at_stop; /* busy, of all */
	uint64_t lock_at_start, lock_at_stop;       /* held, turns to come included */
	struct nic_fabric fabric;                   /* what mediated NICs share */
	struct cost cost;
	struct cpu *core;
	struct cpu_counts *core_counts; /* by core */
	unsigned cores, next_core;
	struct pcore *pcore; /* cores that vCPUs share, and host cores if `share_host` */
	unsigned pcores, next_pcore;
	bool share_host;
	struct cpu_delay delay;
	struct machine_tap *tap; /* NICs are TAP devices (machine_tap.c); NULL: they are NICs */
	bool together;           /* a guest's workers share a core */
	bool poll;
	bool offload; /* idle cores watch the guests' send queues */
	struct host_nic *nic;
	unsigned nics;
	struct guest *guest;
	unsigned guests;
	struct host_dma *dma;
	struct host_dma_device *dma_device; /* by bench */
	unsigned dmas;
	uint64_t dma_live; /* operations under way */
	struct traffic **traffic;
	unsigned traffics;
	struct traffic_endpoint *endpoint;
	/* traffic goes between guests; from guests to everybody; by IP addresses */
	bool local, floods, by_ip;
	bool switched;    /* some NIC has a switch between its guests */
	struct book warm; /* frames first stamped before `warmup` */
	struct stages stages[DIRECTIONS];
	GPtrArray *arrays; /* memory of all models, freed with the machine */

	sim_time warmup, drain, max_time;
	struct event warm_event, stop_event, deadline, limit;
	struct watch *watch; /* machine_watch.h; NULL: nobody looks inside */
	struct looks *looks;
	struct machine_loops *loops; /* closed loops; NULL: there are none */
	sim_time window_start, window_stop;
	bool stopped; /* window_stop is known and past */
	bool deadline_passed, limit_passed, interrupted;
	unsigned senders_left;
	unsigned ending;        /* guests that are gone and whose memory is not back yet ... */
	sim_time reclaim_every; /* ... which the host looks after so often */
	uint64_t offered_total; /* frames there will be, if known: for progress */
};

/* NULL and an error: the scenario or a capture is wrong. `sc` outlives the machine. */
struct machine *machine_new(const struct scenario *sc, GError **error);

/* Runs to the end. False: stopped by an error of the traffic. */
bool machine_run(struct machine *m, struct run_ctl *ctl, GError **error);

/* Conservation, order, balance: false with SIM_EXIT_VIOLATION if anything does not add up. */
bool machine_verify(struct machine *m, GError **error);

struct residents {
	const struct ledger *led;
	uint64_t frames, bytes;
};
/* Frames of a book under way, counted one by one, not derived. */
struct residents machine_residents(struct machine *m, const struct book *b);

void machine_results(struct machine *m, struct result *r);
/* The `explain` of a result and what bounds the run (machine_explain.c); `all`: of all guests, by
   direction, NULL where there are no frames. */
void machine_explain(struct machine *m, struct result *r, const struct book *const all[DIRECTIONS],
		     sim_time window);
void machine_free(struct machine *m);

/* The run function of the command line. */
bool machine_simulate(const struct scenario *sc, struct run_ctl *ctl, struct result *r,
		      GError **error);
/* ---- within the machine ---- */

/* n zeroed elements that live as long as the machine. */
void *machine_array(struct machine *m, size_t n, size_t size);

/* A line's fire: doorbells and hand-overs wake a thread, the worker that is the line's ctx. */
void machine_wake(struct plat_line *line);

/* Host cores are dealt out in turn. */
struct cpu *machine_core(struct machine *m);

/* ---- a NIC (machine_nic.c) ---- */

/* Before its guests: the NIC as `cfg` says, its domain, its wire, and the queue that guests share.
 */
bool machine_nic(struct machine *m, struct host_nic *hn, const struct cfg *cfg, GError **error);

/* The error that the IOMMU's tables are too small. */
bool machine_tables_full(struct machine *m, GError **error);

/* n hypervisor or VMM buffers of `bytes` each. */
void machine_hbufs(struct machine *m, struct hbuf_pool *p, struct plat_dma *dma, uint32_t n,
		   uint32_t bytes);

/* Rings in contiguous machine memory, bound to a queue of the NIC. */
void machine_queue(struct machine *m, struct host_nic *hn, unsigned queue, struct plat_port *port);

/* Queue 0's worker: frames for guests without a queue, for several, and between guests. */
void machine_shared(struct machine *m, struct host_nic *hn);

/* The record of one more receiver of f, which travels with it; counted in `book`, or as warm-up. */
struct frame *machine_peer(struct machine *m, struct frame *f, const struct guest *to,
			   struct book *book);

/* ---- cores (machine_cores.c) ---- */

/* The host's cores, and those that vCPUs share. */
bool machine_cores(struct machine *m, GError **error);
/* A vCPU of the guest: where does it run? False: no core is on its node. */
bool machine_vcpu(struct guest *g, struct cpu *c, GError **error);
/* Of the i-th shared core over the window, by all CPUs. */
uint64_t cores_busy(const struct machine *m, unsigned i);
void cores_results(struct result *r, const struct machine *m, sim_time window);

/* Where bytes are: machine_cache.c. After the machine's memory, before its cores. */
bool machine_cache(struct machine *m, GError **error);
/* The CPU is on this node; its own cache is that of the core, counted over all cores. */
void machine_cache_cpu(struct machine *m, struct cpu *c, unsigned node, uint32_t core);
/* Node of the i-th of so many cores. */
unsigned machine_core_node(const struct machine *m, unsigned i, unsigned cores);
void machine_cache_nic(struct machine *m, struct host_nic *hn);
void cache_results(struct result *r, const struct machine *m);

/* A source has nothing left; it stopped then. */
void machine_source_done(struct machine *m, sim_time stopped);
/* The same of a sender of frames. */
void machine_sender_done(struct machine *m, const struct sender *s);

/* The same of a NIC's wire. */
void machine_wire_news(struct host_nic *hn);

/* ---- closed loops (machine_loop.c) ---- */

/* The traffic, if it is one; `hn`: whose wire is one of its ends, or NULL. */
void loops_add(struct machine *m, unsigned traffic, struct host_nic *hn);
void loops_start(struct machine *m);
/* Is an answer due, now or later, that nobody has sent? */
bool loops_pending(const struct machine *m);
/* A guest was destroyed. */
void loops_gone(struct machine *m, const struct guest *g);
void loops_snapshot(struct machine *m, bool stop);
void loops_results(struct result *r, const struct machine *m, sim_time window);

/* ---- traffic between guests, and the host's switch (machine_local.c) ---- */

/* What this traffic needs of a switch between guests. */
void local_traffic(struct machine *m, const struct traffic_cfg *t, const struct traffic_info *info);
/* False: its ends are guests that no switch joins. */
bool local_check(const struct machine *m, const struct cfg *c, const struct traffic_cfg *t,
		 GError **error);
/* Is anything between guests booked here? After the traffic. */
bool local_seen(const struct guest *g);
/* The switches; after the traffic, before the guests. */
void local_build(struct machine *m);
/* The guest's outbox, if there is a switch. */
void local_guest(struct guest *g);
/* In whose book is a frame that g sends? NULL: it cannot go where it has to. */
struct book *local_book(struct guest *g, const struct tframe *t);
/* sender.made of a guest: a frame for everybody gets a record for each other guest. */
void local_made(void *ctx, struct frame *f);

/* ---- the switch in the NIC (machine_switch.c) ---- */

/* A mediated NIC shares the machine's mapping structure; before its guests are built. */
void switch_join(struct machine *m, struct host_nic *hn);
void switch_free(struct machine *m);
/* Where the NIC takes what g sends: a guest's number, LSWITCH_ALL or LSWITCH_WIRE. */
int switch_route(const struct guest *g, const uint8_t *bytes, uint32_t len);
/* Do NICs, not the host's switch, join these two? */
bool switch_joins(const struct guest *a, const struct guest *b);
/* Metrics of a NIC's virtual functions. */
void switch_results(struct result *r, const struct host_nic *hn);

/* ---- a NIC's bus (machine_bus.c) ---- */

/* What [pcie] says, if its model is on a bus. */
bool bus_build(struct machine *m, struct host_nic *hn, GError **error);
void bus_count(const struct host_nic *hn, struct nic_counts *c);
void bus_metrics(struct result *r, const struct host_nic *hn, sim_time window);

/* ---- a guest, whatever its device (machine_guest.c) ---- */

/* Whose member is it? For events and workers. */
#define GUEST_OF(member, field) ((struct guest *)((char *)(member)-offsetof(struct guest, field)))

/* Its sender; before the traffic. */
void guest_sender(struct machine *m, struct guest *g);
/* It sends nothing more. */
void guest_sender_done(struct guest *g);
/* What it sends next may be another frame, or none for now. */
void guest_sender_news(struct guest *g);
bool guest_build(struct guest *g, GError **error);
void guest_start(struct guest *g);
void guest_counts(const struct guest *g, struct guest_counts *c);
/* Takes back what is posted, so that pins and mappings must balance. */
void guest_quiesce(struct guest *g);
void guest_fini(struct guest *g);

/* Interrupts into a guest's vCPUs. */
void guest_rx_interrupt(struct guest *g);
void guest_tx_interrupt(struct guest *g);

/* ---- its virtio device (machine_virtio.c) ---- */

bool virtio_build(struct guest *g, GError **error);
void virtio_start(struct guest *g);

/* ---- zero-copy sending (machine_ztx.c) ---- */

/* The times at which a NIC's capability changes. */
void machine_capability(struct host_nic *hn);

/* ---- header/data split (machine_split.c), if the guest asks for it ---- */

/* The NIC's part, if it places; after the guest's queues. */
bool split_nic(struct guest *g, GError **error);
/* When its process's buffers are put aside. */
void guest_split_start(struct guest *g);

/* ---- its process's work (machine_work.c) ---- */

/* After its CPUs: the station, if the process works. */
void work_build(struct guest *g);
/* Frames that are handed to the guest now. */
void work_arrive(struct guest *g, const struct dpath_burst *b);
/* Objects vm1.process of guests that work, and guests.process of all; `window` is that of time
 * metrics. */
void work_results(struct machine *m, struct result *r, sim_time window);

/* ---- its virtual function (machine_vf.c), step by step ---- */

/* On the bus: the NIC's physical function. */
uint16_t machine_requester(const struct host_nic *hn);
/* Before its memory. False: no domain left. */
bool vf_assign(struct guest *g);
bool vf_build(struct guest *g, GError **error);
void vf_start(struct guest *g);
/* Its guest is destroyed. */
void vf_end(struct guest *g);
void vf_quiesce(struct guest *g);
void vf_fini(struct guest *g);

/* ---- the IOMMU (machine_iommu.c) ---- */

/* After memory and costs. */
bool machine_iommu(struct machine *m, GError **error);
/* What [iommu] says of a mapping layer that has been set up: its lock, the state of its I/O pages.
 */
void machine_dma_ready(struct machine *m, struct plat_dma *d, const char *name);
/* I/O pages whose unmaps can await their flush. */
uint32_t machine_flush_pages(const struct machine *m);
void iommu_metrics(struct result *r, const struct machine *m, sim_time window);

/* ---- TAP devices (machine_tap.c), where [tap] is ---- */

/* First of all: m->tap, if the scenario has [tap]. */
bool tap_build(struct machine *m, GError **error);
/* One thread drives all sides in turn. */
bool tap_one_thread(const struct machine *m);
/* What calls cost, after the cost table; how long a thread takes to wake up. */
void tap_costs(struct machine *m);
void tap_delay(const struct machine *m, struct cpu_delay *d);
/* The far side of a device; a guest's port on it; who wakes whom, once the guest is built. */
void tap_nic(struct host_nic *hn);
void tap_port(struct guest *g);
void tap_guest(struct guest *g);
void tap_start(struct machine *m);
void tap_interrupt(struct guest *g, struct worker *w);
/* The process's next send is due. */
void tap_send_due(struct guest *g);
/* Lockstep: may the guest send a frame? It has begun this one. Called after each event. */
bool tap_may_send(const struct guest *g);
void tap_begins(struct guest *g, struct frame *f);
void tap_gate(struct machine *m);
/* A closed loop has another next frame for this far side; for a guest. */
void tap_wire_news(struct host_nic *hn);
void tap_guest_news(struct guest *g);
/* Nobody runs, and no frame is under way. */
bool tap_quiet(const struct machine *m);
void tap_warm(struct machine *m);
void tap_results(struct result *r, const struct machine *m);

/* ---- DMA benches (machine_dma.c) ---- */

/* Machine memory that they need. */
uint64_t dma_memory(const struct scenario *sc, uint64_t page_bytes);
bool dma_build(struct machine *m, GError **error);
void dma_start(struct machine *m);
void dma_snapshot(struct machine *m, bool stop);
uint64_t dma_offered(const struct machine *m);
uint64_t dma_under_way(const struct machine *m);
void dma_quiesce(struct machine *m);
void dma_results(struct machine *m, struct result *r, sim_time window);
/* Time of the window that a direction of a device's link was busy. */
sim_time dma_link_busy(const struct host_dma_device *h, bool to_device);
void dma_fini(struct machine *m);

/* ---- its end (machine_end.c) ---- */

/* That its keys give it, if any. */
void guest_end_init(struct guest *g);

#endif
