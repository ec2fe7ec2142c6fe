/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_policy_split.c - header/data split in the test world: headers and flows, and what becomes of
 * each byte of a guest that posts odd, missing, unreachable or no buffers.
 *
 * After each turn of the host all of guest memory is compared with what it has to hold.
 */
#include "policy_rig.h"

#include "place.h"

/* ---- headers --------------------------------------------------------------------------------- */

/* A frame of `len` bytes with its header in front; the rest is a pattern. */
static uint32_t make_frame(uint8_t *b, uint64_t num, uint32_t len, unsigned tags, bool v6,
			   uint8_t proto, unsigned options)
{
	uint32_t at = 12;

	frame_fill(b, num, len);
	b[0] = 2;
	for (unsigned i = 0; i < tags; i++, at += 4) {
		b[at] = i ? 0x81 : 0x88;
		b[at + 1] = i ? 0x00 : 0xa8;
	}
	b[at] = v6 ? 0x86 : 0x08;
	b[at + 1] = v6 ? 0xdd : 0x00;
	at += 2;
	if (v6) {
		b[at] = 0x60;
		b[at + 6] = proto;
		at += 40;
	} else {
		b[at] = (uint8_t)(0x45 + options);
		b[at + 6] = 0x40; /* don't fragment */
		b[at + 7] = 0;
		b[at + 9] = proto;
		at += 20 + 4 * options;
	}
	if (proto == 6)
		b[at + 12] = (uint8_t)((5 + options) << 4);
	return at + (proto == 6 ? 20 + 4 * options : 8);
}

/* In memory that ends where the parser may look: the address sanitizer sees the rest. */
static uint32_t parse(const uint8_t *b, uint32_t len, struct split_flow *flow)
{
	uint32_t n = len < SPLIT_HEAD ? len : SPLIT_HEAD, header;
	uint8_t *head = malloc(n ? n : 1);

	memcpy(head, b, n);
	header = split_header(head, n, len, flow);
	free(head);
	return header;
}

static void header_ends_with_tcp_or_udp(void **state)
{
	struct split_flow flow;
	uint8_t b[MAX_FRAME];

	(void)state;
	for (unsigned tags = 0; tags < 3; tags++)
		for (unsigned v6 = 0; v6 < 2; v6++)
			for (unsigned options = 0; options < 11; options++) {
				uint32_t want = make_frame(b, 1, 400, tags, v6, 6, options);
				assert_int_equal(parse(b, 400, &flow), want);
				assert_int_equal(flow.kind, (v6 ? 6 : 4) << 8 | 6);
				assert_int_equal(parse(b, want, &flow), want); /* no payload */
				assert_int_equal(parse(b, want - 1, &flow), 0);
				if (options == 10)
					assert_true(want <= SPLIT_HEAD);
				if (v6 && options)
					continue;
				want = make_frame(b, 1, 400, tags, v6, 17, options);
				assert_int_equal(parse(b, 400, &flow), want);
			}
}

static void what_is_no_tcp_or_udp_has_no_header(void **state)
{
	struct split_flow flow;
	uint8_t b[MAX_FRAME];

	(void)state;
	make_frame(b, 1, 100, 0, false, 1, 0); /* ICMP */
	assert_int_equal(parse(b, 100, &flow), 0);
	make_frame(b, 1, 100, 0, false, 17, 0);
	b[13] = 6; /* ARP */
	assert_int_equal(parse(b, 100, &flow), 0);
	for (unsigned k = 0; k < 2; k++) { /* more fragments; a later fragment */
		make_frame(b, 1, 100, 0, false, 17, 0);
		b[20] = k ? 0x20 : 0;
		b[21] = k ? 0 : 1;
		assert_int_equal(parse(b, 100, &flow), 0);
	}
	make_frame(b, 1, 100, 0, false, 6, 0);
	b[46] = 0x40; /* TCP of 16 bytes */
	assert_int_equal(parse(b, 100, &flow), 0);
	make_frame(b, 1, 100, 0, false, 6, 0);
	b[14] = 0x44; /* IPv4 of 16 bytes */
	assert_int_equal(parse(b, 100, &flow), 0);
	make_frame(b, 1, 100, 3, false, 6, 0); /* three tags */
	assert_int_equal(parse(b, 100, &flow), 0);
	make_frame(b, 1, 100, 0, true, 44, 0); /* IPv6 with an extension header */
	assert_int_equal(parse(b, 100, &flow), 0);
	for (uint32_t len = 0; len < 42; len++) { /* cut off anywhere */
		make_frame(b, 1, 100, 0, false, 17, 0);
		assert_int_equal(parse(b, len, &flow), 0);
	}
}

