/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_tap_far.c - the far side of a TAP device, driven by one thread and as a process: each frame
 * is known on either side, and what is lost, strange or damaged is told apart.
 */
#include "tap_rig.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "pcap_make.h"

static struct traffic_cfg fast(uint64_t packets, struct traffic_size size)
{
	return (struct traffic_cfg){
		.timing = TRAFFIC_BACK_TO_BACK, .packets = packets, .size = size};
}

static const struct traffic_size all_sizes = {TRAFFIC_SIZE_UNIFORM, 60, 1514};
static const struct traffic_size small = {TRAFFIC_SIZE_FIXED, 60, 60};

/* Everything there is, by one thread. */
static void run_alone(struct rig *r)
{
	plat_time next;
	bool more;

	do {
		more = far_inject(r->far, rig_now(r), &next);
		for (unsigned q = 0; q < r->dev.queues; q++)
			rig_read(r, q, UINT32_MAX);
		far_receive(r->far);
	} while (more);
	assert_true(far_ended(r->far));
	far_stop(r->far);
	far_settle(r->far);
}

static void every_frame_is_known_where_it_arrives(void **state)
{
	(void)state;
	for (unsigned header = 0; header < 2; header++) {
		struct rig r;
		rig_device(&r, (struct tapdev_cfg){.queue_length = 32, .vnet_hdr = header});
		rig_traffic(&r, fast(2000, all_sizes), false);
		rig_far(&r);
		run_alone(&r);
		assert_int_equal(r.matched, 2000);
		assert_int_equal(r.read, 2000);
		assert_int_equal(r.wrong, 0);
		struct far_stats st = far_stats(r.far);
		assert_int_equal(st.sent, 2000);
		assert_int_equal(st.queue_full + st.unexplained + st.foreign_read + st.foreign, 0);
		rig_end(&r);
	}
}

static void a_full_queue_drops_what_does_not_wait(void **state)
{
	struct rig r;
	plat_time next;

	(void)state;
	rig_device(&r, (struct tapdev_cfg){.queue_length = 16});
	rig_traffic(&r, fast(100, small), true);
	rig_far(&r);
	while (far_inject(r.far, rig_now(&r), &next))
		;
	assert_int_equal(far_waiting(r.far, 0), 100);
	rig_read(&r, 0, UINT32_MAX);
	far_stop(r.far);
	far_settle(r.far);
	assert_int_equal(r.matched, 16);
	assert_int_equal(r.lost[FAR_QUEUE_FULL], 84);
	assert_int_equal(r.lost[FAR_LOST], 0);
	assert_int_equal(far_stats(r.far).queue_full, 84);
	rig_end(&r);
}

static void what_waits_is_never_dropped(void **state)
{
	struct rig r;
	plat_time next;

	(void)state;
	rig_device(&r, (struct tapdev_cfg){.queue_length = 16});
	rig_traffic(&r, fast(100, small), false);
	rig_far(&r);
	for (unsigned i = 0; i < 10; i++)
		assert_true(far_inject(r.far, rig_now(&r), &next));
	assert_int_equal(far_stats(r.far).sent, 16);
	run_alone(&r);
	assert_int_equal(r.matched, 100);
	rig_end(&r);
}

static void frames_beyond_the_mtu_are_not_sent(void **state)
{
	struct rig r;

	(void)state;
	rig_device(&r, (struct tapdev_cfg){.mtu = 586});
	rig_traffic(&r, fast(300, (struct traffic_size){TRAFFIC_SIZE_UNIFORM, 599, 602}), false);
	rig_far(&r);
	run_alone(&r);
	assert_true(r.matched > 0 && r.lost[FAR_OVERSIZE] > 0);
	assert_int_equal(r.matched + r.lost[FAR_OVERSIZE], 300);
	assert_int_equal(far_stats(r.far).oversize, r.lost[FAR_OVERSIZE]);
	assert_int_equal(r.wrong, 0);
	rig_end(&r);
}

