/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_story.c - one packet's story (sim/story.h): each stage, copy, DMA and notice on its way.
 *
 * What an event did besides - interrupts, kicks, translations - is told with the frame that passed
 * a stage in it: so a notice that serves several frames stands in the story of each, and one that
 * was put off stands in none.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../sim/nearest.h"
#include "../sim/sim_error.h"
#include "machine_watch.h"

enum { TALES_MAX = 1024 }; /* receivers of a broadcast that are told of */

struct tale {
	uint64_t id;
	uint64_t transfers, segments, bytes; /* its book's, before the event */
	const struct ledger *led;
	int noticed; /* the stage that it passed in this event and that others hear of; -1: none */
	sim_time at;
};

/* A copy that waits to be told behind the stage in which it was made. */
struct untold {
	unsigned tale;
	sim_time at, takes;
	const char *where;
	char *words;
};

struct storyteller {
	struct watcher watcher;
	struct machine *m;
	struct story *story;
	unsigned traffic;
	uint64_t num;
	struct tale tale[TALES_MAX];
	unsigned tales;
	uint64_t notes[NOTE_N]; /* in this event */
	struct iommu_stats io;  /* before it */
	GArray *untold;         /* struct untold */
};

static struct storyteller *of(struct watcher *w)
{
	return (struct storyteller *)((char *)w - offsetof(struct storyteller, watcher));
}

static int tale_of(const struct storyteller *t, const struct seen *s)
{
	for (unsigned i = 0; i < t->tales; i++)
		if (t->tale[i].id == s->id)
			return (int)i;
	return -1;
}

/* ---- words ---- */

static const char *const waits_for[STAGE_N] = {
	[STAGE_SEND_WAIT] = "waits for the process to send it, on",
	[STAGE_HOST_WAIT] = "waits for the host, which takes it on",
	[STAGE_VMM_WAIT] = "waits for the device emulator, which takes it on",
	[STAGE_GUEST_WAIT] = "waits for the guest's kernel, which takes it on",
	[STAGE_PROCESS_WAIT] = "waits for the process to read it, on",
};

static const char *const drop_words[DROP_N] = {
	[DROP_NIC_RING_FULL] = "every receive descriptor holds a frame that the host has not read",
	[DROP_NO_DESCRIPTOR] = "no receive descriptor is posted: there is no buffer",
	[DROP_NIC_FIFO_FULL] = "the NIC's packet buffer is full: the bus is too slow",
	[DROP_OVERSIZE] = "it is longer than the NIC's mtu",
	[DROP_DMA_FAULT] = "the IOMMU refused the NIC's access",
	[DROP_VMM_QUEUE_FULL] = "the queue to the device emulator is full",
	[DROP_GUEST_RING_EMPTY] = "the guest has no receive buffer available",
	[DROP_GUEST_QUEUE_STOPPED] = "the guest broke its virtqueue",
	[DROP_SHORT_BUFFER] = "the guest's buffer is too small",
	[DROP_SOCKET_FULL] = "the process does not read fast enough",
	[DROP_SEND_FULL] = "the send queue is full, and when_full = drop",
	[DROP_LOCAL_QUEUE_FULL] = "the queue from the local switch to the guest is full",
	[DROP_TO_SELF] = "its destination is its sender",
	[DROP_NO_HYPERVISOR_BUFFER] = "the hypervisor's pool to send by is empty",
	[DROP_DMA_MAP_FAILED] = "the guest got no DMA mapping for it",
	[DROP_LEARNED] = "its receiver is known by now: this is the copy for another guest",
	[DROP_OTHER_HOST] = "it went to everybody, and is not for this guest",
	[DROP_BAD_OFFLOAD] = "the checksum that it asks for is not inside it",
	[DROP_BAD_CHECKSUM] = "the guest's kernel found its checksum wrong",
	[DROP_SPOOFED] = "its source is not its sender's address",
	[DROP_NO_PEER_BUFFER] = "the receiving function has no buffer",
	[DROP_GUEST_GONE] = "its sender's or receiver's guest was destroyed",
	[DROP_BAD_DESCRIPTOR] = "its driver's descriptors make no sense",
};

static char *cpu_name(const struct storyteller *t, const struct watch_event *e)
{
	unsigned n;
	const struct watch_track *track = watch_tracks(t->m->watch, &n);

	return e->cpu < 0 ? g_strdup("a CPU")
			  : g_strdup_printf("%s.%s", track[e->cpu].object, track[e->cpu].part);
}

static char *stage_words(const struct storyteller *t, enum frame_stage stage,
			 const struct watch_event *e)
{
	g_autofree char *cpu = cpu_name(t, e);
	bool tap = t->m->tap != NULL;

	switch (stage) {
	case STAGE_WIRE_WAIT:
		return g_strdup(tap ? "waits for the far side" : "waits for the link");
	case STAGE_WIRE:
		return g_strdup(tap ? "the far side sends it" : "on the wire, first to last bit");
	case STAGE_NIC:
		return g_strdup(tap ? "in the TAP device, and its system call"
				    : "in the NIC and on the bus");
	default:
		return waits_for[stage]
			       ? g_strdup_printf("%s %s", waits_for[stage], cpu)
			       : g_strdup_printf("%s on %s", e->worker ? e->worker : "work", cpu);
	}
}

