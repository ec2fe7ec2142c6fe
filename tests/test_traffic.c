/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_traffic.c - when frames are due, how long they are, what synthetic ones contain, and that
 * none of it depends on who else looks.
 */
#include "capture_rig.h"

static const int all3[] = {0, 1, 2}, everyone[] = {TRAFFIC_ALL};

static struct traffic_cfg synthetic(void)
{
	return (struct traffic_cfg){.name = "t",
				    .seed = 1,
				    .endpoints = guests,
				    .n_endpoints = G_N_ELEMENTS(guests),
				    .to = {vm1, 1},
				    .timing = TRAFFIC_RATE,
				    .rate_bps = 1000000000,
				    .size = {TRAFFIC_SIZE_FIXED, 1500, 0}};
}

/* ---- timing, of captures and of synthetic frames --------------------------------------------- */

/* A capture of four frames: 100, 200, 300, 400 bytes at 0, 1, 2, 6 us. */
static int four_frames(void **state)
{
	static const uint64_t us[] = {0, 1, 2, 6};
	struct pcap_make m = pcap_make_new(PCAP_NANO_LE, 1);
	uint8_t frame[400];

	if (setup(state) != 0)
		return -1;
	for (uint32_t i = 0; i < 4; i++) {
		pcap_make_udp(frame, 100 * (i + 1), 9, 1, 1, (uint8_t)i);
		pcap_make_frame(&m, SIM_S + us[i] * 1000, frame, 100 * (i + 1));
	}
	pcap_make_save(&m, ((struct box *)*state)->path);
	return 0;
}

/* The wire's frames are due at exactly these times. */
static void due(const struct traffic_cfg *cfg, const sim_time *at, size_t n)
{
	struct traffic *t = must_open(cfg);
	struct traffic_cursor *c = traffic_cursor(t, TRAFFIC_WIRE);
	struct tframe f;

	for (size_t i = 0; i < n; i++) {
		assert_true(take(c, &f));
		assert_int_equal(f.num, i);
		assert_int_equal(f.at, at[i]);
		cursor_release(c, &f);
	}
	assert_false(take(c, &f));
	assert_false(take(c, &f));
	cursor_free(c);
	traffic_free(t);
}
#define DUE(cfg, ...)                                                                              \
	due(cfg, (const sim_time[]){__VA_ARGS__},                                                  \
	    sizeof((sim_time[]){__VA_ARGS__}) / sizeof(sim_time))

static void capture_times_are_those_of_its_timing(void **state)
{
	struct box *k = *state;
	struct traffic_cfg cfg = synthetic();

	cfg.trace = k->path;
	cfg.start = 7;
	cfg.timing = TRAFFIC_RECORDED;
	DUE(&cfg, 7, SIM_US + 7, 2 * SIM_US + 7, 6 * SIM_US + 7);
	cfg.timing = TRAFFIC_SCALED;
	assert_true(traffic_ratio_parse("0.5", &cfg.scale));
	DUE(&cfg, 7, 500 * SIM_NS + 7, SIM_US + 7, 3 * SIM_US + 7);
	cfg.scale = (struct traffic_ratio){1, 3}; /* the remainder is kept: 666666.67, 2000000 */
	DUE(&cfg, 7, 333333 + 7, 666666 + 7, 2000000 + 7);
	assert_true(traffic_ratio_parse("0.666666666666666667", &cfg.scale)); /* past 64 bits */
	DUE(&cfg, 7, 666666 + 7, 1333333 + 7, 4000000 + 7);
	cfg.timing = TRAFFIC_RATE;
	cfg.rate_bps = 3000000000; /* 800, 2400, 4800 bits */
	DUE(&cfg, 7, 266666 + 7, 800000 + 7, 1600000 + 7);
	cfg.timing = TRAFFIC_PPS;
	cfg.pps = 3000000;
	DUE(&cfg, 7, 333333 + 7, 666666 + 7, 1000000 + 7);
	cfg.timing = TRAFFIC_BACK_TO_BACK;
	DUE(&cfg, 7, 7, 7, 7);
}

