/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_local.c - the switch between guests of one NIC: wiring, and whose book a frame is in.
 *
 * It is there if some traffic goes between guests, or from a guest to everybody; else nothing of it
 * is built and nothing costs anything. Whose book a frame is in follows from its bytes, by the same
 * lookup that the switch makes in guest memory: so the books agree with the switch whatever the
 * traffic said, unless the guest changes the destination in between. What the host's switch does
 * not know, the NIC's may (machine_switch.c).
 */
#include <string.h>

#include "machine.h"

/* ---- senders --------------------------------------------------------------------------------- */

bool local_seen(const struct guest *g)
{
	const struct machine *m = g->m;

	return g->nic->demux.sw || (g->nic->guests > g->nic->hosted && (m->local || m->floods));
}

/* Where what g sends goes: a guest's number, or LSWITCH_*. The host's switch looks first. */
static int route(const struct guest *g, const uint8_t *bytes, uint32_t len)
{
	int to = LSWITCH_WIRE;

	if (g->dp.out)
		to = lswitch_lookup(g->dp.out->sw, bytes, len);
	if (to == LSWITCH_WIRE && g->nic->nic.vfs)
		to = switch_route(g, bytes, len);
	return to;
}

/* Its frames end in the hypervisor. */
static bool is_null(const struct guest *g)
{
	return !g->vf && g->dp.tx_policy == &policy_null;
}

struct book *local_book(struct guest *g, const struct tframe *t)
{
	struct machine *m = g->m;
	struct book *book = &g->tx;

	if (!is_null(g)) {
		int to = route(g, t->bytes, t->len);
		if (to >= 0)
			book = &m->guest[to].local;
		else if (to == LSWITCH_WIRE && t->to >= 0) {
			if (!m->guest[t->to].gone) /* nothing joins the two */
				return NULL;
			book = &m->guest[t->to].local; /* a NIC has forgotten it */
		}
	}
	return t->at < m->warmup ? &m->warm : book;
}

/*
 * A record for each other guest: first those that the host's switch reaches, then the NIC's. That
 * one knows its guests: no frame for a single address goes to all of them.
 */
static void flood_made(struct guest *g, struct frame *f)
{
	struct machine *m = g->m;
	struct frame *last = f;

	for (unsigned device = 0; device < 1 + (f->bytes[0] & 1u); device++)
		for (unsigned i = 0; i < m->guests; i++) {
			struct guest *other = &m->guest[i];
			bool joined = device ? switch_joins(g, other)
					     : g->dp.out && other->nic == g->nic && !other->vf;
			if (other == g || !joined)
				continue;
			last = machine_peer(m, last, other, &other->local);
			last->local = true;
			last->device = device;
		}
}

void local_made(void *ctx, struct frame *f)
{
	struct guest *g = ctx;
	int to;

	if (is_null(g) || (!g->dp.out && !g->nic->nic.vfs))
		return;
	to = route(g, f->bytes, f->len);
	f->local = to >= 0;
	if (to == LSWITCH_ALL)
		flood_made(g, f);
}

/* ---- wiring ---------------------------------------------------------------------------------- */

static void queue_init(struct machine *m, struct pktq *q)
{
	q->mask = OUTBOX_SLOTS - 1;
	q->entry = machine_array(m, OUTBOX_SLOTS, sizeof(*q->entry));
}

void local_guest(struct guest *g)
{
	struct machine *m = g->m;
	struct lswitch *sw = g->nic->demux.sw;
	struct outbox *ob;

	if (!sw || g->dp.tx_policy == &policy_null)
		return;
	ob = machine_array(m, 1, sizeof(*ob));
	ob->sw = sw;
	ob->self = (int)g->index;
	queue_init(m, &ob->out);
	queue_init(m, &ob->back);
	ob->line = &g->out_line;
	ob->wake = &g->back_line;
	plat_line_init(ob->line, &m->q, PLAT_W_N, machine_wake, &g->nic->demux_worker);
	plat_line_init(ob->wake, &m->q, PLAT_W_N, machine_wake, &g->htx);
	ob->lent = (struct hbuf_pool){.n = OUTBOX_SLOTS,
				      .per = MAX(g->dp.max_segs, g->dp.tx_pool.per)};
	ob->lent.piece =
		machine_array(m, (size_t)OUTBOX_SLOTS * ob->lent.per, sizeof(struct piece));
	ob->lent.stack = machine_array(m, OUTBOX_SLOTS, sizeof(uint32_t));
	ob->lent.lent = machine_array(m, OUTBOX_SLOTS, sizeof(uint32_t));
	ob->slot = machine_array(m, OUTBOX_SLOTS, sizeof(*ob->slot));
	ob->free = machine_array(m, OUTBOX_SLOTS, sizeof(*ob->free));
	for (; ob->top < OUTBOX_SLOTS; ob->top++)
		ob->free[ob->top] = OUTBOX_SLOTS - 1 - ob->top;
	g->dp.out = ob;
	g->dp.mac = sw->seen ? g->mac : NULL;
	sw->box[sw->boxes++] = ob;
}

