/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap_guest.c - a guest: its memory and buffers, its kernel and its process, as workers.
 *
 * The guest's memory is one mapping, handed out from its beginning. What is in it, guest_build.h
 * decides, as in the simulator.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "sim/sim_error.h"
#include "tap.h"

/* ---- workers --------------------------------------------------------------------------------- */

static unsigned grx_turn(struct tap_guest *g, bool *more)
{
	gnet_rx_burst(&g->net);
	*more = gnet_rx_commit(&g->net);
	if (g->app)
		guest_app_called(g);
	return g->net.rxb.work;
}

static unsigned gread_turn(struct tap_guest *g, bool *more)
{
	gnet_read_burst(&g->net);
	*more = gnet_read_commit(&g->net);
	if (g->app)
		guest_app_called(g);
	return g->net.readb.work;
}

/* The bytes are the guest's, or nobody's. */
static void release(struct frame *f)
{
	sender_release(f);
	f->bytes = NULL;
}

static void drop(struct tap_guest *g, struct frame *f, enum drop_reason why)
{
	release(f);
	plat_drop(&g->pl, f, why);
}

static void send_one(struct tap_guest *g, struct frame *f)
{
	if (f->len > g->net.max_frame)
		drop(g, f, DROP_OVERSIZE);
	else if (!gnet_tx_room(&g->net) || gnet_send(&g->net, f) != GNET_SENT)
		drop(g, f, DROP_SEND_FULL);
	else
		release(f);
}

/* Is a frame to be sent now? Else *due is when, or never. */
static bool next_is_due(struct tap_guest *g, plat_time now, plat_time *due)
{
	struct tap *t = g->tap;
	sim_time at, since = now > t->start ? now - t->start : 0;

	*due = PLAT_NEVER;
	guest_loops_heed(g);
	if (!t->start || !sender_peek(&g->sender, since, &at))
		return false;
	if (t->lockstep)
		return __atomic_load_n(&g->allowed, __ATOMIC_ACQUIRE) != g->begun;
	if (at <= since && now >= t->start)
		return true;
	*due = t->start + at;
	return false;
}

/* The process sends what is due, until its queue is full. */
static unsigned send_burst(struct tap_guest *g, plat_time *due)
{
	unsigned n;

	for (n = 0; n < DPATH_BURST && next_is_due(g, plat_now(&g->pl), due); n++) {
		struct frame *f;
		bool room = gnet_tx_room(&g->net) && plat_pool_free(&g->tx_world.pool);
		if (!room &&
		    (!sender_next(&g->sender)->drop || !plat_pool_free(&g->tx_world.pool))) {
			g->tx_full = true;
			break;
		}
		f = sender_take(&g->sender);
		g->begun++;
		if (f)
			send_one(g, f);
	}
	return n;
}

static bool has_ended(struct tap_guest *g)
{
	sim_time at, now = plat_now(&g->pl);

	return g->tap->start && now >= g->tap->start && !g->sender.live &&
	       !sender_peek(&g->sender, now - g->tap->start, &at);
}

