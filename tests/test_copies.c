/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_copies.c - how often a payload is copied, where, and how many bytes: exactly, for each
 * policy and delivery, on real and on synthetic traffic at a rate at which nothing is lost.
 *
 * What is wanted is worked out here from the capture by libpcap alone, and from the frame sizes.
 * Both directions run in one scenario, so that one cannot pay for the other.
 */
#include "machine_helper.h"

#include <pcap/pcap.h>

static const char *const policy_name[] = {"copy", "single-copy", "zero-copy"};
static const char *const delivery_name[] = {"kernel", "process"};

/* Frames and bytes of one direction. */
struct sum {
	uint64_t frames, bytes;
	uint64_t over, over_bytes; /* of them those longer than 1514 B */
};

static void add(struct sum *s, uint32_t len)
{
	s->frames++;
	s->bytes += len;
	if (len > 1514) {
		s->over++;
		s->over_bytes += len;
	}
}

/* The capture as libpcap sees it; the guest is 52:54:00:00:00:01. */
static void count_capture(const char *path, struct sum *rx, struct sum *tx)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0, 0, 0, 1};
	char errbuf[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline(path, errbuf);
	struct pcap_pkthdr *h;
	const u_char *b;

	assert_non_null(p);
	*rx = *tx = (struct sum){0};
	while (pcap_next_ex(p, &h, &b) == 1) {
		if (!memcmp(b + 6, mac, 6))
			add(tx, h->len);
		else if (!memcmp(b, mac, 6) || b[0] & 1)
			add(rx, h->len);
	}
	pcap_close(p);
	assert_int_not_equal(rx->frames, 0);
	assert_int_not_equal(tx->frames, 0);
}

/* Copies of one direction at each site: as many as frames if the site is in `sites`, else none. */
static void check_sites(const struct run *run, const char *of, unsigned sites, const struct sum *s)
{
	for (unsigned i = 0; i < SITE_N; i++) {
		g_autofree char *n = g_strconcat("copies.", ledger_site_names[i], NULL);
		g_autofree char *b = g_strconcat("copy_bytes.", ledger_site_names[i], NULL);
		bool has = sites >> i & 1;

		run_part_is(run, of, n, has ? s->frames : 0);
		run_part_is(run, of, b, has ? s->bytes : 0);
	}
}

/* Everything that the books say of one direction in which nothing was lost. */
static void check_direction(const struct run *run, bool tx, unsigned policy, bool process,
			    const struct sum *s)
{
	static const unsigned host[2][3] = {{1u << SITE_HYPERVISOR_TO_VMM | 1u << SITE_VMM_TO_GUEST,
					     1u << SITE_HYPERVISOR_TO_GUEST, 0},
					    {1u << SITE_GUEST_TO_VMM | 1u << SITE_VMM_TO_HYPERVISOR,
					     1u << SITE_GUEST_TO_HYPERVISOR, 0}};
	static const unsigned guest[2] = {1u << SITE_GUEST_KERNEL_TO_PROCESS,
					  1u << SITE_PROCESS_TO_GUEST_KERNEL};
	const char *of = tx ? "vm1.tx." : "vm1.rx.";
	g_autofree char *all = g_strconcat(of, "copies_per_packet", NULL);
	g_autofree char *hosts = g_strconcat(of, "host_copies_per_packet", NULL);
	g_autofree char *guests = g_strconcat(of, "guest_copies_per_packet", NULL);
	unsigned n = 2 - policy, k = process ? 0 : 1;

	run_part_is(run, of, "packets", s->frames);
	run_part_is(run, of, "bytes", s->bytes);
	run_part_is(run, of, "delivered", s->frames);
	run_part_is(run, of, "delivered_bytes", s->bytes);
	run_part_is(run, of, "drops", 0);
	run_part_is(run, of, "resident", 0);
	run_part_is(run, of, "fallbacks", 0);
	run_part_is(run, of, "wasted_copies", 0);
	run_part_is(run, of, "copies", s->frames * (n + k));
	run_part_is(run, of, "copy_bytes", s->bytes * (n + k));
	run_part_is(run, of, "dma_transfers", s->frames);
	run_part_is(run, of, "dma_bytes", s->bytes);
	assert_true(run_part(run, of, "dma_segments") >= s->frames);
	run_ratio_is(run, all, n + k, 1);
	run_ratio_is(run, hosts, n, 1);
	run_ratio_is(run, guests, k, 1);
	check_sites(run, of, host[tx][policy] | (process ? 0 : guest[tx]), s);
}

