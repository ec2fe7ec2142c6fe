/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * heap_oracle.h - the event queue that one would write first: a 4-ary heap, for tests only.
 *
 * Keys are 128 bits, time above sequence number, so the order is the specification itself: by time,
 * then by order of scheduling. Each item knows its place, so cancel is O(log n). It is also what
 * the wheel is measured against, so it is made well: sifting moves a hole instead of swapping, the
 * smallest of four children is found without branches, and the root is element 3, so that the four
 * children of a node fill exactly two cache lines (children of i: 4(i-2)..+3; parent: i/4+2).
 */
#ifndef TESTS_HEAP_ORACLE_H
#define TESTS_HEAP_ORACLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "sim/simtime.h"

#define HEAP_ROOT 3u

struct heap_item {
	size_t pos; /* 0: not in the heap */
};

typedef unsigned __int128 heap_key; /* time << 64 | sequence */

struct heap_node {
	heap_key key;
	struct heap_item *item;
};

struct heap {
	struct heap_node *node;
	size_t end; /* one past the last element */
	uint64_t seq;
};

/* A heap for at most `max` items. */
static inline void heap_init(struct heap *h, size_t max)
{
	size_t bytes = (max + HEAP_ROOT + 4) * sizeof(struct heap_node);

	h->node = aligned_alloc(128, (bytes + 127) / 128 * 128);
	if (!h->node)
		abort();
	h->end = HEAP_ROOT;
	h->seq = 0;
}

static inline void heap_fini(struct heap *h)
{
	free(h->node);
}

static inline size_t heap_count(const struct heap *h)
{
	return h->end - HEAP_ROOT;
}

static inline void heap_put(struct heap *h, size_t i, struct heap_node n)
{
	h->node[i] = n;
	n.item->pos = i;
}

/* Puts `n` at the hole `i` or above. */
static inline void heap_up(struct heap *h, size_t i, struct heap_node n)
{
	while (i > HEAP_ROOT) {
		size_t parent = i / 4 + 2;

		if (h->node[parent].key <= n.key)
			break;
		heap_put(h, i, h->node[parent]);
		i = parent;
	}
	heap_put(h, i, n);
}

/* Puts `n` at the hole `i` or below. */
static inline void heap_down(struct heap *h, size_t i, struct heap_node n)
{
	for (;;) {
		size_t c = 4 * (i - 2), best = c;

		if (c + 3 < h->end) {
			size_t a = h->node[c + 1].key < h->node[c].key ? c + 1 : c;
			size_t b = h->node[c + 3].key < h->node[c + 2].key ? c + 3 : c + 2;

			best = h->node[b].key < h->node[a].key ? b : a;
		} else {
			if (c >= h->end)
				break;
			for (size_t k = c + 1; k < h->end; k++)
				best = h->node[k].key < h->node[best].key ? k : best;
		}
		if (n.key <= h->node[best].key)
			break;
		heap_put(h, i, h->node[best]);
		i = best;
	}
	heap_put(h, i, n);
}

static inline void heap_schedule(struct heap *h, struct heap_item *it, sim_time at)
{
	heap_up(h, h->end++, (struct heap_node){(heap_key)at << 64 | h->seq++, it});
}

static inline void heap_cancel(struct heap *h, struct heap_item *it)
{
	size_t i = it->pos;
	struct heap_node last;

	if (!i)
		return;
	it->pos = 0;
	last = h->node[--h->end];
	if (i == h->end)
		return;
	if (i > HEAP_ROOT && last.key < h->node[i / 4 + 2].key)
		heap_up(h, i, last);
	else
		heap_down(h, i, last);
}

/* Time of the earliest item, SIM_NEVER if there is none. */
static inline sim_time heap_peek(const struct heap *h)
{
	return h->end == HEAP_ROOT ? SIM_NEVER : (sim_time)(h->node[HEAP_ROOT].key >> 64);
}

/* The earliest item, taken out, or NULL. */
static inline struct heap_item *heap_pop(struct heap *h)
{
	struct heap_item *it;
	struct heap_node last;

	if (h->end == HEAP_ROOT)
		return NULL;
	it = h->node[HEAP_ROOT].item;
	it->pos = 0;
	last = h->node[--h->end];
	if (h->end > HEAP_ROOT)
		heap_down(h, HEAP_ROOT, last);
	return it;
}

#endif
