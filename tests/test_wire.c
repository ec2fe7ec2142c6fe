/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_wire.c - the wire against closed form: slot = (max(L, 60) + 24) * 8 / rate, L without FCS.
 *
 * The published figures (14.8810 and 0.8127 Mpps, 305.4667 ns) are compared within 1e-9 of the
 * fraction they are rounded from; everything that is a whole number of picoseconds, exactly. What a
 * slot's end should be is computed here from sums of bits in 128-bit integers, without the wire's
 * remainder.
 */
#include "machine_helper2.h"

#include "frame.h"

#define GBIT 1000000000ull

/* ---- single slots --------------------------------------------------------------------- */

static uint64_t bytes_of(uint32_t len)
{
	struct frame f = {.len = len, .slots = 1};
	return nic_slot_bytes(&f);
}

static sim_time slot(uint64_t rate_bps, uint32_t len)
{
	struct nic_wire w = {.rate_bps = rate_bps};
	return nic_wire_slot(&w, 0, bytes_of(len));
}

/* Sizes as the field counts them: with FCS. */
static void slots_last_as_long_as_the_standard_says(void **state)
{
	static const struct {
		uint64_t gbps;
		uint32_t with_fcs;
		sim_time ps;
	} row[] = {
		{1, 64, 672000},    {1, 1518, 12304000}, {10, 64, 67200},     {10, 65, 68000},
		{10, 128, 118400},  {10, 594, 491200},   {10, 1518, 1230400}, {10, 9018, 7230400},
		{25, 64, 26880},    {25, 1518, 492160},  {25, 9018, 2892160}, {40, 64, 16800},
		{40, 1518, 307600}, {40, 9018, 1807600}, {50, 64, 13440},     {50, 1518, 246080},
		{100, 64, 6720},    {100, 1518, 123040}, {100, 9018, 723040}, {200, 64, 3360},
		{400, 64, 1680},    {800, 64, 840},
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++)
		assert_int_equal(slot(row[i].gbps * GBIT, row[i].with_fcs - 4), row[i].ps);
}

static void short_frames_are_padded_to_60_bytes(void **state)
{
	(void)state;
	for (uint32_t len = 0; len <= 60; len++)
		assert_int_equal(bytes_of(len), 84);
	assert_int_equal(bytes_of(61), 85);
}

static void frame_rates_are_the_published_ones(void **state)
{
	(void)state;
	assert_near("10G 64 B", 1e12 / (double)slot(10 * GBIT, 60), 10e9 / 672, 1e-9);
	assert_near("10G 64 B Mpps", 1e6 / (double)slot(10 * GBIT, 60), 14.8810, 4e-6);
	assert_near("10G 1518 B", 1e12 / (double)slot(10 * GBIT, 1514), 10e9 / 12304, 1e-9);
	assert_near("10G 1518 B Mpps", 1e6 / (double)slot(10 * GBIT, 1514), 0.8127, 6e-5);
	assert_near("100G 64 B", 1e12 / (double)slot(100 * GBIT, 60), 100e9 / 672, 1e-9);
}

static void the_imix_slot_is_305_ns_on_average(void **state)
{
	static const uint32_t mix[12] = {60, 60, 60, 60, 60, 60, 60, 590, 590, 590, 590, 1514};
	struct nic_wire w = {.rate_bps = 10 * GBIT};
	sim_time end = 0;

	(void)state;
	for (unsigned i = 0; i < 12000; i++)
		end = nic_wire_slot(&w, 0, bytes_of(mix[i % 12]));
	assert_int_equal(end, 12000 / 12 * 3665600ull);
	assert_near("imix slot, ns", (double)end / 12000 / 1000, 3665.6 / 12, 1e-9);
	assert_near("imix slot, ns", (double)end / 12000 / 1000, 305.4667, 2e-7);
}

/* ---- many slots ----------------------------------------------------------------------- */

/* The k-th end is the sum of all bits so far, over the rate, cut to whole picoseconds once. */
static void no_drift(uint64_t rate_bps, sim_time from, const uint32_t *len, unsigned n)
{
	struct nic_wire w = {.rate_bps = rate_bps};
	uint64_t slots = rig_scaled(1000000, 20000);
	unsigned __int128 bits = 0;

	for (uint64_t i = 0; i < slots; i++) {
		uint64_t bytes = bytes_of(len[i % n]);
		sim_time got = nic_wire_slot(&w, from, bytes);
		bits += bytes * 8;
		if (got != from + (sim_time)(bits * SIM_S / rate_bps))
			fail_msg("slot %" PRIu64 " at %" PRIu64 " bit/s ends at %" PRIu64, i,
				 rate_bps, got);
	}
	assert_int_equal(w.busy_ps, w.free - from);
	assert_int_equal(w.frames, slots);
}

static void a_million_slots_have_no_drift(void **state)
{
	static const uint64_t rate[] = {3 * GBIT, 7 * GBIT, 7300000000, 9999999967,  40 * GBIT,
					1234567,  999983,   100 * GBIT, 1600 * GBIT, 1599999999967};
	static const uint32_t one[] = {60}, mixed[] = {60, 61, 1514, 590, 9014, 67};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(rate); i++) {
		no_drift(rate[i], 0, one, 1);
		no_drift(rate[i], 123456789, mixed, G_N_ELEMENTS(mixed));
	}
}

