/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap_run.c - the run: who calls whom, when it is over, and who watches.
 *
 * threads = many. Each side is a thread, each far side a process; the main thread looks at them
 * every millisecond: signals, a far side or device that is gone, progress, the end. It is over when
 * every source has sent all and everybody is silent: asleep with nothing said to him since (or
 * turned twice for nothing, if he polls), no frame in a device and none on its way to a far side.
 *
 * threads = one. This thread calls far sides, host and guests in turn. It sleeps when nobody has
 * anything to do.
 *
 * lockstep. When all are silent the source with the earliest frame may send one more. Far sides are
 * this thread's then, so that it knows what is under way.
 *
 * A watchdog ends a run in which nothing moves although frames are under way: that is a fault of
 * ours.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sim/sim_error.h"
#include "tap.h"

#define MS       1000000000ull /* ps */
#define WATCHDOG (10000 * MS)
/* lockstep: a frame that has not come by then and is not in a device is lost */
#define LOST_PATIENCE (10 * MS)
#define ALARM         (MS / 50) /* threads = one: how often timers are looked at */
#define LEAD          (2 * MS)  /* from set-up to the start */

struct run {
	struct tap *t;
	struct run_ctl *ctl;
	bool stopping;        /* every source has sent all, or must not go on */
	plat_time stopped_at; /* since the start */
	plat_time moved_at;   /* the watchdog's */
	uint64_t moved;
	uint64_t *epoch, *rounds; /* by side: as seen last */
	plat_time allowed_at;     /* lockstep: the last frame; and when the next one is due */
	plat_time next;
	bool looking; /* silent() has begun to look */
};

static plat_time since_start(const struct tap *t)
{
	plat_time now = plat_now(NULL);

	return now > t->start ? now - t->start : 0;
}

static struct side *side_at(struct tap *t, unsigned i)
{
	return i ? &t->guest[i - 1].side : &t->host_side;
}

/* ---- who has something to do ----------------------------------------------------------------- */

/* Frames wait in its device, and it has posted no buffer for them: only the guest could. */
static bool starved(const struct tap_guest *g)
{
	const struct plat_port *p = &g->port;

	return g->nic->far && far_waiting(g->nic->far, g->queue) &&
	       __atomic_load_n(&p->rx_posted, __ATOMIC_RELAXED) ==
		       __atomic_load_n(&p->rx_reaped, __ATOMIC_RELAXED);
}

/* Frames in devices, if anybody can take them, or on their way to a far side. */
static unsigned on_the_way(const struct tap *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->guests; i++)
		if (t->guest[i].nic->far && !starved(&t->guest[i]))
			n += far_waiting(t->guest[i].nic->far, t->guest[i].queue);
	for (unsigned i = 0; i < t->nics; i++)
		if (t->nic[i].far)
			n += far_backlog(t->nic[i].far);
	return n;
}

/* Timers that will wake somebody; only of sides that sleep. */
static bool alarm_set(const struct tap *t)
{
	for (unsigned i = 0; i < t->guests; i++)
		if (t->guest[i].cluster.armed || t->guest[i].tx_batch.waiting)
			return true;
	return false;
}

static uint64_t load(const uint64_t *n)
{
	return __atomic_load_n(n, __ATOMIC_ACQUIRE);
}

/* Has the side nothing to do? One that polls must have looked at everything twice since the first
 * look, so that it has seen what the others did before that. */
static bool side_quiet(const struct run *r, unsigned i)
{
	const struct side *s = side_at(r->t, i);

	if (s->polls)
		return load(&s->rounds) - r->rounds[i] >= 2;
	return r->t->one ? !side_stirs(s) : side_silent(s);
}

static void first_look(struct run *r)
{
	for (unsigned i = 0; i <= r->t->guests; i++) {
		r->rounds[i] = load(&side_at(r->t, i)->rounds);
		r->epoch[i] = load(&side_at(r->t, i)->epoch);
	}
	r->looking = true;
}

