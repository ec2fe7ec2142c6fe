/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ledger.c - the names of ledger.h's lists, as results and scenarios spell them. */
#include "ledger.h"

#include <stddef.h>

#define X(id, name) #name,
const char *const ledger_site_names[SITE_N + 1] = {COPY_SITES(X) NULL};
const char *const ledger_reason_names[REASON_N + 1] = {COPY_REASONS(X) NULL};
const char *const ledger_drop_names[DROP_N + 1] = {DROP_REASONS(X) NULL};
const char *const ledger_stage_names[STAGE_N + 1] = {FRAME_STAGES(X) NULL};
const char *const ledger_hazard_names[HAZARD_N + 1] = {HAZARDS(X) NULL};
#undef X
