/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_capture.c - captures in every format and state of repair: what is read, what is refused, in
 * which words, and who gets which frame.
 */
#include "capture_rig.h"

/* ---- formats --------------------------------------------------------------------------------- */

static void all_formats_read_equal(void **state)
{
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);
	uint8_t frame[1514];

	for (int format = 0; format < PCAP_FORMATS; format++) {
		struct pcap_make m = pcap_make_new(format, 1);
		struct traffic *t;
		struct traffic_cursor *c;
		struct tframe f;

		for (uint32_t i = 0; i < 20; i++) {
			pcap_make_udp(frame, 60 + i * 70, 9, 1, 1000, (uint8_t)i);
			pcap_make_frame(&m, T0 + i * 1001000 + i * 7, frame, 60 + i * 70);
		}
		pcap_make_save(&m, b->path);
		t = must_open(&cfg);
		assert_int_equal(traffic_info(t)->frames, 20);
		assert_int_equal(traffic_info(t)->first_ns, T0);
		assert_int_equal(traffic_info(t)->largest, 60 + 19 * 70);
		assert_int_equal(traffic_info(t)->flows, 1);
		assert_int_equal(traffic_info(t)->link_type, 1);
		c = traffic_cursor(t, TRAFFIC_WIRE);
		for (uint32_t i = 0; i < 20; i++) {
			uint64_t ns = i * 1001000 + (pcap_make_is_micro(format) ? 0 : i * 7);

			assert_true(take(c, &f));
			pcap_make_udp(frame, 60 + i * 70, 9, 1, 1000, (uint8_t)i);
			assert_int_equal(f.len, 60 + i * 70);
			assert_memory_equal(f.bytes, frame, f.len);
			assert_int_equal(f.at, ns * 1000);
			assert_int_equal(f.num, i);
			assert_int_equal(f.to, 0);
			assert_int_equal(f.synth_len, 0);
			cursor_release(c, &f);
		}
		assert_false(take(c, &f));
		cursor_free(c);
		traffic_free(t);
	}
}

static void file_digest_is_the_sha256_of_the_file(void **state)
{
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);
	struct pcap_make m = pcap_make_new(PCAP_MICRO_LE, 1);
	g_autofree char *want = NULL;
	uint8_t frame[60];
	struct traffic *t;

	pcap_make_udp(frame, 60, 9, 1, 1, 0);
	pcap_make_frame(&m, T0, frame, 60);
	want = g_compute_checksum_for_data(G_CHECKSUM_SHA256, m.bytes->data, m.bytes->len);
	pcap_make_save(&m, b->path);
	t = must_open(&cfg);
	assert_string_equal(traffic_info(t)->sha256, want);
	traffic_free(t);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void file_that_cannot_be_read_is_refused(void **state)
{
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);

	must_fail(&cfg, TRAFFIC_ERROR_OPEN, "No such file");
	cfg.trace = b->dir;
	must_fail(&cfg, TRAFFIC_ERROR_OPEN, "not a regular file");
	cfg.trace = b->path;
	g_file_set_contents(b->path, "", 0, NULL);
	must_fail(&cfg, TRAFFIC_ERROR_EMPTY, "empty");
	g_file_set_contents(b->path, "\xd4\xc3\xb2\xa1\2\0\4\0", 8, NULL);
	must_fail(&cfg, TRAFFIC_ERROR_FORMAT, "header");
	g_file_set_contents(b->path, "this is a text and no capture, however long", -1, NULL);
	must_fail(&cfg, TRAFFIC_ERROR_FORMAT, "header");
	g_file_set_contents(b->path, "\x1f\x8b\x08_____________________________________", -1, NULL);
	must_fail(&cfg, TRAFFIC_ERROR_FORMAT, "gunzip");
}

static void record_cut_short_is_an_error_naming_its_frame(void **state)
{
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);
	static const enum pcap_format formats[] = {PCAP_MICRO_LE, PCAP_NANO_BE, PCAP_NG_LE};

	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		for (guint cut = 1; cut < 110; cut += 27) {
			struct pcap_make m = three_frames(formats[i]);

			g_byte_array_set_size(m.bytes, m.bytes->len - cut);
			pcap_make_save(&m, b->path);
			must_fail(&cfg, TRAFFIC_ERROR_TRUNCATED, "frame 3: ");
		}
}

