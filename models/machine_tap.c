/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_tap.c - [tap]: NICs are TAP devices. What is behind a device (its far side), how guests
 * and datapath tell each other, one thread for all, and lockstep.
 *
 * A guest behind such a NIC has a queue of the device (plat_tap.h); the model of the NIC is there
 * for its filters alone. The far side is a CPU of its own: it sends each frame when it is due, one
 * by one, and takes what guests send. The datapath is one thread and so is each guest, as in
 * vnictap; they sleep in epoll_wait() and kick each other by eventfd. With `threads = one` all of
 * them share one core, in turns; nobody sleeps or kicks, and a change costs `turn`.
 *
 * Lockstep. A gate lets one frame pass, the next in order of intended time over all senders, when
 * no frame is under way and nobody runs. It is due then, if it was not before.
 */
#include "machine.h"

#include "plat/sim/plat_tap.h"
#include "tap_keys.h"

/* vnictap's far side sends so many at a time (far_impl.h); as a thread of its own it is modelled
 * one by one: others run meanwhile. */
enum { FAR_BURST = 64 };

struct far_side {
	struct host_nic *hn;
	struct cpu cpu;
	struct worker worker;
	struct event due;       /* the next frame */
	struct plat_line taken; /* a guest's frame has come */
	uint32_t came;          /* frames that it has to take */
	uint64_t came_bytes;
	struct frame *sending[FAR_BURST];
	unsigned sent, taken_up; /* of these: in the device, taken from the sources */
	bool ended;
};

struct machine_tap {
	struct machine *m;
	struct plat_tap_cost cost;
	bool one, lockstep;
	sim_time inject, inject_byte, receive, receive_byte;
	uint32_t queue_length;
	struct far_side *far; /* by NIC */
	/* lockstep */
	struct event gate;
	sim_time begin;             /* of the frame that was let pass */
	const void *may_send;       /* whose it is: a far_side or a guest; NULL: nobody's */
	sim_time datapath_at_start; /* busy, all host cores */
};

/* ---- the far side ---- */

/* The frame begins now, not when it was intended. */
static void begin(struct machine_tap *t, struct frame *f)
{
	t->may_send = NULL;
	for (; f; f = f->peer)
		f->first = f->last = t->begin;
}

static struct frame *far_next(struct far_side *far)
{
	struct machine_tap *t = far->hn->m->tap;
	const struct nic_source *s = &far->hn->nic.source;
	sim_time at;
	struct frame *f;

	if (far->ended || (t->lockstep && t->may_send != far))
		return NULL;
	if (!s->peek(s->ctx, &at)) {
		far->ended = !far->hn->wire.live;
		return NULL;
	}
	if (at > far->cpu.clk.now)
		return NULL;
	f = s->take(s->ctx);
	if (f && t->lockstep)
		begin(t, f);
	return f;
}

static void far_pay(struct far_side *far, sim_time ps)
{
	far->cpu.clk.now += ps;
	far->cpu.clk.busy[PLAT_W_FAR] += ps;
}

static void far_burst(struct worker *w)
{
	struct far_side *far = (struct far_side *)((char *)w - offsetof(struct far_side, worker));
	const struct machine_tap *t = far->hn->m->tap;
	struct frame *f;

	far_pay(far, far->came * t->receive + far->came_bytes * t->receive_byte);
	far->came = 0;
	far->came_bytes = 0;
	if (far->sent < far->taken_up) /* they wait for room */
		return;
	far->sent = far->taken_up = 0;
	while (far->taken_up < (t->one ? FAR_BURST : 1) && (f = far_next(far))) {
		far->sending[far->taken_up++] = f;
		frame_stamp(f, STAGE_WIRE_WAIT, far->cpu.clk.now);
		far_pay(far, t->inject + f->len * t->inject_byte);
	}
}

static void far_drop(struct far_side *far, struct frame *f, enum drop_reason why)
{
	far->hn->nic.rx_dropped++;
	world_drop(far->hn->nic.world, f, why);
}

