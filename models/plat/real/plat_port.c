/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_port.c - the device of the real world: a descriptor that hands out and takes one frame at a
 * time, a TAP device's.
 *
 * How it works. Receive buffers are posted into a ring; a reap is one read a frame into as many
 * posted buffers as the longest frame needs, and a spare one behind them: what reaches that did not
 * fit, and is dropped with its buffers left posted. Sends wait in a ring; a flush is one write
 * each; what the descriptor does not take now waits for the next flush or reap. Nothing blocks and
 * nothing allocates. With no buffer posted, or the pool empty, frames wait in the kernel. The
 * virtio-net header of a TAP device goes to and comes from memory of the port, so that frames lie
 * where they would without it.
 *
 * A frame that was written is delivered. The kernel has copied it by then: its buffers are the
 * sender's again, zero-copy or not. One that the device refuses is dropped: longer than it takes,
 * oversize; its interface down (EIO), send_full; the device removed, device_gone.
 *
 * The books of the device are the simulated NIC's (models/nic): a transfer a frame, as many
 * segments as posted or sent pieces that hold bytes of it, its bytes; the virtio-net header counts
 * nowhere. They travel with the frame and are booked by its owner.
 *
 * Which errors mean what: drivers/net/tun.c of Linux 6; the tests remove devices and take them
 * down.
 */
#include "plat_port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

static bool set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

void plat_port_unroll(const struct plat_port *port, const struct iovec *ring, uint32_t seg,
		      uint32_t n, struct iovec *out)
{
	for (uint32_t i = 0; i < n; i++)
		out[i] = ring[(seg + i) & (port->ring - 1)];
}

static const struct plat_posted *posted(const struct plat_port *port, uint32_t at)
{
	return &port->rx[at & (port->ring - 1)];
}

/* The device is no more: nothing is read or written again. */
static bool is_gone(int error)
{
	return error == EBADFD || error == ENODEV || error == ENXIO || error == EBADF;
}

/* ---- receive ------------------------------------------------------------------------------ */

bool plat_port_room(const struct plat_port *port, uint32_t at, unsigned max, bool cut,
		    struct plat_room *room)
{
	*room = (struct plat_room){0};
	for (; at != port->rx_flushed && room->bytes < port->max_frame; at++) {
		const struct plat_posted *b = posted(port, at);
		if (room->buffers == max && !cut)
			return false;
		if (room->buffers == max || room->segs + b->n > PLAT_IOVS - 2)
			break;
		room->bytes += b->bytes;
		room->segs += b->n;
		room->buffers++;
	}
	return room->buffers > 0;
}

int plat_port_read_iov(struct plat_port *port, uint32_t at, const struct plat_room *room,
		       struct iovec *iov)
{
	struct iovec *v = iov;
	if (port->vnet_hdr)
		*v++ = (struct iovec){port->beyond, port->vnet_hdr};
	plat_port_unroll(port, port->rx_iov, posted(port, at)->seg, room->segs, v);
	v += room->segs;
	*v++ = (struct iovec){port->beyond, PLAT_BEYOND};
	return (int)(v - iov);
}

/* The frame's first bytes, as one piece; it lies in the oldest posted buffers. */
static const uint8_t *head_of(const struct plat_port *port, uint32_t bytes, uint8_t *copy,
			      uint32_t *len)
{
	uint32_t seg = posted(port, port->rx_reaped)->seg;
	const struct iovec *v = &port->rx_iov[seg & (port->ring - 1)];
	*len = bytes < PLAT_HEAD ? bytes : PLAT_HEAD;
	if (v->iov_len >= *len)
		return v->iov_base;
	for (uint32_t n = 0; n < *len;) {
		uint32_t part = *len - n < v->iov_len ? *len - n : (uint32_t)v->iov_len;
		memcpy(copy + n, v->iov_base, part);
		n += part;
		v = &port->rx_iov[++seg & (port->ring - 1)];
	}
	return copy;
}

static bool welcome(struct plat_port *port, struct frame *f, const struct plat_room *room,
		    uint32_t len)
{
	uint8_t copy[PLAT_HEAD];
	uint32_t head_len;
	if (!port->arrived)
		return true;
	const uint8_t *head = head_of(port, len < room->bytes ? len : room->bytes, copy, &head_len);
	if (port->arrived(port->ctx, f, head, head_len, len))
		return true;
	port->stats.foreign++;
	return false;
}

/* Of the segments of buffer b, those that the next len bytes fill. */
static uint32_t segs_filled(const struct plat_port *port, const struct plat_posted *b, uint32_t len)
{
	uint32_t n = 0;
	if (__builtin_expect(b->n == 1, 1))
		return 1;
	for (; len; n++) {
		uint32_t room = (uint32_t)port->rx_iov[(b->seg + n) & (port->ring - 1)].iov_len;
		len -= len < room ? len : room;
	}
	return n;
}

