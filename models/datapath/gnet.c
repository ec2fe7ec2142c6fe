/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gnet.c - a guest's kernel and process: see gnet.h. */
#include "gnet.h"

#include "frame.h"
#include "gnet_split.h"

/* ---- process memory ----------------------------------------------------------------------------
 */

/* Pieces of the process's buffer [gva, gva+len). */
static unsigned user_pieces(struct plat *pl, gva_t gva, uint32_t len, enum plat_access access,
			    struct piece *piece)
{
	unsigned n = 0;

	while (len && n < DPATH_PIECES) {
		uint32_t part = len;
		uint8_t *p = plat_map_user(pl, gva, &part, access);
		if (!p)
			break;
		piece[n++] = (struct piece){p, part};
		gva.a += part;
		len -= part;
	}
	return n;
}

/* The same for a buffer that is not in one piece. */
static __attribute__((noinline)) void look_at_pieces(struct gnet *g, const struct frame *f,
						     struct endpoint *end, gva_t gva, uint32_t len)
{
	struct piece piece[DPATH_PIECES];
	unsigned n = user_pieces(g->rx_pl, gva, len, PLAT_READ, piece);
	uint8_t *to = g->linear;

	for (unsigned i = 0; i < n; to += piece[i].len, i++)
		__builtin_memcpy(to, piece[i].p, piece[i].len);
	endpoint_receive(end, f, g->linear, (uint32_t)(to - g->linear));
}

void gnet_look(struct gnet *g, const struct frame *f, gva_t gva, uint32_t len)
{
	struct endpoint *end = f->local ? &g->local_end : &g->rx_end;
	uint32_t part = len;
	const uint8_t *p = plat_map_user(g->rx_pl, gva, &part, PLAT_READ);

	if (p && part == len)
		endpoint_receive(end, f, p, len);
	else
		look_at_pieces(g, f, end, gva, len);
}

unsigned gnet_user_segs(struct plat *pl, gva_t gva, uint32_t len, struct virtq_seg *seg,
			unsigned first, unsigned max)
{
	unsigned n = first;

	plat_charge(pl, PLAT_W_GUEST_POST, 1);
	while (len && n < max) {
		uint32_t part = len;
		gpa_t gpa;
		if (!plat_translate(pl, gva, &gpa, &part))
			break;
		if (n > first && seg[n - 1].addr.a + seg[n - 1].len == gpa.a)
			seg[n - 1].len += part;
		else
			seg[n++] = (struct virtq_seg){gpa, part};
		gva.a += part;
		len -= part;
	}
	return n;
}

unsigned gnet_kernel_pieces(struct plat *pl, const struct virtq_seg *seg, unsigned nseg,
			    uint32_t skip, uint32_t len, enum plat_access access,
			    struct piece *piece)
{
	unsigned n = 0;

	for (unsigned i = 0; i < nseg && len; i++) {
		uint32_t part = seg[i].len - skip;
		if (part > len)
			part = len;
		piece[n].len = part;
		piece[n].p = plat_map(pl, (gpa_t){seg[i].addr.a + skip}, &piece[n].len, access);
		n++; /* kernel buffers do not cross pages */
		len -= part;
		skip = 0;
	}
	return n;
}

/* ---- receive
 * --------------------------------------------------------------------------------------- */

/* The pieces of a frame in the kernel's buffers, the device's header left out. */
static void sock_pieces(struct gnet *g, const struct gnet_sock *s, struct piece *piece)
{
	uint32_t buf = s->first, left = s->len, skip = g->header;

	for (uint32_t i = 0; i < s->buffers; i++, buf = g->rx_link[buf]) {
		unsigned n = gnet_kernel_pieces(g->rx_pl, &g->rx_seg[buf * g->rx_per], g->rx_per,
						skip, left, PLAT_READ, piece);
		for (; n; n--, piece++)
			left -= piece->len;
		skip = 0;
	}
}

static void give_all(struct gnet *g, uint32_t first, uint32_t buffers)
{
	for (; buffers--; first = g->rx_link[first])
		gnet_rx_give(g, first);
}

/* The kernel looks at the checksum itself. */
static bool verified(struct gnet *g, const struct gnet_sock *s)
{
	struct piece piece[DPATH_PIECES];

	if (g->process)
		user_pieces(g->rx_pl, g->rx_gva[s->first], s->len, PLAT_READ, piece);
	else
		sock_pieces(g, s, piece);
	return gnet_csum_ok(g, s->frame, piece, s->len);
}

