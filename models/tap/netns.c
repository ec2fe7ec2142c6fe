/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netns.c - namespaces and privileges by system call: see netns.h. */
#define _GNU_SOURCE
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sim/sim_error.h"

static bool fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static bool fail(GError **error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	g_set_error_literal(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT, text);
	return false;
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	return close(fd) == 0 && done;
}

/* In a new user namespace we are whom we were: files are written under the same name. */
static bool map_ids(uid_t uid, gid_t gid)
{
	g_autofree char *u = g_strdup_printf("%u %u 1", uid, uid);
	g_autofree char *g = g_strdup_printf("%u %u 1", gid, gid);

	return put("/proc/self/setgroups", "deny") && put("/proc/self/uid_map", u) &&
	       put("/proc/self/gid_map", g);
}

static bool enter_private(GError **error)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWNET) == 0)
		return true;
	if (errno == EPERM && unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && map_ids(uid, gid))
		return true;
	return fail(
		error,
		"no network namespace of its own: %s; run as root, give the program CAP_NET_ADMIN "
		"and CAP_SYS_ADMIN, or allow user namespaces and try: unshare -rn vnictap ...",
		g_strerror(errno));
}

/* Not there: ENOENT. */
static int open_named(const char *name)
{
	g_autofree char *path = g_build_filename("/run/netns", name, NULL);

	if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, "..")) {
		errno = EINVAL;
		return -1;
	}
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool enter_named(const char *name, GError **error)
{
	int fd = open_named(name), e;

	if (fd < 0 && errno == ENOENT)
		return fail(error, "network namespace %s does not exist; do: ip netns add %s", name,
			    name);
	if (fd >= 0 && setns(fd, CLONE_NEWNET) == 0) {
		close(fd);
		return true;
	}
	e = errno;
	if (fd >= 0)
		close(fd);
	return fail(error, "network namespace %s: %s%s", name, g_strerror(e),
		    e == EPERM ? "; run as root, or give the program CAP_SYS_ADMIN" : "");
}

bool netns_enter(enum netns where, const char *name, GError **error)
{
	switch (where) {
	case NETNS_PRIVATE:
		return enter_private(error);
	case NETNS_NAMED:
		return enter_named(name, error);
	case NETNS_CURRENT:
		break;
	}
	return true;
}

static int here(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

int netns_open(const char *name, bool *made, GError **error)
{
	int fd = open_named(name), back;

	*made = fd < 0;
	if (fd >= 0)
		return fd;
	back = here();
	if (back < 0 || unshare(CLONE_NEWNET) < 0) {
		fail(error,
		     "no network namespace for %s: %s; run as root, or make it: ip netns add %s",
		     name, g_strerror(errno), name);
		if (back >= 0)
			close(back);
		return -1;
	}
	fd = here();
	netns_return(back);
	if (fd < 0)
		fail(error, "network namespace for %s: %s", name, g_strerror(errno));
	return fd;
}

int netns_visit(int fd, GError **error)
{
	int back = here();

	if (back >= 0 && setns(fd, CLONE_NEWNET) == 0)
		return back;
	fail(error, "network namespace: %s; run as root, or give the program CAP_SYS_ADMIN",
	     g_strerror(errno));
	if (back >= 0)
		close(back);
	return -1;
}

void netns_return(int back)
{
	if (setns(back, CLONE_NEWNET) < 0)
		g_error("no way back to the network namespace: %s", g_strerror(errno));
	close(back);
}

void netns_no_ipv6(const char *interface)
{
	g_autofree char *path =
		g_strdup_printf("/proc/sys/net/ipv6/conf/%s/disable_ipv6", interface);

	put(path, "1");
}

/* Also those that a program executed later could get back. */
static bool clear_bounds(void)
{
	for (unsigned long c = 0; c < 64; c++) {
		int has = prctl(PR_CAPBSET_READ, c, 0, 0, 0);
		if (has < 0)
			break;
		if (has && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 && errno != EPERM)
			return false;
	}
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 || errno == EINVAL;
}

bool netns_drop_privileges(GError **error)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof(none));
	if (clear_bounds() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    syscall(SYS_capset, &head, none) == 0)
		return true;
	return fail(error, "privileges cannot be given up: %s", g_strerror(errno));
}
