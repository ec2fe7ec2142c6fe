/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_result.c - exact values into JSON, CSV and the table for people; files written whole or not.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>
#include "sim/csv.h"
#include "sim/outfile.h"
#include "sim/progress.h"
#include "toy.h"

static struct scenario *load(const char *text)
{
	g_autofree char *path = toy_write(folder, "a.ini", text, -1);
	g_autoptr(GError) error = NULL;
	struct scenario *sc = scenario_load(path, toy_groups, NULL, &error);

	if (!sc)
		fail_msg("%s", error->message);
	return sc;
}

/* The one value of a result as it prints. */
static char *printed(const struct result *r)
{
	GString *out = g_string_new(NULL);

	result_format(result_at(r, result_count(r) - 1), out);
	return g_string_free(out, FALSE);
}

static void ratio_prints(uint64_t num, uint64_t den, const char *text)
{
	g_autoptr(result_auto) r = result_new();

	result_ratio(r, "vm1", "rx", "x", num, den);
	g_autofree char *got = printed(r);
	assert_string_equal(got, text);
}

static void ratios_have_three_decimals_and_never_round_onto_a_whole_number(void **state)
{
	(void)state;
	ratio_prints(1, 3, "0.333");
	ratio_prints(2, 3, "0.667");
	ratio_prints(1, 2, "0.5");
	ratio_prints(4, 2, "2");
	ratio_prints(0, 5, "0");
	ratio_prints(0, 0, "null");
	ratio_prints(5, 0, "null");
	ratio_prints(1, 1000000, "0.001");
	ratio_prints(1000001, 1000000, "1.001");
	ratio_prints(1999999, 1000000, "1.999");
	ratio_prints(UINT64_MAX, 1, "18446744073709551615");
	ratio_prints(1, UINT64_MAX, "0.001");
}

static void times_print_in_ns_exactly(void **state)
{
	static const struct {
		sim_time ps;
		const char *text;
	} rows[] = {{6720, "6.72"},
		    {1, "0.001"},
		    {0, "0"},
		    {1000, "1"},
		    {123456789, "123456.789"},
		    {999999999999999, "999999999999.999"},
		    {1000000000000001, "1000000000000"},
		    {SIM_MAX, "17280000000000000"}};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(result_auto) r = result_new();

		result_ps(r, "vm1", "rx", "latency_ns.max", rows[i].ps);
		g_autofree char *got = printed(r);
		assert_string_equal(got, rows[i].text);
	}
}

static void means_take_sums_beyond_64_bits(void **state)
{
	g_autoptr(result_auto) r = result_new();

	(void)state;
	result_mean_ps(r, "vm1", "rx", "m", (unsigned __int128)SIM_MAX * 1000000000, 1000000000);
	g_autofree char *large = printed(r);
	assert_string_equal(large, "17280000000000000");
	result_mean_ps(r, "vm1", "rx", "m", 10000, 3);
	g_autofree char *third = printed(r);
	assert_string_equal(third, "3.333");
	result_mean_ps(r, "vm1", "rx", "m", 0, 0);
	g_autofree char *none = printed(r);
	assert_string_equal(none, "null");
	assert_int_equal(result_count(r), 1);
}

static void rates_are_whole_numbers(void **state)
{
	g_autoptr(result_auto) r = result_new();

	(void)state;
	result_per_second(r, "vm1", "rx", "b", 12000, SIM_US);
	g_autofree char *bps = printed(r);
	assert_string_equal(bps, "12000000000");
	result_per_second(r, "vm1", "rx", "c", 2, 3 * SIM_S);
	g_autofree char *round = printed(r);
	assert_string_equal(round, "1");
	result_per_second(r, "vm1", "rx", "d", 2, 0);
	g_autofree char *none = printed(r);
	assert_string_equal(none, "null");
	result_per_second(r, "vm1", "rx", "e", UINT64_MAX / 2, SIM_MAX);
	g_autofree char *large = printed(r);
	assert_string_equal(large, "533759955837");
}

