/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_queue_theory.c - queues beyond the link, against formulas computed here, at random loads,
 * sizes and rates; and Little's law for each part of a frame's way.
 *
 * Everything costs nothing but the station under test. A run's answer may differ from theory by 4
 * standard errors of its replications, or 1%; errors come from replications, never from waits in a
 * row.
 */
#include "machine_helper2.h"

#define FREE                                                                                       \
	"[cost]\ncopy_base = 0\ncopy_byte = 0\ncsum_byte = 0\npoll = 0\ndev_rx = 0\ndev_tx = 0\n"  \
	"doorbell = 0\nvq_desc = 0\nvq_push = 0\ndrv_add = 0\ndrv_get = 0\ndma_map = 0\n"          \
	"dma_unmap = 0\niotlb_inv = 0\nsyscall = 0\nhost_stack = 0\nhost_irq = 0\ninject = 0\n"    \
	"vm_exit = 0\nhypercall = 0\nvmm_entry = 0\nguest_irq = 0\nguest_rx = 0\nguest_tx = 0\n"   \
	"guest_post = 0\n"
#define FAST "[nic eth0]\nlink = 1600Gbit/s\nbus_rate = 16000Gbit/s\ndma_write = 0\ndma_read = 0\n"

/* ---- arithmetic ------------------------------------------------------------------------------ */

/* By series; the tests link no libm. */
static double exponential(double x)
{
	double term = 1, sum = 1;

	for (unsigned i = 1; i < 60; i++)
		sum += term *= x / i;
	return sum;
}

static double root(double x)
{
	double r = x > 1 ? x : 1;

	for (unsigned i = 0; i < 200; i++)
		r = (r + x / r) / 2;
	return r;
}

struct estimate {
	double n, sum, squares;
};

static void estimate_add(struct estimate *e, double x)
{
	e->n++;
	e->sum += x;
	e->squares += x * x;
}

static void assert_law(const char *what, const struct estimate *e, double want)
{
	double mean = e->sum / e->n;
	double se = root((e->squares - mean * e->sum) / (e->n - 1) / e->n + 1e-300);
	double off = mean > want ? mean - want : want - mean;

	print_message("%s: %.6g, theory %.6g, standard error %.2f %%\n", what, mean, want,
		      100 * se / want);
	if (off > 4 * se && off > 0.01 * want)
		fail_msg("%s: %.6g, theory %.6g, off by %.2f standard errors", what, mean, want,
			 off / se);
}

/* ---- the formulas ---------------------------------------------------------------------------- */

static double mm1k_loss(double r, unsigned k)
{
	double power = 1, sum = 1;

	for (unsigned i = 0; i < k; i++)
		sum += power *= r;
	return power / sum;
}

/* From the chain that departures leave behind: p[j] frames with probability p[j] / sum. */
static double md1k_loss(double r, unsigned k)
{
	double a[66], p[66], sum = 1;

	a[0] = 1 / exponential(r);
	for (unsigned j = 1; j <= k; j++)
		a[j] = a[j - 1] * r / j;
	p[0] = 1;
	for (unsigned j = 0; j + 1 < k; j++) {
		double s = p[j] - p[0] * a[j];

		for (unsigned i = 1; i <= j; i++)
			s -= p[i] * a[j - i + 1];
		p[j + 1] = s / a[0];
		sum += p[j + 1];
	}
	return 1 - 1 / (1 / sum + r);
}

static void the_formulas_give_the_published_figures(void **state)
{
	(void)state;
	assert_near("M/M/1/16", mm1k_loss(.9, 16), .022239, 1e-4);
	assert_near("M/D/1/8", md1k_loss(.9, 8), .0272636, 1e-5);
	assert_near("M/D/1/16", md1k_loss(1, 16), .0315789, 1e-5);
	assert_near("M/D/1/32", md1k_loss(1.1, 32), .0911004, 1e-5);
}

/* ---- a process that works ---------------------------------------------------------------------
 */

#define RUNS 16u

