/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_virtq_mock.h - one virtqueue with both sides in the test world, and hands to write its rings
 * as a hostile driver or device would.
 *
 * The parts lie one after the other from MOCK_RINGS on, at offsets that are aligned as the
 * specification demands and no better, so that used elements cross pages; behind them indirect
 * tables, then data.
 */
#ifndef TEST_VIRTQ_MOCK_H
#define TEST_VIRTQ_MOCK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtq_dev.h"
#include "virtq_drv.h"
#include "plat_test.h"

#define MOCK_RINGS (4096u + 48u)

struct mock {
	struct plat pl;
	struct virtq_layout l;
	struct virtq_drv drv;
	struct virtq_dev dev;
	void *drv_mem, *dev_mem;
	struct frame **tags;
	gpa_t indirect;
	uint64_t data, data_bytes; /* where guest buffers go */
};

/* A splitmix64 stream: reference code, not the simulator's. */
static inline uint64_t mock_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline uint32_t mock_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(mock_random(state) % n);
}

/* n / VNICSIM_TEST_SCALE, at least 1. */
static inline uint32_t mock_scaled(uint32_t n)
{
	const char *s = getenv("VNICSIM_TEST_SCALE");
	uint32_t by = s ? (uint32_t)strtoul(s, NULL, 10) : 1;
	return by > 1 ? n / by + 1 : n;
}

/* VNICSIM_TEST_SEED, or the default; printed, so that a failure can be had again. */
static inline uint64_t mock_seed(uint64_t by_default)
{
	const char *s = getenv("VNICSIM_TEST_SEED");
	uint64_t seed = s ? strtoull(s, NULL, 0) : by_default;
	printf("seed %llu\n", (unsigned long long)seed);
	return seed;
}

static inline uint64_t mock_align(uint64_t at, uint64_t to)
{
	return (at + to - 1) & ~(to - 1);
}

static inline void mock_place(struct mock *m, uint32_t size, uint64_t features, unsigned per)
{
	m->l = (struct virtq_layout){.size = size, .features = features, .desc = {MOCK_RINGS}};
	m->l.avail.a = m->l.desc.a + virtq_desc_bytes(size) + 2;
	m->l.used.a = mock_align(m->l.avail.a + virtq_avail_bytes(size), 4);
	if (m->l.used.a % 8 == 4)
		m->l.used.a += 4;
	m->indirect.a = mock_align(m->l.used.a + virtq_used_bytes(size), 16) + 16;
	m->data = mock_align(m->indirect.a + virtq_drv_table_bytes(size, per), 64) + 7;
}

/* `data_bytes` of guest memory behind the queue. Exits if the queue cannot be set up. */
static inline void mock_init(struct mock *m, uint32_t size, uint64_t features, unsigned per,
			     bool flat, uint32_t data_bytes)
{
	memset(m, 0, sizeof(*m));
	mock_place(m, size, features, per);
	m->data_bytes = data_bytes;
	plat_test_init(&m->pl, (uint32_t)((m->data + data_bytes + PAGE_BYTES - 1) >> PAGE_SHIFT),
		       flat);
	m->tags = calloc(size, sizeof(*m->tags));
	m->l.tags = m->tags;
	m->drv_mem = malloc(virtq_drv_bytes(&m->l, m->indirect, per));
	m->dev_mem = malloc(virtq_dev_bytes(&m->l));
	if (!virtq_drv_init(&m->drv, &m->pl, &m->l, m->indirect, per, m->drv_mem) ||
	    !virtq_dev_init(&m->dev, &m->pl, &m->l, m->dev_mem)) {
		fprintf(stderr, "mock: the queue cannot be set up\n");
		abort();
	}
}

static inline void mock_fini(struct mock *m)
{
	plat_test_fini(&m->pl);
	free(m->tags);
	free(m->drv_mem);
	free(m->dev_mem);
}

/* ---- hostile hands: bytes straight into the rings ----------------------------------------- */

static inline void mock_desc_at(struct mock *m, uint64_t gpa, uint64_t addr, uint32_t len,
				uint16_t flags, uint16_t next)
{
	struct virtq_desc d = {addr, len, flags, next};
	plat_test_write(&m->pl, gpa, &d, sizeof(d));
}

static inline void mock_desc(struct mock *m, uint32_t i, uint64_t addr, uint32_t len,
			     uint16_t flags, uint16_t next)
{
	mock_desc_at(m, m->l.desc.a + 16ull * i, addr, len, flags, next);
}

/* The driver exposes `head` in `slot` and says that idx is now `idx`. */
static inline void mock_expose(struct mock *m, uint32_t slot, uint16_t head, uint16_t idx)
{
	plat_test_write(&m->pl, m->l.avail.a + 4 + 2ull * slot, &head, 2);
	plat_test_write(&m->pl, m->l.avail.a + 2, &idx, 2);
}

/* The device completes `id` in `slot` and says that idx is now `idx`. */
static inline void mock_complete(struct mock *m, uint32_t slot, uint32_t id, uint32_t len,
				 uint16_t idx)
{
	struct virtq_used_elem e = {id, len};
	plat_test_write(&m->pl, m->l.used.a + 4 + 8ull * slot, &e, sizeof(e));
	plat_test_write(&m->pl, m->l.used.a + 2, &idx, 2);
}

static inline uint16_t mock_word(struct mock *m, uint64_t gpa)
{
	uint16_t v;
	plat_test_read(&m->pl, gpa, &v, 2);
	return v;
}

#endif
