/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_test.c - the test world's cold side. See plat_test.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "plat_test.h"
#include "split.h"

#define GUARD      64u
#define GUARD_BYTE 0xa5

void plat_test_require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "plat/test: %s\n", what);
	abort();
}

bool plat_test_fails(uint64_t *countdown)
{
	return *countdown > 0 && --*countdown == 0;
}

static void *zeroed(size_t n, size_t size)
{
	void *p = calloc(n, size);
	plat_test_require(p != NULL, "out of memory");
	return p;
}

/* `bytes` zero bytes, aligned to 64, between guards. */
static uint8_t *guarded(size_t bytes)
{
	uint8_t *p = aligned_alloc(GUARD, bytes + 2 * GUARD);
	plat_test_require(p != NULL, "out of memory");
	memset(p, GUARD_BYTE, GUARD);
	memset(p + GUARD, 0, bytes);
	memset(p + GUARD + bytes, GUARD_BYTE, GUARD);
	return p + GUARD;
}

static bool guards_hold(const uint8_t *p, size_t bytes)
{
	for (unsigned i = 1; i <= GUARD; i++)
		if (p[-(ptrdiff_t)i] != GUARD_BYTE || p[bytes + i - 1] != GUARD_BYTE)
			return false;
	return true;
}

void plat_test_init(struct plat *pl, uint32_t npages, bool flat)
{
	*pl = (struct plat){.npages = npages, .flat = flat, .cost = 1000};
	pl->page = zeroed(npages, sizeof(*pl->page));
	if (flat)
		pl->memory = guarded((size_t)npages * PAGE_BYTES);
	for (uint32_t i = 0; i < npages; i++) {
		pl->page[i].bytes =
			flat ? (uint8_t *)pl->memory + (size_t)i * PAGE_BYTES : guarded(PAGE_BYTES);
		pl->page[i].access = PLAT_READ | PLAT_WRITE;
		pl->page[i].user = npages - 1 - i;
	}
}

void plat_test_fini(struct plat *pl)
{
	plat_test_require(plat_test_intact(pl), "bytes beyond guest memory were written");
	plat_test_require(pl->dma_maps == 0, "guest memory is still mapped for a device");
	for (uint32_t i = 0; !pl->flat && i < pl->npages; i++)
		free(pl->page[i].bytes - GUARD);
	if (pl->flat)
		free((uint8_t *)pl->memory - GUARD);
	free(pl->page);
	while (pl->done) {
		struct frame *f = pl->done;
		pl->done = f->next;
		free(f);
	}
}

void plat_test_protect(struct plat *pl, uint32_t page, unsigned access)
{
	pl->page[page].access = access;
}

bool plat_test_intact(const struct plat *pl)
{
	if (pl->flat)
		return guards_hold(pl->memory, (size_t)pl->npages * PAGE_BYTES);
	for (uint32_t i = 0; i < pl->npages; i++)
		if (!guards_hold(pl->page[i].bytes, PAGE_BYTES))
			return false;
	return true;
}

/* The test's own access: all pages, whatever they allow, not counted. */
static uint8_t *own(struct plat *pl, uint64_t gpa, uint32_t *len)
{
	plat_test_require(gpa >> PAGE_SHIFT < pl->npages, "the test's address is not in memory");
	*len = *len < page_rest(gpa) ? *len : page_rest(gpa);
	return pl->page[gpa >> PAGE_SHIFT].bytes + (gpa & (PAGE_BYTES - 1));
}

void plat_test_write(struct plat *pl, uint64_t gpa, const void *bytes, uint32_t len)
{
	for (uint32_t done = 0; done < len;) {
		uint32_t n = len - done;
		uint8_t *p = own(pl, gpa + done, &n);
		memcpy(p, (const uint8_t *)bytes + done, n);
		done += n;
	}
}

void plat_test_read(struct plat *pl, uint64_t gpa, void *bytes, uint32_t len)
{
	for (uint32_t done = 0; done < len;) {
		uint32_t n = len - done;
		const uint8_t *p = own(pl, gpa + done, &n);
		memcpy((uint8_t *)bytes + done, p, n);
		done += n;
	}
}

void plat_test_port_init(struct plat_port *port, unsigned caps, unsigned max_segs, unsigned room)
{
	plat_test_require(max_segs <= PLAT_TEST_MAX_SEGS && room <= PLAT_TEST_RING,
			  "a port of too many segments");
	*port = (struct plat_port){
		.info = {caps, max_segs},
		.rx = zeroed(PLAT_TEST_RING, sizeof(*port->rx)),
		.tx = zeroed(PLAT_TEST_RING, sizeof(*port->tx)),
		.rx_limit = room,
		.tx_limit = room,
	};
}

void plat_test_port_fini(struct plat_port *port)
{
	for (unsigned i = 0; i < PLAT_TEST_RING; i++)
		free(port->tx[i].bytes);
	free(port->rx);
	free(port->tx);
}

/* Where the device's access goes: at most to the end of the page; NULL is a fault. */
static uint8_t *device(struct plat *pl, struct plat_port *port, uint64_t dma, uint32_t *len,
		       enum plat_dir dir)
{
	if (dma < PLAT_TEST_DMA_OUT)
		return (uint8_t *)(uintptr_t)dma;
	const unsigned *mapped = plat_test_mapped(pl, dma);
	uint64_t base = dir == PLAT_FROM_DEVICE ? PLAT_TEST_DMA_IN : PLAT_TEST_DMA_OUT;
	if (!mapped || *mapped == 0 || (dma & base) == 0) {
		port->dma_faults++;
		return NULL;
	}
	return own(pl, dma - base, len);
}