/* The frame is in the device, or lost. False: its traffic waits until there is room. */
static bool far_put(struct far_side *far, struct frame *f)
{
	struct nic *n = &far->hn->nic;
	struct plat_tap *tap = far->hn->m->guest[f->to].tap;
	bool drops = ((struct source *)f->source)->drop;

	frame_stamp(f, STAGE_WIRE, far->cpu.clk.now);
	if (nic_too_long(n, f->bytes, f->len))
		far_drop(far, f, DROP_OVERSIZE);
	else if (!plat_tap_put(tap, f)) {
		if (!drops)
			return false;
		far_drop(far, f, DROP_NIC_RING_FULL);
	}
	n->rx_frames++;
	return true;
}

/* When the next one is due; true: now. */
static bool far_wait(struct far_side *far)
{
	const struct nic_source *s = &far->hn->nic.source;
	struct machine *m = far->hn->m;
	sim_time at;

	if (far->ended || m->tap->lockstep)
		return far->came > 0;
	if (!s->peek(s->ctx, &at)) {
		far->ended = !far->hn->wire.live;
		return far->came > 0;
	}
	if (at <= far->cpu.clk.now || far->came)
		return true;
	evq_rearm(&m->q, &far->due, at);
	return false;
}

static bool far_commit(struct worker *w)
{
	struct far_side *far = (struct far_side *)((char *)w - offsetof(struct far_side, worker));

	for (; far->sent < far->taken_up; far->sent++)
		if (!far_put(far, far->sending[far->sent]))
			return far->came > 0;
	return far_wait(far);
}

static void far_due(struct event *ev)
{
	struct far_side *far = (struct far_side *)((char *)ev - offsetof(struct far_side, due));

	cpu_wake(&far->worker, 0);
}

static void far_taken(struct plat_line *line)
{
	cpu_wake(line->ctx, 0);
}

/* Called in a burst of the datapath's, which is over later. */
static void far_room(void *ctx)
{
	struct guest *g = ctx;

	plat_kick(&g->hrx_pl, &g->m->tap->far[g->nic - g->m->nic].taken, 0);
}

/* It sleeps, and no frame is there that has woken it. */
static bool far_sleeps(void *ctx)
{
	const struct guest *g = ctx;
	const struct far_side *far = &g->m->tap->far[g->nic - g->m->nic];

	return !g->m->tap->one && !far->came && cpu_idle(&far->cpu);
}

/* A guest's frame has been written. */
static void far_sink(void *ctx, struct frame *f, const uint8_t *bytes)
{
	struct guest *g = ctx;
	struct host_nic *hn = g->nic;
	struct far_side *far = &g->m->tap->far[hn - g->m->nic];

	hn->nic.tx_frames++;
	far->came++;
	far->came_bytes += f->len;
	hn->nic.sink(hn->nic.sink_ctx, f, bytes);
	plat_kick(&g->htx_pl, &far->taken, 0);
}

static void far_build(struct machine_tap *t, struct host_nic *hn)
{
	struct machine *m = t->m;
	struct far_side *far = &t->far[hn - m->nic];

	far->hn = hn;
	cpu_init(&far->cpu, &m->q, &m->cost, false, "far");
	far->cpu.delay = m->delay;
	if (t->one)
		far->cpu.core = m->pcore;
	worker_init(&far->worker, &far->cpu, far_burst, far_commit);
	plat_line_init(&far->taken, &m->q, PLAT_W_N, far_taken, &far->worker);
	event_init(&far->due, far_due);
}

/* ---- lockstep ---- */

bool tap_may_send(const struct guest *g)
{
	const struct machine_tap *t = g->m->tap;

	return !t || !t->lockstep || t->may_send == g;
}

void tap_begins(struct guest *g, struct frame *f)
{
	if (g->m->tap && g->m->tap->lockstep && f)
		begin(g->m->tap, f);
}

/* The end of what a sleeping CPU's last turn has charged; SIM_NEVER: it does not sleep. */
static sim_time asleep_at(const struct cpu *c, sim_time at)
{
	return at == SIM_NEVER || !cpu_idle(c) ? SIM_NEVER : MAX(at, c->clk.now);
}