static struct result *sample(const struct scenario *sc)
{
	static const struct result_bin bins[] = {{1000, 1500, 2}, {2000, 2000, 40}};
	struct result *r = result_new();

	result_u64(r, "vm1", "rx", "packets", 42);
	result_ratio(r, "vm1", "rx", "copies_per_packet", 1, 3);
	result_null(r, "vm1", "rx", "latency_ns.p99");
	result_str(r, "vm1", "rx", "digest", "00\"ff");
	result_absent(r, "vm1", "tx", "copy_bytes", "never");
	result_ratio(r, "host.core0", NULL, "busy_ratio", 1, 2);
	result_u64(r, "vm1", "rx", "packets", 43);
	result_hist(r, "vm1", "rx", "latency_ns", "ns", bins, 2, 1000);
	result_input(r, "web.pcap", "abcd", 43);
	result_machine_u64(r, "events", 99);
	result_machine_real(r, "wall_seconds", 0.12345);
	result_expect(r, "vm1.rx.packets", "43", "43", "PASS");
	result_describe(r, "toy", "1.0", sc);
	return r;
}

static void the_json_is_what_it_says(void **state)
{
	g_autoptr(scenario_auto) sc = load("[scenario]\nseed = 12\n[guest vm1]\n");
	g_autoptr(result_auto) r = sample(sc);
	g_autofree char *text = result_json(r);
	json_t *j = json_loads(text, 0, NULL), *metrics = json_object_get(j, "metrics");

	(void)state;
	assert_non_null(j);
	assert_int_equal(json_integer_value(json_object_get(j, "schema")), 1);
	assert_string_equal(json_string_value(json_object_get(j, "scenario")), "a.ini");
	assert_int_equal(json_integer_value(json_object_get(j, "seed")), 12);
	assert_true(json_is_false(json_object_get(j, "partial")));
	assert_int_equal(json_object_size(metrics), 5);
	assert_int_equal(json_integer_value(json_object_get(metrics, "vm1.rx.packets")), 43);
	assert_true(json_is_null(json_object_get(metrics, "vm1.rx.latency_ns.p99")));
	assert_string_equal(json_string_value(json_object_get(metrics, "vm1.rx.digest")), "00\"ff");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(j, "config"), "vm1.memory")),
		"64MiB");
	json_decref(j);
	assert_non_null(strstr(text, "\"vm1.rx.copies_per_packet\": 0.333,\n"));
	assert_non_null(strstr(text, "\"host.core0.busy_ratio\": 0.5\n"));
	assert_non_null(
		strstr(text, "      \"bins\": [\n        [1, 1.5, 2],\n        [2, 2, 40]\n"));
	assert_non_null(strstr(text, "\"wall_seconds\": 0.123\n"));
	assert_true(g_str_has_suffix(text, "}\n}\n"));
	assert_true(strstr(text, "\"metrics\"") < strstr(text, "\"machine\""));
}

static void a_partial_result_says_so(void **state)
{
	g_autoptr(scenario_auto) sc = load("[guest vm1]\n");
	g_autoptr(result_auto) r = sample(sc);

	(void)state;
	result_set_partial(r);
	g_autofree char *text = result_json(r);
	assert_non_null(strstr(text, "\"partial\": true"));
}

static void names_keep_their_order_and_are_found(void **state)
{
	g_autoptr(scenario_auto) sc = load("[guest vm1]\n");
	g_autoptr(result_auto) r = sample(sc);

	(void)state;
	assert_string_equal(result_at(r, 0)->full, "vm1.rx.packets");
	assert_string_equal(result_at(r, 5)->full, "host.core0.busy_ratio");
	assert_ptr_equal(result_find(r, "vm1.rx.packets"), result_at(r, 0));
	assert_null(result_find(r, "vm1.rx.nothing"));
	assert_true(result_has_object(r, "host.core0"));
	assert_false(result_has_object(r, "vm2"));
}

/* ---- files ---- */

static size_t files_in_folder(void)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	size_t n = 0;

	while (g_dir_read_name(dir))
		n++;
	return n;
}

