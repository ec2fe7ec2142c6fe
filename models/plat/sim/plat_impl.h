/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_impl.h (sim) - the seam's bodies in simulated time and memory.
 *
 * The actor behind a struct plat is a CPU of the model: its local clock runs ahead of the event
 * that is being handled by what has been charged to it. Ring words are plain memory, since all
 * actors run in one thread and what others may see is written at its own time (cpu.h). The device
 * is the modelled NIC behind its driver (nicdrv.h).
 */
#ifndef PLAT_IMPL_H
#define PLAT_IMPL_H

#include <string.h>

#include "../../../sim/event.h"
#include "../../guest/gmem.h"
#include "../../host/cost.h"
#include "frame.h"
#include "nicdrv.h"
#include "plat_clock.h"
#include "plat_sim.h"
#include "plat_station.h"

struct plat {
	struct plat_clock *clk;
	struct gmem *gm;    /* the guest whose memory plat_map() reaches */
	struct gproc *proc; /* its process; NULL on the host's side */
	struct mem *mem;
	struct world *world;
	struct station
		*station; /* the process works on what it receives; NULL: that takes no time */
};

/*
 * A line delivers its value at the kicking actor's local time: fire() runs as an event then. Kicks
 * in one commit are one.
 */
struct plat_line {
	struct event ev;
	struct evq *q;
	enum plat_work cost; /* to the one who kicks; PLAT_W_N: nothing */
	void (*fire)(struct plat_line *line);
	void *ctx;
	uint32_t value;
	uint64_t kicks;
	/*
	 * Asked at each kick, if set: is somebody looking who takes it? Then it costs the one who
	 * kicks nothing and is counted in `takes`, not in `kicks`.
	 */
	bool (*taken)(struct plat_line *line);
	bool last_taken; /* what it said last */
	uint64_t takes;
	/* What n reads of the device's register take that begin at `at`; NULL: there is none. */
	sim_time (*read)(struct plat_line *line, sim_time at, uint32_t n);
};

void plat_line_init(struct plat_line *line, struct evq *q, enum plat_work cost,
		    void (*fire)(struct plat_line *), void *ctx);

struct plat_dma; /* how memory is mapped for the device: plat_dma.h */

/*
 * The layer behind plat_dma_*: the host's own (plat_dma.h), or a guest's (guest/hac.h). The driver
 * above is the same.
 */
struct plat_dma_ops {
	bool (*map)(struct plat *pl, struct plat_port *port, const struct plat_mem *mem,
		    unsigned nmem, enum plat_dir dir, struct plat_seg *seg, unsigned max,
		    unsigned *n);
	void (*unmap)(struct plat *pl, struct plat_port *port, const struct plat_seg *seg,
		      unsigned n);
	/* NULL: the device sees the very memory that was mapped. */
	void (*sync)(struct plat *pl, struct plat_port *port, enum plat_dir dir,
		     const struct plat_seg *seg, unsigned n, uint32_t len, struct frame *frame);
};

struct plat_tap; /* plat_tap.h */

struct plat_port {
	struct nicdrv drv;
	struct plat_tap *tap; /* the device is a TAP device; NULL: a NIC, behind drv */
	const struct plat_dma_ops *dma_ops;
	struct plat_dma *dma;
	struct plat_devinfo info;
};

/* plat_tap.c: the contracts are those of plat_dev_*. */
unsigned plat_tap_rx_room(const struct plat_tap *t);
unsigned plat_tap_tx_room(const struct plat_tap *t);
void plat_tap_post_rx(struct plat *pl, struct plat_tap *t, uint64_t cookie,
		      const struct plat_seg *seg, unsigned n);
unsigned plat_tap_reap_rx(struct plat *pl, struct plat_tap *t, struct plat_rx *rx, unsigned max);
void plat_tap_flush_rx(struct plat_tap *t);
bool plat_tap_rx_irq(struct plat *pl, struct plat_tap *t, bool on);
void plat_tap_send(struct plat *pl, struct plat_tap *t, uint64_t cookie, struct frame *f,
		   const struct plat_seg *seg, unsigned n);
unsigned plat_tap_reap_tx(struct plat *pl, struct plat_tap *t, uint64_t *cookie, unsigned max);
void plat_tap_flush_tx(struct plat *pl, struct plat_tap *t);
bool plat_tap_tx_irq(struct plat_tap *t, bool on);

