/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_impl.h of the test world - nothing is modelled, everything is counted and checked.
 *
 * Guest memory is an array of pages, each an allocation of its own between guard bytes: what runs
 * off a page is seen by the address sanitizer, or by plat_test_intact(). Pages can be missing or
 * read-only. Contiguous memory is on request only (`flat`), since most mistakes are made by code
 * that takes contiguity for granted.
 *
 * A guest-physical address reaches the device as PLAT_TEST_DMA_IN or _OUT + gpa, by the direction
 * that it was mapped for, which is no pointer; memory of the host reaches it as its pointer. The
 * device refuses guest pages that are not mapped for it at the moment of the access, and counts
 * that in `dma_faults`.
 *
 * Always: an operation does what plat.h says or, when told to fail, what plat.h says of failure.
 * Set-up, and the far side of the port, are in plat_test.h.
 */
#ifndef PLAT_TEST_IMPL_H
#define PLAT_TEST_IMPL_H

#include <string.h>

#include "csum.h"
#include "frame.h"
#include "plat.h"

/* Guest-physical 0, as the device is told: to write (receive), to read (send). */
#define PLAT_TEST_DMA_IN  (1ull << 61)
#define PLAT_TEST_DMA_OUT (1ull << 60)

/* Operations, as counted in plat.ops[]. */
#define PLAT_TEST_OPS(X)                                                                           \
	X(MAP)                                                                                     \
	X(MAP_USER)                                                                                \
	X(TRANSLATE)                                                                               \
	X(COPY)                                                                                    \
	X(FENCE)                                                                                   \
	X(KICK)                                                                                    \
	X(CHARGE)                                                                                  \
	X(STAMP)                                                                                   \
	X(DELIVER)                                                                                 \
	X(DROP)                                                                                    \
	X(DMA_MAP)                                                                                 \
	X(DMA_UNMAP)                                                                               \
	X(POST_RX)                                                                                 \
	X(REAP_RX)                                                                                 \
	X(SEND)                                                                                    \
	X(REAP_TX)                                                                                 \
	X(FLUSH_RX)                                                                                \
	X(FLUSH_TX)                                                                                \
	X(PAGE_IN)

enum plat_test_op {
#define X(id) PLAT_TEST_##id,
	PLAT_TEST_OPS(X)
#undef X
		PLAT_TEST_OP_N
};

struct plat_test_page {
	uint8_t *bytes;   /* NULL: the guest has no such page */
	unsigned access;  /* enum plat_access, ored */
	unsigned dma_in;  /* how often mapped for a device to write */
	unsigned dma_out; /* ... to read */
	uint32_t user;    /* process page i is this guest page, or UINT32_MAX */
	bool out;         /* put aside: bytes are kept, no access reaches them */
};

struct plat {
	struct plat_test_page *page;
	uint32_t npages;
	bool flat;
	plat_time now; /* ps: advances by charges and by the test */
	uint64_t ops[PLAT_TEST_OP_N];
	uint64_t work[PLAT_W_N]; /* units charged; COPY in bytes */
	plat_time cost;          /* ps of each unit of work; not of COPY bytes */
	uint64_t fail_map;       /* the Nth plat_map from now fails; 0 never */
	uint64_t fail_dma;       /* the Nth plat_dma_map from now fails; 0 never */
	uint64_t dma_maps;       /* segments mapped now: 0 when all is given back */
	struct frame *done;      /* frames whose fate is known, latest first */
	uint64_t delivered, dropped;
	enum drop_reason last_drop;
	void *memory; /* of all pages, when flat */
};

struct plat_line {
	uint64_t kicks;
	uint32_t value;  /* of the last one */
	plat_time armed; /* for when; 0 at first, PLAT_NEVER once disarmed */
};

#define PLAT_TEST_RING     1024u /* segments posted, frames sent: at most */
#define PLAT_TEST_MAX_SEGS 64u

struct plat_test_buf {
	uint64_t cookie;
	struct plat_seg seg[PLAT_TEST_MAX_SEGS];
	unsigned n;
	unsigned nheader;  /* of them for the header, if the device splits */
	struct plat_rx rx; /* once filled */
};

