/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_pcie.c - the link against published figures and against closed forms, by simulation: a
 * source that never lets up, a long run, bytes over time. And its keys.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "pcie_check.h"
#include "sim/rng.h"

/* Bit/s of payload of each of the steps, all of one size, kept up by `tokens`. */
static double saturate(const struct pcie_config *c, const enum pcie_kind *kind, unsigned kinds,
		       uint32_t size, unsigned tokens, uint64_t measured)
{
	struct rig *rig = rig_new(c, 1, tokens);
	double rate;

	for (unsigned i = 0; i < kinds; i++)
		rig->fixed[rig->fixed_n++] = (struct pcie_step){kind[i], size};
	rig_start(rig);
	rate = rig_rate(rig, 4 * tokens, 4 * tokens + measured);
	rig_free(rig);
	return rate * size * 8;
}

/* ---- the link ---- */

static void the_usable_rate_is_exact_for_every_generation_width_and_payload(void **state)
{
	struct pcie_link_config c = {.mrrs = 512};
	struct pcie_link l;

	(void)state;
	for (c.generation = 1; c.generation <= 5; c.generation++)
		for (c.lanes = 1; c.lanes <= 16; c.lanes *= 2)
			for (c.mps = 128; c.mps <= 4096; c.mps *= 2) {
				assert_true(pcie_link_init(&l, &c));
				assert_close((double)pcie_link_rate(&l), rig_usable(&c), 1e-9);
				assert_true(l.num < UINT64_MAX >> 18);
			}
	c = reference().link;
	assert_true(pcie_link_init(&l, &c));
	assert_int_equal(pcie_link_rate(&l) / 1000000, 57884); /* published: 57.885 Gbit/s */
}

static void packets_have_the_published_overhead(void **state)
{
	struct pcie_link_config c = reference().link;
	struct pcie_link l;

	(void)state;
	assert_true(pcie_link_init(&l, &c));
	assert_int_equal(l.request, 24);
	assert_int_equal(pcie_write_bytes(&l, PCIE_MSI_BYTES), 28);
	assert_int_equal(pcie_write_bytes(&l, 257), 257 + 48);
	assert_int_equal(pcie_completion_bytes(&l, 257), 257 + 40);
	c.rcb = 64;
	c.address32 = true;
	assert_true(pcie_link_init(&l, &c));
	assert_int_equal(l.request, 20);
	assert_int_equal(pcie_completion_bytes(&l, 257), 257 + 100);
}

static void a_link_that_does_not_exist_is_refused(void **state)
{
	static const struct pcie_link_config bad[] = {
		{0, 8, 256, 512, 0, false, 0},  {6, 8, 256, 512, 0, false, 0},
		{3, 3, 256, 512, 0, false, 0},  {3, 32, 256, 512, 0, false, 0},
		{3, 8, 64, 512, 0, false, 0},   {3, 8, 300, 512, 0, false, 0},
		{3, 8, 256, 8192, 0, false, 0}, {3, 8, 256, 512, 96, false, 0},
		{3, 0, 256, 512, 0, false, 0},
	};
	struct pcie_link l;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(pcie_link_init(&l, &bad[i]));
}

static void a_server_has_no_drift(void **state)
{
	struct pcie_config c = reference();
	struct pcie_link l;
	struct pcie_server s;

	(void)state;
	assert_true(pcie_link_init(&l, &c.link));
	s = (struct pcie_server){.num = l.num, .den = l.den};
	for (unsigned i = 0; i < 1000000; i++)
		pcie_server_take(&s, 0, 17);
	assert_int_equal(s.at, (unsigned __int128)17000000 * l.num / l.den);
	pcie_server_take(&s, s.at + 5, 0);
	assert_int_equal(s.rem, 0); /* what was idle has nothing to carry over */
}

/* ---- published figures ---- */

static const enum pcie_kind writes[] = {PCIE_WRITE}, reads[] = {PCIE_READ},
			    both[] = {PCIE_WRITE, PCIE_READ};

