/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_look_bytes.c - captures show what is there: in every kind of machine the frames of the wire
 * at each point; and where a datapath spoils them, spoilt ones from there on.
 */
#include <pcap/pcap.h>
#include <string.h>

#include "machine_helper.h"
#include "models/machine_watch.h"
#include "models/plat/sim/plat_tap.h"

/* ---- captures read back ---- */

enum { WIRE, HYPERVISOR, GUEST, POINTS };
static const char *const point_names[POINTS] = {"wire", "hypervisor", "vm1"};

struct captures {
	char *path[POINTS];
	GPtrArray *frame[POINTS]; /* GBytes, sorted: order differs between points */
};

static gint by_bytes(gconstpointer a, gconstpointer b)
{
	return g_bytes_compare(*(const GBytes *const *)a, *(const GBytes *const *)b);
}

static GPtrArray *frames_of(const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	pcap_t *p = pcap_open_offline(path, error);
	struct pcap_pkthdr *h;
	const u_char *bytes;

	if (!p)
		fail_msg("%s", error);
	while (pcap_next_ex(p, &h, &bytes) == 1)
		g_ptr_array_add(all, g_bytes_new(bytes, h->caplen));
	pcap_close(p);
	g_ptr_array_sort(all, by_bytes);
	return all;
}

static void captures_read(struct captures *c)
{
	for (unsigned i = 0; i < POINTS; i++) {
		c->frame[i] = frames_of(c->path[i]);
		unlink(c->path[i]);
	}
}

static void captures_free(struct captures *c)
{
	for (unsigned i = 0; i < POINTS; i++) {
		g_ptr_array_unref(c->frame[i]);
		g_free(c->path[i]);
	}
}

/* What to ask for; freed with g_strfreev(). */
static char **captures_asked(struct captures *c)
{
	char **what = g_new0(char *, POINTS + 1);

	for (unsigned i = 0; i < POINTS; i++) {
		c->path[i] = run_temp(".pcap");
		what[i] = g_strconcat(point_names[i], "=", c->path[i], NULL);
	}
	return what;
}

static struct captures captured(const char *text)
{
	struct captures c;
	g_auto(GStrv) what = captures_asked(&c);
	struct run_look look = {.pcap = (const char *const *)what};
	struct run run = run_looked(text, &look);

	run_ok(&run);
	run_is(&run, "guests.rx.drops", 0);
	run_is(&run, "guests.tx.drops", 0);
	captures_read(&c);
	run_free(&run);
	return c;
}

static bool same(const GPtrArray *a, const GPtrArray *b)
{
	for (guint i = 0; i < a->len && a->len == b->len; i++)
		if (g_bytes_compare(a->pdata[i], b->pdata[i]))
			return false;
	return a->len == b->len;
}

/* ---- what is right ---- */

#define IN                                                                                         \
	"[traffic in]\nto = vm1\nsize = imix\nsource = poisson\nrate = 900Mbit/s\npackets = 300\n"
#define OUT  "[traffic out]\nfrom = vm1\nsize = imix\npps = 30000\npackets = 150\n"
#define BOTH IN OUT

static const char *const hosted[] = {
	"[nic eth0]\n[guest vm1]\npolicy = copy\n" BOTH,
	"[nic eth0]\n[guest vm1]\npolicy = single-copy\n" BOTH,
	"[nic eth0]\n[guest vm1]\npolicy = zero-copy\n" BOTH,
	"[nic eth0]\n[guest vm1]\npolicy = copy\ndelivery = process\n" BOTH,
	"[nic eth0]\n[guest vm1]\npolicy = zero-copy\ndelivery = process\n" BOTH,
	"[nic eth0]\ngather = false\n[guest vm1]\npolicy = zero-copy\ndelivery = process\n" BOTH,
	"[nic eth0]\n[guest vm1]\npolicy = zero-copy\nmrg_rxbuf = false\nindirect_desc = "
	"true\n" BOTH,
	"[nic eth0]\nplace = host\n[guest vm1]\nsplit = true\npolicy = single-copy\n"
	"delivery = process\n" BOTH,
	"[nic eth0]\nplace = nic\n[guest vm1]\nsplit = true\npolicy = zero-copy\n"
	"delivery = process\n" BOTH,
	"[nic eth0]\nplace = nic\n[guest vm1]\nsplit = true\npolicy = zero-copy\n"
	"delivery = process\nprocess_buffer = 100B\n" BOTH,
	"[nic eth0]\nmodel = 82599-kernel\n[guest vm1]\npolicy = zero-copy\n" BOTH,
	"[iommu]\nmode = off\n[nic eth0]\n[guest vm1]\npolicy = single-copy\n" BOTH,
	"[nic eth0]\nqueues = 1\n[guest vm1..vm2]\npolicy = single-copy\n" BOTH,
	"[tap]\n[nic eth0]\n[guest vm1]\npolicy = copy\n" BOTH,
	"[tap]\n[nic eth0]\n[guest vm1]\npolicy = single-copy\n" BOTH,
	"[tap]\nthreads = one\n[nic eth0]\n[guest vm1]\npolicy = zero-copy\ndelivery = "
	"process\n" BOTH,
	"[tap]\nlockstep = true\n[nic eth0]\n[guest vm1]\npolicy = zero-copy\n" BOTH,
};

