/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_uring.c - the port's io_uring back end: a system call for each burst.
 *
 * How it works. A flush puts one write for each waiting frame into the submission queue and enters
 * the kernel once; a reap does the same with reads, each into buffers of its own. None may wait
 * (RWF_NOWAIT; O_NONBLOCK alone would let the kernel wait where it can), so that the kernel carries
 * out every request during that call, in order, and puts its result into the completion queue,
 * which is read without a call. No request is ever on its way between two calls: the port behaves
 * as with readv() and writev(), and a removed device leaves nothing behind.
 *
 * Order of sends. Requests are begun in order; but one that finds no room does not stop the next,
 * which may find some. A TAP device whose send buffer is unlimited (as it comes) never runs out of
 * room. On any other descriptor the writes of a flush are linked: the first one that fails cancels
 * the rest, which is written again.
 *
 * How many to read. A read that finds nothing costs a little, a further call more: one read is
 * tried beyond what the last reap found, and twice as many after each time that all of them found a
 * frame. Reads cannot be linked, since each is shorter than its buffers; so one may find nothing,
 * and the next a frame that has just come. The buffers that were passed over go to the end of the
 * ring.
 *
 * Rejected, as measured with frames of 60 B on one TAP device, ns of CPU time a frame (Linux 6.18):
 * - to send, where writev() takes 1200 and this 770: registered buffers (no difference beyond the
 *   noise); IORING_SETUP_SINGLE_ISSUER with DEFER_TASKRUN (the same, since nothing completes
 *   later); IORING_SETUP_SQPOLL (790, nearly all of it on a second CPU, which it keeps busy).
 * - to receive, with what the sender in the kernel spends on waking, where readv() takes 1810 and
 *   this 1450 in bursts of 64, 1890 and 1880 of 8: reads posted ahead, which wait by polling (2240;
 *   5480: all that wait are woken for each frame); a multishot read (1750; 2000, and it needs Linux
 *   6.7 and buffers in one piece).
 */
#include <errno.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <liburing.h>

#include "plat_port.h"

enum { BATCH = 64, RX_FILE = 0, TX_FILE = 1 };

struct plat_uring {
	struct io_uring ring;
	unsigned batch;         /* requests of one system call, at most */
	unsigned window;        /* reads of the next one */
	int nowait;             /* RWF_NOWAIT; 0 where the device knows only O_NONBLOCK, as well */
	bool linked;            /* writes wait for their predecessors' success */
	int *result;            /* by request of the batch */
	struct plat_room *room; /* by read of the batch */
	struct iovec *iov;      /* what the batch's requests point to */
};

/* Carries out n requests that were put into the queue: u->result has what became of each. */
static bool carry_out(struct plat_uring *u, unsigned n)
{
	struct io_uring_cqe *cqe;
	unsigned done = 0;

	while (done < n) {
		unsigned head, seen = 0;
		int error = io_uring_submit_and_wait(&u->ring, n - done);
		if (error < 0 && error != -EINTR && error != -EAGAIN)
			return false;
		io_uring_for_each_cqe(&u->ring, head, cqe)
		{
			u->result[cqe->user_data] = cqe->res;
			seen++;
		}
		io_uring_cq_advance(&u->ring, seen);
		done += seen;
	}
	return true;
}

/* Older kernels do not know RWF_NOWAIT for a TAP device, and do without for O_NONBLOCK. */
static bool not_supported(struct plat_uring *u)
{
	if (u->result[0] != -EOPNOTSUPP || !u->nowait)
		return false;
	u->nowait = 0;
	return true;
}

/* ---- receive ------------------------------------------------------------------------------ */

