/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_impl.h of the real world - ordinary memory, the machine's clock, eventfd, and a file
 * descriptor as the device.
 *
 * Guest memory is one region that both sides map: guest-physical (and guest-virtual) address is the
 * offset in it. There is no IOMMU: a device address is a pointer. Work costs what it costs, so
 * charges are empty.
 *
 * Threads. A struct plat belongs to one thread and one guest. Between the two sides of a ring there
 * are only the ring's index and event words, accessed here as atomics, and full fences. Frames and
 * books belong to the thread that owns the pool: plat_deliver() and plat_drop() of any thread write
 * the fate beside the frame and push it onto a lock-free stack; the owner books it when it takes
 * the stack over (when it runs out of frames, or in plat_pool_collect()). So no book is ever
 * written by two threads, and a ledger is complete only after plat_pool_collect().
 *
 * The device is a descriptor that hands out and takes one frame at a time: plat_port.c says how.
 *
 * Rejected: booking with atomic counters (two threads would fight over each line of the ledger); a
 * lock around the pool.
 */
#ifndef PLAT_REAL_IMPL_H
#define PLAT_REAL_IMPL_H

#include <string.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "plat.h"

/* A frame and what became of it. The frame comes first: its address is the record's. */
struct plat_record {
	struct frame f;
	struct plat_pool *pool;
	int fate; /* -1 delivered, else enum drop_reason */
	/* Moved by a device: booked with the fate, since the book is the owner's. */
	uint32_t dma_transfers, dma_segments, dma_bytes;
};

struct plat_pool {
	struct frame *free; /* the owner's */
	uint64_t live;      /* handed out and not collected */
	struct plat_record *all;
	unsigned n;
	/* Called by the owner for each frame whose fate it books; NULL: nobody. */
	void (*done)(void *arg, const struct frame *f, int fate);
	void *done_arg;
	/* own line: other threads write it */
	struct frame *returned __attribute__((aligned(64)));
};

struct plat {
	uint8_t *mem;   /* the guest's memory; aligned to a cache line, see plat_real.h */
	uint64_t bytes; /* of it */
	/* The guest's process has read a frame; NULL: nobody asks. */
	void (*process)(void *ctx, const struct frame *f);
	void *ctx;
};

struct plat_line {
	int fd; /* eventfd, of an alarm timerfd; -1: nobody listens */
	uint64_t kicks;
};

struct plat_posted {
	uint64_t cookie;
	uint32_t seg; /* where its segments begin, running count */
	uint32_t n;
	uint32_t bytes;
};

struct plat_sending {
	uint64_t cookie;
	struct frame *frame;
	uint32_t seg, n;
	uint32_t bytes;
	bool failed;
};

struct plat_port;

/* How a port reaches its descriptor; called once a burst. */
struct plat_backend_ops {
	unsigned (*reap_rx)(struct plat *pl, struct plat_port *port, struct plat_rx *rx,
			    unsigned max);
	void (*write)(struct plat *pl, struct plat_port *port); /* what is posted */
	void (*fini)(struct plat_port *port);
};

struct plat_uring; /* plat_uring.c */

/* What a port has met, since its beginning. */
struct plat_port_stats {
	uint64_t rx_frames, tx_frames; /* handed to the datapath; taken by the device */
	uint64_t rx_calls, tx_calls;   /* system calls that moved frames, or tried to */
	uint64_t rx_errors, tx_errors; /* of these frames or calls, what the device refused */
	uint64_t tx_blocked;           /* times that it had no room: tried again later */
	uint64_t foreign;              /* frames that were not expected: arrived() said so */
	uint64_t runts;                /* shorter than an Ethernet header: forgotten */
};

/*
 * All counts run free and index the rings modulo `ring`, a power of two: entries and segments.
 * Receive: reaped <= flushed <= posted. Send: reaped <= written <= told <= posted.
 */
