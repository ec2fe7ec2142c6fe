/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_tap_guest.c - guests of the real program that misbehave: one that breaks its rings, one that
 * stops taking frames. Its neighbour on the same device goes on, and all that was offered is
 * delivered, dropped by a named reason, or resident.
 *
 * Each run is a process of its own, as privileges are given up in it. One thread drives all sides,
 * so that the fault comes between two turns, always at the same place.
 */
#include "tap_rig.h"

#include <sys/wait.h>

#include "models/options.h"
#include "models/tap/tap.h"

static const char text[] = "[nic a]\n"
			   "[nic b]\n"
			   "[tap]\n"
			   "threads = one\n"
			   "[guest bad]\n"
			   "nic = a\n"
			   "policy = %s\n"
			   "[guest good]\n"
			   "nic = b\n"
			   "policy = zero-copy\n"
			   "[traffic in1]\n"
			   "to = bad\n"
			   "pps = 20000\n"
			   "packets = 4000\n"
			   "[traffic out1]\n"
			   "from = bad\n"
			   "pps = 20000\n"
			   "packets = 4000\n"
			   "[traffic in2]\n"
			   "to = good\n"
			   "pps = 20000\n"
			   "packets = 4000\n"
			   "[traffic out2]\n"
			   "from = good\n"
			   "pps = 20000\n"
			   "packets = 4000\n";

struct fault {
	void (*what)(struct tap_guest *g);
	bool (*then)(const struct tap_guest *g);
	struct tap *t;
	bool done;
};

/* In the middle of the run. */
static void on_progress(struct run_ctl *ctl, sim_time now, sim_time end, uint64_t packets,
			uint64_t total)
{
	struct fault *f = ctl->progress_state;

	(void)now;
	(void)end;
	(void)total;
	if (f->done || packets < 5000)
		return;
	f->done = true;
	f->what(&f->t->guest[0]);
}

static int broken(const char *why)
{
	fprintf(stderr, "# %s\n", why);
	return 1;
}

static struct scenario *load(const char *policy, GError **error)
{
	char path[] = "/tmp/tap_guest_XXXXXX.ini";
	g_autofree char *all = g_strdup_printf(text, policy);
	struct scenario *sc;

	close(mkstemps(path, 4));
	g_file_set_contents(path, all, -1, NULL);
	sc = scenario_load(path, option_groups, NULL, error);
	unlink(path);
	return sc;
}

static int run_with(struct fault *f, const char *policy)
{
	g_autoptr(GError) error = NULL;
	struct run_ctl ctl = {.progress = on_progress, .progress_state = f};
	struct scenario *sc = load(policy, &error);
	const struct ledger *l;
	int code = 0;

	f->t = sc ? tap_new(sc, &error) : NULL;
	if (!f->t || !tap_run(f->t, &ctl, &error) || !tap_verify(f->t, &error))
		return broken(error->message);
	l = &f->t->guest[1].rx.led;
	if (!f->done || !f->then(&f->t->guest[0]))
		code = broken("the fault did not show");
	if (l->delivered + l->drops[DROP_NIC_RING_FULL] != 4000 ||
	    f->t->guest[1].tx.led.delivered != 4000)
		code = broken("its neighbour did not go on");
	tap_free(f->t);
	scenario_free(sc);
	return code;
}

static void must(void (*what)(struct tap_guest *g), bool (*then)(const struct tap_guest *g))
{
	static const char *const policy[] = {"copy", "single-copy", "zero-copy"};

	for (unsigned i = 0; i < 3; i++) {
		int status;
		pid_t pid = fork();
		if (pid == 0) {
			struct fault f = {what, then, NULL, false};
			alarm(60);
			_exit(run_with(&f, policy[i]));
		}
		waitpid(pid, &status, 0);
		if (status)
			fail_msg("policy %s: status %#x", policy[i], (unsigned)status);
	}
}

/* ---- its rings ------------------------------------------------------------------------------- */

static unsigned no_turn(struct tap_guest *g, bool *more)
{
	(void)g;
	*more = false;
	return 0;
}

/* Its driver does nothing any more, or would put it right. */
static void stop_taking(struct tap_guest *g)
{
	g->grx.turn = no_turn;
	g->gread.turn = no_turn;
}

static void jump_avail(const struct virtq_dev *q)
{
	uint16_t *idx = virtq_word(&q->avail, 2);

	*idx = (uint16_t)(*idx + 20000);
}

static void jump_rx(struct tap_guest *g)
{
	stop_taking(g);
	jump_avail(&g->dp.rxq);
}

/* The datapath is to look before the driver has sent the next frame, and put it right. */
static void jump_tx(struct tap_guest *g)
{
	jump_avail(&g->dp.txq);
	g->htx.up = true;
}

/* With zero-copy its frames stay in the device, as there is no buffer to read them into. */
static bool lost_as(const struct tap_guest *g, enum drop_reason why)
{
	const struct ledger *l = &g->rx.led;

	return l->delivered > 0 && l->delivered < 4000 &&
	       (l->drops[why] > 0 || (g->in_device[1] > 0 && g->dp.rx_policy == &policy_zero_copy));
}

static bool rx_jumped(const struct tap_guest *g)
{
	return g->dp.rxq.stopped && g->dp.rxq.errors[VIRTQ_ERR_AVAIL_JUMP] == 1 &&
	       lost_as(g, DROP_GUEST_QUEUE_STOPPED);
}

/* What it receives goes on; a machine that is too slow for the rate loses some in the device. */
static bool tx_jumped(const struct tap_guest *g)
{
	const struct ledger *l = &g->rx.led;

	return g->dp.txq.stopped && g->dp.txq.errors[VIRTQ_ERR_AVAIL_JUMP] == 1 &&
	       l->delivered > 0 && l->delivered + l->drops[DROP_NIC_RING_FULL] == 4000 &&
	       g->tx.led.delivered < 4000;
}

/* Every descriptor points where there is no memory. */
static void nonsense(struct tap_guest *g)
{
	for (uint32_t i = 0; i < g->dp.rxq.size; i++)
		*(uint64_t *)virtq_at(&g->dp.rxq.desc, 16 * i) = UINT64_MAX - 100000;
}

static bool refused(const struct tap_guest *g)
{
	uint32_t errors = 0;

	for (unsigned e = 1; e < VIRTQ_ERR_N; e++)
		errors += g->dp.rxq.errors[e];
	return g->dp.rxq.stopped && errors == 1 && lost_as(g, DROP_GUEST_QUEUE_STOPPED);
}

static void a_receive_ring_that_jumps_stops_alone(void **state)
{
	(void)state;
	must(jump_rx, rx_jumped);
}

static void a_send_ring_that_jumps_stops_alone(void **state)
{
	(void)state;
	must(jump_tx, tx_jumped);
}

static void descriptors_without_memory_stop_their_queue(void **state)
{
	(void)state;
	must(nonsense, refused);
}

/* ---- a guest that does nothing any more ------------------------------------------------------ */

static bool ring_ran_empty(const struct tap_guest *g)
{
	return lost_as(g, DROP_GUEST_RING_EMPTY) && g->tx.led.delivered == 4000;
}

static void a_guest_that_stops_taking_frames_loses_them_alone(void **state)
{
	(void)state;
	must(stop_taking, ring_ran_empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_receive_ring_that_jumps_stops_alone),
		cmocka_unit_test(a_send_ring_that_jumps_stops_alone),
		cmocka_unit_test(descriptors_without_memory_stop_their_queue),
		cmocka_unit_test(a_guest_that_stops_taking_frames_loses_them_alone),
	};

	rig_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
