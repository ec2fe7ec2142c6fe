/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop.c - requests and answers: see loop.h. */
#include "loop.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <sys/mman.h>

#include "sim/rng.h"
#include "traffic_impl.h"

#define REPLY    (1u << 16)
#define SLOT     0xffffu
#define GEN(e)   ((e) >> 17)
#define GEN_BITS 15

enum slot_state { DUE, SENT, IDLE };

/* A heap of slots, by their numbers: room for all. */
struct slots {
	uint32_t *slot;
	uint32_t n;
};

struct slot {
	sim_time due; /* its request, or its next sending */
	sim_time first;
	uint64_t seq;
	struct slots *in; /* the heap that it is in, and ... */
	uint32_t at;      /* ... its place there */
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
	struct slots slots;
	struct reply *reply; /* a heap, too */
	uint32_t replies, room;
	bool gone;
};

struct loop {
	const struct traffic_cfg *cfg;
	struct slot *slot;
	struct end *end;        /* [1 + end] */
	struct slots last_time; /* sent for the last time, until that is over */
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
	/* cfg.shared */
	size_t bytes; /* of all this; 0: it is not shared */
	pthread_mutex_t lock;
	bool dead; /* somebody ended while he was in here */
};

/* ---- who shares it ---- */

/* Whoever held the lock and is no more may have left anything behind: nothing is begun any more. */
static bool enter(const struct loop *cl)
{
	struct loop *l = (struct loop *)cl;

	if (__builtin_expect(!l->bytes, 1))
		return true;
	if (pthread_mutex_lock(&l->lock) == EOWNERDEAD) {
		l->dead = true;
		pthread_mutex_consistent(&l->lock);
	}
	return !l->dead;
}

static void leave(const struct loop *l)
{
	if (l->bytes)
		pthread_mutex_unlock(&((struct loop *)l)->lock);
}

/* ---- two heaps ---- */

static bool slot_before(const struct slot *a, const struct slot *b)
{
	return a->due < b->due || (a->due == b->due && a->seq < b->seq);
}

static struct slot *slot_at(const struct loop *l, const struct slots *h, uint32_t i)
{
	return &l->slot[h->slot[i]];
}

static void slot_put(const struct loop *l, struct slots *h, uint32_t i, uint32_t number)
{
	h->slot[i] = number;
	l->slot[number].at = i;
}

/* The slot at place i has another time: to where it belongs. */
static void slot_settle(const struct loop *l, struct slots *h, uint32_t i)
{
	uint32_t number = h->slot[i];
	const struct slot *s = &l->slot[number];

	for (; i && slot_before(s, slot_at(l, h, (i - 1) / 2)); i = (i - 1) / 2)
		slot_put(l, h, i, h->slot[(i - 1) / 2]);
	for (uint32_t child; (child = 2 * i + 1) < h->n; i = child) {
		if (child + 1 < h->n && slot_before(slot_at(l, h, child + 1), slot_at(l, h, child)))
			child++;
		if (!slot_before(slot_at(l, h, child), s))
			break;
		slot_put(l, h, i, h->slot[child]);
	}
	slot_put(l, h, i, number);
}

static void slot_add(struct loop *l, uint32_t number, struct slots *h)
{
	l->slot[number].seq = l->seq++;
	l->slot[number].in = h;
	h->slot[h->n++] = number;
	slot_settle(l, h, h->n - 1);
}

static void slot_remove(struct loop *l, uint32_t number)
{
	struct slots *h = l->slot[number].in;
	uint32_t i = l->slot[number].at, last = h->slot[--h->n];

	if (last == number)
		return;
	slot_put(l, h, i, last);
	slot_settle(l, h, i);
}

static bool reply_before(const struct reply *a, const struct reply *b)
{
	return a->due < b->due || (a->due == b->due && a->seq < b->seq);
}

/* What is shared cannot grow: a request beyond that is not answered. */
static bool reply_room(const struct loop *l, struct end *e)
{
	if (e->replies < e->room)
		return true;
	if (l->bytes)
		return false;
	e->room = MAX(2 * e->room, 16);
	e->reply = g_renew(struct reply, e->reply, e->room);
	return true;
}

