/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * property_helper.h - for tests only: drawing random scenarios, and what their results are held to.
 *
 * Draws are from the `rng` of whatever struct a test keeps; the same number, the same scenario.
 */
#ifndef TESTS_PROPERTY_HELPER_H
#define TESTS_PROPERTY_HELPER_H

#include "machine_helper.h"

#include <jansson.h>

#include "sim/rng.h"

#define below(d, n)        rng_below(&(d)->rng, n)
#define chance(d, percent) (below(d, 100) < (percent))
#define PICK(d, ...)       property_pick(&(d)->rng, (const char *const[]){__VA_ARGS__, NULL})

static inline const char *property_pick(struct rng *rng, const char *const *from)
{
	unsigned n = 0;

	while (from[n])
		n++;
	return from[rng_below(rng, n)];
}

/* Sum over the sites whose bits are in `which`: of `what`, "copies." or "copy_bytes.". */
static inline uint64_t sites(const struct run *run, const char *of, unsigned which,
			     const char *what)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < SITE_N; i++) {
		g_autofree char *name = g_strconcat(what, ledger_site_names[i], NULL);
		if (which >> i & 1)
			sum += run_part(run, of, name);
	}
	return sum;
}

static inline char *comparable(const struct run *run)
{
	g_autofree char *text = result_json(run->r);
	json_t *json = json_loads(text, 0, NULL);
	char *out;

	assert_non_null(json);
	json_object_del(json, "machine");
	out = json_dumps(json, 0);
	json_decref(json);
	return out;
}

/* A second run has the same results, but for what depends on the machine that ran it. */
static inline void check_again(const struct run *run)
{
	struct run again = run_string(run->text);
	char *a = comparable(run), *b = comparable(&again);

	run_ok(&again);
	assert_string_equal(a, b);
	free(a);
	free(b);
	run_free(&again);
}

#endif
