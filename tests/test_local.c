/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_local.c - the switch between guests: who gets what, never by the wire, and at what price.
 *
 * Captures are made here, with station 02:00:00:00:00:<i>, 10.0.0.<i>, as guest vm<i> and station
 * 9 on the wire.
 */
#include "machine_helper2.h"

#define WIRE 9
#define ALL  0xff

struct hop {
	uint8_t src, dst; /* stations; dst ALL: broadcast */
};

static char *make(const struct hop *hop, unsigned n, unsigned rounds, const uint8_t *group)
{
	static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	char *path = run_temp(".pcap");
	struct pcap_make m = pcap_make_new(PCAP_NANO_LE, 1);
	uint8_t b[400];

	for (unsigned i = 0; i < n * rounds; i++) {
		const struct hop *h = &hop[i % n];
		pcap_make_udp(b, sizeof(b), h->src, h->dst, 4000, (uint8_t)i);
		if (h->dst == ALL)
			memcpy(b, group ? group : everybody, 6);
		pcap_make_frame(&m, 1000000000ull + i * 20000ull, b, sizeof(b));
	}
	pcap_make_save(&m, path);
	return path;
}

#define GUESTS_3                                                                                   \
	"[guest vm1]\nmac = 02:00:00:00:00:01\nip = 10.0.0.1\n"                                    \
	"[guest vm2]\nmac = 02:00:00:00:00:02\nip = 10.0.0.2\n"                                    \
	"[guest vm3]\nmac = 02:00:00:00:00:03\nip = 10.0.0.3\n"

static const char *const policy_name[] = {"copy", "single-copy", "zero-copy"};
static const char *const wake_name[] = {"interrupt", "poll"};
static const char *const three[] = {"vm1", "vm2", "vm3", "guests", NULL};
static const char *const two[] = {"vm1", "vm2", "guests", NULL};

/* All directions of these add up, and nothing is left. */
static void conserves(const struct run *run, const char *const *objects)
{
	run_conserves(run, objects);
	for (unsigned i = 0; objects[i]; i++) {
		g_autofree char *of = g_strconcat(objects[i], ".local.", NULL);
		run_part_is(run, of, "resident", 0);
		run_part_is(run, of, "packets",
			    run_part(run, of, "delivered") + run_part(run, of, "drops"));
	}
}

/* ---- who gets what --------------------------------------------------------------------------- */

static void check_wire(const char *match, const char *policy, const char *wake)
{
	static const struct hop hop[] = {{1, 2}, {2, 3}, {1, WIRE}, {WIRE, 3}, {3, 2}, {1, 7}};
	g_autofree char *path = make(hop, G_N_ELEMENTS(hop), 50, NULL);
	struct run run = run_text("[nic eth0]\n[host]\ndatapath = %s\n[guest]\npolicy = %s\n"
				  "receive = %s\n" GUESTS_3 "[traffic t]\ntrace = %s\nmatch = %s\n",
				  wake, policy, wake, path, match);

	unlink(path);
	run_ok(&run);
	conserves(&run, three);
	run_is(&run, "vm1.local.packets", 0);
	run_is(&run, "vm2.local.delivered", 100);
	run_is(&run, "vm3.local.delivered", 50);
	run_is(&run, "guests.local.delivered_bytes", 150 * 400);
	run_is(&run, "guests.local.dma_transfers", 0);
	run_is(&run, "guests.tx.delivered", 100); /* to stations 9 and 7 */
	run_is(&run, "vm1.tx.delivered", 100);
	run_is(&run, "vm3.rx.delivered", 50);
	run_is(&run, "eth0.tx.packets", 100);
	run_is(&run, "eth0.rx.packets", 50);
	run_free(&run);
}

static void p1_12_local_is_never_on_the_wire_and_not_local_is_once(void **state)
{
	(void)state;
	for (unsigned p = 0; p < G_N_ELEMENTS(policy_name); p++)
		for (unsigned w = 0; w < G_N_ELEMENTS(wake_name); w++) {
			check_wire("mac", policy_name[p], wake_name[w]);
			check_wire("ip", policy_name[p], wake_name[w]);
		}
}

