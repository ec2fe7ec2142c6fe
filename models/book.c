/* SPDX-License-Identifier: GPL-2.0-or-later */
/* book.c - times of frames: see book.h. */
#include "book.h"

void book_init(struct book *b)
{
	*b = (struct book){.first_done = SIM_NEVER};
	hist_init(&b->latency);
}

void book_fini(struct book *b)
{
	hist_fini(&b->latency);
}

void stages_init(struct stages *s)
{
	for (unsigned i = 0; i < STAGE_N; i++)
		hist_init(&s->stage[i]);
}

void stages_end(struct stages *s, uint64_t frames)
{
	for (unsigned i = 0; i < STAGE_N; i++)
		hist_marks_end(&s->stage[i], frames);
}

void stages_fini(struct stages *s)
{
	for (unsigned i = 0; i < STAGE_N; i++)
		hist_fini(&s->stage[i]);
}

/* Most frames pass half of the stages. */
static inline void stages_add(struct stages *s, const struct frame *f)
{
	for (unsigned i = 0; i < STAGE_N; i++)
		if (f->stage_ps[i])
			hist_mark(&s->stage[i], f->stage_ps[i]);
}

bool book_times(struct book *b, const struct frame *f)
{
	sim_time latency = f->last - f->first, sum = 0, longest = 0;

	for (unsigned s = 0; s < STAGE_N; s++) {
		sum += f->stage_ps[s];
		longest |= f->stage_ps[s];
		b->stage_sum[s] += f->stage_ps[s];
	}
	hist_add(&b->latency, latency);
	if (b->stages)
		stages_add(b->stages, f);
	if (b->first_done == SIM_NEVER)
		b->first_done = f->last;
	b->last_done = f->last;
	/* A stamp before its predecessor makes a stage that is all ones at the top. */
	return sum == latency && !(longest >> 63);
}
