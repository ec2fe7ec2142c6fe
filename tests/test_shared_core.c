/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_shared_core.c - CPUs that take turns on a physical core: shares, steal, no idle time. */
#include "machine_helper.h"

#include "models/host/cpu.h"
#include "models/host/pcore.h"
#include "sim/rng.h"

#define US   SIM_US
#define JOBS 8u

/* ---- CPUs with work to do ---- */

struct job {
	struct worker w;
	struct cpu cpu;
	struct event wake;
	sim_time burst; /* of each */
	uint64_t left;  /* bursts to do */
	uint64_t done;
	sim_time last; /* its last burst ended */
	struct evq *q;
};

static struct job job[JOBS];

static void job_burst(struct worker *w)
{
	struct job *j = (struct job *)((char *)w - offsetof(struct job, w));

	j->cpu.clk.now += j->burst;
	j->cpu.clk.busy[PLAT_W_COPY] += j->burst;
	j->left--;
	j->done++;
}

static bool job_commit(struct worker *w)
{
	struct job *j = (struct job *)((char *)w - offsetof(struct job, w));

	j->last = evq_now(j->q);
	return j->left;
}

struct rig {
	struct evq q;
	struct cost cost;
	struct pcore core;
};

static void set_up(struct rig *r, unsigned n, sim_time quantum, bool preempt, sim_time change)
{
	*r = (struct rig){.cost = {.poll_ps = 1}};
	r->cost.work_ps[PLAT_W_SWITCH] = change;
	evq_init(&r->q);
	pcore_init(&r->core, quantum, preempt);
	for (unsigned i = 0; i < n; i++) {
		job[i] = (struct job){.q = &r->q};
		cpu_init(&job[i].cpu, &r->q, &r->cost, false, "cpu");
		job[i].cpu.core = &r->core;
		worker_init(&job[i].w, &job[i].cpu, job_burst, job_commit);
	}
}

static void begin(struct job *j, sim_time burst, uint64_t n)
{
	j->burst = burst;
	j->left += n;
	cpu_wake(&j->w, 0);
}

static void run_until(struct rig *r, sim_time t)
{
	evq_run(&r->q, t);
}

static void run_out(struct rig *r)
{
	while (evq_step(&r->q))
		;
}

/* Always busy, bursts of any length: equal shares, and the switches come out of the core's time. */
static void always_busy_share_equally(void **state)
{
	const sim_time burst[] = {US, 7 * US, 100 * US, 900 * US};

	(void)state;
	for (unsigned n = 2; n <= 4; n++)
		for (unsigned change = 0; change < 2; change++) {
			sim_time t = 400000 * US, sum = 0, low = SIM_NEVER, high = 0;
			struct rig r;

			set_up(&r, n, 1000 * US, true, change * 2 * US);
			for (unsigned i = 0; i < n; i++)
				begin(&job[i], burst[i], UINT64_MAX / 2);
			run_until(&r, t);
			for (unsigned i = 0; i < n; i++) {
				sim_time had = cpu_busy_ps(&job[i].cpu, t);
				sum += had;
				low = MIN(low, had);
				high = MAX(high, had);
			}
			assert_int_equal(sum, t);
			assert_true(high - low <= 2000 * US); /* two turns of 400 */
		}
}

/* One that sleeps most of the time gets what it asks for, soon; the busy one gets the rest. */
static void sleeper_is_served_and_the_hog_is_not_starved(void **state)
{
	for (unsigned preempt = 0; preempt < 2; preempt++) {
		sim_time worst = 0;
		struct rig r;

		(void)state;
		set_up(&r, 2, 3000 * US, preempt, 0);
		begin(&job[0], 50 * US, UINT64_MAX / 2);
		for (unsigned i = 1; i <= 100; i++) {
			run_until(&r, i * 1000 * US + 10 * US);
			begin(&job[1], 20 * US, 1);
			run_until(&r, i * 1000 * US + 990 * US);
			worst = MAX(worst, job[1].last - (i * 1000 * US + 10 * US));
			if (preempt)
				assert_int_equal(job[1].done, i);
		}
		if (preempt)
			assert_true(worst <= 70 * US); /* the burst that runs, and its own */
		else
			assert_true(cpu_steal_ps(&job[1].cpu, r.q.now) > 20 * 1000 * US);
		assert_true(job[0].done * 50 * US > 97 * 1000 * US);
	}
}

