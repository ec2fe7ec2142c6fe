/* SPDX-License-Identifier: GPL-2.0-or-later */
/* search.c - bisection of a key's value by a condition; see search.h. */
#include "search.h"
#include <string.h>
#include "expect.h"
#include "sim_error.h"
#include "units.h"

const struct key_decl search_keys[] = {
	{"key", KEY_STRING, .help = "key whose value is sought, GROUP.KEY"},
	{"range", KEY_STRING, .help = "lowest and highest value: 1Gbit/s..10Gbit/s"},
	{"condition", KEY_STRING,
	 .help = "what must hold, as in [expect]: guests.rx.drops = 0; several joined by &"},
	{"resolution", KEY_STRING,
	 .help = "how near the highest value that holds and the lowest that fails must be: a "
		 "quantity, or a share such as 1%"},
	{0},
};

struct search {
	const struct cli_program *prog;
	const struct cfg *cfg;
	enum key_kind kind;
	uint64_t lo, hi;
	uint64_t step;      /* 0: relative */
	uint64_t share_ppm; /* of the value, if relative */
	GArray *lines;      /* struct scenario_line: the conditions */
	GPtrArray *strings; /* of the lines */
	struct expect *expect;
	char *holds, *fails; /* names of the metrics */
};

/* ---- reading ---- */

static bool read_key(struct search *se, const struct scenario *sc, const struct sweep *sw,
		     GError **error)
{
	const char *name = cfg_str(se->cfg, "key");
	g_autofree const char **objects = NULL;
	g_autofree char *why = NULL;
	const struct key_decl *key = scenario_lookup(sc, name, &objects, &why);

	if (!key)
		return cfg_error(se->cfg, "key", error, "%s", why);
	se->kind = keys_quantity(key);
	if (se->kind == KEY_STRING)
		return cfg_error(se->cfg, "key", error,
				 "%s is no quantity; only a quantity can be bisected", name);
	if (!objects[0])
		return cfg_error(se->cfg, "key", error, "there is no object of this kind");
	for (size_t i = 0; i < sweep_keys(sw); i++)
		if (strcmp(sweep_key(sw, i), name) == 0)
			return cfg_error(se->cfg, "key", error,
					 "%s is swept; search for it or sweep it, not both", name);
	return true;
}

static bool read_range(struct search *se, GError **error)
{
	const char *text = cfg_str(se->cfg, "range"), *dots = strstr(text, "..");
	g_autofree char *why = NULL;

	if (!dots)
		return cfg_error(se->cfg, "range", error,
				 "\"%s\" is no range; write LOW..HIGH, such as 1Gbit/s..10Gbit/s",
				 text);
	g_autofree char *lo = g_strstrip(g_strndup(text, (gsize)(dots - text)));
	g_autofree char *hi = g_strstrip(g_strdup(dots + 2));
	if (!units_parse(se->kind, lo, NULL, &se->lo, &why) ||
	    !units_parse(se->kind, hi, NULL, &se->hi, &why))
		return cfg_error(se->cfg, "range", error, "%s", why);
	return se->lo < se->hi || cfg_error(se->cfg, "range", error, "a range goes upwards");
}

static bool read_resolution(struct search *se, GError **error)
{
	const char *text = cfg_str(se->cfg, "resolution");
	bool share = se->kind != KEY_PERCENT && g_str_has_suffix(text, "%");
	g_autofree char *why = NULL;

	if (!units_parse(share ? KEY_PERCENT : se->kind, text, NULL,
			 share ? &se->share_ppm : &se->step, &why))
		return cfg_error(se->cfg, "resolution", error, "%s", why);
	if (!se->step && !se->share_ppm)
		return cfg_error(se->cfg, "resolution", error, "must be above 0");
	return true;
}

