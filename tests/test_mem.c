/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_mem.c - machine memory: order of frames, owners, pins, deferred frees, the checked mode.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "models/host/mem.h"

#define MIB ((uint64_t)1 << 20)

static uint32_t scaled(uint32_t n)
{
	const char *s = getenv("VNICSIM_TEST_SCALE");
	uint32_t by = s && atoi(s) > 0 ? (uint32_t)atoi(s) : 1;

	return n / by ? n / by : 1;
}

static hpa_t alloc_one(struct mem *m, enum mem_owner owner, uint32_t id)
{
	hpa_t hpa;

	assert_int_equal(mem_alloc(m, owner, id, &hpa), MEM_OK);
	return hpa;
}

static void every_frame_is_handed_out_once_and_never_frame_zero(void **state)
{
	struct mem *m = mem_new(20 * MIB, true, 7); /* one full window and a part of the next */
	uint32_t n = 20 * 256;
	uint8_t *seen = calloc(n, 1);
	hpa_t hpa;

	(void)state;
	for (uint32_t i = 1; i < n; i++) {
		hpa = alloc_one(m, MEM_HYP, 0);
		assert_int_equal(hpa.a % PAGE_BYTES, 0);
		assert_true(hpa.a > 0 && hpa.a < 20 * MIB);
		assert_int_equal(seen[hpa.a >> PAGE_SHIFT]++, 0);
	}
	assert_int_equal(mem_alloc(m, MEM_HYP, 0, &hpa), MEM_NONE);
	assert_int_equal(m->owned[MEM_HYP], n - 1);
	free(seen);
	mem_free(m);
}

static uint32_t neighbours(bool scatter, uint32_t n)
{
	struct mem *m = mem_new(64 * MIB, scatter, 42);
	uint64_t last = 0;
	uint32_t found = 0;

	for (uint32_t i = 0; i < n; i++) {
		hpa_t hpa = alloc_one(m, MEM_GUEST, 1);

		found += hpa.a == last + PAGE_BYTES;
		last = hpa.a;
	}
	mem_free(m);
	return found;
}

static void scatter_breaks_contiguity_and_its_absence_gives_it(void **state)
{
	(void)state;
	assert_true(neighbours(true, 4000) < 40);
	assert_int_equal(neighbours(false, 4000), 4000);
}

static void scattered_frames_stay_inside_their_window(void **state)
{
	struct mem *m = mem_new(64 * MIB, true, 3);

	(void)state;
	for (uint32_t i = 0; i < 4095; i++)
		assert_true(alloc_one(m, MEM_GUEST, 1).a < 16 * MIB);
	assert_true(alloc_one(m, MEM_GUEST, 1).a >= 16 * MIB);
	mem_free(m);
}

static void same_seed_gives_the_same_order_and_another_seed_another(void **state)
{
	struct mem *a = mem_new(64 * MIB, true, 11);
	struct mem *b = mem_new(64 * MIB, true, 11);
	struct mem *c = mem_new(64 * MIB, true, 12);
	uint32_t same = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		hpa_t x = alloc_one(a, MEM_GUEST, 1);

		assert_int_equal(x.a, alloc_one(b, MEM_GUEST, 1).a);
		same += x.a == alloc_one(c, MEM_GUEST, 1).a;
	}
	assert_true(same < 50);
	mem_free(a);
	mem_free(b);
	mem_free(c);
}

static void runs_are_contiguous_aligned_and_survive_fragmentation(void **state)
{
	struct mem *m = mem_new(32 * MIB, false, 0);
	hpa_t ring, huge, single[3000];

	(void)state;
	assert_int_equal(mem_alloc_run(m, MEM_HOST, 0, 3, 1, &ring), MEM_OK);
	assert_int_equal(mem_alloc_run(m, MEM_GUEST, 1, 512, 512, &huge), MEM_OK);
	assert_int_equal(huge.a % (2 * MIB), 0);
	assert_true(mem_check(m, huge, 2 * MIB, MEM_GUEST, 1));
	assert_true(mem_check(m, ring, 3 * PAGE_BYTES, MEM_HOST, 0));
	for (int i = 0; i < 3000; i++)
		single[i] = alloc_one(m, MEM_HYP, 0);
	for (int n = 0; n < 8; n++)
		if (mem_alloc_run(m, MEM_GUEST, 2, 512, 512, &huge) != MEM_OK)
			break;
	assert_int_equal(mem_alloc_run(m, MEM_GUEST, 2, 512, 512, &huge), MEM_NONE);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(mem_put(m, single[i], 1), MEM_OK);
	assert_int_equal(mem_alloc_run(m, MEM_GUEST, 2, 512, 512, &huge), MEM_OK);
	assert_int_equal(huge.a % (2 * MIB), 0);
	mem_free(m);
}