/*
 * Is everybody silent? Asked again and again. Nobody has done anything since the first look, which
 * is asked after everybody was found to have nothing to do: so nobody told anything to one who had
 * been asked before.
 */
static bool silent(struct run *r)
{
	struct tap *t = r->t;
	bool all = !alarm_set(t);

	if (!r->looking) {
		first_look(r);
		return false;
	}
	for (unsigned i = 0; i <= t->guests; i++)
		all &= side_quiet(r, i);
	for (unsigned i = 0; i <= t->guests; i++)
		if (load(&side_at(t, i)->epoch) != r->epoch[i]) {
			first_look(r);
			return false;
		}
	return all;
}

/* The host serves its send queue no more: the guest broke it. */
static bool guest_stuck(const struct tap_guest *g)
{
	return __atomic_load_n(&g->dp.txq.stopped, __ATOMIC_RELAXED);
}

/* ---- the window of time metrics -------------------------------------------------------------- */

static uint64_t resident_pages(void)
{
	unsigned long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident;
}

static void window_starts(struct tap *t)
{
	t->counted_start = true;
	t->window_start = MAX(since_start(t), t->warmup);
	t->cpu_start = tap_cpu_ns(t);
	t->delivered_start = tap_delivered(t);
	tap_loops_snapshot(t, false);
	for (unsigned i = 0; i < t->guests; i++)
		guest_counts(&t->guest[i], &t->guest[i].at_start);
}

static void window_ends(struct run *r)
{
	struct tap *t = r->t;

	if (!t->counted_start)
		window_starts(t);
	if (!r->stopping || t->lockstep)
		tap_loops_snapshot(t, true);
	t->window_stop = MAX(r->stopping ? r->stopped_at : since_start(t), t->window_start);
	t->cpu_stop = tap_cpu_ns(t);
	for (unsigned i = 0; i < t->guests; i++)
		guest_counts(&t->guest[i], &t->guest[i].at_stop);
	t->pages_late = resident_pages();
}

/* ---- watching -------------------------------------------------------------------------------- */

