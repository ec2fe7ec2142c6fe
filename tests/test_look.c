/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_look.c - captures of runs read back as the metrics say; a packet's story adds up. */
#include <jansson.h>
#include <pcap/pcap.h>
#include <string.h>

#include "machine_helper.h"
#include "sim/story.h"

#define IN   "[traffic in]\nto = vm1\nsize = imix\nsource = poisson\nrate = 3Gbit/s\npackets = 400\n"
#define OUT  "[traffic out]\nfrom = vm1\nsize = imix\npps = 300000\npackets = 200\n"
#define BOTH IN OUT

/* ---- captures ---- */

struct capture {
	uint64_t frames, bytes, captured, backward;
	uint64_t first_ns, last_ns;
	int snaplen;
};

static struct capture read_back(const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *p =
		pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, error);
	struct capture c = {.first_ns = UINT64_MAX};
	struct pcap_pkthdr *h;
	const u_char *bytes;

	if (!p)
		fail_msg("%s", error);
	assert_int_equal(pcap_datalink(p), DLT_EN10MB);
	c.snaplen = pcap_snapshot(p);
	while (pcap_next_ex(p, &h, &bytes) == 1) {
		uint64_t ns = (uint64_t)h->ts.tv_sec * 1000000000 + (uint64_t)h->ts.tv_usec;

		assert_true(h->caplen <= (bpf_u_int32)c.snaplen && h->caplen <= h->len);
		c.frames++;
		c.bytes += h->len;
		c.captured += h->caplen;
		c.backward += ns < c.last_ns;
		c.first_ns = MIN(c.first_ns, ns);
		c.last_ns = ns;
	}
	pcap_close(p);
	return c;
}

/* A run captured at a point; its frames. */
static struct run captured(const char *text, const char *point, uint32_t snaplen, struct capture *c)
{
	g_autofree char *path = run_temp(".pcap");
	g_autofree char *what = g_strdup_printf("%s=%s", point, path);
	const char *list[] = {what, NULL};
	struct run_look look = {.pcap = list, .snaplen = snaplen};
	struct run run = run_looked(text, &look);

	run_ok(&run);
	*c = read_back(path);
	assert_int_equal(c->backward, 0);
	unlink(path);
	return run;
}

static const char *const machines[] = {
	"[nic eth0]\n[guest vm1]\npolicy = copy\n" BOTH,
	"[nic eth0]\n[guest vm1]\npolicy = single-copy\n" BOTH,
	"[nic eth0]\n[guest vm1]\npolicy = zero-copy\ndelivery = process\n" BOTH,
	"[host]\ndatapath = poll\n[nic eth0]\n[guest vm1..vm3]\n" BOTH,
	"[scenario]\nextends = free.ini\n[nic eth0]\n[guest vm1]\n" BOTH,
};

/* Everything is free there: frames pass stages in no time. */
static char *whole(const char *text)
{
	g_autofree char *base =
		g_canonicalize_filename("scenarios/studies/fidelity/base/free.ini", NULL);
	g_auto(GStrv) part = g_strsplit(text, "free.ini", 2);

	return part[1] ? g_strconcat(part[0], base, part[1], NULL) : g_strdup(text);
}

static void the_wire_reads_back_with_count_bytes_and_times(void **state)
{
	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(machines); i++) {
		g_autofree char *text = whole(machines[i]);
		struct capture c;
		struct run run = captured(text, "wire", 0, &c);

		assert_int_equal(c.frames, run_int(&run, "eth0.rx.packets") +
						   run_int(&run, "eth0.tx.packets"));
		assert_int_equal(c.bytes,
				 run_int(&run, "vm1.rx.bytes") + run_int(&run, "vm1.tx.bytes"));
		assert_int_equal(c.captured, c.bytes);
		assert_true(c.snaplen >= 65549);
		run_free(&run);
	}
}

static void the_hypervisor_and_the_guest_read_back(void **state)
{
	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(machines); i++) {
		g_autofree char *text = whole(machines[i]);
		struct capture c;
		struct run run = captured(text, "hypervisor", 0, &c);

		assert_int_equal(run_int(&run, "guests.rx.drops"), 0);
		assert_int_equal(c.frames, 600);
		run_free(&run);
		run = captured(text, "vm1", 0, &c);
		assert_int_equal(c.frames, run_int(&run, "vm1.rx.delivered") +
						   run_int(&run, "vm1.tx.packets"));
		assert_int_equal(c.bytes,
				 run_int(&run, "vm1.rx.bytes") + run_int(&run, "vm1.tx.bytes"));
		run_free(&run);
	}
}

