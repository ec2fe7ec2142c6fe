/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcie_check.h - what the tests of the link have in common: the set-up of the published figures, a
 * source for each function, a comparison with theory.
 */
#ifndef TESTS_PCIE_CHECK_H
#define TESTS_PCIE_CHECK_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <inttypes.h>
#include <string.h>

#include "pcie_rig.h"

/* gen3 x8, MPS 256, MRRS 512, the latency law of the NFP-6000, nothing else in the way. */
static inline struct pcie_config reference(void)
{
	return (struct pcie_config){
		.link = {.generation = 3, .lanes = 8, .mps = 256, .mrrs = 512},
		.tags = 1024,
		.read_base = 543400,
		.read_byte = 291,
		.write_latency = 300 * SIM_NS,
		.mmio_write = 250 * SIM_NS,
		.mmio_read = 550 * SIM_NS,
	};
}

static inline void assert_close(double got, double want, double tolerance)
{
	if (got < want - tolerance * want || got > want + tolerance * want) {
		print_error("got %.6g, want %.6g within %g%%\n", got, want, 100 * tolerance);
		fail();
	}
}

static inline uint64_t seed(void)
{
	const char *s = getenv("VNICSIM_TEST_SEED");
	uint64_t v = s ? strtoull(s, NULL, 0) : 5;

	print_message("seed %" PRIu64 "\n", v);
	return v;
}

/* Function i submits fixed[i], again and again. */
static inline unsigned by_function(struct rig *rig, const struct rig_token *token, uint64_t n,
				   struct pcie_step step[RIG_STEPS])
{
	(void)n;
	step[0] = rig->fixed[token->fn];
	return 1;
}

static inline struct rig *functions_rig(const struct pcie_config *c, const struct pcie_step *step,
					unsigned functions, unsigned tokens)
{
	struct rig *rig = rig_new(c, functions, tokens);

	rig->next = by_function;
	memcpy(rig->fixed, step, functions * sizeof(*step));
	rig_start(rig);
	return rig;
}

#endif
