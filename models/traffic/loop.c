/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop.c - requests and answers: see loop.h. */
#include "loop.h"

#include <glib.h>

#include "sim/rng.h"
#include "traffic_impl.h"

#define REPLY    (1u << 16)
#define SLOT     0xffffu
#define GEN(e)   ((e) >> 17)
#define GEN_BITS 15

enum slot_state { DUE, SENT, IDLE };

struct slot {
	sim_time due; /* its request, or its next sending */
	sim_time first;
	uint64_t seq;
	GArray *in;  /* the heap that it is in, and ... */
	uint32_t at; /* ... its place there */
	uint32_t len, reply, flow;
	uint32_t gen;
	uint32_t sendings;
	int from, to;
	enum slot_state state;
};

struct reply {
	sim_time due;
	uint64_t seq, num;
	uint32_t exchange, len, flow;
	int to;
};

/* What is due at one end: requests, by their slots; answers. */
struct end {
	GArray *slots;   /* uint32_t: a heap */
	GArray *replies; /* struct reply: a heap */
	bool gone;
};

struct loop {
	const struct traffic_cfg *cfg;
	struct slot *slot;
	struct end *end;   /* [1 + end] */
	GArray *last_time; /* slots: sent for the last time, until that is over */
	struct turn turn;
	struct rng sizes, replies;
	uint64_t seq, sendings, begun, pending, answers;
	uint32_t flow, idle;
	sim_time measure, last;
	bool closed;
	struct loop_stats stats;
	void (*news)(void *ctx, int end);
	void (*expiry)(void *ctx, sim_time at);
	void *ctx;
};

/* ---- two heaps ---- */

static bool slot_before(const struct slot *a, const struct slot *b)
{
	return a->due < b->due || (a->due == b->due && a->seq < b->seq);
}

static struct slot *slot_at(const struct loop *l, const GArray *h, uint32_t i)
{
	return &l->slot[g_array_index(h, uint32_t, i)];
}

static void slot_put(const struct loop *l, GArray *h, uint32_t i, uint32_t number)
{
	g_array_index(h, uint32_t, i) = number;
	l->slot[number].at = i;
}

/* The slot at place i has another time: to where it belongs. */
static void slot_settle(const struct loop *l, GArray *h, uint32_t i)
{
	uint32_t number = g_array_index(h, uint32_t, i);
	const struct slot *s = &l->slot[number];

	for (; i && slot_before(s, slot_at(l, h, (i - 1) / 2)); i = (i - 1) / 2)
		slot_put(l, h, i, g_array_index(h, uint32_t, (i - 1) / 2));
	for (uint32_t child; (child = 2 * i + 1) < h->len; i = child) {
		if (child + 1 < h->len &&
		    slot_before(slot_at(l, h, child + 1), slot_at(l, h, child)))
			child++;
		if (!slot_before(slot_at(l, h, child), s))
			break;
		slot_put(l, h, i, g_array_index(h, uint32_t, child));
	}
	slot_put(l, h, i, number);
}

static void slot_add(struct loop *l, uint32_t number, GArray *h)
{
	l->slot[number].seq = l->seq++;
	l->slot[number].in = h;
	g_array_append_val(h, number);
	slot_settle(l, h, h->len - 1);
}

static void slot_remove(struct loop *l, uint32_t number)
{
	GArray *h = l->slot[number].in;
	uint32_t i = l->slot[number].at, last = g_array_index(h, uint32_t, h->len - 1);

	g_array_set_size(h, h->len - 1);
	if (last == number)
		return;
	slot_put(l, h, i, last);
	slot_settle(l, h, i);
}

static bool reply_before(const struct reply *a, const struct reply *b)
{
	return a->due < b->due || (a->due == b->due && a->seq < b->seq);
}

static void reply_add(struct loop *l, int end, struct reply r)
{
	GArray *h = l->end[1 + end].replies;
	struct reply *heap;
	uint32_t i = h->len;

	r.seq = l->seq++;
	g_array_append_val(h, r);
	heap = (struct reply *)(void *)h->data;
	for (; i && reply_before(&r, &heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = r;
	l->pending++;
}

static struct reply reply_take(struct loop *l, int end)
{
	GArray *h = l->end[1 + end].replies;
	struct reply *heap = (struct reply *)(void *)h->data, first = heap[0];
	struct reply last = heap[h->len - 1];
	uint32_t i = 0, n = h->len - 1;

	for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && reply_before(&heap[child + 1], &heap[child]))
			child++;
		if (!reply_before(&heap[child], &last))
			break;
		heap[i] = heap[child];
	}
	heap[i] = last;
	g_array_set_size(h, n);
	l->pending--;
	return first;
}

