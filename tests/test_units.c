/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_units.c - quantities with units, and the nearest name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <glib.h>
#include "sim/nearest.h"
#include "sim/units.h"

static uint64_t parse(enum key_kind kind, const char *text)
{
	uint64_t value = 0;
	char *why = NULL;

	if (!units_parse(kind, text, NULL, &value, &why))
		fail_msg("%s: %s", text, why);
	return value;
}

/* The message must hold `fragment`. */
static void refuse(enum key_kind kind, const char *text, const char *hint, const char *fragment)
{
	g_autofree char *why = NULL;
	uint64_t value;

	if (units_parse(kind, text, hint, &value, &why))
		fail_msg("%s was taken as %" G_GUINT64_FORMAT, text, value);
	if (!strstr(why, fragment))
		fail_msg("%s: \"%s\" lacks \"%s\"", text, why, fragment);
}

static void units_become_whole_base_units(void **state)
{
	(void)state;
	assert_int_equal(parse(KEY_TIME, "1ps"), 1);
	assert_int_equal(parse(KEY_TIME, "10us"), 10000000);
	assert_int_equal(parse(KEY_TIME, "6.72ns"), 6720);
	assert_int_equal(parse(KEY_TIME, "0.1us"), 100000);
	assert_int_equal(parse(KEY_TIME, "200 s"), 200000000000000);
	assert_int_equal(parse(KEY_BYTES, "64MiB"), 64 << 20);
	assert_int_equal(parse(KEY_BYTES, "1.5KiB"), 1536);
	assert_int_equal(parse(KEY_RATE, "10Gbit/s"), 10000000000);
	assert_int_equal(parse(KEY_RATE, "2.5kbit/s"), 2500);
	assert_int_equal(parse(KEY_FREQ, "2.4GHz"), 2400000000);
	assert_int_equal(parse(KEY_PERCENT, "5%"), 50000);
	assert_int_equal(parse(KEY_PERCENT, "0.01%"), 100);
	assert_int_equal(parse(KEY_COUNT, "4096"), 4096);
	assert_int_equal(parse(KEY_COUNT, "1e6"), 1000000);
	assert_int_equal(parse(KEY_COUNT, "1.5e3"), 1500);
	assert_int_equal(parse(KEY_COUNT, "9223372036854775807"), INT64_MAX);
	assert_int_equal(parse(KEY_TIME, "0"), 0);
	assert_int_equal(parse(KEY_RATE, "0"), 0);
}

static void wrong_quantities_say_what_to_write(void **state)
{
	(void)state;
	refuse(KEY_RATE, "5", "Gbit/s", "write 5Gbit/s");
	refuse(KEY_TIME, "5", NULL, "write 5us");
	refuse(KEY_TIME, "64MiB", NULL, "is a size; a time is wanted");
	refuse(KEY_BYTES, "64MB", NULL, "did you mean 64MiB?");
	refuse(KEY_RATE, "10Gbps", NULL, "did you mean 10Gbit/s?");
	refuse(KEY_RATE, "10gbit/s", NULL, "did you mean 10Gbit/s?");
	refuse(KEY_TIME, "10usec", NULL, "did you mean 10us?");
	refuse(KEY_COUNT, "10KiB", NULL, "a count has no unit; write 10");
	refuse(KEY_TIME, "-5us", NULL, "must not be negative");
	refuse(KEY_TIME, "fast", NULL, "is not a time");
	refuse(KEY_TIME, "", NULL, "is not a time");
	refuse(KEY_TIME, "0.1ps", NULL, "finer than 1ps");
	refuse(KEY_COUNT, "1.5", NULL, "finer than 1");
	refuse(KEY_COUNT, "1e30", NULL, "too large");
	refuse(KEY_COUNT, "9223372036854775808", NULL, "too large");
	refuse(KEY_TIME, "99999999999999999999s", NULL, "too large");
	refuse(KEY_COUNT, "1e99", NULL, "is not a count");
	refuse(KEY_COUNT, "0x10", NULL, "a count has no unit");
	refuse(KEY_COUNT, "1_000", NULL, "a count has no unit");
	refuse(KEY_PERCENT, "5", NULL, "write 5%");
}

static void format_gives_the_largest_whole_unit(void **state)
{
	static const struct {
		enum key_kind kind;
		uint64_t value;
		const char *text;
	} rows[] = {
		{KEY_TIME, 1500000, "1500ns"},
		{KEY_TIME, 2000000000000, "2s"},
		{KEY_TIME, 0, "0ps"},
		{KEY_BYTES, 1 << 20, "1MiB"},
		{KEY_BYTES, 1500, "1500B"},
		{KEY_RATE, 1500000000, "1500Mbit/s"},
		{KEY_FREQ, 3000000000, "3GHz"},
		{KEY_COUNT, 12, "12"},
		{KEY_PERCENT, 50000, "5%"},
		{KEY_PERCENT, 100, "0.0100%"},
		{KEY_RATE, 10000000000, "10Gbit/s"},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = units_format(rows[i].kind, rows[i].value);
		assert_string_equal(text, rows[i].text);
	}
}

static void what_is_formatted_parses_back_the_same(void **state)
{
	const char *scale = getenv("VNICSIM_TEST_SCALE");
	unsigned rounds = 200000 / (scale ? (unsigned)MAX(atoi(scale), 1) : 1);
	guint32 seed = g_random_int();
	g_autoptr(GRand) rand = g_rand_new_with_seed(seed);

	(void)state;
	print_message("seed %u\n", seed);
	for (unsigned i = 0; i < rounds; i++) {
		enum key_kind kind =
			(enum key_kind)g_rand_int_range(rand, KEY_COUNT, KEY_PERCENT + 1);
		uint64_t value = ((uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand)) >>
				 g_rand_int_range(rand, 1, 64);
		g_autofree char *text = units_format(kind, value);

		if (parse(kind, text) != value)
			fail_msg("%s", text);
	}
}

static void nearest_name_forgives_slips_and_nothing_more(void **state)
{
	static const char *const names[] = {"policy", "rx_policy", "tx_policy",
					    "memory", "nic",       NULL};

	(void)state;
	assert_string_equal(nearest_name("polcy", names), "policy");
	assert_string_equal(nearest_name("ploicy", names), "policy");
	assert_string_equal(nearest_name("rx-policy", names), "rx_policy");
	assert_string_equal(nearest_name("memroy", names), "memory");
	assert_string_equal(nearest_name("NIC", names), "nic");
	assert_null(nearest_name("bandwidth", names));
	assert_null(nearest_name("x", names));
	assert_int_equal(nearest_distance("ab", "ba"), 1);
	assert_int_equal(nearest_distance("", "abc"), 3);
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
}

static void nearest_hint_lists_what_is_known_when_nothing_is_near(void **state)
{
	static const char *const names[] = {"copy", "zero-copy", NULL}, *const none[] = {NULL};
	g_autofree char *near = nearest_hint("zerocopy", names),
			*far = nearest_hint("qqqqq", names), *nothing = nearest_hint("x", none);

	(void)state;
	assert_string_equal(near, "did you mean \"zero-copy\"?");
	assert_string_equal(far, "known: copy, zero-copy");
	assert_string_equal(nothing, "there is none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_become_whole_base_units),
		cmocka_unit_test(wrong_quantities_say_what_to_write),
		cmocka_unit_test(format_gives_the_largest_whole_unit),
		cmocka_unit_test(what_is_formatted_parses_back_the_same),
		cmocka_unit_test(nearest_name_forgives_slips_and_nothing_more),
		cmocka_unit_test(nearest_hint_lists_what_is_known_when_nothing_is_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