static unsigned gtx_turn(struct tap_guest *g, bool *more)
{
	unsigned n;

	g->tx_full = false;
	gnet_tx_begin(&g->net);
	n = send_burst(g, &g->gtx.due);
	if (g->app && !g->tx_full)
		n += guest_app_send(g, DPATH_BURST - n);
	g->gtx.deaf = g->tx_full;
	*more = gnet_tx_commit(&g->net, g->tx_full);
	if (g->tx_full)
		return n;
	*more |= n == DPATH_BURST;
	if (!n && g->sending && has_ended(g))
		__atomic_store_n(&g->sending, 0, __ATOMIC_RELEASE);
	else if (n && g->gtx.due == PLAT_NEVER && g->sending)
		*more = true; /* to find out */
	return n;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void rx_done(void *arg, const struct frame *f, int fate)
{
	struct tap_guest *g = arg;

	if (fate < 0)
		g->bad_stages += !book_times(book_of(f), f);
}

static struct book *tx_book(void *ctx, const struct source *s, const struct tframe *t)
{
	struct tap_guest *g = ctx;

	(void)s;
	return t->at < g->tap->warmup ? &g->warm_tx : &g->tx;
}

/* As many frames as can be under way at a time, and some more. */
static bool pools_init(struct tap_guest *g, GError **error)
{
	uint32_t size = (uint32_t)cfg_u64(g->cfg, "queue_size");
	unsigned rx = g->net.rx_n + g->dp.rx_pool.n + g->dp.to_vmm.mask + size + 4 * DPATH_BURST;
	unsigned tx = 2 * size + g->dp.tx_pool.n + g->port.ring + 4 * DPATH_BURST;

	if (!plat_pool_init(&g->rx_world.pool, rx) || !plat_pool_init(&g->tx_world.pool, tx)) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT, "no memory for frames of %s",
			    cfg_name(g->cfg));
		return false;
	}
	g->rx_world.pool.done = g->tx_world.pool.done = rx_done;
	g->rx_world.pool.done_arg = g->tx_world.pool.done_arg = g;
	g->tx_world.at_once = g->tap->lockstep;
	return true;
}

static void books_init(struct tap_guest *g)
{
	book_init(&g->rx);
	book_init(&g->tx);
	book_init(&g->warm_rx);
	book_init(&g->warm_tx);
	stages_init(&g->rx_stages);
	stages_init(&g->tx_stages);
	g->rx.stages = &g->rx_stages;
	g->tx.stages = &g->tx_stages;
}

/* ---- memory for guest_build.h ---------------------------------------------------------------- */

static void *array(void *ctx, size_t n, size_t size)
{
	return tap_array(((struct tap_guest *)ctx)->tap, n, size);
}

static bool kernel(void *ctx, uint64_t bytes, uint64_t align, gpa_t *at)
{
	struct tap_guest *g = ctx;
	uint64_t from = (g->bump + align - 1) & ~(align - 1);

	if (from + bytes > g->pl.bytes || from + bytes < from)
		return false;
	g->bump = from + bytes;
	at->a = from;
	return true;
}

static bool page(void *ctx, gpa_t *at)
{
	return kernel(ctx, PAGE_BYTES, PAGE_BYTES, at);
}

static bool user(void *ctx, uint64_t bytes, gva_t *at)
{
	gpa_t gpa;

	if (!kernel(ctx, bytes, PAGE_BYTES, &gpa))
		return false;
	at->a = gpa.a;
	return true;
}

/* So that no page's first use is a fault in the middle of a frame: what is there stays. */
static void touch(uint8_t *mem, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) {
		volatile uint8_t *p = mem + at;
		uint8_t same = *p;

		*p = same;
	}
}

/* In pieces of a page, as the simulator's: so a frame in them has as many segments. */
static void hbufs(void *ctx, struct hbuf_pool *p, uint32_t n, uint32_t bytes)
{
	struct tap *t = ((struct tap_guest *)ctx)->tap;
	bool half = bytes <= PAGE_BYTES / 2; /* two to a page */
	uint32_t piece = half ? PAGE_BYTES / 2 : PAGE_BYTES;
	uint8_t *mem;

	*p = (struct hbuf_pool){.n = n, .per = half ? 1 : (bytes + PAGE_BYTES - 1) / PAGE_BYTES};
	p->bytes = p->per * piece;
	mem = tap_array(t, (size_t)n * p->bytes + PLAT_REAL_SLACK, 1);
	touch(mem, (uint64_t)n * p->bytes + PLAT_REAL_SLACK);
	mem = plat_real_hbufs(mem);
	p->piece = tap_array(t, (size_t)n * p->per, sizeof(*p->piece));
	p->dma = tap_array(t, (size_t)n * p->per, sizeof(*p->dma));
	p->stack = tap_array(t, n, sizeof(*p->stack));
	p->lent = tap_array(t, n, sizeof(*p->lent));
	for (uint32_t i = 0; i < n * p->per; i++) {
		p->piece[i] = (struct piece){mem + (size_t)i * piece, piece};
		p->dma[i] = (uintptr_t)p->piece[i].p;
	}
	for (uint32_t i = 0; i < n; i++)
		p->stack[p->top++] = n - 1 - i;
}

