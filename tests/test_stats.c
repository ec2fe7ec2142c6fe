/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_stats.c - means and intervals over repeats, against plain floating point; and means and
 * pairs of a small study worked out by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "sim/rng.h"
#include "sim/stats.h"
#include "sim/summary.h"
#include "toy.h"

/* ---- numbers ---- */

/*
 * In double, not long double: the reference is then the same wherever this runs. valgrind computes
 * long double in 64 bits, where the compiler's conversion from negative integers, which counts on
 * all 80, loses the low ones.
 */
static double root(double x)
{
	double r = x > 1 ? x : 1;

	for (int i = 0; i < 400; i++)
		r = (r + x / r) / 2;
	return r;
}

/* The textbook's way, in two passes; good to about n^1.5 in 2^53, 2e-11 for the most here. */
static double plain_half(const __int128 *v, size_t n)
{
	double sum = 0, squares = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)(v[i] - v[0]); /* or it would lose what differs */
	for (size_t i = 0; i < n; i++) {
		double d = (double)(v[i] - v[0]) - sum / (double)n;

		squares += d * d;
	}
	return squares == 0 ? 0
			    : (double)stats_t975(n - 1) / 1e6 *
				      root(squares / (double)(n - 1) / (double)n);
}

static void students_t_is_that_of_the_tables(void **state)
{
	/* Law, Simulation Modeling and Analysis, table T.1, column 0.975; and the normal limit. */
	static const struct {
		size_t freedom;
		uint64_t t;
	} rows[] = {{1, 12706205}, {2, 4302653},   {4, 2776445},    {9, 2262157},
		    {19, 2093024}, {29, 2045230},  {30, 2042272},   {40, 2021075},
		    {60, 2000298}, {100, 1983972}, {1000, 1962339}, {9998, 1960201}};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		assert_in_range(stats_t975(rows[i].freedom), rows[i].t - 4, rows[i].t + 4);
	for (size_t v = 1; v < 2000; v++)
		assert_true(stats_t975(v + 1) <= stats_t975(v));
}

static void an_interval_by_hand(void **state)
{
	/* 1, 2, 3, 4, 5: mean 3, s = sqrt(2.5), half = 2.776445 * sqrt(2.5 / 5). */
	const __int128 v[] = {1000, 2000, 3000, 4000, 5000};
	struct stats s = stats_of(v, 5);

	(void)state;
	assert_int_equal((int)stats_mean(&s), 3000);
	assert_int_equal((int)s.half, 1964);
	assert_int_equal((int)s.min, 1000);
	assert_int_equal((int)s.max, 5000);
}

static void means_round_but_never_onto_a_whole_number(void **state)
{
	const __int128 thirds[] = {1000, 1000, 0}, signs[] = {-1000, -1000, 0};
	__int128 rare[4000] = {1000}, most[4000];
	struct stats a = stats_of(thirds, 3), b = stats_of(signs, 3), c = stats_of(rare, 4000);

	(void)state;
	for (size_t i = 0; i < 4000; i++)
		most[i] = i ? 1000 : 0;
	struct stats d = stats_of(most, 4000);
	assert_int_equal((int)stats_mean(&a), 667);
	assert_int_equal((int)stats_mean(&b), -667);
	assert_int_equal((int)stats_mean(&c), 1);
	assert_int_equal((int)stats_mean(&d), 999);
}

static void a_half_width_is_zero_only_if_all_are_equal(void **state)
{
	const __int128 same[] = {7001, 7001, 7001}, near[] = {7001, 7001, 7002};
	__int128 rare[9999] = {1};
	struct stats a = stats_of(same, 3), b = stats_of(near, 3), c = stats_of(rare, 9999);

	(void)state;
	assert_int_equal((int)a.half, 0);
	assert_true(b.half > 0);
	assert_int_equal((int)c.half, 1);
	assert_int_equal((int)stats_of(same, 1).half, 0);
}

static void intervals_agree_with_floating_point_at_every_size(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 20, "test_stats");
	for (unsigned i = 0; i < 4000; i++) {
		size_t n = rng_range(&r, 2, i % 50 ? 12 : 3000);
		unsigned bits = (unsigned)rng_range(&r, 1, 90);
		__int128 base = (__int128)rng_below(&r, 1000000) << rng_below(&r, 60);
		g_autofree __int128 *v = g_new(__int128, n);

		for (size_t k = 0; k < n; k++) {
			unsigned __int128 x = (unsigned __int128)rng_u64(&r) << 64 | rng_u64(&r);

			v[k] = (i % 3 ? base : 0) +
			       (__int128)(x >> (128 - bits)) * (rng_below(&r, 2) ? 1 : -1);
		}
		double want = plain_half(v, n);
		struct stats s = stats_of(v, n);
		double off = (double)s.half - want;

		/* Rounded up by less than 1, and 2^-40 of it: the reference's own noise on top. */
		if (off < -(want * 1e-9 + .01) || off > want * 1e-9 + 1.01)
			fail_msg("run %u: n %zu, %.6f, want %.6f", i, n, (double)s.half, want);
	}
}

