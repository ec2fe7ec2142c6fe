/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calib_tap.c - what TAP devices cost, and the datapath on them.
 *
 * For each length of frames there is a device, in a network namespace of its own, with the far side
 * that replays use. One thread drives all sides in turn, CHUNK frames at a time, and the CPU time
 * of each side's part is taken apart. The datapath is the real one; `null` as policy, which only
 * reads, is the device's own cost, and what the others take above it is theirs.
 *
 * What is meant is the cost of a frame in a burst: a turn's own cost is shared out over CHUNK.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../sim/sim_error.h"
#include "calib_path.h"
#include "endpoint.h"
#include "netns.h"

enum { CHUNK = 64, FLOWS = 65, WARM = 2 * PATH_RING / CHUNK };

enum part { INJECT, READ, LOOK, MAKE, WRITE, RECEIVE, EMPTY };

struct tap_probe {
	struct path *p;
	enum part part;
	bool failed;
};

/* ---- frames towards the guest ---- */

static double inject(struct path *p)
{
	plat_time next;
	double start = calib_cpu_ns();

	for (unsigned i = 0; i < CHUNK; i++)
		far_allow(p->dev->far);
	far_inject(p->dev->far, PLAT_NEVER - 1, &next);
	return calib_cpu_ns() - start;
}

/* Turns of the host until all are there; a turn that brings none ends it, too. */
static double receive(struct path *p, bool *all)
{
	unsigned got = 0, turn = 1;
	double start = calib_cpu_ns();

	while (got < CHUNK && turn) {
		turn = path_receive(p);
		got += turn;
	}
	*all = got == CHUNK;
	return calib_cpu_ns() - start;
}

/* ---- frames from the guest ---- */

static double sent(struct path *p, bool *all)
{
	uint64_t before = p->port.stats.tx_frames;
	double start = calib_cpu_ns();

	for (unsigned i = 0; i < 8 && p->port.stats.tx_frames - before < CHUNK; i++)
		path_send(p);
	*all = p->port.stats.tx_frames - before == CHUNK;
	return calib_cpu_ns() - start;
}

static double taken(struct path *p, bool *all)
{
	unsigned got = 0, turn = 1;
	double start = calib_cpu_ns();

	while (got < CHUNK && turn) {
		turn = far_receive(p->dev->far);
		got += turn;
	}
	*all = got == CHUNK;
	return calib_cpu_ns() - start;
}

/* ---- samples ---- */

static bool in_rounds(struct path *p, unsigned n, double *spent)
{
	struct endpoint_flow flow[FLOWS] = {{0}};
	struct endpoint end;
	bool all = true;

	endpoint_init(&end, flow, FLOWS);
	for (unsigned i = 0; all && i < n; i++) {
		spent[INJECT] += inject(p);
		spent[READ] += receive(p, &all);
		path_refill(p, &end);
	}
	return all;
}

/* Every buffer of the ring has been used when it counts, as in a long run. */
static bool in_run(void *ctx, unsigned n, double *ns, const char **why)
{
	struct tap_probe *t = ctx;
	unsigned rounds = (n + CHUNK - 1) / CHUNK;
	double spent[MAKE] = {0};

	*why = "frames did not arrive";
	if (!in_rounds(t->p, WARM, spent))
		return false;
	memset(spent, 0, sizeof(spent));
	if (!in_rounds(t->p, rounds, spent))
		return false;
	*ns = spent[t->part] / (rounds * CHUNK);
	return true;
}

static bool out_rounds(struct path *p, unsigned n, double *spent, const char **why)
{
	bool all = true, came = true;

	for (unsigned i = 0; all && came && i < n; i++) {
		double start = calib_cpu_ns();

		path_post(p, CHUNK);
		spent[MAKE] += calib_cpu_ns() - start;
		spent[WRITE] += sent(p, &all);
		spent[RECEIVE] += taken(p, &came);
		path_clean(p);
	}
	*why = all ? "frames did not arrive" : "frames were not sent";
	return all && came;
}

static bool out_run(void *ctx, unsigned n, double *ns, const char **why)
{
	struct tap_probe *t = ctx;
	unsigned rounds = (n + CHUNK - 1) / CHUNK;
	double spent[EMPTY] = {0};

	if (!out_rounds(t->p, WARM, spent, why))
		return false;
	memset(spent, 0, sizeof(spent));
	if (!out_rounds(t->p, rounds, spent, why))
		return false;
	*ns = spent[t->part] / (rounds * CHUNK);
	return true;
}

/* The guest's process compares what it received. */
static bool look_run(void *ctx, unsigned n, double *ns, const char **why)
{
	const struct tap_probe *t = ctx;
	const struct path *p = t->p;
	struct endpoint_flow flow[FLOWS] = {{0}};
	struct endpoint end;
	struct frame f = {.led = &(struct ledger){0}, .len = p->dev->len};
	double start;

	(void)why;
	endpoint_init(&end, flow, FLOWS);
	start = calib_cpu_ns();
	for (unsigned i = 0; i < n; i++)
		endpoint_receive(&end, &f,
				 p->pl.mem + p->data + (uint64_t)(i % PATH_RING) * p->per * p->kbuf,
				 p->dev->len);
	*ns = (calib_cpu_ns() - start) / n;
	return true;
}

static bool empty_run(void *ctx, unsigned n, double *ns, const char **why)
{
	struct tap_probe *t = ctx;
	double start = calib_cpu_ns();

	(void)why;
	for (unsigned i = 0; i < n; i++)
		(void)path_receive(t->p);
	*ns = (calib_cpu_ns() - start) / n;
	return true;
}

