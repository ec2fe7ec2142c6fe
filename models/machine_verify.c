/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_verify.c - does a run add up? Frames, bytes, mappings, pins: each by a count of its own.
 */
#include "machine.h"

#include <inttypes.h>

#include "../sim/sim_error.h"

static void count_resident(void *arg, struct frame *f)
{
	struct residents *r = arg;

	if (f->led != r->led)
		return;
	r->frames++;
	r->bytes += f->len;
}

struct residents machine_residents(struct machine *m, const struct book *b)
{
	struct residents r = {.led = &b->led};

	world_each_live(&m->world, count_resident, &r);
	return r;
}

#define violated(error, ...) sim_violated(error, "model violation", __VA_ARGS__)

static bool conserved(struct machine *m, const struct book *b, const char *whose, GError **error)
{
	const struct ledger *l = &b->led;
	struct residents r = machine_residents(m, b);
	uint64_t frames = l->delivered + r.frames, bytes = l->delivered_bytes + r.bytes;

	for (unsigned d = 0; d < DROP_N; d++) {
		frames += l->drops[d];
		bytes += l->drop_bytes[d];
	}
	if (frames != l->offered || bytes != l->offered_bytes)
		return violated(error,
				"%s: %" PRIu64 " frames, %" PRIu64 " bytes offered, but %" PRIu64
				" and %" PRIu64 " delivered, dropped or resident",
				whose, l->offered, l->offered_bytes, frames, bytes);
	if (l->corrupt)
		return violated(error, "%s: %" PRIu64 " frames arrived with other bytes", whose,
				l->corrupt);
	if (l->reordered)
		return violated(error, "%s: %" PRIu64 " frames arrived out of order in their flow",
				whose, l->reordered);
	return true;
}

/* Frames that were offered but never begun (SIGINT, drain): they wait in their traffic. */
static void count_waiting(struct machine *m, struct sender *s)
{
	sim_time now = evq_now(&m->q), at;

	while (sender_peek(s, now, &at) && at <= now)
		if (!sender_take(s))
			break;
}

/* The run was cut off where the scenario says that none may go. */
static bool beyond_limit(struct machine *m, GError **error)
{
	const struct cfg *c = scenario_find(m->sc, "scenario");

	cfg_error(c, "max_time", error,
		  "%s passed with %" PRIu64 " %s under way; allow more time or offer less",
		  cfg_str(c, "max_time"), m->world.live + dma_under_way(m),
		  !m->dmas      ? "frames"
		  : m->traffics ? "frames and DMA operations"
				: "DMA operations");
	if (error && *error)
		(*error)->code = SIM_EXIT_VIOLATION;
	return false;
}

/* Of one function: what was mapped is unmapped, what was pinned is not any more. */
static bool balanced(const struct plat_dma *d, const char *whose, GError **error)
{
	if (d->pins != d->unpins)
		return violated(error, "%s: %" PRIu64 " pins, %" PRIu64 " unpins", whose, d->pins,
				d->unpins);
	if (d->maps != d->unmaps)
		return violated(error, "%s: %" PRIu64 " maps, %" PRIu64 " unmaps", whose, d->maps,
				d->unmaps);
	return true;
}

bool machine_verify(struct machine *m, GError **error)
{
	for (unsigned i = 0; i < m->nics; i++)
		count_waiting(m, &m->nic[i].wire);
	for (unsigned i = 0; i < m->guests; i++)
		count_waiting(m, &m->guest[i].sender);
	for (unsigned i = 0; i < m->guests; i++) {
		g_autofree char *rx = g_strdup_printf("%s.rx", cfg_name(m->guest[i].cfg));
		g_autofree char *tx = g_strdup_printf("%s.tx", cfg_name(m->guest[i].cfg));
		g_autofree char *local = g_strdup_printf("%s.local", cfg_name(m->guest[i].cfg));
		if (!conserved(m, &m->guest[i].rx, rx, error) ||
		    !conserved(m, &m->guest[i].tx, tx, error) ||
		    !conserved(m, &m->guest[i].local, local, error))
			return false;
	}
	if (!conserved(m, &m->warm, "warm-up", error))
		return false;
	if (m->world.stage_errors)
		return violated(error, "%" PRIu64 " frames whose stages do not add up",
				m->world.stage_errors);
	if (m->mem->violation.count)
		return violated(
			error,
			"%s at %" PRIu64 " ps: %s (address %#" PRIx64 "), %" PRIu64 " in all",
			m->mem->violation.actor, m->mem->violation.time, m->mem->violation.what,
			m->mem->violation.hpa.a, m->mem->violation.count);
	for (unsigned i = 0; i < m->guests; i++)
		guest_quiesce(&m->guest[i]);
	dma_quiesce(m);
	for (unsigned i = 0; i < m->nics; i++)
		if (!balanced(&m->nic[i].dma, m->nic[i].nic.name, error))
			return false;
	for (unsigned i = 0; i < m->guests; i++)
		if (!balanced(&m->guest[i].hac.vmm.dma, cfg_name(m->guest[i].cfg), error))
			return false;
	for (unsigned i = 0; i < m->dmas; i++)
		if (!balanced(&m->dma_device[i].dev.dma, cfg_name(m->dma[i].cfg), error))
			return false;
	if (m->limit_passed)
		return beyond_limit(m, error);
	return true;
}
