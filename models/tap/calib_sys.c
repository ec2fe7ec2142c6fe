/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calib_sys.c - what the kernel's calls and wake-ups cost.
 *
 * Wake-ups are measured between two threads that pass an event to and fro, each asleep in
 * epoll_wait() meanwhile: the CPU time of each is that of writing an eventfd with a sleeper behind
 * it, of going to sleep and coming back, and of reading the eventfd; half of a round in real time,
 * less that work, is the wake-up.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calibrate.h"

struct sys {
	int event, idle, epoll; /* an eventfd to write and read; epoll over it */
	int ping, pong, ping_epoll, pong_epoll;
	bool same_cpu;
	unsigned rounds;
	double write_ns; /* of the last ping-pong: the eventfd write alone, in real time */
};

static bool call_run(void *ctx, unsigned n, double *ns, const char **why)
{
	double start = calib_cpu_ns();

	(void)ctx;
	(void)why;
	for (unsigned i = 0; i < n; i++)
		syscall(SYS_getppid);
	*ns = (calib_cpu_ns() - start) / n;
	return true;
}

static bool clock_run(void *ctx, unsigned n, double *ns, const char **why)
{
	double start = calib_cpu_ns();

	(void)ctx;
	(void)why;
	for (unsigned i = 0; i < n; i++)
		calib_wall_ns();
	*ns = (calib_cpu_ns() - start) / n;
	return true;
}

static void put(int fd)
{
	uint64_t one = 1;
	ssize_t done = write(fd, &one, sizeof(one));

	(void)done;
}

static void take(int fd)
{
	uint64_t v;
	ssize_t done = read(fd, &v, sizeof(v));

	(void)done;
}

static bool write_run(void *ctx, unsigned n, double *ns, const char **why)
{
	const struct sys *s = ctx;
	double start = calib_cpu_ns();

	(void)why;
	for (unsigned i = 0; i < n; i++)
		put(s->event);
	*ns = (calib_cpu_ns() - start) / n;
	take(s->event);
	return true;
}

static bool empty_run(void *ctx, unsigned n, double *ns, const char **why)
{
	const struct sys *s = ctx;
	double start = calib_cpu_ns();

	(void)why;
	for (unsigned i = 0; i < n; i++)
		take(s->idle);
	*ns = (calib_cpu_ns() - start) / n;
	return true;
}

/* Each read finds one write; the write's own time is subtracted by the derived constant. */
static bool both_run(void *ctx, unsigned n, double *ns, const char **why)
{
	const struct sys *s = ctx;
	double start = calib_cpu_ns();

	(void)why;
	for (unsigned i = 0; i < n; i++) {
		put(s->event);
		take(s->event);
	}
	*ns = (calib_cpu_ns() - start) / n;
	return true;
}

static bool epoll_run(void *ctx, unsigned n, double *ns, const char **why)
{
	const struct sys *s = ctx;
	struct epoll_event ev[4];

	(void)why;
	put(s->event);
	double start = calib_cpu_ns();
	for (unsigned i = 0; i < n; i++)
		epoll_wait(s->epoll, ev, 4, 0);
	*ns = (calib_cpu_ns() - start) / n;
	take(s->event);
	return true;
}

/* ---- two threads ---- */

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/* Two CPUs that this process may use; false if there is but one. */
static bool two_cpus(int *a, int *b)
{
	cpu_set_t set;

	*a = *b = -1;
	if (sched_getaffinity(0, sizeof(set), &set))
		return false;
	for (int i = 0; i < CPU_SETSIZE && *b < 0; i++)
		if (CPU_ISSET((unsigned)i, &set))
			*(*a < 0 ? a : b) = i;
	return *b >= 0;
}

