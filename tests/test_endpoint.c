/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_endpoint.c - what the receiving end proves: flows, digests, damage and order.
 *
 * Frames are built byte by byte from the formats' definitions; the endpoint parses them on its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "digest.h"
#include "endpoint.h"
#include "test_virtq_mock.h"

enum { LEN = 90, SLOTS = 65 };

struct spec {
	unsigned vlans;
	uint8_t proto;         /* 0: TCP */
	uint8_t src, dst;      /* last bytes of the addresses: added to 1 and 2 */
	uint16_t sport, dport; /* added to 80 and 81 */
	bool v6, fragment, first_fragment;
	unsigned options; /* 32-bit words of IPv4 options */
};

static void be16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint64_t key_of(struct spec s)
{
	uint8_t b[LEN] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9}, *p = b + 12;

	s.proto = s.proto ? s.proto : 6;
	s.src++;
	s.dst = (uint8_t)(s.dst + 2);

	for (unsigned i = 0; i < s.vlans; i++, p += 4) {
		be16(p, i + 1 < s.vlans ? 0x88a8 : 0x8100);
		be16(p + 2, 100 + i);
	}
	be16(p, s.v6 ? 0x86dd : 0x0800);
	p += 2;
	if (s.v6) {
		p[0] = 0x60;
		p[6] = s.proto;
		p[8] = p[24] = 0xfe;
		p[23] = s.src;
		p[39] = s.dst;
		p += 40;
	} else {
		p[0] = (uint8_t)(0x45 + s.options);
		p[8] = 64;
		p[9] = s.proto;
		be16(p + 6, s.fragment ? 0x0010 : s.first_fragment ? 0x2000 : 0x4000);
		p[12] = p[16] = 10;
		p[15] = s.src;
		p[19] = s.dst;
		memset(p + 20, 7, 4 * s.options);
		p += 20 + 4 * s.options;
	}
	be16(p, 80u + s.sport);
	be16(p + 2, 81u + s.dport);
	return endpoint_flow_key(b, LEN);
}

/* TCP from .1 to .2, ports 80 and 81, but for ... */
#define TCP(...) ((struct spec){__VA_ARGS__})

static void flow_is_the_five_tuple(void **state)
{
	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		uint64_t k = key_of(TCP(.v6 = v6));

		assert_int_equal(k, key_of(TCP(.v6 = v6)));
		assert_int_equal(k, key_of(TCP(.v6 = v6, .vlans = 1)));
		assert_int_equal(k, key_of(TCP(.v6 = v6, .vlans = 2)));
		assert_int_not_equal(k, key_of(TCP(.v6 = v6, .src = 3)));
		assert_int_not_equal(k, key_of(TCP(.v6 = v6, .dst = 3)));
		assert_int_not_equal(k, key_of(TCP(.v6 = v6, .sport = 3)));
		assert_int_not_equal(k, key_of(TCP(.v6 = v6, .dport = 3)));
		assert_int_not_equal(k, key_of(TCP(.v6 = v6, .proto = 17)));
		assert_int_not_equal(k, key_of(TCP(.v6 = v6, .src = 1, .dst = 255)));
	}
	assert_int_not_equal(key_of(TCP(.v6 = false)), key_of(TCP(.v6 = true)));
}

static void ports_are_found_behind_options_and_only_where_there_are_ports(void **state)
{
	static const uint8_t with[] = {6, 17, 132}, without[] = {1, 47, 50, 58};

	(void)state;
	assert_int_equal(key_of(TCP(.v6 = false)), key_of(TCP(.options = 10)));
	assert_int_not_equal(key_of(TCP(.options = 3)), key_of(TCP(.options = 3, .dport = 9)));
	for (unsigned v6 = 0; v6 < 2; v6++) {
		for (unsigned i = 0; i < sizeof(with); i++)
			assert_int_not_equal(key_of(TCP(.v6 = v6, .proto = with[i])),
					     key_of(TCP(.v6 = v6, .proto = with[i], .dport = 9)));
		for (unsigned i = 0; i < sizeof(without); i++)
			assert_int_equal(key_of(TCP(.v6 = v6, .proto = without[i])),
					 key_of(TCP(.v6 = v6, .proto = without[i], .dport = 9)));
	}
}

static void all_fragments_of_two_hosts_are_one_flow(void **state)
{
	uint64_t k = key_of(TCP(.fragment = true));

	(void)state;
	assert_int_equal(k, key_of(TCP(.first_fragment = true)));
	assert_int_equal(k, key_of(TCP(.fragment = true, .sport = 4, .dport = 5)));
	assert_int_not_equal(k, key_of(TCP(.fragment = true, .src = 5)));
	assert_int_not_equal(k, key_of(TCP(.v6 = false)));
}