struct plat_test_sent {
	uint64_t cookie;
	struct frame *frame;
	uint8_t *bytes; /* gathered when flushed */
	uint32_t len;
	unsigned n;
	struct plat_seg seg[PLAT_TEST_MAX_SEGS];
	struct csum csum; /* to be filled in by the device; flags 0: nothing is */
};

/*
 * Two queues of records, each with running counters: posted <= flushed by the datapath, filled or
 * sent by the test's far side, reaped by the datapath.
 */
struct plat_port {
	struct plat_devinfo info;
	struct plat_test_buf *rx; /* PLAT_TEST_RING entries */
	struct plat_test_sent *tx;
	unsigned rx_posted, rx_flushed, rx_filled, rx_reaped;
	unsigned tx_posted, tx_sent, tx_completed, tx_reaped;
	unsigned rx_segs, tx_segs;   /* posted and not reaped */
	unsigned rx_limit, tx_limit; /* segments, at most PLAT_TEST_RING */
	bool rx_irq, tx_irq;
	struct csum csum;    /* of the frame that is sent next */
	uint32_t mark;       /* of the frames received from now on */
	bool hold_tx;        /* sends complete by plat_test_complete() only */
	uint64_t dma_faults; /* accesses to guest memory that was not mapped */
	uint64_t no_buffer;  /* frames that found no posted buffer */
};

/* plat_test.c: the far side's share of the operations. */
bool plat_test_fails(uint64_t *countdown);
void plat_test_flush_tx(struct plat *pl, struct plat_port *port);
void plat_test_put(struct plat *pl, struct frame *frame);
void plat_test_require(bool ok, const char *what);

static inline void *plat_test_reach(struct plat *pl, uint64_t at, uint32_t *len,
				    enum plat_access access)
{
	uint32_t want = *len, got = 0;
	uint8_t *first = NULL, *next = NULL;
	*len = 0;
	while (got < want) {
		uint64_t k = (at + got) >> PAGE_SHIFT;
		if (at + got < at || k >= pl->npages || !pl->page[k].bytes || pl->page[k].out ||
		    (pl->page[k].access & (unsigned)access) != (unsigned)access)
			break;
		uint8_t *p = pl->page[k].bytes + ((at + got) & (PAGE_BYTES - 1));
		if (first && (!pl->flat || p != next))
			break;
		uint32_t n = page_rest(at + got) < want - got ? page_rest(at + got) : want - got;
		first = first ? first : p;
		next = p + n;
		got += n;
	}
	*len = got;
	return first;
}

static inline void *plat_map(struct plat *pl, gpa_t gpa, uint32_t *len, enum plat_access access)
{
	pl->ops[PLAT_TEST_MAP]++;
	plat_test_require(*len > 0, "plat_map of no bytes");
	if (plat_test_fails(&pl->fail_map)) {
		*len = 0;
		return NULL;
	}
	return plat_test_reach(pl, gpa.a, len, access);
}

static inline bool plat_translate(struct plat *pl, gva_t gva, gpa_t *gpa, uint32_t *len)
{
	pl->ops[PLAT_TEST_TRANSLATE]++;
	uint64_t k = gva.a >> PAGE_SHIFT;
	if (k >= pl->npages || pl->page[k].user == UINT32_MAX) {
		*len = 0;
		return false;
	}
	*gpa = (gpa_t){((uint64_t)pl->page[k].user << PAGE_SHIFT) + (gva.a & (PAGE_BYTES - 1))};
	*len = *len < page_rest(gva.a) ? *len : page_rest(gva.a);
	return true;
}

static inline void *plat_map_user(struct plat *pl, gva_t gva, uint32_t *len,
				  enum plat_access access)
{
	pl->ops[PLAT_TEST_MAP_USER]++;
	gpa_t gpa;
	if (!plat_translate(pl, gva, &gpa, len))
		return NULL;
	return plat_test_reach(pl, gpa.a, len, access);
}

