/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timescale.h - for tests only: the same scenario in other units of time.
 *
 * Every key that is a time is multiplied by k, every rate, clock and frequency divided by it, the
 * keys found by walking the program's own tables, defaults included. Then counts, digests and
 * ratios must be equal, every time k times as long, to the picosecond, every rate k times lower;
 * percentiles agree within a bucket. What fails is a constant that has a duration and is no key.
 *
 * It holds where all is whole: so the base of all scenarios here has clocks and rates that divide
 * by 1024 and cycles and bits that last whole picoseconds. A key of a table that does not divide is
 * named, and belongs into BASE or the scenario.
 */
#ifndef TESTS_TIMESCALE_H
#define TESTS_TIMESCALE_H

#include "machine_helper.h"
#include "machine_helper2.h"
#include "models/tap_keys.h"
#include "sim/metric.h"
#include "sim/units.h"

/* 500 ps a cycle, 800 ps a byte of the wire, 160 of the bus. */
#define BASE "[host]\nclock = 2GHz\n%s[nic]\nlink = 10Gbit/s\nbus_rate = 50Gbit/s\n%s"

/* TAP devices have neither. */
#define BASE_TAP "[host]\nclock = 2GHz\n%s%s"

/* ---- a scenario's keys, scaled -------------------------------------------------------------- */

struct scaler {
	const struct scenario *sc;
	GPtrArray *sets;
	uint64_t k;
};

static const char *const counts_per_second[] = {"pps", NULL};

/* Is this a number of this kind? */
static inline bool is_a(enum key_kind kind, const char *text, uint64_t *v)
{
	g_autofree char *why = NULL;
	return units_parse(kind, text, NULL, v, &why);
}

static inline uint64_t divided(const struct scaler *s, const char *name, uint64_t value)
{
	if (value % s->k)
		fail_msg("%s = %" PRIu64 " does not divide by %" PRIu64 ": set it in the test's "
			 "base",
			 name, value, s->k);
	return value / s->k;
}

/* One number with its unit, or a word: as it reads in a world k times as slow. */
static inline char *scaled_part(const struct scaler *s, const char *name, const char *text)
{
	uint64_t v;

	if (!strcmp(text, "0"))
		return g_strdup(text);
	if (is_a(KEY_TIME, text, &v))
		return g_strdup_printf("%" PRIu64 "ps", v * s->k);
	if (is_a(KEY_RATE, text, &v))
		return g_strdup_printf("%" PRIu64 "bit/s", divided(s, name, v));
	if (is_a(KEY_FREQ, text, &v))
		return g_strdup_printf("%" PRIu64 "Hz", divided(s, name, v));
	return g_strdup(text);
}

/* Laws and the like: exponential:500ns, uniform:1us..2us. */
static inline char *scaled_text(const struct scaler *s, const char *name, const char *text)
{
	const char *colon = strchr(text, ':');
	g_auto(GStrv) part = g_strsplit(colon ? colon + 1 : text, "..", -1);
	GString *out = g_string_new_len(text, colon ? colon + 1 - text : 0);

	for (unsigned i = 0; part[i]; i++) {
		g_autofree char *one = scaled_part(s, name, part[i]);
		g_string_append_printf(out, "%s%s", i ? ".." : "", one);
	}
	return g_string_free(out, FALSE);
}

/* Of a capture: what is recorded takes k times as long. */
static inline char *scaled_timing(const struct scaler *s, const char *name, const char *text)
{
	uint64_t v;

	if (!strcmp(text, "recorded"))
		return g_strdup_printf("scaled:%" PRIu64, s->k);
	if (g_str_has_prefix(text, "scaled:")) {
		assert_true(is_a(KEY_COUNT, text + 7, &v));
		return g_strdup_printf("scaled:%" PRIu64, v * s->k);
	}
	if (g_str_has_prefix(text, "pps:")) {
		assert_true(is_a(KEY_COUNT, text + 4, &v));
		return g_strdup_printf("pps:%" PRIu64, divided(s, name, v));
	}
	return scaled_text(s, name, text);
}

