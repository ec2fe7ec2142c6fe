/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_cli.c - the command line from the outside: verbs, streams, files, exit codes.
 *
 * Each command runs in a child, so that its streams can be caught and nothing it leaves behind
 * reaches the next one.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>
#include "toy.h"

#define GOOD                                                                                       \
	"[scenario]\nseed = 3\n[nic eth0]\n[guest]\nnic = eth0\n[guest vm1..vm2]\n"                \
	"[traffic t]\nto = vm1..vm2\n[expect]\nvm1.rx.drops = 0\n"
#define SWEPT GOOD "[sweep]\nguest.policy = copy, zero-copy\nnic.ring = 8, 64\n"

static char *out, *err; /* of the last command */

static int tidy(void **state)
{
	g_free(out);
	g_free(err);
	return remove_folder(state);
}

static char *in_folder(const char *name)
{
	return g_build_filename(folder, name, NULL);
}

static char *contents(const char *name)
{
	g_autofree char *path = in_folder(name);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		fail_msg("no file %s", path);
	return text;
}

static void redirect(int stream, const char *name)
{
	g_autofree char *path = in_folder(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	dup2(fd, stream);
	close(fd);
}

/* In the child. It returns, so that what its callers hold stays where a leak checker finds it. */
static int child(const struct cli_program *prog, const char *line)
{
	g_auto(GStrv) argv = NULL;
	int argc;

	if (chdir(folder) != 0 || !g_shell_parse_argv(line, &argc, &argv, NULL))
		return 99;
	redirect(STDOUT_FILENO, ".out");
	redirect(STDERR_FILENO, ".err");
	int code = cli_main(prog, argc, argv);
	fflush(NULL);
	return code;
}

/* Runs "toy ..." in the folder; returns its exit code, and its streams in `out` and `err`. */
static int run_program(const struct cli_program *prog, const char *line)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(child(prog, line));
	waitpid(pid, &status, 0);
	g_free(out);
	g_free(err);
	out = contents(".out");
	err = contents(".err");
	if (!WIFEXITED(status))
		fail_msg("%s: killed by %d", line, WTERMSIG(status));
	return WEXITSTATUS(status);
}

static int run(const char *line)
{
	return run_program(&toy_program, line);
}

static void give(const char *name, const char *text)
{
	toy_give(folder, name, text);
}

static void has(const char *text, const char *fragment)
{
	if (!strstr(text, fragment))
		fail_msg("\"%s\" lacks \"%s\"", text, fragment);
}

static bool exists(const char *name)
{
	g_autofree char *path = in_folder(name);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* No line with blanks at its end, no control characters, none wider than a terminal. */
static void is_clean(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **l = lines; *l; l++) {
		assert_true(g_utf8_strlen(*l, -1) <= 80);
		assert_false(g_str_has_suffix(*l, " "));
		for (const char *p = *l; *p; p++)
			assert_false(g_ascii_iscntrl(*p));
	}
}

static void run_prints_a_table_and_writes_nothing(void **state)
{
	(void)state;
	give("a.ini", GOOD);
	assert_int_equal(run("toy run a.ini"), 0);
	has(out, "a.ini, seed 3\n");
	has(out, "  vm1     rx       50   2.000");
	has(out, "expectations: 1 passed, 0 failed, 0 skipped\n");
	assert_string_equal(err, "");
	is_clean(out);
	assert_false(exists("out"));
	assert_int_equal(run("toy run a.ini --quiet"), 0);
	assert_string_equal(out, "");
}

static void json_on_stdout_moves_the_table_to_stderr(void **state)
{
	(void)state;
	give("a.ini", GOOD);
	assert_int_equal(run("toy run a.ini --json - --seed 9 --set vm1.policy=zero-copy"), 0);
	json_t *j = json_loads(out, 0, NULL);
	assert_non_null(j);
	assert_int_equal(json_integer_value(json_object_get(j, "seed")), 9);
	json_decref(j);
	has(out, "\"vm1.policy\": \"zero-copy\"");
	has(out, "\"verdict\": \"PASS\"");
	has(err, "vm1     rx       50   0.000");
}

