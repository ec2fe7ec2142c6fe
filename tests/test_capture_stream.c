/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_capture_stream.c - captures that are read as they are replayed, change meanwhile, or are
 * garbage.
 */
#include "capture_rig.h"

/* ---- streaming ------------------------------------------------------------------------------- */

static uint64_t lcg(uint64_t *s)
{
	*s = *s * 6364136223846793005u + 1442695040888963407u;
	return *s >> 33;
}

static void save_random(const struct box *b, uint64_t seed, uint32_t frames)
{
	struct pcap_make m = pcap_make_new(PCAP_NANO_LE, 1);
	uint8_t frame[9000];
	uint64_t ns = T0;

	for (uint32_t i = 0; i < frames; i++) {
		uint32_t len = 60 + (uint32_t)(lcg(&seed) % 8940), cap = len;

		pcap_make_udp(frame, len, (uint8_t)(lcg(&seed) % 4), (uint8_t)(lcg(&seed) % 4),
			      (uint16_t)(lcg(&seed) % 5), (uint8_t)i);
		if (lcg(&seed) % 4 == 0)
			cap = (uint32_t)(lcg(&seed) % len);
		pcap_make_cut(&m, ns, frame, cap, len);
		ns += lcg(&seed) % 3000;
		if (lcg(&seed) % 10 == 0)
			ns -= 500;
	}
	pcap_make_save(&m, b->path);
}

static void same_frames(struct traffic *a, struct traffic *b, int sender)
{
	struct traffic_cursor *x = traffic_cursor(a, sender), *y = traffic_cursor(b, sender);
	struct tframe f, g;

	while (take(x, &f)) {
		assert_true(take(y, &g));
		assert_int_equal(f.at, g.at);
		assert_int_equal(f.num, g.num);
		assert_int_equal(f.len, g.len);
		assert_int_equal(f.synth_len, g.synth_len);
		assert_int_equal(f.hash, g.hash);
		assert_int_equal(f.to, g.to);
		assert_memory_equal(f.bytes, g.bytes, f.len);
		cursor_release(x, &f);
		cursor_release(y, &g);
	}
	assert_false(take(y, &g));
	cursor_free(x);
	cursor_free(y);
}

static void streamed_capture_gives_the_frames_of_a_cached_one(void **state)
{
	static const enum traffic_timing timings[] = {
		TRAFFIC_RECORDED, TRAFFIC_SCALED, TRAFFIC_RATE, TRAFFIC_PPS, TRAFFIC_BACK_TO_BACK};
	struct box *b = *state;

	save_random(b, 1, (uint32_t)test_rounds(600));
	for (size_t i = 0; i < G_N_ELEMENTS(timings); i++) {
		struct traffic_cfg cfg = to_vm1(b);
		struct traffic *cached, *streamed;

		cfg.to.n = 0;
		cfg.match = TRAFFIC_MATCH_IP;
		cfg.timing = timings[i];
		cfg.scale = (struct traffic_ratio){7, 3};
		cfg.rate_bps = 999999937;
		cfg.pps = 777777;
		cfg.loop = 3;
		cfg.filter = "ip[20:2] != 3";
		cached = must_open(&cfg);
		cfg.cache_bytes = 1;
		streamed = must_open(&cfg);
		assert_true(traffic_info(cached)->cached);
		assert_false(traffic_info(streamed)->cached);
		for (int sender = TRAFFIC_WIRE; sender < 3; sender++)
			same_frames(cached, streamed, sender);
		traffic_free(cached);
		traffic_free(streamed);
	}
}

