/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot.c - figures of a study or of single results, drawn by gnuplot.
 *
 * How it works. Results are read into runs (point, repeat, keys, metrics of the object `guests`)
 * and latency histograms by point and direction. Runs are grouped by direction, delivery, policy
 * and, for the load figure, rate; a group is one bar, curve or point of a curve, and holds the
 * repeats of one point. Each figure writes its groups as a table of blank-separated words and
 * numbers, in the order in which they are to be drawn; what they look like is the script's business
 * alone.
 *
 * A table has two gnuplot datasets: the line of text under the title, and the rows. Each row says
 * in words what it is (direction, delivery, policy, part), so that a script can select, and a
 * person can read it.
 *
 * What always holds: groups are sorted by (direction, delivery, policy, rate) and parts by the path
 * a frame takes, names unknown here after those known, by name; so the same results give the same
 * table. Nothing of what is drawn depends on the order of a hash table.
 *
 * Rejected: averaging over keys that are swept beside the policy (a mean over NIC speeds means
 * nothing); gnuplot through a pipe (the user could not draw the figure again); a shell.
 */
#include "plot.h"

#include <errno.h>
#include <string.h>
#include <glib/gstdio.h>
#include <jansson.h>

#include "outfile.h"
#include "sim_error.h"

static const char *const directions[] = {"rx", "tx", "local", NULL};
static const char *const deliveries[] = {"kernel", "process", NULL};
static const char *const policies[] = {"null", "copy", "single-copy", "zero-copy", NULL};
static const char *const pictures[] = {"png", "svg", "pdf", NULL};

/* Copies in the order in which a frame meets them, into the guest and then out of it. */
static const char *const sites[] = {
	"hypervisor_to_vmm",
	"vmm_to_guest",
	"hypervisor_to_guest",
	"guest_to_guest",
	"guest_to_vmm",
	"vmm_to_hypervisor",
	"guest_to_hypervisor",
	"guest_kernel_to_process",
	"process_to_guest_kernel",
	NULL,
};

/* Stages in the order of time. Local frames leave one guest and enter another. */
static const char *const rx_stages[] = {
	"wire_wait", "wire",       "nic",          "host_wait",    "host",    "vmm_wait",
	"vmm",       "guest_wait", "guest_kernel", "process_wait", "process", NULL,
};
static const char *const tx_stages[] = {
	"send_wait", "guest", "vmm_wait",  "vmm",  "host_wait",
	"host",      "nic",   "wire_wait", "wire", NULL,
};
static const char *const local_stages[] = {
	"send_wait", "guest",      "host_wait",    "host",         "nic",     "vmm_wait",
	"vmm",       "guest_wait", "guest_kernel", "process_wait", "process", NULL,
};

struct run {
	unsigned int point, repeat;
	char *path, *file;   /* results only: as given, and its base name without .json */
	GHashTable *keys;    /* "guest_policy", as in the CSV -> text */
	GHashTable *config;  /* "policy" of the guests -> text, "mixed" if they differ */
	GHashTable *metrics; /* "rx.delivered" of all guests -> double * */
};

struct bin {
	double lo, hi, count; /* ns */
};

struct study {
	char *about;       /* "study crossover" */
	GPtrArray *runs;   /* in order of the file */
	GPtrArray *keys;   /* names of the swept keys */
	GHashTable *hists; /* "1.rx" -> GArray of struct bin, unsorted */
	bool by_file;      /* policies do not tell the results apart */
};

/* One bar, one curve, or one point of a curve: the repeats of one point. */
struct group {
	const char *direction;
	const char *policy, *delivery; /* of the first run, or its file's name */
	double rate;                   /* load only */
	unsigned int order;            /* results keep the order in which they were named */
	GPtrArray *runs;
};

struct figure {
	const char *name;
	/* The rows of its table; none if the study lacks the data. */
	void (*rows)(const struct study *s, GPtrArray *groups, GString *out);
	const char *columns;
	const char *lacks;
	bool by_rate;
};

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

static void study_init(struct study *s)
{
	memset(s, 0, sizeof(*s));
	s->runs = g_ptr_array_new_with_free_func(run_free);
	s->keys = g_ptr_array_new_with_free_func(g_free);
	s->hists = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					 (GDestroyNotify)g_array_unref);
}

