/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_traffic.c - what one frame costs to peek, take and release, ns of CPU time.
 *
 * Prints a table and judges nothing: times belong to the machine. Each row is the best of five; 64
 * frames are in flight.
 */
#include <stdio.h>
#include <unistd.h>

#include "bench_time.h"
#include "models/traffic/traffic.h"
#include "pcap_make.h"

enum { FLIGHT = 64, CAPTURED = 20000 };

static const struct traffic_endpoint guest = {"vm1", {2, 0, 0, 0, 0, 1}, {10, 0, 0, 1}};
static const int vm1[] = {0};

static double once(struct traffic *t)
{
	struct traffic_cursor *c = traffic_cursor(t, TRAFFIC_WIRE);
	struct tframe f[FLIGHT];
	double start = bench_cpu_ns();
	uint64_t n = 0;
	sim_time at;

	while (cursor_peek(c, &at)) {
		struct tframe *slot = &f[n % FLIGHT];

		if (n++ >= FLIGHT)
			cursor_release(c, slot);
		cursor_take(c, slot);
	}
	start = (bench_cpu_ns() - start) / (double)n;
	cursor_free(c);
	return start;
}

static void row(const char *what, const struct traffic_cfg *cfg)
{
	GError *err = NULL;
	double best = 1e9, open = bench_cpu_ns();
	struct traffic *t = traffic_open(cfg, &err);

	if (!t)
		g_error("%s", err->message);
	open = bench_cpu_ns() - open;
	for (int i = 0; i < 5; i++) {
		double ns = once(t);

		best = ns < best ? ns : best;
	}
	printf("%-34s %8.1f ns a frame   (open %.1f ms)\n", what, best, open / 1e6);
	traffic_free(t);
}

static void save(const char *path, uint32_t len)
{
	struct pcap_make m = pcap_make_new(PCAP_NANO_LE, 1);
	uint8_t frame[1514];

	for (uint32_t i = 0; i < CAPTURED; i++) {
		pcap_make_udp(frame, len, 9, 1, (uint16_t)(i % 100), (uint8_t)i);
		pcap_make_frame(&m, SIM_S + i * 100, frame, len);
	}
	pcap_make_save(&m, path);
}

static void captures(struct traffic_cfg cfg, const char *path)
{
	static const uint32_t sizes[] = {60, 1500};
	char name[64];

	cfg.trace = path;
	cfg.loop = test_rounds(2000000) / CAPTURED + 1;
	for (int i = 0; i < 2; i++) {
		save(path, sizes[i]);
		cfg.cache_bytes = 0;
		cfg.timing = TRAFFIC_RECORDED;
		snprintf(name, sizeof(name), "cached capture, %u B, recorded", sizes[i]);
		row(name, &cfg);
		cfg.timing = TRAFFIC_RATE;
		snprintf(name, sizeof(name), "cached capture, %u B, rate", sizes[i]);
		row(name, &cfg);
		cfg.cache_bytes = 1;
		cfg.loop = cfg.loop / 4 + 1;
		snprintf(name, sizeof(name), "streamed capture, %u B, rate", sizes[i]);
		row(name, &cfg);
	}
	unlink(path);
}

static void synthetic(struct traffic_cfg cfg)
{
	static const char *const sources[] = {"constant", "poisson", "onoff"};
	static const uint32_t sizes[] = {60, 1500};
	char name[64];

	cfg.packets = test_rounds(2000000);
	cfg.on = cfg.off = SIM_MS;
	for (int i = 0; i < 2; i++)
		for (int s = TRAFFIC_CONSTANT; s <= TRAFFIC_ONOFF; s++) {
			cfg.size.lo = sizes[i];
			cfg.source = (enum traffic_source)s;
			snprintf(name, sizeof(name), "synthetic %s, %u B", sources[s], sizes[i]);
			row(name, &cfg);
		}
	cfg.source = TRAFFIC_POISSON;
	cfg.size.kind = TRAFFIC_SIZE_IMIX;
	row("synthetic poisson, imix", &cfg);
}

int main(void)
{
	g_autofree char *dir = g_dir_make_tmp("vnicsim-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "bench.pcap", NULL);
	struct traffic_cfg cfg = {.name = "bench",
				  .seed = 1,
				  .endpoints = &guest,
				  .n_endpoints = 1,
				  .to = {vm1, 1},
				  .timing = TRAFFIC_RATE,
				  .rate_bps = 9999999967};

	captures(cfg, path);
	synthetic(cfg);
	rmdir(dir);
	return 0;
}