/* Another rate than the specification's, to the picosecond: 64 Gbit/s are 125 ps a byte. */
static void a_given_rate_is_the_rate(void **state)
{
	struct pcie_link_config c = {
		.generation = 3, .lanes = 8, .mps = 256, .mrrs = 512, .rate_bps = 64000000000};
	struct pcie_link l;

	(void)state;
	assert_true(pcie_link_init(&l, &c));
	assert_int_equal(l.num, 125);
	assert_int_equal(l.den, 1);
	assert_int_equal(pcie_link_rate(&l), 64000000000);
	c.rate_bps = 7000000;
	assert_true(pcie_link_init(&l, &c));
	assert_int_equal(pcie_link_rate(&l), 7000000);
}

static void saturated_dma_has_the_published_bandwidth(void **state)
{
	static const struct {
		uint32_t size;
		double write, read, both;
	} row[] = {
		{64, 42.098, 44.103, 33.077},   {128, 48.745, 50.063, 42.098},
		{256, 52.923, 53.690, 48.745},  {257, 48.775, 50.089, 45.217},
		{512, 52.923, 53.690, 50.748},  {1024, 52.923, 53.690, 50.748},
		{1500, 52.815, 53.597, 50.599},
	};
	struct pcie_config c = reference();

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++) {
		uint32_t s = row[i].size;

		assert_close(saturate(&c, writes, 1, s, 256, 20000), 1e9 * row[i].write, 1e-3);
		assert_close(saturate(&c, reads, 1, s, 256, 20000), 1e9 * row[i].read, 1e-3);
		assert_close(saturate(&c, both, 2, s, 256, 20000), 1e9 * row[i].both, 1e-3);
	}
}

static void nics_have_the_published_bandwidth(void **state)
{
	static const struct {
		uint32_t size;
		double gbps[3]; /* in the order of the names */
	} row[] = {
		{64, {11.577, 15.719, 18.070}},
		{256, {29.648, 35.324, 37.967}},
		{512, {38.090, 42.435, 44.272}},
		{1500, {45.481, 47.451, 48.210}},
	};
	static const char *const name[] = {"simple", "82599-kernel", "82599-pmd"};
	struct pcie_config c = reference();

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++)
		for (unsigned k = 0; k < 3; k++) {
			struct rig *rig = rig_new(&c, 1, 512);
			double rate;

			rig->next = rig_packets;
			rig->traffic = pcie_traffic_find(name[k]);
			rig->bytes = row[i].size - 4;
			rig_start(rig);
			rate = rig_rate(rig, 4000, 44000) * rig->bytes * 8;
			assert_close(rate, 1e9 * row[i].gbps[k], 1e-3); /* 1% is asked for */
			rig_free(rig);
		}
	assert_null(pcie_traffic_find("82599"));
}

static void a_read_alone_takes_what_the_law_says(void **state)
{
	struct pcie_config c = reference();
	static const uint32_t size[] = {8, 16, 64, 100, 128, 256, 512, 513, 1024, 1500, 2048, 4096};

	(void)state;
	for (unsigned i = 0; i < sizeof(size) / sizeof(*size); i++) {
		struct rig *rig = rig_new(&c, 1, 1);

		rig->fixed[0] = (struct pcie_step){PCIE_READ, size[i]};
		rig->fixed_n = 1;
		rig->stop = true;
		rig_start(rig);
		evq_run(&rig->q, SIM_NEVER);
		/* A last request that takes longer on the link than by the law: 1 byte, 21 with its
		 * header, is the worst. */
		assert_in_range(rig->latency, 543400 + 291 * size[i],
				543400 + 291 * size[i] + (size[i] % 512 == 1 ? 2700 : 0));
		rig_free(rig);
	}
}