static void study_fini(struct study *s)
{
	g_free(s->about);
	g_ptr_array_unref(s->runs);
	g_ptr_array_unref(s->keys);
	g_hash_table_unref(s->hists);
}

static void metric_set(struct run *r, const char *name, double value)
{
	double *v = g_new(double, 1);

	*v = value;
	g_hash_table_insert(r->metrics, g_strdup(name), v);
}

/* Metric DIRECTION.NAME of all guests; false if the run has none. */
static bool metric_get(const struct run *r, const char *direction, const char *name, double *value)
{
	g_autofree char *full = g_strconcat(direction, ".", name, NULL);
	const double *v = g_hash_table_lookup(r->metrics, full);

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
	int point, repeat, object, direction, metric, value;
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

static void run_set_keys(struct run *r, const struct study *s, GPtrArray *fields)
{
	for (guint i = 0; i < s->keys->len; i++)
		g_hash_table_insert(r->keys, g_strdup(s->keys->pdata[i]),
				    g_strdup(fields->pdata[i + 3]));
}

static void csv_row(struct study *s, const struct columns *c, GPtrArray *fields)
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
	if (strcmp(fields->pdata[c->object], "guests") != 0)
		return;
	value = g_ascii_strtod(text, &end);
	if (end == text || *end)
		return;
	name = g_strconcat(fields->pdata[c->direction], ".", fields->pdata[c->metric], NULL);
	metric_set(last, name, value);
}

static bool csv_read(struct study *s, const char *path, GError **error)
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

