/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * where.h - an expression over keys that is true or false of a scenario: which points of a sweep
 * there are (`where` in [sweep]) and which are wanted (`sweep --only`).
 *
 *	guest.policy != copy | nic.link >= 10Gbit/s & (bulk.size < 1500B | nic.mtu = 9000B)
 *
 * Comparisons = != < <= > >= joined by `&` and `|`, of which `&` binds more, and by brackets.
 * A comparison is true where it is true of every object that GROUP means, in whatever words
 * (1Gbit/s is 1000Mbit/s). Only quantities have an order; one without value, or with a word in its
 * place (rate = max), fails every comparison but !=.
 */
#ifndef SIM_WHERE_H
#define SIM_WHERE_H

#include <stdbool.h>
#include <glib.h>
#include "scenario.h"

struct where;

/* NULL if a key, a value or the form is wrong: why, freed with g_free(). */
struct where *where_parse(const struct scenario *sc, const char *text, char **why);
void where_free(struct where *w);
typedef struct where where_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(where_auto, where_free)

bool where_holds(const struct where *w, const struct scenario *point);

#endif
