/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * real_ring.c - a driver and a device in two threads over one virtqueue of the real world.
 *
 *     real_ring [PACKETS]        default 1000000, divided by VNICSIM_TEST_SCALE
 *
 * Packets of random size go out in random bursts as one to three pieces, and come back with an
 * answer in a fourth. Each side sleeps on an eventfd whenever it finds nothing, and is woken by the
 * other's kick only; nobody spins. Checked: sequence, every byte both ways, tags, frames all
 * accounted for, and that no wake-up is lost: a sleep of TIMEOUT_MS while packets are under way is
 * a failure. Meant to run under the thread sanitizer too. Run for rings of 4 and 256, event_idx off
 * and on, direct and indirect.
 *
 * Store buffers make a missing fence show only if both sides decide within nanoseconds, which such
 * traffic hardly ever hits. So the decisions are also raced alone, in lock step: publish and look
 * at the peer's wish, against wish and look again. One of the two has to see the other.
 *
 * Exit 0 if all is well.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "virtq_dev.h"
#include "virtq_drv.h"
#include "ledger.h"
#include "plat_real.h"

#define TIMEOUT_MS 20000
#define MAX_BYTES  600u
#define SLOT       1024u
#define PER        4u
#define MEMORY     (1u << 20)

struct ring {
	struct virtq_layout l;
	struct plat mem;
	struct plat_line kick, intr;
	uint32_t packets;
	uint32_t slots;
	atomic_bool failed;
	void *drv_mem, *dev_mem;
	struct virtq_drv drv;
	struct virtq_dev dev;
	uint64_t drv_sleeps, dev_sleeps;
};

static uint64_t rnd(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint32_t below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(rnd(state) % n);
}

static bool fail(struct ring *r, const char *what, uint64_t at)
{
	fprintf(stderr, "real_ring: %s at packet %llu\n", what, (unsigned long long)at);
	atomic_store(&r->failed, true);
	return false;
}

static uint8_t byte_of(uint32_t seq, uint32_t at)
{
	return (uint8_t)(seq * 167 + (seq >> 8) + at * 13);
}

static uint32_t len_of(uint32_t seq)
{
	return 3 + (seq * 2654435761u >> 7) % (MAX_BYTES - 3);
}

static uint64_t slot_of(const struct ring *r, uint32_t seq)
{
	return MEMORY - (uint64_t)(1 + seq % r->slots) * SLOT;
}

static void *bytes_at(struct plat *pl, gpa_t gpa, uint32_t len)
{
	uint32_t got = len;
	void *p = plat_map(pl, gpa, &got, PLAT_WRITE);
	return got == len ? p : NULL;
}

/* ---- driver ------------------------------------------------------------------------------- */

struct driver {
	struct ring *r;
	struct plat pl;
	struct plat_pool pool;
	struct ledger led;
	uint64_t rnd;
	uint32_t sent, got;
};

static bool send_one(struct driver *d)
{
	struct ring *r = d->r;
	uint32_t seq = d->sent, len = len_of(seq);
	unsigned pieces = 1 + seq % 3;
	if (seq - d->got >= r->slots ||
	    virtq_drv_room(&r->drv) < virtq_drv_cost(&r->drv, pieces + 1))
		return false;
	uint64_t at = slot_of(r, seq);
	uint8_t *p = bytes_at(&d->pl, (gpa_t){at}, len);
	for (uint32_t i = 0; i < len; i++)
		p[i] = byte_of(seq, i);
	struct virtq_seg seg[4];
	for (unsigned i = 0; i < pieces; i++) {
		uint32_t part = i + 1 < pieces ? len / pieces : len - len / pieces * (pieces - 1);
		seg[i] = (struct virtq_seg){{at}, part};
		at += part;
	}
	seg[pieces] = (struct virtq_seg){{slot_of(r, seq) + SLOT - 8}, 4};
	struct frame *f = plat_pool_get(&d->pool, &d->led, len, plat_now(&d->pl));
	if (!f)
		return false;
	f->num = seq;
	if (!virtq_drv_add(&r->drv, &d->pl, seg, pieces, 1, seq, f))
		return fail(r, "add refused", seq);
	d->sent++;
	return true;
}