static void check_flood(const char *policy, const uint8_t *group, unsigned host, bool falls)
{
	static const struct hop hop[] = {{1, ALL}, {2, 3}, {1, ALL}};
	g_autofree char *path = make(hop, G_N_ELEMENTS(hop), 40, group);
	struct run run = run_text("[nic eth0]\n[guest]\npolicy = %s\ndelivery = process\n" GUESTS_3
				  "[traffic t]\ntrace = %s\nmatch = mac\n",
				  policy, path);

	unlink(path);
	run_ok(&run);
	conserves(&run, three);
	run_is(&run, "vm1.local.packets", 0);
	run_is(&run, "vm2.local.delivered", 80);
	run_is(&run, "vm3.local.delivered", 120);
	run_is(&run, "vm1.tx.delivered", 80);
	run_is(&run, "eth0.tx.packets", 80);
	run_is(&run, "eth0.rx.packets", 0);
	/* One hypervisor buffer for all of them. */
	run_is(&run, "vm1.tx.copies", host * 80);
	run_is(&run, "vm2.local.copies", 80);
	run_is(&run, "vm2.local.copies.hypervisor_to_guest", 80);
	run_is(&run, "vm1.tx.fallbacks.multicast", falls ? 80 : 0);
	run_is(&run, "vm2.local.fallbacks.multicast", falls ? 80 : 0);
	run_is(&run, "vm3.local.fallbacks.multicast", falls ? 80 : 0);
	run_free(&run);
}

static void p1_18_broadcast_and_multicast_reach_each_other_guest_once_and_the_wire(void **state)
{
	static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1};

	(void)state;
	check_flood("copy", NULL, 2, false);
	check_flood("single-copy", group, 1, false);
	check_flood("zero-copy", NULL, 1, true);
	check_flood("zero-copy", group, 1, true);
}

static void p1_18_synthetic_broadcast_goes_to_all(void **state)
{
	struct run run = run_text("[nic eth0]\n[guest vm1..vm3]\n[traffic t]\nfrom = vm1..vm3\n"
				  "to = all\npps = 30000\npackets = 300\n");

	(void)state;
	run_ok(&run);
	conserves(&run, three);
	run_is(&run, "guests.tx.delivered", 300);
	for (unsigned i = 0; i < 3; i++) {
		g_autofree char *of = g_strdup_printf("vm%u.local.", i + 1);
		run_part_is(&run, of, "delivered", 200);
	}
	run_is(&run, "eth0.tx.packets", 300);
	run_free(&run);
}

static void frame_to_its_own_sender_is_dropped_and_counted(void **state)
{
	static const struct hop hop[] = {{1, 1}, {1, 2}};
	g_autofree char *path = make(hop, 2, 25, NULL);
	struct run run =
		run_text("[nic eth0]\n" GUESTS_3 "[traffic t]\ntrace = %s\nmatch = mac\n", path);

	(void)state;
	unlink(path);
	run_ok(&run);
	conserves(&run, three);
	run_is(&run, "vm1.local.drops.to_self", 25);
	run_is(&run, "guests.local.drops", 25);
	run_is(&run, "vm2.local.delivered", 25);
	run_is(&run, "eth0.tx.packets", 0);
	run_free(&run);
}

static void sets_of_guests_send_by_pairs(void **state)
{
	struct run run =
		run_text("[scenario]\nwarmup = 1ms\n[nic eth0]\n[guest vm1..vm3]\n"
			 "[traffic t]\nfrom = vm1..vm3\nto = vm1, vm2, wire\npps = 100000\n"
			 "packets = 700\n");

	(void)state;
	run_ok(&run);
	conserves(&run, three);
	/* Seven pairs, an end with itself left out; the first 100 frames are of the warm-up. */
	assert_int_equal(run_int(&run, "guests.local.delivered") +
				 run_int(&run, "guests.tx.delivered"),
			 600);
	run_is(&run, "vm3.local.packets", 0);
	assert_in_range(run_int(&run, "vm1.local.delivered"), 170, 173);
	assert_in_range(run_int(&run, "vm2.local.delivered"), 170, 173);
	run_is(&run, "eth0.tx.packets", 300);
	run_free(&run);
}

