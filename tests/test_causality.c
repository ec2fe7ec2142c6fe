/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_causality.c - nobody sees a ring word before its time, nobody sleeps on a stale one.
 *
 * A driver and a device on two CPUs (host/cpu.h) pass items through a virtqueue in
 * simulated memory, with random work, budgets, wake-up latencies and arrivals. The test logs each
 * publication with its publisher's clock. At each look the index that is seen must be the last one
 * published at or before the time of the look; every item must come back (a lost wake-up leaves
 * some behind); and times and kicks must equal those of ring_reference.h, where each access is an
 * event. Broken protocols must fail each of these.
 *
 * A million cases are drawn; each is one small run of its own. VNICSIM_TEST_SEED chooses the first
 * case, VNICSIM_TEST_SCALE divides their number.
 */
#include "machine_helper2.h"

#include "models/guest/gmem.h"
#include "ring_reference.h"
#include "virtq_dev.h"
#include "virtq_drv.h"

#define MIB       (1u << 20)
#define ITEM_ADDR 4096u /* addresses of items: any that are not 0 */

/* ---- ways to be wrong ----------------------------------------------------------------- */

enum breakage {
	SOUND,
	DEV_SLEEPS_UNCHECKED, /* enables notifications and does not look again */
	DRV_SLEEPS_UNCHECKED,
	DRV_PUBLISHES_EARLY, /* in the burst, while its clock runs ahead */
	DEV_PUBLISHES_EARLY,
	DRV_KICKS_BY_OLD_WISH, /* decides by what the device wished when the burst began */
	BREAKAGES
};

/* ---- driver and device in simulated time ---------------------------------------------- */

struct published {
	sim_time at;
	uint16_t idx;
};

/* All publications of one index. */
struct log {
	struct published p[RING_ITEMS + 1];
	unsigned n;
};

struct toy {
	struct evq q;
	struct mem *mem;
	struct gmem *gm;
	struct cost cost;
	struct virtq_layout layout;
	void *drv_mem, *dev_mem;
	struct plat drv_pl, dev_pl;

	/* one case */
	const struct ring_case *c;
	struct ring_outcome *o;
	enum breakage broken;
	sim_time base; /* the case's time 0 */
	struct virtq_drv drv;
	struct virtq_dev dev;
	struct cpu drv_cpu, dev_cpu;
	struct worker drv_worker, dev_worker;
	struct plat_line kick, irq;
	struct event arrival, dev_wake, drv_wake;
	uint64_t drv_turns, dev_turns, dev_wakes, drv_wakes;
	unsigned arrived, sent, work, limit; /* work, limit: of the driver's burst */
	unsigned dev_work, dev_limit, served[RING_ITEMS], nserved;
	bool old_wish;
	struct log avail, used;
	uint64_t wrong_looks; /* an index seen that was not the last one published by then */
};

static void log_add(struct log *l, sim_time at, uint16_t idx)
{
	if (l->n && l->p[l->n - 1].idx == idx)
		return;
	assert_true(l->n <= RING_ITEMS);
	l->p[l->n++] = (struct published){at, idx};
}

/* Last published at or before `now`. */
static uint16_t log_last(const struct log *l, sim_time now)
{
	uint16_t idx = 0;

	for (unsigned i = 0; i < l->n; i++)
		if (l->p[i].at <= now)
			idx = l->p[i].idx;
	return idx;
}

static void looked(struct toy *t, const struct log *l, uint16_t seen)
{
	t->wrong_looks += seen != log_last(l, evq_now(&t->q));
}

static sim_time drawn(struct toy *t, unsigned kind, uint64_t i, sim_time mean)
{
	return ring_time(t->c, kind, i, mean);
}

/* The device's wish as it stands: for the driver that is broken. */
static bool wish(struct toy *t)
{
	if (!t->c->event_idx)
		return !(*virtq_word(&t->drv.used, 0) & VIRTQ_USED_F_NO_NOTIFY);
	return virtq_need_event(*virtq_word(&t->drv.used, virtq_avail_event_pos(t->drv.size)),
				(uint16_t)(t->drv.next_avail + 1), 1);
}

#define TOY(ptr, field) ((struct toy *)(void *)((char *)(ptr)-offsetof(struct toy, field)))

