/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics.h - tables that both programs have: every metric that there is, the sections of the
 * report, the columns of a sweep. */
#ifndef MODELS_METRICS_H
#define MODELS_METRICS_H

#include "../sim/metric.h"
#include "../sim/report.h"

extern const struct metric_table machine_metrics;
extern const struct report_section machine_report[];
extern const struct report_col machine_sweep_cols[];

#endif
