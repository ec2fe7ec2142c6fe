/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtq_dev.c - the device's side of a split virtqueue: set-up, offences, indirect tables, unpop.
 *
 * Indirect tables are where the driver has the most rope: any address, any alignment, any length.
 * A table is read through windows of plat_map(), a descriptor that crosses a page is put together
 * from two, and each is fetched once.
 */
#include <string.h>

#include "virtq_dev.h"

/* Private memory: in-flight bits, pages of the three parts, popped heads; in this order of size. */
static size_t bits_bytes(uint32_t size)
{
	return (size_t)(size + 63) / 64 * sizeof(uint64_t);
}

size_t virtq_dev_bytes(const struct virtq_layout *l)
{
	size_t pages = virtq_part_pages(l->desc, virtq_desc_bytes(l->size)) +
		       virtq_part_pages(l->avail, virtq_avail_bytes(l->size)) +
		       virtq_part_pages(l->used, virtq_used_bytes(l->size));
	size_t all = bits_bytes(l->size) + pages * sizeof(uintptr_t) + l->size * sizeof(uint16_t);
	return (all + 7) & ~(size_t)7;
}

bool virtq_dev_init(struct virtq_dev *vq, struct plat *pl, const struct virtq_layout *l, void *mem)
{
	if (!virtq_layout_valid(l))
		return false;
	*vq = (struct virtq_dev){
		.size = l->size,
		.mask = l->size - 1,
		.tags = l->tags,
		.features = l->features,
		.event_idx = (l->features & VIRTQ_F_EVENT_IDX) != 0,
	};
	vq->in_flight = (uint64_t *)mem;
	memset(vq->in_flight, 0, bits_bytes(l->size));
	uintptr_t *desc = (uintptr_t *)((char *)mem + bits_bytes(l->size));
	uintptr_t *avail = desc + virtq_part_pages(l->desc, virtq_desc_bytes(l->size));
	uintptr_t *used = avail + virtq_part_pages(l->avail, virtq_avail_bytes(l->size));
	vq->popped = (uint16_t *)(used + virtq_part_pages(l->used, virtq_used_bytes(l->size)));
	return virtq_part_map(&vq->desc, pl, l->desc, virtq_desc_bytes(l->size), PLAT_READ, desc) &&
	       virtq_part_map(&vq->avail, pl, l->avail, virtq_avail_bytes(l->size), PLAT_READ,
			      avail) &&
	       virtq_part_map(&vq->used, pl, l->used, virtq_used_bytes(l->size), PLAT_WRITE, used);
}

void virtq_dev_fail(struct virtq_dev *vq, enum virtq_err err)
{
	vq->errors[err]++;
	if (!vq->stopped)
		vq->err = (uint8_t)err;
	vq->stopped = true;
}

void virtq_dev_unpop(struct virtq_dev *vq, unsigned n)
{
	vq->unpops += n;
	while (n-- > 0) {
		uint16_t head = vq->popped[--vq->last_avail & vq->mask];
		vq->in_flight[head >> 6] &= ~(1ull << (head & 63));
	}
}

/* A run of the table that is mapped: bytes [from, to) of it at `at`. */
struct window {
	const char *at;
	uint32_t from, to;
};

/* Descriptors in guest memory need not be aligned here; this copy is not repeated by a compiler. */
static void fetch(void *dst, const char *src, uint32_t len)
{
	memcpy(dst, src, len);
	__asm__ volatile("" ::: "memory");
}

static bool window_map(struct plat *pl, struct window *w, gpa_t table, uint32_t bytes, uint32_t pos)
{
	uint32_t len = bytes - pos;
	w->at = plat_map(pl, (gpa_t){table.a + pos}, &len, PLAT_READ);
	w->from = pos;
	w->to = pos + len;
	return w->at != NULL && len > 0;
}

/* The descriptor at byte `pos` of the table. */
static bool table_desc(struct plat *pl, struct window *w, gpa_t table, uint32_t bytes, uint32_t pos,
		       struct virtq_desc *d)
{
	if ((pos < w->from || pos >= w->to) && !window_map(pl, w, table, bytes, pos))
		return false;
	const char *at = w->at + (pos - w->from);
	if (w->to - pos >= sizeof(*d) && ((uintptr_t)at & 7) == 0) {
		*d = virtq_desc_load(at);
		return true;
	}
	for (uint32_t got = 0; got < sizeof(*d);) {
		if (pos + got >= w->to && !window_map(pl, w, table, bytes, pos + got))
			return false;
		uint32_t len = w->to - (pos + got);
		if (len > sizeof(*d) - got)
			len = (uint32_t)sizeof(*d) - got;
		fetch((char *)d + got, w->at + (pos + got - w->from), len);
		got += len;
	}
	return true;
}

/* What is wrong with a descriptor that names a table. The WRITE flag is ignored: 2.7.5.3.2. */
static enum virtq_err judge_indirect(const struct virtq_dev *vq, struct virtq_desc d)
{
	if (!(vq->features & VIRTQ_F_INDIRECT))
		return VIRTQ_ERR_INDIRECT_OFF;
	if (d.flags & VIRTQ_DESC_F_NEXT)
		return VIRTQ_ERR_INDIRECT_NEXT;
	if (d.len == 0 || d.len % sizeof(struct virtq_desc) != 0)
		return VIRTQ_ERR_INDIRECT_LEN;
	if (d.len / sizeof(struct virtq_desc) > vq->size)
		return VIRTQ_ERR_INDIRECT_LONG;
	if (d.addr + (d.len - 1) < d.addr)
		return VIRTQ_ERR_INDIRECT_RANGE;
	return VIRTQ_ERR_NONE;
}

static bool walk_table(struct virtq_dev *vq, struct plat *pl, struct virtq_chain *c,
		       unsigned max_seg, struct virtq_desc t)
{
	struct window w = {NULL, 0, 0};
	uint32_t entries = t.len / (uint32_t)sizeof(struct virtq_desc), at = 0;
	for (;;) {
		struct virtq_desc d;
		enum virtq_err err = VIRTQ_ERR_NONE;
		if (!table_desc(pl, &w, (gpa_t){t.addr}, t.len, 16 * at, &d))
			err = VIRTQ_ERR_INDIRECT_RANGE;
		else if (d.flags & VIRTQ_DESC_F_INDIRECT)
			err = VIRTQ_ERR_INDIRECT_NESTED;
		else if ((uint32_t)c->nout + c->nin == vq->size)
			err = VIRTQ_ERR_LOOP;
		if (err) {
			virtq_dev_fail(vq, err);
			return false;
		}
		if (!virtq_dev_take(vq, c, max_seg, d))
			return false;
		if (!(d.flags & VIRTQ_DESC_F_NEXT))
			return true;
		at = d.next;
		if (at >= entries) {
			virtq_dev_fail(vq, VIRTQ_ERR_NEXT_RANGE);
			return false;
		}
	}
}

bool virtq_dev_take_indirect(struct virtq_dev *vq, struct plat *pl, struct virtq_chain *c,
			     unsigned max_seg, struct virtq_desc d)
{
	enum virtq_err err = judge_indirect(vq, d);
	if (err) {
		virtq_dev_fail(vq, err);
		return false;
	}
	return walk_table(vq, pl, c, max_seg, d);
}
