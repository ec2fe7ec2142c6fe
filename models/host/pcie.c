/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcie.c - transactions, the arbiter towards the host, tags and credits. See pcie.h.
 *
 * Functions with something to send stand in one round for posted writes and in one for reads, so
 * the next choice never looks for them. What can block is the device's (tags, credits, issue
 * limits), hence blocks a whole round. Credits come back in the order of the link to the host, tags
 * in the order of the link to the device: lists of times, looked at when one is wanted, no events.
 *
 * A tag has an event: the data of its request is ready at the host and goes onto the link. The
 * requests of one transaction get there in their order, so the last one's end is the transaction's.
 * Events of a read: its requests and one; of a write, one; and the arbiter's, where something
 * waits.
 */
#include "pcie.h"

#include <stdlib.h>

enum { POSTED, READS, CLASSES };

struct tag {
	struct event ev;
	struct pcie_op *op;
	struct tag *next; /* free, or returning behind this one */
	uint32_t len;     /* of each request */
	uint32_t n;       /* requests of a run that it stands for, a tag each */
	sim_time end;     /* its last byte is at the device; once it is returning */
};

struct fn {
	struct pcie_op *first[CLASSES], *last[CLASSES];
	struct fn *next[CLASSES]; /* in the round */
	bool listed[CLASSES];
	int64_t turn[CLASSES]; /* bytes on the link left of its turn */
	uint64_t seq;
	struct pcie_fn_stats stats;
};

struct credit {
	sim_time at; /* when it comes back */
	uint32_t n;
};

struct pcie {
	struct evq *q;
	struct pcie_config config;
	struct pcie_link link;
	struct pcie_server to_host, to_device;
	struct pcie_server pace[CLASSES]; /* issue limits; num 0: none */
	sim_time ahead;                   /* how far the arbiter works ahead */
	uint32_t grant;                   /* payload of one, at most: of whole packets */
	int64_t turn;                     /* bytes of a turn: at least any grant */
	unsigned preferred;               /* the class that did not go last */
	struct {
		struct fn *first, *last;
	} round[CLASSES];
	struct event arbiter;
	struct tag *tag, *free_tag;
	struct tag *returning,
		*returning_last; /* their completions are on the link, in its order */
	struct credit *credit;   /* ring of write_credits */
	uint32_t credit_head, credit_count;
	pcie_host_fn *host; /* NULL: nothing takes longer there */
	void *host_ctx;
	sim_time written; /* all that was sent is in memory */
	sim_time counted; /* stats.tag_time is up to here */
	struct pcie_stats stats;
	unsigned functions;
	struct fn fn[];
};

static void arbitrate(struct pcie *p);

/* ---- life ---- */

static void arbiter_event(struct event *ev)
{
	arbitrate((struct pcie *)((char *)ev - offsetof(struct pcie, arbiter)));
}

static void tag_event(struct event *ev);

static bool alloc_pools(struct pcie *p)
{
	const struct pcie_config *c = &p->config;

	p->tag = calloc(c->tags, sizeof(*p->tag));
	if (!p->tag)
		return false;
	for (uint32_t i = c->tags; i-- > 0;) {
		event_init(&p->tag[i].ev, tag_event);
		p->tag[i].next = p->free_tag;
		p->free_tag = &p->tag[i];
	}
	if (c->write_credits)
		p->credit = calloc(c->write_credits, sizeof(*p->credit));
	return !c->write_credits || p->credit;
}

static void set_rates(struct pcie *p)
{
	const struct pcie_config *c = &p->config;
	const struct pcie_link *l = &p->link;
	p->to_host = (struct pcie_server){.num = l->num, .den = l->den};
	p->to_device = p->to_host;
	if (c->write_limit)
		p->pace[POSTED] = (struct pcie_server){.num = SIM_S, .den = c->write_limit};
	if (c->read_limit)
		p->pace[READS] = (struct pcie_server){.num = SIM_S, .den = c->read_limit};
	p->ahead = pcie_server_time(&p->to_host, 2 * (l->mps + l->request));
	p->grant = l->mps > l->mrrs ? l->mps : l->mrrs;
	p->grant = p->grant > PCIE_GRANT ? p->grant : PCIE_GRANT;
	/* The smallest piece that a header comes with is 64 bytes. */
	p->turn = p->grant + p->grant / 64 * PCIE_REQUEST;
}

