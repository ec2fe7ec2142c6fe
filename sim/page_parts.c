/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page_parts.c - the sections of the page that show what results say.
 *
 * A row stands for a run, or for the repeats of a point, whose metrics it shows as means with half
 * of the 95% interval. What has no mean (waterfalls, the bottleneck, expectations) is the first
 * repeat's.
 */
#include "page_impl.h"
#include <string.h>

const char *const page_directions[] = {"rx", "tx", "local"};
static const char *const direction_words[] = {"receive", "send", "between guests"};

json_t *page_member(const struct page_run *run, const char *name)
{
	return json_object_get(run->tops->pdata[0], name);
}

/* In thousandths, as results have numbers. */
static bool milli_of(const json_t *v, __int128 *milli)
{
	if (json_is_integer(v))
		*milli = (__int128)json_integer_value(v) * 1000;
	else if (json_is_real(v))
		*milli = (__int128)(json_real_value(v) * 1000 + 0.5);
	else
		return false;
	return *milli >= 0;
}

static struct result_value value_of(__int128 milli)
{
	return (struct result_value){
		.type = RESULT_RATIO, .num = (unsigned __int128)milli, .den = 1000};
}

static bool repeat_milli(const struct page_run *run, guint repeat, const char *metric,
			 __int128 *milli)
{
	json_t *metrics = json_object_get(run->tops->pdata[repeat], "metrics");

	return milli_of(json_object_get(metrics, metric), milli);
}

bool page_stats(const struct page_run *run, const char *metric, struct stats *stats)
{
	g_autofree __int128 *values = g_new(__int128, run->tops->len);
	size_t n = 0;

	for (guint i = 0; i < run->tops->len; i++)
		n += repeat_milli(run, i, metric, &values[n]);
	*stats = stats_of(values, n);
	return n > 0;
}

bool page_metric(const struct page_run *run, const char *metric, struct result_value *v)
{
	struct stats stats;

	if (!page_stats(run, metric, &stats))
		return false;
	*v = value_of(stats_mean(&stats));
	return true;
}

bool page_guests(const struct page_run *run, const char *dir, const char *name,
		 struct result_value *v)
{
	g_autofree char *full = g_strdup_printf("guests.%s.%s", dir, name);

	return page_metric(run, full, v);
}

bool page_positive(const struct page_run *run, const char *dir, const char *name)
{
	struct result_value v;

	return page_guests(run, dir, name, &v) && v.num > 0;
}

static void put_value(GString *out, enum report_fmt fmt, const struct result_value *v)
{
	g_autoptr(GString) text = g_string_new(NULL);

	report_value(fmt, v, text);
	html_cell(out, text->str, true);
}

void page_put_mean(GString *out, enum report_fmt fmt, const struct stats *stats)
{
	g_autoptr(GString) mean = g_string_new(NULL), half = g_string_new(NULL);
	struct result_value v = value_of(stats_mean(stats));

	report_value(fmt, &v, mean);
	if (stats->n > 1 && stats->half) {
		v = value_of((__int128)stats->half);
		report_value(fmt, &v, half);
	}
	html_mean(out, mean->str, half->str);
}

/* ---- waterfalls ---- */

static void put_time(GString *out, json_t *ns)
{
	struct result_value v;
	__int128 milli;

	if (!milli_of(ns, &milli)) {
		html_cell(out, "–", true);
		return;
	}
	v = value_of(milli);
	put_value(out, REPORT_TIME_NS, &v);
}

/* A bar from `from` on of a track of 1000; one too short to see is still a line. */
static void put_track(GString *out, double from, double len, bool waits)
{
	g_string_append_printf(out,
			       "<td class=\"track\"><svg viewBox=\"0 0 1000 10\" "
			       "preserveAspectRatio=\"none\" aria-hidden=\"true\">"
			       "<rect class=\"%s\" x=\"%d\" y=\"1\" width=\"%d\" "
			       "height=\"8\"/></svg></td>",
			       waits ? "wait" : "work", (int)(1000 * from + 0.5),
			       MAX((int)(1000 * len + 0.5), 2));
}