static void other_frames_flow_by_macs_and_type(void **state)
{
	uint8_t b[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 6};
	uint64_t k = endpoint_flow_key(b, 60);

	(void)state;
	b[30] ^= 1; /* what ARP asks is no part of the flow */
	assert_int_equal(k, endpoint_flow_key(b, 60));
	for (unsigned i = 0; i < 14; i++) {
		b[i] ^= 0x10;
		assert_int_not_equal(k, endpoint_flow_key(b, 60));
		b[i] ^= 0x10;
	}
	assert_int_not_equal(endpoint_flow_key(b, 12), 0);
}

/* Reads no byte beyond len, whatever the frame claims to be: a checker of memory sees it. */
static void key_of_any_bytes_is_found_within_them(void **state)
{
	uint64_t random = mock_seed(74);
	uint32_t rounds = mock_scaled(200000);

	(void)state;
	for (uint32_t i = 0; i < rounds; i++) {
		static const uint16_t types[] = {0x0800, 0x86dd, 0x8100, 0x88a8, 0x0806};
		uint32_t len = mock_below(&random, 70);
		uint8_t *b = malloc(len ? len : 1);

		for (uint32_t k = 0; k < len; k++)
			b[k] = (uint8_t)mock_random(&random);
		for (uint32_t at = 12; at + 2 <= len; at += 4) {
			be16(b + at, types[mock_below(&random, 5)]);
			if (at + 3 <= len)
				b[at + 2] = mock_below(&random, 2) ? 0x45 : b[at + 2];
			if (mock_below(&random, 2))
				break;
		}
		assert_int_not_equal(endpoint_flow_key(b, len), 0);
		free(b);
	}
}

/* ---- what arrives ------------------------------------------------------------------------------
 */

struct arrival {
	unsigned flow;
	uint64_t num;
	uint8_t fill;
	uint32_t len;
	bool damaged;
};

struct end {
	struct endpoint ep;
	struct endpoint_flow flow[SLOTS];
	struct ledger led;
};

static void end_init(struct end *e)
{
	memset(e, 0, sizeof(*e));
	endpoint_init(&e->ep, e->flow, SLOTS);
}

static void receive(struct end *e, struct arrival a)
{
	uint8_t b[1600];
	struct frame f = {.led = &e->led, .num = a.num, .len = a.len};

	memset(b, a.fill, sizeof(b));
	memcpy(b, (const uint8_t[]){2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0, 0x45}, 15);
	memset(b + 20, 0, 2); /* no fragment */
	b[23] = 17;
	memset(b + 26, 10, 8);
	be16(b + 34, a.flow);
	be16(b + 36, 9);
	f.hash = digest_bytes(b, a.len);
	b[a.len - 1] ^= a.damaged;
	endpoint_receive(&e->ep, &f, b, a.len);
}

/* Digest of n arrivals. */
static uint64_t digest_of(const struct arrival *a, unsigned n)
{
	struct end e;

	end_init(&e);
	while (n--)
		receive(&e, *a++);
	return e.ep.digest;
}

/* A sequence of 3 flows, in order. */
#define SEQUENCE                                                                                   \
	{                                                                                          \
		{0, 0, 1, 60, 0}, {1, 1, 2, 70, 0}, {0, 2, 3, 60, 0}, {2, 3, 4, 1514, 0},          \
			{1, 4, 5, 64, 0},                                                          \
		{                                                                                  \
			0, 5, 6, 100, 0                                                            \
		}                                                                                  \
	}
enum { N = 6 };

static void digest_sees_loss_damage_exchange_and_repetition(void **state)
{
	const struct arrival a[N] = SEQUENCE;
	struct arrival b[N + 1];
	uint64_t whole = digest_of(a, N);

	(void)state;
	assert_int_equal(whole, digest_of(a, N));
	for (unsigned i = 0; i < N; i++) {
		memcpy(b, a, sizeof(a)); /* lost */
		memmove(b + i, b + i + 1, (N - 1 - i) * sizeof(*b));
		assert_int_not_equal(whole, digest_of(b, N - 1));
		memcpy(b, a, sizeof(a));
		b[i].damaged = true;
		assert_int_not_equal(whole, digest_of(b, N));
		memcpy(b, a, sizeof(a));
		b[i].len++;
		assert_int_not_equal(whole, digest_of(b, N));
		memcpy(b, a, sizeof(a)); /* delivered twice */
		b[N] = a[i];
		assert_int_not_equal(whole, digest_of(b, N + 1));
	}
	memcpy(b, a, sizeof(a)); /* payloads of two flows exchanged */
	b[0].fill = a[1].fill;
	b[1].fill = a[0].fill;
	assert_int_not_equal(whole, digest_of(b, N));
}

