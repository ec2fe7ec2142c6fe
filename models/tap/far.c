/* SPDX-License-Identifier: GPL-2.0-or-later */
/* far.c - the far side as an object, and as a process of its own: see far.h. */
#define _GNU_SOURCE
#include "far_impl.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/sim_error.h"

#define SPIN     5000000u      /* ps: not worth sleeping */
#define IDLE     100000000000u /* ps: the longest sleep */
#define DRAIN_MS 500           /* for what is still on its way at the end */
#define PATIENCE 2000          /* ms, then the process is killed */

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = 1024;

	while (p < n)
		p *= 2;
	return p;
}

/* Cache lines each. */
static size_t lines(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

static void *carve(uint8_t **at, size_t bytes)
{
	uint8_t *p = *at;

	*at += lines(bytes);
	return p;
}

static bool share(struct far *f, GError **error)
{
	const struct far_cfg *c = &f->cfg;
	unsigned queues = c->dev->queues;
	size_t header = sizeof(*f->shared) + queues * sizeof(struct far_ring);
	size_t sent = (size_t)queues * f->ring * sizeof(*f->sent);
	size_t expect = FAR_EXPECT * sizeof(*f->expected);
	size_t flow = (size_t)c->guests * c->flow_slots * sizeof(*f->flow);
	size_t end = c->guests * sizeof(*f->end), led = c->guests * sizeof(*f->led);
	uint8_t *p;

	f->shared_bytes =
		lines(header) + lines(sent) + lines(expect) + lines(flow) + lines(end) + lines(led);
	p = mmap(NULL, f->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT,
			    "far side of %s: %zu bytes of memory: %s", c->dev->name,
			    f->shared_bytes, g_strerror(errno));
		return false;
	}
	f->shared = carve(&p, header);
	f->sent = carve(&p, sent);
	f->expected = carve(&p, expect);
	f->flow = carve(&p, flow);
	f->end = carve(&p, end);
	f->led = carve(&p, led);
	f->shared->start = FAR_NEVER;
	for (unsigned g = 0; g < c->guests; g++)
		endpoint_init(&f->end[g], &f->flow[(size_t)g * c->flow_slots], c->flow_slots);
	return true;
}

struct far *far_new(const struct far_cfg *cfg, GError **error)
{
	struct far *f = g_new0(struct far, 1);

	f->cfg = *cfg;
	f->socket = f->pidfd = f->wake = -1;
	f->max_frame = cfg->dev->mtu + TAPDEV_HEADER;
	f->window = MAX(cfg->dev->queue_length, 1);
	f->ring = power_of_two(MIN(cfg->dev->queue_length, 1u << 20) * 4);
	f->window = MIN(f->window, f->ring);
	f->source = g_memdup2(cfg->source, cfg->sources * sizeof(*cfg->source));
	f->at = g_new0(plat_time, cfg->sources + 1);
	f->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!share(f, error) || !far_receive_init(f, error)) {
		far_free(f);
		return NULL;
	}
	far_send_init(f);
	f->shared->next_at = 0;
	return f;
}

static void wake(struct far *f)
{
	uint64_t one = 1;
	ssize_t done = write(f->wake, &one, sizeof(one));

	(void)done;
}

void far_start(struct far *f, plat_time start)
{
	__atomic_store_n(&f->shared->start, start, __ATOMIC_RELEASE);
	wake(f);
}

void far_allow(struct far *f)
{
	far_store(&f->shared->allowed, f->shared->allowed + 1);
	if (f->pid)
		wake(f);
}

void far_nudge(struct far *f)
{
	if (f->pid && !f->child)
		wake(f);
}

void far_close(struct far *f)
{
	far_store(&f->shared->closing, 1);
	wake(f);
}

bool far_ended(const struct far *f)
{
	return __atomic_load_n(&f->shared->next_at, __ATOMIC_ACQUIRE) == FAR_NEVER;
}

int far_fd(const struct far *f)
{
	return f->socket;
}

/* ---- the process ----------------------------------------------------------------------------- */

static plat_time clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec) * 1000u;
}

static void sleep_for(struct far *f, plat_time ps)
{
	struct timespec ts;
	struct pollfd fd[2] = {{.fd = f->socket, .events = POLLIN},
			       {.fd = f->wake, .events = POLLIN}};
	uint64_t ns = MIN(ps, IDLE) / 1000, woken;

	ts = (struct timespec){0, (long)ns};
	if (ppoll(fd, 2, &ts, NULL) > 0 && (fd[1].revents & POLLIN)) {
		ssize_t done = read(f->wake, &woken, sizeof(woken));
		(void)done;
	}
}