static void a_file_appears_whole_and_replaces_the_old_one(void **state)
{
	g_autofree char *path = toy_write(folder, "r.json", "old", -1), *got = NULL;
	size_t before = files_in_folder();

	(void)state;
	assert_true(outfile_write(path, "new text\n", 9, NULL));
	assert_true(g_file_get_contents(path, &got, NULL, NULL));
	assert_string_equal(got, "new text\n");
	assert_int_equal(files_in_folder(), before);
}

static void a_write_that_fails_leaves_the_old_file_and_nothing_else(void **state)
{
	g_autofree char *path = toy_write(folder, "r.json", "old", -1), *got = NULL;
	g_autofree char *large = g_strnfill(100000, 'x');
	size_t before = files_in_folder();
	struct rlimit old, small;
	g_autoptr(GError) error = NULL;

	(void)state;
	/* A limit on the file's size stands for a full disk. */
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 5000;
	setrlimit(RLIMIT_FSIZE, &small);
	bool ok = outfile_write(path, large, strlen(large), &error);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_false(ok);
	assert_int_equal(error->code, SIM_EXIT_OUTPUT);
	assert_non_null(strstr(error->message, path));
	assert_true(g_file_get_contents(path, &got, NULL, NULL));
	assert_string_equal(got, "old");
	assert_int_equal(files_in_folder(), before);
}

static void full_and_unwritable_places_are_output_errors(void **state)
{
	g_autofree char *nowhere = g_build_filename(folder, "none", "r.json", NULL);
	g_autoptr(GError) full = NULL, missing = NULL, early = NULL, is_folder = NULL, under = NULL;
	g_autofree char *file = toy_write(folder, "plain", "", -1);
	g_autofree char *below = g_build_filename(file, "out", NULL);

	(void)state;
	assert_false(outfile_write("/dev/full", "x", 1, &full));
	assert_int_equal(full->code, SIM_EXIT_OUTPUT);
	assert_non_null(strstr(full->message, "No space left"));
	assert_true(outfile_write("/dev/null", "x", 1, NULL));
	assert_false(outfile_write(nowhere, "x", 1, &missing));
	assert_int_equal(missing->code, SIM_EXIT_OUTPUT);
	assert_false(outfile_check(nowhere, &early));
	assert_false(outfile_check(folder, &is_folder));
	assert_non_null(strstr(is_folder->message, "directory"));
	assert_false(outfile_folder(below, &under));
	assert_int_equal(under->code, SIM_EXIT_OUTPUT);
}

/* ---- CSV ---- */

static void csv_has_a_number_a_line_and_a_run_a_line(void **state)
{
	g_autoptr(scenario_auto) sc = load("[nic eth0]\n[guest vm1]\n[traffic t]\n");
	g_autoptr(result_auto) a = sample(sc), b = sample(sc);
	static const char *const keys[] = {"vm1.policy", "guest.delay", "nic.link",
					   "t.size",     "host.clock",  "traffic.to"};
	static const char *const one[] = {"copy", "1.5ns", "1Gbit/s", "60B", "3GHz", "vm1, wire"};
	static const char *const two[] = {"zero-copy", "1us", "10Gbit/s", "1KiB", "1MHz", "vm1"};
	struct record_names *names = record_names_new(&toy_metrics, sc);
	g_autoptr(GString) tidy = g_string_new(NULL), wide = g_string_new(NULL);

	(void)state;
	result_u64(b, "vm2", "rx", "drops.ring_full", 5);
	struct record *first = record_of(names, a), *second = record_of(names, b);
	const struct summary_run rows[] = {{1, 1, 12, one, first}, {2, 1, 12, two, second}};
	const struct csv_study study = {sc, keys, 6, rows, 2};
	csv_tidy(&study, tidy);
	csv_wide(&study, wide);
	assert_string_equal(
		tidy->str,
		"point,repeat,seed,guest_vm1_policy,guest_delay_ns,nic_link_bps,"
		"traffic_t_size_bytes,host_clock_hz,traffic_to,object,direction,metric,value,unit\n"
		"1,1,12,copy,1.5,1000000000,60,3000000000,\"vm1, wire\",vm1,rx,packets,43,packets\n"
		"1,1,12,copy,1.5,1000000000,60,3000000000,\"vm1, "
		"wire\",vm1,rx,copies_per_packet,0.333,\n"
		"1,1,12,copy,1.5,1000000000,60,3000000000,\"vm1, "
		"wire\",host.core0,,busy_ratio,0.5,\n"
		"2,1,12,zero-copy,1000,10000000000,1024,1000000,vm1,vm1,rx,packets,43,packets\n"
		"2,1,12,zero-copy,1000,10000000000,1024,1000000,vm1,vm1,rx,copies_per_packet,0.333,"
		"\n"
		"2,1,12,zero-copy,1000,10000000000,1024,1000000,vm1,host.core0,,busy_ratio,0.5,\n"
		"2,1,12,zero-copy,1000,10000000000,1024,1000000,vm1,vm2,rx,drops.ring_full,5,"
		"packets\n");
	assert_non_null(strstr(wide->str, ",vm1.rx.packets,vm1.rx.copies_per_packet,"
					  "host.core0.busy_ratio,vm2.rx.drops.ring_full\n"));
	assert_non_null(strstr(wide->str, "\"vm1, wire\",43,0.333,0.5,\n"));
	assert_true(g_str_has_suffix(wide->str, ",vm1,43,0.333,0.5,5\n"));
	record_free(first);
	record_free(second);
	record_names_free(names);
}

