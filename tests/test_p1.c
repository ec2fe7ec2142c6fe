/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_p1.c - header/data split with direct placement: each behaviour of the system by its number,
 * in whole machines. What only a hostile guest does, and exact moments, are in test_policy_split.c.
 */
#include "machine_helper2.h"

#define N 200u
/* A synthetic frame: Ethernet, IPv4, UDP; the rest of SIZE is payload. */
#define HEADER  42u
#define SIZE    1000u
#define PAYLOAD (SIZE - HEADER)

/* Who places, as keys of [nic] and [guest]. */
static const struct {
	const char *nic, *guest;
	bool host;
} placer[] = {{"", "rx_policy = single-copy\n", true},
	      {"place = nic\n", "rx_policy = zero-copy\n", false}};

#define P1(iommu) "[scenario]\nsystem = p1\nchecked = true\n[iommu]\nmode = " iommu "\n"

/* N frames to vm1, the guest idle before each. */
static struct run receives(unsigned who, const char *guest)
{
	return run_text(P1("strict") "[nic eth0]\n%s[guest vm1]\n%s%s\n[traffic t]\nto = vm1\n"
				     "size = %uB\npps = 20000\npackets = %u\n",
			placer[who].nic, placer[who].guest, guest, SIZE, N);
}

static struct run sends(const char *nic, const char *guest)
{
	return run_text(P1("strict") "[nic eth0]\n%s\n[guest vm1]\n%s\n[traffic t]\nfrom = vm1\n"
				     "size = %uB\npps = 20000\npackets = %u\n",
			nic, guest, SIZE, N);
}

/* ---- looking into a guest ---- */

#define CANARY 0xa7

/* A machine whose NIC's frames are kept: those from the wire, or those to it. */
struct seen {
	struct rig rig;
	struct frame *(*take)(void *);
	void (*sink)(void *, struct frame *, const uint8_t *);
	uint8_t bytes[16][9018];
	unsigned n;
};
static struct seen *now_seen; /* a source has one argument, and it is the NIC's */

static void keep(const struct frame *f, const uint8_t *bytes)
{
	struct seen *s = now_seen;

	assert_true(s->n < G_N_ELEMENTS(s->bytes));
	memcpy(s->bytes[s->n++], bytes, f->len);
}

static struct frame *take_seen(void *ctx)
{
	struct frame *f = now_seen->take(ctx);

	keep(f, f->bytes);
	return f;
}

static void sink_seen(void *ctx, struct frame *f, const uint8_t *bytes)
{
	keep(f, bytes);
	now_seen->sink(ctx, f, bytes);
}

static void watch(struct seen *s)
{
	struct nic *n = &s->rig.m->nic[0].nic;

	now_seen = s;
	s->n = 0;
	s->take = n->source.take;
	s->sink = n->sink;
	if (n->source.take)
		n->source.take = take_seen;
	n->sink = sink_seen;
}

static uint8_t *kernel_at(struct guest *g, uint32_t buf, uint32_t off)
{
	uint64_t one = 1;
	const struct virtq_seg *seg = &g->net.rx_seg[buf * g->net.rx_per + off / 2048];
	return gmem_ptr(g->gm, (gpa_t){seg->addr.a + off % 2048}, &one, GMEM_WRITE);
}

static uint8_t *process_at(struct guest *g, gva_t gva, uint32_t off)
{
	uint64_t one = 1;
	return gproc_ptr(g->proc, (gva_t){gva.a + off}, &one, GMEM_WRITE);
}

/* Bytes that a process buffer may be written in, up to the next one. */
static uint32_t slot_bytes(const struct guest *g)
{
	return g->split.n > 1 ? (uint32_t)(g->split.gva[1].a - g->split.gva[0].a) : 2048;
}

static void fill_canaries(struct guest *g)
{
	for (uint32_t b = 0; b < g->net.rx_n; b++)
		for (uint32_t i = 0; i < g->net.max_frame + VIRTQ_NET_HDR_BYTES; i++)
			*kernel_at(g, b, i) = CANARY;
	for (uint32_t b = 0; b < g->split.n; b++)
		for (uint32_t i = 0; i < slot_bytes(g); i++)
			*process_at(g, g->split.gva[b], i) = CANARY;
}

/* Kernel buffer b holds len bytes behind its 12, and nothing else was written. */
static void kernel_holds(struct guest *g, uint32_t b, const uint8_t *bytes, uint32_t len)
{
	uint32_t end = g->net.max_frame + VIRTQ_NET_HDR_BYTES;

	for (uint32_t i = len ? VIRTQ_NET_HDR_BYTES : 0; i < end; i++) {
		bool mine = len && i < VIRTQ_NET_HDR_BYTES + len;
		uint8_t want = mine ? bytes[i - VIRTQ_NET_HDR_BYTES] : CANARY;
		if (*kernel_at(g, b, i) != want)
			fail_msg("kernel buffer %u differs at %u", b, i);
	}
}

