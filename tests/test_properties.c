/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_properties.c - random machines under random traffic, and what must hold of every one.
 *
 * A number makes a scenario: rings from tiny to large, every policy, delivery and IOMMU mode, one
 * to six guests with or without queues of their own, idle to overloaded. The run itself checks
 * conservation, order, bytes, stages, pins and maps, and ends with exit 4 if one is broken; here
 * the results are held against closed forms, and against a second run.
 *
 * VNICSIM_TEST_SEED is the number of the first scenario, so that one that failed can be run again.
 */
#include "property_helper.h"

/* What has to be remembered of a guest to judge its results. */
struct drawn_guest {
	char name[8];
	const char *policy[2]; /* rx, tx */
	bool process;
};

struct drawn {
	GString *text;
	struct rng rng;
	struct drawn_guest guest[6];
	unsigned guests;
	bool long_drain;
	char *capture; /* NULL: all traffic is synthetic */
};

static unsigned power(struct drawn *d, unsigned lo, unsigned hi)
{
	return 1u << rng_range(&d->rng, lo, hi);
}

static const char *yes_no(struct drawn *d)
{
	return below(d, 2) ? "true" : "false";
}

/* ---- drawing ---- */

static void draw_host(struct drawn *d, uint64_t seed)
{
	const char *drain = PICK(d, "0s", "10us", "1ms", "10s", "10s");

	d->long_drain = !strcmp(drain, "10s");
	g_string_append_printf(
		d->text, "[scenario]\nseed = %" PRIu64 "\nwarmup = %s\ndrain = %s\nchecked = %s\n",
		seed, PICK(d, "0s", "0s", "50us", "1ms"), drain, yes_no(d));
	g_string_append_printf(d->text,
			       "[host]\ncores = %u\ndatapath = %s\nscatter = %s\nvmm_queue = %u\n",
			       1 + (unsigned)below(d, 4), PICK(d, "interrupt", "poll"), yes_no(d),
			       power(d, 0, 10));
	g_string_append_printf(
		d->text,
		"[iommu]\nmode = %s\niotlb_entries = %u\niotlb_ways = %u\npage_size = %s\n"
		"flush_batch = %u\nflush_timeout = %s\n",
		PICK(d, "off", "static", "strict", "deferred"), power(d, 3, 8), power(d, 0, 3),
		PICK(d, "4KiB", "2MiB", "1GiB"), 1 + (unsigned)below(d, 300),
		PICK(d, "1us", "100us", "10ms"));
}

/* Returns the mtu: sizes of traffic go a little beyond. */
static unsigned draw_nic(struct drawn *d)
{
	static const unsigned mtus[] = {576, 1500, 1500, 1500, 4000, 9000};
	unsigned mtu = mtus[below(d, 6)];
	bool whole = chance(d, 15); /* tso or lro: a frame can take many descriptors */
	unsigned least = whole ? 5 : 3;

	g_string_append_printf(
		d->text,
		"[nic eth0]\nlink = %s\nqueues = %u\nrx_ring = %u\ntx_ring = %u\nmtu = %uB\n"
		"tso = %s\nlro = %s\ngather = %s\nmax_segments = %u\nzero_copy = %s\n"
		"moderation = %s\nrx_buffer = 64KiB\ntx_buffer = 128KiB\nbus_rate = %s\n",
		PICK(d, "1Gbit/s", "10Gbit/s", "100Gbit/s"), 1 + (unsigned)below(d, 7),
		power(d, least, 9), power(d, least, 9), mtu, whole ? yes_no(d) : "false",
		whole ? yes_no(d) : "false", chance(d, 80) ? "true" : "false",
		chance(d, 70) ? 40 : 1 + (unsigned)below(d, 5), chance(d, 80) ? "true" : "false",
		PICK(d, "0s", "0s", "5us", "200us"),
		PICK(d, "52.9Gbit/s", "52.9Gbit/s", "2Gbit/s"));
	property_bus(d->text, &d->rng);
	return mtu;
}

