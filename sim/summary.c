/* SPDX-License-Identifier: GPL-2.0-or-later */
/* summary.c - means and paired differences over repeats; see summary.h. */
#include "summary.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "sim_error.h"

/* The runs of one point. */
struct group {
	const struct summary_run *runs;
	size_t n;
};

static struct group group_at(const struct summary_run *runs, size_t n)
{
	struct group g = {runs, 0};

	while (g.n < n && runs[g.n].point == runs[0].point)
		g.n++;
	return g;
}

/* Records of a study mostly have the same names in the same places: look there first. */
static const struct record_value *find(const struct record *rec, const struct record_name *name,
				       size_t hint)
{
	if (hint < rec->n && rec->values[hint].name == name)
		return &rec->values[hint];
	for (size_t i = 0; i < rec->n; i++)
		if (rec->values[i].name == name)
			return &rec->values[i];
	return NULL;
}

static bool value_of(const struct record *rec, const struct record_name *name, size_t hint,
		     __int128 *value)
{
	const struct record_value *v = find(rec, name, hint);

	*value = v && record_is_number(v) ? (__int128)v->milli : 0;
	return v ? record_is_number(v) : name->decl && name->decl->sparse;
}

/* Adds the numbers of all runs of the group, in order of first appearance. */
static void add_names(const struct group *g, GHashTable *seen, GPtrArray *names)
{
	for (size_t i = 0; i < g->n; i++)
		for (size_t k = 0; k < g->runs[i].record->n; k++) {
			const struct record_value *v = &g->runs[i].record->values[k];

			if (record_is_number(v) && g_hash_table_add(seen, (void *)v->name))
				g_ptr_array_add(names, (void *)v->name);
		}
}

static const struct summary_run *same_repeat(const struct group *g, unsigned repeat)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->runs[i].repeat == repeat)
			return &g->runs[i];
	return NULL;
}

/* Values of a metric over the runs of `g`, less those of `base` if there is one. */
static size_t values_of(const struct group *g, const struct group *base,
			const struct record_name *name, size_t hint, __int128 *values)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		const struct summary_run *other =
			base ? same_repeat(base, g->runs[i].repeat) : NULL;
		__int128 less = 0;

		if (base && (!other || !value_of(other->record, name, hint, &less)))
			continue;
		if (!value_of(g->runs[i].record, name, hint, &values[n]))
			continue;
		values[n++] -= less;
	}
	return n;
}

static struct summary_point make_point(const struct group *g, const struct group *base)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree __int128 *values = g_new(__int128, g->n);
	struct summary_point p = {.point = g->runs[0].point,
				  .base = base ? base->runs[0].point : 0,
				  .values = g->runs[0].values};

	add_names(g, seen, names);
	if (base)
		add_names(base, seen, names);
	p.metrics = g_new0(struct summary_metric, names->len + 1);
	for (guint i = 0; i < names->len; i++) {
		size_t n = values_of(g, base, names->pdata[i], i, values);

		if (n)
			p.metrics[p.n++] =
				(struct summary_metric){names->pdata[i], stats_of(values, n)};
	}
	return p;
}

struct summary *summary_means(const struct summary_run *runs, size_t n)
{
	struct summary *sum = g_new0(struct summary, 1);

	sum->points = g_new0(struct summary_point, n + 1);
	for (size_t i = 0; i < n;) {
		struct group g = group_at(&runs[i], n - i);

		sum->points[sum->n++] = make_point(&g, NULL);
		i += g.n;
	}
	return sum;
}

/* ---- pairs ---- */

struct pairing {
	const struct sweep *sw;
	const struct key_decl *decl;
	size_t key; /* number of the swept key */
	const char *base;
};

static bool same_value(const struct key_decl *decl, const char *a, const char *b)
{
	g_autofree char *why = NULL;
	uint64_t x, y;
	int word;

	if (strcmp(a, b) == 0)
		return true;
	return keys_parse(decl, a, &x, &word, &why) && keys_parse(decl, b, &y, &word, &why) &&
	       x == y && x != UINT64_MAX;
}

static bool has_base(const struct pairing *pair, const struct group *g)
{
	return same_value(pair->decl, g->runs[0].values[pair->key], pair->base);
}

/* Is the point the other's base: equal in all keys, or in all that are not linked with KEY? */
static bool fits(const struct pairing *pair, const struct group *g, const struct group *base,
		 bool linked_too)
{
	for (size_t i = 0; i < sweep_keys(pair->sw); i++)
		if (i != pair->key && (linked_too || !sweep_linked(pair->sw, i, pair->key)) &&
		    strcmp(g->runs[0].values[i], base->runs[0].values[i]) != 0)
			return false;
	return true;
}

/* The bases among `groups`: their number, and the first of them. */
static unsigned find_bases(const struct pairing *pair, const GArray *groups, const struct group *g,
			   bool linked_too, const struct group **base)
{
	unsigned found = 0;

	for (guint i = 0; i < groups->len; i++) {
		const struct group *other = &g_array_index(groups, struct group, i);

		if (has_base(pair, other) && fits(pair, g, other, linked_too) && !found++)
			*base = other;
	}
	return found;
}

static bool fail(GError **error, const char *paired, const char *why)
{
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "--paired %s: %s", paired, why);
	return false;
}

