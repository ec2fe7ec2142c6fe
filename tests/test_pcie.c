/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_pcie.c - the link against published figures and against closed forms, by simulation: a
 * source that never lets up, a long run, bytes over time.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pcie_rig.h"
#include "sim/rng.h"

/* gen3 x8, MPS 256, MRRS 512, the latency law of the NFP-6000, nothing else in the way. */
static struct pcie_config reference(void)
{
	return (struct pcie_config){
		.link = {.generation = 3, .lanes = 8, .mps = 256, .mrrs = 512},
		.tags = 1024,
		.read_base = 543400,
		.read_byte = 291,
		.write_latency = 300 * SIM_NS,
		.mmio_write = 250 * SIM_NS,
		.mmio_read = 550 * SIM_NS,
	};
}

static void assert_close(double got, double want, double tolerance)
{
	if (got < want - tolerance * want || got > want + tolerance * want) {
		print_error("got %.6g, want %.6g within %g%%\n", got, want, 100 * tolerance);
		fail();
	}
}

static uint64_t seed(void)
{
	const char *s = getenv("VNICSIM_TEST_SEED");
	uint64_t v = s ? strtoull(s, NULL, 0) : 5;

	print_message("seed %" PRIu64 "\n", v);
	return v;
}

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
		{0, 8, 256, 512, 0, false},  {6, 8, 256, 512, 0, false},
		{3, 3, 256, 512, 0, false},  {3, 32, 256, 512, 0, false},
		{3, 8, 64, 512, 0, false},   {3, 8, 300, 512, 0, false},
		{3, 8, 256, 8192, 0, false}, {3, 8, 256, 512, 96, false},
		{3, 0, 256, 512, 0, false},
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

/* Function i submits fixed[i], again and again. */
static unsigned by_function(struct rig *rig, const struct rig_token *token, uint64_t n,
			    struct pcie_step step[RIG_STEPS])
{
	(void)n;
	step[0] = rig->fixed[token->fn];
	return 1;
}

