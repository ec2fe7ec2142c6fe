/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_scenario.c - scenario files: normalising, layers of defaults, references, and messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "toy.h"

static struct scenario *load_with(const char *text, const char *const *sets)
{
	g_autofree char *path = toy_write(folder, "a.ini", text, -1);
	g_autoptr(GError) error = NULL;
	struct scenario *sc = scenario_load(path, toy_groups, sets, &error);

	if (!sc)
		fail_msg("%s", error->message);
	return sc;
}

static struct scenario *load(const char *text)
{
	return load_with(text, NULL);
}

static const struct cfg *find(const struct scenario *sc, const char *name)
{
	const struct cfg *c = scenario_find(sc, name);

	if (!c)
		fail_msg("no object %s", name);
	return c;
}

/* The error of loading must name `where` ("a.ini:3") and hold both fragments. */
static void refuse_bytes(const char *text, gssize len, const char *set, const char *where,
			 const char *one, const char *two)
{
	g_autofree char *path = toy_write(folder, "a.ini", text, len);
	const char *sets[] = {set, NULL};
	g_autoptr(GError) error = NULL;
	g_autoptr(scenario_auto) sc = scenario_load(path, toy_groups, sets, &error);

	if (sc)
		fail_msg("taken: %s", text);
	assert_int_equal(error->domain, SIM_ERROR);
	assert_int_equal(error->code, SIM_EXIT_USAGE);
	if (!strstr(error->message, where) || !strstr(error->message, one) ||
	    (two && !strstr(error->message, two)))
		fail_msg("\"%s\" lacks one of \"%s\", \"%s\", \"%s\"", error->message, where, one,
			 two ? two : "");
	assert_null(strchr(error->message, '\n'));
}

static void refuse(const char *text, const char *where, const char *one, const char *two)
{
	refuse_bytes(text, -1, NULL, where, one, two);
}

/* ---- the file ---- */

static void comments_blanks_bom_and_cr_are_no_part_of_a_value(void **state)
{
	g_autoptr(scenario_auto) sc = load("\xef\xbb\xbf# a question\r\n"
					   "  ; another comment\r\n"
					   "[ scenario ]   # group\r\n"
					   "  seed =  7\t# seven\r\n"
					   "\r\n"
					   "[guest   vm1]\r\n"
					   "policy=zero-copy\r\n"
					   "[traffic t]\n"
					   "to = vm1\n"
					   "trace = a#b;c.pcap ; kept\n"
					   "[host]\n"
					   "cores = 4");

	(void)state;
	assert_int_equal(cfg_u64(find(sc, "scenario"), "seed"), 7);
	assert_int_equal(cfg_choice(find(sc, "vm1"), "policy"), 2);
	assert_string_equal(cfg_str(find(sc, "t"), "trace"), "a#b;c.pcap ; kept");
	assert_int_equal(cfg_u64(find(sc, "host"), "cores"), 4);
	assert_true(g_str_has_suffix(cfg_where(find(sc, "scenario"), "seed"), "a.ini:4"));
	assert_true(g_str_has_suffix(cfg_where(find(sc, "vm1"), "policy"), "a.ini:7"));
	assert_true(g_str_has_suffix(cfg_where(find(sc, "host"), "cores"), "a.ini:12"));
}

