/* SPDX-License-Identifier: GPL-2.0-or-later */
/* explain.c - where the time went, as text and JSON; see explain.h. */
#include "explain.h"
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include "report.h"

enum {
	BAR = 24,     /* columns of a waterfall */
	USE_BAR = 10, /* of a resource */
	SHOWN_RESOURCES = 8,
	SHOWN_RINGS = 6,
	SHOWN_WORKS = 3,
	WIDTH = 80,
};

struct stage {
	char *name;
	struct explain_times times;
};

struct waterfall {
	char *direction;
	uint64_t frames;
	struct explain_times whole;
	GArray *stages; /* struct stage */
};

struct work {
	char *name;
	uint64_t ps;
};

struct resource {
	char *name;
	uint64_t busy, spin, capacity;
	GArray *works; /* struct work */
	guint order;   /* as given */
};

struct ring {
	struct explain_ring r; /* its strings are ours */
	guint order;
};

struct explain {
	sim_time window;
	GArray *waterfalls, *resources, *rings;
	char *bound, *advice;
	uint64_t bound_num, bound_den;
};

/* ---- gathering ---- */

static void stage_clear(void *p)
{
	g_free(((struct stage *)p)->name);
}

static void work_clear(void *p)
{
	g_free(((struct work *)p)->name);
}

static void waterfall_clear(void *p)
{
	struct waterfall *w = p;

	g_free(w->direction);
	g_array_unref(w->stages);
}

static void resource_clear(void *p)
{
	struct resource *r = p;

	g_free(r->name);
	g_array_unref(r->works);
}

static void ring_clear(void *p)
{
	struct ring *r = p;

	g_free((char *)r->r.name);
	g_free((char *)r->r.of);
}

static GArray *list_of(size_t size, GDestroyNotify clear)
{
	GArray *a = g_array_new(FALSE, TRUE, (guint)size);

	g_array_set_clear_func(a, clear);
	return a;
}

struct explain *explain_new(sim_time window)
{
	struct explain *e = g_new0(struct explain, 1);

	e->window = window;
	e->waterfalls = list_of(sizeof(struct waterfall), waterfall_clear);
	e->resources = list_of(sizeof(struct resource), resource_clear);
	e->rings = list_of(sizeof(struct ring), ring_clear);
	return e;
}

void explain_free(struct explain *e)
{
	if (!e)
		return;
	g_array_unref(e->waterfalls);
	g_array_unref(e->resources);
	g_array_unref(e->rings);
	g_free(e->bound);
	g_free(e->advice);
	g_free(e);
}

void explain_waterfall(struct explain *e, const char *direction, uint64_t frames,
		       const struct explain_times *whole)
{
	struct waterfall w = {g_strdup(direction), frames, *whole,
			      list_of(sizeof(struct stage), stage_clear)};

	g_array_append_val(e->waterfalls, w);
}

void explain_stage(struct explain *e, const char *stage, const struct explain_times *times)
{
	struct waterfall *w =
		&g_array_index(e->waterfalls, struct waterfall, e->waterfalls->len - 1);
	struct stage s = {g_strdup(stage), *times};

	g_array_append_val(w->stages, s);
}

void explain_resource(struct explain *e, const char *name, uint64_t busy, uint64_t capacity)
{
	struct resource r = {g_strdup(name),
			     busy,
			     0,
			     capacity ? capacity : e->window,
			     list_of(sizeof(struct work), work_clear),
			     e->resources->len};

	g_array_append_val(e->resources, r);
}

void explain_work(struct explain *e, const char *work, uint64_t ps)
{
	struct resource *r = &g_array_index(e->resources, struct resource, e->resources->len - 1);
	struct work w = {g_strdup(work), ps};

	if (ps)
		g_array_append_val(r->works, w);
	else
		work_clear(&w);
}

void explain_spin(struct explain *e, uint64_t ps)
{
	g_array_index(e->resources, struct resource, e->resources->len - 1).spin = ps;
}

void explain_ring(struct explain *e, const struct explain_ring *ring)
{
	guint n = e->rings->len;
	struct ring *r;

	g_array_set_size(e->rings, n + 1);
	r = &g_array_index(e->rings, struct ring, n);
	r->r = *ring;
	r->r.name = g_strdup(ring->name);
	r->r.of = g_strdup(ring->of);
	r->order = n;
}

