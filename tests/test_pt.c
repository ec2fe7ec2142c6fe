/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_pt.c - page tables: layout, page sizes, permissions, running out of frames, and a random
 * comparison with a plain array of ranges.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "models/host/pt.h"

#define ARENA_TABLES 512

/* Table frames in a static array, addresses offset by one page; fails when `left` is 0. */
struct arena {
	uint8_t *bytes;
	bool used[ARENA_TABLES];
	uint32_t in_use;
	uint32_t left;
};

static bool arena_alloc(void *ctx, uint64_t *table)
{
	struct arena *a = ctx;
	uint32_t i = 1;

	if (!a->left)
		return false;
	while (i < ARENA_TABLES && a->used[i])
		i++;
	if (i == ARENA_TABLES)
		return false;
	a->used[i] = true;
	a->in_use++;
	a->left--;
	memset(a->bytes + (size_t)i * 4096, 0, 4096);
	*table = (uint64_t)i * 4096;
	return true;
}

static void arena_free(void *ctx, uint64_t table)
{
	struct arena *a = ctx;

	assert_true(a->used[table / 4096]);
	a->used[table / 4096] = false;
	a->in_use--;
	a->left++;
}

static void *arena_resolve(void *ctx, uint64_t table)
{
	struct arena *a = ctx;

	return table < (uint64_t)ARENA_TABLES * 4096 ? a->bytes + table : NULL;
}

static const struct pt_ops ops = {
	.alloc = arena_alloc, .free = arena_free, .resolve = arena_resolve};

static int setup(void **state)
{
	struct arena *a = calloc(1, sizeof(*a));

	a->bytes = aligned_alloc(4096, (size_t)ARENA_TABLES * 4096);
	memset(a->bytes, 0, (size_t)ARENA_TABLES * 4096);
	a->left = ARENA_TABLES;
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct arena *a = *state;
	int leaked = a->in_use != 0;

	free(a->bytes);
	free(a);
	return leaked;
}

static void each_page_size_translates_to_the_byte(void **state)
{
	static const uint64_t size[] = {PT_4K, PT_2M, PT_1G};
	static const uint32_t levels[] = {4, 3, 2};
	struct arena *a = *state;
	struct pt_hit hit;
	struct pt pt;

	assert_int_equal(pt_init(&pt, &ops, a, NULL, 0), PT_OK);
	for (int i = 0; i < 3; i++) {
		uint64_t va = ((uint64_t)i + 5) << 39 | 7 * size[i];
		uint64_t pa = 0x8000000000 + 3 * size[i];

		assert_int_equal(pt_map(&pt, va, pa, size[i], PT_READ | PT_WRITE), PT_OK);
		for (uint64_t off = 0; off < size[i]; off += size[i] / 64 + 1) {
			assert_int_equal(pt_walk(&pt, va + off, PT_READ, &hit), PT_OK);
			assert_int_equal(hit.pa, pa + off);
			assert_int_equal(hit.page_bytes, size[i]);
			assert_int_equal(hit.levels, levels[i]);
		}
		assert_int_equal(pt_walk(&pt, va - 1, PT_READ, &hit), PT_NOT_PRESENT);
		assert_int_equal(pt_walk(&pt, va + size[i], PT_READ, &hit), PT_NOT_PRESENT);
	}
	pt_fini(&pt);
}

static void entries_have_the_documented_layout(void **state)
{
	struct arena *a = *state;
	uint64_t addr, *e;
	struct pt pt;

	pt_init(&pt, &ops, a, NULL, 0);
	pt_map(&pt, (uint64_t)1 << 39 | (uint64_t)2 << 30 | (uint64_t)3 << 21 | 4 << 12,
	       0x123456000, PT_4K, PT_READ);
	pt_map(&pt, (uint64_t)1 << 39 | (uint64_t)2 << 30 | (uint64_t)5 << 21, 0x40000000, PT_2M,
	       PT_WRITE);
	e = arena_resolve(a, pt.root);
	assert_int_equal(e[1] & 0xfff, 3);
	assert_int_equal(e[1] >> 52, 1);
	addr = e[1] & 0x000ffffffffff000;
	e = arena_resolve(a, addr);
	assert_int_equal(e[2] >> 52, 2); /* two entries below */
	e = arena_resolve(a, e[2] & 0x000ffffffffff000);
	assert_int_equal(e[5] & 0x000fffffffffffff, 0x40000000 | 1 << 7 | 2);
	e = arena_resolve(a, e[3] & 0x000ffffffffff000);
	assert_int_equal(e[4] & 0x000fffffffffffff, 0x123456000 | 1);
	pt_fini(&pt);
}