static void process_holds(struct guest *g, uint32_t b, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < slot_bytes(g); i++)
		if (*process_at(g, g->split.gva[b], i) != (i < len ? bytes[i] : CANARY))
			fail_msg("process buffer %u differs at %u", b, i);
}

/*
 * Two frames go to a guest of which every byte is known before: buffers are used in order of their
 * numbers.
 */
static void two_frames_where_they_belong(unsigned who, uint32_t placed)
{
	struct seen s = {
		.rig = rig_open(P1("strict") "[nic eth0]\n%s[guest vm1]\n%s"
					     "process_buffer = %uB\n[traffic t]\nto = vm1\n"
					     "size = %uB\npps = 1000\npackets = 2\n",
				placer[who].nic, placer[who].guest, placed, SIZE)};
	struct guest *g = &s.rig.m->guest[0];
	uint8_t kernel[SIZE];

	watch(&s);
	fill_canaries(g);
	rig_run_only(&s.rig);
	assert_int_equal(g->rx.led.delivered, 2);
	for (uint32_t b = 0; b < g->net.rx_n; b++) {
		uint32_t len = b < 2 ? SIZE - placed : 0;
		if (b < 2) {
			memcpy(kernel, s.bytes[b], HEADER);
			memcpy(kernel + HEADER, s.bytes[b] + HEADER + placed, PAYLOAD - placed);
		}
		kernel_holds(g, b, kernel, len);
	}
	for (uint32_t b = 0; b < g->split.n; b++)
		process_holds(g, b, b < 2 ? s.bytes[b] + HEADER : NULL, b < 2 ? placed : 0);
	rig_close(&s.rig);
}

/* ---- receive ---- */

static void p1_01_payload_at_the_process_and_header_in_the_kernel_alone(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++)
		two_frames_where_they_belong(who, PAYLOAD);
}

static void p1_02_host_places_with_one_copy_of_the_payload(void **state)
{
	struct run run = receives(0, "");

	(void)state;
	two_frames_where_they_belong(0, PAYLOAD); /* the kernel's payload buffers are untouched */
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", N);
	run_is(&run, "vm1.rx.copies", N);
	run_is(&run, "vm1.rx.copies.hypervisor_to_guest", N);
	run_is(&run, "vm1.rx.copy_bytes", (uint64_t)N * PAYLOAD);
	run_is(&run, "vm1.rx.header_copies", N);
	run_is(&run, "vm1.rx.fallbacks", 0);
	run_is(&run, "vm1.rx.dma_segments", N);
	run_is(&run, "vm1.rx.vmm_entries", 0);
	run_is(&run, "vm1.rx.interrupts", N);
	run_free(&run);
}

static void p1_03_nic_places_with_no_copy_and_two_targets(void **state)
{
	struct run run = receives(1, "");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", N);
	run_is(&run, "vm1.rx.copies", 0);
	run_is(&run, "vm1.rx.header_copies", 0);
	run_is(&run, "vm1.rx.fallbacks", 0);
	run_is(&run, "vm1.rx.dma_transfers", N);
	run_is(&run, "vm1.rx.dma_segments", 2 * N);
	run_is(&run, "vm1.rx.dma_bytes", (uint64_t)N * SIZE);
	run_is(&run, "vm1.rx.vmm_entries", 0);
	run_is(&run, "vm1.rx.interrupts", N);
	run_free(&run);
}

/* Through the device emulator: two copies of the payload, and two of the header. */
static void copy_counts_headers_apart_at_both_of_its_sites(void **state)
{
	struct run run = run_text(P1("strict") "[nic eth0]\n[guest vm1]\npolicy = copy\n"
					       "[traffic t]\nto = vm1\nsize = %uB\npps = 20000\n"
					       "packets = %u\n",
				  SIZE, N);

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.copies", 2 * N);
	run_is(&run, "vm1.rx.copy_bytes", 2ull * N * PAYLOAD);
	run_is(&run, "vm1.rx.header_copies", 2 * N);
	run_free(&run);
}

static void zero_copy_on_a_nic_that_cannot_place_is_a_counted_copy(void **state)
{
	struct run run = receives(0, "rx_policy = zero-copy");

	(void)state;
	run_refused(&run, SIM_EXIT_USAGE, "rx_policy"); /* given twice */
	run_free(&run);
	run = run_text(P1("strict") "[nic eth0]\n[guest vm1]\nrx_policy = zero-copy\n"
				    "[traffic t]\nto = vm1\npps = 20000\npackets = %u\n",
		       N);
	run_ok(&run);
	run_is(&run, "vm1.rx.copies", N);
	run_is(&run, "vm1.rx.fallbacks.no_capability", N);
	run_free(&run);
}

/* The capture of every kind of frame, whole and split, by the host's CPU and by the NIC. */
static struct run captured(const char *trace, const char *nic, const char *guest)
{
	g_autofree char *path = run_trace(trace);