/* Frames of a capture with one and two VLAN tags. */
static void tags_of_a_vlan_stay(void **state)
{
	static const uint8_t tags[] = {0x81, 0, 0, 5, 0x81, 0, 0, 6, 8, 0};
	struct rig r;
	uint8_t b[100];
	struct pcap_make p = pcap_make_new(PCAP_NANO_LE, 1);
	char path[] = "/tmp/tap_far_XXXXXX";

	(void)state;
	close(mkstemp(path));
	for (unsigned i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * 3);
	memcpy(b + 12, tags, sizeof(tags));
	pcap_make_frame(&p, SIM_S, b, 100);
	memcpy(b + 12, tags + 4, 6);
	pcap_make_frame(&p, SIM_S, b, 99);
	pcap_make_save(&p, path);
	rig_device(&r, (struct tapdev_cfg){0});
	rig_traffic(&r, (struct traffic_cfg){.timing = TRAFFIC_BACK_TO_BACK, .trace = path}, false);
	unlink(path);
	rig_far(&r);
	run_alone(&r);
	assert_int_equal(r.matched, 2);
	assert_int_equal(r.wrong, 0);
	rig_end(&r);
}

/* ---- what the guests send -------------------------------------------------------------------- */

static void fill(uint8_t *b, uint32_t len, uint32_t i)
{
	for (uint32_t k = 0; k < len; k++)
		b[k] = (uint8_t)(k * 7 + i * (k > 14));
	b[12] = 8;
	b[13] = 0;
	memcpy(b + 20, &i, sizeof(i));
}

static void what_guests_send_is_compared_and_digested(void **state)
{
	static struct endpoint_flow *flow;
	struct endpoint end;
	struct ledger led = {0};
	struct rig r;

	(void)state;
	flow = calloc(1025, sizeof(*flow));
	endpoint_init(&end, flow, 1025);
	rig_device(&r, (struct tapdev_cfg){.vnet_hdr = true});
	rig_far(&r);
	for (uint32_t i = 0; i < 1000; i++) {
		uint8_t b[1518];
		uint32_t len = 60 + i % 1455;
		fill(b, len, i);
		if (i % 5 == 0)
			memcpy(b + 12, "\x81\0\0\x07", 4);
		struct frame f = {.led = &led, .num = i, .len = len, .hash = digest_bytes(b, len)};
		rig_write(&r, 1, b, len, i, f.hash);
		endpoint_receive(&end, &f, b, len);
		if (i % 3 == 0)
			far_receive(r.far);
	}
	far_stop(r.far);
	struct far_stats st = far_stats(r.far);
	assert_int_equal(st.received, 1000);
	assert_int_equal(st.corrupt + st.lost + st.foreign + st.reordered, 0);
	assert_true(far_digest(r.far, 1) == end.digest && end.digest != 0);
	assert_int_equal(far_digest(r.far, 0), 0);
	rig_end(&r);
	free(flow);
}

static void lost_damaged_and_strange_are_told_apart(void **state)
{
	struct rig r;
	uint8_t b[100], other[77] = {0};

	(void)state;
	rig_device(&r, (struct tapdev_cfg){0});
	rig_far(&r);
	for (uint32_t i = 0; i < 200; i++) {
		fill(b, 100, i);
		uint64_t hash = digest_bytes(b, 100);
		if (i % 20 == 3) { /* never written */
			struct frame f = {.num = i, .hash = hash, .len = 90};
			far_expect(r.far, 0, &f);
			continue;
		}
		b[50] ^= i % 40 == 7;
		if (i % 50 == 9) /* nobody's */
			assert_int_equal(write(r.dev.fd[0], other, 77), 77);
		rig_write(&r, 0, b, 100, i, hash);
	}
	far_stop(r.far);
	struct far_stats st = far_stats(r.far);
	assert_int_equal(st.corrupt, 5);
	assert_int_equal(st.lost, 10);
	assert_int_equal(st.foreign, 4);
	assert_int_equal(st.received, 185);
	assert_int_equal(st.reordered, 0);
	rig_end(&r);
}

