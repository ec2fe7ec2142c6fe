/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap_result.c - does a run add up, and what came of it: the metrics of machine_metrics.c that real
 * devices have, under the simulator's names.
 */
#include <inttypes.h>
#include <sys/resource.h>
#include <time.h>

#include "sim/sim_error.h"
#include "models/options.h"
#include "tap.h"

/* ---- residents ------------------------------------------------------------------------------- */

struct residents {
	uint64_t frames, bytes;
};

/* Frames of a book that are still under way: neither free nor fated, or in a device. */
static struct residents residents(struct tap *t, const struct plat_pool *pool,
				  const struct ledger *led)
{
	g_autofree bool *is_free = g_new0(bool, pool->n);
	struct residents r = {0};

	for (unsigned i = 0; i < t->guests; i++) {
		const struct tap_guest *g = &t->guest[i];
		bool counts = led == &g->rx.led;
		if (!counts && led != &g->warm_rx.led)
			continue;
		r.frames += g->in_device[counts];
		r.bytes += g->in_device_bytes[counts];
	}
	for (const struct frame *f = pool->free; f; f = f->next)
		is_free[(const struct plat_record *)(const void *)f - pool->all] = true;
	for (unsigned i = 0; i < pool->n; i++) {
		const struct frame *f = &pool->all[i].f;
		if (is_free[i] || f->led != led)
			continue;
		r.frames++;
		r.bytes += f->len;
	}
	return r;
}

/* ---- does it add up? ------------------------------------------------------------------------- */

#define violated(error, ...) sim_violated(error, "violation", __VA_ARGS__)

static bool conserved(struct tap *t, const struct plat_pool *pool, const struct book *b,
		      const char *guest, const char *dir, GError **error)
{
	const struct ledger *l = &b->led;
	struct residents r = residents(t, pool, l);
	uint64_t frames = l->delivered + r.frames, bytes = l->delivered_bytes + r.bytes;

	for (unsigned d = 0; d < DROP_N; d++) {
		frames += l->drops[d];
		bytes += l->drop_bytes[d];
	}
	if (frames != l->offered || bytes != l->offered_bytes)
		return violated(error,
				"%s.%s: %" PRIu64 " frames, %" PRIu64 " bytes offered, but %" PRIu64
				" and %" PRIu64 " delivered, dropped or resident",
				guest, dir, l->offered, l->offered_bytes, frames, bytes);
	if (l->corrupt)
		return violated(error, "%s.%s: %" PRIu64 " frames arrived with other bytes", guest,
				dir, l->corrupt);
	if (l->reordered)
		return violated(error,
				"%s.%s: %" PRIu64 " frames arrived out of order in their flow",
				guest, dir, l->reordered);
	return true;
}

static bool far_agrees(const struct tap_nic *n, GError **error)
{
	struct far_stats s = far_stats(n->far);

	if (s.corrupt)
		return violated(error, "%s: %" PRIu64 " frames left it with other bytes",
				n->dev.name, s.corrupt);
	if (s.reordered)
		return violated(error, "%s: %" PRIu64 " frames left it out of order in their flow",
				n->dev.name, s.reordered);
	return true;
}

static bool beyond_limit(struct tap *t, GError **error)
{
	const struct cfg *c = scenario_find(t->sc, "scenario");

	cfg_error(c, "max_time", error, "%s passed; allow more time or offer less",
		  cfg_str(c, "max_time"));
	if (error && *error)
		(*error)->code = SIM_EXIT_VIOLATION;
	return false;
}

bool tap_verify(struct tap *t, GError **error)
{
	for (unsigned i = 0; i < t->guests; i++) {
		struct tap_guest *g = &t->guest[i];
		const char *name = cfg_name(g->cfg);

		if (t->replay &&
		    (!conserved(t, &g->rx_world.pool, &g->rx, name, "rx", error) ||
		     !conserved(t, &g->rx_world.pool, &g->warm_rx, name, "rx (warm-up)", error)))
			return false;
		if (!conserved(t, &g->tx_world.pool, &g->tx, name, "tx", error) ||
		    !conserved(t, &g->tx_world.pool, &g->warm_tx, name, "tx (warm-up)", error))
			return false;
		if (g->bad_stages)
			return violated(error, "%s: %" PRIu64 " frames whose stages do not add up",
					name, g->bad_stages);
	}
	for (unsigned i = 0; i < t->nics; i++)
		if (t->nic[i].far && !far_agrees(&t->nic[i], error))
			return false;
	/* who uses a device as he likes has no other end */
	return !t->limit_passed || !t->replay || beyond_limit(t, error);
}