static void an_idle_wire_begins_at_once_and_anew(void **state)
{
	struct nic_wire w = {.rate_bps = 3 * GBIT};

	(void)state;
	assert_int_equal(nic_wire_slot(&w, 0, 84), 224000);
	assert_int_equal(nic_wire_slot(&w, 0, 85), 450666); /* 450666.67 */
	assert_int_equal(nic_wire_slot(&w, 450666, 85), 677333);
	assert_int_equal(nic_wire_slot(&w, 1000000, 85), 1226666);
	assert_int_equal(w.busy_ps, 677333 + 226666);
}

/* ---- frames of several slots ---------------------------------------------------------- */

enum { ARP, TCP4, TCP4_TS, UDP4, TCP6, UDP6, VLAN_TCP4, QINQ_UDP4, GRE4, BROKEN4 };

/* Headers as far as segmentation looks at them. */
static void headers(uint8_t *b, unsigned kind)
{
	unsigned tags = kind == VLAN_TCP4 ? 1 : kind == QINQ_UDP4 ? 2 : 0, at = 12;
	bool v6 = kind == TCP6 || kind == UDP6;
	bool udp = kind == UDP4 || kind == UDP6 || kind == QINQ_UDP4;

	memset(b, 0, 128);
	for (; tags; tags--, at += 4)
		memcpy(b + at, tags == 2 ? "\x88\xa8\0\5" : "\x81\0\0\5", 4);
	memcpy(b + at, kind == ARP ? "\x08\x06" : v6 ? "\x86\xdd" : "\x08\0", 2);
	b += at + 2;
	if (v6) {
		b[0] = 0x60;
		b[6] = udp ? 17 : 6;
		b += 40;
	} else if (kind != ARP) {
		b[0] = kind == BROKEN4 ? 0x4f : 0x45;
		b[9] = kind == GRE4 ? 47 : udp ? 17 : 6;
		b += kind == BROKEN4 ? 60 : 20;
	}
	b[12] = kind == TCP4_TS ? 0x80 : 0x50; /* TCP header of 32 or 20 bytes */
}

static void tso_frames_take_the_slots_computed_by_hand(void **state)
{
	static const struct {
		unsigned kind;
		uint32_t mtu, len;
		uint16_t slots, header, mss;
		uint64_t bytes;
	} row[] = {
		/* fits: one slot */
		{TCP4, 1500, 1514, 1, 0, 0, 1538},
		{VLAN_TCP4, 1500, 1518, 1, 0, 0, 1542},
		{QINQ_UDP4, 1500, 1522, 1, 0, 0, 1546},
		{TCP4, 9000, 9014, 1, 0, 0, 9038},
		/* one byte more: a full slot and one of 54 + 1, padded */
		{TCP4, 1500, 1515, 2, 54, 1460, 1538 + 84},
		/* 54 + 6 bytes is just not padded, 54 + 7 shows */
		{TCP4, 1500, 54 + 1460 + 6, 2, 54, 1460, 1538 + 84},
		{TCP4, 1500, 54 + 1460 + 7, 2, 54, 1460, 1538 + 85},
		/* two whole segments, and 44 of them: a 64 KiB send */
		{TCP4, 1500, 54 + 2920, 2, 54, 1460, 2 * 1538},
		{TCP4, 1500, 54 + 64240, 44, 54, 1460, 44 * 1538},
		{TCP4, 1500, 65549, 45, 54, 1460, 44 * 1538 + 54 + 1255 + 24},
		{TCP4, 9000, 65549, 8, 54, 8960, 7 * 9038 + 54 + 2775 + 24},
		/* time stamps: headers of 66, 1448 a segment */
		{TCP4_TS, 1500, 66 + 3 * 1448, 3, 66, 1448, 3 * 1538},
		{TCP4_TS, 1500, 66 + 2 * 1448 + 100, 3, 66, 1448, 2 * 1538 + 190},
		/* UDP: headers of 42 */
		{UDP4, 1500, 42 + 2 * 1472 + 1, 3, 42, 1472, 2 * 1538 + 84},
		/* IPv6: 14 + 40 + 20 and + 8 */
		{TCP6, 1500, 74 + 1440 + 500, 2, 74, 1440, 1538 + 74 + 500 + 24},
		{UDP6, 1500, 62 + 4 * 1452, 4, 62, 1452, 4 * 1538},
		/* tags repeat on each slot */
		{VLAN_TCP4, 1500, 58 + 2 * 1460, 2, 58, 1460, 2 * 1542},
		{QINQ_UDP4, 1500, 50 + 2 * 1472, 2, 50, 1472, 2 * 1546},
		/* what nobody can segment is cut behind the Ethernet header */
		{ARP, 1500, 14 + 3001, 3, 14, 1500, 2 * 1538 + 84},
		{GRE4, 1500, 14 + 3000, 2, 14, 1500, 2 * 1538},
		{BROKEN4, 68, 14 + 200, 3, 14, 68, 2 * 106 + 102},
	};
	uint8_t b[65549] = {0};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
		struct frame f = {.len = row[i].len, .slots = 1};
		headers(b, row[i].kind);
		nic_segment(&f, b, row[i].mtu);
		if (f.slots != row[i].slots || f.wire_header != row[i].header ||
		    f.wire_mss != row[i].mss || nic_slot_bytes(&f) != row[i].bytes)
			fail_msg("row %u: %u slots of %u + %u, %" PRIu64 " bytes", i, f.slots,
				 f.wire_header, f.wire_mss, nic_slot_bytes(&f));
	}
}

