/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_real.c - the real world's memory, frame pool and doorbells.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#include "plat_port.h"

bool plat_real_init(struct plat *pl, uint64_t bytes)
{
	bytes = (bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
	uint8_t *p = mmap(NULL, bytes + PAGE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*pl = (struct plat){.mem = p == MAP_FAILED ? NULL : p + PLAT_REAL_MEM_AT, .bytes = bytes};
	return pl->mem != NULL;
}

void plat_real_fini(struct plat *pl)
{
	munmap(pl->mem - PLAT_REAL_MEM_AT, pl->bytes + PAGE_BYTES);
}

uint8_t *plat_real_hbufs(uint8_t *mem)
{
	return mem + (-(uintptr_t)mem & (PAGE_BYTES - 1)) + PLAT_REAL_HBUF_AT;
}

/* ---- frames ------------------------------------------------------------------------------- */

bool plat_pool_init(struct plat_pool *pool, unsigned n)
{
	*pool = (struct plat_pool){.n = n, .all = calloc(n, sizeof(*pool->all))};
	if (!pool->all)
		return false;
	for (unsigned i = n; i-- > 0;) {
		pool->all[i].f.next = pool->free;
		pool->all[i].pool = pool;
		pool->free = &pool->all[i].f;
	}
	return true;
}

void plat_pool_fini(struct plat_pool *pool)
{
	free(pool->all);
}

static void book(struct plat_pool *pool, struct frame *f)
{
	const struct plat_record *r = (const struct plat_record *)f;
	int fate = r->fate;
	f->led->dma_transfers += r->dma_transfers;
	f->led->dma_segments += r->dma_segments;
	f->led->dma_bytes += r->dma_bytes;
	if (fate < 0)
		frame_book_delivery(f);
	else
		frame_book_drop(f, (enum drop_reason)fate);
	if (pool->done)
		pool->done(pool->done_arg, f, fate);
}

void plat_pool_untake(struct plat_pool *pool, struct frame *f)
{
	f->next = pool->free;
	pool->free = f;
	pool->live--;
}

uint64_t plat_pool_collect(struct plat_pool *pool)
{
	struct frame *f = __atomic_exchange_n(&pool->returned, NULL, __ATOMIC_ACQUIRE);
	struct frame *oldest_first = NULL;
	while (f) {
		struct frame *next = f->next;
		f->next = oldest_first;
		oldest_first = f;
		f = next;
	}
	while ((f = oldest_first) != NULL) {
		oldest_first = f->next;
		book(pool, f);
		plat_pool_untake(pool, f);
	}
	return pool->live;
}

unsigned plat_pool_free(struct plat_pool *pool)
{
	if (!pool->free)
		plat_pool_collect(pool);
	return pool->n - (unsigned)pool->live;
}

struct frame *plat_pool_take(struct plat_pool *pool, struct ledger *led, plat_time at)
{
	if (!plat_pool_free(pool))
		return NULL;
	struct frame *f = pool->free;
	pool->free = f->next;
	pool->live++;
	struct plat_record *r = (struct plat_record *)f;
	r->f = (struct frame){.led = led, .first = at, .last = at, .slots = 1};
	r->dma_transfers = r->dma_segments = r->dma_bytes = 0;
	return f;
}

void plat_frame_offer(struct frame *f, uint32_t len)
{
	f->len = len;
	f->led->offered++;
	f->led->offered_bytes += len;
}

struct frame *plat_pool_get(struct plat_pool *pool, struct ledger *led, uint32_t len, plat_time at)
{
	struct frame *f = plat_pool_take(pool, led, at);
	if (f)
		plat_frame_offer(f, len);
	return f;
}

/* ---- doorbells ---------------------------------------------------------------------------- */

bool plat_line_init(struct plat_line *line)
{
	*line = (struct plat_line){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
	return line->fd >= 0;
}

bool plat_line_init_alarm(struct plat_line *line)
{
	*line = (struct plat_line){
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
	return line->fd >= 0;
}

void plat_line_fini(struct plat_line *line)
{
	close(line->fd);
}

bool plat_line_clear(struct plat_line *line)
{
	uint64_t kicks; /* or how often the alarm went off */
	return read(line->fd, &kicks, sizeof(kicks)) == (ssize_t)sizeof(kicks);
}

bool plat_line_wait(struct plat_line *line, int timeout_ms)
{
	struct pollfd p = {.fd = line->fd, .events = POLLIN};
	return poll(&p, 1, timeout_ms) > 0 && plat_line_clear(line);
}
