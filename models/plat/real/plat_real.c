/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_real.c - the real world's memory, frame pool, and the device's reads and writes.
 *
 * A read offers the kernel as many posted buffers as the longest frame needs, and one spare byte
 * behind them: a frame that reaches the spare byte did not fit, and is dropped with its buffers
 * left posted.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#include "plat_real.h"

#define IOVS 1024u /* the kernel's limit, UIO_MAXIOV */

bool plat_real_init(struct plat *pl, uint64_t bytes)
{
	bytes = (bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*pl = (struct plat){p == MAP_FAILED ? NULL : p, bytes};
	return pl->mem != NULL;
}

void plat_real_fini(struct plat *pl)
{
	munmap(pl->mem, pl->bytes);
}

/* ---- frames ------------------------------------------------------------------------------- */

bool plat_pool_init(struct plat_pool *pool, unsigned n)
{
	*pool = (struct plat_pool){.n = n, .all = calloc(n, sizeof(*pool->all))};
	if (!pool->all)
		return false;
	for (unsigned i = n; i-- > 0;) {
		pool->all[i].f.next = pool->free;
		pool->all[i].pool = pool;
		pool->free = &pool->all[i].f;
	}
	return true;
}

void plat_pool_fini(struct plat_pool *pool)
{
	free(pool->all);
}

static void book(struct plat_pool *pool, struct frame *f)
{
	int fate = ((struct plat_record *)f)->fate;
	if (fate < 0)
		frame_book_delivery(f);
	else
		frame_book_drop(f, (enum drop_reason)fate);
	if (pool->done)
		pool->done(pool->done_arg, f, fate);
}

static void untake(struct plat_pool *pool, struct frame *f)
{
	f->next = pool->free;
	pool->free = f;
	pool->live--;
}

uint64_t plat_pool_collect(struct plat_pool *pool)
{
	struct frame *f = __atomic_exchange_n(&pool->returned, NULL, __ATOMIC_ACQUIRE);
	struct frame *oldest_first = NULL;
	while (f) {
		struct frame *next = f->next;
		f->next = oldest_first;
		oldest_first = f;
		f = next;
	}
	while ((f = oldest_first) != NULL) {
		oldest_first = f->next;
		book(pool, f);
		untake(pool, f);
	}
	return pool->live;
}

/* A frame that is not offered yet. */
static struct frame *take(struct plat_pool *pool, struct ledger *led, plat_time at)
{
	if (!pool->free)
		plat_pool_collect(pool);
	struct frame *f = pool->free;
	if (!f)
		return NULL;
	pool->free = f->next;
	pool->live++;
	*f = (struct frame){.led = led, .first = at, .last = at, .slots = 1};
	return f;
}

static void offer(struct frame *f, uint32_t len)
{
	f->len = len;
	f->led->offered++;
	f->led->offered_bytes += len;
}

struct frame *plat_pool_get(struct plat_pool *pool, struct ledger *led, uint32_t len, plat_time at)
{
	struct frame *f = take(pool, led, at);
	if (f)
		offer(f, len);
	return f;
}

/* ---- the device --------------------------------------------------------------------------- */

static bool set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool plat_port_init(struct plat_port *port, int rx_fd, int tx_fd, unsigned ring, unsigned max_frame,
		    struct plat_pool *pool, struct ledger *led)
{
	*port = (struct plat_port){
		.rx_fd = rx_fd,
		.tx_fd = tx_fd,
		.ring = ring,
		.max_frame = max_frame,
		.info = {PLAT_CAP_ZERO_COPY | PLAT_CAP_GATHER | PLAT_CAP_OWN_QUEUE,
			 ring < IOVS ? ring : IOVS},
		.pool = pool,
		.led = led,
		.rx = calloc(ring, sizeof(*port->rx)),
		.rx_iov = calloc(ring, sizeof(*port->rx_iov)),
		.tx = calloc(ring, sizeof(*port->tx)),
		.tx_iov = calloc(ring, sizeof(*port->tx_iov)),
		.scratch = calloc(ring + 1, sizeof(*port->scratch)),
	};
	if (port->rx && port->rx_iov && port->tx && port->tx_iov && port->scratch &&
	    set_nonblocking(rx_fd) && set_nonblocking(tx_fd))
		return true;
	plat_port_fini(port);
	return false;
}

void plat_port_fini(struct plat_port *port)
{
	free(port->rx);
	free(port->rx_iov);
	free(port->tx);
	free(port->tx_iov);
	free(port->scratch);
}

/* n segments of a ring from running number `seg` on, in one piece. */
static void unroll(const struct plat_port *port, const struct iovec *ring, uint32_t seg, uint32_t n,
		   struct iovec *out)
{
	for (uint32_t i = 0; i < n; i++)
		out[i] = ring[(seg + i) & (port->ring - 1)];
}

/*
 * The bytes and segments of the posted buffers that the next frame may need. False if there is no
 * buffer, or if it may need more than `max`, unless `cut`: then max have to do.
 */
static bool buffers_for_frame(const struct plat_port *port, unsigned max, bool cut, uint64_t *bytes,
			      uint32_t *segs)
{
	unsigned n = 0;
	*bytes = 0;
	*segs = 0;
	while (port->rx_reaped + n != port->rx_flushed && *bytes < port->max_frame) {
		const struct plat_posted *b = &port->rx[(port->rx_reaped + n) & (port->ring - 1)];
		if (n == max && !cut)
			return false;
		if (n == max || *segs + b->n >= IOVS)
			break;
		*bytes += b->bytes;
		*segs += b->n;
		n++;
	}
	return n > 0;
}

/* Share a frame of len bytes out over the posted buffers; returns how many it takes. */
static unsigned share_out(struct plat_port *port, struct frame *f, uint32_t len, struct plat_rx *rx)
{
	unsigned n = 0;
	do {
		const struct plat_posted *b = &port->rx[port->rx_reaped++ & (port->ring - 1)];
		uint32_t part = len < b->bytes ? len : b->bytes;
		len -= part;
		rx[n++] = (struct plat_rx){
			.cookie = b->cookie, .frame = f, .len = part, .last = len == 0};
		port->rx_seg_reaped += b->n;
	} while (len > 0);
	return n;
}

/* A frame read, or -1 (nothing there). */
static ssize_t read_frame(struct plat_port *port, uint32_t segs)
{
	unroll(port, port->rx_iov, port->rx[port->rx_reaped & (port->ring - 1)].seg, segs,
	       port->scratch);
	port->scratch[segs] = (struct iovec){port->beyond, sizeof(port->beyond)};
	ssize_t len = readv(port->rx_fd, port->scratch, (int)segs + 1);
	if (len < 0 && errno != EAGAIN && errno != EINTR)
		port->rx_errors++;
	return len;
}

unsigned plat_real_reap_rx(struct plat *pl, struct plat_port *port, struct plat_rx *rx,
			   unsigned max)
{
	unsigned n = 0;
	while (n < max) {
		uint64_t bytes;
		uint32_t segs;
		if (!buffers_for_frame(port, max - n, n == 0, &bytes, &segs))
			break;
		struct frame *f = take(port->pool, port->led, plat_now(pl));
		if (!f)
			break;
		ssize_t len = read_frame(port, segs);
		if (len <= 0) {
			untake(port->pool, f);
			break;
		}
		offer(f, (uint32_t)len);
		if ((uint64_t)len > bytes)
			plat_drop(pl, f,
				  bytes < port->max_frame ? DROP_NO_DESCRIPTOR : DROP_OVERSIZE);
		else
			n += share_out(port, f, (uint32_t)len, rx + n);
	}
	return n;
}

/* What the descriptor made of a frame: true if it is done with it. */
static bool write_frame(struct plat *pl, struct plat_port *port, const struct plat_sending *s)
{
	unroll(port, port->tx_iov, s->seg, s->n, port->scratch);
	ssize_t len = writev(port->tx_fd, port->scratch, (int)s->n);
	if (len < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)) {
		port->tx_blocked++;
		return false;
	}
	if (len >= 0) {
		plat_stamp(pl, s->frame, STAGE_NIC);
		plat_deliver(pl, s->frame);
		return true;
	}
	port->tx_errors++;
	plat_drop(pl, s->frame,
		  errno == EMSGSIZE || errno == EINVAL ? DROP_OVERSIZE : DROP_SEND_FULL);
	return true;
}

