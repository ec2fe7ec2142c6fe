/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * traffic.c - who sends which frame when; contract in traffic.h.
 *
 * Three kinds of cursor share one shape: `next` holds the frame to come, advance() makes it.
 *
 *   cached   the pre-pass left an array of entries per sender; a cursor walks its array.
 *   stream   the capture is larger than the cache: each cursor reads the file on its own and keeps
 *            its sender's frames in blocks that are used again once every frame in them is
 * released. synth    each cursor runs the whole traffic's draws and keeps its own sender's frames;
 * bytes are made at take, in a buffer that release gives back.
 *
 * Time. A frame's position (`pos`) counts what timing goes by: picoseconds since the first frame,
 * bytes before it, or frames before it. Its time is start + floor(pos * num / den), in steps that
 * keep the remainder (struct pace): exact for ever. Frames that somebody else sends count, too, so
 * the share of one sender does not depend on who else is pulled. A repeated capture adds one period
 * of pos: the span of the stamps and their mean gap, all bytes, or all frames.
 *
 * The pre-pass and the streams read by the same step(), so caching cannot change what is sent.
 *
 * Rejected: one shared reader that deals frames out to senders (its memory grows with how far the
 * senders are apart); a random stream per sender (frames would have no number in their traffic).
 */
#include "traffic.h"

#include <string.h>

#include "capture.h"
#include "models/datapath/digest.h"
#include "sim/rng.h"
#include "synth.h"

#define CACHE_DEFAULT (256u << 20)
#define BLOCK_BYTES   262144u /* of a stream; holds four frames of the largest size */
#define RATE_MAX      1000000000000000u
#define PPS_MAX       1000000000000u
#define FLOWS_MAX     16384u
#define RATIO_MAX     1000000000000000000u
#define BIT_PS        (8 * SIM_S) /* ps that a byte takes at 1 bit/s */

G_DEFINE_QUARK(traffic_error, traffic_error)

/* ---- types ----------------------------------------------------------------------------------- */

/* start + floor(pos * num / den) for rising pos. */
struct pace {
	uint64_t num, den, rem, pos;
	sim_time at;
};

/* The pair of ends whose turn it is. */
struct turn {
	uint32_t from, to;
};

/* A cached frame. */
struct entry {
	const uint8_t *bytes; /* during the pre-pass: offset into the byte array */
	uint64_t pos, num, hash;
	uint32_t len, synth_len;
	int32_t to;
};

struct address {
	uint64_t key;
	int guest;
};

struct traffic {
	struct traffic_cfg cfg; /* pointers in it are our own copies */
	struct traffic_info info;
	struct pace pace; /* at position 0 */
	sim_time until;
	uint64_t packets;      /* limit on frames, UINT64_MAX if none */
	struct address *addrs; /* by key, for match */
	uint32_t n_addrs;

	struct capture_id id;
	uint64_t passes;     /* of the capture */
	uint64_t period;     /* of pos, per pass */
	uint64_t last_pos;   /* of the last offered frame of a pass */
	uint64_t *by_sender; /* info.by_sender, and when cached the length of: */
	GArray **entries;    /* [1 + sender] */
	GByteArray *bytes;

	struct synth *synth;
	struct synth_end *ends;    /* [2 + end] */
	uint64_t gap_num, gap_den; /* mean Poisson gap, ps */
	uint32_t buf_bytes;        /* of a synthetic frame's buffer */
};

/* One reading of a capture. */
struct walk {
	struct capture *cap;
	struct turn turn;
	uint64_t first_ns, late_ns; /* stamp of the first frame, latest stamp */
	uint64_t frames, backward;
	uint64_t num, bytes; /* offered so far */
};

struct step {
	struct capture_frame f;
	uint64_t pos, num;
	int from, to;
	bool offered;
};

/* A run of bytes that a stream's or a synthetic cursor lends out. */
struct block {
	struct block *free_next, *all_next;
	uint32_t refs, used;
	uint8_t data[];
};

