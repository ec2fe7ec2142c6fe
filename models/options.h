/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.h - every key of a scenario file that this simulator knows, and what they come to. */
#ifndef MODELS_OPTIONS_H
#define MODELS_OPTIONS_H

#include "../sim/keys.h"
#include "../sim/result.h"
#include "../sim/scenario.h"
#include "plat/sim/plat_station.h"
#include "traffic/traffic.h"

extern const struct group_decl option_groups[];

/*
 * The configuration of one [traffic]. Names of guests become indices into `endpoints`; *ends gets
 * the memory behind from and to, freed with g_free().
 */
bool options_traffic(const struct scenario *sc, const struct cfg *c,
		     const struct traffic_endpoint *endpoints, uint32_t guests,
		     struct traffic_cfg *out, int **ends, GError **error);

/* "52:54:00:00:00:01"; false if it is no MAC address, or a group address. */
bool options_mac(const char *text, uint8_t mac[6]);
/* "192.0.2.1" */
bool options_ip(const char *text, uint8_t ip[4]);

/* The same of every [dma]. */
bool dma_check(const struct scenario *sc, GError **error);

/* 500ns, exponential:500ns, uniform:1us..2us. On false *why, freed with g_free(). */
bool options_work_law(const char *text, struct work_law *law, char **why);

/* Names the file of [host] preset, if it is one, among the result's inputs. */
void options_inputs(const struct scenario *sc, struct result *r);

/* Checks that need several keys, for every [traffic] and [guest], before anything runs. */
bool options_check(const struct scenario *sc, GError **error);

#endif
