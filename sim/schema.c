/* SPDX-License-Identifier: GPL-2.0-or-later */
/* schema.c - the schema of a result file; see schema.h. */
#include "schema.h"
#include <glib.h>
#include "result.h"

char *schema_other(const json_t *top)
{
	const json_t *schema = json_object_get(top, "schema");

	if (!json_is_integer(schema) || json_integer_value(schema) == RESULT_SCHEMA)
		return NULL;
	return g_strdup_printf("has schema %" JSON_INTEGER_FORMAT "; this program reads schema %d: "
			       "run the scenario again",
			       json_integer_value(schema), RESULT_SCHEMA);
}
