/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * far_receive.c - the far side receives what the guests sent: by a ring of frames that it shares
 * with the kernel (PACKET_MMAP, version 2: a frame is there at once, and costs no system call).
 *
 * A frame is known by the digest of all its bytes, looked for among what the datapath says it
 * wrote, oldest first. What is passed over may still come (queues of several guests overtake each
 * other); it is lost when it is FAR_WINDOW behind, or at the end. A frame that is not found is
 * strange: if a lost one had its length, that one came damaged, else the frame is somebody else's.
 *
 * Known frames go to the guest's endpoint, as those do that the guest receives: the same digest,
 * the same proof of order.
 */
#define _GNU_SOURCE
#include "far_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "digest.h"
#include "sim/sim_error.h"

#define RX_BYTES (32u << 20) /* of the ring, and no fewer slots than a few thousand */
#define RX_BLOCK (1u << 18)

static bool fail(const struct far *f, const char *what, GError **error)
{
	int e = errno;

	g_set_error(error, SIM_ERROR, SIM_EXIT_ENVIRONMENT, "far side of %s: %s: %s%s",
		    f->cfg.dev->name, what, g_strerror(e),
		    e == EPERM || e == EACCES
			    ? "; run as root, give the program CAP_NET_RAW, or use "
			      "[tap] namespace = private"
			    : "");
	return false;
}

static bool option(const struct far *f, int name, const void *value, socklen_t len,
		   const char *what, GError **error)
{
	return setsockopt(f->socket, SOL_PACKET, name, value, len) == 0 || fail(f, what, error);
}

static bool map_ring(struct far *f, GError **error)
{
	struct tpacket_req req = {.tp_frame_size = 2048};
	int version = TPACKET_V2;
	uint32_t need = TPACKET_ALIGN(TPACKET2_HDRLEN) + 64 + f->max_frame + FAR_TAG;
	uint32_t blocks;

	while (req.tp_frame_size < need)
		req.tp_frame_size *= 2;
	req.tp_block_size = RX_BLOCK;
	blocks = RX_BYTES / RX_BLOCK * (req.tp_frame_size > 4096 ? 2 : 1);
	req.tp_block_nr = blocks;
	req.tp_frame_nr = blocks * (RX_BLOCK / req.tp_frame_size);
	if (!option(f, PACKET_VERSION, &version, sizeof(version), "PACKET_VERSION", error) ||
	    !option(f, PACKET_RX_RING, &req, sizeof(req), "receive ring", error))
		return false;
	f->rx_slots = req.tp_frame_nr;
	f->rx_slot_bytes = req.tp_frame_size;
	f->rx = mmap(NULL, (size_t)blocks * RX_BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, f->socket,
		     0);
	if (f->rx != MAP_FAILED)
		return true;
	f->rx = NULL;
	return fail(f, "receive ring", error);
}

bool far_receive_init(struct far *f, GError **error)
{
	struct sockaddr_ll where = {.sll_family = AF_PACKET,
				    .sll_protocol = htons(ETH_P_ALL),
				    .sll_ifindex = f->cfg.dev->ifindex};
	int on = 1;

	f->untagged = g_malloc(f->max_frame + 2 * FAR_TAG);
	/* Protocol 0: nothing arrives before all is set. */
	f->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (f->socket < 0)
		return fail(f, "packet socket", error);
	if (!option(f, PACKET_IGNORE_OUTGOING, &on, sizeof(on), "PACKET_IGNORE_OUTGOING", error) ||
	    !option(f, PACKET_QDISC_BYPASS, &on, sizeof(on), "PACKET_QDISC_BYPASS", error) ||
	    !map_ring(f, error))
		return false;
	return bind(f->socket, (struct sockaddr *)&where, sizeof(where)) == 0 ||
	       fail(f, "packet socket", error);
}

/* ---- which frame is it ----------------------------------------------------------------------- */

static struct far_expected *expected(struct far *f, uint32_t i)
{
	return &f->expected[i & (FAR_EXPECT - 1)];
}

static bool same(const struct far_expected *e, const uint8_t *bytes, uint32_t len, uint64_t hash)
{
	if (e->taken || e->len != len)
		return false;
	if (__builtin_expect(e->csum_at, 0))
		hash = digest_without(bytes, len, e->csum_at);
	return e->hash == hash;
}

/* The oldest is given up: damaged, if a strange frame could be it. */
static void lose(struct far *f, const struct far_expected *e)
{
	for (unsigned i = 0; i < f->nstrange; i++) {
		if (f->strange[i] != e->len)
			continue;
		f->strange[i] = f->strange[--f->nstrange];
		far_count(&f->shared->stats.corrupt, 1);
		return;
	}
	far_count(&f->shared->stats.lost, 1);
}

