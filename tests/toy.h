/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * toy.h - a small world of tables for the tests of scenario files, results and the command line.
 *
 * It has one of everything that the tables can say. Its run is arithmetic on the scenario, so every
 * result can be worked out by hand: each traffic offers its packets to its guests, in equal parts;
 * the policy says how often each is copied (2, 1, 0); every tenth packet is dropped when `ring` is
 * below 16; a packet takes `delay`.
 */
#ifndef TESTS_TOY_H
#define TESTS_TOY_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <glib.h>
#include <glib/gstdio.h>
#include "sim/cli.h"
#include "sim/fidelity.h"
#include "sim/keys.h"
#include "sim/metric.h"
#include "sim/report.h"
#include "sim/result.h"
#include "sim/scenario.h"
#include "sim/sim_error.h"
#include "sim/units.h"

/* ---- files ---- */

/* A new empty folder; see toy_remove(). */
static inline char *toy_folder(void)
{
	char *folder = g_dir_make_tmp("toy-XXXXXX", NULL);

	if (!folder)
		g_error("no temporary folder");
	return folder;
}

static inline void toy_remove(const char *folder)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		if (g_file_test(path, G_FILE_TEST_IS_DIR) &&
		    !g_file_test(path, G_FILE_TEST_IS_SYMLINK))
			toy_remove(path);
		else
			g_unlink(path);
	}
	g_rmdir(folder);
}

/* Writes `len` bytes (-1: a string) and returns the path. */
static inline char *toy_write(const char *folder, const char *name, const char *text, gssize len)
{
	char *path = g_build_filename(folder, name, NULL);

	if (!g_file_set_contents(path, text, len, NULL))
		g_error("cannot write %s", path);
	return path;
}

static inline void toy_give(const char *folder, const char *name, const char *text)
{
	g_free(toy_write(folder, name, text, -1));
}

/* ---- tables ---- */

static inline bool toy_check_size(const char *value, char **why)
{
	g_autofree char *no_size = NULL;
	uint64_t bytes;

	if (strcmp(value, "imix") == 0 || g_str_has_prefix(value, "uniform:") ||
	    units_parse(KEY_BYTES, value, NULL, &bytes, &no_size))
		return true;
	*why = g_strdup_printf("\"%s\" is no size; write 1500B, imix or uniform:60B..1514B", value);
	return false;
}

static const char *const toy_p1[] = {"guest.policy=single-copy", "host.cores=2", NULL};
static const struct key_preset toy_systems[] = {{"p1", toy_p1}, {0}};

static const struct key_decl toy_scenario[] = {
	KEYS_OF_SCENARIO,
	{"warmup", KEY_TIME, .def = "0s", .help = "not measured"},
	{"system", KEY_CHOICE, .def = "none", .choices = "none|p1", .help = "a published design",
	 .presets = toy_systems},
	{0},
};
static const struct key_decl toy_host[] = {
	{"cores", KEY_COUNT, .def = "1", .min = 1, .max = 64, .help = "host cores"},
	{"clock", KEY_FREQ, .def = "3GHz", .min = 1, .help = "core clock"},
	{"scatter", KEY_BOOL, .def = "true", .help = "hand out frames in shuffled order"},
	{0},
};
static const struct key_decl toy_nic[] = {
	{"link", KEY_RATE, .def = "10Gbit/s", .min = 1000, .help = "speed of the wire"},
	{"ring", KEY_COUNT, .def = "256", .min = 1, .max = 4096, .help = "descriptors"},
	{"loss", KEY_PERCENT, .def = "0%", .max = 1000000, .help = "frames lost on the wire"},
	{0},
};
static const struct key_decl toy_guest[] = {
	{"nic", KEY_REF, .choices = "nic", .help = "its NIC"},
	{"policy", KEY_CHOICE, .def = "copy", .choices = "copy|single-copy|zero-copy",
	 .help = "copies made by the host"},
	{"memory", KEY_BYTES, .def = "64MiB", .min = 4096, .help = "its memory"},
	{"delay", KEY_TIME, .def = "1us", .help = "what a packet takes"},
	{0},
};
static const struct key_decl toy_traffic[] = {
	{"trace", KEY_PATH, .help = "a capture"},
	{"to", KEY_REFS, .choices = "guest|wire", .help = "receivers"},
	{"size", KEY_STRING, .def = "1500B", .min = 60, .max = 9000, .plain = KEY_BYTES,
	 .check = toy_check_size, .help = "frame size"},
	{"rate", KEY_RATE, .choices = "max", .excludes = "pps", .help = "bits offered"},
	{"pps", KEY_COUNT, .help = "frames offered per second"},
	{"packets", KEY_COUNT, .def = "100", .help = "how many"},
	{0},
};
static const struct group_decl toy_groups[] = {
	{"scenario", .keys = toy_scenario, .help = "the run"},
	{"host", .keys = toy_host, .help = "the machine"},
	{"nic", .named = true, .many = true, .keys = toy_nic, .help = "a network card"},
	{"guest", .named = true, .many = true, .keys = toy_guest, .help = "a virtual machine"},
	{"traffic", .named = true, .many = true, .keys = toy_traffic, .help = "a source of frames"},
	{FIDELITY_KIND, .named = true, .many = true, .judges = true, .keys = fidelity_keys,
	 .help = "what somebody else found"},
	{0},
};

