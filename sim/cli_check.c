/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_check.c - the verb that judges: [expect] of each file, and a baseline of all points.
 *
 * Whatever judges, a verdict is one line, and the same in --json and --junit. A point is held to
 * the baseline as it comes in; what the baseline has and no run gave is found at the file's end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "baseline.h"
#include "cli_verbs.h"
#include "compare.h"
#include "folder.h"
#include "junit.h"
#include "outfile.h"
#include "sim_error.h"
#include "units.h"

#define TOLERANCE_PPM 50000 /* of what is measured, against a baseline */

/* Of a file's metrics that are not as they were, the worst are shown: so many, but of each point
   some. */
enum { SHOWN_OF_FILE = 20, SHOWN_OF_POINT = 3 };

struct check {
	struct session *s;
	const char *file, *label, *folder;
	unsigned n[3]; /* by expect_outcome */
	json_t *list;
	struct junit *junit;
	struct result *result; /* being judged; NULL after the last point */
	/* against a baseline; NULL: none */
	struct baseline *baseline;
	uint64_t tolerance_ppm;
	char *scenario;        /* the file's name there */
	json_t *points;        /* what its runs gave */
	unsigned lines, limit; /* of the point: metrics that are not as they were; shown at most */
	unsigned shown;        /* of the file */
	unsigned updated, added, removed; /* points, with --update */
};

G_STATIC_ASSERT((int)JUNIT_FAIL == (int)EXPECT_FAIL && (int)JUNIT_SKIP == (int)EXPECT_SKIP);

/* ---- verdicts ---- */

/* "[guest.policy=copy] vm1.rx.copies", or the metric alone. */
static char *name_of(const struct check *c, const char *metric)
{
	return *c->label ? g_strdup_printf("[%s] %s", c->label, metric) : g_strdup(metric);
}

static void show_line(const struct check *c, enum expect_outcome outcome, const char *metric,
		      const char *want, const char *got, const char *reason)
{
	g_autofree char *name = name_of(c, metric);
	g_autofree char *why = reason ? g_strdup_printf(" (%s)", reason) : g_strdup("");
	g_autofree char *line = g_strdup_printf("%s %s %s %s %s%s\n", expect_word(outcome), c->file,
						name, want, got, why);

	if (!c->s->o.quiet || outcome == EXPECT_FAIL)
		session_print(c->s, session_tables(c->s), line);
}

/* For the sum, --json and --junit. */
static void keep_line(struct check *c, enum expect_outcome outcome, const char *metric,
		      const char *want, const char *got, const char *reason)
{
	const char *word = expect_word(outcome);
	g_autofree char *name = name_of(c, metric);

	c->n[outcome]++;
	g_autofree char *said = reason ? g_strdup_printf("want %s, got %s (%s)", want, got, reason)
				       : g_strdup_printf("want %s, got %s", want, got);
	junit_case(c->junit, name, (enum junit_outcome)outcome, said);
	json_array_append_new(c->list,
			      json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*}", "verdict", word,
					"file", c->file, "point", c->label, "metric", metric,
					"want", want, "got", got, "reason", reason));
}

static void check_line(struct check *c, enum expect_outcome outcome, const char *metric,
		       const char *want, const char *got, const char *reason)
{
	show_line(c, outcome, metric, want, got, reason);
	keep_line(c, outcome, metric, want, got, reason);
}

static void check_verdict(void *arg, const struct expect_verdict *v)
{
	struct check *c = arg;

	check_line(c, v->outcome, v->metric, v->want, v->got, v->reason);
	if (c->result)
		result_expect(c->result, v->metric, v->want, v->got, expect_word(v->outcome));
}

/* ---- the baseline ---- */

/*
 * Where and why there is a copy that was not: "vm1.rx.copies.SITE.REASON". NULL: it is another
 * metric. Freed with g_free().
 */
static char *copy_story(const struct compare_line *l)
{
	const char *at = strstr(l->metric, ".copies.");
	g_auto(GStrv) words = at ? g_strsplit(at + strlen(".copies."), ".", -1) : NULL;

	if (!l->more || !words)
		return NULL;
	const char *how = strcmp(l->a, "-") == 0 || strcmp(l->a, "0") == 0 ? "new" : "more";
	return words[1] ? g_strdup_printf("%s copies at %s because of %s", how, words[0], words[1])
			: g_strdup_printf("%s copies at %s", how, words[0]);
}

static void baseline_line(void *arg, const struct compare_line *l)
{
	struct check *c = arg;
	/* What is 0 is not kept. */
	const char *was = strcmp(l->a, "-") == 0 ? "0" : l->a;
	const char *is = strcmp(l->b, "-") == 0 ? "0" : l->b;
	g_autofree char *story = copy_story(l);
	g_autoptr(GString) reason = g_string_new("baseline");

	if (l->verdict < COMPARE_DIFFERS)
		return;
	if (story)
		g_string_append_printf(reason, ", %s", story);
	if (*l->off)
		g_string_append_printf(reason, ", %s", l->off);
	if (c->lines++ < c->limit)
		show_line(c, EXPECT_FAIL, l->metric, was, is, reason->str);
	keep_line(c, EXPECT_FAIL, l->metric, was, is, reason->str);
}