static const char *const passed_by[] = {
	"[nic eth0]\nvfs = 2\n[guest vm1]\nattach = vf\n" BOTH,
	"[nic eth0]\nvfs = 2\n[guest vm1]\nattach = vf\ndelivery = process\n" BOTH,
	"[nic eth0]\nvfs = 2\n[guest vm1]\nattach = vf\ndma_map = bounce\n" BOTH,
};

static void as_on_the_wire(const char *text, bool hypervisor)
{
	struct captures c = captured(text);

	if (c.frame[WIRE]->len != 450)
		fail_msg("%u frames on the wire:\n%s", c.frame[WIRE]->len, text);
	if (hypervisor && !same(c.frame[WIRE], c.frame[HYPERVISOR]))
		fail_msg("other frames at the hypervisor:\n%s", text);
	if (!hypervisor)
		assert_int_equal(c.frame[HYPERVISOR]->len, 0);
	if (!same(c.frame[WIRE], c.frame[GUEST]))
		fail_msg("other frames in the guest:\n%s", text);
	captures_free(&c);
}

static void each_point_has_the_frames_of_the_wire(void **state)
{
	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(hosted); i++)
		as_on_the_wire(hosted[i], true);
	for (unsigned i = 0; i < G_N_ELEMENTS(passed_by); i++)
		as_on_the_wire(passed_by[i], false);
}

/* A device without room lets the first frame wait: it is captured once, when it is taken. */
static void a_frame_that_the_host_puts_back_is_there_once(void **state)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(policy); i++) {
		g_autofree char *text = g_strdup_printf(
			"[nic eth0]\nlink = 1Gbit/s\ntx_ring = 32\n[guest vm1]\npolicy = %s\n"
			"[traffic out]\nfrom = vm1\nsize = imix\nrate = max\npackets = 600\n",
			policy[i]);
		struct captures c = captured(text);

		assert_int_equal(c.frame[WIRE]->len, 600);
		assert_true(same(c.frame[WIRE], c.frame[HYPERVISOR]));
		assert_true(same(c.frame[WIRE], c.frame[GUEST]));
		captures_free(&c);
	}
}

static void a_local_frame_is_as_sent_at_each_point(void **state)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(policy); i++) {
		g_autofree char *text = g_strdup_printf(
			"[nic eth0]\n[guest vm1..vm2]\npolicy = %s\n[traffic l]\nfrom = vm2\n"
			"to = vm1\nsize = imix\npps = 1e5\npackets = 100\n",
			policy[i]);
		struct captures c = captured(text);

		assert_int_equal(c.frame[WIRE]->len, 0);
		assert_int_equal(c.frame[HYPERVISOR]->len, 100);
		assert_true(same(c.frame[HYPERVISOR], c.frame[GUEST]));
		captures_free(&c);
	}
}

/* ---- what is spoilt ---- */

#define SPOILT 50 /* byte of a frame */

static void spoil(const struct piece *piece, uint32_t at)
{
	for (; at >= piece->len; piece++)
		at -= piece->len;
	piece->p[at] ^= 0xff;
}

/* In the hypervisor's buffer, before it is copied. */
static void spoils_buffer(struct dpath *dp, const struct plat_rx *rx, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		spoil(hbuf_pieces(&dp->rx_pool, (uint32_t)rx[i].cookie), SPOILT);
	policy_single_copy.rx(dp, rx, n);
}

/* In the guest's, after that: the hypervisor's is whole. */
static void spoils_copy(struct dpath *dp, const struct plat_rx *rx, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct piece *piece = hbuf_pieces(&dp->rx_pool, (uint32_t)rx[i].cookie);

		spoil(piece, SPOILT);
		policy_single_copy.rx(dp, &rx[i], 1);
		spoil(piece, SPOILT);
	}
}

/* The copy is cut short. */
static void cuts_copy(struct dpath *dp, const struct plat_rx *rx, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		rx[i].frame->len -= 10;
		policy_single_copy.rx(dp, &rx[i], 1);
		rx[i].frame->len += 10;
	}
}