static const struct guest_memory memory = {array, page, kernel, user, hbufs};

/* ---- building -------------------------------------------------------------------------------- */

static void build_parts(struct tap_guest *g)
{
	g->parts = (struct guest_parts){
		.cfg = g->cfg,
		.host = g->tap->host,
		.mem = &memory,
		.ctx = g,
		.flows = g->tap->flows,
		.rx_ring = (uint32_t)cfg_u64(g->nic->cfg, "rx_ring"),
		.tx_ring = (uint32_t)cfg_u64(g->nic->cfg, "tx_ring"),
		.net = &g->net,
		.vio = &g->vio,
		.split = &g->split,
		.place = &g->place,
		.dp = &g->dp,
		.cluster = &g->cluster,
		.tx_batch = &g->tx_batch,
		.tx_end = &g->tx_end,
	};
	guest_build_driver(&g->parts, (uint32_t)cfg_u64(g->nic->cfg, "mtu") + 18, false,
			   cfg_bool(g->nic->cfg, "rx_csum"));
	g->net.rx_pl = g->net.tx_pl = &g->pl;
	g->net.poll = cfg_choice(g->cfg, "receive") == 1;
	g->net.weight = (unsigned)cfg_u64(g->cfg, "napi_weight");
	g->net.read_weight = DPATH_BURST;
	g->net.read_line = &g->read_line;
}

static void add_worker(struct tap_guest *g, struct worker *w,
		       unsigned (*turn)(struct tap_guest *, bool *), const struct plat_line *line,
		       bool polls)
{
	*w = (struct worker){.g = g, .turn = turn};
	side_add(&g->side, w, polls);
	worker_line(w, line);
}

static void build_side(struct tap_guest *g)
{
	side_init(&g->side, g->tap, cfg_name(g->cfg), 3, 0);
	side_line(&g->side, &g->rx_intr);
	side_line(&g->side, &g->tx_intr);
	side_line(&g->side, &g->read_line);
	add_worker(g, &g->grx, grx_turn, &g->rx_intr, g->net.poll);
	add_worker(g, &g->gread, gread_turn, &g->read_line, false);
	add_worker(g, &g->gtx, gtx_turn, &g->tx_intr, false);
	worker_line(&g->gtx, &g->app_line);
	g->gtx.due = g->sender.source ? 0 : PLAT_NEVER; /* looks once */
	g->vio.rx_kick = &g->rx_kick;
	g->vio.tx_kick = &g->tx_kick;
}

static bool build_alarms(struct tap_guest *g, GError **error)
{
	g->cluster_alarm.fd = g->tx_alarm.fd = -1;
	guest_build_cluster(&g->parts, &g->cluster_alarm);
	guest_build_txbatch(&g->parts, &g->tx_alarm);
	if ((g->dp.cluster && !plat_line_init_alarm(&g->cluster_alarm)) ||
	    (g->vio.tx_batch && !plat_line_init_alarm(&g->tx_alarm))) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT, "no timer: %s",
			    g_strerror(errno));
		return false;
	}
	if (g->dp.cluster)
		(g->dp.vmm_pl ? &g->hvmm : &g->hrx)->alarm = &g->cluster_alarm;
	if (g->vio.tx_batch)
		g->gtx.alarm = &g->tx_alarm;
	return true;
}

