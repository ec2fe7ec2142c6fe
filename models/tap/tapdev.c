/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tapdev.c - TAP devices by the ioctls of /dev/net/tun and of interfaces: see tapdev.h.
 *
 * Rejected: to set up an interface that exists (flags, mtu) and to restore it at the end. A program
 * that was killed would restore nothing, and by then the privilege to do so has been given up.
 */
#include "tapdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netns.h"
#include "sim/sim_error.h"

enum { BUSY_TRIES = 100, BUSY_WAIT_US = 10000 };

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

static bool cannot_open(GError **error)
{
	int e = errno;

	if (e == ENOENT || e == ENODEV || e == ENXIO)
		return fail(error,
			    "/dev/net/tun: %s; the kernel's tun module is needed: modprobe tun",
			    g_strerror(e));
	return fail(error, "/dev/net/tun: %s; run as root, or let this user read and write it",
		    g_strerror(e));
}

/* Why the kernel refused TUNSETIFF. */
static bool cannot_attach(const struct tapdev_cfg *cfg, const char *name, bool exists,
			  GError **error)
{
	int e = errno;

	if (e == EPERM || e == EACCES)
		return fail(
			error,
			"TAP device %s: %s; run as root, give the program CAP_NET_ADMIN, or use "
			"[tap] namespace = private",
			name, g_strerror(e));
	if (!exists)
		return fail(error, "TAP device %s: %s", name, g_strerror(e));
	if (e == EBUSY)
		return fail(error, "interface %s: another program has it open; end that one", name);
	return fail(error,
		    "interface %s: %s; it must be a TAP device%s, as made by: ip tuntap add dev %s "
		    "mode tap%s",
		    name, g_strerror(e), cfg->queues > 1 ? " of several queues" : "", name,
		    cfg->queues > 1 ? " multi_queue" : "");
}

static bool attach(struct tapdev *d, const struct tapdev_cfg *cfg, const char *name, bool exists,
		   GError **error)
{
	struct ifreq ifr = {0};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return cannot_open(error);
	d->fd[d->queues++] = fd;
	ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (cfg->vnet_hdr ? IFF_VNET_HDR : 0) |
				(cfg->queues > 1 ? IFF_MULTI_QUEUE : 0));
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		d->busy = exists && errno == EBUSY;
		return cannot_attach(cfg, name, exists, error);
	}
	memcpy(d->name, ifr.ifr_name, IFNAMSIZ);
	return true;
}

/* No checksum and no segmentation is left to the reader: frames are whole, as on a wire. */
static bool set_headers(struct tapdev *d, const struct tapdev_cfg *cfg, GError **error)
{
	int size = TAPDEV_VNET_HDR, little = 1;

	if (ioctl(d->fd[0], TUNSETOFFLOAD, 0UL) < 0)
		return fail(error, "interface %s: offloads cannot be switched off: %s", d->name,
			    g_strerror(errno));
	if (!cfg->vnet_hdr)
		return true;
	if (ioctl(d->fd[0], TUNSETVNETHDRSZ, &size) < 0 ||
	    ioctl(d->fd[0], TUNSETVNETLE, &little) < 0)
		return fail(error, "interface %s: no virtio-net header of %d bytes: %s", d->name,
			    size, g_strerror(errno));
	d->vnet_hdr = TAPDEV_VNET_HDR;
	return true;
}

static struct ifreq request(const struct tapdev *d)
{
	struct ifreq ifr = {0};

	memcpy(ifr.ifr_name, d->name, IFNAMSIZ);
	return ifr;
}

static bool set(int s, const struct tapdev *d, unsigned long what, struct ifreq *ifr,
		const char *name, GError **error)
{
	if (ioctl(s, what, ifr) == 0)
		return true;
	return fail(error, "interface %s: %s: %s", d->name, name, g_strerror(errno));
}

/* By netlink: the ioctl wants root of the whole system. */
static bool set_queue_length(const struct tapdev *d, uint32_t frames, GError **error)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
		struct rtattr a;
		uint32_t frames;
	} ask = {.h = {.nlmsg_len = sizeof(ask),
		       .nlmsg_type = RTM_NEWLINK,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		 .i = {.ifi_index = (int)if_nametoindex(d->name)},
		 .a = {RTA_LENGTH(sizeof(frames)), IFLA_TXQLEN},
		 .frames = frames};
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} said = {0};
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	bool done = s >= 0 && send(s, &ask, sizeof(ask), 0) == sizeof(ask) &&
		    recv(s, &said, sizeof(said), 0) >= (ssize_t)sizeof(said);

	if (done)
		errno = -said.e.error;
	done = done && !said.e.error;
	if (!done)
		fail(error, "interface %s: queue length of %u: %s", d->name, frames,
		     g_strerror(errno));
	if (s >= 0)
		close(s);
	return done;
}

