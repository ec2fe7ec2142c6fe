/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap_app.c - a guest whose process is a program of app.h: what the guest receives goes there, and
 * what it has to send leaves by the guest's ordinary way, in the turn of the worker that sends.
 */
#include <stdio.h>

#include "app.h"
#include "digest.h"
#include "tap.h"

bool guest_app_open(struct tap_guest *g, GError **error)
{
	struct app_cfg c = {.kind = (enum app_kind)cfg_choice(g->cfg, "app"),
			    .guest = cfg_name(g->cfg),
			    .mtu = (uint32_t)cfg_u64(g->nic->cfg, "mtu")};

	memcpy(c.mac, g->mac, sizeof(c.mac));
	memcpy(c.ip, g->ip, sizeof(c.ip));
	g->app = app_new(&c, error);
	return g->app != NULL;
}

/* The program has the frame: there is nothing to prove. */
static bool app_has(void *app, const struct frame *f, const uint8_t *bytes, uint32_t len)
{
	(void)f;
	app_frame(app, bytes, len);
	return true;
}

void guest_app_attach(struct tap_guest *g)
{
	g->net.rx_end.process = app_has;
	g->net.rx_end.ctx = g->app;
	g->gtx.fd = app_fd(g->app);
}

void guest_app_called(struct tap_guest *g)
{
	uint32_t len;

	if (app_peek(g->app, &len))
		g->gtx.up = true;
}

static void send_one(struct tap_guest *g, const uint8_t *bytes, uint32_t len)
{
	struct frame *f = plat_pool_get(&g->tx_world.pool, &g->tx.led, len, plat_now(&g->pl));

	f->bytes = bytes;
	f->num = g->app_sent++;
	f->hash = digest_bytes(bytes, len);
	f->to = TRAFFIC_WIRE;
	if (len > g->net.max_frame)
		plat_drop(&g->pl, f, DROP_OVERSIZE);
	else if (gnet_send(&g->net, f) != GNET_SENT)
		plat_drop(&g->pl, f, DROP_SEND_FULL);
	f->bytes = NULL;
}

unsigned guest_app_send(struct tap_guest *g, unsigned max)
{
	const uint8_t *bytes;
	uint32_t len;
	unsigned n;

	for (n = 0; n < max && (bytes = app_peek(g->app, &len)) != NULL; n++) {
		if (!gnet_tx_room(&g->net) || !plat_pool_free(&g->tx_world.pool)) {
			g->tx_full = true;
			break;
		}
		send_one(g, bytes, len);
		app_pop(g->app);
	}
	return n;
}

void guest_app_announce(const struct tap_guest *g)
{
	const char *where = app_where(g->app);

	fprintf(stderr, "%s is behind %s", cfg_name(g->cfg), g->nic->dev.name);
	if (where)
		fprintf(stderr, "; its programs: %s COMMAND", where);
	fputc('\n', stderr);
}
