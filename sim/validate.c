/* SPDX-License-Identifier: GPL-2.0-or-later */
/* validate.c - counts that must be equal, and times with their tolerance: validate.h. */
#include "validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "metric.h"

const char *const validate_mode_names[VALIDATE_MODES] = {"free", "in lockstep", "in one thread"};

/* ---- life ---- */

static void difference_clear(void *arg)
{
	struct validate_difference *d = arg;

	g_free(d->metric);
	g_free(d->simulated);
	g_free(d->real);
}

static void json_drop(void *json)
{
	json_decref(json);
}

static void point_free(void *arg)
{
	struct validate_point *p = arg;

	for (int m = 0; m < VALIDATE_MODES; m++) {
		json_decref(p->simulated[m]);
		g_ptr_array_unref(p->real[m]);
	}
	json_decref(p->config);
	g_array_unref(p->differences);
	g_array_unref(p->times);
	g_strfreev(p->keys);
	g_strfreev(p->values);
	g_strfreev(p->objects);
	g_free(p->file);
	g_free(p->label);
	g_free(p->choice);
	g_free(p);
}

struct validation *validation_new(const struct validate_rules *rules, unsigned runs)
{
	struct validation *v = g_new0(struct validation, 1);

	v->rules = rules;
	v->runs = runs;
	v->points = g_ptr_array_new_with_free_func(point_free);
	v->pairs = g_array_new(FALSE, TRUE, sizeof(struct validate_pair));
	return v;
}

void validation_free(struct validation *v)
{
	g_array_unref(v->pairs);
	g_ptr_array_unref(v->points);
	g_free(v->calibration);
	g_free(v->date);
	g_free(v->sha256);
	g_free(v);
}

static char **objects_of(const struct scenario *sc, const char *kind)
{
	size_t n = scenario_count(sc, kind);
	char **names = g_new0(char *, n + 1);

	for (size_t i = 0; i < n; i++)
		names[i] = g_strdup(cfg_name(scenario_at(sc, kind, i)));
	return names;
}

struct validate_point *validation_point(struct validation *v, const struct scenario *sc,
					const char *label, const char *const *keys,
					const char *const *values)
{
	struct validate_point *p = g_new0(struct validate_point, 1);

	p->file = g_strdup(scenario_path(sc));
	p->label = g_strdup(label);
	p->keys = g_strdupv((char **)keys);
	p->values = g_strdupv((char **)values);
	p->objects = objects_of(sc, v->rules->objects);
	for (int m = 0; m < VALIDATE_MODES; m++)
		p->real[m] = g_ptr_array_new_with_free_func(json_drop);
	p->differences = g_array_new(FALSE, TRUE, sizeof(struct validate_difference));
	g_array_set_clear_func(p->differences, difference_clear);
	p->times = g_array_new(FALSE, TRUE, sizeof(struct validate_measured));
	g_ptr_array_add(v->points, p);
	return p;
}

static const char *setting(const struct validate_point *p, const char *key)
{
	return json_string_value(json_object_get(p->config, key));
}

/* The choice of the first object. */
static char *choice_of(const struct validate_point *p, const char *choice)
{
	g_autofree char *key = g_strdup_printf("%s.%s", p->objects[0] ? p->objects[0] : "", choice);

	return g_strdup(setting(p, key));
}

bool validate_add(const struct validation *v, struct validate_point *p, enum validate_mode mode,
		  bool real, json_t *result)
{
	json_t *metrics = json_object_get(result, "metrics");

	if (!json_is_object(metrics))
		return false;
	json_incref(metrics);
	if (real) {
		g_ptr_array_add(p->real[mode], metrics);
	} else {
		if (!p->config) {
			p->config = json_incref(json_object_get(result, "config"));
			p->choice = choice_of(p, v->rules->choice);
		}
		json_decref(p->simulated[mode]);
		p->simulated[mode] = metrics;
	}
	return true;
}

/* ---- counts ---- */

static bool named(const char *const *globs, const char *name)
{
	for (; *globs; globs++)
		if (metric_glob(*globs, name))
			return true;
	return false;
}