static void loop_shifts_by_the_span_and_one_mean_gap(void **state)
{
	struct box *k = *state;
	struct traffic_cfg cfg = synthetic();

	cfg.trace = k->path;
	cfg.loop = 2;
	cfg.timing = TRAFFIC_RECORDED;
	DUE(&cfg, 0, SIM_US, 2 * SIM_US, 6 * SIM_US, 8 * SIM_US, 9 * SIM_US, 10 * SIM_US,
	    14 * SIM_US);
	cfg.timing = TRAFFIC_RATE;
	cfg.rate_bps = 1000000000;
	DUE(&cfg, 0, 800 * SIM_NS, 2400 * SIM_NS, 4800 * SIM_NS, 8000 * SIM_NS, 8800 * SIM_NS,
	    10400 * SIM_NS, 12800 * SIM_NS);
	cfg.timing = TRAFFIC_PPS;
	cfg.pps = 1000000;
	cfg.packets = 6;
	DUE(&cfg, 0, SIM_US, 2 * SIM_US, 3 * SIM_US, 4 * SIM_US, 5 * SIM_US);
	cfg.packets = 0;
	cfg.loop = UINT64_MAX; /* for as long as the duration */
	cfg.duration = 5 * SIM_US + 1;
	DUE(&cfg, 0, SIM_US, 2 * SIM_US, 3 * SIM_US, 4 * SIM_US, 5 * SIM_US);
	cfg.duration--; /* a frame intended at the end is not */
	DUE(&cfg, 0, SIM_US, 2 * SIM_US, 3 * SIM_US, 4 * SIM_US);
	cfg.timing = TRAFFIC_RECORDED;
	cfg.duration = 9 * SIM_US;
	DUE(&cfg, 0, SIM_US, 2 * SIM_US, 6 * SIM_US, 8 * SIM_US);
}

static void run_of_more_than_200_days_is_refused(void **state)
{
	struct box *k = *state;
	struct traffic_cfg cfg = synthetic();

	cfg.trace = k->path;
	cfg.loop = UINT64_MAX;
	must_fail(&cfg, TRAFFIC_ERROR_TOO_LONG, "200 days");
	cfg.loop = 1;
	cfg.rate_bps = 1; /* 600 B before the last frame: 80 minutes */
	traffic_free(must_open(&cfg));
	cfg.start = SIM_MAX - SIM_S;
	must_fail(&cfg, TRAFFIC_ERROR_TOO_LONG, "200 days");
	cfg = synthetic();
	cfg.rate_bps = 1;
	cfg.packets = 1500; /* 1500 * 12000 s are 208 days */
	must_fail(&cfg, TRAFFIC_ERROR_TOO_LONG, "200 days");
	cfg.packets = 1400;
	traffic_free(must_open(&cfg));
	cfg.start = SIM_MAX + 1;
	must_fail(&cfg, TRAFFIC_ERROR_CONFIG, "200 days");
}

static void ten_million_frames_at_a_rate_do_not_drift(void **state)
{
	struct traffic_cfg cfg = synthetic();
	uint64_t n = test_rounds(10000000);
	struct traffic_cursor *c;
	struct traffic *t;
	sim_time at = 0;
	struct tframe f;

	(void)state;
	cfg.rate_bps = 9999999967; /* prime: every step has a remainder */
	cfg.packets = n;
	cfg.size.lo = 60;
	t = must_open(&cfg);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	for (uint64_t i = 0; i < n; i++) {
		unsigned __int128 want = (unsigned __int128)i * 60 * 8 * SIM_S / cfg.rate_bps;

		assert_true(cursor_peek(c, &at));
		if (at != (sim_time)want)
			fail_msg("frame %" G_GUINT64_FORMAT, i);
		cursor_take(c, &f);
		cursor_release(c, &f);
	}
	assert_false(cursor_peek(c, &at));
	cursor_free(c);
	traffic_free(t);
}

