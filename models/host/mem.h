/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mem.h - machine memory: real bytes in one sparse mapping, cut into frames of 4 KiB.
 *
 * How it works. One MAP_NORESERVE mapping holds the bytes; an hpa_t is an offset into it, so
 * mem_ptr() is one addition and only touched frames cost the process anything. A second sparse
 * mapping holds 16 bytes of state for each frame: who owns it, how many DMAs or drivers pin it, how
 * many tables map it. `struct mem_frames` decides which frame comes next; guests use the same
 * allocator for their guest-physical pages.
 *
 * Scatter. Frames come in a shuffled order (a keyed bijection, no table), but windows are taken in
 * turn, so code that assumes contiguity fails at once and yet the process's own page tables stay
 * dense. Freed frames are reused last in, first out, zeroed. The order depends on the seed and on
 * the calls only.
 *
 * Always holds: frame 0 is never handed out, so hpa 0 means nothing; a frame that is pinned or
 * mapped is never handed to anyone else; the counts by owner add up to the frames in use; a frame
 * is zero when it is handed out.
 *
 * Rejected: one shuffle over the whole memory (each frame then costs the process a page-table page
 * of its own); a linked free list inside the frames (touches memory that nobody uses).
 */
#ifndef HOST_MEM_H
#define HOST_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../sim/simtime.h"
#include "../plat/addr.h"

/* ---- page numbers: what comes next, what is free ---- */

struct mem_frames {
	uint8_t *state;  /* one byte a page: MEM_FRAMES_* in mem.c */
	uint32_t *stack; /* freed pages, the last on top */
	uint32_t n;      /* page numbers are 1..n-1 */
	uint32_t depth;  /* pages on the stack */
	uint32_t cursor; /* next position of the shuffled order */
	uint32_t top;    /* runs were cut from here upwards */
	uint32_t used;
	unsigned window_bits;
	bool scatter;
	uint64_t seed;
};

/*
 * `n` pages (page 0 is kept out) shuffled inside windows of 2^window_bits pages when `scatter`.
 * False: no address space.
 */
bool mem_frames_init(struct mem_frames *f, uint32_t n, unsigned window_bits, bool scatter,
		     uint64_t seed);

/* One page; 0 when all are in use. *dirty (may be NULL): it was in use before. */
uint32_t mem_frames_take(struct mem_frames *f, bool *dirty);

/* The first of `count` contiguous pages at a multiple of `align` (a power of two); 0 if none. */
uint32_t mem_frames_take_run(struct mem_frames *f, uint32_t count, uint32_t align);

/* True if the page was in use before the present use: its bytes are somebody's leavings. */
bool mem_frames_was_used(const struct mem_frames *f, uint32_t page);

/* Gives a page back. False if it is not in use. */
bool mem_frames_give(struct mem_frames *f, uint32_t page);

void mem_frames_fini(struct mem_frames *f);

/* ---- frames ---- */

enum mem_owner {
	MEM_FREE,  /* nobody */
	MEM_HOST,  /* host drivers: NIC rings and the like */
	MEM_HYP,   /* hypervisor and VMM buffers */
	MEM_TABLE, /* page tables of guests and IOMMU domains; id: the guest or domain */
	MEM_GUEST, /* id: the guest */
	MEM_OWNERS
};

enum mem_status {
	MEM_OK,
	MEM_NONE, /* no such frame in use, or none left */
	MEM_BUSY  /* refused: pinned or mapped */
};

struct mem_frame {
	uint32_t id;    /* which one of the owner kind */
	uint32_t pins;  /* DMA or a driver relies on its staying where it is */
	uint32_t maps;  /* page tables that reach it */
	uint8_t owner;  /* enum mem_owner */
	uint8_t zombie; /* given back while busy: becomes free with its last pin and mapping */
	uint8_t node;   /* whose memory it is: mem_place() */
	uint8_t unused;
};

struct mem_violation {
	uint64_t count; /* all of them; the rest describes the first */
	sim_time time;
	hpa_t hpa;
	char what[48];
	char actor[32];
};