/* Share a frame out over the posted buffers; returns how many it takes. */
static unsigned share_out(struct plat_port *port, struct frame *f, struct plat_rx *rx)
{
	struct plat_record *r = (struct plat_record *)f;
	uint32_t len = f->len;
	unsigned n = 0;
	do {
		const struct plat_posted *b = posted(port, port->rx_reaped++);
		uint32_t part = len < b->bytes ? len : b->bytes;
		len -= part;
		rx[n++] = (struct plat_rx){
			.cookie = b->cookie, .frame = f, .len = part, .last = len == 0};
		r->dma_segments += segs_filled(port, b, part);
		port->rx_seg_reaped += b->n;
	} while (len > 0);
	r->dma_transfers = 1;
	r->dma_bytes = f->len;
	return n;
}

unsigned plat_port_received(struct plat *pl, struct plat_port *port, const struct plat_room *room,
			    size_t got, struct plat_rx *rx)
{
	uint32_t len = (uint32_t)got - port->vnet_hdr;
	plat_time now;
	struct frame *f;

	if (got < port->vnet_hdr + PLAT_FRAME_BYTES) {
		port->stats.runts++;
		return 0;
	}
	now = plat_now(pl);
	f = plat_pool_take(port->pool, port->led, now);
	if (!welcome(port, f, room, len)) {
		plat_pool_untake(port->pool, f);
		return 0;
	}
	port->stats.rx_frames++;
	plat_frame_offer(f, len);
	frame_stamp(f, STAGE_NIC, now);
	if (len <= room->bytes)
		return share_out(port, f, rx);
	plat_drop(pl, f, room->bytes < port->max_frame ? DROP_NO_DESCRIPTOR : DROP_OVERSIZE);
	return 0;
}

unsigned plat_port_give_back(struct plat_port *port, struct plat_rx *rx, unsigned max)
{
	unsigned n = 0;
	for (; n < max && port->rx_reaped != port->rx_posted; n++) {
		const struct plat_posted *b = posted(port, port->rx_reaped++);
		rx[n] = (struct plat_rx){.cookie = b->cookie, .last = true};
		port->rx_seg_reaped += b->n;
	}
	port->rx_flushed = port->rx_posted;
	return n;
}

/* A TAP device that is going away fails reads with EIO. */
void plat_port_read_failed(struct plat_port *port, int error)
{
	if (error == EAGAIN || error == EINTR)
		return;
	port->stats.rx_errors++;
	port->gone |= is_gone(error) || error == EIO;
}

static unsigned reap_by_readv(struct plat *pl, struct plat_port *port, struct plat_rx *rx,
			      unsigned max)
{
	struct plat_room room;
	unsigned n = 0;

	while (n < max && plat_port_room(port, port->rx_reaped, max - n, n == 0, &room)) {
		if (!plat_pool_free(port->pool))
			break;
		int pieces = plat_port_read_iov(port, port->rx_reaped, &room, port->scratch);
		ssize_t got = readv(port->rx_fd, port->scratch, pieces);
		port->stats.rx_calls++;
		if (got <= 0) {
			if (got < 0)
				plat_port_read_failed(port, errno);
			break;
		}
		n += plat_port_received(pl, port, &room, (size_t)got, rx + n);
	}
	if (__builtin_expect(port->gone, 0))
		n += plat_port_give_back(port, rx + n, max - n);
	return n;
}

/* ---- send --------------------------------------------------------------------------------- */

int plat_port_write_iov(struct plat_port *port, const struct plat_sending *s, struct iovec *iov)
{
	static const uint8_t no_header[PLAT_VNET_HDR];
	struct iovec *v = iov;
	if (port->vnet_hdr)
		*v++ = (struct iovec){(void *)(uintptr_t)no_header, port->vnet_hdr};
	plat_port_unroll(port, port->tx_iov, s->seg, s->n, v);
	return (int)(v - iov) + (int)s->n;
}

void plat_port_depart(struct plat_port *port, uint32_t to)
{
	for (; port->tx_told != to; port->tx_told++)
		if (port->departing)
			port->departing(port->ctx,
					port->tx[port->tx_told & (port->ring - 1)].frame);
}

static void refused(struct plat *pl, struct plat_port *port, struct plat_sending *s, int error)
{
	enum drop_reason why = DROP_SEND_FULL;
	if (error == EMSGSIZE || error == EINVAL)
		why = DROP_OVERSIZE;
	port->gone |= is_gone(error);
	if (port->gone)
		why = DROP_DEVICE_GONE;
	port->stats.tx_errors++;
	s->failed = why != DROP_OVERSIZE; /* what a NIC does not call failed */
	plat_drop(pl, s->frame, why);
}