/* Where the device is going to write, or has written: in the guest's memory. */
static void spoils_guest_memory(struct dpath *dp, const struct plat_rx *rx, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct plat_seg *seg = &dp->rx_seg[rx[i].cookie * dp->max_segs];
		gpa_t gpa = {seg->dma & ~PLAT_TAP_GUEST};
		uint32_t one = 1;

		gpa.a += SPOILT;
		*(uint8_t *)plat_map(dp->rx_pl, gpa, &one, PLAT_WRITE) ^= 0xff;
	}
	policy_zero_copy.rx(dp, rx, n);
}

/* As it takes it; it waits as long as there is no room. */
static bool spoils_sent(struct dpath *dp, struct virtq_chain *c)
{
	struct piece piece[DPATH_PIECES];

	if (plat_dev_tx_room(dp->tx_pl, dp->port) < dp->tx_pool.per || !dp->tx_pool.top)
		return false;
	dpath_pieces(&dp->txq, dp->tx_pl, c->seg, c->nout, VIRTQ_NET_HDR_BYTES, dpath_tx_len(c),
		     PLAT_WRITE, piece);
	spoil(piece, SPOILT);
	return policy_single_copy.tx(dp, c);
}

/* A machine whose first guest has this policy; no one looks whether the run adds up. */
static struct captures captured_with(const char *text, const struct policy *rx,
				     const struct policy *tx)
{
	struct captures c;
	g_auto(GStrv) what = captures_asked(&c);
	struct run_look look = {.pcap = (const char *const *)what};
	struct run_ctl ctl = {.look = &look};
	g_autofree char *path = run_temp(".ini");
	GError *error = NULL;
	struct scenario *sc;
	struct machine *m;

	g_file_set_contents(path, text, -1, NULL);
	sc = scenario_load(path, option_groups, NULL, &error);
	m = sc ? machine_new(sc, &error) : NULL;
	if (m && rx)
		m->guest[0].dp.rx_policy = rx;
	if (m && tx)
		m->guest[0].dp.tx_policy = tx;
	if (!m || !look_open(m, &look, &error) || !machine_run(m, &ctl, &error))
		fail_msg("%s", error->message);
	look_end(m);
	assert_true(look_close(m, true, &error));
	machine_free(m);
	scenario_free(sc);
	unlink(path);
	captures_read(&c);
	return c;
}

/* All frames of `a` with that byte spoilt are those of `b`. */
static void spoilt_in(const GPtrArray *a, const GPtrArray *b)
{
	g_autoptr(GPtrArray) want = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

	for (guint i = 0; i < a->len; i++) {
		gsize len;
		const uint8_t *bytes = g_bytes_get_data(a->pdata[i], &len);
		uint8_t *copy = g_memdup2(bytes, len);

		copy[SPOILT] ^= 0xff;
		g_ptr_array_add(want, g_bytes_new_take(copy, len));
	}
	g_ptr_array_sort(want, by_bytes);
	assert_true(a->len > 0);
	assert_true(same(want, b));
}

#define ONE "[nic eth0]\n[guest vm1]\npolicy = single-copy\n"

static void what_the_host_spoils_is_spoilt_from_there_on(void **state)
{
	struct policy bad = policy_single_copy;
	struct captures c;

	(void)state;
	bad.rx = spoils_buffer;
	c = captured_with(ONE IN, &bad, NULL);
	assert_true(same(c.frame[HYPERVISOR], c.frame[GUEST]));
	spoilt_in(c.frame[WIRE], c.frame[GUEST]);
	captures_free(&c);
	bad.rx = spoils_copy;
	c = captured_with(ONE IN, &bad, NULL);
	assert_true(same(c.frame[WIRE], c.frame[HYPERVISOR]));
	spoilt_in(c.frame[WIRE], c.frame[GUEST]);
	captures_free(&c);
}

static void what_is_cut_is_shorter_in_the_guest(void **state)
{
	struct policy bad = policy_single_copy;
	struct captures c;
	uint64_t bytes[POINTS] = {0};

	(void)state;
	bad.rx = cuts_copy;
	c = captured_with(ONE IN, &bad, NULL);
	for (unsigned p = 0; p < POINTS; p++)
		for (guint i = 0; i < c.frame[p]->len; i++)
			bytes[p] += g_bytes_get_size(c.frame[p]->pdata[i]);
	assert_int_equal(c.frame[GUEST]->len, 300);
	assert_int_equal(bytes[HYPERVISOR], bytes[WIRE]);
	assert_int_equal(bytes[GUEST], bytes[WIRE] - 300 * 10);
	captures_free(&c);
}