/* ---- at what price --------------------------------------------------------------------------- */

#define N 200u

static struct run pair(const char *from, const char *to, const char *delivery)
{
	return run_text("[scenario]\nchecked = true\n[nic eth0]\n[guest]\ndelivery = %s\n"
			"[guest vm1]\ntx_policy = %s\n[guest vm2]\nrx_policy = %s\n"
			"[traffic t]\nfrom = vm1\nto = vm2\nsize = imix\npps = 20000\n"
			"packets = %u\n",
			delivery, from, to, N);
}

static void p4_17_software_switch_makes_the_copies_of_the_policy_and_one_a_kernel_end(void **state)
{
	static const unsigned host[] = {2, 1, 1};
	g_autofree char *digest = NULL;

	(void)state;
	for (unsigned p = 0; p < 3; p++)
		for (unsigned kernel = 0; kernel < 2; kernel++) {
			struct run run =
				pair(policy_name[p], policy_name[p], kernel ? "kernel" : "process");
			run_ok(&run);
			conserves(&run, two);
			run_is(&run, "vm2.local.delivered", N);
			run_is(&run, "vm2.local.copies", (host[p] + 2 * kernel) * N);
			run_ratio_is(&run, "vm2.local.host_copies_per_packet", host[p], 1);
			run_ratio_is(&run, "vm2.local.guest_copies_per_packet", 2 * kernel, 1);
			run_is(&run, "vm2.local.copy_bytes",
			       (host[p] + 2 * kernel) * run_int(&run, "vm2.local.bytes"));
			run_is(&run, "vm2.local.fallbacks.local", p == 2 ? N : 0);
			run_is(&run, "vm2.local.fallbacks", p == 2 ? N : 0);
			run_is(&run, "eth0.tx.packets", 0);
			if (!digest)
				digest = g_strdup(run_str(&run, "vm2.local.digest"));
			assert_string_equal(run_str(&run, "vm2.local.digest"), digest);
			assert_string_not_equal(digest, "0000000000000000");
			run_free(&run);
		}
}

static void policy_with_more_copies_holds_if_two_differ(void **state)
{
	static const struct {
		const char *from, *to;
		unsigned through, direct, falls;
	} row[] = {
		{"copy", "single-copy", N, 0, 0},      {"copy", "zero-copy", N, 0, 0},
		{"single-copy", "copy", N, 0, 0},      {"zero-copy", "copy", N, 0, 0},
		{"single-copy", "zero-copy", 0, N, 0}, {"zero-copy", "single-copy", 0, N, 0},
		{"zero-copy", "zero-copy", 0, N, N},
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
		struct run run = pair(row[i].from, row[i].to, "process");

		run_ok(&run);
		run_is(&run, "vm2.local.delivered", N);
		run_is(&run, "vm2.local.copies.guest_to_hypervisor", row[i].through);
		run_is(&run, "vm2.local.copies.hypervisor_to_guest", row[i].through);
		run_is(&run, "vm2.local.copies.guest_to_guest", row[i].direct);
		run_is(&run, "vm2.local.copies", 2 * row[i].through + row[i].direct);
		run_is(&run, "vm2.local.fallbacks.local", row[i].falls);
		run_is(&run, "vm2.local.fallbacks", row[i].falls);
		run_free(&run);
	}
}

