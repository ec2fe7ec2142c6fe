/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_queues.c - waiting, against queueing theory and against an account kept apart.
 *
 * The queue is that of the wire: traffic, then a link that sends one frame after another. A slot of
 * a 1226-byte frame at 10 Gbit/s is 1 us, so pps = 800000 is rho = 0.8.
 *
 * What a run says of waits comes from stamps on frames. Here it is held against
 *   - closed form (D/D/1 exactly, M/D/1 and M/G/1 within max(3 standard errors, 1 %); errors come
 *     from replications under other seeds, since waits in a row are anything but independent);
 *   - the waits that a queue of one server gives for the arrival times, which are read again from
 *     the traffic by a cursor of the test's own: equal to the picosecond;
 *   - Little's law: the integral over time of how many are in the system, from those arrivals and
 *     from departures seen as events (the link's last bits, the policy's hands, the far end of the
 *     wire), must equal the sum of all stamped times. No stamp is used for it.
 */
#include "machine_helper2.h"

#define SLOT SIM_US /* of a frame of 1226 bytes at 10 Gbit/s */

/* ---- departures, seen as they happen -------------------------------------------------- */

struct seen {
	sim_time *at;
	uint64_t n, max;
};

/* Hooks have no context of the test's; each test begins by watch_open(). */
static struct {
	struct rig *rig;
	struct seen wire, far, host; /* last bit in; last bit out; policy done with it */
	void (*rx_end)(struct event *ev);
	void (*sink)(void *ctx, struct frame *f, const uint8_t *bytes);
	struct policy policy;
	uint64_t break_stage; /* policy: the frame of this number is stamped wrong, from 1 */
} watch;

static void see(struct seen *s, sim_time at)
{
	assert_true(s->n < s->max);
	s->at[s->n++] = at;
}

static void watch_end(struct event *ev)
{
	see(&watch.wire, evq_now(&watch.rig->m->q));
	watch.rx_end(ev);
}

static void watch_sink(void *ctx, struct frame *f, const uint8_t *bytes)
{
	see(&watch.far, evq_now(&watch.rig->m->q));
	watch.sink(ctx, f, bytes);
}

/* The null policy's receive, one by one, with the core's clock read after each. */
static void watch_rx(struct dpath *dp, const struct plat_rx *rx, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (watch.break_stage && watch.host.n + 1 == watch.break_stage)
			rx[i].frame->stage_ps[STAGE_NIC]++;
		policy_null.rx(dp, &rx[i], 1);
		see(&watch.host, plat_now(dp->rx_pl));
	}
}

static struct seen seen_new(uint64_t max)
{
	return (struct seen){.at = g_new(sim_time, max), .max = max};
}

static void watch_open(struct rig *rig, uint64_t frames)
{
	struct nic *nic = &rig->m->nic[0].nic;

	memset(&watch, 0, sizeof(watch));
	watch.rig = rig;
	watch.wire = seen_new(frames);
	watch.far = seen_new(frames);
	watch.host = seen_new(frames);
	watch.rx_end = nic->rx_end.fn;
	nic->rx_end.fn = watch_end;
	watch.sink = nic->sink;
	nic->sink = watch_sink;
	watch.policy = policy_null;
	watch.policy.rx = watch_rx;
	if (rig->m->guest[0].dp.rx_policy == &policy_null)
		rig->m->guest[0].dp.rx_policy = &watch.policy;
}

static void watch_close(void)
{
	g_free(watch.wire.at);
	g_free(watch.far.at);
	g_free(watch.host.at);
	rig_close(watch.rig);
}

/* ---- accounts kept apart -------------------------------------------------------------- */

/* The integral of the number in the system over time; arrivals are read from the traffic again. */
static unsigned __int128 occupancy(const struct rig *rig, int sender, const struct seen *out)
{
	struct traffic_cursor *c = traffic_cursor(rig->m->traffic[0], sender);
	unsigned __int128 area = 0;
	uint64_t in = 0, gone = 0;
	sim_time now = 0, next;
	struct tframe t;

	while (gone < out->n) {
		bool more = cursor_peek(c, &next), arrival = more && next <= out->at[gone];

		if (!arrival)
			next = out->at[gone];
		assert_true(next >= now);
		area += (unsigned __int128)(in - gone) * (next - now);
		now = next;
		if (arrival) {
			cursor_take(c, &t);
			cursor_release(c, &t);
			in++;
		} else {
			gone++;
		}
		assert_true(gone <= in);
	}
	assert_int_equal(in, gone);
	cursor_free(c);
	return area;
}