static const char *draw_policy(struct drawn *d)
{
	return chance(d, 5) ? "null" : PICK(d, "copy", "single-copy", "zero-copy");
}

static void draw_guest(struct drawn *d, unsigned i)
{
	struct drawn_guest *g = &d->guest[i];
	bool mrg = chance(d, 70);

	g_snprintf(g->name, sizeof(g->name), "vm%u", i + 1);
	g->policy[0] = draw_policy(d);
	g->policy[1] = chance(d, 70) ? g->policy[0] : draw_policy(d);
	g->process = below(d, 2);
	g_string_append_printf(
		d->text,
		"[guest %s]\nmac = 02:00:00:00:00:0%u\nmemory = 256MiB\npage_size = %s\nvcpus = "
		"%u\nrx_policy = %s\n"
		"tx_policy = %s\ndelivery = %s\nreceive = %s\nqueue_size = %u\nevent_idx = %s\n"
		"indirect_desc = %s\nmrg_rxbuf = %s\nsocket_queue = %u\n",
		g->name, i + 1, PICK(d, "4KiB", "2MiB"), 1 + (unsigned)below(d, 2), g->policy[0],
		g->policy[1], g->process ? "process" : "kernel", PICK(d, "interrupt", "poll"),
		power(d, 2, 10), yes_no(d), chance(d, 75) ? "true" : "false",
		mrg ? "true" : "false", power(d, 0, 9));
	if (mrg && chance(d, 40))
		g_string_append_printf(d->text, "rx_buffer = %uB\n",
				       256 + (unsigned)below(d, 4000));
}

static void draw_size(struct drawn *d, unsigned mtu)
{
	unsigned most = mtu + (chance(d, 20) ? 100 : 14);

	if (chance(d, 20))
		g_string_append(d->text, "size = imix\n");
	else if (chance(d, 30))
		g_string_append_printf(d->text, "size = uniform:60B..%uB\n", most);
	else
		g_string_append_printf(d->text, "size = %uB\n", 60 + (unsigned)below(d, most - 59));
}

static void draw_traffic(struct drawn *d, unsigned i, unsigned mtu)
{
	const char *pace = PICK(d, "pps = 5e3", "pps = 1e5", "pps = 1e6", "rate = 1Gbit/s",
				"rate = 40Gbit/s", "rate = max");
	const char *source = PICK(d, "constant", "poisson", "onoff");
	bool tx = chance(d, 50);
	unsigned only = (unsigned)below(d, d->guests);

	g_string_append_printf(d->text, "[traffic t%u]\n%s = ", i, tx ? "from" : "to");
	if (chance(d, 40))
		g_string_append_printf(d->text, "%s\n", d->guest[only].name);
	else
		for (unsigned k = 0; k < d->guests; k++)
			g_string_append_printf(d->text, "%s%s", d->guest[k].name,
					       k + 1 < d->guests ? ", " : "\n");
	draw_size(d, mtu);
	if (!strcmp(pace, "rate = max")) /* has no gaps to draw */
		source = "constant";
	g_string_append_printf(d->text,
			       "source = %s\n%s\non = 20us\noff = 80us\nflows = %u\nstart = %s\n"
			       "when_full = %s\npackets = %u\n",
			       source, pace, 1 + (unsigned)below(d, 20), PICK(d, "0s", "33us"),
			       PICK(d, "wait", "drop"), 20 + (unsigned)below(d, 400));
	if (chance(d, 30))
		g_string_append_printf(d->text, "duration = %s\n", PICK(d, "100us", "2ms"));
}

