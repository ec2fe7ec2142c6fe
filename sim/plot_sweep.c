/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot_sweep.c - a figure for any study; see plot_sweep.h.
 *
 * All choices are made here and in the files beside (plot_sweep_impl.h), where they can be tested;
 * the script only draws.
 */
#include "plot_sweep_impl.h"

#include <string.h>

#include "nearest.h"
#include "sim_error.h"

/* ---- places ---- */

/* Its place among the names, from 0; a new one is put behind them. */
static guint place_of(GPtrArray *names, char *name)
{
	guint at;

	if (g_ptr_array_find_with_equal_func(names, name, g_str_equal, &at)) {
		g_free(name);
		return at;
	}
	g_ptr_array_add(names, name);
	return names->len - 1;
}

static guint x_place(struct sweep_figure *f, const struct run *r)
{
	struct axis_value v = {.text = f->x ? plot_text(f->s, r, f->x) : "", .number = 0};

	if (f->x && !f->x_words)
		plot_number(plot_value(r, f->x), &v.number);
	for (guint i = 0; i < f->xs->len; i++) {
		const struct axis_value *old = &g_array_index(f->xs, struct axis_value, i);

		if (f->x_words ? strcmp(old->text, v.text) == 0
			       : !(old->number < v.number) && !(old->number > v.number))
			return i;
	}
	if (f->x_words || !f->x)
		v.number = f->xs->len + 1;
	g_array_append_val(f->xs, v);
	return f->xs->len - 1;
}

/* ---- points ---- */

static double square_root(double v)
{
	double r = v > 1 ? v : 1;

	for (int i = 0; i < 2100 && v > 0; i++) {
		double next = 0.5 * (r + v / r);

		if (!(next < r))
			break;
		r = next;
	}
	return v > 0 ? r : 0;
}

/* Quantile 0.975 of Student's t by degrees of freedom. */
static double student(guint freedom)
{
	static const double t[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
				   2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
				   2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
				   2.060,  2.056, 2.052, 2.048, 2.045, 2.042};

	/* Beyond the table by its own asymptote, right to a thousandth. */
	return freedom <= G_N_ELEMENTS(t) ? t[freedom - 1] : 1.960 + 2.4 / freedom;
}

void plot_mean(const GArray *values, double *mean, double *half)
{
	double sum = 0, squares = 0;

	for (guint i = 0; i < values->len; i++)
		sum += g_array_index(values, double, i);
	*mean = sum / values->len;
	for (guint i = 0; i < values->len; i++) {
		double d = g_array_index(values, double, i) - *mean;

		squares += d * d;
	}
	*half = values->len > 1 ? student(values->len - 1) *
					  square_root(squares / (values->len - 1) / values->len)
				: 0;
}

static void point_clear(void *data)
{
	g_array_unref(((struct sweep_point *)data)->values);
}

static GArray *points_of(struct sweep_figure *f)
{
	GArray *points = g_array_new(FALSE, FALSE, sizeof(struct sweep_point));

	g_array_set_clear_func(points, point_clear);
	for (guint i = 0; i < f->s->runs->len; i++) {
		const struct run *r = f->s->runs->pdata[i];
		struct sweep_point p = {.first = r}, *own = NULL;
		double value;

		if (!plot_metric_named(r, f->metric, &value))
			continue;
		p.panel = place_of(f->panels, plot_name(f, r, f->panel_keys));
		p.line = place_of(f->lines, plot_name(f, r, f->line_keys));
		p.x = x_place(f, r);
		for (guint k = points->len; k-- > 0 && !own;) {
			own = &g_array_index(points, struct sweep_point, k);
			if (own->first->point != r->point)
				own = NULL;
		}
		if (!own) {
			g_array_append_val(points, p);
			own = &g_array_index(points, struct sweep_point, points->len - 1);
			own->values = g_array_new(FALSE, FALSE, sizeof(double));
		}
		g_array_append_val(own->values, value);
	}
	return points;
}

