/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_ztx.c - zero-copy sending of a machine: NICs whose capability changes in mid-run.
 *
 * A change is an event at its time. Whoever asks the device from then on hears the new answer; what
 * was given to the device before goes on as it began, since nobody looks at it again.
 */
#include "machine.h"

static void switch_zero_copy(struct host_nic *hn, bool on)
{
	for (unsigned i = 0; i < hn->m->guests; i++) {
		struct guest *g = &hn->m->guest[i];
		if (g->nic != hn)
			continue;
		g->port.info.caps &= ~(unsigned)PLAT_CAP_ZERO_COPY;
		g->port.info.caps |= on ? PLAT_CAP_ZERO_COPY : 0;
	}
}

static void off_event(struct event *ev)
{
	switch_zero_copy((struct host_nic *)((char *)ev - offsetof(struct host_nic, zero_copy_off)),
			 false);
}

static void on_event(struct event *ev)
{
	switch_zero_copy((struct host_nic *)((char *)ev - offsetof(struct host_nic, zero_copy_on)),
			 true);
}

void machine_capability(struct host_nic *hn)
{
	event_init(&hn->zero_copy_off, off_event);
	event_init(&hn->zero_copy_on, on_event);
	if (cfg_has(hn->cfg, "zero_copy_off_at"))
		evq_schedule(&hn->m->q, &hn->zero_copy_off, cfg_time(hn->cfg, "zero_copy_off_at"));
	if (cfg_has(hn->cfg, "zero_copy_on_at"))
		evq_schedule(&hn->m->q, &hn->zero_copy_on, cfg_time(hn->cfg, "zero_copy_on_at"));
}