/* Frames between guests and the wire, and some for everybody. */
static void draw_capture(struct drawn *d)
{
	struct pcap_make m = pcap_make_new(PCAP_NANO_LE, 1);
	uint64_t at = 0, gap = 1 + below(d, 100000);
	unsigned n = 20 + (unsigned)below(d, 300), all = (unsigned)below(d, 60);
	uint8_t b[1514];

	d->capture = run_temp(".pcap");
	for (unsigned i = 0; i < n; i++, at += below(d, gap)) {
		uint32_t len = 60 + (uint32_t)below(d, 1455);
		uint8_t guest = (uint8_t)(1 + below(d, d->guests));
		bool everybody = chance(d, all), tx = below(d, 2) && !everybody;

		pcap_make_udp(b, len, tx ? guest : 9,
			      everybody ? 0xff
			      : tx      ? 9
					: guest,
			      (uint16_t)(4000 + below(d, 5)), (uint8_t)i);
		if (everybody)
			memset(b, 0xff, 6);
		pcap_make_frame(&m, at, b, len);
	}
	pcap_make_save(&m, d->capture);
	g_string_append_printf(d->text, "[traffic web]\ntrace = %s\nmatch = mac\ntiming = %s\n",
			       d->capture, PICK(d, "recorded", "scaled:0.1", "back-to-back"));
}

static struct drawn draw(uint64_t seed)
{
	struct drawn d = {.text = g_string_new("")};
	unsigned mtu, traffics;

	rng_init(&d.rng, seed, "properties");
	draw_host(&d, seed);
	mtu = draw_nic(&d);
	d.guests = chance(&d, 40) ? 1 : 1 + (unsigned)below(&d, 6);
	for (unsigned i = 0; i < d.guests; i++)
		draw_guest(&d, i);
	traffics = 1 + (unsigned)below(&d, 4);
	for (unsigned i = 0; i < traffics; i++)
		draw_traffic(&d, i, mtu);
	if (chance(&d, 30))
		draw_capture(&d);
	return d;
}

static void drawn_free(struct drawn *d)
{
	g_string_free(d->text, TRUE);
	if (d->capture)
		unlink(d->capture);
	g_free(d->capture);
}

/* ---- judging ---- */

static void check_copies(const struct run *run, const struct drawn_guest *g, bool tx,
			 const char *of)
{
	const char *policy = g->policy[tx];
	uint64_t delivered = run_part(run, of, "delivered"), falls = run_part(run, of, "fallbacks");
	uint64_t host = sites(run, of, ~SITES_GUEST, "copies.");
	uint64_t guest = sites(run, of, SITES_GUEST, "copies.");
	bool null_rx =
		!tx && !strcmp(policy, "null"); /* ends in the host unless the queue is shared */

	if (!strcmp(policy, "copy"))
		assert_int_equal(host, 2 * delivered);
	else if (!strcmp(policy, "single-copy"))
		assert_int_equal(host, delivered);
	else /* one for each that could not be left out */
		assert_int_equal(host, falls);
	assert_int_equal(guest, g->process ? 0 : null_rx ? falls : delivered);
	assert_true(falls <= delivered);
	assert_int_equal(run_part(run, of, "copies"), host + guest);
}

/* Copies at one site, summed over their reasons. */
static uint64_t by_reason(const struct run *run, const char *of, unsigned site)
{
	uint64_t sum = 0;

	for (unsigned why = 0; why < REASON_N; why++) {
		g_autofree char *name = g_strdup_printf(
			"%scopies.%s.%s", of, ledger_site_names[site], ledger_reason_names[why]);
		const struct result_value *v = result_find(run->r, name);

		sum += v ? (uint64_t)v->num : 0; /* 0 is not written */
	}
	return sum;
}

static void check_bytes(const struct run *run, const struct drawn_guest *g, bool tx, const char *of,
			bool everybody)
{
	uint64_t delivered = run_part(run, of, "delivered");
	uint64_t bytes = run_part(run, of, "delivered_bytes");
	uint64_t dma = run_part(run, of, "dma_transfers");

	for (unsigned i = 0; i < SITE_N; i++) {
		uint64_t n = sites(run, of, 1u << i, "copies.");
		uint64_t b = sites(run, of, 1u << i, "copy_bytes.");

		assert_true(n <= delivered && b <= bytes && !n == !b);
		assert_int_equal(n, by_reason(run, of, i));
		if (n == delivered)
			assert_int_equal(b, bytes);
	}
	assert_true(bytes <= run_part(run, of, "bytes"));
	if (tx && !strcmp(g->policy[1], "null"))
		assert_int_equal(dma, 0);
	else /* a frame for everybody is one transfer, of the first of them */
		assert_in_range(dma, everybody && !tx ? 0 : delivered,
				run_part(run, of, "packets"));
}