/* ---- requests ---- */

/* Is there a pair whose first end still sends? */
static bool any_client(const struct loop *l)
{
	const struct traffic_cfg *cfg = l->cfg;

	for (uint32_t i = 0; i < MAX(cfg->from.n, 1); i++)
		for (uint32_t k = 0; k < MAX(cfg->to.n, 1); k++)
			if (!l->end[1 + set_at(&cfg->from, i)].gone &&
			    set_at(&cfg->from, i) != set_at(&cfg->to, k))
				return true;
	return false;
}

/* The slot's next request, due at `at`; or it has none any more. */
static void begin(struct loop *l, uint32_t number, sim_time at)
{
	const struct traffic_cfg *cfg = l->cfg;
	struct slot *s = &l->slot[number];

	s->state = IDLE;
	if (l->closed || (cfg->packets && l->begun == cfg->packets) || at > SIM_MAX ||
	    (cfg->duration && at >= cfg->start + cfg->duration) || !any_client(l)) {
		l->idle++;
		return;
	}
	do
		turn_take(cfg, &l->turn, &s->from, &s->to);
	while (l->end[1 + s->from].gone);
	l->begun++;
	s->state = DUE;
	s->due = s->first = at;
	s->gen = (s->gen + 1) & ((1u << GEN_BITS) - 1);
	s->sendings = 0;
	s->flow = l->flow;
	l->flow = (l->flow + 1) % cfg->flows;
	s->len = traffic_size_draw(&cfg->size, &l->sizes);
	s->reply = traffic_size_draw(&cfg->reply, &l->replies);
	if (at >= l->measure)
		l->stats.open++;
	slot_add(l, number, l->end[1 + s->from].slots);
}

/* Answered, or given up: `at` is when. */
static void end_request(struct loop *l, struct slot *s, sim_time at, bool answered)
{
	bool counts = s->first >= l->measure;
	int was = s->from;

	slot_remove(l, (uint32_t)(s - l->slot));
	if (answered)
		l->answers++;
	if (counts) {
		l->stats.open--;
		++*(answered ? &l->stats.requests : &l->stats.failed);
	}
	if (counts && answered)
		hist_add(&l->stats.rtt, at - s->first);
	l->last = MAX(l->last, at + l->cfg->think);
	begin(l, (uint32_t)(s - l->slot), at + l->cfg->think);
	l->news(l->ctx, was);
	if (s->state == DUE && s->from != was)
		l->news(l->ctx, s->from);
}

static void take_request(struct loop *l, uint32_t number, struct loop_frame *out)
{
	struct slot *s = &l->slot[number];

	if (s->state == SENT && s->first >= l->measure)
		l->stats.timeouts++;
	*out = (struct loop_frame){.num = 2 * l->sendings++,
				   .exchange = s->gen << 17 | number,
				   .len = s->len,
				   .flow = s->flow,
				   .to = s->to};
	s->state = SENT;
	s->sendings++;
	s->due += l->cfg->timeout;
	slot_remove(l, number);
	if (s->sendings <= l->cfg->retries) {
		slot_add(l, number, l->end[1 + s->from].slots);
		return;
	}
	slot_add(l, number, l->last_time);
	if (!s->at)
		l->expiry(l->ctx, s->due);
}

/* The slot whose request, or next sending, comes first at an end. Closed, none is sent again. */
static struct slot *first_slot(const struct loop *l, int end)
{
	const GArray *h = l->end[1 + end].slots;
	struct slot *s = h->len ? slot_at(l, h, 0) : NULL;

	return s && !(l->closed && s->state == SENT) ? s : NULL;
}

static const struct reply *first_reply(const struct loop *l, int end)
{
	const GArray *h = l->end[1 + end].replies;

	return h->len ? &g_array_index(h, struct reply, 0) : NULL;
}

/* ---- an end ---- */

bool loop_peek(const struct loop *l, int end, sim_time *at)
{
	const struct reply *r = first_reply(l, end);
	const struct slot *s = first_slot(l, end);

	if (l->end[1 + end].gone || (!r && !s))
		return false;
	*at = !s || (r && r->due <= s->due) ? r->due : s->due;
	return true;
}

