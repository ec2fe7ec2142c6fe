/* SPDX-License-Identifier: GPL-2.0-or-later */
/* calibrate.c - probes in rounds, constants from them, and the report as JSON: calibrate.h. */
#include "calibrate.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "../../sim/median.h"
#include "../../sim/outfile.h"
#include "../../sim/progress.h"
#include "../../sim/sim_error.h"

enum { DRAWS = 200 };

struct at_end {
	void (*fn)(void *);
	void *arg;
};

struct calib {
	bool quick;
	unsigned rounds;   /* planned; then done */
	double sample_ns;  /* how long a sample is to take */
	GPtrArray *probes; /* struct calib_probe */
	GPtrArray *arrays;
	GArray *ends; /* struct at_end */
	uint64_t random;
	struct progress progress;
	double start_ns;
};

static double clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double calib_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

double calib_wall_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* ---- probes ---- */

struct calib_probe *calib_add(struct calib *c, calib_fn fn, void *ctx, const char *what,
			      const char *name, ...)
{
	struct calib_probe *p = g_new0(struct calib_probe, 1);
	va_list args;

	va_start(args, name);
	p->name = g_strdup_vprintf(name, args);
	va_end(args);
	p->what = what;
	p->fn = fn;
	p->ctx = ctx;
	p->ns = g_new(double, c->rounds);
	for (unsigned r = 0; r < c->rounds; r++)
		p->ns[r] = NAN;
	g_ptr_array_add(c->probes, p);
	return p;
}

static void probe_free(void *arg)
{
	struct calib_probe *p = arg;

	g_free(p->name);
	g_free(p->ns);
	g_free(p);
}

double calib_ns(const struct calib *c, const char *name, ...)
{
	va_list args;

	va_start(args, name);
	g_autofree char *full = g_strdup_vprintf(name, args);
	va_end(args);
	for (guint i = 0; i < c->probes->len; i++) {
		const struct calib_probe *p = c->probes->pdata[i];

		if (strcmp(p->name, full) == 0)
			return p->now;
	}
	return NAN;
}

bool calib_quick(const struct calib *c)
{
	return c->quick;
}

void *calib_array(struct calib *c, size_t n, size_t size)
{
	void *p = g_malloc0_n(n ? n : 1, size);

	g_ptr_array_add(c->arrays, p);
	return p;
}

void calib_at_end(struct calib *c, void (*fn)(void *), void *arg)
{
	struct at_end e = {fn, arg};

	g_array_append_val(c->ends, e);
}

/* ---- rounds ---- */

/* How often, so that a sample takes its time: doubled until it takes a quarter of it. */
static void size_probe(const struct calib *c, struct calib_probe *p)
{
	double ns;

	for (p->n = 8; p->n < 1u << 20; p->n *= 2) {
		double start = calib_wall_ns();

		if (!p->fn(p->ctx, p->n, &ns, &p->why))
			return;
		double took = calib_wall_ns() - start;
		if (took < c->sample_ns / 4)
			continue;
		p->n = (unsigned)fmax(4, p->n * c->sample_ns / took);
		break;
	}
	p->why = NULL;
}

static uint32_t below(struct calib *c, uint32_t n)
{
	c->random = c->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((c->random >> 33) % n);
}

static void shuffle(struct calib *c, struct calib_probe **v, unsigned n)
{
	for (unsigned i = n; i > 1; i--) {
		unsigned k = below(c, i);
		struct calib_probe *t = v[i - 1];
		v[i - 1] = v[k];
		v[k] = t;
	}
}

static void show(struct calib *c, unsigned done, unsigned all, const char *what)
{
	double spent = (calib_wall_ns() - c->start_ns) / 1e9;
	g_autofree char *line =
		done ? g_strdup_printf("calibrating: %u%%, %.0f s left, %s", done * 100 / all,
				       spent * (all - done) / done, what)
		     : g_strdup_printf("calibrating: %s", what);

	progress_note(&c->progress, line);
}

static void measure(struct calib *c)
{
	unsigned n = c->probes->len, rounds = c->rounds;
	g_autofree struct calib_probe **order = g_new(struct calib_probe *, n);

	memcpy(order, c->probes->pdata, n * sizeof(*order));
	for (unsigned i = 0; i < n; i++) {
		show(c, 0, 1, order[i]->name);
		size_probe(c, order[i]);
	}
	c->start_ns = calib_wall_ns();
	for (unsigned r = 0; r < rounds; r++) {
		shuffle(c, order, n);
		for (unsigned i = 0; i < n; i++) {
			struct calib_probe *p = order[i];

			if (p->why)
				continue;
			show(c, r * n + i + 1, rounds * n, p->name);
			if (!p->fn(p->ctx, p->n, &p->ns[r], &p->why))
				p->ns[r] = NAN;
			else
				p->why = NULL;
		}
	}
	progress_erase(&c->progress);
}

