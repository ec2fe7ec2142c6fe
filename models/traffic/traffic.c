/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * traffic.c - who sends which frame when; contract in traffic.h.
 *
 * Opening checks the configuration, and then reads a capture through once (the pre-pass), which
 * counts what is offered and keeps the frames if they fit into the cache; a synthetic traffic needs
 * no more than its means. Frames are pulled by cursors (cursor.c).
 *
 * Time. A frame's position (`pos`) counts what timing goes by: picoseconds since the first frame,
 * bytes before it, or frames before it. Its time is start + floor(pos * num / den), in steps that
 * keep the remainder (struct pace): exact for ever. Frames that somebody else sends count, too, so
 * the share of one sender does not depend on who else is pulled.
 */
#include "traffic_impl.h"

#include <string.h>

#include "models/datapath/digest.h"

#define CACHE_DEFAULT (256u << 20)
#define RATE_MAX      1000000000000000u
#define PPS_MAX       1000000000000u
#define FLOWS_MAX     16384u
#define RATIO_MAX     1000000000000000000u
#define BIT_PS        (8 * SIM_S) /* ps that a byte takes at 1 bit/s */

bool traffic_ratio_parse(const char *text, struct traffic_ratio *out)
{
	uint64_t num = 0, den = 1;
	bool point = false, digit = false;

	for (; *text; text++) {
		if (*text == '.' && !point) {
			point = true;
			continue;
		}
		if (*text < '0' || *text > '9' || num > RATIO_MAX / 10 - 1 || den > RATIO_MAX / 10)
			return false;
		digit = true;
		num = num * 10 + (uint64_t)(*text - '0');
		if (point)
			den *= 10;
	}
	*out = (struct traffic_ratio){num, den};
	return digit && num > 0;
}

/* ---- the pre-pass ---------------------------------------------------------------------------- */

static void cache_drop(struct traffic *t)
{
	if (!t->bytes)
		return;
	for (uint32_t i = 0; i < t->info.n_senders; i++)
		g_array_unref(t->entries[i]);
	g_clear_pointer(&t->entries, g_free);
	g_byte_array_unref(t->bytes);
	t->bytes = NULL;
}

static void cache_add(struct traffic *t, const struct step *s)
{
	struct entry e = {
		.pos = s->pos,
		.num = s->num,
		.len = s->f.len,
		.synth_len = s->f.len - s->f.caplen,
		.to = s->to,
	};
	uint64_t bytes = t->info.offered_bytes + t->info.offered * sizeof(e);
	uint64_t limit = t->cfg.cache_bytes ? t->cfg.cache_bytes : CACHE_DEFAULT;
	uint8_t *dst;

	if (!t->bytes)
		return;
	if (bytes > limit || bytes > G_MAXUINT / 2) {
		cache_drop(t);
		return;
	}
	e.bytes = GSIZE_TO_POINTER(t->bytes->len);
	g_byte_array_set_size(t->bytes, t->bytes->len + e.len);
	dst = t->bytes->data + GPOINTER_TO_SIZE(e.bytes);
	walk_expand(&s->f, dst);
	e.hash = digest_bytes(dst, e.len);
	g_array_append_val(t->entries[1 + s->from], e);
}

/* The byte array has its final place: offsets become pointers. */
static void cache_settle(struct traffic *t)
{
	if (!t->bytes)
		return;
	for (uint32_t i = 0; i < t->info.n_senders; i++)
		for (uint32_t k = 0; k < t->entries[i]->len; k++) {
			struct entry *e = &g_array_index(t->entries[i], struct entry, k);

			e->bytes = t->bytes->data + GPOINTER_TO_SIZE(e->bytes);
		}
	t->info.cached = true;
}

static void count_step(struct traffic *t, const struct step *s, GHashTable *flows)
{
	struct traffic_info *i = &t->info;

	i->frames++;
	i->bytes += s->f.len;
	if (!s->offered) {
		if (s->f.pass)
			i->unmatched++;
		else
			i->filtered++;
		return;
	}
	i->offered++;
	i->offered_bytes += s->f.len;
	i->truncated += s->f.caplen < s->f.len;
	i->synth_bytes += s->f.len - s->f.caplen;
	i->largest = MAX(i->largest, s->f.len);
	i->local += s->from >= 0 && s->to >= 0;
	i->floods += s->from >= 0 && s->to == TRAFFIC_ALL;
	t->by_sender[1 + s->from]++;
	t->last_pos = s->pos;
	g_hash_table_add(flows, GSIZE_TO_POINTER(capture_flow(s->f.bytes, s->f.caplen)));
	cache_add(t, s);
}

