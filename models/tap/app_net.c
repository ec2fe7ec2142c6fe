/* SPDX-License-Identifier: GPL-2.0-or-later */
/* app_net.c - the network behind a guest: see app_net.h. */
#include "app_net.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netns.h"
#include "sim/sim_error.h"
#include "tapdev.h"

static struct ifreq address(const char *name, const uint8_t *ip)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct ifreq ifr = {0};

	memcpy(&in.sin_addr, ip, 4);
	g_strlcpy(ifr.ifr_name, name, IFNAMSIZ);
	memcpy(&ifr.ifr_addr, &in, sizeof(in));
	return ifr;
}

/* 127.0.0.1 is there, too: programs expect it. */
static bool set_addresses(const struct tapdev *d, const struct app_cfg *c, GError **error)
{
	static const uint8_t mask[] = {255, 255, 255, 0}, none[4] = {0};
	struct ifreq ip = address(d->name, c->ip), net = address(d->name, mask), lo = {0};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool done;

	g_strlcpy(lo.ifr_name, "lo", IFNAMSIZ);
	lo.ifr_flags = IFF_UP;
	ioctl(s, SIOCSIFFLAGS, &lo);
	done = !memcmp(c->ip, none, 4) ||
	       (ioctl(s, SIOCSIFADDR, &ip) == 0 && ioctl(s, SIOCSIFNETMASK, &net) == 0);
	if (!done)
		g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT,
			    "guest %s: its address cannot be given to the device behind it: %s",
			    c->guest, g_strerror(errno));
	close(s);
	return done;
}

static bool open_device(struct app_net *n, const struct app_cfg *c, GError **error)
{
	struct tapdev_cfg cfg = {.queues = 1, .mtu = c->mtu, .mac = c->mac};
	struct tapdev d;

	if (!tapdev_open(&d, &cfg, error))
		return false;
	n->fd = d.fd[0];
	return set_addresses(&d, c, error);
}

/* Are we in a user namespace that whoever started us is not in? */
static bool users_differ(void)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/ns/user", getppid());
	struct stat ours, theirs;

	return stat("/proc/self/ns/user", &ours) == 0 && stat(path, &theirs) == 0 &&
	       ours.st_ino != theirs.st_ino;
}

static char *way_in(const struct app_net *n, const struct app_cfg *c, bool made)
{
	int pid = getpid();

	if (!made)
		return g_strdup_printf("ip netns exec %s", c->guest);
	if (users_differ())
		return g_strdup_printf(
			"nsenter -t %d -U --preserve-credentials --net=/proc/%d/fd/%d", pid, pid,
			n->ns);
	return g_strdup_printf("nsenter --net=/proc/%d/fd/%d", pid, n->ns);
}

bool app_net_open(struct app_net *n, const struct app_cfg *c, GError **error)
{
	bool made, done;
	int back;

	n->ns = netns_open(c->guest, &made, error);
	if (n->ns < 0)
		return false;
	n->where = way_in(n, c, made);
	back = netns_visit(n->ns, error);
	if (back < 0)
		return false;
	done = open_device(n, c, error);
	netns_return(back);
	return done;
}

void app_net_close(struct app_net *n)
{
	if (n->fd >= 0)
		close(n->fd);
	if (n->ns >= 0)
		close(n->ns);
	g_free(n->where);
}
