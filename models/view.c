/* SPDX-License-Identifier: GPL-2.0-or-later */
/* view.c - the metrics of a direction: see view.h. */
#include "view.h"

#include <inttypes.h>

static void names(struct result *r, const char *obj, const char *dir, const char *prefix,
		  const char *const *name, const uint64_t *value)
{
	for (unsigned i = 0; name[i]; i++) {
		char full[64];
		g_snprintf(full, sizeof(full), "%s.%s", prefix, name[i]);
		result_u64(r, obj, dir, full, value[i]);
	}
}

void view_times(struct result *r, const char *obj, const char *dir, const char *name,
		const struct hist *h)
{
	static const struct {
		const char *name;
		uint64_t num, den;
	} q[] = {{"p50", 50, 100}, {"p90", 90, 100}, {"p99", 99, 100}, {"p999", 999, 1000}};
	char full[64];

#define NAME(of) (g_snprintf(full, sizeof(full), "%s.%s", name, of), full)
	if (!h->count) {
		result_null(r, obj, dir, NAME("min"));
		result_null(r, obj, dir, NAME("mean"));
	} else {
		result_ps(r, obj, dir, NAME("min"), h->min);
		result_mean_ps(r, obj, dir, NAME("mean"), h->sum, h->count);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(q); i++) {
		if (h->count)
			result_ps(r, obj, dir, NAME(q[i].name),
				  hist_quantile(h, q[i].num, q[i].den));
		else
			result_null(r, obj, dir, NAME(q[i].name));
	}
	if (h->count)
		result_ps(r, obj, dir, NAME("max"), h->max);
	else
		result_null(r, obj, dir, NAME("max"));
#undef NAME
}

void view_hist(struct result *r, const char *obj, const char *dir, const char *name,
	       const struct hist *h)
{
	g_autoptr(GArray) bins = g_array_new(FALSE, FALSE, sizeof(struct result_bin));
	struct hist_bin bin;
	uint32_t pos = 0;

	view_times(r, obj, dir, name, h);
	while (hist_next(h, &pos, &bin)) {
		struct result_bin out = {bin.lo, bin.hi + 1, bin.count};
		g_array_append_val(bins, out);
	}
	if (bins->len)
		result_hist(r, obj, dir, name, "ns", (struct result_bin *)(void *)bins->data,
			    bins->len, 1000);
}

static void stage_percentiles(struct result *r, const char *obj, const char *dir,
			      const struct book *b)
{
	static const uint64_t percent[] = {50, 99};

	for (unsigned s = 0; s < STAGE_N; s++)
		for (unsigned i = 0; i < G_N_ELEMENTS(percent); i++) {
			char name[48];
			g_snprintf(name, sizeof(name), "stage_ns.%s.p%u", ledger_stage_names[s],
				   (unsigned)percent[i]);
			if (b->latency.count)
				result_ps(r, obj, dir, name,
					  hist_quantile(&b->stages->stage[s], percent[i], 100));
			else
				result_null(r, obj, dir, name);
		}
}

static void latency(struct result *r, const char *obj, const char *dir, const struct book *b)
{
	view_hist(r, obj, dir, "latency_ns", &b->latency);
	for (unsigned s = 0; s < STAGE_N; s++) {
		char name[48];
		g_snprintf(name, sizeof(name), "stage_ns.%s.mean", ledger_stage_names[s]);
		result_mean_ps(r, obj, dir, name, b->stage_sum[s], b->latency.count);
	}
	if (b->stages)
		stage_percentiles(r, obj, dir, b);
}

static const char *const directions[DIRECTIONS] = {"rx", "tx", "local"};

/* Those that there were: the table has many fields, and nearly all of them are 0. */
static void copies_by_reason(struct result *r, const char *obj, const char *dir,
			     const struct ledger *l)
{
	for (unsigned s = 0; s < SITE_N; s++)
		for (unsigned why = 0; l->copies[s] && why < REASON_N; why++) {
			char name[64];

			if (!l->copies_why[s][why])
				continue;
			g_snprintf(name, sizeof(name), "copies.%s.%s", ledger_site_names[s],
				   ledger_reason_names[why]);
			result_u64(r, obj, dir, name, l->copies_why[s][why]);
		}
}

