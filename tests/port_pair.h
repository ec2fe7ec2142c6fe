/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * port_pair.h - for tests of a real port: its descriptor and the far end, either a pair of packet
 * sockets or a TAP device, in a network namespace of the test's own, and a packet socket on it.
 */
#ifndef TESTS_PORT_PAIR_H
#define TESTS_PORT_PAIR_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <linux/sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum pair_kind { PAIR_SEQPACKET, PAIR_DGRAM, PAIR_TAP, PAIR_TAP_HEADER };

struct pair {
	int fd, far; /* the port's, and what it talks to */
	char name[IFNAMSIZ];
	unsigned vnet_hdr; /* bytes in front of each frame at fd */
};

/* A namespace for this process; NULL, or why there are no TAP devices here. */
static inline const char *pair_namespace(void)
{
	static const char silent[] = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
	int fd;

	if (access("/dev/net/tun", R_OK | W_OK))
		return "/dev/net/tun cannot be opened";
	if (syscall(SYS_unshare, CLONE_NEWNET))
		return "no right to a network namespace";
	fd = open(silent, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t done = write(fd, "1", 1);
		(void)done;
		close(fd);
	}
	return NULL;
}

static inline bool pair_up(const struct pair *p, bool up)
{
	struct ifreq r = {0};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	memcpy(r.ifr_name, p->name, IFNAMSIZ);
	r.ifr_flags = (short)(IFF_NOARP | (up ? IFF_UP : 0));
	ok = s >= 0 && !ioctl(s, SIOCSIFFLAGS, &r);
	close(s);
	return ok;
}

/* The device is removed, its descriptor stays. */
static inline bool pair_remove(const struct pair *p)
{
	struct {
		struct nlmsghdr n;
		struct ifinfomsg i;
	} q = {{sizeof(q), RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, 0, 0},
	       {.ifi_index = (int)if_nametoindex(p->name)}};
	struct {
		struct nlmsghdr n;
		struct nlmsgerr e;
	} a = {0};
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	bool ok = s >= 0 && send(s, &q, sizeof(q), 0) == (ssize_t)sizeof(q) &&
		  recv(s, &a, sizeof(a), 0) > 0 && !a.e.error;

	close(s);
	return ok;
}

static inline bool pair_tap(struct pair *p)
{
	struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int one = 1, bytes = 1 << 24;

	if (p->vnet_hdr)
		r.ifr_flags |= IFF_VNET_HDR;
	p->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (p->fd < 0 || ioctl(p->fd, TUNSETIFF, &r))
		return false;
	if (p->vnet_hdr && ioctl(p->fd, TUNSETVNETHDRSZ, &p->vnet_hdr))
		return false;
	memcpy(p->name, r.ifr_name, IFNAMSIZ);
	if (!pair_up(p, true))
		return false;
	p->far = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	at.sll_ifindex = (int)if_nametoindex(p->name);
	return p->far >= 0 && !bind(p->far, (struct sockaddr *)&at, sizeof(at)) &&
	       !setsockopt(p->far, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) &&
	       !setsockopt(p->far, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
}

static inline bool pair_open(struct pair *p, enum pair_kind kind)
{
	int fd[2];

	*p = (struct pair){.far = -1, .vnet_hdr = kind == PAIR_TAP_HEADER ? 12 : 0};
	if (kind == PAIR_TAP || kind == PAIR_TAP_HEADER)
		return pair_tap(p);
	if (socketpair(AF_UNIX,
		       (kind == PAIR_SEQPACKET ? SOCK_SEQPACKET : SOCK_DGRAM) | SOCK_NONBLOCK |
			       SOCK_CLOEXEC,
		       0, fd))
		return false;
	p->fd = fd[0];
	p->far = fd[1];
	return true;
}

static inline void pair_close(struct pair *p)
{
	close(p->fd);
	close(p->far);
}

#endif