static bool take_back(struct driver *d)
{
	struct ring *r = d->r;
	uint64_t cookie;
	uint32_t len;
	virtq_drv_used(&r->drv);
	while (virtq_drv_get(&r->drv, &d->pl, &cookie, &len, NULL)) {
		const uint32_t *answer =
			bytes_at(&d->pl, (gpa_t){slot_of(r, d->got) + SLOT - 8}, 4);
		if (cookie != d->got || len != 4 || *answer != ~d->got)
			return fail(r, "wrong answer", d->got);
		d->got++;
	}
	return r->drv.err ? fail(r, virtq_err_names[r->drv.err], d->got) : true;
}

static void *driver(void *arg)
{
	struct driver *d = arg;
	struct ring *r = d->r;
	while (d->got < r->packets && !atomic_load(&r->failed)) {
		virtq_drv_intr_off(&r->drv);
		if (!take_back(d))
			break;
		uint32_t burst = 1 + below(&d->rnd, 32);
		bool full = false;
		while (burst-- > 0 && d->sent < r->packets && !full)
			full = !send_one(d);
		virtq_drv_publish(&r->drv);
		if (virtq_drv_should_kick(&r->drv, &d->pl))
			plat_kick(&d->pl, &r->kick, 0);
		bool rest = full || d->sent == r->packets || below(&d->rnd, 8) == 0;
		if (!rest || d->got == d->sent || virtq_drv_intr_on(&r->drv, &d->pl))
			continue;
		r->drv_sleeps++;
		if (!plat_line_wait(&r->intr, TIMEOUT_MS))
			fail(r, "driver: lost wake-up", d->got);
	}
	return NULL;
}

/* ---- device ------------------------------------------------------------------------------- */

struct device {
	struct ring *r;
	struct plat pl;
	uint64_t rnd;
	uint32_t seen;
};

static bool serve_one(struct device *d, const struct virtq_chain *c)
{
	struct ring *r = d->r;
	uint32_t seq = d->seen, at = 0;
	if (c->nout != 1 + seq % 3 || c->nin != 1 || c->out_bytes != len_of(seq))
		return fail(r, "wrong chain", seq);
	if (!c->frame || c->frame->num != seq)
		return fail(r, "wrong tag", seq);
	for (unsigned i = 0; i < c->nout; i++) {
		const uint8_t *p = bytes_at(&d->pl, c->seg[i].addr, c->seg[i].len);
		for (uint32_t k = 0; k < c->seg[i].len; k++, at++)
			if (p[k] != byte_of(seq, at))
				return fail(r, "wrong byte", seq);
	}
	*(uint32_t *)bytes_at(&d->pl, c->seg[c->nout].addr, 4) = ~seq;
	plat_stamp(&d->pl, c->frame, STAGE_HOST);
	plat_deliver(&d->pl, c->frame);
	virtq_dev_push(&r->dev, &d->pl, c->head, 4, NULL);
	d->seen++;
	return true;
}

static void *device(void *arg)
{
	struct device *d = arg;
	struct ring *r = d->r;
	struct virtq_seg seg[4];
	struct virtq_chain c;
	while (d->seen < r->packets && !atomic_load(&r->failed)) {
		virtq_dev_notify_off(&r->dev);
		virtq_dev_avail(&r->dev);
		uint32_t budget = 1 + below(&d->rnd, 64);
		while (budget-- > 0 && virtq_dev_pop(&r->dev, &d->pl, &c, seg, 4))
			if (!serve_one(d, &c))
				return NULL;
		if (r->dev.err)
			fail(r, virtq_err_names[r->dev.err], d->seen);
		virtq_dev_publish(&r->dev);
		if (virtq_dev_should_notify(&r->dev, &d->pl))
			plat_kick(&d->pl, &r->intr, 0);
		if (virtq_dev_left(&r->dev) > 0 || d->seen == r->packets ||
		    virtq_dev_notify_on(&r->dev, &d->pl))
			continue;
		r->dev_sleeps++;
		if (!plat_line_wait(&r->kick, TIMEOUT_MS))
			fail(r, "device: lost wake-up", d->seen);
	}
	return NULL;
}