static void thirty_two_tags_of_512_bytes_at_560_ns_are_234_gbps(void **state)
{
	struct pcie_config c = reference();
	struct rig *rig;
	struct pcie_stats s;
	double rate;

	(void)state;
	c.link = (struct pcie_link_config){.generation = 5, .lanes = 16, .mps = 512, .mrrs = 512};
	c.tags = 32;
	c.read_base = 560 * SIM_NS;
	c.read_byte = 0;
	rig = rig_new(&c, 1, 64);
	rig->fixed[0] = (struct pcie_step){PCIE_READ, 512};
	rig->fixed_n = 1;
	rig_start(rig);
	rate = rig_rate(rig, 1000, 33000);
	assert_close(rate * 512 * 8, 234.1e9, 1e-3);
	pcie_stats(rig->p, &s);
	assert_int_equal(s.tags, 32);
	assert_int_equal(s.tags_max, 32);
	rig_free(rig);
}

static void the_device_begins_as_many_as_its_limits_and_no_more(void **state)
{
	static const struct pcie_step step[] = {
		{PCIE_READ, 64}, {PCIE_WRITE, 64}, {PCIE_READ, 64}, {PCIE_WRITE, 64}};
	static const struct pcie_step msi = {PCIE_MSI, PCIE_MSI_BYTES};
	struct pcie_config c = reference();
	struct pcie_stats a, b;
	struct rig *rig;

	(void)state;
	c.link.generation = 5;
	c.link.lanes = 16;
	c.read_limit = 63000000;
	c.write_limit = 47400000;
	rig = functions_rig(&c, step, 4, 1000);
	evq_run(&rig->q, 10 * SIM_US);
	pcie_stats(rig->p, &a);
	evq_run(&rig->q, 10 * SIM_US + SIM_MS);
	pcie_stats(rig->p, &b);
	/* Rates to the last transaction: nothing is lost to rounding. */
	assert_in_range(b.done[PCIE_READ] - a.done[PCIE_READ], 62999, 63001);
	assert_in_range(b.done[PCIE_WRITE] - a.done[PCIE_WRITE], 47399, 47401);
	/* The limit is the device's: functions that want the same get the same. */
	assert_in_range(pcie_fn_stats(rig->p, 0)->done[PCIE_READ] + 64 -
				pcie_fn_stats(rig->p, 2)->done[PCIE_READ],
			0, 128);
	assert_in_range(pcie_fn_stats(rig->p, 1)->done[PCIE_WRITE] + 64 -
				pcie_fn_stats(rig->p, 3)->done[PCIE_WRITE],
			0, 128);
	rig_free(rig);
	/* Interrupts are not limited: each of 100 is back 300 ns and some packets later. */
	rig = functions_rig(&c, &msi, 1, 100);
	evq_run(&rig->q, SIM_MS);
	assert_in_range(rig->done, 100 * 3200, 100 * 3334);
	rig_free(rig);
}

/* ---- bounds, and Little's law ---- */

static void read_bandwidth_is_tags_over_latency_or_the_link(void **state)
{
	struct pcie_config c = reference();

	(void)state;
	for (c.tags = 1; c.tags <= 64; c.tags = c.tags < 8 ? c.tags + 1 : c.tags * 2) {
		double by_tags = c.tags * 512 * 8 / ((543.4 + 0.291 * 512) * 1e-9);
		double by_link = rig_usable(&c.link) * 512 / (512 + 2 * 20);

		assert_close(saturate(&c, reads, 1, 512, 100, 20000), rig_less(by_tags, by_link),
			     1e-3);
	}
}

static void write_bandwidth_is_credits_over_latency_or_the_link(void **state)
{
	struct pcie_config c = reference();

	(void)state;
	for (c.write_credits = 1; c.write_credits <= 64; c.write_credits *= 2) {
		double usable = rig_usable(&c.link);
		double away = 300e-9 + (256 + 24) * 8 / usable;
		double want = rig_less(c.write_credits * 256 * 8 / away, usable * 256 / (256 + 24));

		assert_close(saturate(&c, writes, 1, 256, 100, 20000), want, 1e-3);
	}
}