/* Whatever the bytes: no more than there are, and of a length that a header can have. */
static void any_bytes_are_safe_to_parse(void **state)
{
	uint64_t random = 7;
	struct split_flow flow;
	uint8_t b[200];

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t len = mock_below(&random, sizeof(b)), header;
		make_frame(b, i, sizeof(b), i % 3, i & 4, i & 8 ? 6 : 17, 0);
		for (unsigned k = 0; k < 3; k++)
			b[mock_below(&random, 60)] = (uint8_t)mock_below(&random, 256);
		header = parse(b, len, &flow);
		assert_true(header <= len && header <= SPLIT_HEAD && (!header || header >= 42));
	}
}

static void flow_table_is_exact_and_bounded(void **state)
{
	struct split_flow place[8];
	struct split_table t = {.flow = place, .mask = 7, .limit = 4}, any = {.limit = 1};
	struct split_flow f = {.src = {1}, .dst = {2}, .ports = 3, .kind = 4 << 8 | 6};

	(void)state;
	memset(place, 0, sizeof(place));
	for (unsigned i = 0; i < 4; i++) {
		f.ports = i;
		assert_int_equal(split_lookup(&t, &f), REASON_NO_FLOW);
		assert_int_equal(split_lookup(&t, &f), REASON_POLICY);
	}
	for (unsigned i = 4; i < 100; i++) {
		f.ports = i;
		assert_int_equal(split_lookup(&t, &f), REASON_FLOW_TABLE_FULL);
		assert_int_equal(split_lookup(&any, &f), REASON_POLICY);
	}
	f.ports = 2;
	assert_int_equal(split_lookup(&t, &f), REASON_POLICY);
	for (unsigned i = 0; i < 6; i++) { /* each field counts */
		struct split_flow g = f;
		if (i < 2)
			g.src[i] ^= 1ull << 40;
		else if (i < 4)
			g.dst[i - 2] ^= 1;
		else
			*(i == 4 ? &g.ports : &g.kind) ^= 1u << 8;
		assert_int_equal(split_lookup(&t, &g), REASON_FLOW_TABLE_FULL);
	}
}

/* ---- a guest that splits --------------------------------------------------------------------- */

#define RINGS      47 /* the slot of guest memory that holds the rings of the process buffers' queue */
#define SIZE       16u
#define CAPS_SPLIT (CAPS | PLAT_CAP_SPLIT)

struct guest {
	struct rig *r;
	struct place place;
	struct queue bufs;
	uint16_t buf[64];
	uint8_t why[64];
};

static uint64_t rings_at(const struct guest *g)
{
	return g->r->data + (uint64_t)RINGS * SLOT;
}

static struct guest *guest_new(const char *policy)
{
	struct guest *g = calloc(1, sizeof(*g));
	struct rig *r = rig_new((struct rig_opts){.policy = policy, .caps = CAPS_SPLIT});
	struct rig_opts o = {.size = SIZE};

	g->r = r;
	r->used[RINGS] = true;
	queue_place(&g->bufs, r->data + (uint64_t)RINGS * SLOT, &o);
	queue_make(&g->bufs, &r->pl, &g->place.bufs, &o);
	free(g->bufs.tags); /* no frame travels with a process buffer */
	g->bufs.tags = g->bufs.l.tags = NULL;
	g->place.bufs.tags = NULL;
	g->bufs.drv.tags = NULL;
	g->place.buf = g->buf;
	g->place.why = g->why;
	r->dp.place = &g->place;
	plat_test_read(&r->pl, rings_at(g), r->image + rings_at(g), SLOT);
	return g;
}

static void guest_free(struct guest *g)
{
	struct rig *r = g->r;

	queue_free(&g->bufs);
	rig_free(r);
	free(g);
}

/* What the guest has written is what has to be there. */
static void guest_publishes(struct guest *g)
{
	virtq_drv_publish(&g->bufs.drv);
	publish(g->r, &g->r->rx);
	plat_test_read(&g->r->pl, rings_at(g), g->r->image + rings_at(g), SLOT);
}