enum { TOY_GUEST = 1, TOY_GUESTS = 2, TOY_CORE = 4 };
static const struct metric_object toy_objects[] = {
	{TOY_GUEST, .kind = "guest", .directed = true},
	{TOY_GUESTS, .name = "guests", .directed = true},
	{TOY_CORE, .name = "host", .part = "core"},
	{0},
};
static const char *const toy_reasons[] = {"ring_full", "too_small", NULL};
static const struct metric_decl toy_metric_rows[] = {
	{"packets", "packets", TOY_GUEST | TOY_GUESTS, "offered", .words = NULL},
	{"delivered", "packets", TOY_GUEST | TOY_GUESTS, "delivered", .words = NULL},
	{"drops", "packets", TOY_GUEST | TOY_GUESTS, "dropped", .words = NULL},
	{"drops.*", "packets", TOY_GUEST | TOY_GUESTS, "dropped by reason", .words = toy_reasons,
	 .sparse = true},
	{"copies_per_packet", "", TOY_GUEST | TOY_GUESTS, "copies of each", .words = NULL},
	{"latency_ns.p99", "ns", TOY_GUEST | TOY_GUESTS, "99th percentile", .words = NULL},
	{"latency_ns.mean", "ns", TOY_GUEST, "mean", .words = NULL},
	{"copy_bytes", "bytes", TOY_GUEST, "bytes copied", .words = NULL},
	{"throughput_bps", "bit/s", TOY_GUEST, "rate delivered", .words = NULL},
	{"digest", "", TOY_GUEST, "of all bytes", .text = true},
	{"busy_ratio", "", TOY_CORE, "share of time", .words = NULL},
	{0},
};
static const struct metric_table toy_metrics = {toy_objects, toy_metric_rows};

/* The share of the traffics' packets that are for the guest. */
static inline uint64_t toy_packets(const struct scenario *sc, const char *guest)
{
	uint64_t n = 0;

	for (size_t i = 0; i < scenario_count(sc, "traffic"); i++) {
		const struct cfg *t = scenario_at(sc, "traffic", i);
		const char *const *to = cfg_list(t, "to");
		guint receivers = g_strv_length((char **)to);

		if (g_strv_contains(to, guest))
			n += cfg_u64(t, "packets") / receivers;
	}
	return n;
}