/* Keeps guest.NAME.policy and the like as "policy", or as "mixed" where guests differ. */
static void config_read(struct run *r, json_t *config)
{
	const char *key;
	json_t *v;

	json_object_foreach(config, key, v)
	{
		const char *name = strrchr(key, '.'), *old, *text = json_string_value(v);

		if (!g_str_has_prefix(key, "guest.") || !text)
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
static bool hist_add_bins(struct study *s, unsigned int point, const char *direction, json_t *hist)
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

static bool hists_read(struct study *s, unsigned int point, const char *path, json_t *top,
		       GError **error)
{
	json_t *all = json_object_get(top, "histograms");

	for (size_t i = 0; directions[i]; i++) {
		g_autofree char *name = g_strdup_printf("guests.%s.latency_ns", directions[i]);
		json_t *hist = json_object_get(all, name);

		if (!hist || hist_add_bins(s, point, directions[i], hist))
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

	if (top && json_is_object(json_object_get(top, "metrics")))
		return top;
	if (top)
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s: is no result file", path);
	else
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s:%d: %s", path, why.line,
			    why.text);
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

static bool point_read(struct study *s, const char *dir, const char *file, GError **error)
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
	ok = hists_read(s, point, path, top, error);
	json_decref(top);
	return ok;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool points_read(struct study *s, const char *dir, GError **error)
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
	g_ptr_array_sort(files, by_name);
	for (guint i = 0; i < files->len; i++) {
		if (!point_read(s, dir, files->pdata[i], error))
			return false;
	}
	return true;
}

static bool result_file_read(struct study *s, unsigned int point, const char *path, GError **error)
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

/* ---- grouping ---- */

/* The value of the first swept key whose name ends so, and its name; NULL if none does. */
static const char *key_ending(const struct study *s, const struct run *r, const char *end,
			      const char **name)
{
	for (guint i = 0; i < s->keys->len; i++) {
		const char *key = s->keys->pdata[i];

		if (!g_str_has_suffix(key, end) || g_str_has_suffix(key, "rx_policy") ||
		    g_str_has_suffix(key, "tx_policy"))
			continue;
		if (name)
			*name = key;
		return g_hash_table_lookup(r->keys, key);
	}
	return NULL;
}

/* What a bar is named by. Frames between guests count as received. */
static const char *policy_of(const struct study *s, const struct run *r, const char *direction)
{
	const char *own = strcmp(direction, "tx") == 0 ? "tx_policy" : "rx_policy";
	const char *v = NULL;

	if (s->by_file)
		return r->file;
	for (guint i = 0; i < s->keys->len && !v; i++) {
		if (g_str_has_suffix(s->keys->pdata[i], own))
			v = g_hash_table_lookup(r->keys, s->keys->pdata[i]);
	}
	if (!v)
		v = key_ending(s, r, "_policy", NULL);
	if (!v)
		v = key_ending(s, r, "_system", NULL);
	if (!v)
		v = g_hash_table_lookup(r->config, own);
	if (!v || !*v)
		v = g_hash_table_lookup(r->config, "policy");
	return v && *v ? v : "all";
}

static const char *delivery_of(const struct study *s, const struct run *r)
{
	const char *v = key_ending(s, r, "_delivery", NULL);

	if (!v)
		v = g_hash_table_lookup(r->config, "delivery");
	return v && *v ? v : "any";
}

static bool rate_of(const struct study *s, const struct run *r, double *rate, const char **name)
{
	const char *v = key_ending(s, r, "_rate_bps", name);
	char *end;

	if (!v)
		v = key_ending(s, r, "_pps", name);
	if (!v)
		return false;
	*rate = g_ascii_strtod(v, &end);
	return end != v && !*end;
}

/* Place in a table; names that are not there come last. */
static int place(const char *const *table, const char *name)
{
	int i = 0;

	while (table[i] && strcmp(table[i], name) != 0)
		i++;
	return i;
}

static int by_place(const char *const *table, const char *a, const char *b)
{
	int d = place(table, a) - place(table, b);

	return d ? d : strcmp(a, b);
}

static int by_group(const void *pa, const void *pb)
{
	const struct group *a = *(struct group *const *)pa, *b = *(struct group *const *)pb;
	int d = by_place(directions, a->direction, b->direction);

	if (!d)
		d = by_place(deliveries, a->delivery, b->delivery);
	if (!d)
		d = (a->order > b->order) - (a->order < b->order);
	if (!d)
		d = by_place(policies, a->policy, b->policy);
	return d ? d : (a->rate > b->rate) - (a->rate < b->rate);
}

static void group_free(void *p)
{
	struct group *g = p;

	g_ptr_array_unref(g->runs);
	g_free(g);
}

/* Puts a run into its group: a new one, or that of its own point's repeats. */
static void group_run(const struct study *s, GPtrArray *groups, struct run *r,
		      const char *direction, double rate)
{
	const char *policy = policy_of(s, r, direction), *delivery = delivery_of(s, r);
	struct group *g;

	for (guint i = 0; i < groups->len; i++) {
		g = groups->pdata[i];
		if (strcmp(g->direction, direction) != 0 || strcmp(g->policy, policy) != 0 ||
		    strcmp(g->delivery, delivery) != 0 || g->rate < rate || g->rate > rate)
			continue;
		if (((struct run *)g->runs->pdata[0])->point == r->point)
			g_ptr_array_add(g->runs, r);
		return;
	}
	g = g_new0(struct group, 1);
	*g = (struct group){
		.direction = direction,
		.policy = policy,
		.delivery = delivery,
		.rate = rate,
		.order = s->by_file ? r->point : 0,
		.runs = g_ptr_array_new(),
	};
	g_ptr_array_add(g->runs, r);
	g_ptr_array_add(groups, g);
}

static GPtrArray *groups_new(const struct study *s, bool by_rate)
{
	GPtrArray *groups = g_ptr_array_new_with_free_func(group_free);

	for (size_t d = 0; directions[d]; d++) {
		for (guint i = 0; i < s->runs->len; i++) {
			struct run *r = s->runs->pdata[i];
			double delivered = 0, rate = 0;

			metric_get(r, directions[d], "delivered", &delivered);
			/* Under overload a policy may deliver nothing, and the curve shows it. */
			if (by_rate)
				metric_get(r, directions[d], "packets", &delivered);
			if (delivered > 0 && (!by_rate || rate_of(s, r, &rate, NULL)))
				group_run(s, groups, r, directions[d], rate);
		}
	}
	g_ptr_array_sort(groups, by_group);
	return groups;
}

static bool same_panel(const struct group *a, const struct group *b)
{
	return strcmp(a->direction, b->direction) == 0 && strcmp(a->delivery, b->delivery) == 0;
}

/* Of a metric over the repeats: mean, least, most. False if no repeat has it. */
static bool group_mean(const struct group *g, const char *metric, double *mean, double *least,
		       double *most)
{
	unsigned int n = 0;

	*mean = 0;
	for (guint i = 0; i < g->runs->len; i++) {
		double v;

		if (!metric_get(g->runs->pdata[i], g->direction, metric, &v))
			continue;
		*least = n && *least < v ? *least : v;
		*most = n && *most > v ? *most : v;
		*mean += v;
		n++;
	}
	if (n)
		*mean /= n;
	return n > 0;
}

/* ---- tables ---- */

static void put_number(GString *out, double v)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	g_string_append_c(out, ' ');
	g_string_append(out, g_ascii_formatd(text, sizeof(text), "%.9g", v));
}

/* Scripts keep lists of words, so a word holds no blank. */
static void put_word(GString *out, const char *word)
{
	if (out->len && out->str[out->len - 1] != '\n')
		g_string_append_c(out, ' ');
	for (; *word; word++)
		g_string_append_c(out, g_ascii_isspace(*word) || *word == '"' ? '_' : *word);
}

static void put_group(GString *out, const struct group *g)
{
	put_word(out, g->direction);
	put_word(out, g->delivery);
	put_word(out, g->policy);
}

/* Names between `prefix` and `suffix` of any metric: those of `table` in its order, then others. */
static GPtrArray *parts_new(const struct group *g, const char *prefix, const char *suffix,
			    const char *const *table)
{
	GPtrArray *parts = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *start = g_strconcat(g->direction, ".", prefix, NULL);
	g_autoptr(GPtrArray) others = g_ptr_array_new();
	GHashTableIter iter;
	void *key;

	for (size_t i = 0; table[i]; i++)
		g_ptr_array_add(parts, g_strdup(table[i]));
	g_hash_table_iter_init(&iter, ((struct run *)g->runs->pdata[0])->metrics);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		size_t skip = strlen(start), end = strlen(suffix), len = strlen(key);
		char *name;

		if (!g_str_has_prefix(key, start) || !g_str_has_suffix(key, suffix) ||
		    len <= skip + end)
			continue;
		name = g_strndup((char *)key + skip, len - skip - end);
		if (table[place(table, name)])
			g_free(name);
		else
			g_ptr_array_add(others, name);
	}
	g_ptr_array_sort(others, by_name);
	for (guint i = 0; i < others->len; i++)
		g_ptr_array_add(parts, others->pdata[i]);
	return parts;
}