/* The host's turn; but for the used ring of the buffers nothing but what is expected may change. */
static void memory_holds(struct guest *g)
{
	uint64_t at = g->bufs.l.used.a;

	plat_test_read(&g->r->pl, at, g->r->image + at, virtq_used_bytes(SIZE));
	memory_is_as_expected(g->r);
}

static void buffer_post_chain(struct guest *g, int slot)
{
	struct chain *c = &g->r->chain[slot];

	g->r->used[slot] = true;
	assert_true(virtq_drv_add(&g->bufs.drv, &g->r->pl, c->seg, 0, c->n, (uint64_t)slot, NULL));
}

/* A process buffer of n pieces. */
static int buffer_post(struct guest *g, unsigned n, uint32_t bytes)
{
	int slot = free_slot(g->r);

	chain_scatter(g->r, &g->r->chain[slot], slot, n, bytes);
	buffer_post_chain(g, slot);
	return slot;
}

static struct frame *arrive_bytes(struct guest *g, const uint8_t *bytes, uint32_t len)
{
	struct rig *r = g->r;
	struct frame *f = plat_test_frame(&r->pl, &r->rxl, len);

	f->num = r->rx_num++;
	assert_true(plat_test_receive(&r->pl, &r->port, f, bytes, len));
	return f;
}

/*
 * The driver takes the next frame, whose bytes must be there, and nothing else must have changed.
 * Returns the reason that is booked with it. *placed: bytes in the process buffer, -1: none came.
 */
static unsigned taken(struct guest *g, const struct frame *f, const uint8_t *bytes, uint32_t len,
		      int *placed)
{
	struct rig *r = g->r;
	struct split_flow flow;
	uint32_t header = parse(bytes, len, &flow), in_kernel, in_buffer = 0;
	struct virtq_net_hdr h = {.num_buffers = 1, .hdr_len = (uint16_t)header};
	uint8_t kernel[VIRTQ_NET_HDR_BYTES + MAX_FRAME];
	uint64_t slot, buf;
	struct frame *got;
	unsigned reasons;

	virtq_drv_used(&r->rx.drv);
	virtq_drv_used(&g->bufs.drv);
	assert_true(virtq_drv_get(&r->rx.drv, &r->pl, &slot, &in_kernel, &got));
	assert_ptr_equal(got, f);
	*placed = -1;
	h.flags = header ? VIRTQ_NET_F_SPLIT : 0;
	if (virtq_drv_get(&g->bufs.drv, &r->pl, &buf, &in_buffer, NULL)) {
		h.flags |= VIRTQ_NET_F_BUFFER;
		*placed = (int)in_buffer;
		r->used[buf] = false;
		chain_put(r->image, &r->chain[buf], 0, bytes + header, in_buffer);
	}
	assert_int_equal(in_kernel, VIRTQ_NET_HDR_BYTES + len - in_buffer);
	memcpy(kernel, &h, sizeof(h));
	memcpy(kernel + sizeof(h), bytes, header);
	memcpy(kernel + sizeof(h) + header, bytes + header + in_buffer, len - header - in_buffer);
	chain_put(r->image, &r->chain[slot], 0, kernel, in_kernel);
	r->used[slot] = false;
	memory_holds(g);
	reasons = got->reasons & ~(1u << REASON_POLICY);
	plat_deliver(&r->pl, got);
	return reasons ? (unsigned)__builtin_ctz(reasons) : REASON_POLICY;
}

/* One frame of 1000 bytes with payload, from the device to the guest. */
static unsigned one_frame(struct guest *g, int *placed)
{
	uint8_t b[MAX_FRAME];
	struct frame *f;

	make_frame(b, g->r->rx_num, 1000, 0, false, 17, 0);
	f = arrive_bytes(g, b, 1000);
	host_rx(g->r);
	return taken(g, f, b, 1000, placed);
}

/* Kernel buffers, then one process buffer in its slot; the host has looked. */
static int ready(struct guest *g, unsigned n, uint32_t bytes)
{
	int slot = buffer_post(g, n, bytes);

	for (unsigned i = 0; i < 4; i++)
		assert_true(rx_post(g->r, 3, MAX_FRAME + VIRTQ_NET_HDR_BYTES));
	guest_publishes(g);
	return slot;
}

static void host_looks(struct guest *g)
{
	start(g->r);
	host_rx(g->r);
	memory_holds(g);
}

