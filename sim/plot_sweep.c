/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot_sweep.c - a figure for any study; see plot_sweep.h.
 *
 * The table has six gnuplot datasets: what is written around the panels with their size, panels,
 * lines with their place in the legend, marks of the x axis, points, and nothing else: all choices
 * are made here, where they can be tested, and the script only draws.
 *
 * Colour, dash and mark of a line follow its place, but for the policies, which look alike in all
 * figures.
 */
#include "plot_sweep.h"

#include <string.h>

#include "nearest.h"
#include "plot_impl.h"
#include "sim_error.h"

struct axis_value {
	const char *text; /* as in the table */
	double number;
};

struct sweep_figure {
	const struct plot_data *s;
	const char *metric;
	GPtrArray *line_keys, *panel_keys; /* const char * */
	const char *x;                     /* NULL: one point */
	bool x_words, log_x, log_y;
	GPtrArray *lines, *panels; /* names, in the order of the study */
	GArray *xs;                /* struct axis_value */
	double y_scale, y_least, y_most;
	char *unit;
};

struct sweep_point {
	unsigned int panel, line, x;
	const struct run *first;
	GArray *values; /* double */
};

static const char *value_of(const struct run *r, const char *key)
{
	const char *v = g_hash_table_lookup(r->keys, key);

	return v ? v : "";
}

static bool number_of(const char *text, double *number)
{
	char *end;

	*number = g_ascii_strtod(text, &end);
	return end != text && !*end;
}

/* ---- keys ---- */

static GPtrArray *values_of(const struct plot_data *s, const char *key)
{
	GPtrArray *values = g_ptr_array_new();

	for (guint i = 0; i < s->runs->len; i++) {
		const char *v = value_of(s->runs->pdata[i], key);

		if (!g_ptr_array_find_with_equal_func(values, v, g_str_equal, NULL))
			g_ptr_array_add(values, (void *)v);
	}
	return values;
}

static bool is_numeric(const struct plot_data *s, const char *key)
{
	double number;

	for (guint i = 0; i < s->runs->len; i++)
		if (!number_of(value_of(s->runs->pdata[i], key), &number))
			return false;
	return true;
}

/* Does the value of `by` tell that of `key`? */
static bool determines(const struct plot_data *s, const char *by, const char *key)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < s->runs->len; i++) {
		const struct run *r = s->runs->pdata[i];
		const char *v = value_of(r, key);
		const char *old = g_hash_table_lookup(seen, value_of(r, by));

		if (old && strcmp(old, v) != 0)
			return false;
		g_hash_table_insert(seen, (void *)value_of(r, by), (void *)v);
	}
	return true;
}

/* As [sweep] writes it, "bulk.size", or as the table does. */
static const char *find_key(const struct plot_data *s, const char *name)
{
	for (guint i = 0; i < s->keys->len; i++)
		if (strcmp(s->keys->pdata[i], name) == 0 ||
		    (i < s->key_names->len && strcmp(s->key_names->pdata[i], name) == 0))
			return s->keys->pdata[i];
	return NULL;
}

static const char *key_name(const struct plot_data *s, const char *key)
{
	guint i;

	return g_ptr_array_find_with_equal_func(s->keys, key, g_str_equal, &i) &&
			       i < s->key_names->len
		       ? s->key_names->pdata[i]
		       : key;
}

static const char *asked_key(const struct plot_data *s, const char *what, const char *name,
			     GError **error)
{
	const char *key = find_key(s, name);
	g_autofree const char **names = g_new0(const char *, s->keys->len + 1);

	if (key)
		return key;
	for (guint i = 0; i < s->keys->len; i++)
		names[i] = key_name(s, s->keys->pdata[i]);
	g_autofree char *hint = nearest_hint(name, names);
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "[plot] %s: \"%s\" is not swept; %s", what,
		    name, hint);
	return NULL;
}

static bool asked_keys(const struct plot_data *s, const char *what, const char *list,
		       GPtrArray *keys, GError **error)
{
	g_auto(GStrv) names = g_strsplit(list, ",", -1);

	for (char **name = names; *name; name++) {
		const char *key;

		if (!*g_strstrip(*name) || strcmp(*name, "none") == 0)
			continue;
		key = asked_key(s, what, *name, error);
		if (!key)
			return false;
		g_ptr_array_add(keys, (void *)key);
	}
	return true;
}

static bool taken(const struct sweep_figure *f, const char *key)
{
	return (f->x && strcmp(f->x, key) == 0) || g_ptr_array_find(f->line_keys, key, NULL) ||
	       g_ptr_array_find(f->panel_keys, key, NULL);
}

/* Known from the keys that are shown? */
static bool told(const struct sweep_figure *f, const char *key)
{
	if (f->x && determines(f->s, f->x, key))
		return true;
	for (guint i = 0; i < f->line_keys->len; i++)
		if (determines(f->s, f->line_keys->pdata[i], key))
			return true;
	for (guint i = 0; i < f->panel_keys->len; i++)
		if (determines(f->s, f->panel_keys->pdata[i], key))
			return true;
	return false;
}

/* The key with the most values, numbers before words. */
static const char *choose_x(const struct sweep_figure *f)
{
	const char *best = NULL;
	guint most = 1;

	for (int words = 0; words < 2 && !best; words++) {
		for (guint i = 0; i < f->s->keys->len; i++) {
			const char *key = f->s->keys->pdata[i];
			g_autoptr(GPtrArray) values = values_of(f->s, key);

			if (taken(f, key) || (!words && !is_numeric(f->s, key)) ||
			    values->len <= most)
				continue;
			best = key;
			most = values->len;
		}
	}
	return best;
}

