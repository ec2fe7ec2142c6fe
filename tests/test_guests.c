/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_guests.c - several guests behind one NIC or two: who gets which frame, and at what price.
 *
 * Captures are made here, with station 02:00:00:00:00:<i> as guest vm<i> and station 9 on the wire.
 */
#include "machine_helper.h"

#define WIRE 9
#define ALL  0xff

struct hop {
	uint8_t src, dst; /* stations; dst ALL: broadcast */
};

static char *make(const struct hop *hop, unsigned n, unsigned rounds, uint32_t len)
{
	char *path = run_temp(".pcap");
	struct pcap_make m = pcap_make_new(PCAP_NANO_LE, 1);
	uint8_t b[1514];

	for (unsigned i = 0; i < n * rounds; i++) {
		const struct hop *h = &hop[i % n];
		pcap_make_udp(b, len, h->src, h->dst, 4000, (uint8_t)i);
		if (h->dst == ALL)
			memset(b, 0xff, 6);
		pcap_make_frame(&m, 1000000000ull + i * 20000ull, b, len);
	}
	pcap_make_save(&m, path);
	return path;
}

#define GUESTS_3                                                                                   \
	"[guest vm1]\nmac = 02:00:00:00:00:01\nip = 10.0.0.1\n"                                    \
	"[guest vm2]\nmac = 02:00:00:00:00:02\nip = 10.0.0.2\n"                                    \
	"[guest vm3]\nmac = 02:00:00:00:00:03\nip = 10.0.0.3\n"

static const char *const three[] = {"vm1", "vm2", "vm3", "guests", NULL};
static const char *const policy_name[] = {"copy", "single-copy", "zero-copy"};

static void check_unicast(const char *match, const char *policy)
{
	static const struct hop hop[] = {{WIRE, 1}, {WIRE, 2}, {WIRE, 1}, {2, WIRE}, {3, WIRE}};
	g_autofree char *path = make(hop, G_N_ELEMENTS(hop), 50, 400);
	struct run run = run_text("[nic eth0]\n[guest]\npolicy = %s\n" GUESTS_3
				  "[traffic t]\ntrace = %s\nmatch = %s\n",
				  policy, path, match);

	unlink(path);
	run_ok(&run);
	run_conserves(&run, three);
	run_is(&run, "vm1.rx.delivered", 100);
	run_is(&run, "vm2.rx.delivered", 50);
	run_is(&run, "vm3.rx.packets", 0);
	run_is(&run, "vm1.tx.packets", 0);
	run_is(&run, "vm2.tx.delivered", 50);
	run_is(&run, "vm3.tx.delivered", 50);
	run_is(&run, "guests.rx.delivered_bytes", 150 * 400);
	run_is(&run, "guests.tx.delivered_bytes", 100 * 400);
	run_is(&run, "guests.rx.fallbacks", 0);
	run_is(&run, "eth0.rx.packets", 150);
	run_is(&run, "eth0.tx.packets", 100);
	run_is(&run, "t.unmatched", 0);
	run_free(&run);
}

static void unicast_goes_to_the_guest_of_its_address(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		check_unicast("mac", policy_name[p]);
		check_unicast("ip", policy_name[p]);
	}
}

/* The filter for match = ip looks at IP addresses: whose MAC it is does not matter. */
static void match_by_ip_does_not_look_at_mac_addresses(void **state)
{
	static const struct hop hop[] = {{WIRE, 1}, {WIRE, 2}};
	g_autofree char *path = make(hop, 2, 50, 400);

	(void)state;
	for (unsigned guests = 1; guests <= 2; guests++)
		for (unsigned swapped = 0; swapped < 2; swapped++) {
			struct run run = run_text(
				"[nic eth0]\n[guest]\npolicy = zero-copy\n"
				"[guest vm1]\nip = 10.0.0.1\nmac = 02:00:00:00:00:%s\n"
				"%s[traffic t]\ntrace = %s\nmatch = ip\n",
				swapped ? "02" : "77",
				guests == 1 ? ""
				: swapped ? "[guest vm2]\nip = 10.0.0.2\nmac = 02:00:00:00:00:01\n"
					  : "[guest vm2]\nip = 10.0.0.2\n",
				path);

			run_ok(&run);
			run_is(&run, "vm1.rx.delivered", 50);
			run_is(&run, "guests.rx.delivered", 50 * guests);
			run_is(&run, "guests.rx.copies", 50 * guests); /* the guest's own */
			run_is(&run, "t.unmatched", guests == 1 ? 50 : 0);
			run_free(&run);
		}
	unlink(path);
}

static void rule_deals_frames_out_to_a_set_in_turn(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		struct run run = run_text("[nic eth0]\n[guest]\npolicy = %s\n" GUESTS_3
					  "[traffic in]\nto = vm1, vm3\npps = 20000\n"
					  "packets = 201\n"
					  "[traffic out]\nfrom = vm2..vm3\npps = 20000\n"
					  "packets = 300\n",
					  policy_name[p]);

		run_ok(&run);
		run_conserves(&run, three);
		run_is(&run, "vm1.rx.delivered", 101);
		run_is(&run, "vm2.rx.packets", 0);
		run_is(&run, "vm3.rx.delivered", 100);
		run_is(&run, "vm1.tx.packets", 0);
		run_is(&run, "vm2.tx.delivered", 150);
		run_is(&run, "vm3.tx.delivered", 150);
		run_is(&run, "guests.rx.fallbacks", 0);
		run_is(&run, "guests.tx.fallbacks", 0);
		run_free(&run);
	}
}

