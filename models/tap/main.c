/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c - vnictap: the engine's command line, for one verb, with real devices. */
#include <stdio.h>

#include "models/metrics.h"
#include "models/options.h"
#include "calibrate.h"
#include "models/policy_words.h"
#include "tap.h"

int main(int argc, char **argv)
{
	static const struct cli_program program = {
		.name = "vnictap",
		.version = "0.2",
		.summary =
			"the datapath of vnicsim between TAP devices and guests that are threads",
		.groups = option_groups,
		.metrics = &machine_metrics,
		.run = tap_main_run,
		.check = options_check,
		.report = machine_report,
		.sweep_cols = machine_sweep_cols,
		.one_verb = true,
		.no_look = "this run is real; the same frames, at predicted times, are in `vnicsim "
			   "run SCENARIO` with this option. For what guests really send, see "
			   "\"Captures\" in docs/tap.md",
	};

	g_autoptr(GError) error = NULL;
	int code;

	if (!policy_words_add_own(&error)) {
		fprintf(stderr, "%s: %s\n", program.name, error->message);
		return error->code;
	}
	if (calibrate_asked(argc, argv, &code))
		return code;
	return cli_main(&program, argc, argv);
}
