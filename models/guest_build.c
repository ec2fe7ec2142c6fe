/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest_build.c - buffers, virtqueues and the host's part of a guest: see guest_build.h. */
#include "guest_build.h"

#define KBUF 2048u /* the guest kernel's buffers: two to a page */

const struct policy *guest_policy(const struct cfg *c, const char *key)
{
	return policy_find(cfg_str(c, cfg_has(c, key) ? key : "policy"));
}

/* ---- the driver under the guest's kernel ---- */

void guest_build_driver(struct guest_parts *p, uint32_t max_frame, bool tx_csum, bool rx_csum)
{
	struct gnet *n = p->net;

	p->process = n->process = cfg_choice(p->cfg, "delivery") == 1;
	n->max_frame = max_frame;
	n->read_asleep = true;
	n->header = p->vf ? 0 : VIRTQ_NET_HDR_BYTES;
	n->tx_csum = (enum gnet_tx_csum)cfg_choice(p->cfg, "tx_csum");
	if (p->vf && n->tx_csum == GNET_CSUM_OFFLOAD && !tx_csum)
		n->tx_csum = GNET_CSUM_SOFTWARE; /* its own device: nobody else would fill it in */
	n->verify = !rx_csum;
	/* A buffer of a virtual function stays mapped until its driver hears that it was sent. */
	n->tx_hears = p->vf || cfg_choice(p->cfg, "tx_interrupt") == 1;
	if (p->vf)
		return;
	n->driver = &gnet_virtio_driver;
	n->below = p->vio;
	p->vio->csum = n->tx_csum == GNET_CSUM_OFFLOAD;
	p->vio->mrg_rxbuf = !p->process && cfg_bool(p->cfg, "mrg_rxbuf");
	guest_split_driver(p);
}

/* ---- buffers ---- */

bool guest_kernel_buffers(const struct guest_parts *p, uint32_t n, uint32_t bytes, uint32_t per,
			  struct virtq_seg **out)
{
	struct virtq_seg *seg = guest_array(p, (size_t)n * per, sizeof(*seg));
	gpa_t page = {0};

	for (uint32_t i = 0; i < n * per; i++) {
		uint32_t rest = bytes - (i % per) * KBUF;
		if (i & 1)
			page.a += KBUF;
		else if (!p->mem->page(p->ctx, &page))
			return false;
		seg[i] = (struct virtq_seg){page, rest < KBUF ? rest : KBUF};
	}
	*out = seg;
	return true;
}

/* n headers of their own in kernel memory, and n buffers of the process. */
static bool process_buffers(const struct guest_parts *p, uint32_t n, uint32_t bytes,
			    struct virtq_seg **header, gva_t **gva)
{
	uint32_t stride = bytes <= KBUF ? KBUF : (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	gpa_t headers;
	gva_t base;

	*header = guest_array(p, n, sizeof(**header));
	*gva = guest_array(p, n, sizeof(**gva));
	if (!p->mem->kernel(p->ctx, n * 16ull, 16, &headers) ||
	    !p->mem->user(p->ctx, (uint64_t)n * stride, &base))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		(*header)[i] = (struct virtq_seg){{headers.a + i * 16ull}, VIRTQ_NET_HDR_BYTES};
		(*gva)[i] = (gva_t){base.a + (uint64_t)i * stride};
	}
	return true;
}

uint32_t *guest_stack(const struct guest_parts *p, uint32_t n, uint32_t *top)
{
	uint32_t *s = guest_array(p, n, sizeof(*s));

	for (*top = 0; *top < n; (*top)++)
		s[*top] = n - 1 - *top;
	return s;
}

void guest_build_endpoint(const struct guest_parts *p, struct endpoint *ep)
{
	uint64_t n = 64;

	while (n < 2 * (p->flows + 16))
		n *= 2;
	endpoint_init(ep, guest_array(p, n + 1, sizeof(struct endpoint_flow)), (uint32_t)n + 1);
}

static bool build_process(const struct guest_parts *p, uint32_t rx)
{
	struct gnet *n = p->net;

	n->rx_n = rx + DPATH_BURST;
	n->rx_link = guest_array(p, n->rx_n, sizeof(*n->rx_link));
	n->rx_per = n->tx_per = 1;
	n->rx_free = guest_stack(p, n->rx_n, &n->rx_top);
	return process_buffers(p, n->rx_n, n->max_frame, &n->rx_seg, &n->rx_gva) &&
	       process_buffers(p, n->tx_n, n->max_frame, &n->tx_seg, &n->tx_gva);
}