static void build_switch(struct machine *m, struct host_nic *hn)
{
	struct demux *d = &hn->demux;
	struct lswitch *sw = machine_array(m, 1, sizeof(*sw));

	/* Two addresses a guest, half of the table empty. */
	for (sw->mask = 7; sw->mask < 4 * hn->hosted; sw->mask = 2 * sw->mask + 1)
		;
	sw->addr = machine_array(m, sw->mask + 1, sizeof(*sw->addr));
	sw->by_ip = m->by_ip;
	if (cfg_choice(scenario_find(m->sc, "host"), "switch_table") == 1)
		sw->seen = machine_array(m, m->guests, sizeof(*sw->seen));
	sw->copies = machine_array(m, m->guests, sizeof(*sw->copies));
	sw->box = machine_array(m, hn->hosted, sizeof(*sw->box));
	sw->busy = machine_array(m, m->guests, sizeof(*sw->busy));
	sw->is_busy = machine_array(m, m->guests, sizeof(*sw->is_busy));
	for (unsigned i = 0; i < m->guests; i++) {
		const struct guest *g = &m->guest[i];
		if (g->nic != hn || g->vf)
			continue;
		lswitch_learn(sw, (int)i, g->mac, g->ip);
		sw->copies[i] = guest_policy(g->cfg, "rx_policy")->rx_copies;
	}
	d->max_frames *= 2; /* a burst from the device, and one from the guests */
	d->frame = machine_array(m, d->max_frames, sizeof(*d->frame));
	d->sw = sw;
}

void local_build(struct machine *m)
{
	for (unsigned i = 0; i < m->nics; i++) {
		struct host_nic *hn = &m->nic[i];
		m->switched |= hn->guests > hn->hosted && (m->local || m->floods);
		if (!hn->hosted || !(m->local || (m->floods && hn->hosted > 1)))
			continue;
		if (!hn->has_shared)
			machine_shared(m, hn);
		build_switch(m, hn);
		m->switched = true;
	}
}

void local_traffic(struct machine *m, const struct traffic_cfg *t, const struct traffic_info *info)
{
	bool from = false, to = false, all = false;

	for (uint32_t i = 0; i < t->from.n; i++)
		from |= t->from.end[i] >= 0;
	for (uint32_t i = 0; i < t->to.n; i++) {
		to |= t->to.end[i] >= 0;
		all |= t->to.end[i] == TRAFFIC_ALL;
	}
	m->local |= (from && to) || info->local;
	m->floods |= (from && all) || info->floods;
	m->by_ip |= t->match == TRAFFIC_MATCH_IP;
}

bool local_check(const struct machine *m, const struct cfg *c, const struct traffic_cfg *t,
		 GError **error)
{
	for (uint32_t f = 0; f < t->from.n; f++)
		for (uint32_t k = 0; k < t->to.n; k++) {
			int from = t->from.end[f], to = t->to.end[k];
			if (from < 0 || to < 0 || m->guest[from].nic == m->guest[to].nic ||
			    switch_joins(&m->guest[from], &m->guest[to]))
				continue;
			return cfg_error(c, "to", error,
					 "%s and %s are behind different NICs, and no wire joins "
					 "these; put them behind one, or give both a virtual "
					 "function of a NIC with switch = mediated",
					 m->endpoint[from].name, m->endpoint[to].name);
		}
	return true;
}