	return run_text("[scenario]\nchecked = true\n[nic eth0]\n%s\n[guest vm1]\n"
			"ip = 192.0.2.1\nmemory = 256MiB\n%s\n"
			"[traffic t]\ntrace = %s\nmatch = ip\n",
			nic, guest, path);
}

static void p1_04_kernel_delivery_copies_twice_what_split_copies_once(void **state)
{
	static const char *const split =
		"split = true\ndelivery = process\ntx_policy = zero-copy\n";
	struct run run =
		captured("web-kv-dns.pcap", "", "policy = single-copy\ndelivery = kernel\n");
	g_autofree char *rx = g_strdup(run_str(&run, "vm1.rx.digest"));
	g_autofree char *tx = g_strdup(run_str(&run, "vm1.tx.digest"));
	uint64_t in, out;

	(void)state;
	run_ok(&run);
	in = run_int(&run, "vm1.rx.delivered");
	out = run_int(&run, "vm1.tx.delivered");
	run_is(&run, "vm1.rx.copies.hypervisor_to_guest", in);
	run_is(&run, "vm1.rx.copies.guest_kernel_to_process", in);
	run_is(&run, "vm1.tx.copies.process_to_guest_kernel", out);
	run_is(&run, "vm1.tx.copies.guest_to_hypervisor", out);
	run_is(&run, "vm1.rx.copies", 2 * in);
	run_is(&run, "vm1.tx.copies", 2 * out);
	run_free(&run);
	for (unsigned who = 0; who < 2; who++) {
		g_autofree char *guest = g_strconcat(split, placer[who].guest, NULL);
		run = captured("web-kv-dns.pcap", placer[who].nic, guest);
		run_ok(&run);
		assert_string_equal(run_str(&run, "vm1.rx.digest"), rx);
		assert_string_equal(run_str(&run, "vm1.tx.digest"), tx);
		/* One ARP request, which is the kernel's. */
		run_is(&run, "vm1.rx.fallbacks", 1);
		run_is(&run, "vm1.rx.fallbacks.not_split", 1);
		run_is(&run, "vm1.rx.copies.guest_kernel_to_process", 1);
		run_is(&run, "vm1.rx.copies.hypervisor_to_guest",
		       placer[who].host ? in - run_int(&run, "vm1.rx.header_only") : 0);
		run_is(&run, "vm1.rx.header_copies", placer[who].host ? in - 1 : 0);
		run_is(&run, "vm1.tx.copies", 0);
		assert_true(run_int(&run, "vm1.rx.header_only") > 500);
		run_free(&run);
	}
}

/* Segments of 64 KiB, in chains of many pieces on both sides. */
static void capture_of_long_segments_arrives_with_the_same_digest(void **state)
{
	static const char *const guest[] = {
		"delivery = process\n",
		"split = true\ndelivery = process\n",
		"split = true\ndelivery = process\nrx_policy = zero-copy\ntx_policy = zero-copy\n",
		"split = true\ndelivery = process\nrx_policy = zero-copy\nprocess_buffer = 4000B\n",
		"split = true\ndelivery = process\nrx_policy = copy\nindirect_desc = false\n",
	};
	g_autofree char *rx = NULL, *tx = NULL;

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(guest); i++) {
		struct run run =
			captured("segmented.pcap",
				 "lro = true\ntso = true\nrx_ring = 1024\nplace = nic\n", guest[i]);
		run_ok(&run);
		if (!i) {
			rx = g_strdup(run_str(&run, "vm1.rx.digest"));
			tx = g_strdup(run_str(&run, "vm1.tx.digest"));
		}
		assert_string_equal(run_str(&run, "vm1.rx.digest"), rx);
		assert_string_equal(run_str(&run, "vm1.tx.digest"), tx);
		run_is(&run, "vm1.rx.drops", 0);
		run_free(&run);
	}
}

/* ---- send ---- */

static void p1_05_wire_has_header_then_payload_and_sources_are_unmodified(void **state)
{
	static const char *const nic[] = {"", "gather = false\n"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct seen s = {
			.rig = rig_open(P1("strict") "[nic eth0]\n%s[guest vm1]\n"
						     "[traffic t]\nfrom = vm1\nsize = %uB\n"
						     "pps = 1000\npackets = 2\n",
					nic[i], SIZE)};
		struct guest *g = &s.rig.m->guest[0];
		uint64_t len = VIRTQ_NET_HDR_BYTES + HEADER;

		watch(&s);
		rig_run_only(&s.rig);
		assert_int_equal(s.n, 2);
		assert_int_equal(g->tx.led.corrupt, 0); /* it is what the process made */
		for (unsigned k = 0; k < 2; k++) {
			/* Send slots are used in order of their numbers, too. */
			const uint8_t *kernel =
				gmem_ptr(g->gm, g->net.tx_seg[k].addr, &len, GMEM_READ);
			assert_memory_equal(s.bytes[k], kernel + VIRTQ_NET_HDR_BYTES, HEADER);
			for (uint32_t b = 0; b < PAYLOAD; b++)
				assert_int_equal(s.bytes[k][HEADER + b],
						 *process_at(g, g->net.tx_gva[k], b));
		}
		rig_close(&s.rig);
	}
}