static void check_times(const struct run *run, const char *of)
{
	static const char *const name[] = {"min", "p50", "p90", "p99", "p999", "max"};
	unsigned __int128 last = 0;

	for (unsigned i = 0; i < G_N_ELEMENTS(name); i++) {
		g_autofree char *full = g_strconcat(of, "latency_ns.", name[i], NULL);
		const struct result_value *v = run_value(run, full);

		if (!run_part(run, of, "delivered")) {
			assert_int_equal(v->type, RESULT_NULL);
			continue;
		}
		assert_true(result_milli(v) >= last);
		last = result_milli(v);
	}
}

static void check_ratios(const struct run *run)
{
	for (size_t i = 0; i < result_count(run->r); i++) {
		const struct result_value *v = result_at(run->r, i);

		if (!strcmp(v->name, "busy_ratio") || !strcmp(v->name, "work_ratio"))
			if (v->type == RESULT_RATIO && v->num > v->den) {
				run_show(run);
				fail_msg("%s is above 1", v->full);
			}
	}
}

static void judge(const struct run *run, const struct drawn *d)
{
	const char *objects[8];

	for (unsigned i = 0; i < d->guests; i++)
		objects[i] = d->guest[i].name;
	objects[d->guests] = "guests";
	objects[d->guests + 1] = NULL;
	run_conserves(run, objects);
	for (unsigned i = 0; i < 2 * d->guests; i++) {
		const struct drawn_guest *g = &d->guest[i / 2];
		g_autofree char *of = g_strconcat(g->name, i % 2 ? ".tx." : ".rx.", NULL);

		if (d->long_drain)
			run_part_is(run, of, "resident", 0);
		check_copies(run, g, i % 2, of);
		check_bytes(run, g, i % 2, of, d->capture);
		check_times(run, of);
	}
	check_ratios(run);
	check_again(run);
}

static void random_machines_keep_their_books(void **state)
{
	const char *given = getenv("VNICSIM_TEST_SEED");
	uint64_t first = given ? strtoull(given, NULL, 10) : 1;
	uint64_t n = test_rounds(300), refused = 0;

	(void)state;
	print_message("# first seed %" PRIu64 ", %" PRIu64 " scenarios\n", first, n);
	for (uint64_t seed = first; seed < first + n; seed++) {
		struct drawn d = draw(seed);
		struct run run = run_string(d.text->str);

		if (run.code == SIM_EXIT_USAGE) {
			refused++;
		} else if (run.code == SIM_EXIT_INPUT) {
			assert_non_null(strstr(run.message, "no frame was offered"));
		} else {
			if (run.code)
				print_message("# seed %" PRIu64 "\n", seed);
			run_ok(&run);
			judge(&run, &d);
		}
		run_free(&run);
		drawn_free(&d);
	}
	print_message("# %" PRIu64 " refused\n", refused);
	assert_true(refused * 6 <= n + 10); /* else too little is judged */
}

/* However its turns lie to the edges of the window. */
static void polling_core_is_busy_all_the_time_and_no_longer(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 60; n++) {
		struct run run = run_text("[host]\ndatapath = poll\n[nic eth0]\n[guest vm1]\n"
					  "[traffic t]\nfrom = vm1\nrate = 40Gbit/s\n"
					  "packets = %u\n",
					  n);

		run_ok(&run);
		if (n > 1) /* one frame has no window */
			run_ratio_is(&run, "host.core0.busy_ratio", 1, 1);
		check_ratios(&run);
		run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(polling_core_is_busy_all_the_time_and_no_longer),
		cmocka_unit_test(random_machines_keep_their_books),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
