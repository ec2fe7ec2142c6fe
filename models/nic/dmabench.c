/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dmabench.c - tokens, their transactions, and when the next begins. See dmabench.h. */
#include "dmabench.h"

#include <string.h>

static void token_done(struct dmabench_token *t);

/* ---- memory ---- */

uint64_t dmabench_memory(const struct dmabench_config *c)
{
	uint64_t bytes = (c->window + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);

	/* The last page of cyclic or zipf may be cut by the window, its operation is not. */
	return bytes + DMABENCH_BYTES + (c->op == DMABENCH_PACKETS ? 2 * DMABENCH_RING : 0);
}

static uint64_t ring(const struct dmabench *b, unsigned direction)
{
	return dmabench_memory(&b->cfg) - (2 - direction) * DMABENCH_RING;
}

static hpa_t machine_address(const struct dmabench *b, uint64_t offset)
{
	return (hpa_t){b->page[offset >> PAGE_SHIFT].a | (offset & (PAGE_BYTES - 1))};
}

/* The address that the device uses. */
static uint64_t io_address(const struct dmabench *b, const struct dmabench_token *t,
			   uint64_t offset)
{
	if (b->cfg.per_op)
		return (t->dma[(offset >> PAGE_SHIFT) - (t->offset >> PAGE_SHIFT)] &
			~(uint64_t)(PAGE_BYTES - 1)) |
		       (offset & (PAGE_BYTES - 1));
	return b->iova + offset;
}

static void count_access(struct dmabench *b, const struct dmabench_token *t,
			 const struct iommu_hit *hit, enum iommu_status s)
{
	if (t->started < b->cfg.warmup)
		return;
	b->hits += hit->hit;
	b->misses += !hit->hit;
	b->walk_reads += hit->reads;
	b->faults += s != IOMMU_OK;
}

/* One page's worth of a piece, at most *len bytes: what it takes longer at the host. */
static sim_time host_page(struct dmabench *b, const struct dmabench_xfer *x, uint64_t offset,
			  uint64_t *len, sim_time at)
{
	struct dmabench_device *d = b->dev;
	unsigned access = x->op.kind == PCIE_WRITE ? IOMMU_WRITE : IOMMU_READ;
	uint64_t rest = page_rest(offset);
	hpa_t mine = machine_address(b, offset);
	struct iommu_hit hit;
	enum iommu_status s;

	sim_time cache;

	*len = *len < rest ? *len : rest;
	cache = llc_dma(d->llc, d->node, mine, (uint32_t)*len, access == IOMMU_WRITE);
	if (!d->translates)
		return cache;
	s = iommu_translate(d->io, d->requester, (iova_t){io_address(b, x->token, offset)}, *len,
			    access, at, &hit);
	count_access(b, x->token, &hit, s);
	if (s == IOMMU_OK && !hit.stale && hit.hpa.a != mine.a)
		mem_violation(d->mem, at, "dma", "a translation leads elsewhere", hit.hpa);
	return iommu_wait(d->io, &hit, at) + cache;
}

/* pcie_host_fn; its pages are asked for at once. */
static sim_time at_host(void *ctx, struct pcie_op *op, uint32_t from, uint32_t len, sim_time at)
{
	struct dmabench_xfer *x = (struct dmabench_xfer *)op;
	struct dmabench *b = x->token->bench;
	uint64_t offset = x->offset + from, end = offset + len;
	sim_time longest = 0;

	(void)ctx;
	while (offset < end) {
		uint64_t part = end - offset;
		sim_time t = host_page(b, x, offset, &part, at);

		longest = t > longest ? t : longest;
		offset += part;
	}
	if (op->kind == PCIE_WRITE) {
		if (at + longest > b->written)
			b->written = at + longest;
	} else if (b->written > at + longest) {
		longest = b->written - at;
	}
	return longest;
}

/* ---- books ---- */