/* "guests.rx.drops = 0" as a line of [expect]. */
static bool add_condition(struct search *se, const char *text, GError **error)
{
	size_t name = strcspn(text, " \t=<>!~");
	char *key = g_strndup(text, name);
	const char *rest = text + name + strspn(text + name, " \t");
	const char *behind = *rest == '=' ? rest + 1 + strspn(rest + 1, " \t") : rest;
	struct scenario_line line = {SEARCH_KIND, key, g_strdup(*rest == '=' ? behind : rest),
				     cfg_where(se->cfg, "condition")};

	g_ptr_array_add(se->strings, key);
	g_ptr_array_add(se->strings, (void *)line.value);
	if (!name || !*line.value)
		return cfg_error(se->cfg, "condition", error,
				 "\"%s\" is no condition; write METRIC = VALUE, as in [expect]",
				 text);
	g_array_append_val(se->lines, line);
	return true;
}

static bool read_condition(struct search *se, const struct scenario *sc, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(cfg_str(se->cfg, "condition"), "&", -1);

	for (char **part = parts; *part; part++)
		if (!add_condition(se, g_strstrip(*part), error))
			return false;
	se->expect = expect_of_lines(sc, se->prog->metrics, (const void *)se->lines->data,
				     se->lines->len, error);
	return se->expect != NULL;
}

bool search_new(const struct scenario *sc, const struct sweep *sw, const struct cli_program *prog,
		struct search **search, GError **error)
{
	static const char *const needed[] = {"key", "range", "condition", "resolution"};
	const struct cfg *cfg = scenario_find(sc, SEARCH_KIND);
	unsigned given = 0;

	*search = NULL;
	for (size_t i = 0; cfg && i < G_N_ELEMENTS(needed); i++)
		given += cfg_has(cfg, needed[i]);
	if (!given)
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(needed); i++)
		if (!cfg_has(cfg, needed[i]))
			return cfg_error(cfg, NULL, error, "needs %s; see `list keys`", needed[i]);
	struct search *se = g_new0(struct search, 1);
	se->prog = prog;
	se->cfg = cfg;
	se->lines = g_array_new(FALSE, FALSE, sizeof(struct scenario_line));
	se->strings = g_ptr_array_new_with_free_func(g_free);
	if (!read_key(se, sc, sw, error) || !read_range(se, error) || !read_resolution(se, error) ||
	    !read_condition(se, sc, error)) {
		search_free(se);
		return false;
	}
	se->holds = g_strdup_printf(SEARCH_KIND ".holds%s", units_column(se->kind));
	se->fails = g_strdup_printf(SEARCH_KIND ".fails%s", units_column(se->kind));
	*search = se;
	return true;
}

void search_free(struct search *se)
{
	if (!se)
		return;
	expect_free(se->expect);
	g_array_unref(se->lines);
	g_ptr_array_unref(se->strings);
	g_free(se->holds);
	g_free(se->fails);
	g_free(se);
}

const char *search_metric(const struct search *se, bool fails)
{
	return fails ? se->fails : se->holds;
}

enum report_fmt search_format(const struct search *se)
{
	switch (se->kind) {
	case KEY_TIME:
		return REPORT_TIME_NS;
	case KEY_RATE:
		return REPORT_RATE;
	case KEY_BYTES:
		return REPORT_BYTES;
	case KEY_PERCENT:
		return REPORT_PERCENT;
	case KEY_FREQ:
		return REPORT_SI;
	default:
		return REPORT_COUNT;
	}
}

const char *search_key(const struct search *se)
{
	return cfg_str(se->cfg, "key");
}

const char *search_condition(const struct search *se)
{
	return cfg_str(se->cfg, "condition");
}

const char *search_range(const struct search *se)
{
	return cfg_str(se->cfg, "range");
}

const char *search_resolution(const struct search *se)
{
	return cfg_str(se->cfg, "resolution");
}

/* ---- running ---- */

static struct scenario *build(const struct search *se, const struct scenario *point, uint64_t value,
			      GError **error)
{
	g_autofree char *text = units_format(se->kind, value);
	g_autofree char *set = g_strdup_printf("%s=%s", search_key(se), text);
	const struct scenario_set sets[] = {{set, cfg_where(se->cfg, "range")}};

	return scenario_clone_at(point, sets, 1, error);
}