static void impossible_record_is_an_error_naming_its_frame(void **state)
{
	static const struct {
		uint32_t caplen, len;
		const char *words;
	} bad[] = {{0, 0, "length is 0"},
		   {13, 13, "shorter than an Ethernet header"},
		   {14, 65551, "longer than 65550"},
		   {60, 59, "more bytes were captured"},
		   {300000, 300000, "packet capture length"}};
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);
	g_autofree uint8_t *frame = g_malloc0(300000);

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct pcap_make m = three_frames(PCAP_MICRO_LE);

		pcap_make_cut(&m, T0, frame, bad[i].caplen, bad[i].len);
		pcap_make_save(&m, b->path);
		must_fail(&cfg, TRAFFIC_ERROR_GARBAGE, bad[i].words);
		must_fail(&cfg, TRAFFIC_ERROR_GARBAGE, "frame 4: ");
	}
}

static void longest_and_shortest_frames_are_accepted(void **state)
{
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);
	struct pcap_make m = pcap_make_new(PCAP_MICRO_LE, 1);
	g_autofree uint8_t *frame = g_malloc0(CAPTURE_FRAME_MAX);
	struct traffic *t;

	pcap_make_frame(&m, T0, frame, CAPTURE_FRAME_MIN);
	pcap_make_frame(&m, T0, frame, CAPTURE_FRAME_MAX);
	pcap_make_save(&m, b->path);
	t = must_open(&cfg);
	assert_int_equal(traffic_info(t)->offered_bytes, CAPTURE_FRAME_MIN + CAPTURE_FRAME_MAX);
	traffic_free(t);
}

static void other_link_type_is_refused_by_name(void **state)
{
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);

	for (int format = 0; format < PCAP_FORMATS; format++) {
		struct pcap_make m = pcap_make_new(format, 113);
		uint8_t frame[60] = {0};

		pcap_make_frame(&m, T0, frame, 60);
		pcap_make_save(&m, b->path);
		must_fail(&cfg, TRAFFIC_ERROR_LINK_TYPE, "LINUX_SLL");
	}
}

static void capture_that_offers_nothing_is_refused(void **state)
{
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);
	struct pcap_make m = pcap_make_new(PCAP_MICRO_LE, 1);

	pcap_make_save(&m, b->path);
	must_fail(&cfg, TRAFFIC_ERROR_NO_FRAMES, "holds no frames");
	m = three_frames(PCAP_MICRO_LE);
	pcap_make_save(&m, b->path);
	cfg.filter = "tcp";
	must_fail(&cfg, TRAFFIC_ERROR_NO_FRAMES, "'tcp' passes none of its 3 frames");
	cfg.filter = "tcp and (";
	must_fail(&cfg, TRAFFIC_ERROR_FILTER, "'tcp and ('");
	cfg.filter = NULL;
	cfg.to = (struct traffic_set){NULL, 0};
	must_fail(&cfg, TRAFFIC_ERROR_CONFIG, "to, from or match");
	cfg.match = TRAFFIC_MATCH_MAC;
	cfg.endpoints++;
	cfg.n_endpoints = 1;
	must_fail(&cfg, TRAFFIC_ERROR_NO_FRAMES, "no guest has an address");
}

/* ---- filter, time, tail ---------------------------------------------------------------------- */

static void filter_keeps_the_time_base_of_the_file(void **state)
{
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);
	struct pcap_make m = pcap_make_new(PCAP_NANO_LE, 1);
	uint8_t frame[60];
	struct traffic_cursor *c;
	struct traffic *t;
	struct tframe f;

	for (uint32_t i = 0; i < 4; i++) {
		pcap_make_udp(frame, 60, 9, 1, i % 2 ? 7 : 8, (uint8_t)i);
		pcap_make_frame(&m, T0 + i * 100, frame, 60);
	}
	pcap_make_save(&m, b->path);
	cfg.filter = "udp src port 7";
	cfg.start = 5;
	t = must_open(&cfg);
	assert_int_equal(traffic_info(t)->frames, 4);
	assert_int_equal(traffic_info(t)->filtered, 2);
	assert_int_equal(traffic_info(t)->offered, 2);
	assert_int_equal(traffic_info(t)->by_sender[0], 2);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	assert_true(take(c, &f));
	assert_int_equal(f.at, 5 + 100000);
	assert_int_equal(f.num, 0);
	assert_true(take(c, &f));
	assert_int_equal(f.at, 5 + 300000);
	assert_int_equal(f.num, 1);
	assert_false(take(c, &f));
	cursor_free(c);
	traffic_free(t);
}