#define PLAT_IS_TAP(port) __builtin_expect((port)->tap != NULL, 0)

/* The model read or wrote what nobody could have written yet. */
void plat_sim_early(struct plat *pl, const void *p, const char *what);

static inline void plat_charge(struct plat *pl, enum plat_work what, uint32_t n)
{
	uint64_t ps = pl->clk->cost->work_ps[what] * n;
	pl->clk->now += ps;
	pl->clk->busy[what] += ps;
}

static inline plat_time plat_now(struct plat *pl)
{
	return pl->clk->now;
}

static inline void *plat_map(struct plat *pl, gpa_t gpa, uint32_t *len, enum plat_access access)
{
	uint64_t n = *len;
	void *p = gmem_ptr(pl->gm, gpa, &n, access);
	*len = p ? (uint32_t)n : 0;
	return p;
}

static inline void *plat_map_user(struct plat *pl, gva_t gva, uint32_t *len,
				  enum plat_access access)
{
	uint64_t n = *len;
	void *p = gproc_ptr(pl->proc, gva, &n, access);
	*len = p ? (uint32_t)n : 0;
	return p;
}

static inline bool plat_translate(struct plat *pl, gva_t gva, gpa_t *gpa, uint32_t *len)
{
	uint64_t n = *len;
	if (gproc_translate(pl->proc, gva, &n, GMEM_READ, gpa) != GMEM_OK)
		return false;
	*len = (uint32_t)n;
	return true;
}

static inline hpa_t plat_sim_hpa(struct plat *pl, const void *p)
{
	return (hpa_t){(uint64_t)((const uint8_t *)p - pl->mem->base)};
}

/*
 * What touching len bytes costs by where they are. src NULL: they are a private copy of the core's;
 * dst NULL: they are read, no more.
 */
uint64_t plat_sim_cached(struct plat *pl, const void *dst, const void *src, uint32_t len);

static inline void plat_read(struct plat *pl, enum plat_work what, const void *p, uint32_t len)
{
	uint64_t ps;

	if (__builtin_expect(!pl->clk->llc, 1))
		return;
	ps = plat_sim_cached(pl, NULL, p, len);
	pl->clk->now += ps;
	pl->clk->busy[what] += ps;
}

/* A copy that somebody looks at: the time it takes. src NULL: as above. */
uint64_t plat_sim_look(struct plat *pl, struct watched_copy *c, const void *dst, const void *src);

static inline void plat_copy(struct plat *pl, struct frame *frame, enum copy_site site,
			     enum copy_reason reason, void *dst, const void *src, uint32_t len)
{
	uint64_t ps;

	if (__builtin_expect(pl->clk->look, 0))
		ps = plat_sim_look(
			pl,
			&(struct watched_copy){pl->clk, frame, site, reason, len, 0, false, NULL},
			dst, src);
	else
		ps = cost_copy_ps(pl->clk->cost, len);
	if (__builtin_expect(!mem_note_read(pl->mem, plat_sim_hpa(pl, src), len, pl->clk->now), 0))
		plat_sim_early(pl, src, "copy reads bytes of a later time");
	memcpy(dst, src, len);
	pl->clk->now += ps;
	pl->clk->busy[PLAT_W_COPY] += ps;
	mem_note_write(pl->mem, plat_sim_hpa(pl, dst), len, pl->clk->now);
	frame_copied(frame, site, reason, len);
}

/* From a private copy, which has no time of its own. */
static inline void plat_copy_header(struct plat *pl, struct frame *frame, enum copy_site site,
				    void *dst, const void *src, uint32_t len)
{
	uint64_t ps;

	if (__builtin_expect(pl->clk->look, 0))
		ps = plat_sim_look(pl,
				   &(struct watched_copy){pl->clk, frame, site, REASON_POLICY, len,
							  0, true, NULL},
				   dst, NULL);
	else
		ps = cost_copy_ps(pl->clk->cost, len);
	memcpy(dst, src, len);
	pl->clk->now += ps;
	pl->clk->busy[PLAT_W_COPY] += ps;
	mem_note_write(pl->mem, plat_sim_hpa(pl, dst), len, pl->clk->now);
	frame_copied_header(frame, site);
}