/* Arrivals of a stream of their own, whatever becomes of them. */
struct arrivals {
	struct event ev;
	struct rig *rig;
	struct rng rng;
	unsigned left, next;
	sim_time gap;
	struct pcie_step step; /* len 0: any from 1 to 512 */
};

static void arrival_event(struct event *ev)
{
	struct arrivals *a = (struct arrivals *)ev;
	struct rig_token *t = &a->rig->token[a->next++ % a->rig->tokens];

	assert_int_equal(t->left, 0);
	a->rig->fixed[0] = a->step;
	if (!a->step.len)
		a->rig->fixed[0].len = (uint32_t)rng_range(&a->rng, 1, 512);
	rig_submit(t);
	if (--a->left)
		evq_schedule(&a->rig->q, ev, ev->at + rng_exp(&a->rng, a->gap));
}

static struct rig *run_arrivals(const struct pcie_config *c, struct arrivals *a)
{
	struct rig *rig = rig_new(c, 1, 2000);

	a->rig = rig;
	rng_init(&a->rng, seed(), "arrivals");
	rig->fixed_n = 1;
	rig->stop = true;
	event_init(&a->ev, arrival_event);
	evq_schedule(&rig->q, &a->ev, 0);
	evq_run(&rig->q, SIM_NEVER);
	return rig;
}

/* Pollaczek and Khinchine: a direction is M/D/1, in its transmit buffer and before it. */
static void a_direction_makes_poisson_arrivals_wait_as_long_as_theory_says(void **state)
{
	static const struct {
		struct pcie_step step;
		double bytes, constant;
	} row[] = {{{PCIE_WRITE, 64}, 88, 300e3},
		   {{PCIE_WRITE, 1500}, 1644, 300e3},
		   {{PCIE_MMIO_WRITE, 8}, 32, 250e3}};
	static const double rho[] = {0.5, 0.8};
	struct pcie_config c = reference();

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++)
		for (unsigned k = 0; k < 2; k++) {
			double service = row[i].bytes * 8e12 / rig_usable(&c.link);
			double want = rho[k] * service / (2 * (1 - rho[k])), got;
			struct arrivals a = {.left = 400000,
					     .step = row[i].step,
					     .gap = (sim_time)(service / rho[k] + 0.5)};
			struct rig *rig = run_arrivals(&c, &a);

			got = (double)rig->latency / 400000 - service - row[i].constant;
			assert_close(got, want, k ? 0.04 : 0.015); /* above three standard errors */
			rig_free(rig);
		}
}

/*
 * The area under the number of tags in use, kept by the link, is the sum of the latencies, kept by
 * the stamps of those who read: mean in flight = rate * mean latency.
 */
static void reads_in_flight_obey_littles_law(void **state)
{
	static const sim_time gaps[] = {1000 * SIM_NS, 200 * SIM_NS, 100 * SIM_NS, 60 * SIM_NS};
	struct pcie_config c = reference();

	(void)state;
	for (unsigned i = 0; i < sizeof(gaps) / sizeof(*gaps); i++) {
		struct arrivals a = {.left = 20000, .gap = gaps[i], .step = {PCIE_READ, 0}};
		struct rig *rig = run_arrivals(&c, &a);
		struct pcie_stats s;
		double rate, mean;

		pcie_stats(rig->p, &s);
		assert_int_equal(s.done[PCIE_READ], 20000);
		assert_true(s.tag_time == rig->latency);
		rate = 20000 / (double)evq_now(&rig->q);
		mean = (double)rig->latency / 20000;
		assert_close((double)s.tag_time / (double)evq_now(&rig->q), rate * mean, 1e-9);
		assert_true(s.tags_max < 1024 && s.tags == 0);
		assert_true(mean >= 543400 + 291 * 250 && mean < 760000);
		rig_free(rig);
	}
}

/* ---- properties ---- */

static double more(double a, double b)
{
	return a > b ? a : b;
}