static void frame_stamped_too_early_is_replayed_at_once_and_counted(void **state)
{
	static const uint64_t stamp[] = {50, 100, 70, 90, 120, 10}, at[] = {0, 50, 50, 50, 70, 70};
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);
	struct pcap_make m = pcap_make_new(PCAP_NANO_BE, 1);
	uint8_t frame[60];
	struct traffic_cursor *c;
	struct traffic *t;
	struct tframe f;

	pcap_make_udp(frame, 60, 9, 1, 1, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(stamp); i++)
		pcap_make_frame(&m, T0 + stamp[i], frame, 60);
	pcap_make_save(&m, b->path);
	t = must_open(&cfg);
	assert_int_equal(traffic_info(t)->backward, 3);
	assert_int_equal(traffic_info(t)->first_ns, T0 + 50);
	assert_int_equal(traffic_info(t)->last_ns, T0 + 120);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	for (size_t i = 0; i < G_N_ELEMENTS(stamp); i++) {
		assert_true(take(c, &f));
		assert_int_equal(f.at, at[i] * 1000);
	}
	cursor_free(c);
	traffic_free(t);
}

static void truncated_frame_keeps_its_length_and_gets_the_documented_tail(void **state)
{
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);
	struct pcap_make m = pcap_make_new(PCAP_NANO_LE, 1);
	uint8_t frame[1500], tail[1500];
	struct traffic_cursor *c;
	struct traffic *t;
	struct tframe f;

	pcap_make_udp(frame, 1500, 9, 1, 1, 0);
	pcap_make_frame(&m, T0, frame, 1500);
	pcap_make_cut(&m, T0, frame, 61, 1500);
	pcap_make_cut(&m, T0, frame, 0, 1000);
	pcap_make_save(&m, b->path);
	cfg.loop = 2;
	t = must_open(&cfg);
	assert_int_equal(traffic_info(t)->truncated, 2);
	assert_int_equal(traffic_info(t)->synth_bytes, 1439 + 1000);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	for (int i = 0; i < 6; i++) {
		static const uint32_t len[] = {1500, 1500, 1000}, caplen[] = {1500, 61, 0};

		assert_true(take(c, &f));
		assert_int_equal(f.len, len[i % 3]);
		assert_int_equal(f.synth_len, f.len - caplen[i % 3]);
		assert_memory_equal(f.bytes, frame, caplen[i % 3]);
		for (uint32_t o = caplen[i % 3]; o < f.len; o++) /* by pieces of one byte */
			capture_tail((uint64_t)i % 3 + 1, o, tail + o, 1);
		assert_memory_equal(f.bytes + caplen[i % 3], tail + caplen[i % 3], f.synth_len);
	}
	cursor_free(c);
	traffic_free(t);
	capture_tail(2, 8, tail, 8); /* pinned: both programs and later versions agree */
	assert_memory_equal(tail,
			    ((const uint8_t[]){0x0a, 0x9c, 0xaf, 0x7f, 0x68, 0x5d, 0x8f, 0xbc}), 8);
	capture_tail(3, 8, tail + 8, 8);
	assert_memory_not_equal(tail, tail + 8, 8);
}