static void frames_in_another_order_are_known(void **state)
{
	struct rig r;
	uint8_t b[4][100];

	(void)state;
	rig_device(&r, (struct tapdev_cfg){0});
	rig_far(&r);
	for (unsigned i = 0; i < 4; i++) {
		fill(b[i], 100, i);
		struct frame f = {.num = i, .hash = digest_bytes(b[i], 100), .len = 100};
		far_expect(r.far, 0, &f);
	}
	static const unsigned order[] = {0, 2, 1, 3};
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(write(r.dev.fd[0], b[order[i]], 100), 100);
	far_stop(r.far);
	struct far_stats st = far_stats(r.far);
	assert_int_equal(st.received, 4);
	assert_int_equal(st.reordered, 1);
	assert_int_equal(st.lost + st.corrupt + st.foreign, 0);
	rig_end(&r);
}

/* Somebody else sends on the interface, towards the guests. */
static void a_strange_frame_is_no_frame_of_ours(void **state)
{
	struct rig r;
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int s = socket(AF_PACKET, SOCK_RAW, 0);
	uint8_t b[60] = {2};

	(void)state;
	rig_device(&r, (struct tapdev_cfg){.queue_length = 64});
	rig_traffic(&r, fast(50, small), false);
	rig_far(&r);
	to.sll_ifindex = r.dev.ifindex;
	to.sll_halen = 6;
	assert_int_equal(sendto(s, b, sizeof(b), 0, (struct sockaddr *)&to, sizeof(to)), 60);
	run_alone(&r);
	assert_int_equal(r.read, 51);
	assert_int_equal(r.matched, 50);
	assert_int_equal(far_stats(r.far).foreign_read, 1);
	close(s);
	rig_end(&r);
}

/* ---- lockstep, queues, the process ----------------------------------------------------------- */

static void in_lockstep(bool process)
{
	struct rig r;
	plat_time next, at;

	rig_device(&r, (struct tapdev_cfg){0});
	rig_traffic(&r, fast(20, small), false);
	r.cfg.lockstep = true;
	rig_far(&r);
	if (process)
		rig_spawn(&r);
	for (unsigned i = 0; i < 20; i++) {
		assert_true(far_peek(r.far, &at));
		assert_int_equal(at, 0);
		assert_int_equal(rig_read(&r, 0, 2), 0);
		far_allow(r.far);
		if (!process)
			far_inject(r.far, rig_now(&r), &next);
		while (!rig_read(&r, 0, 2))
			;
		assert_int_equal(r.matched, i + 1);
	}
	while (far_peek(r.far, &at) && process)
		;
	assert_true(far_ended(r.far));
	far_stop(r.far);
	assert_int_equal(far_stats(r.far).sent, 20);
	rig_end(&r);
}

static void in_lockstep_a_frame_goes_when_it_may(void **state)
{
	(void)state;
	in_lockstep(false);
}

static void in_lockstep_a_process_sends_when_it_may(void **state)
{
	(void)state;
	rig_must_have_pidfd();
	in_lockstep(true);
}