/* One frame at a known time: its last bit on a 10 Gbit/s wire, and when it can be read. */
static void stamps_are_those_of_the_run(void **state)
{
	static const char text[] = "[nic eth0]\nlink = 10Gbit/s\n[guest vm1]\n[traffic in]\n"
				   "to = vm1\nsize = 1000B\npps = 1000\npackets = 1\nstart = 3ms\n";
	struct capture c;
	struct run run = captured(text, "wire", 0, &c);

	(void)state;
	assert_int_equal(c.first_ns, 3000000 + 1024 * 8 / 10);
	run_free(&run);
	run = captured(text, "vm1", 0, &c);
	assert_int_equal(c.first_ns, 3000000 + (uint64_t)run_number(&run, "vm1.rx.latency_ns.max"));
	run_free(&run);
}

static void local_frames_are_seen_by_both_guests_and_no_wire(void **state)
{
	static const char text[] = "[nic eth0]\n[guest vm1..vm2]\n[traffic l]\nfrom = vm1\n"
				   "to = vm2\npps = 1e5\npackets = 100\n";
	static const struct {
		const char *point;
		uint64_t frames;
	} want[] = {{"vm1", 100}, {"vm2", 100}, {"hypervisor", 100}, {"wire", 0}, {"eth0", 0}};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(want); i++) {
		struct capture c;
		struct run run = captured(text, want[i].point, 0, &c);

		assert_int_equal(c.frames, want[i].frames);
		run_free(&run);
	}
}

static void what_the_bridge_sends_back_is_on_the_wire_twice(void **state)
{
	static const char text[] = "[nic eth0]\nswitch = vepa\n[guest vm1..vm2]\nattach = vf\n"
				   "[traffic l]\nfrom = vm1\nto = vm2\npps = 1e5\npackets = 100\n"
				   "[traffic in]\nto = vm1\npps = 2e5\npackets = 100\n";
	struct capture c;
	struct run run = captured(text, "wire", 0, &c);

	(void)state;
	assert_int_equal(c.frames, 300);
	run_free(&run);
}

static void a_snap_length_cuts_frames_and_says_so(void **state)
{
	static const char text[] = "[nic eth0]\n[guest vm1]\n" IN;
	struct capture c;
	struct run run = captured(text, "wire", 100, &c);

	(void)state;
	assert_int_equal(c.snaplen, 100);
	assert_int_equal(c.bytes, run_int(&run, "vm1.rx.bytes"));
	assert_true(c.captured <= 100 * c.frames && c.captured > 60 * c.frames);
	run_free(&run);
}

/* ---- stories ---- */

static struct run told(const char *text, const char *packet, json_t **tales)
{
	g_autoptr(story_auto) story = story_new();
	struct run_look look = {.packet = packet, .story = story};
	struct run run = run_looked(text, &look);
	g_autoptr(GString) out = g_string_new(NULL);

	*tales = story_json(story);
	story_print(story, out);
	g_auto(GStrv) line = g_strsplit(out->str, "\n", -1);
	for (unsigned i = 0; line[i]; i++)
		if (strlen(line[i]) > 80)
			fail_msg("longer than 80 columns: %s", line[i]);
	return run;
}

static double number(json_t *of, const char *key)
{
	assert_true(json_is_number(json_object_get(of, key)));
	return json_number_value(json_object_get(of, key));
}

static const char *words(json_t *of, const char *key)
{
	assert_true(json_is_string(json_object_get(of, key)));
	return json_string_value(json_object_get(of, key));
}

/* Stages follow each other without a gap and add up; what else happened lies in between. */
static void tale_adds_up(json_t *tale)
{
	double at = 0, latency = number(tale, "latency_ns");
	json_t *line;
	size_t i;

	json_array_foreach(json_object_get(tale, "story"), i, line)
	{
		double begins = number(line, "at_ns"), takes = number(line, "takes_ns");

		assert_true(begins >= 0 && begins + takes <= latency + 1e-6);
		/* A copy stands behind the stage in which it was made. */
		if (!strcmp(words(line, "kind"), "copy") && begins + takes > at + 1e-6)
			fail_msg("a copy at %f stands before its stage", begins);
		if (strcmp(words(line, "kind"), "stage") != 0)
			continue;
		if (begins - at > 1e-6 || at - begins > 1e-6)
			fail_msg("%s of %s begins at %f, and what was before ended at %f",
				 words(line, "where"), words(tale, "packet"), begins, at);
		at = begins + takes;
	}
	if (!strcmp(words(tale, "end"), "delivered") &&
	    (latency - at > 1e-6 || at > latency + 1e-6))
		fail_msg("stages add up to %f of %f", at, latency);
}

static unsigned lines(json_t *tale, const char *kind)
{
	unsigned n = 0;
	json_t *line;
	size_t i;

	json_array_foreach(json_object_get(tale, "story"), i, line) n +=
		!strcmp(words(line, "kind"), kind);
	return n;
}

