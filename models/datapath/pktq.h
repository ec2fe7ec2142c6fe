/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pktq.h - frames handed from one host actor to another: one producer, one consumer.
 *
 * An entry lends a hypervisor buffer. The consumer publishes how far it has read; the producer then
 * takes the buffers of those entries back. So neither writes the other's pool.
 *
 * Indices run free; the slot is index modulo size, a power of two up to 32768. Sleeping: the
 * consumer publishes `asleep`, fences, looks again; the producer publishes its index, fences, reads
 * `asleep`.
 */
#ifndef DATAPATH_PKTQ_H
#define DATAPATH_PKTQ_H

#include "csum.h"
#include "hbuf.h"

struct pktq_entry {
	struct frame *frame;
	struct hbuf_pool *pool;
	uint32_t buf;
	enum copy_reason reason; /* of a copy that the consumer would not make otherwise */
	enum copy_site site;     /* of a local frame's copy by the consumer */
	bool local;              /* from another guest: one copy, whatever the consumer's policy */
	struct csum csum;        /* what is said of it */
};

struct pktq {
	struct pktq_entry *entry;
	uint16_t mask;
	/* producer's: put <= tail + size; shared: tail */
	uint16_t put, tail, reclaimed;
	uint16_t starved;       /* shared: the producer has no buffer left, wake it by `back` */
	struct plat_line *back; /* NULL: it never waits for buffers */
	/* consumer's: taken; shared: head, asleep */
	uint16_t taken, head;
	uint16_t asleep;
};

static inline unsigned pktq_room(const struct pktq *q)
{
	return q->mask + 1u - (uint16_t)(q->put - q->reclaimed);
}

/* False: full. */
static inline bool pktq_put(struct pktq *q, struct pktq_entry e)
{
	if (!pktq_room(q))
		return false;
	q->entry[q->put++ & q->mask] = e;
	return true;
}

/* Producer's commit. True if the consumer sleeps and must be woken. */
static inline bool pktq_publish(struct pktq *q, struct plat *pl)
{
	if (q->tail == q->put)
		return false;
	plat_publish_idx(&q->tail, q->put);
	plat_fence(pl);
	return plat_load_idx(&q->asleep);
}

/* Producer: gives back the buffers of what has been consumed; each is `done` with its entry. */
static inline unsigned pktq_reclaim(struct pktq *q)
{
	uint16_t head = plat_load_idx(&q->head), from = q->reclaimed;

	for (; q->reclaimed != head; q->reclaimed++) {
		struct pktq_entry *e = &q->entry[q->reclaimed & q->mask];
		if (--e->pool->lent[e->buf] == 0)
			hbuf_put(e->pool, e->buf);
	}
	return (uint16_t)(head - from);
}

/* Producer, of entries that lend nothing or whose buffers come back another way: room again. */
static inline void pktq_forget(struct pktq *q)
{
	q->reclaimed = plat_load_idx(&q->head);
}

/* Consumer: the next entry, or NULL. */
static inline struct pktq_entry *pktq_take(struct pktq *q)
{
	if (plat_load_idx(&q->tail) == q->taken)
		return NULL;
	return &q->entry[q->taken++ & q->mask];
}

/* Consumer's commit: what was taken may be given back. */
static inline void pktq_consumed(struct pktq *q, struct plat *pl)
{
	if (q->head == q->taken)
		return;
	plat_publish_idx(&q->head, q->taken);
	plat_fence(pl);
	if (q->back && plat_load_idx(&q->starved))
		plat_kick(pl, q->back, 0);
}

/* Consumer, before sleeping: true if there is more. */
static inline bool pktq_sleep(struct pktq *q, struct plat *pl)
{
	plat_publish_idx(&q->asleep, 1);
	plat_fence(pl);
	return plat_load_idx(&q->tail) != q->taken;
}

static inline void pktq_awake(struct pktq *q)
{
	plat_publish_idx(&q->asleep, 0);
}

#endif
