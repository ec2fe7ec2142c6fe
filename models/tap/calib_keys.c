/* SPDX-License-Identifier: GPL-2.0-or-later */
/* calib_keys.c - how the simulator's keys follow from what was measured: see calibrate.h. */
#include <math.h>

#include "calibrate.h"

static double syscall_ns(const struct calib *c, unsigned r)
{
	return calib_ns(c, r, "system call");
}

const struct calib_key calib_keys[] = {
	{"x.syscall", "ns", syscall_ns, "system call"},
	{0},
};
