/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger.h - the words and the books: where payload was copied and why, what became of each frame.
 *
 * Each list below is written once; enum values, and the names that results use, come from it.
 * A struct ledger is the book of one guest and one direction. Frames carry their own running
 * entries (frame.h); they are booked when the frame's fate is known, so that copies spent on a
 * frame that is dropped later are booked as wasted.
 *
 * Invariant, checked at the end of every run: offered = delivered + sum(dropped) + resident, in
 * frames and in bytes.
 */
#ifndef DATAPATH_LEDGER_H
#define DATAPATH_LEDGER_H

#include <stdint.h>

/* Between which buffers a CPU moved payload. */
#define COPY_SITES(X)                                                                              \
	X(HYPERVISOR_TO_VMM, hypervisor_to_vmm)                                                    \
	X(VMM_TO_GUEST, vmm_to_guest)                                                              \
	X(HYPERVISOR_TO_GUEST, hypervisor_to_guest)                                                \
	X(GUEST_TO_VMM, guest_to_vmm)                                                              \
	X(VMM_TO_HYPERVISOR, vmm_to_hypervisor)                                                    \
	X(GUEST_TO_HYPERVISOR, guest_to_hypervisor)                                                \
	X(GUEST_TO_GUEST, guest_to_guest)                                                          \
	X(GUEST_KERNEL_TO_PROCESS, guest_kernel_to_process)                                        \
	X(PROCESS_TO_GUEST_KERNEL, process_to_guest_kernel)                                        \
	X(GUEST_TO_BOUNCE, guest_to_bounce) /* the guest's DMA window, which is its own memory */  \
	X(BOUNCE_TO_GUEST, bounce_to_guest)                                                        \
	X(POSTED_TO_GUEST, posted_to_guest) /* out of a buffer that stays posted to the device */  \
	X(POSTED_TO_GUEST_KERNEL, posted_to_guest_kernel) /* the same, by the guest's kernel */

enum copy_site {
#define X(id, name) SITE_##id,
	COPY_SITES(X)
#undef X
		SITE_N
};

/* The sites in the guest; all others are the host's. */
#define SITES_GUEST                                                                                \
	(1u << SITE_GUEST_KERNEL_TO_PROCESS | 1u << SITE_PROCESS_TO_GUEST_KERNEL |                 \
	 1u << SITE_GUEST_TO_BOUNCE | 1u << SITE_BOUNCE_TO_GUEST |                                 \
	 1u << SITE_POSTED_TO_GUEST_KERNEL)

/* Why: the policy asked for it, or what forced a fallback. */
#define COPY_REASONS(X)                                                                            \
	X(POLICY, policy)                                                                          \
	X(NO_CAPABILITY, no_capability)         /* the device cannot be pointed at guest memory */ \
	X(SHARED_QUEUE, shared_queue)           /* the receive queue is not this guest's alone */  \
	X(MULTICAST, multicast)                 /* one frame for several guests */                 \
	X(TOO_MANY_SEGMENTS, too_many_segments) /* more pieces than the device takes */            \
	X(NO_GATHER, no_gather)                 /* the device sends from one segment only */       \
	X(MAP_FAILED, map_failed)               /* the IOMMU mapping was refused */                \
	X(SHORT_BUFFER, short_buffer)           /* the posted buffer is too small for the frame */ \
	X(LOCAL, local)                 /* from a guest of this host: no device moves it */        \
	X(TOO_SMALL, too_small)         /* shorter than what is worth zero copy */                 \
	X(IN_FLIGHT_CAP, in_flight_cap) /* the guest has enough with the device */                 \
	X(BACKING_OFF, backing_off)     /* too many recent zero-copy sends failed */               \
	X(NO_CHECKSUM, no_checksum)     /* the device cannot fill in what the guest left blank */  \
	X(NO_MAPPING, no_mapping)       /* guest and VMM do not both do DMA mapping */             \
	X(NOT_SPLIT, not_split) /* under header split: neither TCP nor UDP, or a fragment */       \
	X(NO_FLOW, no_flow)     /* its flow is not known to be a process's */                      \
	X(FLOW_TABLE_FULL, flow_table_full)     /* and cannot become known */                      \
	X(NO_PROCESS_BUFFER, no_process_buffer) /* the process has posted none */                  \
	X(NOT_RESIDENT, not_resident)           /* a page of it is not in memory */                \
	X(BAD_ADDRESS, bad_address)             /* it is where the guest has no memory */          \
	X(COPYBREAK, copybreak)                 /* so short that its buffer is better kept posted */

enum copy_reason {
#define X(id, name) REASON_##id,
	COPY_REASONS(X)
#undef X
		REASON_N
};