static void drv_show(struct toy *t)
{
	virtq_drv_publish(&t->drv);
	log_add(&t->avail, t->drv_pl.clk->now, t->drv.published_avail);
}

static void drv_burst(struct worker *w)
{
	struct toy *t = TOY(w, drv_worker);
	struct plat *pl = &t->drv_pl;
	uint64_t item;

	t->work = 0;
	t->limit = ring_budget(t->c, RING_BUDGET_DRV, t->drv_turns++);
	t->old_wish = wish(t);
	virtq_drv_intr_off(&t->drv);
	virtq_drv_used(&t->drv);
	looked(t, &t->used, t->drv.shadow_used);
	plat_charge(pl, PLAT_W_POLL, 1);
	for (; t->work < t->limit && virtq_drv_get(&t->drv, pl, &item, NULL, NULL); t->work++) {
		t->o->done_at[item] = plat_now(pl) - t->base;
		t->o->done++;
	}
	for (; t->work < t->limit && t->sent < t->arrived && virtq_drv_room(&t->drv); t->work++) {
		struct virtq_seg seg = {{ITEM_ADDR + t->sent}, 1};
		assert_true(virtq_drv_add(&t->drv, pl, &seg, 1, 0, t->sent, NULL));
		t->sent++;
	}
	if (t->broken == DRV_PUBLISHES_EARLY)
		drv_show(t);
}

static bool drv_commit(struct worker *w)
{
	struct toy *t = TOY(w, drv_worker);
	struct plat *pl = &t->drv_pl;
	bool any = virtq_drv_pending(&t->drv) > 0, kick, more;

	drv_show(t);
	kick = virtq_drv_should_kick(&t->drv, pl);
	if (t->broken == DRV_KICKS_BY_OLD_WISH)
		kick = any && t->old_wish;
	if (kick) {
		t->o->kicks++;
		plat_kick(pl, &t->kick, 0);
	}
	if (t->work == t->limit)
		return true;
	more = virtq_drv_intr_on(&t->drv, pl);
	looked(t, &t->used, t->drv.shadow_used);
	return more && t->broken != DRV_SLEEPS_UNCHECKED;
}

static void dev_show(struct toy *t)
{
	virtq_dev_publish(&t->dev);
	log_add(&t->used, t->dev_pl.clk->now, t->dev.published_used);
	for (; t->nserved; t->nserved--)
		t->o->used_at[t->served[t->nserved - 1]] = t->dev_pl.clk->now - t->base;
}

static void dev_burst(struct worker *w)
{
	struct toy *t = TOY(w, dev_worker);
	struct plat *pl = &t->dev_pl;
	struct virtq_seg seg[1];
	struct virtq_chain c;

	t->dev_work = 0;
	t->dev_limit = ring_budget(t->c, RING_BUDGET_DEV, t->dev_turns++);
	virtq_dev_avail(&t->dev);
	looked(t, &t->avail, t->dev.shadow_avail);
	plat_charge(pl, PLAT_W_POLL, 1);
	for (; t->dev_work < t->dev_limit && virtq_dev_pop(&t->dev, pl, &c, seg, 1);
	     t->dev_work++) {
		unsigned item = (unsigned)(seg[0].addr.a - ITEM_ADDR);
		plat_charge(pl, PLAT_W_HOST_STACK,
			    (uint32_t)drawn(t, RING_SERVICE, item, t->c->service));
		virtq_dev_push(&t->dev, pl, c.head, 0, NULL);
		t->served[t->nserved++] = item;
	}
	if (t->broken == DEV_PUBLISHES_EARLY)
		dev_show(t);
}

static bool dev_commit(struct worker *w)
{
	struct toy *t = TOY(w, dev_worker);
	struct plat *pl = &t->dev_pl;
	bool more = true;

	dev_show(t);
	if (virtq_dev_should_notify(&t->dev, pl)) {
		t->o->irqs++;
		plat_kick(pl, &t->irq, 0);
	}
	if (t->dev_work < t->dev_limit) {
		more = virtq_dev_notify_on(&t->dev, pl) && t->broken != DEV_SLEEPS_UNCHECKED;
		looked(t, &t->avail, t->dev.shadow_avail);
	}
	if (more)
		virtq_dev_notify_off(&t->dev);
	return more;
}

