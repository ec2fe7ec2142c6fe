/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mem.c - machine memory: the page-number allocator, frame states, the checked mode. See mem.h.
 *
 * Allocator. Single pages come first from the stack of freed ones, then from a cursor that runs
 * over the shuffled order. Runs are cut from the top downwards; when they meet pages in use, the
 * whole range is searched. A page may be on the stack and in use at once (a run took it, or the
 * cursor passed it), so popping skips used pages and a page is stacked at most once: the stack
 * never outgrows n.
 */
#define _GNU_SOURCE
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MEM_FRAMES_USED    1u
#define MEM_FRAMES_STACKED 2u
#define MEM_FRAMES_DIRTY   4u /* handed out at least once */

#define MEM_WINDOW_BITS 12 /* 16 MiB */
#define MEM_LINE_SHIFT  6

static void *reserve(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

bool mem_frames_init(struct mem_frames *f, uint32_t n, unsigned window_bits, bool scatter,
		     uint64_t seed)
{
	*f = (struct mem_frames){
		.n = n, .top = n, .window_bits = window_bits, .scatter = scatter, .seed = seed};
	f->stack = reserve((uint64_t)n * (sizeof(*f->stack) + 1));
	if (!f->stack)
		return false;
	f->state = (uint8_t *)(f->stack + n);
	return true;
}

/*
 * Position -> page: a bijection of the window, keyed by seed and window. Each round is invertible:
 * times an odd number, plus a constant, xor of the upper half into the lower.
 */
static uint64_t shuffled(const struct mem_frames *f, uint32_t pos)
{
	uint64_t mask = ((uint64_t)1 << f->window_bits) - 1;
	uint64_t x = pos & mask;
	uint64_t key = f->seed ^ (pos >> f->window_bits);

	for (int round = 0; round < 3; round++) {
		key = mix(key);
		x = (x * (key | 1) + (key >> 32)) & mask;
		x ^= x >> ((f->window_bits + 1) / 2);
	}
	return (pos & ~mask) | x;
}

static uint32_t take(struct mem_frames *f, uint32_t page, bool *dirty)
{
	if (dirty)
		*dirty = f->state[page] & MEM_FRAMES_DIRTY;
	f->state[page] |= MEM_FRAMES_USED;
	f->used++;
	return page;
}

uint32_t mem_frames_take(struct mem_frames *f, bool *dirty)
{
	uint64_t end = (((uint64_t)f->n - 1) | (((uint64_t)1 << f->window_bits) - 1)) + 1;

	while (f->depth) {
		uint32_t page = f->stack[--f->depth];

		f->state[page] &= (uint8_t)~MEM_FRAMES_STACKED;
		if (!(f->state[page] & MEM_FRAMES_USED))
			return take(f, page, dirty);
	}
	while (f->cursor < end) {
		uint64_t page = f->scatter ? shuffled(f, f->cursor) : f->cursor;

		f->cursor++;
		if (page && page < f->n && !(f->state[page] & MEM_FRAMES_USED))
			return take(f, (uint32_t)page, dirty);
	}
	return 0;
}

static bool run_is_free(const struct mem_frames *f, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (f->state[first + i] & MEM_FRAMES_USED)
			return false;
	return true;
}

/* Highest free run that ends at or below `below`; 0 if none. */
static uint32_t run_find(const struct mem_frames *f, uint32_t below, uint32_t count, uint32_t align,
			 bool once)
{
	if (below <= count)
		return 0;
	for (uint32_t at = (below - count) & ~(align - 1); at; at -= align) {
		if (run_is_free(f, at, count))
			return at;
		if (once)
			break;
	}
	return 0;
}

uint32_t mem_frames_take_run(struct mem_frames *f, uint32_t count, uint32_t align)
{
	uint32_t first = run_find(f, f->top, count, align, true);

	if (first)
		f->top = first;
	else
		first = run_find(f, f->n, count, align, false);
	for (uint32_t i = 0; first && i < count; i++)
		take(f, first + i, NULL);
	return first;
}

bool mem_frames_was_used(const struct mem_frames *f, uint32_t page)
{
	return f->state[page] & MEM_FRAMES_DIRTY;
}

bool mem_frames_give(struct mem_frames *f, uint32_t page)
{
	uint8_t state = page < f->n ? f->state[page] : 0;

	if (!(state & MEM_FRAMES_USED))
		return false;
	if (!(state & MEM_FRAMES_STACKED))
		f->stack[f->depth++] = page;
	f->state[page] = MEM_FRAMES_STACKED | MEM_FRAMES_DIRTY;
	f->used--;
	return true;
}

void mem_frames_fini(struct mem_frames *f)
{
	if (f->stack)
		munmap(f->stack, (uint64_t)f->n * (sizeof(*f->stack) + 1));
	f->stack = NULL;
}

struct mem *mem_new(uint64_t bytes, bool scatter, uint64_t seed)
{
	uint64_t n = bytes >> PAGE_SHIFT;
	struct mem *m;

	if (bytes % PAGE_BYTES || n < 2 || n >= UINT32_MAX)
		return NULL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	m->bytes = bytes;
	m->base = reserve(bytes);
	m->frame = reserve(n * sizeof(*m->frame));
	if (!m->base || !m->frame ||
	    !mem_frames_init(&m->frames, (uint32_t)n, MEM_WINDOW_BITS, scatter, seed)) {
		mem_free(m);
		return NULL;
	}
	if (scatter)
		madvise(m->base, bytes, MADV_NOHUGEPAGE); /* a hint: older kernels refuse it */
	return m;
}

static void frame_own(struct mem *m, uint32_t f, enum mem_owner owner, uint32_t id)
{
	bool guests = owner == MEM_GUEST && m->guest_node;

	m->frame[f] = (struct mem_frame){
		.owner = (uint8_t)owner, .id = id, .node = guests ? m->guest_node[id] : m->node};
	m->owned[owner]++;
	if (!mem_frames_was_used(&m->frames, f))
		return;
	memset(m->base + ((uint64_t)f << PAGE_SHIFT), 0, PAGE_BYTES);
	if (m->shadow)
		memset(m->shadow + ((uint64_t)f << (PAGE_SHIFT - MEM_LINE_SHIFT)), 0,
		       sizeof(*m->shadow) << (PAGE_SHIFT - MEM_LINE_SHIFT));
}

enum mem_status mem_alloc(struct mem *m, enum mem_owner owner, uint32_t id, hpa_t *hpa)
{
	uint32_t f = mem_frames_take(&m->frames, NULL);

	if (!f)
		return MEM_NONE;
	frame_own(m, f, owner, id);
	hpa->a = (uint64_t)f << PAGE_SHIFT;
	return MEM_OK;
}

enum mem_status mem_alloc_run(struct mem *m, enum mem_owner owner, uint32_t id, uint32_t n,
			      uint32_t align_frames, hpa_t *hpa)
{
	uint32_t f = mem_frames_take_run(&m->frames, n, align_frames);

	if (!f)
		return MEM_NONE;
	for (uint32_t i = 0; i < n; i++)
		frame_own(m, f + i, owner, id);
	hpa->a = (uint64_t)f << PAGE_SHIFT;
	return MEM_OK;
}

static struct mem_frame *frame_in_use(const struct mem *m, hpa_t hpa)
{
	struct mem_frame *f = mem_frame(m, hpa);

	return f && f->owner != MEM_FREE ? f : NULL;
}

static void frame_release(struct mem *m, struct mem_frame *f)
{
	m->owned[f->owner]--;
	m->zombies -= f->zombie;
	*f = (struct mem_frame){.owner = MEM_FREE};
	mem_frames_give(&m->frames, (uint32_t)(f - m->frame));
}

static void frame_release_if_idle(struct mem *m, struct mem_frame *f)
{
	if (f->zombie && !f->pins && !f->maps)
		frame_release(m, f);
}

enum mem_status mem_pin(struct mem *m, hpa_t hpa)
{
	struct mem_frame *f = frame_in_use(m, hpa);

	if (!f)
		return MEM_NONE;
	f->pins++;
	m->pins++;
	return MEM_OK;
}

enum mem_status mem_unpin(struct mem *m, hpa_t hpa)
{
	struct mem_frame *f = frame_in_use(m, hpa);

	if (!f || !f->pins)
		return MEM_NONE;
	f->pins--;
	m->unpins++;
	frame_release_if_idle(m, f);
	return MEM_OK;
}

enum mem_status mem_ref(struct mem *m, hpa_t hpa)
{
	struct mem_frame *f = frame_in_use(m, hpa);

	if (!f)
		return MEM_NONE;
	f->maps++;
	return MEM_OK;
}

enum mem_status mem_unref(struct mem *m, hpa_t hpa)
{
	struct mem_frame *f = frame_in_use(m, hpa);

	if (!f || !f->maps)
		return MEM_NONE;
	f->maps--;
	frame_release_if_idle(m, f);
	return MEM_OK;
}

enum mem_status mem_put(struct mem *m, hpa_t hpa, uint32_t n)
{
	struct mem_frame *f;

	for (uint32_t i = 0; i < n; i++) {
		f = frame_in_use(m, (hpa_t){hpa.a + (uint64_t)i * PAGE_BYTES});
		if (!f || f->zombie)
			return MEM_NONE;
		if (f->pins || f->maps)
			return MEM_BUSY;
	}
	f = mem_frame(m, hpa);
	for (uint32_t i = 0; i < n; i++)
		frame_release(m, &f[i]);
	return MEM_OK;
}

void mem_put_deferred(struct mem *m, hpa_t hpa, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct mem_frame *f = frame_in_use(m, (hpa_t){hpa.a + (uint64_t)i * PAGE_BYTES});

		if (!f || f->zombie)
			continue;
		f->zombie = 1;
		m->zombies++;
		frame_release_if_idle(m, f);
	}
}

