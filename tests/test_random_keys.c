/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_random_keys.c - whatever values the keys have, a run ends well or says what is wrong.
 *
 * Each case takes a small scenario and sets a few keys, drawn from the key tables themselves, so
 * that a new key is tried from the day it is declared: the ends of its range, powers of two, near
 * its default, any word, any preset. It runs in a process of its own and must end with results that
 * can be, or with an error that names group and key; no signal, no violation, no warning of GLib,
 * no end of patience. What fails is shown with as few of its settings as still fail.
 *
 *	build/tests/test_random_keys               1500 cases, as in `make test`
 *	RANDOM_KEYS=5000 RANDOM_SEED=7 build/tests/test_random_keys
 */
#include "property_helper.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define SETS_MAX 8
#define PATIENCE 40 /* seconds that a case may take, under sanitizers too */

/* Small machines of each kind. Objects are vm1, vm2, eth0, a, b, d: what is set must exist. */
#define IN  "[traffic a]\nto = vm1\npps = 1e6\npackets = 300\n"
#define OUT "[traffic b]\nfrom = vm1\npps = 1e6\npackets = 200\n"
#define DMA "[dma d]\ncount = 400\n"
static const char *const bases[] = {
	"[nic eth0]\n[guest vm1]\n" IN OUT,
	"[nic eth0]\n[guest vm1..vm2]\ndelivery = process\npolicy = zero-copy\n" IN OUT,
	"[nic eth0]\n[guest vm1]\nattach = vf\n" IN OUT,
	"[iommu]\nmode = strict\n[nic eth0]\n[guest vm1]\nattach = vf\n"
	"dma_map = per-buffer\n" IN OUT,
	"[iommu]\nmode = deferred\n[host]\ncores = 2\n[nic eth0]\nmodel = simple\n"
	"[guest vm1]\npolicy = zero-copy\ndelivery = process\n" IN OUT,
	"[scenario]\nsystem = p1\n[nic eth0]\n[guest vm1]\n" IN OUT,
	"[nic eth0]\n[guest vm1..vm2]\n[traffic a]\nfrom = vm1\nto = vm2\npps = 1e6\n"
	"packets = 300\n[traffic b]\nfrom = vm2\nto = all\npps = 1e5\npackets = 50\n",
	"[nic eth0]\nmodel = 82599-kernel\n[guest vm1..vm2]\nattach = vf\n" IN OUT,
	"[host]\nguest_cores = 1\ncache = model\nnodes = 2\n[nic eth0]\nmodel = 82599-pmd\n"
	"[guest vm1..vm2]\nwork = exponential:500ns\n" IN OUT,
	"[iommu]\nmode = strict\nwalkers = 2\n[guest]\n[nic]\n" DMA,
	"[iommu]\nmode = strict\ninv_lock = true\n[host]\ncores = 4\ncache = model\n"
	"[dma d]\ncount = 400\ninvalidate = per-op\nsource = poisson\nrate = 1MHz\n",
	"[iommu]\nmode = strict\n[nic eth0]\nmodel = 82599-kernel\n"
	"[guest vm1]\n" IN OUT DMA,
	"[nic eth0]\n[guest vm1..vm2]\n[traffic a]\nsource = request\nto = vm1\nwindow = 4\n"
	"packets = 200\n[traffic b]\nsource = request\nfrom = vm1\nto = vm2\npackets = 200\n"
	"think = 1us\n",
	"[tap]\n[nic eth0]\n[guest vm1..vm2]\npolicy = zero-copy\n" IN OUT,
	"[tap]\n[nic eth0]\n[guest vm1]\n[traffic a]\nsource = request\nto = vm1\nwindow = 4\n"
	"packets = 200\n[traffic b]\nsource = request\nfrom = vm1\npackets = 200\n",
	"[tap]\nlockstep = true\nthreads = one\n[nic eth0]\n[guest vm1]\n" IN OUT,
};