/* What is lent is read when the receiver's turn comes; what was copied is safe. */
static void overwriting_a_lent_chain_is_seen_and_a_copied_one_is_not(void **state)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};
	uint64_t seen[3];

	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		struct run run =
			run_text("[host]\ncores = 4\n[nic eth0]\n[guest vm1..vm2]\npolicy = %s\n"
				 "delivery = process\noverwrite = 3us\n[traffic t]\nfrom = vm1\nto "
				 "= vm2\nsize = 1000B\n"
				 "pps = 20000\npackets = %u\n",
				 policy[p], N);
		run_ok(&run);
		run_is(&run, "vm2.local.delivered", N);
		seen[p] = run_int(&run, "vm2.local.hazards.overwrite_seen");
		run_free(&run);
	}
	assert_int_equal(seen[0], 0);
	assert_in_range(seen[1], N / 2, N);
	assert_in_range(seen[2], N / 2, N);
}

/* Intended send to readable: no wire, no NIC, and the stages are all of it. */
static void latency_of_local_frames_has_no_wire_in_it(void **state)
{
	struct run run = pair("single-copy", "single-copy", "kernel");
	static const char *const some[] = {"guest", "host_wait", "host", "guest_kernel", "process"};
	static const char *const none[] = {"wire_wait", "wire", "nic", "vmm", "vmm_wait"};

	(void)state;
	run_ok(&run);
	for (unsigned i = 0; i < G_N_ELEMENTS(some); i++) {
		g_autofree char *name = g_strconcat("vm2.local.stage_ns.", some[i], ".mean", NULL);
		assert_true(run_value(&run, name)->num > 0);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(none); i++) {
		g_autofree char *name = g_strconcat("vm2.local.stage_ns.", none[i], ".mean", NULL);
		assert_true(run_value(&run, name)->num == 0);
	}
	run_free(&run);
}

/* ---- under load ------------------------------------------------------------------------------ */

/* Both directions at once, all rings and outboxes full: everything ends, and adds up. */
static void p4_13_both_directions_with_full_rings_do_not_deadlock(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++)
		for (unsigned w = 0; w < 2; w++)
			for (unsigned cores = 1; cores <= 4; cores += 3) {
				struct run run = run_text(
					"[scenario]\nchecked = true\n[host]\ncores = %u\n"
					"datapath = %s\n[nic eth0]\n[guest vm1..vm3]\npolicy = %s\n"
					"receive = %s\nqueue_size = %u\n"
					"[traffic t]\nfrom = vm1..vm3\nto = vm1..vm3, wire\n"
					"size = 1500B\nrate = max\npackets = 9000\n"
					"[traffic b]\nfrom = vm1\nto = all\nrate = max\n"
					"packets = 500\n",
					cores, wake_name[w], policy_name[p], wake_name[w],
					w ? 512 : 16);
				run_ok(&run);
				conserves(&run, three);
				run_is(&run, "guests.tx.delivered", 3500);
				run_is(&run, "guests.local.packets", 7000);
				assert_true(run_int(&run, "guests.local.delivered") > 0);
				run_free(&run);
			}
}

/* A receiver without a buffer loses its own frames, and holds nobody else's up. */
static void receiver_without_buffers_does_not_hold_up_others(void **state)
{
	struct run run = run_text(
		"[host]\ncores = 4\n[nic eth0]\n[guest vm1]\n[guest vm2]\nqueue_size = 8\n"
		"[guest vm3]\nqueue_size = 512\nsocket_queue = 512\n[traffic t]\nfrom = vm1\nto = "
		"vm2\n"
		"size = 60B\nrate = max\npackets = 5000\n"
		"[traffic u]\nfrom = vm1\nto = vm3\nsize = 60B\npps = 10000\npackets = 50\n");

	(void)state;
	run_ok(&run);
	conserves(&run, three);
	assert_true(run_int(&run, "vm2.local.drops") > 0);
	run_is(&run, "vm3.local.delivered", 50);
	run_free(&run);
}

