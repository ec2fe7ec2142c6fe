/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * app.h - the process in a guest, when whoever uses the device is the far side ([tap] far = none).
 *
 *   sink    takes frames and counts them
 *   echo    is a small host: answers ARP for its address and ICMP echo requests, and sends each UDP
 *           datagram back to where it came from
 *   bridge  is a second TAP device in a network namespace of its own: what the guest receives
 *           arrives there, what programs there send the guest sends. So any program can stand
 *           behind the whole datapath
 *
 * The guest's side calls app_frame() for each frame that its process receives, and sends what
 * app_peek() shows. Frames are whole, with checksums: the devices have no offloads.
 *
 * It does not block, and nothing is allocated per frame. What it has no room for it drops and
 * counts, as a socket does. Numbers of packets are of RFC 826, 791, 792, 768.
 */
#ifndef TAP_APP_H
#define TAP_APP_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* In the order of [guest] app. */
enum app_kind { APP_ENDPOINT, APP_ECHO, APP_SINK, APP_BRIDGE };

struct app_cfg {
	enum app_kind kind; /* APP_ENDPOINT is none: its frames are as a sink's */
	const char *guest;  /* its name */
	uint8_t mac[6];
	uint8_t ip[4]; /* all 0: none */
	uint32_t mtu;
};

struct app_stats {
	uint64_t received, received_bytes; /* app_frame() */
	uint64_t sent, sent_bytes;         /* app_pop() */
	uint64_t dropped;                  /* no room for a reply, or in the device behind it */
};

struct app;

/* Opens all that needs privilege. SIM_EXIT_ENVIRONMENT if it cannot. */
struct app *app_new(const struct app_cfg *cfg, GError **error);
/* Readable when app_peek() may have something without app_frame() having been called; -1: never. */
int app_fd(const struct app *a);
/* How to get there, for people: a command's beginning; NULL if there is nowhere to go. */
const char *app_where(const struct app *a);

/* The process received it. Fits endpoint.process. */
void app_frame(void *app, const uint8_t *bytes, uint32_t len);
/* The next frame to send, or NULL; the same until app_pop(), when its bytes are given up. */
const uint8_t *app_peek(struct app *a, uint32_t *len);
void app_pop(struct app *a);

struct app_stats app_stats(const struct app *a);
void app_free(struct app *a);

#endif