static void flows_are_told_apart_by_five_tuple_else_by_macs_and_type(void **state)
{
	uint8_t a[64], b[64];

	(void)state;
	pcap_make_udp(a, 64, 1, 2, 1000, 0);
	pcap_make_udp(b, 64, 1, 2, 1000, 9);
	memset(b, 0xee, 12); /* MACs don't count in IP */
	assert_int_equal(capture_flow(a, 64), capture_flow(b, 64));
	b[23] = 6;
	assert_int_not_equal(capture_flow(a, 64), capture_flow(b, 64));
	pcap_make_udp(b, 64, 1, 2, 1001, 0);
	assert_int_not_equal(capture_flow(a, 64), capture_flow(b, 64));
	a[20] = b[20] = 0x20; /* first fragments: no ports */
	assert_int_equal(capture_flow(a, 64), capture_flow(b, 64));
	pcap_make_udp(a, 64, 1, 2, 1000, 0);
	memcpy(b, a, 12); /* the same behind a VLAN tag */
	memcpy(b + 12, "\x81\x00\x00\x05", 4);
	memcpy(b + 16, a + 12, 44);
	assert_int_equal(capture_flow(a, 64), capture_flow(b, 60));
	memset(b, 0, 64); /* IPv6, UDP */
	memcpy(b + 12, "\x86\xdd\x60", 3);
	b[20] = 17;
	memcpy(a, b, 64);
	a[18] = 9; /* its length does not count, */
	assert_int_equal(capture_flow(a, 64), capture_flow(b, 64));
	a[53] = 1; /* an address does, */
	assert_int_not_equal(capture_flow(a, 64), capture_flow(b, 64));
	memcpy(a, b, 64);
	a[57] = 1; /* and a port */
	assert_int_not_equal(capture_flow(a, 64), capture_flow(b, 64));
	pcap_make_udp(a, 64, 1, 2, 1000, 0);
	a[12] = 0x12;
	memcpy(b, a, 64);
	b[40] ^= 1;
	assert_int_equal(capture_flow(a, 64), capture_flow(b, 64));
	b[11] ^= 1;
	assert_int_not_equal(capture_flow(a, 64), capture_flow(b, 64));
}

/* ---- who gets which frame -------------------------------------------------------------------- */

static void expect(struct traffic *t, int sender, const int *nums, const int *tos, int n)
{
	struct traffic_cursor *c = traffic_cursor(t, sender);
	struct tframe f;

	assert_int_equal(traffic_info(t)->by_sender[1 + sender], n);
	assert_int_equal(traffic_sends(t, sender), n > 0);
	for (int i = 0; i < n; i++) {
		assert_true(take(c, &f));
		assert_int_equal(f.num, nums[i]);
		assert_int_equal(f.to, tos[i]);
	}
	assert_false(take(c, &f));
	cursor_free(c);
}

/* Sender, receiver: 1 and 2 are guests, 8 and 9 strangers, 255 broadcast. */
static void save_mesh(const struct box *b)
{
	static const uint8_t ends[][2] = {{9, 1}, {1, 9},   {1, 2},  {9, 8},
					  {2, 1}, {9, 255}, {1, 255}};
	struct pcap_make m = pcap_make_new(PCAP_NG_BE, 1);
	uint8_t frame[60];

	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
		pcap_make_udp(frame, 60, ends[i][0], ends[i][1], 1, (uint8_t)i);
		if (ends[i][1] == 255)
			memset(frame, 0xff, 6);
		pcap_make_frame(&m, T0 + i, frame, 60);
	}
	pcap_make_save(&m, b->path);
}

static void match_finds_sender_and_receiver_by_address(void **state)
{
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);

	save_mesh(b);
	cfg.to = (struct traffic_set){NULL, 0};
	for (cfg.match = TRAFFIC_MATCH_MAC; cfg.match <= TRAFFIC_MATCH_IP; cfg.match++) {
		struct traffic *t = must_open(&cfg);

		assert_int_equal(traffic_info(t)->unmatched, 1);
		assert_int_equal(traffic_info(t)->offered, 6);
		expect(t, TRAFFIC_WIRE, (int[]){0, 4}, (int[]){0, TRAFFIC_ALL}, 2);
		expect(t, 0, (int[]){1, 2, 5}, (int[]){TRAFFIC_WIRE, 1, TRAFFIC_ALL}, 3);
		expect(t, 1, (int[]){3}, (int[]){0}, 1);
		expect(t, 2, NULL, NULL, 0);
		traffic_free(t);
	}
}

static void match_refuses_two_guests_of_one_address(void **state)
{
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);
	struct traffic_endpoint two[2] = {guests[0], guests[1]};

	save_mesh(b);
	memcpy(two[1].mac, two[0].mac, 6);
	cfg.endpoints = two;
	cfg.n_endpoints = 2;
	cfg.match = TRAFFIC_MATCH_MAC;
	must_fail(&cfg, TRAFFIC_ERROR_CONFIG, "match excludes");
	cfg.to = (struct traffic_set){NULL, 0};
	must_fail(&cfg, TRAFFIC_ERROR_CONFIG, "vm1 and vm2");
}