/* Several senders are faster than one receiver: what its queue does not hold is dropped. */
static void queue_to_a_receiver_is_bounded_and_its_drops_counted(void **state)
{
	struct run run = run_text("[host]\ncores = 16\n[nic eth0]\n[guest vm1..vm4]\n"
				  "policy = copy\ndelivery = process\n[traffic t]\n"
				  "from = vm2..vm4\nto = vm1\nsize = 1500B\nrate = max\n"
				  "packets = 6000\n");
	uint64_t full;

	(void)state;
	run_ok(&run);
	conserves(&run, three);
	full = run_int(&run, "vm1.local.drops.local_queue_full");
	assert_true(full > 0);
	assert_true(run_int(&run, "vm1.local.delivered") > 1000);
	/* Each of them had been copied once. */
	run_is(&run, "vm1.local.wasted_copies", run_int(&run, "vm1.local.drops"));
	run_free(&run);
}

/* How many chains the sender has back when the receiver's first frame is published. */
static struct {
	struct guest *sender, *receiver;
	bool (*commit)(struct worker *w);
	int back;
} watched;

static bool watch(struct worker *w)
{
	uint16_t before = watched.receiver->dp.rxq.published_used;
	bool more = watched.commit(w);

	if (watched.receiver->dp.rxq.published_used != before && watched.back < 0)
		watched.back = watched.sender->dp.txq.published_used;
	return more;
}

static void lent_chain_returns_when_consumed_and_a_copied_one_at_once(void **state)
{
	static const int back[] = {1, 0, 0};

	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		struct rig rig = rig_open("[nic eth0]\n[guest vm1..vm2]\npolicy = %s\n"
					  "[traffic t]\nfrom = vm1\nto = vm2\npps = 1000\n"
					  "packets = 1\n",
					  policy_name[p]);
		struct worker *w = p ? &rig.m->guest[1].hrx : &rig.m->guest[1].hvmm;
		struct dpath *dp = &rig.m->guest[0].dp;

		watched.sender = &rig.m->guest[0];
		watched.receiver = &rig.m->guest[1];
		watched.commit = w->commit;
		watched.back = -1;
		w->commit = watch;
		rig_run(&rig);
		assert_int_equal(watched.back, back[p]);
		assert_int_equal(dp->txq.published_used, 1);
		assert_int_equal(dp->out->chains, 0);
		rig_close(&rig);
	}
}

/* After the run and its drain every slot and every buffer is where it was, or on its way back. */
static void slots_and_buffers_come_back(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		struct rig rig = rig_open(
			"[nic eth0]\n[guest vm1..vm3]\npolicy = %s\n[traffic t]\n"
			"from = vm1..vm3\nto = vm1..vm3, wire\nrate = max\npackets = 3000\n"
			"[traffic b]\nfrom = vm1\nto = all\npps = 10000\npackets = 100\n",
			policy_name[p]);

		rig_run(&rig);
		for (unsigned i = 0; i < 3; i++) {
			struct dpath *dp = &rig.m->guest[i].dp;
			for (unsigned k = 0; k < OUTBOX_SLOTS / DPATH_BURST; k++)
				outbox_reclaim(dp);
			assert_int_equal(dp->out->top, OUTBOX_SLOTS);
			assert_int_equal(dp->out->lent.top, 0);
			assert_int_equal(dp->out->chains, 0);
		}
		rig_close(&rig);
	}
}

/* ---- the table ------------------------------------------------------------------------------- */