static void forget_strange(struct far *f)
{
	far_count(&f->shared->stats.foreign, f->nstrange);
	f->nstrange = 0;
}

static void strange(struct far *f, uint32_t len)
{
	if (f->nstrange == G_N_ELEMENTS(f->strange))
		forget_strange(f);
	f->strange[f->nstrange++] = len;
}

/* Records behind that need no more looking at; those older than `before` are given up. */
static void advance(struct far *f, uint32_t put, uint32_t before)
{
	struct far_ring *ring = &f->shared->expect;
	uint32_t got = ring->got;
	bool lost = false;

	for (; got != put; got++) {
		const struct far_expected *e = expected(f, got);
		if (e->taken)
			continue;
		if ((int32_t)(before - got) <= 0)
			break;
		lose(f, e);
		lost = true;
	}
	if (lost && got == put)
		forget_strange(f);
	far_store(&ring->got, got);
}

/* It may have to be answered: that there is nothing left to send is to be found out anew. */
static void came(struct far *f, const struct far_expected *e)
{
	__atomic_store_n(&f->shared->next_at, FAR_LATER, __ATOMIC_RELEASE);
	f->cfg.came(f->cfg.ctx, e->guest, e->traffic, e->exchange, e->num,
		    plat_now(NULL) - f->shared->start);
}

static void arrived(struct far *f, struct far_expected *e, const uint8_t *bytes, uint32_t len)
{
	struct far_stats *st = &f->shared->stats;
	struct ledger *led = &f->led[e->guest];
	struct frame fr = {.led = led,
			   .num = e->num,
			   .hash = e->hash,
			   .len = len,
			   .traffic = e->traffic,
			   .csum_at = e->csum_at};
	uint64_t reordered = led->reordered;

	endpoint_receive(&f->end[e->guest], &fr, bytes, len);
	if (f->cfg.came)
		came(f, e);
	e->taken = 1;
	far_count(&st->received, 1);
	far_count(&st->received_bytes, len);
	far_count(&st->reordered, led->reordered - reordered);
}

static void look_up(struct far *f, const uint8_t *bytes, uint32_t len)
{
	struct far_ring *ring = &f->shared->expect;
	uint32_t put = far_load(&ring->put), got = ring->got;
	uint32_t end = put - got < FAR_WINDOW ? put : got + FAR_WINDOW;
	uint64_t hash = digest_bytes(bytes, len);

	for (uint32_t i = got; i != end; i++) {
		struct far_expected *e = expected(f, i);
		if (!same(e, bytes, len, hash))
			continue;
		arrived(f, e, bytes, len);
		advance(f, put, i - FAR_WINDOW / 2);
		return;
	}
	strange(f, len);
}

/* ---- the ring -------------------------------------------------------------------------------- */

static struct tpacket2_hdr *slot(struct far *f)
{
	return (struct tpacket2_hdr *)(f->rx + (size_t)f->rx_next * f->rx_slot_bytes);
}

/* The kernel takes the outer VLAN tag out of a frame that arrives: back where it was. */
static const uint8_t *with_tag(struct far *f, const struct tpacket2_hdr *h, const uint8_t *bytes,
			       uint32_t *len)
{
	uint16_t tpid = h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->tp_vlan_tpid : ETH_P_8021Q;
	uint16_t tag[2] = {htons(tpid), htons(h->tp_vlan_tci)};

	memcpy(f->untagged, bytes, 12);
	memcpy(f->untagged + 12, tag, FAR_TAG);
	memcpy(f->untagged + 12 + FAR_TAG, bytes + 12, *len - 12);
	*len += FAR_TAG;
	return f->untagged;
}

unsigned far_receive(struct far *f)
{
	unsigned n = 0;

	for (; n < FAR_BURST; n++) {
		struct tpacket2_hdr *h = slot(f);
		if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			break;
		const uint8_t *bytes = (const uint8_t *)h + h->tp_mac;
		uint32_t len = h->tp_snaplen;
		if (len < h->tp_len || len > f->max_frame + FAR_TAG) {
			strange(f, h->tp_len);
		} else {
			if ((h->tp_status & TP_STATUS_VLAN_VALID) && len >= TAPDEV_HEADER)
				bytes = with_tag(f, h, bytes, &len);
			look_up(f, bytes, len);
		}
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		f->rx_next = f->rx_next + 1 == f->rx_slots ? 0 : f->rx_next + 1;
	}
	return n;
}

void far_receive_end(struct far *f)
{
	struct tpacket_stats st = {0};
	socklen_t len = sizeof(st);
	uint32_t put = far_load(&f->shared->expect.put);

	advance(f, put, put);
	forget_strange(f);
	if (getsockopt(f->socket, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0)
		far_count(&f->shared->stats.socket_full, st.tp_drops);
}