bool search_check(const struct search *se, const struct scenario *point, GError **error)
{
	const uint64_t ends[] = {se->lo, se->hi};

	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
		g_autoptr(scenario_auto) sc = build(se, point, ends[i], error);

		if (!sc || (se->prog->check && !se->prog->check(sc, error)))
			return false;
	}
	return true;
}

/* A search that goes on. */
struct seeking {
	const struct search *se;
	const struct scenario *point;
	struct run_ctl *ctl;
	unsigned runs;
	uint64_t packets; /* simulated so far */
	GPtrArray *tried; /* char *: "4Gbit/s", in order */
	GArray *held;     /* bool */
};

/* A value that has been tried. */
struct trial {
	uint64_t value;
	bool holds;
	struct scenario *sc;
	struct result *result;
};

static void trial_clear(struct trial *t)
{
	g_clear_pointer(&t->sc, scenario_free);
	g_clear_pointer(&t->result, result_free);
}

struct verdicts {
	unsigned n[3];
	const char *skipped;
};

static void count_verdict(void *arg, const struct expect_verdict *v)
{
	struct verdicts *all = arg;

	all->n[v->outcome]++;
	if (v->outcome == EXPECT_SKIP)
		all->skipped = v->reason;
}

/* The share of the search that is done goes on as the share of its run. */
struct part {
	struct run_ctl *outer;
	unsigned done, all;
	uint64_t packets, drops; /* of the runs before */
	uint64_t now;            /* packets, with them */
};

static void part_progress(struct run_ctl *ctl, sim_time now, sim_time end, uint64_t packets,
			  uint64_t packets_total)
{
	struct part *part = ctl->progress_state;
	double by_time = end && end != SIM_NEVER ? (double)now / (double)end : 0;
	double by_packets = packets_total ? (double)packets / (double)packets_total : 0;
	double share = (part->done + MIN(MAX(by_time, by_packets), 1)) / part->all;

	part->now = part->packets + packets;
	part->outer->drops = part->drops + ctl->drops;
	run_progress(part->outer, (sim_time)(share * 1e6), 1000000, part->now, 0);
}

/* False: the run failed. */
static bool attempt(struct seeking *s, uint64_t value, struct trial *t, GError **error)
{
	struct part part = {s->ctl,     s->runs,       search_runs_max(s->se),
			    s->packets, s->ctl->drops, s->packets};
	struct run_ctl ctl = {.interrupted = s->ctl->interrupted,
			      .progress = s->ctl->progress ? part_progress : NULL,
			      .progress_state = &part};
	struct verdicts verdicts = {{0}, NULL};
	char *text = units_format(s->se->kind, value);

	*t = (struct trial){.value = value, .result = result_new()};
	g_ptr_array_add(s->tried, text);
	s->runs++;
	t->sc = build(s->se, s->point, value, error);
	bool ran = t->sc && s->se->prog->run(t->sc, &ctl, t->result, error);
	s->packets = part.now;
	if (!ran) {
		g_prefix_error(error, "%s=%s: ", search_key(s->se), text);
		return false;
	}
	if (ctl.ended) {
		g_propagate_error(error, ctl.ended);
		return false;
	}
	expect_judge(s->se->expect, t->sc, t->result, count_verdict, &verdicts);
	if (verdicts.n[EXPECT_SKIP])
		return cfg_error(s->se->cfg, "condition", error, "at %s=%s: %s", search_key(s->se),
				 text, verdicts.skipped);
	t->holds = !verdicts.n[EXPECT_FAIL];
	g_array_append_val(s->held, t->holds);
	return true;
}

static uint64_t resolution(const struct search *se, uint64_t holds)
{
	return se->step ? se->step : (uint64_t)((unsigned __int128)holds * se->share_ppm / 1000000);
}

static bool near_enough(const struct search *se, uint64_t holds, uint64_t fails)
{
	return fails - holds <= MAX(resolution(se, holds), 1);
}

