/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot_read.c - result files and tables as runs and histograms, for figures.
 *
 * Results are read into runs (point, repeat, keys, metrics of the object `guests`) and latency
 * histograms by point and direction. Runs stand in the order of the table or of the arguments, and
 * files of a folder are read in the order of their names: nothing depends on that of the folder.
 */
#include "plot_impl.h"

#include <string.h>
#include <jansson.h>

#include "schema.h"
#include "sim_error.h"

const char *const plot_directions[] = {"rx", "tx", "local", NULL};

static void run_free(void *p)
{
	struct run *r = p;

	g_free(r->path);
	g_free(r->file);
	g_hash_table_unref(r->keys);
	g_hash_table_unref(r->config);
	g_hash_table_unref(r->metrics);
	g_free(r);
}

static struct run *run_new(unsigned int point, unsigned int repeat)
{
	struct run *r = g_new0(struct run, 1);

	r->point = point;
	r->repeat = repeat;
	r->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	r->config = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	r->metrics = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return r;
}

void plot_data_init(struct plot_data *s)
{
	memset(s, 0, sizeof(*s));
	s->runs = g_ptr_array_new_with_free_func(run_free);
	s->keys = g_ptr_array_new_with_free_func(g_free);
	s->key_names = g_ptr_array_new_with_free_func(g_free);
	s->texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	s->units = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	s->hists = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					 (GDestroyNotify)g_array_unref);
}

void plot_data_fini(struct plot_data *s)
{
	g_free(s->about);
	g_ptr_array_unref(s->runs);
	g_ptr_array_unref(s->keys);
	g_ptr_array_unref(s->key_names);
	g_hash_table_unref(s->texts);
	g_hash_table_unref(s->units);
	g_hash_table_unref(s->hists);
}

static void metric_set(struct run *r, const char *name, double value)
{
	double *v = g_new(double, 1);

	*v = value;
	g_hash_table_insert(r->metrics, g_strdup(name), v);
}

/* Metric DIRECTION.NAME of all guests; false if the run has none. */
bool plot_metric(const struct run *r, const char *direction, const char *name, double *value)
{
	g_autofree char *full = g_strconcat(direction, ".", name, NULL);
	const double *v = g_hash_table_lookup(r->metrics, full);

	if (v)
		*value = *v;
	return v != NULL;
}

bool plot_metric_named(const struct run *r, const char *name, double *value)
{
	const char *of_guests = g_str_has_prefix(name, "guests.") ? name + strlen("guests.") : name;
	const double *v = g_hash_table_lookup(r->metrics, of_guests);

	if (v)
		*value = *v;
	return v != NULL;
}

/* ---- reading CSV ---- */

/* Takes the next field off *p, in place; quotes as in RFC 4180. NULL past the last. */
static char *csv_field(char **p)
{
	char *field = *p, *in, *out;

	if (!field)
		return NULL;
	if (*field != '"') {
		in = strchr(field, ',');
		*p = in ? in + 1 : NULL;
		if (in)
			*in = '\0';
		return field;
	}
	for (in = out = field + 1; *in && (*in != '"' || in[1] == '"'); in++) {
		in += *in == '"';
		*out++ = *in;
	}
	*p = *in && in[1] == ',' ? in + 2 : NULL;
	*out = '\0';
	return field + 1;
}

/* The columns of results.csv that are not keys. */
struct columns {
	int point, repeat, object, direction, metric, value, unit;
	guint n;
};

static bool columns_read(struct columns *c, GPtrArray *names)
{
	struct {
		const char *name;
		int *index;
	} wanted[] = {
		{"point", &c->point},         {"repeat", &c->repeat}, {"object", &c->object},
		{"direction", &c->direction}, {"metric", &c->metric}, {"value", &c->value},
		{"unit", &c->unit},
	};

	c->n = names->len;
	for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
		guint at;

		if (!g_ptr_array_find_with_equal_func(names, wanted[i].name, g_str_equal, &at))
			return false;
		*wanted[i].index = (int)at;
	}
	/* point,repeat,seed,<keys>,object,...: keys are all between. */
	return c->point == 0 && c->repeat == 1 && c->object >= 3;
}

static void run_set_keys(struct run *r, const struct plot_data *s, GPtrArray *fields)
{
	for (guint i = 0; i < s->keys->len; i++)
		g_hash_table_insert(r->keys, g_strdup(s->keys->pdata[i]),
				    g_strdup(fields->pdata[i + 3]));
}

static char *full_name(const char *object, const char *direction, const char *metric)
{
	return *direction ? g_strjoin(".", object, direction, metric, NULL)
			  : g_strjoin(".", object, metric, NULL);
}