static const char *end_name(const struct machine *m, int end)
{
	return end == TRAFFIC_WIRE  ? "wire"
	       : end == TRAFFIC_ALL ? "everybody"
				    : m->endpoint[end].name;
}

static const char *sender_name(const struct machine *m, const struct frame *f)
{
	const struct source *s = f->source;

	for (unsigned i = 0; s && i < m->guests; i++)
		if (s->owner == &m->guest[i])
			return m->endpoint[i].name;
	return "wire";
}

static const char *direction_of(const struct machine *m, const struct frame *f)
{
	for (unsigned i = 0; i < m->guests; i++) {
		if (f->led == &m->guest[i].rx.led)
			return "rx";
		if (f->led == &m->guest[i].tx.led)
			return "tx";
		if (f->led == &m->guest[i].local.led)
			return "local";
	}
	return "before the warm-up's end";
}

/* ---- what is told ---- */

static bool wants(struct watcher *w, const struct frame *f)
{
	const struct storyteller *t = of(w);

	return f->traffic == t->traffic && f->num == t->num;
}

static void on_begun(struct watcher *w, struct seen *s)
{
	struct storyteller *t = of(w);
	const struct frame *f = s->f;
	g_autofree char *name = NULL, *way = NULL;

	if (!wants(w, f) || t->tales == TALES_MAX)
		return;
	name = watch_name(t->m, f);
	/* A further receiver's record has no source. */
	way = g_strdup_printf("%s to %s", f->source ? sender_name(t->m, f) : "broadcast",
			      end_name(t->m, f->to));
	story_begin(t->story, name, way, direction_of(t->m, f), f->len, f->first);
	t->tale[t->tales++] = (struct tale){.id = s->id,
					    .led = f->led,
					    .transfers = f->led->dma_transfers,
					    .segments = f->led->dma_segments,
					    .bytes = f->led->dma_bytes,
					    .noticed = -1};
}

/* The copies that were made up to `to`. */
static void tell_copies(struct storyteller *t, unsigned tale, sim_time to)
{
	for (guint i = 0; i < t->untold->len;) {
		struct untold *u = &g_array_index(t->untold, struct untold, i);

		if (u->tale != tale || u->at > to || u->takes > to - u->at) {
			i++;
			continue;
		}
		story_line(t->story, tale, STORY_COPY, u->at, u->takes, u->where, u->words);
		g_free(u->words);
		g_array_remove_index(t->untold, i);
	}
}

static void on_stage(struct watcher *w, struct seen *s, enum frame_stage stage, sim_time from,
		     sim_time to, const struct watch_event *e)
{
	struct storyteller *t = of(w);
	int i = tale_of(t, s);
	g_autofree char *words = NULL;

	if (i < 0)
		return;
	words = stage_words(t, stage, e);
	story_line(t->story, (guint)i, STORY_STAGE, from, to - from, ledger_stage_names[stage],
		   words);
	tell_copies(t, (unsigned)i, to);
	t->tale[i].noticed = (int)stage;
	t->tale[i].at = to;
}

static void on_copied(struct watcher *w, struct seen *s, const struct watched_copy *c)
{
	struct storyteller *t = of(w);
	int i = tale_of(t, s);
	struct untold u;

	if (i < 0)
		return;
	u = (struct untold){(unsigned)i, c->clk->now, c->ps, c->header ? "header copy" : "copy",
			    g_strdup_printf("%s, %" PRIu32 " bytes (%s)",
					    ledger_site_names[c->site], c->len,
					    ledger_reason_names[c->reason])};
	g_array_append_val(t->untold, u);
}

static void tell_dma(struct storyteller *t, guint i)
{
	const struct tale *k = &t->tale[i];
	const struct iommu_stats *io = iommu_stats(t->m->iommu);
	uint64_t hits = io->hits - t->io.hits, misses = io->misses - t->io.misses;
	g_autoptr(GString) words = g_string_new(NULL);

	g_string_printf(words, "%" PRIu64 " bytes in %" PRIu64 " segment%s",
			k->led->dma_bytes - k->bytes, k->led->dma_segments - k->segments,
			k->led->dma_segments - k->segments == 1 ? "" : "s");
	if (hits || misses)
		g_string_append_printf(
			words,
			"; IOTLB: %" PRIu64 " hit%s, %" PRIu64 " missed, %" PRIu64 " table reads",
			hits, hits == 1 ? "" : "s", misses, io->walk_reads - t->io.walk_reads);
	story_line(t->story, i, STORY_DMA, k->at, 0, "dma", words->str);
}

