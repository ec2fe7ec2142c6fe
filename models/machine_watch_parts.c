/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_watch_parts.c - CPUs, links, buses, walkers and rings, looked at after each event: see
 * machine_watch.h.
 */
#include <string.h>

#include "machine_watch_impl.h"

enum { RX, TX };

/* ---- what there is ---- */

static unsigned add_track(struct watch *w, const char *object, const char *part)
{
	struct watch_track t = {g_strdup(object), g_strdup(part)};

	g_array_append_val(w->tracks, t);
	return w->tracks->len - 1;
}

static void add_level(struct watch *w, const char *object, const char *name)
{
	struct watch_level l = {g_strdup(object), g_strdup(name)};

	g_array_append_val(w->levels, l);
}

static void add_cpu(struct watch *w, struct cpu *c)
{
	struct watch_cpu *k = &w->cpu[w->cpus++];
	const char *dot = strrchr(c->name, '.');
	g_autofree char *object = g_strndup(c->name, (gsize)(dot - c->name));

	*k = (struct watch_cpu){.c = c, .track = add_track(w, object, dot + 1), .worker = ""};
}

static void add_worker(struct watch *w, const struct worker *worker, const char *object,
		       const char *what)
{
	g_hash_table_insert(w->worker, (gpointer)worker, g_strdup_printf("%s %s", object, what));
}

static void add_guest(struct watch *w, struct guest *g)
{
	const char *name = cfg_name(g->cfg);

	for (unsigned v = 0; v < g->vcpus; v++)
		add_cpu(w, &g->vcpu[v]);
	add_worker(w, &g->grx, name, "receive");
	add_worker(w, &g->gread, name, "read");
	add_worker(w, &g->gtx, name, "send");
	add_worker(w, &g->hrx, name, "host receive");
	add_worker(w, &g->htx, name, "host send");
	add_worker(w, &g->hvmm, name, "emulator");
	if (g->vf)
		return;
	add_level(w, name, "rx queue free");
	add_level(w, name, "rx queue used");
	add_level(w, name, "tx queue sends");
	add_level(w, name, "tx queue used");
}

static void add_nic(struct watch *w, unsigned i)
{
	struct host_nic *hn = &w->m->nic[i];
	bool bus = hn->nic.bus;

	w->nic[i].link = add_track(w, hn->nic.name, "rx link");
	add_track(w, hn->nic.name, "tx link");
	w->nic[i].dma = add_track(w, hn->nic.name, bus ? "bus to host" : "rx bus");
	add_track(w, hn->nic.name, bus ? "bus to device" : "tx bus");
	add_worker(w, &hn->demux_worker, hn->nic.name, "shared queue");
	add_level(w, hn->nic.name, "rx ring");
	add_level(w, hn->nic.name, "tx ring");
}

void watch_parts_new(struct watch *w)
{
	struct machine *m = w->m;
	uint32_t walkers = iommu_walkers(m->iommu)->n;

	w->tracks = g_array_new(FALSE, TRUE, sizeof(struct watch_track));
	w->levels = g_array_new(FALSE, TRUE, sizeof(struct watch_level));
	w->worker = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	w->cpu = g_new0(struct watch_cpu, m->cores + GUEST_VCPUS * m->guests);
	w->nic = g_new0(struct watch_nic, m->nics + 1);
	w->guest = g_new0(struct watch_guest, m->guests + 1);
	w->walker_until = g_new0(sim_time, walkers + 1);
	for (unsigned i = 0; i < m->cores; i++)
		add_cpu(w, &m->core[i]);
	for (unsigned i = 0; i < m->guests; i++)
		add_guest(w, &m->guest[i]);
	for (unsigned i = 0; i < m->nics; i++)
		add_nic(w, i);
	w->iommu = add_track(w, "iommu", "translation");
	w->walker = w->tracks->len;
	for (uint32_t i = 0; i < walkers; i++) {
		g_autofree char *part = g_strdup_printf("walker%u", i);
		add_track(w, "iommu", part);
	}
	w->level = g_new0(uint64_t, w->levels->len + 1);
}

