/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_properties_systems.c - random machines of 2 to 16 guests, each after another of the five
 * designs or the old way, sending to each other and to the wire, and what must hold of all of them.
 *
 * A number makes a scenario. The run itself checks conservation, order within a flow, every byte,
 * stages, pins and maps, and that nobody touched memory that it did not hold (checked = true), and
 * ends with exit 4 if one is broken. Here its counts are held against the closed forms, and its
 * results against a second run and against the same traffic under another design.
 *
 * VNICSIM_TEST_SEED is the number of the first scenario, so that one that failed can be run again.
 */
#include "property_helper.h"

enum kind { COPY, SINGLE, ZERO, P2, P3, P1, VF, KINDS };

/* Policies as they act: copies of the host in each direction when nothing falls back. */
static const struct {
	const char *keys;
	unsigned rx, tx;
} kinds[KINDS] = {
	[COPY] = {"policy = copy\n", 2, 2},
	[SINGLE] = {"policy = single-copy\n", 1, 1},
	[ZERO] = {"policy = zero-copy\n", 0, 0},
	[P2] = {"policy = single-copy\ntx_policy = zero-copy\nzero_copy_preset = vhost-net\n", 1,
		0},
	[P3] = {"policy = single-copy\ntx_policy = zero-copy\ncluster = true\ncluster_timer = "
		"200us\n"
		"tx_batch = 10\ntx_timer = 50us\ntx_trap = vmm\n",
		1, 0},
	[P1] = {"rx_policy = single-copy\ntx_policy = zero-copy\nsplit = true\n", 1, 0},
	[VF] = {"attach = vf\n", 0, 0},
};

struct drawn {
	GString *text;
	struct rng rng;
	unsigned guests;
	enum kind kind[16];
	bool process[16], bounce[16];
};

/* ---- drawing ---- */

static void draw_host(struct drawn *d, uint64_t seed)
{
	g_string_append_printf(d->text,
			       "[scenario]\nseed = %" PRIu64 "\ndrain = 10s\nchecked = true\n"
			       "[host]\nscatter = true\ncores = %u\ndatapath = %s\noffload = %s\n"
			       "[iommu]\nmode = %s\niotlb_entries = %u\nflush_batch = %u\n"
			       "flush_timeout = %s\n",
			       seed, 1 + (unsigned)below(d, 4), PICK(d, "interrupt", "poll"),
			       PICK(d, "none", "idle"), PICK(d, "static", "strict", "deferred"),
			       8u << below(d, 5), 1 + (unsigned)below(d, 300),
			       PICK(d, "1us", "100us", "10ms"));
	g_string_append_printf(d->text,
			       "[nic eth0]\nlink = %s\nqueues = %u\nrx_ring = %u\ntx_ring = %u\n"
			       "switch = %s\nplace = %s\ngather = %s\nzero_copy = %s\nmtu = %uB\n",
			       PICK(d, "10Gbit/s", "100Gbit/s"), 1 + (unsigned)below(d, 20),
			       16u << below(d, 5), 16u << below(d, 5),
			       PICK(d, "veb", "vepa", "mediated"), PICK(d, "host", "nic"),
			       chance(d, 88) ? "true" : "false", chance(d, 75) ? "true" : "false",
			       chance(d, 70) ? 1500 : 4000);
	property_bus(d->text, &d->rng);
}

static void draw_guest(struct drawn *d, unsigned i)
{
	enum kind k = (enum kind)below(d, KINDS);
	const char *map = PICK(d, "static", "per-buffer", "pooled", "bounce");

	d->kind[i] = k;
	d->process[i] = k == P1 || below(d, 2);
	d->bounce[i] = k == VF && !strcmp(map, "bounce");
	g_string_append_printf(d->text,
			       "[guest vm%u]\nmemory = 32MiB\nvcpus = %u\ndelivery = %s\n"
			       "receive = %s\ntx_interrupt = %s\n%s",
			       i + 1, 1 + (unsigned)below(d, 2),
			       d->process[i] ? "process" : "kernel", PICK(d, "interrupt", "poll"),
			       PICK(d, "full", "sent"), kinds[k].keys);
	if (k == VF)
		g_string_append_printf(d->text, "dma_map = %s\nhalt = %s\n", map,
				       PICK(d, "exit", "native"));
	else
		g_string_append_printf(d->text, "queue_size = %u\nevent_idx = %s\n",
				       16u << below(d, 5), PICK(d, "true", "false"));
}