/* What stands behind OBJECT.DIRECTION of an object that is judged; NULL if it is none. */
static const char *name_of(const struct validate_point *p, const char *full)
{
	static const char *const directions[] = {"rx.", "tx.", "local."};
	const char *dot = strchr(full, '.');
	g_autofree char *object = g_strndup(full, dot ? (gsize)(dot - full) : 0);

	if (!g_strv_contains((const char *const *)p->objects, object))
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(directions); i++)
		if (g_str_has_prefix(dot + 1, directions[i]))
			return dot + 1 + strlen(directions[i]);
	return NULL;
}

static char *text_of(const json_t *v)
{
	if (!v)
		return g_strdup("absent");
	if (json_is_string(v))
		return g_strdup(json_string_value(v));
	char *dump = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	char *text = g_strdup(dump ? dump : "?");
	free(dump);
	return text;
}

static bool same(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b);
	return json_equal(a, b);
}

/* A metric that one run differed in is told once a mode. */
static void differs(struct validate_point *p, enum validate_mode mode, const char *metric,
		    const json_t *a, const json_t *b, bool judged)
{
	for (guint i = 0; i < p->differences->len; i++) {
		const struct validate_difference *old =
			&g_array_index(p->differences, struct validate_difference, i);
		if (old->mode == mode && strcmp(old->metric, metric) == 0)
			return;
	}
	struct validate_difference d = {.metric = g_strdup(metric),
					.simulated = text_of(a),
					.real = text_of(b),
					.mode = mode,
					.judged = judged};

	g_array_append_val(p->differences, d);
}

static void judge_count(const struct validation *v, struct validate_point *p,
			enum validate_mode mode, const char *full, const json_t *a, const json_t *b,
			bool first)
{
	const char *name = name_of(p, full);
	bool always = name && named(v->rules->always, name);
	bool lockstep = name && !always && named(v->rules->lockstep, name);
	bool judged = always || (lockstep && mode != VALIDATE_FREE);

	if (!always && !lockstep)
		return;
	if (!same(a, b))
		differs(p, mode, full, a, b, judged);
	else if (judged && first)
		p->equal[mode]++;
}

static void judge_run(const struct validation *v, struct validate_point *p, enum validate_mode mode,
		      const json_t *real, bool first)
{
	json_t *sim = p->simulated[mode], *value;
	const char *name;

	json_object_foreach(sim, name, value)
	{
		judge_count(v, p, mode, name, value, json_object_get(real, name), first);
	}
	json_object_foreach((json_t *)real, name, value)
	{
		if (!json_object_get(sim, name))
			judge_count(v, p, mode, name, NULL, value, first);
	}
}

/* ---- times ---- */

static const json_t *value_of(const json_t *metrics, const char *name)
{
	const char *key;
	json_t *v;

	if (!strchr(name, '*'))
		return json_object_get(metrics, name);
	json_object_foreach((json_t *)metrics, key, v)
	{
		if (metric_glob(name, key))
			return v;
	}
	return NULL;
}