struct plat_port {
	int rx_fd, tx_fd; /* the same for a TAP device */
	unsigned ring;
	unsigned max_frame; /* bytes of the longest frame that rx_fd hands out */
	unsigned vnet_hdr;  /* bytes in front of each frame, which are not the frame's */
	struct plat_devinfo info;
	const struct plat_backend_ops *ops;
	struct plat_uring *uring;
	struct plat_pool *pool;
	struct ledger *led; /* of the frames that come in */
	bool (*arrived)(void *ctx, struct frame *f, const uint8_t *head, uint32_t head_len,
			uint32_t len);
	void (*departing)(void *ctx, struct frame *f);
	void *ctx;
	struct plat_posted *rx;
	struct iovec *rx_iov;
	struct plat_sending *tx;
	struct iovec *tx_iov;
	struct iovec *scratch; /* ring + 2: a readv's or writev's */
	uint8_t *beyond;       /* catches what of a frame does not fit */
	uint32_t rx_posted, rx_flushed, rx_reaped, rx_seg_posted, rx_seg_reaped;
	uint32_t tx_posted, tx_told, tx_written, tx_reaped, tx_seg_posted, tx_seg_reaped;
	bool rx_irq, tx_irq; /* the event loop polls the descriptor only then */
	bool gone;           /* the device has been removed */
	const char *failed;  /* after plat_port_init(): what could not be had */
	struct plat_port_stats stats;
};

/* plat_port.c */
bool plat_real_readable(const struct plat_port *port);

static inline void *plat_map(struct plat *pl, gpa_t gpa, uint32_t *len, enum plat_access access)
{
	(void)access;
	if (__builtin_expect(gpa.a >= pl->bytes, 0)) {
		*len = 0;
		return NULL;
	}
	uint64_t rest = pl->bytes - gpa.a;
	*len = *len < rest ? *len : (uint32_t)rest;
	return pl->mem + gpa.a;
}

static inline void *plat_map_user(struct plat *pl, gva_t gva, uint32_t *len,
				  enum plat_access access)
{
	return plat_map(pl, (gpa_t){gva.a}, len, access);
}

static inline bool plat_translate(struct plat *pl, gva_t gva, gpa_t *gpa, uint32_t *len)
{
	*gpa = (gpa_t){gva.a};
	return plat_map(pl, *gpa, len, PLAT_READ) != NULL;
}

/*
 * Bytes from one buffer into another. glibc moves more than some KiB by `rep movsb`, and that takes
 * ten times as long on some CPUs (Zen 3 and 4) if the destination lies a few bytes behind the
 * source modulo the page - as a guest's buffer does, in which a header precedes the frame. So: in
 * pieces for which it has loops, the last first, that no load waits for a store with equal low
 * bits.
 */
static inline void plat_real_move(void *dst, const void *src, uint32_t len)
{
	enum { PIECE = 1024 };

	for (uint32_t rest = len; rest;) {
		uint32_t n = rest % PIECE ? rest % PIECE : PIECE;

		rest -= n;
		memmove((char *)dst + rest, (const char *)src + rest, n);
	}
}

static inline void plat_copy(struct plat *pl, struct frame *frame, enum copy_site site,
			     enum copy_reason reason, void *dst, const void *src, uint32_t len)
{
	(void)pl;
	plat_real_move(dst, src, len);
	frame_copied(frame, site, reason, len);
}

static inline void plat_copy_header(struct plat *pl, struct frame *frame, enum copy_site site,
				    void *dst, const void *src, uint32_t len)
{
	(void)pl;
	memcpy(dst, src, len);
	frame_copied_header(frame, site);
}

static inline enum plat_page plat_page_state(struct plat *pl, gpa_t gpa)
{
	return gpa.a < pl->bytes ? PLAT_PAGE_IN : PLAT_PAGE_NONE;
}

static inline bool plat_page_in(struct plat *pl, gpa_t gpa)
{
	return gpa.a < pl->bytes;
}

static inline uint16_t plat_load_idx(const uint16_t *idx)
{
	return __atomic_load_n(idx, __ATOMIC_ACQUIRE);
}

static inline void plat_publish_idx(uint16_t *idx, uint16_t value)
{
	__atomic_store_n(idx, value, __ATOMIC_RELEASE);
}