static const char *choose_line(const struct sweep_figure *f)
{
	const char *best = NULL;
	guint fewest = PLOT_LINES_MAX + 1;

	for (guint i = 0; i < f->s->keys->len; i++) {
		const char *key = f->s->keys->pdata[i];
		g_autoptr(GPtrArray) values = values_of(f->s, key);

		if (taken(f, key) || told(f, key) || values->len < 2)
			continue;
		if (g_str_has_suffix(key, "_policy") || g_str_has_suffix(key, "_system"))
			return key;
		if (values->len < fewest) {
			best = key;
			fewest = values->len;
		}
	}
	return best;
}

static bool choose_keys(struct sweep_figure *f, const struct plot_want *want, GError **error)
{
	const char *line;

	if (want->x && !(f->x = asked_key(f->s, "x", want->x, error)))
		return false;
	if ((want->lines && !asked_keys(f->s, "lines", want->lines, f->line_keys, error)) ||
	    (want->panels && !asked_keys(f->s, "panels", want->panels, f->panel_keys, error)))
		return false;
	if (!f->x)
		f->x = choose_x(f);
	if (!want->lines && (line = choose_line(f)))
		g_ptr_array_add(f->line_keys, (void *)line);
	for (guint i = 0; i < f->s->keys->len && !want->panels; i++) {
		const char *key = f->s->keys->pdata[i];

		if (!taken(f, key) && !told(f, key))
			g_ptr_array_add(f->panel_keys, (void *)key);
	}
	for (guint i = 0; i < f->s->keys->len; i++) {
		const char *key = f->s->keys->pdata[i];

		if (taken(f, key) || told(f, key))
			continue;
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
			    "[plot]: %s varies, too; name it in x, lines or panels, or choose its "
			    "points with `sweep --only`",
			    key_name(f->s, key));
		return false;
	}
	f->x_words = f->x && !is_numeric(f->s, f->x);
	return true;
}

/* ---- names of lines and panels ---- */

/* The value as the scenario has it, "64KiB", if that is known. */
static const char *text_of(const struct plot_data *s, const struct run *r, const char *key)
{
	g_autofree char *at = g_strdup_printf("%u.%s", r->point, key_name(s, key));
	const char *text = g_hash_table_lookup(s->texts, at);

	return text ? text : value_of(r, key);
}

/* "cores" of "host.cores", unless two keys end so. */
static const char *short_name(const struct plot_data *s, const char *name)
{
	const char *dot = strrchr(name, '.');

	for (guint i = 0; dot && i < s->key_names->len; i++) {
		const char *other = s->key_names->pdata[i];
		const char *end = strrchr(other, '.');

		if (strcmp(other, name) != 0 && end && strcmp(end, dot) == 0)
			return name;
	}
	return dot ? dot + 1 : name;
}

static char *name_of(const struct sweep_figure *f, const struct run *r, const GPtrArray *keys)
{
	GString *name = g_string_new(NULL);

	for (guint i = 0; i < keys->len; i++) {
		const char *text = text_of(f->s, r, keys->pdata[i]);
		const char *key = key_name(f->s, keys->pdata[i]);
		double number;
		bool bare =
			g_ascii_isdigit(*text) || number_of(text, &number) || keys == f->panel_keys;

		if (name->len)
			g_string_append(name, ", ");
		if (bare && !g_str_has_suffix(key, "policy"))
			g_string_append_printf(name, "%s ", short_name(f->s, key));
		g_string_append(name, text);
	}
	g_strdelimit(name->str, "\"\n\\", '_');
	return g_string_free(name, FALSE);
}

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
	struct axis_value v = {.text = f->x ? text_of(f->s, r, f->x) : "", .number = 0};

	if (f->x && !f->x_words)
		number_of(value_of(r, f->x), &v.number);
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

static void mean_of(const GArray *values, double *mean, double *half)
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
		p.panel = place_of(f->panels, name_of(f, r, f->panel_keys));
		p.line = place_of(f->lines, name_of(f, r, f->line_keys));
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

static int by_number(const void *a, const void *b)
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
		f->x ? g_strdup_printf("%s, by %s", word, key_name(f->s, f->x)) : g_strdup(word);

	if (bars)
		g_string_append(about, ", means with 95% confidence intervals");
	g_string_append(out, "# title about x y log_x log_y columns panel_width panel_height width "
			     "height legend_rows\n");
	put_text(out, want->title ? want->title : title);
	put_text(out, about->str);
	put_text(out, f->x ? key_name(f->s, f->x) : "");
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

	g_array_sort(sorted, by_number);
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
		mean_of(p->values, &mean, &half);
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

static char *put_all(struct sweep_figure *f, const struct plot_want *want, const GArray *points)
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

		mean_of(g_array_index(points, struct sweep_point, i).values, &mean, &half);
		f->y_most = MAX(f->y_most, mean + half);
		f->y_least = MIN(f->y_least, mean - half);
	}
}

static bool judge_log(struct sweep_figure *f, const struct plot_want *want, GError **error)
{
	g_autoptr(GArray) sorted = g_array_copy(f->xs);

	g_array_sort(sorted, by_number);
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

	if (choose_keys(&f, want, error)) {
		points = points_of(&f);
		measure(&f, points);
		if ((points->len || judge_metric(&f, error)) &&
		    !too_many("lines", f.lines->len, PLOT_LINES_MAX, error) &&
		    !too_many("panels", f.panels->len, PLOT_PANELS_MAX, error) &&
		    judge_log(&f, want, error)) {
			choose_unit(&f, unit ? unit : "");
			g_array_sort_with_data(points, by_place, &f);
			table = put_all(&f, want, points);
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
