/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sweep.c - [sweep] into points, and its mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "sim/sweep.h"
#include "toy.h"

#define WORLD "[nic eth0]\n[guest vm1..vm2]\nnic = eth0\n[traffic t]\nto = vm1\n[sweep]\n"

static struct scenario *load(const char *text)
{
	g_autofree char *path = toy_write(folder, "a.ini", text, -1);
	g_autoptr(GError) error = NULL;
	struct scenario *sc = scenario_load(path, toy_groups, NULL, &error);

	if (!sc)
		fail_msg("%s", error->message);
	return sc;
}

static struct sweep *make(const struct scenario *sc)
{
	g_autoptr(GError) error = NULL;
	struct sweep *sw = sweep_new(sc, &error);

	if (!sw)
		fail_msg("%s", error->message);
	return sw;
}

/* The labels of all points of these lines, one a line. */
static void points_are(const char *lines, const char *labels)
{
	g_autofree char *text = g_strconcat(WORLD, lines, NULL);
	g_autoptr(scenario_auto) sc = load(text);
	g_autoptr(sweep_auto) sw = make(sc);
	g_autoptr(GString) all = g_string_new(NULL);

	for (size_t i = 0; i < sweep_points(sw); i++) {
		g_autofree char *label = sweep_label(sw, i);
		g_string_append_printf(all, "%s\n", label);
	}
	assert_string_equal(all->str, labels);
}

static void refuse(const char *lines, const char *where, const char *fragment)
{
	g_autofree char *text = g_strconcat(WORLD, lines, NULL);
	g_autoptr(scenario_auto) sc = load(text);
	g_autoptr(GError) error = NULL;
	g_autoptr(sweep_auto) sw = sweep_new(sc, &error);

	if (sw)
		fail_msg("taken: %s", lines);
	assert_int_equal(error->code, SIM_EXIT_USAGE);
	if (!strstr(error->message, where) || !strstr(error->message, fragment))
		fail_msg("\"%s\" lacks \"%s\" or \"%s\"", error->message, where, fragment);
}

static void a_dash_leaves_the_key_as_it_is(void **state)
{
	g_autofree char *text = g_strconcat(
		WORLD, "nic.link & guest.memory = 25Gbit/s & 32MiB, 10Gbit/s & -\n", NULL);
	g_autoptr(scenario_auto) sc = load(text);
	g_autoptr(sweep_auto) sw = make(sc);
	g_autoptr(GError) error = NULL;
	g_autoptr(scenario_auto) point = sweep_scenario(sw, 1, 0, &error);
	g_autofree char *label = sweep_label(sw, 1);

	(void)state;
	assert_non_null(point);
	assert_string_equal(label, "nic.link=10Gbit/s");
	assert_int_equal(cfg_u64(scenario_find(point, "vm1"), "memory"),
			 cfg_u64(scenario_find(sc, "vm1"), "memory"));
	assert_false(cfg_is_set(scenario_find(point, "vm1"), "memory"));
}

static void lists_and_ranges_give_their_values_in_order(void **state)
{
	(void)state;
	points_are("guest.policy = copy, zero-copy\n",
		   "guest.policy=copy\nguest.policy=zero-copy\n");
	points_are("nic.link = 1Gbit/s..2Gbit/s step 500Mbit/s\n",
		   "nic.link=1Gbit/s\nnic.link=1500Mbit/s\nnic.link=2Gbit/s\n");
	points_are("t.size = 60B..500B step x2\n",
		   "t.size=60B\nt.size=120B\nt.size=240B\nt.size=480B\n");
	points_are("eth0.ring = 1..4 step x2, 7, 10..12 step 1\n",
		   "eth0.ring=1\neth0.ring=2\neth0.ring=4\neth0.ring=7\neth0.ring=10\n"
		   "eth0.ring=11\neth0.ring=12\n");
	points_are("t.size = 60B..500B step 2x\n",
		   "t.size=60B\nt.size=120B\nt.size=240B\nt.size=480B\n");
	points_are("eth0.ring = 10..25 step x1.5\n", "eth0.ring=10\neth0.ring=15\neth0.ring=22\n");
	points_are("t.size = imix, uniform:60B..1514B\n",
		   "t.size=imix\nt.size=uniform:60B..1514B\n");
	points_are("eth0.ring = 5..5 step 1\n", "eth0.ring=5\n");
}