/* Is the traffic that this key belongs to a capture? */
static inline bool replays(const struct scaler *s, const char *name)
{
	g_auto(GStrv) part = g_strsplit(name, ".", 2);
	return cfg_has(scenario_find(s->sc, part[0]), "trace");
}

static inline char *scaled_value(const struct scaler *s, const struct key_decl *key,
				 const char *name, const char *value)
{
	enum key_kind kind = keys_quantity(key);
	uint64_t n;

	if (kind == KEY_COUNT && g_strv_contains(counts_per_second, key->name)) {
		assert_true(is_a(KEY_COUNT, value, &n));
		return g_strdup_printf("%" PRIu64, divided(s, name, n));
	}
	if (kind == KEY_TIME || kind == KEY_RATE || kind == KEY_FREQ)
		return scaled_text(s, name, value);
	if (!strcmp(key->name, "timing") && replays(s, name))
		return scaled_timing(s, name, value);
	return NULL;
}

/* Where [tap] is, what would be refused if it were set has no effect. */
static inline bool unused_with_tap(const struct scenario *sc, const char *name, const char *key)
{
	g_auto(GStrv) part = g_strsplit(name, ".", 2);

	return tap_of(sc) && tap_refused(cfg_kind(scenario_find(sc, part[0])), key);
}

static inline void scale_key(void *arg, const char *name, const char *value)
{
	struct scaler *s = arg;
	const struct key_decl *key = scenario_lookup(s->sc, name, NULL, &(char *){NULL});
	char *scaled;

	assert_non_null(key);
	if (unused_with_tap(s->sc, name, key->name))
		return;
	scaled = scaled_value(s, key, name, value);
	if (!scaled)
		return;
	if (strcmp(scaled, value) != 0)
		g_ptr_array_add(s->sets, g_strdup_printf("%s=%s", name, scaled));
	g_free(scaled);
}

static inline struct scenario *scaled_by(const struct scenario *sc, uint64_t k)
{
	struct scaler s = {sc, g_ptr_array_new_with_free_func(g_free), k};
	struct scenario *other;
	GError *error = NULL;

	scenario_each(sc, scale_key, &s);
	g_ptr_array_add(s.sets, NULL);
	other = scenario_clone_with(sc, (const char *const *)s.sets->pdata, &error);
	if (!other)
		fail_msg("%s", error->message);
	g_ptr_array_free(s.sets, TRUE);
	return other;
}

/* ---- results, compared ------------------------------------------------------------------------
 */

static inline bool same(unsigned __int128 a, unsigned __int128 b)
{
	return a == b;
}

/* A fraction, exactly; `up` the first is that many times the second. */
static inline bool times(const struct result_value *a, const struct result_value *b, uint64_t up)
{
	unsigned __int128 ad = a->type == RESULT_INT ? 1 : a->den;
	unsigned __int128 bd = b->type == RESULT_INT ? 1 : b->den;

	/* 128 bits do not hold the products: whole parts and remainders, of which both are small.
	 */
	unsigned __int128 aq = a->num / ad, bq = b->num * up / bd;
	unsigned __int128 ar = a->num % ad, br = b->num * up % bd;

	return same(aq, bq) && same(ar * bd, br * ad);
}

static inline double real(const struct result_value *v)
{
	return (double)v->num / (v->type == RESULT_INT ? 1 : (double)v->den);
}

static inline bool percentile(const char *name)
{
	return strstr(name, ".p50") || strstr(name, ".p90") || strstr(name, ".p99");
}

static inline bool near(double a, double b, double part)
{
	double d = a > b ? a - b : b - a;
	return d <= part * b;
}