/* ---- the report ---- */

static json_t *real(double v)
{
	return isfinite(v) ? json_real(round(v * 1000) / 1000) : json_null();
}

static json_t *stat_json(struct median s)
{
	json_t *o = json_object();

	json_object_set_new(o, "median", real(s.value));
	json_object_set_new(o, "low", real(s.lo));
	json_object_set_new(o, "high", real(s.hi));
	json_object_set_new(o, "repetitions", json_integer((json_int_t)s.n));
	return o;
}

static json_t *probes_json(const struct calib *c)
{
	json_t *list = json_array();
	g_autofree double *v = g_new(double, c->rounds);

	for (guint i = 0; i < c->probes->len; i++) {
		const struct calib_probe *p = c->probes->pdata[i];

		memcpy(v, p->ns, c->rounds * sizeof(*v));
		json_t *o = stat_json(median_of(v, c->rounds));
		json_object_set_new(o, "name", json_string(p->name));
		json_object_set_new(o, "what", json_string(p->what));
		json_object_set_new(o, "unit", json_string("ns"));
		json_object_set_new(o, "clock", json_string(p->wall ? "real" : "CPU"));
		if (p->why)
			json_object_set_new(o, "failed", json_string(p->why));
		json_array_append_new(list, o);
	}
	return list;
}

/* Probes as of these rounds. */
static void take(struct calib *c, const unsigned *round, double *v)
{
	for (guint i = 0; i < c->probes->len; i++) {
		struct calib_probe *p = c->probes->pdata[i];

		for (unsigned r = 0; r < c->rounds; r++)
			v[r] = p->ns[round[r]];
		p->now = median_of(v, c->rounds).value;
	}
}

static double value_of(const struct calib *c, const struct calib_key *k)
{
	return k->value(c) * (strcmp(k->unit, "cycles") == 0 ? calib_ghz() : 1);
}

