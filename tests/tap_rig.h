/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap_rig.h - for tests of TAP devices: a network namespace of the test's own, a device, its far
 * side, and a datapath that is one thread reading and writing the device's descriptor.
 */
#ifndef TESTS_TAP_RIG_H
#define TESTS_TAP_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "models/datapath/digest.h"
#include "models/datapath/endpoint.h"
#include "models/tap/far.h"
#include "models/tap/netns.h"
#include "models/tap/tapdev.h"

static const struct traffic_endpoint rig_guest[] = {
	{"vm1", {2, 0, 0, 0, 0, 1}, {10, 0, 0, 1}},
	{"vm2", {2, 0, 0, 0, 0, 2}, {10, 0, 0, 2}},
};

struct rig {
	struct tapdev dev;
	struct far *far;
	struct traffic *traffic[2];
	unsigned traffics;
	struct far_cfg cfg;
	struct far_source source[2];
	uint64_t lost[FAR_LOST + 1]; /* by fate */
	uint64_t read, matched, wrong;
	uint64_t next; /* number of the next frame that keeps the order */
	plat_time start;
};

/* The process goes into a namespace of its own; where it may not, the program is skipped. */
static inline void rig_enter(void)
{
	g_autoptr(GError) error = NULL;
	struct tapdev d;
	struct tapdev_cfg cfg = {.queues = 1, .mtu = 1500};

	if (netns_enter(NETNS_PRIVATE, NULL, &error) && tapdev_open(&d, &cfg, &error)) {
		tapdev_close(&d);
		return;
	}
	printf("1..0 # SKIP %s\n", error->message);
	exit(77);
}

static inline plat_time rig_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec) * 1000u;
}

static inline plat_time rig_now(const struct rig *r)
{
	return rig_clock() - r->start;
}

static inline void rig_lost(void *ctx, const struct far_sent *s, enum far_fate why)
{
	struct rig *r = ctx;

	r->lost[why]++;
	assert_true(s->len > 0);
}

static inline void rig_device(struct rig *r, struct tapdev_cfg cfg)
{
	g_autoptr(GError) error = NULL;

	cfg.queues = cfg.queues ? cfg.queues : 1;
	cfg.mtu = cfg.mtu ? cfg.mtu : 1500;
	cfg.silent = true;
	memset(r, 0, sizeof(*r));
	if (!tapdev_open(&r->dev, &cfg, &error))
		fail_msg("%s", error->message);
}

/* A traffic that the wire sends; `drop`: it does not wait for room. */
static inline void rig_traffic(struct rig *r, struct traffic_cfg cfg, bool drop)
{
	static const int vm1[] = {0};
	g_autoptr(GError) error = NULL;
	struct far_source *s = &r->source[r->traffics];

	cfg.name = cfg.name ? cfg.name : "t";
	cfg.seed = 1;
	cfg.endpoints = rig_guest;
	cfg.n_endpoints = G_N_ELEMENTS(rig_guest);
	if (!cfg.to.n)
		cfg.to = (struct traffic_set){vm1, 1};
	r->traffic[r->traffics] = traffic_open(&cfg, &error);
	if (error)
		fail_msg("%s", error->message);
	*s = (struct far_source){.cursor = traffic_cursor(r->traffic[r->traffics], TRAFFIC_WIRE),
				 .until = traffic_until(r->traffic[r->traffics]),
				 .traffic = (uint16_t)r->traffics,
				 .unpaced = cfg.timing == TRAFFIC_BACK_TO_BACK,
				 .drop = drop};
	r->traffics++;
}

static inline void rig_far(struct rig *r)
{
	g_autoptr(GError) error = NULL;

	r->cfg.dev = &r->dev;
	r->cfg.source = r->source;
	r->cfg.sources = r->traffics;
	r->cfg.guests = 2;
	r->cfg.flow_slots = 1025;
	r->cfg.lost = rig_lost;
	r->cfg.ctx = r;
	r->far = far_new(&r->cfg, &error);
	if (!r->far)
		fail_msg("%s", error->message);
	r->start = rig_clock();
	far_start(r->far, r->start);
}

/*
 * A process of the far side's own is watched by a pidfd: Linux 5.3, which valgrind 3.19 and before
 * do not know. Where there is none, a test that needs the process says so and is skipped.
 */
static inline void rig_must_have_pidfd(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd < 0) {
		print_message("no pidfd_open here: %s\n", strerror(errno));
		skip();
	}
	close(fd);
}

static inline void rig_spawn(struct rig *r)
{
	g_autoptr(GError) error = NULL;

	if (!far_spawn(r->far, &error))
		fail_msg("%s", error->message);
}

/* Frames that one queue has; returns how many were read. Order is that of the numbers. */
static inline unsigned rig_read(struct rig *r, unsigned queue, unsigned max)
{
	uint8_t b[65600];
	unsigned n = 0;

	for (; n < max; n++) {
		ssize_t got = read(r->dev.fd[queue], b, sizeof(b));
		struct far_sent s;
		if (got < 0)
			break;
		r->read++;
		got -= (ssize_t)r->dev.vnet_hdr;
		if (!far_match(r->far, queue, b + r->dev.vnet_hdr, (uint32_t)got, (uint32_t)got,
			       &s))
			continue;
		r->matched++;
		r->wrong += s.hash != digest_bytes(b + r->dev.vnet_hdr, (uint32_t)got);
		r->wrong += s.num < r->next || s.sent < s.at;
		r->next = s.num + 1;
	}
	return n;
}

/* The guest sends bytes; the far side is told of `hash`. */
static inline void rig_write(struct rig *r, unsigned guest, const uint8_t *bytes, uint32_t len,
			     uint64_t num, uint64_t hash)
{
	struct frame f = {.num = num, .hash = hash, .len = len};
	uint8_t b[70000] = {0};

	memcpy(b + r->dev.vnet_hdr, bytes, len);
	far_expect(r->far, guest, &f);
	assert_int_equal(write(r->dev.fd[0], b, len + r->dev.vnet_hdr), len + r->dev.vnet_hdr);
}

static inline void rig_end(struct rig *r)
{
	far_free(r->far);
	for (unsigned i = 0; i < r->traffics; i++)
		traffic_free(r->traffic[i]);
	tapdev_close(&r->dev);
}

#endif