/* ---- a study ---- */

static struct scenario *study(void)
{
	g_autofree char *path =
		toy_write(folder, "a.ini",
			  "[nic eth0]\n[guest vm1]\nnic = eth0\n[traffic t]\n"
			  "to = vm1\n[sweep]\nguest.policy & nic.ring = copy & 256, "
			  "zero-copy & 64, zero-copy & 128\nt.packets = 10, 20\n",
			  -1);
	g_autoptr(GError) error = NULL;
	struct scenario *sc = scenario_load(path, toy_groups, NULL, &error);

	if (!sc)
		fail_msg("%s", error->message);
	return sc;
}

struct runs {
	struct record_names *names;
	struct summary_run row[12];
	const char *values[6][4];
	struct record *records[12];
};

/* Two repeats of each point; delivered is 100 * point + 7 * repeat, a drop at some. */
static void fill(struct runs *runs, const struct scenario *sc, const struct sweep *sw)
{
	runs->names = record_names_new(&toy_metrics, sc);
	for (unsigned i = 0; i < 12; i++) {
		unsigned point = i / 2 + 1, repeat = i % 2 + 1;
		g_autoptr(result_auto) r = result_new();

		result_u64(r, "vm1", "rx", "delivered", 100 * point + 7 * repeat);
		if (point == 3 && repeat == 2)
			result_u64(r, "vm1", "rx", "drops.ring_full", 4);
		if (point != 1 || repeat == 1)
			result_u64(r, "vm1", "rx", "latency_ns.p99", 1000 + point);
		else
			result_null(r, "vm1", "rx", "latency_ns.p99");
		runs->records[i] = record_of(runs->names, r);
		for (size_t k = 0; k < sweep_keys(sw); k++)
			runs->values[point - 1][k] = sweep_value(sw, point - 1, k);
		runs->row[i] = (struct summary_run){point, repeat, repeat, runs->values[point - 1],
						    runs->records[i]};
	}
}

static void clear(struct runs *runs)
{
	for (unsigned i = 0; i < 12; i++)
		record_free(runs->records[i]);
	record_names_free(runs->names);
}

static const struct stats *stats_at(const struct summary *sum, size_t point, const char *metric)
{
	const struct summary_point *p = &sum->points[point];

	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->metrics[i].name->full, metric) == 0)
			return &p->metrics[i].stats;
	fail_msg("point %zu has no %s", point, metric);
	return NULL;
}

static void means_are_over_the_repeats_that_measured(void **state)
{
	g_autoptr(scenario_auto) sc = study();
	g_autoptr(sweep_auto) sw = sweep_new(sc, NULL);
	struct runs runs;

	(void)state;
	fill(&runs, sc, sw);
	g_autoptr(summary_auto) sum = summary_means(runs.row, 12);
	assert_int_equal(sum->n, 6);
	const struct stats *s = stats_at(sum, 1, "vm1.rx.delivered");
	assert_int_equal(s->n, 2);
	assert_int_equal((int)stats_mean(s), 210500);
	/* d = 3.5 on both sides: t * 3.5 */
	assert_in_range((int)s->half, 44471, 44473);
	/* null is no value; absent counts as 0 where the table says so. */
	assert_int_equal(stats_at(sum, 0, "vm1.rx.latency_ns.p99")->n, 1);
	s = stats_at(sum, 2, "vm1.rx.drops.ring_full");
	assert_int_equal(s->n, 2);
	assert_int_equal((int)stats_mean(s), 2000);
	clear(&runs);
}

static void differences_are_taken_repeat_by_repeat(void **state)
{
	g_autoptr(scenario_auto) sc = study();
	g_autoptr(sweep_auto) sw = sweep_new(sc, NULL);
	g_autoptr(GError) error = NULL;
	struct runs runs;

	(void)state;
	fill(&runs, sc, sw);
	/* Points 1, 2 are copy; 3, 4 and 5, 6 zero-copy, with t.packets 10 and 20. */
	g_autoptr(summary_auto) sum =
		summary_paired(sw, sc, "guest.policy=copy", runs.row, 12, &error);
	if (!sum)
		fail_msg("%s", error->message);
	assert_int_equal(sum->n, 4);
	assert_int_equal(sum->points[1].point, 4);
	assert_int_equal(sum->points[1].base, 2);
	assert_int_equal(sum->points[2].point, 5);
	assert_int_equal(sum->points[2].base, 1);
	const struct stats *s = stats_at(sum, 2, "vm1.rx.delivered");
	assert_int_equal(s->n, 2);
	assert_int_equal((int)stats_mean(s), 400000);
	/* The seed's share is the same on both sides, and gone. */
	assert_int_equal((int)s->half, 0);
	assert_int_equal(stats_at(sum, 2, "vm1.rx.latency_ns.p99")->n, 1);
	assert_int_equal((int)stats_mean(stats_at(sum, 0, "vm1.rx.drops.ring_full")), 2000);
	clear(&runs);
}

