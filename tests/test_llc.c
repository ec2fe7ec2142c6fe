/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_llc.c - where bytes are: counters against explicit queues, closed forms, and a machine. */
#include <math.h>

#include "machine_helper.h"

#include "models/host/llc.h"
#include "sim/rng.h"

#define LINE  64u
#define MISS  (74 * SIM_NS) /* a write */
#define COLD  (43 * SIM_NS) /* a read */
#define FAR   (53 * SIM_NS)
#define KiB   1024u
#define LINES 4096u /* of the windows below */

static hpa_t some_memory(struct mem *m, uint32_t pages)
{
	hpa_t at = {0};

	assert_int_equal(mem_alloc_run(m, MEM_HYP, 0, pages, 1, &at), MEM_OK);
	return at;
}

static hpa_t line_at(hpa_t base, uint64_t i)
{
	return (hpa_t){base.a + i * LINE};
}

/* ---- the stupid one: caches as queues of lines ---- */

struct queue {
	uint64_t line[LINES];
	unsigned n, capacity;
};

static int queue_find(const struct queue *q, uint64_t line)
{
	for (unsigned i = 0; i < q->n; i++)
		if (q->line[i] == line)
			return (int)i;
	return -1;
}

/* A line that leaves early leaves a hole. */
static void queue_leave(struct queue *q, uint64_t line)
{
	int i = queue_find(q, line);

	if (i >= 0)
		q->line[i] = UINT64_MAX;
}

/* True: something had to go. */
static bool queue_enter(struct queue *q, uint64_t line)
{
	bool full = q->n == q->capacity;

	if (!q->capacity)
		return false;
	if (full)
		memmove(q->line, q->line + 1, --q->n * sizeof(q->line[0]));
	q->line[q->n++] = line;
	return full;
}

#define CORES 3u

struct stupid {
	struct queue part[2][2]; /* by node: CPUs', DDIO */
	struct queue own[CORES];
};

static int stupid_node(const struct stupid *s, uint64_t line)
{
	for (int n = 0; n < 2; n++)
		if (queue_find(&s->part[n][0], line) >= 0 || queue_find(&s->part[n][1], line) >= 0)
			return n;
	return -1;
}

static void stupid_leave(struct stupid *s, uint64_t line)
{
	for (int n = 0; n < 2; n++)
		for (int p = 0; p < 2; p++)
			queue_leave(&s->part[n][p], line);
}

static enum llc_place stupid_cpu(struct stupid *s, unsigned core, int node, int home, uint64_t line)
{
	int at = stupid_node(s, line);

	if (queue_find(&s->own[core], line) >= 0)
		return LLC_PRIVATE;
	for (unsigned k = 0; k < CORES; k++)
		queue_leave(&s->own[k], line);
	queue_enter(&s->own[core], line);
	if (at == node)
		return LLC_SHARED;
	stupid_leave(s, line);
	queue_enter(&s->part[node][0], line);
	return at >= 0 || home != node ? LLC_REMOTE : LLC_DRAM;
}

static sim_time stupid_dma(struct stupid *s, int node, int home, uint64_t line, bool write)
{
	sim_time far = home == node ? 0 : FAR;
	bool own = false;

	for (unsigned k = 0; k < CORES; k++)
		own |= queue_find(&s->own[k], line) >= 0;
	if (!write)
		return (own || stupid_node(s, line) >= 0 ? 0 : COLD) + far;
	for (unsigned k = 0; k < CORES; k++)
		queue_leave(&s->own[k], line);
	if (home == node && stupid_node(s, line) == node)
		return 0;
	stupid_leave(s, line);
	if (home != node || !s->part[node][1].capacity)
		return MISS + far;
	return queue_enter(&s->part[node][1], line) ? MISS : 0;
}