void loop_take(struct loop *l, int end, struct loop_frame *out)
{
	const struct reply *r = first_reply(l, end);
	struct slot *s = first_slot(l, end);

	if (!s || (r && r->due <= s->due)) {
		struct reply first = reply_take(l, end);

		*out = (struct loop_frame){.num = first.num,
					   .exchange = first.exchange,
					   .len = first.len,
					   .flow = first.flow,
					   .to = first.to};
		return;
	}
	take_request(l, (uint32_t)(s - l->slot), out);
}

void loop_arrived(struct loop *l, uint32_t exchange, uint64_t num, int from, int to, sim_time at)
{
	struct slot *s = &l->slot[exchange & SLOT];

	if (exchange & REPLY) {
		if (s->state == SENT && s->gen == GEN(exchange))
			end_request(l, s, at, true);
		return;
	}
	if (l->end[1 + to].gone)
		return;
	reply_add(l, to,
		  (struct reply){.due = at + l->cfg->service,
				 .num = num + 1,
				 .exchange = exchange | REPLY,
				 .len = s->reply,
				 .flow = l->cfg->flows + s->flow,
				 .to = from});
	l->news(l->ctx, to);
}

void loop_expire(struct loop *l, sim_time now)
{
	struct slot *s;

	while (l->last_time->len && (s = slot_at(l, l->last_time, 0))->due <= now) {
		if (s->first >= l->measure)
			l->stats.timeouts++;
		end_request(l, s, s->due, false);
	}
	if (l->last_time->len)
		l->expiry(l->ctx, s->due);
}

void loop_close(struct loop *l)
{
	l->closed = true;
	for (uint32_t i = 0; i < l->cfg->n_endpoints + 1; i++)
		l->news(l->ctx, (int)i - 1);
}

void loop_gone(struct loop *l, int end)
{
	GArray *h = l->end[1 + end].slots;

	l->end[1 + end].gone = true;
	l->pending -= l->end[1 + end].replies->len;
	g_array_set_size(l->end[1 + end].replies, 0);
	while (h->len)
		end_request(l, slot_at(l, h, 0), slot_at(l, h, 0)->due, false);
}

bool loop_over(const struct loop *l)
{
	return l->closed || l->idle == l->cfg->window;
}

uint64_t loop_pending(const struct loop *l)
{
	return l->pending;
}

uint64_t loop_answers(const struct loop *l)
{
	return l->answers;
}

sim_time loop_last(const struct loop *l)
{
	return l->last;
}

const struct loop_stats *loop_stats(const struct loop *l)
{
	return &l->stats;
}

/* ---- its life ---- */

static void nobody(void *ctx, int end)
{
	(void)ctx;
	(void)end;
}

static void never(void *ctx, sim_time at)
{
	(void)ctx;
	(void)at;
}

void loop_measure(struct loop *l, sim_time from)
{
	l->measure = from;
	l->stats.open = 0;
	for (uint32_t i = 0; i < l->cfg->window; i++)
		l->stats.open += l->slot[i].state != IDLE && l->slot[i].first >= from;
}

void loop_listen(struct loop *l, void (*news)(void *ctx, int end),
		 void (*expiry)(void *ctx, sim_time at), void *ctx)
{
	l->news = news;
	l->expiry = expiry;
	l->ctx = ctx;
}

struct loop *loop_new(const struct traffic_cfg *cfg)
{
	struct loop *l = g_new0(struct loop, 1);
	g_autofree char *sizes = g_strdup_printf("traffic.%s.sizes", cfg->name);
	g_autofree char *replies = g_strdup_printf("traffic.%s.replies", cfg->name);

	l->cfg = cfg;
	l->news = nobody;
	l->expiry = never;
	l->last_time = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	l->slot = g_new0(struct slot, cfg->window);
	l->end = g_new0(struct end, cfg->n_endpoints + 1);
	hist_init(&l->stats.rtt);
	rng_init(&l->sizes, cfg->seed, sizes);
	rng_init(&l->replies, cfg->seed, replies);
	for (uint32_t i = 0; i < cfg->n_endpoints + 1; i++) {
		l->end[i].slots = g_array_new(FALSE, FALSE, sizeof(uint32_t));
		l->end[i].replies = g_array_new(FALSE, FALSE, sizeof(struct reply));
	}
	for (uint32_t i = 0; i < cfg->window; i++)
		begin(l, i, cfg->start);
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	for (uint32_t i = 0; i < l->cfg->n_endpoints + 1; i++) {
		g_array_free(l->end[i].slots, TRUE);
		g_array_free(l->end[i].replies, TRUE);
	}
	g_array_free(l->last_time, TRUE);
	hist_fini(&l->stats.rtt);
	g_free(l->slot);
	g_free(l->end);
	g_free(l);
}
