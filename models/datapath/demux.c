/* SPDX-License-Identifier: GPL-2.0-or-later */
/* demux.c - one receive queue for several guests: see demux.h. */
#include "demux.h"

#include "lswitch.h"

void demux_give(struct demux *d, struct pktq_entry e)
{
	struct frame *f = e.frame;
	struct demux_target *t = &d->target[f->to];

	plat_stamp(d->pl, f, STAGE_HOST_WAIT);
	plat_charge(d->pl, PLAT_W_HOST_STACK, 1);
	if (__builtin_expect(t->gone, 0)) {
		plat_drop(d->pl, f, DROP_GUEST_GONE);
		return;
	}
	/* Full may be of what the consumer is done with: it is taken back only when it is missed.
	 */
	if (!pktq_put(t->q, e) && !(pktq_reclaim(t->q) && pktq_put(t->q, e))) {
		plat_drop(d->pl, f, e.local ? DROP_LOCAL_QUEUE_FULL : DROP_VMM_QUEUE_FULL);
		return;
	}
	e.pool->lent[e.buf]++;
	d->frame[d->frames++] = f;
	if (!t->touched) {
		t->touched = true;
		d->touched[d->ntouched++] = (uint32_t)f->to;
	}
}

static void demux_one(struct demux *d, const struct plat_rx *rx)
{
	uint32_t buf = (uint32_t)rx->cookie;
	struct frame *f = rx->frame, *peer;
	enum copy_reason reason;

	d->pool.lent[buf] = 0;
	if (!f) {
		hbuf_put(&d->pool, buf);
		return;
	}
	reason = f->peer ? REASON_MULTICAST : REASON_SHARED_QUEUE;
	for (peer = f->peer; peer; peer = peer->peer) { /* as if each had come by itself */
		peer->last = f->last;
		__builtin_memcpy(peer->stage_ps, f->stage_ps, sizeof(f->stage_ps));
	}
	while (f) {
		peer = f->peer;
		f->peer = NULL;
		demux_give(d, (struct pktq_entry){.frame = f,
						  .pool = &d->pool,
						  .buf = buf,
						  .reason = reason,
						  .csum = d->csum});
		f = peer;
	}
	if (!d->pool.lent[buf])
		hbuf_put(&d->pool, buf);
}

static void post(struct demux *d)
{
	struct plat_seg seg[DPATH_SEGS];

	while (d->pool.top && plat_dev_rx_room(d->pl, d->port) >= d->pool.per) {
		uint32_t buf = hbuf_get(&d->pool);
		unsigned n = hbuf_segs(&d->pool, buf, d->pool.bytes, seg);
		plat_dev_post_rx(d->pl, d->port, buf, seg, n);
	}
}

static unsigned reclaim(struct demux *d)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->targets; i++)
		if (d->target[i].q)
			n += pktq_reclaim(d->target[i].q);
	return n;
}

/* Without buffers the device is silent: be woken by those who have them. True: some came back. */
static bool starving(struct demux *d)
{
	bool starved = !d->pool.top;

	if (starved != d->starved) {
		d->starved = starved;
		for (unsigned i = 0; i < d->targets; i++)
			if (d->target[i].q)
				plat_publish_idx(&d->target[i].q->starved, starved);
		plat_fence(d->pl);
	}
	return starved && reclaim(d);
}

void demux_burst(struct demux *d)
{
	struct plat_rx rx[DPATH_BURST];
	unsigned n;

	d->frames = d->ntouched = 0;
	if (!d->poll)
		plat_dev_rx_irq(d->pl, d->port, false);
	if (d->pool.top < d->pool.n / 2)
		reclaim(d);
	d->csum = dpath_rx_csum(d->pl, d->port);
	n = plat_dev_reap_rx(d->pl, d->port, rx, DPATH_BURST);
	for (unsigned i = 0; i < n; i++)
		demux_one(d, &rx[i]);
	d->work = n;
	post(d);
	if (d->sw)
		lswitch_burst(d);
}

bool demux_commit(struct demux *d)
{
	for (unsigned i = 0; i < d->frames; i++)
		plat_stamp(d->pl, d->frame[i], STAGE_HOST);
	for (unsigned i = 0; i < d->ntouched; i++) { /* lines to other host workers cost nothing */
		struct demux_target *t = &d->target[d->touched[i]];
		t->touched = false;
		if (pktq_publish(t->q, d->pl))
			plat_kick(d->pl, t->line, 0);
	}
	if (d->sw)
		lswitch_commit(d);
	plat_dev_flush_rx(d->pl, d->port);
	if (d->poll ? d->work > 0 || starving(d)
		    : d->work == DPATH_BURST || plat_dev_rx_irq(d->pl, d->port, true) ||
			      starving(d))
		return true;
	return d->sw && lswitch_sleep(d);
}