/* What would only make a case long or large; the bounds are of the case, not of the key. */
static const struct {
	const char *key;
	uint64_t max;
} bounds[] = {
	{"packets", 500},       {"count", 500}, {"loop", 3},           {"duration", 100000000},
	{"memory", 1ull << 31}, {"repeat", 1},  {"cache", 1ull << 26}, {"max_time", 1000000000000},
	{"retries", 20},
};

/* Free text that its key takes, and a little that it does not. */
static const struct {
	const char *key, *text[8];
} texts[] = {
	{"work",
	 {"500ns", "exponential:500ns", "uniform:1us..2us", "0", "exponential:1s", "1us.."}},
	{"reply", {"60B", "1514B", "imix", "uniform:60B..1514B", "9000B", "1B"}},
	{"size", {"60B", "1514B", "imix", "uniform:60B..1514B", "65535B", "9000B", "1B"}},
	{"pattern", {"random", "sequential", "cyclic", "zipf:0.9", "zipf:2", "zipf:", "zipf:0"}},
	{"timing", {"back-to-back", "scaled:0.5", "pps:1e6"}},
	{"mac", {"02:00:00:00:00:77", "01:00:00:00:00:00"}},
	{"ip", {"192.0.2.9", "192.0.2"}},
	{"filter", {"udp"}},
};

/* Keys that name other objects or files, which a random word does not. */
static bool is_tried(const struct key_decl *key)
{
	return key->kind != KEY_PATH && key->kind != KEY_REF && key->kind != KEY_REFS &&
	       strcmp(key->name, "match") != 0;
}

static uint64_t number(struct rng *rng, const struct key_decl *key)
{
	uint64_t max = MIN(key->max ? key->max : UINT64_MAX, UINT64_C(1) << 53), def = 0, n;
	g_autofree char *why = NULL;
	int word;

	for (unsigned i = 0; i < G_N_ELEMENTS(bounds); i++)
		if (!strcmp(bounds[i].key, key->name))
			max = MIN(max, MAX(key->min, bounds[i].max));
	if (!key->def || !keys_parse(key, key->def, &def, &word, &why) || def == UINT64_MAX)
		def = 0;
	switch (rng_below(rng, 8)) {
	case 0:
		return key->min;
	case 1:
		return max;
	case 2: /* anything */
		n = rng_below(rng, max);
		return CLAMP(n, key->min, max);
	case 3:
	case 4: /* a power of two */
		n = UINT64_C(1) << rng_below(rng, 64 - (unsigned)__builtin_clzll(max | 1));
		return CLAMP(n, key->min, max);
	case 5: /* small */
		n = rng_below(rng, 9);
		return CLAMP(n, key->min, max);
	default: /* around what it is */
		n = rng_below(rng, 4 * (def ? MIN(def, UINT64_MAX / 8) : 1000) + 1);
		return CLAMP(n, key->min, max);
	}
}

static char *word_of(struct rng *rng, const char *choices)
{
	g_auto(GStrv) words = g_strsplit(choices, "|", -1);

	return g_strdup(words[rng_below(rng, g_strv_length(words))]);
}

static char *value(struct rng *rng, const struct key_decl *key)
{
	static const char *const unit[] = {
		[KEY_TIME] = "ps", [KEY_BYTES] = "B", [KEY_RATE] = "bit/s", [KEY_FREQ] = "Hz"};
	uint64_t n;

	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++)
		if (key->kind == KEY_STRING && !strcmp(texts[i].key, key->name))
			return g_strdup(property_pick(rng, texts[i].text));
	if (key->kind == KEY_BOOL)
		return g_strdup(rng_below(rng, 2) ? "true" : "false");
	if (key->kind == KEY_CHOICE || (key->choices && !rng_below(rng, 3)))
		return word_of(rng, key->choices);
	if (key->kind == KEY_STRING) /* queue sizes: a count that is judged */
		return g_strdup_printf("%u", 1u << rng_below(rng, 17));
	n = number(rng, key);
	if (key->kind == KEY_PERCENT)
		return g_strdup_printf("%" PRIu64 ".%04u%%", n / 10000, (unsigned)(n % 10000));
	return g_strdup_printf("%" PRIu64 "%s", n, key->kind == KEY_COUNT ? "" : unit[key->kind]);
}

