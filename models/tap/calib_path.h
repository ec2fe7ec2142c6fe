/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calib_path.h - one guest's host side over a TAP device, to be driven step by step: the datapath's
 * own objects, with a driver of the guest that does nothing but post and take back.
 *
 * Guest memory is cut as machine's guests have theirs: 2 KiB buffers of the kernel, two to a page.
 */
#ifndef TAP_CALIB_PATH_H
#define TAP_CALIB_PATH_H

#include "calibrate.h"
#include "dpath.h"
#include "endpoint.h"
#include "far.h"
#include "plat_real.h"
#include "tapdev.h"
#include "virtq_drv.h"

enum {
	PATH_RING = 256, /* of virtqueues */
	PATH_DEV = 512,  /* segments that the device takes: rx_ring, tx_ring */
	PATH_KBUF = 2048,
	PATH_CUT = 6, /* pieces of a frame of 1514 B where buffers are cut small */
};

/* Bytes of the frames that are measured. */
#define PATH_LENS 60, 590, 1514, 9014

/* A device, its far side, and what both sides send: frames of one length without end. */
struct path_dev {
	struct tapdev tap;
	struct far *far;
	struct traffic *in, *out;
	struct traffic_cursor *sends; /* of the guest */
	uint32_t len, max_frame;
};

struct path_queue {
	struct virtq_layout l;
	gpa_t tables;
	struct virtq_drv drv;
	void *drv_mem, *dev_mem;
};

struct path {
	struct calib *c;
	struct path_dev *dev;
	struct plat pl;
	struct path_queue rx, tx;
	struct dpath dp;
	struct plat_line quiet; /* nobody listens */
	struct plat_line intr;  /* of receive, where somebody does */
	struct plat_port port;
	struct plat_pool pool;
	struct ledger led;
	unsigned per;  /* pieces of a guest's buffer, the longest frame's */
	uint32_t kbuf; /* bytes of each */
	uint64_t data; /* guest memory of receive buffers, then of send buffers */
};

/* Bytes of a piece of a hypervisor buffer. */
static inline uint32_t path_hbuf_piece(uint32_t max_frame)
{
	return max_frame <= PAGE_BYTES / 2 ? PAGE_BYTES / 2 : PAGE_BYTES;
}

/* A path over `dev` with this policy both ways, the guest's buffers in pieces of kbuf bytes; NULL
   with *why if the machine does not give it. */
struct path *path_new(struct calib *c, struct path_dev *dev, const char *policy, uint32_t kbuf,
		      enum plat_backend backend, const char **why);

/* One turn of the host's workers for what is received; how many frames came in by it. */
unsigned path_receive(struct path *p);
/* The guest takes back what it was given, and posts it again; its process, if any, looks at it. */
void path_refill(struct path *p, struct endpoint *end);
/* The guest has n frames to send, published. */
void path_post(struct path *p, unsigned n);
/* One turn of the host's workers for what is sent. */
void path_send(struct path *p);
/* The guest takes back what has been sent. */
void path_clean(struct path *p);

/* calib_wake.c: single frames over `d`, by this policy, with sleep in between. */
void calib_wake(struct calib *c, struct path_dev *d, const char *policy);

#endif
