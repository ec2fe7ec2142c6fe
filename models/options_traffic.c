/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options_traffic.c - keys of [traffic], and what they come to. */
#include <string.h>

#include "../sim/units.h"
#include "options_impl.h"

/* recorded | scaled:0.5 | rate:5Gbit/s | pps:1e6 | back-to-back */
static bool parse_timing(const char *value, struct traffic_cfg *t, char **why)
{
	if (!strcmp(value, "recorded")) {
		t->timing = TRAFFIC_RECORDED;
		return true;
	}
	if (!strcmp(value, "back-to-back")) {
		t->timing = TRAFFIC_BACK_TO_BACK;
		return true;
	}
	if (g_str_has_prefix(value, "scaled:")) {
		t->timing = TRAFFIC_SCALED;
		if (traffic_ratio_parse(value + 7, &t->scale))
			return true;
		*why = g_strdup("scaled: needs a positive decimal, as in scaled:0.5");
		return false;
	}
	if (g_str_has_prefix(value, "rate:")) {
		t->timing = TRAFFIC_RATE;
		if (!units_parse(KEY_RATE, value + 5, "Gbit/s", &t->rate_bps, why))
			return false;
		if (t->rate_bps)
			return true;
		*why = g_strdup("a rate of 0 never ends; write it as rate:5Gbit/s");
		return false;
	}
	if (g_str_has_prefix(value, "pps:")) {
		t->timing = TRAFFIC_PPS;
		if (!units_parse(KEY_COUNT, value + 4, NULL, &t->pps, why))
			return false;
		if (t->pps)
			return true;
		*why = g_strdup("0 packets per second never end; write it as pps:1e6");
		return false;
	}
	*why = g_strdup("is no timing; use recorded, scaled:0.5, rate:5Gbit/s, pps:1e6 or "
			"back-to-back");
	return false;
}

static bool check_timing(const char *value, char **why)
{
	struct traffic_cfg t = {0};
	return parse_timing(value, &t, why);
}

/* 1500B | imix | uniform:60B..1514B */
static bool parse_size(const char *value, struct traffic_size *s, char **why)
{
	uint64_t lo = 0, hi = 0;

	if (!strcmp(value, "imix")) {
		s->kind = TRAFFIC_SIZE_IMIX;
		return true;
	}
	if (g_str_has_prefix(value, "uniform:")) {
		g_auto(GStrv) ends = g_strsplit(value + 8, "..", 2);
		s->kind = TRAFFIC_SIZE_UNIFORM;
		if (!ends[0] || !ends[1]) {
			*why = g_strdup("needs two sizes, as in uniform:60B..1514B");
			return false;
		}
		if (!units_parse(KEY_BYTES, g_strstrip(ends[0]), "B", &lo, why) ||
		    !units_parse(KEY_BYTES, g_strstrip(ends[1]), "B", &hi, why))
			return false;
	} else {
		s->kind = TRAFFIC_SIZE_FIXED;
		if (!units_parse(KEY_BYTES, value, "B", &lo, why))
			return false;
		hi = lo;
	}
	if (lo > hi || lo < TRAFFIC_SIZE_MIN || hi > TRAFFIC_SIZE_MAX) {
		*why = g_strdup_printf("is out of range; frames have %uB to %uB, without FCS",
				       TRAFFIC_SIZE_MIN, TRAFFIC_SIZE_MAX);
		return false;
	}
	s->lo = (uint32_t)lo;
	s->hi = (uint32_t)hi;
	return true;
}

static bool check_size(const char *value, char **why)
{
	struct traffic_size s = {0};
	return parse_size(value, &s, why);
}