/* ---- metrics --------------------------------------------------------------------------------- */

static uint64_t read_count(const uint64_t *n)
{
	return __atomic_load_n(n, __ATOMIC_RELAXED);
}

uint64_t tap_offered(const struct tap *t)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < t->guests; i++) {
		const struct tap_guest *g = &t->guest[i];
		n += read_count(&g->rx.led.offered) + read_count(&g->tx.led.offered) +
		     read_count(&g->warm_rx.led.offered) + read_count(&g->warm_tx.led.offered);
	}
	return n;
}

uint64_t tap_delivered(const struct tap *t)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < t->guests; i++)
		n += read_count(&t->guest[i].rx.led.delivered) +
		     read_count(&t->guest[i].tx.led.delivered);
	return n;
}

static void ring_position(struct view *v, const struct virtq_drv *drv, const struct virtq_dev *dev)
{
	v->rings = true;
	v->ring_avail = drv->published_avail;
	v->ring_used = dev->published_used;
}

static void guest_metrics(struct tap *t, struct result *r, struct tap_guest *g, struct view *all)
{
	const struct book *book[] = {&g->rx, &g->tx};
	const struct plat_pool *pool[] = {&g->rx_world.pool, &g->tx_world.pool};

	for (unsigned d = 0; d < DIR_LOCAL; d++) {
		struct view v = {.book = *book[d], .real = all->real};
		const struct virtq_dev *dev = d ? &g->dp.txq : &g->dp.rxq;
		const struct virtq_drv *drv = d ? &g->vio.txq : &g->vio.rxq;

		v.book.stages = NULL; /* of all guests together */
		v.resident = residents(t, pool[d], &book[d]->led).frames;
		v.digest = !d            ? g->net.rx_end.digest
			   : g->nic->far ? far_digest(g->nic->far, g->index)
					 : 0;
		view_add(&all[d], &v);
		view_counts(&v, &g->at_stop, &g->at_start);
		view_counts(&all[d], &g->at_stop, &g->at_start);
		view_errors(&v, dev, drv);
		view_errors(&all[d], dev, drv);
		if (!d && g->net.split) {
			view_errors(&v, &g->place.bufs, &g->split.bufs);
			view_errors(&all[d], &g->place.bufs, &g->split.bufs);
		}
		ring_position(&v, drv, dev);
		view_metrics(r, cfg_name(g->cfg), d, &v);
	}
}

/* Stages of all guests' frames, into the first one's. */
static struct stages *all_stages(struct tap *t, bool tx)
{
	struct stages *to = tx ? &t->guest[0].tx_stages : &t->guest[0].rx_stages;

	for (unsigned i = 1; i < t->guests; i++)
		for (unsigned s = 0; s < STAGE_N; s++)
			hist_merge(&to->stage[s], tx ? &t->guest[i].tx_stages.stage[s]
						     : &t->guest[i].rx_stages.stage[s]);
	return to;
}

static void host_metrics(struct result *r, struct tap *t)
{
	uint64_t ns = t->cpu_stop - t->cpu_start;

	if (t->one && t->lockstep) {
		result_null(r, "host", NULL, "cpu_ns");
		result_null(r, "host", NULL, "packets_per_cpu_second");
		return;
	}
	result_u64(r, "host", NULL, "cpu_ns", ns);
	result_per_second(r, "host", NULL, "packets_per_cpu_second",
			  tap_delivered(t) - t->delivered_start, ns * 1000);
}