static inline void toy_run_guest(const struct scenario *sc, const struct cfg *g, struct result *r)
{
	const struct cfg *nic = cfg_ref(g, "nic");
	uint64_t packets = toy_packets(sc, cfg_name(g)),
		 copies = 2 - (uint64_t)cfg_choice(g, "policy");
	uint64_t drops = nic && cfg_u64(nic, "ring") < 16 ? packets / 10 : 0;
	uint64_t delivered = packets - drops;
	const char *vm = cfg_name(g);

	result_u64(r, vm, "rx", "packets", packets);
	result_u64(r, vm, "rx", "delivered", delivered);
	result_u64(r, vm, "rx", "drops", drops);
	if (drops)
		result_u64(r, vm, "rx", "drops.ring_full", drops);
	result_ratio(r, vm, "rx", "copies_per_packet", delivered * copies, delivered);
	if (delivered)
		result_ps(r, vm, "rx", "latency_ns.p99", cfg_time(g, "delay"));
	else
		result_null(r, vm, "rx", "latency_ns.p99");
	result_mean_ps(r, vm, "rx", "latency_ns.mean", delivered * cfg_time(g, "delay"), delivered);
	result_u64(r, vm, "rx", "copy_bytes", delivered * copies * 1500);
	result_per_second(r, vm, "rx", "throughput_bps", delivered * 12000,
			  cfg_time(g, "delay") * 100);
	result_str(r, vm, "rx", "digest", "00000000deadbeef");
	result_absent(r, vm, "tx", "copy_bytes", "the toy never sends");
}

static inline bool toy_run(const struct scenario *sc, struct run_ctl *ctl, struct result *r,
			   GError **error)
{
	uint64_t offered = 0;

	for (size_t i = 0; i < scenario_count(sc, "guest"); i++) {
		const struct cfg *g = scenario_at(sc, "guest", i);

		offered += toy_packets(sc, cfg_name(g));
		toy_run_guest(sc, g, r);
		run_progress(ctl, i, scenario_count(sc, "guest"), offered, 0);
	}
	if (!offered) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_INPUT, "no frame was offered to any guest");
		return false;
	}
	result_u64(r, "guests", "rx", "packets", offered);
	result_ratio(r, "host.core0", NULL, "busy_ratio", offered, 3 * offered + 1);
	result_machine_u64(r, "events", offered);
	return true;
}

static const struct report_col toy_cols[] = {
	{"packets", "packets", REPORT_COUNT},
	{"copies", "copies_per_packet", REPORT_RATIO},
	{"p99", "latency_ns.p99", REPORT_TIME_NS},
	{"rate", "throughput_bps", REPORT_RATE},
	{0},
};
static const struct report_col toy_core_cols[] = {{"busy", "busy_ratio", REPORT_PERCENT}, {0}};
static const struct report_section toy_report[] = {
	{"packets", REPORT_ROWS, "guest|guests", .when = "packets", .cols = toy_cols},
	{"drops", REPORT_NONZERO, "guest", .pattern = "drops.*"},
	{"cores", REPORT_ROWS, "host.core*", .cols = toy_core_cols},
	{0},
};
static const struct report_col toy_sweep_cols[] = {
	{"packets", "guests.rx.packets", REPORT_COUNT},
	{"copies", "vm1.rx.copies_per_packet", REPORT_RATIO},
	{0},
};
static inline bool toy_policy(size_t i, struct cli_item *item)
{
	static const struct cli_item items[] = {{"copy", "two copies"}, {"zero-copy", "none"}};

	if (i >= G_N_ELEMENTS(items))
		return false;
	*item = items[i];
	return true;
}
static const struct cli_program toy_program = {
	.name = "toy",
	.version = "1.0",
	.summary = "arithmetic on scenarios",
	.groups = toy_groups,
	.metrics = &toy_metrics,
	.run = toy_run,
	.policy = toy_policy,
	.report = toy_report,
	.sweep_cols = toy_sweep_cols,
};

/* ---- a test program's folder ---- */

/* For the group's set-up and teardown. */
static char *folder G_GNUC_UNUSED;

static inline int make_folder(void **state)
{
	(void)state;
	folder = toy_folder();
	return 0;
}

static inline int remove_folder(void **state)
{
	(void)state;
	toy_remove(folder);
	g_free(folder);
	return 0;
}

#endif
