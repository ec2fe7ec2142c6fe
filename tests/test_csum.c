/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_csum.c - checksums that a guest leaves blank, computes or verifies: P1-15, P2-09.
 *
 * What is right is said by an RFC 1071 of the test's own: big-endian words, one after the other,
 * headers read where the test itself has put them.
 */
#include "machine_helper2.h"

#include "models/datapath/csum.h"

#define N 60u

/* ---- the test's own arithmetic --------------------------------------------------------------- */

static uint32_t be(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint16_t sum_of(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* A frame that the test makes, and where things are in it. */
struct packet {
	uint8_t b[1600];
	uint32_t len, ip, l4;
	bool v6, tcp;
};

static struct packet make(unsigned vlans, bool v6, bool tcp, uint32_t payload, unsigned pad,
			  uint32_t fill)
{
	struct packet p = {.v6 = v6, .tcp = tcp};
	uint32_t at = 12, l4 = (tcp ? 20 : 8) + payload;

	memcpy(p.b, (const uint8_t[]){2, 0, 0, 0, 0, 9, 0x52, 0x54, 0, 0, 0, 1}, 12);
	for (; vlans; vlans--, at += 4)
		memcpy(p.b + at, vlans > 1 ? "\x88\xa8\0\7" : "\x81\0\0\7", 4);
	memcpy(p.b + at, v6 ? "\x86\xdd" : "\x08\0", 2);
	p.ip = at + 2;
	p.b[p.ip] = v6 ? 0x60 : 0x45;
	p.l4 = p.ip + (v6 ? 40 : 20);
	if (v6) {
		p.b[p.ip + 4] = (uint8_t)(l4 >> 8);
		p.b[p.ip + 5] = (uint8_t)l4;
		p.b[p.ip + 6] = tcp ? 6 : 17;
		for (unsigned i = 8; i < 40; i++)
			p.b[p.ip + i] = (uint8_t)(i * 37);
	} else {
		p.b[p.ip + 2] = (uint8_t)((l4 + 20) >> 8);
		p.b[p.ip + 3] = (uint8_t)(l4 + 20);
		p.b[p.ip + 8] = 64;
		p.b[p.ip + 9] = tcp ? 6 : 17;
		memcpy(p.b + p.ip + 12, (const uint8_t[]){10, 0, 0, 1, 192, 0, 2, 77}, 8);
	}
	memcpy(p.b + p.l4, (const uint8_t[]){0x30, 0x39, 0, 9}, 4);
	if (tcp) {
		p.b[p.l4 + 12] = 0x50;
	} else {
		p.b[p.l4 + 4] = (uint8_t)(l4 >> 8);
		p.b[p.l4 + 5] = (uint8_t)l4;
	}
	for (uint32_t i = 0; i < payload; i++)
		p.b[p.l4 + l4 - payload + i] = (uint8_t)(fill * (i + 1) >> 3);
	p.b[p.l4 + (tcp ? 16 : 6)] = 0xde; /* what the process left there: wrong */
	p.b[p.l4 + (tcp ? 17 : 7)] = 0xad;
	p.len = p.l4 + l4 + pad;
	return p;
}

/* The sum over pseudo-header, header and payload: 0xffff if the checksum is right. */
static uint16_t over_all(const struct packet *p, const uint8_t *b)
{
	uint32_t len = p->v6 ? be(b + p->ip + 4) : be(b + p->ip + 2) - 20;
	uint32_t sum = sum_of(b + p->ip + (p->v6 ? 8 : 12), p->v6 ? 32 : 8, 0);

	return sum_of(b + p->l4, len, sum + len + (p->tcp ? 6 : 17));
}

/* All kinds that can be left to a device, odd lengths among them; `i` picks. */
static struct packet kind(unsigned i)
{
	return make(i % 3, i / 3 & 1, i / 6 & 1, i % 7 ? 13 + i * 29 % 1200 : 0, i % 5 == 4 ? 3 : 0,
		    77 * i + 1);
}

/* ---- arithmetic under test ------------------------------------------------------------------- */

static void sums_are_those_of_rfc_1071_in_any_pieces(void **state)
{
	uint64_t x = rig_seed(31);
	uint8_t b[300];

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct piece piece[4];
		uint32_t len = (uint32_t)(x >> 40) % 290, at = 0, skip;
		uint16_t want, got;

		for (unsigned k = 0; k < sizeof(b); k++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			b[k] = (uint8_t)(x >> 56);
		}
		for (unsigned k = 0; k < 4; k++) {
			uint32_t part = k < 3 ? (uint32_t)(x >> (8 * k + 20)) % 70 : 300 - at;
			piece[k] = (struct piece){b + at, part};
			at += part;
		}
		skip = (uint32_t)(x >> 10) % 10;
		want = sum_of(b + skip, len, 0);
		got = csum_pieces(piece, skip, len);
		assert_int_equal(__builtin_bswap16(got), want);
		assert_int_equal(csum_bytes(b + skip, len), got);
	}
	assert_int_equal(csum_value(0xffff), 0xffff); /* never 0 */
	assert_int_equal(csum_value(0), 0xffff);
}

static void frames_whose_checksum_nobody_else_can_fill_are_found_out(void **state)
{
	struct csum_place l;
	struct packet p;

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		p = kind(i);
		assert_true(csum_find(p.b, p.len, p.len, &l));
		assert_int_equal(l.start, p.l4);
		assert_int_equal(l.offset, p.tcp ? 16 : 6);
		for (uint32_t cut = 0; cut < l.start + l.len; cut++) /* never reads behind it */
			assert_false(csum_find(p.b, cut, cut, &l));
	}
	p = make(0, false, false, 100, 0, 1);
	p.b[p.ip + 6] = 0x20; /* more fragments */
	assert_false(csum_find(p.b, p.len, p.len, &l));
	p.b[p.ip + 6] = 0;
	p.b[p.ip + 7] = 3; /* a later one */
	assert_false(csum_find(p.b, p.len, p.len, &l));
	p.b[p.ip + 7] = 0;
	p.b[p.ip] = 0x44; /* header of 16 bytes */
	assert_false(csum_find(p.b, p.len, p.len, &l));
	p = make(0, false, false, 100, 0, 1);
	p.b[p.ip + 9] = 132;
	assert_false(csum_find(p.b, p.len, p.len, &l));
	p = make(0, false, false, 100, 0, 1);
	p.b[p.l4 + 5]++; /* UDP says another length than IP */
	assert_false(csum_find(p.b, p.len, p.len, &l));
	p = make(0, true, false, 100, 0, 1);
	p.b[p.ip + 6] = 44; /* fragment header */
	assert_false(csum_find(p.b, p.len, p.len, &l));
	p = make(0, true, false, 100, 0, 1);
	p.b[p.ip + 6] = 60; /* options: longer than the packet */
	p.b[p.l4 + 1] = 255;
	assert_false(csum_find(p.b, p.len, p.len, &l));
}

