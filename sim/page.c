/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page.c - result files become a page, section by section; see page.h.
 *
 * Only result files are read, so a page can be made of results from anywhere. The scenario's file
 * adds the question and the commands: which settings they need is found by comparing what the file
 * says now with what the results say they were run with, so a command is right even if the
 * file was run with --set, or has been changed since.
 *
 * Rejected: a template language (the page has one author); figures as images in base64 (their text
 * could be neither searched nor read aloud); scripts.
 */
#include "page.h"
#include <string.h>
#include "folder.h"
#include "outfile.h"
#include "page_impl.h"
#include "sim_error.h"

static void run_free(void *data)
{
	struct page_run *run = data;

	g_free(run->path);
	g_free(run->label);
	g_ptr_array_unref(run->tops);
	g_free(run);
}

static void figure_free(void *data)
{
	struct page_figure *f = data;

	g_free(f->svg);
	g_free(f->title);
	g_free(f->shows);
	g_free(f);
}

struct page *page_new(const struct cli_program *prog, const char *title)
{
	struct page *p = g_new0(struct page, 1);

	p->prog = prog;
	p->title = g_strdup(title);
	p->runs = g_ptr_array_new_with_free_func(run_free);
	p->figures = g_ptr_array_new_with_free_func(figure_free);
	return p;
}

void page_free(struct page *p)
{
	g_ptr_array_unref(p->runs);
	g_ptr_array_unref(p->figures);
	g_free(p->title);
	g_free(p->scenario_path);
	g_free(p->scenario_text);
	g_free(p->question);
	g_strfreev(p->sets);
	scenario_free(p->scenario);
	g_free(p);
}

static bool fail(GError **error, const char *path, const char *why)
{
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s: %s", path, why);
	return false;
}

/* ---- results ---- */

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
		fail(error, path, !top ? why.text : "is no result file with metrics");
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

static char *opening_comment(const char *text);

/* The question and the command, of a folder that has them. */
static void read_source(struct page *p, const char *folder)
{
	json_t *source = folder_source(folder), *sets = json_object_get(source, "sets"), *set;
	const char *text = json_string_value(json_object_get(source, "text"));
	size_t i;

	if (text && *text) {
		p->scenario_text = g_strdup(text);
		p->question = opening_comment(text);
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
		return fail(error, folder, "holds no results of a study (point-*.json)");
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
		run_free(own);
	}
	return true;
}

/* ---- the scenario ---- */

/* The comment that a file opens with, without its signs; paragraphs end in blank lines. */
static char *opening_comment(const char *text)
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

bool page_set_scenario(struct page *p, const char *path, GError **error)
{
	g_autofree char *base = g_path_get_basename(path);
	g_autoptr(GError) why = NULL;

	for (guint i = 0; i < p->runs->len; i++) {
		const struct page_run *run = p->runs->pdata[i];
		const char *name = json_string_value(page_member(run, "scenario"));

		if (g_strcmp0(name, base) != 0) {
			g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
				    "%s: is not what %s was run from, which is %s", path, run->path,
				    name ? name : "not known");
			return false;
		}
	}
	g_clear_pointer(&p->scenario_text, g_free);
	g_clear_pointer(&p->question, g_free);
	if (!g_file_get_contents(path, &p->scenario_text, NULL, &why))
		return fail(error, path, why->message);
	p->scenario = scenario_load(path, p->prog->groups, NULL, error);
	p->scenario_path = g_strdup(path);
	p->question = opening_comment(p->scenario_text);
	return p->scenario != NULL;
}

/* ---- figures ---- */

/* All ids of a figure get its number, so that two in one page do not meet. */
static char *own_ids(const char *svg, guint number)
{
	static const char *const marks[] = {"id=\"", "id='", "href=\"#", "href='#", "url(#"};
	g_autofree char *text = g_strdup(svg);

	for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
		g_auto(GStrv) parts = g_strsplit(text, marks[i], -1);
		g_autofree char *mark = g_strdup_printf("%sf%u-", marks[i], number);

		g_free(text);
		text = g_strjoinv(mark, parts);
	}
	return g_steal_pointer(&text);
}

