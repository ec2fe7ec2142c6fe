/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ztx.c - hold-backs, release order and reuse latency of zero-copy transmission: see ztx.h. */
#include "ztx.h"

void ztx_published(struct ztx *z, uint64_t now)
{
	for (uint32_t i = 0; i < z->nreturned; i++) {
		const struct ztx_slot *s = &z->slot[z->returned[i]];
		uint64_t away = now - s->handed;
		if (!s->led)
			continue;
		s->led->reuses++;
		s->led->reuse_ps += away;
		if (away > s->led->reuse_max_ps)
			s->led->reuse_max_ps = away;
	}
	z->nreturned = 0;
}

enum copy_reason ztx_refuses(const struct ztx *z, uint32_t len, uint32_t out)
{
	if (len < z->min)
		return REASON_TOO_SMALL;
	/* What is done but held back counts too: the guest does not have it. */
	if (z->inflight && (z->in_order ? z->last - z->first : out) >= z->inflight)
		return REASON_IN_FLIGHT_CAP;
	if (z->backoff && z->recent_errors > z->recent / ZTX_ERROR_SHARE)
		return REASON_BACKING_OFF;
	return REASON_POLICY;
}

void ztx_failed(struct ztx *z, uint16_t head)
{
	z->recent_errors++;
	if (z->slot && z->slot[head].led)
		z->slot[head].led->zero_copy_errors++;
}

bool ztx_release(struct ztx *z, uint16_t *head)
{
	*head = z->order[z->first & z->mask];
	if (z->first == z->last || !z->slot[*head].done)
		return false;
	z->slot[*head].done = false;
	z->first++;
	return true;
}
