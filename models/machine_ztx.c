/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_ztx.c - zero-copy sending of a machine: what a guest's keys ask for (ztx.h), and NICs
 * whose capability changes in mid-run.
 *
 * A change is an event at its time. Whoever asks the device from then on hears the new answer; what
 * was given to the device before goes on as it began, since nobody looks at it again.
 */
#include "machine.h"

#include <string.h>

#define VHOST_MAX_PEND 128u /* drivers/vhost/net.c */

/* Zero-copied buffers away at a time, for queues of `size` chains. */
static uint32_t inflight(const struct cfg *c, uint32_t size)
{
	if (cfg_is_quantity(c, "zero_copy_inflight"))
		return (uint32_t)cfg_u64(c, "zero_copy_inflight");
	return MAX(MIN(VHOST_MAX_PEND, size / 4), 1);
}

void guest_ztx(struct guest *g, uint32_t size)
{
	struct ztx *z = &g->dp.ztx;

	*z = (struct ztx){
		.min = (uint32_t)cfg_u64(g->cfg, "zero_copy_min"),
		.inflight = inflight(g->cfg, size),
		.backoff = cfg_bool(g->cfg, "zero_copy_backoff"),
		.in_order = cfg_choice(g->cfg, "zero_copy_release") == 1,
		.pool_drop = cfg_choice(g->cfg, "tx_pool_empty") == 1,
		.segs = g->port.info.max_segs,
		.mask = size - 1,
	};
	z->slot = machine_array(g->m, size, sizeof(*z->slot));
	z->order = machine_array(g->m, size, sizeof(*z->order));
	z->returned = machine_array(g->m, size + 2 * DPATH_BURST, sizeof(*z->returned));
}

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