/* From when on nobody runs and no frame is under way; SIM_NEVER: this is not so. */
static sim_time quiet_at(const struct machine_tap *t)
{
	const struct machine *m = t->m;
	sim_time at = m->world.live ? SIM_NEVER : evq_now(&m->q);

	for (unsigned i = 0; i < m->cores; i++)
		at = asleep_at(&m->core[i], at);
	for (unsigned i = 0; i < m->guests; i++)
		for (unsigned v = 0; v < m->guest[i].vcpus; v++)
			at = asleep_at(&m->guest[i].vcpu[v], at);
	for (unsigned i = 0; i < m->nics; i++)
		at = asleep_at(&t->far[i].cpu, at);
	return at;
}

bool tap_quiet(const struct machine *m)
{
	return quiet_at(m->tap) <= evq_now(&m->q);
}

/* Who has the next frame, the wires before the guests; NULL: nobody. Those at their end say so. */
static const void *next_sender(struct machine_tap *t, sim_time *first)
{
	struct machine *m = t->m;
	const void *who = NULL;
	sim_time at;

	for (unsigned i = 0; i < m->nics; i++) {
		const struct nic_source *s = &m->nic[i].nic.source;
		struct far_side *far = &t->far[i];
		if (far->ended)
			continue;
		if (!s->peek(s->ctx, &at)) {
			far->ended = !far->hn->wire.live;
		} else if (!who || at < *first) {
			*first = at;
			who = far;
		}
	}
	for (unsigned i = 0; i < m->guests; i++) {
		struct guest *g = &m->guest[i];
		if (g->sender_done && !m->loops) /* a loop that is over still answers */
			continue;
		if (!sender_peek(&g->sender, evq_now(&m->q), &at)) {
			if (!g->sender.live)
				guest_sender_done(g);
		} else if (!who || at < *first) {
			*first = at;
			who = g;
		}
	}
	return who;
}

/* The gate waits for a frame that may not be the next one any more: it is asked again. */
static void gate_again(struct machine_tap *t)
{
	evq_cancel(&t->m->q, &t->gate);
}

void tap_guest_news(struct guest *g)
{
	gate_again(g->m->tap);
}

void tap_wire_news(struct host_nic *hn)
{
	struct evq *q = &hn->m->q;
	struct machine_tap *t = hn->m->tap;
	struct far_side *far = &t->far[hn - hn->m->nic];
	const struct nic_source *s = &hn->nic.source;
	sim_time at;
	bool has = s->peek(s->ctx, &at);

	far->ended &= !has;
	if (t->lockstep)
		gate_again(t);
	else if (has)
		evq_rearm(q, &far->due, MAX(at, evq_now(q)));
	else
		evq_cancel(q, &far->due);
}

static void wake_sender(struct machine_tap *t)
{
	struct machine *m = t->m;

	for (unsigned i = 0; i < m->nics; i++)
		if (t->may_send == &t->far[i])
			cpu_wake(&t->far[i].worker, 0);
	for (unsigned i = 0; i < m->guests; i++)
		if (t->may_send == &m->guest[i])
			tap_send_due(&m->guest[i]);
}

static void gate_event(struct event *ev)
{
	struct machine_tap *t =
		(struct machine_tap *)((char *)ev - offsetof(struct machine_tap, gate));
	sim_time at, now = evq_now(&t->m->q);
	const void *who;

	if (quiet_at(t) > now)
		return; /* tap_gate() will be asked again */
	who = next_sender(t, &at);
	if (!who || at > now)
		return;
	t->may_send = who;
	t->begin = now;
	wake_sender(t);
}

void tap_gate(struct machine *m)
{
	struct machine_tap *t = m->tap;
	sim_time quiet, at;

	if (!t->lockstep || t->may_send || event_pending(&t->gate))
		return;
	quiet = quiet_at(t);
	if (quiet != SIM_NEVER && next_sender(t, &at))
		evq_schedule(&m->q, &t->gate, MAX(quiet, at));
}

/* ---- who wakes whom ---- */

/* A thread that sleeps in epoll_wait() comes back; one that runs will look. */
static uint64_t epoll_cost(const struct worker *w)
{
	return cpu_idle(w->cpu) ? CPU_COST(EPOLL) : 0;
}

