/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calib_mem.c - what a copy costs by its length and by where its bytes are.
 *
 * A working set is halved into sources and destinations, each cut into buffers of one length, and
 * copies go from buffer to buffer in an order that is shuffled once: neighbours are not prefetched.
 * Where the working set fits, its bytes stay: half of L1, of L2, of the last level; eight times
 * that is memory.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calibrate.h"

static const unsigned copy_sizes[] = {64, 256, 1024, 1514, 4096, 9014, 65536};

struct place {
	const char *name;
	uint64_t bytes; /* working set */
	uint8_t *mem;
};

struct copying {
	struct place *place;
	uint32_t len, buffers, at;
	uint32_t *order;
};

static uint64_t cache_of(int name, uint64_t guess)
{
	long v = sysconf(name);

	return v > 0 ? (uint64_t)v : guess;
}

/* sysconf() adds up what several chips have; the kernel's own table says what one core reaches. */
static uint64_t shared_cache(uint64_t guess)
{
	g_autofree char *text = NULL;
	char *end;

	if (!g_file_get_contents("/sys/devices/system/cpu/cpu0/cache/index3/size", &text, NULL,
				 NULL))
		return cache_of(_SC_LEVEL3_CACHE_SIZE, guess);
	uint64_t v = g_ascii_strtoull(text, &end, 10);
	return v && *end == 'K' ? v << 10 : v && *end == 'M' ? v << 20 : guess;
}

struct calib_caches calib_caches(void)
{
	return (struct calib_caches){cache_of(_SC_LEVEL1_DCACHE_SIZE, 32 << 10),
				     cache_of(_SC_LEVEL2_CACHE_SIZE, 1 << 20),
				     shared_cache(32 << 20)};
}

static bool copy_run(void *ctx, unsigned n, double *ns, const char **why)
{
	struct copying *c = ctx;
	uint8_t *src = c->place->mem, *dst = src + c->place->bytes / 2;
	double start = calib_cpu_ns();

	(void)why;
	for (unsigned i = 0; i < n; i++) {
		uint64_t at = (uint64_t)c->order[c->at] * c->len;

		c->at = c->at + 1 == c->buffers ? 0 : c->at + 1;
		memcpy(dst + at, src + at, c->len);
		__asm__ volatile("" ::: "memory");
	}
	*ns = (calib_cpu_ns() - start) / n;
	return true;
}

static void shuffle(uint32_t *v, uint32_t n)
{
	uint64_t x = 0x9e3779b97f4a7c15u;

	for (uint32_t i = 0; i < n; i++)
		v[i] = i;
	for (uint32_t i = n; i > 1; i--) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		uint32_t k = (uint32_t)((x >> 33) % i), t = v[i - 1];
		v[i - 1] = v[k];
		v[k] = t;
	}
}

static void unmap(void *arg)
{
	struct place *p = arg;

	munmap(p->mem, p->bytes);
}

static void add_place(struct calib *c, const char *name, uint64_t bytes)
{
	struct place *p = calib_array(c, 1, sizeof(*p));

	*p = (struct place){.name = name, .bytes = bytes & ~(uint64_t)8191};
	p->mem = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->mem == MAP_FAILED)
		return;
	memset(p->mem, 1, p->bytes);
	calib_at_end(c, unmap, p);
	for (size_t i = 0; i < G_N_ELEMENTS(copy_sizes); i++) {
		uint32_t len = copy_sizes[i];
		struct copying *k = calib_array(c, 1, sizeof(*k));

		if (p->bytes / 2 / len < 2)
			continue;
		*k = (struct copying){.place = p, .len = len};
		k->buffers = (uint32_t)(p->bytes / 2 / len);
		k->order = calib_array(c, k->buffers, sizeof(*k->order));
		shuffle(k->order, k->buffers);
		calib_add(c, copy_run, k, "memcpy of so many bytes, source and destination there",
			  "copy %s %u B", name, len);
	}
}

void calib_mem(struct calib *c)
{
	struct calib_caches k = calib_caches();

	add_place(c, "L1", k.l1 / 2);
	add_place(c, "L2", k.l2 / 2);
	add_place(c, "LLC", k.llc / 2 > 2 * k.l2 ? k.llc / 2 : 2 * k.l2);
	add_place(c, "DRAM", k.llc * 8 < 256u << 20 ? k.llc * 8 : 256u << 20);
}
