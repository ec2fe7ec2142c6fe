/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot_layout.c - the table that plots/sweep.gp draws: what is written around the panels with their
 * size, panels, lines with their place in the legend, marks of the x axis, points.
 *
 * Colour, dash and mark of a line follow its place, but for the policies, which look alike in all
 * figures.
 */
#include "plot_sweep_impl.h"

#include <string.h>

/* "guests.rx.latency_ns.p99" as a person says it. */
static char *metric_word(const char *metric)
{
	static const char *const words[][2] = {
		{"throughput_bps", "Throughput"},
		{"packets_per_second", "Packet rate"},
		{"latency_ns.mean", "Latency, mean"},
		{"latency_ns.p50", "Latency, median"},
		{"latency_ns.p90", "Latency, 90th percentile"},
		{"latency_ns.p99", "Latency, 99th percentile"},
		{"latency_ns.p999", "Latency, 99.9th percentile"},
		{"latency_ns.max", "Latency, maximum"},
		{"copies_per_packet", "Copies per packet"},
		{"drops", "Frames dropped"},
	};
	static const char *const ends[][2] = {{"guests.rx.", "receive"},
					      {"guests.tx.", "send"},
					      {"guests.local.", "between guests"}};

	if (g_str_has_prefix(metric, "search.holds"))
		return g_strdup("Threshold found by the search");
	for (size_t d = 0; d < G_N_ELEMENTS(ends); d++)
		for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
			if (g_str_has_prefix(metric, ends[d][0]) &&
			    strcmp(metric + strlen(ends[d][0]), words[i][0]) == 0)
				return g_strdup_printf("%s, %s", words[i][1], ends[d][1]);
	return g_strdup(metric);
}

/* ---- the table ---- */

static void put_number(GString *out, double v)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	g_string_append_c(out, ' ');
	g_string_append(out, g_ascii_formatd(text, sizeof(text), "%.9g", v));
}

static void put_text(GString *out, const char *text)
{
	g_autofree char *plain = g_strdelimit(g_strdup(text), "\"\n\\", '_');

	g_string_append_printf(out, " \"%s\"", plain);
}

/* Width of a text in pixels of a figure, at its ordinary size. */
static double text_px(const char *text)
{
	return 6.4 * (double)g_utf8_strlen(text, -1);
}

struct layout {
	unsigned int columns, legend_rows;
	double panel_width, panel_height, width, height;
};

static struct layout layout_of(const struct sweep_figure *f)
{
	guint n = f->panels->len;
	struct layout l = {.columns = n <= 1 ? 1 : n == 2 || n == 4 ? 2 : n <= 12 ? 3 : 4};
	unsigned int rows = (n + l.columns - 1) / l.columns;
	double at = 0;

	l.panel_width = l.columns == 1 ? 640 : l.columns == 2 ? 440 : l.columns == 3 ? 330 : 290;
	l.panel_height = l.columns == 1 ? 360 : 250;
	for (guint i = 0; i < n; i++)
		l.panel_width = MAX(l.panel_width, 90 + text_px(f->panels->pdata[i]));
	l.width = l.columns * l.panel_width + 20;
	for (guint i = 0; i < f->lines->len; i++) {
		double need = 66 + text_px(f->lines->pdata[i]);

		if (i && at + need > l.width - 40) {
			l.legend_rows++;
			at = 0;
		}
		at += need;
	}
	l.legend_rows += f->lines->len > 1;
	l.height = 70 + rows * l.panel_height + 30 + 22 * l.legend_rows;
	return l;
}

static void put_header(const struct sweep_figure *f, const struct plot_want *want,
		       const struct layout *l, bool bars, GString *out)
{
	g_autofree char *word = metric_word(f->metric);
	g_autofree char *label =
		*f->unit ? g_strdup_printf("%s (%s)", word, f->unit) : g_strdup(word);
	g_autoptr(GString) about = g_string_new(f->s->about);
	g_autofree char *title =
		f->x ? g_strdup_printf("%s, by %s", word, plot_key_name(f->s, f->x))
		     : g_strdup(word);

	if (bars)
		g_string_append(about, ", means with 95% confidence intervals");
	g_string_append(out, "# title about x y log_x log_y columns panel_width panel_height width "
			     "height legend_rows\n");
	put_text(out, want->title ? want->title : title);
	put_text(out, about->str);
	put_text(out, f->x ? plot_key_name(f->s, f->x) : "");
	put_text(out, label);
	g_string_append_printf(out, " %d %d %u", f->log_x, f->log_y, l->columns);
	put_number(out, l->panel_width);
	put_number(out, l->panel_height);
	put_number(out, l->width);
	put_number(out, l->height);
	g_string_append_printf(out, " %u\n", l->legend_rows);
}