/* Says how many were not shown, and where they are. */
static void count_hidden(struct check *c)
{
	const struct options *o = &c->s->o;
	const char *file = o->junit ? o->junit : o->json;
	g_autofree char *label = *c->label ? g_strdup_printf(" [%s]", c->label) : g_strdup("");
	g_autofree char *all = !file                    ? g_strdup("--junit FILE has all")
			       : strcmp(file, "-") == 0 ? g_strdup("stdout has all")
							: g_strdup_printf("%s has all", file);

	c->shown += MIN(c->lines, c->limit);
	if (c->lines <= c->limit)
		return;
	g_autofree char *line = g_strdup_printf("... and %u more of %s%s, less far off: %s\n",
						c->lines - c->limit, c->file, label, all);
	session_print(c->s, session_tables(c->s), line);
}

static void judge_point(struct check *c, const json_t *was, const json_t *is)
{
	struct comparison *found =
		compare_results(c->s->prog->metrics, NULL, was, is, c->tolerance_ppm);
	size_t all = json_object_size(json_object_get(is, "metrics"));
	g_autofree char *n = g_strdup_printf("%zu", all);

	c->lines = 0;
	c->limit = MAX(SHOWN_OF_FILE - MIN(c->shown, SHOWN_OF_FILE), SHOWN_OF_POINT);
	compare_each(found, baseline_line, c);
	count_hidden(c);
	if (!c->lines)
		check_line(c, EXPECT_PASS, "baseline", n, n,
			   "metrics that are not 0, as they were");
	else if (!json_equal(json_object_get(was, "setup"), json_object_get(is, "setup")))
		check_line(c, EXPECT_SKIP, "baseline", "-", "-",
			   "the point is set up otherwise than when the baseline was made");
	compare_free(found);
}

static void check_baseline(struct check *c, const struct study_run *run)
{
	json_t *is;

	if (!c->baseline || result_partial(run->result))
		return;
	is = baseline_entry(run->result);
	json_object_set_new(c->points, baseline_label(run->label), is);
	if (c->s->o.update)
		return;
	const json_t *was = baseline_find(c->baseline, c->scenario, run->label);
	if (was)
		judge_point(c, was, is);
	else
		check_line(c, EXPECT_FAIL, "baseline", "-", "-",
			   "it has no such point; --update adds it");
}

/* The points of it that are no more. */
static void check_missing(struct check *c)
{
	const json_t *points = baseline_points(c->baseline, c->scenario);
	const char *label;
	json_t *was;

	json_object_foreach((json_t *)points, label, was)
	{
		if (json_object_get(c->points, label))
			continue;
		c->label = label;
		check_line(c, EXPECT_FAIL, "baseline", "-", "-",
			   "it has this point, the scenario has not; --update removes it");
	}
	c->label = "";
}

/* What --update will write of this file. */
static void update_scenario(struct check *c)
{
	const json_t *before = baseline_points(c->baseline, c->scenario);
	const char *label;
	json_t *point;

	json_object_foreach(c->points, label, point)
	{
		const json_t *was = json_object_get(before, label);

		c->added += !was;
		c->updated += was && !json_equal(was, point);
	}
	json_object_foreach((json_t *)before, label, point)
	{
		c->removed += !json_object_get(c->points, label);
	}
	baseline_replace(c->baseline, c->scenario, json_incref(c->points));
}

static void end_baseline(struct check *c)
{
	if (c->s->o.update)
		update_scenario(c);
	else
		check_missing(c);
}

static void write_baseline(struct check *c)
{
	struct session *s = c->s;
	g_autoptr(GError) error = NULL;

	if (c->n[EXPECT_FAIL] || s->code != SIM_EXIT_OK || *session_interrupted()) {
		fprintf(stderr, "%s: %s is left as it was: not everything passed\n", s->prog->name,
			s->o.baseline);
	} else if (!baseline_write(c->baseline, &error)) {
		session_complain(s, error);
	} else if (!s->o.quiet) {
		g_autofree char *line =
			g_strdup_printf("%s: %u points new, %u changed, %u removed\n",
					s->o.baseline, c->added, c->updated, c->removed);
		session_print(s, session_tables(s), line);
	}
}

/* False, and said, if it cannot be used. */
static bool open_baseline(struct check *c)
{
	struct session *s = c->s;
	const char *path = s->o.baseline;
	g_autofree char *why = NULL;
	g_autoptr(GError) error = NULL;

	if (!path && (s->o.update || s->o.tolerance)) {
		session_raise(s, cli_usage_error(s->prog, "%s needs --baseline FILE",
						 s->o.update ? "--update" : "--tolerance"));
		return false;
	}
	if (s->o.tolerance &&
	    !units_parse(KEY_PERCENT, s->o.tolerance, "%", &c->tolerance_ppm, &why)) {
		session_raise(s, cli_usage_error(s->prog, "--tolerance: %s", why));
		return false;
	}
	if (!path)
		return true;
	if (s->o.update && !g_file_test(path, G_FILE_TEST_EXISTS)) {
		c->baseline = baseline_new(path, s->prog->name, s->prog->version);
		(void)outfile_check(path, &error);
	} else {
		c->baseline =
			baseline_load(path, s->prog->name, s->prog->version, s->o.update, &error);
	}
	if (error)
		session_complain(s, error);
	return !error;
}