static void far_metrics(struct result *r, const struct tap *t)
{
	struct far_stats sum = {0};

	for (unsigned i = 0; i < t->nics; i++) {
		struct far_stats s;
		if (!t->nic[i].far)
			continue;
		s = far_stats(t->nic[i].far);
		sum.sent += s.sent;
		sum.received += s.received;
		sum.corrupt += s.corrupt;
		sum.reordered += s.reordered;
		sum.lost += s.lost + s.unexplained;
		sum.foreign += s.foreign + s.foreign_read;
		sum.runts += s.runts;
	}
	result_u64(r, "far", NULL, "sent", sum.sent);
	result_u64(r, "far", NULL, "received", sum.received);
	result_u64(r, "far", NULL, "corrupt", sum.corrupt);
	result_u64(r, "far", NULL, "reordered", sum.reordered);
	result_u64(r, "far", NULL, "lost", sum.lost);
	result_u64(r, "far", NULL, "foreign", sum.foreign);
	result_u64(r, "far", NULL, "runts", sum.runts);
}

static void device_metrics(struct result *r, const struct tap *t)
{
	uint64_t reads = 0, writes = 0, blocked = 0, gone = 0;

	for (unsigned i = 0; i < t->nics; i++) {
		for (unsigned k = 0; k < t->nic[i].guests; k++) {
			const struct plat_port *p = &t->nic[i].guest[k]->port;
			reads += p->stats.rx_errors;
			writes += p->stats.tx_errors;
			blocked += p->stats.tx_blocked;
		}
		gone += nic_gone(&t->nic[i]);
	}
	result_u64(r, "device", NULL, "read_errors", reads);
	result_u64(r, "device", NULL, "write_errors", writes);
	result_u64(r, "device", NULL, "blocked", blocked);
	result_u64(r, "device", NULL, "gone", gone);
}

void tap_results(struct tap *t, struct result *r)
{
	struct view all[DIRECTIONS] = {0};

	for (unsigned d = 0; d < DIRECTIONS; d++) {
		book_init(&all[d].book);
		all[d].real = "a real machine does not count it";
	}
	for (unsigned i = 0; i < t->guests; i++)
		guest_metrics(t, r, &t->guest[i], all);
	for (unsigned d = 0; d < DIR_LOCAL; d++) {
		all[d].book.stages = all_stages(t, d);
		stages_end(all[d].book.stages, all[d].book.latency.count);
		view_metrics(r, "guests", d, &all[d]);
	}
	options_inputs(t->sc, r);
	view_traffics(r, t->sc, t->traffic, t->traffics);
	tap_loops_results(r, t);
	host_metrics(r, t);
	if (t->replay)
		far_metrics(r, t);
	device_metrics(r, t);
	for (unsigned d = 0; d < DIRECTIONS; d++)
		book_fini(&all[d].book);
	result_ps(r, "run", NULL, "time_ns", t->window_stop);
	result_ps(r, "run", NULL, "window_ns", t->window_stop - t->window_start);
	result_u64(r, "run", NULL, "violations", 0);
}

/* ---- the run function ------------------------------------------------------------------------ */

static double seconds(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void machine_object(struct tap *t, struct result *r, double wall, double cpu)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	result_machine_real(r, "wall_seconds", wall);
	result_machine_real(r, "cpu_seconds", cpu);
	result_machine_u64(r, "peak_memory_bytes", (uint64_t)ru.ru_maxrss * 1024);
	if (t->pages_early)
		result_machine_u64(r, "memory_bytes_early", t->pages_early * page);
	result_machine_u64(r, "memory_bytes_late", t->pages_late * page);
}

bool tap_main_run(const struct scenario *sc, struct run_ctl *ctl, struct result *r, GError **error)
{
	struct tap *t = tap_new(sc, error);
	double wall, cpu;
	bool ok;

	if (!t)
		return false;
	for (unsigned i = 0; !t->replay && i < t->guests; i++)
		guest_app_announce(&t->guest[i]);
	wall = seconds(CLOCK_MONOTONIC);
	cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	ok = tap_run(t, ctl, error) && tap_verify(t, error);
	if (ok && !tap_offered(t) && !t->interrupted && !t->ended && t->replay) {
		g_set_error(
			error, SIM_ERROR, SIM_EXIT_INPUT,
			"%s: no frame was offered to any guest; look at trace, filter, match and "
			"duration of the traffic",
			scenario_path(sc));
		ok = false;
	}
	if (ok) {
		tap_results(t, r);
		machine_object(t, r, seconds(CLOCK_MONOTONIC) - wall,
			       seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
		if (t->interrupted || t->ended)
			result_set_partial(r);
		ctl->ended = g_steal_pointer(&t->ended);
	}
	tap_free(t);
	return ok;
}
