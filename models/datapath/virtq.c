/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtq.c - what both sides of a split virtqueue do once: judge the layout, map the parts.
 *
 * Rings are mapped for as long as the queue lives; a host that moves or takes away such a page has
 * to stop the queue first (they are pinned in every world there is).
 */
#include "virtq.h"

const char *const virtq_err_names[VIRTQ_ERR_N + 1] = {
#define X(id, name) #name,
	VIRTQ_ERRS(X)
#undef X
		NULL,
};

static bool part_valid(gpa_t gpa, uint32_t bytes, uint32_t align)
{
	return gpa.a % align == 0 && gpa.a + bytes > gpa.a;
}

bool virtq_layout_valid(const struct virtq_layout *l)
{
	if (l->size == 0 || l->size > VIRTQ_MAX_SIZE || (l->size & (l->size - 1)) != 0)
		return false;
	return part_valid(l->desc, virtq_desc_bytes(l->size), VIRTQ_DESC_ALIGN) &&
	       part_valid(l->avail, virtq_avail_bytes(l->size), VIRTQ_AVAIL_ALIGN) &&
	       part_valid(l->used, virtq_used_bytes(l->size), VIRTQ_USED_ALIGN);
}

bool virtq_part_map(struct virtq_part *part, struct plat *pl, gpa_t gpa, uint32_t bytes,
		    enum plat_access access, uintptr_t *page)
{
	part->page = page;
	part->first = (uint32_t)(gpa.a & (PAGE_BYTES - 1));
	for (uint32_t pos = 0; pos < bytes;) {
		uint64_t at = gpa.a + pos;
		uint32_t want = page_rest(at) < bytes - pos ? page_rest(at) : bytes - pos;
		uint32_t len = want;
		void *p = plat_map(pl, (gpa_t){at}, &len, access);
		if (p == NULL || len != want)
			return false;
		uint32_t off = part->first + pos;
		page[off >> PAGE_SHIFT] = (uintptr_t)p - off;
		pos += want;
	}
	return true;
}