static void stages_of_a_story_add_up_to_the_latency(void **state)
{
	static const char *const packet[] = {"in:0", "in:399", "out:7", "200"};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(machines); i++)
		for (unsigned k = 0; k < G_N_ELEMENTS(packet); k++) {
			g_autofree char *text = whole(machines[i]);
			json_t *tales;
			struct run run = told(text, packet[k], &tales);

			run_ok(&run);
			assert_int_equal(json_array_size(tales), 1);
			tale_adds_up(json_array_get(tales, 0));
			assert_int_equal(lines(json_array_get(tales, 0), "dma"), 1);
			json_decref(tales);
			run_free(&run);
		}
}

/* A single frame: what the story tells is what the run counts. */
static void a_story_tells_what_the_metrics_count(void **state)
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		g_autofree char *text = g_strdup_printf(
			"[nic eth0]\n[guest vm1]\npolicy = %s\n[traffic in]\nto = vm1\n"
			"size = 1500B\npps = 1000\npackets = 1\n",
			policy[i]);
		json_t *tales, *tale;
		struct run run = told(text, "in:0", &tales);

		run_ok(&run);
		tale = json_array_get(tales, 0);
		assert_int_equal(lines(tale, "copy"), run_int(&run, "vm1.rx.copies"));
		assert_int_equal((uint64_t)(number(tale, "latency_ns") * 1000 + .5),
				 (uint64_t)(run_number(&run, "vm1.rx.latency_ns.max") * 1000 + .5));
		assert_string_equal(words(tale, "way"), "wire to vm1");
		assert_string_equal(words(tale, "direction"), "rx");
		json_decref(tales);
		run_free(&run);
	}
}

static void a_drop_says_where_and_why(void **state)
{
	json_t *tales;
	struct run run = told("[nic eth0]\nmtu = 1000B\n[guest vm1]\n[traffic in]\nto = vm1\n"
			      "size = 1500B\npps = 1e5\npackets = 10\n",
			      "3", &tales);

	(void)state;
	run_ok(&run);
	assert_non_null(strstr(words(json_array_get(tales, 0), "end"), "dropped, oversize: "));
	json_decref(tales);
	run_free(&run);
}

static void each_receiver_of_a_broadcast_has_a_story(void **state)
{
	json_t *tales;
	struct run run = told("[nic eth0]\n[guest vm1..vm3]\n[traffic l]\nfrom = vm1\nto = all\n"
			      "pps = 1e5\npackets = 10\n",
			      "l:4", &tales);

	(void)state;
	run_ok(&run);
	assert_int_equal(json_array_size(tales), 3);
	for (size_t i = 0; i < 3; i++) {
		tale_adds_up(json_array_get(tales, i));
		assert_string_equal(words(json_array_get(tales, i), "end"), "delivered");
	}
	json_decref(tales);
	run_free(&run);
}

/* ---- what cannot be ---- */

static void unknown_names_are_refused(void **state)
{
	static const char text[] = "[nic eth0]\n[guest vm1]\n" IN;
	static const struct {
		const char *pcap, *packet, *says;
		int code;
	} bad[] = {
		{"vm2=/tmp/x.pcap", NULL, "vm1", SIM_EXIT_USAGE},
		{"wire", NULL, "POINT=FILE", SIM_EXIT_USAGE},
		{"wire=", NULL, "POINT=FILE", SIM_EXIT_USAGE},
		{"wire=/nonexistent/x.pcap", NULL, "cannot be written", SIM_EXIT_OUTPUT},
		{NULL, "inn:3", "in", SIM_EXIT_USAGE},
		{NULL, "in:", "no packet", SIM_EXIT_USAGE},
		{NULL, "-1", "no packet", SIM_EXIT_USAGE},
		{NULL, "400", "no frame 400", SIM_EXIT_USAGE},
	};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		const char *list[] = {bad[i].pcap, NULL};
		g_autoptr(story_auto) story = story_new();
		struct run_look look = {.pcap = list, .packet = bad[i].packet, .story = story};
		struct run run = run_looked(text, &look);

		run_refused(&run, bad[i].code, bad[i].says);
		run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_wire_reads_back_with_count_bytes_and_times),
		cmocka_unit_test(the_hypervisor_and_the_guest_read_back),
		cmocka_unit_test(stamps_are_those_of_the_run),
		cmocka_unit_test(local_frames_are_seen_by_both_guests_and_no_wire),
		cmocka_unit_test(what_the_bridge_sends_back_is_on_the_wire_twice),
		cmocka_unit_test(a_snap_length_cuts_frames_and_says_so),
		cmocka_unit_test(stages_of_a_story_add_up_to_the_latency),
		cmocka_unit_test(a_story_tells_what_the_metrics_count),
		cmocka_unit_test(a_drop_says_where_and_why),
		cmocka_unit_test(each_receiver_of_a_broadcast_has_a_story),
		cmocka_unit_test(unknown_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