/* A frame for everybody is one frame on the wire, one DMA, and a copy for each who gets it. */
static void broadcast_reaches_each_guest_once(void **state)
{
	static const struct hop hop[] = {{WIRE, ALL}, {WIRE, 1}};
	g_autofree char *path = make(hop, 2, 40, 300);
	static const unsigned host[] = {2, 1, 1};
	g_autofree char *digest = NULL;

	(void)state;
	for (unsigned p = 0; p < 3; p++)
		for (unsigned process = 0; process < 2; process++) {
			struct run run = run_text(
				"[nic eth0]\n[guest]\npolicy = %s\ndelivery = %s\n" GUESTS_3
				"[traffic t]\ntrace = %s\nmatch = mac\n",
				policy_name[p], process ? "process" : "kernel", path);
			unsigned each = host[p] + !process, mine = 2 - p + !process;

			run_ok(&run);
			run_conserves(&run, three);
			run_is(&run, "vm1.rx.delivered", 80);
			run_is(&run, "vm2.rx.delivered", 40);
			run_is(&run, "vm3.rx.delivered", 40);
			for (unsigned g = 0; g < 3; g++) {
				g_autofree char *of = g_strconcat(three[g], ".rx.", NULL);
				run_part_is(&run, of, "fallbacks.multicast", p == 2 ? 40 : 0);
				run_part_is(&run, of, "fallbacks", p == 2 ? 40 : 0);
				run_part_is(&run, of, "copies", 40 * each + (g ? 0 : 40 * mine));
				run_part_is(&run, of, "drops", 0);
			}
			run_is(&run, "eth0.rx.packets", 80);
			run_is(&run, "guests.rx.dma_transfers", 80);
			if (!digest)
				digest = g_strdup(run_str(&run, "vm1.rx.digest"));
			assert_string_equal(run_str(&run, "vm1.rx.digest"), digest);
			assert_string_not_equal(run_str(&run, "vm2.rx.digest"), digest);
			assert_string_equal(run_str(&run, "vm2.rx.digest"),
					    run_str(&run, "vm3.rx.digest"));
			run_is(&run, "t.unmatched", 0);
			run_free(&run);
		}
	unlink(path);
}

/* Each receiver has a latency of its own, and all of them begin on the same wire. */
static void broadcast_is_timed_for_each_receiver(void **state)
{
	static const struct hop hop[] = {{WIRE, ALL}};
	g_autofree char *path = make(hop, 1, 40, 300);
	struct run run = run_text("[nic eth0]\n[guest]\npolicy = single-copy\n" GUESTS_3
				  "[traffic t]\ntrace = %s\nmatch = mac\n",
				  path);
	unsigned __int128 last = 0;

	(void)state;
	unlink(path);
	run_ok(&run);
	for (unsigned g = 0; g < 3; g++) {
		g_autofree char *mean = g_strconcat(three[g], ".rx.latency_ns.mean", NULL);
		g_autofree char *wire = g_strconcat(three[g], ".rx.stage_ns.wire.mean", NULL);
		unsigned __int128 now = result_milli(run_value(&run, mean));

		run_ratio_is(&run, wire, (300 + 24) * 8, 10); /* ns of 324 B at 10 Gbit/s */
		assert_true(now > last); /* one core serves one after the other */
		last = now;
	}
	run_free(&run);
}

static void broadcast_to_one_guest_is_no_fallback(void **state)
{
	static const struct hop hop[] = {{WIRE, ALL}, {1, ALL}};
	g_autofree char *path = make(hop, 2, 40, 300);
	struct run run = run_text("[nic eth0]\n[guest vm1]\nmac = 02:00:00:00:00:01\n"
				  "policy = zero-copy\ndelivery = process\n"
				  "[traffic t]\ntrace = %s\nmatch = mac\n",
				  path);

	(void)state;
	unlink(path);
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", 40);
	run_is(&run, "vm1.tx.delivered", 40);
	run_is(&run, "vm1.rx.copies", 0);
	run_is(&run, "vm1.rx.fallbacks", 0);
	run_free(&run);
}

static void frames_of_no_guest_are_counted_and_not_offered(void **state)
{
	static const struct hop hop[] = {{WIRE, 1}, {WIRE, 7}, {7, 8}, {2, WIRE}};
	g_autofree char *path = make(hop, 4, 25, 200);
	struct run run =
		run_text("[nic eth0]\n" GUESTS_3 "[traffic t]\ntrace = %s\nmatch = mac\n", path);

	(void)state;
	unlink(path);
	run_ok(&run);
	run_is(&run, "t.frames", 100);
	run_is(&run, "t.unmatched", 50);
	run_is(&run, "guests.rx.packets", 25);
	run_is(&run, "guests.tx.packets", 25);
	run_is(&run, "eth0.rx.packets", 25);
	run_free(&run);
}