struct pcie *pcie_new(struct evq *q, const struct pcie_config *config, unsigned functions)
{
	struct pcie *p;

	if (!config->tags || !functions || functions > UINT16_MAX)
		return NULL;
	p = calloc(1, sizeof(*p) + functions * sizeof(p->fn[0]));
	if (!p)
		return NULL;
	p->q = q;
	p->config = *config;
	p->functions = functions;
	event_init(&p->arbiter, arbiter_event);
	if (!pcie_link_init(&p->link, &config->link) || !alloc_pools(p)) {
		pcie_free(p);
		return NULL;
	}
	set_rates(p);
	return p;
}

void pcie_free(struct pcie *p)
{
	if (!p)
		return;
	evq_cancel(p->q, &p->arbiter);
	for (uint32_t i = 0; p->tag && i < p->config.tags; i++)
		evq_cancel(p->q, &p->tag[i].ev);
	free(p->tag);
	free(p->credit);
	free(p);
}

void pcie_set_host(struct pcie *p, pcie_host_fn *fn, void *ctx)
{
	p->host = fn;
	p->host_ctx = ctx;
}

/* ---- the two directions ---- */

/* What the next piece of a transaction takes longer at the host, where it arrives at `at`. */
static sim_time at_the_host(struct pcie *p, struct pcie_op *op, uint32_t len, sim_time at)
{
	if (!p->host || op->kind == PCIE_MSI)
		return op->extra;
	return op->extra + p->host(p->host_ctx, op, op->sent, len, at);
}

static sim_time to_host(struct pcie *p, sim_time now, uint32_t tlps, uint32_t bytes)
{
	p->stats.to_host.tlps += tlps;
	p->stats.to_host.bytes += bytes;
	return pcie_server_take(&p->to_host, now, bytes);
}

static sim_time to_device(struct pcie *p, sim_time now, uint32_t tlps, uint32_t bytes)
{
	p->stats.to_device.tlps += tlps;
	p->stats.to_device.bytes += bytes;
	return pcie_server_take(&p->to_device, now, bytes);
}

/* How many transactions an op stands for. */
static uint32_t count_of(const struct pcie_op *op)
{
	if (op->behind)
		return 2;
	return op->each == op->len ? 1 : op->len / op->each;
}

static void finish(struct pcie *p, struct pcie_op *op)
{
	struct pcie_fn_stats *s = &p->fn[op->fn].stats;

	op->link = NULL;
	p->stats.done[op->kind] += count_of(op);
	p->stats.done_bytes[op->kind] += op->len + op->behind;
	s->done[op->kind] += count_of(op);
	s->done_bytes[op->kind] += op->len + op->behind;
	op->done(op);
}

static struct pcie_op *op_of(struct event *ev)
{
	return (struct pcie_op *)((char *)ev - offsetof(struct pcie_op, ev));
}

static void done_event(struct event *ev)
{
	struct pcie_op *op = op_of(ev);

	finish(op->link, op);
}

/* ---- tags and credits ---- */

static void count_tags(struct pcie *p, sim_time now)
{
	p->stats.tag_time += (unsigned __int128)(now - p->counted) * p->stats.tags;
	p->counted = now;
}

static struct tag *take_tag(struct pcie *p, struct pcie_op *op, uint32_t len, uint32_t n)
{
	struct tag *t = p->free_tag;

	count_tags(p, evq_now(p->q));
	p->free_tag = t->next;
	*t = (struct tag){.ev = t->ev, .op = op, .len = len, .n = n};
	p->stats.tags += n;
	if (p->stats.tags > p->stats.tags_max)
		p->stats.tags_max = p->stats.tags;
	return t;
}