/* Puts reads of the next frames into the queue; returns how many, and the buffers of all. */
static unsigned put_reads(struct plat_port *port, unsigned max, bool first, unsigned *buffers)
{
	struct plat_uring *u = port->uring;
	unsigned most = plat_pool_free(port->pool), n = 0;
	struct iovec *iov = u->iov;

	*buffers = 0;
	most = most < u->window ? most : u->window;
	for (; n < most; n++) {
		struct plat_room *room = &u->room[n];
		uint32_t at = port->rx_reaped + *buffers;
		if (!plat_port_room(port, at, max - *buffers, first && n == 0, room))
			break;
		if (n && room->bytes < port->max_frame)
			break; /* more, if those before it leave some */
		int pieces = plat_port_read_iov(port, at, room, iov);
		struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
		io_uring_prep_readv(sqe, RX_FILE, iov, (unsigned)pieces, 0);
		io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
		io_uring_sqe_set_data64(sqe, n);
		sqe->rw_flags = u->nowait;
		iov += pieces;
		*buffers += room->buffers;
	}
	return n;
}

/* The oldest n buffers go to the end of the ring. */
static void pass_over(struct plat *pl, struct plat_port *port, unsigned n)
{
	bool visible = port->rx_flushed == port->rx_posted;

	for (; n; n--) {
		struct plat_posted b = port->rx[port->rx_reaped++ & (port->ring - 1)];
		struct plat_posted *to = &port->rx[port->rx_posted++ & (port->ring - 1)];
		*to = b;
		to->seg = port->rx_seg_posted;
		for (uint32_t i = 0; i < b.n; i++)
			port->rx_iov[port->rx_seg_posted++ & (port->ring - 1)] =
				port->rx_iov[(b.seg + i) & (port->ring - 1)];
		port->rx_seg_reaped += b.n;
	}
	if (visible)
		plat_dev_flush_rx(pl, port);
}

/* What n reads have done: how many found something, and how many buffers are in rx[]. */
static unsigned take_reads(struct plat *pl, struct plat_port *port, unsigned n, struct plat_rx *rx,
			   unsigned *found)
{
	struct plat_uring *u = port->uring;
	unsigned got = 0, passed = 0;

	*found = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned took = 0;
		if (u->result[i] < 0)
			plat_port_read_failed(port, -u->result[i]);
		if (u->result[i] > 0) {
			++*found;
			pass_over(pl, port, passed);
			passed = 0;
			took = plat_port_received(pl, port, &u->room[i], (size_t)u->result[i],
						  rx + got);
		}
		got += took;
		passed += u->room[i].buffers - took;
	}
	return got;
}

static unsigned reap_by_uring(struct plat *pl, struct plat_port *port, struct plat_rx *rx,
			      unsigned max)
{
	struct plat_uring *u = port->uring;
	unsigned n = 0, reads, found, buffers;

	while (n < max && !port->gone) {
		reads = put_reads(port, max - n, n == 0, &buffers);
		if (!reads)
			break;
		port->stats.rx_calls++;
		if (!carry_out(u, reads)) {
			port->stats.rx_errors++;
			port->gone = true;
			break;
		}
		if (__builtin_expect(not_supported(u), 0))
			continue;
		n += take_reads(pl, port, reads, rx + n, &found);
		if (found < reads) {
			u->window = found + 1;
			break;
		}
		u->window = 2 * reads < u->batch ? 2 * reads : u->batch;
	}
	if (__builtin_expect(port->gone, 0))
		n += plat_port_give_back(port, rx + n, max - n);
	return n;
}

/* ---- send --------------------------------------------------------------------------------- */

/* Puts writes of the oldest n frames into the queue. */
static void put_writes(struct plat_port *port, unsigned n)
{
	struct plat_uring *u = port->uring;
	struct iovec *iov = u->iov;

	for (unsigned i = 0; i < n; i++) {
		const struct plat_sending *s = &port->tx[(port->tx_written + i) & (port->ring - 1)];
		struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
		int pieces = plat_port_write_iov(port, s, iov);
		if (pieces == 1)
			io_uring_prep_write(sqe, TX_FILE, iov->iov_base, (unsigned)iov->iov_len, 0);
		else
			io_uring_prep_writev(sqe, TX_FILE, iov, (unsigned)pieces, 0);
		io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE |
						    (u->linked && i + 1 < n ? IOSQE_IO_LINK : 0));
		io_uring_sqe_set_data64(sqe, i);
		sqe->rw_flags = u->nowait;
		iov += pieces;
	}
}

