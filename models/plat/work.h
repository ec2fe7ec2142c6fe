/* SPDX-License-Identifier: GPL-2.0-or-later */
/* work.h - time, and the kinds of work that plat_charge() knows. */
#ifndef PLAT_WORK_H
#define PLAT_WORK_H

#include <stdint.h>

typedef uint64_t plat_time; /* picoseconds */
#define PLAT_NEVER UINT64_MAX

/*
 * Work that is not a copy, in units of one. The name is the metric's: busy_ns.NAME, and (in cycles)
 * the key's in [cost], except csum, whose unit is less than a cycle, and process, which has no
 * cost. Those from TAP_READ on are of [tap] scenarios alone, by time.
 */
#define PLAT_WORKS(X)                                                                              \
	X(COPY, copy)             /* plat_copy(); charged by length, not by unit */                \
	X(POLL, poll)             /* look at one ring, find or find nothing */                     \
	X(DEV_RX, dev_rx)         /* device driver: reap and repost one receive descriptor */      \
	X(DEV_TX, dev_tx)         /* device driver: write one send descriptor, reap it later */    \
	X(DOORBELL, doorbell)     /* posted write to a device register */                          \
	X(REG_READ, reg_read)     /* waiting for a device register to be read; charged by time */  \
	X(VQ_POP, vq_pop)         /* device side: take one chain */                                \
	X(VQ_DESC, vq_desc)       /* each further descriptor of a chain */                         \
	X(VQ_PUSH, vq_push)       /* device side: write one used element and header */             \
	X(DRV_ADD, drv_add)       /* driver side: expose one chain */                              \
	X(DRV_GET, drv_get)       /* driver side: take back one used element */                    \
	X(DMA_MAP, dma_map)       /* write one IOMMU entry */                                      \
	X(DMA_UNMAP, dma_unmap)   /* clear one IOMMU entry */                                      \
	X(IOTLB_INV, iotlb_inv)   /* invalidate and wait */                                        \
	X(INV_LOCK, inv_lock)     /* spin on the lock of invalidations; by time, not by unit */    \
	X(SYSCALL, syscall)       /* enter and leave a kernel, host's or guest's */                \
	X(WAKE, wake)             /* wake a sleeping thread and switch to it */                    \
	X(HOST_STACK, host_stack) /* host kernel: one frame through tap or bridge */               \
	X(HOST_IRQ, host_irq)     /* host takes a device interrupt */                              \
	X(INJECT, inject)         /* host raises a guest interrupt */                              \
	X(VM_EXIT, vm_exit)       /* leave the guest and come back */                              \
	X(HYPERCALL, hypercall)   /* VMM: find out what a call wants, check it */                  \
	X(VMM_ENTRY, vmm_entry)   /* reach the device emulator from the host kernel */             \
	X(GUEST_IRQ, guest_irq)   /* guest's interrupt entry, handler, softirq scheduling */       \
	X(GUEST_RX, guest_rx)     /* guest kernel: one received frame up to the socket */          \
	X(GUEST_TX, guest_tx)     /* guest kernel: one sent frame down to the driver */            \
	X(GUEST_POST, guest_post) /* guest kernel: take or give one process buffer (translate) */  \
	X(CSUM, csum)             /* a checksum pass over one byte, host's or guest's */           \
	X(FLOW_LOOKUP, flow_lookup)   /* find a frame's header and its flow */                     \
	X(PAGE_IN, page_in)           /* bring a page of a guest back that was put aside */        \
	X(PROCESS, process)           /* plat_process(): a process's own work; by [guest] work */  \
	X(HEADER_EARLY, header_early) /* the virtio-net header, written before the frame is */     \
	X(ZC_SEND, zc_send) /* zero-copy sending: keep a buffer that is away, see it come back */  \
	X(ZC_PAGE, zc_page) /* ... find, pin and unpin one page of it */                           \
	X(SWITCH, switch)   /* a shared core goes from one CPU to another */                       \
	X(IRQ_HANDLE, irq_handle) /* host takes an interrupt on its way into a guest */            \
	X(EOI, eoi) /* a guest's end of interrupt that leaves it: vm_exit and irq_handle */        \
	X(TAP_READ, tap_read)         /* a TAP device: read frames, or find none */                \
	X(TAP_WRITE, tap_write)       /* the same: write frames */                                 \
	X(EVENTFD, eventfd)           /* a kick or an interrupt between threads */                 \
	X(EVENTFD_READ, eventfd_read) /* taking it */                                              \
	X(EPOLL, epoll)               /* sleep until something comes, or look whether it has */    \
	X(FAR, far)                   /* a TAP device's far side: sends and takes frames */

enum plat_work {
#define X(id, name) PLAT_W_##id,
	PLAT_WORKS(X)
#undef X
		PLAT_W_N
};

#endif