struct mem {
	uint8_t *base;
	uint64_t bytes;
	struct mem_frame *frame;
	sim_time *shadow; /* NULL unless checked: time of the last write, one a 64-byte line */
	struct mem_frames frames;
	uint64_t owned[MEM_OWNERS]; /* frames by owner, zombies included; [MEM_FREE] is unused */
	uint64_t zombies;
	uint64_t pins; /* totals of the run */
	uint64_t unpins;
	struct mem_violation violation;
	uint8_t node; /* of what is handed out: mem_place() */
	const uint8_t *guest_node;
};

/*
 * `bytes` of machine memory, a multiple of 4 KiB, at most 16 TiB; the first frame is not usable.
 * NULL: bad size, or the process may not reserve so much address space.
 */
struct mem *mem_new(uint64_t bytes, bool scatter, uint64_t seed);

/*
 * Frames handed out from now on are of this node, those of guest i of guest_node[i] (NULL: of this
 * node, too). A label: nodes do not run out of memory.
 */
static inline void mem_place(struct mem *m, uint8_t node, const uint8_t *guest_node)
{
	m->node = node;
	m->guest_node = guest_node;
}

/* One zeroed frame. MEM_NONE: memory is full. */
enum mem_status mem_alloc(struct mem *m, enum mem_owner owner, uint32_t id, hpa_t *hpa);

/* `n` contiguous zeroed frames; hpa is a multiple of align_frames (a power of two) frames. */
enum mem_status mem_alloc_run(struct mem *m, enum mem_owner owner, uint32_t id, uint32_t n,
			      uint32_t align_frames, hpa_t *hpa);

/* The frame's state; NULL if hpa is outside machine memory. */
static inline struct mem_frame *mem_frame(const struct mem *m, hpa_t hpa)
{
	return hpa.a < m->bytes ? &m->frame[hpa.a >> PAGE_SHIFT] : NULL;
}

/* Host pointer to machine memory. The caller knows that hpa is inside. */
static inline uint8_t *mem_ptr(const struct mem *m, hpa_t hpa)
{
	return m->base + hpa.a;
}

/* Counts of one frame. MEM_NONE: the frame is free, outside, or (un*) the count is zero. */
enum mem_status mem_pin(struct mem *m, hpa_t hpa);
enum mem_status mem_unpin(struct mem *m, hpa_t hpa);
enum mem_status mem_ref(struct mem *m, hpa_t hpa);
enum mem_status mem_unref(struct mem *m, hpa_t hpa);

/* Gives `n` frames back, all or none. MEM_BUSY: one of them is pinned or mapped. */
enum mem_status mem_put(struct mem *m, hpa_t hpa, uint32_t n);

/*
 * Gives `n` frames back, each now if it can be, else when its last pin and mapping go. Until then
 * it keeps its owner (the DMA in flight is still legitimate) and is counted in m->zombies.
 */
void mem_put_deferred(struct mem *m, hpa_t hpa, uint32_t n);

/* ---- who may touch what, and when ---- */

/* True if all of [hpa, hpa+len) belongs to owner and id. */
bool mem_check(const struct mem *m, hpa_t hpa, uint64_t len, enum mem_owner owner, uint32_t id);

/* A model touched what it does not hold: counted, the first one kept for the report. */
void mem_violation(struct mem *m, sim_time now, const char *actor, const char *what, hpa_t hpa);

/* Starts the checked mode (12.5% more memory for what is written). False: no address space. */
bool mem_check_enable(struct mem *m);

void mem_note_write_slow(struct mem *m, hpa_t hpa, uint64_t len, sim_time now);
bool mem_note_read_slow(const struct mem *m, hpa_t hpa, uint64_t len, sim_time now);

/* Bytes changed at `now`. The grain is the 64-byte line: note buffers, not shared ring words. */
static inline void mem_note_write(struct mem *m, hpa_t hpa, uint64_t len, sim_time now)
{
	if (__builtin_expect(m->shadow != NULL, 0))
		mem_note_write_slow(m, hpa, len, now);
}

/* Bytes are read as of `now`. False: some line was written later, the read saw the future. */
static inline bool mem_note_read(const struct mem *m, hpa_t hpa, uint64_t len, sim_time now)
{
	if (__builtin_expect(m->shadow != NULL, 0))
		return mem_note_read_slow(m, hpa, len, now);
	return true;
}

/* Takes NULL. */
void mem_free(struct mem *m);

#endif