/* Move bytes between the device and one segment. */
static void dma(struct plat *pl, struct plat_port *port, struct plat_seg seg, uint8_t *bytes,
		enum plat_dir dir)
{
	for (uint32_t done = 0; done < seg.len;) {
		uint32_t n = seg.len - done;
		uint8_t *p = device(pl, port, seg.dma + done, &n, dir);
		if (p && dir == PLAT_FROM_DEVICE)
			memcpy(p, bytes + done, n);
		else if (p)
			memcpy(bytes + done, p, n);
		done += n;
	}
}

static uint32_t fill(struct plat *pl, struct plat_port *port, const struct plat_seg *seg,
		     unsigned n, const uint8_t *bytes, uint32_t len)
{
	uint32_t done = 0;
	for (unsigned i = 0; i < n && done < len; i++) {
		struct plat_seg s = seg[i];
		s.len = s.len < len - done ? s.len : len - done;
		dma(pl, port, s, (uint8_t *)(uintptr_t)(bytes + done), PLAT_FROM_DEVICE);
		done += s.len;
	}
	return done;
}

/* A device that splits: header, then what the payload's segments have no room for, to the first
 * segments. */
static void fill_split(struct plat *pl, struct plat_port *port, struct plat_test_buf *b,
		       const uint8_t *bytes, uint32_t len)
{
	struct split_flow flow;
	uint32_t header = split_header(bytes, len < SPLIT_HEAD ? len : SPLIT_HEAD, len, &flow);
	uint32_t kernel = header ? header : len;
	uint8_t *first = zeroed(len, 1);

	b->rx.header = (uint16_t)header;
	b->rx.why = header ? REASON_POLICY : REASON_NOT_SPLIT;
	b->rx.placed = fill(pl, port, b->seg + b->nheader, b->n - b->nheader, bytes + kernel,
			    len - kernel);
	memcpy(first, bytes, kernel);
	memcpy(first + kernel, bytes + kernel + b->rx.placed, len - kernel - b->rx.placed);
	kernel = fill(pl, port, b->seg, b->nheader, first, len - b->rx.placed);
	plat_test_require(kernel + b->rx.placed == len, "header segments shorter than the frame");
	free(first);
}

static uint64_t room_of(const struct plat_test_buf *b)
{
	uint64_t bytes = 0;
	for (unsigned i = 0; i < b->n; i++)
		bytes += b->seg[i].len;
	return bytes;
}

bool plat_test_receive(struct plat *pl, struct plat_port *port, struct frame *frame,
		       const void *bytes, uint32_t len)
{
	uint64_t room = 0;
	for (unsigned i = port->rx_filled; i != port->rx_flushed && room < len; i++)
		room += room_of(&port->rx[i % PLAT_TEST_RING]);
	if (room < len) {
		port->no_buffer++;
		return false;
	}
	for (uint32_t done = 0; done < len;) {
		struct plat_test_buf *b = &port->rx[port->rx_filled++ % PLAT_TEST_RING];
		const uint8_t *from = (const uint8_t *)bytes + done;
		b->rx = (struct plat_rx){
			.cookie = b->cookie, .frame = frame, .len = len, .mark = port->mark};
		if (b->nheader)
			fill_split(pl, port, b, from, len);
		else
			b->rx.len = fill(pl, port, b->seg, b->n, from, len - done);
		done += b->rx.len;
		b->rx.last = done == len;
	}
	return true;
}

void plat_test_flush_tx(struct plat *pl, struct plat_port *port)
{
	for (; port->tx_sent != port->tx_posted; port->tx_sent++) {
		struct plat_test_sent *s = &port->tx[port->tx_sent % PLAT_TEST_RING];
		s->len = 0;
		for (unsigned i = 0; i < s->n; i++)
			s->len += s->seg[i].len;
		free(s->bytes);
		s->bytes = zeroed(s->len, 1);
		uint32_t at = 0;
		for (unsigned i = 0; i < s->n; at += s->seg[i++].len)
			dma(pl, port, s->seg[i], s->bytes + at, PLAT_TO_DEVICE);
		if (s->frame)
			plat_deliver(pl, s->frame);
	}
	if (!port->hold_tx)
		port->tx_completed = port->tx_sent;
}

const struct plat_test_sent *plat_test_sent(const struct plat_port *port, unsigned i)
{
	plat_test_require(i < port->tx_sent && port->tx_sent - i <= PLAT_TEST_RING,
			  "no such frame was sent");
	return &port->tx[i % PLAT_TEST_RING];
}

void plat_test_complete(struct plat_port *port, unsigned n)
{
	plat_test_require(n <= port->tx_sent - port->tx_completed, "more completed than sent");
	port->tx_completed += n;
}

struct frame *plat_test_frame(struct plat *pl, struct ledger *led, uint32_t len)
{
	struct frame *f = zeroed(1, sizeof(*f));
	f->source = pl;
	f->led = led;
	f->len = len;
	f->slots = 1;
	f->first = f->last = pl->now;
	led->offered++;
	led->offered_bytes += len;
	return f;
}

void plat_test_put(struct plat *pl, struct frame *frame)
{
	plat_test_require(frame->source == pl, "a frame met its fate twice");
	frame->source = NULL;
	frame->next = pl->done;
	pl->done = frame;
}