void watch_parts_free(struct watch *w)
{
	for (guint i = 0; i < w->tracks->len; i++) {
		struct watch_track *t = &g_array_index(w->tracks, struct watch_track, i);
		g_free(t->object);
		g_free(t->part);
	}
	for (guint i = 0; i < w->levels->len; i++) {
		struct watch_level *l = &g_array_index(w->levels, struct watch_level, i);
		g_free(l->object);
		g_free(l->name);
	}
	for (unsigned i = 0; i < w->m->nics; i++)
		for (unsigned d = RX; d <= TX; d++)
			g_free(w->nic[i].slot[d].bytes);
	g_array_free(w->tracks, TRUE);
	g_array_free(w->levels, TRUE);
	g_hash_table_destroy(w->worker);
	g_free(w->cpu);
	g_free(w->nic);
	g_free(w->guest);
	g_free(w->walker_until);
	g_free(w->level);
}

/* ---- CPUs ---- */

/* What was charged lies before the clock without a gap: an event charges one turn, or a wake-up. */
static void tell_work(struct watch *w, struct watch_cpu *k, bool turn)
{
	const struct plat_clock *clk = &k->c->clk;
	sim_time sum = 0, at;

	for (unsigned i = 0; i < PLAT_W_N; i++)
		sum += clk->busy[i] - k->busy[i];
	if (!sum)
		return;
	at = clk->now - sum;
	for (unsigned i = 0; i < PLAT_W_N; i++) {
		sim_time ps = clk->busy[i] - k->busy[i];

		if (!ps)
			continue;
		if (w->wants_parts)
			TELL(w, work, k->track, k->worker ? k->worker : "", i, at, at + ps);
		if (turn) {
			w->event.from = at;
			w->event.to = at + ps;
		}
		at += ps;
	}
	memcpy(k->busy, clk->busy, sizeof(k->busy));
}

/* It had a turn in this event; being woken by another one's is none. */
static bool ran(const struct watch_cpu *k)
{
	const struct cpu *c = k->c;

	return c->current != k->current || c->sleeps != k->sleeps ||
	       (c->current && c->clk.now != k->now);
}

void watch_cpus(struct watch *w)
{
	for (unsigned i = 0; i < w->cpus; i++) {
		struct watch_cpu *k = &w->cpu[i];
		bool turn = ran(k);

		if (!turn && k->c->clk.now == k->now)
			continue;
		if (k->c->current)
			k->worker = g_hash_table_lookup(w->worker, k->c->current);
		if (turn) {
			w->event.cpu = (int)k->track;
			w->event.worker = k->worker;
		}
		k->current = k->c->current;
		k->sleeps = k->c->sleeps;
		k->now = k->c->clk.now;
		tell_work(w, k, turn);
	}
}

/* ---- NICs ---- */

static void slot_ends(struct watch *w, unsigned nic, unsigned dir)
{
	struct watch_slot *s = &w->nic[nic].slot[dir];

	TELL(w, busy, w->nic[nic].link + dir, NULL, s->id, s->len, s->from, s->to);
	if (s->bytes)
		TELL(w, wire, nic, dir == TX, s->first, s->to, s->bytes, s->len);
	s->f = NULL;
}

static void slot_begins(struct watch *w, unsigned nic, unsigned dir, const struct frame *f,
			sim_time from, sim_time to, const uint8_t *bytes)
{
	struct watch_slot *s = &w->nic[nic].slot[dir];
	struct seen *seen = watch_seen(w, f);

	s->f = f;
	s->id = seen ? seen->id : 0;
	s->first = f->first;
	s->from = from;
	s->to = to;
	s->len = f->len;
	g_clear_pointer(&s->bytes, g_free);
	if (w->bytes && bytes)
		s->bytes = g_memdup2(bytes, f->len);
	TELL(w, taken, w->nic[nic].link + dir, seen, from, to);
}

/* One frame at a time; one that is put off for another was not there. */
static void look_at_links(struct watch *w, unsigned i)
{
	const struct nic *n = &w->m->nic[i].nic;
	struct watch_slot *rx = &w->nic[i].slot[RX], *tx = &w->nic[i].slot[TX];

	if (rx->count != n->rx_frames && rx->f)
		slot_ends(w, i, RX);
	if (!n->arriving)
		rx->f = NULL;
	else if (n->arriving != rx->f || n->rx_end.at != rx->to)
		slot_begins(w, i, RX, n->arriving, n->arriving_at, n->rx_end.at, nic_arriving(n));
	rx->count = n->rx_frames;
	if (tx->count != n->tx_frames && tx->f)
		slot_ends(w, i, TX);
	if (!n->leaving)
		tx->f = NULL;
	else if (n->leaving != tx->f || n->tx_end.at != tx->to)
		slot_begins(w, i, TX, n->leaving, w->event.now, n->tx_end.at, nic_leaving(n));
	tx->count = n->tx_frames;
}