/*
 * A stacked bar, one row a part: place, group, part, from, to; and a row `total`. Parts are the
 * means of metric PREFIX<part>SUFFIX, each divided by `per`.
 */
static void put_bar(GString *out, const struct group *g, double at, const char *const *table,
		    const char *prefix, const char *suffix, double per)
{
	g_autoptr(GPtrArray) parts = parts_new(g, prefix, suffix, table);
	double from = 0, mean, least, most;

	for (guint i = 0; i <= parts->len; i++) {
		const char *part = i < parts->len ? parts->pdata[i] : "total";
		g_autofree char *metric = g_strconcat(prefix, part, suffix, NULL);

		mean = 0;
		if (i < parts->len && (!group_mean(g, metric, &mean, &least, &most) || mean <= 0))
			continue;
		put_group(out, g);
		put_word(out, part);
		put_number(out, at);
		put_number(out, from);
		from += mean / per;
		put_number(out, from);
		g_string_append_c(out, '\n');
	}
}

static void copies_rows(const struct study *s, GPtrArray *groups, GString *out)
{
	double at = 0, delivered, least, most;

	(void)s;
	for (guint i = 0; i < groups->len; i++) {
		const struct group *g = groups->pdata[i];

		/* Clusters stand one bar's width apart. */
		if (i)
			at += same_panel(groups->pdata[i - 1], g) ? 1 : 2;
		group_mean(g, "delivered", &delivered, &least, &most);
		put_bar(out, g, at, sites, "copies.", "", delivered);
	}
}

static void stages_rows(const struct study *s, GPtrArray *groups, GString *out)
{
	double at = 0;

	(void)s;
	for (guint i = 0; i < groups->len; i++) {
		const struct group *g = groups->pdata[i];
		const char *const *table = strcmp(g->direction, "rx") == 0   ? rx_stages
					   : strcmp(g->direction, "tx") == 0 ? tx_stages
									     : local_stages;
		size_t before = out->len;

		if (i)
			at = same_panel(groups->pdata[i - 1], g) ? at + 1 : 0;
		put_bar(out, g, at, table, "stage_ns.", ".mean", 1);
		/* A total of nothing: there are no stages here. */
		if (strchr(out->str + before, '\n') == out->str + out->len - 1)
			g_string_truncate(out, before);
	}
}

