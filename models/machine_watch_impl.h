/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_watch_impl.h - what the two files of the watch share; for them alone. */
#ifndef MODELS_MACHINE_WATCH_IMPL_H
#define MODELS_MACHINE_WATCH_IMPL_H

#include "machine_watch.h"

#define WATCHERS_MAX 34 /* a trace, a story, and captures */

struct watch_cpu {
	struct cpu *c;
	unsigned track;
	const char *worker; /* that had its last turn */
	const struct worker *current;
	uint64_t sleeps;
	sim_time now;
	uint64_t busy[PLAT_W_N];
};

/* A frame on one direction of a NIC's wire. */
struct watch_slot {
	const struct frame *f;
	uint64_t id, first;
	sim_time from, to;
	uint32_t len;
	uint64_t count; /* of the NIC, when it began */
	uint8_t *bytes;
};

struct watch_nic {
	struct watch_slot slot[2]; /* rx, tx */
	uint32_t tail[2];          /* of its transfers */
	sim_time bus[2];           /* on a bus: busy so far ... */
	sim_time until[2];         /* ... up to then */
	uint64_t interrupts;
	unsigned link, dma; /* tracks of rx; tx follow */
};

struct watch_guest {
	uint64_t kicks[2], interrupts[2];
};

struct watch {
	struct world_watch base;
	struct machine *m;
	struct watcher *watcher[WATCHERS_MAX];
	unsigned watchers;
	bool on, wants_frames, wants_parts, bytes;
	sim_time next;                                 /* when some watcher begins or ends */
	void (*wire_made)(void *ctx, struct frame *f); /* sender.made as it was */
	/* of TAP devices, as they were */
	void (*tap_sink)(void *ctx, struct frame *f, const uint8_t *bytes);
	void (*tap_news)(void *ctx, bool wanted);
	GByteArray *bytes_now; /* machine_where.c */
	struct watch_event event;
	uint64_t begun;
	GPtrArray *frames;    /* struct seen */
	GHashTable *by_frame; /* of frame: struct seen */

	GArray *tracks, *levels;
	struct watch_cpu *cpu;
	unsigned cpus;
	struct watch_nic *nic;
	struct watch_guest *guest;
	GHashTable *worker;     /* of worker: what it does */
	unsigned iommu, walker; /* tracks */
	sim_time *walker_until;
	struct iommu_stats io;
	uint64_t *level; /* as told last */
};

/* A frame's bytes, piece by piece. */
struct watch_piece {
	const uint8_t *p, *from; /* from: where the device had them */
	uint32_t len;
};
struct watch_place {
	GArray *device, *host; /* struct watch_piece: what a device has written, a CPU copied */
	sim_time written;      /* by the device */
	enum copy_site site;   /* of the copy */
};

#define TELL(w, what, ...)                                                                         \
	do {                                                                                       \
		for (unsigned i_ = 0; i_ < (w)->watchers; i_++)                                    \
			if ((w)->watcher[i_]->what && !(w)->watcher[i_]->off)                      \
				(w)->watcher[i_]->what((w)->watcher[i_], __VA_ARGS__);             \
	} while (0)

struct seen *watch_seen(const struct watch *w, const struct frame *f);
/* machine_where.c: a device writes, a CPU copies; the record goes. */
void watch_written(struct watch *w, struct seen *s, const uint8_t *p, const uint8_t *from,
		   uint32_t len);
void watch_copied(struct watch *w, struct seen *s, const struct watched_copy *c);
void watch_place_free(struct watch_place *at);
void watch_parts_new(struct watch *w);
void watch_parts_begin(struct watch *w);
void watch_cpus(struct watch *w);
/* What is on links now; after the frames. */
void watch_links(struct watch *w);
void watch_parts(struct watch *w);
void watch_parts_free(struct watch *w);

#endif