/* GROUP.KEY=VALUE of any key of any group that the scenario has. */
static char *draw_set(struct rng *rng, const char *base)
{
	for (;;) {
		const struct group_decl *g = option_groups;
		unsigned groups = 0, keys = 0;

		while (g[groups].kind)
			groups++;
		g += rng_below(rng, groups);
		g_autofree char *object = g_strdup_printf("[%s ", g->kind);
		if (g->judges || (g->optional && !strstr(base, "[tap]")) ||
		    (g->named && !strstr(base, object)))
			continue;
		while (g->keys[keys].name)
			keys++;
		const struct key_decl *key = &g->keys[rng_below(rng, keys)];
		if (is_tried(key)) {
			g_autofree char *text = value(rng, key);
			return g_strdup_printf("%s.%s=%s", g->kind, key->name, text);
		}
	}
}

/* ---- what a result may be ---- */

static bool over(const struct result_value *v, unsigned percent)
{
	return v->type == RESULT_RATIO && v->num * 1000 > v->den * 10 * percent + v->den / 10;
}

static uint64_t part(const struct result *r, const struct result_value *of, const char *name)
{
	g_autofree char *full = g_strjoin(".", of->object, of->dir, name, NULL);
	const struct result_value *v = result_find(r, full);

	return v && v->type == RESULT_INT ? (uint64_t)v->num : 0;
}

static bool has(const struct result *r, const struct result_value *of, const char *name)
{
	g_autofree char *full = g_strjoin(".", of->object, of->dir, name, NULL);

	return result_find(r, full);
}

static bool in_order(const struct result *r, const char *before, const char *full,
		     const struct result_value *v)
{
	g_autofree char *stem = g_strndup(full, strlen(full) - strlen(v->name));
	const char *dot = strrchr(v->name, '.');
	g_autofree char *name =
		g_strdup_printf("%s%.*s.%s", stem, (int)(dot - v->name), v->name, before);
	const struct result_value *w = result_find(r, name);

	if (!w || w->type == RESULT_NULL || v->type == RESULT_NULL)
		return true;
	return w->num * MAX(v->den, 1) <= v->num * MAX(w->den, 1);
}

static char *absurd_metric(const struct result *r)
{
	for (size_t i = 0; i < result_count(r); i++) {
		const struct result_value *v = result_at(r, i);
		bool wrong = false;

		if (v->type == RESULT_INT || v->type == RESULT_RATIO)
			wrong = v->num >> 100 || v->den >> 100 ||
				(v->type == RESULT_INT && v->num >> 63);
		if (v->type == RESULT_RATIO && !v->den)
			wrong = true;
		if (g_str_has_suffix(v->name, "utilization"))
			wrong |= over(v, 100);
		if (g_str_has_suffix(v->name, "busy_ratio"))
			wrong |= over(v, 101);
		if (v->dir && !strcmp(v->name, "packets"))
			wrong |= has(r, v, "delivered") && v->num != part(r, v, "delivered") +
									     part(r, v, "drops") +
									     part(r, v, "resident");
		if (g_str_has_suffix(v->name, ".p50"))
			wrong |= !in_order(r, "min", v->full, v);
		if (g_str_has_suffix(v->name, ".p99"))
			wrong |= !in_order(r, "p50", v->full, v);
		if (g_str_has_suffix(v->name, ".max"))
			wrong |= !in_order(r, "p99", v->full, v);
		if (wrong) {
			GString *text = g_string_new(v->full);
			g_string_append(text, " = ");
			result_format(v, text);
			return g_string_free(text, FALSE);
		}
	}
	return NULL;
}

