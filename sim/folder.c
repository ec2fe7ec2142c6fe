/* SPDX-License-Identifier: GPL-2.0-or-later */
/* folder.c - manifest, digest, and the results in a study's folder; see folder.h. */
#include "folder.h"
#include <glib/gstdio.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "outfile.h"
#include "plot_want.h"
#include "sim_error.h"

#define MANIFEST "study.json"

static bool fail(GError **error, int code, const char *path, const char *why)
{
	g_set_error(error, SIM_ERROR, code, "%s: %s", path, why);
	return false;
}

/* ---- digest ---- */

static void add_text(GChecksum *sum, const char *text)
{
	g_checksum_update(sum, (const guchar *)text, (gssize)strlen(text) + 1);
}

static void add_setting(void *arg, const char *name, const char *value)
{
	add_text(arg, name);
	add_text(arg, value);
}

static void add_lines(GChecksum *sum, const struct scenario *sc, const char *group)
{
	const struct scenario_line *lines;
	size_t n = scenario_lines(sc, group, &lines);

	for (size_t i = 0; i < n; i++) {
		add_text(sum, lines[i].group);
		add_text(sum, lines[i].key);
		add_text(sum, lines[i].value);
	}
}

static bool add_file(GChecksum *sum, const char *path, GError **error)
{
	FILE *f = fopen(path, "rb");
	guchar block[65536];
	size_t n;

	if (!f)
		return fail(error, SIM_EXIT_INPUT, path, "cannot be read");
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		g_checksum_update(sum, block, (gssize)n);
	bool ok = !ferror(f);
	fclose(f);
	return ok || fail(error, SIM_EXIT_INPUT, path, "cannot be read");
}

struct paths {
	GChecksum *sum;
	GHashTable *seen;
	GError **error;
	bool ok;
};

/* A file that cannot be read is the run's to complain of, in its own words. */
static void add_path(void *arg, const char *path)
{
	struct paths *p = arg;

	if (p->ok && g_hash_table_add(p->seen, g_strdup(path)) &&
	    g_file_test(path, G_FILE_TEST_IS_REGULAR))
		p->ok = add_file(p->sum, path, p->error);
}

/* Of all points: each may name a capture of its own. */
static bool add_inputs(GChecksum *sum, const struct study *st, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct paths p = {sum, seen, error, true};

	scenario_each_path(st->sc, add_path, &p);
	for (size_t i = 0; p.ok && sweep_sets_a_path(st->sweep) && i < sweep_points(st->sweep);
	     i++) {
		g_autoptr(scenario_auto) sc = sweep_scenario(st->sweep, i, 0, error);

		if (!sc)
			return false;
		scenario_each_path(sc, add_path, &p);
	}
	return p.ok;
}

static char *digest_of(const struct study *st, GError **error)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

	scenario_each(st->sc, add_setting, sum);
	add_lines(sum, st->sc, "sweep");
	add_lines(sum, st->sc, "expect");
	if (st->search) {
		add_text(sum, search_key(st->search));
		add_text(sum, search_range(st->search));
		add_text(sum, search_condition(st->search));
		add_text(sum, search_resolution(st->search));
	}
	return add_inputs(sum, st, error) ? g_strdup(g_checksum_get_string(sum)) : NULL;
}

static char *build_of(void)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

	return add_file(sum, "/proc/self/exe", NULL) ? g_strdup(g_checksum_get_string(sum))
						     : g_strdup("");
}

/* ---- manifest ---- */

static json_t *points_json(const struct study *st)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sweep_points(st->sweep); i++) {
		json_t *sets = json_object();

		for (size_t k = 0; k < sweep_keys(st->sweep); k++)
			json_object_set_new(sets, sweep_key(st->sweep, k),
					    json_string(sweep_value(st->sweep, i, k)));
		json_array_append_new(
			list, json_pack("{s:I, s:o}", "number", (json_int_t)i + 1, "sets", sets));
	}
	return list;
}

/* What a report needs that results do not say. Of no account for whose the folder is. */
static json_t *source_of(const struct study *st)
{
	g_autofree char *text = NULL, *valid = NULL;
	json_t *sets = json_array();
	gsize len;

	for (char **set = st->sets; *set; set++)
		json_array_append_new(sets, json_string(*set));
	if (g_file_get_contents(scenario_path(st->sc), &text, &len, NULL))
		valid = g_utf8_make_valid(text, (gssize)len);
	return json_pack("{s:s, s:o, s:o}", "text", valid ? valid : "", "sets", sets, "plot",
			 plot_want_json(st->sc));
}

json_t *folder_source(const char *path)
{
	g_autofree char *file = g_build_filename(path, MANIFEST, NULL);
	json_t *manifest = json_load_file(file, 0, NULL);
	json_t *source = json_incref(json_object_get(manifest, "source"));

	json_decref(manifest);
	return source;
}

static json_t *manifest_of(const struct study *st, GError **error)
{
	g_autofree char *digest = digest_of(st, error), *build = build_of();
	g_autofree char *base = g_path_get_basename(scenario_path(st->sc));

	if (!digest)
		return NULL;
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:o}", "schema", RESULT_SCHEMA,
			 "program", st->prog->name, "version", st->prog->version, "build", build,
			 "scenario", base, "digest", digest, "repeat",
			 (int)sweep_repeats(st->sweep), "points", points_json(st), "source",
			 source_of(st));
}

static const char *text_of(const json_t *manifest, const char *name)
{
	const char *text = json_string_value(json_object_get(manifest, name));

	return text ? text : "?";
}

static bool same(const json_t *a, const json_t *b, const char *name)
{
	return json_equal(json_object_get(a, name), json_object_get(b, name));
}