static void draw_set(struct drawn *d, const char *key, unsigned percent)
{
	bool any = false;

	g_string_append_printf(d->text, "%s = ", key);
	for (unsigned i = 0; i < d->guests; i++)
		if (chance(d, percent)) {
			g_string_append_printf(d->text, "%svm%u", any ? ", " : "", i + 1);
			any = true;
		}
	g_string_append(d->text, any ? "\n" : "vm1\n");
}

static void draw_traffic(struct drawn *d, unsigned i)
{
	static const char *const ways[] = {"in", "out", "between", "all"};
	unsigned way = (unsigned)below(d, 10);

	way = way < 3 ? 0 : way < 6 ? 1 : way < 9 ? 2 : 3;
	g_string_append_printf(d->text, "[traffic %s%u]\n", ways[way], i);
	if (way != 0)
		draw_set(d, "from", 50);
	if (way == 0 || way == 2)
		draw_set(d, "to", 50);
	if (way == 3)
		g_string_append(d->text, "to = all\n");
	g_string_append_printf(d->text,
			       "size = %s\nsource = %s\n%s\nflows = %u\nwhen_full = %s\n"
			       "packets = %u\n",
			       PICK(d, "imix", "60B", "1514B", "uniform:60B..1514B", "700B"),
			       PICK(d, "constant", "poisson", "onoff"),
			       PICK(d, "pps = 2e4", "pps = 2e5", "pps = 1e6", "rate = 5Gbit/s"),
			       1 + (unsigned)below(d, 9), PICK(d, "wait", "drop"),
			       50 + (unsigned)below(d, 400));
}

static struct drawn draw(uint64_t seed)
{
	struct drawn d = {.text = g_string_new("")};
	unsigned traffics;

	rng_init(&d.rng, seed, "systems");
	draw_host(&d, seed);
	d.guests = 2 + (unsigned)below(&d, 15);
	for (unsigned i = 0; i < d.guests; i++)
		draw_guest(&d, i);
	traffics = 2 + (unsigned)below(&d, 4);
	for (unsigned i = 0; i < traffics; i++)
		draw_traffic(&d, i);
	return d;
}

/* ---- judging ---- */

/* Copies of frames from and to the wire: what the design makes, and one for each that fell back. */
static void check_copies(const struct run *run, const struct drawn *d, unsigned i, bool tx)
{
	g_autofree char *of = g_strdup_printf("vm%u.%s.", i + 1, tx ? "tx" : "rx");
	uint64_t delivered = run_part(run, of, "delivered"), falls = run_part(run, of, "fallbacks");
	uint64_t host = sites(run, of, ~SITES_GUEST, "copies."), guest, made;

	made = tx ? kinds[d->kind[i]].tx : kinds[d->kind[i]].rx;
	if (d->kind[i] == P1 && !tx) /* payload, and whole frames that could not be placed */
		assert_int_equal(host, delivered - run_part(run, of, "header_only"));
	else if (made)
		assert_int_equal(host, made * delivered);
	else if (d->kind[i] == VF)
		assert_int_equal(host, 0);
	else
		assert_int_equal(host, falls);
	guest = sites(run, of, SITES_GUEST, "copies.");
	if (d->kind[i] == P1)
		assert_int_equal(guest, tx ? 0 : falls);
	else
		assert_int_equal(guest, delivered * (!d->process[i] + d->bounce[i]));
	assert_true(falls <= delivered);
}

static void judge(const struct run *run, const struct drawn *d)
{
	g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func(g_free);

	for (unsigned i = 0; i < d->guests; i++)
		g_ptr_array_add(objects, g_strdup_printf("vm%u", i + 1));
	g_ptr_array_add(objects, g_strdup("guests"));
	g_ptr_array_add(objects, NULL);
	run_conserves(run, (const char *const *)objects->pdata);
	for (unsigned i = 0; i < d->guests; i++)
		for (unsigned tx = 0; tx < 2; tx++) {
			g_autofree char *of = g_strdup_printf("vm%u.%s.", i + 1, tx ? "tx" : "rx");
			run_part_is(run, of, "resident", 0);
			check_copies(run, d, i, tx);
		}
}