static void constant_and_onoff_are_exact(void **state)
{
	struct traffic_cfg cfg = synthetic();

	(void)state;
	cfg.packets = 3;
	cfg.start = 11;
	DUE(&cfg, 11, 12 * SIM_US + 11, 24 * SIM_US + 11);
	cfg.timing = TRAFFIC_BACK_TO_BACK;
	DUE(&cfg, 11, 11, 11);
	cfg.timing = TRAFFIC_PPS;
	cfg.pps = 7;
	DUE(&cfg, 11, 142857142857 + 11, 285714285714 + 11);
	cfg.source = TRAFFIC_ONOFF;
	cfg.pps = 1000000;
	cfg.packets = 7;
	cfg.on = 2500 * SIM_NS; /* frames at 0, 1, 2 | 3, 4 | 5, 6 us of time on */
	cfg.off = 10 * SIM_US;
	DUE(&cfg, 11, SIM_US + 11, 2 * SIM_US + 11, 13 * SIM_US + 11, 14 * SIM_US + 11,
	    25 * SIM_US + 11, 26 * SIM_US + 11);
	cfg.duration = 14 * SIM_US;
	DUE(&cfg, 11, SIM_US + 11, 2 * SIM_US + 11, 13 * SIM_US + 11);
}

static void ratios_are_parsed_exactly(void **state)
{
	static const char *const bad[] = {"",
					  ".",
					  "0",
					  "0.0",
					  "-1",
					  "1e3",
					  "1/2",
					  "1.2.3",
					  " 1",
					  "1 ",
					  "1234567890123456789012"};
	struct traffic_ratio r;

	(void)state;
	assert_true(traffic_ratio_parse("1.25", &r));
	assert_int_equal(r.num, 125);
	assert_int_equal(r.den, 100);
	assert_true(traffic_ratio_parse("2", &r));
	assert_int_equal(r.num, 2);
	assert_int_equal(r.den, 1);
	assert_true(traffic_ratio_parse(".000001", &r));
	assert_int_equal(r.num, 1);
	assert_int_equal(r.den, 1000000);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_false(traffic_ratio_parse(bad[i], &r));
}

/* ---- random sources -------------------------------------------------------------------------- */

static void poisson_gaps_have_mean_and_spread_of_an_exponential(void **state)
{
	struct traffic_cfg cfg = synthetic();
	uint64_t n = test_rounds(1000000);
	double sum = 0, square = 0, mean, ratio, tolerance = n > 100000 ? 0.01 : 0.1;
	struct traffic_cursor *c;
	struct traffic *t;
	sim_time last = 0;
	struct tframe f;

	(void)state;
	cfg.source = TRAFFIC_POISSON;
	cfg.size.kind = TRAFFIC_SIZE_IMIX;
	cfg.rate_bps = 10000000000;
	cfg.packets = n;
	t = must_open(&cfg);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	for (uint64_t i = 0; i < n; i++) {
		double gap;

		assert_true(take(c, &f));
		gap = (double)(f.at - last);
		sum += gap;
		square += gap * gap;
		last = f.at;
		cursor_release(c, &f);
	}
	mean = sum / (double)n / (4294.0 / 12 * 8 * 100); /* mean size at 100 ps a bit */
	ratio = square / (double)n / (sum / (double)n * sum / (double)n); /* 2 if exponential */
	assert_true(mean > 1 - tolerance && mean < 1 + tolerance);
	assert_true(ratio > 2 - 3 * tolerance && ratio < 2 + 3 * tolerance);
	cursor_free(c);
	traffic_free(t);
}