void plat_real_write(struct plat *pl, struct plat_port *port)
{
	while (port->tx_written != port->tx_posted &&
	       write_frame(pl, port, &port->tx[port->tx_written & (port->ring - 1)]))
		port->tx_written++;
}

bool plat_real_readable(const struct plat_port *port)
{
	struct pollfd p = {.fd = port->rx_fd, .events = POLLIN};
	return port->rx_reaped != port->rx_flushed && poll(&p, 1, 0) > 0 &&
	       (p.revents & POLLIN) != 0;
}

/* ---- doorbells ---------------------------------------------------------------------------- */

bool plat_line_init(struct plat_line *line)
{
	*line = (struct plat_line){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
	return line->fd >= 0;
}

bool plat_line_init_alarm(struct plat_line *line)
{
	*line = (struct plat_line){
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
	return line->fd >= 0;
}

void plat_line_fini(struct plat_line *line)
{
	close(line->fd);
}

bool plat_line_clear(struct plat_line *line)
{
	uint64_t kicks; /* or how often the alarm went off */
	return read(line->fd, &kicks, sizeof(kicks)) == (ssize_t)sizeof(kicks);
}

bool plat_line_wait(struct plat_line *line, int timeout_ms)
{
	struct pollfd p = {.fd = line->fd, .events = POLLIN};
	return poll(&p, 1, timeout_ms) > 0 && plat_line_clear(line);
}
