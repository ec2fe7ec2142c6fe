/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli_look.c - options that look inside a run, and the verb `packet`; see cli_verbs.h. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "cli_verbs.h"
#include "outfile.h"
#include "sim_error.h"
#include "units.h"

enum { TRACE_PACKETS = 2000 }; /* of a trace without a bound: some 12 MB */

static bool time_option(struct session *s, const char *name, const char *text, sim_time *out)
{
	g_autofree char *why = NULL;
	uint64_t v = 0;

	if (!text || (units_parse(KEY_TIME, text, "us", &v, &why) && v <= SIM_MAX)) {
		*out = v;
		return true;
	}
	session_raise(s, cli_usage_error(s->prog, "--%s=%s: %s", name, text,
					 why ? why : "is more than 200 days"));
	return false;
}

static bool usage(struct session *s, const char *what)
{
	session_raise(s, cli_usage_error(s->prog, "%s", what));
	return false;
}

bool session_look(struct session *s, struct run_look *look)
{
	const struct options *o = &s->o;
	g_autoptr(GError) error = NULL;

	if (!o->trace && (o->trace_from || o->trace_for || o->trace_packets != TRACE_PACKETS_UNSET))
		return usage(s, "--trace-from, --trace-for and --trace-packets need --trace FILE");
	if (o->trace_packets < 0 && o->trace_packets != TRACE_PACKETS_UNSET)
		return usage(s, "--trace-packets takes a number of packets, or 0 for all");
	if (o->snaplen && (!o->pcap || o->snaplen < 14 || o->snaplen > 262144))
		return usage(s, "--snaplen takes 14 to 262144, and needs --pcap POINT=FILE");
	if (!time_option(s, "trace-from", o->trace_from, &look->trace_from) ||
	    !time_option(s, "trace-for", o->trace_for, &look->trace_for))
		return false;
	if (o->trace_for && !look->trace_for)
		return usage(s, "--trace-for takes more than 0");
	look->trace = o->trace;
	look->trace_packets = o->trace_packets >= 0 ? (uint64_t)o->trace_packets
			      : o->trace_for        ? 0
						    : TRACE_PACKETS;
	look->pcap = (const char *const *)o->pcap;
	look->snaplen = (uint32_t)o->snaplen;
	if (!o->trace || outfile_check(o->trace, &error))
		return true;
	session_complain(s, error);
	return false;
}

/* ---- packet ---- */

static bool packet_done(void *arg, struct study *st, struct study_run *run)
{
	(void)st;
	session_usable(arg, run);
	return true;
}

static void print_story(struct session *s, const struct story *story)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	if (!s->o.quiet) {
		story_print(story, text);
		session_print(s, session_tables(s), text->str);
	}
	if (!s->o.json)
		return;
	json_t *all = story_json(story);
	char *json = json_dumps(all, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	g_autofree char *line = g_strconcat(json, "\n", NULL);

	if (!outfile_write(s->o.json, line, strlen(line), &error))
		session_complain(s, error);
	free(json);
	json_decref(all);
}

int verb_packet(struct session *s)
{
	if (g_strv_length(s->o.rest) != 2)
		return cli_usage_error(s->prog,
				       "packet takes a scenario file and a packet: N of the "
				       "first traffic, or NAME:N");
	if (g_str_has_suffix(s->o.rest[1], ".ini"))
		return cli_usage_error(s->prog, "packet takes the scenario first, then the packet");
	g_autoptr(study_auto) st = session_load(s, s->o.rest[0], true);
	g_autoptr(story_auto) story = story_new();
	struct run_look look = {.packet = s->o.rest[1], .story = story};

	if (!st || !session_outputs(s, NULL))
		return s->code;
	st->look = &look;
	study_run(st, 1, &s->progress, session_interrupted(), packet_done, s);
	if (story_count(story))
		print_story(s, story);
	session_end(s);
	return s->code;
}