static void each_kind_of_value_is_read_in_its_unit(void **state)
{
	g_autoptr(scenario_auto) sc =
		load("[host]\nclock = 2.4GHz\nscatter = off\n"
		     "[nic eth0]\nlink = 25Gbit/s\nloss = 0.5%\n"
		     "[guest vm1]\nnic = eth0\nmemory = 1GiB\ndelay = 6.72ns\n"
		     "[traffic t]\nto = vm1, wire\nrate = max\nsize = imix\n"
		     "[traffic u]\nrate = 1kbit/s\nsize = 9000B\n");
	const struct cfg *t = find(sc, "t"), *u = find(sc, "u"), *vm1 = find(sc, "vm1");

	(void)state;
	assert_int_equal(cfg_u64(find(sc, "host"), "clock"), 2400000000);
	assert_false(cfg_bool(find(sc, "host"), "scatter"));
	assert_int_equal(cfg_rate(find(sc, "eth0"), "link"), 25000000000);
	assert_int_equal(cfg_u64(find(sc, "eth0"), "loss"), 5000);
	assert_int_equal(cfg_u64(vm1, "memory"), 1 << 30);
	assert_int_equal(cfg_time(vm1, "delay"), 6720);
	assert_ptr_equal(cfg_ref(vm1, "nic"), find(sc, "eth0"));
	assert_string_equal(cfg_list(t, "to")[0], "vm1");
	assert_string_equal(cfg_list(t, "to")[1], "wire");
	assert_null(cfg_list(t, "to")[2]);
	assert_null(cfg_list(u, "to")[0]);
	assert_int_equal(cfg_choice(t, "rate"), 0);
	assert_false(cfg_is_quantity(t, "rate"));
	assert_int_equal(cfg_rate(t, "rate"), UINT64_MAX);
	assert_int_equal(cfg_choice(u, "rate"), -1);
	assert_int_equal(cfg_rate(u, "rate"), 1000);
	assert_false(cfg_is_quantity(t, "size"));
	assert_string_equal(cfg_str(t, "size"), "imix");
	assert_int_equal(cfg_u64(u, "size"), 9000);
	assert_false(cfg_has(t, "pps"));
	assert_int_equal(cfg_u64(t, "pps"), 0);
	assert_null(cfg_str(t, "trace"));
	assert_null(cfg_path(t, "trace"));
}

static void a_file_that_is_no_scenario_is_refused_with_its_line(void **state)
{
	g_autofree char *longest = g_strnfill(20000, 'x');
	g_autofree char *overlong = g_strconcat("[host]\ncores = ", longest, "\n", NULL);
	static const char nul[] = "[host]\ncores\0 = 1\n";

	(void)state;
	refuse("", "a.ini", "no group in it", "[scenario]");
	refuse("# only a comment\n", "a.ini", "no group in it", NULL);
	refuse("cores = 1\n", "a.ini:1", "before the first group", NULL);
	refuse("[host\ncores = 1\n", "a.ini:1", "closing ]", NULL);
	refuse("[host] cores = 1\n", "a.ini:1", "may follow the ]", NULL);
	refuse("[]\n", "a.ini:1", "no group", NULL);
	refuse("[host]\ncores\n", "a.ini:2", "has no =", NULL);
	refuse("[host]\n = 1\n", "a.ini:2", "no key before", NULL);
	refuse("[host]\ncores[de] = 1\n", "a.ini:2", "no brackets", NULL);
	refuse("[host]\ncores =\n", "a.ini:2", "[host] cores: no value", NULL);
	refuse("[host]\nclock = 3\xff\n", "a.ini:2", "UTF-8", NULL);
	refuse("[host]\nclock = \a\n", "a.ini:2", "control character 0x07", NULL);
	refuse(overlong, "a.ini:2", "line of 20008 bytes", NULL);
	refuse_bytes(nul, sizeof(nul) - 1, NULL, "a.ini:2", "NUL byte", NULL);
}

static void duplicates_are_refused_with_both_lines(void **state)
{
	(void)state;
	refuse("[host]\ncores = 1\n\n[host]\n", "a.ini:4", "a second time", "first at line 1");
	refuse("[guest vm1]\n[guest  vm1]\n", "a.ini:2", "a second time", "first at line 1");
	refuse("[host]\ncores = 1\nclock = 3GHz\ncores = 2\n", "a.ini:4", "a second time",
	       "first at line 2");
}

static void comparisons_before_the_equals_sign_are_refused_with_the_right_spelling(void **state)
{
	(void)state;
	refuse("[expect]\nvm1.rx.drops < 5\n", "a.ini:2", "write vm1.rx.drops = < 5", NULL);
	refuse("[expect]\nvm1.rx.drops <= 5\n", "a.ini:2", "write vm1.rx.drops = <= 5", NULL);
	refuse("[expect]\nvm1.rx.drops > = 5\n", "a.ini:2", "write vm1.rx.drops = >= 5", NULL);
	refuse("[expect]\nvm1.rx.drops != 0\n", "a.ini:2", "write vm1.rx.drops = != 0", NULL);
	refuse("[expect]\nvm1.rx.packets ~ 5%\n", "a.ini:2", "vm1.rx.packets = 1000 ~ 5%", NULL);
}