/* ---- machines -------------------------------------------------------------------------------- */

static char *capture(bool with_zero)
{
	char *path = run_temp(".pcap");
	struct pcap_make m = pcap_make_new(PCAP_NANO_LE, 1);

	for (unsigned i = 0; i < N; i++) {
		struct packet p = kind(i);
		if (with_zero) { /* payload that makes the sum all ones: the checksum is 0 */
			uint16_t rest;
			p = make(0, false, false, 100, 0, i);
			p.b[p.l4 + 6] = p.b[p.l4 + 7] = p.b[p.l4 + 8] = p.b[p.l4 + 9] = 0;
			rest = (uint16_t)~over_all(&p, p.b);
			p.b[p.l4 + 8] = (uint8_t)(rest >> 8);
			p.b[p.l4 + 9] = (uint8_t)rest;
			p.b[p.l4 + 6] = 0xde;
		}
		pcap_make_frame(&m, i * 20000u, p.b, p.len);
	}
	pcap_make_save(&m, path);
	return path;
}

/* The other end of the wire. */
static struct {
	void (*sink)(void *ctx, struct frame *f, const uint8_t *bytes);
	uint32_t seen, all_ones;
	bool zero;
} wire;

static void check_wire(void *ctx, struct frame *f, const uint8_t *bytes)
{
	struct packet p = kind((unsigned)f->num);
	uint32_t at;

	if (wire.zero)
		p = make(0, false, false, 100, 0, 0);
	at = p.l4 + (p.tcp ? 16 : 6);
	assert_int_equal(over_all(&p, bytes), 0xffff);
	assert_int_not_equal(be(bytes + at), 0);
	wire.all_ones += be(bytes + at) == 0xffff;
	if (!wire.zero) { /* the rest as given */
		assert_int_equal(f->len, p.len);
		assert_memory_equal(bytes, p.b, at);
		assert_memory_equal(bytes + at + 2, p.b + at + 2, p.len - at - 2);
	}
	wire.seen++;
	wire.sink(ctx, f, bytes);
}