static inline void plat_fence(struct plat *pl)
{
	(void)pl;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* An eventfd keeps the wake-up until it is read; a full one (EAGAIN) has one already. */
static inline void plat_kick(struct plat *pl, struct plat_line *line, uint32_t value)
{
	(void)pl;
	(void)value;
	/* One thread kicks a line; others look at how often it did. */
	__atomic_store_n(&line->kicks, line->kicks + 1, __ATOMIC_RELEASE);
	if (line->fd < 0)
		return;
	uint64_t one = 1;
	ssize_t done = write(line->fd, &one, sizeof(one));
	(void)done;
}

static inline void plat_reg_read(struct plat *pl, struct plat_line *line, uint32_t n)
{
	(void)pl;
	(void)line;
	(void)n;
}

/* In whole nanoseconds, rounded up: never early. Zero would disarm. */
static inline void plat_arm(struct plat *pl, struct plat_line *line, plat_time at)
{
	(void)pl;
	struct itimerspec t = {0};
	if (at != PLAT_NEVER) {
		uint64_t ns = at / 1000 + (at % 1000 || at == 0);
		t.it_value.tv_sec = (time_t)(ns / 1000000000u);
		t.it_value.tv_nsec = (long)(ns % 1000000000u);
	}
	timerfd_settime(line->fd, TFD_TIMER_ABSTIME, &t, NULL);
}

static inline void plat_charge(struct plat *pl, enum plat_work what, uint32_t n)
{
	(void)pl;
	(void)what;
	(void)n;
}

static inline void plat_read(struct plat *pl, enum plat_work what, const void *p, uint32_t len)
{
	(void)pl;
	(void)what;
	(void)p;
	(void)len;
}

static inline plat_time plat_now(struct plat *pl)
{
	(void)pl;
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec) * 1000u;
}

static inline void plat_stamp(struct plat *pl, struct frame *frame, enum frame_stage stage)
{
	frame_stamp(frame, stage, plat_now(pl));
}