/*
 * Not linked, and there was no room for a frame but for one behind it: the limit has been set since
 * the beginning. The frame is lost rather than late.
 */
static void keep_order(struct plat_uring *u, unsigned n)
{
	bool later = false;

	for (unsigned i = n; !u->linked && i-- > 0;) {
		later |= u->result[i] >= 0;
		if (later && u->result[i] == -EAGAIN)
			u->result[i] = -ENOBUFS;
	}
}

/* What became of n frames. False: there is no room for more now. */
static bool take_writes(struct plat *pl, struct plat_port *port, unsigned n)
{
	struct plat_uring *u = port->uring;
	plat_time now = plat_now(pl);
	bool lost = false;

	keep_order(u, n);
	for (unsigned i = 0; i < n && u->result[i] != -ECANCELED; i++) {
		lost |= u->result[i] == -ENOBUFS;
		if (!plat_port_written(pl, port, u->result[i], now))
			return false;
	}
	u->linked |= lost;
	return true;
}

static void write_by_uring(struct plat *pl, struct plat_port *port)
{
	struct plat_uring *u = port->uring;
	bool room = true;

	while (room && port->tx_written != port->tx_posted) {
		uint32_t left = port->tx_posted - port->tx_written;
		unsigned n = left < u->batch ? left : u->batch;
		if (__builtin_expect(port->gone, 0)) {
			plat_port_written(pl, port, -EBADFD, 0);
			continue;
		}
		plat_port_depart(port, port->tx_written + n);
		put_writes(port, n);
		port->stats.tx_calls++;
		if (!carry_out(u, n))
			port->gone = true;
		else if (!not_supported(u))
			room = take_writes(pl, port, n);
	}
}

/* ---- the ring ----------------------------------------------------------------------------- */

static void uring_fini(struct plat_port *port)
{
	struct plat_uring *u = port->uring;

	io_uring_queue_exit(&u->ring);
	free(u->result);
	free(u->room);
	free(u->iov);
	free(u);
}

/* Of a TAP device: no limit, so that a write always finds room. */
static bool always_room(int fd)
{
	int bytes;

	return ioctl(fd, TUNGETSNDBUF, &bytes) == 0 && bytes == INT_MAX;
}

static bool arrays_init(struct plat_uring *u, unsigned ring)
{
	u->result = calloc(u->batch, sizeof(*u->result));
	u->room = calloc(u->batch, sizeof(*u->room));
	u->iov = calloc(ring + 2 * u->batch, sizeof(*u->iov));
	return u->result && u->room && u->iov;
}

/* What the kernel calls it, with what a user can do. */
static const char *why_not(int error)
{
	if (error == ENOSYS)
		return "io_uring: this kernel has none; set [tap] backend = readwrite";
	if (error == EPERM || error == EACCES)
		return "io_uring: forbidden here (sysctl kernel.io_uring_disabled, or a "
		       "container's "
		       "seccomp profile); set [tap] backend = readwrite";
	return "io_uring cannot be set up; set [tap] backend = readwrite";
}

static const struct plat_backend_ops uring_ops = {reap_by_uring, write_by_uring, uring_fini};

bool plat_uring_init(struct plat_port *port, const struct plat_port_cfg *cfg)
{
	struct plat_uring *u = calloc(1, sizeof(*u));
	int files[] = {[RX_FILE] = cfg->rx_fd, [TX_FILE] = cfg->tx_fd}, error;

	port->failed = "no memory for the port";
	if (!u)
		return false;
	u->batch = cfg->batch ? cfg->batch : BATCH;
	u->window = 1;
	u->nowait = RWF_NOWAIT;
	u->linked = !always_room(cfg->tx_fd);
	error = -io_uring_queue_init(u->batch, &u->ring, 0);
	if (error) {
		free(u);
		port->failed = why_not(error);
		errno = error;
		return false;
	}
	port->uring = u;
	port->ops = &uring_ops;
	if (!arrays_init(u, port->ring))
		return false;
	error = -io_uring_register_files(&u->ring, files, 2);
	port->failed = why_not(error);
	errno = error;
	return !error;
}