void watch_links(struct watch *w)
{
	for (unsigned i = 0; i < w->m->nics; i++)
		look_at_links(w, i);
}

static void look_at_transfers(struct watch *w, unsigned i, unsigned dir)
{
	const struct nic *n = &w->m->nic[i].nic;
	const struct nic_fifo *x = dir ? &n->tx_dma : &n->rx_dma;

	for (; w->nic[i].tail[dir] != x->tail; w->nic[i].tail[dir]++) {
		const struct nic_dma *d = &x->ring[w->nic[i].tail[dir] & x->mask];
		uint64_t bytes = d->len + (uint64_t)d->ndesc * NIC_DESC_BYTES;
		sim_time to = d->done - (dir ? n->cfg.dma_read : n->cfg.dma_write);
		sim_time from = to - bytes * n->bus_byte_as / 1000000;
		struct seen *s = dir == RX && d->job ? NULL : watch_seen(w, d->frame);

		TELL(w, taken, w->nic[i].dma + dir, s, from, to);
		TELL(w, busy, w->nic[i].dma + dir, s, s ? s->id : 0, bytes, from, to);
	}
}

/* A link is granted up to some time ahead, in one piece an event; to a picosecond, as it rounds. */
static void look_at_bus(struct watch *w, unsigned i)
{
	const struct pcie *p = w->m->nic[i].nic.bus->pcie;
	struct watch_nic *k = &w->nic[i];
	sim_time busy[2], until[2];

	pcie_granted(p, busy, until);
	for (unsigned d = 0; d < 2; d++) {
		sim_time ps = busy[d] - k->bus[d], from = MAX(until[d] - ps, k->until[d]);

		k->bus[d] = busy[d];
		k->until[d] = until[d];
		if (until[d] > from)
			TELL(w, busy, k->dma + d, NULL, 0, 0, from, until[d]);
	}
}

/* What is granted ahead of now is still to be told. */
static void bus_begins(struct watch *w, unsigned i)
{
	struct watch_nic *k = &w->nic[i];

	pcie_granted(w->m->nic[i].nic.bus->pcie, k->bus, k->until);
	for (unsigned d = 0; d < 2; d++) {
		sim_time ahead = k->until[d] > w->event.now ? k->until[d] - w->event.now : 0;

		k->bus[d] -= MIN(ahead, k->bus[d]);
		k->until[d] -= ahead;
	}
}

static uint64_t interrupts_of(const struct nic *n)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n->cfg.queues; i++)
		sum += n->queue[i].interrupts;
	return sum;
}

static void note(struct watch *w, unsigned track, enum watch_note what, uint64_t now, uint64_t *was)
{
	if (now != *was)
		TELL(w, note, track, what, now - *was, w->event.now);
	*was = now;
}

static void look_at_nic(struct watch *w, unsigned i)
{
	const struct nic *n = &w->m->nic[i].nic;

	look_at_links(w, i);
	if (n->bus) {
		look_at_bus(w, i);
	} else {
		look_at_transfers(w, i, RX);
		look_at_transfers(w, i, TX);
	}
	if (w->wants_parts || w->wants_frames)
		note(w, w->nic[i].link, NOTE_INTERRUPT, interrupts_of(n), &w->nic[i].interrupts);
}

/* ---- the IOMMU ---- */

static void look_at_iommu(struct watch *w)
{
	const struct iommu_stats *s = iommu_stats(w->m->iommu);
	const struct walkers *k = iommu_walkers(w->m->iommu);

	note(w, w->iommu, NOTE_MISS, s->misses, &w->io.misses);
	note(w, w->iommu, NOTE_INVALIDATE, s->invalidations, &w->io.invalidations);
	for (uint32_t i = 0; i < k->n; i++) {
		sim_time was = w->walker_until[i], from = MAX(k->walker[i].from, was);

		w->walker_until[i] = k->walker[i].until;
		if (k->walker[i].until > was)
			TELL(w, busy, w->walker + i, NULL, 0, 0, from, k->walker[i].until);
	}
}

/* ---- guests and rings ---- */

