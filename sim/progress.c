/* SPDX-License-Identifier: GPL-2.0-or-later */
/* progress.c - the line on the terminal; see progress.h. Its numbers are for the eye only. */
#include "progress.h"
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { INTERVAL_US = 200000, WIDTH_MAX = 79 };

void progress_init(struct progress *p, bool quiet)
{
	*p = (struct progress){.on = !quiet && isatty(STDERR_FILENO), .prefix = ""};
}

void progress_begin(struct progress *p, const char *prefix)
{
	progress_erase(p);
	p->prefix = prefix;
	p->start_us = p->last_us = g_get_monotonic_time();
}

double progress_share(sim_time now, sim_time end, uint64_t packets, uint64_t total)
{
	double by_time = end && end != SIM_NEVER ? (double)now / (double)end : 0;
	double by_packets = total ? (double)packets / (double)total : 0;

	return MIN(MAX(by_time, by_packets), 1);
}

void progress_line(GString *out, const char *prefix, double seconds, sim_time now, sim_time end,
		   uint64_t packets, uint64_t packets_total)
{
	double done = progress_share(now, end, packets, packets_total);
	double rate = seconds > 0 ? (double)packets / seconds : 0;

	g_string_append_printf(out, "%s%ssim %.3f ms", prefix, *prefix ? "  " : "",
			       (double)now / 1e9);
	if (done > 0)
		g_string_append_printf(out, "  %.0f%%", done * 100);
	g_string_append_printf(out, "  %.*f%s packets/s", rate < 1e6 ? 0 : 2,
			       rate < 1e6 ? rate / 1e3 : rate / 1e6, rate < 1e6 ? "k" : "M");
	if (done > 0)
		g_string_append_printf(out, "  %.0f s left", seconds * (1 - done) / done);
	if (out->len > WIDTH_MAX)
		g_string_truncate(out, WIDTH_MAX);
}

void progress_update(struct progress *p, sim_time now, sim_time end, uint64_t packets,
		     uint64_t packets_total)
{
	gint64 clock = p->on ? g_get_monotonic_time() : 0;

	if (!p->on || clock - p->last_us < INTERVAL_US)
		return;
	g_autoptr(GString) line = g_string_new(NULL);
	progress_line(line, p->prefix, (double)(clock - p->start_us) / 1e6, now, end, packets,
		      packets_total);
	p->last_us = clock;
	p->shown = true;
	fprintf(stderr, "\r%s\033[K", line->str);
	fflush(stderr);
}

void progress_note(struct progress *p, const char *text)
{
	if (!p->on)
		return;
	p->shown = true;
	fprintf(stderr, "\r%s\033[K", text);
	fflush(stderr);
}

void progress_erase(struct progress *p)
{
	if (!p->shown)
		return;
	p->shown = false;
	fprintf(stderr, "\r\033[K");
	fflush(stderr);
}
