/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iotlb.c - a translation cache of any shape: see iotlb.h. */
#include "iotlb.h"

#include <stdlib.h>

bool iotlb_init(struct iotlb *c, uint32_t sets, uint32_t ways, enum iotlb_replacement replacement,
		uint64_t seed, const char *stream)
{
	uint32_t lines = sets * ways;
	unsigned bits = 1;

	while ((uint64_t)1 << bits < lines)
		bits++;
	*c = (struct iotlb){.set_mask = sets - 1,
			    .ways = ways,
			    .hash_shift = 64 - bits,
			    .replacement = replacement};
	rng_init(&c->rng, seed, stream);
	c->line = calloc(lines, sizeof(*c->line));
	c->set = calloc(sets, sizeof(*c->set));
	c->bucket = malloc(sizeof(*c->bucket) << bits);
	if (!c->line || !c->set || !c->bucket)
		return false;
	for (uint64_t b = 0; b < (uint64_t)1 << bits; b++)
		c->bucket[b] = IOTLB_NONE;
	for (uint32_t i = 0; i < lines; i++) {
		c->line[i].newer = i % ways ? i - 1 : IOTLB_NONE;
		c->line[i].older = (i + 1) % ways ? i + 1 : IOTLB_NONE;
	}
	for (uint32_t s = 0; s < sets; s++) {
		c->set[s].first = s * ways;
		c->set[s].last = s * ways + ways - 1;
	}
	return true;
}

void iotlb_fini(struct iotlb *c)
{
	free(c->line);
	free(c->set);
	free(c->bucket);
}

static void unlink_line(struct iotlb *c, uint32_t i)
{
	struct iotlb_line *l = &c->line[i];
	uint32_t s = i / c->ways;

	*(l->newer == IOTLB_NONE ? &c->set[s].first : &c->line[l->newer].older) = l->older;
	*(l->older == IOTLB_NONE ? &c->set[s].last : &c->line[l->older].newer) = l->newer;
}

static void push_last(struct iotlb *c, uint32_t i)
{
	uint32_t s = i / c->ways, tail = c->set[s].last;

	c->line[i].older = IOTLB_NONE;
	c->line[i].newer = tail;
	c->set[s].last = i;
	*(tail == IOTLB_NONE ? &c->set[s].first : &c->line[tail].older) = i;
}

void iotlb_touch(struct iotlb *c, struct iotlb_line *l)
{
	uint32_t i = (uint32_t)(l - c->line), s = i / c->ways, head = c->set[s].first;

	c->line[l->newer].older = l->older;
	*(l->older == IOTLB_NONE ? &c->set[s].last : &c->line[l->older].newer) = l->newer;
	c->line[head].newer = i;
	l->newer = IOTLB_NONE;
	l->older = head;
	c->set[s].first = i;
}

/* Takes the line out of its bucket; it stays where it is in its set's list. */
static void forget(struct iotlb *c, uint32_t i)
{
	uint32_t *at = &c->bucket[iotlb_bucket(c, c->line[i].key)];

	while (*at != i)
		at = &c->line[*at].chain;
	*at = c->line[i].chain;
	c->line[i].key = 0;
}

struct iotlb_line *iotlb_insert(struct iotlb *c, uint64_t key)
{
	uint32_t s = iotlb_set(c, key), b = iotlb_bucket(c, key), i = c->set[s].last;

	if (c->line[i].key) {
		if (c->replacement == IOTLB_RANDOM)
			i = s * c->ways + (uint32_t)rng_below(&c->rng, c->ways);
		forget(c, i);
	}
	if (c->line[i].newer != IOTLB_NONE)
		iotlb_touch(c, &c->line[i]);
	c->line[i].key = key;
	c->line[i].chain = c->bucket[b];
	c->bucket[b] = i;
	return &c->line[i];
}

static void empty(struct iotlb *c, uint32_t i)
{
	forget(c, i);
	unlink_line(c, i);
	push_last(c, i);
}

void iotlb_drop(struct iotlb *c, uint64_t key)
{
	struct iotlb_line *l = iotlb_find(c, key);

	if (l)
		empty(c, (uint32_t)(l - c->line));
}

void iotlb_drop_domain(struct iotlb *c, uint32_t domain)
{
	uint32_t n = c->line ? (c->set_mask + 1) * c->ways : 0;

	for (uint32_t i = 0; i < n; i++)
		if (c->line[i].key && ((c->line[i].key >> 38) & 0xffff) == domain)
			empty(c, i);
}