static void poisson_rate_is_exact_where_the_mean_gap_is_no_whole_number(void **state)
{
	struct traffic_cfg cfg = synthetic();
	uint64_t n = test_rounds(2000000);
	struct traffic_cursor *c;
	struct traffic *t;
	struct tframe f = {0};
	double mean;

	(void)state;
	cfg.source = TRAFFIC_POISSON;
	cfg.timing = TRAFFIC_PPS;
	cfg.pps = 400000000000; /* 2.5 ps */
	cfg.packets = n;
	cfg.size.lo = 60;
	t = must_open(&cfg);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	while (take(c, &f))
		cursor_release(c, &f);
	mean = (double)f.at / (double)n;
	assert_true(mean > 2.5 * (n > 100000 ? 0.99 : 0.9));
	assert_true(mean < 2.5 * (n > 100000 ? 1.01 : 1.1));
	cursor_free(c);
	traffic_free(t);
}

static void imix_is_seven_to_four_to_one(void **state)
{
	struct traffic_cfg cfg = synthetic();
	uint64_t n = test_rounds(1200000), count[3] = {0};
	double tolerance = n > 100000 ? 0.01 : 0.2;
	struct traffic_cursor *c;
	struct traffic *t;
	struct tframe f;

	(void)state;
	cfg.size.kind = TRAFFIC_SIZE_IMIX;
	cfg.packets = n;
	t = must_open(&cfg);
	assert_int_equal(traffic_info(t)->largest, 1514);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	while (take(c, &f)) {
		assert_true(f.len == 60 || f.len == 590 || f.len == 1514);
		count[f.len == 60 ? 0 : f.len == 590 ? 1 : 2]++;
		cursor_release(c, &f);
	}
	for (int i = 0; i < 3; i++) {
		double share = (double)count[i] * 12 / (double)n / (double[]){7, 4, 1}[i];

		assert_true(share > 1 - tolerance && share < 1 + tolerance);
	}
	cursor_free(c);
	traffic_free(t);
}

static void uniform_sizes_reach_both_bounds_and_no_further(void **state)
{
	struct traffic_cfg cfg = synthetic();
	struct traffic_cursor *c;
	uint32_t seen = 0;
	struct traffic *t;
	struct tframe f;

	(void)state;
	cfg.size = (struct traffic_size){TRAFFIC_SIZE_UNIFORM, 60, 63};
	cfg.packets = 1000;
	t = must_open(&cfg);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	while (take(c, &f)) {
		assert_in_range(f.len, 60, 63);
		seen |= 1u << (f.len - 60);
		cursor_release(c, &f);
	}
	assert_int_equal(seen, 15);
	cursor_free(c);
	traffic_free(t);
}

/* ---- the bytes ------------------------------------------------------------------------------- */

