/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture_rig.h - what tests of captures and traffic share: a folder, three guests, and how to open
 * and read.
 */
#ifndef TESTS_CAPTURE_RIG_H
#define TESTS_CAPTURE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* No test uses all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-const-variable"

#include "models/datapath/digest.h"
#include "models/traffic/capture.h"
#include "models/traffic/traffic.h"
#include "pcap_make.h"

#define T0 UINT64_C(1700000000123456000) /* a stamp, ns */

static const struct traffic_endpoint guests[] = {
	{"vm1", {2, 0, 0, 0, 0, 1}, {10, 0, 0, 1}},
	{"vm2", {2, 0, 0, 0, 0, 2}, {10, 0, 0, 2}},
	{"vm3", {2, 0, 0, 0, 0, 3}, {0}},
};
static const int vm1[] = {0}, vm2[] = {1};

struct box { /* a folder for one test's files */
	char *dir, *path;
};

static int setup(void **state)
{
	struct box *b = g_new0(struct box, 1);

	b->dir = g_dir_make_tmp("vnicsim-XXXXXX", NULL);
	b->path = g_build_filename(b->dir, "t.pcap", NULL);
	*state = b;
	return b->dir ? 0 : -1;
}

static int teardown(void **state)
{
	struct box *b = *state;

	unlink(b->path);
	rmdir(b->dir);
	g_free(b->path);
	g_free(b->dir);
	g_free(b);
	return 0;
}

static struct traffic_cfg to_vm1(const struct box *b)
{
	return (struct traffic_cfg){.name = "t",
				    .trace = b->path,
				    .endpoints = guests,
				    .n_endpoints = G_N_ELEMENTS(guests),
				    .to = {vm1, 1}};
}

static struct traffic *must_open(const struct traffic_cfg *cfg)
{
	g_autoptr(GError) err = NULL;
	struct traffic *t = traffic_open(cfg, &err);

	if (!t)
		fail_msg("%s", err->message);
	return t;
}

/* Opening fails with this code, and the message holds these words. */
static void must_fail(const struct traffic_cfg *cfg, int code, const char *words)
{
	g_autoptr(GError) err = NULL;

	assert_null(traffic_open(cfg, &err));
	assert_non_null(err);
	assert_int_equal(err->domain, traffic_error_quark());
	if (err->code != code || !strstr(err->message, words))
		fail_msg("code %d, wanted %d with '%s': %s", err->code, code, words, err->message);
}

static bool take(struct traffic_cursor *c, struct tframe *f)
{
	sim_time at;

	if (!cursor_peek(c, &at))
		return false;
	cursor_take(c, f);
	assert_int_equal(f->at, at);
	assert_int_equal(f->hash, digest_bytes(f->bytes, f->len));
	return true;
}

static struct pcap_make three_frames(enum pcap_format format)
{
	struct pcap_make m = pcap_make_new(format, 1);
	uint8_t frame[100];

	for (uint32_t i = 0; i < 3; i++) {
		pcap_make_udp(frame, 100, 9, 1, 1, (uint8_t)i);
		pcap_make_frame(&m, T0 + i * 1000, frame, 100);
	}
	return m;
}

#endif