bool guest_init(struct tap_guest *g, GError **error)
{
	uint32_t size = (uint32_t)cfg_u64(g->cfg, "queue_size");

	books_init(g);
	if (!plat_real_init(&g->pl, cfg_u64(g->cfg, "memory")))
		return cfg_error(g->cfg, "memory", error, "cannot be had; use less");
	build_parts(g);
	build_side(g);
	if (!host_init(g, error))
		return false;
	guest_build_dpath(&g->parts);
	if (!build_alarms(g, error) || !guest_build_buffers(&g->parts, size, size, error) ||
	    !guest_build_queues(&g->parts, error) || !pools_init(g, error))
		return false;
	touch(g->pl.mem, g->bump);
	if (g->app)
		guest_app_attach(g);
	if (g->tap->loops)
		guest_loops_attach(g);
	return true;
}

void guest_traffic(struct tap_guest *g, struct traffic *t, uint16_t number, bool unpaced,
		   bool drops)
{
	if (!g->sender.source) {
		sender_init(&g->sender, &g->tx_world, g->tap->traffics);
		g->sender.book = tx_book;
		g->sender.ctx = g;
		g->sending = 1;
	}
	sender_add(&g->sender, traffic_cursor(t, (int)g->index), number, traffic_until(t), unpaced,
		   drops);
}

/* Nothing that was said until now counts. */
static void forget(struct worker *w)
{
	for (unsigned i = 0; i < WORKER_LINES && w->line[i]; i++)
		w->heard[i] = 0;
	w->up = false;
}

void guest_boot(struct tap_guest *g)
{
	struct worker *w[] = {&g->hrx, &g->htx, &g->hvmm, &g->grx, &g->gread, &g->gtx};
	struct plat_line *line[] = {&g->rx_kick, &g->tx_kick, &g->vmm_line,
				    &g->rx_intr, &g->tx_intr, &g->read_line};

	guest_build_start(&g->parts);
	for (unsigned i = 0; i < G_N_ELEMENTS(line); i++)
		line[i]->kicks = 0;
	for (unsigned i = 0; i < G_N_ELEMENTS(w); i++)
		forget(w[i]);
}

static uint64_t seen(const uint64_t *n)
{
	return __atomic_load_n(n, __ATOMIC_RELAXED);
}

void guest_counts(const struct tap_guest *g, struct guest_counts *c)
{
	*c = (struct guest_counts){
		.vmm_entries = {seen(&g->dp.vmm_entries[0]), seen(&g->dp.vmm_entries[1])},
		.interrupts = {seen(&g->rx_intr.kicks), seen(&g->tx_intr.kicks)},
		.interrupts_suppressed = {seen(&g->dp.rxq.suppressed), seen(&g->dp.txq.suppressed)},
		.kicks = {seen(&g->rx_kick.kicks), seen(&g->tx_kick.kicks)},
		.kicks_suppressed = {seen(&g->vio.rxq.suppressed), seen(&g->vio.txq.suppressed)},
		.clusterings = {seen(&g->cluster.begun)},
		.clustered = {seen(&g->cluster.frames)},
		.by_count = {seen(&g->cluster.by_count)},
		.by_timer = {seen(&g->cluster.by_timer)},
	};
	for (unsigned i = 0; i < TXBATCH_N; i++)
		c->requests[i] = seen(&g->tx_batch.due[i]);
}

void guest_fini(struct tap_guest *g)
{
	if (!g->rx.latency.bucket)
		return;
	book_fini(&g->rx);
	book_fini(&g->tx);
	book_fini(&g->warm_rx);
	book_fini(&g->warm_tx);
	stages_fini(&g->rx_stages);
	stages_fini(&g->tx_stages);
	if (g->dp.cluster)
		plat_line_fini(&g->cluster_alarm);
	if (g->vio.tx_batch)
		plat_line_fini(&g->tx_alarm);
	app_free(g->app);
	plat_port_fini(&g->port);
	plat_pool_fini(&g->rx_world.pool);
	plat_pool_fini(&g->tx_world.pool);
	side_fini(&g->side);
	if (g->sender.source)
		sender_fini(&g->sender);
	if (g->pl.mem)
		plat_real_fini(&g->pl);
}