/* The waits of a queue with one server: each frame begins when it and the server are there. */
static unsigned __int128 lindley(const struct rig *rig, uint64_t bps)
{
	struct traffic_cursor *c = traffic_cursor(rig->m->traffic[0], TRAFFIC_WIRE);
	unsigned __int128 waits = 0;
	sim_time free = 0, at;
	struct tframe t;

	while (cursor_peek(c, &at)) {
		cursor_take(c, &t);
		cursor_release(c, &t);
		if (at > free)
			free = at;
		waits += free - at;
		free += (t.len + 24) * 8 * SIM_S / bps;
	}
	cursor_free(c);
	return waits;
}

static bool same(unsigned __int128 a, unsigned __int128 b)
{
	return a == b;
}

/* ---- one run of the wire -------------------------------------------------------------- */

static struct rig wire_run(const char *source, const char *size, uint64_t pps, uint64_t packets,
			   uint64_t seed)
{
	struct rig rig = rig_open("[scenario]\nseed = %" PRIu64 "\n"
				  "[nic eth0]\nlink = 10Gbit/s\nrx_ring = 4096\n"
				  "[guest vm1]\npolicy = null\nmemory = 4MiB\nqueue_size = 8\n"
				  "[traffic t]\nto = vm1\nsource = %s\nsize = %s\n"
				  "pps = %" PRIu64 "\npackets = %" PRIu64 "\n",
				  seed, source, size, pps, packets);

	rig_run(&rig);
	assert_int_equal(rig.m->guest[0].rx.led.delivered, packets);
	return rig;
}

/* ---- D/D/1 ---------------------------------------------------------------------------- */

static void evenly_spaced_frames_never_wait_up_to_full_load(void **state)
{
	static const uint64_t pps[] = {1000, 500000, 900000, 999999, 1000000};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(pps); i++) {
		uint64_t n = rig_scaled(20000, 1000);
		struct rig rig = wire_run("constant", "1226B", pps[i], n, 1);
		const struct book *b = &rig.m->guest[0].rx;
		assert_true(same(b->stage_sum[STAGE_WIRE_WAIT], 0));
		assert_true(same(b->stage_sum[STAGE_WIRE], (unsigned __int128)n * SLOT));
		rig_close(&rig);
	}
}

/* Gaps of 0.8 us against slots of 1 us: frame i waits 0.2 us * i. */
static void above_full_load_waits_grow_by_the_same_step(void **state)
{
	uint64_t n = rig_scaled(20000, 1000);
	struct rig rig = wire_run("constant", "1226B", 1250000, n, 1);

	(void)state;
	assert_true(same(rig.m->guest[0].rx.stage_sum[STAGE_WIRE_WAIT],
			 (unsigned __int128)200000 * (n * (n - 1) / 2)));
	assert_int_equal(rig.m->nic[0].nic.rx_wire.free, n * SLOT);
	rig_close(&rig);
}

/* ---- M/D/1 and M/G/1 ------------------------------------------------------------------ */

struct estimate {
	double mean, error; /* error: standard, from replications */
};

/* By Newton's method: the tests link no libm. */
static double root(double x)
{
	double r = x > 1 ? x : 1;

	for (unsigned i = 0; i < 200; i++)
		r = (r + x / r) / 2;
	return r;
}

static struct estimate mean_wait(const char *size, uint64_t pps, uint64_t packets, unsigned runs,
				 uint64_t seed)
{
	double sum = 0, squares = 0, n = runs;

	for (unsigned i = 0; i < runs; i++) {
		struct rig rig = wire_run("poisson", size, pps, packets, seed + i);
		const struct book *b = &rig.m->guest[0].rx;
		double w = (double)b->stage_sum[STAGE_WIRE_WAIT] / (double)packets;

		assert_true(same(b->stage_sum[STAGE_WIRE_WAIT], lindley(&rig, 10000000000)));
		sum += w;
		squares += w * w;
		rig_close(&rig);
	}
	return (struct estimate){sum / n, root((squares - sum * sum / n) / (n - 1) / n)};
}