/*
 * The six ways of one traffic, given as the text behind [nic] and [guest] headers; what arrives is
 * the same in all of them.
 */
static void check_six(const char *nic, const char *traffic, const struct sum *rx,
		      const struct sum *tx)
{
	g_autofree char *in = NULL, *out = NULL;

	for (unsigned i = 0; i < 6; i++) {
		struct run run = run_text("[nic eth0]\n%s\n[guest vm1]\nmemory = 256MiB\n"
					  "policy = %s\ndelivery = %s\n%s",
					  nic, policy_name[i / 2], delivery_name[i % 2], traffic);

		run_ok(&run);
		check_direction(&run, false, i / 2, i % 2, rx);
		check_direction(&run, true, i / 2, i % 2, tx);
		if (!i) {
			in = g_strdup(run_str(&run, "vm1.rx.digest"));
			out = g_strdup(run_str(&run, "vm1.tx.digest"));
			assert_string_not_equal(in, "0000000000000000");
			assert_string_not_equal(out, "0000000000000000");
			assert_string_not_equal(in, out);
		}
		assert_string_equal(run_str(&run, "vm1.rx.digest"), in);
		assert_string_equal(run_str(&run, "vm1.tx.digest"), out);
		run_free(&run);
	}
}

/* ---- captures ---- */

static void copies_of_a_real_capture_are_those_of_policy_and_delivery(void **state)
{
	g_autofree char *path = run_trace("web-kv-dns.pcap");
	g_autofree char *traffic = g_strdup_printf(
		"[traffic web]\ntrace = %s\nmatch = mac\ntiming = pps:20000\n", path);
	struct sum rx, tx;

	(void)state;
	count_capture(path, &rx, &tx);
	check_six("", traffic, &rx, &tx);
}

static void null_policy_copies_nothing_on_the_host(void **state)
{
	g_autofree char *path = run_trace("web-kv-dns.pcap");
	struct sum rx, tx;
	struct run run = run_text("[nic eth0]\n[guest vm1]\npolicy = null\ndelivery = process\n"
				  "[traffic web]\ntrace = %s\nmatch = mac\ntiming = pps:20000\n",
				  path);

	(void)state;
	count_capture(path, &rx, &tx);
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", rx.frames);
	run_is(&run, "vm1.tx.delivered", tx.frames);
	run_is(&run, "guests.rx.copies", 0);
	run_is(&run, "guests.tx.copies", 0);
	run_free(&run);
}

static void rule_gives_every_frame_of_a_capture_to_the_guest(void **state)
{
	g_autofree char *path = run_trace("web-kv-dns.pcap");
	struct sum rx, tx, all;

	(void)state;
	count_capture(path, &rx, &tx);
	all = (struct sum){.frames = rx.frames + tx.frames, .bytes = rx.bytes + tx.bytes};
	for (unsigned i = 0; i < 6; i++) {
		struct run run =
			run_text("[nic eth0]\n[guest vm1]\npolicy = %s\ndelivery = %s\n"
				 "[traffic web]\ntrace = %s\nto = vm1\ntiming = pps:20000\n",
				 policy_name[i / 2], delivery_name[i % 2], path);

		run_ok(&run);
		check_direction(&run, false, i / 2, i % 2, &all);
		run_is(&run, "vm1.tx.packets", 0);
		run_free(&run);
	}
}

