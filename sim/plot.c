/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot.c - figures of a study or of single results, drawn by gnuplot.
 *
 * How it works. Results are read (plot_read.c), and each figure makes a table of them
 * (plot_table.c), which is written beside the script that draws it. What rows look like is the
 * script's business alone.
 *
 * A table has two gnuplot datasets: the line of text under the title, and the rows. Each row says
 * in words what it is (direction, delivery, policy, part), so that a script can select, and a
 * person can read it.
 *
 * What always holds: of pictures in a folder, none is older than the table beside it.
 *
 * Rejected: gnuplot through a pipe (the user could not draw the figure again); a shell.
 */
#include "plot.h"

#include <stdio.h>
#include <string.h>
#include <glib/gstdio.h>

#include "outfile.h"
#include "plot_impl.h"
#include "plot_sweep.h"
#include "sim_error.h"

static const char *const pictures[] = {"png", "svg", "pdf", NULL};

struct figure {
	const char *name;
	/* The rows of its table; none if the study lacks the data. */
	void (*rows)(const struct plot_data *s, GPtrArray *groups, GString *out);
	const char *columns;
	const char *lacks;
	bool by_rate;
};

/* ---- drawing ---- */

static const struct figure figures[] = {
	{"copies", plot_copies_rows, "direction delivery policy part place from to",
	 "no delivered frames of the guests", false},
	{"latency", plot_latency_rows, "direction delivery policy latency_ns share",
	 "no histograms guests.*.latency_ns", false},
	{"stages", plot_stages_rows, "direction delivery policy part place from_ns to_ns",
	 "no metrics guests.*.stage_ns.*.mean", false},
	{"load", plot_load_rows,
	 "direction delivery policy offered bps bps_least bps_most drops drops_least drops_most",
	 "a rate is not among the swept keys", true},
};

static char *path_of(const char *dir, const char *name, const char *ending)
{
	g_autofree char *file = g_strconcat(name, ".", ending, NULL);

	return g_build_filename(dir, file, NULL);
}

static void note_made(GPtrArray *made, const char *path)
{
	if (made)
		g_ptr_array_add(made, g_strdup(path));
}

static void remove_old(const char *out_dir, const char *name)
{
	for (size_t i = 0; pictures[i]; i++) {
		g_autofree char *path = path_of(out_dir, name, pictures[i]);

		g_unlink(path);
	}
}

static bool copy_script(const char *script_dir, const char *out_dir, const char *name,
			GPtrArray *made, GError **error)
{
	g_autofree char *from = path_of(script_dir, name, "gp");
	g_autofree char *to = path_of(out_dir, name, "gp");
	g_autofree char *text = NULL;
	g_autoptr(GError) why = NULL;
	gsize len;

	if (!g_file_get_contents(from, &text, &len, &why)) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT, "plot script: %s",
			    why->message);
		return false;
	}
	if (!outfile_write(to, text, len, error))
		return false;
	note_made(made, to);
	return true;
}

static bool run_gnuplot(const char *out_dir, const char *name, GError **error)
{
	g_autofree char *script = g_strconcat(name, ".gp", NULL);
	g_autofree char *said = NULL;
	g_autoptr(GError) why = NULL;
	char *argv[] = {(char *)"gnuplot", script, NULL};
	/* The figures hold an arrow and a micro sign, whatever the user's locale. */
	g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "LC_ALL", "C.UTF-8", TRUE);
	int status;

	if (!g_spawn_sync(out_dir, argv, env, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL,
			  NULL, NULL, NULL, &said, &status, &why)) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT,
			    "gnuplot cannot be run (%s): install the package gnuplot-nox",
			    why->message);
		return false;
	}
	if (g_spawn_check_wait_status(status, &why))
		return true;
	remove_old(out_dir, name);
	g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT, "%s in %s: %s: %s", script, out_dir,
		    why->message, g_strstrip(said));
	return false;
}

static void note_pictures(const char *out_dir, const char *name, GPtrArray *made)
{
	for (size_t i = 0; pictures[i]; i++) {
		g_autofree char *path = path_of(out_dir, name, pictures[i]);

		if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
			note_made(made, path);
	}
}

static bool draw(const struct figure *f, const char *table, const char *out_dir,
		 const char *script_dir, GPtrArray *made, GError **error)
{
	g_autofree char *data = path_of(out_dir, f->name, "dat");

	if (!outfile_write(data, table, strlen(table), error))
		return false;
	note_made(made, data);
	if (!copy_script(script_dir, out_dir, f->name, made, error) ||
	    !run_gnuplot(out_dir, f->name, error))
		return false;
	note_pictures(out_dir, f->name, made);
	return true;
}

/* The table of a figure; NULL if there is nothing to draw. */
static char *table_new(const struct figure *f, const struct plot_data *s)
{
	g_autoptr(GPtrArray) groups = plot_groups(s, f->by_rate);
	g_autoptr(GString) rows = g_string_new(NULL);
	g_autoptr(GString) out = g_string_new(NULL);

	f->rows(s, groups, rows);
	if (!rows->len)
		return NULL;
	g_string_append_printf(out, "# Draw with: gnuplot %s.gp\n# about\n", f->name);
	plot_put_about(out, s, groups, f->by_rate);
	g_string_append_printf(out, "\n\n# %s\n%s", f->columns, rows->str);
	return g_strdup(out->str);
}

/* Figures that nobody has asked for: one that the data have nothing for is left out in silence.
   That all are is an error, unless there is `other`. */