static void the_same_run_gives_the_same_bytes(void **state)
{
	(void)state;
	give("a.ini", GOOD);
	assert_int_equal(run("toy run a.ini --json one.json"), 0);
	assert_int_equal(run("toy run ./a.ini --json two.json -q"), 0);
	g_autofree char *one = contents("one.json"), *two = contents("two.json");
	assert_string_equal(one, two);
}

static void run_with_out_writes_result_and_tables(void **state)
{
	(void)state;
	give("a.ini", GOOD);
	assert_int_equal(run("toy run a.ini --out deep/er"), 0);
	assert_true(exists("deep/er/a.json"));
	g_autofree char *tidy = contents("deep/er/results.csv");
	has(tidy, "point,repeat,seed,object,direction,metric,value,unit\n1,1,3,vm1,rx,packets,50,");
}

static void run_of_a_swept_file_runs_its_base_and_says_so(void **state)
{
	(void)state;
	give("s.ini", SWEPT);
	assert_int_equal(run("toy run s.ini"), 0);
	has(out, "base point; `toy sweep` does all of 4 points");
}

static void sweep_writes_points_and_tables_and_prints_one(void **state)
{
	(void)state;
	give("s.ini", SWEPT);
	assert_int_equal(run("toy sweep s.ini"), 0);
	has(out, "  point  guest.policy  nic.ring  packets  copies\n"
		 "      1  copy          8             100   2.000\n");
	has(out, "      4  zero-copy     64            100   0.000\n");
	is_clean(out);
	g_autofree char *tidy = contents("out/s/results.csv"), *wide = contents("out/s/wide.csv");
	has(tidy, "\n4,1,3,zero-copy,64,vm1,rx,packets,50,packets\n");
	has(wide, "point,repeat,seed,guest_policy,nic_ring,");
	g_autofree char *point = contents("out/s/point-0003.json");
	has(point, "\"number\": 3,");
	has(point, "\"guest.policy\": \"zero-copy\"");
	assert_false(exists("out/s/point-0005.json"));
}

static void sweep_does_not_depend_on_the_number_of_threads(void **state)
{
	static const char *const files[] = {"results.csv", "wide.csv", "point-0001.json",
					    "point-0003-r2.json", "all.json"};
	static char *table; /* not on the stack: leak checkers look for it in the child, too */

	(void)state;
	give("s.ini", SWEPT);
	assert_int_equal(run("toy sweep s.ini --out x --json x/all.json --set scenario.repeat=3"),
			 0);
	table = g_strdup(out);
	assert_int_equal(run("toy sweep s.ini --out y --json y/all.json -j 4 "
			     "--set scenario.repeat=3"),
			 0);
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *x = g_build_filename("x", files[i], NULL);
		g_autofree char *y = g_build_filename("y", files[i], NULL);
		g_autofree char *one = contents(x), *two = contents(y);

		assert_string_equal(one, two);
	}
	g_autofree char *all = contents("x/all.json");
	json_t *j = json_loads(all, 0, NULL);
	assert_int_equal(json_array_size(j), 12);
	json_decref(j);
	*strstr(table, "results:") = 0;
	*strstr(out, "results:") = 0;
	assert_string_equal(table, out);
	g_clear_pointer(&table, g_free);
}

static void another_study_is_refused_or_replaced(void **state)
{
	(void)state;
	give("s.ini", SWEPT);
	assert_int_equal(run("toy sweep s.ini --out lesser"), 0);
	assert_true(exists("lesser/point-0004.json"));
	assert_int_equal(run("toy sweep s.ini --out lesser --set sweep.nic.ring=64"), 2);
	has(err,
	    "lesser: holds another study (s.ini, 4 points x 1); choose another folder with --out, "
	    "or replace it with --fresh");
	assert_true(exists("lesser/point-0004.json"));
	assert_int_equal(run("toy sweep s.ini --out lesser --set sweep.nic.ring=64 --fresh"), 0);
	assert_true(exists("lesser/point-0002.json"));
	assert_false(exists("lesser/point-0003.json"));
}

