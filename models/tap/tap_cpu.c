/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap_cpu.c - CPU time of the datapath.
 *
 * As a thread it has the kernel's account of it. Where one thread drives all sides its clock is
 * read before and after each turn of the datapath; a turn takes up to 64 frames, and what reading
 * takes is measured before and taken off. In lockstep a turn is one frame: too short for that, and
 * its latency is looked at instead.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <time.h>

#include "tap.h"

enum { LOOKS = 64 };

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts = {0};

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t look(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void tap_cpu_start(struct tap *t)
{
	t->clock_ns = UINT64_MAX;
	for (unsigned i = 0; i < LOOKS; i++) {
		uint64_t start = look();

		t->clock_ns = MIN(t->clock_ns, look() - start);
	}
}

bool tap_cpu_round(struct tap *t)
{
	struct side *s = &t->host_side;
	uint64_t start, took;
	bool moved;

	if (t->lockstep || (!s->polls && !side_stirs(s)))
		return side_round(s);
	start = look();
	moved = side_round(s);
	took = look() - start;
	t->cpu_ns += took - MIN(took, t->clock_ns);
	return moved;
}

uint64_t tap_cpu_ns(const struct tap *t)
{
	clockid_t id;

	if (t->one)
		return t->cpu_ns;
	if (!t->host_side.started || pthread_getcpuclockid(t->host_side.thread, &id))
		return 0;
	return read_clock(id);
}
