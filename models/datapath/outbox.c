/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outbox.c - a guest's frames to other guests: see outbox.h. */
#include "outbox.h"

#include "frame.h"
#include "policy.h"

/* The first bytes of the chain's frame, read once; returns how many, 0 if they are not in memory.
 */
static uint32_t read_head(struct dpath *dp, const struct virtq_chain *c, uint8_t *head)
{
	struct piece piece[DPATH_PIECES];
	uint32_t len = dpath_tx_len(c), at = 0;

	if (len > LSWITCH_HEAD)
		len = LSWITCH_HEAD;
	if (!dpath_pieces(&dp->txq, dp->tx_pl, c->seg, c->nout, VIRTQ_NET_HDR_BYTES, len, PLAT_READ,
			  piece))
		return 0;
	for (unsigned i = 0; at < len; at += piece[i++].len)
		__builtin_memcpy(head + at, piece[i].p, piece[i].len);
	return len;
}

static struct piece *slot_pieces(struct outbox *ob)
{
	return hbuf_pieces(&ob->lent, ob->free[ob->top - 1]);
}

/* Hand the slot on top of the stack over, its pieces written. */
static void lend(struct dpath *dp, struct frame *f, struct outbox_slot s, enum copy_site site,
		 enum copy_reason reason)
{
	struct outbox *ob = dp->out;
	uint32_t slot = ob->free[--ob->top];

	ob->slot[slot] = s;
	ob->chains += s.buf == HBUF_NONE;
	pktq_put(&ob->out, (struct pktq_entry){.frame = f,
					       .pool = &ob->lent,
					       .buf = slot,
					       .reason = reason,
					       .site = site,
					       .local = true,
					       .csum = dp->tx_csum});
	ob->frame[ob->frames++] = f;
}

static void lend_hbuf(struct dpath *dp, struct frame *f, uint32_t buf, enum copy_reason reason)
{
	const struct hbuf_pool *p = &dp->tx_pool;

	__builtin_memcpy(slot_pieces(dp->out), hbuf_pieces(p, buf), p->per * sizeof(struct piece));
	lend(dp, f, (struct outbox_slot){.buf = buf}, SITE_HYPERVISOR_TO_GUEST, reason);
}

void outbox_flood(struct dpath *dp, struct frame *f, uint32_t buf)
{
	struct frame *first = f->peer, *last = first;

	while (last->peer && !last->peer->device)
		last = last->peer;
	f->peer = last->peer; /* whom the device reaches goes on with it */
	last->peer = NULL;
	/* The others' records have come this far with it. */
	first->last = f->last;
	first->overwritten = f->overwritten;
	__builtin_memcpy(first->stage_ps, f->stage_ps, sizeof(f->stage_ps));
	dp->tx_pool.lent[buf]++;
	lend_hbuf(dp, first, buf, REASON_MULTICAST);
}

/* To everybody: by one hypervisor buffer, whatever the policy. */
static bool flood(struct dpath *dp, struct virtq_chain *c)
{
	bool taken;

	dp->out->flood = true;
	if (dp->tx_policy->tx_copies)
		taken = dp->tx_policy->tx(dp, c);
	else
		taken = dpath_tx_copied(dp, c, SITE_GUEST_TO_HYPERVISOR, REASON_MULTICAST);
	dp->out->flood = false;
	return taken;
}

/* How many of the pieces make up len bytes. */
static unsigned count(const struct piece *piece, uint32_t len)
{
	unsigned n = 0;

	for (; len; n++)
		len -= piece[n].len;
	return n;
}