static void the_last_line_varies_fastest(void **state)
{
	(void)state;
	points_are("guest.policy = copy, zero-copy\neth0.ring = 1, 2\n",
		   "guest.policy=copy eth0.ring=1\nguest.policy=copy eth0.ring=2\n"
		   "guest.policy=zero-copy eth0.ring=1\nguest.policy=zero-copy eth0.ring=2\n");
}

static void linked_keys_move_together(void **state)
{
	(void)state;
	points_are("vm1.policy & t.size = copy & 60B, zero-copy & 1500B\neth0.ring = 1, 2\n",
		   "vm1.policy=copy t.size=60B eth0.ring=1\n"
		   "vm1.policy=copy t.size=60B eth0.ring=2\n"
		   "vm1.policy=zero-copy t.size=1500B eth0.ring=1\n"
		   "vm1.policy=zero-copy t.size=1500B eth0.ring=2\n");
}

static void a_point_is_the_scenario_with_its_keys_set(void **state)
{
	g_autoptr(scenario_auto) sc =
		load(WORLD "guest.policy = copy, zero-copy\nvm1.memory = 4KiB, 8KiB\n");
	g_autoptr(sweep_auto) sw = make(sc);
	g_autoptr(scenario_auto) last = sweep_scenario(sw, 3, 0, NULL);

	(void)state;
	assert_int_equal(sweep_points(sw), 4);
	assert_int_equal(sweep_keys(sw), 2);
	assert_string_equal(sweep_key(sw, 1), "vm1.memory");
	assert_string_equal(sweep_value(sw, 2, 1), "4KiB");
	assert_string_equal(cfg_str(scenario_find(last, "vm1"), "memory"), "8KiB");
	assert_string_equal(cfg_str(scenario_find(last, "vm2"), "policy"), "zero-copy");
	assert_string_equal(cfg_str(scenario_find(sc, "vm2"), "policy"), "copy");
}

static void without_a_sweep_there_is_one_point(void **state)
{
	g_autoptr(scenario_auto) sc = load("[guest vm1]\n");
	g_autoptr(sweep_auto) sw = make(sc);
	g_autofree char *label = sweep_label(sw, 0);

	(void)state;
	assert_int_equal(sweep_points(sw), 1);
	assert_int_equal(sweep_repeats(sw), 1);
	assert_int_equal(sweep_keys(sw), 0);
	assert_string_equal(label, "");
}

static void seeds_of_repeats_depend_on_seed_and_repeat_only(void **state)
{
	g_autoptr(scenario_auto) sc = load("[scenario]\nseed = 42\nrepeat = 3\n" WORLD
					   "guest.policy = copy, zero-copy\n");
	g_autoptr(sweep_auto) sw = make(sc);

	(void)state;
	assert_int_equal(sweep_repeats(sw), 3);
	for (unsigned repeat = 0; repeat < 3; repeat++)
		for (size_t point = 0; point < 2; point++) {
			g_autoptr(scenario_auto) p = sweep_scenario(sw, point, repeat, NULL);
			uint64_t seed = cfg_u64(scenario_find(p, "scenario"), "seed");

			assert_int_equal(seed, sweep_seed(42, repeat));
		}
	assert_int_equal(sweep_seed(42, 0), 42);
	assert_int_not_equal(sweep_seed(42, 1), sweep_seed(42, 2));
	assert_int_not_equal(sweep_seed(42, 1), sweep_seed(43, 1));
	for (unsigned i = 1; i < 1000; i++)
		assert_true(sweep_seed(42, i) < UINT64_C(1) << 53);
}

