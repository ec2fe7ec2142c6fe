/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_expect.c - [expect]: wants, their judgement, conditions, and names of metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "sim/expect.h"
#include "toy.h"

#define WORLD "[host]\ncores = 2\n[nic eth0]\n[guest vm1..vm2]\nnic = eth0\n"

static struct scenario *load(const char *text)
{
	g_autofree char *path = toy_write(folder, "a.ini", text, -1);
	g_autoptr(GError) error = NULL;
	struct scenario *sc = scenario_load(path, toy_groups, NULL, &error);

	if (!sc)
		fail_msg("%s", error->message);
	return sc;
}

/* A result with one of each. */
static struct result *sample(void)
{
	struct result *r = result_new();

	result_u64(r, "vm1", "rx", "packets", 1000);
	result_u64(r, "vm2", "rx", "packets", 2000);
	result_u64(r, "vm1", "rx", "drops", 0);
	result_u64(r, "vm2", "rx", "drops", 7);
	result_ratio(r, "vm1", "rx", "copies_per_packet", 1000001, 1000000);
	result_ratio(r, "vm2", "rx", "copies_per_packet", 1, 3);
	result_ps(r, "vm1", "rx", "latency_ns.p99", 12345678);
	result_null(r, "vm2", "rx", "latency_ns.p99");
	result_u64(r, "vm1", "rx", "copy_bytes", 2048);
	result_u64(r, "vm1", "rx", "throughput_bps", 5000000000);
	result_str(r, "vm1", "rx", "digest", "00ff");
	result_absent(r, "vm1", "tx", "copy_bytes", "never sends");
	result_ratio(r, "host.core0", NULL, "busy_ratio", 1, 4);
	result_ratio(r, "host.core1", NULL, "busy_ratio", 3, 4);
	return r;
}

static void append(void *arg, const struct expect_verdict *v)
{
	g_string_append_printf(arg, "%s %s %s %s\n", expect_word(v->outcome), v->metric, v->want,
			       v->got);
}

/* The verdicts of these [expect] lines about the sample. */
static char *judge(const char *lines)
{
	g_autofree char *text = g_strconcat(WORLD "[expect]\n", lines, NULL);
	g_autoptr(scenario_auto) sc = load(text);
	g_autoptr(result_auto) r = sample();
	g_autoptr(GError) error = NULL;
	g_autoptr(expect_auto) ex = expect_new(sc, &toy_metrics, &error);
	GString *out = g_string_new(NULL);

	if (!ex)
		fail_msg("%s: %s", lines, error->message);
	expect_judge(ex, sc, r, append, out);
	expect_finish(ex, append, out);
	return g_string_free(out, FALSE);
}

static void verdict_is(const char *line, const char *word)
{
	g_autofree char *text = judge(line);

	if (strncmp(text, word, 4) != 0)
		fail_msg("%s: %s", line, text);
}

static void refuse(const char *lines, const char *where, const char *fragment)
{
	g_autofree char *text = g_strconcat(WORLD, lines, NULL);
	g_autoptr(scenario_auto) sc = load(text);
	g_autoptr(GError) error = NULL;
	g_autoptr(expect_auto) ex = expect_new(sc, &toy_metrics, &error);

	if (ex)
		fail_msg("taken: %s", lines);
	assert_int_equal(error->code, SIM_EXIT_USAGE);
	if (!strstr(error->message, where) || !strstr(error->message, fragment))
		fail_msg("\"%s\" lacks \"%s\" or \"%s\"", error->message, where, fragment);
}

static void each_operator_holds_up_to_its_edge(void **state)
{
	static const struct {
		const char *want, *word;
	} rows[] = {
		{"1000", "PASS"},       {"= 1000", "PASS"},    {"== 1000", "PASS"},
		{"1e3", "PASS"},        {"999", "FAIL"},       {"!= 999", "PASS"},
		{"!= 1000", "FAIL"},    {"< 1001", "PASS"},    {"< 1000", "FAIL"},
		{"<= 1000", "PASS"},    {"<= 999", "FAIL"},    {"> 999", "PASS"},
		{"> 1000", "FAIL"},     {">= 1000", "PASS"},   {">= 1001", "FAIL"},
		{"1000..1001", "PASS"}, {"999..1000", "PASS"}, {"1001..2000", "FAIL"},
		{"0 .. 999", "FAIL"},   {"1050 ~ 5%", "PASS"}, {"1053 ~ 5%", "FAIL"},
		{"953 ~ 5%", "PASS"},   {"952 ~ 5%", "FAIL"},  {"1000 ~ 0%", "PASS"},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *line = g_strdup_printf("vm1.rx.packets = %s\n", rows[i].want);
		verdict_is(line, rows[i].word);
	}
}

