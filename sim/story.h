/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * story.h - what happened to one packet, line by line: gathered by the model, shown as a table of
 * 80 columns or as JSON.
 */
#ifndef SIM_STORY_H
#define SIM_STORY_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>
#include "simtime.h"

enum story_kind {
	STORY_STAGE,  /* where it was for a while */
	STORY_COPY,   /* a CPU moved it */
	STORY_DMA,    /* a device did */
	STORY_NOTICE, /* somebody was, or was not, told of it */
	STORY_END,
};

struct story;

struct story *story_new(void);
void story_free(struct story *s);
typedef struct story story_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(story_auto, story_free)

/* Whose: "web:17", "wire to vm1", its bytes, when it began. Further receivers have one each. */
void story_begin(struct story *s, const char *name, const char *way, const char *direction,
		 uint32_t bytes, sim_time began);
/* A line of the i-th story begun, in any order of time. `where` and `what` are copied. */
void story_line(struct story *s, guint i, enum story_kind kind, sim_time at, sim_time takes,
		const char *where, const char *what);
/* Its end: "delivered", or why it was dropped. */
void story_end(struct story *s, guint i, const char *end, sim_time at);
/* How many were begun. */
guint story_count(const struct story *s);

struct json_t;
/* Freed with json_decref(). */
struct json_t *story_json(const struct story *s);
void story_print(const struct story *s, GString *out);

#endif