static void policies_of_the_two_directions_are_chosen_apart(void **state)
{
	struct sum s = {.frames = test_rounds(500), .bytes = 700 * test_rounds(500)};

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		struct run run = run_text(
			"[nic eth0]\n[guest vm1]\nrx_policy = %s\ntx_policy = %s\n"
			"[traffic in]\nto = vm1\nsize = 700B\npps = 20000\npackets = %" PRIu64 "\n"
			"[traffic out]\nfrom = vm1\nsize = 700B\npps = 20000\npackets = %" PRIu64
			"\n",
			policy_name[i / 3], policy_name[i % 3], s.frames, s.frames);

		run_ok(&run);
		check_direction(&run, false, i / 3, false, &s);
		check_direction(&run, true, i % 3, false, &s);
		run_free(&run);
	}
}

/* ---- synthetic ---- */

static void copies_of_synthetic_frames_are_those_of_policy_and_delivery(void **state)
{
	static const uint32_t size[] = {60, 64, 590, 1500, 1514, 4000, 9000};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(size); i++) {
		uint64_t n = test_rounds(1000);
		struct sum s = {.frames = n, .bytes = n * size[i]};
		g_autofree char *traffic = g_strdup_printf(
			"[traffic in]\nto = vm1\nsize = %uB\npps = 20000\npackets = %" PRIu64 "\n"
			"[traffic out]\nfrom = vm1\nsize = %uB\npps = 20000\npackets = %" PRIu64
			"\n",
			size[i], n, size[i], n);

		check_six("mtu = 9000B", traffic, &s, &s);
	}
}

/* The sizes that a mix draws are its own; a run that copies nothing tells their sum. */
static void check_mix(const char *mix, uint64_t mean_times_12, unsigned percent)
{
	uint64_t n = test_rounds(3000);
	g_autofree char *traffic = g_strdup_printf(
		"[traffic in]\nto = vm1\nsize = %s\npps = 20000\npackets = %" PRIu64 "\n"
		"[traffic out]\nfrom = vm1\nsize = %s\npps = 20000\npackets = %" PRIu64 "\n",
		mix, n, mix, n);
	struct run run =
		run_text("[nic eth0]\n[guest vm1]\npolicy = null\ndelivery = process\n%s", traffic);
	struct sum rx = {.frames = n}, tx = {.frames = n};

	run_ok(&run);
	rx.bytes = run_int(&run, "vm1.rx.bytes");
	tx.bytes = run_int(&run, "vm1.tx.bytes");
	run_free(&run);
	if (n == 3000) {
		uint64_t want = mean_times_12 * n / 12;
		assert_in_range(rx.bytes, want * (100 - percent) / 100,
				want * (100 + percent) / 100);
		assert_in_range(tx.bytes, want * (100 - percent) / 100,
				want * (100 + percent) / 100);
	}
	check_six("", traffic, &rx, &tx);
}

static void copies_of_mixed_sizes_are_those_of_policy_and_delivery(void **state)
{
	(void)state;
	check_mix("imix", 7 * 60 + 4 * 590 + 1514, 8); /* standard error of the mean: 2.2% */
	check_mix("uniform:60B..1514B", 12 * 787, 5);
}

/* ---- captures of every format, cut short or long ---- */

/* 40 frames of three lengths and four flows, half of them cut to 96 bytes. */
static char *make_capture(enum pcap_format format, bool cut, struct sum *sum, uint64_t *lost)
{
	static const uint32_t len[] = {60, 700, 1514};
	char *path = run_temp(".pcap");
	struct pcap_make m = pcap_make_new(format, 1);

	*sum = (struct sum){0};
	*lost = 0;
	for (unsigned i = 0; i < 40; i++) {
		uint8_t b[1514];
		uint32_t l = len[i % 3], cap = cut && i % 2 && l > 96 ? 96 : l;

		pcap_make_udp(b, l, 2, 1, (uint16_t)(5000 + i % 4), (uint8_t)i);
		pcap_make_cut(&m, 1700000000000000000u + i * 50000u, b, cap, l);
		add(sum, l);
		*lost += l - cap;
	}
	pcap_make_save(&m, path);
	return path;
}