/* Both parts in turn, until told to stop. */
static void work(struct far *f)
{
	while (!far_load(&f->shared->stopping)) {
		plat_time start = __atomic_load_n(&f->shared->start, __ATOMIC_ACQUIRE);
		plat_time now = clock_now(), next = FAR_NEVER;
		bool started = start != FAR_NEVER && now >= start;
		if (started && !far_inject(f, now - start, &next))
			next = FAR_NEVER;
		if (far_receive(f))
			continue;
		if (!started)
			sleep_for(f, start == FAR_NEVER ? IDLE : start - now);
		else if (next == FAR_NEVER)
			sleep_for(f, IDLE);
		else if (next > now - start + SPIN)
			sleep_for(f, next - (now - start));
	}
}

/* What is still on its way arrives at once, or not at all. */
static void drain(struct far *f)
{
	for (unsigned ms = 0; ms < DRAIN_MS; ms++) {
		while (far_receive(f))
			ms = 0;
		if (!far_backlog(f))
			break;
		sleep_for(f, 1000000000u);
	}
	far_receive_end(f);
}

static void __attribute__((noreturn)) child(struct far *f, pid_t parent)
{
	f->child = true;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	prctl(PR_SET_NAME, "vnictap-far");
	prctl(PR_SET_TIMERSLACK, 1UL);
	signal(SIGINT, SIG_IGN); /* of the terminal: the other process ends this one */
	signal(SIGTERM, SIG_DFL);
	for (unsigned i = 0; i < f->cfg.dev->queues; i++)
		close(f->cfg.dev->fd[i]); /* the device goes with the other process */
	work(f);
	drain(f);
	_exit(0);
}

bool far_spawn(struct far *f, GError **error)
{
	pid_t parent = getpid();

	f->pid = fork();
	if (f->pid == 0)
		child(f, parent);
	if (f->pid > 0)
		f->pidfd = (int)syscall(SYS_pidfd_open, f->pid, 0);
	if (f->pidfd >= 0)
		return true;
	g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT,
		    "far side of %s: no process of its own: %s", f->cfg.dev->name,
		    g_strerror(errno));
	return false;
}

int far_pidfd(const struct far *f)
{
	return f->pidfd;
}

pid_t far_pid(const struct far *f)
{
	return f->pid;
}

bool far_alive(struct far *f)
{
	struct pollfd fd = {.fd = f->pidfd, .events = POLLIN};

	return f->pid && !f->ended && poll(&fd, 1, 0) == 0;
}

static void reap(struct far *f)
{
	struct pollfd fd = {.fd = f->pidfd, .events = POLLIN};

	if (f->pidfd < 0 || poll(&fd, 1, PATIENCE) != 1)
		kill(f->pid, SIGKILL);
	while (waitpid(f->pid, NULL, 0) < 0 && errno == EINTR)
		;
	f->ended = true;
}

void far_stop(struct far *f)
{
	far_close(f);
	far_store(&f->shared->stopping, 1);
	wake(f);
	if (f->pid && !f->ended)
		reap(f);
	else if (!f->pid)
		drain(f);
}

/* ---- results --------------------------------------------------------------------------------- */

struct far_stats far_stats(const struct far *f)
{
	struct far_stats st = f->shared->stats;

	st.unexplained = f->shared->unexplained;
	st.foreign_read = f->shared->foreign_read;
	st.lost += f->shared->not_expected;
	return st;
}

uint64_t far_digest(const struct far *f, unsigned guest)
{
	return f->end[guest].digest;
}

uint64_t far_overflow(const struct far *f, unsigned guest)
{
	return f->end[guest].overflow;
}

void far_free(struct far *f)
{
	if (!f)
		return;
	if (f->pid && !f->ended)
		far_stop(f);
	for (unsigned i = 0; i < f->cfg.sources; i++)
		cursor_free(f->source[i].cursor);
	if (f->rx)
		munmap(f->rx, (size_t)f->rx_slots * f->rx_slot_bytes);
	if (f->shared)
		munmap(f->shared, f->shared_bytes);
	if (f->socket >= 0)
		close(f->socket);
	if (f->pidfd >= 0)
		close(f->pidfd);
	if (f->wake >= 0)
		close(f->wake);
	g_free(f->untagged);
	g_free(f->trouble);
	g_free(f->source);
	g_free(f->at);
	g_free(f->msg);
	g_free(f->iov);
	g_free(f);
}
