/* SPDX-License-Identifier: GPL-2.0-or-later */
/* app.c - processes of a guest: see app.h. */
#include "app.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "app_echo.h"
#include "app_net.h"
#include "sim/sim_error.h"

#define REPLIES 256u /* that wait to be sent; a power of two */

struct app {
	struct app_cfg cfg;
	struct app_stats st;
	uint32_t room; /* bytes of the longest frame */

	/* echo: replies; bridge: slot 0 is the frame that waits */
	uint8_t *slot;
	uint32_t len[REPLIES];
	uint32_t put, got;

	struct app_net net; /* bridge */
};

struct app *app_new(const struct app_cfg *cfg, GError **error)
{
	struct app *a = g_new0(struct app, 1);

	a->cfg = *cfg;
	a->room = cfg->mtu + 18;
	a->net.fd = a->net.ns = -1;
	if (cfg->kind == APP_ECHO)
		a->slot = g_malloc((size_t)REPLIES * a->room);
	else if (cfg->kind == APP_BRIDGE)
		a->slot = g_malloc(a->room);
	if (cfg->kind == APP_BRIDGE && !app_net_open(&a->net, cfg, error)) {
		app_free(a);
		return NULL;
	}
	return a;
}

int app_fd(const struct app *a)
{
	return a->net.fd;
}

const char *app_where(const struct app *a)
{
	return a->net.where;
}

static void echo(struct app *a, const uint8_t *bytes, uint32_t len)
{
	uint32_t i = a->put & (REPLIES - 1);
	bool room = a->put - a->got < REPLIES && len <= a->room;
	uint8_t *to = room ? a->slot + (size_t)i * a->room : NULL;

	if (!app_echo_answers(&a->cfg, bytes, len))
		return;
	if (!to) {
		a->st.dropped++;
		return;
	}
	a->len[i] = app_echo(&a->cfg, bytes, len, to);
	a->put++;
}

void app_frame(void *app, const uint8_t *bytes, uint32_t len)
{
	struct app *a = app;

	a->st.received++;
	a->st.received_bytes += len;
	if (a->cfg.kind == APP_ECHO)
		echo(a, bytes, len);
	else if (a->cfg.kind == APP_BRIDGE)
		a->st.dropped += write(a->net.fd, bytes, len) != (ssize_t)len;
}

/* What a program behind the bridge sends. */
static void fetch(struct app *a)
{
	ssize_t n = a->put == a->got ? read(a->net.fd, a->slot, a->room) : 0;

	if (n <= 0)
		return;
	a->len[a->put & (REPLIES - 1)] = (uint32_t)n;
	a->put++;
}

const uint8_t *app_peek(struct app *a, uint32_t *len)
{
	uint32_t i = a->got & (REPLIES - 1);

	if (a->cfg.kind == APP_BRIDGE)
		fetch(a);
	if (a->put == a->got)
		return NULL;
	*len = a->len[i];
	return a->cfg.kind == APP_BRIDGE ? a->slot : a->slot + (size_t)i * a->room;
}

void app_pop(struct app *a)
{
	a->st.sent++;
	a->st.sent_bytes += a->len[a->got & (REPLIES - 1)];
	a->got++;
}

struct app_stats app_stats(const struct app *a)
{
	return a->st;
}

void app_free(struct app *a)
{
	if (!a)
		return;
	app_net_close(&a->net);
	g_free(a->slot);
	g_free(a);
}