static void unreadable_files_are_refused(void **state)
{
	g_autofree char *missing = g_build_filename(folder, "missing.ini", NULL);
	const struct {
		const char *path, *fragment;
	} rows[] = {
		{missing, "No such file"}, {folder, "this is a folder"}, {"/dev/zero", "1 MiB"}};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(scenario_load(rows[i].path, toy_groups, NULL, &error));
		assert_int_equal(error->code, SIM_EXIT_USAGE);
		assert_non_null(strstr(error->message, rows[i].path));
		assert_non_null(strstr(error->message, rows[i].fragment));
	}
}

/* ---- objects ---- */

static void a_range_makes_objects_in_order(void **state)
{
	g_autoptr(scenario_auto) sc = load("[guest vm9..vm11]\n[guest zz]\n[guest a-1_b]\n");
	static const char *const names[] = {"vm9", "vm10", "vm11", "zz", "a-1_b"};

	(void)state;
	assert_int_equal(scenario_count(sc, "guest"), 5);
	for (size_t i = 0; i < 5; i++) {
		const struct cfg *c = scenario_at(sc, "guest", i);

		assert_string_equal(cfg_name(c), names[i]);
		assert_string_equal(cfg_kind(c), "guest");
		assert_int_equal(cfg_index(c), i);
		assert_ptr_equal(find(sc, names[i]), c);
	}
	assert_int_equal(scenario_count(sc, "nic"), 0);
	assert_int_equal(scenario_count(sc, "host"), 1);
	assert_null(scenario_find(sc, "vm1"));
}

static void wrong_groups_and_names_are_refused(void **state)
{
	(void)state;
	refuse("[gest vm1]\n", "a.ini:1", "did you mean \"guest\"?", NULL);
	refuse("[host h1]\n", "a.ini:1", "has no name", "[host]");
	refuse("[guest VM1]\n", "a.ini:1", "lower-case", NULL);
	refuse("[guest 1vm]\n", "a.ini:1", "lower-case", NULL);
	refuse("[guest wire]\n", "a.ini:1", "reserved", NULL);
	refuse("[guest nic]\n", "a.ini:1", "the name of a kind", NULL);
	refuse("[guest vm1..vm3]\n[guest vm2]\n", "a.ini:2", "declared already", "a.ini:1");
	refuse("[guest x]\n[nic x]\n", "a.ini:2", "taken by [guest x]", "a.ini:1");
	refuse("[guest vm3..vm1]\n", "a.ini:1", "goes upwards", NULL);
	refuse("[guest vm1..eth3]\n", "a.ini:1", "no range", NULL);
	refuse("[guest vm1..3]\n", "a.ini:1", "no range", NULL);
	refuse("[guest vm1..vm999999]\n", "a.ini:1", "at most", NULL);
}

static void wrong_keys_and_values_are_refused(void **state)
{
	(void)state;
	refuse("[guest vm1]\npolcy = copy\n", "a.ini:2", "[guest vm1] polcy: no such key",
	       "did you mean \"policy\"?");
	refuse("[guest vm1]\npolicy = zerocopy\n", "a.ini:2", "[guest vm1] policy",
	       "did you mean \"zero-copy\"?");
	refuse("[host]\ncores = 0\n", "a.ini:2", "out of range", "from 1 to 64");
	refuse("[host]\ncores = 65\n", "a.ini:2", "out of range", "from 1 to 64");
	refuse("[nic eth0]\nlink = 5\n", "a.ini:2", "write 5Gbit/s", NULL);
	refuse("[nic eth0]\nlink = 5bit/s\n", "a.ini:2", "too small", "at least 1kbit/s");
	refuse("[nic eth0]\nlink = 10us\n", "a.ini:2", "is a time; a rate is wanted", NULL);
	refuse("[nic eth0]\nloss = 101%\n", "a.ini:2", "from 0% to 100%", NULL);
	refuse("[host]\nscatter = maybe\n", "a.ini:2", "neither true nor false", NULL);
	refuse("[traffic t]\nrate = mx\n", "a.ini:2", "not a rate", "did you mean \"max\"?");
	refuse("[traffic t]\nsize = big\n", "a.ini:2", "imix", NULL);
	refuse("[traffic t]\nsize = 10B\n", "a.ini:2", "from 60B to 9000B", NULL);
	/* In defaults too, where no object is there to be wrong. */
	refuse("[guest]\npolicy = zerocopy\n", "a.ini:2", "[guest] policy", NULL);
}