static void a_frame_is_zero_each_time_it_is_handed_out(void **state)
{
	static const uint8_t zero[PAGE_BYTES];
	struct mem *m = mem_new(MIB, true, 5);

	(void)state;
	for (int round = 0; round < 600; round++) { /* more rounds than frames */
		hpa_t hpa = alloc_one(m, MEM_HYP, 0);

		assert_memory_equal(mem_ptr(m, hpa), zero, PAGE_BYTES);
		memset(mem_ptr(m, hpa), 0xa5, PAGE_BYTES);
		assert_int_equal(mem_put(m, hpa, 1), MEM_OK);
	}
	mem_free(m);
}

static void freeing_a_pinned_or_mapped_frame_is_refused(void **state)
{
	struct mem *m = mem_new(MIB, true, 5);
	hpa_t hpa = alloc_one(m, MEM_GUEST, 3);

	(void)state;
	assert_int_equal(mem_pin(m, hpa), MEM_OK);
	assert_int_equal(mem_put(m, hpa, 1), MEM_BUSY);
	assert_int_equal(mem_unpin(m, hpa), MEM_OK);
	assert_int_equal(mem_unpin(m, hpa), MEM_NONE);
	assert_int_equal(mem_ref(m, hpa), MEM_OK);
	assert_int_equal(mem_put(m, hpa, 1), MEM_BUSY);
	assert_int_equal(mem_unref(m, hpa), MEM_OK);
	assert_int_equal(mem_put(m, hpa, 1), MEM_OK);
	assert_int_equal(mem_put(m, hpa, 1), MEM_NONE);
	assert_int_equal(mem_pin(m, hpa), MEM_NONE);
	assert_int_equal(m->pins, 1);
	assert_int_equal(m->unpins, 1);
	mem_free(m);
}

static void putting_a_run_frees_all_of_it_or_nothing(void **state)
{
	struct mem *m = mem_new(MIB, true, 5);
	hpa_t run;

	(void)state;
	assert_int_equal(mem_alloc_run(m, MEM_HOST, 0, 8, 8, &run), MEM_OK);
	mem_pin(m, (hpa_t){run.a + 5 * PAGE_BYTES});
	assert_int_equal(mem_put(m, run, 8), MEM_BUSY);
	assert_int_equal(m->owned[MEM_HOST], 8);
	mem_unpin(m, (hpa_t){run.a + 5 * PAGE_BYTES});
	assert_int_equal(mem_put(m, run, 8), MEM_OK);
	assert_int_equal(m->owned[MEM_HOST], 0);
	mem_free(m);
}

static void a_deferred_free_waits_for_the_last_pin_and_is_not_reused(void **state)
{
	struct mem *m = mem_new(MIB, true, 5);
	hpa_t hpa = alloc_one(m, MEM_GUEST, 3), other;

	(void)state;
	mem_pin(m, hpa);
	mem_pin(m, hpa);
	mem_put_deferred(m, hpa, 1);
	assert_int_equal(m->zombies, 1);
	assert_true(mem_check(m, hpa, PAGE_BYTES, MEM_GUEST, 3));
	while (mem_alloc(m, MEM_HYP, 0, &other) == MEM_OK)
		assert_int_not_equal(other.a, hpa.a);
	mem_unpin(m, hpa);
	assert_int_equal(m->zombies, 1);
	mem_unpin(m, hpa);
	assert_int_equal(m->zombies, 0);
	assert_int_equal(m->owned[MEM_GUEST], 0);
	assert_int_equal(alloc_one(m, MEM_HYP, 0).a, hpa.a);
	mem_free(m);
}

static void check_tells_owner_and_id_across_frames_and_bounds(void **state)
{
	struct mem *m = mem_new(MIB, false, 5);
	hpa_t a = alloc_one(m, MEM_GUEST, 3);
	hpa_t b = alloc_one(m, MEM_GUEST, 4);

	(void)state;
	assert_int_equal(b.a, a.a + PAGE_BYTES);
	assert_true(mem_check(m, a, PAGE_BYTES, MEM_GUEST, 3));
	assert_false(mem_check(m, a, PAGE_BYTES + 1, MEM_GUEST, 3));
	assert_false(mem_check(m, a, 1, MEM_GUEST, 4));
	assert_false(mem_check(m, a, 1, MEM_HYP, 3));
	assert_false(mem_check(m, (hpa_t){MIB}, 1, MEM_FREE, 0));
	assert_false(mem_check(m, a, UINT64_MAX, MEM_GUEST, 3));
	assert_true(mem_check(m, b, 0, MEM_GUEST, 4));
	mem_free(m);
}

