/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_p1_pages.c - header/data split: process pages that move or are not there, buffers that are
 * short, missing or a lie.
 */
#include "p1_rig.h"

/* ---- pages that move ---- */

/* Something happens to a page of process buffer 1, which waits for the second of two frames. */
struct meddler {
	struct event ev;
	struct guest *g;
	void (*what)(struct meddler *);
	enum gmem_status status;
	gpa_t gpa, old;
};

static void meddle(struct event *ev)
{
	struct meddler *d = (struct meddler *)((char *)ev - offsetof(struct meddler, ev));
	d->what(d);
}

static void remap(struct meddler *d)
{
	d->status = gproc_remap(d->g->proc, d->g->split.gva[1], &d->old);
}

static void relocate(struct meddler *d)
{
	d->status = gmem_relocate(d->g->gm, d->gpa);
}

static struct meddler meddled(struct seen *s, unsigned who, void (*what)(struct meddler *))
{
	struct meddler d = {.what = what};
	uint64_t one = 1;

	s->rig = rig_open(P1("off") "[nic eth0]\n%s[guest vm1]\n%s[traffic t]\nto = vm1\n"
				    "size = %uB\npps = 1000\npackets = 2\n",
			  placer[who].nic, placer[who].guest, SIZE);
	d.g = &s->rig.m->guest[0];
	watch(s);
	fill_canaries(d.g);
	assert_int_equal(gproc_translate(d.g->proc, d.g->split.gva[1], &one, GMEM_WRITE, &d.gpa),
			 GMEM_OK);
	event_init(&d.ev, meddle);
	evq_schedule(&s->rig.m->q, &d.ev, SIM_MS / 2);
	rig_run_only(&s->rig);
	return d;
}

/* What was posted is the page, not its address in the process. */
static void p1_07_a_remapped_process_page_does_not_redirect_a_posted_receive(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct seen s;
		struct meddler d = meddled(&s, who, remap);
		uint64_t len = PAYLOAD;

		assert_int_equal(d.status, GMEM_OK);
		assert_memory_equal(gmem_ptr(d.g->gm, d.gpa, &len, GMEM_READ), s.bytes[1] + HEADER,
				    PAYLOAD);
		process_holds(d.g, 1, NULL, 0);
		/* The process looks where nothing came: its kernel should have kept the page. */
		assert_int_equal(d.g->rx.led.corrupt, 1);
		rig_close(&s.rig);
	}
}

static void p1_07_a_relocated_page_is_followed_unless_it_is_pinned(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct seen s;
		struct meddler d = meddled(&s, who, relocate);

		assert_int_equal(d.status, placer[who].host ? GMEM_OK : GMEM_BUSY);
		assert_int_equal(d.g->gm->relocations, placer[who].host ? 1 : 0);
		process_holds(d.g, 1, s.bytes[1] + HEADER, PAYLOAD);
		assert_int_equal(d.g->rx.led.corrupt, 0);
		assert_int_equal(d.g->rx.led.delivered, 2);
		rig_close(&s.rig);
	}
}

#define EVICTED                                                                                    \
	P1("strict")                                                                               \
	"[nic eth0]\n%s[guest vm1]\n%sevict_at = 5ms\nqueue_size = 64\n%s[traffic t]\n"            \
	"to = vm1\nsize = 1000B\npps = 10000\npackets = 500\n"

/* Two of the 64 buffers are in a page: the guest's copy brings it back for both, for 10 us. */
static void p1_08_missing_page_sends_the_packet_to_the_kernel(void **state)
{
	struct run run = run_text(EVICTED, placer[0].nic, placer[0].guest, "");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", 500);
	run_is(&run, "vm1.rx.fallbacks.not_resident", 32);
	run_is(&run, "vm1.rx.fallbacks", 32);
	run_is(&run, "vm1.rx.copies.guest_kernel_to_process", 32);
	run_is(&run, "vm1.rx.copies", 500 + 32);
	run_ratio_is(&run, "vm1.vcpu0.busy_ns.page_in", 32 * 10000, 1);
	run_ratio_is(&run, "host.core0.busy_ns.page_in", 0, 1);
	run_free(&run);
}

static void p1_08_missing_page_is_faulted_in_where_that_is_wanted(void **state)
{
	struct run run =
		run_text(EVICTED, placer[0].nic, placer[0].guest, "not_resident = fault\n");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", 500);
	run_is(&run, "vm1.rx.fallbacks", 0);
	run_is(&run, "vm1.rx.copies", 500);
	run_ratio_is(&run, "host.core0.busy_ns.page_in", 32 * 10000, 1);
	run_free(&run);
}

/* Where the NIC places, what is posted is pinned: only pages that it does not have can go. */
static void p1_08_pinned_pages_stay(void **state)
{
	struct run run = run_text(EVICTED, placer[1].nic, placer[1].guest, "");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.delivered", 500);
	assert_true(run_int(&run, "vm1.rx.fallbacks.not_resident") <= 2);
	run_free(&run);
}