const struct key_decl traffic_keys[] = {
	{"trace", KEY_PATH, .help = "capture to replay (pcap, pcapng); without one: synthetic"},
	{"from", KEY_REFS, .def = "wire", .choices = "guest|wire", .help = "who sends"},
	{"to", KEY_REFS, .def = "wire", .choices = "guest|wire|all",
	 .help = "who receives; a capture's frames go there by a filter rule; all: broadcast"},
	{"match", KEY_CHOICE, .choices = "mac|ip",
	 .help = "ends of a capture's frames by their addresses, instead of from and to"},
	{"timing", KEY_STRING, .def = "recorded", .check = check_timing,
	 .help = "of a capture: recorded, scaled:0.5, rate:5Gbit/s, pps:1e6, back-to-back"},
	{"loop", KEY_COUNT, .def = "1", .min = 1, .max = 1000000000,
	 .help = "times it is replayed"},
	{"filter", KEY_STRING, .help = "frames of a capture to replay: a BPF expression"},
	{"source", KEY_CHOICE, .def = "constant", .choices = "constant|poisson|onoff|request",
	 .help = "synthetic: law of the gaps; request: a closed loop, without rate or pps"},
	{"size", KEY_STRING, .def = "1500B", .check = check_size, .plain = KEY_BYTES,
	 .help = "synthetic: 1500B, imix (60/590/1514 at 7:4:1), uniform:60B..1514B; no FCS"},
	{"rate", KEY_RATE, .choices = "max", .min = 1, .max = 10000000000000u,
	 .help = "offered load, frames without FCS; of a capture: as timing = rate:"},
	{"pps", KEY_COUNT, .min = 1, .max = 1000000000000u, .excludes = "rate",
	 .help = "offered frames a second"},
	{"flows", KEY_COUNT, .def = "1", .min = 1, .max = 16384,
	 .help = "synthetic: UDP flows, taken in turn"},
	{"on", KEY_TIME, .def = "1ms", .min = 1, .max = SIM_MAX,
	 .help = "onoff: length of a burst"},
	{"off", KEY_TIME, .def = "1ms", .max = SIM_MAX, .help = "onoff: silence after it"},
	{"window", KEY_COUNT, .def = "1", .min = 1, .max = TRAFFIC_WINDOW_MAX,
	 .help = "request: outstanding at a time, all told"},
	{"reply", KEY_STRING, .check = check_size, .plain = KEY_BYTES,
	 .help = "request: size of an answer, as `size`; default: as `size`"},
	{"service", KEY_TIME, .def = "0s", .max = SIM_MAX,
	 .help = "request: from its arrival to the intended time of its answer"},
	{"think", KEY_TIME, .def = "0s", .max = SIM_MAX,
	 .help = "request: from the answer's arrival to the next request"},
	{"timeout", KEY_TIME, .def = "200ms", .min = 1, .max = SIM_MAX,
	 .help = "request: not answered for so long it is sent again (Linux: TCP_RTO_MIN)"},
	{"retries", KEY_COUNT, .def = "15", .max = 1000000,
	 .help = "request: so often, then it is given up (Linux: tcp_retries2)"},
	{"packets", KEY_COUNT, .min = 1, .max = 1000000000000u,
	 .help = "frames to offer; of a closed loop: requests"},
	{"duration", KEY_TIME, .min = 1, .max = SIM_MAX, .help = "time to offer frames"},
	{"start", KEY_TIME, .def = "0s", .max = SIM_MAX, .help = "when it begins"},
	{"when_full", KEY_CHOICE, .def = "wait", .choices = "wait|drop",
	 .help = "a guest that finds its send queue full"},
	{"cache", KEY_BYTES, .def = "256MiB", .min = 4096,
	 .help = "captures that expand to more are streamed"},
	{0},
};

/* ---- traffic
 * ------------------------------------------------------------------------------------------ */

static int end_index(const struct scenario *sc, const char *name)
{
	if (!strcmp(name, "all"))
		return TRAFFIC_ALL;
	return strcmp(name, "wire") ? (int)cfg_index(scenario_find(sc, name)) : TRAFFIC_WIRE;
}

static uint32_t read_ends(const struct scenario *sc, const struct cfg *c, const char *key, int *out)
{
	const char *const *name = cfg_list(c, key);
	uint32_t n = 0;

	for (; name && name[n]; n++)
		out[n] = end_index(sc, name[n]);
	return n;
}

static bool has_guest(const struct traffic_set *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->end[i] >= 0)
			return true;
	return false;
}

static bool has_end(const struct traffic_set *s, int end)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->end[i] == end)
			return true;
	return false;
}

/* Where the frames of a capture come from and go to. */
static bool check_ends(const struct cfg *c, const struct traffic_cfg *t, GError **error)
{
	if (t->match) {
		if (!t->trace)
			return cfg_error(c, "match", error,
					 "only a capture has addresses to match; "
					 "give from or to");
		if (cfg_is_set(c, "from") || cfg_is_set(c, "to"))
			return cfg_error(c, "match", error,
					 "excludes from and to; leave it or them out");
		return true;
	}
	if (t->trace && has_guest(&t->from) && has_guest(&t->to))
		return cfg_error(c, "to", error,
				 "both ends are guests, and between them frames go by address; "
				 "use match = mac or match = ip instead of from and to");
	if (has_end(&t->to, TRAFFIC_ALL) && t->source == TRAFFIC_REQUEST && !t->trace)
		return cfg_error(c, "to", error,
				 "nobody answers what goes to all; name guests, or "
				 "wire");
	if (has_end(&t->to, TRAFFIC_ALL) &&
	    (t->trace || t->to.n > 1 || has_end(&t->from, TRAFFIC_WIRE)))
		return cfg_error(c, "to", error,
				 "all stands alone, and is for synthetic frames from guests; a "
				 "capture's frames are for all by their address: use match = mac");
	if (!has_guest(&t->from) && !has_guest(&t->to))
		return cfg_error(c, NULL, error, "no guest is at either end; set to, from%s",
				 t->trace ? " or match" : "");
	return true;
}