static struct rig process_run(const char *law, uint64_t work_ns, unsigned k, uint64_t pps,
			      uint64_t packets, uint64_t seed)
{
	g_autofree char *work =
		!strcmp(law, "uniform")
			? g_strdup_printf("uniform:0..%" PRIu64 "ns", 2 * work_ns)
			: g_strdup_printf("%s%" PRIu64 "ns", *law ? "exponential:" : "", work_ns);
	struct rig rig =
		rig_open("[scenario]\nseed = %" PRIu64 "\n" FREE "wake = 0\nvq_pop = 0\n" FAST
			 "[guest vm1]\ndelivery = process\nnapi_weight = %u\n"
			 "queue_size = %u\nwork = %s\npolicy = %s\n[traffic in]\n"
			 "to = vm1\nsource = poisson\nsize = 60B\npps = %" PRIu64 "\n"
			 "packets = %" PRIu64 "\n",
			 seed, k > 64 ? 64 : 1, k, work, seed & 1 ? "single-copy" : "zero-copy",
			 pps, packets);

	rig_run(&rig);
	return rig;
}

/* M/D/1, M/M/1 and M/G/1, whose mean squares are 1, 2 and 4/3 of the squared mean. */
static void waits_for_a_process_are_as_pollaczek_and_khinchine_say(void **state)
{
	static const struct {
		const char *law;
		double square;
	} law[] = {{"", 1}, {"exponential", 2}, {"uniform", 4. / 3}};
	uint64_t n = rig_scaled(40000, 2000), seed = rig_seed(501);
	struct rng r;

	(void)state;
	rng_init(&r, seed, "test_queue_theory");
	for (unsigned i = 0; i < 6; i++) {
		uint64_t work = rng_range(&r, 200, 5000), load = rng_range(&r, 30, 80);
		uint64_t pps = load * 10000000 / work;
		double rho = (double)pps * (double)work * 1e-9;
		struct estimate wait = {0}, tail = {0};
		char what[64];

		for (unsigned k = 0; k < RUNS; k++) {
			struct rig rig =
				process_run(law[i % 3].law, work, 4096, pps, n, seed + 100 * i + k);
			const struct station_books *b = &rig.m->guest[0].station->books;

			assert_int_equal(b->wait.count, n);
			estimate_add(&wait, (double)b->wait.sum / (double)n);
			estimate_add(&tail, (double)hist_quantile(&b->sojourn, 99, 100));
			rig_close(&rig);
		}
		g_snprintf(what, sizeof(what), "%s work %" PRIu64 " ns, rho %.2f",
			   *law[i % 3].law ? law[i % 3].law : "constant", work, rho);
		assert_law(what, &wait,
			   rho * (double)work * 1000 * law[i % 3].square / (2 * (1 - rho)));
		if (i % 3 == 1)
			assert_law("its p99 of the sojourn", &tail,
				   4.60517 * (double)work * 1000 / (1 - rho));
	}
}

static void rings_lose_what_their_size_says(void **state)
{
	uint64_t n = rig_scaled(40000, 2000), seed = rig_seed(601);
	struct rng r;

	(void)state;
	rng_init(&r, seed, "test_queue_theory");
	for (unsigned i = 0; i < 6; i++) {
		unsigned k = 4u << rng_below(&r, 4); /* 4 to 32 */
		uint64_t work = rng_range(&r, 200, 5000), load = rng_range(&r, 85, 130);
		uint64_t pps = load * 10000000 / work;
		double rho = (double)pps * (double)work * 1e-9;
		struct estimate loss = {0};
		char what[64];

		for (unsigned run = 0; run < RUNS; run++) {
			struct rig rig = process_run(i & 1 ? "exponential" : "", work, k, pps, n,
						     seed + 100 * i + run);
			const struct ledger *l = &rig.m->guest[0].rx.led;

			estimate_add(&loss, 1 - (double)l->delivered / (double)l->offered);
			rig_close(&rig);
		}
		g_snprintf(what, sizeof(what), "M/%s/1/%u, rho %.2f", i & 1 ? "M" : "D", k, rho);
		assert_law(what, &loss, i & 1 ? mm1k_loss(rho, k) : md1k_loss(rho, k));
	}
}

/* ---- a host that sleeps ------------------------------------------------------------------------
 */