bool mem_check(const struct mem *m, hpa_t hpa, uint64_t len, enum mem_owner owner, uint32_t id)
{
	uint64_t last = hpa.a + (len ? len - 1 : 0);

	if (last < hpa.a || last >= m->bytes)
		return false;
	for (uint64_t f = hpa.a >> PAGE_SHIFT; f <= last >> PAGE_SHIFT; f++)
		if (m->frame[f].owner != owner || m->frame[f].id != id)
			return false;
	return true;
}

void mem_violation(struct mem *m, sim_time now, const char *actor, const char *what, hpa_t hpa)
{
	struct mem_violation *v = &m->violation;

	if (v->count++)
		return;
	v->time = now;
	v->hpa = hpa;
	snprintf(v->what, sizeof(v->what), "%s", what);
	snprintf(v->actor, sizeof(v->actor), "%s", actor);
}

static uint64_t shadow_bytes(const struct mem *m)
{
	return (m->bytes >> MEM_LINE_SHIFT) * sizeof(*m->shadow);
}

bool mem_check_enable(struct mem *m)
{
	if (!m->shadow)
		m->shadow = reserve(shadow_bytes(m));
	return m->shadow;
}

void mem_note_write_slow(struct mem *m, hpa_t hpa, uint64_t len, sim_time now)
{
	if (!len)
		return;
	for (uint64_t l = hpa.a >> MEM_LINE_SHIFT; l <= (hpa.a + len - 1) >> MEM_LINE_SHIFT; l++)
		if (m->shadow[l] < now)
			m->shadow[l] = now;
}

bool mem_note_read_slow(const struct mem *m, hpa_t hpa, uint64_t len, sim_time now)
{
	if (!len)
		return true;
	for (uint64_t l = hpa.a >> MEM_LINE_SHIFT; l <= (hpa.a + len - 1) >> MEM_LINE_SHIFT; l++)
		if (m->shadow[l] > now)
			return false;
	return true;
}

void mem_free(struct mem *m)
{
	if (!m)
		return;
	if (m->base)
		munmap(m->base, m->bytes);
	if (m->frame)
		munmap(m->frame, (m->bytes >> PAGE_SHIFT) * sizeof(*m->frame));
	if (m->shadow)
		munmap(m->shadow, shadow_bytes(m));
	mem_frames_fini(&m->frames);
	free(m);
}