static inline void plat_charge(struct plat *pl, enum plat_work what, uint32_t n)
{
	pl->ops[PLAT_TEST_CHARGE]++;
	pl->work[what] += n;
	pl->now += n * pl->cost;
}

static inline void plat_copy(struct plat *pl, struct frame *frame, enum copy_site site,
			     enum copy_reason reason, void *dst, const void *src, uint32_t len)
{
	pl->ops[PLAT_TEST_COPY]++;
	plat_test_require(frame != NULL, "plat_copy of no frame");
	memcpy(dst, src, len);
	frame_copied(frame, site, reason, len);
	pl->work[PLAT_W_COPY] += len;
	pl->now += len;
}

static inline void plat_copy_header(struct plat *pl, struct frame *frame, enum copy_site site,
				    void *dst, const void *src, uint32_t len)
{
	pl->ops[PLAT_TEST_COPY]++;
	plat_test_require(frame != NULL, "plat_copy_header of no frame");
	memcpy(dst, src, len);
	frame_copied_header(frame, site);
	pl->work[PLAT_W_COPY] += len;
	pl->now += len;
}

static inline enum plat_page plat_page_state(struct plat *pl, gpa_t gpa)
{
	uint64_t k = gpa.a >> PAGE_SHIFT;
	if (k >= pl->npages || !pl->page[k].bytes || !(pl->page[k].access & PLAT_WRITE))
		return PLAT_PAGE_NONE;
	return pl->page[k].out ? PLAT_PAGE_OUT : PLAT_PAGE_IN;
}

static inline bool plat_page_in(struct plat *pl, gpa_t gpa)
{
	pl->ops[PLAT_TEST_PAGE_IN]++;
	if (plat_page_state(pl, gpa) == PLAT_PAGE_NONE)
		return false;
	pl->page[gpa.a >> PAGE_SHIFT].out = false;
	return true;
}

static inline uint16_t plat_load_idx(const uint16_t *idx)
{
	return __atomic_load_n(idx, __ATOMIC_ACQUIRE);
}

static inline void plat_publish_idx(uint16_t *idx, uint16_t value)
{
	__atomic_store_n(idx, value, __ATOMIC_RELEASE);
}

static inline void plat_fence(struct plat *pl)
{
	pl->ops[PLAT_TEST_FENCE]++;
}

static inline void plat_kick(struct plat *pl, struct plat_line *line, uint32_t value)
{
	pl->ops[PLAT_TEST_KICK]++;
	line->kicks++;
	line->value = value;
}

static inline void plat_reg_read(struct plat *pl, struct plat_line *line, uint32_t n)
{
	pl->work[PLAT_W_REG_READ] += n;
	line->value += n;
}

static inline void plat_arm(struct plat *pl, struct plat_line *line, plat_time at)
{
	(void)pl;
	line->armed = at;
}

static inline plat_time plat_now(struct plat *pl)
{
	return pl->now;
}

static inline void plat_stamp(struct plat *pl, struct frame *frame, enum frame_stage stage)
{
	pl->ops[PLAT_TEST_STAMP]++;
	plat_test_require(pl->now >= frame->last, "a stamp before the last one");
	frame_stamp(frame, stage, pl->now);
}

static inline void plat_process(struct plat *pl, struct frame *frame)
{
	(void)pl;
	plat_test_require(frame->led, "work on a frame whose fate is known");
}

static inline void plat_deliver(struct plat *pl, struct frame *frame)
{
	pl->ops[PLAT_TEST_DELIVER]++;
	pl->delivered++;
	frame_book_delivery(frame);
	plat_test_put(pl, frame);
}

static inline void plat_drop(struct plat *pl, struct frame *frame, enum drop_reason reason)
{
	pl->ops[PLAT_TEST_DROP]++;
	pl->dropped++;
	pl->last_drop = reason;
	frame_book_drop(frame, reason);
	plat_test_put(pl, frame);
}

/* How often the page of a device address is mapped in its direction; NULL if it is no such thing.
 */
