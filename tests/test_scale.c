/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_scale.c - a thousand guests in less than 1 GiB, and memory that does not grow with the
 * number of packets.
 *
 * Each run is a child of its own, which tells its peak of resident memory (VmHWM), so that one
 * run's peak is not taken for another's. What tools add to a program's memory is no business of
 * this test: with VNICSIM_TEST_SCALE, or under the address sanitizer, counts are judged and memory
 * is not.
 */
#include "machine_helper.h"

#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define JUDGE_MEMORY false
#else
#define JUDGE_MEMORY true
#endif

/* What a child tells. */
struct told {
	uint64_t peak_kib, packets, delivered, drops, copies, fallbacks;
	int code;
	char message[200];
};

static uint64_t peak_kib(void)
{
	char line[128];
	unsigned long long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && !kib && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %llu kB", &kib) != 1)
			kib = 0;
	if (f)
		fclose(f);
	return kib;
}

static void child(const char *text, int fd)
{
	struct run run = run_string(text);
	struct told t = {.code = run.code};

	g_strlcpy(t.message, run.message, sizeof(t.message));
	if (!run.code) {
		t.packets = run_int(&run, "guests.rx.packets");
		t.delivered = run_int(&run, "guests.rx.delivered");
		t.drops = run_int(&run, "guests.rx.drops");
		t.copies = run_int(&run, "guests.rx.copies");
		t.fallbacks = run_int(&run, "guests.rx.fallbacks");
	}
	t.peak_kib = peak_kib();
	run_free(&run);
	if (write(fd, &t, sizeof(t)) != sizeof(t))
		_exit(1);
	_exit(0);
}

static struct told run_apart(const char *text)
{
	struct told t = {0};
	int fd[2], status;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		child(text, fd[1]);
	close(fd[1]);
	assert_int_equal(read(fd[0], &t, sizeof(t)), sizeof(t));
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	if (t.code)
		fail_msg("exit %d: %s", t.code, t.message);
	return t;
}

static void thousand(const char *policy, const char *delivery, unsigned each, const char *queues,
		     bool shared)
{
	uint64_t guests = test_rounds(1000), n = guests * 100;
	g_autofree char *text =
		g_strdup_printf("[nic eth0]\nlink = 100Gbit/s\nrx_ring = 64\ntx_ring = 64\n%s\n"
				"[host]\ncores = 8\n"
				"[guest vm1..vm%" PRIu64 "]\nmemory = 64MiB\nqueue_size = 64\n"
				"policy = %s\ndelivery = %s\n"
				"[traffic t]\nto = vm1..vm%" PRIu64 "\nsize = 1500B\npps = 200000\n"
				"packets = %" PRIu64 "\n",
				queues, guests, policy, delivery, guests, n);
	struct told t = run_apart(text);

	print_message("# %" PRIu64 " guests, %s, %s, \"%s\": %" PRIu64 " MiB\n", guests, policy,
		      delivery, queues, t.peak_kib >> 10);
	assert_int_equal(t.packets, n);
	assert_int_equal(t.drops, 0);
	assert_int_equal(t.delivered, n);
	if (shared)
		assert_in_range(t.fallbacks, 1, n);
	else
		assert_int_equal(t.fallbacks, 0);
	assert_int_equal(t.copies, each * n + (each ? 0 : t.fallbacks));
	if (guests == 1000 && JUDGE_MEMORY)
		assert_in_range(t.peak_kib, 1, 1 << 20);
}

static void thousand_guests_fit_into_one_gib(void **state)
{
	(void)state;
	thousand("single-copy", "kernel", 2, "queues = 1001", false);
	thousand("zero-copy", "process", 0, "queues = 1001", false);
}

/* 63 guests have a queue of their own, the others share one: zero-copy pays a copy for it. */
static void thousand_guests_fit_into_one_gib_with_few_queues(void **state)
{
	bool few = test_rounds(1000) > 63;

	(void)state;
	thousand("single-copy", "kernel", 2, "", false);
	thousand("zero-copy", "process", 0, "", few);
}

static void memory_does_not_grow_with_the_number_of_packets(void **state)
{
	static const char *const way[] = {"policy = copy",
					  "policy = zero-copy\ndelivery = process"};

	(void)state;
	for (unsigned i = 0; i < G_N_ELEMENTS(way); i++) {
		uint64_t n[] = {test_rounds(100000), test_rounds(1000000)}, peak[2];

		for (unsigned k = 0; k < 2; k++) {
			g_autofree char *text = g_strdup_printf(
				"[nic eth0]\n[guest vm1]\n%s\n"
				"[traffic t]\nto = vm1\nsize = imix\nsource = poisson\n"
				"pps = 100000\npackets = %" PRIu64 "\n",
				way[i], n[k]);
			struct told t = run_apart(text);

			assert_int_equal(t.packets, n[k]);
			peak[k] = t.peak_kib;
		}
		print_message("# %" PRIu64 " and %" PRIu64 " packets: %" PRIu64 " and %" PRIu64
			      " KiB\n",
			      n[0], n[1], peak[0], peak[1]);
		if (JUDGE_MEMORY && n[1] == 1000000)
			assert_in_range(peak[1], 1, peak[0] + 1024);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thousand_guests_fit_into_one_gib),
		cmocka_unit_test(thousand_guests_fit_into_one_gib_with_few_queues),
		cmocka_unit_test(memory_does_not_grow_with_the_number_of_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
