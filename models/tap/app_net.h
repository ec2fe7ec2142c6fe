/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * app_net.h - a network behind a guest: a TAP device in a namespace of its own, which is that of
 * `ip netns` called as the guest if there is one, else a new one that goes with the program.
 */
#ifndef TAP_APP_NET_H
#define TAP_APP_NET_H

#include "app.h"

struct app_net {
	int fd;      /* of the device; -1: none */
	int ns;      /* keeps the namespace; -1: none */
	char *where; /* for app_where() */
};

/* The device has the guest's addresses, the network its first 24 bits, and it is up. */
bool app_net_open(struct app_net *n, const struct app_cfg *c, GError **error);
void app_net_close(struct app_net *n);

#endif