/* ---- files ---- */

static bool check_done(void *arg, struct study *st, struct study_run *run)
{
	struct check *c = arg;
	g_autoptr(GError) error = NULL;

	c->label = run->label;
	if (!session_usable(c->s, run)) {
		check_line(c, EXPECT_FAIL, "run", "-", "-", run->error->message);
		return true;
	}
	c->result = run->result;
	expect_judge(st->expect, run->sc, run->result, check_verdict, c);
	c->result = NULL;
	check_baseline(c, run);
	if (c->folder && !study_write_point(st, run, c->folder, &error))
		session_complain(c->s, error);
	return !error;
}

static void run_file(struct check *c, struct study *st)
{
	struct session *s = c->s;
	g_autoptr(GError) error = NULL;

	if (c->folder)
		study_remove_points(c->folder);
	study_run(st, session_threads(s), &s->progress, session_interrupted(), check_done, c);
	c->label = "";
	if (*session_interrupted())
		return;
	expect_finish(st->expect, check_verdict, c);
	if (c->baseline)
		end_baseline(c);
	else if (!expect_count(st->expect) && st->runs[0].result)
		check_line(c, EXPECT_SKIP, "expect", "-", "-", "the file has no [expect]");
	if (c->folder && !study_write_tables(st, c->folder, NULL, NULL, &error))
		session_complain(s, error);
}

static void check_file(struct check *c, const char *path)
{
	struct session *s = c->s;
	g_autoptr(study_auto) st = session_load(s, path, s->prog->one_verb);
	g_autoptr(GError) error = NULL;

	c->file = path;
	c->label = "";
	junit_suite(c->junit, path);
	if (!st) {
		check_line(c, EXPECT_FAIL, "scenario", "-", "-", "cannot be used");
		return;
	}
	g_autofree char *folder =
		s->o.out ? g_build_filename(s->o.out, scenario_name(st->sc), NULL) : NULL;
	if (folder && !folder_is_no_study(folder, &error)) {
		session_complain(s, error);
		return;
	}
	if (!session_outputs(s, folder))
		return;
	c->folder = folder;
	c->scenario = c->baseline ? baseline_scenario_name(c->baseline, path) : NULL;
	c->points = json_object();
	c->shown = 0;
	run_file(c, st);
	g_clear_pointer(&c->scenario, g_free);
	json_decref(c->points);
	c->folder = NULL;
}

/* ---- the outcome ---- */

static void write_text(struct session *s, const char *path, const char *text)
{
	g_autoptr(GError) error = NULL;

	if (path && !outfile_write(path, text, strlen(text), &error))
		session_complain(s, error);
}

static void write_verdicts(struct check *c)
{
	g_autofree char *xml = junit_text(c->junit);
	char *text = json_dumps(c->list, JSON_INDENT(2));
	g_autofree char *json = g_strconcat(text, "\n", NULL);

	write_text(c->s, c->s->o.json, json);
	write_text(c->s, c->s->o.junit, xml);
	free(text);
}

static bool outputs_can_be_written(struct session *s)
{
	g_autoptr(GError) error = NULL;

	if (!session_outputs(s, NULL))
		return false;
	if (!s->o.junit || outfile_check(s->o.junit, &error))
		return true;
	session_complain(s, error);
	return false;
}

static void check_all(struct check *c)
{
	struct session *s = c->s;

	for (char **path = s->o.rest; *path && !*session_interrupted(); path++)
		check_file(c, *path);
	if (s->o.update)
		write_baseline(c);
	g_autofree char *sum =
		g_strdup_printf("%u passed, %u failed, %u skipped\n", c->n[EXPECT_PASS],
				c->n[EXPECT_FAIL], c->n[EXPECT_SKIP]);
	session_print(s, session_tables(s), sum);
	write_verdicts(c);
	if (c->n[EXPECT_FAIL])
		session_raise(s, SIM_EXIT_EXPECT);
	session_end(s);
}

int verb_check(struct session *s)
{
	struct check c = {.s = s, .tolerance_ppm = TOLERANCE_PPM};

	if (!g_strv_length(s->o.rest))
		return cli_usage_error(s->prog, "check takes scenario files");
	if (!outputs_can_be_written(s) || !open_baseline(&c)) {
		baseline_free(c.baseline);
		return s->code;
	}
	c.list = json_array();
	c.junit = junit_new(s->prog->name);
	check_all(&c);
	baseline_free(c.baseline);
	junit_free(c.junit);
	json_decref(c.list);
	return s->code;
}