/* Those who wake all the time do not keep a busy one from its share. */
static void many_wakers_leave_the_hog_its_share(void **state)
{
	struct rig r;
	sim_time t = 200000 * US;

	(void)state;
	set_up(&r, 4, 1000 * US, true, 0);
	begin(&job[0], 50 * US, UINT64_MAX / 2);
	while (r.q.now < t)
		for (unsigned i = 1; i < 4; i++) {
			if (cpu_idle(&job[i].cpu))
				begin(&job[i], 100 * US, 1);
			run_until(&r, r.q.now + 10 * US);
		}
	for (unsigned i = 0; i < 4; i++) {
		sim_time had = cpu_busy_ps(&job[i].cpu, r.q.now);
		if (i ? had < t / 5 : had < t / 4 - 2500 * US) /* wakers pause now and then */
			fail_msg("cpu %u had %" PRIu64 " us", i, had / US);
	}
}

/* Who slept for long has no more of the core than the others from then on. */
static void sleeping_saves_up_no_time(void **state)
{
	(void)state;
	for (unsigned others = 1; others <= 3; others++) {
		sim_time share = 30000 * US / (others + 1), had;
		struct rig r;

		set_up(&r, others + 1, 1000 * US, true, 0);
		for (unsigned i = 1; i <= others; i++)
			begin(&job[i], 50 * US, UINT64_MAX / 2);
		run_until(&r, 100000 * US);
		begin(&job[0], 50 * US, UINT64_MAX / 2);
		run_until(&r, 130000 * US);
		had = cpu_busy_ps(&job[0].cpu, r.q.now);
		if (had < share - 1100 * US || had > share + 1100 * US)
			fail_msg("with %u others: %" PRIu64 " us", others, had / US);
	}
}

/* Nor is one that was alone for long made to wait until the others have had as much. */
static void newcomers_do_not_starve_the_old(void **state)
{
	struct rig r;
	sim_time had;

	(void)state;
	set_up(&r, 3, 1000 * US, true, 0);
	begin(&job[0], 50 * US, UINT64_MAX / 2);
	run_until(&r, 100000 * US);
	begin(&job[1], 50 * US, UINT64_MAX / 2);
	begin(&job[2], 50 * US, UINT64_MAX / 2);
	run_until(&r, 130000 * US);
	had = cpu_busy_ps(&job[0].cpu, r.q.now) - 100000 * US;
	if (had < 8900 * US || had > 11100 * US)
		fail_msg("%" PRIu64 " us", had / US);
}

static void wake_event(struct event *ev)
{
	struct job *j = (struct job *)((char *)ev - offsetof(struct job, wake));

	cpu_wake(&j->w, 0);
}