/* ---- what happens around them --------------------------------------------------------- */

static void arrival_event(struct event *ev)
{
	struct toy *t = TOY(ev, arrival);

	t->arrived++;
	cpu_wake(&t->drv_worker, 0);
	if (t->arrived < t->c->items)
		evq_schedule(&t->q, ev, evq_now(&t->q) + drawn(t, RING_GAP, t->arrived, t->c->gap));
}

static void dev_wake_event(struct event *ev)
{
	cpu_wake(&TOY(ev, dev_wake)->dev_worker, CPU_COST(WAKE));
}

static void drv_wake_event(struct event *ev)
{
	cpu_wake(&TOY(ev, drv_wake)->drv_worker, CPU_COST(GUEST_IRQ));
}

/* Kicks take their time; one that is still under way takes the next along. */
static void fire_kick(struct plat_line *line)
{
	struct toy *t = line->ctx;

	if (!event_pending(&t->dev_wake))
		evq_schedule(&t->q, &t->dev_wake,
			     evq_now(&t->q) +
				     drawn(t, RING_DELAY_DEV, t->dev_wakes++, t->c->delay));
}

static void fire_irq(struct plat_line *line)
{
	struct toy *t = line->ctx;

	if (!event_pending(&t->drv_wake))
		evq_schedule(&t->q, &t->drv_wake,
			     evq_now(&t->q) +
				     drawn(t, RING_DELAY_DRV, t->drv_wakes++, t->c->delay));
}

/* ---- a toy for many cases ------------------------------------------------------------- */

static struct toy *toy_new(void)
{
	struct toy *t = g_new0(struct toy, 1);
	struct virtq_layout *l = &t->layout;

	evq_init(&t->q);
	t->mem = mem_new(16 * MIB, true, 1);
	t->gm = gmem_new(t->mem, 0, 1 * MIB, PT_4K, true, 1, NULL, NULL);
	assert_non_null(t->gm);
	l->size = RING_SIZE;
	assert_int_equal(gmem_alloc(t->gm, virtq_desc_bytes(l->size), 4096, &l->desc), GMEM_OK);
	assert_int_equal(gmem_alloc(t->gm, virtq_avail_bytes(l->size), 64, &l->avail), GMEM_OK);
	assert_int_equal(gmem_alloc(t->gm, virtq_used_bytes(l->size), 64, &l->used), GMEM_OK);
	t->drv_mem = g_malloc0(virtq_drv_bytes(l, (gpa_t){0}, 0));
	t->dev_mem = g_malloc0(virtq_dev_bytes(l));
	t->drv_pl = (struct plat){.clk = &t->drv_cpu.clk, .gm = t->gm, .mem = t->mem};
	t->dev_pl = (struct plat){.clk = &t->dev_cpu.clk, .gm = t->gm, .mem = t->mem};
	t->cost.work_ps[PLAT_W_HOST_STACK] = 1; /* service is charged in picoseconds */
	return t;
}

static void toy_free(struct toy *t)
{
	gmem_free(t->gm);
	mem_free(t->mem);
	g_free(t->drv_mem);
	g_free(t->dev_mem);
	g_free(t);
}

static void toy_costs(struct toy *t)
{
	const struct ring_case *c = t->c;
	uint64_t *ps = t->cost.work_ps;

	ps[PLAT_W_POLL] = c->poll;
	ps[PLAT_W_DRV_ADD] = c->add;
	ps[PLAT_W_DRV_GET] = c->get;
	ps[PLAT_W_VQ_POP] = c->pop;
	ps[PLAT_W_VQ_PUSH] = c->push;
	ps[PLAT_W_VM_EXIT] = c->kick;
	ps[PLAT_W_INJECT] = c->irq;
	ps[PLAT_W_GUEST_IRQ] = c->wake[REF_DRV];
	ps[PLAT_W_WAKE] = c->wake[REF_DEV];
}

