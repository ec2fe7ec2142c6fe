/* SPDX-License-Identifier: GPL-2.0-or-later */
/* validate_rules.h - the rules by which `vnicsim validate` judges; see sim/validate.h. */
#ifndef MODELS_VALIDATE_RULES_H
#define MODELS_VALIDATE_RULES_H

#include "../sim/validate.h"

extern const struct validate_rules validate_rules;

#endif
