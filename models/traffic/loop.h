/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop.h - a closed loop (source = request): so many requests outstanding, each answered, each
 * answer followed by the next request.
 *
 * How it works. The loop has `window` slots. A slot's request is due at its end (the client), and
 * when it is taken to be sent, `timeout` later again, until it is answered or was sent 1 + retries
 * times. When it arrives, its answer is due at the other end `service` later; when that arrives,
 * the slot's next request is due `think` later. What is due waits in a heap of its end, by time and
 * order of becoming due. Nothing is random but sizes.
 *
 * A round trip is counted from the first sending's intended time to the arrival of the first answer
 * to any of the sendings; an answer that comes later still is ignored. So throughput x (rtt +
 * think) is the window, also where frames are lost (Little's law).
 *
 * The loop knows nothing of time passing: whoever runs it says what arrived when (loop_arrived),
 * and is told whose next frame may have become another one (`news`).
 *
 * With cfg.shared its ends are in several threads, and in processes that are forked after it was
 * made: it is in memory that they share, and each call takes a lock. Listeners are called under
 * that lock, and must not call back. If somebody ends while he holds it, the loop is over for all.
 *
 * Frames: the i-th sending of a request has number 2i in its traffic, its answer 2i + 1; a frame
 * carries which slot and request it is of (frame.exchange). Request j goes between the j-th pair of
 * ends, as frames of other sources do; answers have flows (ports) of their own, behind those of
 * requests.
 */
#ifndef TRAFFIC_LOOP_H
#define TRAFFIC_LOOP_H

#include "../../sim/hist.h"
#include "traffic.h"

struct loop;

struct loop_stats {
	uint64_t
		requests; /* answered; of those first sent at `measure` or later, as are all here */
	uint64_t timeouts; /* sendings that were not answered in time */
	uint64_t failed;   /* requests given up */
	uint64_t open;     /* neither answered nor given up yet */
	struct hist rtt;   /* ps */
};

/* What is to be sent next at an end. */
struct loop_frame {
	uint64_t num;
	uint32_t exchange, len, flow;
	int to;
};

/* The traffic's configuration outlives it. */
struct loop *loop_new(const struct traffic_cfg *cfg);
void loop_free(struct loop *l);

/* Requests first sent before `from` are not counted. */
void loop_measure(struct loop *l, sim_time from);
/* Told when the next frame of an end has become another one, or none; and when loop_expire() is to
 * be called. */
void loop_listen(struct loop *l, void (*news)(void *ctx, int end),
		 void (*expiry)(void *ctx, sim_time at), void *ctx);

/* When the next frame of an end is due; false: none is, for now. */
bool loop_peek(const struct loop *l, int end, sim_time *at);
/* False: it has gone meanwhile, which is only where it is shared. */
bool loop_take(struct loop *l, int end, struct loop_frame *out);

/* A frame of it, sent by `from`, arrived at `to`. */
void loop_arrived(struct loop *l, uint32_t exchange, uint64_t num, int from, int to, sim_time at);
/* Requests that were sent for the last time and not answered are given up. */
void loop_expire(struct loop *l, sim_time now);
/* No request is begun or sent again any more; what is on its way is still answered. */
void loop_close(struct loop *l);
/* This end sends nothing any more. */
void loop_gone(struct loop *l, int end);

/* It begins no more requests, and none that is sent again is open. */
bool loop_over(const struct loop *l);
/* Answers that are due, now or later. */
uint64_t loop_pending(const struct loop *l);
/* Answers so far, of whatever request; and when the last one came, `think` included. */
uint64_t loop_answers(const struct loop *l);
sim_time loop_last(const struct loop *l);
const struct loop_stats *loop_stats(const struct loop *l);

#endif