static inline unsigned *plat_test_mapped(struct plat *pl, uint64_t dma)
{
	bool in = dma >= PLAT_TEST_DMA_IN;
	uint64_t k = (dma - (in ? PLAT_TEST_DMA_IN : PLAT_TEST_DMA_OUT)) >> PAGE_SHIFT;
	if (k >= pl->npages)
		return NULL;
	return in ? &pl->page[k].dma_in : &pl->page[k].dma_out;
}

static inline void plat_dma_unmap(struct plat *pl, struct plat_port *port,
				  const struct plat_seg *seg, unsigned n)
{
	(void)port;
	pl->ops[PLAT_TEST_DMA_UNMAP]++;
	for (unsigned i = 0; i < n; i++) {
		unsigned *mapped = plat_test_mapped(pl, seg[i].dma);
		plat_test_require(mapped && *mapped > 0, "plat_dma_unmap of what is not mapped");
		--*mapped;
		pl->dma_maps--;
	}
}

static inline bool plat_dma_map(struct plat *pl, struct plat_port *port, gpa_t gpa, uint32_t len,
				enum plat_dir dir, struct plat_seg *seg, unsigned max, unsigned *n)
{
	pl->ops[PLAT_TEST_DMA_MAP]++;
	plat_test_require(len > 0, "plat_dma_map of no bytes");
	unsigned before = *n;
	uint64_t base = dir == PLAT_FROM_DEVICE ? PLAT_TEST_DMA_IN : PLAT_TEST_DMA_OUT;
	bool ok = !plat_test_fails(&pl->fail_dma);
	while (ok && len > 0) {
		uint32_t piece = len < page_rest(gpa.a) ? len : page_rest(gpa.a);
		ok = *n < max && plat_test_reach(pl, gpa.a, &piece,
						 dir == PLAT_FROM_DEVICE ? PLAT_WRITE : PLAT_READ);
		if (!ok)
			break;
		seg[(*n)++] = (struct plat_seg){base + gpa.a, piece};
		++*plat_test_mapped(pl, base + gpa.a);
		pl->dma_maps++;
		gpa.a += piece;
		len -= piece;
	}
	if (ok)
		return true;
	if (*n > before)
		plat_dma_unmap(pl, port, seg + before, *n - before);
	*n = before;
	return false;
}

static inline bool plat_dma_map_sg(struct plat *pl, struct plat_port *port,
				   const struct plat_mem *mem, unsigned nmem, enum plat_dir dir,
				   struct plat_seg *seg, unsigned max, unsigned *n)
{
	unsigned before = *n;

	for (unsigned i = 0; i < nmem; i++) {
		if (plat_dma_map(pl, port, mem[i].gpa, mem[i].len, dir, seg, max, n))
			continue;
		plat_dma_unmap(pl, port, seg + before, *n - before);
		*n = before;
		return false;
	}
	return true;
}

/* The device sees the very memory that was mapped. */
static inline void plat_dma_sync_for_device(struct plat *pl, struct plat_port *port,
					    const struct plat_seg *seg, unsigned n, uint32_t len,
					    struct frame *frame)
{
	(void)pl;
	(void)port;
	(void)seg;
	(void)n;
	(void)len;
	(void)frame;
}

static inline void plat_dma_sync_for_cpu(struct plat *pl, struct plat_port *port,
					 const struct plat_seg *seg, unsigned n, uint32_t len,
					 struct frame *frame)
{
	(void)pl;
	(void)port;
	(void)seg;
	(void)n;
	(void)len;
	(void)frame;
}

static inline struct plat_devinfo plat_dev_info(struct plat *pl, struct plat_port *port)
{
	(void)pl;
	return port->info;
}

static inline unsigned plat_dev_rx_room(struct plat *pl, struct plat_port *port)
{
	(void)pl;
	return port->rx_limit - port->rx_segs;
}

static inline unsigned plat_dev_tx_room(struct plat *pl, struct plat_port *port)
{
	(void)pl;
	return port->tx_limit - port->tx_segs;
}

