/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_moderation.c - interrupts of a NIC queue by timer, by count, by least gap: exact instants of
 * single frames here, rates in scenarios/studies/fidelity/irq-moderation.ini.
 */
#include "machine_helper.h"

/* Frames of 60 B every 10 us, from `start` on; what follows is [nic]'s. */
static struct run frames(const char *nic, unsigned packets)
{
	return run_text("[host]\nclock = 1000GHz\n[iommu]\nmode = off\n[guest vm1]\n"
			"rx_policy = null\n[traffic in]\nto = vm1\nsize = 60B\npps = 100000\n"
			"packets = %u\n[traffic end]\nto = vm1\nsize = 60B\npps = 1\n"
			"start = 10ms\npackets = 1\n[nic eth0]\nlink = 100Gbit/s\n%s",
			packets, nic);
}

static void is(const char *nic, unsigned packets, uint64_t interrupts, uint64_t waits_us)
{
	struct run run = frames(nic, packets);
	struct run plain = frames("", packets);
	const struct result_value *a, *b;

	run_ok(&run);
	run_ok(&plain);
	run_is(&run, "vm1.rx.delivered", packets + 1);
	run_is(&run, "eth0.interrupts", interrupts); /* the last frame's is after the window */
	a = run_value(&run, "vm1.rx.latency_ns.max");
	b = run_value(&plain, "vm1.rx.latency_ns.max");
	if ((a->num - b->num + 10000) / 1000000 != waits_us) {
		run_show(&run);
		fail_msg("the longest wait is %" PRIu64 " ps, wanted %" PRIu64 " us",
			 (uint64_t)(a->num - b->num), waits_us);
	}
	run_free(&run);
	run_free(&plain);
}

static void a_timer_is_armed_by_the_first_frame(void **state)
{
	(void)state;
	/* 0 10 20 30 | 40 ...: due 35 after the first, which finds four of them. */
	is("irq_delay = 35us\n", 12, 3, 35);
	is("irq_delay = 35us\n", 13, 4, 35);
	is("irq_delay = 5us\n", 13, 13, 5);
}

static void a_count_brings_it_forward_and_the_timer_ends_the_rest(void **state)
{
	(void)state;
	is("irq_count = 4\nirq_delay = 500us\n", 12, 3, 500); /* 500: the very last, alone */
	is("irq_count = 4\nirq_delay = 25us\n", 12, 4, 25);   /* 0 10 20 | 30 40 50 | ... */
	is("irq_count = 5\nirq_delay = 90us\n", 11, 3, 90);   /* 5, 5, and 1 by the timer */
	is("irq_count = 1\nirq_delay = 90us\n", 11, 11, 0);
}

static void a_least_gap_holds_back_what_is_due(void **state)
{
	(void)state;
	/* 0, then 25 after that, for 10 and 20; 50 for 30 and 40; ... 125. */
	is("moderation = 25us\n", 12, 6, 20);
	/* 15; what is due at 35 waits until 75, what is due at 95 until 135. */
	is("moderation = 60us\nirq_delay = 15us\n", 12, 3, 55);
}

static void masked_or_not_no_frame_is_left_behind(void **state)
{
	static const char *const irq[] = {"masked", "always"};
	static const char *const model[] = {"constant", "82599-kernel", "simple"};

	(void)state;
	for (unsigned m = 0; m < 3; m++)
		for (unsigned i = 0; i < 2; i++)
			for (unsigned n = 1; n < 40; n += 3)
				for (unsigned slow = 0; slow < 2; slow++) {
					struct run run = run_text(
						"[host]\nclock = %s\n[guest vm1]\n"
						"[traffic in]\nto = vm1\nsize = 60B\nsource = "
						"poisson\n"
						"pps = 300000\npackets = %u\n[nic eth0]\nmodel = "
						"%s\n"
						"irq = %s\nirq_count = 7\nirq_delay = 9us\n"
						"moderation = %uus\n",
						slow ? "200MHz" : "5GHz", n, model[m], irq[i],
						n % 2 * 20);

					run_ok(&run);
					run_is(&run, "vm1.rx.delivered", n);
					run_free(&run);
				}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timer_is_armed_by_the_first_frame),
		cmocka_unit_test(a_count_brings_it_forward_and_the_timer_ends_the_rest),
		cmocka_unit_test(a_least_gap_holds_back_what_is_due),
		cmocka_unit_test(masked_or_not_no_frame_is_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