/* Without a copy the hypervisor is shown what lies in the guest. */
static void what_is_spoilt_in_guest_memory_is_seen_at_the_hypervisor(void **state)
{
	struct policy bad = policy_zero_copy;
	struct captures c;

	(void)state;
	bad.rx = spoils_guest_memory;
	c = captured_with("[tap]\n[nic eth0]\n[guest vm1]\npolicy = zero-copy\n" IN, &bad, NULL);
	assert_true(same(c.frame[HYPERVISOR], c.frame[GUEST]));
	spoilt_in(c.frame[WIRE], c.frame[GUEST]);
	captures_free(&c);
}

/* Frames wait for room in the device: the host looks at them more than once. */
#define NARROW                                                                                     \
	"[nic eth0]\nlink = 1Gbit/s\ntx_ring = 32\n[guest vm1]\npolicy = single-copy\n"            \
	"[traffic out]\nfrom = vm1\nsize = imix\nrate = max\npackets = 600\n"

static void what_the_host_sends_wrong_was_right_in_the_guest(void **state)
{
	struct policy bad = policy_single_copy;
	struct captures c;

	(void)state;
	bad.tx = spoils_sent;
	for (unsigned i = 0; i < 2; i++) {
		c = captured_with(i ? NARROW : ONE OUT, NULL, &bad);
		assert_true(same(c.frame[WIRE], c.frame[HYPERVISOR]));
		spoilt_in(c.frame[GUEST], c.frame[WIRE]);
		captures_free(&c);
	}
}

/* Frames of it are under way still when its memory is gone. */
static void a_guest_that_is_destroyed_is_captured_until_then(void **state)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(policy); i++) {
		g_autofree char *text = g_strdup_printf(
			"[nic eth0]\n[guest]\npolicy = %s\n[guest vm1]\ndestroyed_at = 300us\n"
			"[guest vm2]\n[traffic in]\nto = vm1\nrate = max\npackets = 2000\n"
			"[traffic out]\nfrom = vm1\nrate = max\npackets = 2000\n"
			"[traffic l]\nfrom = vm1\nto = vm2\npps = 1e6\npackets = 1000\n",
			policy[i]);
		struct captures c = captured_with(text, NULL, NULL);

		assert_in_range(c.frame[HYPERVISOR]->len, 50, 2000);
		assert_in_range(c.frame[GUEST]->len, 50, 2000);
		captures_free(&c);
	}
}

/* ---- several ---- */

static void several_captures_of_one_point_are_alike(void **state)
{
	static const char *const point[] = {"wire",       "eth0", "hypervisor",
					    "hypervisor", "vm1",  "vm1"};
	char *path[G_N_ELEMENTS(point)];
	char *what[G_N_ELEMENTS(point) + 1] = {NULL};
	GPtrArray *got[G_N_ELEMENTS(point)];
	struct run_look look = {.pcap = (const char *const *)what};
	struct run run;

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(point); i++) {
		path[i] = run_temp(".pcap");
		what[i] = g_strconcat(point[i], "=", path[i], NULL);
	}
	run = run_looked(ONE BOTH, &look);
	run_ok(&run);
	for (unsigned i = 0; i < G_N_ELEMENTS(point); i++) {
		got[i] = frames_of(path[i]);
		unlink(path[i]);
		g_free(what[i]);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(point); i++) {
		assert_int_equal(got[i]->len, 450);
		assert_true(same(got[i], got[0]));
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(point); i++) {
		g_ptr_array_unref(got[i]);
		g_free(path[i]);
	}
	run_free(&run);
}

static void two_captures_into_one_file_are_refused(void **state)
{
	static const char *const what[] = {"wire=/tmp/x.pcap", "vm1=/tmp/./x.pcap", NULL};
	struct run_look look = {.pcap = what};
	struct run run = run_looked(ONE IN, &look);

	(void)state;
	run_refused(&run, SIM_EXIT_USAGE, "takes two captures");
	run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_point_has_the_frames_of_the_wire),
		cmocka_unit_test(a_frame_that_the_host_puts_back_is_there_once),
		cmocka_unit_test(a_local_frame_is_as_sent_at_each_point),
		cmocka_unit_test(what_the_host_spoils_is_spoilt_from_there_on),
		cmocka_unit_test(what_is_cut_is_shorter_in_the_guest),
		cmocka_unit_test(what_is_spoilt_in_guest_memory_is_seen_at_the_hypervisor),
		cmocka_unit_test(what_the_host_sends_wrong_was_right_in_the_guest),
		cmocka_unit_test(a_guest_that_is_destroyed_is_captured_until_then),
		cmocka_unit_test(several_captures_of_one_point_are_alike),
		cmocka_unit_test(two_captures_into_one_file_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