static inline enum plat_page plat_page_state(struct plat *pl, gpa_t gpa)
{
	uint64_t one = 1;
	hpa_t hpa;
	enum gmem_status s = gmem_translate(pl->gm, gpa, &one, GMEM_WRITE, &hpa);

	/* What was never touched comes into being by the access. */
	return s == GMEM_OK || s == GMEM_ABSENT ? PLAT_PAGE_IN
	       : s == GMEM_EVICTED              ? PLAT_PAGE_OUT
						: PLAT_PAGE_NONE;
}

static inline bool plat_page_in(struct plat *pl, gpa_t gpa)
{
	plat_charge(pl, PLAT_W_PAGE_IN, 1);
	return gmem_fault_in(pl->gm, gpa) == GMEM_OK;
}

static inline uint16_t plat_load_idx(const uint16_t *idx)
{
	return *(const volatile uint16_t *)idx;
}

static inline void plat_publish_idx(uint16_t *idx, uint16_t value)
{
	*(volatile uint16_t *)idx = value;
}

static inline void plat_fence(struct plat *pl)
{
	(void)pl;
}

static inline void plat_kick(struct plat *pl, struct plat_line *line, uint32_t value)
{
	line->last_taken = line->taken && line->taken(line);
	if (line->cost != PLAT_W_N && !line->last_taken)
		plat_charge(pl, line->cost, 1);
	++*(line->last_taken ? &line->takes : &line->kicks);
	line->value = value;
	evq_rearm(line->q, &line->ev, pl->clk->now);
}

/* Its value counts the reads of the run: those of one burst come to the device as one event. */
static inline void plat_reg_read(struct plat *pl, struct plat_line *line, uint32_t n)
{
	uint64_t ps = line->read(line, pl->clk->now, n);

	pl->clk->now += ps;
	pl->clk->busy[PLAT_W_REG_READ] += ps;
	line->value += n;
	evq_rearm(line->q, &line->ev, pl->clk->now);
}

static inline void plat_arm(struct plat *pl, struct plat_line *line, plat_time at)
{
	if (at == PLAT_NEVER)
		evq_cancel(line->q, &line->ev);
	else
		evq_rearm(line->q, &line->ev, at > pl->clk->now ? at : pl->clk->now);
}

static inline void plat_stamp(struct plat *pl, struct frame *frame, enum frame_stage stage)
{
	frame_stamp(frame, stage, pl->clk->now);
}

static inline void plat_process(struct plat *pl, struct frame *frame)
{
	if (__builtin_expect(pl->station != NULL, 0))
		pl->clk->busy[PLAT_W_PROCESS] += station_work(pl->station, frame, &pl->clk->now);
}

static inline void plat_deliver(struct plat *pl, struct frame *frame)
{
	world_deliver(pl->world, frame);
}

static inline void plat_drop(struct plat *pl, struct frame *frame, enum drop_reason reason)
{
	if (__builtin_expect(pl->station != NULL, 0))
		station_lost(pl->station, frame, pl->clk->now);
	world_drop(pl->world, frame, reason);
}

static inline bool plat_dma_map(struct plat *pl, struct plat_port *port, gpa_t gpa, uint32_t len,
				enum plat_dir dir, struct plat_seg *seg, unsigned max, unsigned *n)
{
	struct plat_mem mem = {gpa, len};
	return port->dma_ops->map(pl, port, &mem, 1, dir, seg, max, n);
}

static inline bool plat_dma_map_sg(struct plat *pl, struct plat_port *port,
				   const struct plat_mem *mem, unsigned nmem, enum plat_dir dir,
				   struct plat_seg *seg, unsigned max, unsigned *n)
{
	return port->dma_ops->map(pl, port, mem, nmem, dir, seg, max, n);
}

static inline void plat_dma_unmap(struct plat *pl, struct plat_port *port,
				  const struct plat_seg *seg, unsigned n)
{
	port->dma_ops->unmap(pl, port, seg, n);
}

static inline void plat_dma_sync_for_device(struct plat *pl, struct plat_port *port,
					    const struct plat_seg *seg, unsigned n, uint32_t len,
					    struct frame *frame)
{
	if (port->dma_ops->sync)
		port->dma_ops->sync(pl, port, PLAT_TO_DEVICE, seg, n, len, frame);
}