static void reply_add(struct loop *l, int end, struct reply r)
{
	struct end *e = &l->end[1 + end];
	struct reply *heap;
	uint32_t i = e->replies;

	if (!reply_room(l, e))
		return;
	r.seq = l->seq++;
	heap = e->reply;
	for (; i && reply_before(&r, &heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = r;
	e->replies++;
	l->pending++;
}

static struct reply reply_take(struct loop *l, int end)
{
	struct end *e = &l->end[1 + end];
	struct reply *heap = e->reply, first = heap[0];
	uint32_t i = 0, n = --e->replies;
	struct reply last = heap[n];

	for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && reply_before(&heap[child + 1], &heap[child]))
			child++;
		if (!reply_before(&heap[child], &last))
			break;
		heap[i] = heap[child];
	}
	heap[i] = last;
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
	slot_add(l, number, &l->end[1 + s->from].slots);
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
		slot_add(l, number, &l->end[1 + s->from].slots);
		return;
	}
	slot_add(l, number, &l->last_time);
	if (!s->at)
		l->expiry(l->ctx, s->due);
}

/* The slot whose request, or next sending, comes first at an end. Closed, none is sent again. */
static struct slot *first_slot(const struct loop *l, int end)
{
	const struct slots *h = &l->end[1 + end].slots;
	struct slot *s = h->n ? slot_at(l, h, 0) : NULL;

	return s && !(l->closed && s->state == SENT) ? s : NULL;
}

static const struct reply *first_reply(const struct loop *l, int end)
{
	const struct end *e = &l->end[1 + end];

	return e->replies ? e->reply : NULL;
}

/* ---- an end ---- */

static bool peek(const struct loop *l, int end, sim_time *at)
{
	const struct reply *r = first_reply(l, end);
	const struct slot *s = first_slot(l, end);

	if (l->end[1 + end].gone || (!r && !s))
		return false;
	*at = !s || (r && r->due <= s->due) ? r->due : s->due;
	return true;
}

bool loop_peek(const struct loop *l, int end, sim_time *at)
{
	bool has = enter(l) && peek(l, end, at);

	leave(l);
	return has;
}

static bool take(struct loop *l, int end, struct loop_frame *out)
{
	const struct reply *r = first_reply(l, end);
	struct slot *s = first_slot(l, end);

	if (l->end[1 + end].gone || (!r && !s))
		return false;
	if (!s || (r && r->due <= s->due)) {
		struct reply first = reply_take(l, end);

		*out = (struct loop_frame){.num = first.num,
					   .exchange = first.exchange,
					   .len = first.len,
					   .flow = first.flow,
					   .to = first.to};
		return true;
	}
	take_request(l, (uint32_t)(s - l->slot), out);
	return true;
}

bool loop_take(struct loop *l, int end, struct loop_frame *out)
{
	bool has = enter(l) && take(l, end, out);

	leave(l);
	return has;
}

static void arrived(struct loop *l, uint32_t exchange, uint64_t num, int from, int to, sim_time at)
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

void loop_arrived(struct loop *l, uint32_t exchange, uint64_t num, int from, int to, sim_time at)
{
	if (enter(l))
		arrived(l, exchange, num, from, to, at);
	leave(l);
}

static void expire(struct loop *l, sim_time now)
{
	struct slot *s;

	while (l->last_time.n && (s = slot_at(l, &l->last_time, 0))->due <= now) {
		if (s->first >= l->measure)
			l->stats.timeouts++;
		end_request(l, s, s->due, false);
	}
	if (l->last_time.n)
		l->expiry(l->ctx, s->due);
}

void loop_expire(struct loop *l, sim_time now)
{
	if (enter(l))
		expire(l, now);
	leave(l);
}

void loop_close(struct loop *l)
{
	enter(l);
	l->closed = true;
	for (uint32_t i = 0; i < l->cfg->n_endpoints + 1; i++)
		l->news(l->ctx, (int)i - 1);
	leave(l);
}

static void gone(struct loop *l, int end)
{
	struct end *e = &l->end[1 + end];

	e->gone = true;
	l->pending -= e->replies;
	e->replies = 0;
	while (e->slots.n)
		end_request(l, slot_at(l, &e->slots, 0), slot_at(l, &e->slots, 0)->due, false);
}

