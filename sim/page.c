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
#include "outfile.h"
#include "page_impl.h"
#include "sim_error.h"

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
	p->runs = g_ptr_array_new_with_free_func(page_run_free);
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

/* ---- the scenario ---- */

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
		return page_fail(error, path, why->message);
	p->scenario = scenario_load(path, p->prog->groups, NULL, error);
	p->scenario_path = g_strdup(path);
	p->question = page_opening_comment(p->scenario_text);
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
		return page_fail(error, svg_path, why->message);
	svg = strstr(text, "<svg");
	if (!svg || !strchr(svg, '>'))
		return page_fail(error, svg_path, "is no SVG");
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