static void lookup_goes_by_mac_then_by_ip_and_reads_no_further_than_the_frame(void **state)
{
	static const uint8_t mac[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	static const uint8_t ip[2][4] = {{10, 0, 0, 1}, {0, 0, 0, 0}};
	struct lswitch_addr addr[8] = {{0}};
	struct lswitch sw = {.addr = addr, .mask = 7};
	uint8_t b[64];

	(void)state;
	lswitch_learn(&sw, 4, mac[0], ip[0]);
	lswitch_learn(&sw, 5, mac[1], ip[1]);
	pcap_make_udp(b, sizeof(b), 9, 1, 4000, 0);
	assert_int_equal(lswitch_lookup(&sw, b, LSWITCH_HEAD), 4);
	assert_int_equal(lswitch_lookup(&sw, b, 13), LSWITCH_WIRE);
	b[5] = 2;
	assert_int_equal(lswitch_lookup(&sw, b, 14), 5);
	b[5] = 7; /* no known MAC, but the address of guest 4 */
	assert_int_equal(lswitch_lookup(&sw, b, LSWITCH_HEAD), LSWITCH_WIRE);
	sw.by_ip = true;
	assert_int_equal(lswitch_lookup(&sw, b, LSWITCH_HEAD), 4);
	assert_int_equal(lswitch_lookup(&sw, b, 33), LSWITCH_WIRE);
	memmove(b + 20, b + 12, 40); /* two VLAN tags in front */
	memcpy(b + 12, (const uint8_t[]){0x88, 0xa8, 0, 1, 0x81, 0, 0, 2}, 8);
	assert_int_equal(lswitch_lookup(&sw, b, LSWITCH_HEAD), 4);
	b[0] = 1;
	assert_int_equal(lswitch_lookup(&sw, b, LSWITCH_HEAD), LSWITCH_ALL);
}

/* ---- what is refused, and what costs nothing ------------------------------------------------- */

/*
 * vm2 is unknown until it sends, 500 us after vm1 has begun: what vm1 sends it until then goes to
 * everybody, and costs the others a look, no copy.
 */
static void learning_switch_floods_until_the_receiver_has_sent(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 3; p++)
		for (unsigned w = 0; w < 2; w++) {
			struct run run = run_text(
				"[host]\ncores = 2\nswitch_table = learned\ndatapath = %s\n"
				"[nic eth0]\n[guest vm1..vm3]\npolicy = %s\ndelivery = process\n"
				"[traffic a]\nfrom = vm1\nto = vm2\npps = 1e5\npackets = 100\n"
				"[traffic b]\nfrom = vm2\nto = vm1\npps = 1e5\nstart = 495us\n"
				"packets = 100\n",
				wake_name[w], policy_name[p]);

			run_ok(&run);
			conserves(&run, three);
			run_is(&run, "vm1.local.delivered", 100);
			run_is(&run, "vm2.local.delivered", 100);
			run_is(&run, "vm1.tx.delivered", 50); /* the wire is one of everybody */
			run_is(&run, "vm2.tx.packets", 0);    /* vm1 was known */
			run_is(&run, "vm3.local.packets", 50);
			run_is(&run, "vm3.local.drops.other_host", 50);
			run_is(&run, "guests.local.wasted_copies", 0);
			run_free(&run);
		}
}

/* Recorded for everybody, and known before the host looks: one receiver, in order, all counted. */
static void receiver_learned_under_way_is_the_only_one(void **state)
{
	uint64_t learned = 0;

	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		struct run run = run_text(
			"[host]\ncores = 2\nswitch_table = learned\n[nic eth0]\nlink = 100Gbit/s\n"
			"[guest vm1..vm3]\npolicy = %s\nqueue_size = 256\n"
			"[traffic a]\nfrom = vm1\nto = vm2\nrate = max\npackets = 2000\n"
			"[traffic b]\nfrom = vm2\npps = 1e5\nstart = 150us\npackets = 10\n",
			policy_name[p]);

		run_ok(&run);
		conserves(&run, three);
		learned += run_int(&run, "vm1.tx.drops.learned");
		run_is(&run, "vm3.local.drops.learned", run_int(&run, "vm1.tx.drops.learned"));
		run_is(&run, "vm2.local.drops.learned", 0);
		run_is(&run, "vm3.local.delivered", 0);
		run_is(&run, "vm2.local.packets", 2000);
		assert_in_range(run_int(&run, "vm1.tx.packets"), 1, 1999);
		run_free(&run);
	}
	assert_true(learned > 0);
}

