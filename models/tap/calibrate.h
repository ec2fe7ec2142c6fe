/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calibrate.h - measures what this machine's work costs, in the real world.
 *
 * How it works. A *probe* is a piece of work that can be repeated: it is told how often and says
 * how long once took, in nanoseconds. All probes run in rounds, in an order that is shuffled anew
 * each round, so that what changes slowly (clock, neighbours, heat) meets all of them alike. What a
 * probe takes is its median over the rounds. A *constant* is a key of the simulator and how it
 * follows from the probes: a time itself, a difference, a term of a fit. Its interval is found by
 * drawing as many rounds as there were, with replacement, a few hundred times, and deriving it from
 * each draw's medians: 95% of these lie in it (the percentile bootstrap). A probe's own interval is
 * of order statistics (median.h).
 *
 * Work of one thread is timed by that thread's CPU clock, which other programs do not advance;
 * where a wake-up is waited for, by the monotonic clock. Each probe says which.
 */
#ifndef TAP_CALIBRATE_H
#define TAP_CALIBRATE_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

struct calib;

/* `n` times; *ns is of one. False: it cannot be done here, and *why (static) says why. */
typedef bool (*calib_fn)(void *ctx, unsigned n, double *ns, const char **why);

struct calib_probe {
	char *name;       /* "copy llc 1514 B" */
	const char *what; /* one line */
	calib_fn fn;
	void *ctx;
	bool wall;       /* timed by the monotonic clock */
	unsigned n;      /* repetitions in a sample */
	double *ns;      /* by round */
	double now;      /* what constants are derived from: a median */
	const char *why; /* it failed */
};

/* One key's value from what the probes take; NAN if they do not tell. */
typedef double (*calib_derive)(const struct calib *c);

struct calib_key {
	const char *key; /* "tap.read_byte" */
	const char
		*unit; /* "ns", "ps" (of a byte), "Hz"; "cycles" of [host] clock, measured in ns */
	calib_derive value;
	const char *from; /* which probes, how */
};

/* ---- for the files that bring probes ---- */

__attribute__((format(printf, 5, 6))) struct calib_probe *calib_add(struct calib *c, calib_fn fn,
								    void *ctx, const char *what,
								    const char *name, ...);
/* What a probe takes; NAN if there is none. */
__attribute__((format(printf, 2, 3))) double calib_ns(const struct calib *c, const char *name, ...);
bool calib_quick(const struct calib *c);
/* Memory that lives as long as the calibration, zeroed. */
void *calib_array(struct calib *c, size_t n, size_t size);
void calib_at_end(struct calib *c, void (*fn)(void *), void *arg);

/* Nanoseconds of this thread's CPU time, and of real time. */
double calib_cpu_ns(void);
double calib_wall_ns(void);

struct calib_caches {
	uint64_t l1, l2, llc; /* bytes; a guess where the machine does not say */
};
struct calib_caches calib_caches(void);
/* Cycles of a nanosecond, as the machine says. */
double calib_ghz(void);

void calib_mem(struct calib *c);   /* calib_mem.c: copies by size and place */
void calib_sys(struct calib *c);   /* calib_sys.c: calls, eventfd, wake-ups */
void calib_rings(struct calib *c); /* calib_rings.c: virtqueues */
/* calib_tap.c: TAP devices, and the datapath on them. False: this environment has none. */
bool calib_tap(struct calib *c, GError **error);

extern const struct calib_key calib_keys[]; /* calib_keys.c; ended by a NULL key */

/* ---- for the program ---- */

/*
 * `PROGRAM --calibrate [--quick] [--quiet] --json FILE`, as the simulator's verb `calibrate` starts
 * it: measures all, and writes what came of it as JSON; progress on stderr, if that is a terminal.
 * False: that is not what the program was asked; else *code is its exit code.
 */
bool calibrate_asked(int argc, char **argv, int *code);

#endif
