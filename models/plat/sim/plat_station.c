/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat_station.c - a process's work and who waits for it: see plat_station.h. */
#include "plat_station.h"

void station_books_init(struct station_books *b)
{
	*b = (struct station_books){0};
	hist_init(&b->wait);
	hist_init(&b->sojourn);
}

void station_books_fini(struct station_books *b)
{
	hist_fini(&b->wait);
	hist_fini(&b->sojourn);
}

void station_books_add(struct station_books *to, const struct station_books *from)
{
	hist_merge(&to->wait, &from->wait);
	hist_merge(&to->sojourn, &from->sojourn);
	to->work += from->work;
	to->in += from->in;
	to->out += from->out;
	to->in_sum += from->in_sum;
	to->out_sum += from->out_sum;
}

void station_init(struct station *s, const struct work_law *law, uint64_t seed, const char *name,
		  const struct ledger *unmeasured)
{
	*s = (struct station){.law = *law, .unmeasured = unmeasured};
	station_books_init(&s->books);
	rng_init(&s->rng, seed, name);
}

void station_fini(struct station *s)
{
	station_books_fini(&s->books);
}

void station_arrive(struct station *s, struct frame *const *frame, unsigned n, sim_time now)
{
	for (unsigned i = 0; i < n; i++) {
		if (frame[i]->led == s->unmeasured)
			continue;
		s->books.in++;
		s->books.in_sum += now;
	}
}

void station_lost(struct station *s, const struct frame *f, sim_time now)
{
	if (f->led == s->unmeasured)
		return;
	s->books.out++;
	s->books.out_sum += now;
}

void station_close(struct station *s, sim_time now)
{
	s->books.out_sum += (unsigned __int128)(s->books.in - s->books.out) * now;
	s->books.out = s->books.in;
}

static sim_time draw(struct station *s)
{
	switch (s->law.kind) {
	case WORK_EXPONENTIAL:
		return rng_exp(&s->rng, s->law.lo);
	case WORK_UNIFORM:
		return rng_uniform(&s->rng, s->law.lo, s->law.hi);
	case WORK_CONSTANT:
		break;
	}
	return s->law.lo;
}

sim_time station_work(struct station *s, const struct frame *f, sim_time *clock)
{
	struct station_books *b = &s->books;
	sim_time work = draw(s), wait = *clock - f->last;

	*clock += work;
	if (f->led == s->unmeasured)
		return work;
	/* Its latency's part since it was handed over, and what came between reading and now. */
	wait += f->stage_ps[STAGE_GUEST_WAIT] + f->stage_ps[STAGE_GUEST_KERNEL] +
		f->stage_ps[STAGE_PROCESS_WAIT] + f->stage_ps[STAGE_PROCESS];
	hist_add(&b->wait, wait);
	hist_add(&b->sojourn, wait + work);
	b->work += work;
	b->out++;
	b->out_sum += *clock;
	return work;
}

unsigned __int128 station_area(const struct station_books *b, sim_time now)
{
	return b->out_sum + (unsigned __int128)(b->in - b->out) * now - b->in_sum;
}
