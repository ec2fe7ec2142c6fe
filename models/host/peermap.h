/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peermap.h - who may write into whose memory: the mapping structure of mediated virtual functions.
 *
 * An ordinary IOMMU picks the domain by requester, so a function that writes into another guest's
 * memory would be refused. The hypervisor therefore writes one table, network address -> virtual
 * function, and gives it to the remapping hardware and to every device whose functions take part
 * (US 9,483,290); function -> memory domain is the IOMMU's own table, so that a function whose DMA
 * is not permitted cannot be reached by its peers either. The table permits pairs; what exactly may
 * be written is granted frame by frame, by the receiving function: an answer to a peer is a list of
 * I/O addresses in the receiver's domain, and the remapper lets that peer write there, and nowhere
 * else, until the grant ends.
 *
 * How a DMA says that it is for a peer is not in the published text; here it carries the number of
 * the grant beside its address, as a PASID does.
 *
 * Always holds: after each update the table is the same everywhere; a grant lives no longer than
 * the entries of both its functions, in the state they had when it was made; a refused access is
 * recorded by the IOMMU and yields no address.
 *
 * Updates are rare and cost the size of the table; a look-up and a check cost O(1).
 *
 * Rejected: permission by pair alone (a peer could write all of the other guest's mapped memory).
 */
#ifndef HOST_PEERMAP_H
#define HOST_PEERMAP_H

#include "iommu.h"

#define PEERMAP_REMAPPER 0  /* whose copy: the remapping hardware's; devices count from 1 */
#define PEERMAP_SEGS     64 /* of one grant */

/* One virtual function. */
struct peer {
	uint64_t mac; /* network address: 48 bits, as peermap_mac() makes them */
	uint16_t requester;
	void *vf; /* the device's own */
};

struct peer_seg {
	uint64_t iova; /* in the receiver's domain */
	uint32_t len;
};

struct peermap;

/* NULL: out of memory. The IOMMU outlives it. Freeing takes NULL. */
struct peermap *peermap_new(struct iommu *io);
void peermap_free(struct peermap *pm);

static inline uint64_t peermap_mac(const uint8_t *m)
{
	return (uint64_t)m[0] << 40 | (uint64_t)m[1] << 32 | (uint64_t)m[2] << 24 |
	       (uint64_t)m[3] << 16 | (uint64_t)m[4] << 8 | m[5];
}

/* One more device that gets a copy; its number, or 0: out of memory. */
unsigned peermap_device(struct peermap *pm);

/*
 * The hypervisor's updates. False, and nothing changed: the address or the function is there
 * already (move: the address is), or there is no memory.
 */
bool peermap_add(struct peermap *pm, const struct peer *p);
/* Its address is another now; grants stay: the memory is the same. */
bool peermap_move(struct peermap *pm, uint16_t requester, uint64_t mac);
/* It is gone; all grants from and to it end. Nothing happens if it was not there. */
void peermap_remove(struct peermap *pm, uint16_t requester);

/* What the copy of `whose` says of a network address; NULL: nothing. */
const struct peer *peermap_find(const struct peermap *pm, unsigned whose, uint64_t mac);
/* The i-th entry of that copy, in no order that means anything; NULL behind the last. */
const struct peer *peermap_at(const struct peermap *pm, unsigned whose, uint32_t i);

/*
 * `to` lets `from` write these n segments until peermap_end(). Returns the grant's number; 0: too
 * many segments, a function that is not in the table, or no memory.
 */
uint32_t peermap_grant(struct peermap *pm, uint16_t from, uint16_t to, const struct peer_seg *seg,
		       unsigned n);
void peermap_end(struct peermap *pm, uint32_t number);
/* Grants that have not ended. */
uint32_t peermap_grants(const struct peermap *pm);

/*
 * The remapper's part: `requester` writes `len` bytes at `iova` under the grant of that number. The
 * first page's worth, as iommu_translate(); IOMMU_NO_GRANT: there is no such permission.
 */
enum iommu_status peermap_translate(struct peermap *pm, uint32_t number, uint16_t requester,
				    iova_t iova, uint64_t len, unsigned access, sim_time now,
				    struct iommu_hit *hit);

#endif