static struct rig sends(const char *path, const char *policy, const char *delivery, const char *who,
			bool device)
{
	struct rig rig = rig_open("[nic eth0]\ntx_csum = %s\n[guest vm1]\npolicy = %s\n"
				  "delivery = %s\ntx_csum = %s\n"
				  "[traffic t]\ntrace = %s\nfrom = vm1\n",
				  device ? "true" : "false", policy, delivery, who, path);
	struct nic *nic = &rig.m->nic[0].nic;

	memset(&wire, 0, sizeof(wire));
	wire.sink = nic->sink;
	nic->sink = check_wire;
	return rig;
}

static uint64_t sum_bytes(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < N; i++) {
		struct packet p = kind(i);
		n += p.len - p.l4;
	}
	return n;
}

static uint64_t padding(void)
{
	return N / 5 * 3;
}

static void p2_09_a_checksum_left_blank_is_filled_in_and_the_rest_is_as_given(void **state)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};
	static const char *const delivery[] = {"kernel", "process"};
	g_autofree char *path = capture(false);

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		bool device = i & 1, zero_copy = i / 4 == 2;
		struct rig rig = sends(path, policy[i / 4], delivery[i / 2 & 1], "offload", device);
		struct ledger *l = &rig.m->guest[0].tx.led;

		rig_run(&rig);
		assert_int_equal(wire.seen, N);
		assert_int_equal(l->delivered, N);
		assert_int_equal(l->csum_bytes, device ? 0 : sum_bytes());
		assert_int_equal(l->fallbacks[REASON_NO_CHECKSUM], device || !zero_copy ? 0 : N);
		assert_int_equal(l->copies[SITE_GUEST_TO_HYPERVISOR],
				 i / 4 == 1 || (zero_copy && !device) ? N : 0);
		rig_close(&rig);
	}
	unlink(path);
}

static void a_guest_that_computes_pays_for_one_pass(void **state)
{
	g_autofree char *path = capture(false);
	struct rig rig = sends(path, "zero-copy", "process", "software", true);
	struct ledger *l = &rig.m->guest[0].tx.led;

	(void)state;
	rig_run(&rig);
	assert_int_equal(wire.seen, N);
	assert_int_equal(l->csum_bytes, sum_bytes() - padding());
	assert_int_equal(l->copies[SITE_GUEST_TO_HYPERVISOR], 0);
	assert_int_equal(rig.m->guest[0].vcpu[0].clk.busy[PLAT_W_CSUM], l->csum_bytes * 40);
	rig_close(&rig);
	unlink(path);
}

static void a_checksum_that_comes_out_as_0_is_sent_as_all_ones(void **state)
{
	static const struct {
		const char *who;
		bool device;
	} row[] = {{"offload", true}, {"offload", false}, {"software", true}};
	g_autofree char *path = capture(true);

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
		struct rig rig = sends(path, "single-copy", "kernel", row[i].who, row[i].device);

		wire.zero = true;
		rig_run(&rig);
		assert_int_equal(wire.seen, N);
		assert_int_equal(wire.all_ones, N);
		rig_close(&rig);
	}
	unlink(path);
}

/* The bytes that the guest posted are as it posted them: the pseudo-header's sum in the field. */
static void the_host_writes_no_checksum_into_guest_memory(void **state)
{
	g_autofree char *path = capture(false);

	(void)state;
	for (unsigned device = 0; device < 2; device++) {
		struct rig rig = sends(path, "zero-copy", "process", "offload", device);
		struct guest *g = &rig.m->guest[0];
		unsigned looked = 0;

		rig_run_only(&rig);
		for (uint32_t s = 0; s < g->net.tx_n; s++) {
			uint64_t len = sizeof(struct virtq_net_hdr), two = 2;
			gva_t at = g->net.tx_gva[s];
			const struct virtq_net_hdr *h = (const void *)gmem_ptr(
				g->gm, g->net.tx_seg[s].addr, &len, GMEM_READ);
			uint16_t field, want;
			const uint8_t *b = gproc_ptr(g->proc, at, &(uint64_t){200}, GMEM_READ);
			struct csum_place l;

			if (!h->flags)
				continue;
			looked++;
			assert_int_equal(h->flags, VIRTQ_NET_F_NEEDS_CSUM);
			assert_true(csum_find(b, 200, UINT16_MAX, &l));
			assert_int_equal(h->csum_start, l.start);
			want = l.pseudo;
			at.a += h->csum_start + h->csum_offset;
			memcpy(&field, gproc_ptr(g->proc, at, &two, GMEM_READ), 2);
			assert_int_equal(field, want);
		}
		assert_int_not_equal(looked, 0);
		rig_close(&rig);
	}
	unlink(path);
}