static void p1_05_send_copies_nothing_with_gather_and_once_without(void **state)
{
	struct run run = sends("", "");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.tx.delivered", N);
	run_is(&run, "vm1.tx.copies", 0);
	run_is(&run, "vm1.tx.header_copies", 0);
	run_is(&run, "vm1.tx.dma_transfers", N);
	run_is(&run, "vm1.tx.dma_segments", 2 * N);
	run_free(&run);
	run = sends("gather = false", "");
	run_ok(&run);
	run_is(&run, "vm1.tx.copies", N);
	run_is(&run, "vm1.tx.copies.guest_to_hypervisor", N);
	run_is(&run, "vm1.tx.copy_bytes", (uint64_t)N * PAYLOAD);
	run_is(&run, "vm1.tx.header_copies", N);
	run_is(&run, "vm1.tx.fallbacks.no_gather", N);
	run_is(&run, "vm1.tx.dma_segments", N);
	run_free(&run);
}

/* 8,958 bytes of payload are three pages, and no two of a guest's pages are neighbours. */
static void p1_06_segments_are_the_pages_touched(void **state)
{
	static const char *const mode[] = {"off", "static", "strict", "deferred"};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct run run = run_text(
			"[scenario]\nsystem = p1\nchecked = true\n[iommu]\nmode = %s\n"
			"[nic eth0]\nmtu = 9000B\nplace = nic\n[guest vm1]\nrx_policy = zero-copy\n"
			"[traffic in]\nto = vm1\nsize = 9000B\npps = 5000\npackets = %u\n"
			"[traffic out]\nfrom = vm1\nsize = 9000B\npps = 5000\npackets = %u\n",
			mode[i], N, N);
		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", N);
		run_is(&run, "vm1.tx.delivered", N);
		run_is(&run, "vm1.rx.copies", 0);
		run_is(&run, "vm1.tx.copies", 0);
		run_is(&run, "vm1.rx.dma_transfers", N);
		run_is(&run, "vm1.rx.dma_segments", 4 * N);
		run_is(&run, "vm1.tx.dma_segments", 4 * N);
		run_free(&run);
	}
}

/* ---- pages that move ---- */

/* Something happens to a page of process buffer 1, which waits for the second of two frames. */
struct meddler {
	struct event ev;
	struct guest *g;
	void (*what)(struct meddler *);
	enum gmem_status status;
	gpa_t gpa, old;
};

static void meddle(struct event *ev)
{
	struct meddler *d = (struct meddler *)((char *)ev - offsetof(struct meddler, ev));
	d->what(d);
}

static void remap(struct meddler *d)
{
	d->status = gproc_remap(d->g->proc, d->g->split.gva[1], &d->old);
}

static void relocate(struct meddler *d)
{
	d->status = gmem_relocate(d->g->gm, d->gpa);
}

static struct meddler meddled(struct seen *s, unsigned who, void (*what)(struct meddler *))
{
	struct meddler d = {.what = what};
	uint64_t one = 1;

	s->rig = rig_open(P1("off") "[nic eth0]\n%s[guest vm1]\n%s[traffic t]\nto = vm1\n"
				    "size = %uB\npps = 1000\npackets = 2\n",
			  placer[who].nic, placer[who].guest, SIZE);
	d.g = &s->rig.m->guest[0];
	watch(s);
	fill_canaries(d.g);
	assert_int_equal(gproc_translate(d.g->proc, d.g->split.gva[1], &one, GMEM_WRITE, &d.gpa),
			 GMEM_OK);
	event_init(&d.ev, meddle);
	evq_schedule(&s->rig.m->q, &d.ev, SIM_MS / 2);
	rig_run_only(&s->rig);
	return d;
}

/* What was posted is the page, not its address in the process. */
static void p1_07_a_remapped_process_page_does_not_redirect_a_posted_receive(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct seen s;
		struct meddler d = meddled(&s, who, remap);
		uint64_t len = PAYLOAD;

		assert_int_equal(d.status, GMEM_OK);
		assert_memory_equal(gmem_ptr(d.g->gm, d.gpa, &len, GMEM_READ), s.bytes[1] + HEADER,
				    PAYLOAD);
		process_holds(d.g, 1, NULL, 0);
		/* The process looks where nothing came: its kernel should have kept the page. */
		assert_int_equal(d.g->rx.led.corrupt, 1);
		rig_close(&s.rig);
	}
}

