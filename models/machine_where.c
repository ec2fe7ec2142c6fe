/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_where.c - where a frame's bytes are: see machine_watch.h.
 *
 * How it works. While somebody captures, each frame under way has a record of the memory that a
 * device wrote it to, and of the host's memory that a CPU copied it to last; what a guest sends is
 * found by its chain, or in the ring of its virtual function. Nothing is kept of the bytes: they
 * are read when they are asked for, so that what is shown is what is there.
 *
 * Memory that has changed hands since is read as it is: machine memory never goes away in a run.
 */
#include "machine_watch_impl.h"

void watch_place_free(struct watch_place *at)
{
	if (!at)
		return;
	g_array_unref(at->device);
	g_array_unref(at->host);
	g_free(at);
}

static struct watch_place *place(struct seen *s)
{
	if (s->at)
		return s->at;
	s->at = g_new0(struct watch_place, 1);
	s->at->device = g_array_new(FALSE, FALSE, sizeof(struct watch_piece));
	s->at->host = g_array_new(FALSE, FALSE, sizeof(struct watch_piece));
	return s->at;
}

/* A device may write its pieces in any order: a header and the end of the payload may share one. */
static gint by_source(gconstpointer a, gconstpointer b)
{
	const struct watch_piece *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

void watch_written(struct watch *w, struct seen *s, const uint8_t *p, const uint8_t *from,
		   uint32_t len)
{
	struct watch_place *at = place(s);
	struct watch_piece piece = {p, from, len};

	if (at->written != evq_now(&w->m->q)) /* once more, into another buffer */
		g_array_set_size(at->device, 0);
	at->written = evq_now(&w->m->q);
	g_array_append_val(at->device, piece);
	g_array_sort(at->device, by_source);
}

void watch_copied(struct watch *w, struct seen *s, const struct watched_copy *c)
{
	const struct mem *mem = w->m->mem;
	hpa_t hpa = {(uint64_t)((const uint8_t *)c->to - mem->base)};
	struct watch_piece piece = {c->to, NULL, c->len};

	if (mem_frame(mem, hpa)->owner != MEM_HYP)
		return;
	if (place(s)->site != c->site)
		g_array_set_size(s->at->host, 0);
	s->at->site = c->site;
	g_array_append_val(s->at->host, piece);
}

static const GByteArray *gathered(struct watch *w, const GArray *pieces)
{
	g_byte_array_set_size(w->bytes_now, 0);
	for (guint i = 0; i < pieces->len; i++) {
		const struct watch_piece *p = &g_array_index(pieces, struct watch_piece, i);
		g_byte_array_append(w->bytes_now, p->p, p->len);
	}
	return w->bytes_now;
}

/* ---- what a guest sends ---- */

/* [gpa, gpa+len) without its first *skip bytes. False: it is not in memory. */
static bool add_guest(struct watch *w, struct guest *g, uint64_t gpa, uint32_t len, uint32_t *skip)
{
	uint32_t past = MIN(*skip, len);

	*skip -= past;
	gpa += past;
	for (len -= past; len;) {
		uint64_t part = len;
		hpa_t hpa;

		if (gmem_translate(g->gm, (gpa_t){gpa}, &part, GMEM_READ, &hpa) != GMEM_OK)
			return false;
		g_byte_array_append(w->bytes_now, mem_ptr(w->m->mem, hpa), (guint)part);
		gpa += part;
		len -= (uint32_t)part;
	}
	return true;
}

/* Descriptors from `at` on; what a driver has written, and no more of it than there can be. */
static bool add_chain(struct watch *w, struct guest *g, const struct virtq_part *table,
		      uint32_t base, uint16_t at, uint32_t *skip)
{
	const struct virtq_drv *q = &g->vio.txq;

	for (unsigned i = 0; i < q->size; i++) {
		struct virtq_desc d = virtq_desc_load(virtq_at(table, base + 16u * at));

		if (!add_guest(w, g, d.addr, d.len, skip))
			return false;
		if (!(d.flags & VIRTQ_DESC_F_NEXT))
			return true;
		at = d.next;
		if (at >= (table == &q->tables ? q->per : q->size))
			return false;
	}
	return false;
}

/* The head in a slot of the available ring. */
static uint16_t offered(const struct virtq_drv *q, uint16_t slot)
{
	return *virtq_word(&q->avail, virtq_avail_pos(slot & q->mask));
}

static bool in_chain(struct watch *w, struct guest *g, const struct frame *f)
{
	const struct virtq_drv *q = &g->vio.txq;
	uint32_t skip = VIRTQ_NET_HDR_BYTES;

	/* The last first: a chain that is not back yet may name a frame that is no more. */
	for (uint16_t i = 1; i <= q->size; i++) {
		struct virtq_desc d;
		uint16_t head = offered(q, (uint16_t)(q->next_avail - i));

		if (head >= q->size || q->tags[head] != f || !q->state[head].n)
			continue;
		d = virtq_desc_load(virtq_at(&q->desc, 16u * head));
		if (d.flags & VIRTQ_DESC_F_INDIRECT)
			return add_chain(w, g, &q->tables, 16u * q->per * head, 0, &skip);
		return add_chain(w, g, &q->desc, 0, head, &skip);
	}
	return false;
}

static bool in_slot(struct watch *w, struct guest *g, uint32_t slot, uint32_t len)
{
	const struct gnet *net = &g->net;
	gva_t gva = net->process ? net->tx_gva[slot] : (gva_t){0};
	uint32_t skip = 0;

	for (uint32_t i = 0; len && !net->process; i++) {
		const struct virtq_seg *seg = &net->tx_seg[slot * net->tx_per + i];
		uint32_t part = MIN(len, seg->len);

		if (!add_guest(w, g, seg->addr.a, part, &skip))
			return false;
		len -= part;
	}
	while (len) {
		uint64_t part = len;
		gpa_t gpa;

		if (gproc_translate(g->proc, gva, &part, GMEM_READ, &gpa) != GMEM_OK ||
		    !add_guest(w, g, gpa.a, (uint32_t)part, &skip))
			return false;
		gva.a += part;
		len -= (uint32_t)part;
	}
	return true;
}

/* Of a virtual function: its driver's ring. */
static bool in_ring(struct watch *w, struct guest *g, const struct frame *f)
{
	const struct nicdrv_half *h = &g->port.drv.tx;

	for (uint32_t at = h->reaped; at != h->tail;) {
		const struct nicdrv_slot *s = &h->slot[at & (h->ring.size - 1)];

		if (*nic_ring_tag(&h->ring, at) == f)
			return in_slot(w, g, (uint32_t)s->cookie, f->len);
		at += s->ndesc;
	}
	return false;
}

/* Who has sent it; NULL: no guest. */
static struct guest *sender_of(const struct watch *w, const struct frame *f)
{
	const struct source *src = f->source;

	for (unsigned i = 0; src && i < w->m->guests; i++)
		if (src->owner == &w->m->guest[i])
			return &w->m->guest[i];
	return NULL;
}

const GByteArray *watch_at_sender(struct watch *w, const struct seen *s)
{
	struct guest *g = sender_of(w, s->f);
	bool there;

	if (!g || !g->gm) /* nobody, or one that is no more */
		return NULL;
	g_byte_array_set_size(w->bytes_now, 0);
	there = g->vf ? in_ring(w, g, s->f) : in_chain(w, g, s->f);
	return there ? w->bytes_now : NULL;
}

/* ---- what the host has ---- */

/* The host had no room, and has put it back: it is the first that the guest offers again. */
static bool put_back(const struct guest *g, const struct frame *f)
{
	const struct virtq_drv *q = &g->vio.txq;
	uint16_t head;

	if (g->vf || !g->dp.txb.blocked)
		return false;
	head = offered(q, g->dp.txq.last_avail);
	return head < q->size && q->tags[head] == f;
}

const GByteArray *watch_at_host(struct watch *w, const struct seen *s)
{
	const struct guest *g = sender_of(w, s->f);

	if (s->at && s->at->device->len)
		return gathered(w, s->at->device);
	if (g && put_back(g, s->f))
		return NULL;
	if (s->at && s->at->host->len)
		return gathered(w, s->at->host);
	return watch_at_sender(w, s);
}
