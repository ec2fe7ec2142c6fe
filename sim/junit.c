/* SPDX-License-Identifier: GPL-2.0-or-later */
/* junit.c - JUnit XML; see junit.h. */
#include "junit.h"
#include <string.h>

struct suite {
	char *name, *stamp;
	gint64 start_us, end_us;
	unsigned n[3]; /* by junit_outcome */
	GString *cases;
};

struct junit {
	char *program;
	GArray *suites; /* struct suite */
};

static void suite_clear(void *arg)
{
	struct suite *s = arg;

	g_free(s->name);
	g_free(s->stamp);
	g_string_free(s->cases, TRUE);
}

struct junit *junit_new(const char *program)
{
	struct junit *j = g_new0(struct junit, 1);

	j->program = g_strdup(program);
	j->suites = g_array_new(FALSE, TRUE, sizeof(struct suite));
	g_array_set_clear_func(j->suites, suite_clear);
	return j;
}

void junit_free(struct junit *j)
{
	if (!j)
		return;
	g_free(j->program);
	g_array_unref(j->suites);
	g_free(j);
}

/* XML 1.0 has no control characters but three, not even escaped. */
static char *escaped(const char *text)
{
	char *valid = g_utf8_make_valid(text, -1);

	for (char *p = valid; *p; p++)
		if ((unsigned char)*p < ' ' && !strchr("\t\n\r", *p))
			*p = '?';
	char *out = g_markup_escape_text(valid, -1);
	g_free(valid);
	return out;
}

void junit_suite(struct junit *j, const char *name)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	gint64 clock = g_get_monotonic_time();
	struct suite s = {.name = g_strdup(name),
			  .stamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S"),
			  .start_us = clock,
			  .end_us = clock,
			  .cases = g_string_new(NULL)};

	g_array_append_val(j->suites, s);
}

void junit_case(struct junit *j, const char *name, enum junit_outcome outcome, const char *message)
{
	static const char *const tags[] = {[JUNIT_FAIL] = "failure", [JUNIT_SKIP] = "skipped"};
	struct suite *s = &g_array_index(j->suites, struct suite, j->suites->len - 1);
	g_autofree char *file = escaped(s->name), *title = escaped(name);
	g_autofree char *said = escaped(message ? message : "");

	s->n[outcome]++;
	s->end_us = g_get_monotonic_time();
	g_string_append_printf(s->cases, "    <testcase classname=\"%s\" name=\"%s\" time=\"0\"",
			       file, title);
	if (outcome == JUNIT_PASS)
		g_string_append(s->cases, "/>\n");
	else if (outcome == JUNIT_SKIP)
		g_string_append_printf(s->cases, "><skipped message=\"%s\"/></testcase>\n", said);
	else
		g_string_append_printf(s->cases,
				       "><%s type=\"expectation\" message=\"%s\">%s</%s>"
				       "</testcase>\n",
				       tags[outcome], said, said, tags[outcome]);
}

static unsigned cases(const struct suite *s)
{
	return s->n[JUNIT_PASS] + s->n[JUNIT_FAIL] + s->n[JUNIT_SKIP];
}

char *junit_text(const struct junit *j)
{
	g_autofree char *program = escaped(j->program);
	GString *out = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");

	for (guint i = 0; i < j->suites->len; i++) {
		const struct suite *s = &g_array_index(j->suites, struct suite, i);
		g_autofree char *name = escaped(s->name);

		g_string_append_printf(
			out,
			"  <testsuite id=\"%u\" package=\"%s\" name=\"%s\" tests=\"%u\" "
			"failures=\"%u\" errors=\"0\" skipped=\"%u\" time=\"%.3f\" "
			"timestamp=\"%s\" hostname=\"localhost\">\n"
			"    <properties/>\n%s    <system-out/>\n    <system-err/>\n"
			"  </testsuite>\n",
			i, program, name, cases(s), s->n[JUNIT_FAIL], s->n[JUNIT_SKIP],
			(double)(s->end_us - s->start_us) / 1e6, s->stamp, s->cases->str);
	}
	g_string_append(out, "</testsuites>\n");
	return g_string_free(out, FALSE);
}
