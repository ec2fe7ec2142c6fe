/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest_build_ztx.c - zero-copy sending: what a guest's keys ask for (ztx.h). */
#include "guest_build.h"

#define VHOST_MAX_PEND 128u /* drivers/vhost/net.c */

/* Zero-copied buffers away at a time, for queues of `size` chains. */
static uint32_t inflight(const struct cfg *c, uint32_t size)
{
	if (cfg_is_quantity(c, "zero_copy_inflight"))
		return (uint32_t)cfg_u64(c, "zero_copy_inflight");
	return MAX(MIN(VHOST_MAX_PEND, size / 4), 1);
}

void guest_build_ztx(const struct guest_parts *p, uint32_t size)
{
	struct ztx *z = &p->dp->ztx;

	*z = (struct ztx){
		.min = (uint32_t)cfg_u64(p->cfg, "zero_copy_min"),
		.inflight = inflight(p->cfg, size),
		.backoff = cfg_bool(p->cfg, "zero_copy_backoff"),
		.in_order = cfg_choice(p->cfg, "zero_copy_release") == 1,
		.pool_drop = cfg_choice(p->cfg, "tx_pool_empty") == 1,
		.segs = p->dp->port->info.max_segs,
		.mask = size - 1,
	};
	z->slot = guest_array(p, size, sizeof(*z->slot));
	z->order = guest_array(p, size, sizeof(*z->order));
	z->returned = guest_array(p, size + 2 * DPATH_BURST, sizeof(*z->returned));
}