static void units_are_those_of_the_metric(void **state)
{
	(void)state;
	verdict_is("vm1.rx.latency_ns.p99 = < 20us\n", "PASS");
	verdict_is("vm1.rx.latency_ns.p99 = < 12us\n", "FAIL");
	verdict_is("vm1.rx.latency_ns.p99 = 12345.678\n", "PASS");
	verdict_is("vm1.rx.latency_ns.p99 = 12345678ps\n", "PASS");
	verdict_is("vm1.rx.latency_ns.p99 = 12.3us ~ 1%\n", "PASS");
	verdict_is("vm1.rx.copy_bytes = 2KiB\n", "PASS");
	verdict_is("vm1.rx.throughput_bps = 4Gbit/s..5Gbit/s\n", "PASS");
	verdict_is("host.core0.busy_ratio = 25%\n", "PASS");
	verdict_is("host.core0.busy_ratio = < 0.25\n", "FAIL");
}

static void ratios_compare_exactly_and_as_printed(void **state)
{
	(void)state;
	verdict_is("vm2.rx.copies_per_packet = 0.333\n", "PASS");
	verdict_is("vm2.rx.copies_per_packet = != 0.333\n", "FAIL");
	verdict_is("vm2.rx.copies_per_packet = > 0.333\n", "PASS");
	verdict_is("vm2.rx.copies_per_packet = 0.334\n", "FAIL");
	/* One copy too many in a million is seen. */
	verdict_is("vm1.rx.copies_per_packet = 1\n", "FAIL");
	verdict_is("vm1.rx.copies_per_packet = <= 1\n", "FAIL");
	verdict_is("vm1.rx.copies_per_packet = 1.001\n", "PASS");
}

static void texts_compare_as_texts(void **state)
{
	(void)state;
	verdict_is("vm1.rx.digest = 00ff\n", "PASS");
	verdict_is("vm1.rx.digest = 00fe\n", "FAIL");
	verdict_is("vm1.rx.digest = != 00fe\n", "PASS");
	refuse("[expect]\nvm1.rx.digest = < 5\n", "a.ini:7", "only = and !=");
}

static void patterns_judge_every_match_and_need_one(void **state)
{
	g_autofree char *drops = judge("vm*.rx.drops = 0\n");
	g_autofree char *cores = judge("host.core*.busy_ratio = < 50%\n");
	g_autofree char *none = judge("*.local.packets = 0\n");

	(void)state;
	assert_string_equal(drops, "PASS vm1.rx.drops 0 0\nFAIL vm2.rx.drops 0 7\n");
	assert_string_equal(cores, "PASS host.core0.busy_ratio <50% 0.25\n"
				   "FAIL host.core1.busy_ratio <50% 0.75\n");
	assert_string_equal(none, "FAIL *.local.packets 0 -\n");
}

static void null_fails_and_what_the_run_lacks_is_skipped(void **state)
{
	(void)state;
	verdict_is("vm2.rx.latency_ns.p99 = < 20us\n", "FAIL");
	verdict_is("vm2.rx.latency_ns.p99 = 0\n", "FAIL");
	verdict_is("vm1.tx.copy_bytes = 0\n", "SKIP");
	verdict_is("vm1.local.packets = 0\n", "SKIP");
	/* Counters by reason are 0 when nothing touched them. */
	verdict_is("vm1.rx.drops.too_small = 0\n", "PASS");
	verdict_is("vm1.rx.drops.too_small = 1\n", "FAIL");
	verdict_is("vm*.rx.drops.* = 0\n", "PASS");
}

static void unknown_metrics_are_refused_with_the_nearest_name(void **state)
{
	(void)state;
	refuse("[expect]\nvm1.rx.drop = 0\n", "a.ini:7: [expect] vm1.rx.drop",
	       "did you mean \"drops\"?");
	refuse("[expect]\nvm1.rx.drops.to_small = 0\n", "a.ini:7",
	       "did you mean \"drops.too_small\"?");
	refuse("[expect]\nvm1.drops = 0\n", "a.ini:7", "rx, tx or local");
	refuse("[expect]\nvm3.rx.drops = 0\n", "a.ini:7", "did you mean \"vm1\"?");
	refuse("[expect]\nxx*.rx.drops = 0\n", "a.ini:7", "nothing measured is called");
	refuse("[expect]\nguests.rx.copy_bytes = 0\n", "a.ini:7", "no metric \"copy_bytes\" here");
	refuse("[expect]\nhost.core0.rx.busy_ratio = 0\n", "a.ini:7",
	       "did you mean \"busy_ratio\"?");
	refuse("[expect]\nvm1 = 0\n", "a.ini:7", "rx, tx or local");
}