static void ledger_metrics(struct result *r, const char *obj, const char *dir, const struct view *v)
{
	const struct ledger *l = &v->book.led;
	uint64_t copies = 0, bytes = 0, host = 0, drops = 0, falls = 0;
	uint64_t with_payload = l->delivered - l->header_only;

	for (unsigned s = 0; s < SITE_N; s++) {
		copies += l->copies[s];
		bytes += l->copy_bytes[s];
		if (!(SITES_GUEST >> s & 1))
			host += l->copies[s];
	}
	for (unsigned d = 0; d < DROP_N; d++)
		drops += l->drops[d];
	for (unsigned i = 0; i < REASON_N; i++)
		falls += l->fallbacks[i];
	result_u64(r, obj, dir, "packets", l->offered);
	result_u64(r, obj, dir, "bytes", l->offered_bytes);
	result_u64(r, obj, dir, "delivered", l->delivered);
	result_u64(r, obj, dir, "delivered_bytes", l->delivered_bytes);
	result_u64(r, obj, dir, "drops", drops);
	names(r, obj, dir, "drops", ledger_drop_names, l->drops);
	result_u64(r, obj, dir, "resident", v->resident);
	result_u64(r, obj, dir, "copies", copies);
	result_u64(r, obj, dir, "copy_bytes", bytes);
	result_ratio(r, obj, dir, "copies_per_packet", copies, with_payload);
	result_ratio(r, obj, dir, "host_copies_per_packet", host, with_payload);
	result_ratio(r, obj, dir, "guest_copies_per_packet", copies - host, with_payload);
	names(r, obj, dir, "copies", ledger_site_names, l->copies);
	copies_by_reason(r, obj, dir, l);
	names(r, obj, dir, "copy_bytes", ledger_site_names, l->copy_bytes);
	result_u64(r, obj, dir, "wasted_copies", l->wasted_copies);
	result_u64(r, obj, dir, "header_copies", l->header_copies);
	result_u64(r, obj, dir, "header_only", l->header_only);
	result_u64(r, obj, dir, "csum_bytes", l->csum_bytes);
	result_u64(r, obj, dir, "fallbacks", falls);
	names(r, obj, dir, "fallbacks", ledger_reason_names + 1, l->fallbacks + 1);
	names(r, obj, dir, "hazards", ledger_hazard_names, l->hazards);
	result_u64(r, obj, dir, "dma_transfers", l->dma_transfers);
	result_u64(r, obj, dir, "dma_segments", l->dma_segments);
	result_u64(r, obj, dir, "dma_bytes", l->dma_bytes);
	result_u64(r, obj, dir, "capability_queries", l->capability_queries);
	result_u64(r, obj, dir, "zero_copy_errors", l->zero_copy_errors);
	result_mean_ps(r, obj, dir, "reuse_ns.mean", l->reuse_ps, l->reuses);
	if (l->reuses)
		result_ps(r, obj, dir, "reuse_ns.max", l->reuse_max_ps);
	else
		result_null(r, obj, dir, "reuse_ns.max");
}

/* What only a model has: exits, calls to the hypervisor, mappings. */
static void model_u64(struct result *r, const char *obj, const char *dir, const struct view *v,
		      const char *name, uint64_t n)
{
	if (v->real)
		result_absent(r, obj, dir, name, v->real);
	else
		result_u64(r, obj, dir, name, n);
}

/* Exits, kicks and the like: of a queue, so there are none of frames between guests. */
static void queue_metrics(struct result *r, const char *obj, unsigned d, const struct view *v)
{
	const char *dir = directions[d];
	const struct ledger *l = &v->book.led;
	static const uint64_t none[TXBATCH_N];

	model_u64(r, obj, dir, v, "vm_exits", v->c.exits[d]);
	result_u64(r, obj, dir, "vmm_entries", v->c.vmm_entries[d]);
	model_u64(r, obj, dir, v, "hypercalls", v->c.hypercalls[d]);
	model_u64(r, obj, dir, v, "hypercalls_setup", v->setup_hypercalls);
	model_u64(r, obj, dir, v, "maps", v->dma.maps);
	model_u64(r, obj, dir, v, "unmaps", v->dma.unmaps);
	model_u64(r, obj, dir, v, "pins", v->dma.pins);
	model_u64(r, obj, dir, v, "unpins", v->dma.unpins);
	model_u64(r, obj, dir, v, "map_failures", v->map_failures);
	result_u64(r, obj, dir, "interrupts", v->c.interrupts[d]);
	result_u64(r, obj, dir, "interrupts_suppressed", v->c.interrupts_suppressed[d]);
	model_u64(r, obj, dir, v, "interrupts_pended", v->c.pended[d]);
	result_u64(r, obj, dir, "interrupts.by_count", v->c.by_count[d]);
	result_u64(r, obj, dir, "interrupts.by_timer", v->c.by_timer[d]);
	result_u64(r, obj, dir, "clusterings", v->c.clusterings[d]);
	result_u64(r, obj, dir, "clustered_packets", v->c.clustered[d]);
	result_ratio(r, obj, dir, "clustered_interrupts_per_packet",
		     v->c.by_count[d] + v->c.by_timer[d], v->c.clustered[d]);
	result_u64(r, obj, dir, "kicks", v->c.kicks[d]);
	model_u64(r, obj, dir, v, "kicks_offloaded", v->c.offloaded[d]);
	names(r, obj, dir, "requests", txbatch_trigger_names, d ? v->c.requests : none);
	result_u64(r, obj, dir, "kicks_suppressed", v->c.kicks_suppressed[d]);
	result_ratio(r, obj, dir, "kicks_per_packet", v->c.kicks[d], l->delivered);
	result_ratio(r, obj, dir, "interrupts_per_packet", v->c.interrupts[d], l->delivered);
	names(r, obj, dir, "virtq_errors", virtq_err_names + 1, v->errors + 1);
}

