/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_calibrate.c - the verb that measures this machine: the program's sibling does it, in the real
 * world; here its report becomes a table and a preset file.
 *
 * The file is a scenario of defaults, to be named by [host] preset. Each key has its interval and
 * its origin beside it as a comment.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli_verbs.h"
#include "child.h"
#include "outfile.h"
#include "sim_error.h"

#define DEFAULT_FILE "calibration.ini"

/* ---- numbers ---- */

static double number(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	return json_is_number(v) ? json_number_value(v) : 0;
}

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static bool is_time(const char *unit)
{
	return strcmp(unit, "ns") == 0 || strcmp(unit, "ps") == 0;
}

/* As a key takes it: whole picoseconds, cycles, or hertz; never below 0. */
static char *key_value(double v, const char *unit)
{
	v = MAX(v, 0);
	if (strcmp(unit, "ns") == 0)
		v *= 1000;
	uint64_t whole = (uint64_t)(v + 0.5);
	if (is_time(unit))
		return whole ? g_strdup_printf("%" G_GUINT64_FORMAT "ps", whole) : g_strdup("0");
	return g_strdup_printf("%" G_GUINT64_FORMAT "%s", whole,
			       strcmp(unit, "Hz") == 0 ? "Hz" : "");
}

/* For people: three digits or so. */
static char *shown(double v)
{
	double a = ABS(v);

	return g_strdup_printf(a >= 1000 ? "%.0f" : a >= 10 ? "%.1f" : "%.2f", v);
}

/* ---- the table ---- */

static void add_rows(const json_t *list, const char *name, struct report_table *t)
{
	size_t i;
	json_t *o;

	json_array_foreach((json_t *)list, i, o)
	{
		const char *unit = text(o, "unit");
		g_autofree char *median = shown(number(o, "median"));
		g_autofree char *lo = shown(number(o, "low")), *hi = shown(number(o, "high"));
		g_autofree char *n = g_strdup_printf("%.0f", number(o, "repetitions"));
		const char *failed = text(o, "failed");

		report_table_cell(t, text(o, name), false);
		if (*failed) {
			report_table_cell(t, failed, false);
			report_table_row(t);
			continue;
		}
		report_table_cell(t, median, true);
		report_table_cell(t, lo, true);
		report_table_cell(t, hi, true);
		report_table_cell(t, unit, false);
		report_table_cell(t, n, true);
		report_table_row(t);
	}
}

static void print_list(const json_t *list, const char *name, const char *title, GString *out)
{
	static const char *const head[] = {"median", "95% from", "to", "", "n"};
	struct report_table *t = report_table_new();

	report_table_cell(t, title, false);
	for (size_t i = 0; i < G_N_ELEMENTS(head); i++)
		report_table_cell(t, head[i], i != 3);
	report_table_row(t);
	add_rows(list, name, t);
	report_table_print(t, out);
	report_table_free(t);
}

static void print_tables(const json_t *top, GString *out)
{
	const json_t *m = json_object_get(top, "machine");

	g_string_append_printf(out, "%s, %.0f CPUs, Linux %s; %.1f s\n\n", text(m, "cpu"),
			       number(m, "cpus"), text(m, "kernel"), number(top, "seconds"));
	print_list(json_object_get(top, "measurements"), "name", "measured", out);
	g_string_append_c(out, '\n');
	print_list(json_object_get(top, "keys"), "key", "constant", out);
}

/* ---- the file ---- */

static void file_head(const json_t *top, const struct session *s, GString *out)
{
	const json_t *m = json_object_get(top, "machine");

	g_string_append_printf(
		out,
		"# Costs of this machine, measured by `%s calibrate%s` (version %s) on %s.\n"
		"# %s, %.0f CPUs; L1 %.0f KiB, L2 %.0f KiB, last level %.0f MiB; memory %.0f MiB; "
		"Linux %s.\n"
		"# Name this file by [host] preset. Beside each value: the 95%% interval of its "
		"median, and\n# from what it follows.\n",
		s->prog->name, s->o.quick ? " --quick" : "", s->prog->version, text(top, "date"),
		text(m, "cpu"), number(m, "cpus"), number(m, "l1") / 1024, number(m, "l2") / 1024,
		number(m, "llc") / 1048576, number(m, "memory") / 1048576, text(m, "kernel"));
}