static int by_place(const void *pa, const void *pb, void *data)
{
	const struct sweep_point *a = pa, *b = pb;
	const struct sweep_figure *f = data;
	double xa = g_array_index(f->xs, struct axis_value, a->x).number;
	double xb = g_array_index(f->xs, struct axis_value, b->x).number;
	int d = (a->panel > b->panel) - (a->panel < b->panel);

	if (!d)
		d = (a->line > b->line) - (a->line < b->line);
	return d ? d : (xa > xb) - (xa < xb);
}

/* ---- axes ---- */

/* A readable multiple of the metric's unit, by the largest value. */
static void choose_unit(struct sweep_figure *f, const char *unit)
{
	static const struct {
		const char *unit, *shown;
		double scale;
	} units[] = {
		{"bit/s", "bit/s", 1},
		{"bit/s", "kbit/s", 1e3},
		{"bit/s", "Mbit/s", 1e6},
		{"bit/s", "Gbit/s", 1e9},
		{"bit/s", "Tbit/s", 1e12},
		{"ns", "ns", 1},
		{"ns", "µs", 1e3},
		{"ns", "ms", 1e6},
		{"ns", "s", 1e9},
		{"bytes", "B", 1},
		{"bytes", "KiB", 1024},
		{"bytes", "MiB", 1048576},
		{"bytes", "GiB", 1073741824},
	};
	static const char *const thousands[] = {"", "thousand", "million", "billion"};
	bool known = false;

	f->y_scale = 1;
	f->unit = g_strdup(unit);
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
		if (strcmp(units[i].unit, unit) != 0)
			continue;
		known = true;
		if (units[i].scale > 1 && f->y_most < units[i].scale)
			continue;
		f->y_scale = units[i].scale;
		g_free(f->unit);
		f->unit = g_strdup(units[i].shown);
	}
	for (size_t i = 1; !known && i < G_N_ELEMENTS(thousands) && f->y_most >= 2000; i++) {
		if (f->y_most / f->y_scale < 2000)
			break;
		f->y_scale *= 1000;
		g_free(f->unit);
		f->unit = g_strdup_printf("%s%s%s", thousands[i], *unit ? " " : "", unit);
	}
}

int plot_by_number(const void *a, const void *b)
{
	double x = ((const struct axis_value *)a)->number;
	double y = ((const struct axis_value *)b)->number;

	return (x > y) - (x < y);
}

/* Values that grow by factors: the middle one, or the lower of two, is far below the middle. */
static bool grows_by_factors(const GArray *sorted)
{
	const struct axis_value *v = (const void *)sorted->data;
	guint n = sorted->len;

	return n >= 4 && v[0].number > 0 && v[n - 1].number >= 16 * v[0].number &&
	       v[(n - 1) / 2].number < 0.35 * v[n - 1].number;
}

/* ---- what is asked ---- */

static bool judge_metric(const struct sweep_figure *f, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	GHashTableIter iter;
	void *name;

	if (g_hash_table_contains(f->s->units, f->metric)) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
			    "[plot] y: %s has no number at any point", f->metric);
		return false;
	}
	g_hash_table_iter_init(&iter, f->s->units);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		g_ptr_array_add(names, name);
	g_ptr_array_sort(names, plot_by_name);
	g_ptr_array_add(names, NULL);
	g_autofree char *hint =
		names->len < 2 ? g_strdup("") : nearest_hint(f->metric, (void *)names->pdata);
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
		    "[plot] y: no metric \"%s\" in this study; %s", f->metric,
		    names->len > 60 && strlen(hint) > 200 ? "see its wide.csv" : hint);
	return false;
}

static bool too_many(const char *what, guint n, unsigned int most, GError **error)
{
	if (n <= most)
		return false;
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
		    "[plot] %s: %u of them, at most %u can be told apart; choose other keys, or "
		    "fewer points with `sweep --only`",
		    what, n, most);
	return true;
}

static void figure_fini(struct sweep_figure *f)
{
	g_ptr_array_unref(f->line_keys);
	g_ptr_array_unref(f->panel_keys);
	g_ptr_array_unref(f->lines);
	g_ptr_array_unref(f->panels);
	g_array_unref(f->xs);
	g_free(f->unit);
}