static inline void plat_dev_post_rx(struct plat *pl, struct plat_port *port, uint64_t cookie,
				    const struct plat_seg *seg, unsigned n)
{
	pl->ops[PLAT_TEST_POST_RX]++;
	plat_test_require(n > 0 && n <= PLAT_TEST_MAX_SEGS && n <= plat_dev_rx_room(pl, port),
			  "plat_dev_post_rx without room");
	struct plat_test_buf *b = &port->rx[port->rx_posted++ % PLAT_TEST_RING];
	b->cookie = cookie;
	b->n = n;
	b->nheader = 0;
	memcpy(b->seg, seg, n * sizeof(*seg));
	port->rx_segs += n;
}

static inline void plat_dev_post_rx_split(struct plat *pl, struct plat_port *port, uint64_t cookie,
					  const struct plat_seg *seg, unsigned nheader, unsigned n)
{
	plat_test_require(nheader > 0 && nheader <= n, "plat_dev_post_rx_split without a header");
	plat_dev_post_rx(pl, port, cookie, seg, n);
	port->rx[(port->rx_posted - 1) % PLAT_TEST_RING].nheader = nheader;
}

static inline unsigned plat_dev_reap_rx(struct plat *pl, struct plat_port *port, struct plat_rx *rx,
					unsigned max)
{
	pl->ops[PLAT_TEST_REAP_RX]++;
	unsigned n = 0;
	for (; n < max && port->rx_reaped != port->rx_filled; n++) {
		struct plat_test_buf *b = &port->rx[port->rx_reaped++ % PLAT_TEST_RING];
		rx[n] = b->rx;
		port->rx_segs -= b->n;
	}
	return n;
}

static inline void plat_dev_send(struct plat *pl, struct plat_port *port, uint64_t cookie,
				 struct frame *frame, const struct plat_seg *seg, unsigned n)
{
	pl->ops[PLAT_TEST_SEND]++;
	plat_test_require(n > 0 && n <= port->info.max_segs && n <= PLAT_TEST_MAX_SEGS &&
				  n <= plat_dev_tx_room(pl, port),
			  "plat_dev_send without room, or of too many segments");
	struct plat_test_sent *s = &port->tx[port->tx_posted++ % PLAT_TEST_RING];
	s->cookie = cookie;
	s->frame = frame;
	s->n = n;
	s->csum = port->csum;
	port->csum.flags = 0;
	memcpy(s->seg, seg, n * sizeof(*seg));
	port->tx_segs += n;
}

static inline void plat_dev_csum(struct plat *pl, struct plat_port *port, uint16_t start,
				 uint16_t offset)
{
	(void)pl;
	plat_test_require(port->info.caps & PLAT_CAP_TX_CSUM,
			  "plat_dev_csum without the capability");
	port->csum = (struct csum){start, offset, CSUM_NEEDED};
}

static inline unsigned plat_dev_reap_tx(struct plat *pl, struct plat_port *port, uint64_t *cookie,
					unsigned max)
{
	pl->ops[PLAT_TEST_REAP_TX]++;
	unsigned n = 0;
	for (; n < max && port->tx_reaped != port->tx_completed; n++) {
		struct plat_test_sent *s = &port->tx[port->tx_reaped++ % PLAT_TEST_RING];
		cookie[n] = s->cookie;
		port->tx_segs -= s->n;
	}
	return n;
}

static inline void plat_dev_flush_rx(struct plat *pl, struct plat_port *port)
{
	pl->ops[PLAT_TEST_FLUSH_RX]++;
	port->rx_flushed = port->rx_posted;
}

static inline void plat_dev_flush_tx(struct plat *pl, struct plat_port *port)
{
	pl->ops[PLAT_TEST_FLUSH_TX]++;
	plat_test_flush_tx(pl, port);
}

static inline bool plat_dev_rx_irq(struct plat *pl, struct plat_port *port, bool on)
{
	(void)pl;
	port->rx_irq = on;
	return on && port->rx_reaped != port->rx_filled;
}

static inline bool plat_dev_tx_irq(struct plat *pl, struct plat_port *port, bool on)
{
	(void)pl;
	port->tx_irq = on;
	return on && port->tx_reaped != port->tx_completed;
}

#endif