static void waterfall(GString *out, const char *label, size_t dir, json_t *fall)
{
	json_t *whole = json_object_get(fall, "latency_ns"), *stage;
	double total = json_number_value(json_object_get(whole, "mean")), at = 0;
	g_autofree char *caption = g_strdup_printf(
		"%s, %s: %" JSON_INTEGER_FORMAT " frames", label, direction_words[dir],
		json_integer_value(json_object_get(fall, "frames")));
	size_t i;

	html_table_open(out, caption);
	html_row_open(out);
	html_head(out, "stage", false);
	html_head(out, "when, in the mean", false);
	html_head(out, "mean", true);
	html_head(out, "share", true);
	html_head(out, "median", true);
	html_head(out, "p99", true);
	html_row_close(out);
	html_body_open(out);
	json_array_foreach(json_object_get(fall, "stages"), i, stage)
	{
		const char *name = json_string_value(json_object_get(stage, "stage"));
		double mean = json_number_value(json_object_get(stage, "mean"));
		g_autofree char *share = g_strdup_printf("%d%%", (int)(100 * mean / total + 0.5));

		html_row_open(out);
		html_row_head(out, name ? name : "");
		put_track(out, at / total, mean / total, name && g_str_has_suffix(name, "_wait"));
		put_time(out, json_object_get(stage, "mean"));
		html_cell(out, share, true);
		put_time(out, json_object_get(stage, "p50"));
		put_time(out, json_object_get(stage, "p99"));
		html_row_close(out);
		at += mean;
	}
	html_row_open(out);
	html_row_head(out, "whole");
	html_cell(out, "", false);
	put_time(out, json_object_get(whole, "mean"));
	html_cell(out, "100%", true);
	put_time(out, json_object_get(whole, "p50"));
	put_time(out, json_object_get(whole, "p99"));
	html_row_close(out);
	html_table_close(out);
}

static void waterfalls_of(const struct page_run *run, GString *out)
{
	json_t *all = json_object_get(page_member(run, "explain"), "waterfall");

	for (size_t d = 0; d < PAGE_DIRECTIONS; d++) {
		json_t *fall = json_object_get(all, page_directions[d]);
		json_t *mean = json_object_get(json_object_get(fall, "latency_ns"), "mean");

		if (json_number_value(mean) > 0)
			waterfall(out, run->label, d, fall);
	}
}

static const char *first_only(const struct page *p)
{
	const struct page_run *run = p->runs->pdata[0];

	return run->tops->len > 1 ? "; of the first repeat" : "";
}

void page_waterfalls(const struct page *p, GString *out)
{
	g_autoptr(GString) falls = g_string_new(NULL);

	for (guint i = 0; i < MIN(p->runs->len, PAGE_WATERFALLS); i++) {
		const struct page_run *run = p->runs->pdata[i];
		g_autoptr(GString) own = g_string_new(NULL);

		waterfalls_of(run, own);
		if (!own->len)
			continue;
		if (i < 3) {
			g_string_append(falls, own->str);
			continue;
		}
		g_string_append(falls, "<details><summary>");
		html_text(falls, run->label);
		g_string_append(falls, "</summary>\n");
		g_string_append(falls, own->str);
		g_string_append(falls, "</details>\n");
	}
	if (!falls->len)
		return;
	html_heading(out, 2, "time", "Where the time goes");
	g_string_append(out, "<p>Stages of a frame in order of passage; the means add up to the "
			     "whole. <span class=\"key w\"></span>work "
			     "<span class=\"key q\"></span>waiting");
	g_string_append_printf(out, "%s</p>\n", first_only(p));
	g_string_append(out, falls->str);
	if (p->runs->len > PAGE_WATERFALLS)
		html_paragraph(out, "Further points: vnicsim report of their result files.");
}

/* ---- what bounds ---- */

static void put_percent(GString *out, json_t *ratio)
{
	struct result_value v;
	__int128 milli;

	if (!milli_of(ratio, &milli)) {
		html_cell(out, "–", true);
		return;
	}
	v = value_of(milli);
	put_value(out, REPORT_PERCENT, &v);
}

