/* SPDX-License-Identifier: GPL-2.0-or-later */
/* page_read.c - results and a study's folder as a page has them; see page.h. */
#include <string.h>
#include "folder.h"
#include "page_impl.h"
#include "sim_error.h"

void page_run_free(void *data)
{
	struct page_run *run = data;

	g_free(run->path);
	g_free(run->label);
	g_ptr_array_unref(run->tops);
	g_free(run);
}

bool page_fail(GError **error, const char *path, const char *why)
{
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s: %s", path, why);
	return false;
}

char *page_opening_comment(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	GString *out = g_string_new(NULL);

	for (char **line = lines; *line && **line; line++) {
		const char *words = *line;

		if (g_str_has_prefix(words, "\xef\xbb\xbf"))
			words += 3;
		if (*words != '#' && *words != ';')
			break;
		words += strspn(words, "#; \t");
		g_string_append(out, *words && *words != '\r' ? words : "");
		g_string_append_c(out, '\n');
	}
	return g_string_free(out, FALSE);
}

static json_t *result_read(const char *path, GError **error)
{
	json_error_t why;
	json_t *top = json_load_file(path, 0, &why), *metrics = json_object_get(top, "metrics");

	if (json_is_object(metrics) && json_object_size(metrics) &&
	    json_integer_value(json_object_get(top, "schema")) == RESULT_SCHEMA)
		return top;
	if (!top && why.line > 0)
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s:%d: %s", path, why.line,
			    why.text);
	else
		page_fail(error, path, !top ? why.text : "is no result file with metrics");
	json_decref(top);
	return NULL;
}

static void top_free(void *top)
{
	json_decref(top);
}

/* "guest.policy=copy bulk.size=60B"; NULL: this result is of no point. */
static char *point_label(json_t *top)
{
	json_t *sets = json_object_get(json_object_get(top, "point"), "sets"), *v;
	GString *label = g_string_new(NULL);
	const char *key;

	json_object_foreach(sets, key, v)
	{
		const char *text = json_string_value(v);

		g_string_append_printf(label, "%s%s=%s", label->len ? " " : "", key,
				       text ? text : "?");
	}
	return g_string_free(label, !label->len);
}

static struct page_run *run_new(const char *path, json_t *top)
{
	struct page_run *run = g_new0(struct page_run, 1);

	run->path = g_strdup(path);
	run->label = point_label(top);
	if (!run->label) {
		run->label = g_path_get_basename(path);
		if (g_str_has_suffix(run->label, ".json"))
			run->label[strlen(run->label) - strlen(".json")] = '\0';
	}
	run->point = (unsigned)json_integer_value(
		json_object_get(json_object_get(top, "point"), "number"));
	run->tops = g_ptr_array_new_with_free_func(top_free);
	g_ptr_array_add(run->tops, top);
	return run;
}

bool page_add_result(struct page *p, const char *path, GError **error)
{
	json_t *top = result_read(path, error);

	if (!top)
		return false;
	/* Histograms are the bulk of a result, and the figures read them themselves. */
	json_object_del(top, "histograms");
	g_ptr_array_add(p->runs, run_new(path, top));
	return true;
}

struct point_file {
	unsigned point, repeat;
	char *path;
};

static int by_point(const void *pa, const void *pb)
{
	const struct point_file *a = pa, *b = pb;
	int d = (a->point > b->point) - (a->point < b->point);

	return d ? d : (a->repeat > b->repeat) - (a->repeat < b->repeat);
}

static void point_file_clear(void *data)
{
	g_free(((struct point_file *)data)->path);
}

/* point-0012.json, point-0012-r3.json. */
static GArray *point_files(const char *folder)
{
	GArray *files = g_array_new(FALSE, FALSE, sizeof(struct point_file));
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	g_array_set_clear_func(files, point_file_clear);
	while (dir && (name = g_dir_read_name(dir))) {
		struct point_file f = {.repeat = 1};
		const char *rest;

		if (!g_regex_match_simple("^point-[0-9]+(-r[0-9]+)?\\.json$", name, 0, 0))
			continue;
		f.point = (unsigned)g_ascii_strtoull(name + strlen("point-"), (char **)&rest, 10);
		if (g_str_has_prefix(rest, "-r"))
			f.repeat = (unsigned)g_ascii_strtoull(rest + 2, NULL, 10);
		g_array_append_val(files, f);
		g_array_index(files, struct point_file, files->len - 1).path =
			g_build_filename(folder, name, NULL);
	}
	g_array_sort(files, by_point);
	return files;
}

/* The question and the command, of a folder that has them. */
static void read_source(struct page *p, const char *folder)
{
	json_t *source = folder_source(folder), *sets = json_object_get(source, "sets"), *set;
	const char *text = json_string_value(json_object_get(source, "text"));
	size_t i;

	if (text && *text) {
		p->scenario_text = g_strdup(text);
		p->question = page_opening_comment(text);
	}
	if (json_is_array(sets)) {
		p->sets = g_new0(char *, json_array_size(sets) + 1);
		json_array_foreach(sets, i, set)
		{
			const char *said = json_string_value(set);

			p->sets[i] = g_strdup(said ? said : "");
		}
	}
	json_decref(source);
}

bool page_add_study(struct page *p, const char *folder, GError **error)
{
	g_autoptr(GArray) files = point_files(folder);

	if (!files->len)
		return page_fail(error, folder, "holds no results of a study (point-*.json)");
	p->study = true;
	read_source(p, folder);
	for (guint i = 0; i < files->len; i++) {
		const struct point_file *f = &g_array_index(files, struct point_file, i);
		struct page_run *last, *own;

		if (!page_add_result(p, f->path, error))
			return false;
		if (!i || f[-1].point != f->point)
			continue;
		own = g_ptr_array_steal_index(p->runs, p->runs->len - 1);
		last = p->runs->pdata[p->runs->len - 1];
		g_ptr_array_add(last->tops, json_incref(own->tops->pdata[0]));
		page_run_free(own);
	}
	return true;
}
