/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tapdev.h - a TAP device: an Ethernet interface of the kernel whose other end is a file
 * descriptor.
 *
 * A frame that the kernel sends on the interface waits in a queue of the device, and one read() of
 * the descriptor takes it; a frame written to the descriptor arrives on the interface. See
 * Documentation/networking/tuntap.rst and drivers/net/tun.c of Linux.
 *
 * A device that was made here goes with its descriptors, however the process ends. One that was
 * there before is used as it is found: nothing of it is changed, so nothing has to be put back.
 */
#ifndef TAP_TAPDEV_H
#define TAP_TAPDEV_H

#include <glib.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define TAPDEV_QUEUES   256u /* the kernel's limit, MAX_TAP_QUEUES */
#define TAPDEV_HEADER   14u  /* Ethernet's; mtu does not count it */
#define TAPDEV_VNET_HDR 12u  /* struct virtio_net_hdr_v1, little-endian */

struct tapdev_cfg {
	const char *name;      /* an interface that exists, or what to call it; NULL: vnic0, ... */
	const uint8_t *mac;    /* of the interface, if it is made; NULL: the kernel's choice */
	unsigned queues;       /* 1..TAPDEV_QUEUES: descriptors */
	uint32_t mtu;          /* bytes behind the Ethernet header */
	uint32_t queue_length; /* frames that wait to be read, for each queue; 0: the kernel's 1000
				*/
	bool vnet_hdr;         /* a virtio-net header in front of each frame */
	bool silent;           /* the kernel itself sends nothing on it: no ARP, no IPv6 */
};

struct tapdev {
	char name[IFNAMSIZ];
	int ifindex;
	unsigned queues;
	int fd[TAPDEV_QUEUES]; /* non-blocking, close-on-exec */
	unsigned vnet_hdr;     /* bytes in front of a frame: 0 or TAPDEV_VNET_HDR */
	uint32_t mtu;
	uint32_t queue_length; /* as the kernel has it */
	bool created;          /* here; else it existed */
	bool busy;             /* it could not be opened, as another program has it open */
};

/*
 * In the network namespace of the calling thread. If it cannot be: SIM_EXIT_ENVIRONMENT, and what
 * to do. The interface is up. One that another program has open is waited for, a second at most.
 */
bool tapdev_open(struct tapdev *d, const struct tapdev_cfg *cfg, GError **error);

/*
 * Queue i gets the frames to mac[i]; queue 0 also those to anybody else, and broadcast. By a
 * program in the kernel (TUNSETSTEERINGEBPF), n <= queues.
 */
bool tapdev_steer(struct tapdev *d, const uint8_t (*mac)[6], unsigned n, GError **error);
/* The queue that such a program picks, for whoever has to know beforehand. */
unsigned tapdev_queue_of(const uint8_t (*mac)[6], unsigned n, const uint8_t *dst);

void tapdev_close(struct tapdev *d);

#endif