static void p1_07_a_relocated_page_is_followed_unless_it_is_pinned(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct seen s;
		struct meddler d = meddled(&s, who, relocate);

		assert_int_equal(d.status, placer[who].host ? GMEM_OK : GMEM_BUSY);
		assert_int_equal(d.g->gm->relocations, placer[who].host ? 1 : 0);
		process_holds(d.g, 1, s.bytes[1] + HEADER, PAYLOAD);
		assert_int_equal(d.g->rx.led.corrupt, 0);
		assert_int_equal(d.g->rx.led.delivered, 2);
		rig_close(&s.rig);
	}
}

#define EVICTED                                                                                    \
	P1("strict")                                                                               \
	"[nic eth0]\n%s[guest vm1]\n%sevict_at = 5ms\nqueue_size = 64\n%s[traffic t]\n"            \
	"to = vm1\nsize = 1000B\npps = 10000\npackets = 500\n"

/* Two of the 64 buffers are in a page: the guest's copy brings it back for both, for 10 us. */
static void p1_08_missing_page_sends_the_packet_to_the_kernel(void **state)
{
	struct run run = run_text(EVICTED, placer[0].nic, placer[0].guest, "");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", 500);
	run_is(&run, "vm1.rx.fallbacks.not_resident", 32);
	run_is(&run, "vm1.rx.fallbacks", 32);
	run_is(&run, "vm1.rx.copies.guest_kernel_to_process", 32);
	run_is(&run, "vm1.rx.copies", 500 + 32);
	run_ratio_is(&run, "vm1.vcpu0.busy_ns.page_in", 32 * 10000, 1);
	run_ratio_is(&run, "host.core0.busy_ns.page_in", 0, 1);
	run_free(&run);
}

static void p1_08_missing_page_is_faulted_in_where_that_is_wanted(void **state)
{
	struct run run =
		run_text(EVICTED, placer[0].nic, placer[0].guest, "not_resident = fault\n");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", 500);
	run_is(&run, "vm1.rx.fallbacks", 0);
	run_is(&run, "vm1.rx.copies", 500);
	run_ratio_is(&run, "host.core0.busy_ns.page_in", 32 * 10000, 1);
	run_free(&run);
}

/* Where the NIC places, what is posted is pinned: only pages that it does not have can go. */
static void p1_08_pinned_pages_stay(void **state)
{
	struct run run = run_text(EVICTED, placer[1].nic, placer[1].guest, "");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", 500);
	assert_true(run_int(&run, "vm1.rx.fallbacks.not_resident") <= 2);
	run_free(&run);
}

/* ---- what the guest does wrong, or does not do ---- */

/* vm1's kernel hands down addresses where it has no memory: in each posted descriptor. */
static void lie(struct meddler *d)
{
	for (uint32_t i = 0; i < d->g->place.bufs.size; i++)
		*(uint64_t *)virtq_at(&d->g->place.bufs.desc, 16 * i) = 1ull << 40;
}

static void p1_09_bad_address_is_counted_and_others_are_untouched(void **state)
{
	static const char text[] =
		P1("strict") "[host]\ncores = 4\n[nic eth0]\n[guest vm1..vm2]\nqueue_size = 64\n"
			     "[traffic t]\nto = vm1..vm2\nsize = 1000B\npps = 20000\n"
			     "packets = 400\n";
	struct rig rig = rig_open("%s", text), honest = rig_open("%s", text);
	struct meddler d = {.g = &rig.m->guest[0], .what = lie};

	(void)state;
	event_init(&d.ev, meddle);
	evq_schedule(&rig.m->q, &d.ev, SIM_US);
	rig_run(&rig);
	rig_run(&honest);
	assert_int_equal(d.g->rx.led.delivered, 200);
	assert_int_equal(d.g->rx.led.fallbacks[REASON_BAD_ADDRESS], 1);
	assert_int_equal(d.g->rx.led.fallbacks[REASON_NO_PROCESS_BUFFER], 199);
	assert_int_equal(d.g->place.bufs.errors[VIRTQ_ERR_ADDR_RANGE], 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(rig.m->guest[i].net.rx_end.digest,
				 honest.m->guest[i].net.rx_end.digest);
	assert_memory_equal(&rig.m->guest[1].rx.led, &honest.m->guest[1].rx.led,
			    sizeof(struct ledger));
	rig_close(&rig);
	rig_close(&honest);
}

static void p1_10_without_a_process_buffer_the_kernel_gets_the_packet(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct run run = receives(who, "process_buffers = 0");

		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", N);
		run_is(&run, "vm1.rx.fallbacks", N);
		run_is(&run, "vm1.rx.fallbacks.no_process_buffer", N);
		run_is(&run, "vm1.rx.copies.guest_kernel_to_process", N);
		run_is(&run, "vm1.rx.copies", placer[who].host ? 2 * N : N);
		run_is(&run, "vm1.rx.copy_bytes.guest_kernel_to_process", (uint64_t)N * PAYLOAD);
		run_free(&run);
	}
}