void explain_bound(struct explain *e, const char *name, uint64_t num, uint64_t den,
		   const char *advice)
{
	g_free(e->bound);
	g_free(e->advice);
	e->bound = g_strdup(name);
	e->advice = g_strdup(advice);
	e->bound_num = num;
	e->bound_den = den;
}

/* ---- order: the busiest first, else as given ---- */

static int by_share(uint64_t num_a, uint64_t den_a, uint64_t num_b, uint64_t den_b)
{
	unsigned __int128 a = (unsigned __int128)num_a * den_b;
	unsigned __int128 b = (unsigned __int128)num_b * den_a;

	return a == b ? 0 : a > b ? -1 : 1;
}

static gint resource_order(gconstpointer p, gconstpointer q)
{
	const struct resource *a = p, *b = q;
	int c = by_share(a->busy, a->capacity, b->busy, b->capacity);

	return c ? c : (int)a->order - (int)b->order;
}

static gint work_order(gconstpointer p, gconstpointer q)
{
	const struct work *a = p, *b = q;
	int c = by_share(a->ps, 1, b->ps, 1);

	return c ? c : strcmp(a->name, b->name);
}

/* Rings that cost frames, then those that were fullest. */
static gint ring_order(gconstpointer p, gconstpointer q)
{
	const struct ring *a = p, *b = q;
	int c = by_share(a->r.misses, a->r.frames + 1, b->r.misses, b->r.frames + 1);

	if (!c)
		c = by_share(a->r.max, a->r.size, b->r.max, b->r.size);
	return c ? c : (int)a->order - (int)b->order;
}

static void sort_all(const struct explain *e)
{
	g_array_sort(e->resources, resource_order);
	g_array_sort(e->rings, ring_order);
	for (guint i = 0; i < e->resources->len; i++)
		g_array_sort(g_array_index(e->resources, struct resource, i).works, work_order);
}

/* ---- as JSON ---- */

static struct result_value ratio(unsigned __int128 num, unsigned __int128 den)
{
	return (struct result_value){
		.type = den ? RESULT_RATIO : RESULT_NULL, .num = num, .den = den};
}

static json_t *number(unsigned __int128 num, unsigned __int128 den)
{
	struct result_value v = ratio(num, den);
	unsigned __int128 milli;

	if (!den)
		return json_null();
	milli = result_milli(&v);
	return milli % 1000 ? json_real((double)milli / 1000)
			    : json_integer((json_int_t)(milli / 1000));
}

static json_t *times_json(const struct explain_times *t, uint64_t frames)
{
	json_t *o = json_object();

	json_object_set_new(o, "mean", number(t->sum, (unsigned __int128)frames * 1000));
	json_object_set_new(o, "p50", frames ? number(t->p50, 1000) : json_null());
	json_object_set_new(o, "p99", frames ? number(t->p99, 1000) : json_null());
	return o;
}

static json_t *waterfall_json(const struct waterfall *w)
{
	json_t *o = json_object(), *list = json_array();

	json_object_set_new(o, "frames", json_integer((json_int_t)w->frames));
	json_object_set_new(o, "latency_ns", times_json(&w->whole, w->frames));
	for (guint i = 0; i < w->stages->len; i++) {
		const struct stage *s = &g_array_index(w->stages, struct stage, i);
		json_t *stage = json_object(), *times = times_json(&s->times, w->frames);

		json_object_set_new(stage, "stage", json_string(s->name));
		json_object_update(stage, times);
		json_decref(times);
		json_array_append_new(list, stage);
	}
	json_object_set_new(o, "stages", list);
	return o;
}

static json_t *resource_json(const struct resource *r)
{
	json_t *o = json_object(), *works = json_object();

	json_object_set_new(o, "name", json_string(r->name));
	json_object_set_new(o, "utilization", number(r->busy, r->capacity));
	if (r->spin)
		json_object_set_new(o, "spin", number(r->spin, r->capacity));
	for (guint i = 0; i < r->works->len; i++) {
		const struct work *w = &g_array_index(r->works, struct work, i);

		json_object_set_new(works, w->name, number(w->ps, r->capacity));
	}
	if (r->works->len)
		json_object_set(o, "work", works);
	json_decref(works);
	return o;
}