static void a_column_with_a_word_in_it_holds_texts(void **state)
{
	g_autoptr(scenario_auto) sc = load("[traffic t]\n");
	g_autoptr(result_auto) r = sample(sc);
	static const char *const keys[] = {"t.size"}, *const one[] = {"60B"},
				 *const two[] = {"imix"};
	struct record_names *names = record_names_new(&toy_metrics, sc);
	struct record *rec = record_of(names, r);
	const struct summary_run rows[] = {{1, 1, 1, one, rec}, {2, 1, 1, two, rec}};
	const struct csv_study study = {sc, keys, 1, rows, 2};
	g_autoptr(GString) wide = g_string_new(NULL);

	(void)state;
	csv_wide(&study, wide);
	assert_true(g_str_has_prefix(wide->str, "point,repeat,seed,traffic_t_size,"));
	assert_non_null(strstr(wide->str, "\n1,1,1,60B,"));
	assert_non_null(strstr(wide->str, "\n2,1,1,imix,"));
	record_free(rec);
	record_names_free(names);
}

/* ---- report ---- */

static void value_shows(enum report_fmt fmt, uint64_t num, uint64_t den, const char *text)
{
	g_autoptr(result_auto) r = result_new();
	g_autoptr(GString) out = g_string_new(NULL);

	result_ratio(r, "vm1", "rx", "x", num, den);
	report_value(fmt, result_at(r, 0), out);
	assert_string_equal(out->str, text);
}

static void numbers_show_three_digits_that_count(void **state)
{
	(void)state;
	value_shows(REPORT_COUNT, 1234567, 1, "1,234,567");
	value_shows(REPORT_COUNT, 999, 1, "999");
	value_shows(REPORT_COUNT, 1000005, 1, "1,000,005");
	value_shows(REPORT_RATIO, 1, 3, "0.333");
	value_shows(REPORT_TIME_NS, 950, 1, "950ns");
	value_shows(REPORT_TIME_NS, 672, 100, "6.72ns");
	value_shows(REPORT_TIME_NS, 12345, 1, "12.3us");
	value_shows(REPORT_TIME_NS, 9996, 10, "1.00us");
	value_shows(REPORT_TIME_NS, 99960, 1, "100us");
	value_shows(REPORT_TIME_NS, 4200000, 1, "4.20ms");
	value_shows(REPORT_TIME_NS, 123456789012, 1, "123s");
	value_shows(REPORT_RATE, 9870000000, 1, "9.87Gbit/s");
	value_shows(REPORT_RATE, 10000, 1, "10.0kbit/s");
	value_shows(REPORT_PERCENT, 1, 3, "33.3%");
	value_shows(REPORT_PERCENT, 1, 1, "100.0%");
	value_shows(REPORT_SI, 1488095, 1, "1.49M");
	value_shows(REPORT_SI, 12, 1, "12");
	value_shows(REPORT_BYTES, 1536, 1, "1.50KiB");
	value_shows(REPORT_TIME_NS, 0, 1, "0ns");
	value_shows(REPORT_TIME_NS, 0, 0, "-");
}

