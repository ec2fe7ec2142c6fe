/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_error.c - the GError domain of everything that is reported to the user; see sim_error.h. */
#include "sim_error.h"

G_DEFINE_QUARK(sim - error - quark, sim_error)
