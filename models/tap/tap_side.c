/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tap_side.c - turns of workers, and how a side sleeps: see tap.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include "sim/sim_error.h"
#include "tap.h"

#define POLL_PS 1000000000ull /* 1 ms: a side that polls for nothing looks at timers so often */

void side_init(struct side *s, struct tap *tap, const char *name, unsigned workers, unsigned ports)
{
	*s = (struct side){.tap = tap,
			   .name = g_strdup(name),
			   .worker = g_new0(struct worker *, workers),
			   .port = g_new0(struct side_port, ports + 1),
			   .fds = g_new0(struct pollfd, 1 + 2 * workers + 2 * ports),
			   .event = -1};
	if (!tap->one)
		s->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

void side_fini(struct side *s)
{
	g_free(s->name);
	g_free(s->worker);
	g_free(s->port);
	g_free(s->fds);
	if (s->tap && s->event >= 0)
		close(s->event);
}

void side_add(struct side *s, struct worker *w, bool polls)
{
	w->polls = polls;
	w->due = PLAT_NEVER;
	w->fd = -1;
	s->polls |= polls;
	s->worker[s->workers++] = w;
}

void side_line(struct side *s, struct plat_line *line)
{
	*line = (struct plat_line){.fd = s->event};
}

void worker_line(struct worker *w, const struct plat_line *line)
{
	for (unsigned i = 0; i < WORKER_LINES; i++)
		if (!w->line[i]) {
			w->line[i] = line;
			return;
		}
	g_assert_not_reached();
}

static uint64_t kicks(const struct plat_line *line)
{
	return __atomic_load_n(&line->kicks, __ATOMIC_ACQUIRE);
}

static inline bool called(const struct worker *w)
{
	for (unsigned i = 0; i < WORKER_LINES && w->line[i]; i++)
		if (kicks(w->line[i]) != w->heard[i])
			return true;
	return false;
}

static inline void hear(struct worker *w)
{
	for (unsigned i = 0; i < WORKER_LINES && w->line[i]; i++) {
		uint64_t n = kicks(w->line[i]);
		w->up |= n != w->heard[i];
		w->heard[i] = n;
	}
}

static void count(uint64_t *n, uint64_t by)
{
	__atomic_store_n(n, __atomic_load_n(n, __ATOMIC_RELAXED) + by, __ATOMIC_RELEASE);
}

/* A worker that is not up looks at its time only when somebody waits (side_wait()). */
bool side_round(struct side *s)
{
	bool moved = false;
	unsigned work = 0;

	for (unsigned i = 0; i < s->workers; i++) {
		struct worker *w = s->worker[i];
		unsigned did;

		hear(w);
		if (!w->up && !w->polls)
			continue;
		w->up = false;
		did = w->turn(w->g, &w->up);
		work += did;
		moved |= did || (w->up && !w->polls);
	}
	if (work)
		count(&s->work, work);
	if (moved)
		count(&s->epoch, 1);
	count(&s->rounds, 1);
	return moved;
}

bool side_stirs(const struct side *s)
{
	for (unsigned i = 0; i < s->workers; i++)
		if (s->worker[i]->up || called(s->worker[i]))
			return true;
	return false;
}

plat_time side_due(const struct side *s)
{
	plat_time due = PLAT_NEVER;

	for (unsigned i = 0; i < s->workers; i++)
		due = MIN(due, s->worker[i]->due);
	return due;
}

/* ---- sleeping -------------------------------------------------------------------------------- */

/* A side that will not sleep counts kicks, and needs no eventfd to hear of them. */
static unsigned gather(struct side *s, bool sleeps)
{
	unsigned n = 0;

	if (sleeps && s->event >= 0)
		s->fds[n++] = (struct pollfd){.fd = s->event, .events = POLLIN};
	for (unsigned i = 0; i < s->workers; i++)
		if (s->worker[i]->alarm)
			s->fds[n++] =
				(struct pollfd){.fd = s->worker[i]->alarm->fd, .events = POLLIN};
	for (unsigned i = 0; i < s->workers; i++)
		if (s->worker[i]->fd >= 0 && !s->worker[i]->deaf)
			s->fds[n++] = (struct pollfd){.fd = s->worker[i]->fd, .events = POLLIN};
	for (unsigned i = 0; i < s->ports; i++)
		n += plat_port_poll(s->port[i].port, &s->fds[n]);
	return n;
}

/* In the order of gather(). */
static void spread(struct side *s, unsigned n, bool sleeps)
{
	unsigned at = 0;
	uint64_t value;

	if (sleeps && s->event >= 0 && s->fds[at++].revents) {
		ssize_t got = read(s->event, &value, sizeof(value));
		(void)got;
	}
	for (unsigned i = 0; i < s->workers; i++)
		if (s->worker[i]->alarm && s->fds[at++].revents)
			s->worker[i]->up |= plat_line_clear(s->worker[i]->alarm);
	for (unsigned i = 0; i < s->workers; i++)
		if (s->worker[i]->fd >= 0 && !s->worker[i]->deaf)
			s->worker[i]->up |= s->fds[at++].revents != 0;
	for (; at < n; at++)
		for (unsigned i = 0; s->fds[at].revents && i < s->ports; i++) {
			const struct side_port *p = &s->port[i];
			bool in = s->fds[at].events & POLLIN;
			if (s->fds[at].fd != (in ? p->port->rx_fd : p->port->tx_fd))
				continue;
			(in ? p->rx : p->tx)->up = true;
		}
}

static void call_due(struct side *s, plat_time now)
{
	for (unsigned i = 0; i < s->workers; i++)
		s->worker[i]->up |= s->worker[i]->due <= now;
}

void side_wait(struct side *s, plat_time timeout_ps)
{
	plat_time due = side_due(s), now = due == PLAT_NEVER ? 0 : plat_now(NULL);
	struct timespec ts, *limit = NULL;
	bool sleeps = timeout_ps > 0;
	unsigned n = gather(s, sleeps);
	int got;

	if (due != PLAT_NEVER)
		timeout_ps = MIN(timeout_ps, due > now ? due - now : 0);
	if (timeout_ps != PLAT_NEVER) {
		uint64_t ns = timeout_ps / 1000 + (timeout_ps % 1000 > 0);
		ts = (struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
		limit = &ts;
	}
	got = n || timeout_ps ? ppoll(s->fds, n, limit, NULL) : 0;
	if (got > 0)
		spread(s, n, sleeps);
	if (due != PLAT_NEVER)
		call_due(s, plat_now(NULL));
}

bool side_silent(const struct side *s)
{
	if (!__atomic_load_n(&s->asleep, __ATOMIC_ACQUIRE))
		return false;
	for (unsigned i = 0; i < s->workers; i++)
		if (called(s->worker[i]))
			return false;
	/* It may have heard just now: then it was awake before. */
	return __atomic_load_n(&s->asleep, __ATOMIC_ACQUIRE);
}

/* Nothing up: kicks from here on write to the eventfd, earlier ones have been counted. */
static void sleep_once(struct side *s)
{
	if (side_stirs(s))
		return;
	__atomic_store_n(&s->asleep, 1, __ATOMIC_RELEASE);
	side_wait(s, PLAT_NEVER);
	__atomic_store_n(&s->asleep, 0, __ATOMIC_RELEASE);
}

/* Lockstep: a side does all it can before another one does anything. */
static void take_turn(struct side *s)
{
	if (s->tap->lockstep && !s->has_turn)
		pthread_mutex_lock(&s->tap->turn);
	s->has_turn = true;
}

static void end_turn(struct side *s)
{
	if (s->tap->lockstep && s->has_turn)
		pthread_mutex_unlock(&s->tap->turn);
	s->has_turn = false;
}

static void *run(void *arg)
{
	struct side *s = arg;
	plat_time looked = 0;

	/* else the kernel may be 50 us late for what is due; a closed loop waits for that */
	if (s->tap->loops)
		prctl(PR_SET_TIMERSLACK, 1UL);
	while (!__atomic_load_n(&s->tap->stop, __ATOMIC_ACQUIRE)) {
		bool moved;

		take_turn(s);
		moved = side_round(s);
		if (!s->polls && !side_stirs(s)) {
			end_turn(s);
			sleep_once(s);
			continue;
		}
		if (s->polls && !moved) {
			end_turn(s);
			/* a processor may be wanted by whoever is waited for */
			sched_yield();
			if (plat_now(NULL) - looked < POLL_PS && side_due(s) == PLAT_NEVER)
				continue;
			looked = plat_now(NULL);
		}
		side_wait(s, 0);
	}
	end_turn(s);
	return NULL;
}

bool side_start(struct side *s, GError **error)
{
	int failed = pthread_create(&s->thread, NULL, run, s);

	s->started = !failed;
	if (failed)
		g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT, "no thread for %s: %s", s->name,
			    g_strerror(failed));
	return !failed;
}

void side_poke(struct side *s)
{
	uint64_t one = 1;
	ssize_t done = s->event >= 0 ? write(s->event, &one, sizeof(one)) : 0;

	(void)done;
}

void side_join(struct side *s)
{
	if (s->started)
		pthread_join(s->thread, NULL);
	s->started = false;
}