static void measure(struct sweep_figure *f, const GArray *points)
{
	f->y_least = 1e300;
	for (guint i = 0; i < points->len; i++) {
		double mean, half;

		plot_mean(g_array_index(points, struct sweep_point, i).values, &mean, &half);
		f->y_most = MAX(f->y_most, mean + half);
		f->y_least = MIN(f->y_least, mean - half);
	}
}

static bool judge_log(struct sweep_figure *f, const struct plot_want *want, GError **error)
{
	g_autoptr(GArray) sorted = g_array_copy(f->xs);

	g_array_sort(sorted, plot_by_number);
	f->log_x = want->log ? strchr(want->log, 'x') != NULL
			     : f->x && !f->x_words && grows_by_factors(sorted);
	f->log_y = want->log && strchr(want->log, 'y');
	if (f->log_x && (f->x_words || g_array_index(sorted, struct axis_value, 0).number <= 0)) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
			    "[plot] log: x has values that no logarithm is of");
		return false;
	}
	if (f->log_y && f->y_least <= 0) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
			    "[plot] log: %s is 0 or less at some point; leave y out", f->metric);
		return false;
	}
	return true;
}

char *plot_sweep_table(const struct plot_data *s, const struct plot_want *want, const char *metric,
		       GError **error)
{
	struct sweep_figure f = {
		.s = s,
		.metric = metric,
		.line_keys = g_ptr_array_new(),
		.panel_keys = g_ptr_array_new(),
		.lines = g_ptr_array_new_with_free_func(g_free),
		.panels = g_ptr_array_new_with_free_func(g_free),
		.xs = g_array_new(FALSE, FALSE, sizeof(struct axis_value)),
	};
	g_autoptr(GArray) points = NULL;
	const char *unit = g_hash_table_lookup(s->units, metric);
	char *table = NULL;

	if (plot_choose_keys(&f, want, error)) {
		points = points_of(&f);
		measure(&f, points);
		if ((points->len || judge_metric(&f, error)) &&
		    !too_many("lines", f.lines->len, PLOT_LINES_MAX, error) &&
		    !too_many("panels", f.panels->len, PLOT_PANELS_MAX, error) &&
		    judge_log(&f, want, error)) {
			choose_unit(&f, unit ? unit : "");
			g_array_sort_with_data(points, by_place, &f);
			table = plot_layout(&f, want, points);
		}
	}
	figure_fini(&f);
	return table;
}

static bool any_number(const struct plot_data *s, const char *metric, bool positive)
{
	for (guint i = 0; i < s->runs->len; i++) {
		double v;

		if (plot_metric_named(s->runs->pdata[i], metric, &v) && (!positive || v > 0))
			return true;
	}
	return false;
}

GPtrArray *plot_sweep_metrics(const struct plot_data *s, const struct plot_want *want)
{
	static const char *const names[] = {"throughput_bps", "latency_ns.p99",
					    "copies_per_packet"};
	static const char *const found[] = {"search.holds", "search.holds_bps", "search.holds_ns",
					    "search.holds_bytes", "search.holds_hz"};
	GPtrArray *metrics = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) asked = g_strsplit(want->y ? want->y : "", ",", -1);

	for (char **y = asked; *y; y++)
		if (*g_strstrip(*y))
			g_ptr_array_add(metrics, g_strdup(*y));
	if (metrics->len)
		return metrics;
	for (size_t i = 0; i < G_N_ELEMENTS(found); i++)
		if (any_number(s, found[i], false))
			g_ptr_array_add(metrics, g_strdup(found[i]));
	for (size_t d = 0; plot_directions[d]; d++) {
		const char *dir = plot_directions[d];
		g_autofree char *delivered = g_strdup_printf("guests.%s.delivered", dir);

		for (size_t i = 0; any_number(s, delivered, true) && i < G_N_ELEMENTS(names); i++) {
			g_autofree char *metric = g_strdup_printf("guests.%s.%s", dir, names[i]);

			if (any_number(s, metric, false))
				g_ptr_array_add(metrics, g_steal_pointer(&metric));
		}
	}
	return metrics;
}