static void check_judges_every_point_and_counts(void **state)
{
	(void)state;
	give("a.ini", GOOD);
	give("s.ini", SWEPT);
	give("none.ini", "[guest vm1]\n[traffic t]\nto = vm1\n");
	assert_int_equal(run("toy check a.ini"), 0);
	assert_string_equal(out, "PASS a.ini vm1.rx.drops 0 0\n1 passed, 0 failed, 0 skipped\n");
	assert_int_equal(run("toy check a.ini s.ini none.ini --json v.json"), 1);
	has(out, "FAIL s.ini [guest.policy=copy nic.ring=8] vm1.rx.drops 0 5\n");
	has(out, "PASS s.ini [guest.policy=copy nic.ring=64] vm1.rx.drops 0 0\n");
	has(out, "SKIP none.ini expect - - (the file has no [expect])\n");
	has(out, "3 passed, 2 failed, 1 skipped\n");
	g_autofree char *verdicts = contents("v.json");
	json_t *j = json_loads(verdicts, 0, NULL);
	assert_int_equal(json_array_size(j), 6);
	json_decref(j);
	assert_int_equal(run("toy check s.ini -q"), 1);
	assert_null(strstr(out, "PASS"));
}

static void check_goes_on_after_a_file_that_cannot_be_used(void **state)
{
	(void)state;
	give("a.ini", GOOD);
	give("bad.ini", "[guest vm1]\npolcy = copy\n");
	give("idle.ini", "[guest vm1]\n");
	assert_int_equal(run("toy check bad.ini idle.ini a.ini"), 3);
	has(err, "toy: bad.ini:2: [guest vm1] polcy");
	has(err, "no frame was offered");
	has(out, "PASS a.ini vm1.rx.drops 0 0\n");
	has(out, "1 passed, 2 failed, 0 skipped\n");
}

static void exit_codes_tell_what_went_wrong(void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *fragment;
	} rows[] = {
		{"toy", 2, "toy run SCENARIO"},
		{"toy rnu a.ini", 2, "did you mean \"run\"?"},
		{"toy run", 2, "one scenario file"},
		{"toy run a.ini a.ini", 2, "one scenario file"},
		{"toy run missing.ini", 2, "missing.ini: cannot read"},
		{"toy run .", 2, "folder"},
		{"toy run a.ini --nonsense", 2, "--nonsense"},
		{"toy run a.ini --seed x", 2, "scenario.seed"},
		{"toy run a.ini --set vm3.policy=copy", 2, "did you mean \"vm1\"?"},
		{"toy run a.ini --set expect.vm1.rx.drop=0", 2, "did you mean \"drops\"?"},
		{"toy run a.ini -j 1000", 2, "-j takes"},
		{"toy run idle.ini", 3, "no frame was offered"},
		{"toy run a.ini --json /dev/full", 6, "No space left"},
		{"toy run a.ini --json none/r.json", 6, "none/r.json"},
		{"toy run a.ini --out a.ini", 6, "a.ini"},
		{"toy sweep a.ini --out a.ini/x", 6, "a.ini/x"},
		{"toy check a.ini --json none/r.json", 6, "none/r.json"},
		{"toy check", 2, "scenario files"},
		{"toy list", 2, "policies keys metrics systems"},
		{"toy list kyes", 2, "did you mean \"keys\"?"},
		{"toy plot", 2, "result files"},
	};

	(void)state;
	give("a.ini", GOOD);
	give("idle.ini", "[guest vm1]\n");
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		int code = run(rows[i].line);

		if (code != rows[i].code || !strstr(err, rows[i].fragment))
			fail_msg("%s: exit %d, \"%s\"", rows[i].line, code, err);
		assert_int_equal(strstr(err, "toy") == err, 1);
	}
}

static void a_failed_run_leaves_no_file_under_the_name(void **state)
{
	(void)state;
	give("idle.ini", "[guest vm1]\n");
	assert_int_equal(run("toy run idle.ini --json never.json"), 3);
	assert_false(exists("never.json"));
	assert_string_equal(out, "");
}