static json_t *ring_json(const struct explain_ring *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "name", json_string(r->name));
	json_object_set_new(o, "size", json_integer((json_int_t)r->size));
	json_object_set_new(o, "holds", json_string(r->of));
	json_object_set_new(o, "mean", number(r->filled, r->looks));
	json_object_set_new(o, "max", json_integer((json_int_t)r->max));
	json_object_set_new(o, "misses", json_integer((json_int_t)r->misses));
	return o;
}

json_t *explain_json(const struct explain *e)
{
	json_t *o = json_object(), *falls = json_object(), *list = json_array(),
	       *rings = json_array(), *bound = json_object();

	sort_all(e);
	json_object_set_new(bound, "name", json_string(e->bound));
	json_object_set_new(bound, "utilization", number(e->bound_num, e->bound_den));
	json_object_set_new(bound, "advice", json_string(e->advice));
	for (guint i = 0; i < e->waterfalls->len; i++) {
		const struct waterfall *w = &g_array_index(e->waterfalls, struct waterfall, i);

		json_object_set_new(falls, w->direction, waterfall_json(w));
	}
	for (guint i = 0; i < MIN(e->resources->len, EXPLAIN_RESOURCES); i++)
		json_array_append_new(
			list, resource_json(&g_array_index(e->resources, struct resource, i)));
	for (guint i = 0; i < MIN(e->rings->len, EXPLAIN_RINGS); i++)
		json_array_append_new(rings, ring_json(&g_array_index(e->rings, struct ring, i).r));
	json_object_set_new(o, "bound", bound);
	json_object_set_new(o, "window_ns", number(e->window, 1000));
	json_object_set_new(o, "waterfall", falls);
	json_object_set_new(o, "resources", list);
	json_object_set_new(o, "rings", rings);
	return o;
}

/* ---- as text ---- */

static void cell(struct report_table *t, enum report_fmt fmt, struct result_value v)
{
	g_autoptr(GString) text = g_string_new(NULL);

	report_value(fmt, &v, text);
	report_table_cell(t, text->str, true);
}

static void times_cells(struct report_table *t, const struct explain_times *times,
			const struct waterfall *w)
{
	cell(t, REPORT_TIME_NS, ratio(times->sum, (unsigned __int128)w->frames * 1000));
	cell(t, REPORT_PERCENT, ratio(times->sum, w->whole.sum));
	cell(t, REPORT_TIME_NS, ratio(times->p50, 1000));
	cell(t, REPORT_TIME_NS, ratio(times->p99, 1000));
}

/* Columns `from` to `to` of a bar, at least one. */
static void bar_cell(struct report_table *t, unsigned from, unsigned to)
{
	g_autoptr(GString) bar = g_string_new(NULL);

	from = MIN(from, BAR - 1);
	g_string_append_printf(bar, "%*s", (int)from, "");
	do
		g_string_append_c(bar, '#');
	while (++from < to);
	report_table_cell(t, bar->str, false);
}

static void print_waterfall(const struct waterfall *w, GString *out)
{
	struct report_table *t = report_table_new();
	static const char *const heads[] = {"mean", "share", "p50", "p99"};
	unsigned __int128 before = 0, whole = w->whole.sum ? w->whole.sum : 1;

	report_table_cell(t, w->direction, false);
	for (size_t i = 0; i < G_N_ELEMENTS(heads); i++)
		report_table_cell(t, heads[i], true);
	report_table_row(t);
	for (guint i = 0; i < w->stages->len; i++) {
		const struct stage *s = &g_array_index(w->stages, struct stage, i);

		if (!s->times.sum)
			continue;
		report_table_cell(t, s->name, false);
		times_cells(t, &s->times, w);
		bar_cell(t, (unsigned)(before * BAR / whole),
			 (unsigned)((before + s->times.sum) * BAR / whole));
		report_table_row(t);
		before += s->times.sum;
	}
	report_table_cell(t, "in all", false);
	times_cells(t, &w->whole, w);
	report_table_row(t);
	report_table_print(t, out);
	report_table_free(t);
}

