/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options_impl.h - key tables of groups, a file each; options.c puts them together. */
#ifndef MODELS_OPTIONS_IMPL_H
#define MODELS_OPTIONS_IMPL_H

#include "options.h"

extern const struct key_decl host_keys[];
extern const struct key_decl iommu_keys[];
extern const struct key_decl guest_keys[];
extern const struct key_decl traffic_keys[];

/* The law of [guest] work, for .check. */
bool options_work(const char *value, char **why);

/* A power of two from 1 to 32768, for .check. */
bool options_power(const char *value, char **why);

#endif