/* Within max(3 standard errors, 1 %), and the error small enough (at full scale) to mean it. */
static void assert_law(const char *what, struct estimate e, double want_ps, bool full)
{
	double off = e.mean > want_ps ? e.mean - want_ps : want_ps - e.mean;
	double allowed = 3 * e.error > 0.01 * want_ps ? 3 * e.error : 0.01 * want_ps;

	print_message("%s: %.3f ns, theory %.3f, standard error %.2f %%\n", what, e.mean / 1000,
		      want_ps / 1000, 100 * e.error / want_ps);
	if (off > allowed)
		fail_msg("%s: mean wait %.3f ns, theory %.3f, off by %.2f standard errors", what,
			 e.mean / 1000, want_ps / 1000, off / e.error);
	if (full)
		assert_true(e.error < 0.02 * want_ps);
}

static void poisson_arrivals_wait_as_md1_says(void **state)
{
	static const struct {
		uint64_t pps, packets;
		double rho;
	} row[] = {{500000, 30000, .5}, {800000, 60000, .8}, {900000, 180000, .9}};
	uint64_t seed = rig_seed(101);

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
		char what[32];
		uint64_t n = rig_scaled(row[i].packets, 3000);
		g_snprintf(what, sizeof(what), "M/D/1 rho %.1f", row[i].rho);
		assert_law(what, mean_wait("1226B", row[i].pps, n, 12, seed + 100 * i),
			   row[i].rho * (double)SLOT / (2 * (1 - row[i].rho)), n == row[i].packets);
	}
}

/* 0.8 / 305.4667 ns = 2618944 frames a second: lambda E[S^2] / (2 (1 - rho)) = 1369.819 ns. */
static void imix_waits_as_mg1_says(void **state)
{
	uint64_t n = rig_scaled(100000, 3000);

	(void)state;
	assert_law("M/G/1 imix rho 0.8", mean_wait("imix", 2618944, n, 12, rig_seed(201)), 1369819,
		   n == 100000);
}

/* ---- Little's law --------------------------------------------------------------------- */

static void little_holds_for_the_wire_and_for_the_way_to_the_host(void **state)
{
	static const char *const source[] = {"poisson", "onoff", "constant"};
	static const uint64_t pps[] = {2618944, 3000000, 3500000};
	uint64_t n = rig_scaled(50000, 2000), seed = rig_seed(301);

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(source); i++) {
		struct rig rig =
			rig_open("[scenario]\nseed = %" PRIu64 "\n[nic eth0]\nrx_ring = 4096\n"
				 "[guest vm1]\npolicy = null\n[traffic t]\nto = vm1\nsource = %s\n"
				 "on = 50us\noff = 30us\nsize = imix\npps = %" PRIu64 "\n"
				 "packets = %" PRIu64 "\n",
				 seed + i, source[i], pps[i], n);
		const struct book *b = &rig.m->guest[0].rx;
		unsigned __int128 wire;

		watch_open(&rig, n);
		rig_run(&rig);
		assert_int_equal(watch.wire.n, n);
		assert_int_equal(watch.host.n, n);
		wire = occupancy(&rig, TRAFFIC_WIRE, &watch.wire);
		assert_true(same(wire, b->stage_sum[STAGE_WIRE_WAIT] + b->stage_sum[STAGE_WIRE]));
		/* less the one that is being sent, while there is one */
		assert_true(same(wire - rig.m->nic[0].nic.rx_wire.busy_ps,
				 b->stage_sum[STAGE_WIRE_WAIT]));
		assert_true(same(occupancy(&rig, TRAFFIC_WIRE, &watch.host), b->latency.sum));
		watch_close();
	}
}