static void eventfd_wakes(struct plat_line *line)
{
	const struct worker *w = line->ctx;

	cpu_wake(line->ctx, epoll_cost(w) | CPU_COST(EVENTFD_READ));
}

/* To another worker of the same thread, or of the one thread. */
static void same_thread(struct plat_line *line)
{
	cpu_wake(line->ctx, 0);
}

void tap_interrupt(struct guest *g, struct worker *w)
{
	cpu_wake(w, g->m->tap->one ? 0 : epoll_cost(w) | CPU_COST(EVENTFD_READ));
}

void tap_send_due(struct guest *g)
{
	cpu_wake(&g->gtx, g->m->tap->one ? 0 : epoll_cost(&g->gtx));
}

static void tap_news(void *ctx, bool wanted)
{
	struct guest *g = ctx;

	if (wanted || g->m->poll)
		cpu_wake(&g->hrx, g->m->tap->one ? 0 : epoll_cost(&g->hrx));
}

static void wire_line(const struct machine_tap *t, struct plat_line *line, bool eventfd)
{
	if (!line->q)
		return;
	line->cost = eventfd && !t->one ? PLAT_W_EVENTFD : PLAT_W_N;
	line->fire = eventfd && !t->one ? eventfd_wakes : same_thread;
}

void tap_guest(struct guest *g)
{
	const struct machine_tap *t = g->m->tap;

	g->kick_exits = g->halt_exits = g->eoi_exits = false;
	wire_line(t, &g->rx_kick, true);
	wire_line(t, &g->tx_kick, true);
	wire_line(t, &g->read_line, false);
	wire_line(t, &g->vmm_line, false);
	if (!t->one) { /* timers are descriptors, too */
		g->cluster_alarm.fire = eventfd_wakes;
		g->tx_alarm.fire = eventfd_wakes;
	}
	g->rx_intr.cost = g->tx_intr.cost = t->one ? PLAT_W_N : PLAT_W_EVENTFD;
}

/* ---- building ---- */

static void ring_init(struct machine *m, struct plat_tap_ring *r, uint32_t size)
{
	r->size = size;
	r->buffer = machine_array(m, size, sizeof(*r->buffer));
	r->seg = machine_array(m, size, sizeof(*r->seg));
}

void tap_port(struct guest *g)
{
	struct machine *m = g->m;
	const struct machine_tap *t = m->tap;
	const struct nic_config *c = &g->nic->nic.cfg;
	uint32_t ring = MAX(c->rx_ring, c->tx_ring); /* vnictap's have one size */
	struct plat_tap *q = g->tap = machine_array(m, 1, sizeof(*q));

	*q = (struct plat_tap){.cost = &t->cost,
			       .max_frame = g->net.max_frame,
			       .queue_length = t->queue_length,
			       .news = tap_news,
			       .wakes = far_sleeps,
			       .sink = far_sink,
			       .room = far_room,
			       .ctx = g,
			       .linear = machine_array(m, g->net.max_frame, 1)};
	ring_init(m, &q->rx, ring);
	ring_init(m, &q->tx, ring);
	g->port = (struct plat_port){.tap = q, .dma_ops = &plat_tap_dma, .dma = &g->nic->dma};
	g->port.info.caps = (c->zero_copy ? PLAT_CAP_ZERO_COPY : 0) |
			    (c->gather ? PLAT_CAP_GATHER : 0) | PLAT_CAP_OWN_QUEUE;
	g->port.info.max_segs = MIN(c->max_segs, ring);
	g->dp.own_queue = true;
}

/* No frame finds its way from one guest to another here. */
static bool check_traffic(const struct scenario *sc, GError **error)
{
	for (size_t i = 0; i < scenario_count(sc, "traffic"); i++) {
		const struct cfg *c = scenario_at(sc, "traffic", i);
		const char *const *to = cfg_list(c, "to"), *const *from = cfg_list(c, "from");
		bool wire = true;

		for (; to && *to; to++)
			wire &= !g_strcmp0(*to, "wire") ||
				!(from && *from && g_strcmp0(*from, "wire"));
		if (!wire)
			return cfg_error(c, "to", error,
					 "goes between guests, which is not together with [tap]: "
					 "its guests meet at the far side alone; use wire");
		if (cfg_has(c, "match") && scenario_count(sc, "guest") > 1)
			return cfg_error(c, "match", error,
					 "needs one guest where [tap] is: nobody sends a "
					 "broadcast on to several; use to or from");
	}
	return true;
}