static uint32_t ones_sum(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void check_headers(const struct tframe *f)
{
	const uint8_t *b = f->bytes;
	uint32_t udp = f->len - 34, pseudo;

	assert_int_equal(b[12] << 8 | b[13], 0x0800);
	assert_int_equal(b[14], 0x45);
	assert_int_equal(b[16] << 8 | b[17], f->len - 14);
	assert_int_equal(ones_sum(0, b + 14, 20), 0xffff);
	assert_int_equal(b[38] << 8 | b[39], udp);
	assert_true(b[40] | b[41]);
	pseudo = ones_sum(17 + udp, b + 26, 8);
	assert_int_equal(ones_sum(pseudo, b + 34, udp), 0xffff);
	assert_int_equal(f->hash, digest_bytes(b, f->len));
	assert_int_equal(f->synth_len, 0);
}

static void synthetic_frames_are_valid_udp_between_their_ends(void **state)
{
	static const uint8_t wire_mac[] = {TRAFFIC_WIRE_MAC}, wire_ip[] = {TRAFFIC_WIRE_IP};
	struct traffic_cfg cfg = synthetic();
	struct traffic_cursor *c;
	struct traffic *t;
	struct tframe f;

	(void)state;
	cfg.to = (struct traffic_set){all3, 3};
	cfg.size = (struct traffic_size){TRAFFIC_SIZE_UNIFORM, 60, 65549};
	cfg.packets = test_rounds(2000);
	t = must_open(&cfg);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	for (uint64_t i = 0; take(c, &f); i++) {
		check_headers(&f);
		assert_int_equal(f.to, i % 3);
		assert_memory_equal(f.bytes, guests[i % 3].mac, 6);
		assert_memory_equal(f.bytes + 6, wire_mac, 6);
		assert_memory_equal(f.bytes + 26, wire_ip, 4);
		assert_memory_equal(
			f.bytes + 30,
			i % 3 < 2 ? guests[i % 3].ip : ((const uint8_t[]){198, 18, 0, 3}), 4);
		cursor_release(c, &f);
	}
	cursor_free(c);
	traffic_free(t);
	cfg.to = (struct traffic_set){everyone, 1};
	cfg.from = (struct traffic_set){vm1, 1};
	t = must_open(&cfg);
	c = traffic_cursor(t, 0);
	assert_true(take(c, &f));
	check_headers(&f);
	assert_int_equal(f.to, TRAFFIC_ALL);
	assert_memory_equal(f.bytes, "\xff\xff\xff\xff\xff\xff", 6);
	assert_memory_equal(f.bytes + 6, guests[0].mac, 6);
	cursor_free(c);
	traffic_free(t);
}

static void no_two_synthetic_frames_are_alike(void **state)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	uint64_t n = test_rounds(100000);
	struct traffic_cfg cfg = synthetic();

	(void)state;
	cfg.size.lo = 60;
	cfg.packets = n;
	for (int run = 0; run < 3; run++) {
		struct traffic_cursor *c;
		struct traffic *t;
		struct tframe f;

		cfg.seed = run == 1 ? 2 : 1;
		cfg.name = run == 2 ? "u" : "t";
		t = must_open(&cfg);
		c = traffic_cursor(t, TRAFFIC_WIRE);
		while (take(c, &f)) {
			assert_true(f.bytes[40] | f.bytes[41]); /* 0 means: no checksum */
			assert_true(g_hash_table_add(seen, GSIZE_TO_POINTER(f.hash)));
			cursor_release(c, &f);
		}
		cursor_free(c);
		traffic_free(t);
	}
	assert_int_equal(g_hash_table_size(seen), 3 * n);
}

static void flows_are_source_ports_taken_in_turn(void **state)
{
	struct traffic_cfg cfg = synthetic();
	struct traffic_cursor *c;
	struct traffic *t;
	struct tframe f;

	(void)state;
	cfg.to = (struct traffic_set){all3, 3};
	cfg.flows = 5;
	cfg.packets = 60;
	t = must_open(&cfg);
	assert_int_equal(traffic_info(t)->flows, 5);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	for (uint64_t i = 0; take(c, &f); i++) {
		check_headers(&f);
		assert_int_equal(f.bytes[34] << 8 | f.bytes[35], 49152 + i / 3 % 5);
		cursor_release(c, &f);
	}
	cursor_free(c);
	traffic_free(t);
}

static void bytes_live_until_released_and_buffers_are_used_again(void **state)
{
	enum { FLIGHT = 32 };
	struct traffic_cfg cfg = synthetic();
	uint64_t n = 0, early = 0;
	struct tframe f[FLIGHT];
	struct traffic_cursor *c;
	struct traffic *t;

	(void)state;
	cfg.packets = test_rounds(20000) + 2 * FLIGHT;
	t = must_open(&cfg);
	c = traffic_cursor(t, TRAFFIC_WIRE);
	for (; take(c, &f[n % FLIGHT]); n++) {
		const struct tframe *old = &f[(n * 7 + 3) % FLIGHT]; /* in any order */

		if (n < FLIGHT - 1)
			continue;
		assert_int_equal(old->hash, digest_bytes(old->bytes, old->len));
		cursor_release(c, old);
		f[(n * 7 + 3) % FLIGHT] = f[(n + 1) % FLIGHT];
		if (!early)
			early = cursor_memory(c);
	}
	assert_int_equal(n, cfg.packets);
	assert_int_equal(cursor_memory(c), early);
	assert_true(early >= FLIGHT * 1500 && early < FLIGHT * 1700);
	cursor_free(c);
	traffic_free(t);
}

