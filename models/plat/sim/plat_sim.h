/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_sim.h - what all actors of one simulated world share: the event queue, machine memory, the
 * books and the frames under way.
 *
 * A frame comes from the pool when its sender takes it from the traffic, and goes back when its
 * fate is known; frames live at the end of the run are the residents. The pool grows by slabs to
 * the largest number in flight, never with the number of packets.
 */
#ifndef PLAT_SIM_H
#define PLAT_SIM_H

#include "../../../sim/event.h"
#include "../../book.h"
#include "../../host/cost.h"
#include "../../host/mem.h"
#include "frame.h"

struct world_slab;

struct plat_clock;

/* What the CPU with this clock copies, from clk->now on for `ps`. */
struct watched_copy {
	const struct plat_clock *clk;
	struct frame *frame;
	enum copy_site site;
	enum copy_reason reason;
	uint32_t len;
	uint64_t ps;
	bool header;    /* of the frame's header alone */
	const void *to; /* where its bytes will be */
};

/* Told of what cannot be seen by looking at the machine after an event. */
struct world_watch {
	struct world_watch *next;
	/* NULL: not of copies. */
	void (*copied)(struct world_watch *w, const struct watched_copy *c);
	/*
	 * A device writes len bytes of a frame at p; it has the frame in one piece, and these at
	 * `from`. NULL: not of that.
	 */
	void (*dma)(struct world_watch *w, struct frame *f, const uint8_t *p, const uint8_t *from,
		    uint32_t len);
	/* Before it is booked. `why`: DROP_N if it was delivered. */
	void (*ended)(struct world_watch *w, struct frame *f, enum drop_reason why);
};

struct world {
	struct evq *q;
	struct mem *mem;
	struct frame *free;
	struct world_slab *slabs;
	uint64_t live;         /* frames under way */
	uint64_t live_bytes;   /* theirs */
	uint64_t done;         /* frames whose fate is known, warm-up included */
	uint64_t dropped;      /* of them, for those who look on */
	uint64_t stage_errors; /* frames whose stages do not add up to their latency */
	/* A frame's bytes are no longer needed by its sender's side; set by the wiring. */
	void (*release)(struct frame *f);
	struct world_watch *watch; /* NULL: nobody watches */
};

void world_init(struct world *w, struct evq *q, struct mem *mem);
void world_fini(struct world *w);

struct frame *world_frame_slow(struct world *w);

/* A frame, zeroed, of len bytes, offered in `book` at time `at`. */
static inline struct frame *world_frame(struct world *w, struct book *book, uint32_t len,
					sim_time at)
{
	struct frame *f = w->free;
	if (__builtin_expect(!f, 0))
		f = world_frame_slow(w);
	w->free = f->next;
	*f = (struct frame){.led = &book->led, .first = at, .last = at, .len = len, .slots = 1};
	w->live++;
	w->live_bytes += len;
	book->led.offered++;
	book->led.offered_bytes += len;
	return f;
}

/* The frame's bytes have left its sender's side. */
static inline void world_release(struct world *w, struct frame *f)
{
	if (f->bytes) {
		w->release(f);
		f->bytes = NULL;
	}
}

/* The frame's end; its last stamp is the time of delivery. */
void world_deliver(struct world *w, struct frame *f);
void world_drop(struct world *w, struct frame *f, enum drop_reason reason);

/* For those who watch: struct world_watch.dma. */
void world_dma(struct world *w, struct frame *f, const uint8_t *p, const uint8_t *from,
	       uint32_t len);

/* Calls fn for each frame under way. */
void world_each_live(struct world *w, void (*fn)(void *arg, struct frame *f), void *arg);

#endif