static int by_low(const void *pa, const void *pb)
{
	const struct bin *a = pa, *b = pb;

	return (a->lo > b->lo) - (a->lo < b->lo);
}

/* One curve: the share of frames that took at most so long, at the upper end of each bin. */
static void latency_rows(const struct study *s, GPtrArray *groups, GString *out)
{
	for (guint i = 0; i < groups->len; i++) {
		const struct group *g = groups->pdata[i];
		unsigned int point = ((struct run *)g->runs->pdata[0])->point;
		g_autofree char *key = g_strdup_printf("%u.%s", point, g->direction);
		GArray *bins = g_hash_table_lookup(s->hists, key);
		double total = 0, sum = 0;

		if (!bins || !bins->len)
			continue;
		g_array_sort(bins, by_low);
		for (guint k = 0; k < bins->len; k++)
			total += g_array_index(bins, struct bin, k).count;
		for (guint k = 0; k < bins->len && total > 0; k++) {
			const struct bin *b = &g_array_index(bins, struct bin, k);

			/* From 0, and level across what no frame took. */
			if (b->lo > 0 && (k == 0 || b->lo - b[-1].hi > b->hi - b->lo)) {
				put_group(out, g);
				put_number(out, b->lo);
				put_number(out, sum / total);
				g_string_append_c(out, '\n');
			}
			sum += b->count;
			if (b->hi <= 0 || (k + 1 < bins->len && b[1].lo <= b->lo))
				continue;
			put_group(out, g);
			put_number(out, b->hi);
			put_number(out, sum / total);
			g_string_append_c(out, '\n');
		}
	}
}

/* Offered, then mean, least and most of throughput and of the share of frames dropped. */
static void load_rows(const struct study *s, GPtrArray *groups, GString *out)
{
	(void)s;
	for (guint i = 0; i < groups->len; i++) {
		struct group *g = groups->pdata[i];
		double mean, least, most, packets;

		if (!group_mean(g, "packets", &packets, &least, &most) || packets <= 0 ||
		    !group_mean(g, "throughput_bps", &mean, &least, &most))
			continue;
		put_group(out, g);
		put_number(out, g->rate);
		put_number(out, mean);
		put_number(out, least);
		put_number(out, most);
		/* The results leave out what was never counted; no drops then. */
		if (!group_mean(g, "drops", &mean, &least, &most))
			mean = least = most = 0;
		put_number(out, mean / packets);
		put_number(out, least / packets);
		put_number(out, most / packets);
		g_string_append_c(out, '\n');
	}
}

/* ---- the line under the title ---- */

/* The one value that a key has in all groups; NULL if there are several. */
static const char *common_value(GPtrArray *groups, const char *key)
{
	const char *value = NULL;

	for (guint i = 0; i < groups->len; i++) {
		const struct group *g = groups->pdata[i];
		const struct run *r = g->runs->pdata[0];
		const char *v = g_hash_table_lookup(r->keys, key);

		if (!v || (value && strcmp(value, v) != 0))
			return NULL;
		value = v;
	}
	return value;
}

/* 25000000000 of a key in _bps as "25 Gbit/s"; other values as they are. */
static void put_value(GString *out, const char *key, const char *value)
{
	static const char *const units[][2] = {
		{"_bps", "bit/s"}, {"_hz", "Hz"}, {"_pps", "packets/s"}};
	char *end, text[G_ASCII_DTOSTR_BUF_SIZE];
	double v = g_ascii_strtod(value, &end);
	const char *prefix = "";

	for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
		if (!g_str_has_suffix(key, units[i][0]) || *end || end == value)
			continue;
		for (const char *p = "kMGT"; *p && v >= 1000; p++, v /= 1000)
			prefix = p;
		g_ascii_formatd(text, sizeof(text), "%.4g", v);
		g_string_append_printf(out, "%s %.*s%s", text, *prefix ? 1 : 0, prefix,
				       units[i][1]);
		return;
	}
	g_string_append(out, value);
}