static struct pcie_config any(struct rng *r)
{
	struct pcie_config c = reference();

	c.link = (struct pcie_link_config){
		.generation = (unsigned)rng_range(r, 1, 5),
		.lanes = 1u << rng_below(r, 5),
		.mps = 128u << rng_below(r, 6),
		.mrrs = 128u << rng_below(r, 6),
		.rcb = rng_below(r, 2) ? 64u << rng_below(r, 7) : 0,
		.address32 = rng_below(r, 2),
	};
	c.tags = 4096; /* 1.5 G small reads a second, 0.8 us each */
	c.read_base = rng_range(r, 0, 800) * SIM_NS;
	c.read_byte = rng_range(r, 0, 400);
	return c;
}

static void any_link_saturates_at_its_closed_form(void **state)
{
	uint64_t s = seed();
	struct rng r;

	(void)state;
	rng_init(&r, s, "pcie");
	for (unsigned i = 0; i < 60; i++) {
		struct pcie_config c = any(&r);
		uint32_t size = (uint32_t)(rng_below(&r, 4) ? rng_range(&r, 1, 2000)
							    : rng_range(&r, 1, 16384));
		unsigned k = (unsigned)rng_below(&r, 3);
		struct rig_bytes w = rig_closed(&c.link, PCIE_WRITE, size);
		struct rig_bytes rd = rig_closed(&c.link, PCIE_READ, size);
		double worst = k == 0   ? w.up
			       : k == 1 ? more(rd.up, rd.down)
					: more(w.up + rd.up, rd.down);
		double want = rig_usable(&c.link) * size / worst, got;

		got = saturate(&c,
			       k == 0   ? writes
			       : k == 1 ? reads
					: both,
			       k == 2 ? 2 : 1, size, 2000, 6000);
		if (got < want * (1 - 1e-3) || got > want * (1 + 1e-3))
			print_error("gen%u x%u mps %u mrrs %u rcb %u, %u bytes, case %u\n",
				    c.link.generation, c.link.lanes, c.link.mps, c.link.mrrs,
				    c.link.rcb, size, k);
		assert_close(got, want, 1e-3);
	}
}

static void a_direction_that_is_always_busy_is_utilized(void **state)
{
	struct pcie_config c = reference();
	struct rig *rig = rig_new(&c, 1, 100);
	struct pcie_stats s;

	(void)state;
	rig->fixed[0] = (struct pcie_step){PCIE_WRITE, 100};
	rig->fixed_n = 1;
	rig_start(rig);
	evq_run(&rig->q, SIM_MS);
	pcie_stats(rig->p, &s);
	assert_in_range(pcie_utilization(rig->p, s.to_host.bytes, SIM_MS), 999999, 1000600);
	assert_int_equal(pcie_utilization(rig->p, s.to_device.bytes, SIM_MS), 0);
	assert_int_equal(pcie_utilization(rig->p, 1, 0), 0);
	rig_free(rig);
}

/* ---- keys ---- */

static const struct key_decl scenario_keys[] = {KEYS_OF_SCENARIO, {0}};
static const struct group_decl groups[] = {
	{"scenario", .keys = scenario_keys, .help = "the run"},
	{"pcie", .keys = pcie_keys, .help = "the bus"},
	{0},
};

static bool read_keys(const char *text, struct pcie_config *c, char **message)
{
	g_autoptr(GError) error = NULL;
	char path[] = "/tmp/pcie-XXXXXX";
	int fd = mkstemp(path);
	bool ok = false;

	assert_true(fd >= 0);
	assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	{
		g_autoptr(scenario_auto) sc = scenario_load(path, groups, NULL, &error);

		ok = sc && pcie_config(c, scenario_at(sc, "pcie", 0), &error);
	}
	unlink(path);
	assert_true(ok == !error);
	if (message)
		*message = error ? g_strdup(error->message) : NULL;
	return ok;
}

