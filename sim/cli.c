/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli.c - the table of verbs, their options and help; see cli.h.
 *
 * Each verb is a row of a table: its function, its place in the help, its examples. A verb gets a
 * session: the program, the options, and the highest exit code so far. What verbs do stands in
 * cli_verbs.c.
 */
#include "cli.h"
#include <stdio.h>
#include <string.h>
#include "cli_verbs.h"
#include "nearest.h"
#include "outfile.h"
#include "sim_error.h"
#include "wrap.h"

static const struct verb verbs[] = {
	{"run", "SCENARIO", "one run of a scenario", true, false, false, false, false, verb_run,
	 "Examples:\n"
	 "  %s run scenarios/first.ini\n"
	 "  %s run scenarios/first.ini --set vm1.policy=copy --json a.json\n"
	 "  %s run scenarios/first.ini --seed 7 --json - | jq .metrics\n"
	 "  %s run scenarios/first.ini --trace t.json --trace-for 200us\n"
	 "  %s run scenarios/first.ini --pcap wire=w.pcap --pcap vm1=g.pcap\n"
	 "\nPrints a table and writes nothing unless --out, --json, --trace or --pcap says so.\n"
	 "Of a file with [sweep], the base point is run. --trace is a timeline for\n"
	 "ui.perfetto.dev, of at most 2000 packets unless --trace-for or --trace-packets\n"
	 "says otherwise. Points of --pcap: wire, hypervisor, a NIC, a guest.\n"},
	{"packet", "SCENARIO [NAME:]N", "one packet's story: where it was, for how long, and why",
	 true, false, false, false, false, verb_packet,
	 "Examples:\n"
	 "  %s packet scenarios/first.ini 17\n"
	 "  %s packet scenarios/first.ini bulk:0 --set vm1.policy=zero-copy\n"
	 "  %s packet scenarios/demo.ini web:17 --json - | jq '.[0].end'\n"
	 "\nN counts the frames of traffic NAME, by default the first, from 0. Prints each\n"
	 "stage, copy, DMA and notice with its simulated time from the packet's first stamp.\n"},
	{"sweep", "SCENARIO", "every point of a scenario's [sweep]", true, false, false, false,
	 false, verb_sweep,
	 "Examples:\n"
	 "  %s sweep scenarios/demo.ini -j 0\n"
	 "  %s sweep scenarios/first.ini --set sweep.bulk.size=60B,1500B --out out/size\n"
	 "  %s sweep scenarios/demo.ini --only \"guest.policy=copy & web.rate>=1Gbit/s\"\n"
	 "  %s sweep scenarios/studies/policy-gain.ini --paired guest.policy=single-copy\n"
	 "  %s sweep scenarios/demo.ini --list\n"
	 "On many machines that share a folder:\n"
	 "  %s sweep demo.ini --points |\n"
	 "    parallel --sshloginfile hosts %s sweep demo.ini --point {}\n"
	 "  %s sweep demo.ini --collect\n"
	 "\nWrites a result file a run, results.csv (a number a line), wide.csv (a run a line)\n"
	 "and, with repeats, summary.csv and summary.json (means, 95% intervals) into --out,\n"
	 "by default out/ and the scenario's name. What is there of the same study is not run\n"
	 "again; a folder of another study is refused.\n"},
	{"check", "SCENARIO...", "run every point and judge it", true, false, false, false, true,
	 verb_check,
	 "Examples:\n"
	 "  %s check scenarios/regress/*.ini\n"
	 "  %s check scenarios/first.ini --set \"expect.vm1.rx.drops=0\"\n"
	 "  %s check ci/*.ini --baseline ci/baseline.json --update\n"
	 "  %s check ci/*.ini --baseline ci/baseline.json --junit report.xml\n"
	 "\nPrints a line for each expectation: PASS|FAIL|SKIP file [point] metric want got,\n"
	 "then how many passed, failed and were skipped. Exits with 1 if one failed.\n"
	 "With a baseline, counts and texts of each point must be as it says, times, rates and\n"
	 "ratios within the tolerance; what is not is a FAIL, new copies and fallbacks first,\n"
	 "each with its site and reason. --update writes the points of these files into it\n"
	 "and leaves those of others; it does not if anything failed.\n"},
	{"fidelity", "SCENARIO...", "hold results against theory and what others measured", true,
	 false, false, false, false, verb_fidelity,
	 "Examples:\n"
	 "  %s fidelity scenarios/studies/fidelity/*.ini\n"
	 "  %s fidelity scenarios/studies/fidelity/pcie-dma.ini --out out/pcie -j 2\n"
	 "\nRuns the points that the files' [fidelity ROW] name and judges them: expected,\n"
	 "simulated, error, tolerance, verdict. --out gets fidelity.json, .md and .csv. Exits\n"
	 "with 1 if a row of an exact form misses, or one without a note that says why.\n"},
	{"compare", "A B", "two results, or two folders of them", false, false, false, true, false,
	 verb_compare,
	 "Examples:\n"
	 "  %s compare before.json after.json\n"
	 "  %s compare before.json after.json --tolerance 5%\n"
	 "  %s compare out/before out/after --quiet && echo same\n"
	 "\nCounts and texts must be equal; times, rates, ratios and means may be off by the\n"
	 "tolerance, a share of A, by default 0. Prints what differs, new copies and fallbacks\n"
	 "first, and apart from it which settings do; what the machine did is left out.\n"
	 "Folders of studies are compared point by point. Exits with 1 if anything differs.\n"},
	{"calibrate", "", "measure this machine's costs, as a preset", false, false, false, false,
	 false, verb_calibrate,
	 "Examples:\n"
	 "  %s calibrate\n"
	 "  %s calibrate --quick --out /tmp/quick.ini\n"
	 "\nMeasures copies, TAP devices, wake-ups, system calls and the datapath's own work, in\n"
	 "less than a minute (--quick: ten seconds), and writes calibration.ini, or what --out\n"
	 "names, for [host] preset. Needs what vnictap needs.\n"},
	{"validate", "SCENARIO...", "hold the simulation against real TAP devices", true, false,
	 false, false, false, verb_validate,
	 "Examples:\n"
	 "  %s validate scenarios/tap/*.ini -c calibration.ini\n"
	 "  %s validate scenarios/tap/receive.ini --runs 3 --json receive.json\n"
	 "\nRuns each point here and by vnictap, free and in lockstep: counts must be equal, or\n"
	 "it exits with 1. Then times, predicted and measured, which are judged only with a\n"
	 "calibration of this machine; a miss is 1 with --strict. --out gets validation.json\n"
	 "and .md, and .tsv for plots/validation.gp.\n"},
	{"plot", "RESULT...", "figures of results, by gnuplot", false, true, false, false, false,
	 verb_plot,
	 "Examples:\n"
	 "  %s plot out/demo\n"
	 "  %s plot copy.json zero-copy.json --out figures\n"
	 "  %s plot out/demo -s scenarios/demo.ini --set plot.log=x\n"
	 "\nOf a study also a figure for each metric, over a swept key, with lines and panels for\n"
	 "the others, chosen or as [plot] of the scenario says. Beside each its data and "
	 "script.\n"},
	{.name = "report",
	 .arguments = "RESULT...|STUDY",
	 .help = "results as one HTML page",
	 .fn = verb_report,
	 .examples =
		 "Examples:\n"
		 "  %s report out/demo\n"
		 "  %s report first.json --scenario scenarios/first.ini\n"
		 "  %s report copy.json zero-copy.json --out compared.html\n"
		 "\nQuestion, table, figures, where time goes, what bounds, copies by site, the\n"
		 "scenario, and how to get the same again, in one file that needs no other and no\n"
		 "network. By default report.html in the study's folder, or FILE.html beside a\n"
		 "result. Without gnuplot it has no figures.\n"},
	{"list", "policies|keys|metrics|systems|presets|verbs", "what there is to choose from",
	 false, false, true, false, false, verb_list,
	 "Examples:\n"
	 "  %s list keys\n"
	 "  %s list keys --markdown\n"
	 "  %s list metrics\n"},
	{0},
};

