/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine_pcap.c - captures of a run, as tcpdump and Wireshark read them: nanosecond pcap, stamps
 * in simulated time from the epoch on.
 *
 *	wire, or a NIC's name   each frame that came or left by the wire, at its last bit, with
 *	                        the bytes that were there (a TSO or LRO frame whole)
 *	hypervisor              each frame that the host took, from a NIC or a guest, when it did
 *	a guest's name          each frame that its process got, when it could read it, and each
 *				that it gave its device, when it began to send
 *
 * Bytes are read where they are, after the turn that took the frame, as many as there are
 * (machine_where.c). At the hypervisor: in the buffer that the device wrote, the host's own or,
 * zero-copy, the guest's; of what a guest sends, in the host's buffer that they were copied to or,
 * if they were not, in the guest's. In a guest: what its process reads; what lies in the buffers
 * that it gave its device, a checksum left to that still blank.
 *
 * Stamps are in whole nanoseconds, rounded down, and each is no earlier than the last: what one
 * turn of a CPU does may be told out of order, so captures are sorted within a short while.
 */
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "../sim/nearest.h"
#include "../sim/outfile.h"
#include "../sim/sim_error.h"
#include "machine_watch.h"

enum point { POINT_WIRE, POINT_HYPERVISOR, POINT_GUEST };

/* A frame that waits until nothing earlier can follow. */
struct waiting {
	sim_time at;
	uint64_t order;
	uint32_t len;
	uint8_t *bytes;
};

struct capture_point {
	struct watcher watcher;
	struct machine *m;
	enum point point;
	int nic;                   /* POINT_WIRE: which; -1: all */
	const struct guest *guest; /* POINT_GUEST */
	uint32_t snaplen;
	uint32_t bit;     /* in seen.captured */
	GByteArray *read; /* by the process, of the frame that ends next */
	struct outfile *file;
	pcap_t *pcap;
	pcap_dumper_t *out;
	GQueue *waiting; /* struct waiting, in order */
	uint64_t taken;
};

static struct capture_point *of(struct watcher *w)
{
	return (struct capture_point *)((char *)w - offsetof(struct capture_point, watcher));
}

/* ---- in order ---- */

static void write_one(struct capture_point *c, struct waiting *p)
{
	struct pcap_pkthdr h = {
		.ts = {(time_t)(p->at / SIM_S), (suseconds_t)(p->at % SIM_S / SIM_NS)},
		.caplen = MIN(p->len, c->snaplen),
		.len = p->len,
	};

	pcap_dump((u_char *)c->out, &h, p->bytes);
	g_free(p->bytes);
	g_free(p);
}

/* What is of `now` or before: an event to come tells of nothing that is earlier. */
static void flush(struct capture_point *c, sim_time now)
{
	struct waiting *p;

	while ((p = g_queue_peek_head(c->waiting)) && p->at <= now)
		write_one(c, g_queue_pop_head(c->waiting));
}

static gint before(gconstpointer a, gconstpointer b, gpointer unused)
{
	const struct waiting *x = a, *y = b;

	(void)unused;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void take(struct capture_point *c, sim_time at, const uint8_t *bytes, uint32_t len)
{
	struct waiting *p = g_new(struct waiting, 1);
	GList *last = c->waiting->tail;

	*p = (struct waiting){at, c->taken++, len, g_memdup2(bytes, MIN(len, c->snaplen))};
	while (last && before(p, last->data, NULL) < 0)
		last = last->prev;
	if (last)
		g_queue_insert_after(c->waiting, last, p);
	else
		g_queue_push_head(c->waiting, p);
}

/* ---- what comes by ---- */

static void on_wire(struct watcher *w, unsigned nic, bool tx, uint64_t first, sim_time at,
		    const uint8_t *bytes, uint32_t len)
{
	struct capture_point *c = of(w);

	(void)tx;
	(void)first;
	if (c->nic < 0 || (unsigned)c->nic == nic)
		take(c, at, bytes, len);
}

/* Once; `bytes` NULL: it is not there (yet). */
static void take_once(struct capture_point *c, struct seen *s, sim_time at, const GByteArray *bytes)
{
	if (!bytes)
		return;
	s->captured |= c->bit;
	take(c, at, bytes->data, bytes->len);
}

/*
 * The host takes a frame at the end of its wait. A sender's that goes by the emulator is taken
 * there; a receiver's before that. One that the host had no room for, and put back, it takes again:
 * at the latest as its own stage begins.
 */
static void on_host_stage(struct watcher *w, struct seen *s, enum frame_stage stage, sim_time from,
			  sim_time to, const struct watch_event *e)
{
	struct capture_point *c = of(w);
	bool sent = !(s->passed & 1u << STAGE_NIC);

	(void)e;
	if (s->captured & c->bit)
		return;
	if (stage == STAGE_HOST_WAIT || (stage == STAGE_VMM_WAIT && sent))
		take_once(c, s, to, watch_at_host(c->m->watch, s));
	else if (stage == STAGE_HOST || (stage == STAGE_VMM && sent))
		take_once(c, s, from, watch_at_host(c->m->watch, s));
}

static void on_guest_stage(struct watcher *w, struct seen *s, enum frame_stage stage, sim_time from,
			   sim_time to, const struct watch_event *e)
{
	struct capture_point *c = of(w);

	(void)e;
	if (s->captured & c->bit || !s->f->source ||
	    ((struct source *)s->f->source)->owner != c->guest)
		return;
	if (stage == STAGE_SEND_WAIT)
		take_once(c, s, to, watch_at_sender(c->m->watch, s));
	else if (stage == STAGE_GUEST)
		take_once(c, s, from, watch_at_sender(c->m->watch, s));
}

static void on_read(struct watcher *w, struct seen *s, const uint8_t *bytes, uint32_t len)
{
	struct capture_point *c = of(w);

	(void)s;
	g_byte_array_set_size(c->read, 0);
	g_byte_array_append(c->read, bytes, len);
}

static void on_ended(struct watcher *w, struct seen *s, enum drop_reason why, sim_time at)
{
	struct capture_point *c = of(w);

	if (why == DROP_N && s->f->to == (int)c->guest->index && s->f->led != &c->guest->tx.led)
		take(c, at, c->read->data, c->read->len);
}

static void on_looked(struct watcher *w, const struct watch_event *e)
{
	flush(of(w), e->now);
}

/* ---- its life ---- */

static bool unknown_point(const struct machine *m, const char *name, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	g_ptr_array_add(names, (gpointer) "wire");
	g_ptr_array_add(names, (gpointer) "hypervisor");
	for (unsigned i = 0; i < m->nics; i++)
		g_ptr_array_add(names, (gpointer)cfg_name(m->nic[i].cfg));
	for (unsigned i = 0; i < m->guests; i++)
		g_ptr_array_add(names, (gpointer)cfg_name(m->guest[i].cfg));
	g_ptr_array_add(names, NULL);
	g_autofree char *hint = nearest_hint(name, (const char *const *)names->pdata);
	g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
		    "--pcap: no point \"%s\" (wire, hypervisor, a NIC or a guest); %s", name, hint);
	return false;
}

