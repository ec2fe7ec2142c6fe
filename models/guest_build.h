/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_build.h - a guest with a virtio device, as a scenario says: how many buffers of which
 * sizes, where they are in its memory, virtqueues, and what the host keeps for it.
 *
 * The simulator and the program on real devices both build guests by this, so that ring positions
 * and counts cannot differ. Each brings its memory (struct guest_memory), its own struct plat for
 * each worker, its lines and its port; what is here knows none of them.
 *
 * Order: guest_build_driver() -> the world's memory, workers and lines -> guest_build_dpath(),
 * guest_build_cluster(), guest_build_txbatch() -> guest_build_buffers() -> guest_build_queues() ->
 * guest_build_start().
 */
#ifndef MODELS_GUEST_BUILD_H
#define MODELS_GUEST_BUILD_H

#include <glib.h>

#include "../sim/scenario.h"
#include "datapath/cluster.h"
#include "datapath/gnet_split.h"
#include "datapath/gnet_virtio.h"
#include "datapath/place.h"
#include "datapath/policy.h"

/* Where memory comes from; what is got is never given back one by one. */
struct guest_memory {
	/* n zeroed elements of the program's own; never NULL */
	void *(*array)(void *ctx, size_t n, size_t size);
	/* Of the guest: a page; zeroed bytes for its kernel; zeroed bytes for its process. */
	bool (*page)(void *ctx, gpa_t *at);
	bool (*kernel)(void *ctx, uint64_t bytes, uint64_t align, gpa_t *at);
	bool (*user)(void *ctx, uint64_t bytes, gva_t *at);
	/* n hypervisor or VMM buffers of `bytes` each */
	void (*hbufs)(void *ctx, struct hbuf_pool *pool, uint32_t n, uint32_t bytes);
};

struct guest_parts {
	const struct cfg *cfg, *host; /* [guest NAME], [host] */
	const struct guest_memory *mem;
	void *ctx; /* of mem */
	bool vf;   /* no virtio device: only its buffers are made here */
	bool process;
	uint64_t flows;            /* of all traffic */
	bool local;                /* frames come from other guests, too */
	uint32_t rx_ring, tx_ring; /* of the device */
	uint32_t lends;            /* frames that other guests may hold of its sends */

	struct gnet *net;
	struct gnet_virtio *vio;
	struct gnet_split *split;
	struct place *place;
	struct dpath *dp;
	struct cluster *cluster;
	struct txbatch *tx_batch;
	struct endpoint *tx_end; /* of the far side */
};

static inline void *guest_array(const struct guest_parts *p, size_t n, size_t size)
{
	return p->mem->array(p->ctx, n, size);
}

const struct policy *guest_policy(const struct cfg *c, const char *key);

/* Delivery and driver; the device's checksum capabilities and longest frame are given. */
void guest_build_driver(struct guest_parts *p, uint32_t max_frame, bool tx_csum, bool rx_csum);
/* dp->port and the plats are there. */
void guest_build_dpath(const struct guest_parts *p);
/* Does interrupt clustering, batched sending, if the guest's keys ask for it. */
void guest_build_cluster(const struct guest_parts *p, struct plat_line *alarm);
void guest_build_txbatch(const struct guest_parts *p, struct plat_line *alarm);
/* Buffers of both directions, for so many to be with the device. */
bool guest_build_buffers(const struct guest_parts *p, uint32_t rx, uint32_t tx, GError **error);
/* All its virtqueues: drivers use net's plats, the device dpath's. */
bool guest_build_queues(const struct guest_parts *p, GError **error);

/*
 * Drivers are up when the run begins: buffers are posted on both sides, and all wait to be told of
 * frames. Nothing that is said meanwhile counts.
 */
void guest_build_start(const struct guest_parts *p);

/* ---- parts ---- */

/* An entry per flow in a table that is at most half full. */
void guest_build_endpoint(const struct guest_parts *p, struct endpoint *ep);
/* n slots of kernel buffers for `bytes` each: `per` pieces of at most 2 KiB. False: no memory. */
bool guest_kernel_buffers(const struct guest_parts *p, uint32_t n, uint32_t bytes, uint32_t per,
			  struct virtq_seg **out);
/* Numbers n - 1 down to 0, as a stack. */
uint32_t *guest_stack(const struct guest_parts *p, uint32_t n, uint32_t *top);
/* One virtqueue in guest memory, both sides of it; `per` pieces of a chain. False: no memory. */
bool guest_queue(const struct guest_parts *p, struct plat *drv_pl, struct plat *dev_pl,
		 struct virtq_drv *drv, struct virtq_dev *dev, unsigned per);

/* ---- header/data split (guest_build_split.c), if the guest asks for it ---- */

void guest_split_driver(const struct guest_parts *p);
bool guest_split_buffers(const struct guest_parts *p, uint32_t size);
bool guest_split_queue(const struct guest_parts *p, GError **error);
/* A table that is at most half full; flow_match = any needs none. */
void guest_split_flows(const struct guest_parts *p, struct split_table *t);

/* ---- zero-copy sending (guest_build_ztx.c) ---- */

/* What it keeps for a queue of `size` chains, as the guest's keys say. */
void guest_build_ztx(const struct guest_parts *p, uint32_t size);

#endif