bool page_add_figure(struct page *p, const char *svg_path, const char *title, const char *shows,
		     GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) why = NULL;
	const char *svg;
	struct page_figure *f;

	if (!g_file_get_contents(svg_path, &text, NULL, &why))
		return fail(error, svg_path, why->message);
	svg = strstr(text, "<svg");
	if (!svg || !strchr(svg, '>'))
		return fail(error, svg_path, "is no SVG");
	f = g_new0(struct page_figure, 1);
	f->svg = own_ids(svg, p->figures->len + 1);
	f->title = g_strdup(title);
	f->shows = g_strdup(shows);
	g_ptr_array_add(p->figures, f);
	return true;
}

/* Its width in pixels, as it was drawn for. */
static unsigned svg_width(const char *svg)
{
	const char *end = strchr(svg, '>'), *width = g_strstr_len(svg, end - svg, " width=");

	return width ? (unsigned)g_ascii_strtoull(width + strlen(" width=\""), NULL, 10) : 640;
}

static void put_figures(const struct page *p, GString *out)
{
	if (!p->figures->len)
		return;
	html_heading(out, 2, "figures", "Figures");
	for (guint i = 0; i < p->figures->len; i++) {
		const struct page_figure *f = p->figures->pdata[i];

		g_string_append(out, "<figure><div class=\"box\" tabindex=\"0\" role=\"region\" "
				     "aria-label=\"");
		html_text(out, f->title);
		g_string_append_printf(out,
				       "\">\n<svg style=\"--w:%upx\" role=\"img\" aria-label=\"",
				       svg_width(f->svg));
		html_text(out, f->shows);
		g_string_append_c(out, '"');
		g_string_append(out, f->svg + strlen("<svg"));
		g_string_append(out, "</div>\n<figcaption>");
		html_text(out, f->shows);
		g_string_append(out, "</figcaption></figure>\n");
	}
}

/* ---- the question ---- */

/* Lines that belong together become a paragraph; "Expected:" begins one, too. */
static void put_question(const struct page *p, GString *out)
{
	g_auto(GStrv) lines = g_strsplit(p->question ? p->question : "", "\n", -1);
	g_autoptr(GString) text = g_string_new(NULL);
	bool first = true;

	for (char **line = lines; *line; line++) {
		bool begins = !**line || g_str_has_prefix(*line, "Expected") ||
			      g_str_has_prefix(*line, "Broken when");

		if ((begins || !line[1]) && text->len) {
			g_string_append(out, first ? "<p class=\"lead\">" : "<p>");
			html_text(out, text->str);
			g_string_append(out, "</p>\n");
			g_string_truncate(text, 0);
			first = false;
		}
		if (**line)
			g_string_append_printf(text, "%s%s", text->len ? " " : "", *line);
	}
}

/* ---- the settings ---- */

static void file_setting(void *arg, const char *name, const char *value)
{
	g_hash_table_insert(arg, g_strdup(name), g_strdup(value));
}

/* Keys that the results differ in. */
static GHashTable *varied_keys(const struct page *p)
{
	GHashTable *varied = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	json_t *first = page_member(p->runs->pdata[0], "config"), *v;
	const char *key;

	for (guint i = 1; i < p->runs->len; i++) {
		json_t *config = page_member(p->runs->pdata[i], "config");

		json_object_foreach(config, key, v)
		{
			if (!json_equal(v, json_object_get(first, key)))
				g_hash_table_add(varied, g_strdup(key));
		}
		json_object_foreach(first, key, v)
		{
			if (!json_object_get(config, key))
				g_hash_table_add(varied, g_strdup(key));
		}
	}
	return varied;
}