static void look_at_guest(struct watch *w, unsigned i)
{
	struct guest *g = &w->m->guest[i];
	struct watch_guest *k = &w->guest[i];
	unsigned first = w->m->cores;

	for (unsigned v = 0; v < i; v++)
		first += w->m->guest[v].vcpus;
	note(w, w->cpu[first].track, NOTE_INJECTED, g->rx_intr.kicks, &k->interrupts[RX]);
	note(w, w->cpu[first + g->vcpus - 1].track, NOTE_INJECTED, g->tx_intr.kicks,
	     &k->interrupts[TX]);
	note(w, w->cpu[first].track, NOTE_KICK, g->rx_kick.kicks, &k->kicks[RX]);
	note(w, w->cpu[first + g->vcpus - 1].track, NOTE_KICK, g->tx_kick.kicks, &k->kicks[TX]);
}

static void tell_level(struct watch *w, unsigned *at, uint64_t value)
{
	if (w->level[*at] != value)
		TELL(w, level, *at, value, w->event.now);
	w->level[(*at)++] = value;
}

static void look_at_levels(struct watch *w)
{
	const struct machine *m = w->m;
	unsigned at = 0;

	for (unsigned i = 0; i < m->guests; i++) {
		const struct guest *g = &m->guest[i];
		const struct virtq_drv *rx = &g->vio.rxq, *tx = &g->vio.txq;

		if (g->vf)
			continue;
		tell_level(w, &at, (uint16_t)(rx->published_avail - g->dp.rxq.last_avail));
		tell_level(w, &at, (uint16_t)(g->dp.rxq.published_used - rx->last_used));
		tell_level(w, &at, (uint16_t)(tx->published_avail - g->dp.txq.last_avail));
		tell_level(w, &at, (uint16_t)(g->dp.txq.published_used - tx->last_used));
	}
	for (unsigned i = 0; i < m->nics; i++) {
		const struct nic *n = &m->nic[i].nic;
		uint64_t rx = 0, tx = 0;

		for (unsigned k = 0; k < n->cfg.queues; k++) {
			rx += n->queue[k].rx_done - n->queue[k].regs.rx_taken;
			tx += n->queue[k].regs.tx_tail - n->queue[k].tx_done;
		}
		tell_level(w, &at, rx);
		tell_level(w, &at, tx);
	}
}

/* ---- all of it ---- */

void watch_parts(struct watch *w)
{
	for (unsigned i = 0; i < w->m->nics; i++)
		look_at_nic(w, i);
	look_at_iommu(w);
	for (unsigned i = 0; i < w->m->guests; i++)
		look_at_guest(w, i);
	if (w->wants_parts)
		look_at_levels(w);
}

/* As it is now: nothing that was before is told. */
void watch_parts_begin(struct watch *w)
{
	struct machine *m = w->m;

	for (unsigned i = 0; i < w->cpus; i++) {
		w->cpu[i].now = w->cpu[i].c->clk.now;
		w->cpu[i].current = w->cpu[i].c->current;
		w->cpu[i].sleeps = w->cpu[i].c->sleeps;
		memcpy(w->cpu[i].busy, w->cpu[i].c->clk.busy, sizeof(w->cpu[i].busy));
	}
	for (unsigned i = 0; i < m->nics; i++) {
		const struct nic *n = &m->nic[i].nic;

		w->nic[i].tail[RX] = n->rx_dma.tail;
		w->nic[i].tail[TX] = n->tx_dma.tail;
		w->nic[i].slot[RX].count = n->rx_frames;
		w->nic[i].slot[TX].count = n->tx_frames;
		w->nic[i].interrupts = interrupts_of(n);
		if (n->bus)
			bus_begins(w, i);
	}
	w->io = *iommu_stats(m->iommu);
	for (uint32_t i = 0; i < iommu_walkers(m->iommu)->n; i++)
		w->walker_until[i] = MIN(iommu_walkers(m->iommu)->walker[i].until, w->event.now);
	for (unsigned i = 0; i < m->guests; i++) {
		struct guest *g = &m->guest[i];
		w->guest[i] = (struct watch_guest){{g->rx_kick.kicks, g->tx_kick.kicks},
						   {g->rx_intr.kicks, g->tx_intr.kicks}};
	}
	memset(w->level, 0xff, w->levels->len * sizeof(*w->level));
	w->event.cpu = -1;
	w->event.from = SIM_NEVER;
	if (w->wants_parts)
		look_at_levels(w);
}