static struct rig *functions_rig(const struct pcie_config *c, const struct pcie_step *step,
				 unsigned functions, unsigned tokens)
{
	struct rig *rig = rig_new(c, functions, tokens);

	rig->next = by_function;
	memcpy(rig->fixed, step, functions * sizeof(*step));
	rig_start(rig);
	return rig;
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

/* ---- functions, order ---- */

static void functions_share_by_bytes_on_the_link_whatever_their_sizes(void **state)
{
	static const struct pcie_step step[][4] = {
		{{PCIE_WRITE, 64}, {PCIE_WRITE, 1500}, {PCIE_WRITE, 9000}, {PCIE_WRITE, 257}},
		{{PCIE_READ, 64}, {PCIE_READ, 1500}, {PCIE_READ, 9000}, {PCIE_READ, 257}},
	};
	struct pcie_config c = reference();

	(void)state;
	c.tags = 64;
	for (unsigned k = 0; k < 2; k++) {
		struct rig *rig = functions_rig(&c, step[k], 4, 2000);
		uint64_t before[4];

		evq_run(&rig->q, 20 * SIM_US);
		for (unsigned f = 0; f < 4; f++)
			before[f] = pcie_fn_stats(rig->p, f)->granted[k];
		evq_run(&rig->q, 20 * SIM_US + SIM_MS);
		for (unsigned f = 0; f < 4; f++) {
			uint64_t got = pcie_fn_stats(rig->p, f)->granted[k] - before[f];

			assert_close((double)got, rig_usable(&c.link) / 8 * 1e-3 / 4, 2e-3);
		}
		rig_free(rig);
	}
}

static struct rig *pair(const struct pcie_config *c)
{
	struct rig *rig = rig_new(c, 2, 64);

	rig->stop = true;
	for (unsigned i = 0; i < 64; i++)
		rig->token[i].left = 1;
	return rig;
}

static sim_time done_at;

static void when_done(struct pcie_op *op)
{
	struct rig_op *o = (struct rig_op *)op;

	done_at = evq_now(&o->token->rig->q);
}

static void a_read_does_not_overtake_its_functions_writes(void **state)
{
	struct pcie_config c = reference();
	sim_time writes_end, alone = 543400 + 291 * 64;

	(void)state;
	for (unsigned fn = 0; fn < 2; fn++) {
		struct rig *rig = pair(&c);
		struct pcie_op *read = &rig->token[40].op[0].op;

		pcie_submit(rig->p, 0, &rig->token[0].op[0].op, PCIE_WRITE, 65536);
		writes_end = (sim_time)((65536 + 256 * 24) * 8e12 / rig_usable(&c.link));
		pcie_op_init(read, when_done);
		pcie_submit(rig->p, fn, read, PCIE_READ, 64);
		evq_run(&rig->q, SIM_NEVER);
		if (fn == 0) /* behind all of them */
			assert_in_range(done_at, writes_end + alone - 2, writes_end + alone);
		else /* another's wait for one grant */
			assert_in_range(done_at, alone, alone + 330 * SIM_NS);
		rig_free(rig);
	}
}

static void a_write_overtakes_reads_that_wait_for_a_tag(void **state)
{
	struct pcie_config c = reference();
	struct rig *rig;
	struct pcie_op *write;

	(void)state;
	c.tags = 1;
	rig = pair(&c);
	write = &rig->token[40].op[0].op;
	for (unsigned i = 0; i < 32; i++)
		pcie_submit(rig->p, 0, &rig->token[i].op[0].op, PCIE_READ, 64);
	pcie_op_init(write, when_done);
	pcie_submit(rig->p, 0, write, PCIE_WRITE, 64);
	evq_run(&rig->q, SIM_NEVER);
	/* Behind one request of 24 bytes. */
	assert_in_range(done_at, 300000 + 15400, 300000 + 15500);
	assert_int_equal(evq_now(&rig->q), 32 * (543400 + 64 * 291));
	rig_free(rig);
}

static void a_transaction_longer_than_all_tags_and_credits_comes_through(void **state)
{
	struct pcie_config c = reference();
	struct pcie_stats s;
	struct rig *rig;

	(void)state;
	c.tags = 2;
	c.write_credits = 3;
	rig = pair(&c);
	pcie_submit(rig->p, 0, &rig->token[0].op[0].op, PCIE_READ, 100000);
	pcie_submit(rig->p, 0, &rig->token[1].op[0].op, PCIE_WRITE, 100000);
	evq_run(&rig->q, SIM_NEVER);
	pcie_stats(rig->p, &s);
	assert_int_equal(s.done_bytes[PCIE_READ], 100000);
	assert_int_equal(s.done_bytes[PCIE_WRITE], 100000);
	assert_int_equal(s.tags_max, 2);
	assert_int_equal(s.credits_max, 3);
	assert_int_equal(s.tags + s.credits, 0);
	rig_free(rig);
}

static void a_link_freed_with_reads_away_leaves_nothing_in_the_queue(void **state)
{
	struct pcie_config c = reference();
	struct rig *rig = pair(&c);

	(void)state;
	for (unsigned i = 0; i < 64; i++) /* some of them still before the arbiter */
		pcie_submit(rig->p, i % 2, &rig->token[i].op[0].op, PCIE_READ, 1500);
	evq_run(&rig->q, SIM_NS);
	assert_true(evq_count(&rig->q) > 1);
	pcie_free(rig->p);
	rig->p = NULL;
	assert_int_equal(evq_count(&rig->q), 0);
	rig_free(rig);
}

/* ---- registers, interrupts ---- */

static sim_time alone(const struct pcie_config *c, enum pcie_kind kind, uint32_t len,
		      struct pcie_stats *s)
{
	struct rig *rig = rig_new(c, 1, 1);
	sim_time t;

	rig->fixed[0] = (struct pcie_step){kind, len};
	rig->fixed_n = 1;
	rig->stop = true;
	rig_start(rig);
	evq_run(&rig->q, SIM_NEVER);
	pcie_stats(rig->p, s);
	t = evq_now(&rig->q);
	assert_int_equal(s->done[kind], 1);
	rig_free(rig);
	return t;
}

static void registers_and_interrupts_take_their_bytes_and_their_time(void **state)
{
	struct pcie_config c = reference();
	struct pcie_stats s;
	sim_time t;

	(void)state;
	t = alone(&c, PCIE_MMIO_READ, 4, &s);
	assert_in_range(t, 549999, 550000);
	assert_int_equal(s.to_device.bytes, 24);
	assert_int_equal(s.to_host.bytes, 24);
	t = alone(&c, PCIE_MMIO_WRITE, 4, &s);
	assert_int_equal(t, 250000 + (sim_time)(28 * 8e12 / rig_usable(&c.link)));
	assert_int_equal(s.to_device.bytes, 28);
	assert_int_equal(s.to_host.bytes, 0);
	t = alone(&c, PCIE_MSI, 0, &s);
	assert_int_equal(t, 300000 + (sim_time)(28 * 8e12 / rig_usable(&c.link)));
	assert_int_equal(s.to_host.bytes, 28);
	assert_int_equal(s.to_host.tlps, 1);
}

/* The link to the device is free until the data of a read is ready. */
static void a_doorbell_does_not_wait_for_data_that_is_not_ready(void **state)
{
	struct pcie_config c = reference();
	struct rig *rig = pair(&c);
	struct pcie_op *bell = &rig->token[40].op[0].op;

	(void)state;
	pcie_submit(rig->p, 0, &rig->token[0].op[0].op, PCIE_READ, 2048);
	evq_run(&rig->q, SIM_NS);
	pcie_op_init(bell, when_done);
	pcie_submit(rig->p, 0, bell, PCIE_MMIO_WRITE, 4);
	evq_run(&rig->q, SIM_NEVER);
	assert_int_equal(done_at, 1000 + 250000 + (sim_time)(28 * 8e12 / rig_usable(&c.link)));
	rig_free(rig);
}

/* What memory takes longer is the transaction's alone, but writes stay in their order. */
static void extra_time_is_added_and_writes_stay_in_order(void **state)
{
	static const sim_time miss = 250 * SIM_NS;
	struct pcie_config c = reference();
	sim_time link = (sim_time)(88 * 8e12 / rig_usable(&c.link));

	(void)state;
	for (unsigned k = 0; k < 4; k++) {
		struct rig *rig = pair(&c);
		struct pcie_op *second = &rig->token[40].op[0].op;

		pcie_op_init(second, when_done);
		pcie_submit_extra(rig->p, 0, &rig->token[0].op[0].op,
				  k % 2 ? PCIE_READ : PCIE_WRITE, 64, miss);
		pcie_submit(rig->p, 1, second, k < 2 ? PCIE_READ : PCIE_MSI, 64);
		evq_run(&rig->q, SIM_NEVER);
		if (k == 0) /* a read does not wait for a slow write */
			assert_int_equal(done_at, link + 543400 + 64 * 291);
		else if (k == 1) /* nor for a slow read, but for its request on the link */
			assert_in_range(done_at, 543400 + 64 * 291 + 3300,
					543400 + 64 * 291 + 3400);
		else if (k == 2) /* an interrupt is not ahead of the write before it */
			assert_int_equal(done_at, link + 300000 + miss);
		else
			assert_in_range(done_at, 300000 + 7100, 300000 + 7300);
		if (k % 2)
			assert_int_equal(evq_now(&rig->q), 543400 + 64 * 291 + miss);
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

/* Anything at all from five functions, in tokens of up to four transactions. */
static unsigned anything(struct rig *rig, const struct rig_token *token, uint64_t n,
			 struct pcie_step step[RIG_STEPS])
{
	unsigned count;
	struct rng r;

	(void)rig;
	rng_init(&r, n, "anything");
	count = 1 + (unsigned)rng_below(&r, 4);
	for (unsigned i = 0; i < count; i++) {
		enum pcie_kind kind = (enum pcie_kind)rng_below(&r, PCIE_KINDS);
		bool reg = kind == PCIE_MMIO_WRITE || kind == PCIE_MMIO_READ;

		step[i] = (struct pcie_step){
			kind, reg                ? 4
			      : kind == PCIE_MSI ? 4
			      : rng_below(&r, 2) ? 64
						 : (uint32_t)rng_range(&r, 1, 5000) + token->fn};
	}
	return count;
}

struct outcome {
	uint64_t hash;
	struct pcie_stats stats;
	sim_time end;
};

static struct outcome mixed_run(uint64_t tokens)
{
	struct pcie_config c = reference();
	struct outcome o = {0};
	struct rig *rig;

	c.tags = 24;
	c.write_credits = 16;
	c.read_limit = 20000000;
	c.write_limit = 15000000;
	rig = rig_new(&c, 5, 100);
	rig->next = anything;
	rig_start(rig);
	rig_run(rig, tokens);
	rig->stop = true;
	evq_run(&rig->q, SIM_NEVER);
	assert_int_equal(rig->done, rig->submitted);
	pcie_stats(rig->p, &o.stats);
	o.hash = rig->hash;
	o.end = evq_now(&rig->q);
	rig_free(rig);
	return o;
}

static void all_that_is_submitted_is_done_and_nothing_is_left(void **state)
{
	struct outcome o = mixed_run(20000);

	(void)state;
	for (unsigned k = 0; k < PCIE_KINDS; k++) {
		assert_true(o.stats.begun[k] > 8000);
		assert_int_equal(o.stats.begun[k], o.stats.done[k]);
	}
	assert_int_equal(o.stats.tags, 0);
	assert_int_equal(o.stats.credits, 0);
	assert_int_equal(o.stats.tags_max, 24);
	assert_int_equal(o.stats.credits_max, 16);
}

/* Pinned: the same on every machine, with every compiler. */
static void the_same_transactions_are_done_at_the_same_times_for_ever(void **state)
{
	struct outcome a = mixed_run(5000), b = mixed_run(5000);

	(void)state;
	assert_int_equal(a.hash, b.hash);
	assert_int_equal(a.end, b.end);
	assert_true(a.stats.tag_time == b.stats.tag_time);
	assert_int_equal(a.stats.to_host.bytes, b.stats.to_host.bytes);
	assert_int_equal(a.stats.to_device.bytes, b.stats.to_device.bytes);
	assert_true(a.hash == 0x4b0805d488e7ad97u);
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
		cmocka_unit_test(saturated_dma_has_the_published_bandwidth),
		cmocka_unit_test(nics_have_the_published_bandwidth),
		cmocka_unit_test(a_read_alone_takes_what_the_law_says),
		cmocka_unit_test(thirty_two_tags_of_512_bytes_at_560_ns_are_234_gbps),
		cmocka_unit_test(the_device_begins_as_many_as_its_limits_and_no_more),
		cmocka_unit_test(read_bandwidth_is_tags_over_latency_or_the_link),
		cmocka_unit_test(write_bandwidth_is_credits_over_latency_or_the_link),
		cmocka_unit_test(a_direction_makes_poisson_arrivals_wait_as_long_as_theory_says),
		cmocka_unit_test(reads_in_flight_obey_littles_law),
		cmocka_unit_test(functions_share_by_bytes_on_the_link_whatever_their_sizes),
		cmocka_unit_test(a_read_does_not_overtake_its_functions_writes),
		cmocka_unit_test(a_write_overtakes_reads_that_wait_for_a_tag),
		cmocka_unit_test(a_transaction_longer_than_all_tags_and_credits_comes_through),
		cmocka_unit_test(a_link_freed_with_reads_away_leaves_nothing_in_the_queue),
		cmocka_unit_test(registers_and_interrupts_take_their_bytes_and_their_time),
		cmocka_unit_test(a_doorbell_does_not_wait_for_data_that_is_not_ready),
		cmocka_unit_test(extra_time_is_added_and_writes_stay_in_order),
		cmocka_unit_test(any_link_saturates_at_its_closed_form),
		cmocka_unit_test(all_that_is_submitted_is_done_and_nothing_is_left),
		cmocka_unit_test(the_same_transactions_are_done_at_the_same_times_for_ever),
		cmocka_unit_test(a_direction_that_is_always_busy_is_utilized),
		cmocka_unit_test(keys_give_the_reference_by_default_and_published_set_ups_by_name),
		cmocka_unit_test(a_wrong_value_names_its_key_and_what_to_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