bool tap_build(struct machine *m, GError **error)
{
	const struct cfg *tap = tap_of(m->sc);
	struct machine_tap *t;

	if (!tap)
		return true;
	if (!check_traffic(m->sc, error))
		return false;
	t = m->tap = machine_array(m, 1, sizeof(*t));
	*t = (struct machine_tap){
		.m = m,
		.one = cfg_choice(tap, "threads") == TAP_THREADS_ONE,
		.lockstep = cfg_bool(tap, "lockstep"),
		.inject = cfg_time(tap, "inject"),
		.inject_byte = cfg_time(tap, "inject_byte"),
		.receive = cfg_time(tap, "receive"),
		.receive_byte = cfg_time(tap, "receive_byte"),
		.queue_length = (uint32_t)cfg_u64(tap, "queue_length"),
		.far = machine_array(m, m->nics, sizeof(*t->far)),
	};
	plat_tap_cost_read(&t->cost, tap);
	event_init(&t->gate, gate_event);
	return true;
}

bool tap_one_thread(const struct machine *m)
{
	return m->tap && m->tap->one;
}

void tap_costs(struct machine *m)
{
	const struct machine_tap *t = m->tap;
	const struct cfg *tap = tap_of(m->sc);

	m->cost.work_ps[PLAT_W_EPOLL] = cfg_time(tap, "epoll");
	m->cost.work_ps[PLAT_W_EVENTFD] = cfg_time(tap, "eventfd");
	m->cost.work_ps[PLAT_W_EVENTFD_READ] = cfg_time(tap, "eventfd_read");
	if (t->one)
		m->cost.work_ps[PLAT_W_SWITCH] = cfg_time(tap, "turn");
}

void tap_delay(const struct machine *m, struct cpu_delay *d)
{
	const struct cfg *tap = tap_of(m->sc);

	if (!m->tap)
		return;
	if (!m->tap->one) {
		d->wake += cfg_time(tap, "wake");
	} else if (cfg_time(tap, "pause")) {
		d->deep += cfg_time(tap, "pause");
		d->deep_after = cfg_time(tap, "pause_after");
	}
}

void tap_nic(struct host_nic *hn)
{
	far_build(hn->m->tap, hn);
}

void tap_start(struct machine *m)
{
	for (unsigned i = 0; i < m->nics; i++)
		if (far_wait(&m->tap->far[i]))
			cpu_wake(&m->tap->far[i].worker, 0);
}

/* ---- results ---- */

static uint64_t datapath_busy(const struct machine *m)
{
	uint64_t busy = 0;

	for (unsigned i = 0; i < m->cores; i++)
		busy += cpu_busy_ps(&m->core[i], evq_now(&m->q));
	return busy;
}

void tap_warm(struct machine *m)
{
	if (m->tap)
		m->tap->datapath_at_start = datapath_busy(m);
}

void tap_results(struct result *r, const struct machine *m)
{
	uint64_t delivered = 0, busy;

	if (!m->tap)
		return;
	for (unsigned i = 0; i < m->guests; i++)
		delivered += m->guest[i].rx.led.delivered + m->guest[i].tx.led.delivered;
	for (unsigned i = 0; i < m->nics; i++) {
		const struct nic *n = &m->nic[i].nic;
		result_u64(r, n->name, "rx", "packets", n->rx_frames);
		result_u64(r, n->name, "tx", "packets", n->tx_frames);
		result_u64(r, n->name, "rx", "drops", n->rx_dropped);
	}
	busy = m->poll && !m->tap->one ? m->cores * (evq_now(&m->q) - m->window_start)
				       : datapath_busy(m) - m->tap->datapath_at_start;
	result_ps(r, "host", NULL, "cpu_ns", busy);
	if (busy)
		result_per_second(r, "host", NULL, "packets_per_cpu_second", delivered, busy);
	else
		result_null(r, "host", NULL, "packets_per_cpu_second");
}
