/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fidelity.c - the keys of [fidelity ROW] and what must be so of a row; see fidelity.h. */
#include "fidelity.h"
#include <string.h>
#include "condition.h"

const struct key_decl fidelity_keys[] = {
	{"title", KEY_STRING, .help = "what is compared, in a few words"},
	{"source", KEY_STRING, .help = "who says so: authors, venue, table or figure; or the form"},
	{"kind", KEY_CHOICE, .choices = "exact|published|shape",
	 .help = "a closed form, a published measurement, or a measurement of which only sign or "
		 "order is asked"},
	{"metric", KEY_STRING, .help = "metric of the result, as in [expect]"},
	{"at", KEY_STRING,
	 .help = "point of the sweep, as in [expect ...]: GROUP.KEY=VALUE & ...; "
		 "without it the only point, or the base point"},
	{"base_at", KEY_STRING, .help = "second point, which `as` compares with"},
	{"of", KEY_STRING, .help = "second metric, which `as` compares with"},
	{"as", KEY_CHOICE, .def = "value", .choices = "value|ratio|gain|loss|difference",
	 .help = "what is judged: the value; value / base; how many percent it is above or below "
		 "the base; value - base"},
	{"want", KEY_STRING,
	 .help = "expected, as in [expect]: 44.1Gbit/s ~ 1%, lo..hi, > 1; of "
		 "gain and loss in percent"},
	{"calibrated", KEY_STRING,
	 .help = "constant that was calibrated, and on which row or published point"},
	{"role", KEY_CHOICE, .def = "evidence", .choices = "evidence|calibration",
	 .help = "calibration: a constant was chosen so that this row fits, so it shows nothing"},
	{"note", KEY_STRING, .help = "why it misses; needed if it does"},
	{0},
};

static bool check_present(const struct fidelity_row *row, GError **error)
{
	static const char *const needed[] = {"title", "source", "kind", "metric", "want"};

	for (size_t i = 0; i < G_N_ELEMENTS(needed); i++)
		if (!cfg_has(row->cfg, needed[i]))
			return cfg_error(row->cfg, NULL, error, "needs %s; see `list keys`",
					 needed[i]);
	return true;
}

/* A comparison needs something to compare with, and nothing else does. */
static bool check_base(const struct fidelity_row *row, GError **error)
{
	bool base = cfg_has(row->cfg, "base_at") || cfg_has(row->cfg, "of");

	if (row->as != FIDELITY_VALUE && !base)
		return cfg_error(row->cfg, "as", error,
				 "%s of what? say base_at (a second point) or of (a second metric)",
				 cfg_str(row->cfg, "as"));
	if (row->as == FIDELITY_VALUE && base)
		return cfg_error(row->cfg, cfg_has(row->cfg, "of") ? "of" : "base_at", error,
				 "compares with nothing while as = value; say as = ratio, gain, "
				 "loss or difference");
	return true;
}

static const struct metric_decl *find_metric(const struct fidelity_row *row, const char *key,
					     const struct scenario *sc,
					     const struct metric_table *metrics, GError **error)
{
	g_autofree char *why = NULL;
	const char *name = cfg_str(row->cfg, key);
	const struct metric_decl *decl = metric_judge(metrics, sc, name, &why);

	if (decl && !decl->text && !strchr(name, '*'))
		return decl;
	cfg_error(row->cfg, key, error, "%s",
		  !decl        ? why
		  : decl->text ? "this metric is a text; a row judges a number"
			       : "a row judges one metric; write it without *");
	return NULL;
}

static bool read_point(struct fidelity_row *row, const char *key, char ***conditions,
		       const struct scenario *sc, GError **error)
{
	g_autofree char *why = NULL;

	if (!cfg_has(row->cfg, key))
		return true;
	*conditions = condition_parse(sc, cfg_str(row->cfg, key), &why);
	return *conditions || cfg_error(row->cfg, key, error, "%s", why);
}

/* What is judged has the metric's unit, or is a bare ratio, or percent. */
static bool read_want(struct fidelity_row *row, GError **error)
{
	struct metric_decl judged = {.unit = row->decl->unit};
	g_autofree char *why = NULL;

	if (row->as == FIDELITY_RATIO)
		judged.unit = "";
	if (row->as == FIDELITY_GAIN || row->as == FIDELITY_LOSS)
		judged.unit = "%";
	row->unit = judged.unit;
	if (want_parse(&row->want, &judged, cfg_str(row->cfg, "want"), row->as >= FIDELITY_GAIN,
		       &why))
		return true;
	return cfg_error(row->cfg, "want", error, "%s", why);
}

static bool read_row(struct fidelity_row *row, const struct scenario *sc,
		     const struct metric_table *metrics, GError **error)
{
	row->name = cfg_name(row->cfg);
	row->title = cfg_str(row->cfg, "title");
	row->source = cfg_str(row->cfg, "source");
	row->calibrated = cfg_str(row->cfg, "calibrated");
	row->note = cfg_str(row->cfg, "note");
	row->kind = (enum fidelity_kind)cfg_choice(row->cfg, "kind");
	row->as = (enum fidelity_as)cfg_choice(row->cfg, "as");
	row->calibration = cfg_choice(row->cfg, "role") == 1;
	row->metric = row->base_metric = cfg_str(row->cfg, "metric");
	if (!check_present(row, error) || !check_base(row, error))
		return false;
	row->decl = row->base_decl = find_metric(row, "metric", sc, metrics, error);
	if (row->decl && cfg_has(row->cfg, "of")) {
		row->base_metric = cfg_str(row->cfg, "of");
		row->base_decl = find_metric(row, "of", sc, metrics, error);
	}
	if (!row->decl || !row->base_decl)
		return false;
	if (row->as > FIDELITY_RATIO && strcmp(row->decl->unit, row->base_decl->unit) != 0)
		return cfg_error(row->cfg, "of", error,
				 "is in %s, the metric in %s; only a ratio of them says something",
				 *row->base_decl->unit ? row->base_decl->unit : "no unit",
				 *row->decl->unit ? row->decl->unit : "no unit");
	return read_point(row, "at", &row->at, sc, error) &&
	       read_point(row, "base_at", &row->base_at, sc, error) && read_want(row, error);
}

static void row_free(void *p)
{
	struct fidelity_row *row = p;

	g_strfreev(row->at);
	g_strfreev(row->base_at);
	want_clear(&row->want);
	g_free(row);
}

GPtrArray *fidelity_rows(const struct scenario *sc, const struct group_decl *groups,
			 const struct metric_table *metrics, GError **error)
{
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(row_free);
	size_t n = keys_group(groups, FIDELITY_KIND) ? scenario_count(sc, FIDELITY_KIND) : 0;

	for (size_t i = 0; i < n; i++) {
		struct fidelity_row *row = g_new0(struct fidelity_row, 1);

		row->cfg = scenario_at(sc, FIDELITY_KIND, i);
		g_ptr_array_add(rows, row);
		if (!read_row(row, sc, metrics, error))
			return NULL;
	}
	return g_steal_pointer(&rows);
}