static double number(const json_t *metrics, const char *name)
{
	const json_t *v = value_of(metrics, name);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static enum validate_verdict verdict(const struct validation *v, const struct validate_measured *m)
{
	const struct validate_time *t = m->time;
	double ratio = m->predicted / m->real.value;

	if (!v->calibration || (t->share <= 0 && t->factor <= 0))
		return VALIDATE_SHOWN;
	if (t->share > 0)
		return ABS(m->off) <= t->share ? VALIDATE_WITHIN : VALIDATE_MISS;
	return ratio <= t->factor && ratio * t->factor >= 1 ? VALIDATE_WITHIN : VALIDATE_MISS;
}

static bool concerns(const struct validate_time *t, const struct validate_point *p)
{
	g_auto(GStrv) set = t->only ? g_strsplit(t->only, "=", 2) : NULL;

	return !set || g_strcmp0(setting(p, set[0]), set[1]) == 0;
}

static void judge_time(const struct validation *v, struct validate_point *p,
		       const struct validate_time *t)
{
	const GPtrArray *runs = p->real[t->mode];
	g_autofree double *values = g_new(double, runs->len + 1);
	struct validate_measured m = {.time = t, .predicted = NAN};

	if (!concerns(t, p))
		return;
	for (guint i = 0; i < runs->len; i++)
		values[i] = number(runs->pdata[i], t->metric);
	m.real = median_of(values, runs->len);
	if (p->simulated[t->mode])
		m.predicted = number(p->simulated[t->mode], t->metric);
	/* Nothing went that way, or one of the two does not measure it. */
	if (isnan(m.predicted) || !m.real.n || m.real.value <= 0 || m.predicted <= 0)
		return;
	m.off = (m.predicted - m.real.value) / m.real.value;
	m.verdict = verdict(v, &m);
	g_array_append_val(p->times, m);
}

/* ---- order ---- */

static bool is_choice(const struct validation *v, const char *key)
{
	return g_str_has_suffix(key, v->rules->choice);
}

/* The same but for the choice. */
static bool are_pair(const struct validation *v, const struct validate_point *a,
		     const struct validate_point *b)
{
	bool other = false;

	if (strcmp(a->file, b->file) != 0)
		return false;
	for (unsigned i = 0; a->keys && a->keys[i]; i++) {
		bool equal = strcmp(a->values[i], b->values[i]) == 0;

		if (!equal && !is_choice(v, a->keys[i]))
			return false;
		other |= !equal;
	}
	return other;
}

static const struct validate_measured *measured(const struct validate_point *p,
						const struct validate_time *t)
{
	for (guint i = 0; i < p->times->len; i++) {
		const struct validate_measured *m =
			&g_array_index(p->times, struct validate_measured, i);
		if (m->time == t)
			return m;
	}
	return NULL;
}

/* Predictions that lie within a tenth say nothing of the order. */
static void judge_pair(struct validation *v, const struct validate_point *a,
		       const struct validate_point *b, const struct validate_time *t)
{
	const struct validate_measured *x = measured(a, t), *y = measured(b, t);

	if (!x || !y)
		return;
	double ratio = x->predicted / y->predicted;
	if (ratio < 1.1 && ratio > 1 / 1.1)
		return;
	struct validate_pair pair = {a, b, t, (ratio > 1) == (x->real.value > y->real.value)};
	g_array_append_val(v->pairs, pair);
}

static void judge_order(struct validation *v)
{
	for (guint i = 0; i < v->points->len; i++)
		for (guint k = i + 1; k < v->points->len; k++) {
			if (!are_pair(v, v->points->pdata[i], v->points->pdata[k]))
				continue;
			for (const struct validate_time *t = v->rules->times; t->metric; t++)
				if (t->ordered)
					judge_pair(v, v->points->pdata[i], v->points->pdata[k], t);
		}
}

void validation_judge(struct validation *v)
{
	for (guint i = 0; i < v->points->len; i++) {
		struct validate_point *p = v->points->pdata[i];

		for (int m = 0; m < VALIDATE_MODES; m++)
			for (guint r = 0; p->simulated[m] && r < p->real[m]->len; r++)
				judge_run(v, p, (enum validate_mode)m, p->real[m]->pdata[r],
					  r == 0);
		for (const struct validate_time *t = v->rules->times; t->metric; t++)
			judge_time(v, p, t);
	}
	judge_order(v);
}

struct validate_sum validation_sum(const struct validation *v)
{
	struct validate_sum s = {.points = v->points->len, .pairs = v->pairs->len};

	for (guint i = 0; i < v->points->len; i++) {
		const struct validate_point *p = v->points->pdata[i];
		unsigned before = s.differ;

		for (guint d = 0; d < p->differences->len; d++)
			s.differ +=
				g_array_index(p->differences, struct validate_difference, d).judged;
		s.unequal_points += s.differ > before;
		for (int m = 0; m < VALIDATE_MODES; m++)
			s.equal += p->equal[m];
		for (guint t = 0; t < p->times->len; t++) {
			enum validate_verdict verdict_ =
				g_array_index(p->times, struct validate_measured, t).verdict;
			s.judged += verdict_ != VALIDATE_SHOWN;
			s.missed += verdict_ == VALIDATE_MISS;
		}
	}
	for (guint i = 0; i < v->pairs->len; i++)
		s.swapped += !g_array_index(v->pairs, struct validate_pair, i).same;
	return s;
}