/* To one guest, whose policy and ours make `copies`. */
static bool unicast(struct dpath *dp, struct virtq_chain *c, unsigned copies)
{
	struct piece piece[DPATH_PIECES];
	struct outbox *ob = dp->out;
	struct plat *pl = dp->tx_pl;
	enum copy_reason why = REASON_POLICY;
	uint32_t len = dpath_tx_len(c), buf;
	unsigned n;

	if (!dpath_pieces(&dp->txq, pl, c->seg, c->nout, VIRTQ_NET_HDR_BYTES, len, PLAT_READ,
			  piece)) {
		dpath_tx_refuse(dp, c, DROP_GUEST_QUEUE_STOPPED);
		return true;
	}
	n = count(piece, len);
	if (n > ob->lent.per)
		why = REASON_TOO_MANY_SEGMENTS;
	if (copies < 2 && why == REASON_POLICY) {
		__builtin_memcpy(slot_pieces(ob), piece, n * sizeof(*piece));
		lend(dp, c->frame, (struct outbox_slot){.buf = HBUF_NONE, .head = c->head},
		     SITE_GUEST_TO_GUEST, copies ? REASON_POLICY : REASON_LOCAL);
		return true;
	}
	buf = hbuf_get(&dp->tx_pool);
	dp->tx_pool.lent[buf] = 1;
	pieces_copy(pl, c->frame, SITE_GUEST_TO_HYPERVISOR, why, hbuf_pieces(&dp->tx_pool, buf),
		    piece, len);
	lend_hbuf(dp, c->frame, buf, why);
	dpath_tx_return(dp, c->head);
	return true;
}

/*
 * The frame was recorded for everybody, and its receiver has been learned since: the records of the
 * others end here.
 */
static struct frame *learned(struct dpath *dp, struct frame *f, int to)
{
	struct frame *mine = f, *next;

	for (struct frame *p = f->peer; p; p = p->peer)
		if (p->to == to)
			mine = p;
	if (mine != f) {
		mine->last = f->last;
		mine->overwritten = f->overwritten;
		__builtin_memcpy(mine->stage_ps, f->stage_ps, sizeof(f->stage_ps));
	}
	for (; f; f = next) {
		next = f->peer;
		f->peer = NULL;
		if (f != mine)
			plat_drop(dp->tx_pl, f, DROP_LEARNED);
	}
	return mine;
}

bool outbox_tx(struct dpath *dp, struct virtq_chain *c)
{
	struct outbox *ob = dp->out;
	uint8_t head[LSWITCH_HEAD];
	uint32_t n = read_head(dp, c, head);
	unsigned copies = dp->tx_policy->tx_copies;
	int to;

	if (!n) {
		dpath_tx_refuse(dp, c, DROP_GUEST_QUEUE_STOPPED);
		return true;
	}
	to = lswitch_lookup(ob->sw, head, n);
	ob->sent = true;
	if (to == LSWITCH_WIRE ||
	    (to == LSWITCH_ALL && (!c->frame->peer || c->frame->peer->device)))
		return dp->tx_policy->tx(dp, c);
	if (to == ob->self) {
		dpath_tx_refuse(dp, c, DROP_TO_SELF);
		return true;
	}
	ob->full = !ob->top || !pktq_room(&ob->out) || !dp->tx_pool.top;
	if (ob->full)
		return false;
	if (to == LSWITCH_ALL)
		return flood(dp, c);
	if (__builtin_expect(c->frame->peer != NULL, 0))
		c->frame = learned(dp, c->frame, to);
	c->frame->to = (int16_t)to;
	return unicast(dp, c, copies > ob->sw->copies[to] ? copies : ob->sw->copies[to]);
}

unsigned outbox_reclaim(struct dpath *dp)
{
	struct outbox *ob = dp->out;
	struct pktq_entry *e;
	unsigned n = 0;

	pktq_awake(&ob->back);
	pktq_forget(&ob->out);
	ob->frames = 0;
	ob->full = false;
	for (; n < DPATH_BURST && (e = pktq_take(&ob->back)); n++) {
		const struct outbox_slot *s = &ob->slot[e->buf];
		if (s->buf == HBUF_NONE) {
			dpath_tx_return(dp, s->head);
			ob->chains--;
		} else {
			dpath_tx_hbuf_done(dp, s->buf);
		}
		ob->free[ob->top++] = e->buf;
	}
	return n;
}

void outbox_commit(struct outbox *ob, struct plat *pl, enum frame_stage stage)
{
	for (unsigned i = 0; i < ob->frames; i++)
		plat_stamp(pl, ob->frame[i], stage);
	ob->frames = 0;
	if (ob->sw->seen && ob->sent && !ob->sw->seen[ob->self])
		plat_publish_idx(&ob->sw->seen[ob->self], 1);
	pktq_consumed(&ob->back, pl);
	if (pktq_publish(&ob->out, pl))
		plat_kick(pl, ob->line, 0);
}

bool outbox_sleep(struct outbox *ob, struct plat *pl)
{
	return (ob->chains || ob->full) && pktq_sleep(&ob->back, pl);
}
