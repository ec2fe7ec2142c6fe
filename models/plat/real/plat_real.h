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
 * Where bytes lie in a page. `rep movsb`, by which kernels and C libraries copy, takes up to twelve
 * times as long on some CPUs (Zen 3, Zen 4) when the destination begins 1 to 32 bytes after the
 * source, modulo the page. The kernel reads frames from and writes them to 64 bytes or so behind a
 * multiple of 2 KiB. So a guest's memory, whose frames lie 12 bytes behind that, begins 64 bytes
 * into a page, and the host's buffers 128: whichever two of the three are copied, in either
 * direction, differ by more than that or lie the other way round. docs/tap.md has the numbers.
 */
enum { PLAT_REAL_MEM_AT = 64, PLAT_REAL_HBUF_AT = 128, PLAT_REAL_SLACK = 2 * PAGE_BYTES };

/* Where host buffers begin in memory that has SLACK more bytes than they take. */
uint8_t *plat_real_hbufs(uint8_t *mem);

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

/* Owner: how many frames there are to be had. Books what other threads have returned if it has to.
 */
unsigned plat_pool_free(struct plat_pool *pool);

/* Owner: book what other threads have returned. Returns how many frames are still under way. */
uint64_t plat_pool_collect(struct plat_pool *pool);

/* How a port reaches its descriptor. */
enum plat_backend {
	PLAT_READWRITE, /* readv(), writev(): a system call for each frame */
	PLAT_URING,     /* io_uring: a system call for each burst */
};

/*
 * A port over packet descriptors (a queue of a TAP device twice, or the ends of SOCK_SEQPACKET or
 * SOCK_DGRAM pairs), which stay the caller's: one read or write is one frame.
 */
struct plat_port_cfg {
	int rx_fd, tx_fd;   /* made non-blocking */
	unsigned ring;      /* segments of each direction that can be posted; a power of two */
	unsigned max_frame; /* bytes of the longest frame, without FCS */
	unsigned vnet_hdr;  /* bytes in front of each frame, IFF_VNET_HDR: at most 12; 0: none */
	enum plat_backend backend;
	unsigned batch; /* PLAT_URING: frames of one system call, at most; 0: 64 */
	/* Frames that come in are taken from it by the thread that owns it; empty, they wait. */
	struct plat_pool *pool;
	struct ledger *led; /* and offered in this book */
	/*
	 * A frame of len bytes has been read, of which the first head_len, 64 or all of a shorter
	 * one, are at head: fills f in (num, hash, traffic, first, last, led; f->last at most now).
	 * False: nobody sent it here; it is forgotten and its buffers stay posted. NULL: all are
	 * welcome.
	 */
	bool (*arrived)(void *ctx, struct frame *f, const uint8_t *head, uint32_t head_len,
			uint32_t len);
	/* f is written next; told once, whatever then becomes of it. NULL: nobody asks. */
	void (*departing)(void *ctx, struct frame *f);
	void *ctx;
};

/*
 * False: port->failed says what could not be had, errno why. Afterwards port->stats counts, and
 * port->gone says that the device has been removed: then receive buffers are handed back without a
 * frame, none can be posted, and what is sent is dropped (device_gone).
 */
bool plat_port_init(struct plat_port *port, const struct plat_port_cfg *cfg);
void plat_port_fini(struct plat_port *port);

/*
 * What an event loop waits for on behalf of this port, given the interrupts that the datapath has
 * asked for: fills in p[0..1], returns how many.
 */
struct pollfd;
unsigned plat_port_poll(const struct plat_port *port, struct pollfd *p);

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