/* ---- set-up ---- */

static void dev_close(void *arg)
{
	struct path_dev *d = arg;

	if (d->far)
		far_free(d->far);
	if (d->sends)
		cursor_free(d->sends);
	if (d->in)
		traffic_free(d->in);
	if (d->out)
		traffic_free(d->out);
	tapdev_close(&d->tap);
}

static bool dev_open(struct calib *c, struct path_dev *d, uint32_t len, GError **error)
{
	static const struct traffic_endpoint guest = {
		.name = "guest", .mac = {0x52, 0x54, 0, 0, 0, 1}, .ip = {198, 18, 0, 1}};
	static const int wire = TRAFFIC_WIRE, first = 0;
	struct traffic_cfg t = {.name = "in",
				.seed = 1,
				.endpoints = &guest,
				.n_endpoints = 1,
				.from = {&wire, 1},
				.to = {&first, 1},
				.timing = TRAFFIC_BACK_TO_BACK,
				.packets = UINT64_C(1) << 40,
				.source = TRAFFIC_CONSTANT,
				.size = {TRAFFIC_SIZE_FIXED, len, len}};
	struct tapdev_cfg tap = {.queues = 1, .mtu = len > 1514 ? 9000 : 1500, .silent = true};
	struct far_source source = {.until = PLAT_NEVER, .unpaced = true};
	struct far_cfg far = {.dev = &d->tap,
			      .source = &source,
			      .sources = 1,
			      .guests = 1,
			      .flow_slots = FLOWS,
			      .lockstep = true};

	*d = (struct path_dev){.len = len, .max_frame = tap.mtu + 18};
	if (!tapdev_open(&d->tap, &tap, error))
		return false;
	calib_at_end(c, dev_close, d);
	d->in = traffic_open(&t, error);
	t.name = "out";
	t.from.end = &first;
	t.to.end = &wire;
	d->out = d->in ? traffic_open(&t, error) : NULL;
	if (!d->out)
		return false;
	d->sends = traffic_cursor(d->out, 0);
	source.cursor = traffic_cursor(d->in, TRAFFIC_WIRE);
	d->far = far_new(&far, error);
	if (!d->far)
		return false;
	far_start(d->far, 0);
	return true;
}

static void add(struct calib *c, struct path *p, enum part part, const char *what, const char *name)
{
	struct tap_probe *t = calib_array(c, 1, sizeof(*t));
	calib_fn fn = part < LOOK    ? in_run
		      : part == LOOK ? look_run
		      : part < EMPTY ? out_run
				     : empty_run;

	*t = (struct tap_probe){.p = p, .part = part};
	calib_add(c, fn, t, what, "%s %u B", name, p->dev->len);
}

/* What the datapath takes for a frame, received and sent. */
static void add_both(struct calib *c, struct path *p, const char *kind, const char *policy)
{
	g_autofree char *in = g_strdup_printf("%s in: %s", kind, policy);
	g_autofree char *out = g_strdup_printf("%s out: %s", kind, policy);

	add(c, p, READ, "the datapath takes a frame from the device, by this policy", in);
	add(c, p, WRITE, "the datapath writes a frame to the device, by this policy", out);
}

/* The sides that are no datapath's. */
static void add_sides(struct calib *c, struct path *p)
{
	add(c, p, EMPTY, "a turn of the datapath that finds no frame", "tap empty");
	add(c, p, INJECT, "the far side sends a frame, alone", "far: inject");
	add(c, p, RECEIVE, "the far side takes a frame and compares it", "far: receive");
	add(c, p, LOOK, "the guest's process compares a received frame", "guest: look");
	add(c, p, MAKE, "the guest makes a frame and posts it", "guest: make");
}

static void add_device(struct calib *c, struct path_dev *d)
{
	static const char *const policies[] = {"single-copy", "zero-copy", "copy"};
	const char *why;
	struct path *p;

	for (size_t k = 0; k < G_N_ELEMENTS(policies); k++) {
		p = path_new(c, d, policies[k], PATH_KBUF, PLAT_READWRITE, &why);
		if (!p)
			continue;
		add_both(c, p, "tap", policies[k]);
		if (k == 0)
			add_sides(c, p);
	}
	if (d->len != 1514)
		return;
	p = path_new(c, d, "zero-copy", 256, PLAT_READWRITE, &why);
	if (p)
		add_both(c, p, "tap", "zero-copy, cut");
	calib_wake(c, d, "zero-copy");
	calib_wake(c, d, "single-copy");
}

/* io_uring reads ahead: a device of its own. */
static void add_uring(struct calib *c, struct path_dev *d)
{
	const char *why;
	struct path *p = path_new(c, d, "zero-copy", PATH_KBUF, PLAT_URING, &why);

	if (!p)
		return;
	add_both(c, p, "uring", "zero-copy");
	add(c, p, EMPTY, "a turn of the datapath that finds no frame", "uring empty");
}

bool calib_tap(struct calib *c, GError **error)
{
	static const uint32_t lens[] = {PATH_LENS};

	if (!netns_enter(NETNS_PRIVATE, NULL, error))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(lens); i++) {
		struct path_dev *d = calib_array(c, 2, sizeof(*d));

		if (!dev_open(c, &d[0], lens[i], error) || !dev_open(c, &d[1], lens[i], error))
			return false;
		add_device(c, &d[0]);
		add_uring(c, &d[1]);
	}
	return true;
}