static struct plat_test_page *page_of(struct guest *g, int slot, unsigned seg)
{
	return &g->r->pl.page[g->r->chain[slot].seg[seg].addr.a >> PAGE_SHIFT];
}

static const char *const who[] = {"single-copy", "zero-copy"};

/* ---- pages that are not there ---------------------------------------------------------------- */

static void p1_08_a_page_that_is_not_there_is_not_written(void **state)
{
	int placed;

	(void)state;
	for (unsigned w = 0; w < 2; w++) {
		struct guest *g = guest_new(who[w]);
		int slot = ready(g, 1, 1500);
		struct plat_test_page *page = page_of(g, slot, 0);

		page->out = true;
		host_looks(g);
		assert_int_equal(one_frame(g, &placed), REASON_NOT_RESIDENT);
		assert_int_equal(placed, 0); /* the buffer comes back with the frame */
		assert_int_equal(g->r->rxl.copies[SITE_HYPERVISOR_TO_GUEST], w == 0);
		assert_true(page->out);
		page->out = false;
		memory_holds(g); /* what the host kept of it is as it was */
		assert_int_equal(g->r->pl.ops[PLAT_TEST_PAGE_IN], 0);
		assert_int_equal(one_frame(g, &placed), REASON_NO_PROCESS_BUFFER);
		guest_free(g);
	}
}

static void p1_08_a_page_is_brought_back_if_that_is_wanted(void **state)
{
	int placed;

	(void)state;
	for (unsigned w = 0; w < 2; w++) {
		struct guest *g = guest_new(who[w]);
		int slot = ready(g, 1, 1500);

		g->place.page_in = true;
		page_of(g, slot, 0)->out = true;
		host_looks(g);
		assert_int_equal(one_frame(g, &placed), REASON_POLICY);
		assert_int_equal(placed, 1000 - 42);
		assert_int_equal(g->r->pl.ops[PLAT_TEST_PAGE_IN], 1);
		guest_free(g);
	}
}

/* The host's CPU asks at delivery: a page that comes back before it is used, and one that goes. */
static void p1_08_the_moment_of_delivery_decides(void **state)
{
	struct guest *g = guest_new("single-copy");
	int placed, first = ready(g, 1, 1500), second = buffer_post(g, 1, 1500);

	(void)state;
	guest_publishes(g);
	page_of(g, first, 0)->out = true;
	host_looks(g);
	page_of(g, first, 0)->out = false;
	assert_int_equal(one_frame(g, &placed), REASON_POLICY);
	page_of(g, second, 0)->out = true;
	assert_int_equal(one_frame(g, &placed), REASON_NOT_RESIDENT);
	page_of(g, second, 0)->out = false;
	memory_holds(g);
	guest_free(g);
}

/* ---- addresses that are wrong ---------------------------------------------------------------- */

/* The second piece of a buffer is where the guest has no memory: not even the first is written. */
static void bad_buffer(const char *policy, uint64_t addr, bool read_only)
{
	struct guest *g = guest_new(policy);
	int slot = free_slot(g->r), placed;
	struct chain *c = &g->r->chain[slot];

	*c = (struct chain){.n = 2, .bytes = 1400};
	c->seg[0] = (struct virtq_seg){{g->r->data + (uint64_t)slot * SLOT}, 700};
	c->seg[1] = (struct virtq_seg){{addr}, 700};
	if (read_only) {
		c->seg[1].addr.a = c->seg[0].addr.a + PAGE_BYTES;
		g->r->pl.page[c->seg[1].addr.a >> PAGE_SHIFT].access = PLAT_READ;
	}
	buffer_post_chain(g, slot);
	buffer_post(g, 1, 1500); /* a good one behind it: the queue has stopped */
	for (unsigned i = 0; i < 4; i++)
		assert_true(rx_post(g->r, 3, MAX_FRAME + VIRTQ_NET_HDR_BYTES));
	guest_publishes(g);
	host_looks(g);
	assert_int_equal(one_frame(g, &placed), REASON_BAD_ADDRESS);
	assert_int_equal(placed, 0);
	assert_int_equal(g->place.bufs.err, VIRTQ_ERR_ADDR_RANGE);
	assert_int_equal(g->place.bufs.errors[VIRTQ_ERR_ADDR_RANGE], 1);
	assert_false(g->r->dp.rxq.stopped);
	assert_int_equal(one_frame(g, &placed), REASON_NO_PROCESS_BUFFER);
	assert_int_equal(placed, -1);
	assert_int_equal(g->r->rxl.delivered, 2);
	guest_free(g);
}

