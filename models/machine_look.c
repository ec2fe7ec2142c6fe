/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_look.c - what a person wants to see of a run, and who watches for it: machine_watch.h. */
#include <string.h>

#include "../sim/sim_error.h"
#include "machine_watch.h"

enum { CAPTURES_MAX = 32 };

struct looks {
	struct watcher *trace, *story, *capture[CAPTURES_MAX];
	unsigned captures;
};

/* Of two captures in one file, one would be lost. */
static bool other_file(const struct run_look *look, const char *const *what, GError **error)
{
	const char *path = strchr(*what, '=');
	g_autofree char *mine = path ? g_canonicalize_filename(path + 1, NULL) : NULL;

	for (const char *const *before = look->pcap; mine && before != what; before++) {
		const char *is = strchr(*before, '=');
		g_autofree char *its = g_canonicalize_filename(is + 1, NULL);

		if (strcmp(mine, its) != 0)
			continue;
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
			    "--pcap: %s takes two captures, \"%s\" and \"%s\"; give each its own "
			    "file",
			    path + 1, *before, *what);
		return false;
	}
	return true;
}

static bool open_captures(struct machine *m, const struct run_look *look, GError **error)
{
	struct looks *l = m->looks;

	for (const char *const *what = look->pcap; what && *what; what++) {
		if (l->captures == CAPTURES_MAX) {
			g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
				    "--pcap: at most %d captures of one run", CAPTURES_MAX);
			return false;
		}
		if (!other_file(look, what, error))
			return false;
		l->capture[l->captures] =
			capture_open_point(m, *what, l->captures, look->snaplen, error);
		if (!l->capture[l->captures])
			return false;
		watch_add(m->watch, l->capture[l->captures++]);
	}
	return true;
}

bool look_open(struct machine *m, const struct run_look *look, GError **error)
{
	if (!look || !(look->trace || look->packet || (look->pcap && *look->pcap)))
		return true;
	m->looks = machine_array(m, 1, sizeof(*m->looks));
	m->watch = watch_new(m);
	if (look->trace) {
		m->looks->trace = trace_open(m, look, error);
		if (!m->looks->trace)
			return false;
		watch_add(m->watch, m->looks->trace);
	}
	if (look->packet) {
		m->looks->story = story_open(m, look, error);
		if (!m->looks->story)
			return false;
		watch_add(m->watch, m->looks->story);
	}
	return open_captures(m, look, error);
}

void look_end(struct machine *m)
{
	if (m->watch)
		watch_end(m->watch);
}

bool look_close(struct machine *m, bool ok, GError **error)
{
	struct looks *l = m->looks;

	if (!l)
		return ok;
	if (l->trace)
		ok = trace_close(l->trace, ok, ok ? error : NULL) && ok;
	if (l->story)
		ok = story_close(l->story, ok, ok ? error : NULL) && ok;
	for (unsigned i = 0; i < l->captures; i++)
		ok = capture_close_point(l->capture[i], ok, ok ? error : NULL) && ok;
	return ok;
}
