/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calib_keys.c - how the simulator's keys follow from what was measured: see calibrate.h.
 *
 * What the datapath takes for a frame on a TAP device is a sum that the simulator's model makes,
 * too: a read or write with its bytes and buffers, the work at the virtqueue, copies with theirs.
 * From the times of all policies, lengths and directions the terms are found together, by least
 * squares of the relative errors (calib_fit.h). Work at virtqueues is measured apart, and taken as
 * known. What no term names (stamps, books, the policy's own code) is so in `read` and `write`.
 */
#include <glib.h>
#include <math.h>

#include "calib_fit.h"
#include "calib_path.h"
#include "virtq.h"

enum term { READ, READ_BYTE, WRITE, WRITE_BYTE, COPY, COPY_BYTE, STACK, TERMS };

static const double lens[] = {PATH_LENS};

/* ---- the sums ---- */

static double vq_desc(const struct calib *c)
{
	return (calib_ns(c, "ring pop 8") - calib_ns(c, "ring pop 2")) / 6;
}

static double segment(const struct calib *c, bool in)
{
	double whole = calib_ns(c, in ? "tap in: zero-copy 1514 B" : "tap out: zero-copy 1514 B");
	double cut = calib_ns(c, in ? "tap in: zero-copy, cut 1514 B"
				    : "tap out: zero-copy, cut 1514 B");

	return fmax(0, (cut - whole) / (PATH_CUT - 1) - vq_desc(c));
}

static double read_segment(const struct calib *c)
{
	return segment(c, true);
}

static double write_segment(const struct calib *c)
{
	return segment(c, false);
}

/* Calls of a copy between a hypervisor's buffer and the guest's, the header in front of that. */
static double calls(double len, double piece)
{
	return 1 + floor((len - 1) / piece) + floor((len + 11) / PATH_KBUF);
}

/* Work at the virtqueue for a chain of n descriptors. */
static double queue(const struct calib *c, double n)
{
	return calib_ns(c, "ring pop 1") + calib_ns(c, "ring push 1") + (n - 1) * vq_desc(c);
}

/* Pieces of the buffers in which a frame is received and sent, by policy. */
static double pieces(bool in, bool zero_copy, double len)
{
	double most = len > 1514 ? 9018 : 1518, piece = path_hbuf_piece((uint32_t)most);

	if (zero_copy)
		return ceil(((in ? most : len) + VIRTQ_NET_HDR_BYTES) / PATH_KBUF);
	return ceil((in ? most : len) / piece);
}

static void add_row(const struct calib *c, struct calib_fit *f, bool in, const char *policy,
		    unsigned copies, double len)
{
	double piece = path_hbuf_piece(len > 1514 ? 9018 : 1518), most = len > 1514 ? 9018 : 1518;
	double chain = ceil(((in ? most : len) + VIRTQ_NET_HDR_BYTES) / PATH_KBUF);
	double a[TERMS] = {0};
	double known = queue(c, chain) +
		       (pieces(in, copies == 0, len) - 1) * (in ? read_segment : write_segment)(c);

	a[in ? READ : WRITE] = 1;
	a[in ? READ_BYTE : WRITE_BYTE] = len;
	a[COPY] = (copies > 0) * calls(len, piece) + (copies > 1) * ceil(len / piece);
	a[COPY_BYTE] = copies * len;
	a[STACK] = copies > 1;
	calib_fit_row(f, a,
		      calib_ns(c, "tap %s: %s %.0f B", in ? "in" : "out", policy, len) - known);
}

static double term(const struct calib *c, enum term which)
{
	struct calib_fit f = {.n = TERMS};

	for (size_t i = 0; i < G_N_ELEMENTS(lens); i++)
		for (int in = 0; in < 2; in++) {
			add_row(c, &f, in, "zero-copy", 0, lens[i]);
			add_row(c, &f, in, "single-copy", 1, lens[i]);
			add_row(c, &f, in, "copy", 2, lens[i]);
		}
	return calib_fit_solve(&f) ? f.x[which] : NAN;
}

static double tap_read(const struct calib *c)
{
	return term(c, READ);
}

static double read_byte(const struct calib *c)
{
	return term(c, READ_BYTE) * 1000;
}

static double tap_write(const struct calib *c)
{
	return term(c, WRITE);
}

static double write_byte(const struct calib *c)
{
	return term(c, WRITE_BYTE) * 1000;
}

static double copy_base(const struct calib *c)
{
	return term(c, COPY);
}

static double copy_byte(const struct calib *c)
{
	return term(c, COPY_BYTE) * 1000;
}

static double host_stack(const struct calib *c)
{
	return term(c, STACK);
}

static double read_empty(const struct calib *c)
{
	return calib_ns(c, "tap empty 1514 B");
}

/* ---- io_uring ---- */

/* A burst's call is shared out over its frames; the bytes cost what they do elsewhere. */
static double uring(const struct calib *c, const char *name, bool in)
{
	double sum = 0;
	unsigned n = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(lens); i++) {
		double ns = calib_ns(c, "%s %.0f B", name, lens[i]);

		if (lens[i] > 1514 || !isfinite(ns))
			continue;
		sum += ns - queue(c, 1) - term(c, in ? READ_BYTE : WRITE_BYTE) * lens[i];
		n++;
	}
	return n ? sum / n : NAN;
}

