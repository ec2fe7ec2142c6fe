/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap.h - a scenario on real TAP devices: the datapath of the simulator between the machine's own
 * kernel and guests that are threads.
 *
 * Three kinds of sides: the far side of each device (far.h), the host, which is all workers of all
 * guests in the datapath, and each guest. A side is a struct side: workers, and what wakes them.
 * With threads = many a side is a thread that sleeps until one of its lines is kicked, a device can
 * be read or written, or an alarm goes off; with threads = one the main thread calls the sides in
 * turn. Workers are the same as in the simulator (machine_virtio.c, machine_guest.c): a burst, a
 * commit, and whether to go on.
 *
 * No wake-up is lost: a worker whose commit says that there is nothing more has enabled what will
 * wake it and looked again (dpath.h, gnet.h); a kick counts on its line before it writes to the
 * side's eventfd; and a side looks at its lines after it has read the eventfd.
 *
 * tap.c builds and ends, tap_guest.c and tap_host.c have the workers, tap_side.c turns them,
 * tap_loop.c has closed loops, tap_run.c is the run, tap_result.c says what came of it.
 */
#ifndef TAP_TAP_H
#define TAP_TAP_H

#include <glib.h>
#include <plat_world.h>
#include <pthread.h>

#include "far.h"
#include "models/guest_build.h"
#include "models/traffic/sender.h"
#include "models/view.h"
#include "sim/cli.h"
#include "tapdev.h"

struct tap;
struct tap_guest;

/* ---- sides ----------------------------------------------------------------------------------- */

#define WORKER_LINES 3

struct worker {
	struct tap_guest *g;
	/* A burst and its commit. Returns units of work done, and whether there is more. */
	unsigned (*turn)(struct tap_guest *g, bool *more);
	const struct plat_line *line[WORKER_LINES]; /* a kick of one of them wakes it */
	uint64_t heard[WORKER_LINES];
	struct plat_line *alarm; /* a timerfd; NULL: none */
	plat_time due;           /* it wants to be called then; PLAT_NEVER: not */
	int fd;                  /* readable: it has something to do; -1: none */
	bool deaf;               /* not to be called by fd just now */
	bool polls;              /* it never sleeps */
	bool up;
};

/* A device under it: receive and send. */
struct side_port {
	struct plat_port *port;
	struct worker *rx, *tx;
};

struct side {
	struct tap *tap;
	char *name;
	struct worker **worker;
	unsigned workers;
	struct side_port *port;
	unsigned ports;
	struct pollfd *fds; /* room for all */
	int event;          /* eventfd that its lines write to; -1: nobody sleeps here */
	bool polls;
	pthread_t thread;
	bool started, has_turn;
	/* read by others */
	uint32_t asleep; /* waits for its descriptors */
	uint64_t epoch;  /* turns that did something */
	uint64_t rounds; /* of all workers, whether or not */
	uint64_t work;   /* units */
};

void side_init(struct side *s, struct tap *tap, const char *name, unsigned workers, unsigned ports);
void side_fini(struct side *s);
void side_add(struct side *s, struct worker *w, bool polls);
/* A line whose kicks wake the side. */
void side_line(struct side *s, struct plat_line *line);
/* A kick of the line wakes the worker. */
void worker_line(struct worker *w, const struct plat_line *line);

/* Every worker that has something to do has a turn. Did any? */
bool side_round(struct side *s);
/* Look at descriptors; with `timeout_ps` 0 without waiting. Wakes the workers concerned. */
void side_wait(struct side *s, plat_time timeout_ps);
/* Until tap->stop. */
bool side_start(struct side *s, GError **error);
void side_join(struct side *s);
/* A thread that sleeps looks at tap->stop. */
void side_poke(struct side *s);
/* Is it asleep, and has nothing been said to it since? (Of another thread.) */
bool side_silent(const struct side *s);
/* One-thread turns: is a worker up, or has its line been kicked? */
bool side_stirs(const struct side *s);
/* When a worker wants to be called, at the earliest. */
plat_time side_due(const struct side *s);

/* ---- guests ---------------------------------------------------------------------------------- */

struct tap_nic {
	struct tap *tap;
	const struct cfg *cfg;
	struct tapdev dev;
	bool open;
	struct far *far; /* NULL: far = none */
	struct tap_guest **guest;
	uint8_t (*mac)[6];
	unsigned guests;
	struct far_source *source;
	unsigned sources;
	bool ended; /* its far side has sent all */
	/* closed loops: as far_cfg.came; NULL: there are none */
	void (*came)(void *ctx, unsigned guest, uint16_t traffic, uint32_t exchange, uint64_t num,
		     plat_time at);
};

struct tap_guest {
	struct tap *tap;
	struct tap_nic *nic;
	const struct cfg *cfg;
	unsigned index, queue; /* of all guests; of its device */
	uint8_t mac[6], ip[4];

	struct plat pl; /* its memory */
	uint64_t bump;  /* of it, used */
	struct plat_port port;
	struct gnet net;
	struct gnet_virtio vio;
	struct gnet_split split;
	struct place place;
	struct dpath dp;
	struct cluster cluster;
	struct txbatch tx_batch;
	struct endpoint tx_end; /* not used: the far side looks at what is sent */
	struct guest_parts parts;

	struct plat_line rx_kick, tx_kick, vmm_line;  /* to the host */
	struct plat_line rx_intr, tx_intr, read_line; /* to the guest */
	struct plat_line app_line;                    /* its process may have to send */
	struct plat_line cluster_alarm, tx_alarm;     /* timers */
	struct worker hrx, htx, hvmm, grx, gread, gtx;
	struct side side;