/* All but the source: a comment or a figure may change, and the results are the same. */
static bool same_study(const json_t *a, const json_t *b)
{
	static const char *const members[] = {"schema",   "program", "version", "build",
					      "scenario", "digest",  "repeat",  "points"};

	for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
		if (!same(a, b, members[i]))
			return false;
	return true;
}

/* What the folder is told about in a refusal. */
static bool refuse(const char *path, const json_t *there, const json_t *mine, GError **error)
{
	g_autofree char *whose = NULL;

	if (!there)
		whose = g_strdup("holds results, but no manifest that says of which study");
	else if (!same(there, mine, "schema") || !same(there, mine, "program") ||
		 !same(there, mine, "version"))
		whose = g_strdup_printf("holds a study of %s %s", text_of(there, "program"),
					text_of(there, "version"));
	else if (!same(there, mine, "digest"))
		whose = g_strdup_printf("holds another study (%s, %zu points x %d)",
					text_of(there, "scenario"),
					json_array_size(json_object_get(there, "points")),
					(int)json_integer_value(json_object_get(there, "repeat")));
	else
		whose = g_strdup_printf("holds this study as another build of %s made it",
					text_of(there, "program"));
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
		    "%s: %s; choose another folder with --out, or replace it with --fresh", path,
		    whose);
	return false;
}

/* ---- folder ---- */

static bool is_point(const char *name)
{
	return g_regex_match_simple("^point-[0-9]{4}(-r[0-9]+)?(-fails)?\\.json$", name, 0, 0);
}

static bool is_ours(const char *name)
{
	static const char *const names[] = {MANIFEST,      "results.csv",  "wide.csv",
					    "summary.csv", "summary.json", "paired.csv",
					    NULL};

	return is_point(name) || g_strv_contains(names, name) ||
	       g_regex_match_simple("^point-.*\\.json\\.part-", name, 0, 0);
}

static bool has_points(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		if (is_point(name))
			return true;
	return false;
}

/* The manifest goes last, so that a folder half emptied still says whose it is. */
static void empty(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	g_autofree char *manifest = g_build_filename(path, MANIFEST, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, name, NULL);

		if (is_ours(name) && strcmp(name, MANIFEST) != 0)
			g_remove(file);
	}
	g_remove(manifest);
}

/* Parts of files that a process of this machine has left, which is gone. */
static void remove_parts(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	g_autofree char *mine = g_strdup_printf(".part-%s-", g_get_host_name());
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		const char *part = strstr(name, mine);
		g_autofree char *file = g_build_filename(path, name, NULL);
		pid_t pid = part ? (pid_t)atol(part + strlen(mine)) : 0;

		if (pid > 0 && is_ours(name) && kill(pid, 0) != 0)
			g_remove(file);
	}
}

static bool write_manifest(const char *file, const json_t *manifest, GError **error)
{
	char *text = json_dumps(manifest, JSON_INDENT(2));
	g_autofree char *line = g_strconcat(text, "\n", NULL);

	free(text);
	return outfile_write(file, line, strlen(line), error);
}

static bool judge(const struct study *st, const char *path, const char *file, const json_t *mine,
		  enum folder_use use, GError **error)
{
	json_t *there = json_load_file(file, 0, NULL);
	bool ok = true;

	(void)st;
	if (use == FOLDER_FRESH) {
		empty(path);
		g_clear_pointer(&there, json_decref);
	} else if ((there && !same_study(there, mine)) || (!there && has_points(path))) {
		ok = refuse(path, there, mine, error);
	}
	if (ok && use != FOLDER_READ) {
		remove_parts(path);
		ok = there || write_manifest(file, mine, error);
	}
	json_decref(there);
	return ok;
}

bool folder_open(const struct study *st, const char *path, enum folder_use use, GError **error)
{
	g_autofree char *file = g_build_filename(path, MANIFEST, NULL);
	json_t *mine = manifest_of(st, error);
	bool ok = mine && (use == FOLDER_READ || outfile_folder(path, error)) &&
		  judge(st, path, file, mine, use, error);

	json_decref(mine);
	return ok;
}

bool folder_is_no_study(const char *path, GError **error)
{
	g_autofree char *file = g_build_filename(path, MANIFEST, NULL);

	return !g_file_test(file, G_FILE_TEST_EXISTS) ||
	       fail(error, SIM_EXIT_USAGE, path,
		    "holds the study of a sweep; choose another folder with --out");
}

bool folder_has(const char *path, const struct study_run *run)
{
	g_autofree char *name = study_file(run, false);
	g_autofree char *file = g_build_filename(path, name, NULL);

	return g_file_test(file, G_FILE_TEST_EXISTS);
}

bool folder_read(struct study *st, const char *path, struct study_run *run, GError **error)
{
	g_autofree char *name = study_file(run, false);
	g_autofree char *file = g_build_filename(path, name, NULL);
	json_t *top = NULL;

	run->record = record_read(st->names, file, &top, error);
	if (!run->record)
		return false;
	json_t *point = json_object_get(top, "point");
	bool mine = !point || (json_integer_value(json_object_get(point, "number")) == run->point &&
			       json_integer_value(json_object_get(point, "repeat")) == run->repeat);
	if (json_is_true(json_object_get(top, "partial")))
		mine = false;
	run->seed = (uint64_t)json_integer_value(json_object_get(top, "seed"));
	json_decref(top);
	if (mine)
		return true;
	g_clear_pointer(&run->record, record_free);
	return fail(error, SIM_EXIT_INPUT, file,
		    "is not the result of this run; remove it and run its point again");
}