static void help_version_and_lists_work(void **state)
{
	static const char *const verbs[] = {"run", "sweep", "check", "compare", "plot", "list"};

	(void)state;
	assert_int_equal(run("toy --version"), 0);
	assert_string_equal(out, "toy 1.0\n");
	assert_int_equal(run("toy --help"), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
		has(out, verbs[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
		g_autofree char *line = g_strdup_printf("toy %s --help", verbs[i]);
		g_autofree char *usage = g_strdup_printf("toy %s [OPTION", verbs[i]);

		assert_int_equal(run(line), 0);
		has(out, usage);
		has(out, "Examples:\n");
		assert_string_equal(err, "");
	}
	assert_int_equal(run("toy help sweep"), 0);
	has(out, "toy sweep [OPTION");
	assert_int_equal(run("toy list keys"), 0);
	has(out, "copy|single-copy|zero-copy");
	assert_int_equal(run("toy list keys --markdown"), 0);
	has(out, "## `[guest NAME]`");
	assert_int_equal(run("toy list metrics"), 0);
	has(out, "GUEST.rx|tx|local\n");
	has(out, "dropped by reason: ring_full too_small\n");
	assert_int_equal(run("toy list policies"), 0);
	has(out, "  zero-copy  none\n");
}

/* A run that is interrupted from within, and ends cleanly. */
static bool interrupted_run(const struct scenario *sc, struct run_ctl *ctl, struct result *r,
			    GError **error)
{
	static int raised;

	if (g_atomic_int_compare_and_exchange(&raised, 0, 1))
		raise(SIGINT);
	while (!*ctl->interrupted)
		g_thread_yield();
	if (!toy_run(sc, ctl, r, error))
		return false;
	if (*ctl->interrupted)
		result_set_partial(r);
	return true;
}

static void sigint_ends_cleanly_with_a_partial_result(void **state)
{
	struct cli_program prog = toy_program;

	(void)state;
	prog.run = interrupted_run;
	give("s.ini", SWEPT);
	assert_int_equal(run_program(&prog, "toy run s.ini --json part.json"), 130);
	g_autofree char *text = contents("part.json");
	has(text, "\"partial\": true");
	has(err, "interrupted");
	has(out, "PARTIAL");
	assert_int_equal(run_program(&prog, "toy sweep s.ini --out cut"), 130);
	/* What was cut short is no result of the study; the same command goes on. */
	assert_true(exists("cut/study.json"));
	assert_false(exists("cut/point-0001.json"));
	assert_false(exists("cut/results.csv"));
	has(err, "goes on with the rest");
	assert_int_equal(run_program(&prog, "toy sweep s.ini --out cut2 -j 2"), 130);
	assert_false(exists("cut2/point-0004.json"));
}

static bool refuse_all(const struct scenario *sc, GError **error)
{
	return cfg_error(scenario_find(sc, "vm1"), "policy", error, "not today");
}

static void checks_of_the_program_come_before_any_run(void **state)
{
	struct cli_program prog = toy_program;

	(void)state;
	prog.check = refuse_all;
	give("s.ini", SWEPT);
	assert_int_equal(run_program(&prog, "toy sweep s.ini --out never"), 2);
	has(err, "[guest vm1] policy: not today");
	assert_false(exists("never"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run_prints_a_table_and_writes_nothing),
		cmocka_unit_test(json_on_stdout_moves_the_table_to_stderr),
		cmocka_unit_test(the_same_run_gives_the_same_bytes),
		cmocka_unit_test(run_with_out_writes_result_and_tables),
		cmocka_unit_test(run_of_a_swept_file_runs_its_base_and_says_so),
		cmocka_unit_test(sweep_writes_points_and_tables_and_prints_one),
		cmocka_unit_test(sweep_does_not_depend_on_the_number_of_threads),
		cmocka_unit_test(another_study_is_refused_or_replaced),
		cmocka_unit_test(check_judges_every_point_and_counts),
		cmocka_unit_test(check_goes_on_after_a_file_that_cannot_be_used),
		cmocka_unit_test(exit_codes_tell_what_went_wrong),
		cmocka_unit_test(a_failed_run_leaves_no_file_under_the_name),
		cmocka_unit_test(help_version_and_lists_work),
		cmocka_unit_test(sigint_ends_cleanly_with_a_partial_result),
		cmocka_unit_test(checks_of_the_program_come_before_any_run),
	};

	return cmocka_run_group_tests_name("cli", tests, make_folder, tidy);
}
