/* SPDX-License-Identifier: GPL-2.0-or-later */
/* progress.c - the line on the terminal; see progress.h. Its numbers are for the eye only. */
#include "progress.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { INTERVAL_US = 200000, WIDTH_MAX = 79 };

/* A signal handler can reach nothing else. */
static volatile sig_atomic_t asked;

void progress_ask(void)
{
	asked = 1;
}

void progress_init(struct progress *p, bool quiet)
{
	/* A dumb terminal cannot erase a line. */
	bool can = isatty(STDERR_FILENO) && g_strcmp0(g_getenv("TERM"), "dumb") != 0;

	*p = (struct progress){.on = !quiet && can, .prefix = ""};
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

static void append_rate(GString *out, double rate)
{
	g_string_append_printf(out, "  %.*f%s packets/s", rate < 1e6 ? 0 : 2,
			       rate < 1e6 ? rate / 1e3 : rate / 1e6, rate < 1e6 ? "k" : "M");
}

void progress_line(GString *out, const char *prefix, double seconds, sim_time now, sim_time end,
		   uint64_t packets, uint64_t packets_total, uint64_t drops)
{
	double done = progress_share(now, end, packets, packets_total);
	double rate = seconds > 0 ? (double)packets / seconds : 0;

	g_string_append_printf(out, "sim %.3f ms", (double)now / 1e9);
	if (done > 0)
		g_string_append_printf(out, "  %.0f%%", done * 100);
	append_rate(out, rate);
	if (drops)
		g_string_append_printf(out, "  %" PRIu64 " dropped", drops);
	if (done > 0)
		g_string_append_printf(out, "  %.0f s left", seconds * (1 - done) / done);
	/* Too long, it is the prefix that is cut: it varies least. */
	size_t room = out->len + 2 < WIDTH_MAX ? WIDTH_MAX - out->len - 2 : 0;
	g_autofree char *head =
		g_utf8_substring(prefix, 0, MIN((glong)room, g_utf8_strlen(prefix, -1)));
	if (*head) {
		g_string_prepend(out, "  ");
		g_string_prepend(out, head);
	}
}

/* One line that stays, in place of the one that vanishes. */
static void answer(struct progress *p, const char *text)
{
	asked = 0;
	progress_erase(p);
	fprintf(stderr, "%s\n", text);
	fflush(stderr);
}

static void show(struct progress *p, const char *text)
{
	p->shown = true;
	fprintf(stderr, "\r%s\033[K", text);
	fflush(stderr);
}

void progress_update(struct progress *p, sim_time now, sim_time end, uint64_t packets,
		     uint64_t packets_total, uint64_t drops)
{
	gint64 clock = p->on || asked ? g_get_monotonic_time() : 0;

	if (!asked && (!p->on || clock - p->last_us < INTERVAL_US))
		return;
	g_autoptr(GString) line = g_string_new(NULL);
	progress_line(line, p->prefix, (double)(clock - p->start_us) / 1e6, now, end, packets,
		      packets_total, drops);
	p->last_us = clock;
	if (asked)
		answer(p, line->str);
	else
		show(p, line->str);
}

static void append_left(GString *out, double seconds)
{
	bool long_time = seconds >= 6000;

	g_string_append_printf(out, "  %.0f %s left", long_time ? seconds / 60 : seconds,
			       long_time ? "min" : "s");
}

void progress_sum_line(GString *out, const struct progress_sum *sum, double seconds)
{
	double before = (double)sum->before, all = before + sum->all;

	/* Rounded down: a run that goes on is not done. */
	g_string_append_printf(out, "%u of %.0f %s  %.0f%%", (unsigned)(before + sum->done), all,
			       sum->unit, (before + sum->done) / all * 100);
	if (sum->packets && seconds > 0)
		append_rate(out, (double)sum->packets / seconds);
	if (sum->drops >= 1000000)
		g_string_append_printf(out, "  %.2fM dropped", (double)sum->drops / 1e6);
	else if (sum->drops)
		g_string_append_printf(out, "  %" PRIu64 " dropped", sum->drops);
	if (sum->failed)
		g_string_append_printf(out, "  %zu failed", sum->failed);
	if (sum->done > 0 && seconds > 1)
		append_left(out, seconds * (sum->all - sum->done) / sum->done);
	g_string_truncate(out, MIN(out->len, WIDTH_MAX));
}

void progress_sum(struct progress *p, const struct progress_sum *sum)
{
	g_autoptr(GString) line = g_string_new(NULL);

	progress_sum_line(line, sum, (double)(g_get_monotonic_time() - p->start_us) / 1e6);
	progress_note(p, line->str);
}

void progress_note(struct progress *p, const char *text)
{
	if (asked)
		answer(p, text);
	else if (p->on)
		show(p, text);
}

void progress_erase(struct progress *p)
{
	if (!p->shown)
		return;
	p->shown = false;
	fprintf(stderr, "\r\033[K");
	fflush(stderr);
}