static double uring_read(const struct calib *c)
{
	return uring(c, "uring in: zero-copy", true);
}

static double uring_write(const struct calib *c)
{
	return uring(c, "uring out: zero-copy", false);
}

static double uring_empty(const struct calib *c)
{
	return calib_ns(c, "uring empty 1514 B");
}

static double submit(const struct calib *c)
{
	return isfinite(uring_write(c)) ? 0 : NAN;
}

/* ---- the far side ---- */

static double line(const struct calib *c, const char *name, bool slope)
{
	struct calib_fit f = {.n = 2};

	for (size_t i = 0; i < G_N_ELEMENTS(lens); i++)
		calib_fit_row(&f, (double[]){1, lens[i]}, calib_ns(c, "%s %.0f B", name, lens[i]));
	return calib_fit_solve(&f) ? f.x[slope] : NAN;
}

static double inject(const struct calib *c)
{
	return line(c, "far: inject", false);
}

static double inject_byte(const struct calib *c)
{
	return line(c, "far: inject", true) * 1000;
}

static double receive(const struct calib *c)
{
	return line(c, "far: receive", false);
}

static double receive_byte(const struct calib *c)
{
	return line(c, "far: receive", true) * 1000;
}

static double receive_empty(const struct calib *c)
{
	return calib_ns(c, "far: empty 1514 B");
}

/* ---- virtqueues and the guest, in cycles ---- */

static double vq_pop(const struct calib *c)
{
	return calib_ns(c, "ring pop 1");
}

static double vq_push(const struct calib *c)
{
	return calib_ns(c, "ring push 1");
}

static double drv_add(const struct calib *c)
{
	return calib_ns(c, "ring add 1");
}

static double drv_get(const struct calib *c)
{
	return calib_ns(c, "ring get 1");
}

static double guest_rx(const struct calib *c)
{
	return calib_ns(c, "guest: look 1514 B");
}

static double guest_tx(const struct calib *c)
{
	return calib_ns(c, "guest: make 1514 B");
}

/* ---- calls and wake-ups ---- */

static double epoll_ready(const struct calib *c)
{
	return calib_ns(c, "epoll ready");
}

static double eventfd(const struct calib *c)
{
	return calib_ns(c, "wake: write") - calib_ns(c, "clock");
}

static double eventfd_read(const struct calib *c)
{
	return calib_ns(c, "eventfd write and read") - calib_ns(c, "eventfd write");
}

/* What the model takes for a frame of 1514 B in a burst, by this policy. */
static double in_burst(const struct calib *c, bool in, bool copies)
{
	double known = queue(c, 1), copy = term(c, COPY) + term(c, COPY_BYTE) * 1514;

	return known + copies * copy + term(c, in ? READ : WRITE) +
	       term(c, in ? READ_BYTE : WRITE_BYTE) * 1514;
}

/*
 * What is left of a single frame's time beside the model's other terms: a read that finds none, a
 * look whether there are more, an interrupt to the guest; or to take the guest's kick. So much
 * takes sleeping and coming back, with caches that others have used meanwhile; and on the way out,
 * to wake the far side.
 */
static double left(const struct calib *c, bool in)
{
	static const char *const policy[] = {"zero-copy", "single-copy"};
	double known = in ? read_empty(c) + epoll_ready(c) + eventfd(c) : eventfd_read(c), sum = 0;

	for (int copies = 0; copies < 2; copies++)
		sum += calib_ns(c, "woken %s: %s 1514 B", in ? "in" : "out", policy[copies]) -
		       in_burst(c, in, copies) - known;
	return fmax(0, sum / 2);
}

static double epoll(const struct calib *c)
{
	return left(c, true);
}

static double write_wake(const struct calib *c)
{
	return fmax(0, left(c, false) - left(c, true));
}

/*
 * The same of one thread that drives all sides, one frame at a time: a turn of another side is
 * what its time has more than the work of all. Three turns for a frame in, two for one out.
 */
static double turn(const struct calib *c)
{
	static const char *const policy[] = {"zero-copy", "single-copy"};
	double sum = 0;

	for (int copies = 0; copies < 2; copies++) {
		sum += calib_ns(c, "at once in: %s 1514 B", policy[copies]) -
		       in_burst(c, true, copies) - read_empty(c) - epoll_ready(c) - inject(c) -
		       inject_byte(c) * 1.514 - drv_get(c);
		sum += calib_ns(c, "at once out: %s 1514 B", policy[copies]) -
		       in_burst(c, false, copies) - guest_tx(c);
	}
	return fmax(0, sum / 10);
}