static bool check_offered(const struct traffic *t, GError **err)
{
	const struct traffic_info *i = &t->info;

	if (i->offered)
		return true;
	if (!i->frames)
		g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_NO_FRAMES,
			    "capture '%s' holds no frames; capture it again", t->cfg.trace);
	else if (i->filtered == i->frames)
		g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_NO_FRAMES,
			    "capture '%s': filter '%s' passes none of its %" G_GUINT64_FORMAT
			    " frames; widen it",
			    t->cfg.trace, t->cfg.filter, i->frames);
	else
		g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_NO_FRAMES,
			    "capture '%s': no guest has an address of any of its %" G_GUINT64_FORMAT
			    " frames; set the guests' addresses, or use to or from",
			    t->cfg.trace, i->unmatched);
	return false;
}

static bool read_through(struct traffic *t, struct walk *w, GError **err)
{
	g_autoptr(GHashTable) flows = g_hash_table_new(NULL, NULL);
	struct step s;
	int got;

	t->bytes = g_byte_array_new();
	t->entries = g_new0(GArray *, t->info.n_senders);
	for (uint32_t i = 0; i < t->info.n_senders; i++)
		t->entries[i] = g_array_new(FALSE, FALSE, sizeof(struct entry));
	while ((got = walk_step(t, w, &s, err)) == 1)
		count_step(t, &s, flows);
	cache_settle(t);
	t->info.flows = g_hash_table_size(flows);
	t->info.backward = w->backward;
	t->info.first_ns = w->first_ns;
	t->info.last_ns = w->late_ns;
	t->info.link_type = capture_link_type(w->cap);
	return got == 0 && check_offered(t, err);
}

/* Position that one pass of the capture spans. */
static uint64_t pass_period(const struct traffic *t, const struct walk *w)
{
	uint64_t span = walk_ps(w);

	if (t->cfg.timing == TRAFFIC_RATE)
		return t->info.offered_bytes;
	if (t->cfg.timing == TRAFFIC_PPS || t->cfg.timing == TRAFFIC_BACK_TO_BACK)
		return t->info.offered;
	if (span == SIM_NEVER || t->info.frames < 2)
		return span;
	return span + span / (t->info.frames - 1);
}

static bool too_long(GError **err)
{
	g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_TOO_LONG,
		    "would last more than 200 days; shorten it with packets, duration or fewer "
		    "loops, or set a higher rate");
	return false;
}

/* Passes that packets and duration leave, and whether the last of them ends in time. */
static bool limit_passes(struct traffic *t, GError **err)
{
	uint64_t passes = MAX(t->cfg.loop, 1), by_count, end;
	const struct pace *p = &t->pace;
	unsigned __int128 by_time;
	struct pace last = *p;

	by_count = (t->packets - 1) / t->info.offered + 1;
	passes = MIN(passes, by_count);
	if (t->cfg.duration && p->num && t->period) {
		by_time = (unsigned __int128)t->cfg.duration * p->den / p->num / t->period + 1;
		passes = by_time < passes ? (uint64_t)by_time : passes;
	}
	t->passes = passes;
	if (__builtin_mul_overflow(passes - 1, t->period, &end) ||
	    __builtin_add_overflow(end, t->last_pos, &end) || t->last_pos == SIM_NEVER)
		return too_long(err);
	if (!t->cfg.duration && pace_at(&last, end) > SIM_MAX)
		return too_long(err);
	return true;
}

static bool open_capture(struct traffic *t, GError **err)
{
	struct walk w;
	bool ok;

	if (!walk_open(t, &w, &t->id, err))
		return false;
	ok = capture_sha256(t->cfg.trace, t->info.sha256, err) && read_through(t, &w, err);
	if (ok)
		t->period = pass_period(t, &w);
	walk_close(&w);
	return ok && limit_passes(t, err);
}

/* ---- opening a synthetic traffic ------------------------------------------------------------- */

