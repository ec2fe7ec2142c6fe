/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtq_drv.c - the driver's side of a split virtqueue: set-up, add, get.
 *
 * Free descriptors are a stack linked through link[], last freed first, as in Linux: the hot ones
 * stay in the cache. A chain keeps its links while in flight, so that it goes back in one splice.
 */
#include <string.h>

#include "virtq_drv.h"

static bool wants_tables(const struct virtq_layout *l, unsigned per)
{
	return per > 1 && (l->features & VIRTQ_F_INDIRECT) != 0;
}

static size_t table_pages(const struct virtq_layout *l, gpa_t indirect, unsigned per)
{
	if (!wants_tables(l, per))
		return 0;
	return virtq_part_pages(indirect, (uint32_t)virtq_drv_table_bytes(l->size, per));
}

/* Private memory: state by head, pages of the four parts, links; in this order of size. */
size_t virtq_drv_bytes(const struct virtq_layout *l, gpa_t indirect, unsigned per)
{
	size_t pages = virtq_part_pages(l->desc, virtq_desc_bytes(l->size)) +
		       virtq_part_pages(l->avail, virtq_avail_bytes(l->size)) +
		       virtq_part_pages(l->used, virtq_used_bytes(l->size)) +
		       table_pages(l, indirect, per);
	size_t all = l->size * sizeof(struct virtq_drv_state) + pages * sizeof(uintptr_t) +
		     l->size * sizeof(uint16_t);
	return (all + 7) & ~(size_t)7;
}

static bool map_parts(struct virtq_drv *vq, struct plat *pl, const struct virtq_layout *l,
		      gpa_t indirect, uintptr_t *page)
{
	if (!virtq_part_map(&vq->desc, pl, l->desc, virtq_desc_bytes(l->size), PLAT_WRITE, page))
		return false;
	page += virtq_part_pages(l->desc, virtq_desc_bytes(l->size));
	if (!virtq_part_map(&vq->avail, pl, l->avail, virtq_avail_bytes(l->size), PLAT_WRITE, page))
		return false;
	page += virtq_part_pages(l->avail, virtq_avail_bytes(l->size));
	if (!virtq_part_map(&vq->used, pl, l->used, virtq_used_bytes(l->size), PLAT_WRITE, page))
		return false;
	page += virtq_part_pages(l->used, virtq_used_bytes(l->size));
	if (vq->per == 0)
		return true;
	uint32_t bytes = (uint32_t)virtq_drv_table_bytes(l->size, vq->per);
	return indirect.a % VIRTQ_DESC_ALIGN == 0 &&
	       virtq_part_map(&vq->tables, pl, indirect, bytes, PLAT_WRITE, page);
}

bool virtq_drv_init(struct virtq_drv *vq, struct plat *pl, const struct virtq_layout *l,
		    gpa_t indirect, unsigned per, void *mem)
{
	if (!virtq_layout_valid(l) || per > VIRTQ_DRV_MAX_PER)
		return false;
	*vq = (struct virtq_drv){
		.size = l->size,
		.mask = l->size - 1,
		.room = l->size,
		.per = wants_tables(l, per) ? per : 0,
		.indirect = indirect,
		.event_idx = (l->features & VIRTQ_F_EVENT_IDX) != 0,
		.tags = l->tags,
		.state = (struct virtq_drv_state *)mem,
	};
	uintptr_t *page = (uintptr_t *)(vq->state + l->size);
	size_t end = virtq_drv_bytes(l, indirect, per);
	vq->link = (uint16_t *)((char *)mem + end) - ((l->size + 3) & ~3u);
	if (!map_parts(vq, pl, l, indirect, page))
		return false;
	memset(vq->state, 0, l->size * sizeof(*vq->state));
	for (uint32_t i = 0; i < l->size; i++)
		vq->link[i] = (uint16_t)(i + 1);
	for (uint32_t pos = 0; pos < 4; pos += 2) {
		plat_publish_idx(virtq_word(&vq->avail, pos), 0);
		plat_publish_idx(virtq_word(&vq->used, pos), 0);
	}
	plat_publish_idx(virtq_word(&vq->avail, virtq_used_event_pos(l->size)), 0);
	plat_publish_idx(virtq_word(&vq->used, virtq_avail_event_pos(l->size)), 0);
	return true;
}

void virtq_drv_fail(struct virtq_drv *vq, enum virtq_err err)
{
	vq->errors[err]++;
	if (!vq->stopped)
		vq->err = (uint8_t)err;
	vq->stopped = true;
}