static void resources_of(const struct page_run *run, GString *out)
{
	json_t *list = json_object_get(page_member(run, "explain"), "resources"), *r, *share;
	g_autofree char *caption = g_strdup_printf("%s: what is used up by time", run->label);
	const char *work;
	size_t i;

	if (!json_array_size(list))
		return;
	html_table_open(out, caption);
	html_row_open(out);
	html_head(out, "resource", false);
	html_head(out, "used", true);
	html_head(out, "for what", false);
	html_row_close(out);
	html_body_open(out);
	json_array_foreach(list, i, r)
	{
		const char *name = json_string_value(json_object_get(r, "name"));
		g_autoptr(GString) works = g_string_new(NULL);
		unsigned n = 0;

		json_object_foreach(json_object_get(r, "work"), work, share)
		{
			if (n++ < 5 && json_number_value(share) >= 0.0005)
				g_string_append_printf(works, "%s%s %.1f%%", n > 1 ? ", " : "",
						       work, 100 * json_number_value(share));
		}
		html_row_open(out);
		html_row_head(out, name ? name : "");
		put_percent(out, json_object_get(r, "utilization"));
		g_string_append(out, "<td class=\"wrap\">");
		html_text(out, works->str);
		g_string_append(out, "</td>");
		html_row_close(out);
	}
	html_table_close(out);
}

void page_bounds(const struct page *p, GString *out)
{
	g_autoptr(GString) rows = g_string_new(NULL);

	for (guint i = 0; i < MIN(p->runs->len, PAGE_ROWS); i++) {
		const struct page_run *run = p->runs->pdata[i];
		json_t *bound = json_object_get(page_member(run, "explain"), "bound");
		const char *name = json_string_value(json_object_get(bound, "name"));
		const char *advice = json_string_value(json_object_get(bound, "advice"));

		if (!name)
			continue;
		html_row_open(rows);
		html_row_head(rows, run->label);
		html_cell(rows, name, false);
		put_percent(rows, json_object_get(bound, "utilization"));
		g_string_append(rows, "<td class=\"wrap\">");
		html_text(rows, advice ? advice : "");
		g_string_append(rows, "</td>");
		html_row_close(rows);
	}
	if (!rows->len)
		return;
	html_heading(out, 2, "bottleneck", "What gives out first");
	g_autofree char *caption = g_strconcat(
		"The resource with the least left, and what would relieve it", first_only(p), NULL);
	html_table_open(out, caption);
	html_row_open(out);
	html_head(out, "run", false);
	html_head(out, "resource", false);
	html_head(out, "used", true);
	html_head(out, "advice", false);
	html_row_close(out);
	html_body_open(out);
	g_string_append(out, rows->str);
	html_table_close(out);
	if (p->runs->len == 1)
		resources_of(p->runs->pdata[0], out);
}

/* ---- the ledger ---- */

/* Names behind `prefix` of metrics that are not 0 in some run, in the order of the results; not
   those of parts, as copies.SITE.REASON is one of copies.SITE. */
static GPtrArray *words_of(const struct page *p, const char *prefix)
{
	GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
	const char *key;
	json_t *v;

	for (guint i = 0; i < p->runs->len; i++) {
		json_object_foreach(page_member(p->runs->pdata[i], "metrics"), key, v)
		{
			if (!g_str_has_prefix(key, prefix) || strchr(key + strlen(prefix), '.') ||
			    !(json_number_value(v) > 0) ||
			    g_ptr_array_find_with_equal_func(words, key + strlen(prefix),
							     g_str_equal, NULL))
				continue;
			g_ptr_array_add(words, g_strdup(key + strlen(prefix)));
		}
	}
	return words;
}

/* "hypervisor_to_guest" as a person says it. */
static char *spoken(const char *word)
{
	g_autofree char *blanks = g_strdelimit(g_strdup(word), "_", ' ');
	g_auto(GStrv) ends = g_strsplit(blanks, " to ", 2);

	return g_strv_length(ends) == 2 ? g_strdup_printf("%s → %s", ends[0], ends[1])
					: g_strdup(blanks);
}

struct account {
	const char *title, *prefix;
	bool per_packet;
};

/* Of each repeat; what a run does not have is 0 there. */
static struct stats account_stats(const struct page_run *run, const char *dir, const char *name,
				  bool per_packet)
{
	g_autofree char *full = g_strdup_printf("guests.%s.%s", dir, name);
	g_autofree char *packets = g_strdup_printf("guests.%s.delivered", dir);
	g_autofree __int128 *values = g_new(__int128, run->tops->len);
	__int128 delivered;

	for (guint i = 0; i < run->tops->len; i++) {
		if (!repeat_milli(run, i, full, &values[i]))
			values[i] = 0;
		if (per_packet && repeat_milli(run, i, packets, &delivered) && delivered)
			values[i] = values[i] * 1000 / delivered;
	}
	return stats_of(values, run->tops->len);
}