static void put_about(GString *out, const struct study *s, GPtrArray *groups, bool by_rate)
{
	g_autoptr(GString) text = g_string_new(s->about);
	const struct group *first = groups->pdata[0];
	const char *name = "";
	double rate;

	for (guint i = 0; i < s->keys->len; i++) {
		const char *key = s->keys->pdata[i], *value = common_value(groups, key);

		if (!value || !*value || g_str_has_suffix(key, "policy") ||
		    g_str_has_suffix(key, "_delivery") || g_str_has_suffix(key, "_system"))
			continue;
		g_string_append_printf(text, ", %s = ", key);
		put_value(text, key, value);
	}
	if (first->runs->len > 1)
		g_string_append_printf(text, ", %u repeats", first->runs->len);
	g_strdelimit(text->str, "\"\n", '_');
	g_string_append_printf(out, "\"%s\"", text->str);
	if (by_rate)
		rate_of(s, first->runs->pdata[0], &rate, &name);
	put_word(out, g_str_has_suffix(name, "_pps")   ? "packets/s"
		      : g_str_has_suffix(name, "_bps") ? "bit/s"
						       : "-");
	g_string_append_c(out, '\n');
}

/* ---- drawing ---- */

static const struct figure figures[] = {
	{"copies", copies_rows, "direction delivery policy part place from to",
	 "no delivered frames of the guests", false},
	{"latency", latency_rows, "direction delivery policy latency_ns share",
	 "no histograms guests.*.latency_ns", false},
	{"stages", stages_rows, "direction delivery policy part place from_ns to_ns",
	 "no metrics guests.*.stage_ns.*.mean", false},
	{"load", load_rows,
	 "direction delivery policy offered bps bps_least bps_most drops drops_least drops_most",
	 "a rate is not among the swept keys", true},
};

static char *path_of(const char *dir, const char *name, const char *ending)
{
	g_autofree char *file = g_strconcat(name, ".", ending, NULL);

	return g_build_filename(dir, file, NULL);
}

static void note_made(GPtrArray *made, const char *path)
{
	if (made)
		g_ptr_array_add(made, g_strdup(path));
}

static void remove_old(const char *out_dir, const char *name)
{
	for (size_t i = 0; pictures[i]; i++) {
		g_autofree char *path = path_of(out_dir, name, pictures[i]);

		g_unlink(path);
	}
}

static bool copy_script(const char *script_dir, const char *out_dir, const char *name,
			GPtrArray *made, GError **error)
{
	g_autofree char *from = path_of(script_dir, name, "gp");
	g_autofree char *to = path_of(out_dir, name, "gp");
	g_autofree char *text = NULL;
	g_autoptr(GError) why = NULL;
	gsize len;

	if (!g_file_get_contents(from, &text, &len, &why)) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT, "plot script: %s",
			    why->message);
		return false;
	}
	if (!outfile_write(to, text, len, error))
		return false;
	note_made(made, to);
	return true;
}

static bool run_gnuplot(const char *out_dir, const char *name, GError **error)
{
	g_autofree char *script = g_strconcat(name, ".gp", NULL);
	g_autofree char *said = NULL;
	g_autoptr(GError) why = NULL;
	char *argv[] = {(char *)"gnuplot", script, NULL};
	/* The figures hold an arrow and a micro sign, whatever the user's locale. */
	g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "LC_ALL", "C.UTF-8", TRUE);
	int status;

	if (!g_spawn_sync(out_dir, argv, env, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL,
			  NULL, NULL, NULL, &said, &status, &why)) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT,
			    "gnuplot cannot be run (%s): install the package gnuplot-nox",
			    why->message);
		return false;
	}
	if (g_spawn_check_wait_status(status, &why))
		return true;
	remove_old(out_dir, name);
	g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT, "%s in %s: %s: %s", script, out_dir,
		    why->message, g_strstrip(said));
	return false;
}

static bool draw(const struct figure *f, const char *table, const char *out_dir,
		 const char *script_dir, GPtrArray *made, GError **error)
{
	g_autofree char *data = path_of(out_dir, f->name, "dat");

	if (!outfile_write(data, table, strlen(table), error))
		return false;
	note_made(made, data);
	if (!copy_script(script_dir, out_dir, f->name, made, error) ||
	    !run_gnuplot(out_dir, f->name, error))
		return false;
	for (size_t i = 0; pictures[i]; i++) {
		g_autofree char *path = path_of(out_dir, f->name, pictures[i]);

		if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
			note_made(made, path);
	}
	return true;
}

