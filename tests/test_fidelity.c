/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_fidelity.c - [fidelity ROW]: what is read, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "sim/study.h"
#include "toy.h"

#define WORLD                                                                                      \
	"[nic eth0]\n[guest vm1..vm2]\nnic = eth0\n[traffic t]\nto = vm1\n[sweep]\n"               \
	"guest.policy = copy, zero-copy\n"
#define ROW  "[fidelity a]\ntitle = t\nsource = s\nkind = exact\n"
#define RATE "metric = vm1.rx.throughput_bps\n"

/* Read as every verb reads a file. */
static struct study *load(const char *text, GError **error)
{
	g_autofree char *path = toy_write(folder, "a.ini", text, -1);

	return study_load(&toy_program, path, NULL, true, error);
}

static struct study *taken(const char *text)
{
	g_autoptr(GError) error = NULL;
	struct study *st = load(text, &error);

	if (!st)
		fail_msg("%s", error->message);
	return st;
}

static void refuse(const char *text, const char *fragment)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(study_auto) st = load(text, &error);

	if (st)
		fail_msg("taken: %s", text);
	assert_int_equal(error->code, SIM_EXIT_USAGE);
	if (!strstr(error->message, fragment))
		fail_msg("\"%s\" lacks \"%s\"", error->message, fragment);
}

static void a_row_says_point_metric_and_want(void **state)
{
	(void)state;
	g_autoptr(study_auto) st = taken(WORLD ROW RATE "at = guest.policy=copy & nic.ring=256\n"
							"want = 3Gbit/s ~ 5%\nnote = n\n"
							"calibrated = k on p\n");
	const struct fidelity_row *row = st->rows->pdata[0];

	assert_int_equal(st->rows->len, 1);
	assert_string_equal(row->name, "a");
	assert_int_equal(row->kind, FIDELITY_EXACT);
	assert_int_equal(row->as, FIDELITY_VALUE);
	assert_false(row->calibration);
	assert_string_equal(row->at[0], "guest.policy");
	assert_string_equal(row->at[3], "256");
	assert_null(row->at[4]);
	assert_null(row->base_at);
	assert_string_equal(row->unit, "bit/s");
	assert_true(want_real(row->want.centre) == 3e9);
	assert_int_equal(row->want.tolerance_ppm, 50000);
	assert_true(want_holds_real(&row->want, 3.15e9, 0));
	assert_false(want_holds_real(&row->want, 3.16e9, 0));
	assert_true(want_holds_real(&row->want, 3.16e9, 0.01e9));
}

static void a_comparison_has_percent_or_no_unit_and_may_be_negative(void **state)
{
	(void)state;
	g_autoptr(study_auto) st =
		taken(WORLD "[fidelity]\nkind = shape\nsource = s\ntitle = t\n" RATE
			    "base_at = guest.policy=copy\n[fidelity a]\nas = gain\n"
			    "want = -15 ~ 10%\n[fidelity b]\nas = ratio\nwant = > 1.5\n"
			    "[fidelity c]\nas = difference\nwant = -3Gbit/s..0\n"
			    "[fidelity d]\nas = loss\nwant = 65%\nrole = calibration\n");
	const struct fidelity_row *a = st->rows->pdata[0], *c = st->rows->pdata[2],
				  *d = st->rows->pdata[3];

	assert_int_equal(st->rows->len, 4);
	assert_true(want_holds_real(&a->want, -16.4, 0));
	assert_true(want_holds_real(&a->want, -13.6, 0));
	assert_false(want_holds_real(&a->want, -16.6, 0));
	assert_false(want_holds_real(&a->want, 15, 0));
	assert_true(want_holds_real(&c->want, -2e9, 0));
	assert_false(want_holds_real(&c->want, -4e9, 0));
	assert_false(want_holds_real(&c->want, 1, 0));
	assert_true(want_holds_real(&d->want, 65, 0));
	assert_true(d->calibration);
}

static void nonsense_is_refused_with_the_remedy(void **state)
{
	(void)state;
	refuse(WORLD "[fidelity a]\ntitle = t\n", "[fidelity a] needs source");
	refuse(WORLD ROW RATE "wnat = 1\n", "did you mean \"want\"?");
	refuse(WORLD "[fidelity a]\nkind = exakt\n", "did you mean \"exact\"?");
	refuse(WORLD "[fidelty a]\nkind = exact\n", "did you mean \"fidelity\"?");
	refuse(WORLD ROW "want = 1\n", "needs metric");
	refuse(WORLD ROW RATE "want = fast\n", "is no number");
	refuse(WORLD ROW RATE "want = 1us\n", "this metric is in bit/s");
	refuse(WORLD ROW RATE "want = -1\n", "no metric is ever negative");
	refuse(WORLD ROW RATE "want = 1\nas = ratio\n", "ratio of what? say base_at");
	refuse(WORLD ROW RATE "want = 1\nbase_at = guest.policy=copy\n", "say as = ratio");
	refuse(WORLD ROW RATE "want = 1\nof = vm1.rx.packets\n", "say as = ratio");
	refuse(WORLD ROW RATE "want = 1\nof = vm1.rx.packets\nas = gain\n", "only a ratio");
	refuse(WORLD ROW RATE "want = 1\nat = guest.polcy=copy\n", "did you mean \"policy\"?");
	refuse(WORLD ROW RATE "want = 1\nat = guest.policy\n", "a condition is GROUP.KEY=VALUE");
	refuse(WORLD ROW "metric = vm1.rx.throughput\nwant = 1\n", "throughput_bps");
	refuse(WORLD ROW "metric = vm*.rx.packets\nwant = 1\n", "without *");
	refuse(WORLD ROW "metric = vm1.rx.digest\nwant = 1\n", "a text");
	refuse(WORLD ROW RATE "want = 1\nas = ratio\nof = vm9.rx.packets\n", "vm9");
}

static void rows_are_neither_extended_nor_part_of_the_config(void **state)
{
	g_autofree char *base = toy_write(folder, "base.ini", WORLD ROW RATE "want = 1\n", -1);
	g_autoptr(study_auto) st =
		taken("[scenario]\nextends = base.ini\n[fidelity b]\ntitle = t\nsource = s\n"
		      "kind = shape\n" RATE "want = 1\n");
	const struct fidelity_row *row = st->rows->pdata[0];
	volatile sig_atomic_t interrupted = 0;
	struct run_ctl ctl = {.interrupted = &interrupted};
	g_autoptr(result_auto) r = result_new();

	(void)state;
	assert_int_equal(st->rows->len, 1);
	assert_string_equal(row->name, "b");
	assert_true(toy_run(st->sc, &ctl, r, NULL));
	result_describe(r, "toy", "1", st->sc);
	g_autofree char *json = result_json(r);
	assert_non_null(strstr(json, "vm1.policy"));
	assert_null(strstr(json, "b.want"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_says_point_metric_and_want),
		cmocka_unit_test(a_comparison_has_percent_or_no_unit_and_may_be_negative),
		cmocka_unit_test(nonsense_is_refused_with_the_remedy),
		cmocka_unit_test(rows_are_neither_extended_nor_part_of_the_config),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