/* A program with one verb has no word for it. */
static const struct verb only = {
	"",
	"SCENARIO",
	NULL,
	true,
	false,
	false,
	false,
	false,
	verb_only,
	"Examples:\n"
	"  %s scenarios/tap/receive.ini\n"
	"  %s scenarios/tap/receive.ini --set guest.policy=zero-copy --json receive.json\n"
	"  %s --check scenarios/tap/receive.ini\n"
	"\nPrints a table and writes nothing unless --out or --json says so.\n"
	"Of a file with [sweep], the base point is run.\n"};

static const struct verb *find_verb(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

static int unknown_verb(const struct cli_program *prog, const char *name)
{
	const char *names[G_N_ELEMENTS(verbs)] = {NULL};

	if (*name == '-')
		return cli_usage_error(prog, "a verb comes first, then options; see %s --help",
				       prog->name);
	if (g_str_has_suffix(name, ".ini"))
		return cli_usage_error(prog, "a verb comes first: %s run %s", prog->name, name);
	for (size_t i = 0; verbs[i].name; i++)
		names[i] = verbs[i].name;
	g_autofree char *hint = nearest_hint(name, names);
	return cli_usage_error(prog, "no verb \"%s\"; %s", name, hint);
}

/* What needs no session: help and version. */
static int print_text(const struct cli_program *prog, FILE *stream, const char *text)
{
	g_autoptr(GError) error = NULL;

	g_autoptr(GString) wrapped = g_string_new(NULL);

	wrap_text(text, wrap_columns(stream), wrapped);
	if (outfile_print(stream, wrapped->str, &error))
		return SIM_EXIT_OK;
	fprintf(stderr, "%s: %s\n", prog->name, error->message);
	return SIM_EXIT_OUTPUT;
}

static int print_version(const struct cli_program *prog)
{
	g_autofree char *line = g_strdup_printf("%s %s\n", prog->name, prog->version);

	return print_text(prog, stdout, line);
}

static int print_help(const struct cli_program *prog, FILE *stream)
{
	g_autoptr(GString) out = g_string_new(NULL);

	g_string_append_printf(out, "%s - %s\n\n", prog->name, prog->summary);
	for (const struct verb *v = verbs; v->name; v++) {
		g_autofree char *call =
			g_strdup_printf("%s %s %s", prog->name, v->name, v->arguments);
		g_string_append_printf(out, "  %-42s  %s\n", call, v->help);
	}
	g_string_append_printf(
		out,
		"\n  %s VERB --help says more of each; %s --version\n\n"
		"Exit codes: 0 done, 1 expectation or comparison failed, 2 usage or scenario,\n"
		"3 input, 4 model violation or max_time, 5 environment, 6 output,\n"
		"130 interrupted\n",
		prog->name, prog->name);
	return print_text(prog, stream, out->str);
}

static GOptionContext *option_context(const struct verb *v, struct options *o)
{
	g_autofree char *usage = v->help ? g_strdup_printf("%s - %s", v->arguments, v->help)
					 : g_strdup(v->arguments);
	const GOptionEntry run[] = {
		{"set", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->sets,
		 "set a key, over the file; the first dot ends the group", "GROUP.KEY=VALUE"},
		{"seed", 0, 0, G_OPTION_ARG_FILENAME, &o->seed, "the same as --set scenario.seed=N",
		 "N"},
		{"json", 0, 0, G_OPTION_ARG_FILENAME, &o->json,
		 "write the result file; - is stdout", "FILE|-"},
		{"quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet, "no table, no progress", NULL},
		{0},
	};
	const GOptionEntry jobs[] = {
		{"jobs", 'j', 0, G_OPTION_ARG_INT, &o->jobs, "points at a time; 0: one a processor",
		 "N"},
		{0},
	};
	const GOptionEntry out[] = {
		{"out", 'o', 0, G_OPTION_ARG_FILENAME, &o->out, "folder for results", "DIR"},
		{0},
	};
	const GOptionEntry compare[] = {
		{"tolerance", 't', 0, G_OPTION_ARG_FILENAME, &o->tolerance,
		 "how far what is measured may be off, such as 5%; default 0", "SHARE"},
		{"json", 0, 0, G_OPTION_ARG_FILENAME, &o->json, "write what differs; - is stdout",
		 "FILE|-"},
		{"quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet, "the exit code alone", NULL},
		{0},
	};
	const GOptionEntry baseline[] = {
		{"baseline", 'b', 0, G_OPTION_ARG_FILENAME, &o->baseline,
		 "hold every metric of every point to this file", "FILE"},
		{"update", 0, 0, G_OPTION_ARG_NONE, &o->update,
		 "write the baseline instead: what is, is right", NULL},
		{"tolerance", 't', 0, G_OPTION_ARG_FILENAME, &o->tolerance,
		 "how far what is measured may be off the baseline; default 5%", "SHARE"},
		{"junit", 0, 0, G_OPTION_ARG_FILENAME, &o->junit,
		 "write the verdicts as JUnit XML; - is stdout", "FILE|-"},
		{0},
	};
	const GOptionEntry sweep[] = {
		{"only", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->only,
		 "run the points of which this is true; like where in [sweep]", "KEY=VALUE"},
		{"paired", 0, 0, G_OPTION_ARG_FILENAME, &o->paired,
		 "differences from the points with this value, seed by seed", "KEY=BASE"},
		{"list", 0, 0, G_OPTION_ARG_NONE, &o->list, "print the points, run nothing", NULL},
		{"points", 0, 0, G_OPTION_ARG_NONE, &o->points,
		 "print the numbers of points not done, one a line", NULL},
		{"point", 0, 0, G_OPTION_ARG_FILENAME, &o->point,
		 "run this point, or these, and write no table", "K|K..L"},
		{"collect", 0, 0, G_OPTION_ARG_NONE, &o->collect,
		 "run nothing; check that all is there, write the tables", NULL},
		{"fresh", 0, 0, G_OPTION_ARG_NONE, &o->fresh,
		 "begin anew, whatever study the folder holds", NULL},
		{0},
	};
	const GOptionEntry list[] = {
		{"markdown", 0, 0, G_OPTION_ARG_NONE, &o->markdown,
		 "keys as the scenario reference", NULL},
		{"man", 0, 0, G_OPTION_ARG_NONE, &o->man,
		 "keys, verbs as mdoc for the manual pages", NULL},
		{0},
	};
	const GOptionEntry look[] = {
		{"trace", 0, 0, G_OPTION_ARG_FILENAME, &o->trace,
		 "write a timeline for ui.perfetto.dev", "FILE"},
		{"trace-from", 0, 0, G_OPTION_ARG_FILENAME, &o->trace_from,
		 "it begins at this simulated time, such as 2ms", "TIME"},
		{"trace-for", 0, 0, G_OPTION_ARG_FILENAME, &o->trace_for, "and lasts so long",
		 "TIME"},
		{"trace-packets", 0, 0, G_OPTION_ARG_INT64, &o->trace_packets,
		 "or so many packets; 0: all", "N"},
		{"pcap", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->pcap,
		 "capture at wire, hypervisor, a NIC or a guest; repeatable", "POINT=FILE"},
		{"snaplen", 0, 0, G_OPTION_ARG_INT, &o->snaplen,
		 "bytes of a frame that captures keep; default all", "N"},
		{0},
	};
	const GOptionEntry check[] = {
		{"check", 0, 0, G_OPTION_ARG_NONE, &o->check,
		 "judge [expect]: a line for each, then how many passed", NULL},
		{"version", 0, 0, G_OPTION_ARG_NONE, &o->version, "which one this is", NULL},
		{0},
	};
	const GOptionEntry quick[] = {
		{"out", 'o', 0, G_OPTION_ARG_FILENAME, &o->out,
		 "the preset to write; default calibration.ini", "FILE.ini"},
		{"quick", 0, 0, G_OPTION_ARG_NONE, &o->quick, "fewer and shorter measurements",
		 NULL},
		{"json", 0, 0, G_OPTION_ARG_FILENAME, &o->json,
		 "write all measurements; - is stdout", "FILE|-"},
		{"quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet, "no table, no progress", NULL},
		{0},
	};
	const GOptionEntry validate[] = {
		{"calibration", 'c', 0, G_OPTION_ARG_FILENAME, &o->calibration,
		 "costs of this machine, for [host] preset; else times are not judged", "FILE"},
		{"runs", 'n', 0, G_OPTION_ARG_INT, &o->times,
		 "real runs of each point, in turn with others'; default 7, without a "
		 "calibration 1",
		 "N"},
		{"strict", 0, 0, G_OPTION_ARG_NONE, &o->strict,
		 "a time beyond its tolerance is exit 1, too", NULL},
		{0},
	};
	const GOptionEntry of[] = {
		{"scenario", 's', 0, G_OPTION_ARG_FILENAME, &o->scenario,
		 "what the results were run from; its [plot] says what figures show", "FILE.ini"},
		{"set", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->sets,
		 "set a key of its [plot], over the file", "plot.KEY=VALUE"},
		{0},
	};
	const GOptionEntry report[] = {
		{"out", 'o', 0, G_OPTION_ARG_FILENAME, &o->out, "the page; - is stdout",
		 "FILE.html|-"},
		{"quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet, "do not say what was made", NULL},
		{0},
	};
	const GOptionEntry all[] = {
		{"help", 'h', 0, G_OPTION_ARG_NONE, &o->help, "this help", NULL},
		{G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->rest, NULL, NULL},
		{0},
	};
	GOptionContext *c = g_option_context_new(usage);

	g_option_context_set_help_enabled(c, FALSE);
	if (v->runs)
		g_option_context_add_main_entries(c, run, NULL);
	if (v->runs)
		g_option_context_add_main_entries(c, v == &only ? check : jobs, NULL);
	if (v->runs || v->plots)
		g_option_context_add_main_entries(c, out, NULL);
	if (v->fn == verb_run)
		g_option_context_add_main_entries(c, look, NULL);
	if (v->compares)
		g_option_context_add_main_entries(c, compare, NULL);
	if (v->fn == verb_calibrate)
		g_option_context_add_main_entries(c, quick, NULL);
	if (v->fn == verb_validate)
		g_option_context_add_main_entries(c, validate, NULL);
	if (v->checks)
		g_option_context_add_main_entries(c, baseline, NULL);
	if (v->fn == verb_sweep)
		g_option_context_add_main_entries(c, sweep, NULL);
	if (v->plots || v->fn == verb_report)
		g_option_context_add_main_entries(c, of, NULL);
	if (v->fn == verb_report)
		g_option_context_add_main_entries(c, report, NULL);
	if (v->lists)
		g_option_context_add_main_entries(c, list, NULL);
	g_option_context_add_main_entries(c, all, NULL);
	return c;
}

static char *verb_help(const struct cli_program *prog, const struct verb *v, GOptionContext *c)
{
	g_auto(GStrv) parts = g_strsplit(v->examples, "%s", -1);
	g_autofree char *examples = g_strjoinv(prog->name, parts);

	g_option_context_set_description(c, examples);
	g_autofree char *help = g_option_context_get_help(c, TRUE, NULL);
	/* GLib knows the program but not the verb. */
	char *brackets = strstr(help, " [");

	return g_strdup_printf("%.*s%s%s%s", (int)(brackets - help), help, *v->name ? " " : "",
			       v->name, brackets);
}

const struct verb *cli_verbs(void)
{
	return verbs;
}

char *cli_verb_help(const struct cli_program *prog, const struct verb *v)
{
	struct options o = {0};
	g_autoptr(GOptionContext) c = option_context(v, &o);

	return verb_help(prog, v, c);
}

static int print_verb_help(const struct cli_program *prog, const struct verb *v, GOptionContext *c)
{
	g_autofree char *text = verb_help(prog, v, c);

	return print_text(prog, stdout, text);
}

/* An option of `run` that looks inside a simulated run; NULL: none is there. */
static const char *looks_inside(char **args)
{
	for (char **arg = args; *arg; arg++)
		if (g_str_has_prefix(*arg, "--pcap") || g_str_has_prefix(*arg, "--trace"))
			return *arg;
	return NULL;
}

static int parse_and_do(struct session *s, GOptionContext *c, char **args)
{
	g_autoptr(GError) error = NULL;

	const char *verb = s->verb->name;
	const char *look = s->prog->no_look ? looks_inside(args) : NULL;

	if (look)
		return cli_usage_error(s->prog, "%s: %s", look, s->prog->no_look);
	if (!g_option_context_parse_strv(c, &args, &error))
		return cli_usage_error(s->prog, "%s%s%s; see %s%s%s --help", verb,
				       *verb ? ": " : "", error->message, s->prog->name,
				       *verb ? " " : "", verb);
	if (s->o.help)
		return print_verb_help(s->prog, s->verb, c);
	if (s->o.version)
		return print_version(s->prog);
	if (s->o.jobs < 0 || s->o.jobs > THREADS_MAX)
		return cli_usage_error(s->prog, "-j takes 0 to %d", THREADS_MAX);
	if (!s->o.rest)
		s->o.rest = g_new0(char *, 1);
	progress_init(&s->progress, s->o.quiet);
	cli_catch_signals();
	if (s->prog->one_verb)
		cli_catch_sigterm();
	return s->verb->fn(s);
}

static int do_verb(const struct cli_program *prog, const struct verb *v, char **argv)
{
	struct session s = {
		.prog = prog, .verb = v, .o = {.jobs = 1, .trace_packets = TRACE_PACKETS_UNSET}};
	g_autoptr(GOptionContext) c = option_context(v, &s.o);
	/* Parsing takes what it understands out of the list. */
	char **args = g_strdupv(argv);

	/* GLib reads -j 2 and -j=2; everybody writes -j2. */
	for (char **arg = args; *arg && strcmp(*arg, "--") != 0; arg++)
		if (g_str_has_prefix(*arg, "-j") && g_ascii_isdigit((*arg)[2])) {
			char *text = g_strdup_printf("--jobs=%s", *arg + 2);

			g_free(*arg);
			*arg = text;
		}
	int code = parse_and_do(&s, c, args);

	g_strfreev(args);
	g_strfreev(s.o.sets);
	g_strfreev(s.o.rest);
	g_free(s.o.seed);
	g_free(s.o.out);
	g_free(s.o.scenario);
	g_free(s.o.json);
	g_free(s.o.tolerance);
	g_strfreev(s.o.pcap);
	g_free(s.o.trace);
	g_free(s.o.trace_from);
	g_free(s.o.trace_for);
	g_free(s.o.calibration);
	g_free(s.o.baseline);
	g_free(s.o.junit);
	g_strfreev(s.o.only);
	g_free(s.o.paired);
	g_free(s.o.point);
	return code;
}

/* `help VERB` is `VERB --help`. */
static int help_of(const struct cli_program *prog, const char *name)
{
	const struct verb *v = find_verb(name);
	char help[] = "--help";
	char *argv[] = {(char *)(uintptr_t)name, help, NULL};

	return v ? do_verb(prog, v, argv) : unknown_verb(prog, name);
}

int cli_main(const struct cli_program *prog, int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;

	g_set_prgname(prog->name);
	if (prog->one_verb)
		return do_verb(prog, &only, argv);
	if (!word) {
		print_help(prog, stderr);
		return SIM_EXIT_USAGE;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
		return argv[2] ? help_of(prog, argv[2]) : print_help(prog, stdout);
	if (strcmp(word, "--version") == 0)
		return print_version(prog);
	const struct verb *v = find_verb(word);
	/* The first of the remaining words stands for the program's name. */
	return v ? do_verb(prog, v, argv + 1) : unknown_verb(prog, word);
}