/* The host's CPU finds what there is when the frame comes, so one buffer serves an idle guest. */
static void p1_10_one_process_buffer_serves_frame_after_frame(void **state)
{
	struct run run = receives(0, "process_buffers = 1");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.fallbacks", 0);
	run_is(&run, "vm1.rx.copies", N);
	run_free(&run);
}

static void p1_11_short_buffer_is_filled_and_the_rest_takes_the_kernel_path(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct run run = receives(who, "process_buffer = 500B");

		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", N);
		run_is(&run, "vm1.rx.fallbacks", N);
		run_is(&run, "vm1.rx.fallbacks.short_buffer", N);
		run_is(&run, "vm1.rx.copies.guest_kernel_to_process", N);
		run_is(&run, "vm1.rx.copy_bytes.guest_kernel_to_process",
		       (uint64_t)N * (PAYLOAD - 500));
		run_is(&run, "vm1.rx.copies.hypervisor_to_guest", placer[who].host ? N : 0);
		run_is(&run, "vm1.rx.copy_bytes.hypervisor_to_guest",
		       placer[who].host ? (uint64_t)N * PAYLOAD : 0);
		run_free(&run);
		two_frames_where_they_belong(who, 500); /* never past its end */
	}
}

/* ---- between guests ---- */

static struct run cell(const char *from, const char *to, const char *both)
{
	return run_text(
		"[scenario]\nchecked = true\n[nic eth0]\n[guest]\npolicy = single-copy\n%s\n"
		"[guest vm1]\n%s\n[guest vm2]\n%s\n[traffic t]\nfrom = vm1\nto = vm2\n"
		"size = %uB\npps = 20000\npackets = %u\n",
		both, from, to, SIZE, N);
}

#define FAST "split = true\ndelivery = process\n"
#define SLOW "delivery = kernel\n"

static void p1_13_14_four_cells_copy_what_the_table_says(void **state)
{
	static const struct {
		const char *from, *to, *both;
		unsigned copies, headers;
		uint64_t bytes;
	} row[] = {
		{FAST, FAST, "", 1, 1, PAYLOAD},
		{FAST, SLOW, "", 2, 1, PAYLOAD + SIZE},
		{SLOW, FAST, "", 2, 1, PAYLOAD + SIZE},
		{SLOW, SLOW, "", 3, 0, 3 * SIZE},
		{SLOW, SLOW, "rx_policy = copy\ntx_policy = copy\n", 4, 0, 4 * SIZE},
	};
	g_autofree char *digest = NULL;

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
		struct run run = cell(row[i].from, row[i].to, row[i].both);

		run_ok(&run);
		run_is(&run, "vm2.local.delivered", N);
		run_is(&run, "vm2.local.copies", (uint64_t)row[i].copies * N);
		run_is(&run, "vm2.local.copy_bytes", row[i].bytes * N);
		run_is(&run, "vm2.local.header_copies", (uint64_t)row[i].headers * N);
		run_is(&run, "vm2.local.fallbacks", 0);
		run_is(&run, "vm2.local.dma_transfers", 0);
		run_is(&run, "eth0.tx.packets", 0);
		if (!i)
			digest = g_strdup(run_str(&run, "vm2.local.digest"));
		assert_string_equal(run_str(&run, "vm2.local.digest"), digest);
		run_free(&run);
	}
}

/* ---- what holds for all ---- */

/* Overload, drops and frames under way when the run is cut off. */
static void p1_16_pins_equal_unpins_after_drops_and_teardown(void **state)
{
	static const char *const mode[] = {"off", "static", "strict", "deferred"};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct run run = run_text(
			"[scenario]\nsystem = p1\ndrain = 0s\n[iommu]\nmode = %s\n"
			"[nic eth0]\nplace = nic\nrx_ring = 64\n[guest vm1]\nrx_policy = "
			"zero-copy\n"
			"queue_size = 32\n"
			"[traffic in]\nto = vm1\nsize = 300B\nrate = max\npackets = 5000\n"
			"[traffic out]\nfrom = vm1\nsize = 1500B\nrate = max\npackets = 1000\n",
			mode[i]);
		run_ok(&run);
		assert_true(run_int(&run, "vm1.rx.drops") > 0);
		assert_true(run_int(&run, "vm1.rx.resident") + run_int(&run, "vm1.tx.resident") >
			    0);
		assert_true(run_int(&run, "eth0.pins") >= 90);
		run_is(&run, "eth0.unpins", run_int(&run, "eth0.pins"));
		run_is(&run, "eth0.unmaps", run_int(&run, "eth0.maps"));
		run_free(&run);
	}
}

static void p1_17_overwritten_payload_is_seen_in_zero_copy_and_not_in_copy(void **state)
{
	struct run run = sends("dma_read = 20us", "overwrite = 10us");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.tx.hazards.overwrite_seen", N);
	run_free(&run);
	run = sends("dma_read = 20us\ngather = false", "overwrite = 10us");
	run_ok(&run);
	run_is(&run, "vm1.tx.hazards.overwrite_seen", 0);
	run_free(&run);
}

