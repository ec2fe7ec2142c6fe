/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * addr.h - the address spaces of a virtualized host, one C type each.
 *
 * They are structs so that handing a guest-physical address to something that wants a host-physical
 * one does not compile; the compiler passes them in a register like the integer inside.
 *
 *   gva_t   process in a guest       -- the guest's page table -->          gpa_t
 *   gpa_t   guest-physical           -- the host's second-level table -->   hpa_t
 *   iova_t  what a device puts on the bus -- the IOMMU, requester's domain -> hpa_t
 *   hpa_t   machine memory
 */
#ifndef PLAT_ADDR_H
#define PLAT_ADDR_H

#include <stdint.h>

typedef struct {
	uint64_t a;
} gva_t;
typedef struct {
	uint64_t a;
} gpa_t;
typedef struct {
	uint64_t a;
} iova_t;
typedef struct {
	uint64_t a;
} hpa_t;

#define PAGE_SHIFT 12
#define PAGE_BYTES 4096u /* smallest page of every table in the model */

/* Bytes from `a` to the end of its 4 KiB page. */
static inline uint32_t page_rest(uint64_t a)
{
	return PAGE_BYTES - (uint32_t)(a & (PAGE_BYTES - 1));
}

#endif