static void file_key(const json_t *o, const char *name, GString *out)
{
	const char *unit = text(o, "unit");
	g_autofree char *value = key_value(number(o, "median"), unit);
	g_autofree char *lo = shown(number(o, "low")), *hi = shown(number(o, "high"));
	g_autofree char *line = g_strdup_printf("%s = %s", name, value);

	g_string_append_printf(out, "%-28s # %s..%s %s, n = %.0f: %s\n", line, lo, hi, unit,
			       number(o, "repetitions"), text(o, "from"));
}

/* Keys come as GROUP.KEY; those of a group stand together. */
static void file_keys(const json_t *list, GString *out)
{
	g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(g_free);
	size_t i;
	json_t *o;

	json_array_foreach((json_t *)list, i, o)
	{
		const char *key = text(o, "key"), *dot = strchr(key, '.');
		char *group = g_strndup(key, dot ? (gsize)(dot - key) : 0);

		if (g_ptr_array_find_with_equal_func(groups, group, g_str_equal, NULL))
			g_free(group);
		else
			g_ptr_array_add(groups, group);
	}
	for (guint g = 0; g < groups->len; g++) {
		const char *group = groups->pdata[g];

		g_string_append_printf(out, "\n[%s]\n", group);
		json_array_foreach((json_t *)list, i, o)
		{
			const char *key = text(o, "key");

			if (g_str_has_prefix(key, group) && key[strlen(group)] == '.')
				file_key(o, key + strlen(group) + 1, out);
		}
	}
}

/* ---- the verb ---- */

static json_t *measure(struct session *s, const char *report)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = child_beside(s->prog->real, &error);
	const char *args[6] = {"--calibrate", "--json", report};
	struct child_end end = {0};
	unsigned n = 3;
	json_t *top = NULL;

	if (s->o.quick)
		args[n++] = "--quick";
	if (s->o.quiet)
		args[n++] = "--quiet";
	if (!path || !child_run(path, args, true, session_interrupted(), &end, &error)) {
		session_complain(s, error);
		return NULL;
	}
	g_free(end.errors);
	session_raise(s, end.code > 128 && !*session_interrupted() ? SIM_EXIT_VIOLATION : end.code);
	if (end.code == SIM_EXIT_OK)
		top = json_load_file(report, 0, NULL);
	if (end.code == SIM_EXIT_OK && !top)
		session_raise(s, cli_usage_error(s->prog, "%s wrote no report", s->prog->real));
	return top;
}

static void write_text(struct session *s, const char *path, const char *text_)
{
	g_autoptr(GError) error = NULL;

	if (!outfile_write(path, text_, strlen(text_), &error))
		session_complain(s, error);
}

static void report(struct session *s, const json_t *top, const char *file)
{
	g_autoptr(GString) ini = g_string_new(NULL), table = g_string_new(NULL);

	file_head(top, s, ini);
	file_keys(json_object_get(top, "keys"), ini);
	write_text(s, file, ini->str);
	if (s->o.json) {
		char *dump = json_dumps(top, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
		g_autofree char *line = g_strconcat(dump, "\n", NULL);

		write_text(s, s->o.json, line);
		free(dump);
	}
	print_tables(top, table);
	g_string_append_printf(table, "\nwritten to %s; name it: [host] preset = %s\n", file, file);
	if (!s->o.quiet)
		session_print(s, session_tables(s), table->str);
}

int verb_calibrate(struct session *s)
{
	const char *file = s->o.out ? s->o.out : DEFAULT_FILE;
	g_autoptr(GError) error = NULL;

	if (g_strv_length(s->o.rest))
		return cli_usage_error(s->prog,
				       "calibrate takes no argument; --out names the file");
	if (!outfile_check(file, &error)) {
		session_complain(s, error);
		return s->code;
	}
	if (!session_outputs(s, NULL))
		return s->code;
	g_autofree char *temporary = child_file(&error);
	if (!temporary) {
		session_complain(s, error);
		return s->code;
	}
	json_t *top = measure(s, temporary);
	remove(temporary);
	if (top)
		report(s, top, file);
	json_decref(top);
	return s->code;
}
