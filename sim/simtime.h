/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simtime.h - simulated time: unsigned 64-bit picoseconds from the start of the run.
 *
 * A 64-byte frame lasts 6.72 ns on a 100 Gbit/s wire, so nanoseconds are too coarse. 2^64 ps is
 * 213 days; a scenario that would run past 200 days is refused before it starts, so sums of a time
 * and a delay never wrap.
 */
#ifndef SIM_SIMTIME_H
#define SIM_SIMTIME_H

#include <stdint.h>

typedef uint64_t sim_time; /* picoseconds */

#define SIM_PS    ((sim_time)1)
#define SIM_NS    ((sim_time)1000)
#define SIM_US    ((sim_time)1000000)
#define SIM_MS    ((sim_time)1000000000)
#define SIM_S     ((sim_time)1000000000000)
#define SIM_NEVER UINT64_MAX                          /* no event will ever carry this time */
#define SIM_MAX   ((sim_time)200 * 24 * 3600 * SIM_S) /* longest run a scenario may ask for */

#endif