/* Work comes at random; the core is never idle while somebody is ready: one server's busy time. */
static void no_idle_time_while_work_waits(void **state)
{
	struct rng g;

	(void)state;
	rng_init(&g, 5, "shared");
	for (unsigned round = 0; round < 200; round++) {
		unsigned n = 2 + (unsigned)rng_below(&g, JOBS - 1);
		sim_time at[JOBS], work[JOBS], end = 0, last = 0, busy = 0, steal = 0, wait = 0;
		struct rig r;

		set_up(&r, n, (1 + rng_below(&g, 50)) * US, rng_below(&g, 2), 0);
		for (unsigned i = 0; i < n; i++) {
			at[i] = rng_below(&g, 300 * US);
			job[i].burst = 1 + rng_below(&g, 20 * US);
			job[i].left = 1 + rng_below(&g, 20);
			work[i] = job[i].burst * job[i].left;
			event_init(&job[i].wake, wake_event);
			evq_schedule(&r.q, &job[i].wake, at[i]);
		}
		run_out(&r);
		for (unsigned k = 0; k < n; k++) { /* in order of arrival */
			unsigned first = 0;
			for (unsigned i = 1; i < n; i++)
				if (at[i] < at[first])
					first = i;
			end = MAX(end, at[first]) + work[first];
			at[first] = SIM_NEVER;
		}
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(job[i].left, 0);
			assert_int_equal(cpu_busy_ps(&job[i].cpu, r.q.now), work[i]);
			last = MAX(last, job[i].last);
			busy += work[i];
			steal += cpu_steal_ps(&job[i].cpu, r.q.now);
			wait += job[i].last;
		}
		assert_int_equal(last, end);
		assert_true(steal <= wait && busy <= end);
		assert_true(pcore_idle(&r.core));
	}
}

/* Steal is the wait for the core, to the picosecond. */
static void steal_is_the_wait(void **state)
{
	struct rig r;

	(void)state;
	set_up(&r, 2, 100 * US, false, 0);
	begin(&job[0], 10 * US, 5);
	begin(&job[1], 10 * US, 3);
	run_out(&r);
	assert_int_equal(cpu_steal_ps(&job[0].cpu, r.q.now), 0);
	assert_int_equal(cpu_steal_ps(&job[1].cpu, r.q.now), 50 * US);
	assert_int_equal(job[1].last, 80 * US);
	assert_int_equal(r.core.switches, 1);
}

/* A CPU that is stopped gives its core, or its place, to the others. */
static void stopped_ones_leave(void **state)
{
	struct rig r;

	(void)state;
	set_up(&r, 3, 100 * US, false, 0);
	for (unsigned i = 0; i < 3; i++)
		begin(&job[i], 10 * US, 100);
	run_until(&r, 45 * US);
	cpu_stop(&job[1].cpu); /* waits */
	cpu_stop(&job[0].cpu); /* runs until 50 us */
	run_out(&r);
	assert_int_equal(job[1].done, 0);
	assert_int_equal(job[2].done, 100);
	assert_int_equal(job[2].last, 1050 * US);
}

/* Waking up takes time, longer out of a deep sleep, and none of it is work. */
static void wake_up_is_latency(void **state)
{
	for (unsigned shared = 0; shared < 2; shared++) {
		struct rig r;

		(void)state;
		set_up(&r, 1, 100 * US, false, 0);
		if (!shared)
			job[0].cpu.core = NULL;
		job[0].cpu.delay = (struct cpu_delay){5 * US, 40 * US, 200 * US};
		run_until(&r, 10 * US);
		begin(&job[0], 10 * US, 1);
		run_out(&r);
		assert_int_equal(job[0].last, 25 * US);
		event_init(&job[0].wake, wake_event);
		job[0].left = 1;
		evq_schedule(&r.q, &job[0].wake, 225 * US - 1);
		run_out(&r);
		assert_int_equal(job[0].last, 240 * US - 1);
		job[0].left = 1;
		evq_schedule(&r.q, &job[0].wake, 440 * US);
		run_out(&r);
		assert_int_equal(job[0].last, 495 * US);
		assert_int_equal(cpu_busy_ps(&job[0].cpu, r.q.now), 30 * US);
	}
}

/* ---- the machine ---- */

#define MACHINE                                                                                    \
	"[scenario]\nwarmup = 1ms\n[host]\ncores = 2\n%s\n[nic eth0]\n"                            \
	"[guest vm1..vm2]\npolicy = single-copy\n%s"                                               \
	"[traffic t1]\nto = vm1\nsize = 60B\npps = %s\nduration = 20ms\n"                          \
	"[traffic t2]\nto = vm2\nsize = 60B\npps = %s\nduration = 20ms\n"

