/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * result.h - what a run found out, held exactly and written as JSON.
 *
 * Values are kept as integers or as exact fractions and become decimals only when printed, with at
 * most 3 decimals, by integer arithmetic: the same run gives the same bytes everywhere. A value
 * that is not whole never prints as whole, so one unintended copy in a million packets is seen.
 * 0/0 is null. Names keep the order of insertion; giving a name again replaces its value.
 *
 * Names are OBJECT.DIRECTION.NAME. `dir` NULL: the object has no direction ("host.core0", NULL,
 * "busy_ratio"). All strings are copied.
 */
#ifndef SIM_RESULT_H
#define SIM_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <glib.h>
#include "scenario.h"
#include "simtime.h"

#define RESULT_SCHEMA 1
/* Thousandths from which on a number is written without decimals: a double holds 15 digits. */
#define RESULT_MILLI_MAX ((unsigned __int128)1000000000000000)

struct result;

struct result *result_new(void);
void result_free(struct result *r);
/* g_autoptr(result_auto) r = result_new(); */
typedef struct result result_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(result_auto, result_free)

/* ---- filled by the run ---- */

void result_u64(struct result *r, const char *obj, const char *dir, const char *name, uint64_t n);
/* A time; printed in ns. */
void result_ps(struct result *r, const char *obj, const char *dir, const char *name, sim_time ps);
/* num / den. */
void result_ratio(struct result *r, const char *obj, const char *dir, const char *name,
		  uint64_t num, uint64_t den);
/* A mean of n times, printed in ns: sum_ps / n. */
void result_mean_ps(struct result *r, const char *obj, const char *dir, const char *name,
		    unsigned __int128 sum_ps, uint64_t n);
/* `amount` in `over` picoseconds, per second, rounded to a whole number; null when over is 0. */
void result_per_second(struct result *r, const char *obj, const char *dir, const char *name,
		       uint64_t amount, sim_time over);
void result_str(struct result *r, const char *obj, const char *dir, const char *name,
		const char *text);
void result_null(struct result *r, const char *obj, const char *dir, const char *name);
/* This world cannot have the metric: expectations on it are SKIP with the reason; not written. */
void result_absent(struct result *r, const char *obj, const char *dir, const char *name,
		   const char *reason);

/* Bins in rising order, without empty ones; bounds are divided by `scale` (ps as ns: 1000). */
struct result_bin {
	uint64_t lo, hi, count;
};
void result_hist(struct result *r, const char *obj, const char *dir, const char *name,
		 const char *unit, const struct result_bin *bins, size_t n, uint32_t scale);

/* A file the run read. */
void result_input(struct result *r, const char *name, const char *sha256, uint64_t frames);
/* The same of one that is no capture. */
void result_input_file(struct result *r, const char *name, const char *sha256);
/* The run was cut short (interrupted). */
void result_set_partial(struct result *r);

/* The `explain` object; the result takes it over. */
struct explain;
void result_explain(struct result *r, struct explain *e);

/* The `machine` object: what depends on the machine that ran it. */
void result_machine_u64(struct result *r, const char *name, uint64_t v);
void result_machine_real(struct result *r, const char *name, double v); /* 3 decimals */

/* ---- filled by the command line ---- */

void result_describe(struct result *r, const char *program, const char *version,
		     const struct scenario *sc);
/* Of a sweep: number from 1, repeat from 1, and the keys that this point sets. */
void result_set_point(struct result *r, unsigned point, unsigned repeat, const char *const *keys,
		      const char *const *values, size_t n);
/* The `search` object: what was sought, and the values tried in order, with what they came to. */
void result_search(struct result *r, const char *key, const char *condition, const char *resolution,
		   const char *verdict, const char *const *tried, const bool *held, size_t n);
void result_expect(struct result *r, const char *metric, const char *want, const char *got,
		   const char *verdict);

/* ---- read ---- */

enum result_type {
	RESULT_INT,   /* num */
	RESULT_RATIO, /* num / den, den > 0 */
	RESULT_TEXT,
	RESULT_NULL,
	RESULT_ABSENT, /* text: the reason */
};
struct result_value {
	char *object, *dir, *name; /* dir may be NULL */
	char *full;                /* "vm1.rx.packets" */
	enum result_type type;
	unsigned __int128 num, den;
	char *text;
};
size_t result_count(const struct result *r);
const struct result_value *result_at(const struct result *r, size_t i);
const struct result_value *result_find(const struct result *r, const char *full);
bool result_has_object(const struct result *r, const char *object);
bool result_partial(const struct result *r);
const struct explain *result_explained(const struct result *r); /* NULL: nothing explained */
/* The value in thousandths, rounded half up, but never onto a whole number; of INT and RATIO. */
unsigned __int128 result_milli(const struct result_value *v);
/* "12", "0.333", "null", the text; into a buffer of at least 48 bytes for numbers. */
void result_format(const struct result_value *v, GString *out);

/* ---- written ---- */

/* The JSON text, indented by 2, with a newline at its end; freed with g_free(). */
char *result_json(const struct result *r);
/* Atomically, see outfile.h; "-" is stdout. Errors are SIM_EXIT_OUTPUT. */
bool result_write(const struct result *r, const char *path, GError **error);

#endif
