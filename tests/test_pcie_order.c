/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_pcie_order.c - who goes when: functions beside each other, reads and writes, registers, more
 * than there is room for; and that all comes back, at the same times for ever.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "pcie_check.h"
#include "sim/rng.h"

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

/* ---- the host's time ---- */

struct pieces {
	struct evq *q;
	unsigned asked;
	uint32_t from, len; /* of the last one */
	uint32_t slow;      /* the piece from here on takes longer */
	sim_time last;
};

static sim_time piece_at_host(void *ctx, struct pcie_op *op, uint32_t from, uint32_t len,
			      sim_time at)
{
	struct pieces *p = ctx;

	assert_true(at >= evq_now(p->q) && at >= p->last);
	assert_int_equal(from, op->sent);
	assert_int_equal(from, p->asked ? p->from + p->len : 0);
	p->last = at;
	p->from = from;
	p->len = len;
	p->asked++;
	return from == p->slow ? 5 * SIM_US : 0;
}

/* One transaction alone, its piece from `slow` on 5 us late at the host. */
static sim_time with_slow_piece(enum pcie_kind kind, uint32_t len, uint32_t slow, struct pieces *p)
{
	struct pcie_config c = reference();
	struct rig *rig = rig_new(&c, 1, 1);
	sim_time t;

	*p = (struct pieces){.q = &rig->q, .slow = slow};
	rig->fixed[0] = (struct pcie_step){kind, len};
	rig->fixed_n = 1;
	rig->stop = true;
	pcie_set_host(rig->p, piece_at_host, p);
	rig_start(rig);
	evq_run(&rig->q, SIM_NEVER);
	t = evq_now(&rig->q);
	rig_free(rig);
	return t;
}

static void the_host_is_asked_for_each_piece_and_its_time_counts(void **state)
{
	struct pieces p;

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		enum pcie_kind kind = k ? PCIE_READ : PCIE_WRITE;
		uint32_t piece = k ? 512 : PCIE_GRANT, len = 2 * PCIE_GRANT + 100;
		sim_time fast = with_slow_piece(kind, len, UINT32_MAX, &p);

		assert_int_equal(p.from + p.len, len);
		assert_int_equal(p.asked, (len + piece - 1) / piece);
		/* The last piece: its time is the write's; a read's streams behind the first. */
		assert_int_equal(
			with_slow_piece(PCIE_WRITE, len, len / PCIE_GRANT * PCIE_GRANT, &p),
			with_slow_piece(PCIE_WRITE, len, UINT32_MAX, &p) + 5 * SIM_US);
		/* The first: others wait behind. */
		assert_true(with_slow_piece(kind, len, 0, &p) > fast + 3 * SIM_US);
	}
	with_slow_piece(PCIE_MSI, PCIE_MSI_BYTES, 0, &p);
	assert_int_equal(p.asked, 0);
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

/* ---- everything at once ---- */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_share_by_bytes_on_the_link_whatever_their_sizes),
		cmocka_unit_test(a_read_does_not_overtake_its_functions_writes),
		cmocka_unit_test(a_write_overtakes_reads_that_wait_for_a_tag),
		cmocka_unit_test(a_transaction_longer_than_all_tags_and_credits_comes_through),
		cmocka_unit_test(a_link_freed_with_reads_away_leaves_nothing_in_the_queue),
		cmocka_unit_test(the_host_is_asked_for_each_piece_and_its_time_counts),
		cmocka_unit_test(registers_and_interrupts_take_their_bytes_and_their_time),
		cmocka_unit_test(a_doorbell_does_not_wait_for_data_that_is_not_ready),
		cmocka_unit_test(extra_time_is_added_and_writes_stay_in_order),
		cmocka_unit_test(all_that_is_submitted_is_done_and_nothing_is_left),
		cmocka_unit_test(the_same_transactions_are_done_at_the_same_times_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