static void the_report_is_aligned_and_leaves_out_what_says_nothing(void **state)
{
	g_autoptr(scenario_auto) sc = load("[guest vm1..vm2]\n[guest vm10]\n");
	g_autoptr(result_auto) r = result_new();
	g_autoptr(GString) out = g_string_new(NULL);

	(void)state;
	result_u64(r, "vm1", "rx", "packets", 12345);
	result_ratio(r, "vm1", "rx", "copies_per_packet", 2, 1);
	result_ps(r, "vm1", "rx", "latency_ns.p99", 12345678);
	result_u64(r, "vm1", "tx", "packets", 0);
	result_u64(r, "vm2", "rx", "packets", 0);
	result_u64(r, "vm2", "rx", "throughput_bps", 5);
	result_u64(r, "vm2", "rx", "drops.too_small", 1234);
	result_u64(r, "vm10", "rx", "packets", 7);
	result_u64(r, "vm10", "rx", "drops.ring_full", 5);
	result_u64(r, "vm10", "rx", "drops.too_small", 0);
	report_print(toy_report, sc, r, out);
	assert_string_equal(out->str, "packets\n"
				      "            packets  copies     p99  rate\n"
				      "  vm1   rx   12,345   2.000  12.3us     -\n"
				      "  vm10  rx        7       -       -     -\n"
				      "\n"
				      "drops\n"
				      "  vm2   rx  too_small 1,234\n"
				      "  vm10  rx  ring_full 5\n");
}

static void the_progress_line_fits_a_terminal(void **state)
{
	g_autoptr(GString) line = g_string_new(NULL), wide = g_string_new(NULL);

	(void)state;
	progress_line(line, "", 2, 25 * SIM_MS, 100 * SIM_MS, 3000000, 0, 0);
	assert_string_equal(line->str, "sim 25.000 ms  25%  1.50M packets/s  6 s left");
	g_string_truncate(line, 0);
	progress_line(line, "3/12", 2, 25 * SIM_MS, 100 * SIM_MS, 3000, 12000, 17);
	assert_string_equal(line->str,
			    "3/12  sim 25.000 ms  25%  2k packets/s  17 dropped  6 s left");
	progress_line(wide, "1/12 a.very.long.key=with-a-long-value another.long.key=with-a-value",
		      1, 1, 0, 0, 0, 0);
	assert_true(wide->len <= 79);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ratios_have_three_decimals_and_never_round_onto_a_whole_number),
		cmocka_unit_test(times_print_in_ns_exactly),
		cmocka_unit_test(means_take_sums_beyond_64_bits),
		cmocka_unit_test(rates_are_whole_numbers),
		cmocka_unit_test(the_json_is_what_it_says),
		cmocka_unit_test(a_partial_result_says_so),
		cmocka_unit_test(names_keep_their_order_and_are_found),
		cmocka_unit_test(a_file_appears_whole_and_replaces_the_old_one),
		cmocka_unit_test(a_write_that_fails_leaves_the_old_file_and_nothing_else),
		cmocka_unit_test(full_and_unwritable_places_are_output_errors),
		cmocka_unit_test(csv_has_a_number_a_line_and_a_run_a_line),
		cmocka_unit_test(a_column_with_a_word_in_it_holds_texts),
		cmocka_unit_test(numbers_show_three_digits_that_count),
		cmocka_unit_test(the_report_is_aligned_and_leaves_out_what_says_nothing),
		cmocka_unit_test(the_progress_line_fits_a_terminal),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
