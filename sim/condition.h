/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * condition.h - "guest.policy=copy nic.mtu=9000B": at which points of a sweep something is said.
 *
 * Between two conditions stands a blank or an `&`. A condition holds where every object that it is
 * about has the value, in whatever words (1Gbit/s is 1000Mbit/s).
 */
#ifndef SIM_CONDITION_H
#define SIM_CONDITION_H

#include <stdbool.h>
#include "scenario.h"

/* Key, value, key, value... ended by NULL, freed with g_strfreev(); empty text: none. If a key or
   value is wrong: NULL, and in *why what, freed with g_free(). */
char **condition_parse(const struct scenario *sc, const char *text, char **why);

/* Do all of them hold at this point? */
bool condition_holds(const struct scenario *point, char **conditions);

#endif