static bool draw_all(const struct plot_data *s, size_t n, bool other, const char *out_dir,
		     const char *script_dir, GPtrArray *made, GError **error)
{
	g_autoptr(GString) lacks = g_string_new(NULL);
	bool any = false;

	if (!outfile_folder(out_dir, error))
		return false;
	for (size_t i = 0; i < n; i++) {
		g_autofree char *table = table_new(&figures[i], s);

		remove_old(out_dir, figures[i].name);
		if (!table) {
			g_string_append_printf(lacks, "%s%s", lacks->len ? ", " : "",
					       figures[i].lacks);
			continue;
		}
		if ((!any && !copy_script(script_dir, out_dir, "style", made, error)) ||
		    !draw(&figures[i], table, out_dir, script_dir, made, error))
			return false;
		any = true;
	}
	if (!any && !other)
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "%s: holds nothing to plot: %s",
			    s->about, lacks->str);
	return any || other;
}

/* ---- single results ---- */

bool plot_results(const char *const *json_paths, const char *out_dir, const char *script_dir,
		  GPtrArray *made_paths, GError **error)
{
	struct plot_data s;
	bool ok = true;

	plot_data_init(&s);
	for (unsigned int i = 0; json_paths[i] && ok; i++)
		ok = plot_read_result(&s, i + 1, json_paths[i], error);
	if (plot_policies_clash(&s))
		plot_name_by_file(&s);
	s.about = s.runs->len == 1
			  ? g_strconcat("result ", ((struct run *)s.runs->pdata[0])->file, NULL)
			  : g_strdup_printf("%u results", s.runs->len);
	/* The last figure needs a sweep. */
	ok = ok &&
	     draw_all(&s, G_N_ELEMENTS(figures) - 1, false, out_dir, script_dir, made_paths, error);
	plot_data_fini(&s);
	return ok;
}

/* ---- studies ---- */

/* "guests.rx.latency_ns.p99" as "study-rx_latency_ns_p99". */
static char *sweep_name(const char *metric)
{
	g_autofree char *word =
		g_strdup(g_str_has_prefix(metric, "guests.") ? metric + strlen("guests.") : metric);

	return g_strconcat("study-", g_strdelimit(word, "./", '_'), NULL);
}

/* The script under the figure's name, which begins with the names of its table and pictures. */
static bool write_sweep_script(const char *script_dir, const char *out_dir, const char *name,
			       GPtrArray *made, GError **error)
{
	g_autofree char *from = path_of(script_dir, "sweep", "gp");
	g_autofree char *to = path_of(out_dir, name, "gp");
	g_autofree char *text = NULL, *own = NULL;
	g_autoptr(GError) why = NULL;

	if (!g_file_get_contents(from, &text, NULL, &why)) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT, "plot script: %s",
			    why->message);
		return false;
	}
	own = g_strdup_printf("# Draw with: gnuplot %s.gp\n"
			      "if (!exists(\"data\")) { data = \"%s.dat\" }\n"
			      "if (!exists(\"out\")) { out = \"%s\" }\n\n%s",
			      name, name, name, text);
	if (!outfile_write(to, own, strlen(own), error))
		return false;
	note_made(made, to);
	return true;
}

static bool draw_sweep(const struct plot_data *s, const struct plot_want *want, const char *metric,
		       const char *out_dir, const char *script_dir, GPtrArray *made, GError **error)
{
	g_autofree char *name = sweep_name(metric), *data = path_of(out_dir, name, "dat");
	g_autofree char *table = plot_sweep_table(s, want, metric, error);

	remove_old(out_dir, name);
	if (!table || !outfile_write(data, table, strlen(table), error))
		return false;
	note_made(made, data);
	if (!write_sweep_script(script_dir, out_dir, name, made, error) ||
	    !run_gnuplot(out_dir, name, error))
		return false;
	note_pictures(out_dir, name, made);
	return true;
}

/* Where nothing was asked for, what a person could do about a missing figure is a note. */
static bool draw_sweeps(const struct plot_data *s, const struct plot_want *want,
			const char *out_dir, const char *script_dir, GPtrArray *made, bool *any,
			GError **error)
{
	g_autoptr(GPtrArray) metrics = plot_sweep_metrics(s, want);
	bool asked = want->x || want->y || want->lines || want->panels || want->log;

	for (guint i = 0; i < metrics->len; i++) {
		g_autoptr(GError) why = NULL;

		if (draw_sweep(s, want, metrics->pdata[i], out_dir, script_dir, made, &why)) {
			*any = true;
			continue;
		}
		if (asked || why->code != SIM_EXIT_USAGE) {
			g_propagate_error(error, g_steal_pointer(&why));
			return false;
		}
		fprintf(stderr, "plot: %s: no figure of %s: %s\n", s->about,
			(char *)metrics->pdata[i], why->message);
	}
	return true;
}

bool plot_study(const char *study_dir, const char *out_dir, const char *script_dir,
		const struct plot_want *want, GPtrArray *made_paths, GError **error)
{
	g_autofree char *csv = g_build_filename(study_dir, "results.csv", NULL);
	g_autofree char *full = g_canonicalize_filename(study_dir, NULL);
	g_autofree char *name = g_path_get_basename(full);
	struct plot_data s;
	bool any = false, ok;

	plot_data_init(&s);
	s.about = g_strconcat("study ", name, NULL);
	ok = plot_read_csv(&s, csv, error) && plot_read_points(&s, study_dir, error) &&
	     outfile_folder(out_dir, error) &&
	     (!s.keys->len ||
	      draw_sweeps(&s, want, out_dir, script_dir, made_paths, &any, error)) &&
	     draw_all(&s, G_N_ELEMENTS(figures), any, out_dir, script_dir, made_paths, error);
	plot_data_fini(&s);
	return ok;
}