struct traffic_cursor {
	struct traffic *t;
	int sender;
	bool ready, ended;
	struct tframe next;
	struct pace pace;
	uint64_t pass, base_pos, base_num;

	const struct entry *entry, *entry_first, *entry_end; /* cached */

	struct walk walk; /* stream */
	struct block *current;
	GError *error;

	struct turn turn; /* synth */
	struct rng gaps, sizes;
	uint64_t num, pos, next_pos, gap_rem;
	uint32_t flow, next_flow;

	struct block *blocks, *free_blocks;
	uint64_t block_bytes, memory;
};

/* ---- pace ------------------------------------------------------------------------------------ */

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

/* Saturates at SIM_NEVER, which no limit lets pass. */
static sim_time pace_at(struct pace *p, uint64_t pos)
{
	uint64_t step = pos - p->pos, x;
	unsigned __int128 wide;

	p->pos = pos;
	if (__builtin_mul_overflow(step, p->num, &x) || __builtin_add_overflow(x, p->rem, &x)) {
		wide = (unsigned __int128)step * p->num + p->rem;
		p->rem = (uint64_t)(wide % p->den);
		wide = wide / p->den + p->at;
		p->at = wide < SIM_NEVER ? (sim_time)wide : SIM_NEVER;
	} else if (p->den == 1) {
		if (__builtin_add_overflow(p->at, x, &p->at))
			p->at = SIM_NEVER;
	} else {
		if (__builtin_add_overflow(p->at, x / p->den, &p->at))
			p->at = SIM_NEVER;
		p->rem = x % p->den;
	}
	return p->at;
}

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

/* ---- ends ------------------------------------------------------------------------------------ */

static int set_at(const struct traffic_set *s, uint32_t i)
{
	return s->n ? s->end[i] : TRAFFIC_WIRE;
}

static void turn_step(const struct traffic_cfg *cfg, struct turn *u)
{
	if (++u->from < cfg->from.n)
		return;
	u->from = 0;
	if (++u->to >= cfg->to.n)
		u->to = 0;
}

/* Whose turn it is, and on to the next one. Some pair has two different ends, or cfg is refused. */
static void turn_take(const struct traffic_cfg *cfg, struct turn *u, int *from, int *to)
{
	do {
		*from = set_at(&cfg->from, u->from);
		*to = set_at(&cfg->to, u->to);
		turn_step(cfg, u);
	} while (*from == *to);
}

static uint64_t address_key(const struct traffic_cfg *cfg, uint32_t guest)
{
	const struct traffic_endpoint *e = &cfg->endpoints[guest];
	const uint8_t *b = cfg->match == TRAFFIC_MATCH_MAC ? e->mac : e->ip;
	uint64_t key = 0;

	for (int i = 0; i < (cfg->match == TRAFFIC_MATCH_MAC ? 6 : 4); i++)
		key = key << 8 | b[i];
	return key;
}

static int address_order(const void *a, const void *b)
{
	uint64_t x = ((const struct address *)a)->key, y = ((const struct address *)b)->key;

	return x < y ? -1 : x > y;
}

static bool addresses_init(struct traffic *t, GError **err)
{
	const struct traffic_cfg *cfg = &t->cfg;

	t->addrs = g_new0(struct address, cfg->n_endpoints + 1);
	for (uint32_t g = 0; g < cfg->n_endpoints; g++) {
		uint64_t key = address_key(cfg, g);

		if (key)
			t->addrs[t->n_addrs++] = (struct address){key, (int)g};
	}
	qsort(t->addrs, t->n_addrs, sizeof(*t->addrs), address_order);
	for (uint32_t i = 1; i < t->n_addrs; i++) {
		if (t->addrs[i].key != t->addrs[i - 1].key)
			continue;
		g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_CONFIG,
			    "guests %s and %s have the same %s address, so match cannot tell them "
			    "apart",
			    cfg->endpoints[t->addrs[i - 1].guest].name,
			    cfg->endpoints[t->addrs[i].guest].name,
			    cfg->match == TRAFFIC_MATCH_MAC ? "MAC" : "IP");
		return false;
	}
	return true;
}

