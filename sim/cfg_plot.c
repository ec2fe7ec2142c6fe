/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cfg_plot.c - [plot] of a scenario; see plot_want.h. Apart from plot.c, which knows no scenario.
 */
#include <string.h>
#include "plot_want.h"

static bool judge_log(const char *value, char **why)
{
	if (!*value || strspn(value, "xy") == strlen(value))
		return true;
	*why = g_strdup_printf("\"%s\" is no axis; write x, y or xy", value);
	return false;
}

const struct key_decl plot_keys[] = {
	{"x", KEY_STRING, .help = "swept key of the x axis; default: the one with most numbers"},
	{"y", KEY_STRING, .help = "metrics, a figure each, such as guests.rx.throughput_bps"},
	{"lines", KEY_STRING, .help = "swept keys with a line for each of their values, or none"},
	{"panels", KEY_STRING, .help = "swept keys with a panel for each of their values, or none"},
	{"log", KEY_STRING, .check = judge_log, .help = "logarithmic axes: x, y or xy"},
	{"title", KEY_STRING, .help = "of the figures"},
	{0},
};

struct plot_want plot_wanted(const struct scenario *sc)
{
	const struct cfg *c = sc ? scenario_find(sc, PLOT_KIND) : NULL;

	if (!c)
		return (struct plot_want){0};
	return (struct plot_want){
		.x = cfg_str(c, "x"),
		.y = cfg_str(c, "y"),
		.lines = cfg_str(c, "lines"),
		.panels = cfg_str(c, "panels"),
		.log = cfg_str(c, "log"),
		.title = cfg_str(c, "title"),
	};
}

json_t *plot_want_json(const struct scenario *sc)
{
	struct plot_want want = plot_wanted(sc);

	return json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}", "x", want.x, "y", want.y, "lines",
			 want.lines, "panels", want.panels, "log", want.log, "title", want.title);
}

static const char *member(const json_t *json, const char *name)
{
	return json_string_value(json_object_get(json, name));
}

struct plot_want plot_want_read(const json_t *json)
{
	return (struct plot_want){
		.x = member(json, "x"),
		.y = member(json, "y"),
		.lines = member(json, "lines"),
		.panels = member(json, "panels"),
		.log = member(json, "log"),
		.title = member(json, "title"),
	};
}
