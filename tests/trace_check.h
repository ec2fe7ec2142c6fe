/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_check.h - for tests only: is a file a timeline in the trace event format, and what does it
 * add up to?
 *
 * Checked are the fields that each phase must have, that named tracks hold slices that do not
 * overlap, that what begins ends, and that each step of a flow lies within a slice of its track, in
 * order of time. Times are read back as whole picoseconds.
 */
#ifndef TESTS_TRACE_CHECK_H
#define TESTS_TRACE_CHECK_H

#include <jansson.h>
#include <math.h>

#include "machine_helper.h"

struct trace_slice {
	uint64_t track; /* pid << 32 | tid */
	uint64_t from, to;
	const char *name;
	bool out; /* the window had not begun, or had ended, when it was written */
};

struct trace_file {
	json_t *root;
	GArray *slices;     /* struct trace_slice, by track and time */
	GHashTable *ends;   /* where the last slice of a track ends, while reading */
	GHashTable *tracks; /* "eth0.rx link" to its uint64_t; names are owned */
	uint64_t packets, window_from, window_to;
};

static inline uint64_t trace_ps(json_t *number)
{
	assert_true(json_is_number(number));
	return (uint64_t)llround(json_number_value(number) * 1e6);
}

static inline const char *trace_text(json_t *event, const char *key)
{
	const char *text = json_string_value(json_object_get(event, key));

	if (!text) {
		char *whole = json_dumps(event, 0);
		fail_msg("no %s in %s", key, whole);
	}
	return text;
}

static inline uint64_t trace_track(json_t *event)
{
	json_t *pid = json_object_get(event, "pid"), *tid = json_object_get(event, "tid");

	assert_true(json_is_integer(pid) && json_is_integer(tid));
	return (uint64_t)json_integer_value(pid) << 32 | (uint64_t)json_integer_value(tid);
}

static inline gint trace_by_time(gconstpointer a, gconstpointer b)
{
	const struct trace_slice *x = a, *y = b;

	if (x->track != y->track)
		return x->track < y->track ? -1 : 1;
	return x->from != y->from ? (x->from < y->from ? -1 : 1) : 0;
}

/* Names of processes and threads. */
static inline void trace_names(struct trace_file *t, json_t *events)
{
	g_autoptr(GHashTable) process = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	json_t *e;
	size_t i;

	json_array_foreach(events, i, e)
	{
		uint64_t track = trace_track(e);
		const char *name;

		if (strcmp(trace_text(e, "ph"), "M") != 0)
			continue;
		name = trace_text(json_object_get(e, "args"), "name");
		if (!strcmp(trace_text(e, "name"), "process_name")) {
			g_hash_table_insert(process, GSIZE_TO_POINTER(track >> 32), g_strdup(name));
			continue;
		}
		assert_string_equal(trace_text(e, "name"), "thread_name");
		const char *object = g_hash_table_lookup(process, GSIZE_TO_POINTER(track >> 32));
		assert_non_null(object);
		g_hash_table_insert(t->tracks, g_strdup_printf("%s.%s", object, name),
				    g_memdup2(&track, sizeof(track)));
	}
}

/* What is balanced: "id name" to how often it has begun and not ended. */
static inline void trace_async(GHashTable *open, json_t *e, const char *phase)
{
	g_autofree char *key = g_strdup_printf(
		"%lld %s", json_integer_value(json_object_get(e, "id")), trace_text(e, "name"));
	gssize n = GPOINTER_TO_SIZE(g_hash_table_lookup(open, key));

	assert_true(json_is_integer(json_object_get(e, "id")));
	trace_text(e, "cat");
	if (*phase == 'n')
		return;
	n += *phase == 'b' ? 1 : -1;
	if (n < 0)
		fail_msg("%s ends more often than it begins", key);
	g_hash_table_insert(open, g_steal_pointer(&key), GSIZE_TO_POINTER(n));
}

static inline void trace_slice_ends(struct trace_file *t, uint64_t track, uint64_t at)
{
	assert_true(t->slices->len > 0);
	struct trace_slice *s = &g_array_index(t->slices, struct trace_slice, t->slices->len - 1);

	assert_true(s->track == track && s->to == UINT64_MAX && at >= s->from);
	s->to = at;
	/* Viewers sort by time alone: where one ends and another begins, the order is the file's.
	 */
	if (GPOINTER_TO_SIZE(g_hash_table_lookup(t->ends, GSIZE_TO_POINTER(track))) > s->from)
		fail_msg("track %" PRIx64 ": %s at %" PRIu64 " is written after what follows it",
			 track, s->name, s->from);
	g_hash_table_insert(t->ends, GSIZE_TO_POINTER(track), GSIZE_TO_POINTER(at));
}

static inline void trace_event(struct trace_file *t, json_t *e, GHashTable *open)
{
	const char *phase = trace_text(e, "ph"), *name = trace_text(e, "name");
	uint64_t at = trace_ps(json_object_get(e, "ts"));
	const char *key;
	json_t *v;

	switch (*phase) {
	case 'M':
		break;
	case 'B': {
		struct trace_slice s = {trace_track(e), at, UINT64_MAX, name,
					t->window_to != UINT64_MAX};
		g_array_append_val(t->slices, s);
		break;
	}
	case 'E': /* of the slice that was begun last: they follow each other on a track */
		trace_slice_ends(t, trace_track(e), at);
		break;
	case 'C':
		json_object_foreach(json_object_get(e, "args"), key, v)
			assert_true(json_is_number(v));
		break;
	case 'i':
		assert_non_null(strstr("gpt", trace_text(e, "s")));
		if (!strcmp(name, "window begins")) {
			t->window_from = at;
			for (guint i = 0; i < t->slices->len; i++)
				g_array_index(t->slices, struct trace_slice, i).out = true;
		}
		if (!strcmp(name, "window ends"))
			t->window_to = at;
		break;
	case 'b':
		t->packets += strchr(name, ':') != NULL;
		trace_async(open, e, phase);
		break;
	case 'e':
	case 'n':
		trace_async(open, e, phase);
		break;
	case 's':
	case 't':
	case 'f':
		trace_text(e, "cat");
		assert_true(json_is_integer(json_object_get(e, "id")));
		break;
	default:
		fail_msg("there is no phase \"%s\"", phase);
	}
}