static void access_must_be_permitted_on_every_level(void **state)
{
	struct arena *a = *state;
	struct pt_hit hit;
	uint64_t *root;
	struct pt pt;

	pt_init(&pt, &ops, a, NULL, 0);
	pt_map(&pt, 0x1000, 0x5000, PT_4K, PT_READ);
	pt_map(&pt, 0x2000, 0x6000, PT_4K, PT_WRITE);
	pt_map(&pt, 0x3000, 0x7000, PT_4K, PT_READ | PT_WRITE);
	assert_int_equal(pt_walk(&pt, 0x1000, PT_READ, &hit), PT_OK);
	assert_int_equal(pt_walk(&pt, 0x1000, PT_WRITE, &hit), PT_DENIED);
	assert_int_equal(pt_walk(&pt, 0x2000, PT_READ, &hit), PT_DENIED);
	assert_int_equal(pt_walk(&pt, 0x2000, PT_WRITE, &hit), PT_OK);
	assert_int_equal(pt_walk(&pt, 0x2000, PT_READ | PT_WRITE, &hit), PT_DENIED);
	assert_int_equal(pt_walk(&pt, 0x3000, PT_READ | PT_WRITE, &hit), PT_OK);
	root = arena_resolve(a, pt.root);
	root[0] &= ~(uint64_t)PT_WRITE;
	assert_int_equal(pt_walk(&pt, 0x3000, PT_WRITE, &hit), PT_DENIED);
	pt_fini(&pt);
}

static void wrong_requests_are_refused_and_change_nothing(void **state)
{
	struct arena *a = *state;
	struct pt pt;

	pt_init(&pt, &ops, a, NULL, 0);
	assert_int_equal(pt_map(&pt, 0x1001, 0, PT_4K, PT_READ), PT_MISALIGNED);
	assert_int_equal(pt_map(&pt, 0x200000, 0x1000, PT_2M, PT_READ), PT_MISALIGNED);
	assert_int_equal(pt_map(&pt, 0x4000, 0, 8192, PT_READ), PT_MISALIGNED);
	assert_int_equal(pt_map(&pt, (uint64_t)1 << 48, 0, PT_4K, PT_READ), PT_RANGE);
	assert_int_equal(pt_map(&pt, 0, (uint64_t)1 << 52, PT_4K, PT_READ), PT_RANGE);
	assert_int_equal(pt_unmap(&pt, 0x1000, NULL), PT_NOT_PRESENT);
	assert_int_equal(pt_change(&pt, 0x1000, 0, PT_READ), PT_NOT_PRESENT);
	assert_int_equal(pt.tables, 1);
	assert_int_equal(pt_map(&pt, 0x1000, 0x9000, PT_4K, PT_READ), PT_OK);
	assert_int_equal(pt_map(&pt, 0x1000, 0xa000, PT_4K, PT_READ), PT_MAPPED);
	assert_int_equal(pt_map(&pt, 0, 0, PT_2M, PT_READ), PT_MAPPED);
	assert_int_equal(pt_map(&pt, 0x200000, 0, PT_2M, PT_READ), PT_OK);
	assert_int_equal(pt_map(&pt, 0x201000, 0, PT_4K, PT_READ), PT_MAPPED);
	assert_int_equal(pt_unmap(&pt, 0x201000, NULL), PT_MISALIGNED);
	assert_int_equal(pt_change(&pt, 0x200000, 0x1000, PT_READ), PT_MISALIGNED);
	pt_fini(&pt);
}

