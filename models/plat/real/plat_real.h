/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_real.h - the real world from the program's side: guest memory, frames, ports, lines.
 *
 * Everything is allocated in the init functions; they return false, with errno set, if the machine
 * does not give it. What runs afterwards allocates nothing and never blocks.
 */
#ifndef PLAT_REAL_H
#define PLAT_REAL_H

#include "plat.h"

struct frame;
struct ledger;

/*
 * A guest's memory of `bytes`, rounded up to pages: anonymous, shared with children, zero. For
 * another thread's view of the same guest copy the struct.
 */
bool plat_real_init(struct plat *pl, uint64_t bytes);
void plat_real_fini(struct plat *pl);

/* `n` frames, owned by the calling thread. */
bool plat_pool_init(struct plat_pool *pool, unsigned n);
void plat_pool_fini(struct plat_pool *pool);

/*
 * Owner: a frame of len bytes, offered to `led` at time `at`. NULL if all are under way: the caller
 * waits, or counts the loss (the frame is not offered then).
 */
struct frame *plat_pool_get(struct plat_pool *pool, struct ledger *led, uint32_t len, plat_time at);

/* Owner: book what other threads have returned. Returns how many frames are still under way. */
uint64_t plat_pool_collect(struct plat_pool *pool);

/*
 * A port over non-blocking packet descriptors (a TAP device twice, or the ends of SOCK_SEQPACKET
 * pairs), which stay the caller's: one read or write is one frame of at most max_frame bytes. Rings
 * of `ring` segments, a power of two. Frames that come in are taken from `pool` for `led`, by the
 * thread that owns the pool; with the pool empty they wait in the kernel.
 */
bool plat_port_init(struct plat_port *port, int rx_fd, int tx_fd, unsigned ring, unsigned max_frame,
		    struct plat_pool *pool, struct ledger *led);
void plat_port_fini(struct plat_port *port);

/* A doorbell: an eventfd. */
bool plat_line_init(struct plat_line *line);
/* A line for plat_arm(): a timerfd, cleared and waited for as the other. */
bool plat_line_init_alarm(struct plat_line *line);
void plat_line_fini(struct plat_line *line);

/* Sleep until it is kicked, at most timeout_ms (-1: no limit); true if it was. */
bool plat_line_wait(struct plat_line *line, int timeout_ms);

/* Forget kicks that came so far; true if there were any. For an event loop that polls line->fd. */
bool plat_line_clear(struct plat_line *line);

#endif