static void a_base_must_be_one_point(void **state)
{
	static const struct {
		const char *paired, *says;
	} wrong[] = {
		{"guest.policy", "write KEY=BASE"},
		{"host.cores=1", "not swept"},
		{"guest.policy=single-copy", "no point of the sweep has this value"},
		{"guest.policy=zerocopy", "did you mean \"zero-copy\"?"},
		{"guest.policy=zero-copy", "several points fit"},
	};
	g_autoptr(scenario_auto) sc = study();
	g_autoptr(sweep_auto) sw = sweep_new(sc, NULL);
	struct runs runs;

	(void)state;
	fill(&runs, sc, sw);
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(summary_paired(sw, sc, wrong[i].paired, runs.row, 12, &error));
		if (!strstr(error->message, wrong[i].says))
			fail_msg("%s", error->message);
		assert_int_equal(error->code, SIM_EXIT_USAGE);
	}
	clear(&runs);
}

static void a_record_read_back_is_the_record(void **state)
{
	g_autoptr(scenario_auto) sc = study();
	g_autoptr(result_auto) r = result_new();
	g_autofree char *path = g_build_filename(folder, "r.json", NULL);
	g_autoptr(GError) error = NULL;
	struct record_names *names = record_names_new(&toy_metrics, sc);

	(void)state;
	result_u64(r, "vm1", "rx", "packets", UINT64_C(12345678901234567));
	result_ratio(r, "guests", "tx", "copies_per_packet", 1, 3);
	result_ratio(r, "vm1", "rx", "latency_ns.mean", UINT64_C(1234567890123456789), 1000);
	result_ps(r, "vm1", "rx", "latency_ns.p99", 999);
	result_ratio(r, "host.core0", NULL, "busy_ratio", 999999, 1000000);
	result_str(r, "vm1", "rx", "digest", "0123");
	result_null(r, "vm1", "tx", "latency_ns.p99");
	result_absent(r, "vm1", "tx", "throughput_bps", "not here");
	result_describe(r, "toy", "1.0", sc);
	assert_true(result_write(r, path, NULL));
	struct record *made = record_of(names, r);
	record_names_free(names);
	/* Names learnt from the file alone. */
	struct record_names *fresh = record_names_new(&toy_metrics, sc);
	struct record *read = record_read(fresh, path, NULL, &error);
	if (!read)
		fail_msg("%s", error->message);
	assert_int_equal(read->n, 7);
	static const char *const want[][3] = {
		{"vm1", "rx", "packets"},           {"guests", "tx", "copies_per_packet"},
		{"vm1", "rx", "latency_ns.mean"},   {"vm1", "rx", "latency_ns.p99"},
		{"host.core0", NULL, "busy_ratio"}, {"vm1", "rx", "digest"},
		{"vm1", "tx", "latency_ns.p99"}};
	for (size_t i = 0; i < read->n; i++) {
		const struct record_value *a = &made->values[i], *b = &read->values[i];

		assert_string_equal(b->name->object, want[i][0]);
		assert_int_equal(g_strcmp0(b->name->dir, want[i][1]), 0);
		assert_string_equal(b->name->name, want[i][2]);
		assert_int_equal(record_is_number(a), record_is_number(b));
		if (record_is_number(a))
			assert_true(a->milli == b->milli);
	}
	record_free(made);
	record_free(read);
	record_names_free(fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(students_t_is_that_of_the_tables),
		cmocka_unit_test(an_interval_by_hand),
		cmocka_unit_test(means_round_but_never_onto_a_whole_number),
		cmocka_unit_test(a_half_width_is_zero_only_if_all_are_equal),
		cmocka_unit_test(intervals_agree_with_floating_point_at_every_size),
		cmocka_unit_test(means_are_over_the_repeats_that_measured),
		cmocka_unit_test(differences_are_taken_repeat_by_repeat),
		cmocka_unit_test(a_base_must_be_one_point),
		cmocka_unit_test(a_record_read_back_is_the_record),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
