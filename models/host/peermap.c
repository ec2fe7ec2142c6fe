/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peermap.c - the mapping structure, its copies, and grants: see peermap.h.
 *
 * A copy is the list of entries and an index by address, open addressing, rebuilt with each update.
 * A grant's number is its slot and how often the slot was used, so that an old number is no good.
 */
#include "peermap.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_BITS 20
#define NONE      UINT32_MAX

struct copy {
	struct peer *peer;
	uint32_t n;
	uint32_t *index; /* mask + 1 of them: entry or NONE */
	uint32_t mask;
};

struct grant {
	uint32_t uses; /* odd: it is alive */
	uint16_t from, to;
	uint32_t n, next_free;
	struct peer_seg seg[PEERMAP_SEGS];
};

struct peermap {
	struct iommu *io;
	struct copy *copy; /* [PEERMAP_REMAPPER], then the devices' */
	unsigned copies;
	uint32_t room;          /* entries that each copy can hold */
	uint32_t *by_requester; /* entry of the remapper's copy, or NONE */
	struct grant *grant;
	uint32_t grants, grants_room, free, alive;
};

/* ---- life ---- */

struct peermap *peermap_new(struct iommu *io)
{
	struct peermap *pm = calloc(1, sizeof(*pm));

	if (!pm)
		return NULL;
	pm->io = io;
	pm->free = NONE;
	pm->by_requester = malloc(65536 * sizeof(*pm->by_requester));
	if (!pm->by_requester || peermap_device(pm) != PEERMAP_REMAPPER || !pm->copies) {
		peermap_free(pm);
		return NULL;
	}
	memset(pm->by_requester, 0xff, 65536 * sizeof(*pm->by_requester));
	return pm;
}

void peermap_free(struct peermap *pm)
{
	if (!pm)
		return;
	for (unsigned i = 0; i < pm->copies; i++) {
		free(pm->copy[i].peer);
		free(pm->copy[i].index);
	}
	free(pm->copy);
	free(pm->by_requester);
	free(pm->grant);
	free(pm);
}

/* ---- the table ---- */

static bool copy_room(struct copy *c, uint32_t room)
{
	uint32_t slots = 8;
	struct peer *peer = realloc(c->peer, (room ? room : 1) * sizeof(*peer));
	uint32_t *index;

	if (!peer)
		return false;
	c->peer = peer;
	while (slots < 2 * room)
		slots *= 2;
	index = realloc(c->index, slots * sizeof(*index));
	if (!index)
		return false;
	c->index = index;
	c->mask = slots - 1;
	return true;
}

static uint32_t *copy_slot(const struct copy *c, uint64_t mac)
{
	uint32_t i = (uint32_t)(mac * 0x9e3779b97f4a7c15u >> 40) & c->mask;

	while (c->index[i] != NONE && c->peer[c->index[i]].mac != mac)
		i = (i + 1) & c->mask;
	return &c->index[i];
}

static void copy_index(struct copy *c)
{
	memset(c->index, 0xff, (c->mask + 1) * sizeof(*c->index));
	for (uint32_t i = 0; i < c->n; i++)
		*copy_slot(c, c->peer[i].mac) = i;
}

/* The remapper's copy has changed: everybody's is the same again. */
static void update(struct peermap *pm)
{
	const struct copy *master = &pm->copy[PEERMAP_REMAPPER];

	for (unsigned i = 0; i < pm->copies; i++) {
		struct copy *c = &pm->copy[i];
		if (i != PEERMAP_REMAPPER && master->n)
			memcpy(c->peer, master->peer, master->n * sizeof(*c->peer));
		c->n = master->n;
		copy_index(c);
	}
}

unsigned peermap_device(struct peermap *pm)
{
	struct copy *copy = realloc(pm->copy, (pm->copies + 1) * sizeof(*copy));

	if (!copy)
		return 0;
	pm->copy = copy;
	pm->copy[pm->copies] = (struct copy){0};
	if (!copy_room(&pm->copy[pm->copies], pm->room))
		return 0;
	pm->copies++;
	update(pm);
	return pm->copies - 1;
}

bool peermap_add(struct peermap *pm, const struct peer *p)
{
	struct copy *master = &pm->copy[PEERMAP_REMAPPER];

	if (pm->by_requester[p->requester] != NONE || peermap_find(pm, PEERMAP_REMAPPER, p->mac))
		return false;
	if (master->n == pm->room) {
		uint32_t room = pm->room ? 2 * pm->room : 16;
		for (unsigned i = 0; i < pm->copies; i++)
			if (!copy_room(&pm->copy[i], room)) {
				update(pm); /* the indexes that have grown */
				return false;
			}
		pm->room = room;
	}
	assert(master->peer && master->n < pm->room);
	pm->by_requester[p->requester] = master->n;
	master->peer[master->n++] = *p;
	update(pm);
	return true;
}