static void the_first_violation_is_kept_and_all_are_counted(void **state)
{
	struct mem *m = mem_new(MIB, false, 5);

	(void)state;
	mem_violation(m, 17, "nic eth0", "write to a frame of guest 4", (hpa_t){0x3000});
	mem_violation(m, 18, "host", "later", (hpa_t){0x4000});
	assert_int_equal(m->violation.count, 2);
	assert_int_equal(m->violation.time, 17);
	assert_int_equal(m->violation.hpa.a, 0x3000);
	assert_string_equal(m->violation.actor, "nic eth0");
	assert_string_equal(m->violation.what, "write to a frame of guest 4");
	mem_free(m);
}

static void a_read_before_a_write_in_time_is_seen_only_in_checked_mode(void **state)
{
	struct mem *m = mem_new(MIB, false, 5);
	hpa_t hpa = alloc_one(m, MEM_HYP, 0);
	hpa_t next_line = {hpa.a + 128};

	(void)state;
	mem_note_write(m, hpa, 100, 1000);
	assert_true(mem_note_read(m, hpa, 100, 5));
	assert_true(mem_check_enable(m));
	mem_note_write(m, hpa, 100, 1000); /* lines 0 and 1 */
	assert_false(mem_note_read(m, hpa, 1, 999));
	assert_false(mem_note_read(m, (hpa_t){hpa.a + 127}, 1, 999));
	assert_true(mem_note_read(m, next_line, 64, 999));
	assert_true(mem_note_read(m, hpa, 100, 1000));
	mem_note_write(m, hpa, 1, 500); /* an earlier write does not hide the later one */
	assert_false(mem_note_read(m, hpa, 1, 999));
	mem_put(m, hpa, 1);
	hpa = alloc_one(m, MEM_HYP, 0);
	assert_true(mem_note_read(m, hpa, 100, 0)); /* a new life, no past */
	mem_free(m);
}

static void frames_balance_under_random_use(void **state)
{
	struct mem *m = mem_new(8 * MIB, true, 9);
	uint64_t seed = 20240611, x = seed, used = 0;
	hpa_t held[512];
	uint32_t size[512] = {0};

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (uint32_t i = 0; i < scaled(200000); i++) {
		uint32_t slot, n;

		x = x * 6364136223846793005u + 1442695040888963407u;
		slot = (uint32_t)(x >> 40) % 512;
		n = (uint32_t)(x >> 33) % 16 ? 1 : 4;
		if (size[slot]) {
			assert_int_equal(mem_put(m, held[slot], size[slot]), MEM_OK);
			used -= size[slot];
			size[slot] = 0;
		} else if (n == 1 ||
			   mem_alloc_run(m, MEM_HOST, slot, n, n, &held[slot]) == MEM_OK) {
			if (n == 1)
				held[slot] = alloc_one(m, MEM_HOST, slot);
			size[slot] = n;
			used += n;
			assert_true(
				mem_check(m, held[slot], (uint64_t)n * PAGE_BYTES, MEM_HOST, slot));
		}
		assert_int_equal(m->owned[MEM_HOST], used);
		assert_int_equal(m->frames.used, used);
	}
	for (uint32_t s = 0; s < 512; s++) {
		if (!size[s])
			continue;
		assert_true(mem_check(m, held[s], (uint64_t)size[s] * PAGE_BYTES, MEM_HOST, s));
		assert_int_equal(mem_put(m, held[s], size[s]), MEM_OK);
	}
	assert_int_equal(m->frames.used, 0);
	mem_free(m);
}

static void impossible_sizes_are_refused(void **state)
{
	(void)state;
	assert_null(mem_new(0, true, 1));
	assert_null(mem_new(4096, true, 1));
	assert_null(mem_new(10000, true, 1));
	mem_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_is_handed_out_once_and_never_frame_zero),
		cmocka_unit_test(scatter_breaks_contiguity_and_its_absence_gives_it),
		cmocka_unit_test(scattered_frames_stay_inside_their_window),
		cmocka_unit_test(same_seed_gives_the_same_order_and_another_seed_another),
		cmocka_unit_test(runs_are_contiguous_aligned_and_survive_fragmentation),
		cmocka_unit_test(a_frame_is_zero_each_time_it_is_handed_out),
		cmocka_unit_test(freeing_a_pinned_or_mapped_frame_is_refused),
		cmocka_unit_test(putting_a_run_frees_all_of_it_or_nothing),
		cmocka_unit_test(a_deferred_free_waits_for_the_last_pin_and_is_not_reused),
		cmocka_unit_test(check_tells_owner_and_id_across_frames_and_bounds),
		cmocka_unit_test(the_first_violation_is_kept_and_all_are_counted),
		cmocka_unit_test(a_read_before_a_write_in_time_is_seen_only_in_checked_mode),
		cmocka_unit_test(frames_balance_under_random_use),
		cmocka_unit_test(impossible_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