static void unmapping_frees_the_tables_it_empties(void **state)
{
	struct arena *a = *state;
	struct pt_hit hit;
	struct pt pt;

	pt_init(&pt, &ops, a, NULL, 0);
	for (uint64_t i = 0; i < 512; i++)
		assert_int_equal(pt_map(&pt, i << 12, i << 12, PT_4K, PT_READ), PT_OK);
	pt_map(&pt, PT_2M, 0, PT_2M, PT_READ);
	assert_int_equal(pt.tables, 4);
	for (uint64_t i = 0; i < 512; i++) {
		assert_int_equal(pt.tables, 4);
		assert_int_equal(pt_unmap(&pt, i << 12, &hit), PT_OK);
		assert_int_equal(hit.pa, i << 12);
		assert_int_equal(hit.page_bytes, PT_4K);
	}
	assert_int_equal(pt.tables, 3);
	assert_int_equal(pt_unmap(&pt, PT_2M, NULL), PT_OK);
	assert_int_equal(pt.tables, 1);
	assert_int_equal(a->in_use, 1);
	pt_fini(&pt);
}

static void running_out_of_frames_at_any_table_changes_nothing(void **state)
{
	struct arena *a = *state;
	struct pt_hit hit;
	struct pt pt;

	pt_init(&pt, &ops, a, NULL, 0);
	pt_map(&pt, 0, 0x1000, PT_4K, PT_READ);
	for (uint32_t left = 0; left < 3; left++) {
		a->left = left;
		assert_int_equal(pt_map(&pt, (uint64_t)9 << 39, 0, PT_4K, PT_READ), PT_NO_MEMORY);
		assert_int_equal(a->left, left);
		assert_int_equal(pt.tables, 4);
		assert_int_equal(pt_walk(&pt, (uint64_t)9 << 39, PT_READ, &hit), PT_NOT_PRESENT);
		assert_int_equal(hit.levels, 1);
	}
	a->left = 0;
	assert_int_equal(pt_map(&pt, (uint64_t)1 << 21, 0, PT_4K, PT_READ), PT_NO_MEMORY);
	a->left = ARENA_TABLES;
	assert_int_equal(pt_unmap(&pt, 0, NULL), PT_OK);
	assert_int_equal(pt.tables, 1);
	pt_fini(&pt);
}

static void a_page_put_aside_is_absent_but_keeps_its_place(void **state)
{
	struct arena *a = *state;
	struct pt_hit hit;
	struct pt pt;

	pt_init(&pt, &ops, a, NULL, 0);
	pt_map(&pt, 0x1000, 0, PT_4K, 0);
	assert_int_equal(pt_walk(&pt, 0x1000, PT_READ, &hit), PT_NOT_PRESENT);
	assert_int_equal(pt_map(&pt, 0x1000, 0x5000, PT_4K, PT_READ), PT_MAPPED);
	assert_int_equal(pt_find(&pt, 0x1234, &hit), PT_OK);
	assert_int_equal(hit.perm, 0);
	assert_int_equal(pt_change(&pt, 0x1000, 0x6000, PT_WRITE), PT_OK);
	assert_int_equal(pt_walk(&pt, 0x1008, PT_WRITE, &hit), PT_OK);
	assert_int_equal(hit.pa, 0x6008);
	assert_int_equal(pt_unmap(&pt, 0x1000, NULL), PT_OK);
	assert_int_equal(pt_find(&pt, 0x1000, &hit), PT_NOT_PRESENT);
	pt_fini(&pt);
}

static void an_entry_that_points_nowhere_is_not_followed(void **state)
{
	struct arena *a = *state;
	struct pt_hit hit;
	uint64_t *root;
	struct pt pt;

	pt_init(&pt, &ops, a, NULL, 0);
	root = arena_resolve(a, pt.root);
	root[3] = 0x000ffffffffff003;
	assert_int_equal(pt_walk(&pt, (uint64_t)3 << 39, PT_READ, &hit), PT_NOT_PRESENT);
	assert_int_equal(pt_map(&pt, (uint64_t)3 << 39, 0, PT_4K, PT_READ), PT_NOT_PRESENT);
	root[3] = 0;
	pt.base = a->bytes; /* the same through a base pointer */
	pt.limit = (uint64_t)ARENA_TABLES * 4096;
	root[3] = 0x000ffffffffff003;
	assert_int_equal(pt_walk(&pt, (uint64_t)3 << 39, PT_READ, &hit), PT_NOT_PRESENT);
	root[3] = 0;
	pt_fini(&pt);
}

