/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap_keys.h - [tap]: the NICs of a scenario are TAP devices, simulated or real.
 *
 * The group's presence says so. It is there for both programs: vnictap runs the scenario on real
 * devices, vnicsim models what these cost. What only one of them uses has no effect in the other.
 */
#ifndef MODELS_TAP_KEYS_H
#define MODELS_TAP_KEYS_H

#include "../sim/keys.h"
#include "../sim/scenario.h"

enum tap_threads { TAP_THREADS_MANY, TAP_THREADS_ONE };
enum tap_backend { TAP_READWRITE, TAP_URING };
enum tap_far { TAP_FAR_REPLAY, TAP_FAR_NONE };

/* What a file of measured costs may give ([host] preset): costs, no behaviour. */
#define TAP_PRESET_KEYS                                                                            \
	"cost.*|host.clock|host.wake_delay|host.idle_exit|host.idle_after|host.l2|host.llc|"       \
	"host.llc_ways|host.llc_miss|host.llc_read_miss|tap.read*|tap.write*|tap.submit|"          \
	"tap.uring_*|tap.epoll*|tap.eventfd*|tap.wake|tap.turn|tap.pause*|tap.inject*|tap."        \
	"receive*"

extern const struct key_decl tap_keys[];
/* Defaults of other groups where [tap] is: no IOMMU, guest memory in one piece. */
extern const char *const tap_brings[];

/* [tap], or NULL if the scenario has none. */
const struct cfg *tap_of(const struct scenario *sc);

/* Why a key is not together with [tap]; NULL: it may be. */
const char *tap_refused(const char *kind, const char *key);

/* Refuses, with [tap], what no TAP device has; without it, what only one has. */
bool tap_check(const struct scenario *sc, GError **error);

#endif