static void capture_without_a_frame_for_a_guest_is_an_input_error(void **state)
{
	static const struct hop hop[] = {{WIRE, 7}};
	g_autofree char *path = make(hop, 1, 5, 200);
	struct run run =
		run_text("[nic eth0]\n" GUESTS_3 "[traffic t]\ntrace = %s\nmatch = mac\n", path);

	(void)state;
	unlink(path);
	run_refused(&run, SIM_EXIT_INPUT, "no guest has an address");
	run_free(&run);
}

static void two_guests_with_one_address_are_refused(void **state)
{
	struct run run = run_text("[nic eth0]\n[guest vm1]\nmac = 02:00:00:00:00:01\n"
				  "[guest vm2]\nmac = 02:00:00:00:00:01\n"
				  "[traffic t]\nto = vm1\npps = 1000\npackets = 5\n");

	(void)state;
	run_refused(&run, SIM_EXIT_USAGE, "vm1 has this address already");
	run_free(&run);
}

/* Each NIC has a wire of its own: what passes by one is not on the other. */
static void two_nics_do_not_share_a_wire(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		struct run run = run_text(
			"[host]\ncores = 4\n[nic eth0]\nlink = 1Gbit/s\n[nic eth1]\nlink = "
			"1Gbit/s\n"
			"[guest]\npolicy = %s\n[guest vm1]\nnic = eth0\n[guest vm2]\nnic = eth1\n"
			"[guest vm3]\nnic = eth1\n"
			"[traffic a]\nto = vm1\nrate = 900Mbit/s\npackets = 400\n"
			"[traffic b]\nto = vm2, vm3\nrate = 900Mbit/s\npackets = 300\n"
			"[traffic c]\nfrom = vm3\nrate = 500Mbit/s\npackets = 200\n",
			policy_name[p]);

		run_ok(&run);
		run_conserves(&run, three);
		run_is(&run, "vm1.rx.delivered", 400);
		run_is(&run, "vm2.rx.delivered", 150);
		run_is(&run, "vm3.rx.delivered", 150);
		run_is(&run, "vm3.tx.delivered", 200);
		run_is(&run, "eth0.rx.packets", 400);
		run_is(&run, "eth0.tx.packets", 0);
		run_is(&run, "eth1.rx.packets", 300);
		run_is(&run, "eth1.tx.packets", 200);
		run_ratio_is(&run, "vm1.rx.stage_ns.wire_wait.mean", 0, 1);
		run_ratio_is(&run, "vm2.rx.stage_ns.wire_wait.mean", 0, 1);
		run_free(&run);
	}
}

static void receivers_behind_two_nics_are_refused(void **state)
{
	struct run run = run_text("[nic eth0]\n[nic eth1]\n[guest vm1]\n[guest vm2]\nnic = eth1\n"
				  "[traffic t]\nto = vm1, vm2\npps = 1000\npackets = 5\n");

	(void)state;
	run_refused(&run, SIM_EXIT_USAGE, "behind different NICs");
	run_free(&run);
}

/* Guests without a queue of their own take one copy more than zero; nothing is lost by it. */
static void guests_beyond_the_queues_share_one(void **state)
{
	(void)state;
	for (unsigned queues = 1; queues <= 4; queues++) {
		struct run run = run_text("[nic eth0]\nqueues = %u\n[guest]\npolicy = zero-copy\n"
					  "delivery = process\n" GUESTS_3
					  "[traffic t]\nto = vm1..vm3\npps = 20000\n"
					  "packets = 300\n",
					  queues);

		run_ok(&run);
		run_conserves(&run, three);
		for (unsigned g = 0; g < 3; g++) {
			g_autofree char *of = g_strconcat(three[g], ".rx.", NULL);
			uint64_t shared = g + 1 < queues ? 0 : 100; /* queue 0 is the host's */

			run_part_is(&run, of, "delivered", 100);
			run_part_is(&run, of, "copies", shared);
			run_part_is(&run, of, "fallbacks.shared_queue", shared);
		}
		run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unicast_goes_to_the_guest_of_its_address),
		cmocka_unit_test(match_by_ip_does_not_look_at_mac_addresses),
		cmocka_unit_test(rule_deals_frames_out_to_a_set_in_turn),
		cmocka_unit_test(broadcast_reaches_each_guest_once),
		cmocka_unit_test(broadcast_is_timed_for_each_receiver),
		cmocka_unit_test(broadcast_to_one_guest_is_no_fallback),
		cmocka_unit_test(frames_of_no_guest_are_counted_and_not_offered),
		cmocka_unit_test(capture_without_a_frame_for_a_guest_is_an_input_error),
		cmocka_unit_test(two_guests_with_one_address_are_refused),
		cmocka_unit_test(two_nics_do_not_share_a_wire),
		cmocka_unit_test(receivers_behind_two_nics_are_refused),
		cmocka_unit_test(guests_beyond_the_queues_share_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
