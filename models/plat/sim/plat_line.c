/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat_line.c - doorbells and interrupts as events. */
#include "plat.h"

static void line_event(struct event *ev)
{
	struct plat_line *line = (struct plat_line *)((char *)ev - offsetof(struct plat_line, ev));
	line->fire(line);
}

void plat_line_init(struct plat_line *line, struct evq *q, enum plat_work cost,
		    void (*fire)(struct plat_line *), void *ctx)
{
	*line = (struct plat_line){.q = q, .cost = cost, .fire = fire, .ctx = ctx};
	event_init(&line->ev, line_event);
}