static void return_tags(struct pcie *p, sim_time now)
{
	while (p->returning && p->returning->end <= now) {
		struct tag *t = p->returning;

		count_tags(p, t->end);
		p->stats.tags -= t->n;
		p->returning = t->next;
		t->next = p->free_tag;
		p->free_tag = t;
	}
}

static void return_credits(struct pcie *p, sim_time now)
{
	while (p->credit_count && p->credit[p->credit_head].at <= now) {
		p->stats.credits -= p->credit[p->credit_head].n;
		p->credit_count--;
		if (++p->credit_head == p->config.write_credits)
			p->credit_head = 0;
	}
}

static void take_credits(struct pcie *p, uint32_t n, sim_time until)
{
	uint32_t i = p->credit_head + p->credit_count;

	p->credit[i < p->config.write_credits ? i : i - p->config.write_credits] =
		(struct credit){.at = until, .n = n};
	p->credit_count++;
	p->stats.credits += n;
	if (p->stats.credits > p->stats.credits_max)
		p->stats.credits_max = p->stats.credits;
}

/* ---- reads ---- */

/*
 * When the data of a request must be ready at the host, for a transaction alone to take what the
 * latency law says: the law is about its last byte at the device.
 */
static sim_time read_ready(struct pcie *p, struct pcie_op *op, sim_time from, sim_time at_host,
			   uint32_t len, uint32_t n)
{
	sim_time back = pcie_server_time(&p->to_device, n * pcie_completion_bytes(&p->link, len));
	sim_time extra = at_the_host(p, op, n * len, at_host);
	sim_time end = from + p->config.read_base + extra;

	if (end < op->stream && n == 1)
		end = op->stream;
	end += len * p->config.read_byte;
	if (end < at_host + extra + back)
		end = at_host + extra + back;
	op->stream = end;
	return end - back;
}

/* n requests of len bytes each. */
static void send_requests(struct pcie *p, struct pcie_op *op, uint32_t len, uint32_t n)
{
	struct tag *t = take_tag(p, op, len, n);
	sim_time now = evq_now(p->q), from = pcie_server_start(&p->to_host, now);
	sim_time at_host = to_host(p, now, n, n * p->link.request);

	p->stats.requests += n;
	evq_schedule(p->q, &t->ev, read_ready(p, op, from, at_host, len, n));
}

static void tag_event(struct event *ev)
{
	struct tag *t = (struct tag *)((char *)ev - offsetof(struct tag, ev));
	struct pcie_op *op = t->op;
	struct pcie *p = op->link;

	t->end = to_device(p, evq_now(p->q), t->n * pcie_pieces(t->len, p->link.completion),
			   t->n * pcie_completion_bytes(&p->link, t->len));
	t->next = NULL;
	if (p->returning)
		p->returning_last->next = t;
	else
		p->returning = t;
	p->returning_last = t;
	op->returned += t->n * t->len;
	if (op->returned == op->len)
		evq_schedule(p->q, &op->ev, t->end);
	if (p->round[READS].first)
		arbitrate(p);
}

/* ---- the arbiter ---- */

static bool may_go(const struct fn *f, unsigned class)
{
	const struct pcie_op *read = f->first[READS], *post = f->first[POSTED];

	if (class == POSTED)
		return post;
	return read && (!post || read->seq < post->seq);
}

/* Puts a function to the end of the round, if it has something for it and is not in. */
static void enlist(struct pcie *p, struct fn *f, unsigned class)
{
	if (f->listed[class] || !may_go(f, class))
		return;
	f->listed[class] = true;
	f->next[class] = NULL;
	if (f->turn[class] <= 0)
		f->turn[class] += p->turn;
	if (p->round[class].first)
		p->round[class].last->next[class] = f;
	else
		p->round[class].first = f;
	p->round[class].last = f;
}

