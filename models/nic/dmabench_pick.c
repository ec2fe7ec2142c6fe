/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmabench_pick.c - where the next operation of a bench is.
 *
 * Zipf's law without a floating-point number, so that it is the same everywhere: a rank's weight
 * k^-a is e^-y with y = a ln k, in 58 binary digits; y is brought below ln 2 by shifts, and the
 * series of e^-y ends when its terms are 0.
 */
#include "dmabench.h"

#define ONE_BITS   44 /* of a weight; 2^18 of them stay below 2^62 */
#define PICK_GRAIN 64u

static uint64_t weight(uint64_t k, uint32_t milli)
{
	const uint64_t ln2 = rng_neg_ln((uint64_t)1 << 63);
	unsigned __int128 y = rng_neg_ln(1) - rng_neg_ln(k), term, sum;
	uint64_t halvings;

	y = y * milli / 1000;
	halvings = (uint64_t)(y / ln2);
	y %= ln2;
	if (halvings >= ONE_BITS)
		return 1;
	term = sum = (unsigned __int128)1 << RNG_LN_BITS;
	for (unsigned i = 1; term; i++) {
		term = (term * y >> RNG_LN_BITS) / i;
		sum = i & 1 ? sum - term : sum + term;
	}
	return (uint64_t)(sum >> (RNG_LN_BITS - ONE_BITS)) >> halvings;
}

void dmabench_zipf_sums(uint64_t *sum, uint64_t n, uint32_t milli)
{
	uint64_t all = 0;

	for (uint64_t k = 0; k < n; k++)
		sum[k] = all += weight(k + 1, milli);
}

void dmabench_picker_init(struct dmabench_picker *p, const struct dmabench_config *c,
			  const char *name)
{
	g_autofree char *stream = g_strconcat("dma.", name, NULL);
	uint32_t unit = (c->size + PICK_GRAIN - 1) / PICK_GRAIN * PICK_GRAIN;

	*p = (struct dmabench_picker){.pattern = c->pattern,
				      .unit = unit,
				      .units = c->window / unit,
				      .pages = (c->window + c->page_bytes - 1) / c->page_bytes,
				      .page_bytes = c->page_bytes};
	rng_init(&p->rng, c->seed, stream);
	if (c->pattern != DMABENCH_ZIPF)
		return;
	p->sum = g_new(uint64_t, p->pages);
	p->page = g_new(uint32_t, p->pages);
	dmabench_zipf_sums(p->sum, p->pages, c->zipf_milli);
	for (uint32_t i = 0; i < p->pages; i++)
		p->page[i] = i;
	rng_shuffle(&p->rng, p->page, p->pages, sizeof(*p->page));
}

void dmabench_picker_fini(struct dmabench_picker *p)
{
	g_free(p->sum);
	g_free(p->page);
}

static uint64_t zipf_rank(struct dmabench_picker *p)
{
	uint64_t at = rng_below(&p->rng, p->sum[p->pages - 1]), lo = 0, hi = p->pages - 1;

	while (lo < hi) {
		uint64_t mid = (lo + hi) / 2;

		if (at < p->sum[mid])
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

uint64_t dmabench_pick(struct dmabench_picker *p)
{
	uint64_t i;

	switch (p->pattern) {
	case DMABENCH_RANDOM:
		return rng_below(&p->rng, p->units) * p->unit;
	case DMABENCH_ZIPF:
		return p->page[zipf_rank(p)] * p->page_bytes;
	default:
		break;
	}
	i = p->next++;
	if (p->next == (p->pattern == DMABENCH_CYCLIC ? p->pages : p->units))
		p->next = 0;
	return i * (p->pattern == DMABENCH_CYCLIC ? p->page_bytes : p->unit);
}
