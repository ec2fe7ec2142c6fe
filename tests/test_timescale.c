/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_timescale.c - a scenario in other units of time is the same scenario.
 *
 * Every key that is a time is multiplied by k, every rate, clock and frequency divided by it, the
 * keys found by walking the program's own tables, defaults included. Then counts, digests and
 * ratios must be equal, every time k times as long, to the picosecond, every rate k times lower;
 * percentiles agree within a bucket. What fails is a constant that has a duration and is no key.
 *
 * It holds where all is whole: so the base of all scenarios here has clocks and rates that divide
 * by 1024 and cycles and bits that last whole picoseconds. A key of a table that does not divide is
 * named, and belongs into BASE.
 */
#include "machine_helper.h"
#include "sim/metric.h"
#include "sim/units.h"

/* 500 ps a cycle, 800 ps a byte of the wire, 160 of the bus. */
#define BASE "[host]\nclock = 2GHz\n%s[nic]\nlink = 10Gbit/s\nbus_rate = 50Gbit/s\n%s"

/* ---- a scenario's keys, scaled -------------------------------------------------------------- */

struct scaler {
	const struct scenario *sc;
	GPtrArray *sets;
	uint64_t k;
};

static const char *const counts_per_second[] = {"pps", NULL};

static uint64_t divided(const struct scaler *s, const char *name, uint64_t value)
{
	if (value % s->k)
		fail_msg("%s = %" PRIu64 " does not divide by %" PRIu64 ": set it in the test's "
			 "base",
			 name, value, s->k);
	return value / s->k;
}

/* One number with its unit, or a word: as it reads in a world k times as slow. */
static char *scaled_part(const struct scaler *s, const char *name, const char *text)
{
	uint64_t v;

	if (!strcmp(text, "0"))
		return g_strdup(text);
	if (units_parse(KEY_TIME, text, NULL, &v, &(char *){NULL}))
		return g_strdup_printf("%" PRIu64 "ps", v * s->k);
	if (units_parse(KEY_RATE, text, NULL, &v, &(char *){NULL}))
		return g_strdup_printf("%" PRIu64 "bit/s", divided(s, name, v));
	if (units_parse(KEY_FREQ, text, NULL, &v, &(char *){NULL}))
		return g_strdup_printf("%" PRIu64 "Hz", divided(s, name, v));
	return g_strdup(text);
}

/* Laws and the like: exponential:500ns, uniform:1us..2us. */
static char *scaled_text(const struct scaler *s, const char *name, const char *text)
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
static char *scaled_timing(const struct scaler *s, const char *name, const char *text)
{
	uint64_t v;

	if (!strcmp(text, "recorded"))
		return g_strdup_printf("scaled:%" PRIu64, s->k);
	if (g_str_has_prefix(text, "scaled:")) {
		assert_true(units_parse(KEY_COUNT, text + 7, NULL, &v, &(char *){NULL}));
		return g_strdup_printf("scaled:%" PRIu64, v * s->k);
	}
	if (g_str_has_prefix(text, "pps:")) {
		assert_true(units_parse(KEY_COUNT, text + 4, NULL, &v, &(char *){NULL}));
		return g_strdup_printf("pps:%" PRIu64, divided(s, name, v));
	}
	return scaled_text(s, name, text);
}

/* Is the traffic that this key belongs to a capture? */
static bool replays(const struct scaler *s, const char *name)
{
	g_auto(GStrv) part = g_strsplit(name, ".", 2);
	return cfg_has(scenario_find(s->sc, part[0]), "trace");
}

static char *scaled_value(const struct scaler *s, const struct key_decl *key, const char *name,
			  const char *value)
{
	enum key_kind kind = keys_quantity(key);
	uint64_t n;

	if (kind == KEY_COUNT && g_strv_contains(counts_per_second, key->name)) {
		assert_true(units_parse(KEY_COUNT, value, NULL, &n, &(char *){NULL}));
		return g_strdup_printf("%" PRIu64, divided(s, name, n));
	}
	if (kind == KEY_TIME || kind == KEY_RATE || kind == KEY_FREQ)
		return scaled_text(s, name, value);
	if (!strcmp(key->name, "timing") && replays(s, name))
		return scaled_timing(s, name, value);
	return NULL;
}

static void scale_key(void *arg, const char *name, const char *value)
{
	struct scaler *s = arg;
	const struct key_decl *key = scenario_lookup(s->sc, name, NULL, &(char *){NULL});
	char *scaled;

	assert_non_null(key);
	scaled = scaled_value(s, key, name, value);
	if (!scaled)
		return;
	if (strcmp(scaled, value))
		g_ptr_array_add(s->sets, g_strdup_printf("%s=%s", name, scaled));
	g_free(scaled);
}