static void toy_reset(struct toy *t)
{
	t->layout.size = t->c->size;
	t->layout.features = t->c->event_idx ? VIRTQ_F_EVENT_IDX : 0;
	assert_true(virtq_drv_init(&t->drv, &t->drv_pl, &t->layout, (gpa_t){0}, 0, t->drv_mem));
	assert_true(virtq_dev_init(&t->dev, &t->dev_pl, &t->layout, t->dev_mem));
	cpu_init(&t->drv_cpu, &t->q, &t->cost, false, "driver");
	cpu_init(&t->dev_cpu, &t->q, &t->cost, false, "device");
	worker_init(&t->drv_worker, &t->drv_cpu, drv_burst, drv_commit);
	worker_init(&t->dev_worker, &t->dev_cpu, dev_burst, dev_commit);
	plat_line_init(&t->kick, &t->q, PLAT_W_VM_EXIT, fire_kick, t);
	plat_line_init(&t->irq, &t->q, PLAT_W_INJECT, fire_irq, t);
	event_init(&t->arrival, arrival_event);
	event_init(&t->dev_wake, dev_wake_event);
	event_init(&t->drv_wake, drv_wake_event);
	t->drv_turns = t->dev_turns = t->dev_wakes = t->drv_wakes = 0;
	t->arrived = t->sent = t->nserved = 0;
	t->avail.n = t->used.n = 0;
}

/* One case on the simulator's own machinery; the queue of events goes on from where it was. */
static void toy_run(struct toy *t, const struct ring_case *c, struct ring_outcome *o,
		    enum breakage broken)
{
	*o = (struct ring_outcome){.done = 0};
	t->c = c;
	t->o = o;
	t->broken = broken;
	t->base = evq_now(&t->q);
	toy_costs(t);
	toy_reset(t);
	evq_schedule(&t->q, &t->arrival, t->base + drawn(t, RING_GAP, 0, c->gap));
	for (unsigned steps = 0; evq_step(&t->q); steps++)
		if (steps > 100000)
			fail_msg("case %" PRIu64 " does not end", c->seed);
}

/* ---- cases ---------------------------------------------------------------------------- */

/* 1 ns to 4 us, each binary order as likely. */
static sim_time scale_of(uint64_t *x)
{
	sim_time t = SIM_NS << (*x % 12);

	*x /= 12;
	return t + 1 + *x % 997;
}

static sim_time small_of(const struct ring_case *c, uint64_t seed, unsigned i)
{
	uint64_t x = ring_draw(seed, 100, i);

	if (c->coarse)
		return x % 3 * SIM_NS;
	return scale_of(&x) / 8;
}

static struct ring_case case_of(uint64_t seed, bool coarse)
{
	uint64_t x = ring_draw(seed, 99, 0), y = ring_draw(seed, 99, 1);
	struct ring_case c = {.seed = seed, .coarse = coarse};

	c.items = 1 + (unsigned)(y % RING_ITEMS);
	c.size = 1u << (y / 16 % 4);
	c.budget = 1 + (unsigned)(y / 64 % 6);
	c.event_idx = y / 512 & 1;
	c.gap = scale_of(&x);
	c.service = scale_of(&x);
	c.delay = scale_of(&x);
	c.poll = coarse ? SIM_NS : small_of(&c, seed, 0);
	c.add = small_of(&c, seed, 1);
	c.get = small_of(&c, seed, 2);
	c.pop = small_of(&c, seed, 3);
	c.push = small_of(&c, seed, 4);
	c.kick = small_of(&c, seed, 5);
	c.irq = small_of(&c, seed, 6);
	c.wake[0] = small_of(&c, seed, 7);
	c.wake[1] = small_of(&c, seed, 8);
	return c;
}

static bool equal(const struct ring_case *c, const struct ring_outcome *a,
		  const struct ring_outcome *b)
{
	size_t bytes = c->items * sizeof(a->used_at[0]);

	return a->done == b->done && a->kicks == b->kicks && a->irqs == b->irqs &&
	       !memcmp(a->used_at, b->used_at, bytes) && !memcmp(a->done_at, b->done_at, bytes);
}

/* What went wrong in `n` cases. */
struct tally {
	uint64_t cases, lost, wrong_looks, different, races, items, kicks, irqs;
};

static struct tally play(uint64_t n, bool coarse, bool compare, enum breakage broken, uint64_t seed)
{
	struct toy *t = toy_new();
	struct tally y = {.cases = n};
	struct ring_outcome got, want;