static void end_early(struct run *r, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void end_early(struct run *r, const char *format, ...)
{
	va_list ap;

	if (r->t->ended)
		return;
	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	g_set_error(&r->t->ended, SIM_ERROR, SIM_EXIT_ENVIRONMENT, "%s", text);
}

/* The first to notice may be its far side. */
bool nic_gone(const struct tap_nic *n)
{
	int error = n->far ? far_stats(n->far).error : 0;

	for (unsigned i = 0; i < n->guests; i++)
		if (n->guest[i]->port.gone)
			return true;
	return error == ENETDOWN || error == ENXIO || error == ENODEV;
}

static void look_at_nic(struct run *r, struct tap_nic *n)
{
	if (nic_gone(n))
		end_early(r,
			  "%s was removed or brought down while the run used it; the results are "
			  "those until then",
			  n->dev.name);
	if (!n->far)
		return;
	if (far_pidfd(n->far) >= 0 && !far_alive(n->far))
		end_early(r, "the far side of %s is gone; the results are those until then",
			  n->dev.name);
	if (far_stats(n->far).error)
		end_early(r, "the far side of %s: %s; the results are those until then",
			  n->dev.name, g_strerror(far_stats(n->far).error));
}

static uint64_t moved(struct tap *t)
{
	uint64_t n = 0;

	for (unsigned i = 0; i <= t->guests; i++)
		n += load(&side_at(t, i)->work);
	for (unsigned i = 0; i < t->nics; i++)
		if (t->nic[i].far)
			n += far_stats(t->nic[i].far).sent + far_stats(t->nic[i].far).received;
	return n;
}

/* Who waits for what, for the watchdog. */
static void describe(struct tap *t, GString *out)
{
	for (unsigned i = 0; i <= t->guests; i++) {
		struct side *s = side_at(t, i);
		g_string_append_printf(out, "%s%s is %s", i ? ", " : "", s->name,
				       side_silent(s) ? "asleep"
				       : s->polls     ? "polling"
						      : "awake");
	}
	for (unsigned i = 0; i < t->guests; i++) {
		const struct tap_guest *g = &t->guest[i];
		g_string_append_printf(
			out,
			"; %s: receive avail %u used %u taken %u, send avail %u used %u taken %u",
			cfg_name(g->cfg), g->vio.rxq.published_avail, g->dp.rxq.published_used,
			g->vio.rxq.last_used, g->vio.txq.published_avail, g->dp.txq.published_used,
			g->vio.txq.last_used);
	}
	for (unsigned i = 0; i < t->nics; i++)
		if (t->nic[i].far)
			g_string_append_printf(out, "; %s: %u frames not seen by its far side",
					       t->nic[i].dev.name, far_backlog(t->nic[i].far));
}

static bool watch(struct run *r, GError **error)
{
	struct tap *t = r->t;
	uint64_t n = moved(t);
	plat_time now = plat_now(NULL);

	if (n != r->moved || !on_the_way(t)) {
		r->moved = n;
		r->moved_at = now;
	}
	if (now - r->moved_at < WATCHDOG)
		return true;
	g_autoptr(GString) who = g_string_new(NULL);
	describe(t, who);
	g_set_error(error, SIM_ERROR, SIM_EXIT_VIOLATION,
		    "nothing moved for 10 s with frames under way: %s", who->str);
	return false;
}

static void look_at_loops(struct tap *t, plat_time now)
{
	if (!t->loops || plat_now(NULL) < t->start)
		return;
	for (unsigned i = 0; i < t->guests; i++)
		if (guest_stuck(&t->guest[i]))
			tap_loops_gone(t, &t->guest[i]);
	tap_loops_look(t, now);
}

/* Signals, limits, devices. False: the run must end now, with an error. */
static bool look(struct run *r, GError **error)
{
	struct tap *t = r->t;
	plat_time now = since_start(t);

	if (r->ctl->interrupted && *r->ctl->interrupted)
		t->interrupted = true;
	if (now >= t->max_time)
		t->limit_passed = true;
	for (unsigned i = 0; i < t->nics; i++)
		look_at_nic(r, &t->nic[i]);
	look_at_loops(t, now);
	if (!t->counted_start && !t->lockstep && now >= t->warmup)
		window_starts(t);
	if (!t->pages_early && now >= 200 * MS)
		t->pages_early = resident_pages();
	run_progress(r->ctl, now, 0, tap_offered(t), t->offered_total);
	return watch(r, error);
}

static bool must_end(const struct run *r)
{
	const struct tap *t = r->t;

	return t->interrupted || t->limit_passed || t->ended ||
	       (r->stopping && since_start(t) - r->stopped_at > t->drain);
}

/* ---- sources --------------------------------------------------------------------------------- */

/* A source that waits for a guest which is asleep: it will never go on. */
static bool nic_stuck(const struct tap_nic *n)
{
	for (unsigned i = 0; i < n->guests; i++)
		if (starved(n->guest[i]) && far_blocked(n->far, n->guest[i]->queue))
			return true;
	return false;
}

/* Of a run in which everybody is silent: every source has ended, or is stuck. */
static bool all_stuck(struct tap *t)
{
	for (unsigned i = 0; i < t->guests; i++)
		if (__atomic_load_n(&t->guest[i].sending, __ATOMIC_ACQUIRE) &&
		    !guest_stuck(&t->guest[i]))
			return false;
	for (unsigned i = 0; i < t->nics; i++)
		if (!t->nic[i].far || (!far_ended(t->nic[i].far) && !nic_stuck(&t->nic[i])))
			return false;
	return true;
}

static bool all_sent(struct tap *t)
{
	for (unsigned i = 0; i < t->guests; i++)
		if (__atomic_load_n(&t->guest[i].sending, __ATOMIC_ACQUIRE))
			return false;
	for (unsigned i = 0; i < t->nics; i++)
		if (t->nic[i].far ? !far_ended(t->nic[i].far) : true)
			return false;
	return true;
}

/* Of closed loops: what is still to be answered, by anybody who can. */
static bool answers_due(struct tap *t)
{
	if (!t->loops)
		return false;
	for (unsigned i = 0; i < t->nics; i++)
		if (!far_ended(t->nic[i].far) && !nic_stuck(&t->nic[i]))
			return true;
	return tap_loops_pending(t);
}

static void note_stop(struct run *r)
{
	if (r->stopping || !all_sent(r->t))
		return;
	tap_loops_snapshot(r->t, true);
	r->stopping = true;
	r->stopped_at = tap_loops_stop(r->t, since_start(r->t));
}

/* Far sides that are this thread's. True: something moved. */
static bool drive_far(struct tap *t, plat_time *next)
{
	bool moves = false;

	*next = PLAT_NEVER;
	for (unsigned i = 0; i < t->nics; i++) {
		struct tap_nic *n = &t->nic[i];
		plat_time at = PLAT_NEVER;
		uint64_t before;

		if (!n->far)
			continue;
		before = far_stats(n->far).sent;
		if ((!n->ended || t->loops) && plat_now(NULL) >= t->start)
			n->ended = !far_inject(n->far, since_start(t), &at);
		if (!n->ended)
			*next = MIN(*next, at);
		moves |= far_stats(n->far).sent != before;
		moves |= far_receive(n->far) > 0;
	}
	return moves;
}

/* Lockstep: the source whose frame is the earliest; the wire first. */
static bool earliest(struct tap *t, plat_time *at, struct tap_nic **nic, struct tap_guest **guest)
{
	plat_time next;

	*at = PLAT_NEVER;
	*nic = NULL;
	*guest = NULL;
	for (unsigned i = 0; i < t->nics; i++)
		if (t->nic[i].far && !t->nic[i].ended && !nic_stuck(&t->nic[i]) &&
		    far_peek(t->nic[i].far, &next) && next < *at) {
			*at = next;
			*nic = &t->nic[i];
		}
	for (unsigned i = 0; i < t->guests; i++) {
		struct tap_guest *g = &t->guest[i];
		if ((!g->sending && !t->loops) || guest_stuck(g))
			continue;
		guest_loops_heed(g);
		if (sender_peek(&g->sender, since_start(t), &next) && next < *at) {
			*at = next;
			*guest = g;
		}
	}
	return *nic || *guest;
}

/* All are silent: the next frame may go, if it is time. False: there is none. */
static bool allow_next(struct run *r)
{
	struct tap *t = r->t;
	struct tap_nic *n;
	struct tap_guest *g;
	plat_time at, now = since_start(t);

	if (!earliest(t, &at, &n, &g))
		return false;
	r->next = at;
	if (at > now || plat_now(NULL) < t->start)
		return true;
	if (!t->counted_start && at >= t->warmup)
		window_starts(t);
	r->looking = false;
	r->allowed_at = plat_now(NULL);
	if (g) {
		__atomic_store_n(&g->allowed, g->allowed + 1, __ATOMIC_RELEASE);
		__atomic_store_n(&g->app_line.kicks, g->app_line.kicks + 1, __ATOMIC_RELEASE);
		side_poke(&g->side);
	} else {
		far_allow(n->far);
	}
	return true;
}

/* Is what was sent, and is still waited for, nowhere to be found? Everybody is silent. */
static bool is_lost(const struct run *r)
{
	const struct tap *t = r->t;

	if (plat_now(NULL) - r->allowed_at < LOST_PATIENCE)
		return false;
	for (unsigned i = 0; i < t->guests; i++) {
		struct pollfd p = {.fd = t->guest[i].port.rx_fd, .events = POLLIN};
		if (!t->guest[i].port.gone && poll(&p, 1, 0) > 0)
			return false;
	}
	return true;
}

/* ---- threads = many -------------------------------------------------------------------------- */

static bool start_threads(struct tap *t, GError **error)
{
	for (unsigned i = 0; i < t->nics; i++)
		if (t->nic[i].far && !t->lockstep && !far_spawn(t->nic[i].far, error))
			return false;
	for (unsigned i = 0; i <= t->guests; i++)
		if (!side_start(side_at(t, i), error))
			return false;
	return true;
}

static void stop_threads(struct tap *t)
{
	__atomic_store_n(&t->stop, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i <= t->guests; i++)
		side_poke(side_at(t, i));
	for (unsigned i = 0; i <= t->guests; i++)
		side_join(side_at(t, i));
}

static bool lockstep_many(struct run *r, GError **error)
{
	struct tap *t = r->t;
	plat_time next, looked = 0;

	while (!must_end(r)) {
		bool moves = drive_far(t, &next), waits = on_the_way(t) > 0;

		if (moves)
			r->looking = false;
		if (!moves && silent(r) && (!waits || is_lost(r)) && !allow_next(r))
			break;
		if (!moves)
			sched_yield();
		if (plat_now(NULL) - looked < MS)
			continue;
		looked = plat_now(NULL);
		if (!look(r, error))
			return false;
	}
	r->stopping = all_sent(t);
	r->stopped_at = since_start(t);
	return true;
}

static bool free_many(struct run *r, GError **error)
{
	struct tap *t = r->t;

	while (!must_end(r)) {
		g_usleep(1000);
		if (!look(r, error))
			return false;
		note_stop(r);
		if ((r->stopping || all_stuck(t)) && !on_the_way(t) && !answers_due(t) && silent(r))
			break;
	}
	return true;
}

/* ---- threads = one --------------------------------------------------------------------------- */

/* All sides once. True: something moved, or will at once. */
static bool round_of_all(struct tap *t, plat_time *next)
{
	bool moves = drive_far(t, next);

	for (unsigned i = 0; i < t->guests; i++) {
		struct tap_guest *g = &t->guest[i];
		if (g->nic->far && far_waiting(g->nic->far, g->queue))
			g->hrx.up = true;
	}
	for (unsigned i = 0; i <= t->guests; i++) {
		struct side *s = side_at(t, i);
		plat_time due = side_due(s);
		if (due != PLAT_NEVER)
			side_wait(s, 0);
		moves |= i ? side_round(s) : tap_cpu_round(t);
		moves |= side_stirs(s);
	}
	return moves;
}

static bool any_stirs(struct tap *t)
{
	for (unsigned i = 0; i <= t->guests; i++)
		if (side_stirs(side_at(t, i)))
			return true;
	return false;
}

static void look_around(struct tap *t)
{
	for (unsigned i = 0; i <= t->guests; i++)
		side_wait(side_at(t, i), 0);
}

/*
 * Until a frame is due, or a descriptor has something; a millisecond at most. It does not sleep if
 * the frame is due within that: a frame's time is measured, and is not to hold what it takes to
 * come out of a sleep.
 */
static void sleep_all(struct tap *t, plat_time next)
{
	plat_time now = since_start(t), due = next > now ? next - now : 0;

	for (unsigned i = 0; i <= t->guests; i++) {
		plat_time at = side_due(side_at(t, i));
		if (side_at(t, i)->polls)
			return;
		if (at != PLAT_NEVER)
			due = MIN(due, at > t->start + now ? at - t->start - now : 0);
	}
	if (due <= MS) {
		do
			look_around(t);
		while (!any_stirs(t) && since_start(t) < now + due);
		return;
	}
	for (unsigned i = 1; i <= t->guests; i++)
		side_wait(side_at(t, i), 0);
	side_wait(&t->host_side, MIN(due - MS / 2, MS)); /* it may sleep longer than it was told */
}

static bool run_one(struct run *r, GError **error)
{
	struct tap *t = r->t;
	plat_time next, looked = 0;

	while (!must_end(r)) {
		bool quiet, moves = round_of_all(t, &next);

		if (plat_now(NULL) - looked >= MS) {
			looked = plat_now(NULL);
			if (!look(r, error))
				return false;
		}
		note_stop(r);
		if (moves) {
			r->looking = false;
			continue;
		}
		quiet = silent(r);
		if (quiet && (!on_the_way(t) || (t->lockstep && is_lost(r))) &&
		    (t->lockstep ? !allow_next(r)
				 : (r->stopping || all_stuck(t)) && !answers_due(t)))
			break;
		if (alarm_set(t))
			sleep_all(t, since_start(t) + ALARM);
		else if (quiet && r->looking)
			sleep_all(t, MIN(next, r->next));
	}
	return true;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Nobody runs any more: what was fated is booked, what is in devices is not ours to wait for. */
static void settle(struct tap *t)
{
	for (unsigned i = 0; i < t->nics; i++)
		if (t->nic[i].far) {
			far_stop(t->nic[i].far);
			far_settle(t->nic[i].far);
		}
	for (unsigned i = 0; i < t->guests; i++) {
		plat_pool_collect(&t->guest[i].rx_world.pool);
		plat_pool_collect(&t->guest[i].tx_world.pool);
	}
}

static bool source_error(struct tap *t, GError **error)
{
	for (unsigned i = 0; i < t->nics; i++)
		if (t->nic[i].far && far_trouble(t->nic[i].far)) {
			g_set_error(error, SIM_ERROR, SIM_EXIT_INPUT, "%s",
				    far_trouble(t->nic[i].far));
			return true;
		}
	for (unsigned i = 0; i < t->guests; i++)
		for (uint32_t k = 0; k < t->guest[i].sender.sources; k++) {
			const GError *e = cursor_error(t->guest[i].sender.source[k].cursor);
			if (e) {
				g_set_error(error, SIM_ERROR, SIM_EXIT_INPUT, "%s", e->message);
				return true;
			}
		}
	return false;
}

static void boot(struct tap *t)
{
	uint64_t value;

	for (unsigned i = 0; i < t->guests; i++)
		guest_boot(&t->guest[i]);
	for (unsigned i = 0; i <= t->guests; i++)
		if (side_at(t, i)->event >= 0) {
			ssize_t got = read(side_at(t, i)->event, &value, sizeof(value));
			(void)got;
		}
}

bool tap_run(struct tap *t, struct run_ctl *ctl, GError **error)
{
	struct run r = {.t = t, .ctl = ctl, .next = PLAT_NEVER};
	bool ok = true;

	r.epoch = tap_array(t, t->guests + 1, sizeof(uint64_t));
	r.rounds = tap_array(t, t->guests + 1, sizeof(uint64_t));
	boot(t);
	t->start = plat_now(NULL) + LEAD;
	r.moved_at = t->start;
	for (unsigned i = 0; i < t->guests; i++)
		t->guest[i].tx_world.start = t->guest[i].rx_world.start = t->start;
	for (unsigned i = 0; i < t->nics; i++)
		if (t->nic[i].far)
			far_start(t->nic[i].far, t->start);
	if (t->one)
		tap_cpu_start(t);
	else
		ok = start_threads(t, error);
	if (ok && !t->warmup)
		window_starts(t);
	if (ok)
		ok = t->one        ? run_one(&r, error)
		     : t->lockstep ? lockstep_many(&r, error)
				   : free_many(&r, error);
	window_ends(&r);
	stop_threads(t);
	settle(t);
	return ok && !source_error(t, error);
}