static char *digest_of(enum pcap_format format, bool cut, const char *policy)
{
	struct sum s;
	uint64_t lost;
	g_autofree char *path = make_capture(format, cut, &s, &lost);
	struct run run = run_text("[nic eth0]\n[guest vm1]\nmac = 02:00:00:00:00:01\n"
				  "policy = %s\n[traffic t]\ntrace = %s\nmatch = mac\n",
				  policy, path);
	char *digest;

	unlink(path);
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", s.frames);
	run_is(&run, "vm1.rx.delivered_bytes", s.bytes);
	run_is(&run, "t.synthesised_bytes", lost);
	run_is(&run, "t.truncated", cut ? 13 : 0);
	digest = g_strdup(run_str(&run, "vm1.rx.digest"));
	run_free(&run);
	return digest;
}

static void every_format_of_one_capture_gives_the_same_digest(void **state)
{
	(void)state;
	for (unsigned cut = 0; cut < 2; cut++) {
		g_autofree char *first = digest_of(PCAP_MICRO_LE, cut, "copy");

		for (unsigned f = 0; f < PCAP_FORMATS; f++)
			for (unsigned p = 0; p < 3; p++) {
				g_autofree char *d =
					digest_of((enum pcap_format)f, cut, policy_name[p]);
				assert_string_equal(d, first);
			}
	}
}

static void digest_tells_a_cut_capture_from_a_whole_one(void **state)
{
	g_autofree char *whole = digest_of(PCAP_NANO_LE, false, "copy");
	g_autofree char *cut = digest_of(PCAP_NANO_LE, true, "copy");

	(void)state;
	assert_string_not_equal(whole, cut);
}

static void segmented_frames_are_carried_whole_with_tso_and_lro(void **state)
{
	g_autofree char *path = run_trace("segmented.pcap");
	g_autofree char *traffic = g_strdup_printf(
		"[traffic web]\ntrace = %s\nmatch = mac\ntiming = pps:2000\n", path);
	struct sum rx, tx;

	(void)state;
	count_capture(path, &rx, &tx);
	assert_int_not_equal(rx.over, 0);
	assert_int_not_equal(tx.over, 0);
	check_six("tso = true\nlro = true", traffic, &rx, &tx);
}

static void segmented_frames_are_dropped_as_oversize_without(void **state)
{
	g_autofree char *path = run_trace("segmented.pcap");
	struct sum rx, tx;

	(void)state;
	count_capture(path, &rx, &tx);
	for (unsigned i = 0; i < 6; i++) {
		struct run run =
			run_text("[nic eth0]\n[guest vm1]\npolicy = %s\ndelivery = %s\n"
				 "[traffic web]\ntrace = %s\nmatch = mac\ntiming = pps:2000\n",
				 policy_name[i / 2], delivery_name[i % 2], path);

		run_ok(&run);
		run_is(&run, "vm1.rx.drops.oversize", rx.over);
		run_is(&run, "vm1.tx.drops.oversize", tx.over);
		run_is(&run, "vm1.rx.drops", rx.over);
		run_is(&run, "vm1.tx.drops", tx.over);
		run_is(&run, "vm1.rx.delivered_bytes", rx.bytes - rx.over_bytes);
		run_is(&run, "vm1.tx.delivered_bytes", tx.bytes - tx.over_bytes);
		run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_of_a_real_capture_are_those_of_policy_and_delivery),
		cmocka_unit_test(null_policy_copies_nothing_on_the_host),
		cmocka_unit_test(rule_gives_every_frame_of_a_capture_to_the_guest),
		cmocka_unit_test(policies_of_the_two_directions_are_chosen_apart),
		cmocka_unit_test(copies_of_synthetic_frames_are_those_of_policy_and_delivery),
		cmocka_unit_test(copies_of_mixed_sizes_are_those_of_policy_and_delivery),
		cmocka_unit_test(every_format_of_one_capture_gives_the_same_digest),
		cmocka_unit_test(digest_tells_a_cut_capture_from_a_whole_one),
		cmocka_unit_test(segmented_frames_are_carried_whole_with_tso_and_lro),
		cmocka_unit_test(segmented_frames_are_dropped_as_oversize_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