	for (uint64_t i = 0; i < n; i++) {
		struct ring_case c = case_of(seed + i, coarse);

		toy_run(t, &c, &got, broken);
		if (got.done != c.items && broken == SOUND)
			print_message("case %" PRIu64 " delivers %u of %u items\n", c.seed,
				      got.done, c.items);
		y.lost += got.done != c.items;
		y.items += got.done;
		y.kicks += got.kicks;
		y.irqs += got.irqs;
		if (!compare)
			continue;
		ring_reference(&c, &want);
		assert_int_equal(want.done, c.items);
		y.races += want.race;
		if (want.race || equal(&c, &got, &want))
			continue;
		if (broken == SOUND && !y.different)
			print_message("case %" PRIu64 " differs from the reference\n", c.seed);
		y.different++;
	}
	y.wrong_looks = t->wrong_looks;
	toy_free(t);
	return y;
}

/* ---- tests of rings ------------------------------------------------------------------- */

static void no_wakeup_is_lost_in_a_million_interleavings(void **state)
{
	struct tally y = play(rig_scaled(1000000, 5000), false, false, SOUND, rig_seed(1));

	(void)state;
	assert_int_equal(y.lost, 0);
	assert_int_equal(y.wrong_looks, 0);
	/* the cases are worth something: neither side is kicked for each item, nor never */
	print_message("items %" PRIu64 ", kicks %" PRIu64 ", interrupts %" PRIu64 "\n", y.items,
		      y.kicks, y.irqs);
	assert_in_range(y.kicks * 100 / y.items, 10, 90);
	assert_in_range(y.irqs * 100 / y.items, 10, 90);
}

static void no_wakeup_is_lost_when_everything_happens_at_once(void **state)
{
	struct tally y = play(rig_scaled(300000, 5000), true, false, SOUND, rig_seed(2));

	(void)state;
	assert_int_equal(y.lost, 0);
	assert_int_equal(y.wrong_looks, 0);
}

static void times_and_kicks_equal_the_reference_of_single_accesses(void **state)
{
	struct tally y = play(rig_scaled(200000, 2000), false, true, SOUND, rig_seed(3));

	(void)state;
	print_message("%" PRIu64 " races left out of %" PRIu64 "\n", y.races, y.cases);
	assert_int_equal(y.different, 0);
	assert_true(y.races * 50 < y.cases);
}

/* How many of the cases a breakage spoils, and how. */
static struct tally broken(enum breakage b)
{
	struct tally y = play(rig_scaled(20000, 2000), false, true, b, rig_seed(4));

	print_message("lost %" PRIu64 ", wrong looks %" PRIu64 ", different %" PRIu64 "\n", y.lost,
		      y.wrong_looks, y.different);
	return y;
}

static void a_device_that_does_not_look_again_loses_wakeups(void **state)
{
	(void)state;
	assert_true(broken(DEV_SLEEPS_UNCHECKED).lost > 0);
}

static void a_driver_that_does_not_look_again_loses_wakeups(void **state)
{
	(void)state;
	assert_true(broken(DRV_SLEEPS_UNCHECKED).lost > 0);
}

static void a_kick_decided_from_an_old_wish_is_found(void **state)
{
	struct tally y = broken(DRV_KICKS_BY_OLD_WISH);

	(void)state;
	assert_true(y.lost > 0);
	assert_true(y.different > 0);
}

static void an_index_published_before_its_time_is_found(void **state)
{
	struct tally drv = broken(DRV_PUBLISHES_EARLY), dev = broken(DEV_PUBLISHES_EARLY);

	(void)state;
	assert_true(drv.wrong_looks > 0);
	assert_true(drv.different > 0);
	assert_true(dev.wrong_looks > 0);
	assert_true(dev.different > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_wakeup_is_lost_in_a_million_interleavings),
		cmocka_unit_test(no_wakeup_is_lost_when_everything_happens_at_once),
		cmocka_unit_test(times_and_kicks_equal_the_reference_of_single_accesses),
		cmocka_unit_test(a_device_that_does_not_look_again_loses_wakeups),
		cmocka_unit_test(a_driver_that_does_not_look_again_loses_wakeups),
		cmocka_unit_test(a_kick_decided_from_an_old_wish_is_found),
		cmocka_unit_test(an_index_published_before_its_time_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
