/* SPDX-License-Identifier: GPL-2.0-or-later */
/* baseline.c - the file of a baseline, read and written; see baseline.h. */
#include "baseline.h"
#include <stdlib.h>
#include <string.h>
#include "infile.h"
#include "outfile.h"
#include "sim_error.h"

struct baseline {
	char *path, *program, *version;
	json_t *scenarios;
};

struct baseline *baseline_new(const char *path, const char *program, const char *version)
{
	struct baseline *b = g_new0(struct baseline, 1);

	b->path = g_strdup(path);
	b->program = g_strdup(program);
	b->version = g_strdup(version);
	b->scenarios = json_object();
	return b;
}

void baseline_free(struct baseline *b)
{
	if (!b)
		return;
	g_free(b->path);
	g_free(b->program);
	g_free(b->version);
	json_decref(b->scenarios);
	g_free(b);
}

/* ---- reading ---- */

static bool is_entry(const json_t *entry)
{
	const char *name;
	json_t *value;

	if (!json_is_string(json_object_get(entry, "setup")) ||
	    !json_is_object(json_object_get(entry, "metrics")))
		return false;
	json_object_foreach(json_object_get(entry, "metrics"), name, value)
	{
		if (!json_is_number(value) && !json_is_string(value) && !json_is_null(value))
			return false;
	}
	return true;
}

/* "web.ini [guest.policy=copy]" of the first entry that is none, freed with g_free(). */
static char *wrong_entry(json_t *scenarios)
{
	const char *scenario, *label;
	json_t *points, *entry;

	json_object_foreach(scenarios, scenario, points)
	{
		if (!json_is_object(points))
			return g_strdup(scenario);
		json_object_foreach(points, label, entry)
		{
			if (!is_entry(entry))
				return g_strdup_printf("%s [%s]", scenario, label);
		}
	}
	return NULL;
}

/* What is wrong with it, freed with g_free(); NULL: nothing. */
static char *judge_form(const json_t *top)
{
	const json_t *schema = json_object_get(top, "schema");
	json_t *scenarios = json_object_get(top, "scenarios");

	if (!json_is_integer(schema) || !json_is_object(scenarios))
		return g_strdup(
			"is no baseline; name a file that check --update wrote, or a new one");
	if (json_integer_value(schema) != BASELINE_SCHEMA)
		return g_strdup_printf("has schema %" JSON_INTEGER_FORMAT "; this program reads "
				       "schema %d: remove the file and make it again with --update",
				       json_integer_value(schema), BASELINE_SCHEMA);
	g_autofree char *wrong = wrong_entry(scenarios);
	return wrong ? g_strdup_printf("%s is no point of a baseline; restore the file", wrong)
		     : NULL;
}

/* Results of versions may differ for good reason: who changes the version looks at what changes. */
static char *judge_origin(const struct baseline *b, const json_t *top)
{
	const char *program = json_string_value(json_object_get(top, "program"));
	const char *version = json_string_value(json_object_get(top, "version"));

	if (g_strcmp0(program, b->program) == 0 && g_strcmp0(version, b->version) == 0)
		return NULL;
	return g_strdup_printf("was made by %s %s, this is %s %s; make it again with --update "
			       "and look at what changes in it",
			       program ? program : "another program", version ? version : "",
			       b->program, b->version);
}

/* NULL with *why, freed with g_free(). */
static json_t *parse(const struct baseline *b, const char *text, gsize len, bool any_version,
		     char **why)
{
	json_error_t place;
	json_t *top = json_loadb(text, len, JSON_REJECT_DUPLICATES, &place), *scenarios = NULL;

	if (!top) {
		*why = g_strdup_printf("is no JSON: line %d: %s", place.line, place.text);
		return NULL;
	}
	*why = judge_form(top);
	if (!*why) {
		*why = judge_origin(b, top);
		if (!*why)
			scenarios = json_incref(json_object_get(top, "scenarios"));
		else if (any_version)
			scenarios = json_object();
	}
	json_decref(top);
	return scenarios;
}