static void references_must_be_declared_and_of_the_right_kind(void **state)
{
	(void)state;
	refuse("[nic eth0]\n[guest vm1]\nnic = eht0\n", "a.ini:3", "no nic is called \"eht0\"",
	       "did you mean \"eth0\"?");
	refuse("[guest vm1]\nnic = nic\n", "a.ini:2", "no nic is called \"nic\"", NULL);
	refuse("[guest vm1]\nnic = vm1\n", "a.ini:2", "no nic is called \"vm1\"", NULL);
	refuse("[guest vm1]\n[traffic t]\nto = vm1..vm2\n", "a.ini:3", "\"vm2\"",
	       "did you mean \"vm1\"?");
	refuse("[guest vm1]\n[traffic t]\nto = vm1,\n", "a.ini:3", "called \"\"", NULL);
	/* A default for the kind is judged where an object takes it. */
	refuse("[guest]\nnic = eth0\n[guest vm1]\n", "a.ini:2", "[guest vm1] nic", NULL);
}

/* ---- layers ---- */

static void the_nearer_place_wins(void **state)
{
	static const char *const sets[] = {"guest.memory=1GiB", "vm2.memory=2GiB", NULL};
	g_autoptr(scenario_auto) sc = load_with("[guest vm1]\nmemory = 8KiB\npolicy = zero-copy\n"
						"[guest]\nmemory = 4KiB\npolicy = single-copy\n"
						"[guest vm2]\n",
						sets);

	(void)state;
	assert_int_equal(cfg_u64(find(sc, "vm1"), "memory"), 1 << 30);
	assert_int_equal(cfg_u64(find(sc, "vm2"), "memory"), 2ull << 30);
	assert_string_equal(cfg_where(find(sc, "vm2"), "memory"), "--set");
	assert_string_equal(cfg_str(find(sc, "vm1"), "policy"), "zero-copy");
	assert_string_equal(cfg_str(find(sc, "vm2"), "policy"), "single-copy");
	assert_string_equal(cfg_str(find(sc, "vm1"), "delay"), "1us");
	assert_true(cfg_is_set(find(sc, "vm2"), "policy"));
	assert_false(cfg_is_set(find(sc, "vm1"), "delay"));
	assert_string_equal(cfg_where(find(sc, "vm1"), "delay"), "default");
}

static void sets_apply_in_order_and_name_kinds_or_objects(void **state)
{
	static const char *const sets[] = {"vm1.policy=zero-copy", "guest.policy=single-copy",
					   "guest vm2.policy = copy", "scenario.seed=9", NULL};
	g_autoptr(scenario_auto) sc = load_with("[guest vm1..vm2]\n", sets);

	(void)state;
	assert_string_equal(cfg_str(find(sc, "vm1"), "policy"), "single-copy");
	assert_string_equal(cfg_str(find(sc, "vm2"), "policy"), "copy");
	assert_int_equal(cfg_u64(find(sc, "scenario"), "seed"), 9);
}