/* Two guests with more to do than there is time: each has half of the core, less the switches. */
static void two_busy_guests_have_half_each(void **state)
{
	struct run r = run_text(MACHINE, "guest_cores = 1\nquantum = 200us", "", "3e6", "3e6");
	double a, b;

	(void)state;
	run_ok(&r);
	a = run_number(&r, "vm1.vcpu0.busy_ratio");
	b = run_number(&r, "vm2.vcpu0.busy_ratio");
	if (a < 0.48 || a > 0.52 || b < 0.48 || b > 0.52)
		fail_msg("%.3f and %.3f", a, b);
	a = run_number(&r, "host.shared0.busy_ratio");
	assert_true(a > 0.999 && a < 1.001);
	a = run_number(&r, "vm1.vcpu0.steal_ratio") + run_number(&r, "vm2.vcpu0.steal_ratio");
	assert_true(a > 0.98 && a < 1.02);
	run_free(&r);
}

/* Enough cores: as if each had its own; too few: the same work, later. */
static void shared_or_not_is_the_same_work(void **state)
{
	struct run own = run_text(MACHINE, "", "", "1e5", "1e5");
	struct run two = run_text(MACHINE, "guest_cores = 2", "", "1e5", "1e5");
	struct run one = run_text(MACHINE, "guest_cores = 1", "", "1e5", "1e5");
	struct run all = run_text(MACHINE, "guest_cores = host", "", "1e5", "1e5");

	(void)state;
	run_ok(&own);
	run_ok(&two);
	run_ok(&one);
	run_ok(&all);
	assert_int_equal(run_value(&two, "guests.rx.latency_ns.mean")->num,
			 run_value(&own, "guests.rx.latency_ns.mean")->num);
	run_is(&one, "guests.rx.delivered", run_int(&own, "guests.rx.delivered"));
	run_is(&all, "guests.rx.delivered", run_int(&own, "guests.rx.delivered"));
	assert_string_equal(run_str(&one, "guests.rx.digest"), run_str(&own, "guests.rx.digest"));
	assert_string_equal(run_str(&all, "guests.rx.digest"), run_str(&own, "guests.rx.digest"));
	assert_true(run_number(&one, "guests.rx.latency_ns.mean") >
		    run_number(&own, "guests.rx.latency_ns.mean"));
	assert_true(run_int(&one, "host.shared0.switches") > 0);
	run_free(&own);
	run_free(&two);
	run_free(&one);
	run_free(&all);
}

static void pollers_do_not_share(void **state)
{
	struct run a = run_text(MACHINE, "guest_cores = 1", "receive = poll\n", "1e5", "1e5");
	struct run b = run_text(MACHINE, "guest_cores = host\ndatapath = poll", "", "1e5", "1e5");

	(void)state;
	run_refused(&a, SIM_EXIT_USAGE, "poll needs a core of its own");
	run_refused(&b, SIM_EXIT_USAGE, "needs datapath = interrupt");
	run_free(&a);
	run_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(always_busy_share_equally),
		cmocka_unit_test(sleeper_is_served_and_the_hog_is_not_starved),
		cmocka_unit_test(many_wakers_leave_the_hog_its_share),
		cmocka_unit_test(sleeping_saves_up_no_time),
		cmocka_unit_test(newcomers_do_not_starve_the_old),
		cmocka_unit_test(no_idle_time_while_work_waits),
		cmocka_unit_test(steal_is_the_wait),
		cmocka_unit_test(stopped_ones_leave),
		cmocka_unit_test(wake_up_is_latency),
		cmocka_unit_test(two_busy_guests_have_half_each),
		cmocka_unit_test(shared_or_not_is_the_same_work),
		cmocka_unit_test(pollers_do_not_share),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
