/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap_host.c - the host's side of a guest: its device port, and the datapath's workers for it.
 *
 * A frame that is read is looked up with the far side (far_match), which says what it is and when
 * it was meant to be sent; one that is written is announced there (far_expect).
 */
#include <errno.h>
#include <stdlib.h>

#include "sim/sim_error.h"
#include "tap.h"

/* ---- workers --------------------------------------------------------------------------------- */

static unsigned hrx_turn(struct tap_guest *g, bool *more)
{
	unsigned work = 0;

	do {
		dpath_rx_burst(&g->dp);
		*more = dpath_rx_commit(&g->dp);
		work += g->dp.rxb.work;
	} while (g->dp.rxb.stays);
	return work;
}

/*
 * The kernel takes what is written without end; the far side does not. While it has more than this
 * to look at, the device is busy, as one is whose wire is.
 */
#define BACKLOG 4096u
#define PAUSE   50000000u /* ps */

static unsigned htx_turn(struct tap_guest *g, bool *more)
{
	unsigned work = 0;

	g->htx.due = PLAT_NEVER;
	if (g->nic->far && far_backlog(g->nic->far) > BACKLOG) {
		g->htx.due = plat_now(&g->pl) + PAUSE;
		*more = false;
		return 0;
	}
	do {
		dpath_tx_burst(&g->dp);
		*more = dpath_tx_commit(&g->dp);
		work += g->dp.txb.work;
	} while (g->dp.txb.stays);
	return work;
}

static unsigned hvmm_turn(struct tap_guest *g, bool *more)
{
	unsigned work = 0;

	do {
		dpath_vmm_burst(&g->dp);
		*more = dpath_vmm_commit(&g->dp);
		work += g->dp.vmmb.work;
	} while (g->dp.vmmb.stays);
	return work;
}

/* ---- the device ------------------------------------------------------------------------------ */

static struct book *rx_book(struct tap_guest *g, plat_time at)
{
	return at < g->tap->warmup ? &g->warm_rx : &g->rx;
}

static bool arrived(void *ctx, struct frame *f, const uint8_t *head, uint32_t head_len,
		    uint32_t len)
{
	struct tap_guest *g = ctx;
	struct tap *t = g->tap;
	struct far_sent s;
	plat_time sent;

	if (!g->nic->far) { /* whoever uses the interface is the far side */
		f->hash = 0;
		return true;
	}
	if (!far_match(g->nic->far, g->queue, head, head_len, len, &s))
		return false;
	f->num = s.num;
	f->hash = s.hash;
	f->traffic = s.traffic;
	f->exchange = s.exchange;
	f->to = s.to;
	f->led = &rx_book(g, s.at)->led;
	sent = t->start + s.sent;
	f->first = f->last = t->lockstep || s.sent < s.at ? sent : t->start + s.at;
	frame_stamp(f, STAGE_WIRE_WAIT, sent);
	return true;
}

static void departing(void *ctx, struct frame *f)
{
	struct tap_guest *g = ctx;

	if (g->nic->far)
		far_expect(g->nic->far, g->index, f);
}

static uint32_t power_of_two(uint64_t n)
{
	uint32_t p = 1;

	while (p < n)
		p *= 2;
	return p;
}

static bool port_init(struct tap_guest *g, GError **error)
{
	const struct cfg *nic = g->nic->cfg;
	struct plat_port_cfg c = {
		.rx_fd = g->nic->dev.fd[g->queue],
		.tx_fd = g->nic->dev.fd[g->queue],
		.ring = power_of_two(MAX(cfg_u64(nic, "rx_ring"), cfg_u64(nic, "tx_ring"))),
		.max_frame = g->net.max_frame,
		.vnet_hdr = g->nic->dev.vnet_hdr,
		.backend = cfg_choice(g->tap->cfg, "backend") ? PLAT_URING : PLAT_READWRITE,
		.pool = &g->rx_world.pool,
		.led = &g->rx.led,
		.arrived = arrived,
		.departing = departing,
		.ctx = g,
	};

	if (plat_port_init(&g->port, &c)) {
		g->port.info = (struct plat_devinfo){
			(cfg_bool(nic, "zero_copy") ? PLAT_CAP_ZERO_COPY : 0) |
				(cfg_bool(nic, "gather") ? PLAT_CAP_GATHER : 0) |
				PLAT_CAP_OWN_QUEUE,
			(unsigned)MIN(cfg_u64(nic, "max_segments"), g->port.info.max_segs)};
		return true;
	}
	g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT, "%s: %s (%s)", g->nic->dev.name,
		    g->port.failed, g_strerror(errno));
	return false;
}

/* ---- building -------------------------------------------------------------------------------- */

static void add_worker(struct side *s, struct worker *w, struct tap_guest *g,
		       unsigned (*turn)(struct tap_guest *, bool *))
{
	*w = (struct worker){.g = g, .turn = turn};
	side_add(s, w, g->dp.poll);
}

static void host_lines(struct tap_guest *g)
{
	struct side *s = &g->tap->host_side;

	side_line(s, &g->rx_kick);
	side_line(s, &g->tx_kick);
	side_line(s, &g->vmm_line);
	worker_line(&g->hrx, &g->rx_kick);
	worker_line(&g->htx, &g->tx_kick);
}

bool host_init(struct tap_guest *g, GError **error)
{
	struct side *s = &g->tap->host_side;
	struct dpath *dp = &g->dp;

	dp->poll = cfg_choice(g->tap->host, "datapath") == 1;
	dp->port = &g->port;
	dp->own_queue = true;
	dp->rx_pl = dp->tx_pl = &g->pl;
	dp->rx_intr = &g->rx_intr;
	dp->tx_intr = &g->tx_intr;
	dp->vmm_line = &g->vmm_line;
	if (!port_init(g, error))
		return false;
	add_worker(s, &g->hrx, g, hrx_turn);
	add_worker(s, &g->htx, g, htx_turn);
	host_lines(g);
	if (guest_policy(g->cfg, "rx_policy")->vmm_rx) {
		dp->vmm_pl = &g->pl;
		add_worker(s, &g->hvmm, g, hvmm_turn);
		worker_line(&g->hvmm, &g->vmm_line);
	}
	s->port[s->ports++] = (struct side_port){&g->port, &g->hrx, &g->htx};
	return true;
}
