/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot.h - figures of a study or of single results, drawn by gnuplot.
 *
 * Four figures: `copies` (copies per delivered packet, by policy and site), `latency` (distribution
 * by policy), `load` (throughput and drops against offered load, by policy) and `stages` (where the
 * time goes, by policy). For each, a folder gets the data (copies.dat), the script that draws it
 * (copies.gp, with style.gp), and the pictures (copies.png, .svg, .pdf, as far as the gnuplot at
 * hand can): `gnuplot copies.gp` in that folder draws them again, from data that may be edited.
 *
 * What a figure needs and the data lack is no error: the figure is left out; pictures of that name
 * from an earlier time are removed, so that none is mistaken for new.
 *
 * Errors are of SIM_ERROR, the code being the exit code: SIM_EXIT_USAGE for results that are
 * missing, malformed or have nothing to plot at all, SIM_EXIT_ENVIRONMENT if gnuplot or its scripts
 * are missing or gnuplot fails, SIM_EXIT_OUTPUT if a file cannot be written.
 */
#ifndef SIM_PLOT_H
#define SIM_PLOT_H

#include <stdbool.h>
#include <glib.h>

/*
 * The figures of a study folder: results.csv (tidy, with repeats) and, for latencies and for a
 * policy or delivery that is not swept, the results of its points (point-*.json). `script_dir`
 * holds the scripts of plots/. `out_dir` is made. The path of each file made is added to
 * `made_paths` (strings to be freed with g_free), which may be NULL.
 *
 * First those of any study, one a metric, chosen by `want` (plot_sweep.h): study-rx_throughput_bps
 * and so on. What [plot] asks for and cannot be had is an error (SIM_EXIT_USAGE); where nothing is
 * asked for, it is a note on stderr.
 *
 * Then the four: a bar, a curve or a point of a curve stands for one point of the study, averaged
 * over its repeats: the first that has this policy, this delivery and (for `load`) this rate. The
 * figure's second line names the values of the other swept keys there.
 */
struct plot_want;
bool plot_study(const char *study_dir, const char *out_dir, const char *script_dir,
		const struct plot_want *want, GPtrArray *made_paths, GError **error);

/*
 * The same of single result files, `json_paths` ended by NULL: copies, latency and stages, one bar
 * or curve a result. Each is named by its policy, or by its file if that does not tell them apart.
 */
bool plot_results(const char *const *json_paths, const char *out_dir, const char *script_dir,
		  GPtrArray *made_paths, GError **error);

#endif