/* Any mix of cores, devices, nodes and capacities: line by line as the queues say. */
static void counters_are_queues(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 7, "llc");
	for (unsigned round = 0; round < 40; round++) {
		const struct llc_config config = {.nodes = 2,
						  .cores = CORES,
						  .bytes = (16 + rng_below(&r, 100)) * LINE,
						  .ways = 4,
						  .ddio_ways = (uint32_t)rng_below(&r, 4),
						  .working_set = rng_below(&r, 20) * LINE,
						  .private_bytes = rng_below(&r, 20) * LINE,
						  .write_miss = MISS,
						  .read_miss = COLD,
						  .remote = FAR};
		struct mem *m = mem_new(1 << 20, true, round);
		struct llc *c = llc_new(m, &config);
		struct stupid *s = g_new0(struct stupid, 1);
		hpa_t base[2];
		unsigned lines = 64, ddio, cpus;

		for (unsigned n = 0; n < 2; n++) {
			mem_place(m, (uint8_t)n, NULL);
			base[n] = some_memory(m, 1);
			ddio = (unsigned)(config.bytes / LINE * config.ddio_ways / 4);
			cpus = (unsigned)(config.bytes / LINE) - ddio;
			s->part[n][1].capacity = ddio;
			s->part[n][0].capacity =
				(unsigned)MAX((int)cpus - (int)(config.working_set / LINE), 0);
		}
		for (unsigned k = 0; k < CORES; k++)
			s->own[k].capacity = (unsigned)(config.private_bytes / LINE);
		for (unsigned i = 0; i < 3000; i++) {
			unsigned home = (unsigned)rng_below(&r, 2),
				 who = (unsigned)rng_below(&r, 5);
			uint64_t line = rng_below(&r, lines);
			hpa_t at = line_at(base[home], line);
			bool write = rng_below(&r, 2);
			uint32_t n[LLC_PLACES] = {0};

			line += home * lines;
			if (who < CORES) { /* core 2 is on node 1 */
				llc_cpu(c, who, who / 2, at, LINE, write, n);
				assert_int_equal(n[stupid_cpu(s, who, who / 2, (int)home, line)],
						 LINE);
			} else {
				unsigned node = who - CORES;
				assert_int_equal(llc_dma(c, node, at, LINE, write),
						 stupid_dma(s, (int)node, (int)home, line, write));
			}
		}
		g_free(s);
		llc_free(c);
		mem_free(m);
	}
}

/* ---- closed forms ---- */

/* Uniform writes of a device to a window: C/W of them find their line, C the DDIO ways. */
static void window_hits_are_c_over_w(void **state)
{
	const struct llc_config config = {.nodes = 1,
					  .cores = 1,
					  .bytes = 1000 * KiB,
					  .ways = 20,
					  .ddio_ways = 2,
					  .write_miss = MISS,
					  .read_miss = COLD};
	const unsigned window[] = {50, 100, 200, 400, 1600};
	struct rng r;

	(void)state;
	rng_init(&r, 3, "window");
	for (unsigned w = 0; w < G_N_ELEMENTS(window); w++) {
		unsigned lines = window[w] * KiB / LINE, n = 200000;
		double want = window[w] <= 100 ? 0 : 74000.0 * (1 - 100.0 / window[w]), got;
		struct mem *m = mem_new(8 << 20, false, 1);
		struct llc *c = llc_new(m, &config);
		hpa_t base = some_memory(m, window[w] * KiB / PAGE_BYTES + 1);
		uint64_t sum = 0;

		for (unsigned i = 0; i < lines; i++) /* each once, then at random */
			llc_dma(c, 0, line_at(base, i), LINE, true);
		for (unsigned i = 0; i < n; i++) {
			hpa_t at = line_at(base, rng_below(&r, lines));
			sum += llc_dma(c, 0, at, LINE, true);
			assert_int_equal(llc_dma(c, 0, at, LINE, false), 0); /* just written */
		}
		got = (double)sum / n;
		if (got < want * 0.98 - 0.5 || got > want * 1.02 + 0.5)
			fail_msg("%u KiB: %.1f ps, wanted %.1f", window[w], got, want);
		llc_free(c);
		mem_free(m);
	}
}