/* ---- repeatable, and independent of who looks ------------------------------------------------ */

static uint64_t fingerprint(struct traffic_cursor *c)
{
	uint64_t chain = 0;
	struct tframe f;

	while (take(c, &f)) {
		uint64_t part[] = {f.at, f.num, f.hash, f.len, (uint64_t)(int64_t)f.to};

		chain = digest_chain(chain, digest_bytes(part, sizeof(part)));
		cursor_release(c, &f);
	}
	return chain;
}

static uint64_t one_cursor(const struct traffic_cfg *cfg, int sender)
{
	struct traffic *t = must_open(cfg);
	struct traffic_cursor *c = traffic_cursor(t, sender);
	uint64_t print = fingerprint(c);

	cursor_free(c);
	traffic_free(t);
	return print;
}

static struct traffic_cfg random_mesh(void)
{
	struct traffic_cfg cfg = synthetic();

	cfg.from = cfg.to = (struct traffic_set){all3, 3};
	cfg.source = TRAFFIC_POISSON;
	cfg.size.kind = TRAFFIC_SIZE_IMIX;
	cfg.packets = 3001;
	return cfg;
}

static void same_seed_gives_the_same_frames_and_another_does_not(void **state)
{
	struct traffic_cfg cfg = random_mesh();
	uint64_t first = one_cursor(&cfg, 1);

	(void)state;
	assert_int_equal(one_cursor(&cfg, 1), first);
	cfg.seed++;
	assert_int_not_equal(one_cursor(&cfg, 1), first);
	cfg.seed--;
	cfg.name = "other";
	assert_int_not_equal(one_cursor(&cfg, 1), first);
}

/* Any change here changes every result: it needs a new version of the program. */
static void frames_of_a_seed_are_the_same_for_ever(void **state)
{
	struct traffic_cfg cfg = random_mesh();

	(void)state;
	assert_int_equal(one_cursor(&cfg, 1), 0xc8321c031cca9088);
	cfg.source = TRAFFIC_ONOFF;
	cfg.on = 30 * SIM_US;
	cfg.off = 7 * SIM_US;
	cfg.size = (struct traffic_size){TRAFFIC_SIZE_UNIFORM, 60, 9000};
	cfg.from.n = 0;
	assert_int_equal(one_cursor(&cfg, TRAFFIC_WIRE), 0xcb971333c4d5a573);
}

static void senders_share_one_sequence_however_they_are_pulled(void **state)
{
	struct traffic_cfg cfg = random_mesh();
	struct traffic *t = must_open(&cfg);
	struct traffic_cursor *c[3], *again;
	uint64_t count[3] = {0}, next = 0;
	sim_time last = 0;

	(void)state;
	assert_false(traffic_sends(t, TRAFFIC_WIRE));
	for (int i = 0; i < 3; i++)
		c[i] = traffic_cursor(t, i);
	again = traffic_cursor(t, 2);
	for (;;) { /* merged by time, the sequence is whole */
		int who = -1;
		sim_time at, best = SIM_NEVER;
		struct tframe f;

		for (int i = 0; i < 3; i++)
			if (cursor_peek(c[i], &at) && at < best) {
				best = at;
				who = i;
			}
		if (who < 0)
			break;
		cursor_take(c[who], &f);
		assert_true(f.at >= last);
		last = f.at;
		assert_int_equal(f.num, next++);
		assert_int_not_equal(f.to, who);
		assert_memory_equal(f.bytes + 6, guests[who].mac, 6);
		count[who]++;
		cursor_release(c[who], &f);
	}
	assert_int_equal(next, 3001);
	assert_in_range(count[0], 1000, 1001);
	assert_in_range(count[1], 1000, 1001);
	assert_int_equal(fingerprint(again), one_cursor(&cfg, 2));
	for (int i = 0; i < 3; i++)
		cursor_free(c[i]);
	cursor_free(again);
	traffic_free(t);
}

