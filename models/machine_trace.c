/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_trace.c - a run as a timeline that chrome://tracing and ui.perfetto.dev show.
 *
 * JSON of the trace event format (its "JSON object" form): complete slices (X) of CPUs, links,
 * buses and walkers; counters (C) of rings; instants (i) of kicks, interrupts, misses and
 * invalidations; each packet as a nestable asynchronous slice (b, e) with its stages in it, and as
 * a flow (s, t, f) through the slices in which something was done for it. Times are simulated, in
 * microseconds with six decimals: whole picoseconds.
 *
 * Slices of one track never overlap and are not nested, so nothing depends on how a viewer rounds.
 * The file is written as the run goes; memory does not grow with it.
 *
 * Source: Trace Event Format (the Chromium project's document of that name).
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "../sim/outfile.h"
#include "../sim/sim_error.h"
#include "machine_watch.h"

enum { PACKETS = 1 }; /* the process that packets are shown in */

/* A packet's last step, written when it is known whether another follows. */
struct flow {
	char *name;
	unsigned track;
	sim_time at;
	bool begun, held;
};

struct trace {
	struct watcher watcher;
	struct machine *m;
	const struct run_look *look;
	struct outfile *file;
	FILE *out;
	unsigned *pid; /* by track, by level */
	unsigned *level_pid;
	uint64_t packets;
	sim_time began, ended;
	bool first, cut;
};

static struct trace *of(struct watcher *w)
{
	return (struct trace *)((char *)w - offsetof(struct trace, watcher));
}

/* ---- pieces of JSON ---- */

/* One event's beginning; names are of the scenario and need no escapes. */
static void event(struct trace *t, const char *phase, unsigned pid, unsigned tid, sim_time at)
{
	fprintf(t->out, "%s\n{\"ph\":\"%s\",\"pid\":%u,\"tid\":%u,\"ts\":%" PRIu64 ".%06" PRIu64,
		t->first ? "" : ",", phase, pid, tid, at / SIM_US, at % SIM_US);
	t->first = false;
}

static void track_event(struct trace *t, const char *phase, unsigned track, sim_time at)
{
	event(t, phase, t->pid[track], track + 1, at);
}

/*
 * A slice is a beginning and an end. One event of both, with a duration, would be half as much; but
 * viewers add ts and dur in floating point, take a slice that so comes out a hair too long for one
 * that holds the slice behind it, and draw a staircase.
 */
static void slice_ends(struct trace *t, unsigned track, const char *name, sim_time at)
{
	track_event(t, "E", track, at);
	fprintf(t->out, ",\"name\":\"%s\"}", name);
}

static void metadata(struct trace *t, const char *what, unsigned pid, unsigned tid,
		     const char *name)
{
	fprintf(t->out,
		"%s\n{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"ts\":0,\"name\":\"%s\","
		"\"args\":{\"name\":\"%s\"}}",
		t->first ? "" : ",", pid, tid, what, name);
	t->first = false;
}

/* ---- the whole ---- */

/* Objects are processes, their parts threads; the number of an object's. */
static unsigned pid_of(struct trace *t, GPtrArray *objects, const char *object)
{
	guint i;

	if (!g_ptr_array_find_with_equal_func(objects, object, g_str_equal, &i)) {
		i = objects->len;
		g_ptr_array_add(objects, (gpointer)object);
		metadata(t, "process_name", PACKETS + 1 + i, 0, object);
	}
	return PACKETS + 1 + i;
}

static void name_tracks(struct trace *t)
{
	g_autoptr(GPtrArray) objects = g_ptr_array_new();
	unsigned n, levels;
	const struct watch_track *track = watch_tracks(t->m->watch, &n);
	const struct watch_level *level = watch_levels(t->m->watch, &levels);

	t->pid = machine_array(t->m, n, sizeof(*t->pid));
	t->level_pid = machine_array(t->m, levels, sizeof(*t->level_pid));
	metadata(t, "process_name", PACKETS, 0, "packets");
	for (unsigned i = 0; i < n; i++) {
		t->pid[i] = pid_of(t, objects, track[i].object);
		metadata(t, "thread_name", t->pid[i], i + 1, track[i].part);
	}
	for (unsigned i = 0; i < levels; i++)
		t->level_pid[i] = pid_of(t, objects, level[i].object);
}

static void on_begins(struct watcher *w, sim_time now)
{
	of(w)->began = now;
}

/* ---- parts ---- */

static void on_work(struct watcher *w, unsigned track, const char *worker, enum plat_work what,
		    sim_time from, sim_time to)
{
	struct trace *t = of(w);

	track_event(t, "B", track, from);
	fprintf(t->out, ",\"cat\":\"cpu\",\"name\":\"%s\",\"args\":{\"worker\":\"%s\"}}",
		cost_names[what], worker);
	slice_ends(t, track, cost_names[what], to);
}

static void on_busy(struct watcher *w, unsigned track, struct seen *s, uint64_t id, uint64_t bytes,
		    sim_time from, sim_time to)
{
	struct trace *t = of(w);

	(void)s;
	track_event(t, "B", track, from);
	fprintf(t->out, ",\"cat\":\"device\",\"name\":\"busy\",\"args\":{");
	if (bytes)
		fprintf(t->out, "\"bytes\":%" PRIu64, bytes);
	if (id)
		fprintf(t->out, "%s\"packet\":%" PRIu64, bytes ? "," : "", id);
	fprintf(t->out, "}}");
	slice_ends(t, track, "busy", to);
}

static void on_note(struct watcher *w, unsigned track, enum watch_note what, uint64_t n,
		    sim_time at)
{
	static const char *const name[NOTE_N] = {"interrupt", "injected interrupt", "kick",
						 "invalidation", "IOTLB miss"};
	struct trace *t = of(w);

	track_event(t, "i", track, at);
	fprintf(t->out,
		",\"s\":\"t\",\"cat\":\"note\",\"name\":\"%s\",\"args\":{\"n\":%" PRIu64 "}}",
		name[what], n);
}

static void on_level(struct watcher *w, unsigned level, uint64_t value, sim_time at)
{
	struct trace *t = of(w);
	unsigned n;

	event(t, "C", t->level_pid[level], 0, at);
	fprintf(t->out, ",\"name\":\"%s\",\"args\":{\"entries\":%" PRIu64 "}}",
		watch_levels(t->m->watch, &n)[level].name, value);
}

static void on_window(struct watcher *w, bool stop)
{
	struct trace *t = of(w);

	event(t, "i", PACKETS, 0, evq_now(&t->m->q));
	fprintf(t->out, ",\"s\":\"g\",\"cat\":\"run\",\"name\":\"window %s\",\"args\":{}}",
		stop ? "ends" : "begins");
}

/* ---- packets ---- */

static void packet_event(struct trace *t, const char *phase, const struct seen *s, const char *name,
			 sim_time at)
{
	event(t, phase, PACKETS, 0, at);
	fprintf(t->out, ",\"cat\":\"packet\",\"id\":%" PRIu64 ",\"name\":\"%s\"", s->id, name);
}

static void write_step(struct trace *t, const struct seen *s, const struct flow *f,
		       const char *phase)
{
	track_event(t, phase, f->track, f->at);
	fprintf(t->out, ",\"cat\":\"flow\",\"id\":%" PRIu64 ",\"name\":\"%s\"%s}", s->id, f->name,
		*phase == 'f' ? ",\"bp\":\"e\"" : "");
}

/* Its next step is in the slice from..to of a track; a flow does not go back in time. */
static void step(struct trace *t, struct seen *s, unsigned track, sim_time from, sim_time to)
{
	struct flow *f = s->trace;
	sim_time at = MAX(from, f->at);

	if (at > to)
		return;
	if (f->held && f->track == track && f->at == at)
		return;
	if (f->held) {
		write_step(t, s, f, f->begun ? "t" : "s");
		f->begun = true;
	}
	f->held = true;
	f->track = track;
	f->at = at;
}

/* Of one that began before the trace did, too. False: it is one too many. */
static bool show(struct trace *t, struct seen *s, sim_time at)
{
	const struct frame *f = s->f;
	struct flow *flow;

	if (s->trace)
		return true;
	if (t->cut)
		return false;
	g_autofree char *name = watch_name(t->m, f);
	size_t len = strlen(name) + 1;

	flow = g_malloc0(sizeof(*flow) + len);
	flow->name = memcpy(flow + 1, name, len);
	s->trace = flow;
	packet_event(t, "b", s, name, at);
	fprintf(t->out, ",\"args\":{\"bytes\":%" PRIu32 "}}", f->len);
	return true;
}

static void on_begun(struct watcher *w, struct seen *s)
{
	struct trace *t = of(w);

	if (t->look->trace_packets && t->packets == t->look->trace_packets) {
		w->until = evq_now(&t->m->q);
		watch_again(t->m->watch);
		t->cut = true;
		return;
	}
	t->packets++;
	show(t, s, s->f->first);
}

static void on_stage(struct watcher *w, struct seen *s, enum frame_stage stage, sim_time from,
		     sim_time to, const struct watch_event *e)
{
	struct trace *t = of(w);

	if (!show(t, s, from))
		return;
	packet_event(t, "b", s, ledger_stage_names[stage], from);
	fprintf(t->out, ",\"args\":{}}");
	packet_event(t, "e", s, ledger_stage_names[stage], to);
	fprintf(t->out, "}");
	if (e->cpu >= 0 && e->from != SIM_NEVER && stage != STAGE_NIC && stage != STAGE_WIRE &&
	    stage != STAGE_WIRE_WAIT)
		step(t, s, (unsigned)e->cpu, e->from, e->to);
}

static void on_taken(struct watcher *w, unsigned track, struct seen *s, sim_time from, sim_time to)
{
	struct trace *t = of(w);

	if (s && show(t, s, from))
		step(t, s, track, from, to);
}

static void on_copied(struct watcher *w, struct seen *s, const struct watched_copy *c)
{
	struct trace *t = of(w);

	if (!show(t, s, c->clk->now))
		return;
	packet_event(t, "n", s, c->header ? "header copy" : "copy", c->clk->now);
	fprintf(t->out,
		",\"args\":{\"site\":\"%s\",\"reason\":\"%s\",\"bytes\":%" PRIu32 ",\"ns\":%" PRIu64
		".%03" PRIu64 "}}",
		ledger_site_names[c->site], ledger_reason_names[c->reason], c->len, c->ps / 1000,
		c->ps % 1000);
}

static void finish(struct trace *t, struct seen *s, const char *how, sim_time at)
{
	struct flow *f = s->trace;

	if (f->held && f->begun)
		write_step(t, s, f, "f");
	packet_event(t, "e", s, f->name, at);
	fprintf(t->out, ",\"args\":{\"end\":\"%s\"}}", how);
	g_clear_pointer(&s->trace, g_free);
}

static void on_ended(struct watcher *w, struct seen *s, enum drop_reason why, sim_time at)
{
	struct trace *t = of(w);

	if (show(t, s, at))
		finish(t, s, why == DROP_N ? "delivered" : ledger_drop_names[why], at);
}

static void on_ends(struct watcher *w, sim_time now)
{
	struct trace *t = of(w);
	const GPtrArray *frames = watch_frames(t->m->watch);

	t->ended = now;
	for (guint i = 0; i < frames->len; i++) {
		struct seen *s = frames->pdata[i];
		if (s->trace)
			finish(t, s, "under way", MAX(now, s->last));
	}
}

/* ---- its life ---- */

struct watcher *trace_open(struct machine *m, const struct run_look *look, GError **error)
{
	struct outfile *file = outfile_open(look->trace, error);
	struct trace *t;

	if (!file)
		return NULL;
	t = machine_array(m, 1, sizeof(*t));
	t->watcher = (struct watcher){
		.begun = on_begun,
		.stage = on_stage,
		.copied = on_copied,
		.ended = on_ended,
		.work = on_work,
		.taken = on_taken,
		.busy = on_busy,
		.note = on_note,
		.level = on_level,
		.window = on_window,
		.begins = on_begins,
		.ends = on_ends,
		.frames = true,
		.parts = true,
		.from = look->trace_from,
		.until = look->trace_for ? look->trace_from + look->trace_for : SIM_NEVER,
	};
	t->m = m;
	t->look = look;
	t->file = file;
	t->out = outfile_stream(file);
	t->first = true;
	fprintf(t->out, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
	name_tracks(t);
	return &t->watcher;
}

bool trace_close(struct watcher *w, bool ok, GError **error)
{
	struct trace *t = of(w);

	json_t *name = json_string(scenario_name(t->m->sc));
	char *quoted = name ? json_dumps(name, JSON_ENCODE_ANY) : NULL;

	fprintf(t->out,
		"\n],\"otherData\":{\"scenario\":%s,\"packets\":%" PRIu64 ",\"from_ps\":%" PRIu64
		",\"to_ps\":%" PRIu64 ",\"cut\":%s}}\n",
		quoted ? quoted : "null", t->packets, t->began, t->ended,
		t->cut ? "true" : "false");
	free(quoted);
	json_decref(name);
	if (ok && t->cut && t->look->said)
		fprintf(t->look->said,
			"%s: ends at %" PRIu64 ".%03" PRIu64
			" us of simulated time, with packet %" PRIu64
			"; --trace-packets or --trace-for takes more\n",
			t->look->trace, t->ended / SIM_US, t->ended % SIM_US / 1000, t->packets);
	return outfile_close(t->file, ok, error);
}
