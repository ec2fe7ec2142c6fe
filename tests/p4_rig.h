/* SPDX-License-Identifier: GPL-2.0-or-later */
/* p4_rig.h - what tests of mediated frames between virtual functions share. */
#ifndef TESTS_P4_RIG_H
#define TESTS_P4_RIG_H

#include "nic_rig.h"

static inline struct rig *mediated(void)
{
	return rig_new((struct rig_opts){.kind = NIC_MEDIATED});
}

/* From a to b, with all memory known before. */
static inline void one_frame(struct rig *r, struct vf *a, struct vf *b)
{
	post(b, 0);
	snap(r);
	vf_send(a, b, 1000, 1);
	snap(r); /* with what the sender wrote */
	rig_run(r);
	vf_has(b, a, 1000, 1, 0);
}

#endif