static void random_machines_of_all_systems_keep_their_books(void **state)
{
	const char *given = getenv("VNICSIM_TEST_SEED");
	uint64_t first = given ? strtoull(given, NULL, 10) : 1, n = test_rounds(150), refused = 0;
	uint64_t of_kind[KINDS] = {0};

	(void)state;
	print_message("# first seed %" PRIu64 ", %" PRIu64 " scenarios\n", first, n);
	for (uint64_t seed = first; seed < first + n; seed++) {
		struct drawn d = draw(seed);
		struct run run = run_string(d.text->str);

		if (run.code == SIM_EXIT_USAGE) {
			refused++;
			print_message("# seed %" PRIu64 ": %s\n", seed, run.message);
		} else {
			if (run.code)
				print_message("# seed %" PRIu64 "\n", seed);
			run_ok(&run);
			judge(&run, &d);
			if (seed % 4 == 0)
				check_again(&run);
			for (unsigned i = 0; i < d.guests; i++)
				of_kind[d.kind[i]]++;
		}
		run_free(&run);
		g_string_free(d.text, TRUE);
	}
	print_message("# %" PRIu64 " refused\n", refused);
	assert_true(refused * 10 <= n + 10);
	for (unsigned k = 0; k < KINDS; k++)
		assert_true(n < 20 || of_kind[k]);
}

/*
 * The same traffic, light enough that nothing is lost, under each design: what each receiver got is
 * the same to the last byte, whoever moved it.
 */
static void designs_deliver_the_same_bytes(void **state)
{
	static const char *const nics[] = {"switch = veb\n", "switch = vepa\n",
					   "switch = mediated\n", "place = nic\n"};
	uint64_t n = test_rounds(40);

	(void)state;
	for (uint64_t seed = 1; seed <= n; seed++) {
		char *digest[3] = {NULL};
		unsigned guests = 2 + (unsigned)(seed % 4);

		for (unsigned k = 0; k < KINDS + 3; k++) {
			unsigned kind = k < KINDS ? k : k == KINDS ? P1 : VF;
			const char *nic = k == KINDS  ? nics[3]
					  : k == VF   ? nics[0]
					  : k > KINDS ? nics[k - KINDS]
						      : "";
			const char *keys = k == KINDS ? "policy = zero-copy\nsplit = true\n"
						      : kinds[kind].keys;
			struct run run = run_text(
				"[scenario]\nseed = %" PRIu64
				"\ndrain = 10s\n[host]\ncores = 4\n[nic eth0]\nlink = 100Gbit/s\n%s"
				"[guest]\ndelivery = process\n%s[guest vm1..vm%u]\nmemory = "
				"32MiB\n"
				"[traffic in]\nto = vm1..vm%u\nsize = imix\npps = 2e4\npackets = "
				"60\n"
				"flows = 5\n[traffic out]\nfrom = vm1..vm%u\nsize = imix\npps = "
				"2e4\n"
				"packets = 60\n[traffic between]\nfrom = vm1\nto = vm2\nsize = "
				"uniform:60B..1514B\npps = 2e4\npackets = 60\n",
				seed, nic, keys, guests, guests, guests);

			run_ok(&run);
			for (unsigned w = 0; w < 3; w++) {
				static const char *const way[] = {"guests.rx.digest",
								  "guests.tx.digest",
								  "guests.local.digest"};
				const char *got = run_str(&run, way[w]);
				if (!digest[w])
					digest[w] = g_strdup(got);
				else if (strcmp(got, digest[w]) != 0) {
					run_show(&run);
					fail_msg("%s is %s, wanted %s", way[w], got, digest[w]);
				}
			}
			run_free(&run);
		}
		for (unsigned w = 0; w < 3; w++) {
			assert_non_null(digest[w]);
			g_free(digest[w]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(designs_deliver_the_same_bytes),
		cmocka_unit_test(random_machines_of_all_systems_keep_their_books),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