static void guests_behind_different_nics_are_refused(void **state)
{
	static const struct hop hop[] = {{1, 2}};
	g_autofree char *path = make(hop, 1, 5, NULL);
	struct run run = run_text("[nic eth0]\n[nic eth1]\n[guest vm1]\n[guest vm2]\nnic = eth1\n"
				  "[traffic t]\nfrom = vm1\nto = vm2\npps = 1000\npackets = 5\n");

	(void)state;
	run_refused(&run, SIM_EXIT_USAGE, "behind different NICs");
	run_free(&run);
	run = run_text("[nic eth0]\n[nic eth1]\n[guest vm1]\nmac = 02:00:00:00:00:01\n"
		       "[guest vm2]\nmac = 02:00:00:00:00:02\nnic = eth1\n"
		       "[traffic t]\ntrace = %s\nmatch = mac\n",
		       path);
	run_refused(&run, SIM_EXIT_USAGE, "between guests behind different NICs");
	run_free(&run);
	run = run_text("[nic eth0]\n[guest vm1..vm2]\n"
		       "[traffic t]\ntrace = %s\nfrom = vm1\nto = vm2\n",
		       path);
	run_refused(&run, SIM_EXIT_USAGE, "use match");
	run_free(&run);
	unlink(path);
}

/* A null sender's frames end in its hypervisor, whoever they are for. */
static void null_policy_needs_no_outbox(void **state)
{
	struct run run = run_text("[nic eth0]\n[guest vm1..vm2]\npolicy = null\n[traffic t]\n"
				  "from = vm1\nto = vm2\npps = 1000\npackets = 40\n"
				  "[traffic b]\nfrom = vm2\nto = all\npps = 1000\npackets = 4\n");

	(void)state;
	run_ok(&run);
	conserves(&run, two);
	run_is(&run, "guests.tx.delivered", 44);
	run_is(&run, "guests.local.packets", 0);
	run_free(&run);
}

static void without_local_traffic_there_is_no_switch(void **state)
{
	struct run run = run_text("[nic eth0]\n[guest vm1..vm2]\n[traffic t]\nfrom = vm1..vm2\n"
				  "pps = 1000\npackets = 4\n");

	(void)state;
	run_ok(&run);
	assert_null(result_find(run.r, "vm1.local.packets"));
	run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p1_12_local_is_never_on_the_wire_and_not_local_is_once),
		cmocka_unit_test(
			p1_18_broadcast_and_multicast_reach_each_other_guest_once_and_the_wire),
		cmocka_unit_test(p1_18_synthetic_broadcast_goes_to_all),
		cmocka_unit_test(frame_to_its_own_sender_is_dropped_and_counted),
		cmocka_unit_test(sets_of_guests_send_by_pairs),
		cmocka_unit_test(
			p4_17_software_switch_makes_the_copies_of_the_policy_and_one_a_kernel_end),
		cmocka_unit_test(policy_with_more_copies_holds_if_two_differ),
		cmocka_unit_test(overwriting_a_lent_chain_is_seen_and_a_copied_one_is_not),
		cmocka_unit_test(latency_of_local_frames_has_no_wire_in_it),
		cmocka_unit_test(p4_13_both_directions_with_full_rings_do_not_deadlock),
		cmocka_unit_test(receiver_without_buffers_does_not_hold_up_others),
		cmocka_unit_test(queue_to_a_receiver_is_bounded_and_its_drops_counted),
		cmocka_unit_test(lent_chain_returns_when_consumed_and_a_copied_one_at_once),
		cmocka_unit_test(slots_and_buffers_come_back),
		cmocka_unit_test(lookup_goes_by_mac_then_by_ip_and_reads_no_further_than_the_frame),
		cmocka_unit_test(learning_switch_floods_until_the_receiver_has_sent),
		cmocka_unit_test(receiver_learned_under_way_is_the_only_one),
		cmocka_unit_test(guests_behind_different_nics_are_refused),
		cmocka_unit_test(null_policy_needs_no_outbox),
		cmocka_unit_test(without_local_traffic_there_is_no_switch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
