/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calib_wake.c - what single frames cost a datapath that sleeps in between.
 *
 * Three threads, as in the program on real devices: the far side, the datapath, the guest. One
 * frame goes through every GAP_US, and everybody sleeps until it comes: the far side on its socket,
 * the datapath on the device and an eventfd, the guest on an eventfd. What is taken is the
 * datapath's CPU time a frame. Beside the work that is known from bursts it holds what sleeping
 * costs: the kernel's part, and caches that others have used meanwhile.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../../sim/median.h"
#include "calib_path.h"

enum { GAP_US = 100, PATIENCE = 500, LEAST = 200 };

struct wake {
	struct path *p;
	bool in; /* towards the guest */
	unsigned frames;
	int host_fd, guest_fd; /* eventfds */
	bool pauses;           /* one thread: GAP_US before each frame */
	int stop;
	double cpu_ns; /* of the datapath's thread */
};

static bool stopped(const struct wake *w)
{
	return __atomic_load_n(&w->stop, __ATOMIC_ACQUIRE);
}

static void clear(int fd)
{
	uint64_t v;
	ssize_t got = read(fd, &v, sizeof(v));

	(void)got;
}

static void poke(int fd)
{
	uint64_t one = 1;
	ssize_t done = write(fd, &one, sizeof(one));

	(void)done;
}

/* Sleeps until the next frame is due: a late one does not put off the others. */
static void pace(double *due)
{
	double left;

	*due += GAP_US * 1000.0;
	left = *due - calib_wall_ns();
	if (left > 0)
		usleep((useconds_t)(left / 1000));
}

/* ---- the datapath ---- */

static void *datapath(void *arg)
{
	struct wake *w = arg;
	struct path *p = w->p;
	struct pollfd fd[3] = {{.fd = w->host_fd, .events = POLLIN}};
	double start = calib_cpu_ns();

	while (!stopped(w)) {
		unsigned n = 1 + plat_port_poll(&p->port, fd + 1);

		ppoll(fd, n, NULL, NULL);
		if (fd[0].revents)
			clear(w->host_fd);
		if (w->in)
			while (dpath_rx_burst(&p->dp), dpath_rx_commit(&p->dp))
				;
		else
			while (dpath_tx_burst(&p->dp), dpath_tx_commit(&p->dp))
				;
	}
	w->cpu_ns = calib_cpu_ns() - start;
	return NULL;
}

/* ---- the guest ---- */

static void *guest(void *arg)
{
	struct wake *w = arg;
	struct path *p = w->p;
	struct pollfd fd = {.fd = w->guest_fd, .events = POLLIN};
	double due = calib_wall_ns();

	while (w->in && !stopped(w)) {
		do
			path_refill(p, NULL);
		while (virtq_drv_intr_on(&p->rx.drv, &p->pl));
		ppoll(&fd, 1, NULL, NULL);
		clear(w->guest_fd);
	}
	for (unsigned i = 0; !w->in && i < w->frames; i++) {
		pace(&due);
		path_clean(p);
		path_post(p, 1);
		if (virtq_drv_should_kick(&p->tx.drv, &p->pl))
			poke(w->host_fd);
	}
	return NULL;
}

/* ---- the far side ---- */

static void *far_side(void *arg)
{
	struct wake *w = arg;
	struct far *far = w->p->dev->far;
	struct pollfd fd = {.fd = far_fd(far), .events = POLLIN};
	double due = calib_wall_ns();
	plat_time next;

	for (unsigned i = 0; w->in && i < w->frames; i++) {
		pace(&due);
		far_allow(far);
		far_inject(far, PLAT_NEVER - 1, &next);
	}
	for (unsigned got = 0; !w->in && got < w->frames && !stopped(w);) {
		poll(&fd, 1, 100);
		got += far_receive(far);
	}
	return NULL;
}

/* ---- a sample ---- */

/* Frames that the datapath has moved. */
static unsigned moved(const struct wake *w, const struct plat_port_stats *before)
{
	const struct plat_port_stats *now = &w->p->port.stats;

	return (unsigned)(w->in ? __atomic_load_n(&now->rx_frames, __ATOMIC_ACQUIRE) -
					  before->rx_frames
				: __atomic_load_n(&now->tx_frames, __ATOMIC_ACQUIRE) -
					  before->tx_frames);
}

static void end(struct wake *w)
{
	__atomic_store_n(&w->stop, 1, __ATOMIC_RELEASE);
	poke(w->host_fd);
	poke(w->guest_fd);
}