/* What the headers in the guest's receive buffers say. */
static void headers_say(struct guest *g, unsigned flags, uint16_t start, uint16_t offset)
{
	unsigned looked = 0;

	for (uint32_t i = 0; i < g->net.rx_n; i++) {
		uint64_t len = sizeof(struct virtq_net_hdr);
		const struct virtq_net_hdr *h = (const void *)gmem_ptr(
			g->gm, g->net.rx_seg[i * g->net.rx_per].addr, &len, GMEM_READ);

		if (!h->num_buffers)
			continue;
		looked++;
		assert_int_equal(h->flags, flags);
		assert_int_equal(h->csum_start, start);
		assert_int_equal(h->csum_offset, offset);
	}
	assert_int_not_equal(looked, 0);
}

static struct {
	void (*sink)(void *ctx, struct frame *f, const uint8_t *bytes);
	uint32_t seen;
} out;

static void check_udp(void *ctx, struct frame *f, const uint8_t *bytes)
{
	struct packet p = {.ip = 14, .l4 = 34};

	assert_int_equal(over_all(&p, bytes), 0xffff);
	assert_int_not_equal(be(bytes + 40), 0);
	out.seen++;
	out.sink(ctx, f, bytes);
}

/* vm1 to vm2, and the same to the wire. */
static void p1_15_between_guests_nobody_sums_and_both_are_told_that_it_is_done(void **state)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		bool device = i & 1;
		struct rig rig = rig_open("[nic eth0]\ntx_csum = %s\nrx_csum = %s\n"
					  "[guest vm1..vm2]\npolicy = %s\ndelivery = %s\n"
					  "tx_csum = offload\n"
					  "[traffic l]\nfrom = vm1\nto = vm2\nsize = 601B\n"
					  "pps = 50000\npackets = %u\n"
					  "[traffic w]\nfrom = vm1\nsize = 601B\npps = 50000\n"
					  "packets = %u\n",
					  device ? "true" : "false", device ? "true" : "false",
					  policy[i / 4], i & 2 ? "kernel" : "process", N, N);
		struct machine *m = rig.m;

		out.seen = 0;
		out.sink = m->nic[0].nic.sink;
		m->nic[0].nic.sink = check_udp;
		rig_run_only(&rig);
		assert_int_equal(m->guest[1].local.led.delivered, N);
		assert_int_equal(m->guest[1].local.led.csum_bytes, 0);
		assert_int_equal(m->guest[0].tx.led.delivered, N);
		assert_int_equal(m->guest[0].tx.led.csum_bytes, device ? 0 : N * (601 - 34));
		assert_int_equal(m->guest[0].tx.led.corrupt + m->guest[1].local.led.corrupt, 0);
		assert_int_equal(out.seen, N);
		headers_say(&m->guest[1], VIRTQ_NET_F_NEEDS_CSUM, 34, 6);
		rig_close(&rig);
	}
}

static void a_broadcast_is_valid_on_the_wire_and_needs_no_pass_in_guests(void **state)
{
	(void)state;
	for (unsigned device = 0; device < 2; device++) {
		struct rig rig = rig_open("[nic eth0]\ntx_csum = %s\n"
					  "[guest vm1..vm3]\ntx_csum = offload\n"
					  "[traffic l]\nfrom = vm1\nto = all\nsize = 400B\n"
					  "pps = 20000\npackets = %u\n",
					  device ? "true" : "false", N);
		struct machine *m = rig.m;

		out.seen = 0;
		out.sink = m->nic[0].nic.sink;
		m->nic[0].nic.sink = check_udp;
		rig_run_only(&rig);
		assert_int_equal(out.seen, N);
		for (unsigned g = 1; g < 3; g++) {
			assert_int_equal(m->guest[g].local.led.delivered, N);
			assert_int_equal(m->guest[g].local.led.csum_bytes, 0);
			headers_say(&m->guest[g],
				    device ? VIRTQ_NET_F_NEEDS_CSUM : VIRTQ_NET_F_DATA_VALID,
				    device ? 34 : 0, device ? 6 : 0);
		}
		assert_int_equal(m->guest[0].tx.led.csum_bytes, device ? 0 : N * (400 - 34));
		rig_close(&rig);
	}
}

/* ---- receive --------------------------------------------------------------------------------- */

