/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * csv.h - the results of a study as tables for other programs.
 *
 * Tidy, one number a line:  point,repeat,seed,<keys>,object,direction,metric,value,unit
 * Wide, one run a line:     point,repeat,seed,<keys>,<metrics>
 *
 * A key's column is named as in guest_vm1_policy; one that holds quantities of a unit is a number
 * in it, guest_mtu_bytes, and _bps, _ns, _hz likewise. Texts and null have no line in the tidy
 * table and an empty field in the wide one. Fields are quoted where RFC 4180 asks for it.
 */
#ifndef SIM_CSV_H
#define SIM_CSV_H

#include <stdint.h>
#include <glib.h>
#include "metric.h"
#include "result.h"
#include "scenario.h"

struct csv_row {
	unsigned point, repeat; /* from 1 */
	uint64_t seed;
	const char *const *values; /* texts of the keys */
	const struct result *result;
};

struct csv_study {
	const struct scenario *sc;
	const struct metric_table *metrics;
	const char *const *keys; /* "guest.policy" */
	size_t n_keys;
	const struct csv_row *rows;
	size_t n_rows;
};

void csv_tidy(const struct csv_study *study, GString *out);
void csv_wide(const struct csv_study *study, GString *out);

#endif
