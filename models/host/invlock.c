/* SPDX-License-Identifier: GPL-2.0-or-later */
/* invlock.c - see invlock.h. */
#include "invlock.h"

#include <glib.h>
#include <string.h>

void invlock_init(struct invlock *l, const struct invlock_config *c)
{
	*l = (struct invlock){.cfg = *c, .room = 64};
	l->turn = g_new(struct invlock_turn, l->room);
}

void invlock_fini(struct invlock *l)
{
	g_free(l->turn);
	l->turn = NULL;
}

static void forget(struct invlock *l, sim_time now)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->turns; i++)
		if (l->turn[i].done > now)
			l->turn[kept++] = l->turn[i];
	l->turns = kept;
}

struct others {
	uint32_t begin, look; /* want to begin, or do; wait for the end, looking */
	sim_time spin;        /* what passing the lock on costs for them */
};

static struct others count_others(const struct invlock *l, sim_time at, uint32_t node)
{
	struct others o = {0};

	for (uint32_t i = 0; i < l->turns; i++) {
		const struct invlock_turn *t = &l->turn[i];

		if (t->asked > at || t->done <= at)
			continue;
		++*(t->until > at ? &o.begin : &o.look);
		o.spin += t->node == node ? l->cfg.handover : l->cfg.remote;
	}
	return o;
}

/* The first gap of so much at or after `at`, and what comes behind it. */
static sim_time first_gap(const struct invlock *l, sim_time at, sim_time takes, uint32_t *before)
{
	uint32_t i = 0;

	for (; i < l->turns; i++) {
		if (l->turn[i].from >= at + takes)
			break;
		if (l->turn[i].until > at)
			at = l->turn[i].until;
	}
	*before = i;
	return at;
}

static void insert(struct invlock *l, uint32_t i, struct invlock_turn t)
{
	if (l->turns == l->room) {
		l->room = MAX(2 * l->room, 16);
		l->turn = g_renew(struct invlock_turn, l->turn, l->room);
	}
	memmove(&l->turn[i + 1], &l->turn[i], (l->turns - i) * sizeof(t));
	l->turn[i] = t;
	l->turns++;
}

sim_time invlock_take(struct invlock *l, sim_time now, sim_time at, uint32_t node, sim_time *wait)
{
	struct invlock_turn t = {.asked = at, .node = node};
	struct others o;
	sim_time passing, takes;
	uint32_t before;

	forget(l, now);
	o = count_others(l, at, node);
	passing = o.begin + o.look ? l->cfg.pass + o.spin : 0;
	/* its own turn, and its share of those who only look */
	takes = l->cfg.hold + passing * (o.begin + 1 + o.look) / (o.begin + 1);
	t.from = first_gap(l, at, takes, &before);
	t.until = t.from + takes;
	t.done = t.until + l->cfg.sync + (l->cfg.sync ? passing : 0);
	insert(l, before, t);
	*wait = t.done - at - l->cfg.hold - l->cfg.sync;
	l->taken++;
	l->held += takes;
	l->wait += *wait;
	if (*wait > l->wait_max)
		l->wait_max = *wait;
	return t.done - at;
}