static void where_leaves_the_points_it_is_true_of(void **state)
{
	(void)state;
	points_are("guest.policy = copy, zero-copy\neth0.ring = 1, 2, 4\n"
		   "where = guest.policy != copy | eth0.ring >= 4\n",
		   "guest.policy=copy eth0.ring=4\nguest.policy=zero-copy eth0.ring=1\n"
		   "guest.policy=zero-copy eth0.ring=2\nguest.policy=zero-copy eth0.ring=4\n");
	/* & binds more than |, on either side of it. */
	points_are("guest.policy = copy, zero-copy\neth0.ring = 1, 2, 4\n"
		   "where = guest.policy=copy & eth0.ring<2 | eth0.ring > 2 & "
		   "guest.policy=zero-copy\n",
		   "guest.policy=copy eth0.ring=1\nguest.policy=zero-copy eth0.ring=4\n");
	/* In other words, and of what is not swept. */
	points_are("nic.link = 1Gbit/s, 2Gbit/s\nwhere = nic.link <= 1000Mbit/s & host.cores = 1\n",
		   "nic.link=1Gbit/s\n");
	/* Of every guest. */
	points_are("vm1.policy = copy, zero-copy\nwhere = guest.policy = copy\n",
		   "vm1.policy=copy\n");
	/* A word in place of a quantity has no order. */
	points_are("t.rate = 1Gbit/s, max\nwhere = t.rate >= 1bit/s\n", "t.rate=1Gbit/s\n");
	points_are("t.rate = 1Gbit/s, max\nwhere = t.rate = max\n", "t.rate=max\n");
	points_are("t.rate = 1Gbit/s, max\nwhere = t.rate != max\n", "t.rate=1Gbit/s\n");
}

static void points_that_are_left_are_numbered_without_gaps(void **state)
{
	g_autoptr(scenario_auto) sc =
		load(WORLD "guest.policy = copy, zero-copy\nvm1.memory = 4KiB, 8KiB\n"
			   "where = guest.policy = zero-copy | vm1.memory = 8KiB\n");
	g_autoptr(sweep_auto) sw = make(sc);
	g_autoptr(scenario_auto) first = sweep_scenario(sw, 0, 0, NULL);

	(void)state;
	assert_int_equal(sweep_points(sw), 3);
	assert_string_equal(sweep_value(sw, 0, 1), "8KiB");
	assert_string_equal(sweep_value(sw, 1, 0), "zero-copy");
	assert_string_equal(cfg_str(scenario_find(first, "vm1"), "memory"), "8KiB");
}

static void contradictions_are_refused(void **state)
{
	(void)state;
	refuse("eth0.ring = 1, 2\nwhere = eth0.ring > 2\n", "a.ini:8: [sweep] where",
	       "true of none of 2 points");
	refuse("eth0.ring = 1\nwhere = eth0.rung > 2\n", "a.ini:8: [sweep] where",
	       "did you mean \"ring\"?");
	refuse("eth0.ring = 1\nwhere = eth0.ring\n", "a.ini:8", "is no comparison");
	refuse("eth0.ring = 1\nwhere = eth0.ring = 1 &\n", "a.ini:8", "is no comparison");
	refuse("eth0.ring = 1\nwhere = eth0.ring > many\n", "a.ini:8", "many");
	refuse("eth0.ring = 1\nwhere = guest.policy > copy\n", "a.ini:8", "have an order");
	refuse("where = eth0.ring = 1\n", "a.ini:7", "nothing to choose from");
	refuse("eth0.ring = 1, 2, 1\n", "a.ini:7", "\"1\" is there twice");
	refuse("nic.link = 1Gbit/s, 1000Mbit/s\n", "a.ini:7", "there twice");
	refuse("nic.link & eth0.ring = 1Gbit/s & 2, 2Gbit/s & 2, 1000Mbit/s & 2\n", "a.ini:7",
	       "there twice");
	refuse("eth0.ring = 1, 2\nnic.ring = 3, 4\n", "a.ini:7: [sweep] eth0.ring",
	       "set again by the line of nic.ring");
	refuse("guest.policy = copy, zero-copy\nvm1.policy = copy\nvm2.policy = copy\n", "a.ini:7",
	       "nothing would vary");
	/* One guest is enough to vary, or one value that leaves it. */
	points_are("guest.policy = copy\nvm1.policy = zero-copy\n",
		   "guest.policy=copy vm1.policy=zero-copy\n");
	points_are("eth0.ring = 1\nnic.ring = 3, -\n", "eth0.ring=1 nic.ring=3\neth0.ring=1\n");
}