/* ---- one case ---- */

enum how { ONCE, TWICE, STOPPED }; /* STOPPED: as by SIGINT, early */

static char *simulate(const char *path, const char *const *sets, bool stopped, struct result *r,
		      int *code)
{
	volatile sig_atomic_t interrupted = stopped;
	struct run_ctl ctl = {.interrupted = &interrupted};
	g_autoptr(GError) error = NULL;
	g_autoptr(scenario_auto) sc = scenario_load(path, option_groups, sets, &error);

	if (sc)
		machine_simulate(sc, &ctl, r, &error);
	*code = error ? error->code : 0;
	return g_strdup(error ? error->message : "");
}

static bool same(const struct result *r, const struct result *again)
{
	bool same = result_count(r) == result_count(again);

	for (size_t i = 0; same && i < result_count(r); i++) {
		const struct result_value *v = result_at(r, i), *w = result_at(again, i);
		same = !strcmp(v->full, w->full) && v->type == w->type && v->num == w->num &&
		       v->den == w->den && !g_strcmp0(v->text, w->text);
	}
	return same;
}

/* NULL, or what is wrong with how it ended. */
static char *judged(const char *path, const char *const *sets, enum how how)
{
	g_autoptr(result_auto) r = result_new();
	g_autoptr(result_auto) again = result_new();
	int code;
	g_autofree char *message = simulate(path, sets, how == STOPPED, r, &code);

	if (code == SIM_EXIT_INPUT && strstr(message, "no frame"))
		return NULL;
	if (code == SIM_EXIT_VIOLATION && strstr(message, "max_time"))
		return NULL;
	if (code == SIM_EXIT_USAGE)
		return strchr(message, '[') || g_str_has_prefix(message, "--set: ")
			       ? NULL
			       : g_strconcat("names no group: ", message, NULL);
	if (code)
		return g_strdup_printf("exit %d: %s", code, message);
	char *wrong = absurd_metric(r);
	if (wrong || how != TWICE)
		return wrong;
	g_free(simulate(path, sets, false, again, &code));
	return same(r, again) ? NULL : g_strdup("a second run differs");
}

static G_NORETURN void child(const char *path, const char *const *sets, enum how how, int to)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS};

	dup2(to, STDOUT_FILENO);
	dup2(to, STDERR_FILENO);
	g_log_set_always_fatal(G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR);
	for (unsigned i = 0; i < G_N_ELEMENTS(faults); i++) /* cmocka would go on after them */
		signal(faults[i], SIG_DFL);
	alarm(PATIENCE);
	char *wrong = judged(path, sets, how);
	if (wrong)
		fprintf(stderr, "%s", wrong);
	fflush(NULL);
	_exit(wrong ? 1 : 0);
}

/* In a process of its own. NULL, or what is wrong. */
static char *tried(const char *path, const char *const *sets, enum how how)
{
	char block[4096];
	int ends[2], status;
	ssize_t n;

	if (pipe(ends))
		fail_msg("no pipe");
	fflush(NULL);
	pid_t pid = fork();
	if (!pid)
		child(path, sets, how, ends[1]);
	GString *said = g_string_new(NULL); /* the child has none to lose */
	close(ends[1]);
	while ((n = read(ends[0], block, sizeof(block))) > 0)
		g_string_append_len(said, block, n);
	close(ends[0]);
	if (waitpid(pid, &status, 0) != pid)
		fail_msg("no child");
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return g_string_free(said, TRUE);
	if (WIFSIGNALED(status))
		g_string_prepend(said, WTERMSIG(status) == SIGALRM ? "no end: " : "signal: ");
	return g_string_free(said, FALSE);
}