static bool find_point(struct capture_point *c, const char *name, GError **error)
{
	struct machine *m = c->m;

	c->nic = -1;
	if (!strcmp(name, "wire") || !strcmp(name, "hypervisor")) {
		c->point = *name == 'w' ? POINT_WIRE : POINT_HYPERVISOR;
		return true;
	}
	for (unsigned i = 0; i < m->nics; i++)
		if (!strcmp(name, cfg_name(m->nic[i].cfg)))
			c->nic = (int)i;
	for (unsigned i = 0; i < m->guests; i++)
		if (!strcmp(name, cfg_name(m->guest[i].cfg)))
			c->guest = &m->guest[i];
	c->point = c->guest ? POINT_GUEST : POINT_WIRE;
	return c->guest || c->nic >= 0 || unknown_point(m, name, error);
}

static bool start(struct capture_point *c, const char *path, GError **error)
{
	c->file = outfile_open(path, error);
	if (!c->file)
		return false;
	c->pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, (int)c->snaplen,
						       PCAP_TSTAMP_PRECISION_NANO);
	c->out = c->pcap ? pcap_dump_fopen(c->pcap, outfile_stream(c->file)) : NULL;
	if (c->out)
		return true;
	g_set_error(error, SIM_ERROR, SIM_EXIT_OUTPUT, "%s: cannot be written: %s", path,
		    c->pcap ? pcap_geterr(c->pcap) : "no memory");
	outfile_close(c->file, false, NULL);
	if (c->pcap)
		pcap_close(c->pcap);
	return false;
}

struct watcher *capture_open_point(struct machine *m, const char *what, unsigned number,
				   uint32_t snaplen, GError **error)
{
	struct capture_point *c = machine_array(m, 1, sizeof(*c));
	g_auto(GStrv) part = g_strsplit(what, "=", 2);

	c->m = m;
	/* tcpdump's own: longer than any frame. */
	c->snaplen = snaplen ? snaplen : 262144;
	if (!part[0] || !part[1] || !*part[1]) {
		g_set_error(error, SIM_ERROR, SIM_EXIT_USAGE,
			    "--pcap: \"%s\" is not POINT=FILE, as in wire=wire.pcap", what);
		return NULL;
	}
	if (!find_point(c, part[0], error) || !start(c, part[1], error))
		return NULL;
	c->bit = 1u << number;
	c->read = g_byte_array_new();
	c->waiting = g_queue_new();
	c->watcher = (struct watcher){
		.wire = c->point == POINT_WIRE ? on_wire : NULL,
		.stage = c->point == POINT_HYPERVISOR ? on_host_stage
			 : c->point == POINT_GUEST    ? on_guest_stage
						      : NULL,
		.read = c->point == POINT_GUEST ? on_read : NULL,
		.ended = c->point == POINT_GUEST ? on_ended : NULL,
		.looked = on_looked,
		.frames = true,
		.bytes = true,
		.until = SIM_NEVER,
	};
	return &c->watcher;
}

bool capture_close_point(struct watcher *w, bool ok, GError **error)
{
	struct capture_point *c = of(w);
	bool written;

	flush(c, SIM_NEVER - 1);
	g_queue_free(c->waiting);
	g_byte_array_unref(c->read);
	written = pcap_dump_flush(c->out) == 0;
	/* The stream is the file's: pcap_dump_close() would close it. */
	ok = outfile_close(c->file, ok && written, error);
	pcap_close(c->pcap);
	return ok;
}