static void assert_same(const struct pcie_config *a, const struct pcie_config *b)
{
	assert_int_equal(a->link.generation, b->link.generation);
	assert_int_equal(a->link.lanes, b->link.lanes);
	assert_int_equal(a->link.mps, b->link.mps);
	assert_int_equal(a->link.mrrs, b->link.mrrs);
	assert_int_equal(a->link.rcb, b->link.rcb);
	assert_int_equal(a->link.address32, b->link.address32);
	assert_int_equal(a->tags, b->tags);
	assert_int_equal(a->write_credits, b->write_credits);
	assert_int_equal(a->read_limit, b->read_limit);
	assert_int_equal(a->write_limit, b->write_limit);
	assert_int_equal(a->read_base, b->read_base);
	assert_int_equal(a->read_byte, b->read_byte);
	assert_int_equal(a->write_latency, b->write_latency);
	assert_int_equal(a->mmio_write, b->mmio_write);
	assert_int_equal(a->mmio_read, b->mmio_read);
}

static void keys_give_the_reference_by_default_and_published_set_ups_by_name(void **state)
{
	struct pcie_config c, r = reference();

	(void)state;
	r.tags = 256;
	assert_true(read_keys("[pcie]\n", &c, NULL));
	assert_same(&c, &r);
	assert_true(read_keys("[pcie]\ndevice = nfp-6000\n", &c, NULL));
	r.read_limit = 63000000;
	r.write_limit = 47400000;
	assert_same(&c, &r);
	assert_true(read_keys("[pcie]\ndevice = 82599\nrcb = 64B\naddress = 32\n", &c, NULL));
	assert_int_equal(c.link.generation, 2);
	assert_int_equal(c.tags, 32);
	assert_int_equal(c.link.rcb, 64);
	assert_true(c.link.address32);
}

static void a_wrong_value_names_its_key_and_what_to_write(void **state)
{
	static const char *const bad[][2] = {
		{"mps = 300B", "mps: 300B: write a power of two"},
		{"lanes = 12", "lanes: 12: write a power of two"},
		{"mrrs = 1000B", "mrrs: 1000B: write a power of two"},
		{"rcb = 100B", "rcb: 100B: write mps or a power of two, as 64B"},
		{"generation = 6", "generation"},
		{"tags = 0", "tags"},
	};
	struct pcie_config c;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		g_autofree char *text = g_strdup_printf("[pcie]\n%s\n", bad[i][0]);
		g_autofree char *message = NULL;

		assert_false(read_keys(text, &c, &message));
		assert_non_null(strstr(message, bad[i][1]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usable_rate_is_exact_for_every_generation_width_and_payload),
		cmocka_unit_test(packets_have_the_published_overhead),
		cmocka_unit_test(a_link_that_does_not_exist_is_refused),
		cmocka_unit_test(a_server_has_no_drift),
		cmocka_unit_test(a_given_rate_is_the_rate),
		cmocka_unit_test(saturated_dma_has_the_published_bandwidth),
		cmocka_unit_test(nics_have_the_published_bandwidth),
		cmocka_unit_test(a_read_alone_takes_what_the_law_says),
		cmocka_unit_test(thirty_two_tags_of_512_bytes_at_560_ns_are_234_gbps),
		cmocka_unit_test(the_device_begins_as_many_as_its_limits_and_no_more),
		cmocka_unit_test(read_bandwidth_is_tags_over_latency_or_the_link),
		cmocka_unit_test(write_bandwidth_is_credits_over_latency_or_the_link),
		cmocka_unit_test(a_direction_makes_poisson_arrivals_wait_as_long_as_theory_says),
		cmocka_unit_test(reads_in_flight_obey_littles_law),
		cmocka_unit_test(any_link_saturates_at_its_closed_form),
		cmocka_unit_test(a_direction_that_is_always_busy_is_utilized),
		cmocka_unit_test(keys_give_the_reference_by_default_and_published_set_ups_by_name),
		cmocka_unit_test(a_wrong_value_names_its_key_and_what_to_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
