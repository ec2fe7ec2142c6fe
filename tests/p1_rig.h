/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * p1_rig.h - what tests of header/data split share: machines of either kind that place, and a guest
 * of which every byte is known.
 */
#ifndef TESTS_P1_RIG_H
#define TESTS_P1_RIG_H

#include "machine_helper2.h"

/* No test uses all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"

#define N 200u
/* A synthetic frame: Ethernet, IPv4, UDP; the rest of SIZE is payload. */
#define HEADER  42u
#define SIZE    1000u
#define PAYLOAD (SIZE - HEADER)

/* Who places, as keys of [nic] and [guest]. */
static const struct {
	const char *nic, *guest;
	bool host;
} placer[] = {{"", "rx_policy = single-copy\n", true},
	      {"place = nic\n", "rx_policy = zero-copy\n", false}};

#define P1(iommu) "[scenario]\nsystem = p1\nchecked = true\n[iommu]\nmode = " iommu "\n"

/* N frames to vm1, the guest idle before each. */
static struct run receives(unsigned who, const char *guest)
{
	return run_text(P1("strict") "[nic eth0]\n%s[guest vm1]\n%s%s\n[traffic t]\nto = vm1\n"
				     "size = %uB\npps = 20000\npackets = %u\n",
			placer[who].nic, placer[who].guest, guest, SIZE, N);
}

static struct run sends(const char *nic, const char *guest)
{
	return run_text(P1("strict") "[nic eth0]\n%s\n[guest vm1]\n%s\n[traffic t]\nfrom = vm1\n"
				     "size = %uB\npps = 20000\npackets = %u\n",
			nic, guest, SIZE, N);
}

/* ---- looking into a guest ---- */

#define CANARY 0xa7

/* A machine whose NIC's frames are kept: those from the wire, or those to it. */
struct seen {
	struct rig rig;
	struct frame *(*take)(void *);
	void (*sink)(void *, struct frame *, const uint8_t *);
	uint8_t bytes[16][9018];
	unsigned n;
};
static struct seen *now_seen; /* a source has one argument, and it is the NIC's */

static void keep(const struct frame *f, const uint8_t *bytes)
{
	struct seen *s = now_seen;

	assert_true(s->n < G_N_ELEMENTS(s->bytes));
	memcpy(s->bytes[s->n++], bytes, f->len);
}

static struct frame *take_seen(void *ctx)
{
	struct frame *f = now_seen->take(ctx);

	keep(f, f->bytes);
	return f;
}

static void sink_seen(void *ctx, struct frame *f, const uint8_t *bytes)
{
	keep(f, bytes);
	now_seen->sink(ctx, f, bytes);
}

static void watch(struct seen *s)
{
	struct nic *n = &s->rig.m->nic[0].nic;

	now_seen = s;
	s->n = 0;
	s->take = n->source.take;
	s->sink = n->sink;
	if (n->source.take)
		n->source.take = take_seen;
	n->sink = sink_seen;
}

static uint8_t *kernel_at(struct guest *g, uint32_t buf, uint32_t off)
{
	uint64_t one = 1;
	const struct virtq_seg *seg = &g->net.rx_seg[buf * g->net.rx_per + off / 2048];
	return gmem_ptr(g->gm, (gpa_t){seg->addr.a + off % 2048}, &one, GMEM_WRITE);
}

static uint8_t *process_at(struct guest *g, gva_t gva, uint32_t off)
{
	uint64_t one = 1;
	return gproc_ptr(g->proc, (gva_t){gva.a + off}, &one, GMEM_WRITE);
}

/* Bytes that a process buffer may be written in, up to the next one. */
static uint32_t slot_bytes(const struct guest *g)
{
	return g->split.n > 1 ? (uint32_t)(g->split.gva[1].a - g->split.gva[0].a) : 2048;
}

static void fill_canaries(struct guest *g)
{
	for (uint32_t b = 0; b < g->net.rx_n; b++)
		for (uint32_t i = 0; i < g->net.max_frame + VIRTQ_NET_HDR_BYTES; i++)
			*kernel_at(g, b, i) = CANARY;
	for (uint32_t b = 0; b < g->split.n; b++)
		for (uint32_t i = 0; i < slot_bytes(g); i++)
			*process_at(g, g->split.gva[b], i) = CANARY;
}

/* Kernel buffer b holds len bytes behind its 12, and nothing else was written. */
static void kernel_holds(struct guest *g, uint32_t b, const uint8_t *bytes, uint32_t len)
{
	uint32_t end = g->net.max_frame + VIRTQ_NET_HDR_BYTES;

	for (uint32_t i = len ? VIRTQ_NET_HDR_BYTES : 0; i < end; i++) {
		bool mine = len && i < VIRTQ_NET_HDR_BYTES + len;
		uint8_t want = mine ? bytes[i - VIRTQ_NET_HDR_BYTES] : CANARY;
		if (*kernel_at(g, b, i) != want)
			fail_msg("kernel buffer %u differs at %u", b, i);
	}
}

static void process_holds(struct guest *g, uint32_t b, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < slot_bytes(g); i++)
		if (*process_at(g, g->split.gva[b], i) != (i < len ? bytes[i] : CANARY))
			fail_msg("process buffer %u differs at %u", b, i);
}

/*
 * Two frames go to a guest of which every byte is known before: buffers are used in order of their
 * numbers.
 */
static void two_frames_where_they_belong(unsigned who, uint32_t placed)
{
	struct seen s = {
		.rig = rig_open(P1("strict") "[nic eth0]\n%s[guest vm1]\n%s"
					     "process_buffer = %uB\n[traffic t]\nto = vm1\n"
					     "size = %uB\npps = 1000\npackets = 2\n",
				placer[who].nic, placer[who].guest, placed, SIZE)};
	struct guest *g = &s.rig.m->guest[0];
	uint8_t kernel[SIZE];

	watch(&s);
	fill_canaries(g);
	rig_run_only(&s.rig);
	assert_int_equal(g->rx.led.delivered, 2);
	for (uint32_t b = 0; b < g->net.rx_n; b++) {
		uint32_t len = b < 2 ? SIZE - placed : 0;
		if (b < 2) {
			memcpy(kernel, s.bytes[b], HEADER);
			memcpy(kernel + HEADER, s.bytes[b] + HEADER + placed, PAYLOAD - placed);
		}
		kernel_holds(g, b, kernel, len);
	}
	for (uint32_t b = 0; b < g->split.n; b++)
		process_holds(g, b, b < 2 ? s.bytes[b] + HEADER : NULL, b < 2 ? placed : 0);
	rig_close(&s.rig);
}

/* The capture of every kind of frame, whole and split, by the host's CPU and by the NIC. */
static struct run captured(const char *trace, const char *nic, const char *guest)
{
	g_autofree char *path = run_trace(trace);

	return run_text("[scenario]\nchecked = true\n[nic eth0]\n%s\n[guest vm1]\n"
			"ip = 192.0.2.1\nmemory = 256MiB\n%s\n"
			"[traffic t]\ntrace = %s\nmatch = ip\n",
			nic, guest, path);
}

#endif