/* Devices and CPUs do not push each other's lines out; what others use is not to be had. */
static void partitions_are_apart(void **state)
{
	const struct llc_config config = {.nodes = 1,
					  .cores = 1,
					  .bytes = 1000 * KiB,
					  .ways = 10,
					  .ddio_ways = 2,
					  .working_set = 300 * KiB,
					  .write_miss = MISS,
					  .read_miss = COLD};
	struct mem *m = mem_new(8 << 20, false, 1);
	struct llc *c = llc_new(m, &config);
	hpa_t dev = some_memory(m, 50), cpu = some_memory(m, 250);
	uint32_t n[LLC_PLACES] = {0};

	(void)state;
	assert_int_equal(llc_dma(c, 0, dev, 200 * KiB, true), 0);
	llc_cpu(c, 0, 0, cpu, 500 * KiB, false, n);
	assert_int_equal(n[LLC_DRAM], 500 * KiB);
	assert_int_equal(llc_dma(c, 0, dev, 200 * KiB, false), 0);
	assert_int_equal(llc_dma(c, 0, dev, 200 * KiB, true), 0);
	memset(n, 0, sizeof(n));
	llc_cpu(c, 0, 0, cpu, 500 * KiB, false, n);
	assert_int_equal(n[LLC_SHARED], 500 * KiB);
	llc_cpu(c, 0, 0, (hpa_t){cpu.a + 500 * KiB}, LINE, true, n); /* one too many */
	memset(n, 0, sizeof(n));
	llc_cpu(c, 0, 0, cpu, LINE, false, n);
	assert_int_equal(n[LLC_DRAM], LINE);
	llc_free(c);
	mem_free(m);
}

/* Bytes, not lines, are counted, wherever an access begins and ends. */
static void bytes_are_counted(void **state)
{
	const struct llc_config config = {
		.nodes = 1, .cores = 1, .bytes = 100 * KiB, .ways = 10, .private_bytes = 10 * KiB};
	struct mem *m = mem_new(8 << 20, false, 1);
	struct llc *c = llc_new(m, &config);
	hpa_t base = some_memory(m, 4);
	uint32_t n[LLC_PLACES] = {0};

	(void)state;
	llc_cpu(c, 0, 0, (hpa_t){base.a + 60}, 10, false, n);
	assert_int_equal(n[LLC_DRAM], 10);
	llc_cpu(c, 0, 0, (hpa_t){base.a + 1}, 1514, true, n);
	assert_int_equal(n[LLC_PRIVATE], 127);
	assert_int_equal(n[LLC_DRAM], 10 + 1514 - 127);
	assert_int_equal(llc_stats(c)->write_bytes[LLC_PRIVATE], 127);
	assert_int_equal(llc_stats(c)->read_bytes[LLC_DRAM], 10);
	llc_free(c);
	mem_free(m);
}

/* ---- the machine ---- */

#define MACHINE                                                                                    \
	"[scenario]\nwarmup = 1ms\n[host]\ncores = 1\n%s\n[nic eth0]\nrx_ring = %u\n%s"            \
	"[guest vm1]\npolicy = single-copy\ndelivery = process\nqueue_size = 64\n%s"               \
	"[traffic t]\nto = vm1\nsize = 1500B\nrate = 2Gbit/s\nduration = 5ms\n"

/*
 * What the host reads was written by the NIC. With few buffers each line is written where it was;
 * with many, each pushes another one out, and the host still finds them if it comes at once. If it
 * comes late they are gone: the leak of DDIO.
 */
static void ring_in_ddio_or_not(void **state)
{
	struct run fits = run_text(MACHINE, "cache = model", 64, "", "");
	struct run at_once = run_text(MACHINE, "cache = model\nllc = 400KiB", 64, "", "");
	struct run late = run_text(MACHINE, "cache = model\nllc = 400KiB\nworking_set = 400KiB", 64,
				   "moderation = 200us\n", "");

	(void)state;
	run_ok(&fits);
	run_ok(&at_once);
	run_ok(&late);
	run_is(&fits, "host.read_bytes.dram", 0);
	run_is(&fits, "host.ddio_evictions", 0);
	assert_true(run_int(&fits, "host.read_bytes.llc") > 0);
	assert_true(run_int(&at_once, "host.ddio_evictions") > 10000);
	run_is(&at_once, "host.read_bytes.dram", 0);
	assert_true(run_int(&late, "host.read_bytes.dram") > 100000);
	run_free(&fits);
	run_free(&at_once);
	run_free(&late);
}

