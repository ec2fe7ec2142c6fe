/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plat_test.h - the test world from the test's side: make memory, be the wire, look at what was
 * done. What is wrong in the use of the world (not in the guest) ends the program with a message.
 */
#ifndef PLAT_TEST_H
#define PLAT_TEST_H

#include "plat.h"

struct frame;
struct ledger;

/*
 * A guest of `npages` pages, zeroed, readable and writable. Scattered (`flat` false): no two pages
 * are contiguous, and each lies between guard bytes. Process page i is guest page npages - 1 - i.
 */
void plat_test_init(struct plat *pl, uint32_t npages, bool flat);

/* Free everything; checks plat_test_intact() and that nothing is mapped for DMA. */
void plat_test_fini(struct plat *pl);

/* Take a page away, or let it be `access` only. */
void plat_test_protect(struct plat *pl, uint32_t page, unsigned access);

/* Read or write guest memory across pages; ends the program if it is not there. */
void plat_test_write(struct plat *pl, uint64_t gpa, const void *bytes, uint32_t len);
void plat_test_read(struct plat *pl, uint64_t gpa, void *bytes, uint32_t len);

/* Whether all guard bytes are as they were. Flat memory has them at its two ends. */
bool plat_test_intact(const struct plat *pl);

/* A device that takes max_segs segments a frame; rings of `room` segments. */
void plat_test_port_init(struct plat_port *port, unsigned caps, unsigned max_segs, unsigned room);
void plat_test_port_fini(struct plat_port *port);

/*
 * A frame arrives: its bytes go into the posted and flushed buffers, as many as it needs. False,
 * and nothing done but `no_buffer`, if they are too few.
 */
bool plat_test_receive(struct plat *pl, struct plat_port *port, struct frame *frame,
		       const void *bytes, uint32_t len);

/* The i-th frame sent since the start, with its bytes as they were when flushed; the last
 * PLAT_TEST_RING are kept. */
const struct plat_test_sent *plat_test_sent(const struct plat_port *port, unsigned i);

/* With hold_tx: the device is done with the next n sent frames. */
void plat_test_complete(struct plat_port *port, unsigned n);

/* A frame for the books of `led`; freed by plat_test_fini() once its fate is known. */
struct frame *plat_test_frame(struct plat *pl, struct ledger *led, uint32_t len);

#endif