static void csv_row(struct plot_data *s, const struct columns *c, GPtrArray *fields)
{
	struct run *last = s->runs->len ? s->runs->pdata[s->runs->len - 1] : NULL;
	unsigned int point = (unsigned int)g_ascii_strtoull(fields->pdata[c->point], NULL, 10);
	unsigned int repeat = (unsigned int)g_ascii_strtoull(fields->pdata[c->repeat], NULL, 10);
	const char *text = fields->pdata[c->value];
	g_autofree char *name = NULL;
	char *end;
	double value;

	if (!last || last->point != point || last->repeat != repeat) {
		last = run_new(point, repeat);
		run_set_keys(last, s, fields);
		g_ptr_array_add(s->runs, last);
	}
	name = full_name(fields->pdata[c->object], fields->pdata[c->direction],
			 fields->pdata[c->metric]);
	if (!g_hash_table_contains(s->units, name))
		g_hash_table_insert(s->units, g_strdup(name), g_strdup(fields->pdata[c->unit]));
	value = g_ascii_strtod(text, &end);
	if (end == text || *end)
		return;
	metric_set(last, name + (g_str_has_prefix(name, "guests.") ? strlen("guests.") : 0), value);
}

bool plot_read_csv(struct plot_data *s, const char *path, GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(GPtrArray) fields = g_ptr_array_new();
	g_autoptr(GError) why = NULL;
	struct columns c = {0};
	unsigned int line = 0;

	if (!g_file_get_contents(path, &text, NULL, &why)) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s", why->message);
		return false;
	}
	for (char *p = text, *next; *p; p = next) {
		char *row = p, *field, *nl = strchr(p, '\n');

		next = nl ? nl + 1 : p + strlen(p);
		if (nl)
			*nl = '\0';
		if (nl > p && nl[-1] == '\r')
			nl[-1] = '\0';
		line++;
		g_ptr_array_set_size(fields, 0);
		while ((field = csv_field(&row)))
			g_ptr_array_add(fields, field);
		if (line == 1) {
			if (!columns_read(&c, fields)) {
				g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
					    "%s:1: is no table of results: wants point,repeat,"
					    "seed,...,object,direction,metric,value,unit",
					    path);
				return false;
			}
			for (int i = 3; i < c.object; i++)
				g_ptr_array_add(s->keys, g_strdup(fields->pdata[i]));
		} else if (fields->len == c.n) {
			csv_row(s, &c, fields);
		} else {
			g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
				    "%s:%u: %u fields where the first line has %u", path, line,
				    fields->len, c.n);
			return false;
		}
	}
	if (s->runs->len)
		return true;
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s: holds no results", path);
	return false;
}

/* ---- reading JSON ---- */

/* Keeps vm1.policy and the like as "policy", or as "mixed" where guests differ. */
static void config_read(struct run *r, json_t *config)
{
	const char *key;
	json_t *v;

	json_object_foreach(config, key, v)
	{
		const char *name = strrchr(key, '.'), *old, *text = json_string_value(v);

		if (!name || !text)
			continue;
		name++;
		if (!g_str_has_suffix(name, "policy") && strcmp(name, "delivery") != 0)
			continue;
		old = g_hash_table_lookup(r->config, name);
		g_hash_table_insert(r->config, g_strdup(name),
				    g_strdup(old && strcmp(old, text) != 0 ? "mixed" : text));
	}
}

static void metrics_read(struct run *r, json_t *metrics)
{
	const char *key;
	json_t *v;

	json_object_foreach(metrics, key, v)
	{
		if (g_str_has_prefix(key, "guests.") && json_is_number(v))
			metric_set(r, key + strlen("guests."), json_number_value(v));
	}
}

/* Adds a histogram to that of the same point and direction: repeats are one population. */
static bool hist_add_bins(struct plot_data *s, unsigned int point, const char *direction,
			  json_t *hist)
{
	const char *unit = json_string_value(json_object_get(hist, "unit"));
	double scale = !g_strcmp0(unit, "ps") ? 1e-3 : !g_strcmp0(unit, "us") ? 1e3 : 1;
	g_autofree char *key = g_strdup_printf("%u.%s", point, direction);
	GArray *bins = g_hash_table_lookup(s->hists, key);
	size_t i;
	json_t *row;

	if (!bins) {
		bins = g_array_new(FALSE, FALSE, sizeof(struct bin));
		g_hash_table_insert(s->hists, g_steal_pointer(&key), bins);
	}
	json_array_foreach(json_object_get(hist, "bins"), i, row)
	{
		struct bin b = {
			.lo = scale * json_number_value(json_array_get(row, 0)),
			.hi = scale * json_number_value(json_array_get(row, 1)),
			.count = json_number_value(json_array_get(row, 2)),
		};

		if (json_array_size(row) != 3 || b.hi < b.lo || b.count < 0)
			return false;
		g_array_append_val(bins, b);
	}
	return true;
}