/* ---- one run ------------------------------------------------------------------------------ */

static bool set_up(struct ring *r, struct driver *drv, uint32_t size, uint64_t features)
{
	r->l = (struct virtq_layout){.size = size,
				     .desc = {0},
				     .avail = {16 * size},
				     .used = {20480},
				     .features = features,
				     .tags = calloc(size, sizeof(struct frame *))};
	gpa_t tables = {65536};
	r->slots = size;
	r->drv_mem = malloc(virtq_drv_bytes(&r->l, tables, PER));
	r->dev_mem = malloc(virtq_dev_bytes(&r->l));
	return plat_real_init(&r->mem, MEMORY) && plat_line_init(&r->kick) &&
	       plat_line_init(&r->intr) && plat_pool_init(&drv->pool, 2 * size) &&
	       virtq_drv_init(&r->drv, &r->mem, &r->l, tables, PER, r->drv_mem) &&
	       virtq_dev_init(&r->dev, &r->mem, &r->l, r->dev_mem);
}

static void tear_down(struct ring *r, struct driver *drv)
{
	plat_pool_fini(&drv->pool);
	plat_line_fini(&r->kick);
	plat_line_fini(&r->intr);
	plat_real_fini(&r->mem);
	free(r->l.tags);
	free(r->drv_mem);
	free(r->dev_mem);
}

static bool run(uint32_t size, uint64_t features, uint32_t packets)
{
	struct ring r = {.packets = packets};
	struct driver drv = {.r = &r, .rnd = size + features};
	struct device dev = {.r = &r, .rnd = ~(size + features)};
	pthread_t a, b;
	if (!set_up(&r, &drv, size, features)) {
		perror("real_ring");
		exit(1);
	}
	drv.pl = dev.pl = r.mem;
	plat_time begin = plat_now(&r.mem);
	if (pthread_create(&a, NULL, driver, &drv) || pthread_create(&b, NULL, device, &dev))
		exit(1);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	double ns = (double)(plat_now(&r.mem) - begin) / 1000;
	if (!r.failed &&
	    (plat_pool_collect(&drv.pool) != 0 || drv.led.offered != packets ||
	     drv.led.delivered != packets || drv.led.offered_bytes != drv.led.delivered_bytes))
		fail(&r, "frames are not all accounted for", packets);
	printf("%s size %u event_idx %d indirect %d: %u packets, %.0f ns each; kicks %llu of %llu, "
	       "interrupts %llu of %llu; slept %llu (driver) %llu (device)\n",
	       r.failed ? "FAIL" : "ok", size, (features & VIRTQ_F_EVENT_IDX) != 0,
	       (features & VIRTQ_F_INDIRECT) != 0, packets, ns / packets,
	       (unsigned long long)r.drv.kicks,
	       (unsigned long long)(r.drv.kicks + r.drv.suppressed),
	       (unsigned long long)r.dev.notifies,
	       (unsigned long long)(r.dev.notifies + r.dev.suppressed),
	       (unsigned long long)r.drv_sleeps, (unsigned long long)r.dev_sleeps);
	tear_down(&r, &drv);
	return !r.failed;
}

/* ---- the two decisions, raced -------------------------------------------------------------- */

struct race {
	struct ring r;
	atomic_uint arrived;
	uint32_t rounds;
	bool kick, found; /* driver publishes, device goes to sleep */
	bool note, more;  /* device publishes, driver goes to sleep */
	uint32_t lost_kicks, lost_interrupts;
};

/* Both are here for the n-th time. Yields, for machines of one core. */
static void meet(struct race *x, unsigned n)
{
	atomic_fetch_add(&x->arrived, 1);
	for (unsigned spin = 1; atomic_load(&x->arrived) < 2 * n; spin++)
		if (spin % 4096 == 0)
			sched_yield();
}