struct range { /* one mapped page; size 0: unused */
	uint64_t va, pa, size;
	unsigned perm;
};

#define RANGES 64

static struct range *range_over(struct range *r, uint64_t va, uint64_t size)
{
	for (int i = 0; i < RANGES; i++)
		if (r[i].size && r[i].va < va + size && va < r[i].va + r[i].size)
			return &r[i];
	return NULL;
}

static uint64_t next(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return *x >> 24;
}

static void random_map(struct pt *pt, struct range *r, uint64_t *x, uint64_t va)
{
	static const uint64_t sizes[] = {PT_4K, PT_4K, PT_2M, PT_1G};
	uint64_t size = sizes[next(x) % 4];
	struct range n = {.va = va & ~(size - 1),
			  .pa = (next(x) << 12) & 0xffffffffff & ~(size - 1),
			  .size = size,
			  .perm = 1 + (unsigned)(next(x) % 3)};
	enum pt_status want = range_over(r, n.va, size) ? PT_MAPPED : PT_OK;
	int i = 0;

	while (i < RANGES && r[i].size)
		i++;
	if (i == RANGES)
		return;
	assert_int_equal(pt_map(pt, n.va, n.pa, size, n.perm), want);
	if (want == PT_OK)
		r[i] = n;
}

static void random_unmap(struct pt *pt, struct range *r, uint64_t va)
{
	struct range *hit = range_over(r, va, 1);
	enum pt_status want = !hit ? PT_NOT_PRESENT : hit->va == va ? PT_OK : PT_MISALIGNED;

	assert_int_equal(pt_unmap(pt, va, NULL), want);
	if (want == PT_OK)
		hit->size = 0;
}

static void random_walk(const struct pt *pt, struct range *r, uint64_t va, unsigned access)
{
	struct range *want = range_over(r, va, 1);
	struct pt_hit hit;
	enum pt_status got = pt_walk(pt, va, access, &hit);

	if (!want) {
		assert_int_equal(got, PT_NOT_PRESENT);
		return;
	}
	assert_int_equal(got, (want->perm & access) == access ? PT_OK : PT_DENIED);
	assert_int_equal(hit.pa, want->pa + (va - want->va));
	assert_int_equal(hit.page_bytes, want->size);
	assert_int_equal(hit.perm, want->perm);
}

static void random_use_agrees_with_an_array_of_ranges(void **state)
{
	const char *scale = getenv("VNICSIM_TEST_SCALE");
	uint32_t rounds = 400000 / (scale && atoi(scale) > 0 ? (uint32_t)atoi(scale) : 1);
	struct arena *a = *state;
	struct range r[RANGES] = {{0}};
	uint64_t seed = 77, x = seed;
	struct pt pt;

	print_message("seed %llu\n", (unsigned long long)seed);
	pt_init(&pt, &ops, a, a->bytes, (uint64_t)ARENA_TABLES * 4096);
	for (uint32_t i = 0; i < rounds; i++) {
		/* few distinct addresses, so that pages of all sizes collide */
		uint64_t va = (next(&x) % 2) << 39 | (next(&x) % 4) << 30 | (next(&x) % 4) << 21 |
			      (next(&x) % 4) << 12;

		switch (next(&x) % 4) {
		case 0:
			random_map(&pt, r, &x, va);
			break;
		case 1:
			random_unmap(&pt, r, va);
			break;
		default:
			random_walk(&pt, r, va + next(&x) % 4096, 1 + (unsigned)(next(&x) % 3));
		}
	}
	for (int i = 0; i < RANGES; i++)
		if (r[i].size)
			assert_int_equal(pt_unmap(&pt, r[i].va, NULL), PT_OK);
	assert_int_equal(pt.tables, 1);
	pt_fini(&pt);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_page_size_translates_to_the_byte),
		T(entries_have_the_documented_layout),
		T(access_must_be_permitted_on_every_level),
		T(wrong_requests_are_refused_and_change_nothing),
		T(unmapping_frees_the_tables_it_empties),
		T(running_out_of_frames_at_any_table_changes_nothing),
		T(a_page_put_aside_is_absent_but_keeps_its_place),
		T(an_entry_that_points_nowhere_is_not_followed),
		T(random_use_agrees_with_an_array_of_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