/* The first frame of a flow is the kernel's; two flows fit, the third never does. */
static void exact_flows_are_the_process_s_from_their_second_frame_on(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct run run = run_text(P1("strict") "[nic eth0]\n%s[guest vm1]\n%s"
						       "flow_match = exact\nflow_table = 2\n"
						       "[traffic t]\nto = vm1\nflows = 3\n"
						       "pps = 20000\npackets = 300\n",
					  placer[who].nic, placer[who].guest);
		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", 300);
		run_is(&run, "vm1.rx.fallbacks.no_flow", 2);
		run_is(&run, "vm1.rx.fallbacks.flow_table_full", 100);
		run_is(&run, "vm1.rx.fallbacks", 102);
		run_is(&run, "vm1.rx.copies.guest_kernel_to_process", 102);
		run_free(&run);
	}
}

/* A run that reorders a flow is refused by its own verification; here both ways are taken. */
static void order_holds_when_a_flow_s_frames_take_both_ways(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct run run =
			run_text(P1("strict") "[host]\ncores = 2\n[nic eth0]\n%s[guest vm1]\n%s"
					      "process_buffers = %u\n[traffic t]\nto = vm1\n"
					      "size = uniform:60B..1514B\nsource = poisson\n"
					      "rate = 5Gbit/s\npackets = 5000\n",
				 placer[who].nic, placer[who].guest, placer[who].host ? 3u : 20u);
		uint64_t kernel, delivered;

		run_ok(&run);
		delivered = run_int(&run, "vm1.rx.delivered");
		kernel = run_int(&run, "vm1.rx.fallbacks.no_process_buffer");
		assert_true(kernel > 100 && delivered - kernel > 100);
		run_free(&run);
	}
}

static void broadcast_and_shared_queue_are_placed_by_the_host(void **state)
{
	struct run run = run_text(P1("strict") "[host]\ncores = 4\n[nic eth0]\nqueues = 2\n"
					       "place = nic\n[guest vm1..vm2]\n"
					       "rx_policy = zero-copy\n[traffic t]\n"
					       "to = vm1..vm2\npps = 20000\npackets = 400\n");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.copies", 0);
	run_is(&run, "vm2.rx.copies", 200);
	run_is(&run, "vm2.rx.fallbacks.shared_queue", 200);
	run_is(&run, "vm2.rx.fallbacks", 200);
	run_is(&run, "vm2.rx.header_copies", 200);
	run_free(&run);
}

/* ---- checksums under split ---- */

static void p1_15_split_ends_pass_the_note_on_and_nobody_sums(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct rig rig =
			rig_open(P1("strict") "[nic eth0]\n[guest vm1..vm2]\n"
					      "tx_csum = offload\n[traffic t]\nfrom = vm1\n"
					      "to = %s\nsize = 1000B\npps = 1000\n"
					      "packets = 2\n",
				 i ? "wire" : "vm2");
		struct guest *g = &rig.m->guest[1];
		struct ledger *led = i ? &rig.m->guest[0].tx.led : &g->local.led;

		rig_run_only(&rig);
		assert_int_equal(led->corrupt, 0); /* on the wire the checksum is filled in */
		assert_int_equal(led->delivered, 2);
		assert_int_equal(led->csum_bytes, 0);
		if (!i)
			for (uint32_t b = 0; b < 2; b++) {
				uint64_t len = VIRTQ_NET_HDR_BYTES;
				const struct virtq_net_hdr *h = (void *)gmem_ptr(
					g->gm, g->net.rx_seg[b].addr, &len, GMEM_READ);
				assert_int_equal(h->flags, VIRTQ_NET_F_NEEDS_CSUM |
								   VIRTQ_NET_F_SPLIT |
								   VIRTQ_NET_F_BUFFER);
				assert_int_equal(h->csum_start, 34);
				assert_int_equal(h->hdr_len, HEADER);
			}
		rig_close(&rig);
	}
}

/* The guest's kernel sums header and payload wherever they are, in one piece or three. */
static void a_kernel_that_verifies_sums_what_the_process_has(void **state)
{
	static const char *const buffers[] = {"", "process_buffer = 501B\n",
					      "process_buffers = 0\n"};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		g_autofree char *nic = g_strconcat("rx_csum = false\n", placer[i & 1].nic, NULL);
		struct run run = run_text(P1("strict") "[nic eth0]\n%s[guest vm1]\n%s%s"
						       "[traffic t]\nto = vm1\nsize = %uB\n"
						       "pps = 20000\npackets = %u\n",
					  nic, placer[i & 1].guest, buffers[i / 2], SIZE, N);
		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", N);
		run_is(&run, "vm1.rx.csum_bytes", (uint64_t)N * (SIZE - 34));
		run_free(&run);
	}
}

