/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calib_rings.c - what the two sides of a virtqueue cost: the datapath's own code over ordinary
 * memory, both sides in one thread.
 *
 * Each step is taken for a whole burst, and its time divided by the burst: the clock is read five
 * times a burst. What a step costs in one sample is the median of its bursts.
 */
#include <stdlib.h>

#include "../../sim/median.h"
#include "calibrate.h"
#include "dpath.h"
#include "plat_real.h"
#include "virtq_dev.h"
#include "virtq_drv.h"

enum { SIZE = 256, BURST = 64, PER = 8, DATA = 1 << 20, SLOT = 2048 };
enum step { ADD, POP, PUSH, GET, STEPS };

struct rings {
	struct plat pl;
	struct virtq_layout l;
	struct virtq_drv drv;
	struct virtq_dev dev;
	void *drv_mem, *dev_mem;
};

struct ring_probe {
	struct rings *r;
	unsigned pieces;
	enum step step;
};

static void add_burst(struct rings *r, unsigned pieces, unsigned burst)
{
	struct virtq_seg seg[PER];

	for (unsigned i = 0; i < BURST; i++) {
		uint64_t slot = (burst * BURST + i) % SIZE;

		for (unsigned k = 0; k < pieces; k++)
			seg[k] = (struct virtq_seg){{DATA + slot * SLOT + k * 128u}, 128};
		virtq_drv_add(&r->drv, &r->pl, seg, 0, pieces, slot, NULL);
	}
	virtq_drv_publish(&r->drv);
}

static void one_burst(struct rings *r, unsigned pieces, unsigned burst, double *ns)
{
	struct virtq_chain c[BURST];
	struct virtq_seg seg[BURST][PER];
	uint64_t cookie;
	uint32_t len;
	double t[STEPS + 1];

	t[ADD] = calib_wall_ns();
	add_burst(r, pieces, burst);
	t[POP] = calib_wall_ns();
	virtq_dev_avail(&r->dev);
	for (unsigned i = 0; i < BURST; i++)
		virtq_dev_pop(&r->dev, &r->pl, &c[i], seg[i], PER);
	t[PUSH] = calib_wall_ns();
	for (unsigned i = 0; i < BURST; i++)
		virtq_dev_push(&r->dev, &r->pl, c[i].head, c[i].in_bytes, NULL);
	virtq_dev_publish(&r->dev);
	t[GET] = calib_wall_ns();
	virtq_drv_used(&r->drv);
	while (virtq_drv_get(&r->drv, &r->pl, &cookie, &len, NULL))
		;
	t[STEPS] = calib_wall_ns();
	for (unsigned s = 0; s < STEPS; s++)
		ns[s] = (t[s + 1] - t[s]) / BURST;
}

static bool ring_run(void *ctx, unsigned n, double *ns, const char **why)
{
	struct ring_probe *p = ctx;
	unsigned bursts = n / BURST + 1;
	g_autofree double *v = g_new(double, bursts);
	double step[STEPS];

	for (unsigned i = 0; i < bursts; i++) {
		one_burst(p->r, p->pieces, i, step);
		v[i] = step[p->step];
	}
	*why = "the virtqueue stopped";
	*ns = median_of(v, bursts).value;
	return !p->r->dev.err && !p->r->drv.err;
}

static void tear_down(void *arg)
{
	struct rings *r = arg;

	plat_real_fini(&r->pl);
	free(r->drv_mem);
	free(r->dev_mem);
}

static bool set_up(struct rings *r, struct calib *c)
{
	r->l = (struct virtq_layout){
		.size = SIZE,
		.desc = {0},
		.avail = {16 * SIZE},
		.used = {32 * SIZE},
		.features = VIRTQ_F_EVENT_IDX | VIRTQ_F_INDIRECT,
		.tags = calib_array(c, SIZE, sizeof(struct frame *)),
	};
	if (!plat_real_init(&r->pl, DATA + SIZE * SLOT))
		return false;
	gpa_t tables = {1 << 16};
	r->drv_mem = malloc(virtq_drv_bytes(&r->l, tables, PER));
	r->dev_mem = malloc(virtq_dev_bytes(&r->l));
	return virtq_drv_init(&r->drv, &r->pl, &r->l, tables, PER, r->drv_mem) &&
	       virtq_dev_init(&r->dev, &r->pl, &r->l, r->dev_mem);
}

void calib_rings(struct calib *c)
{
	static const char *const what[] = {[ADD] = "driver exposes a chain of so many descriptors",
					   [POP] = "device takes it",
					   [PUSH] = "device returns it",
					   [GET] = "driver takes it back"};
	static const char *const name[] = {"add", "pop", "push", "get"};
	static const unsigned pieces[] = {1, 2, 4, 8};
	struct rings *r = calib_array(c, 1, sizeof(*r));

	if (!set_up(r, c))
		return;
	calib_at_end(c, tear_down, r);
	for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++)
		for (unsigned s = 0; s < STEPS; s++) {
			struct ring_probe *p = calib_array(c, 1, sizeof(*p));

			*p = (struct ring_probe){r, pieces[i], (enum step)s};
			calib_add(c, ring_run, p, what[s], "ring %s %u", name[s], pieces[i])->wall =
				true;
		}
}