static bool build_kernel(const struct guest_parts *p, uint32_t rx)
{
	struct gnet *n = p->net;
	uint32_t frame = n->max_frame + n->header;
	uint32_t rx_bytes = (uint32_t)cfg_u64(p->cfg, "rx_buffer");
	uint32_t sockets = (uint32_t)cfg_u64(p->cfg, "socket_queue");

	if (!rx_bytes || rx_bytes > frame)
		rx_bytes = frame;
	n->rx_per = (rx_bytes + KBUF - 1) / KBUF;
	n->tx_per = (frame + KBUF - 1) / KBUF;
	n->tx_apart = (uint32_t)cfg_u64(p->cfg, "tx_header");
	n->sock_mask = sockets - 1;
	n->sock_max = sockets < DPATH_BURST ? DPATH_BURST : sockets;
	n->sock = guest_array(p, sockets, sizeof(*n->sock));
	n->rx_n = rx + n->sock_max + DPATH_BURST;
	n->rx_free = guest_stack(p, n->rx_n, &n->rx_top);
	n->rx_link = guest_array(p, n->rx_n, sizeof(*n->rx_link));
	return guest_kernel_buffers(p, n->rx_n, rx_bytes, n->rx_per, &n->rx_seg) &&
	       guest_kernel_buffers(p, n->tx_n, frame, n->tx_per, &n->tx_seg) &&
	       p->mem->user(p->ctx, n->max_frame, &n->read_gva) &&
	       p->mem->user(p->ctx, n->max_frame, &n->write_gva);
}

bool guest_build_buffers(const struct guest_parts *p, uint32_t rx, uint32_t tx, GError **error)
{
	struct gnet *n = p->net;

	n->tx_n = tx;
	n->tx_free = guest_stack(p, n->tx_n, &n->tx_top);
	n->linear = guest_array(p, n->max_frame, 1);
	guest_build_endpoint(p, &n->rx_end);
	guest_build_endpoint(p, p->tx_end);
	if (p->local)
		guest_build_endpoint(p, &n->local_end);
	if (n->split     ? guest_split_buffers(p, rx)
	    : p->process ? build_process(p, rx)
			 : build_kernel(p, rx))
		return true;
	return cfg_error(p->cfg, "memory", error,
			 "is too small for the buffers of queue_size and socket_queue; use more");
}

/* ---- virtqueues ---- */

bool guest_queue(const struct guest_parts *p, struct plat *drv_pl, struct plat *dev_pl,
		 struct virtq_drv *drv, struct virtq_dev *dev, unsigned per)
{
	uint32_t size = (uint32_t)cfg_u64(p->cfg, "queue_size");
	struct virtq_layout l = {.size = size};
	gpa_t tables = {0};

	if (cfg_bool(p->cfg, "event_idx"))
		l.features |= VIRTQ_F_EVENT_IDX;
	if (p->vio->mrg_rxbuf)
		l.features |= VIRTQ_F_MRG_RXBUF;
	if (cfg_bool(p->cfg, "indirect_desc") && per > 1)
		l.features |= VIRTQ_F_INDIRECT;
	l.tags = guest_array(p, size, sizeof(*l.tags));
	if (!p->mem->kernel(p->ctx, virtq_desc_bytes(size), 4096, &l.desc) ||
	    !p->mem->kernel(p->ctx, virtq_avail_bytes(size), 64, &l.avail) ||
	    !p->mem->kernel(p->ctx, virtq_used_bytes(size), 64, &l.used))
		return false;
	if (!(l.features & VIRTQ_F_INDIRECT))
		per = 0;
	else if (!p->mem->kernel(p->ctx, virtq_drv_table_bytes(size, per), 64, &tables))
		return false;
	return virtq_drv_init(drv, drv_pl, &l, tables, per,
			      guest_array(p, virtq_drv_bytes(&l, tables, per), 1)) &&
	       virtq_dev_init(dev, dev_pl, &l, guest_array(p, virtq_dev_bytes(&l), 1));
}

bool guest_build_queues(const struct guest_parts *p, GError **error)
{
	uint32_t size = (uint32_t)cfg_u64(p->cfg, "queue_size");
	struct gnet_virtio *v = p->vio;
	struct gnet *n = p->net;
	struct dpath *dp = p->dp;
	uint32_t per = n->max_frame / PAGE_BYTES + 3; /* pieces of a chain at most */

	if (!p->process)
		per = MAX(n->rx_per, n->tx_per + (n->tx_apart > 0));
	if (n->split && per < n->rx_per)
		per = n->rx_per;
	if (!guest_queue(p, n->rx_pl, dp->rx_pl, &v->rxq, &dp->rxq, per) ||
	    !guest_queue(p, n->tx_pl, dp->tx_pl, &v->txq, &dp->txq, per))
		return cfg_error(p->cfg, "memory", error, "is too small for the virtqueues");
	if (n->split && !guest_split_queue(p, error))
		return false;
	v->rx_need = virtq_drv_cost(&v->rxq, p->process && !n->split ? per : n->rx_per);
	v->tx_need = virtq_drv_cost(&v->txq, p->process ? per : n->tx_per + (n->tx_apart > 0));
	/* No chain may be longer than the queue, in an indirect table or not
	 * (virtio 1.2, 2.7.5.3.1). */
	if (per > size)
		return cfg_error(p->cfg, "queue_size", error,
				 "a frame can take %u descriptors; use a larger queue", per);
	return true;
}

/* ---- the host's side ---- */