static void kicks_are_as_rare_as_load_and_wake_up_make_them(void **state)
{
	uint64_t n = rig_scaled(50000, 2000), seed = rig_seed(702);
	struct rng r;

	(void)state;
	rng_init(&r, seed, "test_queue_theory");
	for (unsigned i = 0; i < 6; i++) {
		uint64_t s = rng_range(&r, 300, 3000), w = i ? rng_range(&r, 0, 5 * s) : 0;
		uint64_t pps = rng_range(&r, 10, 85) * 10000000 / s;
		double l = (double)pps, rho = l * (double)s * 1e-9;
		struct estimate kicks = {0};
		char what[80];

		for (unsigned k = 0; k < RUNS; k++) {
			struct rig rig = rig_open(
				"[scenario]\nseed = %" PRIu64
				"\n[host]\nclock = 1GHz\ncores = 2\n" FREE "vq_pop = %" PRIu64
				"\nwake = %" PRIu64 "\n" FAST
				"[guest vm1]\npolicy = null\ndelivery = process\n"
				"queue_size = 4096\n[traffic out]\nfrom = vm1\nsource = poisson\n"
				"size = 60B\npps = %" PRIu64 "\npackets = %" PRIu64 "\n",
				seed + 100 * i + k, s, w, pps, n);

			rig_run(&rig);
			assert_int_equal(rig.m->guest[0].tx.led.delivered, n);
			estimate_add(&kicks, (double)rig.m->guest[0].tx_kick.kicks / (double)n);
			rig_close(&rig);
		}
		g_snprintf(what, sizeof(what), "kicks a frame, rho %.2f, %" PRIu64 " ns to wake up",
			   rho, w);
		assert_law(what, &kicks, (1 - rho) / (1 + l * (double)w * 1e-9));
	}
}

/* ---- constant stages ---------------------------------------------------------------------------
 */

/* Behind a constant stage nothing waits for one that is as short; for a longer one only that. */
static void only_the_longest_of_constant_stages_has_a_queue(void **state)
{
	static const struct {
		unsigned host, work; /* ns; the link takes 1 us */
	} row[] = {{1000, 1000}, {700, 300}, {1, 1000}, {1000, 1}};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
		struct rig rig = rig_open(
			"[scenario]\nseed = %u\n[host]\nclock = 1GHz\ncores = 2\n" FREE
			"vq_pop = %u\nwake = 0\n[nic eth0]\nlink = 10Gbit/s\nbus_rate = 10Gbit/s\n"
			"[guest vm1]\ndelivery = process\nqueue_size = 1024\nwork = %uns\n"
			"[traffic in]\nto = vm1\nsource = poisson\nsize = 1226B\npps = 850000\n"
			"packets = %" PRIu64 "\n",
			i + 1, row[i].host, row[i].work, rig_scaled(20000, 2000));
		const struct guest *g = &rig.m->guest[0];

		rig_run(&rig);
		assert_true(g->rx.stage_sum[STAGE_WIRE_WAIT] > 0);
		assert_true(g->rx.stage_sum[STAGE_HOST_WAIT] == 0);
		assert_int_equal(g->station->books.wait.max, 0);
		rig_close(&rig);
	}
}

/* w buffers, each 1 us of the bus (1234 bytes and a descriptor at 10 Gbit/s) and Z elsewhere. */
static void a_closed_window_carries_what_it_should(void **state)
{
	static const unsigned window[] = {4, 8, 16, 64}, z[] = {0, 3, 7, 15, 40, 100};

	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		unsigned w = window[i % 4], delay = z[i / 4];
		uint64_t n = 4000;
		struct rig rig = rig_open(
			FREE
			"vq_pop = 0\nwake = 0\n[nic eth0]\nlink = 1600Gbit/s\n"
			"bus_rate = 10Gbit/s\ndma_read = %uus\n[guest vm1]\npolicy = zero-copy\n"
			"delivery = process\nqueue_size = %u\n[traffic out]\nfrom = vm1\n"
			"size = 1234B\nrate = max\npackets = %" PRIu64 "\n",
			delay, w, n);
		const struct book *b = &rig.m->guest[0].tx;
		double rate, want = w / (delay + 1.);

		rig_run(&rig);
		rate = (double)(n - 1) / ((double)(b->last_done - b->first_done) * 1e-6);
		/* the first w and the last w come together: w / n of the whole */
		assert_near("window", rate, want < 1 ? want : 1, 1e-3 + 2. * w / (double)n);
		rig_close(&rig);
	}
}

/* ---- Little's law, part by part ---------------------------------------------------------------
 */

/*
 * Frames are counted where one part hands them to the next, at the time of that event; a frame's
 * stamps are not looked at. The sum over frames of the time in a part is the integral over time of
 * how many are there: times of leaving less times of coming.
 */
enum { AT_HOST, AT_VMM, AT_GUEST, AT_PROCESS, AT_WORK, PARTS };