/* The capture's checksums are partial sums: what is dropped does not depend on the split. */
static void wrong_checksums_are_found_under_split_as_without(void **state)
{
	static const char *const guest[] = {
		"delivery = process\n",
		"split = true\ndelivery = process\n",
		"split = true\ndelivery = process\nrx_policy = zero-copy\n",
	};
	uint64_t want = 0;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct run run = captured("segmented.pcap",
					  "lro = true\ntso = true\nrx_ring = 1024\nplace = nic\n"
					  "rx_csum = false\n",
					  guest[i]);
		run_ok(&run);
		if (!i)
			want = run_int(&run, "vm1.rx.drops.bad_checksum");
		assert_true(want > 10);
		run_is(&run, "vm1.rx.drops.bad_checksum", want);
		run_is(&run, "vm1.rx.drops", want);
		run_free(&run);
	}
}

/* ---- what is refused ---- */

static void settings_that_contradict_are_refused(void **state)
{
	static const struct {
		const char *group, *guest, *says;
	} row[] = {
		{"", "split = true\n", "use delivery = process"},
		{"", "split = true\ndelivery = process\nattach = vf\n", "attach = virtio"},
		{"", "split = true\ndelivery = process\nrx_buffer = 1KiB\n", "process_buffer"},
		{"", "split = true\ndelivery = process\nevict_at = 1ms\n", "pins all"},
		{"[iommu]\nmode = off\n",
		 "split = true\ndelivery = process\nevict_at = 1ms\npage_size = 2MiB\n", "4KiB"},
		{"[nic eth0]\nplace = nic\nmtu = 9000B\nrx_ring = 8\n",
		 "split = true\ndelivery = process\nrx_policy = zero-copy\n", "rx_ring"},
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
		struct run run =
			run_text("%s%s[guest vm1]\n%s[traffic t]\nto = vm1\npps = 1000\n"
				 "packets = 1\n",
				 row[i].group, strstr(row[i].group, "[nic") ? "" : "[nic eth0]\n",
				 row[i].guest);
		run_refused(&run, SIM_EXIT_USAGE, row[i].says);
		run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p1_01_payload_at_the_process_and_header_in_the_kernel_alone),
		cmocka_unit_test(p1_02_host_places_with_one_copy_of_the_payload),
		cmocka_unit_test(p1_03_nic_places_with_no_copy_and_two_targets),
		cmocka_unit_test(copy_counts_headers_apart_at_both_of_its_sites),
		cmocka_unit_test(zero_copy_on_a_nic_that_cannot_place_is_a_counted_copy),
		cmocka_unit_test(p1_04_kernel_delivery_copies_twice_what_split_copies_once),
		cmocka_unit_test(capture_of_long_segments_arrives_with_the_same_digest),
		cmocka_unit_test(p1_05_wire_has_header_then_payload_and_sources_are_unmodified),
		cmocka_unit_test(p1_05_send_copies_nothing_with_gather_and_once_without),
		cmocka_unit_test(p1_06_segments_are_the_pages_touched),
		cmocka_unit_test(p1_07_a_remapped_process_page_does_not_redirect_a_posted_receive),
		cmocka_unit_test(p1_07_a_relocated_page_is_followed_unless_it_is_pinned),
		cmocka_unit_test(p1_08_missing_page_sends_the_packet_to_the_kernel),
		cmocka_unit_test(p1_08_missing_page_is_faulted_in_where_that_is_wanted),
		cmocka_unit_test(p1_08_pinned_pages_stay),
		cmocka_unit_test(p1_09_bad_address_is_counted_and_others_are_untouched),
		cmocka_unit_test(p1_10_without_a_process_buffer_the_kernel_gets_the_packet),
		cmocka_unit_test(p1_10_one_process_buffer_serves_frame_after_frame),
		cmocka_unit_test(p1_11_short_buffer_is_filled_and_the_rest_takes_the_kernel_path),
		cmocka_unit_test(p1_13_14_four_cells_copy_what_the_table_says),
		cmocka_unit_test(p1_16_pins_equal_unpins_after_drops_and_teardown),
		cmocka_unit_test(p1_17_overwritten_payload_is_seen_in_zero_copy_and_not_in_copy),
		cmocka_unit_test(exact_flows_are_the_process_s_from_their_second_frame_on),
		cmocka_unit_test(order_holds_when_a_flow_s_frames_take_both_ways),
		cmocka_unit_test(broadcast_and_shared_queue_are_placed_by_the_host),
		cmocka_unit_test(p1_15_split_ends_pass_the_note_on_and_nobody_sums),
		cmocka_unit_test(a_kernel_that_verifies_sums_what_the_process_has),
		cmocka_unit_test(wrong_checksums_are_found_under_split_as_without),
		cmocka_unit_test(settings_that_contradict_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