static void book(struct dmabench *b, const struct dmabench_token *t, sim_time now)
{
	struct dmabench_counts *n = &b->n;

	if (now >= b->cfg.warmup && now <= b->stopped) {
		if (!n->counted++)
			n->first = now;
		n->last = now;
	}
	if (t->started < b->cfg.warmup)
		return;
	n->done++;
	hist_add(&n->latency, now - t->started);
}

/* One more is offered at `at`. */
static void offered(struct dmabench *b, sim_time at)
{
	b->n.offered += at >= b->cfg.warmup;
	if (++b->begun < b->cfg.count)
		return;
	b->stopped = evq_now(b->dev->q);
	b->done(b->ctx, b);
}

/* ---- a token's operation ---- */

static void submit(struct dmabench_token *t, unsigned i, struct pcie_step s, uint64_t offset)
{
	t->xfer[i].offset = offset;
	pcie_submit(t->bench->dev->pcie, t->bench->fn, &t->xfer[i].op, s.kind, s.len);
}

/* What is no data of the packet goes to the ring. */
static void submit_packets(struct dmabench_token *t)
{
	struct dmabench *b = t->bench;
	struct pcie_step step[DMABENCH_STEPS];
	uint64_t n = b->packets++, slot = n * PCIE_DESCRIPTOR % DMABENCH_RING;
	unsigned tx = pcie_tx_steps(b->cfg.traffic, n, b->cfg.size, step);
	unsigned all = tx + pcie_rx_steps(b->cfg.traffic, n, b->cfg.size, step + tx);
	uint64_t received = dmabench_pick(&b->picker);

	t->left = all;
	for (unsigned i = 0; i < all; i++) {
		bool data = step[i].len == b->cfg.size &&
			    step[i].kind == (i < tx ? PCIE_READ : PCIE_WRITE);
		uint64_t room = DMABENCH_RING - step[i].len;

		submit(t, i, step[i],
		       !data    ? ring(b, i >= tx) + (slot < room ? slot : room)
		       : i < tx ? t->offset
				: received);
	}
}

static void submit_all(struct dmabench_token *t)
{
	struct dmabench *b = t->bench;
	uint32_t size = b->cfg.size;

	switch (b->cfg.op) {
	case DMABENCH_PACKETS:
		submit_packets(t);
		return;
	case DMABENCH_BOTH:
		t->left = 2;
		submit(t, 0, (struct pcie_step){PCIE_READ, size}, t->offset);
		submit(t, 1, (struct pcie_step){PCIE_WRITE, size}, dmabench_pick(&b->picker));
		return;
	case DMABENCH_WRITE_READ:
		t->left = 2;
		submit(t, 0, (struct pcie_step){PCIE_WRITE, size}, t->offset);
		submit(t, 1, (struct pcie_step){PCIE_READ, size}, t->offset);
		return;
	default:
		t->left = 1;
		submit(t, 0,
		       (struct pcie_step){b->cfg.op == DMABENCH_READ ? PCIE_READ : PCIE_WRITE,
					  size},
		       t->offset);
	}
}

/* The token's next operation, which arrived at `at`. */
static void begin(struct dmabench_token *t, sim_time at)
{
	struct dmabench *b = t->bench;

	t->started = at;
	t->offset = dmabench_pick(&b->picker);
	b->away++;
	++*b->live;
	offered(b, at);
}

static void put_idle(struct dmabench_token *t)
{
	t->next = t->bench->idle;
	t->bench->idle = t;
}

static void ended(struct dmabench_token *t, sim_time now)
{
	struct dmabench *b = t->bench;

	book(b, t, now);
	b->away--;
	--*b->live;
}

static void xfer_done(struct pcie_op *op)
{
	struct dmabench_token *t = ((struct dmabench_xfer *)op)->token;

	if (!--t->left)
		token_done(t);
}

/* ---- open: arrivals ---- */