static void wrong_wants_are_refused(void **state)
{
	(void)state;
	refuse("[expect]\nvm1.rx.drops = none\n", "a.ini:7", "no number");
	refuse("[expect]\nvm1.rx.drops = <\n", "a.ini:7", "no value");
	refuse("[expect]\nvm1.rx.drops = -1\n", "a.ini:7", "negative");
	refuse("[expect]\nvm1.rx.drops = 5us\n", "a.ini:7", "in packets");
	refuse("[expect]\nvm1.rx.latency_ns.p99 = 5KiB\n", "a.ini:7", "a unit of time");
	refuse("[expect]\nvm1.rx.drops = 5..1\n", "a.ini:7", "upwards");
	refuse("[expect]\nvm1.rx.drops = < 1..5\n", "a.ini:7", "either a comparison");
	refuse("[expect]\nvm1.rx.drops = 5 ~ 5\n", "a.ini:7", "write 5%");
	refuse("[expect]\nvm1.rx.drops = 5 ~ 500%\n", "a.ini:7", "at most 100%");
	refuse("[expect guest.polcy=copy]\nvm1.rx.drops = 0\n", "a.ini:7",
	       "did you mean \"policy\"?");
	refuse("[expect guest.policy=copi]\nvm1.rx.drops = 0\n", "a.ini:7",
	       "did you mean \"copy\"?");
	refuse("[expect guest.policy]\nvm1.rx.drops = 0\n", "a.ini:7", "GROUP.KEY=VALUE");
}

static void conditions_choose_the_points(void **state)
{
	g_autoptr(scenario_auto) sc =
		load(WORLD "[expect guest.policy=copy]\nvm1.rx.packets = 1\n"
			   "[expect guest.memory = 1024KiB vm1.policy = copy]\nvm2.rx.packets = 2\n"
			   "[expect nic.ring=9]\nvm2.rx.drops = 3\n");
	static const char *const sets[] = {"guest.memory=1MiB", NULL};
	static const char *const other[] = {"vm2.policy=zero-copy", NULL};
	g_autoptr(scenario_auto) small = scenario_clone_with(sc, sets, NULL);
	g_autoptr(scenario_auto) zero = scenario_clone_with(sc, other, NULL);
	g_autoptr(expect_auto) ex = expect_new(sc, &toy_metrics, NULL);
	g_autoptr(result_auto) r = sample();
	g_autoptr(GString) a = g_string_new(NULL), b = g_string_new(NULL), c = g_string_new(NULL),
			   end = g_string_new(NULL);

	(void)state;
	expect_judge(ex, sc, r, append, a);
	expect_judge(ex, small, r, append, b);
	expect_judge(ex, zero, r, append, c);
	expect_finish(ex, append, end);
	assert_string_equal(a->str, "FAIL vm1.rx.packets 1 1000\n");
	assert_string_equal(b->str, "FAIL vm1.rx.packets 1 1000\nFAIL vm2.rx.packets 2 2000\n");
	assert_string_equal(c->str, "");
	assert_string_equal(end->str, "SKIP vm2.rx.drops 3 -\n");
}

static void star_stays_between_dots(void **state)
{
	(void)state;
	assert_true(metric_glob("vm*.rx.drops", "vm12.rx.drops"));
	assert_true(metric_glob("*", "vm1"));
	assert_true(metric_glob("vm*", "vm"));
	assert_true(metric_glob("*.*.drops", "vm1.rx.drops"));
	assert_false(metric_glob("vm*", "vm1.rx"));
	assert_false(metric_glob("vm*.drops", "vm1.rx.drops"));
	assert_false(metric_glob("vm1", "vm12"));
	assert_false(metric_glob("vm12", "vm1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_operator_holds_up_to_its_edge),
		cmocka_unit_test(units_are_those_of_the_metric),
		cmocka_unit_test(ratios_compare_exactly_and_as_printed),
		cmocka_unit_test(texts_compare_as_texts),
		cmocka_unit_test(patterns_judge_every_match_and_need_one),
		cmocka_unit_test(null_fails_and_what_the_run_lacks_is_skipped),
		cmocka_unit_test(unknown_metrics_are_refused_with_the_nearest_name),
		cmocka_unit_test(wrong_wants_are_refused),
		cmocka_unit_test(conditions_choose_the_points),
		cmocka_unit_test(star_stays_between_dots),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