static void *answer(void *arg)
{
	struct sys *s = arg;
	struct epoll_event ev[4];
	int a = 0, b = 0;

	two_cpus(&a, &b);
	pin(s->same_cpu || b < 0 ? a : b);
	for (unsigned i = 0; i < s->rounds; i++) {
		epoll_wait(s->ping_epoll, ev, 4, -1);
		take(s->ping);
		put(s->pong);
	}
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* n rounds: CPU and real time of one, and the median real time of a write to a sleeper. */
static bool ping_pong(struct sys *s, bool same_cpu, unsigned n, double *cpu, double *wall,
		      double *write_ns, const char **why)
{
	pthread_t other;
	cpu_set_t before;
	struct epoll_event ev[4];
	int a, b;
	g_autofree double *writes = g_new(double, n);

	sched_getaffinity(0, sizeof(before), &before);
	if (!two_cpus(&a, &b) && !same_cpu) {
		*why = "needs two CPUs";
		return false;
	}
	pin(a);
	s->rounds = n;
	s->same_cpu = same_cpu;
	if (pthread_create(&other, NULL, answer, s)) {
		*why = "no thread can be made";
		return false;
	}
	double start_cpu = calib_cpu_ns(), start = calib_wall_ns();
	for (unsigned i = 0; i < n; i++) {
		double t = calib_wall_ns();

		put(s->ping);
		writes[i] = calib_wall_ns() - t;
		epoll_wait(s->pong_epoll, ev, 4, -1);
		take(s->pong);
	}
	*cpu = (calib_cpu_ns() - start_cpu) / n;
	*wall = (calib_wall_ns() - start) / n;
	pthread_join(other, NULL);
	sched_setaffinity(0, sizeof(before), &before);
	qsort(writes, n, sizeof(*writes), by_value);
	*write_ns = writes[n / 2];
	return true;
}

static bool wake_round(void *ctx, unsigned n, double *ns, const char **why)
{
	double cpu, write_ns;

	return ping_pong(ctx, false, n, &cpu, ns, &write_ns, why);
}

static bool wake_cpu(void *ctx, unsigned n, double *ns, const char **why)
{
	double wall, write_ns;

	return ping_pong(ctx, false, n, ns, &wall, &write_ns, why);
}

static bool wake_write(void *ctx, unsigned n, double *ns, const char **why)
{
	double wall, cpu;

	return ping_pong(ctx, false, n, &cpu, &wall, ns, why);
}

static bool switch_round(void *ctx, unsigned n, double *ns, const char **why)
{
	double cpu, write_ns;

	return ping_pong(ctx, true, n, &cpu, ns, &write_ns, why);
}

/* ---- set-up ---- */

static int epoll_over(int fd)
{
	int e = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = {.events = EPOLLIN};

	epoll_ctl(e, EPOLL_CTL_ADD, fd, &ev);
	return e;
}

static void close_all(void *arg)
{
	const struct sys *s = arg;
	const int fd[] = {s->event, s->idle,       s->epoll,     s->ping,
			  s->pong,  s->ping_epoll, s->pong_epoll};

	for (size_t i = 0; i < G_N_ELEMENTS(fd); i++)
		close(fd[i]);
}

void calib_sys(struct calib *c)
{
	struct sys *s = calib_array(c, 1, sizeof(*s));
	const int flags = EFD_NONBLOCK | EFD_CLOEXEC;
	struct calib_probe *p;

	s->event = eventfd(0, flags);
	s->idle = eventfd(0, flags);
	s->ping = eventfd(0, flags);
	s->pong = eventfd(0, flags);
	s->epoll = epoll_over(s->event);
	s->ping_epoll = epoll_over(s->ping);
	s->pong_epoll = epoll_over(s->pong);
	calib_at_end(c, close_all, s);
	calib_add(c, call_run, s, "a system call that does nothing (getppid)", "system call");
	calib_add(c, clock_run, s, "clock_gettime(CLOCK_MONOTONIC), as each stamp takes", "clock");
	calib_add(c, write_run, s, "write() to an eventfd that nobody sleeps on", "eventfd write");
	calib_add(c, both_run, s, "write() and read() of an eventfd", "eventfd write and read");
	calib_add(c, empty_run, s, "read() of an eventfd that finds nothing", "eventfd empty");
	calib_add(c, epoll_run, s, "epoll_wait() that finds one descriptor at once", "epoll ready");
	calib_add(c, wake_cpu, s, "CPU time of a round: write to a sleeper, sleep, read",
		  "wake: CPU of a round");
	p = calib_add(c, wake_write, s,
		      "write() to an eventfd on which another CPU's thread sleeps", "wake: write");
	p->wall = true;
	p = calib_add(c, wake_round, s, "two threads on two CPUs wake each other: a round",
		      "wake: round");
	p->wall = true;
	p = calib_add(c, switch_round, s, "the same on one CPU: two context switches",
		      "switch: round");
	p->wall = true;
}
