/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_watch.h - looking at a machine while it runs.
 *
 * How it works. The models know nothing of it. After each event the watch looks at what may have
 * changed - the clocks and books of CPUs, links, buses, walkers, rings, and the stamps of the
 * frames under way - and tells its watchers the difference. That is exact: an event is the work of
 * one CPU or device, what it charges lies without a gap before the CPU's clock, and each stamp
 * leaves its stage's time in the frame. Only copies and the ends of frames are told by the world
 * (struct world_watch), where their order would be lost.
 *
 * A run that nobody watches pays for a test at a frame's end and a bit at each stamp; one that is
 * watched pays for the look, which grows with the machine and the frames under way. Results are the
 * same.
 *
 * Within one turn of a CPU the kinds of work are told one after the other in the order of their
 * list, not as they alternated.
 *
 * Rejected: a hook in each charge and stamp (a branch each, some twenty a packet, in every run).
 */
#ifndef MODELS_MACHINE_WATCH_H
#define MODELS_MACHINE_WATCH_H

#include "machine.h"

/* A frame under way, as it was when it was looked at last. */
struct seen {
	struct frame *f;
	uint64_t id; /* 1 and up, in the order in which frames began */
	uint64_t last, stage_ps[STAGE_N];
	uint16_t passed;
	guint index;            /* in the list of all */
	struct watch_place *at; /* where its bytes are: machine_where.c */
	uint32_t captured;      /* by captures at the hypervisor, a bit each */
	void *trace;            /* the timeline's own, freed with g_free() */
};

/* Something that is busy at times: "host" "core0", "eth0" "rx link". */
struct watch_track {
	char *object, *part;
};

/* A number that goes up and down: "eth0" "rx ring". */
struct watch_level {
	char *object, *name;
};

/* The event that is looked at. */
struct watch_event {
	sim_time now;
	int cpu;            /* track of the CPU whose turn it was; -1: nobody's */
	const char *worker; /* what ran there */
	sim_time from, to;  /* of its last piece of work in it; from SIM_NEVER: it did none */
};

enum watch_note {
	NOTE_INTERRUPT,  /* a device's, to a host's core or through it */
	NOTE_INJECTED,   /* a guest's */
	NOTE_KICK,       /* of a guest */
	NOTE_INVALIDATE, /* of the IOMMU */
	NOTE_MISS,       /* of its IOTLB */
	NOTE_N
};

struct watcher {
	/* Is it to be told of this frame? NULL: of each. */
	bool (*wants)(struct watcher *w, const struct frame *f);
	/* A frame begins; of each receiver of a broadcast, its own record. */
	void (*begun)(struct watcher *w, struct seen *s);
	/* It was in this stage; from == to: passed in no time. */
	void (*stage)(struct watcher *w, struct seen *s, enum frame_stage stage, sim_time from,
		      sim_time to, const struct watch_event *e);
	void (*copied)(struct watcher *w, struct seen *s, const struct watched_copy *c);
	/* why: DROP_N if it was delivered. */
	void (*ended)(struct watcher *w, struct seen *s, enum drop_reason why, sim_time at);
	/* A CPU's work of one kind; its name is cost_names[what]. */
	void (*work)(struct watcher *w, unsigned track, const char *worker, enum plat_work what,
		     sim_time from, sim_time to);
	/* A link, bus or walker is taken, perhaps for a frame, which may end before that. */
	void (*taken)(struct watcher *w, unsigned track, struct seen *s, sim_time from,
		      sim_time to);
	/* It was busy. s NULL: for none that is known. */
	void (*busy)(struct watcher *w, unsigned track, struct seen *s, uint64_t id, uint64_t bytes,
		     sim_time from, sim_time to);
	void (*note)(struct watcher *w, unsigned track, enum watch_note what, uint64_t n,
		     sim_time at);
	void (*level)(struct watcher *w, unsigned level, uint64_t value, sim_time at);
	/* Its process has it, as it reads it there; then it ends. */
	void (*read)(struct watcher *w, struct seen *s, const uint8_t *bytes, uint32_t len);
	/*
	 * A frame's last bit came by (rx) or left on the wire of m->nic[nic]. Of a TAP device: the
	 * far side has put it into the device, or has it from there.
	 */
	void (*wire)(struct watcher *w, unsigned nic, bool tx, uint64_t first, sim_time at,
		     const uint8_t *bytes, uint32_t len);
	/* The window of time metrics begins, ends. */
	void (*window)(struct watcher *w, bool stop);
	/* After each look, with all that the event did. */
	void (*looked)(struct watcher *w, const struct watch_event *e);
	bool frames;          /* it wants to know of frames, */
	bool parts;           /* of CPUs, links and levels, */
	bool bytes;           /* of frames' bytes */
	bool off;             /* not yet, or nothing any more */
	sim_time from, until; /* it wants to know of events in [from, until) */
	/* That time has come; is over. Either may be NULL. */
	void (*begins)(struct watcher *w, sim_time now);
	void (*ends)(struct watcher *w, sim_time now);
};

/* Before the run, of a machine that is built. Watchers are added before watch_begin(). */
struct watch *watch_new(struct machine *m);
void watch_add(struct watch *w, struct watcher *one);
/* The machine has started. */
void watch_begin(struct watch *w);
/* After each event. */
void watch_look(struct watch *w);
void watch_window(struct watch *w, bool stop);
/* A watcher has changed its `until`. */
void watch_again(struct watch *w);
/* The run is over: watchers hear of their end, and nothing more. */
void watch_end(struct watch *w);
void watch_free(struct watch *w);

/* Frames under way, struct seen. */
const GPtrArray *watch_frames(const struct watch *w);
const struct watch_track *watch_tracks(const struct watch *w, unsigned *n);
const struct watch_level *watch_levels(const struct watch *w, unsigned *n);
/*
 * A frame's bytes as they are in memory now, if some watcher wants bytes; good until the next call;
 * NULL: they are not there. In the hands of the host: in the buffer that a device has written, or
 * in the host's own, or else in the guest's, as far as it is the host's turn.
 */
const GByteArray *watch_at_host(struct watch *w, const struct seen *s);
/* In the buffers that its sender, a guest, has given its device. */
const GByteArray *watch_at_sender(struct watch *w, const struct seen *s);
/* "web:17". */
char *watch_name(const struct machine *m, const struct frame *f);
/* What a person wants to see (struct run_look; NULL: nothing) gets its watchers. False: a file or a
   name is wrong. */
bool look_open(struct machine *m, const struct run_look *look, GError **error);
/* The run is over: nothing more is seen. */
void look_end(struct machine *m);
/* If it was `ok`, files get their names. Returns ok, or that one could not be written. */
bool look_close(struct machine *m, bool ok, GError **error);

/* ---- watchers (machine_trace.c, machine_pcap.c, machine_story.c) ---- */

/* NULL and an error, or one that its *_close() ends. */
struct watcher *trace_open(struct machine *m, const struct run_look *look, GError **error);
bool trace_close(struct watcher *w, bool ok, GError **error);
/* `number`: below 32, another one for each. */
struct watcher *capture_open_point(struct machine *m, const char *what, unsigned number,
				   uint32_t snaplen, GError **error);
bool capture_close_point(struct watcher *w, bool ok, GError **error);
struct watcher *story_open(struct machine *m, const struct run_look *look, GError **error);
bool story_close(struct watcher *w, bool ok, GError **error);

#endif
