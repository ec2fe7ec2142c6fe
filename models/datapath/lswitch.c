/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lswitch.c - the table, and the switch's turn: see lswitch.h. */
#include "lswitch.h"

#include "frame.h"
#include "outbox.h"

/* Keys of the table: a kind above 48 bits of address, so never 0. */
static uint64_t key_of(uint64_t kind, const uint8_t *p, unsigned n)
{
	uint64_t key = kind << 48;

	for (unsigned i = 0; i < n; i++)
		key |= (uint64_t)p[i] << 8 * i;
	return key;
}
#define KEY_MAC(p) key_of(1, p, 6)
#define KEY_IP(p)  key_of(2, p, 4)

static struct lswitch_addr *entry(const struct lswitch *sw, uint64_t key)
{
	uint32_t i = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 40) & sw->mask;

	while (sw->addr[i].key && sw->addr[i].key != key)
		i = (i + 1) & sw->mask;
	return &sw->addr[i];
}

void lswitch_learn(struct lswitch *sw, int guest, const uint8_t *mac, const uint8_t *ip)
{
	uint64_t key = KEY_MAC(mac);

	*entry(sw, key) = (struct lswitch_addr){key, guest};
	if (!ip || !(ip[0] | ip[1] | ip[2] | ip[3]))
		return;
	key = KEY_IP(ip);
	*entry(sw, key) = (struct lswitch_addr){key, guest};
}

int lswitch_lookup(const struct lswitch *sw, const uint8_t *head, uint32_t len)
{
	const uint8_t *b = head;
	const struct lswitch_addr *a;
	uint32_t at = 12;

	if (len < 14)
		return LSWITCH_WIRE;
	if (b[0] & 1)
		return LSWITCH_ALL;
	a = entry(sw, KEY_MAC(b));
	if (a->key && sw->seen && !plat_load_idx(&sw->seen[a->guest]))
		return LSWITCH_ALL;
	if (a->key)
		return a->guest;
	if (!sw->by_ip)
		return LSWITCH_WIRE;
	while (at <= 16 && at + 6 <= len &&
	       ((b[at] == 0x81 && b[at + 1] == 0) || (b[at] == 0x88 && b[at + 1] == 0xa8)))
		at += 4;
	if (at + 22 > len || b[at] != 8 || b[at + 1] != 0)
		return LSWITCH_WIRE;
	a = entry(sw, KEY_IP(b + at + 18));
	return a->key ? a->guest : LSWITCH_WIRE;
}

bool lswitch_is_for(const struct pktq_entry *e, const uint8_t *mac)
{
	const struct piece *piece = hbuf_pieces(e->pool, e->buf);
	uint8_t head[6];

	for (uint32_t at = 0; at < sizeof(head); piece++) {
		uint32_t part =
			piece->len < sizeof(head) - at ? piece->len : (uint32_t)sizeof(head) - at;
		__builtin_memcpy(head + at, piece->p, part);
		at += part;
	}
	return head[0] & 1 || !__builtin_memcmp(head, mac, sizeof(head));
}

/* ---- what receivers have read goes back ------------------------------------------------------ */

static unsigned reclaim(struct demux *d)
{
	struct lswitch *sw = d->sw;
	unsigned n = 0, kept = 0;

	for (unsigned i = 0; i < sw->nbusy; i++) {
		struct pktq *q = d->target[sw->busy[i]].q;
		n += pktq_reclaim(q);
		if (q->reclaimed != q->put) {
			sw->busy[kept++] = sw->busy[i];
			continue;
		}
		sw->is_busy[sw->busy[i]] = false;
		plat_publish_idx(&q->starved, d->starved);
	}
	sw->nbusy = kept;
	return n;
}

/* Slots whose last reader is done, back to their sender. */
static void give_back(struct outbox *ob)
{
	pktq_forget(&ob->back);
	while (ob->lent.top)
		pktq_put(&ob->back, (struct pktq_entry){.buf = hbuf_get(&ob->lent)});
}

/* ---- the switch's turn ----------------------------------------------------------------------- */

static void mark_busy(struct lswitch *sw, uint32_t guest)
{
	if (sw->is_busy[guest])
		return;
	sw->is_busy[guest] = true;
	sw->busy[sw->nbusy++] = guest;
}

/* One slot, to the receivers that its records name. */
static void forward(struct demux *d, const struct pktq_entry *e)
{
	struct pktq_entry out = *e;
	struct frame *f = e->frame, *peer;

	e->pool->lent[e->buf] = 0;
	for (peer = f->peer; peer; peer = peer->peer) { /* as if each had come by itself */
		peer->last = f->last;
		peer->overwritten = f->overwritten;
		__builtin_memcpy(peer->stage_ps, f->stage_ps, sizeof(f->stage_ps));
	}
	for (; f; f = peer) {
		peer = f->peer;
		f->peer = NULL;
		out.frame = f;
		mark_busy(d->sw, (uint32_t)f->to);
		demux_give(d, out);
	}
	if (!e->pool->lent[e->buf])
		hbuf_put(e->pool, e->buf);
}

void lswitch_burst(struct demux *d)
{
	struct lswitch *sw = d->sw;
	struct pktq_entry *e;

	for (unsigned i = 0; i < sw->nbusy; i++)
		plat_publish_idx(&d->target[sw->busy[i]].q->starved, d->starved);
	reclaim(d);
	sw->work = 0;
	for (unsigned i = 0, at = sw->next; i < sw->boxes; i++) {
		struct outbox *ob = sw->box[at];
		at = at + 1 < sw->boxes ? at + 1 : 0;
		pktq_awake(&ob->out);
		while (sw->work < DPATH_BURST && (e = pktq_take(&ob->out))) {
			forward(d, e);
			sw->work++;
		}
		give_back(ob);
	}
	if (++sw->next >= sw->boxes)
		sw->next = 0;
}

void lswitch_commit(struct demux *d)
{
	struct lswitch *sw = d->sw;

	for (unsigned i = 0; i < sw->boxes; i++) {
		struct outbox *ob = sw->box[i];
		pktq_consumed(&ob->out, d->pl);
		if (pktq_publish(&ob->back, d->pl))
			plat_kick(d->pl, ob->wake, 0);
	}
}

bool lswitch_sleep(struct demux *d)
{
	struct lswitch *sw = d->sw;
	bool more = sw->work == DPATH_BURST;

	for (unsigned i = 0; i < sw->nbusy; i++)
		plat_publish_idx(&d->target[sw->busy[i]].q->starved, 1);
	for (unsigned i = 0; i < sw->boxes; i++)
		more |= pktq_sleep(&sw->box[i]->out, d->pl);
	plat_fence(d->pl);
	return reclaim(d) || more;
}