/* The table of a figure; NULL if there is nothing to draw. */
static char *table_new(const struct figure *f, const struct study *s)
{
	g_autoptr(GPtrArray) groups = groups_new(s, f->by_rate);
	g_autoptr(GString) rows = g_string_new(NULL);
	g_autoptr(GString) out = g_string_new(NULL);

	f->rows(s, groups, rows);
	if (!rows->len)
		return NULL;
	g_string_append_printf(out, "# Draw with: gnuplot %s.gp\n# about\n", f->name);
	put_about(out, s, groups, f->by_rate);
	g_string_append_printf(out, "\n\n# %s\n%s", f->columns, rows->str);
	return g_strdup(out->str);
}

static bool draw_all(const struct study *s, size_t n, const char *out_dir, const char *script_dir,
		     GPtrArray *made, GError **error)
{
	bool any = false;

	if (!outfile_folder(out_dir, error))
		return false;
	for (size_t i = 0; i < n; i++) {
		g_autofree char *table = table_new(&figures[i], s);

		remove_old(out_dir, figures[i].name);
		if (!table) {
			fprintf(stderr, "plot: %s: no figure %s: %s\n", s->about, figures[i].name,
				figures[i].lacks);
			continue;
		}
		if ((!any && !copy_script(script_dir, out_dir, "style", made, error)) ||
		    !draw(&figures[i], table, out_dir, script_dir, made, error))
			return false;
		any = true;
	}
	if (!any)
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s: holds nothing to plot",
			    s->about);
	return any;
}

/* ---- whole studies, single results ---- */

bool plot_study(const char *study_dir, const char *out_dir, const char *script_dir,
		GPtrArray *made_paths, GError **error)
{
	g_autofree char *csv = g_build_filename(study_dir, "results.csv", NULL);
	g_autofree char *full = g_canonicalize_filename(study_dir, NULL);
	g_autofree char *name = g_path_get_basename(full);
	struct study s;
	bool ok;

	study_init(&s);
	s.about = g_strconcat("study ", name, NULL);
	ok = csv_read(&s, csv, error) && points_read(&s, study_dir, error) &&
	     draw_all(&s, G_N_ELEMENTS(figures), out_dir, script_dir, made_paths, error);
	study_fini(&s);
	return ok;
}

/* Do two results share policy and delivery, in a direction that both have? */
static bool policies_clash(const struct study *s)
{
	for (guint i = 0; i < s->runs->len; i++) {
		for (guint k = 0; k < i; k++) {
			const struct run *a = s->runs->pdata[i], *b = s->runs->pdata[k];

			if (strcmp(delivery_of(s, a), delivery_of(s, b)) == 0 &&
			    (strcmp(policy_of(s, a, "rx"), policy_of(s, b, "rx")) == 0 ||
			     strcmp(policy_of(s, a, "tx"), policy_of(s, b, "tx")) == 0))
				return true;
		}
	}
	return false;
}

/* Files of one name in several folders, as studies have them, go by folder and name. */
static void name_by_file(struct study *s)
{
	s->by_file = true;
	for (guint i = 0; i < s->runs->len; i++) {
		for (guint k = 0; k < i; k++) {
			struct run *a = s->runs->pdata[i], *b = s->runs->pdata[k];
			g_autofree char *dir = g_path_get_dirname(a->path);
			g_autofree char *folder = g_path_get_basename(dir);

			if (strcmp(a->file, b->file) != 0)
				continue;
			g_free(a->file);
			a->file = g_build_filename(folder, b->file, NULL);
		}
	}
}

bool plot_results(const char *const *json_paths, const char *out_dir, const char *script_dir,
		  GPtrArray *made_paths, GError **error)
{
	struct study s;
	bool ok = true;

	study_init(&s);
	for (unsigned int i = 0; json_paths[i] && ok; i++)
		ok = result_file_read(&s, i + 1, json_paths[i], error);
	if (policies_clash(&s))
		name_by_file(&s);
	s.about = s.runs->len == 1
			  ? g_strconcat("result ", ((struct run *)s.runs->pdata[0])->file, NULL)
			  : g_strdup_printf("%u results", s.runs->len);
	/* The last figure needs a sweep. */
	ok = ok && draw_all(&s, G_N_ELEMENTS(figures) - 1, out_dir, script_dir, made_paths, error);
	study_fini(&s);
	return ok;
}