static void next_arrival(struct dmabench *b)
{
	if (b->cfg.source == DMABENCH_CONSTANT)
		b->next_at = pcie_server_take(&b->gap, 0, 1);
	else
		b->next_at += rng_exp(&b->rng, (SIM_S + b->cfg.rate / 2) / b->cfg.rate);
}

/* Begins what has arrived and finds a token; then waits for the next. */
static void arrivals(struct dmabench *b)
{
	sim_time now = evq_now(b->dev->q);

	while (b->begun < b->cfg.count && b->next_at <= now) {
		struct dmabench_token *t = b->idle;

		if (t) {
			b->idle = t->next;
			begin(t, b->next_at);
			submit_all(t);
		} else if (b->cfg.drop) {
			b->n.drops += b->next_at >= b->cfg.warmup;
			offered(b, b->next_at);
		} else {
			return; /* the next token that comes back takes it */
		}
		next_arrival(b);
	}
	if (b->begun < b->cfg.count)
		evq_rearm(b->dev->q, &b->arrival, b->next_at);
}

static void arrival_event(struct event *ev)
{
	arrivals((struct dmabench *)((char *)ev - offsetof(struct dmabench, arrival)));
}

/* ---- per_op: a CPU's turn, of one operation, so that CPUs meet in the order of time ---- */

static bool map_token(struct dmabench_token *t)
{
	struct dmabench *b = t->bench;
	unsigned perm = b->cfg.op == DMABENCH_READ ? IOMMU_READ : IOMMU_WRITE;
	uint64_t last = (t->offset + b->cfg.size - 1) >> PAGE_SHIFT;

	t->pages = 0;
	for (uint64_t p = t->offset >> PAGE_SHIFT; p <= last; p++, t->pages++)
		if (!plat_dma_map_page(&b->pl, &b->dev->dma, b->page[p], perm, &t->dma[t->pages]))
			return false;
	return true;
}

static void unmap_token(struct dmabench_token *t)
{
	struct dmabench *b = t->bench;

	for (unsigned i = 0; i < t->pages; i++) {
		plat_dma_unmap_page(&b->pl, &b->dev->dma, t->dma[i]);
		if (b->dev->dma.each || i + 1 == t->pages)
			plat_dma_unmapped(&b->pl, &b->dev->dma);
	}
}

/* Takes one that is done, and gets the next ready. */
static void turn_token(struct dmabench *b, struct dmabench_token *t)
{
	if (t->pages) {
		unmap_token(t);
		ended(t, b->pl.clk->now);
		t->pages = 0;
	}
	if (b->begun == b->cfg.count) {
		put_idle(t);
		return;
	}
	begin(t, b->pl.clk->now);
	if (!map_token(t)) /* as many I/O pages as all tokens take: cannot be */
		mem_violation(b->dev->mem, b->pl.clk->now, "dma", "no I/O page", b->page[0]);
	t->next = b->ready;
	b->ready = t;
}

static void cpu_burst(struct worker *w)
{
	struct dmabench *b = (struct dmabench *)((char *)w - offsetof(struct dmabench, worker));

	struct dmabench_token *t = b->finished;

	if (!t)
		return;
	b->finished = t->next;
	turn_token(b, t);
}

static bool cpu_commit(struct worker *w)
{
	struct dmabench *b = (struct dmabench *)((char *)w - offsetof(struct dmabench, worker));

	while (b->ready) {
		struct dmabench_token *t = b->ready;

		b->ready = t->next;
		submit_all(t);
	}
	return b->finished;
}

static void put_finished(struct dmabench_token *t)
{
	struct dmabench *b = t->bench;

	t->next = NULL;
	if (b->finished)
		b->finished_last->next = t;
	else
		b->finished = t;
	b->finished_last = t;
	cpu_wake(&b->worker, 0);
}

/* ---- what comes after an operation ---- */