/* ---- what the guest does wrong, or does not do ---- */

/* vm1's kernel hands down addresses where it has no memory: in each posted descriptor. */
static void lie(struct meddler *d)
{
	for (uint32_t i = 0; i < d->g->place.bufs.size; i++)
		*(uint64_t *)virtq_at(&d->g->place.bufs.desc, 16 * i) = 1ull << 40;
}

static void p1_09_bad_address_is_counted_and_others_are_untouched(void **state)
{
	static const char text[] =
		P1("strict") "[host]\ncores = 4\n[nic eth0]\n[guest vm1..vm2]\nqueue_size = 64\n"
			     "[traffic t]\nto = vm1..vm2\nsize = 1000B\npps = 20000\n"
			     "packets = 400\n";
	struct rig rig = rig_open("%s", text), honest = rig_open("%s", text);
	struct meddler d = {.g = &rig.m->guest[0], .what = lie};

	(void)state;
	event_init(&d.ev, meddle);
	evq_schedule(&rig.m->q, &d.ev, SIM_US);
	rig_run(&rig);
	rig_run(&honest);
	assert_int_equal(d.g->rx.led.delivered, 200);
	assert_int_equal(d.g->rx.led.fallbacks[REASON_BAD_ADDRESS], 1);
	assert_int_equal(d.g->rx.led.fallbacks[REASON_NO_PROCESS_BUFFER], 199);
	assert_int_equal(d.g->place.bufs.errors[VIRTQ_ERR_ADDR_RANGE], 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(rig.m->guest[i].net.rx_end.digest,
				 honest.m->guest[i].net.rx_end.digest);
	assert_memory_equal(&rig.m->guest[1].rx.led, &honest.m->guest[1].rx.led,
			    sizeof(struct ledger));
	rig_close(&rig);
	rig_close(&honest);
}

static void p1_10_without_a_process_buffer_the_kernel_gets_the_packet(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct run run = receives(who, "process_buffers = 0");

		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", N);
		run_is(&run, "vm1.rx.fallbacks", N);
		run_is(&run, "vm1.rx.fallbacks.no_process_buffer", N);
		run_is(&run, "vm1.rx.copies.guest_kernel_to_process", N);
		run_is(&run, "vm1.rx.copies", placer[who].host ? 2 * N : N);
		run_is(&run, "vm1.rx.copy_bytes.guest_kernel_to_process", (uint64_t)N * PAYLOAD);
		run_free(&run);
	}
}

/* The host's CPU finds what there is when the frame comes, so one buffer serves an idle guest. */
static void p1_10_one_process_buffer_serves_frame_after_frame(void **state)
{
	struct run run = receives(0, "process_buffers = 1");

	(void)state;
	run_ok(&run);
	run_is(&run, "vm1.rx.fallbacks", 0);
	run_is(&run, "vm1.rx.copies", N);
	run_free(&run);
}

static void p1_11_short_buffer_is_filled_and_the_rest_takes_the_kernel_path(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct run run = receives(who, "process_buffer = 500B");

		run_ok(&run);
		run_is(&run, "vm1.rx.delivered", N);
		run_is(&run, "vm1.rx.fallbacks", N);
		run_is(&run, "vm1.rx.fallbacks.short_buffer", N);
		run_is(&run, "vm1.rx.copies.guest_kernel_to_process", N);
		run_is(&run, "vm1.rx.copy_bytes.guest_kernel_to_process",
		       (uint64_t)N * (PAYLOAD - 500));
		run_is(&run, "vm1.rx.copies.hypervisor_to_guest", placer[who].host ? N : 0);
		run_is(&run, "vm1.rx.copy_bytes.hypervisor_to_guest",
		       placer[who].host ? (uint64_t)N * PAYLOAD : 0);
		run_free(&run);
		two_frames_where_they_belong(who, 500); /* never past its end */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p1_07_a_remapped_process_page_does_not_redirect_a_posted_receive),
		cmocka_unit_test(p1_07_a_relocated_page_is_followed_unless_it_is_pinned),
		cmocka_unit_test(p1_08_missing_page_sends_the_packet_to_the_kernel),
		cmocka_unit_test(p1_08_missing_page_is_faulted_in_where_that_is_wanted),
		cmocka_unit_test(p1_08_pinned_pages_stay),
		cmocka_unit_test(p1_09_bad_address_is_counted_and_others_are_untouched),
		cmocka_unit_test(p1_10_without_a_process_buffer_the_kernel_gets_the_packet),
		cmocka_unit_test(p1_10_one_process_buffer_serves_frame_after_frame),
		cmocka_unit_test(p1_11_short_buffer_is_filled_and_the_rest_takes_the_kernel_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