static bool wake_run(void *ctx, unsigned n, double *ns, const char **why)
{
	struct wake *w = ctx;
	struct plat_port_stats before = w->p->port.stats;
	pthread_t host, g, far;

	n = n < LEAST ? LEAST : n; /* the first ones find everything cold */
	w->frames = n;
	w->stop = 0;
	*why = "no thread can be made";
	if (pthread_create(&host, NULL, datapath, w))
		return false;
	if (pthread_create(&g, NULL, guest, w) || pthread_create(&far, NULL, far_side, w)) {
		end(w);
		pthread_join(host, NULL);
		return false;
	}
	pthread_join(w->in ? far : g, NULL);
	for (unsigned i = 0; i < PATIENCE && moved(w, &before) < n; i++)
		usleep(GAP_US);
	end(w);
	pthread_join(w->in ? g : far, NULL);
	pthread_join(host, NULL);
	unsigned done = moved(w, &before);
	*why = "frames were lost";
	*ns = w->cpu_ns / (done ? done : 1);
	return done == n;
}

/* ---- one thread ---- */

/* A frame's way through all sides, which one thread drives in turn; in real time. */
static double one_in(struct path *p)
{
	plat_time next;
	double start = calib_wall_ns();

	far_allow(p->dev->far);
	far_inject(p->dev->far, PLAT_NEVER - 1, &next);
	while (dpath_rx_burst(&p->dp), dpath_rx_commit(&p->dp))
		;
	path_refill(p, NULL);
	return calib_wall_ns() - start;
}

/* Up to the write's return. */
static double one_out(struct path *p)
{
	double start = calib_wall_ns(), end;

	path_post(p, 1);
	while (dpath_tx_burst(&p->dp), dpath_tx_commit(&p->dp))
		;
	end = calib_wall_ns();
	while (far_receive(p->dev->far))
		;
	path_clean(p);
	return end - start;
}

/* Looks for news, as the one thread does until the next frame is due. */
static void look_around(const struct wake *w)
{
	double until = calib_wall_ns() + GAP_US * 1000.0;
	const struct timespec now = {0};
	struct pollfd fd[2];

	do
		ppoll(fd, plat_port_poll(&w->p->port, fd), &now, NULL);
	while (calib_wall_ns() < until);
}

/* The median of single frames; one that was interrupted does not count for more. */
static bool one_run(void *ctx, unsigned n, double *ns, const char **why)
{
	struct wake *w = ctx;
	g_autofree double *v = NULL;

	(void)why;
	n = n < LEAST / 4 ? LEAST / 4 : n;
	v = g_new(double, n);
	for (unsigned i = 0; i < n; i++) {
		if (w->pauses)
			look_around(w);
		v[i] = w->in ? one_in(w->p) : one_out(w->p);
	}
	*ns = median_of(v, n).value;
	return true;
}

/* ---- set-up ---- */

static void close_fds(void *arg)
{
	const struct wake *w = arg;

	close(w->host_fd);
	close(w->guest_fd);
}

static struct wake *wake_new(struct calib *c, struct path_dev *d, const char *policy, bool in)
{
	const char *why;
	struct path *p = path_new(c, d, policy, PATH_KBUF, PLAT_READWRITE, &why);
	struct wake *w;

	if (!p)
		return NULL;
	w = calib_array(c, 1, sizeof(*w));
	*w = (struct wake){.p = p, .in = in};
	w->host_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w->guest_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	calib_at_end(c, close_fds, w);
	p->dp.poll = false;
	return w;
}

/* One thread: single frames, after a pause and at once. */
static void add_one(struct calib *c, struct wake *w, bool pauses, const char *name,
		    const char *policy)
{
	w->pauses = pauses;
	calib_add(c, one_run, w, "one thread takes a single frame through all sides",
		  "%s %s: %s %u B", name, w->in ? "in" : "out", policy, w->p->dev->len)
		->wall = true;
}

void calib_wake(struct calib *c, struct path_dev *d, const char *policy)
{
	for (int in = 0; in < 2; in++) {
		struct wake *w[3];

		for (int i = 0; i < 3; i++)
			if (!(w[i] = wake_new(c, d, policy, in)))
				return;
		w[0]->p->intr.fd = w[0]->guest_fd;
		w[0]->p->dp.rx_intr = &w[0]->p->intr;
		calib_add(c, wake_run, w[0],
			  "the same for single frames, between which all sides sleep",
			  "woken %s: %s %u B", in ? "in" : "out", policy, d->len);
		add_one(c, w[1], true, "single", policy);
		add_one(c, w[2], false, "at once", policy);
	}
}