static bool bring_up(int s, const struct tapdev *d, bool silent, GError **error)
{
	struct ifreq ifr = request(d);

	if (!set(s, d, SIOCGIFFLAGS, &ifr, "flags", error))
		return false;
	ifr.ifr_flags |= IFF_UP;
	if (silent) {
		netns_no_ipv6(d->name);
		ifr.ifr_flags = (short)((ifr.ifr_flags | IFF_NOARP) & ~IFF_MULTICAST);
	}
	return set(s, d, SIOCSIFFLAGS, &ifr, "cannot be brought up", error);
}

/* A device of our own: as the scenario wants it. */
static bool configure(int s, struct tapdev *d, const struct tapdev_cfg *cfg, GError **error)
{
	struct ifreq ifr = request(d);

	if (cfg->mac) {
		ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
		memcpy(ifr.ifr_hwaddr.sa_data, cfg->mac, 6);
		if (!set(s, d, SIOCSIFHWADDR, &ifr, "MAC address", error))
			return false;
	}
	ifr = request(d);
	ifr.ifr_mtu = (int)cfg->mtu;
	if (!set(s, d, SIOCSIFMTU, &ifr, "mtu", error))
		return false;
	if (cfg->queue_length && !set_queue_length(d, cfg->queue_length, error))
		return false;
	return bring_up(s, d, cfg->silent, error);
}

/* Somebody else's: it must do, and stays as it is. */
static bool suits(int s, const struct tapdev *d, const struct tapdev_cfg *cfg, GError **error)
{
	struct ifreq ifr = request(d);

	if (!set(s, d, SIOCGIFMTU, &ifr, "mtu", error))
		return false;
	if ((uint32_t)ifr.ifr_mtu < cfg->mtu)
		return fail(
			error,
			"interface %s: its mtu is %d, the scenario's is %u; do: ip link set %s mtu "
			"%u",
			d->name, ifr.ifr_mtu, cfg->mtu, d->name, cfg->mtu);
	if (!set(s, d, SIOCGIFFLAGS, &ifr, "flags", error))
		return false;
	if (!(ifr.ifr_flags & IFF_UP))
		return fail(error, "interface %s is down; do: ip link set %s up", d->name, d->name);
	return true;
}

static bool look(int s, struct tapdev *d, GError **error)
{
	struct ifreq ifr = request(d);

	if (!set(s, d, SIOCGIFINDEX, &ifr, "index", error))
		return false;
	d->ifindex = ifr.ifr_ifindex;
	if (!set(s, d, SIOCGIFMTU, &ifr, "mtu", error))
		return false;
	d->mtu = (uint32_t)ifr.ifr_mtu;
	if (!set(s, d, SIOCGIFTXQLEN, &ifr, "queue length", error))
		return false;
	d->queue_length = (uint32_t)ifr.ifr_qlen;
	return true;
}

static bool open_all(struct tapdev *d, const struct tapdev_cfg *cfg, GError **error)
{
	const char *name = cfg->name ? cfg->name : "vnic%d";
	bool exists = cfg->name && if_nametoindex(cfg->name) != 0;
	bool done;
	int s;

	if (!*name || strlen(name) >= IFNAMSIZ)
		return fail(error, "'%s' is no name of an interface: 1 to %d characters", name,
			    IFNAMSIZ - 1);
	d->created = !exists;
	for (unsigned i = 0; i < cfg->queues; i++)
		if (!attach(d, cfg, i ? d->name : name, exists, error))
			return false;
	if (!set_headers(d, cfg, error))
		return false;
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return fail(error, "interface %s: no socket: %s", d->name, g_strerror(errno));
	done = (exists ? suits(s, d, cfg, error) : configure(s, d, cfg, error)) &&
	       look(s, d, error);
	close(s);
	return done;
}

/*
 * The kernel lets go of a program's devices only some time after its end, if it used io_uring: the
 * next run would find its own name taken.
 */
bool tapdev_open(struct tapdev *d, const struct tapdev_cfg *cfg, GError **error)
{
	g_assert(cfg->queues && cfg->queues <= TAPDEV_QUEUES);
	for (unsigned tries = 0; tries < BUSY_TRIES; tries++) {
		g_autoptr(GError) why = NULL;

		*d = (struct tapdev){0};
		if (open_all(d, cfg, &why))
			return true;
		bool busy = d->busy;
		tapdev_close(d);
		if (!busy || tries + 1 == BUSY_TRIES) {
			g_propagate_error(error, g_steal_pointer(&why));
			return false;
		}
		g_usleep(BUSY_WAIT_US);
	}
	return false;
}

void tapdev_close(struct tapdev *d)
{
	for (unsigned i = 0; i < d->queues; i++)
		close(d->fd[i]);
	d->queues = 0;
}