static void synth_ends_init(struct traffic *t)
{
	const struct traffic_cfg *cfg = &t->cfg;

	t->ends = g_new0(struct synth_end, cfg->n_endpoints + 2);
	memset(&t->ends[2 + TRAFFIC_ALL], 0xff, sizeof(*t->ends));
	t->ends[2 + TRAFFIC_WIRE] = (struct synth_end){{TRAFFIC_WIRE_MAC}, {TRAFFIC_WIRE_IP}};
	for (uint32_t g = 0; g < cfg->n_endpoints; g++) {
		const struct traffic_endpoint *e = &cfg->endpoints[g];
		struct synth_end *d = &t->ends[2 + g];
		uint32_t host = g + 1;

		memcpy(d->mac, e->mac, 6);
		memcpy(d->ip, e->ip, 4);
		if (!(e->ip[0] | e->ip[1] | e->ip[2] | e->ip[3])) {
			d->ip[0] = 198;
			d->ip[1] = (uint8_t)(18 + (host >> 16 & 1));
			d->ip[2] = (uint8_t)(host >> 8);
			d->ip[3] = (uint8_t)host;
		}
	}
}

/* Twelve times the mean size, exact for every kind. */
static uint64_t size_mean12(const struct traffic_size *s)
{
	if (s->kind == TRAFFIC_SIZE_IMIX)
		return 7 * 60 + 4 * 590 + 1514;
	return s->kind == TRAFFIC_SIZE_FIXED ? 12 * (uint64_t)s->lo : 6 * ((uint64_t)s->lo + s->hi);
}

static uint32_t size_largest(const struct traffic_size *s)
{
	if (s->kind == TRAFFIC_SIZE_IMIX)
		return 1514;
	return s->kind == TRAFFIC_SIZE_FIXED ? s->lo : s->hi;
}

/* An estimate from means is good enough: cursors end at SIM_MAX in any case. */
static bool synth_fits(const struct traffic *t)
{
	unsigned __int128 span = (unsigned __int128)t->gap_num * t->cfg.packets;

	if (t->cfg.duration || !t->cfg.packets || t->cfg.timing == TRAFFIC_BACK_TO_BACK)
		return true;
	span /= t->gap_den;
	if (t->cfg.source == TRAFFIC_ONOFF)
		span = span / t->cfg.on * ((unsigned __int128)t->cfg.on + t->cfg.off);
	return span <= SIM_MAX - t->cfg.start;
}

static bool open_synth(struct traffic *t, GError **err)
{
	const struct traffic_cfg *cfg = &t->cfg;

	t->info.largest = size_largest(&cfg->size);
	if (cfg->source == TRAFFIC_REQUEST)
		t->info.largest = MAX(t->info.largest, size_largest(&cfg->reply));
	t->info.flows = cfg->source == TRAFFIC_REQUEST ? 2 * cfg->flows : cfg->flows;
	t->buf_bytes = (t->info.largest + 63) & ~63u;
	if (cfg->timing == TRAFFIC_RATE) {
		t->gap_num = size_mean12(&cfg->size) * BIT_PS;
		t->gap_den = 12 * cfg->rate_bps;
	} else {
		t->gap_num = SIM_S;
		t->gap_den = MAX(cfg->pps, 1);
	}
	if (!synth_fits(t))
		return too_long(err);
	synth_ends_init(t);
	t->synth = g_new(struct synth, 1);
	synth_init(t->synth, cfg->seed, cfg->name);
	if (cfg->source == TRAFFIC_REQUEST)
		t->loop = loop_new(cfg);
	return true;
}

/* ---- checking the configuration -------------------------------------------------------------- */

static bool refuse(GError **err, const char *why)
{
	g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_CONFIG, "%s", why);
	return false;
}

static const char *check_set(const struct traffic_cfg *cfg, const struct traffic_set *s, int lowest)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->end[i] < lowest || s->end[i] >= (int)cfg->n_endpoints)
			return "from or to names an end that does not exist";
	return NULL;
}

static const char *check_ends(const struct traffic_cfg *cfg)
{
	const char *why = check_set(cfg, &cfg->from, TRAFFIC_WIRE);

	if (!why)
		why = check_set(cfg, &cfg->to, TRAFFIC_ALL);
	if (why || cfg->match != TRAFFIC_MATCH_NONE)
		return !why && cfg->from.n + cfg->to.n ? "match excludes from and to" : why;
	for (uint32_t f = 0; f < MAX(cfg->from.n, 1); f++)
		for (uint32_t g = 0; g < MAX(cfg->to.n, 1); g++)
			if (set_at(&cfg->from, f) != set_at(&cfg->to, g))
				return NULL;
	return cfg->trace ? "a capture needs to, from or match: who gets or sends its frames"
			  : "from and to are the same end";
}