static bool hists_read(struct plot_data *s, unsigned int point, const char *path, json_t *top,
		       GError **error)
{
	json_t *all = json_object_get(top, "histograms");

	for (size_t i = 0; plot_directions[i]; i++) {
		g_autofree char *name = g_strdup_printf("guests.%s.latency_ns", plot_directions[i]);
		json_t *hist = json_object_get(all, name);

		if (!hist || hist_add_bins(s, point, plot_directions[i], hist))
			continue;
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
			    "%s: histogram %s: a bin is not [low, high, count]", path, name);
		return false;
	}
	return true;
}

static json_t *json_read(const char *path, GError **error)
{
	json_error_t why;
	json_t *top = json_load_file(path, 0, &why);
	g_autofree char *other = schema_other(top);

	if (top && !other && json_is_object(json_object_get(top, "metrics")))
		return top;
	if (other)
		g_set_error(error, SIM_ERROR, SIM_EXIT_INPUT, "%s: %s", path, other);
	else if (top)
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s: is no result file", path);
	else
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
			    "%s:%d: is no result: %s; results are what --json and sweep write",
			    path, why.line, why.text);
	json_decref(top);
	return NULL;
}

/* The number of the point: as the file says, or as it is named, point-0012.json. */
static unsigned int point_number(json_t *top, const char *file)
{
	json_t *n = json_object_get(json_object_get(top, "point"), "number");

	if (json_is_integer(n))
		return (unsigned int)json_integer_value(n);
	return (unsigned int)g_ascii_strtoull(file + strlen("point-"), NULL, 10);
}

/* The swept keys as [sweep] writes them, which stand in the order of the table's columns. */
static void sets_read(struct plot_data *s, unsigned int point, json_t *sets)
{
	bool first = !s->key_names->len && json_object_size(sets) == s->keys->len;
	const char *key;
	json_t *v;

	json_object_foreach(sets, key, v)
	{
		const char *text = json_string_value(v);

		if (first)
			g_ptr_array_add(s->key_names, g_strdup(key));
		/* A dash leaves the key as it is. */
		if (text && strcmp(text, "-") != 0)
			g_hash_table_insert(s->texts, g_strdup_printf("%u.%s", point, key),
					    g_strdup(text));
	}
}

static bool point_read(struct plot_data *s, const char *dir, const char *file, GError **error)
{
	g_autofree char *path = g_build_filename(dir, file, NULL);
	json_t *top = json_read(path, error);
	unsigned int point;
	bool ok;

	if (!top)
		return false;
	point = point_number(top, file);
	for (guint i = 0; i < s->runs->len; i++) {
		struct run *r = s->runs->pdata[i];

		if (r->point == point && !g_hash_table_size(r->config))
			config_read(r, json_object_get(top, "config"));
	}
	sets_read(s, point, json_object_get(json_object_get(top, "point"), "sets"));
	ok = hists_read(s, point, path, top, error);
	json_decref(top);
	return ok;
}

int plot_by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool plot_read_points(struct plot_data *s, const char *dir, GError **error)
{
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	GDir *d = g_dir_open(dir, 0, NULL);
	const char *file;

	if (!d)
		return true;
	while ((file = g_dir_read_name(d))) {
		if (g_str_has_prefix(file, "point-") && g_str_has_suffix(file, ".json"))
			g_ptr_array_add(files, g_strdup(file));
	}
	g_dir_close(d);
	g_ptr_array_sort(files, plot_by_name);
	for (guint i = 0; i < files->len; i++) {
		if (!point_read(s, dir, files->pdata[i], error))
			return false;
	}
	return true;
}

bool plot_read_result(struct plot_data *s, unsigned int point, const char *path, GError **error)
{
	json_t *top = json_read(path, error);
	struct run *r;
	bool ok;

	if (!top)
		return false;
	r = run_new(point, 1);
	r->path = g_strdup(path);
	r->file = g_path_get_basename(path);
	if (g_str_has_suffix(r->file, ".json"))
		r->file[strlen(r->file) - strlen(".json")] = '\0';
	config_read(r, json_object_get(top, "config"));
	metrics_read(r, json_object_get(top, "metrics"));
	g_ptr_array_add(s->runs, r);
	ok = hists_read(s, point, path, top, error);
	json_decref(top);
	return ok;
}