static void linger(uint64_t *state)
{
	for (volatile unsigned n = below(state, 32); n > 0; n--)
		;
}

static void *race_driver(void *arg)
{
	struct race *x = arg;
	struct ring *r = &x->r;
	struct virtq_seg seg = {{MEMORY - 64}, 64};
	uint64_t state = 5;
	for (unsigned i = 0; i < x->rounds; i++) {
		virtq_drv_add(&r->drv, &r->mem, &seg, 1, 0, i, NULL);
		meet(x, 4 * i + 1);
		linger(&state);
		virtq_drv_publish(&r->drv);
		x->kick = virtq_drv_should_kick(&r->drv, &r->mem);
		meet(x, 4 * i + 2);
		virtq_drv_intr_off(&r->drv);
		meet(x, 4 * i + 3);
		linger(&state);
		x->more = virtq_drv_intr_on(&r->drv, &r->mem);
		meet(x, 4 * i + 4);
		x->lost_interrupts += !x->note && !x->more;
		virtq_drv_used(&r->drv);
		virtq_drv_get(&r->drv, &r->mem, NULL, NULL, NULL);
	}
	return NULL;
}

static void *race_device(void *arg)
{
	struct race *x = arg;
	struct ring *r = &x->r;
	struct plat pl = r->mem;
	struct virtq_chain c;
	struct virtq_seg seg;
	uint64_t state = 6;
	for (unsigned i = 0; i < x->rounds; i++) {
		meet(x, 4 * i + 1);
		linger(&state);
		x->found = virtq_dev_notify_on(&r->dev, &pl);
		meet(x, 4 * i + 2);
		x->lost_kicks += !x->kick && !x->found;
		virtq_dev_avail(&r->dev);
		if (virtq_dev_pop(&r->dev, &pl, &c, &seg, 1))
			virtq_dev_push(&r->dev, &pl, c.head, 0, NULL);
		virtq_dev_notify_off(&r->dev);
		meet(x, 4 * i + 3);
		linger(&state);
		virtq_dev_publish(&r->dev);
		x->note = virtq_dev_should_notify(&r->dev, &pl);
		meet(x, 4 * i + 4);
	}
	return NULL;
}

static bool race(uint64_t features, uint32_t rounds)
{
	struct race x = {.rounds = rounds};
	struct driver unused = {.r = &x.r};
	pthread_t other;
	if (!set_up(&x.r, &unused, 4, features) || pthread_create(&other, NULL, race_device, &x)) {
		perror("real_ring");
		exit(1);
	}
	race_driver(&x);
	pthread_join(other, NULL);
	bool ok = x.lost_kicks + x.lost_interrupts == 0 && x.r.drv.gets == rounds;
	printf("%s race event_idx %d: %u rounds, lost kicks %u, lost interrupts %u\n",
	       ok ? "ok" : "FAIL", (features & VIRTQ_F_EVENT_IDX) != 0, rounds, x.lost_kicks,
	       x.lost_interrupts);
	tear_down(&x.r, &unused);
	return ok;
}

int main(int argc, char **argv)
{
	const char *scale = getenv("VNICSIM_TEST_SCALE");
	uint32_t packets = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
	if (scale && strtoul(scale, NULL, 10) > 1)
		packets = packets / (uint32_t)strtoul(scale, NULL, 10) + 1;
	bool ok = race(0, packets / 4 + 1);
	ok &= race(VIRTQ_F_EVENT_IDX, packets / 4 + 1);
	for (unsigned f = 0; f < 4; f++) {
		uint64_t features =
			(f & 1 ? VIRTQ_F_EVENT_IDX : 0) | (f & 2 ? VIRTQ_F_INDIRECT : 0);
		ok &= run(256, features, packets / 4 + 1);
		ok &= run(4, features, packets / 32 + 1);
	}
	return ok ? 0 : 1;
}