/* What the metric says of the world that is k times as slow. */
static inline bool value_follows(const char *unit, const struct result_value *base,
				 const struct result_value *slow, uint64_t k)
{
	if (base->type == RESULT_TEXT)
		return slow->type == RESULT_TEXT && !strcmp(base->text, slow->text);
	if (base->type != RESULT_INT && base->type != RESULT_RATIO)
		return base->type == slow->type;
	if (slow->type != RESULT_INT && slow->type != RESULT_RATIO)
		return false;
	if (!strcmp(unit, "ns") && percentile(base->name))
		return near(real(slow), (double)k * real(base), 1. / 64);
	if (!strcmp(unit, "ns"))
		return times(slow, base, k);
	if (!strcmp(unit, "1/s") || !strcmp(unit, "bit/s")) /* rounded to whole ones */
		return near(real(slow) * (double)k, real(base), 1e-6) ||
		       near(real(slow), real(base) / (double)k, 1 / (real(slow) + 1));
	return times(slow, base, 1);
}

static inline const struct metric_decl *metric_of(const struct result_value *v,
						  const struct scenario *sc)
{
	g_autofree char *why = NULL;
	const struct metric_decl *d = metric_judge(&machine_metrics, sc, v->full, &why);

	if (!d)
		fail_msg("%s", why);
	return d;
}

static inline void results_follow(const char *what, const struct result *base,
				  const struct result *slow, const struct scenario *sc, uint64_t k)
{
	assert_int_equal(result_count(base), result_count(slow));
	for (size_t i = 0; i < result_count(base); i++) {
		const struct result_value *v = result_at(base, i), *w = result_find(slow, v->full);

		if (!w)
			fail_msg("%sthere is no %s with k = %" PRIu64, what, v->full, k);
		if (!value_follows(metric_of(v, sc)->unit, v, w, k)) {
			g_autoptr(GString) a = g_string_new(NULL), b = g_string_new(NULL);
			result_format(v, a);
			result_format(w, b);
			fail_msg("%s%s is %s, and with k = %" PRIu64 " it is %s", what, v->full,
				 a->str, k, b->str);
		}
	}
}

static inline struct result *result_of(const struct scenario *sc, const char *text)
{
	struct result *r = result_new();
	struct run_ctl ctl = {0};
	GError *error = NULL;

	if (!machine_simulate(sc, &ctl, r, &error))
		fail_msg("%s in:\n%s", error->message, text);
	return r;
}

/*
 * The test of one scenario; k = 2, 8 and 1024. `host` are lines of its group. Where tests are to
 * be short (VNICSIM_TEST_SCALE), one in eight, and k = 8 alone.
 */
static inline void scales(const char *host, const char *text)
{
	static const uint64_t k[] = {2, 8, 1024};
	static unsigned calls;
	bool brief = rig_scaled(2, 1) == 1;
	g_autofree char *path = run_temp(".ini"),
			*whole = strstr(text, "[tap]") ? g_strdup_printf(BASE_TAP, host, text)
						       : g_strdup_printf(BASE, host, text);
	struct scenario *sc;
	struct result *base;
	GError *error = NULL;

	if (brief && calls++ % 8) {
		unlink(path);
		return;
	}
	g_file_set_contents(path, whole, -1, NULL);
	sc = scenario_load(path, option_groups, NULL, &error);
	unlink(path);
	if (!sc)
		fail_msg("%s in:\n%s", error->message, whole);
	base = result_of(sc, whole);
	for (unsigned i = brief; i < G_N_ELEMENTS(k) - brief; i++) {
		struct scenario *slow = scaled_by(sc, k[i]);
		struct result *r = result_of(slow, whole);

		results_follow(whole, base, r, sc, k[i]);
		result_free(r);
		scenario_free(slow);
	}
	result_free(base);
	scenario_free(sc);
}

static inline void scales_text(const char *host, const char *format, ...) G_GNUC_PRINTF(2, 3);
static inline void scales_text(const char *host, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	scales(host, text);
}

/* Gaps of whole picoseconds whose rate divides by 1024. */
#define IN   "[traffic in]\nto = vm1\nsize = imix\npps = 640000\npackets = 3000\n"
#define OUT  "[traffic out]\nfrom = vm1\nsize = imix\npps = 128000\npackets = 1000\n"
#define BOTH IN OUT

#endif