static void tell_notice(struct storyteller *t, guint i, enum watch_note what, const char *yes,
			const char *no)
{
	story_line(t->story, i, STORY_NOTICE, t->tale[i].at, 0, "notice",
		   t->notes[what] ? yes : no);
}

static void tell_notices(struct storyteller *t, guint i)
{
	switch (t->tale[i].noticed) {
	case STAGE_NIC:
		tell_notice(t, i, NOTE_INTERRUPT, "the NIC raises an interrupt",
			    "no interrupt with it: masked, moderated, or polled");
		break;
	case STAGE_HOST:
	case STAGE_VMM:
		tell_notice(t, i, NOTE_INJECTED, "the host interrupts the guest",
			    "no interrupt with it: none is asked for");
		break;
	case STAGE_GUEST:
		tell_notice(t, i, NOTE_KICK, "the guest kicks the host",
			    "no kick with it: none is asked for");
		break;
	default:
		break;
	}
}

static void on_note(struct watcher *w, unsigned track, enum watch_note what, uint64_t n,
		    sim_time at)
{
	(void)track;
	(void)at;
	of(w)->notes[what] += n;
}

static void on_looked(struct watcher *w, const struct watch_event *e)
{
	struct storyteller *t = of(w);

	(void)e;
	for (unsigned i = 0; i < t->tales; i++) {
		struct tale *k = &t->tale[i];

		if (k->noticed >= 0 && k->led->dma_transfers != k->transfers)
			tell_dma(t, i);
		if (k->noticed >= 0)
			tell_notices(t, i);
		k->noticed = -1;
		k->transfers = k->led->dma_transfers;
		k->segments = k->led->dma_segments;
		k->bytes = k->led->dma_bytes;
	}
	memset(t->notes, 0, sizeof(t->notes));
	t->io = *iommu_stats(t->m->iommu);
}

static void on_ended(struct watcher *w, struct seen *s, enum drop_reason why, sim_time at)
{
	struct storyteller *t = of(w);
	int i = tale_of(t, s);
	g_autofree char *words = NULL;

	if (i < 0)
		return;
	tell_copies(t, (unsigned)i, SIM_NEVER);
	words = why == DROP_N ? g_strdup("delivered")
			      : g_strdup_printf("dropped, %s: %s", ledger_drop_names[why],
						drop_words[why]);
	story_end(t->story, (guint)i, words, at);
}

/* ---- its life ---- */

static bool find(struct storyteller *t, const char *spec, GError **error)
{
	const struct scenario *sc = t->m->sc;
	const char *colon = strrchr(spec, ':'), *digits = colon ? colon + 1 : spec;
	g_autofree char *name = colon ? g_strndup(spec, (gsize)(colon - spec)) : NULL;
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	if (!*digits || strspn(digits, "0123456789") != strlen(digits) || strlen(digits) > 18) {
		g_set_error(
			error, SIM_ERROR, SIM_EXIT_USAGE,
			"packet: \"%s\" is no packet; use N or NAME:N, frames of a traffic count "
			"from 0",
			spec);
		return false;
	}
	t->num = g_ascii_strtoull(digits, NULL, 10);
	for (unsigned i = 0; i < t->m->traffics; i++) {
		g_ptr_array_add(names, (gpointer)cfg_name(scenario_at(sc, "traffic", i)));
		if (name && !strcmp(name, names->pdata[i])) {
			t->traffic = i;
			return true;
		}
	}
	if (!name && t->m->traffics)
		return true;
	g_ptr_array_add(names, NULL);
	g_autofree char *hint = nearest_hint(name ? name : "", (const char *const *)names->pdata);
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE, "packet: no traffic \"%s\"; %s",
		    name ? name : "", hint);
	return false;
}

struct watcher *story_open(struct machine *m, const struct run_look *look, GError **error)
{
	struct storyteller *t = machine_array(m, 1, sizeof(*t));

	t->m = m;
	t->story = look->story;
	t->untold = g_array_new(FALSE, FALSE, sizeof(struct untold));
	t->watcher = (struct watcher){
		.begun = on_begun,
		.wants = wants,
		.stage = on_stage,
		.copied = on_copied,
		.ended = on_ended,
		.note = on_note,
		.looked = on_looked,
		.frames = true,
		.until = SIM_NEVER,
	};
	if (find(t, look->packet, error))
		return &t->watcher;
	g_array_free(t->untold, TRUE);
	return NULL;
}

bool story_close(struct watcher *w, bool ok, GError **error)
{
	struct storyteller *t = of(w);

	for (unsigned i = 0; i < t->tales; i++) /* of those still under way */
		tell_copies(t, i, SIM_NEVER);
	g_array_free(t->untold, TRUE);
	if (!ok || t->tales || t->m->interrupted)
		return ok;
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
		    "packet: %s offered no frame %" G_GUINT64_FORMAT
		    " in this run; frames count from 0, and a smaller number is likely one",
		    cfg_name(scenario_at(t->m->sc, "traffic", t->traffic)), t->num);
	return false;
}
