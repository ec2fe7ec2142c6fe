/* SPDX-License-Identifier: GPL-2.0-or-later */
/* schema.h - results of another schema are told from what is no result at all. */
#ifndef SIM_SCHEMA_H
#define SIM_SCHEMA_H

#include <jansson.h>

/*
 * "has schema 2; ...", freed with g_free(), of a result whose metrics may mean something else here;
 * NULL: it has this program's schema, or none.
 */
char *schema_other(const json_t *top);

#endif
