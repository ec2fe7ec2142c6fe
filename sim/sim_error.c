/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_error.c - the GError domain of everything that is reported to the user; see sim_error.h. */
#include "sim_error.h"

bool sim_violated(GError **error, const char *what, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	g_set_error(error, SIM_ERROR, SIM_EXIT_VIOLATION, "%s: %s", what, text);
	return false;
}

G_DEFINE_QUARK(sim - error - quark, sim_error)
