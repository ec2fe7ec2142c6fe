/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c - vnicsim: the engine's command line with this simulator's models. */
#include <stdio.h>
#include <unistd.h>

#include "../sim/folder.h"
#include "../sim/plot.h"
#include "../sim/plot_want.h"
#include "machine.h"
#include "options.h"
#include "policy_words.h"
#include "validate_rules.h"

static bool list_policy(size_t i, struct cli_item *item)
{
	const struct policy *p = policy_at((unsigned)i);

	if (p)
		*item = (struct cli_item){p->name, p->help};
	return p;
}

static bool list_system(size_t i, struct cli_item *item)
{
	static const struct cli_item systems[] = {
		{"baseline", "policies as a scenario chooses them, local switch: scenarios/*.ini, "
			     "scenarios/systems/local*.ini; works"},
		{"p1", "zero-copy I/O for virtual hosts (US 2014/0229946): "
		       "scenarios/systems/p1-*.ini; works"},
		{"p2", "zero-copy transmission, asked per request (US 9,535,732): "
		       "scenarios/systems/p2-*.ini; works"},
		{"p3", "VMM-free receive, clustered interrupts (US 8,959,529): "
		       "scenarios/systems/p3-*.ini; works"},
		{"p4", "VF to VF (US 9,483,290), with the two usual switches beside it: "
		       "scenarios/systems/p4-*.ini; works"},
		{"p5", "translated direct DMA (US 8,001,543): scenarios/systems/p5-*.ini; works"},
	};

	if (i >= G_N_ELEMENTS(systems))
		return false;
	*item = systems[i];
	return true;
}

/* The plot scripts are beside the build folder, or where they were installed. */
static char *script_dir(void)
{
	g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *bin = exe ? g_path_get_dirname(exe) : g_strdup(".");
	char *dir = g_build_filename(bin, "..", "plots", NULL);

	for (int up = 0; up < 2 && !g_file_test(dir, G_FILE_TEST_IS_DIR); up++) {
		g_free(dir);
		dir = up ? g_build_filename(bin, "..", "share", "vnicsim", "plots", NULL)
			 : g_build_filename(bin, "..", "..", "plots", NULL);
	}
	return dir;
}

static bool plot(const char *const *paths, const char *out, const struct scenario *sc,
		 GPtrArray *made, GError **error)
{
	g_autofree char *scripts = script_dir();
	g_autofree char *beside = out ? g_strdup(out) : NULL;

	if (paths[0] && !paths[1] && g_file_test(paths[0], G_FILE_TEST_IS_DIR)) {
		json_t *source = sc ? NULL : folder_source(paths[0]);
		struct plot_want want =
			sc ? plot_wanted(sc) : plot_want_read(json_object_get(source, "plot"));

		if (!beside)
			beside = g_build_filename(paths[0], "plots", NULL);
		bool ok = plot_study(paths[0], beside, scripts, &want, made, error);
		json_decref(source);
		return ok;
	}
	if (!beside)
		beside = g_path_get_dirname(paths[0]);
	return plot_results(paths, beside, scripts, made, error);
}

int main(int argc, char **argv)
{
	static const struct cli_program program = {
		.name = "vnicsim",
		.version = "0.2",
		.summary = "simulate how packets pass between a wire and processes in virtual "
			   "machines",
		.groups = option_groups,
		.metrics = &machine_metrics,
		.run = machine_simulate,
		.check = options_check,
		.policy = list_policy,
		.system = list_system,
		.report = machine_report,
		.sweep_cols = machine_sweep_cols,
		.real = "vnictap",
		.validation = &validate_rules,
		.plot = plot,
	};

	g_autoptr(GError) error = NULL;

	if (!policy_words_add_own(&error)) {
		fprintf(stderr, "%s: %s\n", program.name, error->message);
		return error->code;
	}
	return cli_main(&program, argc, argv);
}