static void wrong_sets_are_refused(void **state)
{
	static const struct {
		const char *set, *one, *two;
	} rows[] = {
		{"vm1", "GROUP.KEY=VALUE", NULL},
		{"policy=copy", "GROUP.KEY=VALUE", NULL},
		{".policy=copy", "GROUP.KEY=VALUE", NULL},
		{"vm1.=copy", "GROUP.KEY=VALUE", NULL},
		{"vm9.policy=copy", "nothing is called \"vm9\"", "did you mean \"vm1\"?"},
		{"vm1.polcy=copy", "no key \"polcy\"", "did you mean \"policy\"?"},
		{"vm1.policy=zerocopy", "vm1.policy", "did you mean \"zero-copy\"?"},
		{"guest.memory=1", "guest.memory", "write 1MiB"},
		{"scenario.extends=x.ini", "extend", NULL},
		{"nic vm1.policy=copy", "nothing is called \"nic vm1\"", NULL},
		{"expect.vm1.rx.drops<=5", "behind the =", NULL},
		{"vm1.policy=\xff", "UTF-8", NULL},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		refuse_bytes("[guest vm1]\n", -1, rows[i].set, "--set", rows[i].one, rows[i].two);
}

static void the_first_dot_of_a_set_ends_the_group(void **state)
{
	static const char *const sets[] = {"expect.vm1.rx.drops=< 5", "sweep.guest.policy=copy",
					   NULL};
	g_autoptr(scenario_auto) sc =
		load_with("[guest vm1]\n[expect]\nvm1.rx.packets = 1\nvm1.rx.drops = 0\n", sets);
	const struct scenario_line *lines;

	(void)state;
	assert_int_equal(scenario_lines(sc, "expect", &lines), 2);
	assert_string_equal(lines[1].key, "vm1.rx.drops");
	assert_string_equal(lines[1].value, "< 5");
	assert_string_equal(lines[1].where, "--set");
	assert_true(g_str_has_suffix(lines[0].where, "a.ini:3"));
	assert_int_equal(scenario_lines(sc, "sweep", &lines), 1);
	assert_string_equal(lines[0].key, "guest.policy");
}

static void presets_stand_beneath_what_the_scenario_says(void **state)
{
	static const char *const sets[] = {"vm2.policy=zero-copy", NULL};
	g_autoptr(scenario_auto) sc =
		load_with("[scenario]\nsystem = p1\n[guest vm1..vm2]\n", sets);
	g_autoptr(scenario_auto) own = load("[scenario]\nsystem = p1\n[guest]\npolicy = copy\n"
					    "[guest vm1]\n[host]\ncores = 5\n");

	(void)state;
	assert_string_equal(cfg_str(find(sc, "vm1"), "policy"), "single-copy");
	assert_false(cfg_is_set(find(sc, "vm1"), "policy"));
	assert_string_equal(cfg_where(find(sc, "vm1"), "policy"), "scenario.system = p1");
	assert_string_equal(cfg_str(find(sc, "vm2"), "policy"), "zero-copy");
	assert_int_equal(cfg_u64(find(sc, "host"), "cores"), 2);
	assert_string_equal(cfg_str(find(own, "vm1"), "policy"), "copy");
	assert_int_equal(cfg_u64(find(own, "host"), "cores"), 5);
}

static void of_keys_that_exclude_each_other_the_nearer_one_stays(void **state)
{
	static const char *const sets[] = {"t.rate=1Gbit/s", NULL}, *const more[] = {"t.pps=7",
										     NULL};
	g_autoptr(scenario_auto) near = load("[traffic]\nrate = 5Gbit/s\n[traffic t]\npps = 10\n");
	g_autoptr(scenario_auto) set = load_with("[traffic t]\npps = 10\n", sets);

	(void)state;
	assert_false(cfg_has(find(near, "t"), "rate"));
	assert_int_equal(cfg_u64(find(near, "t"), "pps"), 10);
	assert_false(cfg_has(find(set, "t"), "pps"));
	assert_int_equal(cfg_rate(find(set, "t"), "rate"), 1000000000);
	/* What a clone sets is nearer than what the original's sets say. */
	g_autoptr(scenario_auto) point = scenario_clone_with(set, more, NULL);
	assert_false(cfg_has(find(point, "t"), "rate"));
	assert_int_equal(cfg_u64(find(point, "t"), "pps"), 7);
	refuse("[traffic t]\npps = 10\nrate = 1Gbit/s\n", "a.ini:2", "[traffic t] pps", "a.ini:3");
}

static void a_clone_has_all_the_sets_and_leaves_the_original(void **state)
{
	static const char *const sets[] = {"guest.policy=single-copy", NULL};
	static const char *const more[] = {"guest.memory=1GiB", "guest.policy=zero-copy", NULL};
	g_autoptr(scenario_auto) sc = load_with("[guest vm1]\n", sets);
	g_autoptr(scenario_auto) copy = scenario_clone_with(sc, more, NULL);
	g_autoptr(scenario_auto) again = scenario_clone_with(copy, NULL, NULL);

	(void)state;
	assert_string_equal(cfg_str(find(sc, "vm1"), "policy"), "single-copy");
	assert_string_equal(cfg_str(find(copy, "vm1"), "policy"), "zero-copy");
	assert_string_equal(cfg_str(find(again, "vm1"), "policy"), "zero-copy");
	assert_int_equal(cfg_u64(find(again, "vm1"), "memory"), 1 << 30);
}

/* ---- extends, paths ---- */

static void extends_reads_the_other_file_first(void **state)
{
	g_autofree char *sub = g_build_filename(folder, "sub", NULL);
	g_mkdir(sub, 0777);
	toy_give(folder, "sub/base.ini",
		 "[scenario]\nseed = 5\nwarmup = 1ms\n[guest vm1..vm3]\npolicy = zero-copy\n"
		 "memory = 8KiB\n[traffic t]\nto = vm1\ntrace = t.pcap\n"
		 "[sweep]\nguest.policy = copy\n[expect]\nvm1.rx.drops = 0\n");
	g_autoptr(scenario_auto) sc = load("[guest vm4]\n[guest vm2]\npolicy = copy\n"
					   "[scenario]\nextends = sub/base.ini\nseed = 6\n");
	const struct scenario_line *lines;

	(void)state;
	assert_int_equal(scenario_count(sc, "guest"), 4);
	assert_string_equal(cfg_name(scenario_at(sc, "guest", 3)), "vm4");
	assert_int_equal(cfg_u64(find(sc, "scenario"), "seed"), 6);
	assert_int_equal(cfg_time(find(sc, "scenario"), "warmup"), 1000000000);
	assert_string_equal(cfg_str(find(sc, "vm2"), "policy"), "copy");
	assert_string_equal(cfg_str(find(sc, "vm2"), "memory"), "8KiB");
	assert_string_equal(cfg_str(find(sc, "vm1"), "policy"), "zero-copy");
	assert_true(g_str_has_suffix(cfg_path(find(sc, "t"), "trace"), "/sub/t.pcap"));
	assert_string_equal(cfg_str(find(sc, "t"), "trace"), "t.pcap");
	assert_true(g_str_has_suffix(cfg_where(find(sc, "vm1"), "policy"), "sub/base.ini:5"));
	assert_int_equal(scenario_lines(sc, "sweep", &lines), 0);
	assert_int_equal(scenario_lines(sc, "expect", &lines), 0);
}

static void extends_that_fails_is_refused_where_it_stands(void **state)
{
	toy_give(folder, "b.ini", "[scenario]\nextends = a.ini\n");
	toy_give(folder, "c.ini", "[guest]\npolcy = copy\n");

	(void)state;
	refuse("[scenario]\nextends = none.ini\n", "a.ini:2", "cannot read", "none.ini");
	refuse("[scenario]\nextends = a.ini\n", "a.ini:2", "circle", NULL);
	refuse("[scenario]\nextends = b.ini\n", "b.ini:2", "circle", NULL);
	refuse("[scenario]\nextends = c.ini\n", "c.ini:2", "polcy", NULL);
}

static void a_path_is_relative_to_who_says_it(void **state)
{
	static const char *const sets[] = {"u.trace=x.pcap", NULL};
	static const char *const more[] = {"v.trace=y.pcap", NULL};
	g_autoptr(scenario_auto) sc = load_with(
		"[traffic t]\ntrace = d/t.pcap\n[traffic u]\n[traffic v]\ntrace = /abs/v.pcap\n",
		sets);
	g_autoptr(scenario_auto) point = scenario_clone_with(sc, more, NULL);
	g_autofree char *t = g_build_filename(folder, "d/t.pcap", NULL);
	g_autofree char *v = g_build_filename(folder, "y.pcap", NULL);

	(void)state;
	assert_string_equal(cfg_path(find(sc, "t"), "trace"), t);
	assert_string_equal(cfg_path(find(sc, "u"), "trace"), "x.pcap");
	assert_string_equal(cfg_path(find(sc, "v"), "trace"), "/abs/v.pcap");
	assert_string_equal(cfg_path(find(point, "u"), "trace"), "x.pcap");
	assert_string_equal(cfg_path(find(point, "v"), "trace"), v);
}

/* ---- listing ---- */

static void append(void *arg, const char *name, const char *value)
{
	g_string_append_printf(arg, "%s=%s\n", name, value);
}

static void the_listing_has_every_value_and_loads_to_itself(void **state)
{
	const char *text = "[nic eth0]\n[guest vm1..vm2]\nnic = eth0\n[traffic t]\nto = vm1..vm2\n";
	g_autoptr(scenario_auto) sc = load(text);
	g_autoptr(GString) one = g_string_new(NULL), two = g_string_new(NULL);

	(void)state;
	scenario_each(sc, append, one);
	g_autofree char *listing = g_strchomp(g_strdup(one->str));
	g_auto(GStrv) sets = g_strsplit(listing, "\n", -1);
	assert_non_null(strstr(one->str, "scenario.seed=1\n"));
	assert_non_null(strstr(one->str, "host.cores=1\n"));
	assert_non_null(strstr(one->str, "vm2.policy=copy\n"));
	assert_non_null(strstr(one->str, "t.to=vm1..vm2\n"));
	assert_null(strstr(one->str, "pps"));
	g_autoptr(scenario_auto) again = load_with(text, (const char *const *)sets);
	scenario_each(again, append, two);
	assert_string_equal(one->str, two->str);
}

static void messages_of_models_name_file_group_and_key(void **state)
{
	g_autoptr(scenario_auto) sc = load("[guest vm1]\npolicy = copy\n");
	g_autoptr(GError) one = NULL, two = NULL, three = NULL;

	(void)state;
	assert_false(cfg_error(find(sc, "vm1"), "policy", &one, "not with %s", "attach"));
	assert_true(g_str_has_suffix(one->message, "a.ini:2: [guest vm1] policy: not with attach"));
	cfg_error(find(sc, "vm1"), "memory", &two, "too much");
	assert_true(g_str_has_suffix(two->message, "a.ini:1: [guest vm1] memory: too much"));
	cfg_error(find(sc, "host"), NULL, &three, "too small");
	assert_true(g_str_has_suffix(three->message, "a.ini: [host] too small"));
}

static void the_reference_lists_every_key_once(void **state)
{
	g_autoptr(GString) text = g_string_new(NULL), markdown = g_string_new(NULL);

	(void)state;
	keys_print(toy_groups, text);
	keys_print_markdown(toy_groups, markdown);
	for (const struct group_decl *g = toy_groups; g->kind; g++)
		for (const struct key_decl *k = g->keys; k->name; k++) {
			g_autofree char *cell = g_strdup_printf("| `%s` |", k->name);

			assert_non_null(strstr(markdown->str, cell));
			assert_non_null(strstr(text->str, k->name));
			assert_non_null(strstr(text->str, k->help));
		}
	assert_non_null(strstr(markdown->str, "copy\\|single-copy\\|zero-copy"));
	assert_non_null(strstr(markdown->str, "## `[guest NAME]`"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comments_blanks_bom_and_cr_are_no_part_of_a_value),
		cmocka_unit_test(each_kind_of_value_is_read_in_its_unit),
		cmocka_unit_test(a_file_that_is_no_scenario_is_refused_with_its_line),
		cmocka_unit_test(duplicates_are_refused_with_both_lines),
		cmocka_unit_test(
			comparisons_before_the_equals_sign_are_refused_with_the_right_spelling),
		cmocka_unit_test(unreadable_files_are_refused),
		cmocka_unit_test(a_range_makes_objects_in_order),
		cmocka_unit_test(wrong_groups_and_names_are_refused),
		cmocka_unit_test(wrong_keys_and_values_are_refused),
		cmocka_unit_test(references_must_be_declared_and_of_the_right_kind),
		cmocka_unit_test(the_nearer_place_wins),
		cmocka_unit_test(sets_apply_in_order_and_name_kinds_or_objects),
		cmocka_unit_test(wrong_sets_are_refused),
		cmocka_unit_test(the_first_dot_of_a_set_ends_the_group),
		cmocka_unit_test(presets_stand_beneath_what_the_scenario_says),
		cmocka_unit_test(of_keys_that_exclude_each_other_the_nearer_one_stays),
		cmocka_unit_test(a_clone_has_all_the_sets_and_leaves_the_original),
		cmocka_unit_test(extends_reads_the_other_file_first),
		cmocka_unit_test(extends_that_fails_is_refused_where_it_stands),
		cmocka_unit_test(a_path_is_relative_to_who_says_it),
		cmocka_unit_test(the_listing_has_every_value_and_loads_to_itself),
		cmocka_unit_test(messages_of_models_name_file_group_and_key),
		cmocka_unit_test(the_reference_lists_every_key_once),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