struct baseline *baseline_load(const char *path, const char *program, const char *version,
			       bool any_version, GError **error)
{
	g_autoptr(baseline_auto) b = baseline_new(path, program, version);
	g_autoptr(GError) unread = NULL;
	g_autofree char *text = NULL, *why = NULL;
	gsize len;

	if (!infile_read(path, &text, &len, &unread)) {
		bool missing = g_error_matches(unread, G_FILE_ERROR, G_FILE_ERROR_NOENT);

		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s%s", unread->message,
			    missing ? "; make the baseline with --update" : "");
		return NULL;
	}
	json_t *scenarios = parse(b, text, len, any_version, &why);
	if (!scenarios) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_INPUT, "%s %s", path, why);
		return NULL;
	}
	json_decref(b->scenarios);
	b->scenarios = scenarios;
	return g_steal_pointer(&b);
}

/* ---- names ---- */

const char *baseline_label(const char *label)
{
	return *label ? label : "base";
}

/* By names alone: what is a link stays one. */
char *baseline_scenario_name(const struct baseline *b, const char *scenario_path)
{
	g_autofree char *file = g_canonicalize_filename(b->path, NULL);
	g_autofree char *from = g_path_get_dirname(file);
	g_autofree char *to = g_canonicalize_filename(scenario_path, NULL);
	g_auto(GStrv) f = g_strsplit(from, "/", -1), t = g_strsplit(to, "/", -1);
	GString *name = g_string_new(NULL);
	size_t same = 0;

	while (f[same] && t[same] && strcmp(f[same], t[same]) == 0)
		same++;
	for (char **up = f + same; *up; up++)
		g_string_append(name, **up ? "../" : "");
	for (char **down = t + same; *down; down++)
		g_string_append_printf(name, "%s%s", down == t + same ? "" : "/", *down);
	g_autofree char *bytes = g_string_free(name, FALSE);
	return g_utf8_make_valid(bytes, -1);
}

/* ---- points ---- */

static char *setup_of(const json_t *top)
{
	json_t *setup = json_pack("{s:O, s:O}", "config", json_object_get(top, "config"), "inputs",
				  json_object_get(top, "inputs"));
	char *text = json_dumps(setup, JSON_SORT_KEYS | JSON_COMPACT);
	char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

	free(text);
	json_decref(setup);
	digest[16] = '\0';
	return digest;
}

json_t *baseline_entry(const struct result *r)
{
	g_autofree char *text = result_json(r);
	json_t *top = json_loads(text, 0, NULL), *metrics = json_object();
	g_autofree char *setup = setup_of(top);
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(top, "metrics"), name, value)
	{
		if (!json_is_number(value) || json_number_value(value) != 0)
			json_object_set(metrics, name, value);
	}
	json_decref(top);
	return json_pack("{s:s, s:o}", "setup", setup, "metrics", metrics);
}

const json_t *baseline_points(const struct baseline *b, const char *scenario)
{
	return json_object_get(b->scenarios, scenario);
}

const json_t *baseline_find(const struct baseline *b, const char *scenario, const char *label)
{
	return json_object_get(baseline_points(b, scenario), baseline_label(label));
}

void baseline_replace(struct baseline *b, const char *scenario, json_t *points)
{
	if (points)
		json_object_set_new(b->scenarios, scenario, points);
	else
		json_object_del(b->scenarios, scenario);
}

bool baseline_write(const struct baseline *b, GError **error)
{
	json_t *top = json_pack("{s:i, s:s, s:s, s:O}", "schema", BASELINE_SCHEMA, "program",
				b->program, "version", b->version, "scenarios", b->scenarios);
	char *text = json_dumps(top, JSON_INDENT(1) | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
	g_autofree char *lines = g_strconcat(text, "\n", NULL);
	bool ok = outfile_write(b->path, lines, strlen(lines), error);

	free(text);
	json_decref(top);
	return ok;
}