static void each_guest_has_a_queue_by_its_address(void **state)
{
	static const uint8_t mac[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	static const int both[] = {0, 1}, all[] = {TRAFFIC_ALL};
	g_autoptr(GError) error = NULL;
	struct rig r;
	struct traffic_cfg cast = fast(10, small), each = fast(100, small);

	(void)state;
	rig_device(&r, (struct tapdev_cfg){.queues = 2});
	if (!tapdev_steer(&r.dev, mac, 2, &error)) {
		print_message("%s\n", error->message);
		tapdev_close(&r.dev);
		skip();
	}
	each.to = (struct traffic_set){both, 2};
	cast.to = (struct traffic_set){all, 1};
	rig_traffic(&r, each, false);
	rig_traffic(&r, cast, false);
	r.cfg.mac = mac;
	r.cfg.macs = 2;
	rig_far(&r);
	plat_time next;
	while (far_inject(r.far, rig_now(&r), &next))
		;
	rig_read(&r, 1, UINT32_MAX);
	assert_int_equal(r.matched, 50);
	r.next = 0;
	assert_int_equal(rig_read(&r, 0, 50), 50);
	assert_int_equal(r.matched, 100);
	r.next = 0;
	rig_read(&r, 0, UINT32_MAX);
	assert_int_equal(r.matched, 110);
	assert_int_equal(r.wrong, 0);
	assert_int_equal(far_stats(r.far).foreign_read, 0);
	rig_end(&r);
}

static void a_process_of_its_own_does_the_same(void **state)
{
	struct rig r;
	uint8_t b[100];
	uint32_t sent = 0;

	(void)state;
	rig_must_have_pidfd();
	rig_device(&r, (struct tapdev_cfg){.queue_length = 64});
	rig_traffic(
		&r,
		(struct traffic_cfg){
			.timing = TRAFFIC_PPS, .pps = 50000, .packets = 5000, .size = all_sizes},
		false);
	rig_far(&r);
	rig_spawn(&r);
	while (!far_ended(r.far) || far_waiting(r.far, 0)) {
		rig_read(&r, 0, UINT32_MAX);
		if (sent == 3000 || far_backlog(r.far) > 100)
			continue;
		fill(b, 100, sent);
		rig_write(&r, 0, b, 100, sent++, digest_bytes(b, 100));
	}
	assert_true(far_alive(r.far));
	far_stop(r.far);
	far_settle(r.far);
	assert_false(far_alive(r.far));
	struct far_stats st = far_stats(r.far);
	assert_int_equal(r.matched, 5000);
	assert_int_equal(st.received, sent);
	assert_int_equal(r.wrong + st.lost + st.foreign + st.corrupt + st.reordered, 0);
	assert_int_equal(st.error, 0);
	rig_end(&r);
}

static void a_killed_process_is_noticed(void **state)
{
	struct rig r;
	struct pollfd p;

	(void)state;
	rig_must_have_pidfd();
	rig_device(&r, (struct tapdev_cfg){.queue_length = 64});
	rig_traffic(&r, (struct traffic_cfg){.timing = TRAFFIC_PPS, .pps = 1000, .size = small},
		    false);
	rig_far(&r);
	rig_spawn(&r);
	while (r.matched < 3)
		rig_read(&r, 0, UINT32_MAX);
	assert_int_equal(kill(far_pid(r.far), SIGKILL), 0);
	p = (struct pollfd){.fd = far_pidfd(r.far), .events = POLLIN};
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_false(far_alive(r.far));
	rig_read(&r, 0, UINT32_MAX);
	far_stop(r.far);
	far_settle(r.far);
	assert_int_equal(r.wrong, 0);
	rig_end(&r);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void removed_device(bool process)
{
	struct rig r;
	plat_time next;

	rig_device(&r, (struct tapdev_cfg){.queue_length = 64});
	rig_traffic(&r, (struct traffic_cfg){.timing = TRAFFIC_PPS, .pps = 1000, .size = small},
		    false);
	rig_far(&r);
	if (process)
		rig_spawn(&r);
	tapdev_close(&r.dev);
	while (process ? !far_ended(r.far) : far_inject(r.far, rig_now(&r), &next))
		;
	far_stop(r.far);
	assert_int_not_equal(far_stats(r.far).error, 0);
	rig_end(&r);
}

static void a_removed_device_ends_it(void **state)
{
	(void)state;
	removed_device(false);
}

static void a_removed_device_ends_the_process(void **state)
{
	(void)state;
	rig_must_have_pidfd();
	removed_device(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_is_known_where_it_arrives),
		cmocka_unit_test(a_full_queue_drops_what_does_not_wait),
		cmocka_unit_test(what_waits_is_never_dropped),
		cmocka_unit_test(frames_beyond_the_mtu_are_not_sent),
		cmocka_unit_test(tags_of_a_vlan_stay),
		cmocka_unit_test(what_guests_send_is_compared_and_digested),
		cmocka_unit_test(lost_damaged_and_strange_are_told_apart),
		cmocka_unit_test(frames_in_another_order_are_known),
		cmocka_unit_test(a_strange_frame_is_no_frame_of_ours),
		cmocka_unit_test(in_lockstep_a_frame_goes_when_it_may),
		cmocka_unit_test(in_lockstep_a_process_sends_when_it_may),
		cmocka_unit_test(each_guest_has_a_queue_by_its_address),
		cmocka_unit_test(a_process_of_its_own_does_the_same),
		cmocka_unit_test(a_killed_process_is_noticed),
		cmocka_unit_test(a_removed_device_ends_it),
		cmocka_unit_test(a_removed_device_ends_the_process),
	};

	rig_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