static void socket_put(struct gnet *g, struct frame *f, uint32_t first, uint32_t buffers,
		       uint32_t len)
{
	if (g->sock_tail - g->sock_head > g->sock_mask || g->sock_buffers + buffers > g->sock_max) {
		give_all(g, first, buffers);
		plat_drop(g->rx_pl, f, DROP_SOCKET_FULL);
		return;
	}
	g->sock[g->sock_tail++ & g->sock_mask] =
		(struct gnet_sock){.frame = f, .first = first, .buffers = buffers, .len = len};
	g->sock_buffers += buffers;
	dpath_handed_on(&g->rxb, f);
}

void gnet_rx_checked(struct gnet *g, struct frame *f, uint32_t first, uint32_t buffers,
		     uint32_t len)
{
	if (g->verify && !g->rx_checked &&
	    !verified(g, &(struct gnet_sock){f, first, buffers, len})) {
		if (g->process)
			gnet_rx_give(g, first);
		else
			give_all(g, first, buffers);
		plat_drop(g->rx_pl, f, DROP_BAD_CHECKSUM);
		return;
	}
	if (g->process)
		gnet_rx_process(g, f, first, len);
	else
		socket_put(g, f, first, buffers, len);
}

void gnet_rx_burst(struct gnet *g)
{
	g->rxb.frames = 0;
	g->rxb.work = 0;
	g->driver->rx_poll(g);
}

bool gnet_rx_commit(struct gnet *g)
{
	struct dpath_burst *b = &g->rxb;

	for (unsigned i = 0; i < b->frames; i++)
		plat_stamp(g->rx_pl, b->frame[i], STAGE_GUEST_KERNEL);
	g->driver->rx_publish(g);
	if (g->read_asleep && g->sock_head != g->sock_tail) {
		g->read_asleep = false;
		plat_kick(g->rx_pl, g->read_line, 0);
	}
	if (g->poll)
		return b->work > 0;
	return b->work == g->weight || g->driver->rx_sleep(g);
}

void gnet_read_burst(struct gnet *g)
{
	struct dpath_burst *b = &g->readb;
	struct piece from[DPATH_PIECES], to[DPATH_PIECES];
	struct plat *pl = g->rx_pl;

	for (b->work = 0; b->work < g->read_weight && g->sock_head != g->sock_tail; b->work++) {
		struct gnet_sock s = g->sock[g->sock_head++ & g->sock_mask];
		plat_stamp(pl, s.frame, STAGE_PROCESS_WAIT);
		plat_charge(pl, PLAT_W_SYSCALL, 1);
		user_pieces(pl, g->read_gva, s.len, PLAT_WRITE, to);
		sock_pieces(g, &s, from);
		/* All of it is payload to a process of this guest, whatever its sender's split. */
		pieces_copy_payload(pl, s.frame, SITE_GUEST_KERNEL_TO_PROCESS, REASON_POLICY, to,
				    from, s.len);
		plat_stamp(pl, s.frame, STAGE_PROCESS);
		gnet_look(g, s.frame, g->read_gva, s.len);
		g->sock_buffers -= s.buffers;
		give_all(g, s.first, s.buffers);
		plat_process(pl, s.frame);
		plat_deliver(pl, s.frame);
	}
}

bool gnet_read_commit(struct gnet *g)
{
	g->read_asleep = g->sock_head == g->sock_tail;
	return !g->read_asleep;
}

/* ---- transmit
 * ---------------------------------------------------------------------------------------- */

void gnet_tx_begin(struct gnet *g)
{
	if (g->tx_hears)
		g->driver->tx_clean(g);
}

bool gnet_tx_room(struct gnet *g)
{
	if (g->tx_top < g->tx_n / 2 || !g->driver->tx_room(g))
		g->driver->tx_clean(g);
	return g->tx_top && g->driver->tx_room(g);
}

/* What the process does to have something to send; no copy of the datapath's. */
static void make(struct gnet *g, const struct frame *f, gva_t gva)
{
	struct piece piece[DPATH_PIECES];
	unsigned n = user_pieces(g->tx_pl, gva, f->len, PLAT_WRITE, piece);
	const uint8_t *from = f->bytes;

	for (unsigned i = 0; i < n; from += piece[i].len, i++)
		__builtin_memcpy(piece[i].p, from, piece[i].len);
}

/* The first `bytes` of n pieces, which are within the first one, as a piece of their own. */
static unsigned apart(struct virtq_seg *seg, unsigned n, uint32_t bytes)
{
	for (unsigned i = n; i > 1; i--)
		seg[i] = seg[i - 1];
	seg[1] = (struct virtq_seg){{seg[0].addr.a + bytes}, seg[0].len - bytes};
	seg[0].len = bytes;
	return n + 1;
}