/* Leaves out every setting without which it still fails; the last fault stands in *wrong. */
static void shrink(const char *path, const char **sets, enum how how, char **wrong)
{
	for (unsigned i = 0; sets[i];) {
		const char *less[SETS_MAX + 2];
		unsigned n = 0;

		for (unsigned k = 0; sets[k]; k++)
			if (k != i)
				less[n++] = sets[k];
		less[n] = NULL;
		char *fault = tried(path, less, how);
		if (!fault) {
			i++;
			continue;
		}
		g_free(*wrong);
		*wrong = fault;
		memcpy((void *)sets, (const void *)less, (n + 1) * sizeof(*less));
	}
}

static bool one(const char *path, uint64_t seed)
{
	struct rng rng;
	const char *sets[SETS_MAX + 2] = {"scenario.max_time=2s"};
	g_autoptr(GPtrArray) drawn = g_ptr_array_new_with_free_func(g_free);

	rng_init(&rng, seed, "keys");
	const char *base = bases[rng_below(&rng, G_N_ELEMENTS(bases))];
	unsigned n = 1 + (unsigned)rng_below(&rng, SETS_MAX);
	enum how how = rng_below(&rng, 4) ? rng_below(&rng, 6) ? ONCE : STOPPED : TWICE;
	for (unsigned i = 0; i < n; i++) {
		g_ptr_array_add(drawn, draw_set(&rng, base));
		sets[i + 1] = g_ptr_array_index(drawn, i);
	}
	g_file_set_contents(path, base, -1, NULL);
	char *wrong = tried(path, sets, how);
	if (!wrong)
		return true;
	shrink(path, sets, how, &wrong);
	fprintf(stderr, "# RANDOM_SEED=%" PRIu64 " RANDOM_KEYS=1: %s\n", seed, wrong);
	for (unsigned i = 0; sets[i]; i++)
		fprintf(stderr, "#   --set %s\n", sets[i]);
	g_auto(GStrv) line = g_strsplit(base, "\n", -1);
	for (unsigned i = 0; line[i]; i++)
		fprintf(stderr, "#   %s\n", line[i]);
	g_free(wrong);
	return false;
}

static uint64_t setting(const char *name, uint64_t unset)
{
	const char *text = g_getenv(name);

	return text ? g_ascii_strtoull(text, NULL, 10) : unset;
}

static void any_setting_runs_or_is_refused_by_name(void **state)
{
	uint64_t n = setting("RANDOM_KEYS", MAX(20, 1500 / setting("VNICSIM_TEST_SCALE", 1)));
	uint64_t seed = setting("RANDOM_SEED", 1), failed = 0;
	g_autofree char *path = run_temp(".ini");

	(void)state;
	for (uint64_t i = 0; i < n; i++)
		failed += !one(path, seed + i);
	unlink(path);
	if (failed)
		fail_msg("%" PRIu64 " of %" PRIu64 " failed", failed, n);
}

/* Found by it: sources stop at 300 us and frames are still under way when the warm-up ends, or it
   never does. */
static void a_warm_up_beyond_the_last_source_leaves_an_empty_window(void **state)
{
	static const char *const warmup[] = {"310us", "10s"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct run run = run_text("[scenario]\nwarmup = %s\n[pcie]\nrate = 10Mbit/s\n"
					  "[nic eth0]\nmodel = 82599-kernel\n[guest vm1]\n"
					  "[traffic a]\nto = vm1\nsize = 60B\npps = 1e6\n"
					  "packets = 300\n",
					  warmup[i]);

		run_ok(&run);
		run_is(&run, "eth0.rx.pcie.tlps", 0);
		run_is(&run, "vm1.rx.vm_exits", 0);
		assert_int_equal(run_value(&run, "eth0.rx.bus_utilization")->type, RESULT_NULL);
		run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_setting_runs_or_is_refused_by_name),
		cmocka_unit_test(a_warm_up_beyond_the_last_source_leaves_an_empty_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