static inline void plat_dma_sync_for_cpu(struct plat *pl, struct plat_port *port,
					 const struct plat_seg *seg, unsigned n, uint32_t len,
					 struct frame *frame)
{
	if (port->dma_ops->sync)
		port->dma_ops->sync(pl, port, PLAT_FROM_DEVICE, seg, n, len, frame);
}

static inline struct plat_devinfo plat_dev_info(struct plat *pl, struct plat_port *port)
{
	(void)pl;
	return port->info;
}

static inline unsigned plat_dev_rx_room(struct plat *pl, struct plat_port *port)
{
	if (PLAT_IS_TAP(port))
		return plat_tap_rx_room(port->tap);
	(void)pl;
	return nicdrv_room(&port->drv.rx);
}

static inline unsigned plat_dev_tx_room(struct plat *pl, struct plat_port *port)
{
	if (PLAT_IS_TAP(port))
		return plat_tap_tx_room(port->tap);
	(void)pl;
	return nicdrv_room(&port->drv.tx);
}

static inline void plat_dev_post_rx(struct plat *pl, struct plat_port *port, uint64_t cookie,
				    const struct plat_seg *seg, unsigned n)
{
	if (PLAT_IS_TAP(port)) {
		plat_tap_post_rx(pl, port->tap, cookie, seg, n);
		return;
	}
	nicdrv_post_rx(&port->drv, pl, cookie, seg, n);
}

static inline void plat_dev_post_rx_split(struct plat *pl, struct plat_port *port, uint64_t cookie,
					  const struct plat_seg *seg, unsigned nheader, unsigned n)
{
	if (PLAT_IS_TAP(port)) {
		plat_tap_post_rx(pl, port->tap, cookie, seg, n);
		return;
	}
	nicdrv_post_rx_split(&port->drv, pl, cookie, seg, nheader, n);
}

static inline unsigned plat_dev_reap_rx(struct plat *pl, struct plat_port *port, struct plat_rx *rx,
					unsigned max)
{
	if (PLAT_IS_TAP(port))
		return plat_tap_reap_rx(pl, port->tap, rx, max);
	return nicdrv_reap_rx(&port->drv, pl, rx, max);
}

static inline void plat_dev_send(struct plat *pl, struct plat_port *port, uint64_t cookie,
				 struct frame *frame, const struct plat_seg *seg, unsigned n)
{
	if (PLAT_IS_TAP(port)) {
		plat_tap_send(pl, port->tap, cookie, frame, seg, n);
		return;
	}
	nicdrv_send(&port->drv, pl, cookie, frame, seg, n);
}

static inline void plat_dev_csum(struct plat *pl, struct plat_port *port, uint16_t start,
				 uint16_t offset)
{
	(void)pl;
	nicdrv_csum(&port->drv, start, offset);
}

static inline unsigned plat_dev_reap_tx(struct plat *pl, struct plat_port *port, uint64_t *cookie,
					unsigned max)
{
	if (PLAT_IS_TAP(port))
		return plat_tap_reap_tx(pl, port->tap, cookie, max);
	return nicdrv_reap_tx(&port->drv, pl, cookie, max);
}

static inline void plat_dev_flush_rx(struct plat *pl, struct plat_port *port)
{
	if (PLAT_IS_TAP(port)) {
		plat_tap_flush_rx(port->tap);
		return;
	}
	nicdrv_flush_rx(&port->drv, pl);
}

static inline void plat_dev_flush_tx(struct plat *pl, struct plat_port *port)
{
	if (PLAT_IS_TAP(port)) {
		plat_tap_flush_tx(pl, port->tap);
		return;
	}
	nicdrv_flush_tx(&port->drv, pl);
}

static inline bool plat_dev_rx_irq(struct plat *pl, struct plat_port *port, bool on)
{
	if (PLAT_IS_TAP(port))
		return plat_tap_rx_irq(pl, port->tap, on);
	return nicdrv_rx_irq(&port->drv, pl, on);
}

static inline bool plat_dev_tx_irq(struct plat *pl, struct plat_port *port, bool on)
{
	if (PLAT_IS_TAP(port))
		return plat_tap_tx_irq(port->tap, on);
	return nicdrv_tx_irq(&port->drv, pl, on);
}

#endif