/* What zero copy keeps of buffers that are with the device. */
static void build_zero_copy(const struct guest_parts *p, uint32_t size)
{
	struct dpath *dp = p->dp;

	dp->rx_slot = guest_array(p, size, sizeof(*dp->rx_slot));
	dp->rx_seg = guest_array(p, (size_t)size * dp->max_segs, sizeof(*dp->rx_seg));
	dp->tx_seg = guest_array(p, (size_t)size * dp->max_segs, sizeof(*dp->tx_seg));
	dp->tx_nseg = guest_array(p, size, sizeof(*dp->tx_nseg));
	dp->copybreak = dp->rx_policy == &policy_zero_copy && !p->net->split
				? (uint32_t)cfg_u64(p->cfg, "rx_copybreak")
				: 0;
	if (dp->copybreak)
		dp->rx_head = guest_array(p, (size_t)size * DPATH_HEAD, sizeof(*dp->rx_head));
}

void guest_build_dpath(const struct guest_parts *p)
{
	struct dpath *dp = p->dp;
	uint32_t size = (uint32_t)cfg_u64(p->cfg, "queue_size");
	uint32_t vmmq = (uint32_t)cfg_u64(p->host, "vmm_queue");
	uint32_t frame = p->net->max_frame, tx_pool = (uint32_t)cfg_u64(p->cfg, "tx_pool");

	dp->rx_policy = guest_policy(p->cfg, "rx_policy");
	dp->tx_policy = guest_policy(p->cfg, "tx_policy");
	dp->poll = cfg_choice(p->host, "datapath") == 1;
	dp->batch = (unsigned)cfg_u64(p->host, "batch");
	dp->turn_packets = (uint32_t)cfg_u64(p->host, "turn_packets");
	dp->turn_bytes = cfg_u64(p->host, "turn_bytes");
	dp->mrg_rxbuf = p->vio->mrg_rxbuf;
	dp->header_early = dp->mrg_rxbuf && cfg_choice(p->cfg, "mrg_header") == 1;
	dp->csum = p->vio->csum;
	dp->max_frame = frame;
	dp->max_segs = (p->net->split ? 4 : 2) * (frame / PAGE_BYTES) + 8;
	guest_build_ztx(p, size);
	p->mem->hbufs(p->ctx, &dp->tx_pool, (tx_pool ? tx_pool : p->tx_ring) + p->lends, frame);
	if (dp->rx_policy->vmm_rx || dp->tx_policy->tx_in_vmm)
		p->mem->hbufs(p->ctx, &dp->vmm_pool, 2, frame);
	if (dp->rx_policy->vmm_rx) {
		dp->to_vmm.mask = (uint16_t)(vmmq - 1);
		dp->to_vmm.entry = guest_array(p, vmmq, sizeof(struct pktq_entry));
	}
	p->mem->hbufs(p->ctx, &dp->rx_pool,
		      p->rx_ring + (dp->rx_policy->vmm_rx ? vmmq + DPATH_BURST : 0), frame);
	dp->rx_reason = guest_array(p, dp->rx_pool.n, sizeof(*dp->rx_reason));
	if (dp->rx_policy->lends_guest_memory || dp->tx_policy->lends_guest_memory)
		build_zero_copy(p, size);
}

/* Off, the datapath knows nothing of it. */
void guest_build_cluster(const struct guest_parts *p, struct plat_line *alarm)
{
	struct cluster *c = p->cluster;

	if (!cfg_bool(p->cfg, "cluster"))
		return;
	*c = (struct cluster){.packets = (uint32_t)cfg_u64(p->cfg, "cluster_rate_packets"),
			      .window = cfg_time(p->cfg, "cluster_rate_window"),
			      .count = (uint32_t)cfg_u64(p->cfg, "cluster_count"),
			      .timer = cfg_time(p->cfg, "cluster_timer"),
			      .alarm = alarm};
	c->arrival = guest_array(p, c->packets + 1u, sizeof(*c->arrival));
	p->dp->cluster = c;
}

void guest_build_txbatch(const struct guest_parts *p, struct plat_line *alarm)
{
	struct txbatch *b = p->tx_batch;

	*b = (struct txbatch){.count = (uint32_t)cfg_u64(p->cfg, "tx_batch"),
			      .ack_age = cfg_time(p->cfg, "tx_ack_age"),
			      .timer = cfg_time(p->cfg, "tx_timer"),
			      .alarm = alarm,
			      .armed = PLAT_NEVER};
	if (b->count)
		p->vio->tx_batch = b;
}

/* ---- the start ---- */

void guest_build_start(const struct guest_parts *p)
{
	struct dpath *dp = p->dp;

	gnet_rx_burst(p->net);
	gnet_rx_commit(p->net);
	gnet_tx_commit(p->net, false);
	dpath_rx_burst(dp);
	dpath_rx_commit(dp);
	dpath_tx_burst(dp);
	dpath_tx_commit(dp);
	if (dp->vmm_pl) {
		dpath_vmm_burst(dp);
		dpath_vmm_commit(dp);
	}
}