static void mistakes_are_refused_at_their_line(void **state)
{
	(void)state;
	refuse("guest.polcy = copy\n", "a.ini:7: [sweep] guest.polcy", "did you mean \"policy\"?");
	refuse("gest.policy = copy\n", "a.ini:7", "did you mean \"guest\"?");
	refuse("policy = copy\n", "a.ini:7", "GROUP.KEY");
	refuse("guest.policy = copy, zerocopy\n", "a.ini:7", "did you mean \"zero-copy\"?");
	refuse("guest.policy = copy,, zero-copy\n", "a.ini:7", "missing between commas");
	refuse("guest.policy = copy..zero-copy step 1\n", "a.ini:7", "only a quantity has a range");
	refuse("nic.ring = 1..10\n", "a.ini:7", "has no step");
	refuse("nic.ring = 10..1 step 1\n", "a.ini:7", "goes upwards");
	refuse("nic.ring =\n", "a.ini:7", "no value");
	refuse("nic.ring & vm1.policy =\n", "a.ini:7", "no value");
	refuse("nic.ring = 1..10 step 0\n", "a.ini:7", "leads nowhere");
	refuse("nic.ring = 1..10 step x1\n", "a.ini:7", "leads nowhere");
	refuse("nic.ring = 1..10 step xx\n", "a.ini:7", "no factor");
	refuse("nic.ring = 1..10000 step 1000\n", "a.ini:7", "out of range");
	refuse("nic.link = 1..10Gbit/s step 1Gbit/s\n", "a.ini:7", "no unit");
	refuse("nic.link = 1Gbit/s..10Gbit/s step 1\n", "a.ini:7", "no unit");
	refuse("host.clock = 1Hz..1GHz step 1Hz\n", "a.ini:7", "more than 9999");
	refuse("host.cores = 1..64 step 1\nnic.ring = 1..4096 step 1\n", "a.ini:8",
	       "points in all");
	refuse("guest.policy & nic.ring = copy & 1, zero-copy\n", "a.ini:7", "1 values for 2 keys");
	refuse("guest.policy = copy\nguest.policy & nic.ring = copy & 1\n", "a.ini:8",
	       "swept twice");
	refuse("scenario.repeat = 1, 2\n", "a.ini:7", "cannot be swept");
	refuse("traffic.to = vm1, vm7\n", "a.ini:7", "vm7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dash_leaves_the_key_as_it_is),
		cmocka_unit_test(lists_and_ranges_give_their_values_in_order),
		cmocka_unit_test(the_last_line_varies_fastest),
		cmocka_unit_test(linked_keys_move_together),
		cmocka_unit_test(a_point_is_the_scenario_with_its_keys_set),
		cmocka_unit_test(without_a_sweep_there_is_one_point),
		cmocka_unit_test(seeds_of_repeats_depend_on_seed_and_repeat_only),
		cmocka_unit_test(where_leaves_the_points_it_is_true_of),
		cmocka_unit_test(points_that_are_left_are_numbered_without_gaps),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(mistakes_are_refused_at_their_line),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