static void p1_09_nothing_is_written_by_a_bad_address(void **state)
{
	(void)state;
	for (unsigned w = 0; w < 2; w++) {
		bad_buffer(who[w], 1ull << 40, false);
		bad_buffer(who[w], UINT64_MAX - 700, false);
		bad_buffer(who[w], 0, true);
	}
}

/* Chains that make no sense as buffers are given back, and their frames go to the kernel. */
static void p1_11_odd_chains_are_no_buffers(void **state)
{
	int placed;

	(void)state;
	for (unsigned w = 0; w < 2; w++) {
		struct guest *g = guest_new(who[w]);
		int slot = free_slot(g->r);
		struct chain *c = &g->r->chain[slot];

		/* Nothing in it may be written. */
		chain_scatter(g->r, c, slot, 2, 1400);
		g->r->used[slot] = true;
		assert_true(
			virtq_drv_add(&g->bufs.drv, &g->r->pl, c->seg, 2, 0, (uint64_t)slot, NULL));
		ready(g, 2, 1500);
		host_looks(g);
		assert_int_equal(one_frame(g, &placed), REASON_SHORT_BUFFER);
		assert_int_equal(placed, 0);
		assert_int_equal(one_frame(g, &placed), REASON_POLICY);
		guest_free(g);
	}
}

/* Only its writable part counts. */
static void p1_11_readable_parts_are_left_alone(void **state)
{
	struct guest *g = guest_new("single-copy");
	int slot = free_slot(g->r), placed;
	struct chain *c = &g->r->chain[slot];
	struct virtq_seg readable;

	(void)state;
	chain_scatter(g->r, c, slot, 3, 1200);
	g->r->used[slot] = true;
	assert_true(virtq_drv_add(&g->bufs.drv, &g->r->pl, c->seg, 1, 2, (uint64_t)slot, NULL));
	readable = c->seg[0];
	c->seg[0] = c->seg[1];
	c->seg[1] = c->seg[2];
	c->n = 2;
	for (unsigned i = 0; i < 4; i++)
		assert_true(rx_post(g->r, 3, MAX_FRAME + VIRTQ_NET_HDR_BYTES));
	guest_publishes(g);
	host_looks(g);
	one_frame(g, &placed);
	assert_int_equal(placed, 1200 - readable.len < 958 ? 1200 - readable.len : 958);
	guest_free(g);
}

/* ---- no room --------------------------------------------------------------------------------- */

static void lost_frame_leaves_the_process_buffer_where_it_is(void **state)
{
	struct guest *g = guest_new("single-copy");
	uint8_t b[MAX_FRAME];
	int placed;

	(void)state;
	buffer_post(g, 1, 1500);
	guest_publishes(g);
	host_looks(g);
	make_frame(b, 0, 1000, 0, false, 17, 0);
	arrive_bytes(g, b, 1000);
	host_rx(g->r);
	assert_int_equal(g->r->pl.last_drop, DROP_GUEST_RING_EMPTY);
	assert_true(rx_post(g->r, 1, VIRTQ_NET_HDR_BYTES + 41)); /* shorter than the header */
	guest_publishes(g);
	arrive_bytes(g, b, 1000);
	host_rx(g->r);
	assert_int_equal(g->r->pl.last_drop, DROP_SHORT_BUFFER);
	virtq_drv_used(&g->r->rx.drv);
	assert_true(virtq_drv_get(&g->r->rx.drv, &g->r->pl, &(uint64_t){0}, NULL, NULL));
	assert_true(rx_post(g->r, 1, VIRTQ_NET_HDR_BYTES + 42)); /* that is enough */
	guest_publishes(g);
	assert_int_equal(one_frame(g, &placed), REASON_POLICY);
	assert_int_equal(placed, 1000 - 42);
	guest_free(g);
}