/* "copy 43.0%, vq_pop 10.2%", as far as they go. */
static void works_cell(struct report_table *t, const struct resource *r)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < MIN(r->works->len, SHOWN_WORKS); i++) {
		const struct work *w = &g_array_index(r->works, struct work, i);
		struct result_value share = ratio(w->ps, r->capacity);

		g_string_append_printf(text, "%s%s ", i ? ", " : "", w->name);
		report_value(REPORT_PERCENT, &share, text);
	}
	if (r->spin) {
		struct result_value share = ratio(r->spin, r->capacity);

		g_string_append_printf(text, "%sspins ", text->len ? "; " : "");
		report_value(REPORT_PERCENT, &share, text);
	}
	report_table_cell(t, text->str, false);
}

static void more(GString *out, guint all, guint shown)
{
	if (all > shown)
		g_string_append_printf(out, "  and %u less so\n", all - shown);
}

static void print_resources(const struct explain *e, GString *out)
{
	struct report_table *t = report_table_new();
	guint busy = 0;

	for (guint i = 0; i < e->resources->len; i++) {
		const struct resource *r = &g_array_index(e->resources, struct resource, i);
		g_autofree char *bar = NULL;
		unsigned marks;

		if (!r->busy || !r->capacity || busy++ >= SHOWN_RESOURCES)
			continue;
		marks = (unsigned)((unsigned __int128)r->busy * USE_BAR / r->capacity);
		bar = g_strnfill(MIN(marks, USE_BAR), '#');
		report_table_cell(t, r->name, false);
		cell(t, REPORT_PERCENT, ratio(r->busy, r->capacity));
		report_table_cell(t, bar, false);
		works_cell(t, r);
		report_table_row(t);
	}
	if (busy) {
		g_string_append(out, "\nwhat is busy, and with what\n");
		report_table_print(t, out);
		more(out, busy, SHOWN_RESOURCES);
	}
	report_table_free(t);
}

static void print_rings(const struct explain *e, GString *out)
{
	struct report_table *t = report_table_new();
	static const char *const heads[] = {"", "mean", "most", "size", "missed"};
	guint used = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(heads); i++)
		report_table_cell(t, heads[i], i > 0);
	report_table_row(t);
	for (guint i = 0; i < e->rings->len; i++) {
		const struct explain_ring *r = &g_array_index(e->rings, struct ring, i).r;

		if ((!r->looks && !r->misses) || used++ >= SHOWN_RINGS)
			continue;
		report_table_cell(t, r->name, false);
		cell(t, REPORT_RATIO, ratio(r->filled, r->looks));
		cell(t, REPORT_COUNT, ratio(r->max, 1));
		cell(t, REPORT_COUNT, ratio(r->size, 1));
		cell(t, REPORT_COUNT, ratio(r->misses, 1));
		report_table_cell(t, r->of, false);
		report_table_row(t);
	}
	if (used) {
		g_string_append(out, "\nrings\n");
		report_table_print(t, out);
		more(out, used, SHOWN_RINGS);
	}
	report_table_free(t);
}

/* A sentence in lines of at most WIDTH columns. */
static void print_wrapped(const char *text, GString *out)
{
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	size_t column = 0;

	for (char **w = words; *w; w++) {
		size_t len = (size_t)g_utf8_strlen(*w, -1);

		if (column && column + 1 + len > WIDTH) {
			g_string_append_c(out, '\n');
			column = 0;
		}
		g_string_append_printf(out, "%s%s", column ? " " : "", *w);
		column += len + (column ? 1 : 0);
	}
	g_string_append_c(out, '\n');
}

void explain_print(const struct explain *e, GString *out)
{
	sort_all(e);
	for (guint i = 0; i < e->waterfalls->len; i++) {
		const struct waterfall *w = &g_array_index(e->waterfalls, struct waterfall, i);

		if (!w->frames)
			continue;
		g_string_append(out, i ? "\n" : "\nwhere the time of a packet goes\n");
		print_waterfall(w, out);
	}
	print_resources(e, out);
	print_rings(e, out);
	if (e->bound) {
		struct result_value share = ratio(e->bound_num, e->bound_den);
		g_autoptr(GString) text = g_string_new(NULL);

		g_string_append_printf(text, "bound by %s, at ", e->bound);
		report_value(REPORT_PERCENT, &share, text);
		g_string_append_printf(text, ": %s", e->advice);
		g_string_append_c(out, '\n');
		print_wrapped(text->str, out);
	}
}
