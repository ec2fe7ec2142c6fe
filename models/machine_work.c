/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_work.c - guests whose process works on what it receives (work): building the station, who
 * tells it of frames, and its metrics. The station itself is plat_station.h.
 */
#include "machine.h"

#include "options.h"

void work_build(struct guest *g)
{
	struct machine *m = g->m;
	g_autofree char *name = g_strdup_printf("%s.work", cfg_name(g->cfg)), *why = NULL;
	struct work_law law;

	g->net.weight = (unsigned)cfg_u64(g->cfg, "napi_weight");
	g->net.read_weight = DPATH_BURST;
	g->softirq.budget = (uint32_t)cfg_u64(g->cfg, "napi_budget");
	g->softirq.time = cfg_time(g->cfg, "napi_time");
	options_work_law(cfg_str(g->cfg, "work"), &law, &why);
	if (!law.lo && !law.hi)
		return;
	g->net.read_weight = 1; /* it works between two reads, and the kernel gets its turn */
	g->station = machine_array(m, 1, sizeof(*g->station));
	station_init(g->station, &law, cfg_u64(scenario_find(m->sc, "scenario"), "seed"), name,
		     &m->warm.led);
	g->grx_pl.station = g->station;
}

void work_arrive(struct guest *g, const struct dpath_burst *b)
{
	if (!g->gone)
		station_arrive(g->station, b->frame, b->frames, evq_now(&g->m->q));
}

/* area / window, whose numerator may have to be made shorter. */
static void occupancy(struct result *r, const char *obj, unsigned __int128 area, sim_time window)
{
	unsigned __int128 a = area, b = window;

	while (b) { /* Euclid's */
		unsigned __int128 rest = a % b;
		a = b;
		b = rest;
	}
	area /= a ? a : 1;
	window /= a ? (sim_time)a : 1;
	while (area >> 64) {
		area >>= 1;
		window >>= 1;
	}
	result_ratio(r, obj, NULL, "occupancy.mean", (uint64_t)area, window);
}

/* Of a virtual function nobody sees frames being handed over but their stamps: no occupancy. */
static void books(struct result *r, const char *guest, const struct station_books *b,
		  unsigned __int128 area, bool counted, sim_time window)
{
	g_autofree char *obj = g_strdup_printf("%s.process", guest);

	result_mean_ps(r, obj, NULL, "work_ns.mean", b->work, b->wait.count);
	view_times(r, obj, NULL, "wait_ns", &b->wait);
	view_times(r, obj, NULL, "sojourn_ns", &b->sojourn);
	if (counted)
		occupancy(r, obj, area, window);
	else
		result_null(r, obj, NULL, "occupancy.mean");
}

void work_results(struct machine *m, struct result *r, sim_time window)
{
	struct station_books all;
	unsigned __int128 area = 0;
	unsigned working = 0;
	bool counted = true;

	station_books_init(&all);
	for (unsigned i = 0; i < m->guests; i++) {
		const struct guest *g = &m->guest[i];
		const struct station_books *b;
		unsigned __int128 its;

		if (!g->station)
			continue;
		b = &g->station->books;
		its = g->vf ? 0 : station_area(b, evq_now(&m->q));
		books(r, cfg_name(g->cfg), b, its, !g->vf, window);
		station_books_add(&all, b);
		area += its;
		counted &= !g->vf;
		working++;
	}
	if (working)
		books(r, "guests", &all, area, counted, window);
	station_books_fini(&all);
}