void loop_gone(struct loop *l, int end)
{
	if (enter(l))
		gone(l, end);
	leave(l);
}

bool loop_over(const struct loop *l)
{
	bool over = !enter(l) || l->closed || l->idle == l->cfg->window;

	leave(l);
	return over;
}

uint64_t loop_pending(const struct loop *l)
{
	uint64_t pending;

	enter(l);
	pending = l->pending;
	leave(l);
	return pending;
}

uint64_t loop_answers(const struct loop *l)
{
	uint64_t answers;

	enter(l);
	answers = l->answers;
	leave(l);
	return answers;
}

sim_time loop_last(const struct loop *l)
{
	sim_time last;

	enter(l);
	last = l->last;
	leave(l);
	return last;
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

/* ---- memory ---- */

/* Where the parts of it are, one after the other; `base` NULL: only how much that is. */
static void *carve(uint8_t *base, size_t *at, size_t bytes)
{
	void *p = base ? base + *at : NULL;

	*at += (bytes + 63) & ~(size_t)63;
	return p;
}

static size_t lay_out(uint8_t *base, const struct traffic_cfg *cfg)
{
	uint32_t window = cfg->window, ends = cfg->n_endpoints + 1;
	/* what a server that is late may owe: some rounds of all that can be outstanding */
	uint32_t room = cfg->shared ? 4 * window + 1024 : 0;
	size_t at = 0, slots = window * sizeof(uint32_t);
	struct loop *l = carve(base, &at, sizeof(*l));
	struct slot *slot = carve(base, &at, window * sizeof(*slot));
	struct end *end = carve(base, &at, ends * sizeof(*end));
	uint32_t *last_time = carve(base, &at, slots);
	uint64_t *bucket = carve(base, &at, cfg->shared ? HIST_BUCKETS * sizeof(*bucket) : 0);

	for (uint32_t i = 0; i < ends; i++) {
		uint32_t *heap = carve(base, &at, slots);
		struct reply *reply = carve(base, &at, room * sizeof(*reply));

		if (base)
			end[i] = (struct end){
				.slots.slot = heap, .reply = room ? reply : NULL, .room = room};
	}
	if (base)
		*l = (struct loop){.slot = slot,
				   .end = end,
				   .last_time.slot = last_time,
				   .stats.rtt = {.bucket = bucket, .min = UINT64_MAX}};
	return at;
}

static struct loop *shared_new(const struct traffic_cfg *cfg)
{
	size_t bytes = lay_out(NULL, cfg);
	uint8_t *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct loop *l = (struct loop *)(void *)p;
	pthread_mutexattr_t a;

	if (p == MAP_FAILED)
		g_error("no %zu bytes for a closed loop: %s", bytes, g_strerror(errno));
	lay_out(p, cfg);
	l->bytes = bytes;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&l->lock, &a);
	pthread_mutexattr_destroy(&a);
	return l;
}

static struct loop *private_new(const struct traffic_cfg *cfg)
{
	struct loop *l = g_malloc0(lay_out(NULL, cfg));

	lay_out((uint8_t *)l, cfg);
	hist_init(&l->stats.rtt);
	return l;
}

struct loop *loop_new(const struct traffic_cfg *cfg)
{
	struct loop *l = cfg->shared ? shared_new(cfg) : private_new(cfg);
	g_autofree char *sizes = g_strdup_printf("traffic.%s.sizes", cfg->name);
	g_autofree char *replies = g_strdup_printf("traffic.%s.replies", cfg->name);

	l->cfg = cfg;
	l->news = nobody;
	l->expiry = never;
	rng_init(&l->sizes, cfg->seed, sizes);
	rng_init(&l->replies, cfg->seed, replies);
	for (uint32_t i = 0; i < cfg->window; i++)
		begin(l, i, cfg->start);
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->bytes) {
		pthread_mutex_destroy(&l->lock);
		munmap(l, l->bytes);
		return;
	}
	for (uint32_t i = 0; i < l->cfg->n_endpoints + 1; i++)
		g_free(l->end[i].reply);
	hist_fini(&l->stats.rtt);
	g_free(l);
}