unsigned gnet_tx_pieces(struct gnet *g, uint32_t slot, uint32_t len, const struct virtq_seg **out)
{
	const struct virtq_seg *kernel = &g->tx_seg[slot * g->tx_per];
	struct virtq_seg *seg = g->tx_pieces;
	uint32_t left = len + g->header;
	unsigned n = 0;

	*out = seg;
	if (g->split)
		return gnet_split_tx_pieces(g, slot, len, seg);
	if (g->process) {
		if (g->header)
			seg[0] = kernel[0];
		return gnet_user_segs(g->tx_pl, g->tx_gva[slot], len, seg, g->header > 0,
				      DPATH_SEGS);
	}
	for (; left; n++) {
		seg[n] = kernel[n];
		if (seg[n].len > left)
			seg[n].len = left;
		left -= seg[n].len;
	}
	return g->tx_apart && len > g->tx_apart ? apart(seg, n, g->tx_apart + g->header) : n;
}

/* The kernel's part in the checksum, in the buffer that is about to be posted. */
static void put_csum(struct gnet *g, struct frame *f, uint32_t slot)
{
	struct piece piece[DPATH_PIECES];
	uint16_t value;

	if (!gnet_csum_send(g, f, &value))
		return;
	if (g->split && g->split->tx_header[slot])
		gnet_kernel_pieces(g->tx_pl, &g->tx_seg[slot], 1, g->header,
				   g->split->tx_header[slot], PLAT_WRITE, piece);
	else if (g->process)
		user_pieces(g->tx_pl, g->tx_gva[slot], f->len, PLAT_WRITE, piece);
	else
		gnet_kernel_pieces(g->tx_pl, &g->tx_seg[slot * g->tx_per], g->tx_per, g->header,
				   f->len, PLAT_WRITE, piece);
	csum_store(piece, f->csum_at, value);
}

/* The system call: one copy into the slot's kernel buffers. */
static void write_out(struct gnet *g, struct frame *f, const struct virtq_seg *kernel)
{
	struct piece from[DPATH_PIECES], to[DPATH_PIECES];
	struct plat *pl = g->tx_pl;

	plat_charge(pl, PLAT_W_SYSCALL, 1);
	user_pieces(pl, g->write_gva, f->len, PLAT_READ, from);
	gnet_kernel_pieces(pl, kernel, g->tx_per, g->header, f->len, PLAT_WRITE, to);
	pieces_copy(pl, f, SITE_PROCESS_TO_GUEST_KERNEL, REASON_POLICY, to, from, f->len);
	plat_charge(pl, PLAT_W_GUEST_TX, 1);
}

enum gnet_sent gnet_send(struct gnet *g, struct frame *f)
{
	uint32_t slot = g->tx_free[g->tx_top - 1];
	const struct virtq_seg *seg;
	enum gnet_sent sent;
	unsigned n;

	plat_stamp(g->tx_pl, f, STAGE_SEND_WAIT);
	if (g->split)
		gnet_split_make(g, f, slot);
	else
		make(g, f, g->process ? g->tx_gva[slot] : g->write_gva);
	if (!g->process)
		write_out(g, f, &g->tx_seg[slot * g->tx_per]);
	if (__builtin_expect(g->tx_csum != GNET_CSUM_GIVEN, 0))
		put_csum(g, f, slot);
	n = gnet_tx_pieces(g, slot, f->len, &seg);
	sent = g->driver->send(g, seg, n, slot, f);
	if (sent != GNET_SENT)
		return sent;
	g->tx_top--;
	g->tx_last = slot;
	g->tx_out[slot] = true;
	dpath_handed_on(&g->txb, f);
	return GNET_SENT;
}

void gnet_overwrite(struct gnet *g, struct frame *f, uint64_t num)
{
	uint32_t one = 1;
	gva_t gva = g->process ? g->tx_gva[g->tx_last] : g->write_gva;
	uint8_t *p;

	if (!g->process || !g->tx_out[g->tx_last] || !f->led || f->num != num)
		return;
	if (g->split && g->split->tx_header[g->tx_last] == f->len)
		return;
	gva.a += f->len - (g->split ? g->split->tx_header[g->tx_last] : 0u) - 1;
	p = plat_map_user(g->tx_pl, gva, &one, PLAT_WRITE);
	*p ^= 0xff;
	f->overwritten = true;
	f->led->hazards[HAZARD_OVERWRITE_IN_FLIGHT]++;
}

bool gnet_tx_commit(struct gnet *g, bool full)
{
	struct dpath_burst *b = &g->txb;

	for (unsigned i = 0; i < b->frames; i++)
		plat_stamp(g->tx_pl, b->frame[i], STAGE_GUEST);
	b->frames = 0;
	g->driver->tx_publish(g, full);
	return g->driver->tx_sleep(g, full);
}
