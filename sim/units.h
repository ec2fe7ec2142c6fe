/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * units.h - numbers with units: text into whole base units and back, exactly.
 *
 *	KEY_COUNT    4096, 1e6, 1.5e3                        -> 1
 *	KEY_TIME     ps ns us ms s                           -> picoseconds
 *	KEY_BYTES    B KiB MiB GiB (binary)                  -> bytes
 *	KEY_RATE     bit/s kbit/s Mbit/s Gbit/s (decimal)    -> bits per second
 *	KEY_FREQ     Hz kHz MHz GHz                          -> hertz
 *	KEY_PERCENT  %                                       -> millionths
 *
 * All arithmetic is on integers: 0.1us is 100,000 ps, and 0.1ps is refused rather than rounded. A
 * bare 0 needs no unit.
 */
#ifndef SIM_UNITS_H
#define SIM_UNITS_H

#include <stdbool.h>
#include <stdint.h>
#include "keys.h"

/* digits * 10^exp10; at most 20 digits, |exp10| at most 30. */
struct decimal {
	unsigned __int128 digits;
	int exp10;
	bool negative;
};

/* Reads [-]digits[.digits][e[+-]digits] at *text and moves *text behind it; false if none is there
   or it is too long. */
bool units_decimal(const char **text, struct decimal *d);

/* A whole number of base units. `hint` is a unit to suggest when it is missing, or NULL. False:
   what is wrong and what to write is in *why, freed with g_free(). */
bool units_parse(enum key_kind kind, const char *text, const char *hint, uint64_t *value,
		 char **why);

/* A factor to base units and the kind of a unit's name, the empty name being a count; 0 if there is
   no such unit. */
uint64_t units_factor(const char *unit, enum key_kind *kind);

/* The largest unit that leaves no fraction: "1500Mbit/s", "64MiB". */
char *units_format(enum key_kind kind, uint64_t value);

const char *units_name(enum key_kind kind);   /* "a time", for messages */
const char *units_column(enum key_kind kind); /* "_ns"; "" where there is no unit */

#endif