/* ---- whole runs ----------------------------------------------------------------------- */

struct ends {
	void (*next)(struct event *ev); /* the NIC's own handler */
	uint64_t n;
	sim_time first, last;
};

static struct ends *ends_of_run;

/* Each last bit that comes by the wire, as an event that happens, whatever was stamped. */
static void note_end(struct event *ev)
{
	struct ends *e = ends_of_run;

	if (!e->n++)
		e->first = ev->at;
	e->last = ev->at;
	e->next(ev);
}

static void saturate(const char *link, uint64_t bps, uint32_t len, double mpps)
{
	uint64_t n = rig_scaled(20000, 2000), bits = (len + 24) * 8ull * n;
	struct ends e = {0};
	struct nic *nic;
	struct rig rig = rig_open("[nic eth0]\nlink = %s\nrx_ring = 4096\n[host]\ndatapath = poll\n"
				  "[guest vm1]\npolicy = null\n[traffic t]\nto = vm1\nrate = max\n"
				  "size = %uB\npackets = %" PRIu64 "\n",
				  link, len, n);

	nic = &rig.m->nic[0].nic;
	e.next = nic->rx_end.fn;
	nic->rx_end.fn = note_end;
	ends_of_run = &e;
	rig_run(&rig);
	assert_int_equal(e.n, n);
	assert_int_equal(nic->rx_frames, n);
	assert_int_equal(e.last, (sim_time)((unsigned __int128)bits * SIM_S / bps));
	assert_int_equal(nic->rx_wire.busy_ps, e.last); /* never idle */
	assert_near(link, (double)(n - 1) * 1e12 / (double)(e.last - e.first),
		    (double)bps / (len + 24) / 8, 1e-9);
	if (mpps != 0)
		assert_near(link, (double)n * 1e6 / (double)e.last, mpps, 6e-5);
	rig_close(&rig);
}

static void a_saturated_link_carries_the_maximum_frame_rate(void **state)
{
	(void)state;
	saturate("10Gbit/s", 10 * GBIT, 60, 14.8810);
	saturate("10Gbit/s", 10 * GBIT, 1514, 0.8127);
	saturate("25Gbit/s", 25 * GBIT, 1514, 0);
	saturate("40Gbit/s", 40 * GBIT, 590, 0);
}

/* Receives by LRO what takes 44 slots: the link is as busy as with its segments. */
static void an_lro_frame_keeps_the_link_busy_for_all_its_slots(void **state)
{
	/* synthetic frames are UDP: 42 bytes of headers, 1472 of payload a slot */
	struct rig rig = rig_open("[nic eth0]\nlink = 10Gbit/s\nlro = true\n[guest vm1]\n"
				  "policy = null\n[traffic t]\nto = vm1\nrate = max\n"
				  "size = 64810B\npackets = 50\n");

	(void)state;
	rig_run(&rig);
	assert_int_equal(rig.m->nic[0].nic.rx_wire.busy_ps, 50 * 44 * 1230400ull);
	assert_int_equal(rig.m->nic[0].nic.rx_wire.free, 50 * 44 * 1230400ull);
	rig_close(&rig);
}

static void a_tso_frame_leaves_in_all_its_slots(void **state)
{
	struct rig rig = rig_open("[nic eth0]\nlink = 10Gbit/s\ntso = true\n[guest vm1]\n"
				  "[traffic t]\nfrom = vm1\nrate = max\nsize = 64810B\n"
				  "packets = 50\n");

	(void)state;
	rig_run(&rig);
	assert_int_equal(rig.m->guest[0].tx.led.delivered, 50);
	assert_int_equal(rig.m->nic[0].nic.tx_wire.busy_ps, 50 * 44 * 1230400ull);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_last_as_long_as_the_standard_says),
		cmocka_unit_test(short_frames_are_padded_to_60_bytes),
		cmocka_unit_test(frame_rates_are_the_published_ones),
		cmocka_unit_test(the_imix_slot_is_305_ns_on_average),
		cmocka_unit_test(a_million_slots_have_no_drift),
		cmocka_unit_test(an_idle_wire_begins_at_once_and_anew),
		cmocka_unit_test(tso_frames_take_the_slots_computed_by_hand),
		cmocka_unit_test(a_saturated_link_carries_the_maximum_frame_rate),
		cmocka_unit_test(an_lro_frame_keeps_the_link_busy_for_all_its_slots),
		cmocka_unit_test(a_tso_frame_leaves_in_all_its_slots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