bool plat_port_written(struct plat *pl, struct plat_port *port, ssize_t result, plat_time now)
{
	struct plat_sending *s = &port->tx[port->tx_written & (port->ring - 1)];
	struct plat_record *r = (struct plat_record *)s->frame;

	if (result == -EAGAIN || result == -EINTR) {
		port->stats.tx_blocked++;
		return false;
	}
	port->tx_written++;
	if (result < 0) {
		refused(pl, port, s, (int)-result);
		return true;
	}
	port->stats.tx_frames++;
	r->dma_transfers = 1;
	r->dma_segments = s->n;
	r->dma_bytes = s->bytes;
	frame_stamp(s->frame, STAGE_NIC, now);
	plat_deliver(pl, s->frame);
	return true;
}

static void write_by_writev(struct plat *pl, struct plat_port *port)
{
	ssize_t result = 0;
	bool done = true;

	while (done && port->tx_written != port->tx_posted) {
		const struct plat_sending *s = &port->tx[port->tx_written & (port->ring - 1)];
		if (__builtin_expect(port->gone, 0)) {
			plat_port_written(pl, port, -EBADFD, 0);
			continue;
		}
		plat_port_depart(port, port->tx_written + 1);
		int pieces = plat_port_write_iov(port, s, port->scratch);
		result = writev(port->tx_fd, port->scratch, pieces);
		port->stats.tx_calls++;
		done = plat_port_written(pl, port, result < 0 ? -errno : result, plat_now(pl));
	}
}

/* ---- the port ----------------------------------------------------------------------------- */

static void no_fini(struct plat_port *port)
{
	(void)port;
}

static const struct plat_backend_ops readwrite = {reap_by_readv, write_by_writev, no_fini};

static bool rings_init(struct plat_port *port)
{
	port->failed = "no memory for the port";
	port->rx = calloc(port->ring, sizeof(*port->rx));
	port->rx_iov = calloc(port->ring, sizeof(*port->rx_iov));
	port->tx = calloc(port->ring, sizeof(*port->tx));
	port->tx_iov = calloc(port->ring, sizeof(*port->tx_iov));
	port->scratch = calloc(port->ring + 2, sizeof(*port->scratch));
	port->beyond = malloc(PLAT_BEYOND);
	return port->rx && port->rx_iov && port->tx && port->tx_iov && port->scratch &&
	       port->beyond;
}

bool plat_port_init(struct plat_port *port, const struct plat_port_cfg *cfg)
{
	uint32_t most = PLAT_IOVS - 2;

	*port = (struct plat_port){
		.rx_fd = cfg->rx_fd,
		.tx_fd = cfg->tx_fd,
		.ring = cfg->ring,
		.max_frame = cfg->max_frame,
		.vnet_hdr = cfg->vnet_hdr,
		.info = {PLAT_CAP_ZERO_COPY | PLAT_CAP_GATHER | PLAT_CAP_OWN_QUEUE,
			 cfg->ring < most ? cfg->ring : most},
		.ops = &readwrite,
		.pool = cfg->pool,
		.led = cfg->led,
		.arrived = cfg->arrived,
		.departing = cfg->departing,
		.ctx = cfg->ctx,
	};
	if (rings_init(port)) {
		port->failed = "the descriptor cannot be made non-blocking";
		if (set_nonblocking(cfg->rx_fd) && set_nonblocking(cfg->tx_fd) &&
		    (cfg->backend == PLAT_READWRITE || plat_uring_init(port, cfg)))
			return true;
	}
	int error = errno;
	const char *failed = port->failed;
	plat_port_fini(port);
	*port = (struct plat_port){.failed = failed};
	errno = error;
	return false;
}

void plat_port_fini(struct plat_port *port)
{
	if (port->ops)
		port->ops->fini(port);
	free(port->rx);
	free(port->rx_iov);
	free(port->tx);
	free(port->tx_iov);
	free(port->scratch);
	free(port->beyond);
}

bool plat_real_readable(const struct plat_port *port)
{
	struct pollfd p = {.fd = port->rx_fd, .events = POLLIN};
	if (__builtin_expect(port->gone, 0))
		return port->rx_reaped != port->rx_posted;
	return port->rx_reaped != port->rx_flushed && poll(&p, 1, 0) > 0 && p.revents != 0;
}

unsigned plat_port_poll(const struct plat_port *port, struct pollfd *p)
{
	unsigned n = 0;
	if (port->gone)
		return 0;
	if (port->rx_irq && port->rx_reaped != port->rx_flushed)
		p[n++] = (struct pollfd){.fd = port->rx_fd, .events = POLLIN};
	if (port->tx_written != port->tx_posted)
		p[n++] = (struct pollfd){.fd = port->tx_fd, .events = POLLOUT};
	return n;
}