static void cursor_of_an_end_that_sends_nothing_is_at_its_end(void **state)
{
	struct traffic_cfg cfg = synthetic();
	struct traffic *t = must_open(&cfg); /* endless: must not search for ever */
	struct traffic_cursor *c = traffic_cursor(t, 0);
	struct tframe f;

	(void)state;
	assert_false(take(c, &f));
	assert_int_equal(traffic_until(t), SIM_NEVER);
	cursor_free(c);
	traffic_free(t);
}

static void impossible_configurations_are_refused(void **state)
{
	static const int none[] = {3}, wire_or_all[] = {TRAFFIC_ALL};
	struct traffic_cfg cfg;

	(void)state;
#define REFUSED(words, ...)                                                                        \
	do {                                                                                       \
		cfg = synthetic();                                                                 \
		__VA_ARGS__;                                                                       \
		must_fail(&cfg, TRAFFIC_ERROR_CONFIG, words);                                      \
	} while (0)
	REFUSED("same end", cfg.to.n = 0);
	REFUSED("same end", cfg.from = cfg.to);
	REFUSED("does not exist", cfg.to.end = none);
	REFUSED("does not exist", cfg.from = ((struct traffic_set){wire_or_all, 1}));
	REFUSED("need a trace", cfg.loop = 2);
	REFUSED("need a trace", cfg.filter = "ip");
	REFUSED("need a trace", cfg.match = TRAFFIC_MATCH_IP, cfg.to.n = 0);
	REFUSED("needs rate, pps or max", cfg.timing = TRAFFIC_RECORDED);
	REFUSED("poisson and onoff", cfg.timing = TRAFFIC_BACK_TO_BACK,
		cfg.source = TRAFFIC_POISSON);
	REFUSED("onoff needs", cfg.source = TRAFFIC_ONOFF);
	REFUSED("rate must", cfg.rate_bps = 0);
	REFUSED("pps must", cfg.timing = TRAFFIC_PPS);
	REFUSED("flows", cfg.flows = 16385);
	REFUSED("size must", cfg.size.lo = 59);
	REFUSED("size must", cfg.size.lo = 65550);
	REFUSED("size must", cfg.size = ((struct traffic_size){TRAFFIC_SIZE_UNIFORM, 90, 80}));
	REFUSED("scaled needs", cfg.trace = "x", cfg.timing = TRAFFIC_SCALED);
#undef REFUSED
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(capture_times_are_those_of_its_timing, four_frames,
						teardown),
		cmocka_unit_test_setup_teardown(loop_shifts_by_the_span_and_one_mean_gap,
						four_frames, teardown),
		cmocka_unit_test_setup_teardown(run_of_more_than_200_days_is_refused, four_frames,
						teardown),
		cmocka_unit_test(ten_million_frames_at_a_rate_do_not_drift),
		cmocka_unit_test(constant_and_onoff_are_exact),
		cmocka_unit_test(ratios_are_parsed_exactly),
		cmocka_unit_test(poisson_gaps_have_mean_and_spread_of_an_exponential),
		cmocka_unit_test(poisson_rate_is_exact_where_the_mean_gap_is_no_whole_number),
		cmocka_unit_test(imix_is_seven_to_four_to_one),
		cmocka_unit_test(uniform_sizes_reach_both_bounds_and_no_further),
		cmocka_unit_test(synthetic_frames_are_valid_udp_between_their_ends),
		cmocka_unit_test(no_two_synthetic_frames_are_alike),
		cmocka_unit_test(flows_are_source_ports_taken_in_turn),
		cmocka_unit_test(bytes_live_until_released_and_buffers_are_used_again),
		cmocka_unit_test(same_seed_gives_the_same_frames_and_another_does_not),
		cmocka_unit_test(frames_of_a_seed_are_the_same_for_ever),
		cmocka_unit_test(senders_share_one_sequence_however_they_are_pulled),
		cmocka_unit_test(cursor_of_an_end_that_sends_nothing_is_at_its_end),
		cmocka_unit_test(impossible_configurations_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