static bool read_timing(const struct cfg *c, struct traffic_cfg *t, GError **error)
{
	g_autofree char *why = NULL;
	bool rate = cfg_has(c, "rate"), pps = cfg_has(c, "pps");

	if (t->trace) {
		if (cfg_is_set(c, "timing") && (rate || pps))
			return cfg_error(c, "timing", error,
					 "excludes rate and pps; leave it or "
					 "them out");
		if (!rate && !pps)
			return parse_timing(cfg_str(c, "timing"), t, &why);
	} else if (cfg_is_set(c, "timing")) {
		return cfg_error(c, "timing", error, "belongs to captures; use rate or pps");
	} else if (t->source == TRAFFIC_REQUEST) {
		if (rate || pps)
			return cfg_error(c, rate ? "rate" : "pps", error,
					 "a closed loop (source = request) sets its own pace; "
					 "leave it out, and use window and think");
		t->timing = TRAFFIC_BACK_TO_BACK;
		return true;
	} else if (!rate && !pps) {
		return cfg_error(c, NULL, error, "how fast? set rate or pps, as in rate = 2Gbit/s");
	}
	if (pps) {
		t->timing = TRAFFIC_PPS;
		t->pps = cfg_u64(c, "pps");
	} else if (cfg_is_quantity(c, "rate")) {
		t->timing = TRAFFIC_RATE;
		t->rate_bps = cfg_rate(c, "rate");
	} else {
		t->timing = TRAFFIC_BACK_TO_BACK;
	}
	return true;
}

bool options_traffic(const struct scenario *sc, const struct cfg *c,
		     const struct traffic_endpoint *endpoints, uint32_t guests,
		     struct traffic_cfg *out, int **ends, GError **error)
{
	g_autofree char *why = NULL;
	*ends = g_new(int, 2 * (guests + 1));
	*out = (struct traffic_cfg){
		.name = cfg_name(c),
		.seed = cfg_u64(scenario_find(sc, "scenario"), "seed"),
		.endpoints = endpoints,
		.n_endpoints = guests,
		.from = {.end = *ends},
		.to = {.end = *ends + guests + 1},
		.match = cfg_has(c, "match") ? TRAFFIC_MATCH_MAC + (unsigned)cfg_choice(c, "match")
					     : TRAFFIC_MATCH_NONE,
		.start = cfg_time(c, "start"),
		.duration = cfg_time(c, "duration"),
		.packets = cfg_u64(c, "packets"),
		.trace = cfg_has(c, "trace") ? cfg_path(c, "trace") : NULL,
		.filter = cfg_str(c, "filter"),
		.loop = cfg_u64(c, "loop"),
		.cache_bytes = cfg_u64(c, "cache"),
		.source = (enum traffic_source)cfg_choice(c, "source"),
		.on = cfg_time(c, "on"),
		.off = cfg_time(c, "off"),
		.window = (uint32_t)cfg_u64(c, "window"),
		.retries = (uint32_t)cfg_u64(c, "retries"),
		.service = cfg_time(c, "service"),
		.think = cfg_time(c, "think"),
		.timeout = cfg_time(c, "timeout"),
		.flows = (uint32_t)cfg_u64(c, "flows"),
	};
	out->from.n = read_ends(sc, c, "from", *ends);
	out->to.n = read_ends(sc, c, "to", *ends + guests + 1);
	parse_size(cfg_str(c, "size"), &out->size, &why);
	parse_size(cfg_str(c, cfg_has(c, "reply") ? "reply" : "size"), &out->reply, &why);
	if (!check_ends(c, out, error) || !read_timing(c, out, error))
		return false;
	if (out->match)
		out->from.n = out->to.n = 0;
	if (!out->trace && !out->packets && !out->duration)
		return cfg_error(c, NULL, error,
				 "never ends; set packets or duration, as in duration = 10ms");
	return true;
}