/* Why a frame was not delivered. */
#define DROP_REASONS(X)                                                                            \
	X(NIC_RING_FULL, nic_ring_full)       /* every receive descriptor holds an unread frame */ \
	X(NO_DESCRIPTOR, no_descriptor)       /* none posted: the host or guest has no buffer */   \
	X(NIC_FIFO_FULL, nic_fifo_full)       /* the NIC's packet buffer is full: bus too slow */  \
	X(OVERSIZE, oversize)                 /* longer than the NIC's mtu */                      \
	X(DMA_FAULT, dma_fault)               /* the IOMMU refused the NIC's access */             \
	X(VMM_QUEUE_FULL, vmm_queue_full)     /* queue between host kernel and device emulator */  \
	X(GUEST_RING_EMPTY, guest_ring_empty) /* the guest has no receive buffer available */      \
	X(GUEST_QUEUE_STOPPED, guest_queue_stopped)   /* the guest broke its virtqueue */          \
	X(SHORT_BUFFER, short_buffer)                 /* the guest's buffer is too small */        \
	X(SOCKET_FULL, socket_full)                   /* the process does not read fast enough */  \
	X(SEND_FULL, send_full)                       /* when_full = drop and no room to send */   \
	X(LOCAL_QUEUE_FULL, local_queue_full)         /* from the local switch to the guest */     \
	X(TO_SELF, to_self)                           /* its destination is its sender */          \
	X(NO_HYPERVISOR_BUFFER, no_hypervisor_buffer) /* to send by: its pool is empty */          \
	X(DMA_MAP_FAILED, dma_map_failed) /* to send: the guest got no mapping for it */           \
	X(LEARNED, learned)           /* recorded for everybody, whose receiver is known by now */ \
	X(OTHER_HOST, other_host)     /* went to everybody, and is not for this guest */           \
	X(BAD_OFFLOAD, bad_offload)   /* a checksum asked for that is not inside the frame */      \
	X(BAD_CHECKSUM, bad_checksum) /* the guest's kernel found it wrong */                      \
	X(SPOOFED, spoofed)           /* its source is not its sender's address */                 \
	X(NO_PEER_BUFFER, no_peer_buffer) /* mediated: the receiving function has no buffer */     \
	X(GUEST_GONE, guest_gone)         /* its sender's or receiver's guest was destroyed */     \
	X(BAD_DESCRIPTOR, bad_descriptor) /* its driver's descriptors make no sense */             \
	X(DEVICE_GONE, device_gone)       /* real: the device under the datapath was removed */

enum drop_reason {
#define X(id, name) DROP_##id,
	DROP_REASONS(X)
#undef X
		DROP_N
};

/*
 * Where a frame's time goes, in order of passage. A stage that a frame does not pass has no time.
 * Receive: wire_wait wire nic host_wait host vmm_wait vmm guest_wait guest_kernel process_wait
 * process. Transmit: send_wait guest host_wait host nic wire_wait wire.
 */
#define FRAME_STAGES(X)                                                                            \
	X(SEND_WAIT, send_wait)   /* intended send until the process begins it */                  \
	X(GUEST, guest)           /* process and guest kernel until the device can see it */       \
	X(WIRE_WAIT, wire_wait)   /* for the link */                                               \
	X(WIRE, wire)             /* first to last bit, preamble, gap and FCS included */          \
	X(NIC, nic)               /* in the NIC and on the bus, until written back or fetched */   \
	X(HOST_WAIT, host_wait)   /* until a host core takes it */                                 \
	X(HOST, host)             /* hypervisor, until it hands the frame on */                    \
	X(VMM_WAIT, vmm_wait)     /* until the device emulator takes it */                         \
	X(VMM, vmm)               /* device emulator */                                            \
	X(GUEST_WAIT, guest_wait) /* published until the guest kernel takes it */                  \
	X(GUEST_KERNEL, guest_kernel) /* guest kernel, until it is there for the process */        \
	X(PROCESS_WAIT, process_wait) /* until the process asks for it */                          \
	X(PROCESS, process)           /* process: system call and copy, until it can be read */

enum frame_stage {
#define X(id, name) STAGE_##id,
	FRAME_STAGES(X)
#undef X
		STAGE_N
};

/* What a guest, not the model, does wrong; counted, never an error of ours. */
#define HAZARDS(X)                                                                                 \
	X(OVERWRITE_IN_FLIGHT,                                                                     \
	  overwrite_in_flight)                  /* guest wrote to a buffer it had handed over */   \
	X(OVERWRITE_SEEN, overwrite_seen)       /* frames that arrived with what it wrote */       \
	X(DOUBLE_COMPLETION, double_completion) /* a buffer came back that was not out */

enum hazard {
#define X(id, name) HAZARD_##id,
	HAZARDS(X)
#undef X
		HAZARD_N
};

struct ledger {
	/* fates */
	uint64_t offered, offered_bytes;
	uint64_t delivered, delivered_bytes;
	uint64_t drops[DROP_N], drop_bytes[DROP_N];
	/* CPU copies of delivered frames */
	uint64_t copies[SITE_N], copy_bytes[SITE_N];
	uint64_t copies_why[SITE_N][REASON_N];     /* of copies[], by reason */
	uint64_t wasted_copies, wasted_copy_bytes; /* of dropped frames */
	uint64_t header_copies; /* under header split: of headers alone, once a frame and site */
	uint64_t header_only;   /* delivered frames without payload, under header split */
	uint64_t csum_bytes;    /* that a CPU has summed, of any frame */
	uint64_t fallbacks[REASON_N]; /* frames, by reason; REASON_POLICY stays 0 */
	/* data moved by devices (descriptors are counted apart, by the NIC) */
	uint64_t dma_transfers, dma_segments, dma_bytes;
	uint64_t hazards[HAZARD_N];
	/* zero-copy transmission: what the device was asked, and called failed */
	uint64_t capability_queries, zero_copy_errors;
	/* send buffers that the guest has back, and how long they were away (ztx.h) */
	uint64_t reuses, reuse_ps, reuse_max_ps;
	/* must stay 0: the receiver's bytes are not the sender's; frames of a flow out of order */
	uint64_t corrupt, reordered;
};

extern const char *const ledger_site_names[SITE_N + 1]; /* NULL-ended, as are the others */
extern const char *const ledger_reason_names[REASON_N + 1];
extern const char *const ledger_drop_names[DROP_N + 1];
extern const char *const ledger_stage_names[STAGE_N + 1];
extern const char *const ledger_hazard_names[HAZARD_N + 1];

#endif