/* Policies look alike in all figures; others follow behind them where there are any. */
static unsigned int style_of(const struct sweep_figure *f, guint line)
{
	static const char *const known[] = {"null", "copy", "single-copy", "zero-copy"};
	unsigned int others = 0;
	bool any = false;

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
		if (strcmp(f->lines->pdata[line], known[i]) == 0)
			return (unsigned int)i + 1;
		any |= g_ptr_array_find_with_equal_func(f->lines, known[i], g_str_equal, NULL);
	}
	for (guint i = 0; i < line; i++)
		others++;
	return any ? 5 + others % (PLOT_LINES_MAX - 4) : 1 + (others + 1) % PLOT_LINES_MAX;
}

static void put_legend(const struct sweep_figure *f, const struct layout *l, GString *out)
{
	double at = 0;
	unsigned int row = 0;

	g_string_append(out, "\n\n# line style legend_row legend_px name\n");
	for (guint i = 0; i < f->lines->len; i++) {
		double need = 66 + text_px(f->lines->pdata[i]);

		if (i && at + need > l->width - 40) {
			row++;
			at = 0;
		}
		g_string_append_printf(out, "%u %u %u", i + 1, style_of(f, i), row);
		put_number(out, at + 20);
		put_text(out, f->lines->pdata[i]);
		g_string_append_c(out, '\n');
		at += need;
	}
}

static double place_on_axis(const struct sweep_figure *f, const GArray *sorted, double v)
{
	const struct axis_value *x = (const void *)sorted->data;
	double lo = x[0].number, hi = x[sorted->len - 1].number;
	double at = lo, steps = 0, all = 0;

	if (!(hi > lo))
		return 0.5;
	if (!f->log_x)
		return (v - lo) / (hi - lo);
	/* Doublings, without a logarithm: fine enough for marks. */
	while (at < hi) {
		all++;
		steps += at < v;
		at *= 1.02;
	}
	return steps / all;
}

/* Marks at the values themselves, as many as there is room for. */
static void put_marks(const struct sweep_figure *f, const struct layout *l, GString *out)
{
	g_autoptr(GArray) sorted = g_array_copy(f->xs);
	double room = l->panel_width - 110, right = -1e9;

	g_array_sort(sorted, plot_by_number);
	g_string_append(out, "\n\n# x mark\n");
	for (guint i = 0; i < sorted->len; i++) {
		const struct axis_value *v = &g_array_index(sorted, struct axis_value, i);
		double px = room * place_on_axis(f, sorted, v->number);
		double half = 0.5 * text_px(v->text);
		bool fits = px - half > right + 8;

		put_number(out, v->number);
		put_text(out, fits ? v->text : "");
		g_string_append_c(out, '\n');
		if (fits)
			right = px + half;
	}
}

static bool put_points(const struct sweep_figure *f, const GArray *points, GString *out)
{
	unsigned int panel = 0, line = 0;
	bool bars = false;

	g_string_append(out, "\n\n# panel line x y low high n\n");
	for (guint i = 0; i < points->len; i++) {
		const struct sweep_point *p = &g_array_index(points, struct sweep_point, i);
		double mean, half;

		/* A blank line ends a curve. */
		if (i && (p->panel != panel || p->line != line))
			g_string_append_c(out, '\n');
		panel = p->panel;
		line = p->line;
		plot_mean(p->values, &mean, &half);
		g_string_append_printf(out, "%u %u", panel + 1, line + 1);
		put_number(out, g_array_index(f->xs, struct axis_value, p->x).number);
		put_number(out, mean / f->y_scale);
		put_number(out, (mean - half) / f->y_scale);
		put_number(out, (mean + half) / f->y_scale);
		g_string_append_printf(out, " %u\n", p->values->len);
		bars |= p->values->len > 1;
	}
	return bars;
}

char *plot_layout(const struct sweep_figure *f, const struct plot_want *want, const GArray *points)
{
	struct layout l = layout_of(f);
	g_autoptr(GString) rows = g_string_new(NULL);
	bool bars = put_points(f, points, rows);
	GString *out = g_string_new("# Drawn by the script beside it.\n");

	put_header(f, want, &l, bars, out);
	g_string_append(out, "\n\n# panel name\n");
	for (guint i = 0; i < f->panels->len; i++) {
		g_string_append_printf(out, "%u", i + 1);
		put_text(out, f->panels->pdata[i]);
		g_string_append_c(out, '\n');
	}
	put_legend(f, &l, out);
	put_marks(f, &l, out);
	g_string_append(out, rows->str);
	return g_string_free(out, FALSE);
}