/* With one price for all places the copies cost what they cost without a model. */
static void one_price_is_no_model(void **state)
{
	struct run off = run_text(MACHINE, "cache = off", 256, "", "[cost]\ncopy_byte = 100ps\n");
	struct run on = run_text(MACHINE, "cache = model", 256, "",
				 "[cost]\nbyte_l2 = 50ps\nbyte_llc = 50ps\nbyte_dram = 50ps\n");

	(void)state;
	run_ok(&off);
	run_ok(&on);
	run_is(&on, "vm1.rx.delivered", run_int(&off, "vm1.rx.delivered"));
	assert_int_equal(run_value(&on, "host.core0.busy_ns.copy")->num,
			 run_value(&off, "host.core0.busy_ns.copy")->num);
	assert_int_equal(run_value(&on, "vm1.rx.latency_ns.mean")->num,
			 run_value(&off, "vm1.rx.latency_ns.mean")->num);
	run_free(&off);
	run_free(&on);
}

/* A checksum pass reads its bytes where they are: the guest's kernel sums what the host has copied.
 */
static void sums_are_reads(void **state)
{
	struct run off = run_text(MACHINE, "cache = off", 256, "rx_csum = false\n", "");
	struct run far = run_text(MACHINE, "cache = model\nl2 = 0", 256, "rx_csum = false\n", "");
	struct run no = run_text(MACHINE, "cache = model\nl2 = 0", 256, "", "");
	uint64_t bytes, ps;

	(void)state;
	run_ok(&off);
	run_ok(&far);
	run_ok(&no);
	bytes = run_int(&far, "host.read_bytes.llc") - run_int(&no, "host.read_bytes.llc");
	assert_true(bytes > 1000000);
	/* 45 ps a byte beside the 40 of summing; the window is without the warm-up. */
	ps = 40 * run_int(&off, "vm1.rx.csum_bytes");
	assert_true(fabs(run_number(&off, "vm1.vcpu0.busy_ns.csum") - ps / 1000.0) <
		    0.01 * ps / 1000);
	assert_true(fabs(run_number(&far, "vm1.vcpu0.busy_ns.csum") - ps * 2.125 / 1000.0) <
		    0.02 * ps / 1000);
	run_free(&off);
	run_free(&far);
	run_free(&no);
}

/* A guest on the other node: every byte written there is far from the host's core. */
static void far_guest_is_remote(void **state)
{
	struct run r =
		run_text(MACHINE, "cache = model\nnodes = 2\ncore_node = 0", 256, "", "node = 1\n");

	(void)state;
	run_ok(&r);
	assert_true(run_int(&r, "host.write_bytes.remote") > 0);
	run_is(&r, "host.write_bytes.dram", 0);
	run_is(&r, "host.read_bytes.dram", 0);
	run_free(&r);
}

static void wrong_nodes_are_refused(void **state)
{
	struct run a = run_text(MACHINE, "nodes = 2", 256, "", "");
	struct run b = run_text(MACHINE, "cache = model\nnodes = 2", 256, "", "node = 2\n");
	struct run c = run_text(MACHINE, "cache = model\nddio_ways = 21", 256, "", "");

	(void)state;
	run_refused(&a, SIM_EXIT_USAGE, "set cache = model");
	run_refused(&b, SIM_EXIT_USAGE, "[guest vm1] node: there are 2 nodes");
	run_refused(&c, SIM_EXIT_USAGE, "is more than llc_ways");
	run_free(&a);
	run_free(&b);
	run_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_are_queues),
		cmocka_unit_test(window_hits_are_c_over_w),
		cmocka_unit_test(partitions_are_apart),
		cmocka_unit_test(bytes_are_counted),
		cmocka_unit_test(ring_in_ddio_or_not),
		cmocka_unit_test(one_price_is_no_model),
		cmocka_unit_test(sums_are_reads),
		cmocka_unit_test(far_guest_is_remote),
		cmocka_unit_test(wrong_nodes_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