static struct scenario *scaled_by(const struct scenario *sc, uint64_t k)
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

static bool same(unsigned __int128 a, unsigned __int128 b)
{
	return a == b;
}

/* A fraction, exactly; `up` the first is that many times the second. */
static bool times(const struct result_value *a, const struct result_value *b, uint64_t up)
{
	unsigned __int128 ad = a->type == RESULT_INT ? 1 : a->den;
	unsigned __int128 bd = b->type == RESULT_INT ? 1 : b->den;

	/* 128 bits do not hold the products: whole parts and remainders, of which both are small.
	 */
	unsigned __int128 aq = a->num / ad, bq = b->num * up / bd;
	unsigned __int128 ar = a->num % ad, br = b->num * up % bd;

	return same(aq, bq) && same(ar * bd, br * ad);
}

static double real(const struct result_value *v)
{
	return (double)v->num / (v->type == RESULT_INT ? 1 : (double)v->den);
}

static bool percentile(const char *name)
{
	return strstr(name, ".p50") || strstr(name, ".p90") || strstr(name, ".p99");
}

static bool near(double a, double b, double part)
{
	double d = a > b ? a - b : b - a;
	return d <= part * b;
}

/* What the metric says of the world that is k times as slow. */
static bool value_follows(const char *unit, const struct result_value *base,
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

static const struct metric_decl *metric_of(const struct result_value *v, const struct scenario *sc)
{
	g_autofree char *why = NULL;
	const struct metric_decl *d = metric_judge(&machine_metrics, sc, v->full, &why);

	if (!d)
		fail_msg("%s", why);
	return d;
}

static void results_follow(const char *what, const struct result *base, const struct result *slow,
			   const struct scenario *sc, uint64_t k)
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

static struct result *result_of(const struct scenario *sc, const char *text)
{
	struct result *r = result_new();
	struct run_ctl ctl = {0};
	GError *error = NULL;

	if (!machine_simulate(sc, &ctl, r, &error))
		fail_msg("%s in:\n%s", error->message, text);
	return r;
}

/* The test of one scenario; k = 2, 8 and 1024. `host` are lines of its group. */
static void scales(const char *host, const char *text)
{
	static const uint64_t k[] = {2, 8, 1024};
	g_autofree char *path = run_temp(".ini"), *whole = g_strdup_printf(BASE, host, text);
	struct scenario *sc;
	struct result *base;
	GError *error = NULL;

	g_file_set_contents(path, whole, -1, NULL);
	sc = scenario_load(path, option_groups, NULL, &error);
	unlink(path);
	if (!sc)
		fail_msg("%s in:\n%s", error->message, whole);
	base = result_of(sc, whole);
	for (unsigned i = 0; i < G_N_ELEMENTS(k); i++) {
		struct scenario *slow = scaled_by(sc, k[i]);
		struct result *r = result_of(slow, whole);

		results_follow(whole, base, r, sc, k[i]);
		result_free(r);
		scenario_free(slow);
	}
	result_free(base);
	scenario_free(sc);
}

static void scales_text(const char *host, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void scales_text(const char *host, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	scales(host, text);
}

/* ---- scenarios ------------------------------------------------------------------------------ */

/* Gaps of whole picoseconds whose rate divides by 1024. */
#define IN   "[traffic in]\nto = vm1\nsize = imix\npps = 640000\npackets = 3000\n"
#define OUT  "[traffic out]\nfrom = vm1\nsize = imix\npps = 128000\npackets = 1000\n"
#define BOTH IN OUT

static void each_policy_and_way_of_waiting_scales(void **state)
{
	static const char *const policy[] = {"null", "copy", "single-copy", "zero-copy"};
	static const char *const way[] = {"", "receive = poll\n", "delivery = process\n",
					  "delivery = process\nreceive = poll\nvcpus = 2\n"};
	static const char *const host[] = {"", "cores = 2\ndatapath = poll\n",
					   "cores = 3\noffload = idle\n"};

	(void)state;
	for (unsigned i = 0; i < 48; i++)
		scales_text(host[i % 3],
			    "[nic eth0]\nmoderation = %s\n[guest vm1]\npolicy = %s\n%s" BOTH,
			    i & 1 ? "20us" : "0s", policy[i / 3 % 4], way[i / 12]);
}

static void each_published_system_scales(void **state)
{
	static const char *const system[] = {"baseline", "p1", "p2", "p3", "p4", "p5"};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(system); i++) {
		scales_text("", "[scenario]\nsystem = %s\n[nic eth0]\n[guest vm1]\n" BOTH,
			    system[i]);
		scales_text("cores = 2\n",
			    "[scenario]\nsystem = %s\nwarmup = 1ms\n[nic eth0]\n"
			    "[guest vm1..vm3]\n" BOTH "[traffic l]\nfrom = vm2\nto = vm3, vm1\n"
			    "pps = 25600\npackets = 500\n[traffic flood]\nfrom = vm3\nto = all\n"
			    "pps = 5120\npackets = 50\n",
			    system[i]);
	}
}

static void each_mode_of_the_iommu_scales(void **state)
{
	static const char *const mode[] = {"off", "static", "strict", "deferred"};
	static const char *const map[] = {"static", "per-buffer", "pooled", "bounce"};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		scales_text("",
			    "[iommu]\nmode = %s\nflush_batch = 32\nflush_timeout = 300us\n"
			    "iotlb_entries = 16\n[nic eth0]\n[guest vm1]\npolicy = zero-copy\n"
			    "delivery = process\n" BOTH,
			    mode[i]);
		for (unsigned d = 0; d < 4 && i; d++)
			scales_text("",
				    "[iommu]\nmode = %s\nflush_timeout = 300us\n[nic eth0]\n"
				    "[guest vm1]\nattach = vf\ndma_map = %s\n"
				    "dma_pages = %u\n" BOTH,
				    mode[i], map[d], d == 1 ? 600 : 0);
	}
}