/* Piece i of n: flags as they go in, `next` to be filled in by the caller. */
static struct virtq_desc piece(const struct virtq_seg *seg, unsigned nout, unsigned i, unsigned n)
{
	uint32_t flags = (i >= nout ? VIRTQ_DESC_F_WRITE : 0) | (i + 1 < n ? VIRTQ_DESC_F_NEXT : 0);
	return (struct virtq_desc){seg[i].addr.a, seg[i].len, (uint16_t)flags, 0};
}

/* One descriptor of the table, naming the head's indirect table. */
static void write_indirect(struct virtq_drv *vq, uint16_t head, const struct virtq_seg *seg,
			   unsigned nout, unsigned n)
{
	uint32_t table = 16 * vq->per * head;
	for (unsigned i = 0; i < n; i++) {
		struct virtq_desc d = piece(seg, nout, i, n);
		d.next = i + 1 < n ? (uint16_t)(i + 1) : 0;
		virtq_desc_store(virtq_at(&vq->tables, table + 16 * i), d);
	}
	virtq_desc_store(
		virtq_at(&vq->desc, 16u * head),
		(struct virtq_desc){vq->indirect.a + table, 16 * n, VIRTQ_DESC_F_INDIRECT, 0});
}

/* n descriptors from the free list on; returns the last one. */
static uint16_t write_direct(struct virtq_drv *vq, uint16_t head, const struct virtq_seg *seg,
			     unsigned nout, unsigned n)
{
	uint16_t at = head;
	for (unsigned i = 0;; i++) {
		struct virtq_desc d = piece(seg, nout, i, n);
		d.next = i + 1 < n ? vq->link[at] : 0;
		virtq_desc_store(virtq_at(&vq->desc, 16u * at), d);
		if (i + 1 == n)
			return at;
		at = vq->link[at];
	}
}

bool virtq_drv_add(struct virtq_drv *vq, struct plat *pl, const struct virtq_seg *seg,
		   unsigned nout, unsigned nin, uint64_t cookie, struct frame *tag)
{
	unsigned n = nout + nin, cost = virtq_drv_cost(vq, n);
	if (vq->stopped || n == 0 || cost > vq->room) {
		vq->full += !vq->stopped;
		return false;
	}
	uint16_t head = vq->free_top, last = head;
	if (cost < n)
		write_indirect(vq, head, seg, nout, n);
	else
		last = write_direct(vq, head, seg, nout, n);
	vq->free_top = vq->link[last];
	vq->room -= cost;
	uint32_t in_bytes = 0;
	for (unsigned i = nout; i < n; i++)
		in_bytes += seg[i].len;
	vq->state[head] = (struct virtq_drv_state){cookie, in_bytes, last, (uint16_t)cost};
	if (vq->tags)
		vq->tags[head] = tag;
	__atomic_store_n(virtq_word(&vq->avail, virtq_avail_pos(vq->next_avail & vq->mask)), head,
			 __ATOMIC_RELAXED);
	vq->next_avail++;
	vq->chains++;
	vq->adds++;
	plat_charge(pl, PLAT_W_DRV_ADD, 1);
	return true;
}

bool virtq_drv_get(struct virtq_drv *vq, struct plat *pl, uint64_t *cookie, uint32_t *len,
		   struct frame **frame)
{
	if (vq->stopped || vq->shadow_used == vq->last_used)
		return false;
	uint32_t pos = virtq_used_pos(vq->last_used & vq->mask);
	uint32_t id = __atomic_load_n((uint32_t *)virtq_at(&vq->used, pos), __ATOMIC_RELAXED);
	uint32_t got = __atomic_load_n((uint32_t *)virtq_at(&vq->used, pos + 4), __ATOMIC_RELAXED);
	enum virtq_err err = VIRTQ_ERR_NONE;
	if (id >= vq->size)
		err = VIRTQ_ERR_USED_ID;
	else if (vq->state[id].n == 0)
		err = VIRTQ_ERR_USED_NOT_IN_FLIGHT;
	else if (got > vq->state[id].in_bytes)
		err = VIRTQ_ERR_USED_LEN;
	if (err) {
		virtq_drv_fail(vq, err);
		return false;
	}
	struct virtq_drv_state *s = &vq->state[id];
	if (cookie)
		*cookie = s->cookie;
	if (len)
		*len = got;
	if (frame)
		*frame = vq->tags ? vq->tags[id] : NULL;
	if (vq->tags)
		vq->tags[id] = NULL;
	vq->link[s->last] = vq->free_top;
	vq->free_top = (uint16_t)id;
	vq->room += s->n;
	s->n = 0;
	vq->last_used++;
	vq->chains--;
	vq->gets++;
	plat_charge(pl, PLAT_W_DRV_GET, 1);
	return true;
}