static void a_device_that_vouches_saves_the_guest_a_pass(void **state)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		bool device = i & 1;
		struct rig rig =
			rig_open("[nic eth0]\nrx_csum = %s\nqueues = %u\n[guest vm1]\n"
				 "policy = %s\n"
				 "[traffic t]\nto = vm1\nsize = 701B\npps = 50000\n"
				 "packets = %u\n",
				 device ? "true" : "false", i & 2 ? 1u : 8u, policy[i / 4], N);
		struct ledger *l = &rig.m->guest[0].rx.led;

		rig_run_only(&rig);
		assert_int_equal(l->delivered, N);
		assert_int_equal(l->csum_bytes, device ? 0 : N * (701 - 34));
		headers_say(&rig.m->guest[0], device ? VIRTQ_NET_F_DATA_VALID : 0, 0, 0);
		rig_close(&rig);
	}
}

static void a_guest_that_verifies_drops_what_is_wrong(void **state)
{
	static const char *const delivery[] = {"kernel", "process"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		g_autofree char *path = capture(false);
		struct rig rig = rig_open("[nic eth0]\nrx_csum = false\n[guest vm1]\n"
					  "delivery = %s\n[traffic t]\ntrace = %s\nto = vm1\n",
					  delivery[i], path);
		struct ledger *l = &rig.m->guest[0].rx.led;

		rig_run(&rig);
		assert_int_equal(l->drops[DROP_BAD_CHECKSUM], N);
		assert_int_equal(l->csum_bytes, sum_bytes() - padding());
		rig_close(&rig);
		unlink(path);
	}
}

/* ---- a guest that lies ----------------------------------------------------------------------- */

static struct {
	uint64_t x;
	uint64_t bad; /* notes that do not fit */
	unsigned mode;
} liar;

static enum gnet_sent lies(struct gnet *g, const struct virtq_seg *seg, unsigned n, uint32_t slot,
			   struct frame *f)
{
	liar.x = liar.x * 6364136223846793005u + 1442695040888963407u;
	g->csum = (struct csum){(uint16_t)(liar.x >> 48), (uint16_t)(liar.x >> 32), CSUM_NEEDED};
	if (liar.mode == 1) /* just inside, just outside */
		g->csum = (struct csum){(uint16_t)(f->len - 2 + (liar.x >> 60) % 4 - 1), 0,
					CSUM_NEEDED};
	if (liar.mode == 2)
		g->csum.start %= 700, g->csum.offset %= 700;
	liar.bad += !((uint32_t)g->csum.start + g->csum.offset + 2 <= f->len);
	f->overwritten = true; /* what arrives is not what was made */
	return gnet_virtio_driver.send(g, seg, n, slot, f);
}

static void notes_that_do_not_fit_drop_the_frame_and_nothing_else(void **state)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};

	(void)state;
	liar.x = rig_seed(5);
	for (unsigned i = 0; i < 18; i++) {
		struct gnet_driver driver = gnet_virtio_driver;
		struct rig rig =
			rig_open("[nic eth0]\ntx_csum = %s\n[guest vm1]\npolicy = %s\n"
				 "tx_csum = offload\n[traffic t]\nfrom = vm1\nsize = 600B\n"
				 "pps = 50000\npackets = 500\n",
				 i & 1 ? "true" : "false", policy[i / 6]);
		struct ledger *l = &rig.m->guest[0].tx.led;

		liar.mode = i / 2 % 3;
		liar.bad = 0;
		driver.send = lies;
		rig.m->guest[0].net.driver = &driver;
		rig_run(&rig);
		assert_int_not_equal(liar.bad, 0);
		assert_int_equal(l->drops[DROP_BAD_OFFLOAD], liar.bad);
		assert_int_equal(l->delivered, 500 - liar.bad);
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_those_of_rfc_1071_in_any_pieces),
		cmocka_unit_test(frames_whose_checksum_nobody_else_can_fill_are_found_out),
		cmocka_unit_test(p2_09_a_checksum_left_blank_is_filled_in_and_the_rest_is_as_given),
		cmocka_unit_test(a_guest_that_computes_pays_for_one_pass),
		cmocka_unit_test(a_checksum_that_comes_out_as_0_is_sent_as_all_ones),
		cmocka_unit_test(the_host_writes_no_checksum_into_guest_memory),
		cmocka_unit_test(
			p1_15_between_guests_nobody_sums_and_both_are_told_that_it_is_done),
		cmocka_unit_test(a_broadcast_is_valid_on_the_wire_and_needs_no_pass_in_guests),
		cmocka_unit_test(a_device_that_vouches_saves_the_guest_a_pass),
		cmocka_unit_test(a_guest_that_verifies_drops_what_is_wrong),
		cmocka_unit_test(notes_that_do_not_fit_drop_the_frame_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