static bool ratio_ok(const struct traffic_ratio *r)
{
	return r->num && r->num <= RATIO_MAX && r->den && r->den <= RATIO_MAX;
}

static const char *check_time(const struct traffic_cfg *cfg)
{
	if (cfg->start > SIM_MAX || cfg->duration > SIM_MAX - cfg->start)
		return "start and duration exceed 200 days";
	if (cfg->timing == TRAFFIC_RATE && (!cfg->rate_bps || cfg->rate_bps > RATE_MAX))
		return "rate must be from 1 bit/s to 1e15 bit/s";
	if (cfg->timing == TRAFFIC_PPS && (!cfg->pps || cfg->pps > PPS_MAX))
		return "pps must be from 1 to 1e12";
	if (cfg->timing == TRAFFIC_SCALED && !ratio_ok(&cfg->scale))
		return "scaled needs a factor above 0, of at most 18 digits";
	return NULL;
}

static const char *check_size(const struct traffic_size *s)
{
	uint32_t hi = s->kind == TRAFFIC_SIZE_FIXED ? s->lo : s->hi;

	if (s->kind == TRAFFIC_SIZE_IMIX)
		return NULL;
	if (s->lo < TRAFFIC_SIZE_MIN || hi > TRAFFIC_SIZE_MAX || s->lo > hi)
		return "size must be from 60B to 65549B, the lower bound first";
	return NULL;
}

static const char *check_loop(const struct traffic_cfg *cfg)
{
	const char *why = check_size(&cfg->size);

	for (uint32_t i = 0; i < cfg->to.n; i++)
		if (cfg->to.end[i] == TRAFFIC_ALL)
			return "nobody answers what goes to all";
	if (cfg->timing != TRAFFIC_BACK_TO_BACK)
		return "a closed loop has its own pace: no rate, no pps";
	if (!cfg->window || cfg->window > TRAFFIC_WINDOW_MAX)
		return "window must be from 1 to 65536";
	if (!cfg->timeout || cfg->timeout > SIM_MAX || cfg->think > SIM_MAX ||
	    cfg->service > SIM_MAX)
		return "timeout must be above 0, and times below 200 days";
	if (cfg->flows > FLOWS_MAX / 2)
		return "flows of a closed loop must be from 1 to 8192: answers have their own";
	return why ? why : check_size(&cfg->reply);
}

static const char *check_synth(const struct traffic_cfg *cfg)
{
	if (cfg->match != TRAFFIC_MATCH_NONE || cfg->filter || cfg->loop > 1)
		return "match, filter and loop need a trace";
	if (cfg->timing == TRAFFIC_RECORDED || cfg->timing == TRAFFIC_SCALED)
		return "a synthetic source needs rate, pps or max";
	if (cfg->source == TRAFFIC_REQUEST)
		return check_loop(cfg);
	if (cfg->timing == TRAFFIC_BACK_TO_BACK && cfg->source != TRAFFIC_CONSTANT)
		return "poisson and onoff need rate or pps";
	if (cfg->source == TRAFFIC_ONOFF && (!cfg->on || cfg->on > SIM_MAX || cfg->off > SIM_MAX))
		return "onoff needs on above 0, and on and off below 200 days";
	if (cfg->flows > FLOWS_MAX)
		return "flows must be from 1 to 16384";
	return check_size(&cfg->size);
}

static bool check(const struct traffic_cfg *cfg, GError **err)
{
	const char *why = check_ends(cfg);

	if (!why)
		why = check_time(cfg);
	if (!why && !cfg->trace)
		why = check_synth(cfg);
	return why ? refuse(err, why) : true;
}

/* ---- open and free --------------------------------------------------------------------------- */

static struct traffic_set set_copy(const struct traffic_set *s)
{
	return (struct traffic_set){g_memdup2(s->end, s->n * sizeof(*s->end)), s->n};
}