static void put_settings(const struct page *p, GString *out)
{
	json_t *config = page_member(p->runs->pdata[0], "config"), *v;
	g_autoptr(GHashTable) varied = varied_keys(p);
	const char *key;

	g_string_append_printf(out,
			       "<details><summary>All %zu settings in effect, defaults filled "
			       "in</summary>\n",
			       json_object_size(config));
	html_table_open(out, p->runs->len > 1 ? "Settings; “varies” is one in which the runs differ"
					      : "Settings");
	html_row_open(out);
	html_head(out, "key", false);
	html_head(out, "value", false);
	html_row_close(out);
	html_body_open(out);
	json_object_foreach(config, key, v)
	{
		const char *text = json_string_value(v);

		html_row_open(out);
		html_row_head(out, key);
		html_cell(out,
			  g_hash_table_contains(varied, key) ? "varies"
			  : text                             ? text
							     : "",
			  false);
		html_row_close(out);
	}
	html_table_close(out);
	g_string_append(out, "</details>\n");
}

static void put_scenario(const struct page *p, GString *out)
{
	html_heading(out, 2, "scenario", "Scenario");
	if (p->scenario_text) {
		g_string_append(out, "<pre><code>");
		html_text(out, p->scenario_text);
		g_string_append(out, "</code></pre>\n");
	}
	put_settings(p, out);
}

/* ---- how to get the same again ---- */

/* The settings of a run that its file does not give, as options. */
static void put_sets(const struct page *p, const struct page_run *run, GHashTable *leave,
		     GString *command)
{
	g_autoptr(GHashTable) file = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	json_t *v;
	const char *key;

	for (char **set = p->scenario ? NULL : p->sets; set && *set; set++) {
		g_autofree char *quoted = g_shell_quote(*set);

		g_string_append_printf(command, " \\\n    --set %s", quoted);
	}
	if (!p->scenario)
		return;
	scenario_each(p->scenario, file_setting, file);
	json_object_foreach(page_member(run, "config"), key, v)
	{
		const char *text = json_string_value(v), *said = g_hash_table_lookup(file, key);
		g_autofree char *set = g_strdup_printf("%s=%s", key, text ? text : "");
		g_autofree char *quoted = g_shell_quote(set);

		if (g_strcmp0(text, said) != 0 && !g_hash_table_contains(leave, key))
			g_string_append_printf(command, " \\\n    --set %s", quoted);
	}
}

static void put_commands(const struct page *p, GString *out)
{
	const struct page_run *first = p->runs->pdata[0];
	const char *name = json_string_value(page_member(first, "scenario"));
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *file = g_shell_quote(p->scenario_path ? p->scenario_path
					      : name           ? name
							       : "SCENARIO.ini");
	g_autoptr(GHashTable) none = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GHashTable) varied = varied_keys(p);

	if (p->study) {
		g_string_append_printf(text, "%s sweep %s", p->prog->name, file);
		put_sets(p, first, varied, text);
		g_string_append_c(text, '\n');
	}
	for (guint i = 0; !p->study && i < MIN(p->runs->len, PAGE_WATERFALLS); i++) {
		g_string_append_printf(text, "%s run %s", p->prog->name, file);
		put_sets(p, p->runs->pdata[i], none, text);
		g_string_append_c(text, '\n');
	}
	g_string_append(out, "<pre><code>");
	html_text(out, text->str);
	g_string_append(out, "</code></pre>\n");
	if (!p->scenario && !p->sets)
		html_paragraph(out, "Settings that were given by --set stand among those in "
				    "effect.");
}

static void fact(GString *out, const char *what, const char *is)
{
	html_row_open(out);
	html_row_head(out, what);
	g_string_append(out, "<td class=\"wrap\">");
	html_text(out, is);
	g_string_append(out, "</td>");
	html_row_close(out);
}

static void put_inputs(json_t *inputs, GString *out)
{
	size_t i;
	json_t *input;

	json_array_foreach(inputs, i, input)
	{
		const char *name = json_string_value(json_object_get(input, "name"));
		const char *sum = json_string_value(json_object_get(input, "sha256"));
		g_autofree char *what = g_strdup_printf("input %s", name ? name : "?");
		g_autofree char *is = g_strdup_printf("SHA-256 %s", sum ? sum : "?");

		fact(out, what, is);
	}
}

