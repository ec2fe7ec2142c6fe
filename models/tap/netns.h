/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netns.h - where the devices are made, and with what privilege: network namespaces.
 *
 * A namespace of its own has interfaces that nobody else sees, and goes with the last process in
 * it: nothing can be left behind. Without root it is made inside a user namespace, where the system
 * allows that. See network_namespaces(7), user_namespaces(7), capabilities(7).
 */
#ifndef TAP_NETNS_H
#define TAP_NETNS_H

#include <glib.h>
#include <stdbool.h>

enum netns {
	NETNS_PRIVATE, /* new, without any other interface */
	NETNS_CURRENT, /* where the program was started */
	NETNS_NAMED,   /* as of `ip netns`: /run/netns/NAME */
};

/*
 * The process, which has a single thread as yet, enters it. If it cannot: SIM_EXIT_ENVIRONMENT and
 * what to do. `name` is of NETNS_NAMED.
 */
bool netns_enter(enum netns where, const char *name, GError **error);

/*
 * A second namespace, for what stands behind a guest: that of `ip netns` called `name` if there is
 * one (*made is false then), else a new one without a name, which goes with the descriptor. Returns
 * its descriptor, or -1; the calling thread stays where it is.
 */
int netns_open(const char *name, bool *made, GError **error);
/* The calling thread goes there; returns a descriptor of where it was, or -1. */
int netns_visit(int fd, GError **error);
/* And back; closes it. */
void netns_return(int back);

/* The kernel sends no IPv6 on it: no neighbour discovery, no router solicitation. As far as the
 * system lets us: what it sends nevertheless is counted as foreign by whoever receives it. */
void netns_no_ipv6(const char *interface);

/*
 * All that needs privilege is open: give it up for good, for this thread and those it will make.
 * No capability remains, nor can be got again by executing a program. The user remains: a result
 * file is written under the user's name.
 */
bool netns_drop_privileges(GError **error);

#endif