static inline void trace_no_overlap(const struct trace_file *t)
{
	for (guint i = 1; i < t->slices->len; i++) {
		const struct trace_slice *a = &g_array_index(t->slices, struct trace_slice, i - 1);
		const struct trace_slice *b = &g_array_index(t->slices, struct trace_slice, i);

		if (a->track == b->track && b->from < a->to)
			fail_msg("%s at %" PRIu64 " overlaps %s, which ends at %" PRIu64
				 ", on track %" PRIx64,
				 b->name, b->from, a->name, a->to, b->track);
	}
}

static inline bool trace_in_slice(const struct trace_file *t, uint64_t track, uint64_t at)
{
	guint lo = 0, hi = t->slices->len;

	while (lo < hi) { /* the last that begins at `at` or before */
		guint mid = (lo + hi) / 2;
		const struct trace_slice *s = &g_array_index(t->slices, struct trace_slice, mid);

		if (s->track < track || (s->track == track && s->from <= at))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return false;
	const struct trace_slice *s = &g_array_index(t->slices, struct trace_slice, lo - 1);
	return s->track == track && s->from <= at && at <= s->to;
}

/* s, then any t, then f, each in a slice and not before the one before. */
static inline void trace_flows(const struct trace_file *t, json_t *events)
{
	g_autoptr(GHashTable) last = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	json_t *e;
	size_t i;

	json_array_foreach(events, i, e)
	{
		const char *phase = trace_text(e, "ph");
		gpointer id = GSIZE_TO_POINTER(json_integer_value(json_object_get(e, "id")));
		uint64_t at;

		if (!strstr("s t f", phase))
			continue;
		at = trace_ps(json_object_get(e, "ts"));
		uint64_t *before = g_hash_table_lookup(last, id);
		if (!before != (*phase == 's'))
			fail_msg("flow %zu: a %s is out of turn", GPOINTER_TO_SIZE(id), phase);
		if (before && at < *before)
			fail_msg("flow %zu goes back in time, to %" PRIu64, GPOINTER_TO_SIZE(id),
				 at);
		if (!trace_in_slice(t, trace_track(e), at))
			fail_msg("flow %zu: its %s at %" PRIu64 " is in no slice of %" PRIx64,
				 GPOINTER_TO_SIZE(id), phase, at, trace_track(e));
		if (*phase == 'f')
			g_hash_table_remove(last, id);
		else
			g_hash_table_insert(last, id, g_memdup2(&at, sizeof(at)));
	}
	if (g_hash_table_size(last))
		fail_msg("%u flows have no end", g_hash_table_size(last));
}

static inline struct trace_file trace_read(const char *path)
{
	json_error_t error;
	struct trace_file t = {.root = json_load_file(path, 0, &error), .window_to = UINT64_MAX};
	g_autoptr(GHashTable) open = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GHashTableIter it;
	gpointer key, n;
	json_t *events, *e;
	size_t i;

	if (!t.root)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	events = json_object_get(t.root, "traceEvents");
	assert_true(json_is_array(events));
	assert_string_equal(trace_text(t.root, "displayTimeUnit"), "ns");
	t.slices = g_array_new(FALSE, FALSE, sizeof(struct trace_slice));
	t.tracks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	t.ends = g_hash_table_new(NULL, NULL);
	trace_names(&t, events);
	json_array_foreach(events, i, e) trace_event(&t, e, open);
	g_array_sort(t.slices, trace_by_time);
	trace_no_overlap(&t);
	trace_flows(&t, events);
	g_hash_table_iter_init(&it, open);
	while (g_hash_table_iter_next(&it, &key, &n))
		if (n)
			fail_msg("%s does not end", (char *)key);
	return t;
}

static inline void trace_free(struct trace_file *t)
{
	json_decref(t->root);
	g_array_free(t->slices, TRUE);
	g_hash_table_destroy(t->tracks);
	g_hash_table_destroy(t->ends);
}

static inline uint64_t trace_track_of(const struct trace_file *t, const char *name)
{
	uint64_t *track = g_hash_table_lookup(t->tracks, name);

	if (!track)
		fail_msg("there is no track %s", name);
	return *track;
}

/* Picoseconds of a kind of work on a track, of all that was charged in the window. */
static inline uint64_t trace_work(const struct trace_file *t, const char *track, const char *name)
{
	uint64_t sum = 0, of = trace_track_of(t, track);

	for (guint i = 0; i < t->slices->len; i++) {
		const struct trace_slice *s = &g_array_index(t->slices, struct trace_slice, i);

		if (s->track == of && !s->out && !strcmp(s->name, name))
			sum += s->to - s->from;
	}
	return sum;
}

/* Picoseconds that a track was busy in the window. */
static inline uint64_t trace_busy(const struct trace_file *t, const char *track)
{
	uint64_t sum = 0, of = trace_track_of(t, track);

	for (guint i = 0; i < t->slices->len; i++) {
		const struct trace_slice *s = &g_array_index(t->slices, struct trace_slice, i);
		uint64_t from = MAX(s->from, t->window_from), to = MIN(s->to, t->window_to);

		if (s->track == of && to > from)
			sum += to - from;
	}
	return sum;
}

#endif
