/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * csv.h - the results of a study as tables for other programs.
 *
 * Tidy, one number a line:  point,repeat,seed,<keys>,object,direction,metric,value,unit
 * Wide, one run a line:     point,repeat,seed,<keys>,<metrics>
 * Summary, over repeats:    point,<keys>,object,direction,metric,n,mean,half_width,low,high,unit
 * Paired, point - base: point,base,<keys>,object,direction,metric,n,mean,half_width,low,high,unit
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
#include "record.h"
#include "scenario.h"
#include "summary.h"

struct csv_study {
	const struct scenario *sc;
	const char *const *keys; /* "guest.policy" */
	size_t n_keys;
	const struct summary_run *rows;
	size_t n_rows;
};

void csv_tidy(const struct csv_study *study, GString *out);
void csv_wide(const struct csv_study *study, GString *out);
/* `paired`: of differences. */
void csv_summary(const struct csv_study *study, const struct summary *sum, bool paired,
		 GString *out);

#endif