/* After a grant to the first of the round: is its turn over? */
static void end_turn(struct pcie *p, struct fn *f, unsigned class, uint32_t bytes)
{
	f->stats.granted[class] += bytes;
	f->turn[class] -= bytes;
	if (f->turn[class] > 0 && may_go(f, class))
		return;
	p->round[class].first = f->next[class];
	f->listed[class] = false;
	enlist(p, f, class);
}

/* The transaction is on its way as a whole. */
static void unqueue(struct fn *f, unsigned class)
{
	f->first[class] = f->first[class]->next;
	if (!f->first[class])
		f->last[class] = NULL;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* A write that arrives so waits for those before it, if they take longer. */
static sim_time in_memory(struct pcie *p, struct pcie_op *op, uint32_t len, sim_time arrival)
{
	sim_time at = arrival + p->config.write_latency + at_the_host(p, op, len, arrival);

	if (at < p->written)
		at = p->written;
	p->written = at;
	return at;
}

static void grant_write(struct pcie *p, struct fn *f)
{
	struct pcie_op *op = f->first[POSTED];
	uint32_t most = p->grant, len, tlps, bytes;
	sim_time at;

	if (p->config.write_credits)
		most = least(most, (p->config.write_credits - p->stats.credits) * p->link.mps);
	len = least(op->len - op->sent, most);
	tlps = pcie_pieces(len, p->link.mps);
	bytes = pcie_write_bytes(&p->link, len);
	if (op->behind && op->sent + len == op->len) { /* it goes along, credits or not */
		tlps += pcie_pieces(op->behind, p->link.mps);
		bytes += pcie_write_bytes(&p->link, op->behind);
	}
	at = in_memory(p, op, len, to_host(p, evq_now(p->q), tlps, bytes));
	if (p->config.write_credits)
		take_credits(p, least(tlps, p->config.write_credits - p->stats.credits), at);
	op->sent += len;
	if (op->sent == op->len) {
		unqueue(f, POSTED);
		evq_schedule(p->q, &op->ev, at);
	}
	end_turn(p, f, POSTED, bytes);
	enlist(p, f, READS);
}

static void grant_read(struct pcie *p, struct fn *f)
{
	struct pcie_op *op = f->first[READS];
	uint32_t end = least(op->len - op->sent, p->grant) + op->sent, bytes = 0;

	while (op->sent < end && p->stats.tags < p->config.tags) {
		uint32_t len = least(op->len - op->sent, p->link.mrrs), n = 1;

		if (op->each < op->len) {
			len = op->each;
			n = least((end - op->sent + len - 1) / len, p->config.tags - p->stats.tags);
		}
		send_requests(p, op, len, n);
		bytes += n * pcie_completion_bytes(&p->link, len);
		op->sent += n * len;
	}
	if (op->sent == op->len)
		unqueue(f, READS);
	end_turn(p, f, READS, bytes);
}

/* Does the issue limit let the class's next transaction begin? If not, *wake is when at the latest.
 */
static bool paced(const struct pcie *p, unsigned class, sim_time *wake)
{
	const struct pcie_op *op = p->round[class].first->first[class];
	const struct pcie_server *pace = &p->pace[class];

	if (!pace->num || op->sent || op->kind == PCIE_MSI || pace->at <= evq_now(p->q))
		return true;
	if (pace->at < *wake)
		*wake = pace->at;
	return false;
}

static bool write_can_go(struct pcie *p, sim_time *wake)
{
	if (!p->round[POSTED].first)
		return false;
	if (p->config.write_credits) {
		return_credits(p, evq_now(p->q));
		if (p->stats.credits == p->config.write_credits) {
			if (p->credit[p->credit_head].at < *wake)
				*wake = p->credit[p->credit_head].at;
			return false;
		}
	}
	return paced(p, POSTED, wake);
}

static bool read_can_go(struct pcie *p, sim_time *wake)
{
	if (!p->round[READS].first)
		return false;
	return_tags(p, evq_now(p->q));
	if (p->stats.tags >= p->config.tags) {
		if (p->returning && p->returning->end < *wake)
			*wake = p->returning->end;
		return false;
	}
	return paced(p, READS, wake);
}

static void grant(struct pcie *p, unsigned class)
{
	struct fn *f = p->round[class].first;
	const struct pcie_op *op = f->first[class];

	if (p->pace[class].num && !op->sent && op->kind != PCIE_MSI)
		pcie_server_take(&p->pace[class], evq_now(p->q), 1);
	if (class == POSTED)
		grant_write(p, f);
	else
		grant_read(p, f);
}

/* Grants what can be granted now. Returns when to look again, SIM_NEVER if only a tag is waited
 * for. */
static sim_time grant_all(struct pcie *p)
{
	sim_time now = evq_now(p->q), wake = SIM_NEVER;

	while (p->round[POSTED].first || p->round[READS].first) {
		sim_time start = pcie_server_start(&p->to_host, now);
		bool write, read;
		unsigned class;

		if (start > now + p->ahead)
			return start - p->ahead / 2;
		write = write_can_go(p, &wake);
		read = read_can_go(p, &wake);
		if (!write && !read)
			return wake;
		class = write && read ? p->preferred : read ? READS : POSTED;
		p->preferred = class == READS ? POSTED : READS;
		grant(p, class);
		wake = SIM_NEVER;
	}
	return SIM_NEVER;
}

static void arbitrate(struct pcie *p)
{
	sim_time wake = grant_all(p);

	if (wake == SIM_NEVER)
		evq_cancel(p->q, &p->arbiter);
	else if (!event_pending(&p->arbiter) || p->arbiter.at != wake)
		evq_rearm(p->q, &p->arbiter, wake);
}

/* ---- a CPU and the device's registers ---- */

static void register_write(struct pcie *p, struct pcie_op *op)
{
	uint32_t n = count_of(op);
	sim_time end = to_device(p, evq_now(p->q), n * pcie_pieces(op->each, p->link.mps),
				 n * pcie_write_bytes(&p->link, op->each));

	event_init(&op->ev, done_event);
	evq_schedule(p->q, &op->ev, end + p->config.mmio_write + op->extra);
}

static void register_answer(struct event *ev)
{
	struct pcie_op *op = op_of(ev);
	struct pcie *p = op->link;
	uint32_t n = count_of(op);
	sim_time end = to_host(p, evq_now(p->q), n * pcie_pieces(op->each, p->link.completion),
			       n * pcie_completion_bytes(&p->link, op->each));

	event_init(&op->ev, done_event);
	evq_schedule(p->q, &op->ev, end);
}

static void register_read(struct pcie *p, struct pcie_op *op)
{
	sim_time now = evq_now(p->q), from = pcie_server_start(&p->to_device, now);
	uint32_t n = count_of(op);
	sim_time back =
		pcie_server_time(&p->to_host, n * pcie_completion_bytes(&p->link, op->each));
	sim_time earliest = to_device(p, now, n, n * p->link.request) + op->extra;
	sim_time end = from + p->config.mmio_read + op->extra;

	event_init(&op->ev, register_answer);
	evq_schedule(p->q, &op->ev, end > earliest + back ? end - back : earliest);
}

sim_time pcie_register_time(const struct pcie *p, sim_time at, uint32_t n)
{
	sim_time there = pcie_server_start(&p->to_device, at) - at;
	sim_time back = pcie_server_start(&p->to_host, at) - at;
	sim_time link = pcie_server_time(&p->to_device, p->link.request) +
			pcie_server_time(&p->to_host, PCIE_COMPLETION + PCIE_REGISTER);

	return there + back + n * (p->config.mmio_read > link ? p->config.mmio_read : link);
}

/* ---- transactions ---- */

static void enqueue(struct pcie *p, struct pcie_op *op, unsigned class)
{
	struct fn *f = &p->fn[op->fn];

	op->seq = class == READS && op->loose ? 0 : ++f->seq;
	event_init(&op->ev, done_event);
	if (f->first[class])
		f->last[class]->next = op;
	else
		f->first[class] = op;
	f->last[class] = op;
	enlist(p, f, class);
	arbitrate(p);
}

static void submit(struct pcie *p, struct pcie_op *op)
{
	p->stats.begun[op->kind] += count_of(op);
	switch ((enum pcie_kind)op->kind) {
	case PCIE_MMIO_WRITE:
		register_write(p, op);
		break;
	case PCIE_MMIO_READ:
		register_read(p, op);
		break;
	case PCIE_READ:
		enqueue(p, op, READS);
		break;
	default:
		enqueue(p, op, POSTED);
		break;
	}
}

static void begin(struct pcie *p, unsigned fn, struct pcie_op *op, enum pcie_kind kind,
		  uint32_t each, uint32_t count)
{
	SIM_ASSERT(p->q, !op->link);
	SIM_ASSERT(p->q, fn < p->functions);
	SIM_ASSERT(p->q, each > 0 && count > 0);
	op->link = p;
	op->next = NULL;
	op->submitted = evq_now(p->q);
	op->extra = op->stream = 0;
	op->len = each * count;
	op->each = each;
	op->behind = op->sent = op->returned = 0;
	op->fn = (uint16_t)fn;
	op->kind = (uint8_t)kind;
}

void pcie_submit_extra(struct pcie *p, unsigned fn, struct pcie_op *op, enum pcie_kind kind,
		       uint32_t len, sim_time extra)
{
	begin(p, fn, op, kind, kind == PCIE_MSI ? PCIE_MSI_BYTES : len, 1);
	op->extra = extra;
	submit(p, op);
}

void pcie_submit_run(struct pcie *p, unsigned fn, struct pcie_op *op, enum pcie_kind kind,
		     uint32_t len, uint32_t count)
{
	SIM_ASSERT(p->q, kind != PCIE_READ || len <= p->link.mrrs);
	SIM_ASSERT(p->q, kind != PCIE_WRITE && kind != PCIE_MSI);
	begin(p, fn, op, kind, len, count);
	submit(p, op);
}

void pcie_submit_writes(struct pcie *p, unsigned fn, struct pcie_op *op, uint32_t len,
			uint32_t behind)
{
	begin(p, fn, op, PCIE_WRITE, len, 1);
	op->behind = behind;
	submit(p, op);
}

/* ---- what came of it ---- */

void pcie_stats(struct pcie *p, struct pcie_stats *out)
{
	return_tags(p, evq_now(p->q));
	count_tags(p, evq_now(p->q));
	if (p->config.write_credits)
		return_credits(p, evq_now(p->q));
	*out = p->stats;
}

const struct pcie_fn_stats *pcie_fn_stats(const struct pcie *p, unsigned fn)
{
	return &p->fn[fn].stats;
}

sim_time pcie_busy(const struct pcie *p, uint64_t bytes)
{
	return (sim_time)((unsigned __int128)bytes * p->link.num / p->link.den);
}

static sim_time busy_until_now(const struct pcie *p, const struct pcie_server *s, uint64_t bytes)
{
	sim_time busy = pcie_busy(p, bytes), now = evq_now(p->q);
	sim_time ahead = s->at > now ? s->at - now : 0;

	return busy > ahead ? busy - ahead : 0;
}

void pcie_busy_now(const struct pcie *p, sim_time *to_host, sim_time *to_device)
{
	*to_host = busy_until_now(p, &p->to_host, p->stats.to_host.bytes);
	*to_device = busy_until_now(p, &p->to_device, p->stats.to_device.bytes);
}

void pcie_granted(const struct pcie *p, sim_time busy[2], sim_time until[2])
{
	busy[0] = pcie_busy(p, p->stats.to_host.bytes);
	busy[1] = pcie_busy(p, p->stats.to_device.bytes);
	until[0] = p->to_host.at;
	until[1] = p->to_device.at;
}

uint64_t pcie_utilization(const struct pcie *p, uint64_t bytes, sim_time elapsed)
{
	unsigned __int128 busy = (unsigned __int128)bytes * p->link.num / p->link.den;

	return elapsed ? (uint64_t)(busy * 1000000 / elapsed) : 0;
}