static void each_kind_of_traffic_scales(void **state)
{
	static const char *const in[] = {
		"source = poisson\npps = 640000\nsize = 60B\n",
		"source = poisson\npps = 640000\nsize = imix\n",
		"source = poisson\nrate = 2Gbit/s\nsize = 1024B\n",
		"source = poisson\npps = 5120\nduration = 20ms\n",
		"source = onoff\non = 100us\noff = 50us\npps = 640000\n",
		"rate = 2Gbit/s\nsize = uniform:60B..1514B\n",
		"rate = max\nsize = imix\n",
		"pps = 640000\nstart = 3ms\n",
	};
	static const char *const timing[] = {"recorded", "scaled:3", "rate:2Gbit/s", "pps:128000",
					     "back-to-back"};
	g_autofree char *trace = run_trace("web-kv-dns.pcap");

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(in); i++)
		scales_text("",
			    "[scenario]\nseed = %u\n[nic eth0]\n[guest vm1]\n[traffic in]\n"
			    "to = vm1\npackets = 4000\n%s[traffic out]\nfrom = vm1\n"
			    "packets = 1000\n%s",
			    i, in[i], in[(i + 1) % G_N_ELEMENTS(in)]);
	for (unsigned i = 0; i < G_N_ELEMENTS(timing); i++)
		scales_text("",
			    "[nic eth0]\n[guest vm1]\n[traffic in]\nto = vm1\ntrace = %s\n"
			    "timing = %s\nloop = 2\n",
			    trace, timing[i]);
}

static void work_and_what_is_lost_for_it_scale(void **state)
{
	static const char *const law[] = {"1us", "exponential:1us", "uniform:500ns..1600ns"};

	(void)state;
	for (unsigned i = 0; i < 12; i++)
		scales_text("",
			    "[nic eth0]\n[guest vm1]\nwork = %s\npolicy = single-copy\n"
			    "delivery = %s\nqueue_size = %u\nnapi_weight = %u\n[traffic in]\n"
			    "to = vm1\nsource = poisson\npps = 640000\nsize = 60B\n"
			    "packets = 4000\n",
			    law[i % 3], i & 1 ? "process" : "kernel", i & 2 ? 8 : 256,
			    i & 4 ? 1 : 64);
}

static void guests_that_talk_to_each_other_scale(void **state)
{
	static const char *const net[] = {
		"[guest vm1..vm3]\npolicy = copy\n",
		"[guest vm1..vm3]\npolicy = single-copy\n",
		"[guest vm1..vm3]\npolicy = zero-copy\ndelivery = process\n",
		"[guest vm1..vm3]\nattach = vf\n",
	};
	static const char *const nic[] = {"veb", "vepa", "mediated\npeer_wait = 30us"};

	(void)state;
	for (unsigned i = 0; i < 12; i++)
		scales_text(i & 1 ? "switch_table = learned\n" : "",
			    "[nic eth0]\nswitch = %s\n%s[traffic a]\nfrom = vm1\nto = vm2\n"
			    "pps = 128000\npackets = 1000\n[traffic b]\nfrom = vm2\nto = vm3, vm1\n"
			    "source = poisson\npps = 25600\npackets = 500\n[traffic c]\n"
			    "from = vm3\nto = all\npps = 5120\npackets = 50\n",
			    nic[i / 4], net[i % 4]);
}