static struct {
	struct guest *g;
	bool (*hrx)(struct worker *w), (*hvmm)(struct worker *w), (*grx)(struct worker *w);
	void (*news)(void *ctx, bool irq);
	uint64_t n[PARTS];
	unsigned __int128 at[PARTS]; /* sum of the times at which frames came there */
} seen;

static void come(unsigned part, unsigned n)
{
	seen.n[part] += n;
	seen.at[part] += (unsigned __int128)n * evq_now(&seen.g->m->q);
}

static void see_news(void *ctx, bool irq)
{
	come(AT_HOST, 1); /* without moderation: once for each frame written back */
	seen.news(ctx, irq);
}

static bool see_host(struct worker *w)
{
	come(seen.g->dp.vmm_pl ? AT_VMM : AT_GUEST, seen.g->dp.rxb.frames);
	return seen.hrx(w);
}

static bool see_vmm(struct worker *w)
{
	come(AT_GUEST, seen.g->dp.vmmb.frames);
	return seen.hvmm(w);
}

static bool see_guest(struct worker *w)
{
	come(AT_PROCESS, seen.g->net.rxb.frames);
	return seen.grx(w);
}

static void watch(struct guest *g)
{
	memset(&seen, 0, sizeof(seen));
	seen.g = g;
	seen.hrx = g->hrx.commit;
	seen.hvmm = g->hvmm.commit;
	seen.grx = g->grx.commit;
	seen.news = g->nq->rx_notify;
	g->hrx.commit = see_host;
	g->hvmm.commit = see_vmm;
	g->grx.commit = see_guest;
	g->nq->rx_notify = see_news;
}

static void assert_little(const struct book *b, unsigned from, unsigned to, enum frame_stage wait,
			  enum frame_stage stage)
{
	unsigned __int128 area = seen.at[to] - seen.at[from];

	assert_int_equal(seen.n[from], seen.n[to]);
	if (area != b->stage_sum[wait] + b->stage_sum[stage])
		fail_msg("%s and %s: %.9g by stamps, %.9g by count", ledger_stage_names[wait],
			 ledger_stage_names[stage],
			 (double)(b->stage_sum[wait] + b->stage_sum[stage]), (double)area);
	assert_true(b->stage_sum[stage] > 0);
}

static void little_holds_for_host_emulator_guest_and_process(void **state)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};
	uint64_t n = rig_scaled(10000, 1000), seed = rig_seed(801);

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		bool vmm = i % 3 == 0;
		struct rig rig = rig_open(
			"[scenario]\nseed = %" PRIu64 "\n[host]\ncores = %u\ndatapath = %s\n"
			"[nic eth0]\nrx_ring = 4096\n[guest vm1]\npolicy = %s\n"
			"queue_size = 1024\nsocket_queue = 2048\nwork = exponential:500ns\n"
			"[traffic in]\nto = vm1\nsource = poisson\nsize = imix\npps = 300000\n"
			"packets = %" PRIu64 "\n",
			seed + i, 1 + i / 6, i / 3 & 1 ? "poll" : "interrupt", policy[i % 3], n);
		struct guest *g = &rig.m->guest[0];
		const struct station_books *s = &g->station->books;

		watch(g);
		rig_run(&rig);
		assert_int_equal(g->rx.led.delivered, n);
		seen.n[AT_WORK] = s->out;
		seen.at[AT_WORK] = s->out_sum - s->work;
		assert_little(&g->rx, AT_HOST, vmm ? AT_VMM : AT_GUEST, STAGE_HOST_WAIT,
			      STAGE_HOST);
		if (vmm)
			assert_little(&g->rx, AT_VMM, AT_GUEST, STAGE_VMM_WAIT, STAGE_VMM);
		assert_little(&g->rx, AT_GUEST, AT_PROCESS, STAGE_GUEST_WAIT, STAGE_GUEST_KERNEL);
		assert_little(&g->rx, AT_PROCESS, AT_WORK, STAGE_PROCESS_WAIT, STAGE_PROCESS);
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_formulas_give_the_published_figures),
		cmocka_unit_test(waits_for_a_process_are_as_pollaczek_and_khinchine_say),
		cmocka_unit_test(rings_lose_what_their_size_says),
		cmocka_unit_test(kicks_are_as_rare_as_load_and_wake_up_make_them),
		cmocka_unit_test(only_the_longest_of_constant_stages_has_a_queue),
		cmocka_unit_test(a_closed_window_carries_what_it_should),
		cmocka_unit_test(little_holds_for_host_emulator_guest_and_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