static void digest_depends_on_order_within_a_flow_and_not_between_flows(void **state)
{
	const struct arrival a[N] = SEQUENCE;
	uint64_t whole = digest_of(a, N), random = mock_seed(75);
	struct arrival b[N];

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		bool kept = true;

		memcpy(b, a, sizeof(a));
		for (unsigned i = N - 1; i; i--) {
			unsigned k = mock_below(&random, i + 1);
			struct arrival t = b[i];
			b[i] = b[k];
			b[k] = t;
		}
		for (unsigned i = 0; i < N; i++)
			for (unsigned k = i + 1; k < N; k++)
				kept &= b[i].flow != b[k].flow || b[i].num < b[k].num;
		assert_int_equal(whole == digest_of(b, N), kept);
	}
}

static void damage_and_disorder_are_booked_once_each(void **state)
{
	struct end e;

	(void)state;
	end_init(&e);
	receive(&e, (struct arrival){0, 0, 1, 60, 0});
	receive(&e, (struct arrival){0, 3, 1, 60, 0}); /* a gap is loss, not disorder */
	assert_int_equal(e.led.reordered, 0);
	receive(&e, (struct arrival){0, 2, 1, 60, 0});
	assert_int_equal(e.led.reordered, 1);
	receive(&e, (struct arrival){0, 2, 1, 60, 0}); /* twice */
	assert_int_equal(e.led.reordered, 2);
	receive(&e, (struct arrival){1, 1, 1, 60, 0}); /* another flow: its own order */
	assert_int_equal(e.led.reordered, 2);
	assert_int_equal(e.led.corrupt, 0);
	receive(&e, (struct arrival){1, 5, 1, 60, 1});
	assert_int_equal(e.led.corrupt, 1);
	assert_int_equal(e.led.reordered, 2);
}

static void wrong_length_is_damage_too(void **state)
{
	uint8_t b[100] = {0};
	struct end e;
	struct frame f = {.len = 100};

	(void)state;
	end_init(&e);
	f.led = &e.led;
	f.hash = digest_bytes(b, 99);
	endpoint_receive(&e.ep, &f, b, 99);
	assert_int_equal(e.led.corrupt, 1);
}

static void numbers_of_another_traffic_are_another_order(void **state)
{
	struct end e;
	uint8_t b[60] = {0};

	(void)state;
	end_init(&e);
	for (unsigned i = 0; i < 4; i++) {
		struct frame f = {.led = &e.led,
				  .num = i < 2 ? 100 + i : i,
				  .traffic = i < 2,
				  .len = 60,
				  .hash = digest_bytes(b, 60)};
		endpoint_receive(&e.ep, &f, b, 60);
	}
	assert_int_equal(e.led.reordered, 0);
	assert_int_equal(e.ep.flows, 1);
}

static void flows_beyond_the_table_share_one_chain_and_are_counted(void **state)
{
	struct end e;
	uint64_t own, before;

	(void)state;
	end_init(&e);
	for (unsigned i = 0; i < 200; i++)
		receive(&e, (struct arrival){i, 0, 1, 60, 0});
	own = e.ep.flows;
	assert_in_range(own, (SLOTS - 1) / 2, SLOTS - 2);
	assert_int_equal(e.ep.overflow, 200 - own);
	for (unsigned i = 0; i < own; i++) /* those that have an entry keep it */
		receive(&e, (struct arrival){i, 1, 1, 60, 0});
	assert_int_equal(e.ep.overflow, 200 - own);
	assert_int_equal(e.led.reordered + e.led.corrupt, 0);
	before = e.ep.digest;
	receive(&e, (struct arrival){199, 1, 1, 60, 0});
	assert_int_not_equal(before, e.ep.digest);
	assert_int_equal(e.ep.overflow, 201 - own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flow_is_the_five_tuple),
		cmocka_unit_test(ports_are_found_behind_options_and_only_where_there_are_ports),
		cmocka_unit_test(all_fragments_of_two_hosts_are_one_flow),
		cmocka_unit_test(other_frames_flow_by_macs_and_type),
		cmocka_unit_test(key_of_any_bytes_is_found_within_them),
		cmocka_unit_test(digest_sees_loss_damage_exchange_and_repetition),
		cmocka_unit_test(digest_depends_on_order_within_a_flow_and_not_between_flows),
		cmocka_unit_test(damage_and_disorder_are_booked_once_each),
		cmocka_unit_test(wrong_length_is_damage_too),
		cmocka_unit_test(numbers_of_another_traffic_are_another_order),
		cmocka_unit_test(flows_beyond_the_table_share_one_chain_and_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