static void token_done(struct dmabench_token *t)
{
	struct dmabench *b = t->bench;
	sim_time now = evq_now(b->dev->q);

	if (b->cfg.per_op) {
		put_finished(t);
		return;
	}
	ended(t, now);
	if (b->cfg.source == DMABENCH_CLOSED && b->begun < b->cfg.count) {
		begin(t, now);
		submit_all(t);
		return;
	}
	put_idle(t);
	if (b->begun < b->cfg.count && b->next_at <= now)
		arrivals(b);
}

/* ---- life ---- */

bool dmabench_device_init(struct dmabench_device *d, struct evq *q, const struct pcie_config *pcie,
			  unsigned functions)
{
	d->q = q;
	d->pcie = pcie_new(q, pcie, functions);
	if (!d->pcie)
		return false;
	d->taken = g_new0(bool, functions);
	pcie_set_host(d->pcie, at_host, NULL);
	return true;
}

void dmabench_device_fini(struct dmabench_device *d)
{
	pcie_free(d->pcie);
	plat_dma_fini(&d->dma);
	g_free(d->taken);
}

static void init_tokens(struct dmabench *b)
{
	b->token = g_new0(struct dmabench_token, b->cfg.outstanding);
	for (uint32_t i = b->cfg.outstanding; i-- > 0;) {
		struct dmabench_token *t = &b->token[i];

		t->bench = b;
		for (unsigned k = 0; k < DMABENCH_STEPS; k++) {
			pcie_op_init(&t->xfer[k].op, xfer_done);
			t->xfer[k].token = t;
		}
		put_idle(t);
	}
}

void dmabench_init(struct dmabench *b, struct dmabench_device *d, uint16_t fn,
		   const struct dmabench_config *c, const char *name, struct cpu *cpu)
{
	g_autofree char *stream = g_strconcat("dma.", name, ".arrivals", NULL);

	b->cfg = *c;
	b->dev = d;
	b->fn = fn;
	b->stopped = SIM_NEVER;
	b->gap = (struct pcie_server){.num = SIM_S, .den = c->rate ? c->rate : 1};
	d->taken[fn] = true;
	event_init(&b->arrival, arrival_event);
	rng_init(&b->rng, c->seed, stream);
	dmabench_picker_init(&b->picker, c, name);
	hist_init(&b->n.latency);
	init_tokens(b);
	if (!cpu)
		return;
	b->pl = (struct plat){.clk = &cpu->clk, .mem = d->mem};
	worker_init(&b->worker, cpu, cpu_burst, cpu_commit);
}

/* What the caches hold of the window at time 0. */
static void warm_up(struct dmabench *b)
{
	const struct dmabench_device *d = b->dev;
	uint32_t found[LLC_PLACES] = {0};

	if (!d->llc || b->cfg.warm == DMABENCH_COLD)
		return;
	for (uint64_t at = 0; at < b->cfg.window; at += PAGE_BYTES) {
		hpa_t hpa = b->page[at >> PAGE_SHIFT];

		if (b->cfg.warm == DMABENCH_HOST)
			llc_cpu(d->llc, 0, d->node, hpa, PAGE_BYTES, true, found);
		else
			llc_dma(d->llc, d->node, hpa, PAGE_BYTES, true);
	}
}

void dmabench_start(struct dmabench *b)
{
	warm_up(b);
	if (b->cfg.source != DMABENCH_CLOSED) {
		next_arrival(b);
		arrivals(b);
		return;
	}
	while (b->idle && b->begun < b->cfg.count) {
		struct dmabench_token *t = b->idle;

		b->idle = t->next;
		if (b->cfg.per_op) {
			put_finished(t);
			continue;
		}
		begin(t, evq_now(b->dev->q));
		submit_all(t);
	}
}

void dmabench_quiesce(struct dmabench *b)
{
	for (uint32_t i = 0; i < b->cfg.outstanding; i++)
		if (b->token[i].pages)
			unmap_token(&b->token[i]);
}

void dmabench_fini(struct dmabench *b)
{
	hist_fini(&b->n.latency);
	dmabench_picker_fini(&b->picker);
	g_free(b->token);
}