/* Timers, delays and moments of all kinds. */
static void what_is_put_off_scales(void **state)
{
	static const char *const what[] = {
		"[nic eth0]\n[guest vm1]\ncluster = true\ncluster_rate_window = 1ms\n"
		"cluster_rate_packets = 100\ncluster_timer = 70us\n",
		"[nic eth0]\n[guest vm1]\nirq_mask = 40us\ntx_interrupt = sent\n",
		"[nic eth0]\n[guest vm1]\ntx_batch = 8\ntx_timer = 30us\n",
		"[nic eth0]\n[guest vm1]\ntx_batch = 8\ntx_ack_age = 25us\ntx_trap = vmm\n",
		"[nic eth0]\ntx_late_every = 7\ntx_late = 60us\ntx_error_every = 11\n"
		"[guest vm1]\npolicy = zero-copy\nzero_copy_preset = vhost-net\n",
		"[nic eth0]\nzero_copy_off_at = 1ms\nzero_copy_on_at = 2ms\n[guest vm1]\n"
		"policy = zero-copy\noverwrite = 3us\ndelivery = process\n",
		"[iommu]\nmode = strict\n[nic eth0]\n[guest vm1]\nattach = vf\n"
		"dma_map = per-buffer\ndma_revoke_at = 1ms\ndma_permit_at = 2ms\n"
		"dma_retry = 50us\n",
		"[iommu]\nmode = strict\n[nic eth0]\n[guest vm1]\nsplit = true\n"
		"delivery = process\nevict_at = 1ms\nnot_resident = fault\n",
		"[iommu]\nmode = strict\n[nic eth0]\nplace = nic\n[guest vm1]\nsplit = true\n"
		"delivery = process\nrx_policy = zero-copy\n",
		"[nic eth0]\n[guest vm1]\npolicy = zero-copy\ndestroyed_at = 2ms\n",
		"[nic eth0]\n[guest vm1]\npolicy = copy\ndestroyed_at = 2ms\n",
		"[nic eth0]\n[guest vm1]\nattach = vf\ndestroyed_at = 2ms\n",
		"[nic eth0]\nqueues = 1\n[guest vm1]\npolicy = zero-copy\n",
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(what); i++)
		scales_text("", "[scenario]\nwarmup = 500us\ndrain = 10ms\nmax_time = 1s\n%s" BOTH,
			    what[i]);
}

/* The scaling sees keys of every kind that has a duration. */
static void the_scaling_reaches_every_kind_of_key(void **state)
{
	static const char *const want[][2] = {
		{"host.clock", "250000000Hz"},
		{"eth0.link", "1250000000bit/s"},
		{"iommu.flush_timeout", "80000000000ps"},
		{"vm1.work", "uniform:8000000ps..16000000ps"},
		{"in.pps", "80000"},
		{"vm1.queue_size", "256"},
	};
	g_autofree char *path = run_temp(".ini");
	g_autofree char *text =
		g_strdup_printf(BASE, "", "[nic eth0]\n[guest vm1]\nwork = uniform:1us..2us\n" IN);
	struct scenario *sc, *slow;

	(void)state;
	g_file_set_contents(path, text, -1, NULL);
	sc = scenario_load(path, option_groups, NULL, NULL);
	unlink(path);
	assert_non_null(sc);
	slow = scaled_by(sc, 8);
	for (unsigned i = 0; i < G_N_ELEMENTS(want); i++) {
		g_auto(GStrv) part = g_strsplit(want[i][0], ".", 2);
		assert_string_equal(cfg_str(scenario_find(slow, part[0]), part[1]), want[i][1]);
	}
	scenario_free(slow);
	scenario_free(sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_scaling_reaches_every_kind_of_key),
		cmocka_unit_test(each_policy_and_way_of_waiting_scales),
		cmocka_unit_test(each_published_system_scales),
		cmocka_unit_test(each_mode_of_the_iommu_scales),
		cmocka_unit_test(each_kind_of_traffic_scales),
		cmocka_unit_test(work_and_what_is_lost_for_it_scale),
		cmocka_unit_test(guests_that_talk_to_each_other_scale),
		cmocka_unit_test(what_is_put_off_scales),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