/* Any thread: the frame is its pool's again, to be booked by the pool's owner. */
static inline void plat_real_return(struct frame *frame, int fate)
{
	struct plat_record *r = (struct plat_record *)frame;
	r->fate = fate;
	frame->next = __atomic_load_n(&r->pool->returned, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&r->pool->returned, &frame->next, frame, true,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

static inline void plat_process(struct plat *pl, struct frame *frame)
{
	if (__builtin_expect(pl->process != NULL, 0))
		pl->process(pl->ctx, frame);
}

static inline void plat_deliver(struct plat *pl, struct frame *frame)
{
	(void)pl;
	plat_real_return(frame, -1);
}

static inline void plat_drop(struct plat *pl, struct frame *frame, enum drop_reason reason)
{
	(void)pl;
	plat_real_return(frame, (int)reason);
}

static inline bool plat_dma_map(struct plat *pl, struct plat_port *port, gpa_t gpa, uint32_t len,
				enum plat_dir dir, struct plat_seg *seg, unsigned max, unsigned *n)
{
	(void)port;
	uint32_t got = len;
	void *p = plat_map(pl, gpa, &got, dir == PLAT_FROM_DEVICE ? PLAT_WRITE : PLAT_READ);
	if (p == NULL || got != len || *n >= max)
		return false;
	seg[(*n)++] = (struct plat_seg){(uintptr_t)p, len};
	return true;
}

static inline void plat_dma_unmap(struct plat *pl, struct plat_port *port,
				  const struct plat_seg *seg, unsigned n)
{
	(void)pl;
	(void)port;
	(void)seg;
	(void)n;
}

static inline bool plat_dma_map_sg(struct plat *pl, struct plat_port *port,
				   const struct plat_mem *mem, unsigned nmem, enum plat_dir dir,
				   struct plat_seg *seg, unsigned max, unsigned *n)
{
	unsigned before = *n;

	for (unsigned i = 0; i < nmem; i++) {
		if (plat_dma_map(pl, port, mem[i].gpa, mem[i].len, dir, seg, max, n))
			continue;
		plat_dma_unmap(pl, port, seg + before, *n - before);
		*n = before;
		return false;
	}
	return true;
}

/* The device sees the very memory that was mapped. */
static inline void plat_dma_sync_for_device(struct plat *pl, struct plat_port *port,
					    const struct plat_seg *seg, unsigned n, uint32_t len,
					    struct frame *frame)
{
	(void)pl;
	(void)port;
	(void)seg;
	(void)n;
	(void)len;
	(void)frame;
}

static inline void plat_dma_sync_for_cpu(struct plat *pl, struct plat_port *port,
					 const struct plat_seg *seg, unsigned n, uint32_t len,
					 struct frame *frame)
{
	(void)pl;
	(void)port;
	(void)seg;
	(void)n;
	(void)len;
	(void)frame;
}

static inline struct plat_devinfo plat_dev_info(struct plat *pl, struct plat_port *port)
{
	(void)pl;
	return port->info;
}

static inline unsigned plat_dev_rx_room(struct plat *pl, struct plat_port *port)
{
	(void)pl;
	if (__builtin_expect(port->gone, 0))
		return 0;
	return port->ring - (port->rx_seg_posted - port->rx_seg_reaped);
}

static inline unsigned plat_dev_tx_room(struct plat *pl, struct plat_port *port)
{
	(void)pl;
	return port->ring - (port->tx_seg_posted - port->tx_seg_reaped);
}

static inline void plat_dev_post_rx(struct plat *pl, struct plat_port *port, uint64_t cookie,
				    const struct plat_seg *seg, unsigned n)
{
	(void)pl;
	struct plat_posted *b = &port->rx[port->rx_posted++ & (port->ring - 1)];
	*b = (struct plat_posted){.cookie = cookie, .seg = port->rx_seg_posted, .n = n};
	for (unsigned i = 0; i < n; i++) {
		port->rx_iov[port->rx_seg_posted++ & (port->ring - 1)] =
			(struct iovec){(void *)(uintptr_t)seg[i].dma, seg[i].len};
		b->bytes += seg[i].len;
	}
}

/* No TAP device splits: the first segments take the whole frame. */
static inline void plat_dev_post_rx_split(struct plat *pl, struct plat_port *port, uint64_t cookie,
					  const struct plat_seg *seg, unsigned nheader, unsigned n)
{
	(void)nheader;
	plat_dev_post_rx(pl, port, cookie, seg, n);
}

static inline unsigned plat_dev_reap_rx(struct plat *pl, struct plat_port *port, struct plat_rx *rx,
					unsigned max)
{
	return port->ops->reap_rx(pl, port, rx, max);
}

static inline void plat_dev_send(struct plat *pl, struct plat_port *port, uint64_t cookie,
				 struct frame *frame, const struct plat_seg *seg, unsigned n)
{
	(void)pl;
	struct plat_sending *s = &port->tx[port->tx_posted++ & (port->ring - 1)];
	*s = (struct plat_sending){
		.cookie = cookie, .frame = frame, .seg = port->tx_seg_posted, .n = n};
	for (unsigned i = 0; i < n; i++) {
		port->tx_iov[port->tx_seg_posted++ & (port->ring - 1)] =
			(struct iovec){(void *)(uintptr_t)seg[i].dma, seg[i].len};
		s->bytes += seg[i].len;
	}
}

/* Never asked: the device is a file descriptor, which has no such capability. */
static inline void plat_dev_csum(struct plat *pl, struct plat_port *port, uint16_t start,
				 uint16_t offset)
{
	(void)pl;
	(void)port;
	(void)start;
	(void)offset;
}

static inline unsigned plat_dev_reap_tx(struct plat *pl, struct plat_port *port, uint64_t *cookie,
					unsigned max)
{
	if (port->tx_written != port->tx_posted)
		port->ops->write(pl, port);
	unsigned n = 0;
	for (; n < max && port->tx_reaped != port->tx_written; n++) {
		const struct plat_sending *s = &port->tx[port->tx_reaped++ & (port->ring - 1)];
		cookie[n] = s->cookie | (s->failed ? PLAT_TX_FAILED : 0);
		port->tx_seg_reaped += s->n;
	}
	return n;
}

static inline void plat_dev_flush_rx(struct plat *pl, struct plat_port *port)
{
	(void)pl;
	port->rx_flushed = port->rx_posted;
}

static inline void plat_dev_flush_tx(struct plat *pl, struct plat_port *port)
{
	if (port->tx_written != port->tx_posted)
		port->ops->write(pl, port);
}

static inline bool plat_dev_rx_irq(struct plat *pl, struct plat_port *port, bool on)
{
	(void)pl;
	port->rx_irq = on;
	return on && plat_real_readable(port);
}

static inline bool plat_dev_tx_irq(struct plat *pl, struct plat_port *port, bool on)
{
	(void)pl;
	port->tx_irq = on;
	return on && port->tx_reaped != port->tx_written;
}

#endif