static void streaming_memory_follows_frames_in_flight_not_file_size(void **state)
{
	enum { FLIGHT = 64 };
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);
	struct tframe f[FLIGHT];
	struct traffic_cursor *c;
	uint64_t n = 0, early = 0;
	struct traffic *t;

	save_random(b, 2, 1000);
	cfg.cache_bytes = 1;
	cfg.loop = test_rounds(40);
	t = must_open(&cfg);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	for (; take(c, &f[n % FLIGHT]); n++) {
		const struct tframe *old = &f[(n + 1) % FLIGHT];

		if (n < FLIGHT - 1)
			continue;
		/* what is still held must not have been written over */
		assert_int_equal(old->hash, digest_bytes(old->bytes, old->len));
		cursor_release(c, old);
		if (n == 999)
			early = cursor_memory(c);
	}
	assert_int_equal(n, 1000 * test_rounds(40));
	assert_true(early > 0);
	assert_int_equal(cursor_memory(c), early);
	assert_true(early < (FLIGHT * 9000 / 262144 + 3) * 263000);
	cursor_free(c);
	traffic_free(t);
}

static void capture_that_changes_under_a_stream_ends_it_with_an_error(void **state)
{
	struct box *b = *state;
	struct traffic_cfg cfg = to_vm1(b);
	struct traffic_cursor *c;
	struct traffic *t;
	struct tframe f;

	save_random(b, 3, 10);
	cfg.cache_bytes = 1;
	t = must_open(&cfg);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	assert_true(take(c, &f));
	assert_null(cursor_error(c));
	cursor_free(c);
	save_random(b, 4, 11);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	assert_false(take(c, &f));
	assert_int_equal(cursor_error(c)->code, TRAFFIC_ERROR_CHANGED);
	cursor_free(c);
	unlink(b->path);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	assert_false(take(c, &f));
	assert_int_equal(cursor_error(c)->code, TRAFFIC_ERROR_OPEN);
	cursor_free(c);
	traffic_free(t);
}

/* ---- garbage --------------------------------------------------------------------------------- */

/* Replays what opens; the point is that nothing crashes, hangs or reads what it may not. */
static void replay(const struct traffic_cfg *cfg)
{
	g_autoptr(GError) err = NULL;
	struct traffic *t = traffic_open(cfg, &err);

	assert_true(!t == (err != NULL));
	if (!t)
		return;
	for (int sender = TRAFFIC_WIRE; sender < 3; sender++) {
		struct traffic_cursor *c = traffic_cursor(t, sender);
		sim_time last = 0;
		struct tframe f;

		while (take(c, &f)) {
			assert_true(f.at >= last);
			last = f.at;
			cursor_release(c, &f);
		}
		assert_null(cursor_error(c));
		cursor_free(c);
	}
	traffic_free(t);
}

static void damaged_files_are_read_or_refused_but_never_crash(void **state)
{
	const char *given = getenv("VNICSIM_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 20240607, rounds = test_rounds(3000);
	struct box *b = *state;

	print_message("seed %" G_GUINT64_FORMAT "\n", seed);
	for (uint64_t round = 0; round < rounds; round++) {
		struct pcap_make m = three_frames((enum pcap_format)(round % PCAP_FORMATS));
		struct traffic_cfg cfg = to_vm1(b);

		for (uint64_t k = lcg(&seed) % 4 + 1; k; k--)
			m.bytes->data[lcg(&seed) % m.bytes->len] ^= (uint8_t)(1 << lcg(&seed) % 8);
		if (lcg(&seed) % 8 == 0)
			g_byte_array_set_size(m.bytes, (guint)(lcg(&seed) % m.bytes->len));
		pcap_make_save(&m, b->path);
		if (round % 2) {
			cfg.to.n = 0;
			cfg.match = round % 4 == 1 ? TRAFFIC_MATCH_MAC : TRAFFIC_MATCH_IP;
		}
		cfg.cache_bytes = round % 3 ? 0 : 1;
		cfg.loop = 2;
		replay(&cfg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(streamed_capture_gives_the_frames_of_a_cached_one,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			streaming_memory_follows_frames_in_flight_not_file_size, setup, teardown),
		cmocka_unit_test_setup_teardown(
			capture_that_changes_under_a_stream_ends_it_with_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_files_are_read_or_refused_but_never_crash,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