static void account_row(const struct page_run *run, size_t dir, const struct account *a,
			const GPtrArray *words, GString *out)
{
	html_row_open(out);
	html_row_head(out, run->label);
	for (guint k = 0; k < words->len; k++) {
		g_autofree char *name = g_strconcat(a->prefix, words->pdata[k], NULL);
		struct stats stats = account_stats(run, page_directions[dir], name, a->per_packet);

		page_put_mean(out, a->per_packet ? REPORT_RATIO : REPORT_COUNT, &stats);
	}
	html_row_close(out);
}

static void account(const struct page *p, size_t dir, const struct account *a, GString *out)
{
	g_autofree char *prefix = g_strdup_printf("guests.%s.%s", page_directions[dir], a->prefix);
	g_autoptr(GPtrArray) words = words_of(p, prefix);
	g_autofree char *caption = g_strdup_printf("%s, %s", a->title, direction_words[dir]);

	if (!words->len)
		return;
	html_table_open(out, caption);
	html_row_open(out);
	html_head(out, "run", false);
	for (guint k = 0; k < words->len; k++) {
		g_autofree char *word = spoken(words->pdata[k]);

		html_head(out, word, true);
	}
	html_row_close(out);
	html_body_open(out);
	for (guint i = 0; i < MIN(p->runs->len, PAGE_ROWS); i++)
		if (page_positive(p->runs->pdata[i], page_directions[dir], "packets"))
			account_row(p->runs->pdata[i], dir, a, words, out);
	html_table_close(out);
}

void page_ledger(const struct page *p, GString *out)
{
	static const struct account accounts[] = {
		{"CPU copies per delivered packet by site", "copies.", true},
		{"Bytes copied by site", "copy_bytes.", false},
		{"Fallbacks by reason", "fallbacks.", false},
		{"Drops by reason", "drops.", false},
	};
	g_autoptr(GString) tables = g_string_new(NULL);

	for (size_t d = 0; d < PAGE_DIRECTIONS; d++)
		for (size_t i = 0; i < G_N_ELEMENTS(accounts); i++)
			account(p, d, &accounts[i], tables);
	html_heading(out, 2, "ledger", "Ledger: copies, fallbacks, drops");
	if (!tables->len)
		html_paragraph(out, "No CPU copied a frame, nothing fell back, nothing was "
				    "dropped.");
	g_string_append(out, tables->str);
	if (p->runs->len > PAGE_ROWS)
		html_paragraph(out, "These are the first points; wide.csv of the study has all.");
}

/* ---- expectations ---- */

void page_expectations(const struct page *p, GString *out)
{
	g_autoptr(GString) rows = g_string_new(NULL);
	unsigned n[3] = {0};

	for (guint i = 0; i < p->runs->len; i++) {
		const struct page_run *run = p->runs->pdata[i];
		json_t *e;
		size_t k;

		json_array_foreach(page_member(run, "expect"), k, e)
		{
			const char *verdict = json_string_value(json_object_get(e, "verdict"));
			bool failed = g_strcmp0(verdict, "FAIL") == 0;

			n[failed ? 1 : g_strcmp0(verdict, "PASS") == 0 ? 0 : 2]++;
			if (!failed && p->runs->len > PAGE_WATERFALLS)
				continue;
			html_row_open(rows);
			g_string_append_printf(rows, "<td class=\"%s\">", failed ? "fail" : "pass");
			html_text(rows, verdict ? verdict : "");
			g_string_append(rows, "</td>");
			html_cell(rows, run->label, false);
			for (size_t c = 0; c < 3; c++) {
				static const char *const members[] = {"metric", "want", "got"};
				const char *text =
					json_string_value(json_object_get(e, members[c]));

				html_cell(rows, text ? text : "", false);
			}
			html_row_close(rows);
		}
	}
	if (!(n[0] + n[1] + n[2]))
		return;
	html_heading(out, 2, "expectations", "Expectations");
	g_string_append_printf(out, "<p>%u passed, %u failed, %u skipped.</p>\n", n[0], n[1], n[2]);
	if (!rows->len)
		return;
	html_table_open(out, "What the scenario expects, and what came");
	html_row_open(out);
	for (size_t c = 0; c < 5; c++) {
		static const char *const heads[] = {"verdict", "run", "metric", "want", "got"};

		html_head(out, heads[c], false);
	}
	html_row_close(out);
	html_body_open(out);
	g_string_append(out, rows->str);
	html_table_close(out);
}