static uint64_t middle(const struct search *se, uint64_t holds, uint64_t fails)
{
	uint64_t steps = se->step ? (fails - holds - 1) / se->step + 1 : 0;

	return holds + (se->step ? steps / 2 * se->step : (fails - holds) / 2);
}

unsigned search_runs_max(const struct search *se)
{
	uint64_t holds = se->lo, fails = se->hi;
	unsigned runs = 2;

	while (!near_enough(se, holds, fails)) {
		fails = MAX(middle(se, holds, fails), fails - middle(se, holds, fails) + holds);
		runs++;
	}
	return runs;
}

/* Both ends are tried; narrows them. */
static bool bisect(struct seeking *s, struct trial *low, struct trial *high, GError **error)
{
	while (!*s->ctl->interrupted && !near_enough(s->se, low->value, high->value)) {
		struct trial t;
		bool ok = attempt(s, middle(s->se, low->value, high->value), &t, error);
		struct trial *which = t.holds ? low : high;

		if (!ok) {
			trial_clear(&t);
			return false;
		}
		trial_clear(which);
		*which = t;
	}
	return true;
}

static void put_value(const struct search *se, struct result *r, const char *full,
		      const struct trial *t)
{
	const char *name = full + strlen(SEARCH_KIND ".");

	if (!t)
		result_null(r, SEARCH_KIND, NULL, name);
	else if (se->kind == KEY_TIME)
		result_ps(r, SEARCH_KIND, NULL, name, t->value);
	else if (se->kind == KEY_PERCENT)
		result_ratio(r, SEARCH_KIND, NULL, name, t->value, 1000000);
	else
		result_u64(r, SEARCH_KIND, NULL, name, t->value);
}

/* What the search found, into one of the two results that are kept. */
static void describe(const struct seeking *s, struct result *r, const struct trial *holds,
		     const struct trial *fails)
{
	const struct search *se = s->se;
	const char *verdict = !holds   ? "fails at the low end"
			      : !fails ? "holds at the high end"
				       : "found";

	put_value(se, r, se->holds, holds);
	put_value(se, r, se->fails, fails);
	result_u64(r, SEARCH_KIND, NULL, "runs", s->runs);
	result_search(r, search_key(se), search_condition(se), cfg_str(se->cfg, "resolution"),
		      verdict, (const char *const *)s->tried->pdata, (const bool *)s->held->data,
		      s->held->len);
	if (*s->ctl->interrupted)
		result_set_partial(r);
}

static void finish(struct seeking *s, struct trial *low, struct trial *high, struct search_end *end)
{
	const struct trial *holds = low->holds ? low : NULL;
	const struct trial *fails = !low->holds ? low : high->result && !high->holds ? high : NULL;

	if (high->result && high->holds) {
		trial_clear(low);
		*low = *high;
		*high = (struct trial){0};
	}
	*end = (struct search_end){low->sc, low->result, high->sc, high->result};
	describe(s, end->result, holds, fails);
	if (end->beyond)
		describe(s, end->beyond, holds, fails);
}

bool search_run(const struct search *se, const struct scenario *point, struct run_ctl *ctl,
		struct search_end *end, GError **error)
{
	struct seeking s = {.se = se, .point = point, .ctl = ctl};
	struct trial low = {0}, high = {0};
	bool ok;

	s.tried = g_ptr_array_new_with_free_func(g_free);
	s.held = g_array_new(FALSE, FALSE, sizeof(bool));
	ok = attempt(&s, se->lo, &low, error);
	if (ok && low.holds && !*ctl->interrupted) {
		ok = attempt(&s, se->hi, &high, error);
		if (ok && !high.holds)
			ok = bisect(&s, &low, &high, error);
	}
	if (ok) {
		finish(&s, &low, &high, end);
	} else {
		trial_clear(&low);
		trial_clear(&high);
	}
	g_ptr_array_unref(s.tried);
	g_array_unref(s.held);
	return ok;
}