bool peermap_move(struct peermap *pm, uint16_t requester, uint64_t mac)
{
	uint32_t at = pm->by_requester[requester];

	if (at == NONE || peermap_find(pm, PEERMAP_REMAPPER, mac))
		return false;
	assert(pm->copy[PEERMAP_REMAPPER].peer);
	pm->copy[PEERMAP_REMAPPER].peer[at].mac = mac;
	update(pm);
	return true;
}

void peermap_remove(struct peermap *pm, uint16_t requester)
{
	struct copy *master = &pm->copy[PEERMAP_REMAPPER];
	uint32_t at = pm->by_requester[requester];

	if (at == NONE)
		return;
	for (uint32_t i = 0; i < pm->grants; i++)
		if (pm->grant[i].uses & 1 &&
		    (pm->grant[i].from == requester || pm->grant[i].to == requester))
			peermap_end(pm, pm->grant[i].uses << SLOT_BITS | i);
	pm->by_requester[requester] = NONE;
	assert(master->peer && master->n);
	master->peer[at] = master->peer[--master->n];
	if (at < master->n)
		pm->by_requester[master->peer[at].requester] = at;
	update(pm);
}

const struct peer *peermap_find(const struct peermap *pm, unsigned whose, uint64_t mac)
{
	const struct copy *c = &pm->copy[whose];
	uint32_t at = *copy_slot(c, mac);

	return at == NONE ? NULL : &c->peer[at];
}

const struct peer *peermap_at(const struct peermap *pm, unsigned whose, uint32_t i)
{
	return i < pm->copy[whose].n ? &pm->copy[whose].peer[i] : NULL;
}

/* ---- grants ---- */

static struct grant *grant_of(const struct peermap *pm, uint32_t number)
{
	uint32_t slot = number & ((1u << SLOT_BITS) - 1);
	struct grant *g = slot < pm->grants ? &pm->grant[slot] : NULL;

	return g && g->uses & 1 && (g->uses << SLOT_BITS | slot) == number ? g : NULL;
}

/* A slot that is free; NONE: no memory. Grows to the largest number alive at a time. */
static uint32_t grant_slot(struct peermap *pm)
{
	uint32_t slot = pm->free;

	if (slot != NONE) {
		pm->free = pm->grant[slot].next_free;
		return slot;
	}
	if (pm->grants == pm->grants_room) {
		uint32_t room = pm->grants_room ? 2 * pm->grants_room : 16;
		struct grant *grant =
			room >> SLOT_BITS ? NULL : realloc(pm->grant, room * sizeof(*grant));
		if (!grant)
			return NONE;
		pm->grant = grant;
		pm->grants_room = room;
	}
	pm->grant[pm->grants].uses = 0;
	return pm->grants++;
}

uint32_t peermap_grant(struct peermap *pm, uint16_t from, uint16_t to, const struct peer_seg *seg,
		       unsigned n)
{
	uint32_t slot;
	struct grant *g;

	if (pm->by_requester[to] == NONE || pm->by_requester[from] == NONE || n > PEERMAP_SEGS)
		return 0;
	slot = grant_slot(pm);
	if (slot == NONE)
		return 0;
	g = &pm->grant[slot];
	g->uses++;
	g->from = from;
	g->to = to;
	g->n = n;
	memcpy(g->seg, seg, n * sizeof(*seg));
	pm->alive++;
	return g->uses << SLOT_BITS | slot;
}

void peermap_end(struct peermap *pm, uint32_t number)
{
	struct grant *g = grant_of(pm, number);

	if (!g)
		return;
	g->uses++;
	g->next_free = pm->free;
	pm->free = (uint32_t)(g - pm->grant);
	pm->alive--;
}

uint32_t peermap_grants(const struct peermap *pm)
{
	return pm->alive;
}

enum iommu_status peermap_translate(struct peermap *pm, uint32_t number, uint16_t requester,
				    iova_t iova, uint64_t len, unsigned access, sim_time now,
				    struct iommu_hit *hit)
{
	const struct grant *g = grant_of(pm, number);

	if (g && g->from == requester && access == IOMMU_WRITE)
		for (uint32_t i = 0; i < g->n; i++)
			if (iova.a >= g->seg[i].iova && len <= g->seg[i].len &&
			    iova.a - g->seg[i].iova <= g->seg[i].len - len)
				return iommu_translate_in(pm->io, iommu_domain_of(pm->io, g->to),
							  requester, iova, len, access, now, hit);
	*hit = (struct iommu_hit){.reads = 0};
	return iommu_refuse(pm->io, requester, iova, access, now, IOMMU_NO_GRANT);
}
