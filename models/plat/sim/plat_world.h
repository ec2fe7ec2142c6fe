/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat_world.h of the simulator - where a sender's frames come from: world_frame(). */
#ifndef PLAT_SIM_WORLD_H
#define PLAT_SIM_WORLD_H

#include "plat_sim.h"

#endif