static void match_by_ip_understands_arp(void **state)
{
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);
	struct pcap_make m = pcap_make_new(PCAP_MICRO_LE, 1);
	uint8_t frame[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,  9, 8, 6,
			     0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,  0, 0, 9,
			     10,   0,    0,    1,    0,    0,    0, 0, 0, 0, 10, 0, 0, 9};
	struct traffic *t;

	pcap_make_frame(&m, T0, frame, 60); /* vm1 asks for 10.0.0.9 */
	memset(frame, 2, 6);
	memcpy(frame + 28, (const uint8_t[]){10, 0, 0, 9}, 4);
	memcpy(frame + 38, (const uint8_t[]){10, 0, 0, 2}, 4);
	pcap_make_frame(&m, T0, frame, 60); /* 10.0.0.9 answers vm2 */
	pcap_make_save(&m, b->path);
	cfg.to = (struct traffic_set){NULL, 0};
	cfg.match = TRAFFIC_MATCH_IP;
	t = must_open(&cfg);
	expect(t, 0, (int[]){0}, (int[]){TRAFFIC_ALL}, 1);
	expect(t, TRAFFIC_WIRE, (int[]){1}, (int[]){1}, 1);
	traffic_free(t);
}

static void from_and_to_ignore_addresses_and_share_frames_out_in_turn(void **state)
{
	static const int both[] = {0, 1};
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);
	struct traffic *t;

	save_mesh(b);
	t = must_open(&cfg);
	expect(t, TRAFFIC_WIRE, (int[]){0, 1, 2, 3, 4, 5, 6}, (int[]){0, 0, 0, 0, 0, 0, 0}, 7);
	expect(t, 0, NULL, NULL, 0);
	traffic_free(t);
	cfg.from = cfg.to;
	cfg.to = (struct traffic_set){NULL, 0};
	t = must_open(&cfg);
	expect(t, 0, (int[]){0, 1, 2, 3, 4, 5, 6}, (int[]){-1, -1, -1, -1, -1, -1, -1}, 7);
	traffic_free(t);
	cfg.from = (struct traffic_set){both, 2};
	cfg.to = (struct traffic_set){vm2, 1}; /* vm2 to vm2 is left out */
	t = must_open(&cfg);
	expect(t, 0, (int[]){0, 1, 2, 3, 4, 5, 6}, (int[]){1, 1, 1, 1, 1, 1, 1}, 7);
	traffic_free(t);
	cfg.to = (struct traffic_set){NULL, 0};
	t = must_open(&cfg);
	expect(t, 0, (int[]){0, 2, 4, 6}, (int[]){-1, -1, -1, -1}, 4);
	expect(t, 1, (int[]){1, 3, 5}, (int[]){-1, -1, -1}, 3);
	traffic_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_formats_read_equal, setup, teardown),
		cmocka_unit_test_setup_teardown(file_digest_is_the_sha256_of_the_file, setup,
						teardown),
		cmocka_unit_test_setup_teardown(file_that_cannot_be_read_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(record_cut_short_is_an_error_naming_its_frame,
						setup, teardown),
		cmocka_unit_test_setup_teardown(impossible_record_is_an_error_naming_its_frame,
						setup, teardown),
		cmocka_unit_test_setup_teardown(longest_and_shortest_frames_are_accepted, setup,
						teardown),
		cmocka_unit_test_setup_teardown(other_link_type_is_refused_by_name, setup,
						teardown),
		cmocka_unit_test_setup_teardown(capture_that_offers_nothing_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(filter_keeps_the_time_base_of_the_file, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			frame_stamped_too_early_is_replayed_at_once_and_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(
			truncated_frame_keeps_its_length_and_gets_the_documented_tail, setup,
			teardown),
		cmocka_unit_test(flows_are_told_apart_by_five_tuple_else_by_macs_and_type),
		cmocka_unit_test_setup_teardown(match_finds_sender_and_receiver_by_address, setup,
						teardown),
		cmocka_unit_test_setup_teardown(match_refuses_two_guests_of_one_address, setup,
						teardown),
		cmocka_unit_test_setup_teardown(match_by_ip_understands_arp, setup, teardown),
		cmocka_unit_test_setup_teardown(
			from_and_to_ignore_addresses_and_share_frames_out_in_turn, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