/* Process, guest kernel, virtqueue, host, NIC, wire: from the intended send to the last bit. */
static void little_holds_for_the_whole_way_out_of_a_guest(void **state)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};
	uint64_t n = rig_scaled(10000, 1000), seed = rig_seed(401);

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct rig rig =
			rig_open("[scenario]\nseed = %" PRIu64 "\n[nic eth0]\n[guest vm1]\n"
				 "policy = %s\ndelivery = %s\n[traffic t]\nfrom = vm1\n"
				 "source = poisson\nsize = imix\npps = 400000\n"
				 "packets = %" PRIu64 "\n",
				 seed + i, policy[i / 2], i & 1 ? "process" : "kernel", n);
		const struct book *b = &rig.m->guest[0].tx;

		watch_open(&rig, n);
		rig_run(&rig);
		assert_int_equal(b->led.delivered, n);
		assert_int_equal(watch.far.n, n);
		assert_true(same(occupancy(&rig, 0, &watch.far), b->latency.sum));
		watch_close();
	}
}

/* ---- the stages of a frame ------------------------------------------------------------ */

static void stages_of_each_run_add_up_to_its_latencies(void **state)
{
	static const char *const policy[] = {"null", "copy", "single-copy", "zero-copy"};

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct rig rig =
			rig_open("[host]\ncores = %u\n[nic eth0]\n[guest vm1]\npolicy = %s\n"
				 "delivery = %s\n[traffic in]\nto = vm1\nsource = poisson\n"
				 "size = imix\npps = 500000\npackets = 2000\n[traffic out]\n"
				 "from = vm1\nsource = poisson\nsize = imix\npps = 200000\n"
				 "packets = 2000\n",
				 1 + i / 8, policy[i % 4], i & 4 ? "process" : "kernel");
		const struct book *b[] = {&rig.m->guest[0].rx, &rig.m->guest[0].tx};

		rig_run(&rig);
		assert_int_equal(rig.m->world.stage_errors, 0);
		for (unsigned d = 0; d < 2; d++) {
			unsigned __int128 sum = 0;
			for (unsigned s = 0; s < STAGE_N; s++)
				sum += b[d]->stage_sum[s];
			assert_true(b[d]->latency.count > 0);
			assert_true(same(sum, b[d]->latency.sum));
		}
		rig_close(&rig);
	}
}

static void a_frame_whose_stages_do_not_add_up_is_counted(void **state)
{
	struct world w;
	struct evq q;
	struct book b;

	(void)state;
	evq_init(&q);
	world_init(&w, &q, NULL);
	book_init(&b);
	for (unsigned i = 0; i < 4; i++) {
		struct frame *f = world_frame(&w, &b, 60, 1000);
		frame_stamp(f, STAGE_WIRE, 1672);
		frame_stamp(f, STAGE_NIC, 3000);
		f->stage_ps[STAGE_NIC] += i == 1; /* time from nowhere */
		f->last += i == 3;                /* time that no stage has */
		world_deliver(&w, f);
		assert_int_equal(w.stage_errors, (i >= 1) + (i >= 3));
	}
	assert_int_equal(b.latency.count, 4);
	book_fini(&b);
	world_fini(&w);
}

static void a_run_with_a_broken_stamp_is_a_violation(void **state)
{
	struct rig rig = rig_open("[nic eth0]\n[guest vm1]\npolicy = null\n[traffic t]\nto = vm1\n"
				  "pps = 100000\npackets = 1000\n");
	GError *error = NULL;

	(void)state;
	watch_open(&rig, 1000);
	watch.break_stage = 500;
	rig_run_only(&rig);
	assert_int_equal(rig.m->world.stage_errors, 1);
	assert_false(machine_verify(rig.m, &error));
	assert_int_equal(error->code, SIM_EXIT_VIOLATION);
	assert_non_null(strstr(error->message, "1 frames whose stages do not add up"));
	g_error_free(error);
	watch_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evenly_spaced_frames_never_wait_up_to_full_load),
		cmocka_unit_test(above_full_load_waits_grow_by_the_same_step),
		cmocka_unit_test(poisson_arrivals_wait_as_md1_says),
		cmocka_unit_test(imix_waits_as_mg1_says),
		cmocka_unit_test(little_holds_for_the_wire_and_for_the_way_to_the_host),
		cmocka_unit_test(little_holds_for_the_whole_way_out_of_a_guest),
		cmocka_unit_test(stages_of_each_run_add_up_to_its_latencies),
		cmocka_unit_test(a_frame_whose_stages_do_not_add_up_is_counted),
		cmocka_unit_test(a_run_with_a_broken_stamp_is_a_violation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