static void copy_cfg(struct traffic *t, const struct traffic_cfg *cfg)
{
	struct traffic_endpoint *ends = g_new0(struct traffic_endpoint, cfg->n_endpoints + 1);

	t->cfg = *cfg;
	t->cfg.name = g_strdup(cfg->name);
	t->cfg.trace = g_strdup(cfg->trace);
	t->cfg.filter = g_strdup(cfg->filter);
	t->cfg.from = set_copy(&cfg->from);
	t->cfg.to = set_copy(&cfg->to);
	t->cfg.flows = MAX(cfg->flows, 1);
	for (uint32_t i = 0; i < cfg->n_endpoints; i++) {
		ends[i] = cfg->endpoints[i];
		ends[i].name = g_strdup(ends[i].name);
	}
	t->cfg.endpoints = ends;
}

static void pace_init(struct pace *p, uint64_t num, uint64_t den, sim_time start)
{
	uint64_t a = num, b = den;

	while (b) {
		uint64_t r = a % b;

		a = b;
		b = r;
	}
	*p = (struct pace){.num = num / a, .den = den / a, .at = start};
}

static void init_pace(struct traffic *t)
{
	const struct traffic_cfg *cfg = &t->cfg;

	switch (cfg->timing) {
	case TRAFFIC_RECORDED:
		pace_init(&t->pace, 1, 1, cfg->start);
		break;
	case TRAFFIC_SCALED:
		pace_init(&t->pace, cfg->scale.num, cfg->scale.den, cfg->start);
		break;
	case TRAFFIC_RATE:
		pace_init(&t->pace, BIT_PS, cfg->rate_bps, cfg->start);
		break;
	case TRAFFIC_PPS:
		pace_init(&t->pace, SIM_S, cfg->pps, cfg->start);
		break;
	case TRAFFIC_BACK_TO_BACK:
		t->pace = (struct pace){.num = 0, .den = 1, .at = cfg->start};
		break;
	}
	if (cfg->source == TRAFFIC_ONOFF && !cfg->trace)
		t->pace.at = 0; /* counts time spent on */
}

struct traffic *traffic_open(const struct traffic_cfg *cfg, GError **err)
{
	struct traffic *t;
	bool ok;

	if (!check(cfg, err))
		return NULL;
	t = g_new0(struct traffic, 1);
	copy_cfg(t, cfg);
	t->until = cfg->duration ? cfg->start + cfg->duration : SIM_NEVER;
	t->packets = cfg->packets ? cfg->packets : UINT64_MAX;
	t->info.n_senders = 1 + cfg->n_endpoints;
	t->by_sender = g_new0(uint64_t, t->info.n_senders);
	t->info.by_sender = t->by_sender;
	init_pace(t);
	ok = cfg->match == TRAFFIC_MATCH_NONE || walk_addresses_init(t, err);
	if (ok)
		ok = cfg->trace ? open_capture(t, err) : open_synth(t, err);
	if (ok)
		return t;
	traffic_free(t);
	return NULL;
}

const struct traffic_info *traffic_info(const struct traffic *t)
{
	return &t->info;
}

sim_time traffic_until(const struct traffic *t)
{
	return t->until;
}

struct loop *traffic_loop(struct traffic *t)
{
	return t->loop;
}

/* Is it the first of a pair; does it answer as the second? */
static bool sends_to(const struct traffic_set *from, const struct traffic_set *to, int sender)
{
	for (uint32_t f = 0; f < MAX(from->n, 1); f++) {
		if (set_at(from, f) != sender)
			continue;
		for (uint32_t g = 0; g < MAX(to->n, 1); g++)
			if (set_at(to, g) != sender)
				return true;
	}
	return false;
}

bool traffic_sends(const struct traffic *t, int sender)
{
	if (t->cfg.trace)
		return t->by_sender[1 + sender] > 0;
	return sends_to(&t->cfg.from, &t->cfg.to, sender) ||
	       (t->loop && sends_to(&t->cfg.to, &t->cfg.from, sender));
}

void traffic_free(struct traffic *t)
{
	if (!t)
		return;
	cache_drop(t);
	for (uint32_t i = 0; i < t->cfg.n_endpoints; i++)
		g_free((char *)t->cfg.endpoints[i].name);
	g_free((void *)t->cfg.endpoints);
	g_free((void *)t->cfg.from.end);
	g_free((void *)t->cfg.to.end);
	g_free((char *)t->cfg.name);
	g_free((char *)t->cfg.trace);
	g_free((char *)t->cfg.filter);
	g_free(t->addrs);
	g_free(t->by_sender);
	loop_free(t->loop);
	g_free(t->synth);
	g_free(t->ends);
	g_free(t);
}

G_DEFINE_QUARK(traffic_error, traffic_error)
