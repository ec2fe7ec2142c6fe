/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fidelity_judge.c - which runs the rows need, and what they say then; see fidelity_judge.h. */
#include "fidelity_judge.h"
#include <string.h>
#include "condition.h"

/* ---- planning ---- */

/* The points of the sweep at which the conditions hold: how many, and the last of them. */
static bool find_point(const struct study *st, char **conditions, size_t *found, size_t *at,
		       GError **error)
{
	*found = 0;
	for (size_t p = 0; p < sweep_points(st->sweep); p++) {
		g_autoptr(scenario_auto) sc = sweep_scenario(st->sweep, p, 0, error);

		if (!sc)
			return false;
		if (!condition_holds(sc, conditions))
			continue;
		++*found;
		*at = p;
	}
	return true;
}

/* The number of the runs' point that a row means: 0 is the base. */
static bool resolve(const struct study *st, const struct fidelity_row *row, const char *key,
		    char **conditions, unsigned *point, GError **error)
{
	size_t found, at;

	if (!conditions) {
		*point = sweep_points(st->sweep) == 1 ? 1 : 0;
		return true;
	}
	if (!find_point(st, conditions, &found, &at, error))
		return false;
	if (!found)
		return cfg_error(row->cfg, key, error,
				 "no point of the sweep is like this; add it to [sweep]");
	if (found > 1)
		return cfg_error(row->cfg, key, error,
				 "%zu points of the sweep are like this; say more with &", found);
	*point = (unsigned)at + 1;
	return true;
}

bool fidelity_plan(struct study *st, GError **error)
{
	g_autofree bool *wanted = g_new0(bool, sweep_points(st->sweep) + 1);

	/* By the runs' numbers: 0 is the base. */
	for (guint i = 0; i < st->rows->len; i++) {
		struct fidelity_row *row = st->rows->pdata[i];

		if (!resolve(st, row, "at", row->at, &row->point, error) ||
		    !resolve(st, row, "base_at", row->base_at ? row->base_at : row->at,
			     &row->base_point, error))
			return false;
		wanted[row->point] = true;
		wanted[row->base_point] = true;
	}
	return study_choose(st, wanted + 1, wanted[0], error);
}

/* ---- values ---- */

static const struct study_run *find_run(const struct study *st, unsigned point, unsigned repeat)
{
	for (size_t i = 0; i < st->n_runs; i++)
		if (st->runs[i].point == point && st->runs[i].repeat == repeat)
			return &st->runs[i];
	return NULL;
}

static bool read_value(const struct study_run *run, const char *metric,
		       const struct metric_decl *decl, double *value, char **why)
{
	const struct result_value *v = run && run->result ? result_find(run->result, metric) : NULL;

	*value = 0;
	if (!run || !run->result)
		*why = g_strdup(run && run->error ? run->error->message : "was not run");
	else if (v && (v->type == RESULT_INT || v->type == RESULT_RATIO))
		*value = (double)v->num / (double)v->den;
	else if (v)
		*why = g_strdup_printf("%s: %s", metric,
				       v->type == RESULT_ABSENT ? v->text : "nothing was measured");
	else if (!decl->sparse)
		*why = g_strdup_printf("%s: this run does not have the metric", metric);
	return !*why;
}

static bool compare(const struct fidelity_row *row, double value, double base, double *out,
		    char **why)
{
	if (row->as != FIDELITY_DIFFERENCE && base == 0) {
		*why = g_strdup_printf("%s is 0 at the base", row->base_metric);
		return false;
	}
	switch (row->as) {
	case FIDELITY_VALUE:
		*out = value;
		break;
	case FIDELITY_RATIO:
		*out = value / base;
		break;
	case FIDELITY_GAIN:
		*out = 100 * (value / base - 1);
		break;
	case FIDELITY_LOSS:
		*out = 100 * (1 - value / base);
		break;
	case FIDELITY_DIFFERENCE:
		*out = value - base;
		break;
	}
	return true;
}

static bool one_repeat(const struct study *st, const struct fidelity_row *row, unsigned repeat,
		       double *out, char **why)
{
	double value, base = 1;

	if (!read_value(find_run(st, row->point, repeat), row->metric, row->decl, &value, why))
		return false;
	if (row->as != FIDELITY_VALUE && !read_value(find_run(st, row->base_point, repeat),
						     row->base_metric, row->base_decl, &base, why))
		return false;
	return compare(row, value, base, out, why);
}

/* Newton's; the library's root is not the same everywhere. */
static double square_root(double x)
{
	double r = x > 1 ? x : 1;

	if (!(x > 0))
		return 0;
	for (int i = 0; i < 2000; i++) {
		double next = (r + x / r) / 2;

		if (next >= r)
			break;
		r = next;
	}
	return r;
}

/* What three standard errors add to what the row allows: one widens the other, not both. */
static double slack_of(const struct fidelity_row *row, double se)
{
	const struct want *w = &row->want;
	double allowed = w->op == WANT_RANGE ? (want_real(w->hi) - want_real(w->lo)) / 2 : 0;

	if (row->kind != FIDELITY_EXACT || (w->op != WANT_RANGE && w->op != WANT_EQ))
		return 0;
	return 3 * se > allowed ? 3 * se - allowed : 0;
}

void fidelity_judge(const struct study *st, const struct fidelity_row *row,
		    struct fidelity_judged *j)
{
	unsigned repeats = sweep_repeats(st->sweep);
	g_autofree double *v = g_new0(double, repeats);
	double sum = 0, squares = 0;

	*j = (struct fidelity_judged){.row = row, .file = scenario_name(st->sc)};
	for (unsigned i = 0; i < repeats; i++) {
		if (!one_repeat(st, row, i + 1, &v[i], &j->why))
			return;
		sum += v[i];
	}
	j->repeats = repeats;
	j->value = sum / repeats;
	for (unsigned i = 0; i < repeats; i++)
		squares += (v[i] - j->value) * (v[i] - j->value);
	if (repeats > 1)
		j->se = square_root(squares / (repeats - 1.0) / repeats);
	j->slack = slack_of(row, j->se);
	j->held = want_holds_real(&row->want, j->value, j->slack);
}

void fidelity_judged_clear(void *judged)
{
	g_free(((struct fidelity_judged *)judged)->why);
}

enum fidelity_verdict fidelity_verdict(const struct fidelity_judged *j)
{
	if (!j->held)
		return FIDELITY_MISS;
	return j->row->calibration ? FIDELITY_CALIBRATION : FIDELITY_OK;
}

bool fidelity_fails(const struct fidelity_judged *j)
{
	return !j->held && (j->row->kind == FIDELITY_EXACT || !j->row->note || !j->repeats);
}