	/* Frames that come in are the host thread's, frames that it sends its own. */
	struct world rx_world, tx_world;
	struct book rx, tx, warm_rx, warm_tx;
	struct stages rx_stages, tx_stages;
	struct sender sender;
	uint32_t sending;        /* read by others: it has something left to send */
	uint32_t allowed, begun; /* lockstep: frames that it may send, that it has begun */
	uint64_t news, heeded;   /* of closed loops that it is an end of: written by all; its own */
	plat_time stopped;       /* when it had sent all, since the start */
	uint64_t bad_stages;     /* frames whose stages do not add up */
	bool tx_full;
	struct app *app; /* far = none: its process; else NULL */
	uint64_t app_sent;
	uint64_t in_device[2], in_device_bytes[2]; /* at the end; of warm_rx, of rx */
	struct guest_counts at_start, at_stop;
};

bool guest_init(struct tap_guest *g, GError **error);
/* Posts buffers, goes to sleep; before the start. */
void guest_boot(struct tap_guest *g);
void guest_fini(struct tap_guest *g);
void guest_counts(const struct tap_guest *g, struct guest_counts *c);
void guest_traffic(struct tap_guest *g, struct traffic *t, uint16_t number, bool unpaced,
		   bool drop);

/* ---- its process, if that is a program of app.h (tap_app.c) ---------------------------------- */

/* While there is the privilege to open what it needs. */
bool guest_app_open(struct tap_guest *g, GError **error);
/* The guest is built: what it receives is its process's. */
void guest_app_attach(struct tap_guest *g);
/* It may have something to send, after it has received: wakes the worker that sends. */
void guest_app_called(struct tap_guest *g);
/* Sends what it has, at most max frames; says so in tx_full if there is no room. */
unsigned guest_app_send(struct tap_guest *g, unsigned max);
/* To people, on stderr: where it is. */
void guest_app_announce(const struct tap_guest *g);

/* ---- closed loops (tap_loop.c) --------------------------------------------------------------- */

/* A traffic that is one, and the device of its wire; nothing if it is none. */
void tap_loop_add(struct tap *t, unsigned traffic, struct tap_nic *wire);
/* The guest is built: what its process reads is told to loops. */
void guest_loops_attach(struct tap_guest *g);
/* In its turn (or while it is silent): what it sends next may have become another frame. */
void guest_loops_heed(struct tap_guest *g);

/* The main thread. Time has passed; the guest can send no more. */
void tap_loops_look(struct tap *t, plat_time now);
void tap_loops_gone(struct tap *t, struct tap_guest *g);
/* Are there answers that are still to be sent? */
bool tap_loops_pending(const struct tap *t);
/* All sources have stopped by `now`: when the last one did, as near as is known. */
plat_time tap_loops_stop(const struct tap *t, plat_time now);
void tap_loops_snapshot(struct tap *t, bool stop);
void tap_loops_results(struct result *r, const struct tap *t);

/* ---- host (tap_host.c) ----------------------------------------------------------------------- */

bool host_init(struct tap_guest *g, GError **error);

/* ---- the whole ------------------------------------------------------------------------------- */

struct tap {
	const struct scenario *sc;
	const struct cfg *cfg, *host; /* [tap], [host] */
	bool one, lockstep, replay;
	struct tap_nic *nic;
	unsigned nics;
	struct tap_guest *guest;
	unsigned guests;
	struct traffic **traffic;
	struct tap_loop **loop; /* by traffic; NULL: it is no closed loop */
	unsigned traffics;
	bool loops; /* some is */
	struct traffic_endpoint *endpoint;
	GPtrArray *arrays;
	struct side host_side;
	uint64_t flows, offered_total;

	plat_time warmup, drain, max_time; /* ps */
	plat_time start;                   /* plat_now() */
	uint32_t stop;                     /* all threads end */
	pthread_mutex_t turn;              /* lockstep: whose turn it is */
	/* of the window */
	plat_time window_start, window_stop; /* since the start */
	bool counted_start;
	uint64_t cpu_start, cpu_stop; /* ns, of the datapath */
	uint64_t cpu_ns, clock_ns;    /* threads = one: in its turns; what it takes to look */
	uint64_t delivered_start, delivered_stop;
	bool interrupted, limit_passed;
	uint64_t pages_early,
		pages_late; /* resident, of the process: soon after the start, at the end */
	GError *ended;      /* early, and why */
};

void *tap_array(struct tap *t, size_t n, size_t size);
struct tap *tap_new(const struct scenario *sc, GError **error);
/* Has its device been removed, or brought down? */
bool nic_gone(const struct tap_nic *n);
bool tap_run(struct tap *t, struct run_ctl *ctl, GError **error);

/* ---- CPU time of the datapath (tap_cpu.c) ---------------------------------------------------- */

/* threads = one: what reading the clock takes. */
void tap_cpu_start(struct tap *t);
/* threads = one: the datapath's turn, timed. */
bool tap_cpu_round(struct tap *t);
/* So far, in ns. */
uint64_t tap_cpu_ns(const struct tap *t);
bool tap_verify(struct tap *t, GError **error);
void tap_results(struct tap *t, struct result *r);
uint64_t tap_offered(const struct tap *t);
uint64_t tap_delivered(const struct tap *t);
void tap_free(struct tap *t);

/* The run function of the command line. */
bool tap_main_run(const struct scenario *sc, struct run_ctl *ctl, struct result *r, GError **error);

#endif