/* What the frame takes more if the thread had nothing to do for 100 us. */
static double pause_cost(const struct calib *c)
{
	static const char *const policy[] = {"zero-copy", "single-copy"};
	static const char *const way[] = {"in", "out"};
	double sum = 0;

	for (int i = 0; i < 4; i++)
		sum += calib_ns(c, "single %s: %s 1514 B", way[i & 1], policy[i / 2]) -
		       calib_ns(c, "at once %s: %s 1514 B", way[i & 1], policy[i / 2]);
	return fmax(0, sum / 4);
}

/* What of a round no thread's CPU time accounts for. */
static double wake(const struct calib *c)
{
	return fmax(0, calib_ns(c, "wake: round") / 2 - calib_ns(c, "wake: CPU of a round"));
}

/* ---- where bytes are ---- */

static double by_place(const struct calib *c, const char *place)
{
	static const double size[] = {256, 1024, 1514, 4096};
	struct calib_fit f = {.n = 2};

	for (size_t i = 0; i < G_N_ELEMENTS(size); i++)
		calib_fit_row(&f, (double[]){1, size[i]},
			      calib_ns(c, "copy %s %.0f B", place, size[i]));
	return calib_fit_solve(&f) ? f.x[1] * 1000 / 2 : NAN;
}

static double byte_l2(const struct calib *c)
{
	return by_place(c, "L2");
}

static double byte_llc(const struct calib *c)
{
	return by_place(c, "LLC");
}

static double byte_dram(const struct calib *c)
{
	return by_place(c, "DRAM");
}

#define FIT "fit of the datapath's CPU time a frame, all policies, lengths, both ways"

static double clock_hz(const struct calib *c)
{
	(void)c;
	return calib_ghz() * 1e9;
}

const struct calib_key calib_keys[] = {
	{"host.clock", "Hz", clock_hz, "what the machine says; [cost] counts in its cycles"},
	{"tap.read", "ns", tap_read, FIT},
	{"tap.read_byte", "ps", read_byte, FIT},
	{"tap.read_segment", "ns", read_segment, "zero-copy in, 1514 B in 6 pieces less in one"},
	{"tap.uring_read", "ns", uring_read,
	 "line through io_uring's frames, zero-copy, less read_byte"},
	{"tap.uring_write", "ns", uring_write, "the same, out"},
	{"tap.uring_empty", "ns", uring_empty, "a turn of the datapath that finds no frame"},
	{"tap.submit", "ns", submit, "in the frames above: bursts of 64"},
	{"tap.read_empty", "ns", read_empty, "a turn of the datapath that finds no frame"},
	{"tap.write", "ns", tap_write, FIT},
	{"tap.write_byte", "ps", write_byte, FIT},
	{"tap.write_segment", "ns", write_segment, "zero-copy out, the same"},
	{"tap.epoll", "ns", epoll,
	 "single frames each 100 us, less what they take in bursts, and calls"},
	{"tap.epoll_ready", "ns", epoll_ready, "epoll_wait() that finds one descriptor"},
	{"tap.eventfd", "ns", eventfd, "write() to an eventfd with a sleeper, real time, median"},
	{"tap.eventfd_read", "ns", eventfd_read, "write and read of an eventfd less the write"},
	{"tap.wake", "ns", wake, "half a round of two threads less its CPU time"},
	{"tap.write_wake", "ns", write_wake, "the same of frames out, less epoll"},
	{"tap.turn", "ns", turn, "one thread, single frames at once, less the work of all sides"},
	{"tap.pause", "ns", pause_cost, "the same, a frame each 100 us, less those at once"},
	{"tap.inject", "ns", inject, "line through the far side's CPU time a frame"},
	{"tap.inject_byte", "ps", inject_byte, "the same"},
	{"tap.receive", "ns", receive, "line through the far side's CPU time a frame"},
	{"tap.receive_byte", "ps", receive_byte, "the same"},
	{"tap.receive_empty", "ns", receive_empty, "the far side looks and finds none"},
	{"cost.copy_base", "ns", copy_base, FIT},
	{"cost.copy_byte", "ps", copy_byte, FIT},
	{"cost.byte_l2", "ps", byte_l2, "half of memcpy's slope, half of L2 as working set"},
	{"cost.byte_llc", "ps", byte_llc, "the same, half of the last level"},
	{"cost.byte_dram", "ps", byte_dram, "the same, memory"},
	{"cost.vq_pop", "cycles", vq_pop, "bursts of 64 chains"},
	{"cost.vq_desc", "cycles", vq_desc, "chains of 8 less chains of 2 descriptors"},
	{"cost.vq_push", "cycles", vq_push, "bursts of 64 chains"},
	{"cost.drv_add", "cycles", drv_add, "bursts of 64 chains"},
	{"cost.drv_get", "cycles", drv_get, "bursts of 64 chains"},
	{"cost.guest_rx", "cycles", guest_rx, "comparing a frame of 1514 B"},
	{"cost.guest_post", "cycles", guest_rx, "the same, delivery = process"},
	{"cost.guest_tx", "cycles", guest_tx, "making and posting a frame of 1514 B"},
	{"cost.host_stack", "cycles", host_stack, FIT ": what `copy` takes beside its copies"},
	{0},
};