void view_metrics(struct result *r, const char *obj, enum direction d, const struct view *v)
{
	const char *dir = directions[d];
	const struct book *b = &v->book;
	const struct ledger *l = &b->led;
	char digest[17];

	ledger_metrics(r, obj, dir, v);
	if (d < DIR_LOCAL)
		queue_metrics(r, obj, d, v);
	if (v->rings) {
		result_u64(r, obj, dir, "ring_avail", v->ring_avail);
		result_u64(r, obj, dir, "ring_used", v->ring_used);
	}
	g_snprintf(digest, sizeof(digest), "%016" PRIx64, v->digest);
	result_str(r, obj, dir, "digest", digest);
	latency(r, obj, dir, b);
	/* From the first delivery to the last: n - 1 gaps. */
	if (l->delivered > 1 && b->last_done > b->first_done) {
		sim_time span = b->last_done - b->first_done;
		result_per_second(r, obj, dir, "throughput_bps",
				  l->delivered_bytes * 8 / l->delivered * (l->delivered - 1), span);
		result_per_second(r, obj, dir, "packets_per_second", l->delivered - 1, span);
	} else {
		result_null(r, obj, dir, "throughput_bps");
		result_null(r, obj, dir, "packets_per_second");
	}
}

void view_counts(struct view *v, const struct guest_counts *stop, const struct guest_counts *start)
{
	const uint64_t *a = (const uint64_t *)stop, *b = (const uint64_t *)start;
	uint64_t *t = (uint64_t *)&v->c;

	for (size_t i = 0; i < sizeof(v->c) / sizeof(*t); i++)
		t[i] += a[i] - b[i];
}

void view_errors(struct view *v, const struct virtq_dev *dev, const struct virtq_drv *drv)
{
	for (unsigned e = 0; e < VIRTQ_ERR_N; e++)
		v->errors[e] += dev->errors[e] + drv->errors[e];
	v->book.led.hazards[HAZARD_DOUBLE_COMPLETION] += drv->errors[VIRTQ_ERR_USED_NOT_IN_FLIGHT];
}

void view_add(struct view *all, const struct view *v)
{
	const uint64_t *from = (const uint64_t *)&v->book.led;
	uint64_t *to = (uint64_t *)&all->book.led;
	uint64_t away = MAX(all->book.led.reuse_max_ps, v->book.led.reuse_max_ps);

	for (size_t i = 0; i < sizeof(struct ledger) / sizeof(*to); i++)
		to[i] += from[i];
	all->book.led.reuse_max_ps = away;
	all->resident += v->resident;
	all->digest += v->digest;
	hist_merge(&all->book.latency, &v->book.latency);
	for (unsigned s = 0; s < STAGE_N; s++)
		all->book.stage_sum[s] += v->book.stage_sum[s];
	all->book.first_done = MIN(all->book.first_done, v->book.first_done);
	all->book.last_done = MAX(all->book.last_done, v->book.last_done);
}

void view_loop(struct result *r, const char *name, const struct loop_stats *s, uint64_t answers,
	       sim_time window)
{
	result_u64(r, name, NULL, "requests", s->requests);
	result_per_second(r, name, NULL, "requests_per_second", answers, window);
	result_u64(r, name, NULL, "timeouts", s->timeouts);
	result_u64(r, name, NULL, "failed", s->failed);
	result_u64(r, name, NULL, "unanswered", s->open);
	view_hist(r, name, NULL, "rtt_ns", &s->rtt);
}

static void traffic_metrics(struct result *r, const struct cfg *c, const struct traffic_info *t)
{
	g_autofree char *base = g_path_get_basename(cfg_str(c, "trace"));
	const char *name = cfg_name(c);

	result_u64(r, name, NULL, "frames", t->frames);
	result_u64(r, name, NULL, "unmatched", t->unmatched);
	result_u64(r, name, NULL, "filtered", t->filtered);
	result_u64(r, name, NULL, "truncated", t->truncated);
	result_u64(r, name, NULL, "synthesised_bytes", t->synth_bytes);
	result_u64(r, name, NULL, "backward", t->backward);
	result_input(r, base, t->sha256, t->frames);
}

void view_traffics(struct result *r, const struct scenario *sc, struct traffic *const *traffic,
		   unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct cfg *c = scenario_at(sc, "traffic", i);

		if (cfg_has(c, "trace"))
			traffic_metrics(r, c, traffic_info(traffic[i]));
	}
}