/* The device cannot be given the process's pages: it has the kernel's alone. */
static void refused_mapping_sends_the_packet_to_the_kernel(void **state)
{
	struct guest *g = guest_new("zero-copy");
	int placed;

	(void)state;
	ready(g, 2, 1500);
	g->r->pl.fail_dma = 0;
	start(g->r); /* the first pair is posted with it; its second piece fails below */
	assert_int_equal(one_frame(g, &placed), REASON_POLICY);
	buffer_post(g, 2, 1500);
	assert_true(rx_post(g->r, 1, MAX_FRAME + VIRTQ_NET_HDR_BYTES));
	guest_publishes(g);
	g->r->pl.fail_dma = 2; /* the kernel's piece, then the process's first */
	host_rx(g->r);
	for (unsigned i = 0; i < 3; i++) /* those that were posted without one */
		assert_int_equal(one_frame(g, &placed), REASON_NO_PROCESS_BUFFER);
	assert_int_equal(one_frame(g, &placed), REASON_MAP_FAILED);
	assert_int_equal(placed, 0);
	guest_free(g);
}

/* ---- any shape ------------------------------------------------------------------------------- */

/*
 * Frames of all kinds and lengths, buffers of any shape and length, or none: every byte is where it
 * belongs, in order, and the reason is the one that it has to be.
 */
static void p1_01_06_11_any_buffers_take_any_frames(void **state)
{
	(void)state;
	for (unsigned w = 0; w < 2; w++) {
		struct guest *g = guest_new(who[w]);
		struct rig *r = g->r;
		uint64_t *random = &r->random;

		start(r);
		for (unsigned round = 0; round < 3000; round++) {
			uint8_t b[MAX_FRAME];
			uint32_t len = some_len(r), header, room = 0;
			unsigned reason, kind = mock_below(random, 8);
			struct split_flow flow;
			struct frame *f;
			int placed;

			if (mock_below(random, 4)) {
				room = 1 + mock_below(random, 2000);
				buffer_post(g, room < 24 ? 1 : 1 + mock_below(random, 6), room);
			}
			rx_post(r, 1 + mock_below(random, 6), MAX_FRAME + VIRTQ_NET_HDR_BYTES);
			guest_publishes(g);
			host_rx(r);
			header = make_frame(b, round, len, kind % 3, kind & 1,
					    kind & 2   ? 6
					    : kind & 4 ? 17
						       : 1,
					    0);
			if (!mock_below(random, 8))
				len = header; /* no payload */
			header = parse(b, len, &flow);
			f = arrive_bytes(g, b, len);
			host_rx(r);
			reason = taken(g, f, b, len, &placed);
			if (!header)
				assert_int_equal(reason, REASON_NOT_SPLIT);
			else if (header == len)
				assert_int_equal(reason, REASON_POLICY);
			else if (!room && placed < 0)
				assert_int_equal(reason, REASON_NO_PROCESS_BUFFER);
			else
				assert_int_equal(reason, (uint32_t)placed < len - header
								 ? REASON_SHORT_BUFFER
								 : REASON_POLICY);
			/* Use up what frames without payload have left with the host. */
			for (unsigned i = 0; g->bufs.drv.room < 8 && i < 3; i++) {
				rx_post(r, 2, MAX_FRAME + VIRTQ_NET_HDR_BYTES);
				guest_publishes(g);
				host_rx(r);
				one_frame(g, &placed);
			}
		}
		assert_true(r->rxl.header_only > 10);
		assert_true(r->rxl.fallbacks[REASON_SHORT_BUFFER] > 100);
		assert_true(r->rxl.fallbacks[REASON_NOT_SPLIT] > 100);
		assert_true(r->rxl.fallbacks[REASON_NO_PROCESS_BUFFER] > 100);
		if (w)
			assert_int_equal(sum(r->rxl.copies, SITE_N), 0);
		guest_free(g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_ends_with_tcp_or_udp),
		cmocka_unit_test(what_is_no_tcp_or_udp_has_no_header),
		cmocka_unit_test(any_bytes_are_safe_to_parse),
		cmocka_unit_test(flow_table_is_exact_and_bounded),
		cmocka_unit_test(p1_08_a_page_that_is_not_there_is_not_written),
		cmocka_unit_test(p1_08_a_page_is_brought_back_if_that_is_wanted),
		cmocka_unit_test(p1_08_the_moment_of_delivery_decides),
		cmocka_unit_test(p1_09_nothing_is_written_by_a_bad_address),
		cmocka_unit_test(p1_11_odd_chains_are_no_buffers),
		cmocka_unit_test(p1_11_readable_parts_are_left_alone),
		cmocka_unit_test(lost_frame_leaves_the_process_buffer_where_it_is),
		cmocka_unit_test(refused_mapping_sends_the_packet_to_the_kernel),
		cmocka_unit_test(p1_01_06_11_any_buffers_take_any_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