static void put_again(const struct page *p, GString *out)
{
	json_t *top = ((struct page_run *)p->runs->pdata[0])->tops->pdata[0];
	const char *program = json_string_value(json_object_get(top, "program"));
	const char *version = json_string_value(json_object_get(top, "version"));
	const char *scenario = json_string_value(json_object_get(top, "scenario"));
	g_autofree char *who =
		g_strdup_printf("%s %s", program ? program : "?", version ? version : "?");
	g_autofree char *seed = g_strdup_printf("%" JSON_INTEGER_FORMAT,
						json_integer_value(json_object_get(top, "seed")));

	html_heading(out, 2, "reproduce", "How to get the same again");
	put_commands(p, out);
	html_table_open(out, "What made these results");
	html_row_open(out);
	html_head(out, "what", false);
	html_head(out, "is", false);
	html_row_close(out);
	html_body_open(out);
	fact(out, "program", who);
	fact(out, "scenario", scenario ? scenario : "?");
	fact(out, "seed", seed);
	put_inputs(json_object_get(top, "inputs"), out);
	html_table_close(out);
	html_paragraph(out, "Program, scenario, seed and inputs being the same, all numbers of "
			    "the simulation are, too.");
}

/* ---- the page ---- */

static bool any_partial(const struct page *p)
{
	for (guint i = 0; i < p->runs->len; i++)
		if (json_is_true(page_member(p->runs->pdata[i], "partial")))
			return true;
	return false;
}

/* Links to the sections that came out. */
static void put_contents(const char *body, GString *out)
{
	static const char *const sections[][2] = {
		{"results", "Results"},   {"figures", "Figures"},
		{"time", "Time"},         {"bottleneck", "Bottleneck"},
		{"ledger", "Ledger"},     {"expectations", "Expectations"},
		{"scenario", "Scenario"}, {"reproduce", "Reproduce"},
	};

	g_string_append(out, "<nav aria-label=\"Sections\"><ul>\n");
	for (size_t i = 0; i < G_N_ELEMENTS(sections); i++) {
		g_autofree char *id = g_strdup_printf("<h2 id=\"%s\"", sections[i][0]);

		if (strstr(body, id))
			g_string_append_printf(out, "<li><a href=\"#%s\">%s</a></li>\n",
					       sections[i][0], sections[i][1]);
	}
	g_string_append(out, "</ul></nav>\n");
}

char *page_html(const struct page *p)
{
	GString *out = g_string_new(NULL);
	g_autoptr(GString) body = g_string_new(NULL);
	guint runs = 0;

	g_assert(p->runs->len);
	for (guint i = 0; i < p->runs->len; i++)
		runs += ((struct page_run *)p->runs->pdata[i])->tops->len;
	page_points(p, body);
	put_figures(p, body);
	page_waterfalls(p, body);
	page_bounds(p, body);
	page_ledger(p, body);
	page_expectations(p, body);
	put_scenario(p, body);
	put_again(p, body);

	html_page_open(out, p->title);
	g_string_append(out, "<header>\n");
	html_heading(out, 1, NULL, p->title);
	g_string_append_printf(out, "<p class=\"soft\">%u run%s", runs, runs == 1 ? "" : "s");
	if (p->study)
		g_string_append_printf(out, " of %u points", p->runs->len);
	g_string_append_printf(out, "%s</p>\n", any_partial(p) ? "; some cut short: partial" : "");
	put_question(p, out);
	put_contents(body->str, out);
	g_string_append(out, "</header>\n");
	g_string_append(out, body->str);
	g_string_append(out, "<footer>Made by ");
	html_text(out, p->prog->name);
	g_string_append(out, " report</footer>\n");
	html_page_close(out);
	return g_string_free(out, FALSE);
}