static bool parse(struct pairing *pair, const struct scenario *sc, const char *paired, char **base,
		  GError **error)
{
	const char *sign = strchr(paired, '=');
	g_autofree char *key = sign ? g_strstrip(g_strndup(paired, (gsize)(sign - paired))) : NULL;
	g_autofree char *why = NULL;
	uint64_t number;
	int word;

	if (!sign)
		return fail(error, paired, "write KEY=BASE, such as guest.policy=copy");
	*base = g_strstrip(g_strdup(sign + 1));
	pair->base = *base;
	for (pair->key = 0; pair->key < sweep_keys(pair->sw); pair->key++)
		if (strcmp(sweep_key(pair->sw, pair->key), key) == 0)
			break;
	if (pair->key == sweep_keys(pair->sw))
		return fail(error, paired, "the key is not swept, as [sweep] writes it");
	pair->decl = scenario_lookup(sc, key, NULL, &why);
	if (!keys_parse(pair->decl, *base, &number, &word, &why))
		return fail(error, paired, why);
	for (size_t i = 0; i < sweep_points(pair->sw); i++)
		if (same_value(pair->decl, sweep_value(pair->sw, i, pair->key), *base))
			return true;
	return fail(error, paired, "no point of the sweep has this value");
}

bool summary_pairs(const struct sweep *sw, const struct scenario *sc, const char *paired,
		   GError **error)
{
	struct pairing pair = {.sw = sw};
	g_autofree char *text = NULL;

	return parse(&pair, sc, paired, &text, error);
}

struct summary *summary_paired(const struct sweep *sw, const struct scenario *sc,
			       const char *paired, const struct summary_run *runs, size_t n,
			       GError **error)
{
	g_autoptr(summary_auto) sum = g_new0(struct summary, 1);
	g_autoptr(GArray) groups = g_array_new(FALSE, FALSE, sizeof(struct group));
	g_autofree char *text = NULL;
	struct pairing pair = {.sw = sw};

	if (!parse(&pair, sc, paired, &text, error))
		return NULL;
	for (size_t i = 0; i < n;) {
		struct group g = group_at(&runs[i], n - i);

		g_array_append_val(groups, g);
		i += g.n;
	}
	sum->points = g_new0(struct summary_point, groups->len + 1);
	for (guint i = 0; i < groups->len; i++) {
		const struct group *g = &g_array_index(groups, struct group, i), *base = NULL;

		if (has_base(&pair, g) || (!find_bases(&pair, groups, g, true, &base) &&
					   !find_bases(&pair, groups, g, false, &base)))
			continue;
		if (find_bases(&pair, groups, g, false, &base) > 1 &&
		    find_bases(&pair, groups, g, true, &base) != 1) {
			fail(error, paired, "several points fit, which differ in a linked key");
			return NULL;
		}
		sum->points[sum->n++] = make_point(g, base);
	}
	return g_steal_pointer(&sum);
}

/* ---- JSON ---- */

static void append_string(GString *out, const char *text)
{
	json_t *j = json_string(text);
	char *quoted = json_dumps(j, JSON_ENCODE_ANY);

	g_string_append(out, quoted);
	free(quoted);
	json_decref(j);
}

static void append_milli(GString *out, __int128 milli)
{
	struct result_value v = {.type = RESULT_RATIO, .den = 1000};

	v.num = milli < 0 ? -(unsigned __int128)milli : (unsigned __int128)milli;
	if (milli < 0)
		g_string_append_c(out, '-');
	result_format(&v, out);
}

static void append_sets(GString *out, const char *const *keys, const char *const *values)
{
	g_string_append_c(out, '{');
	for (size_t i = 0; keys[i]; i++) {
		g_string_append(out, i ? ", " : "");
		append_string(out, keys[i]);
		g_string_append(out, ": ");
		append_string(out, values[i]);
	}
	g_string_append_c(out, '}');
}

static void append_metrics(GString *out, const struct summary_point *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct stats *s = &p->metrics[i].stats;

		g_string_append(out, i ? ",\n        " : "\n        ");
		append_string(out, p->metrics[i].name->full);
		g_string_append_printf(out, ": {\"n\": %zu, \"mean\": ", s->n);
		append_milli(out, stats_mean(s));
		g_string_append(out, ", \"half_width\": ");
		if (s->n > 1)
			append_milli(out, (__int128)s->half);
		else
			g_string_append(out, "null");
		g_string_append_c(out, '}');
	}
}

static void append_points(GString *out, const char *const *keys, const struct summary *sum)
{
	for (size_t i = 0; i < sum->n; i++) {
		const struct summary_point *p = &sum->points[i];

		g_string_append_printf(out, "%s\n    {\n      \"point\": %u,\n", i ? "," : "",
				       p->point);
		if (p->base)
			g_string_append_printf(out, "      \"base\": %u,\n", p->base);
		g_string_append(out, "      \"sets\": ");
		append_sets(out, keys, p->values);
		g_string_append(out, ",\n      \"metrics\": {");
		append_metrics(out, p);
		g_string_append(out, "\n      }\n    }");
	}
}

GString *summary_json(const char *program, const char *version, const struct scenario *sc,
		      const char *const *keys, const struct summary *means,
		      const struct summary *paired)
{
	GString *out = g_string_new("{\n");
	g_autofree char *base = g_path_get_basename(scenario_path(sc));

	g_string_append_printf(out, "  \"schema\": %d,\n  \"program\": ", RESULT_SCHEMA);
	append_string(out, program);
	g_string_append(out, ",\n  \"version\": ");
	append_string(out, version);
	g_string_append(out, ",\n  \"scenario\": ");
	append_string(out, base);
	g_string_append(out, ",\n  \"confidence\": 0.95,\n  \"points\": [");
	append_points(out, keys, means);
	g_string_append(out, "\n  ]");
	if (paired) {
		g_string_append(out, ",\n  \"paired\": [");
		append_points(out, keys, paired);
		g_string_append(out, "\n  ]");
	}
	g_string_append(out, "\n}\n");
	return out;
}

void summary_free(struct summary *sum)
{
	if (!sum)
		return;
	for (size_t i = 0; i < sum->n; i++)
		g_free(sum->points[i].metrics);
	g_free(sum->points);
	g_free(sum);
}