/* Draws of as many rounds as there were; key k's values at v[k * DRAWS]. */
static void draw(struct calib *c, unsigned keys, double *v)
{
	g_autofree unsigned *round = g_new(unsigned, c->rounds);
	g_autofree double *scratch = g_new(double, c->rounds);

	for (unsigned d = 0; d < DRAWS; d++) {
		for (unsigned r = 0; r < c->rounds; r++)
			round[r] = below(c, c->rounds);
		take(c, round, scratch);
		for (unsigned k = 0; k < keys; k++)
			v[k * DRAWS + d] = value_of(c, &calib_keys[k]);
	}
	for (unsigned r = 0; r < c->rounds; r++)
		round[r] = r;
	take(c, round, scratch);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value, and the middle 95% of the draws. */
static struct median interval(const struct calib *c, const struct calib_key *k, double *draws)
{
	struct median m = {.value = value_of(c, k), .n = c->rounds};
	unsigned n = 0;

	for (unsigned d = 0; d < DRAWS; d++)
		if (isfinite(draws[d]))
			draws[n++] = draws[d];
	if (!n || !isfinite(m.value))
		return (struct median){.n = 0};
	qsort(draws, n, sizeof(*draws), by_value);
	m.lo = fmin(m.value, draws[n / 40]);
	m.hi = fmax(m.value, draws[n - 1 - n / 40]);
	return m;
}

static json_t *keys_json(struct calib *c)
{
	json_t *list = json_array();
	unsigned keys = 0;

	while (calib_keys[keys].key)
		keys++;
	g_autofree double *v = g_new(double, (size_t)keys *DRAWS);
	draw(c, keys, v);
	for (unsigned k = 0; k < keys; k++) {
		const struct calib_key *key = &calib_keys[k];
		struct median s = interval(c, key, &v[k * DRAWS]);

		if (!s.n)
			continue;
		json_t *o = stat_json(s);
		json_object_set_new(o, "key", json_string(key->key));
		json_object_set_new(o, "unit", json_string(key->unit));
		json_object_set_new(o, "from", json_string(key->from));
		json_array_append_new(list, o);
	}
	return list;
}

/* The first value of a name in /proc/cpuinfo; NULL if it is not there. */
static char *cpu_info(const char *name)
{
	g_autofree char *text = NULL;
	char *at;

	if (!g_file_get_contents("/proc/cpuinfo", &text, NULL, NULL) ||
	    !(at = strstr(text, name)) || !(at = strchr(at, ':')))
		return NULL;
	return g_strstrip(g_strndup(at + 1, strcspn(at + 1, "\n")));
}

double calib_ghz(void)
{
	g_autofree char *mhz = cpu_info("cpu MHz");
	double ghz = mhz ? g_ascii_strtod(mhz, NULL) / 1000 : 0;

	return ghz > 0.1 && ghz < 100 ? round(ghz * 1000) / 1000 : 1;
}

static json_t *machine_json(void)
{
	struct calib_caches k = calib_caches();
	struct utsname u = {0};
	g_autofree char *cpu = cpu_info("model name");
	json_t *o = json_object();

	uname(&u);
	json_object_set_new(o, "cpu", json_string(cpu ? cpu : "unknown CPU"));
	json_object_set_new(o, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(o, "l1", json_integer((json_int_t)k.l1));
	json_object_set_new(o, "l2", json_integer((json_int_t)k.l2));
	json_object_set_new(o, "llc", json_integer((json_int_t)k.llc));
	json_object_set_new(
		o, "memory",
		json_integer((json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE)));
	json_object_set_new(o, "kernel", json_string(u.release));
	return o;
}

static int report(struct calib *c, const char *path, double seconds)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *date = g_date_time_format(now, "%Y-%m-%d %H:%M UTC");
	json_t *top = json_object();

	json_object_set_new(top, "calibration", json_integer(1));
	json_object_set_new(top, "date", json_string(date));
	json_object_set_new(top, "quick", json_boolean(c->quick));
	json_object_set_new(top, "seconds", real(seconds));
	json_object_set_new(top, "machine", machine_json());
	json_object_set_new(top, "keys", keys_json(c));
	json_object_set_new(top, "measurements", probes_json(c));
	char *dump = json_dumps(top, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	g_autofree char *text = g_strconcat(dump, "\n", NULL);
	free(dump);
	json_decref(top);
	if (outfile_write(path, text, strlen(text), &error))
		return SIM_EXIT_OK;
	fprintf(stderr, "vnictap: %s\n", error->message);
	return SIM_EXIT_OUTPUT;
}

static void finish(struct calib *c)
{
	for (guint i = c->ends->len; i-- > 0;) {
		struct at_end *e = &g_array_index(c->ends, struct at_end, i);
		e->fn(e->arg);
	}
	g_array_unref(c->ends);
	g_ptr_array_unref(c->probes);
	g_ptr_array_unref(c->arrays);
}

static int calibrate(const char *path, bool quick, bool quiet)
{
	struct calib c = {
		.quick = quick,
		.rounds = quick ? 7 : 31,
		.sample_ns = quick ? 2e6 : 5e6,
		.probes = g_ptr_array_new_with_free_func(probe_free),
		.arrays = g_ptr_array_new_with_free_func(g_free),
		.ends = g_array_new(FALSE, FALSE, sizeof(struct at_end)),
		.random = 1,
	};
	g_autoptr(GError) error = NULL;
	double start = calib_wall_ns();
	int code;

	progress_init(&c.progress, quiet);
	if (calib_tap(&c, &error)) {
		calib_mem(&c);
		calib_sys(&c);
		calib_rings(&c);
		measure(&c);
		code = report(&c, path, (calib_wall_ns() - start) / 1e9);
	} else {
		fprintf(stderr, "vnictap: %s\n", error->message);
		code = error->domain == SIM_ERROR ? error->code : SIM_EXIT_ENVIRONMENT;
	}
	finish(&c);
	return code;
}

bool calibrate_asked(int argc, char **argv, int *code)
{
	bool quick = false, quiet = false;
	const char *json = NULL;

	if (argc < 2 || strcmp(argv[1], "--calibrate") != 0)
		return false;
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0)
			quick = true;
		else if (strcmp(argv[i], "--quiet") == 0)
			quiet = true;
		else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
			json = argv[++i];
		else
			json = "", i = argc;
	}
	if (json && *json) {
		*code = calibrate(json, quick, quiet);
		return true;
	}
	fprintf(stderr, "vnictap: --calibrate [--quick] [--quiet] --json FILE; `vnicsim calibrate` "
			"does it for you\n");
	*code = SIM_EXIT_USAGE;
	return true;
}
