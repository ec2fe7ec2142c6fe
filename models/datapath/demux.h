/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * demux.h - the host's own receive queue: frames for guests without a queue of their own, and
 * frames for several.
 *
 * A worker of its own reaps the queue and lends each hypervisor buffer to the guests it is for,
 * through a pktq each; the guest's worker makes the copy. The mark that the device's filters left
 * says for whom: a guest, or everybody.
 *
 * With a switch between guests (lswitch.h) the same worker hands on what they send to each other.
 *
 * A frame to several guests is a list (frame.peer), one record for each; all start with the stamps
 * of the first.
 */
#ifndef DATAPATH_DEMUX_H
#define DATAPATH_DEMUX_H

#include "dpath.h"
#include "frame.h"

struct demux_target {
	struct pktq *q;
	struct plat_line *line; /* wakes its consumer */
	bool touched;
	bool gone; /* its guest is no more */
};

struct demux {
	struct plat *pl;
	struct plat_port *port;
	struct hbuf_pool pool;
	struct demux_target *target; /* by guest; q NULL: not behind this device */
	unsigned targets;
	uint32_t *touched; /* targets of this burst */
	unsigned ntouched;
	struct frame **frame; /* of this burst, to be stamped */
	unsigned frames, max_frames, work;
	bool poll, starved;
	struct csum csum;   /* what the device says of this burst's frames */
	struct lswitch *sw; /* between guests; NULL: there is none */
};

/* Lend a buffer for one receiver's frame; the frame says to whom. */
void demux_give(struct demux *d, struct pktq_entry e);

void demux_burst(struct demux *d);
bool demux_commit(struct demux *d);

#endif