static int address_find(const struct traffic *t, uint64_t key)
{
	uint32_t lo = 0, hi = t->n_addrs;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (t->addrs[mid].key == key)
			return t->addrs[mid].guest;
		if (t->addrs[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return TRAFFIC_WIRE;
}

/* Ends of a captured frame by its addresses; false if no guest is at either. */
static bool match_ends(const struct traffic *t, struct step *s)
{
	struct capture_addrs a;
	bool known;

	capture_addrs(s->f.bytes, s->f.caplen, &a);
	known = t->cfg.match == TRAFFIC_MATCH_MAC ? a.has_mac : a.has_ip;
	s->from = s->to = TRAFFIC_WIRE;
	if (known && t->cfg.match == TRAFFIC_MATCH_MAC) {
		s->from = address_find(t, a.src_mac);
		s->to = address_find(t, a.dst_mac);
	} else if (known) {
		s->from = address_find(t, a.src_ip);
		s->to = address_find(t, a.dst_ip);
	}
	if (a.group)
		s->to = TRAFFIC_ALL;
	return s->from != TRAFFIC_WIRE || s->to != TRAFFIC_WIRE;
}

/* ---- one reading of a capture ---------------------------------------------------------------- */

static bool walk_open(struct traffic *t, struct walk *w, struct capture_id *id, GError **err)
{
	*w = (struct walk){0};
	w->cap = capture_open(t->cfg.trace, t->cfg.filter, id, err);
	return w->cap != NULL;
}

static void walk_close(struct walk *w)
{
	capture_close(w->cap);
	w->cap = NULL;
}

static void walk_stamp(struct walk *w, uint64_t ns)
{
	if (w->frames++ == 0)
		w->first_ns = w->late_ns = ns;
	else if (ns < w->late_ns)
		w->backward++;
	else
		w->late_ns = ns;
}

static uint64_t walk_ps(const struct walk *w)
{
	uint64_t ps;

	return __builtin_mul_overflow(w->late_ns - w->first_ns, SIM_NS, &ps) ? SIM_NEVER : ps;
}

static uint64_t walk_pos(const struct traffic *t, const struct walk *w)
{
	switch (t->cfg.timing) {
	case TRAFFIC_RECORDED:
	case TRAFFIC_SCALED:
		return walk_ps(w);
	case TRAFFIC_RATE:
		return w->bytes;
	case TRAFFIC_PPS:
	case TRAFFIC_BACK_TO_BACK:
		break;
	}
	return w->num;
}

/* The file's next frame, whether offered or not: 1, 0 at the end, -1 on error. */
static int step(const struct traffic *t, struct walk *w, struct step *s, GError **err)
{
	int got = capture_next(w->cap, &s->f, err);

	if (got != 1)
		return got;
	walk_stamp(w, s->f.stamp_ns);
	s->offered = false;
	if (!s->f.pass)
		return 1;
	if (t->cfg.match == TRAFFIC_MATCH_NONE)
		turn_take(&t->cfg, &w->turn, &s->from, &s->to);
	else if (!match_ends(t, s))
		return 1;
	s->offered = true;
	s->num = w->num;
	s->pos = walk_pos(t, w);
	w->num++;
	w->bytes += s->f.len;
	return 1;
}

/* The frame at original length. */
static void expand(const struct capture_frame *f, uint8_t *dst)
{
	memcpy(dst, f->bytes, f->caplen);
	if (f->caplen < f->len)
		capture_tail(f->number, f->caplen, dst + f->caplen, f->len - f->caplen);
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
	expand(&s->f, dst);
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
	while ((got = step(t, w, &s, err)) == 1)
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

static bool too_long(const struct traffic *t, GError **err)
{
	g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_TOO_LONG,
		    "traffic %s would last more than 200 days; shorten it with packets, duration "
		    "or fewer loops, or set timing to a higher rate",
		    t->cfg.name);
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
		return too_long(t, err);
	if (!t->cfg.duration && pace_at(&last, end) > SIM_MAX)
		return too_long(t, err);
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
	t->info.flows = cfg->flows;
	t->buf_bytes = (t->info.largest + 63) & ~63u;
	if (cfg->timing == TRAFFIC_RATE) {
		t->gap_num = size_mean12(&cfg->size) * (BIT_PS / 12);
		t->gap_den = cfg->rate_bps;
	} else {
		t->gap_num = SIM_S;
		t->gap_den = MAX(cfg->pps, 1);
	}
	if (!synth_fits(t))
		return too_long(t, err);
	synth_ends_init(t);
	t->synth = g_new(struct synth, 1);
	synth_init(t->synth, cfg->seed, cfg->name);
	return true;
}

/* ---- checking the configuration -------------------------------------------------------------- */

static bool refuse(const struct traffic_cfg *cfg, GError **err, const char *why)
{
	g_set_error(err, TRAFFIC_ERROR, TRAFFIC_ERROR_CONFIG, "traffic %s: %s", cfg->name, why);
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

static const char *check_synth(const struct traffic_cfg *cfg)
{
	if (cfg->match != TRAFFIC_MATCH_NONE || cfg->filter || cfg->loop > 1)
		return "match, filter and loop need a trace";
	if (cfg->timing == TRAFFIC_RECORDED || cfg->timing == TRAFFIC_SCALED)
		return "a synthetic source needs rate, pps or max";
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
	return why ? refuse(cfg, err, why) : true;
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
	ok = cfg->match == TRAFFIC_MATCH_NONE || addresses_init(t, err);
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

bool traffic_sends(const struct traffic *t, int sender)
{
	if (t->cfg.trace)
		return t->by_sender[1 + sender] > 0;
	for (uint32_t f = 0; f < MAX(t->cfg.from.n, 1); f++) {
		if (set_at(&t->cfg.from, f) != sender)
			continue;
		for (uint32_t g = 0; g < MAX(t->cfg.to.n, 1); g++)
			if (set_at(&t->cfg.to, g) != sender)
				return true;
	}
	return false;
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
	g_free(t->synth);
	g_free(t->ends);
	g_free(t);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static struct block *block_get(struct traffic_cursor *c)
{
	struct block *b = c->free_blocks;

	if (b) {
		c->free_blocks = b->free_next;
	} else {
		b = g_malloc(c->block_bytes);
		b->all_next = c->blocks;
		c->blocks = b;
		c->memory += c->block_bytes;
	}
	b->refs = 1;
	b->used = 0;
	return b;
}

static inline void block_put(struct traffic_cursor *c, struct block *b)
{
	if (--b->refs)
		return;
	b->free_next = c->free_blocks;
	c->free_blocks = b;
}

/* Room for len bytes in the stream's current block, which itself holds one reference. */
static uint8_t *block_room(struct traffic_cursor *c, uint32_t len)
{
	struct block *b = c->current;
	uint8_t *room;

	if (b && b->refs == 1)
		b->used = 0;
	if (b && b->used + len > BLOCK_BYTES) {
		block_put(c, b);
		b = NULL;
	}
	if (!b)
		b = c->current = block_get(c);
	room = b->data + b->used;
	b->used += (len + 7) & ~7u;
	b->refs++;
	return room;
}

/* ---- advance: make the next frame ------------------------------------------------------------ */

static void cached_advance(struct traffic_cursor *c)
{
	const struct traffic *t = c->t;
	const struct entry *e = c->entry;

	if (e == c->entry_end) {
		if (++c->pass == t->passes) {
			c->ended = true;
			return;
		}
		c->base_pos += t->period;
		c->base_num += t->info.offered;
		e = c->entry_first;
	}
	c->entry = e + 1;
	if (e + 1 != c->entry_end)
		__builtin_prefetch(e[1].bytes);
	c->next = (struct tframe){
		.at = pace_at(&c->pace, c->base_pos + e->pos),
		.bytes = e->bytes,
		.num = c->base_num + e->num,
		.hash = e->hash,
		.len = e->len,
		.synth_len = e->synth_len,
		.to = e->to,
	};
}

static void stream_rewind(struct traffic_cursor *c)
{
	struct capture_id id;

	walk_close(&c->walk);
	if (!walk_open(c->t, &c->walk, &id, &c->error))
		return;
	if (memcmp(&id, &c->t->id, sizeof(id)) != 0)
		g_set_error(&c->error, TRAFFIC_ERROR, TRAFFIC_ERROR_CHANGED,
			    "capture '%s' changed while it was replayed; replay a copy",
			    c->t->cfg.trace);
}

/* The stream's next frame of this sender, over the ends of passes; false when there is none. */
static bool stream_step(struct traffic_cursor *c, struct step *s)
{
	struct traffic *t = c->t;
	int got = 0;

	while (!c->error) {
		got = step(t, &c->walk, s, &c->error);
		if (got == 1 && s->offered && s->from == c->sender)
			return true;
		if (got == 0 && ++c->pass == t->passes)
			return false;
		if (got == 0) {
			c->base_pos += t->period;
			c->base_num += t->info.offered;
			stream_rewind(c);
		}
	}
	return false;
}

static void stream_advance(struct traffic_cursor *c)
{
	struct step s;
	uint8_t *dst;

	if (!stream_step(c, &s)) {
		c->ended = true;
		return;
	}
	dst = block_room(c, s.f.len);
	expand(&s.f, dst);
	c->next = (struct tframe){
		.at = pace_at(&c->pace, c->base_pos + s.pos),
		.bytes = dst,
		.num = c->base_num + s.num,
		.hash = digest_bytes(dst, s.f.len),
		.block = c->current,
		.len = s.f.len,
		.synth_len = s.f.len - s.f.caplen,
		.to = s.to,
	};
}

static uint32_t draw_size(const struct traffic_size *s, struct rng *r)
{
	uint64_t x;

	if (s->kind == TRAFFIC_SIZE_FIXED)
		return s->lo;
	if (s->kind == TRAFFIC_SIZE_UNIFORM)
		return s->lo + (uint32_t)rng_below(r, s->hi - s->lo + 1);
	x = rng_below(r, 12);
	return x < 7 ? 60 : x < 11 ? 590 : 1514;
}

/* Exponential with a mean of gap_num / gap_den: whole means, one apart, in the right proportion. */
static sim_time draw_gap(struct traffic_cursor *c)
{
	const struct traffic *t = c->t;
	uint64_t mean = t->gap_num / t->gap_den;

	c->gap_rem += t->gap_num % t->gap_den;
	if (c->gap_rem >= t->gap_den) {
		c->gap_rem -= t->gap_den;
		mean++;
	}
	return rng_exp(&c->gaps, mean);
}

/* Time of the frame at `pos`; a time out of range is SIM_NEVER. */
static sim_time synth_time(struct traffic_cursor *c, uint64_t pos)
{
	const struct traffic_cfg *cfg = &c->t->cfg;
	sim_time active, silent;

	if (cfg->source == TRAFFIC_POISSON)
		return c->pace.at;
	active = pace_at(&c->pace, pos);
	if (cfg->source == TRAFFIC_CONSTANT || active > SIM_MAX)
		return active;
	if (__builtin_mul_overflow(active / cfg->on, cfg->off, &silent) || silent > SIM_MAX)
		return SIM_NEVER;
	if (__builtin_add_overflow(active, silent, &active) ||
	    __builtin_add_overflow(active, cfg->start, &active))
		return SIM_NEVER;
	return active;
}

static void synth_advance(struct traffic_cursor *c)
{
	const struct traffic_cfg *cfg = &c->t->cfg;
	int from;

	do {
		c->next.num = c->num++;
		c->next_pos = c->pos;
		c->next_flow = c->flow;
		c->next.len = draw_size(&cfg->size, &c->sizes);
		c->pos += cfg->timing == TRAFFIC_RATE ? c->next.len : 1;
		turn_take(cfg, &c->turn, &from, &c->next.to);
		if (!(c->turn.from | c->turn.to) && ++c->flow >= cfg->flows)
			c->flow = 0;
		if (cfg->source == TRAFFIC_POISSON &&
		    __builtin_add_overflow(c->pace.at, draw_gap(c), &c->pace.at))
			c->pace.at = SIM_NEVER;
	} while (from != c->sender && c->next.num < c->t->packets && c->pace.at <= SIM_MAX);
	c->next.at = synth_time(c, c->next_pos);
}

static void synth_make(struct traffic_cursor *c)
{
	const struct traffic *t = c->t;
	struct block *b = block_get(c);

	synth_frame(t->synth, &t->ends[2 + c->sender], &t->ends[2 + c->next.to], c->next.num,
		    c->next_flow, b->data, c->next.len);
	c->next.bytes = b->data;
	c->next.hash = digest_bytes(b->data, c->next.len);
	c->next.block = b;
}

/* ---- cursors --------------------------------------------------------------------------------- */

struct traffic_cursor *traffic_cursor(struct traffic *t, int sender)
{
	struct traffic_cursor *c = g_new0(struct traffic_cursor, 1);
	g_autofree char *gaps = g_strdup_printf("traffic.%s.gaps", t->cfg.name);
	g_autofree char *sizes = g_strdup_printf("traffic.%s.sizes", t->cfg.name);

	c->t = t;
	c->sender = sender;
	c->pace = t->pace;
	c->ended = !traffic_sends(t, sender);
	if (c->ended)
		return c;
	if (t->synth) {
		rng_init(&c->gaps, t->cfg.seed, gaps);
		rng_init(&c->sizes, t->cfg.seed, sizes);
		c->block_bytes = sizeof(struct block) + t->buf_bytes;
	} else if (t->info.cached) {
		GArray *a = t->entries[1 + sender];

		c->entry = c->entry_first = &g_array_index(a, struct entry, 0);
		c->entry_end = c->entry_first + a->len;
	} else {
		c->block_bytes = sizeof(struct block) + BLOCK_BYTES;
		stream_rewind(c);
	}
	return c;
}

static void advance(struct traffic_cursor *c)
{
	struct traffic *t = c->t;

	if (t->synth)
		synth_advance(c);
	else if (t->info.cached)
		cached_advance(c);
	else
		stream_advance(c);
	if (c->next.num >= t->packets || c->next.at >= t->until || c->next.at > SIM_MAX)
		c->ended = true;
	c->ready = !c->ended;
}

bool cursor_peek(struct traffic_cursor *c, sim_time *at)
{
	if (!c->ready && !c->ended)
		advance(c);
	*at = c->next.at;
	return c->ready;
}

void cursor_take(struct traffic_cursor *c, struct tframe *out)
{
	g_assert(c->ready);
	if (c->t->synth)
		synth_make(c);
	c->ready = false;
	*out = c->next;
}

void cursor_release(struct traffic_cursor *c, const struct tframe *f)
{
	if (f->block)
		block_put(c, f->block);
}

const GError *cursor_error(const struct traffic_cursor *c)
{
	return c->error;
}

uint64_t cursor_memory(const struct traffic_cursor *c)
{
	return c->memory;
}

void cursor_free(struct traffic_cursor *c)
{
	if (!c)
		return;
	walk_close(&c->walk);
	while (c->blocks) {
		struct block *next = c->blocks->all_next;

		g_free(c->blocks);
		c->blocks = next;
	}
	g_clear_error(&c->error);
	g_free(c);
}
