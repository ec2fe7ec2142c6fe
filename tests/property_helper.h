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
#define PICK(d, ...)       PICK_OF(&(d)->rng, __VA_ARGS__)
#define PICK_OF(rng, ...)  property_pick(rng, (const char *const[]){__VA_ARGS__, NULL})

static inline const char *property_pick(struct rng *rng, const char *const *from)
{
	unsigned n = 0;

	while (from[n])
		n++;
	return from[rng_below(rng, n)];
}

/* Half of the machines have a bus of transactions, and a driver with habits of its own. */
static inline void property_bus(GString *text, struct rng *rng)
{
	if (rng_below(rng, 100) < 50)
		return;
	g_string_append_printf(
		text,
		"model = %s\nirq = %s\nrx_fetch = %u\ntx_fetch = %u\nprefetch = %u\n"
		"rx_writeback = %u\ntx_writeback = %u\nwriteback_delay = %s\nrx_tail = %u\n"
		"tx_tail = %u\nrx_head = %u\ntx_reads = %u\nirq_count = %u\nirq_delay = %s\n",
		PICK_OF(rng, "simple", "82599-kernel", "82599-pmd"),
		PICK_OF(rng, "masked", "masked", "always"), 1 + (unsigned)rng_below(rng, 40),
		1 + (unsigned)rng_below(rng, 40), 1 + (unsigned)rng_below(rng, 50),
		1 + (unsigned)rng_below(rng, 16), (unsigned)rng_below(rng, 16),
		PICK_OF(rng, "0s", "0s", "7us"), (unsigned)rng_below(rng, 40),
		(unsigned)rng_below(rng, 40), (unsigned)rng_below(rng, 9),
		1 + (unsigned)rng_below(rng, 64), (unsigned)rng_below(rng, 20),
		PICK_OF(rng, "1us", "20us"));
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
