/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * walk.c - one reading of a capture: the next frame, between which ends it goes, and its position.
 *
 * The pre-pass and the streams read by the same walk_step(), so caching cannot change what is sent.
 * A walk numbers the frames that are offered; those that the filter or match leaves out it hands
 * over, too, so that they can be counted.
 */
#include "traffic_impl.h"

#include <stdlib.h>
#include <string.h>

struct address {
	uint64_t key;
	int guest;
};

/* ---- ends by address ------------------------------------------------------------------------- */

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

bool walk_addresses_init(struct traffic *t, GError **err)
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

bool walk_open(struct traffic *t, struct walk *w, struct capture_id *id, GError **err)
{
	*w = (struct walk){0};
	w->cap = capture_open(t->cfg.trace, t->cfg.filter, id, err);
	return w->cap != NULL;
}

void walk_close(struct walk *w)
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

uint64_t walk_ps(const struct walk *w)
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

int walk_step(const struct traffic *t, struct walk *w, struct step *s, GError **err)
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
void walk_expand(const struct capture_frame *f, uint8_t *dst)
{
	memcpy(dst, f->bytes, f->caplen);
	if (f->caplen < f->len)
		capture_tail(f->number, f->caplen, dst + f->caplen, f->len - f->caplen);
}
